//! Bars as a loop reads them: columns in place, their rows made one by one.

use numpy::IntoPyArray;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tickstep::{BarFill, BarRows, Ends, Tick};

use crate::bars::Figures;
use crate::engine::Engine;
use crate::errors::raised_row;
use crate::order::named;
use crate::ticks::Column;

/// Columns of bars with the rule by which they become rows.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct BarColumns {
    time: Column<i64>,
    open: Column<i64>,
    high: Column<i64>,
    low: Column<i64>,
    close: Column<i64>,
    volume: Column<i64>,
    /// How long each is; 0 where `ends` tells of each.
    length: i64,
    ends: Column<i64>,
    fill: BarFill,
}

#[pymethods]
impl BarColumns {
    /// `ends` are the first times after the bars; the length of all of them, where it is one.
    #[new]
    #[expect(clippy::too_many_arguments, reason = "the columns of a bar")]
    fn new(
        time: &Bound<'_, PyAny>,
        open_ticks: &Bound<'_, PyAny>,
        high_ticks: &Bound<'_, PyAny>,
        low_ticks: &Bound<'_, PyAny>,
        close_ticks: &Bound<'_, PyAny>,
        volume_lots: &Bound<'_, PyAny>,
        ends: &Bound<'_, PyAny>,
        bar_fill: &Bound<'_, PyString>,
    ) -> PyResult<BarColumns> {
        let length = ends.extract::<i64>().ok();
        let ends = if length.is_some() { time } else { ends };
        let columns = BarColumns {
            time: Column::new(time, "time")?,
            open: Column::new(open_ticks, "open_ticks")?,
            high: Column::new(high_ticks, "high_ticks")?,
            low: Column::new(low_ticks, "low_ticks")?,
            close: Column::new(close_ticks, "close_ticks")?,
            volume: Column::new(volume_lots, "volume_lots")?,
            length: length.unwrap_or(0),
            ends: Column::new(ends, "ends")?,
            fill: named(bar_fill, "bar_fill", BarFill::ALL, BarFill::name)?,
        };
        let lengths = [
            &columns.open,
            &columns.high,
            &columns.low,
            &columns.close,
            &columns.volume,
            &columns.ends,
        ];
        if lengths
            .iter()
            .any(|column| column.as_slice().len() != columns.time.as_slice().len())
        {
            return Err(PyTypeError::new_err("the columns are of several lengths"));
        }
        Ok(columns)
    }

    /// All rows, as arrays by name.
    fn woven<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let columns = py.detach(|| self.rows().columns());
        let woven = PyDict::new(py);
        woven.set_item("time", columns.time.into_pyarray(py))?;
        woven.set_item("price_ticks", columns.price_ticks.into_pyarray(py))?;
        for (name, column) in [
            ("low_ticks", columns.bid_ticks),
            ("high_ticks", columns.ask_ticks),
            ("qty_lots", columns.qty_lots),
        ] {
            woven.set_item(name, column.unwrap_or_default().into_pyarray(py))?;
        }
        woven.set_item("side", columns.side.unwrap_or_default().into_pyarray(py))?;
        for column in woven.values() {
            column.getattr("flags")?.setattr("writeable", false)?;
        }
        Ok(woven)
    }

    /// Checks all rows as an engine would when it is bound to them.
    fn check(&self, py: Python<'_>, engine: &Bound<'_, Engine>, instrument: u32) -> PyResult<()> {
        let rules = engine.get().rules(py, instrument)?;
        let checked = py.detach(|| self.rows().check(&rules));
        checked.map_err(|fault| raised_row(py, &fault))
    }

    fn __len__(&self) -> usize {
        self.time.as_slice().len() * self.fill.rows()
    }
}

impl BarColumns {
    #[inline]
    fn rows(&self) -> BarRows<'_> {
        BarRows {
            time: self.time.as_slice(),
            open: self.open.as_slice(),
            high: self.high.as_slice(),
            low: self.low.as_slice(),
            close: self.close.as_slice(),
            volume: self.volume.as_slice(),
            ends: match self.length {
                0 => Ends::At(self.ends.as_slice()),
                length => Ends::After(length),
            },
            fill: self.fill,
        }
    }
}

/// A place in bars: the bar, and the row of it that comes next.
pub struct BarFeed {
    columns: Py<BarColumns>,
    instrument: u32,
    bar: usize,
    place: usize,
}

impl BarFeed {
    pub fn new(columns: Py<BarColumns>, instrument: u32) -> BarFeed {
        BarFeed {
            columns,
            instrument,
            bar: 0,
            place: 0,
        }
    }

    /// Goes to the row before which there are so many.
    pub fn seek(&mut self, rows: usize) {
        let of_each = self.columns.get().fill.rows();
        (self.bar, self.place) = (rows / of_each, rows % of_each);
    }

    /// Time of the next row; none at the end.
    #[inline]
    pub fn next_time(&self) -> Option<i64> {
        let rows = self.columns.get().rows();
        (self.bar < rows.len()).then(|| rows.time_of(self.bar, self.place))
    }

    /// The next row, which there is.
    #[inline]
    pub fn tick(&self) -> Tick {
        let rows = self.columns.get().rows();
        rows.tick(self.bar, self.place).instrument(self.instrument)
    }

    /// Goes beyond it, and gives the bar that is to be told of then.
    #[inline]
    pub fn pass(&mut self) -> Option<Figures> {
        let rows = self.columns.get().rows();
        self.place += 1;
        let told = (self.place == rows.fill.told_after()).then(|| Figures {
            start: rows.time[self.bar],
            stop: rows.end(self.bar),
            open: rows.open[self.bar],
            high: rows.high[self.bar],
            low: rows.low[self.bar],
            close: rows.close[self.bar],
            volume: rows.volume[self.bar],
        });
        if self.place == rows.fill.rows() {
            self.place = 0;
            self.bar += 1;
        }
        told
    }
}

/// Where a loop takes the rows of an instrument from.
pub enum Source {
    /// What an engine is bound to, by index.
    Bound(usize),
    Bars(BarFeed),
}
