"""One script, one answer: the plain-Python oracle against every native way to run it.

Scripts come from Hypothesis with everything mixed. Every engine must give the oracle's events, statuses
and snapshots, one event digest, and among the native engines one state hash. The number of scripts
is `--scripts` (2,000 in `make check`, as many as one likes by hand).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings

import cabi
import native
from oracle import Oracle
from records import Config
from scripts import Script, Trace, play, scripts
from table import Driver, Engine, Line, Table
from test_tables import TABLES


class StatefulEngine(Engine, Protocol):
    """A native engine: it can also tell the hash of its state."""

    def state_hash(self) -> tuple[int, int]: ...


def cffi_engine(way: str) -> Callable[[Config], StatefulEngine]:
    return lambda config: cabi.CabiEngine(config, way)


def python_engine(way: str) -> Callable[[Config], StatefulEngine]:
    return lambda config: native.NativeEngine(config, way)


ENGINES = {f"cffi-{way}": cffi_engine(way) for way in cabi.WAYS} | {
    f"python-{way}": python_engine(way) for way in native.WAYS
}


def in_batches(script: Script, statuses: list[str]) -> Script:
    """The same script with every run of good ticks as the rows of one batch."""
    commands: list[Line] = []
    for line, status in zip(script.commands, statuses, strict=True):
        is_row = line.verb == "tick" and status == "OK"
        commands.append(Line("feed", line.words, line.keys) if is_row else line)
    batched: list[Line] = []
    for line, following in pairwise([*commands, Line("end")]):
        batched.append(line)
        if line.verb == "feed" and not joins(line, following):
            batched.append(Line("batch"))
    return Script(script.settings, tuple(batched))


def joins(line: Line, following: Line) -> bool:
    """Rows of one batch: in merged order, and alike (a column is there or not)."""
    if following.verb != "feed":
        return False
    if any((key in line.keys) != (key in following.keys) for key in ("bid", "low")):
        return False
    here, there = ((row.number("t"), row.number("i")) for row in (line, following))
    return here <= there


def same_statuses(name: str, actual: list[str], expected: list[str]) -> bool:
    """The Python edge refuses the same calls, with words of its own for some of them."""
    if name.startswith("python"):
        return [each == "OK" for each in actual] == [each == "OK" for each in expected]
    return actual == expected


def answers(trace: Trace) -> tuple[object, ...]:
    return trace.events, trace.digest, trace.snapshots


def test_scripts(pytestconfig: pytest.Config) -> None:
    count = pytestconfig.getoption("--scripts")
    hashes_seen = set()

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=count <= 2000,
        suppress_health_check=list(HealthCheck),
    )
    @given(scripts())
    def check(script: Script) -> None:
        expected = play(Oracle(script.config), script)
        batched = in_batches(script, expected.statuses)
        state_hashes = set()
        for name, make in ENGINES.items():
            engine = make(script.config)
            actual = play(engine, script)
            assert same_statuses(name, actual.statuses, expected.statuses), name
            assert answers(actual) == answers(expected), name
            state_hashes.add(engine.state_hash())
            engine = make(script.config)
            assert answers(play(engine, batched)) == answers(expected), f"{name}, in batches"
            state_hashes.add(engine.state_hash())
        assert len(state_hashes) == 1
        hashes_seen.update(state_hashes)

    check()
    assert len(hashes_seen) > count // 2


def has_errors(table: Table) -> bool:
    return any(line.verb == "expect" and line.words[0] == "error" for line in table.lines)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("table", TABLES)
def test_tables(table: Table, name: str) -> None:
    if name.startswith("python") and has_errors(table):
        return  # the words for refused calls are Python's own: tests/test_engine.py
    Driver(ENGINES[name]).run(table)
