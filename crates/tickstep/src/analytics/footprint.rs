//! Footprint: sold to the bid and bought from the ask, at each price of each bucket of time.

use crate::analytics::candles::{Amount, Rows, count_below};
use crate::analytics::check::{Fault, check_times};
use crate::analytics::profile::VolumeProfile;

/// Rows are the prices of a bucket, ascending, bucket after bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Footprint<Q> {
    /// Start of the bucket.
    pub time: Vec<i64>,
    /// The price.
    pub price_ticks: Vec<i64>,
    /// Sold by aggressors at this price: it met the bid.
    pub bid_volume: Vec<Q>,
    /// Bought by aggressors: it met the ask.
    pub ask_volume: Vec<Q>,
}

/// Turns ticks into footprints, piece by piece.
///
/// ```
/// use tickstep::analytics::{FootprintBuilder, Rows};
/// let mut builder = FootprintBuilder::new(10);
/// let rows = Rows { time: &[1, 2, 12], price_ticks: &[7, 7, 8], qty: &[1, 2, 3], side: &[0, 1, 1] };
/// let done = builder.push(rows)?;
/// assert_eq!((done.time, done.price_ticks), (vec![0], vec![7]));
/// assert_eq!((done.bid_volume, done.ask_volume), (vec![2], vec![1]));
/// assert_eq!(builder.finish().bid_volume, [3]);
/// # Ok::<(), tickstep::analytics::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct FootprintBuilder<Q> {
    interval: i64,
    /// Start of the bucket that has not ended.
    bucket: Option<i64>,
    profile: VolumeProfile<Q>,
    previous: i64,
}

impl<Q: Amount> FootprintBuilder<Q> {
    /// Starts without a bucket; the interval is above 0.
    #[must_use]
    pub fn new(interval: i64) -> Self {
        FootprintBuilder {
            interval,
            bucket: None,
            profile: VolumeProfile::new(),
            previous: i64::MIN / 2,
        }
    }

    /// Takes ticks; the rows of the buckets that they end.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(&mut self, rows: Rows<'_, Q>) -> Result<Footprint<Q>, Fault> {
        rows.check_lengths()?;
        check_times(rows.time, self.previous)?;
        // Rows of the open bucket alone are counted all or none by the profile.
        if self.is_open_at(rows.time.last()) {
            return self.push_all(rows);
        }
        let mut next = self.clone();
        let out = next.push_all(rows)?;
        *self = next;
        Ok(out)
    }

    fn is_open_at(&self, time: Option<&i64>) -> bool {
        let end = self.bucket.map(|start| start.saturating_add(self.interval));
        end.zip(time).is_some_and(|(end, time)| *time < end)
    }

    /// The bucket that has not ended, as it stands.
    #[must_use]
    pub fn peek(&self) -> Footprint<Q> {
        let mut out = Footprint::default();
        self.put(&mut out);
        out
    }

    /// The bucket that has not ended; the next tick begins a new one.
    #[must_use]
    pub fn finish(&mut self) -> Footprint<Q> {
        let out = self.peek();
        self.bucket = None;
        self.profile.clear();
        out
    }

    fn push_all(&mut self, rows: Rows<'_, Q>) -> Result<Footprint<Q>, Fault> {
        let mut out = Footprint::default();
        let mut start = 0;
        while start < rows.time.len() {
            let time = rows.time[start];
            let bucket = time - time.rem_euclid(self.interval);
            if self.bucket.is_some_and(|open| open != bucket) {
                self.put(&mut out);
                self.profile.clear();
            }
            self.bucket = Some(bucket);
            let bucket_end = bucket.saturating_add(self.interval);
            let end = start + count_below(&rows.time[start..], bucket_end);
            let part = rows.part(start, end);
            self.profile
                .push(part.price_ticks, part.qty, part.side)
                .map_err(|fault| fault.shifted(start))?;
            start = end;
        }
        self.previous = rows.time.last().copied().unwrap_or(self.previous);
        Ok(out)
    }

    fn put(&self, out: &mut Footprint<Q>) {
        let Some(bucket) = self.bucket else { return };
        for level in self.profile.levels() {
            out.time.push(bucket);
            out.price_ticks.push(level.price_ticks);
            out.bid_volume.push(level.sell);
            out.ask_volume.push(level.buy);
        }
    }
}
