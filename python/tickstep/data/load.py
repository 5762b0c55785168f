"""Files of trades, and tables of any kind, to validated columns."""

from collections import Counter
from typing import Any, Literal, NamedTuple, Unpack, overload

import numpy as np
import numpy.typing as npt

from tickstep._kernel import TradesParser
from tickstep.bars import Bars
from tickstep.book import Book
from tickstep.data.agtick import is_agtick, read_agtick
from tickstep.data.bars import read_bars
from tickstep.data.depth import read_levels
from tickstep.data.files import Paths, Text, argument_faults, faults_of, feed, path_told, texts_of
from tickstep.data.parts import Part, frozen_columns, join
from tickstep.data.table import Kind, TableOptions, decimal_text, read_rows, skips_bad, summed
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import NS_PER_UNIT, Number, Progress, Ticks

__all__ = ["first_trade_ns", "read_table", "read_trades", "trades_parser"]

_HEAD_BYTES = 1 << 16

TRADES = Kind(
    "trades", needs=("time", "price", "qty"), may=("symbol",), one_of=("side", "buyer_is_maker")
)


def read_trades(
    path: Paths,
    *,
    symbol: str | None = None,
    tick_size: Number | None = None,
    lot: Number | None = None,
    on_bad: Literal["raise", "skip"] = "raise",
    progress: Progress | None = None,
) -> Ticks:
    """Read a file of trades into integer columns, exactly.

    Takes Binance trades and aggTrades of spot and futures as CSV, with or without a header, and
    recorded feeds: a local receive time in ns, a space and the exchange's JSON message in each
    line. Both may be plain, gzip (`.csv.gz`), or a zip archive. CSV columns in another order are
    found by a header that names `price`, `qty` or `quantity`, `time` (or `timestamp`,
    `transact_time`) and `is_buyer_maker`; `read_table` reads other tables. Files of ag-kernel,
    `.agtick`, are read, too.

    Several files are joined in order of time; they may overlap: trades whose ids an earlier file
    had are left out and counted.

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
    path : path, pattern, or sequence of them
        The files.
    symbol : str, optional
        Name of the instrument; by default what the messages of a feed or the file's name tell.
    tick_size, lot : float, int, str or Decimal, optional
        Size of one price tick in money and of one lot in units of the instrument. A row off the
        grid is then a bad row. A float stands for its shortest text: 0.1 is exactly one tenth.
    on_bad : {"raise", "skip"}
        Whether a bad row raises, or is left out and counted. Bad rows are such as cannot be read,
        are off a given grid, have no positive price and quantity, or go back in time; equal times
        are fine and keep their order.
    progress : callable, optional
        Called as `progress(bytes_read, bytes_total)` while reading a file, in bytes of it as it is
        on the disk.

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
    texts = texts_of(path)
    if is_agtick(texts[0].file):
        return _of_agtick(texts, symbol, tick_size, lot)
    sizes = (tick_size, lot)
    if len(texts) > 1:
        texts.sort(key=first_trade_ns)
    reads: list[_Read] = []
    for text in texts:
        reads.append(_read(text, sizes, on_bad, progress, reads[-1] if reads else None))
    return _as_ticks(reads, symbol)


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
        part, labels = read_rows(texts_of(path), TRADES, symbol, options)
        return Ticks(**frozen_columns(part), **labels)
    if kind == "book":
        return read_levels(texts_of(path), symbol, options)
    raise ConfigError(
        f"a table of {kind!r} is not known", hint='kind is "trades", "bars" or "book"'
    )


def trades_parser(
    tick_size: Number | None, lot: Number | None, on_bad: str, after_id: int | None = None
) -> TradesParser:
    """Make a parser of trades from the arguments of `read_trades`."""
    with argument_faults():
        return TradesParser(
            tick_size=decimal_text("tick_size", tick_size),
            lot=decimal_text("lot", lot),
            skip_bad=skips_bad(on_bad),
            after_id=after_id,
        )


# Files of trades, one after the other.


class _Read(NamedTuple):
    """The rows of one text, what was told, and the last id so far."""

    text: Text
    part: Part
    report: dict[str, Any]
    last_id: int | None


def first_trade_ns(text: Text) -> int:
    """Find the time of a text's first trade; 0 where there is none, which the reading will tell."""
    size = _HEAD_BYTES
    while True:
        head = text.head(size)
        parser = TradesParser(skip_bad=True)
        parser.push(head[: head.rfind(b"\n") + 1])
        if parser.rows:
            time, *_, unit, _ = parser.drain()
            return int(time[0]) * NS_PER_UNIT[str(unit)]
        if len(head) < size:
            return 0
        size *= 8


def _read(
    text: Text,
    sizes: tuple[Number | None, Number | None],
    on_bad: str,
    progress: Progress | None,
    before: _Read | None,
) -> _Read:
    parser = trades_parser(*sizes, on_bad, None if before is None else before.last_id)
    feed(parser, text, progress)
    with faults_of(text):
        time, price_ticks, qty_lots, side, report = parser.finish()
    part = Part(
        {"time": time, "price_ticks": price_ticks, "qty_lots": qty_lots, "side": side},
        report["tick_size"],
        report["lot"],
        report["time_unit"],
        report["symbol"] or text.symbol,
    )
    read = _Read(text, part, report, report["last_id"])
    if before is None:
        return read
    _check_follows(read, before)
    return read._replace(last_id=before.last_id) if read.last_id is None else read


def _check_follows(read: _Read, before: _Read) -> None:
    form, form_before = read.report["format"], before.report["format"]
    if form != form_before:
        raise DataError(
            f"{read.text.name} is of the format {form}, {before.text.name} of {form_before}",
            hint="read files of one format together",
        )
    times, times_before = (_moments(each.part) for each in (read, before))
    if times.size and times_before.size and times[0] < times_before[-1]:
        raise DataError(
            f"{read.text.name} begins at {times[0]}, before {before.text.name} ends at"
            f" {times_before[-1]}, and no ids tell which trades are in both",
            hint="cut the files so that they do not overlap",
        )


def _moments(part: Part) -> npt.NDArray[np.datetime64]:
    return part.columns["time"].view(f"datetime64[{part.time_unit}]")


def _as_ticks(reads: list[_Read], symbol: str | None) -> Ticks:
    texts, reports = [read.text for read in reads], [read.report for read in reads]
    part = join([read.part for read in reads], texts[0].name)
    messages: Counter[str] = Counter()
    for report in reports:
        messages.update(report["messages"])
    told = {"path": path_told(texts), "format": reports[0]["format"], "messages": dict(messages)}
    with faults_of(texts[0]):
        return Ticks(
            **frozen_columns(part),
            tick_size=part.tick_size,
            lot=part.lot,
            time_unit=part.time_unit,
            symbol=symbol or part.symbol,
            source=told | {"rows": len(part.columns["time"])} | summed(reports),
        )


def _of_agtick(
    texts: list[Text], symbol: str | None, tick_size: Number | None, lot: Number | None
) -> Ticks:
    if len(texts) > 1 or tick_size is not None or lot is not None:
        raise ConfigError(
            f"{texts[0].name} is a tick file, which tells its sizes by itself",
            hint="read one at a time, without tick_size and lot",
        )
    return read_agtick(texts[0].file, symbol)
