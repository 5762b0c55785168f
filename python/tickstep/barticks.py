"""Bars as an engine takes them: of each bar its open, then the stretch from there to its close.

The open is a tick of its own, at the bar's time: what was asked for before the bar trades there. The
rest is one tick over the range from low to high, in the bar's last moment, and its price is the close.
How orders trade within a range is in `tickstep.h`, under RANGES.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from tickstep._kernel import TickColumns
from tickstep.bars import Bars
from tickstep.columns import QTY_END, TimedColumns
from tickstep.errors import ConfigError
from tickstep.ticks import Int64Array

__all__ = ["ROWS_OF_BAR", "BarTicks"]

CONTINUES = 2  # beside the side: the row shares the quantity of the row before

ROWS_OF_BAR = 2


class BarTicks(TimedColumns):
    """Two rows for each bar: its open, and the range from there to its close.

    Parameters
    ----------
    bars : Bars
        Bars cut by time.
    lot : str, optional
        Lot of the engine, where it is another one than that of the volumes: they are then counted in
        whole lots of the engine, rounded down.

    Raises
    ------
    DataError
        When the bars have no interval.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.barticks import BarTicks
    >>> bars = ts.Bars.from_arrays([0], ["5"], ["9"], ["4"], ["8"], [7], interval="1s", lot=1)
    >>> rows = BarTicks(bars)
    >>> rows.time.tolist(), rows.price_ticks.tolist(), rows.columns["low_ticks"].tolist()
    ([0, 999], [5, 8], [5, 4])
    """

    __slots__ = ("_feed",)

    KIND: ClassVar[str] = "bar ticks"
    DTYPES: ClassVar[Mapping[str, type[Any]]] = {
        "time": np.int64,
        "price_ticks": np.int64,
        "low_ticks": np.int64,
        "high_ticks": np.int64,
        "qty_lots": np.int64,
        "side": np.uint8,
    }

    def __init__(self, bars: Bars, lot: str | None = None) -> None:
        volume = _in_lots(bars, bars._lot.step if lot is None else lot)
        opens = bars.open_ticks
        continued = np.full(len(bars), CONTINUES, np.uint8)
        columns: dict[str, npt.NDArray[Any]] = {
            "time": _in_turn(bars.time, bars.end_time - 1),
            "price_ticks": _in_turn(opens, bars.close_ticks),
            "low_ticks": _in_turn(opens, bars.low_ticks),
            "high_ticks": _in_turn(opens, bars.high_ticks),
            "qty_lots": _in_turn(volume, volume),
            "side": _in_turn(np.zeros_like(continued), continued),
        }
        labels = bars._labels() | ({} if lot is None else {"lot": lot})
        self._hold(columns, labels, (ROWS_OF_BAR, ROWS_OF_BAR))

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
        return made

    @property
    def price_ticks(self) -> Int64Array:
        """Open and close in turn, in ticks, read-only."""
        return self._columns["price_ticks"]

    @property
    def qty_lots(self) -> Int64Array:
        """Volume of the bar, in lots, at each of its rows; read-only."""
        return self._columns["qty_lots"]

    def __getitem__(self, rows: slice) -> Self:
        if rows.indices(len(self)) == (0, len(self), 1):
            return self
        labels = self._labels()
        return self.of_rows({name: each[rows] for name, each in self._columns.items()}, **labels)

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


def _in_turn(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[Any]:
    both = np.empty(ROWS_OF_BAR * len(first), first.dtype)
    both[0::ROWS_OF_BAR] = first
    both[1::ROWS_OF_BAR] = second
    return both
