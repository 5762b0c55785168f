"""The 53 metrics of AKQuant (0.1.36) by its own formulas, under its names and in its order.

>>> import numpy as np
>>> from tickstep.compat.akquant_metrics import Trades, metrics
>>> trades = Trades(np.array([30.0, -10.0]), np.array([0.3, -0.1]), np.array([2, 1]))
>>> found = metrics(
...     np.array([0, 1, 2]) * 86_400, [100.0, 130.0, 120.0], trades, time_unit="s", initial_cash=100.0)
>>> found["win_rate"], found["profit_factor"], round(found["max_drawdown"], 6)
(50.0, 3.0, 10.0)

What differs from `tickstep.metrics`:

- The annual return compounds over years of 365 days; volatility takes sqrt(252) at any length of a bar;
  Sharpe and Sortino are the annual return over it.
- P&L of trades is gross, and a trade of 0 is lost. SQN divides by n.
- `max_drawdown` is money, above 0; `win_rate`, `loss_rate` and names ending in _pct are in percent.
- `var_95` is the sorted return at floor(n / 20), `cvar_95` the plain mean up to it; below 0 for a loss.
- What is not defined is 0; a profit factor without a loss is infinite.
- Kelly is 0 when nothing was won.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tickstep.compat.absent import power, quotient_or_zero
from tickstep.errors import DataError
from tickstep.metrics import depths, streaks
from tickstep.series import Series, checked
from tickstep.ticks import NS_PER_UNIT, Float64Array, Int64Array, check_time_unit

__all__ = ["NAMES", "Trades", "metrics"]

PERIODS = 252
NS_PER_YEAR = 365 * 86_400 * 10**9
NAMES = [
    "start_time",
    "end_time",
    "duration",
    "total_bars",
    "trade_count",
    "initial_market_value",
    "end_market_value",
    "total_pnl",
    "unrealized_pnl",
    "total_return_pct",
    "annualized_return",
    "volatility",
    "total_profit",
    "total_loss",
    "total_commission",
    "max_drawdown",
    "max_drawdown_pct",
    "win_rate",
    "loss_rate",
    "winning_trades",
    "losing_trades",
    "avg_pnl",
    "avg_return_pct",
    "avg_trade_bars",
    "avg_profit",
    "avg_profit_pct",
    "avg_winning_trade_bars",
    "avg_loss",
    "avg_loss_pct",
    "avg_losing_trade_bars",
    "largest_win",
    "largest_win_pct",
    "largest_win_bars",
    "largest_loss",
    "largest_loss_pct",
    "largest_loss_bars",
    "max_wins",
    "max_losses",
    "sharpe_ratio",
    "sortino_ratio",
    "profit_factor",
    "ulcer_index",
    "upi",
    "equity_r2",
    "std_error",
    "calmar_ratio",
    "exposure_time_pct",
    "var_95",
    "var_99",
    "cvar_95",
    "cvar_99",
    "sqn",
    "kelly_criterion",
]


class Trades(NamedTuple):
    """Closed trades as columns, in order of their exits.

    Parameters
    ----------
    pnl : array of float64, money
        Gross profit of each.
    returns : array of float64, fractions
        Gross profit over the entry value.
    bars : array of int64
        Bars each was held.
    """

    pnl: Float64Array
    returns: Float64Array
    bars: Int64Array


def metrics(
    times: Int64Array,
    equity: Series,
    trades: Trades,
    *,
    time_unit: str,
    initial_cash: float,
    total_commission: float = 0.0,
    unrealized_pnl: float = 0.0,
    exposure_time_pct: float = 0.0,
) -> dict[str, float]:
    """All metrics of a run, by name.

    Parameters
    ----------
    times : array of int64
        Time of each point of the curve, in order.
    equity : array, money
        The curve.
    trades : Trades
        Those that are closed.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the times, and of start_time, end_time and duration.
    initial_cash : float, money
        Where the first fall begins, and what returns are of.
    total_commission, unrealized_pnl : float, money
        As the account tells them.
    exposure_time_pct : float, percent
        Share of the days that ended with a position.

    Returns
    -------
    dict of str to number
        Without max_leverage and min_margin_level, which need the account's margin.

    Raises
    ------
    DataError
        For another number of times than of points, or none.
    """
    curve = checked(equity, "equity")
    if len(times) != len(curve) or len(curve) == 0:
        raise DataError(
            f"there are {len(times)} times for {len(curve)} points of equity",
            hint="give one for each, and at least one",
        )
    unit_ns = NS_PER_UNIT[check_time_unit(time_unit)]
    found = {
        "unrealized_pnl": unrealized_pnl,
        "total_commission": total_commission,
        "exposure_time_pct": exposure_time_pct,
        **_of_span(np.asarray(times), curve, initial_cash, unit_ns),
    }
    annual = found["annualized_return"]
    found |= _of_returns(curve, annual) | _of_falls(curve, initial_cash, annual) | _of_line(curve)
    found |= _of_trades(trades) | _of_wins(trades) | _of_losses(trades)
    return {name: found[name] for name in NAMES}


def _of_span(
    times: Int64Array, curve: Float64Array, initial_cash: float, unit_ns: int
) -> dict[str, float]:
    start, end, last = int(times[0]), int(times[-1]), float(curve[-1])
    growth = quotient_or_zero(last - initial_cash, initial_cash)
    years = (end - start) * unit_ns / NS_PER_YEAR
    return {
        "start_time": start,
        "end_time": end,
        "duration": end - start,
        "total_bars": len(curve),
        "initial_market_value": initial_cash,
        "end_market_value": last,
        "total_return_pct": growth * 100,
        "annualized_return": power(1.0 + growth, 1.0 / years) - 1.0 if years > 0 else 0.0,
    }


def _of_returns(curve: Float64Array, annual: float) -> dict[str, float]:
    base = curve[:-1]
    steps = np.sort(np.diff(curve)[base != 0] / base[base != 0])
    deviation = float(steps.std(ddof=1)) if len(steps) > 1 else 0.0
    volatility = deviation * math.sqrt(PERIODS)
    short = quotient_or_zero(float(np.sum(np.minimum(steps, 0.0) ** 2)), len(steps))
    found = {
        "volatility": volatility,
        "sharpe_ratio": quotient_or_zero(annual, volatility),
        "sortino_ratio": quotient_or_zero(annual, math.sqrt(short) * math.sqrt(PERIODS)),
    }
    for name, level in (("95", 0.05), ("99", 0.01)):
        worst = steps[: int(len(steps) * level) + 1]
        found[f"var_{name}"] = float(worst[-1]) if len(worst) else 0.0
        found[f"cvar_{name}"] = float(worst.mean()) if len(worst) else 0.0
    return found


def _of_falls(curve: Float64Array, initial_cash: float, annual: float) -> dict[str, float]:
    found = depths(curve, initial_cash)
    peaks = np.maximum(np.maximum.accumulate(curve), initial_cash)
    deepest, ulcer = float(found.max()), math.sqrt(float(np.mean(found**2)))
    return {
        "max_drawdown": float((peaks - curve).max()),
        "max_drawdown_pct": deepest * 100,
        "ulcer_index": ulcer,
        "upi": quotient_or_zero(annual, ulcer),
        "calmar_ratio": quotient_or_zero(annual, deepest),
    }


def _of_line(curve: Float64Array) -> dict[str, float]:
    """How close equity is to a straight line over the bars: R2, and the error of the estimate."""
    row = np.arange(len(curve)) - (len(curve) - 1) / 2
    distance = curve - curve.mean()
    slope = quotient_or_zero(float(np.dot(row, distance)), float(np.dot(row, row)))
    left = float(np.sum((distance - slope * row) ** 2))
    total = float(np.sum(distance**2))
    return {
        "equity_r2": 1.0 - left / total if total else 0.0,
        "std_error": math.sqrt(left / (len(curve) - 2)) if len(curve) > 2 else 0.0,
    }


def _of_trades(trades: Trades) -> dict[str, float]:
    pnl, count = checked(trades.pnl, "pnl"), len(trades.pnl)
    won, lost = float(pnl[pnl > 0].sum()), -float(pnl[pnl <= 0].sum())
    wins = int(np.sum(pnl > 0))
    mean, deviation = _mean(pnl), float(pnl.std()) if count else 0.0
    runs = streaks(np.where(pnl > 0, 1.0, -1.0))
    return {
        "trade_count": count,
        "total_pnl": float(pnl.sum()),
        "total_profit": won,
        "total_loss": -lost,
        "win_rate": quotient_or_zero(wins, count) * 100,
        "loss_rate": quotient_or_zero(count - wins, count) * 100,
        "winning_trades": wins,
        "losing_trades": count - wins,
        "avg_pnl": mean,
        "avg_return_pct": _mean(trades.returns) * 100,
        "avg_trade_bars": _mean(trades.bars),
        "max_wins": runs.wins,
        "max_losses": runs.losses,
        "profit_factor": math.inf if won and not lost else quotient_or_zero(won, lost),
        "sqn": quotient_or_zero(mean, deviation) * math.sqrt(count),
        "kelly_criterion": _kelly(wins, count, won, lost),
    }


def _kelly(wins: int, count: int, won: float, lost: float) -> float:
    if not (wins and lost):
        return 0.0
    share = wins / count
    return share - (1 - share) / ((won / wins) / (lost / (count - wins)))


def _of_wins(trades: Trades) -> dict[str, float]:
    taken = _where(trades, trades.pnl > 0)
    return {
        "avg_profit": _mean(taken.pnl),
        "avg_profit_pct": _mean(taken.returns) * 100,
        "avg_winning_trade_bars": _mean(taken.bars),
        **_extreme("largest_win", taken, taken.pnl),
    }


def _of_losses(trades: Trades) -> dict[str, float]:
    taken = _where(trades, trades.pnl <= 0)
    return {
        "avg_loss": _mean(taken.pnl),
        "avg_loss_pct": _mean(taken.returns) * 100,
        "avg_losing_trade_bars": _mean(taken.bars),
        **_extreme("largest_loss", taken, -taken.pnl),
    }


def _extreme(name: str, trades: Trades, size: Float64Array) -> dict[str, float]:
    """Profit, return and bars of the first of the largest; zeros when none is above 0."""
    row = int(np.argmax(size)) if size.max(initial=0.0) > 0 else None
    pnl, returns, bars = (0.0 if row is None else float(each[row]) for each in trades)
    return {name: pnl, f"{name}_pct": returns * 100, f"{name}_bars": bars}


def _where(trades: Trades, taken: Any) -> Trades:
    return Trades(*(np.asarray(column)[taken] for column in trades))


def _mean(column: Float64Array | Int64Array) -> float:
    return float(np.mean(column)) if len(column) else 0.0
