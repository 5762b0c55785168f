"""The one loop around a strategy: events in, calls of the strategy, commands out.

A `Session` holds a strategy and a venue it trades at. Whoever drives it (a backtest, later a live
feed) lets the venue run until something happened that the session waits for (`wake_on`), and hands
over the events, and the bars that are over. A session has no clock, file, socket or thread; time is
the time of events.

Over ticks, bars and times are ALERT_TIME orders at the venue. A wake-up is thereby an event like a
fill: it has its place in the order of things, it is in the record, and a run repeated from the
record's ticks meets it again on the same tick. Over bars the data themselves say when a bar is over.
"""

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

from tickstep._kernel import ORDER_TYPES, EventMask
from tickstep.engine import (
    REASON_BITS,
    Engine,
    EventKind,
    Events,
    OpenOrder,
    Order,
    Reason,
    Snapshot,
    Tick,
)
from tickstep.errors import ConfigError, DataError, OrderError, StateError
from tickstep.history import BarSeries
from tickstep.intervals import interval_length, phase_of
from tickstep.markets import Market
from tickstep.scales import Scale, Scales
from tickstep.strategy import (
    Alert,
    Bar,
    Fill,
    OrderUpdate,
    Sessions,
    SessionUpdate,
    Strategy,
    overrides,
    take_desk,
)
from tickstep.targets import Targets
from tickstep.ticks import Number, Time, to_time
from tickstep.venue import Event, Venue
from tickstep.waits import EndOfCalendar, Exits, Interval, Wait, in_group, next_session
from tickstep.watch import RiskWatch

__all__ = ["Session"]

ALERTS = ("ALERT_PRICE", "ALERT_TIME")  # order types that trade nothing
ALERT_TYPES = tuple(ORDER_TYPES[name] for name in ALERTS)
ALERT_SIDES = {"above": "BUY", "below": "SELL"}
FILLED, ALERT = int(EventKind.FILLED), int(EventKind.ALERT)
WATCHED = (FILLED, int(EventKind.LEDGER))  # what moves an account that is watched
UPDATES = {
    int(kind): kind.name
    for kind in (
        EventKind.ACCEPTED,
        EventKind.REJECTED,
        EventKind.TRIGGERED,
        EventKind.CANCELLED,
        EventKind.EXPIRED,
        EventKind.AMENDED,
    )
}
ENDS = tuple(
    int(kind)
    for kind in (EventKind.FILLED, EventKind.REJECTED, EventKind.CANCELLED, EventKind.EXPIRED)
)
REASONED = ("REJECTED", "CANCELLED", "EXPIRED", "AMENDED")

GROUPS_START = 1 << 40  # numbers of groups beyond those that people choose

# Orders and amendments given within one moment: more is a loop without an end rather than a strategy.
ORDERS_AT_ONCE_MAX = 1_000_000


class Session:
    """One run of one strategy at one venue; see the head of this module.

    Parameters
    ----------
    strategy : Strategy
        One that has not run yet.
    venue : Venue
        Where it trades.
    markets : mapping of str to Market
        What its data are, by symbol, in the order of the instruments.
    scales : Scales
        What the integers of events stand for.
    start_time : int, in the venue's time unit
        When the session begins.
    watch : RiskWatch, optional
        Holds orders and account against limits.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.scales import Scales
    >>> from tickstep.markets import TicksMarket
    >>> from tickstep.session import Session
    >>> class Once(ts.Strategy):
    ...     def on_start(self):
    ...         self.buy(1)
    ...     def on_fill(self, fill):
    ...         print(fill.side, fill.qty, "at", fill.price)
    >>> ticks = ts.Ticks.from_arrays([1, 2], [5.0, 6.0], [1.0, 1.0], [0, 0], tick_size=1, lot=1)
    >>> engine = ts.Engine(ts.EngineConfig(tick_size=1, lot=1, spread_bps=0))
    >>> engine.bind(ticks)
    >>> scales = Scales.of(engine.config)
    >>> session = Session(Once(), engine, {"ASSET": TicksMarket(ticks)}, scales, start_time=1)
    >>> session.start()
    >>> while engine.advance(stop_on=session.wake_on.mask).ticks_done:
    ...     session.take(engine.drain_events())
    BUY 1.0 at 5.0
    >>> session.stop()
    """

    def __init__(
        self,
        strategy: Strategy,
        venue: Venue,
        markets: Mapping[str, Market],
        scales: Scales,
        *,
        start_time: int,
        watch: RiskWatch | None = None,
    ) -> None:
        take_desk(strategy, self)
        self.strategy = strategy
        self._venue = venue
        self._markets = markets
        self._scales = scales
        self._by_symbol = {each.symbol: each for each in scales.instruments}
        self.symbols = scales.symbols
        self._ask_venue()
        self._start_time = start_time
        self._waits: dict[int, Wait] = {}
        self._dropped: set[int] = set()  # alerts that were cancelled
        self._placed_at = (start_time, 0)  # a moment, and how many orders were placed in it
        self._hears_fills = overrides(strategy, "on_fill")
        self.hears_updates = overrides(strategy, "on_order")
        heard = (ALERT, *[FILLED] * self._hears_fills, *[*UPDATES] * self.hears_updates)
        heard += WATCHED if watch is not None else ()
        # Kinds of events after which the session must be called; brackets add to them.
        self.wake_on = EventMask(sum(1 << kind for kind in {*heard}))
        self._hears_bars = overrides(strategy, "on_bars")
        self.hears_ticks = overrides(strategy, "on_tick")
        # Without an `on_bar`, the bars of a moment are told once.
        self.hears_together = self._hears_bars and not overrides(strategy, "on_bar")
        self._together: dict[str, Bar] = {}
        self._targets = Targets(self, scales)
        self.all_targets = [self._targets]  # those of several strategies too
        self._brackets: dict[int, Exits] = {}
        # Of several strategies in one: who is at work, and whose each order is.
        self.owner: int | None = None
        self.owners: dict[int, int] = {}
        self._groups = GROUPS_START
        self._is_running = False
        self._watch = watch
        # Of several instruments the rows of one time count together.
        self._looks_at_once = len(self.symbols) == 1
        self.seat()

    def _ask_venue(self) -> None:
        # The venue's own methods: asked for at every bar.
        self.position = self._venue.position_of
        self.price = self._venue.price_of
        self.holding = self._venue.holding
        self.order = self._venue.order

    def __getstate__(self) -> dict[str, Any]:
        # A copy has another venue.
        own = ("position", "price", "holding", "order")
        return {name: value for name, value in vars(self).items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._ask_venue()

    # For the driver.

    def seat(self) -> None:
        """Let the strategy ask the venue itself."""
        self.strategy._take_seat(self._venue if isinstance(self._venue, Engine) else None)

    @property
    def awaits_moment(self) -> bool:
        """Whether `end_moment` must be called once all rows of the present time are taken."""
        return self._watch is not None and self._watch.is_due

    def end_moment(self) -> None:
        """Look at what a moment has come to; all rows of its time are taken."""
        if self._watch is not None:
            for breach in self._watch.look():
                self.strategy.on_risk(breach)

    def start(self) -> None:
        """Call `on_start`, before the first tick; bars that nobody asked for are watched for."""
        if self._watch is not None:
            self._watch.start()
        self.strategy.on_start()
        for symbol, market in self._markets.items():
            if market.unasked is not None and not market.series:
                self.every(market.unasked, symbol)
        self._check_wakes()
        self._is_running = True

    def _check_wakes(self) -> None:
        """See that a strategy that hears bars has them, or will be called and can ask for them."""
        if any(market.series for market in self._markets.values()) or self.hears_ticks:
            return
        members = self.strategy._members()
        if self._waits or self._venue.open_orders():
            wakes = ("on_alert", "on_timer", "on_session", "on_fill", "on_order")
            if any(overrides(each, name) for each in members for name in wakes):
                return
        for each in members:
            for name in ("on_bar", "on_bars"):
                if overrides(each, name):
                    raise ConfigError(
                        f"{type(each).__name__}.{name} would never be called: ticks have no bars of "
                        "their own",
                        hint='ask in on_start: self.every("1m")',
                    )

    def _watched(self, market: Market, interval: str | None) -> BarSeries:
        """Keep bars; those that are over when they are first asked for are known."""
        count = len(market.series)
        series = market.watch(interval)
        if len(market.series) > count:
            series._know(self.now)
        return series

    def take(self, events: Events) -> None:
        """Call the strategy for each event that concerns it, in their order.

        Parameters
        ----------
        events : structured array
            What the venue has emitted since the last call, as `EVENT_DTYPE`.
        """
        rows = events.tolist()
        if self._watch is not None:
            self._watch.moved(self.now)
            rows = self._watch.note(rows)
            if self._watch.is_due and self._looks_at_once:
                self.end_moment()
        for row in rows:
            kind = row[0]
            if kind == FILLED:
                if self._hears_fills:
                    self._filled(self._opened(row))
            elif kind == ALERT:
                self._woken(self._opened(row))
            elif self.hears_updates and kind in UPDATES:
                self._updated(self._opened(row))
        for targets in self.all_targets:
            if targets.is_waiting:
                targets.look()

    def _opened(self, row: Sequence[int]) -> Event:
        event = Event._make(row)
        self.owner = self.owners.get(event.order_id)
        return event

    @property
    def bar(self) -> Callable[[Any], None]:
        """To be called for each bar that is over, and counted in its series already.

        With `hears_together`, for all bars of one moment, by symbol.
        """
        if self.hears_together:
            return self._moving(self.strategy.on_bars)
        return self._moving(self._gather if self._hears_bars else self.strategy.on_bar)

    @property
    def tick(self) -> Callable[[Tick], None]:
        """To be called for each tick, where the strategy hears them."""
        return self._moving(self.strategy.on_tick)

    def _moving(self, tell: Callable[[Any], None]) -> Callable[[Any], None]:
        """Call something about what may have been many rows later."""
        watch = self._watch
        if watch is None:
            return tell

        def moved(told: Any) -> None:
            watch.moved(self.now)
            tell(told)

        return moved

    def stop(self) -> None:
        """Call `on_stop`, after the last tick."""
        self.strategy.on_stop()

    # For the strategy: what `Desk` promises.

    @property
    def now(self) -> int:
        """Time of the tick that woke the strategy; the session's start before the first."""
        return self._venue.time if self._is_running else self._start_time

    @property
    def time_unit(self) -> str:
        """Unit of all times."""
        return self._scales.time_unit

    def snapshot(self, symbol: str | None = None) -> Snapshot:
        """The account, and the position in an instrument, now."""
        return self._venue.get_snapshot(symbol)

    def equity(self) -> float:
        """Cash and positions together, at the last prices."""
        return self.snapshot(self.symbols[0]).equity

    def free_cash(self) -> float:
        """Cash that no order has reserved."""
        return self.snapshot(self.symbols[0]).available

    def positions(self) -> dict[str, float]:
        """The positions that are not 0, by symbol."""
        held = self._venue.positions
        return {symbol: position for symbol, position in held.items() if position}

    @property
    def scales(self) -> Scales:
        """What the integers of the account stand for."""
        return self._scales

    def scale_of(self, symbol: str) -> Scale:
        """What the integers of an instrument stand for."""
        return self._by_symbol[symbol]

    def keeps(self, symbol: str, interval: str) -> bool:
        """Whether bars of an interval were asked for."""
        return interval in self._markets[symbol].series

    def interval_of(self, symbol: str | None) -> str | None:
        """Interval of the data's own bars; None of ticks."""
        return self._markets[self._targets.named(symbol)].own

    def history(self, symbol: str | None, interval: str | None) -> BarSeries:
        """The bars that are over."""
        symbol = self._targets.named(symbol)
        market = self._markets[symbol]
        is_unasked = market.unasked is not None and interval in (None, market.unasked)
        if is_unasked and not market.series:
            self.every(str(market.unasked), symbol)
        series = market.series
        if interval is None and len(series) == 1:
            (only,) = series.values()
            return only
        if interval is None or interval not in series:
            raise ConfigError(
                f"bars of {symbol} of the interval {interval} are not kept; "
                f"kept are {', '.join(series) or 'none'}",
                hint='ask in on_start: self.every("1m")',
            )
        return series[interval]

    def open_orders(self) -> list[OpenOrder]:
        """Own orders that wait, alerts not among them."""
        return [order for order in self._venue.open_orders() if order.order_type not in ALERTS]

    def place(self, order: Order) -> int:
        """Place an order or an alert and return its id."""
        _check_order(order)
        if order.symbol is not None:
            self._targets.named(order.symbol)
        self._count_order()
        if order.order_type in ALERTS:
            return self._wait(order, Wait(order.expire_ts))
        is_free = self._watch is None
        return self._owned(self._venue.place_order(order) if is_free else self._held_against(order))

    def _wait(self, alert: Order, wait: Wait) -> int:
        order_id = self._venue.place_order(alert)
        self._waits[order_id] = wait
        return self._owned(order_id)

    def _owned(self, order_id: int) -> int:
        if self.owner is not None:
            self.owners[order_id] = self.owner
        return order_id

    def _held_against(self, order: Order) -> int:
        """Place an order that the risk limits allow, or have it refused."""
        assert self._watch is not None, "there are limits"
        symbol = self._targets.named(order.symbol)
        refusal = self._watch.refusal_of(order)
        if refusal is None:
            order_id = self._venue.place_order(order)
            self._watch.placed(symbol)
        else:
            order_id = self._venue.refuse_order(order)
            self._watch.refused(order_id, symbol, refusal, self.hears_updates)
        return order_id

    def cancel(self, order_id: int) -> bool:
        """Cancel an order or an alert; False when it had already ended."""
        _check_id(order_id)
        if self._watch is not None:
            if self._watch.owns(order_id):
                return False
            self._watch.changed()
        is_cancelled = self._venue.cancel_order(order_id)
        if is_cancelled and self._waits.pop(order_id, None) is not None:
            self._dropped.add(order_id)
        return is_cancelled

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel every open order; alerts stay."""
        if self._watch is not None:
            self._watch.changed()
        self._venue.cancel_all(symbol)

    def amend(self, order_id: int, changes: Mapping[str, Number]) -> bool:
        """Change an order; False when it had already ended."""
        _check_id(order_id)
        # Counted like an order: a strategy that amends whenever it hears of it would never end.
        self._count_order()
        order = None if self._watch is None else self._venue.order(order_id)
        if self._watch is None or order is None or order.order_type in ALERTS or not changes:
            return self._venue.amend_order(order_id, **changes)
        refusal = self._watch.amend_refusal_of(order, changes)
        if refusal is None:
            is_open = self._venue.amend_order(order_id, **changes)
            self._watch.placed(order.symbol)
            return is_open
        is_open = self._venue.refuse_amend(order_id, **changes)
        self._watch.refused(order_id, order.symbol, refusal, self.hears_updates)
        return is_open

    def kill(self, why: str) -> None:
        """Stop all trading for good."""
        if self._watch is None:
            raise StateError(
                "this run has no risk manager to stop it",
                hint="ts.backtest(..., risk=ts.RiskManager()) has one",
            )
        breach = self._watch.kill(why)
        if breach is not None:
            self.strategy.on_risk(breach)

    def target(self, symbol: str | None, qty: Number) -> int | None:
        """Trade at the market so as to hold a quantity."""
        return self._targets.qty(symbol, qty)

    def target_value(self, symbol: str | None, value: Number) -> int | None:
        """Trade at the market so as to hold a value."""
        return self._targets.value(symbol, value)

    def target_percent(self, symbol: str | None, fraction: Number) -> int | None:
        """Trade at the market so as to hold a share of the equity."""
        return self._targets.share(symbol, fraction)

    def rebalance(self, weights: Mapping[str, Number]) -> list[int]:
        """Trade at the market so as to hold shares of the equity."""
        placed = self._targets.weights(weights)
        if self._targets.is_waiting:
            self.wake_on_ends()
        return placed

    def wake_on_ends(self) -> None:
        """Wake up whenever an order may have ended."""
        for kind in ENDS:
            self.wake_on.add(kind)

    def every(self, interval: str, symbol: str | None = None) -> None:
        """Ask for bars."""
        symbols = self.symbols if symbol is None else (self._targets.named(symbol),)
        for each in symbols:
            market = self._markets[each]
            if market.own is not None and self._is_running:
                raise StateError(
                    f"bars of {interval} are asked for when the run has begun",
                    hint="over bars, ask in on_start",
                )
            self._watched(market, interval)
            if market.own is None:
                length = interval_length(interval, self._scales.time_unit)
                self._wait_for_bar(each, interval, length)

    def at(self, time: Time) -> int:
        """Ask to be woken at a time."""
        moment = to_time(time, self._scales.time_unit)
        return self.place(Order("ALERT_TIME", expire_ts=moment, symbol=self.symbols[0]))

    def alert_price(self, price: Number, when: str, symbol: str | None = None) -> int:
        """Ask to be woken at a price."""
        if when not in ALERT_SIDES:
            raise OrderError(
                f"when {when!r} is neither 'above' nor 'below'",
                hint="leave it out to wait on the side where the last price is not",
            )
        return self.place(Order("ALERT_PRICE", ALERT_SIDES[when], trigger=price, symbol=symbol))

    def sessions(self, calendar: Sessions) -> None:
        """Ask to be woken when trading days begin and end."""
        if not hasattr(calendar, "next_open"):
            raise ConfigError(
                f"{calendar!r} is no calendar", hint='self.sessions(ts.calendar("SSE"))'
            )
        if calendar.time_unit != self._scales.time_unit:
            raise ConfigError(
                f"the calendar counts time in {calendar.time_unit}, the data in "
                f"{self._scales.time_unit}",
                hint=f"ts.calendar(name, time_unit={self._scales.time_unit!r})",
            )
        self._wait_for_session(calendar, self._session_after(calendar, self.now))

    def bracket(self, entry: Order, take_profit: Number | None, stop_loss: Number | None) -> int:
        """Place an order whose fills are closed by a limit or a stop."""
        exits = Exits(take_profit, stop_loss)
        exits.check(entry.side, self._by_symbol[self._targets.named(entry.symbol)].tick)
        order_id = self.place(entry)
        self._brackets[order_id] = exits
        self._hears_fills = True
        self.wake_on.add(FILLED)
        return order_id

    def oco(self, orders: Sequence[Order]) -> list[int]:
        """Place orders of which one fill cancels the others."""
        if len(orders) == 1 and not isinstance(orders[0], Order):
            _check_order(orders[0])
        if len(orders) < 2:
            raise OrderError(
                f"{len(orders)} orders cannot cancel each other", hint="give at least two"
            )
        for order in orders:
            _check_order(order)
        group = self._new_group()
        return [self.place(in_group(order, group)) for order in orders]

    def _new_group(self) -> int:
        """A number for orders that cancel each other, beyond those that people choose."""
        self._groups += 1
        return self._groups

    # How bars and events reach the strategy.

    def _gather(self, bar: Bar) -> None:
        """Keep the bars of one moment together for `on_bars`; of several intervals the shortest."""
        self._together[bar.symbol] = bar
        self.strategy.on_bar(bar)
        if bar.is_last:
            together, self._together = self._together, {}
            self.strategy.on_bars(together)

    def _filled(self, event: Event) -> None:
        scale = self._scales.instruments[event.instrument]
        exits = self._brackets.get(event.order_id)
        if exits is not None:
            group = self._new_group()
            for order in exits.orders(event, scale.symbol, scale.lot.decimal(abs(event.qty_lots))):
                self.place(in_group(order, group))
        self.strategy.on_fill(
            Fill(
                event.time,
                scale.symbol,
                event.order_id,
                event.tag,
                event.side,
                scale.tick.value(event.price_ticks),
                scale.lot.value(abs(event.qty_lots)),
                self._scales.money.value(event.fee_units),
                self._scales.money.value(event.realized_units),
                scale.lot.value(event.position_after_lots),
                event.is_maker,
            )
        )

    def _updated(self, event: Event) -> None:
        if self._is_of_alert(event):
            return
        scale = self._scales.instruments[event.instrument]
        kind = UPDATES[event.kind]
        reason = Reason(event.reason).name if kind in REASONED and event.reason else ""
        qty = scale.lot.value(abs(event.qty_lots))
        self.strategy.on_order(
            OrderUpdate(
                event.time,
                scale.symbol,
                event.order_id,
                event.tag,
                kind,
                reason,
                event.side,
                qty,
                self._detail(event),
            )
        )

    def _is_of_alert(self, event: Event) -> bool:
        """Whether an alert is told of, which is no order to whoever asked for it."""
        if event.kind == EventKind.ACCEPTED:
            return event.reason & REASON_BITS in ALERT_TYPES
        is_dropped = event.order_id in self._dropped
        self._dropped.discard(event.order_id)
        return is_dropped

    def _detail(self, event: Event) -> str:
        is_limit = event.reason == Reason.RISK_LIMIT and event.kind == EventKind.REJECTED
        return self._watch.words_of(event.order_id) if self._watch and is_limit else ""

    def _woken(self, event: Event) -> None:
        wait = self._waits.pop(event.order_id)
        scale = self._scales.instruments[event.instrument]
        if wait.interval is not None:
            self._end_bar(wait.interval)
        elif wait.session is not None:
            assert wait.calendar is not None, "what a session is of"
            self._tell_sessions(wait.calendar, wait.session)
        elif wait.time is not None:
            self.strategy.on_timer(wait.time)
        else:
            price = scale.tick.value(event.price_ticks)
            self.strategy.on_alert(Alert(event.time, scale.symbol, event.order_id, price))

    def _end_bar(self, ended: Interval) -> None:
        series = self._markets[ended.symbol].series[ended.text]
        bar = series._tell(ended.stop - ended.length, ended.symbol, ended.stop)
        # Set before the strategy is called: an error of its own must not end the bars.
        self._wait_for_bar(ended.symbol, ended.text, ended.length)
        if bar is not None:
            self.strategy.on_bar(bar)
            if self._hears_bars:
                self.strategy.on_bars({bar.symbol: bar})

    def _tell_sessions(self, calendar: Sessions, update: "SessionUpdate | EndOfCalendar") -> None:
        """Tell of what has come, days without a tick among it, and wait for the next."""
        while update.time <= self.now:
            if isinstance(update, EndOfCalendar):
                raise update.error
            self.strategy.on_session(update)
            update = self._session_after(calendar, update.time)
        self._wait_for_session(calendar, update)

    def _session_after(self, calendar: Sessions, moment: int) -> "SessionUpdate | EndOfCalendar":
        try:
            return next_session(calendar, moment)
        except DataError as error:
            # Only data that go on beyond what the calendar knows are wrong.
            day = interval_length("1d", self._scales.time_unit)
            return EndOfCalendar(moment + day, error)

    def _wait_for_session(
        self, calendar: Sessions, update: "SessionUpdate | EndOfCalendar"
    ) -> None:
        alert = Order("ALERT_TIME", expire_ts=update.time, symbol=self.symbols[0])
        self._wait(alert, Wait(update.time, session=update, calendar=calendar))

    def _wait_for_bar(self, symbol: str, text: str, length: int) -> None:
        phase = phase_of(length, self._scales.time_unit)
        stop = ((self.now - phase) // length + 1) * length + phase
        alert = Order("ALERT_TIME", expire_ts=stop, symbol=symbol)
        self._wait(alert, Wait(stop, Interval(symbol, text, length, stop)))

    def _count_order(self) -> None:
        now = self.now
        moment, count = self._placed_at
        count = count + 1 if moment == now else 1
        self._placed_at = (now, count)
        if count > ORDERS_AT_ONCE_MAX:
            raise StateError(
                f"more than {ORDERS_AT_ONCE_MAX:,} orders and amendments are given at the time {now}",
                hint="a loop without an end? order what you need and return",
            )


def _check_order(order: object) -> None:
    if not isinstance(order, Order):
        raise OrderError(
            f"{order!r} is no order", hint='ts.Order("LIMIT", "BUY", 1, price=99.5) is one'
        )


def _check_id(order_id: object) -> None:
    if isinstance(order_id, bool) or not isinstance(order_id, Integral):
        raise OrderError(
            f"{order_id!r} is not the id of an order",
            hint="ids are what buy, sell and order return",
        )
