"""A plain function as a strategy.

    def cross(desk, bar, *, fast=10, slow=30):
        desk.target(bar.symbol, 1 if desk.sma(fast) > desk.sma(slow) else 0)

    ts.backtest(cross, bars, parameters={"fast": 5})

The function is what `on_bar` is in a class: `desk` is the strategy at work, with every verb and every
number it has; whatever has a default is a parameter. What must live from call to call is kept on the
desk (`desk.entry = bar.close`), which is new in each run, and not in globals, which are not.
"""

import inspect
import sys
from collections.abc import Callable
from functools import partial
from inspect import Parameter, signature
from typing import Any, SupportsIndex

from tickstep.engine import Tick
from tickstep.errors import ConfigError, nearest
from tickstep.strategy import PARAMETER_TYPES, Bar, Strategy

__all__ = ["from_function"]

BAR, BARS, TICK = "bar", "bars", "tick"
EXAMPLE = "def rule(desk, bar, *, length=20): ..."
POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
STARRED = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def from_function(rule: Callable[..., object], *, every: str | None = None) -> type[Strategy]:
    """Make a strategy class of a plain function.

    Parameters
    ----------
    rule : callable
        Takes the desk and a bar, `rule(desk, bar)`, and is called for each bar that is over. An
        argument called `bars` gets all bars of one moment instead, as a dict by symbol, one called
        `tick` gets each tick; an argument called so may stand before the desk. Arguments with
        defaults are parameters; so are those that `functools.partial` sets. What it returns counts
        for nothing.
    every : str, optional
        Interval of the bars; needed over ticks, and over bars where longer ones are meant.

    Returns
    -------
    class of Strategy
        Called like the function.

    Raises
    ------
    ConfigError
        When the function takes other arguments, or a parameter is called like something that a strategy
        has.

    Examples
    --------
    >>> import tickstep as ts
    >>> def dip(desk, bar, *, depth=0.05):
    ...     if desk.position == 0 and bar.close <= bar.open - depth:
    ...         desk.buy(1)
    >>> ts.from_function(dip)(depth=0.1)
    dip(depth=0.1)
    """
    handed, is_desk_first, parameters = _read(rule)
    members: dict[str, Any] = {
        **parameters,
        "__doc__": getattr(rule, "__doc__", None),
        "__module__": getattr(_inner(rule), "__module__", __name__),
        "_rule": staticmethod(rule),
        "_names": tuple(parameters),
        "_every": every,
        "_is_desk_first": is_desk_first,
    }
    base = {BAR: _BarRule, BARS: _BarsRule, TICK: _TickRule}[handed]
    return type(getattr(_inner(rule), "__name__", "rule"), (base,), members)


class _Rule(Strategy):
    """What the classes that are made of functions have in common."""

    _rule: Callable[..., object]
    _names: tuple[str, ...] = ()
    _every: str | None = None
    _is_desk_first = True
    _needs_bars = True

    def __init__(self, **parameters: Any) -> None:
        unknown = [name for name in parameters if name not in self._names]
        if unknown:
            raise ConfigError(
                f"{type(self).__name__} has no parameter {unknown[0]!r}",
                hint=f"{nearest(unknown[0], self._names)}; arguments with a default are parameters",
            )
        for name, value in parameters.items():
            setattr(self, name, value)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        # Classes that are made here have no name by which a program finds them: the function has.
        kind = type(self)
        is_made = "_rule" in vars(kind)
        if not is_made or getattr(sys.modules.get(kind.__module__), kind.__name__, None) is kind:
            return super().__reduce_ex__(protocol)
        return _made_again, (kind._rule, kind._every), vars(self)

    def on_start(self) -> None:
        if self._every is not None:
            self.every(self._every)
        elif self._needs_bars and any(
            self._running.interval_of(symbol) is None for symbol in self.symbols
        ):
            raise ConfigError(
                f"{type(self).__name__} is called for bars, and ticks have none of their own",
                hint=f'say which: ts.from_function({type(self).__name__}, every="1m")',
            )
        self._call = self._called()

    def _called(self) -> Callable[..., object]:
        return partial(self._rule, **{name: getattr(self, name) for name in self._names})

    def _set_parameter(self, name: str, value: Any) -> None:
        super()._set_parameter(name, value)
        self._call = self._called()

    def _parts(self) -> list[Any]:
        """What the identity of the strategy is made of."""
        return [_inner(self._rule)]


class _BarRule(_Rule):
    def on_bar(self, bar: Bar) -> None:
        if self._is_desk_first:
            self._call(self, bar)
        else:
            self._call(bar, self)


class _BarsRule(_Rule):
    def on_bars(self, bars: dict[str, Bar]) -> None:
        if self._is_desk_first:
            self._call(self, bars)
        else:
            self._call(bars, self)


class _TickRule(_Rule):
    _needs_bars = False

    def on_tick(self, tick: Tick) -> None:
        if self._is_desk_first:
            self._call(self, tick)
        else:
            self._call(tick, self)


def _made_again(rule: Callable[..., object], every: str | None) -> Strategy:
    """An instance of the class made of a function, for a copy to fill."""
    return from_function(rule, every=every)()


def _read(rule: Callable[..., object]) -> tuple[str, bool, dict[str, Any]]:
    """What the function wants to be handed, whether the desk comes first, and its parameters."""
    called = getattr(_inner(rule), "__name__", repr(rule))
    arguments = list(signature(rule).parameters.values())
    places = [each for each in arguments if each.kind in POSITIONAL]
    needed = [each for each in arguments if each.default is Parameter.empty]
    if len(places) < 2 or needed != places[:2] or any(each.kind in STARRED for each in arguments):
        raise ConfigError(
            f"{called}{signature(rule)} is not a rule: it must take the desk and a bar, and have a "
            "default for everything else",
            hint=EXAMPLE,
        )
    inner = _inner(rule)
    if inspect.iscoroutinefunction(inner) or inspect.isgeneratorfunction(inner):
        raise ConfigError(
            f"{called} is async or a generator: calling it does nothing",
            hint="leave async and yield out",
        )
    first, second = places[0].name, places[1].name
    parameters = {each.name: each.default for each in arguments if each not in places[:2]}
    for name, value in parameters.items():
        _check_parameter(called, name, value)
    if first in (BAR, BARS, TICK):
        return first, False, parameters
    return (second if second in (BARS, TICK) else BAR), True, parameters


def _check_parameter(called: str, name: str, value: object) -> None:
    if name.startswith("_") or hasattr(Strategy, name):
        raise ConfigError(
            f"{called} has a parameter {name!r}, which means something else in a strategy",
            hint="give it another name",
        )
    if not isinstance(value, PARAMETER_TYPES):
        raise ConfigError(
            f"the default of {name} in {called} is {value!r}, and parameters are plain values",
            hint="numbers, text, truths, tuples, None",
        )


def _inner(rule: Callable[..., object]) -> Any:
    while isinstance(rule, partial):
        rule = rule.func
    return rule
