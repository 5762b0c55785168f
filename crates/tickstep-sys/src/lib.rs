//! Raw bindings of `include/tickstep.h`, written by hand. The header is the manual: names, units,
//! ownership and errors are explained there and only there. The safe crate is `tickstep`.
//!
//! The layout assertions at the end state the same numbers as `tests/kernel/test_layout.c`: a
//! struct that changes on one side alone does not compile.
#![no_std]
#![allow(non_camel_case_types)]
#![allow(
    missing_docs,
    reason = "the names are those of tickstep.h, which documents each of them"
)]

use core::ffi::{c_char, c_void};

/// A `TKS_STATUS_*` number. The C enum has no negative member and is four bytes wide.
pub type tks_status = i32;

pub const TKS_STATUS_OK: tks_status = 0;
pub const TKS_STATUS_NULL_ARGUMENT: tks_status = 1;
pub const TKS_STATUS_STRUCT_SIZE: tks_status = 2;
pub const TKS_STATUS_MEMORY_SIZE: tks_status = 3;
pub const TKS_STATUS_MEMORY_ALIGN: tks_status = 4;
pub const TKS_STATUS_CAPACITY_RANGE: tks_status = 5;
pub const TKS_STATUS_CAPACITY_SMALLER: tks_status = 6;
pub const TKS_STATUS_CONFIG_MISMATCH: tks_status = 7;
pub const TKS_STATUS_INSTRUMENT_COUNT: tks_status = 10;
pub const TKS_STATUS_UNIT_RANGE: tks_status = 11;
pub const TKS_STATUS_SPREAD_RANGE: tks_status = 12;
pub const TKS_STATUS_FEE_RANGE: tks_status = 13;
pub const TKS_STATUS_RULE: tks_status = 14;
pub const TKS_STATUS_QTY_RULE: tks_status = 15;
pub const TKS_STATUS_BAND: tks_status = 16;
pub const TKS_STATUS_CASH_RANGE: tks_status = 17;
pub const TKS_STATUS_LATENCY_RANGE: tks_status = 18;
pub const TKS_STATUS_PARTICIPATION: tks_status = 19;
pub const TKS_STATUS_WALLET: tks_status = 20;
pub const TKS_STATUS_CASH_ACCOUNT: tks_status = 21;
pub const TKS_STATUS_INSTRUMENT: tks_status = 30;
pub const TKS_STATUS_SIDE: tks_status = 31;
pub const TKS_STATUS_ORDER_TYPE: tks_status = 32;
pub const TKS_STATUS_TIME_IN_FORCE: tks_status = 33;
pub const TKS_STATUS_OFFSET: tks_status = 34;
pub const TKS_STATUS_FLAGS: tks_status = 35;
pub const TKS_STATUS_QTY: tks_status = 36;
pub const TKS_STATUS_PRICE: tks_status = 37;
pub const TKS_STATUS_TRIGGER: tks_status = 38;
pub const TKS_STATUS_TRAIL: tks_status = 39;
pub const TKS_STATUS_EXPIRY: tks_status = 40;
pub const TKS_STATUS_FIELD_UNUSED: tks_status = 41;
pub const TKS_STATUS_ORDER_UNKNOWN: tks_status = 42;
pub const TKS_STATUS_ORDER_CLOSED: tks_status = 43;
pub const TKS_STATUS_AMEND_FIELDS: tks_status = 44;
pub const TKS_STATUS_REASON: tks_status = 45;
pub const TKS_STATUS_TIME_BACKWARDS: tks_status = 50;
pub const TKS_STATUS_TIME_RANGE: tks_status = 51;
pub const TKS_STATUS_TICK_PRICE: tks_status = 52;
pub const TKS_STATUS_TICK_QTY: tks_status = 53;
pub const TKS_STATUS_TICK_SIDE: tks_status = 54;
pub const TKS_STATUS_TICK_QUOTE: tks_status = 55;
pub const TKS_STATUS_COLUMN_MISSING: tks_status = 56;
pub const TKS_STATUS_FEED_CURSOR: tks_status = 57;
pub const TKS_STATUS_FEED_REPEATED: tks_status = 58;
pub const TKS_STATUS_ZONE_MAP: tks_status = 59;
pub const TKS_STATUS_SCHEDULE_ORDER: tks_status = 60;
pub const TKS_STATUS_SCHEDULE_POINT: tks_status = 61;
pub const TKS_STATUS_AMOUNT: tks_status = 62;
pub const TKS_STATUS_SETTLE_PRICE: tks_status = 63;
pub const TKS_STATUS_ENTRY_KIND: tks_status = 64;
pub const TKS_STATUS_CAPACITY: tks_status = 70;
pub const TKS_STATUS_OVERFLOW: tks_status = 71;
pub const TKS_STATUS_STATE_FORMAT: tks_status = 80;
pub const TKS_STATUS_STATE_VERSION: tks_status = 81;
pub const TKS_STATUS_STATE_CHECKSUM: tks_status = 82;
pub const TKS_STATUS_STATE_INVALID: tks_status = 83;
pub const TKS_STATUS_INTERNAL: tks_status = 90;

pub const TKS_REASON_NO_CASH: u16 = 1;
pub const TKS_REASON_NO_POSITION: u16 = 2;
pub const TKS_REASON_NO_SHORT: u16 = 3;
pub const TKS_REASON_PRICE_BAND: u16 = 4;
pub const TKS_REASON_BOARD_LOT: u16 = 5;
pub const TKS_REASON_NO_PRICE: u16 = 6;
pub const TKS_REASON_POST_ONLY: u16 = 7;
pub const TKS_REASON_REDUCE_ONLY: u16 = 8;
pub const TKS_REASON_RISK_LIMIT: u16 = 9;
pub const TKS_REASON_TOO_LATE: u16 = 10;
pub const TKS_REASON_CANCELLED_BY_USER: u16 = 20;
pub const TKS_REASON_IOC_REST: u16 = 21;
pub const TKS_REASON_FOK_REST: u16 = 22;
pub const TKS_REASON_OCO_FILLED: u16 = 23;
pub const TKS_REASON_TIME_REACHED: u16 = 24;
pub const TKS_REASON_DAY_ENDED: u16 = 25;
pub const TKS_REASON_AMENDED_AWAY: u16 = 26;

pub const TKS_SIDE_BUY: u8 = 0;
pub const TKS_SIDE_SELL: u8 = 1;

pub const TKS_ORDER_MARKET: u8 = 1;
pub const TKS_ORDER_LIMIT: u8 = 2;
pub const TKS_ORDER_STOP: u8 = 3;
pub const TKS_ORDER_STOP_LIMIT: u8 = 4;
pub const TKS_ORDER_MARKET_IF_TOUCHED: u8 = 5;
pub const TKS_ORDER_TRAILING_STOP: u8 = 6;
pub const TKS_ORDER_ALERT_PRICE: u8 = 20;
pub const TKS_ORDER_ALERT_TIME: u8 = 21;

pub const TKS_TIF_GTC: u8 = 1;
pub const TKS_TIF_GTD: u8 = 2;
pub const TKS_TIF_DAY: u8 = 3;
pub const TKS_TIF_IOC: u8 = 4;
pub const TKS_TIF_FOK: u8 = 5;

pub const TKS_OFFSET_NONE: u8 = 0;
pub const TKS_OFFSET_OPEN: u8 = 1;
pub const TKS_OFFSET_CLOSE: u8 = 2;
pub const TKS_OFFSET_CLOSE_TODAY: u8 = 3;
pub const TKS_OFFSET_CLOSE_YESTERDAY: u8 = 4;

pub const TKS_FLAG_POST_ONLY: u32 = 1;
pub const TKS_FLAG_REDUCE_ONLY: u32 = 2;

pub const TKS_SETTLE_SPOT: u8 = 1;
pub const TKS_SETTLE_MARK: u8 = 2;

pub const TKS_POSITION_NET: u8 = 1;
pub const TKS_POSITION_HEDGE: u8 = 2;

pub const TKS_FILL_TOUCH: u8 = 1;
pub const TKS_FILL_THROUGH: u8 = 2;

pub const TKS_QTY_FULL: u8 = 1;
pub const TKS_QTY_VOLUME: u8 = 2;

pub const TKS_INSTRUMENT_ALLOW_NEGATIVE: u32 = 1;
pub const TKS_INSTRUMENT_NO_SHORT: u32 = 2;
pub const TKS_INSTRUMENT_BAND: u32 = 4;
pub const TKS_INSTRUMENT_LIMITS_FIRST: u32 = 8;

pub const TKS_CONFIG_CASH_ACCOUNT: u32 = 1;

pub const TKS_LIQUIDITY_MAKER: u16 = 1;
pub const TKS_LIQUIDITY_TAKER: u16 = 2;

pub const TKS_ENTRY_DEPOSIT: u16 = 1;
pub const TKS_ENTRY_WITHDRAWAL: u16 = 2;
pub const TKS_ENTRY_FUNDING: u16 = 3;
pub const TKS_ENTRY_DIVIDEND: u16 = 4;
pub const TKS_ENTRY_INTEREST: u16 = 5;
pub const TKS_ENTRY_BORROW: u16 = 6;
pub const TKS_ENTRY_SETTLEMENT: u16 = 20;

pub const TKS_EVENT_ACCEPTED: u16 = 1;
pub const TKS_EVENT_REJECTED: u16 = 2;
pub const TKS_EVENT_TRIGGERED: u16 = 3;
pub const TKS_EVENT_FILLED: u16 = 4;
pub const TKS_EVENT_CANCELLED: u16 = 5;
pub const TKS_EVENT_EXPIRED: u16 = 6;
pub const TKS_EVENT_AMENDED: u16 = 7;
pub const TKS_EVENT_ALERT: u16 = 8;
pub const TKS_EVENT_LIQUIDATED: u16 = 9;
pub const TKS_EVENT_DAY_ROLLED: u16 = 10;
pub const TKS_EVENT_LEDGER: u16 = 11;

pub const TKS_VERSION_MAJOR: u32 = 0;
pub const TKS_VERSION_MINOR: u32 = 1;
pub const TKS_VERSION_PATCH: u32 = 0;

pub const TKS_INSTRUMENT_ALL: u32 = u32::MAX;

pub const TKS_AMEND_QTY: u32 = 1;
pub const TKS_AMEND_PRICE: u32 = 2;
pub const TKS_AMEND_TRIGGER: u32 = 4;
pub const TKS_AMEND_TRAIL: u32 = 8;

pub const TKS_TICK_QUOTED: u8 = 1;
pub const TKS_TICK_RANGE: u8 = 2;
pub const TKS_TICK_CONTINUES: u8 = 4;
pub const TKS_FEED_CHECKED: u32 = 1;
pub const TKS_FEED_RANGES: u32 = 2;
pub const TKS_SIDE_CONTINUES: u8 = 2;
pub const TKS_SCHEDULE_CHECKED: u32 = 1;

pub const TKS_LONG_TODAY: usize = 0;
pub const TKS_LONG_YESTERDAY: usize = 1;
pub const TKS_SHORT_TODAY: usize = 2;
pub const TKS_SHORT_YESTERDAY: usize = 3;

/// `TKS_STOP_ON(kind)`: one bit of the `stop_on` masks.
#[must_use]
pub const fn tks_stop_on(kind: u16) -> u32 {
    1 << kind
}

/// An engine: the caller's block, seen from C. Never made or moved by Rust code.
#[repr(C)]
pub struct tks_engine {
    opaque: [u8; 0],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct tks_instrument {
    pub struct_size: u32,
    pub flags: u32,
    pub settle: u8,
    pub position_mode: u8,
    pub fill_rule: u8,
    pub qty_rule: u8,
    pub wallet: u32,
    pub orders_max: u32,
    pub participation_ppm: u32,
    pub units_per_tick_lot: i64,
    pub spread_ppb: i64,
    pub maker_fee_ppb: i64,
    pub taker_fee_ppb: i64,
    pub maker_fee_units_per_lot: i64,
    pub taker_fee_units_per_lot: i64,
    pub fee_min_units: i64,
    pub qty_step_lots: i64,
    pub qty_min_lots: i64,
    pub band_low_ticks: i64,
    pub band_high_ticks: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tks_config {
    pub struct_size: u32,
    pub flags: u32,
    pub instrument_count: u32,
    pub events_max: u32,
    pub commands_max: u32,
    pub reserved: u32,
    pub initial_cash_units: i64,
    pub latency: i64,
    pub instruments: *const tks_instrument,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct tks_order {
    pub struct_size: u32,
    pub instrument: u32,
    pub r#type: u8,
    pub side: u8,
    pub time_in_force: u8,
    pub offset: u8,
    pub flags: u32,
    pub qty_lots: i64,
    pub price_ticks: i64,
    pub trigger_ticks: i64,
    pub trail_ticks: i64,
    pub expire_time: i64,
    pub oco_group: u64,
    pub tag: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct tks_amend {
    pub struct_size: u32,
    pub fields: u32,
    pub qty_lots: i64,
    pub price_ticks: i64,
    pub trigger_ticks: i64,
    pub trail_ticks: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct tks_tick {
    pub time: i64,
    pub price_ticks: i64,
    pub qty_lots: i64,
    /// Or the low, of ranges.
    pub bid_ticks: i64,
    /// Or the high, of ranges.
    pub ask_ticks: i64,
    pub instrument: u32,
    pub side: u8,
    pub flags: u8,
    pub reserved: u16,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct tks_wake {
    pub falling_ticks: i64,
    pub rising_ticks: i64,
    pub time: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tks_feed {
    pub struct_size: u32,
    pub instrument: u32,
    pub flags: u32,
    pub reserved: u32,
    pub cursor: u64,
    pub count: u64,
    pub time: *const i64,
    pub price_ticks: *const i64,
    pub qty_lots: *const i64,
    pub side: *const u8,
    /// Or the low, of ranges.
    pub bid_ticks: *const i64,
    /// Or the high, of ranges.
    pub ask_ticks: *const i64,
    pub zone_map: *const c_void,
    pub zone_map_size: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct tks_batch_result {
    pub struct_size: u32,
    pub event_kinds: u32,
    pub ticks_done: u64,
    pub ticks_executed: u64,
    pub ticks_scanned: u64,
    pub zone_lines: u64,
    pub rows_done: u64,
    pub bad_row: u64,
    pub bad_feed: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tks_schedule {
    pub struct_size: u32,
    pub flags: u32,
    pub cursor: u64,
    pub count: u64,
    pub time: *const i64,
    pub tick_index: *const i64,
    pub instrument: *const u32,
    pub r#type: *const u8,
    pub side: *const u8,
    pub time_in_force: *const u8,
    pub offset: *const u8,
    pub order_flags: *const u32,
    pub qty_lots: *const i64,
    pub price_ticks: *const i64,
    pub trigger_ticks: *const i64,
    pub trail_ticks: *const i64,
    pub expire_time: *const i64,
    pub oco_group: *const u64,
    pub tag: *const u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct tks_event {
    pub kind: u16,
    pub reason: u16,
    pub instrument: u32,
    pub sequence: u64,
    pub time: i64,
    pub tick_index: i64,
    pub order_id: u64,
    pub tag: u64,
    pub price_ticks: i64,
    pub qty_lots: i64,
    pub fee_units: i64,
    pub realized_units: i64,
    pub position_after_lots: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct tks_digest {
    pub low: u64,
    pub high: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct tks_bucket {
    pub qty_lots: i64,
    pub frozen_lots: i64,
    pub cost_units: i64,
    pub base_units: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct tks_snapshot {
    pub struct_size: u32,
    pub instrument: u32,
    pub order_count: u64,
    pub alert_count: u64,
    pub time: i64,
    pub tick_index: i64,
    pub last_price_ticks: i64,
    pub position_lots: i64,
    pub cost_units: i64,
    pub realized_units: i64,
    pub unrealized_units: i64,
    pub fees_units: i64,
    pub cash_units: i64,
    pub in_units: i64,
    pub income_units: i64,
    pub wallet_fees_units: i64,
    pub wallet_realized_units: i64,
    pub wallet_unrealized_units: i64,
    pub equity_units: i64,
    pub frozen_units: i64,
    pub available_units: i64,
    pub buckets: [tks_bucket; 4],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct tks_holding {
    pub time: i64,
    pub tick_index: i64,
    pub last_price_ticks: i64,
    pub position_lots: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct tks_order_view {
    pub order_id: u64,
    pub order: tks_order,
    pub filled_lots: i64,
    pub placed_time: i64,
    pub trigger_now_ticks: i64,
    pub fees_units: i64,
    pub frozen_units: i64,
    pub frozen_lots: i64,
    pub is_triggered: u8,
    pub is_resting: u8,
    pub reserved: [u8; 6],
}

// The functions marked `safe` take numbers alone and answer every one of them.
unsafe extern "C" {
    pub safe fn tks_status_name(status: i32) -> *const c_char;
    pub safe fn tks_status_message(status: i32) -> *const c_char;
    pub safe fn tks_reason_name(reason: i32) -> *const c_char;
    pub safe fn tks_reason_message(reason: i32) -> *const c_char;
    pub safe fn tks_version() -> u32;

    pub fn tks_engine_size(config: *const tks_config, size_out: *mut usize) -> tks_status;
    pub fn tks_engine_init(
        memory: *mut c_void,
        size: usize,
        config: *const tks_config,
        engine_out: *mut *mut tks_engine,
    ) -> tks_status;
    pub fn tks_engine_reset(engine: *mut tks_engine) -> tks_status;
    pub fn tks_engine_copy(
        memory: *mut c_void,
        size: usize,
        config: *const tks_config,
        source: *const tks_engine,
        engine_out: *mut *mut tks_engine,
    ) -> tks_status;

    pub fn tks_order_place(
        engine: *mut tks_engine,
        order: *const tks_order,
        order_id_out: *mut u64,
    ) -> tks_status;
    pub fn tks_order_cancel(engine: *mut tks_engine, order_id: u64) -> tks_status;
    pub fn tks_orders_cancel(engine: *mut tks_engine, instrument: u32) -> tks_status;
    pub fn tks_order_amend(
        engine: *mut tks_engine,
        order_id: u64,
        amend: *const tks_amend,
    ) -> tks_status;
    pub fn tks_order_refuse(
        engine: *mut tks_engine,
        order: *const tks_order,
        reason: i32,
        order_id_out: *mut u64,
    ) -> tks_status;
    pub fn tks_amend_refuse(
        engine: *mut tks_engine,
        order_id: u64,
        amend: *const tks_amend,
        reason: i32,
    ) -> tks_status;
    pub fn tks_ledger_post(
        engine: *mut tks_engine,
        instrument: u32,
        kind: i32,
        amount_units: i64,
    ) -> tks_status;
    pub fn tks_settle_at(engine: *mut tks_engine, instrument: u32, price_ticks: i64) -> tks_status;
    pub fn tks_day_roll(engine: *mut tks_engine, prices_ticks: *const i64) -> tks_status;

    pub fn tks_step(engine: *mut tks_engine, tick: *const tks_tick) -> tks_status;
    pub fn tks_step_batch(
        engine: *mut tks_engine,
        feeds: *mut tks_feed,
        feed_count: u32,
        stop_on: u32,
        result_out: *mut tks_batch_result,
    ) -> tks_status;
    pub fn tks_feed_check(
        feed: *const tks_feed,
        instrument: *const tks_instrument,
        bad_row_out: *mut u64,
    ) -> tks_status;
    pub safe fn tks_zone_map_size(count: u64) -> u64;
    pub fn tks_zone_map_build_ranges(
        memory: *mut c_void,
        size: u64,
        low_ticks: *const i64,
        high_ticks: *const i64,
        count: u64,
    ) -> tks_status;
    pub fn tks_zone_map_build(
        memory: *mut c_void,
        size: u64,
        price_ticks: *const i64,
        count: u64,
    ) -> tks_status;
    pub fn tks_run_orders(
        engine: *mut tks_engine,
        feeds: *mut tks_feed,
        feed_count: u32,
        schedule: *mut tks_schedule,
        result_out: *mut tks_batch_result,
    ) -> tks_status;

    pub fn tks_events_waiting(engine: *const tks_engine) -> u32;
    pub fn tks_events_drain(
        engine: *mut tks_engine,
        events_out: *mut tks_event,
        capacity: u32,
        count_out: *mut u32,
    ) -> tks_status;
    pub fn tks_event_digest(engine: *const tks_engine, digest_out: *mut tks_digest) -> tks_status;
    pub fn tks_digest_update(
        digest: *mut tks_digest,
        events: *const tks_event,
        count: u64,
    ) -> tks_status;
    pub fn tks_snapshot_get(
        engine: *const tks_engine,
        instrument: u32,
        snapshot_out: *mut tks_snapshot,
    ) -> tks_status;
    pub fn tks_holding_get(
        engine: *const tks_engine,
        instrument: u32,
        holding_out: *mut tks_holding,
    ) -> tks_status;
    pub fn tks_order_get(
        engine: *const tks_engine,
        order_id: u64,
        view_out: *mut tks_order_view,
    ) -> tks_status;
    pub fn tks_orders_open(
        engine: *const tks_engine,
        instrument: u32,
        after_id: u64,
        views_out: *mut tks_order_view,
        capacity: u32,
        count_out: *mut u32,
    ) -> tks_status;
    pub fn tks_wake_get(
        engine: *const tks_engine,
        instrument: u32,
        wake_out: *mut tks_wake,
    ) -> tks_status;

    pub fn tks_state_size(engine: *const tks_engine, size_out: *mut usize) -> tks_status;
    pub fn tks_state_save(
        engine: *const tks_engine,
        bytes_out: *mut c_void,
        size: usize,
        written_out: *mut usize,
    ) -> tks_status;
    pub fn tks_state_hash(engine: *const tks_engine, digest_out: *mut tks_digest) -> tks_status;
    pub fn tks_state_config(
        bytes: *const c_void,
        size: usize,
        config_out: *mut tks_config,
        instruments_out: *mut tks_instrument,
        instruments_max: u32,
    ) -> tks_status;
    pub fn tks_state_load(
        memory: *mut c_void,
        size: usize,
        config: *const tks_config,
        bytes: *const c_void,
        bytes_size: usize,
        engine_out: *mut *mut tks_engine,
    ) -> tks_status;
}

/// `layout!(struct, size, field offset, …)`: fails to compile when a number is wrong.
macro_rules! layout {
    ($name:ident, $size:literal $(, $field:ident $offset:literal)* $(,)?) => {
        const _: () = assert!(core::mem::size_of::<$name>() == $size);
        const _: () = assert!(core::mem::align_of::<$name>() == 8);
        $(const _: () = assert!(core::mem::offset_of!($name, $field) == $offset);)*
    };
}

layout!(
    tks_instrument, 112, struct_size 0, flags 4, settle 8, position_mode 9, fill_rule 10,
    qty_rule 11, wallet 12, orders_max 16, participation_ppm 20, units_per_tick_lot 24,
    spread_ppb 32, maker_fee_ppb 40, taker_fee_ppb 48, maker_fee_units_per_lot 56,
    taker_fee_units_per_lot 64, fee_min_units 72, qty_step_lots 80, qty_min_lots 88,
    band_low_ticks 96, band_high_ticks 104,
);
layout!(
    tks_config, 48, struct_size 0, flags 4, instrument_count 8, events_max 12, commands_max 16,
    reserved 20, initial_cash_units 24, latency 32, instruments 40,
);
layout!(
    tks_order, 72, struct_size 0, instrument 4, r#type 8, side 9, time_in_force 10, offset 11,
    flags 12, qty_lots 16, price_ticks 24, trigger_ticks 32, trail_ticks 40, expire_time 48,
    oco_group 56, tag 64,
);
layout!(
    tks_amend, 40, struct_size 0, fields 4, qty_lots 8, price_ticks 16, trigger_ticks 24,
    trail_ticks 32,
);
layout!(
    tks_tick, 48, time 0, price_ticks 8, qty_lots 16, bid_ticks 24, ask_ticks 32, instrument 40,
    side 44, flags 45, reserved 46,
);
layout!(
    tks_feed, 96, struct_size 0, instrument 4, flags 8, reserved 12, cursor 16, count 24, time 32,
    price_ticks 40, qty_lots 48, side 56, bid_ticks 64, ask_ticks 72, zone_map 80,
    zone_map_size 88,
);
layout!(
    tks_batch_result, 64, struct_size 0, event_kinds 4, ticks_done 8, ticks_executed 16,
    ticks_scanned 24, zone_lines 32, rows_done 40, bad_row 48, bad_feed 56, reserved 60,
);
layout!(
    tks_schedule, 144, struct_size 0, flags 4, cursor 8, count 16, time 24, tick_index 32,
    instrument 40, r#type 48, side 56, time_in_force 64, offset 72, order_flags 80, qty_lots 88,
    price_ticks 96, trigger_ticks 104, trail_ticks 112, expire_time 120, oco_group 128, tag 136,
);
layout!(
    tks_event, 88, kind 0, reason 2, instrument 4, sequence 8, time 16, tick_index 24, order_id 32,
    tag 40, price_ticks 48, qty_lots 56, fee_units 64, realized_units 72, position_after_lots 80,
);
layout!(tks_wake, 24, falling_ticks 0, rising_ticks 8, time 16);
layout!(tks_digest, 16, low 0, high 8);
layout!(tks_bucket, 32, qty_lots 0, frozen_lots 8, cost_units 16, base_units 24);
layout!(
    tks_snapshot, 288, struct_size 0, instrument 4, order_count 8, alert_count 16, time 24,
    tick_index 32, last_price_ticks 40, position_lots 48, cost_units 56, realized_units 64,
    unrealized_units 72, fees_units 80, cash_units 88, in_units 96, income_units 104,
    wallet_fees_units 112, wallet_realized_units 120, wallet_unrealized_units 128,
    equity_units 136, frozen_units 144, available_units 152, buckets 160,
);
layout!(
    tks_holding, 32, time 0, tick_index 8, last_price_ticks 16, position_lots 24,
);
layout!(
    tks_order_view, 136, order_id 0, order 8, filled_lots 80, placed_time 88, trigger_now_ticks 96,
    fees_units 104, frozen_units 112, frozen_lots 120, is_triggered 128, is_resting 129,
    reserved 130,
);
