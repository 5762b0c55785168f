//! Events: what happened, in order, and the digest of all of it.

use std::fmt;
use std::mem::offset_of;

use tickstep_sys as sys;

use crate::error::Status;
use crate::numbered::numbered;
use crate::order::{Offset, OrderType, Side};

numbered! {
    /// What happened.
    pub enum EventKind: u16 {
        Accepted = 1, "ACCEPTED", "an order was placed";
        Rejected = 2, "REJECTED", "an order or a command was refused";
        Triggered = 3, "TRIGGERED", "a stop fired";
        Filled = 4, "FILLED", "lots were traded";
        Cancelled = 5, "CANCELLED", "an order ended without trading its rest";
        Expired = 6, "EXPIRED", "an order reached its time or the end of its day";
        Amended = 7, "AMENDED", "an order was changed";
        Alert = 8, "ALERT", "an alert fired";
        Liquidated = 9, "LIQUIDATED", "not in this version";
        DayRolled = 10, "DAY_ROLLED", "the trading day ended";
        Ledger = 11, "LEDGER", "money was posted";
    }
}

impl EventKind {
    /// The bit of this kind in a `stop_on` mask.
    ///
    /// ```
    /// use tickstep::EventKind;
    /// let stop_on = EventKind::Filled.bit() | EventKind::Alert.bit();
    /// assert_eq!(stop_on, 1 << 4 | 1 << 8);
    /// ```
    #[must_use]
    pub const fn bit(self) -> u32 {
        sys::tks_stop_on(self.number())
    }
}

numbered! {
    /// Why an order was refused, ended or changed. A test compares this list with the C library's.
    pub enum Reason: u16 {
        NoCash = 1, "NO_CASH", "not enough cash for the worst price and its fee";
        NoPosition = 2, "NO_POSITION", "not enough lots to close";
        NoShort = 3, "NO_SHORT", "this instrument may not be sold short";
        PriceBand = 4, "PRICE_BAND", "the price is outside the instrument's band";
        BoardLot = 5, "BOARD_LOT", "the quantity is not a board lot of the instrument";
        NoPrice = 6, "NO_PRICE", "the instrument has no price yet to reserve cash at";
        PostOnly = 7, "POST_ONLY", "the order would take, and is post-only";
        ReduceOnly = 8, "REDUCE_ONLY", "there is no position left to reduce";
        RiskLimit = 9, "RISK_LIMIT", "a risk limit forbids it";
        TooLate = 10, "TOO_LATE", "the order had ended before the command arrived";
        CancelledByUser = 20, "CANCELLED_BY_USER", "asked for";
        IocRest = 21, "IOC_REST", "immediate-or-cancel: the rest did not trade at once";
        FokRest = 22, "FOK_REST", "fill-or-kill: not all could trade at once";
        OcoFilled = 23, "OCO_FILLED", "a sibling order was filled";
        TimeReached = 24, "TIME_REACHED", "its good-till time was reached";
        DayEnded = 25, "DAY_ENDED", "its day ended";
        AmendedAway = 26, "AMENDED_AWAY", "amended to no more than is filled";
    }
}

numbered! {
    /// What money was posted for.
    pub enum Entry: u16 {
        Deposit = 1, "DEPOSIT", "cash paid in; above 0";
        Withdrawal = 2, "WITHDRAWAL", "cash taken out; below 0";
        Funding = 3, "FUNDING", "funding of a perpetual";
        Dividend = 4, "DIVIDEND", "a dividend";
        Interest = 5, "INTEREST", "interest";
        Borrow = 6, "BORROW", "cost of borrowed lots";
        Settlement = 20, "SETTLEMENT", "a settlement; appears in events only";
    }
}

numbered! {
    /// Which fee a fill pays.
    pub enum Liquidity: u16 {
        Maker = 1, "MAKER", "the order rested";
        Taker = 2, "TAKER", "the order took";
    }
}

/// One record, 88 bytes, exactly as the kernel writes it: a slice of events is a block of
/// little-endian records without padding. Unused fields are 0.
///
/// ```
/// use tickstep::{Event, EventKind};
/// let event = Event { kind: 4, qty_lots: -5, ..Event::default() };
/// assert_eq!(event.kind(), Some(EventKind::Filled));
/// assert_eq!(event.side(), tickstep::Side::Sell);
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Event {
    /// Number of an [`EventKind`].
    pub kind: u16,
    /// REJECTED CANCELLED EXPIRED: [`Reason`]. AMENDED: 0 or OCO_FILLED. ACCEPTED: [`OrderType`] +
    /// 256 × [`Offset`]. FILLED: [`Liquidity`] + 256 × [`Offset`]. LEDGER: [`Entry`].
    pub reason: u16,
    /// Index of the instrument.
    pub instrument: u32,
    /// 1, 2, 3 … since the engine was made or reset.
    pub sequence: u64,
    /// Engine clock; 0 before the first tick.
    pub time: i64,
    /// Of the instrument's last tick so far, -1 before its first.
    pub tick_index: i64,
    /// The order concerned, or 0.
    pub order_id: u64,
    /// The order's tag.
    pub tag: u64,
    /// FILLED: of the fill. ACCEPTED AMENDED: limit, else trigger, else trail. TRIGGERED ALERT: the
    /// tick's price. LEDGER SETTLEMENT: the settlement price.
    pub price_ticks: i64,
    /// Positive for buys, negative for sells. FILLED: filled now. TRIGGERED CANCELLED EXPIRED: what
    /// was still open. ACCEPTED REJECTED AMENDED: the total.
    pub qty_lots: i64,
    /// Fee of the fill.
    pub fee_units: i64,
    /// FILLED: profit of the closed part, before fees. LEDGER: the money posted.
    pub realized_units: i64,
    /// Long minus short lots of the instrument afterwards.
    pub position_after_lots: i64,
}

impl Event {
    /// What happened; `None` for a number that is no kind.
    #[must_use]
    pub const fn kind(&self) -> Option<EventKind> {
        EventKind::from_number(self.kind)
    }

    /// Whether it is of this kind.
    #[must_use]
    pub const fn is(&self, kind: EventKind) -> bool {
        self.kind == kind.number()
    }

    /// Why, of REJECTED, CANCELLED, EXPIRED and AMENDED.
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        match self.kind() {
            Some(
                EventKind::Rejected
                | EventKind::Cancelled
                | EventKind::Expired
                | EventKind::Amended,
            ) => Reason::from_number(self.reason),
            _ => None,
        }
    }

    /// Type of the order, of ACCEPTED.
    #[must_use]
    pub const fn order_type(&self) -> Option<OrderType> {
        match self.kind() {
            Some(EventKind::Accepted) => OrderType::from_number(self.reason as u8),
            _ => None,
        }
    }

    /// Which fee was paid, of FILLED.
    #[must_use]
    pub const fn liquidity(&self) -> Option<Liquidity> {
        match self.kind() {
            Some(EventKind::Filled) => Liquidity::from_number(self.reason & 0xff),
            _ => None,
        }
    }

    /// Which position, of ACCEPTED and FILLED.
    #[must_use]
    pub const fn offset(&self) -> Option<Offset> {
        match self.kind() {
            Some(EventKind::Accepted | EventKind::Filled) => {
                Offset::from_number((self.reason >> 8) as u8)
            }
            _ => None,
        }
    }

    /// What money was posted for, of LEDGER.
    #[must_use]
    pub const fn entry(&self) -> Option<Entry> {
        match self.kind() {
            Some(EventKind::Ledger) => Entry::from_number(self.reason),
            _ => None,
        }
    }

    /// The sign of the quantity.
    #[must_use]
    pub const fn side(&self) -> Side {
        if self.qty_lots < 0 {
            Side::Sell
        } else {
            Side::Buy
        }
    }
}

/// Proves that `Event` and `tks_event` are one layout, field by field.
macro_rules! same_layout {
    ($($field:ident),+) => {
        const _: () = assert!(size_of::<Event>() == size_of::<sys::tks_event>());
        const _: () = assert!(align_of::<Event>() == align_of::<sys::tks_event>());
        $(const _: () = assert!(offset_of!(Event, $field) == offset_of!(sys::tks_event, $field));)+
    };
}
same_layout!(
    kind,
    reason,
    instrument,
    sequence,
    time,
    tick_index,
    order_id,
    tag,
    price_ticks,
    qty_lots,
    fee_units,
    realized_units,
    position_after_lots
);

/// 128 bits that tell two runs apart. Not for cryptography. Shown as 32 hex digits, high half
/// first.
///
/// ```
/// use tickstep::{Config, Digest, Engine, Instrument, Order, Side};
/// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
/// engine.place(&Order::market(Side::Buy, 1))?;
/// let mut digest = Digest::default();
/// digest.update(engine.events());
/// assert_eq!(digest, engine.event_digest());
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest {
    /// The low half.
    pub low: u64,
    /// The high half.
    pub high: u64,
}

impl Digest {
    /// Takes further events in, in order. A default digest has none.
    pub fn update(&mut self, events: &[Event]) {
        let mut raw = sys::tks_digest {
            low: self.low,
            high: self.high,
        };
        // SAFETY: `Event` has the layout of `tks_event` (asserted above), and `events.len()` of
        // them are borrowed for the call.
        let status = unsafe {
            sys::tks_digest_update(&raw mut raw, events.as_ptr().cast(), events.len() as u64)
        };
        Status::expect_ok(status, "tks_digest_update");
        *self = Digest::from_raw(raw);
    }

    pub(crate) fn from_raw(raw: sys::tks_digest) -> Digest {
        Digest {
            low: raw.low,
            high: raw.high,
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}{:016x}", self.high, self.low)
    }
}
