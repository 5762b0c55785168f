"""Numbers of a result under the names other programs have for them.

Formulas and signs are ours, whatever the name: falls and losses of trades are below 0, value at risk is
a loss above 0, what is not known is None. Names ending in _pct are in percent, other shares and returns
are fractions, money is in the account's currency, `_bars` are bars of the instrument's data, or ticks,
durations are counts of the data's time unit. `tickstep.compat` has the formulas that go with the names
elsewhere.

Numbers that the table has no room for: `psr`, the probability that the true Sharpe ratio is above 0;
`min_track_record`, how many returns it takes to believe that at 95 %; `kelly_continuous`; `sqn_100`, of
no more than 100 trades; `downside_deviation`, a year's; `gaussian_var_95`, `gaussian_cvar_95` and
`cornish_fisher_var_95`.
"""

import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import cached_property

import numpy as np

from tickstep import metrics
from tickstep.account import Account, rows_of_bar
from tickstep.errors import ConfigError
from tickstep.orderlives import STATES
from tickstep.stats import Stat, Stats
from tickstep.ticks import Float64Array
from tickstep.trips import RoundTrips

__all__ = ["METRIC_NAMES", "metric"]

Number = Callable[["_Numbers"], Stat]


def metric(account: Account, stats: Stats, name: str) -> Stat:
    """Look a number up by any name it goes by.

    Parameters
    ----------
    account : Account
        Of the run.
    stats : Stats
        Its statistics.
    name : str
        A name of `stats`, the same in snake case ("Win Rate [%]" is "win_rate_pct"), or one of
        `METRIC_NAMES`: those of AKQuant, pyrust-bt and ag-kernel, and more of ours.

    Returns
    -------
    number, text or None
        None is what cannot be known.

    Raises
    ------
    ConfigError
        When there is no such number; it names the nearest.

    Examples
    --------
    >>> from tickstep.metricnames import METRIC_NAMES
    >>> "sharpe_ratio" in METRIC_NAMES, "max_dd_duration" in METRIC_NAMES
    (True, True)
    """
    if not isinstance(name, str):
        raise ConfigError(f"a metric's name is text, was {name!r}", hint='"sharpe_ratio"')
    if name in stats:
        return stats[name]
    if name in _NUMBERS:
        return _NUMBERS[name](_Numbers(account, stats))
    own = {_snake(each): each for each in stats}
    if name in own:
        return stats[own[name]]
    known = [*stats, *_NUMBERS, *own]
    near = get_close_matches(name, known, n=1, cutoff=0.0)
    raise ConfigError(
        f"there is no metric {name!r}", hint=f"the nearest is {near[0]!r}; stats lists the names"
    )


def _snake(name: str) -> str:
    words = name.lower().replace("[%]", "pct").replace("%", "pct").replace("&", "and")
    return re.sub(r"[^a-z0-9]+", "_", words).strip("_")


class _Numbers:
    """What the numbers are made of."""

    def __init__(self, account: Account, stats: Stats) -> None:
        self.account = account
        self.stats = stats

    @cached_property
    def closed(self) -> RoundTrips:
        return self.account.trips.closed()

    @cached_property
    def pnl(self) -> Float64Array:
        return self.account.scales.amounts(self.closed.net_units)

    @cached_property
    def shares(self) -> Float64Array:
        return self.closed.returns

    @cached_property
    def bars(self) -> Float64Array:
        closed = self.closed
        lengths = np.array([rows_of_bar(each) for each in self.account.rows])[closed.instrument]
        exits, entries = closed.exit_index // lengths, closed.entry_index // lengths
        return np.asarray((exits - entries).astype(np.float64))

    @cached_property
    def steps(self) -> Float64Array | None:
        return self.account.returns if self.account.has_returns else None

    @cached_property
    def curve(self) -> Float64Array:
        return self.account.sampled_earned

    @cached_property
    def orders(self) -> dict[str, int]:
        counts = np.bincount(self.account.lives.state, minlength=len(STATES)).tolist()
        return dict(zip(STATES, counts, strict=True))

    def won(self, column: Float64Array) -> Float64Array:
        return column[self.pnl > 0]

    def lost(self, column: Float64Array) -> Float64Array:
        return column[self.pnl < 0]

    def at_largest(self, column: Float64Array, sign: int) -> float | None:
        """Value in the row of the largest win (1) or loss (-1)."""
        if not len(self.pnl) or (sign * self.pnl).max() <= 0:
            return None
        return _known(column[int(np.argmax(sign * self.pnl))])


def _stat(name: str, scale: float = 1.0) -> Number:
    def found(numbers: _Numbers) -> Stat:
        value = numbers.stats[name]
        return value * scale if scale != 1.0 and isinstance(value, int | float) else value

    return found


def _fraction(name: str) -> Number:
    return _stat(name, 0.01)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _mean(values: Float64Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _share_lost(numbers: _Numbers) -> float | None:
    return float(np.mean(numbers.pnl < 0)) if len(numbers.pnl) else None


def _length(numbers: _Numbers) -> int:
    return int(numbers.account.span[1] - numbers.account.span[0])


def _longest_fall(numbers: _Numbers) -> int | None:
    falls, times, _ = numbers.account.falls
    return falls.longest(times)


def _performance(numbers: _Numbers) -> float | None:
    annual = _fraction("CAGR [%]")(numbers)
    return metrics.ulcer_performance(
        annual if isinstance(annual, float) else None, metrics.ulcer_index(numbers.curve)
    )


def _line(numbers: _Numbers) -> tuple[float, float, int]:
    """Squares left over and squares in all of a straight line through the sampled equity."""
    curve = numbers.curve
    row = np.arange(len(curve)) - (len(curve) - 1) / 2
    distance = curve - curve.mean()
    slope = float(np.dot(row, distance) / max(float(np.dot(row, row)), 1.0))
    return float(np.sum((distance - slope * row) ** 2)), float(np.sum(distance**2)), len(curve)


def _r_squared(numbers: _Numbers) -> float | None:
    left, total, _ = _line(numbers)
    return 1.0 - left / total if total else None


def _line_error(numbers: _Numbers) -> float | None:
    left, _, count = _line(numbers)
    return float(np.sqrt(left / (count - 2))) if count > 2 else None


def _significance(numbers: _Numbers, found: Callable[..., float | None]) -> float | None:
    """A number of the Sharpe ratio of one period, and of the shape of the returns."""
    steps = numbers.steps
    ratio = metrics.sharpe(steps, periods_per_year=1)
    skew, kurtosis = metrics.skewness(steps), metrics.kurtosis(steps)
    if steps is None or ratio is None or skew is None or kurtosis is None:
        return None
    return found(ratio, len(steps), skew, kurtosis)


def _probability(ratio: float, count: int, skew: float, kurtosis: float) -> float | None:
    return metrics.probabilistic_sharpe(ratio, count=count, skew=skew, kurtosis=kurtosis)


def _track_record(ratio: float, _: int, skew: float, kurtosis: float) -> float | None:
    return metrics.min_track_record(ratio, skew=skew, kurtosis=kurtosis)


def _leverage(numbers: _Numbers) -> float | None:
    """Highest value of all positions over equity, at the samples of `equity`."""
    account = numbers.account
    times = account.grid(account.sampling).times
    gross = account.scales.amounts(account.path.gross_at(times))
    equity = account.scales.amounts(account.path.at(times))
    return float((gross / equity).max()) if np.all(equity > 0) else None


def _average_trade(numbers: _Numbers) -> float | None:
    start = numbers.account.scales.cash_units
    mean = _mean(numbers.pnl)
    return mean / numbers.account.scales.money.value(start) if mean is not None and start else None


_AKQUANT: dict[str, Number] = {
    "start_time": _stat("Start"),
    "end_time": _stat("End"),
    "duration": _length,
    "total_bars": lambda numbers: numbers.account.bar_count + numbers.account.tick_count,
    "trade_count": _stat("# Trades"),
    "initial_market_value": _stat("Equity Start"),
    "end_market_value": _stat("Equity Final"),
    "total_pnl": _stat("P&L"),
    "unrealized_pnl": _stat("Unrealized P&L"),
    "total_return_pct": _stat("Return [%]"),
    "annualized_return": _fraction("CAGR [%]"),
    "volatility": _fraction("Volatility (Ann.) [%]"),
    "total_profit": lambda numbers: float(numbers.won(numbers.pnl).sum()),
    "total_loss": lambda numbers: float(numbers.lost(numbers.pnl).sum()),
    "total_commission": _stat("Fees"),
    "max_drawdown": _fraction("Max. Drawdown [%]"),
    "max_drawdown_pct": _stat("Max. Drawdown [%]"),
    "win_rate": _fraction("Win Rate [%]"),
    "loss_rate": _share_lost,
    "winning_trades": lambda numbers: len(numbers.won(numbers.pnl)),
    "losing_trades": lambda numbers: len(numbers.lost(numbers.pnl)),
    "avg_pnl": lambda numbers: _mean(numbers.pnl),
    "avg_return_pct": _stat("Expectancy [%]"),
    "avg_trade_bars": lambda numbers: _mean(numbers.bars),
    "avg_profit": lambda numbers: _mean(numbers.won(numbers.pnl)),
    "avg_profit_pct": lambda numbers: _percent(_mean(numbers.won(numbers.shares))),
    "avg_winning_trade_bars": lambda numbers: _mean(numbers.won(numbers.bars)),
    "avg_loss": lambda numbers: _mean(numbers.lost(numbers.pnl)),
    "avg_loss_pct": lambda numbers: _percent(_mean(numbers.lost(numbers.shares))),
    "avg_losing_trade_bars": lambda numbers: _mean(numbers.lost(numbers.bars)),
    "largest_win": lambda numbers: numbers.at_largest(numbers.pnl, 1),
    "largest_win_pct": lambda numbers: _percent(numbers.at_largest(numbers.shares, 1)),
    "largest_win_bars": lambda numbers: numbers.at_largest(numbers.bars, 1),
    "largest_loss": lambda numbers: numbers.at_largest(numbers.pnl, -1),
    "largest_loss_pct": lambda numbers: _percent(numbers.at_largest(numbers.shares, -1)),
    "largest_loss_bars": lambda numbers: numbers.at_largest(numbers.bars, -1),
    "max_wins": _stat("Max. Wins in a Row"),
    "max_losses": _stat("Max. Losses in a Row"),
    "sharpe_ratio": _stat("Sharpe Ratio"),
    "sortino_ratio": _stat("Sortino Ratio"),
    "profit_factor": _stat("Profit Factor"),
    "ulcer_index": _stat("Ulcer Index"),
    "upi": _performance,
    "equity_r2": _r_squared,
    "std_error": _line_error,
    "calmar_ratio": _stat("Calmar Ratio"),
    "exposure_time_pct": _stat("Exposure Time [%]"),
    "var_95": lambda numbers: metrics.value_at_risk(numbers.steps, level=0.05),
    "var_99": lambda numbers: metrics.value_at_risk(numbers.steps, level=0.01),
    "cvar_95": lambda numbers: metrics.conditional_value_at_risk(numbers.steps, level=0.05),
    "cvar_99": lambda numbers: metrics.conditional_value_at_risk(numbers.steps, level=0.01),
    "sqn": _stat("SQN"),
    "kelly_criterion": _stat("Kelly Criterion"),
    "max_leverage": _leverage,
    "min_margin_level": lambda _: None,  # there is no margin in this version
}
_PYRUST_BT: dict[str, Number] = {
    "start_equity": _stat("Equity Start"),
    "end_equity": _stat("Equity Final"),
    "total_return": _fraction("Return [%]"),
    "sharpe": _stat("Sharpe Ratio"),
    "calmar": _stat("Calmar Ratio"),
    "max_dd_duration": _longest_fall,
    "total_trades": _stat("# Trades"),
    "commission_total": _stat("Fees"),
    "gross_profit": _AKQUANT["total_profit"],
    "gross_loss": _AKQUANT["total_loss"],
    "avg_win": _AKQUANT["avg_profit"],
    "realized_pnl": _stat("Realized P&L"),
    "closed_trades": _stat("# Trades"),
    "total_orders": lambda numbers: sum(numbers.orders.values()),
    "filled_orders": lambda numbers: numbers.orders["FILLED"],
    "rejected_orders": lambda numbers: numbers.orders["REJECTED"],
    "unfilled_orders": lambda numbers: (
        sum(numbers.orders.values()) - numbers.orders["FILLED"] - numbers.orders["REJECTED"]
    ),
    "var_5": _AKQUANT["var_95"],
}
_OURS: dict[str, Number] = {
    "psr": lambda numbers: _significance(numbers, _probability),
    "min_track_record": lambda numbers: _significance(numbers, _track_record),
    "kelly_continuous": lambda numbers: metrics.kelly_continuous(numbers.steps),
    "sqn_100": lambda numbers: metrics.sqn(numbers.pnl, cap=metrics.SQN_CAP),
    "downside_deviation": lambda numbers: metrics.downside_deviation(
        numbers.steps, periods_per_year=numbers.account.return_periods.per_year
    ),
    "gaussian_var_95": lambda numbers: metrics.gaussian_value_at_risk(numbers.steps),
    "gaussian_cvar_95": lambda numbers: metrics.gaussian_conditional_value_at_risk(numbers.steps),
    "cornish_fisher_var_95": lambda numbers: metrics.cornish_fisher_value_at_risk(numbers.steps),
}
_AG_KERNEL: dict[str, Number] = {"avg_trade": _average_trade}

_NUMBERS = {**_OURS, **_AKQUANT, **_PYRUST_BT, **_AG_KERNEL}
METRIC_NAMES = tuple(_NUMBERS)
