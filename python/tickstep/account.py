"""The account of a run: what its events and its data say, in exact integers.

Everything a `Result` tells is made of this. Nothing is kept twice: columns are found when they are
asked for, and stay.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tickstep.barticks import ROWS_OF_BAR
from tickstep.drawdowns import DrawdownScan, DrawdownSegments, drawdown_segments
from tickstep.engine import REASON_BITS, EngineConfig, EventKind, Events
from tickstep.equity import EquityPath, InstrumentPath, Rows, posted_first
from tickstep.errors import ConfigError, DataError
from tickstep.metrics import returns
from tickstep.orderlives import OrderLives, order_lives
from tickstep.sampling import Periods, Sampling, finest_interval
from tickstep.scales import Scales
from tickstep.ticks import Float64Array, Int64Array
from tickstep.trips import Excursions, Mark, Prices, RoundTrips, round_trips

__all__ = ["RETURNS_MIN", "Account", "Data", "price_ranges"]

SAMPLES_MAX = 10_000
FALL_ROWS_MAX = 1_000_000  # a longer run has its falls listed from samples
RETURN_INTERVALS = ("1d", "1h", "1m")  # the longest with enough returns
RETURNS_MIN = 30
FLOWS = (1, 2)  # ledger entries that bring or take capital: DEPOSIT, WITHDRAWAL
SETTLEMENT = 20


class Data(Rows, Protocol):
    """Data of one instrument as a run takes it: `Ticks`, or bars as an engine takes them."""

    @property
    def data_digest(self) -> str:
        """SHA-256 of the columns."""

    def __len__(self) -> int: ...


class Account:
    """What a run did to its account.

    Parameters
    ----------
    config : EngineConfig
        What the kernel ran with.
    data : mapping of str to Data
        The rows it took of each instrument, by symbol.
    events : structured array
        All events, as `EVENT_DTYPE`.

    Raises
    ------
    ConfigError
        When the symbols of the data are not those of the configuration.
    DataError
        When no instrument has a row.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.account import Account
    >>> ticks = ts.Ticks.from_arrays([1, 2], [50.0, 51.0], [1.0] * 2, [0] * 2, tick_size=1, lot=1)
    >>> engine = ts.Engine(ts.EngineConfig(tick_size=1, lot=1, taker_fee=0, spread_bps=0))
    >>> engine.place_order(ts.Order("MARKET", "BUY", 2))
    1
    >>> engine.bind(ticks)
    >>> _ = engine.advance()
    >>> account = Account(engine.config, {"ASSET": ticks}, engine.events)
    >>> account.scales.money.value(account.final_units - account.scales.cash_units)
    2.0
    """

    def __init__(self, config: EngineConfig, data: Mapping[str, Data], events: Events) -> None:
        if tuple(data) != config.symbols:
            raise ConfigError(
                f"data is of {', '.join(data) or 'nothing'}, the engine has "
                f"{', '.join(config.symbols)}",
                hint="give the rows of every instrument, in the order of config.symbols",
            )
        if not any(len(each) for each in data.values()):
            raise DataError(
                "no instrument has any rows", hint="see what the file or the slice holds"
            )
        self.config = config
        self.data = dict(data)
        self.events = events
        self.scales = Scales.of(config)

    # Rows.

    @cached_property
    def rows(self) -> list[Data]:
        """Data by index of the instrument."""
        return list(self.data.values())

    @cached_property
    def row_count(self) -> int:
        """Rows of all instruments."""
        return sum(len(each) for each in self.rows)

    @cached_property
    def bar_count(self) -> int:
        """Bars of all instruments; one that the run ended in counts."""
        return sum(
            -(-len(each) // rows_of_bar(each)) for each in self.rows if rows_of_bar(each) > 1
        )

    @cached_property
    def tick_count(self) -> int:
        """Rows of all instruments that are no rows of bars."""
        return sum(len(each) for each in self.rows if rows_of_bar(each) == 1)

    @cached_property
    def rows_told(self) -> str:
        """How many bars and ticks there are, in words: "29,996 bars"."""
        counts = {"bar": self.bar_count, "tick": self.tick_count}
        return " and ".join(
            f"{count:,} {name}{'' if count == 1 else 's'}"
            for name, count in counts.items()
            if count
        )

    @cached_property
    def span(self) -> Int64Array:
        """Times of the first and of the last row."""
        with_rows = [each.time for each in self.rows if len(each)]
        first, last = (
            (int(times[0]) for times in with_rows),
            (int(times[-1]) for times in with_rows),
        )
        return np.array([min(first), max(last)], np.int64)

    # Events.

    @cached_property
    def fills(self) -> Events:
        """FILLED events."""
        return self._of(EventKind.FILLED)

    @cached_property
    def postings(self) -> Events:
        """LEDGER events that move equity: settlements apart."""
        posted = self._of(EventKind.LEDGER)
        return np.asarray(posted[posted["reason"] != SETTLEMENT])

    @cached_property
    def flows(self) -> Events:
        """Deposits and withdrawals."""
        return np.asarray(self.postings[_is_flow(self.postings)])

    @cached_property
    def income(self) -> Events:
        """Funding, dividends, interest and borrowing costs."""
        return np.asarray(self.postings[~_is_flow(self.postings)])

    @cached_property
    def lives(self) -> OrderLives:
        """Lives of all orders, alerts apart."""
        return order_lives(self.events)

    def _of(self, kind: EventKind) -> Events:
        found: Events = self.events[self.events["kind"] == kind]
        return found

    # Equity.

    @cached_property
    def path(self) -> EquityPath:
        """Equity after every row."""
        return self._path(self.events)

    @cached_property
    def earned(self) -> EquityPath:
        """Equity without what was paid in and out after the start: what falls are measured on."""
        if len(self.flows) == 0:
            return self.path
        events = self.events.copy()
        is_posted = events["kind"] == EventKind.LEDGER
        # They stay as postings of nothing, so that both curves have the same points.
        events["realized_units"][is_posted & _is_flow(events)] = 0
        return self._path(events)

    @cached_property
    def final_units(self) -> int:
        """Equity at the end."""
        return int(self.path.at(self.span[-1:] + 1)[0])

    @cached_property
    def earned_units(self) -> int:
        """Profit or loss of the whole run, whatever was paid in or out."""
        return int(self.earned.at(self.span[-1:] + 1)[0]) - self.scales.cash_units

    def _path(self, events: Events) -> EquityPath:
        return EquityPath(
            self.rows,
            events,
            cash_units=self.scales.cash_units,
            units_per_tick_lot=self.scales.units_per_tick_lot,
        )

    # Samples.

    def sampled(self, interval: str) -> tuple[Sampling, npt.NDArray[Any]]:
        """Equity on a grid in time: at each point, after every row before it."""
        sampling = self.grid(interval)
        return sampling, self.path.at(sampling.times)

    def grid(self, interval: str) -> Sampling:
        """Points of a grid in time over the run."""
        return Sampling.of(interval, self.span, self.scales.time_unit)

    @cached_property
    def sampling(self) -> str:
        """Interval of the finest grid of no more than 10,000 points."""
        return self.finest(SAMPLES_MAX)

    def finest(self, points_max: int) -> str:
        """Interval of the finest grid of no more than so many points."""
        first, last = self.span.tolist()
        return finest_interval(last - first, points_max, self.scales.time_unit)

    def periods(self, interval: str) -> Periods:
        """Periods of a grid in which anything traded."""
        return Periods.of(self.grid(interval), self.rows, self.scales.time_unit)

    @cached_property
    def return_periods(self) -> Periods:
        """Periods whose returns the ratios are of: the longest of a day, an hour, a minute with 30 of
        them; a minute's where none has.
        """
        for interval in RETURN_INTERVALS:
            found = self.periods(interval)
            if found.total >= RETURNS_MIN:
                break
        return found

    @cached_property
    def has_returns(self) -> bool:
        """Whether there are enough of them to stretch their numbers to a year."""
        return self.return_periods.total >= RETURNS_MIN

    @cached_property
    def returns(self) -> Float64Array | None:
        """Returns of `return_periods`, without what was paid in and out; None without capital."""
        return self.returns_of(self.return_periods)

    @cached_property
    def sampled_equity(self) -> Float64Array:
        """Equity where the returns are sampled, in money."""
        return self.scales.amounts(self.path.at(self.return_periods.times))

    @cached_property
    def sampled_earned(self) -> Float64Array:
        """The same without what was paid in and out after the start."""
        if self.earned is self.path:
            return self.sampled_equity
        return self.scales.amounts(self.earned.at(self.return_periods.times))

    def returns_of(self, periods: Periods) -> Float64Array | None:
        """Returns of periods, without what was paid in and out; None when one begins on no capital."""
        is_own = periods is self.return_periods
        equity = self.sampled_equity if is_own else self.scales.amounts(self.path.at(periods.times))
        if len(self.flows) == 0:
            return returns(equity)
        later = self.flows[~posted_first(self.rows, self.flows)]
        paid = np.append(np.zeros(1, np.int64), np.cumsum(later["realized_units"]))
        upto = paid[np.searchsorted(later["time"], periods.times, side="left")]
        flows = self.scales.amounts(np.diff(upto))
        return returns(equity, flows=flows)

    # Falls.

    @cached_property
    def scan(self) -> DrawdownScan:
        """Highest equity and deepest fall over every row; of several instruments, every time."""
        scan = DrawdownScan(self.scales.cash_units)
        for _, equity in self.earned.moments():
            scan.push(equity)
        return scan

    @cached_property
    def peak_units(self) -> int:
        """Highest equity after any row, the start included."""
        if self.earned is self.path:
            return int(self.scan.peak)
        return max(self.scales.cash_units, *(int(each.max()) for _, each in self.path.moments()))

    @cached_property
    def falls(self) -> tuple[DrawdownSegments, Int64Array, str]:
        """Every fall of the equity curve, the times of its points, and what they are.

        The points are all rows (of several instruments, all times); of a run of more than a million
        rows the samples of `sampling`.
        """
        if self.row_count > FALL_ROWS_MAX:
            times = self.grid(self.sampling).times
            return drawdown_segments(self.earned.at(times)), times, self.sampling
        pieces = list(self.earned.moments())
        start = np.array([self.scales.cash_units])
        curve = np.concatenate([start, *(equity for _, equity in pieces)])
        times = np.concatenate([self.span[:1], *(times for times, _ in pieces)])
        return drawdown_segments(curve), times, "every row" if len(self.rows) == 1 else "every time"

    # Round trips.

    @cached_property
    def trips(self) -> RoundTrips:
        """Round trips, first in first out; those that are open, at the last price."""
        units = dict(enumerate(self.scales.units_per_tick_lot.tolist()))
        return round_trips(self.fills, units, marks=self._marks)

    @cached_property
    def excursions(self) -> Excursions:
        """How far each trip went against and in favour of its holder."""
        traded = np.unique(self.fills["instrument"]).tolist()
        prices: dict[int, Prices] = {index: price_ranges(self.rows[index]) for index in traded}
        units = dict(enumerate(self.scales.units_per_tick_lot.tolist()))
        return self.trips.excursions(prices, units)

    @cached_property
    def _marks(self) -> dict[int, Mark]:
        return {
            index: Mark(int(each.time[-1]), int(each.price_ticks[-1]), len(each) - 1)
            for index, each in enumerate(self.rows)
            if len(each)
        }

    # Positions.

    @cached_property
    def held_time(self) -> tuple[Int64Array, Int64Array]:
        """Times of the fills, and how many instruments have any lots from then on."""
        fills = self.fills
        is_net = (fills["reason"] & ~np.uint16(REASON_BITS)) == 0
        size = np.abs(fills["position_after_lots"])
        change = np.zeros(len(fills), np.int64)
        for rows in self._fills_of_each():
            held = size[rows] if is_net[rows[0]] else _hedged_lots(fills[rows])
            is_held = (held != 0).astype(np.int64)
            change[rows] = np.diff(np.append(np.zeros(1, np.int64), is_held))
        return fills["time"].astype(np.int64), np.cumsum(change)

    def positions_at_end(self) -> dict[str, int]:
        """Lots at the end of every instrument that is still held."""
        found: dict[str, int] = {}
        for rows in self._fills_of_each():
            lots = int(self.fills["position_after_lots"][rows[-1]])
            if lots:
                index = int(self.fills["instrument"][rows[-1]])
                found[self.scales.instruments[index].symbol] = lots
        return found

    def traded(self) -> list[tuple[int, InstrumentPath]]:
        """Index and path of every instrument that has a fill or a posting of its own."""
        return [(index, each) for index, each in enumerate(self.path.instruments) if each.is_traded]

    def _fills_of_each(self) -> list[Int64Array]:
        order = np.argsort(self.fills["instrument"], kind="stable")
        ordered = self.fills["instrument"][order]
        edges = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
        return np.split(order, edges) if len(order) else []


def rows_of_bar(data: Rows) -> int:
    """How many rows each bar of the data is made of; 1 for ticks."""
    bar_fill = getattr(data, "bar_fill", None)
    return 1 if bar_fill is None else ROWS_OF_BAR[bar_fill][0]


def price_ranges(data: Rows) -> tuple[Int64Array, Int64Array]:
    """Lowest and highest price of each row: of ticks both are its price."""
    columns = getattr(data, "columns", {})
    if "low_ticks" in columns:
        return columns["low_ticks"], columns["high_ticks"]
    return data.price_ticks, data.price_ticks


def _is_flow(events: Events) -> npt.NDArray[np.bool_]:
    return np.isin(events["reason"], FLOWS)


def _hedged_lots(fills: Events) -> Int64Array:
    """Lots held on both sides of an instrument that keeps them apart."""
    is_open = (fills["reason"] >> 8) == 1
    size = np.abs(fills["qty_lots"])
    return np.cumsum(np.where(is_open, size, -size))
