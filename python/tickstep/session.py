"""The one loop around a strategy: events in, calls of the strategy, commands out.

A `Session` holds a strategy and a venue it trades at. Whoever drives it (a backtest, later a live
feed) lets the venue run until something happened that the session waits for (`WAKE_ON`), and hands
over the events. A session has no clock, file, socket or thread; time is the time of events.

Bars and times are ALERT_TIME orders at the venue. A wake-up is thereby an event like a fill: it has
its place in the order of things, it is in the record, and a run repeated from the record's ticks
meets it again on the same tick.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, Self

from tickstep._kernel import Grid
from tickstep.engine import (
    LIQUIDITY_MAKER,
    REASON_BITS,
    EngineConfig,
    EventKind,
    Events,
    OpenOrder,
    Order,
    Snapshot,
)
from tickstep.errors import ConfigError, OrderError
from tickstep.intervals import interval_length
from tickstep.strategy import Alert, Bar, Fill, Strategy
from tickstep.ticks import Number, Ticks, Time, to_time

__all__ = [
    "WAKE_ON",
    "Event",
    "Market",
    "Session",
    "TicksMarket",
    "Units",
    "Venue",
]

WAKE_ON = ("FILLED", "ALERT")  # kinds of events after which the session must be called

ALERTS = ("ALERT_PRICE", "ALERT_TIME")  # order types that trade nothing
ALERT_SIDES = {"above": "BUY", "below": "SELL"}
FILLED, ALERT = int(EventKind.FILLED), int(EventKind.ALERT)


class Event(NamedTuple):
    """One row of `EVENT_DTYPE` with names; exact integers."""

    kind: int
    reason: int
    instrument: int
    sequence: int
    time: int
    tick_index: int
    order_id: int
    tag: int
    price_ticks: int
    qty_lots: int
    fee_units: int
    realized_units: int
    position_after_lots: int

    @property
    def side(self) -> str:
        """Whose the order is; quantities of sells are negative."""
        return "BUY" if self.qty_lots > 0 else "SELL"

    @property
    def is_maker(self) -> bool:
        """Of a fill: whether the order rested before it traded."""
        return self.reason & REASON_BITS == LIQUIDITY_MAKER


class Units(NamedTuple):
    """What the integers of an engine with one instrument stand for."""

    symbol: str
    time_unit: str
    tick: Grid
    lot: Grid
    money: Grid

    @classmethod
    def of(cls, config: EngineConfig) -> Self:
        """Read them from a configuration.

        Parameters
        ----------
        config : EngineConfig
            With one instrument.

        Returns
        -------
        Units
            Grids of price, quantity and money.

        Examples
        --------
        >>> import tickstep as ts
        >>> from tickstep.session import Units
        >>> Units.of(ts.EngineConfig(tick_size="0.25")).tick.value(5)
        1.25
        """
        canonical = config.canonical()
        (instrument,) = canonical["instruments"]
        return cls(
            instrument["symbol"],
            canonical["time_unit"],
            Grid(instrument["tick_size"], "tick_size"),
            Grid(instrument["lot"], "lot"),
            Grid(canonical["money_unit"], "money_unit"),
        )


class Venue(Protocol):
    """Where a session trades; an `Engine` is one."""

    def get_snapshot(self) -> Snapshot:
        """The account and the position now."""

    def open_orders(self) -> list[OpenOrder]:
        """Orders and alerts that wait."""

    def place_order(self, order: Order, /) -> int:
        """Place an order and return its id."""

    def cancel_order(self, order_id: int, /) -> bool:
        """Cancel an order; False when it had already ended."""

    def cancel_all(self) -> None:
        """Cancel every open order; alerts stay."""

    def amend_order(
        self,
        order_id: int,
        /,
        *,
        qty: Number | None = None,
        price: Number | None = None,
        trigger: Number | None = None,
        trail: Number | None = None,
    ) -> bool:
        """Change an order; False when it had already ended."""


class Market(Protocol):
    """Where a session gets bars from."""

    def bar(self, interval: str, start: int, stop: int) -> Bar | None:
        """The bar of start <= time < stop, or None without trades."""


class TicksMarket:
    """Bars cut out of ticks.

    Parameters
    ----------
    ticks : Ticks
        All that the venue will be fed; a bar is asked for only when its time is past.
    units : Units
        What their integers stand for.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.session import TicksMarket, Units
    >>> prices, qtys = [5.0, 7.0, 6.0, 9.0], [1.0, 2.0, 1.0, 1.0]
    >>> ticks = ts.Ticks.from_arrays([0, 400, 900, 1000], prices, qtys, [0, 0, 1, 0], tick_size=1)
    >>> units = Units.of(ts.EngineConfig(tick_size=1))
    >>> bar = TicksMarket(ticks, units).bar("1s", 0, 1000)
    >>> bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades
    (5.0, 7.0, 5.0, 6.0, 4.0, 3)
    """

    def __init__(self, ticks: Ticks, units: Units) -> None:
        self._units = units
        self._time = ticks.time
        self._price_ticks = ticks.price_ticks
        self._qty_lots = ticks.qty_lots

    def bar(self, interval: str, start: int, stop: int) -> Bar | None:
        """Cut out one bar.

        Parameters
        ----------
        interval : str
            What was asked for.
        start, stop : int, in the ticks' time unit
            The rows with start <= time < stop.

        Returns
        -------
        Bar or None
            None without trades.
        """
        first, end = self._time.searchsorted((start, stop)).tolist()
        if first == end:
            return None
        prices = self._price_ticks[first:end]
        price = self._units.tick.value
        return Bar(
            self._units.symbol,
            interval,
            start,
            stop,
            price(int(prices[0])),
            price(int(prices.max())),
            price(int(prices.min())),
            price(int(prices[-1])),
            self._units.lot.value(int(self._qty_lots[first:end].sum())),
            end - first,
        )


class _Interval(NamedTuple):
    """A bar in the making, and where it ends."""

    text: str
    length: int
    stop: int


class _Wait(NamedTuple):
    """What an alert is for: a price, or a time, or the end of a bar."""

    time: int | None
    interval: _Interval | None = None


class Session:
    """One run of one strategy at one venue; see the head of this module.

    Parameters
    ----------
    strategy : Strategy
        One that has not run yet.
    venue : Venue
        Where it trades.
    market : Market
        Where its bars come from.
    units : Units
        What the integers of events stand for.
    start_time : int, in the venue's time unit
        When the session begins.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.session import WAKE_ON, Session, TicksMarket, Units
    >>> class Once(ts.Strategy):
    ...     def on_start(self):
    ...         self.buy(1)
    ...     def on_fill(self, fill):
    ...         print(fill.side, fill.qty, "at", fill.price)
    >>> ticks = ts.Ticks.from_arrays([1, 2], [5.0, 6.0], [1.0, 1.0], [0, 0], tick_size=1, lot=1)
    >>> engine = ts.Engine(ts.EngineConfig(tick_size=1, lot=1, spread_bps=0))
    >>> engine.bind(ticks)
    >>> units = Units.of(engine.config)
    >>> session = Session(Once(), engine, TicksMarket(ticks, units), units, start_time=1)
    >>> session.start()
    >>> while engine.advance(stop_on=WAKE_ON).ticks_done:
    ...     session.take(engine.drain_events())
    BUY 1.0 at 5.0
    >>> session.stop()
    """

    def __init__(
        self, strategy: Strategy, venue: Venue, market: Market, units: Units, *, start_time: int
    ) -> None:
        if strategy._desk is not None:
            raise ConfigError(
                f"this {type(strategy).__name__} has run already, and what it kept would go on",
                hint=f"make a new one for each run: {type(strategy).__name__}()",
            )
        self._strategy = strategy
        self._venue = venue
        self._market = market
        self._units = units
        self._now = start_time
        self._waits: dict[int, _Wait] = {}
        strategy._desk = self

    # For the driver.

    def start(self) -> None:
        """Call `on_start`, before the first tick."""
        self._strategy.on_start()

    def take(self, events: Events) -> None:
        """Call the strategy for each event that concerns it, in their order.

        Parameters
        ----------
        events : structured array
            What the venue has emitted since the last call, as `EVENT_DTYPE`.
        """
        for row in events.tolist():
            if row[0] == FILLED:
                self._filled(Event._make(row))
            elif row[0] == ALERT:
                self._woken(Event._make(row))

    def stop(self) -> None:
        """Call `on_stop`, after the last tick."""
        self._strategy.on_stop()

    # For the strategy: what `Desk` promises.

    @property
    def now(self) -> int:
        """Time of the event that woke the strategy; the session's start before the first."""
        return self._now

    def snapshot(self) -> Snapshot:
        """The account and the position now."""
        return self._venue.get_snapshot()

    def open_orders(self) -> list[OpenOrder]:
        """Own orders that wait, alerts not among them."""
        return [order for order in self._venue.open_orders() if order.order_type not in ALERTS]

    def place(self, order: Order) -> int:
        """Place an order or an alert and return its id."""
        order_id = self._venue.place_order(order)
        if order.order_type in ALERTS:
            self._waits[order_id] = _Wait(order.expire_ts)
        return order_id

    def cancel(self, order_id: int) -> bool:
        """Cancel an order or an alert; False when it had already ended."""
        is_cancelled = self._venue.cancel_order(order_id)
        if is_cancelled:
            self._waits.pop(order_id, None)
        return is_cancelled

    def cancel_all(self) -> None:
        """Cancel every open order; alerts stay."""
        self._venue.cancel_all()

    def amend(self, order_id: int, changes: Mapping[str, Number]) -> bool:
        """Change an order; False when it had already ended."""
        return self._venue.amend_order(order_id, **changes)

    def every(self, interval: str) -> None:
        """Ask for bars."""
        length = interval_length(interval, self._units.time_unit)
        self._wait_for_bar(interval, length)

    def at(self, time: Time) -> int:
        """Ask to be woken at a time."""
        moment = to_time(time, self._units.time_unit)
        return self.place(Order("ALERT_TIME", expire_ts=moment))

    def alert_price(self, price: Number, when: str) -> int:
        """Ask to be woken at a price."""
        if when not in ALERT_SIDES:
            raise OrderError(
                f"when {when!r} is neither 'above' nor 'below'",
                hint="leave it out to wait on the side where the last price is not",
            )
        return self.place(Order("ALERT_PRICE", ALERT_SIDES[when], trigger=price))

    # How events reach the strategy.

    def _filled(self, event: Event) -> None:
        self._now = event.time
        units = self._units
        self._strategy.on_fill(
            Fill(
                event.time,
                units.symbol,
                event.order_id,
                event.tag,
                event.side,
                units.tick.value(event.price_ticks),
                units.lot.value(abs(event.qty_lots)),
                units.money.value(event.fee_units),
                units.money.value(event.realized_units),
                units.lot.value(event.position_after_lots),
                event.is_maker,
            )
        )

    def _woken(self, event: Event) -> None:
        self._now = event.time
        wait = self._waits.pop(event.order_id)
        if wait.interval is not None:
            self._end_bar(wait.interval)
        elif wait.time is not None:
            self._strategy.on_time(wait.time)
        else:
            price = self._units.tick.value(event.price_ticks)
            self._strategy.on_alert(Alert(event.time, self._units.symbol, event.order_id, price))

    def _end_bar(self, interval: _Interval) -> None:
        bar = self._market.bar(interval.text, interval.stop - interval.length, interval.stop)
        # Set before the strategy is called: an error of its own must not end the bars.
        self._wait_for_bar(interval.text, interval.length)
        if bar is not None:
            self._strategy.on_bar(bar)

    def _wait_for_bar(self, text: str, length: int) -> None:
        stop = (self._now // length + 1) * length
        order_id = self._venue.place_order(Order("ALERT_TIME", expire_ts=stop))
        self._waits[order_id] = _Wait(stop, _Interval(text, length, stop))
