"""Numbers of returns beside those of a benchmark: both of the same periods, row for row.

Conventions are those of `ratios.py`; excess returns are taken over the same risk-free rate on both
sides. What is not defined is None.
"""

import math

import numpy as np
import numpy.typing as npt

from tickstep.returns import checked_periods, risk_free_per_period
from tickstep.series import Series, checked_pair, varies
from tickstep.ticks import Float64Array

__all__ = [
    "alpha",
    "beta",
    "down_capture",
    "information_ratio",
    "r_squared",
    "tracking_error",
    "up_capture",
]

NAMES = ("returns", "benchmark")


def beta(returns: Series, benchmark: Series) -> float | None:
    """Slope of the returns on the benchmark's: cov(r, b) / var(b).

    A constant risk-free rate falls out of both.

    Parameters
    ----------
    returns, benchmark : array, fractions
        Of the same periods.

    Returns
    -------
    float or None
        None for a benchmark that does not vary.

    Examples
    --------
    >>> from tickstep.metrics import beta
    >>> round(beta([0.02, -0.02, 0.04], [0.01, -0.01, 0.02]), 6)
    2.0
    """
    return _slope(*checked_pair(returns, benchmark, NAMES))


def alpha(
    returns: Series, benchmark: Series, *, periods_per_year: float, risk_free: float = 0.0
) -> float | None:
    """Jensen's alpha per year: (mean(r - f) - beta * mean(b - f)) * P, not compounded (1968).

    Parameters
    ----------
    returns, benchmark : array, fractions
        Of the same periods.
    periods_per_year : float
        P; 1 gives alpha per period.
    risk_free : float, fraction per year
        f compounds to it over P periods.

    Returns
    -------
    float or None
        A fraction per year; None for a benchmark that does not vary.

    Examples
    --------
    >>> from tickstep.metrics import alpha
    >>> round(alpha([0.03, -0.01, 0.05], [0.01, -0.01, 0.02], periods_per_year=252), 6)
    2.52
    """
    ours, theirs = checked_pair(returns, benchmark, NAMES)
    free = risk_free_per_period(risk_free, periods_per_year)
    slope = _slope(ours, theirs)
    if slope is None:
        return None
    excess = float(ours.mean()) - free - slope * (float(theirs.mean()) - free)
    return excess * periods_per_year


def tracking_error(returns: Series, benchmark: Series, *, periods_per_year: float) -> float | None:
    """Deviation from the benchmark per year: sd(r - b) * sqrt(P).

    Parameters
    ----------
    returns, benchmark : array, fractions
        Of the same periods.
    periods_per_year : float
        P.

    Returns
    -------
    float or None
        A fraction per year; None for fewer than two periods.

    Examples
    --------
    >>> from tickstep.metrics import tracking_error
    >>> round(tracking_error([0.02, 0.01], [0.01, 0.02], periods_per_year=1), 6)
    0.014142
    """
    ours, theirs = checked_pair(returns, benchmark, NAMES)
    if len(ours) < 2:
        return None
    return float((ours - theirs).std(ddof=1)) * math.sqrt(checked_periods(periods_per_year))


def information_ratio(
    returns: Series, benchmark: Series, *, periods_per_year: float
) -> float | None:
    """Active return for its risk: mean(r - b) / sd(r - b) * sqrt(P).

    Parameters
    ----------
    returns, benchmark : array, fractions
        Of the same periods.
    periods_per_year : float
        P; 1 gives the ratio per period.

    Returns
    -------
    float or None
        None when the difference does not vary.

    Examples
    --------
    >>> from tickstep.metrics import information_ratio
    >>> information_ratio([0.02, 0.04, 0.06], [0.01, 0.02, 0.03], periods_per_year=4)
    4.0
    """
    ours, theirs = checked_pair(returns, benchmark, NAMES)
    active = ours - theirs
    if not varies(active):
        return None
    per_period = float(active.mean()) / float(active.std(ddof=1))
    return per_period * math.sqrt(checked_periods(periods_per_year))


def r_squared(returns: Series, benchmark: Series) -> float | None:
    """Share of the variance that the benchmark explains: the squared correlation.

    Parameters
    ----------
    returns, benchmark : array, fractions
        Of the same periods.

    Returns
    -------
    float or None
        From 0 to 1; None when one of them does not vary.

    Examples
    --------
    >>> from tickstep.metrics import r_squared
    >>> round(r_squared([0.02, -0.02, 0.04], [0.01, -0.01, 0.02]), 6)
    1.0
    """
    ours, theirs = checked_pair(returns, benchmark, NAMES)
    if not (varies(ours) and varies(theirs)):
        return None
    return float(np.corrcoef(ours, theirs)[0, 1]) ** 2


def up_capture(returns: Series, benchmark: Series) -> float | None:
    """Growth per period over the benchmark's, in the periods in which that rose.

    (prod(1 + r)^(1/m) - 1) / (prod(1 + b)^(1/m) - 1) over the m periods with b > 0.

    Parameters
    ----------
    returns, benchmark : array, fractions
        Of the same periods.

    Returns
    -------
    float or None
        1 is the benchmark's own; None when it never rose, or a period lost more than everything.

    Examples
    --------
    >>> from tickstep.metrics import up_capture
    >>> round(up_capture([0.02, -0.5], [0.01, -0.01]), 6)
    2.0
    """
    ours, theirs = checked_pair(returns, benchmark, NAMES)
    return _capture(ours, theirs, theirs > 0)


def down_capture(returns: Series, benchmark: Series) -> float | None:
    """Growth per period over the benchmark's, in the periods in which that fell; see `up_capture`.

    Examples
    --------
    >>> from tickstep.metrics import down_capture
    >>> round(down_capture([0.5, -0.005], [0.01, -0.01]), 6)
    0.5
    """
    ours, theirs = checked_pair(returns, benchmark, NAMES)
    return _capture(ours, theirs, theirs < 0)


def _slope(ours: Float64Array, theirs: Float64Array) -> float | None:
    if not varies(theirs):
        return None
    distance = theirs - theirs.mean()
    return float(np.dot(distance, ours - ours.mean()) / np.dot(distance, distance))


def _capture(
    ours: Float64Array, theirs: Float64Array, taken: npt.NDArray[np.bool_]
) -> float | None:
    growth, base = _growth_per_period(ours[taken]), _growth_per_period(theirs[taken])
    return growth / base if growth is not None and base else None


def _growth_per_period(steps: Float64Array) -> float | None:
    if len(steps) == 0 or np.any(steps < -1):
        return None
    return float(np.prod(1.0 + steps) ** (1.0 / len(steps))) - 1.0
