//! Ticks to candles: bars of time, of ticks, of volume, of money and of imbalance.
//!
//! Where a bar ends is found first: for time by a gallop through the times, so that most of them
//! are only seen by the check of their order. What is in the bar is then folded with loops over
//! single columns, which vectorise.

use crate::analytics::check::{
    Fault, FaultRule, bits_of, bits_of_count, check_length, check_sides, check_times,
};
use crate::analytics::profile::total_whole;
use crate::analytics::simd::{Work, run_wide};

/// Rows checked and folded while they are in the nearest cache.
const BLOCK_ROWS: usize = 512;

/// Empty buckets made for one piece at most: a wrong time must not fill the memory.
const EMPTY_MAX: u64 = 20_000_000;

/// Quantities: whole lots, summed exactly, or floats, summed row by row.
pub trait Amount: Copy + Default + PartialOrd + Send + Sync + std::fmt::Debug + 'static {
    /// Price × quantity.
    type Money: Copy + Default + PartialOrd + Send + Sync + std::fmt::Debug;

    #[doc(hidden)]
    fn check(qtys: &[Self]) -> Result<(), Fault>;
    #[doc(hidden)]
    fn add(self, other: Self) -> Option<Self>;
    #[doc(hidden)]
    fn distance(self, other: Self) -> Self;
    #[doc(hidden)]
    fn money(self, price_ticks: i64) -> Self::Money;
    #[doc(hidden)]
    fn add_money(sum: Self::Money, other: Self::Money) -> Option<Self::Money>;
    #[doc(hidden)]
    fn money_to_f64(money: Self::Money) -> f64;
    /// Whether the order of a sum does not matter.
    #[doc(hidden)]
    const IS_EXACT: bool;
    /// A sum that is known to fit.
    #[doc(hidden)]
    fn add_within(self, other: Self) -> Self;
    /// The sum and all of these, when it fits.
    #[doc(hidden)]
    fn total(sum: Self, qtys: &[Self]) -> Option<Self>;
    #[doc(hidden)]
    fn fold(sums: &mut Sums<Self>, qtys: &[Self], sides: &[u8]) -> Option<()>;
}

/// Quantities of a bar.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums<Q> {
    volume: Q,
    buy: Q,
    sell: Q,
}

impl Amount for i64 {
    type Money = i128;

    const IS_EXACT: bool = true;

    #[inline(always)]
    fn add_within(self, other: i64) -> i64 {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn total(sum: i64, qtys: &[i64]) -> Option<i64> {
        total_whole(sum, qtys)
    }

    #[inline(always)]
    fn check(qtys: &[i64]) -> Result<(), Fault> {
        if qtys.iter().fold(0, |bits, qty| bits | qty) >= 0 {
            return Ok(());
        }
        let row = qtys.iter().position(|qty| *qty < 0).unwrap_or(0);
        let found = qtys[row].to_string();
        Err(Fault::at(row, FaultRule::Quantity { found }))
    }

    #[inline(always)]
    fn add(self, other: i64) -> Option<i64> {
        self.checked_add(other)
    }

    #[inline(always)]
    fn distance(self, other: i64) -> i64 {
        (self - other).abs() // both are 0 or more
    }

    #[inline(always)]
    fn money(self, price_ticks: i64) -> i128 {
        i128::from(self) * i128::from(price_ticks)
    }

    #[inline(always)]
    fn add_money(sum: i128, other: i128) -> Option<i128> {
        sum.checked_add(other)
    }

    fn money_to_f64(money: i128) -> f64 {
        money as f64
    }

    #[inline(always)]
    fn fold(sums: &mut Sums<i64>, qtys: &[i64], sides: &[u8]) -> Option<()> {
        let (mut volume, mut buy, mut bits) = (0_i64, 0_i64, 0_i64);
        for (qty, side) in qtys.iter().zip(sides) {
            // All ones for BUY, 0 for SELL.
            let is_buy = i64::from(*side) - 1;
            volume = volume.wrapping_add(*qty);
            buy = buy.wrapping_add(qty & is_buy);
            bits |= qty;
        }
        if bits_of(bits) + bits_of_count(qtys.len()) > 62 {
            return fold_large(sums, qtys, sides);
        }
        sums.volume = sums.volume.checked_add(volume)?;
        // Parts of the volume, which fits.
        sums.buy += buy;
        sums.sell += volume - buy;
        Some(())
    }
}

#[cold]
fn fold_large(sums: &mut Sums<i64>, qtys: &[i64], sides: &[u8]) -> Option<()> {
    for (qty, side) in qtys.iter().zip(sides) {
        sums.volume = sums.volume.checked_add(*qty)?;
        if *side == 0 {
            sums.buy += qty;
        } else {
            sums.sell += qty;
        }
    }
    Some(())
}

impl Amount for f64 {
    type Money = f64;

    const IS_EXACT: bool = false;

    #[inline(always)]
    fn add_within(self, other: f64) -> f64 {
        self + other
    }

    #[inline(always)]
    fn total(sum: f64, qtys: &[f64]) -> Option<f64> {
        let total = qtys.iter().fold(sum, |sum, qty| sum + qty);
        total.is_finite().then_some(total)
    }

    #[inline(always)]
    fn check(qtys: &[f64]) -> Result<(), Fault> {
        let is_bad = |qty: f64| !(0.0..=f64::MAX).contains(&qty);
        match qtys.iter().position(|qty| is_bad(*qty)) {
            None => Ok(()),
            Some(row) => {
                let found = format!("{:?}", qtys[row]);
                Err(Fault::at(row, FaultRule::Quantity { found }))
            }
        }
    }

    #[inline(always)]
    fn add(self, other: f64) -> Option<f64> {
        let sum = self + other;
        sum.is_finite().then_some(sum)
    }

    #[inline(always)]
    fn distance(self, other: f64) -> f64 {
        (self - other).abs()
    }

    #[inline(always)]
    fn money(self, price_ticks: i64) -> f64 {
        price_ticks as f64 * self
    }

    #[inline(always)]
    fn add_money(sum: f64, other: f64) -> Option<f64> {
        sum.add(other)
    }

    fn money_to_f64(money: f64) -> f64 {
        money
    }

    #[inline(always)]
    fn fold(sums: &mut Sums<f64>, qtys: &[f64], sides: &[u8]) -> Option<()> {
        let Sums {
            mut volume,
            mut buy,
            mut sell,
        } = *sums;
        for (qty, side) in qtys.iter().zip(sides) {
            // Adding 0.0 changes no sum of numbers that are 0 or more.
            let bought = if *side == 0 { *qty } else { 0.0 };
            volume += qty;
            buy += bought;
            sell += qty - bought;
        }
        *sums = Sums { volume, buy, sell };
        volume.is_finite().then_some(())
    }
}

/// When a bar ends. The tick that reaches an amount is the last of its bar and is never split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BarRule<Q: Amount> {
    /// Buckets of this much time, from multiples of it: the start is the time rounded down.
    Time(i64),
    /// This many ticks.
    Ticks(i64),
    /// At least this quantity.
    Volume(Q),
    /// At least this much price × quantity, in ticks × lots.
    Money(Q::Money),
    /// Bought less sold, or sold less bought, is at least this.
    Imbalance(Q),
}

/// Ticks as columns of one length.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, Q> {
    /// Never descending.
    pub time: &'a [i64],
    /// Prices.
    pub price_ticks: &'a [i64],
    /// Quantities, none below 0.
    pub qty: &'a [Q],
    /// 0 bought, 1 sold.
    pub side: &'a [u8],
}

impl<Q> Rows<'_, Q> {
    pub(super) fn check_lengths(&self) -> Result<(), Fault> {
        let rows = self.time.len();
        check_length("price_ticks", rows, self.price_ticks.len())?;
        check_length("qtys", rows, self.qty.len())?;
        check_length("sides", rows, self.side.len())
    }

    #[inline(always)]
    pub(super) fn part(&self, start: usize, end: usize) -> Self {
        Rows {
            time: &self.time[start..end],
            price_ticks: &self.price_ticks[start..end],
            qty: &self.qty[start..end],
            side: &self.side[start..end],
        }
    }
}

/// Bars as columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candles<Q> {
    /// Start of the bucket; of other bars the time of their first tick.
    pub time: Vec<i64>,
    /// Time of the last tick; of an empty bucket its start.
    pub last_time: Vec<i64>,
    /// First price.
    pub open_ticks: Vec<i64>,
    /// Highest price.
    pub high_ticks: Vec<i64>,
    /// Lowest price.
    pub low_ticks: Vec<i64>,
    /// Last price.
    pub close_ticks: Vec<i64>,
    /// Quantity.
    pub volume: Vec<Q>,
    /// Of it where the buyer was the aggressor.
    pub buy_volume: Vec<Q>,
    /// Of it where the seller was.
    pub sell_volume: Vec<Q>,
    /// Ticks.
    pub trade_count: Vec<i64>,
    /// Price × quantity in ticks × lots, rounded once; empty unless asked for.
    pub turnover: Vec<f64>,
}

impl<Q> Candles<Q> {
    /// Bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }
}

#[derive(Clone, Copy, Debug)]
struct Bar<Q: Amount> {
    time: i64,
    last_time: i64,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    sums: Sums<Q>,
    count: i64,
    money: Q::Money,
}

/// Turns ticks into bars, piece by piece.
///
/// ```
/// use tickstep::analytics::{BarRule, CandleBuilder, Rows};
/// let mut builder = CandleBuilder::new(BarRule::Time(10), false, false);
/// let rows = Rows { time: &[-3, 4, 12], price_ticks: &[7, 9, 8], qty: &[1, 2, 3], side: &[0, 0, 1] };
/// let done = builder.push(rows)?;
/// assert_eq!((done.time, done.close_ticks), (vec![-10, 0], vec![7, 9]));
/// assert_eq!(builder.finish().volume, [3]);
/// # Ok::<(), tickstep::analytics::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct CandleBuilder<Q: Amount> {
    rule: BarRule<Q>,
    fills_empty: bool,
    wants_turnover: bool,
    bar: Option<Bar<Q>>,
    previous: i64,
}

impl<Q: Amount> CandleBuilder<Q> {
    /// Starts without a bar. `fills_empty` makes bars of no volume at the last price for buckets of
    /// time without a tick; amounts and times of the rule are above 0.
    #[must_use]
    pub fn new(rule: BarRule<Q>, fills_empty: bool, wants_turnover: bool) -> Self {
        CandleBuilder {
            rule,
            fills_empty,
            wants_turnover,
            bar: None,
            previous: i64::MIN / 2,
        }
    }

    /// Takes ticks; the bars that they end.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(&mut self, rows: Rows<'_, Q>) -> Result<Candles<Q>, Fault> {
        rows.check_lengths()?;
        let mut builder = self.clone();
        let candles = run_wide(Push {
            builder: &mut builder,
            rows,
        })?;
        *self = builder;
        Ok(candles)
    }

    /// The bar that has not ended, if there is one, as it stands.
    #[must_use]
    pub fn peek(&self) -> Candles<Q> {
        let mut out = Candles::default();
        if let Some(bar) = self.bar {
            self.put(&bar, &mut out);
        }
        out
    }

    /// The bar that has not ended, if there is one; the next tick begins a new one.
    #[must_use]
    pub fn finish(&mut self) -> Candles<Q> {
        let out = self.peek();
        self.bar = None;
        out
    }

    #[inline(always)]
    fn push_block(&mut self, rows: Rows<'_, Q>, out: &mut Candles<Q>) -> Result<(), Fault> {
        check_times(rows.time, self.previous)?;
        check_sides(rows.side)?;
        Q::check(rows.qty)?;
        let mut start = 0;
        while start < rows.time.len() {
            let (time, price) = (rows.time[start], rows.price_ticks[start]);
            let mut bar = match self.bar {
                Some(bar) => bar,
                None => self.opened(time, price),
            };
            if let BarRule::Time(interval) = self.rule {
                if time >= bar.time.saturating_add(interval) {
                    self.put(&bar, out);
                    bar = self.opened(time, price);
                    self.fill_before(bar.time, interval, out)
                        .map_err(|fault| fault.shifted(start))?;
                }
            }
            let (end, is_ended) = self.end_of(&bar, rows, start);
            let part = rows.part(start, end);
            self.fold(&mut bar, part)
                .ok_or_else(|| Fault::at(start, FaultRule::Sum { name: "qtys" }))?;
            self.bar = if is_ended {
                self.put(&bar, out);
                None
            } else {
                Some(bar)
            };
            start = end;
        }
        self.previous = rows.time.last().copied().unwrap_or(self.previous);
        Ok(())
    }

    #[inline(always)]
    fn opened(&self, time: i64, price: i64) -> Bar<Q> {
        let time = match self.rule {
            BarRule::Time(interval) => time - time.rem_euclid(interval),
            _ => time,
        };
        Bar {
            time,
            last_time: time,
            open: price,
            high: price,
            low: price,
            close: price,
            sums: Sums::default(),
            count: 0,
            money: Q::Money::default(),
        }
    }

    /// Row after the last of the bar in this block, and whether the bar ends there.
    #[inline(always)]
    fn end_of(&self, bar: &Bar<Q>, rows: Rows<'_, Q>, start: usize) -> (usize, bool) {
        let block = rows.time.len();
        match self.rule {
            // Whether it has ended is known when the next tick comes.
            BarRule::Time(interval) => {
                let end = bar.time.saturating_add(interval);
                (start + count_below(&rows.time[start..], end), false)
            }
            BarRule::Ticks(count) => {
                let left = usize::try_from(count - bar.count).unwrap_or(usize::MAX);
                (
                    (start.saturating_add(left)).min(block),
                    left <= block - start,
                )
            }
            BarRule::Volume(volume) => {
                let mut sum = bar.sums.volume;
                end_where(rows, start, |qty, _, _| {
                    sum = sum.add(qty)?;
                    Some(sum >= volume)
                })
            }
            BarRule::Money(money) => {
                let mut sum = bar.money;
                end_where(rows, start, |qty, price, _| {
                    sum = Q::add_money(sum, qty.money(price))?;
                    Some(sum >= money)
                })
            }
            BarRule::Imbalance(amount) => {
                let (mut buy, mut sell) = (bar.sums.buy, bar.sums.sell);
                end_where(rows, start, |qty, _, side| {
                    let sum = if side == 0 { &mut buy } else { &mut sell };
                    *sum = sum.add(qty)?;
                    Some(buy.distance(sell) >= amount)
                })
            }
        }
    }

    #[inline(always)]
    fn fold(&self, bar: &mut Bar<Q>, rows: Rows<'_, Q>) -> Option<()> {
        let (mut high, mut low) = (bar.high, bar.low);
        for price in rows.price_ticks {
            high = high.max(*price);
            low = low.min(*price);
        }
        (bar.high, bar.low) = (high, low);
        bar.close = rows.price_ticks.last().copied()?;
        bar.last_time = rows.time.last().copied()?;
        Q::fold(&mut bar.sums, rows.qty, rows.side)?;
        bar.count += rows.time.len() as i64; // memory holds fewer than 2^63 rows
        if self.wants_turnover || matches!(self.rule, BarRule::Money(_)) {
            let mut money = bar.money;
            for (qty, price) in rows.qty.iter().zip(rows.price_ticks) {
                money = Q::add_money(money, qty.money(*price))?;
            }
            bar.money = money;
        }
        Some(())
    }

    fn put(&self, bar: &Bar<Q>, out: &mut Candles<Q>) {
        out.time.push(bar.time);
        out.last_time.push(bar.last_time);
        out.open_ticks.push(bar.open);
        out.high_ticks.push(bar.high);
        out.low_ticks.push(bar.low);
        out.close_ticks.push(bar.close);
        out.volume.push(bar.sums.volume);
        out.buy_volume.push(bar.sums.buy);
        out.sell_volume.push(bar.sums.sell);
        out.trade_count.push(bar.count);
        if self.wants_turnover {
            out.turnover.push(Q::money_to_f64(bar.money));
        }
    }

    /// Empty buckets between the bar just put and the bucket at `next`.
    fn fill_before(&self, next: i64, interval: i64, out: &mut Candles<Q>) -> Result<(), Fault> {
        let Some(bar) = self.bar.filter(|_| self.fills_empty) else {
            return Ok(());
        };
        let first = bar.time.saturating_add(interval);
        let found = next
            .saturating_sub(first)
            .div_euclid(interval)
            .unsigned_abs();
        let most = EMPTY_MAX.saturating_sub(out.len() as u64);
        if found > most {
            return Err(Fault::at(0, FaultRule::EmptyBuckets { found, most }));
        }
        let mut time = first;
        while time < next {
            let mut empty = self.opened(time, bar.close);
            empty.last_time = time;
            self.put(&empty, out);
            time += interval;
        }
        Ok(())
    }
}

struct Push<'a, Q: Amount> {
    builder: &'a mut CandleBuilder<Q>,
    rows: Rows<'a, Q>,
}

impl<Q: Amount> Work for Push<'_, Q> {
    type Out = Result<Candles<Q>, Fault>;

    #[inline(always)]
    fn run(self) -> Self::Out {
        let mut out = Candles::default();
        let rows = self.rows.time.len();
        let mut start = 0;
        while start < rows {
            let end = rows.min(start + BLOCK_ROWS);
            self.builder
                .push_block(self.rows.part(start, end), &mut out)
                .map_err(|fault| fault.shifted(start))?;
            start = end;
        }
        Ok(out)
    }
}

/// How many of the ascending times are before the end: doubling steps, then halving ones.
#[inline(always)]
pub(super) fn count_below(times: &[i64], end: i64) -> usize {
    // Most often a bar fills what is left of the block.
    if times.last().is_some_and(|time| *time < end) {
        return times.len();
    }
    let mut step = 1;
    while step < times.len() && times[step] < end {
        step *= 2;
    }
    let (first, last) = (step / 2, times.len().min(step));
    first + times[first..last].partition_point(|time| *time < end)
}

/// The first row at which the amount is reached ends the bar. A sum that does not fit ends the
/// search, not the bar: folding the rows will find it and say so.
#[inline(always)]
fn end_where<Q: Amount>(
    rows: Rows<'_, Q>,
    start: usize,
    mut is_reached: impl FnMut(Q, i64, u8) -> Option<bool>,
) -> (usize, bool) {
    let block = rows.time.len();
    for row in start..block {
        match is_reached(rows.qty[row], rows.price_ticks[row], rows.side[row]) {
            Some(true) => return (row + 1, true),
            Some(false) => {}
            None => return (row + 1, false),
        }
    }
    (block, false)
}
