"""CTP depth market data to ticks with quotes and to a book of five levels.

A capture is a run of snapshots, two to four a second. What makes them hard to read:

- A value that is not there is the largest double (some feeds: 0), also in a price.
- `Volume` counts from the start of the trading day, so a trade is the difference of two snapshots. What
  was traded before the first snapshot of a day is known only when the day has had one price.
- The date: at night `TradingDay` is the next trading day (CZCE has given the calendar day), and
  `ActionDay` is the calendar day (DCE has given the trading day). With receive times the date is the
  one that brings `UpdateTime` closest to them; without, it comes from both days and the exchange.
- The aggressor is not told. Against the quotes of the snapshot before, a price at the ask or above
  was bought and one at the bid or below was sold; between them the last change of the price decides
  (Lee and Ready, Inferring Trade Direction from Intraday Data, Journal of Finance 46, 1991).
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.bars import on_grid
from tickstep.book import SNAPSHOT, UPDATE_END, Book
from tickstep.data.china import CHINA_OFFSET_S, china_to_utc
from tickstep.data.symbols import symbol as read_symbol
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Int64Array, Number, Ticks, UInt8Array, integer_column, plain, time_column

__all__ = ["CTP_LAYOUTS", "CtpCapture", "read_ctp"]

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Moments = npt.NDArray[np.datetime64]

LEVELS = 5
NO_VALUE = 1e300  # what is not there is the largest double, 1.8e308
EVENING_S, MORNING_S = 18 * 3600, 6 * 3600  # a night session lies between them
DAY_S = 86400


class CtpCapture(NamedTuple):
    """One instrument's capture: its trades with quotes, and its levels."""

    ticks: Ticks
    book: Book


def _fields(names: str, kind: Any) -> list[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


_PRICES_AND_SUMS = [
    *_fields("LastPrice PreSettlementPrice PreClosePrice PreOpenInterest", "f8"),
    *_fields("OpenPrice HighestPrice LowestPrice", "f8"),
    ("Volume", "i4"),
    *_fields("Turnover OpenInterest ClosePrice SettlementPrice", "f8"),
    *_fields("UpperLimitPrice LowerLimitPrice PreDelta CurrDelta", "f8"),
    ("UpdateTime", "S9"),
    ("UpdateMillisec", "i4"),
]
_LEVEL_FIELDS = [
    (f"{side}{what}{level}", kind)
    for level in range(1, LEVELS + 1)
    for side in ("Bid", "Ask")
    for what, kind in (("Price", "f8"), ("Volume", "i4"))
]
_OLD = [
    ("TradingDay", "S9"),
    ("InstrumentID", "S31"),
    ("ExchangeID", "S9"),
    ("ExchangeInstID", "S31"),
    *_PRICES_AND_SUMS,
    *_LEVEL_FIELDS,
    ("AveragePrice", "f8"),
    ("ActionDay", "S9"),
]
_RENAMED = {"InstrumentID": "reserved1", "ExchangeInstID": "reserved2"}
_NEW = [
    *((_RENAMED.get(name, name), kind) for name, kind in _OLD),
    ("InstrumentID", "S81"),
    ("ExchangeInstID", "S81"),
    *_fields("BandingUpperPrice BandingLowerPrice", "f8"),
]

CTP_LAYOUTS = {"old": np.dtype(_OLD, align=True), "new": np.dtype(_NEW, align=True)}

_NEEDED = (
    *("TradingDay", "InstrumentID", "LastPrice", "Volume", "UpdateTime"),
    *("BidPrice1", "BidVolume1", "AskPrice1", "AskVolume1"),
)


def read_ctp(
    source: str | os.PathLike[str] | bytes | Sequence[Mapping[str, Any]] | Any,
    *,
    layout: Literal["old", "new"] | None = None,
    symbol: str | None = None,
    exchange: str | None = None,
    received: npt.ArrayLike | str | None = None,
    tick_size: Number | None = None,
    time_unit: str = "ms",
    allow_negative_prices: bool = False,
    on_bad: Literal["raise", "skip"] = "raise",
) -> CtpCapture:
    """Read a capture of CTP's depth market data.

    Parameters
    ----------
    source : path, bytes, sequence of mappings or frame
        A CSV file with CTP's field names in its header; a file or bytes of C structs, one after the
        other (`layout` says which); a list of dicts; or a frame with such columns.
    layout : {"old", "new"}, optional
        Of C structs: "old" up to API 6.5.0 (408 bytes), "new" after it (584 bytes, the names at the
        end). The bytes do not tell.
    symbol : str, optional
        The `InstrumentID` to take, where the capture has several.
    exchange : str, optional
        "SHFE", "DCE", ...; by default `ExchangeID`, or the exchange of the product.
    received : array of int64 or str, optional
        When each snapshot was received, in ns since 1970-01-01 UTC, or the name of that column.
    tick_size : float, int, str or Decimal, optional
        Size of one tick; by default the coarsest of 1, 0.1, ... on which all prices lie.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the times that are kept.
    allow_negative_prices : bool
        Whether prices may be 0 or negative, as those of spreads; a 0 is then no missing level.
    on_bad : {"raise", "skip"}
        Whether a snapshot that goes back in time or in volume, or whose bid is above its ask,
        raises, or is left out and counted.

    Returns
    -------
    CtpCapture
        `ticks`: the trades, quantities in contracts, with the best quotes of their snapshots; where
        one side is empty (at a price limit) its quote is that limit. `book`: a snapshot of up to
        five levels whenever they change. `source` of the ticks tells `rows`, `skipped`,
        `untold_volume` (traded at unknown prices, such as before a day's first snapshot),
        `one_sided` (ticks with a quote at the limit) and `sides` (how many sides the quotes, the
        tick rule, or nothing told; the last are BUY).

    Raises
    ------
    DataError
        When a field is missing, a value cannot be read, or a date cannot be told.
    ConfigError
        When `layout` is needed.

    Examples
    --------
    >>> from tickstep.data.ctp import read_ctp
    >>> row = {
    ...     "TradingDay": "20240510", "ActionDay": "20240509", "ExchangeID": "SHFE",
    ...     "InstrumentID": "rb2410", "LastPrice": 3650.0, "Volume": 10, "UpdateTime": "21:00:00",
    ...     "UpdateMillisec": 500, "BidPrice1": 3649.0, "BidVolume1": 7, "AskPrice1": 3650.0,
    ...     "AskVolume1": 2,
    ... }
    >>> later = row | {"LastPrice": 3650.0, "Volume": 13, "UpdateTime": "21:00:01"}
    >>> capture = read_ctp([row, later])
    >>> capture.ticks.datetimes.astype(str).tolist(), capture.ticks.qty_lots.tolist()
    (['2024-05-09T13:00:01.500'], [3])
    >>> capture.ticks.source["untold_volume"], capture.book.at("2024-05-09T13:00:01")[1].prices
    (10, array([3650.]))
    """
    if on_bad not in ("raise", "skip"):
        raise ConfigError(
            f"on_bad {on_bad!r} is neither 'raise' nor 'skip'",
            hint="on_bad='skip' leaves bad snapshots out and counts them",
        )
    columns = _of_instrument(_with_received(_columns(source, layout), received), symbol)
    rows_read = len(columns["Volume"])
    local = _local_times(columns, exchange)
    columns, local, skipped = _in_order(columns, local, on_bad)
    prices, step = _prices(columns, tick_size, allow_negative_prices)
    crossed = np.ma.filled(prices["BidPrice1"] > prices["AskPrice1"], False)
    columns, local = _without(columns, local, crossed, "BidPrice1", "is above AskPrice1", on_bad)
    prices = {name: column[~crossed] for name, column in prices.items()}
    skipped["is above AskPrice1"] = int(crossed.sum())
    labels: dict[str, Any] = {
        "tick_size": step,
        "lot": 1,
        "time_unit": time_unit,
        "symbol": str(columns["InstrumentID"][0]),
        "allow_negative_prices": allow_negative_prices,
    }
    time = time_column(china_to_utc(local), time_unit)
    report = {"format": "ctp", "rows": rows_read, "skipped": skipped}
    return CtpCapture(
        _ticks(time, columns, local, prices, labels, report),
        _book(time, columns, prices, labels | {"source": report}),
    )


# --- Where columns come from. ---------------------------------------------------------------------


def _columns(source: Any, layout: str | None) -> dict[str, Array]:
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        columns = _of_csv(path) if layout is None else _of_structs(path.read_bytes(), layout)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        if layout is None:
            raise _layout_needed()
        columns = _of_structs(bytes(source), layout)
    elif isinstance(source, Mapping):
        columns = {str(name): np.asarray(column) for name, column in source.items()}
    elif hasattr(source, "columns"):
        columns = {str(name): source[name].to_numpy() for name in source.columns}
    else:
        columns = _of_rows(list(source))
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise DataError(
            f"the capture has no {', '.join(missing)}; it has {', '.join(columns) or 'nothing'}",
            hint="columns are named as in CTP's struct: LastPrice, Volume, BidPrice1, ...",
        )
    if not len(columns["Volume"]):
        raise DataError("the capture has no rows", hint="an empty file was recorded")
    return columns


def _of_rows(rows: list[Mapping[str, Any]]) -> dict[str, Array]:
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise DataError(
            f"expected records of CTP fields, was {str(rows[:1])[:60]}",
            hint="give a list of dicts, a frame, a CSV file, or structs with layout=",
        )
    names = {name: None for row in rows for name in row}
    return {name: np.array([row.get(name) for row in rows], dtype=object) for name in names}


def _of_csv(path: Path) -> dict[str, Array]:
    import polars as pl

    with path.open("rb") as file:
        if b"\0" in file.read(4096):
            raise _layout_needed()
    try:
        frame = pl.read_csv(path, infer_schema=False, encoding="utf8-lossy")
    except pl.exceptions.PolarsError as fault:
        raise DataError(
            f"{path.name}: {str(fault).splitlines()[0]}",
            hint="the first line names the columns as CTP's struct does",
        ) from None
    return {name: frame[name].fill_null("").to_numpy() for name in frame.columns}


def _of_structs(data: bytes, layout: str) -> dict[str, Array]:
    if layout not in CTP_LAYOUTS:
        raise ConfigError(
            f"layout {layout!r} is not known", hint=f"known are {', '.join(CTP_LAYOUTS)}"
        )
    kind = CTP_LAYOUTS[layout]
    if len(data) % kind.itemsize:
        raise DataError(
            f"{len(data)} bytes are no whole number of structs of {kind.itemsize} bytes",
            hint="the capture is cut off, or of the other layout",
        )
    rows = np.frombuffer(data, dtype=kind)
    names = [name for name in kind.names or () if not name.startswith("reserved")]
    return {name: _text(rows[name]) if kind[name].kind == "S" else rows[name] for name in names}


def _text(column: Array) -> Array:
    """Texts up to their first zero byte; what stands behind it means nothing."""
    texts, place = np.unique(column, return_inverse=True)
    whole = [text.split(b"\0")[0].decode("gb18030", "replace") for text in texts.tolist()]
    return np.array(whole, dtype=object)[place]


def _layout_needed() -> ConfigError:
    sizes = ", ".join(f"{name} has {kind.itemsize} bytes" for name, kind in CTP_LAYOUTS.items())
    return ConfigError(
        "captured structs do not tell their layout",
        hint=f'give layout="old" for API 6.5.0 and before, layout="new" after it ({sizes})',
    )


def _with_received(
    columns: dict[str, Array], received: npt.ArrayLike | str | None
) -> dict[str, Array]:
    if received is None:
        return columns
    if isinstance(received, str):
        if received not in columns:
            raise DataError(
                f"received {received!r} is no column of the capture",
                hint=f"it has {', '.join(columns)}",
            )
        received = columns[received]
    array = np.asarray(received)
    stamps = (
        array.astype(np.int64) if array.dtype.kind in "OU" else integer_column(array, "received")
    )
    if stamps.shape != columns["Volume"].shape:
        raise DataError(
            f"received has shape {stamps.shape} for {len(columns['Volume'])} snapshots",
            hint="give one receive time, in ns, for each",
        )
    return columns | {"received": stamps}


def _of_instrument(columns: dict[str, Array], symbol: str | None) -> dict[str, Array]:
    names = columns["InstrumentID"].astype(str)
    found = sorted(set(names.tolist()))
    if found == [""]:
        raise DataError(
            "InstrumentID is empty in every row",
            hint='structs of a newer API were read as old ones: layout="new"',
        )
    if symbol is None and len(found) > 1:
        raise DataError(
            f"the capture holds {len(found)} instruments: {', '.join(found[:10])}",
            hint=f"choose one: symbol={found[0]!r}",
        )
    chosen = found[0] if symbol is None else symbol
    if chosen not in found:
        raise DataError(
            f"symbol {symbol!r} is not in the capture", hint=f"it holds {', '.join(found[:10])}"
        )
    return {name: column[names == chosen] for name, column in columns.items()}


# --- Times. ---------------------------------------------------------------------------------------


def _local_times(columns: Mapping[str, Array], exchange: str | None) -> Moments:
    """Clock times in China, in ms."""
    clock_s = _clock(columns["UpdateTime"])
    if "received" in columns:
        days = _days_received(clock_s, columns["received"])
    else:
        days = _days_told(clock_s, columns, exchange)
    millis = _whole(columns, "UpdateMillisec") if "UpdateMillisec" in columns else 0 * clock_s
    local: Moments = days.astype("M8[ms]") + (1000 * clock_s + millis).astype("m8[ms]")
    return local


def _clock(column: Array) -> Int64Array:
    texts = column.astype("U8")
    parts = np.char.zfill(texts, 8).view("U1").reshape(-1, 8)
    digits = parts[:, [0, 1, 3, 4, 6, 7]]
    good = np.char.isdecimal(digits).all(axis=1) & (parts[:, [2, 5]] == ":").all(axis=1)
    numbers = np.where(good[:, None], digits, "0").astype(np.int64)
    hours, minutes, seconds = (10 * numbers[:, at] + numbers[:, at + 1] for at in (0, 2, 4))
    good &= (hours < 24) & (minutes < 60) & (seconds < 60)
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise DataError(
            f"UpdateTime {plain(texts[row])!r} at row {row} is no time of day",
            hint="a time is written 21:00:00; drop rows without one",
        )
    clock: Int64Array = 3600 * hours + 60 * minutes + seconds
    return clock


def _days_received(clock_s: Int64Array, received_ns: Int64Array) -> Moments:
    """The dates that bring the clock times closest to the receive times."""
    local_s = received_ns // 10**9 + CHINA_OFFSET_S
    ahead_s = (clock_s - local_s + DAY_S // 2) % DAY_S - DAY_S // 2
    return ((local_s + ahead_s) // DAY_S).astype("M8[D]")


def _days_told(clock_s: Int64Array, columns: Mapping[str, Array], exchange: str | None) -> Moments:
    trading = _days(columns["TradingDay"], "TradingDay")
    action = _days(columns["ActionDay"], "ActionDay") if "ActionDay" in columns else trading.copy()
    evening, early = clock_s >= EVENING_S, clock_s < MORNING_S
    # The night before a trading day begins on the weekday before it; before a holiday there is none.
    weekday = np.where(np.isnat(trading), action, trading)
    eve = np.busday_offset(weekday, -1, roll="backward")
    of_trading = np.where(evening, eve, np.where(early, eve + 1, weekday))
    told = np.where(np.isnat(action), of_trading, action)
    # Where the two days are one at night, DCE has given the trading day twice, others the calendar's.
    doubtful = (action == trading) & (of_trading != told)
    if not doubtful.any():
        return told
    where = _exchange_of(columns, exchange, str(weekday[~np.isnat(weekday)][0]))
    if where is None:
        row = int(np.flatnonzero(doubtful)[0])
        raise DataError(
            f"TradingDay and ActionDay are both {trading[row]} at {columns['UpdateTime'][row]}, row"
            f" {row}: whether that is the trading day or the calendar day depends on the exchange",
            hint='give exchange="DCE" (or another), or received= with receive times',
        )
    return np.where(doubtful & (where == "DCE"), of_trading, told)


def _days(column: Array, name: str) -> Moments:
    texts = [str(value).strip() for value in column.tolist()]
    days = {}
    for text in set(texts):
        is_day = len(text) == 8 and text.isdecimal()
        if not is_day and text not in ("", "None"):
            raise DataError(f"{name} {text!r} is no date", hint="a date is written 20240510")
        written = f"{text[:4]}-{text[4:6]}-{text[6:]}" if is_day else "NaT"
        try:
            days[text] = np.datetime64(written, "D")
        except ValueError:
            raise DataError(f"{name} {text!r} is no date", hint="a date is 20240510") from None
    return np.array([days[text] for text in texts], dtype="M8[D]")


def _exchange_of(columns: Mapping[str, Array], exchange: str | None, on: str) -> str | None:
    if exchange is not None:
        return exchange
    if "ExchangeID" in columns:
        named = {str(name) for name in columns["ExchangeID"].tolist()} - {"", "None"}
        if len(named) == 1:
            return named.pop()
    try:
        return read_symbol(str(columns["InstrumentID"][0]), on=on).exchange
    except DataError:
        return None


def _trading_days(local: Moments) -> Moments:
    """The weekday that a time counts for: evenings and Saturday mornings belong to the next."""
    days = local.astype("M8[D]")
    evening = (local - days).astype("m8[s]").astype(np.int64) >= EVENING_S
    return np.where(
        evening,
        np.busday_offset(days, 1, roll="backward"),
        np.busday_offset(days, 0, roll="forward"),
    )


def _in_order(
    columns: dict[str, Array], local: Moments, on_bad: str
) -> tuple[dict[str, Array], Moments, dict[str, int]]:
    """Leave out snapshots that go back in time, or within a trading day in volume."""
    skipped = {}
    early = local < np.maximum.accumulate(local)
    columns, local = _without(columns, local, early, "UpdateTime", "goes back in time", on_bad)
    skipped["goes back in time"] = int(early.sum())
    days, volume = _trading_days(local), _whole(columns, "Volume")
    # One running maximum over all days: days are lifted above those before.
    lift = (days - days[0]).astype(np.int64) * 2**33
    fallen = volume + lift < np.maximum.accumulate(volume + lift)
    columns, local = _without(columns, local, fallen, "Volume", "falls within its day", on_bad)
    skipped["falls within its day"] = int(fallen.sum())
    return columns, local, skipped


def _without(
    columns: dict[str, Array], local: Moments, bad: Mask, name: str, rule: str, on_bad: str
) -> tuple[dict[str, Array], Moments]:
    if bad.any() and on_bad == "raise":
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{name} {columns[name][row]} at row {row}, {local[row]}, {rule}",
            hint="captures of two feeds were mixed? received= settles dates; on_bad='skip' leaves"
            " such snapshots out and counts them",
        )
    return {each: column[~bad] for each, column in columns.items()}, local[~bad]


# --- Prices and quantities. -----------------------------------------------------------------------


def _prices(
    columns: Mapping[str, Array], tick_size: Number | None, allow_negative: bool
) -> tuple[dict[str, Any], str]:
    """Every price column in ticks, as masked arrays: what is not there is masked."""
    plain = ["LastPrice", "UpperLimitPrice", "LowerLimitPrice"]
    plain += ["OpenPrice", "HighestPrice", "LowestPrice"]
    plain += [f"{side}Price{level}" for side in ("Bid", "Ask") for level in range(1, LEVELS + 1)]
    names = [name for name in plain if name in columns]
    there = {name: _is_there(columns[name], name, allow_negative) for name in names}
    values = {name: _exact(columns[name][there[name]]) for name in names}
    ticks, grid = on_grid(values, tick_size, "tick_size")
    masked = {}
    for name in names:
        spread = np.zeros(len(there[name]), dtype=np.int64)
        spread[there[name]] = ticks[name]
        masked[name] = np.ma.array(spread, mask=~there[name])
    return masked, grid.step


def _is_there(column: Array, name: str, allow_negative: bool) -> Mask:
    numbers = _floats(column, name)
    there = np.isfinite(numbers) & (np.abs(numbers) < NO_VALUE)
    return there if allow_negative else there & (numbers > 0)


def _floats(column: Array, name: str) -> npt.NDArray[np.float64]:
    if column.dtype.kind in "fiu":
        return column.astype(np.float64)
    texts = ["nan" if value is None or value == "" else value for value in column.tolist()]
    try:
        return np.array([float(text) for text in texts])
    except (ValueError, TypeError):
        bad = next(text for text in texts if not _is_number(text))
        raise DataError(f"{name} {bad!r} is not a number", hint="mend or drop the row") from None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (ValueError, TypeError):
        return False
    return True


def _exact(column: Array) -> Array:
    """As the grid takes them without rounding: floats, or decimal text."""
    if column.dtype.kind == "f":
        return column.astype(np.float64)
    return np.array([str(value).strip() for value in column.tolist()], dtype=object).astype(str)


def _whole(columns: Mapping[str, Array], name: str) -> Int64Array:
    numbers = _floats(columns[name], name)
    whole = np.isfinite(numbers) & (np.abs(numbers) < 2**31) & (numbers == np.floor(numbers))
    bad = np.flatnonzero(~(whole & (numbers >= 0)))
    if bad.size:
        raise DataError(
            f"{name} {columns[name][bad[0]]} at row {bad[0]} must be a whole number from 0 to 2^31",
            hint="mend or drop the row",
        )
    return numbers.astype(np.int64)


def _ticks(
    time: Int64Array,
    columns: Mapping[str, Array],
    local: Moments,
    prices: Mapping[str, Any],
    labels: Mapping[str, Any],
    report: dict[str, Any],
) -> Ticks:
    volume, days = _whole(columns, "Volume"), _trading_days(local)
    first = np.append(True, days[1:] != days[:-1])
    traded = np.where(first, volume, np.diff(volume, prepend=0))
    last = prices["LastPrice"]
    untold = (first & ~_had_one_price(prices, len(volume))) | np.ma.getmaskarray(last)
    rows = np.flatnonzero((traded > 0) & ~untold)
    side, told = _sides(prices, rows)
    bid, ask, one_sided = _quotes(prices, rows)
    report |= {
        "untold_volume": int(traded[untold].sum()),
        "one_sided": one_sided,
        "sides": told,
    }
    return Ticks(
        time[rows],
        last.data[rows],
        traded[rows],
        side,
        bid_ticks=bid,
        ask_ticks=ask,
        source=report,
        **labels,
    )


def _had_one_price(prices: Mapping[str, Any], rows: int) -> Mask:
    """Whether all of the day's trades so far were at the last price, as after an opening auction."""
    names = ("OpenPrice", "HighestPrice", "LowestPrice")
    if not all(name in prices for name in names):
        return np.zeros(rows, dtype=bool)
    same = [(prices[name] == prices["LastPrice"]).filled(False) for name in names]
    had: Mask = np.logical_and.reduce(same)
    return had


def _sides(prices: Mapping[str, Any], rows: Int64Array) -> tuple[UInt8Array, dict[str, int]]:
    before = np.maximum(rows - 1, 0)
    last = prices["LastPrice"]
    price = last.data[rows]
    bought = (price >= prices["AskPrice1"][before]).filled(False)
    sold = (price <= prices["BidPrice1"][before]).filled(False) & ~bought
    moves = np.sign(np.diff(price, prepend=price[:1]))
    # The last change of the price that is not 0, carried forward.
    changed = np.maximum.accumulate(np.where(moves != 0, np.arange(len(moves)), 0))
    direction = moves[changed] if len(moves) else moves
    by_quote = bought | sold
    side = np.where(by_quote, sold, direction < 0).astype(np.uint8)
    unknown = ~by_quote & (direction == 0)
    told = {
        "quote": int(by_quote.sum()),
        "tick": int((~by_quote & ~unknown).sum()),
        "unknown": int(unknown.sum()),
    }
    return side, told


def _quotes(prices: Mapping[str, Any], rows: Int64Array) -> tuple[Int64Array, Int64Array, int]:
    found, one_sided = [], np.zeros(len(rows), dtype=bool)
    for name, limit in (("BidPrice1", "LowerLimitPrice"), ("AskPrice1", "UpperLimitPrice")):
        quote = prices[name][rows]
        empty = np.ma.getmaskarray(quote)
        at_limit = prices[limit][rows] if limit in prices else _nothing(len(rows))
        lost = np.flatnonzero(empty & np.ma.getmaskarray(at_limit))
        if lost.size:
            raise DataError(
                f"{name} and {limit} are both missing at snapshot {rows[lost[0]]}, where a trade was",
                hint="keep the price limits in the capture: an empty side stands at its limit",
            )
        found.append(np.where(empty, at_limit.data, quote.data))
        one_sided |= empty
    beyond = np.flatnonzero(found[0] > found[1])
    if beyond.size:
        raise DataError(
            f"the only quote at snapshot {rows[beyond[0]]} lies beyond the price limits",
            hint="the limits of another day? mend or drop the row",
        )
    return found[0], found[1], int(one_sided.sum())


def _nothing(rows: int) -> Any:
    return np.ma.array(np.zeros(rows, dtype=np.int64), mask=True)


def _book(
    time: Int64Array,
    columns: Mapping[str, Array],
    prices: Mapping[str, Any],
    labels: dict[str, Any],
) -> Book:
    names = [
        (side, level)
        for side in ("Bid", "Ask")
        for level in range(1, LEVELS + 1)
        if f"{side}Price{level}" in prices and f"{side}Volume{level}" in columns
    ]
    price = np.stack([prices[f"{side}Price{level}"].data for side, level in names], axis=1)
    there = np.stack(
        [~np.ma.getmaskarray(prices[f"{side}Price{level}"]) for side, level in names], axis=1
    )
    qty = np.stack([_level_qty(columns, f"{side}Volume{level}") for side, level in names], axis=1)
    qty = np.where(there, qty, 0)
    there = qty > 0
    price = np.where(there, price, 0)
    moved = (np.diff(price, axis=0) != 0).any(axis=1) | (np.diff(qty, axis=0) != 0).any(axis=1)
    kept = np.append(True, moved)
    price, qty, there, time = price[kept], qty[kept], there[kept], time[kept]
    # An empty book is a snapshot too: one row that holds nothing, at the last price there was.
    empty = ~there.any(axis=1)
    price[empty, 0] = _some_price(prices, kept)[empty]
    there[empty, 0] = True
    flags = np.zeros(there.shape, dtype=np.uint8)
    everywhere = np.arange(len(there))
    flags[everywhere, there.argmax(axis=1)] |= SNAPSHOT
    flags[everywhere, there.shape[1] - 1 - there[:, ::-1].argmax(axis=1)] |= UPDATE_END
    sides = np.array([side == "Ask" for side, _ in names], dtype=np.uint8)
    return Book(
        np.repeat(time, there.sum(axis=1)),
        np.broadcast_to(sides, there.shape)[there],
        price[there],
        qty[there],
        flags[there],
        **labels,
    )


def _level_qty(columns: Mapping[str, Array], name: str) -> Int64Array:
    blank = np.array([value in ("", None) for value in columns[name].tolist()], dtype=bool)
    column = np.where(blank, 0, columns[name]) if blank.any() else columns[name]
    return _whole({name: column}, name)


def _some_price(prices: Mapping[str, Any], kept: Mask) -> Int64Array:
    last = prices["LastPrice"]
    rows = np.where(np.ma.getmaskarray(last), 0, np.arange(len(last)))
    some: Int64Array = np.maximum(last.data[np.maximum.accumulate(rows)], 1)[kept]
    return some
