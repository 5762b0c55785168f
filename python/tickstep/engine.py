"""The engine as Python sees it: human numbers in, exact integers inside, arrays out.

Everything a user writes in money, units or basis points becomes an integer here or in `_kernel`, once
and exactly, or is refused with the value, the rule and the mend. Matching, ledger and digests are the
kernel's; nothing in this file adds up money.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from enum import IntEnum
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from tickstep import _kernel
from tickstep._kernel import (
    BatchResult,
    Grid,
    OpenOrder,
    Order,
    Snapshot,
    Tick,
    TickColumns,
    TickCursor,
    units_per_tick_lot,
)
from tickstep.bars import Bars
from tickstep.barticks import BarTicks
from tickstep.errors import ConfigError, DataError, OrderError, StateError
from tickstep.ticks import (
    Int64Array,
    Number,
    Ticks,
    Time,
    UInt8Array,
    check_time_unit,
    grid_column,
    integer_column,
    plain,
    side_column,
    to_time,
)

__all__ = [
    "EVENT_DTYPE",
    "HISTORY_DTYPE",
    "TRADE_DTYPE",
    "BatchResult",
    "Engine",
    "EngineConfig",
    "EventKind",
    "Instrument",
    "OpenOrder",
    "Order",
    "Reason",
    "Snapshot",
    "Tick",
]
Bindable = Ticks | Bars | BarTicks

SYMBOL_DEFAULT = "ASSET"  # the one instrument of an engine that was given no instruments

# Exact grids of the numbers that are rates; the others lie on the tick, the lot or the money unit.
PPB = Grid("0.000000001", "a rate")
PPB_IN_BPS = Grid("0.00001", "a spread")
PPM = Grid("0.000001", "a participation")
WHOLE = Grid("1", "a time")

# Finest first. Below 10^-8 the range of 2^62 units would be under 10^10 currency units.
MONEY_UNITS = (
    "0.00000001",
    "0.0000001",
    "0.000001",
    "0.00001",
    "0.0001",
    "0.001",
    "0.01",
    "0.1",
    "1",
)
LOTS = MONEY_UNITS[2:]

PPB_ONE = 10**9
SPREAD_PPB_MAX = 2 * PPB_ONE - 1
CASH_UNITS_MAX = 2**61
FEE_UNITS_MAX = 2**40
LATENCY_MAX = 2**61
LOTS_MAX = 2**61
PRICE_TICKS_MAX = 2**48 - 1

CHOICES = {
    "fill": ("touch", "through"),
    "quantity": ("full", "volume"),
    "range_order": ("stops_first", "limits_first"),
    "settle": ("spot", "mark"),
    "position": ("net", "hedge"),
}


class EventKind(IntEnum):
    """What an event says; the `kind` column of `Engine.events`."""

    ACCEPTED = 1
    REJECTED = 2
    TRIGGERED = 3
    FILLED = 4
    CANCELLED = 5
    EXPIRED = 6
    AMENDED = 7
    ALERT = 8
    LIQUIDATED = 9
    DAY_ROLLED = 10
    LEDGER = 11


class Reason(IntEnum):
    """Why an order was refused, ended or changed; the `reason` column of such events."""

    NO_CASH = 1
    NO_POSITION = 2
    NO_SHORT = 3
    PRICE_BAND = 4
    BOARD_LOT = 5
    NO_PRICE = 6
    POST_ONLY = 7
    REDUCE_ONLY = 8
    RISK_LIMIT = 9
    TOO_LATE = 10
    CANCELLED_BY_USER = 20
    IOC_REST = 21
    FOK_REST = 22
    OCO_FILLED = 23
    TIME_REACHED = 24
    DAY_ENDED = 25
    AMENDED_AWAY = 26

    @property
    def message(self) -> str:
        """The reason in words."""
        return _kernel.reason_message(self)


EVENT_DTYPE = np.dtype(
    [
        ("kind", "<u2"),
        ("reason", "<u2"),
        ("instrument", "<u4"),
        ("sequence", "<u8"),
        ("time", "<i8"),
        ("tick_index", "<i8"),
        ("order_id", "<u8"),
        ("tag", "<u8"),
        ("price_ticks", "<i8"),
        ("qty_lots", "<i8"),
        ("fee_units", "<i8"),
        ("realized_units", "<i8"),
        ("position_after_lots", "<i8"),
    ]
)

TRADE_DTYPE = np.dtype(
    [
        ("time", "<i8"),
        ("instrument", "<u4"),
        ("side", "u1"),
        ("is_maker", "?"),
        ("order_id", "<u8"),
        ("tag", "<u8"),
        ("tick_index", "<i8"),
        ("price", "<f8"),
        ("qty", "<f8"),
        ("fee", "<f8"),
        ("realized_pnl", "<f8"),
        ("position", "<f8"),
    ]
)

HISTORY_VALUES = (
    "cash",
    "position",
    "avg_entry_price",
    "realized_pnl",
    "unrealized_pnl",
    "equity",
    "fees",
)
HISTORY_DTYPE = np.dtype(
    [("ts_ms", "<i8"), ("instrument", "<u4"), *((name, "<f8") for name in HISTORY_VALUES)]
)

Events = npt.NDArray[np.void]  # rows of EVENT_DTYPE

LIQUIDITY_MAKER = 1  # reason of a FILLED event whose order had rested
REASON_BITS = 0xFF  # of the reason column; the bits above are the offset of the order
MARKET = _kernel.ORDER_TYPES["MARKET"]


@dataclass(frozen=True)
class Instrument:
    """One instrument of an engine with several; what is None is taken from the `EngineConfig`.

    Parameters
    ----------
    symbol : str
        Name by which orders and data refer to it.
    tick_size, lot, multiplier, spread_bps, maker_fee, taker_fee, maker_fee_per_lot, \
taker_fee_per_lot, fee_min, fill, quantity, participation, range_order, settle, position, allow_short, \
qty_step, qty_min, price_band, allow_negative_prices
        As in `EngineConfig`.

    Examples
    --------
    >>> import tickstep as ts
    >>> config = ts.EngineConfig(instruments=[
    ...     ts.Instrument("BTCUSDT", tick_size="0.1", lot="0.001"),
    ...     ts.Instrument("rb2410", tick_size=1, lot=1, multiplier=10, settle="mark"),
    ... ])
    >>> config.symbols
    ('BTCUSDT', 'rb2410')
    """

    symbol: str
    _: KW_ONLY
    tick_size: Number | None = None
    lot: Number | None = None
    multiplier: Number | None = None
    spread_bps: Number | None = None
    maker_fee: Number | None = None
    taker_fee: Number | None = None
    maker_fee_per_lot: Number | None = None
    taker_fee_per_lot: Number | None = None
    fee_min: Number | None = None
    fill: str | None = None
    quantity: str | None = None
    participation: Number | None = None
    range_order: str | None = None
    settle: str | None = None
    position: str | None = None
    allow_short: bool | None = None
    qty_step: Number | None = None
    qty_min: Number | None = None
    price_band: tuple[Number, Number] | None = None
    allow_negative_prices: bool | None = None


@dataclass(frozen=True)
class EngineConfig:
    """What an engine trades, at what cost, and with how much cash.

    Numbers may be float, int, str or Decimal. Each is kept as an exact integer: a float that is not
    on its grid is refused, never rounded. Fees are fractions of the value, exact to 10^-9.

    Parameters
    ----------
    initial_cash : number, money
        Cash at the start.
    maker_fee, taker_fee : number, fraction of the value
        0.0001 is one basis point; a negative maker fee is a rebate. An order pays the maker fee when
        it rested before it traded.
    spread_bps : number, basis points of the price
        The whole bid-ask spread; each side pays half of it, rounded up to a tick.
    tick_size : number, money
        Smallest step of the price.
    lot : number, units of the instrument
        Smallest step of the quantity. Default: the finest of 0.000001 to 1 for which the value of
        one lot moving one tick is a whole number of money units.
    money_unit : number, money
        Step of all sums of money. Default: the finest power of ten from 0.00000001 on for which the
        value of one lot moving one tick is whole.
    multiplier : number
        Units of the underlying in one unit of quantity (contract size).
    fill : {"touch", "through"}
        When a resting limit trades: the price reaches it, or goes beyond it. "touch" is optimistic:
        it assumes that the whole order was at the front of the queue.
    quantity : {"full", "volume"}
        How much trades on one tick: all of it, or at most `participation` of the tick's quantity.
    participation : number, fraction
        Share of each tick's quantity that own orders can get; only with quantity="volume".
    range_order : {"stops_first", "limits_first"}
        What trades first of a stop and a limit that one bar reaches both: the bar does not tell. The
        truth lies between the results of the two.
    account : {None, "cash"}
        "cash" checks and reserves cash for each order; None lets cash go below zero.
    allow_short : bool
        False refuses to sell what is not held.
    latency : int, in `time_unit`
        Time from a command to its effect.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of all times.
    settle : {"spot", "mark"}
        "spot" pays the value of a trade, "mark" only gains and losses (futures).
    position : {"net", "hedge"}
        One position, or long and short side by side.
    fee_min : number, money
        Smallest fee of an order that has traded.
    maker_fee_per_lot, taker_fee_per_lot : number, money
        Fee for each lot, beside the fee on the value.
    qty_step, qty_min : number, units of the instrument
        The market's board lot: other orders are rejected (closing an odd rest is not).
    price_band : (number, number), money
        Orders priced outside are rejected.
    allow_negative_prices : bool
        Whether prices may be 0 or negative.
    instruments : sequence of Instrument
        Several instruments, or a named one; each takes from here what it leaves out.
    history : int
        Keep a row of `Engine.history` for each of the last so many single ticks.

    Raises
    ------
    ConfigError
        With the value, the rule and a mend.

    Examples
    --------
    >>> import tickstep as ts
    >>> config = ts.EngineConfig(initial_cash=50_000, spread_bps="1.5", tick_size=0.01)
    >>> config.symbols, config.canonical()["instruments"][0]["lot"]
    (('ASSET',), '0.000001')
    """

    initial_cash: Number = 100_000.0
    maker_fee: Number = 0.0001
    taker_fee: Number = 0.0002
    spread_bps: Number = 2.0
    tick_size: Number = 0.01
    _: KW_ONLY
    lot: Number | None = None
    money_unit: Number | None = None
    multiplier: Number = 1
    fill: str = "touch"
    quantity: str = "full"
    participation: Number | None = None
    range_order: str = "stops_first"
    account: str | None = None
    allow_short: bool = True
    latency: int = 0
    time_unit: str = "ms"
    settle: str = "spot"
    position: str = "net"
    fee_min: Number = 0
    maker_fee_per_lot: Number = 0
    taker_fee_per_lot: Number = 0
    qty_step: Number | None = None
    qty_min: Number | None = None
    price_band: tuple[Number, Number] | None = None
    allow_negative_prices: bool = False
    instruments: Sequence[Instrument] | None = None
    history: int | None = None
    _numbers: dict[str, Any] = field(init=False, repr=False, compare=False)
    _written: dict[str, Any] | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.instruments is not None:
            object.__setattr__(self, "instruments", tuple(self.instruments))
        object.__setattr__(self, "_numbers", _numbers_of(self))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the instruments, in the order of their indexes."""
        return tuple(numbers["symbol"] for numbers in self._numbers["instruments"])

    def canonical(self) -> dict[str, Any]:
        """Write the configuration with every default filled in and every number as exact text.

        Equal engines have equal canonical configurations, and
        `EngineConfig.from_canonical(config.canonical())` is an equal engine's.

        Returns
        -------
        dict
            Text, booleans, None and lists only: ready for JSON.

        Examples
        --------
        >>> import tickstep as ts
        >>> ts.EngineConfig(maker_fee=0.0003).canonical()["instruments"][0]["maker_fee"]
        '0.0003'
        """
        if self._written is None:
            object.__setattr__(self, "_written", self._canonical())
        written: dict[str, Any] = self._written or {}
        # Callers may change what they get.
        return {**written, "instruments": [_copied(each) for each in written["instruments"]]}

    def _canonical(self) -> dict[str, Any]:
        numbers = self._numbers
        money = Grid(numbers["money_unit"], "money_unit")
        return {
            "initial_cash": _text(money, numbers["initial_cash_units"]),
            "money_unit": numbers["money_unit"],
            "account": self.account,
            "latency": str(numbers["latency"]),
            "time_unit": self.time_unit,
            "history": self.history,
            "instruments": [_canonical_instrument(each, money) for each in numbers["instruments"]],
        }

    @classmethod
    def from_canonical(cls, canonical: Mapping[str, Any]) -> Self:
        """Read what `canonical` wrote.

        Parameters
        ----------
        canonical : mapping
            The canonical configuration.

        Returns
        -------
        EngineConfig
            The configuration it describes.

        Raises
        ------
        ConfigError
            When it is not what `canonical` writes.

        Examples
        --------
        >>> import tickstep as ts
        >>> config = ts.EngineConfig(tick_size="0.25")
        >>> ts.EngineConfig.from_canonical(config.canonical()).canonical() == config.canonical()
        True
        """
        try:
            shared = {name: value for name, value in canonical.items() if name != "instruments"}
            first, *others = canonical["instruments"]
            if not others and first["symbol"] == SYMBOL_DEFAULT:
                return cls(**shared, **{name: first[name] for name in _SHARED})
            instruments = [Instrument(**each) for each in canonical["instruments"]]
            return cls(**shared, instruments=instruments)
        except ConfigError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"this is not a canonical configuration: {error!r}",
                hint="give what EngineConfig.canonical() returned, by this version of tickstep",
            ) from error


# --- From what the user wrote to the kernel's integers, and back. ---------------------------------


class _Rule(NamedTuple):
    """How one setting becomes an integer: the kernel's name, its grid, its bounds, and the mend."""

    kernel_name: str
    grid: Grid | str  # a name is that of a grid of the instrument
    low: int
    high: int
    bounds: str
    hint: str


_COARSER = "choose a coarser money_unit"
_FEE = (PPB, -PPB_ONE, PPB_ONE, "from -1 to 1", "0.0002 is 2 basis points of the value")
_PER_LOT = ("money", -FEE_UNITS_MAX, FEE_UNITS_MAX, "within 2^40 money units of 0", _COARSER)
_PER_ORDER = ("money", 0, FEE_UNITS_MAX, "from 0 to 2^40 money units", _COARSER)
_BOARD = ("lot", 1, LOTS_MAX, "from 1 to 2^61 lots", "leave it out, or give the market's board lot")

_RULES = {
    "spread_bps": _Rule(
        "spread_ppb",
        PPB_IN_BPS,
        0,
        SPREAD_PPB_MAX,
        "0 or more, and below 20000",
        "it is the whole bid-ask spread in basis points of the price: 2.0 is 0.02 %",
    ),
    "maker_fee": _Rule("maker_fee_ppb", *_FEE),
    "taker_fee": _Rule("taker_fee_ppb", *_FEE),
    "maker_fee_per_lot": _Rule("maker_fee_units_per_lot", *_PER_LOT),
    "taker_fee_per_lot": _Rule("taker_fee_units_per_lot", *_PER_LOT),
    "fee_min": _Rule("fee_min_units", *_PER_ORDER),
    "participation": _Rule(
        "participation_ppm", PPM, 1, 10**6, "above 0, and at most 1", "0.1 is a tenth of each tick"
    ),
    "qty_step": _Rule("qty_step_lots", *_BOARD),
    "qty_min": _Rule("qty_min_lots", *_BOARD),
}

_SHARED = tuple(each.name for each in fields(Instrument) if each.name != "symbol")


def _numbers_of(config: EngineConfig) -> dict[str, Any]:
    _check_shared(config)
    instruments = _settled_instruments(config)
    money_unit, lots = _money_unit_and_lots(config, instruments)
    money = Grid(money_unit, "money_unit")
    numbers = [_instrument_numbers(*each, money) for each in zip(instruments, lots, strict=True)]
    return {
        "initial_cash_units": _cash_units(config.initial_cash, money),
        "money_unit": money.step,
        "is_cash_account": config.account == "cash",
        "latency": _latency(config.latency, config.time_unit),
        "history": config.history or 0,
        "instruments": numbers,
    }


def _check_shared(config: EngineConfig) -> None:
    check_time_unit(config.time_unit)
    if config.account not in (None, "cash"):
        raise ConfigError(
            f"account {config.account!r} is not None or 'cash'",
            hint="account='cash' checks and reserves cash for each order",
        )
    history = config.history
    if history is not None and (not isinstance(history, int) or history < 1):
        raise ConfigError(
            f"history {history!r} must be a whole number from 1 on, or None",
            hint="history=1000 keeps the last 1000 ticks stepped one by one",
        )


def _settled_instruments(config: EngineConfig) -> list[Instrument]:
    """Fill in what the instruments leave to the configuration, and check the choices."""
    given = config.instruments
    if given is None:
        given = [Instrument(SYMBOL_DEFAULT)]
    settled = [_settled(each, config) for each in given]
    if not settled:
        raise ConfigError(
            "instruments is empty", hint="leave it out for one instrument without a name"
        )
    [(symbol, count)] = Counter(each.symbol for each in settled).most_common(1)
    if count > 1:
        raise ConfigError(
            f"the symbol {symbol!r} names {count} instruments", hint="give each its own"
        )
    if config.participation is not None and all(each.quantity == "full" for each in settled):
        raise _participation_error("participation", config.participation)
    return settled


def _settled(own: Instrument, config: EngineConfig) -> Instrument:
    if not isinstance(own, Instrument):
        raise ConfigError(
            f"instruments holds {own!r}, which is not an Instrument",
            hint="instruments=[Instrument('BTCUSDT', tick_size='0.1')]",
        )
    values = {name: _first(getattr(own, name), getattr(config, name)) for name in _SHARED}
    if own.participation is None and values["quantity"] == "full":
        values["participation"] = None
    _check_choices(own.symbol, values)
    return Instrument(_checked_symbol(own.symbol), **values)


def _check_choices(symbol: str, values: Mapping[str, Any]) -> None:
    for name, choices in CHOICES.items():
        if values[name] not in choices:
            raise ConfigError(
                f"{_label(name, symbol)} {values[name]!r} is not one of {', '.join(choices)}",
                hint=f"{name}={choices[0]!r} is the default",
            )
    for name in ("allow_short", "allow_negative_prices"):
        if not isinstance(values[name], bool):
            raise ConfigError(
                f"{_label(name, symbol)} {values[name]!r} must be True or False",
                hint=f"write {name}=True or {name}=False",
            )
    is_volume = values["quantity"] == "volume"
    if is_volume != (values["participation"] is not None):
        raise _participation_error(_label("participation", symbol), values["participation"])


def _participation_error(label: str, value: Number | None) -> ConfigError:
    return ConfigError(
        f"{label} {plain(value)!r} does not fit: it belongs to quantity='volume', which needs it",
        hint="quantity='volume', participation=0.1 trades at most a tenth of each tick",
    )


def _money_unit_and_lots(
    config: EngineConfig, instruments: Sequence[Instrument]
) -> tuple[str, list[str]]:
    """Choose the finest money unit for which every instrument has a lot and the cash has room."""
    sizes = [_Sizes.of(each) for each in instruments]
    if config.money_unit is not None:
        unit = Grid(config.money_unit, "money_unit").step
        return unit, [_needed_lot(each, unit) for each in sizes]
    for unit in MONEY_UNITS:
        lots = [_fitting_lot(each, unit) for each in sizes]
        if None not in lots and _has_room(config.initial_cash, unit):
            return unit, [lot for lot in lots if lot is not None]
    return MONEY_UNITS[0], [_needed_lot(each, MONEY_UNITS[0]) for each in sizes]


class _Sizes(NamedTuple):
    """The sizes of one instrument as exact text; the lot may be left to us."""

    tick: str
    multiplier: str
    lot: str | None

    @classmethod
    def of(cls, instrument: Instrument) -> Self:
        symbol = instrument.symbol
        tick = _given_grid(instrument.tick_size, _label("tick_size", symbol))
        multiplier = _given_grid(instrument.multiplier, _label("multiplier", symbol))
        lot = None if instrument.lot is None else Grid(instrument.lot, _label("lot", symbol)).step
        return cls(tick.step, multiplier.step, lot)


def _fitting_lot(sizes: _Sizes, money_unit: str) -> str | None:
    for lot in LOTS if sizes.lot is None else (sizes.lot,):
        try:
            units_per_tick_lot(sizes.tick, lot, sizes.multiplier, money_unit)
        except ConfigError:
            continue
        return lot
    return None


def _needed_lot(sizes: _Sizes, money_unit: str) -> str:
    lot = _fitting_lot(sizes, money_unit) or sizes.lot or LOTS[-1]
    units_per_tick_lot(sizes.tick, lot, sizes.multiplier, money_unit)  # raises when none fits
    return lot


def _has_room(cash: Number, money_unit: str) -> bool:
    try:
        _cash_units(cash, Grid(money_unit, "money_unit"))
    except ConfigError:
        return False
    return True


def _cash_units(cash: Number, money: Grid) -> int:
    units = money.amount(cash, "initial_cash", ConfigError)
    if not 0 <= units <= CASH_UNITS_MAX:
        raise ConfigError(
            f"initial_cash {plain(cash)!r} must be from 0 to {_text(money, CASH_UNITS_MAX)}",
            hint="choose a coarser money_unit for a larger account",
        )
    return units


def _latency(latency: int, unit: str) -> int:
    found = WHOLE.index(latency, "latency", ConfigError)
    if not 0 <= found <= LATENCY_MAX:
        raise ConfigError(
            f"latency {plain(latency)!r} must be from 0 to 2^61", hint=f"it is counted in {unit}"
        )
    return found


def _instrument_numbers(instrument: Instrument, lot: str, money: Grid) -> dict[str, Any]:
    sizes = _Sizes.of(instrument)
    grids = {
        "money": money,
        "lot": Grid(lot, "lot"),
        "tick": Grid(sizes.tick, "tick_size"),
    }
    numbers = {
        "symbol": instrument.symbol,
        "tick_size": sizes.tick,
        "lot": grids["lot"].step,
        "multiplier": sizes.multiplier,
        "units_per_tick_lot": units_per_tick_lot(sizes.tick, lot, sizes.multiplier, money.step),
        "allow_short": instrument.allow_short,
        "allow_negative_prices": instrument.allow_negative_prices,
        "band_ticks": _band(instrument, grids["tick"]),
    }
    numbers.update({name: getattr(instrument, name) for name in CHOICES})
    defaults = {"participation": 0, "qty_step": 1, "qty_min": 1}
    for name, rule in _RULES.items():
        value = getattr(instrument, name)
        if value is None and name not in defaults:
            raise ConfigError(f"{name} is None", hint="leave it out for what it is by default")
        found = defaults[name] if value is None else _applied(rule, name, instrument, value, grids)
        numbers[rule.kernel_name] = found
    return numbers


def _applied(
    rule: _Rule, name: str, instrument: Instrument, value: Number, grids: Mapping[str, Grid]
) -> int:
    label = _label(name, instrument.symbol)
    grid = grids[rule.grid] if isinstance(rule.grid, str) else rule.grid
    found = grid.index(value, label, ConfigError)
    if not rule.low <= found <= rule.high:
        raise ConfigError(f"{label} {plain(value)!r} must be {rule.bounds}", hint=rule.hint)
    return found


def _band(instrument: Instrument, tick: Grid) -> tuple[int, int] | None:
    band = instrument.price_band
    if band is None:
        return None
    label = _label("price_band", instrument.symbol)
    if not isinstance(band, (tuple, list)) or len(band) != 2:
        raise ConfigError(
            f"{label} {band!r} must be two prices, (lowest, highest)",
            hint="price_band=(90, 110) rejects orders below 90 and above 110",
        )
    low, high = (tick.index(price, label, ConfigError) for price in band)
    lowest = -PRICE_TICKS_MAX if instrument.allow_negative_prices else 1
    if not lowest <= low <= high <= PRICE_TICKS_MAX:
        raise ConfigError(
            f"{label} {band!r} must be (lowest, highest), both of them allowed prices",
            hint="allow_negative_prices=True allows prices of 0 and below",
        )
    return low, high


def _checked_symbol(symbol: str) -> str:
    if not isinstance(symbol, str) or not symbol:
        raise ConfigError(
            f"symbol {symbol!r} must be text that is not empty", hint="Instrument('BTCUSDT')"
        )
    return symbol


def _copied(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(each) if isinstance(each, list) else each for name, each in row.items()}


def _canonical_instrument(numbers: Mapping[str, Any], money: Grid) -> dict[str, Any]:
    tick, lot = Grid(numbers["tick_size"], "tick_size"), Grid(numbers["lot"], "lot")
    grids = {"money": money, "lot": lot}
    band = numbers["band_ticks"]
    same = ("symbol", "tick_size", "lot", "multiplier", "allow_short", "allow_negative_prices")
    canonical = {name: numbers[name] for name in (*same, *CHOICES)}
    for name, rule in _RULES.items():
        grid = grids[rule.grid] if isinstance(rule.grid, str) else rule.grid
        canonical[name] = _text(grid, numbers[rule.kernel_name])
    if numbers["quantity"] == "full":
        canonical["participation"] = None
    canonical["price_band"] = None if band is None else [_text(tick, price) for price in band]
    return canonical


def _label(name: str, symbol: str) -> str:
    return name if symbol == SYMBOL_DEFAULT else f"{name} of {symbol}"


def _first(own: Any, shared: Any) -> Any:
    return shared if own is None else own


def _given_grid(step: Number | None, label: str) -> Grid:
    if step is None:
        raise ConfigError(
            f"{label} must be a number, was None", hint="leave it out for the default"
        )
    return Grid(step, label)


def _text(grid: Grid, index: int) -> str:
    return format(grid.decimal(index), "f")


# --- The engine. ----------------------------------------------------------------------------------

_SAVED_MAGIC = b"TICKSTEP-ENGINE-1\n"
_SHA256_SIZE = 32


class Engine(_kernel.Engine):
    """A market and an account that step tick by tick, exactly and repeatably.

    Feed it ticks and orders; it answers with events, an exact account and a digest of everything
    that happened. An order is live from the tick after it, so every fill names a later tick than its
    order. What the market or the account refuses is a REJECTED event; only calls that make no sense
    raise, and those change nothing.

    One engine belongs to one thread at a time. Long batches let other threads run, and Ctrl-C stops
    them between two ticks with what is done.

    Parameters
    ----------
    config : EngineConfig, optional
        What to trade, at what cost, with how much cash.

    Examples
    --------
    >>> import tickstep as ts
    >>> engine = ts.Engine(ts.EngineConfig(spread_bps=2.0, tick_size=0.01))
    >>> engine.step_tick(ts.Tick(1000, 10000, 2.0, "SELL"))
    >>> engine.place_order(ts.Order("MARKET", "BUY", 1.5))
    1
    >>> engine.step_tick(ts.Tick(1001, 10000, 1.0, "BUY"))
    >>> engine.get_snapshot().cash, engine.get_snapshot().position
    (99849.954997, 1.5)
    """

    _config: EngineConfig

    def __new__(cls, config: EngineConfig | None = None) -> Self:
        config = EngineConfig() if config is None else config
        if not isinstance(config, EngineConfig):
            raise ConfigError(
                f"config must be an EngineConfig, was {type(config).__name__}",
                hint="Engine(EngineConfig(initial_cash=100_000.0))",
            )
        return cls._made(config)

    @classmethod
    def _made(cls, config: EngineConfig, **origin: Any) -> Self:
        engine = super().__new__(cls, config._numbers, **origin)
        engine._config = config
        return engine

    @property
    def config(self) -> EngineConfig:
        """What the engine was made from."""
        return self._config

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the instruments, in the order of their indexes."""
        return self.config.symbols

    # Ticks.

    def step_batch(
        self,
        timestamps: Sequence[int] | Int64Array,
        price_ticks: Sequence[int] | Int64Array,
        qtys: Sequence[Number] | npt.NDArray[Any],
        sides: Sequence[int | str] | UInt8Array,
        *,
        symbol: str | None = None,
        stop_on: str | Sequence[str] | None = None,
    ) -> BatchResult:
        """Take many ticks from lists; arrays go faster through `step_batch_numpy`.

        Parameters
        ----------
        timestamps : sequence of int
            Times in the engine's unit.
        price_ticks : sequence of int
            Prices in ticks.
        qtys : sequence of number
            Quantities in units of the instrument; an array of integers is in lots.
        sides : sequence
            0 or "BUY", 1 or "SELL".
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
            When a row breaks a rule; then no tick at all was taken.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.step_batch([1, 2], [10000, 10001], [1.0, 0.5], ["BUY", "SELL"]).ticks_done
        2
        """
        return self.step_batch_numpy(
            integer_column(timestamps, "timestamps"),
            integer_column(price_ticks, "price_ticks"),
            self._qty_lots(qtys, symbol),
            side_column(sides, "sides"),
            symbol=symbol,
            stop_on=stop_on,
        )

    def bind(self, data: Bindable | Mapping[str, Bindable]) -> None:
        """Attach ticks or bars for `cursor`, `advance` and `run_orders`, from their first row on.

        Of each bar the engine takes two ticks: its open, and all that follows as one over the range
        from low to high, in the bar's last moment; volumes are counted in the engine's lots.
        Binding again replaces what was bound; the engine's clock stays, so data can come in pieces.

        Parameters
        ----------
        data : Ticks or Bars, or a mapping of str to them
            The data of the one instrument, or of several by symbol.

        Raises
        ------
        ConfigError
            When time unit, tick size or lot differ from the engine's; both are named.

        Examples
        --------
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays([1, 2], [100.0, 100.01], [1.0, 1.0], [0, 1], tick_size=0.01)
        >>> engine = ts.Engine()
        >>> engine.bind(ticks)
        >>> engine.advance().ticks_done
        2
        """
        if isinstance(data, Ticks | Bars | BarTicks):
            data = {self._only_symbol(data): data}
        bound = []
        for symbol, rows in data.items():
            instrument = self._index_of(symbol)
            if isinstance(rows, Bars):
                rows = BarTicks(rows, self._lot_of(instrument))
            elif not isinstance(rows, Ticks | BarTicks):
                raise DataError(
                    f"the data of {symbol} must be Ticks or Bars, was {type(rows).__name__}",
                    hint="Ticks.from_arrays(...) makes them from arrays or lists",
                )
            self._check_same_grids(instrument, rows)
            bound.append((instrument, *_feed_of(rows)))
        self._bind(sorted(bound, key=lambda each: each[0]))

    def advance(
        self,
        k: int | None = None,
        *,
        until: Time | None = None,
        stop_on: str | Sequence[str] | int | None = None,
    ) -> BatchResult:
        """Take bound ticks until one of the limits, or the end of the data.

        Parameters
        ----------
        k : int, optional
            At most so many ticks, over all instruments in order of time.
        until : int, str, datetime or datetime64, optional
            Only ticks before this time.
        stop_on : str, sequence of str or int, optional
            Return after the first tick that emits an event of these kinds, such as "FILLED"; a
            number has a bit for each, `1 << EventKind.FILLED`.

        Returns
        -------
        BatchResult
            How many ticks were taken (0 at the end of the data), and how many were looked at.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.bind(ts.Ticks.from_arrays(
        ...     [1, 2, 3], [100.0, 99.0, 98.0], [1.0, 1.0, 1.0], [0, 0, 0], tick_size=0.01))
        >>> engine.place_order(ts.Order("LIMIT", "BUY", 1, price=99))
        1
        >>> engine.advance(stop_on="FILLED").ticks_done, engine.advance(until=3).ticks_done
        (2, 0)
        """
        stop = None if until is None else to_time(until, self.config.time_unit)
        return self._advance(k, stop, stop_on)

    def cursor(self) -> TickCursor:
        """Iterate over the bound ticks; each is taken by the engine just before it is yielded.

        An order placed in the body of the loop is live from the next tick on. The cursor is the
        engine's own: leaving the loop and calling `advance` goes on from the same place.

        Returns
        -------
        TickCursor
            Iterator of `Tick`.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.bind(ts.Ticks.from_arrays([1, 2], [1.0, 2.0], [1, 1], [0, 0], tick_size=0.01))
        >>> [tick.price_ticks for tick in engine.cursor()]
        [100, 200]
        """
        return TickCursor(self)

    # Orders.

    def run_orders(self, orders: Mapping[str, npt.ArrayLike]) -> BatchResult:
        """Run the bound ticks to their end and place many orders on the way.

        Row r is placed after the last tick with time <= time[r], or after tick tick_index[r] of its
        instrument (-1: before its first). Rows must ascend. Rows beyond the data are placed at its
        end and stay open. A bad row refuses the whole call and is named.

        Parameters
        ----------
        orders : mapping of str to array
            Columns named as the arguments of `Order`, and "time" or "tick_index"; one value stands
            for a whole column. Prices and quantities are money and units as floats, or ticks and
            lots as integers; NaN is no price. Types and sides may be names or numbers.

        Returns
        -------
        BatchResult
            How many ticks were taken and rows placed.

        Raises
        ------
        OrderError
            When a column or a row is wrong; then nothing was done.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.bind(ts.Ticks.from_arrays(
        ...     [1, 2, 3], [100.0, 100.0, 101.0], [1.0, 1.0, 1.0], [0, 0, 0], tick_size=0.01))
        >>> orders = {"time": [1, 2], "order_type": "MARKET", "side": ["BUY", "SELL"], "qty": 1.0}
        >>> engine.run_orders(orders).rows_done, engine.trades["price"].tolist()
        (2, [100.01, 100.98])
        """
        return self._run_schedule(_Schedule(self, orders).columns())

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel every open order, alerts excepted; of one instrument, or of all.

        Parameters
        ----------
        symbol : str, optional
            The instrument.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.place_order(ts.Order("LIMIT", "BUY", 1, price=99))
        1
        >>> engine.cancel_all()
        >>> engine.open_orders()
        []
        """
        self._cancel_all(None if symbol is None else self._index_of(symbol))

    # Account.

    def day_roll(self, prices: Number | Mapping[str, Number] | None = None) -> None:
        """End the trading day: settle positions, turn today's lots into yesterday's, end DAY orders.

        Parameters
        ----------
        prices : number or mapping of str to number, optional
            Settlement price of the one instrument, or of every instrument by symbol; by default the
            last prices.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine(ts.EngineConfig(settle="mark"))
        >>> engine.day_roll(100.0)
        """
        if prices is None:
            self._day_roll(None)
            return
        if not isinstance(prices, Mapping):
            prices = {self._only_symbol(None): prices}
        missing = [symbol for symbol in self.symbols if symbol not in prices]
        if missing or len(prices) > len(self.symbols):
            raise OrderError(
                f"settlement prices are needed for {', '.join(self.symbols)}, "
                f"were given for {', '.join(prices)}",
                hint="leave prices out to settle at the last prices",
            )
        self._day_roll([prices[symbol] for symbol in self.symbols])

    # Answers.

    @property
    def events(self) -> Events:
        """Every event since the start that `drain_events` has not taken, as `EVENT_DTYPE`; a copy."""
        return self._event_bytes().view(EVENT_DTYPE)

    @property
    def fills(self) -> Events:
        """The FILLED events among `events`: exact integers."""
        events = self.events
        is_fill: npt.NDArray[np.bool_] = events["kind"] == EventKind.FILLED
        return events[is_fill]

    @property
    def trades(self) -> npt.NDArray[np.void]:
        """The fills in money and units, as `TRADE_DTYPE`; floats for reading."""
        fills = self.fills
        trades = np.zeros(len(fills), dtype=TRADE_DTYPE)
        for name in ("time", "instrument", "order_id", "tag", "tick_index"):
            trades[name] = fills[name]
        trades["side"] = fills["qty_lots"] < 0
        trades["is_maker"] = (fills["reason"] & REASON_BITS) == LIQUIDITY_MAKER
        trades["fee"] = self._money.values(fills["fee_units"])
        trades["realized_pnl"] = self._money.values(fills["realized_units"])
        for index in np.unique(fills["instrument"]).tolist():
            numbers = self.config._numbers["instruments"][index]
            rows = fills["instrument"] == index
            lot, tick = Grid(numbers["lot"], "lot"), Grid(numbers["tick_size"], "tick_size")
            trades["price"][rows] = tick.values(fills["price_ticks"][rows])
            trades["qty"][rows] = lot.values(np.abs(fills["qty_lots"][rows]))
            trades["position"][rows] = lot.values(fills["position_after_lots"][rows])
        return trades

    @property
    def history(self) -> npt.NDArray[np.void]:
        """One row for each of the last `EngineConfig.history` single ticks, as `HISTORY_DTYPE`."""
        if self.config.history is None:
            raise StateError(
                "this engine keeps no history",
                hint="EngineConfig(history=1000) keeps the last 1000 ticks stepped one by one",
            )
        times, instruments, values = self._history()
        history = np.zeros(len(times), dtype=HISTORY_DTYPE)
        history["ts_ms"], history["instrument"] = times, instruments
        for name, column in zip(HISTORY_VALUES, values.T, strict=True):
            history[name] = column
        return history

    def drain_events(self) -> Events:
        """Take the events out of the engine, as `EVENT_DTYPE`; `events` starts empty again.

        The digest and the ids go on. Use it where a run is too long to keep every event.

        Returns
        -------
        structured array
            The events since the last call.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> engine.place_order(ts.Order("MARKET", "BUY", 1))
        1
        >>> len(engine.drain_events()), len(engine.events)
        (1, 0)
        """
        return self._drained_bytes().view(EVENT_DTYPE)

    # Copies.

    def fork(self) -> Self:
        """Copy the engine with everything in it; the two go their own ways from here.

        Bound ticks are shared, each engine with its own place in them.

        Returns
        -------
        Engine
            The copy.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> other = engine.fork()
        >>> other.place_order(ts.Order("MARKET", "BUY", 1))
        1
        >>> len(engine.open_orders()), len(other.open_orders())
        (0, 1)
        """
        return self._made(self.config, source=self)

    def save(self) -> bytes:
        """Write configuration and state as bytes; events and bound ticks are not part of it.

        Returns
        -------
        bytes
            For `Engine.load`; equal states of equal configurations are equal bytes.

        Examples
        --------
        >>> import tickstep as ts
        >>> engine = ts.Engine()
        >>> ts.Engine.load(engine.save()).state_hash == engine.state_hash
        True
        """
        config = json.dumps(self.config.canonical(), sort_keys=True).encode()
        body = _SAVED_MAGIC + len(config).to_bytes(8, "little") + config + self._state_bytes()
        return body + hashlib.sha256(body).digest()

    @classmethod
    def load(cls, saved: bytes) -> Self:
        """Make an engine from bytes that `save` wrote.

        Parameters
        ----------
        saved : bytes
            The saved engine. Bytes are checked, not trusted.

        Returns
        -------
        Engine
            An engine that goes on exactly as the saved one would.

        Raises
        ------
        StateError
            When the bytes are not a saved engine, or were changed.

        Examples
        --------
        >>> import tickstep as ts
        >>> ts.Engine.load(ts.Engine().save()).symbols
        ('ASSET',)
        """
        config, state = _opened(saved)
        return cls._made(config, state=state)

    def __repr__(self) -> str:
        return f"Engine({', '.join(self.symbols)}, time {self.time}, equity {self.equity})"

    # What the methods above share.

    @property
    def _money(self) -> Grid:
        return Grid(self.config._numbers["money_unit"], "money_unit")

    def _only_symbol(self, ticks: Bindable | None) -> str:
        symbol, *others = self.symbols
        if others:
            raise ConfigError(
                f"the engine has {len(self.symbols)} instruments: {', '.join(self.symbols)}",
                hint=f"name them: {{{symbol!r}: ...}}",
            )
        named = None if ticks is None else ticks.symbol
        if named is not None and symbol not in (named, SYMBOL_DEFAULT):
            raise ConfigError(
                f"the ticks are of {named}, the engine trades {symbol}",
                hint=f"bind({{{symbol!r}: ticks}}) if that is what you mean",
            )
        return symbol

    def _lot_of(self, instrument: int) -> str:
        return str(self.config._numbers["instruments"][instrument]["lot"])

    def _check_rows(self, symbol: str, rows: BarTicks) -> None:
        """Check rows that a loop reads without binding them, as `bind` would."""
        instrument = self._index_of(symbol)
        self._check_same_grids(instrument, rows)
        if rows._source is not None:
            rows._source.check(self, instrument)

    def _check_same_grids(self, instrument: int, ticks: Ticks | BarTicks) -> None:
        numbers = self.config._numbers["instruments"][instrument]
        ours = (numbers["tick_size"], numbers["lot"], self.config.time_unit)
        theirs = (ticks._tick.step, ticks._lot.step, ticks.time_unit)
        for name, our, their in zip(("tick_size", "lot", "time_unit"), ours, theirs, strict=True):
            if our != their:
                raise ConfigError(
                    f"{name} of the ticks is {their}, of the engine's {numbers['symbol']} {our}",
                    hint=f"EngineConfig({name}={their!r}), or read the data with {name}={our!r}",
                )

    def _qty_lots(self, qtys: Any, symbol: str | None) -> npt.NDArray[Any]:
        array = np.asarray(qtys)
        if array.dtype.kind in "iu" and not isinstance(qtys, np.ndarray):
            array = array.astype(np.float64)  # a list of whole numbers is in units like any other
        if array.dtype == np.float64:
            return np.ascontiguousarray(array)
        numbers = self.config._numbers["instruments"][self._index_of(symbol)]
        return grid_column(array, Grid(numbers["lot"], "lot"), "qtys")


def _feed_of(rows: Ticks | BarTicks) -> tuple[TickColumns, int, int]:
    """Columns that the kernel reads, and which of their rows."""
    if isinstance(rows, BarTicks):
        return rows._feed, 0, len(rows)
    return rows._columns, rows._start, rows._stop


def _opened(saved: bytes) -> tuple[EngineConfig, bytes]:
    body, digest = bytes(saved)[:-_SHA256_SIZE], bytes(saved)[-_SHA256_SIZE:]
    if not body.startswith(_SAVED_MAGIC):
        raise StateError(
            f"these {len(saved)} bytes are not a saved engine",
            hint="give the bytes that Engine.save() returned, by this version of tickstep",
        )
    if hashlib.sha256(body).digest() != digest:
        raise StateError(
            "the saved engine is damaged: its SHA-256 does not match",
            hint="the bytes were changed or cut off after saving",
        )
    start = len(_SAVED_MAGIC) + 8
    stop = start + int.from_bytes(body[start - 8 : start], "little")
    try:
        return EngineConfig.from_canonical(json.loads(body[start:stop])), body[stop:]
    except ValueError as error:  # of JSON, or a ConfigError
        raise StateError(
            f"the configuration in the saved engine cannot be read: {error}",
            hint="give the bytes that Engine.save() returned, by this version of tickstep",
        ) from error


# --- Orders as columns. ---------------------------------------------------------------------------

_NAMED = {
    "order_type": _kernel.ORDER_TYPES,
    "side": _kernel.SIDES,
    "time_in_force": _kernel.TIMES_IN_FORCE,
    "offset": _kernel.OFFSETS,
}
_ON_TICK_GRID = ("price", "trigger", "trail")
_FLAGS = {"post_only": 1, "reduce_only": 2}
_WHOLE = {
    "expire_ts": ("expire_time", np.int64),
    "oco_group": ("oco_group", np.uint64),
    "tag": ("tag", np.uint64),
}
_POINTS = ("time", "tick_index")
_REQUIRED = ("order_type", "side")
_SCHEDULE_NAMES = (*_POINTS, *_NAMED, "symbol", "qty", *_ON_TICK_GRID, *_FLAGS, *_WHOLE)


class _Schedule:
    """Columns of orders in human units, turned into the kernel's integers."""

    def __init__(self, engine: Engine, orders: Mapping[str, npt.ArrayLike]) -> None:
        self.engine = engine
        self.given = {name: np.asarray(column) for name, column in orders.items()}
        self._check_names()
        self.point = next(name for name in _POINTS if name in self.given)
        self.rows = self.given[self.point].size
        self._check_shapes()
        self.instrument = self._instruments()

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """One array for each column that was given, named as the kernel's."""
        columns: dict[str, npt.NDArray[Any]] = {
            self.point: self._full(integer_column(self.given[self.point], self.point, OrderError)),
            "instrument": self.instrument,
            "qty_lots": self._on_grid("qty", "lot"),
        }
        for name, numbers in _NAMED.items():
            if name in self.given:
                columns[name] = self._full(self._codes(name, numbers))
        for name in _ON_TICK_GRID:
            if name in self.given:
                columns[f"{name}_ticks"] = self._on_grid(name, "tick_size")
        if any(name in self.given for name in _FLAGS):
            columns["flags"] = self._flags()
        for name, (kernel_name, kind) in _WHOLE.items():
            if name in self.given:
                columns[kernel_name] = self._full(self._whole(name, kind))
        return columns

    def _check_names(self) -> None:
        unknown = [name for name in self.given if name not in _SCHEDULE_NAMES]
        if unknown:
            raise OrderError(
                f"orders has a column {unknown[0]!r} that no order has",
                hint=f"columns are {', '.join(_SCHEDULE_NAMES)}",
            )
        if sum(name in self.given for name in _POINTS) != 1:
            raise OrderError(
                "orders needs either a column 'time' or a column 'tick_index'",
                hint="'time' places a row after the last tick at or before that time",
            )
        missing = [name for name in _REQUIRED if name not in self.given]
        if missing:
            raise OrderError(f"orders has no column {missing[0]!r}", hint="every order needs one")

    def _check_shapes(self) -> None:
        for name, column in self.given.items():
            is_point = name == self.point
            if (
                column.ndim > 1
                or (is_point and column.ndim == 0)
                or (column.ndim == 1 and column.size != self.rows)
            ):
                raise OrderError(
                    f"the column {name!r} has the shape {column.shape}, expected ({self.rows},)",
                    hint="give one value for each row, or one value for all",
                )

    def _full(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.ascontiguousarray(np.broadcast_to(column, (self.rows,)))

    def _instruments(self) -> npt.NDArray[np.uint32]:
        if "symbol" not in self.given:
            index = self.engine._index_of(None)
            return np.full(self.rows, index, dtype=np.uint32)
        names, places = np.unique(self.given["symbol"], return_inverse=True)
        indexes = np.array([self.engine._index_of(str(each)) for each in names], dtype=np.uint32)
        return self._full(indexes[places].reshape(self.given["symbol"].shape))

    def _codes(self, name: str, numbers: Mapping[str, int]) -> UInt8Array:
        column = self.given[name]
        if column.dtype.kind not in "OU":
            whole = integer_column(column, name, OrderError)
            codes, known = whole, np.isin(whole, list(numbers.values()))
        else:
            names, places = np.unique(column.astype(str), return_inverse=True)
            found = np.array([numbers.get(str(each), -1) for each in names], dtype=np.int64)
            codes = found[places].reshape(column.shape)
            known = codes >= 0
        bad = np.flatnonzero(~known)
        if bad.size:
            raise OrderError(
                f"{name} at row {bad[0]} is {plain(column.ravel()[bad[0]])!r}",
                hint=f"one of {', '.join(numbers)}",
            )
        return codes.astype(np.uint8)

    def _on_grid(self, name: str, size: str) -> Int64Array:
        column = self._full(self.given.get(name, np.asarray(0)))
        given = self._given(name, column)
        result = np.zeros(self.rows, dtype=np.int64)
        sizes = [each[size] for each in self.engine.config._numbers["instruments"]]
        grids = list(dict.fromkeys(sizes))  # few, however many instruments share them
        places = {step: place for place, step in enumerate(grids)}
        place_of_row = np.array([places[step] for step in sizes])[self.instrument]
        for place in np.unique(place_of_row).tolist():
            rows = given & (place_of_row == place)
            # The other rows become 0, which is on every grid, so that errors name the right row.
            masked = np.where(rows, column, 0)
            result += grid_column(masked, Grid(grids[place], size), name, OrderError)
        return result

    def _given(self, name: str, column: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        given = ~np.isnan(column) if column.dtype.kind == "f" else np.full(self.rows, True)
        if name == "price":  # that of a MARKET order means nothing, here as in Order
            given &= self._full(self._codes("order_type", _kernel.ORDER_TYPES)) != MARKET
        return given

    def _flags(self) -> npt.NDArray[np.uint32]:
        flags = np.zeros(self.rows, dtype=np.uint32)
        for name, bit in _FLAGS.items():
            column = self.given.get(name, np.asarray(False))
            if column.dtype.kind != "b":
                raise OrderError(
                    f"{name} must be booleans, was {column.dtype}",
                    hint="True or False for all rows, or for each",
                )
            flags |= np.where(self._full(column), np.uint32(bit), np.uint32(0))
        return flags

    def _whole(self, name: str, kind: type[Any]) -> npt.NDArray[Any]:
        column = self.given[name]
        if column.dtype == kind:
            return column
        whole = integer_column(column, name, OrderError)
        if kind == np.uint64 and (whole < 0).any():
            row = int(np.flatnonzero(whole < 0)[0])
            raise OrderError(
                f"{name} at row {row} must be 0 or more, was {whole.ravel()[row]}",
                hint="0 is none",
            )
        return whole.astype(kind)
