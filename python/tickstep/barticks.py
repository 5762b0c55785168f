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

from tickstep._kernel import BAR_ROWS, BarColumns, TickColumns
from tickstep.bars import MONTH, Bars
from tickstep.columns import QTY_END, TimedColumns
from tickstep.errors import ConfigError, DataError, nearest
from tickstep.intervals import interval_length
from tickstep.ticks import Int64Array, frozen

__all__ = ["BAR_FILLS", "ROWS_OF_BAR", "BarTicks", "check_bar_fill", "in_lots"]

# Rows of each bar by fill rule, and how many of them are past when it is told of.
ROWS_OF_BAR = BAR_ROWS
BAR_FILLS = tuple(ROWS_OF_BAR)


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
        When the bars have no interval, or with "close" when they are shorter than 2 units of time.

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

    __slots__ = ("_checked", "_source", "_woven", "bar_fill")

    KIND: ClassVar[str] = "bar ticks"
    DTYPES: ClassVar[Mapping[str, type[Any]]] = {
        "time": np.int64,
        "price_ticks": np.int64,
        "low_ticks": np.int64,
        "high_ticks": np.int64,
        "qty_lots": np.int64,
        "side": np.uint8,
    }

    # A run reads the bars themselves: their rows are made when somebody asks for them.
    _source: BarColumns | None
    _woven: dict[str, npt.NDArray[Any]] | None
    _checked: TickColumns | None

    def __init__(self, bars: Bars, lot: str | None = None, *, bar_fill: str = BAR_FILLS[0]) -> None:
        check_bar_fill(bar_fill)
        ends = _ends(bars)
        if bar_fill == "close" and len(bars) and isinstance(ends, int) and ends < 2:
            raise DataError(
                f"the bars are {ends} {bars.time_unit} long: they have no moment before their close",
                hint='bar_fill="next_open", or times in a finer unit',
            )
        volume = in_lots(bars, bars._lot.step if lot is None else lot)
        prices = (bars.open_ticks, bars.high_ticks, bars.low_ticks, bars.close_ticks)
        labels = bars._labels() | ({} if lot is None else {"lot": lot})
        self._hold({}, labels, bar_fill)
        self._source = BarColumns(bars.time, *prices, frozen(volume, "volume"), ends, bar_fill)
        self._woven = None

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
        made._hold(columns, labels)
        assert made._feed is not None, "it is made of the rows, and checks them"
        return made

    @property
    def price_ticks(self) -> Int64Array:
        """Opens and the ends of stretches, in ticks, read-only."""
        return self._columns["price_ticks"]

    @property
    def qty_lots(self) -> Int64Array:
        """Volume of the bar, in lots, at each of its rows; read-only."""
        return self._columns["qty_lots"]

    def __len__(self) -> int:
        return len(self._columns["time"]) if self._source is None else len(self._source)

    def __getitem__(self, rows: slice) -> Self:
        if rows.indices(len(self)) == (0, len(self), 1):
            return self
        columns = {name: each[rows] for name, each in self._columns.items()}
        part = self.of_rows(columns, **self._labels())
        part.bar_fill = self.bar_fill
        return part

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._columns, self._labels(), self.bar_fill)

    def __repr__(self) -> str:
        return f"BarTicks({len(self)} rows{self._span()})"

    @property
    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        if self._woven is None:
            assert self._source is not None, "rows are given, or made of bars"
            self._woven = self._source.woven()
        return self._woven

    @_columns.setter
    def _columns(self, columns: dict[str, npt.NDArray[Any]]) -> None:
        self._woven = columns

    @property
    def _feed(self) -> TickColumns:
        """What the kernel reads."""
        if self._checked is None:
            held = self._columns
            self._checked = TickColumns(
                held["time"],
                held["price_ticks"],
                held["qty_lots"],
                held["side"],
                held["low_ticks"],
                held["high_ticks"],
                self.allow_negative_prices,
                has_ranges=True,
            )
        return self._checked

    def _hold(
        self,
        columns: Mapping[str, npt.NDArray[Any]],
        labels: Mapping[str, Any],
        bar_fill: str = BAR_FILLS[0],
    ) -> None:
        self.bar_fill, self._source, self._checked = bar_fill, None, None
        self._take(columns, **{name: each for name, each in labels.items() if name != "interval"})

    def _view(self, rows: slice) -> Self:
        return self[rows]


def _restored(
    columns: Mapping[str, npt.NDArray[Any]], labels: Mapping[str, Any], bar_fill: str
) -> BarTicks:
    made = BarTicks.of_rows(columns, **labels)
    made.bar_fill = bar_fill
    return made


def _ends(bars: Bars) -> int | Int64Array:
    """How long the bars are, or where each ends."""
    if bars.interval is None or bars.interval == MONTH:
        return frozen(bars.end_time, "end_time")
    return interval_length(bars.interval, bars.time_unit)


def in_lots(bars: Bars, lot: str) -> Int64Array:
    """Count volumes in lots of this size, rounded down.

    Raises
    ------
    ConfigError
        When they cannot be, or one of them is beyond what the kernel takes.
    """
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


def check_bar_fill(bar_fill: str) -> None:
    """Check that a fill rule of bars is one.

    Raises
    ------
    ConfigError
        When it is not.
    """
    if bar_fill not in BAR_FILLS:
        raise ConfigError(f"there is no bar_fill {bar_fill!r}", hint=nearest(bar_fill, BAR_FILLS))
