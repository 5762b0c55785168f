//! Recorded feeds of depth messages to level updates.
//!
//! Updates are a chain: each names the one before (`pu`, futures) or begins with the next id (`U`,
//! spot). A broken chain is counted as a gap. A snapshot, which was asked for on another way, tells
//! the id it stands at: it is put there, before the updates that follow it in the sequence although
//! they were received earlier, and later ones up to that id are left out as known.

use std::collections::{BTreeMap, TryReserveError};
use std::io::Read;

use super::message::{Message, Update, read_message};
use super::{SNAPSHOT, UPDATE_END};
use crate::text::decimal::Decimal;
use crate::text::fault::{Bad, OnBad, Quantity, Rule, TextError, excerpt, read_number};
use crate::text::grid::{GridColumn, Place, grid_of, misplaced};
use crate::text::lines::{BYTE_ORDER_MARK, Lines, TakeLines, check_line};
use crate::text::message::MessageCounts;
use crate::text::moment::{Moment, TimeUnit};
use crate::text::pages;
use crate::text::source::{ReadError, push_from};
use crate::trades::{PRICE_TICKS_MAX, QTY_LOTS_MAX};

/// Reason under which updates that a snapshot holds already are counted.
const KNOWN: &str = "older than the snapshot";

/// What is read of a feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BookKind {
    /// Updates of depth, and snapshots.
    #[default]
    Depth,
    /// Best bids and asks, each a snapshot of one level a side.
    Ticker,
}

/// How to read a feed.
#[derive(Clone, Debug, Default)]
pub struct BookOptions {
    /// What is read.
    pub kind: BookKind,
    /// Price tick as decimal text. `None` finds the coarsest of 1, 0.1, 0.01, ... that fits.
    pub tick_size: Option<String>,
    /// Quantity lot as decimal text. `None` finds it in the same way.
    pub lot: Option<String>,
    /// What to do with bad messages.
    pub on_bad: OnBad,
}

/// Level updates, and how the reading went.
#[derive(Clone, Debug)]
pub struct BookFeed {
    /// Time in ms, never decreasing.
    pub time: Vec<i64>,
    /// 0 bid, 1 ask.
    pub side: Vec<u8>,
    /// Price in ticks.
    pub price_ticks: Vec<i64>,
    /// Size from then on in lots.
    pub qty_lots: Vec<i64>,
    /// `SNAPSHOT` and `UPDATE_END`.
    pub flags: Vec<u8>,
    /// How it went.
    pub report: BookReport,
}

/// How the reading went.
#[derive(Clone, Debug, Default)]
pub struct BookReport {
    /// Price tick, given or found.
    pub tick_size: String,
    /// Quantity lot, given or found.
    pub lot: String,
    /// Symbol, where the feed names it.
    pub symbol: Option<String>,
    /// Lines of the file.
    pub lines: u64,
    /// Updates taken.
    pub updates: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// How often the chain of ids is broken.
    pub gaps: u64,
    /// Last id before the first gap, and last id of the update after it.
    pub first_gap: Option<(u64, u64)>,
    /// Messages left out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Messages of other kinds.
    pub messages: BTreeMap<String, u64>,
    /// The first message that was left out because it breaks a rule.
    pub first_bad: Option<TextError>,
}

/// Where an update begins.
#[derive(Clone, Copy, Debug)]
struct Begin {
    last_id: u64,
    row: usize,
}

/// Turns the bytes of a feed into a [`BookFeed`].
#[derive(Debug)]
pub struct BookParser {
    kind: BookKind,
    time: Vec<i64>,
    side: Vec<u8>,
    price: GridColumn,
    qty: GridColumn,
    flags: Vec<u8>,
    places: [Vec<Place>; 2],
    /// The updates since the last snapshot; a later one may have to go before some of them.
    begins: Vec<Begin>,
    snapshot_id: Option<u64>,
    /// Last id of the update received last.
    received_id: Option<u64>,
    buffer: Vec<u8>,
    lines: Lines,
    bad: Bad,
    messages: MessageCounts,
    report: BookReport,
    has_ended: bool,
}

impl BookParser {
    /// A parser for one feed.
    ///
    /// # Errors
    ///
    /// [`TextError::Unit`] if a given tick size or lot is not a decimal number above zero.
    pub fn new(options: &BookOptions) -> Result<Self, TextError> {
        let price = grid_of("tick_size", options.tick_size.as_deref(), PRICE_TICKS_MAX)?;
        let qty = grid_of("lot", options.lot.as_deref(), QTY_LOTS_MAX)?;
        Ok(Self {
            kind: options.kind,
            time: Vec::new(),
            side: Vec::new(),
            price: GridColumn::new(price),
            qty: GridColumn::new(qty),
            flags: Vec::new(),
            places: [Vec::new(), Vec::new()],
            begins: Vec::new(),
            snapshot_id: None,
            received_id: None,
            buffer: Vec::new(),
            lines: Lines::default(),
            bad: Bad::new(options.on_bad),
            messages: MessageCounts::default(),
            report: BookReport::default(),
            has_ended: false,
        })
    }

    /// Reads the next piece of the feed.
    ///
    /// # Errors
    ///
    /// [`TextError::BadRow`] for the first bad message, unless they are skipped. The parser has then
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
    /// As [`Self::push`]; [`TextError::Empty`] and [`TextError::NoRows`] if there is no update.
    pub fn finish(mut self) -> Result<BookFeed, TextError> {
        if self.has_ended {
            return Err(TextError::Ended);
        }
        let mut lines = std::mem::take(&mut self.lines);
        lines.finish(&mut self)?;
        if lines.count == 0 {
            return Err(TextError::Empty);
        }
        if self.time.is_empty() {
            return Err(self.bad.nothing("book updates", lines.count));
        }
        Ok(BookFeed {
            report: BookReport {
                tick_size: self.price.grid.unit.to_string(),
                lot: self.qty.grid.unit.to_string(),
                lines: lines.count,
                skipped: self.bad.skipped,
                messages: self.messages.counts,
                first_bad: self.bad.first,
                ..self.report
            },
            time: self.time,
            side: self.side,
            price_ticks: self.price.values,
            qty_lots: self.qty.values,
            flags: self.flags,
        })
    }

    fn take_message(&mut self, line: &[u8]) -> Result<(), Rule> {
        let line = check_line(line)?;
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if line.is_empty() {
            return Ok(());
        }
        match (read_message(line)?, self.kind) {
            (Message::Update(update), BookKind::Depth) => self.take_update(&update),
            (Message::Snapshot(snapshot), BookKind::Depth) => self.take_snapshot(&snapshot),
            (Message::Ticker(ticker), BookKind::Ticker) => self.take_ticker(&ticker),
            (Message::Other(kind), _) => self.count(kind),
            (Message::Update(_), _) => self.count(b"depthUpdate"),
            (Message::Snapshot(_), _) => self.count(b"snapshot"),
            (Message::Ticker(_), _) => self.count(b"bookTicker"),
        }
    }

    fn count(&mut self, kind: &[u8]) -> Result<(), Rule> {
        self.messages.add(kind);
        Ok(())
    }

    fn take_update(&mut self, update: &Update<'_>) -> Result<(), Rule> {
        let is_known = self.snapshot_id.is_some_and(|id| update.last_id <= id);
        if !is_known {
            self.take_levels(update, self.time_of(update)?, 0)?;
            self.report.updates += 1;
        }
        self.check_chain(update);
        self.received_id = Some(update.last_id);
        if is_known {
            *self.bad.skipped.entry(KNOWN).or_default() += 1;
        }
        Ok(())
    }

    /// A broken chain is told, not mended: the levels that were missed are not known.
    fn check_chain(&mut self, update: &Update<'_>) {
        let Some(before) = self.received_id.or(self.snapshot_id) else {
            return;
        };
        let follows = match (update.previous_id, update.first_id) {
            (Some(previous), _) if self.received_id.is_some() => previous == before,
            (_, Some(first)) => first <= before + 1,
            _ => true,
        };
        if !follows {
            self.report.gaps += 1;
            self.report
                .first_gap
                .get_or_insert((before, update.last_id));
        }
    }

    fn take_snapshot(&mut self, snapshot: &Update<'_>) -> Result<(), Rule> {
        if self.snapshot_id.is_some_and(|id| snapshot.last_id <= id) {
            *self.bad.skipped.entry(KNOWN).or_default() += 1;
            return Ok(());
        }
        let id = snapshot.last_id;
        let later = self.begins.partition_point(|begin| begin.last_id <= id);
        let rows = self.time.len();
        let row = self.begins.get(later).map_or(rows, |begin| begin.row);
        let time = self.time_between(snapshot, row)?;
        self.take_levels(snapshot, time, SNAPSHOT)?;
        let grown = self.time.len() - rows;
        self.put_before(row, rows - row);
        self.begins.retain(|begin| begin.last_id > id);
        for begin in &mut self.begins {
            begin.row += grown;
        }
        self.report.snapshots += 1;
        self.snapshot_id = Some(id);
        Ok(())
    }

    /// Moves the rows that stand last to `row`, before the `behind` rows that are there.
    fn put_before(&mut self, row: usize, behind: usize) {
        self.time[row..].rotate_left(behind);
        self.side[row..].rotate_left(behind);
        self.price.values[row..].rotate_left(behind);
        self.qty.values[row..].rotate_left(behind);
        self.flags[row..].rotate_left(behind);
    }

    fn take_ticker(&mut self, ticker: &Update<'_>) -> Result<(), Rule> {
        if self.received_id.is_some_and(|id| ticker.last_id <= id) {
            *self.bad.skipped.entry("update repeated").or_default() += 1;
            return Ok(());
        }
        self.take_levels(ticker, self.time_of(ticker)?, SNAPSHOT)?;
        self.begins.clear();
        self.received_id = Some(ticker.last_id);
        self.report.updates += 1;
        Ok(())
    }

    /// The exchange's time, or else the one at which the message was received, in ms.
    fn time_of(&self, update: &Update<'_>) -> Result<i64, Rule> {
        let time = own_time(update)?;
        match self.time.last() {
            Some(previous) if time < *previous => Err(Rule::TimeOrder {
                time,
                previous: *previous,
            }),
            _ => Ok(time),
        }
    }

    /// A snapshot's time as near as its place in the sequence allows.
    fn time_between(&self, snapshot: &Update<'_>, row: usize) -> Result<i64, Rule> {
        let time = own_time(snapshot)?;
        let earliest = row.checked_sub(1).map_or(time, |before| self.time[before]);
        let latest = self.time.get(row).copied().unwrap_or(i64::MAX);
        Ok(time.max(earliest).min(latest))
    }

    fn take_levels(&mut self, update: &Update<'_>, time: i64, flags: u8) -> Result<(), Rule> {
        self.check_symbol(update.symbol)?;
        let levels = || update.bids.iter().chain(&update.asks);
        place_all(
            &mut self.price,
            &mut self.places[0],
            Quantity::PRICE,
            levels().map(|level| level.0),
        )?;
        place_all(
            &mut self.qty,
            &mut self.places[1],
            Quantity::QTY,
            levels().map(|level| level.1),
        )?;
        let (row, count) = (self.time.len(), self.places[0].len());
        if count == 0 {
            return Ok(());
        }
        self.reserve(count).map_err(|_| Rule::Memory)?;
        for (price, qty) in self.places[0].iter().zip(&self.places[1]) {
            self.price.push(*price);
            self.qty.push(*qty);
        }
        self.time.resize(row + count, time);
        self.side.resize(row + update.bids.len(), 0);
        self.side.resize(row + count, 1);
        self.flags.resize(row + count, 0);
        self.flags[row] |= flags;
        self.flags[row + count - 1] |= UPDATE_END;
        self.begins.push(Begin {
            last_id: update.last_id,
            row,
        });
        if self.report.symbol.is_none() && !update.symbol.is_empty() {
            self.report.symbol = Some(excerpt(update.symbol));
        }
        Ok(())
    }

    fn reserve(&mut self, rows: usize) -> Result<(), TryReserveError> {
        pages::reserve(&mut self.time, rows)?;
        pages::reserve(&mut self.side, rows)?;
        pages::reserve(&mut self.price.values, rows)?;
        pages::reserve(&mut self.qty.values, rows)?;
        pages::reserve(&mut self.flags, rows)?;
        pages::reserve(&mut self.begins, 1)
    }

    fn check_symbol(&self, found: &[u8]) -> Result<(), Rule> {
        match &self.report.symbol {
            Some(expected) if !found.is_empty() && *expected != excerpt(found) => {
                Err(Rule::Symbol {
                    found: excerpt(found),
                    expected: expected.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}

impl TakeLines for BookParser {
    type Error = TextError;

    fn take_line(&mut self, number: u64, line: &[u8]) -> Result<(), TextError> {
        let taken = self.take_message(line);
        self.bad.settle(number, line, taken)
    }
}

fn own_time(update: &Update<'_>) -> Result<i64, Rule> {
    let (text, unit) = match update.time {
        Some(text) => (text, TimeUnit::Ms),
        None => (update.received, TimeUnit::Ns),
    };
    let moment = Moment::parse(text, Some(unit)).map_err(|fault| Rule::Moment {
        cell: excerpt(text),
        fault,
    })?;
    Ok(moment.value / TimeUnit::Ms.count_of(unit))
}

/// Finds the places of all numbers of a message; nothing is changed before all have one.
fn place_all<'a>(
    column: &mut GridColumn,
    places: &mut Vec<Place>,
    quantity: Quantity,
    texts: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<(), Rule> {
    let values = texts
        .clone()
        .map(|text| read_level(quantity, text))
        .collect::<Result<Vec<_>, _>>()?;
    column.place_all(&values, places).map_err(|(at, fault)| {
        let text = texts.clone().nth(at).unwrap_or_default();
        misplaced(&column.grid, fault, quantity, values[at], text)
    })
}

fn read_level(quantity: Quantity, text: &[u8]) -> Result<Decimal, Rule> {
    let value = read_number(quantity, text)?;
    if quantity.is_price && value == Decimal::ZERO {
        return Err(Rule::Positive {
            quantity,
            cell: excerpt(text),
        });
    }
    Ok(value)
}
