"""Frames of other libraries: without a copy where types allow, exactly where they do not."""

from __future__ import annotations

import gc
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tickstep as ts
from test_tickfile import bars, walk
from tickstep.data import frames, table

NAMES = ("time", "price_ticks", "qty_lots", "side")
SIZES: dict[str, Any] = {"tick_size": "0.01", "lot": "0.001"}


def address(array: npt.NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def columns() -> dict[str, npt.NDArray[Any]]:
    ticks = walk(5_000)
    return {name: getattr(ticks, name).copy() for name in NAMES}


# ---- In place ------------------------------------------------------------------------------------


def test_polars_comes_in_place() -> None:
    frame = pl.DataFrame(columns())
    ticks = ts.Ticks.from_frame(frame, **SIZES)
    for name in NAMES:
        assert address(getattr(ticks, name)) == address(frame[name].to_numpy(allow_copy=False))
    expected = columns()
    del frame
    gc.collect()
    for name in NAMES:
        assert np.array_equal(getattr(ticks, name), expected[name])
        assert not getattr(ticks, name).flags.writeable


def test_pyarrow_comes_in_place() -> None:
    table = pa.table(columns())
    ticks = ts.Ticks.from_frame(table, **SIZES)
    for name in NAMES:
        assert address(getattr(ticks, name)) == table[name].chunk(0).buffers()[1].address
    batch = pa.RecordBatch.from_pydict({name: pa.array(each) for name, each in columns().items()})
    again = ts.Ticks.from_frame(batch, **SIZES)
    assert address(again.time) == batch["time"].buffers()[1].address
    assert again.data_digest == ticks.data_digest


def test_pandas_comes_in_place() -> None:
    # One block for each type: its columns lie one after the other.
    frame = pd.DataFrame(columns())
    ticks = ts.Ticks.from_frame(frame, **SIZES)
    for name in NAMES:
        assert address(getattr(ticks, name)) == address(frame[name].to_numpy())


def test_duckdb_comes_in_place_when_it_is_one_piece() -> None:
    frame = pl.DataFrame(columns()).slice(0, 1_000)
    relation = duckdb.sql("select * from frame")
    assert relation is not None
    ticks = ts.Ticks.from_frame(relation, **SIZES)
    assert np.array_equal(ticks.price_ticks, frame["price_ticks"].to_numpy())
    table = relation.to_arrow_table()
    again = ts.Ticks.from_frame(table, **SIZES)
    assert address(again.price_ticks) == table["price_ticks"].chunk(0).buffers()[1].address
    # The relation's own stream cannot be asked for its addresses: what keeps the column tells.
    assert type(ticks._columns.price_ticks.base).__name__ == "Keeper"


def test_ticks_and_bars_go_out_in_place() -> None:
    ticks = walk(1_000, quotes=True)
    frame = ticks.to_polars()
    for name in (*NAMES, "bid_ticks", "ask_ticks"):
        column = frame[name].to_physical().to_numpy(allow_copy=False)
        assert address(column) == address(getattr(ticks, name))
    table = pa.table(ticks)
    assert table["time"].chunk(0).buffers()[1].address == address(ticks.time)
    assert table.schema.field("time").type == pa.timestamp("ms", "UTC")
    made = bars()
    assert address(made.to_polars()["close_ticks"].to_numpy()) == address(made.close_ticks)
    del ticks, made
    gc.collect()
    assert frame["price_ticks"].sum() == walk(1_000).price_ticks.sum()


def test_a_slice_goes_out_and_comes_back_in_place() -> None:
    ticks = walk(1_000)[100:200]
    again = ts.Ticks.from_frame(ticks)
    assert address(again.time) == address(ticks.time)
    assert (again.data_digest, again.symbol, again.source) == (
        ticks.data_digest,
        ticks.symbol,
        ticks.source,
    )
    part = pa.table(walk(1_000)).slice(100, 100)
    assert ts.Ticks.from_frame(part).data_digest == ticks.data_digest
    frame = pl.DataFrame(walk(1_000)).slice(100, 100)
    assert ts.Ticks.from_frame(frame, **SIZES).data_digest == ticks.data_digest


def test_memory_is_given_back() -> None:
    before = pa.total_allocated_bytes()
    table = pa.table({name: pa.array(each.tolist()) for name, each in columns().items()})
    taken = pa.total_allocated_bytes()
    assert taken > before
    ticks = ts.Ticks.from_frame(table, **SIZES)
    time = ticks.time
    del table
    gc.collect()
    assert pa.total_allocated_bytes() >= taken
    del ticks
    gc.collect()
    assert int(time[0]) == int(columns()["time"][0])
    del time
    gc.collect()
    assert pa.total_allocated_bytes() == before


def test_bars_come_in_place() -> None:
    made = bars()
    again = ts.Bars.from_frame(made)
    assert again == made
    assert address(again.close_ticks) == address(made.close_ticks)
    assert again.turnover is not None and made.turnover is not None
    assert address(again.turnover) == address(made.turnover)
    sizes: dict[str, Any] = {"tick_size": "0.01", "lot": 1, "interval": "1m", "symbol": "DEMO"}
    assert ts.Bars.from_frame(pl.DataFrame(made), **sizes) == made


# ---- Conversions ---------------------------------------------------------------------------------

TIMES = [1_723_161_256_322, 1_723_161_256_523, 1_723_161_256_600]


def frame_of(**changes: Any) -> pl.DataFrame:
    given = {"time": TIMES, "price": [61800.3, 61800.2, 61801.0], "qty": [0.006, 0.015, 1.0]}
    return pl.DataFrame({**given, "side": [0, 1, 1], **changes})


def read(**changes: Any) -> ts.Ticks:
    return ts.Ticks.from_frame(frame_of(**changes))


@pytest.mark.parametrize(
    "prices",
    [
        [61800.3, 61800.2, 61801.0],
        pl.Series([61800.3, 61800.2, 61801.0], dtype=pl.Float32),
        ["61800.30", "61800.2", "6.1801e4"],
        [Decimal("61800.30"), Decimal("61800.20"), Decimal("61801.00")],
        pl.Series(["61800.3", "61800.2", "61801"], dtype=pl.Categorical).cast(pl.String),
    ],
    ids=["float64", "float32", "text", "decimal", "categorical"],
)
def test_prices_of_every_type_are_exact(prices: Any) -> None:
    ticks = read(price=prices)
    assert (ticks.tick_size, ticks.price_ticks.tolist()) == (0.1, [618003, 618002, 618010])
    finer = ts.Ticks.from_frame(frame_of(price=prices), tick_size="0.05")
    assert finer.price_ticks.tolist() == [1236006, 1236004, 1236020]


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("is_signed", [False, True])
def test_integers_of_every_size(bits: int, is_signed: bool) -> None:
    kind = f"{'' if is_signed else 'u'}int{bits}"
    table = pa.table(
        {
            "time": pa.array(TIMES),
            "price": pa.array([100, 101, 127], kind),
            "qty": pa.array([1, 2, 3], kind),
            "side": pa.array([0, 1, 1], kind),
        }
    )
    ticks = ts.Ticks.from_frame(table)
    assert (ticks.tick_size, ticks.price_ticks.tolist()) == (1.0, [100, 101, 127])
    # Money is money, whatever its type: 100 on a grid of 0.5 is the 200th place.
    assert ts.Ticks.from_frame(table, tick_size="0.5").price_ticks.tolist() == [200, 202, 254]
    whole = table.rename_columns(["time", "price_ticks", "qty_lots", "side"])
    assert ts.Ticks.from_frame(whole, tick_size="0.5", lot=1).prices.tolist() == [50, 50.5, 63.5]


@pytest.mark.parametrize("bits", [32, 64, 128, 256])
def test_decimals_of_every_size(bits: int) -> None:
    kind = getattr(pa, f"decimal{bits}")(9, 4)
    values = [Decimal("61800.3000"), Decimal("0.0100"), Decimal("99999.9900")]
    table = pa.table(frame_of().to_arrow()).set_column(1, "price", pa.array(values, kind))
    ticks = ts.Ticks.from_frame(table)
    assert (ticks.tick_size, ticks.price_ticks.tolist()) == (0.01, [6180030, 1, 9999999])
    negative = table.set_column(1, "price", pa.array([-value for value in values], kind))
    spread = ts.Ticks.from_frame(negative, allow_negative_prices=True)
    assert spread.price_ticks.tolist() == [-6180030, -1, -9999999]


@pytest.mark.parametrize(
    "sides",
    [
        [0, 1, 1],
        [False, True, True],
        ["BUY", "SELL", "sell"],
        pl.Series(["BUY", "SELL", "SELL"], dtype=pl.Categorical),
        pl.Series(["BUY", "SELL", "SELL"], dtype=pl.Enum(["SELL", "BUY"])),
        pl.Series([0, 1, 1], dtype=pl.Int8),
    ],
    ids=["int", "bool", "text", "categorical", "enum", "int8"],
)
def test_sides_of_every_type(sides: Any) -> None:
    assert read(side=sides).side.tolist() == [0, 1, 1]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_keep_their_unit(unit: str) -> None:
    counts = [1_723_161_256, 1_723_161_257, 1_723_161_257]
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    counts = [count * per_second for count in counts]
    for zone in (None, "UTC", "Asia/Shanghai"):
        table = pa.table(frame_of().to_arrow()).set_column(
            0, "time", pa.array(counts, pa.timestamp(unit, zone))
        )
        ticks = ts.Ticks.from_frame(table)
        assert (ticks.time_unit, ticks.time.tolist()) == (unit, counts)
        assert address(ticks.time) == table["time"].chunk(0).buffers()[1].address
        exact = ts.Ticks.from_frame(table, time_unit="ns")
        assert exact.time.tolist() == [count * 10**9 // per_second for count in counts]


def test_times_of_other_types() -> None:
    moments = [datetime(2024, 8, 8, 9, 30, second, tzinfo=UTC) for second in (0, 1, 1)]
    assert read(time=moments).time_unit == "us"
    dates = pl.Series([19_943, 19_944, 19_945], dtype=pl.Date)
    assert read(time=dates).time.tolist() == [day * 86_400_000 for day in (19_943, 19_944, 19_945)]
    texts = ["2024-08-08 09:30:00", "2024-08-08T09:30:01.5Z", "2024-08-08T09:30:02"]
    assert (np.diff(read(time=texts).time)).tolist() == [1500, 500]
    assert read(time=[str(time) for time in TIMES]).time.tolist() == TIMES
    seconds = [time // 1000 for time in TIMES]
    assert read(time=seconds).time_unit == "s"
    assert ts.Ticks.from_frame(frame_of(time=[1, 2, 3]), time_unit="ms").time.tolist() == [1, 2, 3]


def test_chunks_are_joined() -> None:
    ticks = walk(1_000, quotes=True)
    table = pa.table(ticks)
    parts = pa.concat_tables([table.slice(start, 77) for start in range(0, 1_000, 77)])
    assert parts["time"].num_chunks == 13
    assert ts.Ticks.from_frame(parts).data_digest == ticks.data_digest
    money = pl.DataFrame(ticks).with_columns(
        price=pl.Series([f"{price:.2f}" for price in ticks.prices]), qty=ticks.qtys
    )
    money = money.drop("price_ticks", "qty_lots", "bid_ticks", "ask_ticks")
    chunked = pl.concat([money[:300], money[300:301], money[301:]], rechunk=False)
    found = ts.Ticks.from_frame(chunked, **SIZES)
    assert found.price_ticks.tolist() == ticks.price_ticks.tolist()
    assert found.qty_lots.tolist() == ticks.qty_lots.tolist()


def test_an_empty_frame_is_empty_ticks() -> None:
    assert len(ts.Ticks.from_frame(frame_of()[:0])) == 0


@pytest.mark.parametrize("layout", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_of_every_layout(layout: pa.DataType) -> None:
    texts = ["61800.30", "61800.2000000000000000", "61801"]  # Views hold 12 bytes themselves.
    table = pa.table(frame_of().to_arrow()).set_column(1, "price", pa.array(texts, layout))
    table = table.append_column("symbol", pa.array(["BTCUSDT"] * 3, layout))
    ticks = ts.Ticks.from_frame(table.slice(1))
    assert (ticks.price_ticks.tolist(), ticks.symbol) == ([618002, 618010], "BTCUSDT")


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.decimals(min_value="0.0001", max_value=10**9, places=4), min_size=1, max_size=30),
    st.integers(1, 5),
)
def test_one_number_is_one_place_in_every_spelling(values: list[Decimal], cut: int) -> None:
    rows = len(values)
    base = {"time": list(range(rows)), "qty": [1] * rows, "side": [0] * rows}
    digits = [str(value) for value in values]
    frames = [
        pl.DataFrame({**base, "price": digits}),
        pl.DataFrame({**base, "price": pl.Series(digits).cast(pl.Decimal(30, 6))}),
        pl.DataFrame({**base, "price": [float(value) for value in values]}),
    ]
    frames += [pl.concat([frame[:cut], frame[cut:]], rechunk=False) for frame in frames]
    options: dict[str, Any] = {"time_unit": "ms"}
    exact = [int(value * 10**4) for value in values]
    for frame in frames:
        found = ts.Ticks.from_frame(frame, tick_size="0.0001", **options)
        assert found.price_ticks.tolist() == exact
        coarsest = ts.Ticks.from_frame(frame, **options)
        step = Decimal(coarsest._tick.step)
        assert [int(place) * step for place in coarsest.price_ticks] == values
        assert step == 1 or any(value % (step * 10) for value in values)


# ---- What is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"price": [1.0, None, 2.0]}, "price at row 1 is empty"),
        ({"side": [0, 1, None]}, "side at row 2 is empty"),
        ({"price": ["1", "x", "2"]}, 'price at row 1: "x" is not a decimal number'),
        ({"price": [1.0, float("nan"), 1.0]}, "price at row 1: "),
        ({"price": [1.0, float("inf"), 1.0]}, "price at row 1: "),
        ({"price": [1e308, 1.0, 1.0]}, "price at row 0: "),
        ({"price": [True, True, False]}, "price must be numbers"),
        ({"price": [[1], [2], [3]]}, "price must be numbers"),
        ({"qty": [1.0, 0.0, 1.0]}, "row 1"),
        ({"side": [0, 1, 2]}, "side at row 2 must be 0"),
        ({"side": pl.Series([0, 1, 2], dtype=pl.UInt8)}, "row 2"),
        ({"side": ["BUY", "B", "SELL"]}, 'side at row 1 must be .* was "B"'),
        ({"time": [3, 2, 1]}, "does not tell its unit"),
        ({"time": list(reversed(TIMES))}, "row 1"),
        ({"time": ["today", "now", "2024"]}, "time at row 0 is no time: 'today'"),
        ({"time": [1.0, 2.0, 3.0]}, "time must be times"),
        ({"symbol": ["A", "A", "B"]}, 'symbol is "A" in the first row and "B" at row 2'),
        ({"timestamp": TIMES}, "time and timestamp may both be the time"),
    ],
)
def test_bad_frames_name_column_and_row(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ts.DataError, match=message) as told:
        read(**changes)
    assert told.value.hint


def test_missing_and_unknown_columns_are_named() -> None:
    with pytest.raises(ts.DataError, match="no column for qty_lots or qty; it has time, price"):
        ts.Ticks.from_frame(frame_of().drop("qty"))
    with pytest.raises(ts.DataError, match='no column "px"; it has time, price'):
        ts.Ticks.from_frame(frame_of(), columns={"price": "px"})
    with pytest.raises(ts.ConfigError, match="a part 'prize'"):
        ts.Ticks.from_frame(frame_of(), columns={"prize": "price"})
    renamed = frame_of().rename({"price": "px"})
    assert len(ts.Ticks.from_frame(renamed, columns={"price": "px"})) == 3
    with pytest.raises(ts.ConfigError, match="tick_size is needed: price_ticks counts steps"):
        ts.Ticks.from_frame(pl.DataFrame(columns()))
    with pytest.raises(ts.ConfigError, match=r"tick_size is given as 0.1, but the frame says 0.01"):
        ts.Ticks.from_frame(walk(3), tick_size="0.1")
    with pytest.raises(ts.DataError, match="the frame holds bars, not ticks"):
        ts.Ticks.from_frame(bars())
    with pytest.raises(ts.DataError, match="__arrow_c_stream__ is needed, was dict"):
        ts.Ticks.from_frame({"time": [1]})
    with pytest.raises(ts.DataError, match=r"61800.3 .* 0.25"):
        ts.Ticks.from_frame(frame_of(), tick_size="0.25")


def test_a_stream_of_no_rows_of_columns_is_refused() -> None:
    with pytest.raises(ts.DataError, match="expected rows of named columns"):
        ts.Ticks.from_frame(pa.chunked_array([[1, 2, 3]]))
    twice = pa.table([pa.array([1]), pa.array([2])], names=["time", "time"])
    with pytest.raises(ts.DataError, match='several columns "time"'):
        ts.Ticks.from_frame(twice, columns={"time": "time", "price": "time"})


def test_a_producer_that_fails_is_told() -> None:
    def batches() -> Any:
        yield pa.record_batch({"time": pa.array([1])})
        raise RuntimeError("the line is down")

    reader = pa.RecordBatchReader.from_batches(pa.schema([("time", pa.int64())]), batches())
    with pytest.raises(ts.DataError, match="the frame gave no rows: .*the line is down"):
        ts.Ticks.from_frame(reader)


def test_pandas_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(TIMES, unit="ms", utc=True).tz_convert("Asia/Shanghai"),
            "price": ["61800.30", "61800.20", "61801"],
            "qty": [0.006, 0.015, 1.0],
            "side": ["BUY", "SELL", "SELL"],
        }
    )
    expected = ts.Ticks.from_frame(frame, time_unit="ms")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    found = ts.Ticks.from_frame(frame, time_unit="ms")
    assert found.time.tolist() == TIMES
    assert found.data_digest == expected.data_digest


def test_frames_for_reading() -> None:
    ticks = walk(100)
    frame = ticks.to_pandas(money=True)
    assert frame["price"].tolist() == ticks.prices.tolist()
    assert str(frame["time"].dtype) == "datetime64[ms, UTC]"
    assert ticks.to_polars(money=True)["qty"].to_list() == ticks.qtys.tolist()
    made = bars()
    assert made.to_polars(money=True)["close"].to_list() == [1.01, 1.02, 1.01]
    assert made.to_pandas(money=True)["close"].tolist() == [1.01, 1.02, 1.01]


def test_seconds_go_out_and_come_back() -> None:
    ticks = walk(10, time_unit="s")
    assert ts.Ticks.from_frame(ticks).data_digest == ticks.data_digest
    assert pa.table(ticks).schema.field("time").type == pa.timestamp("s", "UTC")


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("has_pyarrow", [True, False])
def test_frames_with_capitals_and_an_index(
    named: bool, has_pyarrow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = pd.date_range("2024-01-02", periods=3, freq="D", name="Date" if named else None)
    prices = {"Open": [1.5, 2, 3], "High": [2, 3, 4], "Low": [1, 1, 1], "Close": [2, 2, 2.25]}
    frame = pd.DataFrame(prices | {"Volume": [5, 6, 7]}, index=days)
    if not has_pyarrow:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    found = ts.Bars.from_frame(frame)
    assert found.datetimes.astype("datetime64[D]").astype(str).tolist() == [
        "2024-01-02",
        "2024-01-03",
        "2024-01-04",
    ]
    assert (found.interval, found.grids) == ("1d", ("0.01", "1"))
    assert found.open_ticks.tolist() == [150, 200, 300] and found.volume_lots.tolist() == [5, 6, 7]
    with pytest.raises(ts.DataError, match="columns close and Close may both|may both be the"):
        ts.Bars.from_frame(frame.rename(columns={"High": "CLOSE"}))


def test_a_book_goes_out_in_place() -> None:
    flags = np.array([1, 2, 2], dtype=np.uint8)
    side = np.array([0, 1, 0], dtype=np.uint8)
    time, price_ticks = np.array([1, 1, 5]), np.array([100, 102, 101])
    book = ts.Book(time, side, price_ticks, np.array([7, 5, 0]), flags, tick_size="0.5", lot="0.1")
    frame = book.to_polars(money=True)
    assert frame.columns == [*book.columns, "price", "qty"]
    assert frame["price"].to_list() == [50.0, 51.0, 50.5] and frame["qty"].to_list() == [
        0.7,
        0.5,
        0,
    ]
    assert address(frame["price_ticks"].to_numpy()) == address(book.price_ticks)
    assert pa.table(book).column("time").chunk(0).buffers()[1].address == address(book.time)
    assert book.to_pandas()["qty_lots"].tolist() == [7, 5, 0]
    with pytest.raises(ts.DataError, match="the frame holds book, not ticks"):
        ts.Ticks.from_frame(pa.table(book))


def test_frames_know_the_names_that_files_know() -> None:
    """Chinese names apart: who writes those may count lots, and has readers of its own."""
    for names in (frames._TICK_NAMES, frames._BAR_NAMES):
        known = {part: {frames.folded(name) for name in each} for part, each in names.items()}
        if "side" in known:
            known["buyer_is_maker"] = known["side"]
        for field, aliases in table.ALIASES.items():
            if field in known:
                assert {name for name in aliases if name.isascii()} <= known[field], field


def test_rows_of_two_instruments_are_not_one() -> None:
    frame = frame_of(ticker=["A", "B", "A"])
    with pytest.raises(ts.DataError, match="A"):
        ts.Ticks.from_frame(frame)
