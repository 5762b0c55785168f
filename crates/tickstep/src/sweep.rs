//! Many sets of signals over the same rows, and what is worth knowing of each without keeping its events.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::engine::Engine;
use crate::error::BatchError;
use crate::event::{Digest, Event, EventKind};
use crate::feed_set::FeedSet;
use crate::signals::{Leg, SignalRules};

/// What came of one set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalOutcome {
    /// Of all its events.
    pub digest: Digest,
    /// Equity at the end.
    pub equity_units: i64,
    /// Fees paid.
    pub fees_units: i64,
    /// Executions.
    pub fills: u64,
    /// Orders refused.
    pub rejected: u64,
    /// Closed round trips, first in first out.
    pub round_trips: u64,
    /// Entries that came to less than one board lot.
    pub too_small: u64,
    /// Equity before and at the bottom of the deepest fall, as a fraction of the peak, over every row;
    /// equal where there was none, and of several instruments.
    pub peak_units: i64,
    /// See `peak_units`.
    pub trough_units: i64,
}

/// Runs sets of signals, each from the engine's present state over the feeds of the set, on so many
/// threads. `set_of` gives legs and rules of a set by its index.
///
/// # Errors
/// The index of a set that could not run, and why.
///
/// # Panics
/// When a thread does.
pub fn run_signal_sets<'a>(
    engine: &Engine,
    feeds: &FeedSet<'_>,
    sets: Range<usize>,
    workers: usize,
    set_of: &(dyn Fn(usize) -> (Vec<Leg<'a>>, SignalRules) + Sync),
) -> Result<Vec<SignalOutcome>, (usize, BatchError)> {
    let next = AtomicUsize::new(sets.start);
    let work = |fresh: Engine, mut feeds: FeedSet<'_>| {
        let mut done = Vec::new();
        loop {
            let set = next.fetch_add(1, Relaxed);
            if set >= sets.end {
                return Ok(done);
            }
            let (legs, rules) = set_of(set);
            let begin: Vec<usize> = (0..feeds.len()).map(|feed| feeds.cursor(feed)).collect();
            let outcome = run_one(&mut fresh.fork(), &mut feeds, &legs, &rules);
            for (feed, row) in begin.into_iter().enumerate() {
                feeds.set_cursor(feed, row);
            }
            done.push((set, outcome.map_err(|error| (set, error))?));
        }
    };
    let mut done = if workers <= 1 {
        work(engine.fork(), feeds.clone())?
    } else {
        thread::scope(|scope| {
            let running: Vec<_> = (0..workers.min(sets.len()))
                .map(|_| (engine.fork(), feeds.clone()))
                .map(|(engine, feeds)| scope.spawn(|| work(engine, feeds)))
                .collect();
            let joined = running
                .into_iter()
                .map(|each| each.join().expect("no panic"));
            joined
                .collect::<Result<Vec<_>, _>>()
                .map(|parts| parts.concat())
        })?
    };
    done.sort_unstable_by_key(|(set, _)| *set);
    Ok(done.into_iter().map(|(_, outcome)| outcome).collect())
}

fn run_one(
    engine: &mut Engine,
    feeds: &mut FeedSet<'_>,
    legs: &[Leg<'_>],
    rules: &SignalRules,
) -> Result<SignalOutcome, BatchError> {
    let start = engine.snapshot(0).map_err(BatchError::before_start)?;
    let mut tally = Tally::new(feeds, start.equity_units, engine);
    let prices = tally.prices;
    let result = engine.run_signals(feeds, legs, rules, Some(&mut |event| tally.take(event)))?;
    let end = engine.snapshot(0).map_err(BatchError::before_start)?;
    tally.fall.hold(
        tally.base,
        tally.slope,
        &prices[tally.row.min(prices.len())..],
    );
    let (peak, trough) = tally.fall.deepest();
    Ok(SignalOutcome {
        digest: engine.event_digest(),
        equity_units: end.equity_units,
        fees_units: end.wallet_fees_units,
        too_small: result.too_small,
        peak_units: peak,
        trough_units: trough,
        ..tally.outcome
    })
}

/// Counts what events tell.
struct Tally<'a> {
    outcome: SignalOutcome,
    /// Open lots by instrument, the oldest first, signed.
    open: Vec<VecDeque<i64>>,
    /// Prices of the one instrument; none of several.
    prices: &'a [i64],
    units_per_tick_lot: i64,
    /// Equity after the rows from `row` on is base + slope · price.
    row: usize,
    base: i64,
    slope: i64,
    fall: Fall,
}

impl<'a> Tally<'a> {
    fn new(feeds: &FeedSet<'a>, equity_units: i64, engine: &Engine) -> Tally<'a> {
        let prices = match feeds.feeds() {
            [only] => &only.columns().price_ticks[feeds.cursor(0)..feeds.end(0)],
            _ => &[],
        };
        let instruments = &engine.config().instruments;
        Tally {
            outcome: SignalOutcome::default(),
            open: vec![VecDeque::new(); instruments.len()],
            prices,
            units_per_tick_lot: instruments[0].units_per_tick_lot,
            row: 0,
            base: equity_units,
            slope: 0,
            fall: Fall::from(equity_units),
        }
    }

    fn take(&mut self, event: &Event) {
        if event.is(EventKind::Rejected) {
            self.outcome.rejected += 1;
        }
        if !event.is(EventKind::Filled) {
            return;
        }
        self.outcome.fills += 1;
        self.match_lots(event.instrument as usize, event.qty_lots);
        if self.prices.is_empty() {
            return;
        }
        let row = event.tick_index as usize;
        self.fall
            .hold(self.base, self.slope, &self.prices[self.row..row]);
        self.row = row;
        let units = event.qty_lots * self.units_per_tick_lot;
        self.base -= units * event.price_ticks + event.fee_units;
        self.slope += units;
    }

    /// Closes the oldest lots of the other side, and opens what is left.
    fn match_lots(&mut self, instrument: usize, mut lots: i64) {
        let open = &mut self.open[instrument];
        while let Some(oldest) = open.front_mut().filter(|oldest| **oldest ^ lots < 0) {
            self.outcome.round_trips += 1;
            let matched = oldest.abs().min(lots.abs()) * lots.signum();
            *oldest += matched;
            lots -= matched;
            if *oldest == 0 {
                open.pop_front();
            }
            if lots == 0 {
                return;
            }
        }
        open.push_back(lots);
    }
}

/// Rows looked at together.
const BLOCK_ROWS: usize = 64;

/// Whether no price is outside. Differences are below 0 where one is: or-ing them needs no compares of
/// 64 bits, which plain registers lack.
#[inline]
fn is_within(prices: &[i64], (low, high): &(i64, i64)) -> bool {
    prices
        .iter()
        .fold(0, |any, price| any | (price - low) | (high - price))
        >= 0
}

/// The deepest fall of a curve under its highest point so far, as a fraction of that point.
struct Fall {
    peak: i64,
    trough: i64,
    deepest: (i64, i64),
}

impl Fall {
    fn from(start: i64) -> Fall {
        Fall {
            peak: start,
            trough: start,
            deepest: (start, start),
        }
    }

    /// Takes in base + slope · price of each row.
    fn hold(&mut self, base: i64, slope: i64, prices: &[i64]) {
        if prices.is_empty() {
            return;
        }
        if slope == 0 {
            return self.push(base);
        }
        let mut quiet = self.quiet(base, slope);
        for block in prices.chunks(BLOCK_ROWS) {
            if !is_within(block, &quiet) {
                block
                    .iter()
                    .for_each(|price| self.push(base + slope * price));
                quiet = self.quiet(base, slope);
            }
        }
    }

    /// The prices that change neither peak nor trough.
    fn quiet(&self, base: i64, slope: i64) -> (i64, i64) {
        let (low, high) = (self.trough - base, self.peak - base);
        if slope > 0 {
            (-(-low).div_euclid(slope), high.div_euclid(slope))
        } else {
            (-high.div_euclid(-slope), (-low).div_euclid(-slope))
        }
    }

    #[inline]
    fn push(&mut self, value: i64) {
        if value > self.peak {
            self.settle();
            (self.peak, self.trough) = (value, value);
        }
        self.trough = self.trough.min(value);
    }

    /// Keeps the fall from the present peak if it is the deepest.
    fn settle(&mut self) {
        let (peak, trough) = self.deepest;
        let is_fraction = self.peak > 0 && self.trough < self.peak;
        let part = |peak: i64, trough: i64, of: i64| {
            (i128::from(peak) - i128::from(trough)) * i128::from(of)
        };
        if is_fraction && part(self.peak, self.trough, peak.max(1)) > part(peak, trough, self.peak)
        {
            self.deepest = (self.peak, self.trough);
        }
    }

    fn deepest(mut self) -> (i64, i64) {
        self.settle();
        self.deepest
    }
}

#[cfg(test)]
mod tests {
    use super::Fall;

    #[test]
    fn blocks_find_the_fall_that_single_rows_find() {
        let mut state = 7_u64;
        for length in [0, 1, 63, 64, 65, 500] {
            let mut price = 1_000_i64;
            let prices: Vec<i64> = (0..length)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    price += ((state >> 33) % 21) as i64 - 10;
                    price
                })
                .collect();
            for slope in [3, -2, 0] {
                let mut blocks = Fall::from(5_000);
                blocks.hold(5_000 - slope * 1_000, slope, &prices);
                let mut rows = Fall::from(5_000);
                prices
                    .iter()
                    .for_each(|price| rows.push(5_000 + slope * (price - 1_000)));
                assert_eq!(
                    blocks.deepest(),
                    rows.deepest(),
                    "{length} rows, slope {slope}"
                );
            }
        }
    }
}
