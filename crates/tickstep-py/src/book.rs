//! Python face of `tickstep::book`.

use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tickstep::book::{self, BookFeed, BookKind, BookOptions, BookReport, Levels};
use tickstep::table::OnBad;

use crate::source::{Held, parser, raised};

/// Columns and report, as Python receives them.
type Finished<'py> = (Bound<'py, PyDict>, Bound<'py, PyDict>);

/// Rows and best levels, as Python receives them.
type BestColumns<'py> = (Bound<'py, PyArray1<usize>>, [Bound<'py, PyArray1<i64>>; 4]);

/// Turn the bytes of a recorded feed into level updates.
#[pyclass(module = "tickstep._kernel")]
pub struct BookParser {
    parser: Held<book::BookParser>,
}

parser!(book::BookParser);

#[pymethods]
impl BookParser {
    #[new]
    #[pyo3(signature = (*, kind="depth", tick_size=None, lot=None, skip_bad=false))]
    fn new(
        kind: &str,
        tick_size: Option<String>,
        lot: Option<String>,
        skip_bad: bool,
    ) -> PyResult<Self> {
        let options = BookOptions {
            kind: kind_of(kind)?,
            tick_size,
            lot,
            on_bad: if skip_bad { OnBad::Skip } else { OnBad::Raise },
        };
        let parser = book::BookParser::new(&options).map_err(raised)?;
        Ok(Self {
            parser: Held::new(parser),
        })
    }

    /// Read the next piece of the feed.
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

    /// Read what is left and give `(columns, report)`.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Finished<'py>> {
        let parser = self.parser.take()?;
        let BookFeed {
            time,
            side,
            price_ticks,
            qty_lots,
            flags,
            report,
        } = py.detach(|| parser.finish()).map_err(raised)?;
        let columns = PyDict::new(py);
        columns.set_item("time", time.into_pyarray(py))?;
        columns.set_item("side", side.into_pyarray(py))?;
        columns.set_item("price_ticks", price_ticks.into_pyarray(py))?;
        columns.set_item("qty_lots", qty_lots.into_pyarray(py))?;
        columns.set_item("flags", flags.into_pyarray(py))?;
        Ok((columns, report_dict(py, report)?))
    }
}

/// The last row of each update, and the best bids and asks after it: ticks and lots.
#[pyfunction]
pub fn book_best<'py>(
    py: Python<'py>,
    side: PyReadonlyArray1<'py, u8>,
    price_ticks: PyReadonlyArray1<'py, i64>,
    qty_lots: PyReadonlyArray1<'py, i64>,
    flags: PyReadonlyArray1<'py, u8>,
) -> PyResult<BestColumns<'py>> {
    let levels = Levels {
        side: side.as_slice()?,
        price_ticks: price_ticks.as_slice()?,
        qty_lots: qty_lots.as_slice()?,
        flags: flags.as_slice()?,
    };
    let best = py.detach(|| book::best(levels));
    let columns = [best.bid_ticks, best.bid_lots, best.ask_ticks, best.ask_lots];
    Ok((
        best.rows.into_pyarray(py),
        columns.map(|column| column.into_pyarray(py)),
    ))
}

fn kind_of(name: &str) -> PyResult<BookKind> {
    match name {
        "depth" => Ok(BookKind::Depth),
        "ticker" => Ok(BookKind::Ticker),
        _ => Err(PyValueError::new_err(format!(
            "kind {name:?} is neither \"depth\" nor \"ticker\""
        ))),
    }
}

fn report_dict(py: Python<'_>, report: BookReport) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("tick_size", report.tick_size)?;
    dict.set_item("lot", report.lot)?;
    dict.set_item("symbol", report.symbol)?;
    dict.set_item("lines", report.lines)?;
    dict.set_item("updates", report.updates)?;
    dict.set_item("snapshots", report.snapshots)?;
    dict.set_item("gaps", report.gaps)?;
    dict.set_item("first_gap", report.first_gap)?;
    dict.set_item("skipped", report.skipped)?;
    dict.set_item("messages", report.messages)?;
    dict.set_item("first_bad", report.first_bad.map(|error| error.to_string()))?;
    Ok(dict)
}
