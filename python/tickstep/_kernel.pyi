"""Native module: the kernel, its columns, and exact conversions.

Import public names from `tickstep`. What begins with an underscore, `Grid` and `TickColumns` serve
the Python layer and may change.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from os import PathLike
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias, final

import numpy as np
import numpy.typing as npt
from typing_extensions import disjoint_base

from tickstep.errors import ConfigError, DataError, OrderError

__all__ = [
    "BAR_ROWS",
    "ENTRIES",
    "EVENT_KINDS",
    "OFFSETS",
    "ORDER_TYPES",
    "SIDES",
    "TIMES_IN_FORCE",
    "VERSION",
    "ArrowTable",
    "Bar",
    "BarColumns",
    "BarCursor",
    "BatchResult",
    "BookParser",
    "CallCost",
    "CandleState",
    "Counter",
    "DeltaState",
    "Engine",
    "EventMask",
    "ExponentialState",
    "FootprintState",
    "Grid",
    "ImbalanceState",
    "IntensityState",
    "Line",
    "OpenOrder",
    "Order",
    "ProfileState",
    "SignalPlan",
    "Snapshot",
    "StrategyBase",
    "TableParser",
    "Tick",
    "TickColumns",
    "TickCursor",
    "Times",
    "TradesParser",
    "VolatilityState",
    "VwapState",
    "arrow_stream",
    "book_best",
    "default_lot_and_unit",
    "desk_terms",
    "reason_message",
    "reason_name",
    "shown_tick",
    "sma_signals",
    "status_message",
    "status_name",
    "units_per_tick_lot",
]

_Number: TypeAlias = float | int | str | Decimal
_Side: TypeAlias = Literal["BUY", "SELL"]
_OrderType: TypeAlias = Literal[
    "MARKET",
    "LIMIT",
    "STOP",
    "STOP_LIMIT",
    "MARKET_IF_TOUCHED",
    "TRAILING_STOP",
    "ALERT_PRICE",
    "ALERT_TIME",
]
_TimeInForce: TypeAlias = Literal["GTC", "GTD", "DAY", "IOC", "FOK"]
_Offset: TypeAlias = Literal["NONE", "OPEN", "CLOSE", "CLOSE_TODAY", "CLOSE_YESTERDAY"]
_StopOn: TypeAlias = str | Sequence[str] | int
_Error: TypeAlias = type[ConfigError] | type[DataError] | type[OrderError]
_Int64Array: TypeAlias = npt.NDArray[np.int64]
_UInt8Array: TypeAlias = npt.NDArray[np.uint8]
_Float64Array: TypeAlias = npt.NDArray[np.float64]

VERSION: Final[int]
BAR_ROWS: Final[dict[str, tuple[int, int]]]
SIDES: Final[dict[str, int]]
ORDER_TYPES: Final[dict[str, int]]
TIMES_IN_FORCE: Final[dict[str, int]]
OFFSETS: Final[dict[str, int]]
EVENT_KINDS: Final[dict[str, int]]
ENTRIES: Final[dict[str, int]]

def status_name(number: int) -> str:
    """Return the name of a status of `tickstep.h`; of other numbers "UNKNOWN"."""

def status_message(number: int) -> str:
    """Return what a status means, in words."""

def reason_name(number: int) -> str:
    """Return the name of a reason of `tickstep.h`; of other numbers "UNKNOWN"."""

def reason_message(number: int) -> str:
    """Return what a reason means, in words."""

def units_per_tick_lot(tick_size: str, lot: str, multiplier: str, money_unit: str) -> int:
    """Return the money units of one lot moving one tick, or raise a `ConfigError`."""

def default_lot_and_unit(tick_size: _Number) -> tuple[str, str]:
    """Return the finest lot of 0.000001 to 1 that suits a tick size, and its money unit."""

@final
class Grid:
    """Multiples of a positive decimal step, counted by whole numbers, without rounding.

    A float counts as the multiple n when it is within 4 of its own smallest steps of n times the
    step, and that smallest step is at most a sixteenth of the grid's.

    Parameters
    ----------
    step : float, int, str or Decimal
        Distance of two multiples; a float is taken as its shortest decimal.
    name : str
        What errors call it.
    """

    def __new__(cls, step: _Number, name: str) -> Self: ...
    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]: ...
    @property
    def step(self) -> str:
        """The step as plain decimal text."""

    def index(self, value: _Number, name: str, error: _Error) -> int:
        """Return which multiple a value is, or raise `error` with the neighbours."""

    def amount(self, value: _Number, name: str, error: _Error) -> int:
        """As `index`, but a float too large for the rule is taken as its shortest decimal."""

    def indexes(self, values: _Float64Array, name: str, error: _Error) -> _Int64Array:
        """Return which multiples the floats of an array are; errors name the row."""

    def value(self, index: int) -> float:
        """Return a multiple as a float."""

    def values(self, indexes: _Int64Array) -> _Float64Array:
        """Return multiples as floats."""

    def decimal(self, index: int) -> Decimal:
        """Return a multiple exactly."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Tick:
    """One trade of the market.

    Parameters
    ----------
    ts_ms : int
        Time in the engine's unit: milliseconds unless it was given another.
    price_tick_i64 : int
        Price in ticks.
    qty : float, int, str or Decimal
        Quantity in units of the instrument, a whole number of lots.
    side : {"BUY", "SELL"}
        Side of the aggressor.
    instrument : int
        Index of the instrument in `Engine.symbols`.
    bid_ticks, ask_ticks : int, optional
        Best quotes in ticks; orders then take at these instead of the price and half the spread.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.Tick(1000, 10000, 2.0, "SELL")
    Tick(ts_ms=1000, price_tick_i64=10000, qty=2.0, side='SELL')
    """

    def __new__(
        cls,
        ts_ms: int,
        price_tick_i64: int,
        qty: _Number,
        side: str,
        *,
        instrument: int = 0,
        bid_ticks: int | None = None,
        ask_ticks: int | None = None,
    ) -> Self: ...
    @property
    def ts_ms(self) -> int:
        """Time in the engine's unit."""

    @property
    def time(self) -> int:
        """Time in the engine's unit, under its plain name."""

    @property
    def price_tick_i64(self) -> int:
        """Price in ticks."""

    @property
    def price_ticks(self) -> int:
        """Price in ticks, under its plain name."""

    @property
    def price(self) -> float | None:
        """Price in money, of ticks that a loop over bound data or `on_tick` shows."""

    @property
    def symbol(self) -> str | None:
        """Name of the instrument, of ticks that a loop over bound data or `on_tick` shows."""

    @property
    def qty(self) -> float:
        """Quantity in units of the instrument."""

    @property
    def side(self) -> _Side:
        """Side of the aggressor."""

    @property
    def instrument(self) -> int:
        """Index of the instrument."""

    @property
    def bid_ticks(self) -> int | None:
        """Best bid in ticks, where there is one."""

    @property
    def ask_ticks(self) -> int | None:
        """Best ask in ticks, where there is one."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]: ...
    def __deepcopy__(self, _memo: object, /) -> Self: ...
    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]: ...

@final
class TickColumns:
    """Checked, read-only columns with their zone map; `tickstep.Ticks` is made from it."""

    def __new__(
        cls,
        time: npt.NDArray[Any],
        price_ticks: npt.NDArray[Any],
        qty_lots: npt.NDArray[Any],
        side: npt.NDArray[Any],
        bid_ticks: npt.NDArray[Any] | None,
        ask_ticks: npt.NDArray[Any] | None,
        allow_negative_prices: bool,
        has_ranges: bool = False,
    ) -> Self: ...
    @property
    def time(self) -> _Int64Array: ...
    @property
    def price_ticks(self) -> _Int64Array: ...
    @property
    def qty_lots(self) -> _Int64Array: ...
    @property
    def side(self) -> _UInt8Array: ...
    @property
    def bid_ticks(self) -> _Int64Array | None: ...
    @property
    def ask_ticks(self) -> _Int64Array | None: ...
    @property
    def allow_negative_prices(self) -> bool: ...
    @property
    def nbytes(self) -> int: ...
    def extremes(self, edges: _Int64Array) -> tuple[_Int64Array, _Int64Array]: ...
    def tick(self, row: int, lot: Grid) -> Tick: ...
    @staticmethod
    def assumed(
        time: npt.NDArray[Any],
        price_ticks: npt.NDArray[Any],
        qty_lots: npt.NDArray[Any],
        side: npt.NDArray[Any],
        bid_ticks: npt.NDArray[Any] | None,
        ask_ticks: npt.NDArray[Any] | None,
        allow_negative_prices: bool,
        zone_map: npt.NDArray[Any] | None,
    ) -> TickColumns: ...
    def verify(self) -> bool: ...
    @property
    def zone_map(self) -> npt.NDArray[np.uint64]: ...
    def __len__(self) -> int: ...

@final
class Order:
    """An order to place; what needs no engine to be checked is checked here.

    Parameters
    ----------
    order_type : str
        "MARKET", "LIMIT", "STOP", "STOP_LIMIT", "MARKET_IF_TOUCHED", "TRAILING_STOP",
        "ALERT_PRICE" or "ALERT_TIME". Alerts trade nothing; they emit an ALERT event.
    side : {"BUY", "SELL"}
        Which way. Of "ALERT_PRICE": "BUY" waits for a price at or above the trigger, "SELL" for
        one at or below. "ALERT_TIME" needs none.
    qty : number, units of the instrument
        How much, a whole number of lots; none for alerts.
    price : number, money
        The limit of LIMIT and STOP_LIMIT. The price of a MARKET order is ignored.
    trigger : number, money
        Of STOP, STOP_LIMIT, MARKET_IF_TOUCHED and ALERT_PRICE.
    trail : number, money
        Distance of a TRAILING_STOP from the best price since it is live.
    time_in_force : {"GTC", "GTD", "DAY", "IOC", "FOK"}, optional
        "GTD" when `expire_ts` is given, else "GTC". "DAY" ends at `Engine.day_roll`.
    expire_ts : int
        GTD: the order ends before trading on the first tick at or after this time. ALERT_TIME: when.
    post_only : bool
        Be cancelled rather than take liquidity.
    reduce_only : bool
        Trade no more than the position on the other side.
    oco_group : int
        0, or a number of your own: a fill of one order takes its quantity off the other open orders
        of its group.
    tag : int
        Yours; it comes back in every event of the order.
    offset : {"OPEN", "CLOSE", "CLOSE_TODAY", "CLOSE_YESTERDAY"}, optional
        Which position is meant; with position="hedge" only.
    symbol : str, optional
        The instrument, where the engine has several.

    Raises
    ------
    OrderError
        When a name is not known, a number is missing or not positive, or a field does not belong to
        the type.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.Order("LIMIT", "SELL", 2.5, price=101)
    Order('LIMIT', 'SELL', qty=2.5, price=101)
    """

    def __new__(
        cls,
        order_type: str,
        side: str | None = None,
        qty: _Number | None = None,
        price: _Number | None = None,
        *,
        trigger: _Number | None = None,
        trail: _Number | None = None,
        time_in_force: str | None = None,
        expire_ts: int | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        oco_group: int = 0,
        tag: int = 0,
        offset: str | None = None,
        symbol: str | None = None,
    ) -> Self: ...
    @staticmethod
    def of_lots(lots: int, lot: Grid, symbol: str) -> Order:
        """Make a market order of whole lots, to buy above 0, to sell below.

        Parameters
        ----------
        lots : int
            How many; not 0.
        lot : Grid
            Their size.
        symbol : str
            The instrument.

        Examples
        --------
        >>> import tickstep as ts
        >>> from tickstep._kernel import Grid
        >>> ts.Order.of_lots(-3, Grid("0.5", "lot"), "A")
        Order('MARKET', 'SELL', qty=1.5)
        """

    @property
    def order_type(self) -> _OrderType:
        """What the order waits for."""

    @property
    def side(self) -> _Side:
        """Which way."""

    @property
    def qty(self) -> _Number | None:
        """Quantity as it was given."""

    @property
    def price(self) -> _Number | None:
        """Limit as it was given."""

    @property
    def trigger(self) -> _Number | None:
        """Trigger as it was given."""

    @property
    def trail(self) -> _Number | None:
        """Distance from the best price as it was given."""

    @property
    def time_in_force(self) -> _TimeInForce:
        """How long the order stays."""

    @property
    def expire_ts(self) -> int | None:
        """When it ends or tells."""

    @property
    def post_only(self) -> bool:
        """Whether it is cancelled rather than take."""

    @property
    def reduce_only(self) -> bool:
        """Whether it only reduces."""

    @property
    def oco_group(self) -> int:
        """Number of its group, or 0."""

    @property
    def tag(self) -> int:
        """Yours."""

    @property
    def offset(self) -> _Offset | None:
        """Which position is meant."""

    @property
    def symbol(self) -> str | None:
        """Name of the instrument, where it was given."""

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]: ...

@final
class OpenOrder:
    """An open order as it stands; from `Engine.order` and `Engine.open_orders`.

    Floats are for reading; `_lots` and `_ticks` are exact.
    """

    def __deepcopy__(self, _memo: object, /) -> Self: ...
    @property
    def order_id(self) -> int:
        """Its id."""

    @property
    def symbol(self) -> str:
        """Name of the instrument."""

    @property
    def order_type(self) -> _OrderType:
        """What it waits for."""

    @property
    def side(self) -> _Side:
        """Which way."""

    @property
    def time_in_force(self) -> _TimeInForce:
        """How long it stays."""

    @property
    def offset(self) -> _Offset | None:
        """Which position is meant."""

    @property
    def qty(self) -> float:
        """Total quantity, amendments included."""

    @property
    def filled(self) -> float:
        """What of it is filled."""

    @property
    def rest(self) -> float:
        """What is still to be filled."""

    @property
    def price(self) -> float | None:
        """Limit in money."""

    @property
    def trigger(self) -> float | None:
        """Trigger in money."""

    @property
    def trail(self) -> float | None:
        """Distance from the best price in money."""

    @property
    def trigger_now(self) -> float | None:
        """Present trigger of a TRAILING_STOP that is live, in money."""

    @property
    def qty_lots(self) -> int:
        """Total quantity in lots."""

    @property
    def filled_lots(self) -> int:
        """Filled lots."""

    @property
    def price_ticks(self) -> int:
        """Limit in ticks, or 0."""

    @property
    def trigger_ticks(self) -> int:
        """Trigger in ticks, or 0."""

    @property
    def trail_ticks(self) -> int:
        """Distance in ticks, or 0."""

    @property
    def expire_ts(self) -> int | None:
        """When it ends or tells."""

    @property
    def placed_ts(self) -> int:
        """Engine clock when it was placed; 0 before the first tick."""

    @property
    def post_only(self) -> bool:
        """Whether it is cancelled rather than take."""

    @property
    def reduce_only(self) -> bool:
        """Whether it only reduces."""

    @property
    def oco_group(self) -> int:
        """Number of its group, or 0."""

    @property
    def tag(self) -> int:
        """Yours."""

    @property
    def fees(self) -> float:
        """Fees paid so far, money."""

    @property
    def fees_decimal(self) -> Decimal:
        """Fees paid so far, exactly."""

    @property
    def frozen(self) -> float:
        """Cash reserved for it, money."""

    @property
    def frozen_qty(self) -> float:
        """Quantity reserved for it, units of the instrument."""

    @property
    def is_triggered(self) -> bool:
        """Whether it is a stop that has fired."""

    @property
    def is_resting(self) -> bool:
        """Whether it is past its first live tick."""

@final
class Snapshot:
    """One instrument and its account at one moment.

    Every sum of money is there three times: as a float for reading, as `..._decimal`, and as
    `..._units`, a whole number of money units. These hold exactly, in units:

    cash = deposits + income - account fees + realized - cost of what is held (spot), and
    equity = deposits + income - account fees + account realized + account unrealized.

    Realized profit is before fees.
    """

    def __deepcopy__(self, _memo: object, /) -> Self: ...
    @property
    def ts_ms(self) -> int:
        """Engine clock in its unit; 0 before the first tick."""

    @property
    def time(self) -> int:
        """Engine clock, under its plain name."""

    @property
    def symbol(self) -> str:
        """Name of the instrument."""

    @property
    def instrument(self) -> int:
        """Index of the instrument."""

    @property
    def tick_index(self) -> int:
        """Number of the instrument's last tick, counted from 0; -1 before its first."""

    @property
    def last_price(self) -> float:
        """Last price in money; 0 before the first tick."""

    @property
    def last_price_ticks(self) -> int:
        """Last price in ticks."""

    @property
    def position(self) -> float:
        """Position of the instrument in its units, long above 0."""

    @property
    def position_decimal(self) -> Decimal:
        """Position, exactly."""

    @property
    def position_lots(self) -> int:
        """Position in lots."""

    @property
    def avg_entry_price(self) -> float:
        """Average price in money at which the position was opened; 0 without one."""

    @property
    def cash(self) -> float:
        """Cash of the account."""

    @property
    def cash_decimal(self) -> Decimal: ...
    @property
    def cash_units(self) -> int: ...
    @property
    def equity(self) -> float:
        """Worth of the account at the last prices."""

    @property
    def equity_decimal(self) -> Decimal: ...
    @property
    def equity_units(self) -> int: ...
    @property
    def available(self) -> float:
        """Cash that no order has reserved."""

    @property
    def available_decimal(self) -> Decimal: ...
    @property
    def available_units(self) -> int: ...
    @property
    def frozen(self) -> float:
        """Cash that open orders have reserved; with account="cash" only."""

    @property
    def frozen_decimal(self) -> Decimal: ...
    @property
    def frozen_units(self) -> int: ...
    @property
    def realized_pnl(self) -> float:
        """Profit of what the instrument has closed, before fees."""

    @property
    def realized_pnl_decimal(self) -> Decimal: ...
    @property
    def realized_pnl_units(self) -> int: ...
    @property
    def unrealized_pnl(self) -> float:
        """Profit of the instrument's position at the last price."""

    @property
    def unrealized_pnl_decimal(self) -> Decimal: ...
    @property
    def unrealized_pnl_units(self) -> int: ...
    @property
    def fees(self) -> float:
        """Fees of the instrument."""

    @property
    def fees_decimal(self) -> Decimal: ...
    @property
    def fees_units(self) -> int: ...
    @property
    def cost(self) -> float:
        """Value of the instrument's position at its open prices, below 0 when short."""

    @property
    def cost_decimal(self) -> Decimal: ...
    @property
    def cost_units(self) -> int: ...
    @property
    def deposits(self) -> float:
        """Initial cash, deposits and withdrawals."""

    @property
    def deposits_decimal(self) -> Decimal: ...
    @property
    def deposits_units(self) -> int: ...
    @property
    def income(self) -> float:
        """Funding, dividends, interest and borrow."""

    @property
    def income_decimal(self) -> Decimal: ...
    @property
    def income_units(self) -> int: ...
    @property
    def account_realized_pnl(self) -> float:
        """Profit of what all instruments have closed, before fees."""

    @property
    def account_realized_pnl_decimal(self) -> Decimal: ...
    @property
    def account_realized_pnl_units(self) -> int: ...
    @property
    def account_unrealized_pnl(self) -> float:
        """Profit of all positions at the last prices."""

    @property
    def account_unrealized_pnl_decimal(self) -> Decimal: ...
    @property
    def account_unrealized_pnl_units(self) -> int: ...
    @property
    def account_fees(self) -> float:
        """Fees of all instruments."""

    @property
    def account_fees_decimal(self) -> Decimal: ...
    @property
    def account_fees_units(self) -> int: ...
    @property
    def order_count(self) -> int:
        """Open orders of the instrument, alerts not counted."""

    @property
    def alert_count(self) -> int:
        """Open alerts of the instrument."""

    @property
    def buckets(self) -> dict[str, tuple[int, int, int, int]]:
        """Lots, frozen lots, cost units and base units of "long_today", "long_yesterday", \
"short_today" and "short_yesterday"."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class BatchResult:
    """What a batch did."""

    @property
    def ticks_done(self) -> int:
        """Ticks taken, over all instruments."""

    @property
    def ticks_executed(self) -> int:
        """Ticks that could touch an order; the others were proved untouched."""

    @property
    def ticks_scanned(self) -> int:
        """Ticks whose price was compared one by one."""

    @property
    def zone_lines(self) -> int:
        """64-byte lines of zone maps read."""

    @property
    def rows_done(self) -> int:
        """Rows of `Engine.run_orders` placed."""

    @property
    def event_kinds(self) -> int:
        """Bits (1 << EventKind) of what the last executed tick emitted."""

    def has(self, kind: str) -> bool:
        """Return whether the last executed tick emitted an event of this kind."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class CallCost:
    """Methods that take arguments as `Engine.step` and `step_tick` do, and do nothing.

    The yardstick of the benchmarks: what a call costs by itself.
    """

    def __new__(cls) -> Self: ...
    def four(self, time: int, price_ticks: int, qty_lots: int, side: int, /) -> None: ...
    def one(self, tick: object, /) -> None: ...

@final
class Counter:
    """How many rows of a series are known now."""

    def __new__(cls, rows: int = 0) -> Self: ...
    @property
    def rows(self) -> int:
        """Rows known."""

    def set(self, rows: int) -> None:
        """Say how many are known."""

    def __reduce__(self) -> tuple[type[Self], tuple[int]]: ...

@final
class Line:
    """Values of which those up to now can be read: `line[-1]` is the newest.

    It compares with lines and numbers by its newest value; what is not known is NaN, and no comparison
    with that holds but "not equal".
    """

    def __new__(cls, values: _Float64Array, counter: Counter) -> Self: ...
    def __reduce__(self) -> tuple[Any, tuple[_Float64Array, Counter]]: ...
    def __deepcopy__(self, memo: dict[int, Any], /) -> Line: ...
    @property
    def value(self) -> float:
        """The newest value; NaN before there is one."""

    def crossed_above(self, other: Line | float) -> bool:
        """Tell whether it is above now, and was not at the row before."""

    def crossed_below(self, other: Line | float) -> bool:
        """Tell whether it is below now, and was not at the row before."""

    def __float__(self) -> float: ...
    def __len__(self) -> int: ...
    def __getitem__(self, place: int, /) -> float: ...
    def __iter__(self) -> Iterator[float]: ...
    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]: ...
    def __lt__(self, other: Line | float, /) -> bool: ...
    def __le__(self, other: Line | float, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __gt__(self, other: Line | float, /) -> bool: ...
    def __ge__(self, other: Line | float, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Times:
    """Times of which those up to now can be read."""

    def __new__(cls, values: _Int64Array, counter: Counter) -> Self: ...
    def known(self) -> _Int64Array:
        """Tell those up to now, read-only; nothing beyond can be reached from the array."""

@final
class Bar:
    """Trades of one interval, complete: `start` <= time < `stop`; floats are for reading."""

    def __new__(
        cls,
        symbol: str,
        interval: str,
        start: int,
        stop: int,
        open_ticks: int,
        high_ticks: int,
        low_ticks: int,
        close_ticks: int,
        volume_lots: int,
        *,
        tick_size: Grid,
        lot: Grid,
        trades: int | None = None,
        is_last: bool = True,
    ) -> Self: ...
    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]: ...
    def __deepcopy__(self, _memo: object, /) -> Self: ...
    @property
    def symbol(self) -> str:
        """Name of the instrument."""

    @property
    def interval(self) -> str:
        """Such as "1m"."""

    @property
    def start(self) -> int:
        """When it begins, in the data's time unit."""

    @property
    def stop(self) -> int:
        """The first time after it."""

    @property
    def open(self) -> float:
        """First price, in money."""

    @property
    def high(self) -> float:
        """Highest price, in money."""

    @property
    def low(self) -> float:
        """Lowest price, in money."""

    @property
    def close(self) -> float:
        """Last price, in money."""

    @property
    def volume(self) -> float:
        """Quantity traded, in units of the instrument."""

    @property
    def trades(self) -> int | None:
        """Number of trades; None where the data do not tell."""

    @property
    def is_last(self) -> bool:
        """Whether it is the last of the bars that are over at one moment."""

    @property
    def open_ticks(self) -> int:
        """First price, in ticks."""

    @property
    def high_ticks(self) -> int:
        """Highest price, in ticks."""

    @property
    def low_ticks(self) -> int:
        """Lowest price, in ticks."""

    @property
    def close_ticks(self) -> int:
        """Last price, in ticks."""

    @property
    def volume_lots(self) -> int:
        """Quantity traded, in lots."""

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class BarColumns:
    """Columns of bars with the rule by which they become rows; `tickstep.BarTicks` is made of it."""

    def __new__(
        cls,
        time: _Int64Array,
        open_ticks: _Int64Array,
        high_ticks: _Int64Array,
        low_ticks: _Int64Array,
        close_ticks: _Int64Array,
        volume_lots: _Int64Array,
        ends: _Int64Array | int,
        bar_fill: str,
    ) -> Self: ...
    def woven(self) -> dict[str, npt.NDArray[Any]]:
        """Return all rows as arrays by name."""

    def check(self, engine: Engine, instrument: int) -> None:
        """Check all rows as an engine would when it is bound to them."""

    def __len__(self) -> int: ...

@final
class EventMask:
    """Kinds of events on which a loop gives its caller a turn; more may be added while it runs."""

    def __new__(cls, mask: int) -> Self: ...
    @property
    def mask(self) -> int:
        """One bit for each kind, by its number."""

    def __reduce__(self) -> tuple[type[Self], tuple[int]]: ...
    def add(self, kind: int) -> None:
        """Add a kind by its number."""

@final
class BarCursor:
    """Iterator over bars, or over dicts of those of one moment.

    There is one feed for each instrument of the engine, None for what it is bound to.

    Yields None where an event of a kind in `stop_on` waits to be drained, before anything else is
    taken, and whenever `pause_rows` more rows are done. It ends before the first row at or after
    `until`, and goes on when that is moved.
    """

    def __new__(
        cls,
        engine: Engine,
        feeds: Sequence[BarColumns | None],
        wanted: Sequence[tuple[int, str, tuple[int, int] | None, Counter, Sequence[int] | None]],
        stop_on: EventMask,
        pause_rows: int,
        is_gathering: bool,
        taken: Sequence[int] | None = None,
    ) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Bar | dict[str, Bar] | None: ...
    @property
    def rows_done(self) -> int:
        """Rows taken, of all feeds."""

    @property
    def is_pause(self) -> bool:
        """Whether None was yielded because so many rows were done, and not for an event."""

    @property
    def until(self) -> int:
        """Time before which rows are taken; may be moved."""

    @until.setter
    def until(self, value: int, /) -> None: ...
    def stop_at_next(self) -> None:
        """Stop after the next row, as for events that wait in the engine."""

    def finish_moment(self) -> bool:
        """Take what is left of the time of the last row; False when an event stopped it."""

@disjoint_base
class StrategyBase:
    """What a strategy asks at every bar; `tickstep.Strategy` is made from it."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def __getnewargs__(self) -> tuple[()]: ...
    def _take_seat(self, engine: Engine | None) -> None:
        """Take the engine that the strategy runs in, None for another venue."""

    @property
    def position(self) -> float:
        """Position in the one instrument, in its units, long above 0; see `position_of`."""

    def position_of(self, symbol: str) -> float:
        """Tell the position in an instrument, in its units, long above 0."""

    def sma(self, length: int, symbol: str | None = None, interval: str | None = None) -> Line:
        """Tell the mean of the last closes.

        Parameters
        ----------
        length : int
            How many.
        symbol, interval : str, optional
            As for `history`.

        Returns
        -------
        Line
            To compare with other lines and numbers; NaN until there are so many closes.

        Examples
        --------
        >>> import tickstep as ts
        >>> class Cross(ts.Strategy):
        ...     fast, slow = 10, 30
        ...     def on_bar(self, bar):
        ...         if self.sma(self.fast) > self.sma(self.slow):
        ...             self.target_percent(bar.symbol, 0.9)
        ...         else:
        ...             self.close(bar.symbol)
        """

@final
class TickCursor:
    """Iterator over the bound ticks of an engine; from `Engine.cursor`.

    It ends before the first tick at or after `until`, and goes on when that is moved.
    """

    def __new__(cls, engine: Engine, /) -> Self: ...
    @property
    def until(self) -> int:
        """Time before which ticks are taken; may be moved."""

    @until.setter
    def until(self, value: int, /) -> None: ...
    def __iter__(self) -> Iterator[Tick]: ...
    def __next__(self) -> Tick: ...

@disjoint_base
class Engine:
    """The engine in the kernel's integers; `tickstep.Engine` is made from it."""

    def __new__(
        cls,
        numbers: Mapping[str, Any],
        *,
        source: Engine | None = None,
        state: bytes | None = None,
    ) -> Self: ...
    def step(
        self,
        time: int,
        price_ticks: int,
        qty_lots: int,
        side: int,
        instrument: int = 0,
        bid_ticks: int | None = None,
        ask_ticks: int | None = None,
        /,
    ) -> None:
        """Take one tick as plain integers: the quickest way to take a single one.

        Parameters
        ----------
        time : int
            In the engine's unit, not before the last.
        price_ticks : int
            Price in ticks.
        qty_lots : int
            Quantity in lots, at least 1.
        side : int
            Side of the aggressor: 0 is BUY, 1 is SELL.
        instrument : int
            Index of the instrument in `symbols`.
        bid_ticks, ask_ticks : int, optional
            Best quotes in ticks.

        Raises
        ------
        DataError
            When the tick breaks a rule; it was not taken.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.step(1000, 10000, 2_000_000, 1)
        >>> engine.time
        1000
        """

    def step_tick(self, tick: Tick, /) -> None:
        """Take one tick.

        Raises
        ------
        DataError
            When the tick breaks a rule or its quantity is not on the lot grid; it was not taken.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.step_tick(ts.Tick(1000, 10000, 2.0, "SELL"))
        >>> engine.get_snapshot().last_price
        100.0
        """

    def step_batch_numpy(
        self,
        timestamps: _Int64Array,
        price_ticks: _Int64Array,
        qtys: _Float64Array | _Int64Array,
        sides: _UInt8Array,
        *,
        symbol: str | None = None,
        stop_on: _StopOn | None = None,
    ) -> BatchResult:
        """Take many ticks from arrays, in place: nothing is copied or converted.

        The arrays are read without the interpreter lock; do not write to them meanwhile. All rows
        are checked before the first is taken. Ctrl-C stops between two ticks with what is done.

        Parameters
        ----------
        timestamps : array of int64
            Times in the engine's unit, ascending.
        price_ticks : array of int64
            Prices in ticks.
        qtys : array of float64 or int64
            Quantities in units of the instrument, or in lots.
        sides : array of uint8
            Side of the aggressor: 0 is BUY, 1 is SELL.
        symbol : str, optional
            The instrument, where the engine has several.
        stop_on : str or sequence of str, optional
            Return after the first tick that emits an event of these kinds, such as "FILLED".

        Returns
        -------
        BatchResult
            How many ticks were taken, and how many were looked at.

        Raises
        ------
        DataError
            When an array has another type, is not contiguous or not as long as the others, or a row
            breaks a rule. Then no tick was taken.

        Examples
        --------
        >>> import numpy as np
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.step_batch_numpy(
        ...     np.array([1, 2]), np.array([100, 101]), np.array([1.0, 0.5]),
        ...     np.array([0, 1], dtype=np.uint8)).ticks_done
        2
        """

    def place_order(self, order: Order, /) -> int:
        """Place an order; it is live from the next tick on.

        What the market or the account refuses is a REJECTED event and uses up the id.

        Returns
        -------
        int
            The id of the order: 1, 2, 3 and so on.

        Raises
        ------
        OrderError
            When a number is off its grid or out of range; the engine is unchanged.

        Examples
        --------
        >>> import tickstep as ts
        >>> ts.Engine().place_order(ts.Order("LIMIT", "BUY", 1.5, price=99.99))
        1
        """

    def cancel_order(self, order_id: int, /) -> bool:
        """Cancel an open order or alert, now or after the latency.

        Returns
        -------
        bool
            False when the order had already ended.

        Raises
        ------
        UnknownOrderError
            When no order ever had this id.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> order_id = engine.place_order(ts.Order("MARKET", "BUY", 1))
        >>> engine.cancel_order(order_id), engine.cancel_order(order_id)
        (True, False)
        """

    def amend_order(
        self,
        order_id: int,
        /,
        *,
        qty: _Number | None = None,
        price: _Number | None = None,
        trigger: _Number | None = None,
        trail: _Number | None = None,
    ) -> bool:
        """Change an open order, now or after the latency.

        Only less quantity keeps the priority; any other change makes the order new.

        Parameters
        ----------
        order_id : int
            Its id.
        qty : number, units of the instrument
            New total, what is filled included; no more than that cancels the order.
        price, trigger, trail : number, money
            New values, where the order has them.

        Returns
        -------
        bool
            False when the order had already ended.

        Raises
        ------
        OrderError
            When nothing is named, or something that this order does not have.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> order_id = engine.place_order(ts.Order("LIMIT", "BUY", 2, price=99))
        >>> engine.amend_order(order_id, qty=1)
        True
        """

    def refuse_order(self, order: Order, /, reason: str | None = None) -> int:
        """Record an order that a rule outside the engine forbids: a REJECTED event, nothing traded.

        The order is checked as `place_order` checks it; market and account are not asked. It ends at
        once, also under latency, and uses up an id.

        Parameters
        ----------
        order : Order
            What is not to be placed.
        reason : str, optional
            A name of `Reason` from NO_CASH to RISK_LIMIT, which is the default.

        Returns
        -------
        int
            The id of the order.

        Raises
        ------
        OrderError
            As `place_order`, and for another reason.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.refuse_order(ts.Order("MARKET", "BUY", 1_000))
        1
        >>> event = engine.events[-1]
        >>> ts.EventKind(event["kind"]).name, ts.Reason(event["reason"]).name
        ('REJECTED', 'RISK_LIMIT')
        """

    def refuse_amend(
        self,
        order_id: int,
        /,
        *,
        qty: _Number | None = None,
        price: _Number | None = None,
        trigger: _Number | None = None,
        trail: _Number | None = None,
        reason: str | None = None,
    ) -> bool:
        """Record an amendment that a rule outside the engine forbids; the order stays as it is.

        Parameters
        ----------
        order_id : int
            Its id.
        qty, price, trigger, trail : number
            As of `amend_order`; the REJECTED event tells the quantity asked for.
        reason : str, optional
            A name of `Reason` from NO_CASH to RISK_LIMIT, which is the default.

        Returns
        -------
        bool
            False when the order had already ended: then there is no event.

        Raises
        ------
        OrderError
            As `amend_order`, and for another reason.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> order_id = engine.place_order(ts.Order("LIMIT", "BUY", 2, price=99))
        >>> engine.refuse_amend(order_id, qty=1_000)
        True
        >>> engine.order(order_id).qty
        2.0
        """

    def order(self, order_id: int, /) -> OpenOrder | None:
        """Return an order as it stands; None when it has ended.

        Raises
        ------
        UnknownOrderError
            When no order ever had this id.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.order(engine.place_order(ts.Order("LIMIT", "BUY", 2, price=99)))
        OpenOrder(1, LIMIT BUY, qty=2.0, filled=0.0, price=99.0)
        """

    def open_orders(self, symbol: str | None = None) -> list[OpenOrder]:
        """Return open orders and alerts in order of id; of one instrument, or of all.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.place_order(ts.Order("ALERT_PRICE", "BUY", trigger=101))
        1
        >>> engine.open_orders()
        [OpenOrder(1, ALERT_PRICE BUY, qty=0.0, filled=0.0, trigger=101.0)]
        """

    def ledger_post(self, kind: str, amount: _Number, *, symbol: str | None = None) -> None:
        """Post money that is not a trade: above 0 is received, below 0 is paid.

        An amount between two money units is rounded down: less is received, more is paid.

        Parameters
        ----------
        kind : str
            "DEPOSIT" (above 0), "WITHDRAWAL" (below 0), "FUNDING", "DIVIDEND", "INTEREST" or
            "BORROW".
        amount : number, money
            How much.
        symbol : str, optional
            The instrument concerned, for the record.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.ledger_post("FUNDING", -1.25)
        >>> engine.get_snapshot().cash
        99998.75
        """

    def settle(self, price: _Number, *, symbol: str | None = None) -> None:
        """Settle the position of an instrument at a price; mark instruments pay the difference.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine(ts.EngineConfig(settle="mark"))
        >>> engine.settle(100.5)
        """

    def get_snapshot(self, symbol: str | None = None) -> Snapshot:
        """Return one instrument and the account as they stand.

        Parameters
        ----------
        symbol : str, optional
            The instrument, where the engine has several.

        Examples
        --------
        >>> import tickstep as ts
        >>> ts.Engine().get_snapshot().cash_decimal
        Decimal('100000')
        """

    def position_of(self, symbol: str | None = None) -> float:
        """Return the position in an instrument in its units, long above 0."""

    def price_of(self, symbol: str | None = None) -> float | None:
        """Return the price of an instrument's last tick in money; None before the first."""

    def holding(self, symbol: str | None = None) -> tuple[int, int, int]:
        """Return what is known of an instrument without adding up the account.

        Parameters
        ----------
        symbol : str, optional
            The instrument, where the engine has several.

        Returns
        -------
        tuple of int
            Number of its last tick (-1 before its first), the price of that in ticks (0 before),
            and the position in lots, long above 0.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine(ts.EngineConfig(tick_size=1, lot=1))
        >>> _ = engine.place_order(ts.Order("MARKET", "SELL", 2))
        >>> engine.step_tick(ts.Tick(1000, 50, 1, "BUY"))
        >>> engine.holding()
        (0, 50, -2)
        """

    @property
    def positions(self) -> dict[str, float]:
        """Position of every instrument in its units, long above 0."""

    @property
    def position(self) -> float:
        """Position of the one instrument in its units, long above 0."""

    @property
    def equity(self) -> float:
        """Worth of the account at the last prices."""

    @property
    def time(self) -> int:
        """Engine clock in its unit; 0 before the first tick."""

    @property
    def digest(self) -> str:
        """128-bit digest of all events since the start, as hex: equal runs, equal digests."""

    @property
    def state_hash(self) -> str:
        """128-bit hash of the state, as hex: equal however the engine came to it."""

    @property
    def event_count(self) -> int:
        """How many events `events` holds."""

    def reset(self) -> None:
        """Go back to the start: no clock, orders or events, bound ticks at their first row.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.step(1000, 10000, 1, 0)
        >>> engine.reset()
        >>> engine.time
        0
        """

    def _bind(self, bound: Sequence[tuple[int, TickColumns, int, int]]) -> None: ...
    def _seek(self, taken: Sequence[int]) -> None: ...
    def _advance(
        self, count: int | None, until: int | None, stop_on: _StopOn | None
    ) -> BatchResult: ...
    def _run_schedule(self, orders: dict[str, npt.NDArray[Any]]) -> BatchResult: ...
    def _run_signals(self, plan: SignalPlan, set: int) -> int: ...
    def _run_signal_sets(
        self, plan: SignalPlan, first: int, last: int, workers: int
    ) -> dict[str, npt.NDArray[Any]]: ...
    def _run_function(self, function: int, state: int) -> None: ...
    def _run_compiled(self, board: _Int64Array, drive: Callable[[int], None]) -> None: ...
    def _cancel_all(self, instrument: int | None) -> None: ...
    def _day_roll(self, prices: Sequence[_Number] | None) -> None: ...
    def _index_of(self, symbol: str | None, error: _Error = ...) -> int: ...
    def _event_bytes(self, start: int = 0) -> _UInt8Array: ...
    def _drained_bytes(self) -> _UInt8Array: ...
    def _history(self) -> tuple[_Int64Array, npt.NDArray[np.uint32], _Float64Array]: ...
    def _state_bytes(self) -> bytes: ...

@final
class SignalPlan:
    """Sets of signals of every bound instrument, and what holds for them; `from_signals` makes it.

    Parameters
    ----------
    legs : sequence of tuples of arrays, one for each instrument
        Rows, kinds, offsets of the sets, sizes, and limits or None; read-only.
    size_type : {"qty", "value", "percent"}
        Sizes are lots, money units, or parts per billion of the equity.
    accumulate : bool
        Whether an entry adds to a position.
    rows : pair of int
        Rows of the feed for one row of the signals, and how many are past when it is known.
    distances : sequence of three arrays
        Of stop, target and trailing stop, by set or one for all, in parts per billion; 0 for none.
    """

    def __new__(
        cls,
        legs: Sequence[
            tuple[npt.NDArray[np.uint32], _UInt8Array, _Int64Array, _Int64Array, _Int64Array | None]
        ],
        size_type: str,
        accumulate: bool,
        rows: tuple[int, int],
        distances: Sequence[_Int64Array],
    ) -> Self: ...
    @property
    def sets(self) -> int:
        """How many sets there are."""

@final
class TradesParser:
    """Turn the bytes of a trades file into integer columns; `tickstep.read_trades` drives it."""

    def __new__(
        cls,
        *,
        tick_size: str | None = None,
        lot: str | None = None,
        skip_bad: bool = False,
        exact_only: bool = False,
        after_id: int | None = None,
    ) -> Self: ...
    @property
    def rows(self) -> int: ...
    def push(self, piece: Any) -> None: ...
    def push_file(
        self, path: str | PathLike[str], progress: Callable[[int, int], object] | None = None
    ) -> None: ...
    def drain(
        self,
    ) -> tuple[_Int64Array, _Int64Array, _Int64Array, _UInt8Array, str | None, str | None]: ...
    def finish(
        self,
    ) -> tuple[_Int64Array, _Int64Array, _Int64Array, _UInt8Array, dict[str, Any]]: ...

@final
class ArrowTable:
    """The rows of a frame that has `__arrow_c_stream__`, in the frame's own memory."""

    def __new__(cls, frame: object) -> Self: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def metadata(self) -> dict[bytes, bytes]: ...
    def kind(self, name: str) -> str: ...
    def time_unit(self, name: str) -> str | None: ...
    def ints(self, name: str) -> _Int64Array: ...
    def floats(self, name: str) -> _Float64Array: ...
    def sides(self, name: str) -> _UInt8Array: ...
    def places(self, name: str, grid: Grid) -> _Int64Array: ...
    def decimals(self, name: str, at_least: int) -> int: ...
    def only_text(self, name: str) -> str | None: ...
    def texts(self, name: str) -> list[str]: ...
    def __len__(self) -> int: ...

def arrow_stream(
    columns: Sequence[tuple[str, str, npt.NDArray[Any]]], metadata: Sequence[tuple[str, str]]
) -> object: ...

_Amounts: TypeAlias = npt.NDArray[Any]

@final
class CandleState:
    """Ticks to bars, in pieces; `tickstep.analytics` drives it."""

    def __new__(
        cls, rule: str, size: float, *, fills_empty: bool, wants_turnover: bool, is_float: bool
    ) -> Self: ...
    def push(
        self,
        time: _Int64Array,
        price_ticks: _Int64Array,
        qtys: _Amounts,
        sides: _UInt8Array,
    ) -> tuple[_Amounts, ...]: ...
    def peek(self) -> tuple[_Amounts, ...]: ...
    def finish(self) -> tuple[_Amounts, ...]: ...

@final
class FootprintState:
    """Ticks to footprints, in pieces; `tickstep.analytics` drives it."""

    def __new__(cls, interval: int, *, is_float: bool) -> Self: ...
    def push(
        self,
        time: _Int64Array,
        price_ticks: _Int64Array,
        qtys: _Amounts,
        sides: _UInt8Array,
    ) -> tuple[_Amounts, ...]: ...
    def peek(self) -> tuple[_Amounts, ...]: ...
    def finish(self) -> tuple[_Amounts, ...]: ...

@final
class ProfileState:
    """Volume at each price, in pieces; `tickstep.analytics` drives it."""

    def __new__(cls, *, is_float: bool) -> Self: ...
    @property
    def range(self) -> tuple[int, int] | None: ...
    def push(self, price_ticks: _Int64Array, qtys: _Amounts, sides: _UInt8Array) -> None: ...
    def binned(self, ticks_per_bin: int) -> tuple[_Amounts, _Amounts]: ...

@final
class VwapState:
    """Volume weighted average price, in pieces; `tickstep.analytics` drives it."""

    def __new__(cls, window: int | None, *, has_begun: bool, is_float: bool) -> Self: ...
    def push(self, prices: _Amounts, volumes: _Amounts, starts: Sequence[int]) -> _Float64Array: ...

@final
class DeltaState:
    """Bought less sold, in pieces; `tickstep.analytics` drives it."""

    def __new__(cls, *, is_float: bool) -> Self: ...
    def push(self, qtys: _Amounts, sides: _UInt8Array) -> _Amounts: ...

@final
class ImbalanceState:
    """Order flow imbalance of a window, in pieces; `tickstep.analytics` drives it."""

    def __new__(cls, window: int, *, is_float: bool) -> Self: ...
    def push(self, qtys: _Amounts, sides: _UInt8Array) -> _Float64Array: ...

@final
class IntensityState:
    """Trades within a window of time, in pieces; `tickstep.analytics` drives it."""

    def __new__(cls, window: int) -> Self: ...
    def push(self, time: _Int64Array) -> _Float64Array: ...

@final
class VolatilityState:
    """Volatility of a window, in pieces; `tickstep.analytics` drives it."""

    def __new__(cls, kind: str, window: int, scale: float) -> Self: ...
    def push(self, *columns: _Amounts) -> _Float64Array: ...

@final
class ExponentialState:
    """Exponentially weighted volatility, in pieces; `tickstep.analytics` drives it."""

    def __new__(cls, span: float, scale: float) -> Self: ...
    def push(self, prices: _Amounts) -> _Float64Array: ...

@final
class TableParser:
    """Turn the bytes of a table into columns; `tickstep.read_table` and others drive it.

    Parameters
    ----------
    columns : sequence of (str, int, str)
        Name of the field, its column from 0, and its key in JSON lines.
    delimiter : str or None
        Between two cells; None for a JSON object in each line.
    width : int
        Cells of a row.
    """

    def __new__(
        cls,
        columns: Sequence[tuple[str, int, str]],
        *,
        delimiter: str | None = None,
        width: int = 0,
        has_header: bool = False,
        tick_size: str | None = None,
        lot: str | None = None,
        time_unit: str | None = None,
        symbol: str | None = None,
        order: str = "ascending",
        skip_bad: bool = False,
        allow_negative_prices: bool = False,
        needs_qty: bool = False,
        snap: bool = False,
    ) -> Self: ...
    def push(self, piece: Any) -> None: ...
    def push_file(
        self, path: str | PathLike[str], progress: Callable[[int, int], object] | None = None
    ) -> None: ...
    def finish(self) -> tuple[list[dict[str, Any]], dict[str, Any]]: ...

@final
class BookParser:
    """Turn the bytes of a recorded feed into level updates; `tickstep.read_book` drives it."""

    def __new__(
        cls,
        *,
        kind: str = "depth",
        tick_size: str | None = None,
        lot: str | None = None,
        skip_bad: bool = False,
    ) -> Self: ...
    def push(self, piece: Any) -> None: ...
    def push_file(
        self, path: str | PathLike[str], progress: Callable[[int, int], object] | None = None
    ) -> None: ...
    def finish(self) -> tuple[dict[str, Any], dict[str, Any]]: ...

def book_best(
    side: _UInt8Array, price_ticks: _Int64Array, qty_lots: _Int64Array, flags: _UInt8Array
) -> tuple[npt.NDArray[np.uint64], list[_Int64Array]]: ...
def sma_signals(
    prices: _Int64Array, windows: Sequence[tuple[int, int]], short: bool
) -> tuple[npt.NDArray[np.uint32], _UInt8Array, _Int64Array]:
    """Rows, kinds and offsets of where means of two windows cross; `signals.sma_cross` tells more."""

def shown_tick(
    numbers: tuple[int, int, int, int, int, tuple[int, int] | None],
    market: tuple[Grid, Grid, str],
) -> Tick:
    """Make a tick as a loop shows it: of its numbers; of lot, step of its price and symbol."""

def desk_terms() -> tuple[int, int, int, int]:
    """Address of what a compiled loop turns to; numbers before its commands, commands, their width."""
