//! The columns of one symbol, and the way of a row into them.

use std::collections::TryReserveError;

use super::cells::Cells;
use super::field::Role;
use super::snap::snapped;
use super::{Field, Order, TableOptions};
use crate::text::decimal::Decimal;
use crate::text::fault::{Quantity, Rule, excerpt, off_grid, read_number};
use crate::text::grid::{Grid, GridColumn, Place, misplaced};
use crate::text::moment::{Moment, Spelling, TimeUnit, within};
use crate::text::pages;

/// The grids as they are before the first row.
#[derive(Debug)]
pub(super) struct Grids {
    pub price: Grid,
    pub qty: Grid,
}

/// Numbers of several fields, row by row.
#[derive(Debug, Default)]
pub struct Block<T> {
    /// The fields, in their order within a row.
    pub fields: Vec<Field>,
    /// As many values for each row.
    pub values: Vec<T>,
}

impl<T> Block<T> {
    fn of(role: Role, options: &TableOptions) -> Block<T> {
        let fields = options.columns.iter().map(|column| column.field);
        Block {
            fields: fields.filter(|field| field.role() == role).collect(),
            values: Vec::new(),
        }
    }
}

impl<T: Copy> Block<T> {
    /// The values of one field.
    #[must_use]
    pub fn column(&self, field: Field) -> Option<Vec<T>> {
        let at = self.fields.iter().position(|other| *other == field)?;
        let values = self.values.iter().skip(at).step_by(self.fields.len());
        Some(values.copied().collect())
    }
}

/// The rows of one symbol.
#[derive(Debug)]
pub struct Part {
    /// The symbol; empty where the file names none.
    pub symbol: String,
    /// Time of each row in `time_unit`.
    pub time: Vec<i64>,
    /// Unit of the times.
    pub time_unit: TimeUnit,
    /// 0 buy or bid, 1 sell or ask; empty where the file has no sides.
    pub side: Vec<u8>,
    /// Prices in ticks.
    pub prices: Block<i64>,
    /// Quantities in lots.
    pub qtys: Block<i64>,
    /// Whole numbers.
    pub counts: Block<i64>,
    /// Floats; NaN where the file has none.
    pub money: Block<f64>,
    /// All prices of all rows until the end, and all quantities, so that they share one grid.
    price_column: GridColumn,
    qty_column: GridColumn,
}

impl Part {
    pub(super) fn new(symbol: &[u8], options: &TableOptions, grids: &Grids) -> Self {
        Self {
            symbol: String::from_utf8_lossy(symbol).into_owned(),
            time: Vec::new(),
            time_unit: TimeUnit::S,
            side: Vec::new(),
            prices: Block::of(Role::Price, options),
            qtys: Block::of(Role::Qty, options),
            counts: Block::of(Role::Count, options),
            money: Block::of(Role::Money, options),
            price_column: GridColumn::new(grids.price.clone()),
            qty_column: GridColumn::new(grids.qty.clone()),
        }
    }

    pub(super) fn finished(mut self) -> Self {
        self.prices.values = std::mem::take(&mut self.price_column.values);
        self.qtys.values = std::mem::take(&mut self.qty_column.values);
        self
    }

    /// Price tick, given or found.
    #[must_use]
    pub fn tick_size(&self) -> String {
        self.price_column.grid.unit.to_string()
    }

    /// Quantity lot, given or found.
    #[must_use]
    pub fn lot(&self) -> String {
        self.qty_column.grid.unit.to_string()
    }

    pub(super) fn take(&mut self, row: &mut Row, order: Order) -> Result<(), Rule> {
        let time = self.time_of(row.moment, &row.time_text)?;
        self.check_order(row.moment, order)?;
        self.reserve(row).map_err(|_| Rule::Memory)?;
        place_all(&mut self.price_column, &mut row.prices)?;
        place_all(&mut self.qty_column, &mut row.qtys)?;
        self.refine_time(row.moment.unit);
        self.time.push(time);
        push_all(&mut self.price_column, &row.prices);
        push_all(&mut self.qty_column, &row.qtys);
        self.counts.values.extend_from_slice(&row.counts);
        self.money.values.extend_from_slice(&row.money);
        self.side.extend(row.side);
        Ok(())
    }

    fn reserve(&mut self, row: &Row) -> Result<(), TryReserveError> {
        pages::reserve(&mut self.time, 1)?;
        pages::reserve(&mut self.side, 1)?;
        pages::reserve(&mut self.price_column.values, row.prices.values.len())?;
        pages::reserve(&mut self.qty_column.values, row.qtys.values.len())?;
        pages::reserve(&mut self.counts.values, row.counts.len())?;
        pages::reserve(&mut self.money.values, row.money.len())
    }

    /// The time in the unit that the column will have.
    fn time_of(&self, moment: Moment, text: &[u8]) -> Result<i64, Rule> {
        let fault = |fault| Rule::Moment {
            cell: excerpt(text),
            fault,
        };
        let unit = self.time_unit.max(moment.unit);
        let growth = i128::from(self.time_unit.count_of(unit));
        // Times between these two grow with the unit, too.
        for kept in [self.time.first(), self.time.last()].into_iter().flatten() {
            within(i128::from(*kept) * growth).map_err(fault)?;
        }
        within(i128::from(moment.value) * i128::from(moment.unit.count_of(unit))).map_err(fault)
    }

    fn check_order(&self, moment: Moment, order: Order) -> Result<(), Rule> {
        let Some(previous) = self.time.last().filter(|_| order != Order::Any) else {
            return Ok(());
        };
        let unit = self.time_unit.max(moment.unit);
        let time = moment.value * moment.unit.count_of(unit);
        let previous = *previous * self.time_unit.count_of(unit);
        if time < previous {
            return Err(Rule::TimeOrder { time, previous });
        }
        if time == previous && order == Order::Strict {
            return Err(Rule::TimeRepeated { time });
        }
        Ok(())
    }

    fn refine_time(&mut self, unit: TimeUnit) {
        if unit > self.time_unit {
            let growth = self.time_unit.count_of(unit);
            for time in &mut self.time {
                *time *= growth;
            }
            self.time_unit = unit;
        }
    }
}

/// The numbers of one role in a row.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    quantities: Vec<Quantity>,
    values: Vec<Decimal>,
    is_negative: Vec<bool>,
    /// The texts one after the other, and where each ends: for messages alone.
    text: Vec<u8>,
    text_ends: Vec<usize>,
    places: Vec<Place>,
}

impl Numbers {
    fn clear(&mut self) {
        self.quantities.clear();
        self.values.clear();
        self.is_negative.clear();
        self.text.clear();
        self.text_ends.clear();
    }

    fn push(&mut self, field: Field, text: &[u8], value: Decimal, is_negative: bool) {
        self.quantities.push(field.quantity());
        self.values.push(value);
        self.is_negative.push(is_negative && value != Decimal::ZERO);
        self.text.extend_from_slice(text);
        self.text_ends.push(self.text.len());
    }

    fn text(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.text_ends[before]);
        &self.text[start..self.text_ends[at]]
    }

    /// Whether `one` is below `other`, of numbers that may be negative.
    fn is_below(&self, one: usize, other: usize) -> bool {
        let signed = |at: usize| {
            let size = self.values[at].scaled_size();
            if self.is_negative[at] { -size } else { size }
        };
        signed(one) < signed(other)
    }
}

fn place_all(column: &mut GridColumn, numbers: &mut Numbers) -> Result<(), Rule> {
    column
        .place_all(&numbers.values, &mut numbers.places)
        .map_err(|(at, fault)| {
            let (quantity, value) = (numbers.quantities[at], numbers.values[at]);
            misplaced(&column.grid, fault, quantity, value, numbers.text(at))
        })
}

fn push_all(column: &mut GridColumn, numbers: &Numbers) {
    for (place, is_negative) in numbers.places.iter().zip(&numbers.is_negative) {
        column.push_signed(*place, *is_negative);
    }
}

/// Two numbers of a row, of which the first may not be above the second.
#[derive(Clone, Copy, Debug)]
struct Check {
    is_price: bool,
    low: usize,
    high: usize,
    /// Which of the two a fault is about.
    blames_low: bool,
}

impl Check {
    /// The rules of a bar: low is the lowest, high the highest, and what was bought is a part.
    const RULES: [(Field, Field, bool); 5] = [
        (Field::Low, Field::Open, true),
        (Field::Low, Field::Close, true),
        (Field::Open, Field::High, false),
        (Field::Close, Field::High, false),
        (Field::BuyVolume, Field::Volume, true),
    ];

    /// Those of the rules that the columns of a table can break.
    fn all_of(options: &TableOptions) -> Vec<Self> {
        let place = |field: Field| {
            let fields = options.columns.iter().map(|column| column.field);
            let mut fields = fields.filter(|other| other.role() == field.role());
            fields.position(|other| other == field)
        };
        let check = |(low, high, blames_low): (Field, Field, bool)| {
            Some(Self {
                is_price: low.role() == Role::Price,
                low: place(low)?,
                high: place(high)?,
                blames_low,
            })
        };
        Self::RULES.into_iter().filter_map(check).collect()
    }
}

/// A row between its text and its columns.
#[derive(Debug)]
pub(super) struct Row {
    pub moment: Moment,
    time_text: Vec<u8>,
    prices: Numbers,
    qtys: Numbers,
    counts: Vec<i64>,
    money: Vec<f64>,
    side: Option<u8>,
    checks: Vec<Check>,
}

impl Row {
    pub fn new(options: &TableOptions) -> Self {
        Self {
            moment: Moment {
                value: 0,
                unit: TimeUnit::S,
                spelling: Spelling::Count,
            },
            time_text: Vec::new(),
            prices: Numbers::default(),
            qtys: Numbers::default(),
            counts: Vec::new(),
            money: Vec::new(),
            side: None,
            checks: Check::all_of(options),
        }
    }

    pub fn read(
        &mut self,
        line: &[u8],
        cells: &Cells,
        options: &TableOptions,
        grids: &Grids,
    ) -> Result<(), Rule> {
        self.prices.clear();
        self.qtys.clear();
        self.counts.clear();
        self.money.clear();
        self.read_time(line, cells, options.time_unit)?;
        let snapping = options.snaps.then_some(grids);
        for (field, text) in cells.iter(line) {
            match field.role() {
                Role::Time | Role::Symbol => {}
                Role::Price => {
                    self.read_price(field, text, options, snapping.map(|grids| &grids.price))?;
                }
                Role::Qty => {
                    self.read_qty(field, text, options, snapping.map(|grids| &grids.qty))?;
                }
                Role::Count => self.counts.push(read_count(field, text)?),
                Role::Money => self.money.push(read_money(field, text)?),
                Role::Side => self.side = Some(read_side(field, text)?),
            }
        }
        self.check_bar()
    }

    fn read_time(
        &mut self,
        line: &[u8],
        cells: &Cells,
        unit: Option<TimeUnit>,
    ) -> Result<(), Rule> {
        let date = cells.text(line, Field::Time).unwrap_or_default();
        let read = match cells.text(line, Field::Clock) {
            Some(clock) => Moment::parse_two(date, clock, unit),
            None => Moment::parse(date, unit),
        };
        self.moment = read.map_err(|fault| Rule::Moment {
            cell: excerpt(date),
            fault,
        })?;
        self.time_text.clear();
        self.time_text.extend_from_slice(date);
        Ok(())
    }

    fn read_price(
        &mut self,
        field: Field,
        text: &[u8],
        options: &TableOptions,
        grid: Option<&Grid>,
    ) -> Result<(), Rule> {
        let (is_negative, size) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let quantity = field.quantity();
        let grid = grid.filter(|_| options.tick_size.is_some());
        let value = read_on_grid(quantity, size, grid)?;
        if !options.allows_negative_prices && (is_negative || value == Decimal::ZERO) {
            return Err(Rule::Positive {
                quantity,
                cell: excerpt(text),
            });
        }
        self.prices.push(field, text, value, is_negative);
        Ok(())
    }

    fn read_qty(
        &mut self,
        field: Field,
        text: &[u8],
        options: &TableOptions,
        grid: Option<&Grid>,
    ) -> Result<(), Rule> {
        let grid = grid.filter(|_| options.lot.is_some());
        let value = read_on_grid(field.quantity(), text, grid)?;
        if options.needs_qty && value == Decimal::ZERO {
            return Err(Rule::Positive {
                quantity: field.quantity(),
                cell: excerpt(text),
            });
        }
        self.qtys.push(field, text, value, false);
        Ok(())
    }

    fn check_bar(&self) -> Result<(), Rule> {
        for check in &self.checks {
            let numbers = if check.is_price {
                &self.prices
            } else {
                &self.qtys
            };
            if numbers.is_below(check.high, check.low) {
                let (blamed, other) = if check.blames_low {
                    (check.low, check.high)
                } else {
                    (check.high, check.low)
                };
                return Err(Rule::Bar {
                    quantity: numbers.quantities[blamed],
                    cell: excerpt(numbers.text(blamed)),
                    other: numbers.quantities[other],
                });
            }
        }
        Ok(())
    }
}

/// A number as it is spelled, or put on the grid that is given.
fn read_on_grid(quantity: Quantity, text: &[u8], grid: Option<&Grid>) -> Result<Decimal, Rule> {
    let Some(grid) = grid else {
        return read_number(quantity, text);
    };
    if let Some(value) = snapped(text, grid.unit) {
        return Ok(value);
    }
    let value = read_number(quantity, text)?;
    let nearest = grid.neighbours(value);
    Err(off_grid(quantity, excerpt(text), grid.unit, nearest))
}

/// A whole number; archives write -1 for an id that there is not.
fn read_count(field: Field, text: &[u8]) -> Result<i64, Rule> {
    if text == b"-1" && field != Field::TradeCount {
        return Ok(-1);
    }
    let fault = || Rule::Whole {
        quantity: field.quantity(),
        cell: excerpt(text),
    };
    let value = Decimal::parse(text).map_err(|_| fault())?;
    i64::try_from(value.mantissa)
        .ok()
        .filter(|count| value.decimals == 0 && *count < 1 << 62)
        .ok_or_else(fault)
}

/// A finite number; NaN where there is none.
fn read_money(field: Field, text: &[u8]) -> Result<f64, Rule> {
    if text.is_empty() || text.eq_ignore_ascii_case(b"nan") {
        return Ok(f64::NAN);
    }
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|money| money.is_finite())
        .ok_or_else(|| Rule::Money {
            quantity: field.quantity(),
            cell: excerpt(text),
        })
}

fn read_side(field: Field, text: &[u8]) -> Result<u8, Rule> {
    const BUY: [&str; 4] = ["b", "buy", "bid", "bids"];
    const SELL: [&str; 6] = ["s", "a", "sell", "ask", "asks", "offer"];
    const TRUE: [&str; 3] = ["true", "t", "1"];
    const FALSE: [&str; 3] = ["false", "f", "0"];
    let is_one_of = |names: &[&str]| {
        names
            .iter()
            .any(|name| text.eq_ignore_ascii_case(name.as_bytes()))
    };
    let is_maker = field == Field::BuyerIsMaker;
    let is_sell = if is_maker {
        is_one_of(&TRUE)
    } else {
        is_one_of(&SELL) || text == b"1"
    };
    let is_buy = if is_maker {
        is_one_of(&FALSE)
    } else {
        is_one_of(&BUY) || text == b"0"
    };
    match (is_buy, is_sell) {
        (true, false) => Ok(0),
        (false, true) => Ok(1),
        _ if is_maker => Err(Rule::Maker {
            cell: excerpt(text),
        }),
        _ => Err(Rule::Side {
            cell: excerpt(text),
        }),
    }
}
