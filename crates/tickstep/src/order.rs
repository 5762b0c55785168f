//! Orders: what to place, how to change it, and how it stands.

use tickstep_sys as sys;

use crate::error::Status;
use crate::numbered::numbered;

numbered! {
    /// Which way. Also the aggressor of a tick.
    pub enum Side: u8 {
        Buy = 0, "BUY", "buys";
        Sell = 1, "SELL", "sells";
    }
}

impl Side {
    /// The other way.
    #[must_use]
    pub const fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }
}

numbered! {
    /// What an order waits for.
    pub enum OrderType: u8 {
        Market = 1, "MARKET", "trades on its first live tick";
        Limit = 2, "LIMIT", "trades at its limit or better";
        Stop = 3, "STOP", "trades once the price runs against it to the trigger";
        StopLimit = 4, "STOP_LIMIT", "becomes a limit at the trigger";
        MarketIfTouched = 5, "MARKET_IF_TOUCHED", "trades once the price comes to the trigger";
        TrailingStop = 6, "TRAILING_STOP", "a stop that follows the best price";
        AlertPrice = 20, "ALERT_PRICE", "tells that the price is at the trigger; no quantity";
        AlertTime = 21, "ALERT_TIME", "tells that the time has come; no quantity";
    }
}

impl OrderType {
    /// Whether it has a limit price.
    #[must_use]
    pub const fn has_price(self) -> bool {
        matches!(self, OrderType::Limit | OrderType::StopLimit)
    }

    /// Whether it waits for a trigger price of its own.
    #[must_use]
    pub const fn has_trigger(self) -> bool {
        matches!(
            self,
            OrderType::Stop
                | OrderType::StopLimit
                | OrderType::MarketIfTouched
                | OrderType::AlertPrice
        )
    }

    /// Whether it follows the best price.
    #[must_use]
    pub const fn has_trail(self) -> bool {
        matches!(self, OrderType::TrailingStop)
    }

    /// Whether it only tells, and trades nothing.
    #[must_use]
    pub const fn is_alert(self) -> bool {
        matches!(self, OrderType::AlertPrice | OrderType::AlertTime)
    }
}

numbered! {
    /// How long an order stays.
    pub enum TimeInForce: u8 {
        Gtc = 1, "GTC", "until cancelled";
        Gtd = 2, "GTD", "until its expire time";
        Day = 3, "DAY", "until the day is rolled";
        Ioc = 4, "IOC", "trades on the first live tick; the rest is cancelled";
        Fok = 5, "FOK", "trades in full on the first live tick, or not at all";
    }
}

numbered! {
    /// Which position an order of a HEDGE instrument means.
    pub enum Offset: u8 {
        None = 0, "NONE", "for NET instruments";
        Open = 1, "OPEN", "opens lots";
        Close = 2, "CLOSE", "closes lots, yesterday's first";
        CloseToday = 3, "CLOSE_TODAY", "closes lots of today";
        CloseYesterday = 4, "CLOSE_YESTERDAY", "closes lots of earlier days";
    }
}

/// An order to place. Make it with the constructor of its type, then change what you need.
///
/// ```
/// use tickstep::{Order, Side, TimeInForce};
/// let target = Order::limit(Side::Sell, 10, 10_500).tag(7).oco(3).gtd(60_000).post_only();
/// let stop = Order::stop(Side::Sell, 10, 9_900).tag(8).oco(3);
/// assert_eq!(target.time_in_force, TimeInForce::Gtd);
/// assert_eq!(stop.oco_group, target.oco_group);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Index of the instrument.
    pub instrument: u32,
    /// What it waits for.
    pub order_type: OrderType,
    /// Which way. Of a price alert: BUY waits for price >= trigger, SELL for price <= trigger.
    pub side: Side,
    /// How long it stays; alerts are GTC.
    pub time_in_force: TimeInForce,
    /// Which position it means; NONE for NET instruments.
    pub offset: Offset,
    /// Is cancelled rather than take. LIMIT and STOP_LIMIT without IOC or FOK only.
    pub post_only: bool,
    /// Trades no more than the position on the other side.
    pub reduce_only: bool,
    /// Total quantity; 0 for alerts.
    pub qty_lots: i64,
    /// LIMIT, STOP_LIMIT: the limit; else 0.
    pub price_ticks: i64,
    /// STOP, STOP_LIMIT, MARKET_IF_TOUCHED, ALERT_PRICE: the trigger; else 0.
    pub trigger_ticks: i64,
    /// TRAILING_STOP: distance from the best price; else 0.
    pub trail_ticks: i64,
    /// GTD: when it ends. ALERT_TIME: when it tells. Else 0.
    pub expire_time: i64,
    /// 0, or a number shared with the orders that are cut by what this one fills.
    pub oco_group: u64,
    /// Yours; echoed in every event of the order.
    pub tag: u64,
}

impl Order {
    fn new(order_type: OrderType, side: Side, qty_lots: i64) -> Order {
        Order {
            instrument: 0,
            order_type,
            side,
            time_in_force: TimeInForce::Gtc,
            offset: Offset::None,
            post_only: false,
            reduce_only: false,
            qty_lots,
            price_ticks: 0,
            trigger_ticks: 0,
            trail_ticks: 0,
            expire_time: 0,
            oco_group: 0,
            tag: 0,
        }
    }

    /// Trades on its first live tick.
    #[must_use]
    pub fn market(side: Side, qty_lots: i64) -> Order {
        Order::new(OrderType::Market, side, qty_lots)
    }

    /// Trades at the limit or better.
    #[must_use]
    pub fn limit(side: Side, qty_lots: i64, price_ticks: i64) -> Order {
        Order {
            price_ticks,
            ..Order::new(OrderType::Limit, side, qty_lots)
        }
    }

    /// Trades once the price has run against it: up to the trigger for buys, down for sells.
    #[must_use]
    pub fn stop(side: Side, qty_lots: i64, trigger_ticks: i64) -> Order {
        Order {
            trigger_ticks,
            ..Order::new(OrderType::Stop, side, qty_lots)
        }
    }

    /// Becomes a limit once the price is at the trigger.
    #[must_use]
    pub fn stop_limit(side: Side, qty_lots: i64, trigger_ticks: i64, price_ticks: i64) -> Order {
        Order {
            trigger_ticks,
            price_ticks,
            ..Order::new(OrderType::StopLimit, side, qty_lots)
        }
    }

    /// Trades once the price has come its way: down to the trigger for buys, up for sells.
    #[must_use]
    pub fn market_if_touched(side: Side, qty_lots: i64, trigger_ticks: i64) -> Order {
        Order {
            trigger_ticks,
            ..Order::new(OrderType::MarketIfTouched, side, qty_lots)
        }
    }

    /// A stop that keeps its distance from the best price since it is live.
    #[must_use]
    pub fn trailing_stop(side: Side, qty_lots: i64, trail_ticks: i64) -> Order {
        Order {
            trail_ticks,
            ..Order::new(OrderType::TrailingStop, side, qty_lots)
        }
    }

    /// Tells when price >= trigger (BUY) or price <= trigger (SELL); trades nothing.
    #[must_use]
    pub fn alert_price(side: Side, trigger_ticks: i64) -> Order {
        Order {
            trigger_ticks,
            ..Order::new(OrderType::AlertPrice, side, 0)
        }
    }

    /// Tells on the first tick at or after the time; trades nothing.
    #[must_use]
    pub fn alert_time(time: i64) -> Order {
        Order {
            expire_time: time,
            ..Order::new(OrderType::AlertTime, Side::Buy, 0)
        }
    }

    /// Names the instrument; 0 unless said.
    #[must_use]
    pub fn instrument(mut self, instrument: u32) -> Self {
        self.instrument = instrument;
        self
    }

    /// Marks every event of the order.
    #[must_use]
    pub fn tag(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }

    /// Joins a group of siblings: a fill of one takes its quantity off the others.
    #[must_use]
    pub fn oco(mut self, oco_group: u64) -> Self {
        self.oco_group = oco_group;
        self
    }

    /// Ends before trading on the first tick at or after the time.
    #[must_use]
    pub fn gtd(mut self, expire_time: i64) -> Self {
        self.time_in_force = TimeInForce::Gtd;
        self.expire_time = expire_time;
        self
    }

    /// Ends when the day is rolled.
    #[must_use]
    pub fn day(mut self) -> Self {
        self.time_in_force = TimeInForce::Day;
        self
    }

    /// Cancels what does not trade on the first live tick.
    #[must_use]
    pub fn ioc(mut self) -> Self {
        self.time_in_force = TimeInForce::Ioc;
        self
    }

    /// Cancels all of it unless all trades on the first live tick.
    #[must_use]
    pub fn fok(mut self) -> Self {
        self.time_in_force = TimeInForce::Fok;
        self
    }

    /// Is cancelled rather than take.
    #[must_use]
    pub fn post_only(mut self) -> Self {
        self.post_only = true;
        self
    }

    /// Trades no more than there is to close.
    #[must_use]
    pub fn reduce_only(mut self) -> Self {
        self.reduce_only = true;
        self
    }

    /// Says which position of a HEDGE instrument is meant.
    #[must_use]
    pub fn offset(mut self, offset: Offset) -> Self {
        self.offset = offset;
        self
    }

    #[inline]
    pub(crate) fn raw(&self) -> sys::tks_order {
        let post_only = if self.post_only {
            sys::TKS_FLAG_POST_ONLY
        } else {
            0
        };
        let reduce_only = if self.reduce_only {
            sys::TKS_FLAG_REDUCE_ONLY
        } else {
            0
        };
        sys::tks_order {
            struct_size: size_of::<sys::tks_order>() as u32,
            instrument: self.instrument,
            r#type: self.order_type.number(),
            side: self.side.number(),
            time_in_force: self.time_in_force.number(),
            offset: self.offset.number(),
            flags: post_only | reduce_only,
            qty_lots: self.qty_lots,
            price_ticks: self.price_ticks,
            trigger_ticks: self.trigger_ticks,
            trail_ticks: self.trail_ticks,
            expire_time: self.expire_time,
            oco_group: self.oco_group,
            tag: self.tag,
        }
    }

    fn from_raw(raw: &sys::tks_order) -> Option<Order> {
        Some(Order {
            instrument: raw.instrument,
            order_type: OrderType::from_number(raw.r#type)?,
            side: Side::from_number(raw.side)?,
            time_in_force: TimeInForce::from_number(raw.time_in_force)?,
            offset: Offset::from_number(raw.offset)?,
            post_only: raw.flags & sys::TKS_FLAG_POST_ONLY != 0,
            reduce_only: raw.flags & sys::TKS_FLAG_REDUCE_ONLY != 0,
            qty_lots: raw.qty_lots,
            price_ticks: raw.price_ticks,
            trigger_ticks: raw.trigger_ticks,
            trail_ticks: raw.trail_ticks,
            expire_time: raw.expire_time,
            oco_group: raw.oco_group,
            tag: raw.tag,
        })
    }

    /// The field that breaks a rule. The kernel has found the breach; this only names it.
    pub(crate) fn fault(&self, status: Status) -> Option<(&'static str, i128)> {
        match status {
            Status::Instrument => Some(("instrument", self.instrument.into())),
            Status::Offset => Some(("offset", self.offset.number().into())),
            Status::TimeInForce => Some(("time_in_force", self.time_in_force.number().into())),
            Status::Flags => Some(("flags", self.raw().flags.into())),
            Status::Qty => Some(("qty_lots", self.qty_lots.into())),
            Status::Price => Some(("price_ticks", self.price_ticks.into())),
            Status::Trigger => Some(("trigger_ticks", self.trigger_ticks.into())),
            Status::Trail => Some(("trail_ticks", self.trail_ticks.into())),
            Status::Expiry => Some(("expire_time", self.expire_time.into())),
            Status::FieldUnused => self.unused_fault(),
            Status::Overflow => Some(("qty_lots", self.qty_lots.into())),
            _ => None,
        }
    }

    /// Whether it has a time: the end of a GTD order, or the time of a time alert.
    #[must_use]
    pub fn has_expiry(&self) -> bool {
        self.time_in_force == TimeInForce::Gtd || self.order_type == OrderType::AlertTime
    }

    /// The first field that is given and not used by the type.
    fn unused_fault(&self) -> Option<(&'static str, i128)> {
        let kind = self.order_type;
        let fields = [
            ("price_ticks", self.price_ticks, kind.has_price()),
            ("trigger_ticks", self.trigger_ticks, kind.has_trigger()),
            ("trail_ticks", self.trail_ticks, kind.has_trail()),
            ("expire_time", self.expire_time, self.has_expiry()),
        ];
        let is_unused = |field: &&(_, i64, bool)| field.1 != 0 && !field.2;
        let (name, value, _) = fields.iter().find(is_unused)?;
        Some((name, (*value).into()))
    }
}

/// What to change of an open order; the rest stays.
///
/// ```
/// use tickstep::Amend;
/// let amend = Amend::new().qty(5).price(10_020);
/// assert_eq!(amend.qty_lots, Some(5));
/// assert_eq!(amend.trigger_ticks, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amend {
    /// New total, filled lots included.
    pub qty_lots: Option<i64>,
    /// New limit.
    pub price_ticks: Option<i64>,
    /// New trigger of a stop that has not fired.
    pub trigger_ticks: Option<i64>,
    /// New distance of a trailing stop that has not fired.
    pub trail_ticks: Option<i64>,
}

impl Amend {
    /// Changes nothing yet; the kernel refuses it like this.
    #[must_use]
    pub fn new() -> Amend {
        Amend::default()
    }

    /// Sets the total quantity, filled lots included; no more than filled cancels the order.
    #[must_use]
    pub fn qty(mut self, qty_lots: i64) -> Self {
        self.qty_lots = Some(qty_lots);
        self
    }

    /// Sets the limit.
    #[must_use]
    pub fn price(mut self, price_ticks: i64) -> Self {
        self.price_ticks = Some(price_ticks);
        self
    }

    /// Sets the trigger.
    #[must_use]
    pub fn trigger(mut self, trigger_ticks: i64) -> Self {
        self.trigger_ticks = Some(trigger_ticks);
        self
    }

    /// Sets the distance from the best price.
    #[must_use]
    pub fn trail(mut self, trail_ticks: i64) -> Self {
        self.trail_ticks = Some(trail_ticks);
        self
    }

    pub(crate) fn raw(&self) -> sys::tks_amend {
        let bit = |field: Option<i64>, bit: u32| if field.is_some() { bit } else { 0 };
        sys::tks_amend {
            struct_size: size_of::<sys::tks_amend>() as u32,
            fields: bit(self.qty_lots, sys::TKS_AMEND_QTY)
                | bit(self.price_ticks, sys::TKS_AMEND_PRICE)
                | bit(self.trigger_ticks, sys::TKS_AMEND_TRIGGER)
                | bit(self.trail_ticks, sys::TKS_AMEND_TRAIL),
            qty_lots: self.qty_lots.unwrap_or(0),
            price_ticks: self.price_ticks.unwrap_or(0),
            trigger_ticks: self.trigger_ticks.unwrap_or(0),
            trail_ticks: self.trail_ticks.unwrap_or(0),
        }
    }

    /// The field that breaks a rule. The kernel has found the breach; this only names it.
    pub(crate) fn fault(&self, status: Status) -> Option<(&'static str, i128)> {
        let (field, value) = match status {
            Status::Qty => ("qty_lots", self.qty_lots),
            Status::Price => ("price_ticks", self.price_ticks),
            Status::Trigger => ("trigger_ticks", self.trigger_ticks),
            Status::Trail => ("trail_ticks", self.trail_ticks),
            _ => return None,
        };
        Some((field, value?.into()))
    }
}

/// An open order as it stands.
///
/// ```
/// use tickstep::{Config, Engine, Instrument, Order, Side};
/// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
/// let id = engine.place(&Order::limit(Side::Buy, 5, 100))?;
/// let view = engine.order(id)?.expect("it is open");
/// assert_eq!((view.rest_lots(), view.is_resting), (5, false));
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// Its id.
    pub order_id: u64,
    /// As placed and amended; the quantity is the total.
    pub order: Order,
    /// What of it is filled.
    pub filled_lots: i64,
    /// Engine clock at placement; 0 before the first tick.
    pub placed_time: i64,
    /// TRAILING_STOP: its trigger once live, else 0.
    pub trigger_now_ticks: i64,
    /// Fees paid so far.
    pub fees_units: i64,
    /// Cash reserved for it.
    pub frozen_units: i64,
    /// Lots reserved for it.
    pub frozen_lots: i64,
    /// A stop that has fired.
    pub is_triggered: bool,
    /// Past its first live tick.
    pub is_resting: bool,
}

impl OrderView {
    /// What is still to be filled.
    #[must_use]
    pub fn rest_lots(&self) -> i64 {
        self.order.qty_lots - self.filled_lots
    }

    pub(crate) fn from_raw(raw: &sys::tks_order_view) -> Result<OrderView, Status> {
        Ok(OrderView {
            order_id: raw.order_id,
            order: Order::from_raw(&raw.order).ok_or(Status::Internal)?,
            filled_lots: raw.filled_lots,
            placed_time: raw.placed_time,
            trigger_now_ticks: raw.trigger_now_ticks,
            fees_units: raw.fees_units,
            frozen_units: raw.frozen_units,
            frozen_lots: raw.frozen_lots,
            is_triggered: raw.is_triggered != 0,
            is_resting: raw.is_resting != 0,
        })
    }
}
