//! Batches: columns of ticks in one call, gone on with whenever the block was full.

use std::ops::Range;

use tickstep_sys as sys;

use crate::columns::{Feed, Prices};
use crate::config::QtyRule;
use crate::engine::{Engine, Limit};
use crate::error::{BatchError, Error, Status};
use crate::event::EventKind;
use crate::feed_set::FeedSet;
use crate::float_grid::FloatQty;
use crate::schedule::Schedule;

/// What a batch did, over all its resumptions.
///
/// ```
/// use tickstep::{BatchResult, EventKind};
/// let result = BatchResult { event_kinds: EventKind::Filled.bit(), ..BatchResult::default() };
/// assert!(result.has(EventKind::Filled));
/// assert!(!result.has(EventKind::Alert));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchResult {
    /// Bits of the event kinds that the last executed tick emitted.
    pub event_kinds: u32,
    /// Rows taken, over all feeds.
    pub ticks_done: u64,
    /// Rows run through the full tick; the others were proved untouched.
    pub ticks_executed: u64,
    /// Rows whose price was compared one by one.
    pub ticks_scanned: u64,
    /// 64-byte lines of zone maps read.
    pub zone_lines: u64,
    /// Schedule rows placed.
    pub rows_done: u64,
}

impl BatchResult {
    /// Whether the last executed tick emitted an event of this kind.
    #[must_use]
    pub fn has(&self, kind: EventKind) -> bool {
        self.event_kinds & kind.bit() != 0
    }

    /// Takes in what a further call did, as if both had been one.
    pub fn add(&mut self, part: &BatchResult) {
        if part.ticks_executed > 0 {
            self.event_kinds = part.event_kinds;
        }
        self.ticks_done += part.ticks_done;
        self.ticks_executed += part.ticks_executed;
        self.ticks_scanned += part.ticks_scanned;
        self.zone_lines += part.zone_lines;
        self.rows_done += part.rows_done;
    }

    fn from_raw(raw: &sys::tks_batch_result) -> BatchResult {
        BatchResult {
            event_kinds: raw.event_kinds,
            ticks_done: raw.ticks_done,
            ticks_executed: raw.ticks_executed,
            ticks_scanned: raw.ticks_scanned,
            zone_lines: raw.zone_lines,
            rows_done: raw.rows_done,
        }
    }
}

/// One call of the kernel: its answer, its result, and what it most likely lacks if it lacks room.
struct Part {
    status: i32,
    result: sys::tks_batch_result,
    limit: Limit,
}

fn empty_result() -> sys::tks_batch_result {
    sys::tks_batch_result {
        struct_size: size_of::<sys::tks_batch_result>() as u32,
        ..sys::tks_batch_result::default()
    }
}

impl Engine {
    /// `tks_step_batch`: runs the feeds, merged by (time, instrument, row), to their ends or up to
    /// the first tick that emits an event of a kind in `stop_on` ([`EventKind::bit`]; 0: never).
    /// Feeds come in ascending order of instruments, one each. Their cursors move.
    ///
    /// # Errors
    /// A bad column changes nothing and is named. OVERFLOW stops before the tick concerned.
    pub fn step_batch(
        &mut self,
        feeds: &mut [Feed<'_>],
        stop_on: u32,
    ) -> Result<BatchResult, BatchError> {
        self.run_feeds(feeds, |engine, raw| step_raw(engine, raw, stop_on))
            .map_err(|stop| stop.into_error(feeds, None))
    }

    /// [`Engine::step_batch`] of feeds that are kept between calls, up to the rows where they are to
    /// stop. With the rules of another engine than this one's the results are wrong.
    ///
    /// # Errors
    /// As [`Engine::step_batch`].
    pub fn step_set(
        &mut self,
        set: &mut FeedSet<'_>,
        stop_on: u32,
    ) -> Result<BatchResult, BatchError> {
        self.run_raw(set.raw_mut(), |engine, raw| step_raw(engine, raw, stop_on))
            .map_err(|stop| stop.into_error(set.feeds(), None))
    }

    /// `tks_run_orders`: runs the feeds to their ends and places the schedule on the way. Rows
    /// beyond the data are placed at its end and stay open. Cursors move.
    ///
    /// # Errors
    /// A bad column or schedule row changes nothing and is named. OVERFLOW leaves all cursors where
    /// it stopped.
    pub fn run_orders(
        &mut self,
        feeds: &mut [Feed<'_>],
        schedule: &mut Schedule<'_>,
    ) -> Result<BatchResult, BatchError> {
        let mut raw_schedule = schedule.raw();
        let answer = self.run_feeds(feeds, |engine, raw| {
            run_raw_schedule(engine, raw, &mut raw_schedule, schedule)
        });
        schedule.set_cursor(raw_schedule.cursor as usize);
        answer.map_err(|stop| stop.into_error(feeds, Some(schedule)))
    }

    /// [`Engine::run_orders`] of feeds that are kept between calls, up to the rows where they are to
    /// stop.
    ///
    /// # Errors
    /// As [`Engine::run_orders`].
    pub fn run_orders_set(
        &mut self,
        set: &mut FeedSet<'_>,
        schedule: &mut Schedule<'_>,
    ) -> Result<BatchResult, BatchError> {
        let mut raw_schedule = schedule.raw();
        let answer = self.run_raw(set.raw_mut(), |engine, raw| {
            run_raw_schedule(engine, raw, &mut raw_schedule, schedule)
        });
        schedule.set_cursor(raw_schedule.cursor as usize);
        answer.map_err(|stop| stop.into_error(set.feeds(), Some(schedule)))
    }

    /// [`Engine::step_batch`] of one feed whose quantities are floats in human units, such as
    /// 0.001 for one thousandth of a coin. They are checked against the lot in one pass, before the
    /// first tick; converted, tile by tile, only under VOLUME.
    ///
    /// ```
    /// use tickstep::{Columns, Config, Engine, Feed, FloatQty, Instrument, LotGrid};
    /// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
    /// let mut feed = Feed::new(0, Columns::new(&[1, 2], &[100, 101]))?;
    /// let mut qty = FloatQty::new(&[0.001, 2.5], LotGrid::new("0.001".parse()?)?);
    /// let result = engine.step_batch_f64(&mut feed, &mut qty, 0).expect("on the grid");
    /// assert_eq!(result.ticks_done, 2);
    /// # Ok::<(), tickstep::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Engine::step_batch`]; a quantity off the grid, with its row; [`Error::ColumnRepeated`]
    /// when the feed brings quantities of its own.
    pub fn step_batch_f64(
        &mut self,
        feed: &mut Feed<'_>,
        qty: &mut FloatQty<'_>,
        stop_on: u32,
    ) -> Result<BatchResult, BatchError> {
        self.check_floats(feed, qty)?;
        let rule = self.config().instruments.get(feed.instrument() as usize);
        if rule.is_some_and(|rule| rule.qty_rule == QtyRule::Volume) {
            self.run_tiles(feed, qty, stop_on)
        } else {
            self.step_batch(std::slice::from_mut(feed), stop_on)
        }
    }

    /// Everything about the rows to come but the clock, which the first tile checks.
    fn check_floats(&self, feed: &mut Feed<'_>, qty: &mut FloatQty<'_>) -> Result<(), BatchError> {
        let at_feed = |error: Error| BatchError::in_feed(0, error.into());
        if feed.columns().qty_lots.is_some() {
            return Err(at_feed(Error::ColumnRepeated { column: "qty_lots" }));
        }
        qty.check_length(feed.columns().len()).map_err(at_feed)?;
        if let Some(rules) = self.config().instruments.get(feed.instrument() as usize) {
            if !feed.is_checked_for(rules) {
                feed.check(rules)
                    .map_err(|fault| BatchError::in_feed(0, fault))?;
                feed.mark_checked(Prices::of(rules), feed.cursor()..feed.end());
            }
        }
        qty.check(feed.cursor()..feed.end())
            .map_err(|fault| BatchError::in_feed(0, fault))
    }

    /// Runs checked rows, their quantities converted a tile at a time.
    fn run_tiles(
        &mut self,
        feed: &mut Feed<'_>,
        qty: &mut FloatQty<'_>,
        stop_on: u32,
    ) -> Result<BatchResult, BatchError> {
        let mut total = BatchResult::default();
        loop {
            let (tile, lots) = qty.tile(feed.cursor()..feed.end());
            let part = self
                .run_tile(feed, tile, lots, stop_on)
                .map_err(|mut error| {
                    error.ticks_done += total.ticks_done;
                    error
                })?;
            total.add(&part);
            if feed.is_done() || total.event_kinds & stop_on != 0 {
                return Ok(total);
            }
        }
    }

    fn run_tile(
        &mut self,
        feed: &mut Feed<'_>,
        tile: Range<usize>,
        lots: &[i64],
        stop_on: u32,
    ) -> Result<BatchResult, BatchError> {
        let columns = feed.columns().rows(tile.clone()).qty_lots(lots);
        let mut part = Feed::new(feed.instrument(), columns)
            .map_err(|error| BatchError::in_feed(0, error.into()))?;
        if let Some(rules) = self.config().instruments.get(feed.instrument() as usize) {
            part = part.assume_checked(rules);
        }
        let answer = self.step_batch(std::slice::from_mut(&mut part), stop_on);
        feed.set_cursor(tile.start + part.cursor());
        answer.map_err(|mut error| {
            error.row = error.row.map(|row| row + tile.start as u64);
            error
        })
    }

    /// Runs feeds that were not kept, and moves their cursors.
    fn run_feeds(
        &mut self,
        feeds: &mut [Feed<'_>],
        call: impl FnMut(*mut sys::tks_engine, &mut [sys::tks_feed]) -> Part,
    ) -> Result<BatchResult, Stop> {
        let mut raw = self.raw_feeds(feeds);
        let answer = self.run_raw(&mut raw, call);
        self.take_over(feeds, &raw, answer.is_ok());
        answer
    }

    /// Calls the kernel until it does not lack room. What it has checked by then is marked.
    fn run_raw(
        &mut self,
        raw: &mut [sys::tks_feed],
        mut call: impl FnMut(*mut sys::tks_engine, &mut [sys::tks_feed]) -> Part,
    ) -> Result<BatchResult, Stop> {
        let mut total = BatchResult::default();
        let mut growths = 0;
        loop {
            let part = call(self.raw_mut(), raw);
            let result = BatchResult::from_raw(&part.result);
            total.add(&result);
            let error = match Status::check(part.status) {
                Ok(()) => return Ok(total),
                Err(Status::Capacity) => {
                    if result.ticks_done + result.rows_done > 0 {
                        growths = 0;
                    }
                    raw.iter_mut()
                        .for_each(|feed| feed.flags |= sys::TKS_FEED_CHECKED);
                    match self.make_room(part.limit, &mut growths) {
                        Ok(()) => continue,
                        Err(error) => error,
                    }
                }
                Err(status) => status.into(),
            };
            let (feed, row) = (part.result.bad_feed, part.result.bad_row);
            return Err(Stop {
                error,
                feed,
                row,
                ticks_done: total.ticks_done,
            });
        }
    }

    fn raw_feeds(&self, feeds: &[Feed<'_>]) -> Vec<sys::tks_feed> {
        let instruments = &self.config().instruments;
        feeds
            .iter()
            .map(|feed| feed.raw(instruments.get(feed.instrument() as usize)))
            .collect()
    }

    /// Moves the cursors to where the kernel stopped, and remembers what it has checked.
    fn take_over(&self, feeds: &mut [Feed<'_>], raw: &[sys::tks_feed], is_done: bool) {
        for (feed, raw) in feeds.iter_mut().zip(raw) {
            let is_checked = is_done || raw.flags & sys::TKS_FEED_CHECKED != 0;
            if let Some(rules) = self.config().instruments.get(feed.instrument() as usize) {
                if is_checked && !feed.is_checked_for(rules) {
                    feed.mark_checked(Prices::of(rules), feed.cursor()..feed.end());
                }
            }
            feed.set_cursor(raw.cursor as usize);
        }
    }
}

/// One call of `tks_step_batch`.
fn step_raw(engine: *mut sys::tks_engine, raw: &mut [sys::tks_feed], stop_on: u32) -> Part {
    let mut result = empty_result();
    // SAFETY: the engine is initialised; `raw` are feeds whose columns outlive the call.
    let status = unsafe {
        sys::tks_step_batch(
            engine,
            raw.as_mut_ptr(),
            feed_count(raw),
            stop_on,
            &raw mut result,
        )
    };
    Part {
        status,
        result,
        limit: Limit::Events,
    }
}

/// One call of `tks_run_orders`; the next one need not check the rows again.
fn run_raw_schedule(
    engine: *mut sys::tks_engine,
    raw: &mut [sys::tks_feed],
    raw_schedule: &mut sys::tks_schedule,
    schedule: &Schedule<'_>,
) -> Part {
    let mut result = empty_result();
    // SAFETY: as in `step_raw`; the columns of the schedule outlive the call too.
    let status = unsafe {
        sys::tks_run_orders(
            engine,
            raw.as_mut_ptr(),
            feed_count(raw),
            &raw mut *raw_schedule,
            &raw mut result,
        )
    };
    raw_schedule.flags = sys::TKS_SCHEDULE_CHECKED;
    let limit = Limit::Orders(schedule.instrument_at(raw_schedule.cursor));
    Part {
        status,
        result,
        limit,
    }
}

/// More than 2^32 feeds do not fit a real memory; the kernel refuses far fewer.
fn feed_count(raw: &[sys::tks_feed]) -> u32 {
    u32::try_from(raw.len()).unwrap_or(u32::MAX)
}

/// Why a batch ended early, before the value at fault is looked up.
struct Stop {
    error: Error,
    feed: u32,
    row: u64,
    ticks_done: u64,
}

impl Stop {
    fn into_error(self, feeds: &[Feed<'_>], schedule: Option<&Schedule<'_>>) -> BatchError {
        let Stop {
            feed,
            row,
            ticks_done,
            ..
        } = self;
        let Error::Status(status) = self.error else {
            return BatchError {
                ticks_done,
                ..BatchError::before_start(self.error)
            };
        };
        match (feeds.get(feed as usize), schedule) {
            // A limit met on the way, not a fault of the feed whose number happens to be 0.
            (Some(_), _) if status == Status::Overflow => BatchError {
                ticks_done,
                ..BatchError::before_start(status.into())
            },
            (Some(columns), _) => {
                BatchError::in_feed(feed, columns.columns().row_error(status, row))
            }
            (None, Some(schedule)) => BatchError {
                row: Some(row),
                ..BatchError::before_start(schedule.row_error(status, row))
            },
            (None, None) => BatchError::before_start(status.into()),
        }
    }
}
