"""Numbers of the outcomes of trades, the net P&L of each closed one; and how long money was out.

P&L may be in any unit of money, integers or floats, or a fraction of what was staked. A trade of
exactly 0 is neither won nor lost. What is not defined is None.
"""

import math
from typing import NamedTuple

import numpy as np

from tickstep.errors import ConfigError
from tickstep.series import Series, checked, checked_pair, varies
from tickstep.ticks import Int64Array

__all__ = [
    "Streaks",
    "expectancy",
    "exposure_time",
    "gross_exposure",
    "kelly",
    "payoff",
    "profit_factor",
    "sqn",
    "streaks",
    "win_rate",
]

SQN_CAP = 100  # Tharp: more trades than these do not make a system better


class Streaks(NamedTuple):
    """Longest runs of wins and of losses, in trades."""

    wins: int
    losses: int


def win_rate(pnl: Series) -> float | None:
    """Share of won trades: wins / all closed trades.

    Parameters
    ----------
    pnl : array, money
        Net P&L of each closed trade.

    Returns
    -------
    float or None
        From 0 to 1; None for no trades.

    Examples
    --------
    >>> from tickstep.metrics import win_rate
    >>> win_rate([30, -10, 0, 20])
    0.5
    """
    trades = checked(pnl, "pnl")
    return float(np.mean(trades > 0)) if len(trades) else None


def profit_factor(pnl: Series) -> float | None:
    """Money won / money lost: sum of profits / |sum of losses|, net of fees.

    Parameters
    ----------
    pnl : array, money
        Net P&L of each closed trade.

    Returns
    -------
    float or None
        None when nothing was lost.

    Examples
    --------
    >>> from tickstep.metrics import profit_factor
    >>> profit_factor([30, -10, 0, -10])
    1.5
    """
    trades = checked(pnl, "pnl")
    lost = -float(trades[trades < 0].sum())
    return float(trades[trades > 0].sum()) / lost if lost else None


def expectancy(pnl: Series) -> float | None:
    """Mean outcome of a trade.

    Parameters
    ----------
    pnl : array, money or fractions
        Net P&L of each closed trade; or its return, for the expectancy as a fraction.

    Returns
    -------
    float or None
        In the unit of `pnl`; None for no trades.

    Examples
    --------
    >>> from tickstep.metrics import expectancy
    >>> expectancy([30, -10, 0, 20])
    10.0
    """
    trades = checked(pnl, "pnl")
    return float(trades.mean()) if len(trades) else None


def payoff(pnl: Series) -> float | None:
    """Mean profit of the won trades / |mean loss of the lost ones|.

    Parameters
    ----------
    pnl : array, money
        Net P&L of each closed trade.

    Returns
    -------
    float or None
        None when none was won or none was lost.

    Examples
    --------
    >>> from tickstep.metrics import payoff
    >>> payoff([30, -10, 0, -20])
    2.0
    """
    trades = checked(pnl, "pnl")
    won, lost = trades[trades > 0], trades[trades < 0]
    return float(won.mean() / -lost.mean()) if len(won) and len(lost) else None


def sqn(pnl: Series, *, cap: int | None = None) -> float | None:
    """System quality number: sqrt(N) * mean / sd of net P&L, sd with n - 1 (Tharp).

    Parameters
    ----------
    pnl : array, money
        Net P&L of each closed trade.
    cap : int, optional
        Highest N under the root: 100 is Tharp's, so that more trades alone raise nothing.

    Returns
    -------
    float or None
        None for fewer than two trades, or trades that do not vary.

    Examples
    --------
    >>> from tickstep.metrics import sqn
    >>> round(sqn([30, -10, 0, 20]), 6)
    1.095445
    """
    trades = checked(pnl, "pnl")
    if cap is not None and cap < 1:
        raise ConfigError(f"cap is {cap}: at least one trade counts", hint="100 is Tharp's")
    if not varies(trades):
        return None
    count = len(trades) if cap is None else min(len(trades), cap)
    return math.sqrt(count) * float(trades.mean()) / float(trades.std(ddof=1))


def kelly(pnl: Series) -> float | None:
    """Share of the capital that grows it fastest: W - (1 - W) / payoff (Kelly, 1956).

    W is wins / (wins + losses): a trade of 0 is no bet.

    Parameters
    ----------
    pnl : array, money
        Net P&L of each closed trade.

    Returns
    -------
    float or None
        Below 0 for a losing game; None when none was won or none was lost.

    Examples
    --------
    >>> from tickstep.metrics import kelly
    >>> kelly([20, -10, 0, 20, -10])
    0.25
    """
    trades = checked(pnl, "pnl")
    ratio = payoff(trades)
    if ratio is None:
        return None
    won = float(np.mean(trades[trades != 0] > 0))
    return won - (1 - won) / ratio


def streaks(pnl: Series) -> Streaks:
    """Longest runs of wins and of losses; a trade of 0 ends both.

    Parameters
    ----------
    pnl : array, money
        Net P&L of each closed trade, in order of their exits.

    Examples
    --------
    >>> from tickstep.metrics import streaks
    >>> streaks([1, 2, -1, 3, 4, 5, 0, -1, -1])
    Streaks(wins=3, losses=2)
    """
    signs = np.sign(checked(pnl, "pnl"))
    edges = np.flatnonzero(np.append(True, signs[1:] != signs[:-1])[: len(signs)])
    lengths = np.diff(np.append(edges, len(signs)))
    won, lost = lengths[signs[edges] > 0], lengths[signs[edges] < 0]
    return Streaks(int(won.max(initial=0)), int(lost.max(initial=0)))


def exposure_time(
    times: Int64Array, positions: Int64Array, *, start: int, end: int
) -> float | None:
    """Share of the time in which there was any position.

    Parameters
    ----------
    times : array of int64
        When the position changed, ascending; those outside start <= time <= end count at its edge.
    positions : array of int64
        Lots from then on; of several instruments the sum of their sizes.
    start, end : int
        The time that counts, in the unit of `times`.

    Returns
    -------
    float or None
        From 0 to 1; None when no time passed.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import exposure_time
    >>> exposure_time(np.array([10, 30, 90]), np.array([2, 0, -1]), start=0, end=100)
    0.3
    """
    if end <= start:
        return None
    edges = np.clip(np.append(np.asarray(times, dtype=np.int64), end), start, end)
    held = np.diff(edges)[np.asarray(positions) != 0]
    return int(held.sum()) / (end - start)


def gross_exposure(gross: Series, equity: Series) -> float | None:
    """Mean of the value of all positions, longs and shorts added, over equity.

    Parameters
    ----------
    gross : array, money
        Sum of |value of position| at points at equal distances of time.
    equity : array, money
        Equity at the same points.

    Returns
    -------
    float or None
        1 is as much as the account is worth; None for no points, or equity that is not above 0.

    Examples
    --------
    >>> from tickstep.metrics import gross_exposure
    >>> gross_exposure([0, 50, 100], [100, 100, 100])
    0.5
    """
    value, capital = checked_pair(gross, equity, ("gross", "equity"))
    if len(value) == 0 or np.any(capital <= 0):
        return None
    return float(np.mean(value / capital))
