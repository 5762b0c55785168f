"""Strategies over bars and over several instruments: who is called when, and what trades where."""

from __future__ import annotations

import abc
import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.data.calendar import Calendar
from tickstep.lookahead import scrambled

PLAIN: dict[str, Any] = {"spread_bps": 0, "maker_fee": 0, "taker_fee": 0}
MINUTE = 60_000


def bars_of(
    closes: list[int], *, symbol: str = "A", start: int = 0, opens: list[int] | None = None
) -> ts.Bars:
    close = np.array(closes)
    open_ = np.array(opens) if opens is not None else np.r_[close[:1], close[:-1]]
    time = start + np.arange(len(close)) * MINUTE
    high, low = np.maximum(open_, close) + 1, np.minimum(open_, close) - 1
    volume = np.full(len(close), 1000)
    return ts.Bars(
        time,
        open_,
        high,
        low,
        close,
        volume,
        tick_size=1,
        lot=1,
        interval="1m",
        symbol=symbol,
    )


def walk(count: int, seed: int, symbol: str = "A") -> ts.Bars:
    rng = np.random.default_rng(seed)
    close = 1000 + rng.integers(-5, 6, count).cumsum()
    open_ = np.r_[1000, close[:-1]] + rng.integers(-2, 3, count)
    high = np.maximum(open_, close) + rng.integers(0, 6, count)
    low = np.minimum(open_, close) - rng.integers(0, 6, count)
    volume = rng.integers(1, 900, count)
    time = np.arange(count) * MINUTE
    return ts.Bars(
        time, open_, high, low, close, volume, tick_size=1, lot=1, interval="1m", symbol=symbol
    )


def fills_of(result: ts.Result) -> list[tuple[int, int, int, int]]:
    rows = result.events[result.events["kind"] == ts.EventKind.FILLED]
    return [
        (int(row["instrument"]), int(row["time"]), int(row["price_ticks"]), int(row["qty_lots"]))
        for row in rows
    ]


class Teller(ts.Strategy):
    """Writes down what it is told."""

    def on_start(self) -> None:
        self.told: list[Any] = []

    def on_bar(self, bar: ts.Bar) -> None:
        self.told.append((self.now, bar.symbol, bar.interval, bar.close))


def test_each_bar_is_told_when_it_is_over() -> None:
    strategy = Teller()
    ts.backtest(strategy, bars_of([5, 6, 7]))
    assert strategy.told == [
        (59_999, "A", "1m", 5.0),
        (119_999, "A", "1m", 6.0),
        (179_999, "A", "1m", 7.0),
    ]


def test_bars_of_one_moment_are_told_before_any_order_is_live() -> None:
    class Together(ts.Strategy):
        def on_start(self) -> None:
            self.seen: list[Any] = []

        def on_bar(self, bar: ts.Bar) -> None:
            prices = {symbol: self.price_of(symbol) for symbol in self.symbols}
            self.seen.append((bar.symbol, prices))
            if bar.symbol == "A" and bar.start == 0:
                self.buy(1, symbol="B")

        def on_bars(self, bars: dict[str, ts.Bar]) -> None:
            self.seen.append((self.now, sorted(bars)))

    strategy = Together()
    data = [bars_of([5, 6]), bars_of([8, 9], symbol="B", opens=[8, 20])]
    result = ts.backtest(strategy, data, **PLAIN)
    both = {"A": 5.0, "B": 8.0}
    assert strategy.seen[:3] == [("A", both), ("B", both), (59_999, ["A", "B"])]
    assert fills_of(result) == [(1, 60_000, 20, 1)]


def test_instruments_that_miss_bars() -> None:
    strategy = Teller()
    late = bars_of([8], symbol="B", start=MINUTE)
    ts.backtest(strategy, {"A": bars_of([5, 6, 7]), "B": late})
    assert [told[:2] for told in strategy.told] == [
        (59_999, "A"),
        (119_999, "A"),
        (119_999, "B"),
        (179_999, "A"),
    ]


def test_longer_bars_are_those_of_resample() -> None:
    data = walk(600, 3)
    gone = np.ones(600, bool)
    gone[[3, 4, 5, 9, 100, 101, 102, 103, 104, 105, 106]] = False
    held: dict[str, Any] = {name: column[gone] for name, column in data.columns.items()}
    data = ts.Bars(**held, tick_size=1, lot=1, interval="1m", symbol="A")

    class Longer(Teller):
        def on_start(self) -> None:
            super().on_start()
            self.every("5m")
            self.every("1m")

        def on_bar(self, bar: ts.Bar) -> None:
            super().on_bar(bar)
            if bar.interval == "5m":
                self.told[-1] += (bar.open, bar.high, bar.low, bar.volume)
            kept = self.history(interval=bar.interval)
            assert kept.close[-1] == bar.close
            assert kept.high[-1] == bar.high

    strategy = Longer()
    ts.backtest(strategy, data)
    five = [told for told in strategy.told if told[2] == "5m"]
    expected = data.resample("5m")
    complete = expected.end_time <= data.end_time[-1]
    assert [told[3] for told in five] == expected.close[complete].tolist()
    assert [told[4] for told in five] == expected.open[complete].tolist()
    assert [told[5] for told in five] == expected.high[complete].tolist()
    assert [told[6] for told in five] == expected.low[complete].tolist()
    assert [told[7] for told in five] == expected.volume[complete].tolist()
    # It is told of when it is over: with its last bar, or before the row that shows that it was.
    ends = expected.end_time[complete].tolist()
    last = [max(stop for stop in data.end_time.tolist() if stop <= end) for end in ends]
    assert [told[0] + 1 for told in five] == last


class Cross(ts.Strategy):
    fast, slow = 3, 8

    def on_bar(self, bar: ts.Bar) -> None:
        if self.sma(self.fast, bar.symbol) > self.sma(self.slow, bar.symbol):
            if not self.position_of(bar.symbol):
                entry = round(bar.close)
                self.buy(2, symbol=bar.symbol)
                stop = {"stop": entry - 4, "oco_group": 1}
                self.sell(2, symbol=bar.symbol, reduce_only=True, **stop)
                self.sell(2, symbol=bar.symbol, limit=entry + 5, oco_group=1, reduce_only=True)
        elif self.position_of(bar.symbol):
            self.cancel_all(bar.symbol)
            self.close(bar.symbol)


def test_lines_are_reckoned_over_what_is_over() -> None:
    class Check(ts.Strategy):
        def on_start(self) -> None:
            self.closes: list[float] = []

        def on_bar(self, bar: ts.Bar) -> None:
            self.closes.append(bar.close)
            line = self.sma(4)
            if len(self.closes) < 4:
                assert np.isnan(line.value)
                assert not line > 0
                assert not line < 1e9
            else:
                assert line.value == pytest.approx(np.mean(self.closes[-4:]), rel=1e-15)
            assert len(line) == len(self.history()) == len(self.closes)
            assert np.asarray(line).shape == self.history().close.shape
            for place in (0, 1, -len(self.closes) - 1):
                with pytest.raises(IndexError):
                    line[place]

    ts.backtest(Check, walk(40, 1))


@pytest.mark.parametrize("seed", range(4))
def test_nothing_looks_ahead(seed: int) -> None:
    """Whatever comes after a bar is changed: all events up to its end stay what they were."""
    data = {"A": walk(300, seed), "B": walk(300, seed + 50, "B")}
    result = ts.backtest(Cross, data)
    rng = np.random.default_rng(seed)
    for row in (20, 111, 250):
        order = np.r_[np.arange(row), row + rng.permutation(300 - row)]
        scrambled = {}
        for symbol, bars in data.items():
            columns: dict[str, Any] = {name: column[order] for name, column in bars.columns.items()}
            columns["time"] = bars.time
            scrambled[symbol] = ts.Bars(**columns, tick_size=1, lot=1, interval="1m", symbol=symbol)
        other = ts.backtest(Cross, scrambled)
        before = row * MINUTE
        assert (result.events["time"] < before).sum() > 5
        known, again = (
            each.events[each.events["time"] < before].tolist() for each in (result, other)
        )
        assert known == again


def test_rebalance_sells_before_it_buys() -> None:
    class Turn(ts.Strategy):
        def on_bars(self, bars: dict[str, ts.Bar]) -> None:
            first = self.now < MINUTE
            self.rebalance({"A": 0.5, "B": 0.5} if first else {"B": 1, "C": -0.5})

    data = {name: bars_of([10, 10, 10], symbol=name) for name in "ABC"}
    result = ts.backtest(Turn, data, cash=1000, **PLAIN)
    placed = result.events[result.events["kind"] == ts.EventKind.ACCEPTED]
    assert placed["instrument"].tolist() == [0, 1, 0, 2, 1]
    assert placed["qty_lots"].tolist() == [50, 50, -50, -50, 50]


def test_a_target_takes_the_place_of_the_one_before() -> None:
    """Orders that trade a little of each bar do not pile up."""

    class Turn(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            self.target(None, 1000 if bar.start < 2 * MINUTE else -1000)
            assert len(self.open_orders) <= 2

    data = bars_of([10] * 5)
    for latency in (0, 1):
        result = ts.backtest(
            Turn, data, quantity="volume", participation="0.1", latency=latency, **PLAIN
        )
        assert [fill[3] for fill in fills_of(result)] == [100, 100, -100, -100]


def test_targets_are_whole_board_lots_and_told_once() -> None:
    class Target(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            self.target_percent(None, 0.995)
            self.target_percent(None, 0.995)
            self.target_value(None, 300)
            self.target(None, 100)

    result = ts.backtest(Target, bars_of([10, 10]), cash=5000, qty_step=100, qty_min=100, **PLAIN)
    placed = result.events[result.events["kind"] == ts.EventKind.ACCEPTED]
    assert placed["qty_lots"].tolist()[:2] == [400, 100]
    ended = result.events[result.events["kind"] == ts.EventKind.CANCELLED]
    assert ended["qty_lots"].tolist()[:1] == [400]


def test_updates_of_orders() -> None:
    class Updates(ts.Strategy):
        def on_start(self) -> None:
            self.told: list[Any] = []

        def on_bar(self, bar: ts.Bar) -> None:
            if bar.start == 0:
                self.buy(1, limit=3)
                self.sell(1, stop=3)
                self.cancel_all()
                self.sell(5, reduce_only=True)

        def on_order(self, update: ts.OrderUpdate) -> None:
            self.told.append((update.order_id, update.kind, update.reason, update.side))

    strategy = Updates()
    ts.backtest(strategy, bars_of([5, 6, 7]), latency=0)
    assert strategy.told == [
        (1, "ACCEPTED", "", "BUY"),
        (2, "ACCEPTED", "", "SELL"),
        (1, "CANCELLED", "CANCELLED_BY_USER", "BUY"),
        (2, "CANCELLED", "CANCELLED_BY_USER", "SELL"),
        (3, "ACCEPTED", "", "SELL"),
        (3, "CANCELLED", "REDUCE_ONLY", "SELL"),
    ]


def test_orders_from_a_fill_trade_in_the_rest_of_the_bar() -> None:
    class Bracket(ts.Strategy):
        def on_start(self) -> None:
            self.buy(1)

        def on_fill(self, fill: ts.Fill) -> None:
            if fill.side == "BUY":
                self.sell(1, stop=fill.price - 1)

    result = ts.backtest(Bracket, bars_of([10, 10]), **PLAIN)
    assert fills_of(result) == [(0, 0, 10, 1), (0, 59_999, 9, -1)]


def test_ticks_and_bars_together() -> None:
    ticks = ts.Ticks.from_arrays(
        [10, 70_000, 130_000], [50.0, 51.0, 52.0], [1.0, 1.0, 1.0], [0, 0, 0], tick_size=1, lot=1
    )

    class Both(Teller):
        def on_bar(self, bar: ts.Bar) -> None:
            super().on_bar(bar)
            self.buy(1, symbol="T")

    strategy = Both()
    result = ts.backtest(strategy, {"A": bars_of([5, 6, 7]), "T": ticks}, **PLAIN)
    assert fills_of(result) == [(1, 70_000, 51, 1), (1, 130_000, 52, 1)]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda s: s.buy(1), "the engine has 2 instruments"),
        (lambda s: s.close(), "there are 2 instruments: A, B"),
        (lambda s: s.target("C", 1), "there is no instrument 'C'"),
        (lambda s: s.position, "the engine has 2 instruments"),
        (lambda s: s.every("2m"), "when the run has begun"),
        (lambda s: s.history("A", "2m"), "of the interval 2m are not kept; kept are 1m"),
        (lambda s: s.sma(0, "A"), "a length of 0"),
    ],
)
def test_mistakes_are_named(act: Callable[[ts.Strategy], Any], message: str) -> None:
    class Mistaken(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            act(self)

    with pytest.raises(ts.TickstepError, match=message):
        ts.backtest(Mistaken, [bars_of([5]), bars_of([6], symbol="B")])


def test_a_loop_without_an_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickstep.session.ORDERS_AT_ONCE_MAX", 1000)

    class Endless(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            while True:
                self.buy(1, limit=1)

    with pytest.raises(
        ts.StrategyError, match="more than 1,000 orders and amendments are given at the time 59999"
    ):
        ts.backtest(Endless, bars_of([5]))


@pytest.mark.parametrize(
    "data",
    [
        [bars_of([5]), bars_of([6])],
        {"A": [1, 2]},
        {},
        bars_of([5]).between(1, 1),
    ],
)
def test_data_that_cannot_be_run(data: Any) -> None:
    with pytest.raises(ts.DataError):
        ts.backtest(Cross, data)


def test_data_of_two_time_units() -> None:
    seconds = ts.Bars.from_arrays([0], [5], [5], [5], [5], [1], interval="1m", time_unit="s", lot=1)
    with pytest.raises(ts.ConfigError, match="the data count time in ms and s"):
        ts.backtest(Cross, {"A": bars_of([5]), "B": seconds})


def test_volumes_finer_than_money_can_be_counted_in() -> None:
    bars = ts.Bars.from_arrays(
        [0, MINUTE],
        ["46821.75", "46810.5"],
        ["46830.5", "46811.0"],
        ["46809.0", "46810.5"],
        ["46810.75", "46811.0"],
        ["289169.9847625", "0.0000001"],
        interval="1m",
    )

    class Buy(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            self.volumes = [*getattr(self, "volumes", []), bar.volume]
            self.buy("0.000001")

    strategy = Buy()
    result = ts.backtest(strategy, bars)
    assert strategy.volumes == [289169.984762, 0.0]
    assert result.config.canonical()["instruments"][0]["lot"] == "0.000001"


@pytest.mark.parametrize("kind", ["bars", "ticks"])
def test_weeks_begin_on_mondays(kind: str) -> None:
    day = 24 * 60 * MINUTE
    time = np.arange(3, 40) * day + 5
    price = np.arange(37) + 100
    count = np.ones(37, np.int64)
    ticks = ts.Ticks(time, price, count, np.zeros(37, np.uint8), tick_size=1, lot=1, symbol="A")
    expected = ticks.candles("1w")

    class Weekly(Teller):
        def on_start(self) -> None:
            super().on_start()
            self.every("1w")

        def on_bar(self, bar: ts.Bar) -> None:
            self.told.append((bar.start, bar.open, bar.close))

    strategy = Weekly()
    ts.backtest(strategy, ticks if kind == "ticks" else ticks.candles("1d"))
    weeks = zip(expected.time.tolist(), expected.open, expected.close, strict=True)
    assert len(strategy.told) == 6  # the seventh is not over
    assert strategy.told == list(weeks)[:6]


def test_progress_rises_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    data = [walk(500, seed, symbol) for seed, symbol in enumerate("ABC")]
    ts.backtest(Cross, data, progress=lambda done, total: told.append((done, total)))
    done = [each for each, _ in told]
    assert done == sorted(done)
    assert told[-1] == (3000, 3000)
    assert len(told) > 50


# --- Ticks, trading days, brackets. ---------------------------------------------------------------


def ticks_of(prices: list[int], qty: int = 100) -> ts.Ticks:
    times = [1000 * row for row in range(len(prices))]
    return ts.Ticks.from_arrays(
        times, prices, [qty] * len(prices), [0] * len(prices), tick_size=1, lot=1, symbol="T"
    )


def test_every_tick_is_told_after_what_it_did() -> None:
    class Ticked(ts.Strategy):
        def on_start(self) -> None:
            self.told: list[Any] = []
            self.buy(1)

        def on_fill(self, fill: ts.Fill) -> None:
            self.told.append(("fill", fill.time))

        def on_tick(self, tick: ts.Tick) -> None:
            self.told.append((tick.symbol, tick.time, tick.price, tick.qty, self.position))
            if tick.price == 7:
                self.sell(1)

    strategy = Ticked()
    result = ts.backtest(strategy, ticks_of([5, 7, 6]), **PLAIN)
    assert strategy.told == [
        ("fill", 0),
        ("T", 0, 5.0, 100.0, 1.0),
        ("T", 1000, 7.0, 100.0, 1.0),
        ("fill", 2000),
        ("T", 2000, 6.0, 100.0, 0.0),
    ]
    assert fills_of(result) == [(0, 0, 5, 1), (0, 2000, 6, -1)]


def test_ticks_of_bars_are_not_told() -> None:
    class Ticked(ts.Strategy):
        def on_tick(self, tick: ts.Tick) -> None: ...

    with pytest.raises(ts.ConfigError, match="Ticked.on_tick needs ticks, and there are bars"):
        ts.backtest(Ticked, bars_of([5]))


MOON = Calendar(
    "MOON",
    zone="UTC",
    hours={"1970-01-01": "00:00-00:01 00:02-00:04"},
    begin="1970-01-01",
    end="1970-01-02",
)


class Days(ts.Strategy):
    """Writes down the trading days."""

    def on_start(self) -> None:
        self.told: list[Any] = []
        self.sessions(MOON)

    def on_session(self, session: ts.SessionUpdate) -> None:
        self.told.append((self.now, session.time, session.day, session.is_open))


def test_trading_days_begin_and_end() -> None:
    day = 86_400_000
    times = [0, MINUTE, 4 * MINUTE - 1, 5 * MINUTE, day, day + 4 * MINUTE, day + 5 * MINUTE]
    ticks = ts.Ticks.from_arrays(times, [5] * 7, [1] * 7, [0] * 7, tick_size=1, lot=1)
    strategy = Days()
    ts.backtest(strategy, ticks)
    assert strategy.told == [
        (5 * MINUTE, 4 * MINUTE, "1970-01-01", False),
        (day, day, "1970-01-02", True),
        (day + 4 * MINUTE, day + 4 * MINUTE, "1970-01-02", False),
    ]


def test_data_beyond_the_calendar_are_named() -> None:
    times = [0, 3 * 86_400_000, 3 * 86_400_000]
    ticks = ts.Ticks.from_arrays(times, [5] * 3, [1] * 3, [0] * 3, tick_size=1, lot=1)
    with pytest.raises(ts.DataError, match="MOON"):
        ts.backtest(Days, ticks)


def test_a_calendar_of_another_unit() -> None:
    ticks = ts.Ticks.from_arrays([0], [5], [1], [0], tick_size=1, lot=1, time_unit="us")
    with pytest.raises(ts.StrategyError, match="counts time in ms, the data in us"):
        ts.backtest(Days, ticks)


@pytest.mark.parametrize(
    ("side", "profit", "loss", "prices", "left_at"),
    [
        ("BUY", 12, 8, [10, 10, 11, 13, 9], 12),
        ("BUY", 12, 8, [10, 10, 9, 7, 13], 7),
        ("SELL", 8, 12, [10, 10, 9, 7, 13], 8),
        ("SELL", 8, 12, [10, 10, 11, 13, 7], 13),
        ("BUY", None, 8, [10, 10, 13, 8, 13], 8),
        ("BUY", 12, None, [10, 10, 5, 13, 9], 12),
    ],
)
def test_brackets_leave_at_a_profit_or_a_loss(
    side: Any, profit: int | None, loss: int | None, prices: list[int], left_at: int
) -> None:
    class Bracketed(ts.Strategy):
        def on_start(self) -> None:
            self.bracket(side, 3, take_profit=profit, stop_loss=loss, tag=5)

        def on_fill(self, fill: ts.Fill) -> None:
            assert fill.tag == 5

        def on_stop(self) -> None:
            assert not self.open_orders

    result = ts.backtest(Bracketed, ticks_of(prices), **PLAIN)
    sign = 1 if side == "BUY" else -1
    assert [fill[2:] for fill in fills_of(result)] == [(10, 3 * sign), (left_at, -3 * sign)]


def test_exits_of_a_bracket_are_as_large_as_its_fills() -> None:
    class Bracketed(ts.Strategy):
        def on_start(self) -> None:
            self.bracket("BUY", 8, take_profit=12, stop_loss=8)

    result = ts.backtest(Bracketed, ticks_of([10, 10, 13, 13], qty=5), participation=1, **PLAIN)
    assert [fill[2:] for fill in fills_of(result)] == [(10, 5), (10, 3), (12, -5), (12, -3)]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda s: s.bracket("BUY", 1), "has no exit"),
        (lambda s: s.bracket("BUY", 1, take_profit=8, stop_loss=9), "is not above stop_loss 9"),
        (lambda s: s.bracket("SELL", 1, take_profit=9, stop_loss=8), "is not below stop_loss 8"),
        (lambda s: s.bracket("BUY", 1, take_profit=9, stoploss=8), "has no argument 'stoploss'"),
        (lambda s: s.oco(ts.Order("MARKET", "BUY", 1)), "1 orders cannot cancel each other"),
        (lambda s: s.buy(1, symbol="U"), "there is no instrument 'U'"),
    ],
)
def test_mistakes_of_brackets_are_named(act: Callable[[ts.Strategy], Any], message: str) -> None:
    class Mistaken(ts.Strategy):
        def on_start(self) -> None:
            act(self)

    with pytest.raises(ts.StrategyError, match=message):
        ts.backtest(Mistaken, ticks_of([5]))


def test_one_of_two_orders_cancels_the_other() -> None:
    class Straddle(ts.Strategy):
        def on_start(self) -> None:
            self.oco(
                ts.Order("STOP", "BUY", 1, trigger=12),
                ts.Order("STOP", "SELL", 1, trigger=8),
            )

    result = ts.backtest(Straddle, ticks_of([10, 13, 7, 7]), **PLAIN)
    assert fills_of(result) == [(0, 1000, 13, 1)]


# --- Strategies that know the future. -------------------------------------------------------------


class KnowsNext(ts.Strategy):
    """Buys before the price rises."""

    def on_start(self) -> None:
        self.next = self.line(lambda bars: np.append(bars.close[1:], np.nan))

    def on_bar(self, bar: ts.Bar) -> None:
        self.target(bar.symbol, 1 if self.next > bar.close else 0)


class KnowsMean(ts.Strategy):
    """Buys below the mean of all prices there will ever be."""

    def on_start(self) -> None:
        self.mean = self.line(lambda bars: np.full(len(bars), bars.close.mean()))

    def on_bar(self, bar: ts.Bar) -> None:
        self.target(bar.symbol, 1 if self.mean > bar.close else 0)


class Told(ts.Strategy):
    """Trades on what it was made with."""

    def __init__(self, signals: Any) -> None:
        super().__init__()
        self.signals = signals

    def on_bar(self, bar: ts.Bar) -> None:
        self.target(bar.symbol, int(self.signals[bar.start // MINUTE]))


def next_is_higher(bars: Any) -> ts.Strategy:
    return Told(np.append(bars.close[1:] > bars.close[:-1], False))


def last_was_higher(bars: Any) -> ts.Strategy:
    return Told(np.append(False, bars.close[1:] > bars.close[:-1]))


@pytest.mark.parametrize("strategy", [KnowsNext, KnowsMean, KnowsMean(), next_is_higher])
def test_a_look_ahead_is_found(strategy: Any) -> None:
    found = ts.lookahead(strategy, walk(400, 2), fill="touch")
    assert not found.is_clean
    assert "it looks ahead: with another future from 1970-01-01 0" in str(found)
    assert "true" in str(found)


@pytest.mark.parametrize("strategy", [Cross, Cross(), last_was_higher])
def test_honest_strategies_are_clean(strategy: Any) -> None:
    data = {"A": walk(300, 1), "B": walk(300, 2, "B")} if strategy is Cross else walk(300, 1)
    found = ts.lookahead(strategy, data, cuts=7, seed=4)
    assert found.is_clean
    assert len(found.cuts) == 7
    assert max(found.events) > 20
    assert str(found).startswith("no look-ahead found: the future was changed from 7 moments on")


def test_a_changed_future_is_another_market() -> None:
    ticks = ticks_of([10, 12, 11, 13] * 50)
    data: dict[str, Any] = {"A": walk(300, 1), "T": ticks}
    changed = scrambled(data, 100_000, 3)
    for symbol, each in changed.items():
        row = int(np.searchsorted(data[symbol].time, 100_000))
        for name in ("close_ticks", "volume_lots") if symbol == "A" else ("price_ticks", "time"):
            was, now = getattr(data[symbol], name), getattr(each, name)
            assert (was[:row] == now[:row]).all()
            assert (was[row:] != now[row:]).mean() > 0.5
    again = scrambled(data, 100_000, 3)
    assert all(each.data_digest == changed[name].data_digest for name, each in again.items())


def test_no_moments() -> None:
    with pytest.raises(ts.ConfigError, match="cuts is 0"):
        ts.lookahead(Cross, walk(30, 1), cuts=0)


def test_lines_of_the_wrong_length() -> None:
    class Short(ts.Strategy):
        def on_start(self) -> None:
            self.line(lambda bars: bars.close[1:])

    with pytest.raises(ts.StrategyError, match="there are 30 bars"):
        ts.backtest(Short, walk(30, 1))


def test_bars_that_are_kept_stay_what_they_were() -> None:
    class Keeper(ts.Strategy):
        def on_start(self) -> None:
            self.kept: list[ts.Bar] = []
            self.closes: list[float] = []

        def on_bar(self, bar: ts.Bar) -> None:
            self.closes.append(bar.close)
            if len(self.closes) % 3 != 1:
                self.kept.append(bar)

    strategy, data = Keeper(), walk(300, 4)
    ts.backtest(strategy, data)
    assert strategy.closes == data.close.tolist()
    assert [bar.start for bar in strategy.kept] == [
        int(time) for row, time in enumerate(data.time) if row % 3
    ]
    assert [bar.close for bar in strategy.kept] == [
        close for row, close in enumerate(data.close.tolist()) if row % 3
    ]


def test_bars_of_a_moment_come_alone_or_with_each_bar() -> None:
    """Who overrides `on_bars` alone is told the same as who hears each bar too."""

    class Together(ts.Strategy):
        def on_start(self) -> None:
            self.told: list[Any] = []
            self.every("1m")
            self.every("5m", "B")

        def on_bars(self, bars: dict[str, ts.Bar]) -> None:
            rows = {symbol: (bar.interval, bar.close, bar.is_last) for symbol, bar in bars.items()}
            self.told.append((self.now, rows, len(self.history("B", "1m"))))
            self.rebalance({symbol: 1 / (2 + len(rows)) for symbol in rows})

    class Each(Together):
        def on_bar(self, bar: ts.Bar) -> None:
            self.close_of_last = bar.close

    alone, each = Together(), Each()
    data = [walk(60, 1), walk(50, 2, "B")]
    digests = {ts.backtest(strategy, data).event_digest for strategy in (alone, each)}
    assert len(digests) == 1
    assert alone.told == each.told
    assert len(alone.told) == 60


@pytest.mark.parametrize("mixed", [(), ("mixin",), ("abc",)])
def test_strategies_are_classes_like_any_other(mixed: tuple[str, ...]) -> None:
    class Mixin:
        def twice(self, value: float) -> float:
            return 2 * value

    bases: dict[tuple[str, ...], tuple[type, ...]] = {
        (): (Own,),
        ("mixin",): (Mixin, Own),
        ("abc",): (Own, abc.ABC),
    }
    kind: Any = type("Kind", bases[mixed], {})
    strategy = kind(3)
    ts.backtest(strategy, bars_of([5, 6, 7]), **PLAIN)
    assert strategy.position == 3
    assert strategy.__dict__["size"] == 3
    with pytest.raises(AttributeError):
        strategy.position = 4


class Own(ts.Strategy):
    """Has an `__init__` of its own that does not call the base's."""

    def __init__(self, size: int) -> None:
        self.size = size

    def on_bar(self, bar: ts.Bar) -> None:
        if self.sma(1) > 0 and self.position == 0:
            self.buy(self.size)


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_strategies_are_copied_and_pickled(protocol: int) -> None:
    strategy = Own(2)
    for copied in (
        copy.copy(strategy),
        copy.deepcopy(strategy),
        pickle.loads(pickle.dumps(strategy, protocol)),
    ):
        assert copied is not strategy
        assert vars(copied) == vars(strategy) == {"size": 2}
        ts.backtest(copied, bars_of([5, 6, 7]), **PLAIN)
        assert copied.position == 2


def test_no_position_before_a_run() -> None:
    strategy = Own(1)
    with pytest.raises(ts.StateError, match="Own is not running"):
        _ = strategy.position
    with pytest.raises(ts.StateError, match="Own is not running"):
        strategy.position_of("A")
    with pytest.raises(ts.StateError, match="Own is not running"):
        strategy.sma(3)


def test_hooks_set_on_the_object_are_called() -> None:
    fills: list[ts.Fill] = []
    strategy = Own(1)
    vars(strategy)["on_fill"] = fills.append
    result = ts.backtest(strategy, bars_of([5, 6, 7]), **PLAIN)
    assert [fill.position for fill in fills] == [1.0]
    assert len(fills_of(result)) == 1


def test_what_is_asked_of_many_instruments_is_what_a_snapshot_tells() -> None:
    class Many(ts.Strategy):
        def on_bars(self, bars: dict[str, ts.Bar]) -> None:
            engine: Any = self._desk
            for symbol in self.symbols:
                snapshot = engine.snapshot(symbol)
                assert self.position_of(symbol) == snapshot.position
                price = None if snapshot.tick_index < 0 else snapshot.last_price
                assert self.price_of(symbol) == price
            held = {symbol: self.position_of(symbol) for symbol in self.symbols}
            assert self.positions == {symbol: qty for symbol, qty in held.items() if qty}
            self.rebalance({symbol: 1 / len(bars) for symbol in bars})

    data = [walk(40, seed, symbol) for seed, symbol in enumerate("ABCDE")]
    late = walk(40, 9, "F")
    data.append(late.between(20 * MINUTE, None))
    result = ts.backtest(Many, data)
    assert len({fill[0] for fill in fills_of(result)}) == 6


@pytest.mark.parametrize("qty", [0.25, "1.5", float("nan")])
def test_a_target_off_the_grid_is_refused(qty: Any) -> None:
    class Off(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            self.target(None, qty)

    with pytest.raises(ts.StrategyError, match="qty"):
        ts.backtest(Off, bars_of([5, 6]))


def test_a_bracket_in_the_midst_of_bars_is_followed() -> None:
    """Nobody hears of fills until there is a bracket."""

    class Late(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            if bar.start == MINUTE:
                self.buy(2)
            if bar.start == 2 * MINUTE:
                self.bracket("BUY", 1, take_profit=14, stop_loss=5)

    result = ts.backtest(Late, bars_of([10, 10, 10, 10, 15, 15]), **PLAIN)
    minutes = [(fill[1] // MINUTE, fill[2], fill[3]) for fill in fills_of(result)]
    assert minutes == [(2, 10, 2), (3, 10, 1), (4, 14, -1)]


# --- Ticks at hand for bars. ----------------------------------------------------------------------


class Between(ts.Strategy):
    """Buys at once, and waits for a target above and a stop below; knows no intervals."""

    def on_start(self) -> None:
        self.told: list[Any] = []
        self.bracket("BUY", 1, take_profit=12, stop_loss=8)

    def on_bar(self, bar: ts.Bar) -> None:
        self.told.append((self.now, bar.interval, bar.high, bar.low, self.sma(1).value))


UP_THEN_DOWN = [10, 13, 7, 10]
DOWN_THEN_UP = [10, 7, 13, 10]


@pytest.mark.parametrize(("path", "left_at"), [(UP_THEN_DOWN, 13), (DOWN_THEN_UP, 7)])
def test_ticks_at_hand_tell_what_came_first(path: list[int], left_at: int) -> None:
    times = [0, 10_000, 20_000, 59_000, 60_000, 119_000, 120_000]
    prices = [*path, 10, 10, 10]
    ticks = ts.Ticks.from_arrays(times, prices, [99] * 7, [0] * 7, tick_size=1, lot=1)
    bars = ticks.candles("1m")[:2]
    over_bars = ts.backtest(Between, bars, **PLAIN)
    assert over_bars.fills["price"].to_list() == [10.0, 8.0]
    assert over_bars.alternatives["limits first"].fills["price"].to_list() == [10.0, 12.0]
    strategy = Between()
    result = ts.backtest(strategy, bars, ticks=ticks, **PLAIN)
    assert result.fills["price"].to_list() == [10.0, float(left_at)]
    assert "limits first" not in result.alternatives
    # A bar is told of with the first tick after it.
    assert strategy.told == [(60_000, "1m", 13.0, 7.0, 10.0), (120_000, "1m", 10.0, 10.0, 10.0)]
    other = ts.backtest(Between, ticks.candles("30s")[:4], ticks=ticks, **PLAIN)
    assert other.digest != result.digest


def test_longer_bars_beside_ticks() -> None:
    class Two(Teller):
        def on_start(self) -> None:
            super().on_start()
            self.every("1m")
            self.every("2m")

    ticks = ticks_of([10 + row % 7 for row in range(400)])
    bars = ticks.candles("1m")[:6]
    strategy = Two()
    ts.backtest(strategy, {"A": bars}, ticks={"A": ticks})
    assert [told[2] for told in strategy.told].count("2m") == 3
    assert [told[2] for told in strategy.told].count("1m") == 6


@pytest.mark.parametrize(
    ("data", "ticks", "message"),
    [
        (bars_of([5, 6, 7]), ticks_of([5] * 30), "the ticks of A are from .* to .*, its bars from"),
        (bars_of([5], start=-10 * MINUTE), ticks_of([5] * 30), "the ticks of A are from"),
        (ticks_of([5]), ticks_of([5]), "T has no bars with ticks beside them"),
        ([bars_of([5]), bars_of([6], symbol="B")], ticks_of([5]), "A has no bars with ticks"),
    ],
)
def test_ticks_that_do_not_fit_the_bars(data: Any, ticks: Any, message: str) -> None:
    with pytest.raises(ts.DataError, match=message):
        ts.backtest(Teller, data, ticks=ticks)
