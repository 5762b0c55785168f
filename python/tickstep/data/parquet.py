"""Parquet and foreign Arrow files, in and out, by polars.

What the columns alone do not tell (sizes, unit, symbol) travels in the file's metadata under the key
`tickstep`, as the labels of a frame do. Files of others are read with the names and sizes that
`Ticks.from_frame` and `Bars.from_frame` describe.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from tickstep.bars import Bars
from tickstep.data.frames import (
    LABELS_KEY,
    bar_parts,
    bars_from_frame,
    column_names,
    kind_told,
    labels_text,
    stream_of,
    tick_parts,
    ticks_from_frame,
)
from tickstep.data.tickfile import kind_within, open_bars, open_ticks, replacing
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Ticks

if TYPE_CHECKING:
    import polars as pl

__all__ = ["frame_to", "read_arrow", "read_parquet", "write_parquet"]

Kind = Literal["ticks", "bars"]


@overload
def read_parquet(path: str | os.PathLike[str], kind: Literal["ticks"], **options: Any) -> Ticks: ...
@overload
def read_parquet(path: str | os.PathLike[str], kind: Literal["bars"], **options: Any) -> Bars: ...
@overload
def read_parquet(path: str | os.PathLike[str], kind: None = None, **options: Any) -> Any: ...


def read_parquet(
    path: str | os.PathLike[str], kind: Kind | None = None, **options: Any
) -> Ticks | Bars:
    """Read a Parquet file into ticks or bars.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : {"ticks", "bars"}, optional
        What its rows are; files written by `to_parquet` tell it themselves.
    **options
        Arguments of `Ticks.from_frame` or `Bars.from_frame`: columns, tick_size, lot, time_unit,
        symbol, interval, ...

    Returns
    -------
    Ticks or Bars
        The checked columns.

    Raises
    ------
    DataError
        When the file is no Parquet, is damaged, or its rows break a rule.
    ConfigError
        When neither the file nor the call says what the rows are.
    OSError
        When the file cannot be opened.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import polars as pl
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "trades.parquet")
    >>> pl.DataFrame({"timestamp": [1723161256322], "price": [61800.3], "qty": [0.006],
    ...               "side": [1]}).write_parquet(path)
    >>> ts.read_parquet(path, kind="ticks").prices.tolist()
    [61800.3]
    """
    import polars

    file = Path(path)
    told, names = parquet_head(file)
    kind = kind_of(file, kind, told)
    wanted = column_names(kind, names, options.get("columns"))
    with _faults_of(file):
        frame = polars.read_parquet(file, columns=wanted)
    # The rows of each group stay where they were unpacked: one copy joins them, and it is ours.
    return frame_to(kind, _groups(frame), told, {"source": _source(told, file)} | options)


def _groups(frame: "pl.DataFrame") -> list["pl.DataFrame"]:
    """The frame in the pieces that all its columns lie in; as one where they differ."""
    lengths = {tuple(column.chunk_lengths()) for column in frame.get_columns()}
    if len(lengths) != 1 or not frame.height:
        return [frame]
    ends = np.cumsum(lengths.pop()).tolist()
    return [frame.slice(start, end - start) for start, end in zip([0, *ends], ends, strict=False)]


def read_arrow(
    path: str | os.PathLike[str], kind: Kind | None = None, **options: Any
) -> Ticks | Bars:
    """Read an Arrow file (IPC file or stream, Feather version 2) into ticks or bars.

    Tick files are opened in place, as `open_ticks` and `open_bars` do; others are read.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : {"ticks", "bars"}, optional
        What its rows are; tick files tell it themselves.
    **options
        Arguments of `Ticks.from_frame` or `Bars.from_frame`; a tick file takes none.

    Returns
    -------
    Ticks or Bars
        The checked columns.

    Raises
    ------
    DataError
        When the file is no Arrow file, is damaged, or its rows break a rule.
    ConfigError
        When neither the file nor the call says what the rows are.
    OSError
        When the file cannot be opened.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import polars as pl
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "trades.feather")
    >>> pl.DataFrame({"timestamp": [1723161256322], "price": [61800.3], "qty": [0.006],
    ...               "side": [1]}).write_ipc(path)
    >>> ts.read_arrow(path, kind="ticks").qty_lots.tolist()
    [6]
    """
    import polars

    file = Path(path)
    told = kind_within(file)
    if told is not None:
        if options:
            raise ConfigError(
                f"{next(iter(options))} is given, but {file.name} tells all by itself",
                hint="leave it out",
            )
        kind = kind_of(file, kind, {"kind": told})
        return open_ticks(file) if kind == "ticks" else open_bars(file)
    kind = kind_of(file, kind, {})
    with file.open("rb") as raw:
        is_file = raw.read(6) == b"ARROW1"
    with _faults_of(file):
        frame = polars.read_ipc(file) if is_file else polars.read_ipc_stream(file)
    return frame_to(kind, frame, {}, {"source": {"path": file.name}} | options)


def write_parquet(data: Ticks | Bars, path: str | os.PathLike[str]) -> Path:
    """Write ticks or bars as Parquet; `Ticks.to_parquet` and `Bars.to_parquet` call this."""
    import polars

    file = Path(path)
    kind = "ticks" if isinstance(data, Ticks) else "bars"
    frame = polars.DataFrame(_Stream(data))
    with replacing(file) as part:
        metadata = {LABELS_KEY: labels_text(kind, data._labels())}
        frame.write_parquet(part, compression="zstd", metadata=metadata)
    return file


class _Stream:
    """Ticks or bars with their times as plain integers: Parquet has no times in seconds."""

    def __init__(self, data: Ticks | Bars) -> None:
        self.data = data

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        parts = tick_parts(self.data) if isinstance(self.data, Ticks) else bar_parts(self.data)
        if self.data.time_unit == "s":
            parts[0] = parts[0]._replace(format="l")
        return stream_of(parts, "ticks", {})


def parquet_head(file: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the labels of a Parquet file, empty where it has none, and its column names."""
    import polars

    with file.open("rb") as raw:
        magic = raw.read(4)
    if magic != b"PAR1":
        raise DataError(
            f"{file.name} is no Parquet file: it does not begin with PAR1",
            hint="read_trades reads CSV and feeds, read_arrow reads Arrow",
        )
    with _faults_of(file):
        metadata = polars.read_parquet_metadata(file)
        names = list(polars.read_parquet_schema(file))
    return kind_told(metadata.get(LABELS_KEY)), names


def kind_of(file: Path, asked: str | None, told: Mapping[str, Any]) -> Kind:
    """Return what the rows of a file are: as it says, which must be what was asked."""
    found = told.get("kind")
    if asked not in (None, "ticks", "bars"):
        raise ConfigError(f"kind {asked!r} is neither 'ticks' nor 'bars'", hint='kind="ticks"')
    if found is None and asked is None:
        raise ConfigError(
            f"{file.name} does not say whether its rows are ticks or bars",
            hint='give kind="ticks" or kind="bars"',
        )
    if found is not None and asked not in (None, found):
        raise DataError(f"{file.name} holds {found}, not {asked}", hint=f'kind="{found}"')
    return "ticks" if (found or asked) == "ticks" else "bars"


def frame_to(
    kind: Kind, frame: object, labels: Mapping[str, Any], options: Mapping[str, Any]
) -> Ticks | Bars:
    """Make ticks or bars of a frame whose labels came another way than in its schema."""
    names = ["columns", "tick_size", "lot", "time_unit", "symbol", "source"]
    names += ["allow_negative_prices"] + (["interval"] if kind == "bars" else [])
    unknown = [name for name in options if name not in names]
    if unknown:
        raise ConfigError(
            f"there is no option {unknown[0]!r} for {kind}", hint=f"options are {', '.join(names)}"
        )
    given: dict[str, Any] = {name: options.get(name) for name in names}
    if kind == "ticks":
        return ticks_from_frame(Ticks, frame, labels=labels, **given)
    return bars_from_frame(Bars, frame, labels=labels, **given)


def _source(told: Mapping[str, Any], file: Path) -> Any:
    return told.get("source", {"path": file.name})


@contextmanager
def _faults_of(file: Path) -> Iterator[None]:
    import polars

    try:
        yield
    except polars.exceptions.PolarsError as fault:
        first_line = str(fault).partition("\n")[0]
        raise DataError(
            f"{file.name} is damaged or of a kind that polars does not read: {first_line}",
            hint="write or copy the file again",
        ) from fault
