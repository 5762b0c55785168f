"""Signals and orders as columns: the same events as the strategy that would do the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tickstep as ts
from tickstep.engine import EVENT_DTYPE
from tickstep.runs import Runs
from tickstep.signals import ENTRY, EXIT, SHORT_ENTRY, SHORT_EXIT, SignalSets, of_columns, sma_cross
from tickstep.strategy import Bar, Fill

Columns = dict[str, npt.NDArray[np.bool_]]
NAMES = ("entries", "exits", "short_entries", "short_exits")
PLAIN: dict[str, Any] = {"latency": 0, "fill": "touch", "quantity": "full"}
PPB = 10**9


class Follower(ts.Strategy):
    """The rules of `from_signals`, written down a second time: as a strategy, with its verbs."""

    def __init__(self, columns: dict[str, Columns], terms: dict[str, Any]) -> None:
        self.columns = columns
        self.terms = terms
        self.seen = dict.fromkeys(columns, -1)
        self.entry: dict[str, tuple[int, str]] = {}
        self.exit = dict.fromkeys(columns, 0)
        self.left = dict.fromkeys(columns, 0)
        self.groups = 0

    def on_bar(self, bar: Bar) -> None:
        self.follow(bar.symbol)

    def follow(self, symbol: str) -> None:
        self.seen[symbol] += 1
        signals = {
            name: bool(each[self.seen[symbol]]) for name, each in self.columns[symbol].items()
        }
        if signals["exits"]:
            self.leave(symbol, "BUY", anew=False)
        if signals["short_exits"]:
            self.leave(symbol, "SELL", anew=False)
        if signals["entries"] and signals["short_entries"]:
            return
        if signals["entries"] and not signals["exits"]:
            self.enter(symbol, "BUY")
        if signals["short_entries"] and not signals["short_exits"]:
            self.enter(symbol, "SELL")

    def holds(self, symbol: str, side: str) -> bool:
        held = self.position_of(symbol)
        return held > 0 if side == "BUY" else held < 0

    def is_open(self, order_id: int) -> bool:
        return any(each.order_id == order_id for each in self.open_orders)

    def enters(self, symbol: str, side: str) -> bool:
        order_id, own = self.entry.get(symbol, (0, ""))
        return own == side and order_id > self.left[symbol] and self.is_open(order_id)

    def leave(self, symbol: str, side: str, *, anew: bool) -> None:
        holds = self.holds(symbol, side)
        if not holds and not self.enters(symbol, side):
            return
        if not anew and self.is_open(self.exit[symbol]):
            return
        self.cancel_all(symbol)
        self.left[symbol] = self.entry[symbol][0]
        if holds:
            out, held = ("SELL" if side == "BUY" else "BUY"), abs(self.position_of(symbol))
            order = ts.Order("MARKET", out, held, symbol=symbol, reduce_only=True, tag=2)
            self.exit[symbol] = self.order(order)

    def enter(self, symbol: str, side: str) -> None:
        is_in = self.holds(symbol, side) or self.enters(symbol, side)
        if is_in and not self.terms.get("accumulate"):
            return
        self.leave(symbol, "SELL" if side == "BUY" else "BUY", anew=True)
        qty = self.qty(symbol)
        if qty == 0:
            return
        limit = self.terms.get("limit")
        order = (
            ts.Order("MARKET", side, qty, symbol=symbol, tag=1)
            if limit is None
            else ts.Order("LIMIT", side, qty, price=limit, symbol=symbol, tag=1)
        )
        self.entry[symbol] = (self.order(order), side)

    def qty(self, symbol: str) -> float:
        size, kind = self.terms.get("size", 1), self.terms.get("size_type", "qty")
        if kind == "qty":
            return float(size)
        snapshot = self._running.snapshot(symbol)
        # Tick, lot and money unit are all 1 here.
        share = int(size * PPB)
        money = int(size) if kind == "value" else max(0, snapshot.equity_units) * share // PPB
        return float(money // snapshot.last_price_ticks)

    def on_fill(self, fill: Fill) -> None:
        if fill.tag != 1:
            return
        sign = 1 if fill.side == "BUY" else -1
        opened = min(fill.qty, fill.position * sign)
        if opened <= 0:
            return
        side = "SELL" if sign > 0 else "BUY"
        if fill.order_id <= self.left[fill.symbol]:
            order = ts.Order("MARKET", side, opened, symbol=fill.symbol, reduce_only=True, tag=2)
            self.exit[fill.symbol] = self.order(order)
            return
        self.guard(fill, side, sign, opened)

    def guard(self, fill: Fill, side: str, sign: int, opened: float) -> None:
        price = round(fill.price)
        self.groups += 1
        shared: dict[str, Any] = {"symbol": fill.symbol, "reduce_only": True}
        shared["oco_group"] = self.groups

        def distance(name: str) -> int:
            return max(1, price * int(self.terms[name] * PPB) // PPB)

        if self.terms.get("sl"):
            trigger = price - sign * distance("sl")
            self.order(ts.Order("STOP", side, opened, trigger=trigger, tag=3, **shared))
        if self.terms.get("tp"):
            limit = price + sign * distance("tp")
            self.order(ts.Order("LIMIT", side, opened, price=limit, tag=4, **shared))
        if self.terms.get("trailing"):
            trail = distance("trailing")
            self.order(ts.Order("TRAILING_STOP", side, opened, trail=trail, tag=5, **shared))


class TickFollower(Follower):
    def on_tick(self, tick: Any) -> None:
        self.follow(self.symbols[tick.instrument])


def by_hand(data: Any, columns: dict[str, Columns], terms: dict[str, Any], **settings: Any) -> str:
    """The event digest of the follower."""
    is_bars = any(isinstance(each, ts.Bars) for each in data.values())
    follower = (Follower if is_bars else TickFollower)(columns, terms)
    return ts.backtest(follower, data, alternatives=False, **settings).event_digest


def walk(random: np.random.Generator, rows: int) -> npt.NDArray[np.int64]:
    return 500 + np.cumsum(random.integers(-3, 4, rows)).clip(-300, 300)


def ticks_of(random: np.random.Generator, rows: int, symbol: str) -> ts.Ticks:
    return ts.Ticks.from_arrays(
        np.cumsum(random.integers(0, 3, rows)),
        walk(random, rows),
        random.integers(1, 9, rows),
        random.integers(0, 2, rows),
        tick_size=1,
        lot=1,
        symbol=symbol,
    )


def bars_of(random: np.random.Generator, rows: int, symbol: str) -> ts.Bars:
    opens, closes = walk(random, rows), walk(random, rows)
    return ts.Bars.from_arrays(
        1000 * np.flatnonzero(random.random(2 * rows) < 0.6)[:rows],
        opens,
        np.maximum(opens, closes) + random.integers(0, 5, rows),
        np.minimum(opens, closes) - random.integers(0, 5, rows),
        closes,
        random.integers(1, 50, rows),
        interval="1s",
        tick_size=1,
        lot=1,
        symbol=symbol,
    )


def signals_of(random: np.random.Generator, rows: int, share: float) -> Columns:
    return {name: random.random(rows) < share for name in NAMES}


TERMS: list[dict[str, Any]] = [
    {},
    {"accumulate": True, "size": 3},
    {"sl": 0.004, "tp": 0.006},
    {"sl": 0.01, "tp": 0.002, "trailing": 0.008, "size": 7},
    {"trailing": 0.005, "accumulate": True},
    {"size": 2000, "size_type": "value", "sl": 0.02},
    {"size": 0.5, "size_type": "percent"},
    {"limit": 500, "size": 4},
    {"limit": 505, "sl": 0.01, "tp": 0.01, "accumulate": True},
]
SETTINGS: list[dict[str, Any]] = [
    PLAIN,
    {},
    PLAIN | {"latency": 3, "participation": 0.4, "quantity": "volume"},
    PLAIN | {"quantity": "volume", "participation": 0.3, "fill": "through"},
    PLAIN | {"account": "cash", "allow_short": False},
]
MONEY: dict[str, Any] = {"cash": 20_000, "money_unit": 1, "maker_fee": 0, "taker_fee": "0.001"}


@pytest.mark.parametrize("make", [ticks_of, bars_of])
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("terms", TERMS)
def test_signals_are_the_strategy_that_follows_them(
    make: Any, settings: dict[str, Any], terms: dict[str, Any]
) -> None:
    for seed, count in enumerate((1, 1, 2, 3)):
        random = np.random.default_rng([seed, len(terms), len(settings)])
        data = {name: make(random, 300, name) for name in ("A", "B", "C")[:count]}
        columns = {name: signals_of(random, len(each), 0.15) for name, each in data.items()}
        rules = MONEY | settings
        given: dict[str, Any] = {
            name: {of: each[name] for of, each in columns.items()} for name in NAMES
        }
        result = ts.from_signals(data, **given, **terms, alternatives=False, **rules)
        assert isinstance(result, ts.Result)
        assert len(result.fills) > 0 or "limit" in terms
        assert result.event_digest == by_hand(data, columns, terms, **rules)


@pytest.mark.parametrize("bar_fill", ["close", "path"])
@pytest.mark.parametrize("terms", TERMS[2:5])
def test_bars_fill_as_they_do_for_strategies(bar_fill: str, terms: dict[str, Any]) -> None:
    random = np.random.default_rng(len(terms))
    data = {name: bars_of(random, 300, name) for name in ("A", "B")}
    columns = {name: signals_of(random, 300, 0.15) for name in data}
    rules = MONEY | PLAIN | {"bar_fill": bar_fill}
    given: dict[str, Any] = {
        name: {of: each[name] for of, each in columns.items()} for name in NAMES
    }
    result = ts.from_signals(data, **given, **terms, alternatives=False, **rules)
    assert isinstance(result, ts.Result) and len(result.fills) > 10
    assert result.event_digest == by_hand(data, columns, terms, **rules)


def test_rules_of_one_row() -> None:
    times = [1000 * row for row in range(6)]
    ticks = ts.Ticks.from_arrays(times, [100] * 6, [9] * 6, [0] * 6, tick_size=1, lot=1)

    def fills(**columns: list[int]) -> list[tuple[int, float]]:
        wanted: dict[str, Any] = {name: np.array(each, bool) for name, each in columns.items()}
        result = ts.from_signals(ticks, **wanted, spread_bps=0, **PLAIN)
        assert isinstance(result, ts.Result)
        rows = result.events[result.events["kind"] == ts.EventKind.FILLED]
        return list(zip(rows["tick_index"].tolist(), rows["qty_lots"].tolist(), strict=True))

    assert fills(entries=[1, 1, 0, 0, 0, 0]) == [(1, 1)]
    assert fills(entries=[1, 0, 1, 0, 0, 0], exits=[0, 0, 1, 0, 0, 0]) == [(1, 1), (3, -1)]
    assert fills(entries=[1, 0, 0, 0, 0, 0], short_entries=[1, 0, 0, 0, 0, 0]) == []
    both = fills(entries=[1, 0, 0, 0, 0, 0], short_entries=[0, 0, 1, 0, 0, 0])
    assert both == [(1, 1), (3, -1), (3, -1)]
    assert fills(entries=[0, 0, 0, 0, 0, 1]) == []


def test_sets_of_parameters_are_runs_by_themselves() -> None:
    random = np.random.default_rng(5)
    ticks = ticks_of(random, 500, "A")
    entries, exits = random.random((500, 20)) < 0.05, random.random((500, 20)) < 0.05
    stops = np.linspace(0.001, 0.02, 20)
    runs = ts.from_signals(ticks, entries, exits, sl=stops, workers=3, **MONEY)
    alone = ts.from_signals(ticks, entries, exits, sl=stops, **MONEY)
    assert isinstance(runs, Runs) and isinstance(alone, Runs)
    assert runs.stats.equals(alone.stats)
    for index in (0, 7, 19):
        one = ts.from_signals(ticks, entries[:, index], exits[:, index], sl=stops[index], **MONEY)
        assert isinstance(one, ts.Result)
        assert one.event_digest == runs[index].event_digest == runs.stats["Event Digest"][index]


def test_the_line_of_a_run_is_read_off_its_result() -> None:
    random = np.random.default_rng(6)
    for data in (ticks_of(random, 900, "A"), bars_of(random, 900, "A")):
        crosses = sma_cross(data, [2, 5, 9], [9, 30], short=True)
        runs = ts.from_signals(data, crosses, trailing=0.02, tp=0.03, **MONEY)
        assert isinstance(runs, Runs) and len(runs) == 5
        for index, result in enumerate(runs):
            line = runs.stats.row(index, named=True)
            for name in ("Equity Final", "Return [%]", "Max. Drawdown [%]", "# Trades", "Fills"):
                assert line[name] == result.stats[name], name
            for name in ("Fees", "Refused", "Event Digest"):
                assert line[name] == result.stats[name], name
            assert (line["fast"], line["slow"]) == (
                result.parameters["fast"],
                result.parameters["slow"],
            )


def test_falls_of_runs_down_to_nothing() -> None:
    prices = [100, 120, 60, 90, 30, 200]
    ticks = ts.Ticks.from_arrays(range(6), prices, [1] * 6, [0] * 6, tick_size=1, lot=1)
    entries = np.array([[True, False]] + 5 * [[False, False]])
    runs = ts.from_signals(
        ticks, entries, size=2, cash=100, spread_bps=0, taker_fee=0, money_unit=1, **PLAIN
    )
    assert runs.stats["Max. Drawdown [%]"].to_list() == [-180.0, 0.0]  # type: ignore[union-attr]


@pytest.mark.parametrize("short", [False, True])
def test_crossings_are_those_of_exact_means(short: bool) -> None:
    random = np.random.default_rng(7)
    ticks = ticks_of(random, 3000, "A")
    sums = np.concatenate([[0], np.cumsum(ticks.price_ticks)])
    found = sma_cross(ticks, range(1, 12, 5), (6, 40, 1500), short=short)
    for index in range(len(found)):
        fast, slow = (int(found.parameters[name][index]) for name in ("fast", "slow"))
        rows = np.arange(slow - 1, 3000)
        means = [
            (sums[rows + 1] - sums[rows + 1 - each]) * other
            for each, other in ((fast, slow), (slow, fast))
        ]
        above = means[0] > means[1]
        turned = np.flatnonzero(above[1:] != above[:-1]) + 1
        own = found[index]
        assert own.rows.tolist() == rows[turned].tolist()
        up, down = (ENTRY | SHORT_EXIT, EXIT | SHORT_ENTRY) if short else (ENTRY, EXIT)
        assert own.kinds.tolist() == np.where(above[turned], up, down).tolist()


def test_crossings_are_the_strategy_with_averages() -> None:
    class Cross(ts.Strategy):
        def on_bar(self, bar: Bar) -> None:
            is_above = self.sma(5) > self.sma(20)
            was_above, self.was_above = getattr(self, "was_above", is_above), is_above
            if np.isnan(self.sma(20).value):
                del self.was_above
            elif is_above and not was_above:
                self.buy(1)
            elif was_above and not is_above and self.position:
                self.sell(self.position, reduce_only=True)

    class Tagged(Cross):
        def buy(self, qty: Any, **options: Any) -> int:
            return super().buy(qty, tag=1, **options)

        def sell(self, qty: Any, **options: Any) -> int:
            return super().sell(qty, tag=2, **options)

    bars = bars_of(np.random.default_rng(8), 800, "A")
    result = ts.from_signals(bars, sma_cross(bars, 5, 20), **PLAIN)
    assert isinstance(result, ts.Result) and len(result.trades) > 10
    assert result.event_digest == ts.backtest(Tagged, bars, **PLAIN).event_digest


@pytest.mark.parametrize("make", [ticks_of, bars_of])
@pytest.mark.parametrize("settings", SETTINGS[:4])
def test_orders_are_the_strategy_that_places_them(make: Any, settings: dict[str, Any]) -> None:
    class Placer(TickFollower if make is ticks_of else Follower):  # type: ignore[misc]
        def follow(self, symbol: str) -> None:
            self.seen[symbol] += 1
            size = int(sizes[symbol][self.seen[symbol]])
            price = float(prices[symbol][self.seen[symbol]])
            if size:
                side = "BUY" if size > 0 else "SELL"
                self.order(ts.Order("LIMIT", side, abs(size), price=price, symbol=symbol))

    for count in (1, 2, 3):
        random = np.random.default_rng(count)
        data = {name: make(random, 300, name) for name in ("A", "B", "C")[:count]}
        sizes = {name: random.integers(-2, 3, 300) * (random.random(300) < 0.2) for name in data}
        prices = {name: 500.0 + random.integers(-30, 30, 300) for name in data}
        result = ts.from_orders(data, sizes, price=prices, order_type="LIMIT", **(MONEY | settings))
        placer = Placer({name: {} for name in data}, {})
        rules = MONEY | settings
        assert isinstance(result, ts.Result) and len(result.fills) > 0
        told = ts.backtest(placer, data, alternatives=False, **rules)
        assert result.event_digest == told.event_digest


def test_columns_of_orders_are_runs_by_themselves() -> None:
    random = np.random.default_rng(9)
    ticks = ticks_of(random, 400, "A")
    sizes = random.integers(-2, 3, (400, 4)) * (random.random((400, 4)) < 0.1)
    sizes[:, 3] = 0
    runs = ts.from_orders(ticks, sizes, **MONEY)
    assert isinstance(runs, Runs)
    for index in range(4):
        one = ts.from_orders(ticks, sizes[:, index], **MONEY)
        assert isinstance(one, ts.Result)
        line = runs.stats.row(index, named=True)
        assert line["Event Digest"] == one.event_digest
        assert line["Equity Final"] == one.stats["Equity Final"]
        assert line["Max. Drawdown [%]"] == one.stats["Max. Drawdown [%]"]


def test_alternatives_are_run_beside_a_single_set() -> None:
    random = np.random.default_rng(10)
    ticks = ticks_of(random, 500, "A")
    entries, exits = random.random(500) < 0.1, random.random(500) < 0.1
    limits = ticks.price_ticks - 1.0
    result = ts.from_signals(ticks, entries, exits, limit=limits)
    assert isinstance(result, ts.Result)
    touched = ts.from_signals(ticks, entries, exits, limit=limits, fill="touch")
    assert isinstance(touched, ts.Result)
    (other,) = result.alternatives.values()
    assert other.event_digest == touched.event_digest != result.event_digest


TICKS = ticks_of(np.random.default_rng(1), 5, "A")
YES = np.ones(5, bool)
ONE = [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, ts.DataError, "there are no signals"),
        ({"entries": [1.0, np.nan, 0, 0, 0]}, ts.DataError, "entries must be True or False"),
        ({"entries": [True, None, False, False, False]}, ts.DataError, "an array of object"),
        ({"entries": [1, 0, 0, 0, 0]}, ts.DataError, "an array of int64"),
        ({"entries": [True]}, ts.DataError, r"the shape \(1,\), the data have 5 rows"),
        (
            {"entries": np.ones((5, 2), bool), "exits": np.ones((5, 3), bool)},
            ts.DataError,
            "2 and 3",
        ),
        ({"entries": YES, "size": 0}, ts.OrderError, "size is 0 or less"),
        ({"entries": YES, "size": [1, 1, 0, 1, 1]}, ts.OrderError, "size at row 2 is 0 or less"),
        ({"entries": YES, "size": [1.0, 1, np.nan, 1, 1]}, ts.OrderError, "row 2"),
        ({"entries": YES, "size": 0.5}, ts.OrderError, "size"),
        ({"entries": YES, "size": [1, 1]}, ts.DataError, r"size has the shape \(2,\)"),
        ({"entries": YES, "size_type": "all"}, ts.ConfigError, "size_type 'all' is none"),
        ({"entries": YES, "sl": 1.5}, ts.OrderError, "sl is 1.5: a share"),
        ({"entries": YES, "tp": -0.1}, ts.OrderError, "tp is -0.1: a share"),
        ({"entries": YES, "limit": 99.5}, ts.OrderError, "limit"),
        ({"entries": YES, "exit": YES}, ts.ConfigError, "there is no setting 'exit'"),
        ({"entries": YES, "cashh": 5}, ts.ConfigError, "did you mean 'cash'"),
        ({"entries": YES, "barfill": "close"}, ts.ConfigError, "did you mean 'bar_fill'"),
        ({"entries": {"B": YES}}, ts.DataError, "entries names 'B'"),
        ({"entries": SignalSets([], [], [0, 0], row_count=4)}, ts.DataError, "of 4 rows"),
        (
            {"entries": SignalSets([], [], [0, 0], row_count=5), "exits": YES},
            ts.DataError,
            "beside",
        ),
        (
            {"entries": of_columns(5, {"entries": np.ones((5, 2), bool)}), "sl": [0.1, 0.2, 0.3]},
            ts.DataError,
            "2 sets of signals where others are 3",
        ),
    ],
)
def test_what_is_no_signal_is_refused(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ts.from_signals(TICKS, **arguments)


def test_what_is_no_run_is_refused() -> None:
    bars = bars_of(np.random.default_rng(2), 5, "B")
    with pytest.raises(ts.ConfigError, match="some of the data are ticks"):
        ts.from_signals({"A": TICKS, "B": bars}, {"A": YES})
    with pytest.raises(ts.DataError, match="entries is one column, the data are of 2"):
        ts.from_signals({"A": TICKS, "B": TICKS}, YES)
    with pytest.raises(ts.ConfigError, match="long and short positions apart"):
        ts.from_signals(TICKS, YES, position="hedge", settle="mark")
    runs = ts.from_signals(TICKS, np.ones((5, 2), bool), workers=0)
    assert isinstance(runs, Runs)
    with pytest.raises(ts.DataError, match="there is no run 2 of 2"):
        runs[2]
    with pytest.raises(ts.ConfigError, match="workers is 0"):
        _ = runs.stats


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"size": [1, 2]}, ts.DataError, "size has the shape"),
        ({"size": [1.0, np.nan, 0, 0, 0]}, ts.OrderError, "size is not a number in every row"),
        ({"size": [0, 0.5, 0, 0, 0]}, ts.OrderError, "size at row 1"),
        (
            {"size": ONE, "order_type": "STOP", "trigger": [1, 2]},
            ts.DataError,
            "trigger has the sh",
        ),
        ({"size": ONE, "order_type": "LIMIT"}, ts.OrderError, "LIMIT orders have a price"),
        ({"size": ONE, "price": 5}, ts.OrderError, "MARKET orders have no price"),
        ({"size": ONE, "order_type": "LIMT"}, ts.OrderError, "order_type 'LIMT' is none"),
        ({"size": ONE, "order_type": "LIMIT", "price": [5, 5, 5.5, 5, 5]}, ts.OrderError, "row 2"),
    ],
)
def test_what_is_no_order_is_refused(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ts.from_orders(TICKS, **arguments)


@pytest.mark.parametrize(
    ("rows", "kinds", "offsets"),
    [
        ([3, 2], [1, 1], [0, 2]),
        ([2, 2], [1, 1], [0, 2]),
        ([2, 5], [1, 1], [0, 2]),
        ([2, 3], [1], [0, 2]),
        ([2, 3], [1, 1], [0, 1]),
        ([2, 3], [1, 1], [0, 2, 1, 2]),
    ],
)
def test_sets_that_do_not_fit_together_are_refused(
    rows: list[int], kinds: list[int], offsets: list[int]
) -> None:
    with pytest.raises(ts.DataError, match="do not"):
        SignalSets(rows, kinds, offsets, row_count=5)
    assert len(SignalSets([2, 3, 2], [1, 1, 1], [0, 2, 3, 3], row_count=5)) == 3


def test_events_have_their_type() -> None:
    result = ts.from_signals(TICKS, YES)
    assert isinstance(result, ts.Result) and result.events.dtype == EVENT_DTYPE
