"""Statistics of quantstats (0.0.86) by its own formulas.

>>> from tickstep.compat import quantstats
>>> steps = [0.01, -0.005, 0.015, -0.03, 0.005]
>>> round(quantstats.sharpe(steps), 6), round(quantstats.ulcer_index(steps), 6)
(-0.890899, 0.019733)

What differs from `tickstep.metrics`:

- A year is `periods` returns, 252 unless given, and n returns are n / periods years long. `rf` is a
  rate per year and compounds to that of a period.
- `value_at_risk` is that of a normal distribution; losses are below 0, and drawdowns are as well.
- `ulcer_index` divides by n - 1, and its index (`upi`) takes the whole return, not that of a year.
- `skew` and `kurtosis` are estimates for the population a sample was drawn from; kurtosis of a normal
  distribution is 0.
- Wins and losses are those of periods: `win_rate` leaves out returns of 0, `profit_factor`,
  `payoff_ratio` and `kelly_criterion` are of returns.
- `information_ratio` is of one period.
- What is not defined is NaN, infinite or 0, as there.

Returns are an array of fractions, without gaps: never prices, which quantstats tries to recognise.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from tickstep import metrics
from tickstep.compat.absent import or_nan, quotient
from tickstep.errors import ConfigError
from tickstep.returns import checked_periods
from tickstep.series import Series, checked, checked_pair, checked_share
from tickstep.ticks import Float64Array

__all__ = [
    "Greeks",
    "adjusted_sortino",
    "autocorr_penalty",
    "avg_loss",
    "avg_return",
    "avg_win",
    "best",
    "cagr",
    "calmar",
    "common_sense_ratio",
    "comp",
    "conditional_value_at_risk",
    "consecutive_losses",
    "consecutive_wins",
    "cpc_index",
    "expected_return",
    "exposure",
    "gain_to_pain_ratio",
    "greeks",
    "information_ratio",
    "kelly_criterion",
    "kurtosis",
    "max_drawdown",
    "omega",
    "outlier_loss_ratio",
    "outlier_win_ratio",
    "payoff_ratio",
    "probabilistic_sharpe_ratio",
    "profit_factor",
    "profit_ratio",
    "r_squared",
    "recovery_factor",
    "risk_of_ruin",
    "risk_return_ratio",
    "serenity_index",
    "sharpe",
    "skew",
    "sortino",
    "tail_ratio",
    "treynor_ratio",
    "ulcer_index",
    "upi",
    "value_at_risk",
    "volatility",
    "win_rate",
    "worst",
]

PERIODS = 252.0  # of daily returns, in a year
NORMAL = NormalDist()
CVAR_METHODS = ("parametric", "historical")


class Greeks(NamedTuple):
    """Slope on the benchmark, and what it leaves unexplained in a year."""

    beta: float
    alpha: float


# --- Returns. -------------------------------------------------------------------------------------


def comp(returns: Series) -> float:
    """Product of (1 + r) - 1."""
    return float(np.prod(1.0 + checked(returns, "returns"))) - 1.0


def expected_return(returns: Series) -> float:
    """Product of (1 + r) ^ (1 / n) - 1; also its `geometric_mean`."""
    return cagr(returns, periods=1.0)


def cagr(returns: Series, *, periods: float = PERIODS) -> float:
    """Product of (1 + r) ^ (periods / n) - 1."""
    steps = checked(returns, "returns")
    return or_nan(metrics.cagr(steps, years=len(steps) / checked_periods(periods)))


def avg_return(returns: Series) -> float:
    """Mean of the returns that are not 0."""
    steps = checked(returns, "returns")
    return _mean(steps[steps != 0])


def avg_win(returns: Series) -> float:
    """Mean of the returns above 0."""
    steps = checked(returns, "returns")
    return _mean(steps[steps > 0])


def avg_loss(returns: Series) -> float:
    """Mean of the returns below 0."""
    steps = checked(returns, "returns")
    return _mean(steps[steps < 0])


def best(returns: Series) -> float:
    """Highest return."""
    steps = checked(returns, "returns")
    return float(steps.max()) if len(steps) else math.nan


def worst(returns: Series) -> float:
    """Lowest return."""
    steps = checked(returns, "returns")
    return float(steps.min()) if len(steps) else math.nan


def consecutive_wins(returns: Series) -> int:
    """Longest run of returns above 0."""
    return metrics.streaks(returns).wins


def consecutive_losses(returns: Series) -> int:
    """Longest run of returns below 0."""
    return metrics.streaks(returns).losses


def exposure(returns: Series) -> float:
    """Share of the returns that are not 0, rounded up to whole percents."""
    steps = checked(returns, "returns")
    return math.ceil(float(np.mean(steps != 0)) * 100) / 100 if len(steps) else 0.0


# --- Risk. ----------------------------------------------------------------------------------------


def volatility(returns: Series, *, periods: float = PERIODS) -> float:
    """sd(r) * sqrt(periods)."""
    return or_nan(metrics.volatility(returns, periods_per_year=periods))


def autocorr_penalty(returns: Series) -> float:
    """sqrt(1 + 2 * sum over k < n of (n - k) / n * |c|^k), c the correlation of r[i] with r[i-1]."""
    steps = checked(returns, "returns")
    if len(steps) < 3 or not (np.ptp(steps[:-1]) and np.ptp(steps[1:])):
        return 1.0
    size = abs(float(np.corrcoef(steps[:-1], steps[1:])[0, 1]))
    lags = np.arange(1, len(steps))
    return math.sqrt(1 + 2 * float(np.sum((len(steps) - lags) / len(steps) * size**lags)))


def sharpe(
    returns: Series, *, rf: float = 0.0, periods: float = PERIODS, smart: bool = False
) -> float:
    """mean(r - f) / sd(r) * sqrt(periods); smart divides by `autocorr_penalty` too."""
    steps = _excess(returns, rf, periods)
    penalty = autocorr_penalty(steps) if smart else 1.0
    return quotient(_mean(steps), _deviation(steps) * penalty) * math.sqrt(periods)


def sortino(
    returns: Series, *, rf: float = 0.0, periods: float = PERIODS, smart: bool = False
) -> float:
    """mean(r - f) / sqrt(sum(min(r - f, 0)^2) / n) * sqrt(periods); smart as in `sharpe`."""
    steps = _excess(returns, rf, periods)
    risk = metrics.downside_deviation(steps, periods_per_year=1)
    penalty = autocorr_penalty(steps) if smart else 1.0
    return _mean(steps) / (risk * penalty) * math.sqrt(periods) if risk else math.nan


def adjusted_sortino(
    returns: Series, *, rf: float = 0.0, periods: float = PERIODS, smart: bool = False
) -> float:
    """sortino / sqrt(2)."""
    return sortino(returns, rf=rf, periods=periods, smart=smart) / math.sqrt(2)


def probabilistic_sharpe_ratio(
    returns: Series, *, rf: float = 0.0, periods: float = PERIODS
) -> float:
    """`metrics.probabilistic_sharpe` with this module's `skew` and `kurtosis` + 3."""
    steps = checked(returns, "returns")
    found = metrics.probabilistic_sharpe(
        sharpe(steps, rf=rf, periods=periods) / math.sqrt(periods),
        count=len(steps),
        skew=skew(steps),
        kurtosis=kurtosis(steps) + 3,
    )
    return or_nan(found)


def omega(
    returns: Series, *, rf: float = 0.0, required_return: float = 0.0, periods: float = PERIODS
) -> float:
    """Sum above / sum below (1 + required_return)^(1 / periods) - 1, of r - f."""
    steps = _excess(returns, rf, periods)
    if len(steps) < 2 or required_return <= -1:
        return math.nan
    threshold = metrics.risk_free_per_period(required_return, periods)
    return or_nan(metrics.omega(steps, threshold=threshold))


def skew(returns: Series) -> float:
    """sqrt(n (n - 1)) / (n - 2) * g3, g3 the skewness of the returns."""
    steps = checked(returns, "returns")
    count = len(steps)
    if count < 3:
        return math.nan
    return math.sqrt(count * (count - 1)) / (count - 2) * (metrics.skewness(steps) or 0.0)


def kurtosis(returns: Series) -> float:
    """(n - 1) / ((n - 2)(n - 3)) * ((n + 1)(g4 - 3) + 6), g4 the kurtosis of the returns."""
    steps = checked(returns, "returns")
    count, found = len(steps), metrics.kurtosis(steps)
    if count < 4:
        return math.nan
    if found is None:
        return 0.0
    return (count - 1) / ((count - 2) * (count - 3)) * ((count + 1) * (found - 3) + 6)


def value_at_risk(returns: Series, *, sigma: float = 1.0, confidence: float = 0.95) -> float:
    """mean(r) + z * sigma * sd(r), z the quantile of 1 - confidence; below 0 for a loss."""
    steps = checked(returns, "returns")
    z = NORMAL.inv_cdf(1 - float(checked_share(confidence, "confidence")))
    return _mean(steps) + z * sigma * _deviation(steps)


def conditional_value_at_risk(
    returns: Series, *, sigma: float = 1.0, confidence: float = 0.95, method: str = "parametric"
) -> float:
    """mean(r) - sigma * sd(r) * pdf(z) / (1 - confidence); "historical": mean up to the quantile."""
    steps, level = checked(returns, "returns"), 1 - float(checked_share(confidence, "confidence"))
    if method not in CVAR_METHODS:
        raise ConfigError(f"method is {method!r}", hint=f"it is one of {', '.join(CVAR_METHODS)}")
    if len(steps) == 0:
        return math.nan
    if method == "historical":
        return _mean(steps[steps <= np.quantile(steps, level)])
    deviation = sigma * _deviation(steps)
    if not deviation > 0:
        return _mean(steps)
    return _mean(steps) - deviation * NORMAL.pdf(NORMAL.inv_cdf(level)) / level


def tail_ratio(returns: Series, *, cutoff: float = 0.95) -> float:
    """|quantile(cutoff) / quantile(1 - cutoff)|, both linear."""
    return or_nan(metrics.tail_ratio(returns, level=1 - cutoff))


def risk_return_ratio(returns: Series) -> float:
    """mean(r) / sd(r)."""
    steps = checked(returns, "returns")
    deviation = _deviation(steps)
    return _mean(steps) / deviation if deviation else math.nan


# --- Falls. ---------------------------------------------------------------------------------------


def max_drawdown(returns: Series) -> float:
    """Lowest value of curve / peak - 1, the start included; 0 or below."""
    return -float(_depths(returns).max(initial=0.0))


def calmar(returns: Series, *, periods: float = PERIODS) -> float:
    """cagr / |max_drawdown|."""
    return quotient(cagr(returns, periods=periods), abs(max_drawdown(returns)))


def ulcer_index(returns: Series) -> float:
    """sqrt(sum of squared depths / (n - 1)), the start not counted."""
    found = _depths(returns)
    return math.sqrt(quotient(float(np.sum(found**2)), len(found) - 1))


def upi(returns: Series, *, rf: float = 0.0) -> float:
    """(comp - rf) / ulcer_index."""
    ulcer = ulcer_index(returns)
    return (comp(returns) - rf) / ulcer if ulcer else math.nan


def serenity_index(returns: Series, *, rf: float = 0.0) -> float:
    """(sum(r) - rf) / (ulcer_index * pitfall), pitfall = -cvar of the depths / sd(r)."""
    steps = checked(returns, "returns")
    pitfall = quotient(-conditional_value_at_risk(-_depths(steps)), _deviation(steps))
    denominator = ulcer_index(steps) * pitfall
    return (float(steps.sum()) - rf) / denominator if denominator else math.nan


def recovery_factor(returns: Series, *, rf: float = 0.0) -> float:
    """|sum(r) - rf| / |max_drawdown|."""
    deepest = max_drawdown(returns)
    return abs(float(checked(returns, "returns").sum()) - rf) / -deepest if deepest else math.nan


# --- Wins and losses. -----------------------------------------------------------------------------


def win_rate(returns: Series) -> float:
    """Returns above 0 / returns that are not 0; 0 when there are none."""
    steps = checked(returns, "returns")
    counted = steps[steps != 0]
    return float(np.mean(counted > 0)) if len(counted) else 0.0


def payoff_ratio(returns: Series) -> float:
    """avg_win / |avg_loss|; also its `win_loss_ratio`."""
    return avg_win(returns) / abs(avg_loss(returns))


def profit_factor(returns: Series) -> float:
    """Sum of the gains / |sum of the losses|; 0 without either."""
    steps = checked(returns, "returns")
    won, lost = float(steps[steps > 0].sum()), -float(steps[steps < 0].sum())
    return quotient(won, lost) if won or lost else 0.0


def profit_ratio(returns: Series) -> float:
    """(mean gain / their number) / (|mean loss| / their number); a return of 0 is a gain."""
    steps = checked(returns, "returns")
    won, lost = steps[steps >= 0], steps[steps < 0]
    if len(won) == 0:
        return 0.0
    return abs(_mean(won) / len(won)) / abs(_mean(lost) / len(lost)) if len(lost) else math.nan


def gain_to_pain_ratio(returns: Series) -> float:
    """sum(r) / |sum of the losses|, of daily returns."""
    steps = checked(returns, "returns")
    lost = -float(steps[steps < 0].sum())
    return float(steps.sum()) / lost if lost else math.nan


def cpc_index(returns: Series) -> float:
    """profit_factor * win_rate * payoff_ratio."""
    return profit_factor(returns) * win_rate(returns) * payoff_ratio(returns)


def common_sense_ratio(returns: Series) -> float:
    """profit_factor * tail_ratio."""
    return profit_factor(returns) * tail_ratio(returns)


def outlier_win_ratio(returns: Series, *, quantile: float = 0.99) -> float:
    """Quantile / mean of the returns that are 0 or above."""
    steps = checked(returns, "returns")
    return _quantile_over(steps, quantile, steps[steps >= 0])


def outlier_loss_ratio(returns: Series, *, quantile: float = 0.01) -> float:
    """Quantile / mean of the returns below 0."""
    steps = checked(returns, "returns")
    return _quantile_over(steps, quantile, steps[steps < 0])


def kelly_criterion(returns: Series) -> float:
    """(payoff_ratio * win_rate - (1 - win_rate)) / payoff_ratio."""
    ratio, won = payoff_ratio(returns), win_rate(returns)
    return (ratio * won - (1 - won)) / ratio if ratio else math.nan


def risk_of_ruin(returns: Series) -> float:
    """((1 - win_rate) / (1 + win_rate)) ^ n; also its `ror`."""
    won = win_rate(returns)
    return float(((1 - won) / (1 + won)) ** len(checked(returns, "returns")))


# --- Beside a benchmark. --------------------------------------------------------------------------


def r_squared(returns: Series, benchmark: Series) -> float:
    """Square of the correlation."""
    return or_nan(metrics.r_squared(returns, benchmark))


def information_ratio(returns: Series, benchmark: Series) -> float:
    """mean(r - b) / sd(r - b); 0 without deviation."""
    ours, theirs = checked_pair(returns, benchmark, ("returns", "benchmark"))
    deviation = _deviation(ours - theirs)
    return _mean(ours - theirs) / deviation if deviation else 0.0


def greeks(returns: Series, benchmark: Series, *, periods: float = PERIODS) -> Greeks:
    """cov(r, b) / var(b), and (mean(r) - beta * mean(b)) * periods; 0 where they are not defined."""
    slope = metrics.beta(returns, benchmark)
    rest = metrics.alpha(returns, benchmark, periods_per_year=periods)
    return Greeks(slope or 0.0, rest or 0.0)


def treynor_ratio(
    returns: Series, benchmark: Series, *, periods: float = PERIODS, rf: float = 0.0
) -> float:
    """(comp - rf) / beta; 0 without a slope."""
    slope = greeks(returns, benchmark, periods=periods).beta
    return (comp(returns) - rf) / slope if slope else 0.0


def _excess(returns: Series, rf: float, periods: float) -> Float64Array:
    return checked(returns, "returns") - metrics.risk_free_per_period(rf, periods)


def _depths(returns: Series) -> Float64Array:
    return metrics.depths(np.cumprod(1.0 + checked(returns, "returns")), 1.0)


def _quantile_over(steps: Float64Array, quantile: float, taken: Float64Array) -> float:
    mean = _mean(taken)
    return float(np.quantile(steps, quantile)) / mean if mean else math.nan


def _mean(steps: Float64Array) -> float:
    return float(steps.mean()) if len(steps) else math.nan


def _deviation(steps: Float64Array) -> float:
    return float(steps.std(ddof=1)) if len(steps) > 1 else math.nan
