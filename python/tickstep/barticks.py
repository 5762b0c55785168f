"""Bars as an engine takes them: of each its open, then stretches from there to its close.

The open is a tick of its own, at the bar's time: what was asked for before the bar trades there. A
stretch is one tick over a range of prices, whose price is the last of them. How orders trade within a
range is in `tickstep.h`, under RANGES. All rows of a bar share its volume. What the stretches are, and
after which the bar is told of, is the fill rule of bars:

"next_open"
    One stretch from low to high in the bar's last moment, whose price is the close; then the bar is
    told of, and what is ordered then trades at the next open.
"close"
    That stretch a moment earlier, then the bar is told of, then a last row at the close: what is
    ordered on a bar trades at its close.
"path"
    Three stretches in the last three moments: from the open to the nearer extreme, from there to the
    other one, from there to the close. Where both are as near, the low comes first in a bar that does
    not fall, else the high. Then the bar is told of, as in "next_open". Stops and limits fill in the
    order of the path; which of two that one stretch reaches comes first, `range_order` says.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from tickstep._kernel import TickColumns
from tickstep.bars import Bars
from tickstep.columns import QTY_END, TimedColumns
from tickstep.errors import ConfigError, DataError, nearest
from tickstep.ticks import Int64Array

__all__ = ["BAR_FILLS", "BarTicks", "check_bar_fill"]

CONTINUES = 2  # beside the side: the row shares the quantity of the row before

BAR_FILLS = ("next_open", "close", "path")
# Rows of each bar, and how many of them are past when it is told of.
ROWS_OF_BAR = dict(zip(BAR_FILLS, ((2, 2), (3, 2), (4, 4)), strict=True))


class BarTicks(TimedColumns):
    """Rows for each bar: its open, and the stretches from there to its close.

    Parameters
    ----------
    bars : Bars
        Bars cut by time.
    lot : str, optional
        Lot of the engine, where it is another one than that of the volumes: they are then counted in
        whole lots of the engine, rounded down.
    bar_fill : {"next_open", "close", "path"}
        The fill rule: see the head of this module.

    Raises
    ------
    ConfigError
        When there is no such rule, or volumes cannot be counted in the lot.
    DataError
        When the bars have no interval, or with "close" when one is shorter than 2 units of time.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.barticks import BarTicks
    >>> bars = ts.Bars.from_arrays([0], ["5"], ["9"], ["4"], ["8"], [7], interval="1s", lot=1)
    >>> rows = BarTicks(bars)
    >>> rows.time.tolist(), rows.price_ticks.tolist(), rows.columns["low_ticks"].tolist()
    ([0, 999], [5, 8], [5, 4])
    >>> rows = BarTicks(bars, bar_fill="path")
    >>> rows.time.tolist(), rows.price_ticks.tolist()
    ([0, 997, 998, 999], [5, 4, 9, 8])
    """

    __slots__ = ("_feed", "bar_fill")

    KIND: ClassVar[str] = "bar ticks"
    DTYPES: ClassVar[Mapping[str, type[Any]]] = {
        "time": np.int64,
        "price_ticks": np.int64,
        "low_ticks": np.int64,
        "high_ticks": np.int64,
        "qty_lots": np.int64,
        "side": np.uint8,
    }

    def __init__(self, bars: Bars, lot: str | None = None, *, bar_fill: str = BAR_FILLS[0]) -> None:
        check_bar_fill(bar_fill)
        self.bar_fill = bar_fill
        rows = ROWS_OF_BAR[bar_fill]
        volume = _in_lots(bars, bars._lot.step if lot is None else lot)
        time, low, high, price = zip(*_stretches(bars, bar_fill), strict=True)
        side = np.full(rows[0] * len(bars), CONTINUES, np.uint8)
        side[:: rows[0]] = 0
        side.flags.writeable = False
        columns: dict[str, npt.NDArray[Any]] = {
            "time": _in_turn(*time),
            "price_ticks": _in_turn(*price),
            "low_ticks": _in_turn(*low),
            "high_ticks": _in_turn(*high),
            "qty_lots": _in_turn(*[volume] * rows[0]),
            "side": side,
        }
        labels = bars._labels() | ({} if lot is None else {"lot": lot})
        self._hold(columns, labels, rows)

    @classmethod
    def of_rows(cls, columns: Mapping[str, npt.NDArray[Any]], **labels: Any) -> Self:
        """Take rows as they are: ranges of any kind, as long as the kernel's rules allow them.

        Parameters
        ----------
        columns : mapping of str to array
            Named and typed as `DTYPES`.
        **labels
            What `Bars` takes beside its columns.

        Returns
        -------
        BarTicks
            The rows, checked.

        Raises
        ------
        DataError
            When a row breaks a rule.
        """
        made = cls.__new__(cls)
        made.bar_fill = BAR_FILLS[0]
        made._hold(columns, labels)
        return made

    @property
    def price_ticks(self) -> Int64Array:
        """Opens and the ends of stretches, in ticks, read-only."""
        return self._columns["price_ticks"]

    @property
    def qty_lots(self) -> Int64Array:
        """Volume of the bar, in lots, at each of its rows; read-only."""
        return self._columns["qty_lots"]

    def __getitem__(self, rows: slice) -> Self:
        if rows.indices(len(self)) == (0, len(self), 1):
            return self
        columns = {name: each[rows] for name, each in self._columns.items()}
        part = self.of_rows(columns, **self._labels())
        part.bar_fill = self.bar_fill
        return part

    def __repr__(self) -> str:
        return f"BarTicks({len(self)} rows{self._span()})"

    def _hold(
        self,
        columns: Mapping[str, npt.NDArray[Any]],
        labels: Mapping[str, Any],
        bar_rows: tuple[int, int] | None = None,
    ) -> None:
        self._take(columns, **{name: each for name, each in labels.items() if name != "interval"})
        held = self._columns
        self._feed = TickColumns(
            held["time"],
            held["price_ticks"],
            held["qty_lots"],
            held["side"],
            held["low_ticks"],
            held["high_ticks"],
            self.allow_negative_prices,
            has_ranges=True,
            bar_rows=bar_rows,
        )


def _in_lots(bars: Bars, lot: str) -> Int64Array:
    """Volumes in lots of this size, rounded down; of a lot that none of them is beyond."""
    size = Fraction(bars._lot.step) / Fraction(lot)
    if size == 1:
        return bars.volume_lots
    if size < 1 and size.numerator == 1:
        return bars.volume_lots // size.denominator
    most = int(bars.volume_lots.max(initial=0))
    if size.denominator == 1 and most * size.numerator < QTY_END:
        return bars.volume_lots * size.numerator
    raise ConfigError(
        f"volumes in lots of {bars._lot.step} cannot be counted in lots of {lot}",
        hint="choose a lot that is a power of ten times theirs",
    )


Stretch = tuple[Int64Array, Int64Array, Int64Array, Int64Array]  # time, low, high, price at its end


def _stretches(bars: Bars, bar_fill: str) -> list[Stretch]:
    """The rows of every bar: its open, and what leads from there to its close."""
    start, end = bars.time, bars.end_time
    opens, closes = bars.open_ticks, bars.close_ticks
    first = (start, opens, opens, opens)
    if bar_fill == "path":
        near, far = _extremes_in_turn(bars)
        ends = [(3, opens, near), (2, near, far), (1, far, closes)]
        return [first, *(_leg(np.maximum(start, end - left), *leg) for left, *leg in ends)]
    whole = (bars.low_ticks, bars.high_ticks, closes)
    if bar_fill == "next_open":
        return [first, (end - 1, *whole)]
    _check_lengths(bars, end)
    return [first, (end - 2, *whole), (end - 1, closes, closes, closes)]


def _leg(time: Int64Array, start: Int64Array, end: Int64Array) -> Stretch:
    return time, np.minimum(start, end), np.maximum(start, end), end


def _extremes_in_turn(bars: Bars) -> tuple[Int64Array, Int64Array]:
    """Of each bar the extreme that is nearer to its open, and the other."""
    down, up = bars.open_ticks - bars.low_ticks, bars.high_ticks - bars.open_ticks
    does_not_fall = bars.close_ticks >= bars.open_ticks
    is_low_first = (down < up) | ((down == up) & does_not_fall)
    lows, highs = bars.low_ticks, bars.high_ticks
    return np.where(is_low_first, lows, highs), np.where(is_low_first, highs, lows)


def _check_lengths(bars: Bars, end: Int64Array) -> None:
    short = np.flatnonzero(end - bars.time < 2)
    if short.size:
        raise DataError(
            f"the bar at row {short[0]} is 1 {bars.time_unit} long: it has no moment before its close",
            hint='bar_fill="next_open", or times in a finer unit',
        )


def _in_turn(*columns: Int64Array) -> Int64Array:
    woven = np.empty(len(columns) * len(columns[0]), np.int64)
    for place, column in enumerate(columns):
        woven[place :: len(columns)] = column
    woven.flags.writeable = False  # nobody else has it: it is not copied to be safe
    return woven


def check_bar_fill(bar_fill: str) -> None:
    """Check that a fill rule of bars is one.

    Raises
    ------
    ConfigError
        When it is not.
    """
    if bar_fill not in BAR_FILLS:
        raise ConfigError(f"there is no bar_fill {bar_fill!r}", hint=nearest(bar_fill, BAR_FILLS))
