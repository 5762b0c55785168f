//! Ticks bound to an engine: the place reached in them, and how far a run goes.

use pyo3::ffi;
use pyo3::prelude::*;

use tickstep::Extent;

use crate::bars::Figures;
use crate::convert::Steps;
use crate::ticks::{Tick, TickColumns};

/// Ticks that were bound to one instrument, and the place reached in them.
pub struct BoundTicks {
    pub instrument: u32,
    pub columns: Py<TickColumns>,
    /// The first of the rows that were bound.
    pub start: usize,
    /// The next row to take.
    pub cursor: usize,
    /// The row to stop before; the columns have it.
    pub end: usize,
    /// The objects that a cursor hands out.
    pub shown: TickPair,
}

impl BoundTicks {
    /// Rows from `start` up to `end`, none of them taken.
    pub fn new(instrument: u32, columns: Py<TickColumns>, start: usize, end: usize) -> BoundTicks {
        BoundTicks {
            instrument,
            columns,
            start,
            cursor: start,
            end,
            shown: TickPair::default(),
        }
    }

    /// The same rows and place, for another engine.
    pub fn copy(&self, py: Python<'_>) -> BoundTicks {
        BoundTicks {
            cursor: self.cursor,
            ..BoundTicks::new(
                self.instrument,
                self.columns.clone_ref(py),
                self.start,
                self.end,
            )
        }
    }

    /// Time of the next row to take; none at the end.
    pub fn next_time(&self) -> Option<i64> {
        (self.cursor < self.end).then(|| self.columns.get().times()[self.cursor])
    }

    /// The bar whose last row this is: a range that continues the row of its open.
    pub fn bar_ending_at(&self, row: usize, tick: &tickstep::Tick) -> Option<Figures> {
        if tick.extent != Extent::ContinuedRange || row == 0 {
            return None;
        }
        let open = self.columns.get().row(row - 1, self.instrument);
        Some(Figures {
            start: open.time,
            stop: tick.time + 1,
            open: open.price_ticks,
            high: tick.ask_ticks,
            low: tick.bid_ticks,
            close: tick.price_ticks,
            volume: tick.qty_lots,
        })
    }

    /// Times of the rows to come, up to a row.
    fn times(&self, end: usize) -> &[i64] {
        &self.columns.get().times()[self.cursor..end]
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
    pub fn after_taken(&mut self, engine: &tickstep::Engine, bound: &[BoundTicks]) {
        self.taken_rows += 1;
        if self.taken_rows == LOOP_ROWS {
            self.taken_rows = 0;
            if let ([one], true) = (bound, engine.is_idle()) {
                self.end = one.end;
            }
        }
    }

    /// Ends the run ahead and tells how many rows are to be taken.
    #[inline]
    pub fn close(&mut self) -> usize {
        std::mem::take(self).rows
    }
}

/// Two objects used in turn: while a loop holds the one, the other is free to become the next tick.
#[derive(Default)]
pub struct TickPair {
    ticks: [Option<Py<Tick>>; 2],
    is_second: bool,
}

impl TickPair {
    /// The tick as an object: one that only we hold, or a new one.
    #[inline]
    pub fn show(
        &mut self,
        py: Python<'_>,
        tick: &tickstep::Tick,
        lot: &Steps,
    ) -> PyResult<Py<Tick>> {
        self.is_second = !self.is_second;
        let place = &mut self.ticks[usize::from(self.is_second)];
        match place {
            Some(spare) if is_free(py, spare) => {
                spare.get().write(tick);
                Ok(spare.clone_ref(py))
            }
            _ => replaced(py, place, tick, lot),
        }
    }
}

/// A new object, of which the pair keeps one reference.
#[cold]
#[inline(never)]
fn replaced(
    py: Python<'_>,
    place: &mut Option<Py<Tick>>,
    tick: &tickstep::Tick,
    lot: &Steps,
) -> PyResult<Py<Tick>> {
    let made = Py::new(py, Tick::of_lots(tick, *lot))?;
    *place = Some(made.clone_ref(py));
    Ok(made)
}

/// Whether nobody but the pair holds the object, so that it can become another tick unseen.
#[inline]
fn is_free(_py: Python<'_>, tick: &Py<Tick>) -> bool {
    // SAFETY: the object is alive, and the token shows that no other thread counts meanwhile.
    unsafe { ffi::Py_REFCNT(tick.as_ptr()) == 1 }
}

/// The feed with the earliest tick; of equal times the one with the lowest instrument.
#[inline]
pub fn next_feed(bound: &[BoundTicks]) -> Option<usize> {
    if let [one] = bound {
        return (one.cursor < one.end).then_some(0);
    }
    let open = bound
        .iter()
        .enumerate()
        .filter(|(_, one)| one.cursor < one.end);
    // `min_by_key` takes the first of equals, and the feeds are in order of instruments.
    open.min_by_key(|(_, one)| one.columns.get().times()[one.cursor])
        .map(|(index, _)| index)
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
pub fn rows_ahead(bound: &[BoundTicks], ends: &[usize]) -> usize {
    bound
        .iter()
        .zip(ends)
        .map(|(one, end)| end - one.cursor)
        .sum()
}

/// The ends of the first `count` ticks, of more than there are.
pub fn first_rows(bound: &[BoundTicks], ends: &[usize], count: usize) -> Vec<usize> {
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
