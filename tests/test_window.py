"""Runs over a part of their data: what lies before is known, and nothing of what comes after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.__main__ import main
from tickstep.barticks import BAR_FILLS
from tickstep.runfile import recorded, verify

MINUTE, HOUR = 60_000, 3_600_000


def rising(count: int = 10, symbol: str | None = None, step: int = MINUTE) -> ts.Bars:
    close = np.arange(10, 10 + count)
    return ts.Bars(
        np.arange(count) * step,
        close,
        close,
        close,
        close,
        np.full(count, 100),
        tick_size=1,
        lot=1,
        interval="1m" if step == MINUTE else "1h",
        symbol=symbol,
    )


def walking(seed: int, count: int, symbol: str | None = None) -> ts.Bars:
    rng = np.random.default_rng(seed)
    close = 200 + rng.integers(-3, 4, count).cumsum()
    start = close + rng.integers(-2, 3, count)
    time = np.sort(rng.choice(2 * count, count, replace=False)) * MINUTE
    high, low = np.maximum(start, close) + 1, np.minimum(start, close) - 1
    volume = rng.integers(1, 99, count)
    return ts.Bars(
        time, start, high, low, close, volume, tick_size=1, lot=1, interval="1m", symbol=symbol
    )


def ticks_of(seed: int, count: int = 400) -> ts.Ticks:
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, HOUR, count))
    price = 200 + rng.integers(-3, 4, count).cumsum()
    side = rng.integers(0, 2, count).astype(np.uint8)
    return ts.Ticks(time, price, rng.integers(1, 9, count), side, tick_size=1, lot=1)


class Diary(ts.Strategy):
    """Writes down what it is told and what it could know."""

    asks: tuple[str, ...] = ()

    def on_start(self) -> None:
        self.told: list[Any] = []
        for interval in self.asks:
            self.every(interval)
        self.known = {
            (symbol, interval): self.history(symbol, interval).close.tolist()
            for symbol in self.symbols
            for interval in self.asks or ("1m",)
        }
        self.started = (self.now, self.price_of(self.symbols[0]))

    def on_bar(self, bar: ts.Bar) -> None:
        means = [self.sma(length, bar.symbol, bar.interval).value for length in (2, 7)]
        count = len(self.history(bar.symbol, bar.interval))
        self.told.append((bar.stop, self.now, repr(bar), repr(means), count))


def test_bars_before_the_start_are_known_and_nothing_is_called() -> None:
    strategy = Diary()
    result = ts.backtest(strategy, rising(), start=5 * MINUTE)
    assert strategy.started == (5 * MINUTE, None)
    assert strategy.known == {("ASSET", "1m"): [10.0, 11.0, 12.0, 13.0, 14.0]}
    assert [stop // MINUTE for stop, *_ in strategy.told] == [6, 7, 8, 9, 10]
    first = strategy.told[0]
    assert first[3:] == (repr([14.5, float("nan")]), 6)
    assert result.data["ASSET"].time[0] == 5 * MINUTE
    assert len(result.data["ASSET"]) == 10
    assert result.equity["time"][0] == np.datetime64(5 * MINUTE, "ms").item()


def test_the_mean_right_after_the_start_is_that_of_the_long_run() -> None:
    class Mean(ts.Strategy):
        def on_start(self) -> None:
            self.at_start = self.sma(3).value
            self.means: dict[int, float] = {}

        def on_bar(self, bar: ts.Bar) -> None:
            self.means[bar.start] = self.sma(3).value

    long, warm = Mean(), Mean()
    ts.backtest(long, rising())
    ts.backtest(warm, rising(), warmup=5)
    assert warm.at_start == 13.0 == long.means[4 * MINUTE]
    assert list(warm.means) == [5 * MINUTE, 6 * MINUTE, 7 * MINUTE, 8 * MINUTE, 9 * MINUTE]
    assert warm.means == {time: long.means[time] for time in warm.means}
    assert warm.means[5 * MINUTE] == 14.0


def test_what_trades_after_the_start() -> None:
    class Buys(ts.Strategy):
        def on_start(self) -> None:
            self.buy(3)

    rules: dict[str, Any] = {"cash": 1000, "taker_fee": 0, "spread_bps": 0, "latency": 0}
    result = ts.backtest(Buys, rising(), start=4 * MINUTE, stop=8 * MINUTE, **rules)
    # Bought at 14, and the last close is 17.
    assert result.fills["price"].to_list() == [14.0]
    assert result.stats["P&L"] == 9.0
    assert result.data["ASSET"].time.tolist()[-1] == 8 * MINUTE - 1
    assert result.is_complete
    same = ts.backtest(Buys, rising()[4:8], **rules)
    assert result.event_digest == same.event_digest
    # What was known before is part of what the run is.
    assert result.digest != same.digest


def test_no_bar_is_cut() -> None:
    strategy = Diary()
    result = ts.backtest(strategy, rising(), start=5 * MINUTE + 1, stop=9 * MINUTE - 1)
    assert strategy.started[0] == 6 * MINUTE
    assert len(strategy.known["ASSET", "1m"]) == 6
    assert [stop // MINUTE for stop, *_ in strategy.told] == [7, 8]
    assert result.window is not None
    assert (result.window["start"], result.window["stop"]) == (6 * MINUTE, 9 * MINUTE - 1)


def test_several_start_when_no_bar_of_any_is_under_way() -> None:
    data = {"A": rising(600), "B": rising(10, step=HOUR)}

    class Looks(ts.Strategy):
        def on_start(self) -> None:
            lengths = [len(self.history(symbol)) for symbol in self.symbols]
            self.started = (self.now, lengths)

    strategy = Looks()
    ts.backtest(strategy, data, start=90 * MINUTE)
    assert strategy.started == (2 * HOUR, [120, 2])


def test_several_of_which_one_has_nothing_left() -> None:
    data = {"A": rising(20), "B": rising(5)}

    class Both(ts.Strategy):
        def on_start(self) -> None:
            self.lengths = [len(self.history(symbol)) for symbol in self.symbols]

        def on_bar(self, bar: ts.Bar) -> None:
            self.target("A", 1)

    strategy = Both()
    result = ts.backtest(strategy, data, start=8 * MINUTE)
    assert strategy.lengths == [8, 5]
    assert result.stats["# Trades"] == 0
    assert (len(result.data["A"]), len(result.data["B"])) == (24, 0)
    assert len(str(result)) > 100


@pytest.mark.parametrize("bar_fill", BAR_FILLS)
@pytest.mark.parametrize("asks", [("1m", "5m", "17m"), ("5m",), ()])
def test_what_is_told_is_what_the_long_run_is_told(bar_fill: str, asks: Any) -> None:
    for seed in range(12):
        data = {"A": walking(seed, 80), "B": walking(seed + 100, 60)}
        rng = np.random.default_rng(seed)
        start = int(rng.integers(0, 100)) * MINUTE + int(rng.choice([0, 1, MINUTE // 2]))
        kind = type("Asks", (Diary,), {"asks": asks})
        long, warm = kind(), kind()
        ts.backtest(long, data, bar_fill=bar_fill)
        ts.backtest(warm, data, bar_fill=bar_fill, start=start)
        begin = warm.started[0]
        assert start <= begin < start + MINUTE
        # A longer bar that was over when the run began is known; which others are told of and when
        # is the same.
        assert [each for each in long.told if each[0] > begin] == warm.told
        for (symbol, interval), known in warm.known.items():
            series = data[symbol] if interval == "1m" else data[symbol].resample(interval)
            assert known == series.close[series.end_time <= begin].tolist()


@pytest.mark.parametrize("asks", [("1m",), ("1m", "7m")])
def test_over_ticks_bars_before_the_start_are_known(asks: Any) -> None:
    for seed in range(20):
        data = ticks_of(seed)
        start = int(np.random.default_rng(seed).integers(1, HOUR - MINUTE))
        kind = type("Asks", (Diary,), {"asks": asks})
        long, warm = kind(), kind()
        ts.backtest(long, data)
        result = ts.backtest(warm, data, start=start)
        assert warm.started == (start, None)
        assert result.data["ASSET"].time[0] >= start
        # Bars that end on one tick are told in the order in which they were asked for.
        assert sorted(each for each in long.told if each[0] > start) == sorted(warm.told)
        for (_, interval), known in warm.known.items():
            candles = data.candles(interval)
            assert known == candles.close[candles.end_time <= start].tolist()


def test_over_ticks_bars_may_be_asked_for_later() -> None:
    class Later(ts.Strategy):
        def on_start(self) -> None:
            self.at(20 * MINUTE)
            self.told: list[int] = []

        def on_timer(self, time: int) -> None:
            self.every("1m")
            self.count = len(self.history())

        def on_bar(self, bar: ts.Bar) -> None:
            self.told.append(bar.start)

    data, strategy = ticks_of(3), Later()
    ts.backtest(strategy, data)
    candles = data.candles("1m")
    assert strategy.count == int((candles.end_time <= 20 * MINUTE).sum())
    assert strategy.told == candles.time[strategy.count : -1].tolist()


def test_a_start_before_the_data_and_a_stop_after_them_are_none() -> None:
    whole = ts.backtest(Diary, rising())
    every: list[dict[str, Any]] = [
        {"start": -5},
        {"start": 0, "stop": 10 * MINUTE},
        {"warmup": 0},
    ]
    for rules in every:
        result = ts.backtest(Diary, rising(), **rules)
        assert result.digest == whole.digest
        assert result.window is None


def test_times_as_text_and_spans() -> None:
    every: list[dict[str, Any]] = [
        {"start": "1970-01-01T00:05"},
        {"start": np.datetime64("1970-01-01T00:05")},
        {"warmup": 5},
        {"warmup": "5m"},
        {"warmup": "270s"},
    ]
    for rules in every:
        strategy = Diary()
        ts.backtest(strategy, rising(), **rules)
        assert strategy.started[0] == 5 * MINUTE


@pytest.mark.parametrize(
    ("rules", "kind", "message"),
    [
        ({"start": 5, "warmup": 5}, ts.ConfigError, "warmup is 5 beside start 5"),
        ({"warmup": -1}, ts.ConfigError, "warmup is -1: a number of bars, 0 or more"),
        ({"warmup": 2.5}, ts.ConfigError, "warmup is 2.5: a number of bars"),
        ({"warmup": True}, ts.ConfigError, "warmup is True: a number of bars"),
        ({"warmup": "soon"}, ts.ConfigError, "'soon' is not an interval"),
        ({"warmup": 10}, ts.DataError, "warmup is 10 bars, and ASSET has 10"),
        ({"warmup": "2h"}, ts.DataError, "no whole bars from 1970-01-01 02:00:00.000 to either"),
        ({"start": 9 * MINUTE + 1}, ts.DataError, "no whole bars from 1970-01-01 00:10:00"),
        (
            {"stop": MINUTE - 1},
            ts.DataError,
            "no whole bars from either end to 1970-01-01 00:00:59",
        ),
        ({"start": 5 * MINUTE, "stop": 5 * MINUTE}, ts.DataError, "no whole bars from"),
        ({"start": "soon"}, ts.DataError, "'soon' is not a time"),
    ],
)
def test_what_is_refused(rules: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        ts.backtest(Diary, rising(), **rules)


def test_a_number_of_bars_needs_bars() -> None:
    with pytest.raises(ts.ConfigError, match="ASSET has ticks, which have no bars of their own"):
        ts.backtest(Diary, ticks_of(1), warmup=5)


def test_bars_beside_ticks_are_counted_and_known() -> None:
    ticks = ticks_of(7)
    bars = ticks.candles("1m")
    strategy, long = Diary(), Diary()
    ts.backtest(strategy, bars, ticks=ticks, warmup=20)
    ts.backtest(long, bars, ticks=ticks)
    start = int(bars.time[20])
    assert strategy.started[0] == start
    assert strategy.known["ASSET", "1m"] == bars.close[:20].tolist()
    assert strategy.told == [each for each in long.told if each[0] > start]


def test_other_rows_before_the_start_are_another_run() -> None:
    one, other = walking(1, 50), walking(1, 50)
    close = other.close_ticks.copy()
    close[3] += 1
    columns = dict(other.columns)
    columns |= {"close_ticks": close, "high_ticks": np.maximum(other.high_ticks, close)}
    other = ts.Bars(*columns.values(), tick_size=1, lot=1, interval="1m")
    runs = [ts.backtest(Diary, each, warmup=20) for each in (one, other)]
    assert runs[0].event_digest == runs[1].event_digest
    assert runs[0].data_digest == runs[1].data_digest
    assert runs[0].digest != runs[1].digest


class Knows(ts.Strategy):
    def on_start(self) -> None:
        self.next = self.line(lambda bars: np.append(bars.close[1:], np.nan))

    def on_bar(self, bar: ts.Bar) -> None:
        self.target(None, 1 if self.next > bar.close else 0)


class Honest(ts.Strategy):
    def on_bar(self, bar: ts.Bar) -> None:
        self.target(None, 1 if self.sma(5) > bar.close else 0)


def test_lookahead_within_a_window() -> None:
    data = walking(5, 300)
    start = int(data.time[100])
    clean = ts.lookahead(Honest, data, warmup=100)
    assert clean.is_clean
    assert min(clean.cuts) > start
    assert max(clean.events) > 10
    assert not ts.lookahead(Knows, data, warmup=100).is_clean


# --- The command line and records. ----------------------------------------------------------------


STRATEGY = """\
import tickstep as ts

class Mean(ts.Strategy):
    def on_bar(self, bar):
        self.target(None, 1 if self.sma(5) > bar.close else 0)
"""


def written(folder: Path) -> tuple[Path, Path, ts.Bars]:
    data = walking(6, 200)
    strategy, table = folder / "mean.py", folder / "bars.csv"
    strategy.write_text(STRATEGY, encoding="utf-8")
    frame = data.to_polars()
    frame.rename({name: name.rsplit("_", 1)[0] for name in frame.columns[1:]}).write_csv(table)
    return strategy, table, data


def test_the_command_line_and_verify(tmp_path: Path, capsys: Any) -> None:
    strategy, table, _ = written(tmp_path)
    out = tmp_path / "out"
    call = [str(strategy), str(table), "--tick-size", "1", "--lot", "1", "--interval", "1m"]
    span = ["--start", "1970-01-01T01:00", "--stop", str(5 * HOUR)]
    assert main(["backtest", *call, *span, "--out", str(out), "--no-plot"]) == 0
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    window = record["data"]["window"]
    assert (HOUR <= window["start"] < HOUR + MINUTE, window["stop"]) == (True, 5 * HOUR)
    assert verify(out / "run.json").is_same
    again = recorded(out / "run.json")
    assert (again.digest, again.window) == (record["digest"], window)
    assert main(["lookahead", *call, "--warmup", "50"]) == 0
    assert "no look-ahead found" in capsys.readouterr().out
    assert main(["backtest", *call, "--warmup", "1000", "--out", str(out)]) == 2
    assert "warmup is 1,000 bars" in capsys.readouterr().err


def test_verify_tells_of_other_rows_before_the_start(tmp_path: Path) -> None:
    strategy, table, _ = written(tmp_path)
    out = tmp_path / "out"
    call = [str(strategy), str(table), "--tick-size", "1", "--lot", "1", "--interval", "1m"]
    assert main(["backtest", *call, "--warmup", "100", "--out", str(out), "--no-plot"]) == 0
    lines = table.read_text(encoding="utf-8").splitlines()
    lines[4] = lines[4].rsplit(",", 1)[0] + ",1234"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    verdict = verify(out / "run.json")
    assert not verdict.is_same
    assert any("SHA-256 of the data before the start was" in line for line in verdict.lines)
