//! What can be wrong with a file, in words a user can act on.

use std::collections::BTreeMap;
use std::fmt;

use super::decimal::{DECIMALS_MAX, Decimal, DecimalFault};
use super::moment::MomentFault;

/// Longest line that is looked at, in bytes. A depth snapshot of 5,000 levels is a tenth of it.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// How much of a bad row an error shows, in bytes of the file.
const EXCERPT_BYTES: usize = 96;

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextError {
    /// A row that breaks a rule.
    BadRow {
        /// Line in the file, from 1.
        line: u64,
        /// The row, shortened, unprintable bytes escaped.
        text: String,
        /// The rule it breaks.
        rule: Box<Rule>,
    },
    /// Not a single byte, or blank lines only.
    Empty,
    /// Lines, but no row among them.
    NoRows {
        /// What the rows would be, such as `trades`.
        what: &'static str,
        /// Lines read.
        lines: u64,
        /// Rows left out because they break a rule.
        bad_rows: u64,
        /// The first of them.
        first_bad: Option<Box<TextError>>,
    },
    /// A tick size or lot that is no positive decimal number.
    Unit {
        /// `tick_size` or `lot`.
        name: &'static str,
        /// The text that was given.
        text: String,
    },
    /// No memory for more rows.
    Memory {
        /// Lines read before.
        lines: u64,
    },
    /// The parser has already ended, by `finish` or by an error.
    Ended,
}

/// What to do with a row that breaks a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBad {
    /// End with an error that names the row and the rule.
    #[default]
    Raise,
    /// Leave the row out and count it.
    Skip,
}

/// A number of a row, as named in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// What it is called, such as `open`.
    pub name: &'static str,
    /// Whether it is a price in ticks; if not, it is a quantity in lots.
    pub is_price: bool,
}

/// The rule a bad row breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A line is at most [`LINE_BYTES_MAX`] long.
    LineLength,
    /// The file is text.
    Text,
    /// Rows have as many columns as the format.
    Columns {
        /// Columns of this row.
        found: usize,
        /// Columns of the rows before it; `None` where it is the first.
        expected: Option<usize>,
        /// What seems to be used in place of a comma.
        delimiter: Option<char>,
    },
    /// A header names each needed column once.
    Header {
        /// The column that is missing or named twice.
        column: &'static str,
    },
    /// A price or quantity is a decimal number.
    Number {
        /// Which number.
        quantity: Quantity,
        /// Its text, shortened.
        cell: String,
    },
    /// A price or quantity is above zero.
    Positive {
        /// Which number.
        quantity: Quantity,
        /// Its text, shortened.
        cell: String,
    },
    /// A price is below 2^48 ticks, a quantity below 2^62 lots.
    Large {
        /// Which number.
        quantity: Quantity,
        /// Its text, shortened.
        cell: String,
        /// The tick size or lot, given or found; none where no grid would do.
        unit: Option<String>,
    },
    /// A number has at most 18 decimals.
    Decimals {
        /// Which number.
        quantity: Quantity,
        /// Its text, shortened.
        cell: String,
    },
    /// A number is a multiple of the given tick size or lot.
    Grid {
        /// Which number.
        quantity: Quantity,
        /// Its text, shortened.
        cell: String,
        /// The given tick size or lot.
        unit: String,
        /// The multiples on both sides.
        nearest: Option<(String, String)>,
    },
    /// The decimals of one number and the size of another fit one integer grid.
    Span {
        /// Which number.
        quantity: Quantity,
        /// Its text, shortened.
        cell: String,
    },
    /// A time is a count of 13 (ms), 16 (us) or 19 (ns) digits.
    Time {
        /// Its text, shortened.
        cell: String,
    },
    /// All times of a file have one unit.
    TimeUnit {
        /// Its text.
        cell: String,
        /// Digits of the times before it.
        digits_expected: usize,
    },
    /// A time is a date, or a count since 1970 of known digits.
    Moment {
        /// Its text, shortened.
        cell: String,
        /// Why it is refused.
        fault: MomentFault,
    },
    /// All times of a file name an offset from UTC, or none does.
    Zone {
        /// Its text, shortened.
        cell: String,
    },
    /// Each bar has a time of its own.
    TimeRepeated {
        /// Time of this row, and of the last good row before it.
        time: i64,
    },
    /// A count is a whole number below 2^62.
    Whole {
        /// Which number.
        quantity: Quantity,
        /// Its text, shortened.
        cell: String,
    },
    /// Money is a number.
    Money {
        /// Which number.
        quantity: Quantity,
        /// Its text, shortened.
        cell: String,
    },
    /// The low is the lowest price of a bar and the high the highest.
    Bar {
        /// The column that is not.
        quantity: Quantity,
        /// Its text, shortened.
        cell: String,
        /// The column it conflicts with.
        other: Quantity,
    },
    /// A side is buy or sell, bid or ask.
    Side {
        /// Its text, shortened.
        cell: String,
    },
    /// Time does not go backwards.
    TimeOrder {
        /// Time of this row.
        time: i64,
        /// Time of the last good row before it.
        previous: i64,
    },
    /// Whether the buyer was the maker is true or false.
    Maker {
        /// Its text, shortened.
        cell: String,
    },
    /// A feed line is a receive time and one JSON object.
    Message,
    /// A line of JSON lines is one object.
    Object,
    /// A message has this field.
    Field {
        /// The field's key.
        key: &'static str,
    },
    /// There is memory for the row.
    Memory,
    /// All trades of a file are of one symbol.
    Symbol {
        /// Symbol of this trade, shortened.
        found: String,
        /// Symbol of the trades before it.
        expected: String,
    },
}

impl TextError {
    pub(crate) fn bad_row(line: u64, text: &[u8], rule: Rule) -> Self {
        Self::BadRow {
            line,
            text: excerpt(text),
            rule: Box::new(rule),
        }
    }

    /// Line in the file, from 1, where one line is to blame.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::BadRow { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn mend(&self) -> &'static str {
        match self {
            Self::BadRow { rule, .. } => rule.mend(),
            Self::Empty => "check that the download or export was completed",
            Self::NoRows { what: "trades", .. } => {
                "give a Binance trades or aggTrades file, or a recorded feed"
            }
            Self::NoRows { .. } => "check that the file has the rows it should have",
            Self::Unit { .. } => "give a positive decimal number such as \"0.01\"",
            Self::Memory { .. } => "read the file in parts",
            Self::Ended => "make a new parser for each file",
        }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRow { line, text, rule } => write!(f, "line {line}: {rule}; row: {text}"),
            Self::Empty => write!(f, "the file is empty"),
            Self::NoRows {
                what,
                lines,
                bad_rows,
                first_bad,
            } => {
                write!(f, "no {what} in {lines} lines, {bad_rows} of them bad rows")?;
                first_bad
                    .iter()
                    .try_for_each(|first| write!(f, "; the first: {first}"))
            }
            Self::Unit { name, text } => {
                write!(
                    f,
                    "{name} '{text}' is not a decimal number above zero with at most \
                     {DECIMALS_MAX} decimals"
                )
            }
            Self::Memory { lines } => write!(f, "no memory for more than {lines} lines"),
            Self::Ended => write!(f, "the parser has ended"),
        }
    }
}

impl std::error::Error for TextError {}

impl Quantity {
    /// The price of a trade or level.
    pub const PRICE: Self = Self {
        name: "price",
        is_price: true,
    };

    /// The quantity of a trade or level.
    pub const QTY: Self = Self {
        name: "quantity",
        is_price: false,
    };

    const fn unit_name(self) -> &'static str {
        if self.is_price { "tick size" } else { "lot" }
    }

    const fn bound(self) -> &'static str {
        if self.is_price {
            "2^48 ticks"
        } else {
            "2^62 lots"
        }
    }
}

impl Rule {
    /// Name under which skipped rows are counted.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LineLength => "line too long",
            Self::Text => "not text",
            Self::Columns { .. } => "columns",
            Self::Header { .. } => "header",
            Self::Number { quantity, .. }
            | Self::Positive { quantity, .. }
            | Self::Large { quantity, .. }
            | Self::Decimals { quantity, .. }
            | Self::Grid { quantity, .. }
            | Self::Span { quantity, .. } => quantity.name,
            Self::Whole { quantity, .. } | Self::Money { quantity, .. } => quantity.name,
            Self::Bar { .. } => "high and low",
            Self::Side { .. } => "side",
            Self::Time { .. } | Self::TimeUnit { .. } | Self::Moment { .. } => "time",
            Self::Zone { .. } => "time zone",
            Self::TimeOrder { .. } => "time backwards",
            Self::TimeRepeated { .. } => "time repeated",
            Self::Maker { .. } => "buyer is maker",
            Self::Message => "not a message",
            Self::Object => "not an object",
            Self::Field { .. } => "field missing",
            Self::Memory => "memory",
            Self::Symbol { .. } => "symbol",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn mend(&self) -> &'static str {
        match self {
            Self::LineLength | Self::Text => "check that the file is an unpacked text file",
            Self::Columns {
                delimiter: Some(_), ..
            } => "separate the columns by commas, or read the table by read_table()",
            Self::Columns {
                expected: Some(_), ..
            } => "give every row as many cells as the first one has",
            Self::Columns { .. } => {
                "give 6 (trades), 7 (aggTrades, spot trades) or 8 (spot aggTrades) columns, \
                 or a header that names price, quantity, time and is_buyer_maker"
            }
            Self::Header { .. } => {
                "name the columns price, quantity (or qty), time (or timestamp, transact_time) \
                 and is_buyer_maker, each once, or leave the header out; read_table() takes other \
                 names by columns="
            }
            Self::Number { .. } => "write a plain decimal such as 61800.30 or 9.0E-5",
            Self::Positive { .. } => "remove the row",
            Self::Large { .. } | Self::Span { .. } => {
                "correct or remove the row; if the number is right, give a coarser unit by \
                 tick_size= or lot= (of a table with snap=True, where the decimals of other \
                 rows are the noise of floats)"
            }
            Self::Decimals { .. } => "round the number to the market's tick size or lot",
            Self::Grid { .. } => "correct the row, or give the unit that the market used",
            Self::Time { .. } => "write the time as an integer since 1970 in ms, us or ns",
            Self::TimeUnit { .. } => {
                "keep one time unit in a file; split it where the unit changes"
            }
            Self::TimeOrder { .. } => "sort the file by time",
            Self::TimeRepeated { .. } => "keep one row for each time",
            Self::Moment {
                fault: MomentFault::TooFine,
                ..
            } => "give a finer time_unit",
            Self::Moment {
                fault: MomentFault::Range,
                ..
            } => "give a coarser time_unit",
            Self::Moment { .. } => {
                "write 2024-01-02 09:30:00, 20240102, or an integer since 1970; \
                 time_unit= tells the unit of short integers"
            }
            Self::Zone { .. } => "write all times with their offset from UTC, or none",
            Self::Whole { .. } | Self::Money { .. } => "correct or remove the row",
            Self::Bar { .. } => "correct or remove the row, or check which column is which",
            Self::Side { .. } => "write BUY or SELL (of a book: bid or ask)",
            Self::Maker { .. } => "write true or false, or 1 or 0",
            Self::Message | Self::Object | Self::Field { .. } => "correct or remove the line",
            Self::Memory => "read the file in parts",
            Self::Symbol { .. } => "split the file by symbol",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineLength => write!(f, "the line is longer than {LINE_BYTES_MAX} bytes"),
            Self::Text => write!(f, "the line is not text"),
            Self::Columns {
                found,
                expected,
                delimiter,
            } => write_columns(f, *found, *expected, *delimiter),
            Self::Header { column } => {
                write!(
                    f,
                    "the header does not name the column {column} exactly once"
                )
            }
            Self::Number { quantity, cell } => {
                write!(f, "{} '{cell}' is not a decimal number", quantity.name)
            }
            Self::Positive { quantity, cell } => {
                write!(f, "{} '{cell}' is not above zero", quantity.name)
            }
            Self::Large {
                quantity,
                cell,
                unit,
            } => {
                write!(
                    f,
                    "{} '{cell}' is not below {}",
                    quantity.name,
                    quantity.bound()
                )?;
                match unit {
                    Some(unit) => write!(f, " of {unit}"),
                    None => Ok(()),
                }
            }
            Self::Decimals { quantity, cell } => {
                write!(
                    f,
                    "{} '{cell}' has more than {DECIMALS_MAX} decimals",
                    quantity.name
                )
            }
            Self::Grid {
                quantity,
                cell,
                unit,
                nearest,
            } => write_off_grid(f, *quantity, cell, unit, nearest.as_ref()),
            Self::Span { quantity, cell } => write!(
                f,
                "{} '{cell}' has so many decimals that an earlier, larger one would pass {}",
                quantity.name,
                quantity.bound()
            ),
            Self::Time { cell } => write!(
                f,
                "time '{cell}' is not an integer of 13 (ms), 16 (us) or 19 (ns) digits below 2^62"
            ),
            Self::TimeUnit {
                cell,
                digits_expected,
            } => {
                write!(
                    f,
                    "time '{cell}' has {} digits, the rows before it",
                    cell.len()
                )?;
                write!(f, " have {digits_expected}")
            }
            Self::Moment { cell, fault } => write_moment(f, cell, *fault),
            Self::Zone { cell } => write!(
                f,
                "time '{cell}' and the rows before it differ in naming an offset from UTC"
            ),
            Self::TimeRepeated { time } => {
                write!(f, "time {time} is that of the row before")
            }
            Self::Whole { quantity, cell } => {
                write!(
                    f,
                    "{} '{cell}' is not a whole number below 2^62",
                    quantity.name
                )
            }
            Self::Money { quantity, cell } => {
                write!(f, "{} '{cell}' is not a number", quantity.name)
            }
            Self::Bar {
                quantity,
                cell,
                other,
            } => write!(
                f,
                "{} '{cell}' is {} the {}",
                quantity.name,
                if quantity.name == "high" {
                    "below"
                } else {
                    "above"
                },
                other.name
            ),
            Self::Side { cell } => write!(f, "side '{cell}' is not known"),
            Self::TimeOrder { time, previous } => {
                write!(f, "time goes backwards, from {previous} to {time}")
            }
            Self::Maker { cell } => {
                write!(f, "buyer is maker '{cell}' is neither true nor false")
            }
            Self::Message => {
                write!(
                    f,
                    "the line is not a receive time, a space and one JSON object"
                )
            }
            Self::Object => write!(f, "the line is not one JSON object"),
            Self::Field { key } => write!(f, "the message has no usable field \"{key}\""),
            Self::Memory => write!(f, "no memory for more rows"),
            Self::Symbol { found, expected } => {
                write!(
                    f,
                    "symbol '{found}' differs from '{expected}' in the rows before"
                )
            }
        }
    }
}

fn write_moment(f: &mut fmt::Formatter<'_>, cell: &str, fault: MomentFault) -> fmt::Result {
    match fault {
        MomentFault::Syntax => write!(f, "time '{cell}' is neither a date nor a known count"),
        MomentFault::TooFine => write!(f, "time '{cell}' is finer than the time unit"),
        MomentFault::Range => write!(f, "time '{cell}' is not within 2^62 time units of 1970"),
    }
}

fn write_columns(
    f: &mut fmt::Formatter<'_>,
    found: usize,
    expected: Option<usize>,
    delimiter: Option<char>,
) -> fmt::Result {
    match expected {
        Some(expected) => write!(f, "expected {expected} columns as before, was {found}")?,
        None => write!(
            f,
            "expected 6, 7 or 8 columns separated by commas, was {found}"
        )?,
    }
    delimiter
        .iter()
        .try_for_each(|delimiter| write!(f, " (separated by {delimiter:?}?)"))
}

fn write_off_grid(
    f: &mut fmt::Formatter<'_>,
    quantity: Quantity,
    cell: &str,
    unit: &str,
    nearest: Option<&(String, String)>,
) -> fmt::Result {
    write!(f, "{} '{cell}' is not a multiple of ", quantity.name)?;
    write!(f, "{} {unit}", quantity.unit_name())?;
    nearest
        .iter()
        .try_for_each(|(below, above)| write!(f, " (nearest: {below} and {above})"))
}

/// A text as it can be shown: printable, and short.
pub(crate) fn excerpt(text: &[u8]) -> String {
    let shown = &text[..text.len().min(EXCERPT_BYTES)];
    let mut printable = match std::str::from_utf8(shown) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => shown.escape_ascii().to_string(),
    };
    if shown.len() < text.len() {
        printable.push_str("...");
    }
    printable
}

/// The rule that a value off a given grid breaks.
pub(crate) fn off_grid(
    quantity: Quantity,
    cell: String,
    unit: Decimal,
    nearest: Option<(Decimal, Decimal)>,
) -> Rule {
    let nearest = nearest.map(|(below, above)| (below.to_string(), above.to_string()));
    Rule::Grid {
        quantity,
        cell,
        unit: unit.to_string(),
        nearest,
    }
}

/// Settles what happens with bad rows, and counts them.
#[derive(Debug, Default)]
pub(crate) struct Bad {
    on_bad: OnBad,
    /// Rows left out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Rows left out because they break a rule.
    pub rows: u64,
    pub first: Option<TextError>,
}

impl Bad {
    pub fn new(on_bad: OnBad) -> Self {
        Self {
            on_bad,
            ..Self::default()
        }
    }

    /// Passes a good row; raises or counts a bad one.
    #[inline]
    pub fn settle(
        &mut self,
        line: u64,
        text: &[u8],
        taken: Result<(), Rule>,
    ) -> Result<(), TextError> {
        match taken {
            Ok(()) => Ok(()),
            Err(rule) => self.refuse(line, text, rule),
        }
    }

    fn refuse(&mut self, line: u64, text: &[u8], rule: Rule) -> Result<(), TextError> {
        if rule == Rule::Memory {
            return Err(TextError::Memory { lines: line });
        }
        let name = rule.name();
        let error = TextError::bad_row(line, text, rule);
        if self.on_bad == OnBad::Raise {
            return Err(error);
        }
        *self.skipped.entry(name).or_default() += 1;
        self.rows += 1;
        self.first.get_or_insert(error);
        Ok(())
    }

    /// What to say about a file without a good row.
    pub fn nothing(self, what: &'static str, lines: u64) -> TextError {
        TextError::NoRows {
            what,
            lines,
            bad_rows: self.rows,
            first_bad: self.first.map(Box::new),
        }
    }
}

pub(crate) fn read_number(quantity: Quantity, text: &[u8]) -> Result<Decimal, Rule> {
    Decimal::parse(text).map_err(|fault| {
        let cell = excerpt(text);
        match fault {
            DecimalFault::Syntax => Rule::Number { quantity, cell },
            DecimalFault::Negative => Rule::Positive { quantity, cell },
            DecimalFault::TooLarge => Rule::Large {
                quantity,
                cell,
                unit: None,
            },
            DecimalFault::TooFine => Rule::Decimals { quantity, cell },
        }
    })
}
