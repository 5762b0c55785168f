"""What to say of an exception that came out of a strategy: which event, when, and on which line."""

import sysconfig
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

import numpy as np

from tickstep.errors import StrategyError, TickstepError

__all__ = ["place_in_strategy", "strategy_error"]


def strategy_error(
    error: Exception, strategies: Sequence[Any], now: int, time_unit: str
) -> StrategyError | None:
    """Word an exception of a strategy.

    Parameters
    ----------
    error : Exception
        As caught.
    strategies : sequence
        Those that ran.
    now : int, in `time_unit`
        Time of the tick that woke the strategy.
    time_unit : str
        "s", "ms", "us" or "ns".

    Returns
    -------
    StrategyError or None
        To be raised from `error`; None where no strategy's method was under way.
    """
    # The loop around a strategy is a generator, which turns this one into another.
    if isinstance(error.__cause__, StopIteration):
        error = error.__cause__
    called = _called(error.__traceback__, strategies)
    if called is None:
        return None
    strategy, event = called
    frame = place_in_strategy(error)
    where = f", {Path(frame.filename).name}, line {frame.lineno}: {frame.line}" if frame else ""
    told = error.message if isinstance(error, TickstepError) else str(error)
    when = str(np.array(now, np.int64).view(f"datetime64[{time_unit}]")).replace("T", " ")
    return StrategyError(
        f"{type(error).__name__} in {type(strategy).__name__}.{event} at {when} UTC{where}\n{told}",
        hint=error.hint if isinstance(error, TickstepError) else None,
        event=event,
        time=now,
        file=frame.filename if frame else None,
        line=frame.lineno if frame else None,
    )


def place_in_strategy(error: BaseException) -> traceback.FrameSummary | None:
    """Find the innermost line of the user's own code.

    Parameters
    ----------
    error : exception
        As caught.

    Returns
    -------
    FrameSummary or None
        Of a file that is neither of this package nor of Python nor of a library.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if _folders().isdisjoint(Path(each.filename).parents)]
    return own[-1] if own and not own[-1].filename.startswith("<frozen") else None


def _called(tracebacks: TracebackType | None, strategies: Sequence[Any]) -> tuple[Any, str] | None:
    """The outermost method of a strategy on the way to the error."""
    events = _codes_of(strategies)
    while tracebacks is not None:
        frame = tracebacks.tb_frame
        if frame.f_code in events:
            return events[frame.f_code]
        # The first argument, whatever it is called.
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        first = frame.f_locals.get(names[0]) if names else None
        is_event = frame.f_code.co_name.startswith("on_")
        if is_event and any(first is each for each in strategies):
            return first, frame.f_code.co_name
        tracebacks = tracebacks.tb_next
    return None


def _codes_of(strategies: Sequence[Any]) -> dict[CodeType, tuple[Any, str]]:
    """The events of strategies by their code, which may go by any other name."""
    codes = {}
    for each in strategies:
        for name in (name for name in dir(each) if name.startswith("on_")):
            method = getattr(each, name)
            code = getattr(getattr(method, "__func__", method), "__code__", None)
            if isinstance(code, CodeType) and not code.co_name.startswith("on_"):
                codes[code] = (each, name)
    return codes


@cache
def _folders() -> frozenset[Path]:
    paths = sysconfig.get_paths()
    libraries = (Path(paths[name]) for name in ("stdlib", "platlib", "purelib"))
    return frozenset({Path(__file__).parent, *libraries})
