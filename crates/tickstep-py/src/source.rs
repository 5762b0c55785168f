//! What the parsers of text share: pieces and plain files read without the GIL, faults as exceptions.

use std::fs::File;
use std::path::PathBuf;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tickstep::table::{ReadError, TextError};

/// Bytes between two calls of `progress` and looks for Ctrl-C.
const STRIDE_BYTES: usize = 8 << 20;

/// A parser of text.
pub trait Parser: Send {
    /// Tells how many bytes are to come.
    fn expect_bytes(&mut self, _bytes: u64) {}
    fn push(&mut self, piece: &[u8]) -> Result<(), TextError>;
    fn push_from(&mut self, file: &mut File, bytes: usize) -> Result<usize, ReadError>;
}

macro_rules! parser {
    ($type:ty $(, $expect:ident)?) => {
        impl crate::source::Parser for $type {
            $(fn $expect(&mut self, bytes: u64) {
                self.$expect(bytes);
            })?
            fn push(&mut self, piece: &[u8]) -> Result<(), tickstep::table::TextError> {
                self.push(piece)
            }
            fn push_from(
                &mut self,
                file: &mut std::fs::File,
                bytes: usize,
            ) -> Result<usize, tickstep::table::ReadError> {
                self.push_from(file, bytes)
            }
        }
    };
}
pub(crate) use parser;

/// A parser until it ends, by `take` or by an error, which gives its memory back at once.
pub struct Held<P>(Option<P>);

impl<P: Parser> Held<P> {
    pub fn new(parser: P) -> Self {
        Self(Some(parser))
    }

    pub fn get(&self) -> Option<&P> {
        self.0.as_ref()
    }

    pub fn get_mut(&mut self) -> PyResult<&mut P> {
        self.0.as_mut().ok_or_else(|| raised(TextError::Ended))
    }

    pub fn take(&mut self) -> PyResult<P> {
        self.0.take().ok_or_else(|| raised(TextError::Ended))
    }

    /// Reads the next piece of the text. `bytes` are read in place, other buffers are copied first.
    pub fn push(&mut self, py: Python<'_>, piece: &Bound<'_, PyAny>) -> PyResult<()> {
        // Without the GIL only `bytes` are safe to read: nobody can write to them meanwhile.
        if let Ok(bytes) = piece.cast::<PyBytes>() {
            return self.push_bytes(py, bytes.as_bytes());
        }
        let copy = PyBuffer::<u8>::get(piece)?.to_vec(py)?;
        self.push_bytes(py, &copy)
    }

    /// Reads a plain file to its end, calling `progress(bytes_read, bytes_total)` now and then.
    pub fn push_file(
        &mut self,
        py: Python<'_>,
        path: PathBuf,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let mut file = SourceFile::open(path, progress)?;
        self.get_mut()?.expect_bytes(file.bytes_total);
        loop {
            let parser = self.get_mut()?;
            let stride = py.detach(|| parser.push_from(&mut file.file, STRIDE_BYTES));
            if stride.is_err() {
                self.0 = None;
            }
            if file.has_ended(py, stride)? {
                return Ok(());
            }
        }
    }

    fn push_bytes(&mut self, py: Python<'_>, piece: &[u8]) -> PyResult<()> {
        let parser = self.get_mut()?;
        let result = py.detach(|| parser.push(piece));
        if result.is_err() {
            self.0 = None;
        }
        result.map_err(raised)
    }
}

/// A plain file on its way to a parser.
struct SourceFile<'a, 'py> {
    file: File,
    bytes_total: u64,
    bytes_done: u64,
    progress: Option<&'a Bound<'py, PyAny>>,
}

impl<'a, 'py> SourceFile<'a, 'py> {
    fn open(path: PathBuf, progress: Option<&'a Bound<'py, PyAny>>) -> PyResult<Self> {
        let file = File::open(path)?;
        Ok(Self {
            bytes_total: file.metadata()?.len(),
            bytes_done: 0,
            file,
            progress,
        })
    }

    /// Settles what a stride came to: whether it was the last.
    fn has_ended(&mut self, py: Python<'_>, stride: Result<usize, ReadError>) -> PyResult<bool> {
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
