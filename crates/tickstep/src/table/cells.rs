//! Where the texts of a row's fields are.

use std::ops::Range;

use super::{Field, TableOptions};
use crate::text::fault::Rule;
use crate::text::json;

/// What a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Cells with a delimiter between them, in double quotes or not.
    Delimited {
        /// The byte between two cells.
        delimiter: u8,
        /// Cells of every row.
        columns: usize,
        /// Whether the first line names them.
        has_header: bool,
    },
    /// One JSON object.
    #[default]
    Json,
}

impl Form {
    pub(super) fn has_header(self) -> bool {
        matches!(
            self,
            Self::Delimited {
                has_header: true,
                ..
            }
        )
    }
}

/// The cells of the line that is being read.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// The fields, and where in the line each one's text is.
    fields: Vec<(Field, Range<usize>)>,
    all: Vec<Range<usize>>,
}

impl Cells {
    pub fn new(options: &TableOptions) -> Self {
        let fields = options.columns.iter().map(|column| (column.field, 0..0));
        Self {
            fields: fields.collect(),
            all: Vec::new(),
        }
    }

    pub fn text<'a>(&self, line: &'a [u8], field: Field) -> Option<&'a [u8]> {
        let (_, range) = self.fields.iter().find(|(other, _)| *other == field)?;
        Some(&line[range.clone()])
    }

    /// The fields and their texts, in the order of the columns.
    pub fn iter<'a>(&'a self, line: &'a [u8]) -> impl Iterator<Item = (Field, &'a [u8])> {
        self.fields
            .iter()
            .map(|(field, range)| (*field, &line[range.clone()]))
    }

    pub fn cut(&mut self, line: &[u8], options: &TableOptions) -> Result<(), Rule> {
        match options.form {
            Form::Delimited {
                delimiter, columns, ..
            } => self.cut_cells(line, delimiter, columns, options),
            Form::Json => self.cut_object(line, options),
        }
    }

    fn cut_cells(
        &mut self,
        line: &[u8],
        delimiter: u8,
        columns: usize,
        options: &TableOptions,
    ) -> Result<(), Rule> {
        self.all.clear();
        let mut start = 0;
        while start <= line.len() {
            let end = cell_end(line, start, delimiter);
            self.all.push(bare(line, start..end));
            start = end + 1;
        }
        if self.all.len() != columns {
            return Err(wrong_count(line, self.all.len(), columns));
        }
        for ((_, range), column) in self.fields.iter_mut().zip(&options.columns) {
            range.clone_from(self.all.get(column.at).unwrap_or(&(0..0)));
        }
        Ok(())
    }

    fn cut_object(&mut self, line: &[u8], options: &TableOptions) -> Result<(), Rule> {
        const ABSENT: Range<usize> = usize::MAX..usize::MAX;
        for (_, range) in &mut self.fields {
            *range = ABSENT;
        }
        let fields = &mut self.fields;
        // Keys are few: a walk over them is cheaper than a table of hashes.
        let take = |key: &[u8], value: &[u8]| {
            let wanted = options
                .columns
                .iter()
                .position(|column| column.key.as_bytes() == key);
            if let Some(at) = wanted {
                let start = value.as_ptr() as usize - line.as_ptr() as usize;
                let text = if value == b"null" { 0 } else { value.len() };
                fields[at].1 = start..start + text;
            }
        };
        json::members(line, take).ok_or(Rule::Object)?;
        match self.fields.iter().find(|(_, range)| *range == ABSENT) {
            Some((field, _)) => Err(Rule::Field { key: field.name() }),
            None => Ok(()),
        }
    }
}

/// Where the cell ends: delimiters within quotes are part of it.
fn cell_end(line: &[u8], start: usize, delimiter: u8) -> usize {
    let rest = &line[start..];
    let mut is_quoted = false;
    let is_end = |byte: &u8| {
        is_quoted ^= *byte == b'"';
        *byte == delimiter && !is_quoted
    };
    start + rest.iter().position(is_end).unwrap_or(rest.len())
}

/// The cell without spaces and quotes around it.
fn bare(line: &[u8], range: Range<usize>) -> Range<usize> {
    let cell = &line[range.clone()];
    let spaces = cell.len() - cell.trim_ascii_start().len();
    let text = cell.trim_ascii();
    let start = range.start + spaces;
    match text {
        [b'"', inside @ .., b'"'] => start + 1..start + 1 + inside.len(),
        _ => start..start + text.len(),
    }
}

fn wrong_count(line: &[u8], found: usize, expected: usize) -> Rule {
    let count_of = |other: &u8| line.iter().filter(|byte| *byte == other).count();
    let delimiter = (found == 1)
        .then(|| {
            b",;\t|"
                .iter()
                .find(|other| count_of(other) + 1 == expected)
        })
        .flatten();
    Rule::Columns {
        found,
        expected: Some(expected),
        delimiter: delimiter.map(|byte| char::from(*byte)),
    }
}
