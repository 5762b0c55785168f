//! Trades files: text to integer columns, exactly.
//!
//! [`TradesParser`] takes a file in pieces of any size and gives four columns: time, price in
//! ticks, quantity in lots, side of the aggressor. It reads the CSV files of Binance (trades and
//! aggTrades of spot and futures, with or without a header) and recorded feeds of JSON messages.
//!
//! How it works. A piece is cut into lines; an unfinished last line waits for the next piece. A CSV
//! row in its usual spelling goes through `fast.rs`; any other line, and any row that the fast path
//! leaves, goes through `TradesParser::take_line`, which alone defines what is accepted. Every
//! check of a row comes before its first effect, so a refused row leaves no trace but its count.
//!
//! Memory is bounded by the rows found, one line ([`LINE_BYTES_MAX`]), and one piece.

mod fast;
mod feed;
mod layout;
#[cfg(test)]
mod parser_tests;
mod shape;

use std::collections::BTreeMap;
use std::io::Read;

pub use crate::text::fault::{LINE_BYTES_MAX, OnBad, Quantity, Rule, TextError as TradesError};

pub use crate::text::moment::TimeUnit;
pub use crate::text::source::ReadError;

use crate::text::decimal::Decimal;
use crate::text::fault::{Bad, excerpt, read_number};
use crate::text::grid::{GridColumn, grid_of, place};
use crate::text::lines::{BYTE_ORDER_MARK, Lines, TakeLines, check_line, is_text};
use crate::text::message::MessageCounts;
use crate::text::pages;
use crate::text::source::{BUFFER_BYTES, push_from};
use feed::{Message, TradeKind};
use layout::{Layout, RowText};

/// Largest price in ticks that the kernel takes.
pub const PRICE_TICKS_MAX: i64 = (1 << 48) - 1;

/// Largest quantity in lots that the kernel takes.
pub const QTY_LOTS_MAX: i64 = (1 << 62) - 1;

/// Bytes of the shortest row, `1723161256322,1,1,1` and its line end.
const ROW_BYTES_MIN: usize = 20;

/// Rows by whose length the room for a whole file is reckoned.
const ROWS_SAMPLED: usize = 1000;

/// Reason under which rows that another file had are counted.
const OVERLAP: &str = "in another file";

/// Reason under which trades of a feed without price or quantity are counted.
const ZERO_TRADE: &str = "zero price or quantity";

/// How to read a file.
#[derive(Clone, Debug, Default)]
pub struct TradesOptions {
    /// Price tick as decimal text. `None` finds the coarsest of 1, 0.1, 0.01, ... that fits.
    pub tick_size: Option<String>,
    /// Quantity lot as decimal text. `None` finds it in the same way.
    pub lot: Option<String>,
    /// What to do with bad rows.
    pub on_bad: OnBad,
    /// Leaves the fast path out; the result is the same. For tests.
    pub is_exact_only: bool,
    /// Rows up to this id are left out and counted: another file had them.
    pub after_id: Option<u64>,
}

/// What was read: four columns of one length, and how it went.
#[derive(Clone, Debug)]
pub struct Trades {
    /// Time in [`TradesReport::time_unit`], never decreasing.
    pub time: Vec<i64>,
    /// Price in ticks, above zero.
    pub price_ticks: Vec<i64>,
    /// Quantity in lots, above zero.
    pub qty_lots: Vec<i64>,
    /// Side of the aggressor: 0 buy, 1 sell (the buyer was the maker).
    pub side: Vec<u8>,
    /// How it went.
    pub report: TradesReport,
}

/// Rows read so far, handed over while the file is still being read.
#[derive(Clone, Debug)]
pub struct DrainedTrades {
    /// As in [`Trades`].
    pub time: Vec<i64>,
    /// On the tick size of now, which a later row may make finer unless it was given.
    pub price_ticks: Vec<i64>,
    /// On the lot of now.
    pub qty_lots: Vec<i64>,
    /// As in [`Trades`].
    pub side: Vec<u8>,
}

/// How the reading went.
#[derive(Clone, Debug)]
pub struct TradesReport {
    /// `spot-aggtrades`, `futures-aggtrades`, `spot-trades`, `futures-trades`, `csv` (columns by
    /// other headers) or `feed`.
    pub format: &'static str,
    /// Unit of the time column.
    pub time_unit: TimeUnit,
    /// Price tick, given or found.
    pub tick_size: String,
    /// Quantity lot, given or found.
    pub lot: String,
    /// Symbol, where the file names it.
    pub symbol: Option<String>,
    /// Lines of the file, header and blank lines included.
    pub lines: u64,
    /// Rows left out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Messages of a feed that are no trades, by kind.
    pub messages: BTreeMap<String, u64>,
    /// The first row that was left out because it breaks a rule.
    pub first_bad: Option<TradesError>,
    /// Id of the last row, where rows have ids.
    pub last_id: Option<u64>,
}

/// How lines are read, known after the first.
#[derive(Clone, Copy, Debug)]
enum Format {
    Unknown,
    /// The header names the columns.
    Csv(Layout),
    Feed(Option<TradeKind>),
}

/// Turns the bytes of a file into [`Trades`].
///
/// ```
/// use tickstep::trades::{TradesOptions, TradesParser};
///
/// let mut parser = TradesParser::new(&TradesOptions::default())?;
/// parser.push(b"1,61800.30,0.006,5,5,1723161256322,tr")?;
/// parser.push(b"ue\n2,61800.20,0.015,6,6,1723161256523,false\n")?;
/// let trades = parser.finish()?;
/// assert_eq!(trades.price_ticks, [618003, 618002]);
/// assert_eq!((trades.report.tick_size.as_str(), trades.side), ("0.1", vec![1, 0]));
/// # Ok::<(), tickstep::trades::TradesError>(())
/// ```
#[derive(Debug)]
pub struct TradesParser {
    is_exact_only: bool,
    /// Rows up to this id are left out; `None` once a later one came.
    after_id: Option<u64>,
    last_id: Option<u64>,
    format: Format,
    time_unit: Option<TimeUnit>,
    shapes: shape::Shapes,
    symbol: Option<Vec<u8>>,
    time: Vec<i64>,
    price: GridColumn,
    qty: GridColumn,
    side: Vec<u8>,
    /// What `push_from` reads into.
    buffer: Vec<u8>,
    /// Bytes of the whole source until room for them has been taken, then 0.
    bytes_expected: u64,
    bytes_pushed: u64,
    lines: Lines,
    /// Rows that `drain` has handed over, and the time of the last of them.
    drained: (usize, Option<i64>),
    has_ended: bool,
    bad: Bad,
    messages: MessageCounts,
}

impl TradesParser {
    /// A parser for one file.
    ///
    /// # Errors
    ///
    /// [`TradesError::Unit`] if a given tick size or lot is not a decimal number above zero.
    pub fn new(options: &TradesOptions) -> Result<Self, TradesError> {
        let price = grid_of("tick_size", options.tick_size.as_deref(), PRICE_TICKS_MAX)?;
        let qty = grid_of("lot", options.lot.as_deref(), QTY_LOTS_MAX)?;
        Ok(Self {
            is_exact_only: options.is_exact_only,
            after_id: options.after_id,
            last_id: None,
            format: Format::Unknown,
            time_unit: None,
            shapes: shape::Shapes::default(),
            symbol: None,
            time: Vec::new(),
            price: GridColumn::new(price),
            qty: GridColumn::new(qty),
            side: Vec::new(),
            buffer: Vec::new(),
            bytes_expected: 0,
            bytes_pushed: 0,
            lines: Lines::default(),
            drained: (0, None),
            has_ended: false,
            bad: Bad::new(options.on_bad),
            messages: MessageCounts::default(),
        })
    }

    /// Rows read so far, those handed over by [`Self::drain`] included.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.drained.0 + self.time.len()
    }

    /// Hands over the rows read so far and goes on: with it a file of any size is read in bounded
    /// memory. Give tick size and lot, or the grid may become finer between two calls.
    ///
    /// ```
    /// use tickstep::trades::{TradesOptions, TradesParser};
    ///
    /// let mut parser = TradesParser::new(&TradesOptions::default())?;
    /// parser.push(b"1,61800.30,0.006,5,5,1723161256322,true\n2,6180")?;
    /// assert_eq!(parser.drain().price_ticks, [618003]);
    /// parser.push(b"0.20,0.015,6,6,1723161256523,false\n")?;
    /// assert_eq!(parser.finish()?.price_ticks, [618002]);
    /// # Ok::<(), tickstep::trades::TradesError>(())
    /// ```
    pub fn drain(&mut self) -> DrainedTrades {
        self.drained = (self.rows(), self.last_time());
        DrainedTrades {
            time: std::mem::take(&mut self.time),
            price_ticks: self.price.drain(),
            qty_lots: self.qty.drain(),
            side: std::mem::take(&mut self.side),
        }
    }

    /// Unit of the times, known from the first row on.
    #[must_use]
    pub fn time_unit(&self) -> Option<TimeUnit> {
        self.time_unit
    }

    /// Symbol, where the file has named it so far.
    #[must_use]
    pub fn symbol(&self) -> Option<String> {
        self.symbol.as_deref().map(excerpt)
    }

    fn last_time(&self) -> Option<i64> {
        self.time.last().copied().or(self.drained.1)
    }

    /// Reads the next piece of the file; pieces of 64 to 256 KB are fastest.
    ///
    /// # Errors
    ///
    /// [`TradesError::BadRow`] for the first bad row, unless bad rows are skipped. The parser has
    /// then ended.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), TradesError> {
        if self.has_ended {
            return Err(TradesError::Ended);
        }
        let result = self
            .reserve(piece.len())
            .and_then(|()| self.push_lines(piece));
        self.has_ended = result.is_err();
        result
    }

    /// Tells how many bytes are to come, so that room for their rows is taken at once.
    ///
    /// It is a hint: nothing depends on it, and no memory is used before it is needed.
    pub fn expect_bytes(&mut self, bytes: u64) {
        self.bytes_expected = bytes;
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
    /// As [`Self::push`]; [`TradesError::Empty`] and [`TradesError::NoTrades`] if there is no row.
    pub fn finish(mut self) -> Result<Trades, TradesError> {
        if self.has_ended {
            return Err(TradesError::Ended);
        }
        self.reserve(0)?;
        let mut lines = std::mem::take(&mut self.lines);
        lines.finish(&mut self)?;
        self.lines = lines;
        let format = self.format.name();
        match (self.time_unit, format) {
            (Some(time_unit), Some(format)) => Ok(self.into_trades(format, time_unit)),
            _ => Err(self.nothing_read()),
        }
    }

    /// Makes room for the rows of so many bytes, and for the one they complete.
    fn reserve(&mut self, bytes: usize) -> Result<(), TradesError> {
        self.bytes_pushed += bytes as u64;
        if self.bytes_expected > 0 && self.rows() >= ROWS_SAMPLED {
            self.reserve_expected();
        }
        self.reserve_rows(bytes / ROW_BYTES_MIN + 1)
    }

    /// Makes room for all rows to come, as if they were as long as those so far and a little more.
    fn reserve_expected(&mut self) {
        let bytes_left = self.bytes_expected.saturating_sub(self.bytes_pushed);
        self.bytes_expected = 0;
        let row_bytes = (self.bytes_pushed / self.rows() as u64).max(1);
        let rows = bytes_left / row_bytes * 17 / 16 + BUFFER_BYTES as u64;
        // Where so much cannot be had, the columns grow step by step and fail when it matters.
        let _ = usize::try_from(rows).map(|rows| self.reserve_rows(rows));
    }

    fn reserve_rows(&mut self, rows: usize) -> Result<(), TradesError> {
        let reserved = pages::reserve(&mut self.time, rows)
            .and_then(|()| pages::reserve(&mut self.price.values, rows))
            .and_then(|()| pages::reserve(&mut self.qty.values, rows))
            .and_then(|()| pages::reserve(&mut self.side, rows));
        reserved.map_err(|_| TradesError::Memory {
            lines: self.rows() as u64,
        })
    }

    fn into_trades(self, format: &'static str, time_unit: TimeUnit) -> Trades {
        Trades {
            time: shrunk(self.time),
            price_ticks: shrunk(self.price.values),
            qty_lots: shrunk(self.qty.values),
            side: shrunk(self.side),
            report: TradesReport {
                format,
                time_unit,
                tick_size: self.price.grid.unit.to_string(),
                lot: self.qty.grid.unit.to_string(),
                symbol: self.symbol.map(|symbol| excerpt(&symbol)),
                lines: self.lines.count,
                skipped: self.bad.skipped,
                messages: self.messages.counts,
                first_bad: self.bad.first,
                last_id: self.last_id,
            },
        }
    }

    fn nothing_read(self) -> TradesError {
        if matches!(self.format, Format::Unknown) && self.bad.rows == 0 {
            return TradesError::Empty;
        }
        self.bad.nothing("trades", self.lines.count)
    }
}

/// Lines: from their bytes to rows.
impl TakeLines for TradesParser {
    type Error = TradesError;

    fn take_line(&mut self, number: u64, line: &[u8]) -> Result<(), TradesError> {
        let taken = self.take_exact(line);
        self.bad.settle(number, line, taken)
    }

    #[inline(always)]
    fn take_run(&mut self, text: &[u8]) -> (usize, u64) {
        let rows = self.time.len();
        let bytes = self.read_fast(text);
        (bytes, (self.time.len() - rows) as u64)
    }
}

impl TradesParser {
    fn push_lines(&mut self, piece: &[u8]) -> Result<(), TradesError> {
        let mut lines = std::mem::take(&mut self.lines);
        let pushed = lines.push(piece, self);
        self.lines = lines;
        pushed
    }

    /// Reads one line by the exact path.
    fn take_exact(&mut self, line: &[u8]) -> Result<(), Rule> {
        let line = check_line(line)?;
        if line.is_empty() {
            return Ok(());
        }
        match self.format {
            Format::Csv(layout) => self.take_row(&layout.cut(line)?),
            Format::Feed(kind) => self.take_message(line, kind),
            Format::Unknown => self.take_first_line(line),
        }
    }

    /// Finds out the format. It is kept only if the line is good, so that with bad rows skipped
    /// the first good line decides.
    fn take_first_line(&mut self, line: &[u8]) -> Result<(), Rule> {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if line.is_empty() {
            return Ok(());
        }
        if !is_text(line) {
            return Err(Rule::Text);
        }
        if feed::is_feed_line(line) {
            self.take_message(line, None)?;
            self.format = match self.format {
                Format::Unknown => Format::Feed(None),
                known => known,
            };
            return Ok(());
        }
        if layout::is_header(line) {
            self.format = Format::Csv(Layout::of_header(line)?);
            return Ok(());
        }
        let layout = Layout::of_row(line)?;
        self.take_row(&layout.cut(line)?)?;
        self.format = Format::Csv(layout);
        Ok(())
    }
}

/// Rows: from texts to columns.
impl TradesParser {
    fn take_row(&mut self, row: &RowText<'_>) -> Result<(), Rule> {
        let price = read_number(Quantity::PRICE, row.price)?;
        let qty = read_number(Quantity::QTY, row.qty)?;
        self.take_numbers(row, price, qty)
    }

    fn take_numbers(
        &mut self,
        row: &RowText<'_>,
        price: Decimal,
        qty: Decimal,
    ) -> Result<(), Rule> {
        check_positive(Quantity::PRICE, price, row.price)?;
        check_positive(Quantity::QTY, qty, row.qty)?;
        let (time, time_unit) = self.read_time(row.time)?;
        let is_buyer_maker = layout::parse_flag(row.is_buyer_maker).ok_or_else(|| Rule::Maker {
            cell: excerpt(row.is_buyer_maker),
        })?;
        let id = parse_id(row.id);
        if self.is_known(id) {
            *self.bad.skipped.entry(OVERLAP).or_default() += 1;
            self.time_unit = Some(time_unit);
            return Ok(());
        }
        let price_place = place(&mut self.price, Quantity::PRICE, price, row.price)?;
        let qty_place = place(&mut self.qty, Quantity::QTY, qty, row.qty)?;
        self.after_id = None;
        self.last_id = id;
        self.time_unit = Some(time_unit);
        self.time.push(time);
        self.price.push(price_place);
        self.qty.push(qty_place);
        self.side.push(u8::from(is_buyer_maker));
        Ok(())
    }

    fn is_known(&self, id: Option<u64>) -> bool {
        matches!((id, self.after_id), (Some(id), Some(last)) if id <= last)
    }

    fn read_time(&self, text: &[u8]) -> Result<(i64, TimeUnit), Rule> {
        let fault = || Rule::Time {
            cell: excerpt(text),
        };
        let is_count = text.iter().all(u8::is_ascii_digit) && text.first() != Some(&b'0');
        let unit = TimeUnit::of_digits(text.len())
            .filter(|unit| is_count && *unit != TimeUnit::S)
            .ok_or_else(fault)?;
        // Fits: 19 digits are below 2^64.
        let time = text
            .iter()
            .fold(0, |time: u64, byte| time * 10 + u64::from(byte - b'0'));
        let time = i64::try_from(time)
            .ok()
            .filter(|time| *time < 1 << 62)
            .ok_or_else(fault)?;
        match self.time_unit {
            Some(expected) if expected != unit => Err(Rule::TimeUnit {
                cell: excerpt(text),
                digits_expected: expected.digits(),
            }),
            _ => self.check_time_order(time).map(|()| (time, unit)),
        }
    }

    fn check_time_order(&self, time: i64) -> Result<(), Rule> {
        match self.last_time() {
            Some(previous) if time < previous => Err(Rule::TimeOrder { time, previous }),
            _ => Ok(()),
        }
    }

    fn take_message(&mut self, line: &[u8], kind_taken: Option<TradeKind>) -> Result<(), Rule> {
        match feed::read_message(line)? {
            Message::Other(kind) => self.messages.add(kind),
            // Each trade is in both kinds of messages: taking both would count it twice.
            Message::Trade { kind, .. } if kind_taken.is_some_and(|taken| taken != kind) => {
                self.messages.add(kind.name().as_bytes());
            }
            Message::Trade { kind, symbol, row } => {
                self.take_trade(symbol, &row)?;
                self.format = Format::Feed(Some(kind));
            }
        }
        Ok(())
    }

    fn take_trade(&mut self, symbol: &[u8], row: &RowText<'_>) -> Result<(), Rule> {
        let price = read_number(Quantity::PRICE, row.price)?;
        let qty = read_number(Quantity::QTY, row.qty)?;
        if price == Decimal::ZERO || qty == Decimal::ZERO {
            *self.bad.skipped.entry(ZERO_TRADE).or_default() += 1;
            return Ok(());
        }
        self.check_symbol(symbol)?;
        self.take_numbers(row, price, qty)?;
        if self.symbol.is_none() && !symbol.is_empty() {
            self.symbol = Some(symbol.to_vec());
        }
        Ok(())
    }

    fn check_symbol(&self, found: &[u8]) -> Result<(), Rule> {
        match &self.symbol {
            Some(expected) if expected != found && !found.is_empty() => Err(Rule::Symbol {
                found: excerpt(found),
                expected: excerpt(expected),
            }),
            _ => Ok(()),
        }
    }
}

/// The fast path over a run of rows.
impl TradesParser {
    /// Reads rows as long as they are in their usual spelling; the bytes they take.
    fn read_fast(&mut self, piece: &[u8]) -> usize {
        let is_exact = self.is_exact_only || self.after_id.is_some();
        let (Format::Csv(layout), Some(unit @ (TimeUnit::Ms | TimeUnit::Us)), false) =
            (self.format, self.time_unit, is_exact)
        else {
            return 0;
        };
        match layout {
            layout::SPOT_AGGREGATES => self.read_fast_rows::<true, true>(piece, unit.digits()),
            layout::FUTURES_AGGREGATES => self.read_fast_rows::<true, false>(piece, unit.digits()),
            layout::SPOT_TRADES => self.read_fast_rows::<false, true>(piece, unit.digits()),
            layout::FUTURES_TRADES => self.read_fast_rows::<false, false>(piece, unit.digits()),
            _ => 0,
        }
    }

    fn read_fast_rows<const IS_AGGREGATED: bool, const HAS_MATCH: bool>(
        &mut self,
        piece: &[u8],
        time_digits: usize,
    ) -> usize {
        #[cfg(target_arch = "x86_64")]
        if shape::is_supported() {
            // SAFETY: the instructions are there.
            return unsafe {
                self.read_shaped_rows::<IS_AGGREGATED, HAS_MATCH>(piece, time_digits)
            };
        }
        self.read_rows::<IS_AGGREGATED, HAS_MATCH, false>(piece, time_digits)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "sse4.1")]
    unsafe fn read_shaped_rows<const IS_AGGREGATED: bool, const HAS_MATCH: bool>(
        &mut self,
        piece: &[u8],
        time_digits: usize,
    ) -> usize {
        self.read_rows::<IS_AGGREGATED, HAS_MATCH, true>(piece, time_digits)
    }

    /// `HAS_SHAPES` only where the processor reads them.
    #[inline(always)]
    fn read_rows<const IS_AGGREGATED: bool, const HAS_MATCH: bool, const HAS_SHAPES: bool>(
        &mut self,
        piece: &[u8],
        time_digits: usize,
    ) -> usize {
        let mut previous = self.last_time().unwrap_or(0);
        let times = self.time.spare_capacity_mut();
        let prices = self.price.values.spare_capacity_mut();
        let qtys = self.qty.values.spare_capacity_mut();
        let sides = self.side.spare_capacity_mut();
        let room = times
            .len()
            .min(prices.len())
            .min(qtys.len())
            .min(sides.len());
        let (mut start, mut last, mut rows) = (0, 0, 0);
        while rows < room {
            let Some(window) = piece[start..].first_chunk() else {
                break;
            };
            // SAFETY: the caller's word on `HAS_SHAPES`.
            let shaped = unsafe { read_shaped::<HAS_MATCH, HAS_SHAPES>(&mut self.shapes, window) };
            let row = match shaped {
                Some(row) => row,
                None => match fast::read_row::<IS_AGGREGATED, HAS_MATCH>(window, time_digits) {
                    Some(row) => {
                        if HAS_SHAPES {
                            self.shapes.learn(window, &row.places);
                        }
                        row
                    }
                    None => break,
                },
            };
            let price = self
                .price
                .grid
                .units(row.price.mantissa, row.price.decimals);
            let qty = self.qty.grid.units(row.qty.mantissa, row.qty.decimals);
            let (Some(price_ticks), Some(qty_lots)) = (price, qty) else {
                break;
            };
            // Fits: at most 16 digits.
            let time = row.time as i64;
            if time < previous || price_ticks == 0 || qty_lots == 0 {
                break;
            }
            times[rows].write(time);
            prices[rows].write(price_ticks);
            qtys[rows].write(qty_lots);
            sides[rows].write(u8::from(row.is_buyer_maker));
            rows += 1;
            previous = time;
            last = start;
            start += row.length;
        }
        if rows > 0 {
            self.last_id = parse_id(&piece[last..start]);
        }
        // SAFETY: of each column's spare capacity, so many values have just been written.
        unsafe {
            self.time.set_len(self.time.len() + rows);
            self.price.values.set_len(self.price.values.len() + rows);
            self.qty.values.set_len(self.qty.values.len() + rows);
            self.side.set_len(self.side.len() + rows);
        }
        start
    }
}

/// A row of a shape that is known.
///
/// # Safety
///
/// With `HAS_SHAPES`, the processor reads them.
#[inline(always)]
unsafe fn read_shaped<const HAS_MATCH: bool, const HAS_SHAPES: bool>(
    shapes: &mut shape::Shapes,
    window: &[u8; fast::WINDOW],
) -> Option<fast::FastRow> {
    #[cfg(target_arch = "x86_64")]
    if HAS_SHAPES {
        // SAFETY: the caller's.
        return unsafe { shapes.read::<HAS_MATCH>(window) };
    }
    let _ = (shapes, window);
    None
}

impl Format {
    fn name(&self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Csv(layout) => Some(layout.name),
            Self::Feed(_) => Some("feed"),
        }
    }
}

/// The whole number that a text begins with.
fn parse_id(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

fn check_positive(quantity: Quantity, value: Decimal, text: &[u8]) -> Result<(), Rule> {
    if value == Decimal::ZERO {
        return Err(Rule::Positive {
            quantity,
            cell: excerpt(text),
        });
    }
    Ok(())
}

fn shrunk<T>(mut column: Vec<T>) -> Vec<T> {
    column.shrink_to_fit();
    column
}
