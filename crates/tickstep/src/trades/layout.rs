//! Which column of a CSV file is which.

use crate::text::fault::Rule;

/// The texts of one trade that are read, whatever the file's format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowText<'a> {
    pub time: &'a [u8],
    pub price: &'a [u8],
    pub qty: &'a [u8],
    pub is_buyer_maker: &'a [u8],
    /// Empty where the file has none.
    pub id: &'a [u8],
}

/// Positions of the columns that are read. The other columns are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub name: &'static str,
    columns: usize,
    price: usize,
    qty: usize,
    time: usize,
    is_buyer_maker: usize,
    id: Option<usize>,
}

pub(super) const SPOT_AGGREGATES: Layout = Layout::binance("spot-aggtrades", 8, 5);
pub(super) const FUTURES_AGGREGATES: Layout = Layout::binance("futures-aggtrades", 7, 5);
pub(super) const SPOT_TRADES: Layout = Layout::binance("spot-trades", 7, 4);
pub(super) const FUTURES_TRADES: Layout = Layout::binance("futures-trades", 6, 4);

const BINANCE: [Layout; 4] = [
    SPOT_AGGREGATES,
    FUTURES_AGGREGATES,
    SPOT_TRADES,
    FUTURES_TRADES,
];

impl Layout {
    const fn binance(name: &'static str, columns: usize, time: usize) -> Self {
        Self {
            name,
            columns,
            price: 1,
            qty: 2,
            time,
            is_buyer_maker: time + 1,
            id: Some(0),
        }
    }

    /// The layout of a file whose first row is `line`, which has no header before it.
    pub fn of_row(line: &[u8]) -> Result<Self, Rule> {
        match column_count(line) {
            8 => Ok(SPOT_AGGREGATES),
            // The sixth column is a flag in spot trades and a time in futures aggTrades.
            7 if parse_flag(cells(line).nth(5).unwrap_or_default()).is_some() => Ok(SPOT_TRADES),
            7 => Ok(FUTURES_AGGREGATES),
            6 => Ok(FUTURES_TRADES),
            _ => Err(columns_rule(line, None)),
        }
    }

    /// The layout that a header names.
    pub fn of_header(line: &[u8]) -> Result<Self, Rule> {
        let columns = column_count(line);
        if columns < 4 {
            return Err(columns_rule(line, None));
        }
        let layout = Self {
            name: "csv",
            columns,
            price: named(line, "price", &["price"])?,
            qty: named(line, "quantity", &["qty", "quantity"])?,
            time: named(line, "time", &["time", "timestamp", "transacttime"])?,
            is_buyer_maker: named(line, "is_buyer_maker", &MAKER_NAMES)?,
            id: named(line, "id", &["id", "tradeid", "aggtradeid"]).ok(),
        };
        let known = BINANCE.iter().find(|known| {
            Self {
                name: layout.name,
                ..**known
            } == layout
        });
        Ok(known.copied().unwrap_or(layout))
    }

    /// Cuts the cells out of a row.
    pub fn cut<'a>(&self, line: &'a [u8]) -> Result<RowText<'a>, Rule> {
        let mut row = RowText::default();
        let mut found = 0;
        for cell in cells(line) {
            match found {
                at if at == self.price => row.price = cell,
                at if at == self.qty => row.qty = cell,
                at if at == self.time => row.time = cell,
                at if at == self.is_buyer_maker => row.is_buyer_maker = cell,
                at if Some(at) == self.id => row.id = cell,
                _ => {}
            }
            found += 1;
        }
        if found == self.columns {
            Ok(row)
        } else {
            Err(columns_rule(line, Some(self.columns)))
        }
    }
}

const MAKER_NAMES: [&str; 4] = [
    "isbuyermaker",
    "buyermaker",
    "buyerwasmaker",
    "wasthebuyerthemaker",
];

/// The only column whose name, in lower case and letters alone, is one of `names`.
fn named(line: &[u8], column: &'static str, names: &[&str]) -> Result<usize, Rule> {
    let is_named = |cell: &[u8]| {
        let letters: Vec<u8> = cell
            .iter()
            .filter(|c| c.is_ascii_alphabetic())
            .map(u8::to_ascii_lowercase)
            .collect();
        names.iter().any(|name| name.as_bytes() == letters)
    };
    let mut hits = cells(line)
        .enumerate()
        .filter(|(_, cell)| is_named(cell))
        .map(|(at, _)| at);
    match (hits.next(), hits.next()) {
        (Some(at), None) => Ok(at),
        _ => Err(Rule::Header { column }),
    }
}

/// Whether the first cell is a name, as no row of numbers has it.
pub(super) fn is_header(line: &[u8]) -> bool {
    matches!(line.first(), Some(byte) if byte.is_ascii_alphabetic() || b"_\" ".contains(byte))
}

/// `true`, `false`, `1` or `0`, in any case.
pub(super) fn parse_flag(text: &[u8]) -> Option<bool> {
    match text {
        b"1" => Some(true),
        b"0" => Some(false),
        _ if text.eq_ignore_ascii_case(b"true") => Some(true),
        _ if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

fn cells(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b',')
}

fn column_count(line: &[u8]) -> usize {
    cells(line).count()
}

fn columns_rule(line: &[u8], expected: Option<usize>) -> Rule {
    let count_of = |delimiter: &u8| line.iter().filter(|byte| *byte == delimiter).count();
    let delimiter = b";\t|"
        .iter()
        .find(|byte| count_of(byte) >= 3)
        .map(|byte| char::from(*byte));
    Rule::Columns {
        found: column_count(line),
        expected,
        delimiter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_tell_their_layout() {
        let of = |line: &str| Layout::of_row(line.as_bytes()).map(|layout| layout.name);
        assert_eq!(
            of("1,2.0,3.0,4,5,1723161256322,True,True"),
            Ok("spot-aggtrades")
        );
        assert_eq!(
            of("1,2.0,3.0,4,5,1723161256322,true"),
            Ok("futures-aggtrades")
        );
        assert_eq!(
            of("1,2.0,3.0,6.0,1723161256322,True,True"),
            Ok("spot-trades")
        );
        assert_eq!(of("1,2.0,3.0,6.0,1723161256322,1,0"), Ok("spot-trades"));
        assert_eq!(
            of("1,2.0,3.0,6.0,1723161256322,false"),
            Ok("futures-trades")
        );
        assert!(of("1,2,3,4,5").is_err() && of("1,2,3,4,5,6,7,8,9").is_err());
    }

    #[test]
    fn headers_tell_their_layout() {
        let of = |line: &str| Layout::of_header(line.as_bytes()).map(|layout| layout.name);
        let aggregates =
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker";
        assert_eq!(of(aggregates), Ok("futures-aggtrades"));
        assert_eq!(
            of("id,price,qty,quote_qty,time,is_buyer_maker"),
            Ok("futures-trades")
        );
        assert_eq!(
            of("id,price,qty,base_qty,time,is_buyer_maker"),
            Ok("futures-trades")
        );
        assert_eq!(of("time,price,qty,is_buyer_maker"), Ok("csv"));
        assert_eq!(
            of("time,price,price,is_buyer_maker"),
            Err(Rule::Header { column: "price" })
        );
        assert_eq!(
            of("open,high,low,close"),
            Err(Rule::Header { column: "price" })
        );
    }

    #[test]
    fn other_delimiters_are_named() {
        let rule = Layout::of_row(b"1;2.0;3.0;4;5;1723161256322;true").unwrap_err();
        assert_eq!(
            rule,
            Rule::Columns {
                found: 1,
                expected: None,
                delimiter: Some(';')
            }
        );
    }
}
