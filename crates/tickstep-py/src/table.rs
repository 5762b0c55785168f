//! Python face of `tickstep::table`.

use std::path::PathBuf;

use numpy::{Element, IntoPyArray, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tickstep::table::{
    self, Block, Column, Field, Form, OnBad, Order, Part, Table, TableOptions, TimeUnit,
};

use crate::source::{Held, parser, raised};

/// Turn the bytes of a table into columns.
#[pyclass(module = "tickstep._kernel")]
pub struct TableParser {
    parser: Held<table::TableParser>,
}

parser!(table::TableParser);

#[pymethods]
impl TableParser {
    #[new]
    #[pyo3(signature = (
        columns, *, delimiter=None, width=0, has_header=false, tick_size=None, lot=None,
        time_unit=None, symbol=None, order="ascending", skip_bad=false,
        allow_negative_prices=false, needs_qty=false, snap=false
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords of one Python call")]
    fn new(
        columns: Vec<(String, usize, String)>,
        delimiter: Option<char>,
        width: usize,
        has_header: bool,
        tick_size: Option<String>,
        lot: Option<String>,
        time_unit: Option<&str>,
        symbol: Option<String>,
        order: &str,
        skip_bad: bool,
        allow_negative_prices: bool,
        needs_qty: bool,
        snap: bool,
    ) -> PyResult<Self> {
        let options = TableOptions {
            form: form_of(delimiter, width, has_header)?,
            columns: columns
                .into_iter()
                .map(column_of)
                .collect::<PyResult<_>>()?,
            tick_size,
            lot,
            time_unit: time_unit.map(unit_of).transpose()?,
            symbol,
            order: order_of(order)?,
            on_bad: if skip_bad { OnBad::Skip } else { OnBad::Raise },
            allows_negative_prices: allow_negative_prices,
            needs_qty,
            snaps: snap,
        };
        let parser = table::TableParser::new(options).map_err(raised)?;
        Ok(Self {
            parser: Held::new(parser),
        })
    }

    /// Read the next piece of the file.
    fn push(&mut self, py: Python<'_>, piece: &Bound<'_, PyAny>) -> PyResult<()> {
        self.parser.push(py, piece)
    }

    /// Read a plain file to its end.
    #[pyo3(signature = (path, progress=None))]
    fn push_file(
        &mut self,
        py: Python<'_>,
        path: PathBuf,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.parser.push_file(py, path, progress)
    }

    /// Read what is left and give `(parts, report)`: a dict of columns for each symbol.
    fn finish<'py>(
        &mut self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyDict>)> {
        let parser = self.parser.take()?;
        let Table {
            parts,
            lines,
            skipped,
            first_bad,
            is_naive,
        } = py.detach(|| parser.finish()).map_err(raised)?;
        let report = PyDict::new(py);
        report.set_item("lines", lines)?;
        report.set_item("skipped", skipped)?;
        report.set_item("first_bad", first_bad.map(|error| error.to_string()))?;
        report.set_item("is_naive", is_naive)?;
        let list = PyList::empty(py);
        for part in parts {
            list.append(part_dict(py, part)?)?;
        }
        Ok((list, report))
    }
}

fn part_dict(py: Python<'_>, part: Part) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("symbol", &part.symbol)?;
    dict.set_item("time_unit", part.time_unit.name())?;
    dict.set_item("tick_size", part.tick_size())?;
    dict.set_item("lot", part.lot())?;
    let blocks = [
        block(py, part.prices)?,
        block(py, part.qtys)?,
        block(py, part.counts)?,
        block(py, part.money)?,
    ];
    dict.set_item("blocks", blocks)?;
    dict.set_item("time", part.time.into_pyarray(py))?;
    if !part.side.is_empty() {
        dict.set_item("side", part.side.into_pyarray(py))?;
    }
    Ok(dict)
}

/// Names of fields, and a row of their values for each row of the table.
type NamedRows<'py> = (Vec<&'static str>, Bound<'py, PyAny>);

fn block<T: Element>(py: Python<'_>, block: Block<T>) -> PyResult<NamedRows<'_>> {
    let names: Vec<_> = block.fields.into_iter().map(Field::name).collect();
    let shape = [block.values.len() / names.len().max(1), names.len()];
    let rows = block.values.into_pyarray(py).reshape(shape)?;
    Ok((names, rows.into_any()))
}

fn form_of(delimiter: Option<char>, columns: usize, has_header: bool) -> PyResult<Form> {
    let Some(delimiter) = delimiter else {
        return Ok(Form::Json);
    };
    let delimiter = u8::try_from(delimiter)
        .map_err(|_| PyValueError::new_err(format!("delimiter {delimiter:?} is not one byte")))?;
    Ok(Form::Delimited {
        delimiter,
        columns,
        has_header,
    })
}

fn column_of((name, at, key): (String, usize, String)) -> PyResult<Column> {
    let field = Field::from_name(&name)
        .ok_or_else(|| PyValueError::new_err(format!("column {name:?} is not known")))?;
    Ok(Column { field, at, key })
}

fn unit_of(name: &str) -> PyResult<TimeUnit> {
    TimeUnit::ALL
        .into_iter()
        .find(|unit| unit.name() == name)
        .ok_or_else(|| PyValueError::new_err(format!("time unit {name:?} is not known")))
}

fn order_of(name: &str) -> PyResult<Order> {
    match name {
        "any" => Ok(Order::Any),
        "ascending" => Ok(Order::Ascending),
        "strict" => Ok(Order::Strict),
        _ => Err(PyValueError::new_err(format!(
            "order {name:?} is not known"
        ))),
    }
}
