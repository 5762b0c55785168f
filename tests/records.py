"""The lists and structs of `include/tickstep.h` as Python numbers and records.

Names are the header's without their prefix; fields keep their C names. The oracle, the table
driver and the script generator speak in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

# ---- Lists ---------------------------------------------------------------------------------------


class Side(IntEnum):
    BUY, SELL = 0, 1


class OrderType(IntEnum):
    MARKET, LIMIT, STOP, STOP_LIMIT, MARKET_IF_TOUCHED, TRAILING_STOP = 1, 2, 3, 4, 5, 6
    ALERT_PRICE, ALERT_TIME = 20, 21


class TimeInForce(IntEnum):
    GTC, GTD, DAY, IOC, FOK = 1, 2, 3, 4, 5


class Offset(IntEnum):
    NONE, OPEN, CLOSE, CLOSE_TODAY, CLOSE_YESTERDAY = 0, 1, 2, 3, 4


class Settle(IntEnum):
    SPOT, MARK = 1, 2


class PositionMode(IntEnum):
    NET, HEDGE = 1, 2


class FillRule(IntEnum):
    TOUCH, THROUGH = 1, 2


class QtyRule(IntEnum):
    FULL, VOLUME = 1, 2


class Liquidity(IntEnum):
    MAKER, TAKER = 1, 2


class Entry(IntEnum):
    DEPOSIT, WITHDRAWAL, FUNDING, DIVIDEND, INTEREST, BORROW = 1, 2, 3, 4, 5, 6
    SETTLEMENT = 20


class EventKind(IntEnum):
    ACCEPTED, REJECTED, TRIGGERED, FILLED, CANCELLED = 1, 2, 3, 4, 5
    EXPIRED, AMENDED, ALERT, LIQUIDATED, DAY_ROLLED, LEDGER = 6, 7, 8, 9, 10, 11


class Reason(IntEnum):
    NONE = 0
    NO_CASH, NO_POSITION, NO_SHORT, PRICE_BAND, BOARD_LOT, NO_PRICE = 1, 2, 3, 4, 5, 6
    POST_ONLY, REDUCE_ONLY, RISK_LIMIT, TOO_LATE = 7, 8, 9, 10
    CANCELLED_BY_USER, IOC_REST, FOK_REST, OCO_FILLED, TIME_REACHED = 20, 21, 22, 23, 24
    DAY_ENDED, AMENDED_AWAY = 25, 26


FLAG_POST_ONLY, FLAG_REDUCE_ONLY = 1, 2
INSTRUMENT_ALLOW_NEGATIVE, INSTRUMENT_NO_SHORT, INSTRUMENT_BAND = 1, 2, 4
INSTRUMENT_LIMITS_FIRST = 8
CONFIG_CASH_ACCOUNT = 1
AMEND_QTY, AMEND_PRICE, AMEND_TRIGGER, AMEND_TRAIL = 1, 2, 4, 8
TICK_QUOTED, TICK_RANGE, TICK_CONTINUES = 1, 2, 4
FEED_RANGES, SIDE_CONTINUES = 2, 2
LONG_TODAY, LONG_YESTERDAY, SHORT_TODAY, SHORT_YESTERDAY = 0, 1, 2, 3

# ---- Records: the structs of the header ----------------------------------------------------------


@dataclass(frozen=True)
class Instrument:
    flags: int = 0
    settle: int = Settle.SPOT
    position_mode: int = PositionMode.NET
    fill_rule: int = FillRule.TOUCH
    qty_rule: int = QtyRule.FULL
    wallet: int = 0
    participation_ppm: int = 0
    units_per_tick_lot: int = 1
    spread_ppb: int = 0
    maker_fee_ppb: int = 0
    taker_fee_ppb: int = 0
    maker_fee_units_per_lot: int = 0
    taker_fee_units_per_lot: int = 0
    fee_min_units: int = 0
    qty_step_lots: int = 1
    qty_min_lots: int = 1
    band_low_ticks: int = 0
    band_high_ticks: int = 0


@dataclass(frozen=True)
class Config:
    instruments: tuple[Instrument, ...]
    flags: int = 0
    initial_cash_units: int = 0
    latency: int = 0


@dataclass(frozen=True)
class Order:
    instrument: int = 0
    type: int = 0
    side: int = Side.BUY
    time_in_force: int = TimeInForce.GTC
    offset: int = Offset.NONE
    flags: int = 0
    qty_lots: int = 0
    price_ticks: int = 0
    trigger_ticks: int = 0
    trail_ticks: int = 0
    expire_time: int = 0
    oco_group: int = 0
    tag: int = 0


@dataclass(frozen=True)
class Amend:
    fields: int = 0
    qty_lots: int = 0
    price_ticks: int = 0
    trigger_ticks: int = 0
    trail_ticks: int = 0


@dataclass(frozen=True)
class Tick:
    time: int = 0
    price_ticks: int = 0
    qty_lots: int = 1
    bid_ticks: int = 0
    ask_ticks: int = 0
    instrument: int = 0
    side: int = Side.BUY
    flags: int = 0


@dataclass(frozen=True)
class Event:
    kind: int
    reason: int
    instrument: int
    sequence: int
    time: int
    tick_index: int
    order_id: int
    tag: int
    price_ticks: int
    qty_lots: int
    fee_units: int
    realized_units: int
    position_after_lots: int


@dataclass
class Feed:
    """Rows of one instrument; `cursor` is the next one to take."""

    instrument: int
    ticks: Sequence[Tick]
    cursor: int = 0


@dataclass
class Schedule:
    """Orders and their points: either `time` or `tick_index` has one entry for each."""

    orders: Sequence[Order]
    time: Sequence[int] | None = None
    tick_index: Sequence[int] | None = None
    cursor: int = 0


@dataclass
class BatchResult:
    ticks_done: int = 0
    rows_done: int = 0
    event_kinds: int = 0


@dataclass(frozen=True)
class BucketView:
    qty_lots: int
    frozen_lots: int
    cost_units: int
    base_units: int


@dataclass(frozen=True)
class Snapshot:
    instrument: int
    order_count: int
    alert_count: int
    time: int
    tick_index: int
    last_price_ticks: int
    position_lots: int
    cost_units: int
    realized_units: int
    unrealized_units: int
    fees_units: int
    cash_units: int
    in_units: int
    income_units: int
    wallet_fees_units: int
    wallet_realized_units: int
    wallet_unrealized_units: int
    equity_units: int
    frozen_units: int
    available_units: int
    buckets: tuple[BucketView, BucketView, BucketView, BucketView]


@dataclass(frozen=True)
class OrderView:
    order_id: int
    order: Order
    filled_lots: int
    placed_time: int
    trigger_now_ticks: int
    fees_units: int
    frozen_units: int
    frozen_lots: int
    is_triggered: bool
    is_resting: bool


class StatusError(Exception):
    """A status that is not OK; `name` as in the header. The engine has not changed."""

    def __init__(self, name: str, bad_feed: int = 0, bad_row: int = 0) -> None:
        super().__init__(name)
        self.name = name
        self.bad_feed = bad_feed
        self.bad_row = bad_row
