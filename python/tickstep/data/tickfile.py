"""Tick files: ticks or bars on disk as they are in memory, mapped rather than read.

A tick file is an Arrow IPC file of one uncompressed batch, readable by anything that reads Arrow.
Between the batch and the footer, where other readers do not look, it holds what makes opening cheap:

    zone map        as the kernel builds it, words of 64 bits
    contents        JSON: labels, place of every column, digest, samples
    end mark        64 bytes: magic, version, length and SHA-256 of the contents

Opening reads the end mark and the contents, compares the size of the file and a few kilobytes of
each column with what was written, and maps the rest: the columns were checked when they were saved,
and are not read again. `verify` does the full check. A file is written beside its final name and
renamed when it is whole, so whoever has the old one open keeps the old one.

What somebody writes into an open file shows up in the columns: results are then wrong, and `verify`
says so, but memory stays safe. Cutting an open file short is the one thing a mapping cannot bear:
the system ends a process that reads beyond the end.
"""

import hashlib
import json
import mmap
import os
import secrets
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep._kernel import TickColumns
from tickstep.bars import Bars
from tickstep.data.arrowfile import MAGIC, TIME_FORMATS, Field, footer, head, padding
from tickstep.data.frames import LABELS_KEY, Part, bar_parts, labels_text, tick_parts
from tickstep.errors import DataError
from tickstep.ticks import Ticks

__all__ = ["Column", "kind_within", "open_bars", "open_ticks", "replacing", "save", "write_file"]

Path_ = str | os.PathLike[str]

VERSION = 1

_MARK = struct.Struct("<8sIIQ32s8x")
_MARK_MAGIC = b"TICKSTEP"
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
_SAMPLE_BYTES = 4096
_PIECE_BYTES = 1 << 22
# The smallest file: magic, two messages, end mark, footer.
_FILE_BYTES_MIN = 400
_DTYPES = {"l": "<i8", "C": "|u1", "g": "<f8"} | dict.fromkeys(TIME_FORMATS.values(), "<i8")
_AGAIN = "save it again from its source"


class Column(NamedTuple):
    """A column to write: name, Arrow format string, rows, and its bytes in pieces."""

    name: str
    format: str
    rows: int
    pieces: Iterable[memoryview]


# ---- Writing -------------------------------------------------------------------------------------


def save(data: Ticks | Bars, path: Path_) -> Path:
    """Write ticks or bars as a tick file; `Ticks.save` and `Bars.save` call this.

    Parameters
    ----------
    data : Ticks or Bars
        What to write; a slice becomes a file of its own.
    path : str or path-like
        Where to; a file that is there is replaced when the new one is whole.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OSError
        When it cannot be written; nothing is left behind.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> ticks = ts.Ticks.from_arrays([1, 2], [1.5, 1.75], [2.0, 1.0], [0, 1], tick_size=0.25)
    >>> path = ticks.save(pathlib.Path(tempfile.mkdtemp(), "demo.arrow"))
    >>> ts.open_ticks(path).data_digest == ticks.data_digest
    True
    """
    parts = tick_parts(data) if isinstance(data, Ticks) else bar_parts(data)
    columns = [Column(part.name, part.format, len(data), _pieces_of(part)) for part in parts]
    return write_file(
        Path(path),
        "ticks" if isinstance(data, Ticks) else "bars",
        columns,
        data._labels(),
        digest_head=data._digest_head(),
        zone_map=_zone_map_of(data) if isinstance(data, Ticks) else None,
    )


def write_file(
    path: Path,
    kind: str,
    columns: Sequence[Column],
    labels: Mapping[str, Any],
    *,
    digest_head: str,
    zone_map: npt.NDArray[np.uint64] | None,
) -> Path:
    """Write columns that have passed their check; the columns are read once, piece by piece."""
    rows = columns[0].rows
    fields = [
        Field(each.name, each.format, rows * np.dtype(_DTYPES[each.format]).itemsize)
        for each in columns
    ]
    metadata = {LABELS_KEY: labels_text(kind, labels)}
    digest = hashlib.sha256(f"{digest_head}\n".encode())
    with replacing(path) as part, part.open("xb+") as file:
        file.write(head(fields, rows, metadata))
        places = []
        for column, field in zip(columns, fields, strict=True):
            places.append(_written(file, column, field, digest))
        file.write(_END_OF_STREAM)
        contents: dict[str, Any] = {
            "kind": kind,
            "rows": rows,
            "labels": json.loads(metadata[LABELS_KEY]),
            "columns": places,
            "digest": digest.hexdigest(),
        }
        if zone_map is not None:
            file.write(padding(file.tell()))
            contents["zone_map"] = {"offset": file.tell(), "bytes": zone_map.nbytes}
            _write(file, zone_map.data.cast("B"))
            contents["zone_map"]["sample"] = _sample(file, contents["zone_map"])
        for place in places:
            place["sample"] = _sample(file, place)
        file.seek(0, os.SEEK_END)
        _write_end(file, contents, footer(fields, rows, metadata))
    return path


def _write_end(file: IO[bytes], contents: dict[str, Any], ending: bytes) -> None:
    start = file.tell()
    text = json.dumps(contents | {"file_bytes": 0}, ensure_ascii=False).encode()
    # The size of the file is part of the contents: blanks after them leave room for its digits.
    end = start + len(text) + len(str(1 << 63))
    size = end + len(padding(end)) + _MARK.size + len(ending)
    text = json.dumps(contents | {"file_bytes": size}, ensure_ascii=False).encode()
    text = text.ljust(size - len(ending) - _MARK.size - start)
    file.write(text)
    file.write(_MARK.pack(_MARK_MAGIC, VERSION, 0, len(text), hashlib.sha256(text).digest()))
    file.write(ending)


def _written(file: IO[bytes], column: Column, field: Field, digest: Any) -> dict[str, Any]:
    start = file.tell()
    for piece in column.pieces:
        digest.update(piece)
        _write(file, piece)
    size = file.tell() - start
    assert size == field.bytes, f"{field.name}: {size} bytes written, {field.bytes} announced"
    file.write(padding(size))
    return {"name": field.name, "format": field.format, "offset": start, "bytes": size}


def _write(file: IO[bytes], data: memoryview) -> None:
    for start in range(0, len(data), _PIECE_BYTES):
        file.write(data[start : start + _PIECE_BYTES])


def _pieces_of(part: Part) -> Iterator[memoryview]:
    data = part.values.data.cast("B") if part.values.size else memoryview(b"")
    for start in range(0, len(data), _PIECE_BYTES):
        yield data[start : start + _PIECE_BYTES]


def _zone_map_of(ticks: Ticks) -> npt.NDArray[np.uint64]:
    columns = ticks._columns
    if len(ticks) == len(columns):
        return columns.zone_map
    return TickColumns.assumed(
        ticks.time,
        ticks.price_ticks,
        ticks.qty_lots,
        ticks.side,
        None,
        None,
        columns.allow_negative_prices,
        None,
    ).zone_map


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write a file under, which takes its place when it is whole and is gone otherwise."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sample(file: IO[bytes], place: Mapping[str, Any]) -> str:
    """Digest of a few kilobytes at both ends of a part of the file."""
    offset, size = place["offset"], place["bytes"]
    digest = hashlib.sha256()
    for start in (offset, offset + max(0, size - _SAMPLE_BYTES)):
        file.seek(start)
        digest.update(file.read(min(size, _SAMPLE_BYTES)))
    return digest.hexdigest()


# ---- Opening -------------------------------------------------------------------------------------


def open_ticks(path: Path_) -> Ticks:
    """Open a tick file: the columns are mapped, not read.

    Opening costs the same for a thousand and a billion ticks. What a run then touches is read by the
    system as needed and can be given back, so ticks may be larger than memory.

    Parameters
    ----------
    path : str or path-like
        A file that `Ticks.save` or `convert` wrote.

    Returns
    -------
    Ticks
        The ticks as they were saved. `ticks.verify()` reads and checks all of them.

    Raises
    ------
    DataError
        When the file is no tick file, holds bars, is cut off, damaged, or was changed after saving.
    OSError
        When the file cannot be opened.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "demo.arrow")
    >>> _ = ts.Ticks.from_arrays([1, 2], [1.5, 1.75], [2.0, 1.0], [0, 1], tick_size=0.25).save(path)
    >>> ts.open_ticks(path).price_ticks.tolist()
    [6, 7]
    """
    opened = _opened(Path(path), "ticks")
    labels = dict(opened.labels)
    columns = opened.columns
    kernel_columns = TickColumns.assumed(
        columns["time"],
        columns["price_ticks"],
        columns["qty_lots"],
        columns["side"],
        columns.get("bid_ticks"),
        columns.get("ask_ticks"),
        bool(labels["allow_negative_prices"]),
        opened.zone_map,
    )
    return Ticks._of_columns(kernel_columns, labels, opened.digest)


def open_bars(path: Path_) -> Bars:
    """Open a file of bars: the columns are mapped, not read.

    Parameters
    ----------
    path : str or path-like
        A file that `Bars.save` wrote.

    Returns
    -------
    Bars
        The bars as they were saved.

    Raises
    ------
    DataError
        As `open_ticks`.
    OSError
        When the file cannot be opened.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> bars = ts.Bars.from_arrays([0], ["1.0"], ["1.5"], ["0.5"], ["1.0"], [7], interval="1m")
    >>> path = bars.save(pathlib.Path(tempfile.mkdtemp(), "bars.arrow"))
    >>> ts.open_bars(path) == bars
    True
    """
    opened = _opened(Path(path), "bars")
    return Bars._of_columns(opened.columns, opened.labels, opened.digest)


def kind_within(path: Path) -> str | None:
    """Return "ticks" or "bars" for a tick file that is whole, None for a foreign Arrow file."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return None
        file.seek(0)
        contents = _contents_of(file, path)
    return None if contents is None else str(contents["kind"])


class _Opened(NamedTuple):
    columns: dict[str, npt.NDArray[Any]]
    labels: dict[str, Any]
    zone_map: npt.NDArray[np.uint64] | None
    digest: str


def _opened(path: Path, kind: str) -> _Opened:
    with path.open("rb") as file:
        contents = _contents_of(file, path)
        if contents is None:
            raise DataError(
                f"{path.name} is an Arrow file, but no tick file",
                hint="read_arrow reads it; ticks.save(path) then makes a tick file",
            )
        if contents["kind"] != kind:
            raise DataError(
                f"{path.name} holds {contents['kind']}, not {kind}",
                hint=f"ts.open_{contents['kind']} opens it",
            )
        for place in contents["columns"]:
            if _sample(file, place) != place["sample"]:
                raise _fault(path, f"the column {place['name']} was changed after it was saved")
        mapped = mmap.mmap(file.fileno(), contents["file_bytes"], access=mmap.ACCESS_READ)
        zone_map = _zone_map_in(file, mapped, contents)
    columns = {
        place["name"]: _mapped(mapped, place, _DTYPES[place["format"]])
        for place in contents["columns"]
    }
    labels = contents["labels"]
    del labels["kind"]
    return _Opened(columns, labels, zone_map, contents["digest"])


def _zone_map_in(
    file: IO[bytes], mapped: mmap.mmap, contents: Mapping[str, Any]
) -> npt.NDArray[np.uint64] | None:
    """The zone map of a file; None if it is damaged or of another kernel: one is made anew then."""
    place = contents.get("zone_map")
    if place is None or _sample(file, place) != place["sample"]:
        return None
    words = _mapped(mapped, place, "<u8")
    return words if words[0] == _empty_map()[0] else None


def _contents_of(file: IO[bytes], path: Path) -> dict[str, Any] | None:
    """What the end of the file says, after everything that can be wrong with it.

    None for an Arrow file that somebody else wrote.
    """
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise _fault(path, "the file is empty")
    if file.read(len(MAGIC)) != MAGIC:
        raise DataError(
            f"{path.name} is no tick file: it does not begin with {MAGIC.decode()}",
            hint="read_trades reads CSV and feeds, read_parquet reads Parquet",
        )
    if size < _FILE_BYTES_MIN:
        raise _fault(path, f"the file ends after {size} bytes")
    file.seek(size - len(MAGIC) - 4)
    (footer_bytes,) = struct.unpack("<i", file.read(4))
    if file.read() != MAGIC:
        raise _fault(path, f"the file is cut off: it does not end with {MAGIC.decode()}")
    mark_at = size - len(MAGIC) - 4 - footer_bytes - _MARK.size
    if footer_bytes < 0 or mark_at < 0:
        raise _fault(path, f"a footer of {footer_bytes} bytes does not fit a file of {size}")
    file.seek(mark_at)
    found, version, _, text_bytes, text_digest = _MARK.unpack(file.read(_MARK.size))
    if found != _MARK_MAGIC:
        return None
    if version != VERSION:
        raise _fault(path, f"the file is of version {version}, expected {VERSION}")
    if text_bytes > mark_at:
        raise _fault(path, f"contents of {text_bytes} bytes do not fit a file of {size}")
    file.seek(mark_at - text_bytes)
    text = file.read(text_bytes)
    if hashlib.sha256(text).digest() != text_digest:
        raise _fault(path, "the contents are damaged")
    contents: dict[str, Any] = json.loads(text)
    if contents["file_bytes"] != size:
        raise _fault(path, f"the file has {size} bytes, expected {contents['file_bytes']}")
    return contents


def _mapped(mapped: mmap.mmap, place: Mapping[str, Any], dtype: str) -> npt.NDArray[Any]:
    count = place["bytes"] // np.dtype(dtype).itemsize
    if count:
        return np.frombuffer(mapped, dtype, count, place["offset"])
    empty = np.empty(0, dtype)
    empty.flags.writeable = False
    return empty


def _empty_map() -> npt.NDArray[np.uint64]:
    """A map as this kernel makes it: the first word names its kind."""
    none = np.empty(0, np.int64)
    none.flags.writeable = False
    sides = np.empty(0, np.uint8)
    sides.flags.writeable = False
    return TickColumns(none, none, none, sides, None, None, False).zone_map


def _fault(path: Path, message: str) -> DataError:
    return DataError(f"{path.name}: {message}", hint=_AGAIN)
