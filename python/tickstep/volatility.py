"""Volatility over a trailing window of prices or bars."""

import math
from collections.abc import Sequence
from typing import Any

from tickstep import _kernel
from tickstep.bars import Bars
from tickstep.errors import DataError
from tickstep.pieces import check_count, check_real, not_given, number_column, pushed, required
from tickstep.ticks import Float64Array, Ticks

__all__ = [
    "VOLATILITY_COLUMNS",
    "ExponentialVolatility",
    "RollingVolatility",
    "calculate_exponential_volatility",
    "calculate_garman_klass_volatility",
    "calculate_parkinson_volatility",
    "calculate_realized_volatility",
    "calculate_rogers_satchell_volatility",
    "calculate_yang_zhang_volatility",
]

VOLATILITY_COLUMNS = {
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
    return math.sqrt(check_real(trading_periods, "trading_periods", hint))


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
        self._state = _kernel.VolatilityState(kind, check_count(window, "window"), scale)
        self._names = VOLATILITY_COLUMNS[kind]

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
        is_one, given = pushed(columns)
        named = zip(given, self._names, strict=True)
        found = self._state.push(*(number_column(column, name) for column, name in named))
        return float(found[0]) if is_one else found


def _volatility(
    kind: str, columns: Sequence[Any], window: int, annualize: bool, trading_periods: float
) -> Float64Array:
    first, names = columns[0], VOLATILITY_COLUMNS[kind]
    given: Sequence[Any] = columns
    if isinstance(first, Bars):
        not_given("a Bars", **dict(zip(names[1:], columns[1:], strict=True)))
        given = [first.columns[f"{name}_ticks"] for name in names]
    elif isinstance(first, Ticks):
        if len(names) > 1:
            raise DataError(
                f"{kind} volatility needs bars, was given ticks",
                hint='make bars first: ticks.candles("1m")',
            )
        given = [first.price_ticks]
    else:
        given = [required(name, each) for name, each in zip(names, columns, strict=True)]
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
        known = check_real(
            span, "span", "a span of 20 has weights of about 20 rows, 1 is the least"
        )
        self._state = _kernel.ExponentialState(known, _scale(annualize, trading_periods))

    def push(self, prices: Any) -> Any:
        """Take one price or a column; return the volatility at each."""
        is_one, (column,) = pushed((prices,))
        found = self._state.push(number_column(column, "prices"))
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
