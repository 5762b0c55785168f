//! Feeds that many calls run a little further each, with what the kernel reads of them kept between.

use tickstep_sys as sys;

use crate::columns::Feed;
use crate::config::Instrument;
use crate::error::{RowError, Status};

/// Checked feeds, the places reached in them, and the rows where the next call stops.
///
/// [`Engine::step_batch`](crate::Engine::step_batch) makes the kernel's feeds anew at every call. Over
/// thousands of feeds that costs more than taking a few ticks of each: a set is made once, and a call
/// costs one pass over it.
///
/// ```
/// use tickstep::{Columns, Config, Engine, Feed, FeedSet, Instrument};
/// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1), Instrument::new(1)]))?;
/// let (time, price) = ([1, 2, 3], [100, 101, 99]);
/// let feeds = [0, 1].map(|index| Feed::new(index, Columns::new(&time, &price)));
/// let feeds = feeds.into_iter().collect::<Result<_, _>>()?;
/// let mut set = FeedSet::new(feeds, &engine.config().instruments).expect("good rows");
/// assert_eq!(set.stop_before(Some(3)), 4);
/// assert_eq!(engine.step_set(&mut set, 0).expect("good rows").ticks_done, 4);
/// assert_eq!((set.cursor(0), set.next_time(1)), (2, Some(3)));
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FeedSet<'a> {
    /// As they were given: their cursors stay at the rows where the feeds begin.
    feeds: Vec<Feed<'a>>,
    /// Times up to the end of each feed.
    times: Vec<&'a [i64]>,
    /// What the kernel reads and where it moves the cursors, never beyond the end of its feed.
    raw: Vec<sys::tks_feed>,
}

// SAFETY: the pointers in `raw` are those of slices that `feeds` borrows, which may be sent.
unsafe impl Send for FeedSet<'_> {}

impl<'a> FeedSet<'a> {
    /// Takes feeds in ascending order of instruments, one each, for an engine with these instruments.
    /// Rows that were not checked yet are checked now.
    ///
    /// # Errors
    /// The first row that breaks a rule; INSTRUMENT.
    pub fn new(feeds: Vec<Feed<'a>>, instruments: &[Instrument]) -> Result<FeedSet<'a>, RowError> {
        let mut set = FeedSet {
            feeds: Vec::with_capacity(feeds.len()),
            times: Vec::with_capacity(feeds.len()),
            raw: Vec::with_capacity(feeds.len()),
        };
        for feed in feeds {
            let rules = instruments.get(feed.instrument() as usize);
            let rules = rules.ok_or(crate::Error::from(Status::Instrument))?;
            let is_checked = feed.is_checked_for(rules);
            let feed = if is_checked {
                feed
            } else {
                feed.checked(rules)?
            };
            set.raw.push(feed.raw(Some(rules)));
            set.times.push(&feed.columns().time[..feed.end()]);
            set.feeds.push(feed);
        }
        Ok(set)
    }

    /// How many feeds there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The next row to take of a feed.
    #[must_use]
    #[inline]
    pub fn cursor(&self, feed: usize) -> usize {
        self.raw[feed].cursor as usize
    }

    /// The row at which a feed ends.
    #[must_use]
    #[inline]
    pub fn end(&self, feed: usize) -> usize {
        self.times[feed].len()
    }

    /// The time of the next row of a feed; none at its end.
    #[must_use]
    #[inline]
    pub fn next_time(&self, feed: usize) -> Option<i64> {
        self.times[feed].get(self.cursor(feed)).copied()
    }

    /// Goes to another row of a feed.
    ///
    /// # Panics
    /// When the feed ends before it.
    #[inline]
    pub fn set_cursor(&mut self, feed: usize, row: usize) {
        assert!(row <= self.end(feed), "the row is one of the feed");
        self.raw[feed].cursor = row as u64;
    }

    /// Goes back to the rows where the feeds began.
    pub fn rewind(&mut self) {
        for (raw, feed) in self.raw.iter_mut().zip(&self.feeds) {
            raw.cursor = feed.cursor() as u64;
        }
    }

    /// Lets the next call stop before the first row at or after a time, or at the ends. Tells how many
    /// rows that are, over all feeds.
    pub fn stop_before(&mut self, time: Option<i64>) -> usize {
        let mut rows = 0;
        for (raw, times) in self.raw.iter_mut().zip(&self.times) {
            let cursor = raw.cursor as usize;
            let ahead = match time {
                Some(time) => rows_before(&times[cursor..], time),
                None => times.len() - cursor,
            };
            raw.count = (cursor + ahead) as u64;
            rows += ahead;
        }
        rows
    }

    /// Lets the next call stop after so many rows of the merged order, of at least as many that it
    /// would have taken.
    pub fn stop_after(&mut self, rows: usize) {
        let ahead: Vec<&[i64]> = self
            .raw
            .iter()
            .zip(&self.times)
            .map(|(raw, times)| &times[raw.cursor as usize..raw.count as usize])
            .collect();
        for (raw, rows) in self.raw.iter_mut().zip(first_rows(&ahead, rows)) {
            raw.count = raw.cursor + rows as u64;
        }
    }

    /// Lets the next call stop after a row of a feed, as the merged order has it; or after all rows of
    /// its time.
    pub(crate) fn stop_after_row(&mut self, feed: usize, row: usize, whole_time: bool) {
        if let ([raw], false) = (&mut self.raw[..], whole_time) {
            raw.count = row as u64 + 1;
            return;
        }
        let time = self.times[feed][row];
        for (place, (raw, times)) in self.raw.iter_mut().zip(&self.times).enumerate() {
            let cursor = raw.cursor as usize;
            let ahead = &times[cursor..];
            let end = match place {
                _ if place == feed && !whole_time => row + 1,
                // Of the same time, rows of feeds before this one come first.
                _ if whole_time || place < feed => cursor + rows_before(ahead, time + 1),
                _ => cursor + rows_before(ahead, time),
            };
            raw.count = end.max(cursor) as u64;
        }
    }

    /// Lets the next call run to the ends.
    pub(crate) fn stop_at_ends(&mut self) {
        for (raw, times) in self.raw.iter_mut().zip(&self.times) {
            raw.count = times.len() as u64;
        }
    }

    /// Tells the processor that a row of a feed will be read soon: rows far apart are not guessed.
    #[inline]
    pub(crate) fn announce(&self, feed: usize, row: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let columns = self.feeds[feed].columns();
            let (time, price) = (columns.time.get(row), columns.price_ticks.get(row));
            let qty = columns.qty_lots.and_then(|lots| lots.get(row));
            for number in [time, price, qty].into_iter().flatten() {
                // SAFETY: a hint reads nothing.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(number).cast()) };
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (feed, row);
    }

    /// Time of a row.
    pub(crate) fn time_at(&self, feed: usize, row: usize) -> i64 {
        self.times[feed][row]
    }

    pub(crate) fn feeds(&self) -> &[Feed<'a>] {
        &self.feeds
    }

    pub(crate) fn raw_mut(&mut self) -> &mut [sys::tks_feed] {
        &mut self.raw
    }
}

/// How many times come before this one; cheap when they are few.
fn rows_before(times: &[i64], time: i64) -> usize {
    let mut end = 1;
    while end <= times.len() && times[end - 1] < time {
        end *= 2;
    }
    let (low, high) = (end / 2, end.min(times.len()));
    low + times[low..high].partition_point(|row_time| *row_time < time)
}

/// How many rows of each are among the first of all, which come in order of time, then of their place
/// here. There are at least as many.
fn first_rows(times: &[&[i64]], rows: usize) -> Vec<usize> {
    let before =
        |time: i64| -> Vec<usize> { times.iter().map(|times| rows_before(times, time)).collect() };
    if let [_] = times {
        return vec![rows];
    }
    // The last time of which at least one row is taken: the smallest with so many rows up to it.
    let mut low = times
        .iter()
        .filter_map(|times| times.first())
        .min()
        .copied()
        .unwrap_or(0);
    let mut high = times
        .iter()
        .filter_map(|times| times.last())
        .max()
        .copied()
        .unwrap_or(0);
    while low < high {
        let middle = low + (high.abs_diff(low) / 2) as i64;
        if before(middle + 1).iter().sum::<usize>() >= rows {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let mut first = before(low);
    let mut rest = rows - first.iter().sum::<usize>();
    for (taken, all) in first.iter_mut().zip(before(low + 1)) {
        let more = rest.min(all - *taken);
        *taken += more;
        rest -= more;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::{first_rows, rows_before};

    #[test]
    fn rows_before_a_time_are_counted() {
        for rows in 0..40 {
            let times: Vec<i64> = (0..rows).map(|row| row / 3).collect();
            for time in -1..15 {
                let expected = times.iter().filter(|row_time| **row_time < time).count();
                assert_eq!(
                    rows_before(&times, time),
                    expected,
                    "{rows} rows, time {time}"
                );
            }
        }
    }

    #[test]
    fn first_rows_are_those_of_the_merged_order() {
        let times: [&[i64]; 4] = [&[1, 1, 5], &[], &[1, 2, 2, 9], &[0, 2]];
        let mut merged: Vec<(i64, usize)> = Vec::new();
        for (place, times) in times.iter().enumerate() {
            merged.extend(times.iter().map(|time| (*time, place)));
        }
        merged.sort_unstable();
        for rows in 0..=merged.len() {
            let mut expected = vec![0; times.len()];
            for (_, place) in &merged[..rows] {
                expected[*place] += 1;
            }
            assert_eq!(first_rows(&times, rows), expected, "the first {rows}");
        }
    }
}
