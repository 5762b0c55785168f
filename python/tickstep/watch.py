"""A risk manager at work: orders before the trade, the account after it and between events.

A `RiskWatch` belongs to one session. It has no clock, file, socket or thread: time is the time of the
venue, prices and positions are the venue's integers, so a backtest and a live session refuse the same
orders.

**Before the trade** an order is held against the worst that could come of it: see `tickstep.reach`.

**After the trade** losses, drawdown and leverage must be seen on the row on which they first pass
their bound, though nobody looks at rows between events. `tickstep.guards` turns what is left of each
limit into prices; ALERT_PRICE orders of the venue wait there, and the venue's skip-scan finds them.
When one fires, or something traded, the limits are counted exactly and the alerts are set anew. What
a drawdown is counted from, the highest equity, is found the same way: alerts wait where equity would
be higher than ever. So a run pays for each new high, and else for events.

Of several instruments the rows of one time are one moment: equity is counted after the last of them,
or a hedge whose legs are quoted one after the other would be a loss in between.

A day begins with the first row at or after its time, for which an ALERT_TIME waits. What equity was
before that row follows from what it is after it: less what traded since, and less what the lots held
before have gained since the last prices of the day before.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from tickstep.engine import EventKind, OpenOrder, Order, Snapshot
from tickstep.guards import Guard, alert_prices
from tickstep.intervals import interval_length
from tickstep.reach import FLAT, Ask, Held, Reach, amended, asked, reach
from tickstep.risk import Breach, Refusal, RiskEntry, RiskManager, utc_offset_seconds
from tickstep.scales import Scale, Scales
from tickstep.ticks import NS_PER_UNIT, Number

__all__ = ["PriceBefore", "RiskVenue", "RiskWatch"]

FILLED, ALERT, LEDGER = int(EventKind.FILLED), int(EventKind.ALERT), int(EventKind.LEDGER)
CANCELLED = int(EventKind.CANCELLED)
PAID_IN = (1, 2)  # entries of the ledger that are no profit: deposits and withdrawals
SETTLED = 20  # moves money between cash and positions
PRICE_END = 1 << 48
WARNINGS_MAX = 5
KILL = "kill_switch"

# The last price of an instrument (by index) before a time, in ticks.
PriceBefore = Callable[[int, int], int]


class RiskVenue(Protocol):
    """What a watch asks of a venue."""

    def get_snapshot(self, symbol: str | None = None) -> Snapshot:
        """The account, and the position in an instrument, now."""

    def open_orders(self, symbol: str | None = None) -> list[OpenOrder]:
        """Orders and alerts that wait."""

    def order(self, order_id: int, /) -> OpenOrder | None:
        """An open order; None when it has ended."""

    def place_order(self, order: Order, /) -> int:
        """Place an order and return its id."""

    def cancel_order(self, order_id: int, /) -> bool:
        """Cancel an order; False when it had already ended."""

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel every open order; alerts stay."""

    @property
    def time(self) -> int:
        """Time of the last tick."""


class _Limits(NamedTuple):
    """Limits of one instrument as whole numbers."""

    order_lots: int | None
    order_units: int | None
    position_lots: int | None
    band: Fraction | None
    is_restricted: bool


class _Trade(NamedTuple):
    """A fill of the present moment."""

    instrument: int
    price: int
    lots: int
    fee: int


class RiskWatch:
    """Holds one session against a risk manager.

    Parameters
    ----------
    manager : RiskManager
        The limits.
    venue : RiskVenue
        Where the session trades.
    scales : Scales
        What its integers stand for.
    price_before : callable
        Last price in ticks of an instrument before a time; never asked beyond now.
    start_time : int
        When the session begins.

    Raises
    ------
    ConfigError
        When a limit names an instrument that is not traded.
    """

    def __init__(
        self,
        manager: RiskManager,
        venue: RiskVenue,
        scales: Scales,
        price_before: PriceBefore,
        start_time: int,
    ) -> None:
        self.manager = manager
        self.unknown = manager.check_symbols(scales.symbols)
        self.log: list[RiskEntry] = []
        self.is_due = False  # something happened after which the account must be looked at
        self._venue = venue
        self._scales = scales
        self._price_before = price_before
        self._index = {symbol: index for index, symbol in enumerate(scales.symbols)}
        self._limits = [self._limits_of(each) for each in scales.instruments]
        self._now = start_time
        self._held: dict[int, Held] = {}  # positions other than 0
        self._times: deque[int] = deque()  # of orders in the window of the rate
        self._texts: dict[int, deque[str]] = {}  # of refusals not yet told of, by order
        self._span = self._span_of_rate()
        self._broken: dict[str, bool] = {KILL: True} if manager.kill_switch else {}
        # After the trade.
        self._day_base = self._peak = scales.cash_units
        self._day_stop: int | None = None
        self._alerts: dict[int, tuple[int, bool] | None] = {}  # by id: where, or None for the day
        self._waiting: dict[tuple[int, bool], tuple[int, int]] = {}  # price and id
        self._dropped: set[int] = set()  # alerts whose end was not told of yet
        self._trades: list[_Trade] = []
        self._paid_in = self._earned = 0
        self._closing: dict[tuple[int, int], int] = {}
        # What is known until something moves.
        self._snapshots: dict[int, Snapshot] = {}
        self._exposures: dict[int, int] | None = None  # by instrument, and their sum
        self._exposed = 0

    def __getstate__(self) -> dict[str, Any]:
        # A copy asks again: what is known of the venue changes nothing.
        return vars(self) | {"_snapshots": {}, "_exposures": None}

    # What the session calls.

    @property
    def looks_on(self) -> bool:
        """Whether there is a limit after the trade."""
        manager = self.manager
        limits = (manager.max_daily_loss, manager.max_drawdown, manager.max_leverage)
        return any(limit is not None for limit in limits)

    def start(self) -> None:
        """Begin the first day."""
        if self.manager.max_daily_loss is not None:
            self._wait_for_day(self._now)

    def moved(self, time: int) -> None:
        """Forget what was known: a tick may have passed since."""
        self._now = time
        self._snapshots.clear()
        self._exposures = None

    def changed(self) -> None:
        """Forget what was known of open orders."""
        self._exposures = None

    def note(self, rows: Iterable[Sequence[int]]) -> list[Sequence[int]]:
        """Take in events; give back those that concern the session.

        Parameters
        ----------
        rows : iterable of tuple
            Rows of `EVENT_DTYPE` as integers.

        Returns
        -------
        list of tuple
            Without the watch's own alerts.
        """
        others = []
        for row in rows:
            kind = row[0]
            if row[6] in self._alerts or row[6] in self._dropped:
                self._note_alert(kind, row[6])
                continue
            others.append(row)
            if kind == FILLED:
                self._note_fill(row)
            elif kind == LEDGER:
                self._note_entry(row)
        # After a kill, too: what was under way may still be filled.
        self.is_due = self.is_due and (self.looks_on or KILL in self._broken)
        return others

    def owns(self, order_id: int) -> bool:
        """Tell whether it is the id of an alert of the watch."""
        return order_id in self._alerts

    # Before the trade.

    def refusal_of(self, order: Order) -> Refusal | None:
        """Tell why an order must not be placed.

        Parameters
        ----------
        order : Order
            It; alerts are never refused.

        Returns
        -------
        Refusal or None
            The first limit that it would break.

        Raises
        ------
        OrderError
            When a number is off its grid.
        """
        index = 0 if order.symbol is None else self._index[order.symbol]
        return self._first_of(asked(order, index, self._scales.instruments[index]))

    def amend_refusal_of(self, order: OpenOrder, changes: Mapping[str, Number]) -> Refusal | None:
        """Tell why an order must not be changed; less quantity alone breaks no limit.

        Parameters
        ----------
        order : OpenOrder
            As it stands.
        changes : mapping
            New values by name, as of `Engine.amend_order`.

        Returns
        -------
        Refusal or None
            The first limit that it would break.

        Raises
        ------
        OrderError
            When a number is off its grid.
        """
        index = self._index[order.symbol]
        ask = amended(order, changes, index, self._scales.instruments[index])
        if set(changes) == {"qty"} and ask.lots <= order.qty_lots:
            return self._of_kill(ask)
        return self._first_of(ask)

    def placed(self, symbol: str) -> None:
        """Count an order or amendment of an instrument that was let through."""
        if self._span:
            self._times.append(self._now)
        if self._exposures is not None:
            index = self._index[symbol]
            self._exposed -= self._exposures.get(index, 0)
            self._exposures[index] = self._exposure(index, self._reach(index))
            self._exposed += self._exposures[index]

    def refused(self, order_id: int, symbol: str, refusal: Refusal, tells: bool) -> None:
        """Write a refusal down, and keep its words where the strategy will be told."""
        if tells:
            self._texts.setdefault(order_id, deque()).append(refusal.text)
        self.log.append(
            RiskEntry(
                self._now,
                "refused",
                symbol,
                order_id,
                refusal.limit,
                _float(refusal.value),
                _float(refusal.bound),
                refusal.text,
            )
        )

    def words_of(self, order_id: int) -> str:
        """Tell the words of the oldest refusal of an order that nobody was told of."""
        texts = self._texts.get(order_id)
        if texts is None:
            return ""
        text = texts.popleft()
        if not texts:
            del self._texts[order_id]
        return text

    def _first_of(self, ask: Ask) -> Refusal | None:
        checks = (
            self._of_kill,
            self._of_halt,
            self._of_symbol,
            self._of_rate,
            self._of_qty,
            self._of_value,
            self._of_band,
            self._of_position,
            self._of_leverage,
        )
        return next((found for check in checks if (found := check(ask)) is not None), None)

    def _of_kill(self, ask: Ask) -> Refusal | None:
        if KILL not in self._broken:
            return None
        return Refusal(KILL, None, None, f"{KILL}: nothing is traded any more")

    def _of_halt(self, ask: Ask) -> Refusal | None:
        if "max_leverage" in self._broken and not self._is_over_leverage():
            del self._broken["max_leverage"]
        if not self._broken or self._reduces(ask):
            return None
        limit = next(iter(self._broken))
        return Refusal(limit, None, None, f"{limit} was broken: positions may only be reduced")

    def _of_symbol(self, ask: Ask) -> Refusal | None:
        if not self._limits[ask.instrument].is_restricted or self._reduces(ask):
            return None
        symbol = self._scale(ask).symbol
        is_named = symbol in self.manager.restricted
        limit = "restricted" if is_named else "allowed"
        what = "is restricted" if is_named else "is not among those allowed"
        return Refusal(limit, None, None, f"{symbol} {what}: it may only be closed")

    def _of_rate(self, ask: Ask) -> Refusal | None:
        if self.manager.max_orders is None:
            return None
        while self._times and self._times[0] <= self._now - self._span:
            self._times.popleft()
        most, span = self.manager.max_orders
        count = len(self._times) + 1
        if count <= most:
            return None
        text = f"max_orders: {count} in {span}, at most {most}"
        return Refusal("max_orders", Decimal(count), Decimal(most), text)

    def _of_qty(self, ask: Ask) -> Refusal | None:
        most = self._limits[ask.instrument].order_lots
        if most is None or ask.lots <= most:
            return None
        limits = self.manager.limits_of(self._scale(ask).symbol)
        qty = self._scale(ask).lot.decimal(ask.lots)
        return _beyond("max_order_qty", qty, limits.max_order_qty)

    def _of_value(self, ask: Ask) -> Refusal | None:
        most = self._limits[ask.instrument].order_units
        if most is None:
            return None
        last = self._last(ask.instrument)
        prices = [*ask.prices, *([] if last is None else [last])]
        if ask.sign > 0 and ask.limit is not None:
            prices = [ask.limit]  # it never pays more
        if not prices:
            return Refusal("max_order_value", None, None, "max_order_value: there is no price yet")
        units = ask.lots * max(map(abs, prices)) * self._scale(ask).units_per_tick_lot
        if units <= most:
            return None
        limits = self.manager.limits_of(self._scale(ask).symbol)
        return _beyond("max_order_value", self._money(units), limits.max_order_value)

    def _of_band(self, ask: Ask) -> Refusal | None:
        band = self._limits[ask.instrument].band
        if band is None or (not ask.prices and ask.trail is None):
            return None
        last = self._last(ask.instrument)
        if last is None:
            return Refusal("price_band", None, None, "price_band: there is no price yet")
        away = [abs(price - last) for price in ask.prices]
        furthest = max(away + ([] if ask.trail is None else [ask.trail]))
        if furthest <= band * abs(last):
            return None
        value = Decimal(furthest) / Decimal(abs(last)) if last else None
        bound = Decimal(band.numerator) / Decimal(band.denominator)
        told = "infinitely far" if value is None else f"{float(100 * value):.6g} %"
        text = f"price_band: {told} from the last price, at most {float(100 * bound):.6g} %"
        return Refusal("price_band", value, bound, text)

    def _of_position(self, ask: Ask) -> Refusal | None:
        most = self._limits[ask.instrument].position_lots
        if most is None:
            return None
        after = self._reach(ask.instrument, ask).on(ask.sign)
        if after <= most or after <= self._reach(ask.instrument).on(ask.sign):
            return None
        limits = self.manager.limits_of(self._scale(ask).symbol)
        qty = self._scale(ask).lot.decimal(after)
        return _beyond(
            "max_position", qty, limits.max_position, "long" if ask.sign > 0 else "short"
        )

    def _of_leverage(self, ask: Ask) -> Refusal | None:
        most = self.manager.max_leverage
        if most is None:
            return None
        if self._last(ask.instrument) is None:
            return Refusal("max_leverage", None, None, "max_leverage: there is no price yet")
        exposures = self._all_exposures()
        before = exposures.get(ask.instrument, 0)
        after = self._exposure(ask.instrument, self._reach(ask.instrument, ask))
        gross, equity = self._exposed - before + after, self._equity()
        if after <= before or gross <= Fraction(most) * equity:
            return None
        if equity <= 0:
            text = f"max_leverage: there is no equity, at most {most:f}"
            return Refusal("max_leverage", None, most, text)
        return _beyond("max_leverage", Decimal(gross) / Decimal(equity), most)

    # What an order could lead to.

    def _reduces(self, ask: Ask) -> bool:
        """Whether no more than the position can come of it, with all else of its side filled."""
        if ask.only_reduces:
            return True
        held = self._held.get(ask.instrument)
        if self._scale(ask).is_hedged or held is None or held.net * ask.sign > 0:
            return False
        return self._reach(ask.instrument, ask).on(ask.sign) <= 0

    def _reach(self, index: int, ask: Ask | None = None) -> Reach:
        scale = self._scales.instruments[index]
        waiting = self._venue.open_orders(scale.symbol)
        return reach(self._held.get(index, FLAT), waiting, ask, scale.is_hedged)

    def _exposure(self, index: int, reach: Reach) -> int:
        """Money units that an instrument could come to hold."""
        last = self._last(index)
        if last is None:
            return 0
        scale = self._scales.instruments[index]
        lots = reach.long + reach.short if scale.is_hedged else max(reach.long, reach.short)
        return lots * abs(last) * scale.units_per_tick_lot

    def _all_exposures(self) -> dict[int, int]:
        if self._exposures is None:
            waiting = {self._index[each.symbol] for each in self._venue.open_orders()}
            concerned = sorted(waiting | set(self._held))
            self._exposures = {each: self._exposure(each, self._reach(each)) for each in concerned}
            self._exposed = sum(self._exposures.values())
        return self._exposures

    # After the trade.

    def look(self) -> list[Breach]:
        """Count the account, act on what is broken, and set the alerts anew.

        Returns
        -------
        list of Breach
            Limits that were not broken before.
        """
        self.is_due = False
        self.moved(self._venue.time)
        equity = self._equity()
        if self._day_stop is not None and self._now >= self._day_stop:
            self._begin_day(equity)
        else:
            self._day_base += self._paid_in
        self._peak = max(self._peak + self._paid_in, equity)
        self._trades, self._paid_in, self._earned = [], 0, 0
        found = [breach for breach in self._breaches(equity) if not self._broken.get(breach.limit)]
        for breach in found:
            self._write_down(breach)
        if found:
            self._cancel_all()
        if self._broken and self.manager.on_breach == "flatten":
            self._close_all()
        self._wait(self._guards(equity))
        return found

    def kill(self, why: str) -> Breach | None:
        """Stop all trading for good; None where that has been done."""
        if KILL in self._broken:
            return None
        breach = Breach(self._now, KILL, None, None, self.manager.on_breach)
        self._write_down(breach, f"{KILL}: {why}" if why else KILL)
        self._cancel_all()
        if self.manager.on_breach == "flatten":
            self._close_all()
        return breach

    def warnings(self) -> list[str]:
        """Say what came of the limits, for whoever reads the result."""
        told = [f"risk: {each} is limited, but not traded" for each in self.unknown]
        breaches = [each for each in self.log if each.kind == "breach"]
        told += [f"risk: {each.text}" for each in breaches[:WARNINGS_MAX]]
        if len(breaches) > WARNINGS_MAX:
            told.append(f"risk: {len(breaches) - WARNINGS_MAX} more breaches, see Result.risk")
        refused: dict[str, int] = {}
        for each in self.log:
            if each.kind == "refused":
                refused[each.limit] = refused.get(each.limit, 0) + 1
        if refused:
            by_limit = ", ".join(f"{limit} {count:,}" for limit, count in refused.items())
            told.append(f"risk: {sum(refused.values()):,} orders or amendments refused: {by_limit}")
        return told

    def _note_alert(self, kind: int, order_id: int) -> None:
        """An event of an alert of the watch: it was accepted, it is dropped, or it tells."""
        if kind == CANCELLED:
            self._dropped.discard(order_id)
        elif kind == ALERT:
            place = self._alerts.pop(order_id)
            if place is not None:
                self._waiting.pop(place, None)
            self.is_due = True

    def _note_fill(self, row: Sequence[int]) -> None:
        index, net = row[2], row[12]
        self._snapshots.pop(index, None)
        if self._scales.instruments[index].is_hedged:
            held = self._hedged(index, net)
        else:
            held = Held(net, max(net, 0), max(-net, 0))
        if held.long or held.short:
            self._held[index] = held
        else:
            self._held.pop(index, None)
        if self.looks_on:
            self._trades.append(_Trade(index, row[8], row[9], row[10]))
        self.is_due = True

    def _hedged(self, index: int, net: int) -> Held:
        buckets = self._snapshot(index).buckets
        long, short = (
            sum(buckets[f"{side}_{day}"][0] for day in ("today", "yesterday"))
            for side in ("long", "short")
        )
        return Held(net, long, short)

    def _note_entry(self, row: Sequence[int]) -> None:
        kind, amount = row[1], row[11]
        if kind in PAID_IN:
            self._paid_in += amount
        elif kind != SETTLED:
            self._earned += amount
        self.is_due = True

    def _begin_day(self, equity: int) -> None:
        """Take what equity was before this moment as what the day is counted from."""
        assert self._day_stop is not None, "a day is waited for"
        gained, held = 0, {index: each.net for index, each in self._held.items()}
        for trade in self._trades:
            unit = self._scales.instruments[trade.instrument].units_per_tick_lot
            last = self._known_last(trade.instrument)
            gained += (last - trade.price) * trade.lots * unit - trade.fee
            held[trade.instrument] = held.get(trade.instrument, 0) - trade.lots
        for index, lots in held.items():
            if lots:
                before = self._price_before(index, self._day_stop)
                unit = self._scales.instruments[index].units_per_tick_lot
                gained += (self._known_last(index) - before) * lots * unit
        # What is paid in on this day is no gain of it.
        self._day_base = equity - gained - self._earned
        self._broken.pop("max_daily_loss", None)
        self._wait_for_day(self._now)

    def _wait_for_day(self, now: int) -> None:
        second = 10**9 // NS_PER_UNIT[self._scales.time_unit]
        day, phase = 86_400 * second, -utc_offset_seconds(self.manager.utc_offset) * second
        self._day_stop = ((now - phase) // day + 1) * day + phase
        order = Order("ALERT_TIME", expire_ts=self._day_stop, symbol=self._scales.symbols[0])
        self._alerts[self._venue.place_order(order)] = None

    def _breaches(self, equity: int) -> list[Breach]:
        """Limits that do not hold; one that was broken and holds again is forgotten."""
        found = []
        for limit, bound in (("max_daily_loss", self._loss()), ("max_drawdown", self._fall())):
            if bound is None:
                continue
            lost = (self._day_base if limit == "max_daily_loss" else self._peak) - equity
            if lost > bound:
                found.append(self._breach(limit, lost, bound))
        if self.manager.max_leverage is not None:
            if self._is_over_leverage():
                found.append(self._over_leverage(equity))
            else:
                self._broken.pop("max_leverage", None)
        return found

    def _loss(self) -> int | None:
        """Money units that the day may lose."""
        unit = Fraction(self._scales.money.step)
        bound = self.manager.loss_bound(self._day_base * unit)
        return None if bound is None else bound // unit

    def _fall(self) -> int | None:
        """Money units that equity may fall from its highest."""
        most = self.manager.max_drawdown
        return None if most is None else max(0, self._peak) * Fraction(most) // 1

    def _breach(self, limit: str, lost: int, bound: int) -> Breach:
        value, most = float(self._money(lost)), float(self._money(bound))
        if limit == "max_drawdown":
            value = lost / self._peak if self._peak > 0 else float("inf")
            most = float(self.manager.max_drawdown or 0)
        return Breach(self._now, limit, value, most, self.manager.on_breach)

    def _gross(self) -> int:
        """Money units of all positions, whatever their side."""
        total = 0
        for index, held in self._held.items():
            unit = self._scales.instruments[index].units_per_tick_lot
            total += (held.long + held.short) * abs(self._known_last(index)) * unit
        return total

    def _is_over_leverage(self) -> bool:
        most = self.manager.max_leverage
        return most is not None and self._gross() > Fraction(most) * max(0, self._equity())

    def _over_leverage(self, equity: int) -> Breach:
        value = self._gross() / equity if equity > 0 else float("inf")
        bound = float(self.manager.max_leverage or 0)
        return Breach(self._now, "max_leverage", value, bound, self.manager.on_breach)

    def _write_down(self, breach: Breach, text: str | None = None) -> None:
        self._broken[breach.limit] = True
        if text is None:
            text = f"{breach.limit} broken: {breach.value:.10g}, at most {breach.bound:.10g}"
        time, limit, value, bound, action = breach
        text = f"{text}; {'all closed and ' if action == 'flatten' else ''}halted"
        self.log.append(RiskEntry(time, "breach", None, None, limit, value, bound, text))

    def _cancel_all(self) -> None:
        """Cancel every order but those that close positions already."""
        closing = set(self._closing.values())
        waiting = [each for each in self._venue.open_orders() if each.qty_lots]
        if not any(each.order_id in closing for each in waiting):
            self._venue.cancel_all()
            return
        for each in waiting:
            if each.order_id not in closing:
                self._venue.cancel_order(each.order_id)

    def _close_all(self) -> None:
        """Close what is held and not being closed; under latency more may be filled meanwhile."""
        for index, held in sorted(self._held.items()):
            is_hedged = self._scales.instruments[index].is_hedged
            for sign, lots in ((-1, held.long), (1, held.short)):
                if lots and self._is_open_no_more(self._closing.get((index, sign))):
                    order = Order(
                        "MARKET",
                        "BUY" if sign > 0 else "SELL",
                        self._scales.instruments[index].lot.decimal(lots),
                        reduce_only=not is_hedged,
                        offset="CLOSE" if is_hedged else None,
                        symbol=self._scales.symbols[index],
                    )
                    self._closing[index, sign] = self._venue.place_order(order)

    def _is_open_no_more(self, order_id: int | None) -> bool:
        return order_id is None or self._venue.order(order_id) is None

    # Alerts where a limit could first be broken.

    def _guards(self, equity: int) -> list[Guard]:
        slopes = {
            index: held.net * self._scales.instruments[index].units_per_tick_lot
            for index, held in self._held.items()
        }
        falls = {index: _costs(slope) for index, slope in slopes.items()}
        guards = []
        for limit, base, bound in (
            ("max_daily_loss", self._day_base, self._loss()),
            ("max_drawdown", self._peak, self._fall()),
        ):
            if bound is not None and limit not in self._broken:
                guards.append(Guard(equity - (base - bound), falls))
        if self.manager.max_drawdown is not None and "max_drawdown" not in self._broken:
            rises = {index: _costs(-slope) for index, slope in slopes.items()}
            guards.append(Guard(self._peak - equity, rises))
        if self.manager.max_leverage is not None and "max_leverage" not in self._broken:
            guards.append(self._leverage_guard(equity, slopes))
        return guards

    def _leverage_guard(self, equity: int, slopes: Mapping[int, int]) -> Guard:
        most = Fraction(self.manager.max_leverage or 0)
        costs = {}
        for index, held in self._held.items():
            unit = self._scales.instruments[index].units_per_tick_lot
            gross = (held.long + held.short) * unit * most.denominator
            equal, price = most.numerator * slopes[index], self._known_last(index)
            down, up = (
                (gross, gross)
                if price == 0
                else ((-gross, gross) if price > 0 else (gross, -gross))
            )
            costs[index] = (max(0, equal + down), max(0, up - equal))
        room = most.numerator * equity - most.denominator * self._gross()
        return Guard(room, costs, is_bent=True)

    def _wait(self, guards: Sequence[Guard]) -> None:
        """Have alerts where the guards say; what waits nearly there already stays."""
        prices = {index: self._known_last(index) for index in self._held}
        wanted = alert_prices(guards, prices)
        for place, (price, order_id) in list(self._waiting.items()):
            away = wanted.get(place)
            now = abs(price - prices[place[0]]) if away is not None else 0
            if away is None or not away[1] <= 2 * now <= 2 * away[1]:
                self._venue.cancel_order(order_id)
                self._dropped.add(order_id)
                del self._alerts[order_id], self._waiting[place]
        for place, (price, _) in sorted(wanted.items()):
            scale = self._scales.instruments[place[0]]
            least = 1 - PRICE_END if scale.allows_negative else 1
            if place not in self._waiting and least <= price < PRICE_END:
                side = "BUY" if place[1] else "SELL"
                trigger = scale.tick.decimal(price)
                order = Order("ALERT_PRICE", side, trigger=trigger, symbol=scale.symbol)
                order_id = self._venue.place_order(order)
                self._alerts[order_id], self._waiting[place] = place, (price, order_id)

    # What the venue knows.

    def _snapshot(self, index: int) -> Snapshot:
        found = self._snapshots.get(index)
        if found is None:
            found = self._venue.get_snapshot(self._scales.symbols[index])
            self._snapshots[index] = found
        return found

    def _equity(self) -> int:
        return self._snapshot(0).equity_units

    def _last(self, index: int) -> int | None:
        snapshot = self._snapshot(index)
        return None if snapshot.tick_index < 0 else snapshot.last_price_ticks

    def _known_last(self, index: int) -> int:
        """The last price of an instrument that has traded."""
        return self._snapshot(index).last_price_ticks

    def _money(self, units: int) -> Decimal:
        return self._scales.money.decimal(units)

    def _scale(self, ask: Ask) -> Scale:
        return self._scales.instruments[ask.instrument]

    def _limits_of(self, scale: Scale) -> _Limits:
        limits, manager = self.manager.limits_of(scale.symbol), self.manager
        lot, money = Fraction(scale.lot.step), Fraction(self._scales.money.step)

        def whole(most: Decimal | None, step: Fraction) -> int | None:
            return None if most is None else Fraction(most) // step

        is_unknown = manager.allowed is not None and scale.symbol not in manager.allowed
        return _Limits(
            whole(limits.max_order_qty, lot),
            whole(limits.max_order_value, money),
            whole(limits.max_position, lot),
            None if limits.price_band is None else Fraction(limits.price_band),
            is_unknown or scale.symbol in manager.restricted,
        )

    def _span_of_rate(self) -> int:
        if self.manager.max_orders is None:
            return 0
        return interval_length(self.manager.max_orders[1], self._scales.time_unit)


def _costs(slope: int) -> tuple[int, int]:
    """What a tick down and a tick up cost where a tick up brings `slope`."""
    return max(0, slope), max(0, -slope)


def _beyond(limit: str, value: Decimal, bound: Decimal | None, side: str = "") -> Refusal:
    assert bound is not None, "a limit that is not set is not broken"
    told = f"{side} {value:f}" if side else f"{value:.10g}"
    return Refusal(limit, value, bound, f"{limit}: {told}, at most {bound:f}")


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
