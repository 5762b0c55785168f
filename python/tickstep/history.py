"""Bars a strategy may look back on: those that are over, and none beyond.

In a backtest the bars of the whole run are known beforehand, so a series is kept once and shown up to
now; so are lines reckoned over it. Whoever tells of a bar counts it, and the count is all that moves.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tickstep._kernel import Bar, Counter, Line, Times
from tickstep.bars import Bars
from tickstep.errors import ConfigError
from tickstep.ticks import Float64Array, Int64Array

__all__ = ["BarSeries", "restored_line"]

# Each new function is a new line over all bars: more of them is a function made anew at every bar.
LINES_MAX = 1000


class BarSeries:
    """Complete bars of one instrument and interval, the newest last.

    Parameters
    ----------
    bars : Bars
        All there will ever be.
    interval : str
        What they are called.

    Examples
    --------
    >>> import tickstep as ts
    >>> class Look(ts.Strategy):
    ...     def on_bar(self, bar):
    ...         bars = self.history()
    ...         print(len(bars), bars.close.tolist(), bars.sma(2).value)
    >>> data = ts.Bars.from_arrays([0, 1000], [1, 2], [1, 2], [1, 2], [1, 2], [5, 5], interval="1s")
    >>> _ = ts.backtest(Look, data)
    1 [1.0] nan
    2 [1.0, 2.0] 1.5
    """

    __slots__ = ("_bars", "_columns", "_counter", "_lines", "_times", "interval")

    def __init__(self, bars: Bars, interval: str) -> None:
        self._bars = bars
        self.interval = interval
        self._counter = Counter()
        self._times: Times | None = None
        self._columns: dict[str, Line] = {}
        self._lines: dict[tuple[Any, ...], Line] = {}

    # What leads beyond now is the driver's alone: `_bars`, `_counter`, `_know`, `_tell`.

    def _know(self, time: int) -> None:
        """Count the bars that are over at a time, none of which was told of.

        Parameters
        ----------
        time : int, in the data's unit
            Now.
        """
        if len(self._bars) and int(self._bars.time[0]) < time:
            self._counter.set(int(np.searchsorted(self._bars.end_time, time, side="right")))

    # A copy shares bars and values, and counts by itself. Lines found by functions are reckoned anew.
    def __getstate__(self) -> tuple[Bars, str, Counter, dict[tuple[Any, ...], Line]]:
        lines = {key: line for key, line in self._lines.items() if not any(map(callable, key))}
        return self._bars, self.interval, self._counter, lines

    def __setstate__(self, state: tuple[Bars, str, Counter, dict[tuple[Any, ...], Line]]) -> None:
        self._bars, self.interval, self._counter, self._lines = state
        self._times, self._columns = None, {}

    def __len__(self) -> int:
        return self._counter.rows

    @property
    def time(self) -> Int64Array:
        """Starts of the bars up to now, in the data's time unit, read-only."""
        if self._times is None:
            self._times = Times(self._bars.time, self._counter)
        return self._times.known()

    @property
    def open(self) -> Float64Array:
        """Opens up to now, in money, read-only."""
        return self._known("open")

    @property
    def high(self) -> Float64Array:
        """Highs up to now, in money, read-only."""
        return self._known("high")

    @property
    def low(self) -> Float64Array:
        """Lows up to now, in money, read-only."""
        return self._known("low")

    @property
    def close(self) -> Float64Array:
        """Closes up to now, in money, read-only."""
        return self._known("close")

    @property
    def volume(self) -> Float64Array:
        """Volumes up to now, in units of the instrument, read-only."""
        return self._known("volume")

    def sma(self, length: int) -> Line:
        """Mean of the last closes, from exact sums of their ticks.

        Parameters
        ----------
        length : int
            How many closes, at least 1.

        Returns
        -------
        Line
            NaN until there are so many.
        """
        return self.line(("sma", length), lambda bars: _means(bars, length))

    def line(self, key: tuple[Any, ...], reckon: Callable[[Bars], Float64Array]) -> Line:
        """Keep a series reckoned over all bars and show it up to now.

        Parameters
        ----------
        key : tuple
            What tells this series from others; it is reckoned once.
        reckon : callable
            From all bars to one float for each. Row i must follow from bars 0 to i alone: what looks
            ahead here is not caught, but by `tickstep lookahead`.

        Returns
        -------
        Line
            `line.value` and `line[-1]` are the newest; lines compare with lines and numbers.

        Raises
        ------
        ConfigError
            When there is not one value for each bar.
        """
        found = self._lines.get(key)
        if found is not None:
            return found
        if len(self._lines) == LINES_MAX:
            raise ConfigError(
                f"{LINES_MAX:,} lines are reckoned already, each over all bars",
                hint="make lines in on_start and keep them: self.fast = self.line(...)",
            )
        if not callable(reckon):
            raise ConfigError(
                f"{reckon!r} cannot be called",
                hint="self.line(lambda bars: numpy.diff(bars.close))",
            )
        given = reckon(self._bars)
        try:
            values = np.array(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise ConfigError(
                f"the line {key} is of {type(given).__name__}, and has values that are no floats",
                hint="give one float for each bar, NaN where there is none",
            ) from None
        if values.shape != (len(self._bars),):
            raise ConfigError(
                f"the line {key} has the shape {values.shape}, there are {len(self._bars)} bars",
                hint="give one value for each bar, NaN where there is none",
            )
        values.flags.writeable = False
        return self._lines.setdefault(key, Line(values, self._counter))

    def _tell(self, start: int, symbol: str, stop: int) -> Bar | None:
        """Count the next bar if it starts at this time, and give it; None without one."""
        bars, row = self._bars, self._counter.rows
        if row == len(bars) or int(bars.time[row]) != start:
            return None
        self._counter.set(row + 1)
        count = bars.trade_count
        return Bar(
            symbol,
            self.interval,
            start,
            stop,
            int(bars.open_ticks[row]),
            int(bars.high_ticks[row]),
            int(bars.low_ticks[row]),
            int(bars.close_ticks[row]),
            int(bars.volume_lots[row]),
            tick_size=bars._tick,
            lot=bars._lot,
            trades=None if count is None else int(count[row]),
        )

    def _known(self, name: str) -> Float64Array:
        column = self._columns.get(name)
        if column is None:
            values = getattr(self._bars, name)
            values.flags.writeable = False
            column = self._columns.setdefault(name, Line(values, self._counter))
        # Not a slice: what that is a view of holds the future.
        return column.__array__()

    def __repr__(self) -> str:
        return f"BarSeries({self._bars.symbol}, {self.interval}, {len(self)} bars)"


def _means(bars: Bars, length: int) -> Float64Array:
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise ConfigError(f"a length of {length!r} is not a whole number above 0", hint="sma(20)")
    sums = np.concatenate([[0], np.cumsum(bars.close_ticks)])
    means = np.full(len(bars), np.nan)
    if length <= len(bars):
        means[length - 1 :] = (sums[length:] - sums[:-length]) / length * bars.tick_size
    return means


def restored_line(values: Float64Array, counter: Counter) -> Line:
    """Make a line of what a copy of one holds; arrays that were read back can be written to."""
    values.flags.writeable = False
    return Line(values, counter)
