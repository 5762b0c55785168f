"""What a user writes: a class with parameters, called when something happens.

A strategy sleeps until one of the things it asked for comes: the start, a bar, a fill, an alert, a
time, the stop. In between the kernel runs alone, so a run costs per event and not per tick. Every
wake-up belongs to a tick: the strategy is called after that tick is done, knows nothing later, and
what it orders is live from the next tick on.
"""

import copy
import inspect
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol, Self

import numpy as np

from tickstep._kernel import Bar, Line, StrategyBase
from tickstep.bars import Bars
from tickstep.engine import OpenOrder, Order, Snapshot, Tick
from tickstep.errors import ConfigError, OrderError, StateError, nearest
from tickstep.history import BarSeries
from tickstep.risk import Breach
from tickstep.scales import Scales
from tickstep.ticks import Float64Array, Number, Time

__all__ = [
    "Alert",
    "Bar",
    "Desk",
    "Fill",
    "OrderUpdate",
    "SessionUpdate",
    "Sessions",
    "Strategy",
    "check_events",
    "overrides",
    "own_classes",
    "parameters_of",
    "take_desk",
]

ORDER_OPTIONS = (
    "symbol",
    "tag",
    "time_in_force",
    "expire_ts",
    "post_only",
    "reduce_only",
    "oco_group",
    "offset",
)
PARAMETER_TYPES = (bool, int, float, str, Decimal, tuple, type(None))
CONTAINERS = (list, dict, set, deque, np.ndarray)


class Fill(NamedTuple):
    """One execution of an own order; floats are for reading.

    `position` is the position right after this fill, `realized_pnl` is gross of the fee.
    """

    time: int
    symbol: str
    order_id: int
    tag: int
    side: str
    price: float
    qty: float
    fee: float
    realized_pnl: float
    position: float
    is_maker: bool


class OrderUpdate(NamedTuple):
    """What became of an own order; floats are for reading.

    `kind` is ACCEPTED, REJECTED, TRIGGERED, CANCELLED, EXPIRED or AMENDED, `reason` why ("" where
    there is none), `qty` what the event is about: the total, or what was still open. Where a risk limit
    refused the order, `detail` says which, what it would have come to, and what is allowed.
    """

    time: int
    symbol: str
    order_id: int
    tag: int
    kind: str
    reason: str
    side: str
    qty: float
    detail: str = ""


class SessionUpdate(NamedTuple):
    """A trading day has begun or ended: `day` as ISO 8601 text, `time` that of its open or close."""

    time: int
    day: str
    is_open: bool


class Sessions(Protocol):
    """A trading calendar; `ts.calendar("SSE")` is one."""

    time_unit: str

    def next_open(self, time: int) -> int:
        """The first moment at or after a time at which the market is open."""

    def sessions(self, start: int, stop: int) -> Sequence[Any]:
        """Trading days with `day`, `open` and `close` that lie in a span of time."""


class Alert(NamedTuple):
    """A price that was waited for was reached; `price` is that of the tick that reached it."""

    time: int
    symbol: str
    order_id: int
    price: float


class Desk(Protocol):
    """What a strategy acts through; a `Session` is one, in a backtest and live."""

    @property
    def now(self) -> int:
        """Time of the wake-up, in the data's unit."""

    @property
    def time_unit(self) -> str:
        """Unit of all times."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """The instruments, in their order."""

    def snapshot(self, symbol: str | None = None) -> Snapshot:
        """The account, and the position in an instrument, now."""

    def position(self, symbol: str | None = None) -> float:
        """The position in an instrument now."""

    def positions(self) -> dict[str, float]:
        """The positions that are not 0, by symbol."""

    def price(self, symbol: str | None = None) -> float | None:
        """The price of an instrument's last tick; None before the first."""

    @property
    def scales(self) -> Scales:
        """What the integers of the account stand for."""

    def interval_of(self, symbol: str | None) -> str | None:
        """Interval of the data's own bars; None of ticks."""

    def history(self, symbol: str | None, interval: str | None) -> BarSeries:
        """The bars that are over."""

    def open_orders(self) -> list[OpenOrder]:
        """Own orders that wait, alerts not among them."""

    def place(self, order: Order) -> int:
        """Place an order and return its id."""

    def cancel(self, order_id: int) -> bool:
        """Cancel an order; False when it had already ended."""

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel every open order, of one instrument or all; alerts stay."""

    def amend(self, order_id: int, changes: Mapping[str, Number]) -> bool:
        """Change an order; False when it had already ended."""

    def target(self, symbol: str | None, qty: Number) -> int | None:
        """Trade at the market so as to hold a quantity."""

    def target_value(self, symbol: str | None, value: Number) -> int | None:
        """Trade at the market so as to hold a value."""

    def target_percent(self, symbol: str | None, fraction: Number) -> int | None:
        """Trade at the market so as to hold a share of the equity."""

    def rebalance(self, weights: Mapping[str, Number]) -> list[int]:
        """Trade at the market so as to hold shares of the equity."""

    def every(self, interval: str, symbol: str | None = None) -> None:
        """Ask for bars, of one instrument or all."""

    def at(self, time: Time) -> int:
        """Ask to be woken at a time."""

    def alert_price(self, price: Number, when: str, symbol: str | None = None) -> int:
        """Ask to be woken at a price."""

    def sessions(self, calendar: Sessions) -> None:
        """Ask to be woken when trading days begin and end."""

    def bracket(self, entry: Order, take_profit: Number | None, stop_loss: Number | None) -> int:
        """Place an order whose fills are closed by a limit or a stop."""

    def oco(self, orders: Sequence[Order]) -> list[int]:
        """Place orders of which one fill cancels the others."""

    def kill(self, why: str) -> None:
        """Stop all trading for good."""


class Strategy(StrategyBase):
    """Base class of strategies: override what you want to hear about, call the verbs to trade.

    Class attributes are the parameters: `Grid(step=5)` overrides one, an unknown name is an error.
    Numbers, text, truths, tuples and None are; lists, dicts, sets and arrays of a class are no
    parameters, and each strategy that is made has copies of its own.
    A strategy runs in one session; make a new one for each run.

    Parameters
    ----------
    **parameters
        New values of class attributes.

    Notes
    -----
    Over bars, `on_bar` is called when a bar is over, after all bars that end at the same moment have
    ended; what it orders trades from the next open on.

    Over ticks, bars and times are time alerts of the kernel: nothing is polled, and nothing is looked
    up ahead. `every("1m")` keeps one alert, at the end of the present minute. The first tick at or
    after that end fires it, after the tick's own fills; the bar of the minute is that of the ticks
    before its end, and the next alert is set. So the same ticks give the same bars however they
    arrive, and, because alerts are events of the kernel, every wake-up is in the record of the run
    and in its digest. Two things follow: alerts take order ids like any order, and what `on_bar`
    orders trades from the second tick after the bar's end on, the first being the one that showed
    that the bar was over.

    Examples
    --------
    >>> import tickstep as ts
    >>> class BuyTheDip(ts.Strategy):
    ...     dip = 0.05
    ...     def on_start(self):
    ...         self.every("1s")
    ...     def on_bar(self, bar):
    ...         if self.position == 0 and bar.close <= bar.open - self.dip:
    ...             self.buy(1)
    >>> BuyTheDip(dip=0.1)
    BuyTheDip(dip=0.1)
    """

    _desk: Desk | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls, *args, **kwargs)
        # What one run appends to a list of the class, the next must not find there.
        vars(made).update(_containers_of(cls))
        return made

    def __init__(self, **parameters: Any) -> None:
        known = parameters_of(type(self))
        for name, value in parameters.items():
            if name not in known:
                raise _no_parameter(type(self), name, known)
            setattr(self, name, value)

    # What you override.

    def on_start(self) -> None:
        """Act once before the first tick: ask for bars, times and alerts, place first orders."""

    def on_tick(self, tick: Tick) -> None:
        """Act on every tick, after what it did to your orders.

        It is called only where you override it, and then a run costs a call for each tick. A bar, a
        price or a time that you ask for costs nothing until it comes: see `every`, `alert_price`, `at`.
        """

    def on_bar(self, bar: Bar) -> None:
        """Act on a bar that is over: one of the data's own, or that `every` asked for."""

    def on_bars(self, bars: dict[str, Bar]) -> None:
        """Act once on all bars that are over at one moment, after `on_bar` was called for each.

        Over ticks every instrument has its own moment: that of its first tick after the bar's end.
        """

    def on_order(self, update: OrderUpdate) -> None:
        """Act on what became of an order besides a fill: accepted, refused, cancelled and so on."""

    def on_fill(self, fill: Fill) -> None:
        """Act on a fill; the tick that made it is done."""

    def on_alert(self, alert: Alert) -> None:
        """Act on a price that `alert_price` asked for."""

    def on_timer(self, time: int) -> None:
        """Act at a time that `at` asked for; `time` is the one asked for, `now` that of the tick."""

    def on_session(self, session: SessionUpdate) -> None:
        """Act on the begin or the end of a trading day that `sessions` asked for."""

    def on_risk(self, breach: Breach) -> None:
        """Act on a risk limit that was broken; orders are cancelled and trading has stopped already."""

    def on_stop(self) -> None:
        """Act once after the last tick: sum up what you counted; orders no longer trade."""

    # What you ask for.

    def every(self, interval: str, symbol: str | None = None) -> None:
        """Ask for a call of `on_bar` after each interval that had trades.

        Over bars it is called for each of them where nothing is asked for; longer intervals must be
        asked for in `on_start`.

        Parameters
        ----------
        interval : str
            A whole number of ms, s, m, h or d: "500ms", "10s", "1m", "4h", "1d". Intervals start at
            multiples of their length since 1970-01-01 UTC.
        symbol : str, optional
            The instrument; by default all of them.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Hourly(ts.Strategy):
        ...     def on_start(self):
        ...         self.every("1h")
        """
        self._running.every(interval, symbol)

    def at(self, time: Time) -> int:
        """Ask for one call of `on_timer` on the first tick at or after a time.

        Parameters
        ----------
        time : int, str, datetime or datetime64
            An integer in the data's time unit, ISO 8601 text in UTC, or a datetime with a zone. A
            time that is past means the next tick.

        Returns
        -------
        int
            Id for `cancel`.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Noon(ts.Strategy):
        ...     def on_start(self):
        ...         self.at("2024-08-08T12:00")
        """
        return self._running.at(time)

    def alert_price(
        self,
        price: Number,
        when: Literal["above", "below"] | None = None,
        *,
        symbol: str | None = None,
    ) -> int:
        """Ask for one call of `on_alert` on the first tick that reaches a price.

        Parameters
        ----------
        price : number, money
            The price to wait for.
        when : {"above", "below"}, optional
            Wait for a price at or above it, or at or below it. By default "above" where it is above the
            last price, else "below".
        symbol : str, optional
            The instrument; needed where there are several.

        Returns
        -------
        int
            Id for `cancel`.

        Raises
        ------
        OrderError
            When `when` is neither, or left out before there is a price.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Breakout(ts.Strategy):
        ...     def on_start(self):
        ...         self.alert_price(65_000, when="above")
        ...     def on_alert(self, alert):
        ...         self.buy(1)
        """
        side = when or self._far_side(price, symbol)
        return self._running.alert_price(price, side, symbol)

    def sessions(self, calendar: Sessions) -> None:
        """Ask for calls of `on_session` when the trading days of a calendar begin and end.

        Each comes with the first tick at or after its time: the end of a day with the last tick where
        there is one at that time, else with the first of the next day.

        Parameters
        ----------
        calendar : Calendar
            Such as `ts.calendar("SSE")`; its time unit must be that of the data.

        Raises
        ------
        ConfigError
            When it counts time in another unit.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Daily(ts.Strategy):
        ...     def on_start(self):
        ...         self.sessions(ts.calendar("SSE"))
        ...     def on_session(self, session):
        ...         if session.is_open:
        ...             self.target(None, 100)
        """
        self._running.sessions(calendar)

    # What you do.

    def buy(
        self,
        qty: Number,
        *,
        symbol: str | None = None,
        limit: Number | None = None,
        stop: Number | None = None,
        tag: int = 0,
        **options: Any,
    ) -> int:
        """Buy: at the market, at a limit, from a stop on, or at a limit from a stop on.

        Parameters
        ----------
        qty : number, units of the instrument
            How much.
        symbol : str, optional
            The instrument; needed where there are several.
        limit, stop : number, money
            The worst price, and the price from which on to buy.
        tag : int
            A number of your own, given back with every fill.
        **options
            Further arguments of `Order`: time_in_force, post_only, reduce_only, oco_group, ...

        Returns
        -------
        int
            Id of the order.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Ladder(ts.Strategy):
        ...     def on_start(self):
        ...         self.buy(1, limit=99.5)
        ...         self.buy(1, limit=99.0, post_only=True)
        """
        order = _order("BUY", qty, limit, stop, symbol=symbol, tag=tag, **options)
        return self._running.place(order)

    def sell(
        self,
        qty: Number,
        *,
        symbol: str | None = None,
        limit: Number | None = None,
        stop: Number | None = None,
        tag: int = 0,
        **options: Any,
    ) -> int:
        """Sell: at the market, at a limit, from a stop on, or at a limit from a stop on.

        Parameters
        ----------
        qty : number, units of the instrument
            How much.
        symbol : str, optional
            The instrument; needed where there are several.
        limit, stop : number, money
            The worst price, and the price from which on to sell.
        tag : int
            A number of your own, given back with every fill.
        **options
            Further arguments of `Order`: time_in_force, post_only, reduce_only, oco_group, ...

        Returns
        -------
        int
            Id of the order.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Protected(ts.Strategy):
        ...     def on_fill(self, fill):
        ...         if fill.side == "BUY":
        ...             self.sell(fill.qty, stop=fill.price - 2, reduce_only=True)
        """
        order = _order("SELL", qty, limit, stop, symbol=symbol, tag=tag, **options)
        return self._running.place(order)

    def order(self, order: Order) -> int:
        """Place an order of any kind.

        Parameters
        ----------
        order : Order
            What to place. An order that the market or the account refuses still has an id.

        Returns
        -------
        int
            Id of the order.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Trailing(ts.Strategy):
        ...     def on_fill(self, fill):
        ...         if fill.side == "BUY":
        ...             self.order(ts.Order("TRAILING_STOP", "SELL", fill.qty, trail=3))
        """
        return self._running.place(order)

    def bracket(
        self,
        side: Literal["BUY", "SELL"],
        qty: Number,
        *,
        take_profit: Number | None = None,
        stop_loss: Number | None = None,
        limit: Number | None = None,
        stop: Number | None = None,
        symbol: str | None = None,
        tag: int = 0,
        **options: Any,
    ) -> int:
        """Enter, and leave at a profit or a loss: each fill of the entry is followed by its exits.

        The exits reduce the position only, are as large as the fill, and cancel each other.

        Parameters
        ----------
        side : {"BUY", "SELL"}
            Of the entry.
        qty : number, units of the instrument
            How much.
        take_profit, stop_loss : number, money
            Limit and trigger of the exits; one of them may be left out.
        limit, stop, symbol, tag, **options
            Of the entry, as for `buy`; the exits have its tag.

        Returns
        -------
        int
            Id of the entry.

        Raises
        ------
        OrderError
            When there is no exit, or they are not on their sides of each other.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Guarded(ts.Strategy):
        ...     def on_bar(self, bar):
        ...         if self.position == 0:
        ...             self.bracket("BUY", 1, take_profit=bar.close + 2, stop_loss=bar.close - 1)
        """
        entry = _order(side, qty, limit, stop, symbol=symbol, tag=tag, **options)
        return self._running.bracket(entry, take_profit, stop_loss)

    def oco(self, *orders: Order) -> list[int]:
        """Place orders of one instrument of which one cancels the other: what one fills, all lose.

        Parameters
        ----------
        *orders : Order
            At least two.

        Returns
        -------
        list of int
            Their ids.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Straddle(ts.Strategy):
        ...     def on_bar(self, bar):
        ...         self.oco(
        ...             ts.Order("STOP", "BUY", 1, trigger=bar.high + 1),
        ...             ts.Order("STOP", "SELL", 1, trigger=bar.low - 1),
        ...         )
        """
        return self._running.oco(orders)

    def cancel(self, order_id: int) -> bool:
        """Cancel an order, a time or an alert.

        Parameters
        ----------
        order_id : int
            What the verb that made it returned.

        Returns
        -------
        bool
            False when it had already ended.
        """
        return self._running.cancel(order_id)

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel every open order, of one instrument or of all; times, alerts and bars stay.

        Parameters
        ----------
        symbol : str, optional
            The instrument.
        """
        self._running.cancel_all(symbol)

    def amend(
        self,
        order_id: int,
        *,
        qty: Number | None = None,
        price: Number | None = None,
        trigger: Number | None = None,
        trail: Number | None = None,
    ) -> bool:
        """Change an open order.

        Parameters
        ----------
        order_id : int
            The order.
        qty : number, units of the instrument
            New total, what is filled included. Only less of it keeps the order's place in time.
        price, trigger, trail : number, money
            New limit, trigger or distance.

        Returns
        -------
        bool
            False when it had already ended.
        """
        given = {"qty": qty, "price": price, "trigger": trigger, "trail": trail}
        changes = {name: value for name, value in given.items() if value is not None}
        return self._running.amend(order_id, changes)

    def kill(self, why: str = "") -> None:
        """Stop all trading for good: the kill switch of the run's risk manager.

        Every open order is cancelled, and positions are closed where the manager says
        `on_breach="flatten"`. Whatever is ordered from now on is refused.

        Parameters
        ----------
        why : str
            For the table of breaches.

        Raises
        ------
        StateError
            When the run has no risk manager.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Careful(ts.Strategy):
        ...     def on_fill(self, fill):
        ...         if fill.price < 1:
        ...             self.kill("prices make no sense")
        """
        self._running.kill(why)

    def close(self, symbol: str | None = None) -> int | None:
        """Close the position at the market.

        Parameters
        ----------
        symbol : str, optional
            The instrument; needed where there are several.

        Returns
        -------
        int or None
            Id of the order; None without a position. Open orders stay; see `cancel_all`.
        """
        return self._running.target(symbol, 0)

    def target(self, symbol: str | None, qty: Number) -> int | None:
        """Trade at the market so as to hold a quantity.

        What an earlier target of the instrument still waits for is cancelled, unless it is just what
        is missing.

        Parameters
        ----------
        symbol : str or None
            The instrument; None where there is one.
        qty : number, units of the instrument
            Short below 0.

        Returns
        -------
        int or None
            Id of the order; None where nothing is missing.
        """
        return self._running.target(symbol, qty)

    def target_value(self, symbol: str | None, value: Number) -> int | None:
        """Trade at the market so as to hold a value, at the last price.

        Parameters
        ----------
        symbol : str or None
            The instrument; None where there is one.
        value : number, money
            Short below 0; rounded towards 0 to whole board lots, and in a cash account to what the
            free cash pays for.

        Returns
        -------
        int or None
            Id of the order; None where not one board lot is missing.

        Raises
        ------
        OrderError
            When there is no price yet.
        """
        return self._running.target_value(symbol, value)

    def target_percent(self, symbol: str | None, fraction: Number) -> int | None:
        """Trade at the market so as to hold a share of the equity, at the last prices.

        Parameters
        ----------
        symbol : str or None
            The instrument; None where there is one.
        fraction : number
            0.9 is nine tenths; short below 0. Rounded as for `target_value`.

        Returns
        -------
        int or None
            Id of the order; None where not one board lot is missing.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Half(ts.Strategy):
        ...     def on_bar(self, bar):
        ...         self.target_percent(bar.symbol, 0.5)
        """
        return self._running.target_percent(symbol, fraction)

    def rebalance(self, weights: Mapping[str, Number]) -> list[int]:
        """Trade at the market so as to hold shares of the equity, and nothing else.

        Sells are placed before buys, each in the order of the instruments. Instruments that are not
        named are closed.

        Parameters
        ----------
        weights : mapping of str to number
            Shares of the equity by symbol: {"A": 0.5, "B": 0.5}.

        Returns
        -------
        list of int
            Ids of the orders.

        Examples
        --------
        >>> import tickstep as ts
        >>> class EqualWeight(ts.Strategy):
        ...     def on_bars(self, bars):
        ...         self.rebalance({symbol: 1 / len(self.symbols) for symbol in self.symbols})
        """
        return self._running.rebalance(weights)

    # What you know.

    @property
    def now(self) -> int:
        """Time of the tick that woke the strategy, in the data's unit; the session's start before."""
        return self._running.now

    @property
    def time_unit(self) -> str:
        """Unit of all times: "s", "ms", "us" or "ns"."""
        return self._running.time_unit

    @property
    def symbols(self) -> tuple[str, ...]:
        """The instruments, in their order."""
        return self._running.symbols

    @property
    def positions(self) -> dict[str, float]:
        """Positions by symbol, those of 0 left out."""
        return self._running.positions()

    @property
    def cash(self) -> float:
        """Cash in money."""
        return self._running.snapshot(self.symbols[0]).cash

    @property
    def equity(self) -> float:
        """Cash and positions together, at the last prices."""
        return self._running.snapshot(self.symbols[0]).equity

    @property
    def last_price(self) -> float | None:
        """Price of the one instrument's last tick; None before the first; see `price_of`."""
        return self.price_of(None)

    def price_of(self, symbol: str | None) -> float | None:
        """Tell the price of an instrument's last tick; None before the first."""
        return self._running.price(symbol)

    def history(self, symbol: str | None = None, interval: str | None = None) -> BarSeries:
        """Look back on the bars that are over.

        Parameters
        ----------
        symbol : str, optional
            The instrument; needed where there are several.
        interval : str, optional
            One that `every` asked for; needed where there are several.

        Returns
        -------
        BarSeries
            Arrays up to now: `self.history().close[-1]` is the newest close.

        Raises
        ------
        ConfigError
            When these bars were not asked for.
        """
        return self._running.history(symbol, interval)

    def line(
        self,
        reckon: Callable[[Bars], Float64Array],
        symbol: str | None = None,
        interval: str | None = None,
    ) -> Line:
        """Reckon a series over all bars at once, and read it up to now.

        Parameters
        ----------
        reckon : callable
            From `Bars` to one float for each of them, such as
            `lambda bars: talib.RSI(bars.close, 14)`. Row i must follow from bars 0 to i alone;
            `ts.lookahead` finds where it does not.
        symbol, interval : str, optional
            As for `history`.

        Returns
        -------
        Line
            `line.value` and `line[-1]` are the newest; lines compare with lines and numbers.

        Raises
        ------
        ConfigError
            When there is not one value for each bar, or these bars were not asked for.

        Examples
        --------
        >>> import numpy as np
        >>> import tickstep as ts
        >>> class Highest(ts.Strategy):
        ...     def on_start(self):
        ...         self.highest = self.line(lambda bars: np.maximum.accumulate(bars.high))
        ...     def on_bar(self, bar):
        ...         if bar.high >= self.highest.value:
        ...             self.target(None, 1)
        """
        return self._running.history(symbol, interval).line((reckon,), reckon)

    @property
    def open_orders(self) -> list[OpenOrder]:
        """Own orders that wait, in order of their ids; times and alerts are not among them."""
        return self._running.open_orders()

    def __repr__(self) -> str:
        parameters = ", ".join(f"{name}={value}" for name, value in parameters_of(self).items())
        return f"{type(self).__name__}({parameters})"

    # What a run records of it; a team of several strategies tells of all.

    def _name(self) -> str:
        return type(self).__name__

    def _parameters(self) -> dict[str, Any]:
        return parameters_of(self)

    def _parts(self) -> list[Any]:
        """What the strategy is made of: classes and functions whose source is its identity."""
        return own_classes(type(self))

    def _set_parameter(self, name: str, value: Any) -> None:
        known = parameters_of(type(self))
        if name not in known:
            raise _no_parameter(type(self), name, known)
        setattr(self, name, value)

    def _members(self) -> "Sequence[Strategy]":
        return (self,)

    def _owned(self) -> dict[str, list[int]]:
        """Ids of the orders of each member by its name, where there are several."""
        return {}

    def _settings(self, cash: Number, given: Mapping[str, Any]) -> dict[str, Any]:
        """Settings that the strategy brings; what is given beside it wins. Called before a run."""
        return {}

    @property
    def _running(self) -> Desk:
        if self._desk is None:
            raise StateError(
                f"{type(self).__name__} is not running",
                hint=f"ts.backtest({type(self).__name__}, ticks) runs it; act in on_start and later",
            )
        return self._desk

    def _far_side(self, price: Number, symbol: str | None) -> str:
        last = self._running.price(symbol)
        if last is None:
            raise OrderError(
                f"there is no price yet to tell from which side {price} will be reached",
                hint="alert_price(price, when='above') or when='below'",
            )
        scales = self._running.scales
        place = 0 if symbol is None else scales.symbols.index(symbol)
        tick = scales.instruments[place].tick
        reached = tick.index(price, "price", OrderError)
        return "above" if reached > tick.index(last, "price", OrderError) else "below"


def _no_parameter(kind: type[Strategy], name: str, known: Mapping[str, Any]) -> ConfigError:
    value = getattr(kind, name, None)
    if value is not None and name in _plain_names(kind):
        return ConfigError(
            f"{kind.__name__}.{name} is a {type(value).__name__}, and parameters are plain values",
            hint="a number, text, a truth, a tuple or None as class attribute is a parameter",
        )
    return ConfigError(
        f"{kind.__name__} has no parameter {name!r}",
        hint=f"{nearest(name, known)}; class attributes are parameters",
    )


def _plain_names(kind: type[Strategy]) -> list[str]:
    """Names of what a user's classes keep besides methods and properties."""
    return [
        name
        for each in own_classes(kind)
        for name, value in vars(each).items()
        if not name.startswith("_") and not callable(value) and not hasattr(value, "__get__")
    ]


def _containers_of(kind: type[Strategy]) -> dict[str, Any]:
    """Copies of the lists and the like that a class keeps."""
    kept: dict[str, Any] = {}
    for each in own_classes(kind):
        kept.update(vars(each))
    return {
        name: _fresh(value)
        for name, value in kept.items()
        if isinstance(value, CONTAINERS) and not name.startswith("__")
    }


def _fresh(value: Any) -> Any:
    """A copy of containers and of those in them; what else they hold is the same."""
    if not isinstance(value, CONTAINERS):
        return value
    made = copy.copy(value)
    if isinstance(made, dict):
        for key in made:
            made[key] = _fresh(made[key])
    elif isinstance(made, list | deque):
        for place, each in enumerate(made):
            made[place] = _fresh(each)
    return made


def parameters_of(strategy: Strategy | type[Strategy]) -> dict[str, Any]:
    """Collect the parameters of a strategy: public class attributes that are plain values.

    Parameters
    ----------
    strategy : Strategy or a class of it
        A class shows its defaults, an instance its own values.

    Returns
    -------
    dict
        Names and values, those of base classes first.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.strategy import parameters_of
    >>> class Cross(ts.Strategy):
    ...     fast, slow = 10, 30
    >>> parameters_of(Cross), parameters_of(Cross(fast=5))
    ({'fast': 10, 'slow': 30}, {'fast': 5, 'slow': 30})
    """
    kind = strategy if isinstance(strategy, type) else type(strategy)
    names = dict.fromkeys(
        name
        for each in own_classes(kind)
        for name, value in vars(each).items()
        if not name.startswith("_") and isinstance(value, PARAMETER_TYPES)
    )
    return {name: getattr(strategy, name) for name in names}


def overrides(strategy: Strategy, name: str) -> bool:
    """Whether a method is the strategy's own, of its class or set on the object itself."""
    return getattr(getattr(strategy, name), "__func__", None) is not getattr(Strategy, name)


def take_desk(strategy: Strategy, desk: Desk) -> None:
    """Give a strategy what it acts through, once.

    Raises
    ------
    ConfigError
        When it has run already.
    """
    if strategy._desk is not None:
        raise ConfigError(
            f"this {type(strategy).__name__} has run already, and what it kept would go on",
            hint=f"make a new one for each run: {type(strategy).__name__}()",
        )
    # Not by assignment: a frozen dataclass refuses that.
    object.__setattr__(strategy, "_desk", desk)


def own_classes(kind: type[Strategy]) -> list[type[Strategy]]:
    """List the classes that a user wrote, base classes first."""
    return [each for each in reversed(kind.__mro__) if issubclass(each, Strategy)][1:]


def check_events(strategy: Strategy) -> None:
    """Check that every method of a strategy called like an event is one, and can be called as one.

    Raises
    ------
    ConfigError
        When it would never be called, and names the nearest; when it cannot be called as it will be;
        when an attribute has taken the place of a method.
    """
    kind = type(strategy)
    known = [name for name in vars(Strategy) if name.startswith("on_")]
    _check_places(kind)
    for name in known:
        _check_event(strategy, name)
    for each in own_classes(kind):
        for name, value in vars(each).items():
            if name.startswith("on_") and name not in known and callable(value):
                raise ConfigError(
                    f"{each.__name__}.{name} would never be called: there is no such event",
                    hint=nearest(name, known),
                )


def _check_places(kind: type[Strategy]) -> None:
    """See that no plain value stands where a verb or an event of a base class is expected."""
    for each in own_classes(kind):
        bases = [base for base in each.__mro__[1:] if base is not object]
        for name, value in vars(each).items():
            if name.startswith("_") or callable(value) or hasattr(value, "__get__"):
                continue
            taken = next((vars(base)[name] for base in bases if name in vars(base)), None)
            if callable(taken) or hasattr(taken, "__get__"):
                raise ConfigError(
                    f"{each.__name__}.{name} is {value!r}, and a strategy has a {name} of its own",
                    hint="give it another name",
                )


def _check_event(strategy: Strategy, name: str) -> None:
    method = getattr(strategy, name)
    if getattr(method, "__func__", None) is getattr(Strategy, name):
        return
    called = f"{type(strategy).__name__}.{name}"
    if not callable(method):
        raise ConfigError(f"{called} is {method!r}, and will be called", hint="make it a method")
    inner = inspect.unwrap(method)
    if inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner):
        raise ConfigError(f"{called} is async, and nothing awaits it", hint="leave async out")
    if inspect.isgeneratorfunction(inner):
        raise ConfigError(f"{called} is a generator: calling it does nothing", hint="do not yield")
    told = list(inspect.signature(getattr(Strategy, name)).parameters)[1:]
    try:
        inspect.signature(method).bind(*told)
    except TypeError as error:
        takes = ", ".join(["self", *told])
        raise ConfigError(
            f"{called} takes other arguments than it is called with: {error}",
            hint=f"def {name}({takes}): ...",
        ) from None
    # What is written in C or made otherwise has no signature to look at.
    except ValueError:
        return


def _order(
    side: str, qty: Number, limit: Number | None, stop: Number | None, **options: Any
) -> Order:
    unknown = [name for name in options if name not in ORDER_OPTIONS]
    if unknown:
        raise OrderError(
            f"{side.lower()} has no argument {unknown[0]!r}",
            hint=nearest(unknown[0], ("limit", "stop", *ORDER_OPTIONS)),
        )
    if limit is not None and stop is not None:
        return Order("STOP_LIMIT", side, qty, price=limit, trigger=stop, **options)
    if limit is not None:
        return Order("LIMIT", side, qty, price=limit, **options)
    if stop is not None:
        return Order("STOP", side, qty, trigger=stop, **options)
    return Order("MARKET", side, qty, **options)
