//! Tables of text: any delimited file, or a JSON object in each line, to integer columns, exactly.
//!
//! Whoever knows the file says where each [`Field`] is; [`TableParser`] takes the bytes in pieces of
//! any size. Rows may be of several symbols: each has columns and grids of its own. Every check of a
//! row comes before its first effect, so a refused row leaves no trace but its count.
//!
//! Memory is bounded by the rows found, one line, and one piece.

mod cells;
mod field;
mod part;
mod snap;
#[cfg(test)]
mod table_tests;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

pub use crate::text::fault::{LINE_BYTES_MAX, OnBad, Rule, TextError};
pub use crate::text::moment::TimeUnit;
pub use crate::text::source::ReadError;
pub use cells::Form;
pub use field::Field;
pub use part::{Block, Part};

use crate::text::fault::{Bad, excerpt};
use crate::text::grid::grid_of;
use crate::text::lines::{BYTE_ORDER_MARK, Lines, TakeLines, check_line, is_text};
use crate::text::moment::Spelling;
use crate::text::source::push_from;
use crate::trades::{PRICE_TICKS_MAX, QTY_LOTS_MAX};
use cells::Cells;
use part::{Grids, Row};

/// Where a field is.
#[derive(Clone, Debug)]
pub struct Column {
    /// What it is.
    pub field: Field,
    /// Its column, from 0, of a delimited table.
    pub at: usize,
    /// Its key in the objects of JSON lines.
    pub key: String,
}

/// How the times of the rows of one symbol may follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// In any order: somebody sorts them later.
    Any,
    /// Never backwards.
    #[default]
    Ascending,
    /// Each later than the one before.
    Strict,
}

/// How to read a table.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    /// Delimited text or JSON lines.
    pub form: Form,
    /// Where the fields are.
    pub columns: Vec<Column>,
    /// Price tick as decimal text. `None` finds the coarsest of 1, 0.1, 0.01, ... that fits.
    pub tick_size: Option<String>,
    /// Quantity lot as decimal text. `None` finds it in the same way.
    pub lot: Option<String>,
    /// Unit of counts of any length and of the column; `None` tells it by the digits.
    pub time_unit: Option<TimeUnit>,
    /// Rows of other symbols are left out and counted.
    pub symbol: Option<String>,
    /// How times may follow each other.
    pub order: Order,
    /// What to do with bad rows.
    pub on_bad: OnBad,
    /// Whether prices may be 0 or negative.
    pub allows_negative_prices: bool,
    /// Whether quantities must be above 0, as those of trades.
    pub needs_qty: bool,
    /// Whether numbers that miss a given grid by the noise of floats are put on it.
    pub snaps: bool,
}

/// What was read: the columns of each symbol, and how it went.
#[derive(Debug)]
pub struct Table {
    /// One for each symbol, in the order of the file; without symbols one.
    pub parts: Vec<Part>,
    /// Lines of the file, header and blank lines included.
    pub lines: u64,
    /// Rows left out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// The first row that was left out because it breaks a rule.
    pub first_bad: Option<TextError>,
    /// Whether the times are dates that name no offset from UTC.
    pub is_naive: bool,
}

/// Reason under which rows of other symbols are counted.
const OTHER_SYMBOL: &str = "other symbol";

/// Turns the bytes of a table into columns.
///
/// ```
/// use tickstep::table::{Column, Field, Form, TableOptions, TableParser};
///
/// let fields = [Field::Time, Field::Price, Field::Qty, Field::Side];
/// let column = |(at, field)| Column { field, at, key: String::new() };
/// let options = TableOptions {
///     form: Form::Delimited { delimiter: b';', columns: 4, has_header: true },
///     columns: fields.into_iter().enumerate().map(column).collect(),
///     ..TableOptions::default()
/// };
/// let mut parser = TableParser::new(options)?;
/// parser.push(b"time;price;size;side\n2024-01-02 09:30:00;10.05;2;")?;
/// parser.push(b"buy\n2024-01-02 09:30:01.5;10.1;1;sell\n")?;
/// let part = &parser.finish()?.parts[0];
/// assert_eq!(part.prices.column(Field::Price).unwrap(), [1005, 1010]);
/// assert_eq!((part.time[1], part.tick_size().as_str()), (1_704_187_801_500, "0.01"));
/// # Ok::<(), tickstep::table::TextError>(())
/// ```
#[derive(Debug)]
pub struct TableParser {
    options: TableOptions,
    grids: Grids,
    cells: Cells,
    has_symbols: bool,
    /// What `push_from` reads into.
    buffer: Vec<u8>,
    row: Row,
    parts: Vec<Part>,
    part_of: HashMap<Vec<u8>, usize>,
    /// Whether the header and a byte order mark, if there are any, are still to come.
    is_first: bool,
    spelling: Option<(Spelling, TimeUnit)>,
    lines: Lines,
    bad: Bad,
    has_ended: bool,
}

impl TableParser {
    /// A parser for one table.
    ///
    /// # Errors
    ///
    /// [`TextError::Unit`] if a given tick size or lot is not a decimal number above zero.
    pub fn new(options: TableOptions) -> Result<Self, TextError> {
        let grids = Grids {
            price: grid_of("tick_size", options.tick_size.as_deref(), PRICE_TICKS_MAX)?,
            qty: grid_of("lot", options.lot.as_deref(), QTY_LOTS_MAX)?,
        };
        Ok(Self {
            cells: Cells::new(&options),
            has_symbols: options
                .columns
                .iter()
                .any(|column| column.field == Field::Symbol),
            buffer: Vec::new(),
            row: Row::new(&options),
            grids,
            parts: Vec::new(),
            part_of: HashMap::new(),
            is_first: true,
            spelling: None,
            lines: Lines::default(),
            bad: Bad::new(options.on_bad),
            has_ended: false,
            options,
        })
    }

    /// Rows read so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.parts.iter().map(|part| part.time.len()).sum()
    }

    /// Reads the next piece of the file.
    ///
    /// # Errors
    ///
    /// [`TextError::BadRow`] for the first bad row, unless bad rows are skipped. The parser has then
    /// ended.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), TextError> {
        if self.has_ended {
            return Err(TextError::Ended);
        }
        let mut lines = std::mem::take(&mut self.lines);
        let pushed = lines.push(piece, self);
        self.lines = lines;
        self.has_ended = pushed.is_err();
        pushed
    }

    /// Reads the next `bytes` of a source, or what is left of it; the bytes that came.
    ///
    /// # Errors
    ///
    /// [`ReadError::Source`] when the source fails, [`ReadError::Text`] as [`Self::push`].
    pub fn push_from(&mut self, source: &mut impl Read, bytes: usize) -> Result<usize, ReadError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let taken = push_from(source, &mut buffer, bytes, |piece| self.push(piece));
        self.buffer = buffer;
        taken
    }

    /// Reads what is left, a last line without a line end, and hands the columns over.
    ///
    /// # Errors
    ///
    /// As [`Self::push`]; [`TextError::Empty`] and [`TextError::NoRows`] if there is no row.
    pub fn finish(mut self) -> Result<Table, TextError> {
        if self.has_ended {
            return Err(TextError::Ended);
        }
        let mut lines = std::mem::take(&mut self.lines);
        lines.finish(&mut self)?;
        if self.is_first && self.bad.rows == 0 {
            return Err(TextError::Empty);
        }
        if self.parts.is_empty() {
            return Err(self.bad.nothing("rows", lines.count));
        }
        let is_naive = matches!(self.spelling, Some((Spelling::Naive, _)));
        Ok(Table {
            parts: self.parts.into_iter().map(Part::finished).collect(),
            lines: lines.count,
            skipped: self.bad.skipped,
            first_bad: self.bad.first,
            is_naive,
        })
    }

    fn take_text(&mut self, line: &[u8]) -> Result<(), Rule> {
        let mut line = check_line(line)?;
        if self.is_first {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(());
        }
        if !self.is_first {
            return self.take_row(line);
        }
        if !is_text(line) {
            return Err(Rule::Text);
        }
        self.is_first = false;
        if self.options.form.has_header() {
            return Ok(());
        }
        self.take_row(line)
    }

    fn take_row(&mut self, line: &[u8]) -> Result<(), Rule> {
        let mut cells = std::mem::take(&mut self.cells);
        let taken = cells
            .cut(line, &self.options)
            .and_then(|()| self.take_cells(line, &cells));
        self.cells = cells;
        taken
    }

    fn take_cells(&mut self, line: &[u8], cells: &Cells) -> Result<(), Rule> {
        let symbol = cells.text(line, Field::Symbol).unwrap_or_default();
        if !self.is_wanted(symbol) {
            *self.bad.skipped.entry(OTHER_SYMBOL).or_default() += 1;
            return Ok(());
        }
        self.row.read(line, cells, &self.options, &self.grids)?;
        self.check_spelling(cells.text(line, Field::Time).unwrap_or_default())?;
        let index = self.part_index(symbol);
        let part = &mut self.parts[index];
        let taken = part.take(&mut self.row, self.options.order);
        if taken.is_err() && part.time.is_empty() {
            self.parts.pop();
            self.part_of.remove(symbol);
        }
        taken?;
        self.spelling = Some((self.row.moment.spelling, self.row.moment.unit));
        Ok(())
    }

    fn is_wanted(&self, symbol: &[u8]) -> bool {
        let wanted = self.options.symbol.as_deref().filter(|_| self.has_symbols);
        wanted.is_none_or(|wanted| wanted.as_bytes() == symbol)
    }

    /// All times of a file are counts of one unit, or dates of one kind.
    fn check_spelling(&self, text: &[u8]) -> Result<(), Rule> {
        let Some((spelling, unit)) = self.spelling else {
            return Ok(());
        };
        let moment = self.row.moment;
        let is_count = |one| matches!(one, Spelling::Count | Spelling::Seconds);
        match (spelling, moment.spelling) {
            (Spelling::Seconds, Spelling::Seconds) => Ok(()),
            (one, other) if is_count(one) && is_count(other) && unit != moment.unit => {
                Err(Rule::TimeUnit {
                    cell: excerpt(text),
                    digits_expected: unit.digits(),
                })
            }
            (one, other) if one != other => Err(Rule::Zone {
                cell: excerpt(text),
            }),
            _ => Ok(()),
        }
    }

    /// The columns of a symbol; a new symbol's stand last.
    fn part_index(&mut self, symbol: &[u8]) -> usize {
        if let Some(index) = self.part_of.get(symbol) {
            return *index;
        }
        let part = Part::new(symbol, &self.options, &self.grids);
        self.parts.push(part);
        self.part_of.insert(symbol.to_vec(), self.parts.len() - 1);
        self.parts.len() - 1
    }
}

impl TakeLines for TableParser {
    type Error = TextError;

    fn take_line(&mut self, number: u64, line: &[u8]) -> Result<(), TextError> {
        let taken = self.take_text(line);
        self.bad.settle(number, line, taken)
    }
}
