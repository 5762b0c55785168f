"""Metrics of ag-kernel's tear sheet by its own formulas.

>>> from tickstep.compat.agkernel import calculate_metrics
>>> curve = [{"equity": each} for each in (100.0, 110.0, 99.0, 120.0)]
>>> found = calculate_metrics(curve, [{"pnl": 30.0}, {"pnl": -10.0}])
>>> found["max_drawdown"], found["profit_factor"], found["win_rate"]
(-0.1, 3.0, 0.5)

What differs from `tickstep.metrics`:

- The start is the first snapshot, not the initial cash.
- The Sharpe ratio takes sqrt(252) whatever lies between two snapshots, and divides by n.
- Numbers are rounded, and 0 where they are not defined; a profit factor without a loss is 999.99.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tickstep.compat.absent import quotient_or_zero
from tickstep.drawdowns import max_drawdown
from tickstep.returns import total_return
from tickstep.series import checked
from tickstep.ticks import Float64Array

__all__ = ["calculate_metrics"]

PERIODS = 252
PROFIT_FACTOR_WITHOUT_LOSS = 999.99


def calculate_metrics(
    snapshots: Sequence[Any], trades: Sequence[Mapping[str, float]] = ()
) -> dict[str, float]:
    """Metrics of a run, rounded.

    Parameters
    ----------
    snapshots : sequence of mappings or snapshots
        Each with an equity, in order of time; the first is above 0.
    trades : sequence of mappings
        Each with a "pnl", in money.

    Returns
    -------
    dict of str to number
        total_return, max_drawdown (0 or below), sharpe_ratio, win_rate, total_trades, avg_trade (a
        fraction of the start), profit_factor.
    """
    equity = checked([_equity(each) for each in snapshots], "equity")
    pnl = checked([each["pnl"] for each in trades], "pnl")
    fall = max_drawdown(equity)
    start = float(equity[0]) if len(equity) else 0.0
    return {
        "total_return": round(total_return(equity) or 0.0, 4),
        "max_drawdown": round(fall.ratio, 4) if fall else 0.0,
        "sharpe_ratio": round(_sharpe(equity), 2),
        "win_rate": round(quotient_or_zero(int((pnl > 0).sum()), len(pnl)), 4),
        "total_trades": len(pnl),
        "avg_trade": round(quotient_or_zero(float(pnl.sum()), len(pnl) * start), 6),
        "profit_factor": _profit_factor(pnl),
    }


def _equity(snapshot: Any) -> float:
    return float(snapshot["equity"] if isinstance(snapshot, Mapping) else snapshot.equity)


def _sharpe(equity: Float64Array) -> float:
    if len(equity) < 2:
        return 0.0
    steps = np.diff(equity) / equity[:-1]
    return quotient_or_zero(float(steps.mean()), float(steps.std())) * math.sqrt(PERIODS)


def _profit_factor(pnl: Float64Array) -> float:
    won, lost = float(pnl[pnl > 0].sum()), -float(pnl[pnl < 0].sum())
    if won and not lost:
        return PROFIT_FACTOR_WITHOUT_LOSS
    return round(quotient_or_zero(won, lost), 2)
