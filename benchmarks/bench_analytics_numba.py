"""The loops that `bench_analytics.py` is measured against, as one writes them for Numba.

The candles keep a bar in local variables and the profile adds to the bins in place; both are quicker
than writing every tick to arrays of bars.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    return cast(Loop, numba.njit(loop))


@compiled
def candles(time: Array, price: Array, qty: Array, side: Array, interval: int) -> Array:
    rows = len(time)
    out = np.empty((9, time[rows - 1] // interval - time[0] // interval + 1), np.int64)
    bar = row = 0
    while row < rows:
        first = row
        start = time[row] // interval * interval
        high = low = close = price[row]
        volume = bought = 0
        while row < rows and time[row] < start + interval:
            close = price[row]
            high = max(high, close)
            low = min(low, close)
            volume += qty[row]
            bought += qty[row] * (1 - side[row])
            row += 1
        out[0, bar] = start
        out[1, bar] = price[first]
        out[2, bar] = high
        out[3, bar] = low
        out[4, bar] = close
        out[5, bar] = volume
        out[6, bar] = bought
        out[7, bar] = volume - bought
        out[8, bar] = row - first
        bar += 1
    return out[:, :bar]


@compiled
def profile(price: Array, qty: Array, side: Array, bins: int) -> tuple[Array, Array]:
    low = high = price[0]
    for value in price:
        low = min(low, value)
        high = max(high, value)
    width = (high - low + bins) // bins
    count = (high - low) // width + 1
    total, bought = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for row in range(len(price)):
        place = (price[row] - low) // width
        total[place] += qty[row]
        if side[row] == 0:
            bought[place] += qty[row]
    return total, bought


@compiled
def volatility(price: Array, window: int) -> Array:
    rows = len(price)
    out, returns = np.full(rows, np.nan), np.empty(rows)
    total = squares = 0.0
    for row in range(1, rows):
        value = np.log(price[row] / price[row - 1])
        returns[row] = value
        total += value
        squares += value * value
        if row > window:
            old = returns[row - window]
            total -= old
            squares -= old * old
        if row >= window:
            variance = (squares - total * total / window) / (window - 1)
            out[row] = np.sqrt(max(0.0, variance))
    return out


@compiled
def vwap(price: Array, volume: Array) -> Array:
    out = np.empty(len(price))
    paid = total = 0
    for row in range(len(price)):
        paid += price[row] * volume[row]
        total += volume[row]
        out[row] = paid / total
    return out
