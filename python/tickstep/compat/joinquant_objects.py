"""What a JoinQuant script has in its hands: costs, orders and their styles, positions, the account."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from tickstep.compat.held import Held, Ticket
from tickstep.compat.names import Named, UnknownName, unknown
from tickstep.errors import ConfigError
from tickstep.strategy import Bar

__all__ = [
    "Context",
    "FixedSlippage",
    "Globals",
    "LimitOrderStyle",
    "Log",
    "MarketOrderStyle",
    "Order",
    "OrderCost",
    "OrderStatus",
    "PerTrade",
    "Portfolio",
    "Position",
    "Positions",
    "PriceRelatedSlippage",
    "RunParams",
    "SecurityData",
    "SecurityUnit",
    "StepRelatedSlippage",
    "order_of",
]

LEVELS = ("debug", "info", "warning", "error")


class OrderCost(NamedTuple):
    """What orders cost, as fractions of the value; `min_commission` in money for each order."""

    open_tax: float = 0
    close_tax: float = 0.001
    open_commission: float = 0.0003
    close_commission: float = 0.0003
    close_today_commission: float = 0
    min_commission: float = 5


class PerTrade(NamedTuple):
    """The older way to say it."""

    buy_cost: float = 0.0003
    sell_cost: float = 0.0013
    min_cost: float = 5


class PriceRelatedSlippage(NamedTuple):
    """A whole spread as a fraction of the price; each trade pays half of it."""

    ratio: float = 0.00246


class FixedSlippage(NamedTuple):
    """A whole spread in money; only 0 is to be had."""

    value: float = 0.02


class StepRelatedSlippage(NamedTuple):
    """A whole spread in ticks; only 0 is to be had."""

    steps: float = 2


class MarketOrderStyle(NamedTuple):
    """At the market."""

    limit_price: float | None = None


class LimitOrderStyle(NamedTuple):
    """At a limit, for the day."""

    limit_price: float


class OrderStatus(StrEnum):
    """How far an order is."""

    open = "open"
    filled = "filled"
    canceled = "canceled"
    rejected = "rejected"


STATUSES = {
    "FILLED": OrderStatus.filled,
    "REJECTED": OrderStatus.rejected,
    "CANCELLED": OrderStatus.canceled,
    "EXPIRED": OrderStatus.canceled,
}


class Order(NamedTuple):
    """An order as it stands; `price` is the mean of its fills."""

    order_id: int
    security: str
    is_buy: bool
    amount: float
    filled: float
    price: float
    limit: float | None
    commission: float
    status: OrderStatus
    add_time: datetime

    @property
    def action(self) -> str:
        """Whether it opens or closes."""
        return "open" if self.is_buy else "close"

    @property
    def side(self) -> str:
        """Always long."""
        return "long"


def order_of(ticket: Ticket, local: Callable[[int], datetime]) -> Order:
    """Write a ticket down."""
    return Order(
        ticket.order_id,
        ticket.symbol,
        ticket.side == "BUY",
        float(ticket.qty),
        float(ticket.filled),
        ticket.average,
        ticket.price,
        ticket.fees,
        STATUSES.get(ticket.status, OrderStatus.open),
        local(ticket.time),
    )


class Position(NamedTuple):
    """What is held of a security; all of it can be sold, for there is no T+1 here yet."""

    security: str
    total_amount: float
    closeable_amount: float
    locked_amount: float
    avg_cost: float
    price: float
    value: float

    @property
    def acc_avg_cost(self) -> float:
        """Mean cost."""
        return self.avg_cost

    @property
    def hold_cost(self) -> float:
        """Mean cost."""
        return self.avg_cost

    @property
    def side(self) -> str:
        """Always long."""
        return "long"


class Positions(Mapping[str, Position]):
    """Positions by security: one that is not held can be asked for and is empty."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def __getitem__(self, security: str) -> Position:
        held = self._held
        snapshot = held._running.snapshot(held.known(security))
        amount, price = snapshot.position, snapshot.last_price
        waiting = [each for each in held.open_tickets(security) if each.side == "SELL"]
        locked = float(sum(each.qty - each.filled for each in waiting))
        return Position(
            security,
            amount,
            amount - locked,
            locked,
            snapshot.avg_entry_price,
            price,
            amount * price * float(held.scale_of(security).multiplier),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._held.positions)

    def __len__(self) -> int:
        return len(self._held.positions)

    def __contains__(self, security: object) -> bool:
        return security in self._held.positions


class Portfolio(Named):
    """The account."""

    def __init__(self, held: Held, starting_cash: float) -> None:
        self._held = held
        self.starting_cash = starting_cash
        self.inout_cash = starting_cash

    @property
    def _is_running(self) -> bool:
        return self._held._desk is not None

    @property
    def cash(self) -> float:
        """Cash; see `available_cash`."""
        return self._held.cash if self._is_running else self.starting_cash

    @property
    def locked_cash(self) -> float:
        """What orders that wait would pay, at their limits or the last prices."""
        if not self._is_running:
            return 0.0
        tickets = self._held.open_tickets()
        return sum(_worth(self._held, each) for each in tickets if each.side == "BUY")

    @property
    def available_cash(self) -> float:
        """Cash as if the orders that wait at the market had traded at the last prices.

        There an order trades when it is placed, here at the next open; so what is sold first pays for
        what is bought then, as in a script's own reckoning. Limits that wait to sell count for nothing.
        """
        if not self._is_running:
            return self.starting_cash
        tickets = self._held.open_tickets()
        sold = [each for each in tickets if each.side == "SELL" and each.order_type == "MARKET"]
        return self.cash - self.locked_cash + sum(_worth(self._held, each) for each in sold)

    @property
    def transferable_cash(self) -> float:
        """The same."""
        return self.available_cash

    @property
    def total_value(self) -> float:
        """Cash and positions, at the last prices."""
        return self._held.equity if self._is_running else self.starting_cash

    @property
    def positions_value(self) -> float:
        """Positions, at the last prices."""
        return self.total_value - self.cash

    @property
    def returns(self) -> float:
        """Gain so far, as a fraction of the cash at the start."""
        return self.total_value / self.starting_cash - 1

    @property
    def positions(self) -> Positions:
        """What is held, by security."""
        return Positions(self._held)

    @property
    def long_positions(self) -> Positions:
        """The same."""
        return self.positions

    @property
    def short_positions(self) -> dict[str, Position]:
        """None."""
        return {}


def _worth(held: Held, ticket: Ticket) -> float:
    price = ticket.price if ticket.price is not None else held.price_of(ticket.symbol) or 0.0
    rest = float(ticket.qty - ticket.filled)
    return rest * price * float(held.scale_of(ticket.symbol).multiplier)


class RunParams(NamedTuple):
    """What is run."""

    start_date: date
    end_date: date
    frequency: str
    type: str = "simple_backtest"


class Context(Named):
    """What is handed to every function; scripts may keep things of their own on it."""

    def __init__(self, held: Held, portfolio: Portfolio) -> None:
        self._held = held
        self.portfolio = portfolio
        self.subportfolios = [portfolio]
        self.universe: list[str] = []

    @property
    def current_dt(self) -> datetime:
        """Local time, without a zone."""
        now: datetime | None = getattr(self._held, "current_dt", None)
        if now is None:
            raise ConfigError(
                "the time is asked for before there is one",
                hint="initialize is called before the data begin; ask in handle_data or later",
            )
        return now

    @property
    def previous_date(self) -> date:
        """The trading day before."""
        day: date | None = getattr(self._held, "previous_date", None)
        if day is None:
            raise ConfigError("there is no day before yet", hint="ask in handle_data or later")
        return day

    @property
    def run_params(self) -> RunParams:
        """What is run."""
        found: RunParams = self._held.run_params  # type: ignore[attr-defined]
        return found


class SecurityUnit(Named):
    """The bar of a security that was over last."""

    def __init__(self, held: Held, bar: Bar) -> None:
        self._held = held
        self.security = bar.symbol
        self.open, self.high, self.low, self.close = bar.open, bar.high, bar.low, bar.close
        self.price = self.last_price = bar.close
        self.volume = bar.volume
        self._start = bar.start

    @property
    def paused(self) -> bool:
        """Whether others have had a bar since."""
        return self._start < self._held.last_start  # type: ignore[attr-defined, no-any-return]

    @property
    def pre_close(self) -> float:
        """Close of the bar before; its own open where there is none."""
        closes = self._closes(2)
        return float(closes[0]) if len(closes) == 2 else self.open

    def mavg(self, days: int, field: str = "close") -> float:
        """Mean of the last values of a field."""
        return float(np.mean(self._values(days, field)))

    def stddev(self, days: int) -> float:
        """Deviation of the last closes."""
        return float(np.std(self._closes(days)))

    def returns(self) -> float:
        """Change from the close before."""
        return self.close / self.pre_close - 1

    def _closes(self, count: int) -> Any:
        return self._values(count, "close")

    def _values(self, count: int, field: str) -> Any:
        if field not in ("open", "high", "low", "close", "volume"):
            raise unknown("a bar", field, ("open", "high", "low", "close", "volume"))
        return getattr(self._held.history(self.security, self._held.base), field)[-count:]  # type: ignore[attr-defined]


class SecurityData(dict[str, SecurityUnit]):
    """What `handle_data` is handed: bars by security."""

    def __missing__(self, security: str) -> SecurityUnit:
        raise unknown("data", security, self)


class Globals(Named):
    """`g`: what a script keeps."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnknownName(f"g has no {name!r}", hint=f"set it first: g.{name} = ...")


@dataclass
class _Level:
    least: str = "debug"


class Log(Named):
    """`log`: lines with the time of the script."""

    def __init__(self, now: Callable[[], datetime | None]) -> None:
        self._now = now
        self._level = _Level()

    def debug(self, *words: Any) -> None:
        """Print a line."""
        self._print("debug", words)

    def info(self, *words: Any) -> None:
        """Print a line."""
        self._print("info", words)

    def warn(self, *words: Any) -> None:
        """Print a line."""
        self._print("warning", words)

    def warning(self, *words: Any) -> None:
        """Print a line."""
        self._print("warning", words)

    def error(self, *words: Any) -> None:
        """Print a line."""
        self._print("error", words)

    def set_level(self, name: str, level: str) -> None:
        """Print only what is at least so important; of all parts alike, whichever is named."""
        if level not in LEVELS:
            raise unknown("the list of levels", level, LEVELS)
        self._level.least = level

    def _print(self, level: str, words: tuple[Any, ...]) -> None:
        if LEVELS.index(level) >= LEVELS.index(self._level.least):
            print(*(each for each in (self._now(), "-", level.upper(), "-") if each), *words)


def spread_bps_of(slippage: Any) -> Decimal:
    """A slippage as our whole spread in basis points.

    Raises
    ------
    ConfigError
        When it is an amount of money or of ticks.
    """
    if isinstance(slippage, PriceRelatedSlippage):
        return Decimal(str(slippage.ratio)) * 10_000
    if isinstance(slippage, FixedSlippage | StepRelatedSlippage) and slippage[0] == 0:
        return Decimal(0)
    raise ConfigError(
        f"{slippage} is no share of the price, and the account takes basis points",
        hint="PriceRelatedSlippage(0.002), or spread_bps=20 beside the script",
    )
