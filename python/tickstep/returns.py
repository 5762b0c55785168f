"""Returns of an equity curve: how it is sampled, what was paid in, and how much is a year of it.

A number that depends on the sampling takes P, the periods in a year, as an argument. P is counted:
from the times themselves, from a trading calendar, or from the length of a period where the market
never closes.
"""

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tickstep.errors import ConfigError, DataError
from tickstep.series import Series, checked, checked_pair
from tickstep.ticks import (
    NS_PER_DAY,
    NS_PER_UNIT,
    Float64Array,
    Int64Array,
    Time,
    check_time_unit,
    plain,
    to_time,
)

__all__ = [
    "PeriodReturns",
    "YearOfMonths",
    "annual_growth",
    "cagr",
    "compound",
    "day_ends",
    "elapsed_years",
    "monthly_returns",
    "monthly_table",
    "periods_counted",
    "periods_per_year",
    "returns",
    "risk_free_per_period",
    "sessions_per_year",
    "total_return",
    "yearly_returns",
]

DateArray = npt.NDArray[np.datetime64]

NS_PER_YEAR = 31_557_600 * 10**9  # 365.25 days
DAYS_PER_YEAR = 365.25
DAYS_TO_COUNT = 365  # sessions counted over less would carry the season's holidays


class PeriodReturns(NamedTuple):
    """Returns of months or years, those only that have any.

    `periods` are datetime64 of the month or year, `returns` fractions, `counts` how many of the
    shorter returns each is made of.
    """

    periods: DateArray
    returns: Float64Array
    counts: Int64Array


class YearOfMonths(NamedTuple):
    """A row of the monthly table: twelve returns, None for a month without any, and the year's."""

    year: int
    months: tuple[float | None, ...]
    total: float


class TradingDays(Protocol):
    """What is asked of a calendar: `tickstep.data.calendar.Calendar` is one."""

    time_unit: str

    def expected(self, interval: str, start: Time, stop: Time) -> Int64Array:
        """List the bars of an interval that begin in start <= time < stop."""


# --- From equity to returns. ----------------------------------------------------------------------


def returns(equity: Series, *, flows: Series = None, flows_at: str = "end") -> Float64Array | None:
    """Simple returns between the samples of a curve, without what was paid in or out.

    (E[i] - F[i]) / E[i-1] - 1 for flows at the end of a period, E[i] / (E[i-1] + F[i]) - 1 for flows
    at its start.

    Parameters
    ----------
    equity : array, money in any unit
        Samples in order of time, the starting equity first.
    flows : array, same unit, optional
        Deposits above 0 and withdrawals below 0, one for each return.
    flows_at : {"end", "start"}
        When in its period a flow came: whether it could earn anything in it.

    Returns
    -------
    array of float64, or None
        One less than there are samples; None when a return begins on no capital.

    Raises
    ------
    DataError
        For values that are not finite, or another number of flows than of returns.
    ConfigError
        For another `flows_at`.

    Examples
    --------
    >>> from tickstep.metrics import returns
    >>> returns([100.0, 110.0, 99.0]).round(6).tolist()
    [0.1, -0.1]
    >>> returns([100.0, 160.0], flows=[50.0]).round(6).tolist()  # 50 of them were paid in
    [0.1]
    """
    curve = checked(equity, "equity")
    if flows_at not in ("end", "start"):
        raise ConfigError(f"flows_at is {flows_at!r}", hint='a flow comes at the "end" or "start"')
    base, reached = curve[:-1], curve[1:]
    if flows is not None:
        paid, _ = checked_pair(flows, base, ("flows", "the returns"))
        base, reached = (base, reached - paid) if flows_at == "end" else (base + paid, reached)
    if np.any(base <= 0):
        return None
    return np.asarray(reached / base - 1.0)


def total_return(equity: npt.NDArray[np.number]) -> float | None:
    """Return over the whole curve: (E[last] - E[first]) / E[first].

    Parameters
    ----------
    equity : array
        Points in order of time, the starting equity first.

    Returns
    -------
    float or None
        A fraction: 0.05 is five percent. None for no points, or a start that is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import total_return
    >>> total_return(np.array([100, 103, 105]))
    0.05
    """
    if len(equity) == 0 or equity[0] <= 0:
        return None
    first: float = plain(equity[0])
    last: float = plain(equity[-1])
    return (last - first) / first


def compound(returns: Series) -> float | None:
    """Return of all periods together: product of (1 + r) - 1.

    Parameters
    ----------
    returns : array, fractions
        One for each period, without flows.

    Returns
    -------
    float or None
        A fraction; None for no returns.

    Examples
    --------
    >>> from tickstep.metrics import compound
    >>> round(compound([0.1, -0.1]), 6)
    -0.01
    """
    steps = checked(returns, "returns")
    return float(np.prod(1.0 + steps)) - 1.0 if len(steps) else None


def cagr(returns: Series, *, years: float) -> float | None:
    """Compound annual growth rate: product of (1 + r) ^ (1 / years) - 1.

    Years are elapsed days / 365.25 (`elapsed_years`). Others take returns / P for them: pass that to
    get theirs. A few days stretched to a year say little: show how long the curve was.

    Parameters
    ----------
    returns : array, fractions
        One for each period, without flows.
    years : float
        From the start of the first period to the end of the last.

    Returns
    -------
    float or None
        A fraction per year; None for no returns, no time, or a loss of more than everything.

    Examples
    --------
    >>> from tickstep.metrics import cagr
    >>> round(cagr([0.1, 0.1], years=4), 6)
    0.048809
    """
    return annual_growth(compound(returns), years)


def annual_growth(growth: float | None, years: float) -> float | None:
    """Return per year that compounds to a growth: (1 + growth) ^ (1 / years) - 1.

    Parameters
    ----------
    growth : float or None, a fraction
        Return over the whole time.
    years : float
        That time.

    Returns
    -------
    float or None
        None for no time, an unknown growth, or a loss of more than everything.

    Examples
    --------
    >>> from tickstep.metrics import annual_growth
    >>> round(annual_growth(0.21, 2), 6)
    0.1
    """
    if growth is None or growth < -1 or years <= 0:
        return None
    try:
        return float((1.0 + growth) ** (1.0 / years)) - 1.0
    except OverflowError:  # a gain within seconds, stretched to a year
        return None


# --- How much is a year. --------------------------------------------------------------------------


def elapsed_years(start: int, end: int, time_unit: str) -> float:
    """Time between two moments in years of 365.25 days.

    Parameters
    ----------
    start, end : int, in `time_unit`
        Moments.
    time_unit : {"s", "ms", "us", "ns"}
        Their unit.

    Examples
    --------
    >>> from tickstep.metrics import elapsed_years
    >>> elapsed_years(0, 31_557_600, "s")
    1.0
    """
    return (int(end) - int(start)) * NS_PER_UNIT[check_time_unit(time_unit)] / NS_PER_YEAR


def periods_per_year(length: int, time_unit: str) -> float:
    """How many periods of this length make a year of 365.25 days, nights and weekends included.

    Parameters
    ----------
    length : int, in `time_unit`
        Length of one period.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of `length`.

    Returns
    -------
    float
        Periods in a year.

    Examples
    --------
    >>> from tickstep.metrics import periods_per_year
    >>> periods_per_year(3_600_000, "ms")
    8766.0
    """
    return NS_PER_YEAR / (length * NS_PER_UNIT[check_time_unit(time_unit)])


def periods_counted(times: Int64Array, time_unit: str) -> float | None:
    """How many periods made a year, as they came: (samples - 1) / years from first to last.

    Parameters
    ----------
    times : array of int64
        Times of the samples in order, the start first.
    time_unit : {"s", "ms", "us", "ns"}
        Their unit.

    Returns
    -------
    float or None
        Periods in a year; None for fewer than two samples, or no time between them.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import periods_counted
    >>> weekdays = np.array([0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14]) * 86_400
    >>> round(periods_counted(weekdays, "s"), 2)
    260.89
    """
    if len(times) < 2:
        return None
    years = elapsed_years(times[0], times[-1], time_unit)
    return (len(times) - 1) / years if years > 0 else None


def sessions_per_year(calendar: TradingDays, start: Time, stop: Time) -> float:
    """How many trading days make a year, counted in a calendar.

    Parameters
    ----------
    calendar : Calendar
        As `tickstep.data.calendar.calendar("SSE")`.
    start, stop : int, str, datetime or datetime64
        The days counted, start <= day < stop; integers are in the calendar's `time_unit`. At least
        365 days, because a part of a year carries its own share of holidays.

    Returns
    -------
    float
        Trading days / elapsed days * 365.25.

    Raises
    ------
    ConfigError
        For less than 365 days.
    DataError
        When the calendar does not reach that far.

    Examples
    --------
    >>> from tickstep.data.calendar import calendar
    >>> from tickstep.metrics import sessions_per_year
    >>> round(sessions_per_year(calendar("SSE"), "2020-01-01", "2024-01-01"), 1)
    242.5
    """
    unit = calendar.time_unit
    span = to_time(stop, unit) - to_time(start, unit)
    days = span * NS_PER_UNIT[unit] / NS_PER_DAY
    if days < DAYS_TO_COUNT:
        raise ConfigError(
            f"{days:g} days are too few to count the sessions of a year: it needs {DAYS_TO_COUNT}",
            hint="count over whole years around the data",
        )
    return len(calendar.expected("1d", start, stop)) / days * DAYS_PER_YEAR


def risk_free_per_period(risk_free: float, periods_per_year: float) -> float:
    """Return a rate per year as what compounds to it over P periods: (1 + rate)^(1/P) - 1.

    Parameters
    ----------
    risk_free : float, fraction per year
        Above -1.
    periods_per_year : float
        P, above 0.

    Raises
    ------
    ConfigError
        For values out of these ranges.

    Examples
    --------
    >>> from tickstep.metrics import risk_free_per_period
    >>> round(risk_free_per_period(0.02, 252), 9)
    7.8585e-05
    """
    if not risk_free > -1:
        raise ConfigError(
            f"a rate of {risk_free} a year loses more than everything", hint="0.02 is two percent"
        )
    return math.expm1(math.log1p(risk_free) / checked_periods(periods_per_year))


def checked_periods(periods_per_year: float) -> float:
    """Return P, or raise a `ConfigError` when it is not a number above 0."""
    if not 0 < periods_per_year < math.inf:
        raise ConfigError(
            f"periods_per_year is {periods_per_year}: it must be above 0",
            hint="252 for daily returns of US shares; see periods_counted and sessions_per_year",
        )
    return periods_per_year


# --- Days, months and years. ----------------------------------------------------------------------


def day_ends(times: Int64Array, time_unit: str, *, days: DateArray | None = None) -> Int64Array:
    """Rows at which a day ends: the last sample of each.

    Parameters
    ----------
    times : array of int64
        Times of the samples in order.
    time_unit : {"s", "ms", "us", "ns"}
        Their unit.
    days : array of datetime64, optional
        Day of each sample where it is not the UTC day: `Calendar.trading_days(times)`.

    Returns
    -------
    array of int64
        Rows, ascending.

    Raises
    ------
    DataError
        For another number of days than of times.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import day_ends
    >>> day_ends(np.array([0, 50_000, 86_399, 86_400, 300_000]), "s").tolist()
    [2, 3, 4]
    """
    utc_days = np.asarray(times) // (NS_PER_DAY // NS_PER_UNIT[check_time_unit(time_unit)])
    labels: npt.NDArray[Any] = utc_days if days is None else np.asarray(days)
    if len(labels) != len(times):
        raise DataError(
            f"there are {len(labels)} days for {len(times)} times", hint="give one day for each"
        )
    is_last = np.append(labels[1:] != labels[:-1], len(labels) > 0)
    return np.flatnonzero(is_last[: len(labels)])


def monthly_returns(days: DateArray, returns: Series) -> PeriodReturns:
    """Compound returns month by month: product of (1 + r) - 1 over the returns of each.

    Parameters
    ----------
    days : array of datetime64
        Day on which each return was earned, ascending (not the midnight after it).
    returns : array, fractions
        One for each of them.

    Returns
    -------
    PeriodReturns
        The months that have returns.

    Raises
    ------
    DataError
        For days that are missing or not in order.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import monthly_returns
    >>> days = np.array(["2024-01-30", "2024-01-31", "2024-02-01"], dtype="datetime64[D]")
    >>> found = monthly_returns(days, [0.1, 0.1, -0.5])
    >>> found.periods.astype(str).tolist(), found.returns.round(6).tolist()
    (['2024-01', '2024-02'], [0.21, -0.5])
    """
    return _by_period(days, returns, "M")


def yearly_returns(days: DateArray, returns: Series) -> PeriodReturns:
    """Compound returns year by year; see `monthly_returns`.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import yearly_returns
    >>> days = np.array(["2023-12-29", "2024-01-02"], dtype="datetime64[D]")
    >>> yearly_returns(days, [0.1, -0.5]).returns.round(6).tolist()
    [0.1, -0.5]
    """
    return _by_period(days, returns, "Y")


def monthly_table(days: DateArray, returns: Series) -> list[YearOfMonths]:
    """Lay monthly and yearly returns out by year.

    Parameters
    ----------
    days, returns
        As for `monthly_returns`.

    Returns
    -------
    list of YearOfMonths
        One row for each year that has returns, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import monthly_table
    >>> days = np.array(["2024-02-01", "2024-02-02"], dtype="datetime64[D]")
    >>> row, = monthly_table(days, [0.5, -0.5])
    >>> row.year, row.months[:3], row.total
    (2024, (None, -0.25, None), -0.25)
    """
    monthly, yearly = monthly_returns(days, returns), yearly_returns(days, returns)
    index = monthly.periods.astype(np.int64)
    found = dict(zip(index.tolist(), monthly.returns.tolist(), strict=True))
    rows = []
    for year, total in zip(yearly.periods.astype(np.int64).tolist(), yearly.returns, strict=True):
        months = tuple(found.get(12 * year + month) for month in range(12))
        rows.append(YearOfMonths(1970 + year, months, float(total)))
    return rows


def _by_period(days: DateArray, returns: Series, unit: str) -> PeriodReturns:
    steps = checked(returns, "returns")
    dates = np.asarray(days)
    if dates.dtype.kind != "M" or len(dates) != len(steps) or np.any(dates[1:] < dates[:-1]):
        raise DataError(
            f"days must be {len(steps)} dates in order, was {len(dates)} of {dates.dtype}",
            hint="give the day of each return as datetime64",
        )
    periods = dates.astype(f"datetime64[{unit}]")
    starts = np.flatnonzero(np.append(True, periods[1:] != periods[:-1])[: len(periods)])
    if len(starts) == 0:
        return PeriodReturns(periods, steps, np.zeros(0, dtype=np.int64))
    counts = np.diff(np.append(starts, len(steps)))
    return PeriodReturns(periods[starts], np.multiply.reduceat(1.0 + steps, starts) - 1.0, counts)
