//! What a decimal number is, and why one is refused. The arithmetic is in `exact.rs`.

use std::fmt;

/// A decimal number, exactly: mantissa × 10^-scale, without trailing zeros.
///
/// ```
/// use tickstep::Decimal;
/// let tick: Decimal = "0.010".parse()?;
/// assert_eq!(tick, Decimal::new(1, 2)?);
/// assert_eq!(tick.to_string(), "0.01");
/// assert_eq!("1e-8".parse::<Decimal>()?.to_string(), "0.00000001");
/// // 123.45 is the 12345th place of a grid of 0.01.
/// assert_eq!("123.45".parse::<Decimal>()?.to_grid(tick)?, 12_345);
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    pub(crate) mantissa: i128,
    /// At most 38, and 0 or as small as it can be.
    pub(crate) scale: u32,
}

impl Decimal {
    /// The digits as one whole number.
    #[must_use]
    pub fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// How many of the digits are decimals.
    #[must_use]
    pub fn scale(self) -> u32 {
        self.scale
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = format!(
            "{:0>1$}",
            self.mantissa.unsigned_abs(),
            self.scale as usize + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - self.scale as usize);
        let point = if fraction.is_empty() { "" } else { "." };
        write!(out, "{sign}{whole}{point}{fraction}")
    }
}

/// Why a number in human units has no place on its grid.
///
/// ```
/// use tickstep::{Decimal, NumberError};
/// let error = "12,5".parse::<Decimal>().unwrap_err();
/// assert_eq!(error, NumberError::Text { text: "12,5".to_owned() }.into());
/// assert_eq!(error.to_string(), "\"12,5\" is not a decimal number such as 0.01 or 1e-8");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NumberError {
    /// The text is not a decimal number.
    Text {
        /// The text.
        text: String,
    },
    /// The exact result needs more than 127 bits.
    Range,
    /// A size that must be above zero is not.
    NotPositive {
        /// Which size.
        name: &'static str,
        /// What it is.
        value: Decimal,
    },
    /// The number lies between two places of the grid.
    OffGrid {
        /// The number.
        value: Decimal,
        /// Distance of two places.
        grid: Decimal,
        /// The place below.
        below: Decimal,
        /// The place above.
        above: Decimal,
    },
    /// The float lies between two places of the grid.
    FloatOffGrid {
        /// The float.
        value: f64,
        /// Distance of two places.
        grid: Decimal,
        /// The place below.
        below: Decimal,
        /// The place above.
        above: Decimal,
    },
    /// The float is so large that its own steps are too coarse for the grid.
    FloatTooCoarse {
        /// The float.
        value: f64,
        /// Distance of two places.
        grid: Decimal,
    },
    /// The float is infinite or not a number.
    FloatNotFinite {
        /// The float.
        value: f64,
    },
    /// The float is a quantity and not above zero.
    FloatNotPositive {
        /// The float.
        value: f64,
    },
    /// Tick × lot × multiplier / money unit is not a whole number that the kernel takes.
    UnitNotWhole {
        /// Price tick.
        tick: Decimal,
        /// Quantity lot.
        lot: Decimal,
        /// Contract multiplier.
        multiplier: Decimal,
        /// Money unit.
        money_unit: Decimal,
        /// The nearest lot for which it would be, where there is one.
        nearest_lot: Option<Decimal>,
    },
    /// No lot from 0.000001 to 1 has a money unit that suits this tick.
    NoDefaultLot {
        /// Price tick.
        tick: Decimal,
    },
}

impl NumberError {
    pub(crate) fn code_and_name(&self) -> (i32, &'static str) {
        match self {
            NumberError::Text { .. } => (110, "NUMBER_TEXT"),
            NumberError::Range => (111, "NUMBER_RANGE"),
            NumberError::NotPositive { .. } => (112, "NOT_POSITIVE"),
            NumberError::OffGrid { .. } => (113, "OFF_GRID"),
            NumberError::FloatOffGrid { .. } => (114, "FLOAT_OFF_GRID"),
            NumberError::FloatTooCoarse { .. } => (115, "FLOAT_TOO_COARSE"),
            NumberError::FloatNotFinite { .. } => (116, "FLOAT_NOT_FINITE"),
            NumberError::FloatNotPositive { .. } => (117, "FLOAT_NOT_POSITIVE"),
            NumberError::UnitNotWhole { .. } => (118, "UNIT_NOT_WHOLE"),
            NumberError::NoDefaultLot { .. } => (119, "NO_DEFAULT_LOT"),
        }
    }
}

impl fmt::Display for NumberError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumberError::Text { text } => {
                write!(
                    out,
                    "\"{text}\" is not a decimal number such as 0.01 or 1e-8"
                )
            }
            NumberError::Range => {
                out.write_str("the numbers are too long or too far apart to compute exactly")
            }
            NumberError::NotPositive { name, value } => {
                write!(out, "{name} is {value}: it must be above 0")
            }
            NumberError::OffGrid {
                value,
                grid,
                below,
                above,
            } => write_off_grid(out, &value, [grid, below, above]),
            NumberError::FloatOffGrid {
                value,
                grid,
                below,
                above,
            } => write_off_grid(out, &format_args!("{value:?}"), [grid, below, above]),
            NumberError::FloatTooCoarse { value, grid } => write!(
                out,
                "a float as large as {value:?} cannot carry steps of {grid}: \
                 give a decimal, text, or a coarser grid"
            ),
            NumberError::FloatNotFinite { value } => write!(out, "{value} is not a finite number"),
            NumberError::FloatNotPositive { value } => {
                write!(out, "a quantity is {value:?}: it must be above 0")
            }
            NumberError::UnitNotWhole {
                tick,
                lot,
                multiplier,
                money_unit,
                nearest_lot,
            } => {
                write!(
                    out,
                    "tick {tick} × lot {lot} × multiplier {multiplier} / money unit {money_unit} \
                     must be a whole number from 1 to 2^40; "
                )?;
                match nearest_lot {
                    Some(nearest) => write!(out, "the nearest lot that fits is {nearest}"),
                    None => out.write_str("no lot fits, choose another money unit"),
                }
            }
            NumberError::NoDefaultLot { tick } => write!(
                out,
                "no lot from 0.000001 to 1 suits the tick {tick}: name lot and money unit yourself"
            ),
        }
    }
}

fn write_off_grid(
    out: &mut fmt::Formatter<'_>,
    value: &dyn fmt::Display,
    [grid, below, above]: [&Decimal; 3],
) -> fmt::Result {
    write!(
        out,
        "{value} is not a multiple of {grid}: the nearest are {below} and {above}"
    )
}

impl std::error::Error for NumberError {}
