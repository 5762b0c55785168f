"""A strategy over recorded ticks: the kernel as venue, the ticks as clock.

The kernel runs alone from one wake-up of the strategy to the next. `skip_scan=False` takes every tick
by itself instead: the slow, plain way, there to be compared with. Both give the same events, and so
the same digest.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from tickstep.engine import EVENT_DTYPE, Engine, EngineConfig, Events, Instrument
from tickstep.errors import ConfigError, DataError
from tickstep.result import Result
from tickstep.session import WAKE_ON, Session, TicksMarket, Units
from tickstep.strategy import Strategy, parameters_of
from tickstep.ticks import Number, Progress, Ticks

__all__ = ["run"]

CASH_DEFAULT = 100_000
PROGRESS_STEPS = 200

# What the data decides is not a setting.
SETTINGS_TAKEN = ("initial_cash", "tick_size", "lot", "time_unit", "instruments", "history")
SETTINGS = tuple(
    each.name for each in fields(EngineConfig) if each.init and each.name not in SETTINGS_TAKEN
)


def run(
    strategy: Strategy | type[Strategy],
    ticks: Ticks,
    *,
    cash: Number | None = None,
    config: EngineConfig | None = None,
    skip_scan: bool = True,
    progress: Progress | None = None,
    **settings: Any,
) -> Result:
    """Run a strategy over ticks of one instrument.

    Ctrl-C stops the run between two ticks; the result is then what was done so far, with
    `is_complete` False.

    Parameters
    ----------
    strategy : Strategy or a class of it
        What to run; a class runs with its default parameters.
    ticks : Ticks
        What to run it over.
    cash : number, money, optional
        Initial cash; 100,000 by default.
    config : EngineConfig, optional
        The whole configuration, instead of `cash` and `settings`.
    skip_scan : bool
        False takes the ticks one by one; the result is the same.
    progress : callable, optional
        Called now and then as `progress(ticks_done, ticks_total)`.
    **settings
        Arguments of `EngineConfig`: maker_fee, taker_fee, spread_bps, fill, latency, account, ...

    Returns
    -------
    Result
        Statistics, fills, equity, digest.

    Raises
    ------
    ConfigError
        When a setting is wrong or does not fit the ticks.
    DataError
        When there are no ticks.

    Examples
    --------
    >>> import tickstep as ts
    >>> class BuyAndHold(ts.Strategy):
    ...     def on_start(self):
    ...         self.buy(1)
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 1000, 2000], [50.0, 51.0, 55.0], [1.0, 1.0, 1.0], [0, 0, 0], tick_size=1, lot=1)
    >>> ts.backtest(BuyAndHold, ticks, cash=100, taker_fee="0.001", spread_bps=0).stats["P&L"]
    4.95
    """
    if len(ticks) == 0:
        raise DataError("there are no ticks to run over", hint="see what the file or slice holds")
    config = _config_for(ticks, cash, config, settings)
    strategy = _made(strategy)
    parameters = parameters_of(strategy)
    replay = _Replay(strategy, ticks, config)
    is_complete = replay.run(skip_scan, progress)
    return Result(
        strategy=type(strategy).__name__,
        parameters=parameters,
        config=config,
        data={config.symbols[0]: ticks if is_complete else ticks[: replay.ticks_done]},
        events=np.frombuffer(bytes(replay.events), dtype=EVENT_DTYPE),
        event_digest=replay.engine.digest,
        is_complete=is_complete,
    )


class _Replay:
    """Drives a session over bound ticks."""

    def __init__(self, strategy: Strategy, ticks: Ticks, config: EngineConfig) -> None:
        self.engine = Engine(config)
        self.engine.bind(ticks)
        self.events = bytearray()
        self.ticks_total = len(ticks)
        units = Units.of(config)
        market = TicksMarket(ticks, units)
        self.session = Session(strategy, self.engine, market, units, start_time=int(ticks.time[0]))

    @property
    def ticks_done(self) -> int:
        return self.engine.get_snapshot().tick_index + 1

    def run(self, skip_scan: bool, progress: Progress | None) -> bool:
        """Run to the end; False when Ctrl-C came first."""
        try:
            self.session.start()
            for done in self._by_events() if skip_scan else self._by_ticks():
                if progress is not None:
                    progress(done, self.ticks_total)
            self.session.stop()
        except KeyboardInterrupt:
            if self.ticks_done == 0:
                raise
            self._keep(self.engine.drain_events())
            return False
        self._keep(self.engine.drain_events())
        return True

    def _by_events(self) -> Iterator[int]:
        step = self.ticks_total // PROGRESS_STEPS + 1
        done, told = 0, 0
        while done < self.ticks_total:
            result = self.engine.advance(told + step - done, stop_on=WAKE_ON)
            done += result.ticks_done
            self._wake()
            if done >= told + step:
                told = done
                yield done

    def _by_ticks(self) -> Iterator[int]:
        step = self.ticks_total // PROGRESS_STEPS + 1
        for done, _ in enumerate(self.engine.cursor(), start=1):
            if self.engine.event_count:
                self._wake()
            if done % step == 0:
                yield done

    def _wake(self) -> None:
        events = self.engine.drain_events()
        self._keep(events)
        self.session.take(events)

    def _keep(self, events: Events) -> None:
        self.events += events.tobytes()


def _made(strategy: Strategy | type[Strategy]) -> Strategy:
    made = strategy() if isinstance(strategy, type) else strategy
    if not isinstance(made, Strategy):
        raise ConfigError(
            f"{strategy!r} is not a Strategy",
            hint="derive the class from ts.Strategy and give the class or an instance",
        )
    return made


def _config_for(
    ticks: Ticks, cash: Number | None, config: EngineConfig | None, settings: dict[str, Any]
) -> EngineConfig:
    if config is not None:
        return _checked(config, settings if cash is None else {"cash": cash, **settings})
    unknown = [name for name in settings if name not in SETTINGS]
    if unknown:
        raise ConfigError(
            f"there is no setting {unknown[0]!r}", hint=f"settings are {', '.join(SETTINGS)}"
        )
    instruments = None if ticks.symbol is None else [Instrument(ticks.symbol)]
    return EngineConfig(
        initial_cash=CASH_DEFAULT if cash is None else cash,
        tick_size=ticks.tick_size,
        lot=ticks.lot,
        time_unit=ticks.time_unit,
        instruments=instruments,
        **settings,
    )


def _checked(config: EngineConfig, settings: dict[str, Any]) -> EngineConfig:
    if settings:
        raise ConfigError(
            f"{next(iter(settings))} is given beside config",
            hint="set it in the EngineConfig, where cash is called initial_cash",
        )
    if len(config.symbols) != 1:
        raise ConfigError(
            f"config has {len(config.symbols)} instruments, a backtest has one in this version",
            hint="bind several instruments to an Engine yourself",
        )
    return config
