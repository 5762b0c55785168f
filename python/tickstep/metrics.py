"""Every number of a result, by name: one room to import them from.

>>> from tickstep import metrics
>>> steps = metrics.returns([100_000, 101_000, 100_500, 102_010, 99_000])
>>> round(metrics.sharpe(steps, periods_per_year=252), 4)
-1.8727

The same conventions everywhere:

- Returns are simple, of equal periods, and without deposits and withdrawals (`returns`).
- What cannot be known is None, never 0, infinity or NaN: a Sharpe ratio of one return, a profit factor
  without a loss. A bad value is a `DataError` that names its row.
- A number that depends on the sampling takes P, the periods in a year, which is counted and not
  guessed (`periods_counted`, `sessions_per_year`, `periods_per_year`): show it beside the number.
- Fractions are fractions: 0.05 is five percent. Losses of value at risk are above 0, falls below.
- Standard deviations divide by n - 1; skewness and kurtosis are of the population, kurtosis of a normal
  distribution is 3.

Where another library computes a number of the same name by another formula, `tickstep.compat` has its
formula under its name.
"""

from tickstep.drawdowns import (
    Drawdown,
    DrawdownScan,
    DrawdownSegments,
    SegmentScan,
    depths,
    drawdown_segments,
    max_drawdown,
    ulcer_index,
)
from tickstep.outcomes import (
    SQN_CAP,
    Streaks,
    expectancy,
    exposure_time,
    gross_exposure,
    kelly,
    payoff,
    profit_factor,
    sqn,
    streaks,
    win_rate,
)
from tickstep.ratios import (
    calmar,
    conditional_value_at_risk,
    cornish_fisher_value_at_risk,
    downside_deviation,
    gaussian_conditional_value_at_risk,
    gaussian_value_at_risk,
    kelly_continuous,
    kurtosis,
    omega,
    sharpe,
    skewness,
    sortino,
    tail_ratio,
    ulcer_performance,
    value_at_risk,
    volatility,
)
from tickstep.relative import (
    alpha,
    beta,
    down_capture,
    information_ratio,
    r_squared,
    tracking_error,
    up_capture,
)
from tickstep.returns import (
    PeriodReturns,
    YearOfMonths,
    annual_growth,
    cagr,
    compound,
    day_ends,
    elapsed_years,
    monthly_returns,
    monthly_table,
    periods_counted,
    periods_per_year,
    returns,
    risk_free_per_period,
    sessions_per_year,
    total_return,
    yearly_returns,
)
from tickstep.rolling import (
    rolling_beta,
    rolling_max_drawdown,
    rolling_return,
    rolling_sharpe,
    rolling_sortino,
    rolling_volatility,
)
from tickstep.significance import (
    Overfitting,
    deflated_sharpe,
    effective_trials,
    expected_best_sharpe,
    min_track_record,
    overfitting,
    probabilistic_sharpe,
)

__all__ = [
    "SQN_CAP",
    "Drawdown",
    "DrawdownScan",
    "DrawdownSegments",
    "Overfitting",
    "PeriodReturns",
    "SegmentScan",
    "Streaks",
    "YearOfMonths",
    "alpha",
    "annual_growth",
    "beta",
    "cagr",
    "calmar",
    "compound",
    "conditional_value_at_risk",
    "cornish_fisher_value_at_risk",
    "day_ends",
    "deflated_sharpe",
    "depths",
    "down_capture",
    "downside_deviation",
    "drawdown_segments",
    "effective_trials",
    "elapsed_years",
    "expectancy",
    "expected_best_sharpe",
    "exposure_time",
    "gaussian_conditional_value_at_risk",
    "gaussian_value_at_risk",
    "gross_exposure",
    "information_ratio",
    "kelly",
    "kelly_continuous",
    "kurtosis",
    "max_drawdown",
    "min_track_record",
    "monthly_returns",
    "monthly_table",
    "omega",
    "overfitting",
    "payoff",
    "periods_counted",
    "periods_per_year",
    "probabilistic_sharpe",
    "profit_factor",
    "r_squared",
    "returns",
    "risk_free_per_period",
    "rolling_beta",
    "rolling_max_drawdown",
    "rolling_return",
    "rolling_sharpe",
    "rolling_sortino",
    "rolling_volatility",
    "sessions_per_year",
    "sharpe",
    "skewness",
    "sortino",
    "sqn",
    "streaks",
    "tail_ratio",
    "total_return",
    "tracking_error",
    "ulcer_index",
    "ulcer_performance",
    "up_capture",
    "value_at_risk",
    "volatility",
    "win_rate",
    "yearly_returns",
]
