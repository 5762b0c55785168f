//! The loop `for tick in engine.cursor()`.

use pyo3::ffi;
use pyo3::prelude::*;

use crate::engine::Engine;
use crate::ticks::Tick;

/// Iterator over the bound ticks of an engine.
#[pyclass(module = "tickstep._kernel")]
pub struct TickCursor {
    engine: Py<Engine>,
    /// Which ticks `spares` are for.
    binding: u64,
    /// Two objects for each feed, used in turn: while a loop holds the one, the other is free.
    spares: Vec<[Option<Py<Tick>>; 2]>,
    turn: usize,
}

#[pymethods]
impl TickCursor {
    #[new]
    #[pyo3(signature = (engine, /))]
    fn new(py: Python<'_>, engine: &Bound<'_, Engine>) -> PyResult<TickCursor> {
        engine.borrow().check_bound(py)?;
        let engine = engine.clone().unbind();
        Ok(TickCursor { engine, binding: 0, spares: Vec::new(), turn: 0 })
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<Py<Tick>>> {
        let mut engine = self.engine.bind(py).try_borrow_mut()?;
        let Some(feed) = engine.next_feed() else { return Ok(None) };
        let tick = engine.next_tick(feed);
        engine.take_next(py, feed, &tick)?;
        if self.binding != engine.binding() {
            self.binding = engine.binding();
            self.spares = engine.bound_indexes().map(|_| [None, None]).collect();
        }
        self.turn ^= 1;
        let place = &mut self.spares[feed][self.turn];
        if let Some(spare) = place.as_ref().filter(|spare| is_free(spare)) {
            spare.get().write(&tick);
            return Ok(Some(spare.clone_ref(py)));
        }
        let made = Py::new(py, Tick::of_lots(&tick, engine.lot_of(tick.instrument)))?;
        *place = Some(made.clone_ref(py));
        Ok(Some(made))
    }
}

/// Whether nobody but the cursor holds the object, so that it can become another tick unseen.
fn is_free(tick: &Py<Tick>) -> bool {
    // SAFETY: the object is alive, and the caller is attached to the interpreter.
    unsafe { ffi::Py_REFCNT(tick.as_ptr()) == 1 }
}
