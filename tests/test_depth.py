"""Order books from feeds, archives and tables: values, gaps, and the best levels after each update."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.errors import ConfigError, DataError

T = 1723161256298
HEADER = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n"


def depth(ids: tuple[int, int, int], time: int, bids: list[Any], asks: list[Any]) -> str:
    first, last, previous = ids
    data = {"e": "depthUpdate", "E": time + 1, "T": time, "s": "BTCUSDT", "U": first, "u": last}
    data |= {"pu": previous, "b": bids, "a": asks}
    return f"{time * 10**6} " + json.dumps({"stream": "btcusdt@depth@0ms", "data": data}) + "\n"


def ticker(update: int, time: int, *levels: str) -> str:
    data = {"e": "bookTicker", "u": update, "s": "BTCUSDT"} | dict(zip("bBaA", levels, strict=True))
    data |= {"T": time, "E": time}
    return f"{time * 10**6} " + json.dumps({"stream": "btcusdt@bookTicker", "data": data}) + "\n"


FEED = (
    depth((1, 10, 0), T, [["61800.10", "0.500"]], [])
    + ticker(11, T + 1, "61800.20", "2.5", "61800.30", "0.1")
    + depth((11, 30, 10), T + 2, [], [["61800.30", "1.5"], ["61800.40", "0.000"]])
    + f"{T * 10**6} "
    + json.dumps(
        {
            "lastUpdateId": 20,
            "T": T + 1,
            "bids": [["61800.20", "2"], ["61800.10", "1"]],
            "asks": [["61800.40", "3"]],
        }
    )
    + "\n"
    + depth((31, 40, 30), T + 3, [["61800.20", "0"]], [])
)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def source_of(book: ts.Book) -> dict[str, Any]:
    assert isinstance(book.source, dict)
    return book.source


def test_feed_of_depth(tmp_path: Path) -> None:
    plain = written(tmp_path / "x.feed", FEED)
    packed = tmp_path / "x.feed.gz"
    packed.write_bytes(gzip.compress(FEED.encode()))
    for path in (plain, packed):
        book = ts.read_book(path)
        assert (book.symbol, book.grids, book.time_unit) == ("BTCUSDT", ("0.1", "0.1"), "ms")
        assert (book.time - T).tolist() == [0, 1, 1, 1, 2, 2, 3]
        assert (book.price_ticks - 618000).tolist() == [1, 2, 1, 4, 3, 4, 2]
        assert book.qty_lots.tolist() == [5, 20, 10, 30, 15, 0, 0]
        assert book.side.tolist() == [0, 0, 0, 1, 1, 1, 0]
        assert book.flags.tolist() == [2, 1, 0, 2, 0, 2, 2]
        source = source_of(book)
        assert (source["path"], source["format"], source["rows"]) == (path.name, "feed", 7)
        assert (source["updates"], source["snapshots"], source["gaps"]) == (3, 1, 0)
        assert source["messages"] == {"bookTicker": 1} and source["first_gap"] is None
        best = book.best()
        assert (best.time - T).tolist() == [0, 1, 2, 3]
        assert (best.bid_ticks - 618000).tolist() == [1, 2, 2, 1]
        assert best.bid_lots.tolist() == [5, 20, 20, 10]
        assert best.ask_ticks.tolist() == [0, 618004, 618003, 618003]
        assert best.ask_lots.tolist() == [0, 30, 15, 15]


def test_feed_of_quotes(tmp_path: Path) -> None:
    path = written(tmp_path / "x.feed", FEED)
    best = ts.read_book(path, kind="ticker").best()
    assert [column.tolist() for column in best] == [[T + 1], [618002], [25], [618003], [1]]


def test_feeds_in_parts_are_one_chain(tmp_path: Path) -> None:
    lines = FEED.splitlines()
    parts = ["\n".join(lines[:3]), "\n".join(lines[3:])]  # the first has no line end
    paths = [written(tmp_path / f"x-{at}.feed", part) for at, part in enumerate(parts)]
    book = ts.read_book(paths)
    assert book == ts.read_book(written(tmp_path / "whole.feed", FEED))
    assert source_of(ts.read_book(tmp_path / "x-*.feed"))["path"] == ["x-0.feed", "x-1.feed"]


def test_gaps_are_told(tmp_path: Path) -> None:
    text = FEED + depth((51, 60, 50), T + 9, [["1", "1"]], [])
    source = source_of(ts.read_book(written(tmp_path / "x.feed", text)))
    assert (source["gaps"], source["first_gap"]) == (1, (40, 60))


def test_arguments_and_bad_messages(tmp_path: Path) -> None:
    path = written(tmp_path / "x.feed", FEED.replace('"0.500"', '"NaN"'))
    with pytest.raises(DataError, match="x.feed: line 1: quantity 'NaN' is not a decimal number"):
        ts.read_book(path)
    assert source_of(ts.read_book(path, on_bad="skip"))["skipped"] == {"quantity": 1}
    with pytest.raises(DataError, match="is not a multiple of tick size 0.25"):
        ts.read_book(written(tmp_path / "y.feed", FEED), tick_size="0.25")
    with pytest.raises(ConfigError, match="kind='trades' does not fit"):
        ts.read_book(path, kind="trades")
    with pytest.raises(ConfigError, match="delimiter does not fit"):
        ts.read_book(path, delimiter=";")
    with pytest.raises(DataError, match="no book updates in 1 lines"):
        ts.read_book(written(tmp_path / "z.feed", '1 {"e":"trade"}\n'))
    table = written(tmp_path / "t.csv", "time,side,price,qty\n1704067200000,bid,1,1\n")
    with pytest.raises(DataError, match="line 1: the line is not a receive time"):
        ts.read_book(table, kind="depth")


def test_the_recorded_feed(data_folder: Path) -> None:
    path = data_folder / "binance-usdm-btcusdt-2024-08-08.feed.gz"
    book = ts.read_book(path)
    source = source_of(book)
    assert (book.symbol, book.grids) == ("BTCUSDT", ("0.1", "0.001"))
    assert source["updates"] + source["skipped"].get("older than the snapshot", 0) == 6551
    assert (source["snapshots"], source["gaps"]) == (1, 0)
    assert source["messages"] == {"bookTicker": 66_089, "trade": 21_313}
    quotes = ts.read_book(path, kind="ticker").best()
    # Where both say something of the same moment, the book's best level is the quote.
    begin = int(book.time[np.flatnonzero(book.flags & 1)[0]])
    best = book.best()
    known = best.time > begin
    last = np.searchsorted(quotes.time, best.time[known], side="right") - 1
    same = (quotes.bid_ticks[last] == best.bid_ticks[known]) & (
        quotes.ask_ticks[last] == best.ask_ticks[known]
    )
    assert same.mean() > 0.9
    assert (best.bid_ticks[known] < best.ask_ticks[known]).all()


def test_archive_of_quotes(tmp_path: Path) -> None:
    rows = "7,41732.50,1.250,41732.60,0.004,1705276800014,1705276800018\n"
    rows += "9,41732.50,1.250,41732.70,2.000,1705276800015,1705276800019\n"
    header = (
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,"
        "transaction_time,event_time\n"
    )
    name = tmp_path / "BTCUSDT-bookTicker-2024-01-15.csv"
    for text in (header + rows, rows):
        book = ts.read_book(written(name, text))
        assert (book.symbol, book.grids) == ("BTCUSDT", ("0.1", "0.001"))
        assert book.flags.tolist() == [1, 2, 1, 2] and book.side.tolist() == [0, 1, 0, 1]
        assert [column.tolist() for column in book.best()] == [
            [1705276800014, 1705276800015],
            [417325, 417325],
            [1250, 1250],
            [417326, 417327],
            [4, 2000],
        ]


def test_archives_of_depth(tmp_path: Path) -> None:
    updates = HEADER
    updates += (
        "BTCUSDT,1000000000001,1,10,b,set,9.5,1.0,0\nBTCUSDT,1000000000001,1,10,a,set,9.6,1,0\n"
    )
    updates += "BTCUSDT,1000000000003,11,20,b,set,9.5,0.0,10\n"
    updates += "BTCUSDT,1000000000004,31,40,a,set,9.6,0.5,30\n"
    snapshots = HEADER
    snapshots += "BTCUSDT,1000000000005,1,10,b,snap,9.4,2,-1\n"
    snapshots += "BTCUSDT,1000000000005,1,10,a,snap,9.7,3,-1\n"
    paths = [
        written(tmp_path / "BTCUSDT_T_DEPTH_2001-09-09_depth_snap.csv", snapshots),
        written(tmp_path / "BTCUSDT_T_DEPTH_2001-09-09_depth_update.csv", updates),
    ]
    book = ts.read_book(paths)
    assert book.symbol == "BTCUSDT"
    assert (book.time - 10**12).tolist() == [1, 1, 3, 3, 3, 4]
    assert book.price_ticks.tolist() == [95, 96, 94, 97, 95, 96]
    assert book.flags.tolist() == [0, 2, 1, 2, 2, 2]
    source = source_of(book)
    assert (source["updates"], source["gaps"], source["first_gap"]) == (3, 1, (20, 40))


def test_archives_and_other_files_do_not_mix(tmp_path: Path) -> None:
    archive = written(tmp_path / "a.csv", HEADER + "X,1000000000001,1,10,b,set,9.5,1.0,0\n")
    table = written(tmp_path / "b.csv", "time,side,price,qty,update_id\n1000000000001,b,1,1,5\n")
    with pytest.raises(DataError, match="its first row has no update_type"):
        ts.read_book([archive, table])
    with pytest.raises(DataError, match="no rows in 1 lines"):
        ts.read_book(written(tmp_path / "c.csv", HEADER))


def test_bands(tmp_path: Path) -> None:
    text = "timestamp,percentage,depth,notional\n"
    text += "2024-01-15 00:00:09,-5,6534.52,265133021.11\n2024-01-15 00:00:09,-0.2,1.5,6.0E4\n"
    bands = ts.read_depth_bands(written(tmp_path / "BTCUSDT-bookDepth-2024-01-15.csv", text))
    assert (bands.symbol, bands.time_unit) == ("BTCUSDT", "ms")
    assert bands.time.tolist() == [1705276809000] * 2
    assert bands.percentage.tolist() == [-5.0, -0.2]
    assert bands.depth.tolist() == [6534.52, 1.5] and bands.notional.tolist() == [265133021.11, 6e4]
    with pytest.raises(DataError, match="no column is known as percentage"):
        ts.read_depth_bands(written(tmp_path / "x.csv", "timestamp,x\n2024-01-15,1\n"))


def test_trades_are_no_quotes(tmp_path: Path) -> None:
    quotes = "7,41732.50,1.250,41732.60,0.004,1705276800014,1705276800018\n"
    assert len(ts.read_book(written(tmp_path / "q.csv", quotes))) == 2
    trades = "7,41732.50,1.250,41,42,1705276800014,true\n"
    with pytest.raises(DataError, match="a table of 7 columns without a header"):
        ts.read_book(written(tmp_path / "t.csv", trades))
