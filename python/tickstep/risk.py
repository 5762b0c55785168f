"""Limits on what a strategy may do, as one frozen description for backtest, paper and live.

A `RiskManager` says what is allowed; it holds no state, reads no clock and opens no file. What it
does in a run is in `tickstep.watch`: before the trade every order is held against it, and what breaks
a limit is refused; after the trade, and between events, losses and leverage are held against it, and a
breach stops the trading. Refusals and breaches are events, in the record of the run and in its digest.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NamedTuple, Self

from tickstep.errors import ConfigError, nearest
from tickstep.intervals import interval_length
from tickstep.ticks import Number

__all__ = ["Breach", "Refusal", "RiskEntry", "RiskLimits", "RiskManager", "utc_offset_seconds"]

ACTIONS = ("halt", "flatten")
_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-5][0-9])")
_COUNT_MAX = 1_000_000


class Refusal(NamedTuple):
    """Why an order is refused: the limit, what it would come to, what is allowed, and in words."""

    limit: str
    value: Decimal | None
    bound: Decimal | None
    text: str


class Breach(NamedTuple):
    """A limit that was broken after the trade; floats are for reading.

    `limit` is max_daily_loss, max_drawdown, max_leverage or kill_switch, `value` what it came to,
    `bound` what is allowed, `action` what was done: halt or flatten.
    """

    time: int
    limit: str
    value: float | None
    bound: float | None
    action: str


class RiskEntry(NamedTuple):
    """A row of `Result.risk`: a refused order or amendment, or a breach (which has no order)."""

    time: int
    kind: str
    symbol: str | None
    order_id: int | None
    limit: str
    value: float | None
    bound: float | None
    text: str


@dataclass(frozen=True, init=False)
class RiskLimits:
    """Limits of the orders in one instrument; None is no limit.

    Parameters
    ----------
    max_order_qty : number, units of the instrument
        Quantity of one order.
    max_order_value : number, money
        Value of one order: at the limit of a buy, else at the highest of its prices and the last one.
    max_position : number, units of the instrument
        Position on either side, open orders counted as filled.
    price_band : number, fraction, or text such as "5%"
        Distance of a limit, a trigger or a trail from the last price.

    Raises
    ------
    ConfigError
        With the value, the rule and a mend.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.RiskLimits(max_position=10, price_band="5%")
    RiskLimits(max_position=10, price_band=0.05)
    """

    max_order_qty: Decimal | None
    max_order_value: Decimal | None
    max_position: Decimal | None
    price_band: Decimal | None

    def __init__(
        self,
        *,
        max_order_qty: Number | None = None,
        max_order_value: Number | None = None,
        max_position: Number | None = None,
        price_band: Number | None = None,
        **unknown: Any,
    ) -> None:
        _refuse_unknown(type(self), unknown)
        _set(
            self,
            max_order_qty=_amount("max_order_qty", max_order_qty),
            max_order_value=_amount("max_order_value", max_order_value),
            max_position=_amount("max_position", max_position, can_be_zero=True),
            price_band=_fraction("price_band", price_band),
        )

    def canonical(self) -> dict[str, Any]:
        """Write the limits down as text; those that there are."""
        return {name: _text(value) for name, value in _given(self).items()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_worded(self.canonical())})"


@dataclass(frozen=True, init=False)
class RiskManager:
    """Limits of an account, and what happens when one is broken; None is no limit.

    A value at its bound is allowed, one beyond it is not.

    Parameters
    ----------
    max_order_qty, max_order_value, max_position, price_band
        As of `RiskLimits`, for every instrument that `per_symbol` does not say otherwise for.
    max_leverage : number
        Gross value of the positions over equity; of an order with every open order counted as filled.
    max_orders : (int, str)
        How many orders and amendments in how much time of the data: (10, "1m"). An order leaves the
        count exactly that long after it was placed.
    max_daily_loss : number, money, or text such as "2%"
        Loss since the day began; a percentage is of the equity then.
    max_drawdown : number, fraction, or text such as "10%"
        Fall from the highest equity, as a fraction of it.
    restricted : sequence of str
        Instruments that may only be closed.
    allowed : sequence of str, optional
        All others may only be closed.
    per_symbol : mapping of str to RiskLimits
        Limits of single instruments: what one leaves out is taken from here.
    on_breach : {"halt", "flatten"}
        What a broken `max_daily_loss`, `max_drawdown` or `max_leverage` leads to. Both cancel every
        open order and refuse new ones, but for those that only reduce a position; "flatten" closes all
        positions at the market besides. A halt for the daily loss ends with the day, one for leverage
        when leverage is within its bound again, one for drawdown not at all.
    utc_offset : str
        Where the day begins: "+08:00" is midnight in Shanghai.
    kill_switch : bool
        True refuses every order from the start; `Strategy.kill` does so on the way.

    Raises
    ------
    ConfigError
        With the value, the rule and a mend; of a name that is not known with the nearest.

    Notes
    -----
    Deposits and withdrawals are no gains and no losses. Equity is counted after each row of one
    instrument, and after all rows of one time of several.

    Examples
    --------
    >>> import tickstep as ts
    >>> class Greedy(ts.Strategy):
    ...     def on_bar(self, bar):
    ...         self.buy(8)
    ...     def on_order(self, update):
    ...         if update.kind == "REJECTED":
    ...             print(update.reason, "|", update.detail)
    >>> five = [5, 5, 5]
    >>> bars = ts.Bars.from_arrays(
    ...     [0, 1000, 2000], five, five, five, five, [900] * 3, interval="1s", lot=1)
    >>> result = ts.backtest(Greedy, bars, risk=ts.RiskManager(max_position=10))
    RISK_LIMIT | max_position: long 16, at most 10
    RISK_LIMIT | max_position: long 16, at most 10
    >>> result.risk["limit"].to_list()
    ['max_position', 'max_position']
    """

    max_order_qty: Decimal | None
    max_order_value: Decimal | None
    max_position: Decimal | None
    max_leverage: Decimal | None
    price_band: Decimal | None
    max_orders: tuple[int, str] | None
    max_daily_loss: Decimal | str | None
    max_drawdown: Decimal | None
    restricted: tuple[str, ...]
    allowed: tuple[str, ...] | None
    per_symbol: Mapping[str, RiskLimits]
    on_breach: str
    utc_offset: str
    kill_switch: bool

    def __init__(
        self,
        *,
        max_order_qty: Number | None = None,
        max_order_value: Number | None = None,
        max_position: Number | None = None,
        max_leverage: Number | None = None,
        price_band: Number | None = None,
        max_orders: tuple[int, str] | None = None,
        max_daily_loss: Number | None = None,
        max_drawdown: Number | None = None,
        restricted: Sequence[str] = (),
        allowed: Sequence[str] | None = None,
        per_symbol: Mapping[str, RiskLimits] | None = None,
        on_breach: str = "halt",
        utc_offset: str = "+00:00",
        kill_switch: bool = False,
        **unknown: Any,
    ) -> None:
        _refuse_unknown(type(self), unknown)
        if on_breach not in ACTIONS:
            raise ConfigError(f"on_breach {on_breach!r} is not known", hint="'halt' or 'flatten'")
        if not isinstance(kill_switch, bool):
            raise ConfigError(f"kill_switch {kill_switch!r} is no truth", hint="True or False")
        utc_offset_seconds(utc_offset)
        _set(
            self,
            max_order_qty=_amount("max_order_qty", max_order_qty),
            max_order_value=_amount("max_order_value", max_order_value),
            max_position=_amount("max_position", max_position, can_be_zero=True),
            max_leverage=_amount("max_leverage", max_leverage),
            price_band=_fraction("price_band", price_band),
            max_orders=_rate(max_orders),
            max_daily_loss=_loss(max_daily_loss),
            max_drawdown=_fraction("max_drawdown", max_drawdown, most=1),
            restricted=_symbols("restricted", restricted),
            allowed=None if allowed is None else _symbols("allowed", allowed),
            per_symbol=_per_symbol(per_symbol or {}),
            on_breach=on_breach,
            utc_offset=utc_offset,
            kill_switch=kill_switch,
        )

    def limits_of(self, symbol: str) -> RiskLimits:
        """Tell the limits of one instrument: its own, and where it has none those of all.

        Examples
        --------
        >>> import tickstep as ts
        >>> risk = ts.RiskManager(max_position=5, per_symbol={"A": ts.RiskLimits(max_order_qty=1)})
        >>> risk.limits_of("A"), risk.limits_of("B")
        (RiskLimits(max_order_qty=1, max_position=5), RiskLimits(max_position=5))
        """
        own = self.per_symbol.get(symbol)
        names = [each.name for each in fields(RiskLimits)]
        found = {name: getattr(self, name) for name in names}
        return RiskLimits(**found | ({} if own is None else _given(own)))

    def loss_bound(self, equity: Fraction) -> Fraction | None:
        """Tell the loss of a day that is allowed, of the equity it began with; None is any."""
        loss = self.max_daily_loss
        if isinstance(loss, str):
            return max(Fraction(0), equity * Fraction(loss.removesuffix("%")) / 100)
        return None if loss is None else Fraction(loss)

    def check_symbols(self, symbols: Sequence[str]) -> list[str]:
        """Hold the names of instruments against those that are traded.

        Parameters
        ----------
        symbols : sequence of str
            Those that are traded.

        Returns
        -------
        list of str
            Those of `restricted` and `allowed` that are not: lists may be longer than one run.

        Raises
        ------
        ConfigError
            When `per_symbol` limits an instrument that is not traded.
        """
        for symbol in self.per_symbol:
            if symbol not in symbols:
                raise ConfigError(
                    f"per_symbol limits {symbol!r}, which is not traded",
                    hint=nearest(symbol, symbols),
                )
        return [each for each in (*self.restricted, *(self.allowed or ())) if each not in symbols]

    def canonical(self) -> dict[str, Any]:
        """Write the description down as text, truths and lists; what is not limited is left out.

        Examples
        --------
        >>> import tickstep as ts
        >>> risk = ts.RiskManager(max_position=10, max_daily_loss="2%", max_orders=(5, "1s"))
        >>> risk.canonical()["max_daily_loss"], risk.canonical()["max_orders"]
        ('2%', [5, '1s'])
        >>> ts.RiskManager.from_canonical(risk.canonical()) == risk
        True
        """
        told: dict[str, Any] = {}
        for name, value in _given(self).items():
            if isinstance(value, Mapping):
                told[name] = {symbol: each.canonical() for symbol, each in value.items()}
            else:
                told[name] = list(value) if isinstance(value, tuple) else _text(value)
        return told

    @classmethod
    def from_canonical(cls, canonical: Mapping[str, Any]) -> Self:
        """Read what `canonical` wrote.

        Raises
        ------
        ConfigError
            When it is not what `canonical` writes.
        """
        try:
            given = dict(canonical)
            if "per_symbol" in given:
                per_symbol = given["per_symbol"].items()
                given["per_symbol"] = {name: RiskLimits(**each) for name, each in per_symbol}
            return cls(**given)
        except (AttributeError, TypeError, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(
                f"this is no description of a risk manager: {error!r}",
                hint="give what RiskManager.canonical() returned, by this version of tickstep",
            ) from error

    def told(self) -> str:
        """Say what the limits are, as an assumption of a run.

        Examples
        --------
        >>> import tickstep as ts
        >>> ts.RiskManager(max_position=5, on_breach="flatten").told()
        'risk limits: max_position=5, on_breach=flatten'
        """
        return f"risk limits: {_worded(self.canonical()) or 'none'}"

    def __repr__(self) -> str:
        return f"RiskManager({_worded(self.canonical())})"

    def __hash__(self) -> int:
        return hash(repr(self))


def utc_offset_seconds(text: str) -> int:
    """Turn "+08:00" into seconds.

    Raises
    ------
    ConfigError
        When it is no offset.

    Examples
    --------
    >>> from tickstep.risk import utc_offset_seconds
    >>> utc_offset_seconds("+08:00"), utc_offset_seconds("-05:30")
    (28800, -19800)
    """
    found = _OFFSET.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ConfigError(f"utc_offset {text!r} is no offset", hint="such as '+08:00' or '-05:30'")
    sign, hours, minutes = found.groups()
    seconds = 3600 * int(hours) + 60 * int(minutes)
    if seconds >= 86_400:
        raise ConfigError(f"utc_offset {text!r} is a day or more", hint="within a day of UTC")
    return -seconds if sign == "-" else seconds


# --- What was given, checked. ---------------------------------------------------------------------


def _set(description: object, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(description, name, value)


def _refuse_unknown(kind: type[Any], unknown: Mapping[str, Any]) -> None:
    for name in unknown:
        raise ConfigError(
            f"{kind.__name__} has no parameter {name!r}",
            hint=nearest(name, [each.name for each in fields(kind)]),
        )


def _decimal(name: str, value: Any) -> Decimal:
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite():
        raise ConfigError(f"{name} {value!r} is no number", hint="a number, or text like '0.5'")
    return number


def _amount(name: str, value: Any, *, can_be_zero: bool = False) -> Decimal | None:
    if value is None:
        return None
    number = _decimal(name, value)
    if number < 0 or (number == 0 and not can_be_zero):
        least = "0 or more" if can_be_zero else "above 0"
        raise ConfigError(f"{name} {value} must be {least}", hint="None, the default, is no limit")
    return number


def _fraction(name: str, value: Any, most: int | None = None) -> Decimal | None:
    if value is None:
        return None
    is_percent = isinstance(value, str) and value.endswith("%")
    number = _decimal(name, value[:-1] if is_percent else value) / (100 if is_percent else 1)
    if number <= 0 or (most is not None and number > most):
        bounds = "above 0" if most is None else f"above 0 and at most {most}"
        raise ConfigError(
            f"{name} {value} must be {bounds}", hint="0.05 and '5%' are one twentieth"
        )
    return number


def _loss(value: Any) -> Decimal | str | None:
    if isinstance(value, str) and value.endswith("%"):
        fraction = _fraction("max_daily_loss", value, most=1)
        assert fraction is not None, "it was given"
        return f"{_text(100 * fraction)}%"
    return _amount("max_daily_loss", value)


def _rate(value: Any) -> tuple[int, str] | None:
    if value is None:
        return None
    is_pair = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
    count, span = value if is_pair else (0, "")
    if type(count) is not int or not 1 <= count <= _COUNT_MAX or not isinstance(span, str):
        raise ConfigError(
            f"max_orders {value!r} is not a count from 1 to {_COUNT_MAX:,} and an interval",
            hint='max_orders=(10, "1m") is ten in a minute',
        )
    interval_length(span, "ns")
    return count, span


def _symbols(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{name} {value!r} is no list of symbols", hint=f'{name}=["A", "B"]')
    return tuple(value)


def _per_symbol(value: Any) -> dict[str, RiskLimits]:
    for symbol, limits in value.items():
        if not isinstance(limits, RiskLimits):
            raise ConfigError(
                f"per_symbol of {symbol} is a {type(limits).__name__}",
                hint=f"per_symbol={{{symbol!r}: ts.RiskLimits(max_position=5)}}",
            )
    return dict(value)


# --- What is told of it. --------------------------------------------------------------------------

_UNSAID = {"on_breach": "halt", "utc_offset": "+00:00", "kill_switch": False}


def _given(description: Any) -> dict[str, Any]:
    """What says anything: no default but `allowed=()`, which allows nothing."""
    told = {each.name: getattr(description, each.name) for each in fields(description)}
    return {
        name: value
        for name, value in told.items()
        if value is not None and value != _UNSAID.get(name) and (value or name not in _LISTS)
    }


_LISTS = ("restricted", "per_symbol")


def _text(value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _worded(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in told.items())
