"""Runs that can be run again, `verify`, or reported as they were recorded, `recorded`.

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

from tickstep.assumptions import assumptions_of
from tickstep.backtest import run
from tickstep.bars import Bars
from tickstep.barticks import BAR_FILLS, BarTicks
from tickstep.datasource import DataSource
from tickstep.divergence import difference_lines, first_difference
from tickstep.engine import EVENT_DTYPE, EngineConfig, Events
from tickstep.errors import ConfigError, DataError
from tickstep.result import RUN_FORMAT, Result
from tickstep.risk import RiskEntry, RiskManager
from tickstep.scales import Scales
from tickstep.settings import data_by_symbol
from tickstep.sources import StrategySource, parameter_values
from tickstep.strategy import Strategy
from tickstep.ticks import Progress, Ticks
from tickstep.window import Window

__all__ = ["RecordedResult", "Verdict", "first_difference", "recorded", "verify"]

RECORD_PARTS = {
    "version": str,
    "strategy.parameters": dict,
    "data.digest": str,
    "config.instruments": list,
    "event_digest": str,
    "digest": str,
}


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
    values = _parameters(strategy.kind, record["strategy"])
    data = DataSource.recorded(record["data"], file.parent).read()
    again = run(
        strategy.kind(**values),
        data,
        config=config,
        bar_fill=_bar_fill(record),
        risk=_risk(record, file),
        start=_window(record).start,
        stop=_window(record).stop,
        alternatives=False,
        progress=progress,
    )
    if not again.is_complete:
        raise KeyboardInterrupt
    return _compared(record, _read_events(file.parent / "events.npy"), strategy, again)


class RecordedResult(Result):
    """A result made from its record, without running the strategy: see `recorded`."""

    def __init__(self, record: Mapping[str, Any], **told: Any) -> None:
        super().__init__(**told)
        self._record = record

    @property
    def digest(self) -> str:
        """Digest of the run as it was recorded."""
        return str(self._record["digest"])


def recorded(path: str | Path, progress: Progress | None = None) -> RecordedResult:
    """Make the result of a recorded run from its events and its data; the strategy is not run.

    Parameters
    ----------
    path : path
        A run.json with its events.npy beside it.
    progress : callable, optional
        Called while the data are read.

    Returns
    -------
    RecordedResult
        Every number of the run. Of other assumptions on fills the record has no events.

    Raises
    ------
    DataError
        When the record cannot be read, or the data are not those it was made of.
    OSError
        When a file it names cannot be read.
    """
    file = Path(path).resolve()
    record = _read_record(file)
    config = _config(record, file)
    read = data_by_symbol(DataSource.recorded(record["data"], file.parent).read(progress))
    data = _rows_of(read, config, _bar_fill(record), _window(record), file)
    events = _read_events(file.parent / "events.npy")
    if len(events) != record.get("event_count"):
        raise DataError(
            f"events.npy holds {len(events):,} events, {file.name} counted "
            f"{record.get('event_count')}",
            hint="both are written by one backtest: run it again",
        )
    risk = _risk(record, file)
    known = [*assumptions_of(config, data), *([] if risk is None else [risk.told()])]
    result = RecordedResult(
        record,
        strategy=str(record["strategy"].get("name")),
        parameters=record["strategy"]["parameters"],
        config=config,
        data=data,
        events=events,
        event_digest=record["event_digest"],
        risk=risk,
        risk_log=_risk_log(record, file),
        window=record["data"].get("window"),
        assumptions=[
            *(str(each) for each in record.get("assumptions", ()) if each not in known),
            f"made from {file.name} and events.npy, without running the strategy again",
        ],
    )
    if result.data_digest != record["data"]["digest"]:
        raise DataError(
            f"the data are not those of {file.name}: their SHA-256 was {record['data']['digest']}, "
            f"is {result.data_digest}",
            hint="give back the files of the run, or run the backtest again",
        )
    for each in record.get("warnings", ()):
        if each not in result.warnings:
            result.warn(str(each))
    return result


def _rows_of(
    data: Mapping[str, Ticks | Bars],
    config: EngineConfig,
    bar_fill: str,
    window: Window,
    file: Path,
) -> dict[str, Ticks | BarTicks]:
    """Rows of each instrument as a run takes them."""
    named = dict(data)
    if len(named) == len(config.symbols) == 1:
        named = dict(zip(config.symbols, named.values(), strict=True))
    if set(named) != set(config.symbols):
        raise DataError(
            f"the data are of {', '.join(named)}, {file.name} is of {', '.join(config.symbols)}",
            hint="give back the files of the run, or run the backtest again",
        )
    found: dict[str, Ticks | BarTicks] = {}
    for scale in Scales.of(config).instruments:
        each = named[scale.symbol]
        each = window.part(each)
        found[scale.symbol] = (
            BarTicks(each, scale.lot.step, bar_fill=bar_fill) if isinstance(each, Bars) else each
        )
    return found


def _parameters(kind: type[Strategy], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a record, read as they were typed where that is what they came to."""
    texts = {name: str(text) for name, text in recorded["parameters"].items()}
    typed = recorded.get("given")
    given = parameter_values(kind, typed if isinstance(typed, dict) else {})
    kept = {name: value for name, value in given.items() if str(value) == texts.get(name)}
    others = {name: text for name, text in texts.items() if name not in kept}
    return kept | parameter_values(kind, others)


def _bar_fill(record: Mapping[str, Any]) -> str:
    return str(record["data"].get("bar_fill") or BAR_FILLS[0])


def _window(record: Mapping[str, Any]) -> Window:
    told = record["data"].get("window") or {}
    return Window(told.get("start"), told.get("stop"))


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


def _risk(record: Mapping[str, Any], file: Path) -> RiskManager | None:
    if record.get("risk") is None:
        return None
    try:
        return RiskManager.from_canonical(record["risk"])
    except ConfigError as error:
        raise DataError(
            f"{file.name} holds no risk limits of this version: {error.message}",
            hint="run the backtest again",
        ) from error


def _risk_log(record: Mapping[str, Any], file: Path) -> list[RiskEntry]:
    try:
        return [RiskEntry(*row) for row in record.get("risk_log", [])]
    except TypeError as error:
        raise DataError(
            f"{file.name} holds rows of risk_log that are none: {error}",
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
        shown = difference_lines(row, (recorded, again.scales), (again.events, again.scales))
        lines += ["different", *differing, *shown]
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
    was_known, is_known = (_known(each) for each in (record, now))
    changes.append(("SHA-256 of the data before the start", was_known, is_known))
    if strategy.file is not None:
        was = record["strategy"].get("sha256")
        changes.append((f"SHA-256 of {strategy.file.name}", was, strategy.sha256))
        changes += _changed_modules(record["strategy"].get("modules"), strategy.modules)
    return [
        f"changed: {name} was {was}, is {is_now}" for name, was, is_now in changes if was != is_now
    ]


def _known(record: Mapping[str, Any]) -> Any:
    return (record["data"].get("window") or {}).get("history")


def _changed_modules(recorded: Any, now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    if not isinstance(recorded, dict):  # written before modules were recorded
        return []
    return [
        (f"SHA-256 of {name}", recorded.get(name, "not imported"), now.get(name, "not imported"))
        for name in sorted({*recorded, *now})
    ]
