//! What a call from Python costs when nothing is done: the yardstick of `benchmarks/run.py`.

use pyo3::prelude::*;

/// Methods that take arguments as `Engine.step` and `Engine.step_tick` do, and do nothing.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct CallCost;

#[pymethods]
impl CallCost {
    #[new]
    fn new() -> CallCost {
        CallCost
    }

    #[pyo3(signature = (time, price_ticks, qty_lots, side, /))]
    #[expect(clippy::unused_self, reason = "a method is what is measured")]
    fn four(&self, time: i64, price_ticks: i64, qty_lots: i64, side: i64) -> PyResult<()> {
        std::hint::black_box((time, price_ticks, qty_lots, side));
        Ok(())
    }

    #[pyo3(signature = (tick, /))]
    #[expect(clippy::unused_self, reason = "a method is what is measured")]
    fn one(&self, tick: &Bound<'_, PyAny>) {
        std::hint::black_box(tick);
    }
}
