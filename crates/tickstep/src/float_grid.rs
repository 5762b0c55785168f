//! Floats on a decimal grid: taken when they mean one place beyond doubt, refused otherwise.
//!
//! The rule. A float x means the place n of a grid g iff n is the nearest whole number to x / g,
//! |x − n·g| is at most 4 ulp(x), and ulp(x) is at most g / 16. So results of short sums such as
//! 0.1 + 0.2 pass, and no two places can be confused. The rule is decided exactly, in integers; a
//! column is first run through a check in floats that errs on the side of doubt.

use std::ops::Range;

use crate::columns::check_lengths;
use crate::error::{Error, RowError};
use crate::number::{Decimal, NumberError};

/// Rows that share one test for doubt.
const CHUNK_ROWS: usize = 1024;

/// Rows converted at a time: 256 KiB of lots, which a second-level cache holds.
const TILE_ROWS: usize = 32 * 1024;

/// Adding and subtracting it rounds a float below 2^51 to the nearest whole number, without a call
/// into the mathematics library and in vectors.
const ROUNDER: f64 = 1.5 * (1_u64 << 52) as f64;

/// A difference of at most this part of x is at most 2.5 ulp(x), as ulp(x) is above x · 2^-53; with
/// the error of computing it, at most 1.5 ulp(x), the rule's 4 are kept.
const SURE: f64 = 2.5 / (1_u64 << 53) as f64;

/// Significant bits of a float.
const FLOAT_BITS: i32 = 53;

/// Decimals for which the exact rule fits 128 bits.
const SCALE_MAX: u32 = 22;

/// A decimal grid above 0 that floats can be checked against.
///
/// ```
/// use tickstep::LotGrid;
/// let grid = LotGrid::new("0.1".parse()?)?;
/// assert_eq!(grid.place(0.1 + 0.2)?, 3);
/// assert_eq!(
///     grid.place(0.25).unwrap_err().to_string(),
///     "0.25 is not a multiple of 0.1: the nearest are 0.2 and 0.3"
/// );
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LotGrid {
    grid: Decimal,
    /// The float nearest to the grid.
    nearest: f64,
    /// Below it ulp(x) ≤ grid / 16 for sure.
    sure_below: f64,
}

impl LotGrid {
    /// A grid of this distance.
    ///
    /// # Errors
    /// [`NumberError::NotPositive`]; [`NumberError::Range`] beyond 22 decimals.
    pub fn new(grid: Decimal) -> Result<LotGrid, Error> {
        grid.expect_positive("grid")?;
        if grid.scale() > SCALE_MAX {
            return Err(NumberError::Range.into());
        }
        let nearest = grid.to_f64();
        // A power of two below the grid. Floats less than 2^49 times it have an ulp of at most a
        // sixteenth of it.
        let fraction = (1_u64 << (FLOAT_BITS - 1)) - 1;
        let power = f64::from_bits((nearest.to_bits() - 1) & !fraction);
        Ok(LotGrid {
            grid,
            nearest,
            sure_below: power * (1_u64 << 49) as f64,
        })
    }

    /// The distance of two places.
    #[must_use]
    pub fn grid(&self) -> Decimal {
        self.grid
    }

    /// The place that a float means.
    ///
    /// # Errors
    /// [`NumberError::FloatOffGrid`] with the two places beside it,
    /// [`NumberError::FloatTooCoarse`], [`NumberError::FloatNotFinite`].
    #[inline]
    pub fn place(&self, value: f64) -> Result<i64, Error> {
        if self.is_sure(value) {
            return Ok(self.sure_place(value));
        }
        self.place_exactly(value)
    }

    /// The rule, decided in integers.
    fn place_exactly(&self, value: f64) -> Result<i64, Error> {
        if !value.is_finite() {
            return Err(NumberError::FloatNotFinite { value }.into());
        }
        let place = self.place_of_size(value)?;
        Ok(if value < 0.0 { -place } else { place })
    }

    /// The rule, for |value|. As fractions over one denominator, the value is `size`, the grid
    /// `step` and ulp(value) `ulp`.
    fn place_of_size(&self, value: f64) -> Result<i64, Error> {
        let too_coarse = || {
            Error::from(NumberError::FloatTooCoarse {
                value,
                grid: self.grid,
            })
        };
        let (mantissa, exponent) = parts(value.abs());
        if mantissa == 0 {
            return Ok(0);
        }
        let up = 1_i128
            .checked_shl(exponent.max(0).unsigned_abs())
            .filter(|up| *up > 0);
        let ulp = up.and_then(|up| up.checked_mul(10_i128.pow(self.grid.scale())));
        let ulp = ulp.ok_or_else(too_coarse)?;
        let down = exponent.min(0).unsigned_abs();
        let Some(step) = shifted_left(self.grid.mantissa(), down) else {
            // The grid is more than 2^127 / (2^53 · 10^22) times the value: there is only 0 to
            // mean.
            return Err(self.off_grid(value, 0)?);
        };
        if ulp.checked_mul(16).is_none_or(|sixteen| sixteen > step) {
            return Err(too_coarse());
        }
        let size = mantissa.checked_mul(ulp).ok_or(NumberError::Range)?;
        let (below, rest) = (size / step, size % step);
        if rest <= 4 * ulp {
            return Ok(below as i64);
        }
        if step - rest <= 4 * ulp {
            return Ok(below as i64 + 1);
        }
        Err(self.off_grid(value, below)?)
    }

    /// The error for a value whose size is between two places.
    fn off_grid(&self, value: f64, below: i128) -> Result<Error, Error> {
        let (below, above) = if value < 0.0 {
            (-below - 1, -below)
        } else {
            (below, below + 1)
        };
        let (below, above) = (self.grid.times(below)?, self.grid.times(above)?);
        Ok(NumberError::FloatOffGrid {
            value,
            grid: self.grid,
            below,
            above,
        }
        .into())
    }

    /// The nearest place, for a value that keeps the rule and is above 0.
    #[inline]
    fn nearest_place(&self, value: f64) -> f64 {
        value / self.nearest + ROUNDER
    }

    /// The place of a value that keeps the rule and is above 0: it is below 2^50, so the sum with
    /// the rounder holds it in its low bits.
    #[inline]
    fn sure_place(&self, value: f64) -> i64 {
        self.nearest_place(value)
            .to_bits()
            .wrapping_sub(ROUNDER.to_bits()) as i64
    }

    /// Whether a quantity keeps the rule and is above 0. False may mean doubt.
    #[inline]
    fn is_sure(&self, value: f64) -> bool {
        let place = self.nearest_place(value) - ROUNDER;
        let off = (value - place * self.nearest).abs();
        (place >= 1.0) & (off <= value * SURE) & (value < self.sure_below)
    }

    fn check_qty(&self, value: f64) -> Result<(), Error> {
        if self.place(value)? > 0 {
            return Ok(());
        }
        Err(NumberError::FloatNotPositive { value }.into())
    }
}

/// |value| = mantissa × 2^exponent.
fn parts(value: f64) -> (i128, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << (FLOAT_BITS - 1)) - 1);
    let biased = (bits >> (FLOAT_BITS - 1)) as i32;
    if biased == 0 {
        (fraction.into(), -1074)
    } else {
        ((fraction | 1 << (FLOAT_BITS - 1)).into(), biased - 1075)
    }
}

fn shifted_left(number: i128, bits: u32) -> Option<i128> {
    (bits < number.leading_zeros()).then(|| number << bits)
}

/// The place of a grid that a float means; see [`LotGrid`].
///
/// ```
/// use tickstep::from_f64_exact;
/// assert_eq!(from_f64_exact(100.01, "0.01".parse()?)?, 10_001);
/// assert!(from_f64_exact(100.015, "0.01".parse()?).is_err());
/// # Ok::<(), tickstep::Error>(())
/// ```
///
/// # Errors
/// As [`LotGrid::new`] and [`LotGrid::place`].
pub fn from_f64_exact(value: f64, grid: Decimal) -> Result<i64, Error> {
    LotGrid::new(grid)?.place(value)
}

/// A column of quantities as floats in human units, on a grid. Remembers which rows it has checked
/// and which it has converted last.
///
/// ```
/// use tickstep::{FloatQty, LotGrid};
/// let mut qty = FloatQty::new(&[0.5, 0.25, f64::NAN], LotGrid::new("0.25".parse()?)?);
/// assert_eq!(qty.to_lots(0..2).expect("on the grid"), [2, 1]);
/// assert_eq!(qty.to_lots(0..3).unwrap_err().row, Some(2));
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FloatQty<'a> {
    units: &'a [f64],
    grid: LotGrid,
    checked: Range<usize>,
    /// The rows that `tile_lots` holds.
    tile: Range<usize>,
    tile_lots: Vec<i64>,
}

impl<'a> FloatQty<'a> {
    /// The column and its grid; nothing is checked yet.
    #[must_use]
    pub fn new(units: &'a [f64], grid: LotGrid) -> FloatQty<'a> {
        FloatQty {
            units,
            grid,
            checked: 0..0,
            tile: 0..0,
            tile_lots: Vec::new(),
        }
    }

    /// Sees that each of the rows is above 0 and means a whole number of lots.
    ///
    /// # Errors
    /// The first row that does not.
    ///
    /// # Panics
    /// When the range is not within the rows.
    pub fn check(&mut self, rows: Range<usize>) -> Result<(), RowError> {
        if self.checked.start <= rows.start && rows.end <= self.checked.end {
            return Ok(());
        }
        for (index, chunk) in self.units[rows.clone()].chunks(CHUNK_ROWS).enumerate() {
            if chunk
                .iter()
                .fold(true, |sure, value| sure & self.grid.is_sure(*value))
            {
                continue;
            }
            for (row, value) in chunk.iter().enumerate() {
                self.grid.check_qty(*value).map_err(|error| RowError {
                    error,
                    row: Some((rows.start + index * CHUNK_ROWS + row) as u64),
                })?;
            }
        }
        self.checked = rows;
        Ok(())
    }

    /// The rows as lots.
    ///
    /// # Errors
    /// As [`FloatQty::check`].
    ///
    /// # Panics
    /// When the range is not within the rows.
    pub fn to_lots(&mut self, rows: Range<usize>) -> Result<Vec<i64>, RowError> {
        self.check(rows.clone())?;
        let mut lots = vec![0; rows.len()];
        self.convert(rows, &mut lots);
        Ok(lots)
    }

    pub(crate) fn check_length(&self, expected: usize) -> Result<(), Error> {
        check_lengths(expected, &[("qty", Some(self.units.len()))])
    }

    /// The first rows of a range that `check` has let pass, as lots, and which rows these are.
    pub(crate) fn tile(&mut self, rows: Range<usize>) -> (Range<usize>, &[i64]) {
        if !self.tile.contains(&rows.start) {
            self.tile = rows.start..rows.end.min(rows.start + TILE_ROWS);
            let mut lots = std::mem::take(&mut self.tile_lots);
            lots.resize(self.tile.len(), 0);
            self.convert(self.tile.clone(), &mut lots);
            self.tile_lots = lots;
        }
        let part = rows.start..rows.end.min(self.tile.end);
        let first = part.start - self.tile.start;
        (part.clone(), &self.tile_lots[first..first + part.len()])
    }

    /// Rows that `check` has let pass, as lots.
    fn convert(&self, rows: Range<usize>, lots_out: &mut [i64]) {
        for (value, lots) in self.units[rows].iter().zip(lots_out) {
            *lots = self.grid.sure_place(*value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(text: &str) -> LotGrid {
        LotGrid::new(text.parse().expect("a number")).expect("above 0")
    }

    fn name(answer: Result<i64, Error>) -> &'static str {
        answer.expect_err("a fault").name()
    }

    /// The next float above one that is above 0.
    fn next_up(value: f64) -> f64 {
        f64::from_bits(value.to_bits() + 1)
    }

    /// The next float below one that is above 0.
    fn next_down(value: f64) -> f64 {
        f64::from_bits(value.to_bits() - 1)
    }

    #[test]
    fn places_are_found_over_the_whole_range() {
        for text in [
            "0.000001",
            "0.1",
            "0.25",
            "1",
            "3",
            "0.007",
            "1e-18",
            "12345.678",
        ] {
            let grid = grid(text);
            for place in (0..49).map(|power| (1_i64 << power) + power) {
                let exact = grid.grid().times(place.into()).expect("small").to_f64();
                if exact < grid.sure_below {
                    assert_eq!(grid.place(exact), Ok(place), "{place} × {text}");
                    assert_eq!(grid.place(-exact), Ok(-place), "-{place} × {text}");
                }
            }
        }
    }

    #[test]
    fn four_steps_of_the_float_are_allowed_and_five_are_not() {
        let grid = grid("0.25");
        let (mut above, mut below) = (2.0, 2.0);
        for _ in 0..4 {
            above = next_up(above);
            assert_eq!(grid.place(above), Ok(8));
        }
        assert_eq!(name(grid.place(next_up(above))), "FLOAT_OFF_GRID");
        // Below a power of two the float's steps are half as large.
        for _ in 0..4 {
            below = next_down(below);
            assert_eq!(grid.place(below), Ok(8));
        }
        assert_eq!(name(grid.place(next_down(below))), "FLOAT_OFF_GRID");
    }

    #[test]
    fn floats_too_coarse_for_the_grid_are_refused() {
        let grid = grid("1");
        let limit = (1_u64 << 49) as f64;
        assert_eq!(grid.place(next_down(limit).floor()), Ok((1 << 49) - 1));
        assert_eq!(name(grid.place(limit)), "FLOAT_TOO_COARSE");
        assert_eq!(name(grid.place(1e300)), "FLOAT_TOO_COARSE");
        assert_eq!(name(grid.place(f64::INFINITY)), "FLOAT_NOT_FINITE");
        assert_eq!(name(grid.place(f64::NAN)), "FLOAT_NOT_FINITE");
    }

    #[test]
    fn small_floats_are_off_the_grid() {
        let grid = grid("0.01");
        assert_eq!(grid.place(0.0), Ok(0));
        assert_eq!(grid.place(-0.0), Ok(0));
        for value in [1e-9, 1e-40, 1e-300, -1e-300, 0.004_999] {
            assert_eq!(name(grid.place(value)), "FLOAT_OFF_GRID", "{value:?}");
        }
        let message = grid.place(-0.004).expect_err("a fault").to_string();
        assert_eq!(
            message,
            "-0.004 is not a multiple of 0.01: the nearest are -0.01 and 0"
        );
    }

    #[test]
    fn the_quick_check_never_passes_what_the_rule_refuses() {
        let mut bits = 1_u64;
        for text in ["0.000001", "0.1", "0.125", "7", "0.003"] {
            let grid = grid(text);
            let mut sure = 0;
            for _ in 0..20_000 {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let place = (bits >> (14 + bits % 40)) as f64;
                let value = place * grid.nearest;
                let value = (0..bits % 7).fold(value, |value, _| next_up(value));
                if grid.is_sure(value) {
                    sure += 1;
                    let mut lots = [0];
                    FloatQty::new(&[value], grid).convert(0..1, &mut lots);
                    assert_eq!(
                        grid.place_exactly(value),
                        Ok(lots[0]),
                        "{value:?} on {text}"
                    );
                }
            }
            assert!(sure > 4_000, "{sure} on {text}");
        }
    }

    #[test]
    fn doubt_is_decided_exactly() {
        let value = (0..4).fold(2.0, |value, _| next_up(value));
        let grid = grid("0.25");
        assert!(!grid.is_sure(value));
        let column = [0.25, value, 5.0];
        let mut qty = FloatQty::new(&column, grid);
        assert_eq!(qty.to_lots(0..3), Ok(vec![1, 8, 20]));
    }
}
