//! Arithmetic of decimals without rounding, and the whole numbers of an instrument made from them.

use std::str::FromStr;

use crate::error::Error;
use crate::number::{Decimal, NumberError};

/// Decimals of the longest fraction: 10^38 is the last power of ten that fits.
const SCALE_MAX: u32 = 38;

/// Largest `units_per_tick_lot` that the kernel takes.
const UNITS_MAX: i128 = 1 << 40;

/// Finest default money unit, as decimals: 2^62 units of 10^-8 are 4.6 × 10^10 of the currency,
/// and one digit more would leave less than 10^10.
const UNIT_DECIMALS: i32 = 8;

/// Coarsest money unit looked at for a default.
const UNIT_DECIMALS_MIN: i32 = -18;

/// Finest default lot, as decimals.
const LOT_DECIMALS: i32 = 6;

impl Decimal {
    /// mantissa × 10^-scale.
    ///
    /// # Errors
    /// [`NumberError::Range`] when more than 38 decimals are left.
    pub fn new(mantissa: i128, scale: u32) -> Result<Decimal, Error> {
        let (mut mantissa, mut scale) = (mantissa, scale);
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        if scale > SCALE_MAX {
            return Err(NumberError::Range.into());
        }
        Ok(Decimal { mantissa, scale })
    }

    /// 10^-decimals.
    fn power_of_ten(decimals: i32) -> Decimal {
        if decimals >= 0 {
            Decimal {
                mantissa: 1,
                scale: decimals.unsigned_abs(),
            }
        } else {
            Decimal {
                mantissa: 10_i128.pow(decimals.unsigned_abs()),
                scale: 0,
            }
        }
    }

    /// Which place of a grid this is: self / grid, exactly.
    ///
    /// # Errors
    /// [`NumberError::OffGrid`] with the two places beside it, [`NumberError::NotPositive`] for the
    /// grid, [`NumberError::Range`].
    pub fn to_grid(self, grid: Decimal) -> Result<i64, Error> {
        grid.expect_positive("grid")?;
        let places = Ratio::from(self).divide(Ratio::from(grid))?;
        if places.denominator != 1 {
            let below = places.numerator.div_euclid(places.denominator);
            return Err(NumberError::OffGrid {
                value: self,
                grid,
                below: grid.times(below)?,
                above: grid.times(below + 1)?,
            }
            .into());
        }
        i64::try_from(places.numerator).map_err(|_| NumberError::Range.into())
    }

    /// The place of a grid as a number: places × self.
    ///
    /// # Errors
    /// [`NumberError::Range`].
    pub fn times(self, places: i128) -> Result<Decimal, Error> {
        let mantissa = self
            .mantissa
            .checked_mul(places)
            .ok_or(NumberError::Range)?;
        Decimal::new(mantissa, self.scale)
    }

    /// The nearest float.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        // The library's parser rounds once, from the exact digits.
        format!("{}e-{}", self.mantissa, self.scale)
            .parse()
            .unwrap_or(f64::NAN)
    }

    pub(crate) fn expect_positive(self, name: &'static str) -> Result<(), Error> {
        if self.mantissa > 0 {
            return Ok(());
        }
        Err(NumberError::NotPositive { name, value: self }.into())
    }
}

impl From<i64> for Decimal {
    fn from(whole: i64) -> Decimal {
        Decimal {
            mantissa: whole.into(),
            scale: 0,
        }
    }
}

impl FromStr for Decimal {
    type Err = Error;

    /// Reads `[+-]digits[.digits][e[+-]digits]`.
    fn from_str(text: &str) -> Result<Decimal, Error> {
        parse(text).unwrap_or_else(|| {
            Err(NumberError::Text {
                text: text.to_owned(),
            }
            .into())
        })
    }
}

/// `None` when the text is no number.
fn parse(text: &str) -> Option<Result<Decimal, Error>> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let (is_negative, digits) = match number.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let (mut mantissa, mut decimals, mut count) = (0_i128, 0_i64, 0_usize);
    let mut is_fraction = false;
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                count += 1;
                decimals += i64::from(is_fraction);
                let digit = i128::from(byte - b'0');
                let Some(longer) = mantissa.checked_mul(10).and_then(|m| m.checked_add(digit))
                else {
                    return Some(Err(NumberError::Range.into()));
                };
                mantissa = longer;
            }
            b'.' if !is_fraction => is_fraction = true,
            _ => return None,
        }
    }
    if count == 0 {
        return None;
    }
    let mantissa = if is_negative { -mantissa } else { mantissa };
    Some(shifted(mantissa, decimals - exponent))
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // An exponent too long to read is out of range in any case.
    let size = digits
        .parse::<i64>()
        .map_or(1 << 40, |size| size.min(1 << 40));
    Some(if text.starts_with('-') { -size } else { size })
}

/// mantissa × 10^-scale for a scale of either sign.
fn shifted(mantissa: i128, scale: i64) -> Result<Decimal, Error> {
    if mantissa == 0 {
        return Ok(Decimal::default());
    }
    if scale >= 0 {
        return Decimal::new(
            mantissa,
            u32::try_from(scale).map_err(|_| NumberError::Range)?,
        );
    }
    let power = u32::try_from(-scale)
        .ok()
        .and_then(|power| 10_i128.checked_pow(power));
    let whole = power
        .and_then(|power| mantissa.checked_mul(power))
        .ok_or(NumberError::Range)?;
    Decimal::new(whole, 0)
}

/// A fraction in lowest terms with a positive denominator.
#[derive(Clone, Copy)]
struct Ratio {
    numerator: i128,
    denominator: i128,
}

impl From<Decimal> for Ratio {
    fn from(decimal: Decimal) -> Ratio {
        reduced(decimal.mantissa, 10_i128.pow(decimal.scale))
    }
}

impl Ratio {
    fn multiply(self, other: Ratio) -> Result<Ratio, Error> {
        // Crosswise first, so that the products are as small as they can be.
        let left = reduced(self.numerator, other.denominator);
        let right = reduced(other.numerator, self.denominator);
        let numerator = left.numerator.checked_mul(right.numerator);
        let denominator = left.denominator.checked_mul(right.denominator);
        match (numerator, denominator) {
            (Some(numerator), Some(denominator)) => Ok(Ratio {
                numerator,
                denominator,
            }),
            _ => Err(NumberError::Range.into()),
        }
    }

    /// The divisor is above 0.
    fn divide(self, divisor: Ratio) -> Result<Ratio, Error> {
        self.multiply(Ratio {
            numerator: divisor.denominator,
            denominator: divisor.numerator,
        })
    }

    /// The fraction as a decimal, if its denominator has no factor but 2 and 5.
    fn to_decimal(self) -> Result<Decimal, Error> {
        for scale in 0..=SCALE_MAX {
            let power = 10_i128.pow(scale);
            if power % self.denominator == 0 {
                let digits = self.numerator.checked_mul(power / self.denominator);
                return Decimal::new(digits.ok_or(NumberError::Range)?, scale);
            }
        }
        Err(NumberError::Range.into())
    }
}

/// The denominator is above 0.
fn reduced(numerator: i128, denominator: i128) -> Ratio {
    let (mut a, mut b) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    // `a` divides the denominator, which is an i128 above 0.
    let divisor = a as i128;
    Ratio {
        numerator: numerator / divisor,
        denominator: denominator / divisor,
    }
}

/// Money units of one lot moving one tick: tick × lot × multiplier / money unit.
///
/// ```
/// use tickstep::units_per_tick_lot;
/// let (tick, lot, unit) = ("0.01".parse()?, "0.000001".parse()?, "0.00000001".parse()?);
/// assert_eq!(units_per_tick_lot(tick, lot, 1.into(), unit)?, 1);
///
/// let error = units_per_tick_lot(tick, lot, 1.into(), "0.01".parse()?).unwrap_err();
/// assert!(error.to_string().ends_with("the nearest lot that fits is 1"));
/// # Ok::<(), tickstep::Error>(())
/// ```
///
/// # Errors
/// [`NumberError::UnitNotWhole`] naming the nearest lot for which it is a whole number from 1 to
/// 2^40; [`NumberError::NotPositive`], [`NumberError::Range`].
pub fn units_per_tick_lot(
    tick: Decimal,
    lot: Decimal,
    multiplier: Decimal,
    money_unit: Decimal,
) -> Result<i64, Error> {
    let named = [
        ("tick", tick),
        ("lot", lot),
        ("multiplier", multiplier),
        ("money_unit", money_unit),
    ];
    for (name, value) in named {
        value.expect_positive(name)?;
    }
    let per_lot = Ratio::from(tick)
        .multiply(multiplier.into())?
        .divide(money_unit.into())?;
    let units = per_lot.multiply(lot.into())?;
    if units.denominator == 1 && units.numerator <= UNITS_MAX {
        return Ok(units.numerator as i64);
    }
    let nearest_lot = nearest_lot(lot, per_lot)?;
    Err(NumberError::UnitNotWhole {
        tick,
        lot,
        multiplier,
        money_unit,
        nearest_lot,
    }
    .into())
}

/// The decimal lot nearest to the one asked for that makes `per_lot` × lot a whole number in range.
fn nearest_lot(lot: Decimal, per_lot: Ratio) -> Result<Option<Decimal>, Error> {
    // Lots are multiples of 1 / per_lot. Where that is no decimal, only every `odd`-th is one:
    // `odd` is what is left of the denominator without its factors 2 and 5.
    let odd = without_twos_and_fives(per_lot.numerator);
    if odd > UNITS_MAX {
        return Ok(None);
    }
    let step = Ratio {
        numerator: odd,
        denominator: 1,
    }
    .divide(per_lot)?;
    let steps = Ratio::from(lot).divide(step)?;
    let nearest = div_half_up(steps).clamp(1, UNITS_MAX / odd);
    step.to_decimal()?.times(nearest).map(Some)
}

fn without_twos_and_fives(number: i128) -> i128 {
    let mut rest = number;
    for factor in [2, 5] {
        while rest % factor == 0 {
            rest /= factor;
        }
    }
    rest
}

/// The nearest whole number, halves up, of a fraction that is not negative.
fn div_half_up(ratio: Ratio) -> i128 {
    let (whole, rest) = (
        ratio.numerator / ratio.denominator,
        ratio.numerator % ratio.denominator,
    );
    whole + i128::from(rest >= ratio.denominator - rest)
}

/// The default money unit for a tick, lot and multiplier: the finest power of ten for which
/// [`units_per_tick_lot`] exists and 2^62 units are at least 10^10 of the currency.
///
/// # Errors
/// As [`units_per_tick_lot`] at the finest unit.
pub fn default_unit(tick: Decimal, lot: Decimal, multiplier: Decimal) -> Result<Decimal, Error> {
    let finest = Decimal::power_of_ten(UNIT_DECIMALS);
    let mut answer = units_per_tick_lot(tick, lot, multiplier, finest).map(|_| finest);
    for decimals in (UNIT_DECIMALS_MIN..UNIT_DECIMALS).rev() {
        if answer.is_ok() {
            break;
        }
        let unit = Decimal::power_of_ten(decimals);
        if units_per_tick_lot(tick, lot, multiplier, unit).is_ok() {
            answer = Ok(unit);
        }
    }
    answer
}

/// The default lot and money unit for a tick: the finest lot of 0.000001 … 1 for which a unit
/// exists.
///
/// ```
/// use tickstep::default_lot_and_unit;
/// let (lot, unit) = default_lot_and_unit("0.01".parse()?)?;
/// assert_eq!((lot.to_string(), unit.to_string()), ("0.000001".into(), "0.00000001".into()));
/// # Ok::<(), tickstep::Error>(())
/// ```
///
/// # Errors
/// [`NumberError::NoDefaultLot`], [`NumberError::NotPositive`].
pub fn default_lot_and_unit(tick: Decimal) -> Result<(Decimal, Decimal), Error> {
    tick.expect_positive("tick")?;
    for decimals in (0..=LOT_DECIMALS).rev() {
        let lot = Decimal::power_of_ten(decimals);
        if let Ok(unit) = default_unit(tick, lot, 1.into()) {
            return Ok((lot, unit));
        }
    }
    Err(NumberError::NoDefaultLot { tick }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    #[test]
    fn text_is_read_exactly() {
        for (text, shown) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("+1.50", "1.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-12.34e1", "-123.4"),
            ("1E-8", "0.00000001"),
            ("12e3", "12000"),
            ("0e999999999999999999999", "0"),
        ] {
            assert_eq!(decimal(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "-", ".", "e5", "1e", "1e+", "1.2.3", " 1", "1_000", "nan", "0x1", "1e5.0",
        ] {
            let error = text.parse::<Decimal>().unwrap_err();
            assert_eq!(error.name(), "NUMBER_TEXT", "{text}");
        }
        for text in [
            "1e39",
            "1e-39",
            "1e99999999999999999999",
            "9".repeat(40).as_str(),
        ] {
            assert_eq!(
                text.parse::<Decimal>().unwrap_err().name(),
                "NUMBER_RANGE",
                "{text}"
            );
        }
    }

    #[test]
    fn a_grid_is_met_or_its_neighbours_are_named() {
        assert_eq!(decimal("-0.75").to_grid(decimal("0.25")), Ok(-3));
        let error = decimal("-0.7").to_grid(decimal("0.25")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "-0.7 is not a multiple of 0.25: the nearest are -0.75 and -0.5"
        );
        let error = decimal("1e30").to_grid(decimal("0.1")).unwrap_err();
        assert_eq!(error.name(), "NUMBER_RANGE");
        assert_eq!(
            decimal("1").to_grid(decimal("0")).unwrap_err().name(),
            "NOT_POSITIVE"
        );
    }

    #[test]
    fn units_name_the_nearest_lot() {
        let nearest = |tick, lot, multiplier, unit| {
            let answer = units_per_tick_lot(
                decimal(tick),
                decimal(lot),
                decimal(multiplier),
                decimal(unit),
            );
            match answer {
                Err(Error::Number(error)) => match *error {
                    NumberError::UnitNotWhole { nearest_lot, .. } => {
                        nearest_lot.expect("there is one").to_string()
                    }
                    other => panic!("{other}"),
                },
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(nearest("0.01", "0.1", "1", "0.01"), "1");
        assert_eq!(nearest("0.25", "1.1", "1", "0.5"), "2");
        assert_eq!(nearest("0.25", "3.1", "1", "0.5"), "4");
        // 1/3 of a lot is no decimal: the nearest that is one is a whole lot.
        assert_eq!(nearest("3", "0.5", "1", "10"), "10");
        assert_eq!(nearest("1", "2e12", "1", "1"), (1_i64 << 40).to_string());
    }

    #[test]
    fn defaults_follow_the_tick() {
        let default = |tick: &str| {
            default_lot_and_unit(decimal(tick)).map(|(lot, unit)| format!("{lot} {unit}"))
        };
        assert_eq!(default("0.01").as_deref(), Ok("0.000001 0.00000001"));
        assert_eq!(default("0.0001").as_deref(), Ok("0.0001 0.00000001"));
        assert_eq!(default("1e-8").as_deref(), Ok("1 0.00000001"));
        assert_eq!(default("0.25").as_deref(), Ok("0.000001 0.00000001"));
        assert_eq!(default("1e12").as_deref(), Ok("0.000001 0.000001"));
        assert_eq!(default("1e-9").unwrap_err().name(), "NO_DEFAULT_LOT");
        assert_eq!(default("0").unwrap_err().name(), "NOT_POSITIVE");
    }

    #[test]
    fn multipliers_count() {
        let units = units_per_tick_lot(decimal("0.2"), 1.into(), 300.into(), decimal("0.01"));
        assert_eq!(units, Ok(6_000));
        assert_eq!(
            default_unit(decimal("0.2"), 1.into(), 300.into()),
            Ok(decimal("1e-8"))
        );
    }
}
