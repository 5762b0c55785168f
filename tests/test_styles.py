"""One rule in every style a strategy can be written in: the same fills, the same digest."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.compat import akquant, joinquant, pyrust_bt, vnpy

FAST, SLOW, QTY = 5, 20, 100
BEYOND = 500  # how far through the market a priced order is
COUNT = 5_000

# Everything that decides about fills, so that no style's own defaults do.
SETTINGS: dict[str, Any] = {
    "latency": 1,
    "fill": "through",
    "quantity": "full",
    "spread_bps": 2,
    "account": None,
    "allow_short": True,
    "alternatives": False,
}
CASH, FEE = 10_000_000, "0.0003"


def made_bars(count: int = COUNT) -> ts.Bars:
    """Whole prices, so that means of them are equal where they are, however they are reckoned."""
    rng = np.random.default_rng(11)
    close = 20_000 + np.cumsum(rng.integers(-9, 10, count))
    opened = np.append(20_000, close[:-1]) + rng.integers(-2, 3, count)
    high, low = np.maximum(opened, close) + 3, np.minimum(opened, close) - 3
    return ts.Bars(
        np.arange(count) * 60_000 + 1_704_067_200_000,
        opened,
        high,
        low,
        close,
        np.full(count, 900),
        tick_size=1,
        lot=1,
        interval="1m",
        symbol="X",
    )


BARS = made_bars()


def means(closes: Any) -> tuple[float, float]:
    return float(np.mean(closes[-FAST:])), float(np.mean(closes[-SLOW:]))


# ---- The rule, in each style ------------------------------------------------------------------------


class Crossing(ts.Strategy):
    fast, slow = FAST, SLOW

    def on_bar(self, bar: ts.Bar) -> None:
        fast, slow = self.sma(self.fast), self.sma(self.slow)
        if fast > slow and self.position == 0:
            self.buy(QTY)
        elif fast < slow and self.position > 0:
            self.sell(QTY)


class PricedCrossing(ts.Strategy):
    """The same with limits far through the market, as vn.py's verbs have them."""

    def on_bar(self, bar: ts.Bar) -> None:
        fast, slow = self.sma(FAST), self.sma(SLOW)
        if fast > slow and self.position == 0:
            self.buy(QTY, limit=bar.close + BEYOND)
        elif fast < slow and self.position > 0:
            self.sell(QTY, limit=bar.close - BEYOND)


class TaggedCrossing(ts.Strategy):
    """The same with the tags of columns of signals: 1 in, 2 out."""

    def on_bar(self, bar: ts.Bar) -> None:
        fast, slow = self.sma(FAST), self.sma(SLOW)
        if fast > slow and self.position == 0:
            self.buy(QTY, tag=1)
        elif fast < slow and self.position > 0:
            self.sell(QTY, tag=2)


def crossing(desk: ts.Strategy, bar: ts.Bar, *, fast: int = FAST, slow: int = SLOW) -> None:
    if desk.sma(fast) > desk.sma(slow) and desk.position == 0:
        desk.buy(QTY)
    elif desk.sma(fast) < desk.sma(slow) and desk.position > 0:
        desk.sell(QTY)


class Actions(pyrust_bt.Strategy):
    def on_start(self, ctx: Any) -> None:
        self.closes: list[float] = []

    def next(self, bar: dict[str, Any], ctx: Any) -> Any:
        self.closes.append(bar["close"])
        if len(self.closes) < SLOW:
            return None
        fast, slow = means(self.closes)
        if fast > slow and ctx.position == 0:
            return {"action": "BUY", "type": "market", "size": QTY}
        if fast < slow and ctx["position"] > 0:
            return {"action": "SELL", "size": QTY}
        return None


class Verbs(akquant.Strategy):
    def on_bar(self, bar: akquant.Bar) -> None:
        closes = self.get_history(SLOW)
        if np.isnan(closes).any():
            return
        fast, slow = means(closes)
        if fast > slow and self.get_position() == 0:
            self.buy(bar.symbol, QTY)
        elif fast < slow and self.position.size > 0:
            self.close_position()


class Template(vnpy.CtaTemplate):
    fast, slow = FAST, SLOW
    parameters = ["fast", "slow"]  # noqa: RUF012

    def on_init(self) -> None:
        self.am = vnpy.ArrayManager(SLOW)

    def on_bar(self, bar: vnpy.BarData) -> None:
        self.cancel_all()
        self.am.update_bar(bar)
        if not self.am.inited:
            return
        fast, slow = self.am.sma(self.fast), self.am.sma(self.slow)
        if fast > slow and self.pos == 0:
            self.buy(bar.close_price + BEYOND, QTY)
        elif fast < slow and self.pos > 0:
            self.sell(bar.close_price - BEYOND, QTY)


SCRIPT = f"""
from jqdata import *

def initialize(context):
    g.security = "X"
    set_slippage(PriceRelatedSlippage(0.0002))
    set_order_cost(OrderCost(0, 0, 0.0003, 0.0003, 0, 0), type="stock")

def handle_data(context, data):
    closes = attribute_history(g.security, {SLOW}, "1m", ["close"], df=False)["close"]
    if len(closes) < {SLOW}:
        return
    fast, slow = closes[-{FAST}:].mean(), closes.mean()
    held = context.portfolio.positions[g.security].total_amount
    if fast > slow and held == 0:
        order(g.security, {QTY})
    elif fast < slow and held > 0:
        order_target(g.security, 0)
"""


def by_class(strategy: type[ts.Strategy], bars: ts.Bars) -> ts.Result:
    return ts.backtest(strategy, bars, cash=CASH, maker_fee=FEE, taker_fee=FEE, **SETTINGS)


def by_function(rule: Callable[..., object], bars: ts.Bars) -> ts.Result:
    return ts.backtest(rule, bars, cash=CASH, maker_fee=FEE, taker_fee=FEE, **SETTINGS)


def by_actions(bars: ts.Bars) -> ts.Result:
    config = pyrust_bt.BacktestConfig(cash=CASH, commission_rate=float(FEE), slippage_bps=1.0)
    others = {name: each for name, each in SETTINGS.items() if name != "spread_bps"}
    return pyrust_bt.BacktestEngine(config).run(Actions(), bars, **others).result


def by_verbs(bars: ts.Bars) -> ts.Result:
    found = akquant.run_backtest(
        bars, Verbs, initial_cash=CASH, commission_rate=float(FEE), **SETTINGS
    )
    return found.result


def by_template(bars: ts.Bars) -> ts.Result:
    return vnpy.run(Template, bars, capital=CASH, rate=FEE, **SETTINGS)


def by_script(bars: ts.Bars) -> ts.Result:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "script.py"
        file.write_text(SCRIPT, encoding="utf-8")
        return joinquant.run_file(file, bars, starting_cash=CASH, **SETTINGS)


def by_signals(bars: ts.Bars) -> ts.Result:
    """The rule as columns: in where the fast mean is above the slow one, out where it is below."""
    fast, slow = (rolling(bars.close, length) for length in (FAST, SLOW))
    found = ts.from_signals(
        bars,
        fast > slow,
        fast < slow,
        size=QTY,
        cash=CASH,
        maker_fee=FEE,
        taker_fee=FEE,
        **SETTINGS,
    )
    assert isinstance(found, ts.Result)
    return found


def by_orders(bars: ts.Bars) -> ts.Result:
    """What the rule trades is known once it is known when it is in: a size for each row."""
    fast, slow = (rolling(bars.close, length) for length in (FAST, SLOW))
    size, is_in = np.zeros(len(bars)), False
    for row in np.flatnonzero((fast > slow) | (fast < slow)):
        if is_in != (fast[row] > slow[row]):
            is_in = not is_in
            size[row] = QTY if is_in else -QTY
    found = ts.from_orders(bars, size, cash=CASH, maker_fee=FEE, taker_fee=FEE, **SETTINGS)
    assert isinstance(found, ts.Result)
    return found


def rolling(values: Any, length: int) -> Any:
    """Means of whole numbers, exact; none before there are enough."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return np.concatenate([np.full(length - 1, np.nan), (sums[length:] - sums[:-length]) / length])


# Name, how it runs, and the class that places the same kind of orders.
Style = Callable[[ts.Bars], ts.Result]
STYLES: dict[str, tuple[Style, type[ts.Strategy]]] = {
    "function": (partial(by_function, crossing), Crossing),
    "signals": (by_signals, TaggedCrossing),
    "orders": (by_orders, Crossing),
    "pyrust-bt": (by_actions, Crossing),
    "AKQuant": (by_verbs, Crossing),
    "JoinQuant": (by_script, Crossing),
    "vn.py": (by_template, PricedCrossing),
}


@pytest.fixture(scope="module")
def expected() -> dict[type[ts.Strategy], ts.Result]:
    return {kind: by_class(kind, BARS) for kind in (Crossing, PricedCrossing, TaggedCrossing)}


def test_the_rule_trades(expected: dict[type[ts.Strategy], ts.Result]) -> None:
    market, priced = expected[Crossing], expected[PricedCrossing]
    assert market.stats["Fills"] == priced.stats["Fills"]
    assert int(str(market.stats["Fills"])) > 300
    assert market.event_digest != priced.event_digest
    assert market.fills["price"].to_list() == priced.fills["price"].to_list()


@pytest.mark.parametrize("style", STYLES)
def test_same_rule_same_run(style: str, expected: dict[type[ts.Strategy], ts.Result]) -> None:
    run, kind = STYLES[style]
    found, ours = run(BARS), expected[kind]
    assert found.fills.equals(ours.fills)
    assert found.event_digest == ours.event_digest
    assert found.stats["Equity Final"] == ours.stats["Equity Final"]


def test_at_the_close_that_was_seen() -> None:
    """The rule of pyrust-bt and of AKQuant's "current_close", where it is asked for."""
    settings = {**SETTINGS, "latency": 0}
    short = BARS[:1_000]
    costs: dict[str, Any] = {"cash": CASH, "maker_fee": FEE, "taker_fee": FEE}
    ours = ts.backtest(Crossing, short, bar_fill="close", **costs, **settings)
    found = akquant.run_backtest(
        short,
        Verbs,
        initial_cash=CASH,
        commission_rate=float(FEE),
        execution_mode="current_close",
        **settings,
    )
    assert found.result.event_digest == ours.event_digest
    assert len(ours.fills) > 30
    config = pyrust_bt.BacktestConfig(cash=CASH, commission_rate=float(FEE), slippage_bps=1.0)
    del settings["spread_bps"]
    others: dict[str, Any] = {"bar_fill": "close", **settings}
    theirs = pyrust_bt.BacktestEngine(config).run(Actions(), short, **others)
    assert theirs.result.event_digest == ours.event_digest


@pytest.mark.parametrize("style", STYLES)
def test_a_style_repeats(style: str) -> None:
    run, _ = STYLES[style]
    short = BARS[:600]
    assert run(short).event_digest == run(short).event_digest


@pytest.mark.parametrize("style", STYLES)
def test_no_style_sees_the_future(style: str) -> None:
    """What comes later, turned upside down, changes nothing before it."""
    run, _ = STYLES[style]
    cut = 1_000
    part = BARS[:cut]
    whole = run(BARS[: 2 * cut]).events
    before = run(part).events
    stop = int(part.end_time[-1]) - 1
    kept = before[before["time"] < stop]
    assert len(kept) > 50
    assert np.array_equal(whole[: len(kept)], kept)
