"""Files larger than memory: ticks in chunks, and any file to a tick file.

Every chunk is a `Ticks` of its own, all on one grid and in order, so that an engine bound to one
after the other does what it would do over the whole. Where the grid is not given it is found first,
which reads the file twice.
"""

import mmap
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from tickstep._kernel import TickColumns, TradesParser
from tickstep.data.files import Paths, Text, faults_of, path_told, pieces, texts_of
from tickstep.data.frames import column_names, decimals_within, tick_parts
from tickstep.data.load import first_trade_ns, trades_parser
from tickstep.data.merge import common_step
from tickstep.data.parquet import frame_to, kind_of, parquet_head
from tickstep.data.tickfile import open_ticks
from tickstep.data.writing import form_of, write
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Number, Progress, Ticks

__all__ = ["convert", "stream_trades"]

CHUNK_ROWS = 1_000_000


def stream_trades(
    path: Paths,
    *,
    rows: int = CHUNK_ROWS,
    tick_size: Number | None = None,
    lot: Number | None = None,
    columns: Mapping[str, str] | None = None,
    symbol: str | None = None,
    on_bad: Literal["raise", "skip"] = "raise",
    progress: Progress | None = None,
) -> Iterator[Ticks]:
    """Read trades chunk by chunk, in bounded memory.

    Takes what `read_trades` takes (CSV and feeds, plain, gzip or zip), Parquet, and tick files. The
    chunks are on one grid; where `tick_size` or `lot` is neither given nor told by the file, the file
    is read twice, first to find it.

    Parameters
    ----------
    path : path, pattern, or sequence of them
        The file, or several of text that follow one another: trades whose ids an earlier file had
        are left out, as `read_trades` does.
    rows : int
        Rows of a chunk; the last may have fewer.
    tick_size, lot : float, int, str or Decimal, optional
        As for `read_trades`.
    columns : mapping of str to str, optional
        Of a Parquet file: as for `Ticks.from_frame`.
    symbol : str, optional
        Name of the instrument; by default what the file says.
    on_bad : {"raise", "skip"}
        Of text: whether a bad row raises or is left out.
    progress : callable, optional
        Called as `progress(done, total)`: in bytes of text, in rows of other files.

    Yields
    ------
    Ticks
        The next rows.

    Raises
    ------
    DataError
        When a row is bad; the chunks before it were good.
    ConfigError
        When an argument is wrong.
    OSError
        When the file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "BTCUSDT-aggTrades-2024-08-08.csv")
    >>> _ = path.write_text("".join(
    ...     f"{i},61800.{i % 5},0.006,5,5,{1723161256322 + i},false\\n" for i in range(5)))
    >>> [(len(chunk), chunk.tick_size) for chunk in ts.stream_trades(path, rows=2)]
    [(2, 0.1), (2, 0.1), (1, 0.1)]
    """
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise ConfigError(f"rows {rows!r} is not a whole number above 0", hint="rows=1_000_000")
    file = _only_file(path)
    magic = b""
    if file is not None:
        with file.open("rb") as raw:
            magic = raw.read(6)
    if file is not None and magic == b"ARROW1":
        chunks = _of_tick_file(file, rows, (tick_size, lot), columns, progress)
    elif file is not None and magic.startswith(b"PAR1"):
        options = {"tick_size": tick_size, "lot": lot, "columns": columns, "symbol": symbol}
        chunks = _of_parquet(file, rows, options, progress)
    else:
        if columns is not None:
            raise ConfigError(
                "columns is given, but the columns of a text are found by its header",
                hint="leave it out",
            )
        chunks = _of_texts(_sorted(texts_of(path)), rows, (tick_size, lot), on_bad, progress)
    return _named(_in_order(chunks), symbol)


def _only_file(path: Paths) -> Path | None:
    """The file, where one is named, and not a pattern, a folder or a list."""
    file = Path(path) if isinstance(path, str | os.PathLike) else None
    return file if file is not None and file.is_file() else None


def _sorted(texts: list[Text]) -> list[Text]:
    return sorted(texts, key=first_trade_ns) if len(texts) > 1 else texts


def _named(chunks: Iterator[Ticks], symbol: str | None) -> Iterator[Ticks]:
    for chunk in chunks:
        if symbol is not None:
            chunk.symbol = symbol
        yield chunk


def _in_order(chunks: Iterator[Ticks]) -> Iterator[Ticks]:
    last: Ticks | None = None
    for chunk in chunks:
        if last is not None and len(last) and len(chunk) and chunk.time[0] < last.time[-1]:
            raise DataError(
                f"{_name_of(chunk)}: time {chunk.time[0]} comes after {last.time[-1]}",
                hint="sort the rows by time; equal times are fine",
            )
        if last is not None and chunk.symbol != last.symbol:
            raise DataError(
                f"{_name_of(chunk)} holds {last.symbol} and {chunk.symbol}",
                hint="filter the file to one instrument",
            )
        last = chunk
        yield chunk


def _name_of(chunk: Ticks) -> str:
    told = chunk.source.get("path") if isinstance(chunk.source, Mapping) else chunk.source
    return ", ".join(told) if isinstance(told, list) else str(told)


# ---- Text ----------------------------------------------------------------------------------------

Sizes = tuple[Number | None, Number | None]
Columns = list[npt.NDArray[Any]]


def _of_texts(
    texts: list[Text], rows: int, sizes: Sizes, on_bad: str, progress: Progress | None
) -> Iterator[Ticks]:
    sizes = _sizes_of_texts(texts, rows, sizes, on_bad)
    rest: Columns = [np.empty(0, np.int64) for _ in range(3)] + [np.empty(0, np.uint8)]
    start, labels, last_id = 0, None, None
    for text in texts:
        parser = trades_parser(*sizes, on_bad, last_id)
        for drained, report, is_last in _drained(parser, text, rows, progress):
            labels = _labels_of(text, report, sizes, labels)
            rest = [np.concatenate(each) for each in zip(rest, drained, strict=True)]
            is_end = is_last and text is texts[-1]
            while len(rest[0]) >= rows or (rest[0].size and is_end):
                taken, rest = [each[:rows] for each in rest], [each[rows:] for each in rest]
                source = {"path": path_told(texts), "first_row": start}
                start += len(taken[0])
                yield Ticks(*taken, **labels, source=source)
            if is_last and report["last_id"] is not None:
                last_id = report["last_id"]


def _labels_of(
    text: Text, report: Mapping[str, Any], sizes: Sizes, before: dict[str, Any] | None
) -> dict[str, Any]:
    """What the rows of a text are counted in, and whose they are; as in the texts before it."""
    labels = {
        "tick_size": sizes[0],
        "lot": sizes[1],
        "time_unit": report["time_unit"],
        "symbol": report["symbol"] or text.symbol,
    }
    for name in ("time_unit", "symbol") if before is not None else ():
        if before is not None and labels[name] != before[name]:
            raise DataError(
                f"{text.name}: {name} is {labels[name]}, that of the files before {before[name]}",
                hint="stream files of one instrument and one unit of time together",
            )
    return labels


def _sizes_of_texts(texts: list[Text], rows: int, sizes: Sizes, on_bad: str) -> Sizes:
    """The sizes given, or found by reading the files once."""
    if None not in sizes:
        return sizes
    found: list[str | None] = [None, None]
    for text in texts:
        parser = trades_parser(*sizes, on_bad)
        told = ("1", "1")
        for _, report, is_last in _drained(
            parser, text, rows, None
        ):  # chunk by chunk, none is kept
            if is_last:
                told = report["tick_size"], report["lot"]
        found = [
            size if finest is None else common_step(finest, size)
            for finest, size in zip(found, told, strict=True)
        ]
    return found[0], found[1]


def _drained(
    parser: TradesParser, text: Text, rows: int, progress: Progress | None
) -> Iterator[tuple[Columns, dict[str, Any], bool]]:
    """Rows of a text, a chunk and a little more at a time; what is told; whether it is the end."""
    done = 0
    for piece, bytes_done, bytes_total in pieces(text):
        with faults_of(text):
            parser.push(piece)
        if progress is not None:
            progress(bytes_done, bytes_total)
        if parser.rows - done >= rows:
            done = parser.rows
            drained = parser.drain()
            told = dict(zip(("time_unit", "symbol"), drained[4:], strict=True))
            yield list(drained[:4]), told, False
    with faults_of(text):
        finished = parser.finish()
    yield list(finished[:4]), finished[4], True


# ---- Files of columns ----------------------------------------------------------------------------


def _of_tick_file(
    file: Path,
    rows: int,
    sizes: Sizes,
    columns: Mapping[str, str] | None,
    progress: Progress | None,
) -> Iterator[Ticks]:
    if columns is not None or sizes != (None, None):
        raise ConfigError(
            f"{file.name} tells its columns and sizes by itself", hint="leave columns and sizes out"
        )
    ticks = open_ticks(file)
    for start in range(0, len(ticks), rows):
        yield ticks[start : start + rows]
        if progress is not None:
            progress(min(start + rows, len(ticks)), len(ticks))


def _of_parquet(
    file: Path, rows: int, options: dict[str, Any], progress: Progress | None
) -> Iterator[Ticks]:
    labels, names = parquet_head(file)
    kind_of(file, "ticks", labels)
    wanted = column_names("ticks", names, options["columns"])
    options["source"] = labels.get("source", {"path": file.name})
    for name, parts in (("tick_size", ("price", "bid", "ask")), ("lot", ("qty",))):
        if options[name] is None and name not in labels:
            decimals = 0
            for frame, _ in _parquet_frames(file, rows, wanted):
                decimals = decimals_within(frame, options["columns"], parts, decimals)
            options[name] = f"1e-{decimals}"
    for frame, place in _parquet_frames(file, rows, wanted):
        ticks = frame_to("ticks", frame, labels, options)
        assert isinstance(ticks, Ticks)
        options["time_unit"] = ticks.time_unit
        yield ticks
        if progress is not None:
            progress(*place)


def _parquet_frames(
    file: Path, rows: int, names: list[str]
) -> Iterator[tuple[object, tuple[int, int]]]:
    import polars

    scanned = polars.scan_parquet(file)
    total = int(scanned.select(polars.len()).collect().item())
    for start in range(0, total, rows):
        frame = scanned.select(names).slice(start, rows).collect()
        yield frame, (min(start + rows, total), total)


# ---- To tick files -------------------------------------------------------------------------------


def convert(
    source: Paths,
    target: str | os.PathLike[str],
    *,
    rows: int = CHUNK_ROWS,
    tick_size: Number | None = None,
    lot: Number | None = None,
    columns: Mapping[str, str] | None = None,
    symbol: str | None = None,
    on_bad: Literal["raise", "skip"] = "raise",
    progress: Progress | None = None,
) -> Ticks:
    """Convert files of trades to a tick file, Parquet or CSV, in bounded memory.

    The columns are collected in files beside the target, which need as much room again while it is
    written.

    Parameters
    ----------
    source : path, pattern, or sequence of them
        What `stream_trades` reads.
    target : str or path-like
        Where to. `.arrow`, `.ticks`, `.feather` and `.ipc` are tick files, `.parquet` is Parquet,
        `.csv` is text that `read_trades` reads.
    rows, tick_size, lot, columns, symbol, on_bad, progress : optional
        As for `stream_trades`.

    Returns
    -------
    Ticks
        The tick file, opened, or the rows that were written otherwise.

    Raises
    ------
    DataError
        When a row is bad or there is none; nothing is written.
    ConfigError
        When the target has another ending, or an argument is wrong.
    OSError
        When a file cannot be read or written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "BTCUSDT-aggTrades-2024-08-08.csv")
    >>> _ = path.write_text("1,61800.30,0.006,5,5,1723161256322,false\\n")
    >>> ts.convert(path, path.with_suffix(".arrow")).prices.tolist()
    [61800.3]
    """
    file = Path(target)
    form = form_of(file)
    chunks = stream_trades(
        source,
        rows=rows,
        tick_size=tick_size,
        lot=lot,
        columns=columns,
        symbol=symbol,
        on_bad=on_bad,
        progress=progress,
    )
    with ExitStack() as files:
        ticks = _spooled(chunks, file, files)
        write(ticks, file)
    return open_ticks(file) if form == "tick file" else ticks


def _spooled(chunks: Iterator[Ticks], target: Path, files: ExitStack) -> Ticks:
    """The rows of all chunks, their columns in files without a name."""
    spools: dict[str, IO[bytes]] = {}
    labels: dict[str, Any] = {}
    rows = 0
    for chunk in chunks:
        labels = labels or chunk._labels()
        for part in tick_parts(chunk):
            if part.name not in spools:
                spools[part.name] = files.enter_context(_nameless(target))
            spools[part.name].write(part.values.data.cast("B"))
        rows += len(chunk)
    if rows == 0:
        raise DataError("there are no trades to write", hint="see what the source holds")
    columns = {name: _mapped(file, rows) for name, file in spools.items()}
    # Each chunk has been checked, and so has their order.
    checked = TickColumns.assumed(
        columns["time"],
        columns["price_ticks"],
        columns["qty_lots"],
        columns["side"],
        columns.get("bid_ticks"),
        columns.get("ask_ticks"),
        labels["allow_negative_prices"],
        None,
    )
    return Ticks._of_columns(checked, labels, None)


def _mapped(file: IO[bytes], rows: int) -> npt.NDArray[Any]:
    file.flush()
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    dtype = np.uint8 if len(mapped) == rows else np.int64
    return np.frombuffer(mapped, dtype, rows)


@contextmanager
def _nameless(target: Path) -> Iterator[IO[bytes]]:
    """A file beside the target that nobody else sees and that is gone when it is closed."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with part.open("xb+") as file:
        try:
            if os.name == "posix":
                part.unlink()
            yield file
        finally:
            file.close()
            part.unlink(missing_ok=True)
