"""Statistics of empyrical (empyrical-reloaded 0.7) by its own formulas.

>>> from tickstep.compat import empyrical
>>> steps = [0.01, -0.005, 0.015, -0.03, 0.005]
>>> round(empyrical.annual_return(steps), 6)
-0.247626
>>> round(empyrical.value_at_risk(steps), 6)
-0.025

What differs from `tickstep.metrics`:

- A year is `annualization` periods, 252 unless given; n returns are n / annualization years long.
- `risk_free` and `required_return` are of one period; in `omega_ratio` the latter is of a year.
- `alpha` compounds over the year, `excess_sharpe` is of one period.
- `value_at_risk` lies between two returns, `conditional_value_at_risk` is a plain mean; losses are
  below 0, and a drawdown is as well.
- Captures compare annual returns of the periods taken, as if they had followed each other.
- What is not defined is NaN; a ratio without risk is infinite.

Returns are an array of fractions, without gaps; benchmarks (`factor_returns`) of the same periods.
"""

import math

import numpy as np

from tickstep import metrics
from tickstep.compat.absent import or_nan, power, quotient
from tickstep.returns import checked_periods
from tickstep.series import Series, checked, checked_pair
from tickstep.ticks import Float64Array

__all__ = [
    "alpha",
    "annual_return",
    "annual_volatility",
    "batting_average",
    "beta",
    "calmar_ratio",
    "capture",
    "conditional_value_at_risk",
    "cum_returns_final",
    "down_capture",
    "downside_risk",
    "excess_sharpe",
    "max_drawdown",
    "omega_ratio",
    "sharpe_ratio",
    "sortino_ratio",
    "stability_of_timeseries",
    "tail_ratio",
    "up_capture",
    "up_down_capture",
    "value_at_risk",
]

PERIODS = 252.0  # of daily returns, in a year


# --- Returns and risk. ----------------------------------------------------------------------------


def cum_returns_final(returns: Series) -> float:
    """Product of (1 + r) - 1."""
    return or_nan(metrics.compound(returns))


def annual_return(returns: Series, *, annualization: float = PERIODS) -> float:
    """Product of (1 + r) ^ (annualization / n) - 1; also its `cagr`."""
    steps = checked(returns, "returns")
    return or_nan(metrics.cagr(steps, years=len(steps) / checked_periods(annualization)))


def annual_volatility(
    returns: Series, *, alpha: float = 2.0, annualization: float = PERIODS
) -> float:
    """sd(r) * annualization ^ (1 / alpha), alpha the scaling of time."""
    per_period = or_nan(metrics.volatility(returns, periods_per_year=1))
    return per_period * float(annualization ** (1.0 / alpha))


def max_drawdown(returns: Series) -> float:
    """Lowest value of curve / peak - 1, the start included; 0 or below."""
    steps = checked(returns, "returns")
    if len(steps) == 0:
        return math.nan
    return -float(metrics.depths(np.cumprod(1.0 + steps), 1.0).max())


def calmar_ratio(returns: Series, *, annualization: float = PERIODS) -> float:
    """annual_return / |max_drawdown|."""
    growth = annual_return(returns, annualization=annualization)
    deepest = max_drawdown(returns)
    return growth / abs(deepest) if deepest < 0 else math.nan


def omega_ratio(
    returns: Series,
    *,
    risk_free: float = 0.0,
    required_return: float = 0.0,
    annualization: float = PERIODS,
) -> float:
    """Sum above / sum below (1 + required_return)^(1 / annualization) - 1, of returns - risk_free."""
    steps = checked(returns, "returns")
    if len(steps) < 2 or required_return <= -1:
        return math.nan
    threshold = metrics.risk_free_per_period(required_return, annualization)
    return or_nan(metrics.omega(steps, threshold=threshold + risk_free))


def sharpe_ratio(
    returns: Series, *, risk_free: float = 0.0, annualization: float = PERIODS
) -> float:
    """mean(r - risk_free) / sd(r) * sqrt(annualization)."""
    return _mean_over_deviation(checked(returns, "returns") - risk_free) * math.sqrt(annualization)


def downside_risk(
    returns: Series, *, required_return: float = 0.0, annualization: float = PERIODS
) -> float:
    """sqrt(mean(min(r - required_return, 0)^2)) * sqrt(annualization)."""
    steps = checked(returns, "returns") - required_return
    return or_nan(metrics.downside_deviation(steps, periods_per_year=annualization))


def sortino_ratio(
    returns: Series, *, required_return: float = 0.0, annualization: float = PERIODS
) -> float:
    """mean(r - required_return) * annualization / downside_risk."""
    steps = checked(returns, "returns") - required_return
    if len(steps) < 2:
        return math.nan
    return quotient(
        float(steps.mean()) * annualization, downside_risk(steps, annualization=annualization)
    )


def stability_of_timeseries(returns: Series) -> float:
    """R2 of a straight line through the sum of ln(1 + r)."""
    steps = checked(returns, "returns")
    growth = np.cumsum(np.log1p(steps))
    return or_nan(metrics.r_squared(growth, np.arange(len(growth), dtype=np.float64)))


# --- Tails. ---------------------------------------------------------------------------------------


def tail_ratio(returns: Series) -> float:
    """|95th percentile| / |5th percentile|, both linear."""
    steps = checked(returns, "returns")
    if len(steps) == 0:
        return math.nan
    lower, upper = np.abs(np.percentile(steps, [5, 95]))
    return quotient(upper, lower)


def value_at_risk(returns: Series, *, cutoff: float = 0.05) -> float:
    """Return the percentile of the cutoff, linear between two returns; below 0 for a loss."""
    steps = checked(returns, "returns")
    return float(np.percentile(steps, 100 * cutoff)) if len(steps) else math.nan


def conditional_value_at_risk(returns: Series, *, cutoff: float = 0.05) -> float:
    """Mean of the worst floor((n - 1) * cutoff) + 1 returns; below 0 for a loss."""
    steps = np.sort(checked(returns, "returns"))
    if len(steps) == 0:
        return math.nan
    return float(steps[: int((len(steps) - 1) * cutoff) + 1].mean())


# --- Beside a benchmark. --------------------------------------------------------------------------


def excess_sharpe(returns: Series, factor_returns: Series) -> float:
    """mean(r - b) / sd(r - b)."""
    ours, theirs = _pair(returns, factor_returns)
    return _mean_over_deviation(ours - theirs)


def beta(returns: Series, factor_returns: Series) -> float:
    """cov(r, b) / var(b)."""
    return or_nan(metrics.beta(returns, factor_returns))


def alpha(
    returns: Series,
    factor_returns: Series,
    *,
    risk_free: float = 0.0,
    annualization: float = PERIODS,
) -> float:
    """(1 + mean((r - risk_free) - beta * (b - risk_free))) ^ annualization - 1."""
    ours, theirs = (each - risk_free for each in _pair(returns, factor_returns))
    per_period = metrics.alpha(ours, theirs, periods_per_year=1)
    return power(1.0 + or_nan(per_period), annualization) - 1.0


def capture(returns: Series, factor_returns: Series, *, annualization: float = PERIODS) -> float:
    """annual_return(r) / annual_return(b)."""
    ours, theirs = _pair(returns, factor_returns)
    growth, base = (annual_return(each, annualization=annualization) for each in (ours, theirs))
    return quotient(growth, base)


def up_capture(returns: Series, factor_returns: Series, *, annualization: float = PERIODS) -> float:
    """`capture` over the periods with b > 0."""
    ours, theirs = _pair(returns, factor_returns)
    taken = theirs > 0
    return capture(ours[taken], theirs[taken], annualization=annualization)


def down_capture(
    returns: Series, factor_returns: Series, *, annualization: float = PERIODS
) -> float:
    """`capture` over the periods with b < 0."""
    ours, theirs = _pair(returns, factor_returns)
    taken = theirs < 0
    return capture(ours[taken], theirs[taken], annualization=annualization)


def up_down_capture(
    returns: Series, factor_returns: Series, *, annualization: float = PERIODS
) -> float:
    """up_capture / down_capture."""
    up = up_capture(returns, factor_returns, annualization=annualization)
    return quotient(up, down_capture(returns, factor_returns, annualization=annualization))


def batting_average(returns: Series, factor_returns: Series) -> dict[str, float]:
    """Share of the periods with r > b: of all, of those with b >= 0, of those with b < 0."""
    ours, theirs = _pair(returns, factor_returns)
    is_better = ours > theirs
    parts = {
        "batting average": is_better,
        "up market": is_better[theirs >= 0],
        "down market": is_better[theirs < 0],
    }
    return {name: float(part.mean()) if len(part) else math.nan for name, part in parts.items()}


def _pair(returns: Series, factor_returns: Series) -> tuple[Float64Array, Float64Array]:
    return checked_pair(returns, factor_returns, ("returns", "factor_returns"))


def _mean_over_deviation(steps: Float64Array) -> float:
    if len(steps) < 2:
        return math.nan
    # Equal numbers have no deviation, though their sums may leave a trace of one.
    is_constant = steps.min() == steps.max()
    return quotient(float(steps.mean()), 0.0 if is_constant else float(steps.std(ddof=1)))
