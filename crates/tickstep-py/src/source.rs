//! What the parsers of text share: plain files read without the GIL, and faults as exceptions.

use std::fs::File;
use std::path::PathBuf;

use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;
use tickstep::table::{ReadError, TextError};

/// Bytes between two calls of `progress` and looks for Ctrl-C.
pub const STRIDE_BYTES: usize = 8 << 20;

/// A plain file on its way to a parser.
pub struct SourceFile<'a, 'py> {
    pub file: File,
    pub bytes_total: u64,
    bytes_done: u64,
    progress: Option<&'a Bound<'py, PyAny>>,
}

impl<'a, 'py> SourceFile<'a, 'py> {
    pub fn open(path: PathBuf, progress: Option<&'a Bound<'py, PyAny>>) -> PyResult<Self> {
        let file = File::open(path)?;
        Ok(Self {
            bytes_total: file.metadata()?.len(),
            bytes_done: 0,
            file,
            progress,
        })
    }

    /// Settles what a stride came to: whether it was the last.
    pub fn went_on(&mut self, py: Python<'_>, stride: Result<usize, ReadError>) -> PyResult<bool> {
        let bytes = match stride {
            Ok(0) => return Ok(true),
            Ok(bytes) => bytes as u64,
            Err(ReadError::Source(fault)) => return Err(fault.into()),
            Err(ReadError::Text(error)) => return Err(raised(error)),
        };
        self.bytes_done += bytes;
        py.check_signals()?;
        if let Some(progress) = self.progress {
            let done = self.bytes_done.min(self.bytes_total);
            progress.call1((done, self.bytes_total))?;
        }
        Ok(false)
    }
}

/// A `ValueError` that carries `line` (`None` where no line is to blame) and `hint`, or a
/// `MemoryError`.
pub fn raised(error: TextError) -> PyErr {
    let message = error.to_string();
    if matches!(error, TextError::Memory { .. }) {
        return PyMemoryError::new_err(message);
    }
    let exception = PyValueError::new_err(message);
    let annotated = Python::attach(|py| {
        let value = exception.value(py);
        value.setattr("line", error.line())?;
        value.setattr("hint", error.mend())
    });
    match annotated {
        Ok(()) => exception,
        Err(failure) => failure,
    }
}
