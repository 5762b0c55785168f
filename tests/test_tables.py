"""Every text table on every engine: the scenarios a trader can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle import Oracle
from table import Driver, Table, parse_file

GOLDEN = Path(__file__).parent / "golden"
TABLES = [
    pytest.param(table, id=f"{path.stem}-{table.name}")
    for path in sorted(GOLDEN.glob("*.tbl"))
    for table in parse_file(path)
]


@pytest.mark.parametrize("table", TABLES)
def test_oracle(table: Table) -> None:
    Driver(Oracle).run(table)


def test_there_are_tables() -> None:
    assert len(TABLES) > 60
