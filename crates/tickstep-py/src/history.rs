//! Rows of `Engine.history`: the account after each of the last single ticks.

use std::collections::VecDeque;

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;

use crate::scale::Scale;

/// Figures of a row.
const FIGURES: usize = 7;

struct Row {
    time: i64,
    instrument: u32,
    figures: [f64; FIGURES],
}

/// Rows of the last single ticks, as many as were asked for.
pub struct History {
    rows: VecDeque<Row>,
    rows_max: usize,
}

/// Times, instruments and figures.
pub type HistoryArrays<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray2<f64>>,
);

impl History {
    pub fn new(rows_max: usize) -> History {
        History {
            rows: VecDeque::new(),
            rows_max,
        }
    }

    /// Adds a row, of money and quantities in the units of Python; the oldest makes room for it.
    pub fn push(&mut self, exact: &tickstep::Snapshot, scale: &Scale) {
        if self.rows.len() >= self.rows_max {
            self.rows.pop_front();
        }
        let money = |units: i64| scale.money.value(units);
        self.rows.push_back(Row {
            time: exact.time,
            instrument: exact.instrument,
            figures: [
                money(exact.cash_units),
                scale.lot.value(exact.position_lots),
                scale.average_price(exact),
                money(exact.realized_units),
                money(exact.unrealized_units),
                money(exact.equity_units),
                money(exact.fees_units),
            ],
        });
    }

    pub fn clear(&mut self) {
        self.rows.clear();
    }

    pub fn arrays<'py>(&self, py: Python<'py>) -> PyResult<HistoryArrays<'py>> {
        let figures: Vec<f64> = self.rows.iter().flat_map(|row| row.figures).collect();
        Ok((
            PyArray1::from_iter(py, self.rows.iter().map(|row| row.time)),
            PyArray1::from_iter(py, self.rows.iter().map(|row| row.instrument)),
            PyArray1::from_vec(py, figures).reshape([self.rows.len(), FIGURES])?,
        ))
    }
}
