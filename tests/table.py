"""Text tables: a small language that traders read and three drivers run (C, Rust, Python).

One command per line; `#` begins a comment; words stand bare or as `key=value`. Numbers are whole:
ticks, lots, money units; `_` may group digits. A name may always be given as its number instead,
so that bad input can be written down.

    table NAME                      begins a new engine; the next lines configure it
    config      cash= latency= cash_account
    instrument  settle=spot|mark position=net|hedge fill=touch|through qty=full|volume
                participation_ppm= unit= spread_ppb= maker_ppb= taker_ppb= maker_per_lot=
                taker_per_lot= fee_min= step= min= band_low= band_high= allow_negative no_short
                limits_first wallet=    (spot net touch full, unit=1 step=1 min=1, the rest 0)

    tick        t= p= q= side= i= bid= ask=      (q=1 side=buy i=0; a quote needs both sides)
                low= high= continues             (of a tick over a range, instead of a quote)
    place       TYPE SIDE q= p= trigger= trail= tif= expire= oco= tag= i= offset= post_only reduce_only
                (market limit stop stop_limit touched trailing alert_price alert_time; tif=gtc)
    cancel      ID
    amend       ID q= p= trigger= trail=         (a key that is there is a field that is named)
    cancel_all  [i=]
    refuse      as place, with reason= (risk_limit)
    refuse_amend  as amend, with reason=
    post        KIND AMOUNT [i=]                 (deposit withdrawal funding dividend interest borrow)
    settle      p= [i=]
    roll        [PRICE …]                        (one for every instrument, or none)
    feed        as tick: a row for the next batch or run (all rows of a feed alike)
    row         time=T or after=TICK_INDEX, then as place: a schedule row for the next run
    batch       [stop_on=KIND,KIND]              (rows not taken stay for the next batch)
    run

    expect KIND [REASON] id= i= t= index= seq= tag= p= q= fee= realized= position= offset=
                the next event; only what is named is compared. REASON is a reason, or maker|taker
                of filled, the type of accepted, the kind of ledger
    expect none                                  no event is left
    expect error STATUS [feed= row=]             of the command above; otherwise it must be OK
    expect batch done= rows=                     of the batch or run above
    expect snapshot [i=] cash= equity= …         SNAPSHOT_FIELDS below
    expect order ID filled= …                    ORDER_FIELDS below
    expect open [ID …] [i=]                      exactly these orders and alerts are open
    digest      LOW HIGH                         of all events so far, in hexadecimal

Every event must be expected before the next command, with one shorthand: a `place` without an
expected event, error or none below it must be accepted, and nothing else may happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Protocol

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
    TICK_CONTINUES,
    TICK_QUOTED,
    TICK_RANGE,
    Amend,
    BatchResult,
    Config,
    Entry,
    Event,
    EventKind,
    Feed,
    FillRule,
    Instrument,
    Liquidity,
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

# ---- Lines ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One command: its verb, bare words, and keys; prints as it is written."""

    verb: str
    words: tuple[str, ...] = ()
    keys: dict[str, str] = field(default_factory=dict)
    place: str = ""

    def __str__(self) -> str:
        return " ".join([self.verb, *self.words, *(f"{key}={v}" for key, v in self.keys.items())])

    __repr__ = __str__

    def number(self, key: str, default: int = 0) -> int:
        return int(self.keys[key]) if key in self.keys else default

    def named(self, key: str, names: dict[str, int], default: int = 0) -> int:
        return named(self.keys[key], names) if key in self.keys else default

    def has(self, word: str) -> bool:
        return word in self.words


@dataclass(frozen=True)
class Table:
    name: str
    lines: tuple[Line, ...]


class TableError(AssertionError):
    """The engine and the table differ, or the table is not in the language."""


def parse_line(text: str, place: str = "") -> Line | None:
    parts = text.split("#")[0].split()
    if not parts:
        return None
    bare = tuple(part for part in parts[1:] if "=" not in part)
    keys = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
    return Line(parts[0], bare, keys, place)


def parse_file(path: Path) -> Iterator[Table]:
    name, lines = "", list[Line]()
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = parse_line(text, f"{path}:{number}")
        if line is None:
            continue
        if line.verb == "table":
            if name:
                yield Table(name, tuple(lines))
            name, lines = line.words[0], []
        else:
            lines.append(line)
    yield Table(name, tuple(lines))


# ---- Names ---------------------------------------------------------------------------------------


def names_of(numbers: type[IntEnum]) -> dict[str, int]:
    return {member.name.lower(): int(member) for member in numbers}


def named(word: str, names: dict[str, int]) -> int:
    return names[word] if word in names else int(word)


SHORT_NAMES = {"market_if_touched": "touched", "trailing_stop": "trailing"}
TYPES = {SHORT_NAMES.get(name, name): number for name, number in names_of(OrderType).items()}
SIDES, TIMES_IN_FORCE, OFFSETS = names_of(Side), names_of(TimeInForce), names_of(Offset)
KINDS, REASONS, ENTRIES = names_of(EventKind), names_of(Reason), names_of(Entry)
LIQUIDITIES = names_of(Liquidity)
REASONS_OF_KIND = {"accepted": TYPES, "filled": LIQUIDITIES, "ledger": ENTRIES}

EVENT_FIELDS = {
    "id": "order_id",
    "i": "instrument",
    "t": "time",
    "index": "tick_index",
    "seq": "sequence",
    "tag": "tag",
    "p": "price_ticks",
    "q": "qty_lots",
    "fee": "fee_units",
    "realized": "realized_units",
    "position": "position_after_lots",
}
SNAPSHOT_FIELDS = {
    "orders": "order_count",
    "alerts": "alert_count",
    "time": "time",
    "index": "tick_index",
    "last": "last_price_ticks",
    "position": "position_lots",
    "cost": "cost_units",
    "realized": "realized_units",
    "unrealized": "unrealized_units",
    "fees": "fees_units",
    "cash": "cash_units",
    "in": "in_units",
    "income": "income_units",
    "wallet_fees": "wallet_fees_units",
    "wallet_realized": "wallet_realized_units",
    "wallet_unrealized": "wallet_unrealized_units",
    "equity": "equity_units",
    "frozen": "frozen_units",
    "available": "available_units",
}
BUCKETS = ("long_today", "long_yesterday", "short_today", "short_yesterday")  # lots
BUCKET_FIELDS = {
    "": "qty_lots",
    "_frozen": "frozen_lots",
    "_cost": "cost_units",
    "_base": "base_units",
}
ORDER_FIELDS = {
    "filled": "filled_lots",
    "placed": "placed_time",
    "trigger_now": "trigger_now_ticks",
    "fees": "fees_units",
    "frozen": "frozen_units",
    "frozen_lots": "frozen_lots",
    "triggered": "is_triggered",
    "resting": "is_resting",
    "q": "order.qty_lots",
    "p": "order.price_ticks",
    "trigger": "order.trigger_ticks",
    "trail": "order.trail_ticks",
}


# ---- Lines to records ----------------------------------------------------------------------------


def instrument_of(line: Line) -> Instrument:
    flags = line.number("flags")
    flags |= INSTRUMENT_ALLOW_NEGATIVE if line.has("allow_negative") else 0
    flags |= INSTRUMENT_NO_SHORT if line.has("no_short") else 0
    flags |= INSTRUMENT_LIMITS_FIRST if line.has("limits_first") else 0
    flags |= INSTRUMENT_BAND if "band_low" in line.keys else 0
    return Instrument(
        flags=flags,
        settle=line.named("settle", names_of(Settle), Settle.SPOT),
        position_mode=line.named("position", names_of(PositionMode), PositionMode.NET),
        fill_rule=line.named("fill", names_of(FillRule), FillRule.TOUCH),
        qty_rule=line.named("qty", names_of(QtyRule), QtyRule.FULL),
        wallet=line.number("wallet"),
        participation_ppm=line.number("participation_ppm"),
        units_per_tick_lot=line.number("unit", 1),
        spread_ppb=line.number("spread_ppb"),
        maker_fee_ppb=line.number("maker_ppb"),
        taker_fee_ppb=line.number("taker_ppb"),
        maker_fee_units_per_lot=line.number("maker_per_lot"),
        taker_fee_units_per_lot=line.number("taker_per_lot"),
        fee_min_units=line.number("fee_min"),
        qty_step_lots=line.number("step", 1),
        qty_min_lots=line.number("min", 1),
        band_low_ticks=line.number("band_low"),
        band_high_ticks=line.number("band_high"),
    )


def config_of(lines: Sequence[Line]) -> Config:
    first = lines[0] if lines and lines[0].verb == "config" else Line("config")
    return Config(
        instruments=tuple(instrument_of(line) for line in lines if line.verb == "instrument"),
        flags=CONFIG_CASH_ACCOUNT if first.has("cash_account") else 0,
        initial_cash_units=first.number("cash"),
        latency=first.number("latency"),
    )


def tick_of(line: Line) -> Tick:
    flags = TICK_QUOTED if "bid" in line.keys else 0
    flags |= TICK_RANGE if "low" in line.keys else 0
    flags |= TICK_CONTINUES if line.has("continues") else 0
    return Tick(
        time=line.number("t"),
        price_ticks=line.number("p"),
        qty_lots=line.number("q", 1),
        bid_ticks=line.number("low" if "low" in line.keys else "bid"),
        ask_ticks=line.number("high" if "low" in line.keys else "ask"),
        instrument=line.number("i"),
        side=line.named("side", SIDES),
        flags=flags,
    )


def order_of(line: Line) -> Order:
    flags = line.number("flags")
    flags |= FLAG_POST_ONLY if line.has("post_only") else 0
    flags |= FLAG_REDUCE_ONLY if line.has("reduce_only") else 0
    return Order(
        instrument=line.number("i"),
        type=named(line.words[0], TYPES),
        side=named(line.words[1], SIDES),
        time_in_force=line.named("tif", TIMES_IN_FORCE, TimeInForce.GTC),
        offset=line.named("offset", OFFSETS),
        flags=flags,
        qty_lots=line.number("q"),
        price_ticks=line.number("p"),
        trigger_ticks=line.number("trigger"),
        trail_ticks=line.number("trail"),
        expire_time=line.number("expire"),
        oco_group=line.number("oco"),
        tag=line.number("tag"),
    )


def amend_of(line: Line) -> Amend:
    bits = {"q": AMEND_QTY, "p": AMEND_PRICE, "trigger": AMEND_TRIGGER, "trail": AMEND_TRAIL}
    return Amend(
        fields=line.number("fields", sum(bit for key, bit in bits.items() if key in line.keys)),
        qty_lots=line.number("q"),
        price_ticks=line.number("p"),
        trigger_ticks=line.number("trigger"),
        trail_ticks=line.number("trail"),
    )


def refusal_of(line: Line) -> int:
    return named(line.keys["reason"], REASONS) if "reason" in line.keys else Reason.RISK_LIMIT


# ---- Running -------------------------------------------------------------------------------------


class Engine(Protocol):
    """What a driver asks of an engine: the oracle, or an adapter over the native one.

    Refused calls raise StatusError.
    """

    def place(self, order: Order) -> int: ...
    def cancel(self, order_id: int) -> None: ...
    def cancel_all(self, instrument: int | None = None) -> None: ...
    def amend(self, order_id: int, amend: Amend) -> None: ...
    def refuse(self, order: Order, reason: int) -> int: ...
    def refuse_amend(self, order_id: int, amend: Amend, reason: int) -> None: ...
    def ledger_post(self, instrument: int, kind: int, amount_units: int) -> None: ...
    def settle_at(self, instrument: int, price_ticks: int) -> None: ...
    def day_roll(self, prices_ticks: Sequence[int] | None = None) -> None: ...
    def step(self, tick: Tick) -> None: ...
    def step_batch(self, feeds: Sequence[Feed], stop_on: int = 0) -> BatchResult: ...
    def run_orders(self, feeds: Sequence[Feed], schedule: Schedule) -> BatchResult: ...
    def snapshot(self, instrument: int = 0) -> Snapshot: ...
    def order(self, order_id: int) -> OrderView: ...
    def open_orders(self, instrument: int | None = None) -> list[OrderView]: ...
    def drain(self) -> list[Event]: ...
    def digest(self) -> tuple[int, int]: ...


class Runner:
    """Carries commands to one engine; keeps the rows of the next batch or run."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.result = BatchResult()
        self._feeds: dict[int, Feed] = {}
        self._schedule_orders: list[Order] = []
        self._schedule_points: list[int] = []
        self._schedules_by_time = True
        self._is_fed = False

    def run(self, line: Line) -> None:
        getattr(self, f"_{line.verb}")(line)

    def _tick(self, line: Line) -> None:
        self.engine.step(tick_of(line))

    def _place(self, line: Line) -> None:
        self.engine.place(order_of(line))

    def _cancel(self, line: Line) -> None:
        self.engine.cancel(int(line.words[0]))

    def _cancel_all(self, line: Line) -> None:
        self.engine.cancel_all(line.number("i") if "i" in line.keys else None)

    def _amend(self, line: Line) -> None:
        self.engine.amend(int(line.words[0]), amend_of(line))

    def _refuse(self, line: Line) -> None:
        self.engine.refuse(order_of(line), refusal_of(line))

    def _refuse_amend(self, line: Line) -> None:
        self.engine.refuse_amend(int(line.words[0]), amend_of(line), refusal_of(line))

    def _post(self, line: Line) -> None:
        kind = named(line.words[0], ENTRIES)
        self.engine.ledger_post(line.number("i"), kind, int(line.words[1]))

    def _settle(self, line: Line) -> None:
        self.engine.settle_at(line.number("i"), line.number("p"))

    def _roll(self, line: Line) -> None:
        self.engine.day_roll([int(word) for word in line.words] or None)

    def _feed(self, line: Line) -> None:
        self._begin_rows()
        tick = tick_of(line)
        feed = self._feeds.setdefault(tick.instrument, Feed(tick.instrument, []))
        feed.ticks = [*feed.ticks, tick]

    def _row(self, line: Line) -> None:
        self._begin_rows()
        self._schedule_orders.append(order_of(line))
        self._schedules_by_time = "time" in line.keys
        self._schedule_points.append(line.number("time" if self._schedules_by_time else "after"))

    def _begin_rows(self) -> None:
        if self._is_fed:
            self._feeds, self._schedule_orders, self._schedule_points = {}, [], []
        self._is_fed = False

    def _batch(self, line: Line) -> None:
        self._is_fed = True
        kinds = line.keys["stop_on"].split(",") if "stop_on" in line.keys else []
        stop_on = sum(1 << KINDS[kind] for kind in kinds)
        self.result = self.engine.step_batch(self._sorted_feeds(), stop_on)

    def _run(self, line: Line) -> None:
        self._is_fed = True
        points = self._schedule_points
        schedule = Schedule(
            self._schedule_orders,
            time=points if self._schedules_by_time else None,
            tick_index=None if self._schedules_by_time else points,
        )
        self.result = self.engine.run_orders(self._sorted_feeds(), schedule)

    def _sorted_feeds(self) -> list[Feed]:
        return [self._feeds[instrument] for instrument in sorted(self._feeds)]


class Driver:
    """Runs one table and raises TableError at the first difference."""

    def __init__(self, make_engine: Callable[[Config], Engine]) -> None:
        self.make_engine = make_engine
        self.runner: Runner | None = None
        self.error: StatusError | None = None
        self.error_is_seen = True
        self.events: list[Event] = []
        self.command = Line("table")
        self.has_expected = False

    def run(self, table: Table) -> None:
        settings = [line for line in table.lines if line.verb in ("config", "instrument")]
        self._call(Line("config", place=settings[0].place), lambda: self._make(settings))
        for line in table.lines[len(settings) :]:
            try:
                self._run_line(line)
            except (KeyError, IndexError, ValueError, AttributeError) as error:
                raise TableError(f"{line.place}: cannot read this line: {error!r}") from error
        self._finish_command(self.command)

    def _make(self, settings: Sequence[Line]) -> None:
        self.runner = Runner(self.make_engine(config_of(settings)))

    def _run_line(self, line: Line) -> None:
        if line.verb == "expect":
            self._expect(line)
        elif line.verb == "digest":
            self._compare(line, "digest", self._digest_text(), " ".join(line.words))
        else:
            self._finish_command(line)
            assert self.runner is not None
            self._call(line, lambda runner=self.runner: runner.run(line))  # type: ignore[misc]

    def _call(self, line: Line, call: Callable[[], None]) -> None:
        self.command, self.error, self.error_is_seen = line, None, True
        self.has_expected = False
        try:
            call()
        except StatusError as error:
            self.error, self.error_is_seen = error, False
        if self.runner is not None:
            self.events += self.runner.engine.drain()

    def _finish_command(self, line: Line) -> None:
        """Before `line`: the command above must be fully expected."""
        if not self.error_is_seen and self.error is not None:
            raise TableError(f"{self.command.place}: {self.error.name}: {self.command}")
        is_plain_place = self.command.verb == "place" and not self.has_expected
        if is_plain_place and [event.kind for event in self.events] == [EventKind.ACCEPTED]:
            self.events = []
        if self.events:
            raise TableError(f"{line.place}: not expected before: {self.events[0]}")

    def _expect(self, line: Line) -> None:
        what, *rest = line.words
        if what == "none":
            self.has_expected = True
            self._finish_command(line)
        elif what == "error":
            self.has_expected = True
            actual = self.error.name if self.error else "OK"
            self._compare(line, "status", actual, rest[0])
            self._compare_keys(line, self.error, {"feed": "bad_feed", "row": "bad_row"})
            self.error_is_seen = True
        elif what == "batch":
            result = self._runner().result
            self._compare_keys(line, result, {"done": "ticks_done", "rows": "rows_done"})
        elif what == "snapshot":
            self._expect_snapshot(line)
        elif what == "order":
            view = self._runner().engine.order(int(rest[0]))
            self._compare_keys(line, view, ORDER_FIELDS)
        elif what == "open":
            instrument = line.number("i") if "i" in line.keys else None
            views = self._runner().engine.open_orders(instrument)
            self._compare(line, "open", [v.order_id for v in views], [int(w) for w in rest])
        else:
            self._expect_event(line)

    def _expect_event(self, line: Line) -> None:
        what, *rest = line.words
        self.has_expected = True
        if not self.events:
            raise TableError(f"{line.place}: no event is left: {line}")
        event = self.events.pop(0)
        self._compare(line, f"kind of {event}", event.kind, KINDS[what])
        if rest:
            reason = named(rest[0], REASONS_OF_KIND.get(what, REASONS))
            self._compare(line, f"reason of {event}", event.reason % 256, reason)
        if "offset" in line.keys:
            offset = line.named("offset", OFFSETS)
            self._compare(line, f"offset of {event}", event.reason // 256, offset)
        self._compare_keys(line, event, EVENT_FIELDS, frozenset({"offset"}))

    def _expect_snapshot(self, line: Line) -> None:
        snapshot = self._runner().engine.snapshot(line.number("i"))
        self._compare_keys(line, snapshot, snapshot_paths(), frozenset({"i"}))

    def _compare_keys(
        self,
        line: Line,
        record: object,
        fields: dict[str, str],
        others: frozenset[str] = frozenset(),
    ) -> None:
        for key in line.keys:
            if key not in others:
                actual = part_of(record, fields[key])
                self._compare(line, f"{key} of {record}", actual, line.number(key))

    def _compare(self, line: Line, what: str, actual: object, expected: object) -> None:
        if actual != expected:
            raise TableError(f"{line.place}: expected {expected}, was {actual}: {what}")

    def _runner(self) -> Runner:
        assert self.runner is not None
        return self.runner

    def _digest_text(self) -> str:
        low, high = self._runner().engine.digest()
        return f"{low:016x} {high:016x}"


def snapshot_paths() -> dict[str, str]:
    """Where each key of `expect snapshot` is found in a Snapshot."""
    paths = dict(SNAPSHOT_FIELDS)
    for index, bucket in enumerate(BUCKETS):
        for ending, name in BUCKET_FIELDS.items():
            paths[bucket + ending] = f"buckets.{index}.{name}"
    return paths


def part_of(record: object, path: str) -> object:
    for name in path.split("."):
        record = record[int(name)] if isinstance(record, tuple) else getattr(record, name)
    return record
