//! One tick, and whole columns of checked ticks with their zone map.

use std::mem::offset_of;

use tickstep_sys as sys;

use crate::columns::{Columns, Feed, Prices, ZoneMap};
use crate::config::Instrument;
use crate::error::{RowError, Status};
use crate::order::Side;

/// One tick, laid out as the kernel reads it.
///
/// ```
/// use tickstep::{Side, Tick};
/// let tick = Tick::new(1_000, 10_050, 3, Side::Buy).instrument(1).quote(10_049, 10_051);
/// assert!(tick.is_quoted());
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Not before the engine's clock.
    pub time: i64,
    /// Last price.
    pub price_ticks: i64,
    /// Its quantity, above 0; of a range it may be 0.
    pub qty_lots: i64,
    /// Best bid, if quoted; low of a range.
    pub bid_ticks: i64,
    /// Best ask, if quoted; high of a range.
    pub ask_ticks: i64,
    /// Index of the instrument.
    pub instrument: u32,
    /// The aggressor.
    pub side: Side,
    /// What is known besides the price.
    pub extent: Extent,
    /// 0.
    pub reserved: u16,
}

/// What a tick tells besides its price.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Nothing: orders take at the price ± half the spread.
    Point = 0,
    /// Best bid and ask, at which orders take.
    Quoted = sys::TKS_TICK_QUOTED,
    /// Low and high: the tick stands for a stretch of trading of which only the ends are known.
    Range = sys::TKS_TICK_RANGE,
    /// The same, and its quantity is that of the tick before: under VOLUME both share one pool.
    ContinuedRange = sys::TKS_TICK_RANGE | sys::TKS_TICK_CONTINUES,
}

/// Proves that `Tick` and `tks_tick` are one layout, field by field. `Side` is a `u8` of 0 or 1,
/// and `Extent` one of the flags.
macro_rules! same_layout {
    ($($field:ident $raw:ident),+) => {
        const _: () = assert!(size_of::<Tick>() == size_of::<sys::tks_tick>());
        const _: () = assert!(align_of::<Tick>() == align_of::<sys::tks_tick>());
        $(const _: () = assert!(offset_of!(Tick, $field) == offset_of!(sys::tks_tick, $raw));)+
    };
}
same_layout!(
    time time, price_ticks price_ticks, qty_lots qty_lots, bid_ticks bid_ticks,
    ask_ticks ask_ticks, instrument instrument, side side, extent flags, reserved reserved
);
const _: () = assert!(size_of::<Side>() == 1 && size_of::<Extent>() == 1);

impl Tick {
    /// A trade of instrument 0 without quotes.
    #[must_use]
    pub const fn new(time: i64, price_ticks: i64, qty_lots: i64, side: Side) -> Tick {
        Tick {
            time,
            price_ticks,
            qty_lots,
            bid_ticks: 0,
            ask_ticks: 0,
            instrument: 0,
            side,
            extent: Extent::Point,
            reserved: 0,
        }
    }

    /// Names the instrument.
    #[must_use]
    pub const fn instrument(mut self, instrument: u32) -> Self {
        self.instrument = instrument;
        self
    }

    /// Adds best bid and ask.
    #[must_use]
    pub const fn quote(mut self, bid_ticks: i64, ask_ticks: i64) -> Self {
        self.bid_ticks = bid_ticks;
        self.ask_ticks = ask_ticks;
        self.extent = Extent::Quoted;
        self
    }

    /// Makes it a stretch of trading from the price before it to its own, between low and high.
    #[must_use]
    pub const fn range(mut self, low_ticks: i64, high_ticks: i64) -> Self {
        self.bid_ticks = low_ticks;
        self.ask_ticks = high_ticks;
        self.extent = Extent::Range;
        self
    }

    /// Of a range: says that its quantity is that of the tick before.
    #[must_use]
    pub const fn continuing(mut self) -> Self {
        self.extent = Extent::ContinuedRange;
        self
    }

    /// Whether bid and ask are given.
    #[must_use]
    pub const fn is_quoted(&self) -> bool {
        matches!(self.extent, Extent::Quoted)
    }

    #[inline]
    pub(crate) fn as_raw(&self) -> *const sys::tks_tick {
        std::ptr::from_ref(self).cast()
    }

    /// The field that breaks a rule. The kernel has found the breach; this only names it.
    pub(crate) fn fault(&self, status: Status) -> Option<(&'static str, i128)> {
        match status {
            Status::Instrument => Some(("instrument", self.instrument.into())),
            Status::TimeBackwards | Status::TimeRange => Some(("time", self.time.into())),
            Status::TickPrice => Some(("price_ticks", self.price_ticks.into())),
            Status::TickQty => Some(("qty_lots", self.qty_lots.into())),
            Status::TickQuote => Some(("bid_ticks", self.bid_ticks.into())),
            Status::TickRange => Some(("low_ticks", self.bid_ticks.into())),
            _ => None,
        }
    }
}

/// Columns that are kept rather than borrowed.
///
/// ```
/// use tickstep::{Instrument, OwnedColumns, Ticks};
/// let (time, price_ticks) = (vec![1, 2], vec![100, 101]);
/// let columns = OwnedColumns { time, price_ticks, ..OwnedColumns::default() };
/// let ticks = Ticks::check_owned(columns, &Instrument::new(1)).expect("the rows obey the rules");
/// assert_eq!(ticks.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedColumns {
    /// Never descending.
    pub time: Vec<i64>,
    /// Last price.
    pub price_ticks: Vec<i64>,
    /// Quantity.
    pub qty_lots: Option<Vec<i64>>,
    /// Aggressor: 0 buy, 1 sell.
    pub side: Option<Vec<u8>>,
    /// Best bid, or the low; with the other or not at all.
    pub bid_ticks: Option<Vec<i64>>,
    /// Best ask, or the high; with the other or not at all.
    pub ask_ticks: Option<Vec<i64>>,
    /// Whether these are lows and highs.
    pub has_ranges: bool,
}

impl OwnedColumns {
    /// The same columns, borrowed.
    #[must_use]
    pub fn as_columns(&self) -> Columns<'_> {
        Columns {
            time: &self.time,
            price_ticks: &self.price_ticks,
            qty_lots: self.qty_lots.as_deref(),
            side: self.side.as_deref(),
            bid_ticks: self.bid_ticks.as_deref(),
            ask_ticks: self.ask_ticks.as_deref(),
            has_ranges: self.has_ranges,
        }
    }
}

/// Ticks of one instrument, checked once, with a zone map: any number of engines can run them, and
/// read only the rows that can touch an order.
///
/// ```
/// use tickstep::{Columns, Config, Engine, EventKind, Instrument, Order, Side, Ticks};
/// let rules = Instrument::new(1);
/// let ticks = Ticks::check(Columns::new(&[1, 2, 3], &[100, 90, 80]), &rules).expect("good rows");
///
/// let mut engine = Engine::new(&Config::new(1_000, vec![rules]))?;
/// engine.place(&Order::limit(Side::Buy, 1, 90))?;
/// let mut feeds = [ticks.feed(0)];
/// let done = engine.step_batch(&mut feeds, EventKind::Filled.bit()).expect("the rows are good");
/// assert_eq!(done.ticks_done, 2);
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ticks<'a> {
    storage: Storage<'a>,
    zone_map: ZoneMap,
    prices: Prices,
}

#[derive(Clone, Debug)]
enum Storage<'a> {
    Borrowed(Columns<'a>),
    Owned(OwnedColumns),
}

impl Storage<'_> {
    fn columns(&self) -> Columns<'_> {
        match self {
            Storage::Borrowed(columns) => *columns,
            Storage::Owned(columns) => columns.as_columns(),
        }
    }
}

impl<'a> Ticks<'a> {
    /// Checks borrowed columns under the rules of an instrument and builds their zone map.
    ///
    /// # Errors
    /// The first row that breaks a rule, or a column of the wrong length.
    pub fn check(columns: Columns<'a>, rules: &Instrument) -> Result<Ticks<'a>, RowError> {
        Ticks::checked(Storage::Borrowed(columns), rules)
    }

    fn checked(storage: Storage<'a>, rules: &Instrument) -> Result<Ticks<'a>, RowError> {
        let columns = storage.columns();
        Feed::new(0, columns)?.check(rules)?;
        let zone_map = ZoneMap::of(&columns)?;
        Ok(Ticks {
            zone_map,
            prices: Prices::of(rules),
            storage,
        })
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> Columns<'_> {
        self.storage.columns()
    }

    /// The zone map of the prices.
    #[must_use]
    pub fn zone_map(&self) -> &ZoneMap {
        &self.zone_map
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns().len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All rows as a feed of the instrument with this index. An engine trusts the check where it
    /// was at least as strict as its own rules, and repeats it elsewhere.
    ///
    /// # Panics
    /// Never: the columns were checked when the ticks were made.
    #[must_use]
    pub fn feed(&self, instrument: u32) -> Feed<'_> {
        let mut feed = Feed::new(instrument, self.columns())
            .and_then(|feed| feed.zone_map(&self.zone_map))
            .expect("the columns and their map were checked together");
        feed.mark_checked(self.prices, 0..self.len());
        feed
    }
}

impl Ticks<'static> {
    /// As [`Ticks::check`], and keeps the columns.
    ///
    /// # Errors
    /// The first row that breaks a rule, or a column of the wrong length.
    pub fn check_owned(
        columns: OwnedColumns,
        rules: &Instrument,
    ) -> Result<Ticks<'static>, RowError> {
        Ticks::checked(Storage::Owned(columns), rules)
    }
}
