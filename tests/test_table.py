"""Tables of text: every spelling value for value, every refusal, several files, repairs."""

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.errors import ConfigError, DataError

START_MS = 1704067200000  # 2024-01-01

SPOT_ROWS = (
    "1735689600000000,93576.00000000,93610.93000000,93537.50000000,93610.93000000,8.21827000,"
    "1735689659999999,768978.64706930,2631,3.95157000,369757.33234520,0\n"
    "1735689660000000,93610.93000000,93652.00000000,93606.20000000,93652.00000000,9.0E-5,"
    "1735689719999999,0,3,0.00000000,0,0\n"
)
FUTURES_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore\n"
)
FUTURES_ROWS = (
    "1704067200000,42314.00,42335.80,42289.60,42331.90,289.641,1704067259999,12256155.27350,3310,"
    "175.211,7414459.87200,0\n"
    "1704067260000,42331.90,42353.10,42331.80,42350.40,202.444,1704067319999,8572400.20310,2554,"
    "110.021,4658923.81040,0\n"
)
COIN_ROWS = (
    "1704067200000,42307.6,42330.0,42285.0,42330.0,2541,1704067259999,6.00571382,178,1503,"
    "3.55216172,0\n"
)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def source_of(data: ts.Ticks | ts.Bars | ts.Book) -> dict[str, Any]:
    assert isinstance(data.source, dict)
    return data.source


def values_of(bars: ts.Bars) -> dict[str, list[int]]:
    return {name: column.tolist() for name, column in bars.columns.items()}


def packed(path: Path, text: str) -> list[Path]:
    """One file plain, as gzip, and as zip."""
    plain = written(path, text)
    zipped, archived = path.with_suffix(".csv.gz"), path.with_suffix(".zip")
    zipped.write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(archived, "w") as archive:
        archive.writestr(path.name, text)
    return [plain, zipped, archived]


def test_spot_klines_in_microseconds(tmp_path: Path) -> None:
    for path in packed(tmp_path / "BTCUSDT-1m-2025-01-01.csv", SPOT_ROWS):
        bars = ts.read_bars(path)
        assert (bars.symbol, bars.interval, bars.time_unit) == ("BTCUSDT", "1m", "us")
        assert bars.grids == ("0.01", "0.00001")
        assert values_of(bars) == {
            "time": [1735689600000000, 1735689660000000],
            "open_ticks": [9357600, 9361093],
            "high_ticks": [9361093, 9365200],
            "low_ticks": [9353750, 9360620],
            "close_ticks": [9361093, 9365200],
            "volume_lots": [821827, 9],
            "buy_lots": [395157, 0],
            "trade_count": [2631, 3],
            "turnover": [768978.6470693, 0.0],
        }


def test_futures_klines_with_and_without_header(tmp_path: Path) -> None:
    name = tmp_path / "BTCUSDT-1m-2024-01.csv"
    with_header = ts.read_bars(written(name, FUTURES_HEADER + FUTURES_ROWS))
    without = ts.read_bars(written(name, FUTURES_ROWS))
    assert with_header == without and with_header.interval == "1m"
    assert with_header.turnover is not None and with_header.buy_lots is not None
    assert with_header.turnover.tolist() == [12256155.2735, 8572400.2031]
    assert with_header.buy_lots.tolist() == [175211, 110021]
    assert source_of(with_header)["lines"] == 3
    assert (source_of(without)["gaps"], source_of(without)["bars_missing"]) == (0, 0)


def test_coin_margined_klines_tell_no_money(tmp_path: Path) -> None:
    for name in ("BTCUSD_PERP-1m-2024-01-01.csv", "BTCUSD_240329-1m-2024-01-01.csv"):
        bars = ts.read_bars(written(tmp_path / name, FUTURES_HEADER + COIN_ROWS))
        assert bars.turnover is None and bars.interval == "1m"
        assert (bars.volume_lots.tolist(), bars.lot) == ([2541], 1.0)


def test_table_of_pyrust_bt(tmp_path: Path) -> None:
    text = "datetime,open,high,low,close,volume\n2020-01-02,10,10.5,9.5,10.2,1000\n"
    text += "2020-01-03 00:00:00,10.2,10.3,10,10.1,900.5\n2020/1/6,10,10,10,10,0\n"
    bars = ts.read_bars(written(tmp_path / "x.csv", text), symbol="X")
    assert (bars.symbol, bars.interval, bars.grids) == ("X", "1d", ("0.1", "0.1"))
    assert bars.datetimes.astype("datetime64[D]").astype(str).tolist() == [
        "2020-01-02",
        "2020-01-03",
        "2020-01-06",
    ]
    assert (source_of(bars)["gaps"], source_of(bars)["bars_missing"]) == (1, 2)


def test_tables_of_several_symbols(tmp_path: Path) -> None:
    text = "symbol,datetime,open,high,low,close,volume\n"
    text += (
        "B,2020-01-02,20,21,20,21,5\nA,2020-01-02,1.5,1.6,1.4,1.5,100\nB,2020-01-03,21,21,21,21,1\n"
    )
    path = written(tmp_path / "x.csv", text)
    with pytest.raises(DataError, match="the rows are of 2 symbols: A, B"):
        ts.read_bars(path)
    bars = ts.read_bars(path, symbol="B")
    assert (bars.close_ticks.tolist(), bars.symbol) == ([21, 21], "B")
    assert source_of(bars)["skipped"] == {"other symbol": 1}
    found = ts.read_bars_by_symbol(path)
    assert list(found) == ["B", "A"] and found["A"].grids == ("0.1", "1")
    assert found["B"] == bars
    with pytest.raises(DataError, match="no rows"):
        ts.read_bars(path, symbol="C")
    no_symbol = written(tmp_path / "y.csv", text.replace("symbol", "x"))
    with pytest.raises(DataError, match="no column is known as symbol"):
        ts.read_bars_by_symbol(no_symbol)


def test_sample_of_quantaxis(tmp_path: Path) -> None:
    text = "datetime,code,open,high,low,close,volume,position,price,tradetime,type\n"
    text += (
        "2021-01-04 09:01:00,RB2105,3197.0002441406,3199.0,3196.9997558594,3198.0,1534.0,98000.0,"
    )
    text += "3198.0,2021-01-04,1min\n"
    path = written(tmp_path / "rb.csv", text)
    bars = ts.read_bars(path, tick_size=1, snap=True, tz="Asia/Shanghai")
    assert values_of(bars) == {
        "time": [1609722060000],
        "open_ticks": [3197],
        "high_ticks": [3199],
        "low_ticks": [3197],
        "close_ticks": [3198],
        "volume_lots": [1534],
        "open_interest_lots": [98000],
    }
    assert bars.symbol == "RB2105"
    with pytest.raises(DataError, match=r"'3197.0002441406' is not a multiple of tick size 1"):
        ts.read_bars(path, tick_size=1)
    assert ts.read_bars(path).tick_size == 1e-10  # never snapped unasked


@pytest.mark.parametrize(
    "keys",
    [
        ("timestamp", "open", "high", "low", "close", "volume", "trades"),
        ("ts", "o", "h", "l", "c", "v", "trade_count"),
        ("ts_open", "open_price", "high_price", "low_price", "close_price", "vol", "num_trades"),
        ("open_time", "open", "high", "low", "close", "base_volume", "count"),
    ],
)
def test_candles_as_json_lines(tmp_path: Path, keys: tuple[str, ...]) -> None:
    rows = [(START_MS, 1.5, '"2.25"', 1, 2, 10.5, 7), (START_MS + 60_000, 2, 2, 2, 2, 0, 0)]
    lines = [
        "{" + ", ".join(f'"{key}": {value}' for key, value in zip(keys, row, strict=True)) + "}"
        for row in rows
    ]
    bars = ts.read_bars(written(tmp_path / "c.ndjson", "\n".join(lines) + "\n"))
    assert bars.high_ticks.tolist() == [225, 200] and bars.grids == ("0.01", "0.1")
    assert bars.trade_count is not None and bars.trade_count.tolist() == [7, 0]
    assert source_of(bars)["format"] == "json"
    broken = written(tmp_path / "b.ndjson", lines[0] + '\n{"open": 1\n')
    with pytest.raises(DataError, match="line 2: the line is not one JSON object"):
        ts.read_bars(broken)
    short = written(tmp_path / "s.ndjson", lines[0] + '\n{"open": 1}\n')
    with pytest.raises(DataError, match="line 2: the message has no usable field"):
        ts.read_bars(short)


def test_the_files_of_minutes(data_folder: Path) -> None:
    euro = ts.read_bars(data_folder / "6EH4.XCME_1min_bars_20240101_20240131.csv.gz")
    assert (len(euro), euro.interval, euro.grids) == (29_996, "1m", ("0.00001", "1"))
    assert values_of(euro[:1]) == {
        "time": [1704150060000],
        "open_ticks": [110760],
        "high_ticks": [110785],
        "low_ticks": [110760],
        "close_ticks": [110780],
        "volume_lots": [205],
    }
    path = data_folder / "btc-perp-1m-2022-01.csv.gz"
    with pytest.raises(DataError, match="line 5215: volume '46780258.1338' is not below 2.62 lots"):
        ts.read_bars(path)  # its volumes carry the noise of floats: 218102.59507500002
    bitcoin = ts.read_bars(path, lot="1e-7", snap=True)
    assert (len(bitcoin), bitcoin.interval) == (45_031, "1m")
    assert bitcoin.volume_lots[:1].tolist() == [23004137295000]
    assert bitcoin.volume_lots[247] == 2181025950750


def test_columns_as_the_caller_says(tmp_path: Path) -> None:
    path = written(tmp_path / "t.txt", "x|1704067200.5|7|2.5\n")
    columns = {"time": 1, "price": 3, "qty": 2, "side": 0}
    with pytest.raises(DataError, match="side 'x' is not known"):
        ts.read_table(path, columns=columns)
    written(path, "Zeit|Kurs|Menge|Seite\n1704067200|2.5|7|Sell\n1704067200|2.5|7|b\n")
    named = {"time": "Zeit", "price": "Kurs", "qty": "Menge", "side": "Seite"}
    ticks = ts.read_table(path, columns=named)
    assert (ticks.time_unit, ticks.side.tolist()) == ("s", [1, 0])
    assert source_of(ticks)["format"] == "delimited by '|'"
    with pytest.raises(DataError, match="no column is known as time; its columns: Zeit, Kurs"):
        ts.read_table(path)
    with pytest.raises(ConfigError, match="has no column 'Preis'"):
        ts.read_table(path, columns=named | {"price": "Preis"})
    with pytest.raises(ConfigError, match="trades have no field 'open'"):
        ts.read_table(path, columns=named | {"open": 0})
    with pytest.raises(DataError, match="no column is known as side or buyer_is_maker"):
        ts.read_table(path, columns={"time": 0, "price": 1, "qty": 2})


def test_trades_by_the_header(tmp_path: Path) -> None:
    text = "timestamp,symbol,side,price,size\n2024-01-01T00:00:00.000001Z,X,Buy,1.25,3\n"
    ticks = ts.read_table(written(tmp_path / "t.csv", text), kind="trades")
    assert (ticks.time.tolist(), ticks.time_unit) == ([START_MS * 1000 + 1], "us")
    assert (ticks.price_ticks.tolist(), ticks.qty_lots.tolist()) == ([125], [3])
    assert (ticks.symbol, ticks.grids) == ("X", ("0.01", "1"))
    with pytest.raises(DataError, match="qty '0' is not above zero"):
        ts.read_table(written(tmp_path / "z.csv", text.replace(",3\n", ",0\n")))
    maker = text.replace("side", "is_buyer_maker").replace("Buy", "true")
    assert ts.read_table(written(tmp_path / "m.csv", maker)).side.tolist() == [1]


def test_books(tmp_path: Path) -> None:
    text = "time,side,price,qty,update_id\n"
    text += "1704067200000,bid,9.5,2,1\n1704067200000,ask,10,1,1\n1704067200000,b,9.5,0,2\n"
    book = ts.read_table(written(tmp_path / "b.csv", text), kind="book")
    assert (book.side.tolist(), book.flags.tolist()) == ([0, 1, 0], [0, 2, 2])
    bids, asks = book.at(START_MS)
    assert bids.qtys.tolist() == [] and asks.prices.tolist() == [10.0]


def test_seconds_with_a_fraction(tmp_path: Path) -> None:
    text = "timestamp,side,size,price\n"
    text += "1704067200,Buy,1,2.5\n1704067200.123,Buy,1,2.5\n1704067201.000001,Sell,1,2.5\n"
    path = written(tmp_path / "t.csv", text)
    ticks = ts.read_table(path)
    assert ticks.time_unit == "us"
    assert (ticks.time - START_MS * 1000).tolist() == [0, 123_000, 1_000_001]
    with pytest.raises(DataError, match="time '1704067200.123' is finer than the time unit"):
        ts.read_table(path, time_unit="s")


def test_date_and_clock_apart(tmp_path: Path) -> None:
    text = (
        "date,time,open,high,low,close,volume\n20240102,93100,1,1,1,1,1\n20240102,93200,1,1,1,1,1\n"
    )
    bars = ts.read_bars(written(tmp_path / "x.csv", text))
    assert (str(bars.datetimes[0]), bars.interval) == ("2024-01-02T09:31:00.000", "1m")


def test_time_zones(tmp_path: Path) -> None:
    head = "time,open,high,low,close,volume\n"
    path = written(
        tmp_path / "x.csv", head + "2024-03-08 09:30:00,1,1,1,1,1\n2024-03-11 09:30:00,1,1,1,1,1\n"
    )
    bars = ts.read_bars(path, tz="America/New_York")
    assert bars.datetimes.astype("datetime64[h]").astype(str).tolist() == [
        "2024-03-08T14",
        "2024-03-11T13",
    ]
    with pytest.raises(ConfigError, match="'Mars' is not a time zone"):
        ts.read_bars(path, tz="Mars")
    counts = written(tmp_path / "c.csv", head + f"{START_MS},1,1,1,1,1\n")
    with pytest.raises(ConfigError, match="its times tell their offset from UTC already"):
        ts.read_bars(counts, tz="Asia/Shanghai")


def test_disorder_and_repeats_are_mended_on_request_only(tmp_path: Path) -> None:
    rows = [f"{START_MS + 60_000 * at},1,2,1,{close},5\n" for at, close in ((0, 1), (2, 2), (1, 1))]
    path = written(
        tmp_path / "x.csv", "time,open,high,low,close,volume\n" + "".join(rows) + rows[2]
    )
    with pytest.raises(DataError, match="line 4: time goes backwards"):
        ts.read_bars(path)
    skipping = ts.read_bars(path, on_bad="skip")
    assert source_of(skipping)["skipped"] == {"time backwards": 2}
    with pytest.raises(DataError, match="1 bars have the time of the one before"):
        ts.read_bars(path, sort=True)
    bars = ts.read_bars(path, sort=True, drop_duplicates=True)
    assert bars.close_ticks.tolist() == [1, 1, 2]
    assert source_of(bars)["repaired"] == {"rows moved": 1, "duplicates": 1}


def test_disorder_within_one_of_several_files_is_no_less_bad(tmp_path: Path) -> None:
    head = "time,open,high,low,close,volume,24h_volume\n"  # a name that begins as a number
    good = written(tmp_path / "a.csv", head + f"{START_MS},1,1,1,1,1,9\n")
    rows = [f"{START_MS + 60_000 * at},1,1,1,1,1,9\n" for at in (2, 1)]
    bad = written(tmp_path / "b.csv", head + "".join(rows))
    with pytest.raises(DataError, match="b.csv: line 3: time goes backwards"):
        ts.read_bars([good, bad])
    assert len(ts.read_bars([good, bad], sort=True)) == 3
    times = ("2024-11-03 01:30:00", "2024-11-03 01:20:00")
    dates = [f"{time},1,1,1,1,1,9\n" for time in times]
    local = written(tmp_path / "c.csv", head + "".join(dates))
    with pytest.raises(DataError, match="c.csv: time goes backwards, from 2024-11-03T01:30"):
        ts.read_bars(local, tz="America/New_York")


def test_files_are_joined_in_order_of_time(tmp_path: Path) -> None:
    day = FUTURES_ROWS.splitlines(keepends=True)
    us_rows = day[1].replace("260000,", "320000000,", 1).replace("42350.40", "42350.455")
    us_rows = us_rows.replace("42353.10", "42354.0")
    written(tmp_path / "BTCUSDT-1m-2024-02.csv", us_rows)
    written(tmp_path / "BTCUSDT-1m-2024-01.csv", FUTURES_HEADER + FUTURES_ROWS)
    repeated = written(tmp_path / "again-BTCUSDT-1m.csv", day[1])
    bars = ts.read_bars(tmp_path / "BTCUSDT-1m-*.csv")
    assert (bars.time_unit, bars.grids) == ("us", ("0.001", "0.001"))
    assert bars.time.tolist() == [1704067200000000, 1704067260000000, 1704067320000000]
    assert bars.close_ticks.tolist() == [42331900, 42350400, 42350455]
    assert source_of(bars)["path"] == ["BTCUSDT-1m-2024-01.csv", "BTCUSDT-1m-2024-02.csv"]
    with pytest.raises(DataError, match="2 symbols: BTCUSDT, None"):
        ts.read_bars([tmp_path / "BTCUSDT-1m-2024-01.csv", repeated])
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("BTCUSDT-1m-2024-01-01.csv", FUTURES_ROWS)
        archive.writestr("BTCUSDT-1m-2024-01-02.csv", day[1])
    assert len(ts.read_bars(tmp_path / "two.zip")) == 2  # the second bar is in both
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("BTCUSDT-1m-2024-01-01.csv", FUTURES_ROWS)
        archive.writestr("BTCUSDT-1m-2024-01-02.csv", day[1].replace("42350.40", "42350.50"))
    with pytest.raises(DataError, match="is stored as"):
        ts.read_bars(tmp_path / "two.zip")
    with pytest.raises(FileNotFoundError, match="no file matches the pattern"):
        ts.read_bars(tmp_path / "ETH*.csv")
    with pytest.raises(DataError, match="the list of files is empty"):
        ts.read_bars([])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\r\n\n", "the file is empty"),
        (b"\x00\x01\x02junk\n", "not text in UTF-8"),
        ("时间,开盘\n".encode("gbk"), "not text in UTF-8"),
        (b"time;open;high;low;close\n1;2;3;4;5\n", "no column is known as volume"),
        (b"1704067200000,1,2,1,2,5\n", "a table of 6 columns without a header"),
        (b"[1,2]\n", "no column is known as time"),
        (b"{1,2}\n", "not one JSON object"),
        (b'{"a":' * 100_000 + b"\n", "not one JSON object"),
        (b"time,open,high,low,close,volume\n", "no rows in 1 lines"),
        (b"time,open,high,low,close,volume\n" + b"\0" * 3_000_000, "line 2: the line is not text"),
        (
            b"time,open,high,low,close,volume\n" + b"7" * 3_000_000,
            "line 2: the line is longer than",
        ),
        (b"time,open,high,low,close,volume\n1704067200000,1,2,NaN,2,5\n", "low 'NaN' is not a dec"),
        (
            b"time,open,high,low,close,volume\n1704067200000,1,1e308,1,2,5\n",
            "high '1e308' is not be",
        ),
        (
            b"time,open,high,low,close,volume\n1704067200000;1;2;1;2;5\n",
            "was 1 (separated by ';'?)",
        ),
    ],
)
def test_files_that_are_no_bars(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        ts.read_bars(path)
    assert message in caught.value.message and len(caught.value.message) < 500
    assert caught.value.hint
    with pytest.raises(DataError):
        ts.read_bars(path, on_bad="skip")


def test_arguments(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "time,open,high,low,close,volume\n1704067200000,1,2,1,2,5\n")
    for options, message in [
        ({"separator": ","}, "there is no option separator"),
        ({"on_bad": "ignore"}, "neither 'raise' nor 'skip'"),
        ({"snap": True}, "snap=True needs to know a grid"),
        ({"time_unit": "min"}, "time_unit"),
        ({"tick_size": 0}, "tick_size '0' is not a decimal number above zero"),
        ({"delimiter": "::"}, "delimiter '::' is not one character"),
        ({"delimiter": "中"}, "is not one character"),
    ]:
        with pytest.raises(ConfigError, match=message):
            ts.read_bars(path, **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="a table of 'ticks' is not known"):
        ts.read_table(path, kind="ticks")  # type: ignore[call-overload]


def test_intervals_are_told_by_the_times() -> None:
    from tickstep.bars import found_interval

    days = np.array(["2024-01-01", "2024-02-01", "2024-03-01"], "datetime64[D]")
    assert found_interval(days.astype("datetime64[ms]").view(np.int64), "ms") == "1mo"
    assert found_interval(np.array([5]), "s") is None
    assert found_interval(np.array([0, 0, 60]), "s") is None
    assert found_interval(np.array([0, 86400, 4 * 86400, 5 * 86400]), "s") == "1d"
