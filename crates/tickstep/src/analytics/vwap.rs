//! Volume weighted average prices: Σ price × quantity / Σ quantity, from exact sums.
//!
//! Whole numbers are summed in whole numbers and divided once: the result is the nearest float of
//! the quotient of the two sums' nearest floats, whichever way it is computed. Floats are summed
//! with the rounding errors kept (Neumaier), so that sums over millions of rows do not drift.

use std::num::NonZeroUsize;

use crate::analytics::check::{Fault, FaultRule, bits_of, check_length};
use crate::analytics::simd::{Work, run_wide};
use crate::analytics::window::{RollingFloatRatio, RollingRatio};
use crate::text::pages;

const BLOCK_ROWS: usize = 512;

/// Room for so many more results.
pub(super) fn reserve(out: &mut Vec<f64>, rows: usize) -> Result<(), Fault> {
    pages::reserve(out, rows).map_err(|_| Fault::whole(FaultRule::Memory { rows }))
}

/// Whole quantities are 0 or more.
#[inline(always)]
fn check_quantities(volumes: &[i64]) -> Result<i64, Fault> {
    let bits = volumes.iter().fold(0, |bits, volume| bits | volume);
    if bits >= 0 {
        return Ok(bits);
    }
    let row = volumes.iter().position(|volume| *volume < 0).unwrap_or(0);
    let found = volumes[row].to_string();
    Err(Fault::at(row, FaultRule::Quantity { found }))
}

/// Larger floats could reach infinity when they are summed.
pub(super) const TERM_MAX: f64 = 1e290;

/// Float prices are numbers, float quantities are numbers and 0 or more.
fn check_floats(prices: &[f64], volumes: &[f64]) -> Result<(), Fault> {
    for (row, (price, volume)) in prices.iter().zip(volumes).enumerate() {
        if !price.is_finite() {
            let (name, found) = ("prices", format!("{price:?}"));
            return Err(Fault::at(row, FaultRule::Finite { name, found }));
        }
        if !(0.0..=f64::MAX).contains(volume) {
            let found = format!("{volume:?}");
            return Err(Fault::at(row, FaultRule::Quantity { found }));
        }
        if volume.max((price * volume).abs()) > TERM_MAX {
            let name = "prices × volumes";
            return Err(Fault::at(row, FaultRule::Sum { name }));
        }
    }
    Ok(())
}

/// The pieces between rows at which sums start anew: (first row, row after the last, is new).
fn pieces(rows: usize, starts: &[usize]) -> impl Iterator<Item = (usize, usize, bool)> + '_ {
    let bounds = starts.iter().copied().filter(move |row| *row < rows);
    let firsts = std::iter::once((0, false)).chain(bounds.clone().map(|row| (row, true)));
    let ends = bounds.chain(std::iter::once(rows));
    firsts
        .zip(ends)
        .map(|((first, is_new), end)| (first, end, is_new))
}

/// Average since the beginning, or since the last row at which the sums started anew.
///
/// ```
/// use tickstep::analytics::Vwap;
/// let mut out = Vec::new();
/// Vwap::new(true).push(&[10, 20, 30], &[1, 1, 2], &[], &mut out)?;
/// assert_eq!(out, [10.0, 15.0, 22.5]);
/// # Ok::<(), tickstep::analytics::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Vwap {
    paid: i128,
    volume: i64,
    has_begun: bool,
}

impl Vwap {
    /// With `has_begun` false rows before the first start have no average.
    #[must_use]
    pub fn new(has_begun: bool) -> Vwap {
        Vwap {
            paid: 0,
            volume: 0,
            has_begun,
        }
    }

    /// Takes rows and appends their averages, NaN where there is no volume. `starts` are the rows,
    /// ascending, at which the sums start anew.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(
        &mut self,
        prices: &[i64],
        volumes: &[i64],
        starts: &[usize],
        out: &mut Vec<f64>,
    ) -> Result<(), Fault> {
        check_length("volumes", prices.len(), volumes.len())?;
        reserve(out, prices.len())?;
        let before = out.len();
        let mut next = self.clone();
        let done = run_wide(Cumulate {
            state: &mut next,
            prices,
            volumes,
            starts,
            out,
        });
        match done {
            Ok(()) => *self = next,
            Err(_) => out.truncate(before),
        }
        done
    }

    #[inline(always)]
    fn push_piece(
        &mut self,
        prices: &[i64],
        volumes: &[i64],
        out: &mut Vec<f64>,
    ) -> Result<(), Fault> {
        if !self.has_begun {
            check_quantities(volumes)?;
            out.resize(out.len() + prices.len(), f64::NAN);
            return Ok(());
        }
        let blocks = prices.chunks(BLOCK_ROWS).zip(volumes.chunks(BLOCK_ROWS));
        for (index, (prices, volumes)) in blocks.enumerate() {
            self.push_block(prices, volumes, out)
                .map_err(|fault| fault.shifted(index * BLOCK_ROWS))?;
        }
        Ok(())
    }

    #[inline(always)]
    fn push_block(
        &mut self,
        prices: &[i64],
        volumes: &[i64],
        out: &mut Vec<f64>,
    ) -> Result<(), Fault> {
        let volume_bits = check_quantities(volumes)?;
        let price_bits = prices.iter().fold(0, |bits, price| bits | price);
        // With 2^9 rows in a block no sum of it can reach 2^63 when the bits add up to 53.
        let is_small = price_bits >= 0
            && bits_of(price_bits) + bits_of(volume_bits) <= 53
            && (0..1 << 62).contains(&self.paid)
            && self.volume < 1 << 62;
        if is_small {
            self.push_small(prices, volumes, out);
            return Ok(());
        }
        for (row, (price, volume)) in prices.iter().zip(volumes).enumerate() {
            let sum = || Fault::at(row, FaultRule::Sum { name: "volumes" });
            let paid = i128::from(*price) * i128::from(*volume);
            self.paid = self.paid.checked_add(paid).ok_or_else(sum)?;
            self.volume = self.volume.checked_add(*volume).ok_or_else(sum)?;
            out.push(self.paid as f64 / self.volume as f64);
        }
        Ok(())
    }

    /// Sums that fit in 64 bits: a few of them row by row, then their quotients side by side.
    #[inline(always)]
    fn push_small(&mut self, prices: &[i64], volumes: &[i64], out: &mut Vec<f64>) {
        const STEP: usize = 16;
        let (price_steps, volume_steps) = (prices.chunks_exact(STEP), volumes.chunks_exact(STEP));
        let rest = price_steps.remainder().iter().zip(volume_steps.remainder());
        let (mut paid, mut volume) = (self.paid as u64, self.volume as u64);
        let mut sums = |price: i64, quantity: i64| {
            paid = paid.wrapping_add((price * quantity) as u64);
            volume = volume.wrapping_add(quantity as u64);
            (paid, volume)
        };
        for (prices, volumes) in price_steps.zip(volume_steps) {
            let (mut paid_sums, mut volume_sums) = ([0; STEP], [0; STEP]);
            for row in 0..STEP {
                (paid_sums[row], volume_sums[row]) = sums(prices[row], volumes[row]);
            }
            let mut averages = [0.0; STEP];
            for row in 0..STEP {
                averages[row] = to_f64(paid_sums[row]) / to_f64(volume_sums[row]);
            }
            out.extend_from_slice(&averages);
        }
        for (price, quantity) in rest {
            let (paid, volume) = sums(*price, *quantity);
            out.push(to_f64(paid) / to_f64(volume));
        }
        self.paid = i128::from(paid);
        self.volume = volume as i64;
    }
}

/// The nearest float, from the two halves: each half is exact in a float of a fixed exponent, their
/// sum rounds once. Loops of this vectorise, loops of the processor's conversion do not.
#[inline(always)]
fn to_f64(whole: u64) -> f64 {
    const LOW: u64 = 0x4330_0000_0000_0000; // 2^52
    const HIGH: u64 = 0x4530_0000_0000_0000; // 2^84
    const BOTH: f64 = 19_342_813_118_337_666_422_669_312.0; // 2^84 + 2^52
    let low = f64::from_bits(LOW | (whole & 0xffff_ffff));
    let high = f64::from_bits(HIGH | (whole >> 32));
    (high - BOTH) + low
}

struct Cumulate<'a> {
    state: &'a mut Vwap,
    prices: &'a [i64],
    volumes: &'a [i64],
    starts: &'a [usize],
    out: &'a mut Vec<f64>,
}

impl Work for Cumulate<'_> {
    type Out = Result<(), Fault>;

    #[inline(always)]
    fn run(self) -> Self::Out {
        for (first, end, is_new) in pieces(self.prices.len(), self.starts) {
            if is_new {
                *self.state = Vwap::new(true);
            }
            let (prices, volumes) = (&self.prices[first..end], &self.volumes[first..end]);
            self.state
                .push_piece(prices, volumes, self.out)
                .map_err(|fault| fault.shifted(first))?;
        }
        Ok(())
    }
}

/// Average of the last `window` rows.
///
/// ```
/// use std::num::NonZeroUsize;
/// use tickstep::analytics::RollingVwap;
/// let mut out = Vec::new();
/// let window = NonZeroUsize::new(2).expect("2 is not 0");
/// RollingVwap::new(window).push(&[10, 20, 30], &[1, 1, 3], &mut out)?;
/// assert!(out[0].is_nan());
/// assert_eq!(out[1..], [15.0, 27.5]);
/// # Ok::<(), tickstep::analytics::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct RollingVwap {
    ratio: RollingRatio,
}

impl RollingVwap {
    /// Starts empty.
    #[must_use]
    pub fn new(window: NonZeroUsize) -> RollingVwap {
        RollingVwap {
            ratio: RollingRatio::new(window),
        }
    }

    /// Takes rows and appends their averages, NaN until the window is full or where it has no volume.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(
        &mut self,
        prices: &[i64],
        volumes: &[i64],
        out: &mut Vec<f64>,
    ) -> Result<(), Fault> {
        check_length("volumes", prices.len(), volumes.len())?;
        check_quantities(volumes)?;
        reserve(out, prices.len())?;
        let terms = prices.iter().zip(volumes).map(|(price, volume)| {
            let volume = i128::from(*volume);
            [i128::from(*price) * volume, volume]
        });
        self.ratio.push("volumes", terms, out)
    }
}

/// A sum of floats that keeps what rounding takes away.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CarefulSum {
    sum: f64,
    rest: f64,
}

impl CarefulSum {
    #[inline(always)]
    pub(super) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let part = sum - self.sum;
        self.rest += (self.sum - (sum - part)) + (value - part);
        self.sum = sum;
    }

    #[inline(always)]
    pub(super) fn value(self) -> f64 {
        self.sum + self.rest
    }
}

/// As [`Vwap`], of floats.
#[derive(Clone, Debug)]
pub struct FloatVwap {
    paid: CarefulSum,
    volume: CarefulSum,
    has_begun: bool,
}

impl FloatVwap {
    /// With `has_begun` false rows before the first start have no average.
    #[must_use]
    pub fn new(has_begun: bool) -> FloatVwap {
        FloatVwap {
            paid: CarefulSum::default(),
            volume: CarefulSum::default(),
            has_begun,
        }
    }

    /// As [`Vwap::push`].
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(
        &mut self,
        prices: &[f64],
        volumes: &[f64],
        starts: &[usize],
        out: &mut Vec<f64>,
    ) -> Result<(), Fault> {
        check_length("volumes", prices.len(), volumes.len())?;
        check_floats(prices, volumes)?;
        reserve(out, prices.len())?;
        for (first, end, is_new) in pieces(prices.len(), starts) {
            if is_new {
                *self = FloatVwap::new(true);
            }
            for (price, volume) in prices[first..end].iter().zip(&volumes[first..end]) {
                self.paid.add(price * volume);
                self.volume.add(*volume);
                out.push(if self.has_begun {
                    self.paid.value() / self.volume.value()
                } else {
                    f64::NAN
                });
            }
        }
        Ok(())
    }
}

/// As [`RollingVwap`], of floats.
#[derive(Clone, Debug)]
pub struct RollingFloatVwap {
    ratio: RollingFloatRatio,
}

impl RollingFloatVwap {
    /// Starts empty.
    #[must_use]
    pub fn new(window: NonZeroUsize) -> RollingFloatVwap {
        RollingFloatVwap {
            ratio: RollingFloatRatio::new(window),
        }
    }

    /// As [`RollingVwap::push`].
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(
        &mut self,
        prices: &[f64],
        volumes: &[f64],
        out: &mut Vec<f64>,
    ) -> Result<(), Fault> {
        check_length("volumes", prices.len(), volumes.len())?;
        check_floats(prices, volumes)?;
        reserve(out, prices.len())?;
        for (price, volume) in prices.iter().zip(volumes) {
            out.push(self.ratio.push([price * volume, *volume]));
        }
        Ok(())
    }
}
