"""pyrust-bt by its names: strategies and engine (`pyrust_run`), analyzers (`pyrust_analyzers`)."""

from tickstep.compat.pyrust_analyzers import (
    DrawdownSegment,
    RoundTrip,
    compute_drawdown_segments,
    compute_performance_metrics,
    generate_analysis_report,
    round_trips_from_trades,
    stats,
)
from tickstep.compat.pyrust_run import BacktestConfig, BacktestEngine, RunResult, Strategy

__all__ = [
    "BacktestConfig",
    "BacktestEngine",
    "DrawdownSegment",
    "RoundTrip",
    "RunResult",
    "Strategy",
    "compute_drawdown_segments",
    "compute_performance_metrics",
    "generate_analysis_report",
    "round_trips_from_trades",
    "stats",
]
