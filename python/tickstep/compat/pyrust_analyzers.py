"""Analyzers and statistics of pyrust-bt by its own formulas, over its lists of dicts.

>>> from tickstep.compat import pyrust_analyzers as pyrust_bt
>>> curve = [{"equity": each} for each in (100.0, 90.0, 100.0, 80.0, 120.0)]
>>> fall, = pyrust_bt.compute_drawdown_segments(curve)
>>> fall.peak_idx, fall.trough_idx, fall.end_idx
(0, 3, 3)
>>> trades = [{"side": "BUY", "price": 10, "size": 2}, {"side": "SELL", "price": 12, "size": 2}]
>>> [each.pnl for each in pyrust_bt.round_trips_from_trades(trades)]
[4.0]

What differs from `tickstep.metrics`:

- `compute_performance_metrics` takes 252 periods a year whatever their length: the annual return is
  their mean * 252; Sortino divides by the losses alone; `var_5` is the sorted return at floor(n / 20).
- `stats` counts the periods of a year from the curve's datetimes; its Sharpe ratio is the compound
  annual return over the volatility. `closed_trades` are those that realized anything.
- A fall ends when the curve is above its peak, not at it. Durations count points, the peak included.
- A short round trip's return is entry / exit - 1. Ratios without a denominator are 0.
- Drawdowns are above 0.
"""

import itertools
import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.compat.absent import power, quotient_or_zero
from tickstep.metrics import depths, total_return, win_rate
from tickstep.series import checked
from tickstep.ticks import Float64Array, Int64Array

__all__ = [
    "DrawdownSegment",
    "RoundTrip",
    "compute_drawdown_segments",
    "compute_performance_metrics",
    "generate_analysis_report",
    "round_trips_from_trades",
    "stats",
]

Rows = Sequence[Mapping[str, Any]]

PERIODS = 252
DAYS_PER_YEAR = 365.25
EPSILON = float(np.finfo(np.float64).eps)  # of what counts as realized


class DrawdownSegment(NamedTuple):
    """A fall: rows of the curve, values, depth as a fraction, points in it and up to the new high."""

    start_idx: int
    peak_idx: int
    trough_idx: int
    end_idx: int
    peak_equity: float
    trough_equity: float
    drawdown: float
    duration: int
    recovery_time: int | None


class RoundTrip(NamedTuple):
    """A closed lot: rows of the trades, "LONG" or "SHORT", prices, and gross profit."""

    entry_idx: int
    exit_idx: int
    side: str
    entry_price: float
    exit_price: float
    size: float
    pnl: float
    return_ratio: float
    holding_bars: int
    entry_datetime: Any
    exit_datetime: Any


class _Lot(NamedTuple):
    row: int
    side: str
    price: float
    size: float
    datetime: Any


# --- The curve. -----------------------------------------------------------------------------------


def compute_performance_metrics(
    equity_curve: Rows, risk_free_rate: float = 0.02
) -> dict[str, float]:
    """Metrics of a curve of daily points: rows with "equity"; empty for fewer than two.

    annualized_return = mean * 252, volatility = sd * sqrt(252), sharpe_ratio = (annualized_return -
    risk_free_rate) / volatility, sortino_ratio the same over sqrt(mean of the squared losses) *
    sqrt(252), calmar_ratio = annualized_return / max_drawdown.
    """
    equity = _values(equity_curve)
    steps = _changes(equity)
    if len(steps) == 0:
        return {}
    annual = float(steps.mean()) * PERIODS
    volatility = _deviation(steps) * math.sqrt(PERIODS)
    losses = steps[steps < 0]
    downside = math.sqrt(quotient_or_zero(float(np.sum(losses**2)), len(losses)) * PERIODS)
    deepest = float(depths(equity, equity[0]).max())
    return {
        "total_return": total_return(equity) or 0.0,
        "annualized_return": annual,
        "volatility": volatility,
        "sharpe_ratio": quotient_or_zero(annual - risk_free_rate, volatility),
        "sortino_ratio": quotient_or_zero(annual - risk_free_rate, downside),
        "calmar_ratio": quotient_or_zero(annual, deepest),
        "max_drawdown": deepest,
        "max_dd_duration": _longest_fall(equity),
        "var_5": float(np.sort(steps)[int(len(steps) * 0.05)]),
        "win_rate": win_rate(steps) or 0.0,
    }


def compute_drawdown_segments(equity_curve: Rows) -> list[DrawdownSegment]:
    """Every fall until the curve is above its peak again, the deepest first."""
    equity = _values(equity_curve)
    highs = _high_rows(equity)
    spans = itertools.pairwise([*highs.tolist(), len(equity)])
    found = [_segment(equity, peak, stop) for peak, stop in spans if equity[peak] > 0]
    falls = [each for each in found if each.drawdown > 0]
    return sorted(falls, key=lambda each: each.drawdown, reverse=True)


def stats(equity_curve: Rows, trades: Rows = (), orders: Rows = ()) -> dict[str, float]:
    """Statistics of a run: rows with "equity" and "datetime", trades, orders; empty for no curve.

    annualized_return = (end / start) ^ (1 / years) - 1, volatility = sd * sqrt(n / years), sharpe and
    calmar = annualized_return / volatility and / max_drawdown; years of 365.25 days between the first
    and the last datetime. Without datetimes 252 points are a year, and the mean is not compounded.
    Trades have "realized_pnl" and "commission", orders a "status".
    """
    equity = _values(equity_curve)
    if len(equity) == 0:
        return {}
    realized = checked([row["realized_pnl"] for row in trades], "realized_pnl")
    gained = float(equity[-1] - equity[0])
    return {
        "start_equity": float(equity[0]),
        "end_equity": float(equity[-1]),
        "total_return": total_return(equity) or 0.0,
        **_annual(equity, _years(equity_curve)),
        "max_dd_duration": _longest_fall(equity),
        "total_trades": len(trades),
        **_outcomes(realized[np.abs(realized) > EPSILON]),
        "total_pnl": gained,
        "realized_pnl": float(realized.sum()),
        "unrealized_pnl": gained - float(realized.sum()),
        "commission_total": float(sum(row["commission"] for row in trades)),
        **_order_counts(orders),
    }


def generate_analysis_report(
    equity_curve: Rows,
    trades: Rows,
    round_trips: Sequence[RoundTrip],
    drawdown_segments: Sequence[DrawdownSegment],
) -> dict[str, dict[str, Any]]:
    """Performance, trades, drawdowns and a summary; trades themselves count for nothing in it."""
    equity = _values(equity_curve)
    return {
        "performance": compute_performance_metrics(equity_curve),
        "trades": _trip_numbers(round_trips),
        "drawdowns": _fall_numbers(drawdown_segments),
        "summary": {
            "start_value": float(equity[0]) if len(equity) else 0.0,
            "end_value": float(equity[-1]) if len(equity) else 0.0,
            "total_bars": len(equity),
        },
    }


def _trip_numbers(round_trips: Sequence[RoundTrip]) -> dict[str, float]:
    pnl = np.array([each.pnl for each in round_trips], np.float64)
    won, lost = pnl[pnl > 0], pnl[pnl < 0]
    return {
        "total_round_trips": len(pnl),
        "profitable_trades": len(won),
        "losing_trades": len(lost),
        "win_rate": quotient_or_zero(len(won), len(pnl)),
        "avg_win": _mean(won),
        "avg_loss": _mean(lost),
        "profit_factor": float(won.sum() / -lost.sum()) if len(lost) else math.inf,
        "avg_holding_period": _mean([each.holding_bars for each in round_trips]),
    }


def _fall_numbers(segments: Sequence[DrawdownSegment]) -> dict[str, float]:
    depth = np.array([each.drawdown for each in segments], np.float64)
    length = np.array([each.duration for each in segments], np.int64)
    return {
        "max_drawdown": float(depth.max(initial=0.0)),
        "avg_drawdown": _mean(depth),
        "max_dd_duration": int(length.max(initial=0)),
        "avg_dd_duration": _mean(length),
        "total_dd_periods": len(depth),
    }


def _annual(equity: Float64Array, years: float | None) -> dict[str, float]:
    steps = _changes(equity)
    periods = len(steps) / years if years and len(steps) else PERIODS
    growth = total_return(equity) or 0.0
    if years:
        annual = power(1 + growth, 1 / years) - 1 if growth > -1 else growth / years
    else:
        annual = float(steps.mean()) * periods if len(steps) else growth
    volatility = _deviation(steps) * math.sqrt(periods)
    deepest = float(depths(equity, equity[0]).max())
    return {
        "annualized_return": annual,
        "volatility": volatility,
        "sharpe": quotient_or_zero(annual, volatility),
        "calmar": quotient_or_zero(annual, deepest),
        "max_drawdown": deepest,
    }


def _outcomes(realized: Float64Array) -> dict[str, float]:
    won, lost = realized[realized > 0], -realized[realized < 0]
    gained, paid = float(won.sum()), float(lost.sum())
    return {
        "closed_trades": len(realized),
        "winning_trades": len(won),
        "losing_trades": len(lost),
        "win_rate": quotient_or_zero(len(won), len(realized)),
        "gross_profit": gained,
        "gross_loss": paid,
        "profit_factor": math.inf if gained and not paid else quotient_or_zero(gained, paid),
        "avg_win": quotient_or_zero(gained, len(won)),
        "avg_loss": quotient_or_zero(paid, len(lost)),
    }


def _order_counts(orders: Rows) -> dict[str, float]:
    found: dict[str, float] = {"total_orders": len(orders)}
    for status in ("filled", "rejected", "unfilled"):
        found[f"{status}_orders"] = sum(row["status"] == status for row in orders)
    return found


def _years(equity_curve: Rows) -> float | None:
    first, last = (equity_curve[row].get("datetime") for row in (0, -1))
    if first is None or last is None:
        return None
    days = (np.datetime64(last, "s") - np.datetime64(first, "s")) / np.timedelta64(1, "D")
    return float(days) / DAYS_PER_YEAR if days > 0 else None


def _segment(equity: Float64Array, peak: int, stop: int) -> DrawdownSegment:
    trough = peak + int(np.argmin(equity[peak:stop]))
    is_open = stop == len(equity)
    return DrawdownSegment(
        start_idx=peak,
        peak_idx=peak,
        trough_idx=trough,
        end_idx=stop - 1,
        peak_equity=float(equity[peak]),
        trough_equity=float(equity[trough]),
        drawdown=1.0 - float(equity[trough] / equity[peak]),
        duration=(stop if is_open else trough + 1) - peak,
        recovery_time=None if is_open else stop - trough,
    )


def _values(equity_curve: Rows) -> Float64Array:
    return checked([row["equity"] for row in equity_curve], "equity")


def _changes(equity: Float64Array) -> Float64Array:
    base = equity[:-1]
    return np.asarray(np.diff(equity)[base != 0] / np.abs(base[base != 0]))


def _mean(values: npt.ArrayLike) -> float:
    column = np.asarray(values, np.float64)
    return float(column.mean()) if len(column) else 0.0


def _deviation(steps: Float64Array) -> float:
    return float(steps.std(ddof=1)) if len(steps) > 1 else 0.0


def _high_rows(equity: Float64Array) -> Int64Array:
    """Rows above all before them, the first one included."""
    peaks = np.maximum.accumulate(equity)
    return np.flatnonzero(np.append(True, peaks[1:] > peaks[:-1])[: len(equity)])


def _longest_fall(equity: Float64Array) -> int:
    """Most points in a row that are no new high; the first point counts as one."""
    highs = np.append(_high_rows(equity), len(equity))
    highs[0] = -1
    return int(np.diff(highs).max()) - 1


# --- Round trips. ---------------------------------------------------------------------------------


def round_trips_from_trades(trades: Rows) -> list[RoundTrip]:
    """Pair trades first in first out, symbol after symbol.

    Rows have "side", "price" and "size", and "symbol" and "datetime" if any. A trade that closes more
    than there is opens the rest. Holding bars count trades.
    """
    symbols: dict[Any, list[_Lot]] = {}
    for row, trade in enumerate(trades):
        symbols.setdefault(trade.get("symbol"), []).append(_lot(row, trade))
    found: list[RoundTrip] = []
    for lots in symbols.values():
        held: deque[_Lot] = deque()
        for lot in lots:
            found += _closed(held, lot)
    return found


def _lot(row: int, trade: Mapping[str, Any]) -> _Lot:
    side, price, size = str(trade["side"]).upper(), float(trade["price"]), float(trade["size"])
    return _Lot(row, side, price, size, trade.get("datetime"))


def _closed(held: deque[_Lot], trade: _Lot) -> list[RoundTrip]:
    """Close what the trade closes, and keep what it opens."""
    found = []
    left = trade.size
    while left > 0 and held and held[0].side != trade.side:
        lot = held.popleft()
        size = min(lot.size, left)
        found.append(_trip(lot, trade, size))
        left -= size
        if lot.size > size:
            held.appendleft(lot._replace(size=lot.size - size))
    if left > 0:
        held.append(trade._replace(size=left))
    return found


def _trip(lot: _Lot, trade: _Lot, size: float) -> RoundTrip:
    is_long = lot.side == "BUY"
    bought, sold = (lot.price, trade.price) if is_long else (trade.price, lot.price)
    return RoundTrip(
        entry_idx=lot.row,
        exit_idx=trade.row,
        side="LONG" if is_long else "SHORT",
        entry_price=lot.price,
        exit_price=trade.price,
        size=size,
        pnl=(sold - bought) * size,
        return_ratio=sold / bought - 1.0 if bought else 0.0,
        holding_bars=trade.row - lot.row,
        entry_datetime=lot.datetime,
        exit_datetime=trade.datetime,
    )
