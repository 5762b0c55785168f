"""Statistics of backtesting.py (0.6) by its own formulas, under its names and in its order.

>>> import numpy as np
>>> from tickstep.compat.backtesting_py import Trades, statistics
>>> days = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], dtype="datetime64[ns]")
>>> trades = Trades(np.array([1]), np.array([2]), np.array([5.0]), np.array([0.05]))
>>> found = statistics(days, [100.0, 101.0, 105.0], [20.0, 21.0, 20.5], trades)
>>> found["Return [%]"], found["# Trades"], round(found["Kelly Criterion"], 6)
(5.0, 1, nan)

What differs from `tickstep.metrics`:

- A year is 252 days, 365 when weekends trade, 52 weeks, 12 months: guessed from the bars. Daily and
  longer returns are those of the last bar of each.
- The annual return is (1 + g)^P - 1, g the geometric mean; the annual volatility that of such a
  compound return; the Sharpe ratio is the one over the other. Sortino has the annual return on top.
- Alpha is over the whole time, beta of log returns of bars.
- Exposure, and a trade in it, counts bars, both ends included.
- Profit factor sums returns of trades; SQN and Kelly are of money, Kelly's share of wins of all trades.
- Durations are rounded up to the unit of the bars.
- What is not defined is NaN or NaT.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.compat.absent import or_nan, power, quotient
from tickstep.drawdowns import depths, drawdown_segments
from tickstep.errors import DataError
from tickstep.metrics import beta, sqn
from tickstep.series import Series, checked, checked_pair
from tickstep.ticks import Float64Array, Int64Array

__all__ = ["Trades", "statistics"]

Times = npt.NDArray[np.datetime64]
Spans = npt.NDArray[np.timedelta64]

NAT = np.timedelta64("NaT", "ns")
BARS_TO_GUESS_FROM = 100
UNITS_NS = (86_400_000_000_000, 3_600_000_000_000, 60_000_000_000, 1_000_000_000, 10**6, 10**3, 1)
# Days between bars: what returns are taken of, and how many of them are a year.
LONGER_BARS = {7: ("W", 52), 31: ("M", 12), 365: ("Y", 1)}
WEEKEND_SHARE = 2 / 7 * 0.6  # of the bars, above which weekends trade


class Trades(NamedTuple):
    """Closed trades as columns.

    Parameters
    ----------
    entry_bar, exit_bar : array of int64
        Rows of the bars.
    pnl : array of float64, money
        Profit of each.
    returns : array of float64, fractions
        Profit over the entry value, commissions taken off.
    """

    entry_bar: Int64Array
    exit_bar: Int64Array
    pnl: Float64Array
    returns: Float64Array


class _Annual(NamedTuple):
    """Annual return and volatility, as fractions, and the returns they come from."""

    growth: float
    volatility: float
    returns: Float64Array
    periods: float


def statistics(
    times: Times,
    equity: Series,
    close: Series,
    trades: Trades,
    *,
    commissions: float = 0.0,
    risk_free_rate: float = 0.0,
    first_trading_bar: int = 0,
) -> dict[str, Any]:
    """All statistics, by name.

    Parameters
    ----------
    times : array of datetime64
        Time of each bar, ascending.
    equity : array, money
        Equity at the close of each bar.
    close : array, price
        Close of each bar.
    trades : Trades
        Those that are closed.
    commissions : float, money
        Their sum; left out when it is 0.
    risk_free_rate : float, fraction per year
        Taken off the annual return.
    first_trading_bar : int
        Row from which buying and holding counts: the first at which the indicators are known.

    Returns
    -------
    dict of str to number, datetime64 or timedelta64
        Names ending in [%] are in percent.

    Raises
    ------
    DataError
        For another number of closes than of equities and times, or no bars.
    """
    curve, closes = checked_pair(equity, close, ("equity", "close"))
    if len(times) != len(curve) or len(curve) == 0:
        raise DataError(
            f"there are {len(times)} times for {len(curve)} bars",
            hint="give one for each, and at least one bar",
        )
    stamps = times.astype("datetime64[ns]")
    annual = _annual(stamps, curve)
    found = _money(stamps, curve, trades, commissions)
    held = closes[first_trading_bar]
    found["Buy & Hold Return [%]"] = (closes[-1] - held) / held * 100
    found |= _ratios(stamps, curve, annual, risk_free_rate)
    found |= _beside_the_market(curve, closes, found, risk_free_rate)
    found |= _falls(stamps, curve)
    found |= _outcomes(stamps, trades)
    return {name: _plain(value) for name, value in found.items()}


def _money(
    stamps: Times, curve: Float64Array, trades: Trades, commissions: float
) -> dict[str, Any]:
    charged = {"Commissions [$]": commissions} if commissions else {}
    return {
        "Start": stamps[0],
        "End": stamps[-1],
        "Duration": stamps[-1] - stamps[0],
        "Exposure Time [%]": _exposure(trades, len(curve)) * 100,
        "Equity Final [$]": curve[-1],
        "Equity Peak [$]": curve.max(),
        **charged,
        "Return [%]": (curve[-1] - curve[0]) / curve[0] * 100,
    }


def _exposure(trades: Trades, bars: int) -> float:
    changes = np.bincount(trades.entry_bar, minlength=bars + 1)
    changes -= np.bincount(trades.exit_bar + 1, minlength=bars + 1)
    return float(np.mean(np.cumsum(changes)[:bars] > 0))


def _annual(stamps: Times, curve: Float64Array) -> _Annual:
    unit, periods = _sampling(stamps)
    labels = _labels(stamps, unit)
    is_last = np.append(labels[1:] != labels[:-1], True)
    returns = _changes(curve[is_last])
    base = 1 + _geometric_mean(returns)
    spread = float(returns.var(ddof=1)) if len(returns) > 1 else math.nan
    square = power(spread + base**2, periods) - power(base, 2 * periods)
    return _Annual(power(base, periods) - 1, power(square, 0.5), returns, periods)


def _changes(samples: Float64Array) -> Float64Array:
    """Returns between samples; none from nothing to nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = samples[1:] / samples[:-1] - 1.0
    return np.asarray(returns[~np.isnan(returns)])


def _sampling(stamps: Times) -> tuple[str, float]:
    steps = np.diff(stamps[-BARS_TO_GUESS_FROM:]).astype(np.int64)
    days = int(np.median(steps) // UNITS_NS[0]) if len(steps) else 0
    if days in LONGER_BARS:
        return LONGER_BARS[days]
    weekday = (stamps.astype("datetime64[D]").astype(np.int64) + 3) % 7  # Monday is 0
    return "D", 365 if float(np.mean(weekday >= 5)) > WEEKEND_SHARE else 252


def _labels(stamps: Times, unit: str) -> Int64Array:
    """Number of the day, the week from Monday on, the month or the year of each bar."""
    if unit == "W":
        return (stamps.astype("datetime64[D]").astype(np.int64) + 3) // 7
    return stamps.astype(f"datetime64[{unit}]").astype(np.int64)


def _geometric_mean(returns: Float64Array) -> float:
    """Product of (1 + r) ^ (1 / n) - 1; 0 after a loss of everything, NaN without returns."""
    if np.any(returns <= -1):
        return 0.0
    return math.expm1(float(np.log1p(returns).sum()) / len(returns)) if len(returns) else math.nan


def _ratios(
    stamps: Times, curve: Float64Array, annual: _Annual, risk_free_rate: float
) -> dict[str, Any]:
    years = (stamps[-1] - stamps[0]).astype(np.int64) // UNITS_NS[3] / 86_400 / 365.25
    short = float(np.mean(np.minimum(annual.returns, 0.0) ** 2)) if len(annual.returns) else 0.0
    excess = annual.growth - risk_free_rate
    deepest = float(depths(curve, curve[0]).max())
    return {
        "Return (Ann.) [%]": annual.growth * 100,
        "Volatility (Ann.) [%]": annual.volatility * 100,
        "CAGR [%]": (power(curve[-1] / curve[0], 1 / years) - 1) * 100 if years else math.nan,
        "Sharpe Ratio": excess / (annual.volatility or math.nan),
        "Sortino Ratio": quotient(excess, math.sqrt(short) * math.sqrt(annual.periods)),
        "Calmar Ratio": annual.growth / (deepest or math.nan),
    }


def _beside_the_market(
    curve: Float64Array, closes: Float64Array, found: dict[str, Any], risk_free_rate: float
) -> dict[str, Any]:
    slope = math.nan
    if len(curve) > 2 and curve.min() > 0 and closes.min() > 0:
        slope = or_nan(beta(np.diff(np.log(curve)), np.diff(np.log(closes))))
    free = risk_free_rate * 100
    excess = found["Return [%]"] - free - slope * (found["Buy & Hold Return [%]"] - free)
    return {"Alpha [%]": excess, "Beta": slope}


def _falls(stamps: Times, curve: Float64Array) -> dict[str, Any]:
    falls = drawdown_segments(curve)
    counted = falls.end > falls.peak + 1  # one that began with the last bar is not
    durations = (stamps[falls.end] - stamps[falls.peak])[counted]
    depth, unit_ns = falls.depth[counted], _unit_ns(stamps)
    return {
        "Max. Drawdown [%]": -float(depths(curve, curve[0]).max()) * 100,
        "Avg. Drawdown [%]": float(depth.mean()) * 100 if len(depth) else math.nan,
        "Max. Drawdown Duration": _longest(durations, unit_ns),
        "Avg. Drawdown Duration": _average(durations, unit_ns),
    }


def _outcomes(stamps: Times, trades: Trades) -> dict[str, Any]:
    pnl, returns = checked(trades.pnl, "pnl"), checked(trades.returns, "returns")
    durations = stamps[trades.exit_bar] - stamps[trades.entry_bar]
    is_any, unit_ns = len(pnl) > 0, _unit_ns(stamps)
    won = float(np.mean(pnl > 0)) if is_any else math.nan
    lost_returns = -float(returns[returns < 0].sum())
    return {
        "# Trades": len(pnl),
        "Win Rate [%]": won * 100,
        "Best Trade [%]": returns.max() * 100 if is_any else math.nan,
        "Worst Trade [%]": returns.min() * 100 if is_any else math.nan,
        "Avg. Trade [%]": _geometric_mean(returns) * 100,
        "Max. Trade Duration": _longest(durations, unit_ns),
        "Avg. Trade Duration": _average(durations, unit_ns),
        "Profit Factor": float(returns[returns > 0].sum()) / (lost_returns or math.nan),
        "Expectancy [%]": returns.mean() * 100 if is_any else math.nan,
        "SQN": or_nan(sqn(pnl)),
        "Kelly Criterion": _kelly(pnl, won),
    }


def _kelly(pnl: Float64Array, won: float) -> float:
    profits, losses = pnl[pnl > 0], pnl[pnl < 0]
    if len(profits) == 0 or len(losses) == 0:
        return math.nan
    return won - (1 - won) / float(profits.mean() / -losses.mean())


def _unit_ns(stamps: Times) -> int:
    """Return the unit that the distance of the bars is whole in."""
    steps = np.diff(stamps[-BARS_TO_GUESS_FROM:]).astype(np.int64)
    period = int(np.median(steps)) if len(steps) else 1
    return next(each for each in UNITS_NS if period % each == 0)


def _longest(durations: Spans, unit_ns: int) -> np.timedelta64:
    return _average(durations.max(keepdims=True), unit_ns) if len(durations) else NAT


def _average(durations: Spans, unit_ns: int) -> np.timedelta64:
    """Mean, rounded up to whole units."""
    if len(durations) == 0:
        return NAT
    whole = len(durations) * unit_ns
    return np.timedelta64(-(-int(durations.astype(np.int64).sum()) // whole) * unit_ns, "ns")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.floating) else value
