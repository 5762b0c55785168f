"""Ticks to candles, VWAP, profiles, order flow and volatility: on arrays, `Ticks` and `Bars`.

Four rules hold for everything here. No row of a result depends on a later row. Windows trail, and a
result is NaN until its window is full. Whole numbers are summed exactly; a sum beyond 64 bits is a
`DataError`, never a wrapped number. And a batch is a stream pushed at once: each function has a class
that takes the same rows in pieces of any size, to the same bits.

Arrays come back in the units they came in: whole quantities as whole numbers, floats as floats. A
`Ticks` or `Bars` as first argument stands for its columns, and what comes back is in money and units.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from tickstep import _kernel
from tickstep._kernel import Grid
from tickstep.bars import Bars
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length
from tickstep.ticks import (
    NS_PER_UNIT,
    Float64Array,
    Int64Array,
    Number,
    Ticks,
    UInt8Array,
    check_time_unit,
    integer_column,
    side_column,
    time_column,
)

__all__ = [
    "CandleBuilder",
    "CumulativeDelta",
    "ExponentialVolatility",
    "FootprintBuilder",
    "OrderFlowImbalance",
    "RollingVolatility",
    "TradeIntensity",
    "VolumeProfile",
    "Vwap",
    "calculate_cumulative_delta",
    "calculate_exponential_volatility",
    "calculate_footprint",
    "calculate_garman_klass_volatility",
    "calculate_order_flow_imbalance",
    "calculate_parkinson_volatility",
    "calculate_realized_volatility",
    "calculate_rogers_satchell_volatility",
    "calculate_trade_intensity",
    "calculate_volume_profile",
    "calculate_vwap",
    "calculate_yang_zhang_volatility",
    "candles_to_dataframe",
    "candles_to_pandas",
    "resample_bars",
    "resample_candles",
    "ticks_to_bars",
    "ticks_to_candles",
]

Array: TypeAlias = npt.NDArray[Any]
Candles: TypeAlias = dict[str, Array]
Interval: TypeAlias = int | str

CANDLE_COLUMNS = (
    "ts_open",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "buy_volume",
    "sell_volume",
    "trade_count",
)
AMOUNTS = ("volume", "buy_volume", "sell_volume")
RULES = ("ticks_per_bar", "volume_per_bar", "money_per_bar", "imbalance_per_bar")
SUM_END = 2**63
MONEY_MAX = 2**126


# ---- What every function does with its arguments ---------------------------------------------------


class _Units(NamedTuple):
    """What one tick and one lot are; None leaves numbers as they are."""

    tick: Grid | None
    lot: Grid | None

    def prices(self, ticks: Array) -> Array:
        return ticks if self.tick is None else self.tick.values(_whole(ticks))

    def amounts(self, lots: Array) -> Array:
        return lots if self.lot is None else self.lot.values(_whole(lots))


class _Trades(NamedTuple):
    """Columns of trades as the kernel takes them."""

    time: Int64Array
    price_ticks: Int64Array
    qtys: Array
    sides: UInt8Array


def _whole(values: Array) -> Int64Array:
    return np.ascontiguousarray(values, dtype=np.int64)


def _units(tick_size: Number | None, lot: Number | None = None) -> _Units:
    return _Units(
        None if tick_size is None else Grid(tick_size, "tick_size"),
        None if lot is None else Grid(lot, "lot"),
    )


def _units_of(data: Ticks | Bars) -> _Units:
    return _units(*data.grids)


def _required(name: str, value: Any) -> Any:
    if value is None:
        raise DataError(
            f"{name} is not given", hint="give every column, or a Ticks as the first argument"
        )
    return value


def _not_given(owner: str, **values: Any) -> None:
    for name, value in values.items():
        if value is not None:
            raise DataError(f"{name} is given beside {owner}, which has it", hint=f"drop {name}")


def _numbers(values: Any, name: str) -> Array:
    """One column of int64 or float64; texts and Decimals are not guessed at."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(
            f"{name} must be one column, was of shape {array.shape}",
            hint="give a one-dimensional array or list",
        )
    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, dtype=np.float64)
    return np.ascontiguousarray(integer_column(array, name))


def _sides(values: Any) -> UInt8Array:
    array = np.asarray(values)
    if array.dtype == np.uint8 and array.ndim == 1:
        return np.ascontiguousarray(array)  # the kernel looks at the values
    return np.ascontiguousarray(side_column(values, "sides"))


def _times(values: Any, unit: str) -> Int64Array:
    return np.ascontiguousarray(time_column(values, unit))


def _trades(timestamps: Any, price_ticks: Any, qtys: Any, sides: Any, unit: str) -> _Trades:
    if isinstance(timestamps, Ticks):
        _not_given("a Ticks", price_ticks=price_ticks, qtys=qtys, sides=sides)
        ticks = timestamps
        return _Trades(ticks.time, ticks.price_ticks, ticks.qty_lots, ticks.side)
    return _Trades(
        _times(timestamps, unit),
        np.ascontiguousarray(integer_column(_required("price_ticks", price_ticks), "price_ticks")),
        _numbers(_required("qtys", qtys), "qtys"),
        _sides(_required("sides", sides)),
    )


def _count(value: Any, name: str) -> int:
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or not 1 <= value < SUM_END:
        raise ConfigError(
            f"{name} is {value!r}", hint=f"{name} is a whole number, at least 1 and below 2^63"
        )
    return int(value)


def _real(value: Any, name: str, hint: str, most: float = sys.float_info.max) -> float:
    """A number above 0, up to `most`."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 < value <= most:
        raise ConfigError(f"{name} is {value!r}", hint=hint)
    return float(value)


def _interval(value: Interval, name: str, unit: str) -> int:
    """An interval in milliseconds, or as text, in the unit of the data."""
    if isinstance(value, str):
        length, rest = interval_length(value, unit), 0
    else:
        length, rest = divmod(_count(value, name) * NS_PER_UNIT["ms"], NS_PER_UNIT[unit])
    if rest:
        raise ConfigError(
            f"{name} {value} is not a whole number of the data's time unit, {unit}",
            hint="choose a longer interval, or data with finer times",
        )
    if length >= SUM_END:
        raise ConfigError(
            f"{name} {value} reaches 2^63 in the data's time unit, {unit}",
            hint="choose a shorter interval",
        )
    return length


def _exact(value: Number, name: str) -> Fraction:
    """A number above 0 as it was written."""
    try:
        exact = Fraction(str(value)) if isinstance(value, float) else Fraction(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} is {value!r}", hint=f"{name} is a number above 0") from error
    if exact <= 0:
        raise ConfigError(f"{name} is {value!r}", hint=f"{name} is a number above 0")
    return exact


def _joined(first: Sequence[Array], second: Sequence[Array]) -> list[Array]:
    return [np.concatenate(pair) for pair in zip(first, second, strict=True)]


def _check_lots(units: _Units, qtys: Array) -> None:
    if units.lot is not None and _is_float(qtys):
        raise DataError(
            f"qtys are {qtys.dtype}, and a lot of {units.lot.step} is given",
            hint="give quantities in lots, as whole numbers, or no lot",
        )


def _check_ticks(ticks: Ticks, units: _Units, unit: str) -> None:
    grids = tuple(None if grid is None else grid.step for grid in units)
    if ticks.time_unit != unit or grids not in ((None, None), ticks.grids):
        raise DataError(
            f"ticks in {ticks.time_unit} on the grids {ticks.grids} do not fit a builder in {unit}"
            f" on {grids}",
            hint="give the builder the tick_size, lot and time_unit of the ticks",
        )


def _streamed(
    timestamps: Any, price_ticks: Any, qtys: Any, sides: Any, units: _Units, unit: str
) -> _Trades:
    """What is pushed: one row, columns, or a Ticks on the grids of the builder."""
    if isinstance(timestamps, Ticks):
        _check_ticks(timestamps, units, unit)
        return _trades(timestamps, price_ticks, qtys, sides, unit)
    time, prices, amounts, given = _pushed((timestamps, price_ticks, qtys, sides))[1]
    return _trades(time, prices, amounts, given, unit)


def _is_float(array: Array) -> bool:
    return array.dtype.kind == "f"


class _Kept:
    """A native state made by the first push, of whole numbers or of floats from then on."""

    def __init__(self) -> None:
        self._state: Any = None
        self._takes_floats = False

    def _new_state(self, is_float: bool) -> Any:
        raise NotImplementedError

    def _state_for(self, *columns: Array) -> tuple[Any, list[Array]]:
        is_float = any(_is_float(column) for column in columns)
        if self._state is None:
            self._state = self._new_state(is_float)
            self._takes_floats = is_float
        if is_float and not self._takes_floats:
            raise DataError(
                "floats came after whole numbers, whose sums are exact",
                hint="push floats from the beginning, or lots throughout",
            )
        if self._takes_floats:
            return self._state, [column.astype(np.float64, copy=False) for column in columns]
        return self._state, list(columns)


class _Builder(_Kept):
    """Rows for buckets of ticks that come in pieces."""

    def __init__(self, units: _Units, time_unit: str) -> None:
        super().__init__()
        self._units = units
        self._unit = check_time_unit(time_unit)

    def _columns(self, columns: Sequence[Array]) -> dict[str, Array]:
        raise NotImplementedError

    def push(
        self, timestamps: Any, price_ticks: Any = None, qtys: Any = None, sides: Any = None
    ) -> dict[str, Array]:
        """Take one tick, columns of ticks or a `Ticks`; return what they end.

        Raises
        ------
        DataError
            When a row breaks a rule; then none is taken.
        """
        trades = _streamed(timestamps, price_ticks, qtys, sides, self._units, self._unit)
        return self._columns(self._push(trades))

    def peek(self) -> dict[str, Array]:
        """Return what has not ended, as it stands."""
        return self._columns(self._last("peek"))

    def finish(self) -> dict[str, Array]:
        """Return what has not ended; the next tick begins anew."""
        return self._columns(self._last("finish"))

    def _batch(self, trades: _Trades) -> list[Array]:
        return _joined(self._push(trades), self._last("finish"))

    def _push(self, trades: _Trades) -> Any:
        _check_lots(self._units, trades.qtys)
        state, (qtys,) = self._state_for(trades.qtys)
        return state.push(trades.time, trades.price_ticks, qtys, trades.sides)

    def _last(self, method: str) -> Any:
        state = self._new_state(is_float=False) if self._state is None else self._state
        return getattr(state, method)()


def _pushed(values: tuple[Any, ...]) -> tuple[bool, list[Any]]:
    """Whether one row was pushed rather than columns, and the columns."""
    is_one = all(np.ndim(value) == 0 for value in values)
    return is_one, [np.atleast_1d(np.asarray(value)) if is_one else value for value in values]


# ---- Candles -------------------------------------------------------------------------------------


class CandleBuilder(_Builder):
    """Make candles of ticks that come in pieces: what `ticks_to_candles` does, as a stream.

    Parameters
    ----------
    interval_ms : int or str
        Length of a bucket in milliseconds, or text such as "1m".
    ticks_per_bar, volume_per_bar, money_per_bar, imbalance_per_bar : number, optional
        Instead of time; see `ticks_to_candles`.
    tick_size, lot : number, optional
        Size of a tick in money and of a lot in units; None leaves prices in ticks, and quantities
        as they come.
    fill_empty : bool
        Whether buckets without a tick become candles of volume 0 at the last price.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the timestamps.

    Examples
    --------
    >>> from tickstep.analytics import CandleBuilder
    >>> builder = CandleBuilder(1000, tick_size="0.5")
    >>> builder.push(100, 20, 3, 0)["close"].tolist()
    []
    >>> builder.push([900, 1100], [21, 22], [1, 1], [1, 0])["close"].tolist()
    [10.5]
    >>> builder.finish()["open"].tolist()
    [11.0]
    """

    def __init__(
        self,
        interval_ms: Interval = 60_000,
        *,
        ticks_per_bar: int | None = None,
        volume_per_bar: Number | None = None,
        money_per_bar: Number | None = None,
        imbalance_per_bar: Number | None = None,
        tick_size: Number | None = None,
        lot: Number | None = None,
        fill_empty: bool = False,
        time_unit: str = "ms",
    ) -> None:
        super().__init__(_units(tick_size, lot), time_unit)
        self._fills_empty = fill_empty
        self._wants_turnover = False
        amounts = (ticks_per_bar, volume_per_bar, money_per_bar, imbalance_per_bar)
        given = {name: each for name, each in zip(RULES, amounts, strict=True) if each is not None}
        if len(given) > 1:
            raise ConfigError(
                f"{' and '.join(given)} are given together", hint="a bar ends by one rule"
            )
        if given and fill_empty:
            raise ConfigError(
                f"fill_empty is given beside {next(iter(given))}",
                hint="only buckets of time can be empty",
            )
        self._rule, self._size = self._rule_of(given, interval_ms)

    def _rule_of(self, given: Mapping[str, Any], interval_ms: Interval) -> tuple[str, Fraction]:
        if not given:
            return "time", Fraction(_interval(interval_ms, "interval_ms", self._unit))
        name, value = next(iter(given.items()))
        if name == "ticks_per_bar":
            return "ticks", Fraction(_count(value, name))
        tick, lot = self._units
        size = _exact(value, name)
        if lot is not None:
            size /= Fraction(lot.step)
        if name == "money_per_bar" and tick is not None:
            size /= Fraction(tick.step)
        if size > (MONEY_MAX if name == "money_per_bar" else SUM_END - 1):
            raise ConfigError(
                f"{name} {value} is more than a sum can reach",
                hint="choose smaller bars, or a coarser lot",
            )
        return name.removesuffix("_per_bar"), size

    def _new_state(self, is_float: bool) -> Any:
        by_amount = self._rule not in ("time", "ticks")
        # Whole sums reach a size when they reach the next whole number.
        size = float(self._size) if is_float and by_amount else math.ceil(self._size)
        return _kernel.CandleState(
            self._rule,
            size,
            fills_empty=self._fills_empty,
            wants_turnover=self._wants_turnover,
            is_float=is_float,
        )

    def _columns(self, columns: Sequence[Array]) -> Candles:
        candles = dict(zip(CANDLE_COLUMNS, columns, strict=False))
        for name in ("open", "high", "low", "close"):
            candles[name] = self._units.prices(candles[name])
        for name in AMOUNTS:
            candles[name] = self._units.amounts(candles[name])
        if self._rule != "time":
            candles["ts_close"] = columns[len(CANDLE_COLUMNS)]
        return candles


def ticks_to_candles(
    timestamps: Any,
    price_ticks: Any = None,
    qtys: Any = None,
    sides: Any = None,
    tick_size: Number | None = None,
    interval_ms: Interval = 60_000,
    *,
    ticks_per_bar: int | None = None,
    volume_per_bar: Number | None = None,
    money_per_bar: Number | None = None,
    imbalance_per_bar: Number | None = None,
    fill_empty: bool = False,
    time_unit: str = "ms",
) -> Candles:
    """Make candles of ticks: by time, or by ticks, volume, money or imbalance.

    A bucket of time begins at a multiple of the interval since 1970, the time rounded down, also
    before 1970. Other bars end with the tick that reaches their size; ticks are never split, and the
    next bar begins from nothing. The last candle may not have ended.

    Parameters
    ----------
    timestamps : array of int or datetime64, or Ticks
        Times of the trades in `time_unit`, ascending. A `Ticks` stands for all columns, its tick
        size and time unit.
    price_ticks : array of int
        Prices in ticks.
    qtys : array of int or float
        Quantities, 0 or more. Whole numbers are summed exactly, floats row by row.
    sides : array of int, bool or str
        Aggressor of each trade: 0 or "BUY", 1 or "SELL".
    tick_size : number, optional
        Size of a tick in money; None leaves prices in ticks.
    interval_ms : int or str
        Length of a bucket in milliseconds, or text such as "1m".
    ticks_per_bar : int, optional
        Instead of time: so many ticks.
    volume_per_bar : number, optional
        Instead of time: at least this quantity.
    money_per_bar : number, optional
        Instead of time: at least this much price × quantity.
    imbalance_per_bar : number, optional
        Instead of time: quantity bought and sold differ by at least this much. The size is fixed,
        not expected from the past as by López de Prado (2018), Advances in Financial Machine
        Learning, 2.3.2, to which these bars go back.
    fill_empty : bool
        Whether buckets without a tick become candles of volume 0 at the last price.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the timestamps.

    Returns
    -------
    dict of str to array
        ts_open (start of the bucket, or time of the first tick), open, high, low, close, volume,
        buy_volume, sell_volume, trade_count, each of one row for a candle; bars that are not of time
        also have ts_close, the time of their last tick.

    Raises
    ------
    DataError
        When a row breaks a rule or a sum does not fit; the message names the row.
    ConfigError
        When the size of a bar makes no sense.

    Examples
    --------
    >>> from tickstep.analytics import ticks_to_candles
    >>> candles = ticks_to_candles([-1, 5, 1200], [20, 22, 21], [1, 2, 4], [0, 1, 1], 0.5, 1000)
    >>> candles["ts_open"].tolist(), candles["close"].tolist(), candles["volume"].tolist()
    ([-1000, 0, 1000], [10.0, 11.0, 10.5], [1, 2, 4])
    >>> ticks_to_candles([1, 2, 3], [7, 7, 8], [1, 2, 4], [0, 0, 1], volume_per_bar=3)["volume"]
    array([3, 4])
    """
    lot = None
    if isinstance(timestamps, Ticks):
        _not_given("a Ticks", tick_size=tick_size)
        tick_size, lot = timestamps.grids
        time_unit = timestamps.time_unit
    builder = CandleBuilder(
        interval_ms,
        ticks_per_bar=ticks_per_bar,
        volume_per_bar=volume_per_bar,
        money_per_bar=money_per_bar,
        imbalance_per_bar=imbalance_per_bar,
        tick_size=tick_size,
        lot=lot,
        fill_empty=fill_empty,
        time_unit=time_unit,
    )
    trades = _trades(timestamps, price_ticks, qtys, sides, time_unit)
    return builder._columns(builder._batch(trades))


def ticks_to_bars(
    ticks: Ticks,
    interval: Interval | None = None,
    *,
    ticks_per_bar: int | None = None,
    volume_per_bar: Number | None = None,
    money_per_bar: Number | None = None,
    imbalance_per_bar: Number | None = None,
    fill_empty: bool = False,
) -> Bars:
    """Make `Bars` of `Ticks`: exact columns, with turnover; `Ticks.candles` calls this.

    Parameters
    ----------
    ticks : Ticks
        The trades.
    interval : str or int, optional
        Length of a bar as text ("1m") or in the time unit of the ticks; or one of the others.
    ticks_per_bar, volume_per_bar, money_per_bar, imbalance_per_bar, fill_empty
        As for `ticks_to_candles`.

    Returns
    -------
    Bars
        On the grids of the ticks, with buy_lots, trade_count and turnover. Bars that are not of time
        have no interval; `ticks_to_candles` tells when they ended.

    Examples
    --------
    >>> import tickstep as ts
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 30_000, 60_000], [1.0, 2.0, 3.0], [1.0, 1.0, 2.0], [0, 1, 0], tick_size=1)
    >>> ts.analytics.ticks_to_bars(ticks, "1m").turnover.tolist()
    [3.0, 6.0]
    """
    amounts = (ticks_per_bar, volume_per_bar, money_per_bar, imbalance_per_bar)
    by_time = all(amount is None for amount in amounts)
    if by_time == (interval is None):
        raise ConfigError(
            "bars need an interval or one of ticks_per_bar, volume_per_bar, money_per_bar and"
            " imbalance_per_bar, not both",
            hint='interval="1m" makes bars of a minute',
        )
    tick, lot = ticks.grids
    builder = CandleBuilder(
        "1d" if interval is None else _as_text(interval, ticks.time_unit),
        ticks_per_bar=ticks_per_bar,
        volume_per_bar=volume_per_bar,
        money_per_bar=money_per_bar,
        imbalance_per_bar=imbalance_per_bar,
        tick_size=tick,
        lot=lot,
        fill_empty=fill_empty,
        time_unit=ticks.time_unit,
    )
    builder._wants_turnover = True
    trades = _trades(ticks, None, None, None, ticks.time_unit)
    columns = builder._batch(trades)
    time, opens, highs, lows, closes, volume, bought, _, trade_count, _, turnover = columns
    return Bars(
        time,
        opens,
        highs,
        lows,
        closes,
        volume,
        tick_size=tick,
        lot=lot,
        interval=interval,
        time_unit=ticks.time_unit,
        symbol=ticks.symbol,
        source=ticks.source,
        buy_lots=bought,
        trade_count=trade_count,
        turnover=turnover * float(Fraction(tick) * Fraction(lot)),
        allow_negative_prices=bool(len(ticks)) and int(lows.min()) < 1,
    )


def _as_text(interval: Interval, unit: str) -> str:
    return interval if isinstance(interval, str) else f"{_count(interval, 'interval')}{unit}"


# ---- Resampling ----------------------------------------------------------------------------------


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
        Length of the new candles in milliseconds, or text such as "5m".
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
    columns = {name: _finite(candles[name], name) for name in names}
    time = columns["ts_open"]
    target = _interval(target_interval_ms, "target_interval_ms", check_time_unit(time_unit))
    source = _source_interval(time, source_interval_ms, time_unit)
    buckets = _buckets(time, target, source)
    return _grouped(columns, buckets)


def _finite(values: Any, name: str) -> Array:
    column = _numbers(values, name)
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        row = int(bad[0])
        raise DataError(
            f"{name} must be finite, was {column[row]} at row {row}",
            hint="drop the row, or fill it",
        )
    return column


def _source_interval(time: Array, given: Interval | None, unit: str) -> int | None:
    if given is not None:
        return _interval(given, "source_interval_ms", unit)
    steps = np.diff(_whole(time))
    return int(steps.min()) if steps.size and steps.min() > 0 else None


def _buckets(time: Array, target: int, source: int | None) -> Int64Array:
    """Start of the bucket of each candle; no candle may reach into the next one."""
    steps = np.diff(time)
    if (steps < 0).any():
        row = int(np.flatnonzero(steps < 0)[0]) + 1
        raise DataError(
            f"time {time[row]} at row {row} comes before that of the row before",
            hint="sort the candles by time",
        )
    if source is not None and target % source:
        raise ConfigError(
            f"candles of {target} cannot be made of candles of {source}: it is no multiple",
            hint="choose a multiple, or name source_interval_ms where rows are missing",
        )
    offset = time % target
    over = np.flatnonzero(offset + (source or 1) > target)
    if over.size:
        row = int(over[0])
        raise DataError(
            f"the candle at row {row} begins at {time[row]} and reaches into the next {target}",
            hint="candles must begin at multiples of their length",
        )
    return _whole(time - offset)


def _grouped(columns: Mapping[str, Array], buckets: Int64Array) -> Candles:
    if len(buckets) == 0:
        return {name: column.copy() for name, column in columns.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    for name, length in lengths.items():
        if length != len(buckets):
            raise DataError(
                f"{name} has {length} rows, ts_open {len(buckets)}", hint="give equal columns"
            )
    columns, buckets = _traded(columns, buckets)
    firsts = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
    lasts = np.append(firsts[1:], len(buckets)) - 1
    made: Candles = {
        "ts_open": buckets[firsts],
        "open": columns["open"][firsts],
        "high": np.maximum.reduceat(columns["high"], firsts),
        "low": np.minimum.reduceat(columns["low"], firsts),
        "close": columns["close"][lasts],
    }
    return made | {name: _sums(columns[name], firsts, name) for name in columns if name not in made}


def _traded(
    columns: Mapping[str, Array], buckets: Int64Array
) -> tuple[Mapping[str, Array], Int64Array]:
    """Leave out candles without trades, but not where the bucket has nothing else."""
    counts = columns.get("trade_count")
    if counts is None or (counts > 0).all():
        return columns, buckets
    firsts = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
    rows = np.diff(np.append(firsts, len(buckets)))
    is_bare = np.repeat(np.maximum.reduceat(counts, firsts) == 0, rows)
    kept = (counts > 0) | is_bare
    return {name: column[kept] for name, column in columns.items()}, buckets[kept]


def _sums(column: Array, firsts: Array, name: str) -> Array:
    if column.dtype.kind == "i" and np.abs(column.astype(np.float64)).sum() >= SUM_END / 2:
        ends = np.append(firsts[1:], len(column))
        exact = [sum(column[a:b].tolist()) for a, b in zip(firsts, ends, strict=True)]
        if max(exact) >= SUM_END or min(exact) < -SUM_END:
            raise DataError(f"a sum of {name} does not fit in 64 bits", hint="choose a coarser lot")
    return np.add.reduceat(column, firsts)


def resample_bars(bars: Bars, interval: Interval) -> Bars:
    """Put bars together to longer ones; `Bars.resample` calls this.

    Parameters
    ----------
    bars : Bars
        Bars of an interval.
    interval : str or int
        Length of the new bars as text ("5m") or in the time unit of the bars: a multiple.

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
    length = interval_length(_as_text(interval, unit), unit)
    buckets = _buckets(bars.time, length, interval_length(bars.interval, unit))
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


def candles_to_dataframe(candles: Mapping[str, Any]) -> Any:
    """Turn candles into a polars frame of the same columns.

    Examples
    --------
    >>> from tickstep.analytics import candles_to_dataframe, ticks_to_candles
    >>> candles_to_dataframe(ticks_to_candles([1, 2], [7, 8], [1, 1], [0, 1])).shape
    (1, 9)
    """
    import polars

    return polars.DataFrame({name: np.asarray(column) for name, column in candles.items()})


def candles_to_pandas(candles: Mapping[str, Any]) -> Any:
    """Turn candles into a pandas frame of the same columns.

    Raises
    ------
    ImportError
        When pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "candles_to_pandas needs pandas, which is not installed: `pip install pandas`,"
            " or take candles_to_dataframe, which needs polars alone"
        ) from error
    return pandas.DataFrame({name: np.asarray(column) for name, column in candles.items()})


# ---- VWAP ----------------------------------------------------------------------------------------


class Vwap(_Kept):
    """Volume weighted average price of rows that come in pieces.

    Parameters
    ----------
    window : int, optional
        Only the last so many rows; by default all since the beginning.

    Examples
    --------
    >>> from tickstep.analytics import Vwap
    >>> vwap = Vwap()
    >>> vwap.push(10, 1), vwap.push([20, 40], [1, 2]).tolist()
    (10.0, [15.0, 27.5])
    >>> vwap.restart()
    >>> vwap.push(8, 5)
    8.0
    """

    def __init__(self, window: int | None = None) -> None:
        super().__init__()
        self._window = None if window is None else _count(window, "window")

    def _new_state(self, is_float: bool) -> Any:
        return _kernel.VwapState(self._window, has_begun=True, is_float=is_float)

    def push(self, prices: Any, volumes: Any) -> Any:
        """Take one row or columns; return the average at each, NaN where there is none yet."""
        is_one, columns = _pushed((prices, volumes))
        state, given = self._state_for(
            _numbers(columns[0], "prices"), _numbers(columns[1], "volumes")
        )
        averages = state.push(*given, [])
        return float(averages[0]) if is_one else averages

    def restart(self) -> None:
        """Forget all rows: a session begins."""
        self._state = None


def calculate_vwap(
    prices: Any,
    volumes: Any = None,
    *,
    window: int | None = None,
    sessions: Any = None,
    anchors: int | Sequence[int] | None = None,
) -> Float64Array:
    """Volume weighted average price: Σ price × volume / Σ volume, up to each row.

    Parameters
    ----------
    prices : array of int or float, or Ticks or Bars
        Prices. A `Bars` stands for its typical prices, (high + low + close) / 3.
    volumes : array of int or float
        Volumes, 0 or more.
    window : int, optional
        Rolling: of the last so many rows.
    sessions : str or array, optional
        By session: the length of one ("1d": UTC days, with a Ticks or Bars), or an array that
        changes where a session begins.
    anchors : int or sequence of int, optional
        Anchored: rows at which the sums start anew; before the first there is no average.

    Returns
    -------
    array of float64
        Averages in the unit of the prices; NaN while a window is not full or there is no volume.
        Whole numbers are summed exactly and divided once.

    Raises
    ------
    DataError
        When a row breaks a rule.
    ConfigError
        When more than one of window, sessions and anchors is given.

    Examples
    --------
    >>> from tickstep.analytics import calculate_vwap
    >>> calculate_vwap([10, 20, 40], [1, 1, 2]).tolist()
    [10.0, 15.0, 27.5]
    >>> calculate_vwap([10, 20, 40], [1, 1, 3], window=2).tolist()
    [nan, 15.0, 35.0]
    >>> calculate_vwap([10, 20, 40], [1, 1, 2], anchors=1).tolist()
    [nan, 20.0, 33.333333333333336]
    """
    ways = {"window": window, "sessions": sessions, "anchors": anchors}
    chosen = [name for name, value in ways.items() if value is not None]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} are given together", hint="choose one of them")
    columns, scale = _vwap_columns(prices, volumes)
    starts = _vwap_starts(prices, sessions, anchors, len(columns[0]))
    is_float = any(_is_float(column) for column in columns)
    state = _kernel.VwapState(
        None if window is None else _count(window, "window"),
        has_begun=anchors is None,
        is_float=is_float,
    )
    kind = np.float64 if is_float else np.int64
    price_column, volume_column = (column.astype(kind, copy=False) for column in columns)
    averages = state.push(price_column, volume_column, starts)
    return averages if scale == 1 else np.multiply(averages, scale, out=averages)


def _vwap_columns(prices: Any, volumes: Any) -> tuple[tuple[Array, Array], float]:
    if isinstance(prices, Ticks):
        _not_given("a Ticks", volumes=volumes)
        return (prices.price_ticks, prices.qty_lots), prices.tick_size
    if isinstance(prices, Bars):
        _not_given("a Bars", volumes=volumes)
        # Below 2^50 each; the third is taken after the division.
        typical = prices.high_ticks + prices.low_ticks + prices.close_ticks
        return (typical, prices.volume_lots), float(Fraction(prices.grids[0]) / 3)
    return (_numbers(prices, "prices"), _numbers(_required("volumes", volumes), "volumes")), 1


def _vwap_starts(prices: Any, sessions: Any, anchors: Any, rows: int) -> list[int]:
    if isinstance(sessions, str):
        if not isinstance(prices, (Ticks, Bars)):
            raise ConfigError(
                f"sessions={sessions!r} needs times",
                hint="give a Ticks or Bars, or an array such as timestamps // 86_400_000",
            )
        length = interval_length(sessions, prices.time_unit)
        sessions = prices.time // length
    if sessions is not None:
        found = np.asarray(sessions)
        if found.shape != (rows,):
            raise DataError(
                f"sessions is of shape {found.shape}, expected ({rows},)",
                hint="give one session for each row",
            )
        return [int(row) + 1 for row in np.flatnonzero(found[1:] != found[:-1])]
    if anchors is None:
        return []
    starts = [int(row) for row in np.unique(np.atleast_1d(np.asarray(anchors)))]
    for row in starts:
        if not 0 <= row < rows:
            raise DataError(
                f"the anchor {row} is not a row of {rows}",
                hint="np.searchsorted(times, time) finds the row of a time",
            )
    return starts


# ---- Profile and footprint -----------------------------------------------------------------------


class VolumeProfile(_Kept):
    """Volume at each price, of trades that come in pieces.

    Parameters
    ----------
    tick_size, lot : number, optional
        Size of a tick in money and of a lot in units; None leaves the numbers as they come.

    Examples
    --------
    >>> from tickstep.analytics import VolumeProfile
    >>> profile = VolumeProfile()
    >>> profile.push([10, 11], [5, 1], [0, 1])
    >>> profile.push(10, 2, 1)
    >>> profile.result()["total_volume"].tolist(), profile.result()["poc"]
    ([7, 1], 10.0)
    """

    def __init__(self, tick_size: Number | None = None, lot: Number | None = None) -> None:
        super().__init__()
        self._units = _units(tick_size, lot)

    def _new_state(self, is_float: bool) -> Any:
        return _kernel.ProfileState(is_float=is_float)

    def push(self, price_ticks: Any, qtys: Any, sides: Any) -> None:
        """Take one trade or columns of trades."""
        prices, amounts, given_sides = _pushed((price_ticks, qtys, sides))[1]
        numbers = _numbers(amounts, "qtys")
        _check_lots(self._units, numbers)
        state, (column,) = self._state_for(numbers)
        ticks = np.ascontiguousarray(integer_column(prices, "price_ticks"))
        state.push(ticks, column, _sides(given_sides))

    def result(self, n_bins: int | None = None, *, value_area: float = 0.7) -> dict[str, Any]:
        """Return what `calculate_volume_profile` returns, of the trades so far."""
        part = _real(value_area, "value_area", "a part of the volume: above 0, up to 1", most=1.0)
        bins = None if n_bins is None else _count(n_bins, "n_bins")
        if self._state is None or self._state.range is None:
            lows, width = np.empty(0, np.int64), 1
            bought, sold = np.empty(0, np.int64), np.empty(0, np.int64)
        else:
            low, high = self._state.range
            width = 1 if bins is None else -(-(high - low + 1) // bins)
            bought, sold = self._state.binned(width)
            lows = low + width * np.arange(len(bought), dtype=np.int64)
        return self._described(lows, width, bought, sold, part)

    def _described(
        self, lows: Int64Array, width: int, bought: Array, sold: Array, value_area: float
    ) -> dict[str, Any]:
        total = bought + sold
        # Twice the middle of a bin is a whole number of ticks.
        doubled = 2 * lows + (width - 1)
        tick = self._units.tick
        half = Grid(Decimal("0.5") * Decimal("1" if tick is None else tick.step), "tick_size")
        levels = half.values(doubled)
        poc, first, last = value_area_of(total, value_area)
        at = [float(levels[row]) if len(levels) else math.nan for row in (poc, first, last)]
        amounts = self._units.amounts
        return {
            "price_levels": levels,
            "total_volume": amounts(total),
            "buy_volume": amounts(bought),
            "sell_volume": amounts(sold),
            "delta": amounts(bought - sold),
            "poc": at[0],
            "value_area_low": at[1],
            "value_area_high": at[2],
            "ticks_per_bin": width,
        }


def value_area_of(volume: Array, part: float) -> tuple[int, int, int]:
    """Find the largest level and the area around it that holds a part of the volume.

    The area grows by the larger of its two neighbours (the lower one of equals) until it is reached.

    Parameters
    ----------
    volume : array
        Volume of each level.
    part : float
        From above 0 to 1.

    Returns
    -------
    tuple of int
        Rows of the largest level (the lowest of equals), of the first and of the last of the area.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.analytics import value_area_of
    >>> value_area_of(np.array([1, 5, 3, 1]), 0.7)
    (1, 1, 2)
    """
    if len(volume) == 0:
        return 0, 0, 0
    values = volume.tolist()
    poc = int(np.argmax(volume))
    first = last = poc
    held, wanted = values[poc], part * sum(values)
    while held < wanted and (first > 0 or last < len(values) - 1):
        below = values[first - 1] if first > 0 else -1
        above = values[last + 1] if last < len(values) - 1 else -1
        if below >= above:
            first, held = first - 1, held + below
        else:
            last, held = last + 1, held + above
    return poc, first, last


def calculate_volume_profile(
    price_ticks: Any,
    qtys: Any = None,
    sides: Any = None,
    n_bins: int | None = 50,
    tick_size: Number | None = None,
    *,
    value_area: float = 0.7,
) -> dict[str, Any]:
    """Sum volume by price: levels, point of control and value area.

    All bins are equally wide, a whole number of ticks, from the lowest price on; there are at most
    `n_bins`. (Bins of a fraction of a tick, as other libraries have them, hold now more and now fewer
    prices and show ridges that are not in the market.)

    Parameters
    ----------
    price_ticks : array of int, or Ticks
        Prices in ticks.
    qtys : array of int or float
        Quantities, 0 or more.
    sides : array of int, bool or str
        Aggressor of each trade: 0 or "BUY", 1 or "SELL".
    n_bins : int, optional
        Most bins; None makes one for each tick.
    tick_size : number, optional
        Size of a tick in money; None leaves prices in ticks.
    value_area : float
        Part of the volume in the value area.

    Returns
    -------
    dict
        price_levels (middle of each bin), total_volume, buy_volume, sell_volume, delta (bought less
        sold); poc (the level of most volume, the lowest of equals), value_area_low and
        value_area_high (levels), ticks_per_bin. Prices are NaN where there is no trade.

    Raises
    ------
    DataError
        When a row breaks a rule or the volume does not fit in 64 bits.

    Examples
    --------
    >>> from tickstep.analytics import calculate_volume_profile
    >>> profile = calculate_volume_profile([10, 11, 11, 13], [1, 2, 3, 1], [0, 0, 1, 1], n_bins=2)
    >>> profile["price_levels"].tolist(), profile["total_volume"].tolist()
    ([10.5, 12.5], [6, 1])
    """
    lot = None
    if isinstance(price_ticks, Ticks):
        _not_given("a Ticks", qtys=qtys, sides=sides, tick_size=tick_size)
        ticks = price_ticks
        (tick_size, lot), price_ticks = ticks.grids, ticks.price_ticks
        qtys, sides = ticks.qty_lots, ticks.side
    profile = VolumeProfile(tick_size, lot)
    profile.push(price_ticks, _required("qtys", qtys), _required("sides", sides))
    return profile.result(n_bins, value_area=value_area)


FOOTPRINT_COLUMNS = ("ts_open", "price_levels", "bid_volume", "ask_volume")


class FootprintBuilder(_Builder):
    """Make footprints of ticks that come in pieces: what `calculate_footprint` does, as a stream.

    Parameters
    ----------
    interval_ms : int or str
        Length of a bucket in milliseconds, or text such as "1m".
    tick_size, lot : number, optional
        Size of a tick in money and of a lot in units; None leaves the numbers as they come.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the timestamps.

    Examples
    --------
    >>> from tickstep.analytics import FootprintBuilder
    >>> builder = FootprintBuilder(1000)
    >>> builder.push([1, 2, 1001], [7, 7, 8], [1, 2, 3], [0, 1, 1])["bid_volume"].tolist()
    [2]
    >>> builder.finish()["delta"].tolist()
    [-3]
    """

    def __init__(
        self,
        interval_ms: Interval = 60_000,
        *,
        tick_size: Number | None = None,
        lot: Number | None = None,
        time_unit: str = "ms",
    ) -> None:
        super().__init__(_units(tick_size, lot), time_unit)
        self._interval = _interval(interval_ms, "interval_ms", time_unit)

    def _new_state(self, is_float: bool) -> Any:
        return _kernel.FootprintState(self._interval, is_float=is_float)

    def _columns(self, columns: Sequence[Array]) -> dict[str, Array]:
        time, prices, bid, ask = columns
        made = dict(zip(FOOTPRINT_COLUMNS, (time, self._units.prices(prices)), strict=False))
        sums = {"bid_volume": bid, "ask_volume": ask, "delta": ask - bid}
        return made | {name: self._units.amounts(column) for name, column in sums.items()}


def calculate_footprint(
    timestamps: Any,
    price_ticks: Any = None,
    qtys: Any = None,
    sides: Any = None,
    tick_size: Number | None = None,
    interval_ms: Interval = 60_000,
    *,
    time_unit: str = "ms",
) -> dict[str, Array]:
    """Sum volume by bucket of time, price and side: bid × ask.

    Parameters
    ----------
    timestamps, price_ticks, qtys, sides, tick_size, interval_ms, time_unit
        As for `ticks_to_candles`.

    Returns
    -------
    dict of str to array
        One row for each price of each bucket with volume, buckets and prices ascending: ts_open,
        price_levels, bid_volume (sold by aggressors into the bid), ask_volume (bought from the
        ask), delta (ask less bid).

    Examples
    --------
    >>> from tickstep.analytics import calculate_footprint
    >>> rows = calculate_footprint([1, 2, 3], [7, 8, 7], [1, 2, 4], [0, 1, 1], interval_ms=1000)
    >>> rows["price_levels"].tolist(), rows["bid_volume"].tolist(), rows["ask_volume"].tolist()
    ([7, 8], [4, 2], [1, 0])
    """
    lot = None
    if isinstance(timestamps, Ticks):
        _not_given("a Ticks", tick_size=tick_size)
        tick_size, lot = timestamps.grids
        time_unit = timestamps.time_unit
    builder = FootprintBuilder(interval_ms, tick_size=tick_size, lot=lot, time_unit=time_unit)
    trades = _trades(timestamps, price_ticks, qtys, sides, time_unit)
    return builder._columns(builder._batch(trades))


# ---- Order flow ----------------------------------------------------------------------------------


class CumulativeDelta(_Kept):
    """Quantity bought less sold, of trades that come in pieces.

    Examples
    --------
    >>> from tickstep.analytics import CumulativeDelta
    >>> delta = CumulativeDelta()
    >>> delta.push([5, 2], [0, 1]).tolist(), delta.push(4, 1)
    ([5, 3], -1)
    """

    def _new_state(self, is_float: bool) -> Any:
        return _kernel.DeltaState(is_float=is_float)

    def push(self, qtys: Any, sides: Any) -> Any:
        """Take one trade or columns; return the delta after each."""
        is_one, columns = _pushed((qtys, sides))
        state, (amounts,) = self._state_for(_numbers(columns[0], "qtys"))
        found = state.push(amounts, _sides(columns[1]))
        return found[0].item() if is_one else found


def calculate_cumulative_delta(qtys: Any, sides: Any = None) -> Array:
    """Sum quantity bought less quantity sold up to each trade.

    Parameters
    ----------
    qtys : array of int or float, or Ticks
        Quantities, 0 or more.
    sides : array of int, bool or str
        Aggressor of each trade: 0 or "BUY", 1 or "SELL".

    Returns
    -------
    array of int64 or float64
        As the quantities. Of a Ticks in units of the instrument.

    Examples
    --------
    >>> from tickstep.analytics import calculate_cumulative_delta
    >>> calculate_cumulative_delta([5, 2, 4], [0, 1, 1]).tolist()
    [5, 3, -1]
    """
    amounts, given, units = _flow(qtys, sides)
    return units.amounts(CumulativeDelta().push(amounts, given))


def _flow(qtys: Any, sides: Any) -> tuple[Any, Any, _Units]:
    if isinstance(qtys, Ticks):
        _not_given("a Ticks", sides=sides)
        return qtys.qty_lots, qtys.side, _units_of(qtys)
    return _numbers(qtys, "qtys"), _sides(_required("sides", sides)), _Units(None, None)


class OrderFlowImbalance(_Kept):
    """Order flow imbalance of the last `window` trades, of trades that come in pieces.

    Parameters
    ----------
    window : int
        Trades.

    Examples
    --------
    >>> from tickstep.analytics import OrderFlowImbalance
    >>> imbalance = OrderFlowImbalance(2)
    >>> imbalance.push(3, 0), imbalance.push(1, 1)
    (nan, 0.5)
    """

    def __init__(self, window: int = 100) -> None:
        super().__init__()
        self._window = _count(window, "window")

    def _new_state(self, is_float: bool) -> Any:
        return _kernel.ImbalanceState(self._window, is_float=is_float)

    def push(self, qtys: Any, sides: Any) -> Any:
        """Take one trade or columns; return the imbalance after each."""
        is_one, columns = _pushed((qtys, sides))
        state, (amounts,) = self._state_for(_numbers(columns[0], "qtys"))
        found = state.push(amounts, _sides(columns[1]))
        return float(found[0]) if is_one else found


def calculate_order_flow_imbalance(qtys: Any, sides: Any = None, window: int = 100) -> Float64Array:
    """Order flow imbalance: (bought − sold) / (bought + sold) of the last `window` trades.

    The window trails. (ag-kernel's looks ahead when SciPy is installed.)

    Parameters
    ----------
    qtys : array of int or float, or Ticks
        Quantities, 0 or more.
    sides : array of int, bool or str
        Aggressor of each trade: 0 or "BUY", 1 or "SELL".
    window : int
        Trades.

    Returns
    -------
    array of float64
        From −1 to 1; NaN until the window is full, and where it has no volume.

    Examples
    --------
    >>> from tickstep.analytics import calculate_order_flow_imbalance
    >>> calculate_order_flow_imbalance([3, 1, 1], [0, 1, 0], window=2).tolist()
    [nan, 0.5, 0.0]
    """
    amounts, given, _ = _flow(qtys, sides)
    found: Float64Array = OrderFlowImbalance(window).push(amounts, given)
    return found


class TradeIntensity:
    """Trades per second over a trailing window of time, of times that come in pieces.

    Parameters
    ----------
    window_ms : int or str
        Length of the window in milliseconds, or text such as "1s".
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the timestamps.

    Examples
    --------
    >>> from tickstep.analytics import TradeIntensity
    >>> intensity = TradeIntensity(500)
    >>> intensity.push([0, 300]).tolist(), intensity.push(600)
    ([nan, nan], 4.0)
    """

    def __init__(self, window_ms: Interval = 1000, *, time_unit: str = "ms") -> None:
        self._unit = check_time_unit(time_unit)
        length = _interval(window_ms, "window_ms", time_unit)
        self._seconds = length * NS_PER_UNIT[time_unit] / NS_PER_UNIT["s"]
        self._state = _kernel.IntensityState(length)

    def push(self, timestamps: Any) -> Any:
        """Take one time or a column; return the intensity at each."""
        is_one, (times,) = _pushed((timestamps,))
        rates = self._state.push(_times(times, self._unit)) / self._seconds
        return float(rates[0]) if is_one else rates


def calculate_trade_intensity(
    timestamps: Any, window_ms: Interval = 1000, *, time_unit: str = "ms"
) -> Float64Array:
    """Trades per second in the time (t − window, t], of rows up to each row.

    Parameters
    ----------
    timestamps : array of int or datetime64, or Ticks
        Times of the trades, ascending.
    window_ms : int or str
        Length of the window in milliseconds, or text such as "1s".
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the timestamps.

    Returns
    -------
    array of float64
        NaN until a whole window has passed since the first trade. Of trades at the same time only
        those before a row count at it.

    Examples
    --------
    >>> from tickstep.analytics import calculate_trade_intensity
    >>> calculate_trade_intensity([0, 500, 1000, 1001]).tolist()
    [nan, nan, 2.0, 3.0]
    """
    if isinstance(timestamps, Ticks):
        time_unit = timestamps.time_unit
        timestamps = timestamps.time
    found: Float64Array = TradeIntensity(window_ms, time_unit=time_unit).push(timestamps)
    return found


# ---- Volatility ----------------------------------------------------------------------------------

KINDS = {
    "realized": ("close",),
    "zero_mean": ("close",),
    "parkinson": ("high", "low"),
    "garman_klass": ("open", "high", "low", "close"),
    "rogers_satchell": ("open", "high", "low", "close"),
    "yang_zhang": ("open", "high", "low", "close"),
}


def _scale(annualize: bool, trading_periods: float) -> float:
    if not annualize:
        return 1.0
    hint = "how many rows a year has: 525600 minutes, or 252 days"
    return math.sqrt(_real(trading_periods, "trading_periods", hint))


class RollingVolatility:
    """Volatility over a trailing window, of prices or bars that come in pieces.

    Parameters
    ----------
    kind : {"realized", "zero_mean", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang"}
        How the variance is estimated.
    window : int
        Terms in the window.
    annualize : bool
        Whether results are multiplied by √trading_periods.
    trading_periods : float
        Rows in a year; 525,600 is one a minute, around the clock.

    Examples
    --------
    >>> from tickstep.analytics import RollingVolatility
    >>> rolling = RollingVolatility("zero_mean", 1, annualize=False)
    >>> rolling.push(100), round(rolling.push(101), 6)
    (nan, 0.00995)
    """

    def __init__(
        self,
        kind: str = "realized",
        window: int = 100,
        annualize: bool = True,
        trading_periods: float = 525_600,
    ) -> None:
        scale = _scale(annualize, trading_periods)
        self._state = _kernel.VolatilityState(kind, _count(window, "window"), scale)
        self._names = KINDS[kind]

    def push(self, *columns: Any) -> Any:
        """Take one row or columns (close; high, low; or open, high, low, close).

        Returns
        -------
        float or array of float64
            The volatility at each row, NaN until the window is full.
        """
        if len(columns) != len(self._names):
            raise DataError(
                f"{len(columns)} columns are given, expected {len(self._names)}",
                hint=f"give {', '.join(self._names)}",
            )
        is_one, given = _pushed(columns)
        named = zip(given, self._names, strict=True)
        found = self._state.push(*(_numbers(column, name) for column, name in named))
        return float(found[0]) if is_one else found


def _volatility(
    kind: str, columns: Sequence[Any], window: int, annualize: bool, trading_periods: float
) -> Float64Array:
    first, names = columns[0], KINDS[kind]
    given: Sequence[Any] = columns
    if isinstance(first, Bars):
        _not_given("a Bars", **dict(zip(names[1:], columns[1:], strict=True)))
        given = [first.columns[f"{name}_ticks"] for name in names]
    elif isinstance(first, Ticks):
        if len(names) > 1:
            raise DataError(
                f"{kind} volatility needs bars, was given ticks",
                hint='make bars first: ticks.candles("1m")',
            )
        given = [first.price_ticks]
    else:
        given = [_required(name, each) for name, each in zip(names, columns, strict=True)]
    rolling = RollingVolatility(kind, window, annualize, trading_periods)
    found: Float64Array = rolling.push(*given)
    return found


def calculate_realized_volatility(
    prices: Any,
    window: int = 100,
    annualize: bool = True,
    trading_periods: float = 525_600,
    *,
    zero_mean: bool = False,
) -> Float64Array:
    """Standard deviation of the last `window` logarithmic returns.

    √(Σ(r − mean r)² / (n − 1)), r = ln(price / price before), or with `zero_mean` √(mean r²)
    (Andersen, Bollerslev 1998), which ag-kernel computes, there with a window that looks ahead when
    SciPy is installed.

    Parameters
    ----------
    prices : array of int or float, or Bars (its closes) or Ticks
        Prices above 0, in any unit.
    window : int
        Returns, at least 2 (with `zero_mean` 1).
    annualize : bool
        Whether results are multiplied by √trading_periods.
    trading_periods : float
        Rows in a year; 525,600 is one a minute, around the clock.
    zero_mean : bool
        Whether returns are taken to be around 0 rather than around their mean.

    Returns
    -------
    array of float64
        As many as prices; NaN until `window` returns are there, the first at row `window`.

    Raises
    ------
    DataError
        When a price has no logarithm.

    Examples
    --------
    >>> from tickstep.analytics import calculate_realized_volatility
    >>> calculate_realized_volatility([100, 110, 100, 110], 2, annualize=False).round(6).tolist()
    [nan, nan, 0.134789, 0.134789]
    """
    kind = "zero_mean" if zero_mean else "realized"
    return _volatility(kind, [prices], window, annualize, trading_periods)


def calculate_parkinson_volatility(
    high: Any,
    low: Any = None,
    window: int = 100,
    annualize: bool = True,
    trading_periods: float = 525_600,
) -> Float64Array:
    """Volatility from ranges: √(mean ln(high / low)² / (4 ln 2)).

    Parkinson (1980), The Extreme Value Method for Estimating the Variance of the Rate of Return.

    Parameters
    ----------
    high, low : array of int or float, or Bars as the first
        Highest and lowest price of each bar.
    window : int
        Bars.
    annualize, trading_periods
        As for `calculate_realized_volatility`.

    Returns
    -------
    array of float64
        NaN until the window is full, the first at row `window` − 1.

    Examples
    --------
    >>> from tickstep.analytics import calculate_parkinson_volatility
    >>> calculate_parkinson_volatility([20, 40], [10, 20], 2, annualize=False).round(6).tolist()
    [nan, 0.416277]
    """
    return _volatility("parkinson", [high, low], window, annualize, trading_periods)


def calculate_garman_klass_volatility(
    open: Any,
    high: Any = None,
    low: Any = None,
    close: Any = None,
    window: int = 100,
    annualize: bool = True,
    trading_periods: float = 525_600,
) -> Float64Array:
    """Volatility from whole bars: √(mean(½ ln(high / low)² − (2 ln 2 − 1) ln(close / open)²)).

    Garman, Klass (1980), On the Estimation of Security Price Volatilities from Historical Data.

    Parameters
    ----------
    open, high, low, close : array of int or float, or Bars as the first
        Prices of each bar.
    window : int
        Bars.
    annualize, trading_periods
        As for `calculate_realized_volatility`.

    Returns
    -------
    array of float64
        NaN until the window is full, the first at row `window` − 1.

    Examples
    --------
    >>> from tickstep.analytics import calculate_garman_klass_volatility
    >>> calculate_garman_klass_volatility([10], [20], [10], [10], 1, annualize=False).round(6)
    array([0.490129])
    """
    columns = [open, high, low, close]
    return _volatility("garman_klass", columns, window, annualize, trading_periods)


def calculate_rogers_satchell_volatility(
    open: Any,
    high: Any = None,
    low: Any = None,
    close: Any = None,
    window: int = 100,
    annualize: bool = True,
    trading_periods: float = 525_600,
) -> Float64Array:
    """Volatility from whole bars that a trend does not disturb.

    √(mean(ln(high / close) ln(high / open) + ln(low / close) ln(low / open))), Rogers, Satchell
    (1991), Estimating Variance from High, Low and Closing Prices.

    Parameters
    ----------
    open, high, low, close : array of int or float, or Bars as the first
        Prices of each bar.
    window : int
        Bars.
    annualize, trading_periods
        As for `calculate_realized_volatility`.

    Returns
    -------
    array of float64
        NaN until the window is full, the first at row `window` − 1.

    Examples
    --------
    >>> from tickstep.analytics import calculate_rogers_satchell_volatility
    >>> calculate_rogers_satchell_volatility([10], [20], [10], [10], 1, annualize=False).round(6)
    array([0.693147])
    """
    columns = [open, high, low, close]
    return _volatility("rogers_satchell", columns, window, annualize, trading_periods)


def calculate_yang_zhang_volatility(
    open: Any,
    high: Any = None,
    low: Any = None,
    close: Any = None,
    window: int = 100,
    annualize: bool = True,
    trading_periods: float = 525_600,
) -> Float64Array:
    """Volatility from whole bars and the jumps between them.

    √(var o + k var c + (1 − k) RS), with o = ln(open / close before), c = ln(close / open), sample
    variances, RS of Rogers and Satchell and k = 0.34 / (1.34 + (n + 1) / (n − 1)). Yang, Zhang (2000),
    Drift-Independent Volatility Estimation Based on High, Low, Open, and Close Prices. (ag-kernel has
    k on the jumps: the weights are swapped.)

    Parameters
    ----------
    open, high, low, close : array of int or float, or Bars as the first
        Prices of each bar.
    window : int
        Bars, at least 2.
    annualize, trading_periods
        As for `calculate_realized_volatility`.

    Returns
    -------
    array of float64
        NaN until `window` bars have a close before them, the first at row `window`.

    Examples
    --------
    >>> from tickstep.analytics import calculate_yang_zhang_volatility
    >>> prices = [10, 12, 11]
    >>> calculate_yang_zhang_volatility(prices, prices, prices, prices, 2, annualize=False).round(6)
    array([     nan,      nan, 0.190447])
    """
    columns = [open, high, low, close]
    return _volatility("yang_zhang", columns, window, annualize, trading_periods)


class ExponentialVolatility:
    """Exponentially weighted volatility of prices that come in pieces.

    Parameters
    ----------
    span : float
        Weights are (1 − α)^age with α = 2 / (span + 1).
    annualize, trading_periods
        As for `calculate_realized_volatility`.

    Examples
    --------
    >>> from tickstep.analytics import ExponentialVolatility
    >>> rolling = ExponentialVolatility(1, annualize=False)
    >>> rolling.push(100), round(rolling.push(101), 6)
    (nan, 0.00995)
    """

    def __init__(
        self, span: float = 20, annualize: bool = True, trading_periods: float = 525_600
    ) -> None:
        known = _real(span, "span", "a span of 20 has weights of about 20 rows, 1 is the least")
        self._state = _kernel.ExponentialState(known, _scale(annualize, trading_periods))

    def push(self, prices: Any) -> Any:
        """Take one price or a column; return the volatility at each."""
        is_one, (column,) = _pushed((prices,))
        found = self._state.push(_numbers(column, "prices"))
        return float(found[0]) if is_one else found


def calculate_exponential_volatility(
    prices: Any,
    span: float = 20,
    annualize: bool = True,
    trading_periods: float = 525_600,
) -> Float64Array:
    """Exponentially weighted volatility: √(Σ w r² / Σ w), w = (1 − α)^age, α = 2 / (span + 1).

    J.P. Morgan (1996), RiskMetrics Technical Document, with α as span; weights are divided by their
    sum, so that the first returns do not count for more than they should.

    Parameters
    ----------
    prices : array of int or float, or Bars (its closes) or Ticks
        Prices above 0.
    span : float
        At least 1.
    annualize, trading_periods
        As for `calculate_realized_volatility`.

    Returns
    -------
    array of float64
        As many as prices; NaN until there are `span` returns.

    Examples
    --------
    >>> from tickstep.analytics import calculate_exponential_volatility
    >>> calculate_exponential_volatility([100, 101, 101], 2, annualize=False).round(6).tolist()
    [nan, nan, 0.004975]
    """
    if isinstance(prices, Bars):
        prices = prices.close_ticks
    elif isinstance(prices, Ticks):
        prices = prices.price_ticks
    found: Float64Array = ExponentialVolatility(span, annualize, trading_periods).push(prices)
    return found
