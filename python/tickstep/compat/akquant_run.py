"""Strategies of AKQuant: its verbs and callbacks, and `run_backtest`.

What differs from AKQuant, on purpose:

- An order trades from the next bar's open on, whatever it is and whatever instrument it is of. With
  "current_close" it meets the close of the bar it is given on, and nothing else of that bar: limits do
  not see the range that has just passed.
- A stop trades at its trigger or beyond, never before it.
- `buy` without enough cash is refused; nothing is cut to another size.
- Keywords that are not known are errors. `on_trade` is called once for each fill.
- Stamp tax is one rate for both sides here: half of it is charged on each, which is the same for a
  round trip at one price; the result says so.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from tickstep.backtest import run
from tickstep.bars import Bars
from tickstep.compat.akquant_metrics import Trades, metrics
from tickstep.compat.given import data_of
from tickstep.compat.held import Held, Ticket, TradingDays, even_fee, hold, time_of_day
from tickstep.compat.names import Named, check_callbacks, check_names, unknown
from tickstep.engine import Tick as OurTick
from tickstep.errors import ConfigError, OrderError
from tickstep.extras import require
from tickstep.result import Result
from tickstep.settings import SETTINGS
from tickstep.strategy import Bar as OurBar
from tickstep.strategy import Fill, OrderUpdate
from tickstep.ticks import NS_PER_UNIT, Float64Array, Int64Array
from tickstep.trips import RoundTrips

__all__ = [
    "AllInSizer",
    "BacktestResult",
    "Bar",
    "FixedSize",
    "OrderSide",
    "OrderStatus",
    "PercentSizer",
    "Strategy",
    "Tick",
    "TimeInForce",
    "run_backtest",
]

FIELDS = ("open", "high", "low", "close", "volume")
CALLBACKS = (
    "on_start",
    "on_bar",
    "on_tick",
    "on_timer",
    "on_order",
    "on_trade",
    "on_train_signal",
    "on_stop",
)
EXECUTION_MODES = {"next_open": "next_open", "current_close": "close"}  # our `bar_fill`
# What goes by another name here.
OURS = ("strategy", "data", "parameters", "cash", "settings")
RUN_SETTINGS = tuple(name for name in signature(run).parameters if name not in OURS)


class OrderSide(StrEnum):
    """Which way."""

    Buy = "Buy"
    Sell = "Sell"


class OrderStatus(StrEnum):
    """How far an order is; one that is filled in part is Submitted."""

    New = "New"
    Submitted = "Submitted"
    Filled = "Filled"
    Cancelled = "Cancelled"
    Rejected = "Rejected"
    Expired = "Expired"


class TimeInForce(StrEnum):
    """How long an order stays."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    Day = "DAY"


STATUSES = {
    "NEW": OrderStatus.New,
    "ACCEPTED": OrderStatus.Submitted,
    "PART": OrderStatus.Submitted,
    "FILLED": OrderStatus.Filled,
    "CANCELLED": OrderStatus.Cancelled,
    "REJECTED": OrderStatus.Rejected,
    "EXPIRED": OrderStatus.Expired,
}


class Bar(NamedTuple):
    """A bar that is over; `timestamp` is when it began, in ns since 1970-01-01 UTC."""

    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    symbol: str


class Tick(NamedTuple):
    """A trade of the market; `timestamp` in ns since 1970-01-01 UTC."""

    timestamp: int
    price: float
    volume: float
    symbol: str


class Order(NamedTuple):
    """An own order as it stands."""

    id: str
    symbol: str
    side: OrderSide
    order_type: str
    quantity: float
    price: float | None
    trigger_price: float | None
    status: OrderStatus
    filled_quantity: float
    average_filled_price: float | None
    commission: float
    reject_reason: str
    tag: str


class Trade(NamedTuple):
    """A fill of an own order."""

    order_id: str
    symbol: str
    side: OrderSide
    quantity: float
    price: float
    commission: float
    timestamp: int
    tag: str


class Position(NamedTuple):
    """What is held of an instrument."""

    size: float
    available: float


class FixedSize:
    """Orders of one size."""

    def __init__(self, size: float = 100) -> None:
        self.size = size

    def get_size(self, price: float, cash: float, context: Any, symbol: str) -> float:
        """Quantity of an order without one."""
        return self.size


class PercentSizer:
    """Orders of a share of the cash, in percent, in whole units."""

    def __init__(self, percent: float = 10) -> None:
        self.percent = percent

    def get_size(self, price: float, cash: float, context: Any, symbol: str) -> float:
        """Quantity of an order without one."""
        return math.floor(cash * self.percent / 100 / price) if price > 0 else 0


class AllInSizer:
    """Orders of all cash, in whole units."""

    def get_size(self, price: float, cash: float, context: Any, symbol: str) -> float:
        """Quantity of an order without one."""
        return math.floor(cash / price) if price > 0 else 0


class Strategy(Named):
    """Base class of strategies, with the verbs of AKQuant.

    `symbol` may be left out everywhere: it is that of the bar at hand. Orders return their id as text.
    """

    timezone = "Asia/Shanghai"
    warmup_period = 0

    def __new__(cls, *_: Any, **__: Any) -> "Strategy":
        """Make one with what it needs, even where a subclass has an `__init__` of its own."""
        made = super().__new__(cls)
        made._held = None
        made.sizer = FixedSize(100)
        made.current_bar = None
        made.current_tick = None
        made._subscriptions = []
        made._rolling = (0, 0)
        made.model = None
        return made

    def __init__(self, **parameters: Any) -> None:
        check_names(type(self).__name__, parameters, dir(type(self)))
        for name, value in parameters.items():
            setattr(self, name, value)

    _held: "_Verbs | None"
    _subscriptions: list[str]
    _rolling: tuple[int, int]
    sizer: Any
    model: Any
    current_bar: Bar | None
    current_tick: Tick | None

    # What is called.

    def on_start(self) -> None:
        """Act before the first bar."""

    def on_bar(self, bar: Bar) -> None:
        """Act on a bar that is over."""

    def on_tick(self, tick: Tick) -> None:
        """Act on a tick, where the data are ticks."""

    def on_timer(self, payload: str) -> None:
        """Act at a time that `schedule` or `add_daily_timer` asked for."""

    def on_order(self, order: Order) -> None:
        """Hear of an order whose status changed."""

    def on_trade(self, trade: Trade) -> None:
        """Hear of a fill."""

    def on_train_signal(self, context: Any) -> None:
        """Train the model, every so many bars; see `set_rolling_window`."""
        if self.model is not None:
            frame, _ = self.get_rolling_data()
            self.model.fit(*self.prepare_features(frame, mode="training"))

    def prepare_features(self, df: Any, mode: str = "training") -> Any:
        """Make features and labels of the rolling data; needed by `on_train_signal`."""
        raise ConfigError(
            f"{type(self).__name__} has a model and no prepare_features",
            hint="def prepare_features(self, df, mode): return features, labels",
        )

    def on_stop(self) -> None:
        """Act after the last bar."""

    # Orders.

    def buy(
        self,
        symbol: str | None = None,
        quantity: float | None = None,
        price: float | None = None,
        time_in_force: TimeInForce | str | None = None,
        trigger_price: float | None = None,
        tag: str = "",
    ) -> str:
        """Buy; without a quantity what the sizer says."""
        symbol = self._symbol(symbol)
        quantity = self._sized(symbol, price) if quantity is None else quantity
        return self._send("BUY", symbol, quantity, price, time_in_force, trigger_price, tag)

    def sell(
        self,
        symbol: str | None = None,
        quantity: float | None = None,
        price: float | None = None,
        time_in_force: TimeInForce | str | None = None,
        trigger_price: float | None = None,
        tag: str = "",
    ) -> str:
        """Sell; without a quantity what is held, and nothing where nothing is."""
        symbol = self._symbol(symbol)
        quantity = max(self.get_position(symbol), 0.0) if quantity is None else quantity
        return self._send("SELL", symbol, quantity, price, time_in_force, trigger_price, tag)

    def short(
        self,
        symbol: str | None = None,
        quantity: float | None = None,
        price: float | None = None,
        time_in_force: TimeInForce | str | None = None,
        trigger_price: float | None = None,
        tag: str = "",
    ) -> str:
        """Sell short; without a quantity what the sizer says."""
        symbol = self._symbol(symbol)
        quantity = self._sized(symbol, price) if quantity is None else quantity
        return self._send("SELL", symbol, quantity, price, time_in_force, trigger_price, tag)

    def cover(
        self,
        symbol: str | None = None,
        quantity: float | None = None,
        price: float | None = None,
        time_in_force: TimeInForce | str | None = None,
        trigger_price: float | None = None,
        tag: str = "",
    ) -> str:
        """Buy back; without a quantity all that is short, and nothing where nothing is."""
        symbol = self._symbol(symbol)
        quantity = max(-self.get_position(symbol), 0.0) if quantity is None else quantity
        return self._send("BUY", symbol, quantity, price, time_in_force, trigger_price, tag)

    def stop_buy(
        self,
        symbol: str | None = None,
        trigger_price: float = 0.0,
        quantity: float | None = None,
        price: float | None = None,
        time_in_force: TimeInForce | str | None = None,
        tag: str = "",
    ) -> str:
        """Buy from a price on."""
        return self.buy(symbol, quantity, price, time_in_force, trigger_price, tag)

    def stop_sell(
        self,
        symbol: str | None = None,
        trigger_price: float = 0.0,
        quantity: float | None = None,
        price: float | None = None,
        time_in_force: TimeInForce | str | None = None,
        tag: str = "",
    ) -> str:
        """Sell from a price on."""
        return self.sell(symbol, quantity, price, time_in_force, trigger_price, tag)

    def order_target(
        self, target: float, symbol: str | None = None, price: float | None = None
    ) -> str:
        """Trade so as to hold a quantity; nothing to do is ""."""
        symbol = self._symbol(symbol)
        if price is None:
            return self._aimed(symbol, self._desk.target(symbol, target))
        missing = Decimal(str(target)) - Decimal(str(self.get_position(symbol)))
        side = "BUY" if missing > 0 else "SELL"
        return self._send(side, symbol, abs(missing), price, None, None, "")

    def order_target_value(
        self, target_value: float, symbol: str | None = None, price: float | None = None
    ) -> str:
        """Trade so as to hold a value, at the last price or the one given; nothing to do is ""."""
        symbol = self._symbol(symbol)
        if price is None:
            return self._aimed(symbol, self._desk.target_value(symbol, target_value))
        scale = self._desk.scale_of(symbol)
        steps = Decimal(str(target_value)) / Decimal(str(price)) / scale.multiplier / scale.qty_step
        return self.order_target(float(int(steps) * scale.qty_step), symbol, price)

    def order_target_percent(
        self, target_percent: float, symbol: str | None = None, price: float | None = None
    ) -> str:
        """Trade so as to hold a share of the equity: 0.5 is half; nothing to do is ""."""
        return self.order_target_value(self.equity * target_percent, symbol, price)

    def buy_all(self, symbol: str | None = None) -> str:
        """Buy for all cash, in whole board lots at the last price."""
        symbol = self._symbol(symbol)
        price = self._desk.price_of(symbol)
        worth = self.get_position(symbol) * (price or 0.0) + self.get_cash()
        return self._aimed(symbol, self._desk.target_value(symbol, worth))

    def close_position(self, symbol: str | None = None) -> str:
        """Close what is held at the market; nothing to do is ""."""
        symbol = self._symbol(symbol)
        return self._aimed(symbol, self._desk.close(symbol))

    def cancel_order(self, order_id: Any) -> None:
        """Cancel an order, by its id or itself."""
        self._desk.cancel(int(getattr(order_id, "id", order_id)))

    def cancel_all_orders(self, symbol: str | None = None) -> None:
        """Cancel every order that waits, of one instrument or all."""
        self._desk.cancel_all(symbol)

    # What is known.

    def get_position(self, symbol: str | None = None) -> float:
        """Quantity held, short below 0."""
        return self._desk.position_of(self._symbol(symbol))

    def get_positions(self) -> dict[str, float]:
        """Quantities held, by symbol."""
        return self._desk.positions

    def get_available_position(self, symbol: str | None = None) -> float:
        """Quantity held that no open order sells already."""
        symbol = self._symbol(symbol)
        selling = sum(
            float(each.qty - each.filled)
            for each in self._desk.open_tickets(symbol)
            if each.side == "SELL"
        )
        return self.get_position(symbol) - selling

    def hold_bar(self, symbol: str | None = None) -> int:
        """Bars since the position was opened or changed its side; 0 without one."""
        return self._desk.held_bars.get(self._symbol(symbol), (0, 0))[1]

    def get_open_orders(self, symbol: str | None = None) -> list[Order]:
        """Orders that wait."""
        return [_order(each) for each in self._desk.open_tickets(symbol)]

    def get_order(self, order_id: str) -> Order | None:
        """An order, by its id."""
        ticket = self._desk.tickets.get(int(order_id))
        return None if ticket is None else _order(ticket)

    def get_trades(self) -> list[Trade]:
        """All fills so far."""
        return list(self._desk.fills)

    def get_history(
        self, count: int, symbol: str | None = None, field: str = "close"
    ) -> Float64Array:
        """The last values of a field, NaN before the first bar."""
        name = field.lower()
        if name not in FIELDS:
            raise unknown("the history", field, FIELDS)
        known: Float64Array = getattr(self._desk.history(self._symbol(symbol)), name)[-count:]
        return np.concatenate([np.full(count - len(known), np.nan), known])

    def get_history_df(self, count: int, symbol: str | None = None) -> Any:
        """The last bars as a pandas frame."""
        pandas = require("pandas", extra="pandas")
        return pandas.DataFrame({name: self.get_history(count, symbol, name) for name in FIELDS})

    def get_rolling_data(
        self, length: int | None = None, symbol: str | None = None
    ) -> tuple[Any, None]:
        """The last bars as a pandas frame, as many as `set_rolling_window` says."""
        count = self._rolling[0] if length is None else length
        if count <= 0:
            raise ConfigError(f"a window of {count} bars", hint="self.set_rolling_window(250, 20)")
        return self.get_history_df(count, symbol), None

    def get_cash(self) -> float:
        """Cash."""
        return self._desk.cash

    def get_portfolio_value(self) -> float:
        """Equity."""
        return self._desk.equity

    @property
    def equity(self) -> float:
        """Cash and positions, at the last prices."""
        return self._desk.equity

    @property
    def position(self) -> Position:
        """What is held of the instrument at hand."""
        return Position(self.get_position(), self.get_available_position())

    @property
    def symbol(self) -> str:
        """The instrument at hand."""
        return self._symbol(None)

    @property
    def open(self) -> float:
        """Open of the bar at hand."""
        return self._bar.open

    @property
    def high(self) -> float:
        """High of the bar at hand."""
        return self._bar.high

    @property
    def low(self) -> float:
        """Low of the bar at hand."""
        return self._bar.low

    @property
    def close(self) -> float:
        """Close of the bar at hand."""
        return self._bar.close

    @property
    def volume(self) -> float:
        """Volume of the bar at hand."""
        return self._bar.volume

    # What is set up.

    def set_history_depth(self, depth: int) -> None:
        """Nothing to do: all bars that are over are at hand."""

    def set_rolling_window(self, train_window: int, step: int) -> None:
        """Ask for `on_train_signal` every `step` bars, with `train_window` bars of data."""
        self._rolling = (train_window, step)

    def set_sizer(self, sizer: Any) -> None:
        """Ask `sizer.get_size(price, cash, context, symbol)` for quantities that are left out."""
        self.sizer = sizer

    def subscribe(self, instrument_id: str) -> None:
        """Name an instrument whose bars are wanted; one that is not in the data is an error."""
        self._subscriptions.append(instrument_id)

    def register_indicator(self, name: str, indicator: Any) -> None:
        """Keep an indicator under a name; its `update(close)` is called for each bar."""
        setattr(self, name, indicator)
        self._indicators = [*self.__dict__.get("_indicators", []), indicator]

    # Time.

    def schedule(self, trigger_time: Any, payload: str) -> None:
        """Ask for `on_timer(payload)` at a time; text and datetimes without a zone are local."""
        self._desk.once(self._desk.moment_of(trigger_time), lambda _: self.on_timer(payload))

    def add_daily_timer(self, time_str: str, payload: str) -> None:
        """Ask for `on_timer(payload)` at a local time of each trading day."""
        self._desk.daily(time_of_day(time_str), lambda _: self.on_timer(payload))

    @property
    def now(self) -> datetime:
        """Local time, without a zone."""
        return self._desk.clock.local(self._desk.now)

    def to_local_time(self, timestamp: int) -> datetime:
        """Local time of a moment in ns."""
        return self._desk.clock.local(timestamp // self._desk.ns)

    def format_time(self, timestamp: int, fmt: str = "%Y-%m-%d %H:%M:%S") -> str:
        """Local time of a moment in ns, as text."""
        return self.to_local_time(timestamp).strftime(fmt)

    def log(self, msg: str, level: int = 20) -> None:
        """Print a line with the local time."""
        print(f"{self.now} {msg}")

    # Inside.

    @property
    def _desk(self) -> "_Verbs":
        if self._held is None:
            raise ConfigError(
                f"{type(self).__name__} is not running",
                hint="act in on_start and later; run_backtest runs it",
            )
        return self._held

    @property
    def _bar(self) -> Bar:
        if self.current_bar is None:
            raise ConfigError("there is no bar yet", hint="act in on_bar and later")
        return self.current_bar

    def _symbol(self, symbol: str | None) -> str:
        if symbol is not None:
            return self._desk.known(symbol)
        at_hand = self.current_tick or self.current_bar
        if at_hand is not None:
            return at_hand.symbol
        if len(self._desk.symbols) > 1:
            raise OrderError(
                "there is no bar at hand to tell which instrument is meant", hint="give symbol="
            )
        return self._desk.symbols[0]

    def _sized(self, symbol: str, price: float | None) -> float:
        at = price if price is not None else self._desk.price_of(symbol)
        size: float = self.sizer.get_size(at or 0.0, self.get_cash(), self, symbol)
        return size

    def _send(
        self,
        side: str,
        symbol: str,
        quantity: Any,
        price: float | None,
        time_in_force: Any,
        trigger_price: float | None,
        tag: str,
    ) -> str:
        if quantity == 0:
            return ""
        options = {} if time_in_force is None else {"time_in_force": str(time_in_force).upper()}
        ticket = self._desk.send(side, quantity, symbol, limit=price, stop=trigger_price, **options)
        ticket.note = tag
        return str(ticket.order_id)

    def _aimed(self, symbol: str, order_id: int | None) -> str:
        ticket = self._desk.aim(symbol, order_id)
        return "" if ticket is None else str(ticket.order_id)


class _Functions(Strategy):
    """A plain `on_bar(context, bar)`, and `initialize(context)`."""

    def __init__(
        self, rule: Callable[..., object], initialize: Callable[..., object] | None
    ) -> None:
        self._rule = rule
        self._initialize = initialize

    def on_start(self) -> None:
        if self._initialize is not None:
            self._initialize(self)

    def on_bar(self, bar: Bar) -> None:
        self._rule(self, bar)


class _Verbs(Held):
    """Carries a strategy of AKQuant."""

    _every: str | None = None
    _warmup = 0
    _user: Strategy

    def on_start(self) -> None:
        self._user._held = self
        self.fills: list[Trade] = []
        self.held_bars: dict[str, tuple[int, int]] = {}
        self._bar_count = 0
        self.ns = NS_PER_UNIT[self._running.scales.time_unit]
        if self._every is not None:
            self.every(self._every)
        for symbol in self._user._subscriptions:
            self.known(symbol)
        self._user.on_start()
        for symbol in self._user._subscriptions:
            self.known(symbol)

    def on_bar(self, bar: OurBar) -> None:
        self.saw(bar.start)
        user = self._user
        user.current_tick = None
        user.current_bar = Bar(
            bar.start * self.ns, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.symbol
        )
        self._count(bar.symbol)
        for indicator in user.__dict__.get("_indicators", ()):
            indicator.update(bar.close)
        if self._bar_count < self._warmup:
            return
        step = user._rolling[1]
        if step > 0 and self._bar_count % step == 0:
            user.on_train_signal(user)
        user.on_bar(user.current_bar)

    def on_stop(self) -> None:
        self._user.on_stop()

    def heard(self, ticket: Ticket, update: OrderUpdate) -> None:
        self._user.on_order(_order(ticket))

    def traded(self, ticket: Ticket, fill: Fill) -> None:
        trade = Trade(
            str(fill.order_id),
            fill.symbol,
            OrderSide(fill.side.title()),
            fill.qty,
            fill.price,
            fill.fee,
            fill.time * self.ns,
            ticket.note or "",
        )
        self.fills.append(trade)
        self._user.on_order(_order(ticket))
        self._user.on_trade(trade)

    def moment_of(self, given: Any) -> int:
        """A time as `schedule` takes it, in our unit."""
        if isinstance(given, int):
            return given // self.ns
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        if not isinstance(moment, datetime):
            raise ConfigError(
                f"{given!r} is not a time", hint='schedule("2024-01-02 14:55:00", "close")'
            )
        if moment.tzinfo is None:
            return self.clock.moment(moment.date(), moment.time())
        return int(moment.timestamp() * 10**9) // self.ns

    def _count(self, symbol: str) -> None:
        self._bar_count += 1
        position = self.position_of(symbol)
        sign = (position > 0) - (position < 0)
        before, bars = self.held_bars.get(symbol, (0, 0))
        self.held_bars[symbol] = (sign, 0 if sign == 0 else bars + 1 if sign == before else 1)


class _TickVerbs(_Verbs):
    """Carries one that acts on ticks."""

    def on_tick(self, tick: OurTick) -> None:
        told = Tick(tick.time * self.ns, tick.price or 0.0, tick.qty, tick.symbol or "")
        self.saw(tick.time)
        self._user.current_tick = told
        self._user.on_tick(told)


def run_backtest(
    data: Any = None,
    strategy: type[Strategy] | Strategy | Callable[..., object] | None = None,
    symbol: str | None = None,
    initial_cash: float = 1_000_000.0,
    commission_rate: float = 0.0,
    stamp_tax_rate: float = 0.0,
    transfer_fee_rate: float = 0.0,
    min_commission: float = 0.0,
    execution_mode: str = "next_open",
    timezone: str = "Asia/Shanghai",
    t_plus_one: bool = False,
    initialize: Callable[..., object] | None = None,
    warmup_period: int | None = None,
    strategy_params: Mapping[str, Any] | None = None,
    calendar: TradingDays | None = None,
    every: str | None = None,
    **settings: Any,
) -> "BacktestResult":
    """Run a strategy of AKQuant.

    Parameters
    ----------
    data : Bars, Ticks, frame, list of dicts, or these by symbol
        What to run it over.
    strategy : Strategy, a class of it, or a function
        A function is called as `on_bar(context, bar)`, after `initialize(context)`.
    symbol : str, optional
        Name of data that have none.
    initial_cash : number, money
        Cash at the start.
    commission_rate, transfer_fee_rate : float, fraction of the value
        Paid on both sides.
    stamp_tax_rate : float, fraction of the value
        Paid on sells there; half of it on each side here.
    min_commission : number, money
        Smallest fee of an order.
    execution_mode : {"next_open", "current_close"}
        Where an order may trade first: our `bar_fill`.
    timezone : str
        Of times of day.
    t_plus_one : bool
        True is not to be had yet.
    initialize : callable, optional
        Of a function.
    warmup_period : int, optional
        Bars before the first call of `on_bar`; by default what the class says.
    strategy_params : mapping, optional
        Arguments of the class.
    calendar : Calendar, optional
        Trading days of timers; by default Monday to Friday.
    every : str, optional
        Interval of bars cut out of ticks.
    **settings
        Settings of `ts.backtest`: spread_bps, latency, quantity, allow_short, account, ... The account
        is "cash" by default: it refuses what it cannot pay.

    Returns
    -------
    BacktestResult
        Its `result` is ours.

    Raises
    ------
    ConfigError
        For what is not known here; it names the nearest.

    Examples
    --------
    >>> from tickstep.compat.akquant import Strategy, run_backtest
    >>> class Hold(Strategy):
    ...     def on_bar(self, bar):
    ...         if self.get_position() == 0:
    ...             self.buy(quantity=2)
    >>> rows = [{"datetime": f"2024-01-0{day}", "open": price, "high": price + 1, "low": price - 1,
    ...          "close": price, "volume": 900} for day, price in enumerate((5, 6, 8), 2)]
    >>> found = run_backtest(rows, Hold, symbol="X", initial_cash=100.0, spread_bps=0)
    >>> found.metrics.end_market_value, found.executions[0].price
    (104.0, 6.0)
    """
    if data is None or strategy is None:
        raise ConfigError("data and strategy are needed", hint="run_backtest(bars, MyStrategy)")
    named = list(signature(run_backtest).parameters)
    check_names("run_backtest", settings, [*named, *SETTINGS, *RUN_SETTINGS])
    _check_modes(execution_mode, t_plus_one)
    made = _made(strategy, initialize, strategy_params)
    check_callbacks(made, CALLBACKS)
    given = data_of(data, symbol=symbol)
    is_ticks = not any(isinstance(each, Bars) for each in given.values())
    hears_ticks = is_ticks and type(made).on_tick is not Strategy.on_tick
    if is_ticks and every is None and not hears_ticks:
        raise ConfigError(
            "the data are ticks, and the strategy has no on_tick",
            hint='every="1m" cuts bars out of them',
        )
    held = hold(
        _TickVerbs if hears_ticks else _Verbs,
        type(made).__name__ if not isinstance(made, _Functions) else made._rule.__name__,
        strategy_params or {},
        user=made,
        zone=timezone,
        calendar=calendar,
        every=every,
        warmup=made.warmup_period if warmup_period is None else warmup_period,
    )
    assert isinstance(held, _Verbs), "made just now"
    one_way = Decimal(str(commission_rate)) + Decimal(str(transfer_fee_rate))
    fee = even_fee(one_way, one_way + Decimal(str(stamp_tax_rate)))
    ours = {
        "cash": initial_cash,
        "maker_fee": fee,
        "taker_fee": fee,
        "fee_min": min_commission,
        "account": "cash",
        "bar_fill": EXECUTION_MODES[execution_mode],
    }
    result = run(held, given, **{**ours, **settings})
    if stamp_tax_rate:
        result.warn(f"stamp tax of {stamp_tax_rate} on sells is charged as half of it on each side")
    return BacktestResult(result, given, held)


class BacktestResult(Named):
    """What a run left, by the names of AKQuant; `result` is ours, with everything else."""

    def __init__(self, result: Result, data: Mapping[str, Any], held: _Verbs) -> None:
        self.result = result
        self.executions = list(held.fills)
        self._data = data

    @cached_property
    def equity_curve(self) -> list[tuple[int, float]]:
        """Time in ns and equity at the end of each bar."""
        unit = NS_PER_UNIT[self.result.scales.time_unit]
        times, equity = self._curve
        return list(zip((times * unit).tolist(), equity.tolist(), strict=True))

    @cached_property
    def metrics(self) -> "Metrics":
        """AKQuant's metrics, by its own formulas; `metric` has the same names by ours."""
        account = self.result.account
        closed = account.trips.closed()
        trades = Trades(
            account.scales.amounts(closed.gross_units),
            closed.returns,
            self._bars_held(closed),
        )
        stats = self.result.stats
        times, equity = self._curve
        exposure = stats["Exposure Time [%]"]
        found = metrics(
            times,
            equity,
            trades,
            time_unit=account.scales.time_unit,
            initial_cash=account.scales.money.value(account.scales.cash_units),
            total_commission=_number(stats["Fees"]),
            unrealized_pnl=_number(stats["Unrealized P&L"]),
            exposure_time_pct=_number(exposure),
        )
        return Metrics(found)

    def metric(self, name: str) -> Any:
        """Look a number up by name, by our formula."""
        return self.result.metric(name)

    @property
    def metrics_df(self) -> Any:
        """The metrics as a frame of name and value."""
        import polars as pl

        return pl.DataFrame(
            {"name": list(self.metrics), "value": list(map(float, self.metrics.values()))}
        )

    @property
    def trades_df(self) -> Any:
        """Closed round trips, by AKQuant's names; pnl is gross, net_pnl is after fees."""
        import polars as pl

        frame = self.result.trades.filter(~pl.col("is_open"))
        return frame.select(
            "symbol",
            "entry_time",
            "exit_time",
            "entry_price",
            "exit_price",
            pl.col("qty").alias("quantity"),
            pl.col("side").cast(pl.String).str.to_titlecase(),
            pl.col("gross_pnl").alias("pnl"),
            pl.col("pnl").alias("net_pnl"),
            (pl.col("return") * 100).alias("return_pct"),
            pl.col("fees").alias("commission"),
            "duration",
            "mae",
            "mfe",
        )

    @property
    def orders_df(self) -> Any:
        """Orders, by AKQuant's names."""
        import polars as pl

        is_stop = pl.col("type").cast(pl.String).str.starts_with("STOP")
        return self.result.orders.select(
            pl.col("order_id").alias("id"),
            "symbol",
            pl.col("side").cast(pl.String).str.to_titlecase(),
            pl.col("type").alias("order_type"),
            pl.col("qty").alias("quantity"),
            pl.col("filled").alias("filled_quantity"),
            pl.when(~is_stop).then("price").alias("limit_price"),
            pl.when(is_stop).then("price").alias("stop_price"),
            pl.col("average_price").alias("avg_price"),
            pl.col("fee").alias("commission"),
            pl.col("state").cast(pl.String).str.to_titlecase().alias("status"),
            pl.col("placed").alias("created_at"),
            pl.col("ended").alias("updated_at"),
            pl.col("reason").alias("reject_reason"),
        )

    @property
    def positions_df(self) -> Any:
        """Positions on a grid in time."""
        return self.result.positions

    def plot(self, *args: Any, **options: Any) -> Any:
        """Draw; see `Result.plot`."""
        return self.result.plot(*args, **options)

    def __repr__(self) -> str:
        return repr(self.result)

    def _bars_held(self, closed: RoundTrips) -> Int64Array:
        """Bars that began while each trade was open; ticks, where the data are ticks."""
        found = np.zeros(len(closed), np.int64)
        for number, each in enumerate(self._data.values()):
            rows = closed.instrument == number
            first, last = (
                np.searchsorted(each.time, times[rows], side="right")
                for times in (closed.entry_time, closed.exit_time)
            )
            found[rows] = last - first
        return found

    @cached_property
    def _curve(self) -> tuple[Any, Float64Array]:
        ends = [
            each.end_time if isinstance(each, Bars) else each.time + 1
            for each in self._data.values()
        ]
        times = np.unique(np.concatenate(ends))
        return times, self.result.scales.amounts(self.result.path.at(times))


class Metrics(dict[str, float]):
    """Numbers as `metrics.sharpe_ratio` and as `metrics["sharpe_ratio"]`."""

    def __missing__(self, name: str) -> float:
        raise unknown("metrics", name, self)

    def __getattr__(self, name: str) -> float:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]


def _check_modes(execution_mode: str, t_plus_one: bool) -> None:
    if execution_mode not in EXECUTION_MODES:
        raise ConfigError(
            f"execution_mode {execution_mode!r} is not one of {', '.join(EXECUTION_MODES)}",
            hint="means of a bar that is not over are no prices to trade at",
        )
    if t_plus_one:
        raise ConfigError(
            "t_plus_one is not to be had yet: what is bought can be sold the same day",
            hint="leave it out, and do not sell in on_bar what was bought that day",
        )


def _made(
    strategy: Any, initialize: Callable[..., object] | None, parameters: Mapping[str, Any] | None
) -> Strategy:
    if isinstance(strategy, type) and issubclass(strategy, Strategy):
        try:
            return strategy(**(parameters or {}))
        except TypeError as error:
            raise ConfigError(
                f"{strategy.__name__} does not take strategy_params {parameters}: {error}",
                hint="strategy_params are arguments of its __init__",
            ) from error
    if isinstance(strategy, Strategy):
        if strategy._held is not None:
            raise ConfigError(
                f"this {type(strategy).__name__} has run already, and what it kept would go on",
                hint="give the class, or make a new one for each run",
            )
        return strategy
    if callable(strategy) and not isinstance(strategy, type):
        return _Functions(strategy, initialize)
    raise ConfigError(
        f"{strategy!r} is no strategy of this kind",
        hint="derive it from tickstep.compat.akquant.Strategy",
    )


def _order(ticket: Ticket) -> Order:
    return Order(
        str(ticket.order_id),
        ticket.symbol,
        OrderSide(ticket.side.title()),
        ticket.order_type,
        float(ticket.qty),
        ticket.price,
        ticket.trigger,
        STATUSES[ticket.status],
        float(ticket.filled),
        ticket.average or None,
        ticket.fees,
        ticket.reason,
        ticket.note or "",
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
