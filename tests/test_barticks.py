"""Bars in an engine: their rows, and what orders get of them."""

from __future__ import annotations

import numpy as np
import pytest

import tickstep as ts
from tickstep.barticks import BarTicks

BARS = ts.Bars.from_arrays(
    [0, 60_000, 120_000],
    ["100", "104", "99"],
    ["103", "110", "101"],
    ["98", "103", "90"],
    ["102", "108", "95"],
    [50, 40, 0],
    tick_size=1,
    lot=1,
    interval="1m",
    symbol="X",
)


def engine(**settings: object) -> ts.Engine:
    options = {"spread_bps": 0, "maker_fee": 0, "taker_fee": 0} | settings
    return ts.Engine(ts.EngineConfig(tick_size=1, lot=1, **options))  # type: ignore[arg-type]


def fills(of: ts.Engine) -> list[tuple[int, float, float]]:
    rows = of.events[of.events["kind"] == ts.EventKind.FILLED]
    return list(
        zip(
            rows["time"].tolist(),
            rows["price_ticks"].tolist(),
            rows["qty_lots"].tolist(),
            strict=True,
        )
    )


def test_two_rows_a_bar() -> None:
    rows = BarTicks(BARS)
    assert rows.time.tolist() == [0, 59_999, 60_000, 119_999, 120_000, 179_999]
    assert rows.price_ticks.tolist() == [100, 102, 104, 108, 99, 95]
    assert rows.columns["low_ticks"].tolist() == [100, 98, 104, 103, 99, 90]
    assert rows.columns["high_ticks"].tolist() == [100, 103, 104, 110, 99, 101]
    assert rows.columns["side"].tolist() == [0, 2, 0, 2, 0, 2]


def test_market_orders_trade_at_the_next_open() -> None:
    one = engine()
    one.bind(BARS)
    one.advance(2)
    one.place_order(ts.Order("MARKET", "BUY", 3))
    one.advance()
    assert fills(one) == [(60_000, 104, 3)]


def test_limits_trade_in_the_range_and_gaps_at_the_open() -> None:
    one = engine(fill="through")
    one.bind({"ASSET": BARS})
    one.place_order(ts.Order("LIMIT", "BUY", 1, price=98))  # touched alone in the first bar
    one.place_order(ts.Order("LIMIT", "SELL", 1, price=103))  # the second opens beyond
    one.advance()
    assert fills(one) == [(60_000, 103, -1), (179_999, 98, 1)]


@pytest.mark.parametrize(("order", "price"), [("stops_first", 103), ("limits_first", 109)])
def test_a_bar_that_reaches_both(order: str, price: int) -> None:
    one = engine(range_order=order)
    one.bind(BARS)
    one.place_order(ts.Order("MARKET", "BUY", 1))
    one.advance(3)
    one.place_order(ts.Order("STOP", "SELL", 1, trigger=103, oco_group=1))
    one.place_order(ts.Order("LIMIT", "SELL", 1, price=109, oco_group=1))
    one.advance()
    assert fills(one)[1:] == [(119_999, price, -1)]


def test_one_share_of_the_volume_for_the_whole_bar() -> None:
    one = engine(quantity="volume", participation="0.1")
    one.bind(BARS)
    one.place_order(ts.Order("MARKET", "BUY", 3))
    one.place_order(ts.Order("LIMIT", "BUY", 9, price=98))
    one.advance()
    # Five of the first bar, four of the second, whose low is above the limit; none of the third.
    assert fills(one) == [(0, 100, 3), (59_999, 98, 2)]


def test_one_step_at_a_time_gives_the_same() -> None:
    rng = np.random.default_rng(5)
    close = 1000 + rng.integers(-5, 6, 400).cumsum()
    open_ = np.concatenate([[1000], close[:-1]]) + rng.integers(-2, 3, 400)
    high = np.maximum(open_, close) + rng.integers(0, 6, 400)
    low = np.minimum(open_, close) - rng.integers(0, 6, 400)
    volume = rng.integers(0, 90, 400)
    bars = ts.Bars(
        np.arange(400) * 60_000, open_, high, low, close, volume, tick_size=1, lot=1, interval="1m"
    )
    digests = set()
    for step in (1, 7, 800):
        one = engine(quantity="volume", participation="0.1", fill="through")
        one.bind(bars)
        for offset in range(1, 30, 3):
            one.place_order(ts.Order("LIMIT", "BUY", 20, price=1000 - offset))
            one.place_order(ts.Order("STOP", "SELL", 15, trigger=1000 - 2 * offset))
        one.place_order(ts.Order("TRAILING_STOP", "SELL", 30, trail=9))
        while one.advance(step).ticks_done:
            pass
        digests.add(one.digest)
    assert len(digests) == 1
    assert len(fills(one)) > 20


def test_bars_not_cut_by_time_have_no_last_moment() -> None:
    bars = ts.Bars.from_arrays([0], ["5"], ["9"], ["4"], ["8"], [7], lot=1)
    with pytest.raises(ts.DataError, match="not cut by time"):
        engine().bind(bars)


def test_bad_ranges_are_named() -> None:
    columns = {name: np.array([5, 5], kind) for name, kind in BarTicks.DTYPES.items()}
    columns["side"][:] = 0
    columns["high_ticks"][1] = 4
    with pytest.raises(ts.DataError, match="row 1"):
        BarTicks.of_rows(
            columns,
            tick_size=1,
            lot=1,
            time_unit="ms",
            symbol=None,
            source=None,
            allow_negative_prices=False,
        )
