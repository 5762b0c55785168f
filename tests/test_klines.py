"""The kline functions of pyrust-bt: its signatures, dicts and rules, and where its rules were wrong."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import tickstep as ts
from tickstep.data.klines import (
    get_market_data,
    load_and_synthesize_klines,
    resample_klines,
    save_klines,
    save_klines_from_csv,
)
from tickstep.errors import ConfigError, DataError

pytest.importorskip("duckdb", reason="the extra [data] is not installed")


def kline(
    time: str, close: float, symbol: str = "513500.SH", volume: float = 100.0
) -> dict[str, Any]:
    return {
        "datetime": time,
        "open": close,
        "high": close,
        "low": close,
        "close": close,
        "volume": volume,
        "symbol": symbol,
    }


@pytest.fixture
def db(tmp_path: Path) -> str:
    return str(tmp_path / "backtest.db")


MINUTES = [kline(f"2024-01-02 09:{minute}:00", (1200 + minute) / 1000) for minute in range(30, 45)]


def test_signatures() -> None:
    told: dict[Any, str] = {
        get_market_data: "db_path symbol period start=None end=None count=-1",
        load_and_synthesize_klines: "db_path symbol target_period start=None end=None count=-1",
        save_klines: "db_path symbol period bars replace=False",
        save_klines_from_csv: "db_path csv_path symbol period replace=False",
        resample_klines: "bars target_period",
    }
    for function, words in told.items():
        found = [
            name if one.default is one.empty else f"{name}={one.default}"
            for name, one in inspect.signature(function).parameters.items()
        ]
        assert " ".join(found) == words


def test_there_and_back(db: str) -> None:
    save_klines(db, "513500.SH", "1m", MINUTES[::-1])
    assert get_market_data(db, "513500.SH", "1m") == MINUTES
    assert get_market_data(db, "sh513500", "1m")[0]["symbol"] == "sh513500"
    stored = ts.Store(db).bars("513500.SSE", "1m")
    assert str(stored.datetimes[0]) == "2024-01-02T01:30:00.000"
    assert get_market_data(db, "513500.SH", "5m") == []


def test_ranges(db: str) -> None:
    save_klines(db, "513500.SH", "1m", MINUTES)
    day = kline("2024-01-03 09:30:00", 1.5)
    save_klines(db, "513500.SH", "1m", [day])
    one = get_market_data(db, "513500.SH", "1m", "2024-01-02 09:40:00", "2024-01-02 09:41:00")
    assert one == MINUTES[10:12]
    assert get_market_data(db, "513500.SH", "1m", end="2024-01-02") == MINUTES
    assert get_market_data(db, "513500.SH", "1m", "2024-01-03") == [day]
    newest = get_market_data(db, "513500.SH", "1m", "2030-01-01", "2024-01-02 09:40:00", 3)
    assert newest == MINUTES[8:11]
    assert len(get_market_data(db, "513500.SH", "1m", count=99)) == 16


def test_conflicts_are_left_alone_and_replace_replaces_all(db: str) -> None:
    save_klines(db, "513500.SH", "1m", MINUTES)
    save_klines(db, "513500.SH", "1m", [kline("2024-01-02 09:30:00", 9.0)])
    assert get_market_data(db, "513500.SH", "1m") == MINUTES
    save_klines(db, "513500.SH", "1m", [kline("2024-01-02 09:35:00", 9.0)], True)
    assert [bar["close"] for bar in get_market_data(db, "513500.SH", "1m")] == [9.0]
    save_klines(db, "513500.SH", "1m", [], True)
    assert get_market_data(db, "513500.SH", "1m") == []
    save_klines(db, "513500.SH", "1m", [], True)


def test_days_months_and_minutes_are_apart(db: str) -> None:
    save_klines(db, "TEST.X?", "1m", [kline("2024-01-02 09:30:00", 10.0, "TEST.X?")])
    save_klines(db, "TEST.X?", "1M", [kline("2024-01-01", 99.0, "TEST.X?")])
    save_klines(db, "TEST.X?", "1d", [kline("2024-01-02", 11.0, "TEST.X?")])
    assert get_market_data(db, "TEST.X?", "1m")[0]["datetime"] == "2024-01-02 09:30:00"
    assert get_market_data(db, "TEST.X?", "1M")[0]["datetime"] == "2024-01-01 00:00:00"
    assert get_market_data(db, "TEST.X?", "1d", end="2024-01-02")[0]["close"] == 11.0


def test_zones_and_fractions(db: str) -> None:
    rows = [kline("2024-01-02T01:30:00Z", 1.0), kline("2024-01-02 09:30:00.250500", 2.0)]
    save_klines(db, "513500.SH", "1s", rows)
    found = [bar["datetime"] for bar in get_market_data(db, "513500.SH", "1s")]
    assert found == ["2024-01-02 09:30:00", "2024-01-02 09:30:00.2505"]


def test_csv(db: str, tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(
        "datetime,open,high,low,close,volume\n"
        "2020-01-02,3.10,3.15,3.05,3.12,1500\n"
        "2020-01-03,3.12,3.2,3.1,3.2,1.6e3\n"
    )
    save_klines_from_csv(db, file, "513500.SH", "1d")
    found = get_market_data(db, "513500.SH", "1d")
    assert [(bar["datetime"], bar["close"], bar["volume"]) for bar in found] == [
        ("2020-01-02 00:00:00", 3.12, 1500.0),
        ("2020-01-03 00:00:00", 3.2, 1600.0),
    ]
    file.write_text("datetime,open,high,low,close\n")
    with pytest.raises(DataError, match="has no column volume"):
        save_klines_from_csv(db, file, "513500.SH", "1d")


def test_resample() -> None:
    five = resample_klines(MINUTES, "5m")
    assert [bar["datetime"][11:16] for bar in five] == ["09:30", "09:35", "09:40"]
    assert five[1]["open"] == MINUTES[5]["open"]
    assert five[1]["close"] == five[1]["high"] == MINUTES[9]["close"]
    assert five[1]["volume"] == 500.0
    days = [kline(f"2024-01-{day:02d}", float(day)) for day in range(1, 16)]
    weeks = resample_klines(days, "1w")
    assert [bar["datetime"][:10] for bar in weeks] == ["2024-01-01", "2024-01-08", "2024-01-15"]
    assert [bar["datetime"][:10] for bar in resample_klines(days, "1M")] == ["2024-01-01"]
    assert resample_klines([*days, kline("2025-03-01", 1.0)], "1y")[1]["datetime"][:4] == "2025"
    assert resample_klines([], "1h") == []
    with pytest.raises(DataError, match="comes before"):
        resample_klines(days[::-1], "1w")
    with pytest.raises(ConfigError, match="is not an interval"):
        resample_klines(days, "soon")


def test_synthesize(db: str) -> None:
    save_klines(db, "513500.SH", "1m", MINUTES)
    assert load_and_synthesize_klines(db, "513500.SH", "1m") == MINUTES
    assert load_and_synthesize_klines(db, "513500.SH", "5m") == resample_klines(MINUTES, "5m")
    assert len(load_and_synthesize_klines(db, "513500.SH", "5m", count=2)) == 2
    assert load_and_synthesize_klines(db, "600000.SH", "5m") == []


def test_bad_klines_are_errors_and_nothing_is_saved(db: str) -> None:
    broken = kline("2024-01-02 09:46:00", 1.0)
    del broken["open"]
    with pytest.raises(DataError, match="row 1 has no open"):
        save_klines(db, "513500.SH", "1m", [MINUTES[0], broken])
    with pytest.raises(DataError, match="'soon' is not a time"):
        save_klines(db, "513500.SH", "1m", [kline("soon", 1.0)])
    with pytest.raises(DataError, match="low_ticks"):
        save_klines(db, "513500.SH", "1m", [kline("2024-01-02", 1.0) | {"low": 2.0}])
    assert get_market_data(db, "513500.SH", "1m") == []
