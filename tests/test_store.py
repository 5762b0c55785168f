"""The store: exact, atomic, idempotent; killed writers lose nothing, readers see whole batches."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import tickstep as ts
from tickstep.data.store import Gap, Saved
from tickstep.errors import ConfigError, DataError

pytest.importorskip("duckdb", reason="the extra [data] is not installed")

MINUTE = 60_000
DAY = 86_400_000
START = 1_704_159_000_000  # 2024-01-02T01:30, the open in Shanghai


def minutes(
    count: int,
    first: int = 0,
    *,
    close: int = 1000,
    symbol: str | None = "600000.SSE",
    **labels: Any,
) -> ts.Bars:
    rows = np.arange(first, first + count)
    closes = close + rows % 7
    given: dict[str, Any] = {"tick_size": "0.01", "lot": 1, "interval": "1m", "symbol": symbol}
    return ts.Bars(
        START + rows * MINUTE,
        closes,
        closes + 2,
        closes - 1,
        closes + 1,
        rows + 5,
        **(given | labels),
    )


def trades(times: list[int], prices: list[int] | None = None, **labels: Any) -> ts.Ticks:
    given: dict[str, Any] = {"tick_size": "0.1", "lot": "0.001", "symbol": "BTCUSDT.BINANCE"}
    price = np.array(prices or [100 + row for row in range(len(times))])
    side = (np.arange(len(times)) % 2).astype(np.uint8)
    return ts.Ticks(np.array(times), price, price * 3, side, **(given | labels))


@pytest.fixture
def store(tmp_path: Path) -> ts.Store:
    return ts.Store(tmp_path / "store")


def test_bars_come_back_exactly(store: ts.Store) -> None:
    full = minutes(
        3000,
        buy_lots=np.arange(3000) % 5,
        trade_count=np.arange(3000),
        turnover=np.where(np.arange(3000) % 3, np.arange(3000) / 3, np.nan),
        open_interest_lots=np.arange(3000) + 2**61,
    )
    assert store.save(full) == Saved(3000, 3000)
    assert store.bars("sh600000", "1m") == full
    part = store.bars("600000.SH", "60s", "2024-01-02T02:00", START + 90 * MINUTE)
    assert part == full[30:90]
    assert len(store.bars("600000", "1m", 0, 5)) == 0
    assert store.symbols() == store.symbols("bars") == ["600000.SSE"]
    assert store.symbols("ticks") == []


def test_ticks_come_back_exactly(store: ts.Store) -> None:
    days = trades(
        [DAY - 1, DAY, DAY, 3 * DAY + 5], bid_ticks=np.arange(4) + 90, ask_ticks=np.arange(4) + 110
    )
    store.save(days)
    assert store.ticks("BINANCE:BTC-USDT").data_digest == days.data_digest
    assert store.ticks("BTCUSDT.BINANCE", DAY, 2 * DAY).data_digest == days[1:3].data_digest
    assert [file.parent.name for file in store.files("BTCUSDT.BINANCE")] == [
        "date=1970-01-01",
        "date=1970-01-02",
        "date=1970-01-04",
    ]


def test_optional_columns_are_there_when_all_rows_have_them(store: ts.Store) -> None:
    store.save(minutes(10, buy_lots=np.zeros(10, dtype=np.int64)))
    store.save(minutes(10, 50_000))
    assert store.bars("600000", "1m").buy_lots is None
    first = store.bars("600000", "1m", stop=START + 10 * MINUTE)
    assert first.buy_lots is not None
    store.save(minutes(5, 10))
    assert store.bars("600000", "1m", stop=START + 15 * MINUTE).buy_lots is None


def test_plain_parquet_for_everybody(store: ts.Store) -> None:
    store.save(minutes(50))
    (file,) = store.files("600000.SSE", "1m")
    frame = polars.read_parquet(file)
    assert frame["close_ticks"].to_list() == minutes(50).close_ticks.tolist()
    assert frame["buy_lots"].null_count() == 50
    told = polars.read_parquet_metadata(file)
    assert (told["tick_size"], told["lot"], told["time_unit"]) == ("0.01", "1", "ms")
    everything = polars.read_parquet(store.path / "**/*.parquet", hive_partitioning=True)
    assert everything["symbol"].unique().to_list() == ["600000.SSE"]


def test_the_same_again_changes_nothing(store: ts.Store) -> None:
    assert store.save(minutes(100)) == Saved(100, 100)
    before = store.files("600000", "1m")
    assert store.save(minutes(100)) == Saved(100, 0)
    assert store.save(minutes(50, 20)) == Saved(50, 0)
    assert store.files("600000", "1m") == before
    assert store.save(minutes(100, 50)) == Saved(100, 50)
    assert store.bars("600000", "1m") == minutes(150)


def test_rows_that_differ(store: ts.Store) -> None:
    store.save(minutes(100))
    other = minutes(20, 90, close=2000)
    with pytest.raises(DataError, match="open_ticks at time .* is stored as .* and given as") as no:
        store.save(other)
    assert "existing='keep'" in str(no.value)
    assert store.bars("600000", "1m") == minutes(100)
    assert store.save(other, existing="keep") == Saved(20, 10)
    kept = store.bars("600000", "1m")
    assert kept[:100] == minutes(100)
    assert kept[100:] == other[10:]
    store.save(other, existing="replace")
    replaced = store.bars("600000", "1m")
    assert replaced[:90] == minutes(90)
    assert replaced[90:] == other
    store.save(minutes(3), existing="drop")
    assert store.bars("600000", "1m") == minutes(3)
    with pytest.raises(ConfigError, match="'merge' is not one of"):
        store.save(minutes(3), existing="merge")  # type: ignore[arg-type]


def test_replace_spans_files_without_new_rows(store: ts.Store) -> None:
    store.save(trades([0, DAY, 2 * DAY, 3 * DAY]))
    ends = trades([DAY, 3 * DAY], [7, 9])
    store.save(ends, existing="replace")
    assert store.ticks("BTCUSDT.BINANCE").time.tolist() == [0, DAY, 3 * DAY]
    assert store.ticks("BTCUSDT.BINANCE", DAY).data_digest == ends.data_digest


def test_groups_of_ticks_at_one_time(store: ts.Store) -> None:
    store.save(trades([5, 6, 6], [1, 2, 3]))
    same_sides = ts.Ticks(
        np.array([6, 6, 6, 7]),
        np.array([2, 3, 4, 5]),
        np.array([6, 9, 12, 15]),
        np.array([1, 0, 1, 0], dtype=np.uint8),
        tick_size="0.1",
        lot="0.001",
        symbol="BTCUSDT.BINANCE",
    )
    assert store.save(same_sides) == Saved(4, 2)
    assert store.ticks("BTCUSDT.BINANCE").price_ticks.tolist() == [1, 2, 3, 4, 5]
    # a shorter part of the group is known already
    assert store.save(same_sides[:2]) == Saved(2, 0)
    with pytest.raises(DataError, match="ticks at time 6 differ"):
        store.save(same_sides[1:])
    assert store.ticks("BTCUSDT.BINANCE").price_ticks.tolist() == [1, 2, 3, 4, 5]


def test_a_finer_grid_makes_the_series_finer(store: ts.Store) -> None:
    store.save(minutes(10))
    store.save(minutes(10, 50_000, close=20_000, tick_size="0.005", lot="0.5"))
    both = store.bars("600000", "1m")
    assert both.grids == ("0.005", "0.5")
    assert both[:10].close.tolist() == minutes(10).close.tolist()
    assert both[:10].volume.tolist() == minutes(10).volume.tolist()
    assert both[10:].close_ticks.tolist() == minutes(10, 50_000, close=20_000).close_ticks.tolist()
    store.save(minutes(5, 100, tick_size="0.1"))  # a coarser one is brought to it
    assert store.bars("600000", "1m").grids == ("0.005", "0.5")
    assert store.bars("600000", "1m")[10].close == minutes(5, 100, tick_size="0.1")[0].close
    for file in store.files("600000", "1m"):
        assert polars.read_parquet_metadata(file)["tick_size"] == "0.005"


def test_finer_times_make_the_series_finer(store: ts.Store) -> None:
    store.save(trades([1000, 2000]))
    store.save(trades([3_000_001], time_unit="us"))
    both = store.ticks("BTCUSDT.BINANCE")
    assert both.time_unit == "us"
    assert both.time.tolist() == [1_000_000, 2_000_000, 3_000_001]


def test_numbers_beyond_the_range_are_refused(store: ts.Store) -> None:
    huge = minutes(2, open_interest_lots=np.array([2**61, 2**61]))
    store.save(huge)
    with pytest.raises(DataError, match="beyond 62 bits"):
        store.save(minutes(2, 10, lot="0.001"))
    assert store.bars("600000", "1m") == huge


def test_names(store: ts.Store) -> None:
    for name in ("MY/own..name?", "..", "spread:rb-hc", "价差"):
        store.save(minutes(3, symbol=name))
        assert store.bars(name, "1m").symbol == name
    assert all(store.path in file.parents for file in store.path.rglob("*.parquet"))
    with pytest.raises(DataError, match="may be 000001.SSE or 000001.SZSE"):
        store.save(minutes(3, symbol="000001"))
    store.save(minutes(3, symbol="000001"), symbol="000001.SZ")
    assert store.bars("sz000001", "1m").symbol == "000001.SZSE"
    with pytest.raises(DataError, match="no bars of 5m of 000001.SZSE") as unknown:
        store.bars("sz000001", "5m")
    assert unknown.value.hint == "it has 000001.SZSE 1m"
    with pytest.raises(DataError, match="no ticks of 000001.SZSE"):
        store.ticks("sz000001")


def test_what_cannot_be_saved(store: ts.Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no symbol"):
        store.save(minutes(3, symbol=None))
    with pytest.raises(ConfigError, match="not cut by time"):
        store.save(minutes(3, interval=None))
    with pytest.raises(ConfigError, match="takes Bars or Ticks, was list"):
        store.save([1])  # type: ignore[arg-type]
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="is a file; a store is a folder"):
        ts.Store(tmp_path / "file")


def test_damage_is_told(store: ts.Store) -> None:
    store.save(minutes(3))
    (file,) = store.files("600000", "1m")
    kept = file.read_bytes()
    file.write_bytes(kept[:100])
    with pytest.raises(DataError, match="cannot be read"):
        store.bars("600000", "1m")
    file.write_bytes(kept)
    manifest = file.parent.parent / "series.json"
    manifest.write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        store.bars("600000", "1m")
    manifest.write_text(json.dumps({"format": 99}))
    with pytest.raises(DataError, match="a format that this version does not know"):
        store.bars("600000", "1m")


def test_retain_and_delete(store: ts.Store) -> None:
    store.save(trades([0, DAY, DAY + 5, 2 * DAY, 9 * DAY]))
    store.save(minutes(10))
    assert store.retain(8, today=date(1970, 1, 10)) == 1
    assert store.retain(7, today=date(1970, 1, 10)) == 2
    assert store.ticks("BTCUSDT.BINANCE").time.tolist() == [2 * DAY, 9 * DAY]
    assert store.delete("BTCUSDT.BINANCE") == 2
    assert store.symbols() == ["600000.SSE"]
    assert len(list((store.path / "ticks").rglob("*.parquet"))) == 0
    with pytest.raises(ConfigError, match="days must be 0 or more"):
        store.retain(-1)


def test_query_reads_and_does_nothing_else(store: ts.Store, tmp_path: Path) -> None:
    store.save(minutes(20))
    store.save(trades([DAY, 2 * DAY]))
    found = store.query(
        "SELECT symbol, max(high), sum(volume), min(datetime)::VARCHAR FROM bars GROUP BY ALL"
    ).fetchall()
    assert found == [("600000.SSE", 10.08, float(sum(range(5, 25))), "2024-01-02 01:30:00")]
    assert store.query("SELECT symbol, rows FROM series ORDER BY 1").fetchall() == [
        ("600000.SSE", 20),
        ("BTCUSDT.BINANCE", 2),
    ]
    assert polars.DataFrame(store.query("SELECT price FROM ticks"))["price"].to_list() == [
        10.0,
        10.1,
    ]
    for sql in (
        f"COPY (SELECT 1) TO '{store.path}/x.parquet'",
        "SELECT 1; SELECT 2",
        f"ATTACH '{store.path}/x.db'",
        "DROP VIEW bars",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM nothing",
    ):
        with pytest.raises(ConfigError):
            store.query(sql).fetchall()
    assert not (store.path / "x.parquet").exists()


def test_gaps(store: ts.Store) -> None:
    morning = store.gaps("600000", "1m", "2024-01-02", "2024-01-03")
    assert morning == [Gap(START, START + 330 * MINUTE, 240)]
    store.save(minutes(100))
    store.save(minutes(15, 105))
    store.save(minutes(120, 210))
    assert store.gaps("600000", "1m", "2024-01-01", "2024-01-03") == [
        Gap(START + 100 * MINUTE, START + 105 * MINUTE, 5)
    ]
    store.note_absent("600000", "1m", [Gap(START + 100 * MINUTE, START + 102 * MINUTE, 2)])
    assert [
        (gap.bars, gap.is_absent) for gap in store.gaps("600000", "1m", "2024-01-02", "2024-01-03")
    ] == [
        (2, True),
        (3, False),
    ]


@pytest.mark.parametrize("hour", ["T00:00", "T01:30"])
def test_gaps_of_daily_bars(store: ts.Store, hour: str) -> None:
    days = [f"2024-02-{day:02d}{hour}" for day in (5, 7, 8, 19)]  # without the 6th; a holiday
    ones = [1] * 4
    store.save(
        ts.Bars.from_arrays(days, ones, ones, ones, ones, ones, interval="1d", symbol="600000.SSE")
    )
    (gap,) = store.gaps("600000", "1d", "2024-02-05", "2024-02-20")
    assert np.datetime64(gap.start, "ms") == np.datetime64("2024-02-06")
    assert (gap.stop - gap.start, gap.bars) == (DAY, 1)


WRITER = """
import sys, numpy as np, tickstep as ts
store, batch = ts.Store(sys.argv[1]), int(sys.argv[2])
while True:
    rows = np.arange(batch * 500, batch * 500 + 500)
    price = 1000 + rows % 97
    store.save(ts.Ticks(rows * 200, price, rows + 1, (rows % 2).astype(np.uint8),
                        tick_size="0.01", lot=1, symbol="DEMO.US", time_unit="s"))
    print(batch, flush=True)
    batch += 1
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9")
def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Each batch spans two files; the writer dies anywhere in it, fifteen times."""
    random = np.random.default_rng(5)
    store, batches = ts.Store(tmp_path), 0
    rows_a_batch = 500
    for _ in range(15):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(batches)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        seen = -1
        for _ in range(int(random.integers(0, 3))):
            seen = int(writer.stdout.readline())
        time.sleep(float(random.uniform(0.0, 0.9)))
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        acknowledged = max([seen, *map(int, rest)], default=-1) + 1
        there = len(store.ticks("DEMO.US")) if store.symbols() else 0
        assert there % rows_a_batch == 0, "half a batch is visible"
        assert there // rows_a_batch in (max(batches, acknowledged), max(batches, acknowledged) + 1)
        batches = there // rows_a_batch
    assert batches > 3
    whole = store.ticks("DEMO.US")
    assert (whole.qty_lots == np.arange(len(whole)) + 1).all()
    # what the dead left behind is gone after the next write
    store.save(whole[:1])
    counted = set(store.files("DEMO.US"))
    assert set(store.path.rglob("*.parquet")) == counted
    assert not list(store.path.rglob("*.tmp"))


def versions(path: str, stop: Any) -> None:
    store, version = ts.Store(path), 1
    while not stop.is_set():
        store.save(versioned(version), existing="drop" if version % 2 else "replace")
        version += 1


def versioned(version: int) -> ts.Ticks:
    rows = np.arange(300)
    price = np.full(300, version)
    return ts.Ticks(
        rows * 1000,
        price,
        price,
        np.zeros(300, dtype=np.uint8),
        tick_size=1,
        lot=1,
        symbol="DEMO.US",
        time_unit="s",
    )


def read_versions(path: str, stop: Any, result: Any) -> None:
    store, seen = ts.Store(path), set()
    while not stop.is_set():
        ticks = store.ticks("DEMO.US")
        found = set(ticks.price_ticks.tolist())
        if len(ticks) != 300 or len(found) != 1:
            result.put(f"{len(ticks)} rows of versions {found}")
            return
        seen |= found
    result.put(len(seen))


def test_readers_see_whole_batches(tmp_path: Path) -> None:
    """Two processes read while one replaces the series, four files at a time, over and over."""
    ts.Store(tmp_path).save(versioned(1))
    spawn = multiprocessing.get_context("spawn")
    stop, result = spawn.Event(), spawn.Queue()
    writer = spawn.Process(target=versions, args=(str(tmp_path), stop))
    readers = [
        spawn.Process(target=read_versions, args=(str(tmp_path), stop, result)) for _ in range(2)
    ]
    for process in (writer, *readers):
        process.start()
    time.sleep(6)
    stop.set()
    found = [result.get(timeout=60) for _ in readers]
    for process in (writer, *readers):
        process.join(60)
        assert process.exitcode == 0
    assert all(isinstance(count, int) and count > 1 for count in found), found


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=every_third, args=(str(tmp_path), part)) for part in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    assert ts.Store(tmp_path).bars("600000", "1m") == minutes(60)


def every_third(path: str, part: int) -> None:
    store = ts.Store(path)
    for row in range(part, 60, 3):
        store.save(minutes(1, row))


REPLACER = """
import sys, tickstep as ts
from test_store import versioned
store, version = ts.Store(sys.argv[1]), int(sys.argv[2])
while True:
    store.save(versioned(version), existing="drop" if version % 2 else "replace")
    print(version, flush=True)
    version += 1
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9")
def test_kill_9_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """A replacement spans several files; the writer dies anywhere in it."""
    random = np.random.default_rng(8)
    store, version = ts.Store(tmp_path), 1
    store.save(versioned(version))
    for _ in range(7):
        writer = subprocess.Popen(
            [sys.executable, "-c", REPLACER, str(tmp_path), str(version + 1)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        )
        assert writer.stdout is not None
        seen = int(writer.stdout.readline())
        time.sleep(float(random.uniform(0.0, 0.2)))
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        acknowledged = max([seen, *map(int, rest)])
        ticks = store.ticks("DEMO.US")
        found = set(ticks.price_ticks.tolist())
        assert len(ticks) == 300 and len(found) == 1, "two versions are mixed"
        version = found.pop()
        assert version in (acknowledged, acknowledged + 1)
