"""Tick files: mapped as they were saved, read by others, and every damage told before it is mapped."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pytest

import tickstep as ts
from tickstep.data import tickfile

SAVED = ("time", "price_ticks", "qty_lots", "side")


def walk(rows: int, *, quotes: bool = False, time_unit: str = "ms", seed: int = 1) -> ts.Ticks:
    random = np.random.default_rng(seed)
    prices = 100_000 + np.cumsum(random.integers(-3, 4, rows))
    return ts.Ticks(
        1_700_000_000_000 + np.cumsum(random.integers(0, 20, rows)),
        prices,
        random.integers(1, 1_000, rows),
        random.integers(0, 2, rows).astype(np.uint8),
        tick_size="0.01",
        lot="0.001",
        time_unit=time_unit,
        symbol="BTCUSDT",
        source={"path": "walk", "名": "测试"},
        bid_ticks=prices - 1 if quotes else None,
        ask_ticks=prices + 1 if quotes else None,
    )


def bars() -> ts.Bars:
    return ts.Bars.from_arrays(
        [0, 60_000, 120_000],
        ["1.00", "1.01", "1.02"],
        ["1.05", "1.02", "1.03"],
        ["0.99", "1.00", "1.01"],
        ["1.01", "1.02", "1.01"],
        [10, 0, 7],
        interval="1m",
        symbol="DEMO",
        turnover=[10.1, np.nan, 7.05],
        trade_count=[3, 0, 2],
    )


def same(opened: ts.Ticks, ticks: ts.Ticks) -> None:
    for name in (*SAVED, "bid_ticks", "ask_ticks"):
        found, expected = getattr(opened, name), getattr(ticks, name)
        assert (found is None) == (expected is None)
        if found is not None:
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected)
            assert not found.flags.writeable
    for name in ("tick_size", "lot", "time_unit", "symbol", "source"):
        assert getattr(opened, name) == getattr(ticks, name)
    assert opened.data_digest == ticks.data_digest
    opened.verify()


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 65, 513, 10_000])
@pytest.mark.parametrize("quotes", [False, True])
def test_what_is_saved_is_opened(tmp_path: Path, rows: int, quotes: bool) -> None:
    ticks = walk(rows, quotes=quotes)
    path = ticks.save(tmp_path / "a.arrow")
    same(ts.open_ticks(path), ticks)
    assert [each.name for each in tmp_path.iterdir()] == ["a.arrow"]


@pytest.mark.parametrize("time_unit", ["s", "ms", "us", "ns"])
def test_units_and_negative_prices_are_kept(tmp_path: Path, time_unit: str) -> None:
    ticks = ts.Ticks(
        np.array([1, 2]),
        np.array([-5, 0]),
        np.array([1, 1]),
        np.array([0, 1], np.uint8),
        tick_size="0.25",
        lot=1,
        time_unit=time_unit,
        allow_negative_prices=True,
    )
    opened = ts.open_ticks(ticks.save(tmp_path / "a.arrow"))
    same(opened, ticks)
    with pytest.raises(ts.DataError, match="price"):
        engine = ts.Engine(ts.EngineConfig(tick_size="0.25", lot=1, time_unit=time_unit))
        engine.bind(opened)
        engine.advance()


def test_a_slice_is_a_file_of_its_own(tmp_path: Path) -> None:
    ticks = walk(5_000, quotes=True)
    part = ticks[1_234:4_321]
    opened = ts.open_ticks(part.save(tmp_path / "a.arrow"))
    same(opened, part)
    again = ts.open_ticks(opened[100:200].save(tmp_path / "b.arrow"))
    same(again, part[100:200])


def test_an_opened_file_can_be_pickled_sliced_and_saved_over(tmp_path: Path) -> None:
    ticks = walk(2_000)
    path = ticks.save(tmp_path / "a.arrow")
    opened = ts.open_ticks(path)
    same(pickle.loads(pickle.dumps(opened)), ticks)
    walk(10, seed=2).save(path)
    same(opened, ticks)  # Who has the old file open keeps it.
    assert len(ts.open_ticks(path)) == 10


def test_bars_are_saved_and_opened(tmp_path: Path) -> None:
    made = bars()
    opened = ts.open_bars(made.save(tmp_path / "b.arrow"))
    assert opened == made
    assert opened.interval == "1m"
    assert opened.trade_count is not None
    assert opened.trade_count.tolist() == [3, 0, 2]
    opened.verify()
    with pytest.raises(ts.DataError, match=r"b.arrow holds bars, not ticks"):
        ts.open_ticks(tmp_path / "b.arrow")
    empty = made[:0]
    assert ts.open_bars(empty.save(tmp_path / "c.arrow")) == empty


@pytest.mark.parametrize("rows", [0, 1, 1_000])
@pytest.mark.parametrize("quotes", [False, True])
def test_polars_and_pyarrow_read_it_as_plain_arrow(tmp_path: Path, rows: int, quotes: bool) -> None:
    ticks = walk(rows, quotes=quotes)
    path = ticks.save(tmp_path / "a.arrow")
    for frame in (pl.read_ipc(path), pl.scan_ipc(path).collect()):
        assert frame.schema["time"] == pl.Datetime("ms", "UTC")
        for name in (*SAVED, *(("bid_ticks", "ask_ticks") if quotes else ())):
            assert np.array_equal(frame[name].to_physical().to_numpy(), getattr(ticks, name))
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        table.validate(full=True)
        assert table.num_rows == rows
        assert np.array_equal(table["price_ticks"].to_numpy(), ticks.price_ticks)
        labels = json.loads(table.schema.metadata[b"tickstep"])
        assert (labels["kind"], labels["tick_size"]) == ("ticks", "0.01")
        del table
    with path.open("rb") as file:
        file.seek(8)
        streamed = pa.ipc.open_stream(file).read_all()
    assert streamed.num_rows == rows


def test_columns_begin_at_multiples_of_64_and_are_not_copied(tmp_path: Path) -> None:
    opened = ts.open_ticks(walk(1_000).save(tmp_path / "a.arrow"))
    places = [getattr(opened, name).__array_interface__["data"][0] for name in SAVED]
    assert all(place % 64 == 0 for place in places)
    assert places[1] - places[0] == 8_000
    # The zone map lies in the same mapping, behind the columns.
    words = opened._columns.zone_map
    distance = words.__array_interface__["data"][0] - places[0]
    assert 0 < distance < path_size(tmp_path / "a.arrow")


def path_size(path: Path) -> int:
    return path.stat().st_size


def test_a_run_over_the_file_is_the_run_over_memory(tmp_path: Path) -> None:
    class Waits(ts.Strategy):
        def on_start(self) -> None:
            self.every("1m")

        def on_bar(self, bar: ts.strategy.Bar) -> None:
            self.buy(0.001)

    ticks = walk(50_000)
    opened = ts.open_ticks(ticks.save(tmp_path / "a.arrow"))
    first = ts.backtest(Waits, ticks, cash=10_000_000)
    second = ts.backtest(Waits, opened, cash=10_000_000)
    assert len(first.fills) > 3
    assert second.digest == first.digest


# ---- What is wrong -------------------------------------------------------------------------------


def damaged(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_every_cut_is_told(tmp_path: Path) -> None:
    whole = walk(700, quotes=True).save(tmp_path / "a.arrow").read_bytes()
    lengths = {0, 1, 5, 6, 7, 100, len(whole) - 1, *range(0, len(whole), 97)}
    for length in sorted(lengths):
        path = damaged(tmp_path / "cut.arrow", whole[:length])
        with pytest.raises(ts.DataError, match=r"cut\.arrow") as told:
            ts.open_ticks(path)
        assert told.value.hint


def test_a_file_filled_up_with_zeros_is_told(tmp_path: Path) -> None:
    path = walk(20_000).save(tmp_path / "a.arrow")
    whole = path.read_bytes()
    hole = bytes(len(whole) - 4096 - 200_000)
    damaged(path, whole[:4096] + hole + whole[4096 + len(hole) :])
    with pytest.raises(ts.DataError, match="column .* was changed after it was saved"):
        ts.open_ticks(path)


def test_longer_and_doubled_files_are_told(tmp_path: Path) -> None:
    whole = walk(700).save(tmp_path / "a.arrow").read_bytes()
    with pytest.raises(ts.DataError, match="does not end with ARROW1"):
        ts.open_ticks(damaged(tmp_path / "b.arrow", whole + b"x"))
    with pytest.raises(ts.DataError, match=f"has {2 * len(whole)} bytes, expected {len(whole)}"):
        ts.open_ticks(damaged(tmp_path / "c.arrow", whole + whole))


def test_foreign_files_are_told(tmp_path: Path) -> None:
    for name, data in {
        "empty": b"",
        "text.csv": b"1,61800.30,0.006,5,5,1723161256322,true\n" * 50,
        "zeros": bytes(5_000),
        "noise": np.random.default_rng(1).bytes(5_000),
        "magic": b"ARROW1" + bytes(1_000) + b"ARROW1",
        "huge footer": b"ARROW1" + bytes(1_000) + struct.pack("<i", 2**31 - 1) + b"ARROW1",
        "negative": b"ARROW1" + bytes(1_000) + struct.pack("<i", -1) + b"ARROW1",
    }.items():
        with pytest.raises(ts.DataError):
            ts.open_ticks(damaged(tmp_path / name, data))
    pl.DataFrame({"a": list(range(1_000))}).write_ipc(tmp_path / "foreign.arrow")
    with pytest.raises(ts.DataError, match="an Arrow file, but no tick file") as told:
        ts.open_ticks(tmp_path / "foreign.arrow")
    assert "read_arrow" in str(told.value.hint)
    with pytest.raises(FileNotFoundError):
        ts.open_ticks(tmp_path / "none")


def test_a_sparse_file_of_ten_gigabytes_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"ARROW1\0\0")
        file.truncate(10 << 30)
    with pytest.raises(ts.DataError, match="cut off"):
        ts.open_ticks(path)


def test_any_damaged_byte_of_the_end_is_told(tmp_path: Path) -> None:
    path = walk(700).save(tmp_path / "a.arrow")
    whole = bytearray(path.read_bytes())
    contents = whole.index(b'{"kind": "ticks", "rows"')
    footer = len(whole) - 10 - struct.unpack("<i", whole[-10:-6])[0]
    for place in [*range(contents, footer, 7), *range(len(whole) - 10, len(whole))]:
        changed = bytearray(whole)
        changed[place] ^= 0x55
        if footer - 8 <= place < footer or footer - 52 <= place < footer - 48:
            continue  # What pads the mark.
        with pytest.raises(ts.DataError):
            ts.open_ticks(damaged(path, bytes(changed)))


def test_a_changed_row_is_found_by_verify(tmp_path: Path) -> None:
    path = walk(100_000).save(tmp_path / "a.arrow")
    place = column_place(path, "qty_lots")
    with path.open("rb+") as file:
        file.seek(place["offset"] + 8 * 50_000)
        file.write(struct.pack("<q", 77_777))
    opened = ts.open_ticks(path)
    with pytest.raises(ts.DataError, match="do not have the digest"):
        opened.verify()
    with path.open("rb+") as file:
        file.seek(place["offset"] + 8 * 50_000)
        file.write(struct.pack("<q", -1))
    with pytest.raises(ts.DataError, match="row 50000"):
        opened.verify()


def column_place(path: Path, name: str) -> Any:
    with path.open("rb") as file:
        contents = tickfile._contents_of(file, path)
    assert contents is not None
    return {each["name"]: each for each in contents["columns"]}[name]


def test_a_zone_map_that_does_not_match_is_made_anew(tmp_path: Path) -> None:
    ticks = walk(10_000)
    path = ticks.save(tmp_path / "a.arrow")
    with path.open("rb") as file:
        contents = tickfile._contents_of(file, path)
    assert contents is not None
    place = contents["zone_map"]
    for start in (0, 8, place["bytes"] - 8):
        with path.open("rb+") as file:
            file.seek(place["offset"] + start)
            kept = file.read(8)
            file.seek(place["offset"] + start)
            file.write(b"\xff" * 8)
        same(ts.open_ticks(path), ticks)
        with path.open("rb+") as file:
            file.seek(place["offset"] + start)
            file.write(kept)
    with path.open("rb+") as file:
        file.seek(place["offset"] + place["bytes"] // 2)
        file.write(b"\xff" * 8)
    if place["bytes"] > 3 * 4096:
        with pytest.raises(ts.DataError, match="zone map is not that of the prices"):
            ts.open_ticks(path).verify()


def test_what_is_written_into_an_open_file_breaks_no_memory(tmp_path: Path) -> None:
    """In a process of its own: random bytes over the mapped columns and the zone map."""
    code = """
import sys
import numpy as np
import tickstep as ts
path, seed = sys.argv[1], int(sys.argv[2])
ticks = ts.open_ticks(path)
engine = ts.Engine(ts.EngineConfig(tick_size="0.01", lot="0.001", initial_cash=10**9))
engine.bind(ticks)
for price in (990.0, 1010.0, 985.0):
    engine.place_order(ts.Order("LIMIT", "BUY" if price < 1000 else "SELL", 0.5, price=price))
engine.advance(100)
random = np.random.default_rng(seed)
start = ticks.time.__array_interface__["data"][0] % 4096
with open(path, "r+b") as file:
    size = file.seek(0, 2)
    head = 4096 if seed % 2 else 0
    file.seek(head)
    file.write(random.bytes(size - head))
for _ in range(3):
    try:
        engine.advance(20_000)
        engine.place_order(ts.Order("STOP", "BUY", 0.5, trigger=1000.0))
        engine.advance()
    except ts.TickstepError:
        pass
try:
    ticks.verify()
except ts.DataError:
    print("told")
"""
    ticks = walk(60_000)
    for seed in range(6):
        path = ticks.save(tmp_path / "a.arrow")
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), str(seed)], capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    ticks = walk(100)
    path = ticks.save(tmp_path / "a.arrow")
    before = path.read_bytes()

    class Fails(Exception):
        pass

    with pytest.raises(Fails), tickfile.replacing(path) as part:
        part.write_bytes(b"half")
        raise Fails
    assert [each.name for each in tmp_path.iterdir()] == ["a.arrow"]
    assert path.read_bytes() == before
    with pytest.raises(FileNotFoundError):
        ticks.save(tmp_path / "no folder" / "a.arrow")


def test_two_saves_give_the_same_bytes(tmp_path: Path) -> None:
    first = walk(1_000).save(tmp_path / "a.arrow").read_bytes()
    second = walk(1_000).save(tmp_path / "b.arrow").read_bytes()
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


# ---- Bounded memory ------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_a_backtest_over_a_file_needs_no_memory_of_its_size(tmp_path: Path) -> None:
    """Memory of its own is limited to 64 MB beyond what the imports took; the file has 100 MB."""
    ticks = walk(4_000_000)
    path = ticks.save(tmp_path / "a.arrow")
    assert path_size(path) > 100_000_000
    code = f"""
import resource
import tickstep as ts
import tickstep.data.tickfile

class Now(ts.Strategy):
    def on_start(self):
        self.every("1h")
    def on_bar(self, bar):
        self.buy(0.001)

def data_bytes():
    with open("/proc/self/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return int(lines["VmData"].split()[0]) * 1024

limit = data_bytes() + (64 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
ticks = ts.open_ticks({str(path)!r})
result = ts.backtest(Now, ticks, cash=10_000_000)
print(result.stats["Fills"], result.digest)
try:
    bytearray(80 << 20)
except MemoryError:
    print("limited")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fills, digest = done.stdout.splitlines()[0].split()
    assert int(fills) > 5 and len(digest) > 20
    assert done.stdout.splitlines()[1] == "limited"


def frozen(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array


def test_assumed_columns_must_have_one_length() -> None:
    sides = np.zeros(2, np.uint8)
    sides.flags.writeable = False
    with pytest.raises(ts.DataError, match="2 rows, expected 1"):
        ts._kernel.TickColumns.assumed(
            frozen([1]), frozen([1, 2]), frozen([1]), sides, None, None, False, None
        )
    words = np.zeros(16, np.uint64)
    words.flags.writeable = False
    with pytest.raises(ts.InternalError, match="zone map does not fit"):
        ts._kernel.TickColumns.assumed(
            frozen([1, 2]), frozen([1, 2]), frozen([1, 1]), sides, None, None, False, words
        )
