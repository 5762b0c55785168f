//! Batches: columns in place, without the GIL, in pieces between which Ctrl-C is heard.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tickstep::{
    BatchError, Engine, EventKind, Feed, FloatQty, Instrument, RowError, Schedule, ScheduleColumns,
    When,
};

use crate::cursor::TickPair;
use crate::errors::{Kind, raised, raised_batch, raised_row};
use crate::order::named;
use crate::ticks::{TickColumns, column_array};

/// Ticks run between two looks for signals: some tens of milliseconds at worst.
const PIECE_TICKS: usize = 4_000_000;

/// Runs of fewer ticks keep the GIL: giving it up and taking it back costs more than they do.
const SHORT_TICKS: usize = 256;

/// What a batch did.
#[pyclass(frozen, eq, module = "tickstep._kernel", get_all)]
#[derive(Clone, Copy, Default, PartialEq)]
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

impl BatchResult {
    fn add(&mut self, part: &tickstep::BatchResult) {
        if part.ticks_executed > 0 {
            self.event_kinds = part.event_kinds;
        }
        self.ticks_done += part.ticks_done;
        self.ticks_executed += part.ticks_executed;
        self.ticks_scanned += part.ticks_scanned;
        self.zone_lines += part.zone_lines;
        self.rows_done += part.rows_done;
    }
}

/// The mask of event kinds: a name, a sequence of names, a mask, or none.
pub fn read_stop_on(value: Option<&Bound<'_, PyAny>>) -> PyResult<u32> {
    let Some(value) = value else { return Ok(0) };
    if let Ok(name) = value.cast::<PyString>() {
        return Ok(named(name, "stop_on", EventKind::ALL, EventKind::name)?.bit());
    }
    if let Ok(mask) = value.extract::<u32>() {
        return Ok(mask);
    }
    let mut mask = 0;
    for name in value.try_iter()? {
        mask |= read_stop_on(Some(&name?))?;
    }
    Ok(mask)
}

/// Runs a call over so many ticks, and lets other threads run meanwhile where that is worth it.
fn without_gil<T: Send>(py: Python<'_>, ticks: usize, call: impl FnOnce() -> T + Send) -> T {
    if ticks <= SHORT_TICKS {
        call()
    } else {
        py.detach(call)
    }
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
    let (mut total, mut cursor) = (BatchResult::default(), feed.cursor());
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
        total.add(&answer.map_err(|fault| raised_batch(py, &fault, &[]))?);
        if total.event_kinds & stop_on != 0 {
            break;
        }
        py.check_signals()?;
    }
    Ok(total)
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

/// Ticks that were bound to one instrument, and the place reached in them.
pub struct BoundTicks {
    pub instrument: u32,
    pub columns: Py<TickColumns>,
    /// The first of the rows that were bound.
    pub start: usize,
    /// The next row to take.
    pub cursor: usize,
    /// The row to stop before.
    pub end: usize,
    /// The objects that a cursor hands out.
    pub shown: TickPair,
}

impl BoundTicks {
    /// Times of the rows to come, up to a row.
    fn times(&self, end: usize) -> &[i64] {
        &self.columns.get().times()[self.cursor..end]
    }
}

/// The rows before which each of the feeds stops, so that all together take at most `count` ticks of
/// the merged order and none at or after `until`.
pub fn merged_ends(bound: &[BoundTicks], count: Option<usize>, until: Option<i64>) -> Vec<usize> {
    let before = |one: &BoundTicks, end: usize, time: i64| {
        one.cursor + one.times(end).partition_point(|row_time| *row_time < time)
    };
    let ends: Vec<usize> = bound
        .iter()
        .map(|one| until.map_or(one.end, |time| before(one, one.end, time)))
        .collect();
    match count {
        Some(count) if count < rows_ahead(bound, &ends) => first_rows(bound, &ends, count),
        _ => ends,
    }
}

/// How many rows there are from the cursors to these ends.
fn rows_ahead(bound: &[BoundTicks], ends: &[usize]) -> usize {
    bound
        .iter()
        .zip(ends)
        .map(|(one, end)| end - one.cursor)
        .sum()
}

/// The ends of the first `count` ticks, of more than there are.
fn first_rows(bound: &[BoundTicks], ends: &[usize], count: usize) -> Vec<usize> {
    if let ([one], [_]) = (bound, ends) {
        return vec![one.cursor + count];
    }
    let ends_where = |goes_on: &dyn Fn(i64) -> bool| -> Vec<usize> {
        let rows = bound.iter().zip(ends);
        rows.map(|(one, end)| one.cursor + one.times(*end).partition_point(|time| goes_on(*time)))
            .collect()
    };
    // The last time of which at least one tick is taken: the smallest with `count` ticks up to it.
    let (mut low, mut high) = (-(1_i64 << 62), 1_i64 << 62);
    while low < high {
        let middle = low + (high.abs_diff(low) / 2) as i64;
        if rows_ahead(bound, &ends_where(&|time| time <= middle)) >= count {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let mut first = ends_where(&|time| time < low);
    let mut rest = count - rows_ahead(bound, &first);
    // Ticks of one time come in the order of their instruments, which is that of the feeds.
    for (end, all) in first.iter_mut().zip(ends_where(&|time| time <= low)) {
        let more = rest.min(all - *end);
        *end += more;
        rest -= more;
    }
    first
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

/// Runs bound ticks up to these ends.
pub fn run_bound(
    py: Python<'_>,
    engine: &mut Engine,
    bound: &mut [BoundTicks],
    ends: &[usize],
    stop_on: u32,
) -> Result<BatchResult, Stop> {
    let mut total = BatchResult::default();
    loop {
        let piece = piece_ends(bound, ends);
        let mut feeds = feeds(py, engine, bound, &piece)?;
        let answer = without_gil(py, rows_ahead(bound, &piece), || {
            engine.step_batch(&mut feeds, stop_on)
        });
        let cursors: Vec<usize> = feeds.iter().map(Feed::cursor).collect();
        move_cursors(bound, &cursors);
        total.add(&answer?);
        let is_stopped = total.event_kinds & stop_on != 0;
        if is_stopped || cursors == ends {
            return Ok(total);
        }
        py.check_signals()?;
    }
}

/// The ends of the next piece.
fn piece_ends<'a>(bound: &[BoundTicks], ends: &'a [usize]) -> Cow<'a, [usize]> {
    if rows_ahead(bound, ends) <= PIECE_TICKS {
        Cow::Borrowed(ends)
    } else {
        Cow::Owned(first_rows(bound, ends, PIECE_TICKS))
    }
}

fn feeds<'a>(
    py: Python<'_>,
    engine: &Engine,
    bound: &'a [BoundTicks],
    ends: &[usize],
) -> PyResult<Vec<Feed<'a>>> {
    let rules = &engine.config().instruments;
    let feed = |(one, end): (&'a BoundTicks, &usize)| {
        let columns = one.columns.get();
        columns.feed(
            one.instrument,
            &rules[one.instrument as usize],
            one.cursor,
            *end,
        )
    };
    let feeds: Result<Vec<_>, _> = bound.iter().zip(ends).map(feed).collect();
    feeds.map_err(|error| raised(py, &error, Kind::Data))
}

fn move_cursors(bound: &mut [BoundTicks], cursors: &[usize]) {
    for (one, cursor) in bound.iter_mut().zip(cursors) {
        one.cursor = *cursor;
    }
}

/// Runs bound ticks to their ends and places a schedule on the way. One call of the kernel, because
/// it must see the whole schedule before it takes the first tick.
pub fn run_schedule(
    py: Python<'_>,
    engine: &mut Engine,
    bound: &mut [BoundTicks],
    orders: &Bound<'_, PyDict>,
) -> Result<BatchResult, Stop> {
    let columns = OrderColumns::read(orders)?;
    let mut schedule =
        Schedule::new(columns.as_columns()).map_err(|error| raised(py, &error, Kind::Order))?;
    let ends: Vec<usize> = bound.iter().map(|one| one.end).collect();
    let mut feeds = feeds(py, engine, bound, &ends)?;
    let answer = py.detach(|| engine.run_orders(&mut feeds, &mut schedule));
    let cursors: Vec<usize> = feeds.iter().map(Feed::cursor).collect();
    move_cursors(bound, &cursors);
    let mut total = BatchResult::default();
    total.add(&answer?);
    Ok(total)
}

/// The columns of a schedule as Rust's own, since their arrays were made for this call alone.
struct OrderColumns {
    is_by_time: bool,
    when: Vec<i64>,
    instrument: Vec<u32>,
    order_type: Vec<u8>,
    side: Vec<u8>,
    qty_lots: Vec<i64>,
    time_in_force: Option<Vec<u8>>,
    offset: Option<Vec<u8>>,
    flags: Option<Vec<u32>>,
    price_ticks: Option<Vec<i64>>,
    trigger_ticks: Option<Vec<i64>>,
    trail_ticks: Option<Vec<i64>>,
    expire_time: Option<Vec<i64>>,
    oco_group: Option<Vec<u64>>,
    tag: Option<Vec<u64>>,
}

impl OrderColumns {
    fn read(orders: &Bound<'_, PyDict>) -> PyResult<OrderColumns> {
        let is_by_time = orders.contains("time")?;
        Ok(OrderColumns {
            is_by_time,
            when: needed(orders, if is_by_time { "time" } else { "tick_index" })?,
            instrument: needed(orders, "instrument")?,
            order_type: needed(orders, "order_type")?,
            side: needed(orders, "side")?,
            qty_lots: needed(orders, "qty_lots")?,
            time_in_force: given(orders, "time_in_force")?,
            offset: given(orders, "offset")?,
            flags: given(orders, "flags")?,
            price_ticks: given(orders, "price_ticks")?,
            trigger_ticks: given(orders, "trigger_ticks")?,
            trail_ticks: given(orders, "trail_ticks")?,
            expire_time: given(orders, "expire_time")?,
            oco_group: given(orders, "oco_group")?,
            tag: given(orders, "tag")?,
        })
    }

    fn as_columns(&self) -> ScheduleColumns<'_> {
        let when = if self.is_by_time {
            When::Times
        } else {
            When::TickIndexes
        };
        let when = when(&self.when);
        let mut columns = ScheduleColumns::new(when, &self.order_type, &self.side, &self.qty_lots);
        columns.instrument = Some(&self.instrument);
        columns.time_in_force = self.time_in_force.as_deref();
        columns.offset = self.offset.as_deref();
        columns.flags = self.flags.as_deref();
        columns.price_ticks = self.price_ticks.as_deref();
        columns.trigger_ticks = self.trigger_ticks.as_deref();
        columns.trail_ticks = self.trail_ticks.as_deref();
        columns.expire_time = self.expire_time.as_deref();
        columns.oco_group = self.oco_group.as_deref();
        columns.tag = self.tag.as_deref();
        columns
    }
}

fn given<T: numpy::Element + Copy>(
    orders: &Bound<'_, PyDict>,
    name: &str,
) -> PyResult<Option<Vec<T>>> {
    use numpy::PyArrayMethods;
    let Some(value) = orders.get_item(name)? else {
        return Ok(None);
    };
    Ok(Some(column_array::<T>(&value, name)?.to_vec()?))
}

fn needed<T: numpy::Element + Copy>(orders: &Bound<'_, PyDict>, name: &str) -> PyResult<Vec<T>> {
    let column = given(orders, name)?;
    column.ok_or_else(|| {
        let message = format!("orders has no column '{name}'");
        Kind::Order.error(orders.py(), &message, "every order needs one")
    })
}
