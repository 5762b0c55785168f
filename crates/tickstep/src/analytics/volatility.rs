//! Volatility over a trailing window of prices or bars, in logarithms.
//!
//! With o = ln(open / close before), u = ln(high / open), d = ln(low / open), c = ln(close / open),
//! of each row, and means over the window of n rows:
//!
//! | kind | variance of one row | source |
//! |---|---|---|
//! | realized | Σ(r − mean r)² / (n − 1) of r = ln(close / close before) | the sample variance |
//! | zero mean | mean r² | Andersen, Bollerslev 1998 |
//! | Parkinson | mean (u − d)² / (4 ln 2) | Parkinson 1980 |
//! | Garman–Klass | mean ½(u − d)² − (2 ln 2 − 1)c² | Garman, Klass 1980 |
//! | Rogers–Satchell | mean u(u − c) + d(d − c) | Rogers, Satchell 1991 |
//! | Yang–Zhang | var o + k·var c + (1 − k)·Rogers–Satchell, k = 0.34 / (1.34 + (n + 1) / (n − 1)) | Yang, Zhang 2000 |

use std::fmt::Debug;
use std::num::NonZeroUsize;
use std::ops::Range;

use crate::analytics::check::{Fault, FaultRule, check_length};
use crate::analytics::simd::{Work, run_wide};
use crate::analytics::vwap::reserve;
use crate::analytics::window::{RollingSum, RollingVariance};

const BLOCK_ROWS: usize = 512;

/// Whole prices up to here are exact as floats, and so are their differences.
const WHOLE_MAX: i64 = 1 << 52;

/// Up to here the series below has the precision of a float.
const SMALL_MOVE: f64 = 0.01;

/// Prices as whole ticks or as floats: volatility does not depend on their unit.
#[derive(Clone, Copy, Debug)]
pub enum PriceColumn<'a> {
    /// Ticks.
    Whole(&'a [i64]),
    /// Money.
    Float(&'a [f64]),
}

impl PriceColumn<'_> {
    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            PriceColumn::Whole(prices) => prices.len(),
            PriceColumn::Float(prices) => prices.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows from `start` on are above 0.
    #[inline(always)]
    fn check(&self, start: usize, rows: usize) -> Result<(), Fault> {
        match self {
            PriceColumn::Whole(prices) => {
                let prices = &prices[start..start + rows];
                // A number that is 0 or less, or too large, sets a bit of these.
                let bits = prices
                    .iter()
                    .fold(0, |bits, price| bits | price.wrapping_sub(1) | price);
                if (0..WHOLE_MAX).contains(&bits) {
                    return Ok(());
                }
                Err(find_price_fault(prices, |price| price as f64))
            }
            PriceColumn::Float(prices) => {
                let prices = &prices[start..start + rows];
                let is_good = |price: &f64| *price > 0.0 && *price <= f64::MAX;
                if prices
                    .iter()
                    .fold(true, |good, price| good & is_good(price))
                {
                    return Ok(());
                }
                Err(find_price_fault(prices, |price| price))
            }
        }
    }

    /// Copies rows from `start` on, which were checked, as floats.
    #[inline(always)]
    fn read(&self, start: usize, out: &mut [f64]) {
        match self {
            PriceColumn::Whole(prices) => {
                const EXPONENT: u64 = 0x4330_0000_0000_0000; // 2^52, with room for 52 bits below
                let prices = &prices[start..start + out.len()];
                for (float, price) in out.iter_mut().zip(prices) {
                    let bits = EXPONENT | (*price as u64 & (WHOLE_MAX as u64 - 1));
                    *float = f64::from_bits(bits) - f64::from_bits(EXPONENT);
                }
            }
            PriceColumn::Float(prices) => {
                out.copy_from_slice(&prices[start..start + out.len()]);
            }
        }
    }
}

/// The first price that is no number above 0, or else the largest: it has too many ticks.
#[cold]
fn find_price_fault<T: Copy + Debug>(prices: &[T], to_f64: impl Fn(T) -> f64) -> Fault {
    let is_good = |price: f64| price > 0.0 && price < f64::INFINITY;
    let is_larger = |a: &(usize, T), b: &(usize, T)| to_f64(a.1).total_cmp(&to_f64(b.1));
    let mut rows = prices.iter().copied().enumerate();
    let bad = rows.clone().find(|(_, price)| !is_good(to_f64(*price)));
    match bad.or_else(|| rows.by_ref().max_by(is_larger)) {
        Some((row, price)) => {
            let found = format!("{price:?}");
            Fault::at(row, FaultRule::Price { found })
        }
        None => unreachable!("called for prices that break a rule"),
    }
}

/// ln(to / from) of pairs, each to the precision of a float.
///
/// With z = (to − from) / (to + from) it is 2 atanh z = 2z(1 + z²/3 + z⁴/5 + …). The difference of
/// near numbers is exact, so that small moves lose nothing, which dividing first would.
#[inline(always)]
fn log_ratios(from: &[f64], to: &[f64], out: &mut [f64]) {
    let mut has_large = 0_u64;
    for ((from, to), out) in from.iter().zip(to).zip(out.iter_mut()) {
        let sum = to + from;
        let z = (to - from) / sum;
        let square = z * z;
        let tail = square * (1.0 / 7.0 + square * (1.0 / 9.0));
        let series = square * (1.0 / 3.0 + square * (1.0 / 5.0 + tail));
        *out = 2.0 * z * (1.0 + series);
        has_large |= u64::from(is_large(z, sum));
    }
    if has_large != 0 {
        log_large_ratios(from, to, out);
    }
}

/// Too large for the series; the sum of prices near the largest float is infinite.
#[inline(always)]
fn is_large(z: f64, sum: f64) -> bool {
    (z.abs() > SMALL_MOVE) | (sum > f64::MAX)
}

#[cold]
fn log_large_ratios(from: &[f64], to: &[f64], out: &mut [f64]) {
    for ((from, to), out) in from.iter().zip(to).zip(out) {
        let sum = to + from;
        if is_large((to - from) / sum, sum) {
            *out = log_large_ratio(*from, *to);
        }
    }
}

fn log_large_ratio(from: f64, to: f64) -> f64 {
    let ratio = to / from;
    if ratio > f64::MIN_POSITIVE && ratio < f64::INFINITY {
        // The nearer to 1, the more digits are in the difference.
        let change = (to - from) / from;
        return if change.abs() < 0.5 {
            change.ln_1p()
        } else {
            ratio.ln()
        };
    }
    to.ln() - from.ln()
}

/// How the variance of a window is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolatilityKind {
    /// Sample variance of returns; one column: close.
    Realized,
    /// Mean square of returns; one column: close.
    ZeroMean,
    /// High and low.
    Parkinson,
    /// Open, high, low, close.
    GarmanKlass,
    /// Open, high, low, close.
    RogersSatchell,
    /// Open, high, low, close.
    YangZhang,
}

impl VolatilityKind {
    /// How many columns of prices it takes, in the order open, high, low, close.
    #[must_use]
    pub fn columns(self) -> usize {
        match self {
            VolatilityKind::Realized | VolatilityKind::ZeroMean => 1,
            VolatilityKind::Parkinson => 2,
            _ => 4,
        }
    }

    fn least_window(self) -> usize {
        match self {
            VolatilityKind::Realized | VolatilityKind::YangZhang => 2,
            _ => 1,
        }
    }
}

#[derive(Clone, Debug)]
enum Window {
    Returns(RollingVariance),
    Mean(RollingSum),
    YangZhang(Box<YangZhang>),
}

/// Volatility of the last `window` terms of each row.
///
/// ```
/// use tickstep::analytics::{PriceColumn, RollingVolatility, VolatilityKind};
/// let mut state = RollingVolatility::new(VolatilityKind::Parkinson, 2, 1.0).expect("2 is enough");
/// let mut out = Vec::new();
/// state.push(&[PriceColumn::Whole(&[20, 40]), PriceColumn::Whole(&[10, 20])], &mut out)?;
/// assert!(out[0].is_nan());
/// // ln 2 / √(4 ln 2)
/// assert!((out[1] - (2_f64.ln() / 4.0).sqrt()).abs() < 1e-15);
/// # Ok::<(), tickstep::analytics::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct RollingVolatility {
    kind: VolatilityKind,
    rows: usize,
    scale: f64,
    window: Window,
    /// Close of the last row.
    previous: Option<f64>,
}

impl RollingVolatility {
    /// Starts empty; every result is multiplied by `scale`. `None` when the window is too short:
    /// a deviation needs two terms, a mean one.
    #[must_use]
    pub fn new(kind: VolatilityKind, window: usize, scale: f64) -> Option<RollingVolatility> {
        let rows = NonZeroUsize::new(window).filter(|rows| rows.get() >= kind.least_window())?;
        let window = match kind {
            VolatilityKind::Realized => Window::Returns(RollingVariance::new(rows, true)),
            VolatilityKind::ZeroMean => Window::Returns(RollingVariance::new(rows, false)),
            VolatilityKind::YangZhang => Window::YangZhang(Box::new(YangZhang::new(rows))),
            _ => Window::Mean(RollingSum::new(rows)),
        };
        Some(RollingVolatility {
            kind,
            rows: rows.get(),
            scale,
            window,
            previous: None,
        })
    }

    /// Takes rows, as many columns as [`VolatilityKind::columns`], and appends a number for each,
    /// NaN until the window is full.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(&mut self, columns: &[PriceColumn<'_>], out: &mut Vec<f64>) -> Result<(), Fault> {
        let expected = self.kind.columns();
        check_length("the row", expected, columns.len())?;
        for column in columns {
            check_length("a column of prices", columns[0].len(), column.len())?;
        }
        reserve(out, columns[0].len())?;
        // A bad row leaves the window as it was. Few rows are checked first, for a copy of the window
        // would be dear; many are checked when they are used, for reading them twice would be.
        let saved = (columns[0].len() > self.rows).then(|| self.clone());
        if saved.is_none() {
            check_rows(columns)?;
        }
        let before = out.len();
        let done = run_wide(Push {
            state: self,
            columns,
            is_checked: saved.is_none(),
            out,
        });
        if let (Err(_), Some(saved)) = (&done, saved) {
            out.truncate(before);
            *self = saved;
        }
        done
    }

    #[inline(always)]
    fn push_block(
        &mut self,
        columns: &[PriceColumn<'_>],
        start: usize,
        rows: usize,
        out: &mut Vec<f64>,
    ) {
        let mut variances = [f64::NAN; BLOCK_ROWS];
        match &mut self.window {
            Window::Returns(returns) => {
                let mut closes = [0.0; BLOCK_ROWS + 1];
                let mut logs = [0.0; BLOCK_ROWS];
                columns[0].read(start, &mut closes[1..=rows]);
                let skipped = set_previous(&mut self.previous, &mut closes[..=rows]);
                log_ratios(&closes[..rows], &closes[1..=rows], &mut logs[..rows]);
                returns.push(&logs[skipped..rows], &mut variances[skipped..rows]);
            }
            Window::Mean(mean) => {
                let prices = read_block(columns, start, rows);
                let mut terms = [0.0; BLOCK_ROWS];
                range_terms(self.kind, &prices, rows, &mut terms);
                for (term, variance) in terms[..rows].iter().zip(&mut variances) {
                    *variance = mean_of(mean.push(*term), self.rows);
                }
            }
            Window::YangZhang(parts) => {
                let prices = read_block(columns, start, rows);
                let mut closes = [0.0; BLOCK_ROWS + 1];
                closes[1..].copy_from_slice(&prices[3]);
                let skipped = set_previous(&mut self.previous, &mut closes[..=rows]);
                parts.push(&prices, &closes, skipped..rows, &mut variances);
            }
        }
        for variance in &mut variances {
            // What rounding leaves of no variance may be below 0. NaN stays NaN.
            let above = if *variance < 0.0 { 0.0 } else { *variance };
            *variance = above.sqrt() * self.scale;
        }
        out.extend_from_slice(&variances[..rows]);
    }
}

/// Rows of up to four columns as floats.
#[inline(always)]
fn read_block(columns: &[PriceColumn<'_>], start: usize, rows: usize) -> [[f64; BLOCK_ROWS]; 4] {
    let mut prices = [[0.0; BLOCK_ROWS]; 4];
    for (column, prices) in columns.iter().zip(&mut prices) {
        column.read(start, &mut prices[..rows]);
    }
    prices
}

/// Puts the close before a block in front of its closes, and takes the last of them; how many rows
/// have no close before them.
#[inline(always)]
fn set_previous(previous: &mut Option<f64>, closes: &mut [f64]) -> usize {
    let skipped = usize::from(previous.is_none());
    closes[0] = previous.unwrap_or(closes[1]);
    *previous = closes.last().copied();
    skipped
}

#[inline(always)]
fn mean_of(sum: Option<f64>, rows: usize) -> f64 {
    sum.map_or(f64::NAN, |sum| sum / rows as f64)
}

/// The three parts of Yang–Zhang.
#[derive(Clone, Debug)]
struct YangZhang {
    rows: usize,
    overnight: RollingVariance,
    day: RollingVariance,
    range: RollingSum,
}

impl YangZhang {
    fn new(rows: NonZeroUsize) -> YangZhang {
        YangZhang {
            rows: rows.get(),
            overnight: RollingVariance::new(rows, true),
            day: RollingVariance::new(rows, true),
            range: RollingSum::new(rows),
        }
    }

    #[inline(always)]
    fn push(
        &mut self,
        prices: &[[f64; BLOCK_ROWS]; 4],
        closes: &[f64; BLOCK_ROWS + 1],
        rows: Range<usize>,
        variances: &mut [f64; BLOCK_ROWS],
    ) {
        let count = rows.end;
        let [opens, _, _, ends] = prices;
        let mut logs = [0.0; BLOCK_ROWS];
        let (mut overnights, mut days) = ([f64::NAN; BLOCK_ROWS], [f64::NAN; BLOCK_ROWS]);
        log_ratios(&closes[..count], &opens[..count], &mut logs[..count]);
        let part = &mut overnights[rows.clone()];
        self.overnight.push(&logs[rows.clone()], part);
        log_ratios(&opens[..count], &ends[..count], &mut logs[..count]);
        self.day.push(&logs[rows.clone()], &mut days[rows.clone()]);
        range_terms(VolatilityKind::RogersSatchell, prices, count, &mut logs);
        let window = self.rows as f64;
        let k = 0.34 / (1.34 + (window + 1.0) / (window - 1.0));
        for row in rows {
            let range = mean_of(self.range.push(logs[row]), self.rows);
            variances[row] = overnights[row] + k * days[row] + (1.0 - k) * range;
        }
    }
}

/// The variance of each row by its range.
#[inline(always)]
fn range_terms(
    kind: VolatilityKind,
    prices: &[[f64; BLOCK_ROWS]; 4],
    rows: usize,
    terms: &mut [f64; BLOCK_ROWS],
) {
    use std::f64::consts::LN_2;
    let mut others = [0.0; BLOCK_ROWS];
    let log = |from: usize, to: usize, out: &mut [f64; BLOCK_ROWS]| {
        log_ratios(&prices[from][..rows], &prices[to][..rows], &mut out[..rows]);
    };
    match kind {
        VolatilityKind::Parkinson => {
            log(1, 0, terms);
            for term in terms {
                *term = *term * *term * (1.0 / (4.0 * LN_2));
            }
        }
        VolatilityKind::GarmanKlass => {
            log(2, 1, terms);
            log(0, 3, &mut others);
            for (range, day) in terms.iter_mut().zip(&others) {
                *range = 0.5 * (*range * *range) - (2.0 * LN_2 - 1.0) * (day * day);
            }
        }
        _ => {
            // u(u − c) + d(d − c), with u − c = ln(high / close) and d − c = ln(low / close).
            let mut products = [0.0; BLOCK_ROWS];
            log(0, 2, &mut products);
            log(3, 2, &mut others);
            for (product, other) in products.iter_mut().zip(&others) {
                *product *= other;
            }
            log(0, 1, terms);
            log(3, 1, &mut others);
            for ((term, other), product) in terms.iter_mut().zip(&others).zip(&products) {
                *term = *term * other + product;
            }
        }
    }
}

/// Prices are above 0, and of bars the high is the highest and the low the lowest.
fn check_rows(columns: &[PriceColumn<'_>]) -> Result<(), Fault> {
    run_wide(CheckRows { columns })
}

struct CheckRows<'a> {
    columns: &'a [PriceColumn<'a>],
}

impl Work for CheckRows<'_> {
    type Out = Result<(), Fault>;

    #[inline(always)]
    fn run(self) -> Self::Out {
        let total = self.columns[0].len();
        let mut start = 0;
        while start < total {
            let rows = BLOCK_ROWS.min(total - start);
            check_block(self.columns, start, rows)?;
            start += rows;
        }
        Ok(())
    }
}

#[inline(always)]
fn check_block(columns: &[PriceColumn<'_>], start: usize, rows: usize) -> Result<(), Fault> {
    for column in columns {
        let checked = column.check(start, rows);
        checked.map_err(|fault| fault.shifted(start))?;
    }
    if columns.len() > 1 {
        let prices = read_block(columns, start, rows);
        let is_wrong = |row: &usize| is_out_of_range(&prices, columns.len(), *row);
        if let Some(row) = (0..rows).find(is_wrong) {
            return Err(Fault::at(start + row, FaultRule::Range));
        }
    }
    Ok(())
}

/// Whether the low, or open or close, is above the high, or below the low; columns are high and low,
/// or open, high, low and close.
#[inline(always)]
fn is_out_of_range(prices: &[[f64; BLOCK_ROWS]; 4], columns: usize, row: usize) -> bool {
    let [first, second, third, fourth] = prices.each_ref().map(|column| column[row]);
    if columns == 2 {
        return first < second;
    }
    let (open, high, low, close) = (first, second, third, fourth);
    open < low || open > high || close < low || close > high
}

struct Push<'a> {
    state: &'a mut RollingVolatility,
    columns: &'a [PriceColumn<'a>],
    is_checked: bool,
    out: &'a mut Vec<f64>,
}

impl Work for Push<'_> {
    type Out = Result<(), Fault>;

    #[inline(always)]
    fn run(self) -> Self::Out {
        let total = self.columns[0].len();
        let mut start = 0;
        while start < total {
            let rows = BLOCK_ROWS.min(total - start);
            if !self.is_checked {
                check_block(self.columns, start, rows)?;
            }
            self.state.push_block(self.columns, start, rows, self.out);
            start += rows;
        }
        Ok(())
    }
}

/// Volatility with weights that fall by the same factor from row to row.
///
/// ```
/// use tickstep::analytics::{ExponentialVolatility, PriceColumn};
/// let mut out = Vec::new();
/// let mut state = ExponentialVolatility::new(1.0, 1.0).expect("a span of 1");
/// state.push(PriceColumn::Whole(&[10, 20]), &mut out)?;
/// assert!(out[0].is_nan());
/// assert_eq!(out[1], 2_f64.ln());
/// # Ok::<(), tickstep::analytics::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExponentialVolatility {
    keep: f64,
    least: f64,
    scale: f64,
    squares: f64,
    weights: f64,
    returns: u64,
    previous: Option<f64>,
}

impl ExponentialVolatility {
    /// Weights (1 − α)^age with α = 2 / (span + 1); results from `span` returns on, multiplied by
    /// `scale`. `None` when the span is below 1 or not finite.
    #[must_use]
    pub fn new(span: f64, scale: f64) -> Option<ExponentialVolatility> {
        (1.0..=f64::MAX)
            .contains(&span)
            .then_some(ExponentialVolatility {
                keep: 1.0 - 2.0 / (span + 1.0),
                least: span,
                scale,
                squares: 0.0,
                weights: 0.0,
                returns: 0,
                previous: None,
            })
    }

    /// Takes prices and appends a number for each, NaN until there were `span` returns.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(&mut self, prices: PriceColumn<'_>, out: &mut Vec<f64>) -> Result<(), Fault> {
        check_rows(&[prices])?;
        reserve(out, prices.len())?;
        let mut start = 0;
        while start < prices.len() {
            let rows = BLOCK_ROWS.min(prices.len() - start);
            let mut closes = [0.0; BLOCK_ROWS + 1];
            prices.read(start, &mut closes[1..=rows]);
            closes[0] = self.previous.unwrap_or(closes[1]);
            let mut returns = [0.0; BLOCK_ROWS];
            log_ratios(&closes[..rows], &closes[1..=rows], &mut returns[..rows]);
            let skipped = usize::from(self.previous.is_none());
            out.extend(std::iter::repeat_n(f64::NAN, skipped));
            for value in &returns[skipped..rows] {
                out.push(self.push_return(*value));
            }
            self.previous = Some(closes[rows]);
            start += rows;
        }
        Ok(())
    }

    #[inline(always)]
    fn push_return(&mut self, value: f64) -> f64 {
        self.squares = value * value + self.keep * self.squares;
        self.weights = 1.0 + self.keep * self.weights;
        self.returns += 1;
        if (self.returns as f64) < self.least {
            return f64::NAN;
        }
        (self.squares / self.weights).sqrt() * self.scale
    }
}
