"""Volume weighted average price: cumulative, rolling, by session, anchored."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from tickstep import _kernel
from tickstep.bars import Bars
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length, phase_of
from tickstep.pieces import (
    Array,
    Kept,
    check_count,
    has_floats,
    not_given,
    number_column,
    pushed,
    required,
)
from tickstep.ticks import Float64Array, Ticks

__all__ = [
    "Vwap",
    "calculate_vwap",
]


class Vwap(Kept):
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
        self._window = None if window is None else check_count(window, "window")

    def _new_state(self, is_float: bool) -> Any:
        return _kernel.VwapState(self._window, has_begun=True, is_float=is_float)

    def push(self, prices: Any, volumes: Any) -> Any:
        """Take one row or columns; return the average at each, NaN where there is none yet."""
        is_one, columns = pushed((prices, volumes))
        state, given = self._state_for(
            number_column(columns[0], "prices"), number_column(columns[1], "volumes")
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
    is_float = any(has_floats(column) for column in columns)
    state = _kernel.VwapState(
        None if window is None else check_count(window, "window"),
        has_begun=anchors is None,
        is_float=is_float,
    )
    kind = np.float64 if is_float else np.int64
    price_column, volume_column = (column.astype(kind, copy=False) for column in columns)
    averages = state.push(price_column, volume_column, starts)
    return averages if scale == 1 else np.multiply(averages, scale, out=averages)


def _vwap_columns(prices: Any, volumes: Any) -> tuple[tuple[Array, Array], float]:
    if isinstance(prices, Ticks):
        not_given("a Ticks", volumes=volumes)
        return (prices.price_ticks, prices.qty_lots), prices.tick_size
    if isinstance(prices, Bars):
        not_given("a Bars", volumes=volumes)
        # Below 2^50 each; the third is taken after the division.
        typical = prices.high_ticks + prices.low_ticks + prices.close_ticks
        return (typical, prices.volume_lots), float(Fraction(prices.grids[0]) / 3)
    return (
        number_column(prices, "prices"),
        number_column(required("volumes", volumes), "volumes"),
    ), 1


def _vwap_starts(prices: Any, sessions: Any, anchors: Any, rows: int) -> list[int]:
    if isinstance(sessions, str):
        if not isinstance(prices, (Ticks, Bars)):
            raise ConfigError(
                f"sessions={sessions!r} needs times",
                hint="give a Ticks or Bars, or an array such as timestamps // 86_400_000",
            )
        length = interval_length(sessions, prices.time_unit)
        sessions = (prices.time - phase_of(length, prices.time_unit)) // length
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
    rows_given = np.atleast_1d(np.asarray(anchors))
    if rows_given.dtype.kind not in "iu":
        raise ConfigError(
            f"anchors must be rows, whole numbers, was {rows_given.dtype}",
            hint="np.searchsorted(ticks.datetimes, np.datetime64(time)) finds the row of a time",
        )
    starts = [int(row) for row in np.unique(rows_given)]
    for row in starts:
        if not 0 <= row < rows:
            raise DataError(
                f"the anchor {row} is not a row of {rows}",
                hint="np.searchsorted(times, time) finds the row of a time",
            )
    return starts
