"""Frames of Tushare, AKShare and xtdata, K lines of Sina and Tencent: values, units, order, times."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tickstep as ts
from tickstep.data.china import (
    parse_sina_klines,
    parse_tencent_klines,
    read_akshare,
    read_tushare,
    read_xtdata,
)
from tickstep.errors import ConfigError, DataError

# As the service returns it: newest first, lots with decimals, thousands of yuan.
DAILY: dict[str, list[Any]] = {
    "ts_code": ["000001.SZ"] * 3,
    "trade_date": ["20240104", "20240103", "20240102"],
    "open": [9.19, 9.19, 9.39],
    "high": [9.19, 9.22, 9.42],
    "low": [9.08, 9.15, 9.21],
    "close": [9.11, 9.2, 9.21],
    "pre_close": [9.2, 9.21, 9.39],
    "change": [-0.09, -0.01, -0.18],
    "pct_chg": [-0.9783, -0.1086, -1.9169],
    "vol": [864193.99, 733610.31, 1158366.45],
    "amount": [786897.553, 673673.613, 1075742.252],
}
INDEX_DAILY: dict[str, list[Any]] = {
    "ts_code": ["000001.SH"] * 2,
    "trade_date": ["20240103", "20240102"],
    "close": [2967.2472, 2962.2759],
    "open": [2957.6434, 2972.7841],
    "high": [2971.4239, 2976.2724],
    "low": [2952.4871, 2962.1997],
    "pre_close": [2962.2759, 2974.9348],
    "change": [4.9713, -12.6589],
    "pct_chg": [0.1678, -0.4255],
    "vol": [293211478.0, 301412345.0],
    "amount": [330412345.678, 340512345.999],
}


def as_pandas(columns: dict[str, Any]) -> Any:
    return pytest.importorskip("pandas").DataFrame(columns)


FRAMES: list[Callable[[dict[str, Any]], Any]] = [dict, pl.DataFrame, as_pandas]


@pytest.mark.parametrize("make", FRAMES)
def test_tushare_daily(make: Callable[[dict[str, Any]], Any]) -> None:
    bars = read_tushare(make(DAILY))
    assert bars.datetimes.astype("M8[D]").astype(str).tolist() == [
        "2024-01-02",
        "2024-01-03",
        "2024-01-04",
    ]
    assert bars.open_ticks.tolist() == [939, 919, 919]
    assert bars.high_ticks.tolist() == [942, 922, 919]
    assert bars.low_ticks.tolist() == [921, 915, 908]
    assert bars.close_ticks.tolist() == [921, 920, 911]
    assert bars.volume_lots.tolist() == [115836645, 73361031, 86419399]
    assert bars.turnover is not None
    assert bars.turnover.tolist() == [1075742252.0, 673673613.0, 786897553.0]
    assert (bars.symbol, bars.interval, bars.grids) == ("000001.SZ", "1d", ("0.01", "1"))
    assert bars.source == {"format": "tushare daily", "rows": 3, "skipped": 0}


def test_the_close_comes_before_the_open_and_is_not_taken_for_it() -> None:
    bars = read_tushare(INDEX_DAILY, "index_daily")
    assert bars.tick_size == 0.0001
    assert bars.open_ticks.tolist() == [29727841, 29576434]
    assert bars.close_ticks.tolist() == [29622759, 29672472]
    assert bars.volume_lots.tolist() == [30141234500, 29321147800]


def test_tushare_futures_count_contracts_and_ten_thousands() -> None:
    frame = {
        "ts_code": ["RB2410.SHF"],
        "trade_date": ["20240510"],
        "pre_close": [3650.0],
        "pre_settle": [3661.0],
        "open": [3655.0],
        "high": [3688.0],
        "low": [3633.0],
        "close": [3670.0],
        "settle": [3664.0],
        "vol": [1234567.0],
        "amount": [4523400.12],
        "oi": [1654321.0],
    }
    bars = read_tushare(frame, "fut_daily")
    assert bars.volume_lots.tolist() == [1234567]
    assert bars.turnover is not None and bars.turnover.tolist() == [45234001200.0]
    assert bars.open_interest_lots is not None
    assert bars.open_interest_lots.tolist() == [1654321]
    assert bars.tick_size == 1.0


def test_a_day_without_trades_is_named_or_left_out() -> None:
    frame = DAILY | {"open": [float("nan"), 9.19, 9.39]}
    with pytest.raises(DataError, match="open is missing at row 0, 20240104"):
        read_tushare(frame)
    bars = read_tushare(frame, on_bad="skip")
    assert len(bars) == 2
    assert isinstance(bars.source, dict) and bars.source["skipped"] == 1


def test_tushare_minutes_end_where_they_are_labelled() -> None:
    frame = {
        "ts_code": ["600000.SH"] * 3,
        "trade_time": ["2024-01-02 13:01:00", "2024-01-02 11:30:00", "2024-01-02 11:29:00"],
        "open": [6.62, 6.61, 6.6],
        "close": [6.61, 6.62, 6.61],
        "high": [6.63, 6.62, 6.61],
        "low": [6.61, 6.61, 6.6],
        "vol": [35400, 12300.0, 0.0],
        "amount": [234000.0, 81300.0, 0.0],
    }
    bars = read_tushare(frame, "stk_mins")
    assert bars.interval == "1m"
    # 11:28, 11:29 and 13:00 in China.
    assert [str(time)[11:16] for time in bars.datetimes] == ["03:28", "03:29", "05:00"]
    assert bars.volume_lots.tolist() == [0, 12300, 35400]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    weekly = DAILY | {"trade_date": ["20240119", "20240112", "20240105"]}
    starts = read_tushare(weekly, interval="1w").datetimes.astype("M8[D]").astype(str).tolist()
    assert starts == ["2024-01-01", "2024-01-08", "2024-01-15"]
    monthly = DAILY | {"trade_date": ["20240329", "20240229", "20240131"]}
    starts = read_tushare(monthly, interval="1mo").datetimes.astype("M8[D]").astype(str).tolist()
    assert starts == ["2024-01-01", "2024-02-01", "2024-03-01"]


@pytest.mark.parametrize(
    ("changes", "arguments", "words"),
    [
        ({"ts_code": ["000001.SZ", "000002.SZ", "000001.SZ"]}, {}, "2 symbols: 000001.SZ, 000002"),
        ({}, {"symbol": "600000.SH"}, "'600000.SH' is not in the frame"),
        ({"trade_date": ["2024", "20240103", "20240102"]}, {}, "'2024' at row 0 is no date"),
        ({"trade_date": ["20240103", "20240103", "20240102"]}, {}, "repeats"),
        ({"vol": [1.001, 2.0, 3.0]}, {}, "vol"),
        ({"close": [9.5, 9.2, 9.21]}, {}, "high_ticks"),
        ({"open": ["x", "9.19", "9.39"]}, {}, "'x' is not a number"),
        ({"open": [1e308, 9.19, 9.39]}, {}, "open"),
    ],
)
def test_what_is_wrong_is_named(
    changes: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        read_tushare(DAILY | changes, **arguments)


def test_unknown_calls_and_frames_are_refused() -> None:
    with pytest.raises(ConfigError, match="api 'dayly' is not known"):
        read_tushare(DAILY, "dayly")
    with pytest.raises(DataError, match="has no column vol"):
        read_tushare({name: column for name, column in DAILY.items() if name != "vol"})
    with pytest.raises(DataError, match="expected a frame, was int"):
        read_tushare(3)
    with pytest.raises(DataError, match="no rows"):
        read_tushare({name: [] for name in DAILY})


# The close is the second price here. Dates are `datetime.date`, as newer versions give them.
HIST: dict[str, Any] = {
    "日期": [date(2024, 1, 2), date(2024, 1, 3)],
    "股票代码": ["000001", "000001"],
    "开盘": [9.39, 9.19],
    "收盘": [9.21, 9.20],
    "最高": [9.42, 9.22],
    "最低": [9.21, 9.15],
    "成交量": [1158366, 733610],
    "成交额": [1075742252.45, 673673613.54],
    "振幅": [2.24, 0.76],
    "涨跌幅": [-1.92, -0.11],
    "涨跌额": [-0.18, -0.01],
    "换手率": [0.6, 0.38],
}


@pytest.mark.parametrize("make", FRAMES)
@pytest.mark.parametrize("api", [None, "stock_zh_a_hist"])
def test_akshare_chinese_headers(make: Callable[[dict[str, Any]], Any], api: str | None) -> None:
    bars = read_akshare(make(HIST), api)
    assert bars.open.tolist() == [9.39, 9.19]
    assert bars.close.tolist() == [9.21, 9.2]
    assert bars.high.tolist() == [9.42, 9.22]
    assert bars.low.tolist() == [9.21, 9.15]
    assert bars.volume_lots.tolist() == [115836600, 73361000]
    assert bars.turnover is not None
    assert bars.turnover.tolist() == [1075742252.45, 673673613.54]
    assert bars.symbol == "000001"


def test_the_turnover_tells_shares_from_lots() -> None:
    in_shares = HIST | {"成交量": [115836600, 73361000]}
    assert read_akshare(in_shares).volume_lots.tolist() == [115836600, 73361000]
    adjusted = HIST | {
        name: [round(10 * each, 2) for each in HIST[name]]
        for name in ("开盘", "收盘", "最高", "最低")
    }
    with pytest.raises(DataError, match="neither in shares nor in lots"):
        read_akshare(adjusted)
    assert read_akshare(adjusted, "stock_zh_a_hist").volume_lots.tolist() == [115836600, 73361000]
    without = {name: column for name, column in HIST.items() if name != "成交额"}
    with pytest.raises(DataError, match="without a turnover"):
        read_akshare(without)


def test_akshare_minutes_and_sina_frames() -> None:
    minutes = {
        "时间": ["2024-01-02 09:35:00", "2024-01-02 09:40:00"],
        "开盘": [9.39, 9.35],
        "收盘": [9.35, 9.33],
        "最高": [9.42, 9.36],
        "最低": [9.33, 9.32],
        "涨跌幅": [-0.43, -0.21],
        "成交量": [151234, 80211],
        "成交额": [141800123.0, 74990000.0],
    }
    bars = read_akshare(minutes, symbol="000001")
    assert (bars.interval, bars.symbol) == ("5m", "000001")
    assert [str(time)[11:16] for time in bars.datetimes] == ["01:30", "01:35"]
    assert bars.volume_lots.tolist() == [15123400, 8021100]
    daily = {
        "date": ["2024-01-02"],
        "open": ["3120.0"],
        "high": ["3140.0"],
        "low": ["3100.0"],
        "close": ["3133.0"],
        "volume": [123456],
        "hold": [654321],
        "settle": [3125.0],
    }
    bars = read_akshare(daily, "futures_zh_daily_sina", symbol="RB0")
    assert bars.open_interest_lots is not None and bars.open_interest_lots.tolist() == [654321]
    assert bars.volume_lots.tolist() == [123456]
    shares = {name: daily[name] for name in ("date", "open", "high", "low", "close", "volume")}
    assert read_akshare(shares).volume_lots.tolist() == [123456]
    with pytest.raises(DataError, match="of no known AKShare call"):
        read_akshare({"价格": [1.0]})


def xtdata_columns() -> dict[str, Any]:
    return {
        "time": [1704157260000, 1704157320000],  # 09:01 and 09:02 in China
        "open": [3655.0, 3656.0],
        "high": [3657.0, 3656.0],
        "low": [3655.0, 3654.0],
        "close": [3656.0, 3655.0],
        "volume": [5400, 3000],
        "amount": [197400000.0, 109650000.0],
        "settelementPrice": [0.0, 0.0],
        "openInterest": [15, 15],
        "preClose": [3650.0, 3656.0],
        "suspendFlag": [0, 0],
    }


def test_xtdata_keeps_the_open_interest_of_futures_only() -> None:
    bars = read_xtdata(xtdata_columns(), "rb2410.SF")
    assert bars.open_interest_lots is not None and bars.open_interest_lots.tolist() == [15, 15]
    assert bars.volume_lots.tolist() == [5400, 3000]
    stock = xtdata_columns() | {"amount": [197_430_00.0, 109_660_00.0]}
    bars = read_xtdata(stock, "600000.SH")
    assert bars.open_interest_lots is None


def test_xtdata_answers_of_many_codes() -> None:
    pandas = pytest.importorskip("pandas")
    one = pandas.DataFrame(xtdata_columns())
    by_code = {"rb2410.SF": one, "hc2410.SF": one}
    assert len(read_xtdata(by_code, "rb2410.SF")) == 2
    with pytest.raises(DataError, match="not among the codes rb2410.SF, hc2410.SF"):
        read_xtdata(by_code)
    times = ["20240102090100", "20240102090200"]
    by_field = {
        field: pandas.DataFrame([column], index=["rb2410.SF"], columns=times)
        for field, column in xtdata_columns().items()
    }
    assert read_xtdata(by_field, "rb2410.SF") == read_xtdata(by_code, "rb2410.SF")


def test_xtdata_days_keep_their_date() -> None:
    # 2024-01-02 00:00 in China is 16:00 UTC of the day before.
    frame = xtdata_columns() | {"time": [1704124800000, 1704211200000]}
    bars = read_xtdata(frame, "rb2410.SF")
    assert bars.interval == "1d"
    assert bars.datetimes.astype("M8[D]").astype(str).tolist() == ["2024-01-02", "2024-01-03"]


SINA = (
    '[{day:"2024-01-02 14:30:00",open:"6.620",high:"6.640",low:"6.610",close:"6.630",'
    'volume:"3452100"}]'
)


@pytest.mark.parametrize(
    "text",
    [
        SINA,
        SINA.encode("gbk"),
        json.dumps(
            [
                {
                    "day": "2024-01-02 14:30:00",
                    "open": "6.620",
                    "high": "6.640",
                    "low": "6.610",
                    "close": "6.630",
                    "volume": "3452100",
                }
            ]
        ),
    ],
)
def test_sina_klines(text: str | bytes) -> None:
    bars = parse_sina_klines(text, "sh600000", interval="30m")
    assert bars.datetimes.astype(str).tolist() == ["2024-01-02T06:00:00.000"]
    assert (bars.open_ticks[0], bars.high_ticks[0], bars.low_ticks[0]) == (662, 664, 661)
    assert (bars.close_ticks[0], bars.volume_lots[0]) == (663, 3452100)


@pytest.mark.parametrize("text", ["null", "<html>", "[1]", '[{"day":"2024-01-02"}]', b"\xff\xff"])
def test_no_sina_klines(text: str | bytes) -> None:
    with pytest.raises(DataError):
        parse_sina_klines(text)


def tencent(code: str, kind: str, rows: list[list[Any]]) -> str:
    return json.dumps({"code": 0, "msg": "", "data": {code: {kind: rows, "qt": {}}}})


def test_tencent_klines() -> None:
    rows: list[list[Any]] = [
        ["2024-01-05", "6.63", "6.61", "6.67", "6.60", "298543.000"],
        ["2024-01-12", "6.61", "6.70", "6.71", "6.59", "198543.000"],
    ]
    bars = parse_tencent_klines("kline_week=" + tencent("sh600000", "qfqweek", rows))
    assert bars.interval == "1w"
    assert bars.datetimes.astype("M8[D]").astype(str).tolist() == ["2024-01-01", "2024-01-08"]
    assert bars.close.tolist() == [6.61, 6.7]
    assert bars.high.tolist() == [6.67, 6.71]
    assert bars.volume_lots.tolist() == [29854300, 19854300]


def test_tencent_minutes_and_units() -> None:
    rows: list[list[Any]] = [
        ["202401021455", "6.63", "6.61", "6.67", "6.60", "2985.00", {}, "0.01"],
        ["202401021500", "6.61", "6.70", "6.71", "6.59", "1985.00", {}, "0.01"],
    ]
    bars = parse_tencent_klines(tencent("sz000001", "m5", rows))
    assert [str(time)[11:16] for time in bars.datetimes] == ["06:50", "06:55"]
    star = tencent("sh688981", "day", [["2024-01-05", "6.63", "6.61", "6.67", "6.60", "298543"]])
    with pytest.raises(ConfigError, match="STAR board"):
        parse_tencent_klines(star)
    assert parse_tencent_klines(star, shares_per_volume=1).volume_lots.tolist() == [298543]
    with pytest.raises(DataError, match="no K lines of sh600000"):
        parse_tencent_klines(tencent("sh600000", "day", []))
    with pytest.raises(DataError, match="hold no data"):
        parse_tencent_klines('{"code":1,"data":{}}')


def test_decimals_and_text_stay_exact() -> None:
    exact = DAILY | {
        name: [Decimal(str(value)) for value in DAILY[name]] for name in ("open", "vol", "amount")
    }
    text = DAILY | {
        name: [str(value) for value in DAILY[name]] for name in ("open", "vol", "amount")
    }
    assert read_tushare(exact) == read_tushare(text) == read_tushare(DAILY)


def test_a_given_tick_size_takes_prices_as_money() -> None:
    frame = DAILY | {name: [10, 10, 10] for name in ("open", "high", "low", "close")}
    bars = read_tushare(frame, tick_size="0.01", time_unit="s")
    assert bars.close_ticks.tolist() == [1000, 1000, 1000]
    assert bars.time.tolist() == [1704153600, 1704240000, 1704326400]
    assert isinstance(bars, ts.Bars) and np.all(bars.high == 10.0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_frames_written_to_files(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    columns = {
        "日期": ["2024-01-02", "2024-01-03"],
        "股票代码": ["000001", "000001"],
        "开盘": [9.39, 9.19],
        "收盘": [9.21, 9.2],
        "最高": [9.42, 9.22],
        "最低": [9.21, 9.15],
        "成交量": [1158366, 733610],
        "成交额": [1075742252.45, 673673613.62],
    }
    rows = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    path.write_text("\n".join(rows) + "\n", encoding=encoding)
    assert read_akshare(path) == read_akshare(columns)
    days = "ts_code,trade_date,open,high,low,close,vol,amount\n"
    days += "000001.SZ,20240102,9.39,9.42,9.21,9.21,1158366.45,1075742.252\n"
    path.write_text(days)
    assert read_tushare(path).volume_lots.tolist() == [115836645]
    with pytest.raises(
        DataError, match=r"columns of read_tushare.*\n.*ts.data.read_tushare\(path\)"
    ):
        ts.read_bars(path)
    path.write_bytes(b"\0" * 10)
    with pytest.raises(DataError, match="is not text"):
        read_akshare(path)


def test_lots_are_not_taken_for_shares(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("日期,开盘,收盘,最高,最低,成交量,成交额\n2024-01-02,9,9,9,9,5,4500\n")
    with pytest.raises(DataError, match="a volume may count lots of 100"):
        ts.read_bars(path)
    names = ("日期", "开盘", "最高", "最低", "收盘", "成交量")
    fields = ("time", "open", "high", "low", "close", "volume")
    bars = ts.read_bars(path, columns=dict(zip(fields, names, strict=True)))
    assert bars.volume_lots.tolist() == [5]
