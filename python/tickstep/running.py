"""A run in the hand: advance it, look at it, save it, load it, fork it.

A saved run is one file: a head that says of which data it is, the engine's state, and everything else
as a pickle, with the SHA-256 of all. Data are not in it. **A pickle runs code when it is read: load
only files that you would run as programs.**
"""

import copy
import hashlib
import io
import json
import pickle
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from tickstep.bars import Bars
from tickstep.barticks import BAR_FILLS
from tickstep.engine import Engine, EngineConfig, Snapshot
from tickstep.errors import DataError, StateError
from tickstep.plans import Given, Plan, Runnable, TicksGiven, failure_of, planned
from tickstep.replay import Replay, market_of
from tickstep.result import Result
from tickstep.risk import RiskManager
from tickstep.settings import Data, data_by_symbol, ticks_at_hand
from tickstep.strategy import Strategy
from tickstep.ticks import Number, Progress, Time, to_time
from tickstep.version import __version__

__all__ = ["Run"]

MAGIC = b"tickstep saved run 1\n"
SHA256_SIZE = 32
SIZE_BYTES = 8
LOAD_HINT = "give a file that Run.save wrote, to the version of tickstep that wrote it"


class Run:
    """A backtest that is advanced step by step; it ends as `ts.backtest` would.

    Ctrl-C in `advance` waits for the strategy's own code to return; then the run can go on. Pressed
    again, it breaks off at once, and the run cannot.

    Parameters
    ----------
    strategy, data, **settings
        As of `ts.backtest`.

    Examples
    --------
    >>> import tickstep as ts
    >>> class Dip(ts.Strategy):
    ...     depth = 0.1
    ...     def on_bar(self, bar):
    ...         if bar.close <= bar.open - self.depth:
    ...             self.buy(1)
    >>> from tickstep.demo import sample
    >>> bars = sample(20_000).candles("1m")
    >>> run = ts.Run(Dip, bars, cash=1_000_000)
    >>> run.advance(until=bars.time[len(bars) // 2]).is_done
    False
    >>> deeper = run.fork(depth=0.2)
    >>> run.finish().digest == ts.backtest(Dip, bars, cash=1_000_000).digest
    True
    >>> len(deeper.finish().fills) < len(run.result().fills)
    True
    """

    def __init__(
        self,
        strategy: Runnable,
        data: Given,
        *,
        ticks: TicksGiven | None = None,
        parameters: Mapping[str, Any] | None = None,
        cash: Number | None = None,
        config: EngineConfig | None = None,
        bar_fill: str = BAR_FILLS[0],
        risk: RiskManager | None = None,
        start: Time | None = None,
        stop: Time | None = None,
        warmup: int | str | None = None,
        alternatives: bool = True,
        skip_scan: bool = True,
        progress: Progress | None = None,
        **settings: Any,
    ) -> None:
        plan, made = planned(
            strategy,
            data,
            parameters=parameters,
            cash=cash,
            config=config,
            bar_fill=bar_fill,
            risk=risk,
            start=start,
            stop=stop,
            warmup=warmup,
            alternatives=alternatives,
            skip_scan=skip_scan,
            ticks=ticks,
            progress=progress,
            settings=settings,
        )
        self._hold(plan, plan.replay(made), progress)

    def _hold(self, plan: Plan, replay: Replay, progress: Progress | None = None) -> None:
        self._plan, self._replay, self._progress = plan, replay, progress
        self._broken: str | None = None
        self._result: Result | None = None

    # Looking.

    @property
    def time(self) -> int:
        """Time of the last row taken, in the data's unit; the start before the first."""
        return self._replay.time

    @property
    def is_done(self) -> bool:
        """Whether no row is left and `on_stop` was called."""
        return self._replay.is_done

    @property
    def rows_done(self) -> int:
        """Rows taken, of all instruments; a bar has several."""
        return self._replay.rows_done

    @property
    def strategy(self) -> Strategy:
        """What runs."""
        return self._replay.session.strategy

    def snapshot(self, symbol: str | None = None) -> Snapshot:
        """The account, and the position in an instrument, now.

        Parameters
        ----------
        symbol : str, optional
            The instrument; needed where there are several.

        Returns
        -------
        Snapshot
            Floats for reading, and exact integers.
        """
        return self._replay.engine.get_snapshot(symbol)

    def result(self) -> Result:
        """What came of the run so far.

        Returns
        -------
        Result
            `is_complete` is False unless the run is done.

        Raises
        ------
        StateError
            When no row was taken yet.
        """
        if self._result is not None:
            return self._result
        if self.is_done:
            return self._replay.result()
        return self._replay.result(self._broken or "looked at before the end of the data")

    # Going on.

    def advance(self, until: Time | None = None) -> Self:
        """Take the rows before a time, or all that are left.

        Parameters
        ----------
        until : int, str, datetime or datetime64, optional
            The first time not to go to, as `Strategy.at` takes times. With the last row `on_stop` is
            called.

        Returns
        -------
        Run
            This one.

        Raises
        ------
        StrategyError
            When the strategy's own code raises; the run cannot go on then.
        StateError
            When it was broken off inside the strategy before.
        KeyboardInterrupt
            After Ctrl-C; the run can go on.
        """
        self._check_whole()
        limit = None if until is None else to_time(until, self._plan.config.time_unit)
        replay = self._replay
        with _ctrl_c_waits(replay.interrupt):
            try:
                replay.advance(limit, self._progress)
            except Exception as error:
                failure = failure_of(replay, error)
                self._broken = str(error if failure is None else failure.message).split("\n")[0]
                if failure is None:
                    raise
                raise failure from error
            except BaseException:
                self._broken = "broken off inside the strategy"
                raise
        if replay.is_interrupted:
            replay.is_interrupted = False
            raise KeyboardInterrupt
        return self

    def finish(self) -> Result:
        """Take all rows that are left.

        Returns
        -------
        Result
            The one that `ts.backtest` gives, with the same digest; other assumptions on fills beside
            it, unless parameters were changed on the way.

        Raises
        ------
        StrategyError, StateError, KeyboardInterrupt
            As `advance`.
        """
        if self._result is None:
            self.advance()
            self._result = self._plan.put_alternatives(self._replay.result())
        return self._result

    # Copies.

    def fork(self, **parameters: Any) -> "Run":
        """Copy the run; the two go their own ways from here.

        Parameters
        ----------
        **parameters
            New values for the copy's strategy, from here on. Of several strategies they are named as
            in `Result.parameters`: `run.fork(**{"Grid.step": 5})`.

        Returns
        -------
        Run
            The copy.

        Raises
        ------
        ConfigError
            When the strategy has no such parameter.
        StateError
            When something it holds cannot be copied; it is named.

        Examples
        --------
        >>> import tickstep as ts
        >>> from tickstep.demo import Grid, sample
        >>> run = ts.Run(Grid, sample(3_000), cash=10_000).advance(until=0)
        >>> run.fork(step=20).strategy.step, run.strategy.step
        (20, 0.25)
        """
        self._check_whole()
        try:
            replay = self._replay.fork()
        # Whatever a strategy holds may object in its own way.
        except Exception as error:
            raise _refusal(self._replay, error, "copied", self._replay.copied) from error
        made = object.__new__(Run)
        plan = replace(self._plan, again=None) if parameters else self._plan
        made._hold(plan, replay, self._progress)
        if parameters:
            replay.change(replay.time, parameters)
        return made

    def save(self, path: str | Path) -> Path:
        """Write the run to a file, to go on with another day or elsewhere.

        Data are not in it: `load` is given them again. The strategy is written by pickle, so its class
        must be one that a program can import, and what it holds must be picklable.

        Parameters
        ----------
        path : path
            Replaced when it is there.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        StateError
            When something the strategy holds cannot be written; it is named.
        OSError
            When the file cannot be written.
        """
        self._check_whole()
        replay = self._replay
        replay.set_aside()
        engine = replay.engine.save()
        try:
            rest = _pickled((self._plan_parts(), replay), replay)
        except Exception as error:
            raise _refusal(replay, error, "saved", lambda each: _pickled(each, replay)) from error
        head = {
            "tickstep": __version__,
            "time": replay.time,
            "data": _digests(self._plan.data),
            "beside": _digests(self._plan.beside),
            "engine_size": len(engine),
        }
        told = json.dumps(head).encode()
        body = MAGIC + len(told).to_bytes(SIZE_BYTES, "little") + told + engine + rest
        file = Path(path)
        partial = file.with_name(file.name + ".part")
        partial.write_bytes(body + hashlib.sha256(body).digest())
        partial.replace(file)
        return file

    @classmethod
    def load(cls, path: str | Path, data: Given, ticks: TicksGiven | None = None) -> "Run":
        """Take a saved run up again.

        The file is checked against damage, but holds a pickle: **load only what you trust as you would
        a program.**

        Parameters
        ----------
        path : path
            What `save` wrote.
        data : Ticks or Bars, a mapping of str to them, or a sequence of them
            The data of the run, all of them; their SHA-256 are compared.
        ticks : Ticks, a mapping of str to them, or a sequence of them, optional
            The ticks that the run trades on, where they were given.

        Returns
        -------
        Run
            It goes on to the very same events.

        Raises
        ------
        DataError
            When the file is none of ours or damaged, or the data are others.
        StateError
            When the strategy's class is not there any more.
        OSError
            When the file cannot be read.
        """
        head, engine, rest = _opened(Path(path))
        named, beside = _same_data(head, data, ticks)
        parts, replay = _unpickled(rest, Engine.load(engine), named, beside)
        replay.restore()
        made = object.__new__(cls)
        made._hold(Plan(data=named, beside=beside, **parts), replay)
        return made

    def _plan_parts(self) -> dict[str, Any]:
        plan = self._plan
        again = None if plan.again is None else _Kept(plan.again())
        return {
            "config": plan.config,
            "bar_fill": plan.bar_fill,
            "risk": plan.risk,
            "window": plan.window,
            "skip_scan": plan.skip_scan,
            "again": again,
        }

    def _check_whole(self) -> None:
        if self._broken is not None:
            raise StateError(
                f"the run cannot go on: {self._broken}",
                hint="make a new one, or keep a fork from before",
            )

    def __repr__(self) -> str:
        rows = f"{self._replay.rows_done:,} of {self._replay.rows_total:,} rows"
        return f"Run({self.strategy!r}, time {self.time}, {rows})"


class _Kept:
    """A strategy that has not run, to run it again."""

    def __init__(self, strategy: Strategy | None) -> None:
        self._strategy = strategy

    def __call__(self) -> Strategy | None:
        return copy.deepcopy(self._strategy)


@contextmanager
def _ctrl_c_waits(interrupt: Callable[[], None]) -> Iterator[None]:
    """Call something at Ctrl-C instead of raising; the second time it raises."""
    asked: list[int] = []

    def ask(number: int, _: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        interrupt()

    before = signal.getsignal(signal.SIGINT)
    # Whoever hears the signal otherwise goes on to; other threads than the main one never do.
    is_ours = before is signal.default_int_handler
    if is_ours:
        try:
            signal.signal(signal.SIGINT, ask)
        except ValueError:
            is_ours = False
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, before)


# --- The file. ------------------------------------------------------------------------------------


class _Pickler(pickle.Pickler):
    """Names what the engine and the data are, instead of writing it."""

    def __init__(self, file: io.BytesIO, replay: Replay) -> None:
        super().__init__(file, protocol=5)
        # The objects are kept too, so that no other one gets their id.
        self._named = {id(each): (name, each) for name, each in replay.shared().items()}
        self._named[id(replay.engine)] = (("engine",), replay.engine)

    def persistent_id(self, held: Any) -> Any:
        found = self._named.get(id(held))
        return None if found is None else found[0]


class _Unpickler(pickle.Unpickler):
    """Finds by name what the engine and the data are."""

    def __init__(
        self,
        file: io.BytesIO,
        engine: Engine,
        data: Mapping[str, Data],
        beside: Mapping[str, Bars],
    ) -> None:
        super().__init__(file)
        self._engine = engine
        self._data = data
        self._beside = beside
        self._markets = {
            symbol: market_of(each, beside.get(symbol)) for symbol, each in data.items()
        }

    def persistent_load(self, name: Any) -> Any:
        match name:
            case ("engine",):
                return self._engine
            case ("data", symbol):
                return self._data[symbol]
            case ("beside", symbol):
                return self._beside[symbol]
            case ("bars", symbol, interval):
                return self._markets[symbol].watch(interval)._bars
            case ("rows", _):
                return None  # they are made anew
        raise pickle.UnpicklingError(f"there is no {name!r}")


def _pickled(held: Any, replay: Replay) -> bytes:
    file = io.BytesIO()
    _Pickler(file, replay).dump(held)
    return file.getvalue()


def _unpickled(
    rest: bytes, engine: Engine, data: Mapping[str, Data], beside: Mapping[str, Bars]
) -> tuple[dict[str, Any], Replay]:
    try:
        parts, replay = _Unpickler(io.BytesIO(rest), engine, data, beside).load()
    # What a pickle raises is up to the classes in it.
    except Exception as error:
        raise StateError(
            f"the saved run cannot be taken up: {type(error).__name__}: {error}",
            hint="import the module of the strategy under the name it had when the run was saved",
        ) from error
    return parts, replay


def _refusal(
    replay: Replay, error: Exception, verb: str, attempt: Callable[[Any], object]
) -> StateError:
    """Say what of the strategy cannot be copied or saved."""
    for member in replay.session.strategy._members():
        kind = type(member)
        for name, held in vars(member).items():
            if name != "_desk" and (fault := _fault_of(attempt, held)) is not None:
                return StateError(
                    f"{kind.__name__}.{name} cannot be {verb}: {type(held).__name__}: {fault}",
                    hint=f"make it anew where it is needed, or give {type(held).__name__} "
                    "__getstate__ and __setstate__",
                )
        if _fault_of(attempt, kind) is not None:
            return StateError(
                f"{kind.__name__} cannot be {verb}: a program could not find the class "
                f"{kind.__qualname__} in {kind.__module__}",
                hint="define it at the top of a module that can be imported",
            )
    return StateError(
        f"the run cannot be {verb}: {type(error).__name__}: {error}",
        hint="see what the strategy holds",
    )


def _fault_of(attempt: Callable[[Any], object], held: Any) -> Exception | None:
    try:
        attempt(held)
    except Exception as error:
        return error
    return None


def _opened(file: Path) -> tuple[dict[str, Any], bytes, bytes]:
    """Head, engine and the rest of a saved run."""
    raw = file.read_bytes()
    body, digest = raw[:-SHA256_SIZE], raw[-SHA256_SIZE:]
    if not body.startswith(MAGIC):
        raise DataError(f"{file.name} is not a saved run", hint=LOAD_HINT)
    if hashlib.sha256(body).digest() != digest:
        raise DataError(
            f"{file.name} is damaged: its SHA-256 does not match",
            hint="it was changed or cut off after it was saved",
        )
    start = len(MAGIC) + SIZE_BYTES
    stop = start + int.from_bytes(body[len(MAGIC) : start], "little")
    head = json.loads(body[start:stop])
    if head["tickstep"] != __version__:
        raise DataError(
            f"{file.name} was saved by tickstep {head['tickstep']}, this is {__version__}",
            hint=LOAD_HINT,
        )
    rest = stop + head["engine_size"]
    return head, body[stop:rest], body[rest:]


def _digests(data: Mapping[str, Data]) -> dict[str, str]:
    return {symbol: each.data_digest for symbol, each in data.items()}


def _same_data(
    head: Mapping[str, Any], data: Given, ticks: TicksGiven | None
) -> tuple[dict[str, Data], dict[str, Bars]]:
    """What the saved run trades on, and bars told of beside it, if they are those given."""
    told = data_by_symbol(data)
    if bool(head["beside"]) != (ticks is not None):
        raise DataError(
            "the saved run trades on ticks given beside bars"
            if head["beside"]
            else "the saved run trades on its data alone, and ticks are given beside them",
            hint="give data and ticks as they were given to the run",
        )
    if ticks is None:
        return _compared(head["data"], told, "data"), {}
    traded = _compared(head["data"], ticks_at_hand(told, ticks), "ticks")
    beside = _compared(head["beside"], told, "data")
    return traded, {symbol: each for symbol, each in beside.items() if isinstance(each, Bars)}


def _compared(saved: Mapping[str, str], given: dict[str, Data], what: str) -> dict[str, Data]:
    """The data by the symbols of the saved run."""
    if len(given) == len(saved) == 1:
        given = dict(zip(saved, given.values(), strict=True))
    if set(given) != set(saved):
        raise DataError(
            f"the {what} are of {', '.join(given)}, the saved run is over {', '.join(saved)}",
            hint="give the data of the run, by the same symbols",
        )
    for symbol, digest in saved.items():
        if given[symbol].data_digest != digest:
            raise DataError(
                f"the {what} of {symbol} are not those of the saved run: their SHA-256 was {digest}, "
                f"is {given[symbol].data_digest}",
                hint="give all data of the run, read in the same way",
            )
    return {symbol: given[symbol] for symbol in saved}
