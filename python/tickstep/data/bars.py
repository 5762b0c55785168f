"""Files of bars: any table with the columns of bars, Binance klines, JSON lines of candles."""

import re
from collections.abc import Iterable
from typing import NamedTuple, Unpack

import numpy as np

from tickstep.bars import Bars, found_interval, interval_text
from tickstep.data.files import Paths, Text, faults_of, texts_of
from tickstep.data.merge import merged
from tickstep.data.parts import Part, aligned, begin_ns, frozen_columns
from tickstep.data.table import (
    Kind,
    TableOptions,
    Told,
    checked,
    read_parts,
    repaired_part,
    shown,
    source_of,
)
from tickstep.errors import DataError
from tickstep.intervals import interval_length
from tickstep.ticks import Int64Array

__all__ = ["read_bars", "read_bars_by_symbol"]

_KLINES = {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}
_KLINES_MORE = {"turnover": 7, "trade_count": 8, "buy_volume": 9}
BARS = Kind(
    "bars",
    needs=("time", "open", "high", "low", "close", "volume"),
    may=("symbol", "buy_volume", "trade_count", "turnover", "open_interest"),
    known={12: _KLINES | _KLINES_MORE},
    order="strict",
)

# As Binance names its files: BTCUSDT-1m-2024-08-08.zip, BTCUSD_PERP-1h-2024-08.csv.
_BINANCE_NAME = re.compile(r"([A-Z0-9_]+)-(\d+[smhdw]|1mo)-\d{4}-\d{2}", re.ASCII)
# Contracts of COIN-M: their klines tell the base asset where others tell the money.
_COIN_MARGINED = re.compile(r"[A-Z0-9]+USD_(PERP|\d{6})", re.ASCII)


class _Read(NamedTuple):
    """Parts of one text, and what was told."""

    text: Text
    parts: list[Part]
    told: Told


def read_bars(
    path: Paths,
    *,
    symbol: str | None = None,
    interval: str | int | None = None,
    **options: Unpack[TableOptions],
) -> Bars:
    """Read bars of one instrument from text, exactly.

    Takes any table with a header that names time, open, high, low, close and volume in usual words,
    Binance klines (spot, USD-M and COIN-M; with and without a header), and candles as one JSON object
    in each line. Files may be plain, gzip or zip; a pattern or a list of files is joined in order of
    time, where bars that are in two files must be equal and count once.

    Prices and quantities go to integers exactly. Times are counts since 1970 (10 digits are s, 13 ms,
    16 us, 19 ns) or dates such as `2024-01-02 09:30:00`, `2024-01-02T09:30:00+08:00`, `20240102` and
    `2022/1/28`; dates that name no offset are UTC unless `tz` tells their time zone.

    Parameters
    ----------
    path : path, pattern, or sequence of them
        The files.
    symbol : str, optional
        Name of the instrument. Where the file has a column of symbols, only its rows are read;
        otherwise it only names the bars.
    interval : str or int, optional
        Length of a bar. By default that of the file's name, where it is one of Binance's, or the
        shortest step of the times, if half of the steps are so long.
    **options
        As for `read_table`.

    Returns
    -------
    Bars
        The bars. `source` tells how it went: what `read_table` tells, and `gaps` (how often bars are
        missing) and `bars_missing` (how many; closed markets count, see `check` for calendars).

    Raises
    ------
    DataError
        When a row is bad (the message names line, row and rule), the file has several symbols, or it
        is empty, damaged, or no file of bars.
    ConfigError
        When an option is not of the kind described.
    OSError
        When a file cannot be opened or read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "sh600000.csv")
    >>> _ = path.write_text(
    ...     "datetime,open,high,low,close,volume\\n"
    ...     "2024-01-02 09:30:00,6.62,6.64,6.61,6.63,120300\\n"
    ...     "2024-01-02 09:31:00,6.63,6.63,6.60,6.61,98000\\n"
    ... )
    >>> bars = ts.read_bars(path, symbol="600000.SSE", tz="Asia/Shanghai")
    >>> bars
    Bars(600000.SSE, 2 of 1m, 2024-01-02T01:30:00.000 to 2024-01-02T01:31:00.000, tick 0.01, lot 1)
    >>> bars.close_ticks.tolist(), bars.volume_lots.tolist()
    ([663, 661], [120300, 98000])
    """
    reads = _read_all(path, symbol, options)
    names = _symbols_of(reads)
    if len(names) > 1:
        raise DataError(
            f"{reads[0].text.name}: the rows are of {len(names)} symbols:"
            f" {shown(sorted(map(str, names)))}",
            hint="symbol= takes one of them; read_bars_by_symbol() reads all",
        )
    return _as_bars(reads, names[0], symbol, interval, options)


def read_bars_by_symbol(
    path: Paths, *, interval: str | int | None = None, **options: Unpack[TableOptions]
) -> dict[str, Bars]:
    """Read bars of many instruments from tables with a column of symbols.

    Parameters
    ----------
    path, interval, **options
        As for `read_bars`.

    Returns
    -------
    dict of str to Bars
        In the order in which the symbols are met; each on grids of its own.

    Raises
    ------
    DataError
        As `read_bars`; when a file has no column of symbols and its name tells none.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "days.csv")
    >>> _ = path.write_text(
    ...     "symbol,datetime,open,high,low,close,volume\\n"
    ...     "A,2020-01-02,1.5,1.6,1.4,1.5,100\\nB,2020-01-02,20,21,20,21,5\\n"
    ... )
    >>> {name: bars.close.tolist() for name, bars in ts.read_bars_by_symbol(path).items()}
    {'A': [1.5], 'B': [21.0]}
    """
    reads = _read_all(path, None, options, needs_symbol=True)
    return {
        str(name): _as_bars(reads, name, None, interval, options) for name in _symbols_of(reads)
    }


# From texts to bars.


def _read_all(
    path: Paths, symbol: str | None, options: TableOptions, *, needs_symbol: bool = False
) -> list[_Read]:
    texts = texts_of(path)
    checked(options)
    reads = []
    for text in texts:
        is_told = not needs_symbol or _BINANCE_NAME.match(text.name)
        kind = BARS if is_told else BARS._replace(needs=(*BARS.needs, "symbol"))
        parts, told = read_parts(text, kind, options, symbol=symbol)
        reads.append(_Read(text, [_labelled(part, text) for part in parts], told))
    return sorted(reads, key=lambda read: begin_ns(read.parts[0]))


def _labelled(part: Part, text: Text) -> Part:
    """Complete what Binance tells by the file's name alone."""
    found = _BINANCE_NAME.match(text.name)
    if found is None:
        return part
    name = found.group(1)
    if _COIN_MARGINED.fullmatch(name):
        part.columns.pop("turnover", None)
    return part._replace(symbol=part.symbol or name)


def _symbols_of(reads: Iterable[_Read]) -> list[str | None]:
    return list(dict.fromkeys(part.symbol for read in reads for part in read.parts))


def _as_bars(
    reads: list[_Read],
    name: str | None,
    symbol: str | None,
    interval: str | int | None,
    options: TableOptions,
) -> Bars:
    parts = [part for read in reads for part in read.parts if part.symbol == name]
    whole, repaired = repaired_part(_joined(parts, reads[0].text), options)
    time, unit = whole.columns["time"], whole.time_unit
    _check_repeats(time, reads[0].text)
    interval = interval or _told_interval(reads) or found_interval(time, unit)
    with faults_of(reads[0].text):
        return Bars(
            **frozen_columns(whole),
            tick_size=whole.tick_size,
            lot=whole.lot,
            interval=interval,
            time_unit=unit,
            symbol=symbol or name,
            source=source_of([(read.text, read.told) for read in reads], len(time), repaired)
            | _gaps(time, unit, interval),
            allow_negative_prices=options.get("allow_negative_prices", False),
        )


def _joined(parts: list[Part], text: Text) -> Part:
    """All rows of all files, those that are in two of them once."""
    first, *others = aligned(parts, text.name)
    columns = first.columns
    for part in others:
        columns = merged("bars", columns, part.columns, "check", text.name).columns
    return first._replace(columns=columns)


def _check_repeats(time: Int64Array, text: Text) -> None:
    repeats = np.flatnonzero(time[1:] == time[:-1])
    if repeats.size:
        raise DataError(
            f"{text.name}: {repeats.size} bars have the time of the one before,"
            f" first {time[repeats[0]]}",
            hint="drop_duplicates=True leaves out those that are equal; keep one of the others",
        )


def _told_interval(reads: list[_Read]) -> str | None:
    found = [_BINANCE_NAME.match(read.text.name) for read in reads]
    told = {name.group(2) for name in found if name is not None}
    return told.pop() if len(told) == 1 and all(found) else None


def _gaps(time: Int64Array, time_unit: str, interval: str | int | None) -> dict[str, int]:
    if interval is None:
        return {}
    text = interval_text(interval, time_unit)
    if text == "1mo":
        months = time.view(f"datetime64[{time_unit}]").astype("datetime64[M]")
        steps = np.diff(months.astype(np.int64))
    else:
        steps = np.diff(time) // interval_length(str(text), time_unit)
    missing = steps[steps > 1] - 1
    return {"gaps": len(missing), "bars_missing": int(missing.sum())}
