"""Numbers of a series of returns: what was earned for how much risk.

Returns are simple returns of equal periods, as fractions, without flows (`returns`). P is the number
of periods in a year: state it and the number of returns wherever an annual number is shown, and do not
show one for fewer than 30. What is not defined is None. Deviations divide by n - 1; skewness and
kurtosis are of the population.
"""

import math
from statistics import NormalDist

import numpy as np

from tickstep.returns import checked_periods, risk_free_per_period
from tickstep.series import Series, checked, checked_share, varies
from tickstep.ticks import Float64Array

__all__ = [
    "calmar",
    "conditional_value_at_risk",
    "cornish_fisher_value_at_risk",
    "downside_deviation",
    "gaussian_conditional_value_at_risk",
    "gaussian_value_at_risk",
    "kelly_continuous",
    "kurtosis",
    "omega",
    "sharpe",
    "skewness",
    "sortino",
    "tail_ratio",
    "ulcer_performance",
    "value_at_risk",
    "volatility",
]

NORMAL = NormalDist()


def volatility(returns: Series, *, periods_per_year: float) -> float | None:
    """Standard deviation of returns per year: sd(r) * sqrt(P).

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    periods_per_year : float
        P.

    Returns
    -------
    float or None
        A fraction per year; None for fewer than two returns.

    Examples
    --------
    >>> from tickstep.metrics import volatility
    >>> round(volatility([0.01, -0.01, 0.02], periods_per_year=252), 6)
    0.242487
    """
    steps = checked(returns, "returns")
    periods = checked_periods(periods_per_year)
    if len(steps) < 2:
        return None
    with np.errstate(over="ignore"):
        found = float(steps.std(ddof=1)) * math.sqrt(periods)
    return found if math.isfinite(found) else None


def sharpe(returns: Series, *, periods_per_year: float, risk_free: float = 0.0) -> float | None:
    """Sharpe ratio: mean(r - f) / sd(r) * sqrt(P), sd with n - 1, f = (1 + risk_free)^(1/P) - 1.

    The number depends on the sampling: state P and the number of returns wherever it is shown.
    Hours without trading do no harm: their zero returns lower mean and variance alike.

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    periods_per_year : float
        P; 1 gives the ratio per period.
    risk_free : float, fraction per year
        What the money would have earned without risk.

    Returns
    -------
    float or None
        None for fewer than two returns, or returns that do not vary.

    Examples
    --------
    >>> from tickstep.metrics import returns, sharpe
    >>> round(sharpe(returns([100, 101, 100.5, 102]), periods_per_year=252), 4)
    10.2116
    """
    steps = checked(returns, "returns")
    free = risk_free_per_period(risk_free, periods_per_year)
    if not varies(steps):
        return None
    return (float(steps.mean()) - free) / float(steps.std(ddof=1)) * math.sqrt(periods_per_year)


def downside_deviation(
    returns: Series, *, periods_per_year: float, target: float = 0.0
) -> float | None:
    """Root mean square of what returns fall short: sqrt(sum(min(r - t, 0)^2) / n) * sqrt(P).

    All n returns count, not only those below the target (Sortino and Price, 1994).

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    periods_per_year : float
        P.
    target : float, fraction per year
        The return asked for; t compounds to it over P periods.

    Returns
    -------
    float or None
        A fraction per year, 0 when nothing fell short; None for no returns.

    Examples
    --------
    >>> from tickstep.metrics import downside_deviation
    >>> downside_deviation([0.03, -0.04, 0.01, 0.0], periods_per_year=1)
    0.02
    """
    steps = checked(returns, "returns")
    short = np.minimum(steps - risk_free_per_period(target, periods_per_year), 0.0)
    if len(steps) == 0:
        return None
    with np.errstate(over="ignore"):
        found = math.sqrt(float(np.mean(short**2))) * math.sqrt(periods_per_year)
    return found if math.isfinite(found) else None


def sortino(returns: Series, *, periods_per_year: float, target: float = 0.0) -> float | None:
    """Sortino ratio: mean(r - t) / sqrt(sum(min(r - t, 0)^2) / n) * sqrt(P).

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    periods_per_year : float
        P.
    target : float, fraction per year
        The return asked for; t compounds to it over P periods.

    Returns
    -------
    float or None
        None for fewer than two returns, or when none fell short of the target.

    Examples
    --------
    >>> from tickstep.metrics import sortino
    >>> round(sortino([0.03, -0.04, 0.01, 0.02], periods_per_year=1), 6)
    0.25
    """
    steps = checked(returns, "returns")
    risk = downside_deviation(steps, periods_per_year=periods_per_year, target=target)
    if len(steps) < 2 or not risk:
        return None
    excess = float(steps.mean()) - risk_free_per_period(target, periods_per_year)
    return excess * periods_per_year / risk


def calmar(annual_return: float | None, drawdown: float | None) -> float | None:
    """Calmar ratio: annual return / |deepest drawdown|, over the whole time (Young: 36 months).

    Parameters
    ----------
    annual_return : float or None, fraction per year
        As `cagr` gives it.
    drawdown : float or None, fraction
        Deepest fall on the finest curve, 0 or below: `max_drawdown(...).ratio`.

    Returns
    -------
    float or None
        None when one of them is unknown, or there was no fall.

    Examples
    --------
    >>> from tickstep.metrics import calmar
    >>> calmar(0.1, -0.2)
    0.5
    """
    return annual_return / abs(drawdown) if annual_return is not None and drawdown else None


def ulcer_performance(
    annual_return: float | None, ulcer: float | None, *, risk_free: float = 0.0
) -> float | None:
    """Ulcer performance index: (annual return - risk_free) / ulcer index (Martin).

    Parameters
    ----------
    annual_return : float or None, fraction per year
        As `cagr` gives it.
    ulcer : float or None, fraction
        As `ulcer_index` gives it.
    risk_free : float, fraction per year
        What the money would have earned without risk.

    Returns
    -------
    float or None
        None when one of them is unknown, or there was no fall.

    Examples
    --------
    >>> from tickstep.metrics import ulcer_performance
    >>> round(ulcer_performance(0.12, 0.05, risk_free=0.02), 6)
    2.0
    """
    return (annual_return - risk_free) / ulcer if annual_return is not None and ulcer else None


# --- Tails. ---------------------------------------------------------------------------------------


def value_at_risk(returns: Series, *, level: float = 0.05) -> float | None:
    """Loss of a period that is passed in `level` of them: -x(ceil(level * n)), x ascending.

    A return that was seen, not one between two.

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    level : float
        Share of the worst periods, between 0 and 1.

    Returns
    -------
    float or None
        A fraction, above 0 for a loss; None for no returns.

    Examples
    --------
    >>> from tickstep.metrics import value_at_risk
    >>> value_at_risk([-0.03, -0.01, 0.0, 0.02], level=0.5)
    0.01
    """
    steps, share = np.sort(checked(returns, "returns")), checked_share(level, "level")
    return -float(steps[math.ceil(share * len(steps)) - 1]) if len(steps) else None


def conditional_value_at_risk(returns: Series, *, level: float = 0.05) -> float | None:
    """Mean loss of the worst `level` of all periods, the last one in part.

    (sum of the k - 1 worst + (level * n - (k - 1)) * x(k)) / (level * n), k = ceil(level * n), with
    the sign turned: Rockafellar and Uryasev (2002). A plain mean of the k worst understates it.

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    level : float
        Share of the worst periods, between 0 and 1.

    Returns
    -------
    float or None
        A fraction, above 0 for a loss; None for no returns.

    Examples
    --------
    >>> from tickstep.metrics import conditional_value_at_risk
    >>> round(conditional_value_at_risk([-0.03, -0.01, 0.0, 0.02], level=0.375), 6)
    0.023333
    """
    steps, share = np.sort(checked(returns, "returns")), checked_share(level, "level")
    if len(steps) == 0:
        return None
    tail = share * len(steps)
    whole = math.ceil(tail) - 1
    worst = float(steps[:whole].sum()) + float(tail - whole) * float(steps[whole])
    return -worst / float(tail)


def gaussian_value_at_risk(returns: Series, *, level: float = 0.05) -> float | None:
    """Value at risk if returns were normal: -(mean + z * sd), z the quantile of `level`.

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    level : float
        Share of the worst periods, between 0 and 1.

    Returns
    -------
    float or None
        A fraction, above 0 for a loss; None for fewer than two returns.

    Examples
    --------
    >>> from tickstep.metrics import gaussian_value_at_risk
    >>> round(gaussian_value_at_risk([-0.01, 0.0, 0.01]), 6)
    0.016449
    """
    steps = checked(returns, "returns")
    z = NORMAL.inv_cdf(float(checked_share(level, "level")))
    return -float(steps.mean() + z * steps.std(ddof=1)) if len(steps) > 1 else None


def gaussian_conditional_value_at_risk(returns: Series, *, level: float = 0.05) -> float | None:
    """Mean loss beyond the value at risk if returns were normal: -(mean - sd * pdf(z) / level).

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    level : float
        Share of the worst periods, between 0 and 1.

    Returns
    -------
    float or None
        A fraction, above 0 for a loss; None for fewer than two returns.

    Examples
    --------
    >>> from tickstep.metrics import gaussian_conditional_value_at_risk
    >>> round(gaussian_conditional_value_at_risk([-0.01, 0.0, 0.01]), 6)
    0.020627
    """
    steps, share = checked(returns, "returns"), float(checked_share(level, "level"))
    density = NORMAL.pdf(NORMAL.inv_cdf(share)) / share
    return -float(steps.mean() - steps.std(ddof=1) * density) if len(steps) > 1 else None


def cornish_fisher_value_at_risk(returns: Series, *, level: float = 0.05) -> float | None:
    """Value at risk of a normal distribution bent to the skewness and kurtosis of the returns.

    -(mean + w * sd), w = z + (z^2 - 1) g3 / 6 + (z^3 - 3z)(g4 - 3) / 24 - (2z^3 - 5z) g3^2 / 36
    (Favre and Galeano, 2002).

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    level : float
        Share of the worst periods, between 0 and 1.

    Returns
    -------
    float or None
        A fraction, above 0 for a loss; None for returns that do not vary.

    Examples
    --------
    >>> from tickstep.metrics import cornish_fisher_value_at_risk
    >>> round(cornish_fisher_value_at_risk([-0.03, 0.0, 0.01, 0.01]), 6)
    0.038788
    """
    steps = checked(returns, "returns")
    z = NORMAL.inv_cdf(float(checked_share(level, "level")))
    skew, tails = skewness(steps), kurtosis(steps)
    if skew is None or tails is None:
        return None
    bent = z + (z**2 - 1) * skew / 6 + (z**3 - 3 * z) * (tails - 3) / 24
    bent -= (2 * z**3 - 5 * z) * skew**2 / 36
    return -float(steps.mean() + bent * steps.std(ddof=1))


# --- Shape. ---------------------------------------------------------------------------------------


def skewness(returns: Series) -> float | None:
    """Skewness of the population: mean(d^3) / mean(d^2)^1.5, d = r - mean; 0 is symmetric.

    Parameters
    ----------
    returns : array
        Of equal periods.

    Returns
    -------
    float or None
        Below 0 for a long tail of losses; None for returns that do not vary.

    Examples
    --------
    >>> from tickstep.metrics import skewness
    >>> round(skewness([-0.02, 0.0, 0.01]), 6)
    -0.381802
    """
    return _standard_moment(checked(returns, "returns"), 3)


def kurtosis(returns: Series) -> float | None:
    """Kurtosis of the population, not excess: mean(d^4) / mean(d^2)^2, d = r - mean; 3 is normal.

    Parameters
    ----------
    returns : array
        Of equal periods.

    Returns
    -------
    float or None
        Above 3 for tails fatter than normal; None for returns that do not vary.

    Examples
    --------
    >>> from tickstep.metrics import kurtosis
    >>> round(kurtosis([-0.01, 0.0, 0.01]), 6)
    1.5
    """
    return _standard_moment(checked(returns, "returns"), 4)


def omega(returns: Series, *, threshold: float = 0.0) -> float | None:
    """Omega ratio: sum of what exceeds the threshold / sum of what falls short of it.

    Keating and Shadwick (2002).

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    threshold : float, fraction per period
        The return asked for.

    Returns
    -------
    float or None
        None when nothing fell short.

    Examples
    --------
    >>> from tickstep.metrics import omega
    >>> omega([0.02, 0.01, -0.01])
    3.0
    """
    excess = checked(returns, "returns") - threshold
    short = -float(excess[excess < 0].sum())
    return float(excess[excess > 0].sum()) / short if short > 0 else None


def tail_ratio(returns: Series, *, level: float = 0.05) -> float | None:
    """Size of the upper tail over that of the lower: |q(1 - level)| / |q(level)|, q linear.

    Parameters
    ----------
    returns : array, fractions
        Of equal periods.
    level : float
        Share of each tail, between 0 and 1.

    Returns
    -------
    float or None
        None for no returns, or a lower quantile of 0.

    Examples
    --------
    >>> from tickstep.metrics import tail_ratio
    >>> tail_ratio([-0.02, 0.0, 0.04], level=0.25)
    2.0
    """
    steps, share = checked(returns, "returns"), float(checked_share(level, "level"))
    if len(steps) == 0:
        return None
    lower, upper = np.quantile(steps, [share, 1 - share])
    return float(abs(upper) / abs(lower)) if lower else None


def kelly_continuous(returns: Series) -> float | None:
    """Share of the capital that grows it fastest if returns were normal: mean / variance (n - 1).

    Parameters
    ----------
    returns : array, fractions
        Of equal periods, in excess of the risk-free rate where there is one.

    Returns
    -------
    float or None
        1 is all of it, without borrowing; None for returns that do not vary.

    Examples
    --------
    >>> from tickstep.metrics import kelly_continuous
    >>> round(kelly_continuous([0.02, -0.01, 0.02]), 6)
    33.333333
    """
    steps = checked(returns, "returns")
    return float(steps.mean() / steps.var(ddof=1)) if varies(steps) else None


def _standard_moment(steps: Float64Array, order: int) -> float | None:
    if not varies(steps):
        return None
    distance = steps - steps.mean()
    # By a power of two, which changes no digit: powers of small numbers would vanish.
    distance = np.ldexp(distance, -math.frexp(float(np.abs(distance).max()))[1])
    return float(np.mean(distance**order) / np.mean(distance**2) ** (order / 2))
