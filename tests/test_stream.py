"""Files larger than memory: chunks on one grid, and runs over them as over the whole."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tickstep as ts
from test_tickfile import same, walk


def csv_of(rows: int) -> str:
    """Trades whose last row alone needs the finest tick."""
    random = np.random.default_rng(4)
    prices = 618_000 + np.cumsum(random.integers(-3, 4, rows))
    times = 1_723_161_256_322 + np.cumsum(random.integers(0, 9, rows))
    lines = [
        f"{row},{price / 10:.1f},{row % 7 + 1}.5,{row},{row},{time},{row % 3 == 0}\n"
        for row, (price, time) in enumerate(zip(prices, times, strict=True))
    ]
    lines[-1] = lines[-1].replace(f"{prices[-1] / 10:.1f}", "61800.25")
    return "".join(lines)


def packed(path: Path, text: str, packing: str) -> Path:
    name = "BTCUSDT-aggTrades-2024-08-08.csv"
    if packing == "zip":
        with zipfile.ZipFile(path / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, text)
        return path / f"{name}.zip"
    data = gzip.compress(text.encode()) if packing == "gz" else text.encode()
    (path / f"{name}{'.gz' if packing == 'gz' else ''}").write_bytes(data)
    return path / f"{name}{'.gz' if packing == 'gz' else ''}"


def joined(chunks: list[ts.Ticks]) -> list[list[Any]]:
    names = ("time", "price_ticks", "qty_lots", "side")
    return [np.concatenate([getattr(each, name) for each in chunks]).tolist() for name in names]


@pytest.mark.parametrize("packing", ["", "gz", "zip"])
@pytest.mark.parametrize("rows", [1_000, 7_777, 100_000])
def test_text_in_chunks_is_the_whole(tmp_path: Path, packing: str, rows: int) -> None:
    path = packed(tmp_path, csv_of(20_000), packing)
    whole = ts.read_trades(path)
    chunks = list(ts.stream_trades(path, rows=rows))
    assert [len(chunk) for chunk in chunks[:-1]] == [rows] * (len(chunks) - 1)
    assert joined(chunks) == joined([whole])
    for chunk in chunks:
        assert (chunk.tick_size, chunk.lot, chunk.symbol) == (0.01, 0.1, "BTCUSDT")
        assert chunk.time_unit == "ms"


def test_given_sizes_read_the_file_once(tmp_path: Path) -> None:
    path = packed(tmp_path, csv_of(9_000), "")
    told: list[tuple[int, int]] = []
    chunks = ts.stream_trades(
        path, rows=2_000, tick_size="0.01", lot="0.1", progress=lambda *done: told.append(done)
    )
    assert joined(list(chunks)) == joined([ts.read_trades(path)])
    size = path.stat().st_size
    assert told[-1] == (size, size)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_disorder_between_chunks_is_told(tmp_path: Path) -> None:
    lines = csv_of(6_000).splitlines(keepends=True)
    path = packed(tmp_path, "".join(lines[3_000:] + lines[:3_000]), "")
    chunks = ts.stream_trades(path, rows=1_000, tick_size="0.01", lot="0.1")
    with pytest.raises(ts.DataError, match="line 3001"):
        list(chunks)
    frame = pl.DataFrame(walk(4_000))
    turned = pl.concat([frame[2_000:], frame[:2_000]])
    turned.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(ts.DataError, match="comes after"):
        list(ts.stream_trades(tmp_path / "a.parquet", rows=2_000, tick_size="0.01", lot="0.001"))


def test_bad_rows_are_skipped_on_both_passes(tmp_path: Path) -> None:
    lines = csv_of(5_000).splitlines(keepends=True)
    lines[1_500] = "nonsense,a,b\n"
    lines[2_500] = lines[2_500].replace(lines[2_500].split(",")[1], "1e308")
    path = packed(tmp_path, "".join(lines), "")
    chunks = list(ts.stream_trades(path, rows=1_000, on_bad="skip"))
    assert joined(chunks) == joined([ts.read_trades(path, on_bad="skip")])
    with pytest.raises(ts.DataError, match="line 1501"):
        list(ts.stream_trades(path, rows=1_000))


def test_tick_files_and_parquet_in_chunks(tmp_path: Path) -> None:
    ticks = walk(10_000)
    for path in (ticks.save(tmp_path / "a.arrow"), ticks.to_parquet(tmp_path / "a.parquet")):
        chunks = list(ts.stream_trades(path, rows=3_000))
        assert [len(chunk) for chunk in chunks] == [3_000, 3_000, 3_000, 1_000]
        assert joined(chunks) == joined([ticks])
        assert {chunk.symbol for chunk in chunks} == {"BTCUSDT"}
        assert {chunk.symbol for chunk in ts.stream_trades(path, symbol="OTHER")} == {"OTHER"}


def test_the_grid_of_a_foreign_parquet_is_found_over_all_chunks(tmp_path: Path) -> None:
    rows = 5_000
    prices = np.full(rows, 100.0)
    prices[-1] = 100.125
    frame = pl.DataFrame(
        {
            "timestamp": 1_723_161_256_322 + np.arange(rows),
            "price": prices,
            "qty": np.full(rows, 2.0),
            "side": np.zeros(rows, np.int8),
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    chunks = list(ts.stream_trades(tmp_path / "a.parquet", rows=1_000))
    assert {(chunk.tick_size, chunk.lot) for chunk in chunks} == {(0.001, 1.0)}
    assert joined(chunks) == joined([ts.read_parquet(tmp_path / "a.parquet", kind="ticks")])


def test_bad_arguments_are_told(tmp_path: Path) -> None:
    path = walk(10).save(tmp_path / "a.arrow")
    with pytest.raises(ts.ConfigError, match="rows 0"):
        ts.stream_trades(path, rows=0)
    with pytest.raises(ts.ConfigError, match="tells its columns and sizes"):
        list(ts.stream_trades(path, tick_size="0.1"))
    with pytest.raises(ts.ConfigError, match=r"ends in '\.xls'"):
        ts.convert(path, tmp_path / "b.xls")
    text = packed(tmp_path, csv_of(5), "")
    with pytest.raises(ts.ConfigError, match="columns is given"):
        ts.stream_trades(text, columns={"price": "p"})
    with pytest.raises(ts.ConfigError, match="on_bad"):
        list(ts.stream_trades(text, on_bad="never"))  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        ts.stream_trades(tmp_path / "none")
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(ts.DataError, match=r"empty\.csv"):
        list(ts.stream_trades(tmp_path / "empty.csv"))


# ---- Runs ----------------------------------------------------------------------------------------


def orders_into(engine: ts.Engine, at: int) -> None:
    engine.place_order(ts.Order("LIMIT", "BUY", 0.05, price=1000.0 - at % 7))
    engine.place_order(ts.Order("STOP", "SELL", 0.02, trigger=995.0 - at % 5))
    engine.place_order(ts.Order("TRAILING_STOP", "SELL", 0.01, trail=3.0))


@pytest.mark.parametrize("rows", [1_000, 3_001, 50_000])
def test_an_engine_over_chunks_does_what_it_does_over_the_whole(tmp_path: Path, rows: int) -> None:
    ticks = walk(30_000)
    path = ticks.save(tmp_path / "a.arrow")
    config = ts.EngineConfig(
        tick_size="0.01", lot="0.001", spread_bps=1, taker_fee="0.0004", latency=50
    )
    whole, parts = ts.Engine(config), ts.Engine(config)
    whole.bind(ticks)
    # Orders every 5,000 ticks, wherever the chunks end.
    for at in range(0, 30_000, 5_000):
        orders_into(whole, at)
        whole.advance(5_000)
    done = 0
    for chunk in ts.stream_trades(path, rows=rows):
        parts.bind(chunk)
        left = len(chunk)
        while left:
            if done % 5_000 == 0:
                orders_into(parts, done)
            step = min(left, 5_000 - done % 5_000)
            assert parts.advance(step).ticks_done == step
            done += step
            left -= step
    assert len(whole.trades) > 5
    assert (parts.digest, parts.state_hash) == (whole.digest, whole.state_hash)


# ---- To tick files -------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["", "gz", "zip"])
def test_text_becomes_a_tick_file(tmp_path: Path, packing: str) -> None:
    path = packed(tmp_path, csv_of(20_000), packing)
    whole = ts.read_trades(path)
    target = tmp_path / "out.arrow"
    converted = ts.convert(path, target, rows=3_000)
    assert converted.data_digest == whole.data_digest
    assert converted.symbol == "BTCUSDT"
    converted.verify()
    ts.open_ticks(target).verify()
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([path.name, target.name])


def test_quotes_and_other_targets(tmp_path: Path) -> None:
    ticks = walk(5_000, quotes=True)
    source = ticks.to_parquet(tmp_path / "a.parquet")
    same_source = ts.convert(source, tmp_path / "b.ticks", rows=700)
    same(same_source, ticks)
    ts.convert(tmp_path / "b.ticks", tmp_path / "c.parquet", rows=900)
    same(ts.read_parquet(tmp_path / "c.parquet"), ticks)


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    lines = csv_of(4_000).splitlines(keepends=True)
    path = packed(tmp_path, "".join([*lines, "junk\n"]), "")
    with pytest.raises(ts.DataError, match="line 4001"):
        ts.convert(path, tmp_path / "a.arrow", rows=1_000)
    (tmp_path / "header.csv").write_text("price,qty,time,is_buyer_maker\n")
    with pytest.raises(ts.DataError):
        ts.convert(tmp_path / "header.csv", tmp_path / "a.arrow")
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, "header.csv"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_a_conversion_is_bounded(tmp_path: Path) -> None:
    """3 million rows, 75 MB of columns, 150 MB of text, with 40 MB of memory for all of it."""
    path = tmp_path / "BTCUSDT-aggTrades-2024-08-08.csv"
    block = csv_of(10_000).splitlines()
    with path.open("w") as file:
        for _ in range(300):
            file.write(
                "".join(f"{line[: line.rindex(',') - 13]}1723161256322,true\n" for line in block)
            )
    code = f"""
import resource
import tickstep as ts
import tickstep.data.stream
with open("/proc/self/status") as status:
    lines = dict(line.split(":", 1) for line in status)
limit = int(lines["VmData"].split()[0]) * 1024 + (40 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
ticks = ts.convert({str(path)!r}, {str(tmp_path / "a.arrow")!r}, rows=200_000)
print(len(ticks), ticks.tick_size)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3000000 0.01\n"


def test_files_that_follow_are_one_stream(tmp_path: Path) -> None:
    lines = csv_of(6_000).splitlines(keepends=True)
    names = []
    for part, (start, stop) in enumerate(
        [(0, 2_100), (2_000, 2_050), (1_900, 4_000), (4_000, 6_000)]
    ):
        name = tmp_path / f"BTCUSDT-aggTrades-2024-08-0{part + 1}.csv.gz"
        name.write_bytes(gzip.compress("".join(lines[start:stop]).encode()))
        names.append(name)
    whole = ts.read_trades(names)
    assert len(whole) == 6_000 and whole.tick_size == 0.01
    for paths in (names[::-1], tmp_path / "BTCUSDT-*.gz"):
        chunks = list(ts.stream_trades(paths, rows=700))
        assert [len(chunk) for chunk in chunks] == [700] * 8 + [400]
        assert joined(chunks) == joined([whole])
        assert {chunk.grids for chunk in chunks} == {whole.grids}
    opened = ts.convert(tmp_path / "BTCUSDT-*.gz", tmp_path / "all.arrow", rows=900)
    assert opened.data_digest == whole.data_digest
    given = list(ts.stream_trades(names, rows=700, tick_size="0.01", lot="0.1"))
    assert joined(given) == joined([whole])


def test_files_that_do_not_fit_are_told(tmp_path: Path) -> None:
    row = "{},100.5,1,1,1,{},true\n"
    (tmp_path / "A-aggTrades-2024-12-31.csv").write_text(row.format(1, 1735603200000))
    (tmp_path / "A-aggTrades-2025-01-01.csv").write_text(row.format(2, 1735689600000000))
    with pytest.raises(ts.DataError, match="time_unit is us, that of the files before ms"):
        list(ts.stream_trades(tmp_path / "A-*.csv"))
    (tmp_path / "B-aggTrades-2025-01-01.csv").write_text(row.format(2, 1735689600000))
    paths = [tmp_path / "A-aggTrades-2024-12-31.csv", tmp_path / "B-aggTrades-2025-01-01.csv"]
    with pytest.raises(ts.DataError, match="symbol is B, that of the files before A"):
        list(ts.stream_trades(paths))
    with pytest.raises(IsADirectoryError, match="is a folder: give its files"):
        list(ts.stream_trades(tmp_path))
