"""How far to trust a Sharpe ratio: its length, its shape, and how many were tried before it.

All Sharpe ratios here are per period, not annual: `sharpe(returns, periods_per_year=1)`.
"""

import math
from itertools import combinations
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.errors import ConfigError, DataError
from tickstep.series import checked_share
from tickstep.ticks import Float64Array, Int64Array

__all__ = [
    "Overfitting",
    "deflated_sharpe",
    "effective_trials",
    "expected_best_sharpe",
    "min_track_record",
    "overfitting",
    "probabilistic_sharpe",
]

NORMAL = NormalDist()
EULER_GAMMA = 0.5772156649015329
BLOCKS_MAX = 20  # 184,756 splits
SPLITS_AT_ONCE = 1 << 10


class Overfitting(NamedTuple):
    """What combinatorially symmetric cross-validation found.

    Parameters
    ----------
    probability : float
        Share of the splits in which the best of one half was no better than the median of the other.
    logits : array of float64
        ln(w / (1 - w)) of each split, w the relative rank of that best in the other half.
    """

    probability: float
    logits: Float64Array


def probabilistic_sharpe(
    sharpe: float, *, count: int, skew: float, kurtosis: float, target: float = 0.0
) -> float | None:
    """Probability that the true Sharpe ratio lies above a target (Bailey and López de Prado, 2012).

    Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)).

    Parameters
    ----------
    sharpe : float
        SR, of one period.
    count : int
        n, the number of returns.
    skew, kurtosis : float
        g3 and g4 of the returns, of the population; g4 of a normal distribution is 3.
    target : float
        SR*, of one period.

    Returns
    -------
    float or None
        From 0 to 1; None for fewer than two returns, or moments that no distribution has.

    Examples
    --------
    >>> from tickstep.metrics import probabilistic_sharpe
    >>> round(probabilistic_sharpe(0.1, count=250, skew=-0.5, kurtosis=5), 6)
    0.937321
    """
    variance = _variance(sharpe, skew, kurtosis)
    if count < 2 or variance <= 0 or not math.isfinite(target):
        return None
    return NORMAL.cdf((sharpe - target) * math.sqrt(count - 1) / math.sqrt(variance))


def expected_best_sharpe(trials: float, variance: float) -> float:
    """Expect of the best of N trials without any skill, the hurdle of `deflated_sharpe`.

    sqrt(V) ((1 - c) Phi^-1(1 - 1/N) + c Phi^-1(1 - 1/(N e))), c Euler's constant.

    Parameters
    ----------
    trials : float
        N, independent trials; see `effective_trials`. One trial expects 0.
    variance : float
        V, of the Sharpe ratios of the trials, of one period.

    Returns
    -------
    float
        A Sharpe ratio of one period.

    Raises
    ------
    ConfigError
        For fewer than one trial, or a variance below 0.

    Examples
    --------
    >>> from tickstep.metrics import expected_best_sharpe
    >>> round(expected_best_sharpe(100, 1.0), 4)
    2.5306
    """
    if not (trials >= 1 and variance >= 0):
        raise ConfigError(
            f"{trials} trials of variance {variance}: there is at least one, and none is below 0",
            hint="count every set of parameters that was tried",
        )
    if trials == 1:
        return 0.0
    best = (1 - EULER_GAMMA) * NORMAL.inv_cdf(1 - 1 / trials)
    return math.sqrt(variance) * (best + EULER_GAMMA * NORMAL.inv_cdf(1 - 1 / (trials * math.e)))


def deflated_sharpe(
    sharpe: float, *, count: int, skew: float, kurtosis: float, trials: float, variance: float
) -> float | None:
    """Probability that the best of N trials has any skill (Bailey and López de Prado, 2014).

    `probabilistic_sharpe` above what the best of as many trials without skill is expected to show.

    Parameters
    ----------
    sharpe : float
        That of the chosen trial, of one period.
    count : int
        Number of its returns.
    skew, kurtosis : float
        Of its returns, of the population; normal is 3.
    trials : float
        N, independent trials: print it beside the number of all trials.
    variance : float
        Of the Sharpe ratios of the trials, of one period.

    Returns
    -------
    float or None
        From 0 to 1; None where `probabilistic_sharpe` is.

    Examples
    --------
    >>> from tickstep.metrics import deflated_sharpe
    >>> found = deflated_sharpe(
    ...     2.5 / 250**0.5, count=1250, skew=-3, kurtosis=10, trials=100, variance=0.5 / 250)
    >>> round(found, 4)
    0.9004
    """
    hurdle = expected_best_sharpe(trials, variance)
    return probabilistic_sharpe(sharpe, count=count, skew=skew, kurtosis=kurtosis, target=hurdle)


def min_track_record(
    sharpe: float, *, skew: float, kurtosis: float, target: float = 0.0, level: float = 0.05
) -> float | None:
    """How many returns it takes to believe that a Sharpe ratio lies above a target.

    1 + (1 - g3 SR + (g4 - 1) / 4 SR^2) (Phi^-1(1 - level) / (SR - SR*))^2 (2012).

    Parameters
    ----------
    sharpe : float
        SR, of one period.
    skew, kurtosis : float
        Of the returns, of the population; normal is 3.
    target : float
        SR*, of one period.
    level : float
        Accepted probability to be wrong.

    Returns
    -------
    float or None
        Periods; None for a ratio that is not above the target.

    Examples
    --------
    >>> from tickstep.metrics import min_track_record
    >>> round(min_track_record(0.1, skew=-0.5, kurtosis=5), 2)
    287.79
    """
    share = float(checked_share(level, "level"))
    variance = _variance(sharpe, skew, kurtosis)
    if sharpe <= target or variance <= 0 or not math.isfinite(target):
        return None
    return 1 + variance * (NORMAL.inv_cdf(1 - share) / (sharpe - target)) ** 2


def effective_trials(returns: npt.ArrayLike) -> float | None:
    """How many independent trials these amount to: c + (1 - c) N, c their mean correlation.

    An interpolation between N that know nothing of each other and one tried N times (Bailey and
    López de Prado, 2014). A mean correlation below 0 counts as 0.

    Parameters
    ----------
    returns : array of shape (periods, trials)
        Returns of every trial in the same periods.

    Returns
    -------
    float or None
        From 1 to N; None when a trial does not vary.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import effective_trials
    >>> one = np.array([0.01, -0.02, 0.03, 0.0])
    >>> effective_trials(np.column_stack((one, one, one)))
    1.0
    """
    table = _table(returns, "returns")
    count = table.shape[1]
    if count == 1:
        return 1.0
    if len(table) < 2 or np.any(table.min(axis=0) == table.max(axis=0)):
        return None
    correlations = np.corrcoef(table, rowvar=False)
    mean = (float(correlations.sum()) - count) / (count * (count - 1))
    shared = min(max(round(mean, 12), 0.0), 1.0)  # rounded: the same trial twice is one trial
    return float(shared + (1 - shared) * count)


def overfitting(returns: npt.ArrayLike, *, blocks: int = 16) -> Overfitting:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation.

    The periods are cut into S blocks. For each of the C(S, S/2) ways to take half of them, the trial
    with the best Sharpe ratio there is ranked in the other half: w = rank / (N + 1), equal ones share
    the middle rank. The probability is the share of the splits with ln(w / (1 - w)) <= 0 (Bailey,
    Borwein, López de Prado and Zhu, 2017). Costs C(S, S/2) * S * N steps and little memory.

    Parameters
    ----------
    returns : array of shape (periods, trials)
        Returns of every trial in the same periods. A trial that earned exactly nothing in a half has
        a ratio of 0 there.
    blocks : int
        S, even, at most 20. Blocks are of equal length, or differ by one period.

    Returns
    -------
    Overfitting
        The probability, and the logit of each split.

    Raises
    ------
    ConfigError
        For an odd number of blocks, fewer than 2 or more than 20.
    DataError
        For fewer than two trials, fewer than two periods in a block, or a trial whose returns in a half
        are all equal but not 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import overfitting
    >>> noise = np.random.default_rng(1).normal(size=(400, 10))
    >>> skill = noise + np.linspace(0, 1, 10)  # the best is the best everywhere
    >>> overfitting(skill, blocks=8).probability, overfitting(noise, blocks=8).probability > 0.2
    (0.0, True)
    """
    table = _table(returns, "returns")
    if blocks % 2 or not 2 <= blocks <= BLOCKS_MAX:
        raise ConfigError(
            f"blocks is {blocks}: it must be even, from 2 to {BLOCKS_MAX}", hint="take 16"
        )
    if table.shape[1] < 2 or len(table) < 2 * blocks:
        raise DataError(
            f"{len(table)} periods of {table.shape[1]} trials cannot be cut into {blocks} blocks",
            hint="give at least two trials, and two periods for each block",
        )
    sums = _Blocks.of(table, blocks)
    taken = np.array(list(combinations(range(blocks), blocks // 2)))
    pieces = np.array_split(taken, -(-len(taken) // SPLITS_AT_ONCE))
    logits = np.concatenate([_logits(sums, piece, blocks) for piece in pieces])
    return Overfitting(float(np.mean(logits <= 0)), logits)


class _Blocks(NamedTuple):
    """Of each block and trial what adds up to the mean and deviation of a half."""

    center: Float64Array  # mean of each trial: sums of squares around it lose no digits
    counts: Float64Array
    totals: Float64Array
    squares: Float64Array
    lowest: Float64Array
    highest: Float64Array

    @classmethod
    def of(cls, table: Float64Array, blocks: int) -> "_Blocks":
        center = table.mean(axis=0)
        parts = np.array_split(table, blocks)
        return cls(
            center,
            np.array([len(part) for part in parts], dtype=np.float64),
            np.array([(part - center).sum(axis=0) for part in parts]),
            np.array([((part - center) ** 2).sum(axis=0) for part in parts]),
            np.array([part.min(axis=0) for part in parts]),
            np.array([part.max(axis=0) for part in parts]),
        )

    def sharpe(self, half: Int64Array) -> Float64Array:
        count = self.counts[half].sum(axis=1)[:, np.newaxis]
        distance = self.totals[half].sum(axis=1) / count
        mean = self.center + distance
        lowest, highest = self.lowest[half].min(axis=1), self.highest[half].max(axis=1)
        is_flat = lowest == highest
        bad = np.argwhere(is_flat & (lowest != 0))
        if bad.size:
            raise DataError(
                f"trial {bad[0, 1]} earns {lowest[tuple(bad[0])]} in every period of a half: it has "
                "no Sharpe ratio",
                hint="leave the trial out",
            )
        variance = np.maximum(self.squares[half].sum(axis=1) - count * distance**2, 0) / (count - 1)
        found: Float64Array = np.zeros(mean.shape)
        np.divide(mean, np.sqrt(variance), out=found, where=~is_flat & (variance > 0))
        return found


def _logits(sums: _Blocks, taken: Int64Array, blocks: int) -> Float64Array:
    is_taken = np.zeros((len(taken), blocks), dtype=bool)
    np.put_along_axis(is_taken, taken, True, axis=1)
    others = np.nonzero(~is_taken)[1].reshape(len(taken), -1)
    best = sums.sharpe(taken).argmax(axis=1)
    outside = sums.sharpe(others)
    own = np.take_along_axis(outside, best[:, np.newaxis], axis=1)
    rank = (outside < own).sum(axis=1) + ((outside == own).sum(axis=1) + 1) / 2
    relative = rank / (outside.shape[1] + 1)
    return np.asarray(np.log(relative / (1 - relative)))


def _variance(sharpe: float, skew: float, kurtosis: float) -> float:
    for name, value in (("sharpe", sharpe), ("skew", skew), ("kurtosis", kurtosis)):
        if not math.isfinite(value):
            raise DataError(
                f"{name} must be a finite number, was {value}", hint="see what it was made of"
            )
    return 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2


def _table(values: npt.ArrayLike, name: str) -> Float64Array:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise DataError(
            f"{name} must have a row for each period and a column for each trial, was an array of "
            f"shape {table.shape}",
            hint="np.column_stack puts columns together",
        )
    bad = np.argwhere(~np.isfinite(table))
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f"{name} at row {row}, column {column} must be a finite number, was {table[row, column]}",
            hint="drop such rows, or find out what made them",
        )
    return table
