//! Ticks as borrowed columns, the place reached in them, and zone maps over their prices.

use std::fmt;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use tickstep_sys as sys;

use crate::config::{Instrument, QtyRule};
use crate::error::{Error, RowError, Status};
use crate::pyramid::{self, Extremes};

/// Columns of one instrument's ticks. All given columns have the same length.
///
/// ```
/// use tickstep::Columns;
/// let columns = Columns::new(&[1, 2], &[100, 101]).qty_lots(&[5, 5]).side(&[0, 1]);
/// assert_eq!(columns.len(), 2);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Columns<'a> {
    /// Never descending.
    pub time: &'a [i64],
    /// Last price.
    pub price_ticks: &'a [i64],
    /// Quantity; needed where the instrument's rule is VOLUME.
    pub qty_lots: Option<&'a [i64]>,
    /// Aggressor: 0 buy, 1 sell. Of ranges 2 more for a row that continues the one before.
    pub side: Option<&'a [u8]>,
    /// Best bid, or the low; with the other or not at all.
    pub bid_ticks: Option<&'a [i64]>,
    /// Best ask, or the high; with the other or not at all.
    pub ask_ticks: Option<&'a [i64]>,
    /// Whether these are lows and highs: every row is a stretch of trading.
    pub has_ranges: bool,
}

impl<'a> Columns<'a> {
    /// Times and prices; nothing else is needed under FULL.
    #[must_use]
    pub fn new(time: &'a [i64], price_ticks: &'a [i64]) -> Columns<'a> {
        Columns {
            time,
            price_ticks,
            ..Columns::default()
        }
    }

    /// Adds quantities.
    #[must_use]
    pub fn qty_lots(mut self, qty_lots: &'a [i64]) -> Self {
        self.qty_lots = Some(qty_lots);
        self
    }

    /// Adds the aggressor's side.
    #[must_use]
    pub fn side(mut self, side: &'a [u8]) -> Self {
        self.side = Some(side);
        self
    }

    /// Adds best bids and asks; orders then take at these instead of price ± half the spread.
    #[must_use]
    pub fn quotes(mut self, bid_ticks: &'a [i64], ask_ticks: &'a [i64]) -> Self {
        self.bid_ticks = Some(bid_ticks);
        self.ask_ticks = Some(ask_ticks);
        self
    }

    /// Adds lows and highs: every row stands for the trading since the row before, of which only
    /// the ends are known.
    #[must_use]
    pub fn ranges(self, low_ticks: &'a [i64], high_ticks: &'a [i64]) -> Self {
        Columns {
            has_ranges: true,
            ..self.quotes(low_ticks, high_ticks)
        }
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// When the range is not within the rows.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>) -> Columns<'a> {
        Columns {
            time: &self.time[rows.clone()],
            price_ticks: &self.price_ticks[rows.clone()],
            qty_lots: self.qty_lots.map(|column| &column[rows.clone()]),
            side: self.side.map(|column| &column[rows.clone()]),
            bid_ticks: self.bid_ticks.map(|column| &column[rows.clone()]),
            ask_ticks: self.ask_ticks.map(|column| &column[rows.clone()]),
            has_ranges: self.has_ranges,
        }
    }

    /// The lowest and highest prices of the rows: the prices, but for ranges.
    fn reach(&self) -> (&'a [i64], &'a [i64]) {
        match (self.has_ranges, self.bid_ticks, self.ask_ticks) {
            (true, Some(low), Some(high)) => (low, high),
            _ => (self.price_ticks, self.price_ticks),
        }
    }

    /// Everything about the kernel's memory safety: no column is shorter than `time`.
    fn check_lengths(&self) -> Result<(), Error> {
        let lengths = [
            ("price_ticks", Some(self.price_ticks.len())),
            ("qty_lots", self.qty_lots.map(<[i64]>::len)),
            ("side", self.side.map(<[u8]>::len)),
            ("bid_ticks", self.bid_ticks.map(<[i64]>::len)),
            ("ask_ticks", self.ask_ticks.map(<[i64]>::len)),
        ];
        check_lengths(self.len(), &lengths)
    }

    /// The value at fault. The kernel has found it; this only names it.
    fn fault(&self, status: Status, row: usize) -> Option<(&'static str, i128)> {
        let cell = |name, column: Option<&[i64]>| {
            column
                .and_then(|column| column.get(row))
                .map(|value| (name, i128::from(*value)))
        };
        match status {
            Status::TimeBackwards | Status::TimeRange => cell("time", Some(self.time)),
            Status::TickPrice => cell("price_ticks", Some(self.price_ticks)),
            Status::TickQty => cell("qty_lots", self.qty_lots),
            Status::TickQuote => cell("bid_ticks", self.bid_ticks),
            Status::TickRange => cell("low_ticks", self.bid_ticks),
            Status::TickSide => {
                let side = self.side.and_then(|column| column.get(row));
                side.map(|side| ("side", i128::from(*side)))
            }
            _ => None,
        }
    }

    /// Turns the kernel's answer about a row into an error that names the value.
    pub(crate) fn row_error(&self, status: Status, row: u64) -> RowError {
        match usize::try_from(row)
            .ok()
            .and_then(|row| self.fault(status, row))
        {
            Some((field, value)) => RowError {
                error: Error::Value {
                    status,
                    field,
                    value,
                },
                row: Some(row),
            },
            None => RowError {
                error: status.into(),
                row: None,
            },
        }
    }
}

/// Refuses the first column that is not as long as it must be.
pub(crate) fn check_lengths(
    expected: usize,
    columns: &[(&'static str, Option<usize>)],
) -> Result<(), Error> {
    for &(column, rows) in columns {
        if let Some(rows) = rows.filter(|rows| *rows != expected) {
            return Err(Error::ColumnLength {
                column,
                rows,
                expected,
            });
        }
    }
    Ok(())
}

/// The address of an optional column, as the kernel takes it.
pub(crate) fn column_ptr<T>(column: Option<&[T]>) -> *const T {
    column.map_or(ptr::null(), <[T]>::as_ptr)
}

/// Which prices a check has let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prices {
    Positive,
    Any,
}

impl Prices {
    pub(crate) fn of(rules: &Instrument) -> Prices {
        if rules.allow_negative {
            Prices::Any
        } else {
            Prices::Positive
        }
    }

    /// Whether columns that passed under `self` pass under these rules too.
    fn cover(self, rules: &Instrument) -> bool {
        self == Prices::Positive || rules.allow_negative
    }
}

/// Columns of one instrument and the place reached in them: rows from `cursor` to `end` are to
/// come.
///
/// A feed remembers which of its rows an engine has checked, so a run that stops and goes on reads
/// them once.
///
/// ```
/// use tickstep::{Columns, Config, Engine, Feed, Instrument};
/// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
/// let mut feed = Feed::new(0, Columns::new(&[1, 2, 3], &[100, 101, 99]))?.rows(0..2)?;
/// engine.step_batch(std::slice::from_mut(&mut feed), 0).expect("the rows obey the rules");
/// assert_eq!(feed.cursor(), 2);
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Feed<'a> {
    instrument: u32,
    /// All of one length: `new` has checked it, and nothing changes them.
    columns: Columns<'a>,
    zone_map: Option<&'a ZoneMap>,
    cursor: usize,
    /// At most the length of the columns.
    end: usize,
    checked: Option<(Prices, Range<usize>)>,
}

impl<'a> Feed<'a> {
    /// All rows of the columns, for the instrument with this index.
    ///
    /// # Errors
    /// [`Error::ColumnLength`].
    pub fn new(instrument: u32, columns: Columns<'a>) -> Result<Feed<'a>, Error> {
        columns.check_lengths()?;
        let end = columns.len();
        Ok(Feed {
            instrument,
            columns,
            zone_map: None,
            cursor: 0,
            end,
            checked: None,
        })
    }

    /// Adds a zone map made from this very price column, or from a longer one that it begins. With
    /// it a batch reads only the rows that can touch an order. A map of other prices gives wrong
    /// results.
    ///
    /// # Errors
    /// ZONE_MAP when the map has fewer rows than the columns.
    pub fn zone_map(mut self, zone_map: &'a ZoneMap) -> Result<Self, Error> {
        if zone_map.rows < self.columns.len() {
            return Err(Status::ZoneMap.into());
        }
        self.zone_map = Some(zone_map);
        Ok(self)
    }

    /// Limits the feed to some of its rows; the zone map still fits.
    ///
    /// # Errors
    /// FEED_CURSOR when the range is not within the columns.
    pub fn rows(mut self, rows: Range<usize>) -> Result<Self, Error> {
        if rows.start > rows.end || rows.end > self.columns.len() {
            let value = rows.start.max(rows.end) as i128;
            return Err(Error::Value {
                status: Status::FeedCursor,
                field: "rows",
                value,
            });
        }
        self.cursor = rows.start;
        self.end = rows.end;
        Ok(self)
    }

    /// Says that all rows have passed a check under these rules, and need none again. Wrong columns
    /// give wrong results then.
    #[must_use]
    pub fn assume_checked(mut self, rules: &Instrument) -> Self {
        self.mark_checked(Prices::of(rules), 0..self.columns.len());
        self
    }

    /// Checks the rows to come, the engine's clock aside, so that no engine need check them again
    /// under these rules: what is run in pieces afterwards is refused here as a whole or not at
    /// all.
    ///
    /// # Errors
    /// The first row that breaks a rule.
    pub fn checked(mut self, rules: &Instrument) -> Result<Self, RowError> {
        self.check(rules)?;
        self.mark_checked(Prices::of(rules), self.cursor..self.end);
        Ok(self)
    }

    /// Index of the instrument.
    #[must_use]
    pub fn instrument(&self) -> u32 {
        self.instrument
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &Columns<'a> {
        &self.columns
    }

    /// The next row to take.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The row to stop before.
    #[must_use]
    pub fn end(&self) -> usize {
        self.end
    }

    /// Whether all rows are taken.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.cursor == self.end
    }

    pub(crate) fn mark_checked(&mut self, prices: Prices, rows: Range<usize>) {
        self.checked = Some((prices, rows));
    }

    pub(crate) fn set_cursor(&mut self, cursor: usize) {
        self.cursor = cursor;
    }

    pub(crate) fn is_checked_for(&self, rules: &Instrument) -> bool {
        self.checked.as_ref().is_some_and(|(prices, rows)| {
            prices.cover(rules) && rows.start <= self.cursor && self.end <= rows.end
        })
    }

    /// The feed as the kernel reads it. Its pointers are good for as long as `'a`: each column has
    /// at least `count` rows, and the zone map as many bytes as it says.
    pub(crate) fn raw(&self, rules: Option<&Instrument>) -> sys::tks_feed {
        let is_checked = rules.is_some_and(|rules| self.is_checked_for(rules));
        let flag = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
        let zone_map = self.zone_map.map_or(&[][..], ZoneMap::words);
        sys::tks_feed {
            struct_size: size_of::<sys::tks_feed>() as u32,
            instrument: self.instrument,
            flags: flag(is_checked, sys::TKS_FEED_CHECKED)
                | flag(self.columns.has_ranges, sys::TKS_FEED_RANGES),
            reserved: 0,
            cursor: self.cursor as u64,
            count: self.end as u64,
            time: self.columns.time.as_ptr(),
            price_ticks: self.columns.price_ticks.as_ptr(),
            qty_lots: column_ptr(self.columns.qty_lots),
            side: column_ptr(self.columns.side),
            bid_ticks: column_ptr(self.columns.bid_ticks),
            ask_ticks: column_ptr(self.columns.ask_ticks),
            zone_map: column_ptr((!zone_map.is_empty()).then_some(zone_map)).cast(),
            zone_map_size: size_of_val(zone_map) as u64,
        }
    }

    /// `tks_feed_check`: the rows from cursor to end against the rules, the engine's clock aside.
    /// Quantities are not missed: who needs them sees that they are there.
    pub(crate) fn check(&self, rules: &Instrument) -> Result<(), RowError> {
        let mut rules = rules.raw();
        rules.qty_rule = QtyRule::Full.number();
        rules.participation_ppm = 0;
        let mut bad_row = 0;
        // SAFETY: `raw` gives columns of at least `count` rows, borrowed beyond this call.
        let status =
            unsafe { sys::tks_feed_check(&self.raw(None), &raw const rules, &raw mut bad_row) };
        Status::check(status).map_err(|status| self.columns.row_error(status, bad_row))
    }
}

/// Minima and maxima over zones of 64 rows and a tree above them: 0.143 bytes per row. Belongs to
/// one price column that does not change.
///
/// ```
/// use tickstep::{Columns, Feed, ZoneMap};
/// let (time, price) = (vec![5; 1000], vec![100; 1000]);
/// let zone_map = ZoneMap::build(&price)?;
/// let feed = Feed::new(0, Columns::new(&time, &price))?.zone_map(&zone_map)?;
/// assert_eq!(feed.end(), zone_map.rows());
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ZoneMap {
    words: Words,
    rows: usize,
}

/// Words rather than bytes: the kernel wants 8-byte alignment.
#[derive(Clone)]
enum Words {
    Owned(Vec<u64>),
    Kept(Arc<dyn AsRef<[u64]> + Send + Sync>),
}

impl fmt::Debug for Words {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Words::Owned(_) => "Owned",
            Words::Kept(_) => "Kept",
        })
    }
}

impl ZoneMap {
    /// Reads the prices once.
    ///
    /// # Errors
    /// The kernel's refusal of these prices.
    pub fn build(price_ticks: &[i64]) -> Result<ZoneMap, Error> {
        ZoneMap::of(&Columns::new(price_ticks, price_ticks))
    }

    /// Reads the prices of the columns once; of ranges, the lows and highs.
    ///
    /// # Errors
    /// [`Error::ColumnLength`].
    pub fn of(columns: &Columns<'_>) -> Result<ZoneMap, Error> {
        columns.check_lengths()?;
        let (low, high) = columns.reach();
        let bytes = sys::tks_zone_map_size(low.len() as u64);
        let mut words = vec![0_u64; bytes.div_ceil(8) as usize];
        // SAFETY: the block is 8-byte aligned and has the size asked for; low and high have one
        // length and are borrowed for the call.
        let status = unsafe {
            sys::tks_zone_map_build_ranges(
                words.as_mut_ptr().cast(),
                size_of_val(&*words) as u64,
                low.as_ptr(),
                high.as_ptr(),
                low.len() as u64,
            )
        };
        Status::check(status)?;
        Ok(ZoneMap {
            words: Words::Owned(words),
            rows: low.len(),
        })
    }

    /// Takes words that [`ZoneMap::words`] gave for a price column of so many rows, as they are:
    /// from a file that is mapped, for example. Words of other prices give wrong results.
    ///
    /// ```
    /// use tickstep::ZoneMap;
    /// let built = ZoneMap::build(&[100; 1000])?;
    /// let kept = ZoneMap::from_words(std::sync::Arc::new(built.words().to_vec()), 1000)?;
    /// assert_eq!(kept.words(), built.words());
    /// # Ok::<(), tickstep::Error>(())
    /// ```
    ///
    /// # Errors
    /// ZONE_MAP when the words are not those of so many rows.
    pub fn from_words(
        words: Arc<dyn AsRef<[u64]> + Send + Sync>,
        rows: usize,
    ) -> Result<ZoneMap, Error> {
        let bytes = sys::tks_zone_map_size(rows as u64);
        let given = (*words).as_ref();
        // The second word tells the rows: a map of fewer would end before the column does.
        let is_fit = size_of_val(given) as u64 == bytes && given[1] == rows as u64;
        if is_fit {
            Ok(ZoneMap {
                words: Words::Kept(words),
                rows,
            })
        } else {
            Err(Status::ZoneMap.into())
        }
    }

    /// The map as it is in memory, the same on every machine of one byte order.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        match &self.words {
            Words::Owned(words) => words,
            Words::Kept(words) => (**words).as_ref(),
        }
    }

    /// Lowest and highest price of some rows of the column it was made from, in logarithmic time.
    /// Rows that the column does not have have none.
    ///
    /// ```
    /// use tickstep::ZoneMap;
    /// let prices: Vec<i64> = (1..=1000).collect();
    /// let extremes = ZoneMap::build(&prices)?.extremes(&prices, 10..900);
    /// assert_eq!((extremes.low, extremes.high), (11, 900));
    /// # Ok::<(), tickstep::Error>(())
    /// ```
    #[must_use]
    pub fn extremes(&self, price_ticks: &[i64], rows: Range<usize>) -> Extremes {
        pyramid::extremes(self.words(), self.rows, price_ticks, rows)
    }

    /// Rows of the column it was made from.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(self.words())
    }
}
