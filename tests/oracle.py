"""The second implementation of the engine: slow, plain, exact.

It is written from `include/tickstep.h` and `docs/architecture.md` alone and shares no idea with the
kernel: every tick looks at every order, every sum is taken anew. Names and numbers are those of the
header. After every event it checks the identities that the header promises. It knows nothing of
capacities, zone maps and saved states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import astuple, dataclass, field, replace
from math import isqrt

from records import (
    AMEND_PRICE,
    AMEND_QTY,
    AMEND_TRAIL,
    AMEND_TRIGGER,
    CONFIG_CASH_ACCOUNT,
    FLAG_POST_ONLY,
    FLAG_REDUCE_ONLY,
    INSTRUMENT_ALLOW_NEGATIVE,
    INSTRUMENT_BAND,
    INSTRUMENT_LIMITS_FIRST,
    INSTRUMENT_NO_SHORT,
    LONG_TODAY,
    SHORT_TODAY,
    TICK_CONTINUES,
    TICK_QUOTED,
    TICK_RANGE,
    Amend,
    BatchResult,
    BucketView,
    Config,
    Entry,
    Event,
    EventKind,
    Feed,
    FillRule,
    Instrument,
    Liquidity,
    Offset,
    Order,
    OrderType,
    OrderView,
    PositionMode,
    QtyRule,
    Reason,
    Schedule,
    Settle,
    Side,
    Snapshot,
    StatusError,
    Tick,
    TimeInForce,
)

PPB = 10**9
PRICE_END = 2**48  # |price| stays below
RANGE_END = 2**62  # |time|, quantities and |money| stay below
AMOUNT_MAX = 2**61
ALWAYS = -RANGE_END  # "live from the beginning"

ALERTS = (OrderType.ALERT_PRICE, OrderType.ALERT_TIME)
LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT)
TRIGGERS = (
    OrderType.STOP,
    OrderType.STOP_LIMIT,
    OrderType.MARKET_IF_TOUCHED,
    OrderType.ALERT_PRICE,
)
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


def require(is_right: bool, status_name: str) -> None:
    if not is_right:
        raise StatusError(status_name)


# ---- State ---------------------------------------------------------------------------------------


@dataclass
class Bucket:
    qty: int = 0
    cost: int = 0
    base: int = 0


@dataclass
class Book:
    """What the engine knows of one instrument."""

    rules: Instrument
    buckets: list[Bucket] = field(default_factory=lambda: [Bucket() for _ in range(4)])
    realized: int = 0
    fees: int = 0
    last_price: int = 0
    pool: int = 0  # under VOLUME: what the last tick has left
    tick_index: int = -1

    @property
    def position(self) -> int:
        return sum(sign(index) * bucket.qty for index, bucket in enumerate(self.buckets))


@dataclass
class Placed:
    """An order with its life so far."""

    id: int
    order: Order
    live_from: int
    placed_time: int
    priority: int = 0
    filled: int = 0
    is_pending: bool = True  # has not met its first live tick
    has_fired: bool = False
    best: int | None = None  # best price of a trailing stop since it is live
    fee_raw: int = 0  # in 10^-9 units
    fees: int = 0
    frozen_units: int = 0
    frozen_lots: int = 0

    @property
    def rest(self) -> int:
        return self.order.qty_lots - self.filled

    @property
    def sign(self) -> int:
        return 1 if self.order.side == Side.BUY else -1

    @property
    def is_buy(self) -> bool:
        return self.order.side == Side.BUY

    @property
    def is_alert(self) -> bool:
        return self.order.type in ALERTS

    @property
    def acts_as_limit(self) -> bool:
        kind = self.order.type
        return kind == OrderType.LIMIT or (kind == OrderType.STOP_LIMIT and self.has_fired)

    @property
    def acts_as_market(self) -> bool:
        kind = self.order.type
        return kind == OrderType.MARKET or (self.has_fired and kind != OrderType.STOP_LIMIT)

    @property
    def waits_for_trigger(self) -> bool:
        return not self.acts_as_limit and not self.acts_as_market

    @property
    def is_reduce_only(self) -> bool:
        return bool(self.order.flags & FLAG_REDUCE_ONLY)


@dataclass
class Command:
    """A delayed cancel or amendment; an order_id of 0 cancels everything up to `last_id`."""

    due: int
    order_id: int = 0
    amend: Amend | None = None
    instrument: int | None = None
    last_id: int = 0


# ---- Arithmetic ----------------------------------------------------------------------------------


def sign(bucket_index: int) -> int:
    return 1 if bucket_index < SHORT_TODAY else -1


def div_ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)


def div_trunc(number: int, divisor: int) -> int:
    quotient = abs(number) // divisor
    return quotient if number >= 0 else -quotient


def is_price(rules: Instrument, price: int) -> bool:
    lowest = 1 - PRICE_END if rules.flags & INSTRUMENT_ALLOW_NEGATIVE else 1
    return lowest <= price < PRICE_END


def far_side(rules: Instrument, price: int, is_buy: bool) -> int:
    """Where a taker trades when the middle is `price`: a whole number of ticks away, rounded up."""
    half = div_ceil(abs(price) * rules.spread_ppb, 2 * PPB)
    if is_buy:
        return price + half
    if rules.flags & INSTRUMENT_ALLOW_NEGATIVE:
        return price - half
    return max(1, price - half)


@dataclass(frozen=True)
class Path:
    """What is known of the way of the price through one tick: one point, unless it is a range."""

    tick: Tick
    low: int
    high: int
    start: int

    @property
    def is_range(self) -> bool:
        return bool(self.tick.flags & TICK_RANGE)

    @property
    def end(self) -> int:
        return self.tick.price_ticks


def path_of(book: Book, tick: Tick) -> Path:
    """The path of the instrument's next tick; a range goes on from the last price, moved into it."""
    price = tick.price_ticks
    if not tick.flags & TICK_RANGE:
        return Path(tick, price, price, price)
    low, high = tick.bid_ticks, tick.ask_ticks
    last = book.last_price if book.tick_index >= 0 else price
    return Path(tick, low, high, min(max(last, low), high))


def far_side_at_start(rules: Instrument, path: Path, is_buy: bool) -> int:
    if path.tick.flags & TICK_QUOTED:
        return path.tick.ask_ticks if is_buy else path.tick.bid_ticks
    return far_side(rules, path.start, is_buy)


def fee_of_raw(rules: Instrument, raw: int) -> int:
    """The whole fee of an order with fills; a remainder goes to the venue."""
    fee = div_ceil(raw, PPB)
    return max(fee, rules.fee_min_units) if rules.fee_min_units > 0 else fee


# ---- Digest --------------------------------------------------------------------------------------

WORD = 2**64
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def rotl(word: int, count: int) -> int:
    return (word << count | word >> (64 - count)) % WORD


def mum(a: int, b: int) -> int:
    return a * b % WORD ^ a * b // WORD


C = [isqrt(prime << 128) % WORD for prime in PRIMES]
D = [rotl(constant, 32) for constant in C]
P1, P2 = C[0] | 1, C[1] | 1


def words(event: Event) -> list[int]:
    kind, reason, instrument, *rest = astuple(event)
    return [kind | reason << 16 | instrument << 32, *(number % WORD for number in rest)]


def digest_update(digest: tuple[int, int], event: Event) -> tuple[int, int]:
    low, high = digest
    w = words(event)
    l_sum = sum(mum(w[i] ^ C[i], w[i + 1] ^ C[i + 1]) for i in range(0, 10, 2))
    h_sum = sum(mum(w[i] ^ D[i], w[i + 1] ^ D[i + 1]) for i in range(1, 10, 2))
    l_sum += mum(w[10] ^ C[10], C[11])
    h_sum += mum(w[0] ^ D[0], D[11])
    low = (rotl(low ^ l_sum % WORD, 23) * P1 + h_sum) % WORD
    high = (rotl(high ^ h_sum % WORD, 29) * P2 + low) % WORD
    return low, high


# ---- Checks of arguments: they name the first wrong field in the order of the status numbers ----


def check_config(config: Config) -> None:
    require(1 <= len(config.instruments) <= 65536, "INSTRUMENT_COUNT")
    for rules in config.instruments:
        check_instrument(rules)
    require(0 <= config.initial_cash_units <= AMOUNT_MAX, "CASH_RANGE")
    require(0 <= config.latency <= AMOUNT_MAX, "LATENCY_RANGE")
    if config.flags & CONFIG_CASH_ACCOUNT:
        for rules in config.instruments:
            is_plain = rules.settle == Settle.SPOT and rules.position_mode == PositionMode.NET
            is_positive = not rules.flags & INSTRUMENT_ALLOW_NEGATIVE
            require(is_plain and is_positive, "CASH_ACCOUNT")


def check_instrument(rules: Instrument) -> None:
    require(1 <= rules.units_per_tick_lot <= 2**40, "UNIT_RANGE")
    require(0 <= rules.spread_ppb < 2 * PPB, "SPREAD_RANGE")
    rates = (rules.maker_fee_ppb, rules.taker_fee_ppb)
    per_lot = (rules.maker_fee_units_per_lot, rules.taker_fee_units_per_lot)
    require(all(abs(rate) <= PPB for rate in rates), "FEE_RANGE")
    require(all(abs(amount) <= 2**40 for amount in per_lot), "FEE_RANGE")
    require(0 <= rules.fee_min_units <= 2**40, "FEE_RANGE")
    require(rules.settle in tuple(Settle), "RULE")
    require(rules.position_mode in tuple(PositionMode), "RULE")
    require(rules.fill_rule in tuple(FillRule), "RULE")
    require(rules.qty_rule in tuple(QtyRule), "RULE")
    require(1 <= rules.qty_step_lots <= AMOUNT_MAX, "QTY_RULE")
    require(1 <= rules.qty_min_lots <= AMOUNT_MAX, "QTY_RULE")
    if rules.flags & INSTRUMENT_BAND:
        edges = (rules.band_low_ticks, rules.band_high_ticks)
        require(all(is_price(rules, edge) for edge in edges) and edges[0] <= edges[1], "BAND")
    is_volume = rules.qty_rule == QtyRule.VOLUME
    is_share = 1 <= rules.participation_ppm <= 10**6
    require(is_share if is_volume else rules.participation_ppm == 0, "PARTICIPATION")
    require(rules.wallet == 0, "WALLET")


def check_order(rules: Instrument, order: Order) -> None:
    kind = order.type
    is_alert = kind in ALERTS
    require(order.side in tuple(Side), "SIDE")
    require(kind in tuple(OrderType), "ORDER_TYPE")
    require(order.time_in_force in tuple(TimeInForce), "TIME_IN_FORCE")
    require(not is_alert or order.time_in_force == TimeInForce.GTC, "TIME_IN_FORCE")
    offsets = tuple(Offset)[1:] if rules.position_mode == PositionMode.HEDGE else (Offset.NONE,)
    require(order.offset in ((Offset.NONE,) if is_alert else offsets), "OFFSET")
    can_post = kind in LIMITS and order.time_in_force not in AT_ONCE
    can_reduce = not is_alert and order.offset != Offset.OPEN
    allowed = (FLAG_POST_ONLY if can_post else 0) | (FLAG_REDUCE_ONLY if can_reduce else 0)
    require(order.flags & ~allowed == 0, "FLAGS")
    require(order.qty_lots == 0 if is_alert else 0 < order.qty_lots < RANGE_END, "QTY")
    require(kind not in LIMITS or is_price(rules, order.price_ticks), "PRICE")
    require(kind not in TRIGGERS or is_price(rules, order.trigger_ticks), "TRIGGER")
    is_trailing = kind == OrderType.TRAILING_STOP
    require(not is_trailing or 0 < order.trail_ticks < PRICE_END, "TRAIL")
    has_expiry = order.time_in_force == TimeInForce.GTD or kind == OrderType.ALERT_TIME
    require(not has_expiry or abs(order.expire_time) < RANGE_END, "EXPIRY")
    unused = [
        order.price_ticks if kind not in LIMITS else 0,
        order.trigger_ticks if kind not in TRIGGERS else 0,
        order.trail_ticks if not is_trailing else 0,
        order.expire_time if not has_expiry else 0,
        order.oco_group if is_alert else 0,
    ]
    require(not any(unused), "FIELD_UNUSED")
    require(value_at_own_price(rules, order) < RANGE_END, "OVERFLOW")


def value_at_own_price(rules: Instrument, order: Order) -> int:
    price = max(1, abs(order.price_ticks), abs(order.trigger_ticks))
    return order.qty_lots * price * rules.units_per_tick_lot


def check_amend(rules: Instrument, placed: Placed, amend: Amend) -> None:
    order = placed.order
    allowed = 0 if placed.is_alert else AMEND_QTY
    if order.type in LIMITS:
        allowed |= AMEND_PRICE
    if order.type in TRIGGERS and not placed.has_fired and not placed.is_alert:
        allowed |= AMEND_TRIGGER
    if order.type == OrderType.TRAILING_STOP and not placed.has_fired:
        allowed |= AMEND_TRAIL
    require(amend.fields != 0 and amend.fields & ~allowed == 0, "AMEND_FIELDS")
    given = {
        AMEND_QTY: amend.qty_lots,
        AMEND_PRICE: amend.price_ticks,
        AMEND_TRIGGER: amend.trigger_ticks,
        AMEND_TRAIL: amend.trail_ticks,
    }
    require(not any(n for bit, n in given.items() if not amend.fields & bit), "AMEND_FIELDS")
    new = amended(order, amend)
    require(0 < new.qty_lots < RANGE_END, "QTY")
    require(not amend.fields & AMEND_PRICE or is_price(rules, new.price_ticks), "PRICE")
    require(not amend.fields & AMEND_TRIGGER or is_price(rules, new.trigger_ticks), "TRIGGER")
    require(not amend.fields & AMEND_TRAIL or 0 < new.trail_ticks < PRICE_END, "TRAIL")
    require(value_at_own_price(rules, new) < RANGE_END, "OVERFLOW")


def amended(order: Order, amend: Amend) -> Order:
    return replace(
        order,
        qty_lots=amend.qty_lots if amend.fields & AMEND_QTY else order.qty_lots,
        price_ticks=amend.price_ticks if amend.fields & AMEND_PRICE else order.price_ticks,
        trigger_ticks=amend.trigger_ticks if amend.fields & AMEND_TRIGGER else order.trigger_ticks,
        trail_ticks=amend.trail_ticks if amend.fields & AMEND_TRAIL else order.trail_ticks,
    )


def check_tick(rules: Instrument, tick: Tick, clock: int | None) -> None:
    require(clock is None or tick.time >= clock, "TIME_BACKWARDS")
    require(abs(tick.time) < RANGE_END, "TIME_RANGE")
    require(is_price(rules, tick.price_ticks), "TICK_PRICE")
    lowest_qty = 0 if tick.flags & TICK_RANGE else 1
    require(lowest_qty <= tick.qty_lots < RANGE_END, "TICK_QTY")
    require(tick.side in tuple(Side), "TICK_SIDE")
    if tick.flags & (TICK_RANGE | TICK_CONTINUES):
        low, high = tick.bid_ticks, tick.ask_ticks
        require(bool(tick.flags & TICK_RANGE) and not tick.flags & TICK_QUOTED, "TICK_RANGE")
        require(is_price(rules, low) and is_price(rules, high), "TICK_RANGE")
        require(low <= tick.price_ticks <= high, "TICK_RANGE")
    if tick.flags & TICK_QUOTED:
        is_quote = is_price(rules, tick.bid_ticks) and is_price(rules, tick.ask_ticks)
        require(is_quote and tick.bid_ticks <= tick.ask_ticks, "TICK_QUOTE")


# ---- The engine ----------------------------------------------------------------------------------


class Oracle:
    def __init__(self, config: Config) -> None:
        check_config(config)
        self.config = config
        self.is_cash_account = bool(config.flags & CONFIG_CASH_ACCOUNT)
        self.books = [Book(rules) for rules in config.instruments]
        self.clock: int | None = None
        self.last_instrument = -1
        self.orders: dict[int, Placed] = {}  # all that ever were
        self.open: dict[int, Placed] = {}  # in order of id, alerts included
        self.commands: list[Command] = []
        self.cash = self.money_in = config.initial_cash_units
        self.income = 0
        self.events: list[Event] = []
        self._drained = 0
        self._digest = (0, 0)

    # ---- Calls: orders

    def _placed(self, order: Order) -> Placed:
        check_order(self._book(order.instrument).rules, order)
        live_from = self._live_from(order.instrument, self.config.latency)
        if order.type in ALERTS:
            live_from = self._live_from(order.instrument, 0)
        return Placed(len(self.orders) + 1, order, live_from, self._time())

    def refuse(self, order: Order, reason: int) -> int:
        placed = self._placed(order)
        require(Reason.NO_CASH <= reason <= Reason.RISK_LIMIT, "REASON")
        self.orders[placed.id] = placed
        self._emit_order(EventKind.REJECTED, placed, reason, qty=order.qty_lots)
        return placed.id

    def refuse_amend(self, order_id: int, amend: Amend, reason: int) -> None:
        placed = self._open_order(order_id)
        check_amend(self._book(placed.order.instrument).rules, placed, amend)
        require(Reason.NO_CASH <= reason <= Reason.RISK_LIMIT, "REASON")
        asked = amended(placed.order, amend).qty_lots
        self._emit_order(EventKind.REJECTED, placed, reason, qty=asked)

    def place(self, order: Order) -> int:
        placed = self._placed(order)
        self.orders[placed.id] = placed
        reason = self._refusal(placed)
        if reason:
            self._emit_order(EventKind.REJECTED, placed, reason, qty=order.qty_lots)
            return placed.id
        self.open[placed.id] = placed
        type_and_offset = order.type + 256 * order.offset
        event = self._emit_order(
            EventKind.ACCEPTED, placed, type_and_offset, own_price(order), order.qty_lots
        )
        placed.priority = event.sequence
        self._reserve(placed)
        return placed.id

    def cancel(self, order_id: int) -> None:
        placed = self._open_order(order_id)
        if placed.is_alert or not self._delays():
            self._end(placed, EventKind.CANCELLED, Reason.CANCELLED_BY_USER)
        else:
            self.commands.append(Command(self._due(), order_id))

    def cancel_all(self, instrument: int | None = None) -> None:
        if instrument is not None:
            self._book(instrument)
        command = Command(self._due(), instrument=instrument, last_id=len(self.orders))
        if self._delays():
            self.commands.append(command)
        else:
            self._act_cancel_all(command)

    def amend(self, order_id: int, amend: Amend) -> None:
        placed = self._open_order(order_id)
        check_amend(self._book(placed.order.instrument).rules, placed, amend)
        if self._delays():
            self.commands.append(Command(self._due(), order_id, amend))
        else:
            self._act_amend(placed, amend, self._live_from(placed.order.instrument, 0))

    # ---- Calls: money

    def ledger_post(self, instrument: int, kind: int, amount_units: int) -> None:
        self._book(instrument)
        require(kind in tuple(Entry) and kind != Entry.SETTLEMENT, "ENTRY_KIND")
        is_in = kind in (Entry.DEPOSIT, Entry.WITHDRAWAL)
        is_right_sign = amount_units > 0 if kind == Entry.DEPOSIT else amount_units != 0
        if kind == Entry.WITHDRAWAL:
            is_right_sign = amount_units < 0
        require(is_right_sign and abs(amount_units) <= AMOUNT_MAX, "AMOUNT")
        total = (self.money_in if is_in else self.income) + amount_units
        require(max(abs(total), abs(self.cash + amount_units)) < RANGE_END, "OVERFLOW")
        is_bare = -amount_units > self.cash - self._frozen_units()
        if kind == Entry.WITHDRAWAL and self.is_cash_account and is_bare:
            self._emit(EventKind.REJECTED, instrument, Reason.NO_CASH)
            return
        self.cash += amount_units
        if is_in:
            self.money_in = total
        else:
            self.income = total
        self._emit(EventKind.LEDGER, instrument, kind, realized=amount_units)

    def settle_at(self, instrument: int, price_ticks: int) -> None:
        book = self._book(instrument)
        require(is_price(book.rules, price_ticks), "SETTLE_PRICE")
        self._check_settlement([(book, price_ticks)])
        self._settle(instrument, price_ticks)

    def day_roll(self, prices_ticks: Sequence[int] | None = None) -> None:
        if prices_ticks is None:
            prices = [book.last_price for book in self.books]
        else:
            prices = list(prices_ticks)
            require(len(prices) == len(self.books), "SETTLE_PRICE")
            for book, price in zip(self.books, prices, strict=True):
                has_lots = any(bucket.qty for bucket in book.buckets)
                require(not has_lots or is_price(book.rules, price), "SETTLE_PRICE")
        self._check_settlement(list(zip(self.books, prices, strict=True)))
        for instrument, book in enumerate(self.books):
            if any(bucket.qty for bucket in book.buckets):
                self._settle(instrument, prices[instrument])
        for instrument in range(len(self.books)):
            self._join_yesterday(instrument)
        for placed in list(self.open.values()):
            if placed.order.time_in_force == TimeInForce.DAY:
                self._end(placed, EventKind.EXPIRED, Reason.DAY_ENDED)
        for placed in self.open.values():
            if placed.order.offset == Offset.CLOSE_TODAY:
                self._reserve(placed)
        self._emit(EventKind.DAY_ROLLED, 0)

    def _check_settlement(self, pairs: list[tuple[Book, int]]) -> None:
        cash = self.cash
        for book, price in pairs:
            for index, bucket in enumerate(book.buckets):
                value = self._value(book, bucket.qty, price)
                require(abs(value) < RANGE_END, "OVERFLOW")
                if book.rules.settle == Settle.MARK:
                    cash += sign(index) * (value - bucket.base)
        require(abs(cash) < RANGE_END, "OVERFLOW")

    def _settle(self, instrument: int, price: int) -> None:
        book = self.books[instrument]
        variation = 0
        for index, bucket in enumerate(book.buckets):
            value = self._value(book, bucket.qty, price)
            if book.rules.settle == Settle.MARK:
                variation += sign(index) * (value - bucket.base)
            bucket.base = value
        self.cash += variation
        self._emit(EventKind.LEDGER, instrument, Entry.SETTLEMENT, price=price, realized=variation)

    def _join_yesterday(self, instrument: int) -> None:
        buckets = self.books[instrument].buckets
        for today in (LONG_TODAY, SHORT_TODAY):
            new, old = buckets[today], buckets[today + 1]
            buckets[today + 1] = Bucket(old.qty + new.qty, old.cost + new.cost, old.base + new.base)
            buckets[today] = Bucket()

    # ---- Calls: ticks

    def step(self, tick: Tick) -> None:
        book = self._book(tick.instrument)
        check_tick(book.rules, tick, self.clock)
        path = path_of(book, tick)
        self._check_overflow(book, path)
        self.clock = tick.time
        self.last_instrument = tick.instrument
        book.last_price = tick.price_ticks
        book.tick_index += 1
        self._expire(tick.time)
        self._run_commands(tick.time)
        self._trade(book, path)
        self._alert(path)

    def step_batch(self, feeds: Sequence[Feed], stop_on: int = 0) -> BatchResult:
        self._check_feeds(feeds)
        result = BatchResult()
        for feed in self._merged(feeds):
            self._take_row(feed, result)
            if result.event_kinds & stop_on:
                break
        return result

    def run_orders(self, feeds: Sequence[Feed], schedule: Schedule) -> BatchResult:
        self._check_feeds(feeds)
        points = self._check_schedule(feeds, schedule)
        result = BatchResult()
        for feed in self._merged(feeds):
            self._place_rows(schedule, points, result)
            self._take_row(feed, result)
        self._place_rows(schedule, [0] * len(points), result)
        return result

    def _take_row(self, feed: Feed, result: BatchResult) -> None:
        count_before = len(self.events)
        self.step(feed.ticks[feed.cursor])
        feed.cursor += 1
        result.ticks_done += 1
        result.event_kinds = 0
        for event in self.events[count_before:]:
            result.event_kinds |= 1 << event.kind

    def _place_rows(self, schedule: Schedule, points: list[int], result: BatchResult) -> None:
        """Place the next rows whose point is reached; points count the ticks before them."""
        first = schedule.cursor - result.rows_done
        while schedule.cursor < len(schedule.orders):
            if points[schedule.cursor - first] > result.ticks_done:
                return
            self.place(schedule.orders[schedule.cursor])
            schedule.cursor += 1
            result.rows_done += 1

    @staticmethod
    def _merged(feeds: Sequence[Feed]) -> Iterator[Feed]:
        """The feed of the next tick, until all are done: by time, instrument, row."""
        while True:
            waiting = [feed for feed in feeds if feed.cursor < len(feed.ticks)]
            if not waiting:
                return
            yield min(waiting, key=lambda f: (f.ticks[f.cursor].time, f.instrument))

    def _check_feeds(self, feeds: Sequence[Feed]) -> None:
        for index, feed in enumerate(feeds):
            rules = self._book(feed.instrument).rules
            require(0 <= feed.cursor <= len(feed.ticks), "FEED_CURSOR")
            is_ascending = index == 0 or feeds[index - 1].instrument < feed.instrument
            require(is_ascending, "FEED_REPEATED")
            clock = self.clock
            for row in range(feed.cursor, len(feed.ticks)):
                try:
                    check_tick(rules, feed.ticks[row], clock)
                except StatusError as error:
                    raise StatusError(error.name, index, row) from None
                clock = feed.ticks[row].time

    def _check_schedule(self, feeds: Sequence[Feed], schedule: Schedule) -> list[int]:
        """The points of the rows from the cursor on: how many ticks of the run come before each."""
        require((schedule.time is None) != (schedule.tick_index is None), "SCHEDULE_POINT")
        rows = range(schedule.cursor, len(schedule.orders))
        order_of_ticks = [copy(feed) for feed in feeds]
        taken: list[Tick] = []
        for feed in self._merged(order_of_ticks):
            taken.append(feed.ticks[feed.cursor])
            feed.cursor += 1
        points: list[int] = []
        for row in rows:
            order = schedule.orders[row]
            try:
                book = self._book(order.instrument)
                check_order(book.rules, order)
                if schedule.time is not None:
                    points.append(sum(tick.time <= schedule.time[row] for tick in taken))
                elif schedule.tick_index is not None:
                    require(any(f.instrument == order.instrument for f in feeds), "SCHEDULE_POINT")
                    wanted = schedule.tick_index[row] - book.tick_index
                    points.append(point_of_tick(taken, order.instrument, wanted))
                require(len(points) < 2 or points[-2] <= points[-1], "SCHEDULE_ORDER")
            except StatusError as error:
                raise StatusError(error.name, len(feeds), row) from None
        if schedule.time is not None:
            for row in rows[1:]:
                is_ascending = schedule.time[row - 1] <= schedule.time[row]
                if not is_ascending:
                    raise StatusError("SCHEDULE_ORDER", len(feeds), row)
        return points

    # ---- Inside one tick

    def _expire(self, time: int) -> None:
        ended = [
            placed
            for placed in self.open.values()
            if placed.order.time_in_force == TimeInForce.GTD and placed.order.expire_time <= time
        ]
        for placed in sorted(ended, key=lambda p: (p.order.expire_time, p.id)):
            self._end(placed, EventKind.EXPIRED, Reason.TIME_REACHED)

    def _run_commands(self, time: int) -> None:
        due = [command for command in self.commands if command.due <= time]
        self.commands = [command for command in self.commands if command.due > time]
        for command in due:
            if command.order_id == 0:
                self._act_cancel_all(command)
            elif command.order_id not in self.open:
                self._refuse_late(command)
            elif command.amend is None:
                placed = self.open[command.order_id]
                self._end(placed, EventKind.CANCELLED, Reason.CANCELLED_BY_USER)
            elif is_past_firing(self.open[command.order_id], command.amend):
                self._refuse_late(command)
            else:
                self._act_amend(self.open[command.order_id], command.amend, command.due)

    def _refuse_late(self, command: Command) -> None:
        asked = command.amend.qty_lots if command.amend else 0
        placed = self.orders[command.order_id]
        self._emit_order(EventKind.REJECTED, placed, Reason.TOO_LATE, qty=asked)

    def _act_cancel_all(self, command: Command) -> None:
        for placed in list(self.open.values()):
            is_named = command.instrument in (None, placed.order.instrument)
            if is_named and placed.id <= command.last_id and not placed.is_alert:
                self._end(placed, EventKind.CANCELLED, Reason.CANCELLED_BY_USER)

    def _act_amend(self, placed: Placed, amend: Amend, live_from: int) -> None:
        old, new = placed.order, amended(placed.order, amend)
        if new.qty_lots <= placed.filled:
            self._end(placed, EventKind.CANCELLED, Reason.AMENDED_AWAY)
            return
        candidate = copy(placed)
        candidate.order = new
        reason = self._refusal(candidate, is_new_qty=new.qty_lots != old.qty_lots)
        if reason:
            self._emit_order(EventKind.REJECTED, placed, reason, qty=new.qty_lots)
            return
        placed.order = new
        event = self._emit_order(EventKind.AMENDED, placed, 0, own_price(new), new.qty_lots)
        is_only_less = new.qty_lots <= old.qty_lots and new == replace(old, qty_lots=new.qty_lots)
        if not is_only_less:
            placed.priority = event.sequence
            placed.is_pending = True
            placed.live_from = live_from
            placed.best = None
        self._reserve(placed)

    def _trade(self, book: Book, path: Path) -> None:
        tick = path.tick
        chosen: list[tuple[tuple[bool, int, int, int], Placed]] = []
        for placed in self._open_of(tick.instrument):
            if placed.is_alert or (placed.is_pending and placed.live_from > tick.time):
                continue
            is_at_start = meets_at_start(book.rules, placed, path)
            is_chosen = takes_part(book.rules, placed, path)
            if is_chosen:
                chosen.append((rank(book.rules, placed, path, is_at_start), placed))
            if not is_chosen or (placed.acts_as_limit and not is_at_start):
                placed.is_pending = False
        is_volume = book.rules.qty_rule == QtyRule.VOLUME
        if not tick.flags & TICK_CONTINUES:
            book.pool = tick.qty_lots * book.rules.participation_ppm // 10**6
        for _, placed in sorted(chosen, key=lambda pair: pair[0]):
            if placed.id in self.open:
                got = self._execute(book, path, placed, book.pool if is_volume else None)
                book.pool -= got if is_volume else 0
                self._reserve(placed)

    def _execute(self, book: Book, path: Path, placed: Placed, pool: int | None) -> int:
        """Step 3 of a tick for one order: the lots it got."""
        order = placed.order
        is_first = placed.is_pending
        placed.is_pending = False
        price = far_side_at_start(book.rules, path, placed.is_buy)
        if placed.waits_for_trigger:
            met = meeting_price(book.rules, placed, path)
            placed.has_fired = is_first = True
            self._emit_order(EventKind.TRIGGERED, placed, 0, met, placed.rest)
            if path.is_range:
                price = far_side(book.rules, met, placed.is_buy)
        liquidity = Liquidity.TAKER
        if placed.acts_as_limit and not is_first:
            price, liquidity = order.price_ticks, Liquidity.MAKER
        elif placed.acts_as_limit and not is_within(placed, price):
            if order.time_in_force == TimeInForce.IOC:
                self._end(placed, EventKind.CANCELLED, Reason.IOC_REST)
            elif order.time_in_force == TimeInForce.FOK:
                self._end(placed, EventKind.CANCELLED, Reason.FOK_REST)
            return 0
        elif order.flags & FLAG_POST_ONLY and placed.acts_as_limit:
            self._end(placed, EventKind.CANCELLED, Reason.POST_ONLY)
            return 0

        want = placed.rest
        if self._is_bounded(placed):
            want = min(want, self._free_lots(placed))
            if want == 0:
                self._end(placed, EventKind.CANCELLED, self._bound_reason(placed))
                return 0
        qty = want if pool is None else min(want, pool)
        if order.time_in_force == TimeInForce.FOK and qty < placed.rest:
            self._end(placed, EventKind.CANCELLED, Reason.FOK_REST)
            return 0
        if qty == 0:
            if order.time_in_force == TimeInForce.IOC:
                self._end(placed, EventKind.CANCELLED, Reason.IOC_REST)
            return 0
        reason = self._refusal_of_fill(placed, qty, price, liquidity)
        if reason:
            self._end(placed, EventKind.CANCELLED, reason)
            return 0

        self._fill(placed, qty, price, liquidity)
        self._take_from_siblings(placed, qty)
        if placed.rest == 0:
            del self.open[placed.id]
        elif order.time_in_force == TimeInForce.IOC:
            self._end(placed, EventKind.CANCELLED, Reason.IOC_REST)
        elif self._is_bounded(placed) and self._free_lots(placed) == 0:
            self._end(placed, EventKind.CANCELLED, self._bound_reason(placed))
        return qty

    def _take_from_siblings(self, placed: Placed, qty: int) -> None:
        for sibling in self._group(placed):
            if sibling is placed:
                continue
            if sibling.rest <= qty:
                self._end(sibling, EventKind.CANCELLED, Reason.OCO_FILLED)
                continue
            total = sibling.order.qty_lots - qty
            sibling.order = replace(sibling.order, qty_lots=total)
            price = own_price(sibling.order)
            self._emit_order(EventKind.AMENDED, sibling, Reason.OCO_FILLED, price, total)

    def _alert(self, path: Path) -> None:
        tick = path.tick
        for placed in [p for p in self.open.values() if p.is_alert]:
            order = placed.order
            if order.type == OrderType.ALERT_TIME:
                is_met = order.expire_time <= tick.time
            else:
                is_mine = order.instrument == tick.instrument and placed.live_from <= tick.time
                rules = self.books[order.instrument].rules
                is_met = is_mine and is_within_reach(rules, placed, path.low, path.high)
            if is_met:
                del self.open[placed.id]
                told = 0
                if order.type == OrderType.ALERT_PRICE:
                    told = meeting_price(self.books[order.instrument].rules, placed, path)
                self._emit_order(EventKind.ALERT, placed, 0, told)

    def _check_overflow(self, book: Book, path: Path) -> None:
        rules, tick = book.rules, path.tick
        worst = sum(self._worst_value(rules, p, p.order, path) for p in self._in_play(book, path))
        for command in self.commands:
            placed = self.open.get(command.order_id)
            if command.amend is None or placed is None or command.due > tick.time:
                continue
            if self._ends_by_time(placed, tick.time):
                continue
            if placed.order.instrument == tick.instrument:
                new = amended(placed.order, command.amend)
                is_total = bool(command.amend.fields & AMEND_QTY)
                worst += self._worst_value(rules, placed, new, path, is_total)
        realized = sum(other.realized for other in self.books)
        fees = sum(other.fees for other in self.books)
        totals = (self.cash, self.money_in, self.income, fees, realized, book.realized, book.fees)
        held = sum(abs(b.cost) + abs(b.base) + b.qty for b in book.buckets)
        is_safe = max(abs(total) for total in totals) + held + 2 * worst < RANGE_END
        require(worst == 0 or is_safe, "OVERFLOW")

    def _in_play(self, book: Book, path: Path) -> Iterator[Placed]:
        """Orders that may do anything on this tick but follow it."""
        tick = path.tick
        for placed in self._open_of(tick.instrument):
            if placed.is_alert or (placed.is_pending and placed.live_from > tick.time):
                continue
            is_met = placed.is_pending or takes_part(book.rules, copy(placed), path)
            if is_met and not self._ends_by_time(placed, tick.time):
                yield placed

    def _ends_by_time(self, placed: Placed, time: int) -> bool:
        """In step 1 of a tick at this time: then the order cannot block its own cancel."""
        if placed.order.time_in_force == TimeInForce.GTD and placed.order.expire_time <= time:
            return True
        return any(
            command.due <= time and command.amend is None and self._is_cancelled_by(command, placed)
            for command in self.commands
        )

    def _is_cancelled_by(self, command: Command, placed: Placed) -> bool:
        if command.order_id:
            return command.order_id == placed.id
        is_named = command.instrument in (None, placed.order.instrument)
        return is_named and placed.id <= command.last_id and not placed.is_alert

    def _worst_value(
        self, rules: Instrument, placed: Placed, order: Order, path: Path, is_total: bool = False
    ) -> int:
        """`w` of docs/architecture.md: never less than what a fill can move on any account."""
        fars = [far_side_at_start(rules, path, placed.is_buy)]
        if path.is_range:
            fars = [far_side(rules, price, placed.is_buy) for price in (path.low, path.high)]
        price = max(1, *map(abs, fars), abs(order.price_ticks))
        qty = order.qty_lots if is_total else order.qty_lots - placed.filled
        per_lot = max(abs(rules.maker_fee_units_per_lot), abs(rules.taker_fee_units_per_lot))
        value = qty * price * rules.units_per_tick_lot
        return 2 * value + qty * per_lot + rules.fee_min_units + 1

    # ---- The account: what is checked and reserved

    def _refusal(self, placed: Placed, is_new_qty: bool = True) -> Reason:
        """The reason to refuse an order at placement or with its amended values; NONE is 0."""
        order, book = placed.order, self.books[placed.order.instrument]
        rules = book.rules
        if placed.is_alert:
            return Reason.NONE
        is_lot = order.qty_lots % rules.qty_step_lots == 0 and order.qty_lots >= rules.qty_min_lots
        if is_new_qty and not is_lot and placed.rest != self._closable(placed):
            return Reason.BOARD_LOT
        prices = [order.price_ticks] if order.type in LIMITS else []
        prices += [order.trigger_ticks] if order.type in TRIGGERS else []
        low, high = rules.band_low_ticks, rules.band_high_ticks
        if rules.flags & INSTRUMENT_BAND and not all(low <= price <= high for price in prices):
            return Reason.PRICE_BAND
        is_sale_to_open = order.side == Side.SELL and order.offset == Offset.OPEN
        if rules.flags & INSTRUMENT_NO_SHORT and is_sale_to_open:
            return Reason.NO_SHORT
        if self._needs_lots(placed) and placed.rest > self._free_lots(placed):
            return Reason.NO_POSITION
        if self.is_cash_account:
            is_priceless = order.type in (OrderType.MARKET, OrderType.TRAILING_STOP)
            if is_priceless and book.tick_index < 0:
                return Reason.NO_PRICE
            need = self._cash_needed(placed)
            if need > 0 and need > self._free_cash(placed):
                return Reason.NO_CASH
        return Reason.NONE

    def _refusal_of_fill(
        self, placed: Placed, qty: int, price: int, liquidity: Liquidity
    ) -> Reason:
        if self._needs_lots(placed) and qty > self._free_lots(placed):
            return Reason.NO_POSITION
        if self.is_cash_account:
            book = self.books[placed.order.instrument]
            paid = placed.sign * self._value(book, qty, price)
            need = paid + self._fee_growth(placed, self._raw_fee(book, qty, price, liquidity))
            if need > 0 and need > self._free_cash(placed):
                return Reason.NO_CASH
        return Reason.NONE

    def _cash_needed(self, placed: Placed) -> int:
        book = self.books[placed.order.instrument]
        price, rules = self._worst_price(placed), book.rules
        value = self._value(book, placed.rest, price)
        rate = max(rules.maker_fee_ppb, rules.taker_fee_ppb)
        per_lot = max(rules.maker_fee_units_per_lot, rules.taker_fee_units_per_lot)
        raw = abs(value) * rate + placed.rest * per_lot * PPB
        return max(0, placed.sign * value + self._fee_growth(placed, raw))

    def _worst_price(self, placed: Placed) -> int:
        order, book = placed.order, self.books[placed.order.instrument]
        if order.type in LIMITS:
            return order.price_ticks
        middle = book.last_price
        if order.type in TRIGGERS and not placed.has_fired:
            middle = order.trigger_ticks
        elif order.type == OrderType.TRAILING_STOP and not placed.has_fired:
            middle += placed.sign * order.trail_ticks
        return far_side(book.rules, middle, placed.is_buy)

    def _raw_fee(self, book: Book, qty: int, price: int, liquidity: Liquidity) -> int:
        rules, value = book.rules, abs(self._value(book, qty, price))
        if liquidity == Liquidity.MAKER:
            return value * rules.maker_fee_ppb + qty * rules.maker_fee_units_per_lot * PPB
        return value * rules.taker_fee_ppb + qty * rules.taker_fee_units_per_lot * PPB

    def _fee_growth(self, placed: Placed, raw: int) -> int:
        rules = self.books[placed.order.instrument].rules
        return fee_of_raw(rules, placed.fee_raw + raw) - placed.fees

    def _closable_buckets(self, order: Order) -> list[int]:
        """Indexes of the buckets that the order may close, in the order it takes them."""
        today = LONG_TODAY if order.side == Side.SELL else SHORT_TODAY
        if order.offset in (Offset.NONE, Offset.CLOSE):
            return [today + 1, today]
        if order.offset == Offset.CLOSE_TODAY:
            return [today]
        return [today + 1] if order.offset == Offset.CLOSE_YESTERDAY else []

    def _closable(self, placed: Placed) -> int:
        buckets = self.books[placed.order.instrument].buckets
        return sum(buckets[index].qty for index in self._closable_buckets(placed.order))

    def _is_bounded(self, placed: Placed) -> bool:
        is_close = placed.order.offset not in (Offset.NONE, Offset.OPEN)
        return placed.is_reduce_only or is_close

    def _bound_reason(self, placed: Placed) -> Reason:
        return Reason.REDUCE_ONLY if placed.is_reduce_only else Reason.NO_POSITION

    def _needs_lots(self, placed: Placed) -> bool:
        """Whether the lots of this order are checked and reserved."""
        order, rules = placed.order, self.books[placed.order.instrument].rules
        if not rules.flags & INSTRUMENT_NO_SHORT or placed.is_reduce_only or placed.is_alert:
            return False
        if rules.position_mode == PositionMode.NET:
            return order.side == Side.SELL
        return order.offset != Offset.OPEN

    def _group(self, placed: Placed) -> list[Placed]:
        """The open orders that share a reservation with this one, itself included, by id."""
        number = placed.order.oco_group
        if number == 0:
            return [self.open[placed.id]] if placed.id in self.open else []
        members = self._open_of(placed.order.instrument)
        return [member for member in members if member.order.oco_group == number]

    def _free_lots(self, placed: Placed) -> int:
        """Lots the order may close that no order outside its group has reserved."""
        return self._lots_left(placed, [member.id for member in self._group(placed)])

    def _lots_left(self, placed: Placed, without_ids: Sequence[int] = ()) -> int:
        order = placed.order
        today, yesterday = self._lots_of_side(placed)
        any_day, of_today, of_yesterday = self._reserved_lots(placed, without_ids)
        left = today + yesterday - any_day - of_today - of_yesterday
        if order.offset == Offset.CLOSE_TODAY:
            return min(today - of_today, left)
        return (
            min(yesterday - of_yesterday, left) if order.offset == Offset.CLOSE_YESTERDAY else left
        )

    def _lots_of_side(self, placed: Placed) -> tuple[int, int]:
        """Today's and yesterday's lots of the position that the order's side closes."""
        buckets = self.books[placed.order.instrument].buckets
        today = SHORT_TODAY if placed.is_buy else LONG_TODAY
        return buckets[today].qty, buckets[today + 1].qty

    def _reserved_lots(
        self, placed: Placed, without_ids: Sequence[int] = ()
    ) -> tuple[int, int, int]:
        """Lots of that position reserved by orders that may take any, today's, yesterday's."""
        reserved = {Offset.CLOSE: 0, Offset.CLOSE_TODAY: 0, Offset.CLOSE_YESTERDAY: 0}
        for other in self._open_of(placed.order.instrument):
            if other.order.side == placed.order.side and other.id not in without_ids:
                offset = Offset(other.order.offset)
                reserved[offset if offset in reserved else Offset.CLOSE] += other.frozen_lots
        any_day, of_today, of_yesterday = reserved.values()
        return any_day, of_today, of_yesterday

    def _free_cash(self, placed: Placed) -> int:
        own = sum(member.frozen_units for member in self._group(placed))
        return self.cash - self._frozen_units() + own

    def _frozen_units(self) -> int:
        return sum(placed.frozen_units for placed in self.open.values())

    def _frozen_lots(self, instrument: int) -> list[int]:
        """What each bucket shows as frozen: orders that may take any lots hold yesterday's first."""
        frozen: list[int] = []
        for side in (Side.SELL, Side.BUY):
            closer = Placed(0, Order(instrument, side=side), ALWAYS, 0)
            _, yesterday = self._lots_of_side(closer)
            any_day, of_today, of_yesterday = self._reserved_lots(closer)
            held_yesterday = of_yesterday + min(any_day, yesterday - of_yesterday)
            frozen += [any_day + of_today + of_yesterday - held_yesterday, held_yesterday]
        return frozen

    def _release(self, placed: Placed) -> None:
        for member in self._group(placed):
            member.frozen_units = 0
            member.frozen_lots = 0

    def _reserve(self, placed: Placed) -> None:
        """Redo the reservations of a group: each takes what those before it do not hold."""
        self._release(placed)
        held_units = held_lots = 0
        for member in self._group(placed):
            if self.is_cash_account and not member.is_alert:
                missing = max(0, self._cash_needed(member) - held_units)
                free = max(0, self.cash - self._frozen_units())
                member.frozen_units = min(missing, free)
                held_units += member.frozen_units
            if self._needs_lots(member):
                missing = max(0, member.rest - held_lots)
                member.frozen_lots = min(missing, max(0, self._lots_left(member)))
                held_lots += member.frozen_lots

    # ---- The account: what is posted

    def _fill(self, placed: Placed, qty: int, price: int, liquidity: Liquidity) -> None:
        book = self.books[placed.order.instrument]
        self._release(placed)
        realized_before = book.realized
        rest = qty
        if placed.order.offset != Offset.OPEN:
            for index, lots in self._lots_to_close(placed, qty):
                self._close(book, index, lots, price)
                rest -= lots
        if rest > 0:
            self._open(book, LONG_TODAY if placed.is_buy else SHORT_TODAY, rest, price)
        raw = self._raw_fee(book, qty, price, liquidity)
        fee = self._fee_growth(placed, raw)
        self.cash -= fee
        book.fees += fee
        placed.fees += fee
        placed.fee_raw += raw
        placed.filled += qty
        self._emit_order(
            EventKind.FILLED,
            placed,
            liquidity + 256 * placed.order.offset,
            price,
            qty,
            fee=fee,
            realized=book.realized - realized_before,
        )

    def _lots_to_close(self, placed: Placed, qty: int) -> list[tuple[int, int]]:
        """Yesterday's lots first, but not those that others have reserved as yesterday's."""
        today_index = SHORT_TODAY if placed.is_buy else LONG_TODAY
        today, yesterday = self._lots_of_side(placed)
        if placed.order.offset == Offset.CLOSE_TODAY:
            return [(today_index, qty)]
        if placed.order.offset != Offset.CLOSE_YESTERDAY:
            yesterday -= self._reserved_lots(placed)[2]
        from_yesterday = min(qty, yesterday)
        from_today = min(qty - from_yesterday, today)
        return [(today_index + 1, from_yesterday), (today_index, from_today)]

    def _close(self, book: Book, index: int, lots: int, price: int) -> None:
        bucket = book.buckets[index]
        if lots == 0:
            return
        cost = div_trunc(bucket.cost * lots, bucket.qty)
        base = div_trunc(bucket.base * lots, bucket.qty)
        value = self._value(book, lots, price)
        book.realized += sign(index) * (value - cost)
        is_mark = book.rules.settle == Settle.MARK
        self.cash += sign(index) * (value - base if is_mark else value)
        bucket.qty -= lots
        bucket.cost -= cost
        bucket.base -= base

    def _open(self, book: Book, index: int, lots: int, price: int) -> None:
        bucket = book.buckets[index]
        value = self._value(book, lots, price)
        if book.rules.settle == Settle.SPOT:
            self.cash -= sign(index) * value
        bucket.qty += lots
        bucket.cost += value
        bucket.base += value

    @staticmethod
    def _value(book: Book, qty: int, price: int) -> int:
        return price * qty * book.rules.units_per_tick_lot

    # ---- Answers

    def snapshot(self, instrument: int = 0) -> Snapshot:
        book = self._book(instrument)
        open_here = self._open_of(instrument)
        equity = self.cash + sum(self._equity_part(other) for other in self.books)
        frozen = self._frozen_units()
        views = [
            BucketView(bucket.qty, frozen_lots, bucket.cost, bucket.base)
            for bucket, frozen_lots in zip(book.buckets, self._frozen_lots(instrument), strict=True)
        ]
        assert all(0 <= view.frozen_lots <= view.qty_lots for view in views)
        result = Snapshot(
            instrument=instrument,
            order_count=sum(not placed.is_alert for placed in open_here),
            alert_count=sum(placed.is_alert for placed in open_here),
            time=self._time(),
            tick_index=book.tick_index,
            last_price_ticks=book.last_price,
            position_lots=book.position,
            cost_units=signed_cost(book),
            realized_units=book.realized,
            unrealized_units=self._unrealized(book),
            fees_units=book.fees,
            cash_units=self.cash,
            in_units=self.money_in,
            income_units=self.income,
            wallet_fees_units=sum(other.fees for other in self.books),
            wallet_realized_units=sum(other.realized for other in self.books),
            wallet_unrealized_units=sum(self._unrealized(other) for other in self.books),
            equity_units=equity,
            frozen_units=frozen,
            available_units=self.cash - frozen,
            buckets=(views[0], views[1], views[2], views[3]),
        )
        figures = [number for number in astuple(result) if isinstance(number, int)]
        require(all(abs(number) < 2**63 for number in figures), "OVERFLOW")
        return result

    def order(self, order_id: int) -> OrderView:
        placed = self._open_order(order_id)
        trigger_now = 0
        if placed.best is not None and not placed.has_fired:
            trigger_now = trailing_trigger(placed)
        return OrderView(
            order_id=placed.id,
            order=placed.order,
            filled_lots=placed.filled,
            placed_time=placed.placed_time,
            trigger_now_ticks=trigger_now,
            fees_units=placed.fees,
            frozen_units=placed.frozen_units,
            frozen_lots=placed.frozen_lots,
            is_triggered=placed.has_fired,
            is_resting=not placed.is_pending and not placed.is_alert,
        )

    def open_orders(self, instrument: int | None = None) -> list[OrderView]:
        if instrument is not None:
            self._book(instrument)
        orders = self.open.values() if instrument is None else self._open_of(instrument)
        return [self.order(placed.id) for placed in orders]

    def drain(self) -> list[Event]:
        """The events that no drain has given before."""
        first, self._drained = self._drained, len(self.events)
        return self.events[first:]

    def digest(self) -> tuple[int, int]:
        return self._digest

    def _unrealized(self, book: Book) -> int:
        return self._value(book, book.position, book.last_price) - signed_cost(book)

    def _equity_part(self, book: Book) -> int:
        value = self._value(book, book.position, book.last_price)
        return value if book.rules.settle == Settle.SPOT else value - signed_base(book)

    # ---- Small things

    def _book(self, instrument: int) -> Book:
        require(0 <= instrument < len(self.books), "INSTRUMENT")
        return self.books[instrument]

    def _open_order(self, order_id: int) -> Placed:
        require(order_id in self.orders, "ORDER_UNKNOWN")
        require(order_id in self.open, "ORDER_CLOSED")
        return self.open[order_id]

    def _open_of(self, instrument: int) -> list[Placed]:
        return [placed for placed in self.open.values() if placed.order.instrument == instrument]

    def _time(self) -> int:
        return self.clock or 0

    def _delays(self) -> bool:
        return self.config.latency > 0 and self.clock is not None

    def _due(self) -> int:
        return self._time() + self.config.latency

    def _live_from(self, instrument: int, latency: int) -> int:
        if self.clock is None:
            return ALWAYS
        is_own_tick = self.last_instrument == instrument
        return self.clock + (latency if is_own_tick else max(1, latency))

    def _end(self, placed: Placed, kind: EventKind, reason: Reason) -> None:
        del self.open[placed.id]
        self._emit_order(kind, placed, reason, qty=placed.rest)
        placed.frozen_units = 0
        placed.frozen_lots = 0
        self._reserve(placed)

    def _emit_order(
        self,
        kind: EventKind,
        placed: Placed,
        reason: int,
        price: int = 0,
        qty: int = 0,
        fee: int = 0,
        realized: int = 0,
    ) -> Event:
        instrument = placed.order.instrument
        qty = placed.sign * qty
        order_id, tag = placed.id, placed.order.tag
        return self._emit(kind, instrument, reason, price, qty, fee, realized, order_id, tag)

    def _emit(
        self,
        kind: EventKind,
        instrument: int,
        reason: int = 0,
        price: int = 0,
        qty: int = 0,
        fee: int = 0,
        realized: int = 0,
        order_id: int = 0,
        tag: int = 0,
    ) -> Event:
        book = self.books[instrument]
        event = Event(
            kind=int(kind),
            reason=int(reason),
            instrument=instrument,
            sequence=len(self.events) + 1,
            time=self._time(),
            tick_index=book.tick_index,
            order_id=order_id,
            tag=tag,
            price_ticks=price,
            qty_lots=qty,
            fee_units=fee,
            realized_units=realized,
            position_after_lots=book.position,
        )
        self.events.append(event)
        self._digest = digest_update(self._digest, event)
        self._check_identities()
        return event

    def _check_identities(self) -> None:
        marks = [book for book in self.books if book.rules.settle == Settle.MARK]
        earned = self.money_in + self.income + sum(b.realized - b.fees for b in self.books)
        invested = sum(signed_cost(b) for b in self.books) - sum(signed_base(b) for b in marks)
        assert self.cash == earned - invested
        equity = self.cash + sum(self._equity_part(book) for book in self.books)
        assert equity == earned + sum(self._unrealized(book) for book in self.books)
        for instrument, book in enumerate(self.books):
            for bucket in book.buckets:
                assert bucket.qty > 0 or (bucket.qty, bucket.cost, bucket.base) == (0, 0, 0)
            frozen = self._frozen_lots(instrument)
            assert 0 <= frozen[0] + frozen[1] <= book.buckets[0].qty + book.buckets[1].qty
            assert 0 <= frozen[2] + frozen[3] <= book.buckets[2].qty + book.buckets[3].qty


# ---- When an order trades ------------------------------------------------------------------------


def own_price(order: Order) -> int:
    if order.type in LIMITS:
        return order.price_ticks
    return order.trigger_ticks if order.type in TRIGGERS else order.trail_ticks


def signed_cost(book: Book) -> int:
    return sum(sign(index) * bucket.cost for index, bucket in enumerate(book.buckets))


def signed_base(book: Book) -> int:
    return sum(sign(index) * bucket.base for index, bucket in enumerate(book.buckets))


def is_within(placed: Placed, far: int) -> bool:
    limit = placed.order.price_ticks
    return far <= limit if placed.is_buy else far >= limit


def trailing_trigger(placed: Placed) -> int:
    assert placed.best is not None
    return placed.best + placed.sign * placed.order.trail_ticks


def waits_for_rise(placed: Placed) -> bool:
    """A limit or touch order to buy waits for a falling price, a stop to buy for a rising one."""
    is_patient = placed.acts_as_limit or placed.order.type == OrderType.MARKET_IF_TOUCHED
    return placed.is_buy != is_patient


def threshold(rules: Instrument, placed: Placed) -> int:
    order = placed.order
    if placed.acts_as_limit:
        is_through = rules.fill_rule == FillRule.THROUGH
        return order.price_ticks - placed.sign * is_through
    if order.type == OrderType.TRAILING_STOP:
        return trailing_trigger(placed)
    return order.trigger_ticks


def is_within_reach(rules: Instrument, placed: Placed, low: int, high: int) -> bool:
    """Whether a price from low to high meets what an order waits for."""
    reach = threshold(rules, placed)
    return high >= reach if waits_for_rise(placed) else low <= reach


def meeting_price(rules: Instrument, placed: Placed, path: Path) -> int:
    """Where the path meets the trigger of an order; at the start, if that is beyond."""
    trigger = threshold(rules, placed)
    if placed.order.type != OrderType.TRAILING_STOP:
        nearest = max if waits_for_rise(placed) else min
        trigger = nearest(trigger, path.start)
    return min(max(trigger, path.low), path.high)


def follows_into_firing(rules: Instrument, placed: Placed, path: Path) -> bool:
    """A trailing stop meets the path, then follows it, then meets its end; whether it fires."""
    if placed.best is None or placed.is_pending:
        placed.best = path.start
    if is_within_reach(rules, placed, path.low, path.high):
        return True
    placed.best = min(placed.best, path.low) if placed.is_buy else max(placed.best, path.high)
    return is_within_reach(rules, placed, path.end, path.end)


def meets_at_start(rules: Instrument, placed: Placed, path: Path) -> bool:
    """Whether an order that may trade now does so where the path begins."""
    if placed.acts_as_market:
        return True
    if not placed.is_pending:
        return False
    if placed.acts_as_limit:
        far = far_side_at_start(rules, path, placed.is_buy)
        return is_within(placed, far) or placed.order.time_in_force in AT_ONCE
    is_trailing = placed.order.type == OrderType.TRAILING_STOP
    return not is_trailing and is_within_reach(rules, placed, path.start, path.start)


def takes_part(rules: Instrument, placed: Placed, path: Path) -> bool:
    """Whether a live order belongs to the set that executes on this tick; trailing stops follow it."""
    if placed.order.type == OrderType.TRAILING_STOP and not placed.has_fired:
        return follows_into_firing(rules, placed, path)
    if meets_at_start(rules, placed, path):
        return True
    if placed.is_pending and placed.acts_as_limit and not path.is_range:
        return False
    return is_within_reach(rules, placed, path.low, path.high)


def rank(
    rules: Instrument, placed: Placed, path: Path, is_at_start: bool
) -> tuple[bool, int, int, int]:
    """Execution order inside one tick."""
    if placed.acts_as_market or (path.is_range and is_at_start):
        return False, 0, 0, placed.priority
    is_patient = placed.acts_as_limit or placed.order.type == OrderType.MARKET_IF_TOUCHED
    are_patient_first = bool(rules.flags & INSTRUMENT_LIMITS_FIRST)
    is_late = path.is_range and is_patient != are_patient_first
    if waits_for_rise(placed):
        return is_late, 2, threshold(rules, placed), placed.priority
    return is_late, 1, -threshold(rules, placed), placed.priority


def is_past_firing(placed: Placed, amend: Amend) -> bool:
    return placed.has_fired and bool(amend.fields & (AMEND_TRIGGER | AMEND_TRAIL))


def point_of_tick(taken: Sequence[Tick], instrument: int, count: int) -> int:
    """How many ticks are taken when `count` ticks of the instrument are; all, if there are fewer."""
    if count <= 0:
        return 0
    for point, tick in enumerate(taken, start=1):
        count -= tick.instrument == instrument
        if count == 0:
            return point
    return len(taken)
