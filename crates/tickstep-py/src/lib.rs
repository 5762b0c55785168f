//! Native module `tickstep._kernel`.

use pyo3::prelude::*;

mod trades;

#[pymodule]
mod _kernel {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        trades::register(module)
    }
}
