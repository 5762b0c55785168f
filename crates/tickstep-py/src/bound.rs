//! Ticks bound to an engine: the place reached in them, and how far a run goes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::mem::transmute;
use std::ops::Range;

use pyo3::prelude::*;
use tickstep::{Feed, FeedSet, Instrument};

use crate::errors::{Kind, raised, raised_row};
use crate::markets::Market;
use crate::reuse::Pair;
use crate::ticks::{Tick, TickColumns};

/// Ticks that were bound to one instrument.
struct BoundTicks {
    instrument: u32,
    columns: Py<TickColumns>,
    /// The objects that a cursor hands out.
    shown: Pair<Tick>,
}

/// All ticks bound to an engine, in order of instruments, and the places reached in them.
#[derive(Default)]
pub struct Bindings {
    ticks: Vec<BoundTicks>,
    /// What the kernel reads, in the columns that `ticks` keeps.
    feeds: FeedSet<'static>,
    heads: Heads,
}

impl Bindings {
    /// Rows of columns, each for the instrument with this index, which there is. Columns whose prices
    /// were checked less strictly than the instrument asks are checked again.
    pub fn new(
        py: Python<'_>,
        bound: Vec<(u32, Py<TickColumns>, Range<usize>)>,
        rules: &[Instrument],
    ) -> PyResult<Bindings> {
        let feeds: Result<Vec<Feed<'_>>, _> = bound
            .iter()
            .map(|(instrument, columns, rows)| {
                let rules = &rules[*instrument as usize];
                columns.get().feed(*instrument, rules, rows.clone())
            })
            .collect();
        let feeds = feeds.map_err(|error| raised(py, &error, Kind::Data))?;
        let feeds = FeedSet::new(feeds, rules).map_err(|fault| raised_row(py, &fault))?;
        // SAFETY: the set borrows from columns that neither move nor change as long as they live, and
        // `ticks` keeps them as long as the set; nothing hands out what it borrows.
        let feeds = unsafe { transmute::<FeedSet<'_>, FeedSet<'static>>(feeds) };
        let ticks = bound
            .into_iter()
            .map(|(instrument, columns, _)| BoundTicks {
                instrument,
                columns,
                shown: Pair::default(),
            })
            .collect();
        Ok(Bindings {
            ticks,
            feeds,
            heads: Heads::default(),
        })
    }

    /// The same rows and places, for another engine.
    pub fn copy(&self, py: Python<'_>) -> Bindings {
        let copy = |one: &BoundTicks| BoundTicks {
            instrument: one.instrument,
            columns: one.columns.clone_ref(py),
            shown: Pair::default(),
        };
        Bindings {
            ticks: self.ticks.iter().map(copy).collect(),
            feeds: self.feeds.clone(),
            heads: Heads::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }

    /// The instruments that have ticks.
    pub fn instruments(&self) -> impl Iterator<Item = u32> {
        self.ticks.iter().map(|one| one.instrument)
    }

    /// Goes back to the first rows.
    pub fn rewind(&mut self) {
        self.feeds.rewind();
        self.heads = Heads::default();
    }

    /// Goes to the rows of the feeds before which there are so many that were bound. False where a feed
    /// has fewer.
    pub fn seek(&mut self, taken: &[usize]) -> bool {
        self.rewind();
        let starts: Vec<usize> = (0..self.feeds.len())
            .map(|feed| self.feeds.cursor(feed))
            .collect();
        let rows = || starts.iter().zip(taken).map(|(start, taken)| start + taken);
        let is_there = taken.len() == starts.len()
            && rows()
                .enumerate()
                .all(|(feed, row)| row <= self.feeds.end(feed));
        if is_there {
            for (feed, row) in rows().enumerate() {
                self.feeds.set_cursor(feed, row);
            }
        }
        is_there
    }

    /// What the kernel runs. Cursors only go forward there.
    pub fn feeds(&mut self) -> &mut FeedSet<'static> {
        &mut self.feeds
    }

    /// Goes back over rows of the only feed, which a loop was shown. Tells the row to stop before.
    pub fn go_back(&mut self, rows: usize) {
        self.feeds.set_cursor(0, self.feeds.cursor(0) - rows);
    }

    /// The feed with the earliest tick; of equal times the one with the lowest instrument.
    #[inline]
    pub fn next_feed(&mut self) -> Option<usize> {
        match self.ticks.len() {
            1 => (self.feeds.cursor(0) < self.feeds.end(0)).then_some(0),
            2..=FEW_FEEDS => first_feed(&self.feeds),
            _ => self.heads.next(&self.feeds),
        }
    }

    /// The next tick of a feed that has one, and its row.
    #[inline]
    pub fn tick(&self, feed: usize) -> (tickstep::Tick, usize) {
        let one = &self.ticks[feed];
        let row = self.feeds.cursor(feed);
        (one.columns.get().row(row, one.instrument), row)
    }

    /// Time of the next row of a feed; none at its end.
    #[inline]
    pub fn next_time(&self, feed: usize) -> Option<i64> {
        self.feeds.next_time(feed)
    }

    /// Goes beyond a row that was taken.
    #[inline]
    pub fn pass(&mut self, feed: usize) {
        self.feeds.set_cursor(feed, self.feeds.cursor(feed) + 1);
    }

    /// Goes beyond a tick that was taken, and shows it.
    #[inline]
    pub fn show(
        &mut self,
        py: Python<'_>,
        feed: usize,
        tick: &tickstep::Tick,
        market: &Market,
    ) -> PyResult<Py<Tick>> {
        self.pass(feed);
        let make = |tick: &tickstep::Tick| {
            let named = (market.scale.tick, market.symbol.clone_ref(py));
            Tick::of_lots(tick, market.scale.lot, Some(named))
        };
        self.ticks[feed].shown.show(py, tick, make)
    }
}

/// So few feeds are looked at faster than they are kept in order.
const FEW_FEEDS: usize = 4;

#[inline]
fn first_feed(feeds: &FeedSet<'_>) -> Option<usize> {
    let open = (0..feeds.len()).filter_map(|feed| Some((feeds.next_time(feed)?, feed)));
    open.min().map(|(_, feed)| feed)
}

/// The feeds by the time of their next tick, for a loop over the ticks of many. Times may be those of
/// ticks that were taken meanwhile: they are put right when they come first.
#[derive(Default)]
struct Heads {
    heap: BinaryHeap<Reverse<(i64, usize)>>,
    is_made: bool,
}

impl Heads {
    fn next(&mut self, feeds: &FeedSet<'_>) -> Option<usize> {
        if !self.is_made {
            let head = |feed| feeds.next_time(feed).map(|time| Reverse((time, feed)));
            self.heap = (0..feeds.len()).filter_map(head).collect();
            self.is_made = true;
        }
        while let Some(mut head) = self.heap.peek_mut() {
            let Reverse((seen, feed)) = *head;
            match feeds.next_time(feed) {
                Some(time) if time == seen => return Some(feed),
                Some(time) => *head = Reverse((time, feed)),
                None => drop(PeekMut::pop(head)),
            }
        }
        None
    }
}

/// Rows that a loop takes before it is worth asking whether it may run ahead.
const LOOP_ROWS: usize = 64;

/// How far a loop over one feed has run ahead of the kernel.
///
/// While no order is open, a tick moves the clock and the last price and can do nothing else. So a
/// loop that asks nothing of the engine is shown rows that the kernel has not taken, and the next
/// call of whatever kind first lets it take them, all in one batch. Nobody can tell the difference.
#[derive(Default)]
pub struct Lead {
    /// Rows that the loop has taken one by one since the last other call.
    taken_rows: usize,
    /// Rows shown and not taken: those just before the place reached.
    rows: usize,
    /// The row before which the kernel need not be asked; 0 where it must be.
    end: usize,
}

impl Lead {
    /// Whether this row may be shown before it is taken; it counts as shown then.
    #[inline]
    pub fn covers(&mut self, row: usize) -> bool {
        let is_covered = row < self.end;
        self.rows += usize::from(is_covered);
        is_covered
    }

    /// Counts a row that was taken in the loop, and lets the loop run ahead from here on when it
    /// has asked nothing for a while and nothing can happen.
    #[inline]
    pub fn after_taken(&mut self, engine: &tickstep::Engine, bound: &Bindings) {
        self.taken_rows += 1;
        if self.taken_rows == LOOP_ROWS {
            self.taken_rows = 0;
            if bound.feeds.len() == 1 && engine.is_idle() {
                self.end = bound.feeds.end(0);
            }
        }
    }

    /// Ends the run ahead and tells how many rows are to be taken.
    #[inline]
    pub fn close(&mut self) -> usize {
        std::mem::take(self).rows
    }
}
