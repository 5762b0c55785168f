//! The loop `for tick in engine.cursor()`.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use pyo3::prelude::*;

use crate::engine::Engine;
use crate::ticks::Tick;

/// Iterator over the bound ticks of an engine. The place reached is the engine's own, and so are
/// the objects handed out. It ends before the first tick at or after `until`, and goes on when that is
/// moved.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct TickCursor {
    engine: Py<Engine>,
    until: AtomicI64,
}

#[pymethods]
impl TickCursor {
    #[new]
    #[pyo3(signature = (engine, /))]
    fn new(py: Python<'_>, engine: &Bound<'_, Engine>) -> PyResult<TickCursor> {
        engine.get().check_bound(py)?;
        Ok(TickCursor {
            engine: engine.clone().unbind(),
            until: i64::MAX.into(),
        })
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<Tick>>> {
        self.engine.get().take_next(py, self.until.load(Relaxed))
    }

    #[getter]
    fn until(&self) -> i64 {
        self.until.load(Relaxed)
    }

    #[setter]
    fn set_until(&self, until: i64) {
        self.until.store(until, Relaxed);
    }
}
