//! Python face of `tickstep::trades`.

use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tickstep::trades::{self, OnBad, Trades, TradesOptions, TradesReport};

use crate::source::{Held, parser, raised};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TradesParser>()
}

/// Columns and report, as Python receives them.
type Finished<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyDict>,
);

/// Columns, time unit and symbol.
type Drained<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<u8>>,
    Option<&'static str>,
    Option<String>,
);

/// Turn the bytes of a trades file into integer columns.
#[pyclass(module = "tickstep._kernel")]
pub struct TradesParser {
    parser: Held<trades::TradesParser>,
}

parser!(trades::TradesParser, expect_bytes);

#[pymethods]
impl TradesParser {
    #[new]
    #[pyo3(signature = (
        *, tick_size=None, lot=None, skip_bad=false, exact_only=false, after_id=None
    ))]
    fn new(
        tick_size: Option<String>,
        lot: Option<String>,
        skip_bad: bool,
        exact_only: bool,
        after_id: Option<u64>,
    ) -> PyResult<Self> {
        let on_bad = if skip_bad { OnBad::Skip } else { OnBad::Raise };
        let options = TradesOptions {
            tick_size,
            lot,
            on_bad,
            is_exact_only: exact_only,
            after_id,
        };
        let parser = trades::TradesParser::new(&options).map_err(raised)?;
        Ok(Self {
            parser: Held::new(parser),
        })
    }

    /// Rows read so far.
    #[getter]
    fn rows(&self) -> usize {
        self.parser.get().map_or(0, trades::TradesParser::rows)
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

    /// Give `(time, price_ticks, qty_lots, side, time_unit, symbol)` of the rows read so far, and go
    /// on.
    fn drain<'py>(&mut self, py: Python<'py>) -> PyResult<Drained<'py>> {
        let parser = self.parser.get_mut()?;
        let unit = parser.time_unit().map(trades::TimeUnit::name);
        let symbol = parser.symbol();
        let rows = parser.drain();
        Ok((
            rows.time.into_pyarray(py),
            rows.price_ticks.into_pyarray(py),
            rows.qty_lots.into_pyarray(py),
            rows.side.into_pyarray(py),
            unit,
            symbol,
        ))
    }

    /// Read what is left and give `(time, price_ticks, qty_lots, side, report)`.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Finished<'py>> {
        let parser = self.parser.take()?;
        let Trades {
            time,
            price_ticks,
            qty_lots,
            side,
            report,
        } = py.detach(|| parser.finish()).map_err(raised)?;
        Ok((
            time.into_pyarray(py),
            price_ticks.into_pyarray(py),
            qty_lots.into_pyarray(py),
            side.into_pyarray(py),
            report_dict(py, report)?,
        ))
    }
}

fn report_dict(py: Python<'_>, report: TradesReport) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("format", report.format)?;
    dict.set_item("time_unit", report.time_unit.name())?;
    dict.set_item("tick_size", report.tick_size)?;
    dict.set_item("lot", report.lot)?;
    dict.set_item("symbol", report.symbol)?;
    dict.set_item("lines", report.lines)?;
    dict.set_item("skipped", report.skipped)?;
    dict.set_item("messages", report.messages)?;
    dict.set_item("first_bad", report.first_bad.map(|error| error.to_string()))?;
    dict.set_item("last_id", report.last_id)?;
    Ok(dict)
}
