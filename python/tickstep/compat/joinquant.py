"""Scripts of JoinQuant (聚宽): `initialize`, `handle_data` and their names, run here.

    joinquant.run_file("script.py", {"000001.XSHE": bars})       # or: tickstep backtest script.py ...

The names a script takes for granted (`order`, `g`, `log`, `attribute_history`, ...) are put into its
namespace for the run; `from jqdata import *` gives the same. A name that nobody has is an error before
the run begins.

When things are called:

- Over daily bars: when the bar of a day is over, `after_trading_end` of that day, then
  `before_trading_start`, the functions of `run_daily` and the like, and `handle_data` of the next
  trading day. Orders trade from its open on. A first bar is over before the first call.
- Over shorter bars: `handle_data` when a bar is over; what has a time of day, on the first tick at or
  after it.
- The next trading day is the calendar's; without one, days are those from Monday to Friday.

What differs from JoinQuant, on purpose:

- Costs are one rate for both sides: half of taxes and commissions of a buy and a sell. A round trip
  at one price costs the same, and the result says so.
- Orders are cut to board lots and to what the cash pays at the last price, as there. What the next open
  costs beyond that is owed: cash may then be a little below 0.
- There is no T+1, no limit of the day and no adjustment: prices are those of the data. Short selling,
  futures, funds of others and fundamental data are not here.
"""

import builtins
import dis
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from tickstep.backtest import run as backtest
from tickstep.compat import joinquant_objects as objects
from tickstep.compat.given import data_of
from tickstep.compat.held import Held, Ticket, TradingDays, even_fee, hold, time_of_day
from tickstep.compat.joinquant_objects import (
    Context,
    FixedSlippage,
    Globals,
    LimitOrderStyle,
    Log,
    MarketOrderStyle,
    Order,
    OrderCost,
    OrderStatus,
    PerTrade,
    Portfolio,
    PriceRelatedSlippage,
    RunParams,
    SecurityData,
    SecurityUnit,
    StepRelatedSlippage,
    order_of,
)
from tickstep.compat.names import UnknownName, check_names, unknown
from tickstep.errors import ConfigError, OrderError
from tickstep.extras import require
from tickstep.intervals import interval_length
from tickstep.result import Result
from tickstep.strategy import Bar, OrderUpdate, Strategy

__all__ = [
    "FixedSlippage",
    "LimitOrderStyle",
    "MarketOrderStyle",
    "OrderCost",
    "OrderStatus",
    "PerTrade",
    "PriceRelatedSlippage",
    "StepRelatedSlippage",
    "is_script",
    "run",
    "run_file",
    "script_class",
]

ZONE = "Asia/Shanghai"
LOT = 100
FUNCTIONS = (
    "initialize",
    "process_initialize",
    "before_trading_start",
    "handle_data",
    "after_trading_end",
)
TIMES = {
    "before_open": time(9, 0),
    "open": time(9, 30),
    "close": time(14, 59),
    "after_close": time(15, 30),
}
OPEN, CLOSED = TIMES["open"], TIMES["after_close"]
UNITS = {"daily": "1d", "day": "1d", "minute": "1m"}
FIELDS = ("open", "close", "high", "low", "volume")
OPTIONS = ("use_real_price", "avoid_future_data", "order_volume_ratio")
MODULE = "jqdata"
DO = "do_"  # before the names of what scripts call


class _Plan(NamedTuple):
    """A function and when it is called: each day, or on the nth of a week or month."""

    call: Callable[[Context], object]
    at: time | None  # None: every bar
    period: str = "day"
    number: int = 1


class _Setup:
    """What `initialize` asked for."""

    def __init__(self) -> None:
        self.cost: OrderCost | PerTrade = OrderCost()
        self.slippage: Any = PriceRelatedSlippage()
        self.participation: float | None = None
        self.benchmark: str | None = None
        self.plans: list[_Plan] = []


class _Script(Held):
    """Carries a script."""

    _code: CodeType | None = None
    _functions: Mapping[str, Any]
    _lot_size = LOT
    _units: tuple[str, ...] = ()
    _every = "1m"
    _starting_cash = 100_000.0
    _zone = ZONE

    _is_set_up = False
    _setup: _Setup
    base: str
    last_start: int
    current_dt: datetime | None
    previous_date: date | None

    def __deepcopy__(self, memo: Any) -> "_Script":
        """One that begins anew: functions would go on with what this one keeps."""
        made: _Script = type(self)()
        kept = (
            "_code",
            "_functions",
            "_lot_size",
            "_units",
            "_zone",
            "_calendar",
            "_starting_cash",
        )
        for name in (*kept, "_every"):
            if name in self.__dict__:
                setattr(made, name, self.__dict__[name])
        return made

    # Setting up.

    def _settings(self, cash: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """Costs that the script sets, under our names; what is given beside it wins."""
        self._starting_cash = float(cash)
        self._set_up()
        setup = self._setup
        cost = setup.cost
        sides = [Decimal(str(each)) for each in cost[:4]]
        if isinstance(cost, PerTrade):
            fee, least = even_fee(*sides[:2]), cost.min_cost
        else:
            fee, least = even_fee(sides[0] + sides[2], sides[1] + sides[3]), cost.min_commission
        settings = {
            "maker_fee": fee,
            "taker_fee": fee,
            "fee_min": least,
            "allow_short": False,
        }
        if "spread_bps" not in given:
            settings["spread_bps"] = objects.spread_bps_of(setup.slippage)
        if setup.participation is not None:
            settings |= {"quantity": "volume", "participation": setup.participation}
        return settings

    def _set_up(self) -> None:
        """Load the script and call `initialize`, once."""
        if self._is_set_up:
            return
        if self._desk is not None:  # with a configuration that was there before the script
            scales = self._running.scales
            self._starting_cash = scales.money.value(scales.cash_units)
        self._setup = _Setup()
        self.current_dt = self.previous_date = None
        self.portfolio = Portfolio(self, self._starting_cash)
        self.context = Context(self, self.portfolio)
        self.records: list[tuple[datetime, dict[str, float]]] = []
        api = self._api()
        self._namespace = _loaded(self._code, api) if self._code else dict(self._functions)
        if self._code is None:
            _inject(self._functions, api)
        _check_names(self._namespace, api, self._code)
        initialize = self._namespace.get("initialize")
        if not callable(initialize):
            raise ConfigError(
                "the script has no initialize(context)", hint="def initialize(context): ..."
            )
        initialize(self.context)
        further = self._namespace.get("process_initialize")
        if callable(further):
            further(self.context)
        self._is_set_up = True

    def _api(self) -> dict[str, Any]:
        """The names that a script takes for granted."""
        verbs = [name for name in dir(type(self)) if name.startswith(DO)]
        names: dict[str, Any] = {name.removeprefix(DO): getattr(self, name) for name in verbs}
        self.log = Log(lambda: self.current_dt)
        return names | {
            "g": Globals(),
            "log": self.log,
            "OrderCost": OrderCost,
            "PerTrade": PerTrade,
            "PriceRelatedSlippage": PriceRelatedSlippage,
            "FixedSlippage": FixedSlippage,
            "StepRelatedSlippage": StepRelatedSlippage,
            "MarketOrderStyle": MarketOrderStyle,
            "LimitOrderStyle": LimitOrderStyle,
            "OrderStatus": OrderStatus,
        }

    def on_start(self) -> None:
        self._set_up()
        own = {self._running.interval_of(symbol) for symbol in self.symbols}
        unit = self._running.scales.time_unit
        # Of bars of several lengths the shortest sets the pace; ticks are cut.
        lengths = {each: interval_length(each, unit) for each in own if each is not None}
        self.base = min(lengths, key=lambda each: lengths[each]) if lengths else self._every
        self._is_daily = interval_length(self.base, unit) >= interval_length("1d", unit)
        wanted = {self.base, *(self._units or self._units_named())}
        for each in sorted(wanted, key=lambda each: interval_length(each, unit)):
            if interval_length(each, unit) >= interval_length(self.base, unit):
                self.every(each)
        self._bars = SecurityData()
        self._fresh: dict[str, Bar] = {}
        self._day: date | None = None
        day = self.clock.local(self.now).date()
        self.run_params = RunParams(day, day, "day" if self._is_daily else "minute")
        if not self._is_daily:
            for plan in self._plans():
                if plan.at is not None:
                    self.daily(plan.at, self._timed(plan))

    def _plans(self) -> list[_Plan]:
        """Everything with a time, in its order; those of one time as they were asked for."""
        found = list(self._setup.plans)
        for name, at in (
            ("before_trading_start", "before_open"),
            ("after_trading_end", "after_close"),
        ):
            if callable(self._namespace.get(name)):
                found.append(_Plan(self._namespace[name], TIMES[at]))
        return sorted(found, key=lambda each: each.at or OPEN)

    def _units_named(self) -> set[str]:
        """Lengths of bars that the script names, and days, which it means where it names none."""
        found = {"1d"} if self._running.interval_of(self.symbols[0]) is not None else set()
        for code in _codes(self._namespace, self._code):
            for each in code.co_consts:
                if isinstance(each, str) and each in UNITS:
                    found.add(UNITS[each])
                elif isinstance(each, str) and _is_interval(each):
                    found.add(each)
        return found

    # The course of things.

    def on_bar(self, bar: Bar) -> None:
        if bar.interval == self.base:
            self.saw(bar.start)
            self._fresh[bar.symbol] = bar
        if bar.is_last and self._fresh:
            fresh, self._fresh = self._fresh, {}
            for symbol, each in fresh.items():
                self._bars[symbol] = SecurityUnit(self, each)
            self.last_start = max(each.start for each in fresh.values())
            day = self.clock.local(self.last_start).date()
            if self._is_daily:
                self._end_day(day)
            else:
                self._end_bar(day)

    def _end_day(self, day: date) -> None:
        if not self.is_trading_day(day):
            raise ConfigError(
                f"there is a bar of {day}, which is no trading day",
                hint='give calendar=, such as ts.calendar("24/7")',
            )
        self._cancel_rest()
        late: list[_Plan] = []
        early: list[_Plan] = []
        within: list[_Plan] = []
        for plan in self._plans():
            if plan.at is not None:
                part = early if plan.at < OPEN else within if plan.at < CLOSED else late
                part.append(plan)
        if self.previous_date is None:
            self.previous_date = self._before(day)
        self._call(late, day)
        self.previous_date = day
        following = self.next_trading_day(day)
        self._call(early, following)
        self.current_dt = datetime.combine(following, OPEN)
        self._every_bar()
        self._call(within, following)

    def _end_bar(self, day: date) -> None:
        if self._day != day:
            self._cancel_rest()
            self.previous_date = self._day if self._day is not None else self._before(day)
            self._day = day
        self.current_dt = self.clock.local(self.now + 1)
        self._every_bar()

    def _before(self, day: date) -> date:
        day -= timedelta(days=1)
        while not self.is_trading_day(day):
            day -= timedelta(days=1)
        return day

    def _every_bar(self) -> None:
        for plan in self._setup.plans:
            if plan.at is None:
                plan.call(self.context)
        handle = self._namespace.get("handle_data")
        if callable(handle):
            handle(self.context, self._bars)

    def _call(self, plans: Sequence[_Plan], day: date) -> None:
        for plan in plans:
            if plan.at is not None and self._is_due(plan, day):
                self.current_dt = datetime.combine(day, plan.at)
                plan.call(self.context)

    def _timed(self, plan: _Plan) -> Callable[[int], None]:
        def call(moment: int) -> None:
            asked = self.clock.local(moment)
            if self.previous_date is None or self._day != asked.date():
                self.previous_date = self._day or self._before(asked.date())
            self._call([plan._replace(at=asked.time())], asked.date())

        return call

    def _is_due(self, plan: _Plan, day: date) -> bool:
        if plan.period == "day":
            return True
        days = self._days_of(plan.period, day)
        place = plan.number - 1 if plan.number > 0 else len(days) + plan.number
        return 0 <= place < len(days) and days[place] == day

    def _days_of(self, period: str, day: date) -> list[date]:
        """Trading days of the week or month of a day."""
        if period == "week":
            start = day - timedelta(days=day.weekday())
            every = [start + timedelta(days=each) for each in range(7)]
        else:
            start = day.replace(day=1)
            stop = (start + timedelta(days=32)).replace(day=1)
            every = [start + timedelta(days=each) for each in range((stop - start).days)]
        return [each for each in every if self.is_trading_day(each)]

    def _cancel_rest(self) -> None:
        """Orders live for their day."""
        for ticket in self.open_tickets():
            self.cancel(ticket.order_id)

    def on_stop(self) -> None:
        if not self._is_daily and self._day is not None:
            is_closed = self.clock.local(self.now).time() >= CLOSED
            late = [each for each in self._plans() if each.at is not None and each.at >= CLOSED]
            self._call([] if is_closed else late, self._day)
        _release()

    def heard(self, ticket: Ticket, update: OrderUpdate) -> None:
        if update.kind == "REJECTED" or (
            update.kind == "CANCELLED" and "USER" not in update.reason
        ):
            self.log.warn(
                f"order {ticket.order_id} of {ticket.symbol}: {update.kind} {update.reason}"
            )

    # What scripts call: names without their "do_".

    def do_run_daily(self, func: Any, time: str = "9:30", reference_security: Any = None) -> None:
        """Ask for a call each trading day: "open", "before_open", "14:50", "every_bar"."""
        self._setup.plans.append(_Plan(_checked(func), _moment_of_day(time)))

    def do_run_weekly(
        self, func: Any, weekday: int, time: str = "9:30", reference_security: Any = None
    ) -> None:
        """Ask for a call on the nth trading day of each week; -1 is the last."""
        self._setup.plans.append(_Plan(_checked(func), _at_a_time(time), "week", weekday))

    def do_run_monthly(
        self, func: Any, monthday: int, time: str = "9:30", reference_security: Any = None
    ) -> None:
        """Ask for a call on the nth trading day of each month; -1 is the last."""
        self._setup.plans.append(_Plan(_checked(func), _at_a_time(time), "month", monthday))

    def do_unschedule_all(self) -> None:
        """Forget what was asked for, before the run begins."""
        self._setup.plans.clear()

    def do_set_benchmark(self, security: str) -> None:
        """Keep the name of the benchmark; see `Result.beside` for a comparison."""
        self._setup.benchmark = security

    def do_set_option(self, name: str, value: Any) -> None:
        """Set order_volume_ratio; the other options are as they are here anyway."""
        if name not in OPTIONS:
            raise unknown("the list of options", name, OPTIONS)
        if name == "order_volume_ratio":
            self._setup.participation = float(value)

    def do_set_order_cost(self, cost: OrderCost, type: str = "stock", ref: Any = None) -> None:
        """Set the costs; call it in `initialize`."""
        if not isinstance(cost, OrderCost):
            raise ConfigError(f"{cost!r} is no OrderCost", hint="OrderCost(close_tax=0.001)")
        self._check_early("set_order_cost")
        if type in ("stock", "fund") or not isinstance(self._setup.cost, OrderCost):
            self._setup.cost = cost

    def do_set_commission(self, cost: PerTrade) -> None:
        """Set the costs the older way; call it in `initialize`."""
        self._check_early("set_commission")
        self._setup.cost = cost

    def do_set_slippage(self, slippage: Any, type: str | None = None, ref: Any = None) -> None:
        """Set the spread; call it in `initialize`."""
        self._check_early("set_slippage")
        self._setup.slippage = slippage

    def do_set_universe(self, securities: Sequence[str]) -> None:
        """Set `context.universe`, which `history` takes where it is given no securities."""
        self.context.universe = list(securities)

    def do_record(self, **values: float) -> None:
        """Keep values with their time, in `records`."""
        self.records.append((self.context.current_dt, values))

    def do_send_message(self, message: str, channel: str = "") -> None:
        """Print it: a run sends nothing."""
        self.log.info(message)

    def do_order(
        self,
        security: str,
        amount: float,
        style: Any = None,
        side: str = "long",
        pindex: int = 0,
        close_today: bool = False,
    ) -> Order | None:
        """Buy, or sell below 0; None where nothing is left to order."""
        if side != "long":
            raise OrderError(f"side {side!r} is not to be had", hint="positions are long here")
        symbol = self.known(security)
        qty = self._cut(symbol, amount, style)
        if qty == 0:
            return None
        limit = getattr(style, "limit_price", style)
        ticket = self.send("BUY" if qty > 0 else "SELL", abs(qty), symbol, limit=limit)
        return order_of(ticket, self.clock.local)

    def do_order_target(
        self, security: str, amount: float, style: Any = None, side: str = "long", pindex: int = 0
    ) -> Order | None:
        """Trade so as to hold a quantity."""
        held = self._running.snapshot(self.known(security)).position_decimal
        return self.do_order(security, float(Decimal(str(amount)) - held), style, side, pindex)

    def do_order_value(
        self, security: str, value: float, style: Any = None, side: str = "long", pindex: int = 0
    ) -> Order | None:
        """Buy for a value at the last price, or sell below 0."""
        return self.do_order(security, self._amount(security, value), style, side, pindex)

    def do_order_target_value(
        self, security: str, value: float, style: Any = None, side: str = "long", pindex: int = 0
    ) -> Order | None:
        """Trade so as to hold a value at the last price."""
        if value <= 0:
            return self.do_order_target(security, 0, style, side, pindex)
        lots = int(self._amount(security, value) / self._lot_size)
        return self.do_order_target(security, lots * self._lot_size, style, side, pindex)

    def do_cancel_order(self, order: Any) -> Order | None:
        """Cancel an order, by itself or its id; None where there is none."""
        ticket = self.tickets.get(int(getattr(order, "order_id", order)))
        if ticket is None:
            return None
        self.cancel(ticket.order_id)
        return order_of(ticket, self.clock.local)

    def do_get_open_orders(self) -> dict[int, Order]:
        """Orders that wait, by their ids."""
        return {each.order_id: order_of(each, self.clock.local) for each in self.open_tickets()}

    def do_get_orders(
        self, order_id: int | None = None, security: str | None = None, status: Any = None
    ) -> dict[int, Order]:
        """Orders of the run, by their ids."""
        found = {number: order_of(each, self.clock.local) for number, each in self.tickets.items()}
        return {
            number: each
            for number, each in found.items()
            if order_id in (None, number)
            and security in (None, each.security)
            and status in (None, each.status)
        }

    def do_attribute_history(
        self,
        security: str,
        count: int,
        unit: str = "1d",
        fields: Sequence[str] = FIELDS,
        skip_paused: bool = True,
        df: bool = True,
        fq: str | None = "pre",
    ) -> Any:
        """The last bars of one security: a pandas frame, or with `df=False` arrays by field."""
        times, columns = self._last(security, count, unit, fields)
        return self._frame(columns, times) if df else columns

    def do_history(
        self,
        count: int,
        unit: str = "1d",
        field: str = "close",
        security_list: str | Sequence[str] | None = None,
        df: bool = True,
        skip_paused: bool = False,
        fq: str | None = "pre",
    ) -> Any:
        """The last values of a field of several securities: a frame, or arrays by security."""
        if security_list is None:
            security_list = self.context.universe or self.symbols
        names = [security_list] if isinstance(security_list, str) else list(security_list)
        found = {each: self._last(each, count, unit, [field]) for each in names}
        columns = {each: values[field] for each, (_, values) in found.items()}
        if not df:
            return columns
        pandas = require("pandas", extra="pandas")
        series = {
            each: pandas.Series(columns[each], index=self._index(times))
            for each, (times, _) in found.items()
        }
        return pandas.DataFrame(series)

    def do_get_price(
        self,
        security: str | Sequence[str],
        start_date: Any = None,
        end_date: Any = None,
        frequency: str = "daily",
        fields: Sequence[str] | str | None = None,
        skip_paused: bool = False,
        fq: str | None = "pre",
        count: int | None = None,
        panel: bool = False,
    ) -> Any:
        """Bars of a span, none of them later than now: a pandas frame."""
        pandas = require("pandas", extra="pandas")
        names = [fields] if isinstance(fields, str) else list(fields or FIELDS)
        frames = {}
        for each in [security] if isinstance(security, str) else security:
            times, columns = self._last(each, None, frequency, names)
            frame = self._frame(columns, times)
            frame = frame.loc[start_date:end_date] if start_date or end_date else frame
            frames[each] = frame if count is None else frame.tail(count)
        if isinstance(security, str):
            return frames[security]
        rows = [each.assign(code=name).rename_axis("time") for name, each in frames.items()]
        return pandas.concat([each.reset_index() for each in rows], ignore_index=True)

    def do_get_bars(
        self,
        security: str,
        count: int,
        unit: str = "1d",
        fields: Sequence[str] = ("date", "open", "high", "low", "close"),
        include_now: bool = False,
        end_dt: Any = None,
        fq_ref_date: Any = None,
        df: bool = False,
    ) -> Any:
        """The last bars of one security: a structured array, or a frame."""
        if end_dt is not None or include_now:
            raise ConfigError(
                "get_bars gives the bars that are over by now",
                hint="leave end_dt and include_now out",
            )
        known = [each for each in fields if each != "date"]
        times, columns = self._last(security, count, unit, known)
        if df:
            return self._frame(columns, times)
        types = [(each, "datetime64[ms]" if each == "date" else "f8") for each in fields]
        found = np.zeros(len(times), dtype=types)
        for each in known:
            found[each] = columns[each]
        if "date" in fields:
            found["date"] = [self.clock.local(moment) for moment in times]
        return found

    def do_get_current_data(self) -> Mapping[str, SecurityUnit]:
        """The bars that were over last, by security, with last_price."""
        return self._bars

    # Parts.

    def _check_early(self, name: str) -> None:
        if self._is_set_up:
            raise ConfigError(
                f"{name} is called when the run has begun, and its costs are set",
                hint="call it in initialize",
            )

    def _amount(self, security: str, value: float) -> float:
        price = self.price_of(self.known(security))
        if not price:
            raise OrderError(f"{security} has no price yet", hint="order in handle_data or later")
        return value / price / float(self.scale_of(security).multiplier)

    def _cut(self, symbol: str, amount: float, style: Any) -> Decimal:
        """To board lots, to what the cash pays, and to what is there to sell."""
        lot = Decimal(str(self._lot_size))
        asked = Decimal(str(amount))
        if asked < 0:
            there = Decimal(str(self.portfolio.positions[symbol].closeable_amount))
            if -asked >= there:
                return -max(there, Decimal(0))  # an odd rest goes with it
            return -(-asked // lot * lot)
        price = getattr(style, "limit_price", style) or self.price_of(symbol)
        if not price:
            raise OrderError(f"{symbol} has no price yet", hint="order in handle_data or later")
        one = float(price) * float(self.scale_of(symbol).multiplier)
        payable = Decimal(str(max(self.portfolio.available_cash, 0.0) / one))
        found = min(asked, payable) // lot * lot
        if found < asked // lot * lot:
            self.log.warn(f"order of {symbol} cut from {amount} to {found}: the cash pays no more")
        return found

    def _last(
        self, security: str, count: int | None, unit: str, fields: Sequence[str]
    ) -> tuple[list[int], dict[str, Any]]:
        interval = UNITS.get(unit, unit)
        check_names("a bar", fields, FIELDS)
        series = self.history(self.known(security), interval)
        first = 0 if count is None else max(len(series) - count, 0)
        times = series.time[first:].tolist()
        return times, {each: getattr(series, each)[first:] for each in fields}

    def _frame(self, columns: Mapping[str, Any], times: list[int]) -> Any:
        pandas = require("pandas", extra="pandas")
        return pandas.DataFrame(dict(columns), index=self._index(times))

    def _index(self, times: list[int]) -> list[datetime]:
        local = [self.clock.local(moment) for moment in times]
        return (
            [datetime.combine(each.date(), time()) for each in local] if self._is_daily else local
        )

    def _parts(self) -> list[Any]:
        """What the identity of the strategy is made of: the functions of the script."""
        mine = self._functions if self._code is None else self._namespace
        file = None if self._code is None else self._code.co_filename
        return [
            each
            for each in mine.values()
            if isinstance(each, FunctionType) and file in (None, each.__code__.co_filename)
        ]


# ---- Running ---------------------------------------------------------------------------------------


def run(
    script: ModuleType | Mapping[str, Any],
    data: Any,
    *,
    starting_cash: Any = 100_000,
    lot_size: float = LOT,
    calendar: TradingDays | None = None,
    timezone: str = ZONE,
    units: Sequence[str] = (),
    every: str = "1m",
    **settings: Any,
) -> Result:
    """Run the functions of a script.

    Parameters
    ----------
    script : module or mapping of str to function
        With `initialize(context)`; other functions are found by their names.
    data : Bars or Ticks, frames, or these by security
        Names are those that the script uses, such as "000001.XSHE".
    starting_cash : number, money
        Cash at the start.
    lot_size : number
        Board lot: orders are cut to multiples of it, but for the rest of a position.
    calendar : Calendar, optional
        Trading days, such as `ts.calendar("SSE")`; by default Monday to Friday.
    timezone : str
        Of `context.current_dt` and of times of day, where there is no calendar.
    units : sequence of str, optional
        Intervals that histories are asked for; by default those that the script names, and "1d".
    every : str
        Interval of bars where the data are ticks.
    **settings
        Settings of `ts.backtest`; they win over the costs that the script sets.

    Returns
    -------
    Result
        As of `ts.backtest`.

    Raises
    ------
    ConfigError
        For a name that nobody has, a function that does not fit, costs that cannot be set.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.compat import joinquant
    >>> def initialize(context):
    ...     set_slippage(PriceRelatedSlippage(0))
    >>> def handle_data(context, data):
    ...     if "X" not in context.portfolio.positions:
    ...         order("X", 100)
    >>> bars = ts.Bars.from_arrays(
    ...     ["2024-01-02", "2024-01-03", "2024-01-04"], [5, 6, 8], [6, 7, 9], [4, 5, 7], [5, 6, 8],
    ...     [9000, 9000, 9000], interval="1d", symbol="X")
    >>> functions = {"initialize": initialize, "handle_data": handle_data}
    >>> joinquant.run(functions, bars, starting_cash=1000).fills["price"].to_list()
    [6.0]
    """
    if isinstance(script, ModuleType):
        own = [each for each in vars(script).values() if isinstance(each, FunctionType)]
        mine = {each.__name__: each for each in own if each.__module__ == script.__name__}
    else:
        mine = dict(script)
    name = script.__name__.rpartition(".")[2] if isinstance(script, ModuleType) else "script"
    held = hold(
        _Script,
        name,
        {},
        functions=mine,
        lot_size=lot_size,
        calendar=calendar,
        zone=timezone,
        units=tuple(units),
        every=every,
    )
    return _ran(held, data, starting_cash, settings)


def run_file(path: Any, data: Any, **options: Any) -> Result:
    """Run a script file.

    Parameters
    ----------
    path : path
        A Python file with `initialize(context)`.
    data, **options
        As of `run`.

    Returns
    -------
    Result
        As of `ts.backtest`.

    Raises
    ------
    ConfigError, OSError
        As of `run`; when the file is no Python or cannot be read.
    """
    file = Path(path)
    known = run.__kwdefaults__ or {}
    attributes = {name: options.pop(name, value) for name, value in known.items()}
    cash = attributes.pop("starting_cash")
    kind = script_class(file.read_bytes(), file.name, str(file))
    held = kind()
    attributes["zone"] = attributes.pop("timezone")
    attributes["units"] = tuple(attributes["units"])
    for name, value in attributes.items():
        setattr(held, f"_{name}", value)
    return _ran(held, data, cash, options)


def script_class(source: bytes, name: str, file: str) -> type[Strategy]:
    """Make a strategy class of the source of a script; every run of it loads the script anew.

    Parameters
    ----------
    source : bytes
        Python.
    name : str
        Of the file; the class is called after it.
    file : str
        Where it is, for messages.

    Raises
    ------
    ConfigError
        When it is no Python.
    """
    try:
        code = compile(source, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{name} is not Python: {error}", hint="correct the file") from error
    called = "".join(each if each.isalnum() else "_" for each in name.removesuffix(".py"))
    return type(called, (_Script,), {"_code": code, "_functions": {}})


def is_script(source: bytes) -> bool:
    """Tell whether source is a script of this kind: it has `initialize` and a function that acts."""
    try:
        code = compile(source, "script", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    named = {each.co_name for each in code.co_consts if isinstance(each, CodeType)}
    return {"initialize"} <= named & {*code.co_names} and "Strategy" not in code.co_names


def _ran(held: Strategy, data: Any, cash: Any, settings: dict[str, Any]) -> Result:
    assert isinstance(held, _Script), "made just before"
    try:
        result = backtest(held, data_of(data), cash=cash, **settings)
    finally:
        _release()
    if "config" in settings:
        result.warn("costs that the script sets do not count: config= is given")
    else:
        result.warn(f"costs of {held._setup.cost} are charged evenly on both sides")
    return result


_INJECTED: list[tuple[dict[str, Any], list[str]]] = []


def _inject(functions: Mapping[str, Any], api: Mapping[str, Any]) -> None:
    """Put names into the modules of functions, where they have none of their own, for one run."""
    _release()
    places = {
        id(each.__globals__): each.__globals__
        for each in functions.values()
        if isinstance(each, FunctionType)
    }
    for place in places.values():
        names = [name for name in api if name not in place]
        place.update({name: api[name] for name in names})
        _INJECTED.append((place, names))


def _release() -> None:
    while _INJECTED:
        place, names = _INJECTED.pop()
        for name in names:
            place.pop(name, None)


def _loaded(code: CodeType, api: Mapping[str, Any]) -> dict[str, Any]:
    """Run a script file in a namespace of its own."""
    namespace: dict[str, Any] = {
        "__name__": "joinquant_script",
        "__file__": code.co_filename,
        **api,
    }
    shim = ModuleType(MODULE)
    shim.__dict__.update(api)
    before = sys.modules.get(MODULE)
    sys.modules[MODULE] = shim
    try:
        exec(code, namespace)
    except NameError as error:
        raise unknown("JoinQuant here", error.name, api) from error
    finally:
        if before is None:
            sys.modules.pop(MODULE, None)
        else:
            sys.modules[MODULE] = before
    return namespace


def _check_names(
    namespace: Mapping[str, Any], api: Mapping[str, Any], code: CodeType | None
) -> None:
    """Find names that nobody has before the run begins, and functions that would never be called."""
    stored = {
        step.argval
        for each in _codes(namespace, code)
        for step in dis.get_instructions(each)
        if step.opname == "STORE_GLOBAL"
    }
    for function in _functions(namespace, code):
        known = {*function.__globals__, *vars(builtins), *stored}
        for each in _nested(function.__code__):
            for step in dis.get_instructions(each):
                if step.opname == "LOAD_GLOBAL" and step.argval not in known:
                    error = unknown("JoinQuant here", step.argval, {*api, *namespace})
                    raise UnknownName(f"{function.__name__}: {error.message}", hint=error.hint)
    for name in namespace:
        if name not in FUNCTIONS and name.startswith(
            ("before_trading", "after_trading", "handle_")
        ):
            raise ConfigError(
                f"{name} would never be called",
                hint=f"functions that are: {', '.join(FUNCTIONS)}; others by run_daily",
            )


def _functions(namespace: Mapping[str, Any], code: CodeType | None) -> list[FunctionType]:
    """Functions of the script itself."""
    return [
        each
        for each in namespace.values()
        if isinstance(each, FunctionType)
        and (code is None or each.__code__.co_filename == code.co_filename)
        and not each.__module__.startswith("tickstep.")
    ]


def _codes(namespace: Mapping[str, Any], code: CodeType | None) -> Iterator[CodeType]:
    if code is not None:
        yield from _nested(code)
        return
    for each in _functions(namespace, code):
        yield from _nested(each.__code__)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _nested(each)


def _is_interval(text: str) -> bool:
    return text[:-1].isdecimal() and text[-1] in "mhd"


def _moment_of_day(text: str) -> time | None:
    if text == "every_bar":
        return None
    return TIMES[text] if text in TIMES else time_of_day(text)


def _at_a_time(text: str) -> time:
    found = _moment_of_day(text)
    if found is None:
        raise ConfigError(
            '"every_bar" is no time of a day', hint='run_daily(func, time="every_bar")'
        )
    return found


def _checked(func: Any) -> Any:
    if not callable(func):
        raise ConfigError(f"{func!r} is no function", hint='run_daily(rebalance, time="9:30")')
    return func
