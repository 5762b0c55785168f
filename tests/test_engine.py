"""The engine as Python uses it: exact numbers, equal paths, and what is refused."""

import ast
import doctest
import hashlib
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tickstep as ts
from tickstep import _kernel

UNIT = 10**8  # money units of the default configuration
LOT = 10**6  # lots of one unit of quantity


def engine_of(**changes: Any) -> ts.Engine:
    return ts.Engine(ts.EngineConfig(**changes))


def ticks_of(
    prices: Sequence[int],
    times: Sequence[int] | None = None,
    **changes: Any,
) -> ts.Ticks:
    rows = len(prices)
    arguments: dict[str, Any] = {"tick_size": "0.01", "lot": "0.000001", **changes}
    return ts.Ticks(
        np.array(range(1, rows + 1) if times is None else times, dtype=np.int64),
        np.array(prices, dtype=np.int64),
        np.full(rows, LOT, dtype=np.int64),
        np.zeros(rows, dtype=np.uint8),
        **arguments,
    )


# The quick start, and numbers in human units.


def test_the_quick_start() -> None:
    config = ts.EngineConfig(
        initial_cash=100_000.0,
        maker_fee=0.0001,
        taker_fee=0.0002,
        spread_bps=2.0,
        tick_size=0.01,
    )
    engine = ts.Engine(config)
    engine.step_tick(ts.Tick(1000, 10000, 2.0, "SELL"))
    assert engine.place_order(ts.Order("MARKET", "BUY", 1.5, price=100.0)) == 1
    before = engine.get_snapshot()
    assert (before.ts_ms, before.cash, before.position, before.equity) == (1000, 1e5, 0.0, 1e5)

    engine.step_tick(ts.Tick(1001, 10000, 1.0, "BUY"))
    bought = engine.get_snapshot()
    assert bought.cash_decimal == Decimal(100_000) - Decimal("150.015") - Decimal("0.030003")
    assert bought.equity_decimal == bought.cash_decimal + Decimal("150.00")
    assert (bought.position, bought.avg_entry_price) == (1.5, 100.01)

    assert engine.place_order(ts.Order("LIMIT", "SELL", 2.5, 101.00)) == 2
    engine.step_tick(ts.Tick(1002, 10050, 1.0, "BUY"))
    resting = engine.order(2)
    assert resting is not None
    assert (resting.is_resting, resting.filled, resting.price) == (True, 0.0, 101.0)

    engine.step_tick(ts.Tick(1003, 10105, 1.0, "BUY"))
    sold = engine.get_snapshot()
    assert (sold.position, sold.avg_entry_price, sold.realized_pnl) == (-1.0, 101.0, 1.485)
    assert sold.fees_decimal == Decimal("0.030003") + Decimal("0.02525")
    assert sold.equity_decimal == sold.cash_decimal - Decimal("101.05")
    assert sold.cash_units == 10_010_242_974_700
    assert engine.trades["price"].tolist() == [100.01, 101.0]
    assert engine.trades["fee"].tolist() == [0.030003, 0.02525]
    assert engine.trades["is_maker"].tolist() == [False, True]


def test_all_five_numbers_may_be_written_in_any_exact_way() -> None:
    written: list[tuple[Any, ...]] = [
        (100_000.0, 0.0001, 0.0002, 2.0, 0.01),
        (100_000, "0.0001", "2e-4", "2", "0.01"),
        (Decimal(100_000), Decimal("0.0001"), Decimal("0.0002"), 2, Decimal("0.010")),
        ("1e5", np.float64(0.0001), 0.0002, np.int64(2), np.float64(0.01)),
    ]
    configs = [ts.EngineConfig(*numbers).canonical() for numbers in written]
    assert all(config == configs[0] for config in configs)


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        ({"maker_fee": 0.0003}, "maker_fee_ppb", 300_000),
        ({"maker_fee": 0.0006}, "maker_fee_ppb", 600_000),
        ({"maker_fee": -0.00025}, "maker_fee_ppb", -250_000),
        ({"taker_fee": 3 * 0.0001}, "taker_fee_ppb", 300_000),
        ({"taker_fee": "0.0000341"}, "taker_fee_ppb", 34_100),
        ({"spread_bps": 1.8}, "spread_ppb", 180_000),
        ({"spread_bps": 0}, "spread_ppb", 0),
        ({"spread_bps": "19999.99999"}, "spread_ppb", 1_999_999_999),
        ({"tick_size": 1e-5}, "units_per_tick_lot", 1),
        ({"tick_size": 0.25, "lot": 1, "multiplier": 50}, "units_per_tick_lot", 1_250_000_000),
        ({"quantity": "volume", "participation": 0.1}, "participation_ppm", 100_000),
        ({"qty_step": 100, "lot": 1}, "qty_step_lots", 100),
        ({"price_band": (90, "110.5")}, "band_ticks", (9_000, 11_050)),
        ({"fee_min": 5}, "fee_min_units", 5 * UNIT),
        ({"taker_fee_per_lot": "0.51", "lot": 1}, "taker_fee_units_per_lot", 51 * UNIT // 100),
    ],
)
def test_settings_become_exact_integers(
    settings: dict[str, Any], name: str, expected: object
) -> None:
    assert ts.EngineConfig(**settings)._numbers["instruments"][0][name] == expected


@pytest.mark.parametrize(
    ("settings", "lot", "money_unit"),
    [
        ({}, "0.000001", "0.00000001"),
        ({"tick_size": 1e-5}, "0.001", "0.00000001"),
        ({"tick_size": "1e-8"}, "1", "0.00000001"),
        ({"tick_size": 1, "lot": 1, "multiplier": 10}, "1", "0.00000001"),
        ({"initial_cash": 1e11}, "0.000001", "0.0000001"),
        ({"initial_cash": 1e9, "money_unit": "0.01", "lot": 1}, "1", "0.01"),
    ],
)
def test_lot_and_money_unit_have_defaults(
    settings: dict[str, Any], lot: str, money_unit: str
) -> None:
    if settings.get("initial_cash") == 1e11:
        settings = {**settings, "tick_size": "0.1"}
    canonical = ts.EngineConfig(**settings).canonical()
    assert (canonical["instruments"][0]["lot"], canonical["money_unit"]) == (lot, money_unit)


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("settings", "value", "rule"),
    [
        ({"tick_size": 0}, "tick_size is 0", "above 0"),
        ({"tick_size": -0.01}, "tick_size is -0.01", "above 0"),
        ({"tick_size": NAN}, "tick_size: NaN", "not a finite number"),
        ({"tick_size": None}, "tick_size must be a number", "was None"),
        ({"tick_size": "cheap"}, 'tick_size: "cheap"', "not a decimal number"),
        ({"spread_bps": -1}, "spread_bps -1", "0 or more, and below 20000"),
        ({"spread_bps": 20_000}, "spread_bps 20000", "below 20000"),
        ({"spread_bps": np.float64(-1)}, "spread_bps -1.0", "0 or more"),
        ({"spread_bps": NAN}, "spread_bps: NaN", "not a finite number"),
        ({"spread_bps": INFINITE}, "spread_bps: inf", "not a finite number"),
        ({"spread_bps": "0.000001"}, "spread_bps: 0.000001", "not a multiple of 0.00001"),
        ({"maker_fee": 1e-10}, "maker_fee: 1e-10", "not a multiple of 0.000000001"),
        ({"taker_fee": 1.5}, "taker_fee 1.5", "from -1 to 1"),
        ({"taker_fee": INFINITE}, "taker_fee: inf", "not a finite number"),
        ({"initial_cash": -1}, "initial_cash -1", "from 0 to"),
        ({"initial_cash": NAN}, "initial_cash: NaN", "not a finite number"),
        ({"initial_cash": 1e18}, "initial_cash 1e18", "beyond 2^63 steps of 0.00000001"),
        (
            {"initial_cash": 5e10, "money_unit": 1e-8},
            "initial_cash 50000000000.0",
            "from 0 to 23058430092",
        ),
        ({"lot": 0}, "lot is 0", "above 0"),
        ({"money_unit": 0}, "money_unit is 0", "above 0"),
        ({"multiplier": -1}, "multiplier is -1", "above 0"),
        ({"lot": "0.0000001"}, "lot 0.0000001", "the nearest lot that fits is 0.000001"),
        ({"money_unit": "0.01", "lot": "0.1"}, "money unit 0.01", "the nearest lot that fits is 1"),
        ({"tick_size": 1e-9}, "tick 0.000000001", "the nearest lot that fits is 10"),
        ({"fill": "magic"}, "fill 'magic'", "touch, through"),
        ({"quantity": "some"}, "quantity 'some'", "full, volume"),
        ({"settle": "barter"}, "settle 'barter'", "spot, mark"),
        ({"position": "flat"}, "position 'flat'", "net, hedge"),
        ({"account": "margin"}, "account 'margin'", "None or 'cash'"),
        ({"allow_short": "no"}, "allow_short 'no'", "True or False"),
        ({"participation": 0.1}, "participation 0.1", "quantity='volume'"),
        ({"quantity": "volume"}, "participation None", "quantity='volume'"),
        ({"quantity": "volume", "participation": 1.5}, "participation 1.5", "at most 1"),
        ({"quantity": "volume", "participation": 0}, "participation 0", "above 0"),
        ({"latency": -5}, "latency -5", "from 0 to 2^61"),
        ({"latency": 0.5}, "latency: 0.5", "not a multiple of 1"),
        ({"time_unit": "minutes"}, "time_unit 'minutes'", "s, ms, us, ns"),
        ({"fee_min": -1}, "fee_min -1", "from 0"),
        ({"qty_step": 0}, "qty_step 0", "from 1"),
        ({"price_band": (110, 90)}, "price_band (110, 90)", "lowest"),
        ({"price_band": (0, 90)}, "price_band (0, 90)", "allowed prices"),
        ({"price_band": 7}, "price_band 7", "two prices"),
        ({"history": 0}, "history 0", "from 1"),
        ({"instruments": []}, "instruments is empty", ""),
        ({"instruments": ["BTC"]}, "'BTC'", "not an Instrument"),
        ({"instruments": [ts.Instrument("A"), ts.Instrument("A")]}, "'A'", "names 2 instruments"),
        ({"instruments": [ts.Instrument("A", tick_size=0)]}, "tick_size of A is 0", "above 0"),
        ({"instruments": [ts.Instrument("")]}, "symbol ''", "not empty"),
    ],
)
def test_settings_that_cannot_be_run_exactly_are_refused(
    settings: dict[str, Any], value: str, rule: str
) -> None:
    with pytest.raises(ts.ConfigError) as caught:
        ts.EngineConfig(**settings)
    assert value in caught.value.message
    assert rule in caught.value.message
    assert caught.value.hint


def test_unknown_settings_are_errors() -> None:
    with pytest.raises(TypeError, match="spread_abs"):
        ts.EngineConfig(spread_abs=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="stop_price"):
        ts.Order("STOP", "BUY", 1, stop_price=3)  # type: ignore[call-arg]
    with pytest.raises(ts.ConfigError, match="config must be an EngineConfig, was dict"):
        ts.Engine({"initial_cash": 1})  # type: ignore[arg-type]
    with pytest.raises(ts.ConfigError, match="a cash account holds SPOT NET instruments"):
        engine_of(account="cash", settle="mark")


@pytest.mark.parametrize(
    "canonical",
    [{}, {"instruments": []}, {"instruments": [5]}, {"instruments": [{}]}, {"colour": 1}, None],
)
def test_what_is_no_canonical_configuration_is_refused(canonical: Any) -> None:
    with pytest.raises(ts.ConfigError, match="not a canonical configuration"):
        ts.EngineConfig.from_canonical(canonical)


def test_a_canonical_configuration_makes_the_same_engine() -> None:
    config = ts.EngineConfig(
        12_345.67,
        spread_bps=1.8,
        latency=5,
        account="cash",
        instruments=[
            ts.Instrument("A", fill="through", price_band=(1, 500), qty_step=2),
            ts.Instrument("B", tick_size=1e-5, quantity="volume", participation="0.05"),
        ],
    )
    again = ts.EngineConfig.from_canonical(config.canonical())
    assert again._numbers == config._numbers
    assert ts.Engine(again).state_hash == ts.Engine(config).state_hash


# Orders.


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (lambda: ts.Order("LIMIT", "BUY", 1.0), "a LIMIT order (GTC) needs a price"),
        (lambda: ts.Order("STOP", "BUY", 1.0), "a STOP order (GTC) needs a trigger"),
        (lambda: ts.Order("TRAILING_STOP", "BUY", 1), "a TRAILING_STOP order (GTC) needs a trail"),
        (lambda: ts.Order("ALERT_TIME"), "a ALERT_TIME order (GTC) needs a expire_ts"),
        (
            lambda: ts.Order("MARKET", "BUY", 1, time_in_force="GTD"),
            "a MARKET order (GTD) needs a expire_ts",
        ),
        (lambda: ts.Order("STOP", "BUY", 1, 5, trigger=5), "price is given, but a STOP order"),
        (lambda: ts.Order("MARKET", "BUY", 1, trail=5), "trail is given, but a MARKET order"),
        (
            lambda: ts.Order("MARKET", "BUY", 1, expire_ts=5, time_in_force="IOC"),
            "expire_ts is given, but a MARKET order (IOC)",
        ),
        (lambda: ts.Order("MARKET", "LONG", 1.0), "side 'LONG' is not known"),
        (lambda: ts.Order("MARKET", qty=1.0), "a MARKET order needs a side"),
        (lambda: ts.Order("GUESS", "BUY", 1.0), "order_type 'GUESS' is not known"),
        (lambda: ts.Order("MARKET", "BUY"), "a MARKET order needs a qty"),
        (lambda: ts.Order("MARKET", "BUY", 0), "qty 0 must be above 0"),
        (lambda: ts.Order("MARKET", "BUY", -1.5), "qty -1.5 must be above 0"),
        (lambda: ts.Order("MARKET", "BUY", NAN), "qty NaN must be above 0"),
        (lambda: ts.Order("MARKET", "BUY", INFINITE), "qty: inf is not a finite number"),
        (lambda: ts.Order("MARKET", "BUY", "many"), 'qty: "many" is not a decimal number'),
        (
            lambda: ts.Order("ALERT_PRICE", "BUY", 1, trigger=5),
            "qty 1 is given, but an alert trades nothing",
        ),
        (
            lambda: ts.Order("MARKET", "BUY", 1.0000005),
            "qty: 1.0000005 is not a multiple of 0.000001: the nearest are 1 and 1.000001",
        ),
        (
            lambda: ts.Order("LIMIT", "BUY", 1, 100.005),
            "price: 100.005 is not a multiple of 0.01: the nearest are 100 and 100.01",
        ),
        (lambda: ts.Order("LIMIT", "BUY", 1, NAN), "price: NaN is not a finite number"),
        (lambda: ts.Order("MARKET", "BUY", 1e12), "qty: a float as large as 1000000000000.0"),
        (lambda: ts.Order("LIMIT", "BUY", 1, -1), "price_ticks is -100: price_ticks is missing"),
        (lambda: ts.Order("LIMIT", "BUY", "4e12", 1), "qty_lots is 4000000000000000000"),
        (
            lambda: ts.Order("LIMIT", "BUY", 1, 1, time_in_force="EVER"),
            "time_in_force 'EVER' is not known",
        ),
        (lambda: ts.Order("MARKET", "BUY", 1, post_only=True), "flags is 1: unknown flag"),
        (lambda: ts.Order("MARKET", "BUY", 1, offset="CLOSE"), "offset is 2: offset must be 0"),
        (lambda: ts.Order("MARKET", "BUY", 1, symbol="ETH"), "the engine has no instrument 'ETH'"),
    ],
)
def test_orders_that_make_no_sense_change_nothing(
    order: Callable[[], ts.Order], message: str
) -> None:
    engine = engine_of()
    engine.step(1, 10_000, LOT, 0)
    state, events = engine.state_hash, engine.event_count
    with pytest.raises(ts.TickstepError) as caught:
        engine.place_order(order())
    assert isinstance(caught.value, (ts.OrderError, ts.MoneyOverflowError))
    assert caught.value.message.startswith(message)
    assert (engine.state_hash, engine.event_count) == (state, events)


@given(st.integers(1, 10**15), st.integers(-12, 12))
def test_a_float_quantity_is_the_nearest_lot_or_refused(lots: int, steps: int) -> None:
    # The rule: within 4 steps of the float's own, and those at most a sixteenth of a lot.
    value = lots / LOT
    for _ in range(abs(steps)):
        value = float(np.nextafter(value, INFINITE if steps > 0 else 0.0))
    grid = _kernel.Grid("0.000001", "lot")
    exact, ulp = Decimal(value), Decimal(float(np.spacing(value)))
    nearest = int((exact * LOT).to_integral_value())
    is_on = abs(exact - Decimal(nearest) / LOT) <= 4 * ulp and ulp * 16 * LOT <= 1
    if is_on:
        assert grid.index(value, "qty", ts.OrderError) == nearest
    else:
        with pytest.raises(ts.OrderError):
            grid.index(value, "qty", ts.OrderError)


def test_no_lot_is_lost_on_the_way() -> None:
    # Truncation would make 248 millionths of 0.000249.
    grid = _kernel.Grid("0.000001", "lot")
    lots = np.arange(1, 2_000_001)
    assert (grid.indexes(lots / 1e6, "qty", ts.DataError) == lots).all()
    assert (grid.indexes(grid.values(lots), "qty", ts.DataError) == lots).all()


def test_text_and_decimals_carry_what_floats_cannot() -> None:
    engine = engine_of(tick_size="0.01", lot="0.000001")
    order_id = engine.place_order(ts.Order("LIMIT", "BUY", "123456789.000001", Decimal("0.01")))
    view = engine.order(order_id)
    assert view is not None
    assert view.qty_lots == 123_456_789_000_001


def test_cancel_amend_and_look() -> None:
    engine = engine_of()
    order_id = engine.place_order(ts.Order("LIMIT", "BUY", 2, 99, tag=7))
    view = engine.order(order_id)
    assert view is not None
    assert (view.qty, view.price, view.tag, view.side, view.rest) == (2.0, 99.0, 7, "BUY", 2.0)
    assert repr(view) == "OpenOrder(1, LIMIT BUY, qty=2.0, filled=0.0, price=99.0)"
    assert engine.amend_order(order_id, qty=1, price="98.5")
    amended = engine.order(order_id)
    assert amended is not None
    assert (amended.qty, amended.price) == (1.0, 98.5)
    with pytest.raises(ts.OrderError, match="price: 98.505 is not a multiple"):
        engine.amend_order(order_id, price=98.505)
    with pytest.raises(ts.OrderError, match="the amendment names no field"):
        engine.amend_order(order_id)
    assert engine.cancel_order(order_id)
    assert not engine.cancel_order(order_id)
    assert not engine.amend_order(order_id, qty=3)
    assert engine.order(order_id) is None
    for call in (engine.cancel_order, engine.order, engine.amend_order):
        for unknown in (9, 0, -1):
            with pytest.raises(ts.UnknownOrderError, match=f"order_id is {unknown}: no order has"):
                call(unknown)
    engine.place_order(ts.Order("LIMIT", "BUY", 2, 99))
    engine.place_order(ts.Order("ALERT_PRICE", "SELL", trigger=98))
    engine.cancel_all()
    assert [view.order_type for view in engine.open_orders()] == ["ALERT_PRICE"]


def test_every_order_type_is_taken() -> None:
    engine = engine_of(fill="through")
    orders = [
        ts.Order("MARKET", "BUY", 1),
        ts.Order("LIMIT", "BUY", 1, 99, post_only=True),
        ts.Order("STOP", "SELL", 1, trigger=98),
        ts.Order("STOP_LIMIT", "SELL", 1, 97, trigger=98),
        ts.Order("MARKET_IF_TOUCHED", "SELL", 1, trigger=103),
        ts.Order("TRAILING_STOP", "SELL", 1, trail=2.5),
        ts.Order("ALERT_PRICE", "BUY", trigger=104),
        ts.Order("ALERT_TIME", expire_ts=50),
        ts.Order("LIMIT", "BUY", 1, 96, expire_ts=60, oco_group=4, tag=2**64 - 1),
        ts.Order("MARKET", "SELL", 1, reduce_only=True, time_in_force="DAY"),
    ]
    assert [engine.place_order(order) for order in orders] == list(range(1, len(orders) + 1))
    found = {view.order_id: view for view in engine.open_orders()}
    assert (found[6].trail, found[8].expire_ts, found[9].time_in_force) == (2.5, 50, "GTD")
    assert found[9].tag == 2**64 - 1
    engine.step(1, 10_000, LOT, 0)
    view = engine.order(6)
    assert view is not None
    assert view.trigger_now == 97.5
    engine.day_roll()
    engine.step(50, 10_450, LOT, 0)
    kinds = engine.events["kind"]
    assert (kinds == ts.EventKind.ALERT).sum() == 2


def test_hedge_positions_and_refusals_are_events() -> None:
    engine = engine_of(position="hedge", settle="mark", lot=1, tick_size=1, multiplier=10)
    engine.step(1, 3500, 5, 0)
    engine.place_order(ts.Order("MARKET", "BUY", 2, offset="OPEN"))
    engine.place_order(ts.Order("MARKET", "SELL", 1, offset="OPEN"))
    engine.step(2, 3500, 5, 0)
    snapshot = engine.get_snapshot()
    assert snapshot.position_lots == 1
    assert snapshot.buckets["long_today"][0] == 2
    assert snapshot.buckets["short_today"][0] == 1
    cash = engine_of(account="cash", initial_cash=100)
    cash.step(1, 10_000, LOT, 0)
    assert cash.place_order(ts.Order("LIMIT", "BUY", 5, 100)) == 1
    assert cash.events["kind"].tolist() == [ts.EventKind.REJECTED]
    assert ts.Reason(cash.events["reason"][0]) is ts.Reason.NO_CASH
    cash.place_order(ts.Order("LIMIT", "BUY", "0.5", 100))
    frozen = cash.get_snapshot()
    assert frozen.frozen_units + frozen.available_units == frozen.cash_units
    assert frozen.frozen > 50


# Account.


def test_money_is_posted_and_rounded_against_the_owner() -> None:
    engine = engine_of(money_unit="0.01", lot=1)
    engine.ledger_post("DEPOSIT", 50)
    engine.ledger_post("WITHDRAWAL", "-20.5")
    engine.ledger_post("FUNDING", 0.019)
    engine.ledger_post("INTEREST", -0.011)
    engine.ledger_post("DIVIDEND", 0.3)
    snapshot = engine.get_snapshot()
    assert snapshot.deposits_decimal == Decimal("100029.50")
    assert snapshot.income_decimal == Decimal("0.01") - Decimal("0.02") + Decimal("0.30")
    for kind, amount in (("DEPOSIT", -1), ("WITHDRAWAL", 1), ("FUNDING", 0), ("FUNDING", NAN)):
        with pytest.raises(ts.OrderError):
            engine.ledger_post(kind, amount)
    with pytest.raises(ts.OrderError, match="kind 'TIP' is not known"):
        engine.ledger_post("TIP", 1)


def test_settling_pays_the_variation_and_the_day_ends() -> None:
    engine = engine_of(settle="mark", tick_size=1, lot=1, multiplier=10, spread_bps=0, taker_fee=0)
    engine.step(1, 3500, 5, 0)
    engine.place_order(ts.Order("MARKET", "BUY", 2))
    engine.step(2, 3500, 5, 0)
    engine.settle(3510)
    assert engine.get_snapshot().cash == 100_000 + 2 * 10 * 10
    engine.day_roll(3490)
    assert engine.get_snapshot().cash == 100_000 - 2 * 10 * 10
    assert engine.get_snapshot().buckets["long_yesterday"][0] == 2
    engine.day_roll()
    assert engine.get_snapshot().cash == 100_000
    with pytest.raises(ts.OrderError, match="price: 3490.5 is not a multiple of 1"):
        engine.settle(3490.5)
    with pytest.raises(ts.OrderError, match="settlement prices are needed for ASSET"):
        engine.day_roll({"OTHER": 3500})


def test_money_beyond_the_range_is_refused_before_the_tick() -> None:
    engine = engine_of(lot="0.000001", tick_size=1000)
    engine.step(1, 40_000, LOT, 0)
    engine.place_order(ts.Order("MARKET", "BUY", 1000))
    state = engine.state_hash
    with pytest.raises(ts.MoneyOverflowError):
        engine.step(2, 40_000, LOT, 0)
    assert engine.state_hash == state


def test_a_snapshot_is_exact_and_does_not_change() -> None:
    engine = engine_of()
    before = engine.get_snapshot()
    engine.step(5, 12_345, LOT, 0)
    after = engine.get_snapshot()
    assert (before.ts_ms, after.ts_ms) == (0, 5)
    assert before != after
    assert after == engine.get_snapshot()
    assert after.last_price == 123.45
    assert after.cash_decimal == Decimal(after.cash_units) / UNIT
    with pytest.raises(AttributeError):
        after.cash = 1.0  # type: ignore[misc]
    assert repr(after).startswith("Snapshot(ts_ms=5, cash=100000.0, position=0.0")


# Ticks, one by one and many at once.


@pytest.mark.parametrize(
    ("tick", "message"),
    [
        ((0, 10_000, 1, 0), "the clock is at 1: time is 0: time is before the engine's clock"),
        ((2, 0, 1, 0), "price_ticks is 0: price is out of range"),
        ((2, 10_000, 0, 0), "qty_lots is 0: quantity must be from 1"),
        ((2, 10_000, 1, 2), "side must be 0 (BUY) or 1 (SELL), was 2"),
        ((2, 10_000, 1, 0, 7), "instrument 7 must be below 1"),
        ((2, 10_000, 1, 0, 0, 9_999), "a quote needs a bid and an ask"),
        ((2, 10_000, 1, 0, 0, 10_001, 9_999), "bid_ticks is 10001: bid or ask is out of range"),
    ],
)
def test_a_bad_tick_is_refused_whole(tick: tuple[int, ...], message: str) -> None:
    engine = engine_of()
    engine.step(1, 10_000, LOT, 0)
    state = engine.state_hash
    with pytest.raises(ts.DataError) as caught:
        engine.step(*tick)
    assert caught.value.message.startswith(message)
    assert engine.state_hash == state


def test_a_tick_keeps_what_it_was_given() -> None:
    tick = ts.Tick(
        ts_ms=5, price_tick_i64=100, qty="0.25", side="SELL", bid_ticks=99, ask_ticks=101
    )
    assert (tick.ts_ms, tick.time, tick.price_tick_i64, tick.price_ticks) == (5, 5, 100, 100)
    assert (tick.qty, tick.side, tick.bid_ticks, tick.ask_ticks) == (0.25, "SELL", 99, 101)
    assert tick == ts.Tick(5, 100, 0.25, "SELL", bid_ticks=99, ask_ticks=101)
    assert hash(tick) == hash(ts.Tick(5, 100, 0.25, "SELL", bid_ticks=99, ask_ticks=101))
    assert tick != ts.Tick(5, 100, 0.25, "SELL")
    with pytest.raises(ts.DataError, match="side 'sell' is not known"):
        ts.Tick(5, 100, 1, "sell")
    with pytest.raises(TypeError):
        ts.Tick(5, 100.5, 1, "SELL")  # type: ignore[arg-type]
    with pytest.raises(ts.DataError, match="qty: 1e-7 is not a multiple of 0.000001"):
        engine_of().step_tick(ts.Tick(5, 100, 1e-7, "SELL"))


def arrays(rows: int) -> tuple[Any, Any, Any, Any]:
    random = np.random.default_rng(3)
    time = np.cumsum(random.integers(0, 3, rows))
    prices = 10_000 + np.cumsum(random.integers(-3, 4, rows))
    return (
        time,
        prices,
        random.integers(1, 5_000_000, rows) / 1e6,
        random.integers(0, 2, rows).astype(np.uint8),
    )


@pytest.mark.parametrize(
    ("index", "column", "message"),
    [
        (0, np.arange(9.0), "timestamps must be a one-dimensional array of int64, was ndarray of"),
        (0, np.arange(18)[::2], "timestamps is not contiguous"),
        (1, np.ones(9, dtype=np.int32), "price_ticks must be a one-dimensional array of int64"),
        (1, [1] * 9, "price_ticks must be a one-dimensional array of int64, was list"),
        (1, np.ones(8, dtype=np.int64), "price_ticks has 8 rows, timestamps has 9"),
        (2, np.ones(9, dtype=np.float32), "qtys must be an array of float64 (units) or int64"),
        (2, np.ones(18)[::2], "qtys is not contiguous"),
        (2, np.ones(7), "qtys has 7 rows, timestamps has 9"),
        (2, np.array([1.0] * 8 + [1e-7]), "row 8: 1e-7 is not a multiple of 0.000001"),
        (2, np.array([1.0] * 8 + [-1.0]), "row 8: a quantity is -1.0: it must be above 0"),
        (2, np.zeros(9, dtype=np.int64), "row 0: qty_lots is 0: quantity must be from 1"),
        (3, np.zeros(9, dtype=np.int64), "sides must be a one-dimensional array of uint8"),
        (3, np.full(9, 3, dtype=np.uint8), "row 0: side is 3: side must be 0"),
        (0, np.arange(9)[::-1].copy(), "row 1: time is 7: time is before"),
    ],
)
def test_arrays_are_taken_in_place_or_refused(index: int, column: Any, message: str) -> None:
    columns: list[Any] = list(arrays(9))
    columns[index] = column
    engine = engine_of()
    state = engine.state_hash
    with pytest.raises(ts.DataError) as caught:
        engine.step_batch_numpy(*columns)
    assert caught.value.message.startswith(message)
    assert engine.state_hash == state


def test_lists_are_read_exactly() -> None:
    engine = engine_of()
    result = engine.step_batch([1, 2, 3], [100, 101, 102], [1, 0.5, "0.25"], ["BUY", "SELL", "BUY"])
    assert result.ticks_done == 3
    with pytest.raises(ts.DataError, match="timestamps must be integers"):
        engine.step_batch([4.5], [100], [1], [0])  # type: ignore[list-item]
    with pytest.raises(ts.DataError, match="price_ticks must be integers"):
        engine.step_batch([4], [100.5], [1], [0])  # type: ignore[list-item]
    with pytest.raises(ts.DataError, match="sides at row 0 must be 0"):
        engine.step_batch([4], [100], [1], [2])
    with pytest.raises(ts.DataError, match="row 0: time is 2"):
        engine.step_batch([2], [100], [1], [0])
    assert engine.step_batch([], [], [], []).ticks_done == 0


# One market, many ways through it: the digests are equal.

Way = Callable[[ts.Engine, ts.Ticks, dict[int, list[ts.Order]]], None]


def by_step(engine: ts.Engine, ticks: ts.Ticks, plan: dict[int, list[ts.Order]]) -> None:
    columns = (ticks.time, ticks.price_ticks, ticks.qty_lots, ticks.side)
    for row, tick in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        engine.step(*tick)
        place(engine, plan, row)


def by_step_tick(engine: ts.Engine, ticks: ts.Ticks, plan: dict[int, list[ts.Order]]) -> None:
    for row in range(len(ticks)):
        given = ticks[row]
        engine.step_tick(ts.Tick(given.ts_ms, given.price_tick_i64, given.qty, given.side))
        place(engine, plan, row)


def by_cursor(engine: ts.Engine, ticks: ts.Ticks, plan: dict[int, list[ts.Order]]) -> None:
    engine.bind(ticks)
    for row, tick in enumerate(engine.cursor()):
        assert tick == ticks[row]
        place(engine, plan, row)


def by_advance(engine: ts.Engine, ticks: ts.Ticks, plan: dict[int, list[ts.Order]]) -> None:
    engine.bind(ticks)
    row = -1
    for stop in [*sorted(plan), len(ticks) - 1]:
        assert engine.advance(stop - row).ticks_done == stop - row
        row = stop
        place(engine, plan, row)
        plan = {key: orders for key, orders in plan.items() if key > row}


def by_arrays(engine: ts.Engine, ticks: ts.Ticks, plan: dict[int, list[ts.Order]]) -> None:
    start = 0
    for stop in [*sorted(plan), len(ticks) - 1]:
        part = ticks[start : stop + 1]
        engine.step_batch_numpy(part.time, part.price_ticks, part.qtys, part.side)
        place(engine, plan, stop)
        plan = {key: orders for key, orders in plan.items() if key > stop}
        start = stop + 1


def by_lists(engine: ts.Engine, ticks: ts.Ticks, plan: dict[int, list[ts.Order]]) -> None:
    for row in range(len(ticks)):
        part = ticks[row : row + 1]
        engine.step_batch(
            part.time.tolist(), part.price_ticks.tolist(), part.qtys.tolist(), part.side.tolist()
        )
        place(engine, plan, row)


def by_schedule(engine: ts.Engine, ticks: ts.Ticks, plan: dict[int, list[ts.Order]]) -> None:
    rows = [(row, order) for row in sorted(plan) for order in plan[row]]
    engine.bind(ticks)
    if not rows:
        engine.advance()
        return
    nan = float("nan")
    numbers = {
        name: [nan if getattr(o, name) is None else float(getattr(o, name)) for _, o in rows]
        for name in ("qty", "price", "trigger", "trail")
    }
    result = engine.run_orders(
        {
            "tick_index": [row for row, _ in rows],
            "order_type": [order.order_type for _, order in rows],
            "side": [order.side for _, order in rows],
            "time_in_force": [order.time_in_force for _, order in rows],
            "tag": [order.tag for _, order in rows],
            **numbers,
        }
    )
    assert result.rows_done == len(rows)


def by_saving(engine: ts.Engine, ticks: ts.Ticks, plan: dict[int, list[ts.Order]]) -> None:
    saved = ts.Engine.load(engine.save()).fork()
    for row in range(len(ticks)):
        saved.step_tick(ticks[row])
        place(saved, plan, row)
        saved = ts.Engine.load(saved.save()).fork()
    engine.step_batch_numpy(ticks.time, ticks.price_ticks, ticks.qtys, ticks.side)
    assert saved.get_snapshot().tick_index == len(ticks) - 1
    engine.saved = saved  # type: ignore[attr-defined]


def place(engine: ts.Engine, plan: dict[int, list[ts.Order]], row: int) -> None:
    for order in plan.get(row, []):
        engine.place_order(order)


def order_of(kind: str, side: str, qty: int, distance: int, tag: int) -> ts.Order:
    price = (10_000 + distance) / 100
    numbers: dict[str, Any] = {"LIMIT": {"price": price}, "STOP": {"trigger": price}}.get(kind, {})
    if kind == "TRAILING_STOP":
        numbers = {"trail": (abs(distance) + 1) / 100}
    if kind == "STOP_LIMIT":
        numbers = {"price": price, "trigger": (10_000 - distance) / 100}
    return ts.Order(kind, side, qty / 4, tag=tag, **numbers)


ORDERS = st.builds(
    order_of,
    st.sampled_from(["MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP"]),
    st.sampled_from(["BUY", "SELL"]),
    st.integers(1, 20),
    st.integers(-12, 12),
    st.integers(0, 9),
)


@settings(max_examples=200, deadline=None)
@given(
    moves=st.lists(st.tuples(st.integers(0, 2), st.integers(-4, 4)), min_size=1, max_size=80),
    plan=st.dictionaries(st.integers(0, 79), st.lists(ORDERS, min_size=1, max_size=3), max_size=12),
    rules=st.sampled_from(
        [
            {},
            {"fill": "through", "spread_bps": 0},
            {"quantity": "volume", "participation": "0.3"},
            {"account": "cash", "initial_cash": 2_000, "allow_short": False},
            {"latency": 2},
        ]
    ),
)
def test_all_paths_through_one_market_are_equal(
    moves: list[tuple[int, int]], plan: dict[int, list[ts.Order]], rules: dict[str, Any]
) -> None:
    times = np.cumsum([pause for pause, _ in moves])
    prices = 10_000 + np.cumsum([move for _, move in moves])
    ticks = ticks_of(prices.tolist(), times.tolist())
    plan = {row: orders for row, orders in plan.items() if row < len(moves)}
    config = ts.EngineConfig(**rules)
    outcomes = []
    paths: tuple[Way, ...] = (
        by_step, by_step_tick, by_cursor, by_advance, by_arrays, by_lists, by_schedule,
    )  # fmt: skip
    for path in paths:
        engine = ts.Engine(config)
        path(engine, ticks, dict(plan))
        outcomes.append((engine.digest, engine.state_hash, engine.get_snapshot()))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    stopped = ts.Engine(config)
    by_saving(stopped, ticks, plan)
    assert stopped.saved.state_hash == outcomes[0][1]  # type: ignore[attr-defined]


@settings(max_examples=200, deadline=None)
@given(
    first=st.lists(st.integers(0, 9), max_size=40),
    second=st.lists(st.integers(0, 9), max_size=40),
    cuts=st.lists(st.integers(1, 7), max_size=30),
)
def test_two_instruments_merge_in_one_order(
    first: list[int], second: list[int], cuts: list[int]
) -> None:
    config = ts.EngineConfig(instruments=[ts.Instrument("A"), ts.Instrument("B", tick_size="0.1")])
    data = {
        "B": ticks_of([900 + time for time in sorted(second)], sorted(second), tick_size="0.1"),
        "A": ticks_of([800 + time for time in sorted(first)], sorted(first)),
    }
    looped, cut, whole = ts.Engine(config), ts.Engine(config), ts.Engine(config)
    orders = [
        ts.Order("LIMIT", "BUY", 1, "8.04", symbol="A"),
        ts.Order("STOP", "BUY", 1, trigger="90.5", symbol="B"),
    ]
    for engine in (looped, cut, whole):
        engine.bind(data)
        for order in orders:
            engine.place_order(order)
    seen = [(tick.time, tick.instrument) for tick in looped.cursor()]
    assert seen == sorted([(time, 0) for time in first] + [(time, 1) for time in second])
    for k in cuts:
        clock = cut.time
        assert cut.advance(k).ticks_done <= k
        assert cut.time >= clock
    cut.advance(until=5)
    cut.advance()
    assert whole.advance().ticks_done == len(seen)
    assert looped.digest == cut.digest == whole.digest
    assert looped.state_hash == cut.state_hash == whole.state_hash


def test_many_instruments_merge_in_one_order() -> None:
    random = np.random.default_rng(5)
    sizes = ["0.01", "0.1"]
    symbols = [f"S{index:02d}" for index in range(70)]
    listed = [ts.Instrument(name, tick_size=sizes[place % 2]) for place, name in enumerate(symbols)]
    data = {}
    for place, name in enumerate(symbols):
        times = np.sort(random.integers(0, 60, random.integers(0, 40))).tolist()
        prices = (1_000 + random.integers(-9, 10, len(times))).tolist()
        data[name] = ticks_of(prices, times, tick_size=sizes[place % 2])
    after = np.sort(random.integers(0, 60, 200))
    traded = random.integers(0, 70, 200)
    near = np.where(traded % 2, 99.5, 9.95) + random.integers(0, 10, 200) / 10 ** (2 - traded % 2)
    orders: dict[str, npt.ArrayLike] = {
        "time": after,
        "symbol": np.array(symbols)[traded],
        "order_type": "LIMIT",
        "side": np.where(random.integers(0, 2, 200), "BUY", "SELL"),
        "qty": 1.0,
        "price": near,
        "time_in_force": "GTD",
        "expire_ts": after + random.integers(1, 30, 200),
    }

    def order(row: int) -> ts.Order:
        fields = {name: np.broadcast_to(column, 200)[row] for name, column in orders.items()}
        price, until = round(float(fields["price"]), 2), int(fields["expire_ts"])
        return ts.Order(
            "LIMIT", str(fields["side"]), 1, price, symbol=str(fields["symbol"]),
            time_in_force="GTD", expire_ts=until,
        )  # fmt: skip

    merged = sorted(
        (time, place) for place, name in enumerate(symbols) for time in data[name].time.tolist()
    )

    def by_cursor(engine: ts.Engine) -> None:
        """One by one, but for some that `advance` takes in between."""
        seen = 0
        for row, time in enumerate(after.tolist()):
            while seen < len(merged) and merged[seen][0] <= time:
                if row % 3 == 0:
                    seen += engine.advance(2, until=time + 1).ticks_done
                    continue
                tick = next(iter(engine.cursor()))
                assert (tick.time, tick.instrument) == merged[seen]
                seen += 1
            engine.place_order(order(row))
        assert engine.advance().ticks_done == len(merged) - seen

    def by_advance(engine: ts.Engine) -> None:
        for row, time in enumerate(after.tolist()):
            engine.advance(until=time + 1)
            engine.place_order(order(row))
        engine.advance()

    def by_schedule(engine: ts.Engine) -> None:
        assert engine.run_orders(orders).rows_done == 200

    outcomes = set()
    for way in (by_cursor, by_advance, by_schedule):
        engine = ts.Engine(ts.EngineConfig(instruments=listed))
        engine.bind(data)
        way(engine)
        kinds = set(engine.events["kind"].tolist())
        assert {_kernel.EVENT_KINDS["FILLED"], _kernel.EVENT_KINDS["EXPIRED"]} <= kinds
        outcomes.add((engine.digest, engine.state_hash))
    assert len(outcomes) == 1


def test_advance_stops_where_it_is_told() -> None:
    engine = engine_of()
    engine.bind(ticks_of([100, 99, 98, 97, 96], [10, 20, 20, 30, 40]))
    engine.place_order(ts.Order("LIMIT", "BUY", 1, "0.98"))
    assert engine.advance(until=20).ticks_done == 1
    result = engine.advance(stop_on="FILLED")
    assert (result.ticks_done, result.has("FILLED"), result.has("ALERT")) == (2, True, False)
    assert engine.time == 20
    assert engine.advance(1, until=100).ticks_done == 1
    assert engine.advance(until="1970-01-01T00:00:00.040").ticks_done == 0
    assert engine.advance(stop_on=["FILLED", "CANCELLED"]).ticks_done == 1
    assert engine.advance().ticks_done == 0
    with pytest.raises(ts.OrderError, match="stop_on 'FILLS' is not known"):
        engine.advance(stop_on="FILLS")
    assert engine.advance(0).ticks_done == 0
    with pytest.raises(ts.DataError, match="k is -1: it must be 0 or more"):
        engine.advance(-1)
    with pytest.raises(ts.StateError, match="no ticks are bound"):
        engine_of().advance()
    with pytest.raises(ts.StateError, match="no ticks are bound"):
        engine_of().cursor()


def test_bound_ticks_must_fit_the_engine() -> None:
    engine = engine_of(tick_size=0.01)
    for ticks, message in (
        (
            ticks_of([1], tick_size="0.1"),
            "tick_size of the ticks is 0.1, of the engine's ASSET 0.01",
        ),
        (ticks_of([1], lot="0.001"), "lot of the ticks is 0.001, of the engine's ASSET 0.000001"),
        (ticks_of([1], time_unit="us"), "time_unit of the ticks is us, of the engine's ASSET ms"),
    ):
        with pytest.raises(ts.ConfigError) as caught:
            engine.bind(ticks)
        assert caught.value.message == message
    named = ts.Engine(ts.EngineConfig(instruments=[ts.Instrument("BTC")]))
    with pytest.raises(ts.ConfigError, match="the ticks are of ETH, the engine trades BTC"):
        named.bind(ticks_of([1], symbol="ETH"))
    named.bind({"BTC": ticks_of([1], symbol="ETH")})
    with pytest.raises(ts.ConfigError, match="the engine has no instrument 'XRP'"):
        named.bind({"XRP": ticks_of([1])})
    with pytest.raises(ts.DataError, match="the data of BTC must be Ticks or Bars, was list"):
        named.bind({"BTC": [1]})  # type: ignore[dict-item]
    pair = ts.Engine(ts.EngineConfig(instruments=[ts.Instrument("A"), ts.Instrument("B")]))
    with pytest.raises(ts.ConfigError, match="the engine has 2 instruments: A, B"):
        pair.bind(ticks_of([1]))
    with pytest.raises(ts.ConfigError, match="say which with symbol"):
        pair.get_snapshot()
    assert pair.positions == {"A": 0.0, "B": 0.0}


def test_a_cursor_never_changes_a_tick_that_was_kept() -> None:
    engine = engine_of()
    ticks = ticks_of(list(range(100, 200)))
    engine.bind(ticks)
    cursor = engine.cursor()
    kept = [next(cursor), next(cursor)]
    pairs = list(zip(cursor, range(3), strict=False))
    kept += [tick for tick, _ in pairs]
    del pairs
    kept += [tick for tick in cursor if tick.price_ticks % 2]
    expected = [100, 101, 102, 103, 104, *range(107, 200, 2)]
    assert [tick.price_ticks for tick in kept] == expected


def test_what_is_asked_in_a_long_quiet_loop_knows_every_row_shown() -> None:
    """Far behind a silent engine the cursor runs ahead of the kernel; nobody may notice."""
    ticks = ticks_of(list(range(100, 700)))
    looped, stepped = engine_of(), engine_of()
    looped.bind(ticks)
    for row, tick in enumerate(looped.cursor()):
        stepped.step_tick(ticks[row])
        if row in (150, 151, 400):
            assert looped.get_snapshot() == stepped.get_snapshot()
            assert looped.state_hash == stepped.state_hash
        if row == 450:
            for engine in (looped, stepped):
                engine.place_order(ts.Order("LIMIT", "SELL", 1, price=5.6))
        assert tick.price_ticks == 100 + row
    assert looped.digest == stepped.digest and looped.event_count == stepped.event_count == 2
    assert looped.state_hash == stepped.state_hash


def test_a_list_that_holds_itself_is_no_kind_of_event() -> None:
    kinds: list[Any] = ["FILLED"]
    kinds.append(kinds)
    engine = engine_of()
    engine.bind(ticks_of([100, 101]))
    with pytest.raises(TypeError, match="stop_on must be the name of an event kind"):
        engine.advance(stop_on=kinds)


def test_slices_and_repeated_binding_go_on_in_time() -> None:
    ticks = ticks_of(list(range(100, 400)))
    whole, pieces = engine_of(), engine_of()
    for engine in (whole, pieces):
        engine.place_order(ts.Order("STOP", "BUY", 1, trigger="2.5"))
    whole.bind(ticks)
    whole.advance()
    for start in range(0, 300, 70):
        pieces.bind(ticks[start : start + 70])
        pieces.advance()
    assert pieces.state_hash == whole.state_hash
    whole.reset()
    assert whole.advance(10).ticks_done == 10
    assert whole.time == 10
    pieces.bind(ticks[:5])
    with pytest.raises(ts.DataError, match="time is 1: time is before"):
        pieces.advance()


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        (
            {"order_type": "MARKET", "side": "BUY", "qty": 1.0},
            "orders needs either a column 'time'",
        ),
        ({"time": [1], "tick_index": [1]}, "orders needs either a column 'time'"),
        ({"time": [1], "side": "BUY"}, "orders has no column 'order_type'"),
        ({"time": [1], "colour": ["red"]}, "orders has a column 'colour' that no order has"),
        (
            {"time": [1], "order_type": "MARKET", "side": "BUY", "qty": [1.0, 2.0]},
            "the column 'qty'",
        ),
        (
            {"time": [1.5], "order_type": "MARKET", "side": "BUY", "qty": 1.0},
            "time must be integers",
        ),
        (
            {"time": [1], "order_type": "MAGIC", "side": "BUY", "qty": 1.0},
            "order_type at row 0 is 'MAGIC'",
        ),
        ({"time": [1], "order_type": 99, "side": "BUY", "qty": 1.0}, "order_type at row 0 is"),
        ({"time": [1], "order_type": "MARKET", "side": "UP", "qty": 1.0}, "side at row 0"),
        (
            {"time": [1, 2], "order_type": "MARKET", "side": 0, "qty": [1.0, 1e-7]},
            "qty at row 1: 1e-7 is not a multiple",
        ),
        (
            {"time": [2, 1], "order_type": "MARKET", "side": 0, "qty": 1.0},
            "row 1: time is 1: a schedule row comes before",
        ),
        (
            {"time": [1, 2], "order_type": "LIMIT", "side": 0, "qty": 1.0, "price": [1.0, np.nan]},
            "row 1: price_ticks is 0: price_ticks is missing",
        ),
        (
            {"time": [1], "order_type": "MARKET", "side": 0, "qty": 1.0, "tag": -1},
            "tag at row 0 must be 0 or more, was -1",
        ),
        (
            {"time": [1], "order_type": "MARKET", "side": 0, "qty": 1.0, "post_only": 1},
            "post_only must be booleans",
        ),
    ],
)
def test_a_bad_schedule_is_refused_whole(orders: dict[str, Any], message: str) -> None:
    engine = engine_of()
    engine.bind(ticks_of([100, 101, 102]))
    state = engine.state_hash
    with pytest.raises(ts.OrderError) as caught:
        engine.run_orders(orders)
    assert caught.value.message.startswith(message)
    assert engine.state_hash == state


def test_schedules_know_symbols_flags_and_market_prices() -> None:
    config = ts.EngineConfig(
        spread_bps=0,
        instruments=[ts.Instrument("A", tick_size="0.5"), ts.Instrument("B", tick_size="0.01")],
    )
    engine = ts.Engine(config)
    engine.bind(
        {
            "A": ticks_of([20, 21], [1, 3], tick_size="0.5"),
            "B": ticks_of([500, 501], [2, 4]),
        }
    )
    result = engine.run_orders(
        {
            "time": [1, 2],
            "symbol": ["A", "B"],
            "order_type": ["MARKET", "LIMIT"],
            "side": "BUY",
            "qty": [1.0, 2.0],
            "price": [7.77, 5.03],
            "oco_group": np.array([0, 3], dtype=np.uint64),
            "post_only": [False, False],
            "tag": [5, 6],
        }
    )
    assert (result.rows_done, result.ticks_done) == (2, 4)
    assert engine.trades["price"].tolist() == [10.5, 5.01]
    assert engine.trades["tag"].tolist() == [5, 6]
    assert engine.positions == {"A": 1.0, "B": 2.0}


# Answers.


def test_events_are_the_records_of_the_kernel() -> None:
    engine = engine_of()
    engine.step(1, 10_000, LOT, 0)
    engine.place_order(ts.Order("MARKET", "BUY", 1, tag=9))
    engine.step(2, 10_000, LOT, 0)
    events = engine.events
    assert events.dtype == ts.EVENT_DTYPE
    assert ts.EVENT_DTYPE.itemsize == 88
    assert events["kind"].tolist() == [ts.EventKind.ACCEPTED, ts.EventKind.FILLED]
    assert events["sequence"].tolist() == [1, 2]
    fill = engine.fills[0]
    assert (fill["price_ticks"], fill["qty_lots"], fill["tag"]) == (10_001, LOT, 9)
    digest = engine.digest
    assert engine.drain_events().tobytes() == events.tobytes()
    assert engine.event_count == 0
    assert engine.digest == digest
    engine.cancel_all()
    engine.place_order(ts.Order("MARKET", "BUY", 1))
    assert engine.events["sequence"].tolist() == [3]


def test_thousands_of_orders_need_no_capacity() -> None:
    engine = engine_of()
    count = 5_000
    for price in range(count):
        engine.place_order(ts.Order("LIMIT", "BUY", 1, price=(price + 1) / 100))
    assert len(engine.open_orders()) == count
    engine.step(1, 1, LOT, 0)
    engine.step(2, 1, LOT, 0)  # the lowest limit was inside the spread and has rested
    assert len(engine.fills) == count
    assert engine.position == count


def test_history_is_kept_where_it_was_asked_for() -> None:
    engine = engine_of(history=3)
    engine.place_order(ts.Order("MARKET", "BUY", 1.5))
    for time in range(5):
        engine.step(time, 10_000 + time, LOT, 0)
    history = engine.history
    assert history["ts_ms"].tolist() == [2, 3, 4]
    snapshot = engine.get_snapshot()
    for name in ("cash", "position", "avg_entry_price", "unrealized_pnl", "equity", "fees"):
        assert history[name][-1] == getattr(snapshot, name)
    engine.reset()
    assert len(engine.history) == 0
    with pytest.raises(ts.StateError, match="keeps no history"):
        _ = engine_of().history


def test_saved_engines_keep_their_sizes_and_go_on() -> None:
    config = ts.EngineConfig(time_unit="us", instruments=[ts.Instrument("BTC", tick_size="0.1")])
    engine = ts.Engine(config)
    engine.step(1, 10_000, LOT, 0)
    engine.place_order(ts.Order("LIMIT", "BUY", 1, "999.9"))
    saved = engine.save()
    assert saved == engine.fork().save()
    loaded = ts.Engine.load(saved)
    assert loaded.config.canonical() == config.canonical()
    assert loaded.state_hash == engine.state_hash
    for each in (engine, loaded):
        each.step(2, 9_000, LOT, 0)
    assert loaded.digest == engine.digest
    assert loaded.get_snapshot().position == 1.0


def test_damaged_bytes_are_not_loaded() -> None:
    saved = engine_of().save()
    for place in range(0, len(saved), 7):
        damaged = bytearray(saved)
        damaged[place] ^= 1
        with pytest.raises(ts.StateError):
            ts.Engine.load(bytes(damaged))
    for cut in (0, 5, len(saved) - 1):
        with pytest.raises(ts.StateError):
            ts.Engine.load(saved[:cut])


def test_a_forged_configuration_is_not_loaded() -> None:
    body = engine_of().save()[:-32]
    for old, new in (
        (b'"0.000001"', b'"0.000002"'),
        (b'"0.0001"', b'"0.0003"'),
        (b'"tick_size"', b'"tock_size"'),
        (b'"touch"', b'"tooth"'),
        (b'"initial_cash"', b'"initial_cask"'),
        (b"{", b"["),
    ):
        forged = body.replace(old, new)
        with pytest.raises(ts.StateError):
            ts.Engine.load(forged + hashlib.sha256(forged).digest())


def test_forks_are_independent() -> None:
    engine = engine_of()
    engine.bind(ticks_of([100, 101, 102, 103]))
    engine.place_order(ts.Order("STOP", "BUY", 1, trigger="1.02"))
    engine.advance(1)
    other = engine.fork()
    assert other.events.tobytes() == engine.events.tobytes()
    other.cancel_all()
    assert engine.advance().ticks_done == other.advance().ticks_done == 3
    assert (engine.position, other.position) == (1.0, 0.0)
    assert isinstance(other, ts.Engine)


# Documentation.


def stub_examples() -> list[doctest.DocTest]:
    """Examples of the native classes, whose docstrings stand in the stub; pytest runs the others."""
    stub = ast.parse(Path(ts.__file__).with_name("_kernel.pyi").read_text(encoding="utf-8"))
    parser = doctest.DocTestParser()
    found = [
        parser.get_doctest(ast.get_docstring(node) or "", {}, node.name, None, node.lineno)
        for node in ast.walk(stub)
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    ]
    return [test for test in found if test.examples]


@pytest.mark.parametrize("example", stub_examples(), ids=lambda example: example.name)
def test_examples_of_the_stub_run(example: doctest.DocTest) -> None:
    assert doctest.DocTestRunner().run(example).failed == 0


# Threads and signals.

ROWS_LONG = 12_000_000


@pytest.fixture(scope="module")
def long_columns() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    return np.ones(ROWS_LONG, dtype=np.int64), np.zeros(ROWS_LONG, dtype=np.uint8)


def test_a_long_batch_lets_other_threads_run_and_keeps_its_engine(
    long_columns: tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]],
) -> None:
    ones, sides = long_columns
    engine = engine_of()
    batch = threading.Thread(target=engine.step_batch_numpy, args=(ones, ones, ones, sides))
    batch.start()
    rounds = 0
    while batch.is_alive():
        rounds += 1
    batch.join()
    assert rounds > 0
    assert engine.get_snapshot().tick_index == ROWS_LONG - 1


def engine_that_looks_at_every_tick() -> ts.Engine:
    """Nothing may be skipped while an order waits for its share of the volume."""
    engine = engine_of(quantity="volume", participation="0.000001")
    engine.place_order(ts.Order("LIMIT", "BUY", 1, "0.01"))
    return engine


def test_a_signal_stops_a_long_batch_between_two_ticks(
    long_columns: tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]],
) -> None:
    ones, sides = long_columns
    engine = engine_that_looks_at_every_tick()
    before = signal.signal(signal.SIGVTALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.001)
        with pytest.raises(KeyboardInterrupt):
            engine.step_batch_numpy(ones, ones, ones, sides)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    done = engine.get_snapshot().tick_index + 1
    assert done in (4_000_000, 8_000_000)
    assert engine.step_batch_numpy(ones[done:], ones[done:], ones[done:], sides[done:]).ticks_done
    whole = engine_that_looks_at_every_tick()
    whole.step_batch_numpy(ones, ones, ones, sides)
    assert whole.state_hash == engine.state_hash


def test_what_is_done_to_a_canonical_configuration_stays_there() -> None:
    config = ts.EngineConfig(price_band=(1, 2), latency=3)
    written = config.canonical()
    again = config.canonical()
    written["latency"] = "9"
    written["instruments"][0]["price_band"].append("7")
    written["instruments"][0]["fill"] = "never"
    assert config.canonical() == again != written
    assert replace(config, latency=4).canonical() == again | {"latency": "4"}
