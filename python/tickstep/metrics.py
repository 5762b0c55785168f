"""Numbers from an equity curve: pure functions, each with its formula, its sampling and its limits.

What cannot be known is None, never 0, infinity or NaN: a Sharpe ratio of one return, a return on no
capital. A ratio that depends on how the curve was sampled takes the sampling as an argument, so that
it can be printed beside the number.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.ticks import NS_PER_UNIT, Float64Array, check_time_unit, plain

__all__ = [
    "Drawdown",
    "DrawdownScan",
    "depths",
    "max_drawdown",
    "periods_per_year",
    "returns",
    "sharpe",
    "total_return",
]

Curve = npt.NDArray[Any]  # integers or floats

NS_PER_YEAR = 31_557_600 * 10**9  # 365.25 days


class Drawdown(NamedTuple):
    """A fall of the curve from its highest point so far.

    Parameters
    ----------
    peak, trough : int or float, unit of the curve
        Where the fall began, and the lowest point after it.

    Examples
    --------
    >>> from tickstep.metrics import Drawdown
    >>> fall = Drawdown(peak=200, trough=150)
    >>> fall.amount, fall.ratio
    (-50, -0.25)
    """

    peak: float
    trough: float

    @property
    def amount(self) -> float:
        """Size of the fall in the unit of the curve, 0 or below."""
        return self.trough - self.peak

    @property
    def ratio(self) -> float:
        """Size of the fall as a fraction of the peak, 0 or below."""
        return (self.trough - self.peak) / self.peak


class DrawdownScan:
    """Deepest relative fall of a curve that comes in pieces, so that no whole curve is ever held.

    Parameters
    ----------
    start : int or float
        Value before the first piece; it is the first peak.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import DrawdownScan
    >>> scan = DrawdownScan(100)
    >>> scan.push(np.array([110, 99]))
    >>> scan.push(np.array([88, 120]))
    >>> scan.deepest, scan.peak
    (Drawdown(peak=110, trough=88), 120)
    """

    def __init__(self, start: float) -> None:
        self.peak = start
        self._depth = 0.0
        self._deepest: Drawdown | None = None

    @property
    def deepest(self) -> Drawdown | None:
        """The deepest fall so far; None while the curve was never above 0."""
        if self._deepest is None and self.peak > 0:
            return Drawdown(self.peak, self.peak)
        return self._deepest

    def push(self, piece: Curve) -> None:
        """Go on with the next points of the curve.

        Parameters
        ----------
        piece : array
            Points in order of time.
        """
        if len(piece) == 0:
            return
        found, peaks = _depths(piece, self.peak)
        self.peak = plain(peaks[-1])
        lowest = int(np.argmax(found))
        if found[lowest] > self._depth:
            self._depth = float(found[lowest])
            self._deepest = Drawdown(plain(peaks[lowest]), plain(piece[lowest]))


def depths(curve: Curve, peak: float) -> Float64Array:
    """Depth of each point under the highest so far, as a fraction of it, 0 or above.

    Parameters
    ----------
    curve : array
        Points in order of time.
    peak : int or float
        Highest value before the first point.

    Returns
    -------
    array of float64
        0 at a new high; 0 too while the highest value is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import depths
    >>> depths(np.array([100, 75, 120, 60]), peak=100).tolist()
    [0.0, 0.25, 0.0, 0.5]
    """
    return _depths(curve, peak)[0]


def max_drawdown(equity: Curve) -> Drawdown | None:
    """Deepest fall from a running peak: min(E / peak - 1) over every point given.

    Parameters
    ----------
    equity : array
        Points in order of time, the starting equity first.

    Returns
    -------
    Drawdown or None
        Peak and trough of the relatively deepest fall; None for no points, or none above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import max_drawdown
    >>> max_drawdown(np.array([100.0, 120.0, 90.0, 130.0])).ratio
    -0.25
    """
    if len(equity) == 0:
        return None
    scan = DrawdownScan(plain(equity[0]))
    scan.push(equity)
    return scan.deepest


def returns(equity: Curve) -> Float64Array | None:
    """Simple returns E[i] / E[i-1] - 1 between the samples of a curve.

    Parameters
    ----------
    equity : array
        Samples at equal distances of time, the starting equity first.

    Returns
    -------
    array of float64, or None
        One less than there are samples; None when a sample before the last is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import returns
    >>> returns(np.array([100.0, 110.0, 99.0])).round(6).tolist()
    [0.1, -0.1]
    """
    curve = np.asarray(equity, dtype=np.float64)
    if np.any(curve[:-1] <= 0):
        return None
    return curve[1:] / curve[:-1] - 1.0


def total_return(equity: Curve) -> float | None:
    """Return over the whole curve: E[last] / E[first] - 1.

    Parameters
    ----------
    equity : array
        Points in order of time, the starting equity first.

    Returns
    -------
    float or None
        A fraction: 0.05 is five percent. None for no points, or a start that is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import total_return
    >>> total_return(np.array([100, 103, 105]))
    0.05
    """
    if len(equity) == 0 or equity[0] <= 0:
        return None
    first: float = plain(equity[0])
    last: float = plain(equity[-1])
    return (last - first) / first


def sharpe(equity: Curve, *, periods_per_year: float, risk_free: float = 0.0) -> float | None:
    """Sharpe ratio: mean(r - f) / sd(r) * sqrt(P), sd with n - 1, f = (1 + risk_free)^(1/P) - 1.

    The number depends on the sampling: state P and the number of returns wherever it is shown.
    Hours without trading do no harm: their zero returns lower mean and variance alike.

    Parameters
    ----------
    equity : array
        Samples at equal distances of time, the starting equity first.
    periods_per_year : float
        P: how many such distances make a year.
    risk_free : float, fraction per year
        What the money would have earned without risk.

    Returns
    -------
    float or None
        None for fewer than two returns, for returns that do not vary, or for equity at or below 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import sharpe
    >>> round(sharpe(np.array([100, 101, 100.5, 102]), periods_per_year=252), 4)
    10.2116
    """
    steps = returns(equity)
    if steps is None or len(steps) < 2 or steps.min() == steps.max():
        return None
    risk_free_per_period = math.expm1(math.log1p(risk_free) / periods_per_year)
    excess = float(steps.mean()) - risk_free_per_period
    return excess / float(steps.std(ddof=1)) * math.sqrt(periods_per_year)


def periods_per_year(length: int, time_unit: str) -> float:
    """How many periods of this length make a year of 365.25 days, nights and weekends included.

    Parameters
    ----------
    length : int, in `time_unit`
        Length of one period.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of `length`.

    Returns
    -------
    float
        Periods in a year.

    Examples
    --------
    >>> from tickstep.metrics import periods_per_year
    >>> periods_per_year(3_600_000, "ms")
    8766.0
    """
    return NS_PER_YEAR / (length * NS_PER_UNIT[check_time_unit(time_unit)])


def _depths(curve: Curve, peak: float) -> tuple[Float64Array, Curve]:
    peaks = np.maximum(np.maximum.accumulate(curve), peak)
    falls = np.asarray(peaks - curve, dtype=np.float64)
    scale = np.asarray(peaks, dtype=np.float64)
    found = np.zeros(len(curve))
    np.divide(falls, scale, out=found, where=scale > 0)
    return found, peaks
