//! The loop `for tick in engine.cursor()`.

use pyo3::ffi;
use pyo3::prelude::*;

use crate::convert::Steps;
use crate::engine::Engine;
use crate::ticks::Tick;

// The place reached is the engine's own, and so are the objects handed out: there is nothing here to
// borrow a second time for each tick.
/// Iterator over the bound ticks of an engine.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct TickCursor {
    engine: Py<Engine>,
}

#[pymethods]
impl TickCursor {
    #[new]
    #[pyo3(signature = (engine, /))]
    fn new(py: Python<'_>, engine: &Bound<'_, Engine>) -> PyResult<TickCursor> {
        engine.try_borrow()?.check_bound(py)?;
        Ok(TickCursor {
            engine: engine.clone().unbind(),
        })
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<Tick>>> {
        self.engine.bind(py).try_borrow_mut()?.take_next(py)
    }
}

/// Two objects used in turn: while a loop holds the one, the other is free to become the next tick.
#[derive(Default)]
pub struct TickPair {
    ticks: [Option<Py<Tick>>; 2],
    turn: usize,
}

impl TickPair {
    /// The tick as an object: one that only we hold, or a new one.
    #[inline]
    pub fn show(
        &mut self,
        py: Python<'_>,
        tick: &tickstep::Tick,
        lot: &Steps,
    ) -> PyResult<Py<Tick>> {
        self.turn ^= 1;
        let place = &mut self.ticks[self.turn];
        if let Some(spare) = place.as_ref().filter(|spare| is_free(spare)) {
            spare.get().write(tick);
            return Ok(spare.clone_ref(py));
        }
        let made = Py::new(py, Tick::of_lots(tick, *lot))?;
        *place = Some(made.clone_ref(py));
        Ok(made)
    }
}

/// Whether nobody but the pair holds the object, so that it can become another tick unseen.
#[inline]
fn is_free(tick: &Py<Tick>) -> bool {
    // SAFETY: the object is alive, and the caller is attached to the interpreter.
    unsafe { ffi::Py_REFCNT(tick.as_ptr()) == 1 }
}
