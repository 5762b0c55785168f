//! What can be wrong with a frame, in words a user can act on.

use std::fmt;

use crate::error::Error;

/// Why a frame, or a column of it, was not taken.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrowFault {
    /// Whoever made the frame gave an error instead of rows.
    Producer {
        /// What it says.
        message: String,
    },
    /// The stream holds arrays of another kind than rows of named columns, or breaks the layout
    /// that its type has.
    Layout {
        /// What was found.
        found: String,
    },
    /// No column has this name.
    ColumnMissing {
        /// The name.
        column: String,
        /// Names that there are.
        present: Vec<String>,
    },
    /// Several columns have this name.
    ColumnRepeated {
        /// The name.
        column: String,
    },
    /// A cell is empty.
    Null {
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
    },
    /// The column's type cannot stand for what is asked of it.
    Type {
        /// The column.
        column: String,
        /// Its type, as Arrow writes it.
        format: String,
        /// What is asked.
        wanted: &'static str,
    },
    /// A number is not on its grid, or no number.
    Number {
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
        /// The rule.
        error: Error,
    },
    /// A cell is not one of few allowed values.
    Value {
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
        /// What it holds.
        value: String,
        /// What is allowed.
        wanted: &'static str,
    },
    /// A column that must say one thing says two.
    Mixed {
        /// The column.
        column: String,
        /// What it says first.
        first: String,
        /// What it says then.
        other: String,
        /// The row of the other, from 0.
        row: usize,
    },
}

impl ArrowFault {
    /// How to mend it.
    #[must_use]
    pub fn mend(&self) -> &'static str {
        match self {
            ArrowFault::Producer { .. } | ArrowFault::Layout { .. } => {
                "see whether the library that made the frame can show its rows"
            }
            ArrowFault::ColumnMissing { .. } => {
                "columns={...} says which column of the frame has which part"
            }
            ArrowFault::ColumnRepeated { .. } => "rename or drop one of them",
            ArrowFault::Null { .. } => "drop the rows without a value, or fill them",
            ArrowFault::Type { .. } => "convert the column in the frame first",
            ArrowFault::Number { .. } => {
                "round the column in the frame, or give the tick_size or lot that it is on"
            }
            ArrowFault::Value { .. } => "map the column in the frame first",
            ArrowFault::Mixed { .. } => "filter the frame to one of them",
        }
    }
}

impl fmt::Display for ArrowFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArrowFault::Producer { message } => write!(out, "the frame gave no rows: {message}"),
            ArrowFault::Layout { found } => {
                write!(out, "expected rows of named columns, was {found}")
            }
            ArrowFault::ColumnMissing { column, present } => write!(
                out,
                "the frame has no column {column:?}; it has {}",
                present.join(", ")
            ),
            ArrowFault::ColumnRepeated { column } => {
                write!(out, "the frame has several columns {column:?}")
            }
            ArrowFault::Null { column, row } => write!(out, "{column} at row {row} is empty"),
            ArrowFault::Type {
                column,
                format,
                wanted,
            } => write!(
                out,
                "{column} must be {wanted}, was of Arrow type {format:?}"
            ),
            ArrowFault::Number { column, row, error } => {
                write!(out, "{column} at row {row}: {error}")
            }
            ArrowFault::Value {
                column,
                row,
                value,
                wanted,
            } => write!(out, "{column} at row {row} must be {wanted}, was {value}"),
            ArrowFault::Mixed {
                column,
                first,
                other,
                row,
            } => write!(
                out,
                "{column} is {first:?} in the first row and {other:?} at row {row}"
            ),
        }
    }
}

impl std::error::Error for ArrowFault {}
