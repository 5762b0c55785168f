"""Several strategies on one account: own orders and positions, one ledger."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import tickstep as ts
from tickstep.demo import sample
from tickstep.team import Team

PLAIN: dict[str, Any] = {"spread_bps": 0, "maker_fee": 0, "taker_fee": 0, "quantity": "full"}
MINUTE = 60_000


def walk(count: int, seed: int, symbol: str = "A") -> ts.Bars:
    rng = np.random.default_rng(seed)
    close = 1000 + rng.integers(-9, 10, count).cumsum()
    open_ = np.r_[1000, close[:-1]]
    high, low = np.maximum(open_, close) + 3, np.minimum(open_, close) - 3
    time, volume = np.arange(count) * MINUTE, np.full(count, 10**6)
    return ts.Bars(
        time, open_, high, low, close, volume, tick_size=1, lot=1, interval="1m", symbol=symbol
    )


class Cross(ts.Strategy):
    """Holds some while the short average is above the long one; writes down what it hears."""

    fast, slow, qty = 3, 9, 2

    def on_start(self) -> None:
        self.heard: list[Any] = []

    def on_bar(self, bar: ts.Bar) -> None:
        is_up = self.sma(self.fast, bar.symbol) > self.sma(self.slow, bar.symbol)
        self.target(bar.symbol, self.qty if is_up else 0)

    def on_fill(self, fill: ts.Fill) -> None:
        self.heard.append((fill.time, fill.symbol, fill.side, fill.qty, fill.position))


class Ladder(ts.Strategy):
    """Keeps a limit order on each side."""

    def on_start(self) -> None:
        self.heard: list[Any] = []
        self.updates: list[Any] = []
        self.at(MINUTE)

    def on_timer(self, time: int) -> None:
        self.place_both()

    def on_fill(self, fill: ts.Fill) -> None:
        self.heard.append((fill.time, fill.symbol, fill.side, fill.qty, fill.position))
        self.cancel_all()
        self.place_both()

    def on_order(self, update: ts.OrderUpdate) -> None:
        self.updates.append((update.order_id, update.kind))

    def place_both(self) -> None:
        price = self.last_price or 0
        self.buy(1, limit=price - 20)
        self.sell(1, limit=price + 20)


def test_each_acts_as_if_it_were_alone() -> None:
    data = walk(800, 1)
    alone: list[Any] = [Cross(), Cross(fast=5, qty=7), Ladder()]
    together: list[Any] = [Cross(), Cross(fast=5, qty=7), Ladder()]
    for each in alone:
        ts.backtest(each, data, alternatives=False, **PLAIN)
    result = ts.backtest(together, data, alternatives=False, **PLAIN)
    for one, other in zip(alone, together, strict=True):
        assert len(one.heard) > 10
        assert one.heard == other.heard
    assert result.strategy == "Cross 1 + Cross 2 + Ladder"
    assert result.parameters["Cross 2.fast"] == 5
    updates = {order_id for order_id, _ in together[2].updates}
    assert updates == set(result.owners["Ladder"]) & set(result.orders["order_id"].to_list())


def test_profits_of_the_strategies_add_up_exactly() -> None:
    data = {"A": walk(600, 3), "B": walk(600, 4, "B")}

    class Both(Cross):
        def on_bar(self, bar: ts.Bar) -> None:
            super().on_bar(bar)

    result = ts.backtest([Cross(), Both(slow=20)], data, cash=10_000)
    parts = result.by_strategy()
    assert set(parts["strategy"]) == {"Cross", "Both"}
    assert parts["pnl_units"].sum() == result.account.earned_units
    assert parts["fees"].sum() == pytest.approx(result.stats["Fees"])
    held = parts.group_by("symbol").agg(pl.col("position").sum())
    assert dict(held.rows()) == result.account.positions_at_end()


def test_each_hears_the_bars_it_asked_for() -> None:
    class Slow(ts.Strategy):
        interval = "5m"

        def on_start(self) -> None:
            self.told: list[Any] = []
            self.every(self.interval)

        def on_bar(self, bar: ts.Bar) -> None:
            self.told.append((bar.interval, bar.start))

    class Own(ts.Strategy):
        def on_start(self) -> None:
            self.told: list[Any] = []

        def on_bars(self, bars: dict[str, ts.Bar]) -> None:
            self.told += [(bar.interval, bar.start) for bar in bars.values()]

    team: list[Any] = [Slow(), Own(), Slow(), Slow(interval="10m")]
    ts.backtest(team, walk(20, 1))
    five = [("5m", 5 * MINUTE * place) for place in range(4)]
    assert team[0].told == team[2].told == five
    assert team[1].told == [("1m", MINUTE * place) for place in range(20)]
    assert team[3].told == [("10m", 0), ("10m", 10 * MINUTE)]
    over_ticks: list[Any] = [Slow(interval="1m"), Slow(interval="1m")]
    ts.backtest(over_ticks, sample(500))
    assert over_ticks[0].told == over_ticks[1].told != []


def test_alerts_sessions_ticks_and_brackets_have_their_owner() -> None:
    class Wakes(ts.Strategy):
        price = 100.02

        def on_start(self) -> None:
            self.told: list[Any] = []
            self.alert_price(self.price, "above")
            self.at("2024-01-01T00:05")
            self.sessions(ts.calendar("24/7"))
            self.bracket("BUY", 1, take_profit=101, stop_loss=99)

        def on_alert(self, alert: ts.Alert) -> None:
            self.told.append(("alert", alert.price))

        def on_timer(self, time: int) -> None:
            self.told.append(("time", self.position, len(self.open_orders)))

        def on_session(self, session: ts.SessionUpdate) -> None:
            self.told.append(("session", session.day, session.is_open))

    class Ticks(ts.Strategy):
        def on_start(self) -> None:
            self.ticks = 0

        def on_tick(self, tick: ts.Tick) -> None:
            self.ticks += 1

    data = sample(60_000)
    alone, higher = Wakes(), Wakes(price=100.1)
    for each in (alone, higher):
        ts.backtest(each, data, alternatives=False)
    team: list[Any] = [Wakes(), Ticks(), Wakes(price=100.1)]
    result = ts.backtest(team, data, alternatives=False)
    assert team[0].told == alone.told
    assert team[2].told == higher.told
    assert ("time", 1.0, 2) in alone.told
    assert {each[0] for each in alone.told} == {"alert", "time", "session"}
    assert team[1].ticks == len(data)
    assert result.by_strategy()["fills"].sum() == len(result.fills)


def test_a_method_set_on_a_member_itself_is_heard() -> None:
    """As it is where the member runs alone."""
    alone, member = ts.Strategy(), ts.Strategy()
    told: dict[str, list[int]] = {"alone": [], "member": []}
    alone.on_bar = lambda bar: told["alone"].append(bar.start)  # type: ignore[method-assign]
    member.on_bar = lambda bar: told["member"].append(bar.start)  # type: ignore[method-assign]
    ts.backtest(alone, walk(5, 1), alternatives=False)
    ts.backtest([member, ts.Strategy()], walk(5, 1), alternatives=False)
    assert told["alone"] == told["member"] == [MINUTE * place for place in range(5)]


def test_orders_of_others_are_not_ones_own() -> None:
    class Meddles(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            assert self.open_orders == []
            self.cancel_all()
            self.cancel(1)

    class Rests(ts.Strategy):
        def on_start(self) -> None:
            assert self.buy(1, limit=5) == 1

    with pytest.raises(ts.StrategyError, match="order 1 is another strategy's"):
        ts.backtest([Rests(), Meddles()], walk(5, 1))


def test_runs_of_teams_are_repeatable_and_have_alternatives() -> None:
    data = walk(400, 5)
    one, two = (ts.backtest([Cross(), Ladder()], data) for _ in range(2))
    assert one.digest == two.digest
    assert one.alternatives["touch"].event_digest == two.alternatives["touch"].event_digest
    assert one.digest != ts.backtest([Ladder(), Cross()], data).digest


def test_a_rebalance_in_a_cash_account_buys_when_its_sells_have_traded() -> None:
    class Turns(ts.Strategy):
        def on_start(self) -> None:
            self.days = 0

        def on_bars(self, bars: dict[str, ts.Bar]) -> None:
            self.days += 1
            if self.days == 1:
                self.rebalance({"A": 1.0})
            if self.days == 10:
                self.rebalance({"B": 1.0})

    data = {"A": walk(30, 1), "B": walk(30, 2, "B")}
    for strategy in (Turns(), [Turns()]):
        result = ts.backtest(
            strategy, data, cash=100_000, account="cash", allow_short=False, spread_bps="2"
        )
        assert result.stats["Refused"] == 0
        assert result.fills["symbol"].to_list() == ["A", "A", "B"]
        assert result.fills["side"].to_list() == ["BUY", "SELL", "BUY"]
        spent = float(result.fills["price"][2] * result.fills["qty"][2])
        assert 0.97 < spent / float(str(result.stats["Equity Final"])) < 1.01


@pytest.mark.parametrize(
    ("team", "message"),
    [
        ([], "there are no strategies"),
        ([5], "5 is not a Strategy"),
    ],
)
def test_teams_that_are_none(team: Any, message: str) -> None:
    with pytest.raises(ts.ConfigError, match=message):
        ts.backtest(team, walk(5, 1))


def test_members_run_once() -> None:
    member = Cross()
    with pytest.raises(ts.ConfigError, match="one strategy is there twice"):
        Team([member, member])
    with pytest.raises(ts.ConfigError, match="parameters are given beside several"):
        ts.backtest([Cross(), Cross()], walk(5, 1), parameters={"fast": 5})
    with pytest.raises(ts.ConfigError, match="Cross traded alone"):
        ts.backtest(Cross(), walk(50, 1)).by_strategy()
