//! Batches: columns in place, without the GIL, in pieces between which Ctrl-C is heard.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tickstep::{BatchError, Engine, EventKind, Feed, FloatQty, Instrument, RowError, Schedule};

use crate::bound::Bindings;
use crate::errors::{Kind, raised, raised_batch, raised_row};
use crate::order::named;
use crate::schedule::OrderColumns;

/// Ticks run between two looks for signals: some tens of milliseconds at worst.
const PIECE_TICKS: usize = 4_000_000;

/// Runs of fewer ticks keep the GIL: giving it up and taking it back costs more than they do.
const SHORT_TICKS: usize = 256;

/// What a batch did.
#[pyclass(frozen, eq, module = "tickstep._kernel", get_all)]
#[derive(PartialEq)]
pub struct BatchResult {
    ticks_done: u64,
    ticks_executed: u64,
    ticks_scanned: u64,
    zone_lines: u64,
    rows_done: u64,
    event_kinds: u32,
}

#[pymethods]
impl BatchResult {
    /// Whether the last tick emitted an event of this kind.
    fn has(&self, kind: &Bound<'_, PyString>) -> PyResult<bool> {
        let kind = named(kind, "kind", EventKind::ALL, EventKind::name)?;
        Ok(self.event_kinds & kind.bit() != 0)
    }

    fn __repr__(&self) -> String {
        format!(
            "BatchResult(ticks_done={}, ticks_executed={}, ticks_scanned={}, rows_done={})",
            self.ticks_done, self.ticks_executed, self.ticks_scanned, self.rows_done
        )
    }
}

impl From<tickstep::BatchResult> for BatchResult {
    fn from(result: tickstep::BatchResult) -> BatchResult {
        BatchResult {
            ticks_done: result.ticks_done,
            ticks_executed: result.ticks_executed,
            ticks_scanned: result.ticks_scanned,
            zone_lines: result.zone_lines,
            rows_done: result.rows_done,
            event_kinds: result.event_kinds,
        }
    }
}

/// The mask of event kinds: a name, a sequence of names, a mask, or none.
pub fn read_stop_on(value: Option<&Bound<'_, PyAny>>) -> PyResult<u32> {
    let Some(value) = value else { return Ok(0) };
    if let Ok(name) = value.cast::<PyString>() {
        return kind_bit(name);
    }
    if let Ok(mask) = value.extract::<u32>() {
        return Ok(mask);
    }
    let Ok(names) = value.try_iter() else {
        return Err(stop_on_type(value)?);
    };
    let mut mask = 0;
    for name in names {
        let name = name?;
        let Ok(name) = name.cast::<PyString>() else {
            return Err(stop_on_type(&name)?);
        };
        mask |= kind_bit(name)?;
    }
    Ok(mask)
}

fn kind_bit(name: &Bound<'_, PyString>) -> PyResult<u32> {
    Ok(named(name, "stop_on", EventKind::ALL, EventKind::name)?.bit())
}

fn stop_on_type(value: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let message = format!(
        "stop_on must be the name of an event kind or a sequence of names, was {}",
        value.repr()?
    );
    Ok(PyTypeError::new_err(message))
}

/// Runs a call over so many ticks, and lets other threads run meanwhile where that is worth it.
fn without_gil<T: Send>(py: Python<'_>, ticks: usize, call: impl FnOnce() -> T + Send) -> T {
    if ticks <= SHORT_TICKS {
        call()
    } else {
        py.detach(call)
    }
}

/// A later piece of a run ended early: what was done before it counts too.
fn after(total: &tickstep::BatchResult, mut fault: BatchError) -> BatchError {
    fault.ticks_done += total.ticks_done;
    fault
}

/// Runs one feed of bare columns; all of it is checked before the first tick.
pub fn run_bare(
    py: Python<'_>,
    engine: &mut Engine,
    feed: Feed<'_>,
    mut qty: Option<FloatQty<'_>>,
    stop_on: u32,
) -> PyResult<BatchResult> {
    let rules = engine.config().instruments[feed.instrument() as usize].clone();
    let rows = feed.end() - feed.cursor();
    let checked = without_gil(py, rows, || check_bare(feed, qty.as_mut(), &rules));
    let feed = checked.map_err(|fault| raised_row(py, &fault))?;
    let (mut total, mut cursor) = (tickstep::BatchResult::default(), feed.cursor());
    while cursor < feed.end() {
        let end = feed.end().min(cursor + PIECE_TICKS);
        let piece = feed
            .clone()
            .rows(cursor..end)
            .map_err(|error| raised(py, &error, Kind::Data))?;
        let (piece, answer) = without_gil(py, end - cursor, || {
            run_piece(engine, piece, qty.as_mut(), stop_on)
        });
        cursor = piece.cursor();
        let part = answer.map_err(|fault| raised_batch(py, &after(&total, fault), &[]))?;
        total.add(&part);
        if total.event_kinds & stop_on != 0 {
            break;
        }
        py.check_signals()?;
    }
    Ok(total.into())
}

fn check_bare<'a>(
    feed: Feed<'a>,
    qty: Option<&mut FloatQty<'_>>,
    rules: &Instrument,
) -> Result<Feed<'a>, RowError> {
    let feed = feed.checked(rules)?;
    if let Some(qty) = qty {
        qty.check(feed.cursor()..feed.end())?;
    }
    Ok(feed)
}

fn run_piece<'a>(
    engine: &mut Engine,
    mut feed: Feed<'a>,
    qty: Option<&mut FloatQty<'_>>,
    stop_on: u32,
) -> (Feed<'a>, Result<tickstep::BatchResult, BatchError>) {
    let answer = match qty {
        Some(qty) => engine.step_batch_f64(&mut feed, qty, stop_on),
        None => engine.step_batch(std::slice::from_mut(&mut feed), stop_on),
    };
    (feed, answer)
}

/// Why a run of bound ticks ended early: the engine refused, or Python wants to be heard.
pub enum Stop {
    Batch(BatchError),
    Python(PyErr),
}

impl From<PyErr> for Stop {
    fn from(error: PyErr) -> Stop {
        Stop::Python(error)
    }
}

impl From<BatchError> for Stop {
    fn from(error: BatchError) -> Stop {
        Stop::Batch(error)
    }
}

/// Runs bound ticks: at most so many of the merged order, and none at or after a time.
pub fn run_bound(
    py: Python<'_>,
    engine: &mut Engine,
    bound: &mut Bindings,
    count: Option<usize>,
    until: Option<i64>,
    stop_on: u32,
) -> Result<BatchResult, Stop> {
    let mut total = tickstep::BatchResult::default();
    let mut left = count.unwrap_or(usize::MAX);
    let feeds = bound.feeds();
    loop {
        let ahead = feeds.stop_before(until);
        let piece = ahead.min(left).min(PIECE_TICKS);
        if piece < ahead {
            feeds.stop_after(piece);
        }
        let answer = without_gil(py, piece, || engine.step_set(feeds, stop_on));
        total.add(&answer.map_err(|fault| after(&total, fault))?);
        let is_stopped = total.event_kinds & stop_on != 0;
        left -= piece;
        if is_stopped || left == 0 || piece == ahead {
            return Ok(total.into());
        }
        py.check_signals()?;
    }
}

/// Takes the rows just before the place reached, which a loop has been shown. In one piece: nothing
/// happens on them, and whoever has seen them must not find the place moved back by a signal.
pub fn take_shown(
    py: Python<'_>,
    engine: &mut Engine,
    bound: &mut Bindings,
    rows: usize,
) -> Result<(), Stop> {
    bound.go_back(rows);
    let feeds = bound.feeds();
    feeds.stop_before(None);
    feeds.stop_after(rows);
    without_gil(py, rows, || engine.step_set(feeds, 0))?;
    Ok(())
}

/// Runs bound ticks to their ends and places a schedule on the way. One call of the kernel, because
/// it must see the whole schedule before it takes the first tick.
pub fn run_schedule(
    py: Python<'_>,
    engine: &mut Engine,
    bound: &mut Bindings,
    orders: &Bound<'_, PyDict>,
) -> Result<BatchResult, Stop> {
    let columns = OrderColumns::read(orders)?;
    let mut schedule =
        Schedule::new(columns.as_columns()).map_err(|error| raised(py, &error, Kind::Order))?;
    let feeds = bound.feeds();
    feeds.stop_before(None);
    let answer = py.detach(|| engine.run_orders_set(feeds, &mut schedule));
    Ok(answer?.into())
}
