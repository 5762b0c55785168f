"""The account of a run against the kernel that ran it: equity after every row, and what explains it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tickstep as ts
from tickstep.account import Account
from tickstep.barticks import BarTicks
from tickstep.explained import explained_parts, explained_table
from tickstep.metricnames import METRIC_NAMES
from tickstep.metrics import exposure_time
from tickstep.result import TABLES
from tickstep.sampling import Periods, Sampling

COSTS: dict[str, Any] = {"tick_size": 1, "lot": 1, "taker_fee": "0.01", "maker_fee": "-0.003"}
INSTRUMENTS = (
    ts.Instrument("spot", **COSTS),
    ts.Instrument("future", multiplier=5, settle="mark", **COSTS),
    ts.Instrument("hedge", multiplier=2, settle="mark", position="hedge", **COSTS),
)
CONFIG = ts.EngineConfig(
    initial_cash=100_000, money_unit=1, spread_bps=20, instruments=INSTRUMENTS, time_unit="s"
)
POSTINGS = ("DEPOSIT", "WITHDRAWAL", "FUNDING", "DIVIDEND", "SETTLE", "ROLL")


class Step(NamedTuple):
    """A row of one instrument, and a command before it."""

    wait: int
    instrument: int
    price: int
    command: str
    qty: int


class Run(NamedTuple):
    """What the kernel said after each row, everything done before the next."""

    account: Account
    times: list[int]
    equity: list[int]
    start: int


step = st.builds(
    Step,
    st.integers(1, 40_000),
    st.integers(0, 2),
    st.integers(60, 140),
    st.sampled_from(("BUY", "SELL", "LIMIT", "", *POSTINGS)),
    st.integers(1, 9),
)


def command(engine: ts.Engine, each: Step, rows: Sequence[int]) -> None:
    symbol = engine.symbols[each.instrument]
    if each.command in ("BUY", "SELL", "LIMIT"):
        side = "SELL" if each.command == "SELL" else "BUY"
        kind = "LIMIT" if each.command == "LIMIT" else "MARKET"
        offset = "NONE" if symbol != "hedge" else ("CLOSE" if each.qty % 3 == 0 else "OPEN")
        price = each.price - 3 if kind == "LIMIT" else None
        engine.place_order(
            ts.Order(kind, side, each.qty, price=price, symbol=symbol, offset=offset)
        )
    elif each.command == "SETTLE":
        engine.settle(each.price + 1, symbol=symbol)
    elif each.command == "ROLL":
        if all(rows):
            engine.day_roll()
    elif each.command:
        amount = -each.qty if each.command == "WITHDRAWAL" else each.qty * 7
        engine.ledger_post(each.command, amount, symbol=symbol)


def run_of(steps: Sequence[Step], config: ts.EngineConfig = CONFIG) -> Run:
    engine = ts.Engine(config)
    columns: list[list[tuple[int, int]]] = [[] for _ in config.symbols]
    time, times, equity = 1_000, [], []
    for each in steps:
        command(engine, each, [len(column) for column in columns])
        equity.append(engine.get_snapshot(config.symbols[0]).equity_units)
        time += each.wait
        engine.step_batch([time], [each.price], [1], [0], symbol=config.symbols[each.instrument])
        columns[each.instrument].append((time, each.price))
        times.append(time)
    start, *after = [*equity, engine.get_snapshot(config.symbols[0]).equity_units]
    data = {
        symbol: ts.Ticks.from_arrays(
            [each[0] for each in column], [each[1] for each in column], [1] * len(column),
            [0] * len(column), tick_size=1, lot=1, time_unit="s", symbol=symbol,
        )
        for symbol, column in zip(config.symbols, columns, strict=True)
    }  # fmt: skip
    return Run(Account(config, data, engine.events), times, after, start)


def curve_of(account: Account, rows_max: int) -> dict[int, int]:
    """Equity at each time: the last of several points."""
    found: dict[int, int] = {}
    for times, equity in account.path.pieces(rows_max):
        found |= dict(zip(times.tolist(), equity.tolist(), strict=True))
    return found


# --- Equity. --------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.lists(step, min_size=1, max_size=40), st.sampled_from((1, 7, 1 << 16)))
def test_equity_after_every_row_is_the_kernels(steps: list[Step], rows_max: int) -> None:
    run = run_of(steps)
    found = curve_of(run.account, rows_max)
    assert [found[time] for time in run.times] == run.equity
    assert run.account.final_units == run.equity[-1]


@settings(max_examples=100, deadline=None)
@given(st.lists(step, min_size=1, max_size=40))
def test_equity_of_one_instrument_is_the_kernels(steps: list[Step]) -> None:
    config = ts.EngineConfig(
        initial_cash=100_000, money_unit=1, instruments=INSTRUMENTS[1:2], time_unit="s"
    )
    run = run_of([each._replace(instrument=0) for each in steps], config)
    rows = np.arange(-1, len(steps))
    assert run.account.path.after(rows).tolist() == [run.start, *run.equity]


@settings(max_examples=100, deadline=None)
@given(st.lists(step, min_size=1, max_size=40), st.sampled_from(("1m", "1h", "1d")))
def test_samples_are_those_of_the_rows(steps: list[Step], interval: str) -> None:
    run = run_of(steps)
    sampling, equity = run.account.sampled(interval)
    last = np.searchsorted(run.times, sampling.times, side="left")
    assert equity.tolist() == [[run.start, *run.equity][row] for row in last]
    account = run.account
    cash, gross = account.path.cash_at(sampling.times), account.path.gross_at(sampling.times)
    assert np.all(np.abs(equity - cash) <= gross)


def test_samples_are_the_same_whether_rows_or_samples_are_few() -> None:
    steps = [
        Step(60, row % 3, 90 + row % 17, ("BUY", "SELL")[row % 2], 1 + row % 4)
        for row in range(300)
    ]
    account = run_of(steps).account
    few, many = account.grid("1h").times, account.grid("1s").times
    assert len(few) < 100 < 10_000 < len(many)
    at = dict(zip(many.tolist(), account.path.at(many).tolist(), strict=True))
    assert account.path.at(few)[1:-1].tolist() == [at[time] for time in few[1:-1].tolist()]


def test_an_account_of_bars() -> None:
    bars = ts.Bars.from_arrays(
        [0, 60], ["10", "11"], ["15", "12"], ["9", "8"], ["11", "10"], [5, 5],
        interval="1m", tick_size=1, lot=1, time_unit="s",
    )  # fmt: skip
    rows = BarTicks(bars)
    engine = ts.Engine(
        ts.EngineConfig(
            initial_cash=100,
            money_unit=1,
            tick_size=1,
            lot=1,
            time_unit="s",
            taker_fee=0,
            spread_bps=0,
        )
    )
    engine.bind({"ASSET": rows})
    engine.place_order(ts.Order("MARKET", "BUY", 2))
    engine.advance()
    account = Account(engine.config, {"ASSET": rows}, engine.events)
    assert [equity.tolist() for _, equity in account.path.pieces()] == [[100, 102, 102, 100]]
    told(account)
    assert account.excursions.adverse_units.tolist() == [2 * (8 - 10)]
    assert account.excursions.favorable_units.tolist() == [2 * (15 - 10)]


def test_data_of_other_symbols() -> None:
    ticks = ts.Ticks.from_arrays([1], [5], [1], [0], tick_size=1, lot=1)
    engine = ts.Engine()
    with pytest.raises(ts.ConfigError, match="data is of B, the engine has ASSET"):
        Account(engine.config, {"B": ticks}, engine.events)
    with pytest.raises(ts.DataError, match="no instrument has any rows"):
        Account(engine.config, {"ASSET": ticks[:0]}, engine.events)


# --- What explains it. ----------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.lists(step, min_size=1, max_size=40), st.sampled_from(("1m", "1h", "1d")))
def test_parts_add_up_to_the_change_of_equity(steps: list[Step], interval: str) -> None:
    run = run_of(steps)
    sampling, equity = run.account.sampled(interval)
    parts = explained_parts(run.account, sampling.times)
    change = sum((each.change for each in parts.values()), np.zeros(len(equity) - 1, object))
    assert change.tolist() == np.diff(equity).tolist()
    fees = sum(int(each.fees.sum()) for each in parts.values())
    assert fees == -int(run.account.fills["fee_units"].sum())
    frame = explained_table(run.account, interval, by_instrument=False)
    assert frame["change_units"].to_list() == np.diff(equity).tolist()
    own = explained_table(run.account, interval, by_instrument=True)
    assert own["change_units"].sum() == equity[-1] - equity[0]


# --- What was paid in is no profit. ---------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.lists(step, min_size=1, max_size=40))
def test_profit_is_what_was_not_paid_in(steps: list[Step]) -> None:
    account = run_of(steps).account
    paid = int(account.flows["realized_units"].sum())
    assert account.earned_units == account.final_units - 100_000 - paid


def test_returns_leave_out_what_was_paid_in() -> None:
    steps = [
        Step(86_400, 0, 100, "BUY", 9),
        Step(86_400, 0, 110, "DEPOSIT", 8),
        Step(86_400, 0, 121, "", 1),
    ]
    account = run_of(steps).account
    plain = run_of(
        [each._replace(command="" if row else "BUY") for row, each in enumerate(steps)]
    ).account
    periods = account.periods("1d")
    found, expected = account.returns_of(periods), plain.returns_of(periods)
    assert found is not None and expected is not None
    equity = plain.path.at(periods.times)
    assert found[0] == expected[0]
    assert found[1:] == pytest.approx(np.diff(equity)[1:] / (equity[1:-1] + 56), abs=1e-12)


def test_what_is_paid_in_before_the_first_row_is_there_from_the_start() -> None:
    config = ts.EngineConfig(initial_cash=100, money_unit=1, tick_size=1, lot=1, spread_bps=0)
    engine = ts.Engine(config)
    engine.ledger_post("DEPOSIT", 900)
    data = ts.Ticks.from_arrays([0, 90_000], [10, 11], [1] * 2, [0] * 2, tick_size=1, lot=1)
    engine.bind(data)
    engine.place_order(ts.Order("MARKET", "BUY", 10))
    engine.advance()
    account = Account(config, {"ASSET": data}, engine.events)
    equity = account.path.at(account.periods("1m").times)
    assert equity[0] == 1000
    found = account.returns_of(account.periods("1m"))
    assert found is not None
    assert found.tolist() == pytest.approx([equity[1] / 1000 - 1, equity[2] / equity[1] - 1])
    assert told(account).explain_pnl("1m")["paid_in"].sum() == 0


# --- Periods. -------------------------------------------------------------------------------------


def periods_of(days: Sequence[int]) -> Periods:
    times = np.array(days, dtype=np.int64) * 86_400 + 40_000
    ticks = ts.Ticks.from_arrays(
        times, [9] * len(days), [1] * len(days), [0] * len(days), tick_size=1, lot=1, time_unit="s"
    )
    return Periods.of(Sampling.of("1d", times, "s"), [ticks], "s")


def test_days_without_rows_are_no_periods() -> None:
    weekdays = [week * 7 + 4 + day for week in range(4) for day in range(5)]  # day 4 was a Monday
    found = periods_of(weekdays)
    assert found.total == 20
    assert found.per_year == pytest.approx(5 / 7 * 365.25)
    assert (found.starts // 86_400).tolist() == weekdays


def test_a_market_that_never_closes_has_all_days_of_the_year() -> None:
    assert periods_of(range(40)).per_year == pytest.approx(365.25)


# --- Whatever happened, it can be told. -----------------------------------------------------------


def told(account: Account) -> ts.Result:
    """Everything a result can say, said."""
    result = ts.Result(
        strategy="Script",
        parameters={},
        config=account.config,
        data=account.data,
        events=account.events,
        event_digest="0",
    )
    assert str(result)
    for name in (*TABLES, "yearly"):
        assert str(getattr(result, name))
    for name in METRIC_NAMES:
        result.metric(name)
    assert str(result.execution()) and len(result.execution().orders) + 1
    assert len(result.execution().fills) == len(result.fills)
    assert str(result.explain_pnl("1h", by_instrument=True))
    json.loads(result.to_json())
    curves = result.curves(7)
    assert np.all(curves.equity_low <= curves.equity_high)
    return result


@settings(max_examples=60, deadline=None)
@given(st.lists(step, min_size=1, max_size=40))
def test_any_run_can_be_told(steps: list[Step]) -> None:
    account = run_of(steps).account
    result = told(account)
    net = int(account.trips.net_units.sum()) + int(account.income["realized_units"].sum())
    assert net == account.earned_units
    assert result.fills["qty_lots"].sum() == sum(account.positions_at_end().values())


@settings(max_examples=30, deadline=None)
@given(st.lists(step, min_size=1, max_size=20), st.integers(1, 2**40))
def test_a_run_of_huge_numbers_can_be_told(steps: list[Step], scale: int) -> None:
    config = ts.EngineConfig(
        initial_cash=10**18, money_unit=1, instruments=INSTRUMENTS[:1], time_unit="s"
    )
    engine, rows, time = ts.Engine(config), [], 0
    for each in steps:
        if each.command in ("BUY", "SELL"):
            engine.place_order(ts.Order("MARKET", each.command, each.qty * 1000))
        time += each.wait
        try:
            engine.step_batch([time], [each.price * scale], [1], [0])
        except ts.MoneyOverflowError:
            break
        rows.append((time, each.price * scale))
    if rows:
        times, prices = zip(*rows, strict=True)
        data = ts.Ticks.from_arrays(
            times, prices, [1] * len(rows), [0] * len(rows), tick_size=1, lot=1, time_unit="s"
        )
        account = Account(config, {"spot": data}, engine.events)
        told(account)
        fills = [
            (-int(each["qty_lots"]) * int(each["price_ticks"]) - int(each["fee_units"]))
            for each in account.fills
        ]
        held = sum(int(each) for each in account.fills["qty_lots"])
        assert account.final_units == 10**18 + sum(fills) + held * prices[-1]


@settings(max_examples=100, deadline=None)
@given(st.lists(step, min_size=2, max_size=40))
def test_exposure_is_the_time_in_which_any_trip_is_on(steps: list[Step]) -> None:
    account = run_of(steps).account
    first, last = account.span.tolist()
    trips = account.trips
    ends = np.where(trips.is_open, last, trips.exit_time).tolist()
    covered, reached = 0, first
    for start, end in sorted(zip(trips.entry_time.tolist(), ends, strict=True)):
        covered += max(0, end - max(start, reached))
        reached = max(reached, end)
    times, held = account.held_time
    assert exposure_time(times, held, start=first, end=last) == covered / (last - first)


def test_prices_below_zero_have_no_return_of_holding() -> None:
    config = ts.EngineConfig(
        initial_cash=1000, money_unit=1, allow_negative_prices=True, tick_size=1, lot=1, time_unit="s",
        taker_fee=0, spread_bps=0,
    )  # fmt: skip
    engine = ts.Engine(config)
    data = ts.Ticks.from_arrays(
        [1, 2, 3], [-5, 3, -8], [1] * 3, [0] * 3, tick_size=1, lot=1, time_unit="s",
        allow_negative_prices=True,
    )  # fmt: skip
    engine.bind(data)
    engine.place_order(ts.Order("MARKET", "BUY", 10))
    engine.advance()
    result = told(Account(config, {"ASSET": data}, engine.events))
    assert result.stats["Buy & Hold Return [%]"] is None
    assert result.stats["P&L"] == -30.0
    assert result.trades["return"].to_list() == [None]


def test_an_account_that_lost_everything_has_no_ratios() -> None:
    steps = [Step(86_400, 1, 100 - 2 * day, "BUY" if day == 1 else "", 9_999) for day in range(45)]
    account = run_of(steps).account
    assert account.final_units < 0
    stats = told(account).stats
    assert stats["Sharpe Ratio"] is None and stats["CAGR [%]"] is None
    assert stats["Max. Drawdown [%]"] is not None
