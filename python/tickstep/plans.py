"""What is to be run, settled: arguments of `backtest` to a strategy, data, rules and a window."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tickstep.alternatives import beside, copier
from tickstep.bars import Bars
from tickstep.engine import EngineConfig
from tickstep.errors import ConfigError, StrategyError
from tickstep.functions import from_function
from tickstep.native import NativeStrategy
from tickstep.replay import Replay
from tickstep.result import Result
from tickstep.risk import RiskManager
from tickstep.settings import (
    CASH_DEFAULT,
    Data,
    config_for,
    data_by_symbol,
    ticks_at_hand,
)
from tickstep.strategy import Strategy, check_events
from tickstep.team import Team
from tickstep.ticks import Number, Progress, Ticks, Time
from tickstep.window import Window, window_of

__all__ = [
    "Given",
    "Plan",
    "Runnable",
    "TicksGiven",
    "as_configured",
    "failure_of",
    "finished",
    "planned",
]

One = Strategy | type[Strategy] | Callable[..., object]
Runnable = One | Sequence[One]
Given = Data | Mapping[str, Data] | Sequence[Data]
TicksGiven = Ticks | Mapping[str, Ticks] | Sequence[Ticks]


@dataclass(frozen=True)
class Plan:
    """Everything that a run follows from, its strategy apart."""

    data: Mapping[str, Data]
    config: EngineConfig
    bar_fill: str
    risk: RiskManager | None
    window: Window
    skip_scan: bool
    again: Callable[[], Strategy | None] | None  # copies of the strategy; None to run it once
    # Bars that are told of while ticks are traded on.
    beside: Mapping[str, Bars] = field(default_factory=dict)

    def replay(self, strategy: Strategy, config: EngineConfig | None = None) -> Replay:
        """Make the run of a strategy, under this or another configuration."""
        return Replay(
            strategy,
            self.data,
            config or self.config,
            self.bar_fill,
            self.risk,
            self.window,
            self.skip_scan,
            self.beside,
        )

    def put_alternatives(self, result: Result) -> Result:
        """Run again under the assumptions that could matter, and put the outcomes beside it."""
        if self.again is None or not result.is_complete:
            return result

        def run_under(strategy: Strategy, config: EngineConfig) -> Result:
            return finished(self.replay(strategy, config))

        return beside(result, self.again, run_under)


def planned(
    strategy: Runnable,
    data: Given,
    *,
    parameters: Mapping[str, Any] | None,
    cash: Number | None,
    config: EngineConfig | None,
    bar_fill: str,
    risk: RiskManager | None,
    start: Time | None,
    stop: Time | None,
    warmup: int | str | None,
    alternatives: bool,
    skip_scan: bool,
    progress: Progress | None = None,
    ticks: TicksGiven | None = None,
    settings: dict[str, Any],
) -> tuple[Plan, Strategy]:
    """Settle the arguments of `backtest`, which says what each is.

    Raises
    ------
    ConfigError
        When a setting is wrong or does not fit the data.
    DataError
        When there are no data.
    """
    named = data_by_symbol(data)
    told: dict[str, Data] = {}
    if ticks is not None:
        told, named = named, ticks_at_hand(named, ticks)
    _check_kind("parameters", parameters, Mapping, "give a mapping: {'fast': 5}")
    _check_kind("config", config, EngineConfig, "give an EngineConfig, or cash= and settings")
    for name, value in (("alternatives", alternatives), ("skip_scan", skip_scan)):
        _check_kind(name, value, bool, "True or False")
    if progress is not None and not callable(progress):
        raise ConfigError(f"progress {progress!r} cannot be called", hint="progress=print")
    made = _made(strategy, parameters)
    if config is None:
        settings = made._settings(CASH_DEFAULT if cash is None else cash, settings) | settings
    config = config_for(named, cash, config, settings, bar_fill)
    named = as_configured(named, config)
    told = as_configured(told, config) if told else told
    bars = {symbol: each for symbol, each in told.items() if isinstance(each, Bars)}
    make = partial(_made, strategy, parameters) if isinstance(strategy, type) else None
    again = copier(made, make) if alternatives else None
    if risk is not None and not isinstance(risk, RiskManager):
        raise ConfigError(f"risk {risk!r} is no RiskManager", hint="ts.RiskManager(max_position=5)")
    window = window_of(named, start, stop, warmup, bars)
    return Plan(named, config, bar_fill, risk, window, skip_scan, again, bars), made


def _check_kind(name: str, value: object, kind: type, hint: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise ConfigError(f"{name} {value!r} is no {kind.__name__}", hint=hint)


def as_configured(named: dict[str, Data], config: EngineConfig) -> dict[str, Data]:
    """Give the data in the order of the instruments, the only one by the configured name."""
    if len(named) == 1:
        named = dict(zip(config.symbols, named.values(), strict=True))
    return {symbol: named[symbol] for symbol in config.symbols}


def finished(replay: Replay, progress: Progress | None = None) -> Result:
    """Run to the end, or to Ctrl-C.

    Raises
    ------
    StrategyError
        When the strategy's own code raises; `result` is the run up to there.
    """
    try:
        replay.advance(progress=progress)
    except KeyboardInterrupt:
        if replay.rows_done == 0:
            raise
        return replay.result("by Ctrl-C, before the end of the data")
    except Exception as error:
        failure = failure_of(replay, error)
        if failure is None:
            raise
        raise failure from error
    return replay.result()


def failure_of(replay: Replay, error: Exception) -> StrategyError | None:
    """Word an exception of the strategy's own, with the run up to there; None of any other."""
    failure = replay.failure_of(error)
    if failure is not None and replay.rows_done:
        failure.result = replay.result(failure.message.split("\n")[0])
    return failure


def _made(strategy: Runnable, parameters: Mapping[str, Any] | None = None) -> Strategy:
    if isinstance(strategy, Sequence) and not isinstance(strategy, str):
        if parameters is not None:
            raise ConfigError(
                "parameters are given beside several strategies",
                hint="give instances: [One(fast=5), Two()]",
            )
        members = [_made(each) for each in strategy]
        if any(isinstance(each, Team) for each in members):
            raise ConfigError(
                "there are several strategies inside several", hint="give one list: [One(), Two()]"
            )
        return Team(members)
    if isinstance(strategy, NativeStrategy):
        raise ConfigError(
            f"{strategy!r} is one of several, or to be stopped on the way",
            hint="a native strategy has an account of its own: ts.backtest(strategy, ticks)",
        )
    if callable(strategy) and not isinstance(strategy, type | Strategy):
        strategy = from_function(strategy)
    if isinstance(strategy, Strategy) and parameters is not None:
        raise ConfigError(
            f"parameters are given beside {strategy!r}, which has them already",
            hint=f"give the class, or {type(strategy).__name__}({', '.join(parameters)}=...)",
        )
    made = strategy(**(parameters or {})) if isinstance(strategy, type) else strategy
    if not isinstance(made, Strategy):
        raise ConfigError(
            f"{strategy!r} is not a Strategy",
            hint="derive the class from ts.Strategy and give the class or an instance",
        )
    check_events(made)
    return made
