"""What carries a strategy that was written for another system: its orders, its clock, its name.

A `Held` is a strategy of ours. It holds the user's object, hands it what it expects, and turns what it
asks for into our verbs; orders, fills and money are the session's, as for any strategy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Protocol

import numpy as np

from tickstep.compat.names import unknown
from tickstep.data.calendar import utc_to_zone, zone_to_utc
from tickstep.engine import Order
from tickstep.errors import ConfigError
from tickstep.scales import Scale
from tickstep.strategy import PARAMETER_TYPES, Fill, OrderUpdate, Strategy
from tickstep.ticks import NS_PER_UNIT

__all__ = [
    "Clock",
    "Held",
    "Ticket",
    "TradingDays",
    "even_fee",
    "hold",
    "time_of_day",
    "users_classes",
]

QUARTER_S = 900  # offsets of time zones change on whole quarters of an hour
ENDED = {"REJECTED", "CANCELLED", "EXPIRED"}
WEEKDAYS = 5


class TradingDays(Protocol):
    """What is asked of a calendar; `ts.calendar("SSE")` is one."""

    zone: str

    def trading_day(self, time: Any) -> date:
        """The trading day a moment belongs to."""

    def next_open(self, time: Any) -> int:
        """The first moment from a time on at which the market is open."""


@dataclass
class Ticket:
    """An own order, from its placement on."""

    order_id: int
    symbol: str
    order_type: str
    side: str
    qty: Decimal
    price: float | None
    trigger: float | None
    time: int
    status: str = "NEW"  # then ACCEPTED, PART, FILLED, REJECTED, CANCELLED or EXPIRED
    reason: str = ""
    filled: Decimal = Decimal(0)
    value: float = 0.0  # sum of price * quantity of the fills
    fees: float = 0.0
    note: Any = None  # whatever the style that placed it keeps with it

    @property
    def is_open(self) -> bool:
        return self.status in ("NEW", "ACCEPTED", "PART")

    @property
    def average(self) -> float:
        """Mean price of the fills; 0 before the first."""
        return self.value / float(self.filled) if self.filled else 0.0

    def take(self, fill: Fill) -> None:
        """Count a fill."""
        self.filled += Decimal(str(fill.qty))
        self.value += fill.price * fill.qty
        self.fees += fill.fee
        self.status = "FILLED" if self.filled >= self.qty else "PART"

    def hear(self, update: OrderUpdate) -> None:
        """Count what else became of it."""
        if update.kind in ENDED:
            self.status, self.reason = update.kind, update.reason
        elif update.kind == "ACCEPTED" and self.status == "NEW":
            self.status = "ACCEPTED"


class Clock:
    """Local time of day, for what is asked for by it.

    Parameters
    ----------
    zone : str
        Such as "Asia/Shanghai".
    time_unit : {"s", "ms", "us", "ns"}
        Unit of moments.

    Examples
    --------
    >>> from datetime import date, time
    >>> from tickstep.compat.held import Clock
    >>> clock = Clock("Asia/Shanghai", "ms")
    >>> moment = clock.moment(date(2024, 1, 2), time(9, 30))
    >>> moment, str(clock.local(moment))
    (1704159000000, '2024-01-02 09:30:00')
    """

    def __init__(self, zone: str, time_unit: str) -> None:
        self.zone = zone
        self.time_unit = time_unit
        self._per_second = 10**9 // NS_PER_UNIT[time_unit]
        self._offsets: dict[int, int] = {}
        self.local(0)  # a zone that is none is told at once

    def local(self, moment: int) -> datetime:
        """Wall-clock time of a moment, without a zone; microseconds are the finest."""
        quarter = moment // (QUARTER_S * self._per_second)
        offset = self._offsets.get(quarter)
        if offset is None:
            start = np.array([quarter * QUARTER_S]).astype("datetime64[s]")
            offset = int((utc_to_zone(start, self.zone) - start).astype(np.int64)[0])
            self._offsets[quarter] = offset
        micros = moment * 1_000_000 // self._per_second
        return datetime(1970, 1, 1) + timedelta(seconds=offset, microseconds=micros)

    def moment(self, day: date, at: time) -> int:
        """The moment of a wall-clock time."""
        local = np.array([datetime.combine(day, at)], "datetime64[s]")
        return int(zone_to_utc(local, self.zone).astype(np.int64)[0]) * self._per_second


def time_of_day(text: str) -> time:
    """Read "9:30" or "14:55:00".

    Raises
    ------
    ConfigError
        When it is no time of day.
    """
    parts = text.split(":")
    try:
        hour, minute, second = (int(each) for each in (*parts, "0")[:3])
        return time(hour, minute, second)
    except ValueError:
        raise ConfigError(
            f"{text!r} is not a time of day", hint='write it as "09:30" or "14:55:00"'
        ) from None


@dataclass
class _Daily:
    at: time
    call: Callable[[int], None]


@dataclass
class _Timers:
    """What is to be called at which local time: one alert at the kernel for the next of them all."""

    daily: list[_Daily] = field(default_factory=list)
    once: list[tuple[int, Callable[[int], None]]] = field(default_factory=list)
    waiting: tuple[int, int] | None = None  # moment and alert
    seen: date | None = None  # the last day known to have had a tick


class Held(Strategy):
    """A strategy that carries a user's object; see the head of this module."""

    _user: Any = None
    _zone = "UTC"
    _calendar: TradingDays | None = None

    def __new__(cls, *args: Any, **keywords: Any) -> Any:
        made = super().__new__(cls, *args, **keywords)
        made.tickets = {}
        made._timers = _Timers()
        return made

    tickets: dict[int, Ticket]
    _timers: _Timers

    # Orders.

    def gridded(self, symbol: str, price: Any, side: str) -> Decimal:
        """A price on the tick grid, never a worse one: of buys the tick below, of sells above."""
        step = Decimal(self.scale_of(symbol).tick.step)
        # What is within a millionth of a tick is noise of floats.
        ticks = Decimal(repr(round(float(price) / float(step), 6)))
        return ticks.to_integral_value(ROUND_FLOOR if side == "BUY" else ROUND_CEILING) * step

    def send(
        self,
        side: str,
        qty: Any,
        symbol: str,
        *,
        limit: Any = None,
        stop: Any = None,
        **options: Any,
    ) -> Ticket:
        """Place an order and keep its ticket."""
        symbol = self.known(symbol)
        kind = {(False, False): "MARKET", (True, False): "LIMIT", (False, True): "STOP"}.get(
            (limit is not None, stop is not None), "STOP_LIMIT"
        )
        at, trigger = (
            None if each is None else self.gridded(symbol, each, side) for each in (limit, stop)
        )
        order_id = self.order(
            Order(kind, side, qty, price=at, trigger=trigger, symbol=symbol, **options)
        )
        return self._kept(order_id, symbol, kind, side, qty, limit, stop)

    def scale_of(self, symbol: str) -> Scale:
        """Sizes of an instrument."""
        symbol = self.known(symbol)
        return next(each for each in self._running.scales.instruments if each.symbol == symbol)

    def known(self, symbol: str) -> str:
        """Return the name of an instrument, or raise the error that names the nearest."""
        if symbol not in self.symbols:
            raise unknown("the run", symbol, self.symbols)
        return symbol

    def aim(self, symbol: str, order_id: int | None) -> Ticket | None:
        """Keep the ticket of what `target` or `target_value` placed."""
        if order_id is None:
            return None
        if order_id in self.tickets:
            return self.tickets[order_id]
        placed = next((each for each in self.open_orders if each.order_id == order_id), None)
        if placed is None:  # it was refused at once, and its event is still to come
            return self._kept(order_id, symbol, "MARKET", "BUY", 0, None, None)
        return self._kept(order_id, symbol, "MARKET", placed.side, placed.qty, None, None)

    def _kept(
        self,
        order_id: int,
        symbol: str,
        kind: str,
        side: str,
        qty: Any,
        limit: float | None,
        stop: float | None,
    ) -> Ticket:
        ticket = Ticket(order_id, symbol, kind, side, Decimal(str(qty)), limit, stop, time=self.now)
        self.tickets[order_id] = ticket
        return ticket

    def open_tickets(self, symbol: str | None = None) -> list[Ticket]:
        """Orders that wait, in order of their ids."""
        own = (self.tickets.get(each.order_id) for each in self.open_orders)
        return [each for each in own if each is not None and symbol in (None, each.symbol)]

    def on_order(self, update: OrderUpdate) -> None:
        ticket = self.tickets.get(update.order_id)
        if ticket is not None:
            ticket.hear(update)
            self.heard(ticket, update)

    def on_fill(self, fill: Fill) -> None:
        ticket = self.tickets.get(fill.order_id)
        if ticket is not None:
            ticket.take(fill)
            self.traded(ticket, fill)

    def heard(self, ticket: Ticket, update: OrderUpdate) -> None:
        """Tell the user's object of an order."""

    def traded(self, ticket: Ticket, fill: Fill) -> None:
        """Tell the user's object of a fill."""

    # Time.

    @property
    def clock(self) -> Clock:
        """The local time of the market."""
        made = self.__dict__.get("_clock")
        if made is None:
            zone = self._zone if self._calendar is None else self._calendar.zone
            made = self.__dict__.setdefault("_clock", Clock(zone, self._running.scales.time_unit))
        return made  # type: ignore[no-any-return]

    def is_trading_day(self, day: date) -> bool:
        """Whether the market opens on a day: by the calendar, else from Monday to Friday."""
        if self._calendar is None:
            return day.weekday() < WEEKDAYS
        noon = self.clock.moment(day, time(12))
        return self._calendar.trading_day(noon) == day

    def next_trading_day(self, day: date) -> date:
        """The first trading day after a day."""
        day += timedelta(days=1)
        while not self.is_trading_day(day):
            day += timedelta(days=1)
        return day

    def daily(self, at: time, call: Callable[[int], None]) -> None:
        """Ask for a call at a local time of each trading day, with the moment it was asked for."""
        self._timers.daily.append(_Daily(at, call))
        has_begun = any(self.price_of(symbol) is not None for symbol in self.symbols)
        # The first day is a whole one: what lies before its first tick is called on that tick.
        day = self.clock.local(self.now).date()
        self._set_timer(self.now if has_begun else self.clock.moment(day, time(0)))

    def saw(self, moment: int) -> None:
        """Note that there was a market at a moment: on other days daily calls are left out."""
        if self._timers.daily:
            self._timers.seen = self.clock.local(moment).date()

    def once(self, moment: int, call: Callable[[int], None]) -> None:
        """Ask for one call on the first tick at or after a moment."""
        self._timers.once.append((moment, call))
        self._set_timer(self.now)

    def on_timer(self, time: int) -> None:
        timers = self._timers
        timers.waiting = None
        due = [each for each in self._due(time - 1) if each[0] <= self.now]
        timers.once = [each for each in timers.once if each[0] > self.now]
        for moment, call in sorted(due, key=lambda each: each[0]):
            call(moment)
        self.saw(self.now)
        self._set_timer(self.now + 1)

    def _due(self, after: int) -> list[tuple[int, Callable[[int], None]]]:
        """Calls after a moment: those once, and of the daily ones those up to now."""
        found = [each for each in self._timers.once if each[0] <= self.now]
        day = self.clock.local(after).date()
        last = self.clock.local(self.now).date()
        while day <= last:
            # A trading day that turns out to be without a tick is none.
            if self.is_trading_day(day) and day in (last, self._timers.seen):
                moments = [
                    (self.clock.moment(day, each.at), each.call) for each in self._timers.daily
                ]
                found += [each for each in moments if each[0] > after]
            day += timedelta(days=1)
        return found

    def _set_timer(self, start: int) -> None:
        """Keep one alert, for the first of all times from a moment on."""
        timers = self._timers
        moments = [moment for moment, _ in timers.once]
        day = self.clock.local(start).date()
        if timers.daily:
            found = [
                moment
                for each in timers.daily
                if (moment := self.clock.moment(day, each.at)) >= start and self.is_trading_day(day)
            ]
            if not found:
                day = self.next_trading_day(day)
                found = [self.clock.moment(day, each.at) for each in timers.daily]
            moments += found
        if not moments:
            return
        first = min(moments)
        if timers.waiting is not None:
            if timers.waiting[0] == first:
                return
            self.cancel(timers.waiting[1])
        timers.waiting = (first, self.at(first))

    # What it is.

    def _parts(self) -> list[Any]:
        """What the identity of the strategy is made of."""
        return users_classes(type(self._user))


def users_classes(kind: type) -> list[type]:
    """List a class and those it derives from, as far as a user wrote them, base classes first."""
    ours = ("tickstep.", "builtins", "abc", "typing")
    return [each for each in reversed(kind.__mro__) if not each.__module__.startswith(ours)]


def hold(carrier: type[Held], name: str, parameters: Mapping[str, Any], **attributes: Any) -> Held:
    """Make a strategy that goes by the user's name, and has the user's parameters.

    Parameters
    ----------
    carrier : class of Held
        The style.
    name : str
        Of the user's class.
    parameters : mapping
        What the result shows of it; only plain values.
    **attributes
        What the style needs.
    """
    shown = {
        (name if not hasattr(carrier, name) else f"{name}_"): value
        for name, value in parameters.items()
        if isinstance(value, PARAMETER_TYPES) and not name.startswith("_")
    }
    made: Held = type(name, (carrier,), {**shown, "__doc__": carrier.__doc__})()
    for attribute, value in attributes.items():
        setattr(made, f"_{attribute}", value)
    return made


def even_fee(of_buys: Decimal, of_sells: Decimal) -> Decimal:
    """One rate for both sides that costs a round trip at one price the same, rounded up to 10^-9.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from tickstep.compat.held import even_fee
    >>> even_fee(Decimal("0.0003"), Decimal("0.0013"))
    Decimal('0.000800000')
    """
    return ((of_buys + of_sells) / 2).quantize(Decimal("1e-9"), ROUND_CEILING)
