"""Every exception tickstep raises, and the one table from kernel status to exception.

An error says what was wrong (`message`, with the value and the rule), and how to mend it (`hint`).
`code` and `name` are the kernel's status where the kernel refused the call. Only bad calls raise:
what the market or the account refuses is a REJECTED event, because it is a result and not a mistake.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = [
    "CapacityError",
    "ConfigError",
    "DataError",
    "InternalError",
    "MoneyOverflowError",
    "OrderError",
    "StateError",
    "StrategyError",
    "TickstepError",
    "UnknownOrderError",
    "error_from_status",
    "nearest",
]

NAMES_IN_HINT = 12


class TickstepError(Exception):
    """Base of every error raised by tickstep.

    Parameters
    ----------
    message : str
        What was wrong, in full words: the value and the rule.
    hint : str, optional
        How to mend it.
    code : int, optional
        Status of the kernel, when the kernel refused the call.
    name : str, optional
        Name of that status; by default the name of the class.

    Examples
    --------
    >>> import tickstep as ts
    >>> try:
    ...     ts.EngineConfig(tick_size=0)
    ... except ts.TickstepError as error:
    ...     print(error.name, "|", error.hint is not None)
    NOT_POSITIVE | True
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.name = name if name is not None else type(self).__name__

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"

    # Exceptions are pickled by positional arguments alone; worker processes must not lose the rest.
    def __reduce__(self) -> tuple[Callable[..., "TickstepError"], tuple[object, ...]]:
        return _rebuild, (type(self), self.message, self.hint, self.code, self.name)


class ConfigError(TickstepError, ValueError):
    """A configuration that the engine cannot run exactly."""


class DataError(TickstepError, ValueError):
    """Market data that breaks a rule; the message names the row."""


class OrderError(TickstepError, ValueError):
    """An order that cannot be understood, or a command on one that has ended."""


class UnknownOrderError(OrderError, KeyError):
    """An order id that this engine never gave out."""


class MoneyOverflowError(TickstepError, OverflowError):
    """A sum of money beyond 2^62 units; nothing was done."""


class StateError(TickstepError, ValueError):
    """Saved bytes that cannot be loaded, or a call that does not fit the engine's present state."""


class CapacityError(TickstepError, MemoryError):
    """More orders or events than the engine can hold."""


class InternalError(TickstepError, RuntimeError):
    """A state that must not exist. Please report it with the script that led here."""


class StrategyError(TickstepError, RuntimeError):
    """An exception out of a strategy's own code; the exception itself is the `__cause__`.

    Parameters
    ----------
    message : str
        What was raised, in which event, when and where.
    hint : str, optional
        That of the exception, where it has one.
    event : str
        The method of the strategy that was called: "on_bar".
    time : int
        Time of that call, in the data's unit.
    file, line : str and int, optional
        The innermost line of code that is neither Python's nor a library's.
    result : Result, optional
        The run up to there, `is_complete` False. It does not travel between processes.

    Examples
    --------
    >>> import tickstep as ts
    >>> class Wrong(ts.Strategy):
    ...     def on_bar(self, bar):
    ...         1 / 0
    >>> bars = ts.Bars.from_arrays([0], [5], [9], [4], [8], [7], interval="1s")
    >>> try:
    ...     ts.backtest(Wrong, bars)
    ... except ts.StrategyError as error:
    ...     print(error.event, error.time, error.result.is_complete)
    on_bar 999 False
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        event: str = "",
        time: int = 0,
        file: str | None = None,
        line: int | None = None,
        result: Any = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.event = event
        self.time = time
        self.file = file
        self.line = line
        self.result = result

    def __reduce__(self) -> tuple[Callable[..., TickstepError], tuple[object, ...]]:
        place = (self.event, self.time, self.file, self.line)
        return _rebuild_strategy_error, (self.message, self.hint, place)


class Status(NamedTuple):
    """One kernel status: its number and name in `tickstep.h`, its exception and the usual mend."""

    number: int
    name: str
    error: type[TickstepError]
    hint: str | None = None


_REPORT = "this is a bug in tickstep: please report it with the script that led here"

STATUSES = (
    Status(1, "NULL_ARGUMENT", InternalError, _REPORT),
    Status(2, "STRUCT_SIZE", InternalError, _REPORT),
    Status(3, "MEMORY_SIZE", InternalError, _REPORT),
    Status(4, "MEMORY_ALIGN", InternalError, _REPORT),
    Status(5, "CAPACITY_RANGE", CapacityError, "drain events and close orders you do not need"),
    Status(6, "CAPACITY_SMALLER", InternalError, _REPORT),
    Status(
        7, "CONFIG_MISMATCH", StateError, "load a state with the configuration it was saved with"
    ),
    Status(10, "INSTRUMENT_COUNT", ConfigError, "give from 1 to 65536 instruments"),
    Status(
        11, "UNIT_RANGE", ConfigError, "choose a coarser money_unit, or a finer tick_size or lot"
    ),
    Status(
        12, "SPREAD_RANGE", ConfigError, "spread_bps is the whole spread: 0 or more, below 20000"
    ),
    Status(
        13, "FEE_RANGE", ConfigError, "fees are fractions of the value: 0.0002 is 2 basis points"
    ),
    Status(14, "RULE", ConfigError),
    Status(15, "QTY_RULE", ConfigError, "qty_step and qty_min must be at least one lot"),
    Status(16, "BAND", ConfigError, "price_band is (lowest, highest), both allowed prices"),
    Status(17, "CASH_RANGE", ConfigError, "choose a coarser money_unit for a larger account"),
    Status(18, "LATENCY_RANGE", ConfigError, "latency is 0 or more, in the engine's time unit"),
    Status(19, "PARTICIPATION", ConfigError, "with quantity='volume' give 0 < participation <= 1"),
    Status(20, "WALLET", InternalError, _REPORT),
    Status(
        21, "CASH_ACCOUNT", ConfigError, "use account=None, or settle='spot' and position='net'"
    ),
    Status(30, "INSTRUMENT", ConfigError, "engine.symbols lists the instruments"),
    Status(31, "SIDE", OrderError, "side is 'BUY' or 'SELL'"),
    Status(32, "ORDER_TYPE", OrderError),
    Status(33, "TIME_IN_FORCE", OrderError, "GTC, GTD, DAY, IOC or FOK; alerts are always GTC"),
    Status(34, "OFFSET", OrderError, "leave offset out, or use position='hedge'"),
    Status(35, "FLAGS", OrderError, "post_only is for LIMIT and STOP_LIMIT without IOC or FOK"),
    Status(36, "QTY", OrderError),
    Status(37, "PRICE", OrderError),
    Status(38, "TRIGGER", OrderError),
    Status(39, "TRAIL", OrderError),
    Status(40, "EXPIRY", OrderError, "give expire_ts in the engine's time unit"),
    Status(41, "FIELD_UNUSED", OrderError, "leave out what this order type does not use"),
    Status(42, "ORDER_UNKNOWN", UnknownOrderError, "ids are what place_order returned"),
    Status(43, "ORDER_CLOSED", OrderError, "engine.events tells how it ended"),
    Status(44, "AMEND_FIELDS", OrderError, "name at least one field that this order has"),
    Status(45, "REASON", OrderError, "refuse with RISK_LIMIT, or NO_CASH and those after it"),
    Status(50, "TIME_BACKWARDS", DataError, "sort the ticks by time; equal times are fine"),
    Status(51, "TIME_RANGE", DataError),
    Status(52, "TICK_PRICE", DataError, "prices are integer ticks; see allow_negative_prices"),
    Status(53, "TICK_QTY", DataError, "quantities are integer lots, at least 1"),
    Status(54, "TICK_SIDE", DataError, "sides are 0 for BUY and 1 for SELL"),
    Status(55, "TICK_QUOTE", DataError),
    Status(56, "COLUMN_MISSING", DataError, "quantity='volume' needs the quantities of the ticks"),
    Status(57, "FEED_CURSOR", InternalError, _REPORT),
    Status(58, "FEED_REPEATED", DataError, "give each instrument once"),
    Status(59, "ZONE_MAP", InternalError, _REPORT),
    Status(60, "SCHEDULE_ORDER", OrderError, "sort the orders by time"),
    Status(61, "SCHEDULE_POINT", OrderError, "give either 'time' or 'tick_index'"),
    Status(62, "AMOUNT", OrderError, "deposits are positive, withdrawals negative, none is 0"),
    Status(63, "SETTLE_PRICE", OrderError),
    Status(64, "ENTRY_KIND", OrderError),
    Status(65, "TICK_RANGE", DataError, "of each bar: low <= open, close <= high"),
    Status(70, "CAPACITY", CapacityError, "drain events and close orders you do not need"),
    Status(71, "OVERFLOW", MoneyOverflowError, "trade less, or choose a coarser money_unit"),
    Status(80, "STATE_FORMAT", StateError, "give the bytes that Engine.save() returned"),
    Status(81, "STATE_VERSION", StateError, "load it with the version of tickstep that saved it"),
    Status(82, "STATE_CHECKSUM", StateError, "the bytes were changed or cut off after saving"),
    Status(83, "STATE_INVALID", StateError, "the bytes were changed after saving"),
    Status(90, "INTERNAL", InternalError, _REPORT),
)

_BY_NUMBER = {status.number: status for status in STATUSES}


def error_from_status(
    code: int,
    name: str,
    message: str,
    hint: str | None = None,
    kind: type[TickstepError] = InternalError,
) -> TickstepError:
    """Make the exception that belongs to an error of the native layers.

    `_kernel` calls this for everything that the kernel or the layer around it refuses.

    Parameters
    ----------
    code : int
        Status of `tickstep.h`, or from 100 on a number of the layer around the kernel.
    name : str
        Name of that number.
    message : str
        What was wrong, with the values.
    hint : str, optional
        How to mend it, when the caller knows better than the table.
    kind : type, optional
        Class for numbers that are not in the table: what the call was about.

    Returns
    -------
    TickstepError
        Not raised yet.

    Examples
    --------
    >>> from tickstep.errors import error_from_status
    >>> error = error_from_status(42, "ORDER_UNKNOWN", "order_id is 7: no order has this id")
    >>> type(error).__name__, error.hint
    ('UnknownOrderError', 'ids are what place_order returned')
    """
    status = _BY_NUMBER.get(code)
    if status is None:
        return kind(message, hint=hint, code=code, name=name)
    return status.error(message, hint=hint or status.hint, code=code, name=name)


def nearest(name: object, known: Iterable[str]) -> str:
    """Word the mend of a name that is not known.

    Parameters
    ----------
    name : object
        What was given.
    known : iterable of str
        What could have been.

    Returns
    -------
    str
        The nearest of them where one is near, and all of them where they are few.

    Examples
    --------
    >>> from tickstep.errors import nearest
    >>> nearest("tker_fee", ["maker_fee", "taker_fee"])
    "did you mean 'taker_fee'? there are maker_fee, taker_fee"
    >>> nearest("x", [])
    'there are none'
    """
    # Loaded here because only mistakes need it.
    from difflib import get_close_matches

    names = list(known)
    if not names:
        return "there are none"
    listed = ", ".join(names[:NAMES_IN_HINT])
    more = len(names) - NAMES_IN_HINT
    told = f"there are {listed}" + (f" and {more:,} more" if more > 0 else "")
    lowered = {each.lower(): each for each in names}
    near = get_close_matches(str(name).lower(), lowered, n=1)
    return f"did you mean {lowered[near[0]]!r}? {told}" if near else told


def _rebuild_strategy_error(
    message: str, hint: str | None, place: tuple[str, int, str | None, int | None]
) -> StrategyError:
    event, time, file, line = place
    return StrategyError(message, hint=hint, event=event, time=time, file=file, line=line)


def _rebuild(
    kind: type[TickstepError], message: str, hint: str | None, code: int | None, name: str
) -> TickstepError:
    return kind(message, hint=hint, code=code, name=name)
