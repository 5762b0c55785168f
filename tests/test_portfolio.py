"""Portfolios: when weights are asked for, what is traded, and what each part earned."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.portfolio import brinson

DAY = 86_400_000
PLAIN: dict[str, Any] = {"spread_bps": 0, "maker_fee": 0, "taker_fee": 0}


def days(closes: list[int], *, start: str = "2024-01-01", symbol: str | None = None) -> ts.Bars:
    """Daily bars that open at the close before, with room in their volume."""
    close = np.array(closes)
    open_ = np.r_[close[:1], close[:-1]]
    time = int(np.datetime64(start, "ms").astype(np.int64)) + np.arange(len(close)) * DAY
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    volume = np.full(len(close), 10**6)
    return ts.Bars(
        time, open_, high, low, close, volume, tick_size=1, lot=1, interval="1d", symbol=symbol
    )


def steady(count: int = 70, **labels: Any) -> ts.Bars:
    return days([100] * count, **labels)


class Asked(ts.Portfolio):
    """Writes down when it is asked."""

    def weights(self, bars: dict[str, ts.Bar]) -> Any:
        self.days = [*getattr(self, "days", []), day_of(next(iter(bars.values())).start)]
        return {"A": 0.5}


def day_of(time: int) -> str:
    return str(np.datetime64(time, "ms").astype("datetime64[D]"))


@pytest.mark.parametrize(
    ("period", "asked"),
    [
        ("week", ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22", "2024-01-29"]),
        ("month", ["2024-01-01", "2024-02-01", "2024-03-01"]),
        ("quarter", ["2024-01-01"]),
        ("year", ["2024-01-01"]),
    ],
)
def test_weights_are_asked_for_at_the_first_bar_of_a_period(period: str, asked: list[str]) -> None:
    strategy = Asked(period=period)
    ts.backtest(strategy, {"A": steady()})
    assert strategy.days[: len(asked)] == asked
    assert period in ("week", "month") or strategy.days == asked


def test_weights_of_every_bar_and_day() -> None:
    every, daily = Asked(period=None), Asked(period="day")
    ts.backtest(every, {"A": steady(10)})
    ts.backtest(daily, {"A": steady(10)})
    assert len(every.days) == len(daily.days) == 10


def test_the_last_bar_of_a_period_is_known_from_a_calendar() -> None:
    strategy = Asked(when="last", calendar=ts.calendar("US"))
    # Daily bars of a session, from 14:30 UTC on.
    bars = steady(60)
    kept = [row for row, time in enumerate(bars.time) if is_trading_day(int(time))]
    columns: dict[str, Any] = {name: column[kept] for name, column in bars.columns.items()}
    columns["time"] = columns["time"] + 14 * 3_600_000 + 30 * 60_000
    session = ts.Bars(**columns, tick_size=1, lot=1, interval="7h", symbol="A")
    ts.backtest(strategy, {"A": session})
    assert strategy.days == ["2024-01-31", "2024-02-29"]


def is_trading_day(time: int) -> bool:
    return ts.calendar("US").is_open(time + 15 * 3_600_000)


def test_none_is_asked_again() -> None:
    class Waits(Asked):
        def weights(self, bars: dict[str, ts.Bar]) -> Any:
            held = super().weights(bars)
            return held if len(self.days) > 3 else None

    strategy = Waits()
    result = ts.backtest(strategy, {"A": steady(40)}, **PLAIN)
    assert strategy.days == ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-02-01"]
    assert result.fills["qty"].to_list() == [500.0]


def test_equal_parts_are_kept_equal() -> None:
    data = {"A": days([100] * 31 + [200] * 9), "B": days([100] * 40)}
    result = ts.backtest(ts.Portfolio, data, cash=10_000, **PLAIN)
    fills = result.fills.select("symbol", "side", "qty", "price").rows()
    assert fills == [
        ("A", "BUY", 50.0, 100.0),
        ("B", "BUY", 50.0, 100.0),
        ("A", "SELL", 13.0, 200.0),
        ("B", "BUY", 25.0, 100.0),
    ]


def test_a_part_stays_cash() -> None:
    result = ts.backtest(ts.Portfolio(reserve="0.1"), {"A": steady(5)}, cash=10_000, **PLAIN)
    assert result.fills["qty"].to_list() == [90.0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"period": "monht"}, "there is no period 'monht'\nhint: did you mean 'month'"),
        ({"when": "middle"}, "when is 'middle'"),
        ({"when": "last"}, "known from a calendar alone"),
        ({"perod": "day"}, "has no parameter 'perod'\nhint: did you mean 'period'"),
    ],
)
def test_mistakes_are_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ts.ConfigError, match=message):
        ts.Portfolio(**parameters)


# --- Holdings. ------------------------------------------------------------------------------------

HOLDINGS = """date,asset,weight
2024/1/3,A,0.4
2024/1/3,B,0.6

2024-01-05,B,100%
"""


def held(tmp_path: Path, text: str = HOLDINGS) -> ts.Holdings:
    file = tmp_path / "holdings.csv"
    file.write_text(text, encoding="utf-8")
    return ts.read_holdings(file)


def test_weights_of_a_date_trade_after_it(tmp_path: Path) -> None:
    holdings = held(tmp_path)
    assert holdings.dates == (date(2024, 1, 3), date(2024, 1, 5))
    assert holdings.weights == ({"A": 0.4, "B": 0.6}, {"B": 1.0})
    data = {"A": steady(7), "B": steady(7)}
    result = ts.backtest(ts.HoldWeights(holdings), data, cash=1000, **PLAIN)
    fills = [
        (str(row[0])[:10], *row[1:])
        for row in result.fills.select("time", "symbol", "side", "qty").rows()
    ]
    assert fills == [
        ("2024-01-04", "A", "BUY", 4.0),
        ("2024-01-04", "B", "BUY", 6.0),
        ("2024-01-06", "A", "SELL", 4.0),
        ("2024-01-06", "B", "BUY", 4.0),
    ]


def test_dates_of_a_market_are_its_trading_days(tmp_path: Path) -> None:
    """A day in Shanghai ends at 16:00 UTC, and its bar with it."""
    bars = days([100] * 5, start="2024-01-01T16:00")
    holdings = held(tmp_path, "date,asset,weight\n20240103,A,1\n")
    strategy = ts.HoldWeights(holdings, calendar=ts.calendar("SSE"))
    result = ts.backtest(strategy, {"A": bars}, cash=1000, **PLAIN)
    assert [str(time) for time in result.fills["time"]] == ["2024-01-03 16:00:00"]


def test_holdings_of_what_there_is_no_data_of(tmp_path: Path) -> None:
    with pytest.raises(ts.StrategyError, match="the holdings name 'B', which there are no data of"):
        ts.backtest(ts.HoldWeights(held(tmp_path)), {"A": steady(5)})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'date': its header is empty"),
        ("date,asset\n", "has no column 'weight': its header is date,asset"),
        ("date,asset,weight\n", "there are no holdings"),
        ("date,asset,weight\n2024-13-01,A,1\n", "line 2: month must be in 1..12"),
        ("date,asset,weight\nsoon,A,1\n", "line 2: 'soon' is not a date"),
        ("date,asset,weight\n20240101,A,much\n", "line 2: could not convert string to float"),
        ("date,asset,weight\n20240101,A\n", "line 2 has 2 cells, the header has 3"),
        ("date,asset,weight\n20240101,A,nan\n", "A has the weight nan"),
        ("date,asset,weight\n20240101,A,1\n2024/1/1,A,2\n", "A has two weights on 2024-01-01"),
    ],
)
def test_bad_holdings_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ts.DataError, match=message):
        held(tmp_path, text)


# --- What each part earned. -----------------------------------------------------------------------


def test_attribution_adds_up_exactly() -> None:
    rng = np.random.default_rng(3)
    data = {
        name: days(list(100 + rng.integers(-2, 3, 200).cumsum() % 50)) for name in ("A", "B", "C")
    }
    result = ts.backtest(ts.Portfolio(period="week"), data, cash=10_000)
    parts = result.attribution()
    assert parts["symbol"].to_list() == sorted(
        data, key=lambda name: -parts.filter(parts["symbol"] == name)["pnl"][0]
    )
    assert parts["pnl_units"].sum() == result.account.earned_units
    assert parts["contribution"].sum() == pytest.approx(
        result.account.earned_units / result.scales.cash_units
    )
    groups = result.attribution({"A": "one", "B": "one"})
    assert sorted(groups["group"]) == ["C", "one"]
    assert groups["pnl_units"].sum() == result.account.earned_units
    named = dict(zip(parts["symbol"], parts["pnl_units"], strict=True))
    grouped = dict(zip(groups["group"], groups["pnl_units"], strict=True))
    assert grouped == {"one": named["A"] + named["B"], "C": named["C"]}


@pytest.mark.parametrize("method", ["fachler", "hood_beebower"])
def test_effects_explain_the_difference(method: Any) -> None:
    rng = np.random.default_rng(5)
    ours, theirs = (each / each.sum() for each in rng.random((2, 8)))
    earned, could = rng.normal(size=(2, 8)) / 10
    effects = brinson(ours, earned, theirs, could, method=method)
    assert effects.total == pytest.approx((ours * earned).sum() - (theirs * could).sum(), abs=1e-15)
    assert effects.selection == pytest.approx(theirs * (earned - could))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0.5, 0.5], [0.1], [0.5, 0.5], [0.1, 0.1]), "differ"),
        (([0.5, 0.4], [0.1, 0], [0.5, 0.5], [0.1, 0.1]), "weights add up to 0.9"),
        (([0.5, 0.5], [0.1, np.nan], [0.5, 0.5], [0.1, 0.1]), "not finite"),
    ],
)
def test_effects_of_bad_columns(columns: Any, message: str) -> None:
    with pytest.raises(ts.DataError, match=message):
        brinson(*columns)
