"""Backtests: what a strategy is told and when, exact results, and the two ways to run."""

from __future__ import annotations

import json
import pickle
import re
import threading
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

import tickstep as ts
from tickstep.demo import Grid, sample
from tickstep.equity import EquityPath
from tickstep.intervals import interval_length
from tickstep.result import Sampling
from tickstep.strategy import Alert, Bar, Fill, parameters_of
from tickstep.venue import Event

SAMPLE = sample(20_000)

SAMPLE_DIGEST = "06a89fd9910f6523da8905fd739d513c195f42e1cbb02bb6345e5d003a8c59cd"
DEMO_EVENT_DIGEST = "51d1f1b321d8f9133f73671682f21688"
DEMO_EVENT_DIGEST_TOUCHED = "338e608401f9492b473f46fee4c8d874"


def ticks_of(prices: list[int], *, times: list[int] | None = None) -> ts.Ticks:
    """Ticks of one lot each, a second apart, with a tick and a lot of 1."""
    times = [1000 * row for row in range(len(prices))] if times is None else times
    ones = [1] * len(prices)
    return ts.Ticks.from_arrays(
        times, prices, ones, [0] * len(prices), tick_size=1, lot=1, symbol="TEST"
    )


FREE: dict[str, Any] = {"maker_fee": 0, "taker_fee": 0, "spread_bps": 0}


class Everything(ts.Strategy):
    """Uses every verb and hook, driven by nothing but what it is told."""

    fast = 7
    qty = 0.5

    def on_start(self) -> None:
        self.closes: deque[float] = deque(maxlen=self.fast)
        self.every("5m")
        self.every("1h")
        self.at(self.now)
        self.buy(self.qty, limit=99.5)

    def on_timer(self, time: int) -> None:
        price = self.last_price
        assert price is not None
        if time > SAMPLE.time[0]:
            self.close()
            return
        self.alert_price(price + 0.2)
        self.alert_price(price - 0.2)
        self.sell(self.qty, stop=price - 0.5, time_in_force="DAY")

    def on_bar(self, bar: Bar) -> None:
        if bar.interval == "1h":
            self.cancel_all()
            self.close()
            return
        self.closes.append(bar.close)
        if bar.close > sum(self.closes) / len(self.closes):
            self.buy(self.qty, limit=bar.low, time_in_force="GTD", expire_ts=self.now + 900_000)
        else:
            self.order(ts.Order("TRAILING_STOP", "SELL", self.qty, trail=0.3))

    def on_alert(self, alert: Alert) -> None:
        self.alert_price(alert.price + (0.3 if self.position <= 0 else -0.3))
        orders = self.open_orders
        if orders:
            self.cancel(orders[0].order_id)
            self.amend(orders[-1].order_id, qty=2 * self.qty)
        self.buy(self.qty, tag=alert.order_id)

    def on_fill(self, fill: Fill) -> None:
        if fill.is_maker:
            self.at(fill.time + 60_000)


# --- The demonstration. ---------------------------------------------------------------------------


def test_sample_and_its_run_are_the_same_everywhere() -> None:
    ticks = sample()
    assert ticks.data_digest == SAMPLE_DIGEST
    result = ts.backtest(Grid, ticks, cash=10_000)
    assert result.alternatives["touch"].event_digest == DEMO_EVENT_DIGEST_TOUCHED
    assert result.event_digest == DEMO_EVENT_DIGEST


def test_shorter_sample_begins_a_longer_one() -> None:
    assert sample(5_000).data_digest == sample(10_000)[:5_000].data_digest


@pytest.mark.parametrize("count", [0, -1, 50_000_001])
def test_sample_of_a_wrong_length(count: int) -> None:
    with pytest.raises(ts.ConfigError, match="possible"):
        sample(count)


def test_grid_trades_through_resting_orders_alone() -> None:
    stats: Any = ts.backtest(Grid, SAMPLE).stats
    assert stats["Fills"] == stats["Maker Fills"] > 20


# --- Skipping ahead and taking tick by tick are the same. -----------------------------------------


@pytest.mark.parametrize("strategy", [Grid, Everything])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"fill": "through", "latency": 2500},
        {"quantity": "volume", "participation": 0.1},
        {"account": "cash", "allow_short": False},
        {"settle": "mark", "maker_fee": -0.0001, "fee_min": "0.01"},
    ],
)
def test_both_ways_give_the_same_events(
    strategy: type[ts.Strategy], settings: dict[str, Any]
) -> None:
    skipping = ts.backtest(strategy, SAMPLE, **settings)
    plain = ts.backtest(strategy, SAMPLE, skip_scan=False, **settings)
    assert np.array_equal(skipping.events, plain.events)
    assert skipping.digest == plain.digest
    assert len(skipping.events) > 100


def test_a_run_is_repeated_exactly() -> None:
    first, second = (ts.backtest(Everything(qty=1.5), SAMPLE) for _ in range(2))
    assert first.to_json() == second.to_json()


def test_an_event_has_the_columns_of_the_record() -> None:
    assert Event._fields == ts.EVENT_DTYPE.names


# --- Exact numbers. -------------------------------------------------------------------------------


class Witness(Everything):
    """Notes the kernel's own account at each bar."""

    def on_start(self) -> None:
        super().on_start()
        self.seen: list[tuple[int, int, int]] = []

    def on_bar(self, bar: Bar) -> None:
        assert self._desk is not None
        account = self._desk.snapshot()
        self.seen.append((account.tick_index, account.equity_units, account.position_lots))
        super().on_bar(bar)


@pytest.mark.parametrize("settle", ["spot", "mark"])
def test_equity_from_fills_is_the_kernels(settle: str) -> None:
    witness = Witness()
    path = ts.backtest(witness, SAMPLE, settle=settle).path
    rows, equity, position = np.array(witness.seen).T
    assert len(rows) > 50
    assert np.array_equal(path.after(rows), equity)
    assert np.array_equal(path.instruments[0].position_after(rows), position)


def test_equity_pieces_are_the_single_values() -> None:
    path = ts.backtest(Everything, SAMPLE).path
    rows = np.arange(len(SAMPLE))
    pieces = [equity for _, equity in path.pieces(rows_max=997)]
    assert np.array_equal(np.concatenate(pieces), path.after(rows))


def test_equity_beyond_int64_is_exact() -> None:
    fills = np.zeros(2, dtype=ts.EVENT_DTYPE)
    fills["tick_index"] = [0, 1]
    fills["qty_lots"] = [2**40, -(2**40)]
    fills["price_ticks"] = [2**40, 2**40 + 3]
    prices = np.array([2**40, 2**40 + 3, 5])
    fills["kind"] = ts.EventKind.FILLED
    rows = SimpleNamespace(time=np.arange(3), price_ticks=prices)
    path = EquityPath([rows], fills, cash_units=7, units_per_tick_lot=[1])
    assert path.after(np.array([-1, 0, 1, 2])).tolist() == [7, 7, 7 + 3 * 2**40, 7 + 3 * 2**40]
    (piece,) = (equity for _, equity in path.pieces())
    assert piece.tolist() == [7, 7 + 3 * 2**40, 7 + 3 * 2**40]


def test_drawdown_and_peak_are_over_every_tick() -> None:
    result = ts.backtest(Everything, SAMPLE)
    peak, deepest = 100_000 * 10**8, 0.0
    highest = peak
    for equity in result.path.after(np.arange(len(SAMPLE))).tolist():
        highest = max(highest, equity)
        deepest = min(deepest, (equity - highest) / highest)
    assert result.stats["Max. Drawdown [%]"] == 100 * deepest
    assert result.stats["Equity Peak"] == highest / 10**8


def test_profit_has_its_parts() -> None:
    result = ts.backtest(Grid, SAMPLE, cash=10_000)
    stats: Any = result.stats
    parts = stats["Realized P&L"] + stats["Unrealized P&L"] - stats["Fees"]
    assert stats["P&L"] == pytest.approx(parts, abs=1e-9)
    assert stats["Equity Final"] == pytest.approx(10_000 + stats["P&L"], abs=1e-9)
    assert stats["Fees"] == pytest.approx(result.fills["fee"].sum(), abs=1e-9)


def test_table_ends_with_the_digest() -> None:
    result = ts.backtest(Grid, SAMPLE)
    lines = str(result).splitlines()
    assert lines[0] == "Grid(step=0.25, levels=16, qty=5.0) on DEMO"
    assert lines[-1].split() == ["Digest", result.digest]


def test_what_is_not_known_is_shown_as_a_dash() -> None:
    result = ts.backtest(ts.Strategy, ticks_of([5, 6]), cash=0)
    assert result.stats["Return [%]"] is None
    assert result.stats["Max. Drawdown [%]"] is None
    assert result.stats["Sharpe Ratio"] is None
    assert any(line.split() == ["Return", "[%]", "-"] for line in str(result).splitlines())


def test_digest_depends_on_config_data_and_events() -> None:
    digests = [
        ts.backtest(Grid, SAMPLE).digest,
        ts.backtest(Grid(step=0.5), SAMPLE).digest,
        ts.backtest(Grid, SAMPLE[:-1]).digest,
        ts.backtest(Grid, SAMPLE, taker_fee="0.0003").digest,
    ]
    assert len(set(digests)) == len(digests)


# --- Samples. -------------------------------------------------------------------------------------


def test_samples_begin_and_end_with_the_run() -> None:
    result = ts.backtest(Grid, SAMPLE, cash=10_000)
    frame = result.equity
    assert result.sampling == "5s"
    assert frame["equity"][0] == 10_000
    assert frame["equity"][-1] == result.stats["Equity Final"]
    assert len(frame) <= 10_000
    assert set(frame["time"].diff().drop_nulls().dt.total_milliseconds()) == {5000}


def test_sample_is_taken_after_the_ticks_before_it() -> None:
    class BuyAtOnce(ts.Strategy):
        def on_start(self) -> None:
            self.buy(1)

    ticks = ticks_of([10, 20, 30], times=[500, 1000, 2500])
    _, equity = ts.backtest(BuyAtOnce, ticks, cash=100, **FREE).sampled("1s")
    money = [units // 10**8 for units in equity.tolist()]
    assert money == [100, 100, 110, 120]


def test_sampling_grid_covers_one_tick() -> None:
    assert Sampling.of("1m", np.array([61_000]), "ms").times.tolist() == [60_000, 120_000]


def test_sharpe_sampling_is_stated() -> None:
    stats = ts.backtest(Grid, sample(60_000)).stats
    assert stats["Sampling"] == "1h, 34 returns, 8,766 a year"
    assert isinstance(stats["Sharpe Ratio"], float)


# --- What a strategy is told. ---------------------------------------------------------------------


class Told(ts.Strategy):
    """Writes down every call."""

    def on_start(self) -> None:
        self.told: list[tuple[Any, ...]] = [("start", self.now, self.last_price)]

    def on_bar(self, bar: Bar) -> None:
        self.told.append(("bar", self.now, bar))

    def on_fill(self, fill: Fill) -> None:
        self.told.append(("fill", self.now, fill.price, fill.position, self.position))

    def on_alert(self, alert: Alert) -> None:
        self.told.append(("alert", self.now, alert.price))

    def on_timer(self, time: int) -> None:
        self.told.append(("time", self.now, time))

    def on_stop(self) -> None:
        self.told.append(("stop", self.now))


def test_bars_are_those_of_the_trades() -> None:
    class Bars(ts.Strategy):
        def on_start(self) -> None:
            self.bars: list[tuple[int, Bar]] = []
            self.every("10m")

        def on_bar(self, bar: Bar) -> None:
            self.bars.append((self.now, bar))

    strategy = Bars()
    ts.backtest(strategy, SAMPLE)
    length = 600_000
    groups: dict[int, list[int]] = {}
    for row, time in enumerate(SAMPLE.time.tolist()):
        groups.setdefault(time // length, []).append(row)
    complete = list(groups.items())[:-1]  # no tick has shown that the last one is over
    assert len(strategy.bars) == len(complete) > 50
    for (start, rows), (now, bar) in zip(complete, strategy.bars, strict=True):
        prices = SAMPLE.prices[rows]
        assert (bar.symbol, bar.interval) == ("DEMO", "10m")
        assert (bar.start, bar.stop) == (start * length, (start + 1) * length)
        assert (bar.open, bar.close) == (prices[0], prices[-1])
        assert (bar.high, bar.low) == (prices.max(), prices.min())
        assert bar.volume == SAMPLE.qty_lots[rows].sum() / 1000
        assert bar.trades == len(rows)
        assert now == SAMPLE.time[rows[-1] + 1]  # the first tick after the bar, not a later one


def test_bars_do_not_depend_on_what_comes_later() -> None:
    class Bars(Told):
        def on_start(self) -> None:
            super().on_start()
            self.every("5m")

    whole, part = Bars(), Bars()
    ts.backtest(whole, SAMPLE)
    ts.backtest(part, SAMPLE[:7_000])
    assert part.told[:-1] == whole.told[: len(part.told) - 1]


def test_intervals_without_trades_make_no_bars() -> None:
    class Bars(Told):
        def on_start(self) -> None:
            super().on_start()
            self.every("1s")

    strategy = Bars()
    ts.backtest(strategy, ticks_of([5, 6, 7, 8], times=[100, 900, 7300, 8000]))
    bars = [row[2] for row in strategy.told if row[0] == "bar"]
    assert [(bar.start, bar.open, bar.close, bar.trades) for bar in bars] == [
        (0, 5, 6, 2),
        (7000, 7, 7, 1),
    ]


def test_calls_come_in_the_order_of_events() -> None:
    class Orders(Told):
        def on_start(self) -> None:
            super().on_start()
            self.buy(2)
            self.at(3000)
            self.every("2s")
            self.alert_price(13, when="above")

    strategy = Orders()
    ts.backtest(strategy, ticks_of([10, 11, 12, 13, 14]), cash=100, **FREE)
    bars = [row for row in strategy.told if row[0] == "bar"]
    assert [row for row in strategy.told if row[0] != "bar"] == [
        ("start", 0, None),
        ("fill", 0, 10, 2, 2),
        ("time", 3000, 3000),
        ("alert", 3000, 13),
        ("stop", 4000),
    ]
    assert [(row[1], row[2].stop) for row in bars] == [(2000, 2000), (4000, 4000)]


def test_orders_trade_on_later_ticks_alone() -> None:
    result = ts.backtest(Everything, SAMPLE)
    events = result.events
    accepted = {row["order_id"]: row for row in events[events["kind"] == ts.EventKind.ACCEPTED]}
    fills = events[events["kind"] == ts.EventKind.FILLED]
    assert len(fills) > 10
    assert all(fill["tick_index"] > accepted[fill["order_id"]]["tick_index"] for fill in fills)


def test_price_alert_takes_the_side_where_the_price_is_not() -> None:
    class Alerts(Told):
        def on_start(self) -> None:
            super().on_start()
            self.at(0)

        def on_timer(self, time: int) -> None:
            self.alert_price(12)
            self.alert_price(8)

    strategy = Alerts()
    ts.backtest(strategy, ticks_of([10, 11, 12, 9, 7]))
    assert [row for row in strategy.told if row[0] == "alert"] == [
        ("alert", 2000, 12),
        ("alert", 4000, 7),
    ]


def test_cancelled_waits_are_not_heard_of() -> None:
    class Cancels(Told):
        def on_start(self) -> None:
            super().on_start()
            self.every("1d")
            assert self.cancel(self.at(1000))
            assert self.cancel(self.alert_price(12, when="above"))

    strategy = Cancels()
    ts.backtest(strategy, ticks_of([10, 11, 12, 13]))
    assert [row[0] for row in strategy.told] == ["start", "stop"]


def test_alerts_are_not_among_the_open_orders() -> None:
    class Looks(ts.Strategy):
        def on_start(self) -> None:
            self.every("1s")
            self.at(1000)
            order_id = self.buy(1, limit=5)
            assert [order.order_id for order in self.open_orders] == [order_id]

        def on_timer(self, time: int) -> None:
            self.cancel_all()
            assert self.open_orders == []

    ts.backtest(Looks, ticks_of([10, 11, 12, 13]), latency=0)


def test_close_and_account_at_hand() -> None:
    class Closes(ts.Strategy):
        def on_start(self) -> None:
            assert self.close() is None
            self.buy(3)
            self.at(1000)

        def on_timer(self, time: int) -> None:
            assert (self.position, self.cash, self.equity) == (3, 70, 103)
            assert self.last_price == 11
            self.close()

        def on_stop(self) -> None:
            assert (self.position, self.cash) == (0, 106)

    ts.backtest(Closes, ticks_of([10, 11, 12, 13]), cash=100, **FREE)


def test_refusals_are_counted_with_their_reason() -> None:
    class TooMuch(ts.Strategy):
        def on_start(self) -> None:
            self.buy(1000, limit=5)

    stats = ts.backtest(TooMuch, ticks_of([5, 6]), cash=10, account="cash").stats
    assert stats["Refused"] == 1
    assert str(stats["Refused Mostly"]).startswith("NO_CASH: ")


# --- Parameters and mistakes. ---------------------------------------------------------------------


def test_parameters_are_public_plain_class_attributes() -> None:
    class Base(ts.Strategy):
        first = 1
        _hidden = 2

    class Derived(Base):
        second = "two"
        kind = dict  # a class is no plain value

        def third(self) -> None:
            """No parameter."""

    assert parameters_of(Derived) == {"first": 1, "second": "two"}
    assert repr(Derived(first=7)) == "Derived(first=7, second=two)"


def test_unknown_parameter_is_named() -> None:
    with pytest.raises(ts.ConfigError, match="Grid has no parameter 'stepp'"):
        Grid(stepp=1)


def test_strategy_runs_once() -> None:
    strategy = Grid()
    ts.backtest(strategy, SAMPLE)
    with pytest.raises(ts.ConfigError, match="has run already"):
        ts.backtest(strategy, SAMPLE)


def test_strategy_that_is_not_running() -> None:
    with pytest.raises(ts.StateError, match="Grid is not running"):
        Grid().buy(1)


def test_no_strategy() -> None:
    with pytest.raises(ts.ConfigError, match="is not a Strategy"):
        ts.backtest(int, SAMPLE)


def test_no_ticks() -> None:
    with pytest.raises(ts.DataError, match="there are no ticks"):
        ts.backtest(Grid, SAMPLE[:0])


def test_unknown_setting() -> None:
    with pytest.raises(ts.ConfigError, match="no setting 'spread'"):
        ts.backtest(Grid, SAMPLE, spread=1)


def test_config_instead_of_settings() -> None:
    config = ts.backtest(Grid, SAMPLE).config
    assert ts.backtest(Grid, SAMPLE, config=config).config == config
    with pytest.raises(ts.ConfigError, match="latency is given beside config"):
        ts.backtest(Grid, SAMPLE, config=config, latency=5)
    with pytest.raises(ts.ConfigError, match="cash is given beside config"):
        ts.backtest(Grid, SAMPLE, config=config, cash=5)


def test_config_of_another_instrument() -> None:
    config = ts.EngineConfig(lot="0.001", instruments=[ts.Instrument("BTCUSDT")])
    with pytest.raises(ts.ConfigError, match="config trades BTCUSDT, the data are of DEMO"):
        ts.backtest(Grid, SAMPLE, config=config)


def test_config_of_several_instruments() -> None:
    config = ts.EngineConfig(instruments=[ts.Instrument("A"), ts.Instrument("B")])
    with pytest.raises(ts.ConfigError, match="config trades A, B, the data are of DEMO"):
        ts.backtest(Grid, SAMPLE, config=config)


def test_config_that_does_not_fit_the_ticks() -> None:
    with pytest.raises(ts.ConfigError, match="tick_size of the ticks is 0.01"):
        ts.backtest(Grid, SAMPLE, config=ts.EngineConfig(tick_size=1))


def test_price_off_the_grid_is_the_strategys_mistake() -> None:
    with pytest.raises(ts.StrategyError, match="price"):
        ts.backtest(Grid(step=0.005), SAMPLE)


def test_alert_without_a_price_to_compare_with() -> None:
    class Early(ts.Strategy):
        def on_start(self) -> None:
            self.alert_price(100)

    with pytest.raises(ts.StrategyError, match="no price yet"):
        ts.backtest(Early, SAMPLE)


def test_alert_on_no_side() -> None:
    class Astray(ts.Strategy):
        def on_start(self) -> None:
            self.alert_price(100, when="up")  # type: ignore[arg-type]

    with pytest.raises(ts.StrategyError, match="when 'up' is neither 'above' nor 'below'"):
        ts.backtest(Astray, SAMPLE)


@pytest.mark.parametrize("text", ["", "m", "0m", "1.5h", "-1s", "1 m", "1y", "1m1s", None])
def test_no_interval(text: str) -> None:
    with pytest.raises(ts.ConfigError, match="is not an interval"):
        interval_length(text, "ms")


def test_interval_finer_than_the_data() -> None:
    with pytest.raises(ts.ConfigError, match="not a whole number"):
        interval_length("500ms", "s")


class Breaks(ts.Strategy):
    """Divides by zero after some bars."""

    after = 3

    def on_start(self) -> None:
        self.bars = 0
        self.every("1m")

    def on_bar(self, bar: ts.Bar) -> None:
        self.bars += 1
        self.buy(1)
        if self.bars == self.after:
            self.bars = self.bars // 0


@pytest.mark.parametrize("skip_scan", [True, False])
def test_error_of_the_strategy_names_event_time_and_line(skip_scan: bool) -> None:
    with pytest.raises(ts.StrategyError) as caught:
        ts.backtest(Breaks, SAMPLE, skip_scan=skip_scan)
    error = caught.value
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert error.event == "on_bar"
    assert error.file == __file__
    line = "self.bars = self.bars // 0"
    assert error.line is not None
    assert Path(__file__).read_text().splitlines()[error.line - 1].strip() == line
    assert re.match(
        r"ZeroDivisionError in Breaks\.on_bar at 2024-01-01 00:0\d:\d\d\.\d{3} UTC, test_backtest\.py, "
        rf"line {error.line}: {line}\n",
        error.message,
    )
    assert error.result.stopped == error.message.splitlines()[0]
    assert any("ZeroDivisionError" in warning for warning in error.result.warnings)
    again = ts.backtest(Breaks(after=0), SAMPLE[: error.result.account.row_count])
    assert again.event_digest == error.result.event_digest
    assert error.time == error.result.account.span[1] == again.account.span[1]


def test_error_before_the_first_tick_has_no_result() -> None:
    class Early(ts.Strategy):
        def on_start(self) -> None:
            raise ValueError("no")

    with pytest.raises(ts.StrategyError, match="ValueError in Early.on_start") as caught:
        ts.backtest(Early, SAMPLE)
    assert caught.value.result is None


def test_error_of_a_strategy_travels() -> None:
    with pytest.raises(ts.StrategyError) as caught:
        ts.backtest(Breaks, SAMPLE)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.event, again.time, again.line) == (
        str(caught.value),
        "on_bar",
        caught.value.time,
        caught.value.line,
    )


def test_events_that_would_never_be_called() -> None:
    class Typo(ts.Strategy):
        def on_barr(self, bar: ts.Bar) -> None:
            self.buy(1)

    with pytest.raises(ts.ConfigError, match=r"Typo.on_barr would never be called.*\n.*'on_bar'"):
        ts.backtest(Typo, SAMPLE)


def test_unknown_arguments_of_orders() -> None:
    class Typo(ts.Strategy):
        def on_start(self) -> None:
            self.buy(1, limt=5)

    with pytest.raises(ts.StrategyError, match=r"buy has no argument 'limt'\n.*'limit'"):
        ts.backtest(Typo, SAMPLE)


# --- What a run assumes. --------------------------------------------------------------------------


class Rests(ts.Strategy):
    """Buys at a limit, and sells what it bought at the market."""

    def on_start(self) -> None:
        self.buy(2, limit=9)

    def on_fill(self, fill: Fill) -> None:
        print(fill.side)
        if fill.side == "BUY":
            self.sell(fill.qty)


def test_limits_are_touched_in_the_alternative_alone(capsys: pytest.CaptureFixture[str]) -> None:
    ticks = ticks_of([10, 9, 12, 12])
    result = ts.backtest(Rests, ticks, spread_bps=0, maker_fee=0, taker_fee=0)
    assert result.stats["Fills"] == 0
    assert result.alternatives["touch"].stats["P&L"] == 6.0
    assert result.headline == "return 0.00 % (touch 0.01 %)"
    assert str(result).splitlines()[1] == result.headline
    assert result.stats["Return, touch [%]"] == result.alternatives["touch"].stats["Return [%]"]
    assert capsys.readouterr().out == ""
    plain = ts.backtest(Rests, ticks, alternatives=False)
    assert not plain.alternatives
    assert plain.digest == ts.backtest(Rests, ticks).digest
    assert not ts.backtest(Rests, ticks, fill="touch").alternatives


def test_a_sign_that_is_an_assumption_is_a_warning() -> None:
    class Both(Rests):
        def on_start(self) -> None:
            super().on_start()
            self.sell(1, tag=7)

    ticks = ticks_of([10, 9, 12, 12])
    result = ts.backtest(Both, ticks, spread_bps=0, maker_fee=0, taker_fee=0)
    assert result.stats["P&L"] == -2.0
    assert any("the sign of the return is an assumption" in each for each in result.warnings)


def test_fills_larger_than_their_ticks_are_a_warning() -> None:
    class Large(ts.Strategy):
        def on_start(self) -> None:
            self.buy(50)
            self.buy(1)

    ticks = ts.Ticks.from_arrays([1, 2], [5.0, 6.0], [4.0, 1.0], [0, 0], tick_size=1, lot=1)
    (warning,) = ts.backtest(Large, ticks).warnings
    assert warning.startswith("1 of 2 fills is larger than the tick it traded on, up to 12 times")
    assert not ts.backtest(Large, ticks, quantity="volume", participation=1).warnings


def test_ruin_is_a_warning() -> None:
    class Ruin(ts.Strategy):
        def on_start(self) -> None:
            self.sell(10)

    ticks = ts.Ticks.from_arrays([1, 2], [5.0, 60.0], [99.0, 99.0], [0, 0], tick_size=1, lot=1)
    assert any("equity fell to 0" in each for each in ts.backtest(Ruin, ticks, cash=100).warnings)


def test_orders_are_live_from_a_strictly_later_time() -> None:
    class Once(ts.Strategy):
        def on_start(self) -> None:
            self.at(1)

        def on_timer(self, time: int) -> None:
            self.buy(1)

    columns = ([0, 1, 1, 1, 2], [5.0, 6.0, 7.0, 8.0, 9.0], [1.0] * 5, [0] * 5)
    ticks = ts.Ticks.from_arrays(*columns, tick_size=1, lot=1)
    assert ts.backtest(Once, ticks, spread_bps=0).fills["price"].to_list() == [9.0]
    assert ts.backtest(Once, ticks, spread_bps=0, latency=0).fills["price"].to_list() == [7.0]
    assert len(ts.backtest(Once, ticks, spread_bps=0, latency="1s").fills) == 0


def test_assumptions_are_told_of_each_instrument() -> None:
    ticks = ticks_of([10, 9, 12])
    bars = ts.Bars.from_arrays([0], [5], [9], [4], [8], [70], interval="1s", lot=1, tick_size=1)
    told = ts.backtest(ts.Strategy, {"T": ticks, "B": bars}).assumptions
    assert "T: orders trade in full on one tick, whatever its size" in told
    assert "B: at most 10 % of the quantity of a bar is ours" in told
    assert "resting limits trade only when the price goes beyond them" in told
    assert "market orders pay half of a spread of 2 basis points" in told


def test_a_tenth_of_a_bar() -> None:
    class Once(ts.Strategy):
        def on_start(self) -> None:
            self.buy(25)

    columns = ([0, 1000, 2000], [5] * 3, [9] * 3, [4] * 3, [8] * 3, [100, 70, 100])
    bars = ts.Bars.from_arrays(*columns, interval="1s", lot=1, tick_size=1)
    result = ts.backtest(Once, bars)
    assert result.fills["qty"].to_list() == [10.0, 7.0, 8.0]
    full = ts.backtest(Once, bars, quantity="full")
    assert full.fills["qty"].to_list() == [25.0]
    half = ts.backtest(Once, bars, participation="0.5")
    assert half.fills["qty"].to_list() == [25.0]
    still = ts.Bars.from_arrays(*columns[:5], [0, 0, 0], interval="1s", lot=1, tick_size=1)
    assert ts.backtest(Once, still).fills["qty"].to_list() == [25.0]


def test_stops_and_limits_inside_a_bar_are_run_both_ways() -> None:
    class Bracket(ts.Strategy):
        def on_start(self) -> None:
            self.buy(1)

        def on_fill(self, fill: Fill) -> None:
            if fill.side == "BUY":
                self.sell(1, limit=12, oco_group=1)
                self.sell(1, stop=8, oco_group=1)

    bars = ts.Bars.from_arrays([0], [10], [15], [5], [10], [100], interval="1s", lot=1, tick_size=1)
    result = ts.backtest(Bracket, bars, spread_bps=0, maker_fee=0, taker_fee=0)
    assert result.stats["P&L"] == -2.0
    assert result.alternatives["limits first"].stats["P&L"] == 2.0
    assert any("sign of the return" in each for each in result.warnings)


def test_a_strategy_that_cannot_be_copied_runs_once() -> None:
    class Holds(Rests):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

    result = ts.backtest(Holds(), ticks_of([10, 9, 12, 12]))
    assert not result.alternatives
    assert any("the strategy cannot be copied" in each for each in result.warnings)


def test_digest_covers_source_and_parameters() -> None:
    class One(ts.Strategy):
        size = 1

    class Two(ts.Strategy):
        size = 1
        more = 1

    two = Two
    two.__name__ = "One"
    ticks = ticks_of([10, 9])
    results = [ts.backtest(each, ticks) for each in (One, One(size=2), two)]
    assert len({each.digest for each in results}) == 3
    assert len({each.event_digest for each in results}) == 1
    assert ts.backtest(One(size=1), ticks).digest == results[0].digest


# --- Stopping and progress. -----------------------------------------------------------------------


@pytest.mark.parametrize("skip_scan", [True, False])
def test_ctrl_c_leaves_what_is_done(skip_scan: bool) -> None:
    class Stopped(Grid):
        def on_fill(self, fill: Fill) -> None:
            super().on_fill(fill)
            if fill.time > SAMPLE.time[10_000]:
                raise KeyboardInterrupt

    result = ts.backtest(Stopped, SAMPLE, skip_scan=skip_scan)
    assert not result.is_complete
    assert 10_000 < result.account.row_count < len(SAMPLE)
    assert result.stats["Stopped"] == "before the end of the data"
    again = ts.backtest(Grid, SAMPLE[: result.account.row_count])
    assert again.event_digest == result.event_digest
    assert again.stats["P&L"] == result.stats["P&L"]


def test_ctrl_c_before_the_first_tick() -> None:
    class Stopped(ts.Strategy):
        def on_start(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ts.backtest(Stopped, SAMPLE)


@pytest.mark.parametrize("skip_scan", [True, False])
def test_progress_rises_to_the_end(skip_scan: bool) -> None:
    calls: list[tuple[int, int]] = []
    ts.backtest(Grid, SAMPLE, skip_scan=skip_scan, progress=lambda *call: calls.append(call))
    assert calls == sorted(calls)
    assert 100 <= len(calls) <= 201
    assert calls[-1][0] > 0.99 * len(SAMPLE)
    assert {total for _, total in calls} == {len(SAMPLE)}


# --- What is written. -----------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_tables_read_back(format: str, tmp_path: Path) -> None:
    result = ts.backtest(Grid, SAMPLE, cash=10_000)
    files = result.write(tmp_path / "run", format=format)
    assert [file.name for file in files] == [
        "run.json", "events.npy", f"fills.{format}", f"equity.{format}",
    ]  # fmt: skip
    read = pl.read_csv if format == "csv" else pl.read_parquet
    fills, equity = read(files[2]), read(files[3])
    assert fills["price_ticks"].to_list() == result.fills["price_ticks"].to_list()
    assert fills["price"].to_list() == result.fills["price"].to_list()
    assert equity["equity_units"].to_list() == result.equity["equity_units"].to_list()
    assert np.array_equal(np.load(files[1]), result.events)


def test_run_json_reads_back(tmp_path: Path) -> None:
    result = ts.backtest(Grid(step=0.5), SAMPLE)
    result.write(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert record["digest"] == result.digest
    assert record["strategy"]["parameters"] == {"step": "0.5", "levels": "16", "qty": "5.0"}
    assert record["stats"] == result.stats
    config = ts.EngineConfig.from_canonical(record["config"])
    assert ts.backtest(Grid(step=0.5), SAMPLE, config=config).digest == result.digest


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ts.ConfigError, match="'xlsx' is not one of csv, parquet"):
        ts.backtest(Grid, SAMPLE).write(tmp_path, format="xlsx")


def test_fills_add_up_to_the_position() -> None:
    fills = ts.backtest(Everything, SAMPLE).fills
    signed = fills["qty"] * (fills["side"] == "BUY").replace_strict({True: 1, False: -1})
    assert signed.cum_sum().to_list() == pytest.approx(fills["position"].to_list())


@pytest.mark.parametrize("time_unit", ["s", "ms", "us", "ns"])
def test_every_time_unit(time_unit: str) -> None:
    times = np.arange(0, 7200, 7) + 1_700_000_000
    factor = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[time_unit]
    prices = 100 + np.arange(len(times)) % 9
    ticks = ts.Ticks.from_arrays(
        times * factor, prices, np.ones_like(times), np.zeros_like(times),
        tick_size=1, lot=1, time_unit=time_unit,
    )  # fmt: skip
    result = ts.backtest(Grid(step=1, levels=3, qty=1), ticks)
    assert result.stats["Duration"] == "1:59:56"
    assert str(result.stats["Start"]).startswith("2023-11-14 22:13:20")
    assert result.fills["time"][0].year == result.equity["time"][0].year == 2023


# --- Pictures. ------------------------------------------------------------------------------------


def test_curves_keep_the_extremes() -> None:
    result = ts.backtest(Everything, SAMPLE)
    equity = result.path.after(np.arange(len(SAMPLE))) / 1e8
    curves = result.curves(slices=50)
    assert len(curves.time) == 50
    assert (curves.price_low.min(), curves.price_high.max()) == (
        SAMPLE.prices.min(),
        SAMPLE.prices.max(),
    )
    assert curves.equity_low.min() == equity.min()
    assert curves.equity_high.max() == equity.max()
    assert 100 * curves.drawdown.min() == result.stats["Max. Drawdown [%]"]


def test_curves_begin_at_the_first_of_close_nanoseconds() -> None:
    start = 1_700_000_000_000_000_200  # a float would be 256 ns apart from the next
    ticks = ts.Ticks.from_arrays(
        [start, start + 100, start + 800], [5.0, 9.0, 6.0], [1.0] * 3, [0] * 3,
        tick_size=1, lot=1, time_unit="ns",
    )  # fmt: skip
    curves = ts.backtest(ts.Strategy, ticks).curves()
    assert curves.time.tolist() == ticks.time.tolist()
    assert curves.price_high.tolist() == [5.0, 9.0, 6.0]


def test_curves_of_no_slices() -> None:
    with pytest.raises(ts.ConfigError, match="slices is 0"):
        ts.backtest(Grid, SAMPLE).curves(0)


@pytest.mark.parametrize("times", [[5], [0, 1], [0, 1000], [0, 86_400_000 * 400]])
def test_short_runs_can_be_drawn(times: list[int], tmp_path: Path) -> None:
    ticks = ticks_of([10 + row for row in range(len(times))], times=times)
    ts.backtest(ts.Strategy, ticks).plot(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_picture_is_the_same_again(tmp_path: Path) -> None:
    pictures = [
        ts.backtest(Grid, SAMPLE).plot(tmp_path / f"{name}.svg").read_bytes() for name in "ab"
    ]
    assert pictures[0] == pictures[1]


def test_picture_of_an_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(ts.ConfigError, match="end it in .png"):
        ts.backtest(Grid, SAMPLE).plot(tmp_path / "picture.bmp")
