"""Arguments of the analytics, and states that take rows in pieces."""

import sys
from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from tickstep._kernel import Grid
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length
from tickstep.ticks import (
    NS_PER_UNIT,
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
    "SUM_END",
    "Array",
    "Builder",
    "Interval",
    "Kept",
    "TradeColumns",
    "Units",
    "check_count",
    "check_grids",
    "check_lots",
    "check_real",
    "has_floats",
    "joined",
    "length_of",
    "not_given",
    "number_column",
    "pushed",
    "required",
    "sides_of",
    "times_of",
    "trades_of",
    "whole_column",
]

Array: TypeAlias = npt.NDArray[Any]
Interval: TypeAlias = int | str

SUM_END = 2**63


class Units(NamedTuple):
    """What one tick and one lot are; None leaves numbers as they are."""

    tick: Grid | None
    lot: Grid | None

    @classmethod
    def of(cls, tick_size: Number | None, lot: Number | None = None) -> "Units":
        """Read the grids from their steps."""
        return cls(
            None if tick_size is None else Grid(tick_size, "tick_size"),
            None if lot is None else Grid(lot, "lot"),
        )

    def prices(self, ticks: Array) -> Array:
        return ticks if self.tick is None else self.tick.values(whole_column(ticks))

    def amounts(self, lots: Array) -> Array:
        return lots if self.lot is None else self.lot.values(whole_column(lots))


class TradeColumns(NamedTuple):
    """Columns of trades as the kernel takes them."""

    time: Int64Array
    price_ticks: Int64Array
    qtys: Array
    sides: UInt8Array


def whole_column(values: Array) -> Int64Array:
    """Int64 in one piece."""
    return np.ascontiguousarray(values, dtype=np.int64)


def required(name: str, value: Any) -> Any:
    """The value, which must be there."""
    if value is None:
        raise DataError(
            f"{name} is not given", hint="give every column, or a Ticks as the first argument"
        )
    return value


def not_given(owner: str, **values: Any) -> None:
    """None of these may stand beside the owner of all."""
    for name, value in values.items():
        if value is not None:
            raise DataError(f"{name} is given beside {owner}, which has it", hint=f"drop {name}")


def number_column(values: Any, name: str) -> Array:
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


def has_floats(array: Array) -> bool:
    """Whether sums of these round."""
    return array.dtype.kind == "f"


def sides_of(values: Any) -> UInt8Array:
    """Sides as 0 and 1, in any of their spellings."""
    array = np.asarray(values)
    if array.dtype == np.uint8 and array.ndim == 1:
        return np.ascontiguousarray(array)  # the kernel looks at the values
    return np.ascontiguousarray(side_column(values, "sides"))


def times_of(values: Any, unit: str) -> Int64Array:
    """Times in the unit."""
    return np.ascontiguousarray(time_column(values, unit))


def trades_of(timestamps: Any, price_ticks: Any, qtys: Any, sides: Any, unit: str) -> TradeColumns:
    """Columns of trades, given one by one or as a `Ticks`."""
    if isinstance(timestamps, Ticks):
        not_given("a Ticks", price_ticks=price_ticks, qtys=qtys, sides=sides)
        ticks = timestamps
        return TradeColumns(ticks.time, ticks.price_ticks, ticks.qty_lots, ticks.side)
    return TradeColumns(
        times_of(timestamps, unit),
        np.ascontiguousarray(integer_column(required("price_ticks", price_ticks), "price_ticks")),
        number_column(required("qtys", qtys), "qtys"),
        sides_of(required("sides", sides)),
    )


def check_count(value: Any, name: str) -> int:
    """A whole number from 1 on."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or not 1 <= value < SUM_END:
        raise ConfigError(
            f"{name} is {value!r}", hint=f"{name} is a whole number, at least 1 and below 2^63"
        )
    return int(value)


def check_real(value: Any, name: str, hint: str, most: float = sys.float_info.max) -> float:
    """A number above 0, up to `most`."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 < value <= most:
        raise ConfigError(f"{name} is {value!r}", hint=hint)
    return float(value)


def length_of(value: Interval, name: str, unit: str) -> int:
    """An interval in milliseconds, or as text, in the unit of the data."""
    if isinstance(value, str):
        length, rest = interval_length(value, unit), 0
    else:
        length, rest = divmod(check_count(value, name) * NS_PER_UNIT["ms"], NS_PER_UNIT[unit])
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


def check_lots(units: Units, qtys: Array) -> None:
    """Quantities on a grid are whole lots."""
    if units.lot is not None and has_floats(qtys):
        raise DataError(
            f"qtys are {qtys.dtype}, and a lot of {units.lot.step} is given",
            hint="give quantities in lots, as whole numbers, or no lot",
        )


def check_grids(ticks: Ticks, units: Units, unit: str | None = None) -> None:
    """Ticks that are pushed are on the grids of what takes them, and in its unit of time."""
    grids = tuple(None if grid is None else grid.step for grid in units)
    if unit not in (None, ticks.time_unit) or grids not in ((None, None), ticks.grids):
        raise DataError(
            f"ticks in {ticks.time_unit} on the grids {ticks.grids} do not fit a stream in"
            f" {unit or ticks.time_unit} on {grids}",
            hint="give the stream the tick_size, lot and time_unit of the ticks",
        )


def pushed(values: tuple[Any, ...]) -> tuple[bool, list[Any]]:
    """Whether one row was pushed rather than columns, and the columns."""
    is_one = all(np.ndim(value) == 0 for value in values)
    return is_one, [np.atleast_1d(np.asarray(value)) if is_one else value for value in values]


def _streamed(
    timestamps: Any, price_ticks: Any, qtys: Any, sides: Any, units: Units, unit: str
) -> TradeColumns:
    """What is pushed: one row, columns, or a Ticks on the grids of the builder."""
    if isinstance(timestamps, Ticks):
        check_grids(timestamps, units, unit)
        return trades_of(timestamps, price_ticks, qtys, sides, unit)
    time, prices, amounts, given = pushed((timestamps, price_ticks, qtys, sides))[1]
    return trades_of(time, prices, amounts, given, unit)


def joined(first: Sequence[Array], second: Sequence[Array]) -> list[Array]:
    """Columns one behind the other."""
    return [np.concatenate(pair) for pair in zip(first, second, strict=True)]


class Kept:
    """A native state made by the first push, of whole numbers or of floats from then on."""

    def __init__(self) -> None:
        self._state: Any = None
        self._takes_floats = False

    def _new_state(self, is_float: bool) -> Any:
        raise NotImplementedError

    def _state_for(self, *columns: Array) -> tuple[Any, list[Array]]:
        is_float = any(has_floats(column) for column in columns)
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


class Builder(Kept):
    """Rows for buckets of ticks that come in pieces.

    Native buckets begin at multiples of their length; `_phase` is how much later ours do.
    """

    _phase = 0

    def __init__(self, units: Units, time_unit: str) -> None:
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

    def _batch(self, trades: TradeColumns) -> list[Array]:
        return joined(self._push(trades), self._last("finish"))

    def _push(self, trades: TradeColumns) -> Any:
        check_lots(self._units, trades.qtys)
        state, (qtys,) = self._state_for(trades.qtys)
        time = trades.time - self._phase if self._phase else trades.time
        return self._begun(state.push(time, trades.price_ticks, qtys, trades.sides))

    def _last(self, method: str) -> Any:
        state = self._new_state(is_float=False) if self._state is None else self._state
        return self._begun(getattr(state, method)())

    def _begun(self, columns: Any) -> Any:
        return [columns[0] + self._phase, *columns[1:]] if self._phase else columns
