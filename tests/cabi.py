"""The C library through cffi, as an engine that tables and scripts drive.

cffi reads the shipped header after the C preprocessor, so a declaration that drifts from the library
is a failure here and not a surprise in a user's program. The shared library is built from `core/`
once for a test session.

A `CabiEngine` takes its ticks in one of three ways that must not differ: stepping, as a batch of bare
columns, or as a batch with a zone map. Its capacities are small and grow by `tks_engine_copy`.
"""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from cffi import FFI

from records import (
    FEED_RANGES,
    SIDE_CONTINUES,
    TICK_CONTINUES,
    TICK_QUOTED,
    TICK_RANGE,
    Amend,
    BatchResult,
    BucketView,
    Config,
    Event,
    Feed,
    Order,
    OrderView,
    Schedule,
    Snapshot,
    StatusError,
    Tick,
)

ROOT = Path(__file__).parent.parent
WAYS = ("step", "batch", "zones", "saved")
CAPACITY, OK = 70, 0
INSTRUMENT_ALL = 2**32 - 1
# What a row of columns can be.
COLUMN_FLAGS = (0, TICK_QUOTED, TICK_RANGE, TICK_RANGE | TICK_CONTINUES)


def preprocessed_header() -> str:
    header = ROOT / "include" / "tickstep.h"
    command = [os.environ.get("CC", "cc"), "-E", "-P", "-D__attribute__(x)=", str(header)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # What the three standard headers bring is known to cffi; ours begins at the first list.
    return text[text.index("typedef enum tks_status") :]


def build_library(folder: Path) -> Path:
    library = folder / "libtickstep.so"
    sources = sorted(str(path) for path in (ROOT / "core").glob("*.c"))
    compiler = os.environ.get("CC", "cc")
    flags = ["-std=c11", "-O2", "-shared", "-fPIC", f"-I{ROOT / 'include'}"]
    subprocess.run([compiler, *flags, "-o", str(library), *sources], check=True)
    return library


@functools.cache
def load() -> tuple[FFI, Any]:
    ffi = FFI()
    ffi.cdef(preprocessed_header())
    folder = tempfile.TemporaryDirectory(prefix="tickstep-cabi-")
    _folders.append(folder)  # lives as long as the library is loaded
    return ffi, ffi.dlopen(str(build_library(Path(folder.name))))


_folders: list[tempfile.TemporaryDirectory[str]] = []


class CabiEngine:
    """`way` says how ticks are taken; `orders_max` and `events_max` are what growth begins from."""

    def __init__(
        self, config: Config, way: str = "step", orders_max: int = 2, events_max: int = 4
    ) -> None:
        self.ffi, self.lib = load()
        self.way = way
        self._drained: list[Event] = []
        self._instruments = self.ffi.new("tks_instrument[]", len(config.instruments))
        for struct, instrument in zip(self._instruments, config.instruments, strict=True):
            fill(struct, instrument)
            struct.struct_size = self.ffi.sizeof("tks_instrument")
            struct.orders_max = orders_max
        self._config = self.ffi.new("tks_config *")
        self._config.struct_size = self.ffi.sizeof("tks_config")
        self._config.flags = config.flags
        self._config.instrument_count = len(config.instruments)
        self._config.events_max = events_max
        self._config.initial_cash_units = config.initial_cash_units
        self._config.latency = config.latency
        self._config.instruments = self._instruments
        self._engine = self._made(
            lambda memory, size, out: self.lib.tks_engine_init(memory, size, self._config, out)
        )

    # ---- Commands --------------------------------------------------------------------------------

    def place(self, order: Order) -> int:
        order_id = self.ffi.new("uint64_t *")
        struct = self._struct("tks_order *", order)
        self._call(lambda: self.lib.tks_order_place(self._engine, struct, order_id))
        return int(order_id[0])

    def cancel(self, order_id: int) -> None:
        self._call(lambda: self.lib.tks_order_cancel(self._engine, order_id))

    def cancel_all(self, instrument: int | None = None) -> None:
        which = INSTRUMENT_ALL if instrument is None else instrument
        self._call(lambda: self.lib.tks_orders_cancel(self._engine, which))

    def amend(self, order_id: int, amend: Amend) -> None:
        struct = self._struct("tks_amend *", amend)
        self._call(lambda: self.lib.tks_order_amend(self._engine, order_id, struct))

    def refuse(self, order: Order, reason: int) -> int:
        order_id = self.ffi.new("uint64_t *")
        struct = self._struct("tks_order *", order)
        self._call(lambda: self.lib.tks_order_refuse(self._engine, struct, reason, order_id))
        return int(order_id[0])

    def refuse_amend(self, order_id: int, amend: Amend, reason: int) -> None:
        struct = self._struct("tks_amend *", amend)
        self._call(lambda: self.lib.tks_amend_refuse(self._engine, order_id, struct, reason))

    def ledger_post(self, instrument: int, kind: int, amount_units: int) -> None:
        self._call(lambda: self.lib.tks_ledger_post(self._engine, instrument, kind, amount_units))

    def settle_at(self, instrument: int, price_ticks: int) -> None:
        self._call(lambda: self.lib.tks_settle_at(self._engine, instrument, price_ticks))

    def day_roll(self, prices_ticks: Sequence[int] | None = None) -> None:
        prices = self.ffi.NULL if prices_ticks is None else self._column("int64_t", prices_ticks)
        self._call(lambda: self.lib.tks_day_roll(self._engine, prices))

    # ---- Ticks -----------------------------------------------------------------------------------

    def step(self, tick: Tick) -> None:
        if self.way in ("batch", "zones") and tick.flags in COLUMN_FLAGS:
            self.step_batch([Feed(tick.instrument, [tick])])
            return
        struct = self.ffi.new("tks_tick *")
        fill(struct, tick)
        self._call(lambda: self.lib.tks_step(self._engine, struct))

    def step_batch(self, feeds: Sequence[Feed], stop_on: int = 0) -> BatchResult:
        structs, kept = self._feeds(feeds)
        run = self.lib.tks_step_batch
        return self._batch(
            feeds,
            structs,
            kept,
            lambda result: run(self._engine, structs, len(feeds), stop_on, result),
        )

    def run_orders(self, feeds: Sequence[Feed], schedule: Schedule) -> BatchResult:
        structs, kept = self._feeds(feeds)
        rows = self._schedule(schedule, kept)
        run = self.lib.tks_run_orders

        def call(result: Any) -> int:
            status = int(run(self._engine, structs, len(feeds), rows, result))
            if status == CAPACITY:
                rows.flags = 1  # TKS_SCHEDULE_CHECKED: going on
            return status

        done = self._batch(feeds, structs, kept, call)
        schedule.cursor = int(rows.cursor)
        return done

    # ---- Answers ---------------------------------------------------------------------------------

    def snapshot(self, instrument: int = 0) -> Snapshot:
        struct = self.ffi.new("tks_snapshot *")
        self._call(lambda: self.lib.tks_snapshot_get(self._engine, instrument, struct))
        buckets = [
            BucketView(b.qty_lots, b.frozen_lots, b.cost_units, b.base_units)
            for b in struct.buckets
        ]
        names = [field.name for field in fields(Snapshot) if field.name != "buckets"]
        numbers = {name: int(getattr(struct, name)) for name in names}
        return Snapshot(**numbers, buckets=(buckets[0], buckets[1], buckets[2], buckets[3]))

    def order(self, order_id: int) -> OrderView:
        struct = self.ffi.new("tks_order_view *")
        self._call(lambda: self.lib.tks_order_get(self._engine, order_id, struct))
        return view_of(struct)

    def open_orders(self, instrument: int | None = None) -> list[OrderView]:
        which = INSTRUMENT_ALL if instrument is None else instrument
        views: list[OrderView] = []
        structs = self.ffi.new("tks_order_view[]", 64)
        count = self.ffi.new("uint32_t *", 1)
        ask = self.lib.tks_orders_open
        while count[0]:
            after = views[-1].order_id if views else 0
            self._check(ask(self._engine, which, after, structs, 64, count))
            views += [view_of(structs[i]) for i in range(count[0])]
        return views

    def drain(self) -> list[Event]:
        self._drain_ring()
        events, self._drained = self._drained, []
        return events

    def digest(self) -> tuple[int, int]:
        return self._digest(self.lib.tks_event_digest)

    def state_hash(self) -> tuple[int, int]:
        return self._digest(self.lib.tks_state_hash)

    # ---- Inside ----------------------------------------------------------------------------------

    def _made(self, make: Callable[[Any, int, Any], int]) -> Any:
        """A block for the present capacities, and what `make` puts there."""
        size = self.ffi.new("size_t *")
        self._check(self.lib.tks_engine_size(self._config, size))
        memory = self.ffi.new("uint64_t[]", size[0] // 8 + 1)
        out = self.ffi.new("tks_engine **")
        self._check(make(memory, size[0], out))
        self._memory = memory
        return out[0]

    def _check(self, status: int, bad_feed: int = 0, bad_row: int = 0) -> None:
        if status != OK:
            name = self.ffi.string(self.lib.tks_status_name(status)).decode()
            raise StatusError(name, bad_feed, bad_row)

    def _call(self, call: Callable[[], int]) -> None:
        if self.way == "saved":
            self._save_and_load()
        status = call()
        while status == CAPACITY:
            self._make_room()
            status = call()
        self._check(status)

    def _make_room(self) -> None:
        if self._drain_ring():
            return
        for struct in self._instruments:
            struct.orders_max *= 2
        self._config.events_max *= 2
        self._config.commands_max = 2 * self._config.commands_max + 1
        source = self._engine
        self._engine = self._made(
            lambda memory, size, out: self.lib.tks_engine_copy(
                memory, size, self._config, source, out
            )
        )

    def _save_and_load(self) -> None:
        self._drain_ring()  # undrained events are not part of the state
        size = self.ffi.new("size_t *")
        self._check(self.lib.tks_state_size(self._engine, size))
        data = self.ffi.new("unsigned char[]", size[0])
        self._check(self.lib.tks_state_save(self._engine, data, size[0], size))
        self._engine = self._made(
            lambda memory, room, out: self.lib.tks_state_load(
                memory, room, self._config, data, size[0], out
            )
        )

    def _drain_ring(self) -> int:
        structs = self.ffi.new("tks_event[]", 256)
        count = self.ffi.new("uint32_t *", 1)
        drained = 0
        while count[0]:
            self._check(self.lib.tks_events_drain(self._engine, structs, 256, count))
            names = [field.name for field in fields(Event)]
            for i in range(count[0]):
                self._drained.append(
                    Event(**{name: int(getattr(structs[i], name)) for name in names})
                )
            drained += count[0]
        return drained

    def _struct(self, kind: str, record: object) -> Any:
        struct = self.ffi.new(kind)
        fill(struct, record)
        struct.struct_size = self.ffi.sizeof(struct[0])
        return struct

    def _column(self, kind: str, values: Sequence[int]) -> Any:
        return self.ffi.new(f"{kind}[]", list(values))

    def _feeds(self, feeds: Sequence[Feed]) -> tuple[Any, list[Any]]:
        kept: list[Any] = []  # columns must outlive the call
        structs = self.ffi.new("tks_feed[]", max(len(feeds), 1))
        for struct, feed in zip(structs, feeds, strict=False):
            struct.struct_size = self.ffi.sizeof("tks_feed")
            struct.instrument = feed.instrument
            struct.cursor, struct.count = feed.cursor, len(feed.ticks)
            names = ["time", "price_ticks", "qty_lots"]
            has_ranges = bool(feed.ticks) and bool(feed.ticks[0].flags & TICK_RANGE)
            struct.flags = FEED_RANGES if has_ranges else 0
            if has_ranges or (feed.ticks and feed.ticks[0].flags & TICK_QUOTED):
                names += ["bid_ticks", "ask_ticks"]
            for name in names:
                kept.append(self._column("int64_t", [getattr(tick, name) for tick in feed.ticks]))
                setattr(struct, name, kept[-1])
            kept.append(self._column("uint8_t", [side_of(tick) for tick in feed.ticks]))
            struct.side = kept[-1]
            if self.way == "zones":
                kept.append(self._zone_map(struct))
        return structs, kept

    def _zone_map(self, feed: Any) -> Any:
        size = self.lib.tks_zone_map_size(feed.count)
        memory = self.ffi.new("uint64_t[]", size // 8)
        if feed.flags & FEED_RANGES:
            low, high = feed.low_ticks, feed.high_ticks
            status = self.lib.tks_zone_map_build_ranges(memory, size, low, high, feed.count)
        else:
            status = self.lib.tks_zone_map_build(memory, size, feed.price_ticks, feed.count)
        self._check(status)
        feed.zone_map, feed.zone_map_size = memory, size
        return memory

    def _schedule(self, schedule: Schedule, kept: list[Any]) -> Any:
        struct = self.ffi.new("tks_schedule *")
        struct.struct_size = self.ffi.sizeof("tks_schedule")
        struct.cursor, struct.count = schedule.cursor, len(schedule.orders)
        columns = {
            "instrument": ("uint32_t", "instrument"),
            "type": ("uint8_t", "type"),
            "side": ("uint8_t", "side"),
            "time_in_force": ("uint8_t", "time_in_force"),
            "offset": ("uint8_t", "offset"),
            "order_flags": ("uint32_t", "flags"),
            "qty_lots": ("int64_t", "qty_lots"),
            "price_ticks": ("int64_t", "price_ticks"),
            "trigger_ticks": ("int64_t", "trigger_ticks"),
            "trail_ticks": ("int64_t", "trail_ticks"),
            "expire_time": ("int64_t", "expire_time"),
            "oco_group": ("uint64_t", "oco_group"),
            "tag": ("uint64_t", "tag"),
        }
        for name, (kind, source) in columns.items():
            kept.append(self._column(kind, [getattr(order, source) for order in schedule.orders]))
            setattr(struct, name, kept[-1])
        for name in ("time", "tick_index"):
            points = getattr(schedule, name)
            if points is not None:
                kept.append(self._column("int64_t", points))
                setattr(struct, name, kept[-1])
        return struct

    def _batch(
        self, feeds: Sequence[Feed], structs: Any, kept: list[Any], call: Callable[[Any], int]
    ) -> BatchResult:
        if self.way == "saved":
            self._save_and_load()
        result = self.ffi.new("tks_batch_result *")
        result.struct_size = self.ffi.sizeof("tks_batch_result")
        done = BatchResult()
        status = CAPACITY
        while status == CAPACITY:
            status = call(result)
            done.ticks_done += int(result.ticks_done)
            done.rows_done += int(result.rows_done)
            done.event_kinds = int(result.event_kinds)
            if status == CAPACITY:
                self._make_room()
        for feed, struct in zip(feeds, structs, strict=False):
            feed.cursor = int(struct.cursor)
        del kept  # held until here
        self._check(status, int(result.bad_feed), int(result.bad_row))
        return done

    def _digest(self, ask: Callable[[Any, Any], int]) -> tuple[int, int]:
        struct = self.ffi.new("tks_digest *")
        self._check(ask(self._engine, struct))
        return int(struct.low), int(struct.high)


def side_of(tick: Tick) -> int:
    """The side of a row; it also tells whether a range continues the row before."""
    return tick.side | (SIDE_CONTINUES if tick.flags & TICK_CONTINUES else 0)


def fill(struct: Any, record: object) -> None:
    for field in fields(record):  # type: ignore[arg-type]
        setattr(struct, field.name, int(getattr(record, field.name)))


def view_of(struct: Any) -> OrderView:
    order = Order(**{field.name: int(getattr(struct.order, field.name)) for field in fields(Order)})
    numbers = {
        field.name: int(getattr(struct, field.name))
        for field in fields(OrderView)
        if field.name not in ("order", "is_triggered", "is_resting")
    }
    return OrderView(
        order=order,
        is_triggered=bool(struct.is_triggered),
        is_resting=bool(struct.is_resting),
        **numbers,
    )
