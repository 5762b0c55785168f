"""AKQuant by its names: `run_backtest` and strategies (`akquant_run`), metrics (`akquant_metrics`)."""

from tickstep.compat.akquant_metrics import NAMES, Trades, metrics
from tickstep.compat.akquant_run import (
    AllInSizer,
    BacktestResult,
    Bar,
    FixedSize,
    OrderSide,
    OrderStatus,
    PercentSizer,
    Strategy,
    Tick,
    TimeInForce,
    run_backtest,
)

__all__ = [
    "NAMES",
    "AllInSizer",
    "BacktestResult",
    "Bar",
    "FixedSize",
    "OrderSide",
    "OrderStatus",
    "PercentSizer",
    "Strategy",
    "Tick",
    "TimeInForce",
    "Trades",
    "metrics",
    "run_backtest",
]
