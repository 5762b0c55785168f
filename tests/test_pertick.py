"""Native strategies: the same events as the class that does the same, in every language."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.demo import sample
from tickstep.native import Compiled, NativeTick
from tickstep.strategy import Fill
from tickstep.ticks import Ticks

ROOT = Path(__file__).parent.parent
SAMPLE = sample(30_000)
FREE: dict[str, Any] = {"alternatives": False}
RULES: list[dict[str, Any]] = [
    {"latency": 0, "fill": "touch"},
    {},
    {"latency": 5, "quantity": "volume", "participation": 0.5},
    {"quantity": "volume", "participation": 0.1, "fill": "touch", "account": "cash"},
]


def walk(seed: int, rows: int = 4000) -> Ticks:
    random = np.random.default_rng(seed)
    return ts.Ticks.from_arrays(
        np.cumsum(random.integers(0, 3, rows)),
        1000 + np.cumsum(random.integers(-3, 4, rows)).clip(-800, 800),
        random.integers(1, 20, rows),
        random.integers(0, 2, rows),
        tick_size=1,
        lot=1,
        symbol="A",
    )


def compiled(source: str, folder: Path, name: str = "strategy") -> Path:
    """A shared library of C code, by whatever compiler there is."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    assert compiler is not None, "there is no C compiler"
    library, code = folder / f"{name}.so", folder / f"{name}.c"
    code.write_text(source, encoding="utf-8")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, f"-I{ts.get_include()}", code, "-o", library], check=True)
    return library


class Mean(ts.Strategy):
    """Below its mean it buys, above it sells: at the market, one order at a time."""

    def on_start(self) -> None:
        self.shifted = 0

    def on_tick(self, tick: Any) -> None:
        self.shifted = self.shifted or 256 * tick.price_ticks
        self.shifted += tick.price_ticks - (self.shifted >> 8)
        mean, held = self.shifted >> 8, round(self.position)
        if held == 0 and tick.price_ticks < mean - 20:
            self.order(ts.Order("MARKET", "BUY", 5))
        if held > 0 and tick.price_ticks > mean:
            self.order(ts.Order("MARKET", "SELL", held))


def mean(state: int, tick: NativeTick) -> tuple[int, int]:
    shifted = state if state != 0 else 256 * tick.price_ticks
    shifted += tick.price_ticks - (shifted >> 8)
    at, wish = shifted >> 8, 0
    if tick.position_lots == 0 and tick.price_ticks < at - 20:
        wish = 5
    if tick.position_lots > 0 and tick.price_ticks > at:
        wish = -tick.position_lots
    return shifted, wish


@pytest.mark.parametrize("rules", RULES)
def test_a_compiled_function_is_the_class_that_does_the_same(rules: dict[str, Any]) -> None:
    native = ts.native(mean, state=0)
    for seed in range(3):
        ticks = walk(seed)
        told = ts.backtest(Mean, ticks, **FREE, **rules)
        result = ts.backtest(native, ticks, **FREE, **rules)
        assert len(result.fills) > 3 and result.strategy == "mean"
        assert result.event_digest == told.event_digest
        assert result.stats["Equity Final"] == told.stats["Equity Final"]


def test_the_example_in_c_is_the_class_that_does_the_same(tmp_path: Path) -> None:
    source = (ROOT / "examples/c/reverting.c").read_text(encoding="utf-8")
    source = source.replace("QTY_LOTS = 500", "QTY_LOTS = 5")
    native = ts.native.load(compiled(source, tmp_path), state=bytes(16))
    for rules in RULES:
        for seed in range(3):
            ticks = walk(seed)
            told = ts.backtest(Mean, ticks, **FREE, **rules)
            result = ts.backtest(native, ticks, **FREE, **rules)
            assert result.event_digest == told.event_digest


def test_rust_speaks_the_same_interface(tmp_path: Path) -> None:
    compiler = shutil.which("rustc")
    if compiler is None:
        pytest.skip("there is no Rust compiler")
    code, library = tmp_path / "dip.rs", tmp_path / "dip.so"
    code.write_text(RUST, encoding="utf-8")
    flags = ["--edition=2021", "--crate-type=cdylib", "-O"]
    subprocess.run([compiler, *flags, code, "-o", library], check=True)
    result = ts.backtest(ts.native.load(library), walk(1), **FREE)
    told = ts.backtest(ts.native(every_thousandth), walk(1), **FREE)
    assert len(result.fills) == 3 and result.event_digest == told.event_digest


def every_thousandth(state: Any, tick: NativeTick) -> Any:
    return state, 2 if tick.row % 1000 == 0 and tick.row > 0 else 0


RUST = """
#[repr(C)]
pub struct View { struct_size: u32, side: u32, row: u64 }
#[repr(C)]
pub struct Order {
    struct_size: u32, instrument: u32, kind: u8, side: u8, time_in_force: u8, offset: u8,
    flags: u32, qty: i64, price: i64, trigger: i64, trail: i64, expire: i64, group: u64, tag: u64,
}
#[repr(C)]
pub struct Commands {
    struct_size: u32, capacity: u32, order_count: u32, cancel_count: u32, cancel_all: u32,
    reserved: u32, orders: *mut Order, cancels: *mut u64,
}
#[no_mangle]
pub unsafe extern "C" fn on_tick(_: *mut u8, view: &View, commands: &mut Commands) -> i32 {
    if view.row % 1000 == 0 && view.row > 0 {
        *commands.orders = Order {
            struct_size: std::mem::size_of::<Order>() as u32, instrument: 0, kind: 1, side: 0,
            time_in_force: 1, offset: 0, flags: 0, qty: 2, price: 0, trigger: 0, trail: 0,
            expire: 0, group: 0, tag: 0,
        };
        commands.order_count = 1;
    }
    0
}
"""


class Ladder(ts.Strategy):
    """Several orders at once, cancels, stops, trailing stops, brackets after fills."""

    def on_start(self) -> None:
        self.fills, self.seen, self.ids = 0, 0, 0
        self.first = 0

    def on_fill(self, fill: Fill) -> None:
        self.fills += 1

    def on_tick(self, tick: Any) -> None:
        row, price = self.seen, tick.price_ticks
        self.seen += 1
        if row % 50 == 0:
            self.cancel_all()
            self.first = self.ids + 1
            self.ask("LIMIT", "BUY", 3, price=price - 4)
            self.ask("LIMIT", "SELL", 2, price=price + 5, oco_group=row + 1)
            self.ask("STOP", "SELL", 2, trigger=price - 9, oco_group=row + 1)
        elif row % 50 == 20:
            self.cancel(self.first)
            self.ask("TRAILING_STOP", "SELL", 1, trail=6)
        elif row % 50 == 30 and self.fills % 2:
            self.ask("MARKET", "BUY", 1 + len(self.open_orders), tag=self.fills)

    def ask(self, kind: str, side: str, qty: int, **options: Any) -> None:
        self.order(ts.Order(kind, side, qty, **options))
        self.ids += 1


def ladder(state: int, tick: NativeTick) -> Any:
    nothing = ts.native.nothing()
    first, price = state, tick.price_ticks
    if tick.row % 50 == 0:
        first, group = tick.next_order_id, tick.row + 1
        return first, (
            ts.native.cancel_all(),
            ts.native.limit(3, price - 4),
            ts.native.limit(-2, price + 5, oco_group=group),
            ts.native.stop(-2, price - 9, oco_group=group),
        )
    if tick.row % 50 == 20:
        cancel, stop = ts.native.cancel(first), ts.native.trailing_stop(-1, 6)
        return first, (cancel, stop, nothing, nothing)
    if tick.row % 50 == 30 and tick.fills % 2 == 1:
        market = ts.native.market(1 + tick.open_orders, tag=tick.fills)
        return first, (nothing, market, nothing, nothing)
    return first, (nothing, nothing, nothing, nothing)


LADDER = """
#include "tickstep_strategy.h"
typedef struct ladder { uint64_t first; int64_t fills; } ladder;
int32_t on_tick(void *memory, const tks_view *view, tks_commands *commands)
{
    ladder *state = memory;
    int64_t price = view->price_ticks;
    for (uint64_t i = 0; i < view->event_count; i++)
        state->fills += view->events[i].kind == TKS_EVENT_FILLED;
    if (view->row % 50 == 0) {
        commands->cancel_all = 1;
        state->first = view->next_order_id;
        tks_limit(commands, TKS_SIDE_BUY, 3, price - 4);
        tks_limit(commands, TKS_SIDE_SELL, 2, price + 5)->oco_group = view->row + 1;
        tks_stop(commands, TKS_SIDE_SELL, 2, price - 9)->oco_group = view->row + 1;
    } else if (view->row % 50 == 20) {
        tks_cancel(commands, state->first);
        tks_ask(commands, TKS_ORDER_TRAILING_STOP, TKS_SIDE_SELL, 1)->trail_ticks = 6;
    } else if (view->row % 50 == 30 && state->fills % 2) {
        tks_buy(commands, 1 + (int64_t)view->open_orders)->tag = (uint64_t)state->fills;
    }
    return 0;
}
"""


@pytest.mark.parametrize("rules", RULES)
def test_every_kind_of_command_in_every_language(rules: dict[str, Any], tmp_path: Path) -> None:
    in_numba = ts.native(ladder, state=0)
    in_c = ts.native.load(compiled(LADDER, tmp_path), state=bytes(16))
    for seed in range(3):
        ticks = walk(10 + seed)
        told = ts.backtest(Ladder, ticks, **FREE, **rules)
        assert len(told.fills) > 30
        assert ts.backtest(in_c, ticks, **FREE, **rules).event_digest == told.event_digest
        assert ts.backtest(in_numba, ticks, **FREE, **rules).event_digest == told.event_digest


def test_prices_are_floats_as_elsewhere_and_slices_begin_at_0() -> None:
    ticks = SAMPLE[1_000:3_000]
    assert float(SAMPLE.tick_size) == 0.01
    prices = ticks.price_ticks / 100

    def check(state: Any, tick: NativeTick) -> Any:
        return state, 1 if prices[tick.row] != tick.price else 0

    assert ts.backtest(ts.native(check), ticks, **FREE).stats["Orders"] == 0


def test_quotes_are_traded_at(tmp_path: Path) -> None:
    plain = walk(7)
    ticks = ts.Ticks.from_arrays(
        plain.time,
        plain.price_ticks,
        plain.qty_lots,
        plain.side,
        bids=plain.price_ticks - 2,
        asks=plain.price_ticks + 1,
        tick_size=1,
        lot=1,
    )
    told = ts.backtest(Ladder, ticks, **FREE)
    assert told.event_digest != ts.backtest(Ladder, plain, **FREE).event_digest
    in_c = ts.native.load(compiled(LADDER, tmp_path), state=bytes(16))
    assert ts.backtest(in_c, ticks, **FREE).event_digest == told.event_digest
    in_numba = ts.native(ladder, state=0)
    assert ts.backtest(in_numba, ticks, **FREE).event_digest == told.event_digest


def test_each_run_begins_with_the_state_given(tmp_path: Path) -> None:
    def once(state: Any, tick: NativeTick) -> Any:
        state[0] += 1
        return state, 1 if state[0] == 5 else 0

    strategy = ts.native(once, state=np.zeros(1, np.int64))
    digests = {ts.backtest(strategy, SAMPLE, **FREE).event_digest for _ in range(2)}
    assert len(digests) == 1
    source = """
    #include "tickstep_strategy.h"
    int32_t on_tick(void *state, const tks_view *view, tks_commands *commands)
    {
        int64_t *calls = state;
        (void)view;
        if (++*calls == 5)
            tks_buy(commands, 1);
        return 0;
    }
    """

    class Calls(ctypes.Structure):
        _fields_ = (("calls", ctypes.c_int64),)

    loaded = ts.native.load(compiled(source, tmp_path), state=Calls(0))
    digests |= {ts.backtest(loaded, SAMPLE, **FREE).event_digest for _ in range(2)}
    assert len(digests) == 1
    later = ts.native.load(tmp_path / "strategy.so", state=Calls(4))
    assert ts.backtest(later, SAMPLE, **FREE).event_digest not in digests


def test_a_function_is_itself_when_called() -> None:
    @ts.native(state=0)
    def up(state: Any, tick: NativeTick) -> Any:
        return state + 1, ts.native.limit(2, tick.price_ticks - 1)

    tick = NativeTick(0, 5, 1.0, 100, 1, 0, 0, 0, 0, 1, 0)
    assert isinstance(up, Compiled)
    assert up(3, tick) == (4, ts.native.Command(1, 2, 0, 1, 0, 2, 99, 0, 0, 0, 0, 0))


def test_touched_limits_are_looked_at_beside() -> None:
    result = ts.backtest(ts.native(ladder, state=0), walk(3))
    (touch,) = [each for name, each in result.alternatives.items() if name == "touch"]
    own = ts.backtest(ts.native(ladder, state=0), walk(3), fill="touch", **FREE)
    assert touch.event_digest == own.event_digest != result.event_digest


FAILING = """
#include "tickstep_strategy.h"
int32_t on_tick(void *state, const tks_view *view, tks_commands *commands)
{
    (void)state;
    if (view->row == 3)
        tks_buy(commands, 1);
    if (view->row == 10)
        tks_limit(commands, TKS_SIDE_BUY, %s, -5);
    return view->row == 20 ? 7 : 0;
}
"""


def test_a_failure_names_the_row_and_keeps_the_run_up_to_it(tmp_path: Path) -> None:
    stopped = ts.native.load(compiled(FAILING.replace("%s, -5", "1, 5"), tmp_path, "a"))
    with pytest.raises(ts.StrategyError, match="answered 7 at row 20") as caught:
        ts.backtest(stopped, walk(1), **FREE)
    assert caught.value.result.stats["Ticks"] == 21 and len(caught.value.result.fills) == 1
    refused = ts.native.load(compiled(FAILING.replace("%s", "1"), tmp_path, "b"))
    with pytest.raises(ts.StrategyError, match="price_ticks is missing or out of range") as caught:
        ts.backtest(refused, walk(1), **FREE)
    assert caught.value.result.stats["Ticks"] == 11 and not caught.value.result.is_complete

    def wrong(state: Any, tick: NativeTick) -> Any:
        return state, ts.native.limit(1, -5 if tick.row == 10 else 5)

    with pytest.raises(ts.StrategyError, match="row 10"):
        ts.backtest(ts.native(wrong), walk(1), **FREE)


def test_what_no_native_strategy_can_do_is_refused(tmp_path: Path) -> None:
    strategy = ts.native(mean, state=0)
    bars = SAMPLE.candles("1m")
    with pytest.raises(ts.ConfigError, match="takes ticks, the data are bars"):
        ts.backtest(strategy, bars)
    with pytest.raises(ts.ConfigError, match="ticks of one instrument"):
        ts.backtest(strategy, {"A": walk(1), "B": walk(2)})
    with pytest.raises(ts.ConfigError, match="is one of several"):
        ts.backtest([strategy, Mean], walk(1))
    with pytest.raises(ts.ConfigError, match="parameters is given"):
        ts.backtest(strategy, walk(1), parameters={"fast": 5})
    with pytest.raises(ts.ConfigError, match="has no function 'other'"):
        ts.native.load(compiled(LADDER, tmp_path), symbol="other")
    (tmp_path / "text.so").write_text("no library", encoding="utf-8")
    with pytest.raises(ts.ConfigError, match="cannot be loaded"):
        ts.native.load(tmp_path / "text.so")

    def vague(state: Any, tick: NativeTick) -> Any:
        return state, "buy"

    with pytest.raises(Exception, match="give lots, a Command, or a tuple"):
        ts.backtest(ts.native(vague), walk(1))
