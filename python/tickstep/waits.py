"""What a strategy waits for: ends of bars, times, prices, trading days, and exits that follow fills."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from tickstep._kernel import Grid
from tickstep.engine import Order
from tickstep.errors import DataError, OrderError
from tickstep.strategy import Sessions, SessionUpdate
from tickstep.ticks import Number
from tickstep.venue import Event

__all__ = ["EndOfCalendar", "Exits", "Interval", "Wait", "in_group", "next_session"]


class Interval(NamedTuple):
    """A bar in the making, and where it ends."""

    symbol: str
    text: str
    length: int
    stop: int


class Wait(NamedTuple):
    """What an alert is for: a price, or a time, or the end of a bar."""

    time: int | None
    interval: Interval | None = None
    session: "SessionUpdate | EndOfCalendar | None" = None
    calendar: Sessions | None = None


class EndOfCalendar(NamedTuple):
    """Data after this time are beyond what the calendar knows."""

    time: int
    error: DataError


class Exits(NamedTuple):
    """What follows the fills of an order."""

    take_profit: Number | None
    stop_loss: Number | None

    def check(self, side: str, tick: Grid) -> None:
        """See now that the exits can be placed, and not when the entry is filled."""
        profit, loss = self
        if profit is None and loss is None:
            raise OrderError(
                "a bracket without take_profit and stop_loss has no exit",
                hint="give one of them, or use buy and sell",
            )
        at_profit = None if profit is None else tick.index(profit, "take_profit", OrderError)
        at_loss = None if loss is None else tick.index(loss, "stop_loss", OrderError)
        if at_profit is None or at_loss is None:
            return
        if at_profit == at_loss or (at_profit > at_loss) != (side == "BUY"):
            where = "above" if side == "BUY" else "below"
            raise OrderError(
                f"take_profit {profit} is not {where} stop_loss {loss}",
                hint=f"a {side} earns when the price goes the other way than its stop",
            )

    def orders(self, fill: Event, symbol: str, qty: Decimal) -> Iterator[Order]:
        """The exits of a fill."""
        side = "SELL" if fill.side == "BUY" else "BUY"
        shared: dict[str, Any] = {"symbol": symbol, "tag": fill.tag, "reduce_only": True}
        if self.take_profit is not None:
            yield Order("LIMIT", side, qty, price=self.take_profit, **shared)
        if self.stop_loss is not None:
            yield Order("STOP", side, qty, trigger=self.stop_loss, **shared)


def next_session(calendar: Sessions, after: int) -> SessionUpdate:
    """The first begin or end of a trading day after a moment."""
    open_time = calendar.next_open(after + 1)
    # A day that is open then may have begun before, and ends later.
    for day in calendar.sessions(after, open_time + 1):
        for time, is_open in ((day.open, True), (day.close, False)):
            if time > after:
                return SessionUpdate(time, str(day.day), is_open)
    raise AssertionError("a calendar that opens has a day that does")


def in_group(order: Order, group: int) -> Order:
    arguments, named = order.__getnewargs_ex__()
    return Order(*arguments, **{**named, "oco_group": group})
