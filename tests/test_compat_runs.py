"""Statistics of whole runs by the formulas of others.

backtesting.py runs its own strategy on its own data, and our formulas get its equity and trades; the
figures of the others are computed by hand.
"""

from __future__ import annotations

import importlib
import itertools
import math
import statistics
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tickstep as ts
from tickstep.compat import agkernel, akquant, backtesting_py, pyrust_bt

SLOW = 30
PNL = np.array([120.0, -80, 45, -30, 0, 200, -150, 60, 10, -25])
CLOSES = [100_000, 101_000, 100_500, 102_010, 99_000, 99_500, 103_000, 104_000]
STEPS = [later / earlier - 1 for earlier, later in itertools.pairwise(CLOSES)]


def library(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def ran(bars: str, cash: float, **options: Any) -> tuple[Any, Any]:
    """Run its crossing averages on its data: statistics and bars."""
    backtesting, lib = library("backtesting"), library("backtesting.lib")
    data = library("backtesting.test")
    frame = getattr(data, bars)

    base: Any = backtesting.Strategy

    class Crossing(base):  # type: ignore[misc]
        def init(self) -> None:
            self.fast = self.I(data.SMA, self.data.Close, 10)
            self.slow = self.I(data.SMA, self.data.Close, SLOW)

        def next(self) -> None:
            if lib.crossover(self.fast, self.slow):
                self.position.close()
                self.buy()
            elif lib.crossover(self.slow, self.fast):
                self.position.close()
                self.sell()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stats = backtesting.Backtest(frame, Crossing, cash=cash, **options).run()
    return stats, frame


def ours_of(stats: Any, frame: Any, **options: Any) -> dict[str, Any]:
    made = stats["_trades"]
    trades = backtesting_py.Trades(
        made["EntryBar"].to_numpy(np.int64),
        made["ExitBar"].to_numpy(np.int64),
        made["PnL"].to_numpy(np.float64),
        made["ReturnPct"].to_numpy(np.float64),
    )
    return backtesting_py.statistics(
        frame.index.to_numpy(),
        stats["_equity_curve"]["Equity"].to_numpy(),
        frame["Close"].to_numpy(),
        trades,
        commissions=float(stats.get("Commissions [$]", 0.0)),
        first_trading_bar=SLOW - 1,
        **options,
    )


def check_same(found: dict[str, Any], stats: Any) -> None:
    expected = {name: value for name, value in stats.items() if not name.startswith("_")}
    assert list(found) == list(expected)
    for name, value in expected.items():
        if isinstance(found[name], np.datetime64 | np.timedelta64):
            assert found[name] == value or (np.isnat(found[name]) and value != value), name
        else:
            same = pytest.approx(float(value), rel=1e-9, abs=1e-12, nan_ok=True)
            assert found[name] == same, name


@pytest.mark.parametrize(
    ("bars", "cash", "options"),
    [
        ("GOOG", 10_000, {}),
        ("GOOG", 10_000, {"commission": 0.002, "trade_on_close": True, "finalize_trades": True}),
        ("EURUSD", 10_000, {"commission": 0.0001, "margin": 0.1}),
        ("BTCUSD", 10_000_000, {"finalize_trades": True}),
    ],
)
def test_backtesting_py(bars: str, cash: float, options: dict[str, Any]) -> None:
    stats, frame = ran(bars, cash, **options)
    assert stats["# Trades"] > 5 or bars == "BTCUSD"
    check_same(ours_of(stats, frame), stats)


def test_backtesting_py_with_a_rate() -> None:
    stats, frame = ran("GOOG", 10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = library("backtesting.lib").compute_stats(
            stats=stats, data=frame, risk_free_rate=0.03
        )
    found = ours_of(stats, frame, risk_free_rate=0.03)
    found.pop("Commissions [$]", None)
    check_same(found, expected)


def test_backtesting_py_without_trades() -> None:
    stats, frame = ran("GOOG", 1.0)  # too little to buy a share
    assert stats["# Trades"] == 0
    check_same(ours_of(stats, frame), stats)


# ---- The same rule by our own engine ---------------------------------------------------------------

SHARES = 10


def crossings(closes: Any) -> list[int]:
    """1 and -1 at the bars whose fast average crosses the slow one upwards and downwards."""
    fast, slow = (
        np.convolve(closes, np.ones(length) / length, "full")[: len(closes)]
        for length in (10, SLOW)
    )
    above, below = fast > slow, fast < slow
    up, down = (
        np.append(False, now[1:] & then[:-1]) for now, then in ((above, below), (below, above))
    )
    known = np.arange(len(closes)) >= SLOW
    signs = np.where(known & up, 1, np.where(known & down, -1, 0))
    return [int(each) for each in signs]


def theirs(signals: list[int], commission: float) -> tuple[Any, Any]:
    backtesting = library("backtesting")
    frame = library("backtesting.test").GOOG
    base: Any = backtesting.Strategy

    class Script(base):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            signal = signals[len(self.data) - 1]
            if signal:
                self.position.close()
                (self.buy if signal > 0 else self.sell)(size=SHARES)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = backtesting.Backtest(frame, Script, cash=100_000, commission=commission)
        return run.run(), frame


class Crosses(ts.Strategy):
    """Turns around where it is told to, and is called as anybody's strategy is."""

    def __init__(self, signals: list[int]) -> None:
        super().__init__()
        self.signals = iter(signals)

    def on_bar(self, bar: ts.Bar) -> None:
        signal = next(self.signals)
        if signal:
            self.target(bar.symbol, signal * SHARES)


def ours(signals: list[int], frame: Any, commission: float) -> ts.Result:
    """What was decided at a close trades at the next open."""
    bars = ts.Bars.from_frame(frame, interval="1d", tick_size=0.01, lot=1, symbol="GOOG")
    return ts.backtest(
        Crosses(signals), bars, cash=100_000, taker_fee=commission, spread_bps=0, quantity="full"
    )


@pytest.mark.parametrize("commission", [0, 0.002])
def test_the_same_rule_gives_the_run_of_backtesting_py(commission: float) -> None:
    frame = library("backtesting.test").GOOG
    signals = crossings(frame["Close"].to_numpy())
    expected, frame = theirs(signals, commission)
    result = ours(signals, frame, commission)

    closes = np.arange(1, 2 * len(frame), 2)
    equity = result.path.after(closes) * float(result.config.canonical()["money_unit"])
    assert equity == pytest.approx(expected["_equity_curve"]["Equity"].to_numpy(), rel=1e-12)

    closed = result.trades.filter(~result.trades["is_open"])
    made = expected["_trades"]
    assert len(closed) == len(made) > 30
    assert (closed["entry_index"] // 2).to_list() == made["EntryBar"].to_list()
    assert (closed["exit_index"] // 2).to_list() == made["ExitBar"].to_list()
    assert closed["entry_price"].to_list() == pytest.approx(made["EntryPrice"].to_list(), rel=1e-12)
    assert closed["pnl"].to_list() == pytest.approx(made["PnL"].to_list(), abs=1e-6)
    assert closed["return"].to_list() == pytest.approx(made["ReturnPct"].to_list(), abs=1e-9)

    trades = backtesting_py.Trades(
        (closed["entry_index"] // 2).to_numpy(),
        (closed["exit_index"] // 2).to_numpy(),
        closed["pnl"].to_numpy(),
        closed["return"].to_numpy(),
    )
    found = backtesting_py.statistics(
        frame.index.to_numpy(),
        equity,
        frame["Close"].to_numpy(),
        trades,
        commissions=float(expected.get("Commissions [$]", 0.0)),
    )
    check_same(found, expected)


def test_our_statistics_of_that_run_differ_where_they_say() -> None:
    frame = library("backtesting.test").GOOG
    signals = crossings(frame["Close"].to_numpy())
    expected, frame = theirs(signals, 0)
    stats: Any = ours(signals, frame, 0).stats
    same = (
        "Return [%]",
        "# Trades",
        "Win Rate [%]",
        "Best Trade [%]",
        "Worst Trade [%]",
        "Avg. Trade [%]",
    )
    for name in (*same, "Expectancy [%]", "SQN"):
        assert stats[name] == pytest.approx(float(expected[name]), rel=1e-9), name
    assert stats["Equity Final"] == pytest.approx(expected["Equity Final [$]"], rel=1e-12)
    # They guess 252 days a year, we count; opens count for our falls.
    assert stats["Sampling"] == "1d, 2,148 returns, 251.703 a year"
    assert stats["Max. Drawdown [%]"] <= expected["Max. Drawdown [%]"]
    assert stats["Sharpe Ratio"] == pytest.approx(expected["Sharpe Ratio"], abs=0.2)


def test_figures_of_known_closes() -> None:
    days = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]")
    weekdays = days[np.is_busday(days)][:8]
    rows = np.zeros(10, dtype=np.int64)
    trades = backtesting_py.Trades(rows, rows + 1, PNL, PNL / 1000)
    found = backtesting_py.statistics(weekdays, CLOSES, CLOSES, trades)
    assert found["Sharpe Ratio"] == pytest.approx(2.3657154964135456, rel=1e-12)
    assert found["Sortino Ratio"] == pytest.approx(17.290574738190568, rel=1e-12)
    assert found["CAGR [%]"] == pytest.approx(391.2128129353153, rel=1e-12)
    assert found["Kelly Criterion"] == pytest.approx(0.0905172, abs=1e-7)
    assert found["Beta"] == pytest.approx(1.0)


# ---- pyrust-bt -------------------------------------------------------------------------------------


def rows_of(equity: Sequence[float], start: str | None = None) -> list[dict[str, Any]]:
    first = np.datetime64(start, "D") if start else None
    stamps = [None if first is None else str(first + day) for day in range(len(equity))]
    return [
        {"equity": float(each), "datetime": stamp}
        for each, stamp in zip(equity, stamps, strict=True)
    ]


def test_pyrust_bt_metrics_of_known_closes() -> None:
    found = pyrust_bt.compute_performance_metrics(rows_of(CLOSES), risk_free_rate=0.02)
    mean, deviation = statistics.mean(STEPS), statistics.stdev(STEPS)
    losses = [step for step in STEPS if step < 0]
    downside = math.sqrt(statistics.mean(step**2 for step in losses) * 252)
    assert found == pytest.approx(
        {
            "total_return": 0.04,
            "annualized_return": mean * 252,
            "volatility": deviation * math.sqrt(252),
            "sharpe_ratio": (mean * 252 - 0.02) / (deviation * math.sqrt(252)),
            "sortino_ratio": (mean * 252 - 0.02) / downside,
            "calmar_ratio": mean * 252 / (3010 / 102_010),
            "max_drawdown": 3010 / 102_010,
            "max_dd_duration": 2,
            "var_5": min(STEPS),
            "win_rate": 5 / 7,
        },
        rel=1e-12,
    )
    assert pyrust_bt.compute_performance_metrics(rows_of([1.0])) == {}


def test_pyrust_bt_statistics_of_known_closes() -> None:
    trades = [
        {"realized_pnl": pnl, "commission": 1.5} for pnl in (0.0, 30.0, -10.0, 0.0, 50.0, -1e-17)
    ]
    orders = [{"status": status} for status in ("filled", "filled", "rejected", "unfilled")]
    found = pyrust_bt.stats(rows_of(CLOSES, "2024-01-01"), trades, orders)
    years = 7 / 365.25
    annual = 1.04 ** (1 / years) - 1
    volatility = statistics.stdev(STEPS) * math.sqrt(7 / years)
    expected = {
        "annualized_return": annual,
        "volatility": volatility,
        "sharpe": annual / volatility,
        "calmar": annual / (3010 / 102_010),
        "closed_trades": 3,
        "win_rate": 2 / 3,
        "profit_factor": 8,
        "avg_win": 40,
        "avg_loss": 10,
        "total_trades": 6,
        "total_pnl": 4000,
        "realized_pnl": 70,
        "unrealized_pnl": 3930,
        "commission_total": 9,
        "total_orders": 4,
        "filled_orders": 2,
        "unfilled_orders": 1,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    undated = pyrust_bt.stats(rows_of(CLOSES))
    assert undated["annualized_return"] == pytest.approx(statistics.mean(STEPS) * 252)
    assert undated["profit_factor"] == 0
    assert pyrust_bt.stats([]) == {}


@settings(deadline=None)
@given(st.lists(st.integers(-2, 9), max_size=40))
def test_pyrust_bt_falls_are_those_of_the_plain_loop(curve: list[int]) -> None:
    found = pyrust_bt.compute_drawdown_segments(rows_of(curve))
    expected = []
    starts = [row for row in range(len(curve)) if row == 0 or curve[row] > max(curve[:row])]
    for peak, stop in zip(starts, [*starts, len(curve)][1:], strict=True):
        lowest = min(curve[peak:stop])
        if curve[peak] > 0 and lowest < curve[peak]:
            trough = curve.index(lowest, peak)
            is_open = stop == len(curve)
            counted = stop - peak if is_open else trough - peak + 1
            recovery = None if is_open else stop - trough
            expected.append((peak, trough, stop - 1, counted, recovery))
    rows = [(f.peak_idx, f.trough_idx, f.end_idx, f.duration, f.recovery_time) for f in found]
    assert sorted(rows) == expected
    assert [f.drawdown for f in found] == sorted((f.drawdown for f in found), reverse=True)


def test_pyrust_bt_round_trips_go_first_in_first_out() -> None:
    sides = [("BUY", 10, 2, "A"), ("buy", 11, 1, "A"), ("SELL", 5, 1, "B"), ("SELL", 12, 4, "A")]
    sides += [("BUY", 9, 1, "A"), ("BUY", 4, 1, "B")]
    trades = [
        {"side": side, "price": price, "size": size, "symbol": symbol, "datetime": f"day {row}"}
        for row, (side, price, size, symbol) in enumerate(sides)
    ]
    found = pyrust_bt.round_trips_from_trades(trades)
    assert [(f.entry_idx, f.exit_idx, f.side, f.size, f.pnl) for f in found] == [
        (0, 3, "LONG", 2.0, 4.0),
        (1, 3, "LONG", 1.0, 1.0),
        (3, 4, "SHORT", 1.0, 3.0),
        (2, 5, "SHORT", 1.0, 1.0),
    ]
    assert found[2].return_ratio == pytest.approx(12 / 9 - 1)
    assert (found[0].exit_datetime, found[0].holding_bars) == ("day 3", 3)


def test_pyrust_bt_report_of_known_closes() -> None:
    sides = [("BUY", 10, 2), ("SELL", 12, 1), ("SELL", 7, 1)]
    trades = [{"side": side, "price": price, "size": size} for side, price, size in sides]
    trips = pyrust_bt.round_trips_from_trades(trades)
    curve = rows_of(CLOSES)
    falls = pyrust_bt.compute_drawdown_segments(curve)
    found = pyrust_bt.generate_analysis_report(curve, trades, trips, falls)
    assert found["performance"] == pyrust_bt.compute_performance_metrics(curve)
    assert found["trades"] == {
        "total_round_trips": 2,
        "profitable_trades": 1,
        "losing_trades": 1,
        "win_rate": 0.5,
        "avg_win": 2.0,
        "avg_loss": -3.0,
        "profit_factor": pytest.approx(2 / 3),
        "avg_holding_period": 1.5,
    }
    assert found["drawdowns"] == {
        "max_drawdown": pytest.approx(3010 / 102_010),
        "avg_drawdown": pytest.approx((3010 / 102_010 + 500 / 101_000) / 2),
        "max_dd_duration": 2,
        "avg_dd_duration": 2.0,
        "total_dd_periods": 2,
    }
    assert found["summary"] == {"start_value": 1e5, "end_value": 1.04e5, "total_bars": 8}


# ---- AKQuant ---------------------------------------------------------------------------------------

AK_TRADES = akquant.Trades(PNL, PNL / 1000, np.arange(1, 11))


def test_akquant_metrics_of_known_closes() -> None:
    times = np.arange(8) * 86_400
    found = akquant.metrics(times, CLOSES, AK_TRADES, time_unit="s", initial_cash=100_000)
    assert list(found) == akquant.NAMES
    annual = 1.04 ** (365 / 7) - 1
    volatility = statistics.stdev(STEPS) * math.sqrt(252)
    short = math.sqrt(sum(min(step, 0) ** 2 for step in STEPS) / 7 * 252)
    line = statistics.linear_regression(range(8), CLOSES)
    left = sum((y - line.intercept - line.slope * x) ** 2 for x, y in enumerate(CLOSES))
    expected = {
        "total_return_pct": 4,
        "annualized_return": annual,
        "volatility": volatility,
        "sharpe_ratio": annual / volatility,
        "sortino_ratio": annual / short,
        "calmar_ratio": annual / (3010 / 102_010),
        "max_drawdown": 3010,
        "max_drawdown_pct": 301_000 / 102_010,
        "ulcer_index": 0.01369576773116273,
        "upi": annual / 0.01369576773116273,
        "equity_r2": statistics.correlation(range(8), CLOSES) ** 2,
        "std_error": math.sqrt(left / 6),
        "var_95": min(STEPS),
        "cvar_95": min(STEPS),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_akquant_metrics_of_known_trades() -> None:
    found = akquant.metrics(
        np.array([0]), [1.0], AK_TRADES, time_unit="s", initial_cash=1.0, total_commission=3
    )
    expected = {
        "trade_count": 10,
        "total_pnl": 150,
        "total_profit": 435,
        "total_loss": -285,
        "total_commission": 3,
        "win_rate": 50,
        "loss_rate": 50,
        "winning_trades": 5,
        "losing_trades": 5,
        "avg_pnl": 15,
        "avg_return_pct": 1.5,
        "avg_trade_bars": 5.5,
        "avg_profit": 87,
        "avg_loss": -57,
        "avg_losing_trade_bars": (2 + 4 + 5 + 7 + 10) / 5,
        "largest_win": 200,
        "largest_win_bars": 6,
        "largest_loss": -150,
        "largest_loss_pct": -15,
        "max_wins": 2,
        "max_losses": 2,
        "profit_factor": 435 / 285,
        "sqn": math.sqrt(10) * 15 / statistics.pstdev(PNL),
        "kelly_criterion": 0.5 - 0.5 / (87 / 57),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_akquant_without_trades_and_with_wins_alone() -> None:
    none = akquant.Trades(PNL[:0], PNL[:0], np.zeros(0, np.int64))
    found = akquant.metrics(np.array([0]), [1.0], none, time_unit="s", initial_cash=1.0)
    assert not any(found[name] for name in ("win_rate", "sqn", "largest_win", "profit_factor"))
    wins = akquant.Trades(PNL[:1], PNL[:1], np.array([1]))
    found = akquant.metrics(np.array([0]), [1.0], wins, time_unit="s", initial_cash=1.0)
    assert (found["profit_factor"], found["kelly_criterion"]) == (math.inf, 0)


# ---- ag-kernel -------------------------------------------------------------------------------------


def test_agkernel_metrics_of_known_closes() -> None:
    trades = [{"pnl": float(pnl)} for pnl in PNL]
    assert agkernel.calculate_metrics(rows_of(CLOSES), trades) == {
        "total_return": 0.04,
        "max_drawdown": -0.0295,
        "sharpe_ratio": 5.02,
        "win_rate": 0.5,
        "total_trades": 10,
        "avg_trade": 0.00015,
        "profit_factor": 1.53,
    }


def test_agkernel_takes_snapshots_of_an_engine() -> None:
    found = agkernel.calculate_metrics([ts.Engine().get_snapshot()], [{"pnl": 1.0}])
    assert (found["total_return"], found["profit_factor"]) == (0.0, 999.99)
    assert agkernel.calculate_metrics([])["sharpe_ratio"] == 0.0


def test_curves_without_their_times_are_refused() -> None:
    with pytest.raises(ts.DataError, match="0 times for 1 points of equity"):
        akquant.metrics(np.arange(0), [1.0], AK_TRADES, time_unit="s", initial_cash=1.0)
    none = np.arange(0)
    empty = backtesting_py.Trades(none, none, PNL[:0], PNL[:0])
    with pytest.raises(ts.DataError, match="there are 0 times for 1 bars"):
        backtesting_py.statistics(np.zeros(0, "datetime64[D]"), [1.0], [1.0], empty)
