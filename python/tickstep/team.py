"""Several strategies on one account: one session, and a seat in it for each.

Cash, equity and margin are the account's; positions, orders, alerts and targets are a strategy's own. A
strategy hears of its own fills and orders, of every tick, and of the bars that it asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from tickstep.engine import OpenOrder, Order, Tick
from tickstep.errors import ConfigError, OrderError, nearest
from tickstep.session import Session
from tickstep.strategy import (
    Alert,
    Bar,
    Desk,
    Fill,
    OrderUpdate,
    Sessions,
    SessionUpdate,
    Strategy,
    overrides,
    parameters_of,
    take_desk,
)
from tickstep.targets import Targets
from tickstep.ticks import Number

__all__ = ["Team"]

BY_OWNER = ("on_order", "on_alert", "on_timer", "on_session")
OF_ALL = ("on_tick", "on_risk")


class Team(Strategy):
    """Strategies that trade one account together; `ts.backtest([One(), Two()], data)` makes one.

    Parameters
    ----------
    members : sequence of Strategy
        At least one; none that has run.

    Raises
    ------
    ConfigError
        When there are none, or one is there twice.

    Examples
    --------
    >>> import tickstep as ts
    >>> class Buys(ts.Strategy):
    ...     qty = 1
    ...     def on_start(self):
    ...         self.buy(self.qty)
    ...     def on_fill(self, fill):
    ...         print(self.qty, "holds", self.position)
    >>> ticks = ts.Ticks.from_arrays([1, 2], [5.0, 6.0], [9.0, 9.0], [0, 0], tick_size=1, lot=1)
    >>> result = ts.backtest([Buys(), Buys(qty=3)], ticks)
    1 holds 1.0
    3 holds 3.0
    >>> result.by_strategy()["position"].to_list()
    [1.0, 3.0]
    """

    def __init__(self, members: Sequence[Strategy]) -> None:
        super().__init__()
        self.members = tuple(members)
        if not self.members:
            raise ConfigError("there are no strategies", hint="give at least one")
        if len({id(each) for each in self.members}) < len(self.members):
            raise ConfigError(
                "one strategy is there twice",
                hint="make a new one for each place: [Mine(), Mine()]",
            )
        self._seats: list[_Seat] = []
        # What nobody hears costs nothing.
        for name in (*BY_OWNER, *OF_ALL, "on_bar"):
            heard = ("on_bar", "on_bars") if name == "on_bar" else (name,)
            if any(overrides(each, one) for each in self.members for one in heard):
                setattr(self, name, getattr(self, f"_{name}"))

    @property
    def names(self) -> list[str]:
        """A name for each member: its class, numbered where there are several of it."""
        kinds = [type(each).__name__ for each in self.members]
        return [
            name if kinds.count(name) == 1 else f"{name} {kinds[: place + 1].count(name)}"
            for place, name in enumerate(kinds)
        ]

    def _name(self) -> str:
        return " + ".join(self.names)

    def _parameters(self) -> dict[str, Any]:
        """Parameters of all, by member and name."""
        return {
            f"{name}.{parameter}": value
            for name, member in zip(self.names, self.members, strict=True)
            for parameter, value in parameters_of(member).items()
        }

    def _set_parameter(self, name: str, value: Any) -> None:
        member, _, parameter = name.partition(".")
        if member not in self.names or not parameter:
            raise ConfigError(
                f"there is no parameter {name!r}",
                hint=f"{nearest(name, self._parameters())}; write Member.parameter",
            )
        self.members[self.names.index(member)]._set_parameter(parameter, value)

    def _members(self) -> Sequence[Strategy]:
        return self.members

    def _owned(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {name: [] for name in self.names}
        names = list(found)
        for order_id, owner in cast("Session", self._running).owners.items():
            found[names[owner]].append(order_id)
        return found

    def _parts(self) -> list[Any]:
        return [part for member in self.members for part in member._parts()]

    # What the session tells.

    def on_start(self) -> None:
        """Seat the members and start each."""
        session = cast("Session", self._running)
        self._seats = [_Seat(session, number) for number in range(len(self.members))]
        for member, seat in zip(self.members, self._seats, strict=True):
            take_desk(member, cast("Desk", seat))
            member._take_seat(None)
            session.owner = seat.number
            member.on_start()
        for seat in self._seats:
            seat.ask_for_own_bars()

    def on_fill(self, fill: Fill) -> None:
        """Count the owner's position and tell it; what a risk manager closes, whose it was."""
        if cast("Session", self._running).owner is None:
            self._closed(fill)
            return
        seat = self._seat()
        own = seat.count(fill)
        self.members[seat.number].on_fill(own)

    def _closed(self, fill: Fill) -> None:
        """Take a fill that nobody ordered off those who hold the position, in their order."""
        lot = cast("Session", self._running).scale_of(fill.symbol).lot
        lots, sign = lot.index(fill.qty, "qty", OrderError), 1 if fill.side == "BUY" else -1
        left = lots
        for member, seat in zip(self._each(), self._seats, strict=True):
            part = min(left, max(0, -sign * seat.holding(fill.symbol)[2]))
            if part > 0:
                left -= part
                fee, earned = (each * part / lots for each in (fill.fee, fill.realized_pnl))
                own = fill._replace(qty=lot.value(part), fee=fee, realized_pnl=earned)
                member.on_fill(seat.count(own))

    def on_stop(self) -> None:
        """Stop each member."""
        for member in self._each():
            member.on_stop()

    def _on_order(self, update: OrderUpdate) -> None:
        if cast("Session", self._running).owner is None:  # a risk manager closes a position
            return
        self.members[self._seat().number].on_order(update)

    def _on_alert(self, alert: Alert) -> None:
        self.members[self._seat().number].on_alert(alert)

    def _on_timer(self, time: int) -> None:
        self.members[self._seat().number].on_timer(time)

    def _on_session(self, session: SessionUpdate) -> None:
        self.members[self._seat().number].on_session(session)

    def _on_tick(self, tick: Tick) -> None:
        for member in self._each():
            member.on_tick(tick)

    def _on_risk(self, breach: Any) -> None:
        for member in self._each():
            member.on_risk(breach)

    def _on_bar(self, bar: Bar) -> None:
        for member, seat in zip(self._each(), self._seats, strict=True):
            if (bar.symbol, bar.interval) in seat.asked:
                seat.together[bar.symbol] = bar
                member.on_bar(bar)
        if bar.is_last:
            for member, seat in zip(self._each(), self._seats, strict=True):
                bars, seat.together = seat.together, {}
                if bars:
                    member.on_bars(bars)

    def _each(self) -> Any:
        """Every member in turn, with what it does put down to it."""
        session = cast("Session", self._running)
        for number, member in enumerate(self.members):
            session.owner = number
            yield member

    def _seat(self) -> "_Seat":
        """The seat of the owner of the order that the session tells of."""
        owner = cast("Session", self._running).owner
        assert owner is not None, "every order has an owner"
        return self._seats[owner]


class _Seat:
    """What one member acts through: its own orders and positions, the session for the rest."""

    def __init__(self, session: Session, number: int) -> None:
        self._session = session
        self.number = number
        self.asked: set[tuple[str, str]] = set()
        self.together: dict[str, Bar] = {}  # bars of one moment
        self._lots = dict.fromkeys(session.symbols, 0)
        self._targets = Targets(self, session.scales)
        session.all_targets.append(self._targets)

    def __getattr__(self, name: str) -> Any:
        # A copy is made without `__init__`, and asks before it has a session.
        if name.startswith("__") or name == "_session":
            raise AttributeError(name)
        return getattr(self._session, name)

    def count(self, fill: Fill) -> Fill:
        """Take a fill in, and tell it with the member's own position."""
        scale = self._session.scale_of(fill.symbol)
        lots = scale.lot.index(fill.qty, "qty", OrderError)
        self._lots[fill.symbol] += lots if fill.side == "BUY" else -lots
        return fill._replace(position=scale.lot.value(self._lots[fill.symbol]))

    def ask_for_own_bars(self) -> None:
        """Ask for the bars of the data where none were asked for."""
        if self.asked:
            return
        for symbol in self._session.symbols:
            interval = self._session.interval_of(symbol)
            if interval is not None:
                self.every(interval, symbol)

    # Positions.

    def holding(self, symbol: str | None = None) -> tuple[int, int, int]:
        """Tick index, last price in ticks and the member's position in lots."""
        symbol = self._targets.named(symbol)
        tick_index, price_ticks, _ = self._session.holding(symbol)
        return tick_index, price_ticks, self._lots[symbol]

    def position(self, symbol: str | None = None) -> float:
        """The member's position."""
        symbol = self._targets.named(symbol)
        return self._session.scale_of(symbol).lot.value(self._lots[symbol])

    def positions(self) -> dict[str, float]:
        """The member's positions that are not 0, by symbol."""
        return {symbol: self.position(symbol) for symbol, lots in self._lots.items() if lots}

    # Orders.

    def place(self, order: Order) -> int:
        """Place an order of the member."""
        self._session.owner = self.number
        return self._session.place(order)

    def open_orders(self) -> list[OpenOrder]:
        """The member's orders that wait."""
        owners = self._session.owners
        waiting = self._session.open_orders()
        return [each for each in waiting if owners.get(each.order_id) == self.number]

    def order(self, order_id: int) -> OpenOrder | None:
        """An open order of the member."""
        return self._session.order(self._own(order_id))

    def cancel(self, order_id: int) -> bool:
        """Cancel an order of the member."""
        return self._session.cancel(self._own(order_id))

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel the member's orders."""
        for each in self.open_orders():
            if symbol is None or each.symbol == self._targets.named(symbol):
                self._session.cancel(each.order_id)

    def amend(self, order_id: int, changes: Mapping[str, Number]) -> bool:
        """Change an order of the member."""
        return self._session.amend(self._own(order_id), changes)

    def target(self, symbol: str | None, qty: Number) -> int | None:
        """Trade so that the member holds a quantity."""
        return self._targets.qty(symbol, qty)

    def target_value(self, symbol: str | None, value: Number) -> int | None:
        """Trade so that the member holds a value."""
        return self._targets.value(symbol, value)

    def target_percent(self, symbol: str | None, fraction: Number) -> int | None:
        """Trade so that the member holds a share of the account's equity."""
        return self._targets.share(symbol, fraction)

    def rebalance(self, weights: Mapping[str, Number]) -> list[int]:
        """Trade so that the member holds shares of the account's equity."""
        placed = self._targets.weights(weights)
        if self._targets.is_waiting:
            self._session.wake_on_ends()
        return placed

    def every(self, interval: str, symbol: str | None = None) -> None:
        """Ask for bars; what another member has asked for is shared."""
        symbols = self._session.symbols if symbol is None else (self._targets.named(symbol),)
        for each in symbols:
            if not self._session.keeps(each, interval):
                self._session.every(interval, each)
            self.asked.add((each, interval))

    def sessions(self, calendar: Sessions) -> None:
        """Ask for trading days."""
        self._session.owner = self.number
        self._session.sessions(calendar)

    def _own(self, order_id: int) -> int:
        owner = self._session.owners.get(order_id)
        if owner is not None and owner != self.number:
            raise OrderError(
                f"order {order_id} is another strategy's", hint="a strategy has its own orders only"
            )
        return order_id
