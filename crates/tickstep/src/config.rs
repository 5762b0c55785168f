//! What an engine is made from: the account and its instruments.

use std::ops::RangeInclusive;

use tickstep_sys as sys;

use crate::error::{Error, Status};
use crate::numbered::numbered;

numbered! {
    /// What changes hands at a fill.
    pub enum Settle: u8 {
        Spot = 1, "SPOT", "the notional is paid";
        Mark = 2, "MARK", "only the variation is paid: futures, perpetuals, CFDs";
    }
}

numbered! {
    /// Whether long and short lots live side by side.
    pub enum PositionMode: u8 {
        Net = 1, "NET", "the opposite side is closed first";
        Hedge = 2, "HEDGE", "long and short side by side; orders name their offset";
    }
}

numbered! {
    /// When a resting limit trades.
    pub enum FillRule: u8 {
        Touch = 1, "TOUCH", "when the price reaches the limit";
        Through = 2, "THROUGH", "when the price passes the limit";
    }
}

numbered! {
    /// How much of an order trades on one tick.
    pub enum QtyRule: u8 {
        Full = 1, "FULL", "all of it";
        Volume = 2, "VOLUME", "a share of the tick's quantity, for all own orders together";
    }
}

/// One instrument. [`Instrument::new`] is plain spot, everything allowed, no costs; the methods
/// change one thing each.
///
/// ```
/// use tickstep::{FillRule, Instrument};
/// let future = Instrument::new(1000).mark().hedge().fees_per_lot(150, 150);
/// let careful = Instrument::new(1).fill_rule(FillRule::Through).volume(100_000).no_short();
/// assert_eq!(careful.participation_ppm, 100_000);
/// assert!(!future.no_short);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// What changes hands at a fill.
    pub settle: Settle,
    /// Whether long and short lots live side by side.
    pub position_mode: PositionMode,
    /// When a resting limit trades.
    pub fill_rule: FillRule,
    /// How much trades on one tick.
    pub qty_rule: QtyRule,
    /// Prices may be 0 or negative.
    pub allow_negative: bool,
    /// Lots to sell or close are checked and reserved.
    pub no_short: bool,
    /// Over a range, limit and touch orders trade before stops instead of after them.
    pub limits_first: bool,
    /// Prices of orders outside (low, high), in ticks, are refused.
    pub band_ticks: Option<(i64, i64)>,
    /// Share of the tick's quantity under VOLUME, from 1 to 1000000; else 0.
    pub participation_ppm: u32,
    /// Money units of one lot moving one tick, from 1 to 2^40.
    pub units_per_tick_lot: i64,
    /// The whole bid-ask spread, from 0 to 1999999999.
    pub spread_ppb: i64,
    /// Fee of the value, resting; negative is a rebate.
    pub maker_fee_ppb: i64,
    /// Fee of the value, taking; negative is a rebate.
    pub taker_fee_ppb: i64,
    /// Fee of each lot, resting.
    pub maker_fee_units_per_lot: i64,
    /// Fee of each lot, taking.
    pub taker_fee_units_per_lot: i64,
    /// At least this fee per order, once it has a fill; 0: no minimum.
    pub fee_min_units: i64,
    /// Board lot: other quantities are refused (closing an odd rest is not).
    pub qty_step_lots: i64,
    /// Smallest quantity.
    pub qty_min_lots: i64,
    /// Room for open orders and alerts at the start; the engine grows. Not part of the state.
    pub orders_max: u32,
}

impl Instrument {
    /// A spot instrument with net positions, TOUCH, FULL, and no costs.
    #[must_use]
    pub fn new(units_per_tick_lot: i64) -> Instrument {
        Instrument {
            settle: Settle::Spot,
            position_mode: PositionMode::Net,
            fill_rule: FillRule::Touch,
            qty_rule: QtyRule::Full,
            allow_negative: false,
            no_short: false,
            limits_first: false,
            band_ticks: None,
            participation_ppm: 0,
            units_per_tick_lot,
            spread_ppb: 0,
            maker_fee_ppb: 0,
            taker_fee_ppb: 0,
            maker_fee_units_per_lot: 0,
            taker_fee_units_per_lot: 0,
            fee_min_units: 0,
            qty_step_lots: 1,
            qty_min_lots: 1,
            orders_max: ORDERS_START,
        }
    }

    /// Pays the variation only.
    #[must_use]
    pub fn mark(mut self) -> Self {
        self.settle = Settle::Mark;
        self
    }

    /// Keeps long and short lots side by side.
    #[must_use]
    pub fn hedge(mut self) -> Self {
        self.position_mode = PositionMode::Hedge;
        self
    }

    /// Sets when resting limits trade.
    #[must_use]
    pub fn fill_rule(mut self, fill_rule: FillRule) -> Self {
        self.fill_rule = fill_rule;
        self
    }

    /// Lets own orders have this share of each tick's quantity, in millionths.
    #[must_use]
    pub fn volume(mut self, participation_ppm: u32) -> Self {
        self.qty_rule = QtyRule::Volume;
        self.participation_ppm = participation_ppm;
        self
    }

    /// Allows prices of 0 and below.
    #[must_use]
    pub fn allow_negative(mut self) -> Self {
        self.allow_negative = true;
        self
    }

    /// Forbids to sell lots that are not there.
    #[must_use]
    pub fn no_short(mut self) -> Self {
        self.no_short = true;
        self
    }

    /// Lets limit and touch orders trade before stops over a range: of a stop and a target in one
    /// bar, the target.
    #[must_use]
    pub fn limits_first(mut self) -> Self {
        self.limits_first = true;
        self
    }

    /// Refuses orders with prices outside.
    #[must_use]
    pub fn band_ticks(mut self, low: i64, high: i64) -> Self {
        self.band_ticks = Some((low, high));
        self
    }

    /// Sets the whole bid-ask spread; 1 basis point is 100000.
    #[must_use]
    pub fn spread_ppb(mut self, spread_ppb: i64) -> Self {
        self.spread_ppb = spread_ppb;
        self
    }

    /// Sets both fees of the value; 1 basis point is 100000.
    #[must_use]
    pub fn fees_ppb(mut self, maker: i64, taker: i64) -> Self {
        self.maker_fee_ppb = maker;
        self.taker_fee_ppb = taker;
        self
    }

    /// Sets both fees of each lot, in money units.
    #[must_use]
    pub fn fees_per_lot(mut self, maker_units: i64, taker_units: i64) -> Self {
        self.maker_fee_units_per_lot = maker_units;
        self.taker_fee_units_per_lot = taker_units;
        self
    }

    /// Sets the least fee of an order that has a fill.
    #[must_use]
    pub fn fee_min_units(mut self, fee_min_units: i64) -> Self {
        self.fee_min_units = fee_min_units;
        self
    }

    /// Sets the board lot and the smallest quantity.
    #[must_use]
    pub fn board_lot(mut self, step_lots: i64, min_lots: i64) -> Self {
        self.qty_step_lots = step_lots;
        self.qty_min_lots = min_lots;
        self
    }

    /// Sets the room for open orders to start with.
    #[must_use]
    pub fn orders_max(mut self, orders_max: u32) -> Self {
        self.orders_max = orders_max;
        self
    }

    fn flags(&self) -> u32 {
        let flag = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
        flag(self.allow_negative, sys::TKS_INSTRUMENT_ALLOW_NEGATIVE)
            | flag(self.no_short, sys::TKS_INSTRUMENT_NO_SHORT)
            | flag(self.band_ticks.is_some(), sys::TKS_INSTRUMENT_BAND)
            | flag(self.limits_first, sys::TKS_INSTRUMENT_LIMITS_FIRST)
    }

    pub(crate) fn raw(&self) -> sys::tks_instrument {
        let (band_low_ticks, band_high_ticks) = self.band_ticks.unwrap_or_default();
        sys::tks_instrument {
            struct_size: size_of::<sys::tks_instrument>() as u32,
            flags: self.flags(),
            settle: self.settle.number(),
            position_mode: self.position_mode.number(),
            fill_rule: self.fill_rule.number(),
            qty_rule: self.qty_rule.number(),
            wallet: 0,
            orders_max: self.orders_max,
            participation_ppm: self.participation_ppm,
            units_per_tick_lot: self.units_per_tick_lot,
            spread_ppb: self.spread_ppb,
            maker_fee_ppb: self.maker_fee_ppb,
            taker_fee_ppb: self.taker_fee_ppb,
            maker_fee_units_per_lot: self.maker_fee_units_per_lot,
            taker_fee_units_per_lot: self.taker_fee_units_per_lot,
            fee_min_units: self.fee_min_units,
            qty_step_lots: self.qty_step_lots,
            qty_min_lots: self.qty_min_lots,
            band_low_ticks,
            band_high_ticks,
        }
    }

    fn from_raw(raw: &sys::tks_instrument) -> Option<Instrument> {
        let has = |bit: u32| raw.flags & bit != 0;
        Some(Instrument {
            settle: Settle::from_number(raw.settle)?,
            position_mode: PositionMode::from_number(raw.position_mode)?,
            fill_rule: FillRule::from_number(raw.fill_rule)?,
            qty_rule: QtyRule::from_number(raw.qty_rule)?,
            allow_negative: has(sys::TKS_INSTRUMENT_ALLOW_NEGATIVE),
            no_short: has(sys::TKS_INSTRUMENT_NO_SHORT),
            limits_first: has(sys::TKS_INSTRUMENT_LIMITS_FIRST),
            band_ticks: has(sys::TKS_INSTRUMENT_BAND)
                .then_some((raw.band_low_ticks, raw.band_high_ticks)),
            participation_ppm: raw.participation_ppm,
            units_per_tick_lot: raw.units_per_tick_lot,
            spread_ppb: raw.spread_ppb,
            maker_fee_ppb: raw.maker_fee_ppb,
            taker_fee_ppb: raw.taker_fee_ppb,
            maker_fee_units_per_lot: raw.maker_fee_units_per_lot,
            taker_fee_units_per_lot: raw.taker_fee_units_per_lot,
            fee_min_units: raw.fee_min_units,
            qty_step_lots: raw.qty_step_lots,
            qty_min_lots: raw.qty_min_lots,
            orders_max: raw.orders_max,
        })
    }

    /// The field that breaks a rule. The kernel has found the breach; this only names it.
    fn fault(&self, status: Status) -> Option<(&'static str, i128)> {
        match status {
            Status::UnitRange => Some(("units_per_tick_lot", self.units_per_tick_lot.into())),
            Status::SpreadRange => Some(("spread_ppb", self.spread_ppb.into())),
            Status::Participation => Some(("participation_ppm", self.participation_ppm.into())),
            Status::FeeRange => self.fee_fault(),
            Status::QtyRule => first_outside(
                &[
                    ("qty_step_lots", self.qty_step_lots),
                    ("qty_min_lots", self.qty_min_lots),
                ],
                1..=1 << 61,
            ),
            _ => None,
        }
    }

    fn fee_fault(&self) -> Option<(&'static str, i128)> {
        let rates = [
            ("maker_fee_ppb", self.maker_fee_ppb),
            ("taker_fee_ppb", self.taker_fee_ppb),
        ];
        let amounts = [
            ("maker_fee_units_per_lot", self.maker_fee_units_per_lot),
            ("taker_fee_units_per_lot", self.taker_fee_units_per_lot),
        ];
        first_outside(&rates, -1_000_000_000..=1_000_000_000)
            .or_else(|| first_outside(&amounts, -(1 << 40)..=1 << 40))
            .or_else(|| first_outside(&[("fee_min_units", self.fee_min_units)], 0..=1 << 40))
    }
}

fn first_outside(
    fields: &[(&'static str, i64)],
    range: RangeInclusive<i64>,
) -> Option<(&'static str, i128)> {
    let (name, value) = fields.iter().find(|(_, value)| !range.contains(value))?;
    Some((name, i128::from(*value)))
}

/// Room for open orders that an instrument starts with: small, because an account may hold
/// thousands of instruments and few of them have orders.
pub(crate) const ORDERS_START: u32 = 16;

/// Room for events that an engine starts with: about the size of a first-level cache, since the
/// ring is drained in one go.
pub(crate) const EVENTS_START: u32 = 512;

/// Everything an engine is made from. Two engines of equal configuration that take the same ticks
/// and commands have the same events, state and digest.
///
/// ```
/// use tickstep::{Config, Instrument};
/// let config = Config::new(1_000_000, vec![Instrument::new(1)]).latency(25).cash_account();
/// assert_eq!(config.latency, 25);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Cash is checked and reserved.
    pub cash_account: bool,
    /// Cash at the start, from 0 to 2^61.
    pub initial_cash_units: i64,
    /// Time from a command to its effect, from 0 to 2^61.
    pub latency: i64,
    /// From 1 to 65536 instruments; orders and ticks name them by index.
    pub instruments: Vec<Instrument>,
    /// Room for events at the start; the engine drains itself and grows. Not part of the state.
    pub events_max: u32,
    /// Room for delayed cancels and amendments at the start; grows. Not part of the state.
    pub commands_max: u32,
}

impl Config {
    /// An account without latency in which cash is not checked.
    #[must_use]
    pub fn new(initial_cash_units: i64, instruments: Vec<Instrument>) -> Config {
        Config {
            cash_account: false,
            initial_cash_units,
            latency: 0,
            instruments,
            events_max: EVENTS_START,
            commands_max: 0,
        }
    }

    /// Checks and reserves cash.
    #[must_use]
    pub fn cash_account(mut self) -> Self {
        self.cash_account = true;
        self
    }

    /// Sets the time from a command to its effect.
    #[must_use]
    pub fn latency(mut self, latency: i64) -> Self {
        self.latency = latency;
        self
    }

    pub(crate) fn raw(&self) -> RawConfig {
        let instruments: Vec<_> = self.instruments.iter().map(Instrument::raw).collect();
        let config = sys::tks_config {
            struct_size: size_of::<sys::tks_config>() as u32,
            flags: if self.cash_account {
                sys::TKS_CONFIG_CASH_ACCOUNT
            } else {
                0
            },
            // More than 2^32 instruments do not fit a real memory; the kernel refuses the maximum.
            instrument_count: u32::try_from(instruments.len()).unwrap_or(u32::MAX),
            events_max: self.events_max,
            commands_max: self.commands_max,
            reserved: 0,
            initial_cash_units: self.initial_cash_units,
            latency: self.latency,
            instruments: instruments.as_ptr(),
        };
        RawConfig {
            config,
            _instruments: instruments,
        }
    }

    pub(crate) fn from_raw(
        raw: &sys::tks_config,
        instruments: &[sys::tks_instrument],
    ) -> Option<Config> {
        Some(Config {
            cash_account: raw.flags & sys::TKS_CONFIG_CASH_ACCOUNT != 0,
            initial_cash_units: raw.initial_cash_units,
            latency: raw.latency,
            instruments: instruments
                .iter()
                .map(Instrument::from_raw)
                .collect::<Option<_>>()?,
            events_max: raw.events_max,
            commands_max: raw.commands_max,
        })
    }

    /// Turns the kernel's answer about this configuration into an error that names the value.
    pub(crate) fn error(&self, status: Status) -> Error {
        let account = match status {
            Status::CashRange => Some(("initial_cash_units", self.initial_cash_units.into())),
            Status::LatencyRange => Some(("latency", self.latency.into())),
            Status::InstrumentCount => Some(("instrument_count", self.instruments.len() as i128)),
            _ => None,
        };
        if let Some((field, value)) = account {
            return Error::Value {
                status,
                field,
                value,
            };
        }
        match self
            .instruments
            .iter()
            .position(|one| self.refuses_with(one, status))
        {
            Some(index) => Error::Instrument {
                status,
                instrument: index as u32,
                field: self.instruments[index].fault(status),
            },
            None => Error::Status(status),
        }
    }

    /// Whether an account of this one instrument would get the same answer.
    fn refuses_with(&self, instrument: &Instrument, status: Status) -> bool {
        let alone = Config {
            instruments: vec![instrument.clone()],
            ..*self
        };
        alone.raw().size() == Err(status)
    }
}

/// A configuration as the kernel reads it.
pub(crate) struct RawConfig {
    config: sys::tks_config,
    /// What `config.instruments` points to; its heap block stays where it is when `self` moves.
    _instruments: Vec<sys::tks_instrument>,
}

impl RawConfig {
    pub(crate) fn as_ptr(&self) -> *const sys::tks_config {
        &raw const self.config
    }

    /// Bytes that an engine of this configuration needs.
    pub(crate) fn size(&self) -> Result<usize, Status> {
        let mut size = 0;
        // SAFETY: the configuration points to `instrument_count` instruments that live as long as
        // `self`, and both arguments are borrowed for the call.
        Status::check(unsafe { sys::tks_engine_size(self.as_ptr(), &raw mut size) })?;
        Ok(size)
    }
}
