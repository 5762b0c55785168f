"""Measure whole backtests with a strategy in Python: a part of `make bench`.

The same rule runs here and in backtesting.py and akquant, each in a process of its own, on the same
bars: a crossing of two averages, called at every bar. With backtesting.py the fills are compared
before anything is timed. Of our own, a strategy that waits on price alerts is set beside the same
rule asked at every tick; and a portfolio of thousands of instruments beside akquant's cost of a bar.

Peers that are not installed are left out, and said to be.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

import tickstep as ts
from measuring import Worker, stay_on_one_core

BARS = 550_000
TICKS = 10_000_000
MINUTE = 60_000
DAY = 86_400_000
FAST, SLOW = 20, 100
EVERY = 20  # days between two times of setting the portfolio right
LEVELS = 400  # ticks between the levels of the strategy on alerts

Array = npt.NDArray[np.int64]


# --- Data, the same in every process. -------------------------------------------------------------


def ohlc(count: int, seed: int) -> dict[str, Array]:
    """Bars of a walk, in ticks of 0.01; each opens at the close before."""
    rng = np.random.default_rng(seed)
    close = np.maximum(10_000 + rng.integers(-5, 6, count).cumsum(), 100)
    opens = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opens, close) + 3, np.minimum(opens, close) - 3
    return {"open": opens, "high": high, "low": low, "close": close}


def bars_of(count: int, seed: int, length: int = MINUTE, interval: str = "1m") -> ts.Bars:
    price = ohlc(count, seed)
    return ts.Bars(
        np.arange(count) * length,
        price["open"],
        price["high"],
        price["low"],
        price["close"],
        np.full(count, 1000),
        tick_size=0.01,
        lot=1,
        interval=interval,
    )


def frame_of(count: int, seed: int, step: str) -> Any:
    import pandas as pd

    prices = {name.capitalize(): ticks / 100 for name, ticks in ohlc(count, seed).items()}
    index = pd.date_range("1970-01-01", periods=count, freq=step, tz=None)
    return pd.DataFrame({**prices, "Volume": 1000.0}, index=index)


# --- Ours. ----------------------------------------------------------------------------------------


class Cross(ts.Strategy):
    """Holds one while the short average is above the long one."""

    def on_bar(self, bar: ts.Bar) -> None:
        if self.sma(FAST) > self.sma(SLOW):
            if self.position <= 0:
                self.target(None, 1)
        elif self.position > 0:
            self.target(None, 0)


class OwnCross(ts.Strategy):
    """The same rule over averages of its own."""

    def on_start(self) -> None:
        self.fast: deque[float] = deque(maxlen=FAST)
        self.slow: deque[float] = deque(maxlen=SLOW)
        self.sums = [0.0, 0.0]

    def on_bar(self, bar: ts.Bar) -> None:
        close, fast, slow, sums = bar.close, self.fast, self.slow, self.sums
        if len(fast) == FAST:
            sums[0] -= fast[0]
        if len(slow) == SLOW:
            sums[1] -= slow[0]
        fast.append(close)
        slow.append(close)
        sums[0] += close
        sums[1] += close
        if len(slow) < SLOW:
            return
        if sums[0] / FAST > sums[1] / SLOW:
            if self.position <= 0:
                self.target(None, 1)
        elif self.position > 0:
            self.target(None, 0)


class OnAlerts(ts.Strategy):
    """Turns around at every level, woken by price alerts."""

    def on_start(self) -> None:
        self.at(self.now)

    def on_timer(self, time: int) -> None:
        self.wait()

    def on_alert(self, alert: ts.Alert) -> None:
        self.cancel(self.above)
        self.cancel(self.below)
        self.target(None, 1 if self.position <= 0 else -1)
        self.wait()

    def wait(self) -> None:
        price = self.last_price or 0.0
        self.above = self.alert_price(price + LEVELS / 100, "above")
        self.below = self.alert_price(max(price - LEVELS / 100, 0.01), "below")


class OnTicks(ts.Strategy):
    """The same rule asked at every tick."""

    def on_start(self) -> None:
        self.above = self.below = 0.0

    def on_tick(self, tick: ts.Tick) -> None:
        price = tick.price or 0.0
        if not self.above:
            self.wait(price)
        elif price >= self.above or price <= self.below:
            self.target(None, 1 if self.position <= 0 else -1)
            self.wait(price)

    def wait(self, price: float) -> None:
        self.above = round(price + LEVELS / 100, 2)
        self.below = round(max(price - LEVELS / 100, 0.01), 2)


class EqualWeight(ts.Strategy):
    """Sets equal weights every so many days."""

    def on_start(self) -> None:
        self.days = 0

    def on_bars(self, bars: dict[str, ts.Bar]) -> None:
        if self.days % EVERY == 0:
            share = 1 / len(self.symbols)
            self.rebalance(dict.fromkeys(self.symbols, share))
        self.days += 1


def cross(strategy: type[ts.Strategy], bars: ts.Bars) -> ts.Result:
    return ts.backtest(
        strategy, bars, spread_bps=0, maker_fee=0, taker_fee="0.0002", quantity="full"
    )


# --- Peers, in processes of their own. ------------------------------------------------------------


def backtesting_cross(count: int) -> Callable[[], Any]:
    import pandas as pd

    peer: Any = import_module("backtesting")

    def mean(values: Any, length: int) -> Any:
        return pd.Series(values).rolling(length).mean()

    class Theirs(peer.Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.fast = self.I(mean, self.data.Close, FAST)
            self.slow = self.I(mean, self.data.Close, SLOW)

        def next(self) -> None:
            if self.fast[-1] > self.slow[-1]:
                if not self.position:
                    self.buy(size=1)
            elif self.position:
                self.position.close()

    backtest = peer.Backtest(frame_of(count, 1, "min"), Theirs, cash=100_000, commission=0.0002)

    def run() -> int:
        stats = backtest.run()
        trades = stats["_trades"]
        return 2 * len(trades)

    return run


def akquant_cross(count: int) -> Callable[[], Any]:
    akquant: Any = import_module("akquant")

    frame = frame_of(count, 1, "min").rename(columns=str.lower)
    frame["symbol"] = "A"

    class Theirs(akquant.Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.fast: deque[float] = deque(maxlen=FAST)
            self.slow: deque[float] = deque(maxlen=SLOW)
            self.sums = [0.0, 0.0]

        def on_bar(self, bar: Any) -> None:
            close, fast, slow, sums = bar.close, self.fast, self.slow, self.sums
            if len(fast) == FAST:
                sums[0] -= fast[0]
            if len(slow) == SLOW:
                sums[1] -= slow[0]
            fast.append(close)
            slow.append(close)
            sums[0] += close
            sums[1] += close
            if len(slow) < SLOW:
                return
            held = self.get_position(bar.symbol)
            if sums[0] / FAST > sums[1] / SLOW:
                if held <= 0:
                    self.buy(bar.symbol, 1)
            elif held > 0:
                self.sell(bar.symbol, 1)

    return lambda: akquant_run(akquant, Theirs, {"A": frame}, ["A"])


def akquant_portfolio(instruments: int, days: int) -> Callable[[], Any]:
    akquant: Any = import_module("akquant")

    symbols = [f"S{index:05d}" for index in range(instruments)]
    frames = {}
    for index, symbol in enumerate(symbols):
        frame = frame_of(days, index, "D").rename(columns=str.lower)
        frames[symbol] = frame.assign(symbol=symbol)

    class Theirs(akquant.Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.seen: dict[str, int] = {}

        def on_bar(self, bar: Any) -> None:
            day = self.seen.get(bar.symbol, 0)
            self.seen[bar.symbol] = day + 1
            if day % EVERY == 0:
                self.order_target_percent(symbol=bar.symbol, target_percent=1 / instruments)

    return lambda: akquant_run(akquant, Theirs, frames, symbols)


def akquant_run(akquant: Any, strategy: Any, frames: Any, symbols: list[str]) -> int:
    result = akquant.run_backtest(
        data=frames,
        strategy=strategy,
        symbols=symbols,
        initial_cash=100_000.0,
        commission_rate=0.0002,
        stamp_tax_rate=0.0,
        transfer_fee_rate=0.0,
        min_commission=0.0,
        lot_size=1,
        show_progress=False,
    )
    return len(result.orders_df)


PEERS: dict[str, Callable[..., Callable[[], Any]]] = {
    "backtesting": backtesting_cross,
    "akquant": akquant_cross,
    "akquant-portfolio": akquant_portfolio,
}


def serve(name: str, sizes: list[int]) -> None:
    """Run when told to, and answer with nanoseconds and what came out."""
    stay_on_one_core()
    # What the peer prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run = PEERS[name](*sizes)
    for _ in sys.stdin:
        start = time.process_time_ns()
        count = run()
        print(json.dumps([time.process_time_ns() - start, count]), file=answers, flush=True)


# --- Side by side. --------------------------------------------------------------------------------


def strategy_rows(bars: int, ticks: int, pairs: int) -> list[dict[str, object]]:
    """Measure all; a ratio is how many times quicker ours is."""
    rows = []
    data = bars_of(bars, 1)
    for peer, goals in (("backtesting", (15.0, 10.0)), ("akquant", (60.0, 60.0))):
        if importlib.util.find_spec(peer) is None:
            print(f"{peer} is not installed: left out", file=sys.stderr)
            continue
        for strategy, goal in zip((Cross, OwnCross), goals, strict=True):
            worker = Worker(__file__, ["--serve", peer, str(bars)])
            name = f"{strategy.__name__}, a call each bar, to {peer}"
            rows.append(beside(name, lambda: cross(strategy, data), worker, pairs, goal))  # noqa: B023
            worker.close()
    rows.append(alerts_row(ticks, pairs))
    if importlib.util.find_spec("akquant") is not None:
        rows.append(portfolio_row(max(bars // 125, 10), max(bars // 5_000, 2), 500, pairs))
    return rows


def beside(
    name: str, ours: Callable[[], ts.Result], worker: Worker, pairs: int, goal: float
) -> dict[str, object]:
    fills = len(ours().account.fills)
    times = []
    for _ in range(pairs):
        start = time.process_time_ns()
        ours()
        own = time.process_time_ns() - start
        theirs, count = json.loads(worker.ask("run"))
        times.append((own, theirs))
    # A last position still open is no trade there, and means that are equal here may differ there by
    # what rolling sums of floats leave.
    assert "backtesting" not in name or abs(fills - count) <= 1 + fills // 1000, (fills, count)
    return quicker(name, times, goal, fills=fills, fills_there=count)


def alerts_row(count: int, pairs: int) -> dict[str, object]:
    rng = np.random.default_rng(1)
    prices = np.maximum(10_000 + rng.integers(-1, 2, count).cumsum(), 1_000)
    ones = np.ones(count, np.int64)
    ticks = ts.Ticks(
        np.arange(count, dtype=np.int64), prices, ones, ones.astype(np.uint8), tick_size=0.01, lot=1
    )
    runs = [ts.backtest(each, ticks, alternatives=False) for each in (OnAlerts, OnTicks)]
    first, second = (each.account.fills[["price_ticks", "qty_lots"]].tolist() for each in runs)
    assert first == second, "the two forms of the rule trade differently"
    times = []
    for _ in range(pairs):
        spent = []
        for strategy in (OnAlerts, OnTicks):
            start = time.process_time_ns()
            ts.backtest(strategy, ticks, alternatives=False)
            spent.append(time.process_time_ns() - start)
        times.append((spent[0], spent[1]))
    return quicker("alerts to the same rule at every tick", times, 100.0, fills=len(first))


def portfolio_row(instruments: int, theirs: int, days: int, pairs: int) -> dict[str, object]:
    data = {f"S{index:05d}": bars_of(days, index, DAY, "1d") for index in range(instruments)}
    worker = Worker(__file__, ["--serve", "akquant-portfolio", str(theirs), str(days)])
    times = []
    for _ in range(pairs):
        start = time.process_time_ns()
        result = ts.backtest(EqualWeight, data, quantity="full", cash=10**8)
        own = (time.process_time_ns() - start) / (instruments * days)
        spent, _ = json.loads(worker.ask("run"))
        times.append((own, spent / (theirs * days)))
    worker.close()
    name = f"a bar of {instruments:,} instruments to one of {theirs} in akquant"
    return quicker(name, times, 20.0, fills=len(result.account.fills))


def quicker(
    name: str, times: Sequence[tuple[float, float]], goal: float, **more: object
) -> dict[str, object]:
    ratios = [theirs / own for own, theirs in times]
    ratio = statistics.median(ratios)
    return {
        "data": "strategies",
        "workload": name,
        "ours_ns": statistics.median(own for own, _ in times),
        "other_ns": statistics.median(theirs for _, theirs in times),
        "ratio": ratio,
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "goal": goal,
        "met": ratio >= goal,
        **more,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", nargs="+", metavar="PEER", help="be the process of a peer")
    parser.add_argument("--bars", type=int, default=BARS)
    parser.add_argument("--ticks", type=int, default=TICKS)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], list(map(int, options.serve[1:])))
    else:
        stay_on_one_core()
        for row in strategy_rows(options.bars, options.ticks, options.pairs):
            print(json.dumps(row), flush=True)
