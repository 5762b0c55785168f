"""Numbers of a moving window over returns: one for each window that is full.

Every function returns `len(returns) - window + 1` numbers, none for fewer returns than the window;
the i-th is of the rows i to i + window - 1, so it belongs to the end of row i + window - 1. Each window
is summed anew, a bounded number of them at a time: no drift, and memory does not grow with them. A
window in which the number is not defined gives NaN.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from tickstep.errors import ConfigError
from tickstep.returns import checked_periods, risk_free_per_period
from tickstep.series import Series, checked, checked_pair
from tickstep.ticks import Float64Array

__all__ = [
    "rolling_beta",
    "rolling_max_drawdown",
    "rolling_return",
    "rolling_sharpe",
    "rolling_sortino",
    "rolling_volatility",
]

CELLS_AT_ONCE = 1 << 20


def rolling_return(returns: Series, window: int) -> Float64Array:
    """Compound return of each window: product of (1 + r) - 1.

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    window : int
        Returns in a window, at least 1.

    Returns
    -------
    array of float64
        Fractions.

    Raises
    ------
    ConfigError
        For a window without returns.

    Examples
    --------
    >>> from tickstep.metrics import rolling_return
    >>> rolling_return([0.1, 0.1, -0.5], 2).round(6).tolist()
    [0.21, -0.45]
    """
    steps = checked(returns, "returns")
    return _windows(steps, window, 1, lambda each: np.prod(1.0 + each, axis=1) - 1.0)


def rolling_volatility(returns: Series, window: int, *, periods_per_year: float) -> Float64Array:
    """Volatility of each window: sd(r) * sqrt(P), sd with n - 1.

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    window : int
        Returns in a window, at least 2.
    periods_per_year : float
        P.

    Returns
    -------
    array of float64
        Fractions per year.

    Raises
    ------
    ConfigError
        For a shorter window.

    Examples
    --------
    >>> from tickstep.metrics import rolling_volatility
    >>> rolling_volatility([0.01, 0.03, 0.03], 2, periods_per_year=1).round(6).tolist()
    [0.014142, 0.0]
    """
    steps, scale = checked(returns, "returns"), math.sqrt(checked_periods(periods_per_year))
    return _windows(steps, window, 2, lambda each: each.std(axis=1, ddof=1) * scale)


def rolling_sharpe(
    returns: Series, window: int, *, periods_per_year: float, risk_free: float = 0.0
) -> Float64Array:
    """Sharpe ratio of each window; see `sharpe`.

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    window : int
        Returns in a window, at least 2.
    periods_per_year : float
        P.
    risk_free : float, fraction per year
        What the money would have earned without risk.

    Returns
    -------
    array of float64
        NaN where the returns of a window do not vary.

    Raises
    ------
    ConfigError
        For a shorter window.

    Examples
    --------
    >>> from tickstep.metrics import rolling_sharpe
    >>> rolling_sharpe([0.01, 0.03, 0.03], 2, periods_per_year=2).round(6).tolist()
    [2.0, nan]
    """
    free = risk_free_per_period(risk_free, periods_per_year)

    def ratio(each: Float64Array) -> Float64Array:
        is_defined = each.min(axis=1) != each.max(axis=1)
        return _divided(each.mean(axis=1) - free, each.std(axis=1, ddof=1), is_defined)

    steps = checked(returns, "returns")
    return _windows(steps, window, 2, ratio) * math.sqrt(periods_per_year)


def rolling_sortino(
    returns: Series, window: int, *, periods_per_year: float, target: float = 0.0
) -> Float64Array:
    """Sortino ratio of each window; see `sortino`.

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    window : int
        Returns in a window, at least 2.
    periods_per_year : float
        P.
    target : float, fraction per year
        The return asked for.

    Returns
    -------
    array of float64
        NaN where nothing fell short in a window.

    Raises
    ------
    ConfigError
        For a shorter window.

    Examples
    --------
    >>> from tickstep.metrics import rolling_sortino
    >>> rolling_sortino([0.03, -0.04, 0.01, 0.02], 4, periods_per_year=1).round(6).tolist()
    [0.25]
    """
    aim = risk_free_per_period(target, periods_per_year)

    def ratio(each: Float64Array) -> Float64Array:
        risk = np.sqrt(np.mean(np.minimum(each - aim, 0.0) ** 2, axis=1))
        return _divided(each.mean(axis=1) - aim, risk, risk > 0)

    steps = checked(returns, "returns")
    return _windows(steps, window, 2, ratio) * math.sqrt(periods_per_year)


def rolling_max_drawdown(returns: Series, window: int) -> Float64Array:
    """Deepest fall within each window, from its own start on: a fraction, 0 or below.

    Parameters
    ----------
    returns : array, fractions
        Of equal periods, none below -1.
    window : int
        Returns in a window, at least 1.

    Returns
    -------
    array of float64
        Fractions of the peak.

    Raises
    ------
    ConfigError
        For a window without returns.

    Examples
    --------
    >>> from tickstep.metrics import rolling_max_drawdown
    >>> rolling_max_drawdown([0.1, -0.1, -0.5], 2).round(6).tolist()
    [-0.1, -0.55]
    """

    def deepest(each: Float64Array) -> Float64Array:
        curve = np.cumprod(1.0 + each, axis=1)
        peaks = np.maximum(np.maximum.accumulate(curve, axis=1), 1.0)
        return np.asarray((curve / peaks - 1.0).min(axis=1))

    return _windows(checked(returns, "returns"), window, 1, deepest)


def rolling_beta(returns: Series, benchmark: Series, window: int) -> Float64Array:
    """Beta of each window; see `beta`.

    Parameters
    ----------
    returns, benchmark : array, fractions
        Of the same periods.
    window : int
        Returns in a window, at least 2.

    Returns
    -------
    array of float64
        NaN where the benchmark does not vary in a window.

    Raises
    ------
    ConfigError
        For a shorter window.

    Examples
    --------
    >>> from tickstep.metrics import rolling_beta
    >>> rolling_beta([0.02, -0.02, 0.01], [0.01, -0.01, 0.02], 2).round(6).tolist()
    [2.0, 1.0]
    """
    ours, theirs = checked_pair(returns, benchmark, ("returns", "benchmark"))

    def slope(each: Float64Array) -> Float64Array:
        first, second = each[:, 0], each[:, 1]
        distance = second - second.mean(axis=1, keepdims=True)
        is_defined = second.min(axis=1) != second.max(axis=1)
        return _divided((distance * first).sum(axis=1), (distance**2).sum(axis=1), is_defined)

    return _windows(np.column_stack((ours, theirs)), window, 2, slope)


def _windows(
    rows: Float64Array,
    window: int,
    window_min: int,
    number: Callable[[Float64Array], Float64Array],
) -> Float64Array:
    if window < window_min:
        raise ConfigError(
            f"window is {window}: this number needs at least {window_min} returns",
            hint="give the number of returns in a window",
        )
    if len(rows) < window:
        return np.zeros(0)
    views = sliding_window_view(rows, window, axis=0)
    step = max(1, CELLS_AT_ONCE // window)
    return np.concatenate(
        [number(views[start : start + step]) for start in range(0, len(views), step)]
    )


def _divided(
    numerator: Float64Array, denominator: Float64Array, is_defined: npt.NDArray[np.bool_]
) -> Float64Array:
    found = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=found, where=is_defined)
    return found
