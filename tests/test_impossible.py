"""What must not happen: money from nothing, fills without a tick, results of a machine's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.barticks import BarTicks
from tickstep.demo import Grid, sample
from tickstep.engine import LIQUIDITY_MAKER, REASON_BITS
from tickstep.markets import BarsMarket, Market, TicksMarket
from tickstep.scales import Scales
from tickstep.session import Session

FILLED, ACCEPTED, AMENDED = (
    int(kind) for kind in (ts.EventKind.FILLED, ts.EventKind.ACCEPTED, ts.EventKind.AMENDED)
)
SYMBOLS = ("A", "B", "C")


# --- Money. ---------------------------------------------------------------------------------------


def ticks_of(seed: int, symbol: str, count: int = 1500) -> ts.Ticks:
    rng = np.random.default_rng([seed, ord(symbol)])
    return ts.Ticks(
        rng.integers(0, 3, count).cumsum() * 1000,
        1000 + rng.integers(-4, 5, count).cumsum().clip(-900, 10**6),
        rng.integers(1, 40, count),
        rng.integers(0, 2, count).astype(np.uint8),
        tick_size="0.5",
        lot=1,
        symbol=symbol,
    )


class Dice(ts.Strategy):
    """Does anything that a strategy can do, at random."""

    seed = 0

    def on_start(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.every("10s")
        self.at(self.now)

    def on_timer(self, time: int) -> None:
        self.act()
        self.at(time + int(self.rng.integers(1, 60_000)))

    def on_bar(self, bar: ts.Bar) -> None:
        self.act()

    def on_fill(self, fill: ts.Fill) -> None:
        if self.rng.random() < 0.3:
            self.act()

    def on_order(self, update: ts.OrderUpdate) -> None:
        if update.kind == "CANCELLED" and self.rng.random() < 0.2:
            self.act()

    def act(self) -> None:
        rng = self.rng
        symbol = SYMBOLS[rng.integers(3)]
        price = self.price_of(symbol)
        if price is None:
            return
        qty, near = int(rng.integers(1, 30)), price + float(rng.integers(-12, 13)) / 2
        near = max(near, 0.5)
        buys = bool(rng.integers(2))
        trade = self.buy if buys else self.sell
        match int(rng.integers(12)):
            case 0:
                trade(qty, symbol=symbol)
            case 1 | 2:
                trade(qty, symbol=symbol, limit=near)
            case 3:
                trade(qty, symbol=symbol, stop=near)
            case 4:
                trade(qty, symbol=symbol, limit=near, time_in_force="IOC")
            case 5:
                self.target(symbol, int(rng.integers(-40, 40)))
            case 6:
                self.target_percent(symbol, float(rng.random() - 0.5))
            case 7:
                self.rebalance({each: float(rng.random() / 2) for each in SYMBOLS})
            case 8:
                far = 10 if buys else -10
                take, stop = max(price + far, 0.5), max(price - far, 0.5)
                if take != stop:
                    side = "BUY" if buys else "SELL"
                    self.bracket(side, qty, symbol=symbol, take_profit=take, stop_loss=stop)  # type: ignore[arg-type]
            case 9:
                self.cancel_all(symbol)
            case 10:
                for order in self.open_orders[:2]:
                    self.amend(order.order_id, qty=order.qty + 1)
            case _:
                self.close(symbol)


class Books:
    """A ledger of its own, kept from the events alone, in plain integers."""

    def __init__(self, config: ts.EngineConfig, rows: dict[str, Any]) -> None:
        self.scales = Scales.of(config)
        self.rows = list(rows.values())
        self.config = config.canonical()["instruments"]
        self.cash = self.scales.cash_units
        self.fees = 0
        self.lots = [0] * len(rows)
        self.placed: dict[int, Any] = {}
        self.totals: dict[int, int] = {}
        self.filled: dict[int, int] = {}
        self.of_row: dict[tuple[int, int], int] = {}
        self.seen: set[tuple[int, int]] = set()
        self.events = 0

    def take(self, events: Any) -> None:
        for row in events:
            self.events += 1
            if row["kind"] == ACCEPTED:
                self.placed[int(row["order_id"])] = row
                self.totals[int(row["order_id"])] = abs(int(row["qty_lots"]))
            elif row["kind"] == AMENDED:
                self.totals[int(row["order_id"])] = abs(int(row["qty_lots"]))
            elif row["kind"] == FILLED:
                self.fill(row)

    def fill(self, row: Any) -> None:
        index, lots, price = int(row["instrument"]), int(row["qty_lots"]), int(row["price_ticks"])
        self.cash -= lots * price * self.scales.instruments[index].units_per_tick_lot
        self.cash -= int(row["fee_units"])
        self.fees += int(row["fee_units"])
        self.lots[index] += lots
        assert self.lots[index] == row["position_after_lots"]
        self.check_market(row, index, lots, price)
        self.check_order(row, lots)

    def check_market(self, row: Any, index: int, lots: int, price: int) -> None:
        """Every fill names the row that made it, and trades within it and no more than of it."""
        rows, at = self.rows[index], int(row["tick_index"])
        assert 0 <= at < len(rows)
        assert rows.time[at] == row["time"]
        low, high = (
            (rows.columns["low_ticks"][at], rows.columns["high_ticks"][at])
            if isinstance(rows, BarTicks)
            else (rows.price_ticks[at], rows.price_ticks[at])
        )
        if row["reason"] & REASON_BITS == LIQUIDITY_MAKER:
            assert price >= low if lots > 0 else price <= high
        else:
            spread = float(self.config[index]["spread_bps"]) / 20_000
            assert low * (1 - spread) - 1 <= price <= high * (1 + spread) + 1
        if self.config[index]["quantity"] == "volume":
            traded = self.of_row.get((index, at), 0) + abs(lots)
            self.of_row[index, at] = traded
            share = float(self.config[index]["participation"])
            assert traded <= rows.qty_lots[at] * share

    def check_order(self, row: Any, lots: int) -> None:
        """Every fill is of an order that was accepted before, and no lot of it trades twice."""
        order_id = int(row["order_id"])
        order = self.placed[order_id]
        assert order["time"] < row["time"] or order["tick_index"] < 0
        assert np.sign(order["qty_lots"]) == np.sign(lots)
        self.filled[order_id] = self.filled.get(order_id, 0) + abs(lots)
        assert self.filled[order_id] <= self.totals[order_id]
        key = (order_id, int(row["tick_index"]))
        assert key not in self.seen
        self.seen.add(key)

    def check(self, engine: ts.Engine) -> None:
        """The account is what the events make it, to the unit."""
        equity, fees = self.cash, 0
        for index, symbol in enumerate(engine.symbols):
            snapshot = engine.get_snapshot(symbol)
            assert snapshot.position_lots == self.lots[index]
            fees += snapshot.fees_units
            if snapshot.tick_index >= 0:
                each = self.scales.instruments[index].units_per_tick_lot
                equity += self.lots[index] * snapshot.last_price_ticks * each
        assert snapshot.cash_units == self.cash
        assert fees == self.fees
        assert snapshot.equity_units == equity


def instrument(symbol: str, rng: np.random.Generator) -> ts.Instrument:
    is_shared = rng.random() < 0.5
    return ts.Instrument(
        symbol,
        tick_size="0.5",
        lot=1,
        spread_bps=int(rng.integers(0, 9)),
        quantity="volume" if is_shared else "full",
        participation="0.5" if is_shared else None,
    )


@pytest.mark.parametrize("seed", range(12))
def test_money_comes_from_nowhere_else_than_fills(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ticks = {symbol: ticks_of(seed, symbol) for symbol in SYMBOLS}
    data: dict[str, Any] = dict(ticks)
    if seed % 3 == 2:
        data["C"] = ticks["C"].candles("5s")
    config = ts.EngineConfig(
        initial_cash=50_000,
        latency=int(rng.integers(1, 1500)),
        fill=("touch", "through")[seed % 2],
        account=("cash", None)[seed % 4 == 0],
        allow_short=bool(seed % 4 == 0),
        instruments=[instrument(symbol, rng) for symbol in SYMBOLS],
    )
    rows = {
        symbol: BarTicks(each, "1") if isinstance(each, ts.Bars) else each
        for symbol, each in data.items()
    }
    engine = ts.Engine(config)
    engine.bind(rows)
    books, events = Books(config, rows), driven(engine, Dice(seed=seed), data, config)
    for each in events:
        books.take(each)
        books.check(engine)
    assert books.events > 300
    assert sum(books.filled.values()) > 100


def driven(engine: ts.Engine, strategy: ts.Strategy, data: Any, config: Any) -> Any:
    """Run, and give the events of every tick that had any before the strategy hears of them."""
    markets: dict[str, Market] = {
        symbol: BarsMarket(each) if isinstance(each, ts.Bars) else TicksMarket(each)
        for symbol, each in data.items()
    }
    # Bars come by themselves in a backtest; here only what is cut out of ticks is heard.
    session = Session(strategy, engine, markets, Scales.of(config), start_time=0)
    session.start()
    kinds = tuple(kind.name for kind in ts.EventKind)
    while True:
        done = engine.advance(stop_on=kinds)
        while engine.event_count:
            events = engine.drain_events()
            yield events
            session.take(events)
        if done.ticks_done == 0:
            break
    session.stop()


# --- The machine. ---------------------------------------------------------------------------------


class Many(ts.Strategy):
    """Asks sets and dicts in their own order, as strategies do, and trades by what is in them."""

    def on_bars(self, bars: dict[str, ts.Bar]) -> None:
        names = {f"{symbol}!" for symbol in bars}
        best = max(sorted(names), key=lambda name: bars[name[:-1]].close)
        self.rebalance({best[:-1]: 0.5})


def digests(_: int = 0) -> list[str]:
    """Runs of every kind, as what identifies them."""
    ticks = sample(20_000)
    bars = {symbol: ticks_of(3, symbol).candles("1m") for symbol in SYMBOLS}
    dips = ticks.candles("1m")
    runs = [
        ts.backtest(Grid, ticks, cash=10_000),
        ts.backtest(Many, bars, risk=ts.RiskManager(max_leverage=2, max_daily_loss="1%")),
        ts.backtest([Grid(step=0.5), Grid()], ticks, cash=10_000),
        ts.from_signals(dips, dips.close < dips.open, dips.close > dips.open),
    ]
    singles = [run for run in runs if isinstance(run, ts.Result)]
    stats = [str(run.stats["Sharpe Ratio"]) for run in singles]
    return [run.digest for run in singles] + [run.event_digest for run in singles] + stats


PROGRAM = "import sys; sys.path.insert(0, {!r}); import test_impossible as t; print(*t.digests())"


@pytest.mark.parametrize(
    ("zone", "hash_seed"),
    [
        ("UTC", "0"),
        ("Asia/Shanghai", "1"),
        ("America/New_York", "4242"),
        ("Asia/Kolkata", "random"),
    ],
)
def test_zone_and_hashes_change_nothing(zone: str, hash_seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(str(Path(__file__).parent))],
        env=os.environ | {"TZ": zone, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == digests()


@pytest.mark.parametrize("processes", [1, 3])
def test_the_number_of_processes_changes_nothing(processes: int) -> None:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(digests, range(4)))
    assert found == [digests()] * 4


# --- Cost. ----------------------------------------------------------------------------------------


class Busy(ts.Strategy):
    """Trades and rests on every bar, and hears of all of it."""

    def on_start(self) -> None:
        self.every("1m")
        self.heard = 0

    def on_bar(self, bar: ts.Bar) -> None:
        self.target(None, 1 if self.position <= 0 else -1)
        self.cancel_all()
        self.buy(1, limit=round(bar.close - 0.05, 2))
        self.bracket("SELL", 1, take_profit=0.5, stop_loss=bar.close + 1)

    def on_fill(self, fill: ts.Fill) -> None:
        self.heard += 1

    def on_order(self, update: ts.OrderUpdate) -> None:
        self.heard += 1


def calls_of(work: Callable[[], object]) -> int:
    """Calls of Python and of native functions: what a run costs, without a clock."""
    count = 0

    def counted(_frame: object, event: str, _what: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("kind", ["ticks", "bars", "team"])
def test_cost_is_linear_in_events(kind: str) -> None:
    ticks = sample(60_000)
    few, many = ticks[:6_000], ticks
    costs, events = [], []
    for each in (few, many):
        data: Any = each if kind != "bars" else each.candles("10s")
        strategy: Any = [Busy(), Busy()] if kind == "team" else Busy()
        results: list[ts.Result] = []
        run = partial(ts.backtest, strategy, data, alternatives=False)
        costs.append(calls_of(lambda: results.append(run())))  # noqa: B023
        events.append(len(results[0].events))
    grown = events[1] / events[0]
    assert events[0] > 100
    assert 8 < grown < 13
    # Ten times the events at most eleven times the calls.
    assert costs[1] / costs[0] <= grown * 1.1
