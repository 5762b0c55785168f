"""What `check` finds is what was put in, and `repair` mends no more than it is asked to."""

from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.data.calendar import Calendar, calendar
from tickstep.data.quality import Missing
from tickstep.errors import ConfigError


def ticks_of(times: list[int], prices: list[float]) -> ts.Ticks:
    count = len(times)
    return ts.Ticks.from_arrays(times, prices, [1.0] * count, [0] * count, tick_size=0.01, lot=1)


def bars_at(starts: Any, interval: str = "1m", **columns: Any) -> ts.Bars:
    flat = [10.0] * len(starts)
    volume = columns.pop("volume", [1] * len(starts))
    close = columns.pop("close", flat)
    high, low = np.maximum(flat, close), np.minimum(flat, close)
    return ts.Bars.from_arrays(
        starts, flat, high, low, close, volume, interval=interval, tick_size="0.01", lot=1
    )


def found_in(quality: ts.data.Quality) -> dict[str, list[int]]:
    return {name: found.rows.tolist() for name, found in quality.findings.items()}


def test_clean_data_are_clean() -> None:
    walk = 100 + np.cumsum(np.random.default_rng(1).integers(-3, 4, 5000)) / 100
    ticks = ticks_of(list(range(5000)), np.round(walk, 2).tolist())
    quality = ts.check(ticks)
    assert quality.is_clean and str(quality).startswith("Ticks: 5,000 rows, clean")
    assert ts.check(bars_at([0, 60_000, 120_000])).is_clean
    assert ts.check(ticks[:0]).is_clean and ts.check(bars_at([0])[:0]).is_clean


def test_findings_of_ticks() -> None:
    times = [0, 1, 1, 2, 3, 4, 5, 4_000_000]
    prices = [10.0, 10.01, 10.01, 10.02, 99.0, 10.01, 10.0, 10.01]
    quality = ts.check(ticks_of(times, prices))
    assert found_in(quality) == {"duplicates": [2], "outliers": [4]}
    assert quality.missing == [Missing(5, 4_000_000, None)]
    assert ts.check(ticks_of(times, prices), silence="2h").missing == []
    said = str(quality)
    assert "outliers              1  off both neighbours" in said and "first at row 4" in said
    # A new level is no outlier, however far it is.
    assert found_in(ts.check(ticks_of([0, 1, 2, 3], [10.0, 10.01, 99.0, 99.01])))["outliers"] == []


def test_findings_of_bars() -> None:
    starts = [60_000 * at for at in (0, 1, 2, 3, 7, 8)]
    quality = ts.check(
        bars_at(starts, volume=[1, 0, 1, 1, 0, 1], close=[10, 10.01, 30, 10, 10.01, 10])
    )
    assert found_in(quality) == {"duplicates": [], "outliers": [2], "zero volume": [1, 4]}
    assert quality.missing == [Missing(240_000, 420_000, 3)]
    months = np.array(["2024-01-01", "2024-02-01", "2024-05-01"], "datetime64[ms]")
    (gap,) = ts.check(bars_at(months, "1mo")).missing
    assert (gap.bars, np.datetime64(gap.start, "ms")) == (2, np.datetime64("2024-03-01"))
    loose = ts.Bars.from_arrays([0, 0], [1, 1], [1, 1], [1, 1], [1, 1], [1, 1])
    quality = ts.check(loose)
    assert found_in(quality)["duplicates"] == [1] and "no interval" in str(quality)


def test_gaps_are_those_of_the_calendar() -> None:
    sse = calendar("SSE")
    wanted = sse.expected("1h", "2024-02-05", "2024-02-21")  # over the holidays of new year
    assert ts.check(bars_at(wanted, "1h"), sse).is_clean
    without = np.delete(wanted, [3, 4, 9])
    missing = ts.check(bars_at(without, "1h"), sse).missing
    assert [(gap.start, gap.bars) for gap in missing] == [(wanted[3], 2), (wanted[9], 1)]
    days = sse.expected("1d", "2024-02-05", "2024-02-21")
    assert ts.check(bars_at(days, "1d"), sse).is_clean
    assert [gap.bars for gap in ts.check(bars_at(np.delete(days, 2), "1d"), sse).missing] == [1]


def test_silence_counts_while_the_market_is_open() -> None:
    day = Calendar(
        "X", zone="UTC", hours={"2024-01-01": "10:00-12:00"}, begin="2024-01-01", end="2024-12-31"
    )
    hour = 3_600_000
    start = 1704067200000 + 9 * hour  # 09:00, an hour before the market opens
    ticks = ticks_of([start, start + 2 * hour, start + 26 * hour], [10.0] * 3)
    assert [gap.start for gap in ts.check(ticks).missing] == [start, start + 2 * hour]
    assert [gap.start for gap in ts.check(ticks, day).missing] == [start + 2 * hour]
    assert ts.check(ticks, day, silence="2h").missing == []
    with pytest.raises(ConfigError, match="the calendar counts in s, the data in ms"):
        ts.check(ticks, calendar("SSE", time_unit="s"))
    with pytest.raises(ConfigError, match="outlier is nan"):
        ts.check(ticks, outlier=float("nan"))


def test_what_was_left_out_while_reading_is_told(tmp_path: Any) -> None:
    path = tmp_path / "x.csv"
    rows = "".join(f"{60_000 * at + 1704067200000},1,1,1,1,1\n" for at in (1, 0, 1, 2))
    path.write_text(f"time,open,high,low,close,volume\n{rows}")
    skipped = ts.check(ts.read_bars(path, on_bad="skip"))
    assert skipped.left_out == {"time backwards": 1, "time repeated": 1}
    sorted_bars = ts.read_bars(path, sort=True, drop_duplicates=True)
    quality = ts.check(sorted_bars)
    assert quality.left_out == {"rows moved": 1, "duplicates": 1} and not quality.is_clean
    assert "while reading: rows moved" in str(quality)


def test_repairs_are_made_on_request_and_counted() -> None:
    times = [0, 1, 1, 2, 3, 4, 5]
    ticks = ticks_of(times, [10.0, 10.01, 10.01, 10.02, 99.0, 10.01, 10.0])
    assert ts.repair(ticks).data_digest == ticks.data_digest
    mended = ts.repair(ticks, drop_duplicates=True)
    assert (len(mended), mended.time.tolist()) == (6, [0, 1, 2, 3, 4, 5])
    again = ts.repair(mended, drop_outliers=True)
    assert isinstance(again.source, dict)
    assert again.source["repaired"] == {"duplicates": 1, "outliers": 1}
    assert again.prices.max() == 10.02 and again.tick_size == 0.01
    bars = bars_at([0, 60_000, 120_000], volume=[1, 0, 1])
    traded = ts.repair(bars, drop_zero_volume=True)
    assert (traded.time.tolist(), traded.interval) == ([0, 120_000], "1m")
    assert isinstance(traded.source, dict) and traded.source["repaired"] == {"zero volume": 1}


def test_what_makes_no_sense_is_refused() -> None:
    ticks = ts.Ticks.from_arrays([1], [1.5], [2.0], [0], tick_size=0.25)
    with pytest.raises(ts.ConfigError, match="every tick has a quantity"):
        ts.repair(ticks, drop_zero_volume=True)
    nothing: Any = {}
    for look in (ts.check, ts.repair):
        with pytest.raises(ts.ConfigError, match="Ticks or Bars are looked at, was dict"):
            look(nothing)
