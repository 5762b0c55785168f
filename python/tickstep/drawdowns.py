"""Falls of a curve under its own highest point: how deep, how long, and where.

Every function sees all points, so a fall inside a day counts. Curves of integers stay integers:
peaks and troughs are exact. A curve may come in pieces, so that no whole one is ever held. Depth is a
fraction of the peak; where no peak is above 0 there is no such fraction, and no fall.
"""

import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.series import Series, checked
from tickstep.ticks import Float64Array, Int64Array, plain

__all__ = [
    "Drawdown",
    "DrawdownScan",
    "DrawdownSegments",
    "SegmentScan",
    "depths",
    "drawdown_segments",
    "max_drawdown",
    "ulcer_index",
]

Curve = npt.NDArray[Any]  # integers or floats


class Drawdown(NamedTuple):
    """A fall of the curve from its highest point so far.

    Parameters
    ----------
    peak, trough : int or float, unit of the curve
        Where the fall began, and the lowest point after it.

    Examples
    --------
    >>> from tickstep.metrics import Drawdown
    >>> fall = Drawdown(peak=200, trough=150)
    >>> fall.amount, fall.ratio
    (-50, -0.25)
    """

    peak: float
    trough: float

    @property
    def amount(self) -> float:
        """Size of the fall in the unit of the curve, 0 or below."""
        return self.trough - self.peak

    @property
    def ratio(self) -> float:
        """Size of the fall as a fraction of the peak, 0 or below."""
        return (self.trough - self.peak) / self.peak


class DrawdownScan:
    """Deepest relative fall of a curve that comes in pieces, so that no whole curve is ever held.

    Parameters
    ----------
    start : int or float
        Value before the first piece; it is the first peak.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import DrawdownScan
    >>> scan = DrawdownScan(100)
    >>> scan.push(np.array([110, 99]))
    >>> scan.push(np.array([88, 120]))
    >>> scan.deepest, scan.peak
    (Drawdown(peak=110, trough=88), 120)
    """

    def __init__(self, start: float) -> None:
        self.peak = start
        self._depth = 0.0
        self._deepest: Drawdown | None = None

    @property
    def deepest(self) -> Drawdown | None:
        """The deepest fall so far; None while the curve was never above 0."""
        if self._deepest is None and self.peak > 0:
            return Drawdown(self.peak, self.peak)
        return self._deepest

    def push(self, piece: Curve) -> None:
        """Go on with the next points of the curve.

        Parameters
        ----------
        piece : array
            Points in order of time.
        """
        if len(piece) == 0:
            return
        found, peaks = _depths(piece, self.peak)
        self.peak = plain(peaks[-1])
        lowest = int(np.argmax(found))
        if found[lowest] > self._depth:
            self._depth = float(found[lowest])
            self._deepest = Drawdown(plain(peaks[lowest]), plain(piece[lowest]))


@dataclass(frozen=True, eq=False)
class DrawdownSegments:
    """Every fall of a curve, in order: rows of it, and values in its unit.

    Parameters
    ----------
    peak : array of int64
        Row of the last point at the highest value so far.
    start : array of int64
        Row of the first point below it: the one after the peak.
    trough : array of int64
        Row of the lowest point, the first of equal ones.
    end : array of int64
        Row of the first point back at the peak's value; the last row of the curve while it is open.
    is_open : array of bool
        Whether the curve ended below the peak: at most the last one.
    peak_value, trough_value : array
        Values there.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import drawdown_segments
    >>> falls = drawdown_segments(np.array([100, 90, 95, 101, 99, 80]))
    >>> falls.depth.round(6).tolist(), falls.is_open.tolist()
    ([-0.1, -0.207921], [False, True])
    >>> times = np.array([0, 10, 20, 60, 70, 90])
    >>> falls.duration(times).tolist(), falls.recovery(times).tolist()
    ([60, 30], [50, 0])
    """

    peak: Int64Array
    start: Int64Array
    trough: Int64Array
    end: Int64Array
    is_open: npt.NDArray[np.bool_]
    peak_value: Curve
    trough_value: Curve

    @property
    def amount(self) -> Curve:
        """Size of each fall in the unit of the curve, below 0."""
        return np.asarray(self.trough_value - self.peak_value)

    @property
    def depth(self) -> Float64Array:
        """Size of each fall as a fraction of its peak, below 0."""
        return np.asarray(self.amount.astype(np.float64) / self.peak_value.astype(np.float64))

    def duration(self, times: Int64Array) -> Int64Array:
        """Time from each peak to the recovery, or to the end of the curve while it is open.

        Parameters
        ----------
        times : array of int64
            Time of each row of the curve; `np.arange(rows)` counts periods.
        """
        return np.asarray(times)[self.end] - np.asarray(times)[self.peak]

    def recovery(self, times: Int64Array) -> Int64Array:
        """Time from each trough to the recovery, or to the end of the curve while it is open."""
        return np.asarray(times)[self.end] - np.asarray(times)[self.trough]

    def deepest_first(self) -> "DrawdownSegments":
        """Return the same falls, the deepest first; equally deep ones in order of time."""
        return self._taken(np.argsort(self.depth, kind="stable"))

    def longest(self, times: Int64Array) -> int | None:
        """Longest duration, that of an open fall included; None when there was no fall.

        Parameters
        ----------
        times : array of int64
            Time of each row of the curve.
        """
        return int(self.duration(times).max()) if len(self) else None

    def worst_open(self) -> Drawdown | None:
        """Return the fall that the curve ended in, at its deepest; None when it ended at its peak."""
        if not self.is_open.any():
            return None
        row = int(np.argmax(self.is_open))
        return Drawdown(plain(self.peak_value[row]), plain(self.trough_value[row]))

    def __len__(self) -> int:
        return len(self.peak)

    def _taken(self, rows: Int64Array) -> "DrawdownSegments":
        return DrawdownSegments(*(column[rows] for column in self._columns()))

    def _columns(self) -> list[Any]:
        return [getattr(self, each.name) for each in fields(self)]


class SegmentScan:
    """Every fall of a curve that comes in pieces; rows count on over all of them.

    Memory grows with the falls that are kept, not with the points.

    Parameters
    ----------
    depth_min : float, fraction of the peak
        Falls that stay shallower are not kept: a curve of ticks has a fall for almost every tick.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import SegmentScan
    >>> scan = SegmentScan(depth_min=0.05)
    >>> for piece in ([100, 99, 100, 90], [85, 100, 120]):
    ...     scan.push(np.array(piece))
    >>> falls = scan.segments()
    >>> falls.peak.tolist(), falls.trough.tolist(), falls.end.tolist()
    ([2], [4], [5])
    """

    def __init__(self, *, depth_min: float = 0.0) -> None:
        none = np.zeros(0, dtype=np.int64)
        self._depth_min = depth_min
        self._rows = 0
        self._kept = [_segments(none, none, none, none, none, False)]
        # Rows and values of the last peak, and of the lowest point under it while the curve is below.
        self._held_rows = none
        self._held: Curve = none

    def push(self, piece: Curve) -> None:
        """Go on with the next points of the curve.

        Parameters
        ----------
        piece : array
            Points in order of time.
        """
        points = np.asarray(piece)
        if len(points) == 0:
            return
        rows = np.append(self._held_rows, np.arange(self._rows, self._rows + len(points)))
        curve = np.concatenate((self._held, points))
        self._rows += len(points)
        starts, ends, is_below = _falls(curve)
        troughs = _first_lowest(curve, starts, ends)
        is_over = ends < len(curve)
        self._keep(curve, rows, starts[is_over] - 1, troughs[is_over], ends[is_over])
        held = np.append(np.flatnonzero(~is_below)[-1], troughs[~is_over])
        self._held_rows, self._held = rows[held], curve[held]

    def segments(self) -> DrawdownSegments:
        """Return all falls so far, in order of time; the last may be open."""
        parts = list(self._kept)
        if len(self._held) > 1:
            peak, trough, end = self._held_rows[:1], self._held_rows[1:], np.array([self._rows - 1])
            ongoing = _segments(peak, trough, end, self._held[:1], self._held[1:], True)
            parts.append(self._deep_enough(ongoing))
        columns = zip(*(each._columns() for each in parts), strict=True)
        return DrawdownSegments(*(np.concatenate(column) for column in columns))

    def _keep(
        self, curve: Curve, rows: Int64Array, peak: Int64Array, trough: Int64Array, end: Int64Array
    ) -> None:
        found = _segments(rows[peak], rows[trough], rows[end], curve[peak], curve[trough], False)
        deep = self._deep_enough(found)
        if len(deep):
            self._kept.append(deep)

    def _deep_enough(self, found: DrawdownSegments) -> DrawdownSegments:
        return found._taken(np.flatnonzero(-found.depth >= self._depth_min))


def drawdown_segments(curve: Curve, *, depth_min: float = 0.0) -> DrawdownSegments:
    """Every fall of a curve from its highest point so far, in one pass over it.

    Parameters
    ----------
    curve : array
        Points in order of time, the starting value first.
    depth_min : float, fraction of the peak
        Falls that stay shallower are left out.

    Returns
    -------
    DrawdownSegments
        In order of time; `deepest_first` sorts them.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import drawdown_segments
    >>> falls = drawdown_segments(np.array([100, 120, 90, 120, 110, 130]))
    >>> list(zip(falls.peak.tolist(), falls.trough.tolist(), falls.end.tolist()))
    [(1, 2, 3), (3, 4, 5)]
    """
    scan = SegmentScan(depth_min=depth_min)
    scan.push(curve)
    return scan.segments()


def depths(curve: Curve, peak: float) -> Float64Array:
    """Depth of each point under the highest so far, as a fraction of it, 0 or above.

    Parameters
    ----------
    curve : array
        Points in order of time.
    peak : int or float
        Highest value before the first point.

    Returns
    -------
    array of float64
        0 at a new high; 0 too while the highest value is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import depths
    >>> depths(np.array([100, 75, 120, 60]), peak=100).tolist()
    [0.0, 0.25, 0.0, 0.5]
    """
    return _depths(curve, peak)[0]


def max_drawdown(equity: Curve) -> Drawdown | None:
    """Deepest fall from a running peak: min(E / peak - 1) over every point given.

    Parameters
    ----------
    equity : array
        Points in order of time, the starting equity first.

    Returns
    -------
    Drawdown or None
        Peak and trough of the relatively deepest fall; None for no points, or none above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.metrics import max_drawdown
    >>> max_drawdown(np.array([100.0, 120.0, 90.0, 130.0])).ratio
    -0.25
    """
    if len(equity) == 0:
        return None
    scan = DrawdownScan(plain(equity[0]))
    scan.push(equity)
    return scan.deepest


def ulcer_index(equity: Series) -> float | None:
    """Root of the mean squared depth over every point, the start included (Martin and McCann, 1989).

    Parameters
    ----------
    equity : array
        Points at equal distances of time, the starting equity first.

    Returns
    -------
    float or None
        A fraction; None for no points, or a start that is not above 0.

    Examples
    --------
    >>> from tickstep.metrics import ulcer_index
    >>> round(ulcer_index([100, 90, 90, 100]), 6)
    0.070711
    """
    curve = checked(equity, "equity")
    if len(curve) == 0 or curve[0] <= 0:
        return None
    return math.sqrt(float(np.mean(depths(curve, curve[0]) ** 2)))


def _depths(curve: Curve, peak: float) -> tuple[Float64Array, Curve]:
    peaks = np.maximum(np.maximum.accumulate(curve), peak)
    falls = np.asarray(peaks - curve, dtype=np.float64)
    scale = np.asarray(peaks, dtype=np.float64)
    found = np.zeros(len(curve))
    np.divide(falls, scale, out=found, where=scale > 0)
    return found, peaks


def _falls(curve: Curve) -> tuple[Int64Array, Int64Array, npt.NDArray[np.bool_]]:
    """First row of each fall and the first after it, and which rows are in one."""
    peaks = np.maximum.accumulate(curve)
    is_below = (curve < peaks) & (peaks > 0)
    edges = np.diff(np.concatenate(([False], is_below, [False])).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), is_below


def _segments(
    peak: Int64Array,
    trough: Int64Array,
    end: Int64Array,
    peak_value: Curve,
    trough_value: Curve,
    is_open: bool,
) -> DrawdownSegments:
    flags = np.full(len(peak), is_open)
    return DrawdownSegments(peak, peak + 1, trough, end, flags, peak_value, trough_value)


def _first_lowest(curve: Curve, starts: Int64Array, ends: Int64Array) -> Int64Array:
    """Row of the first lowest point of each start <= row < end; the spans do not meet."""
    if len(starts) == 0:
        return starts.copy()
    lengths = ends - starts
    span = np.repeat(np.arange(len(starts)), lengths)
    offsets = np.cumsum(lengths) - lengths
    rows = np.arange(lengths.sum()) - np.repeat(offsets - starts, lengths)
    lowest = np.minimum.reduceat(curve[rows], offsets)
    is_lowest = np.flatnonzero(curve[rows] == lowest[span])
    _, firsts = np.unique(span[is_lowest], return_index=True)
    return np.asarray(rows[is_lowest[firsts]])
