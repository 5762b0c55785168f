"""Round trips: which fill closed which, first in first out, in integers.

A side of an instrument is a queue of lots: the first lot opened is the first closed. So the k-th lot
ever opened on it goes with the k-th ever closed, and cutting the two running counts at each other's
edges gives every trip at once. A fill that turns a net position around closes with its first lots and
opens with the rest; hedged positions keep their two sides apart.

What is split is split by running totals, so the parts of a fee add up to the fee. Over all trips, open
ones at the last price, net P&L is exactly the change of equity, and whenever an instrument is flat,
gross P&L is exactly what the kernel realized. (In between, the kernel goes by average cost.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from tickstep._kernel import OFFSETS
from tickstep.engine import EventKind, Events
from tickstep.errors import DataError
from tickstep.ticks import Float64Array, Int64Array

__all__ = ["Excursions", "Mark", "Prices", "RoundTrips", "products", "round_trips"]

Units = npt.NDArray[Any]  # int64, or Python integers where int64 might not hold them
Prices = Int64Array | tuple[Int64Array, Int64Array]

INT64_SAFE = 2.0**62
OFFSET_SHIFT = 8  # of the reason column
OFFSET_NONE = OFFSETS["NONE"]
OFFSET_OPEN = OFFSETS["OPEN"]


class Mark(NamedTuple):
    """Where the data of an instrument ends: what its open trips are valued at.

    Parameters
    ----------
    time : int
        Time of the last tick.
    price_ticks : int
        Its price.
    tick_index : int
        Its row.
    """

    time: int
    price_ticks: int
    tick_index: int


class Excursions(NamedTuple):
    """How far each trip went against and in favour of its holder, on the way.

    Parameters
    ----------
    adverse_units, favorable_units : array
        Lowest and highest open P&L, gross, in money units (MAE and MFE).
    adverse, favorable : array of float64
        The same as fractions of the entry value; NaN where that is not above 0.
    """

    adverse_units: Units
    favorable_units: Units
    adverse: Float64Array
    favorable: Float64Array


@dataclass(frozen=True, eq=False)
class RoundTrips:
    """Round trips in order of their exits, open ones last; one row for each part of a fill.

    Parameters
    ----------
    instrument : array of int64
        Index of the instrument.
    direction : array of int64
        1 long, -1 short.
    qty_lots : array of int64
        Lots, above 0.
    entry_fill, exit_fill : array of int64
        Rows of the fills that opened and closed; -1 while open.
    entry_time, exit_time : array of int64
        When; the last tick's while open.
    entry_index, exit_index : array of int64
        Rows of the instrument's ticks there.
    entry_price_ticks, exit_price_ticks : array of int64
        At which price; the last one while open.
    entry_value_units : array
        Value of the lots at the entry price, in money units.
    gross_units : array
        P&L before fees, in money units.
    entry_fee_units, exit_fee_units : array
        Its parts of the fees of both fills.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.trips import round_trips
    >>> engine = ts.Engine(ts.EngineConfig(
    ...     initial_cash=1000, tick_size=1, lot=1, money_unit=1, spread_bps=0, taker_fee=0))
    >>> for time, (price, side, qty) in enumerate([(10, "BUY", 2), (12, "SELL", 3), (9, "BUY", 1)]):
    ...     _ = engine.place_order(ts.Order("MARKET", side, qty))
    ...     engine.step_tick(ts.Tick(time, price, 1, "BUY"))
    >>> trips = round_trips(engine.fills, 1)
    >>> trips.direction.tolist(), trips.qty_lots.tolist(), trips.gross_units.tolist()
    ([1, -1], [2, 1], [4, 3])
    """

    instrument: Int64Array
    direction: Int64Array
    qty_lots: Int64Array
    entry_fill: Int64Array
    exit_fill: Int64Array
    entry_time: Int64Array
    exit_time: Int64Array
    entry_index: Int64Array
    exit_index: Int64Array
    entry_price_ticks: Int64Array
    exit_price_ticks: Int64Array
    entry_value_units: Units
    gross_units: Units
    entry_fee_units: Units
    exit_fee_units: Units

    def __len__(self) -> int:
        return len(self.qty_lots)

    @property
    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def is_open(self) -> npt.NDArray[np.bool_]:
        """Whether a trip has not ended."""
        return np.asarray(self.exit_fill < 0)

    @property
    def fee_units(self) -> Units:
        """Fees of both ends."""
        return np.asarray(self.entry_fee_units + self.exit_fee_units)

    @property
    def net_units(self) -> Units:
        """P&L after fees, in money units."""
        return np.asarray(self.gross_units - self.fee_units)

    @property
    def returns(self) -> Float64Array:
        """Net P&L as a fraction of the entry value; NaN where that is not above 0."""
        return _share(self.net_units, self.entry_value_units)

    @property
    def holding_time(self) -> Int64Array:
        """Time from entry to exit, or to the last tick while open."""
        return np.asarray(self.exit_time - self.entry_time)

    def closed(self) -> Self:
        """Return the trips that have ended."""
        return self._taken(~self.is_open)

    def opened(self) -> Self:
        """Return the trips that have not ended."""
        return self._taken(self.is_open)

    def of(self, instrument: int) -> Self:
        """Return the trips of one instrument, by its index."""
        return self._taken(self.instrument == instrument)

    def excursions(
        self,
        prices: Mapping[int, Prices],
        units_per_tick_lot: int | Mapping[int, int],
    ) -> Excursions:
        """Find the lowest and highest open P&L of each trip, from its entry tick to its exit tick.

        One pass over the prices, however the trips overlap. On ticks the entry tick's own price counts:
        whoever pays the spread begins below 0. On bars, lows and highs of the entry bar may lie before
        the entry.

        Parameters
        ----------
        prices : mapping of int to array of int64, or to (lows, highs)
            Prices in ticks of every tick of each instrument, or of every bar.
        units_per_tick_lot : int, or mapping of int to int
            Money units of one lot moving one tick, of all or of each instrument.

        Returns
        -------
        Excursions
            Row for row.

        Raises
        ------
        DataError
            When the prices of an instrument are missing or too short.
        """
        lowest, highest = np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        for rows in _of_each(self.instrument):
            low, high = _lows_and_highs(
                prices, self.instrument[rows[0]], self.exit_index[rows].max()
            )
            first, stop = self.entry_index[rows], self.exit_index[rows] + 1
            lowest[rows] = _extremes(np.minimum, low, first, stop)
            highest[rows] = _extremes(np.maximum, high, first, stop)
        worst, best = np.where(self.direction > 0, (lowest, highest), (highest, lowest))
        scale = _units_of(units_per_tick_lot, self.instrument)
        adverse, favorable = (
            products(self.direction * (price - self.entry_price_ticks), self.qty_lots, scale)
            for price in (worst, best)
        )
        value = self.entry_value_units
        return Excursions(adverse, favorable, _share(adverse, value), _share(favorable, value))

    def _taken(self, rows: npt.NDArray[Any]) -> Self:
        return type(self)(**{name: column[rows] for name, column in self.columns.items()})


def round_trips(
    fills: Events,
    units_per_tick_lot: int | Mapping[int, int],
    *,
    marks: Mapping[int, Mark] | None = None,
) -> RoundTrips:
    """Pair the fills of a run, first in first out within each side of each instrument.

    Parameters
    ----------
    fills : structured array
        All FILLED events of the run, from its start on, as `EVENT_DTYPE`.
    units_per_tick_lot : int, or mapping of int to int
        Money units of one lot moving one tick, of all or of each instrument.
    marks : mapping of int to Mark, optional
        Where the data of each instrument ends. Needed for those that are still held.

    Returns
    -------
    RoundTrips
        In order of their exits, open ones last.

    Raises
    ------
    DataError
        For events that are no fills, fills that do not begin with the first or are not all of them, and
        held instruments without a mark.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.trips import Mark, round_trips
    >>> engine = ts.Engine(ts.EngineConfig(
    ...     initial_cash=1000, tick_size=1, lot=1, money_unit=1, spread_bps=0, taker_fee=0))
    >>> _ = engine.place_order(ts.Order("MARKET", "BUY", 2))
    >>> _ = engine.step_batch([0, 5], [100, 97], [1, 1], [0, 0])
    >>> trips = round_trips(engine.fills, 1, marks={0: Mark(5, 97, 1)})
    >>> trips.gross_units.tolist(), trips.is_open.tolist(), trips.holding_time.tolist()
    ([-6], [True], [5])
    """
    _check_fills(fills)
    matches = _matched(_Parts.of(fills))
    entry, lots, is_open = matches.entry, matches.lots, matches.exit < 0
    instrument, direction = _of(fills, "instrument", entry), np.sign(_of(fills, "qty_lots", entry))
    ends = _ends(instrument, is_open, marks or {})

    def exits(name: str, mark: Int64Array) -> Int64Array:
        # Of open trips this is the last fill's, row -1, and not taken.
        return np.where(is_open, mark, _of(fills, name, matches.exit))

    entry_price = _of(fills, "price_ticks", entry)
    exit_price = exits("price_ticks", ends.price_ticks)
    scale = _units_of(units_per_tick_lot, instrument)
    found = RoundTrips(
        instrument=instrument,
        direction=direction,
        qty_lots=lots,
        entry_fill=entry,
        exit_fill=matches.exit,
        entry_time=_of(fills, "time", entry),
        exit_time=exits("time", ends.time),
        entry_index=_of(fills, "tick_index", entry),
        exit_index=exits("tick_index", ends.tick_index),
        entry_price_ticks=entry_price,
        exit_price_ticks=exit_price,
        entry_value_units=products(entry_price, lots, scale),
        gross_units=products(direction * (exit_price - entry_price), lots, scale),
        entry_fee_units=_fee_parts(fills, entry, matches.entry_from, lots),
        exit_fee_units=np.where(
            is_open, 0, _fee_parts(fills, matches.exit, matches.exit_from, lots)
        ),
    )
    order = np.lexsort((entry, np.where(is_open, len(fills), matches.exit)))
    return found._taken(order)


def _of(fills: Events, name: str, rows: Int64Array) -> Int64Array:
    return np.asarray(fills[name].astype(np.int64)[rows])


class _Parts(NamedTuple):
    """How many lots of each fill close and open, and on which side of which instrument."""

    closing: Int64Array
    opening: Int64Array
    close_leg: Int64Array
    open_leg: Int64Array

    @classmethod
    def of(cls, fills: Events) -> "_Parts":
        qty, after = fills["qty_lots"].astype(np.int64), fills["position_after_lots"]
        size, before = np.abs(qty), after.astype(np.int64) - qty
        offset = fills["reason"] >> OFFSET_SHIFT
        turned = np.where((qty > 0) != (before > 0), np.minimum(size, np.abs(before)), 0)
        hedged = np.where(offset == OFFSET_OPEN, 0, size)
        closing = np.where(offset == OFFSET_NONE, turned, hedged)
        long_leg = fills["instrument"].astype(np.int64) * 2
        is_sell = (qty < 0).astype(np.int64)
        return cls(closing, size - closing, long_leg + 1 - is_sell, long_leg + is_sell)


class _Ends(NamedTuple):
    """Marks of each trip; 0 where it has ended."""

    time: Int64Array
    price_ticks: Int64Array
    tick_index: Int64Array


class _Spans(NamedTuple):
    """Fills as spans of one axis of lots: side after side, on each the lots in the order opened."""

    fills: Int64Array
    starts: Int64Array
    ends: Int64Array


class _Matches(NamedTuple):
    """Opening and closing fill (-1: none) of each trip, its lots, and where in both they begin."""

    entry: Int64Array
    exit: Int64Array
    lots: Int64Array
    entry_from: Int64Array
    exit_from: Int64Array


def _matched(parts: _Parts) -> _Matches:
    opened, closed = _spans(parts)
    ends = np.union1d(opened.ends, closed.ends)
    starts = np.append(np.zeros(1, np.int64), ends)[: len(ends)]
    span = np.searchsorted(opened.ends, starts, side="right")
    entry = opened.fills[span]
    # Of a fill that turns the position around, the closing lots come first.
    entry_from = parts.closing[entry] + starts - opened.starts[span]
    exit_, exit_from = _exits(closed, starts)
    early = np.flatnonzero((exit_ >= 0) & (exit_ <= entry))
    if early.size:
        row = early[0]
        raise _closed_early(f"fill {exit_[row]} closes lots that fill {entry[row]} opens later")
    return _Matches(entry, exit_, ends - starts, entry_from, exit_from)


def _spans(parts: _Parts) -> tuple[_Spans, _Spans]:
    """Spans of what the fills open and of what they close, on the same axis."""
    opens = _in_order(parts.opening, parts.open_leg)
    closes = _in_order(parts.closing, parts.close_leg)
    open_lots, close_lots = parts.opening[opens], parts.closing[closes]
    open_legs, close_legs = parts.open_leg[opens], parts.close_leg[closes]
    _check_lots(open_lots)
    _check_closings(open_legs, open_lots, close_legs, close_lots)
    open_ends, close_ends = np.cumsum(open_lots), np.cumsum(close_lots)
    open_starts, close_starts = open_ends - open_lots, close_ends - close_lots
    # The closes of each side begin where its opens do.
    shift = open_starts[np.searchsorted(open_legs, close_legs)]
    shift = shift - close_starts[np.searchsorted(close_legs, close_legs)]
    opened = _Spans(opens, open_starts, open_ends)
    return opened, _Spans(closes, close_starts + shift, close_ends + shift)


def _in_order(lots: Int64Array, leg: Int64Array) -> Int64Array:
    """Rows with lots: side after side, on each in order of time."""
    rows = np.flatnonzero(lots)
    return rows[np.argsort(leg[rows], kind="stable")]


def _exits(closed: _Spans, starts: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Fill that closes the lots from each start on (-1: none), and where in it they begin."""
    fill, begin = np.full(len(starts), -1, np.int64), np.zeros(len(starts), np.int64)
    span = np.searchsorted(closed.ends, starts, side="right")
    rows = np.flatnonzero(span < len(closed.fills))
    rows = rows[closed.starts[span[rows]] <= starts[rows]]
    fill[rows] = closed.fills[span[rows]]
    begin[rows] = starts[rows] - closed.starts[span[rows]]
    return fill, begin


def _check_lots(lots: Int64Array) -> None:
    if float(lots.astype(np.float64).sum()) >= INT64_SAFE:
        raise DataError(
            "more than 2^62 lots were opened: they cannot be counted", hint="choose a coarser lot"
        )


def _check_closings(
    open_legs: Int64Array, open_lots: Int64Array, close_legs: Int64Array, close_lots: Int64Array
) -> None:
    legs, row = np.unique(np.concatenate((open_legs, close_legs)), return_inverse=True)
    left = np.zeros(len(legs), np.int64)
    np.add.at(left, row, np.concatenate((open_lots, -close_lots)))
    if np.any(left < 0):
        leg = legs[np.argmax(left < 0)]
        closed, opened = close_lots[close_legs == leg].sum(), open_lots[open_legs == leg].sum()
        raise _closed_early(
            f"{closed} {'short' if leg % 2 else 'long'} lots of instrument {leg // 2} are closed, and "
            f"{opened} were opened"
        )


def _closed_early(message: str) -> DataError:
    return DataError(message, hint="give all fills from the start of the run on, in order")


def _check_fills(fills: Events) -> None:
    if np.any(fills["kind"] != EventKind.FILLED):
        raise DataError("there are events that are no fills", hint="give engine.fills")
    instrument = fills["instrument"].astype(np.int64)
    order = np.argsort(instrument, kind="stable")
    after, qty = fills["position_after_lots"][order], fills["qty_lots"][order]
    is_first = np.append(True, np.diff(instrument[order]) != 0)[: len(order)]
    before = np.where(is_first, 0, np.append(np.zeros(1, np.int64), after)[: len(after)])
    bad = np.flatnonzero(before + qty != after)
    if bad.size:
        row = int(order[bad[0]])
        raise _closed_early(
            f"fill {row} leaves {after[bad[0]]} lots after {qty[bad[0]]:+} on {before[bad[0]]}: "
            "fills before it are missing"
        )


def _ends(
    instrument: Int64Array, is_open: npt.NDArray[np.bool_], marks: Mapping[int, Mark]
) -> _Ends:
    held, row = np.unique(instrument[is_open], return_inverse=True)
    missing = [index for index in held.tolist() if index not in marks]
    if missing:
        raise DataError(
            f"instrument {missing[0]} is still held: its open trips need a last price",
            hint=f"give marks={{{missing[0]}: Mark(time, price_ticks, tick_index)}}",
        )
    ends = np.zeros((len(Mark._fields), len(instrument)), np.int64)
    values = np.array([marks[index] for index in held.tolist()], np.int64)
    ends[:, is_open] = values.reshape(-1, len(Mark._fields))[row].T
    return _Ends(*ends)


def _fee_parts(fills: Events, rows: Int64Array, begin: Int64Array, lots: Int64Array) -> Units:
    """Fees of the lots begin <= lot < begin + lots of each fill: floors of the running share."""
    fee, size = _of(fills, "fee_units", rows), np.abs(_of(fills, "qty_lots", rows))
    upto = products(fee, begin + lots) // size
    return np.asarray(upto - products(fee, begin) // size)


def products(*factors: Units) -> Units:
    """Products in int64 where they fit it, else in Python integers: same values.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.trips import products
    >>> products(np.array([2**40]), np.array([2**40])).tolist() == [2**80]
    True
    """
    largest = np.prod([np.abs(each.astype(np.float64)) for each in factors], axis=0)
    integers = np.int64 if float(largest.max(initial=0.0)) < INT64_SAFE else object
    found = factors[0].astype(integers)
    for each in factors[1:]:
        found = found * each.astype(integers)
    return np.asarray(found)


def _units_of(units_per_tick_lot: int | Mapping[int, int], instrument: Int64Array) -> Int64Array:
    if not isinstance(units_per_tick_lot, Mapping):
        return np.full(len(instrument), units_per_tick_lot, np.int64)
    traded, row = np.unique(instrument, return_inverse=True)
    missing = [index for index in traded.tolist() if index not in units_per_tick_lot]
    if missing:
        raise DataError(
            f"units_per_tick_lot has no instrument {missing[0]}", hint="give it for each one traded"
        )
    return np.array([units_per_tick_lot[index] for index in traded.tolist()], np.int64)[row]


def _share(units: Units, value: Units) -> Float64Array:
    found = np.full(len(units), np.nan)
    amount, whole = units.astype(np.float64), value.astype(np.float64)
    np.divide(amount, whole, out=found, where=whole > 0)
    return found


# --- The extremes of many spans. ------------------------------------------------------------------


def _of_each(instrument: Int64Array) -> list[Int64Array]:
    """Rows of each instrument."""
    order = np.argsort(instrument, kind="stable")
    edges = np.flatnonzero(np.diff(instrument[order])) + 1
    return np.split(order, edges) if len(order) else []


def _lows_and_highs(
    prices: Mapping[int, Prices], instrument: int, last: int
) -> tuple[Int64Array, Int64Array]:
    if instrument not in prices:
        raise DataError(
            f"the prices of instrument {instrument} are missing",
            hint="give those of each one traded",
        )
    given = prices[instrument]
    low, high = given if isinstance(given, tuple) else (given, given)
    if len(low) != len(high) or len(low) <= last:
        raise DataError(
            f"instrument {instrument} has {len(low)} lows and {len(high)} highs, its trips need "
            f"{last + 1}",
            hint="give the prices of the whole run",
        )
    return low, high


def _extremes(
    extreme: np.ufunc, values: Int64Array, starts: Int64Array, stops: Int64Array
) -> Int64Array:
    """Extreme of start <= row < stop for each span: values once, then spans by doubling."""
    edges = np.unique(np.concatenate((starts, stops)))
    pieces = extreme.reduceat(values[: edges[-1]], edges[:-1])
    first, stop = np.searchsorted(edges, starts), np.searchsorted(edges, stops)
    levels = np.frexp((stop - first).astype(np.float64))[1] - 1  # floor of the logarithm
    found = np.zeros(len(starts), np.int64)
    for level in range(int(levels.max()) + 1):
        width = 1 << level
        rows = np.flatnonzero(levels == level)
        found[rows] = extreme(pieces[first[rows]], pieces[stop[rows] - width])
        pieces = extreme(pieces[:-width], pieces[width:])
    return found
