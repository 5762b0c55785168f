"""`tickstep.Engine`, the class that users have, as an engine that tables and scripts drive.

Tick size, lot and money unit are 1, so that the decimals of the Python edge are the integers of the
tables. What Python's names cannot express (an unknown enumerator, a flag without a name) is refused
here, as it would be at the edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

import tickstep as ts
from records import (
    AMEND_PRICE,
    AMEND_QTY,
    AMEND_TRAIL,
    AMEND_TRIGGER,
    CONFIG_CASH_ACCOUNT,
    FLAG_POST_ONLY,
    FLAG_REDUCE_ONLY,
    INSTRUMENT_ALLOW_NEGATIVE,
    INSTRUMENT_BAND,
    INSTRUMENT_LIMITS_FIRST,
    INSTRUMENT_NO_SHORT,
    SIDE_CONTINUES,
    TICK_CONTINUES,
    TICK_QUOTED,
    TICK_RANGE,
    Amend,
    BatchResult,
    BucketView,
    Config,
    Entry,
    Event,
    EventKind,
    Feed,
    FillRule,
    Instrument,
    Offset,
    Order,
    OrderType,
    OrderView,
    PositionMode,
    QtyRule,
    Reason,
    Schedule,
    Settle,
    Side,
    Snapshot,
    StatusError,
    Tick,
    TimeInForce,
)
from tickstep.barticks import BarTicks

WAYS = ("step", "ticks", "bare", "saved", "forked")
PPB = Decimal(10) ** -9


def symbol_of(instrument: int) -> str:
    return f"I{instrument}"


def instrument_of(index: int, rules: Instrument) -> ts.Instrument:
    is_volume = rules.qty_rule == QtyRule.VOLUME
    band = (rules.band_low_ticks, rules.band_high_ticks)
    return ts.Instrument(
        symbol_of(index),
        tick_size=1,
        lot=1,
        multiplier=rules.units_per_tick_lot,
        spread_bps=Decimal(rules.spread_ppb) / 100_000,
        maker_fee=rules.maker_fee_ppb * PPB,
        taker_fee=rules.taker_fee_ppb * PPB,
        maker_fee_per_lot=rules.maker_fee_units_per_lot,
        taker_fee_per_lot=rules.taker_fee_units_per_lot,
        fee_min=rules.fee_min_units,
        fill="touch" if rules.fill_rule == FillRule.TOUCH else "through",
        quantity="volume" if is_volume else "full",
        participation=Decimal(rules.participation_ppm) / 10**6 if is_volume else None,
        range_order=("limits_first" if rules.flags & INSTRUMENT_LIMITS_FIRST else "stops_first"),
        settle="spot" if rules.settle == Settle.SPOT else "mark",
        position="net" if rules.position_mode == PositionMode.NET else "hedge",
        allow_short=not rules.flags & INSTRUMENT_NO_SHORT,
        qty_step=rules.qty_step_lots,
        qty_min=rules.qty_min_lots,
        price_band=band if rules.flags & INSTRUMENT_BAND else None,
        allow_negative_prices=bool(rules.flags & INSTRUMENT_ALLOW_NEGATIVE),
    )


class NativeEngine:
    """`way`: single steps; batches of `Ticks`, or of bare arrays; saved or forked before each call."""

    def __init__(self, config: Config, way: str = "step") -> None:
        self.way = way
        self._drained: list[Event] = []
        self._config = config
        with statuses():
            self._engine = ts.Engine(
                ts.EngineConfig(
                    initial_cash=config.initial_cash_units,
                    money_unit=1,
                    account="cash" if config.flags & CONFIG_CASH_ACCOUNT else None,
                    latency=config.latency,
                    instruments=[instrument_of(*each) for each in enumerate(config.instruments)],
                )
            )

    # ---- Commands --------------------------------------------------------------------------------

    def place(self, order: Order) -> int:
        check_market(order)
        return int(self._do(lambda engine: engine.place_order(python_order(order))))

    def refuse(self, order: Order, reason: int) -> int:
        check_market(order)
        name = name_of(Reason, reason)
        return int(self._do(lambda engine: engine.refuse_order(python_order(order), name)))

    def cancel(self, order_id: int) -> None:
        if not self._do(lambda engine: engine.cancel_order(order_id)):
            raise StatusError("ORDER_CLOSED")

    def cancel_all(self, instrument: int | None = None) -> None:
        self._do(
            lambda engine: engine.cancel_all(None if instrument is None else symbol_of(instrument))
        )

    def amend(self, order_id: int, amend: Amend) -> None:
        given = python_amend(amend)
        if not self._do(lambda engine: engine.amend_order(order_id, **given)):
            raise StatusError("ORDER_CLOSED")

    def refuse_amend(self, order_id: int, amend: Amend, reason: int) -> None:
        given, name = python_amend(amend), name_of(Reason, reason)
        if not self._do(lambda engine: engine.refuse_amend(order_id, reason=name, **given)):
            raise StatusError("ORDER_CLOSED")

    def ledger_post(self, instrument: int, kind: int, amount_units: int) -> None:
        name = name_of(Entry, kind)
        self._do(
            lambda engine: engine.ledger_post(name, amount_units, symbol=symbol_of(instrument))
        )

    def settle_at(self, instrument: int, price_ticks: int) -> None:
        self._do(lambda engine: engine.settle(price_ticks, symbol=symbol_of(instrument)))

    def day_roll(self, prices_ticks: Sequence[int] | None = None) -> None:
        prices = None
        if prices_ticks is not None:
            prices = {symbol_of(i): price for i, price in enumerate(prices_ticks)}
        self._do(lambda engine: engine.day_roll(prices))

    # ---- Ticks -----------------------------------------------------------------------------------

    def step(self, tick: Tick) -> None:
        if tick.flags & TICK_CONTINUES and not tick.flags & TICK_RANGE:
            raise StatusError("TICK_RANGE")  # Python has no such thing
        if tick.flags & TICK_RANGE:
            self.step_batch([Feed(tick.instrument, [tick])])  # single steps have no range
            return
        quote = (tick.bid_ticks, tick.ask_ticks) if tick.flags & TICK_QUOTED else ()
        self._do(
            lambda engine: engine.step(
                tick.time, tick.price_ticks, tick.qty_lots, tick.side, tick.instrument, *quote
            )
        )

    def step_batch(self, feeds: Sequence[Feed], stop_on: int = 0) -> BatchResult:
        if self.way == "bare" and len(feeds) == 1 and not has_extent(feeds[0]):
            return self._step_bare(feeds[0], stop_on)
        result = self._bound(feeds, lambda engine: engine.advance(stop_on=names_of(stop_on)))
        return BatchResult(ticks_done=result.ticks_done, event_kinds=result.event_kinds)

    def _step_bare(self, feed: Feed, stop_on: int) -> BatchResult:
        times, prices = column_of(feed, "time"), column_of(feed, "price_ticks")
        qtys, sides = column_of(feed, "qty_lots"), column_of(feed, "side").astype(np.uint8)
        options: dict[str, Any] = {
            "symbol": symbol_of(feed.instrument),
            "stop_on": names_of(stop_on),
        }
        result = self._do(
            lambda engine: engine.step_batch_numpy(times, prices, qtys, sides, **options)
        )
        feed.cursor += result.ticks_done
        return BatchResult(ticks_done=result.ticks_done, event_kinds=result.event_kinds)

    def run_orders(self, feeds: Sequence[Feed], schedule: Schedule) -> BatchResult:
        columns = schedule_columns(schedule)
        result = self._bound(feeds, lambda engine: engine.run_orders(columns))
        schedule.cursor += result.rows_done
        return BatchResult(ticks_done=result.ticks_done, rows_done=result.rows_done)

    def _bound(self, feeds: Sequence[Feed], call: Callable[[ts.Engine], Any]) -> Any:
        self._renew()
        if not feeds:
            return BatchResult()  # Python asks for data to be bound first
        with statuses():
            data = {symbol_of(feed.instrument): self._ticks_of(feed) for feed in feeds}
            self._engine.bind(data)
            before = [self._engine.get_snapshot(symbol).tick_index for symbol in data]
            result = call(self._engine)
            after = [self._engine.get_snapshot(symbol).tick_index for symbol in data]
        for feed, first, last in zip(feeds, before, after, strict=True):
            feed.cursor += last - first
        return result

    def _ticks_of(self, feed: Feed) -> ts.Ticks | BarTicks:
        rules = self._config.instruments[feed.instrument]
        return ticks_of(feed, bool(rules.flags & INSTRUMENT_ALLOW_NEGATIVE))

    # ---- Answers ---------------------------------------------------------------------------------

    def snapshot(self, instrument: int = 0) -> Snapshot:
        with statuses():
            s = self._engine.get_snapshot(symbol_of(instrument))
        buckets = [BucketView(*bucket) for bucket in s.buckets.values()]
        return Snapshot(
            instrument=s.instrument,
            order_count=s.order_count,
            alert_count=s.alert_count,
            time=s.ts_ms,
            tick_index=s.tick_index,
            last_price_ticks=s.last_price_ticks,
            position_lots=s.position_lots,
            cost_units=s.cost_units,
            realized_units=s.realized_pnl_units,
            unrealized_units=s.unrealized_pnl_units,
            fees_units=s.fees_units,
            cash_units=s.cash_units,
            in_units=s.deposits_units,
            income_units=s.income_units,
            wallet_fees_units=s.account_fees_units,
            wallet_realized_units=s.account_realized_pnl_units,
            wallet_unrealized_units=s.account_unrealized_pnl_units,
            equity_units=s.equity_units,
            frozen_units=s.frozen_units,
            available_units=s.available_units,
            buckets=(buckets[0], buckets[1], buckets[2], buckets[3]),
        )

    def order(self, order_id: int) -> OrderView:
        with statuses():
            found = self._engine.order(order_id)
        if found is None:
            raise StatusError("ORDER_CLOSED")
        return view_of(found)

    def open_orders(self, instrument: int | None = None) -> list[OrderView]:
        with statuses():
            symbol = None if instrument is None else symbol_of(instrument)
            return [view_of(each) for each in self._engine.open_orders(symbol)]

    def drain(self) -> list[Event]:
        rows = self._engine.drain_events()
        names = rows.dtype.names or ()
        events = [Event(**dict(zip(names, map(int, row), strict=True))) for row in rows.tolist()]
        events, self._drained = self._drained + events, []
        return events

    def digest(self) -> tuple[int, int]:
        return halves(self._engine.digest)

    def state_hash(self) -> tuple[int, int]:
        return halves(self._engine.state_hash)

    def _do(self, call: Callable[[ts.Engine], Any]) -> Any:
        self._renew()
        with statuses():
            return call(self._engine)

    def _renew(self) -> None:
        if self.way == "saved":
            self._drained = self.drain()  # undrained events are not part of the state
            self._engine = ts.Engine.load(self._engine.save())
        elif self.way == "forked":
            self._engine = self._engine.fork()


@contextmanager
def statuses() -> Iterator[None]:
    try:
        yield
    except ts.TickstepError as error:
        raise StatusError(error.name) from error


def name_of(kinds: type[IntEnum], number: int) -> str:
    try:
        return kinds(number).name
    except ValueError as error:
        raise StatusError("UNNAMED") from error


def names_of(stop_on: int) -> list[str] | None:
    return [kind.name for kind in EventKind if stop_on & 1 << kind] or None


def check_market(order: Order) -> None:
    if order.type == OrderType.MARKET and order.price_ticks:
        raise StatusError("FIELD_UNUSED")  # Python ignores the price of a MARKET order


def python_amend(amend: Amend) -> dict[str, int]:
    given = {
        name: getattr(amend, field)
        for bit, name, field in (
            (AMEND_QTY, "qty", "qty_lots"),
            (AMEND_PRICE, "price", "price_ticks"),
            (AMEND_TRIGGER, "trigger", "trigger_ticks"),
            (AMEND_TRAIL, "trail", "trail_ticks"),
        )
        if amend.fields & bit
    }
    if not given:
        raise StatusError("AMEND_FIELDS")
    return given


def python_order(order: Order) -> ts.Order:
    is_alert = order.type in (OrderType.ALERT_PRICE, OrderType.ALERT_TIME)
    if order.flags & ~(FLAG_POST_ONLY | FLAG_REDUCE_ONLY):
        raise StatusError("UNNAMED")
    given: dict[str, Any] = {
        "price": order.price_ticks,
        "trigger": order.trigger_ticks,
        "trail": order.trail_ticks,
        "expire_ts": order.expire_time,
    }
    used = {name: value for name, value in given.items() if value or name in needs(order)}
    if order.offset:
        used["offset"] = name_of(Offset, order.offset)
    return ts.Order(
        name_of(OrderType, order.type),
        name_of(Side, order.side),
        order.qty_lots if order.qty_lots or not is_alert else None,
        time_in_force=name_of(TimeInForce, order.time_in_force),
        post_only=bool(order.flags & FLAG_POST_ONLY),
        reduce_only=bool(order.flags & FLAG_REDUCE_ONLY),
        oco_group=order.oco_group,
        tag=order.tag,
        symbol=symbol_of(order.instrument),
        **used,
    )


def needs(order: Order) -> set[str]:
    """Fields whose 0 is a value of this order, and not "none"."""
    found = set()
    if order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        found.add("price")
    if order.type in (
        OrderType.STOP,
        OrderType.STOP_LIMIT,
        OrderType.MARKET_IF_TOUCHED,
        OrderType.ALERT_PRICE,
    ):
        found.add("trigger")
    if order.type == OrderType.TRAILING_STOP:
        found.add("trail")
    if order.time_in_force == TimeInForce.GTD or order.type == OrderType.ALERT_TIME:
        found.add("expire_ts")
    return found


def view_of(found: ts.OpenOrder) -> OrderView:
    order = Order(
        instrument=int(found.symbol[1:]),
        type=OrderType[found.order_type],
        side=Side[found.side],
        time_in_force=TimeInForce[found.time_in_force],
        offset=Offset[found.offset or "NONE"],
        flags=FLAG_POST_ONLY * found.post_only + FLAG_REDUCE_ONLY * found.reduce_only,
        qty_lots=found.qty_lots,
        price_ticks=found.price_ticks,
        trigger_ticks=found.trigger_ticks,
        trail_ticks=found.trail_ticks,
        expire_time=found.expire_ts or 0,
        oco_group=found.oco_group,
        tag=found.tag,
    )
    return OrderView(
        order_id=found.order_id,
        order=order,
        filled_lots=found.filled_lots,
        placed_time=found.placed_ts,
        trigger_now_ticks=int(found.trigger_now or 0),
        fees_units=int(found.fees_decimal),
        frozen_units=int(found.frozen),
        frozen_lots=int(found.frozen_qty),
        is_triggered=found.is_triggered,
        is_resting=found.is_resting,
    )


def has_extent(feed: Feed, flags: int = TICK_QUOTED | TICK_RANGE) -> bool:
    return bool(feed.ticks) and bool(feed.ticks[0].flags & flags)


def ticks_of(feed: Feed, allow_negative_prices: bool) -> ts.Ticks | BarTicks:
    if has_extent(feed, TICK_RANGE):
        return ranges_of(feed, allow_negative_prices)
    has_quotes = has_extent(feed, TICK_QUOTED)
    return ts.Ticks(
        column_of(feed, "time"),
        column_of(feed, "price_ticks"),
        column_of(feed, "qty_lots"),
        column_of(feed, "side").astype(np.uint8),
        tick_size=1,
        lot=1,
        symbol=symbol_of(feed.instrument),
        bid_ticks=column_of(feed, "bid_ticks") if has_quotes else None,
        ask_ticks=column_of(feed, "ask_ticks") if has_quotes else None,
        allow_negative_prices=allow_negative_prices,
    )


def ranges_of(feed: Feed, allow_negative_prices: bool) -> BarTicks:
    continues = column_of(feed, "flags") & TICK_CONTINUES != 0
    columns = {
        "time": column_of(feed, "time"),
        "price_ticks": column_of(feed, "price_ticks"),
        "low_ticks": column_of(feed, "bid_ticks"),
        "high_ticks": column_of(feed, "ask_ticks"),
        "qty_lots": column_of(feed, "qty_lots"),
        "side": (column_of(feed, "side") + continues * SIDE_CONTINUES).astype(np.uint8),
    }
    return BarTicks.of_rows(
        columns,
        tick_size=1,
        lot=1,
        time_unit="ms",
        symbol=symbol_of(feed.instrument),
        source=None,
        allow_negative_prices=allow_negative_prices,
    )


def column_of(feed: Feed, name: str) -> npt.NDArray[np.int64]:
    return np.array([getattr(tick, name) for tick in feed.ticks[feed.cursor :]], dtype=np.int64)


def schedule_columns(schedule: Schedule) -> dict[str, Any]:
    orders = schedule.orders[schedule.cursor :]
    point = "time" if schedule.time is not None else "tick_index"
    points = getattr(schedule, point)[schedule.cursor :]
    columns: dict[str, Any] = {
        point: np.array(points, dtype=np.int64),
        "order_type": np.array([order.type for order in orders], dtype=np.int64),
        "side": np.array([order.side for order in orders], dtype=np.int64),
        "qty": np.array([order.qty_lots for order in orders], dtype=np.int64),
        "symbol": np.array([symbol_of(order.instrument) for order in orders], dtype=object),
        "post_only": np.array([bool(order.flags & FLAG_POST_ONLY) for order in orders]),
        "reduce_only": np.array([bool(order.flags & FLAG_REDUCE_ONLY) for order in orders]),
    }
    for name, source in (
        ("price", "price_ticks"),
        ("trigger", "trigger_ticks"),
        ("trail", "trail_ticks"),
        ("time_in_force", "time_in_force"),
        ("offset", "offset"),
        ("expire_ts", "expire_time"),
        ("oco_group", "oco_group"),
        ("tag", "tag"),
    ):
        columns[name] = np.array([getattr(order, source) for order in orders], dtype=np.int64)
    return columns


def halves(digest: str) -> tuple[int, int]:
    """(low, high) of 32 hexadecimal digits, high first."""
    return int(digest[16:], 16), int(digest[:16], 16)
