"""Corporate actions: prices made comparable across dividends, splits and rights, exactly.

Raw prices are what is stored. Adjusted ones are a pure function of raw bars and the actions known at
a time, computed when they are wanted, so that no later action changes what an earlier run saw. All
factors are fractions; the one rounding is the last step, to the tick.

At each action the price falls without anybody having lost anything. The reference price after it is
that of the trading rules of the Shanghai and Shenzhen exchanges, (close - cash + rights x rights
price) / (1 + bonus + rights), with a split in place of the 1; the price factor of the action is this
reference over the last close before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np

from tickstep.bars import Bars
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Int64Array, Number, Time, to_time

__all__ = ["Action", "Factor", "adjust", "factors"]

Method = Literal["forward", "backward"]
_INT64_SAFE = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One corporate action; several on one day count together.

    Parameters
    ----------
    ex : int, str, datetime or datetime64
        First time at which shares trade without the right: the ex-date as text ("2024-06-14" is its
        midnight UTC, before the session of that date in China, Hong Kong and the US), or a time in
        the unit of the bars.
    cash : float, int, str, Decimal or Fraction
        Cash dividend in money for each share.
    bonus : float, int, str, Decimal or Fraction
        New shares given for each old one: 0.3 for "10 送 3".
    split : float, int, str, Decimal or Fraction
        Shares after the split for each share before it: 2, or "1/10" for a reverse split.
    rights : float, int, str, Decimal or Fraction
        New shares offered for each old one.
    rights_price : float, int, str, Decimal or Fraction
        Price of an offered share.
    known_at : int, str, datetime or datetime64, optional
        When the action was announced; by default known when it happens.

    Examples
    --------
    >>> from tickstep.data.adjust import Action
    >>> action = Action(ex="2024-06-14", cash="0.24", bonus="0.3", known_at="2024-05-20")
    >>> action.reference(Fraction(10))  # (10 - 0.24) / 1.3
    Fraction(488, 65)
    """

    ex: Time
    cash: Number | Fraction = 0
    bonus: Number | Fraction = 0
    split: Number | Fraction = 1
    rights: Number | Fraction = 0
    rights_price: Number | Fraction = 0
    known_at: Time | None = None

    def __post_init__(self) -> None:
        for name in ("cash", "bonus", "split", "rights", "rights_price"):
            value = _fraction(name, getattr(self, name))
            if value < 0 or (name == "split" and value == 0):
                raise ConfigError(
                    f"{name} must be {'above 0' if name == 'split' else '0 or more'}, was {value}",
                    hint="give amounts for one share: 10 送 3 is bonus=0.3",
                )
            object.__setattr__(self, name, value)

    def reference(self, close: Fraction) -> Fraction:
        """Return the reference price after the action, from the last close before it."""
        return _reference(close, [self])

    @property
    def shares(self) -> Fraction:
        """Shares after the action for each share before it."""
        return _shares([self])


class Factor(NamedTuple):
    """What holds for the bars from `row` on until the next factor: exact multipliers."""

    row: int
    price: Fraction
    shares: Fraction


def adjust(
    bars: Bars,
    actions: Iterable[Action],
    *,
    method: Method = "forward",
    known_at: Time | None = None,
    tick_size: Number | None = None,
    volume: bool = False,
) -> Bars:
    """Adjust raw bars for the corporate actions that were known.

    Parameters
    ----------
    bars : Bars
        Raw bars, as traded.
    actions : iterable of Action
        All actions; which of them apply is decided here.
    method : {"forward", "backward"}
        "forward" (前复权) leaves the newest prices as traded and brings older ones to their level;
        it is what English texts often call back-adjusted. "backward" (后复权) leaves the oldest.
    known_at : int, str, datetime or datetime64, optional
        Apply only what was announced and had happened by then; by default by the last bar.
    tick_size : float, int, str or Decimal, optional
        Grid of the adjusted prices, by default that of the bars. Long histories want a finer one.
    volume : bool
        Whether volumes are turned into shares of the same size too, rounded to lots.

    Returns
    -------
    Bars
        Adjusted bars; prices are rounded once, half to even.

    Raises
    ------
    DataError
        When a dividend leaves no price, or an adjusted price is less than half a tick.
    ConfigError
        When the method is none of the two.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.data.adjust import Action, adjust
    >>> raw = ts.Bars.from_arrays(["2024-06-13", "2024-06-14"], *[["10.00", "5.02"]] * 4, [1, 2],
    ...                           interval="1d")
    >>> adjust(raw, [Action(ex="2024-06-14", split=2)]).close.tolist()
    [5.0, 5.02]
    """
    found = factors(bars, actions, method=method, known_at=known_at)
    ratio = Fraction(1) if tick_size is None else _step_ratio(bars.grids[0], tick_size)
    columns = dict(bars.columns)
    for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks"):
        columns[name] = _scaled(columns[name], found, [each.price * ratio for each in found])
    for name in ("volume_lots", "buy_lots") if volume else ():
        if name in columns:
            columns[name] = _scaled(columns[name], found, [each.shares for each in found])
    return Bars(
        **columns,
        tick_size=bars.grids[0] if tick_size is None else tick_size,
        lot=bars.grids[1],
        interval=bars.interval,
        time_unit=bars.time_unit,
        symbol=bars.symbol,
        source={"adjusted": method, "of": bars.source},
        allow_negative_prices=bars.allow_negative_prices,
    )


def factors(
    bars: Bars,
    actions: Iterable[Action],
    *,
    method: Method = "forward",
    known_at: Time | None = None,
) -> list[Factor]:
    """Return the exact multipliers of price and shares, by the row from which they hold.

    Parameters
    ----------
    bars, actions, method, known_at
        As for `adjust`.

    Returns
    -------
    list of Factor
        The first is for row 0; rows ascend.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.data.adjust import Action, factors
    >>> raw = ts.Bars.from_arrays(["2024-06-13", "2024-06-14"], *[["8", "7"]] * 4, [1, 2],
    ...                           interval="1d")
    >>> factors(raw, [Action(ex="2024-06-14", cash=1)], method="backward")[1].price
    Fraction(8, 7)
    """
    if method not in ("forward", "backward"):
        raise ConfigError(
            f"method {method!r} is neither 'forward' nor 'backward'",
            hint="'forward' keeps the newest prices as traded",
        )
    steps = _steps(bars, _applied(bars, actions, known_at))
    price = shares = Fraction(1)
    rising = [Factor(0, price, shares)]
    for row, fall, growth in steps:
        price, shares = price / fall, shares / growth
        rising.append(Factor(row, price, shares))
    if method == "backward":
        return rising
    return [Factor(row, each / price, every / shares) for row, each, every in rising]


def _applied(
    bars: Bars, actions: Iterable[Action], known_at: Time | None
) -> list[tuple[int, int, Action]]:
    """Return the actions that count: row of the first bar after each, its time, the action."""
    if not len(bars):
        return []
    unit = bars.time_unit
    last = int(bars.time[-1])
    until = last if known_at is None else to_time(known_at, unit)
    found = []
    for action in actions:
        ex = to_time(action.ex, unit)
        known = ex if action.known_at is None else to_time(action.known_at, unit)
        if bars.time[0] < ex <= min(last, until) and known <= until:
            found.append((int(np.searchsorted(bars.time, ex)), ex, action))
    return sorted(found, key=lambda each: each[:2])


def _steps(
    bars: Bars, applied: Sequence[tuple[int, int, Action]]
) -> list[tuple[int, Fraction, Fraction]]:
    step = Fraction(bars.grids[0])
    found = []
    for row, of_row in groupby(applied, key=lambda each: each[0]):
        close = int(bars.close_ticks[row - 1]) * step
        after, shares = close, Fraction(1)
        # Days without a bar between them, as in a suspension: each from the reference before.
        for _, of_day in groupby(of_row, key=lambda each: each[1]):
            together = [action for _, _, action in of_day]
            after, shares = _reference(after, together), shares * _shares(together)
        if close <= 0 or after <= 0:
            raise DataError(
                f"the actions at row {row} turn the last close {float(close)} into {float(after)}",
                hint="give cash for one share, in the money of the prices",
            )
        found.append((row, after / close, shares))
    return found


def _reference(close: Fraction, actions: Sequence[Action]) -> Fraction:
    cash = sum((Fraction(each.cash) for each in actions), Fraction(0))
    paid = sum(
        (Fraction(each.rights) * Fraction(each.rights_price) for each in actions), Fraction(0)
    )
    return (close - cash + paid) / _shares(actions)


def _shares(actions: Sequence[Action]) -> Fraction:
    split = Fraction(1)
    for each in actions:
        split *= Fraction(each.split)
    new = sum((Fraction(each.bonus) + Fraction(each.rights) for each in actions), Fraction(0))
    return split + new


def _fraction(name: str, value: Number | Fraction) -> Fraction:
    try:
        # A float stands for its shortest text, as everywhere.
        return Fraction(repr(float(value)) if isinstance(value, float) else value)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError):
        raise ConfigError(
            f"{name} {value!r} is not a number", hint=f"write {name}='0.24'"
        ) from None


def _step_ratio(step: str, wanted: Number) -> Fraction:
    size = _fraction("tick_size", wanted)
    if size <= 0:
        raise ConfigError(f"tick_size must be above 0, was {size}", hint="write tick_size='0.001'")
    return Fraction(step) / size


def _scaled(
    column: Int64Array, found: Sequence[Factor], multipliers: Sequence[Fraction]
) -> Int64Array:
    scaled = np.empty_like(column)
    stops = [*(each.row for each in found[1:]), len(column)]
    for factor, multiplier, stop in zip(found, multipliers, stops, strict=True):
        scaled[factor.row : stop] = _multiplied(column[factor.row : stop], multiplier)
    scaled.flags.writeable = False
    return scaled


def _multiplied(column: Int64Array, factor: Fraction) -> Int64Array:
    """Multiply by a fraction, rounding half to even; exact for fractions of any length."""
    top, bottom = factor.numerator, factor.denominator
    largest = int(np.abs(column).max(initial=0))
    if largest * top >= _INT64_SAFE or bottom >= _INT64_SAFE // 2:
        exact = [round(Fraction(value * top, bottom)) for value in column.tolist()]
        return np.array(exact, dtype=np.int64)
    whole, rest = np.divmod(column * top, bottom)
    goes_up = (2 * rest > bottom) | ((2 * rest == bottom) & (whole % 2 == 1))
    rounded: Int64Array = whole + goes_up
    return rounded
