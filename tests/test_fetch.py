"""Backfill: only what is missing is asked for, from a real local server, whole or not at all."""

from __future__ import annotations

import hashlib
import sys
import types
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars
import pytest

import tickstep as ts
from binance_site import BTC, HOUR, MINUTE, Site, archive, bars_at, kline, ms
from tickstep.data.calendar import Calendar, calendar
from tickstep.data.fetch import (
    AkshareProvider,
    BinanceArchive,
    FetchError,
    TushareProvider,
    XtDataProvider,
    backfill,
)
from tickstep.data.store import Gap
from tickstep.errors import ConfigError

pytest.importorskip("duckdb", reason="the extra [data] is not installed")
pytest.importorskip("httpx", reason="the extra [data] is not installed")


@pytest.fixture
def store(tmp_path: Path) -> ts.Store:
    return ts.Store(tmp_path / "store")


def filled(store: ts.Store, url: str | Path, start: str, stop: str, **options: Any) -> Any:
    waits: list[float] = []
    report = backfill(
        store, BTC, "1m", start, stop, [BinanceArchive(url)], sleep=waits.append, **options
    )
    return report, waits


def test_a_week_with_a_holiday_a_night_a_change_of_clocks_and_a_missing_hour(
    store: ts.Store, site: tuple[Site, str]
) -> None:
    """In New York, with a night session; Thursday is a holiday, the clocks change on Sunday."""
    files, url = site
    week = Calendar(
        "WEEK",
        zone="America/New_York",
        hours={"2024-01-01": "20:00-02:00 09:30-16:00"},
        begin="2024-01-01",
        end="2024-12-31",
        closed=["2024-03-07"],
    )
    start, stop = "2024-03-05", "2024-03-13"
    wanted = week.expected("1m", start, stop)
    by_day = {str(s.day): s for s in week.sessions(start, stop)}
    # no night before the holiday; that of Friday belongs to Monday, whose morning is an hour earlier
    assert list(by_day) == [
        "2024-03-05",
        "2024-03-06",
        "2024-03-08",
        "2024-03-11",
        "2024-03-12",
    ]
    assert len(by_day["2024-03-08"].parts) == 1
    assert by_day["2024-03-11"].open == ms("2024-03-09T01:00")
    assert by_day["2024-03-08"].parts[-1][0] == ms("2024-03-08T14:30")
    assert by_day["2024-03-11"].parts[-1][0] == ms("2024-03-11T13:30")

    lost = ms("2024-03-11T15:00")  # the missing hour
    there = wanted[(wanted < lost) | (wanted >= lost + HOUR)]
    store.save(bars_at(there))
    assert store.gaps(BTC, "1m", start, stop, week) == [Gap(lost, lost + HOUR, 60)]

    files.add_day("2024-03-11")
    report, _ = filled(store, url, start, stop, calendar=week)
    assert (report.added, report.gaps, report.failures) == (60, (), ())
    assert files.asked == ["BTCUSDT-1m-2024-03-11.zip", "BTCUSDT-1m-2024-03-11.zip.CHECKSUM"]
    assert store.gaps(BTC, "1m", start, stop, week) == []
    assert store.bars(BTC, "1m") == bars_at(wanted)

    files.asked.clear()
    again, _ = filled(store, url, start, stop, calendar=week)
    assert (again.attempts, again.added, files.asked) == ((), 0, [])


def test_whole_months_come_as_one_file(store: ts.Store, site: tuple[Site, str]) -> None:
    files, url = site
    february = [kline(time) for time in range(ms("2024-02-01"), ms("2024-03-01"), MINUTE)]
    files.add("BTCUSDT-1m-2024-02", february, header=False)
    files.add_day("2024-01-31")
    files.add_day("2024-03-01")
    report, _ = filled(store, url, "2024-01-31", "2024-03-02")
    assert report.gaps == ()
    assert [name for name in files.asked if name.endswith(".zip")] == [
        "BTCUSDT-1m-2024-01-31.zip",
        "BTCUSDT-1m-2024-02.zip",
        "BTCUSDT-1m-2024-03-01.zip",
    ]
    assert store.bars(BTC, "1m", "2024-02-10", "2024-02-11") == bars_at(
        list(range(ms("2024-02-10"), ms("2024-02-11"), MINUTE))
    )


def test_microseconds_of_the_spot_market(store: ts.Store, tmp_path: Path) -> None:
    day = list(range(ms("2025-01-02"), ms("2025-01-03"), MINUTE))
    packed = archive([kline(time, in_us=True) for time in day], header=False)
    folder = tmp_path / "mirror/spot/daily/klines/BTCUSDT/1m"
    folder.mkdir(parents=True)
    file = folder / "BTCUSDT-1m-2025-01-02.zip"
    file.write_bytes(packed)
    told = f"{hashlib.sha256(packed).hexdigest()}  {file.name}\n"
    Path(f"{file}.CHECKSUM").write_text(told)
    mirror = BinanceArchive(tmp_path / "mirror")
    report = backfill(store, "BINANCE:BTCUSDT", "1m", "2025-01-02", "2025-01-03", [mirror])
    assert report.gaps == ()
    assert store.bars("BINANCE:BTCUSDT", "1m").time.tolist() == day


def test_a_server_that_stumbles_is_asked_again(store: ts.Store, site: tuple[Site, str]) -> None:
    files, url = site
    files.add_day("2024-03-11")
    files.broken["/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-03-11.zip"] = 2
    report, waits = filled(store, url, "2024-03-11", "2024-03-12", tries=3, backoff_s=0.5)
    assert report.gaps == ()
    assert waits == [0.5, 1.0]
    assert report.attempts[0].tries == 3


def test_what_fails_leaves_a_report_and_not_half_a_day(
    store: ts.Store, site: tuple[Site, str]
) -> None:
    files, url = site
    files.add_day("2024-03-10")
    files.add_day("2024-03-11")
    files["/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-03-11.zip"] = b"half"
    store.save(bars_at(list(range(ms("2024-03-10"), ms("2024-03-10") + HOUR, MINUTE))))
    report, waits = filled(store, url, "2024-03-10", "2024-03-12")
    assert len(waits) == 2
    assert "does not match its checksum" in str(report)
    assert len(report.failures) == 1
    # the request held both days, so nothing of it was kept, and nothing is noted as absent
    assert len(store.bars(BTC, "1m")) == 60
    assert [(gap.bars, gap.is_absent) for gap in report.gaps] == [(2 * 1440 - 60, False)]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({".zip.CHECKSUM": None}, "has no checksum"),
        ({".zip": b"PK\x03\x04", "sum": True}, "the packed file is damaged or cut off"),
        ({"cut": True}, "RemoteProtocolError"),
    ],
)
def test_damage_is_reported(
    store: ts.Store, site: tuple[Site, str], change: dict[str, Any], match: str
) -> None:
    files, url = site
    files.add_day("2024-03-11")
    path = "/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-03-11.zip"
    if ".zip.CHECKSUM" in change:
        del files[f"{path}.CHECKSUM"]
    if "sum" in change:
        files[path] = change[".zip"]
        files[f"{path}.CHECKSUM"] = hashlib.sha256(change[".zip"]).hexdigest().encode()
    if "cut" in change:
        files.broken["cut"] = 0
    report, _ = filled(store, url, "2024-03-11", "2024-03-12", tries=1)
    assert match in report.failures[0].error
    assert store.symbols() == []


def test_nobody_there(store: ts.Store) -> None:
    report, _ = filled(store, "http://127.0.0.1:9", "2024-03-11", "2024-03-12", tries=1)
    assert "ConnectError" in report.failures[0].error
    assert not report.gaps[0].is_absent


def test_what_nobody_has_is_asked_for_once(store: ts.Store, site: tuple[Site, str]) -> None:
    files, url = site
    files.add_day("2024-03-11", list(range(ms("2024-03-11"), ms("2024-03-11T12:00"), MINUTE)))
    report, _ = filled(store, url, "2024-03-11", "2024-03-13")
    assert [(gap.bars, gap.is_absent) for gap in report.gaps] == [(720 + 1440, True)]
    files.asked.clear()
    again, _ = filled(store, url, "2024-03-11", "2024-03-13")
    assert files.asked == []
    assert again.gaps == report.gaps


def test_what_is_young_may_yet_come(store: ts.Store, site: tuple[Site, str]) -> None:
    files, url = site
    young = ms("2024-03-12T10:00")
    report, _ = filled(store, url, "2024-03-11", "2024-03-12", now_ms=young)
    assert [gap.is_absent for gap in report.gaps] == [False]
    files.add_day("2024-03-11")
    report, _ = filled(store, url, "2024-03-11", "2024-03-12", now_ms=young)
    assert report.gaps == ()


class Broken:
    name = "broken"

    def days(self, of: Any, interval: str) -> int:
        return 1

    def bars(self, of: Any, interval: str, start: int, stop: int) -> ts.Bars | None:
        raise OSError("no route")


def test_providers_are_asked_in_order(store: ts.Store, site: tuple[Site, str]) -> None:
    files, url = site
    files.add_day("2024-03-11")
    sources: list[Any] = [Broken(), XtDataProvider(), BinanceArchive(url)]
    report = backfill(
        store, BTC, "1m", "2024-03-11", "2024-03-12", sources, sleep=lambda _: None, tries=2
    )
    assert [(each.provider, each.tries) for each in report.attempts] == [
        ("broken", 2),
        ("xtdata", 1),
        ("binance", 1),
    ]
    assert "OSError: no route" in str(report)
    assert report.gaps == ()
    assert len(store.bars(BTC, "1m")) == 1440


def test_bad_calls(store: ts.Store) -> None:
    with pytest.raises(ConfigError, match="tries must be 1 or more"):
        backfill(store, BTC, "1m", 0, 1, [], tries=0)
    with pytest.raises(ConfigError, match="counts in s"):
        backfill(store, BTC, "1m", 0, 1, [], calendar=calendar("24/7", time_unit="s"))
    with pytest.raises(FetchError, match="no bars of 7m"):
        BinanceArchive().path(ts.symbol(BTC), "7m", "2024-01-01")
    with pytest.raises(FetchError, match="no bars of 1m of 600000.SSE"):
        BinanceArchive().path(ts.symbol("600000"), "1m", "2024-01-01")


# Libraries of China, with objects in their place that answer frames in their spelling.


def install(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> None:
    module = types.ModuleType(name)
    for key, value in members.items():
        setattr(module, key, value)
    monkeypatch.setitem(sys.modules, name, module)


def china(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1000, tz=UTC) + timedelta(hours=8)


def test_tushare_days(store: ts.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, str]] = []

    class Pro:
        def daily(self, **arguments: str) -> polars.DataFrame:
            calls.append(arguments)
            days = ["20240207", "20240206", "20240205"]
            kept = [d for d in days if arguments["start_date"] <= d <= arguments["end_date"]]
            count = len(kept)
            return polars.DataFrame(
                {
                    "ts_code": ["600000.SH"] * count,
                    "trade_date": kept,
                    "open": [6.7] * count,
                    "high": [6.85] * count,
                    "low": [6.68] * count,
                    "close": [6.81] * count,
                    "pre_close": [6.7] * count,
                    "vol": [300_000.12] * count,
                    "amount": [202_000.5] * count,
                }
            )

    install(monkeypatch, "tushare", pro_api=lambda *token: Pro())
    report = backfill(
        store, "sh600000", "1d", "2024-02-05", "2024-02-09", [TushareProvider("token")]
    )
    assert calls == [{"ts_code": "600000.SH", "start_date": "20240205", "end_date": "20240208"}]
    bars = store.bars("600000.SSE", "1d")
    assert bars.datetimes.astype("datetime64[D]").astype(str).tolist() == [
        "2024-02-05",
        "2024-02-06",
        "2024-02-07",
    ]
    assert bars.close.tolist() == [6.81] * 3
    assert bars.volume.tolist() == [30_000_012.0] * 3
    assert [(gap.bars, gap.is_absent) for gap in report.gaps] == [(1, True)]


def test_tushare_minutes_of_futures_with_a_night_and_a_holiday(
    store: ts.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The week before and after the Qingming days of 2024: no night on the 3rd of April."""
    of = calendar("SHFE.rb")
    start, stop = "2024-04-01T12:00", "2024-04-09T08:00"
    wanted = of.expected("1m", start, stop)
    assert not of.is_open("2024-04-03T13:30")
    assert of.is_open("2024-04-02T13:30")
    frames: list[dict[str, str]] = []

    class Pro:
        def ft_mins(self, **arguments: str) -> polars.DataFrame:
            frames.append(arguments)
            assert arguments["freq"] == "1min"
            labels = [f"{china(int(time) + MINUTE):%Y-%m-%d %H:%M:%S}" for time in wanted]
            kept = [
                label
                for label in labels
                if arguments["start_date"] <= label <= arguments["end_date"]
            ]
            ones = [3900.0] * len(kept)
            columns = dict.fromkeys(("open", "close", "high", "low", "vol", "amount", "oi"), ones)
            code = {"ts_code": ["RB2410.SHF"] * len(kept), "trade_time": kept}
            return polars.DataFrame(code | columns)[::-1]

    install(monkeypatch, "tushare", pro_api=lambda *token: Pro())
    report = backfill(store, "rb2410", "1m", start, stop, [TushareProvider()])
    assert report.gaps == ()
    assert report.failures == ()
    assert (store.bars("rb2410.SHFE", "1m").time == wanted).all()
    assert frames[0]["start_date"] == "2024-04-01 21:01:00"
    again = backfill(store, "rb2410", "1m", start, stop, [TushareProvider()])
    assert again.attempts == ()


def test_an_answer_that_was_cut_off_is_not_taken(
    store: ts.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = polars.DataFrame({"ts_code": ["600000.SH"] * 6000})
    pro = types.SimpleNamespace(daily=lambda **arguments: frame)
    install(monkeypatch, "tushare", pro_api=lambda *token: pro)
    report = backfill(store, "sh600000", "1d", "2024-02-05", "2024-02-07", [TushareProvider()])
    assert "cut the answer off at 6000 rows" in str(report)
    assert not report.gaps[0].is_absent


def test_akshare_days_and_minutes(store: ts.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, dict[str, str]]] = []

    def stock_zh_a_hist(**arguments: str) -> polars.DataFrame:
        calls.append(("day", arguments))
        return polars.DataFrame(
            {
                "日期": ["2024-01-02", "2024-01-03"],
                "股票代码": ["000001"] * 2,
                "开盘": [9.39, 9.19],
                "收盘": [9.21, 9.2],
                "最高": [9.42, 9.22],
                "最低": [9.21, 9.15],
                "成交量": [1158366, 733610],
                "成交额": [1075742252.45, 673673613.54],
            }
        )

    def stock_zh_a_hist_min_em(**arguments: str) -> polars.DataFrame:
        calls.append(("minute", arguments))
        times = calendar("SZSE").expected("5m", "2024-01-02", "2024-01-03")
        labels = [f"{china(int(time) + 5 * MINUTE):%Y-%m-%d %H:%M:%S}" for time in times]
        count = len(labels)
        names = ("开盘", "收盘", "最高", "最低")
        return polars.DataFrame(
            {"时间": labels}
            | {name: [9.2] * count for name in names}
            | {"成交量": [100] * count, "成交额": [92_000.0] * count}
        )

    install(
        monkeypatch,
        "akshare",
        stock_zh_a_hist=stock_zh_a_hist,
        stock_zh_a_hist_min_em=stock_zh_a_hist_min_em,
    )
    source = [AkshareProvider()]
    assert backfill(store, "000001.SZ", "1d", "2024-01-01", "2024-01-04", source).gaps == ()
    assert store.bars("000001.SZ", "1d").volume.tolist() == [115_836_600.0, 73_361_000.0]
    assert backfill(store, "000001.SZ", "5m", "2024-01-02", "2024-01-03", source).gaps == ()
    assert calls == [
        (
            "day",
            {
                "symbol": "000001",
                "period": "daily",
                "start_date": "20240102",
                "end_date": "20240103",
                "adjust": "",
            },
        ),
        (
            "minute",
            {
                "symbol": "000001",
                "period": "5",
                "start_date": "2024-01-02 09:35:00",
                "end_date": "2024-01-02 15:00:00",
                "adjust": "",
            },
        ),
    ]


def test_xtdata(store: ts.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    times = calendar("SSE").expected("1m", "2024-01-02", "2024-01-03")

    def get_market_data_ex(fields: list[str], codes: list[str], **arguments: Any) -> Any:
        calls.append((fields, codes, arguments))
        count = len(times)
        frame = polars.DataFrame(
            {"time": times + MINUTE}
            | {name: [3.5] * count for name in ("open", "high", "low", "close")}
            | {"volume": [20] * count, "amount": [7000.0] * count}
        )
        return {codes[0]: frame}

    downloads: list[Any] = []
    xtdata = types.ModuleType("xtquant.xtdata")
    xtdata.download_history_data = lambda *a, **k: downloads.append((a, k))  # type: ignore[attr-defined]
    xtdata.get_market_data_ex = get_market_data_ex  # type: ignore[attr-defined]
    install(monkeypatch, "xtquant", xtdata=xtdata)
    monkeypatch.setitem(sys.modules, "xtquant.xtdata", xtdata)
    report = backfill(store, "513500.SH", "1m", "2024-01-02", "2024-01-03", [XtDataProvider()])
    assert report.gaps == ()
    assert (store.bars("513500.SH", "1m").time == times).all()
    span = {"period": "1m", "start_time": "20240102093100", "end_time": "20240102150000"}
    assert downloads == [(("513500.SH",), span)]
    assert calls[0][2] == span | {"dividend_type": "none", "fill_data": False}


def test_a_library_that_is_not_there_is_named(store: ts.Store) -> None:
    report = backfill(store, "600000", "1d", "2024-02-05", "2024-02-07", [TushareProvider()])
    assert "pip install 'tickstep[china]'" in str(report)
    assert report.attempts[0].tries == 1
