//! Decimal values to whole numbers of a grid: ticks of a price, lots of a quantity.
//!
//! A grid is either given, and a value off it is refused, or found: it starts at 1 and becomes ten
//! times finer whenever a value needs it. Since it grows for no other reason, it is at the end the
//! coarsest of 1, 0.1, 0.01, ... that holds every value, and what was stored is final.

use super::decimal::{DECIMALS_MAX, Decimal, POWERS_OF_TEN};
use super::fault::{Quantity, Rule, TextError, excerpt, off_grid};

/// How many steps a text with a certain number of decimals is, without a division.
#[derive(Clone, Copy, Debug)]
struct Step {
    divisor: ExactDivisor,
    factor: u64,
    /// Largest quotient for which `quotient * factor` is within the grid's bound.
    quotient_max: u64,
}

/// Divides by a constant that must leave no remainder: one multiplication and one rotation.
///
/// With `n = 2^shift * odd`, multiplying by the inverse of `odd` modulo 2^64 and rotating by
/// `shift` gives the quotient for multiples of `n`, and a number above `u64::MAX / n` for others.
#[derive(Clone, Copy, Debug)]
struct ExactDivisor {
    inverse: u64,
    shift: u32,
    quotient_max: u64,
}

impl ExactDivisor {
    fn new(divisor: u64) -> Self {
        let shift = divisor.trailing_zeros();
        let odd = divisor >> shift;
        // Newton's iteration doubles the correct low bits: 3, 6, 12, 24, 48, 96.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self {
            inverse,
            shift,
            quotient_max: u64::MAX / divisor,
        }
    }

    #[inline(always)]
    fn quotient(self, value: u64) -> u64 {
        value.wrapping_mul(self.inverse).rotate_right(self.shift)
    }
}

impl Step {
    /// The step of texts with `decimals` on the grid of `unit`: `mantissa * factor / divisor`.
    fn new(unit: Decimal, decimals: usize, units_max: u64) -> Self {
        let numerator = POWERS_OF_TEN[unit.decimals.saturating_sub(decimals)];
        let scale = POWERS_OF_TEN[decimals.saturating_sub(unit.decimals)];
        let common = greatest_common_divisor(numerator, unit.mantissa);
        let factor = numerator / common;
        match (unit.mantissa / common).checked_mul(scale) {
            Some(divisor) => {
                let divisor = ExactDivisor::new(divisor);
                let quotient_max = divisor.quotient_max.min(units_max / factor);
                Self {
                    divisor,
                    factor,
                    quotient_max,
                }
            }
            // The divisor is beyond every mantissa, so only zero would be on this grid.
            None => Self {
                divisor: ExactDivisor::new(1),
                factor,
                quotient_max: 0,
            },
        }
    }

    #[inline(always)]
    fn units(&self, mantissa: u64) -> Option<i64> {
        let quotient = self.divisor.quotient(mantissa);
        // Fits: `units_max` is below 2^63.
        (quotient <= self.quotient_max).then(|| (quotient * self.factor) as i64)
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The distance between two neighbouring values, and the way from a text to its whole number.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    pub unit: Decimal,
    is_given: bool,
    units_max: i64,
    steps: [Step; DECIMALS_MAX + 1],
}

/// Why a value has no place on a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GridFault {
    OffGrid,
    TooLarge,
    /// The value needs so fine a grid that an earlier, larger value would pass the bound.
    TooFine,
}

impl Grid {
    pub fn given(unit: Decimal, units_max: i64) -> Self {
        Self {
            unit,
            is_given: true,
            units_max,
            steps: steps(unit, units_max),
        }
    }

    pub fn found(units_max: i64) -> Self {
        let unit = Decimal {
            mantissa: 1,
            decimals: 0,
        };
        Self {
            unit,
            is_given: false,
            units_max,
            steps: steps(unit, units_max),
        }
    }

    fn refined(&self, decimals: usize) -> Self {
        let unit = Decimal {
            mantissa: 1,
            decimals,
        };
        Self {
            unit,
            steps: steps(unit, self.units_max),
            ..*self
        }
    }

    /// `mantissa / 10^decimals` as a whole number of units, where there is one within the bound.
    #[inline(always)]
    pub fn units(&self, mantissa: u64, decimals: usize) -> Option<i64> {
        self.steps[decimals].units(mantissa)
    }

    /// Whole units in `value`, and whether nothing is left over. Slow: for messages only.
    fn divide(&self, value: Decimal) -> (u128, bool) {
        let decimals = value.decimals.max(self.unit.decimals);
        let scaled = |number: Decimal| {
            u128::from(number.mantissa) * u128::from(POWERS_OF_TEN[decimals - number.decimals])
        };
        let (value, unit) = (scaled(value), scaled(self.unit));
        (value / unit, value % unit == 0)
    }

    /// The values on both sides of one that is off the grid.
    pub fn neighbours(&self, value: Decimal) -> Option<(Decimal, Decimal)> {
        let (index, _) = self.divide(value);
        let at = |index: u128| {
            let mantissa = u64::try_from(index * u128::from(self.unit.mantissa)).ok()?;
            Some(Decimal {
                mantissa,
                decimals: self.unit.decimals,
            })
        };
        Some((at(index)?, at(index + 1)?))
    }
}

fn steps(unit: Decimal, units_max: i64) -> [Step; DECIMALS_MAX + 1] {
    std::array::from_fn(|decimals| Step::new(unit, decimals, units_max.unsigned_abs()))
}

/// Values on a grid, all of them rescaled when the grid becomes finer.
#[derive(Clone, Debug)]
pub(crate) struct GridColumn {
    pub grid: Grid,
    pub values: Vec<i64>,
    /// Largest size of the first `largest_of` values. Kept so that refusals in a row do not each look at
    /// the whole column again.
    largest: i64,
    largest_of: usize,
}

/// Where a value goes: nothing is changed until [`GridColumn::push`] takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    units: i64,
    decimals_needed: usize,
}

impl GridColumn {
    pub fn new(grid: Grid) -> Self {
        Self {
            grid,
            values: Vec::new(),
            largest: 0,
            largest_of: 0,
        }
    }

    pub fn place(&mut self, value: Decimal) -> Result<Place, GridFault> {
        let decimals_needed = self.grid.unit.decimals;
        if let Some(units) = self.grid.units(value.mantissa, value.decimals) {
            return Ok(Place {
                units,
                decimals_needed,
            });
        }
        if self.grid.is_given {
            let (_, is_multiple) = self.grid.divide(value);
            return Err(if is_multiple {
                GridFault::TooLarge
            } else {
                GridFault::OffGrid
            });
        }
        if value.decimals <= decimals_needed {
            return Err(GridFault::TooLarge);
        }
        self.place_on_finer_grid(value)
    }

    /// The places of values that are pushed one after the other; of a refused one its index.
    pub fn place_all(
        &mut self,
        values: &[Decimal],
        places: &mut Vec<Place>,
    ) -> Result<(), (usize, GridFault)> {
        places.clear();
        let mut decimals = self.grid.unit.decimals;
        for (index, value) in values.iter().enumerate() {
            let place = self.place(*value).map_err(|fault| (index, fault))?;
            decimals = decimals.max(place.decimals_needed);
            places.push(place);
        }
        if decimals > self.grid.unit.decimals {
            // One value needs a finer grid: the others are on it, too.
            for (index, value) in values.iter().enumerate() {
                places[index] = self
                    .finer_place(*value, decimals)
                    .ok_or((index, GridFault::TooLarge))?;
            }
        }
        Ok(())
    }

    fn finer_place(&self, value: Decimal, decimals: usize) -> Option<Place> {
        let growth = POWERS_OF_TEN[decimals - value.decimals];
        let units = i64::try_from(value.mantissa.checked_mul(growth)?).ok()?;
        (units <= self.grid.units_max).then_some(Place {
            units,
            decimals_needed: decimals,
        })
    }

    /// As [`Self::push`], of a value below zero where `is_negative`.
    pub fn push_signed(&mut self, place: Place, is_negative: bool) {
        self.push(Place {
            units: if is_negative {
                -place.units
            } else {
                place.units
            },
            ..place
        });
    }

    fn place_on_finer_grid(&mut self, value: Decimal) -> Result<Place, GridFault> {
        let units = i64::try_from(value.mantissa).map_err(|_| GridFault::TooLarge)?;
        if units > self.grid.units_max {
            return Err(GridFault::TooLarge);
        }
        if self.largest() > self.grid.units_max / self.growth(value.decimals) {
            return Err(GridFault::TooFine);
        }
        Ok(Place {
            units,
            decimals_needed: value.decimals,
        })
    }

    fn largest(&mut self) -> i64 {
        let unseen = &self.values[self.largest_of..];
        self.largest = unseen
            .iter()
            .fold(self.largest, |largest, value| largest.max(value.abs()));
        self.largest_of = self.values.len();
        self.largest
    }

    /// Hands the values over; what comes then must still be on a grid that holds them.
    pub fn drain(&mut self) -> Vec<i64> {
        self.largest();
        self.largest_of = 0;
        std::mem::take(&mut self.values)
    }

    fn growth(&self, decimals: usize) -> i64 {
        // Fits: at most 10^18.
        POWERS_OF_TEN[decimals - self.grid.unit.decimals] as i64
    }

    pub fn push(&mut self, place: Place) {
        if place.decimals_needed > self.grid.unit.decimals {
            self.refine(place.decimals_needed);
        }
        self.values.push(place.units);
    }

    fn refine(&mut self, decimals: usize) {
        let growth = self.growth(decimals);
        for value in &mut self.values {
            *value *= growth;
        }
        self.largest *= growth;
        self.grid = self.grid.refined(decimals);
    }
}

pub(crate) fn grid_of(
    name: &'static str,
    text: Option<&str>,
    units_max: i64,
) -> Result<Grid, TextError> {
    let Some(text) = text else {
        return Ok(Grid::found(units_max));
    };
    match Decimal::parse(text.as_bytes()) {
        Ok(unit) if unit != Decimal::ZERO => Ok(Grid::given(unit, units_max)),
        _ => Err(TextError::Unit {
            name,
            text: excerpt(text.as_bytes()),
        }),
    }
}

pub(crate) fn place(
    column: &mut GridColumn,
    quantity: Quantity,
    value: Decimal,
    text: &[u8],
) -> Result<Place, Rule> {
    column
        .place(value)
        .map_err(|fault| misplaced(&column.grid, fault, quantity, value, text))
}

/// The rule that a value without a place on the grid breaks.
pub(crate) fn misplaced(
    grid: &Grid,
    fault: GridFault,
    quantity: Quantity,
    value: Decimal,
    text: &[u8],
) -> Rule {
    let cell = excerpt(text);
    match fault {
        GridFault::OffGrid => off_grid(quantity, cell, grid.unit, grid.neighbours(value)),
        GridFault::TooLarge => Rule::Large {
            quantity,
            cell,
            unit: Some(grid.unit.to_string()),
        },
        GridFault::TooFine => Rule::Span { quantity, cell },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: i64 = (1 << 48) - 1;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    fn column_of(grid: Grid, texts: &[&str]) -> Result<GridColumn, GridFault> {
        let mut column = GridColumn::new(grid);
        for text in texts {
            let place = column.place(decimal(text))?;
            column.push(place);
        }
        Ok(column)
    }

    #[test]
    fn exact_divisor_agrees_with_division() {
        let divisors = [
            1,
            2,
            3,
            5,
            10,
            25,
            1000,
            1 << 40,
            10u64.pow(18),
            u64::MAX,
            u64::MAX - 1,
        ];
        let mut value = 1u64;
        for _ in 0..2000 {
            value = value
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            for divisor in divisors {
                for value in [
                    value,
                    value / divisor * divisor,
                    value % 1000 * (divisor % 1000),
                ] {
                    let exact = ExactDivisor::new(divisor);
                    let is_multiple = exact.quotient(value) <= exact.quotient_max;
                    assert_eq!(is_multiple, value % divisor == 0);
                    assert!(!is_multiple || exact.quotient(value) == value / divisor);
                }
            }
        }
    }

    #[test]
    fn found_grid_is_the_coarsest_power_of_ten_up_to_one() {
        let column = column_of(Grid::found(BOUND), &["61800.30", "61900", "0.5", "200"]).unwrap();
        assert_eq!(column.grid.unit.to_string(), "0.1");
        assert_eq!(column.values, [618_003, 619_000, 5, 2000]);
        let whole = column_of(Grid::found(BOUND), &["61800", "100.000"]).unwrap();
        assert_eq!(
            (whole.grid.unit.to_string(), whole.values),
            ("1".into(), vec![61_800, 100])
        );
    }

    #[test]
    fn given_grid_takes_only_its_multiples() {
        let quarter = || Grid::given(decimal("0.25"), BOUND);
        let column = column_of(quarter(), &["0.25", "1", "1.50", "17.75"]).unwrap();
        assert_eq!(column.values, [1, 4, 6, 71]);
        assert_eq!(
            column_of(quarter(), &["1.30"]).unwrap_err(),
            GridFault::OffGrid
        );
        assert_eq!(
            column_of(quarter(), &["0.125"]).unwrap_err(),
            GridFault::OffGrid
        );
        assert_eq!(
            column_of(quarter(), &["1e14"]).unwrap_err(),
            GridFault::TooLarge
        );
        let finest = Grid::given(decimal("1e-18"), BOUND);
        assert_eq!(column_of(finest, &["1"]).unwrap_err(), GridFault::TooLarge);
        let (below, above) = quarter().neighbours(decimal("1.3")).unwrap();
        assert_eq!(
            (below.to_string(), above.to_string()),
            ("1.25".into(), "1.50".into())
        );
    }

    #[test]
    fn a_divisor_beyond_64_bits_takes_nothing() {
        let grid = Grid::given(decimal("9223372036854775807"), BOUND);
        assert_eq!(
            column_of(grid, &["0.000000000000000001"]).unwrap_err(),
            GridFault::OffGrid
        );
    }

    #[test]
    fn values_of_one_row_share_the_grid() {
        let mut column = column_of(Grid::found(BOUND), &["3"]).unwrap();
        let mut places = Vec::new();
        let values = [decimal("7"), decimal("0.25"), decimal("1.5")];
        column.place_all(&values, &mut places).unwrap();
        for (place, is_negative) in places.iter().zip([false, true, false]) {
            column.push_signed(*place, is_negative);
        }
        assert_eq!(column.values, [300, 700, -25, 150]);
        let values = [decimal("1e14"), decimal("0.001")];
        assert_eq!(
            column.place_all(&values, &mut places).unwrap_err(),
            (0, GridFault::TooLarge)
        );
        assert_eq!(column.values, [300, 700, -25, 150]);
    }

    #[test]
    fn growth_beyond_the_bound_is_refused_and_changes_nothing() {
        let mut column = column_of(Grid::found(BOUND), &["100000000000000", "7"]).unwrap();
        assert_eq!(
            column.place(decimal("0.01")).unwrap_err(),
            GridFault::TooFine
        );
        assert_eq!(
            column.place(decimal("300000000000000")).unwrap_err(),
            GridFault::TooLarge
        );
        assert_eq!(column.values, [100_000_000_000_000, 7]);
        assert_eq!(column.grid.unit.to_string(), "1");
    }
}
