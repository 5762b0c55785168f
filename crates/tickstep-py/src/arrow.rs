//! Python face of `tickstep::arrow`: capsules in, capsules out, arrays in place.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PyList};
use tickstep::arrow::{
    ArrowArrayStream, ArrowFault, Batch, Column, Exported, InPlace, Table, Type, export,
};

use crate::convert::Grid;
use crate::errors::Kind;
use crate::ticks::{borrowed, column_array};

const STREAM: &CStr = c"arrow_array_stream";

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ArrowTable>()?;
    module.add_function(wrap_pyfunction!(arrow_stream, module)?)
}

fn raised(py: Python<'_>, fault: &ArrowFault) -> PyErr {
    Kind::Data.error(py, &fault.to_string(), fault.mend())
}

/// Keeps a frame's memory for the arrays over it.
#[pyclass(frozen)]
struct Keeper {
    _batch: Arc<Batch>,
}

/// The rows of a frame that has `__arrow_c_stream__`, or of a list of them.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct ArrowTable {
    table: Table,
}

#[pymethods]
impl ArrowTable {
    #[new]
    fn new(frame: &Bound<'_, PyAny>) -> PyResult<ArrowTable> {
        let Ok(parts) = frame.cast::<PyList>() else {
            return Ok(ArrowTable {
                table: taken(frame)?,
            });
        };
        let tables: Vec<Table> = parts
            .iter()
            .map(|part| taken(&part))
            .collect::<PyResult<_>>()?;
        let table = Table::join(tables);
        Ok(ArrowTable {
            table: table.map_err(|fault| raised(frame.py(), &fault))?,
        })
    }

    /// Names of the columns, in order.
    #[getter]
    fn names(&self) -> Vec<&str> {
        let fields = self.table.fields().iter();
        fields.map(|field| field.name.as_str()).collect()
    }

    /// What the schema carries, as bytes.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (key, value) in self.table.metadata() {
            dict.set_item(PyBytes::new(py, key), PyBytes::new(py, value))?;
        }
        Ok(dict)
    }

    /// Kind of a column: `int`, `float`, `decimal`, `text`, `bool`, `time`, `days` or `other`.
    fn kind(&self, py: Python<'_>, name: &str) -> PyResult<&'static str> {
        let column = self.column(py, name)?;
        Ok(match &column.field().kind {
            _ if column.is_text() => "text",
            _ if column.field().values.is_some() => "other",
            Type::Bool => "bool",
            Type::Int { .. } => "int",
            Type::Float { .. } => "float",
            Type::Decimal { .. } => "decimal",
            Type::Text(_) => "text",
            Type::Time { .. } => "time",
            Type::Days => "days",
            Type::Other => "other",
        })
    }

    /// Unit of a column of times.
    fn time_unit(&self, py: Python<'_>, name: &str) -> PyResult<Option<&'static str>> {
        Ok(match &self.column(py, name)?.field().kind {
            Type::Time { unit, .. } => Some(unit),
            _ => None,
        })
    }

    /// Integers or counts of times as int64, in place where they are that already.
    fn ints<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyArray1<i64>>> {
        in_place_or(py, self.column(py, name)?, |column| column.to_ints())
    }

    /// Numbers as float64, in place where they are that already.
    fn floats<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
        in_place_or(py, self.column(py, name)?, |column| column.to_floats())
    }

    /// Sides as uint8, in place where they are that already. Whether those in place are 0 or 1 is
    /// for the check of the ticks to say.
    fn sides<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyArray1<u8>>> {
        in_place_or(py, self.column(py, name)?, |column| column.to_sides())
    }

    /// Numbers as places of a grid.
    fn places<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        grid: &Grid,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let column = self.column(py, name)?;
        let floats = grid.steps().floats();
        let found = py.detach(|| column.to_grid(floats));
        frozen(found.map_err(|fault| raised(py, &fault))?.into_pyarray(py))
    }

    /// Decimals of the coarsest power of ten that holds a column of numbers, at least so many.
    fn decimals(&self, py: Python<'_>, name: &str, at_least: u32) -> PyResult<u32> {
        let column = self.column(py, name)?;
        let found = py.detach(|| column.decimals(at_least));
        found.map_err(|fault| raised(py, &fault))
    }

    /// The text that all rows of a column have.
    fn only_text(&self, py: Python<'_>, name: &str) -> PyResult<Option<String>> {
        let found = self.column(py, name)?.only_text();
        found.map_err(|fault| raised(py, &fault))
    }

    /// All texts of a column.
    fn texts<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let found = self.column(py, name)?.to_texts();
        PyList::new(py, found.map_err(|fault| raised(py, &fault))?)
    }

    fn __len__(&self) -> usize {
        self.table.rows()
    }
}

/// Reads the stream that a frame gives.
fn taken(frame: &Bound<'_, PyAny>) -> PyResult<Table> {
    let py = frame.py();
    let capsule = frame.call_method0("__arrow_c_stream__")?;
    let capsule = capsule.cast_into::<PyCapsule>()?;
    let stream = capsule
        .pointer_checked(Some(STREAM))?
        .cast::<ArrowArrayStream>();
    // SAFETY: a capsule of this name holds a stream, by the protocol of `__arrow_c_stream__`, and this
    // one was made for this call. Its destructor finds the stream released.
    let table = unsafe { Table::take(stream.as_ptr()) };
    table.map_err(|fault| raised(py, &fault))
}

impl ArrowTable {
    fn column(&self, py: Python<'_>, name: &str) -> PyResult<Column<'_>> {
        self.table.column(name).map_err(|fault| raised(py, &fault))
    }
}

fn in_place_or<'py, T: numpy::Element + InPlace>(
    py: Python<'py>,
    column: Column<'_>,
    convert: impl Fn(&Column<'_>) -> Result<Vec<T>, ArrowFault> + Sync,
) -> PyResult<Bound<'py, PyArray1<T>>> {
    if let (Some(values), Some(batch)) = (column.in_place::<T>(), column.keeper()) {
        column.expect_full().map_err(|fault| raised(py, &fault))?;
        let keeper = Py::new(py, Keeper { _batch: batch })?.into_bound(py);
        // SAFETY: the batch keeps its buffers, and by the interface nobody changes them.
        return unsafe { borrowed(values, keeper.into_any()) };
    }
    let found = py.detach(|| match column.joined::<T>()? {
        Some(joined) => Ok(joined),
        None => convert(&column),
    });
    frozen(found.map_err(|fault| raised(py, &fault))?.into_pyarray(py))
}

/// Nobody else has the array: read-only ones are taken without a copy.
fn frozen<T: numpy::Element>(array: Bound<'_, PyArray1<T>>) -> PyResult<Bound<'_, PyArray1<T>>> {
    array.getattr("flags")?.setattr("writeable", false)?;
    Ok(array)
}

/// A stream of one batch over read-only columns: `(name, Arrow format, array)` each.
#[pyfunction]
fn arrow_stream<'py>(
    py: Python<'py>,
    columns: Vec<(String, String, Bound<'py, PyAny>)>,
    metadata: Vec<(String, String)>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let mut exported = Vec::with_capacity(columns.len());
    let mut rows = None;
    for (name, format, array) in columns {
        let (column, length) = match format.as_str() {
            "C" => exported_column::<u8>(name, format, &array)?,
            "g" => exported_column::<f64>(name, format, &array)?,
            _ => exported_column::<i64>(name, format, &array)?,
        };
        if *rows.get_or_insert(length) != length {
            let message = format!("columns of {length} and {} rows", rows.unwrap_or(0));
            return Err(Kind::Data.error(py, &message, "give columns of one length"));
        }
        exported.push(column);
    }
    let metadata: Vec<_> = metadata
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    // SAFETY: each column is a contiguous array of so many values, read-only, and kept by its
    // keeper; its format is of its size.
    let stream = unsafe { export(exported, rows.unwrap_or(0), &metadata) };
    PyCapsule::new_with_value(py, Stream(stream), STREAM)
}

/// Lets the stream travel in a capsule, as its own struct lies at the beginning of it.
#[repr(transparent)]
struct Stream(ArrowArrayStream);

// SAFETY: what the stream holds is `Send`.
unsafe impl Send for Stream {}

fn exported_column<T: numpy::Element + 'static>(
    name: String,
    format: String,
    value: &Bound<'_, PyAny>,
) -> PyResult<(Exported, usize)> {
    let array = column_array::<T>(value, &name)?;
    let rows = array.len();
    let column = Exported {
        values: array.data().cast_const().cast(),
        keeper: Box::new(array.clone().unbind()),
        name: CString::new(name)?,
        format: CString::new(format)?,
    };
    Ok((column, rows))
}
