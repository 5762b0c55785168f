//! One instrument and the account it belongs to, at one moment.

use tickstep_sys as sys;

/// Lots of one side and age.
///
/// ```
/// use tickstep::{Config, Engine, Instrument, Order, Side, Snapshot, Tick};
/// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
/// engine.place(&Order::market(Side::Sell, 5))?;
/// engine.step(&Tick::new(1, 100, 1, Side::Buy))?;
/// let bucket = engine.snapshot(0)?.buckets[Snapshot::SHORT_TODAY];
/// assert_eq!((bucket.qty_lots, bucket.cost_units), (5, 500));
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Lots, never below 0.
    pub qty_lots: i64,
    /// Reserved by open orders.
    pub frozen_lots: i64,
    /// Value of the lots at their open prices.
    pub cost_units: i64,
    /// Value last settled.
    pub base_units: i64,
}

/// Exact figures; `tickstep.h` states the identities that hold between them after every event.
///
/// ```
/// use tickstep::{Config, Engine, Instrument};
/// let engine = Engine::new(&Config::new(500, vec![Instrument::new(1)]))?;
/// let snapshot = engine.snapshot(0)?;
/// assert_eq!(snapshot.equity_units, 500);
/// assert_eq!(snapshot.tick_index, -1);
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Index of the instrument.
    pub instrument: u32,
    /// Open orders of the instrument, alerts not counted.
    pub order_count: u64,
    /// Alerts of the instrument.
    pub alert_count: u64,
    /// Engine clock; 0 before the first tick.
    pub time: i64,
    /// Of the instrument's last tick, -1 before its first.
    pub tick_index: i64,
    /// 0 before its first tick.
    pub last_price_ticks: i64,
    /// Long minus short.
    pub position_lots: i64,
    /// Long cost minus short cost.
    pub cost_units: i64,
    /// Profit of closed lots of the instrument, before fees.
    pub realized_units: i64,
    /// Profit of open lots of the instrument at the last price.
    pub unrealized_units: i64,
    /// Fees of the instrument.
    pub fees_units: i64,
    /// Cash of the account.
    pub cash_units: i64,
    /// Initial cash, deposits and withdrawals.
    pub in_units: i64,
    /// Funding, dividends, interest, borrow.
    pub income_units: i64,
    /// Fees of the account.
    pub wallet_fees_units: i64,
    /// Profit of closed lots of the account, before fees.
    pub wallet_realized_units: i64,
    /// Profit of open lots of the account at the last prices.
    pub wallet_unrealized_units: i64,
    /// What the account is worth at the last prices.
    pub equity_units: i64,
    /// Cash reserved by open orders.
    pub frozen_units: i64,
    /// Cash not reserved.
    pub available_units: i64,
    /// Lots by side and age: index with [`Snapshot::LONG_TODAY`] and its siblings.
    pub buckets: [Bucket; 4],
}

/// What is known of one instrument without adding up the account.
///
/// ```
/// use tickstep::{Config, Engine, Instrument, Order, Side, Tick};
/// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
/// engine.place(&Order::market(Side::Sell, 5))?;
/// engine.step(&Tick::new(7, 100, 1, Side::Buy))?;
/// let holding = engine.holding(0)?;
/// assert_eq!((holding.time, holding.last_price_ticks, holding.position_lots), (7, 100, -5));
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Engine clock; 0 before the first tick.
    pub time: i64,
    /// Of the instrument's last tick, -1 before its first.
    pub tick_index: i64,
    /// 0 before its first tick.
    pub last_price_ticks: i64,
    /// Long minus short.
    pub position_lots: i64,
}

impl Snapshot {
    /// Index of the long lots opened today.
    pub const LONG_TODAY: usize = sys::TKS_LONG_TODAY;
    /// Index of the long lots of earlier days.
    pub const LONG_YESTERDAY: usize = sys::TKS_LONG_YESTERDAY;
    /// Index of the short lots opened today.
    pub const SHORT_TODAY: usize = sys::TKS_SHORT_TODAY;
    /// Index of the short lots of earlier days.
    pub const SHORT_YESTERDAY: usize = sys::TKS_SHORT_YESTERDAY;

    pub(crate) fn from_raw(raw: &sys::tks_snapshot) -> Snapshot {
        Snapshot {
            instrument: raw.instrument,
            order_count: raw.order_count,
            alert_count: raw.alert_count,
            time: raw.time,
            tick_index: raw.tick_index,
            last_price_ticks: raw.last_price_ticks,
            position_lots: raw.position_lots,
            cost_units: raw.cost_units,
            realized_units: raw.realized_units,
            unrealized_units: raw.unrealized_units,
            fees_units: raw.fees_units,
            cash_units: raw.cash_units,
            in_units: raw.in_units,
            income_units: raw.income_units,
            wallet_fees_units: raw.wallet_fees_units,
            wallet_realized_units: raw.wallet_realized_units,
            wallet_unrealized_units: raw.wallet_unrealized_units,
            equity_units: raw.equity_units,
            frozen_units: raw.frozen_units,
            available_units: raw.available_units,
            buckets: raw.buckets.map(Bucket::from_raw),
        }
    }
}

impl Bucket {
    fn from_raw(raw: sys::tks_bucket) -> Bucket {
        Bucket {
            qty_lots: raw.qty_lots,
            frozen_lots: raw.frozen_lots,
            cost_units: raw.cost_units,
            base_units: raw.base_units,
        }
    }
}
