"""Strategies of vn.py: `CtaTemplate` with its callbacks and verbs, and `run`.

What differs from vn.py's backtest, on purpose:

- A limit order that the next open is beyond trades there, one at rest when the price goes through it; a
  stop order trades at its trigger or beyond, half the spread included. All of it as `ts.backtest` says.
- Costs are in the account while it runs: `rate` is charged with each fill, and so is the spread, which
  stands for `slippage` (an amount of money there, basis points here).
- Settings that are not parameters are errors, and so are callbacks that do not exist.
- A net position needs no `lock`: asking for it is an error. `net=True` is what is done anyway.
"""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from tickstep.backtest import run as backtest
from tickstep.bars import Bars
from tickstep.compat.given import data_of
from tickstep.compat.held import Held, Ticket, TradingDays, hold, users_classes
from tickstep.compat.names import Named, check_callbacks, check_names
from tickstep.compat.vnpy_arrays import ArrayManager, BarData, BarGenerator, Interval, TickData
from tickstep.engine import Tick
from tickstep.errors import ConfigError
from tickstep.result import Result
from tickstep.strategy import PARAMETER_TYPES, Bar, Fill, OrderUpdate

__all__ = [
    "ArrayManager",
    "BarData",
    "BarGenerator",
    "CtaSignal",
    "CtaTemplate",
    "Direction",
    "EngineType",
    "Interval",
    "Offset",
    "OrderData",
    "Status",
    "StopOrder",
    "StopOrderStatus",
    "TargetPosTemplate",
    "TickData",
    "TradeData",
    "run",
]

CALLBACKS = (
    "on_init",
    "on_start",
    "on_stop",
    "on_tick",
    "on_bar",
    "on_trade",
    "on_order",
    "on_stop_order",
)
GATEWAY, STOP = "TICKSTEP", "STOP"  # before the number in a vt_orderid


class Direction(StrEnum):
    """Which way an order is."""

    LONG = "long"
    SHORT = "short"
    NET = "net"


class Offset(StrEnum):
    """Whether an order opens or closes."""

    NONE = ""
    OPEN = "open"
    CLOSE = "close"
    CLOSETODAY = "close today"
    CLOSEYESTERDAY = "close yesterday"


class Status(StrEnum):
    """How far an order is."""

    SUBMITTING = "submitting"
    NOTTRADED = "not traded"
    PARTTRADED = "part traded"
    ALLTRADED = "all traded"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class StopOrderStatus(StrEnum):
    """How far a stop order is."""

    WAITING = "waiting"
    CANCELLED = "cancelled"
    TRIGGERED = "triggered"


class EngineType(StrEnum):
    """Where a strategy runs."""

    LIVE = "live"
    BACKTESTING = "backtesting"


STATUSES = {
    "NEW": Status.SUBMITTING,
    "ACCEPTED": Status.NOTTRADED,
    "PART": Status.PARTTRADED,
    "FILLED": Status.ALLTRADED,
    "CANCELLED": Status.CANCELLED,
    "EXPIRED": Status.CANCELLED,
    "REJECTED": Status.REJECTED,
}
STOP_STATUSES = {"NEW": StopOrderStatus.WAITING, "ACCEPTED": StopOrderStatus.WAITING}
ACTIVE = (Status.SUBMITTING, Status.NOTTRADED, Status.PARTTRADED)


@dataclass
class OrderData:
    """An order as it stands."""

    symbol: str
    exchange: str
    orderid: str
    direction: Direction
    offset: Offset
    price: float
    volume: float
    traded: float
    status: Status
    datetime: datetime
    gateway_name: str = GATEWAY

    @property
    def vt_orderid(self) -> str:
        """Name of the order, as the verbs return it."""
        return f"{self.gateway_name}.{self.orderid}"

    @property
    def vt_symbol(self) -> str:
        """Symbol and exchange."""
        return f"{self.symbol}.{self.exchange}"

    def is_active(self) -> bool:
        """Whether it waits."""
        return self.status in ACTIVE


@dataclass
class TradeData:
    """A fill."""

    symbol: str
    exchange: str
    orderid: str
    tradeid: str
    direction: Direction
    offset: Offset
    price: float
    volume: float
    datetime: datetime
    gateway_name: str = GATEWAY

    @property
    def vt_orderid(self) -> str:
        """Name of its order."""
        return f"{self.gateway_name}.{self.orderid}"

    @property
    def vt_tradeid(self) -> str:
        """Name of the fill."""
        return f"{self.gateway_name}.{self.tradeid}"

    @property
    def vt_symbol(self) -> str:
        """Symbol and exchange."""
        return f"{self.symbol}.{self.exchange}"


@dataclass
class StopOrder:
    """A stop order as it stands."""

    vt_symbol: str
    direction: Direction
    offset: Offset
    price: float
    volume: float
    stop_orderid: str
    strategy_name: str
    datetime: datetime
    vt_orderids: list[str]
    status: StopOrderStatus


class CtaTemplate(Named):
    """Base class of strategies; names and arguments are vn.py's.

    Parameters
    ----------
    cta_engine : object
        What it runs in; handed over by `run`.
    strategy_name, vt_symbol : str
        Its name, and the instrument, as "rb2410.SHFE".
    setting : dict
        Values of parameters, which are the class attributes named in `parameters`.
    """

    author: str = ""
    parameters: list[str] = []  # noqa: RUF012
    variables: list[str] = []  # noqa: RUF012

    def __init__(
        self, cta_engine: Any, strategy_name: str, vt_symbol: str, setting: dict[str, Any]
    ) -> None:
        self.cta_engine = cta_engine
        self.strategy_name = strategy_name
        self.vt_symbol = vt_symbol
        self.inited = self.trading = False
        self.pos: float = 0
        self.variables = ["inited", "trading", "pos", *copy(self.variables)]
        self.update_setting(setting)

    def update_setting(self, setting: Mapping[str, Any]) -> None:
        """Set parameters; a name that is none is an error."""
        check_names(f"{type(self).__name__}.parameters", setting, self.parameters)
        for name, value in setting.items():
            setattr(self, name, value)

    @classmethod
    def get_class_parameters(cls) -> dict[str, Any]:
        """Parameters and their defaults."""
        return {name: getattr(cls, name) for name in cls.parameters}

    def get_parameters(self) -> dict[str, Any]:
        """Parameters and their values."""
        return {name: getattr(self, name) for name in self.parameters}

    def get_variables(self) -> dict[str, Any]:
        """Variables and their values."""
        return {name: getattr(self, name) for name in self.variables}

    def get_data(self) -> dict[str, Any]:
        """All of it."""
        return {
            "strategy_name": self.strategy_name,
            "vt_symbol": self.vt_symbol,
            "class_name": type(self).__name__,
            "author": self.author,
            "parameters": self.get_parameters(),
            "variables": self.get_variables(),
        }

    # What is called.

    def on_init(self) -> None:
        """Prepare: make generators, ask for bars to begin with."""

    def on_start(self) -> None:
        """Act when trading begins."""

    def on_stop(self) -> None:
        """Act after the last bar."""

    def on_tick(self, tick: TickData) -> None:
        """Act on a tick, where the data are ticks; see `BarGenerator.update_tick`."""

    def on_bar(self, bar: BarData) -> None:
        """Act on a bar that is over."""

    def on_trade(self, trade: TradeData) -> None:
        """Hear of a fill; `pos` is the position after it."""

    def on_order(self, order: OrderData) -> None:
        """Hear of an order whose status changed."""

    def on_stop_order(self, stop_order: StopOrder) -> None:
        """Hear of a stop order whose status changed."""

    # Orders.

    def buy(
        self, price: float, volume: float, stop: bool = False, lock: bool = False, net: bool = False
    ) -> list[str]:
        """Open long, at a limit or from a stop on."""
        return self.send_order(Direction.LONG, Offset.OPEN, price, volume, stop, lock, net)

    def sell(
        self, price: float, volume: float, stop: bool = False, lock: bool = False, net: bool = False
    ) -> list[str]:
        """Close long, at a limit or from a stop on."""
        return self.send_order(Direction.SHORT, Offset.CLOSE, price, volume, stop, lock, net)

    def short(
        self, price: float, volume: float, stop: bool = False, lock: bool = False, net: bool = False
    ) -> list[str]:
        """Open short, at a limit or from a stop on."""
        return self.send_order(Direction.SHORT, Offset.OPEN, price, volume, stop, lock, net)

    def cover(
        self, price: float, volume: float, stop: bool = False, lock: bool = False, net: bool = False
    ) -> list[str]:
        """Close short, at a limit or from a stop on."""
        return self.send_order(Direction.LONG, Offset.CLOSE, price, volume, stop, lock, net)

    def send_order(
        self,
        direction: Direction,
        offset: Offset,
        price: float,
        volume: float,
        stop: bool = False,
        lock: bool = False,
        net: bool = False,
    ) -> list[str]:
        """Place an order and return its names; none while `trading` is False."""
        if not self.trading:
            return []
        found: list[str] = self.cta_engine.send_order(
            self, direction, offset, price, volume, stop, lock, net
        )
        return found

    def cancel_order(self, vt_orderid: str) -> None:
        """Cancel an order."""
        if self.trading:
            self.cta_engine.cancel_order(self, vt_orderid)

    def cancel_all(self) -> None:
        """Cancel every order that waits."""
        if self.trading:
            self.cta_engine.cancel_all(self)

    # What is at hand.

    def load_tick(self, days: int) -> None:
        """Take the ticks of the first days without trading; call it in `on_init`."""
        self.cta_engine.load_tick(self.vt_symbol, days, self.on_tick)

    def load_bar(
        self,
        days: int,
        interval: Interval = Interval.MINUTE,
        callback: Callable[[BarData], Any] | None = None,
        use_database: bool = False,
    ) -> None:
        """Take the bars of the first days without trading; call it in `on_init`."""
        self.cta_engine.load_bar(
            self.vt_symbol, days, interval, callback or self.on_bar, use_database
        )

    def write_log(self, msg: str) -> None:
        """Print a line with the local time."""
        self.cta_engine.write_log(msg, self)

    def get_engine_type(self) -> EngineType:
        """BACKTESTING."""
        found: EngineType = self.cta_engine.get_engine_type()
        return found

    def get_pricetick(self) -> float:
        """Step of prices."""
        found: float = self.cta_engine.get_pricetick(self)
        return found

    def get_size(self) -> float:
        """Units of the underlying in one contract."""
        found: float = self.cta_engine.get_size(self)
        return found

    def put_event(self) -> None:
        """Nothing to do: no window shows the strategy."""

    def send_email(self, msg: str) -> None:
        """Print the line instead; a backtest sends nothing."""
        self.write_log(msg)

    def sync_data(self) -> None:
        """Nothing to do: a backtest begins anew."""


class CtaSignal(Named):
    """A part of a strategy that says which position it would have."""

    def __init__(self) -> None:
        self.signal_pos: float = 0

    def on_tick(self, tick: TickData) -> None:
        """Act on a tick."""

    def on_bar(self, bar: BarData) -> None:
        """Act on a bar."""

    def set_signal_pos(self, pos: float) -> None:
        """Say the position."""
        self.signal_pos = pos

    def get_signal_pos(self) -> float:
        """The position last said."""
        return self.signal_pos


class TargetPosTemplate(CtaTemplate):
    """A strategy that says which position it wants; `tick_add` is how far beyond the close to bid."""

    tick_add: float = 1
    target_pos: float = 0

    def __init__(
        self, cta_engine: Any, strategy_name: str, vt_symbol: str, setting: dict[str, Any]
    ) -> None:
        super().__init__(cta_engine, strategy_name, vt_symbol, setting)
        self.last_bar: BarData | None = None
        self.last_tick: TickData | None = None
        self.active_orderids: list[str] = []
        self.variables.append("target_pos")

    def on_tick(self, tick: TickData) -> None:
        """Keep the tick."""
        self.last_tick = tick

    def on_bar(self, bar: BarData) -> None:
        """Keep the bar."""
        self.last_bar = bar

    def on_order(self, order: OrderData) -> None:
        """Forget orders that have ended."""
        if not order.is_active() and order.vt_orderid in self.active_orderids:
            self.active_orderids.remove(order.vt_orderid)

    def set_target_pos(self, target_pos: float) -> None:
        """Say the position, and trade towards it."""
        self.target_pos = target_pos
        self.trade()

    def trade(self) -> None:
        """Cancel what waits; where nothing does, order what is missing."""
        if self.active_orderids:
            for each in self.active_orderids:
                self.cancel_order(each)
            return
        missing = self.target_pos - self.pos
        last = None if self.last_bar is None else self.last_bar.close_price
        last = last if self.last_tick is None else self.last_tick.last_price
        if missing and last is not None:
            placed = (
                self.buy(last + self.tick_add, missing)
                if missing > 0
                else self.short(last - self.tick_add, -missing)
            )
            self.active_orderids.extend(placed)


class _Engine(Named):
    """What a `CtaTemplate` calls its engine."""

    def __init__(self, held: "_Cta") -> None:
        self._held = held

    def send_order(
        self,
        strategy: CtaTemplate,
        direction: Direction,
        offset: Offset,
        price: float,
        volume: float,
        stop: bool,
        lock: bool,
        net: bool,
    ) -> list[str]:
        return self._held.place(direction, offset, price, volume, stop, lock)

    def cancel_order(self, strategy: CtaTemplate, vt_orderid: str) -> None:
        self._held.cancel(int(vt_orderid.rpartition(".")[2]))

    def cancel_all(self, strategy: CtaTemplate) -> None:
        self._held.cancel_all()

    def load_bar(
        self,
        vt_symbol: str,
        days: int,
        interval: Interval,
        callback: Callable[[BarData], Any],
        use_database: bool = False,
    ) -> list[BarData]:
        self._held.warm_up(days, callback)
        return []

    def load_tick(
        self, vt_symbol: str, days: int, callback: Callable[[TickData], Any]
    ) -> list[TickData]:
        self._held.warm_up(days, callback)
        return []

    def write_log(self, msg: str, strategy: CtaTemplate | None = None) -> None:
        print(f"{self._held.clock.local(self._held.now)} {msg}")

    def get_engine_type(self) -> EngineType:
        return EngineType.BACKTESTING

    def get_pricetick(self, strategy: CtaTemplate) -> float:
        return float(self._held.scale.tick.step)

    def get_size(self, strategy: CtaTemplate) -> float:
        return float(self._held.scale.multiplier)


class _Cta(Held):
    """Carries a `CtaTemplate`."""

    _kind: type[CtaTemplate]
    _setting: dict[str, Any]
    _vt_symbol = ""
    _every: str | None = None

    def on_start(self) -> None:
        (self._symbol,) = self.symbols
        (self.scale,) = self._running.scales.instruments
        if self._every is not None:
            self.every(self._every)
        code, _, exchange = self._vt_symbol.rpartition(".")
        self._code, self._exchange = (code, exchange) if code else (exchange, "LOCAL")
        self._days_left, self._day, self._callback = 0, None, None
        self._trade_count = 0
        engine = _Engine(self)
        self._user = self._kind(
            engine, self._kind.__name__, f"{self._code}.{self._exchange}", dict(self._setting)
        )
        self._user.on_init()
        if self._days_left <= 0:
            self._begin()

    _day: date | None
    _callback: Callable[[Any], Any] | None

    def warm_up(self, days: int, callback: Callable[[Any], Any]) -> None:
        """Hand the bars of the first days to `callback`, without trading."""
        if self._user is not None and self._user.inited:
            raise ConfigError(
                "load_bar is called when trading has begun", hint="call it in on_init"
            )
        self._days_left, self._callback = days, callback

    def on_bar(self, bar: Bar) -> None:
        local = self.clock.local(bar.start)
        told = BarData(
            self._code,
            self._exchange,
            local,
            open_price=bar.open,
            high_price=bar.high,
            low_price=bar.low,
            close_price=bar.close,
            volume=bar.volume,
        )
        if not self._is_early(told):
            self._user.on_bar(told)

    def _is_early(self, told: BarData | TickData) -> bool:
        """Hand over what comes before trading begins."""
        day = told.datetime.date()
        if self._days_left > 0:
            if self._day is not None and day != self._day:
                self._days_left -= 1
            self._day = day
        if self._days_left > 0:
            assert self._callback is not None, "set together with the days"
            self._callback(told)
            return True
        if not self._user.trading:
            self._begin()
        return False

    def on_stop(self) -> None:
        self._user.on_stop()
        self._user.trading = False

    def place(
        self,
        direction: Direction,
        offset: Offset,
        price: float,
        volume: float,
        is_stop: bool,
        is_lock: bool,
    ) -> list[str]:
        """Place an order and return its name."""
        if is_lock:
            raise ConfigError(
                "lock=True holds long and short side by side, and the account has one position",
                hint="leave it out",
            )
        side = "BUY" if direction == Direction.LONG else "SELL"
        # To the nearest tick, as vn.py has it.
        tick = float(self.scale.tick.step)
        at = {"stop" if is_stop else "limit": round(price / tick) * tick}
        ticket = self.send(side, volume, self._symbol, **at)
        ticket.note = (direction, offset)
        return [_name(ticket)]

    def heard(self, ticket: Ticket, update: OrderUpdate) -> None:
        if ticket.order_type == "STOP":
            if update.kind == "TRIGGERED":
                ticket.note = (*ticket.note[:2], "fired")
            self._user.on_stop_order(self._stop_order(ticket))
        else:
            self._user.on_order(self._order(ticket))

    def traded(self, ticket: Ticket, fill: Fill) -> None:
        self._trade_count += 1
        direction, offset, *_ = ticket.note
        trade = TradeData(
            self._code,
            self._exchange,
            str(ticket.order_id),
            str(self._trade_count),
            direction,
            offset,
            fill.price,
            fill.qty,
            self.clock.local(fill.time),
        )
        self._user.on_order(self._order(ticket))
        self._user.pos = fill.position
        self._user.on_trade(trade)

    def _begin(self) -> None:
        self._user.inited = True
        self._user.on_start()
        self._user.trading = True

    def _order(self, ticket: Ticket) -> OrderData:
        direction, offset, *_ = ticket.note
        price = ticket.price if ticket.price is not None else ticket.trigger
        return OrderData(
            self._code,
            self._exchange,
            str(ticket.order_id),
            direction,
            offset,
            float(price or 0.0),
            float(ticket.qty),
            float(ticket.filled),
            STATUSES[ticket.status],
            self.clock.local(ticket.time),
        )

    def _stop_order(self, ticket: Ticket) -> StopOrder:
        direction, offset, *fired = ticket.note
        status = STOP_STATUSES.get(ticket.status, StopOrderStatus.CANCELLED)
        return StopOrder(
            f"{self._code}.{self._exchange}",
            direction,
            offset,
            float(ticket.trigger or 0.0),
            float(ticket.qty),
            _name(ticket),
            self._user.strategy_name,
            self.clock.local(ticket.time),
            [f"{GATEWAY}.{ticket.order_id}"] if fired else [],
            StopOrderStatus.TRIGGERED if fired else status,
        )

    def _parts(self) -> list[Any]:
        """What the identity of the strategy is made of."""
        return users_classes(self._kind)


class _TickCta(_Cta):
    """Carries one that acts on ticks."""

    _volume = 0.0

    def on_tick(self, tick: Tick) -> None:
        self._volume += tick.qty
        told = TickData(
            self._code,
            self._exchange,
            self.clock.local(tick.time),
            volume=self._volume,
            last_price=tick.price or 0.0,
            last_volume=tick.qty,
        )
        if not self._is_early(told):
            self._user.on_tick(told)


def run(
    strategy: type[CtaTemplate],
    data: Any,
    setting: Mapping[str, Any] | None = None,
    *,
    vt_symbol: str | None = None,
    capital: Any = 1_000_000,
    rate: Any = 0,
    slippage: Any = 0,
    size: Any = 1,
    pricetick: Any = None,
    timezone: str = "Asia/Shanghai",
    calendar: TradingDays | None = None,
    every: str | None = None,
    **settings: Any,
) -> Result:
    """Run a strategy of vn.py over bars.

    Parameters
    ----------
    strategy : class of CtaTemplate
        What to run.
    data : Bars, Ticks, frame or list of dicts
        Of one instrument.
    setting : mapping, optional
        Values of its parameters.
    vt_symbol : str, optional
        What the instrument is called, as "rb2410.SHFE"; by default what the data say.
    capital : number, money
        Cash at the start.
    rate : number, fraction of the value
        Fee of each fill.
    slippage : number
        0: what a trade pays beyond the price is `spread_bps`, the whole spread in basis points.
    size : number
        Units of the underlying in one contract.
    pricetick : number, money, optional
        Step of prices; that of the data, and anything else is an error.
    timezone : str
        Of `bar.datetime`.
    calendar : Calendar, optional
        Whose zone is taken instead.
    every : str, optional
        Interval of bars cut out of ticks, for `on_bar`; without one `on_tick` is called for each.
    **settings
        Settings of `ts.backtest`: spread_bps, latency, quantity, settle, ...

    Returns
    -------
    Result
        As of `ts.backtest`.

    Raises
    ------
    ConfigError
        For what is not known here; it names the nearest.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.compat.vnpy import CtaTemplate, run
    >>> class Once(CtaTemplate):
    ...     volume = 1
    ...     parameters = ["volume"]
    ...     def on_bar(self, bar):
    ...         if self.pos == 0:
    ...             self.cancel_all()
    ...             self.buy(bar.close_price + 5, self.volume)
    >>> bars = ts.Bars.from_arrays(
    ...     [0, 60_000, 120_000], [5, 6, 8], [6, 7, 9], [4, 5, 7], [5, 6, 8], [90, 90, 90],
    ...     interval="1m")
    >>> found = run(Once, bars, {"volume": 2}, spread_bps=0)
    >>> found.fills["price"].to_list(), found.stats["Equity Final"]
    ([6.0], 1000004.0)
    """
    if not (isinstance(strategy, type) and issubclass(strategy, CtaTemplate)):
        raise ConfigError(
            f"{strategy!r} is no class of CtaTemplate",
            hint="derive it from tickstep.compat.vnpy.CtaTemplate and give the class",
        )
    check_callbacks(strategy, CALLBACKS)
    values = dict(setting or {})
    check_names(f"{strategy.__name__}.parameters", values, strategy.parameters)
    if slippage:
        raise ConfigError(
            f"slippage {slippage} is an amount of money; the account takes basis points",
            hint="spread_bps=2 is a whole spread of 0.02 %, half of it paid by each trade",
        )
    given = data_of(data)
    if len(given) > 1:
        raise ConfigError(
            f"the data are of {', '.join(given)}, and a CtaTemplate trades one instrument",
            hint="run it once for each",
        )
    ((symbol, each),) = given.items()
    if pricetick is not None and float(pricetick) != each.tick_size:
        raise ConfigError(
            f"pricetick is {pricetick}, prices of the data are in steps of {each.tick_size}",
            hint=f"read the data with tick_size={pricetick}",
        )
    shown = strategy.get_class_parameters() | values
    is_ticks = not isinstance(each, Bars) and every is None
    if is_ticks and strategy.on_tick is CtaTemplate.on_tick:
        raise ConfigError(
            f"the data are ticks, and {strategy.__name__} has no on_tick",
            hint='every="1m" cuts bars out of them',
        )
    held = hold(
        _TickCta if is_ticks else _Cta,
        strategy.__name__,
        {name: value for name, value in shown.items() if isinstance(value, PARAMETER_TYPES)},
        kind=strategy,
        setting=values,
        vt_symbol=vt_symbol or symbol,
        zone=timezone,
        calendar=calendar,
        every=every,
    )
    ours = {"cash": capital, "maker_fee": rate, "taker_fee": rate, "multiplier": size}
    return backtest(held, given, **{**ours, **settings})


def _name(ticket: Ticket) -> str:
    return f"{STOP if ticket.order_type == 'STOP' else GATEWAY}.{ticket.order_id}"
