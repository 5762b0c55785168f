"""A native strategy over recorded ticks: no session, no events to Python, one call."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tickstep.alternatives import beside
from tickstep.engine import EVENT_DTYPE, Engine, EngineConfig
from tickstep.errors import ConfigError, StrategyError, TickstepError
from tickstep.native import NativeStrategy
from tickstep.result import Result
from tickstep.settings import Data
from tickstep.ticks import Ticks

__all__ = ["run_native"]


def run_native(
    strategy: NativeStrategy,
    data: Mapping[str, Data],
    config: EngineConfig,
    *,
    alternatives: bool,
    refused: Mapping[str, Any],
) -> Result:
    """Run it over the ticks of one instrument.

    Parameters
    ----------
    strategy : NativeStrategy
        What to run.
    data : mapping of str to Ticks
        One instrument.
    config : EngineConfig
        Rules that fit it.
    alternatives : bool
        Whether other assumptions on fills are looked at too.
    refused : mapping
        Arguments of `backtest` that such a strategy has no use for, by name; None where not given.

    Returns
    -------
    Result
        As of any strategy.

    Raises
    ------
    ConfigError
        For bars, several instruments, or arguments of no use.
    StrategyError
        When the function fails, or the kernel refuses what it asks for.
    """
    given = [name for name, value in refused.items() if value is not None]
    if given:
        raise ConfigError(
            f"{given[0]} is given to {strategy!r}, which runs outside Python",
            hint=f"leave {given[0]} out, or write a Strategy",
        )
    (symbol, ticks), *others = data.items()
    if others or not isinstance(ticks, Ticks):
        raise ConfigError(
            f"{strategy!r} takes the ticks of one instrument, the data are of {', '.join(data)}"
            if others
            else f"{strategy!r} takes ticks, the data are bars",
            hint="write a Strategy, which takes both, and several",
        )
    result = _run_once(strategy, symbol, ticks, config)
    if not alternatives or not result.is_complete:
        return result
    return beside(
        result,
        lambda: strategy,
        lambda again, rules: _run_once(again, symbol, ticks, rules),
    )


def _run_once(strategy: NativeStrategy, symbol: str, ticks: Ticks, config: EngineConfig) -> Result:
    engine = Engine(config)
    engine.bind({symbol: ticks})
    stopped: str | None = None
    failure: StrategyError | None = None
    try:
        strategy.run(engine, ticks)
    except KeyboardInterrupt:
        if _rows_done(engine) == 0:
            raise
        stopped = "by Ctrl-C, before the end of the data"
    except Exception as error:
        # Before the first tick it is the compiler that speaks.
        if _rows_done(engine) == 0:
            raise
        failure = _failure(error, strategy, engine)
        stopped = failure.message.split("\n")[0]
    result = Result(
        strategy=strategy.name,
        parameters={},
        config=config,
        data={symbol: ticks[: _rows_done(engine)]},
        events=np.frombuffer(engine.drain_events().tobytes(), dtype=EVENT_DTYPE),
        event_digest=engine.digest,
        parts=strategy.parts(),
        stopped=stopped,
    )
    if failure is not None:
        failure.result = result
        raise failure
    return result


def _rows_done(engine: Engine) -> int:
    return engine.get_snapshot().tick_index + 1


def _failure(error: Exception, strategy: NativeStrategy, engine: Engine) -> StrategyError:
    told = error.message if isinstance(error, TickstepError) else str(error)
    failure = StrategyError(
        f"{type(error).__name__} in {strategy.name} after the tick of {engine.time}\n{told}",
        hint=error.hint if isinstance(error, TickstepError) else None,
        event="on_tick",
        time=engine.time,
    )
    failure.__cause__ = error
    return failure
