"""Equity after every tick, exactly, from fills and prices alone.

A fill moves cash by minus its value and its fee, and the position by its quantity. Between two fills
neither changes, so equity is affine in the price: E = base + slope * price. Two integers per fill and
the price column thus hold the whole curve; any part of it is a vector operation, and nothing is
recorded while a run goes on. For one linear instrument this is the kernel's own equity, unit for
unit, paid in full or margined: what a close realizes and what it takes off the cost cancel.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.engine import Events
from tickstep.ticks import Float64Array, Int64Array

__all__ = ["Curves", "EquityPath"]

Curve = npt.NDArray[Any]  # int64, or Python integers where int64 might not hold them

PIECE_ROWS = 1 << 16  # small enough to stay in the cache
INT64_SAFE = 2.0**62


class Curves(NamedTuple):
    """The run in a number of slices of equal time, with the extremes of every tick in them.

    Slices without ticks are left out. Money and prices are floats for reading, `drawdown` is the
    deepest fall of the slice below the highest equity so far, as a fraction of it, 0 or below.
    """

    time: Int64Array
    price_low: Float64Array
    price_high: Float64Array
    equity_low: Float64Array
    equity_high: Float64Array
    drawdown: Float64Array
    position: Float64Array


class EquityPath:
    """The equity curve of a run of one instrument.

    Parameters
    ----------
    price_ticks : array of int64
        Prices of all ticks of the run.
    fills : structured array
        Its FILLED events, as `EVENT_DTYPE`.
    cash_units : int, money units
        Initial cash.
    units_per_tick_lot : int, money units
        Value of one lot moving one tick.

    Examples
    --------
    >>> import numpy as np
    >>> import tickstep as ts
    >>> from tickstep.equity import EquityPath
    >>> prices = [100, 101, 105, 104]
    >>> engine = ts.Engine(ts.EngineConfig(
    ...     initial_cash=1000, tick_size=1, lot=1, money_unit=1, spread_bps=0, taker_fee=0))
    >>> _ = engine.place_order(ts.Order("MARKET", "BUY", 2))
    >>> _ = engine.step_batch([1, 2, 3, 4], prices, [1, 1, 1, 1], [0, 0, 0, 0])
    >>> path = EquityPath(
    ...     np.array(prices), engine.fills, cash_units=1000, units_per_tick_lot=1)
    >>> path.after(np.array([-1, 0, 1, 2, 3])).tolist(), engine.equity
    ([1000, 1000, 1002, 1010, 1008], 1008.0)
    """

    def __init__(
        self,
        price_ticks: Int64Array,
        fills: Events,
        *,
        cash_units: int,
        units_per_tick_lot: int,
    ) -> None:
        self._price_ticks = price_ticks
        self._fill_rows = fills["tick_index"].astype(np.int64)
        self._position_lots = np.concatenate(([0], np.cumsum(fills["qty_lots"])))
        integers = self._integers(fills, cash_units, units_per_tick_lot)
        qty_lots, prices = fills["qty_lots"].astype(integers), fills["price_ticks"].astype(integers)
        paid = qty_lots * prices * units_per_tick_lot + fills["fee_units"].astype(integers)
        start = np.array([cash_units], dtype=integers)
        self._base = np.concatenate((start, cash_units - np.cumsum(paid)))
        self._slope = self._position_lots.astype(integers) * units_per_tick_lot

    def after(self, rows: Int64Array) -> Curve:
        """Equity after these ticks.

        Parameters
        ----------
        rows : array of int64
            Row numbers; -1 is before the first tick.

        Returns
        -------
        array
            Money units.
        """
        part = np.searchsorted(self._fill_rows, rows, side="right")
        # Before the first tick there is no position, so any price will do.
        return self._base[part] + self._slope[part] * self._price_ticks[np.maximum(rows, 0)]

    def position_after(self, rows: Int64Array) -> Int64Array:
        """Position after these ticks.

        Parameters
        ----------
        rows : array of int64
            Row numbers; -1 is before the first tick.

        Returns
        -------
        array of int64
            Lots, long above 0.
        """
        lots: Int64Array = self._position_lots[np.searchsorted(self._fill_rows, rows, side="right")]
        return lots

    def pieces(self, rows_max: int = PIECE_ROWS) -> Iterator[tuple[int, Curve]]:
        """Go through the equity after every tick, a piece at a time.

        Parameters
        ----------
        rows_max : int
            Length of a piece.

        Yields
        ------
        int, array
            Row of the first tick of the piece, and money units after each of its ticks.
        """
        for start in range(0, len(self._price_ticks), rows_max):
            yield start, self.between(start, min(start + rows_max, len(self._price_ticks)))

    def between(self, start: int, stop: int) -> Curve:
        """Equity after each of the ticks start <= row < stop.

        Parameters
        ----------
        start, stop : int
            Row numbers.

        Returns
        -------
        array
            Money units.
        """
        first, last = np.searchsorted(self._fill_rows, [start, stop], side="left")
        edges = np.concatenate(([start], self._fill_rows[first:last], [stop]))
        lengths = np.diff(edges)
        base = np.repeat(self._base[first : last + 1], lengths)
        slope = np.repeat(self._slope[first : last + 1], lengths)
        return base + slope * self._price_ticks[start:stop]

    def _integers(self, fills: Events, cash_units: int, units_per_tick_lot: int) -> type[Any]:
        """int64 where every base and every equity fit it, else Python integers: same values.

        Sums of int64 wrap around and back, so only what they end at must fit, not the turnover.
        """
        value = fills["qty_lots"].astype(np.float64) * fills["price_ticks"] * units_per_tick_lot
        base = cash_units - np.cumsum(value + fills["fee_units"])
        highest = float(np.abs(self._price_ticks).max(initial=0)) * units_per_tick_lot
        largest = np.abs(self._position_lots.astype(np.float64)).max() * highest
        # Half of what int64 holds: the estimate itself is made of rounded numbers.
        reach = float(np.abs(base).max(initial=float(cash_units))) + largest
        one_fill = float(np.abs(value).max(initial=0.0))
        return np.int64 if max(reach, one_fill) < INT64_SAFE else object
