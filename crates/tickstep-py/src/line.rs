//! Series that a strategy reads: known in full, shown up to now.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use numpy::PyArray1;
use pyo3::class::basic::CompareOp;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyIterator, PyList, PyType};

use crate::ticks::{Column, borrowed};

/// How many rows of a series are known now; whoever tells of a row moves it on.
#[pyclass(frozen, module = "tickstep._kernel")]
#[derive(Clone, Default)]
pub struct Counter {
    rows: Arc<AtomicUsize>,
}

#[pymethods]
impl Counter {
    #[new]
    #[pyo3(signature = (rows=0))]
    fn new(rows: usize) -> Counter {
        let counter = Counter::default();
        counter.set(rows);
        counter
    }

    #[getter]
    fn rows(&self) -> usize {
        self.rows.load(Relaxed)
    }

    fn set(&self, rows: usize) {
        self.rows.store(rows, Relaxed);
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, (usize,)) {
        (slf.get_type(), (slf.get().rows(),))
    }
}

impl Counter {
    pub fn advance(&self) {
        self.rows.store(self.rows.load(Relaxed) + 1, Relaxed);
    }
}

/// Values of which those up to now can be read: `line[-1]` is the newest.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct Line {
    values: Column<f64>,
    counter: Counter,
    /// The same counter as an object: a copy of a run has its own, and its lines go with that.
    shared: Py<Counter>,
}

#[pymethods]
impl Line {
    /// The values stay as they are; one for each row that will ever be.
    #[new]
    fn new(values: &Bound<'_, PyAny>, counter: &Bound<'_, Counter>) -> PyResult<Line> {
        Ok(Line {
            values: Column::new(values, "values")?,
            counter: counter.get().clone(),
            shared: counter.clone().unbind(),
        })
    }

    /// All values, those to come among them: for copies alone.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, LineParts)> {
        let made = py.import("tickstep.history")?.getattr("restored_line")?;
        Ok((made, self.parts(py)))
    }

    fn __deepcopy__<'py>(
        slf: &Bound<'py, Self>,
        memo: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let deepcopy = py.import("copy")?.getattr("deepcopy")?;
        let (values, counter) = slf.get().parts(py);
        // What never changes is shared.
        slf.get_type()
            .call1((values, deepcopy.call1((counter, memo))?))
    }

    /// The newest value; NaN before there is one.
    #[getter]
    fn value(&self) -> f64 {
        self.ago(0)
    }

    fn __float__(&self) -> f64 {
        self.value()
    }

    fn __len__(&self) -> usize {
        self.known().len()
    }

    /// Only from the end: what lies at a place counted from the start would be a look at the clock.
    fn __getitem__(&self, place: isize) -> PyResult<f64> {
        let known = self.known();
        let row = place
            .checked_neg()
            .and_then(|back| usize::try_from(back).ok())
            .filter(|back| (1..=known.len()).contains(back));
        row.map(|back| known[known.len() - back]).ok_or_else(|| {
            PyIndexError::new_err(format!(
                "[{place}] is not known: [-1] is the newest of {} values",
                known.len()
            ))
        })
    }

    /// The values up to now, the oldest first.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, self.known())?.try_iter()
    }

    /// The values up to now, read-only and in place.
    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        slf: Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the values stay where they are as long as the line, which the array keeps.
        let array: Bound<'py, PyArray1<f64>> =
            unsafe { borrowed(slf.get().known(), slf.clone().into_any())? };
        match (dtype, copy) {
            (None, None | Some(false)) => Ok(array.into_any()),
            (None, Some(true)) => array.call_method0("copy"),
            (Some(dtype), _) => array.call_method1("astype", (dtype,)),
        }
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, operation: CompareOp) -> PyResult<bool> {
        let (left, right) = (self.ago(0), reading(other, 0)?);
        Ok(match operation {
            CompareOp::Lt => left < right,
            CompareOp::Le => left <= right,
            CompareOp::Eq => left == right,
            CompareOp::Ne => left != right,
            CompareOp::Gt => left > right,
            CompareOp::Ge => left >= right,
        })
    }

    /// Whether it is above a line or a number now, and was not at the row before.
    fn crossed_above(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.ago(1) <= reading(other, 1)? && self.ago(0) > reading(other, 0)?)
    }

    /// Whether it is below a line or a number now, and was not at the row before.
    fn crossed_below(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.ago(1) >= reading(other, 1)? && self.ago(0) < reading(other, 0)?)
    }

    fn __repr__(&self) -> String {
        format!("Line({:?}, {} values)", self.value(), self.known().len())
    }
}

impl Line {
    fn parts(&self, py: Python<'_>) -> LineParts {
        let values = self.values.array().clone_ref(py);
        (values, self.shared.clone_ref(py))
    }

    fn known(&self) -> &[f64] {
        let values = self.values.as_ref();
        &values[..self.counter.rows().min(values.len())]
    }

    /// The value so many rows ago; NaN where there was none.
    fn ago(&self, rows: usize) -> f64 {
        let known = self.known();
        let row = known.len().checked_sub(rows + 1);
        row.map_or(f64::NAN, |row| known[row])
    }
}

/// What a line is made of.
type LineParts = (Py<PyArray1<f64>>, Py<Counter>);

/// Times of which those up to now can be read.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct Times {
    values: Column<i64>,
    counter: Counter,
}

#[pymethods]
impl Times {
    #[new]
    fn new(values: &Bound<'_, PyAny>, counter: &Counter) -> PyResult<Times> {
        Ok(Times {
            values: Column::new(values, "values")?,
            counter: counter.clone(),
        })
    }

    /// Those up to now, read-only and in place; nothing beyond can be reached from the array.
    fn known<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let times = slf.get();
        let values = times.values.as_slice();
        let known = &values[..times.counter.rows().min(values.len())];
        // SAFETY: the values stay where they are as long as this, which the array keeps.
        unsafe { borrowed(known, slf.clone().into_any()) }
    }
}

/// A number, or what a line said so many rows ago.
fn reading(value: &Bound<'_, PyAny>, rows: usize) -> PyResult<f64> {
    if let Ok(line) = value.cast::<Line>() {
        return Ok(line.get().ago(rows));
    }
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(float.value());
    }
    value.extract::<f64>().map_err(|_| {
        let class = value.get_type().name();
        let class = class.map_or_else(|_| String::from("?"), |name| name.to_string());
        PyTypeError::new_err(format!(
            "a line compares with lines and numbers, not {class}"
        ))
    })
}
