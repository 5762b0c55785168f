"""Files of trades, and tables of any kind, to validated columns."""

import os
import re
from typing import Any, Literal, Unpack, overload

import numpy as np

from tickstep._kernel import TradesParser
from tickstep.bars import Bars
from tickstep.book import UPDATE_END, Book
from tickstep.data.bars import read_bars
from tickstep.data.files import Paths, Text, faults_of, feed, hint_of, only_text, texts_of
from tickstep.data.parts import Part, frozen_columns, join
from tickstep.data.table import (
    Kind,
    TableOptions,
    checked,
    decimal_text,
    read_parts,
    repaired_part,
    source_of,
)
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Number, Progress, Ticks

__all__ = ["read_table", "read_trades", "symbol_in", "trades_parser", "trades_source"]

# As Binance names its files: BTCUSDT-aggTrades-2024-08-08.zip, BTCUSD_PERP-trades-2024-08.csv.
_BINANCE_NAME = re.compile(r"([A-Z0-9_]+)-(?:aggTrades|trades)-\d{4}-\d{2}")

TRADES = Kind(
    "trades", needs=("time", "price", "qty"), may=("symbol",), one_of=("side", "buyer_is_maker")
)
BOOK = Kind("book", needs=("time", "side", "price", "qty"), may=("symbol", "update_id"))


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
    text = only_text(path)
    parser = trades_parser(tick_size, lot, on_bad)
    feed(parser, text, progress)
    with faults_of(text):
        finished = parser.finish()
    return _as_ticks(text, finished)


@overload
def read_table(
    path: Paths,
    *,
    kind: Literal["trades"] = "trades",
    symbol: str | None = None,
    **options: Unpack[TableOptions],
) -> Ticks: ...


@overload
def read_table(
    path: Paths,
    *,
    kind: Literal["bars"],
    symbol: str | None = None,
    **options: Unpack[TableOptions],
) -> Bars: ...


@overload
def read_table(
    path: Paths,
    *,
    kind: Literal["book"],
    symbol: str | None = None,
    **options: Unpack[TableOptions],
) -> Book: ...


def read_table(
    path: Paths,
    *,
    kind: str = "trades",
    symbol: str | None = None,
    **options: Unpack[TableOptions],
) -> Ticks | Bars | Book:
    """Read any table of text into integer columns, exactly.

    The table is delimited text, with or without a header, or one JSON object in each line; plain,
    gzip or zip. Which column is which is told by `columns`, or by the usual names in the header. A
    pattern or a list of files is joined.

    Parameters
    ----------
    path : path, pattern, or sequence of them
        The files.
    kind : {"trades", "bars", "book"}
        What the rows are. Trades need time, price, qty and side (of the aggressor) or buyer_is_maker;
        bars time, open, high, low, close and volume, and may have buy_volume, trade_count, turnover
        and open_interest; a book time, side, price and qty (0 removes the level), and may have
        update_id, of which all rows of one update share one (otherwise those of one time do). All may
        have symbol, and clock, the time of day where it stands apart from the date.
    symbol : str, optional
        Name of the instrument. Where there is a column of symbols, only its rows are read.
    columns : mapping of str to str or int, optional
        From those names to the header's names, or to places from 0. Only these columns are read.
    delimiter : str, optional
        What is between two cells; by default the one of `,` `;` tab `|` that the first line has most.
    header : bool, optional
        Whether the first line names the columns; by default it does when no cell of it is a number.
    time_unit : {"s", "ms", "us", "ns"}, optional
        Unit of times that are counts; by default told by their digits (10, 13, 16, 19). With it,
        dates must fit the unit.
    tz : str, optional
        Time zone of dates that name no offset, such as "Asia/Shanghai"; by default they are UTC.
    tick_size, lot : float, int, str or Decimal, optional
        Size of one price tick in money and of one lot in units of the instrument; a number off the
        grid is then a bad row. By default the coarsest of 1, 0.1, 0.01, ... that holds all values.
    on_bad : {"raise", "skip"}
        Whether a bad row raises, or is left out and counted.
    snap : bool
        Whether numbers that miss a given grid by the noise of 32-bit floats (3197.0002441406 on a
        grid of 1) are put on it; others that miss it stay bad.
    sort : bool
        Whether rows are put in order of time, and the rows that came too late counted; otherwise
        they are bad.
    drop_duplicates : bool
        Whether rows that equal the one before are left out and counted.
    allow_negative_prices : bool
        Whether prices may be 0 or negative.
    progress : callable, optional
        Called as `progress(bytes_read, bytes_total)` for each file, in bytes on the disk.

    Returns
    -------
    Ticks, Bars or Book
        The columns. `source` tells how it went: `path`, `format`, `rows`, `lines`, `skipped` (rows
        left out, by reason), `first_bad` (the first that broke a rule) and `repaired`.

    Raises
    ------
    DataError
        When a row is bad (the message names line, row and rule), or the file is empty or damaged.
    ConfigError
        When an option is not of the kind described.
    OSError
        When a file cannot be opened or read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "export.txt")
    >>> _ = path.write_text("SELL;20240102 09:30:00.5;3197.5;2\\nBUY;20240102 09:30:01;3197;1\\n")
    >>> ticks = ts.read_table(
    ...     path, columns={"side": 0, "time": 1, "price": 2, "qty": 3}, tz="Asia/Shanghai")
    >>> ticks.price_ticks.tolist(), ticks.tick_size, str(ticks.datetimes[0])
    ([31975, 31970], 0.1, '2024-01-02T01:30:00.500')
    """
    if kind == "bars":
        return read_bars(path, symbol=symbol, **options)
    if kind == "trades":
        part, labels = _rows_of(path, TRADES, symbol, options)
        return Ticks(**frozen_columns(part), **labels)
    if kind == "book":
        part, labels = _rows_of(path, BOOK, symbol, options)
        update = part.columns.pop("update_id", part.columns["time"])
        is_last = np.append(update[1:] != update[:-1], True)
        part.columns["flags"] = (UPDATE_END * is_last).astype(np.uint8)
        return Book(**frozen_columns(part), **labels)
    raise ConfigError(
        f"a table of {kind!r} is not known", hint='kind is "trades", "bars" or "book"'
    )


def trades_parser(tick_size: Number | None, lot: Number | None, on_bad: str) -> TradesParser:
    """Make a parser of trades from the arguments of `read_trades`."""
    if on_bad not in ("raise", "skip"):
        raise ConfigError(
            f"on_bad {on_bad!r} is neither 'raise' nor 'skip'",
            hint="on_bad='skip' leaves bad rows out and counts them",
        )
    tick_text, lot_text = decimal_text("tick_size", tick_size), decimal_text("lot", lot)
    try:
        return TradesParser(tick_size=tick_text, lot=lot_text, skip_bad=on_bad == "skip")
    except ValueError as fault:
        raise ConfigError(str(fault), hint=hint_of(fault)) from None


def trades_source(text: Text, report: dict[str, Any], *, rows: int) -> dict[str, Any]:
    """Tell how the reading of trades went."""
    told = ("format", "lines", "skipped", "messages", "first_bad")
    return {"path": text.file.name, "rows": rows} | {name: report[name] for name in told}


def symbol_in(name: str) -> str | None:
    """Return the symbol in a file name of Binance, None in any other."""
    found = _BINANCE_NAME.match(name)
    return found.group(1) if found else None


def _as_ticks(text: Text, finished: tuple[Any, ...]) -> Ticks:
    *columns, report = finished
    for column in columns:
        # Nobody else has the arrays: read-only ones are taken without a copy.
        column.flags.writeable = False
    return Ticks(
        *columns,
        tick_size=report["tick_size"],
        lot=report["lot"],
        time_unit=report["time_unit"],
        symbol=report["symbol"] or symbol_in(text.file.name),
        source=trades_source(text, report, rows=len(columns[0])),
    )


def _rows_of(
    path: Paths, kind: Kind, symbol: str | None, options: TableOptions
) -> tuple[Part, dict[str, Any]]:
    """All rows of one instrument, and what labels them."""
    texts = texts_of(path)
    checked(options)
    reads = [
        read_parts(text, kind, options, symbol=symbol, any_order=len(texts) > 1) for text in texts
    ]
    parts = [part for found, _ in reads for part in found]
    names = sorted({str(part.symbol) for part in parts})
    if len(names) > 1:
        raise DataError(
            f"{texts[0].name}: the rows are of {len(names)} symbols: {', '.join(names[:20])}",
            hint="symbol= takes one of them",
        )
    whole, repaired = repaired_part(join(parts, texts[0].name), options)
    told = [(text, told) for text, (_, told) in zip(texts, reads, strict=True)]
    labels = {
        "tick_size": whole.tick_size,
        "lot": whole.lot,
        "time_unit": whole.time_unit,
        "symbol": symbol or whole.symbol,
        "source": source_of(told, len(whole.columns["time"]), repaired),
        "allow_negative_prices": options.get("allow_negative_prices", False),
    }
    return whole, labels
