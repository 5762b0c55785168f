"""Reading trades: every spelling value for value, every refusal, and both paths of the parser."""

import gzip
import io
import random
import subprocess
import sys
import zipfile
from array import array
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tickstep as ts
from tickstep._kernel import TradesParser
from tickstep.data import read_trades
from tickstep.errors import ConfigError, DataError

FUTURES_HEADER = (
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
)
FUTURES_AGGREGATES = (
    "2301523417,61800.30,0.006,5266583935,5266583935,1723161256322,false\n"
    "2301523418,61800.30,0.199,5266583936,5266583938,1723161256344,false\n"
    "2301523419,61800.20,1.500,5266583939,5266583939,1723161256344,true\n"
)
FUTURES_VALUES = (
    [1723161256322, 1723161256344, 1723161256344],
    [618003, 618003, 618002],
    [6, 199, 1500],
    [0, 0, 1],
)

SPOT_AGGREGATES = (
    "3371234567,94591.78000000,0.00011000,4359012345,4359012345,1735689600014512,False,True\n"
    "3371234568,94591.77000000,9.0E-5,4359012346,4359012347,1735689600014512,True,True\n"
)
SPOT_VALUES = ([1735689600014512, 1735689600014512], [9459178, 9459177], [11, 9], [0, 1])

# name, text, columns, tick size, lot, time unit, format
FORMATS = [
    (
        "BTCUSDT-aggTrades-2024-08-08",
        FUTURES_HEADER + FUTURES_AGGREGATES,
        *(FUTURES_VALUES, 0.1, 0.001, "ms", "futures-aggtrades"),
    ),
    (
        "BTCUSDT-aggTrades-2020-03-12",
        FUTURES_AGGREGATES,
        *(FUTURES_VALUES, 0.1, 0.001, "ms", "futures-aggtrades"),
    ),
    (
        "BTCUSDT-aggTrades-2025-01-01",
        SPOT_AGGREGATES,
        *(SPOT_VALUES, 0.01, 0.00001, "us", "spot-aggtrades"),
    ),
    (
        "BTCUSDT-trades-2021-01-01",
        "557213,28923.63000000,0.00100000,28.92363000,1609459200021,True,True\r\n"
        + "557214,28923.60000000,2.00000000,57847.20000000,1609459200021,False,True\r\n",
        ([1609459200021] * 2, [2892363, 2892360], [1, 2000], [1, 0]),
        *(0.01, 0.001, "ms", "spot-trades"),
    ),
    (
        "ETHUSDT-trades-2024-01-01",
        "id,price,qty,quote_qty,time,is_buyer_maker\n"
        + "3478124531,2283.15,0.500,1141.57,1704067200004,true\n",
        ([1704067200004], [228315], [5], [1]),
        *(0.01, 0.1, "ms", "futures-trades"),
    ),
    (
        "BTCUSD_PERP-trades-2024-01",
        "id,price,qty,base_qty,time,is_buyer_maker\n"
        + "828913411,42314.0,13,0.0307226,1704067200160,false\n",
        ([1704067200160], [42314], [13], [0]),
        *(1.0, 1.0, "ms", "futures-trades"),
    ),
    (
        "export",
        "timestamp,is_buyer_maker,price,qty,note\n1704067200160000000,1,4.5E+1,25,x\n",
        ([1704067200160000000], [45], [25], [1]),
        *(1.0, 1.0, "ns", "csv"),
    ),
]


def depth_line(receive_ns: int) -> str:
    return (
        f'{receive_ns} {{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate",'
        '"E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":1,"u":2,"pu":0,'
        '"b":[["58710.20","0.014"],["61496.50","0.010"]],"a":[]}}\n'
    )


def trade_line(receive_ns: int, price: str, qty: str, is_buyer_maker: str, time: int) -> str:
    return (
        f'{receive_ns} {{"stream":"btcusdt@trade","data":{{"e":"trade","E":{time},"T":{time},'
        f'"s":"BTCUSDT","t":5266583935,"p":"{price}","q":"{qty}","X":"MARKET",'
        f'"m":{is_buyer_maker}}}}}\n'
    )


FEED = (
    depth_line(1723161255030314667)
    + '1723161255088169167 {"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5,'
    '"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1,"E":1}}\n'
    + trade_line(1723161255088176367, "61800.30", "0.006", "false", 1723161256322)
    + trade_line(1723161255088230567, "0", "0", "true", 1723161256322)
    + '1723161255319702566 {"lastUpdateId":5,"bids":[["61800.20","2.909"]],"asks":[]}\n'
    + depth_line(1723161255400000000)
    + trade_line(1723161255253870966, "61800.20", "0.015", "true", 1723161256523)
)

GOOD_ROW = "1,61800.30,0.006,5,5,1723161256322,false\n"

# The second line of a file after a good row, and a part of what is said about it.
BAD_ROWS = [
    ("1;61800.30;0.006;5;5;1723161256322;false", "separated by ';'?"),
    ("1,61800.30,0.006,5,1723161256322,false", "expected 7 columns as before, was 6"),
    ("1,NaN,0.006,5,5,1723161256322,false", "price 'NaN' is not a decimal number"),
    ("1,61800.30,1e308,5,5,1723161256322,false", "quantity '1e308' is not below 2^62 lots"),
    ("1,1e-308,0.006,5,5,1723161256322,false", "price '1e-308' has more than 18 decimals"),
    ("1,-61800.30,0.006,5,5,1723161256322,false", "price '-61800.30' is not above zero"),
    ("1,61800.30,0.000,5,5,1723161256322,false", "quantity '0.000' is not above zero"),
    ("1,61800.30,0.006,5,5,1723161256321,false", "time goes backwards"),
    ("1,61800.30,0.006,5,5,1723161256322000,false", "has 16 digits"),
    ("1,61800.30,0.006,5,5,2024-08-08 23:54:16,false", "is not an integer of 13 (ms)"),
    ("1,61800.30,0.006,5,5,1723161256322,maybe", "'maybe' is neither true nor false"),
    ("1,\x00\x00,0.006,5,5,1723161256322,false", "row: 1,\\x00\\x00,0.006"),
    ('1,"61800.30",0.006,5,5,1723161256322,false', "is not a decimal number"),
]


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def packed(folder: Path, name: str, text: str) -> list[Path]:
    archive = folder / f"{name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(f"{name}.csv", text)
    return [
        written(folder, f"{name}.csv", text),
        written(folder, f"{name}.csv.gz", gzip.compress(text.encode())),
        archive,
    ]


def progress_of(path: Path) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    read_trades(path, progress=lambda done, total: seen.append((done, total)))
    return seen


def columns_of(ticks: Any) -> tuple[list[int], ...]:
    columns = (ticks.time, ticks.price_ticks, ticks.qty_lots, ticks.side)
    return tuple(column.tolist() for column in columns)


def finished(parser: TradesParser) -> tuple[Any, ...]:
    time, price_ticks, qty_lots, side, report = parser.finish()
    return (time.tolist(), price_ticks.tolist(), qty_lots.tolist(), side.tolist(), report)


def parsed(text: bytes, **options: Any) -> tuple[Any, ...]:
    """Columns as lists and the report, or the message of the error."""
    parser = TradesParser(**options)
    try:
        parser.push(text)
        return finished(parser)
    except ValueError as fault:
        return (str(fault),)


@pytest.mark.parametrize(
    ("name", "text", "values", "tick_size", "lot", "time_unit", "form"),
    FORMATS,
    ids=[f"{entry[6]}-{entry[0]}" for entry in FORMATS],
)
def test_every_format_value_for_value(
    tmp_path: Path,
    name: str,
    text: str,
    values: tuple[list[int], ...],
    tick_size: float,
    lot: float,
    time_unit: str,
    form: str,
) -> None:
    for path in packed(tmp_path, name, text):
        ticks = read_trades(path)
        assert columns_of(ticks) == values
        assert (ticks.tick_size, ticks.lot, ticks.time_unit) == (tick_size, lot, time_unit)
        assert ticks.symbol == (None if name == "export" else name.split("-")[0])
        source: Any = ticks.source
        assert (source["path"], source["format"]) == (path.name, form)
        assert (source["rows"], source["lines"]) == (len(values[0]), text.count("\n"))
        assert (source["skipped"], source["messages"], source["first_bad"]) == ({}, {}, None)


def test_columns_have_the_kernels_types_and_are_not_copied(tmp_path: Path) -> None:
    ticks = read_trades(written(tmp_path, "t.csv", FUTURES_AGGREGATES))
    columns = (ticks.time, ticks.price_ticks, ticks.qty_lots, ticks.side)
    assert [column.dtype for column in columns] == [np.int64] * 3 + [np.uint8]
    assert not any(column.flags.writeable for column in columns)


@pytest.mark.parametrize("spelling", ["True", "true", "TRUE", "1"])
def test_buyer_is_maker_is_a_sell(tmp_path: Path, spelling: str) -> None:
    row = GOOD_ROW.replace("false", spelling)
    assert read_trades(written(tmp_path, "t.csv", row)).side.tolist() == [1]


@pytest.mark.parametrize("spelling", ["False", "false", "0"])
def test_seller_is_maker_is_a_buy(tmp_path: Path, spelling: str) -> None:
    row = GOOD_ROW.replace("false", spelling)
    assert read_trades(written(tmp_path, "t.csv", row)).side.tolist() == [0]


def test_feed(tmp_path: Path) -> None:
    for name, content in [("x.feed", FEED.encode()), ("x.feed.gz", gzip.compress(FEED.encode()))]:
        ticks = read_trades(written(tmp_path, name, content))
        assert columns_of(ticks) == (
            [1723161256322, 1723161256523],
            [618003, 618002],
            [6, 15],
            [0, 1],
        )
        assert (ticks.symbol, ticks.time_unit) == ("BTCUSDT", "ms")
        assert (ticks.tick_size, ticks.lot) == (0.1, 0.001)
        source: Any = ticks.source
        assert source["messages"] == {"bookTicker": 1, "depthUpdate": 2, "other": 1}
        assert source["skipped"] == {"zero price or quantity": 1}


def test_feed_of_two_symbols_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "x.feed", FEED + FEED.replace('"BTCUSDT"', '"ETHUSDT"'))
    with pytest.raises(DataError, match="symbol 'ETHUSDT' differs from 'BTCUSDT'"):
        read_trades(path)


def test_feed_line_cut_off_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "x.feed", FEED[:-20])
    with pytest.raises(DataError, match="line 7: the line is not a receive time, a space and one"):
        read_trades(path)
    source: Any = read_trades(path, on_bad="skip").source
    assert (source["rows"], source["skipped"]["not a message"]) == (1, 1)


def test_given_sizes(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", FUTURES_AGGREGATES)
    for size in ("0.05", Decimal("0.05"), 0.05, "5e-2"):
        ticks = read_trades(path, tick_size=size, lot="0.0005")
        assert ticks.price_ticks.tolist() == [1236006, 1236006, 1236004]
        assert ticks.qty_lots.tolist() == [12, 398, 3000]
    quarters = written(tmp_path, "q.csv", "1,4500.25,2,5,5,1723161256322,false\n")
    assert read_trades(quarters, tick_size=0.25, lot=1).price_ticks.tolist() == [18001]
    with pytest.raises(DataError) as caught:
        read_trades(path, tick_size=0.25)
    assert "'61800.30' is not a multiple of tick size 0.25 (nearest: 61800.25 and" in str(
        caught.value
    )


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
def test_bad_rows(tmp_path: Path, row: str, message: str) -> None:
    path = written(tmp_path, "t.csv", f"{GOOD_ROW}{row}\n{GOOD_ROW}")
    with pytest.raises(DataError) as caught:
        read_trades(path)
    said = caught.value.message
    assert said.startswith("t.csv: line 2: ") and message in said and "; row: 1" in said
    assert caught.value.hint is not None and "on_bad='skip'" in caught.value.hint
    ticks = read_trades(path, on_bad="skip")
    assert ticks.price_ticks.tolist() == [618003, 618003]
    source: Any = ticks.source
    assert sum(source["skipped"].values()) == 1
    assert source["first_bad"].startswith("line 2: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (FUTURES_HEADER.encode(), "no trades in 1 lines"),
        (b"open_time,open,high,low,close\n1,2,3,4,5\n", "does not name the column price"),
        (b"1704067200000,1,2,3,4,5,1704067259999,6,7,8,9,0\n", "6, 7 or 8 columns"),
        (GOOD_ROW.replace(",", ";").encode(), "separated by ';'?"),
        (GOOD_ROW.replace(",", "\t").encode(), "separated by '\\t'?"),
        (random.Random(3).randbytes(4096), "not text"),
        (GOOD_ROW.encode("utf-16"), "not text"),
        (b"\x00" * 3_000_000, "not text"),
        (b"7" * 3_000_000, "the line is longer than 1048576 bytes"),
        (FEED[:150].encode() + b"7" * 3_000_000, "the line is longer than 1048576 bytes"),
    ],
)
def test_files_that_are_no_trades(tmp_path: Path, content: bytes, message: str) -> None:
    for name, packed_content in [("t.csv", content), ("t.csv.gz", gzip.compress(content))]:
        path = written(tmp_path, name, packed_content)
        with pytest.raises(DataError) as caught:
            read_trades(path)
        assert message in caught.value.message and len(caught.value.message) < 800
        with pytest.raises(DataError):
            read_trades(path, on_bad="skip")


def test_damaged_packing(tmp_path: Path) -> None:
    text = "".join(f"{row},61800.30,0.006,5,5,1723161256322,false\n" for row in range(5000))
    whole = gzip.compress(text.encode())
    broken = bytearray(whole)
    broken[len(broken) // 2] ^= 0xFF
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("t.csv", text)
    stored = bytearray(archive.getvalue())
    stored[2000:2003] = b"777"
    contents = [whole[:-20], whole[:5], bytes(broken), whole + b"rest", archive.getvalue()[:-30]]
    for content in [*contents, bytes(stored)]:
        path = written(tmp_path, "t.csv.gz", content)
        with pytest.raises(DataError, match="damaged or cut off"):
            read_trades(path)
        with pytest.raises(DataError, match="damaged or cut off"):
            read_trades(path, on_bad="skip")


def test_zip_must_have_text(tmp_path: Path) -> None:
    def archive_of(*names: str) -> Path:
        with zipfile.ZipFile(tmp_path / "t.zip", "w") as file:
            for name in names:
                file.writestr(name, "" if name.endswith("/") else GOOD_ROW)
        return tmp_path / "t.zip"

    for names in (["a.csv"], ["a.txt"], ["d/", "d/a.csv", "__MACOSX/d/._a.csv", "d/a.md5"]):
        assert len(read_trades(archive_of(*names))) == 1
    for names in ([], ["d/"], ["a.md5", "b.md5"]):
        with pytest.raises(DataError, match="expected text in the archive"):
            read_trades(archive_of(*names))


def rows_of(ids: range, *, digits: int = 13, tenths: int = 1) -> str:
    """Trades one second apart, all told by their ids."""
    scale = 10 ** (digits - 10)
    return "".join(
        f"{at},61800.{tenths}0,0.006,{at},{at},{(1723161256 + at) * scale},false\n" for at in ids
    )


def test_files_that_overlap_are_joined_by_their_ids(tmp_path: Path) -> None:
    written(tmp_path, "BTCUSDT-aggTrades-2024-08-09.csv", rows_of(range(6, 20), tenths=2))
    written(tmp_path, "BTCUSDT-aggTrades-2024-08-08.csv", FUTURES_HEADER + rows_of(range(10)))
    written(tmp_path, "BTCUSDT-aggTrades-2024-08-10.csv", rows_of(range(9, 15)))
    ticks = read_trades(tmp_path / "BTCUSDT-aggTrades-*.csv")
    assert (ticks.time // 1000 - 1723161256).tolist() == list(range(20))
    assert ticks.prices.tolist() == [61800.1] * 10 + [61800.2] * 10
    source: Any = ticks.source
    assert source["skipped"] == {"in another file": 4 + 6}
    assert source["path"] == [f"BTCUSDT-aggTrades-2024-08-{day}.csv" for day in ("08", "09", "10")]
    assert (source["rows"], source["lines"], ticks.symbol) == (20, 31, "BTCUSDT")
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for day in ("10", "09", "08"):
            archive.write(tmp_path / f"BTCUSDT-aggTrades-2024-08-{day}.csv", f"{day}.csv")
    assert read_trades(tmp_path / "t.zip").data_digest == ticks.data_digest


def test_joined_files_share_one_grid_and_unit(tmp_path: Path) -> None:
    ms = written(tmp_path, "a.csv", rows_of(range(3)))
    us = written(tmp_path, "b.csv", rows_of(range(3, 5), digits=16).replace("0.006", "0.0055"))
    ticks = read_trades([us, ms])
    assert (ticks.time_unit, ticks.grids) == ("us", ("0.1", "0.0001"))
    assert (ticks.time // 10**6 - 1723161256).tolist() == [0, 1, 2, 3, 4]
    assert ticks.qty_lots.tolist() == [60, 60, 60, 55, 55]
    given = read_trades([us, ms], tick_size="0.05", lot="0.0005")
    assert given.grids == ("0.05", "0.0005")


def test_files_that_do_not_fit_together(tmp_path: Path) -> None:
    bare = "time,price,qty,is_buyer_maker\n1723161256322,1,2,true\n1723161256329,1,2,true\n"
    one = written(tmp_path, "a.csv", bare)
    two = written(tmp_path, "b.csv", bare.replace("322,", "323,"))
    with pytest.raises(DataError, match="begins at 2024-08-08T23:54:16.323, before a.csv ends at"):
        read_trades([one, two])
    with pytest.raises(DataError, match="c.csv is of the format futures-aggtrades, a.csv of csv"):
        read_trades([one, written(tmp_path, "c.csv", GOOD_ROW)])
    written(tmp_path, "BTCUSDT-trades-2024-01.csv", GOOD_ROW)
    later = rows_of(range(2301523500, 2301523501))
    written(tmp_path, "ETHUSDT-trades-2024-02.csv", later)
    with pytest.raises(DataError, match="the files are of BTCUSDT and ETHUSDT"):
        read_trades(tmp_path / "*-trades-*.csv")


def test_overlaps_of_feeds_are_told_by_ids(tmp_path: Path) -> None:
    def trade(at: int) -> str:
        return f'1 {{"e":"trade","T":{1723161256000 + at},"s":"X","t":{at},"p":"1","q":"2","m":true}}\n'

    one = written(tmp_path, "a.feed", "".join(map(trade, range(5))))
    two = written(tmp_path, "b.feed", '1 {"e":"x"}\n' * 9000 + "".join(map(trade, range(3, 8))))
    ticks = read_trades([two, one])
    assert (ticks.time - 1723161256000).tolist() == list(range(8))
    source: Any = ticks.source
    assert (source["skipped"], source["messages"]) == ({"in another file": 2}, {"x": 9000})


def test_arguments(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", GOOD_ROW)
    for size in ("0", "-1", "x", "", 0, 0.0, float("nan"), float("inf"), True, [1]):
        with pytest.raises(ConfigError):
            read_trades(path, tick_size=size)  # type: ignore[arg-type]
        with pytest.raises(ConfigError):
            read_trades(path, lot=size)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="neither 'raise' nor 'skip'"):
        read_trades(path, on_bad="ignore")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        read_trades(tmp_path / "absent.csv")


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    text = "".join(f"{row},61800.30,0.006,5,5,1723161256322,false\n" for row in range(250000))
    for path in packed(tmp_path, "t", text):
        seen = progress_of(path)
        size = path.stat().st_size
        assert seen == sorted(seen) and len(seen) >= 2
        assert {total for _, total in seen} == {size} and seen[-1][0] >= size * 0.9


def test_an_error_in_progress_is_passed_on(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="^mine$"):
        read_trades(written(tmp_path, "t.csv", GOOD_ROW), progress=stop)


PEAK = """
import sys
from pathlib import Path
from tickstep.data import read_trades

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))

read_trades(sys.argv[1])
before = status("VmRSS")
ticks = read_trades(sys.argv[2])
print(status("VmHWM") - before, ticks.nbytes, len(ticks))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_peak_memory_is_bounded(tmp_path: Path) -> None:
    small = written(tmp_path, "small.csv", FUTURES_AGGREGATES)
    rows = 1_500_000
    text = "".join(
        f"{row},61800.{row % 10}0,{row % 9}.{1 + row % 999:03d},5,5,{1723161256322 + row},true\n"
        for row in range(rows)
    )
    for path in packed(tmp_path, "large", text):
        command = [sys.executable, "-c", PEAK, str(small), str(path)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peak, columns, read = map(int, said.split())
        assert read == rows
        assert peak <= 1.5 * columns + 16 * 2**20, path.name


def test_ctrl_c_ends_the_reading(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_trades(written(tmp_path, "t.csv", GOOD_ROW), progress=stop)


@pytest.mark.skipif(sys.platform != "linux", reason="sparse files")
def test_a_sparse_file_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sparse.csv"
    with path.open("wb") as file:
        file.write((GOOD_ROW * 5000).encode())
        file.truncate(10 * 2**30)
    command = [sys.executable, "-c", PEAK.replace("print(", "0 and print("), str(path), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "line 5001: the line is not text" in done.stderr


def test_parser_takes_any_buffer_and_ends_once() -> None:
    parser = TradesParser()
    row = GOOD_ROW.encode()
    for piece in (row, bytearray(row), memoryview(row)):
        parser.push(piece)
    assert parser.rows == 3
    parser.finish()
    with pytest.raises(ValueError, match="the parser has ended"):
        parser.finish()
    failed = TradesParser()
    with pytest.raises(ValueError, match="line 1") as caught:
        failed.push(b"junk\n")
    assert caught.value.line == 1  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="the parser has ended"):
        failed.push(row)
    with pytest.raises(BufferError):
        TradesParser().push(array("d", [1.0]))


@st.composite
def spelled_decimals(draw: st.DrawFn) -> str:
    """A positive decimal in one of its spellings."""
    mantissa = draw(st.integers(1, 10**9))
    value = Decimal(mantissa).scaleb(-draw(st.integers(0, 5)))
    spelling = draw(st.sampled_from(["plain", "scientific", "padded"]))
    if spelling == "scientific":
        return f"{value:E}"
    plain = f"{value:f}"
    has_point = "." in plain
    return plain + (".0" if not has_point else "00") if spelling == "padded" else plain


def coarsest_step(values: list[Decimal]) -> Decimal:
    decimals = max(0, *(-int(value.normalize().as_tuple().exponent) for value in values))
    return Decimal(1).scaleb(-decimals)


@given(st.lists(st.tuples(spelled_decimals(), spelled_decimals()), min_size=1, max_size=40))
def test_decimals_are_exact(numbers: list[tuple[str, str]]) -> None:
    text = "".join(f"1,{price},{qty},5,5,1723161256322,true\n" for price, qty in numbers)
    *columns, report = parsed(text.encode())
    for spelled, indexes, name in zip(
        zip(*numbers, strict=True), columns[1:3], ("tick_size", "lot"), strict=True
    ):
        values = [Decimal(value) for value in spelled]
        step = Decimal(report[name])
        assert [index * step for index in indexes] == values
        assert step == coarsest_step(values)


@given(
    st.integers(0, 10**6),
    st.sampled_from(["0.25", "0.5", "0.05", "0.002", "1", "5", "12.5", "1e-8"]),
    st.booleans(),
)
def test_given_grid_takes_multiples_only(index: int, size: str, is_off: bool) -> None:
    value = (index + 1) * Decimal(size) + (Decimal(size) / 2 if is_off else 0)
    outcome = parsed(f"1,{value:f},1,5,5,1723161256322,true\n".encode(), tick_size=size)
    if is_off:
        assert f"is not a multiple of tick size {Decimal(size).normalize():f}" in outcome[0]
    else:
        assert outcome[1] == [index + 1]


ROWS = {
    "futures-aggtrades": "{id},{price},{qty},{id},{id},{time},{lower}",
    "spot-aggtrades": "{id},{price}000000,{qty}00000,{id},{id},{time}123,{upper},True",
    "spot-trades": "{id},{price}000000,{qty}00000,12.50,{time},{upper},True",
    "futures-trades": "{id},{price},{qty},12.50,{time},{lower}",
}


def many_rows(template: str, seed: int) -> str:
    chance = random.Random(seed)
    rows = []
    for number in range(40):
        flag = chance.random() < 0.5
        rows.append(
            template.format(
                id=2301523417 + number,
                price=f"{61800 + chance.randrange(9)}.{chance.randrange(100):02d}",
                qty=f"{chance.randrange(100)}.{1 + chance.randrange(999):03d}",
                time=1723161256322 + 7 * number + chance.randrange(7),
                lower=str(flag).lower(),
                upper=flag,
            )
        )
    return chance.choice(["\n", "\n", "\r\n"]).join(rows) + "\n"


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "replace"]),
        st.integers(0, 10**6),
        st.sampled_from(b"0123456789.,\n\r-+eETtrufalse; \x00\xff"),
    ),
    max_size=4,
)


@given(st.sampled_from(sorted(ROWS)), st.integers(0, 100), MUTATIONS, st.booleans())
def test_fast_path_is_the_exact_path(
    form: str, seed: int, mutations: list[tuple[str, int, int]], is_skipping: bool
) -> None:
    text = bytearray(many_rows(ROWS[form], seed).encode())
    for kind, place, byte in mutations:
        at = place % len(text)
        text[at : at + (kind != "insert")] = b"" if kind == "delete" else bytes([byte])
    for tick_size in (None, "0.05"):
        options = {"tick_size": tick_size, "skip_bad": is_skipping}
        fast = parsed(bytes(text), **options)
        assert fast == parsed(bytes(text), exact_only=True, **options)
        if not mutations and tick_size is None:
            assert len(fast[0]) == 40 and fast[4]["format"] == form


@given(st.binary(max_size=400), st.booleans())
def test_junk_is_refused_calmly(junk: bytes, is_skipping: bool) -> None:
    for start in (b"", GOOD_ROW.encode(), FEED.encode()):
        outcome = parsed(start + junk, skip_bad=is_skipping)
        assert isinstance(outcome[0], list if len(outcome) > 1 else str)


@given(st.integers(0, 100), st.lists(st.integers(1, 300), min_size=1))
def test_pieces_may_be_cut_anywhere(seed: int, sizes: list[int]) -> None:
    text = many_rows(ROWS["spot-aggtrades"], seed).encode()
    parser = TradesParser()
    start, number = 0, 0
    while start < len(text):
        size = sizes[number % len(sizes)]
        parser.push(text[start : start + size])
        start, number = start + size, number + 1
    assert finished(parser) == parsed(text)


def test_files_of_another_kind_name_their_reader(tmp_path: Path) -> None:
    ticks = ts.Ticks.from_arrays([1], [1.5], [2.0], [0], tick_size=0.25)
    parquet, arrow = ticks.to_parquet(tmp_path / "a"), ticks.save(tmp_path / "b")
    for read in (ts.read_trades, ts.read_bars, ts.read_book, ts.read_depth_bands):
        with pytest.raises(DataError, match="a is a Parquet file, not text\nhint: read_parquet"):
            read(parquet)
        with pytest.raises(DataError, match="b is an Arrow file, not text\nhint: open_ticks"):
            read(arrow)
        with pytest.raises(IsADirectoryError, match="is a folder: give its files"):
            read(tmp_path)
        with pytest.raises(ConfigError, match="a path must be text or a path.*was int"):
            read(5)  # type: ignore[arg-type]
    semicolons = tmp_path / "c.csv"
    semicolons.write_text("1;100.01;0.5;1;1;1700000000001;true\n")
    with pytest.raises(DataError, match=r"separated by ';'[\s\S]*read_table\(\)"):
        ts.read_trades(semicolons)


def test_a_symbol_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-aggTrades-2024-08-08.csv"
    path.write_text("1,100.01,0.5,1,1,1700000000001,true\n")
    assert ts.read_trades(path).symbol == "BTCUSDT"
    assert ts.read_trades(path, symbol="BTCUSDT.BINANCE").symbol == "BTCUSDT.BINANCE"


def test_a_number_too_large_tells_the_grid_found(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [
        f"{i},100,{qty},1,1,{1700000000000 + i},true\n" for i, qty in enumerate((0.1, 1e-11, 5e7))
    ]
    path.write_text("".join(rows))
    with pytest.raises(
        DataError, match=r"is not below 2\^62 lots of 0.00000000001; row[\s\S]*lot="
    ):
        ts.read_trades(path)
