//! Columns of a frame as the integers and floats that ticks and bars are made of.

use std::sync::Arc;

use super::fault::ArrowFault;
use super::table::{Batch, Field, Part, Table, TextLayout, Type};
use crate::error::Error;
use crate::float_grid::LotGrid;
use crate::number::{Decimal, NumberError};
use crate::text::pages::reserve;

/// Decimals of the finest grid that is looked for.
const DECIMALS_MAX: u32 = 18;

/// Values that can lie in a frame's memory as they lie in a column of ticks.
pub trait InPlace: Copy {
    /// Whether a column of this type holds them.
    fn is(kind: &Type) -> bool;
}

impl InPlace for i64 {
    fn is(kind: &Type) -> bool {
        let int = Type::Int {
            bytes: 8,
            is_signed: true,
        };
        *kind == int || matches!(kind, Type::Time { .. })
    }
}

impl InPlace for u8 {
    fn is(kind: &Type) -> bool {
        let int = Type::Int {
            bytes: 1,
            is_signed: false,
        };
        *kind == int
    }
}

impl InPlace for f64 {
    fn is(kind: &Type) -> bool {
        *kind == Type::Float { bytes: 8 }
    }
}

/// One column of a [`Table`].
#[derive(Clone, Copy)]
pub struct Column<'a> {
    table: &'a Table,
    index: usize,
}

impl Table {
    /// The column of a name.
    ///
    /// # Errors
    /// When no column or several have it.
    pub fn column(&self, name: &str) -> Result<Column<'_>, ArrowFault> {
        let mut found = (0..self.fields.len()).filter(|index| self.fields[*index].name == name);
        let index = found.next().ok_or_else(|| ArrowFault::ColumnMissing {
            column: name.to_owned(),
            present: self.fields.iter().map(|field| field.name.clone()).collect(),
        })?;
        if found.next().is_some() {
            return Err(ArrowFault::ColumnRepeated {
                column: name.to_owned(),
            });
        }
        Ok(Column { table: self, index })
    }
}

/// One cell with a number in it.
enum Cell<'a> {
    Whole(i128),
    Float(f64),
    /// A float of 4 bytes stands for its shortest text.
    Single(f32),
    Scaled(i128, i32),
    Text(&'a [u8]),
}

impl<'a> Column<'a> {
    /// Name and type.
    #[must_use]
    pub fn field(&self) -> &'a Field {
        &self.table.fields[self.index]
    }

    fn kind(&self) -> &'a Type {
        &self.field().kind
    }

    fn parts(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let index = self.index;
        self.table
            .batches
            .iter()
            .map(move |batch| batch.part(index))
    }

    fn type_fault(&self, wanted: &'static str) -> ArrowFault {
        ArrowFault::Type {
            column: self.field().name.clone(),
            format: self.field().format.clone(),
            wanted,
        }
    }

    fn number_fault(&self, row: usize, error: Error) -> ArrowFault {
        ArrowFault::Number {
            column: self.field().name.clone(),
            row,
            error,
        }
    }

    /// Sees that no cell is empty.
    ///
    /// # Errors
    /// The first that is.
    pub fn expect_full(&self) -> Result<(), ArrowFault> {
        let mut before = 0;
        for part in self.parts() {
            if let Some(row) = part.first_null() {
                return Err(ArrowFault::Null {
                    column: self.field().name.clone(),
                    row: before + row,
                });
            }
            before += part.rows;
        }
        Ok(())
    }

    /// The values where they are, if they are there in one piece and of this very type.
    #[must_use]
    pub fn in_place<T: InPlace>(&self) -> Option<&'a [T]> {
        let mut parts = self.parts();
        let (Some(part), None) = (parts.next(), parts.next()) else {
            return None;
        };
        let start = part.values(size_of::<T>()).cast::<T>();
        if !T::is(self.kind()) || self.field().values.is_some() || !start.is_aligned() {
            return None;
        }
        // SAFETY: the buffer holds so many values of this type from there on.
        Some(unsafe { std::slice::from_raw_parts(start, part.rows) })
    }

    /// The values of all parts as they lie there, one after the other; none if they are of another
    /// type.
    ///
    /// # Errors
    /// An empty cell.
    pub fn joined<T: InPlace>(&self) -> Result<Option<Vec<T>>, ArrowFault> {
        if !T::is(self.kind()) || self.field().values.is_some() {
            return Ok(None);
        }
        self.expect_full()?;
        let mut found: Vec<T> = self.room();
        for part in self.parts() {
            found.reserve(part.rows);
            let values = part.values(size_of::<T>());
            let spare = found.spare_capacity_mut().as_mut_ptr().cast::<u8>();
            // SAFETY: there is room for so many values, and the buffer holds as many of this type,
            // every bit pattern of which is one; bytes need no alignment.
            unsafe {
                values.copy_to_nonoverlapping(spare, part.rows * size_of::<T>());
                found.set_len(found.len() + part.rows);
            }
        }
        Ok(Some(found))
    }

    /// What keeps the memory of [`Column::in_place`] alive.
    #[must_use]
    pub fn keeper(&self) -> Option<Arc<Batch>> {
        self.table.batches.first().cloned()
    }

    /// Integers, and counts of times, as they are.
    ///
    /// # Errors
    /// Another type; an empty cell; a number beyond 2^63.
    pub fn to_ints(&self) -> Result<Vec<i64>, ArrowFault> {
        let is_time = matches!(
            self.kind(),
            Type::Int { .. } | Type::Time { .. } | Type::Days
        );
        if !is_time || self.field().values.is_some() {
            return Err(self.type_fault("integers"));
        }
        self.expect_full()?;
        let mut found = self.room();
        for part in self.parts() {
            match self.kind() {
                Type::Int {
                    bytes: 8,
                    is_signed: false,
                } => {
                    for row in 0..part.rows {
                        let value = i64::try_from(part.value::<u64>(row));
                        let fault = |_| self.number_fault(found.len(), NumberError::Range.into());
                        let value = value.map_err(fault)?;
                        found.push(value);
                    }
                }
                Type::Int {
                    bytes: 1,
                    is_signed: true,
                } => extend::<i8, _>(&mut found, part, i64::from),
                Type::Int { bytes: 1, .. } => extend::<u8, _>(&mut found, part, i64::from),
                Type::Int {
                    bytes: 2,
                    is_signed: true,
                } => extend::<i16, _>(&mut found, part, i64::from),
                Type::Int { bytes: 2, .. } => extend::<u16, _>(&mut found, part, i64::from),
                Type::Int {
                    bytes: 4,
                    is_signed: false,
                } => extend::<u32, _>(&mut found, part, i64::from),
                Type::Int { bytes: 4, .. } | Type::Days => {
                    extend::<i32, _>(&mut found, part, i64::from)
                }
                _ => extend::<i64, _>(&mut found, part, |value| value),
            }
        }
        Ok(found)
    }

    /// Room for a value of each row, in large pages where the system has them.
    fn room<T>(&self) -> Vec<T> {
        let mut room = Vec::new();
        // Where there is not enough memory, the first push says so.
        let _ = reserve(&mut room, self.table.rows());
        room
    }

    /// Numbers as the floats nearest to them.
    ///
    /// # Errors
    /// Another type; an empty cell.
    pub fn to_floats(&self) -> Result<Vec<f64>, ArrowFault> {
        self.expect_full()?;
        let mut found = self.room();
        if *self.kind() == (Type::Float { bytes: 8 }) {
            for part in self.parts() {
                extend::<f64, _>(&mut found, part, |value| value);
            }
            return Ok(found);
        }
        self.each_number(|row, cell| {
            found.push(match cell {
                Cell::Float(float) => float,
                Cell::Single(float) => float.into(),
                Cell::Whole(whole) => whole as f64,
                exact => decimal(exact)
                    .map_err(|error| self.number_fault(row, error))?
                    .to_f64(),
            });
            Ok(())
        })?;
        Ok(found)
    }

    /// Numbers as places of a grid, exactly.
    ///
    /// # Errors
    /// Another type; an empty cell; a number that is not on the grid.
    pub fn to_grid(&self, grid: LotGrid) -> Result<Vec<i64>, ArrowFault> {
        self.expect_full()?;
        let mut found = self.room();
        self.each_number(|row, cell| {
            let place = match cell {
                Cell::Float(float) => grid.place(float),
                exact => decimal(exact).and_then(|number| place(number, grid.grid())),
            };
            found.push(place.map_err(|error| self.number_fault(row, error))?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Decimals of the coarsest of 1, 0.1, 0.01, … on which all numbers lie, at least so many.
    ///
    /// # Errors
    /// Another type; an empty cell; a number on no such grid of at most 18 decimals.
    pub fn decimals(&self, at_least: u32) -> Result<u32, ArrowFault> {
        self.expect_full()?;
        let mut decimals = at_least;
        let mut floats = power_grid(decimals);
        self.each_number(|row, cell| {
            match cell {
                Cell::Float(float) => {
                    while let Err(error) = floats.place(float) {
                        if decimals == DECIMALS_MAX || !is_off_grid(&error) {
                            return Err(self.number_fault(row, error));
                        }
                        decimals += 1;
                        floats = power_grid(decimals);
                    }
                }
                exact => {
                    let number = decimal(exact).map_err(|error| self.number_fault(row, error))?;
                    if number.scale() > DECIMALS_MAX {
                        return Err(self.number_fault(row, NumberError::Range.into()));
                    }
                    if number.scale() > decimals {
                        decimals = number.scale();
                        floats = power_grid(decimals);
                    }
                }
            }
            Ok(())
        })?;
        Ok(decimals)
    }

    /// Sides of aggressors: 0 and 1, false and true (the buyer was the maker), or their names.
    ///
    /// # Errors
    /// Another type; an empty cell; another value.
    pub fn to_sides(&self) -> Result<Vec<u8>, ArrowFault> {
        let wanted = "0 or \"BUY\", 1 or \"SELL\"";
        let fault = |row, value: String| ArrowFault::Value {
            column: self.field().name.clone(),
            row,
            value,
            wanted,
        };
        if self.is_text() {
            let mut found = self.room();
            self.each_text(|row, text| {
                let side = side_of(text).ok_or_else(|| fault(row, shown(text)))?;
                found.push(side);
                Ok(())
            })?;
            return Ok(found);
        }
        if *self.kind() == Type::Bool {
            self.expect_full()?;
            let bits =
                |part: Part<'a>| (0..part.rows).map(move |row| u8::from(part.is_set(1, row)));
            return Ok(self.parts().flat_map(bits).collect());
        }
        let numbers = self.to_ints().map_err(|error| match error {
            ArrowFault::Type { .. } => self.type_fault("integers, booleans or text"),
            other => other,
        })?;
        match numbers.iter().position(|side| !(0..=1).contains(side)) {
            Some(row) => Err(fault(row, numbers[row].to_string())),
            None => Ok(numbers.into_iter().map(|side| side as u8).collect()),
        }
    }

    /// Whether the cells are text, or names of text in a dictionary.
    #[must_use]
    pub fn is_text(&self) -> bool {
        let kind = self.field().values.as_ref().unwrap_or(self.kind());
        matches!(kind, Type::Text(_))
    }

    /// The text that all cells have; `None` without rows.
    ///
    /// # Errors
    /// Another type; an empty cell; two texts.
    pub fn only_text(&self) -> Result<Option<String>, ArrowFault> {
        let mut first: Option<&[u8]> = None;
        self.each_text(|row, text| match first {
            Some(known) if known != text => Err(ArrowFault::Mixed {
                column: self.field().name.clone(),
                first: lossy(known),
                other: lossy(text),
                row,
            }),
            _ => {
                first = Some(text);
                Ok(())
            }
        })?;
        Ok(first.map(lossy))
    }

    /// All texts.
    ///
    /// # Errors
    /// Another type; an empty cell.
    pub fn to_texts(&self) -> Result<Vec<String>, ArrowFault> {
        let mut found = self.room();
        self.each_text(|_, text| {
            found.push(lossy(text));
            Ok(())
        })?;
        Ok(found)
    }

    fn each_text(
        &self,
        mut take: impl FnMut(usize, &'a [u8]) -> Result<(), ArrowFault>,
    ) -> Result<(), ArrowFault> {
        self.expect_full()?;
        let mut before = 0;
        for part in self.parts() {
            match (self.kind(), &self.field().values) {
                (Type::Text(layout), None) => {
                    for row in 0..part.rows {
                        take(before + row, part.text(*layout, row))?;
                    }
                }
                (Type::Int { bytes, .. }, Some(Type::Text(layout))) => {
                    let texts = part.dictionary();
                    for row in 0..part.rows {
                        let text = self.named(part, texts, (*bytes, *layout), row);
                        take(before + row, text.ok_or_else(|| self.type_fault("text"))?)?;
                    }
                }
                _ => return Err(self.type_fault("text")),
            }
            before += part.rows;
        }
        Ok(())
    }

    /// The text that a row of a dictionary names.
    fn named(
        &self,
        part: Part<'a>,
        texts: Part<'a>,
        (bytes, layout): (usize, TextLayout),
        row: usize,
    ) -> Option<&'a [u8]> {
        let index = match bytes {
            1 => part.value::<u8>(row).into(),
            2 => part.value::<u16>(row).into(),
            4 => part.value::<u32>(row).into(),
            _ => part.value::<u64>(row),
        };
        let index = usize::try_from(index)
            .ok()
            .filter(|index| *index < texts.rows)?;
        Some(texts.text(layout, index))
    }

    fn each_number(
        &self,
        mut take: impl FnMut(usize, Cell<'a>) -> Result<(), ArrowFault>,
    ) -> Result<(), ArrowFault> {
        if self.field().values.is_some() {
            return Err(self.type_fault("numbers"));
        }
        let mut before = 0;
        for part in self.parts() {
            let mut rows = (0..part.rows).map(|row| (before + row, row));
            match *self.kind() {
                Type::Float { bytes: 8 } => {
                    rows.try_for_each(|(at, row)| take(at, Cell::Float(part.value(row))))
                }
                Type::Float { .. } => {
                    rows.try_for_each(|(at, row)| take(at, Cell::Single(part.value(row))))
                }
                Type::Int { bytes, is_signed } => rows.try_for_each(|(at, row)| {
                    take(at, Cell::Whole(whole(part, bytes, is_signed, row)))
                }),
                Type::Decimal { bytes, scale } => rows.try_for_each(|(at, row)| {
                    let mantissa = mantissa(part, bytes, row)
                        .ok_or_else(|| self.number_fault(at, NumberError::Range.into()))?;
                    take(at, Cell::Scaled(mantissa, scale))
                }),
                Type::Text(layout) => {
                    rows.try_for_each(|(at, row)| take(at, Cell::Text(part.text(layout, row))))
                }
                _ => Err(self.type_fault("numbers")),
            }?;
            before += part.rows;
        }
        Ok(())
    }
}

fn extend<T: Copy, U>(found: &mut Vec<U>, part: Part<'_>, convert: impl Fn(T) -> U) {
    found.extend((0..part.rows).map(|row| convert(part.value::<T>(row))));
}

fn whole(part: Part<'_>, bytes: usize, is_signed: bool, row: usize) -> i128 {
    match (bytes, is_signed) {
        (1, true) => part.value::<i8>(row).into(),
        (1, false) => part.value::<u8>(row).into(),
        (2, true) => part.value::<i16>(row).into(),
        (2, false) => part.value::<u16>(row).into(),
        (4, true) => part.value::<i32>(row).into(),
        (4, false) => part.value::<u32>(row).into(),
        (_, true) => part.value::<i64>(row).into(),
        (_, false) => part.value::<u64>(row).into(),
    }
}

/// The digits of a decimal, if 128 bits hold them.
fn mantissa(part: Part<'_>, bytes: usize, row: usize) -> Option<i128> {
    match bytes {
        4 => Some(part.value::<i32>(row).into()),
        8 => Some(part.value::<i64>(row).into()),
        16 => Some(part.value::<i128>(row)),
        _ => {
            let [low, high] = part.value::<[i128; 2]>(row);
            (high == low >> 127).then_some(low)
        }
    }
}

/// The decimal of a cell that is no 8-byte float.
fn decimal(cell: Cell<'_>) -> Result<Decimal, Error> {
    match cell {
        Cell::Whole(whole) => Decimal::new(whole, 0),
        Cell::Single(float) if float.is_finite() => format!("{float}").parse(),
        Cell::Single(float) => Err(NumberError::FloatNotFinite {
            value: float.into(),
        }
        .into()),
        Cell::Float(value) => Err(NumberError::FloatNotFinite { value }.into()),
        Cell::Scaled(mantissa, scale) => match u32::try_from(scale) {
            Ok(scale) => Decimal::new(mantissa, scale),
            Err(_) => format!("{mantissa}e{}", -i64::from(scale)).parse(),
        },
        Cell::Text(bytes) => std::str::from_utf8(bytes)
            .map_err(|_| NumberError::Text { text: lossy(bytes) }.into())
            .and_then(|text| text.trim_ascii().parse()),
    }
}

/// As [`Decimal::to_grid`], by one multiplication where the grid is a power of ten.
#[inline]
fn place(number: Decimal, grid: Decimal) -> Result<i64, Error> {
    if grid.mantissa() == 1 && number.scale() <= grid.scale() {
        let power = 10_i128.pow(grid.scale() - number.scale());
        if let Some(Ok(place)) = number.mantissa().checked_mul(power).map(i64::try_from) {
            return Ok(place);
        }
    }
    number.to_grid(grid)
}

fn power_grid(decimals: u32) -> LotGrid {
    Decimal::new(1, decimals)
        .and_then(LotGrid::new)
        .expect("18 decimals are within the range of a grid")
}

fn is_off_grid(error: &Error) -> bool {
    matches!(error, Error::Number(number) if matches!(**number, NumberError::FloatOffGrid { .. }))
}

fn side_of(text: &[u8]) -> Option<u8> {
    if text.eq_ignore_ascii_case(b"BUY") {
        return Some(0);
    }
    text.eq_ignore_ascii_case(b"SELL").then_some(1)
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn shown(text: &[u8]) -> String {
    format!("{:?}", lossy(text))
}
