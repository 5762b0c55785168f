"""Runs that can be run again: strategies and data by name, and `verify`.

`run.json` says where strategy and data came from, with their SHA-256, the parameters as text, the
exact configuration and the digests; `events.npy` beside it holds every event. To verify is to run
again and compare both; where they differ, the first event that does is shown.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from tickstep import demo
from tickstep._kernel import ORDER_TYPES
from tickstep.backtest import run
from tickstep.data.load import read_trades
from tickstep.engine import EVENT_DTYPE, REASON_BITS, EngineConfig, EventKind, Events, Reason
from tickstep.errors import ConfigError, DataError
from tickstep.result import RUN_FORMAT, Result
from tickstep.session import Event, Units
from tickstep.strategy import Strategy, parameters_of
from tickstep.ticks import Progress, Ticks

__all__ = [
    "StrategySource",
    "TicksSource",
    "Verdict",
    "first_difference",
    "parameter_values",
    "verify",
]

RECORD_PARTS = {
    "version": str,
    "strategy.parameters": dict,
    "data.digest": str,
    "config.instruments": list,
    "event_digest": str,
    "digest": str,
}
MODULE_NAME = "tickstep_strategy_file"
ORDER_TYPE_NAMES = {number: name for name, number in ORDER_TYPES.items()}
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


# --- Where a strategy comes from. -----------------------------------------------------------------


class StrategySource(NamedTuple):
    """A strategy class and the file that it was read from; no file for the built-in one."""

    kind: type[Strategy]
    file: Path | None = None
    sha256: str | None = None

    @classmethod
    def read(cls, text: str) -> "StrategySource":
        """Load a strategy from a Python file.

        Parameters
        ----------
        text : str
            A path, and ":Class" behind it where the file has several strategies.

        Returns
        -------
        StrategySource
            The class and its file.

        Raises
        ------
        ConfigError
            When the file has no strategy, several, or not the one named.
        OSError
            When the file cannot be read.
        """
        path, colon, name = text.rpartition(":")
        file, wanted = (Path(path), name) if colon and name.isidentifier() else (Path(text), None)
        source = file.read_bytes()
        kind = _chosen(_strategies_in(file, source), wanted, file)
        return cls(kind, file, hashlib.sha256(source).hexdigest())

    @classmethod
    def built_in(cls) -> "StrategySource":
        """Take the strategy of the demonstration."""
        return cls(demo.Grid)

    def record(self, folder: Path) -> dict[str, Any]:
        """Write down where it is, seen from a folder, and what it is."""
        if self.file is None:
            return {"built_in": True}
        return {
            "file": _path_from(folder, self.file),
            "class": self.kind.__name__,
            "sha256": self.sha256,
        }

    @classmethod
    def recorded(cls, record: Mapping[str, Any], folder: Path) -> "StrategySource":
        """Load what `record` wrote down."""
        if record.get("built_in"):
            return cls.built_in()
        if not isinstance(record.get("file"), str):
            raise ConfigError(
                "run.json names no strategy file: a program made it, not `tickstep backtest`",
                hint="run the program again and compare the digests",
            )
        return cls.read(f"{folder / record['file']}:{record.get('class')}")


def _strategies_in(file: Path, source: bytes) -> dict[str, type[Strategy]]:
    if file.suffix != ".py":
        raise ConfigError(
            f"{file.name} is not a Python file", hint="name a .py file with a class of ts.Strategy"
        )
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as `python file.py` has it, for modules beside the file
    module = ModuleType(MODULE_NAME)
    module.__file__ = str(file)
    sys.modules[MODULE_NAME] = module
    # From the very bytes that are hashed: no cache is read, and none is written beside the file.
    exec(compile(source, str(file), "exec", dont_inherit=True), vars(module))
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Strategy)
        and value.__module__ == MODULE_NAME
    }


def _chosen(kinds: Mapping[str, type[Strategy]], wanted: str | None, file: Path) -> type[Strategy]:
    if wanted is not None and wanted in kinds:
        return kinds[wanted]
    if wanted is None and len(kinds) == 1:
        return next(iter(kinds.values()))
    if wanted is not None:
        raise ConfigError(
            f"{file.name} has no strategy {wanted}", hint=f"it has {', '.join(kinds) or 'none'}"
        )
    if kinds:
        raise ConfigError(
            f"{file.name} has {len(kinds)} strategies: {', '.join(kinds)}",
            hint=f"say which: {file.name}:{next(iter(kinds))}",
        )
    raise ConfigError(
        f"{file.name} has no strategy",
        hint="derive a class from ts.Strategy in it: class Mine(ts.Strategy): ...",
    )


def parameter_values(kind: type[Strategy], texts: Mapping[str, str]) -> dict[str, Any]:
    """Read parameters from text, as what their defaults are.

    Parameters
    ----------
    kind : class of Strategy
        Whose parameters they are.
    texts : mapping of str to str
        Values as text.

    Returns
    -------
    dict
        Values.

    Raises
    ------
    ConfigError
        When there is no such parameter, or the text is no value of its kind.

    Examples
    --------
    >>> from tickstep.demo import Grid
    >>> from tickstep.runfile import parameter_values
    >>> parameter_values(Grid, {"levels": "8", "step": "0.5"})
    {'levels': 8, 'step': 0.5}
    """
    defaults = parameters_of(kind)
    unknown = [name for name in texts if name not in defaults]
    if unknown:
        raise ConfigError(
            f"{kind.__name__} has no parameter {unknown[0]!r}",
            hint=f"it has {', '.join(defaults) or 'none'}",
        )
    return {name: _value(name, text, defaults[name]) for name, text in texts.items()}


def _value(name: str, text: str, default: Any) -> Any:
    try:
        return _read_as(default, text)
    except (ValueError, KeyError, SyntaxError, InvalidOperation):
        raise ConfigError(
            f"{name}={text} is not a value for {name}",
            hint=f"its default is {default!r}, of type {type(default).__name__}",
        ) from None


def _read_as(default: Any, text: str) -> Any:
    if isinstance(default, bool):
        return TRUTHS[text.lower()]
    if isinstance(default, int):
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    if isinstance(default, (float, Decimal, str)):
        return type(default)(text)
    return ast.literal_eval(text)


# --- Where ticks come from. -----------------------------------------------------------------------


class TicksSource(NamedTuple):
    """Files of trades and how to read them; or the length of the computed sample."""

    files: tuple[Path, ...]
    tick_size: str | None = None
    lot: str | None = None
    sample_ticks: int | None = None

    def read(self, progress: Progress | None = None) -> Ticks:
        """Read the files, in the order given, as one.

        Parameters
        ----------
        progress : callable, optional
            As of `read_trades`, for each file.

        Returns
        -------
        Ticks
            The trades.

        Raises
        ------
        DataError, ConfigError
            When a file is bad, or the files do not fit together.
        OSError
            When a file cannot be read.
        """
        if self.sample_ticks is not None:
            return demo.sample(self.sample_ticks)
        parts = [
            read_trades(file, tick_size=self.tick_size, lot=self.lot, progress=progress)
            for file in self.files
        ]
        return parts[0] if len(parts) == 1 else _joined(parts, self.files)

    def record(self, folder: Path) -> dict[str, Any]:
        """Write down where the files are, seen from a folder."""
        if self.sample_ticks is not None:
            return {"built_in": True, "ticks": self.sample_ticks}
        files = [_path_from(folder, file) for file in self.files]
        return {"files": files, "tick_size": self.tick_size, "lot": self.lot}

    @classmethod
    def recorded(cls, record: Mapping[str, Any], folder: Path) -> "TicksSource":
        """Read what `record` wrote down."""
        if record.get("built_in") and isinstance(record.get("ticks"), int):
            return cls((), sample_ticks=record["ticks"])
        if not isinstance(record.get("files"), list):
            raise ConfigError(
                "run.json names no files of trades: a program made it, not `tickstep backtest`",
                hint="run the program again and compare the digests",
            )
        files = tuple(folder / str(name) for name in record["files"])
        return cls(files, record.get("tick_size"), record.get("lot"))


def _joined(parts: Sequence[Ticks], files: Sequence[Path]) -> Ticks:
    first = parts[0]
    for before, after, file in zip(parts, parts[1:], files[1:], strict=False):
        _check_follows(before, after, file)
    names = ("time", "price_ticks", "qty_lots", "side")
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    for column in columns:
        column.flags.writeable = False
    return Ticks(
        *columns,
        tick_size=first.tick_size,
        lot=first.lot,
        time_unit=first.time_unit,
        symbol=first.symbol,
    )


def _check_follows(before: Ticks, after: Ticks, file: Path) -> None:
    for name in ("symbol", "time_unit", "tick_size", "lot"):
        ours, theirs = getattr(before, name), getattr(after, name)
        if ours != theirs:
            raise ConfigError(
                f"{file.name} has the {name} {theirs}, the file before it {ours}",
                hint="give files of one instrument; --tick-size and --lot make sizes agree",
            )
    if len(before) and len(after) and after.time[0] < before.time[-1]:
        raise DataError(
            f"{file.name} begins at {after.datetimes[0]}, before the end of the file before it, "
            f"{before.datetimes[-1]}",
            hint="give the files in order of time",
        )


def _path_from(folder: Path, file: Path) -> str:
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return str(file.resolve())


# --- Running again. -------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """Whether a run came out the same again, and what there is to say about it."""

    is_same: bool
    lines: list[str]


def verify(path: str | Path, progress: Progress | None = None) -> Verdict:
    """Run a recorded run again and compare.

    Parameters
    ----------
    path : path
        A run.json with its events.npy beside it.
    progress : callable, optional
        As of `backtest`.

    Returns
    -------
    Verdict
        Same, or the first diverging event.

    Raises
    ------
    DataError
        When the record cannot be read.
    OSError
        When a file it names cannot be read.
    """
    file = Path(path).resolve()
    record = _read_record(file)
    config = _config(record, file)
    strategy = StrategySource.recorded(record["strategy"], file.parent)
    texts = {name: str(text) for name, text in record["strategy"]["parameters"].items()}
    values = parameter_values(strategy.kind, texts)
    ticks = TicksSource.recorded(record["data"], file.parent).read()
    again = run(strategy.kind(**values), ticks, config=config, progress=progress)
    return _compared(record, _read_events(file.parent / "events.npy"), strategy, again)


def _read_record(file: Path) -> dict[str, Any]:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            f"{file.name} is not JSON: {error}", hint="give the run.json of a run"
        ) from error
    if not isinstance(record, dict) or record.get("format") != RUN_FORMAT:
        raise DataError(
            f"{file.name} is not the record of a run in the format {RUN_FORMAT!r}",
            hint="give the run.json that `tickstep backtest` wrote, to the version that wrote it",
        )
    for path, kind in RECORD_PARTS.items():
        if not isinstance(_part(record, path), kind):
            raise DataError(
                f"{file.name} lacks {path!r}, or it is no {kind.__name__}",
                hint="run the backtest again",
            )
    return record


def _part(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


def _config(record: Mapping[str, Any], file: Path) -> EngineConfig:
    try:
        return EngineConfig.from_canonical(record["config"])
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{file.name} holds no configuration of this version: {error}",
            hint="run the backtest again",
        ) from error


def _read_events(file: Path) -> Events:
    try:
        events: Events = np.load(file, allow_pickle=False)
    except ValueError as error:
        raise DataError(
            f"{file.name} cannot be read: {error}", hint="run the backtest again"
        ) from (error)
    if events.dtype != EVENT_DTYPE or events.ndim != 1:
        raise DataError(f"{file.name} holds no events", hint="run the backtest again")
    return events


def _compared(
    record: Mapping[str, Any], recorded: Events, strategy: StrategySource, again: Result
) -> Verdict:
    lines = _changes(record, strategy, again)
    row = first_difference(recorded, again.events)
    differing = [
        f"{name}: recorded {record[key]}, now {getattr(again, key)}"
        for key, name in (("event_digest", "event digest"), ("digest", "digest"))
        if record[key] != getattr(again, key)
    ]
    if row is not None:
        lines += ["different", *differing, *_event_lines(row, recorded, again)]
    elif differing:
        count = f"all {len(recorded):,} events are those of events.npy, only run.json differs"
        lines += ["different", *differing, count]
    else:
        lines += [f"verified: the same {len(recorded):,} events", f"digest {again.digest}"]
    return Verdict(row is None and not differing, lines)


def _changes(record: Mapping[str, Any], strategy: StrategySource, again: Result) -> list[str]:
    """What is no longer as it was when the run was recorded."""
    now = json.loads(again.to_json())
    pairs = [
        ("tickstep", record["version"], now["version"]),
        ("SHA-256 of the data", record["data"]["digest"], now["data"]["digest"]),
    ]
    if strategy.file is not None:
        was = record["strategy"].get("sha256")
        pairs.append((f"SHA-256 of {strategy.file.name}", was, strategy.sha256))
    return [
        f"changed: {name} was {was}, is {is_now}" for name, was, is_now in pairs if was != is_now
    ]


def first_difference(recorded: Events, now: Events) -> int | None:
    """Find the first row in which two lists of events differ.

    Parameters
    ----------
    recorded, now : structured array
        Events, as `EVENT_DTYPE`.

    Returns
    -------
    int or None
        The row; where one list is the beginning of the other, the row after its end; None when they
        are equal.

    Examples
    --------
    >>> import numpy as np
    >>> import tickstep as ts
    >>> from tickstep.runfile import first_difference
    >>> events = np.zeros(3, dtype=ts.EVENT_DTYPE)
    >>> first_difference(events, events), first_difference(events, events[:2])
    (None, 2)
    """
    both = min(len(recorded), len(now))
    rows = np.flatnonzero(recorded[:both] != now[:both])
    if len(rows):
        return int(rows[0])
    return None if len(recorded) == len(now) else both


def _event_lines(row: int, recorded: Events, again: Result) -> list[str]:
    sides = [_described(events, row, again.units) for events in (recorded, again.events)]
    names = list(dict.fromkeys(name for side in sides for name in side))
    counts = f"{len(recorded):,} recorded, {len(again.events):,} now"
    lines = [
        f"first diverging event: number {row + 1:,} ({counts})",
        f"  {'':<13}{'recorded':<30}{'now':<30}".rstrip(),
    ]
    for name in names:
        was, is_now = (side.get(name, "–") for side in sides)
        mark = " " if was == is_now else "*"
        lines.append(f"{mark} {name:<13}{was:<30}{is_now:<30}".rstrip())
    return lines


def _described(events: Events, row: int, units: Units) -> dict[str, str]:
    if row >= len(events):
        return {"kind": "no such event"}
    event = Event._make(events[row].tolist())
    (moment,) = np.array([event.time]).view(f"datetime64[{units.time_unit}]").astype(str)
    return {
        "kind": _name_in(EventKind, event.kind),
        "reason": _reason_text(event),
        "time": "before the first tick" if event.tick_index < 0 else moment.replace("T", " "),
        "tick": f"{event.tick_index:,}",
        "order": str(event.order_id),
        "tag": str(event.tag),
        "price": str(units.tick.decimal(event.price_ticks)),
        "qty": str(units.lot.decimal(event.qty_lots)),
        "fee": str(units.money.decimal(event.fee_units)),
        "realized": str(units.money.decimal(event.realized_units)),
        "position": str(units.lot.decimal(event.position_after_lots)),
    }


def _reason_text(event: Event) -> str:
    if event.kind == EventKind.FILLED:
        return "MAKER" if event.is_maker else "TAKER"
    if event.kind == EventKind.ACCEPTED:
        return ORDER_TYPE_NAMES.get(event.reason & REASON_BITS, str(event.reason))
    if event.kind in (EventKind.REJECTED, EventKind.CANCELLED, EventKind.EXPIRED):
        return _name_in(Reason, event.reason & REASON_BITS)
    return str(event.reason)


def _name_in(kind: type[EventKind] | type[Reason], number: int) -> str:
    try:
        return kind(number).name
    except ValueError:  # a record that was changed may hold any number
        return str(number)
