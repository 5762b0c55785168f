"""CTP captures: both struct layouts, CSV and dicts; dates of the night, volumes, sides, levels."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickstep.data.ctp import CTP_LAYOUTS, CtpCapture, read_ctp
from tickstep.errors import ConfigError, DataError

DBL_MAX = 1.7976931348623157e308

PRICE_FIELDS = (
    *("PreSettlementPrice", "PreClosePrice", "PreOpenInterest", "OpenPrice", "HighestPrice"),
    *("LowestPrice", "Turnover", "OpenInterest", "ClosePrice", "SettlementPrice"),
    *("UpperLimitPrice", "LowerLimitPrice", "PreDelta", "CurrDelta", "AveragePrice"),
)


def snapshot(clock: str, last: float, volume: int, **changes: Any) -> dict[str, Any]:
    """A row as the API gives it: levels beyond the first are there only if asked for."""
    row: dict[str, Any] = {
        "TradingDay": "20240510",
        "InstrumentID": "rb2410",
        "ExchangeID": "",
        "ExchangeInstID": "",
        "LastPrice": last,
        **dict.fromkeys(PRICE_FIELDS, DBL_MAX),
        "OpenPrice": 3650.0,
        "HighestPrice": 3655.0,
        "LowestPrice": 3645.0,
        "UpperLimitPrice": 3900.0,
        "LowerLimitPrice": 3400.0,
        "Volume": volume,
        "UpdateTime": clock[:8],
        "UpdateMillisec": int(clock[9:] or 0),
        "ActionDay": "20240509" if clock > "18" else "20240510",
    }
    for level in range(1, 6):
        row |= {
            f"BidPrice{level}": last - level if level == 1 else DBL_MAX,
            f"BidVolume{level}": 10 if level == 1 else 0,
            f"AskPrice{level}": last + level if level == 1 else DBL_MAX,
            f"AskVolume{level}": 20 if level == 1 else 0,
        }
    return row | changes


def packed(rows: list[dict[str, Any]], layout: str) -> bytes:
    """The C structs as a compiler lays them out, written field by field with `struct`."""
    level = "dididididi"
    levels = [
        f"{side}{what}{at}"
        for at in range(1, 6)
        for side in ("Bid", "Ask")
        for what in ("Price", "Volume")
    ]
    sums = ["Turnover", "OpenInterest", "ClosePrice", "SettlementPrice"]
    sums += ["UpperLimitPrice", "LowerLimitPrice", "PreDelta", "CurrDelta"]
    first = ["LastPrice", "PreSettlementPrice", "PreClosePrice", "PreOpenInterest"]
    first += ["OpenPrice", "HighestPrice", "LowestPrice"]
    form = "@9s31s9s31s7di8d9si" + 2 * level + "d9s"
    form += "81s81s2d" if layout == "new" else "0d"
    data = b""
    for row in rows:
        names = [row["InstrumentID"], row["ExchangeInstID"]]
        inner = ["", ""] if layout == "new" else names
        texts = [row["TradingDay"], inner[0], row["ExchangeID"], inner[1]]
        values = [
            *(text.encode("gbk") for text in texts),
            *(row[name] for name in first),
            row["Volume"],
            *(row[name] for name in sums),
            row["UpdateTime"].encode(),
            row["UpdateMillisec"],
            *(row[name] for name in levels),
            row["AveragePrice"],
            row["ActionDay"].encode(),
        ]
        if layout == "new":
            values += [*(name.encode() for name in names), DBL_MAX, DBL_MAX]
        data += struct.pack(form, *values)
    return data


NIGHT = [
    snapshot("20:59:00.500", 3650.0, 100, HighestPrice=3650.0, LowestPrice=3650.0),
    snapshot("21:00:00.500", 3651.0, 110),
    snapshot("21:00:01.000", 3650.0, 113),
    snapshot("21:00:01.500", 3650.0, 113, BidPrice2=3648.0, BidVolume2=4),
    snapshot("00:30:00.000", 3649.0, 120),
    snapshot("09:00:00.500", 3652.0, 150),
]


def expect_night(capture: CtpCapture) -> None:
    ticks = capture.ticks
    assert [str(time) for time in ticks.datetimes] == [
        "2024-05-09T12:59:00.500",  # the opening auction: all of it at one price
        "2024-05-09T13:00:00.500",
        "2024-05-09T13:00:01.000",
        "2024-05-09T16:30:00.000",
        "2024-05-10T01:00:00.500",
    ]
    assert ticks.price_ticks.tolist() == [3650, 3651, 3650, 3649, 3652]
    assert ticks.qty_lots.tolist() == [100, 10, 3, 7, 30]
    # At the ask, at the bid of 3650, at the bid of 3649, at the ask of 3650.
    assert ticks.side.tolist()[1:] == [0, 1, 1, 0]
    assert ticks.bid_ticks is not None and ticks.bid_ticks.tolist() == [
        3649,
        3650,
        3649,
        3648,
        3651,
    ]
    assert ticks.ask_ticks is not None and ticks.ask_ticks.tolist() == [
        3651,
        3652,
        3651,
        3650,
        3653,
    ]
    assert (ticks.symbol, ticks.tick_size, ticks.lot) == ("rb2410", 1.0, 1.0)
    bids, asks = capture.book.at("2024-05-09T13:00:01.5")
    assert (bids.prices.tolist(), bids.qty_lots.tolist()) == ([3649.0, 3648.0], [10, 4])
    assert (asks.prices.tolist(), asks.qty_lots.tolist()) == ([3651.0], [20])
    assert len(capture.book) == 13


@pytest.mark.parametrize("layout", ["old", "new"])
def test_structs(layout: Any, tmp_path: Path) -> None:
    data = packed(NIGHT, layout)
    assert len(data) == len(NIGHT) * CTP_LAYOUTS[layout].itemsize
    expect_night(read_ctp(data, layout=layout))
    path = tmp_path / "capture.bin"
    path.write_bytes(data)
    expect_night(read_ctp(path, layout=layout))
    with pytest.raises(ConfigError, match="do not tell their layout"):
        read_ctp(path)


def test_structs_of_the_other_layout_are_refused() -> None:
    with pytest.raises(DataError, match="no whole number of structs of 584 bytes"):
        read_ctp(packed(NIGHT, "old"), layout="new")
    rows = packed(NIGHT * 51, "new")  # a whole number of both
    with pytest.raises(DataError):
        read_ctp(rows, layout="old")


def test_dicts_csv_and_frames(tmp_path: Path) -> None:
    expect_night(read_ctp(NIGHT))
    path = tmp_path / "capture.csv"
    pl.DataFrame(NIGHT).write_csv(path)
    expect_night(read_ctp(path))
    expect_night(read_ctp(pl.DataFrame(NIGHT)))
    text = [{name: str(value) for name, value in row.items()} for row in NIGHT]
    text[0] |= {"BidPrice2": "", "BidVolume2": ""}
    expect_night(read_ctp(text))


def test_missing_values_may_be_zeros() -> None:
    zeros = [
        {name: 0.0 if value == DBL_MAX else value for name, value in row.items()} for row in NIGHT
    ]
    expect_night(read_ctp(zeros))


def test_a_day_joined_in_the_middle_tells_no_first_trade() -> None:
    capture = read_ctp([snapshot("10:00:00", 3650.0, 5000), snapshot("10:00:01", 3650.0, 5002)])
    assert capture.ticks.qty_lots.tolist() == [2]
    source = capture.ticks.source
    assert isinstance(source, dict) and source["untold_volume"] == 5000


def test_volume_starts_anew_each_trading_day() -> None:
    rows = [
        snapshot("14:59:59", 3650.0, 900),
        snapshot("15:00:00", 3650.0, 905),
        # The night of the 10th, a Friday, belongs to Monday the 13th.
        snapshot(
            "20:59:00",
            3650.0,
            950,
            TradingDay="20240513",
            ActionDay="20240510",
            HighestPrice=3650.0,
            LowestPrice=3650.0,
        ),
        snapshot("00:10:00", 3651.0, 960, TradingDay="20240513", ActionDay="20240511"),
        snapshot("09:00:00", 3652.0, 980, TradingDay="20240513", ActionDay="20240513"),
    ]
    ticks = read_ctp(rows).ticks
    assert ticks.qty_lots.tolist() == [5, 950, 10, 20]
    assert [str(time)[:16] for time in ticks.datetimes] == [
        "2024-05-10T07:00",
        "2024-05-10T12:59",
        "2024-05-10T16:10",
        "2024-05-13T01:00",
    ]


def night_row(clock: str, trading: str, action: str, **changes: Any) -> dict[str, Any]:
    return snapshot(clock, 3650.0, 10, TradingDay=trading, ActionDay=action, **changes)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        # DCE has given the trading day as action day, at night and over the weekend.
        (night_row("21:00:00", "20240510", "20240510", InstrumentID="m2409"), "2024-05-09T13:00"),
        (night_row("21:00:00", "20240513", "20240513", InstrumentID="m2409"), "2024-05-10T13:00"),
        (night_row("00:30:00", "20240513", "20240513", InstrumentID="m2409"), "2024-05-10T16:30"),
        # CZCE has given the calendar day as trading day.
        (night_row("21:00:00", "20240509", "20240509", InstrumentID="SR409"), "2024-05-09T13:00"),
        (night_row("21:00:00", "20240510", "20240510", ExchangeID="DCE"), "2024-05-09T13:00"),
        # Nothing but the trading day.
        (night_row("21:00:00", "20240513", ""), "2024-05-10T13:00"),
        (night_row("00:30:00", "20240513", ""), "2024-05-10T16:30"),
        (night_row("09:30:00", "20240513", ""), "2024-05-13T01:30"),
    ],
)
def test_the_calendar_day_of_a_night(row: dict[str, Any], wanted: str) -> None:
    assert str(read_ctp([row]).book.datetimes[0])[:16] == wanted


def test_a_day_that_cannot_be_told_is_refused() -> None:
    row = night_row("21:00:00", "20240510", "20240510", InstrumentID="xx2409")
    with pytest.raises(DataError, match="depends on the exchange"):
        read_ctp([row])
    assert str(read_ctp([row], exchange="DCE").book.datetimes[0])[:10] == "2024-05-09"
    # Received on the 10th, at 21:00:01 in China.
    received = np.array(["2024-05-10T13:00:01"], dtype="M8[ns]").astype(np.int64)
    assert str(read_ctp([row], received=received).book.datetimes[0])[:10] == "2024-05-10"


def test_receive_times_settle_the_date_across_midnight() -> None:
    clocks = ["23:59:59", "00:00:00", "00:00:01"]
    rows = [
        snapshot(
            clock, 3650.0, 10 + at, ActionDay="20240510", ReceiveTime=1715270400_000_000_000 + at
        )
        for at, clock in enumerate(clocks)
    ]
    capture = read_ctp(rows, received="ReceiveTime")
    assert [str(time) for time in capture.ticks.datetimes] == [
        "2024-05-09T16:00:00.000",
        "2024-05-09T16:00:01.000",
    ]


def test_limits_have_one_side() -> None:
    locked = {"AskPrice1": DBL_MAX, "AskVolume1": 0}
    rows = [
        snapshot("10:00:00", 3900.0, 10, **locked),
        snapshot("10:00:01", 3900.0, 12, **locked),
    ]
    capture = read_ctp(rows)
    assert capture.ticks.ask_ticks is not None and capture.ticks.ask_ticks.tolist() == [3900]
    source = capture.ticks.source
    assert isinstance(source, dict) and source["one_sided"] == 1
    assert len(capture.book.at("2024-05-10T02:00:01")[1].prices) == 0
    with pytest.raises(DataError, match="are both missing at snapshot 1"):
        read_ctp([row | {"UpperLimitPrice": DBL_MAX} for row in rows])


def test_an_empty_book_clears_what_was_there() -> None:
    empty = {"AskPrice1": DBL_MAX, "AskVolume1": 0, "BidPrice1": DBL_MAX, "BidVolume1": 0}
    rows = [snapshot("10:00:00", 3650.0, 10), snapshot("10:00:01", 3650.0, 10, **empty)]
    book = read_ctp(rows).book
    assert [len(side.prices) for side in book.at("2024-05-10T02:00:00")] == [1, 1]
    assert [len(side.prices) for side in book.at("2024-05-10T02:00:01")] == [0, 0]


def test_between_the_quotes_the_last_move_decides() -> None:
    wide = {"BidPrice1": 3640.0, "AskPrice1": 3660.0}
    prices = [3650.0, 3651.0, 3651.0, 3649.0, 3649.0, 3660.0]
    rows = [snapshot(f"10:00:0{at}", price, 10 + at, **wide) for at, price in enumerate(prices)]
    ticks = read_ctp(rows).ticks
    assert ticks.side.tolist() == [0, 0, 1, 1, 0]
    source = ticks.source
    assert isinstance(source, dict)
    assert source["sides"] == {"quote": 1, "tick": 2, "unknown": 2}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "expected records"),
        ([{"LastPrice": 1.0}], "the capture has no TradingDay"),
        ([snapshot("10:00:00", 3650.0, 10, UpdateTime="")], "UpdateTime '' at row 0"),
        ([snapshot("10:00:00", 3650.0, 10, UpdateTime="25:00:00")], "no time of day"),
        ([snapshot("10:00:00", 3650.0, 10, TradingDay="20241301")], "TradingDay '20241301'"),
        ([snapshot("10:00:00", 3650.0, 10, InstrumentID="")], "InstrumentID is empty"),
        ([snapshot("10:00:00", 3650.0, 10, Volume=-1)], "Volume -1 at row 0"),
        ([snapshot("10:00:00", 3650.0, 10, Volume=1.5)], "Volume 1.5 at row 0"),
        ([snapshot("10:00:00", 3650.0, 10, LastPrice="x")], "LastPrice 'x' is not a number"),
        (
            [
                snapshot("10:00:00", 3650.0, 10),
                snapshot("10:00:00", 3650.0, 10, InstrumentID="hc2410"),
            ],
            "2 instruments: hc2410, rb2410",
        ),
        (
            [snapshot("10:00:01", 3650.0, 10), snapshot("10:00:00", 3650.0, 11)],
            "row 1, .* goes back in time",
        ),
        (
            [snapshot("10:00:00", 3650.0, 10), snapshot("10:00:01", 3650.0, 9)],
            "Volume 9 at row 1, .* falls within its day",
        ),
        ([snapshot("10:00:00", 3650.0, 10, BidPrice1=3652.0)], "BidPrice1 .* is above AskPrice1"),
    ],
)
def test_what_is_wrong_is_named(rows: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_ctp(rows)


def test_bad_snapshots_are_left_out_on_request() -> None:
    rows = [
        snapshot("10:00:01", 3650.0, 10),
        snapshot("10:00:00", 3650.0, 11),
        snapshot("10:00:02", 3650.0, 9),
        snapshot("10:00:03", 3650.0, 15),
    ]
    ticks = read_ctp(rows, on_bad="skip").ticks
    assert ticks.qty_lots.tolist() == [5]
    source = ticks.source
    assert isinstance(source, dict)
    assert source["skipped"] == {
        "goes back in time": 1,
        "falls within its day": 1,
        "is above AskPrice1": 0,
    }


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_junk_in_structs_is_read_or_refused(data: st.DataObject) -> None:
    layout: Any = data.draw(st.sampled_from(["old", "new"]))
    junk = bytearray(packed(NIGHT, layout))
    for _ in range(data.draw(st.integers(1, 12))):
        junk[data.draw(st.integers(0, len(junk) - 1))] = data.draw(st.integers(0, 255))
    try:
        capture = read_ctp(bytes(junk), layout=layout, on_bad="skip")
    except DataError as error:
        assert error.hint
    else:
        assert len(capture.ticks) <= len(NIGHT)
