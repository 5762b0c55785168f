"""The local store: bars and ticks as zstd Parquet files, written atomically, read by many.

A series is one kind of data of one symbol, a folder `bars/interval=1m/symbol=600000.SSE` with one file
for each stretch of dates (`date=2024-01/…parquet`: ticks by day, bars below an hour by month, below
a day by year, others by decade) and `series.json`, which names the files that count. Files never
change: a writer, alone by a lock, writes new ones under new names, brings them to the disk and then
replaces `series.json` in one step. Whatever it changed becomes visible there and then, whole; killed
before, it has changed nothing. A reader that finds a file gone, because the series was replaced under
it, reads `series.json` anew.

Numbers are the integers of `Bars` and `Ticks`; each file carries its grid as Parquet metadata
(`tick_size`, `lot`, `time_unit`), and all files of a series share one grid: data on a finer one make
the whole series finer, exactly. The data readers of other tools see a new file a moment before it
counts; `Store.files` lists those that do.
"""

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from tickstep.bars import Bars, interval_text
from tickstep.data.calendar import Align, Calendar, calendar_for
from tickstep.data.duck import ABSENT, DuckEngine, QueryEngine
from tickstep.data.merge import Columns, Existing, common_step, merged, scaled
from tickstep.data.symbols import AmbiguousSymbolError, Symbol, symbol
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length
from tickstep.ticks import NS_PER_UNIT, Int64Array, Ticks, Time, to_time

__all__ = ["Gap", "Saved", "Series", "Store"]

Kind = Literal["bars", "ticks"]
_FORMAT = 1
_READ_TRIES = 100
_PRICES = {
    "bars": ("open_ticks", "high_ticks", "low_ticks", "close_ticks"),
    "ticks": ("price_ticks", "bid_ticks", "ask_ticks"),
}
_LOTS = {"bars": ("volume_lots", "buy_lots", "open_interest_lots"), "ticks": ("qty_lots",)}
_REQUIRED = {
    "bars": ("time", *_PRICES["bars"], "volume_lots"),
    "ticks": ("time", "price_ticks", "qty_lots", "side"),
}
_OPTIONAL = {
    "bars": ("buy_lots", "trade_count", "turnover", "open_interest_lots"),
    "ticks": ("bid_ticks", "ask_ticks"),
}


class Saved(NamedTuple):
    """What a save did: rows given, and rows that were not there before."""

    rows: int
    added: int


class Gap(NamedTuple):
    """Bars that should be there and are not: start <= time < stop, in the calendar's unit.

    `is_absent` tells that the providers were asked and have none.
    """

    start: int
    stop: int
    bars: int
    is_absent: bool = False


@dataclass(frozen=True)
class Part:
    """One file of a series: its dates, rows, first and last time, optional columns it has whole."""

    file: str
    date: str
    rows: int
    first: int
    last: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """What the store knows of one series."""

    kind: Kind
    symbol: str
    interval: str | None
    tick_size: str | None = None
    lot: str | None = None
    time_unit: str = "ms"
    allow_negative_prices: bool = False
    parts: tuple[Part, ...] = ()
    absent_ms: tuple[tuple[int, int], ...] = field(default=())

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(part.rows for part in self.parts)

    @property
    def name(self) -> str:
        """How errors call it."""
        return f"{self.symbol} {self.interval or 'ticks'}"


class Store:
    """Bars and ticks in a folder; needs the extra `data`.

    Any number of processes may read while one writes; writers of one series wait for each other.
    Symbols may be given in any spelling that has one reading; names that are no known symbol stay
    as they are.

    Parameters
    ----------
    path : str or path-like
        The folder; made when it is not there.
    engine : QueryEngine, optional
        What writes and reads Parquet files, by default DuckDB.

    Examples
    --------
    >>> import tempfile
    >>> import tickstep as ts
    >>> store = ts.Store(tempfile.mkdtemp())
    >>> bars = ts.Bars.from_arrays(
    ...     ["2024-01-02T01:30", "2024-01-02T01:31"], ["10.00", "10.02"], ["10.05", "10.02"],
    ...     ["9.99", "9.98"], ["10.02", "10.00"], [1200, 800], interval="1m", symbol="sh600000")
    >>> store.save(bars)
    Saved(rows=2, added=2)
    >>> store.save(bars)  # the same again changes nothing
    Saved(rows=2, added=0)
    >>> store.bars("600000.SSE", "1m", start="2024-01-02T01:31")
    Bars(600000.SSE, 1 of 1m, 2024-01-02T01:31:00.000 to 2024-01-02T01:31:00.000, tick 0.01, lot 1)
    """

    def __init__(self, path: str | os.PathLike[str], *, engine: QueryEngine | None = None) -> None:
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(
                f"{self.path} is a file; a store is a folder",
                hint="give another path; a DuckDB file of klines is read by other means",
            )
        self._engine: QueryEngine = DuckEngine() if engine is None else engine
        self.path.mkdir(parents=True, exist_ok=True)

    # Writing.

    def save(
        self,
        data: Bars | Ticks,
        *,
        symbol: "str | Symbol | None" = None,
        existing: Existing = "check",
    ) -> Saved:
        """Save bars or ticks in one transaction.

        When it returns the data are on the disk. Saving the same data again changes nothing.

        Parameters
        ----------
        data : Bars or Ticks
            What to save; bars need an interval.
        symbol : str or Symbol, optional
            The instrument, by default the symbol of the data.
        existing : {"check", "keep", "replace", "drop"}
            What becomes of rows that are stored for the same times: "check" wants them equal,
            "keep" keeps them, "replace" removes all stored rows from the first to the last time of
            the data, "drop" removes the series.

        Returns
        -------
        Saved
            Rows given and rows added.

        Raises
        ------
        DataError
            When stored rows differ and `existing` is "check"; nothing is changed then.
        ConfigError
            When the data have no symbol, or bars no interval.
        """
        if existing not in ("check", "keep", "replace", "drop"):
            raise ConfigError(
                f"existing {existing!r} is not one of check, keep, replace, drop",
                hint="existing='keep' keeps what is stored",
            )
        series = _series_of(data, symbol)
        with self._writing(series) as (folder, stored):
            change = _Change(self._engine, folder, stored, series)
            added = change.take(_all_columns(series.kind, data), existing)
            self._commit(folder, stored, change.result())
        return Saved(len(data), added)

    def note_absent(
        self, symbol: "str | Symbol", interval: str, gaps: Sequence[Gap], time_unit: str = "ms"
    ) -> None:
        """Write down that providers have no bars for these gaps, so that nobody asks again."""
        series = Series("bars", _key(symbol), interval_text(interval, "ms"))
        ours, ms = NS_PER_UNIT[time_unit], NS_PER_UNIT["ms"]
        spans = [(gap.start * ours // ms, gap.stop * ours // ms) for gap in gaps]
        with self._writing(series) as (folder, stored):
            known = stored or series
            absent = tuple(sorted({*known.absent_ms, *spans}))
            self._commit(folder, stored, replace(known, absent_ms=absent))

    def retain(self, days: int, *, today: date | None = None) -> int:
        """Remove rows of more than so many days ago, in every series.

        Parameters
        ----------
        days : int
            Days to keep before today.
        today : date, optional
            By default the date in UTC.

        Returns
        -------
        int
            Number of rows removed.
        """
        if isinstance(days, bool) or not isinstance(days, int) or days < 0:
            raise ConfigError(f"days must be 0 or more, was {days!r}", hint="retain(365)")
        first_day = (today or datetime.now(UTC).date()) - timedelta(days=days)
        removed = 0
        for series in self.series():
            with self._writing(series) as (folder, stored):
                if stored is not None:
                    change = _Change(self._engine, folder, stored, stored)
                    change.cut(None, to_time(first_day.isoformat(), stored.time_unit))
                    removed += stored.rows - change.result().rows
                    self._commit(folder, stored, change.result())
        return removed

    def delete(self, symbol: "str | Symbol", interval: str | None = None) -> int:
        """Remove the bars of an interval, or the ticks when none is given; returns rows removed."""
        series = self._stored(symbol, interval)
        with self._writing(series) as (folder, stored):
            if stored is not None:
                self._commit(folder, stored, replace(stored, parts=(), absent_ms=()))
        return 0 if stored is None else stored.rows

    # Reading.

    def bars(
        self,
        symbol: "str | Symbol",
        interval: str,
        start: Time | None = None,
        stop: Time | None = None,
    ) -> Bars:
        """Read bars with start <= time < stop.

        Parameters
        ----------
        symbol : str or Symbol
            In any spelling.
        interval : str
            As "1m" or "1d".
        start, stop : int, str, datetime or datetime64, optional
            Integers are in the time unit of the series, text is UTC.

        Returns
        -------
        Bars
            Optional columns are there when all files read have them.

        Raises
        ------
        DataError
            When there is no such series; the message lists the intervals that there are.
        """
        series, columns = self._read(symbol, interval_text(interval, "ms"), start, stop)
        return Bars(**columns, interval=series.interval, **_labels(series))

    def ticks(
        self, symbol: "str | Symbol", start: Time | None = None, stop: Time | None = None
    ) -> Ticks:
        """Read ticks with start <= time < stop; as `bars`.

        Examples
        --------
        >>> import tempfile
        >>> import tickstep as ts
        >>> store = ts.Store(tempfile.mkdtemp())
        >>> ticks = ts.Ticks.from_arrays(
        ...     [1, 2], [1.5, 1.75], [2.0, 1.0], ["BUY", "SELL"], tick_size=0.25, symbol="rb2510")
        >>> _ = store.save(ticks)
        >>> store.ticks("SHFE.rb2510").data_digest == ticks.data_digest
        True
        """
        series, columns = self._read(symbol, None, start, stop)
        return Ticks(**columns, **_labels(series))

    def series(self) -> list[Series]:
        """List the series that have rows, in order of their names."""
        found = [_manifest(file.parent) for file in sorted(self.path.glob("*/**/series.json"))]
        return [series for series in found if series is not None and series.parts]

    def symbols(self, kind: Kind | None = None) -> list[str]:
        """List the symbols that have bars, ticks, or either."""
        return sorted({each.symbol for each in self.series() if kind in (None, each.kind)})

    def files(self, symbol: "str | Symbol", interval: str | None = None) -> list[Path]:
        """List the Parquet files of a series that count, in order of time."""
        series = self._stored(symbol, interval)
        return [self._folder(series) / part.file for part in series.parts]

    def query(self, sql: str) -> Any:
        """Run one SELECT over everything that is stored.

        Views: `series` (symbol, kind, interval, tick_size, lot, time_unit, rows), `bars` and `ticks`
        (symbol, interval, the integer columns of the files, and prices and volumes as doubles:
        open, high, low, close, volume; price, qty).

        Parameters
        ----------
        sql : str
            One SELECT in DuckDB's dialect. It cannot write, nor read other files.

        Returns
        -------
        DuckDBPyRelation
            Has `__arrow_c_stream__`, `.fetchall()`, `.fetchnumpy()`; `polars.DataFrame` takes it.

        Examples
        --------
        >>> import tempfile
        >>> import tickstep as ts
        >>> ts.Store(tempfile.mkdtemp()).query("SELECT 6 * 7").fetchall()
        [(42,)]
        """
        return self._engine.query(sql, _views(self.path, self.series()), self.path)

    # Gaps.

    def gaps(
        self,
        symbol: "str | Symbol",
        interval: str,
        start: Time,
        stop: Time,
        calendar: Calendar | None = None,
        *,
        align: Align = "session",
    ) -> list[Gap]:
        """List the bars that the calendar expects and the store does not have.

        Parameters
        ----------
        symbol : str or Symbol
            In any spelling.
        interval : str
            As "1m" or "1d".
        start, stop : int, str, datetime or datetime64
            Bars that begin in start <= time < stop; integers are in the calendar's time unit.
        calendar : Calendar, optional
            By default that of the symbol, in ms.
        align : {"session", "clock"}
            As for `Calendar.expected`.

        Returns
        -------
        list of Gap
            Neighbouring bars that are missing make one gap, also across a night or holiday.

        Raises
        ------
        DataError
            When the symbol has no calendar and none is given, or the calendar ends before.
        """
        of = self._calendar(symbol) if calendar is None else calendar
        wanted = of.expected(interval, start, stop, align=align)
        series = self._found(symbol, interval_text(interval, "ms"))
        there = np.zeros(0, dtype=np.int64)
        if series is not None and series.parts and len(wanted):
            there = self._starts(series, of, wanted, is_by_day=interval[-1] in "dwoM")
        missing = wanted[~np.isin(wanted, there)]
        if not len(missing):
            return []
        spans = () if series is None else series.absent_ms
        is_absent = _within(missing, spans, of.time_unit)
        return _runs(wanted, missing, is_absent, _ends(interval, of.time_unit))

    def _starts(
        self, series: Series, of: Calendar, wanted: Int64Array, *, is_by_day: bool
    ) -> Int64Array:
        """Return the starts of the stored bars in the calendar's unit, long bars by their date."""
        day = NS_PER_UNIT["s"] * 86_400 // NS_PER_UNIT[series.time_unit]
        ours, theirs = NS_PER_UNIT[series.time_unit], NS_PER_UNIT[of.time_unit]
        first = int(wanted[0]) * theirs // ours - day
        last = int(wanted[-1]) * theirs // ours + day
        _, columns = self._read(series.symbol, series.interval, first, last, only=("time",))
        time: Int64Array = columns["time"]
        time = time * (ours // theirs) if ours >= theirs else time // (theirs // ours)
        if not is_by_day or series.interval is None:
            return time
        days = of.day_of_bars(time)
        if series.interval == "1mo":
            days = days.astype("datetime64[M]").astype("datetime64[D]")
        return days.astype(np.int64) * (NS_PER_UNIT["s"] * 86_400 // theirs)

    def _calendar(self, name: "str | Symbol") -> Calendar:
        return calendar_for(symbol(name))

    # Files.

    def _folder(self, series: Series) -> Path:
        return _folder_in(self.path, series)

    def _found(self, name: "str | Symbol", interval: str | None) -> Series | None:
        kind: Kind = "ticks" if interval is None else "bars"
        return _manifest(self._folder(Series(kind, _key(name), interval)))

    def _stored(self, name: "str | Symbol", interval: str | None) -> Series:
        words = None if interval is None else interval_text(interval, "ms")
        series = self._found(name, words)
        if series is not None and series.parts:
            return series
        others = [each.name for each in self.series() if each.symbol == _key(name)]
        raise DataError(
            f"the store has no {'ticks' if words is None else f'bars of {words}'} of {_key(name)}",
            hint=f"it has {', '.join(others)}" if others else "Store.symbols() lists what it has",
        )

    def _read(
        self,
        name: "str | Symbol",
        interval: str | None,
        start: Time | None,
        stop: Time | None,
        only: tuple[str, ...] = (),
    ) -> tuple[Series, dict[str, Any]]:
        for _ in range(_READ_TRIES):
            series = self._stored(name, interval)
            first = None if start is None else to_time(start, series.time_unit)
            last = None if stop is None else to_time(stop, series.time_unit)
            parts = [part for part in series.parts if _overlaps(part, first, last)]
            names = only or _columns_of(series.kind, parts)
            try:
                return series, self._columns(series, parts, names, first, last)
            except FileNotFoundError:
                continue  # replaced meanwhile: what counts now is in the new series.json
        raise DataError(
            f"{name}: the series was replaced {_READ_TRIES} times while it was read",
            hint="read a shorter range, or write larger batches",
        )

    def _columns(
        self,
        series: Series,
        parts: Sequence[Part],
        names: Sequence[str],
        first: int | None,
        last: int | None,
    ) -> Columns:
        if not parts:
            columns = _empty(names)
        else:
            folder = self._folder(series)
            files = [folder / part.file for part in parts]
            columns = self._engine.read(files, names, first, last)
        for column in columns.values():
            column.flags.writeable = False
        return columns

    @contextmanager
    def _writing(self, series: Series) -> Iterator[tuple[Path, Series | None]]:
        folder = self._folder(series)
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / "lock"):
            stored = _manifest(folder)
            _sweep(folder, stored)
            try:
                yield folder, stored
            except BaseException:
                _sweep(folder, stored)
                raise

    def _commit(self, folder: Path, stored: Series | None, series: Series) -> None:
        if series == stored:
            return
        text = json.dumps({"format": _FORMAT} | asdict(series), indent=0)
        fresh = folder / f"series.{uuid.uuid4().hex}.tmp"
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        for parent in {(folder / part.file).parent for part in series.parts}:
            _sync_folder(parent)
        fresh.replace(folder / "series.json")
        _sync_folder(folder)
        _sweep(folder, series)


class _Change:
    """One transaction on one series: new files beside the old ones, and the series to be."""

    def __init__(
        self, engine: QueryEngine, folder: Path, stored: Series | None, given: Series
    ) -> None:
        self._engine, self._folder = engine, folder
        self._given = given
        self._series = stored if stored is not None else given

    def result(self) -> Series:
        return self._series

    def take(self, new: Columns, existing: Existing) -> int:
        """Bring rows in; returns how many were not there before."""
        is_replaced = existing in ("replace", "drop")
        if existing == "drop" or not self._series.parts:
            self._series = replace(self._given, absent_ms=self._series.absent_ms)
        else:
            self._refine()
        new = self._on_grid(new, self._given)
        if existing == "replace" and len(new["time"]):
            self.cut(int(new["time"][0]), int(new["time"][-1]) + 1)
        labels = _dates(new["time"], self._series)
        added = 0
        for label in np.unique(labels):
            rows = {name: column[labels == label] for name, column in new.items()}
            added += self._take_date(str(label), rows, "check" if is_replaced else existing)
        return added

    def cut(self, first: int | None, last: int) -> None:
        """Remove rows with first <= time < last."""
        for part in self._series.parts:
            if part.first >= last or (first is not None and part.last < first):
                continue
            rows = self._rows_of(part)
            is_kept = rows["time"] >= last
            if first is not None:
                is_kept |= rows["time"] < first
            self._put(part.date, {name: column[is_kept] for name, column in rows.items()})

    def _take_date(self, label: str, new: Columns, existing: Existing) -> int:
        part = next((each for each in self._series.parts if each.date == label), None)
        old = _empty(new) if part is None else self._rows_of(part)
        columns, added = merged(self._series.kind, old, new, existing, self._series.name)
        if added or part is None:
            self._put(label, columns)
        return added

    def _rows_of(self, part: Part) -> Columns:
        names = (*_REQUIRED[self._series.kind], *_OPTIONAL[self._series.kind])
        return self._engine.read([self._folder / part.file], names, None, None)

    def _put(self, label: str, columns: Columns) -> None:
        others = [part for part in self._series.parts if part.date != label]
        parts = [*others, self._written(label, columns)] if len(columns["time"]) else others
        self._series = replace(self._series, parts=tuple(sorted(parts, key=lambda p: p.first)))

    def _written(self, label: str, columns: Columns) -> Part:
        kind = self._series.kind
        name = f"date={label}/{uuid.uuid4().hex}.parquet"
        file = self._folder / name
        file.parent.mkdir(exist_ok=True)
        told = ("kind", "symbol", "interval", "tick_size", "lot", "time_unit")
        labels = {each: str(getattr(self._series, each)) for each in told}
        self._engine.write(file, columns, _OPTIONAL[kind], labels)
        _sync(file)
        whole = tuple(each for each in _OPTIONAL[kind] if _is_whole(columns[each]))
        time = columns["time"]
        return Part(name, label, len(time), int(time[0]), int(time[-1]), whole)

    def _refine(self) -> None:
        """Put the whole series on the grid that it and the new rows share."""
        old, new = self._series, self._given
        units = (old.time_unit, new.time_unit)
        finest = min(units, key=NS_PER_UNIT.__getitem__)
        shared = replace(
            old,
            tick_size=common_step(str(old.tick_size), str(new.tick_size)),
            lot=common_step(str(old.lot), str(new.lot)),
            time_unit=finest,
            allow_negative_prices=old.allow_negative_prices or new.allow_negative_prices,
        )
        is_same = (old.tick_size, old.lot, old.time_unit) == (
            shared.tick_size,
            shared.lot,
            shared.time_unit,
        )
        self._series = shared
        for part in () if is_same else old.parts:
            self._put(part.date, self._on_grid(self._rows_of(part), old))

    def _on_grid(self, columns: Columns, grid: Series) -> Columns:
        to = self._series
        ratios = {"time": NS_PER_UNIT[grid.time_unit] // NS_PER_UNIT[to.time_unit]}
        ratios |= dict.fromkeys(_PRICES[to.kind], _ratio(grid.tick_size, to.tick_size))
        ratios |= dict.fromkeys(_LOTS[to.kind], _ratio(grid.lot, to.lot))
        return scaled(columns, ratios, to.name)


# Small parts.


def _key(name: "str | Symbol") -> str:
    """Return the canonical name; a name that no market knows stays as it is."""
    if not name:
        raise ConfigError("a symbol must not be empty", hint="save(data, symbol='600000.SSE')")
    try:
        return str(symbol(name))
    except AmbiguousSymbolError:
        raise
    except DataError:
        return str(name)


def _series_of(data: Bars | Ticks, name: "str | Symbol | None") -> Series:
    if not isinstance(data, (Bars, Ticks)):
        raise ConfigError(
            f"a store takes Bars or Ticks, was {type(data).__name__}",
            hint="Bars.from_arrays makes bars from columns",
        )
    chosen = data.symbol if name is None else name
    if chosen is None:
        raise ConfigError("the data have no symbol", hint="save(data, symbol='600000.SSE')")
    labels = data._labels()
    interval = data.interval if isinstance(data, Bars) else None
    if isinstance(data, Bars) and interval is None:
        raise ConfigError(
            "bars that are not cut by time cannot be stored",
            hint="save the ticks that they were made from",
        )
    return Series(
        "bars" if isinstance(data, Bars) else "ticks",
        _key(chosen),
        interval,
        labels["tick_size"],
        labels["lot"],
        data.time_unit,
        labels["allow_negative_prices"],
    )


def _all_columns(kind: Kind, data: Bars | Ticks) -> Columns:
    """Return every column of the kind; those that the data lack are filled with `ABSENT`."""
    columns: Columns = {name: getattr(data, name) for name in _REQUIRED[kind]}
    for name in _OPTIONAL[kind]:
        column = getattr(data, name)
        if column is None:
            filler = np.nan if name == "turnover" else ABSENT
            column = np.full(len(data), filler, dtype=type(filler))
        columns[name] = column
    return columns


def _labels(series: Series) -> dict[str, Any]:
    return {
        "tick_size": series.tick_size,
        "lot": series.lot,
        "time_unit": series.time_unit,
        "symbol": series.symbol,
        "source": "store",
        "allow_negative_prices": series.allow_negative_prices,
    }


def _columns_of(kind: Kind, parts: Sequence[Part]) -> tuple[str, ...]:
    whole = [name for name in _OPTIONAL[kind] if all(name in part.columns for part in parts)]
    return (*_REQUIRED[kind], *(whole if parts else ()))


def _is_whole(column: npt.NDArray[Any]) -> bool:
    # Turnover may be unknown in single rows; a column of nothing else is none.
    return not np.isnan(column).all() if column.dtype.kind == "f" else not (column == ABSENT).any()


def _empty(names: Any) -> Columns:
    kinds = {"turnover": np.float64, "side": np.uint8}
    return {name: np.zeros(0, dtype=kinds.get(name, np.int64)) for name in names}


def _ratio(from_step: str | None, to_step: str | None) -> int:
    return int(Fraction(str(from_step)) / Fraction(str(to_step)))


def _dates(time: Int64Array, series: Series) -> npt.NDArray[np.str_]:
    """Return the stretch of dates that each row is filed under."""
    stamps = time.view(f"datetime64[{series.time_unit}]")
    if series.interval is None:
        return stamps.astype("datetime64[D]").astype(str)
    if series.interval == "1mo":
        return _decades(stamps)
    length = interval_length(series.interval, "ns")
    if length < 3600 * NS_PER_UNIT["s"]:
        return stamps.astype("datetime64[M]").astype(str)
    if length < 86_400 * NS_PER_UNIT["s"]:
        return stamps.astype("datetime64[Y]").astype(str)
    return _decades(stamps)


def _decades(stamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.str_]:
    years = stamps.astype("datetime64[Y]").astype(np.int64) + 1970
    return (years // 10 * 10).astype(str)


def _overlaps(part: Part, first: int | None, last: int | None) -> bool:
    return (first is None or part.last >= first) and (last is None or part.first < last)


def _within(
    times: Int64Array, spans_ms: Sequence[tuple[int, int]], unit: str
) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(times), dtype=bool)
    ours, ms = NS_PER_UNIT[unit], NS_PER_UNIT["ms"]
    for start, stop in spans_ms:
        found |= (times >= start * ms // ours) & (times < stop * ms // ours)
    return found


def _ends(interval: str, unit: str) -> Any:
    """Return the function from the start of a bar to its end."""
    if interval not in ("1mo", "1M"):
        length = interval_length(interval, unit)
        return lambda start: start + length
    day = 86_400 * NS_PER_UNIT["s"] // NS_PER_UNIT[unit]

    def month_end(start: int) -> int:
        month = np.datetime64(start // day, "D").astype("datetime64[M]") + 1
        return int(month.astype("datetime64[D]").astype(np.int64)) * day

    return month_end


def _runs(
    wanted: Int64Array, missing: Int64Array, is_absent: npt.NDArray[np.bool_], end_of: Any
) -> list[Gap]:
    places = np.searchsorted(wanted, missing)
    breaks = np.flatnonzero((np.diff(places) != 1) | (np.diff(is_absent.astype(int)) != 0)) + 1
    return [
        Gap(int(run[0]), end_of(int(run[-1])), len(run), bool(is_absent[first]))
        for first, run in zip(np.append(0, breaks).tolist(), np.split(missing, breaks), strict=True)
    ]


def _views(root: Path, found: Sequence[Series]) -> dict[str, str]:
    per_us = {"s": "* 1000000", "ms": "* 1000", "us": "", "ns": "// 1000"}
    rows = [
        f"({_sql(s.symbol)}, {_sql(s.kind)}, {_sql(s.interval or '')}, {_sql(str(s.tick_size))},"
        f" {_sql(str(s.lot))}, {_sql(s.time_unit)}, {s.rows})"
        for s in found
    ]
    names = "symbol, kind, interval, tick_size, lot, time_unit, rows"
    views = {"series": f"SELECT * FROM (VALUES {', '.join(rows)}) AS t({names})"} if rows else {}
    floats: dict[str, Mapping[str, str]] = {
        "bars": {name.removesuffix("_ticks"): name for name in _PRICES["bars"]},
        "ticks": {"price": "price_ticks"},
    }
    for kind in ("bars", "ticks"):
        parts = []
        for s in (each for each in found if each.kind == kind):
            folder = _folder_in(root, s)
            files = ", ".join(_sql(str(folder / part.file)) for part in s.parts)
            lots = "volume_lots" if kind == "bars" else "qty_lots"
            numbers = [_double(*each, s.tick_size) for each in floats[kind].items()]
            numbers.append(_double(lots.removesuffix("_lots"), lots, s.lot))
            parts.append(
                f"SELECT {_sql(s.symbol)} AS symbol, {_sql(s.interval or '')} AS interval,"
                f" make_timestamp(time {per_us[s.time_unit]}) AS datetime, *, {', '.join(numbers)}"
                f" FROM read_parquet([{files}], hive_partitioning = false)"
            )
        if parts:
            views[kind] = " UNION ALL ".join(parts)
    return views


def _double(name: str, column: str, step: str | None) -> str:
    size = Fraction(str(step))
    return f"{column} * {size.numerator} / {size.denominator}::DOUBLE AS {name}"


def _folder_in(root: Path, series: Series) -> Path:
    named = f"symbol={quote(series.symbol, safe='')}"
    if series.kind == "ticks":
        return root / "ticks" / named
    return root / "bars" / f"interval={series.interval}" / named


def _sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _manifest(folder: Path) -> Series | None:
    file = folder / "series.json"
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DataError(f"{file} is damaged: {error}", hint="restore it from a copy") from error
    if told.pop("format", None) != _FORMAT:
        raise DataError(
            f"{file} has a format that this version does not know",
            hint="open the store with the version of tickstep that wrote it",
        )
    told["parts"] = tuple(
        Part(**(part | {"columns": tuple(part["columns"])})) for part in told["parts"]
    )
    told["absent_ms"] = tuple((start, stop) for start, stop in told["absent_ms"])
    return Series(**told)


def _sweep(folder: Path, series: Series | None) -> None:
    """Remove files that no longer count: replaced ones, and those of a writer that was killed."""
    kept = set() if series is None else {folder / part.file for part in series.parts}
    for file in (*folder.glob("date=*/*.parquet"), *folder.glob("series.*.tmp")):
        if file not in kept:
            try:
                file.unlink(missing_ok=True)
            except PermissionError:
                continue  # a reader holds it open on Windows; the next writer removes it
    for place in folder.glob("date=*"):
        if not any(place.iterdir()):
            place.rmdir()


def _sync(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # folders cannot be opened there; a rename is on the disk when it returns
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, however it ends."""
    with file.open("ab+") as opened:
        if os.name == "nt":
            import msvcrt

            locking: Any = msvcrt
            opened.seek(0)
            locking.locking(opened.fileno(), locking.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
