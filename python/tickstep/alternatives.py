"""The same strategy under other assumptions on how orders fill: what a result is worth.

A resting limit trades when the price goes beyond it, or already when it is touched; of a stop and a
limit that one bar reaches both, the one or the other trades first. Data do not tell which. A result
that changes its sign with the assumption has shown the assumption, not the strategy.
"""

import contextlib
import copy
import io
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from tickstep._kernel import ORDER_TYPES
from tickstep.barticks import BarTicks
from tickstep.engine import REASON_BITS, EngineConfig, EventKind
from tickstep.errors import StrategyError
from tickstep.result import Result
from tickstep.strategy import Strategy

__all__ = ["beside", "copier"]

LIMITS = ("LIMIT", "STOP_LIMIT")
TARGETS = ("LIMIT", "STOP_LIMIT", "MARKET_IF_TOUCHED")  # what a stop competes with inside a bar
STOPS = ("STOP", "STOP_LIMIT", "TRAILING_STOP")

TOUCH, LIMITS_FIRST = "touch", "limits first"
MEANINGS = {
    TOUCH: "limits trade as soon as they are touched",
    LIMITS_FIRST: "limits trade before stops inside a bar",
}
Runner = TypeVar("Runner")  # a strategy, or whatever else can run again

NOT_COPIED = (
    "what other assumptions on fills would give is not known: the strategy cannot be copied; "
    "give its class, or make what it holds copyable"
)


def copier(
    strategy: Strategy, make: Callable[[], Strategy] | None = None
) -> Callable[[], Strategy | None]:
    """Keep a strategy as it is now, to run it again.

    Parameters
    ----------
    strategy : Strategy
        One that has not run yet.
    make : callable, optional
        Makes one like it, for what cannot be copied.

    Returns
    -------
    callable
        Gives a copy; None where it cannot be copied or made.
    """
    try:
        kept: Strategy | None = copy.deepcopy(strategy)
    # Whatever a strategy holds may object in its own way.
    except Exception:
        if make is not None:
            return make
        kept = None
    return lambda: copy.deepcopy(kept)


def beside(
    result: Result,
    strategy: Callable[[], Runner | None],
    run: Callable[[Runner, EngineConfig], Result],
) -> Result:
    """Run again under the assumptions that could matter, and put the outcomes beside a result.

    Parameters
    ----------
    result : Result
        Of a complete run.
    strategy : callable
        Gives one that has not run: from `copier`.
    run : callable
        Runs it under a configuration.

    Returns
    -------
    Result
        The same one, with `alternatives` and warnings.
    """
    configs = _other_configs(result)
    for name, config in configs.items():
        made = strategy()
        if made is None:
            result.warn(NOT_COPIED)
            break
        try:
            # Its words were heard in the run itself.
            with contextlib.redirect_stdout(io.StringIO()):
                other = run(made, config)
        except StrategyError as error:
            result.warn(f"with {name} ({MEANINGS[name]}) the strategy fails: {error.message}")
            continue
        if other.is_complete:
            result.put_beside(name, other)
            if _sign(other) * _sign(result) < 0:
                result.warn(f"the sign of the return is an assumption: {result.headline}")
        else:
            result.warn(f"with {name} the run was stopped")
    return result


def _other_configs(result: Result) -> dict[str, EngineConfig]:
    placed = _types_placed(result)
    found = {}
    rules = {each["fill"] for each in result.config.canonical()["instruments"]}
    if "through" in rules and placed & set(LIMITS):
        found[TOUCH] = _changed(result.config, fill="touch")
    # On a path the bar itself says what comes first.
    has_bars = any(
        isinstance(each, BarTicks) and each.bar_fill != "path" for each in result.data.values()
    )
    orders = {each["range_order"] for each in result.config.canonical()["instruments"]}
    if has_bars and "stops_first" in orders and placed & set(STOPS) and placed & set(TARGETS):
        found[LIMITS_FIRST] = _changed(result.config, range_order="limits_first")
    return found


def _types_placed(result: Result) -> set[str]:
    accepted = result.events[result.events["kind"] == EventKind.ACCEPTED]
    numbers = set(np.unique(accepted["reason"] & REASON_BITS).tolist())
    return {name for name, number in ORDER_TYPES.items() if number in numbers}


def _changed(config: EngineConfig, **rule: str) -> EngineConfig:
    instruments = config.instruments
    if instruments is not None:
        instruments = [replace(each, **rule) for each in instruments]  # type: ignore[arg-type]
    return replace(config, instruments=instruments, **rule)  # type: ignore[arg-type]


def _sign(result: Result) -> int:
    earned = result.account.earned_units
    return (earned > 0) - (earned < 0)
