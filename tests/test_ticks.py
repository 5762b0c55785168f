"""Ticks: what is refused, what is shared, and what never changes."""

import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.ticks import to_time

ROWS = 1_000


def columns(rows: int = ROWS) -> dict[str, Any]:
    random = np.random.default_rng(7)
    return {
        "time": 1_700_000_000_000 + np.cumsum(random.integers(0, 3, rows)),
        "price_ticks": 10_000 + np.cumsum(random.integers(-2, 3, rows)),
        "qty_lots": random.integers(1, 5_000, rows),
        "side": random.integers(0, 2, rows).astype(np.uint8),
    }


def made(**changes: Any) -> ts.Ticks:
    arguments: dict[str, Any] = {**columns(), "tick_size": "0.01", "lot": "0.001", **changes}
    return ts.Ticks(**arguments)


def with_value(name: str, row: int, value: int) -> dict[str, Any]:
    changed = columns()
    changed[name][row] = value
    return changed


@pytest.mark.parametrize(
    ("name", "row", "value", "message"),
    [
        ("time", 17, 5, "row 17: time is 5: time is before"),
        ("time", 0, 2**62, "row 0: time is 4611686018427387904: time is not within"),
        ("price_ticks", 3, 0, "row 3: price_ticks is 0: price is out of range"),
        ("price_ticks", 999, 2**48, "row 999: price_ticks is 281474976710656: price is out of"),
        ("qty_lots", 512, 0, "row 512: qty_lots is 0: quantity must be from 1"),
        ("qty_lots", 5, -4, "row 5: qty_lots is -4: quantity must be from 1"),
        ("side", 700, 2, "row 700: side is 2: side must be 0"),
    ],
)
def test_a_bad_row_is_named_with_its_value_and_rule(
    name: str, row: int, value: int, message: str
) -> None:
    with pytest.raises(ts.DataError) as caught:
        made(**with_value(name, row, value))
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": np.arange(5)}, "the column price_ticks has 1000 rows, expected 5"),
        ({"side": np.zeros(7, dtype=np.uint8)}, "the column side has 7 rows, expected 1000"),
        ({"side": np.zeros(ROWS)}, "side must be a one-dimensional array of uint8, was ndarray of"),
        ({"price_ticks": np.ones(ROWS)}, "price_ticks must be a one-dimensional array of int64"),
        ({"time": np.zeros((ROWS, 1), dtype=np.int64)}, "time must be a one-dimensional array"),
        ({"qty_lots": [1] * ROWS}, "qty_lots must be a NumPy array, was list"),
        ({"bid_ticks": np.ones(ROWS, dtype=np.int64)}, "a quote needs a bid and an ask"),
    ],
)
def test_columns_of_another_shape_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ts.DataError) as caught:
        made(**changes)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time_unit": "m"}, "time_unit 'm' is not one of s, ms, us, ns"),
        ({"tick_size": 0}, "tick_size is 0: it must be above 0"),
        ({"lot": "nothing"}, 'lot: "nothing" is not a decimal number'),
        ({"lot": float("nan")}, "lot: NaN is not a finite number"),
    ],
)
def test_sizes_must_be_sizes(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ts.ConfigError) as caught:
        made(**changes)
    assert caught.value.message.startswith(message)


def test_views_are_read_only_and_prices_are_money() -> None:
    ticks = made()
    for column in (ticks.time, ticks.price_ticks, ticks.qty_lots, ticks.side):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1
    assert ticks.prices.tolist() == [price / 100 for price in columns()["price_ticks"].tolist()]
    assert ticks.qtys.tolist() == [lots / 1000 for lots in columns()["qty_lots"].tolist()]
    assert (ticks.tick_size, ticks.lot, ticks.time_unit) == (0.01, 0.001, "ms")
    assert ticks.datetimes[0] == np.datetime64(int(ticks.time[0]), "ms")


def test_arrays_that_can_be_written_to_are_copied_and_others_are_not() -> None:
    given = columns()
    ticks = ts.Ticks(**given, tick_size="0.01", lot="0.001")
    given["price_ticks"][:] = 1
    assert ticks.price_ticks[0] != 1
    for column in given.values():
        column.flags.writeable = False
    shared = ts.Ticks(**given, tick_size="0.01", lot="0.001")
    assert np.shares_memory(shared.time, given["time"])
    writable = np.arange(1, 2 * ROWS + 1)
    window = writable[:ROWS]
    window.flags.writeable = False
    copied = made(price_ticks=window)
    assert not np.shares_memory(copied.price_ticks, writable)


def test_a_tick_takes_at_most_26_bytes() -> None:
    random = np.random.default_rng(1)
    rows = 200_000
    ticks = ts.Ticks(
        np.arange(rows), random.integers(1, 100, rows), np.ones(rows, dtype=np.int64),
        np.zeros(rows, dtype=np.uint8), tick_size=1, lot=1,
    )  # fmt: skip
    assert ticks.nbytes / rows <= 26


def test_slices_share_the_columns_of_the_whole() -> None:
    ticks = made()
    part = ticks[100:200][10:]
    assert len(part) == 90
    assert np.shares_memory(part.time, ticks.time)
    assert part.price_ticks.tolist() == ticks.price_ticks[110:200].tolist()
    assert part.nbytes == ticks.nbytes
    assert len(ticks[500:400]) == 0
    assert len(ticks[-3:]) == 3
    thinned = ticks[10:100:7]
    assert thinned.time.tolist() == ticks.time[10:100:7].tolist()
    assert thinned.symbol == ticks.symbol
    with pytest.raises(ts.DataError, match="a step of -1 would turn time around"):
        ticks[::-1]


def test_a_row_is_a_tick() -> None:
    ticks = made()
    assert ticks[5].price_tick_i64 == ticks.price_ticks[5]
    assert ticks[-1].ts_ms == ticks.time[-1]
    assert ticks[5].qty == ticks.qtys[5]
    assert ticks[5].side == ("BUY", "SELL")[ticks.side[5]]
    with pytest.raises(IndexError):
        ticks[ROWS]
    with pytest.raises(IndexError):
        ticks[10:20][10]


def test_between_takes_the_start_and_leaves_the_stop() -> None:
    ticks = made(time=np.repeat(np.arange(ROWS // 10) * 1000, 10))
    part = ticks.between(5_000, 8_000)
    assert (part.time[0], part.time[-1], len(part)) == (5_000, 7_000, 30)
    same = ticks.between("1970-01-01T00:00:05", datetime(1970, 1, 1, 0, 0, 8, tzinfo=UTC))
    assert same.time.tolist() == part.time.tolist()
    assert len(ticks.between(None, np.datetime64(8, "s"))) == 80
    assert len(ticks.between(8_000, 5_000)) == 0
    assert len(part.between(6_000, None)) == 20
    assert len(ticks.between("1970-01-01 00:00:05Z", "1970-01-01T00:00:08.000")) == 30
    with pytest.raises(ts.DataError, match="has no time zone"):
        ticks.between(datetime(1970, 1, 1), None)
    with pytest.raises(ts.DataError, match="'noon' is not a time"):
        ticks.between("noon", None)
    with pytest.raises(ts.DataError, match="finer than one ms"):
        ticks.between("1970-01-01T00:00:05.0001", None)


@pytest.mark.parametrize(
    "time",
    ["now", "today", "", "NaT", "1970-01-01T02:00+02:00", None, True, 1.5, np.timedelta64(5)],
)
def test_what_is_no_time_is_refused(time: Any) -> None:
    with pytest.raises(ts.DataError, match="is not a time"):
        to_time(time, "ms")


@pytest.mark.parametrize("time", ["1500-01-01", "9999-12-31T23:59"])
def test_times_beyond_64_bits_do_not_wrap_around(time: str) -> None:
    assert to_time(time, "ms") == int(np.datetime64(time, "ms").astype(np.int64))
    with pytest.raises(ts.DataError, match="beyond what 64 bits of ns hold"):
        to_time(time, "ns")


def test_equal_data_has_an_equal_digest() -> None:
    ticks = made()
    digest = ticks.data_digest
    assert len(digest) == 64
    assert made(symbol="OTHER", source="elsewhere").data_digest == digest
    assert made(tick_size=0.01, lot=Decimal("0.0010")).data_digest == digest
    assert ticks[:].data_digest == digest
    assert ticks[1:].data_digest != digest
    assert ticks[1:].data_digest == made()[1:].data_digest
    assert made(tick_size="0.02").data_digest != digest
    assert made(time_unit="us").data_digest != digest
    assert made(**with_value("side", 3, 1 - columns()["side"][3])).data_digest != digest


def test_ticks_travel_between_processes() -> None:
    prices = columns()["price_ticks"]
    ticks = made(symbol="BTCUSDT", source="file", bid_ticks=prices - 1, ask_ticks=prices + 1)[3:50]
    other = pickle.loads(pickle.dumps(ticks))
    assert other.data_digest == ticks.data_digest
    assert (other.symbol, other.source) == ("BTCUSDT", "file")
    assert other.bid_ticks.tolist() == (prices - 1)[3:50].tolist()


def test_quotes_must_not_cross() -> None:
    prices = columns()["price_ticks"]
    with pytest.raises(ts.DataError, match="row 0: bid_ticks is .*: bid or ask is out of range"):
        made(bid_ticks=prices + 1, ask_ticks=prices)


def test_negative_prices_are_allowed_where_they_are_asked_for() -> None:
    negative = -columns()["price_ticks"]
    with pytest.raises(ts.DataError, match="row 0: price_ticks is -"):
        made(price_ticks=negative)
    ticks = made(price_ticks=negative, allow_negative_prices=True)
    assert ticks[3:5].prices.max() < 0
    engine = ts.Engine(ts.EngineConfig(lot="0.001"))
    with pytest.raises(ts.DataError, match="row 2: price_ticks is -"):
        engine.bind(ticks[2:5])
    engine = ts.Engine(ts.EngineConfig(lot="0.001", allow_negative_prices=True))
    engine.bind(ticks)
    assert engine.advance().ticks_done == ROWS


def test_from_arrays_reads_floats_lists_and_dates() -> None:
    qtys: list[str | Decimal] = ["0.5", Decimal("0.25")]
    ticks = ts.Ticks.from_arrays(
        np.array(["2024-01-01T00:00:00.001", "2024-01-01T00:00:00.002"], dtype="datetime64[ns]"),
        [100.0, 100.01],
        qtys,
        ["BUY", "SELL"],
        tick_size=0.01,
        lot="0.25",
        bids=[99.99, 100.0],
        asks=[100.01, 100.02],
    )
    assert ticks.time.tolist() == [1704067200001, 1704067200002]
    assert ticks.price_ticks.tolist() == [10000, 10001]
    assert ticks.qty_lots.tolist() == [2, 1]
    assert ticks.side.tolist() == [0, 1]
    assert ticks.ask_ticks is not None
    assert ticks.ask_ticks.tolist() == [10001, 10002]
    assert repr(ticks) == (
        "Ticks(2 rows, 2024-01-01T00:00:00.001 to 2024-01-01T00:00:00.002, tick 0.01, lot 0.25)"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], [100.005], [1.0], [0]), "prices at row 0: 100.005 is not a multiple of 0.01"),
        (([1, 2], [1.0, 2.0], [1.0, 1e-7], [0, 0]), "qtys at row 1: 1e-7 is not a multiple"),
        (([1.5], [1.0], [1.0], [0]), "time must be integers of at most 64 bits, was float64"),
        (([1], [1.0], [1.0], ["LONG"]), "sides at row 0 must be 'BUY' or 'SELL', was 'LONG'"),
        (
            ([1], [[1.0]], [1.0], [0]),
            "prices must have one dimension, was an array of shape (1, 1)",
        ),
        (([1], [1.0], [1.0], [3]), "sides at row 0 must be 0 (BUY) or 1 (SELL), was 3"),
        (([1], [float("nan")], [1.0], [0]), "prices at row 0: NaN is not a finite number"),
        (([1], [1.0], [float("inf")], [0]), "qtys at row 0: inf is not a finite number"),
        (([2, 1], [1.0, 1.0], [1.0, 1.0], [0, 0]), "row 1: time is 1: time is before"),
        ((["NaT"], [1.0], [1.0], [0]), "'NaT' is not a time"),
        (
            (np.array(["NaT"], dtype="datetime64[ms]"), [1.0], [1.0], [0]),
            "time at row 0 is not a time (NaT)",
        ),
        (
            (np.array(["2024-01-01T00:00:00.0001"], dtype="datetime64[us]"), [1.0], [1.0], [0]),
            "time 2024-01-01T00:00:00.000100 at row 0 is finer than one ms",
        ),
    ],
)
def test_from_arrays_rounds_nothing(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ts.DataError) as caught:
        ts.Ticks.from_arrays(*arguments, tick_size=0.01)
    assert caught.value.message.startswith(message)


def test_there_may_be_no_rows() -> None:
    ticks = ts.Ticks.from_arrays([], [], [], [], tick_size=1)
    assert len(ticks) == 0
    assert repr(ticks) == "Ticks(0 rows, tick 1, lot 0.000001)"
    assert ticks.data_digest != made().data_digest
    engine = ts.Engine(ts.EngineConfig(tick_size=1))
    engine.bind(ticks)
    assert engine.advance().ticks_done == 0
    assert list(engine.cursor()) == []


def test_order_flow_by_method_is_that_of_the_functions() -> None:
    ticks = ts.Ticks.from_arrays(
        [0, 400, 900, 1500], [1.0, 1.5, 1.0, 2.0], [1.0, 2.0, 4.0, 1.0], [0, 1, 0, 0], tick_size=0.5
    )
    an = ts.analytics
    assert np.array_equal(ticks.cumulative_delta(), an.calculate_cumulative_delta(ticks))
    imbalance = ticks.order_flow_imbalance(2)
    assert np.array_equal(imbalance, an.calculate_order_flow_imbalance(ticks, window=2), True)
    intensity = ticks.trade_intensity("1s")
    assert np.array_equal(intensity, an.calculate_trade_intensity(ticks, 1000), True)
    footprint, wanted = ticks.footprint("1s"), an.calculate_footprint(ticks, interval_ms=1000)
    assert all(np.array_equal(footprint[name], wanted[name]) for name in wanted)
    bars = ticks.candles("500ms")
    closes = an.calculate_realized_volatility(bars, 2, trading_periods=252)
    assert np.array_equal(bars.volatility(window=2, trading_periods=252), closes, True)
    ranges = an.calculate_parkinson_volatility(bars, window=1, annualize=False)
    assert np.array_equal(bars.volatility("parkinson", 1), ranges, True)
    with pytest.raises(ts.TickstepError, match="brownian"):
        bars.volatility("brownian")
