"""The kline functions of pyrust-bt over the store: the same names, arguments and dicts.

`db_path` is the folder of a `Store`, so that many processes may read while one writes. Prices and
volumes are kept as the decimals they are written as, on the coarsest grid that holds them; times
without a zone are local to the symbol's market, as there, and stored in UTC.
"""

import csv
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tickstep.bars import Bars, interval_text
from tickstep.data.calendar import from_utc, to_utc
from tickstep.data.store import Series, Store
from tickstep.data.symbols import AmbiguousSymbolError, Symbol, symbol
from tickstep.errors import DataError
from tickstep.intervals import interval_length

__all__ = [
    "get_market_data",
    "load_and_synthesize_klines",
    "resample_klines",
    "save_klines",
    "save_klines_from_csv",
]

Kline = dict[str, Any]
_NUMBERS = ("open", "high", "low", "close", "volume")
_LONG = {"M": "datetime64[M]", "mo": "datetime64[M]", "y": "datetime64[Y]"}
_US = "datetime64[us]"


def save_klines(
    db_path: str | os.PathLike[str],
    symbol: str,
    period: str,
    bars: Sequence[Mapping[str, Any]],
    replace: bool = False,
) -> None:
    """Save klines; those whose time is stored already are left alone, as in pyrust-bt.

    A missing or unreadable field is an error here; pyrust-bt writes a zero.

    Parameters
    ----------
    db_path : str or path-like
        Folder of the store.
    symbol : str
        In any spelling, such as "513500.SH".
    period : str
        As "1m", "1d" or "1M" (a month, case matters).
    bars : sequence of mapping
        Each with datetime (ISO 8601), open, high, low, close, volume; of one time the first counts.
    replace : bool
        Whether all klines of this symbol and period are replaced, in one transaction.

    Raises
    ------
    DataError
        When a kline breaks a rule; nothing is saved then.

    Examples
    --------
    >>> import tempfile
    >>> from tickstep.data.klines import get_market_data, save_klines
    >>> folder = tempfile.mkdtemp()
    >>> bar = {"datetime": "2024-01-02 09:31:00", "open": 1.2, "high": 1.25, "low": 1.2,
    ...        "close": 1.21, "volume": 5000.0}
    >>> save_klines(folder, "513500.SH", "1m", [bar])
    >>> get_market_data(folder, "513500.SH", "1m") == [bar | {"symbol": "513500.SH"}]
    True
    """
    store = Store(db_path)
    rows = [_checked(row, number) for number, row in enumerate(bars)]
    if rows:
        made = _as_bars(rows, symbol, period)
        store.save(made, symbol=symbol, existing="drop" if replace else "keep")
    elif replace and _is_stored(store, symbol, period):
        store.delete(symbol, interval_text(period, "ms"))


def save_klines_from_csv(
    db_path: str | os.PathLike[str],
    csv_path: str | os.PathLike[str],
    symbol: str,
    period: str,
    replace: bool = False,
) -> None:
    """Save the klines of a CSV file with the columns datetime, open, high, low, close, volume.

    Decimals are taken from the text exactly; otherwise as `save_klines`.

    Parameters
    ----------
    db_path, symbol, period, replace
        As for `save_klines`.
    csv_path : str or path-like
        The file, UTF-8 with a header.

    Raises
    ------
    DataError
        When a column is missing or a row is bad; nothing is saved then.
    """
    file = Path(csv_path)
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        wanted = ("datetime", *_NUMBERS)
        missing = [name for name in wanted if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(
                f"{file.name} has no column {missing[0]}", hint=f"columns: {','.join(wanted)}"
            )
        rows = [{name: row[name] for name in wanted} for row in reader]
    save_klines(db_path, symbol, period, rows, replace)


def get_market_data(
    db_path: str | os.PathLike[str],
    symbol: str,
    period: str,
    start: str | None = None,
    end: str | None = None,
    count: int = -1,
) -> list[Kline]:
    """Read klines in order of time.

    Parameters
    ----------
    db_path, symbol, period
        As for `save_klines`.
    start, end : str, optional
        First and last time, both included. An end that is a date takes in the whole day; pyrust-bt
        stops at its midnight.
    count : int
        When above 0, the newest so many up to `end`; `start` is then ignored.

    Returns
    -------
    list of dict
        datetime ("YYYY-MM-DD HH:MM:SS[.ffffff]"), open, high, low, close, volume, symbol as given;
        empty when there are none.

    Examples
    --------
    >>> import tempfile
    >>> from tickstep.data.klines import get_market_data
    >>> get_market_data(tempfile.mkdtemp(), "513500.SH", "1d")
    []
    """
    store = Store(db_path)
    series = _series(store, symbol, period)
    if series is None:
        return []
    unit = series.time_unit
    first = None if start is None or count > 0 else _at_least(_moment(start, symbol, period), unit)
    last = None if end is None else _at_least(_after(end, symbol, period), unit)
    bars = store.bars(symbol, str(interval_text(period, "ms")), first, last)
    return _as_klines(bars[-count:] if count > 0 else bars, symbol, period)


def load_and_synthesize_klines(
    db_path: str | os.PathLike[str],
    symbol: str,
    target_period: str,
    start: str | None = None,
    end: str | None = None,
    count: int = -1,
) -> list[Kline]:
    """Read klines, made from the longest shorter period that is stored where the own is not.

    pyrust-bt only loads, whatever the name says.

    Parameters
    ----------
    db_path, symbol, target_period, start, end, count
        As for `get_market_data`.

    Returns
    -------
    list of dict
        As `get_market_data`.
    """
    store = Store(db_path)
    if _is_stored(store, symbol, target_period):
        return get_market_data(db_path, symbol, target_period, start, end, count)
    shorter = [each for each in _stored_periods(store, symbol) if _fits(each, target_period)]
    if not shorter:
        return []
    made = resample_klines(
        get_market_data(db_path, symbol, shorter[-1], start if count <= 0 else None, end),
        target_period,
    )
    return made[-count:] if count > 0 else made


def resample_klines(bars: Sequence[Mapping[str, Any]], target_period: str) -> list[Kline]:
    """Join klines to longer ones, by the wall clock of their times.

    Weeks begin on Monday, months and years on their first day; pyrust-bt makes days of all of them.
    Intervals of several days count from 1970-01-01.

    Parameters
    ----------
    bars : sequence of mapping
        As for `save_klines`, in order of time.
    target_period : str
        As "5m", "1h", "1d", "1w", "1M" or "1y".

    Returns
    -------
    list of dict
        Klines with the time at which each begins; periods without klines are left out.

    Raises
    ------
    DataError
        When the klines are not in order of time.
    ConfigError
        When the period is none.

    Examples
    --------
    >>> from tickstep.data.klines import resample_klines
    >>> minutes = [{"datetime": f"2024-01-02 09:3{n}:00", "open": n, "high": n + 2, "low": n - 1,
    ...             "close": n + 1, "volume": 10.0, "symbol": "X"} for n in range(6)]
    >>> [(bar["datetime"], bar["high"], bar["volume"]) for bar in resample_klines(minutes, "5m")]
    [('2024-01-02 09:30:00', 6, 50.0), ('2024-01-02 09:35:00', 7, 10.0)]
    """
    if not bars:
        return []
    rows = [_checked(row, number) for number, row in enumerate(bars)]
    times = np.array([_stamp(row["datetime"]) for row in rows], dtype=_US)
    early = np.flatnonzero(np.diff(times) < np.timedelta64(0, "us"))
    if early.size:
        row = int(early[0]) + 1
        raise DataError(
            f"datetime {rows[row]['datetime']} at row {row} comes before that of the row before",
            hint="sort the klines by datetime",
        )
    starts = _starts(times, target_period)
    return [_joined(start, list(group)) for start, group in _groups(starts, rows)]


def _groups(
    starts: npt.NDArray[np.datetime64], rows: Sequence[Kline]
) -> Iterator[tuple[np.datetime64, Iterable[Kline]]]:
    pairs = zip(starts, rows, strict=True)
    for start, group in groupby(pairs, key=lambda pair: pair[0]):
        yield start, [row for _, row in group]


def _joined(start: np.datetime64, rows: Sequence[Kline]) -> Kline:
    return {
        "datetime": _text(start),
        "open": rows[0]["open"],
        "high": max(row["high"] for row in rows),
        "low": min(row["low"] for row in rows),
        "close": rows[-1]["close"],
        "volume": math.fsum(row["volume"] for row in rows),
        "symbol": rows[0].get("symbol", "UNKNOWN"),
    }


def _starts(times: npt.NDArray[np.datetime64], period: str) -> npt.NDArray[np.datetime64]:
    for ending, unit in _LONG.items():
        count = period.removesuffix(ending)
        if count != period and count.isdigit() and int(count) > 0:
            places = times.astype(unit).astype(np.int64)
            return (places // int(count) * int(count)).astype(unit).astype(_US)
    length = interval_length(period, "us")
    # Weeks begin on a Monday, three days before the first of 1970, which was a Thursday.
    shift = 3 * 86_400_000_000 if period.endswith("w") else 0
    micros = times.astype(np.int64) + shift
    return (micros // length * length - shift).astype(_US)


def _as_bars(rows: Sequence[Kline], name: str, period: str) -> Bars:
    times = np.array([_moment(row["datetime"], name, period) for row in rows], dtype=_US)
    times, kept = np.unique(times, return_index=True)  # of one time the first
    chosen = [rows[row] for row in kept.tolist()]
    unit = "ms" if (times.astype("datetime64[ms]") == times).all() else "us"
    columns = [np.array([str(row[number]) for row in chosen]) for number in _NUMBERS]
    return Bars.from_arrays(
        times,
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        columns[4],
        interval=interval_text(period, unit),
        time_unit=unit,
        symbol=name,
    )


def _as_klines(bars: Bars, name: str, period: str) -> list[Kline]:
    times = bars.datetimes
    if not _is_long(period):
        times = from_utc(times, _instrument(name))
    columns = [getattr(bars, number).tolist() for number in _NUMBERS]
    return [
        {"datetime": _text(time)} | dict(zip(_NUMBERS, row, strict=True)) | {"symbol": name}
        for time, *row in zip(times, *columns, strict=True)
    ]


def _checked(row: Mapping[str, Any], number: int) -> Kline:
    missing = [name for name in ("datetime", *_NUMBERS) if row.get(name) is None]
    if missing:
        raise DataError(
            f"the kline at row {number} has no {missing[0]}", hint="fill it in, or drop the row"
        )
    return dict(row)


def _stamp(text: Any) -> datetime:
    try:
        return text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    except ValueError:
        raise DataError(
            f"datetime {text!r} is not a time", hint="write '2024-01-02 09:30:00'"
        ) from None


def _moment(text: Any, name: str, period: str) -> np.datetime64:
    """Return a time in UTC; long bars keep their date, which stands as midnight UTC."""
    stamp = _stamp(text)
    if stamp.tzinfo is not None:
        return np.datetime64(stamp.astimezone(UTC).replace(tzinfo=None), "us")
    local = np.array([stamp], dtype=_US)
    if _is_long(period):
        found: np.datetime64 = local[0]
        return found
    moment: np.datetime64 = to_utc(local, _instrument(name))[0]
    return moment


def _at_least(moment: np.datetime64, unit: str) -> int:
    """Return the first whole unit that is not before a time."""
    whole = moment.astype(f"datetime64[{unit}]")
    return int(whole.astype(np.int64)) + bool(whole < moment)


def _after(text: str, name: str, period: str) -> np.datetime64:
    """Return the first time that is not included by an end."""
    is_date = len(text.strip()) == 10
    step = np.timedelta64(1, "D") if is_date else np.timedelta64(1, "us")
    stamp: np.datetime64 = np.datetime64(_stamp(text), "us") + step
    return _moment(stamp.astype(datetime), name, period)


def _is_long(period: str) -> bool:
    words = interval_text(period, "ms")
    return words == "1mo" or interval_length(str(words), "s") >= 86_400


def _instrument(name: str) -> Symbol | None:
    try:
        return symbol(name)
    except AmbiguousSymbolError:
        raise
    except DataError:
        return None


def _text(time: np.datetime64) -> str:
    text = str(time.astype(_US)).replace("T", " ")
    return text.removesuffix(".000000") if text.endswith(".000000") else text.rstrip("0")


def _stored_periods(store: Store, name: str) -> list[str]:
    instrument = _instrument(name)
    wanted = name if instrument is None else str(instrument)
    found = [each.interval for each in store.series() if each.symbol == wanted and each.interval]
    return sorted(
        (each for each in found if each != "1mo"), key=lambda each: interval_length(each, "us")
    )


def _is_stored(store: Store, name: str, period: str) -> bool:
    return _series(store, name, period) is not None


def _series(store: Store, name: str, period: str) -> Series | None:
    instrument = _instrument(name)
    wanted = name if instrument is None else str(instrument)
    words = interval_text(period, "ms")
    found = (s for s in store.series() if s.symbol == wanted and s.interval == words)
    return next(found, None)


def _fits(shorter: str, period: str) -> bool:
    words = interval_text(period, "ms")
    if words == "1mo":
        return interval_length(shorter, "s") <= 86_400
    length, step = interval_length(str(words), "us"), interval_length(shorter, "us")
    return step < length and length % step == 0
