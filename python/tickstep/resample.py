"""Candles and bars put together to longer ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tickstep.bars import MONTH, Bars, interval_text
from tickstep.candles import CANDLE_COLUMNS, Candles
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length, phase_of
from tickstep.pieces import (
    SUM_END,
    Array,
    Interval,
    has_floats,
    length_of,
    number_column,
    times_of,
)
from tickstep.ticks import Int64Array, check_time_unit

__all__ = [
    "resample_bars",
    "resample_candles",
]

TIME_END = 2**62


def resample_candles(
    candles: Mapping[str, Any],
    target_interval_ms: Interval,
    source_interval_ms: Interval | None = None,
    *,
    time_unit: str = "ms",
) -> Candles:
    """Put candles together to longer ones.

    Candles without a trade (`trade_count` 0) give no price where their bucket has others.

    Parameters
    ----------
    candles : mapping of str to array
        Columns of `ticks_to_candles`; trade_count, buy_volume and sell_volume may be missing.
    target_interval_ms : int or str
        Length of the new candles in milliseconds, or text such as "5m". Weeks begin on Mondays.
    source_interval_ms : int or str, optional
        Length of the given ones; by default the smallest distance of two.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of ts_open.

    Returns
    -------
    dict of str to array
        The same columns.

    Raises
    ------
    ConfigError
        When the new length is no multiple of the old one.
    DataError
        When a candle lies in two of the new ones, or times do not ascend.

    Examples
    --------
    >>> from tickstep.analytics import resample_candles
    >>> candles = {"ts_open": [0, 60, 120], "open": [5, 6, 7], "high": [8, 9, 7],
    ...            "low": [4, 6, 5], "close": [6, 7, 5], "volume": [1, 2, 3]}
    >>> longer = resample_candles(candles, 120, 60)
    >>> longer["close"].tolist(), longer["high"].tolist(), longer["volume"].tolist()
    ([7, 5], [9, 7], [3, 3])
    """
    missing = [name for name in CANDLE_COLUMNS[:6] if name not in candles]
    if missing:
        raise DataError(
            f"candles have no column {missing[0]}",
            hint="ts_open, open, high, low, close and volume are needed",
        )
    names = [name for name in CANDLE_COLUMNS if name in candles]
    time = times_of(candles["ts_open"], check_time_unit(time_unit))
    columns = {"ts_open": time} | {name: _finite(candles[name], name) for name in names[1:]}
    _check_order(time)
    target = length_of(target_interval_ms, "target_interval_ms", time_unit)
    source = _source_interval(time, source_interval_ms, time_unit)
    return _grouped(columns, _buckets(time, target, source, time_unit))


def _finite(values: Any, name: str) -> Array:
    column = number_column(values, name)
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        row = int(bad[0])
        raise DataError(
            f"{name} must be finite, was {column[row]} at row {row}",
            hint="drop the row, or fill it",
        )
    return column


def _check_order(time: Int64Array) -> None:
    """Times never descend, and no difference of them wraps."""
    back = np.flatnonzero(time[1:] < time[:-1])
    if back.size:
        row = int(back[0]) + 1
        raise DataError(
            f"time {time[row]} at row {row} comes before that of the row before",
            hint="sort the candles by time",
        )
    if time.size and not -TIME_END <= time[0] <= time[-1] < TIME_END:
        raise DataError(
            f"times from {time[0]} to {time[-1]} are not within 2^62",
            hint="give times since 1970 in s, ms, us or ns",
        )


def _source_interval(time: Int64Array, given: Interval | None, unit: str) -> int | None:
    if given is not None:
        return length_of(given, "source_interval_ms", unit)
    steps = np.diff(time)
    return int(steps.min()) if steps.size and steps.min() > 0 else None


def _buckets(time: Int64Array, target: int, source: int | None, unit: str) -> Int64Array:
    """Start of the bucket of each candle; no candle may reach into the next one."""
    if source is not None and target % source:
        raise ConfigError(
            f"candles of {target} cannot be made of candles of {source}: it is no multiple",
            hint="choose a multiple, or name source_interval_ms where rows are missing",
        )
    offset = (time - phase_of(target, unit)) % target
    over = np.flatnonzero(offset > target - (source or 1))
    if over.size:
        row = int(over[0])
        raise DataError(
            f"the candle at row {row} begins at {time[row]} and reaches into the next {target}",
            hint="candles must begin at multiples of their length",
        )
    return time - offset


def _months(time: Int64Array, source: int, unit: str) -> Int64Array:
    """Start of the month of each candle; no candle may reach into the next one."""
    kind = f"datetime64[{unit}]"
    months = time.view(kind).astype("datetime64[M]")
    ends = (months + 1).astype(kind).view(np.int64)
    over = np.flatnonzero(time + source > ends)
    if over.size:
        row = int(over[0])
        raise DataError(
            f"the bar at row {row} begins at {time[row]} and reaches into the next month",
            hint="take bars of days, or shorter ones",
        )
    return months.astype(kind).view(np.int64)


def _grouped(columns: Mapping[str, Array], buckets: Int64Array) -> Candles:
    for name, column in columns.items():
        if len(column) != len(buckets):
            raise DataError(
                f"{name} has {len(column)} rows, ts_open {len(buckets)}", hint="give equal columns"
            )
    if len(buckets) == 0:
        return {name: column.copy() for name, column in columns.items()}
    columns, buckets = _traded(columns, buckets)
    firsts = _firsts(buckets)
    lasts = np.append(firsts[1:], len(buckets)) - 1
    made: Candles = {
        "ts_open": buckets[firsts],
        "open": columns["open"][firsts],
        "high": np.maximum.reduceat(columns["high"], firsts),
        "low": np.minimum.reduceat(columns["low"], firsts),
        "close": columns["close"][lasts],
    }
    return made | {name: _sums(columns[name], firsts, name) for name in columns if name not in made}


def _firsts(buckets: Int64Array) -> Int64Array:
    """Rows at which a bucket begins."""
    return np.append(0, np.flatnonzero(buckets[1:] != buckets[:-1]) + 1)


def _traded(
    columns: Mapping[str, Array], buckets: Int64Array
) -> tuple[Mapping[str, Array], Int64Array]:
    """Leave out candles without trades, but not where the bucket has nothing else."""
    counts = columns.get("trade_count")
    if counts is None or (counts > 0).all():
        return columns, buckets
    firsts = _firsts(buckets)
    rows = np.diff(np.append(firsts, len(buckets)))
    is_bare = np.repeat(np.maximum.reduceat(counts, firsts) == 0, rows)
    kept = (counts > 0) | is_bare
    return {name: column[kept] for name, column in columns.items()}, buckets[kept]


def _sums(column: Array, firsts: Int64Array, name: str) -> Array:
    with np.errstate(over="ignore"):
        sums: Array = np.add.reduceat(column, firsts)
        total = np.abs(column.astype(np.float64)).sum()
    if has_floats(column):
        is_held = bool(np.isfinite(sums).all())
    else:
        is_held = bool(total < SUM_END / 2) or _holds_exactly(column, firsts, sums)
    if not is_held:
        raise DataError(f"a sum of {name} does not fit in 64 bits", hint="choose a coarser lot")
    return sums


def _holds_exactly(column: Array, firsts: Int64Array, sums: Array) -> bool:
    ends = np.append(firsts[1:], len(column))
    parts = (column[first:end].tolist() for first, end in zip(firsts, ends, strict=True))
    return bool([sum(part) for part in parts] == sums.tolist())


def resample_bars(bars: Bars, interval: Interval) -> Bars:
    """Put bars together to longer ones; `Bars.resample` calls this.

    Parameters
    ----------
    bars : Bars
        Bars of an interval.
    interval : str or int
        Length of the new bars as text ("5m", "1mo") or in the time unit of the bars: a multiple.
        Weeks begin on Mondays.

    Returns
    -------
    Bars
        With the columns that the bars have; the open interest is that of the last bar.

    Raises
    ------
    ConfigError
        When the bars have no interval, or the new one is no multiple of it.

    Examples
    --------
    >>> import tickstep as ts
    >>> bars = ts.Bars.from_arrays(
    ...     [0, 60_000], [1, 2], [3, 2], [1, 2], [2, 2], [5, 6], interval="1m")
    >>> ts.analytics.resample_bars(bars, "2m").volume.tolist()
    [11.0]
    """
    if bars.interval is None or bars.interval == "1mo":
        raise ConfigError(
            f"bars of the interval {bars.interval} cannot be put together by time",
            hint="take bars of a fixed length, such as 1m",
        )
    unit = bars.time_unit
    _check_order(bars.time)
    source, target = interval_length(bars.interval, unit), str(interval_text(interval, unit))
    if target == MONTH:
        buckets = _months(bars.time, source, unit)
    else:
        buckets = _buckets(bars.time, interval_length(target, unit), source, unit)
    names = {"open_ticks": "open", "high_ticks": "high", "low_ticks": "low", "close_ticks": "close"}
    given = bars.columns
    columns = {names.get(name, name): column for name, column in given.items() if name != "time"}
    interest = columns.pop("open_interest_lots", None)
    made = _grouped(columns | {"ts_open": bars.time}, buckets)
    time = made.pop("ts_open")
    if interest is not None and len(buckets):
        lasts = np.searchsorted(buckets, time, side="right") - 1
        made["open_interest_lots"] = interest[lasts]
    tick, lot = bars.grids
    opens, highs, lows, closes = (made.pop(name) for name in names.values())
    return Bars(
        time,
        opens,
        highs,
        lows,
        closes,
        made.pop("volume_lots"),
        tick_size=tick,
        lot=lot,
        interval=interval,
        time_unit=unit,
        symbol=bars.symbol,
        source=bars.source,
        buy_lots=made.get("buy_lots"),
        trade_count=made.get("trade_count"),
        turnover=made.get("turnover"),
        open_interest_lots=made.get("open_interest_lots"),
        allow_negative_prices=bars.allow_negative_prices,
    )
