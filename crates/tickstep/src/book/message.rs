//! One line of a recorded feed, as far as it tells levels.

use crate::text::fault::Rule;
use crate::text::json::{Scanner, items};
use crate::text::message::message_of;

/// What a message tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Update(Update<'a>),
    Snapshot(Update<'a>),
    Ticker(Update<'a>),
    /// Any other message, with its kind; empty where it names none.
    Other(&'a [u8]),
}

/// Levels, and where they stand in the sequence of updates.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Update<'a> {
    pub symbol: &'a [u8],
    /// Time in ms, where the message tells it.
    pub time: Option<&'a [u8]>,
    /// Local receive time in ns, maybe empty.
    pub received: &'a [u8],
    pub first_id: Option<u64>,
    pub last_id: u64,
    pub previous_id: Option<u64>,
    pub bids: Vec<Level<'a>>,
    pub asks: Vec<Level<'a>>,
}

/// Price and size.
pub(super) type Level<'a> = (&'a [u8], &'a [u8]);

pub(super) fn read_message(line: &[u8]) -> Result<Message<'_>, Rule> {
    let (received, text) = message_of(line).ok_or(Rule::Message)?;
    let mut fields = Fields::default();
    let mut scanner = Scanner { text, at: 0 };
    let mut take = |key: &[u8], value| {
        fields.set(key, value);
        !fields.is_of_other_kind()
    };
    let is_whole = scanner.object(true, &mut take).ok_or(Rule::Message)?;
    if is_whole {
        scanner.end().ok_or(Rule::Message)?;
    }
    fields.message(received)
}

/// The values of the keys that matter.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<&'a [u8]>,
    symbol: Option<&'a [u8]>,
    transaction_time: Option<&'a [u8]>,
    event_time: Option<&'a [u8]>,
    first_id: Option<&'a [u8]>,
    last_id: Option<&'a [u8]>,
    previous_id: Option<&'a [u8]>,
    snapshot_id: Option<&'a [u8]>,
    bid: Option<&'a [u8]>,
    bid_qty: Option<&'a [u8]>,
    ask: Option<&'a [u8]>,
    ask_qty: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn set(&mut self, key: &[u8], value: &'a [u8]) {
        let field = match key {
            b"e" => &mut self.kind,
            b"s" => &mut self.symbol,
            b"T" => &mut self.transaction_time,
            b"E" => &mut self.event_time,
            b"U" => &mut self.first_id,
            b"u" => &mut self.last_id,
            b"pu" => &mut self.previous_id,
            b"lastUpdateId" => &mut self.snapshot_id,
            b"b" | b"bids" => &mut self.bid,
            b"a" | b"asks" => &mut self.ask,
            b"B" => &mut self.bid_qty,
            b"A" => &mut self.ask_qty,
            _ => return,
        };
        *field = Some(value);
    }

    fn is_of_other_kind(&self) -> bool {
        !matches!(self.kind, None | Some(b"depthUpdate" | b"bookTicker"))
    }

    fn message(self, received: &'a [u8]) -> Result<Message<'a>, Rule> {
        let is_ticker = self.bid_qty.is_some() && self.ask_qty.is_some();
        match self.kind {
            Some(b"depthUpdate") => self
                .update(self.last_id, "u", received)
                .map(Message::Update),
            Some(b"bookTicker") => self.ticker(received),
            Some(kind) => Ok(Message::Other(kind)),
            None if self.snapshot_id.is_some() => self
                .update(self.snapshot_id, "lastUpdateId", received)
                .map(Message::Snapshot),
            // The spot market's tickers name no kind.
            None if is_ticker && self.last_id.is_some() => self.ticker(received),
            None => Ok(Message::Other(b"")),
        }
    }

    fn update(
        &self,
        last_id: Option<&[u8]>,
        key: &'static str,
        received: &'a [u8],
    ) -> Result<Update<'a>, Rule> {
        Ok(Update {
            last_id: number(last_id).ok_or(Rule::Field { key })?,
            bids: levels_of(self.bid).ok_or(Rule::Field { key: "b" })?,
            asks: levels_of(self.ask).ok_or(Rule::Field { key: "a" })?,
            ..self.labels(received)
        })
    }

    fn ticker(&self, received: &'a [u8]) -> Result<Message<'a>, Rule> {
        let bid = self.bid.zip(self.bid_qty).ok_or(Rule::Field { key: "b" })?;
        let ask = self.ask.zip(self.ask_qty).ok_or(Rule::Field { key: "a" })?;
        Ok(Message::Ticker(Update {
            last_id: number(self.last_id).ok_or(Rule::Field { key: "u" })?,
            bids: vec![bid],
            asks: vec![ask],
            ..self.labels(received)
        }))
    }

    fn labels(&self, received: &'a [u8]) -> Update<'a> {
        Update {
            symbol: self.symbol.unwrap_or_default(),
            time: self.transaction_time.or(self.event_time),
            received,
            first_id: number(self.first_id),
            previous_id: number(self.previous_id),
            ..Update::default()
        }
    }
}

fn number(text: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(text?).ok()?.parse().ok()
}

/// `[["61800.20","2.909"], ...]`.
fn levels_of(text: Option<&[u8]>) -> Option<Vec<Level<'_>>> {
    let mut levels = Vec::new();
    items(text?, |pair| {
        let mut cells = [None, None];
        let mut count = 0;
        items(pair, |cell| {
            *cells.get_mut(count)? = Some(cell);
            count += 1;
            Some(())
        })?;
        levels.push((cells[0]?, cells[1]?));
        Some(())
    })?;
    Some(levels)
}
