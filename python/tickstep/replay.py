"""Drives a session over recorded data: the kernel as venue, the data as clock.

The kernel runs alone from one wake-up of the strategy to the next. `skip_scan=False` takes every tick
by itself instead: the slow, plain way, there to be compared with. Both give the same events, and so
the same digest.

A replay can stop before any time and go on, and be copied there. Everything it is lies in four
places: the engine, the rows taken, the session with its strategy and watch, and the events so far.
Loops hold nothing that does not follow from these. So how rows are cut into calls is never seen: the
session hears of events when something happened that it waits for, and of nothing else.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tickstep._kernel import BarCursor, Counter, TickCursor
from tickstep.bars import Bars
from tickstep.barticks import ROWS_OF_BAR, BarTicks, in_lots
from tickstep.engine import EVENT_DTYPE, Engine, EngineConfig, Events
from tickstep.errors import ConfigError, StateError, StrategyError
from tickstep.failures import strategy_error
from tickstep.intervals import interval_length, phase_of
from tickstep.markets import BarsMarket, Market, TicksMarket
from tickstep.result import Result
from tickstep.risk import RiskManager
from tickstep.scales import Scales
from tickstep.session import Session
from tickstep.settings import Data
from tickstep.strategy import Strategy
from tickstep.ticks import Progress, Ticks
from tickstep.watch import RiskWatch
from tickstep.window import WHOLE, Window

__all__ = ["Replay"]

PROGRESS_STEPS = 200
NEVER, AT_ONCE = 2**63 - 1, -(2**63)  # limits in time


class Replay:
    """One run of a strategy over data, as far as it has come.

    Parameters
    ----------
    strategy : Strategy
        One that has not run.
    data : mapping of str to Ticks or Bars
        All there are, by symbol, in the order of the instruments.
    config : EngineConfig
        What the kernel runs with.
    bar_fill : str
        The fill rule of bars.
    risk : RiskManager or None
        Limits of orders and losses.
    window : Window
        Which of the rows to take.
    skip_scan : bool
        False takes ticks one by one.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.replay import Replay
    >>> class Once(ts.Strategy):
    ...     def on_start(self):
    ...         self.buy(1)
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 1000, 2000], [50.0, 51.0, 55.0], [1.0, 1.0, 1.0], [0, 0, 0], tick_size=1, lot=1)
    >>> config = ts.EngineConfig(tick_size=1, lot=1)
    >>> replay = Replay(Once(), {"ASSET": ticks}, config)
    >>> replay.advance(1000)
    >>> replay.rows_done, replay.is_done, len(replay.result("to look at it").fills)
    (1, False, 1)
    """

    def __init__(
        self,
        strategy: Strategy,
        data: Mapping[str, Data],
        config: EngineConfig,
        bar_fill: str = "next_open",
        risk: RiskManager | None = None,
        window: Window = WHOLE,
        skip_scan: bool = True,
        beside: Mapping[str, Bars] = MappingProxyType({}),
    ) -> None:
        self.config = config
        self.data = dict(data)
        self._beside = dict(beside)
        self.window = window
        self.bar_fill = bar_fill
        self.risk = risk
        self._skip_scan = skip_scan
        self._parameters = strategy._parameters()
        self._notes: list[str] = []  # what was done to the run from outside
        self.engine = Engine(config)
        self._scales = Scales.of(config)
        self._set_rows()
        self.events = bytearray()
        self._untold = 0  # of the last events, how many the session has not heard of
        self.is_begun = self.is_done = False
        self._markets = {
            symbol: market_of(each, self._beside.get(symbol)) for symbol, each in self.data.items()
        }
        times = (each.time[self._first[symbol] :] for symbol, each in self.data.items())
        first = min(int(each[0]) for each in times if len(each))
        self._start = first if window.start is None else window.start
        self.watch: RiskWatch | None = None
        if risk is not None:
            self.watch = RiskWatch(risk, self.engine, self._scales, self._price_before, self._start)
        self.session = Session(
            strategy,
            self.engine,
            self._markets,
            self._scales,
            start_time=self._start,
            watch=self.watch,
        )
        self._set_loop()

    def _set_rows(self) -> None:
        """Make the rows that the engine takes, and bind it to them."""
        self._first = {symbol: self.window.rows(each).start for symbol, each in self.data.items()}
        self.rows = {
            symbol: _rows_of(self.window.part(each), scale.lot.step, self.bar_fill)
            for (symbol, each), scale in zip(
                self.data.items(), self._scales.instruments, strict=True
            )
        }
        for symbol, rows in self.rows.items():
            if isinstance(rows, BarTicks):
                self.engine._check_rows(symbol, rows)
        if self._ticks:
            self.engine.bind(self._ticks)
        self.rows_total = sum(map(len, self.rows.values()))

    def _set_loop(self) -> None:
        self._bars: BarCursor | None = None
        self._cursor: TickCursor | None = None
        self.is_interrupted = False

    @property
    def _ticks(self) -> dict[str, Ticks]:
        return {symbol: each for symbol, each in self.rows.items() if isinstance(each, Ticks)}

    # How far it has come.

    @property
    def rows_done(self) -> int:
        """Rows taken, of all instruments."""
        return sum(map(self._taken, self.rows))

    @property
    def time(self) -> int:
        """Time of the last row taken; when the session begins before the first."""
        return self.engine.time if self.rows_done else self._start

    def _taken(self, symbol: str) -> int:
        return self.engine.holding(symbol)[0] + 1

    def result(self, stopped: str | None = None, warnings: tuple[str, ...] = ()) -> Result:
        """What came of the rows taken so far.

        Parameters
        ----------
        stopped : str, optional
            Why there are no more.
        warnings : sequence of str
            What else to say.

        Raises
        ------
        StateError
            When none was taken.
        """
        if self.rows_done == 0:
            raise StateError("no row was taken yet", hint="advance first: run.advance(until=...)")
        self.set_aside()
        strategy = self.session.strategy
        watch = self.watch
        return Result(
            strategy=strategy._name(),
            parameters=self._parameters,
            config=self.config,
            data={symbol: rows[: self._taken(symbol)] for symbol, rows in self.rows.items()},
            events=np.frombuffer(bytes(self.events), dtype=EVENT_DTYPE),
            event_digest=self.engine.digest,
            parts=strategy._parts(),
            stopped=stopped,
            owners=strategy._owned() if self.is_begun else {},
            risk=self.risk,
            risk_log=() if watch is None else tuple(watch.log),
            warnings=(*warnings, *(() if watch is None else watch.warnings())),
            assumptions=self._notes,
            window=self.window.told(self.data),
            beside={symbol: each.data_digest for symbol, each in self._beside.items()},
        )

    def failure_of(self, error: Exception) -> StrategyError | None:
        """Word an exception of the strategy's own; None of any other."""
        strategies = self.session.strategy._members()
        return strategy_error(error, strategies, self.session.now, self.config.time_unit)

    # Going on.

    def advance(self, until: int | None = None, progress: Progress | None = None) -> None:
        """Take rows before a time, or to the end.

        Parameters
        ----------
        until : int, in the data's unit, optional
            The first time not to go to.
        progress : callable, optional
            Called now and then as `progress(rows_done, rows_total)`.
        """
        if self.is_done:
            return
        if not self.is_begun:
            self._begin()
        limit = NEVER if until is None else until
        for done in self._steps(limit):
            if progress is not None:
                progress(done, self.rows_total)
        if self.rows_done == self.rows_total:
            self.session.stop()
            self.set_aside()
            self.is_done = True
            if progress is not None:
                progress(self.rows_total, self.rows_total)

    def interrupt(self) -> None:
        """Let `advance` return as soon as it can go on from there; may be called by a handler."""
        self.is_interrupted = True
        for loop in (self._bars, self._cursor):
            if loop is not None:
                loop.until = AT_ONCE

    def _begin(self) -> None:
        if self.session.hears_ticks and self._has_bars:
            raise ConfigError(
                f"{type(self.session.strategy).__name__}.on_tick needs ticks, and there are bars",
                hint="override on_bar, or give Ticks",
            )
        self.is_begun = True
        self.session.start()
        self._tell_updates()

    def _steps(self, limit: int) -> Iterator[int]:
        if self._has_bars:
            return self._by_bars(limit)
        by_events = self._skip_scan and not self.session.hears_ticks
        return self._by_events(limit) if by_events else self._by_ticks(limit)

    @property
    def _has_bars(self) -> bool:
        return any(market.own is not None for market in self._markets.values())

    @property
    def _step(self) -> int:
        return self.rows_total // PROGRESS_STEPS + 1

    # Over bars.

    def _by_bars(self, limit: int) -> Iterator[int]:
        bars = self._bars = self._bars or self._bar_cursor()
        bars.until = AT_ONCE if self.is_interrupted else limit
        if self._is_due:
            bars.stop_at_next()
        tell, session = self._telling(self.session.bar), self.session
        # Nothing but the call for each bar: the loop costs more than what it drives.
        for bar in bars:
            if bar is not None:
                tell(bar)
                continue
            if bars.is_pause:
                yield bars.rows_done
                continue
            self._wake()
            while session.awaits_moment:
                if bars.finish_moment():
                    self._end_moment()
                else:
                    self._wake()

    def _bar_cursor(self) -> BarCursor:
        feeds = [
            each._source if isinstance(each, BarTicks) else None for each in self.rows.values()
        ]
        session, taken = self.session, [self._taken(symbol) for symbol in self.rows]
        return BarCursor(
            self.engine,
            feeds,
            self._wanted(),
            session.wake_on,
            self._step,
            session.hears_together,
            taken,
        )

    def _wanted(
        self,
    ) -> list[tuple[int, str, tuple[int, int] | None, Counter, tuple[int, ...] | None]]:
        unit = self._scales.time_unit
        wanted = []
        for feed, (symbol, market) in enumerate(self._markets.items()):
            if market.own is None:
                continue
            for interval, series in market.series.items():
                length = None if interval == market.own else interval_length(interval, unit)
                cut = None if length is None else (length, phase_of(length, unit))
                partial = None if cut is None else self._partial(symbol, *cut)
                wanted.append((feed, interval, cut, series._counter, partial))
        return wanted

    def _partial(self, symbol: str, length: int, phase: int) -> tuple[int, ...] | None:
        """The longer bar that is in the making, of the bars told of so far."""
        bars, rows = self.data[symbol], self.rows[symbol]
        assert isinstance(bars, Bars), "longer bars are made of bars"
        assert isinstance(rows, BarTicks), "as are their rows"
        of_each, told_after = ROWS_OF_BAR[rows.bar_fill]
        whole, place = divmod(self._taken(symbol), of_each)
        told = self._first[symbol] + whole + (place >= told_after)
        if told == 0:
            return None
        start = (int(bars.time[told - 1]) - phase) // length * length + phase
        # It is over with its last bar, with the first row after it, or before the run begins.
        seen = int(bars[told - 1 : told].end_time[0])
        if 0 < place < told_after:
            # Rows of a bar that is not told of yet: the open, and stretches in its last moments.
            seen = max(seen, int(bars.time[told]))
            if place > 1:
                seen = max(seen, int(bars[told : told + 1].end_time[0]) - of_each + place - 1)
        if start + length <= max(seen, self._start):
            return None
        part = bars[int(np.searchsorted(bars.time[:told], start, side="left")) : told]
        scale = self.session.scale_of(symbol)
        figures = (
            part.open_ticks[0],
            part.high_ticks.max(),
            part.low_ticks.min(),
            part.close_ticks[-1],
            in_lots(part, scale.lot.step).sum(),
        )
        return (start, start + length, *map(int, figures))

    # Over ticks.

    def _by_events(self, limit: int) -> Iterator[int]:
        wake_on, step = self.session.wake_on, self._step
        done, told = self.rows_done, self.rows_done
        while not self.is_interrupted:
            is_due = self._is_due
            rows = 1 if is_due else step
            result = self.engine.advance(rows, until=limit, stop_on=wake_on.mask)
            if result.ticks_done == 0:
                return
            done += result.ticks_done
            if is_due or result.event_kinds & wake_on.mask:
                self._wake()
            while self.session.awaits_moment:
                done += self._finish_moment()
            if done >= told + step:
                told = done
                yield done

    def _by_ticks(self, limit: int) -> Iterator[int]:
        step = self._step
        hears, tell = self.session.hears_ticks, self._telling(self.session.tick)
        cursor = self._cursor = self._cursor or self.engine.cursor()
        cursor.until = AT_ONCE if self.is_interrupted else limit
        untold = self._untold > 0
        for done, tick in enumerate(cursor, start=self.rows_done + 1):
            if untold or self.engine.event_count:
                self._wake()
                untold = False
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
        left = ((rows, self._taken(symbol)) for symbol, rows in self.rows.items())
        times = [int(rows.time[count]) for rows, count in left if count < len(rows)]
        return min(times, default=float("inf"))

    def _price_before(self, instrument: int, time: int) -> int:
        rows = self.rows[self._scales.symbols[instrument]]
        return int(rows.price_ticks[np.searchsorted(rows.time, time) - 1])

    # Events.

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
        events = self._kept()
        if self._untold:
            size = EVENT_DTYPE.itemsize * (self._untold + len(events))
            events = np.frombuffer(bytes(self.events[-size:]), dtype=EVENT_DTYPE)
            self._untold = 0
        self.session.take(events)

    def set_aside(self) -> None:
        """Take the events out of the engine, and tell the session when it would hear of them."""
        self._untold += len(self._kept())

    @property
    def _is_due(self) -> bool:
        """Whether among the events set aside is one for which the next row would have stopped."""
        if not self._untold:
            return False
        events = self.events[-EVENT_DTYPE.itemsize * self._untold :]
        kinds = np.frombuffer(bytes(events), dtype=EVENT_DTYPE)["kind"]
        return any(self.session.wake_on.mask >> kind & 1 for kind in set(kinds.tolist()))

    def _kept(self) -> Events:
        events = self.engine.drain_events()
        self.events += events.tobytes()
        return events

    # Copies.

    def fork(self) -> "Replay":
        """Copy everything but the data; the two go their own ways from here."""
        self.set_aside()
        made = copy.deepcopy(self, self._memo(self.engine.fork()))
        made.session.seat()
        return made

    def copied(self, held: Any) -> Any:
        """Copy something that the strategy holds."""
        memo = self._memo(self.engine)
        memo |= {id(each): each for each in (self, self.session, self.session.strategy)}
        return copy.deepcopy(held, memo)

    def _memo(self, engine: Engine) -> dict[int, Any]:
        """What a copy is not to copy."""
        memo: dict[int, Any] = {id(each): each for each in self.shared().values()}
        memo[id(self.engine)] = engine
        return memo

    def shared(self) -> dict[tuple[str, ...], Any]:
        """What never changes and follows from the data, by names that find it again: `found`."""
        found: dict[tuple[str, ...], Any] = {}
        for symbol, market in self._markets.items():
            found["rows", symbol] = self.rows[symbol]
            found["data", symbol] = self.data[symbol]
            if symbol in self._beside:
                found["beside", symbol] = self._beside[symbol]
            for interval, series in market.series.items():
                found["bars", symbol, interval] = series._bars
        return found

    def restore(self) -> None:
        """Make the rows anew, after a copy was read back, and go to the place reached in them."""
        self._set_rows()
        if self._ticks:
            self.engine._seek([self._taken(symbol) for symbol in self._ticks])
        self.session.seat()

    def change(self, time: int, values: Mapping[str, Any]) -> None:
        """Give the strategy other parameters, by the names that `Result.parameters` has."""
        for name, value in values.items():
            self.session.strategy._set_parameter(name, value)
            self._parameters[name] = value
        told = ", ".join(f"{name}={value}" for name, value in values.items())
        self._notes.append(f"parameters were changed at the time {time}: {told}")

    def __getstate__(self) -> dict[str, Any]:
        # Loops are made anew where they go on.
        return {
            name: value
            for name, value in vars(self).items()
            if name not in ("_bars", "_cursor", "is_interrupted")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._set_loop()


def market_of(data: Data, beside: Bars | None = None) -> Market:
    """What a session knows of data, and of bars told of beside ticks."""
    return BarsMarket(data) if isinstance(data, Bars) else TicksMarket(data, beside)


def _rows_of(data: Data, lot: str, bar_fill: str) -> Ticks | BarTicks:
    return BarTicks(data, lot, bar_fill=bar_fill) if isinstance(data, Bars) else data
