"""Grids in time over which a run is looked at, and how many of their periods are a year.

A period counts when any instrument had a row in it: nights, weekends and holidays are no returns of 0.
P, the periods in a year, is what was counted over the time from the first to the last. Where no weekend
traded, less than a year is rounded up to whole weeks, because five days in a row are not a year of 365.
"""

from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from tickstep.equity import Rows
from tickstep.errors import ConfigError
from tickstep.intervals import interval_length
from tickstep.ticks import NS_PER_DAY, NS_PER_UNIT, Int64Array

__all__ = ["INTERVALS", "Periods", "Sampling", "finest_interval"]

INTERVALS = (
    "1ms", "10ms", "100ms", "1s", "5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h", "4h", "1d", "7d",
)  # fmt: skip
POINTS_MAX = 50_000_000
NS_PER_YEAR = 31_557_600 * 10**9
DAYS_OF_WEEK = 7
SATURDAY = 5  # Monday is 0
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


class Sampling(NamedTuple):
    """A grid in time; the sample of a point is taken after every row before it."""

    interval: str
    length: int
    times: Int64Array

    @classmethod
    def of(cls, interval: str, time: Int64Array, time_unit: str) -> Self:
        """Lay the grid over rows: from the point at or before the first to beyond the last.

        Parameters
        ----------
        interval : str
            Distance of the points, which are multiples of it since 1970-01-01 UTC.
        time : array of int64
            Times of the rows, at least one; only the first and the last are looked at.
        time_unit : {"s", "ms", "us", "ns"}
            Their unit.

        Returns
        -------
        Sampling
            The first sample is the start, the last the end of the run.

        Raises
        ------
        ConfigError
            For an interval that is none, or so short that the grid would not fit into memory.

        Examples
        --------
        >>> import numpy as np
        >>> from tickstep.sampling import Sampling
        >>> Sampling.of("1s", np.array([1200, 1300, 3000]), "ms").times.tolist()
        [1000, 2000, 3000, 4000]
        """
        length = interval_length(interval, time_unit)
        first, last = int(time[0]) // length, int(time[-1]) // length + 1
        if last - first >= POINTS_MAX:
            raise ConfigError(
                f"the interval {interval} has {last - first:,} periods from the first row to the last, "
                f"{POINTS_MAX:,} are possible",
                hint="choose a longer one",
            )
        return cls(interval, length, np.arange(first, last + 1, dtype=np.int64) * length)

    def active(self, data: Iterable[Rows]) -> npt.NDArray[np.bool_]:
        """Whether any instrument has a row in each period, from one point to the next."""
        found = np.zeros(len(self.times) - 1, dtype=bool)
        for rows in data:
            if len(rows.time) < len(self.times):
                found[rows.time // self.length - self.times[0] // self.length] = True
            else:
                found |= np.diff(np.searchsorted(rows.time, self.times)) > 0
        return found


class Periods(NamedTuple):
    """The periods of a grid in which anything traded.

    Parameters
    ----------
    interval : str
        Their length.
    starts, ends : array of int64
        Where each begins and ends.
    times : array of int64
        The first start, then all ends: where equity is sampled for their returns.
    per_year : float
        P, counted.
    """

    interval: str
    starts: Int64Array
    ends: Int64Array
    times: Int64Array
    per_year: float

    @classmethod
    def of(cls, sampling: Sampling, data: Iterable[Rows], time_unit: str) -> Self:
        """Find those of a grid.

        Parameters
        ----------
        sampling : Sampling
            The grid.
        data : iterable of Rows
            All instruments, at least one row among them.
        time_unit : {"s", "ms", "us", "ns"}
            Of their times.

        Examples
        --------
        >>> import tickstep as ts
        >>> from tickstep.sampling import Periods, Sampling
        >>> ticks = ts.Ticks.from_arrays([5, 25, 26], [9, 9, 9], [1] * 3, [0] * 3, tick_size=1, lot=1)
        >>> found = Periods.of(Sampling.of("10ms", ticks.time, "ms"), [ticks], "ms")
        >>> found.times.tolist(), found.total
        ([0, 10, 30], 2)
        """
        starts = sampling.times[:-1][sampling.active(data)]
        ends = starts + sampling.length
        years = _span_ns(starts, ends, time_unit) / NS_PER_YEAR
        times = np.append(starts[:1], ends)
        return cls(sampling.interval, starts, ends, times, len(starts) / years)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.starts)

    def told(self) -> str:
        """Interval, number and P, in words."""
        return f"{self.interval}, {self.total:,} returns, {self.per_year:,.6g} a year"


def finest_interval(span: int, points_max: int, time_unit: str) -> str:
    """Interval of the finest grid that lays no more than so many points over a span.

    Parameters
    ----------
    span : int, in `time_unit`
        From the first to the last row.
    points_max : int
        How many points.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the span.

    Examples
    --------
    >>> from tickstep.sampling import finest_interval
    >>> finest_interval(3_600_000, 100, "ms")
    '1m'
    """
    span_ns = span * NS_PER_UNIT[time_unit]
    for interval in INTERVALS:
        length_ns = interval_length(interval, "ns")
        is_whole = length_ns % NS_PER_UNIT[time_unit] == 0
        if is_whole and span_ns // length_ns + 2 < points_max:
            return interval
    return INTERVALS[-1]


def _span_ns(starts: Int64Array, ends: Int64Array, time_unit: str) -> int:
    """Time of the periods; in whole weeks when it is some of one year and no weekend traded."""
    per_unit = NS_PER_UNIT[time_unit]
    span = (int(ends[-1]) - int(starts[0])) * per_unit
    week = DAYS_OF_WEEK * NS_PER_DAY
    weekdays = (starts // (NS_PER_DAY // per_unit) + EPOCH_WEEKDAY) % DAYS_OF_WEEK
    is_long = (int(ends[-1]) - int(starts[0])) * per_unit > (DAYS_OF_WEEK - 1) * NS_PER_DAY
    if span < NS_PER_YEAR and is_long and not np.any(weekdays >= SATURDAY):
        return -(-span // week) * week
    return span
