"""Equity after every row of data, exactly, from events and prices alone.

A fill moves cash by minus its value and its fee, and the position by its quantity; what is posted to
the ledger moves cash alone. Between two of them neither changes, so what an instrument has brought so
far is affine in its price: base + slope * price. Two integers for each event and the price column thus
hold the whole curve. Equity is the sum of that over the instruments, and nothing is recorded while a
run goes on. It is the kernel's own equity, unit for unit, paid in full or margined: what a close
realizes and what it takes off the cost cancel.

Rows of several instruments come in order of (time, instrument, row), as the kernel takes them. What is
posted at a time at which its instrument had no row counts after all rows of that time.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tickstep.engine import EventKind, Events
from tickstep.ticks import Float64Array, Int64Array

__all__ = ["Curves", "EquityPath", "InstrumentPath", "Rows", "posted_first"]

Curve = npt.NDArray[Any]  # int64, or Python integers where int64 might not hold them

PIECE_ROWS = 1 << 16  # small enough to stay in the cache
STRIDE_ROWS = 1 << 8  # the merged pieces may be longer by so many rows of each instrument
INT64_SAFE = 2.0**62
SETTLEMENT = 20  # a ledger entry that moves money from equity to equity


class Rows(Protocol):
    """Data of one instrument: `Ticks` is it, and so are bars as an engine takes them."""

    @property
    def time(self) -> Int64Array:
        """Times, ascending."""

    @property
    def price_ticks(self) -> Int64Array:
        """Prices in ticks."""


class Curves(NamedTuple):
    """The run in a number of slices of equal time, with the extremes of every row in them.

    Slices without rows are left out. Money and prices are floats for reading, `drawdown` is the
    deepest fall of the slice below the highest equity so far, as a fraction of it, 0 or below. Of
    several instruments `price` is the mean of their prices, 100 at the first of each, and `position`
    what all positions are worth.
    """

    time: Int64Array
    price_low: Float64Array
    price_high: Float64Array
    equity_low: Float64Array
    equity_high: Float64Array
    drawdown: Float64Array
    position: Float64Array


class _Changes(NamedTuple):
    """What events change of one instrument, in their order: after a row, lots and money."""

    rows: Int64Array
    lots: Int64Array
    prices: Int64Array
    money: Int64Array  # beside the value of the lots


class InstrumentPath:
    """What one instrument has brought by each of its rows: money units, the position at its price.

    Made by `EquityPath`; row -1 is before the first.
    """

    def __init__(self, data: Rows, changes: _Changes, units_per_tick_lot: int) -> None:
        self.time = data.time
        self.price_ticks = data.price_ticks
        self.is_traded = len(changes.rows) > 0
        self._rows = changes.rows
        self._lots = np.append(np.zeros(1, np.int64), np.cumsum(changes.lots))
        integers, self.reach = self._integers(changes, units_per_tick_lot)
        lots, prices = changes.lots.astype(integers), changes.prices.astype(integers)
        money = changes.money.astype(integers) - lots * prices * units_per_tick_lot
        self._base = np.append(np.zeros(1, integers), np.cumsum(money))
        self._slope = self._lots.astype(integers) * units_per_tick_lot

    def after(self, rows: Int64Array) -> Curve:
        """What it has brought after these rows."""
        return self.money_after(rows) + self.value_after(rows)

    def money_after(self, rows: Int64Array) -> Curve:
        """Money received less money paid, up to these rows."""
        return np.asarray(self._base[self._part(rows)])

    def value_after(self, rows: Int64Array) -> Curve:
        """Value of the position at the prices of these rows, below 0 when short."""
        slope = self._slope[self._part(rows)]
        # Before the first row there is no position, so any price will do.
        prices = self.price_ticks if len(self.price_ticks) else np.zeros(1, np.int64)
        return np.asarray(slope * prices[np.maximum(rows, 0)])

    def position_after(self, rows: Int64Array) -> Int64Array:
        """Lots after these rows, long above 0."""
        return np.asarray(self._lots[self._part(rows)])

    def between(self, start: int, stop: int) -> Curve:
        """What it has brought after each of the rows start <= row < stop."""
        first, last = np.searchsorted(self._rows, [start, stop], side="left")
        lengths = np.diff(np.concatenate(([start], self._rows[first:last], [stop])))
        base = np.repeat(self._base[first : last + 1], lengths)
        slope = np.repeat(self._slope[first : last + 1], lengths)
        return np.asarray(base + slope * self.price_ticks[start:stop])

    def rows_before(self, times: Int64Array) -> Int64Array:
        """Last row before each of these times, -1 for none."""
        return np.searchsorted(self.time, times, side="left") - 1

    def _part(self, rows: Int64Array) -> Int64Array:
        return np.searchsorted(self._rows, rows, side="right")

    def _integers(self, changes: _Changes, units_per_tick_lot: int) -> tuple[type[Any], float]:
        """int64 where every base and every value fit it, else Python integers: same values.

        Sums of int64 wrap around and back, so only what they end at must fit, not the turnover.
        """
        value = changes.lots.astype(np.float64) * changes.prices * units_per_tick_lot
        base = np.cumsum(changes.money.astype(np.float64) - value)
        highest = float(np.abs(self.price_ticks).max(initial=0)) if self.is_traded else 0.0
        largest = float(np.abs(self._lots.astype(np.float64)).max()) * highest * units_per_tick_lot
        reach = float(np.abs(base).max(initial=0.0)) + largest
        one_fill = float(np.abs(value).max(initial=0.0))
        # Half of what int64 holds: the estimate itself is made of rounded numbers.
        return (np.int64 if max(reach, one_fill) < INT64_SAFE else object), reach


class EquityPath:
    """The equity curve of a run.

    Parameters
    ----------
    data : sequence of Rows
        What the run took, by index of the instrument.
    events : structured array
        Its events, as `EVENT_DTYPE`; FILLED and LEDGER events count.
    cash_units : int, money units
        Initial cash.
    units_per_tick_lot : sequence of int, money units
        Value of one lot moving one tick, by index of the instrument.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.equity import EquityPath
    >>> ticks = ts.Ticks.from_arrays(
    ...     [1, 2, 3, 4], [100, 101, 105, 104], [1] * 4, [0] * 4, tick_size=1, lot=1)
    >>> engine = ts.Engine(ts.EngineConfig(
    ...     initial_cash=1000, tick_size=1, lot=1, money_unit=1, spread_bps=0, taker_fee=0))
    >>> _ = engine.place_order(ts.Order("MARKET", "BUY", 2))
    >>> engine.bind(ticks)
    >>> _ = engine.advance()
    >>> path = EquityPath([ticks], engine.events, cash_units=1000, units_per_tick_lot=[1])
    >>> [equity.tolist() for _, equity in path.pieces()], engine.equity
    ([[1000, 1002, 1010, 1008]], 1008.0)
    """

    def __init__(
        self,
        data: Sequence[Rows],
        events: Events,
        *,
        cash_units: int,
        units_per_tick_lot: Sequence[int] | Int64Array,
    ) -> None:
        counted = events[_moves_equity(events)]
        is_apart = _is_apart(data, counted)
        own = _changes_of_each(counted[~is_apart], len(data))
        self.instruments = [
            InstrumentPath(*each)
            for each in zip(data, own, _whole(units_per_tick_lot), strict=True)
        ]
        self._apart_time = counted["time"][is_apart].astype(np.int64)
        self._apart_money = counted["realized_units"][is_apart].astype(np.int64)
        self._cash_units = cash_units
        reach = sum(each.reach for each in self.instruments)
        reach += float(np.abs(self._apart_money.astype(np.float64)).sum()) + cash_units
        self._integers: type[Any] = np.int64 if reach < INT64_SAFE else object

    def at(self, times: Int64Array) -> Curve:
        """Equity at these times: after every row, and every posting, before each.

        Parameters
        ----------
        times : array of int64
            Ascending.

        Returns
        -------
        array
            Money units.
        """
        brought = self.summed(times, InstrumentPath.after)
        money = self._apart_money.astype(self._integers)
        posted = np.append(np.zeros(1, self._integers), np.cumsum(money))
        apart = posted[np.searchsorted(self._apart_time, times, side="left")]
        return np.asarray(brought + apart + self._cash_units)

    def cash_at(self, times: Int64Array) -> Curve:
        """Equity less the value of all positions, at these times; see `at`."""
        return np.asarray(self.at(times) - self.summed(times, InstrumentPath.value_after))

    def gross_at(self, times: Int64Array) -> Curve:
        """Values of all positions, those of shorts as if they were long, at these times."""

        def size(path: InstrumentPath, rows: Int64Array) -> Curve:
            return np.abs(path.value_after(rows))

        return self.summed(times, size)

    def summed(
        self, times: Int64Array, values: Callable[[InstrumentPath, Int64Array], Curve]
    ) -> Curve:
        """Sum a number of the traded instruments at these times: O(rows + times) altogether.

        Parameters
        ----------
        times : array of int64
            Ascending.
        values : callable
            The number of an instrument after rows of it.

        Returns
        -------
        array
            Sums, after every row before each time.
        """
        level = np.zeros(len(times), self._integers)
        steps = np.zeros(len(times) + 1, self._integers)
        for path in self.instruments:
            if not path.is_traded:
                continue
            if len(path.time) >= len(times):
                level += values(path, path.rows_before(times))
                continue
            found = values(path, np.arange(-1, len(path.time)))
            steps[0] += found[0]
            np.add.at(steps, np.searchsorted(times, path.time, side="right"), np.diff(found))
        return np.asarray(level + np.cumsum(steps[:-1]))

    def after(self, rows: Int64Array) -> Curve:
        """Equity after these rows of the merged time line.

        Parameters
        ----------
        rows : array of int64
            Row numbers over all instruments, what is posted apart counted as a row; -1 is before the
            first.

        Returns
        -------
        array
            Money units.
        """
        if self._is_single:
            return np.asarray(self.instruments[0].after(rows) + self._cash_units)
        parts = [np.array([self._start()], self._integers), *(piece for _, piece in self.pieces())]
        return np.concatenate(parts)[np.asarray(rows) + 1]

    def pieces(self, rows_max: int = PIECE_ROWS) -> Iterator[tuple[Int64Array, Curve]]:
        """Go through the equity after every row, a piece at a time.

        Parameters
        ----------
        rows_max : int
            Length of a piece; more of several instruments, see `STRIDE_ROWS`.

        Yields
        ------
        array of int64, array
            Times of the rows of the piece, and money units after each.
        """
        if not self._is_single:
            yield from self._merged(rows_max)
            return
        (path,) = self.instruments
        for start in range(0, len(path.time), rows_max):
            stop = min(start + rows_max, len(path.time))
            yield path.time[start:stop], path.between(start, stop) + self._cash_units

    def moments(self, rows_max: int = PIECE_ROWS) -> Iterator[tuple[Int64Array, Curve]]:
        """Go through the equity as falls are measured on it: of one instrument, after every row.

        Of several, after all rows of a time: in between, some prices are new and others are not, and
        their sum was never anybody's equity.

        Parameters
        ----------
        rows_max : int
            As of `pieces`.

        Yields
        ------
        array of int64, array
            Times, and money units.
        """
        for times, equity in self.pieces(rows_max):
            # A piece ends with all rows of its last time, unless there is but one instrument.
            is_last = np.append(times[1:] != times[:-1], True) | (len(self.instruments) == 1)
            yield times[is_last], equity[is_last]

    @property
    def _is_single(self) -> bool:
        return len(self.instruments) == 1 and len(self._apart_time) == 0

    def _start(self) -> int:
        none = np.array([-1])
        return self._cash_units + sum(int(each.after(none)[0]) for each in self.instruments)

    def _merged(self, rows_max: int) -> Iterator[tuple[Int64Array, Curve]]:
        stops = self._stops(max(rows_max, STRIDE_ROWS * len(self.instruments)))
        ends = [np.searchsorted(each.time, stops) for each in self.instruments]
        apart_ends = np.searchsorted(self._apart_time, stops)
        begins = [0] * len(ends)
        lasts = [each.after(np.array([-1]))[0] for each in self.instruments]
        apart_begin, equity = 0, self._start()
        for piece in range(len(stops)):
            times, steps = [], []
            for index, path in enumerate(self.instruments):
                start, stop = begins[index], int(ends[index][piece])
                if start < stop:
                    times.append(path.time[start:stop])
                    steps.append(self._steps(path, start, stop, lasts[index]))
                    begins[index], lasts[index] = stop, lasts[index] + steps[-1].sum()
            apart = slice(apart_begin, int(apart_ends[piece]))
            apart_begin = apart.stop
            # What is posted apart comes last, so it counts after the rows of its time.
            times.append(self._apart_time[apart])
            steps.append(self._apart_money[apart].astype(self._integers))
            moments = np.concatenate(times)
            order = np.argsort(moments, kind="stable")
            curve = equity + np.cumsum(np.concatenate(steps)[order])
            if len(curve):
                equity = curve[-1]
                yield moments[order], curve

    def _steps(self, path: InstrumentPath, start: int, stop: int, before: int) -> Curve:
        """By how much each row moves equity."""
        found = np.zeros(stop - start, self._integers)
        if path.is_traded:
            curve = path.between(start, stop)
            found[0] = curve[0] - before
            found[1:] = curve[1:] - curve[:-1]
        return found

    def _stops(self, rows_max: int) -> Int64Array:
        """Times that cut the merged rows into pieces: of every STRIDE_ROWS-th row, some."""
        marks = [each.time[STRIDE_ROWS - 1 :: STRIDE_ROWS] for each in self.instruments]
        ordered = np.sort(np.concatenate(marks))
        every = max(rows_max // STRIDE_ROWS, 1)
        lasts = [each.time[-1:] for each in self.instruments] + [self._apart_time[-1:]]
        beyond = np.concatenate(lasts).max(initial=0) + 1
        return np.unique(np.append(ordered[every - 1 :: every], beyond))


def posted_first(data: Sequence[Rows], events: Events) -> npt.NDArray[np.bool_]:
    """Which events came before any row: what is posted by them is there from the start.

    Of several instruments the clock tells, which is 0 before the first row: where that has time 0 too,
    none is known to have come before it.
    """
    is_unmoved = events["tick_index"] < 0
    if len(data) == 1:
        return np.asarray(is_unmoved)
    first = min((int(each.time[0]) for each in data if len(each.time)), default=0)
    return np.asarray(is_unmoved & (events["time"] < first))


def _moves_equity(events: Events) -> npt.NDArray[np.bool_]:
    is_posted = (events["kind"] == EventKind.LEDGER) & (events["reason"] != SETTLEMENT)
    return np.asarray((events["kind"] == EventKind.FILLED) | is_posted)


def _is_apart(data: Sequence[Rows], counted: Events) -> npt.NDArray[np.bool_]:
    """Which postings came when another instrument had the last row."""
    found = np.zeros(len(counted), dtype=bool)
    if len(data) == 1:
        return found
    is_first = posted_first(data, counted)
    for row in np.flatnonzero((counted["kind"] == EventKind.LEDGER) & ~is_first).tolist():
        event = counted[row]
        time, index = data[int(event["instrument"])].time, int(event["tick_index"])
        found[row] = index < 0 or time[index] != event["time"]
    return found


def _changes_of_each(counted: Events, instruments: int) -> list[_Changes]:
    order = np.argsort(counted["instrument"], kind="stable")
    ordered = counted[order]
    edges = np.searchsorted(ordered["instrument"], np.arange(instruments + 1))
    is_fill = ordered["kind"] == EventKind.FILLED
    lots = np.where(is_fill, ordered["qty_lots"], 0)
    money = np.where(is_fill, -ordered["fee_units"], ordered["realized_units"])
    columns = (
        ordered["tick_index"].astype(np.int64),
        lots,
        ordered["price_ticks"].astype(np.int64),
        money,
    )
    return [
        _Changes(*(column[start:stop] for column in columns))
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]


def _whole(numbers: Sequence[int] | Int64Array) -> list[int]:
    return [int(each) for each in numbers]
