"""The fill rules of bars: what stops, targets and orders on bars get under each."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.barticks import BAR_FILLS, BarTicks
from tickstep.runfile import recorded, verify

MINUTE = 60_000
PLAIN: dict[str, Any] = {
    "spread_bps": 0,
    "maker_fee": 0,
    "taker_fee": 0,
    "latency": 0,
    "fill": "touch",
    "quantity": "full",
    "alternatives": False,
}


def bars_of(rows: list[tuple[int, int, int, int]], symbol: str = "A", volume: int = 100) -> ts.Bars:
    """Minutes of open, high, low, close."""
    open_, high, low, close = np.array(rows).T
    count = len(rows)
    return ts.Bars(
        np.arange(count) * MINUTE,
        open_,
        high,
        low,
        close,
        np.full(count, volume),
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
    volume = rng.integers(0, 900, count)
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


def columns_of(bars: ts.Bars, bar_fill: str) -> dict[str, list[int]]:
    return {name: each.tolist() for name, each in BarTicks(bars, bar_fill=bar_fill).columns.items()}


def test_rows_at_the_close() -> None:
    rows = columns_of(bars_of([(10, 13, 8, 12)]), "close")
    assert rows == {
        "time": [0, MINUTE - 2, MINUTE - 1],
        "price_ticks": [10, 12, 12],
        "low_ticks": [10, 8, 12],
        "high_ticks": [10, 13, 12],
        "qty_lots": [100, 100, 100],
        "side": [0, 2, 2],
    }


@pytest.mark.parametrize(
    ("bar", "path"),
    [
        ((10, 15, 8, 12), [10, 8, 15, 12]),  # the low is nearer
        ((10, 12, 5, 9), [10, 12, 5, 9]),  # the high is nearer
        ((10, 13, 7, 11), [10, 7, 13, 11]),  # as near, and it rises
        ((10, 13, 7, 10), [10, 7, 13, 10]),  # as near, and it ends where it began
        ((10, 13, 7, 9), [10, 13, 7, 9]),  # as near, and it falls
        ((10, 10, 10, 10), [10, 10, 10, 10]),
    ],
)
def test_rows_on_the_path(bar: tuple[int, int, int, int], path: list[int]) -> None:
    rows = columns_of(bars_of([bar]), "path")
    assert rows["time"] == [0, MINUTE - 3, MINUTE - 2, MINUTE - 1]
    assert rows["price_ticks"] == path
    legs = list(zip([path[0], *path[:-1]], path, strict=True))
    assert rows["low_ticks"] == [min(leg) for leg in legs]
    assert rows["high_ticks"] == [max(leg) for leg in legs]
    assert rows["side"] == [0, 2, 2, 2]


def test_short_bars_have_a_path_and_no_close_of_their_own() -> None:
    bars = ts.Bars.from_arrays(
        [0, 1], [5, 6], [9, 9], [4, 4], [8, 8], [7, 7], interval="1s", lot=1, time_unit="s"
    )
    assert columns_of(bars, "path")["time"] == [0, 0, 0, 0, 1, 1, 1, 1]
    with pytest.raises(ts.DataError, match="the bars are 1 s long"):
        BarTicks(bars, bar_fill="close")


class Guarded(ts.Strategy):
    """Enters on the first bar, with a stop and a target that the next bar reaches both."""

    side = "BUY"

    def on_bar(self, bar: ts.Bar) -> None:
        if bar.start == 0:
            self.order(ts.Order("MARKET", self.side, 1))
            sign = 1 if self.side == "BUY" else -1
            out: Any = {"reduce_only": True, "oco_group": 1}
            left = "SELL" if self.side == "BUY" else "BUY"
            self.order(ts.Order("STOP", left, 1, trigger=100 - 5 * sign, **out))
            self.order(ts.Order("LIMIT", left, 1, price=100 + 5 * sign, **out))


LOW_FIRST = bars_of([(100, 101, 99, 100), (100, 110, 92, 101), (101, 102, 100, 101)])
HIGH_FIRST = bars_of([(100, 101, 99, 100), (100, 108, 90, 101), (101, 102, 100, 101)])


@pytest.mark.parametrize(
    ("bars", "settings", "left_at"),
    [
        (LOW_FIRST, {}, 95),
        (LOW_FIRST, {"range_order": "limits_first"}, 105),
        (LOW_FIRST, {"bar_fill": "path"}, 95),
        (HIGH_FIRST, {}, 95),
        (HIGH_FIRST, {"range_order": "limits_first"}, 105),
        (HIGH_FIRST, {"bar_fill": "path"}, 105),
        (HIGH_FIRST, {"bar_fill": "path", "range_order": "limits_first"}, 105),
        (LOW_FIRST, {"bar_fill": "close"}, 95),
        (HIGH_FIRST, {"bar_fill": "close", "range_order": "limits_first"}, 105),
    ],
)
def test_a_stop_and_a_target_in_one_bar(
    bars: ts.Bars, settings: dict[str, Any], left_at: int
) -> None:
    result = ts.backtest(Guarded, bars, **PLAIN, **settings)
    entry, left = fills_of(result)
    at_close = settings.get("bar_fill") == "close"
    assert entry == (0, MINUTE - 1 if at_close else MINUTE, 100, 1)
    assert left[2:] == (left_at, -1)
    assert left[1] // MINUTE == 1
    short = ts.backtest(Guarded(side="SELL"), bars, **PLAIN, **settings)
    mirrored = {95: 105, 105: 95}
    is_path = settings.get("bar_fill") == "path"
    expected = left_at if is_path else mirrored[left_at]
    assert fills_of(short)[1][2:] == (expected, 1)


def test_what_is_ordered_on_a_bar_trades_at_its_close() -> None:
    class Turn(ts.Strategy):
        def on_start(self) -> None:
            self.told: list[Any] = []

        def on_bar(self, bar: ts.Bar) -> None:
            self.told.append((self.now, bar.start, bar.stop, bar.high, bar.low, bar.close))
            self.target(None, 1 if bar.close > bar.open else -1)

    strategy = Turn()
    data = bars_of([(10, 13, 9, 12), (14, 15, 8, 9), (9, 9, 8, 8), (8, 12, 8, 11)])
    free = {name: value for name, value in PLAIN.items() if name != "latency"}
    result = ts.backtest(strategy, data, bar_fill="close", **free)
    assert strategy.told == [
        (MINUTE - 2, 0, MINUTE, 13.0, 9.0, 12.0),
        (2 * MINUTE - 2, MINUTE, 2 * MINUTE, 15.0, 8.0, 9.0),
        (3 * MINUTE - 2, 2 * MINUTE, 3 * MINUTE, 9.0, 8.0, 8.0),
        (4 * MINUTE - 2, 3 * MINUTE, 4 * MINUTE, 12.0, 8.0, 11.0),
    ]
    assert fills_of(result) == [
        (0, MINUTE - 1, 12, 1),
        (0, 2 * MINUTE - 1, 9, -2),
        (0, 4 * MINUTE - 1, 11, 2),
    ]


def test_several_instruments_trade_at_the_closes_they_were_told_of() -> None:
    class Pair(ts.Strategy):
        def on_bars(self, bars: dict[str, ts.Bar]) -> None:
            assert list(bars) == ["A", "B"]
            self.target("A", bars["B"].close)
            self.target("B", bars["A"].close)

    data = [bars_of([(5, 6, 4, 5), (6, 7, 5, 7)]), bars_of([(8, 9, 8, 9), (9, 9, 8, 8)], "B")]
    result = ts.backtest(Pair, data, bar_fill="close", **PLAIN)
    assert fills_of(result) == [
        (0, MINUTE - 1, 5, 9),
        (1, MINUTE - 1, 9, 5),
        (0, 2 * MINUTE - 1, 7, -1),
        (1, 2 * MINUTE - 1, 8, 2),
    ]


@pytest.mark.parametrize("bar_fill", BAR_FILLS)
def test_longer_bars_are_told_under_every_rule(bar_fill: str) -> None:
    class Longer(ts.Strategy):
        def on_start(self) -> None:
            self.told: list[Any] = []
            self.every("1m")
            self.every("5m")

        def on_bar(self, bar: ts.Bar) -> None:
            if bar.interval == "5m":
                figures = (bar.open, bar.high, bar.low, bar.close, bar.volume)
                self.told.append((bar.start, bar.stop, *figures))
                assert self.now == bar.stop - (2 if bar_fill == "close" else 1)

    strategy, data = Longer(), walk(100, 2)
    ts.backtest(strategy, data, bar_fill=bar_fill)
    five = data.resample("5m")
    figures = (five.open, five.high, five.low, five.close, five.volume)
    expected = zip(five.time.tolist(), five.end_time.tolist(), *figures, strict=True)
    assert strategy.told == list(expected)


@pytest.mark.parametrize("bar_fill", BAR_FILLS)
def test_one_share_of_the_volume_for_all_rows_of_a_bar(bar_fill: str) -> None:
    class Much(ts.Strategy):
        def on_start(self) -> None:
            self.buy(1000)

    data = bars_of([(10, 12, 8, 11)] * 5)
    rules = PLAIN | {"quantity": "volume", "participation": "0.1"}
    result = ts.backtest(Much, data, bar_fill=bar_fill, **rules)
    assert [(fill[1], fill[3]) for fill in fills_of(result)] == [
        (row * MINUTE, 10) for row in range(5)
    ]


def test_what_the_close_leaves_of_the_volume() -> None:
    class Some(ts.Strategy):
        def on_start(self) -> None:
            self.buy(7)

        def on_bar(self, bar: ts.Bar) -> None:
            if bar.start == 0:
                self.buy(9)

    data = bars_of([(10, 12, 8, 11), (11, 12, 10, 12)])
    rules = PLAIN | {"quantity": "volume", "participation": "0.1"}
    result = ts.backtest(Some, data, bar_fill="close", **rules)
    assert fills_of(result) == [(0, 0, 10, 7), (0, MINUTE - 1, 11, 3), (0, MINUTE, 11, 6)]


class Cross(ts.Strategy):
    """Markets, stops and limits, answers to fills, on two lengths of bars."""

    def on_start(self) -> None:
        self.every("1m")
        self.every("5m")

    def on_bar(self, bar: ts.Bar) -> None:
        symbol = bar.symbol
        if bar.interval == "5m":
            self.cancel_all(symbol)
            self.target(symbol, 0)
        elif self.sma(3, symbol, "1m") > self.sma(8, symbol, "1m"):
            if not self.position_of(symbol):
                self.buy(2, symbol=symbol)
        else:
            self.sell(1, symbol=symbol, limit=round(bar.close) + 3)

    def on_fill(self, fill: ts.Fill) -> None:
        if fill.side == "BUY" and fill.tag == 0:
            out: Any = {"symbol": fill.symbol, "reduce_only": True, "oco_group": 1, "tag": 1}
            self.sell(2, stop=round(fill.price) - 4, **out)
            self.sell(2, limit=round(fill.price) + 5, **out)


def told_row_by_row(strategy: ts.Strategy, data: dict[str, ts.Bars], bar_fill: str) -> str:
    """The same run with every row taken by itself, and bars told by what the rule says of rows."""
    from tickstep.markets import BarsMarket
    from tickstep.scales import Scales
    from tickstep.session import Session

    grids: dict[str, Any] = {"tick_size": 1, "lot": 1}
    config = ts.EngineConfig(
        initial_cash=100_000,
        **grids,
        latency=0,
        instruments=[ts.Instrument(symbol, **grids) for symbol in data],
    )
    engine, scales = ts.Engine(config), Scales.of(config)
    markets = {symbol: BarsMarket(bars) for symbol, bars in data.items()}
    session = Session(strategy, engine, markets, scales, start_time=0)
    engine.bind({symbol: BarTicks(bars, bar_fill=bar_fill) for symbol, bars in data.items()})
    session.start()
    per_bar, told_after = {"next_open": (2, 2), "close": (3, 2), "path": (4, 4)}[bar_fill]
    five = {symbol: bars.resample("5m") for symbol, bars in data.items()}
    count = len(next(iter(data.values())))
    for bar in range(count):
        for row in range(per_bar):
            for _ in data:
                assert engine.advance(1).ticks_done == 1
                if engine.event_count:
                    session.take(engine.drain_events())
            if row + 1 != told_after:
                continue
            for symbol, bars in data.items():
                stop = int(bars.end_time[bar])
                ends = {
                    int(end): int(at)
                    for end, at in zip(five[symbol].end_time, five[symbol].time, strict=True)
                }
                series = markets[symbol].series
                starts = {"5m": ends.get(stop), "1m": int(bars.time[bar])}
                for interval, start in starts.items():
                    told = None if start is None else series[interval]._tell(start, symbol, stop)
                    if told is not None:
                        session.bar(told)
    session.stop()
    return engine.digest


@pytest.mark.parametrize("bar_fill", BAR_FILLS)
@pytest.mark.parametrize("seed", range(3))
def test_the_native_loop_is_the_plain_one(bar_fill: str, seed: int) -> None:
    data = {"A": walk(200, seed), "B": walk(200, seed + 50, "B")}
    config: Any = {"latency": 0, "fill": "touch", "quantity": "full", "alternatives": False}
    result = ts.backtest(Cross, data, bar_fill=bar_fill, **config)
    assert len(fills_of(result)) > 40
    assert result.event_digest == told_row_by_row(Cross(), data, bar_fill)


def test_each_rule_gives_a_run_of_its_own() -> None:
    data = {"A": walk(300, 1), "B": walk(300, 51, "B")}
    results = [ts.backtest(Cross, data, bar_fill=rule, alternatives=False) for rule in BAR_FILLS]
    assert len({result.event_digest for result in results}) == 3
    assert len({result.data_digest for result in results}) == 3


@pytest.mark.parametrize("bar_fill", BAR_FILLS)
def test_nothing_looks_ahead(bar_fill: str) -> None:
    data = [walk(300, 3), walk(300, 4, "B")]
    assert ts.lookahead(Cross, data, bar_fill=bar_fill).is_clean


def test_the_rule_is_told_and_recorded() -> None:
    data = walk(50, 1)
    expected = {
        "next_open": "trades at the next open",
        "close": "trades at its close",
        "path": "to the nearer extreme",
    }
    for bar_fill, words in expected.items():
        result = ts.backtest(Cross, data, bar_fill=bar_fill)
        assert result.bar_fill == bar_fill
        assert any(words in line for line in result.assumptions)
        assert json.loads(result.to_json())["data"]["bar_fill"] == bar_fill
        assert result.config.latency == (0 if bar_fill == "close" else 1)


def test_a_recorded_rule_is_run_again(tmp_path: Path) -> None:
    from tickstep.__main__ import main

    file = tmp_path / "bars.csv"
    bars = walk(120, 2)
    lines = ["time,open,high,low,close,volume"]
    columns = (
        bars.time + 1_704_067_200_000,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
    )
    lines += [",".join(str(int(each)) for each in row) for row in zip(*columns, strict=True)]
    file.write_text("\n".join(lines) + "\n")
    strategy = tmp_path / "turn.py"
    strategy.write_text(
        "import tickstep as ts\n\nclass Turn(ts.Strategy):\n    def on_bar(self, bar):\n"
        "        self.target(bar.symbol, 1 if bar.close > bar.open else 0)\n"
    )
    out = tmp_path / "run"
    given = [str(strategy), str(file), "--interval", "1m", "--bar-fill", "close", "--no-plot"]
    assert main(["backtest", *given, "--out", str(out)]) == 0
    record = json.loads((out / "run.json").read_text())
    assert record["data"]["bar_fill"] == "close"
    assert verify(out / "run.json").is_same
    shown = recorded(out / "run.json")
    assert (shown.bar_fill, shown.digest) == ("close", record["digest"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bar_fill": "closes"}, "there is no bar_fill 'closes'"),
        ({"bar_fill": "close", "latency": 5}, "latency is 5: orders would come after the close"),
        (
            {"bar_fill": "close", "config": ts.EngineConfig(tick_size=1, lot=1, latency=1)},
            "latency is 1",
        ),
    ],
)
def test_rules_that_do_not_fit(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ts.ConfigError, match=message):
        ts.backtest(Cross, bars_of([(5, 5, 5, 5)], symbol="ASSET"), **settings)


def test_ticks_have_no_rule_of_bars() -> None:
    ticks = ts.Ticks.from_arrays([1], [5], [1], [0], tick_size=1, lot=1)
    with pytest.raises(ts.ConfigError, match="and there are no bars"):
        ts.backtest(Cross, ticks, bar_fill="path")


@pytest.mark.parametrize("bar_fill", BAR_FILLS)
def test_rows_are_made_once_and_kept(bar_fill: str) -> None:
    rows = BarTicks(walk(30, 1), bar_fill=bar_fill)
    assert len(rows) == 30 * {"next_open": 2, "close": 3, "path": 4}[bar_fill]
    assert rows.time is rows.time
    assert not rows.price_ticks.flags.writeable
    again = pickle.loads(pickle.dumps(rows))
    assert again == rows
    assert (again.bar_fill, len(again)) == (bar_fill, len(rows))
    part = rows[3:17]
    assert part.price_ticks.tolist() == rows.price_ticks[3:17].tolist()
    assert part.bar_fill == bar_fill


@pytest.mark.parametrize("bar_fill", BAR_FILLS)
def test_rows_that_break_a_rule_are_refused_before_the_start(bar_fill: str) -> None:
    class Never(ts.Strategy):
        def on_start(self) -> None:
            raise AssertionError("the rows are checked before")

    columns: dict[str, Any] = {
        name: np.full(3, 5) for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    }
    columns |= {"volume_lots": np.full(3, 1)}
    labels: dict[str, Any] = {"tick_size": 1, "lot": 1, "interval": "1m"}
    overlapping = ts.Bars(time=np.array([0, MINUTE, MINUTE + 9]), **columns, **labels)
    with pytest.raises(ts.DataError, match="time"):
        ts.backtest(Never, overlapping, bar_fill=bar_fill)
    columns["low_ticks"] = np.array([5, -5, 5])
    negative = ts.Bars(time=np.arange(3) * MINUTE, **columns, **labels, allow_negative_prices=True)
    with pytest.raises(ts.DataError, match="row"):
        ts.backtest(Never, negative, bar_fill=bar_fill)
    ts.backtest(ts.Strategy, negative, bar_fill=bar_fill, allow_negative_prices=True)


@pytest.mark.parametrize("bar_fill", BAR_FILLS)
def test_months_end_where_they_end(bar_fill: str) -> None:
    class Teller(ts.Strategy):
        def on_start(self) -> None:
            self.told: list[tuple[int, int]] = []

        def on_bar(self, bar: ts.Bar) -> None:
            self.told.append((bar.start, bar.stop))

    day = 86_400_000
    time = np.array([0, 31, 59]) * day
    five = np.full(3, 5)
    bars = ts.Bars(time, five, five, five, five, five, tick_size=1, lot=1, interval="1mo")
    strategy = Teller()
    ts.backtest(strategy, bars, bar_fill=bar_fill)
    assert strategy.told == [(0, 31 * day), (31 * day, 59 * day), (59 * day, 90 * day)]


@pytest.mark.parametrize("bar_fill", ["next_open", "close", "path"])
def test_longer_bars_end_where_minutes_are_missing(bar_fill: str) -> None:
    class Five(ts.Strategy):
        def on_start(self) -> None:
            self.every("5m")
            self.told: list[tuple[int, float, float]] = []

        def on_bar(self, bar: ts.Bar) -> None:
            self.told.append((bar.start // 60_000, bar.close, bar.volume))

    # The fifth minute of the first five has no trades, nor have the second five any.
    minutes = np.array([0, 1, 2, 3, 10, 11, 12, 13, 14, 15])
    one = np.arange(10, 20)
    bars = ts.Bars(minutes * 60_000, one, one, one, one, one, tick_size=1, lot=1, interval="1m")
    strategy = Five()
    ts.backtest(strategy, bars, bar_fill=bar_fill)
    assert strategy.told == [(0, 13.0, 46.0), (10, 18.0, 80.0)]
