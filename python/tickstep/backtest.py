"""A strategy over recorded data: the kernel as venue, the data as clock.

The kernel runs alone from one wake-up of the strategy to the next. `skip_scan=False` takes every tick
by itself instead: the slow, plain way, there to be compared with. Both give the same events, and so
the same digest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tickstep._kernel import BarCursor, Counter
from tickstep.alternatives import beside, copier
from tickstep.bars import Bars
from tickstep.barticks import BAR_FILLS, BarTicks
from tickstep.engine import EVENT_DTYPE, Engine, EngineConfig, Events
from tickstep.errors import ConfigError, StrategyError
from tickstep.failures import strategy_error
from tickstep.functions import from_function
from tickstep.intervals import interval_length, phase_of
from tickstep.native import NativeStrategy
from tickstep.nativerun import run_native
from tickstep.result import Result
from tickstep.risk import RiskManager
from tickstep.scales import Scales
from tickstep.session import BarsMarket, Market, Session, TicksMarket
from tickstep.settings import CASH_DEFAULT, Data, config_for, data_by_symbol
from tickstep.strategy import Strategy, check_events
from tickstep.team import Team
from tickstep.ticks import Number, Progress, Ticks
from tickstep.watch import RiskWatch

__all__ = ["Data", "run"]

PROGRESS_STEPS = 200

One = Strategy | type[Strategy] | Callable[..., object]
Runnable = One | Sequence[One]


def run(
    strategy: Runnable | NativeStrategy,
    data: Data | Mapping[str, Data] | Sequence[Data],
    *,
    parameters: Mapping[str, Any] | None = None,
    cash: Number | None = None,
    config: EngineConfig | None = None,
    bar_fill: str = BAR_FILLS[0],
    risk: RiskManager | None = None,
    alternatives: bool = True,
    skip_scan: bool = True,
    progress: Progress | None = None,
    **settings: Any,
) -> Result:
    """Run a strategy over ticks or bars of one instrument or several.

    Orders fill by cautious rules unless you say otherwise: from a strictly later time on, limits at
    rest only when the price goes beyond them, over bars at most a tenth of a bar's volume. What a run
    assumes is printed with it. Where limits rest, the strategy runs a second time under the
    optimistic rule, `fill="touch"`, and where stops and limits meet inside bars once more with limits
    first: the truth lies between. What it prints is shown once.

    Ctrl-C stops the run between two ticks; the result is then what was done so far, with
    `is_complete` False.

    Parameters
    ----------
    strategy : Strategy, a class of it, a function, or a sequence of them
        What to run; several trade one account, each with its own orders and positions. A function is
        called as `rule(desk, bar)`; see `from_function`. What `ts.native` makes runs outside Python,
        over the ticks of one instrument.
    data : Ticks or Bars, a mapping of str to them, or a sequence of them
        What to run it over. Several instruments are named by the mapping, or by their own symbols.
    parameters : mapping, optional
        Parameters of a class or a function; those it has by default otherwise.
    cash : number, money, optional
        Initial cash; 100,000 by default.
    config : EngineConfig, optional
        The whole configuration, instead of `cash` and `settings`.
    bar_fill : {"next_open", "close", "path"}
        What orders meet inside a bar, and where those trade that are given when it is over: at the
        next open; at its close, for which `latency` must be 0 and is by default; or at the next open,
        and inside a bar the price goes from the open to the nearer extreme, to the other, to the
        close. See `tickstep.barticks`.
    risk : RiskManager, optional
        Limits of orders and losses; what they refuse and stop is in `Result.risk`.
    alternatives : bool
        False runs the strategy once.
    skip_scan : bool
        False takes the ticks one by one; the result is the same.
    progress : callable, optional
        Called now and then as `progress(ticks_done, ticks_total)`.
    **settings
        Arguments of `EngineConfig`: maker_fee, taker_fee, spread_bps, fill, latency, account, ...
        Here `latency` may be text ("50ms") and is 1 of the data's unit by default, `fill` is
        "through", and over bars `participation` is 0.1.

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
    StrategyError
        When the strategy's own code raises; it has the event, the time, the line, and in `result`
        the run up to there.

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
    named = data_by_symbol(data)
    if isinstance(strategy, NativeStrategy):
        config = config_for(named, cash, config, settings, bar_fill)
        refused = {"parameters": parameters, "risk": risk, "progress": progress}
        ticks = _as_configured(named, config)
        return run_native(strategy, ticks, config, alternatives=alternatives, refused=refused)
    strategy = _made(strategy, parameters)
    if config is None:
        settings = strategy._settings(CASH_DEFAULT if cash is None else cash, settings) | settings
    config = config_for(named, cash, config, settings, bar_fill)
    named = _as_configured(named, config)
    again = copier(strategy) if alternatives else None
    if risk is not None and not isinstance(risk, RiskManager):
        raise ConfigError(f"risk {risk!r} is no RiskManager", hint="ts.RiskManager(max_position=5)")
    result = _run_once(strategy, named, config, bar_fill, risk, skip_scan, progress)
    if again is None or not result.is_complete:
        return result
    return beside(
        result,
        again,
        lambda other, rules: _run_once(other, named, rules, bar_fill, risk, skip_scan, None),
    )


def _run_once(
    strategy: Strategy,
    data: Mapping[str, Data],
    config: EngineConfig,
    bar_fill: str,
    risk: RiskManager | None,
    skip_scan: bool,
    progress: Progress | None,
) -> Result:
    parameters = strategy._parameters()
    replay = _Replay(strategy, data, config, bar_fill, risk)
    stopped: str | None = None
    failure: StrategyError | None = None
    try:
        replay.run(skip_scan, progress)
    except KeyboardInterrupt:
        if replay.rows_done == 0:
            raise
        stopped = "by Ctrl-C, before the end of the data"
    except Exception as error:
        failure = strategy_error(error, strategy._members(), replay.session.now, config.time_unit)
        if failure is None:
            raise
        failure.__cause__ = error
        stopped = failure.message.split("\n")[0]
    replay.finish()
    result = None
    if replay.rows_done:
        result = Result(
            strategy=strategy._name(),
            parameters=parameters,
            config=config,
            data=replay.taken(),
            events=np.frombuffer(bytes(replay.events), dtype=EVENT_DTYPE),
            event_digest=replay.engine.digest,
            parts=strategy._parts(),
            stopped=stopped,
            owners=strategy._owned(),
            risk=risk,
            risk_log=replay.watch.log if replay.watch else (),
            warnings=replay.watch.warnings() if replay.watch else (),
        )
    if failure is not None:
        failure.result = result
        raise failure
    assert result is not None, "data without rows are refused before"
    return result


class _Replay:
    """Drives a session over bound data."""

    def __init__(
        self,
        strategy: Strategy,
        data: Mapping[str, Data],
        config: EngineConfig,
        bar_fill: str,
        risk: RiskManager | None,
    ) -> None:
        self.engine = Engine(config)
        self._scales = Scales.of(config)
        rows = {
            symbol: _rows_of(each, scale.lot.step, bar_fill)
            for (symbol, each), scale in zip(data.items(), self._scales.instruments, strict=True)
        }
        for symbol, each in rows.items():
            if isinstance(each, BarTicks):
                self.engine._check_rows(symbol, each)
        ticks = {symbol: each for symbol, each in rows.items() if isinstance(each, Ticks)}
        if ticks:
            self.engine.bind(ticks)
        self.events = bytearray()
        self.rows = rows
        self.rows_total = sum(map(len, rows.values()))
        self._markets = {symbol: _market(each) for symbol, each in data.items()}
        start = min(int(each.time[0]) for each in data.values())
        self.watch: RiskWatch | None = None
        if risk is not None:
            self.watch = RiskWatch(risk, self.engine, self._scales, self._price_before, start)
        self.session = Session(
            strategy, self.engine, self._markets, self._scales, start_time=start, watch=self.watch
        )

    def taken(self) -> dict[str, Ticks | BarTicks]:
        """Rows that the run took, by symbol."""
        counts = {symbol: self.engine.holding(symbol)[0] + 1 for symbol in self.rows}
        return {symbol: rows[: counts[symbol]] for symbol, rows in self.rows.items()}

    @property
    def rows_done(self) -> int:
        return sum(self.engine.holding(symbol)[0] + 1 for symbol in self.rows)

    def run(self, skip_scan: bool, progress: Progress | None) -> None:
        """Run to the end."""
        if self.session.hears_ticks and self._has_bars:
            raise ConfigError(
                f"{type(self.session.strategy).__name__}.on_tick needs ticks, and there are bars",
                hint="override on_bar, or give Ticks",
            )
        self.session.start()
        self._tell_updates()
        for done in self._steps(skip_scan):
            if progress is not None:
                progress(done, self.rows_total)
        self.session.stop()

    def finish(self) -> None:
        """Keep what nobody was told of."""
        self._keep(self.engine.drain_events())

    def _steps(self, skip_scan: bool) -> Iterator[int]:
        if self._has_bars:
            return self._by_bars()
        by_events = skip_scan and not self.session.hears_ticks
        return self._by_events() if by_events else self._by_ticks()

    @property
    def _has_bars(self) -> bool:
        return any(market.own is not None for market in self._markets.values())

    def _by_bars(self) -> Iterator[int]:
        step = self.rows_total // PROGRESS_STEPS + 1
        together = self.session.hears_together
        feeds = [
            each._source if isinstance(each, BarTicks) else None for each in self.rows.values()
        ]
        bars = BarCursor(self.engine, feeds, self._wanted(), self.session.wake_on, step, together)
        tell, due = self._telling(self.session.bar), step
        # Nothing but the call for each bar: the loop costs more than what it drives.
        for bar in bars:
            if bar is not None:
                tell(bar)
                continue
            self._wake()
            while self.session.awaits_moment:
                if bars.finish_moment():
                    self._end_moment()
                else:
                    self._wake()
            if bars.rows_done >= due:
                due += step
                yield min(bars.rows_done, self.rows_total - 1)
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
            result = self.engine.advance(told + step - done, stop_on=wake_on.mask)
            done += result.ticks_done
            self._wake()
            while self.session.awaits_moment:
                done += self._finish_moment()
            if done >= told + step:
                told = done
                yield done

    def _by_ticks(self) -> Iterator[int]:
        step = self.rows_total // PROGRESS_STEPS + 1
        hears, tell = self.session.hears_ticks, self._telling(self.session.tick)
        for done, tick in enumerate(self.engine.cursor(), start=1):
            if self.engine.event_count:
                self._wake()
            if hears:
                tell(tick)
            if self.session.awaits_moment and self._next_time() > self.engine.time:
                self._end_moment()
            if done % step == 0:
                yield done

    def _finish_moment(self) -> int:
        """Take rows of the present time until something happens; look where there are no more."""
        rest = self.engine.advance(until=self.engine.time + 1, stop_on=self.session.wake_on.mask)
        if rest.event_kinds & self.session.wake_on.mask:
            self._wake()
        else:
            self._end_moment()
        return rest.ticks_done

    def _end_moment(self) -> None:
        self.session.end_moment()
        self._tell_updates()

    def _next_time(self) -> float:
        """Time of the next row of all; infinite at the end."""
        counts = {symbol: self.engine.holding(symbol)[0] + 1 for symbol in self.rows}
        left = ((rows, counts[symbol]) for symbol, rows in self.rows.items())
        times = [int(rows.time[count]) for rows, count in left if count < len(rows)]
        return min(times, default=float("inf"))

    def _price_before(self, instrument: int, time: int) -> int:
        rows = self.rows[self._scales.symbols[instrument]]
        return int(rows.price_ticks[np.searchsorted(rows.time, time) - 1])

    def _wake(self) -> None:
        self._take()
        self._tell_updates()

    def _telling(self, tell: Callable[[Any], None]) -> Callable[[Any], None]:
        """Call something, and tell what became of the commands it gave where that is heard."""
        if not self.session.hears_updates:
            return tell

        def told(about: Any) -> None:
            tell(about)
            self._tell_updates()

        return told

    def _tell_updates(self) -> None:
        """Tell what became of the commands just given, before the next row and however rows are cut."""
        while self.session.hears_updates and self.engine.event_count:
            self._take()

    def _take(self) -> None:
        events = self.engine.drain_events()
        self._keep(events)
        self.session.take(events)

    def _keep(self, events: Events) -> None:
        self.events += events.tobytes()


def _rows_of(data: Data, lot: str, bar_fill: str) -> Ticks | BarTicks:
    return BarTicks(data, lot, bar_fill=bar_fill) if isinstance(data, Bars) else data


def _market(data: Data) -> Market:
    return BarsMarket(data) if isinstance(data, Bars) else TicksMarket(data)


def _as_configured(named: dict[str, Data], config: EngineConfig) -> dict[str, Data]:
    """The data in the order of the instruments, the only one by the configured name."""
    if len(named) == 1:
        named = dict(zip(config.symbols, named.values(), strict=True))
    return {symbol: named[symbol] for symbol in config.symbols}


def _made(strategy: Runnable, parameters: Mapping[str, Any] | None = None) -> Strategy:
    if isinstance(strategy, Sequence) and not isinstance(strategy, str):
        if parameters is not None:
            raise ConfigError(
                "parameters are given beside several strategies",
                hint="give instances: [One(fast=5), Two()]",
            )
        return Team([_made(each) for each in strategy])
    if isinstance(strategy, NativeStrategy):
        raise ConfigError(
            f"{strategy!r} is one of several", hint="a native strategy has an account of its own"
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
    check_events(type(made))
    return made
