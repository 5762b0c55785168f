"""A grid of limit orders over columns of trades, through cffi, without compiling anything.

    python backtest.py FOLDER [PREFIX]

FOLDER holds time.i64, price.i64, qty.i64 and side.u8: little-endian columns of equal length. PREFIX
is where the library was installed (`make install PREFIX=...`); without it pkg-config is asked.
The rule and the output are those of examples/c/backtest.c.

The declarations are read from the installed header itself, preprocessed by the C compiler, so that
they cannot drift from the library.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cffi import FFI

LEVELS = 10
QTY_LOTS = 1000
EVENTS_AT_ONCE = 64


def prefix_of_pkg_config() -> Path:
    command = ["pkg-config", "--variable=prefix", "tickstep"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit("backtest: tickstep is not installed: name its prefix, or set PKG_CONFIG_PATH")
    return Path(answer.stdout.strip())


def declarations(header: Path) -> str:
    """What the header declares, with macros expanded and no system header in it."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        sys.exit("backtest: a C compiler is needed to read the header: install one, or set CC")
    with tempfile.TemporaryDirectory() as empty:
        for name in ("stdbool.h", "stddef.h", "stdint.h"):  # cffi knows their types itself
            Path(empty, name).touch()
        command = [compiler, "-E", "-P", "-nostdinc", "-I", empty, str(header)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Backtest:
    def __init__(self, prefix: Path) -> None:
        self.ffi = FFI()
        self.ffi.cdef(declarations(prefix / "include" / "tickstep.h"))
        self.tks: Any = self.ffi.dlopen(str(prefix / "lib" / "libtickstep.so"))
        self.instrument = self.new("tks_instrument")
        self.config = self.new("tks_config")
        self.fills = 0
        self.step_ticks = 1
        self.configure()
        self.memory = self.new_block()
        self.engine = self.from_block(self.tks.tks_engine_init, self.memory)

    def new(self, name: str) -> Any:
        """A zeroed struct that tells its own size."""
        struct = self.ffi.new(f"{name} *")
        struct.struct_size = self.ffi.sizeof(name)
        return struct

    def require_ok(self, status: int) -> None:
        if status != self.tks.TKS_STATUS_OK:
            message = self.ffi.string(self.tks.tks_status_message(status))
            sys.exit(f"backtest: {message.decode()}")

    # ---- The engine ----

    def configure(self) -> None:
        tks, instrument, config = self.tks, self.instrument, self.config
        instrument.settle = tks.TKS_SETTLE_SPOT
        instrument.position_mode = tks.TKS_POSITION_NET
        instrument.fill_rule = tks.TKS_FILL_TOUCH
        instrument.qty_rule = tks.TKS_QTY_FULL
        instrument.orders_max = 2 * LEVELS
        instrument.units_per_tick_lot = 1
        instrument.maker_fee_ppb = 20_000
        instrument.taker_fee_ppb = 50_000
        instrument.qty_step_lots = 1
        instrument.qty_min_lots = 1
        config.instrument_count = 1
        config.events_max = EVENTS_AT_ONCE
        config.initial_cash_units = 10**15
        config.instruments = instrument

    def new_block(self) -> Any:
        size = self.ffi.new("size_t *")
        self.require_ok(self.tks.tks_engine_size(self.config, size))
        return self.ffi.new("uint64_t[]", (size[0] + 7) // 8)  # of words: aligned

    def from_block(self, make: Any, memory: Any, *source: Any) -> Any:
        engine = self.ffi.new("tks_engine **")
        self.require_ok(make(memory, self.ffi.sizeof(memory), self.config, *source, engine))
        return engine[0]

    def grow(self) -> None:
        """Move the engine into a block with twice the room: the answer to CAPACITY."""
        self.instrument.orders_max *= 2
        self.config.events_max *= 2
        memory = self.new_block()
        self.engine = self.from_block(self.tks.tks_engine_copy, memory, self.engine)
        self.memory = memory  # keeps the block alive, and lets the old one go

    # ---- Columns ----

    def read_column(self, path: Path, kind: str) -> Any:
        return self.ffi.from_buffer(f"{kind}[]", path.read_bytes())

    def read_feed(self, folder: Path) -> Any:
        """Checked once, so that each of the many batches need not check again."""
        feed = self.new("tks_feed")
        self.columns = [
            self.read_column(folder / "time.i64", "int64_t"),
            self.read_column(folder / "price.i64", "int64_t"),
            self.read_column(folder / "qty.i64", "int64_t"),
            self.read_column(folder / "side.u8", "uint8_t"),
        ]
        feed.time, feed.price_ticks, feed.qty_lots, feed.side = self.columns
        if len({len(column) for column in self.columns}) != 1 or len(self.columns[0]) == 0:
            sys.exit("backtest: the columns are empty or of different length")
        feed.count = len(self.columns[0])
        bad_row = self.ffi.new("uint64_t *")
        self.require_ok(self.tks.tks_feed_check(feed, self.instrument, bad_row))
        feed.flags = self.tks.TKS_FEED_CHECKED
        feed.zone_map_size = self.tks.tks_zone_map_size(feed.count)
        self.zone_map = self.ffi.new("uint64_t[]", feed.zone_map_size // 8)
        self.require_ok(
            self.tks.tks_zone_map_build(
                self.zone_map, feed.zone_map_size, feed.price_ticks, feed.count
            )
        )
        feed.zone_map = self.zone_map
        return feed

    # ---- The rule ----

    def place_limit(self, side: int, qty_lots: int, price_ticks: int, tag: int) -> None:
        order = self.new("tks_order")
        order.type = self.tks.TKS_ORDER_LIMIT
        order.side = side
        order.time_in_force = self.tks.TKS_TIF_GTC
        order.qty_lots = qty_lots
        order.price_ticks = price_ticks
        order.tag = tag
        order_id = self.ffi.new("uint64_t *")
        status = self.tks.tks_order_place(self.engine, order, order_id)
        while status == self.tks.TKS_STATUS_CAPACITY:
            self.grow()
            status = self.tks.tks_order_place(self.engine, order, order_id)
        self.require_ok(status)

    def place_grid(self, first_price: int) -> None:
        self.step_ticks = max(1, first_price // 2000)
        for side, direction in ((self.tks.TKS_SIDE_BUY, -1), (self.tks.TKS_SIDE_SELL, 1)):
            for k in range(1, LEVELS + 1):
                self.place_limit(side, QTY_LOTS, first_price + direction * k * self.step_ticks, k)

    def answer_events(self) -> None:
        events = self.ffi.new("tks_event[]", EVENTS_AT_ONCE)
        count = self.ffi.new("uint32_t *", 1)
        while count[0]:
            self.require_ok(self.tks.tks_events_drain(self.engine, events, EVENTS_AT_ONCE, count))
            for event in events[0 : count[0]]:
                if event.kind == self.tks.TKS_EVENT_FILLED:
                    self.answer_fill(event)

    def answer_fill(self, event: Any) -> None:
        self.fills += 1
        qty, price, step = event.qty_lots, event.price_ticks, self.step_ticks
        if qty > 0:
            self.place_limit(self.tks.TKS_SIDE_SELL, qty, price + step, event.tag)
        else:
            self.place_limit(self.tks.TKS_SIDE_BUY, -qty, price - step, event.tag)

    def run(self, feed: Any) -> None:
        result = self.new("tks_batch_result")
        stop_on = 1 << self.tks.TKS_EVENT_FILLED
        while feed.cursor < feed.count:
            self.answer_events()
            status = self.tks.tks_step_batch(self.engine, feed, 1, stop_on, result)
            if status == self.tks.TKS_STATUS_CAPACITY:
                self.grow()
            else:
                self.require_ok(status)
        self.answer_events()

    def print_outcome(self) -> None:
        digest = self.ffi.new("tks_digest *")
        snapshot = self.ffi.new("tks_snapshot *")
        self.require_ok(self.tks.tks_event_digest(self.engine, digest))
        self.require_ok(self.tks.tks_snapshot_get(self.engine, 0, snapshot))
        print(f"digest {digest.high:016x}{digest.low:016x}")
        account = f"cash {snapshot.cash_units} position {snapshot.position_lots}"
        print(f"{account} fills {self.fills}")


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: backtest.py FOLDER [PREFIX]")
    prefix = Path(sys.argv[2]) if len(sys.argv) == 3 else prefix_of_pkg_config()
    backtest = Backtest(prefix)
    feed = backtest.read_feed(Path(sys.argv[1]))
    backtest.place_grid(feed.price_ticks[0])
    backtest.run(feed)
    backtest.print_outcome()


if __name__ == "__main__":
    main()
