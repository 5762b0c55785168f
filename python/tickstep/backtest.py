"""A strategy over recorded data: the kernel as venue, the data as clock.

The kernel runs alone from one wake-up of the strategy to the next. `skip_scan=False` takes every tick
by itself instead: the slow, plain way, there to be compared with. Both give the same events, and so
the same digest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

import numpy as np

from tickstep._kernel import BarCursor, Counter, default_lot_and_unit
from tickstep.bars import Bars
from tickstep.barticks import ROWS_OF_BAR, BarTicks
from tickstep.engine import (
    EVENT_DTYPE,
    SYMBOL_DEFAULT,
    Engine,
    EngineConfig,
    EventKind,
    Events,
    Instrument,
)
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length, phase_of
from tickstep.result import Result
from tickstep.scales import Scales
from tickstep.session import BarsMarket, Market, Session, TicksMarket
from tickstep.strategy import Strategy, parameters_of
from tickstep.ticks import Number, Progress, Ticks

__all__ = ["Data", "run"]

Data = Ticks | Bars

CASH_DEFAULT = 100_000
PROGRESS_STEPS = 200

# What the data decides is not a setting.
SETTINGS_TAKEN = ("initial_cash", "tick_size", "lot", "time_unit", "instruments", "history")
SETTINGS = tuple(
    each.name for each in fields(EngineConfig) if each.init and each.name not in SETTINGS_TAKEN
)


def run(
    strategy: Strategy | type[Strategy],
    data: Data | Mapping[str, Data] | Sequence[Data],
    *,
    cash: Number | None = None,
    config: EngineConfig | None = None,
    skip_scan: bool = True,
    progress: Progress | None = None,
    **settings: Any,
) -> Result:
    """Run a strategy over ticks or bars of one instrument or several.

    Ctrl-C stops the run between two ticks; the result is then what was done so far, with
    `is_complete` False.

    Parameters
    ----------
    strategy : Strategy or a class of it
        What to run; a class runs with its default parameters.
    data : Ticks or Bars, a mapping of str to them, or a sequence of them
        What to run it over. Several instruments are named by the mapping, or by their own symbols.
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
        When a setting is wrong or does not fit the data.
    DataError
        When there are no data.

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
    named = _named(data)
    config = _config_for(named, cash, config, settings)
    if len(named) == 1:
        named = dict(zip(config.symbols, named.values(), strict=True))
    named = {symbol: named[symbol] for symbol in config.symbols}
    strategy = _made(strategy)
    parameters = parameters_of(strategy)
    replay = _Replay(strategy, named, config)
    is_complete = replay.run(skip_scan, progress)
    return Result(
        strategy=type(strategy).__name__,
        parameters=parameters,
        config=config,
        data=replay.taken(),
        events=np.frombuffer(bytes(replay.events), dtype=EVENT_DTYPE),
        event_digest=replay.engine.digest,
        is_complete=is_complete,
    )


class _Replay:
    """Drives a session over bound data."""

    def __init__(self, strategy: Strategy, data: Mapping[str, Data], config: EngineConfig) -> None:
        self.engine = Engine(config)
        self._scales = Scales.of(config)
        rows = {
            symbol: BarTicks(each, scale.lot.step) if isinstance(each, Bars) else each
            for (symbol, each), scale in zip(data.items(), self._scales.instruments, strict=True)
        }
        self.engine.bind(rows)
        self.events = bytearray()
        self.rows = rows
        self.rows_total = sum(map(len, rows.values()))
        self._markets = {symbol: _market(each) for symbol, each in data.items()}
        start = min(int(each.time[0]) for each in rows.values())
        self.session = Session(strategy, self.engine, self._markets, self._scales, start_time=start)

    def taken(self) -> dict[str, Ticks | BarTicks]:
        """Rows that the run took, by symbol."""
        counts = {symbol: self.engine.get_snapshot(symbol).tick_index + 1 for symbol in self.rows}
        return {symbol: rows[: counts[symbol]] for symbol, rows in self.rows.items()}

    @property
    def rows_done(self) -> int:
        return sum(self.engine.get_snapshot(symbol).tick_index + 1 for symbol in self.rows)

    def run(self, skip_scan: bool, progress: Progress | None) -> bool:
        """Run to the end; False when Ctrl-C came first."""
        try:
            self.session.start()
            for done in self._steps(skip_scan):
                if progress is not None:
                    progress(done, self.rows_total)
            self.session.stop()
        except KeyboardInterrupt:
            if self.rows_done == 0:
                raise
            self._keep(self.engine.drain_events())
            return False
        self._keep(self.engine.drain_events())
        return True

    def _steps(self, skip_scan: bool) -> Iterator[int]:
        if any(market.own is not None for market in self._markets.values()):
            return self._by_bars()
        return self._by_events() if skip_scan else self._by_ticks()

    def _by_bars(self) -> Iterator[int]:
        bars = BarCursor(self.engine, self._wanted(), _mask(self.session.wake_on))
        tell, step = self.session.bar, self.rows_total // PROGRESS_STEPS + 1
        for told, bar in enumerate(bars, start=1):
            if bar is None:
                self._wake()
            else:
                tell(bar)
            if told % step == 0:
                yield min(told * ROWS_OF_BAR, self.rows_total - 1)
        yield self.rows_total

    def _wanted(self) -> list[tuple[int, str, tuple[int, int] | None, Counter]]:
        unit = self._scales.time_unit
        wanted = []
        for feed, market in enumerate(self._markets.values()):
            if market.own is None:
                continue
            for interval, series in market.series.items():
                length = None if interval == market.own else interval_length(interval, unit)
                cut = None if length is None else (length, phase_of(length, unit))
                wanted.append((feed, interval, cut, series.counter))
        return wanted

    def _by_events(self) -> Iterator[int]:
        wake_on = self.session.wake_on
        step = self.rows_total // PROGRESS_STEPS + 1
        done, told = 0, 0
        while done < self.rows_total:
            result = self.engine.advance(told + step - done, stop_on=wake_on)
            done += result.ticks_done
            self._wake()
            if done >= told + step:
                told = done
                yield done

    def _by_ticks(self) -> Iterator[int]:
        step = self.rows_total // PROGRESS_STEPS + 1
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


def _market(data: Data) -> Market:
    return BarsMarket(data) if isinstance(data, Bars) else TicksMarket(data)


def _mask(kinds: Sequence[str]) -> int:
    return sum(1 << EventKind[kind] for kind in kinds)


def _named(data: Data | Mapping[str, Data] | Sequence[Data]) -> dict[str, Data]:
    """The data by symbol, of every kind that may be given, checked to be there."""
    if isinstance(data, Ticks | Bars):
        named = {data.symbol or SYMBOL_DEFAULT: data}
    elif isinstance(data, Mapping):
        named = dict(data)
    else:
        named = {}
        for each in data:
            symbol = each.symbol if isinstance(each, Ticks | Bars) else None
            if symbol is None or symbol in named:
                raise DataError(
                    f"{each!r} has no symbol of its own",
                    hint='name the data: {"A": ticks_of_a, "B": ticks_of_b}',
                )
            named[symbol] = each
    for symbol, each in named.items():
        if not isinstance(each, Ticks | Bars):
            raise DataError(
                f"the data of {symbol} must be Ticks or Bars, was {type(each).__name__}",
                hint="ts.read_trades and ts.read_bars read files",
            )
        if len(each) == 0:
            raise DataError(
                f"there are no {'bars' if isinstance(each, Bars) else 'ticks'} to run over",
                hint="see what the file or slice holds",
            )
    if not named:
        raise DataError("there are no data to run over", hint="give Ticks or Bars")
    return named


def _made(strategy: Strategy | type[Strategy]) -> Strategy:
    made = strategy() if isinstance(strategy, type) else strategy
    if not isinstance(made, Strategy):
        raise ConfigError(
            f"{strategy!r} is not a Strategy",
            hint="derive the class from ts.Strategy and give the class or an instance",
        )
    return made


def _config_for(
    data: Mapping[str, Data],
    cash: Number | None,
    config: EngineConfig | None,
    settings: dict[str, Any],
) -> EngineConfig:
    if config is not None:
        return _checked(data, config, settings if cash is None else {"cash": cash, **settings})
    unknown = [name for name in settings if name not in SETTINGS]
    if unknown:
        raise ConfigError(
            f"there is no setting {unknown[0]!r}", hint=f"settings are {', '.join(SETTINGS)}"
        )
    units = {each.time_unit for each in data.values()}
    if len(units) > 1:
        raise ConfigError(
            f"the data count time in {' and '.join(sorted(units))}",
            hint="read all of them with one time_unit=",
        )
    first = next(iter(data.values()))
    return EngineConfig(
        initial_cash=CASH_DEFAULT if cash is None else cash,
        tick_size=first.tick_size,
        lot=_lot_of(first),
        time_unit=units.pop(),
        instruments=_instruments(data),
        **settings,
    )


def _instruments(data: Mapping[str, Data]) -> list[Instrument] | None:
    if list(data) == [SYMBOL_DEFAULT]:
        return None
    return [
        Instrument(
            symbol,
            tick_size=each._tick.step,
            lot=_lot_of(each),
        )
        for symbol, each in data.items()
    ]


def _lot_of(data: Data) -> str:
    """The lot of the data; of bars a coarser one where money could not be counted in theirs."""
    finest = default_lot_and_unit(data._tick.step)[0]
    is_finer = Decimal(data._lot.step) < Decimal(finest)
    return finest if isinstance(data, Bars) and is_finer else data._lot.step


def _checked(
    data: Mapping[str, Data], config: EngineConfig, settings: dict[str, Any]
) -> EngineConfig:
    if settings:
        raise ConfigError(
            f"{next(iter(settings))} is given beside config",
            hint="set it in the EngineConfig, where cash is called initial_cash",
        )
    is_unnamed = len(config.symbols) == len(data) == 1 and SYMBOL_DEFAULT in (
        *config.symbols,
        *data,
    )
    if not is_unnamed and set(config.symbols) != set(data):
        raise ConfigError(
            f"config trades {', '.join(config.symbols)}, the data are of {', '.join(data)}",
            hint="give data for each instrument of the config, by its symbol",
        )
    return config
