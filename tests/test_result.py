"""Results: statistics by hand, tables against slow loops, names, execution, benchmarks, comparisons."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import polars as pl
import pytest

import tickstep as ts
from tickstep import metrics
from tickstep.compat import akquant
from tickstep.demo import Grid, sample
from tickstep.equity import EquityPath
from tickstep.metricnames import METRIC_NAMES
from tickstep.result import TABLES
from tickstep.strategy import Fill

DAY = 86_400
LONG = sample(60_000)
RUN = ts.backtest(Grid, LONG, cash=10_000)
ANY_RUN: Any = RUN  # for what the types forbid
any_report: Any = ts.report

Orders = dict[int, list[tuple[str, str, int]]]  # before which round: instrument, side, lots


def result_of(prices: dict[str, list[int]], orders: Orders, **settings: Any) -> ts.Result:
    """Closes of days, all instruments at once; market orders trade on the next day's price."""
    days = len(next(iter(prices.values())))
    costs: dict[str, Any] = {"tick_size": 1, "lot": 1, "spread_bps": 0, "taker_fee": 0, **settings}
    config = ts.EngineConfig(
        initial_cash=10_000,
        money_unit=1,
        time_unit="s",
        instruments=[ts.Instrument(symbol, **costs) for symbol in prices],
    )
    data = {
        symbol: ts.Ticks.from_arrays(
            np.arange(days) * DAY + 50_000, column, [1] * days, [0] * days,
            tick_size=1, lot=1, time_unit="s", symbol=symbol,
        )
        for symbol, column in prices.items()
    }  # fmt: skip
    engine = ts.Engine(config)
    engine.bind(data)
    for day in range(days):
        for symbol, side, qty in orders.get(day, []):
            engine.place_order(ts.Order("MARKET", side, qty, symbol=symbol))
        engine.advance(len(prices))
    return ts.Result(
        strategy="Script", parameters={}, config=config, data=data, events=engine.events,
        event_digest=engine.digest, warnings=["few trades"],
        assumptions=["market orders trade at once"],
    )  # fmt: skip


def walk(days: int, seed: int) -> list[int]:
    steps = np.random.default_rng(seed).integers(-30, 31, days)
    return [int(each) for each in 1000 + np.cumsum(steps)]


def two_instruments(days: int = 90) -> ts.Result:
    orders: Orders = {
        0: [("A", "BUY", 3)],
        5: [("B", "SELL", 2)],
        20: [("A", "SELL", 5), ("B", "BUY", 2)],
        60: [("A", "BUY", 4)],
    }
    prices = {"A": walk(days, 1), "B": walk(days, 2)}
    return result_of(prices, orders, taker_fee="0.002")


TWO = two_instruments()


# --- Statistics by hand. --------------------------------------------------------------------------


def daily_equity(result: ts.Result) -> np.ndarray[Any, Any]:
    """Equity at the ends of the days, from the fills alone, one by one."""
    columns = {symbol: rows.price_ticks for symbol, rows in result.data.items()}
    fills = result.fills.to_dicts()
    found = [10_000.0]
    for day in range(90):
        cash, held = 10_000.0, dict.fromkeys(columns, 0.0)
        for fill in fills:
            if fill["tick_index"] <= day:
                signed = fill["qty"] if fill["side"] == "BUY" else -fill["qty"]
                cash -= signed * fill["price"] + fill["fee"]
                held[fill["symbol"]] += signed
        found.append(cash + sum(held[each] * float(columns[each][day]) for each in columns))
    return np.array(found)


def test_statistics_are_those_of_the_equity_by_hand() -> None:
    equity, stats = daily_equity(TWO), TWO.stats
    steps = equity[1:] / equity[:-1] - 1
    # No day is missing, so a year has as many as there are.
    year: dict[str, Any] = {"periods_per_year": 365.25}
    growth = equity[-1] / 10_000
    prices = [each.price_ticks for each in TWO.data.values()]
    held = np.mean([column / column[0] for column in prices], axis=0)
    market = np.append(held[0] - 1, held[1:] / held[:-1] - 1)
    expected = {
        "Equity Final": equity[-1],
        "Equity Peak": equity.max(),
        "Return [%]": 100 * (growth - 1),
        "Buy & Hold Return [%]": 100 * (held[-1] - 1),
        "Return (Ann.) [%]": 100 * (growth ** (365.25 / 90) - 1),
        "Volatility (Ann.) [%]": 100 * steps.std(ddof=1) * np.sqrt(365.25),
        "CAGR [%]": 100 * (growth ** (365.25 / 89) - 1),
        "Sharpe Ratio": steps.mean() / steps.std(ddof=1) * np.sqrt(365.25),
        "Sortino Ratio": steps.mean() / np.sqrt(np.mean(np.minimum(steps, 0) ** 2)) * np.sqrt(365.25),
        "Beta": np.cov(steps, market)[0, 1] / market.var(ddof=1),
        "Alpha [%]": 100 * (metrics.alpha(steps, market, **year) or 0.0),
        "Max. Drawdown [%]": 100 * (equity / np.maximum.accumulate(equity) - 1).min(),
        "Ulcer Index": np.sqrt(np.mean((equity / np.maximum.accumulate(equity) - 1) ** 2)),
        "Value at Risk 5 % [%]": -100 * np.sort(steps)[4],
        "Exposure Time [%]": 100.0,
        "P&L": equity[-1] - 10_000,
    }  # fmt: skip
    assert {name: stats[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    assert stats["Calmar Ratio"] == pytest.approx(
        expected["CAGR [%]"] / -expected["Max. Drawdown [%]"], rel=1e-9
    )
    assert stats["Sampling"] == "1d, 90 returns, 365.25 a year"


def test_trades_are_counted_net_of_fees() -> None:
    trades, stats = TWO.trades, TWO.stats
    closed = trades.filter(~trades["is_open"])
    pnl = closed["pnl"].to_numpy()
    assert stats["# Trades"] == len(closed) == 3
    assert stats["Open Trades"] == 1
    assert stats["Win Rate [%]"] == pytest.approx(100 * np.mean(pnl > 0))
    assert stats["Expectancy"] == pytest.approx(pnl.mean())
    shares = closed["return"].to_numpy()
    assert stats["Expectancy [%]"] == pytest.approx(100 * shares.mean())
    assert stats["Best Trade [%]"] == pytest.approx(100 * shares.max())
    growth = np.prod(1 + closed["return"].to_numpy()) ** (1 / 3) - 1
    assert stats["Avg. Trade [%]"] == pytest.approx(100 * growth)
    assert stats["P&L"] == pytest.approx(trades["pnl"].sum())


def test_names_and_order_of_backtesting_py_come_first() -> None:
    names = [
        "Start", "End", "Duration", "Exposure Time [%]", "Equity Final", "Equity Peak", "Return [%]",
        "Buy & Hold Return [%]", "Return (Ann.) [%]", "Volatility (Ann.) [%]", "CAGR [%]",
        "Sharpe Ratio", "Sortino Ratio", "Calmar Ratio", "Alpha [%]", "Beta", "Max. Drawdown [%]",
        "Avg. Drawdown [%]", "Max. Drawdown Duration", "Avg. Drawdown Duration", "# Trades",
        "Win Rate [%]", "Best Trade [%]", "Worst Trade [%]", "Avg. Trade [%]", "Max. Trade Duration",
        "Avg. Trade Duration", "Profit Factor", "Expectancy [%]", "SQN", "Kelly Criterion",
    ]  # fmt: skip
    assert list(RUN.stats)[: len(names)] == names


def test_falls_are_of_every_row() -> None:
    equity = daily_equity(TWO)
    falls = metrics.drawdown_segments(equity)
    assert TWO.stats["Avg. Drawdown [%]"] == pytest.approx(100 * falls.depth.mean())
    assert TWO.drawdowns["depth"].to_list() == pytest.approx(sorted(falls.depth.tolist()))
    assert len(TWO.drawdowns) == len(falls)


def test_prices_of_one_time_fall_together() -> None:
    prices = {"A": [100, 100, 90, 100, 80], "B": [100, 100, 110, 100, 120]}
    hedged = result_of(prices, {0: [("A", "BUY", 5), ("B", "BUY", 5)]})
    assert hedged.stats["Max. Drawdown"] == 0.0
    assert hedged.stats["Equity Peak"] == 10_000.0
    assert hedged.stats["Drawdown Sampling"] == "every time"
    assert hedged.curves(9).equity_low.tolist() == [10_000.0] * 5
    # The kernel takes them one by one.
    assert min(equity.min() for _, equity in hedged.path.pieces()) == 9_900


def test_a_result_prints_what_it_rests_on() -> None:
    text = str(TWO)
    assert text.splitlines()[0] == "Script() on A, B"
    assert "assumes: market orders trade at once\nwarning: few trades" in text
    assert text.splitlines()[-1].split() == ["Digest", TWO.digest]
    assert "<table><caption>Script() on A, B</caption>" in TWO._repr_html_()
    assert json.loads(TWO.to_json())["assumptions"][-1] == "market orders trade at once"


def test_numbers_of_a_short_run_are_not_stretched_to_a_year() -> None:
    stats = result_of({"A": [10, 11, 12]}, {0: [("A", "BUY", 1)]}).stats
    for name in (
        "Return (Ann.) [%]",
        "CAGR [%]",
        "Sharpe Ratio",
        "Calmar Ratio",
        "Beta",
        "Alpha [%]",
    ):
        assert stats[name] is None
    assert stats["Sampling"] == "none: 3 returns of 1m are fewer than 30"


# --- Other programs' names. -----------------------------------------------------------------------


def test_every_name_has_a_number() -> None:
    assert {*akquant.NAMES, "max_leverage", "min_margin_level"} <= set(METRIC_NAMES)
    found = {name: RUN.metric(name) for name in METRIC_NAMES}
    absent = [name for name, value in found.items() if value is None]
    assert absent == ["min_track_record", "min_margin_level"]  # it lost


def test_more_names_by_their_formulas() -> None:
    steps = RUN.returns["return"].to_numpy()
    ratio, skew = steps.mean() / steps.std(ddof=1), metrics.skewness(steps)
    fat = metrics.kurtosis(steps)
    assert skew is not None and fat is not None
    pnl = RUN.trades.filter(~RUN.trades["is_open"])["pnl"].to_numpy()
    expected = {
        "psr": metrics.probabilistic_sharpe(ratio, count=len(steps), skew=skew, kurtosis=fat),
        "kelly_continuous": steps.mean() / steps.var(ddof=1),
        "sqn_100": min(len(pnl), 100) ** 0.5 * pnl.mean() / pnl.std(ddof=1),
        "gaussian_var_95": metrics.gaussian_value_at_risk(steps),
        "cornish_fisher_var_95": metrics.cornish_fisher_value_at_risk(steps),
    }
    assert {name: RUN.metric(name) for name in expected} == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("bar_fill", "rows"), [("next_open", 2), ("close", 3), ("path", 4)])
def test_bars_are_counted_as_bars(bar_fill: str, rows: int) -> None:
    class Turn(ts.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.target(bar.symbol, 1 if bar.start // 300_000 % 2 == 0 else -1)

    bars = sample(5_000).candles("1m")
    run = ts.backtest(Turn, bars, bar_fill=bar_fill, participation=1, alternatives=False)
    assert run.account.row_count == rows * len(bars)
    assert (run.stats["Bars"], run.metric("total_bars")) == (len(bars), len(bars))
    assert "Ticks" not in run.stats and f" {len(bars)} bars," in repr(run)
    assert run.metric("avg_trade_bars") == pytest.approx(5, abs=0.05)


def test_exact_columns_of_huge_runs_are_written_and_read(tmp_path: Path) -> None:
    class Much(ts.Strategy):
        def on_start(self) -> None:
            self.buy(1_000_000)

    ticks = ts.Ticks.from_arrays(
        range(2_000), np.linspace(5e5, 6e5, 2_000).round(), [1] * 2_000, [0] * 2_000,
        tick_size="0.01", lot=1,
    )  # fmt: skip
    run = ts.backtest(Much, ticks, cash=10**12)
    for file in run.to_parquet(tmp_path):
        assert pl.read_parquet(file).equals(getattr(run, file.stem)), file.stem
    assert len(run.to_csv(tmp_path)) == len(TABLES)
    (net,) = run.trades["net_units"].to_list()
    assert net == run.account.earned_units


def test_assumptions_tell_of_ticks_at_hand_and_of_what_lies_before() -> None:
    class Idle(ts.Strategy):
        pass

    ticks = sample(5_000)
    bars = ticks.candles("1m")
    on_ticks = ts.backtest(Idle, bars, ticks=ticks, alternatives=False).assumptions
    assert "orders trade on ticks; bars are told of, and nothing trades on them" in on_ticks
    told = "what lies before 2024-01-01 00:30:00.000 UTC is known, and nothing trades there"
    assert told in ts.backtest(Idle, bars, warmup=30, alternatives=False).assumptions
    whole = ts.backtest(Idle, bars, alternatives=False).assumptions
    assert told not in whole and not set(on_ticks) <= set(whole)


def test_numbers_that_one_run_has_stand_where_they_stand_there() -> None:
    class Idle(ts.Strategy):
        pass

    ticks = sample(2_000)
    two = ts.backtest(Idle, {"A": ticks, "B": ticks.candles("1m")}, alternatives=False)
    names = list(RUN.compare(two).frame.columns)[1:]
    assert names[-2:] == ["Event Digest", "Digest"]
    assert names.index("Instruments") < names.index("Max. Drawdown")
    for run in (RUN, two):
        assert [name for name in names if name in run.stats] == list(run.stats)


def test_run_without_money_has_no_contributions() -> None:
    run = result_without_money()
    assert run.attribution()["contribution"].to_list() == [None]
    assert run.stats["Sampling"] == "none: equity fell to 0 or below, or began there"
    with pytest.raises(ts.ConfigError, match="there are no returns: equity fell to 0"):
        run.rolling(5)


def result_without_money() -> ts.Result:
    """A purchase on credit, a minute long for each of 40 ticks."""

    class Once(ts.Strategy):
        def on_start(self) -> None:
            self.buy(1)

    times = np.arange(40) * 60_000
    ticks = ts.Ticks.from_arrays(times, times // 60_000 + 5, [1] * 40, [0] * 40, tick_size=1, lot=1)
    return ts.backtest(Once, ticks, cash=0)


def test_digest_takes_parameters_for_what_they_are() -> None:
    class Held(ts.Strategy):
        length = 3
        weights = None

    ticks = sample(1_000)

    def digest(**parameters: Any) -> str:
        return ts.backtest(Held(**parameters), ticks, alternatives=False).digest

    assert digest(length=np.int64(3)) == digest(length=3) != digest(length=4)
    assert digest(weights=(np.float64(0.5),)) == digest(weights=(0.5,)) != digest(weights=0.5)
    column = np.arange(5_000)
    other = column.copy()
    other[2_500] = 0
    assert digest(weights=column) == digest(weights=column.copy()) != digest(weights=other)
    assert digest(weights=len) == digest(weights=len) != digest(weights=sum)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: ANY_RUN.rolling(2.5), "window is 2.5"),
        (lambda: ANY_RUN.rolling("20"), "window is '20'"),
        (lambda: ANY_RUN.rolling(None), "window is None"),
        (lambda: ANY_RUN.metric(5), "a metric's name is text, was 5"),
        (lambda: ANY_RUN.compare(5), "int is no result of a run"),
        (lambda: ANY_RUN.compare([RUN]), "list is no result of a run"),
        (lambda: ANY_RUN.explain("run.json"), "str is no result of a run"),
        (lambda: any_report([RUN, None], "both.html"), "NoneType is no result of a run"),
        (lambda: any_report(5, "run.html"), "int is no result of a run"),
        (lambda: ANY_RUN.positions_at("1ms"), "the interval 1ms has .* periods"),
        (lambda: ANY_RUN.sampled("1ms"), "the interval 1ms has .* periods"),
        (lambda: ANY_RUN.explain_pnl("1ms"), "the interval 1ms has .* periods"),
    ],
)
def test_wrong_arguments_are_named(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(ts.ConfigError, match=said):
        wrong()


def test_name_that_is_no_number_tells_the_nearest() -> None:
    with pytest.raises(KeyError, match="did you mean 'Sharpe Ratio'|Sharpe Ratio"):
        RUN.stats["Sharp Ratio"]
    assert RUN.stats.get("Sharp Ratio") is None


def test_names_give_numbers_in_their_units() -> None:
    stats: Any = RUN.stats
    closed = RUN.trades.filter(~RUN.trades["is_open"])
    lost = closed.filter(closed["pnl"] < 0)
    expected = {
        "win_rate": stats["Win Rate [%]"] / 100,
        "max_drawdown": stats["Max. Drawdown [%]"] / 100,
        "max_drawdown_pct": stats["Max. Drawdown [%]"],
        "total_return": stats["Return [%]"] / 100,
        "total_loss": lost["pnl"].sum(),
        "largest_loss": lost["pnl"].min(),
        "largest_loss_pct": 100 * lost.sort("pnl")["return"][0],
        "losing_trades": len(lost),
        "avg_trade_bars": (closed["exit_index"] - closed["entry_index"]).mean(),
        "total_orders": len(RUN.orders),
        "filled_orders": (RUN.orders["state"] == "FILLED").sum(),
        "max_leverage": (RUN.equity["gross"] / RUN.equity["equity"]).max(),
        "Win Rate [%]": stats["Win Rate [%]"],
        "win_rate_pct": stats["Win Rate [%]"],
        "buy_and_hold_return_pct": stats["Buy & Hold Return [%]"],
        "payoff_ratio": stats["Payoff Ratio"],
    }
    assert {name: RUN.metric(name) for name in expected} == pytest.approx(expected)


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(ts.ConfigError, match="there is no metric 'sharp_ratio'") as caught:
        RUN.metric("sharp_ratio")
    assert "'sharpe_ratio'" in (caught.value.hint or "")


# --- Tables. --------------------------------------------------------------------------------------


class Busy(ts.Strategy):
    """Orders with every kind of end."""

    def on_start(self) -> None:
        self.at(self.now)
        self.fills = 0

    def on_timer(self, time: int) -> None:
        price = self.last_price
        assert price is not None
        self.buy(5, limit=price - 0.1)
        self.sell(5, limit=price + 0.1, tag=7)
        self.buy(5, limit=price - 20)
        self.amend(self.buy(3, limit=price - 10), qty=1)
        self.cancel(self.sell(2, limit=price + 10))
        self.buy(1, limit=price - 5, time_in_force="GTD", expire_ts=time + 600_000)
        self.buy(10_000_000)

    def on_fill(self, fill: Fill) -> None:
        self.fills += 1
        if self.fills < 20:
            self.at(fill.time + 60_000)


@pytest.fixture(scope="module")
def busy() -> ts.Result:
    return ts.backtest(
        Busy, LONG, account="cash", allow_short=True, quantity="volume", participation=0.5
    )


def born(state: str, event: Any) -> dict[str, Any]:
    return {"state": state, "qty_lots": event["qty_lots"], "filled_lots": 0, "fee_units": 0}


def slow_orders(result: ts.Result) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for event in result.events:
        kind, order_id = ts.EventKind(event["kind"]), int(event["order_id"])
        own = found.get(order_id)
        if kind is ts.EventKind.ACCEPTED and event["reason"] & 0xFF < 20:
            found[order_id] = born("OPEN", event)
        elif kind is ts.EventKind.REJECTED and order_id and own is None:
            found[order_id] = born("REJECTED", event)
        elif own is None:
            continue
        elif kind is ts.EventKind.AMENDED:
            own["qty_lots"] = event["qty_lots"]
        elif kind is ts.EventKind.FILLED:
            own["filled_lots"] += event["qty_lots"]
            own["fee_units"] += event["fee_units"]
            if own["filled_lots"] == own["qty_lots"]:
                own["state"] = "FILLED"
        elif kind in (ts.EventKind.CANCELLED, ts.EventKind.EXPIRED):
            own["state"] = kind.name
    return found


def test_orders_have_the_lives_of_their_events(busy: ts.Result) -> None:
    expected = slow_orders(busy)
    names = ["state", "qty_lots", "filled_lots", "fee_units"]
    rows = busy.orders.select("order_id", *names).to_dicts()
    assert {row.pop("order_id"): row for row in rows} == expected
    assert {"OPEN", "FILLED", "CANCELLED", "EXPIRED", "REJECTED"} == set(busy.orders["state"])
    refused = busy.orders.filter(busy.orders["state"] == "REJECTED")
    assert set(refused["reason"]) == {"NO_CASH"}
    assert busy.stats["Refused"] == len(refused)
    assert busy.stats["Orders"] == len(rows) - len(refused)


def test_orders_have_the_average_price_of_their_fills(busy: ts.Result) -> None:
    fills = busy.fills.with_columns(value=pl.col("price") * pl.col("qty"))
    grouped = fills.group_by("order_id").agg(
        pl.col("value").sum(), pl.col("qty").sum(), pl.col("time").min()
    )
    average = {row["order_id"]: row["value"] / row["qty"] for row in grouped.to_dicts()}
    first = dict(zip(grouped["order_id"], grouped["time"], strict=True))
    traded = busy.orders.filter(pl.col("filled") > 0)
    assert len(traded) == len(average)
    for row in traded.to_dicts():
        assert row["average_price"] == pytest.approx(average[row["order_id"]], rel=1e-12)
        assert row["first_fill"] == first[row["order_id"]]
    untouched = busy.orders.filter(pl.col("filled") == 0)
    assert untouched["average_price"].null_count() == len(untouched) > 0


def test_positions_are_those_of_the_fills() -> None:
    frame = TWO.positions_at("1d")
    expected = []
    for day in range(91):
        for symbol in ("A", "B"):
            own = TWO.fills.filter((pl.col("symbol") == symbol) & (pl.col("tick_index") < day))
            lots = int(own["qty_lots"].sum())
            if lots:
                price = float(TWO.data[symbol].price_ticks[day - 1])
                expected.append((symbol, lots, price, lots * price))
    found = frame.select("symbol", "position_lots", "price", "value").rows()
    assert found == expected
    assert TWO.positions.columns == frame.columns


def test_equity_has_its_parts() -> None:
    frame = TWO.equity
    assert (frame["cash"] + frame["net"]).to_list() == pytest.approx(frame["equity"].to_list())
    assert frame["fees"][-1] == TWO.stats["Fees"]
    assert frame["equity"][-1] == TWO.stats["Equity Final"]
    assert (frame["gross"] >= frame["net"].abs()).all()


def test_excursions_are_on_the_way() -> None:
    for row in TWO.trades.to_dicts():
        path = TWO.data[row["symbol"]].price_ticks[row["entry_index"] : row["exit_index"] + 1]
        sign = 1 if row["side"] == "LONG" else -1
        gains = sign * (path - row["entry_price"]) * row["qty"]
        assert (row["mae_pnl"], row["mfe_pnl"]) == (gains.min(), gains.max())
        assert row["mae"] == pytest.approx(gains.min() / (row["entry_price"] * row["qty"]))


def test_months_compound_to_the_year() -> None:
    frame = TWO.monthly
    assert frame["year"].to_list() == [1970]
    months = [each for each in frame.row(0)[1:13] if each is not None]
    assert len(months) == 3
    assert np.prod(1 + np.array(months)) - 1 == pytest.approx(frame["year_return"][0])
    assert 100 * TWO.yearly["return"][0] == pytest.approx(TWO.stats["Return [%]"])


def test_rolling_ends_with_the_last_return() -> None:
    frame = TWO.rolling(90)
    assert len(frame) == 1
    assert frame["sharpe"][0] == pytest.approx(TWO.stats["Sharpe Ratio"])
    assert frame["time"][0] == TWO.returns["time"][-1]
    assert len(TWO.rolling(10)) == 81
    with pytest.raises(ts.ConfigError, match="window is 91: the run has 90 returns"):
        TWO.rolling(91)


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_all_tables_are_written(format: str, tmp_path: Path) -> None:
    files = (TWO.to_csv if format == "csv" else TWO.to_parquet)(tmp_path / "tables")
    assert [file.name for file in files] == [f"{name}.{format}" for name in TABLES]
    read: Callable[[Path], pl.DataFrame] = pl.read_csv if format == "csv" else pl.read_parquet
    for name, file in zip(TABLES, files, strict=True):
        frame = read(file)
        assert frame.shape == getattr(TWO, name).shape
        assert frame.columns == getattr(TWO, name).columns


def test_a_run_without_orders_has_empty_tables() -> None:
    result = result_of({"A": [10, 11], "B": [5, 5]}, {})
    for name in ("fills", "orders", "trades", "positions", "drawdowns"):
        assert len(getattr(result, name)) == 0
    assert result.equity["equity"].unique().to_list() == [10_000.0]
    assert str(result.execution()).splitlines()[0] == "Execution"
    assert result.explain_pnl("1d")["change"].to_list() == [0.0, 0.0]
    assert len(result.explain_pnl("1d", by_instrument=True)) == 0


def test_several_instruments_can_be_drawn(tmp_path: Path) -> None:
    curves = TWO.curves(30)
    equity = daily_equity(TWO)
    assert curves.equity_high.max() == equity.max()
    assert 100 * curves.drawdown.min() == pytest.approx(TWO.stats["Max. Drawdown [%]"])
    assert TWO.plot(tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


# --- Execution. -----------------------------------------------------------------------------------


def test_costs_of_execution_by_hand() -> None:
    prices = {"A": [100, 104, 103, 110, 110]}
    result = result_of(prices, {1: [("A", "BUY", 2)], 3: [("A", "SELL", 1)]}, taker_fee="0.01")
    quality = result.execution(["1d", "9d"])
    # Placed after 100, filled at 104; placed after 103, filled at 110.
    slippage = 2 * (104 - 100) + -1 * (110 - 103)
    fees = TWO_FEES = -(-208 // 100) + -(-110 // 100)
    stats = quality.stats
    assert (stats["Slippage"], stats["Fees"], stats["Opportunity Cost"]) == (slippage, fees, 0.0)
    assert stats["Slippage [bps]"] == pytest.approx(1e4 * slippage / (200 + 103))
    assert stats["Implementation Shortfall"] == slippage + TWO_FEES
    assert (stats["Fill Ratio [%]"], stats["Maker Share [%]"]) == (100.0, 0.0)
    assert quality.orders["arrival_price"].to_list() == [100.0, 103.0]
    assert quality.fills["markout_1d_bps"].to_list() == pytest.approx(
        [1e4 * (103 - 104) / 104, 0.0]
    )
    assert quality.fills["markout_9d_bps"].to_list() == [None, None]
    assert stats["Markout 9d [bps]"] is None
    assert stats["Markout 1d [bps]"] == pytest.approx(1e4 * -2 / (208 + 110))


def test_what_did_not_trade_costs_opportunity() -> None:
    class Low(ts.Strategy):
        def on_start(self) -> None:
            self.at(1000)

        def on_timer(self, time: int) -> None:
            self.buy(3, limit=5)

    ticks = ts.Ticks.from_arrays(
        [1000, 2000, 3000], [10, 11, 14], [1] * 3, [0] * 3, tick_size=1, lot=1
    )
    quality = ts.backtest(Low, ticks).execution()
    assert quality.stats["Opportunity Cost"] == 3 * (14 - 10)
    assert quality.stats["Fill Ratio [%]"] == 0.0
    assert quality.stats["Slippage [bps]"] is None


# --- Beside others. -------------------------------------------------------------------------------


def test_a_run_beside_what_it_holds() -> None:
    prices = walk(60, 3)
    result = result_of({"A": prices}, {0: [("A", "BUY", 9)]})
    found: Any = result.against(result.data["A"])
    assert found["Sampling"] == "1d, 59 returns, 365.25 a year"
    equity = 10_000 + 9 * (np.array(prices) - prices[0])
    steps, theirs = equity[1:] / equity[:-1] - 1, np.array(prices[1:]) / np.array(prices[:-1]) - 1
    year = 365.25
    expected = {
        "Beta": metrics.beta(steps, theirs),
        "Information Ratio": metrics.information_ratio(steps, theirs, periods_per_year=year),
        "Tracking Error [%]": 100 * (metrics.tracking_error(steps, theirs, periods_per_year=year) or 0),
        "Alpha [%]": 100 * (metrics.alpha(steps, theirs, periods_per_year=year) or 0),
        "Up Capture [%]": 100 * (metrics.up_capture(steps, theirs) or 0),
        "Benchmark Return [%]": 100 * (prices[-1] / prices[0] - 1),
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    times = result.data["A"].time
    series = result.against((times + 1, [float(each) for each in prices]))
    assert dict(series) == pytest.approx(dict(found))
    bars = ts.Bars.from_arrays(
        (times // DAY * DAY * 1000), prices, prices, prices, prices, [1] * 60, interval="1d",
        tick_size=1, lot=1, time_unit="ms",
    )  # fmt: skip
    assert dict(result.against(bars)) == pytest.approx(dict(found))


@pytest.mark.parametrize(
    ("benchmark", "match"),
    [
        ("SPY", "a benchmark cannot be str"),
        (([1, 2], [5.0]), "2 times and 1 values"),
        (([2, 1], [5.0, 6.0]), "time at row 1 is before"),
        (([1, 2], [5.0, 0.0]), "at row 1 is 0.0"),
        (([10**9], [5.0]), "no period in common"),
    ],
)
def test_what_is_no_benchmark(benchmark: Any, match: str) -> None:
    with pytest.raises(ts.DataError, match=match):
        TWO.against(benchmark)


def test_runs_are_compared() -> None:
    other = ts.backtest(Grid(levels=4), LONG, cash=10_000)
    comparison = RUN.compare(other, RUN)
    frame = comparison.frame
    assert frame["Run"].to_list()[2] == f"3: {frame['Run'][0]}"
    assert frame["Fills"].to_list() == [each.stats["Fills"] for each in (RUN, other, RUN)]
    line = next(line for line in str(comparison).splitlines() if line.startswith("Fills"))
    assert line.split() == ["Fills", *(str(each.stats["Fills"]) for each in (RUN, other, RUN))]
    assert "<table" in comparison._repr_html_()


def test_the_first_diverging_event_is_told() -> None:
    other = result_of({"A": [10, 11, 12]}, {0: [("A", "BUY", 1)], 1: [("A", "BUY", 2)]})
    one = result_of({"A": [10, 11, 12]}, {0: [("A", "BUY", 1)], 1: [("A", "BUY", 3)]})
    found = one.explain(other)
    assert found.row == 2
    assert str(found).splitlines()[0] == "first diverging event: number 3 (4 this, 4 other)"
    assert "* qty          3                             2" in str(found)
    assert "  kind         ACCEPTED                      ACCEPTED" in str(found)
    assert str(one.explain(one)) == "no difference: the same 4 events"


def test_digest_of_several_depends_on_each() -> None:
    prices = {"A": [10, 11], "B": [5, 5]}
    digests = {result_of(each, {}).digest for each in (prices, {**prices, "B": [5, 6]}, prices)}
    assert len(digests) == 2


# --- Cost. ----------------------------------------------------------------------------------------


class Counted(np.ndarray[Any, Any]):
    """An array that counts the elements that go through its operations."""

    elements = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        Counted.elements += sum(np.size(each) for each in inputs)
        given = [np.asarray(each) if isinstance(each, Counted) else each for each in inputs]
        found = getattr(ufunc, method)(*given, **options)
        return found.view(Counted) if isinstance(found, np.ndarray) else found

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        found = super().__array_function__(func, types, args, kwargs)
        Counted.elements += np.size(found)
        return found


class CountedRows:
    """Rows whose columns count."""

    def __init__(self, time: Any, price_ticks: Any) -> None:
        self.time = np.asarray(time).view(Counted)
        self.price_ticks = np.asarray(price_ticks).view(Counted)


def elements_of(rows: int, fills: int, samples: int) -> int:
    """Elements looked at for the whole curve and its samples."""
    events = np.zeros(fills, dtype=ts.EVENT_DTYPE)
    events["kind"] = ts.EventKind.FILLED
    events["instrument"] = np.arange(fills) % 2
    events["tick_index"] = np.arange(fills) * (rows // fills)
    events["qty_lots"] = np.where(np.arange(fills) % 4 < 2, 1, -1)
    events["price_ticks"] = 100
    data = [CountedRows(np.arange(rows), 90 + np.arange(rows) % 20) for _ in range(2)]
    Counted.elements = 0
    path = EquityPath(data, events, cash_units=10**6, units_per_tick_lot=[1, 1])
    for _ in path.pieces():
        pass
    path.at(np.arange(samples) * (rows // samples))
    return Counted.elements


def test_cost_of_a_curve_grows_with_rows_and_fills() -> None:
    small = elements_of(20_000, 500, 400)
    assert small > 2 * 20_000
    assert elements_of(200_000, 500, 400) <= 10.5 * small
    assert elements_of(20_000, 5_000, 400) <= 1.5 * small
    assert elements_of(200_000, 5_000, 4_000) <= 11 * small


def calls_of(result: Callable[[], ts.Result]) -> int:
    made, calls = result(), 0

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        str(made)
        for name in TABLES:
            getattr(made, name)
        made.explain_pnl("1d")
    finally:
        sys.setprofile(None)
    return calls


def test_no_python_runs_row_by_row() -> None:
    calls_of(two_instruments)  # what loads at first use
    small, large = (calls_of(lambda days=days: two_instruments(days)) for days in (90, 900))  # type: ignore[misc]
    assert large < 1.5 * small
