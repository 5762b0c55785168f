"""Which rows a run takes: those from a start to a stop; what lies before the start is known.

No bar is cut. A run starts at the first moment at or after `start` at which no bar is under way, so
that what is known then is complete, and no order trades in a bar of which a part is past.
"""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tickstep.bars import Bars
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length
from tickstep.settings import Data
from tickstep.ticks import Time, to_time

__all__ = ["WHOLE", "Window", "window_of"]


class Window(NamedTuple):
    """From when to when a run goes; None is the beginning and the end of the data."""

    start: int | None
    stop: int | None

    def rows(self, each: Data) -> slice:
        """Rows of one instrument that the run takes.

        Parameters
        ----------
        each : Ticks or Bars
            All there are.

        Returns
        -------
        slice
            Bars that begin at or after the start and are over at the stop.
        """
        first, last = 0, len(each)
        if self.start is not None:
            first = int(np.searchsorted(each.time, self.start, side="left"))
        if self.stop is not None:
            is_bars = isinstance(each, Bars)
            ends = each.end_time if isinstance(each, Bars) else each.time
            side: Any = "right" if is_bars else "left"
            last = int(np.searchsorted(ends, self.stop, side=side))
        return slice(first, max(first, last))

    def part(self, each: Data) -> Data:
        """Take these rows; all of them are the data themselves.

        Parameters
        ----------
        each : Ticks or Bars
            All there are.
        """
        rows = self.rows(each)
        return each if (rows.start, rows.stop) == (0, len(each)) else each[rows]

    def told(self, data: Mapping[str, Data]) -> dict[str, Any] | None:
        """What a record says of it: the times, and digests of the rows that were known before.

        Parameters
        ----------
        data : mapping of str to Ticks or Bars
            All there are.
        """
        if self == WHOLE:
            return None
        known = [each[: self.rows(each).start].data_digest for each in data.values()]
        history = hashlib.sha256("\n".join(known).encode()).hexdigest()
        return {"start": self.start, "stop": self.stop, "history": history}


WHOLE = Window(None, None)


def window_of(
    data: Mapping[str, Data],
    start: Time | None = None,
    stop: Time | None = None,
    warmup: int | str | None = None,
    beside: Mapping[str, Bars] = MappingProxyType({}),
) -> Window:
    """Read the arguments of a run.

    Parameters
    ----------
    data : mapping of str to Ticks or Bars
        What it is over; none of them empty.
    start, stop : int, str, datetime or datetime64, optional
        Integers are in the data's time unit, text is ISO 8601 in UTC, a datetime must know its zone.
    warmup : int or str, optional
        Instead of `start`: so many bars of the first instrument, or a span such as "30d" after the
        first row of all.
    beside : mapping of str to Bars, optional
        Bars that are told of where the data are ticks: warmup counts these.

    Returns
    -------
    Window
        With a start at which no bar is under way.

    Raises
    ------
    ConfigError
        When both start and warmup are given, or one of them is wrong.
    DataError
        When no row is left.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.window import window_of
    >>> one = [1, 1, 1]
    >>> bars = ts.Bars.from_arrays([0, 60_000, 120_000], one, one, one, one, one, interval="1m")
    >>> window_of({"A": bars}, start=60_001), window_of({"A": bars}, warmup=1)
    (Window(start=120000, stop=None), Window(start=60000, stop=None))
    """
    if start is not None and warmup is not None:
        raise ConfigError(
            f"warmup is {warmup!r} beside start {start!r}: both say where the run starts",
            hint="give one of them",
        )
    unit = next(iter(data.values())).time_unit
    first = min(int(each.time[0]) for each in data.values())
    last = max(int(each.time[-1]) for each in data.values())
    told = beside or data
    begin = _after_warmup(told, warmup, first, unit) if warmup is not None else None
    if start is not None:
        begin = to_time(start, unit)
    end = None if stop is None else to_time(stop, unit)
    if begin is not None:
        begin = _between_bars(data, begin)
    found = Window(
        None if begin is None or begin <= first else begin,
        None if end is None or all(_ends_before(each, end) for each in data.values()) else end,
    )
    if not any(found.rows(each).stop > found.rows(each).start for each in data.values()):
        when = f"from {_text(begin, unit)} to {_text(end, unit)}"
        raise DataError(
            f"there are no {'whole bars' if _has_bars(data) else 'ticks'} {when}",
            hint=f"the data go from {_text(first, unit)} to {_text(last, unit)}",
        )
    return found


def _after_warmup(data: Mapping[str, Data], warmup: int | str, first: int, unit: str) -> int:
    if isinstance(warmup, str):
        return first + interval_length(warmup, unit)
    if isinstance(warmup, bool) or not isinstance(warmup, int) or warmup < 0:
        raise ConfigError(
            f"warmup is {warmup!r}: a number of bars, 0 or more, or a span of time",
            hint='warmup=200, or warmup="30d"',
        )
    symbol, leading = next(iter(data.items()))
    if not isinstance(leading, Bars):
        raise ConfigError(
            f"warmup is {warmup} bars, and {symbol} has ticks, which have no bars of their own",
            hint='give a span of time: warmup="1d"',
        )
    if warmup >= len(leading):
        raise DataError(
            f"warmup is {warmup:,} bars, and {symbol} has {len(leading):,}: nothing is left to run",
            hint="give a smaller number",
        )
    return int(leading.time[warmup])


def _between_bars(data: Mapping[str, Data], moment: int) -> int:
    """The first moment at or after this one at which no bar is under way."""
    is_moved = True
    while is_moved:
        is_moved = False
        for each in data.values():
            if isinstance(each, Bars):
                row = int(np.searchsorted(each.time, moment, side="left")) - 1
                end = int(each[row : row + 1].end_time[0]) if row >= 0 else moment
                moment, is_moved = max(moment, end), is_moved or end > moment
    return moment


def _ends_before(each: Data, end: int) -> bool:
    if isinstance(each, Bars):
        return int(each[len(each) - 1 :].end_time[0]) <= end
    return int(each.time[-1]) < end


def _has_bars(data: Mapping[str, Data]) -> bool:
    return any(isinstance(each, Bars) for each in data.values())


def _text(moment: int | None, unit: str) -> str:
    if moment is None:
        return "either end"
    return str(np.array(moment, np.int64).view(f"datetime64[{unit}]")).replace("T", " ")
