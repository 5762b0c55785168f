"""Frames of any library to ticks and back, by the Arrow C stream.

A column is taken where it lies when it is of the right type and in one piece: 64-bit integers or
times, 8-bit sides. Everything else is converted exactly: decimal text and decimals digit by digit,
floats by the rule of their grid. Column parts are called by what they hold: `price` and `qty` are
money and units, `price_ticks` and `qty_lots` are whole ticks and lots already.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt

from tickstep._kernel import ArrowTable, Grid, arrow_stream
from tickstep.bars import Bars, found_interval
from tickstep.book import Book
from tickstep.data.arrowfile import TIME_FORMATS
from tickstep.errors import ConfigError, DataError
from tickstep.extras import require
from tickstep.ticks import TIME_UNITS, Int64Array, Number, Ticks, check_time_unit, time_column

__all__ = [
    "LABELS_KEY",
    "Part",
    "bar_parts",
    "bars_from_frame",
    "book_parts",
    "column_names",
    "decimals_within",
    "folded",
    "kind_told",
    "labels_text",
    "pandas_of",
    "stream_of",
    "tick_parts",
    "ticks_from_frame",
]

OfTicks = TypeVar("OfTicks", bound=Ticks)
OfBars = TypeVar("OfBars", bound=Bars)

# Key under which a schema carries what the columns alone do not tell.
LABELS_KEY = "tickstep"

_TIMES = (
    *("time", "timestamp", "timestamp_utc", "ts", "ts_open", "open_time", "datetime", "date", "dt"),
    *("day", "candle_begin_time", "transact_time", "transaction_time"),
)
_SYMBOLS = ("symbol", "code", "ticker", "instrument", "contract")
_TICK_NAMES: dict[str, tuple[str, ...]] = {
    "time": (*_TIMES, "ts_ms", "trade_time"),
    "price_ticks": ("price_ticks", "price_tick_i64"),
    "price": ("price", "p"),
    "qty_lots": ("qty_lots",),
    "qty": ("qty", "quantity", "size", "volume", "amount", "q"),
    "side": (
        *("side", "taker_side", "aggressor", "is_buyer_maker", "buyer_is_maker", "buyer_maker"),
        "buyer_was_maker",
    ),
    "bid_ticks": ("bid_ticks",),
    "ask_ticks": ("ask_ticks",),
    "bid": ("bid",),
    "ask": ("ask",),
    "symbol": _SYMBOLS,
}

_PRICES = ("open", "high", "low", "close")
_BAR_NAMES: dict[str, tuple[str, ...]] = {
    "time": _TIMES,
    **{f"{price}_ticks": (f"{price}_ticks",) for price in _PRICES},
    **{price: (price, price[0], f"{price}_price") for price in _PRICES},
    "volume_lots": ("volume_lots",),
    "volume": ("volume", "vol", "v", "base_volume"),
    "buy_lots": ("buy_lots",),
    "buy_volume": (
        *("buy_volume", "taker_buy_volume", "taker_buy_base_volume"),
        "taker_buy_base_asset_volume",
    ),
    "trade_count": ("trade_count", "count", "trades", "num_trades", "number_of_trades"),
    "turnover": ("turnover", "amount", "money", "quote_volume", "quote_asset_volume"),
    "open_interest_lots": ("open_interest_lots",),
    "open_interest": ("open_interest", "oi", "hold", "position"),
    "symbol": _SYMBOLS,
}

# How an index without a name arrives from pandas; it counts where no other column is the time.
_INDEX = "__index_level_0__"
_DIGITS_OF_UNIT = {10: "s", 13: "ms", 16: "us", 19: "ns"}
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?Z?")


class Part(NamedTuple):
    """A column to hand over: its name, its Arrow format string, its values."""

    name: str
    format: str
    values: npt.NDArray[Any]


# ---- Out -----------------------------------------------------------------------------------------


def tick_parts(ticks: Ticks) -> list[Part]:
    """Return the columns of ticks, quotes where there are any, in the order of their digest."""
    parts = [
        Part("time", TIME_FORMATS[ticks.time_unit], ticks.time),
        Part("price_ticks", "l", ticks.price_ticks),
        Part("qty_lots", "l", ticks.qty_lots),
        Part("side", "C", ticks.side),
    ]
    if ticks.bid_ticks is not None and ticks.ask_ticks is not None:
        parts += [Part("bid_ticks", "l", ticks.bid_ticks), Part("ask_ticks", "l", ticks.ask_ticks)]
    return parts


def bar_parts(bars: Bars) -> list[Part]:
    """Return the columns of bars, in the order of their digest."""
    formats = {"time": TIME_FORMATS[bars.time_unit], "turnover": "g"}
    return [Part(name, formats.get(name, "l"), each) for name, each in bars.columns.items()]


def book_parts(book: Book) -> list[Part]:
    """Return the columns of a book, in the order of their digest."""
    formats = {"time": TIME_FORMATS[book.time_unit], "side": "C", "flags": "C"}
    return [Part(name, formats.get(name, "l"), each) for name, each in book.columns.items()]


def stream_of(parts: Sequence[Part], kind: str, labels: Mapping[str, Any]) -> object:
    """Return a capsule with an Arrow C stream over columns, in place."""
    return arrow_stream(list(parts), [(LABELS_KEY, labels_text(kind, labels))])


def pandas_of(parts: Sequence[Part]) -> Any:
    """Return columns as a pandas frame, times as UTC."""
    pandas = require("pandas", extra="pandas")
    frame = pandas.DataFrame({part.name: part.values for part in parts}, copy=False)
    units = {form: unit for unit, form in TIME_FORMATS.items()}
    for part in parts:
        if part.format in units:
            stamps = part.values.view(f"datetime64[{units[part.format]}]")
            frame[part.name] = pandas.Series(stamps).dt.tz_localize("UTC")
    return frame


def labels_text(kind: str, labels: Mapping[str, Any]) -> str:
    """Return grids, unit and name of a table as text to travel with its columns."""
    return json.dumps({"kind": kind, **labels}, ensure_ascii=False, default=str)


def kind_told(text: str | bytes | None) -> dict[str, Any]:
    """Return the labels in a text of `labels_text`, their kind among them; empty for no text."""
    if text is None:
        return {}
    try:
        labels = json.loads(text)
        if labels["kind"] not in ("ticks", "bars", "book"):
            raise ValueError(f"a kind {labels['kind']!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the {LABELS_KEY!r} metadata of the frame is damaged: {text[:80]!r}",
            hint="drop the metadata and give tick_size and lot",
        ) from error
    return cast(dict[str, Any], labels)


def column_names(kind: str, present: Sequence[str], columns: Mapping[str, str] | None) -> list[str]:
    """Return the names among those present that ticks or bars may be made of."""
    parts = _TICK_NAMES if kind == "ticks" else _BAR_NAMES
    given = set((columns or {}).values()) | {_INDEX}
    known = {folded(name) for each in parts.values() for name in each}
    return [name for name in present if name in given or folded(name) in known]


def folded(name: str) -> str:
    """Return a column's name in lower case, letters and digits alone: as names are compared."""
    return "".join(filter(str.isalnum, name.lower()))


# ---- In ------------------------------------------------------------------------------------------


def table_of(frame: object) -> ArrowTable:
    """Take the rows of a frame, or of a list of its pieces, by the Arrow C stream."""
    if isinstance(frame, list):
        return ArrowTable(frame)
    if not hasattr(frame, "__arrow_c_stream__"):
        raise DataError(
            f"a frame with __arrow_c_stream__ is needed, was {type(frame).__name__}",
            hint="polars, pandas, pyarrow and DuckDB have them; collect() a lazy frame; "
            "from_arrays takes arrays and lists",
        )
    try:
        return ArrowTable(frame)
    except ImportError:
        # pandas has the method, but only pyarrow gives it a body.
        return ArrowTable(_without_pyarrow(frame))


def _without_pyarrow(frame: Any) -> object:
    import polars

    columns: dict[str, Any] = {}
    if frame.index.dtype.kind == "M":
        frame = frame.rename_axis(frame.index.name or _INDEX).reset_index()
    for name in frame.columns:
        column = frame[name]
        if getattr(column.dtype, "tz", None) is not None:
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        values = column.to_numpy()
        columns[str(name)] = values.tolist() if values.dtype.kind in "OUT" else values
    return polars.DataFrame(columns)


class FrameColumns:
    """The parts of a frame by what they hold, and the labels that it carries.

    Parameters
    ----------
    frame : object with __arrow_c_stream__
        The rows.
    kind : {"ticks", "bars"}
        What the labels must be of.
    names : mapping of str to tuple of str
        Names under which each part is looked for.
    columns : mapping of str to str, optional
        Name of the frame's column for a part; goes before the names looked for.
    labels : mapping, optional
        What is known of the frame beside its columns, where its schema does not carry it.
    """

    def __init__(
        self,
        frame: object,
        kind: str,
        names: Mapping[str, tuple[str, ...]],
        columns: Mapping[str, str] | None,
        labels: Mapping[str, Any] | None = None,
    ) -> None:
        self.table = table_of(frame)
        self.labels = labels or kind_told(self.table.metadata.get(LABELS_KEY.encode()))
        if self.labels.get("kind", kind) != kind:
            found = self.labels["kind"]
            hint = "it has no way in but its files" if found == "book" else f"read it as {found}"
            raise DataError(f"the frame holds {found}, not {kind}", hint=hint)
        self.columns = self._found(names, dict(columns or {}))

    def _found(self, names: Mapping[str, tuple[str, ...]], given: dict[str, str]) -> dict[str, str]:
        unknown = [part for part in given if part not in names]
        if unknown:
            raise ConfigError(
                f"columns names a part {unknown[0]!r}", hint=f"parts are {', '.join(names)}"
            )
        found = {}
        for part, aliases in names.items():
            matching = self._matching(aliases)
            if part in given:
                found[part] = given[part]
            elif len(matching) > 1:
                raise DataError(
                    f"the columns {' and '.join(matching)} may both be the {part}",
                    hint=f"columns={{{part!r}: {matching[0]!r}}} says which one is meant",
                )
            elif matching:
                found[part] = matching[0]
        return found

    def _matching(self, aliases: tuple[str, ...]) -> list[str]:
        """Columns of these names as they are written here, or else in any other spelling."""
        present = self.table.names
        exact = [alias for alias in aliases if alias in present]
        if exact:
            return exact
        known = {folded(alias) for alias in aliases}
        matching = [name for name in present if folded(name) in known]
        return matching or [name for name in present if name == _INDEX and "time" in aliases]

    def __contains__(self, part: str) -> bool:
        return part in self.columns

    def name(self, *parts: str) -> tuple[str, str]:
        """Return the first of these parts that the frame has, and the name of its column."""
        for part in parts:
            if part in self.columns:
                return part, self.columns[part]
        raise DataError(
            f"the frame has no column for {' or '.join(parts)}; it has "
            f"{', '.join(self.table.names)}",
            hint=f"columns={{{parts[-1]!r}: ...}} says which column it is",
        )

    def label(self, name: str, given: Any) -> Any:
        """Return what is given, else what the frame says about it, else None."""
        told = self.labels.get(name)
        if given is None or told is None:
            return told if given is None else given
        if name in ("tick_size", "lot") and Grid(given, name) != Grid(told, name):
            raise ConfigError(
                f"{name} is given as {given}, but the frame says {told}",
                hint="leave it out; a frame of whole ticks and lots has the grid that it has",
            )
        return given

    def symbol(self, given: str | None) -> str | None:
        """Return the one instrument of the frame, or None where it is not told."""
        if given is not None or "symbol" not in self:
            return cast("str | None", self.label("symbol", given))
        return self.table.only_text(self.columns["symbol"])

    def grid(self, name: str, given: Number | None, *parts: str, at_least: int = 0) -> Grid:
        """Return the grid given or told, else the coarsest power of ten that holds the parts."""
        size = self.label(name, given)
        if size is not None:
            return Grid(size, name)
        decimals = at_least
        for part in parts:
            if part not in self.columns:
                continue
            if part.endswith(("_ticks", "_lots")):
                raise ConfigError(
                    f"{name} is needed: {self.columns[part]} counts steps of a size that the frame "
                    "does not tell",
                    hint=f'give {name}="0.01", or whatever one step is',
                )
            decimals = self.table.decimals(self.columns[part], decimals)
        return Grid(f"1e-{decimals}", name)

    def places(self, grid: Grid, whole: str, exact: str) -> Int64Array:
        """Return a part as whole steps: as they are, or as the places of its numbers."""
        part, name = self.name(whole, exact)
        if part == exact:
            return self.table.places(name, grid)
        if self.table.kind(name) != "int":
            raise DataError(
                f"{name} must be integers, was {self.table.kind(name)}",
                hint=f"columns={{{exact!r}: {name!r}}} reads it as numbers on the grid",
            )
        return self.table.ints(name)

    def time(self, unit: str | None) -> tuple[Int64Array, str]:
        """Return times in the unit asked for or told, and that unit."""
        _, name = self.name("time")
        kind = self.table.kind(name)
        unit = self.label("time_unit", unit)
        if unit is not None:
            check_time_unit(unit)
        if kind == "text":
            return _text_times(self.table.texts(name), name, unit)
        if kind == "int":
            times = self.table.ints(name)
            return times, unit or _unit_of(times, name)
        if kind not in ("time", "days"):
            raise DataError(
                f"{name} must be times, integers or text, was {kind}",
                hint="convert the column in the frame first",
            )
        own = self.table.time_unit(name) or "D"
        times = self.table.ints(name)
        if unit in (own, None) and own in TIME_UNITS:
            return times, own
        unit = unit or "ms"
        return time_column(times.view(f"datetime64[{own}]"), unit), unit


def _unit_of(times: Int64Array, name: str) -> str:
    if times.size == 0:
        return "ms"
    unit = _DIGITS_OF_UNIT.get(len(str(abs(int(times[0])))))
    if unit is None:
        raise DataError(
            f"{name} is {times[0]} in the first row, which does not tell its unit",
            hint='give time_unit="ms"; 10 digits are seconds, 13 ms, 16 us, 19 ns',
        )
    return unit


def _text_times(texts: list[str], name: str, unit: str | None) -> tuple[Int64Array, str]:
    if texts and texts[0].isdigit():
        bad = next((row for row, text in enumerate(texts) if not text.isdigit()), None)
        if bad is not None or max(map(len, texts)) > 19:
            raise _no_time(name, texts, bad or 0)
        times = np.array([int(text) for text in texts], dtype=np.int64)
        return times, unit or _unit_of(times, name)
    for row, text in enumerate(texts):
        if not _ISO_TIME.fullmatch(text):
            raise _no_time(name, texts, row)
    unit = unit or "ms"
    stamps = np.array([text.removesuffix("Z") for text in texts], dtype="datetime64[ns]")
    return time_column(stamps, unit), unit


def _no_time(name: str, texts: list[str], row: int) -> DataError:
    return DataError(
        f"{name} at row {row} is no time: {texts[row]!r}",
        hint="write 2024-08-08 09:30:00.123 in UTC, or a count of ms",
    )


def ticks_from_frame(
    kind: type[OfTicks],
    frame: object,
    *,
    columns: Mapping[str, str] | None,
    tick_size: Number | None,
    lot: Number | None,
    time_unit: str | None,
    symbol: str | None,
    source: str | Mapping[str, Any] | None,
    allow_negative_prices: bool | None,
    labels: Mapping[str, Any] | None = None,
) -> OfTicks:
    """Make ticks of a frame; `Ticks.from_frame` describes the arguments."""
    parts = FrameColumns(frame, "ticks", _TICK_NAMES, columns, labels)
    prices = _exact_parts(parts, ("price", "bid", "ask"), "_ticks")
    tick = parts.grid("tick_size", tick_size, *prices)
    lots = parts.grid("lot", lot, *_exact_parts(parts, ("qty",), "_lots"))
    times, unit = parts.time(time_unit)
    quotes: list[Int64Array | None] = [
        parts.places(tick, f"{side}_ticks", side)
        if side in parts or f"{side}_ticks" in parts
        else None
        for side in ("bid", "ask")
    ]
    return kind(
        times,
        parts.places(tick, "price_ticks", "price"),
        parts.places(lots, "qty_lots", "qty"),
        parts.table.sides(parts.name("side")[1]),
        tick_size=tick.step,
        lot=lots.step,
        time_unit=unit,
        symbol=parts.symbol(symbol),
        source=parts.label("source", source),
        bid_ticks=quotes[0],
        ask_ticks=quotes[1],
        allow_negative_prices=bool(parts.label("allow_negative_prices", allow_negative_prices)),
    )


def bars_from_frame(
    kind: type[OfBars],
    frame: object,
    *,
    columns: Mapping[str, str] | None,
    tick_size: Number | None,
    lot: Number | None,
    interval: str | int | None,
    time_unit: str | None,
    symbol: str | None,
    source: str | Mapping[str, Any] | None,
    allow_negative_prices: bool | None,
    labels: Mapping[str, Any] | None = None,
) -> OfBars:
    """Make bars of a frame; `Bars.from_frame` describes the arguments."""
    parts = FrameColumns(frame, "bars", _BAR_NAMES, columns, labels)
    tick = parts.grid("tick_size", tick_size, *_exact_parts(parts, _PRICES, "_ticks"))
    amounts = {"volume": "volume_lots", "buy_volume": "buy_lots"}
    amounts["open_interest"] = "open_interest_lots"
    exact = [name if whole not in parts else whole for name, whole in amounts.items()]
    lots = parts.grid("lot", lot, *exact)
    times, unit = parts.time(time_unit)
    optional: dict[str, Any] = {
        whole: parts.places(lots, whole, name)
        for name, whole in amounts.items()
        if name != "volume" and (name in parts or whole in parts)
    }
    if "trade_count" in parts:
        optional["trade_count"] = parts.table.ints(parts.columns["trade_count"])
    if "turnover" in parts:
        optional["turnover"] = parts.table.floats(parts.columns["turnover"])
    return kind(
        times,
        parts.places(tick, "open_ticks", "open"),
        parts.places(tick, "high_ticks", "high"),
        parts.places(tick, "low_ticks", "low"),
        parts.places(tick, "close_ticks", "close"),
        parts.places(lots, "volume_lots", "volume"),
        tick_size=tick.step,
        lot=lots.step,
        interval=_interval_of(parts, interval, times, unit),
        time_unit=unit,
        symbol=parts.symbol(symbol),
        source=parts.label("source", source),
        allow_negative_prices=bool(parts.label("allow_negative_prices", allow_negative_prices)),
        **optional,
    )


def _interval_of(
    parts: FrameColumns, given: str | int | None, time: Int64Array, unit: str
) -> str | int | None:
    """Return the interval that is given or told, else what the times tell, as for files of text."""
    if given is None and "interval" not in parts.labels:
        return found_interval(time, unit)
    interval: str | int | None = parts.label("interval", given)
    return interval


def decimals_within(
    frame: object, columns: Mapping[str, str] | None, parts: Sequence[str], at_least: int
) -> int:
    """Return the decimals of the coarsest power of ten that holds these parts of ticks."""
    found = FrameColumns(frame, "ticks", _TICK_NAMES, columns)
    ending = "_lots" if "qty" in parts else "_ticks"
    size = "lot" if "qty" in parts else "tick_size"
    grid = found.grid(size, None, *_exact_parts(found, parts, ending), at_least=at_least)
    return len(grid.step.partition(".")[2])


def _exact_parts(parts: FrameColumns, names: Sequence[str], ending: str) -> list[str]:
    return [f"{name}{ending}" if f"{name}{ending}" in parts else name for name in names]
