"""Measure strategies that are no Python call for each row: a part of `make bench`.

A native strategy is set beside a bare Numba loop over the same columns, which trades by rules of its
own: at the next tick, at the far side, fees in whole money units. Both must end with the same cash and
the same number of fills before anything is timed. A fill costs what the kernel does for it, which the
bare loop does not do, so the ratio is told for few fills and for many.

A sweep of signals is set beside vectorbt's, where that is installed: crossings of two averages, entries
and exits, fills and fees, one pair of windows after the other. The figures are of one pair, signals
included. Fill prices differ by design (vectorbt fills at the row of the signal), so what is compared
before timing is the number of entries and exits.
"""

from __future__ import annotations

import importlib.util
import warnings
from importlib import import_module
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

import tickstep as ts
from measuring import compared
from tickstep.native import NativeTick
from tickstep.runs import Runs

Array = npt.NDArray[np.int64]

SPREAD_PPB, FEE_PPB = 200_000, 200_000
QTY = 5
UNITS = 1_000  # money units of one lot moving one tick
SETTINGS: dict[str, Any] = {
    "latency": 1,
    "spread_bps": 2,
    "maker_fee": "0.0002",
    "taker_fee": "0.0002",
}
FAST, SLOW = range(5, 105, 20), range(110, 460, 70)
WIDE, NARROW = 0.42, 0.3  # distance from the mean at which to buy: few fills, and many


def style_rows(count: int, pairs: int) -> list[dict[str, object]]:
    """A native strategy beside a bare loop, and signals over a quarter of the ticks beside vectorbt."""
    ticks = walk(count)
    rows = [native_row(ticks, width, goal, pairs) for width, goal in ((WIDE, 0.9), (NARROW, 0.7))]
    return rows + sweep_rows(ticks[: count // 4], pairs)


def walk(count: int) -> ts.Ticks:
    random = np.random.default_rng(1)
    return ts.Ticks.from_arrays(
        np.arange(count),
        np.maximum(100_000 + np.cumsum(random.integers(-3, 4, count)), 1_000),
        np.ones(count, np.int64),
        np.zeros(count, np.uint8),
        tick_size="0.01",
        lot="0.001",
    )


# --- One call for each tick. ------------------------------------------------------------------------


def reverting(width: float) -> Any:
    """Buys below a mean of prices, sells above it."""

    def decide(mean: float, tick: NativeTick) -> tuple[float, int]:
        mean += (tick.price - mean) / 100
        if tick.position_lots == 0 and tick.price < mean - width:
            return mean, QTY
        if tick.position_lots > 0 and tick.price > mean:
            return mean, -tick.position_lots
        return mean, 0

    return decide


def bare_loop(width: float) -> Any:
    """The same as one loop, with a market of its own."""

    def loop(prices: Any) -> tuple[int, int]:
        mean, position, cash, fills, wish = 1_000.0, 0, 0, 0, 0
        for row in range(len(prices)):
            ticks = prices[row]
            if wish != 0:
                half = (ticks * SPREAD_PPB + 1_999_999_999) // 2_000_000_000
                at = ticks + half if wish > 0 else ticks - half
                fee = (abs(wish) * at * UNITS * FEE_PPB + 999_999_999) // 1_000_000_000
                cash -= wish * at * UNITS + fee
                position += wish
                fills += 1
                wish = 0
            price = ticks * 1.0 / 100.0
            mean += (price - mean) / 100
            if position == 0 and price < mean - width:
                wish = QTY
            elif position > 0 and price > mean:
                wish = -position
        return cash, fills

    return numba.njit(loop, error_model="numpy")


def native_row(ticks: ts.Ticks, width: float, goal: float, pairs: int) -> dict[str, object]:
    strategy, bare = ts.native(reverting(width), state=1_000.0), bare_loop(width)
    config = ts.EngineConfig(tick_size="0.01", lot="0.001", initial_cash=100_000, **SETTINGS)

    def native() -> ts.Engine:
        engine = ts.Engine(config)
        engine.bind(ticks)
        strategy.run(engine, ticks)
        return engine

    engine = native()
    snapshot = engine.get_snapshot()
    spent = snapshot.cash_units - ts.Engine(config).get_snapshot().cash_units
    cash, fills = bare(ticks.price_ticks)
    assert (spent, len(engine.fills)) == (cash, fills), "both trade the same"
    return compared(
        "styles",
        f"native strategy, 1 fill in {len(ticks) // max(fills, 1):,} ticks / bare loop",
        native,
        lambda: bare(ticks.price_ticks),
        pairs,
        at_most=1 / goal,
        calls=len(ticks),
    )


# --- Signals. -------------------------------------------------------------------------------------


def sweep_rows(ticks: ts.Ticks, pairs: int) -> list[dict[str, object]]:
    if importlib.util.find_spec("vectorbt") is None:
        print("vectorbt is not installed: its sweep is left out")
        return []
    vectorbt, pandas = import_module("vectorbt"), import_module("pandas")
    warnings.simplefilter("ignore")
    prices = pandas.Series(ticks.price_ticks / 100)
    windows = [(fast, slow) for fast in FAST for slow in SLOW]

    def theirs() -> list[int]:
        counts = []
        for fast, slow in windows:
            means = [vectorbt.MA.run(prices, window) for window in (fast, slow)]
            entries = means[0].ma_crossed_above(means[1])
            exits = means[0].ma_crossed_below(means[1])
            done = vectorbt.Portfolio.from_signals(
                prices, entries, exits, fees=0.0002, size=1, init_cash=1e6
            )
            done.final_value()
            counts.append(int(done.orders.count()))
        return counts

    def ours() -> Array:
        crosses = ts.signals.sma_cross(ticks, FAST, SLOW)
        runs = ts.from_signals(ticks, crosses, cash=1_000_000, **SETTINGS)
        assert isinstance(runs, Runs)
        found: Array = runs.columns["fills"].astype(np.int64)
        return found

    # Floats of means lie a little apart from their quotients, so a crossing may be one's alone.
    assert np.allclose(ours(), theirs(), rtol=0.02, atol=5), "both trade the same crossings"
    name = f"from_signals, {len(windows)} pairs of windows / vectorbt"
    return [compared("styles", name, ours, theirs, pairs, at_most=1 / 20, calls=len(windows))]


if __name__ == "__main__":
    for row in style_rows(4_000_000, 5):
        print({name: row[name] for name in ("workload", "ours_ns", "other_ns", "ratio", "met")})
