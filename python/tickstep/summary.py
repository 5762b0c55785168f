"""The table of a result: every number of an account by name.

Names and order are those of backtesting.py, then come others; the formulas are ours (`metrics`):

- Equity is that of every row: "Equity Peak" and "Max. Drawdown" miss no tick. Of several instruments
  it counts after all rows of a time. Falls are measured without what was paid in and out. "Avg.
  Drawdown" and the durations are of all falls between the points named by "Drawdown Sampling".
- Ratios are of the returns named by "Sampling": daily, hourly or by the minute, the longest that gives
  30, over periods in which anything traded; P, the periods in a year, is counted. With fewer returns
  nothing is stretched to a year. No return is risk-free. "Ulcer Index" and "Gross Exposure" (the mean
  of the size of all positions over equity) are of the same points.
- "Return (Ann.) [%]" compounds the mean return over P, "CAGR [%]" the whole return over elapsed years.
- Alpha (per year) and beta are against buying and holding all instruments in equal parts.
- Trades are closed round trips, first in first out, net of fees; in percent of their entry value.
  "Avg. Trade [%]" is the geometric mean, "Expectancy [%]" the arithmetic one.
- "Realized P&L" is gross of fees and by average cost, as the kernel books it;
  P&L = realized + unrealized - fees + income.
"""

from collections import Counter
from datetime import timedelta

import numpy as np

from tickstep import metrics
from tickstep.account import RETURNS_MIN, Account
from tickstep.engine import LIQUIDITY_MAKER, REASON_BITS, Reason
from tickstep.orderlives import STATES
from tickstep.returns import annual_growth, compound, elapsed_years
from tickstep.sampling import Periods
from tickstep.stats import Stat
from tickstep.ticks import NS_PER_UNIT, Float64Array, Int64Array

__all__ = ["duration_text", "held_index", "summary"]

REJECTED = STATES.index("REJECTED")


def summary(account: Account) -> dict[str, Stat]:
    """Every number of an account by name, in the order of the table.

    Parameters
    ----------
    account : Account
        Of any number of instruments.

    Returns
    -------
    dict of str to number, text or None
        Money in the account's currency, [%] in percent; None is what cannot be known.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.account import Account
    >>> from tickstep.summary import summary
    >>> ticks = ts.Ticks.from_arrays([1, 2], [50.0, 51.0], [1.0] * 2, [0] * 2, tick_size=1, lot=1)
    >>> engine = ts.Engine(ts.EngineConfig(tick_size=1, lot=1))
    >>> found = summary(Account(engine.config, {"ASSET": ticks}, engine.events))
    >>> found["Equity Final"], found["# Trades"], found["Sharpe Ratio"]
    (100000.0, 0, None)
    """
    return {
        **_span(account),
        **_equity(account),
        **_ratios(account),
        **_falls(account),
        **_trades(account),
        **_money(account),
        **_orders(account),
        **_risks(account),
    }


def held_index(account: Account, times: Int64Array) -> Float64Array | None:
    """What one unit of money becomes, held in equal parts of all instruments from their first price on.

    Parameters
    ----------
    account : Account
        Whose data.
    times : array of int64
        Ascending.

    Returns
    -------
    array of float64, or None
        At each time, after every row before it; None where a first price is not above 0.
    """
    held = [each for each in account.rows if len(each)]
    if any(int(each.price_ticks[0]) <= 0 for each in held):
        return None
    level, steps = np.zeros(len(times)), np.zeros(len(times) + 1)
    for each in held:
        first = float(each.price_ticks[0])
        if len(each) < len(times):
            gains = np.append(0.0, np.diff(each.price_ticks) / first)
            np.add.at(steps, np.searchsorted(times, each.time, side="right"), gains)
        else:
            rows = np.maximum(np.searchsorted(each.time, times, side="left") - 1, 0)
            level += each.price_ticks[rows] / first - 1.0
    return np.asarray(1.0 + (level + np.cumsum(steps[:-1])) / len(held))


def duration_text(span: float, time_unit: str) -> str:
    """Write a length of time down: "1:02:03", "3 days, 0:00:00", "1.500 s".

    Examples
    --------
    >>> from tickstep.summary import duration_text
    >>> duration_text(90_000, "ms"), duration_text(1_500, "ms")
    ('0:01:30', '1.500 s')
    """
    seconds, rest_ns = divmod(int(span * NS_PER_UNIT[time_unit]), 10**9)
    if seconds < 60:
        return f"{seconds}.{rest_ns // 10**6:03} s"
    return str(timedelta(seconds=seconds))


# --- The groups of the table. ---------------------------------------------------------------------


def _span(account: Account) -> dict[str, Stat]:
    first, last = account.span.view(f"datetime64[{account.scales.time_unit}]").astype(str).tolist()
    length = int(account.span[1] - account.span[0])
    return {
        "Start": f"{first.replace('T', ' ')} UTC",
        "End": f"{last.replace('T', ' ')} UTC",
        "Duration": duration_text(length, account.scales.time_unit),
        "Exposure Time [%]": _percent(_exposure(account)),
    }


def _exposure(account: Account) -> float | None:
    times, held = account.held_time
    first, last = account.span.tolist()
    return metrics.exposure_time(times, held, start=first, end=last)


def _equity(account: Account) -> dict[str, Stat]:
    money = account.scales.money
    return {
        "Equity Final": money.value(account.final_units),
        "Equity Peak": money.value(account.peak_units),
        "Return [%]": _percent(_growth(account)),
        "Buy & Hold Return [%]": _percent(_held_return(account)),
    }


def _growth(account: Account) -> float | None:
    start = account.scales.cash_units
    if len(account.flows):
        return compound(account.returns)
    return metrics.total_return(np.array([start, start + account.earned_units], dtype=object))


def _held_return(account: Account) -> float | None:
    index = held_index(account, account.span[1:] + 1)
    return None if index is None else float(index[0]) - 1.0


def _ratios(account: Account) -> dict[str, Stat]:
    periods, steps = account.return_periods, account.returns if account.has_returns else None
    per_year, deepest = periods.per_year, account.scan.deepest
    first, last = account.span.tolist()
    years = elapsed_years(first, last, account.scales.time_unit)
    annual = annual_growth(_growth(account), years) if account.has_returns else None
    count = 0 if steps is None else len(steps)
    growth = annual_growth(compound(steps), count / per_year)
    return {
        "Return (Ann.) [%]": _percent(growth),
        "Volatility (Ann.) [%]": _percent(metrics.volatility(steps, periods_per_year=per_year)),
        "CAGR [%]": _percent(annual),
        "Sharpe Ratio": metrics.sharpe(steps, periods_per_year=per_year),
        "Sortino Ratio": metrics.sortino(steps, periods_per_year=per_year),
        "Calmar Ratio": metrics.calmar(annual, None if deepest is None else deepest.ratio),
        **_beside_the_market(account, periods, steps),
    }


def _beside_the_market(
    account: Account, periods: Periods, steps: Float64Array | None
) -> dict[str, Stat]:
    index = None if steps is None else held_index(account, periods.times)
    held = None if index is None else metrics.returns(index)
    if steps is None or held is None:
        return {"Alpha [%]": None, "Beta": None}
    alpha = metrics.alpha(steps, held, periods_per_year=periods.per_year)
    return {"Alpha [%]": _percent(alpha), "Beta": metrics.beta(steps, held)}


def _falls(account: Account) -> dict[str, Stat]:
    deepest, unit = account.scan.deepest, account.scales.time_unit
    falls, times, _ = account.falls
    durations = falls.duration(times)
    is_any = len(falls) > 0
    return {
        "Max. Drawdown [%]": _percent(None if deepest is None else deepest.ratio),
        "Avg. Drawdown [%]": _percent(float(falls.depth.mean())) if is_any else None,
        "Max. Drawdown Duration": duration_text(int(durations.max()), unit) if is_any else None,
        "Avg. Drawdown Duration": duration_text(float(durations.mean()), unit) if is_any else None,
    }


def _trades(account: Account) -> dict[str, Stat]:
    closed, unit = account.trips.closed(), account.scales.time_unit
    pnl = account.scales.amounts(closed.net_units)
    returns = closed.returns[~np.isnan(closed.returns)]
    is_any, has_returns = len(closed) > 0, len(returns) > 0
    held = closed.holding_time
    return {
        "# Trades": len(closed),
        "Win Rate [%]": _percent(metrics.win_rate(pnl)),
        "Best Trade [%]": _percent(float(returns.max())) if has_returns else None,
        "Worst Trade [%]": _percent(float(returns.min())) if has_returns else None,
        "Avg. Trade [%]": _percent(_geometric_mean(returns)),
        "Max. Trade Duration": duration_text(int(held.max()), unit) if is_any else None,
        "Avg. Trade Duration": duration_text(float(held.mean()), unit) if is_any else None,
        "Profit Factor": metrics.profit_factor(pnl),
        "Expectancy [%]": _percent(float(returns.mean())) if has_returns else None,
        "SQN": metrics.sqn(pnl),
        "Kelly Criterion": metrics.kelly(pnl),
        "Open Trades": len(account.trips.opened()),
        "Expectancy": metrics.expectancy(pnl),
        "Payoff Ratio": metrics.payoff(pnl),
        "Max. Wins in a Row": metrics.streaks(pnl).wins if is_any else None,
        "Max. Losses in a Row": metrics.streaks(pnl).losses if is_any else None,
    }


def _money(account: Account) -> dict[str, Stat]:
    money, fills = account.scales.money, account.fills
    realized = int(fills["realized_units"].sum())
    fees = int(fills["fee_units"].sum())
    income, flows = (int(each["realized_units"].sum()) for each in (account.income, account.flows))
    found: dict[str, Stat] = {
        "Equity Start": money.value(account.scales.cash_units),
        "P&L": money.value(account.earned_units),
        "Realized P&L": money.value(realized),
        "Unrealized P&L": money.value(account.earned_units - realized + fees - income),
        "Fees": money.value(fees),
    }
    if len(account.income):
        found["Income"] = money.value(income)
    if len(account.flows):
        found["Paid In"] = money.value(flows)
    return found


def _orders(account: Account) -> dict[str, Stat]:
    lives, fills = account.lives, account.fills
    is_refused = lives.state == REJECTED
    is_maker = (fills["reason"] & REASON_BITS) == LIQUIDITY_MAKER
    found: dict[str, Stat] = {
        "Orders": int(np.count_nonzero(~is_refused)),
        "Refused": int(np.count_nonzero(is_refused)),
        "Fills": len(fills),
        "Maker Fills": int(np.count_nonzero(is_maker)),
        **_held(account),
    }
    if found["Refused"]:
        ((reason, _),) = Counter(lives.reason[is_refused].tolist()).most_common(1)
        found["Refused Mostly"] = f"{Reason(reason).name}: {Reason(reason).message}"
    return found


def _held(account: Account) -> dict[str, Stat]:
    held = account.positions_at_end()
    if len(account.rows) > 1:
        return {"Instruments": len(account.rows), "Instruments Held": len(held)}
    (scale,) = account.scales.instruments
    return {"Position": scale.lot.value(held.get(scale.symbol, 0))}


def _risks(account: Account) -> dict[str, Stat]:
    periods, money = account.return_periods, account.scales.money
    steps = account.returns if account.has_returns else None
    deepest = account.scan.deepest
    falls, _, points = account.falls
    ongoing = falls.worst_open()
    gross = account.scales.amounts(account.path.gross_at(periods.times))
    return {
        "Max. Drawdown": None if deepest is None else money.value(int(deepest.amount)),
        "Open Drawdown [%]": 0.0 if ongoing is None else _percent(ongoing.ratio),
        "Drawdown Sampling": points,
        "Ulcer Index": metrics.ulcer_index(account.sampled_earned),
        "Value at Risk 5 % [%]": _percent(metrics.value_at_risk(steps)),
        "Expected Shortfall 5 % [%]": _percent(metrics.conditional_value_at_risk(steps)),
        "Skewness": metrics.skewness(steps),
        "Kurtosis": metrics.kurtosis(steps),
        "Omega Ratio": metrics.omega(steps),
        "Tail Ratio": metrics.tail_ratio(steps),
        "Gross Exposure": metrics.gross_exposure(gross, account.sampled_equity),
        "Sampling": _sampling(account),
        **_rows(account),
    }


def _sampling(account: Account) -> str:
    periods = account.return_periods
    if not account.has_returns:
        return f"none: {periods.total} returns of {periods.interval} are fewer than {RETURNS_MIN}"
    if account.returns is None:
        return "none: equity fell to 0 or below, or began there"
    return periods.told()


def _rows(account: Account) -> dict[str, Stat]:
    counts = {"Bars": account.bar_count, "Ticks": account.tick_count}
    return {name: count for name, count in counts.items() if count}


def _geometric_mean(returns: Float64Array) -> float | None:
    if len(returns) == 0 or np.any(returns <= -1):
        return None
    return float(np.expm1(np.log1p(returns).mean()))


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
