"""Runs that can be run again: `verify`.

`run.json` says where strategy and data came from, with their SHA-256, the parameters as text, the
exact configuration and the digests; `events.npy` beside it holds every event. To verify is to run
again and compare both; where they differ, the first event that does is shown.
"""

import json
import tokenize
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tickstep._kernel import ORDER_TYPES
from tickstep.backtest import run
from tickstep.engine import EVENT_DTYPE, REASON_BITS, EngineConfig, EventKind, Events, Reason
from tickstep.errors import ConfigError, DataError
from tickstep.result import RUN_FORMAT, Result
from tickstep.session import Event, Units
from tickstep.sources import StrategySource, TicksSource, parameter_values
from tickstep.ticks import Progress

__all__ = ["Verdict", "first_difference", "verify"]

RECORD_PARTS = {
    "version": str,
    "strategy.parameters": dict,
    "data.digest": str,
    "config.instruments": list,
    "event_digest": str,
    "digest": str,
}
ORDER_TYPE_NAMES = {number: name for name, number in ORDER_TYPES.items()}


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
    KeyboardInterrupt
        After Ctrl-C: half a run is not compared.
    """
    file = Path(path).resolve()
    record = _read_record(file)
    config = _config(record, file)
    strategy = StrategySource.recorded(record["strategy"], file.parent)
    texts = {name: str(text) for name, text in record["strategy"]["parameters"].items()}
    values = parameter_values(strategy.kind, texts)
    ticks = TicksSource.recorded(record["data"], file.parent).read()
    again = run(strategy.kind(**values), ticks, config=config, progress=progress)
    if not again.is_complete:
        raise KeyboardInterrupt
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
    except ConfigError as error:
        raise DataError(
            f"{file.name} holds no configuration of this version: {error.message}",
            hint="run the backtest again",
        ) from error


def _read_events(file: Path) -> Events:
    try:
        with file.open("rb") as raw:
            events: Events = np.lib.format.read_array(raw, allow_pickle=False)
    # What NumPy raises for files that are empty, cut off, or begin with something else.
    except (ValueError, SyntaxError, tokenize.TokenError) as error:
        raise DataError(
            f"{file.name} cannot be read: {error}", hint="run the backtest again"
        ) from error
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
    changes = [
        ("tickstep", record["version"], now["version"]),
        ("SHA-256 of the data", record["data"]["digest"], now["data"]["digest"]),
    ]
    if strategy.file is not None:
        was = record["strategy"].get("sha256")
        changes.append((f"SHA-256 of {strategy.file.name}", was, strategy.sha256))
        changes += _changed_modules(record["strategy"].get("modules"), strategy.modules)
    return [
        f"changed: {name} was {was}, is {is_now}" for name, was, is_now in changes if was != is_now
    ]


def _changed_modules(recorded: Any, now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    if not isinstance(recorded, dict):  # written before modules were recorded
        return []
    return [
        (f"SHA-256 of {name}", recorded.get(name, "not imported"), now.get(name, "not imported"))
        for name in sorted({*recorded, *now})
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
