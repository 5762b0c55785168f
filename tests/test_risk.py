"""Risk limits: each at its bound, one step below and above; losses on the very row they pass it."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.datasource import DataSource
from tickstep.guards import Guard, alert_prices
from tickstep.markets import TicksMarket
from tickstep.risk import utc_offset_seconds
from tickstep.runfile import recorded, verify
from tickstep.scales import Scales
from tickstep.session import Session
from tickstep.sources import StrategySource
from tickstep.watch import RiskWatch

# Fills at the price, at once and whole, for nothing.
PLAIN: dict[str, Any] = {
    "spread_bps": 0,
    "maker_fee": 0,
    "taker_fee": 0,
    "latency": 0,
    "fill": "touch",
    "quantity": "full",
    "alternatives": False,
}
DAY = 86_400_000


def ticks_of(
    prices: Sequence[int], *, symbol: str = "A", times: Sequence[int] | None = None
) -> ts.Ticks:
    """Ticks of size 1, one lot is one, a second apart."""
    count = len(prices)
    time = np.arange(1, count + 1) * 1000 if times is None else np.array(times)
    qty, side = np.full(count, 1000), np.zeros(count, np.uint8)
    return ts.Ticks(time, np.array(prices), qty, side, tick_size=1, lot=1, symbol=symbol)


def walk(
    count: int, seed: int, symbol: str = "A", *, spacing: int = 1000, start: int = 0, move: int = 4
) -> ts.Ticks:
    rng = np.random.default_rng(seed)
    prices = np.maximum(1000 + rng.integers(-move, move + 1, count).cumsum(), 50)
    return ticks_of(
        prices.tolist(), symbol=symbol, times=(start + np.arange(count) * spacing).tolist()
    )


class Script(ts.Strategy):
    """Does what it is given, each at its time, and writes down what it is told."""

    def __init__(self, *acts: tuple[int, Callable[[ts.Strategy], Any]]) -> None:
        super().__init__()
        self.acts = dict(acts)
        self.updates: list[tuple[int, str, str, str]] = []
        self.breaches: list[ts.Breach] = []
        self.woken: list[Any] = []

    def on_start(self) -> None:
        for time, act in self.acts.items():
            if time:
                self.at(time)
            else:
                act(self)

    def on_timer(self, time: int) -> None:
        self.woken.append(time)
        self.acts[time](self)

    def on_alert(self, alert: ts.Alert) -> None:
        self.woken.append(alert)

    def on_order(self, update: ts.OrderUpdate) -> None:
        if update.kind != "CANCELLED" or update.reason != "OCO_FILLED":
            self.updates.append((update.order_id, update.kind, update.reason, update.detail))

    def on_risk(self, breach: ts.Breach) -> None:
        self.breaches.append(breach)


def refusals(result: ts.Result) -> list[str]:
    return [each.text for each in result.risk_log if each.kind == "refused"]


def breaches(result: ts.Result) -> list[tuple[int, str]]:
    return [(each.time, each.limit) for each in result.risk_log if each.kind == "breach"]


def positions(result: ts.Result) -> list[int]:
    fills = result.events[result.events["kind"] == ts.EventKind.FILLED]
    return [int(each) for each in fills["position_after_lots"]]


def run_once(order: Callable[[ts.Strategy], Any], risk: ts.RiskManager, **more: Any) -> list[str]:
    """Hold 10, then act at a last price of 100; the texts of what was refused."""
    script = Script((0, lambda s: None), (2000, lambda s: s.buy(10)), (4000, order))
    result = ts.backtest(script, ticks_of([100] * 6), risk=risk, **PLAIN, **more)
    assert positions(result)[:1] == [10]
    told = [detail for _, kind, reason, detail in script.updates if kind == "REJECTED"]
    assert told == refusals(result)
    events = result.events
    rejected = events[events["kind"] == ts.EventKind.REJECTED]
    assert set(rejected["reason"].tolist()) <= {int(ts.Reason.RISK_LIMIT)}
    assert len(rejected) == len(told)
    return told


# --- Before the trade. ----------------------------------------------------------------------------

SELL_STOP = ts.Order("STOP", "SELL", 1, trigger=95)


@pytest.mark.parametrize(
    ("limits", "good", "bad", "words"),
    [
        pytest.param(
            {"max_order_qty": 12},
            [lambda s: s.buy(11), lambda s: s.buy(12), lambda s: s.sell(12)],
            [lambda s: s.buy(13), lambda s: s.sell(13)],
            "max_order_qty: 13, at most 12",
            id="quantity",
        ),
        pytest.param(
            {"max_order_value": 1200},
            [
                lambda s: s.buy(11),
                lambda s: s.buy(12),
                lambda s: s.buy(24, limit=50),
                lambda s: s.buy(6, limit=200),
            ],
            [lambda s: s.buy(13), lambda s: s.sell(13), lambda s: s.sell(13, limit=50)],
            "max_order_value: 1300, at most 1200",
            id="value",
        ),
        pytest.param(
            {"max_order_value": 1299},
            [lambda s: s.sell(11, stop=90), lambda s: s.sell(10, limit=129)],
            [lambda s: s.sell(10, limit=130), lambda s: s.buy(10, stop=130)],
            "max_order_value: 1300, at most 1299",
            id="value at its own price",
        ),
        pytest.param(
            {"max_position": 12},
            [
                lambda s: s.buy(1),
                lambda s: s.buy(2),
                lambda s: s.sell(22),
                lambda s: s.target(None, -12),
            ],
            [lambda s: s.buy(3), lambda s: s.target(None, 13)],
            "max_position: long 13, at most 12",
            id="position",
        ),
        pytest.param(
            {"max_position": 12},
            [lambda s: s.sell(22)],
            [lambda s: s.sell(23), lambda s: s.target(None, -13)],
            "max_position: short 13, at most 12",
            id="short position",
        ),
        pytest.param(
            {"max_leverage": "1.5"},
            [lambda s: s.buy(4), lambda s: s.buy(5), lambda s: s.sell(25)],
            [lambda s: s.buy(6), lambda s: s.sell(26)],
            "max_leverage: 1.6, at most 1.5",
            id="leverage",
        ),
        pytest.param(
            {"price_band": "5%"},
            [
                lambda s: s.buy(1, limit=96),
                lambda s: s.buy(1, limit=95),
                lambda s: s.buy(1, limit=105),
                lambda s: s.sell(1, stop=95),
                lambda s: s.buy(1, stop=105),
                lambda s: s.buy(1),
                lambda s: s.order(ts.Order("TRAILING_STOP", "SELL", 1, trail=5)),
                lambda s: s.order(ts.Order("MARKET_IF_TOUCHED", "BUY", 1, trigger=95)),
            ],
            [
                lambda s: s.buy(1, limit=94),
                lambda s: s.buy(1, limit=106),
                lambda s: s.sell(1, stop=94),
                lambda s: s.buy(1, stop=100, limit=106),
                lambda s: s.buy(1, stop=106, limit=105),
                lambda s: s.order(ts.Order("TRAILING_STOP", "SELL", 1, trail=6)),
                lambda s: s.order(ts.Order("MARKET_IF_TOUCHED", "BUY", 1, trigger=94)),
            ],
            "price_band: 6 % from the last price, at most 5 %",
            id="band",
        ),
    ],
)
def test_each_limit_at_its_bound(
    limits: dict[str, Any], good: list[Any], bad: list[Any], words: str
) -> None:
    risk = ts.RiskManager(**limits)
    for act in good:
        assert run_once(act, risk, cash=1000) == []
    for act in bad:
        assert run_once(act, risk, cash=1000) == [words]


def test_a_refused_order_is_an_event_and_the_next_goes_on() -> None:
    script = Script((2000, lambda s: [s.buy(6), s.buy(5), s.buy(5)]))
    result = ts.backtest(script, ticks_of([10] * 4), risk=ts.RiskManager(max_position=10), **PLAIN)
    # The id 1 is the time that the script asked for.
    assert [update[:3] for update in script.updates if update[1] != "ACCEPTED"] == [
        (3, "REJECTED", "RISK_LIMIT"),
        (4, "REJECTED", "RISK_LIMIT"),
    ]
    assert positions(result) == [6]
    row = result.risk.to_dicts()[0]
    del row["time"]
    assert row == {
        "kind": "refused",
        "symbol": "A",
        "order_id": 3,
        "limit": "max_position",
        "value": 11.0,
        "bound": 10.0,
        "text": "max_position: long 11, at most 10",
    }
    assert "risk: 2 orders or amendments refused: max_position 2" in result.warnings
    assert "risk limits: max_position=10" in result.assumptions
    assert result.orders["state"].to_list() == ["FILLED", "REJECTED", "REJECTED"]


def test_open_orders_count_as_filled() -> None:
    def cancel_all(s: ts.Strategy) -> None:
        s.buy(2, limit=90)
        s.cancel_all()
        s.buy(2)

    acts: list[tuple[Callable[[ts.Strategy], Any], list[str]]] = [
        (lambda s: [s.buy(1, limit=90), s.buy(1, limit=80), s.buy(1)], ["long 13"]),
        # Of both sides each by itself.
        (lambda s: [s.buy(2, limit=90), s.sell(22, limit=110)], []),
        (lambda s: [s.sell(22, limit=110), s.sell(1)], ["short 13"]),
        # Siblings once: a fill of one takes from the others.
        (lambda s: s.oco(*(ts.Order("LIMIT", "SELL", 22, price=p) for p in (110, 120))), []),
        (
            lambda s: [
                s.oco(*(ts.Order("LIMIT", "SELL", q, price=110) for q in (5, 22))),
                s.sell(1),
            ],
            ["short 13"],
        ),
        # What only reduces makes room for nothing, and takes it from what rests on its side.
        (lambda s: [s.sell(10, reduce_only=True), s.sell(12)], []),
        (lambda s: [s.sell(10, limit=110, reduce_only=True), s.sell(13)], ["short 13"]),
        (lambda s: [s.sell(22, limit=110), s.sell(10, reduce_only=True)], ["short 22"]),
        # A cancelled order counts no more.
        (lambda s: [s.cancel(s.buy(2, limit=90)), s.buy(2)], []),
        (cancel_all, []),
    ]
    for act, words in acts:
        told = run_once(act, ts.RiskManager(max_position=12))
        assert [each.split(":")[1].split(",")[0].strip() for each in told] == words


def test_what_only_reduces_a_short_counts_like_that_of_a_long() -> None:
    def later(s: ts.Strategy) -> None:
        assert s.position == -10
        s.buy(10, limit=90, reduce_only=True)
        s.buy(12, limit=90)
        s.buy(1, limit=90)

    script = Script((1000, lambda s: s.sell(10)), (3000, later))
    result = ts.backtest(script, ticks_of([100] * 5), risk=ts.RiskManager(max_position=12), **PLAIN)
    assert refusals(result) == ["max_position: long 13, at most 12"]


def test_leverage_counts_open_orders_of_all_instruments() -> None:
    data = [ticks_of([100] * 6), ticks_of([50] * 6, symbol="B")]
    acts: list[tuple[Callable[[ts.Strategy], Any], list[int]]] = [
        (lambda s: [s.buy(10, symbol="A"), s.buy(20, symbol="B")], []),
        (lambda s: [s.buy(10, symbol="A"), s.buy(21, symbol="B")], [1]),
        (lambda s: [s.buy(10, symbol="A", limit=90), s.sell(21, symbol="B", limit=60)], [1]),
        (lambda s: [s.buy(21, symbol="A"), s.buy(20, symbol="A"), s.sell(20, symbol="A")], [0]),
        (lambda s: [s.cancel(s.buy(20, symbol="A")), s.sell(40, symbol="B")], []),
    ]
    for act, bad in acts:
        placed: list[Any] = []

        def place(
            s: ts.Strategy, act: Callable[[ts.Strategy], Any] = act, placed: list[Any] = placed
        ) -> None:
            placed.extend(act(s))

        script = Script((3000, place))
        risk = ts.RiskManager(max_leverage=2)
        result = ts.backtest(script, data, risk=risk, cash=1000, **PLAIN)
        refused = [each.order_id for each in result.risk_log]
        assert refused == [placed[index] for index in bad]


def test_rate_at_the_edges_of_its_window() -> None:
    def buy(s: ts.Strategy) -> int:
        return s.buy(1)

    times = [1000, 3000, 10_999, 11_000, 12_999, 13_000]
    data = ticks_of([100] * 7, times=[*times, 20_000])
    script = Script(*((time, buy) for time in times))
    risk = ts.RiskManager(max_orders=(2, "10s"))
    result = ts.backtest(script, data, risk=risk, **PLAIN)
    # The order of 1.000 s leaves at 11.000 s, that of 3.000 s at 13.000 s; refused ones never count.
    assert [each.time for each in result.risk_log] == [10_999, 12_999]
    assert refusals(result)[0] == "max_orders: 3 in 10s, at most 2"


def test_amendments_count_and_are_held_against_the_limits() -> None:
    def amend(**changes: Any) -> Callable[[ts.Strategy], Any]:
        return lambda s: s.amend(s.buy(2, limit=95), **changes)

    cases: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
        ({"max_order_qty": 10}, {"qty": 10}, None),
        ({"max_order_qty": 10}, {"qty": 11}, "max_order_qty: 11, at most 10"),
        ({"max_order_value": 1000}, {"price": 501}, "max_order_value: 1002, at most 1000"),
        ({"max_order_value": 1000}, {"price": 500}, None),
        ({"max_position": 15}, {"qty": 5}, None),
        ({"max_position": 15}, {"qty": 6}, "max_position: long 16, at most 15"),
        ({"price_band": "0.05"}, {"price": 105}, None),
        ({"price_band": "0.05"}, {"price": 106}, "price_band: 6 %"),
        ({"max_leverage": 2}, {"qty": 10}, None),
        ({"max_leverage": 2}, {"qty": 11}, "max_leverage: 2.1, at most 2"),
        ({"max_orders": (2, "1s")}, {"qty": 3}, None),
        ({"max_orders": (1, "1s")}, {"qty": 3}, "max_orders: 2 in 1s, at most 1"),
        # Less is never refused.
        ({"max_orders": (1, "1s")}, {"qty": 1}, None),
    ]
    for limits, changes, words in cases:
        told = run_once(amend(**changes), ts.RiskManager(**limits), cash=1000)
        assert len(told) == (words is not None), (limits, changes)
        assert words is None or told[0].startswith(words)


def test_a_refused_amendment_leaves_the_order_as_it_was() -> None:
    def act(s: ts.Strategy) -> None:
        order_id = s.buy(2, limit=95)
        assert s.amend(order_id, qty=50)
        assert s.amend(order_id, qty=60, price=94)
        (order,) = s.open_orders
        assert (order.qty, order.price) == (2.0, 95.0)
        s.cancel(order_id)
        assert not s.amend(order_id, qty=50)

    told = run_once(act, ts.RiskManager(max_order_qty=10))
    assert told == [f"max_order_qty: {qty}, at most 10" for qty in (50, 60)]


def test_what_can_be_amended_is_the_venues_to_say() -> None:
    def act(s: ts.Strategy) -> None:
        with pytest.raises(ts.UnknownOrderError):
            s.amend(999, qty=1)
        with pytest.raises(ts.OrderError):
            s.amend(s.alert_price(5), qty=1)
        order_id = s.buy(2, limit=95)
        with pytest.raises(ts.OrderError, match="qty: 1.5"):
            s.amend(order_id, qty=1.5)
        with pytest.raises(ts.OrderError):
            s.amend(order_id)
        with pytest.raises(ts.OrderError, match="qty: 0.5"):
            s.buy(0.5)
        with pytest.raises(ts.OrderError, match="no instrument"):
            s.buy(1, symbol="B")

    assert run_once(act, ts.RiskManager(max_order_qty=10)) == []


def test_restricted_and_allowed() -> None:
    data = [ticks_of([100] * 6, symbol=symbol) for symbol in "AB"]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"restricted": ["A"]}, "restricted"),
        ({"allowed": ["B"]}, "allowed"),
    ]
    for limits, limit in cases:
        script = Script((2000, lambda s: [s.buy(1, symbol="A"), s.buy(1, symbol="B")]))
        result = ts.backtest(script, data, risk=ts.RiskManager(**limits), **PLAIN)
        assert [(each.symbol, each.limit) for each in result.risk_log] == [("A", limit)]
    nothing = ts.backtest(script_of_one(), data, risk=ts.RiskManager(allowed=()), **PLAIN)
    assert [each.limit for each in nothing.risk_log] == ["allowed"]
    longer = ts.backtest(
        script_of_one(), data, risk=ts.RiskManager(restricted=["ZZ"], allowed=["B", "C"]), **PLAIN
    )
    assert [each for each in longer.warnings if "not traded" in each] == [
        "risk: ZZ is limited, but not traded",
        "risk: C is limited, but not traded",
    ]


def script_of_one() -> Script:
    return Script((2000, lambda s: s.buy(1, symbol="A")))


def test_limits_of_single_instruments() -> None:
    risk = ts.RiskManager(
        max_order_qty=5, max_position=7, per_symbol={"B": ts.RiskLimits(max_order_qty=6)}
    )
    data = [ticks_of([100] * 6, symbol=symbol) for symbol in "AB"]
    orders = [("A", 5), ("A", 6), ("B", 6), ("B", 7), ("B", 2), ("A", 3)]
    script = Script((2000, lambda s: [s.buy(qty, symbol=symbol) for symbol, qty in orders]))
    result = ts.backtest(script, data, risk=risk, **PLAIN)
    assert [(each.symbol, each.limit, each.value) for each in result.risk_log] == [
        ("A", "max_order_qty", 6.0),
        ("B", "max_order_qty", 7.0),
        ("B", "max_position", 8.0),
        ("A", "max_position", 8.0),
    ]


def test_what_needs_a_price_is_refused_before_there_is_one() -> None:
    cases: list[tuple[dict[str, Any], Callable[[ts.Strategy], Any], bool]] = [
        ({"max_order_value": 10**9}, lambda s: s.buy(1), True),
        ({"max_order_value": 10**9}, lambda s: s.buy(1, limit=5), False),
        ({"price_band": 1}, lambda s: s.buy(1, limit=5), True),
        ({"price_band": 1}, lambda s: s.buy(1), False),
        ({"max_leverage": 9}, lambda s: s.buy(1), True),
    ]
    for limits, act, is_refused in cases:
        result = ts.backtest(
            Script((0, act)), ticks_of([5, 5]), risk=ts.RiskManager(**limits), **PLAIN
        )
        assert [each.endswith("there is no price yet") for each in refusals(result)] == [
            True
        ] * is_refused


def test_values_are_those_of_the_contract() -> None:
    def orders(s: ts.Strategy) -> None:
        s.buy("0.20")
        s.buy("0.21")

    ticks = ts.Ticks.from_arrays(
        [1000, 2000, 3000], ["40.05"] * 3, [9.0] * 3, [0] * 3, tick_size="0.05", lot="0.01"
    )
    # 40.05 * 0.20 * 10 = 80.10
    for most, count in (("80.10", 1), ("80.09", 2), ("84.105", 0)):
        risk = ts.RiskManager(max_order_value=most)
        result = ts.backtest(Script((2000, orders)), ticks, risk=risk, multiplier=10, **PLAIN)
        assert len(result.risk_log) == count


def test_hedged_positions_count_on_either_side() -> None:
    def orders(s: ts.Strategy) -> None:
        s.buy(6, offset="OPEN")
        s.sell(6, offset="OPEN")

    def more(s: ts.Strategy) -> None:
        s.buy(5, offset="OPEN")  # long 11
        s.buy(3, offset="CLOSE")
        s.sell(4, offset="OPEN")
        s.sell(1, offset="OPEN")  # short 11, what is being closed not counted

    for latency in (0, 1):
        script = Script((2000, orders), (5000, more))
        settings = PLAIN | {"position": "hedge", "latency": latency}
        result = ts.backtest(
            script, ticks_of([100] * 8), risk=ts.RiskManager(max_position=10), **settings
        )
        assert refusals(result) == [
            "max_position: long 11, at most 10",
            "max_position: short 11, at most 10",
        ]
    gross = ts.backtest(
        Script(
            (2000, orders), (5000, lambda s: [s.buy(3, offset="OPEN"), s.buy(2, offset="OPEN")])
        ),
        ticks_of([100] * 8),
        risk=ts.RiskManager(max_leverage="1.5"),
        cash=1000,
        **PLAIN | {"position": "hedge"},
    )
    assert refusals(gross) == ["max_leverage: 1.7, at most 1.5"]


# --- After the trade. -----------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["halt", "flatten"])
def test_a_daily_loss_at_its_bound_and_beyond(action: str) -> None:
    prices = [100, 100, 100, 95, 90, 89, 95, 95, 95]
    acts = [
        (2000, lambda s: [s.buy(10), s.buy(5, limit=50)]),
        (7000, lambda s: [s.buy(1), s.sell(4), s.sell(4, stop=80), s.sell(3, stop=80)]),
    ]
    told = {}
    for skip in (True, False):
        script = Script(*acts)
        risk = ts.RiskManager(max_daily_loss=100, on_breach=action)
        result = ts.backtest(
            script, ticks_of(prices), risk=risk, cash=1000, skip_scan=skip, **PLAIN
        )
        told[skip] = (result.digest, script.updates, script.breaches)
        # 10 lots from 100 to 90 lose 100, which is allowed; at 89 it is 110.
        assert script.breaches == [ts.Breach(6000, "max_daily_loss", 110.0, 100.0, action)]
        assert breaches(result) == [(6000, "max_daily_loss")]
        assert script.woken == [2000, 7000]
        cancelled = [update[0] for update in script.updates if update[1] == "CANCELLED"]
        assert len(cancelled) == 1
        if action == "flatten":
            assert positions(result) == [10, 0]
            assert (
                refusals(result) == ["max_daily_loss was broken: positions may only be reduced"] * 4
            )
        else:
            # To buy is refused, and to sell more than there is.
            assert positions(result) == [10, 6]
            assert len(refusals(result)) == 2
    assert told[True] == told[False]


@pytest.mark.parametrize("limit", ["max_daily_loss", "max_drawdown", "max_leverage"])
def test_a_limit_that_is_met_exactly_is_not_broken(limit: str) -> None:
    # 20 lots on 1000 at 100; at 90 a fill makes the watch look: 200 lost, 20 % below the highest, and
    # 1800 held of 800.
    bounds: dict[str, Any] = {"max_daily_loss": 200, "max_drawdown": "20%", "max_leverage": "2.25"}
    for prices, expected in (
        ([100, 100, 100, 90, 90], []),
        ([100, 100, 100, 90, 89], [(5000, limit)]),
    ):
        script = Script(
            (1000, lambda s: [s.buy(20), s.buy(1, limit=90, tag=5), s.sell(1, stop=90, tag=6)])
        )
        risk = ts.RiskManager(**{limit: bounds[limit]})
        result = ts.backtest(script, ticks_of(prices), risk=risk, cash=1000, **PLAIN)
        fills = result.events[result.events["kind"] == ts.EventKind.FILLED]
        assert fills["time"].tolist() == [2000, 4000, 4000]
        assert breaches(result) == expected


def test_a_halt_for_the_daily_loss_ends_with_the_day() -> None:
    times = [1000, 2000, 3000, DAY - 1, DAY, DAY + 1, DAY + 2, 3 * DAY, 3 * DAY + 1]
    prices = [100, 100, 80, 80, 81, 81, 60, 30, 29]
    script = Script(
        (1000, lambda s: s.buy(1)), (DAY - 1, lambda s: s.buy(1)), (DAY, lambda s: s.buy(1))
    )
    risk = ts.RiskManager(max_daily_loss="2%")
    result = ts.backtest(script, ticks_of(prices, times=times), risk=risk, cash=1000, **PLAIN)
    # 1000 - 20 is the bound of the first day. The second is counted from 980: 2 % are 19.60; from there
    # 2 lots go from 80 (1), 81 (1) to 60. The night to the fourth day belongs to the fourth.
    assert breaches(result) == [(DAY + 2, "max_daily_loss"), (3 * DAY, "max_daily_loss")]
    assert refusals(result) == []
    assert script.breaches[0].bound == pytest.approx(19.6)
    script = Script(
        (1000, lambda s: s.buy(1)), (DAY - 1, lambda s: s.buy(1)), (DAY, lambda s: s.buy(1))
    )
    risk = ts.RiskManager(max_daily_loss="1.99%")
    result = ts.backtest(script, ticks_of(prices, times=times), risk=risk, cash=1000, **PLAIN)
    assert breaches(result)[0] == (3000, "max_daily_loss")
    assert [each.time for each in result.risk_log if each.kind == "refused"] == [DAY - 1]
    assert positions(result) == [1, 2]


def test_the_day_begins_where_it_is_said_to() -> None:
    hour = 3_600_000
    times = [1000, 2000, 15 * hour, 16 * hour, 17 * hour]
    prices = [100, 100, 96, 95, 92]
    for offset, expected in (("+00:00", [17 * hour]), ("+08:00", []), ("-08:00", [17 * hour])):
        script = Script((1000, lambda s: s.buy(1)))
        risk = ts.RiskManager(max_daily_loss=7, utc_offset=offset)
        result = ts.backtest(script, ticks_of(prices, times=times), risk=risk, cash=1000, **PLAIN)
        # Midnight of +08:00 is 16:00 UTC: counted from 96, for 95 is the first price of the day.
        assert [time for time, _ in breaches(result)] == expected


def test_orders_that_fill_with_the_day_do_not_move_its_base() -> None:
    times = [1000, DAY - 10, DAY, DAY + 1000, DAY + 2000]
    prices = [100, 100, 90, 85, 84]
    script = Script((1000, lambda s: s.buy(2)), (DAY - 10, lambda s: s.sell(1)))
    risk = ts.RiskManager(max_daily_loss=25)
    settings = PLAIN | {"taker_fee": "0.01"}
    result = ts.backtest(script, ticks_of(prices, times=times), risk=risk, cash=1000, **settings)
    # 2 lots lose 10 each overnight, the sale costs 0.90; 1 lot then loses 5, which makes 25.90.
    assert breaches(result) == [(DAY + 1000, "max_daily_loss")]
    assert result.risk_log[0].value == pytest.approx(25.9)


def test_a_drawdown_is_from_the_highest_row() -> None:
    prices = [100, 100, 150, 200, 181, 180, 179, 300]
    script = Script((1000, lambda s: s.buy(5)))
    risk = ts.RiskManager(max_drawdown="20%")
    result = ts.backtest(script, ticks_of(prices), risk=risk, cash=500, **PLAIN)
    # 500 + 5 * 100 = 1000 at 200; 20 % less is 800, at 160: not reached.
    assert breaches(result) == []
    risk = ts.RiskManager(max_drawdown="10%")
    result = ts.backtest(
        Script((1000, lambda s: s.buy(5))), ticks_of(prices), risk=risk, cash=500, **PLAIN
    )
    assert breaches(result) == [(7000, "max_drawdown")]  # at 180 it is 10 % exactly
    assert result.risk_log[0].value == pytest.approx(105 / 1000)


def test_leverage_that_prices_drive_beyond_its_bound() -> None:
    prices = [100, 100, 95, 90, 89, 100, 100, 100, 100]
    script = Script(
        (1000, lambda s: s.buy(20)),
        (5000, lambda s: s.buy(1)),
        (6000, lambda s: s.sell(2)),
        (8000, lambda s: s.buy(1)),
    )
    # 20 lots on 1000: 2000/1000 at 100; 1800/800 = 2.25 at 90, 1780/780 = 2.282 at 89.
    risk = ts.RiskManager(max_leverage="2.25")
    result = ts.backtest(script, ticks_of(prices), risk=risk, cash=1000, **PLAIN)
    assert breaches(result) == [(5000, "max_leverage")]
    assert script.breaches[0].value == pytest.approx(1780 / 780)
    # At 100 it is within its bound again: more may be bought.
    assert [each.time for each in result.risk_log if each.kind == "refused"] == [5000]
    assert positions(result) == [20, 18, 19]


def test_leverage_that_is_within_its_bound_again_may_be_used_and_broken_again() -> None:
    risk = ts.RiskManager(max_leverage="2.25")
    # Nobody looks between the breach and the order that comes after the recovery.
    prices = [100, 100, 89, 89, 100, 100, 100]
    script = Script(
        (1000, lambda s: s.buy(20)), (3000, lambda s: s.buy(1)), (6000, lambda s: s.buy(1))
    )
    result = ts.backtest(script, ticks_of(prices), risk=risk, cash=1000, **PLAIN)
    assert [each.time for each in result.risk_log] == [3000, 3000]
    assert positions(result) == [20, 21]
    # A new high is looked at, and shows that it has recovered: the next fall breaks it anew.
    risk = ts.RiskManager(max_leverage="2.25", max_drawdown="99%")
    prices = [100, 100, 89, 101, 100, 88, 88]
    script = Script((1000, lambda s: s.buy(20)))
    result = ts.backtest(script, ticks_of(prices), risk=risk, cash=1000, **PLAIN)
    assert breaches(result) == [(3000, "max_leverage"), (6000, "max_leverage")]


def test_under_latency_what_was_on_its_way_is_closed_too() -> None:
    prices = [100, 100, 100, 80, 70, 70, 70, 70]
    script = Script((1000, lambda s: [s.buy(10), s.buy(5, limit=75)]))
    risk = ts.RiskManager(max_daily_loss=100, on_breach="flatten")
    settings = PLAIN | {"latency": 1500}
    result = ts.backtest(script, ticks_of(prices), risk=risk, cash=1000, **settings)
    assert breaches(result) == [(4000, "max_daily_loss")]
    # At 5.000 s the limit fills, for cancel and close act from 5.500 s on.
    assert positions(result) == [10, 15, 5, 0]


def test_the_kill_switch_refuses_everything() -> None:
    def kill(s: ts.Strategy) -> None:
        s.kill("enough")
        s.kill("again")
        s.sell(1, reduce_only=True)

    for action in ("halt", "flatten"):
        script = Script(
            (1000, lambda s: [s.buy(10), s.buy(5, limit=75)]),
            (3000, kill),
            (5000, lambda s: s.close()),
        )
        result = ts.backtest(
            script, ticks_of([100] * 8), risk=ts.RiskManager(on_breach=action), **PLAIN
        )
        assert script.breaches == [ts.Breach(3000, "kill_switch", None, None, action)]
        assert positions(result) == ([10, 0] if action == "flatten" else [10])
        expected = 1 if action == "flatten" else 2  # nothing is left to close
        assert refusals(result) == ["kill_switch: nothing is traded any more"] * expected
        assert "kill_switch: enough" in result.risk_log[0].text


def test_a_switch_that_is_thrown_before_the_start() -> None:
    script = Script((1000, lambda s: [s.buy(1), s.buy(1, limit=5)]))
    result = ts.backtest(script, ticks_of([9] * 3), risk=ts.RiskManager(kill_switch=True), **PLAIN)
    assert len(refusals(result)) == 2
    assert not positions(result)


def test_a_mistake_in_on_risk_is_named() -> None:
    class Mistaken(Script):
        def on_risk(self, breach: ts.Breach) -> None:
            raise ValueError("no")

    risk = ts.RiskManager(max_daily_loss=5)
    with pytest.raises(ts.StrategyError, match="ValueError in Mistaken.on_risk at") as caught:
        ts.backtest(
            Mistaken((1000, lambda s: s.buy(1))), ticks_of([9, 9, 2, 2]), risk=risk, **PLAIN
        )
    assert caught.value.result is not None
    assert breaches(caught.value.result) == [(3000, "max_daily_loss")]


def test_limits_do_not_look_ahead() -> None:
    risk = ts.RiskManager(**LIMITS, **LOSSES)
    found = ts.lookahead(Restless, MARKETS["together"], cash=9_000, risk=risk)
    assert found.is_clean
    assert max(found.events) > 100


def test_killing_needs_a_risk_manager() -> None:
    with pytest.raises(ts.StrategyError, match="no risk manager"):
        ts.backtest(Script((1000, lambda s: s.kill())), ticks_of([5, 5]), **PLAIN)


def test_legs_of_one_moment_are_counted_together() -> None:
    # Long 10 of A, short 10 of B: the legs move together, A's row first.
    prices = [100, 100, 100, 50, 150, 60, 61]
    script = Script((2000, lambda s: [s.buy(10, symbol="A"), s.sell(10, symbol="B")]))
    last = [*prices[:-1], 73]
    data = [ticks_of(prices), ticks_of(last, symbol="B")]
    told = set()
    for skip in (True, False):
        risk = ts.RiskManager(max_daily_loss=100, max_drawdown="15%", max_leverage=5)
        result = ts.backtest(script, data, risk=risk, cash=1000, skip_scan=skip, **PLAIN)
        assert breaches(result) == [(7000, "max_daily_loss")]
        told.add(result.digest)
        script = Script((2000, lambda s: [s.buy(10, symbol="A"), s.sell(10, symbol="B")]))
    assert len(told) == 1


def test_over_bars_equity_is_that_of_opens_and_closes() -> None:
    close = [100, 100, 95, 100, 88, 100]
    open_ = [100, 100, 100, 95, 100, 88]
    low = [1 + min(a, b) - 40 for a, b in zip(open_, close, strict=True)]
    data = {
        symbol: ts.Bars.from_arrays(
            (np.arange(6) * 60_000).tolist(), open_, [120] * 6, low, close, [900] * 6,
            interval="1m", tick_size=1, lot=1,
        )
        for symbol in "AB"
    }  # fmt: skip

    class Hold(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            if bar.start == 0:
                self.buy(5, symbol=bar.symbol)

    risk = ts.RiskManager(max_daily_loss=100, on_breach="flatten")
    result = ts.backtest(Hold, data, risk=risk, cash=10_000, **PLAIN)
    # 10 lots: 50 lost at the close of 95, 120 at that of 88; lows do not count.
    assert breaches(result) == [(5 * 60_000 - 1, "max_daily_loss")]
    assert positions(result) == [5, 5, 0, 0]


def test_nothing_of_the_watch_reaches_the_strategy() -> None:
    class Deaf(ts.Strategy):
        def on_start(self) -> None:
            self.every("10s")
            self.heard: list[Any] = []
            self.ended: list[bool] = []

        def on_bar(self, bar: ts.Bar) -> None:
            self.target(None, 5 if bar.close > bar.open else -5)
            self.heard += [each for each in self.open_orders if each.qty == 0]

        def on_timer(self, time: int) -> None:
            self.heard.append(time)

        def on_alert(self, alert: ts.Alert) -> None:
            self.heard.append(alert)

        def on_fill(self, fill: ts.Fill) -> None:
            self.ended.append(self.cancel(1))  # the day's

        def on_order(self, update: ts.OrderUpdate) -> None:
            assert update.qty > 0

    strategy = Deaf()
    risk = ts.RiskManager(max_daily_loss=10**6, max_drawdown="99%", max_leverage=50)
    result = ts.backtest(strategy, walk(2000, 1, spacing=400_000), risk=risk, **PLAIN)
    assert strategy.heard == []
    assert set(strategy.ended) == {False}
    alerts = result.events[result.events["kind"] == ts.EventKind.ALERT]
    own = [int(each) for each in alerts["order_id"] if each == 1]
    assert own == [1]
    assert len(alerts) > 2000


def test_what_is_closed_is_taken_off_the_strategies_that_hold_it() -> None:
    class Holds(ts.Strategy):
        qty = 10

        def on_start(self) -> None:
            self.told: list[tuple[str, float, float]] = []
            self.updates: list[str] = []
            self.broken: list[str] = []
            self.target(None, self.qty)

        def on_fill(self, fill: ts.Fill) -> None:
            self.told.append((fill.side, fill.qty, fill.position))

        def on_order(self, update: ts.OrderUpdate) -> None:
            self.updates.append(update.kind)

        def on_risk(self, breach: ts.Breach) -> None:
            self.broken.append(breach.limit)

    long, short, more = (Holds(qty=qty) for qty in (10, -4, 3))
    risk = ts.RiskManager(max_daily_loss=50, max_drawdown="90%", on_breach="flatten")
    result = ts.backtest(
        [long, short, more], ticks_of([100, 101, 99, 92, 92, 92]), risk=risk, **PLAIN
    )
    assert breaches(result) == [(4000, "max_daily_loss")]
    assert positions(result) == [10, 6, 9, 0]
    assert long.told == [("BUY", 10.0, 10.0), ("SELL", 9.0, 1.0)]
    assert short.told == [("SELL", 4.0, -4.0)]
    assert more.told == [("BUY", 3.0, 3.0)]
    assert [each.broken for each in (long, short, more)] == [["max_daily_loss"]] * 3
    assert [each.updates for each in (long, short, more)] == [["ACCEPTED"]] * 3
    parts = result.by_strategy()
    assert parts["position"].to_list() == [10.0, -4.0, 3.0, -9.0]
    assert parts["strategy"].to_list()[-1] == "(risk)"


# --- Random runs, held against a plain count. -----------------------------------------------------


class Restless(ts.Strategy):
    """Orders of every kind, amendments and cancels, without sense; keeps what it asked for."""

    seed = 0
    interval = "40s"

    def on_start(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.asked: dict[int, ts.Order] = {}
        self.every(self.interval)

    def on_bar(self, bar: ts.Bar) -> None:
        for _ in range(int(self.rng.integers(0, 4))):
            self.act(bar.symbol, int(self.price_of(bar.symbol) or 0))

    def act(self, symbol: str, last: int) -> None:
        choice = int(self.rng.integers(0, 12))
        waiting = [each for each in self.open_orders if each.symbol == symbol]
        if choice == 0 and waiting:
            self.cancel(waiting[int(self.rng.integers(len(waiting)))].order_id)
        elif choice == 1 and waiting:
            amended = waiting[int(self.rng.integers(len(waiting)))]
            self.amend(amended.order_id, qty=int(self.rng.integers(1, 13)))
        elif choice == 2:
            self.cancel_all(symbol)
        else:
            order = self.random_order(symbol, last)
            self.asked[self.order(order)] = order

    def random_order(self, symbol: str, last: int) -> ts.Order:
        rng = self.rng
        side = ("BUY", "SELL")[int(rng.integers(2))]
        kinds = ("MARKET", "LIMIT", "STOP", "STOP_LIMIT", "MARKET_IF_TOUCHED", "TRAILING_STOP")
        kind = kinds[int(rng.integers(6))]

        def near() -> int:
            return max(1, last + int(rng.integers(-70, 71)))

        given: dict[str, Any] = {"symbol": symbol, "oco_group": int(rng.integers(0, 3))}
        given |= {"price": near()} if "LIMIT" in kind else {}
        given |= {"trigger": near()} if kind in kinds[2:5] else {}
        given |= {"trail": int(rng.integers(1, 70))} if kind == "TRAILING_STOP" else {}
        given |= {"reduce_only": True} if rng.integers(5) == 0 else {}
        return ts.Order(kind, side, int(rng.integers(1, 13)), **given)


MARKETS = {
    "one": [walk(6_000, 1)],
    # No two rows at one time, so that the plain count knows every last price.
    "three": [walk(3_000, seed, "ABC"[seed], start=seed, spacing=1500) for seed in range(3)],
    "together": [walk(3_000, seed, "ABC"[seed], spacing=1500) for seed in range(3)],
}


def bars_of(count: int, seed: int, symbol: str) -> ts.Bars:
    rng = np.random.default_rng(seed)
    close = np.maximum(1000 + rng.integers(-15, 16, count).cumsum(), 200)
    open_ = np.r_[1000, close[:-1]] + rng.integers(-3, 4, count)
    high = np.maximum(open_, close) + rng.integers(0, 20, count)
    low = np.minimum(open_, close) - rng.integers(0, 20, count)
    time, volume = np.arange(count) * 240_000, rng.integers(50, 900, count)
    return ts.Bars(
        time, open_, high, low, close, volume, tick_size=1, lot=1, interval="4m", symbol=symbol
    )


BARS = {
    name: [bars_of(700, seed, name[seed]) for seed in range(len(name))] for name in ("A", "ABC")
}
LIMITS: dict[str, Any] = {
    "max_order_qty": 11,
    "max_order_value": 10_500,
    "max_position": 14,
    "max_leverage": "2.5",
    "price_band": "5%",
    "max_orders": (4, "1m"),
}
LOSSES: dict[str, Any] = {"max_daily_loss": "3%", "max_drawdown": "6%"}


@pytest.mark.parametrize("action", ["halt", "flatten"])
@pytest.mark.parametrize("name", ["one", "three"])
@pytest.mark.parametrize("seed", range(3))
def test_no_order_was_accepted_that_breaks_a_limit(name: str, seed: int, action: str) -> None:
    strategy = Restless(seed=seed)
    risk = ts.RiskManager(**LIMITS, max_daily_loss="30%", on_breach=action)
    settings = PLAIN | {"taker_fee": "0.0005", "latency": seed}
    result = ts.backtest(strategy, MARKETS[name], cash=30_000, risk=risk, **settings)
    count = PlainCount(result, strategy.asked)
    count.check()
    refused = {each.limit for each in result.risk_log if each.kind == "refused"}
    assert refused >= {
        "max_order_qty",
        "max_order_value",
        "max_position",
        "price_band",
        "max_orders",
    }
    assert count.accepted > 50


class PlainCount:
    """Goes through the events with a pencil, and knows of the limits what they say."""

    def __init__(self, result: ts.Result, asked: dict[int, ts.Order]) -> None:
        self.result, self.asked = result, asked
        self.symbols = list(result.config.symbols)
        self.rows = [result.data[symbol] for symbol in self.symbols]
        self.lists = [(each.time.tolist(), each.price_ticks.tolist()) for each in self.rows]
        self.position = dict.fromkeys(range(len(self.symbols)), 0)
        unit = Decimal(result.config.canonical()["money_unit"])
        self.unit, self.cash = unit, Decimal(result.config.canonical()["initial_cash"])
        self.times: list[int] = []
        self.accepted = 0

    def last(self, index: int, time: int) -> int:
        times, prices = self.lists[index]
        return int(prices[bisect_right(times, time) - 1])

    def equity(self, time: int) -> Decimal:
        held = sum(lots * self.last(index, time) for index, lots in self.position.items() if lots)
        return self.cash + held

    def check(self) -> None:
        kinds = {int(kind): kind.name for kind in ts.EventKind}
        halts = sorted(
            (each.time, each.limit) for each in self.result.risk_log if each.kind == "breach"
        )
        for row in self.result.events:
            kind, order_id, index = (
                kinds[int(row["kind"])],
                int(row["order_id"]),
                int(row["instrument"]),
            )
            if kind == "FILLED":
                self.fill(row, index)
            elif order_id in self.asked and kind in ("ACCEPTED", "AMENDED") and row["reason"] != 23:
                is_new = kind == "ACCEPTED"
                self.order(
                    self.asked[order_id], int(row["time"]), index, abs(int(row["qty_lots"])), is_new
                )
                day = int(row["time"]) // DAY
                if is_new and any(t < row["time"] and t // DAY == day for t, _ in halts):
                    self.reduces(self.asked[order_id], index)

    def fill(self, row: Any, index: int) -> None:
        assert self.position[index] + row["qty_lots"] == row["position_after_lots"]
        self.position[index] = int(row["position_after_lots"])
        self.cash -= int(row["qty_lots"]) * int(row["price_ticks"])
        self.cash -= int(row["fee_units"]) * self.unit
        assert abs(self.position[index]) <= LIMITS["max_position"]

    def reduces(self, order: ts.Order, index: int) -> None:
        held = self.position[index]
        sign = 1 if order.side == "BUY" else -1
        assert order.reduce_only or (held * sign < 0 and int(order.qty or 0) <= abs(held))

    def order(self, order: ts.Order, time: int, index: int, lots: int, is_new: bool) -> None:
        last = self.last(index, time)
        self.accepted += 1
        assert lots <= LIMITS["max_order_qty"]
        own = [int(each) for each in (order.price, order.trigger) if each is not None]
        is_bounded = order.side == "BUY" and order.price is not None
        value = lots * (int(order.price or 0) if is_bounded else max([*own, last]))
        if is_new:
            assert value <= LIMITS["max_order_value"]
            away = [abs(each - last) for each in own] + ([int(order.trail)] if order.trail else [])
            assert all(each <= Fraction("0.05") * last for each in away)
        most, _ = LIMITS["max_orders"]
        if is_new:
            self.times = [each for each in self.times if each > time - 60_000] + [time]
            assert len(self.times) <= most
        sign = 1 if order.side == "BUY" else -1
        held = self.position[index]
        if abs(held + sign * lots) > abs(held) and not order.reduce_only and is_new:
            gross = sum(abs(each) * self.last(i, time) for i, each in self.position.items() if each)
            gross += (abs(held + sign * lots) - abs(held)) * last
            assert gross <= Decimal(LIMITS["max_leverage"]) * self.equity(time)


@pytest.mark.parametrize("latency", [0, 700])
@pytest.mark.parametrize("action", ["halt", "flatten"])
@pytest.mark.parametrize("name", MARKETS)
def test_losses_are_seen_on_the_row_they_pass_their_bound(
    name: str, action: str, latency: int
) -> None:
    found: list[Any] = []
    digests = set()
    for seed in range(3):
        for skip in (True, False):
            risk = ts.RiskManager(
                max_position=14, max_leverage=4, **LOSSES, on_breach=action, utc_offset="+08:00"
            )
            settings = PLAIN | {"taker_fee": "0.0005", "latency": latency}
            strategy = Restless(seed=seed)
            data = MARKETS[name]
            result = ts.backtest(strategy, data, cash=9_000, risk=risk, skip_scan=skip, **settings)
            digests.add(result.digest)
            seen = [each for each in breaches(result) if each[1] != "max_leverage"]
            assert seen == first_losses(result)
            driven = [time for time, limit in breaches(result) if limit == "max_leverage"]
            over = over_leverage(result, 4)
            assert driven[:1] == over[:1]
            assert set(driven) <= set(over)
        found += seen
    assert len(digests) == 3
    assert found


@pytest.mark.parametrize("bar_fill", ["next_open", "path"])
@pytest.mark.parametrize("action", ["halt", "flatten"])
@pytest.mark.parametrize("name", BARS)
def test_losses_over_bars_are_those_of_their_rows(name: str, action: str, bar_fill: str) -> None:
    found: list[tuple[int, str]] = []
    for seed in range(4):
        risk = ts.RiskManager(
            max_position=14, max_leverage=4, **LOSSES, on_breach=action, utc_offset="+08:00"
        )
        settings = PLAIN | {"taker_fee": "0.0005"}
        strategy = Restless(seed=seed, interval="4m")
        result = ts.backtest(
            strategy, BARS[name], cash=9_000, risk=risk, bar_fill=bar_fill, **settings
        )
        seen = [each for each in breaches(result) if each[1] != "max_leverage"]
        assert seen == first_losses(result)
        found += seen
    assert len(found) > 3


def first_losses(result: ts.Result) -> list[tuple[int, str]]:
    """Row by row: when the loss of a day, and the fall from the highest, first pass their bounds."""
    units = result.scales.cash_units
    day_length, phase = DAY, -8 * 3_600_000
    base = equity = peak = units
    day, is_day_broken, is_broken = None, False, False
    told: list[tuple[int, str]] = []
    for times, curve in result.path.moments():
        for time, now in zip(times.tolist(), curve.tolist(), strict=True):
            today = (time - phase) // day_length
            if day is not None and today != day:
                base, is_day_broken = equity, False
            day, equity = today, int(now)
            peak = max(peak, equity)
            if not is_day_broken and base - equity > Fraction(3, 100) * base:
                is_day_broken = True
                told.append((time, "max_daily_loss"))
            if not is_broken and peak - equity > Fraction(6, 100) * peak:
                is_broken = True
                told.append((time, "max_drawdown"))
    return told


def over_leverage(result: ts.Result, most: int) -> list[int]:
    """Times at which the positions were worth more than so many times the equity."""
    found: list[int] = []
    for times, curve in result.path.moments():
        gross = result.path.gross_at(times + 1)
        found += times[np.asarray(gross > most * curve, bool)].tolist()
    return found


def test_runs_are_the_same_however_rows_are_taken() -> None:
    class Answering(Restless):
        """What it does follows from what it is told, and when."""

        def on_order(self, update: ts.OrderUpdate) -> None:
            if update.kind == "REJECTED" and self.rng.integers(3) == 0:
                self.buy(1, limit=900, symbol=update.symbol)

    for name in ("one", "together"):
        digests = {
            ts.backtest(
                Answering(seed=5),
                MARKETS[name],
                cash=9_000,
                skip_scan=skip,
                risk=ts.RiskManager(**LIMITS, **LOSSES, on_breach="flatten"),
                **PLAIN,
            ).digest
            for skip in (True, False)
        }
        assert len(digests) == 1


@pytest.mark.parametrize("seed", range(3))
def test_losses_of_hedged_futures_whose_prices_go_below_zero(seed: int) -> None:
    class BothWays(ts.Strategy):
        def on_start(self) -> None:
            self.rng = np.random.default_rng(seed)
            self.every("1m")

        def on_bar(self, bar: ts.Bar) -> None:
            side = ("BUY", "SELL")[int(self.rng.integers(2))]
            offset = ("OPEN", "OPEN", "CLOSE")[int(self.rng.integers(3))]
            qty = int(self.rng.integers(1, 5))
            self.order(ts.Order("MARKET", side, qty, offset=offset, symbol=bar.symbol))

    data = []
    for index, symbol in enumerate("AB"):
        rng = np.random.default_rng(10 * seed + index)
        price = 20 + rng.integers(-3, 4, 4000).cumsum()
        time, count = np.arange(4000) * 2000, np.full(4000, 100)
        side = np.zeros(4000, np.uint8)
        named: dict[str, Any] = {"symbol": symbol, "allow_negative_prices": True}
        data.append(ts.Ticks(time, price, count, side, tick_size=1, lot=1, **named))
    assert min(int(each.price_ticks.min()) for each in data) < 0
    digests = set()
    for skip in (True, False):
        risk = ts.RiskManager(**LOSSES, max_leverage=3, on_breach="flatten", utc_offset="+08:00")
        settings = PLAIN | {
            "settle": "mark",
            "position": "hedge",
            "multiplier": 10,
            "taker_fee_per_lot": 1,
            "allow_negative_prices": True,
        }
        result = ts.backtest(BothWays, data, cash=20_000, risk=risk, skip_scan=skip, **settings)
        seen = [each for each in breaches(result) if each[1] != "max_leverage"]
        assert seen == first_losses(result)
        assert seen
        digests.add(result.digest)
    assert len(digests) == 1


@pytest.mark.parametrize("amount", [700, -700])
def test_what_is_paid_in_is_no_gain_and_what_is_paid_out_no_loss(amount: int) -> None:
    prices = [100, 100, 100, 100, 91, 90, 89, 100]
    engine = ts.Engine(
        ts.EngineConfig(initial_cash=1000, tick_size=1, lot=1, spread_bps=0, taker_fee=0)
    )
    ticks = ticks_of(prices, symbol="ASSET")
    engine.bind(ticks)
    scales = Scales.of(engine.config)
    risk = ts.RiskManager(max_daily_loss=100)
    watch = RiskWatch(risk, engine, scales, lambda index, time: 100, 1000)
    script = Script((1000, lambda s: s.buy(10)))
    markets = {"ASSET": TicksMarket(ticks)}
    session = Session(script, engine, markets, scales, start_time=1000, watch=watch)
    session.start()
    for number, _ in enumerate(prices):
        engine.advance(1)
        if number == 2:
            engine.ledger_post("DEPOSIT" if amount > 0 else "WITHDRAWAL", amount)
        session.take(engine.drain_events())
    assert script.breaches == [ts.Breach(7000, "max_daily_loss", 110.0, 100.0, "halt")]


# --- Guards. --------------------------------------------------------------------------------------


def test_within_its_alerts_no_guard_breaks() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        count = int(rng.integers(1, 5))
        prices = {index: int(rng.integers(-5, 60)) for index in range(count)}
        costs = {index: tuple(rng.integers(0, 9, 2).tolist()) for index in range(count)}
        room = int(rng.integers(0, 400))
        alerts = alert_prices([Guard(room, costs)], prices)
        for _ in range(20):
            spent = 0
            for index, (down, up) in costs.items():
                low = alerts[index, False][0] + 1 if down else prices[index] - 100
                high = alerts[index, True][0] - 1 if up else prices[index] + 100
                moved = int(rng.integers(low, high + 1)) - prices[index]
                spent += up * moved if moved > 0 else down * -moved
            assert spent <= room
        if count == 1:  # and one tick further it does
            for (_, is_up), (price, away) in alerts.items():
                assert abs(price - prices[0]) == away
                assert costs[0][is_up] * away > room


def test_a_bent_guard_stops_at_zero() -> None:
    alerts = alert_prices([Guard(10**6, {0: (1, 1), 1: (1, 0)}, is_bent=True)], {0: 0, 1: 7})
    assert alerts[1, False] == (-1, 8)


# --- The description. -----------------------------------------------------------------------------

FULL = ts.RiskManager(
    max_order_qty=5,
    max_order_value=1e6,
    max_position="12.5",
    max_leverage=2.5,
    price_band="5%",
    max_orders=[10, "1m"],  # type: ignore[arg-type]
    max_daily_loss="2.50%",
    max_drawdown=0.1,
    restricted=["X"],
    allowed=["A", "B"],
    per_symbol={"A": ts.RiskLimits(max_position=3, price_band=0.25)},
    on_breach="flatten",
    utc_offset="+08:00",
    kill_switch=True,
)


def test_a_description_survives_text() -> None:
    text = json.dumps(FULL.canonical())
    again = ts.RiskManager.from_canonical(json.loads(text))
    assert again == FULL
    assert hash(again) == hash(FULL)
    assert json.dumps(again.canonical()) == text
    assert FULL.canonical() == {
        "max_order_qty": "5",
        "max_order_value": "1000000",
        "max_position": "12.5",
        "max_leverage": "2.5",
        "price_band": "0.05",
        "max_orders": [10, "1m"],
        "max_daily_loss": "2.5%",
        "max_drawdown": "0.1",
        "restricted": ["X"],
        "allowed": ["A", "B"],
        "per_symbol": {"A": {"max_position": "3", "price_band": "0.25"}},
        "on_breach": "flatten",
        "utc_offset": "+08:00",
        "kill_switch": True,
    }
    nothing = ts.RiskManager()
    assert nothing.canonical() == {}
    assert ts.RiskManager.from_canonical({}) == nothing
    assert ts.RiskManager(allowed=()).canonical() == {"allowed": []}
    for wrong in ({"max_position": [1]}, {"per_symbol": 5}, {"no": 1}, 7):
        with pytest.raises(ts.ConfigError):
            ts.RiskManager.from_canonical(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_positon": 5}, "no parameter 'max_positon'.*\n.*did you mean 'max_position'"),
        ({"max_dayly_loss": 5}, "did you mean 'max_daily_loss'"),
        ({"max_order_qty": 0}, "max_order_qty 0 must be above 0"),
        ({"max_order_value": -1}, "max_order_value -1 must be above 0"),
        ({"max_position": -1}, "max_position -1 must be 0 or more"),
        ({"max_position": float("nan")}, "max_position nan is no number"),
        ({"max_leverage": "two"}, "max_leverage 'two' is no number"),
        ({"max_leverage": True}, "max_leverage True is no number"),
        ({"price_band": "0%"}, "price_band 0% must be above 0"),
        ({"price_band": "x%"}, "price_band 'x' is no number"),
        ({"max_drawdown": "101%"}, "max_drawdown 101% must be above 0 and at most 1"),
        ({"max_daily_loss": 0}, "max_daily_loss 0 must be above 0"),
        ({"max_daily_loss": "200%"}, "max_daily_loss 200% must be"),
        ({"max_orders": 5}, "max_orders 5 is not a count"),
        ({"max_orders": (0, "1m")}, "is not a count from 1"),
        ({"max_orders": (2.5, "1m")}, "is not a count from 1"),
        ({"max_orders": (2, "1 minute")}, "'1 minute' is not an interval"),
        ({"on_breach": "stop"}, "on_breach 'stop' is not known"),
        ({"utc_offset": "8"}, "utc_offset '8' is no offset"),
        ({"utc_offset": "+24:00"}, "a day or more"),
        ({"kill_switch": 1}, "kill_switch 1 is no truth"),
        ({"restricted": "AB"}, "restricted 'AB' is no list"),
        ({"allowed": [1]}, "allowed .* is no list"),
        ({"per_symbol": {"A": 5}}, "per_symbol of A is a int"),
    ],
)
def test_wrong_limits_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ts.ConfigError, match=message):
        ts.RiskManager(**given)


def test_wrong_limits_of_instruments_and_runs() -> None:
    with pytest.raises(ts.ConfigError, match="did you mean 'max_order_qty'"):
        ts.RiskLimits(max_oder_qty=5)
    with pytest.raises(ts.ConfigError, match="no parameter 'max_leverage'"):
        ts.RiskLimits(max_leverage=5)
    risk = ts.RiskManager(per_symbol={"BTCUST": ts.RiskLimits(max_position=1)})
    with pytest.raises(ts.ConfigError, match="limits 'BTCUST', which is not traded"):
        ts.backtest(Script(), ticks_of([5], symbol="BTCUSDT"), risk=risk)
    with pytest.raises(ts.ConfigError, match="is no RiskManager"):
        ts.backtest(Script(), ticks_of([5]), risk={"max_position": 5})  # type: ignore[arg-type]
    with pytest.raises(ts.ConfigError, match="not a whole number of the data's time unit"):
        ts.backtest(Script(), ticks_of([5]), risk=ts.RiskManager(max_orders=(5, "10us")))


def test_offsets() -> None:
    assert utc_offset_seconds("-00:30") == -1800


# --- The record. ----------------------------------------------------------------------------------

STRATEGY = """
import tickstep as ts

class Careless(ts.Strategy):
    qty = 4
    def on_start(self):
        self.every("1m")
    def on_bar(self, bar):
        self.buy(self.qty) if bar.close > bar.open else self.sell(self.qty)
"""


def test_a_run_under_limits_is_verified(tmp_path: Path) -> None:
    (tmp_path / "careless.py").write_text(STRATEGY)
    strategy = StrategySource.read(str(tmp_path / "careless.py"))
    data = DataSource((), sample_ticks=20_000)
    risk = ts.RiskManager(max_position=8, max_daily_loss=20, on_breach="flatten")
    result = ts.backtest(strategy.kind, data.read(), cash=10_000, risk=risk, alternatives=False)
    assert {each.kind for each in result.risk_log} == {"breach", "refused"}
    folder = tmp_path / "run"
    source = {"strategy": strategy.record(folder), "data": data.record(folder)}
    result.write(folder, source=source)
    record = json.loads((folder / "run.json").read_text())
    assert record["risk"] == risk.canonical()
    assert verify(folder / "run.json").is_same
    again = recorded(folder / "run.json")
    assert again.risk_log == result.risk_log
    assert again.risk.equals(result.risk)
    assert again.risk_manager == risk
    assert again.assumptions[:-1] == result.assumptions
    assert again.warnings == result.warnings
    for wrong in ([[1, 2]], [5], 7):
        (folder / "run.json").write_text(json.dumps(record | {"risk_log": wrong}))
        with pytest.raises(ts.DataError, match="rows of risk_log that are none"):
            recorded(folder / "run.json")

    for limits, differs in ((None, True), ({"max_position": "9"}, True), (record["risk"], False)):
        (folder / "run.json").write_text(json.dumps(record | {"risk": limits}))
        assert verify(folder / "run.json").is_same != differs
    (folder / "run.json").write_text(json.dumps(record | {"risk": {"max_position": "-1"}}))
    with pytest.raises(ts.DataError, match="no risk limits of this version"):
        verify(folder / "run.json")


def test_limits_are_part_of_what_identifies_a_run() -> None:
    ticks = ticks_of([5] * 3)
    plain = ts.backtest(Script(), ticks, **PLAIN)
    wide = ts.backtest(Script(), ticks, risk=ts.RiskManager(max_position=5), **PLAIN)
    assert plain.event_digest == wide.event_digest
    assert plain.digest != wide.digest
    assert plain.risk.height == 0
    assert plain.risk.schema == wide.risk.schema
    assert json.loads(plain.to_json())["risk"] is None


def test_the_table_is_written(tmp_path: Path) -> None:
    script = Script((2000, lambda s: s.buy(9)))
    result = ts.backtest(script, ticks_of([5] * 4), risk=ts.RiskManager(max_position=5), **PLAIN)
    result.to_csv(tmp_path)
    assert (
        (tmp_path / "risk.csv")
        .read_text()
        .splitlines()[1]
        .endswith('"max_position: long 9, at most 5"')
    )
    result.to_parquet(tmp_path)
    assert (tmp_path / "risk.parquet").exists()
