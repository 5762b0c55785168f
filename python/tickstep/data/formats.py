"""What a file of market data is, told by what is in it; and reading it, whatever it is."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tickstep.bars import Bars
from tickstep.data.agtick import is_agtick
from tickstep.data.bars import read_bars
from tickstep.data.ctp import read_ctp
from tickstep.data.files import texts_of
from tickstep.data.load import read_table, read_trades
from tickstep.data.parquet import parquet_head, read_arrow, read_parquet
from tickstep.data.tickfile import kind_within, open_bars, open_ticks
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Progress, Ticks

__all__ = ["FileFormat", "Form", "Kind", "check_options", "look", "read"]

Kind = Literal["ticks", "bars"]
Form = Literal["tick file", "agtick", "Arrow", "Parquet", "text", "CTP capture", "table"]

_HEAD_BYTES = 4096
_KLINE_COLUMNS = 12
_OF_BARS = ({"open", "close"}, {"开盘", "收盘"})
_OF_TRADES = {"is_buyer_maker", "isbuyermaker"}
_OF_CTP = {"instrumentid", "updatemillisec"}

# Which options of `read` mean something, by form and kind.
_GRID = ("tick_size", "lot")
_TABLE = ("on_bad", "tz", "snap", "sort", "drop_duplicates")
_OPTIONS: dict[tuple[str, Kind], tuple[str, ...]] = {
    ("tick file", "ticks"): (),
    ("tick file", "bars"): (),
    ("agtick", "ticks"): (),
    ("Arrow", "ticks"): _GRID,
    ("Arrow", "bars"): (*_GRID, "interval"),
    ("Parquet", "ticks"): _GRID,
    ("Parquet", "bars"): (*_GRID, "interval"),
    ("text", "ticks"): (*_GRID, "on_bad"),
    ("CTP capture", "ticks"): ("tick_size", "on_bad"),
    ("table", "ticks"): (*_GRID, *_TABLE),
    ("table", "bars"): (*_GRID, *_TABLE, "interval"),
}


class FileFormat(NamedTuple):
    """How a file is written, and what its rows are."""

    form: Form
    kind: Kind


def look(path: Path, kind: Kind | None = None) -> FileFormat:
    """Tell what a file is by its first bytes, or its end where that says more.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"ticks", "bars"}, optional
        What its rows are, where the file does not say, or is text.

    Returns
    -------
    FileFormat
        "text" is trades as exchanges write them, "CTP capture" a table of CTP's depth market data,
        "table" any other delimited text or JSON lines. A first line with the columns of bars tells
        bars.

    Raises
    ------
    ConfigError
        When neither says what the rows are.
    DataError
        When a tick file is damaged, or holds the other kind.
    OSError
        When it cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> from tickstep.data.formats import look
    >>> path = pathlib.Path(tempfile.mkdtemp(), "trades")
    >>> _ = ts.Ticks.from_arrays([1], [1.5], [2.0], [0], tick_size=0.25).save(path)
    >>> look(path)
    FileFormat(form='tick file', kind='ticks')
    """
    with path.open("rb") as file:
        magic = file.read(6)
    if magic == b"ARROW1":
        within = kind_within(path)
        form: Form = "Arrow" if within is None else "tick file"
        return FileFormat(form, _kind(path, within, kind))
    if magic.startswith(b"PAR1"):
        told = parquet_head(path)[0].get("kind")
        return FileFormat("Parquet", _kind(path, told, kind))
    if is_agtick(path):
        return FileFormat("agtick", _kind(path, "ticks", kind))
    return _text_format(path, kind)


def check_options(path: Path, found: FileFormat, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are not None, if all of them mean something for such a file.

    Parameters
    ----------
    path : Path
        The file.
    found : FileFormat
        What it is.
    options : mapping
        Options of `read`.

    Raises
    ------
    ConfigError
        When one means nothing.
    """
    given = {name: value for name, value in options.items() if value is not None}
    known = _OPTIONS[found]
    unused = [name for name in given if name not in known]
    if unused:
        told = f"takes {', '.join(known)}" if known else "tells all by itself"
        raise ConfigError(
            f"{unused[0]} means nothing for {path.name}: a {found.form} of {found.kind} {told}",
            hint="leave it out",
        )
    return given


def read(
    path: Path,
    kind: Kind | None = None,
    *,
    symbol: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Ticks | Bars:
    """Read ticks or bars from a file of any known form.

    Parameters
    ----------
    path : Path
        A tick file of ours or of ag-kernel, Parquet, Arrow, or text, packed or not.
    kind : {"ticks", "bars"}, optional
        As for `look`.
    symbol : str, optional
        Name of the instrument; by default what the file says. Of several in a table or a capture
        the one to read.
    progress : callable, optional
        Called as `progress(bytes_read, bytes_total)` while text is read.
    **options
        `tick_size`, `lot`, `interval`, `on_bad`, `tz`, `snap`, `sort`, `drop_duplicates` as for
        what reads such a file; None is none.

    Returns
    -------
    Ticks or Bars
        The checked columns.

    Raises
    ------
    ConfigError
        When neither says what the rows are, or an option means nothing for such a file.
    DataError
        When the file is damaged or a row is bad.
    OSError
        When it cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> from tickstep.data.formats import read
    >>> path = pathlib.Path(tempfile.mkdtemp(), "trades.parquet")
    >>> _ = ts.Ticks.from_arrays([1], [1.5], [2.0], [0], tick_size=0.25).to_parquet(path)
    >>> read(path).price_ticks.tolist()
    [6]
    """
    found = look(path, kind)
    given = check_options(path, found, options)
    if progress is not None and found.form in ("text", "table"):
        given["progress"] = progress
    data = _read(path, found, symbol, given)
    if symbol is not None:
        data.symbol = symbol
    return data


def _read(
    path: Path, found: FileFormat, symbol: str | None, options: dict[str, Any]
) -> Ticks | Bars:
    if found.form == "tick file":
        return open_ticks(path) if found.kind == "ticks" else open_bars(path)
    data: Ticks | Bars
    if found.form in ("Parquet", "Arrow"):
        reader = read_parquet if found.form == "Parquet" else read_arrow
        data = reader(path, found.kind, **options)
    elif found.form in ("agtick", "text"):
        data = read_trades(path, symbol=symbol, **options)
    elif found.form == "CTP capture":
        data = read_ctp(path, symbol=symbol, **options).ticks
    elif found.kind == "ticks":
        data = read_table(path, symbol=symbol, **options)
    else:
        data = read_bars(path, symbol=symbol, **options)
    return data


def _kind(path: Path, told: str | None, asked: Kind | None) -> Kind:
    if told is None and asked is None:
        raise ConfigError(
            f"{path.name} does not say whether its rows are ticks or bars",
            hint='give the kind: "ticks" or "bars"',
        )
    if told is not None and asked not in (None, told):
        raise DataError(f"{path.name} holds {told}, not {asked}", hint="leave the kind out")
    return "bars" if (told or asked) == "bars" else "ticks"


def _text_format(path: Path, asked: Kind | None) -> FileFormat:
    head = texts_of(path)[0].head(_HEAD_BYTES).decode("utf-8-sig", "replace")
    line = head.partition("\n")[0].lower()
    words = set(re.findall(r"[^\W\d]+", line))
    if words >= _OF_CTP:
        return FileFormat("CTP capture", _kind(path, "ticks", asked))
    is_kline = line[:1].isdigit() and line.count(",") == _KLINE_COLUMNS - 1
    kind = asked or ("bars" if is_kline or any(names <= words for names in _OF_BARS) else "ticks")
    is_trades = line[:1].isdigit() or not words.isdisjoint(_OF_TRADES)
    return FileFormat("text" if kind == "ticks" and is_trades else "table", kind)
