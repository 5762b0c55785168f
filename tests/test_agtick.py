"""Tick files of ag-kernel: both formats written here as its writers do, and broken in every way."""

import resource
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tickstep as ts
from tickstep.errors import ConfigError, DataError

Row = tuple[int, int, int, int]  # time, price, quantity in millionths, side

ROWS: list[Row] = [(1700000000000, 5000, 1_500_000, 0), (1700000000007, 4990, 1, 1)]
ROWS += [(1700000000007 + 300 * at, 4990 + 70 * at, 10**9 + at, at % 2) for at in range(1, 20)]


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def compact(rows: list[Row], *, from_start: bool = True) -> bytes:
    start, end = (rows[0][0], rows[-1][0]) if rows else (0, 0)
    head = struct.pack(
        "<4sB3s16sdqqQQ", b"AGTK", 1, b"", b"BTCUSDT", 0.1, start, end, len(rows), 64
    )
    time, price, body = start if from_start else 0, 0, b""
    for row in rows:
        step = row[1] - price
        body += varint(row[0] - time) + varint(step << 1 if step >= 0 else (-step << 1) - 1)
        body += varint(row[2])
        time, price = row[:2]
    bits = sum(row[3] << at for at, row in enumerate(rows))
    return head + body + bits.to_bytes((len(rows) + 7) // 8, "little")


def plain(rows: list[Row]) -> bytes:
    head = struct.pack("<8sHHdQ4x", b"AGTICK01", 1, 0, 0.1, len(rows))
    return head + b"".join(struct.pack("<qqqB7x", *row) for row in rows)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("write", [compact, plain, lambda rows: compact(rows, from_start=False)])
def test_value_for_value(tmp_path: Path, write: Callable[[list[Row]], bytes]) -> None:
    ticks = ts.read_trades(written(tmp_path / "x.agtick", write(ROWS)))
    assert (ticks.grids, ticks.time_unit) == (("0.1", "0.000001"), "ms")
    assert ticks.symbol in ("BTCUSDT", None)
    columns = (ticks.time, ticks.price_ticks, ticks.qty_lots, ticks.side)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == ROWS


def test_arguments(tmp_path: Path) -> None:
    path = written(tmp_path / "x.agtick", plain(ROWS))
    with pytest.raises(ConfigError, match="tells its sizes by itself"):
        ts.read_trades(path, tick_size=1)


@pytest.mark.parametrize("write", [compact, plain])
def test_damage_is_told(tmp_path: Path, write: Callable[[list[Row]], bytes]) -> None:
    whole = write(ROWS)
    path = tmp_path / "x.agtick"
    for length in range(4, len(whole) - 1, 7):
        with pytest.raises(DataError):
            ts.read_trades(written(path, whole[:length]))
    count = 48 if write is compact else 20
    huge = whole[:count] + struct.pack("<Q", 2**62) + whole[count + 8 :]
    with pytest.raises(DataError, match="its header tells 4611686018427387904 ticks"):
        ts.read_trades(written(path, huge))


def test_a_large_file_takes_no_memory_before_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.agtick"
    path.write_bytes(compact(ROWS))
    with path.open("rb+") as file:
        file.truncate(10 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="ticks, .* follow"):
        ts.read_trades(path)
    path.write_bytes(plain(ROWS))
    with path.open("rb+") as file:
        file.truncate(10 << 30)
    with pytest.raises(DataError, match="its header tells 3 ticks|ticks, .* bytes follow"):
        ts.read_trades(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB


@given(st.data())
def test_mutations_never_crash(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([compact(ROWS), plain(ROWS)])))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder, "x.agtick"), bytes(content))
        with suppress(DataError):
            assert len(ts.read_trades(path)) <= len(ROWS)
