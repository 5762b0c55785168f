"""Files to validated columns.

This module opens and unpacks; the native parser does the reading. A file is never held whole: a
plain one is read piece by piece by the parser itself, of a packed one pieces of 256 KB go from the
disk through gzip or zip to the parser. What a file is packed with is told by its first bytes, not
by its name.
"""

import gzip
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Literal, cast

from tickstep._kernel import TradesParser
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Number, Progress, Ticks

__all__ = ["read_trades"]

_PIECE_BYTES = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")

# What the unpackers raise for damaged, cut off, encrypted, or unknown content.
_UNPACK_FAULTS = (
    EOFError,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
)

# As Binance names its files: BTCUSDT-aggTrades-2024-08-08.zip, BTCUSD_PERP-trades-2024-08.csv.
_BINANCE_NAME = re.compile(r"([A-Z0-9_]+)-(?:aggTrades|trades)-\d{4}-\d{2}")


def read_trades(
    path: str | os.PathLike[str],
    *,
    tick_size: Number | None = None,
    lot: Number | None = None,
    on_bad: Literal["raise", "skip"] = "raise",
    progress: Progress | None = None,
) -> Ticks:
    """Read a file of trades into integer columns, exactly.

    Takes Binance trades and aggTrades of spot and futures as CSV, with or without a header, and
    recorded feeds: a local receive time in ns, a space and the exchange's JSON message in each
    line. Both may be plain, gzip (`.csv.gz`), or a zip archive with one file in it. CSV columns in
    another order are found by a header that names `price`, `qty` or `quantity`, `time` (or
    `timestamp`, `transact_time`) and `is_buyer_maker`.

    Prices become ticks and quantities lots without passing through floats. Where `tick_size` or
    `lot` is not given it is found: the coarsest of 1, 0.1, 0.01, ... on which all values lie. A
    short file may have used only a part of the market's grid; give the sizes when files must agree.

    Times keep the unit they have in the file, told by their digits: 13 are ms, 16 us, 19 ns. The
    side is the aggressor's: where the buyer was the maker it is SELL.

    Of a feed the messages `trade` or `aggTrade` are taken, with the exchange's time `T`; where both
    kinds occur, the first one, because each trade is in both. Other messages are counted by kind,
    and trades with zero price or quantity are left out and counted.

    Parameters
    ----------
    path : str or path-like
        The file.
    tick_size, lot : float, int, str or Decimal, optional
        Size of one price tick in money and of one lot in units of the instrument. A row off the
        grid is then a bad row. A float stands for its shortest text: 0.1 is exactly one tenth.
    on_bad : {"raise", "skip"}
        Whether a bad row raises, or is left out and counted. Bad rows are such as cannot be read,
        are off a given grid, have no positive price and quantity, or go back in time; equal times
        are fine and keep their order.
    progress : callable, optional
        Called as `progress(bytes_read, bytes_total)` while reading, in bytes of the file as it is
        on disk.

    Returns
    -------
    Ticks
        The columns. `source` tells how it went: `path`, `format`, `rows`, `lines`, `skipped` (rows
        left out, by reason), `messages` (other messages of a feed, by kind) and `first_bad` (the
        first bad row that was skipped, or None).

    Raises
    ------
    DataError
        When a row is bad (the message names line, row and rule), or the file is empty, damaged, or
        no trades file.
    ConfigError
        When an argument is not of the kind described.
    OSError
        When the file cannot be opened or read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from tickstep.data import read_trades
    >>> path = pathlib.Path(tempfile.mkdtemp(), "BTCUSDT-aggTrades-2024-08-08.csv")
    >>> _ = path.write_text(
    ...     "1,61800.30,0.006,5,5,1723161256322,false\\n"
    ...     "2,61800.20,0.015,6,6,1723161256523,true\\n"
    ... )
    >>> ticks = read_trades(path)
    >>> ticks.symbol, ticks.tick_size, ticks.price_ticks.tolist(), ticks.side.tolist()
    ('BTCUSDT', 0.1, [618003, 618002], [0, 1])
    """
    file = Path(path)
    parser = _made_parser(tick_size, lot, on_bad)
    _feed(parser, file, progress)
    with _faults_of(file):
        finished = parser.finish()
    return _as_ticks(file, finished)


def _feed(parser: TradesParser, file: Path, progress: Progress | None) -> None:
    """Hand a file over: a plain one by its name, a packed one piece by piece as it is unpacked."""
    with file.open("rb") as raw, _unpacked(raw, file) as text:
        if text is raw:
            with _faults_of(file):
                parser.push_file(file, progress)
            return
        total_bytes = os.fstat(raw.fileno()).st_size
        for piece in _pieces(text, file):
            with _faults_of(file):
                parser.push(piece)
            if progress is not None:
                progress(min(raw.tell(), total_bytes), total_bytes)


def _made_parser(tick_size: Number | None, lot: Number | None, on_bad: str) -> TradesParser:
    if on_bad not in ("raise", "skip"):
        raise ConfigError(
            f"on_bad {on_bad!r} is neither 'raise' nor 'skip'",
            hint="on_bad='skip' leaves bad rows out and counts them",
        )
    tick_text, lot_text = _decimal_text("tick_size", tick_size), _decimal_text("lot", lot)
    try:
        return TradesParser(tick_size=tick_text, lot=lot_text, skip_bad=on_bad == "skip")
    except ValueError as fault:
        raise ConfigError(str(fault), hint=_hint_of(fault)) from None


def _decimal_text(name: str, size: Number | None) -> str | None:
    if size is None or isinstance(size, str):
        return size
    if isinstance(size, bool) or not isinstance(size, float | int | Decimal):
        raise ConfigError(
            f"{name} must be a number or its text, was {type(size).__name__}",
            hint=f'write {name}="0.01"',
        )
    return repr(float(size)) if isinstance(size, float) else str(size)


def _unpacked(raw: BufferedReader, file: Path) -> AbstractContextManager[IO[bytes]]:
    magic = raw.peek(4)[:4]
    if magic.startswith(_GZIP_MAGIC):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if magic.startswith(_ZIP_MAGICS):
        return _zip_member(raw, file)
    return raw


@contextmanager
def _zip_member(raw: BufferedReader, file: Path) -> Iterator[IO[bytes]]:
    try:
        archive = zipfile.ZipFile(raw)
        member = archive.open(_only_member(archive, file))
    except _UNPACK_FAULTS as fault:
        raise _damaged(file, fault) from fault
    with archive, member:
        yield member


def _only_member(archive: zipfile.ZipFile, file: Path) -> zipfile.ZipInfo:
    files = [member for member in archive.infolist() if not member.is_dir()]
    # macOS adds a shadow of every file.
    members = [member for member in files if not member.filename.startswith("__MACOSX/")]
    if len(members) > 1:
        members = [member for member in members if member.filename.lower().endswith(".csv")]
    if len(members) != 1:
        raise DataError(
            f"{file.name}: expected one CSV file in the archive, was {len(members)}"
            f" of {len(files)} files",
            hint="unpack the archive and read its files one by one",
        )
    return members[0]


def _pieces(text: IO[bytes], file: Path) -> Iterator[bytes]:
    while piece := _read(text, file):
        yield piece


def _read(text: IO[bytes], file: Path) -> bytes:
    try:
        return text.read(_PIECE_BYTES)
    except _UNPACK_FAULTS as fault:
        raise _damaged(file, fault) from fault


def _damaged(file: Path, fault: Exception) -> DataError:
    return DataError(
        f"{file.name}: the packed file is damaged or cut off: {fault}",
        hint="download or copy the file again and compare its checksum",
    )


@contextmanager
def _faults_of(file: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as fault:
        if not hasattr(fault, "hint"):  # not the parser's: the caller's own, from progress
            raise
        raise DataError(f"{file.name}: {fault}", hint=_hint_of(fault)) from None


def _hint_of(fault: ValueError) -> str:
    hint: str = getattr(fault, "hint", "")
    is_row = getattr(fault, "line", None) is not None
    return f"{hint}; on_bad='skip' leaves bad rows out and counts them" if is_row else hint


def _as_ticks(file: Path, finished: tuple[Any, ...]) -> Ticks:
    *columns, report = finished
    for column in columns:
        # Nobody else has the arrays: read-only ones are taken without a copy.
        column.flags.writeable = False
    return Ticks(
        *columns,
        tick_size=report["tick_size"],
        lot=report["lot"],
        time_unit=report["time_unit"],
        symbol=report["symbol"] or _symbol_in(file.name),
        source=_source(file, report, rows=len(columns[0])),
    )


def _source(file: Path, report: dict[str, Any], *, rows: int) -> dict[str, Any]:
    told = ("format", "lines", "skipped", "messages", "first_bad")
    return {"path": file.name, "rows": rows} | {name: report[name] for name in told}


def _symbol_in(name: str) -> str | None:
    found = _BINANCE_NAME.match(name)
    return found.group(1) if found else None
