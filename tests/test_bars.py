"""Bars and books: columns under rules, views, and what they tell."""

import pickle
from decimal import Decimal

import numpy as np
import pytest

import tickstep as ts
from tickstep.bars import interval_text
from tickstep.intervals import interval_length


def minutes(**changes: object) -> ts.Bars:
    given: dict[str, object] = {
        "time": [0, 60_000, 180_000],
        "open": ["10.00", "10.10", "9.5"],
        "high": ["10.20", "10.10", "9.75"],
        "low": ["9.90", "10.00", "9.5"],
        "close": ["10.10", "10.05", "9.75"],
        "volume": ["1.5", "0", "2"],
        "interval": "1m",
        "symbol": "DEMO",
    }
    return ts.Bars.from_arrays(**(given | changes))  # type: ignore[arg-type]


def test_text_goes_to_integers_and_finds_its_grid() -> None:
    bars = minutes()
    assert bars.grids == ("0.01", "0.1")
    assert bars.open_ticks.tolist() == [1000, 1010, 950]
    assert bars.volume_lots.tolist() == [15, 0, 20]
    assert bars.close.tolist() == [10.1, 10.05, 9.75]


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([1.5, 2.25], "0.01"),
        (["9.0E-5"], "0.00001"),
        (["1.50e2"], "1"),
        ([Decimal("0.100")], "0.1"),
        ([3, 4], "1"),
    ],
)
def test_the_coarsest_grid(values: list[object], step: str) -> None:
    prices = [values[-1]]
    bars = ts.Bars.from_arrays([0], prices, prices, prices, prices, [1])  # type: ignore[arg-type]
    assert bars.grids[0] == step


def test_integers_are_ticks_on_a_given_grid() -> None:
    columns = {"open": [100], "high": [102], "low": [99], "close": [101], "volume": [7]}
    bars = ts.Bars.from_arrays([5], **columns, tick_size="0.25", lot="0.001")  # type: ignore[arg-type]
    assert bars[0] == (None, 5, None, 25.0, 25.5, 24.75, 25.25, 0.007, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time": [0, 0, 60_000]}, "time 0 at row 1 repeats"),
        ({"time": [0, 60_000, 30_000]}, "time 30000 at row 2 comes before"),
        ({"high": ["10.05", "10.10", "9.75"]}, "high_ticks 1005 at row 0 is below open or close"),
        ({"low": ["9.90", "10.06", "9.5"]}, "low_ticks 1006 at row 1 is above open or close"),
        ({"low": ["-1", "10.00", "9.5"]}, "low_ticks -100 at row 0 must be from 1 to"),
        ({"volume": ["1", "-2", "3"]}, "volume_lots -2 at row 1 must be 0 or more"),
        ({"buy_volume": ["1", "1", "0"]}, "buy_lots 10 at row 1 is above volume_lots"),
        ({"trade_count": [1, 2]}, "trade_count must be 3 numbers of int64"),
        ({"close": [10.1, float("nan"), 9.75]}, "close at row 1"),
    ],
)
def test_wrong_bars_name_row_and_rule(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ts.DataError, match=words.replace("(", r"\(")):
        minutes(**changes)


def test_bars_without_interval_may_share_a_start() -> None:
    bars = minutes(time=[0, 0, 5], interval=None)
    assert bars.interval is None
    with pytest.raises(ts.DataError, match="not cut by time"):
        _ = bars.end_time


def test_months_have_their_own_lengths() -> None:
    bars = minutes(time=["2024-01-01", "2024-02-01", "2024-12-01"], interval="1mo")
    ends = bars.end_time.view("datetime64[ms]").astype("datetime64[D]")
    assert ends.astype(str).tolist() == ["2024-02-01", "2024-03-01", "2025-01-01"]


def test_views_share_columns_and_know_their_digest() -> None:
    bars = minutes()
    part = bars.between(60_000, None)
    assert np.shares_memory(part.close_ticks, bars.close_ticks)
    assert [row.start for row in part] == [60_000, 180_000]
    assert part.data_digest != bars.data_digest
    assert bars[:] == bars
    assert part[::2].time.tolist() == [60_000]
    with pytest.raises(ValueError, match="read-only"):
        part.close_ticks[0] = 1


def test_pickle_keeps_everything() -> None:
    bars = minutes(buy_volume=["1", "0", "2"], turnover=[15.0, np.nan, 19.0], source="made")
    again = pickle.loads(pickle.dumps(bars))
    assert again == bars and again.source == "made"
    assert again.turnover is not None and bars.turnover is not None
    assert again.turnover.tobytes() == bars.turnover.tobytes()


def test_interval_words() -> None:
    assert interval_text("7d", "ms") == "1w" and interval_text("14d", "ms") == "14d"
    assert interval_text(90, "s") == "90s" and interval_text(None, "s") is None
    assert interval_length("1w", "s") == 604_800
    assert interval_text(3600 * 10**9, "ns") == "1h"
    assert interval_text(1_500_000_001, "ns") == "1500000001ns"
    assert interval_length("1500000001ns", "ns") == 1_500_000_001
    for bad in (0, -1, True, 1.5, "0m", "1y", "m"):
        with pytest.raises(ts.ConfigError, match="interval"):
            interval_text(bad, "ms")  # type: ignore[arg-type]


def test_a_book_is_replayed_from_its_last_snapshot() -> None:
    rows = [
        # time, side, price, qty, flags
        (1, 0, 100, 7, 1), (1, 0, 99, 3, 0), (1, 1, 101, 5, 2),
        (2, 1, 101, 0, 0), (2, 1, 102, 9, 2),
        (5, 0, 98, 1, 1), (5, 1, 103, 2, 2),
    ]  # fmt: skip
    columns = [np.array(each) for each in zip(*rows, strict=True)]
    time, side, price, qty, flags = columns
    book = ts.Book(
        time, side.astype(np.uint8), price, qty, flags.astype(np.uint8), tick_size=1, lot=1
    )
    bids, asks = book.at(2)
    assert bids.price_ticks.tolist() == [100, 99] and asks.price_ticks.tolist() == [102]
    assert asks.qty_lots.tolist() == [9]
    assert [each.price_ticks.tolist() for each in book.at(9)] == [[98], [103]]
    assert [len(each.prices) for each in book.at(0)] == [0, 0]
    assert pickle.loads(pickle.dumps(book)).data_digest == book.data_digest
    with pytest.raises(ts.DataError, match="qty_lots -1 at row 0"):
        ts.Book(time, book.side, price, -qty // qty.clip(1), book.flags, tick_size=1, lot=1)


def test_there_may_be_no_bars() -> None:
    bars = ts.Bars.from_arrays([], [], [], [], [], [], interval="1d")
    assert len(bars) == 0 and bars.end_time.tolist() == [] and "0 of 1d" in repr(bars)
