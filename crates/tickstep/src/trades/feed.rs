//! Recorded feeds: one JSON message a line, before it the local receive time in ns and a space.
//!
//! Only what a trade needs is read; strings are taken as spelled and values of other keys are
//! skipped by their brackets and quotes. A message of another kind is left as soon as its kind is
//! known, which for Binance is its first key, so that deep book snapshots cost little.

use super::layout::RowText;
use crate::text::fault::Rule;
use crate::text::json::Scanner;
use crate::text::message::message_of;

/// One line of a feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Trade {
        kind: TradeKind,
        symbol: &'a [u8],
        row: RowText<'a>,
    },
    /// Any other message, with its kind; empty where it names none.
    Other(&'a [u8]),
}

/// The two messages that report trades. A feed that has both reports each trade twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TradeKind {
    Trade,
    Aggregate,
}

impl TradeKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Aggregate => "aggTrade",
        }
    }
}

/// Whether a file that starts with `line` is a feed.
pub(super) fn is_feed_line(line: &[u8]) -> bool {
    message_of(line).is_some()
}

pub(super) fn read_message(line: &[u8]) -> Result<Message<'_>, Rule> {
    let (_, text) = message_of(line).ok_or(Rule::Message)?;
    let mut fields = Fields::default();
    let mut scanner = Scanner { text, at: 0 };
    let mut take = |key: &[u8], value| {
        fields.set(key, value);
        !fields.is_of_other_kind()
    };
    scanner.object(true, &mut take).ok_or(Rule::Message)?;
    let Some(kind) = fields.trade_kind() else {
        return Ok(Message::Other(fields.kind.unwrap_or_default()));
    };
    scanner.end().ok_or(Rule::Message)?;
    let row = RowText {
        time: fields.time.ok_or(Rule::Field { key: "T" })?,
        price: fields.price.ok_or(Rule::Field { key: "p" })?,
        qty: fields.qty.ok_or(Rule::Field { key: "q" })?,
        is_buyer_maker: fields.is_buyer_maker.ok_or(Rule::Field { key: "m" })?,
        id: fields.id(kind).unwrap_or_default(),
    };
    Ok(Message::Trade {
        kind,
        symbol: fields.symbol.unwrap_or_default(),
        row,
    })
}

/// The values of the keys that matter.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<&'a [u8]>,
    symbol: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    price: Option<&'a [u8]>,
    qty: Option<&'a [u8]>,
    is_buyer_maker: Option<&'a [u8]>,
    trade_id: Option<&'a [u8]>,
    aggregate_id: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn set(&mut self, key: &[u8], value: &'a [u8]) {
        let field = match key {
            b"e" => &mut self.kind,
            b"s" => &mut self.symbol,
            b"T" => &mut self.time,
            b"p" => &mut self.price,
            b"q" => &mut self.qty,
            b"m" => &mut self.is_buyer_maker,
            b"t" => &mut self.trade_id,
            b"a" => &mut self.aggregate_id,
            _ => return,
        };
        *field = Some(value);
    }

    fn trade_kind(&self) -> Option<TradeKind> {
        match self.kind {
            Some(b"trade") => Some(TradeKind::Trade),
            Some(b"aggTrade") => Some(TradeKind::Aggregate),
            _ => None,
        }
    }

    fn id(&self, kind: TradeKind) -> Option<&'a [u8]> {
        match kind {
            TradeKind::Trade => self.trade_id,
            TradeKind::Aggregate => self.aggregate_id,
        }
    }

    fn is_of_other_kind(&self) -> bool {
        self.kind.is_some() && self.trade_kind().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Message<'_>, Rule> {
        read_message(line.as_bytes())
    }

    fn row<'a>(time: &'a str, price: &'a str, qty: &'a str, maker: &'a str) -> RowText<'a> {
        RowText {
            time: time.as_bytes(),
            price: price.as_bytes(),
            qty: qty.as_bytes(),
            is_buyer_maker: maker.as_bytes(),
            id: b"",
        }
    }

    #[test]
    fn trades_are_read_in_any_spelling() {
        let expected = row("1723161256322", "61800.30", "0.006", "false");
        for line in [
            r#"17231612550 {"stream":"x@trade","data":{"e":"trade","E":1,"T":1723161256322,"s":"X","p":"61800.30","q":"0.006","X":"MARKET","m":false}}"#,
            r#"{"e":"trade","T":1723161256322,"s":"X","p":"61800.30","q":"0.006","m":false}"#,
            r#"{ "m" : false , "q" : 0.006, "s":"X", "p" : 61800.30, "T": 1723161256322, "e" : "trade" } "#,
            r#"{"data":{"l":[1,{"a":"}\""}],"m":false,"q":"0.006","s":"X","p":"61800.30","T":1723161256322,"e":"trade"},"z":{}}"#,
        ] {
            let message = Message::Trade {
                kind: TradeKind::Trade,
                symbol: b"X",
                row: expected,
            };
            assert_eq!(read(line), Ok(message), "{line}");
        }
    }

    #[test]
    fn trades_have_the_id_of_their_kind() {
        for (kind, id) in [("trade", "5"), ("aggTrade", "7")] {
            let line = format!(r#"{{"e":"{kind}","T":1,"t":5,"a":7,"p":"1","q":"2","m":true}}"#);
            let Ok(Message::Trade { row, .. }) = read(&line) else {
                panic!("{line}");
            };
            assert_eq!(row.id, id.as_bytes());
        }
    }

    #[test]
    fn other_messages_are_left_early() {
        assert_eq!(
            read(r#"1 {"stream":"s","data":{"e":"depthUpdate","b":[["#),
            Ok(Message::Other(b"depthUpdate"))
        );
        assert_eq!(
            read(r#"1 {"lastUpdateId":5,"bids":[["1","2"]]}"#),
            Ok(Message::Other(b""))
        );
        assert_eq!(read("{}"), Ok(Message::Other(b"")));
    }

    #[test]
    fn broken_lines_are_refused() {
        let whole =
            r#"1 {"data":{"e":"trade","T":1723161256322,"s":"X","p":"1","q":"2","m":true}}"#;
        assert!(matches!(read(whole), Ok(Message::Trade { .. })));
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{}", &whole[..length]);
        }
        for line in [
            "1 [1]",
            "x {}",
            "1{}",
            "{} {}x",
            r#"{"e":"trade"}}"#,
            r#"{"e" "trade"}"#,
        ] {
            let is_other = matches!(read(line), Ok(Message::Other(_)));
            assert!(read(line).is_err() || is_other, "{line}");
        }
        let without_price = r#"{"e":"trade","T":1,"q":"2","m":true}"#;
        assert_eq!(read(without_price), Err(Rule::Field { key: "p" }));
    }
}
