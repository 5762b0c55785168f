"""Tick files of ag-kernel, `.agtick`: two formats under one ending, told apart by their first bytes.

The compact one begins with `AGTK`: times, prices and quantities as varints of their differences, then
one bit a side. The plain one begins with `AGTICK01`: records of 32 bytes. Quantities are millionths.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tickstep._kernel import Grid
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Ticks

__all__ = ["is_agtick", "read_agtick"]

LOT = "0.000001"

_COMPACT = struct.Struct(
    "<4sB3s16sdqqQQ"
)  # magic, version, flags, symbol, tick, times, count, offset
_PLAIN = struct.Struct("<8sHHdQ4x")  # magic, version, flags, tick, count
_RECORD = np.dtype(
    [("time", "<i8"), ("price_ticks", "<i8"), ("qty_lots", "<i8"), ("side", "u1"), ("", "V7")]
)
_VARINT_BYTES_MAX = 10
_BLOCK_BYTES = 1 << 20


def is_agtick(file: Path) -> bool:
    """Whether a file begins as one of the two formats."""
    with file.open("rb") as opened:
        return opened.read(4) in (b"AGTK", b"AGTI")


def read_agtick(file: Path, symbol: str | None = None) -> Ticks:
    """Read a tick file of ag-kernel; a given symbol counts before that of the header.

    Raises
    ------
    DataError
        When the file is cut off, or its header does not fit its data.
    """
    data: npt.NDArray[np.uint8] = np.memmap(file, dtype=np.uint8, mode="r")
    head = data[: max(_COMPACT.size, _PLAIN.size)].tobytes()
    is_plain = head.startswith(b"AGTICK01")
    layout = _PLAIN if is_plain else _COMPACT
    if len(head) < layout.size:
        raise _cut_off(file, f"its header has {layout.size} bytes, the file {len(head)}")
    fields = layout.unpack_from(head)
    columns, name = _plain(data, fields, file) if is_plain else _compact(data, fields, file)
    tick_size = _checked_size(fields[3 if is_plain else 4], file)
    for column in columns.values():
        column.flags.writeable = False
    return Ticks(
        **columns,
        tick_size=tick_size,
        lot=LOT,
        time_unit="ms",
        symbol=symbol or name,
        source={"path": file.name, "format": "agtick", "rows": len(columns["time"])},
    )


def _checked_size(tick_size: float, file: Path) -> str:
    try:
        return Grid(tick_size, "tick_size").step
    except ConfigError as fault:
        raise DataError(
            f"{file.name}: the header tells a tick size of {tick_size}: {fault.message}",
            hint="write the file again",
        ) from None


def _plain(
    data: npt.NDArray[np.uint8], fields: tuple[Any, ...], file: Path
) -> tuple[dict[str, Any], None]:
    count, body = fields[4], data[_PLAIN.size :]
    if count * _RECORD.itemsize != len(body):
        raise _cut_off(file, f"its header tells {count} ticks, {len(body)} bytes follow")
    rows = body.view(_RECORD)
    return {name: rows[name].copy() for name in ("time", "price_ticks", "qty_lots", "side")}, None


def _compact(
    data: npt.NDArray[np.uint8], fields: tuple[Any, ...], file: Path
) -> tuple[dict[str, Any], str | None]:
    _, _, _, name, _, start, end, count, offset = fields
    side_bytes = (count + 7) // 8
    body = data[offset : max(len(data) - side_bytes, 0)]
    if offset < _COMPACT.size or 3 * count > len(body):
        raise _cut_off(file, f"its header tells {count} ticks, {len(body)} bytes follow")
    found, values_left = [np.zeros(0, np.uint64)], 3 * count
    for values in _varints(body, file):
        found.append(values)
        values_left -= len(values)
        if values_left < 0:  # told before memory is taken for what the header does not know
            break
    if values_left:
        raise _cut_off(file, f"its header tells {count} ticks, {count - values_left / 3:g} follow")
    values = np.concatenate(found)
    deltas, zigzag, qty = values.reshape(-1, 3).T
    time = np.cumsum(deltas.astype(np.int64))
    if count and time[0] == 0:
        time += start  # the first difference is to the start
    if count and (time[0], time[-1]) != (start, end):
        raise DataError(
            f"{file.name}: its header tells times from {start} to {end}, the ticks are from"
            f" {time[0]} to {time[-1]}",
            hint="write the file again",
        )
    steps = (zigzag >> np.uint64(1)).astype(np.int64) ^ -(zigzag & np.uint64(1)).astype(np.int64)
    side = np.unpackbits(data[len(data) - side_bytes :], bitorder="little")[:count]
    columns = {
        "time": time,
        "price_ticks": np.cumsum(steps),
        "qty_lots": qty.astype(np.int64),
        "side": side,
    }
    return columns, name.split(b"\0")[0].decode("ascii", "replace") or None


def _varints(body: npt.NDArray[np.uint8], file: Path) -> Iterator[npt.NDArray[np.uint64]]:
    """Read groups of seven bits, the lowest first; the high bit tells that one more follows."""
    begin = 0
    while begin < len(body):
        block = body[begin : begin + _BLOCK_BYTES]
        ends = np.flatnonzero(block < 0x80)
        if not ends.size:
            raise _cut_off(file, "its last number does not end")
        block = block[: ends[-1] + 1]
        starts = np.append(0, ends[:-1] + 1)
        lengths = ends + 1 - starts
        if lengths.max() > _VARINT_BYTES_MAX:
            raise _cut_off(file, f"a number has more than {_VARINT_BYTES_MAX} bytes")
        places = np.arange(len(block)) - np.repeat(starts, lengths)
        bits = (block & 0x7F).astype(np.uint64) << (7 * places).astype(np.uint64)
        yield np.bitwise_or.reduceat(bits, starts)
        begin += len(block)


def _cut_off(file: Path, why: str) -> DataError:
    return DataError(
        f"{file.name}: the tick file is cut off or damaged: {why}",
        hint="copy the file again or write it again",
    )
