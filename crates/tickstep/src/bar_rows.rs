//! Bars as rows of ticks: of each its open, then stretches from there to its close.

use tickstep_sys as sys;

use crate::columns::Feed;
use crate::config::Instrument;
use crate::error::RowError;
use crate::order::Side;
use crate::ticks::{OwnedColumns, Tick};

/// What the stretches of a bar are, and after which of its rows it is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarFill {
    /// One from low to high, in the bar's last moment; then the bar is told of.
    NextOpen,
    /// The same a moment earlier; then the bar is told of, and a last row is at the close.
    Close,
    /// To the nearer extreme, to the other, to the close, in the last three moments. Where both are
    /// as near, the low comes first in a bar that does not fall, else the high.
    Path,
}

impl BarFill {
    /// Every member.
    pub const ALL: &'static [BarFill] = &[BarFill::NextOpen, BarFill::Close, BarFill::Path];

    /// How it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            BarFill::NextOpen => "next_open",
            BarFill::Close => "close",
            BarFill::Path => "path",
        }
    }

    /// Rows of each bar.
    #[must_use]
    pub const fn rows(self) -> usize {
        match self {
            BarFill::NextOpen => 2,
            BarFill::Close => 3,
            BarFill::Path => 4,
        }
    }

    /// How many of them are past when the bar is told of.
    #[must_use]
    pub const fn told_after(self) -> usize {
        match self {
            BarFill::NextOpen | BarFill::Close => 2,
            BarFill::Path => 4,
        }
    }
}

/// Where bars end.
#[derive(Clone, Copy, Debug)]
pub enum Ends<'a> {
    /// So long after they begin.
    After(i64),
    /// At these times, one for each.
    At(&'a [i64]),
}

/// Columns of bars, all of one length, read as rows of ticks.
///
/// ```
/// use tickstep::{BarFill, BarRows, Ends};
/// let (time, open, high, low, close, volume) = ([0], [10], [15], [8], [12], [7]);
/// let bars = BarRows {
///     time: &time, open: &open, high: &high, low: &low, close: &close, volume: &volume,
///     ends: Ends::After(100), fill: BarFill::Path,
/// };
/// let rows = (0..bars.fill.rows()).map(|place| bars.tick(0, place));
/// let path: Vec<(i64, i64)> = rows.map(|tick| (tick.time, tick.price_ticks)).collect();
/// assert_eq!(path, [(0, 10), (97, 8), (98, 15), (99, 12)]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BarRows<'a> {
    /// When each begins, ascending.
    pub time: &'a [i64],
    /// First price, in ticks.
    pub open: &'a [i64],
    /// Highest price.
    pub high: &'a [i64],
    /// Lowest price.
    pub low: &'a [i64],
    /// Last price.
    pub close: &'a [i64],
    /// Quantity traded, in lots; all rows of a bar share it.
    pub volume: &'a [i64],
    /// First time after each.
    pub ends: Ends<'a>,
    /// Which rows they are.
    pub fill: BarFill,
}

impl BarRows<'_> {
    /// How many bars there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// First time after a bar.
    #[must_use]
    #[inline]
    pub fn end(&self, bar: usize) -> i64 {
        match self.ends {
            Ends::After(length) => self.time[bar].saturating_add(length),
            Ends::At(times) => times[bar],
        }
    }

    /// Time of a row of a bar.
    #[must_use]
    #[inline]
    pub fn time_of(&self, bar: usize, place: usize) -> i64 {
        if place == 0 {
            return self.time[bar];
        }
        let left = (self.fill.rows() - place) as i64;
        (self.end(bar).saturating_sub(left)).max(self.time[bar])
    }

    /// A row of a bar.
    #[must_use]
    #[inline]
    pub fn tick(&self, bar: usize, place: usize) -> Tick {
        let (low, high, price) = self.stretch(bar, place);
        let time = self.time_of(bar, place);
        let tick = Tick::new(time, price, self.volume[bar], Side::Buy).range(low, high);
        if place == 0 { tick } else { tick.continuing() }
    }

    /// Low, high and last price of a row.
    #[inline]
    fn stretch(&self, bar: usize, place: usize) -> (i64, i64, i64) {
        let (open, close) = (self.open[bar], self.close[bar]);
        match (self.fill, place) {
            (_, 0) => (open, open, open),
            (BarFill::NextOpen | BarFill::Close, 1) => (self.low[bar], self.high[bar], close),
            (BarFill::NextOpen | BarFill::Close, _) => (close, close, close),
            (BarFill::Path, _) => {
                let (near, far) = self.extremes_in_turn(bar);
                let (start, end) = match place {
                    1 => (open, near),
                    2 => (near, far),
                    _ => (far, close),
                };
                (start.min(end), start.max(end), end)
            }
        }
    }

    /// The extreme that is nearer to the open, and the other.
    fn extremes_in_turn(&self, bar: usize) -> (i64, i64) {
        let (open, low, high) = (self.open[bar], self.low[bar], self.high[bar]);
        let does_not_fall = self.close[bar] >= open;
        let (down, up) = (open.abs_diff(low), high.abs_diff(open));
        if down < up || down == up && does_not_fall {
            (low, high)
        } else {
            (high, low)
        }
    }

    /// All rows as columns: bid and ask are lows and highs.
    #[must_use]
    pub fn columns(&self) -> OwnedColumns {
        let column = |of: &dyn Fn(&Tick) -> i64| -> Vec<i64> {
            let mut column = Vec::with_capacity(self.fill.rows() * self.len());
            for bar in 0..self.len() {
                column.extend((0..self.fill.rows()).map(|place| of(&self.tick(bar, place))));
            }
            column
        };
        let continued = |place: usize| {
            if place == 0 {
                0
            } else {
                sys::TKS_SIDE_CONTINUES
            }
        };
        let places = (0..self.len()).flat_map(|_| (0..self.fill.rows()).map(continued));
        OwnedColumns {
            time: column(&|tick| tick.time),
            price_ticks: column(&|tick| tick.price_ticks),
            qty_lots: Some(column(&|tick| tick.qty_lots)),
            side: Some(places.collect()),
            bid_ticks: Some(column(&|tick| tick.bid_ticks)),
            ask_ticks: Some(column(&|tick| tick.ask_ticks)),
            has_ranges: true,
        }
    }

    /// Checks all rows against the rules of an instrument, as the columns would be.
    ///
    /// # Errors
    /// The first row that breaks a rule.
    pub fn check(&self, rules: &Instrument) -> Result<(), RowError> {
        if self.obeys(rules) {
            return Ok(());
        }
        let columns = self.columns();
        Feed::new(0, columns.as_columns())?.check(rules)
    }

    /// Whether no row can break a rule; quicker to see than which one does.
    fn obeys(&self, rules: &Instrument) -> bool {
        let lowest = if rules.allow_negative {
            1 - PRICE_END
        } else {
            1
        };
        let mut before = -TIME_END;
        (0..self.len()).all(|bar| {
            let (time, end) = (self.time[bar], self.end(bar));
            let (open, close) = (self.open[bar], self.close[bar]);
            let is_sound = before <= time
                && time < end
                && end < TIME_END
                && lowest <= self.low[bar]
                && self.low[bar] <= open.min(close)
                && open.max(close) <= self.high[bar]
                && self.high[bar] < PRICE_END
                && (0..QTY_END).contains(&self.volume[bar]);
            before = end - 1;
            is_sound
        })
    }
}

/// Bounds of the kernel's rules for ticks.
const PRICE_END: i64 = 1 << 48;
const QTY_END: i64 = 1 << 62;
const TIME_END: i64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::{BarFill, BarRows, Ends};
    use crate::columns::Feed;
    use crate::config::Instrument;

    fn next(seed: &mut u64) -> i64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 33) as i64
    }

    /// Bars of which one in a few breaks a rule are refused as their columns are.
    #[test]
    fn rows_are_refused_as_their_columns() {
        let mut seed = 7;
        let (mut refused, mut taken) = (0, 0);
        for round in 0..600 {
            let mut random = |below: i64| next(&mut seed) % below;
            let mut bars: [Vec<i64>; 6] = Default::default();
            for bar in 0..4 {
                let open = 1 + random(5);
                let close = 1 + random(5);
                let fault = if round % 2 == 0 { 0 } else { random(30) };
                let figures = [
                    bar * 10 - 6 * i64::from(fault == 1),
                    open,
                    open.max(close) + random(3) - 9 * i64::from(fault == 2),
                    open.min(close)
                        - random(1 + open.min(close)).min(if fault == 3 { 9 } else { 0 }),
                    close,
                    random(4) - i64::from(fault == 4) * 9,
                ];
                for (column, figure) in bars.iter_mut().zip(figures) {
                    column.push(figure);
                }
            }
            let [time, open, high, low, close, volume] = &bars;
            let fill = BarFill::ALL[round % 3];
            let ends: Vec<i64> = time.iter().map(|time| time + 10).collect();
            let ends = if round % 5 == 0 {
                Ends::At(&ends)
            } else {
                Ends::After(10)
            };
            let rows = BarRows {
                time,
                open,
                high,
                low,
                close,
                volume,
                ends,
                fill,
            };
            let rules = Instrument::new(1);
            let columns = rows.columns();
            let feed = Feed::new(0, columns.as_columns()).expect("columns of one length");
            let expected = feed.check(&rules);
            assert_eq!(rows.check(&rules), expected, "{rows:?}");
            refused += usize::from(expected.is_err());
            taken += usize::from(expected.is_ok());
        }
        assert!(
            refused > 30 && taken > 300,
            "{refused} refused, {taken} taken"
        );
    }
}
