"""One script, one answer: the plain-Python oracle against every native way to run it.

Scripts come from Hypothesis with everything mixed. Every engine must give the oracle's events, statuses
and snapshots, one event digest, and among the native engines one state hash. The number of scripts
is `--scripts` (2,000 in `make check`, as many as one likes by hand).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings

from cabi import WAYS, CabiEngine
from oracle import Oracle
from records import Config
from scripts import Script, Trace, play, scripts
from table import Driver, Engine, Line, parse_file
from test_tables import TABLES, Table

ENGINES: dict[str, Callable[[Config], Engine]] = {
    f"cffi-{way}": (lambda config, way=way: CabiEngine(config, way)) for way in WAYS
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
    """Rows of one batch: in merged order, and quoted alike (a column is there or not)."""
    if following.verb != "feed" or ("bid" in line.keys) != ("bid" in following.keys):
        return False
    here, there = ((row.number("t"), row.number("i")) for row in (line, following))
    return here <= there


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
            assert actual.statuses == expected.statuses, name
            assert answers(actual) == answers(expected), name
            state_hashes.add(engine.state_hash())  # type: ignore[attr-defined]
            engine = make(script.config)
            assert answers(play(engine, batched)) == answers(expected), f"{name}, in batches"
            state_hashes.add(engine.state_hash())  # type: ignore[attr-defined]
        assert len(state_hashes) == 1
        hashes_seen.update(state_hashes)

    check()
    assert len(hashes_seen) > count // 2


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("table", TABLES)
def test_tables(table: Table, name: str) -> None:
    Driver(ENGINES[name]).run(table)


def test_tables_are_read() -> None:
    assert callable(parse_file)
