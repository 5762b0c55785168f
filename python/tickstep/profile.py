"""Volume by price, of all trades or by bucket of time."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from tickstep import _kernel
from tickstep._kernel import Grid
from tickstep.intervals import phase_of
from tickstep.pieces import (
    Array,
    Builder,
    Interval,
    Kept,
    Units,
    check_count,
    check_grids,
    check_lots,
    check_real,
    length_of,
    not_given,
    number_column,
    pushed,
    required,
    sides_of,
    trades_of,
)
from tickstep.ticks import Int64Array, Number, Ticks, integer_column

__all__ = [
    "FOOTPRINT_COLUMNS",
    "FootprintBuilder",
    "VolumeProfile",
    "calculate_footprint",
    "calculate_volume_profile",
    "value_area_of",
]


class VolumeProfile(Kept):
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
        self._units = Units.of(tick_size, lot)

    def _new_state(self, is_float: bool) -> Any:
        return _kernel.ProfileState(is_float=is_float)

    def push(self, price_ticks: Any, qtys: Any = None, sides: Any = None) -> None:
        """Take one trade, columns of trades or a `Ticks`."""
        if isinstance(price_ticks, Ticks):
            not_given("a Ticks", qtys=qtys, sides=sides)
            check_grids(price_ticks, self._units)
            qtys, sides = price_ticks.qty_lots, price_ticks.side
            price_ticks = price_ticks.price_ticks
        qtys, sides = required("qtys", qtys), required("sides", sides)
        prices, amounts, given_sides = pushed((price_ticks, qtys, sides))[1]
        numbers = number_column(amounts, "qtys")
        check_lots(self._units, numbers)
        state, (column,) = self._state_for(numbers)
        levels = np.ascontiguousarray(integer_column(prices, "price_ticks"))
        state.push(levels, column, sides_of(given_sides))

    def result(self, n_bins: int | None = None, *, value_area: float = 0.7) -> dict[str, Any]:
        """Return what `calculate_volume_profile` returns, of the trades so far."""
        part = check_real(
            value_area, "value_area", "a part of the volume: above 0, up to 1", most=1.0
        )
        bins = None if n_bins is None else check_count(n_bins, "n_bins")
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
        not_given("a Ticks", qtys=qtys, sides=sides, tick_size=tick_size)
        ticks = price_ticks
        (tick_size, lot), price_ticks = ticks.grids, ticks.price_ticks
        qtys, sides = ticks.qty_lots, ticks.side
    profile = VolumeProfile(tick_size, lot)
    profile.push(price_ticks, required("qtys", qtys), required("sides", sides))
    return profile.result(n_bins, value_area=value_area)


FOOTPRINT_COLUMNS = ("ts_open", "price_levels", "bid_volume", "ask_volume")


class FootprintBuilder(Builder):
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
        super().__init__(Units.of(tick_size, lot), time_unit)
        self._interval = length_of(interval_ms, "interval_ms", time_unit)
        self._phase = phase_of(self._interval, time_unit)

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
        not_given("a Ticks", tick_size=tick_size)
        tick_size, lot = timestamps.grids
        time_unit = timestamps.time_unit
    builder = FootprintBuilder(interval_ms, tick_size=tick_size, lot=lot, time_unit=time_unit)
    trades = trades_of(timestamps, price_ticks, qtys, sides, time_unit)
    return builder._columns(builder._batch(trades))
