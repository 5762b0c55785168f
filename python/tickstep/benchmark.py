"""A run beside a benchmark: the same periods, row for row.

The benchmark is sampled where the run is: at each point its last value before it, so a bar counts from
its end on. Periods before its first value or after its last are left out.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep import metrics
from tickstep.account import Account, Data
from tickstep.bars import Bars
from tickstep.book import Book
from tickstep.errors import DataError
from tickstep.stats import Stat, Stats
from tickstep.ticks import NS_PER_UNIT, Float64Array, Int64Array, time_column

__all__ = ["Benchmark", "beside", "values_of"]


class Benchmark(NamedTuple):
    """Values of what a run is compared with.

    Parameters
    ----------
    time : array of int64
        When each value is known, ascending.
    values : array of float64
        Prices, or an index; above 0.
    """

    time: Int64Array
    values: Float64Array


def values_of(benchmark: Any, time_unit: str) -> Benchmark:
    """Take a benchmark as it comes.

    Parameters
    ----------
    benchmark : Bars, Ticks, or (times, values)
        Closes count from the end of their bar. Times are when each value is known (of a daily close the
        end of its day), as integers in `time_unit`, text or datetimes.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the answer.

    Returns
    -------
    Benchmark
        Times and values.

    Raises
    ------
    DataError
        For something else, times that are not in order, or values that are not above 0.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.benchmark import values_of
    >>> bars = ts.Bars.from_arrays([0], [5.0], [6.0], [5.0], [6.0], [1], interval="1s", tick_size=1)
    >>> values_of(bars, "ms").time.tolist(), values_of(([1, 2], [5, 6]), "ms").values.tolist()
    ([1000], [5.0, 6.0])
    """
    if isinstance(benchmark, Bars):
        unit, times, values = benchmark.time_unit, benchmark.end_time, benchmark.close
    elif hasattr(benchmark, "price_ticks") and not isinstance(benchmark, Book):
        ticks: Data = benchmark
        unit, times = benchmark.time_unit, ticks.time + 1
        values = np.asarray(ticks.price_ticks * float(benchmark.tick_size), np.float64)
    elif isinstance(benchmark, tuple) and len(benchmark) == 2:
        unit, times = time_unit, time_column(benchmark[0], time_unit)
        values = np.asarray(benchmark[1], dtype=np.float64)
    else:
        raise DataError(
            f"a benchmark cannot be {type(benchmark).__name__}",
            hint="give Bars, Ticks, or a pair of times and values",
        )
    return _checked(_in_unit(times, unit, time_unit), values)


def beside(account: Account, benchmark: Benchmark) -> Stats:
    """Numbers of a run beside a benchmark.

    Parameters
    ----------
    account : Account
        Of the run.
    benchmark : Benchmark
        What it is compared with.

    Returns
    -------
    Stats
        Both returns over the periods in common, beta, alpha (per year), correlation, tracking error,
        information ratio, capture ratios; None is what cannot be known.

    Raises
    ------
    DataError
        When they have no period in common.
    """
    periods, ours = account.return_periods, account.returns
    last = np.searchsorted(benchmark.time, periods.times, side="right") - 1
    # The first sample begins the first period; each period needs a value at both ends.
    is_known = (last[:-1] >= 0) & (periods.starts <= benchmark.time[-1])
    rows = np.flatnonzero(is_known)
    if ours is None or len(rows) == 0:
        raise DataError(
            "the run and the benchmark have no period in common",
            hint=f"the run's periods are of {periods.interval}; see which days the benchmark has",
        )
    values = benchmark.values[last[[*rows, rows[-1] + 1]]]
    steps, theirs = ours[rows], values[1:] / values[:-1] - 1.0
    per_year = periods.per_year
    is_enough = account.has_returns and len(rows) > 1
    annual: dict[str, Stat] = {
        "Alpha [%]": metrics.alpha(steps, theirs, periods_per_year=per_year),
        "Tracking Error [%]": metrics.tracking_error(steps, theirs, periods_per_year=per_year),
        "Information Ratio": metrics.information_ratio(steps, theirs, periods_per_year=per_year),
    }
    shares: dict[str, float | None] = {
        "Return [%]": metrics.compound(steps),
        "Benchmark Return [%]": metrics.compound(theirs),
        "Up Capture [%]": metrics.up_capture(steps, theirs),
        "Down Capture [%]": metrics.down_capture(steps, theirs),
    }
    numbers: dict[str, Stat] = {
        **{name: None if each is None else 100 * each for name, each in shares.items()},
        "Beta": metrics.beta(steps, theirs),
        "R²": metrics.r_squared(steps, theirs),
        **{name: _annual(name, each) if is_enough else None for name, each in annual.items()},
        "Sampling": f"{periods.interval}, {len(rows):,} returns, {per_year:,.6g} a year",
    }
    return Stats("Beside the benchmark", numbers)


def _annual(name: str, value: Stat) -> Stat:
    return 100 * value if isinstance(value, float) and name.endswith("[%]") else value


def _checked(times: Int64Array, values: npt.NDArray[Any]) -> Benchmark:
    if len(times) != len(values) or len(times) == 0:
        raise DataError(
            f"the benchmark has {len(times)} times and {len(values)} values",
            hint="give one value for each time, and at least one",
        )
    if np.any(np.diff(times) < 0):
        row = int(np.argmax(np.diff(times) < 0)) + 1
        raise DataError(
            f"the benchmark's time at row {row} is before the one above", hint="sort it"
        )
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise DataError(
            f"the benchmark at row {bad[0]} is {values[bad[0]]}: it has no return",
            hint="its values must be above 0",
        )
    return Benchmark(times, np.asarray(values, dtype=np.float64))


def _in_unit(times: Int64Array, unit: str, wanted: str) -> Int64Array:
    """Times in another unit, rounded up: nothing is known before its time."""
    given, target = NS_PER_UNIT[unit], NS_PER_UNIT[wanted]
    if given >= target:
        return times * (given // target)
    return -(-times // (target // given))
