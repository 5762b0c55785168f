"""Order books from files: recorded feeds, Binance's archives of depth and best quotes, any table.

Updates are a chain of ids. Where it is broken, what was missed is not known: such gaps are counted
and told in `source`, and the rows are kept as they are.
"""

from typing import Any, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt

from tickstep._kernel import BookParser
from tickstep.book import SNAPSHOT, UPDATE_END, Book
from tickstep.data.files import Paths, Text, argument_faults, faults_of, feed, path_told, texts_of
from tickstep.data.parts import Part, frozen_columns, kept
from tickstep.data.table import (
    Kind,
    TableOptions,
    checked,
    decimal_text,
    first_cells,
    is_feed,
    read_rows,
    skips_bad,
)
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Float64Array, Int64Array

__all__ = ["DepthBands", "read_book", "read_depth_bands", "read_levels"]

LEVELS = Kind(
    "book",
    needs=("time", "side", "price", "qty"),
    may=("symbol", "update_id", "first_update_id", "previous_update_id"),
)
# update id, best bid and its size, best ask and its size, time, time of the event
_QUOTE_CELLS = 7
_QUOTE_PLACES = {
    "update_id": 0,
    "bid_price": 1,
    "bid_qty": 2,
    "ask_price": 3,
    "ask_qty": 4,
    "time": 5,
}
QUOTES = Kind(
    "quotes",
    needs=("time", "bid_price", "bid_qty", "ask_price", "ask_qty"),
    may=("symbol", "update_id"),
    known={_QUOTE_CELLS: _QUOTE_PLACES},
)
BANDS = Kind("bands", needs=("time", "percentage", "depth", "notional"), may=("symbol",))

_FEED_OPTIONS = {"tick_size", "lot", "on_bad", "progress"}
_NO_UPDATE = np.iinfo(np.int64).max


class DepthBands(NamedTuple):
    """How much a book holds within bands of its price: Binance's `bookDepth`.

    `depth` is the quantity and `notional` the money from the best price to `percentage` away from it
    (below for negative ones), at `time`.
    """

    time: Int64Array
    percentage: Float64Array
    depth: Float64Array
    notional: Float64Array
    time_unit: str
    symbol: str | None
    source: dict[str, Any]


def read_book(
    path: Paths,
    *,
    kind: str | None = None,
    symbol: str | None = None,
    **options: Unpack[TableOptions],
) -> Book:
    """Read the updates of an order book, exactly.

    Takes recorded feeds (a local receive time in ns, a space and the exchange's JSON message in each
    line; `depthUpdate` and REST snapshots, or `bookTicker`), Binance's archives of `bookTicker` and
    of `T_DEPTH` (snapshots and updates), and tables with the columns time, side, price and qty.
    Several feeds are read one after the other in the order given; several archives are joined.

    A snapshot stands where its id belongs in the sequence of updates: before those that follow it,
    although some were received earlier, and updates that it holds already are left out and counted.
    Its time is its own, or as near to it as its neighbours allow. A best quote is a snapshot of one
    level a side. Times are the exchange's (`T`, or else `E`); messages without one have the time at
    which they were received.

    Parameters
    ----------
    path : path, pattern, or sequence of them
        The files; plain, gzip or zip.
    kind : {"depth", "ticker"}, optional
        Of a feed that has both depth updates and best quotes, which are read; by default the depth.
    symbol : str, optional
        Name of the instrument. Where a table has a column of symbols, only its rows are read.
    **options
        As for `read_table`; for feeds `tick_size`, `lot`, `on_bad` and `progress`.

    Returns
    -------
    Book
        The level updates. `source` tells `updates`, `snapshots`, `gaps` (how often the chain of ids is
        broken) and `first_gap` (the ids around the first), beside what `read_table` tells.

    Raises
    ------
    DataError
        When a row or message is bad, or the file is empty, damaged, or no file of a book.
    ConfigError
        When an option is not of the kind described.
    OSError
        When a file cannot be opened or read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "BTCUSDT-bookTicker-2024-01-15.csv")
    >>> _ = path.write_text(
    ...     "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,"
    ...     "transaction_time,event_time\\n"
    ...     "7,41732.50,1.250,41732.60,0.004,1705276800014,1705276800018\\n"
    ... )
    >>> book = ts.read_book(path)
    >>> best = book.best()
    >>> book.symbol, best.bid_ticks.tolist(), best.ask_lots.tolist()
    ('BTCUSDT', [417325], [4])
    """
    texts = texts_of(path)
    if kind is not None or is_feed(texts[0]):
        return _of_feed(texts, kind, symbol, options)
    names, row = first_cells(texts[0], options)
    if "update_type" in names:
        return _of_archive(texts, symbol, options)
    if any("bid" in name for name in names) or _is_quote(names, row):
        return _of_quotes(texts, symbol, options)
    return read_levels(texts, symbol, options)


def read_depth_bands(
    path: Paths, *, symbol: str | None = None, **options: Unpack[TableOptions]
) -> DepthBands:
    """Read Binance's `bookDepth`: how much a book holds within percentages of its price.

    Parameters
    ----------
    path, symbol, **options
        As for `read_book`.

    Returns
    -------
    DepthBands
        Four columns of one length, as the file has them.

    Raises
    ------
    DataError
        When a row is bad, or the file is empty, damaged, or of another kind.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "BTCUSDT-bookDepth-2024-01-15.csv")
    >>> _ = path.write_text(
    ...     "timestamp,percentage,depth,notional\\n"
    ...     "2024-01-15 00:00:09,-1,1854.49,76985733.35\\n2024-01-15 00:00:09,1,1560.2,65387452.1\\n"
    ... )
    >>> bands = ts.read_depth_bands(path)
    >>> bands.symbol, bands.percentage.tolist(), bands.depth.tolist()
    ('BTCUSDT', [-1.0, 1.0], [1854.49, 1560.2])
    """
    part, labels = read_rows(texts_of(path), BANDS, symbol, options)
    return DepthBands(
        **frozen_columns(part),
        time_unit=labels["time_unit"],
        symbol=labels["symbol"],
        source=labels["source"],
    )


def read_levels(texts: list[Text], symbol: str | None, options: TableOptions) -> Book:
    """Read a table of level updates; rows of one update id, or else of one time, are an update."""
    part, labels = read_rows(texts, LEVELS, symbol, options)
    update = part.columns.get("update_id", part.columns["time"])
    labels["source"] |= _chain_of(part)
    ends = np.append(update[1:] != update[:-1], True)
    return _as_book(part, (UPDATE_END * ends).astype(np.uint8), labels)


def _as_book(part: Part, flags: npt.NDArray[np.uint8], labels: dict[str, Any]) -> Book:
    for name in ("update_id", "first_update_id", "previous_update_id"):
        part.columns.pop(name, None)
    part.columns["flags"] = flags
    return Book(**frozen_columns(part), **labels)


# Recorded feeds.


def _of_feed(
    texts: list[Text], kind: str | None, symbol: str | None, options: TableOptions
) -> Book:
    checked(options)
    unfit = sorted(options.keys() - _FEED_OPTIONS)
    if unfit or kind not in (None, "depth", "ticker"):
        raise ConfigError(
            f"{unfit[0] if unfit else f'kind={kind!r}'} does not fit {texts[0].name}, a feed",
            hint='options: kind="depth" or "ticker", tick_size, lot, on_bad, progress',
        )
    columns, report = _fed(texts, kind or "depth", options)
    labels = {name: report.pop(name) for name in ("tick_size", "lot", "symbol")}
    source = {"path": path_told(texts), "format": "feed", "rows": len(columns["time"])}
    part = Part(columns, labels["tick_size"], labels["lot"], "ms")
    return Book(
        **frozen_columns(part),
        **labels | {"symbol": symbol or labels["symbol"] or texts[0].symbol},
        time_unit="ms",
        source=source | report,
    )


def _fed(
    texts: list[Text], kind: str, options: TableOptions
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    with argument_faults():
        parser = BookParser(
            kind=kind,
            tick_size=decimal_text("tick_size", options.get("tick_size")),
            lot=decimal_text("lot", options.get("lot")),
            skip_bad=skips_bad(options.get("on_bad", "raise")),
        )
    for text in texts:
        feed(parser, text, options.get("progress"))
        if text is not texts[-1]:
            with faults_of(text):
                parser.push(b"\n")  # its last line may lack an end
    with faults_of(texts[0]):
        return parser.finish()


# Archives.


def _is_quote(names: list[str], row: list[str]) -> bool:
    """Whether a row without a header is a best quote: aggTrades end with true or false."""
    return not names and len(row) == _QUOTE_CELLS and row[-1].isdigit()


def _of_quotes(texts: list[Text], symbol: str | None, options: TableOptions) -> Book:
    part, labels = read_rows(texts, QUOTES, symbol, options)
    quotes, count = part.columns, len(part.columns["time"])

    def both(bid: npt.NDArray[Any], ask: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.stack([bid, ask], axis=1).ravel()

    columns = {
        "time": np.repeat(quotes["time"], 2),
        "side": np.tile(np.array([0, 1], dtype=np.uint8), count),
        "price_ticks": both(quotes["bid_ticks"], quotes["ask_ticks"]),
        "qty_lots": both(quotes["bid_lots"], quotes["ask_lots"]),
    }
    flags = np.tile(np.array([SNAPSHOT, UPDATE_END], dtype=np.uint8), count)
    return _as_book(part._replace(columns=columns), flags, labels)


def _of_archive(texts: list[Text], symbol: str | None, options: TableOptions) -> Book:
    """Join files of snapshots and of updates in the order of their ids."""
    part, labels = read_rows(
        texts, LEVELS, symbol, options, constants=lambda text: _snapshot_mark(text, options)
    )
    # An update of the snapshot's own id is in it already.
    part = kept(part, np.lexsort((part.columns["is_snapshot"], part.columns["update_id"])))
    is_snapshot = part.columns.pop("is_snapshot")
    part.columns["time"] = _times_between(part.columns["time"], is_snapshot)
    labels["source"] |= _chain_of(part, is_snapshot)
    update = part.columns["update_id"]
    differs = (update[1:] != update[:-1]) | (is_snapshot[1:] != is_snapshot[:-1])
    begins, ends = np.append(True, differs), np.append(differs, True)
    flags = SNAPSHOT * (begins & is_snapshot) | UPDATE_END * ends
    return _as_book(part, flags.astype(np.uint8), labels)


def _snapshot_mark(text: Text, options: TableOptions) -> dict[str, Any]:
    names, row = first_cells(text, options)
    if "update_type" not in names or len(row) != len(names):
        raise DataError(
            f"{text.name}: its first row has no update_type, as those of the other files",
            hint="read archives of depth together, and other files on their own",
        )
    return {"is_snapshot": row[names.index("update_type")].startswith("snap")}


def _times_between(time: Int64Array, is_snapshot: npt.NDArray[np.bool_]) -> Int64Array:
    """Times of snapshots as near as their neighbours allow."""
    earliest = np.maximum.accumulate(np.where(is_snapshot, -_NO_UPDATE, time))
    latest = np.minimum.accumulate(np.where(is_snapshot, _NO_UPDATE, time)[::-1])[::-1]
    return np.where(is_snapshot, np.minimum(np.maximum(time, earliest), latest), time)


def _chain_of(part: Part, is_snapshot: npt.NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Tell where the chain of updates is broken, as far as the table names its links."""
    columns = part.columns
    if "update_id" not in columns:
        return {}
    update = columns["update_id"]
    begins = np.append(True, update[1:] != update[:-1])
    updates = np.flatnonzero(begins if is_snapshot is None else begins & ~is_snapshot)
    before, after = update[updates[:-1]], updates[1:]
    if "previous_update_id" in columns:
        is_broken = columns["previous_update_id"][after] != before
    elif "first_update_id" in columns:
        is_broken = columns["first_update_id"][after] > before + 1
    else:
        return {"updates": len(updates)}
    gaps = np.flatnonzero(is_broken)
    first = (int(before[gaps[0]]), int(update[after[gaps[0]]])) if gaps.size else None
    return {"updates": len(updates), "gaps": len(gaps), "first_gap": first}
