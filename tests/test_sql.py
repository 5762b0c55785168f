"""Rows of a database, by both libraries."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

import tickstep as ts

ROWS = [
    (1723161256322, "61800.30", "0.006", 1),
    (1723161256523, "61800.20", "0.015", 0),
    (1723161256523, "61801", "12.5", 0),
]


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "market.db"
    connection = sqlite3.connect(path)
    connection.execute("create table trades (ts integer, price text, qty text, side integer)")
    connection.executemany("insert into trades values (?, ?, ?, ?)", ROWS)
    connection.execute(
        "create table bars (datetime text, open real, high real, low real, close real, volume real)"
    )
    connection.executemany(
        "insert into bars values (?, ?, ?, ?, ?, ?)",
        [
            ("2024-01-02 09:31:00", 10.0, 10.05, 9.99, 10.02, 1200.0),
            ("2024-01-02 09:32:00", 10.02, 10.02, 9.98, 10.0, 800.0),
        ],
    )
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("through", ["adbc", "sqlalchemy", None])
def test_ticks_and_bars_out_of_sqlite(database: str, through: Any) -> None:
    ticks = ts.read_sql(
        "select * from trades order by ts", database, kind="ticks", through=through, symbol="X"
    )
    assert isinstance(ticks, ts.Ticks)
    assert ticks.time.tolist() == [row[0] for row in ROWS]
    assert (ticks.tick_size, ticks.price_ticks.tolist()) == (0.1, [618003, 618002, 618010])
    assert (ticks.lot, ticks.qty_lots.tolist()) == (0.001, [6, 15, 12_500])
    assert (ticks.side.tolist(), ticks.symbol) == ([1, 0, 0], "X")
    bars = ts.read_sql("select * from bars", database, kind="bars", through=through, interval="1m")
    assert isinstance(bars, ts.Bars)
    assert bars.close_ticks.tolist() == [1002, 1000]
    assert bars.volume_lots.tolist() == [1200, 800]


def test_parameters_are_bound(database: str) -> None:
    query = "select * from trades where ts >= :start order by ts"
    ticks = ts.read_sql(query, database, kind="ticks", parameters={"start": ROWS[1][0]})
    assert len(ticks) == 2
    with pytest.raises(ts.ConfigError, match="with parameters"):
        ts.read_sql(query, database, kind="ticks", parameters={"start": 1}, through="adbc")


@pytest.mark.parametrize("through", ["adbc", "sqlalchemy"])
def test_no_rows_and_bad_queries(database: str, through: Any) -> None:
    none = ts.read_sql("select * from trades where ts = 0", database, kind="ticks", through=through)
    assert len(none) == 0
    with pytest.raises(ts.DataError, match=r"refused the query: .*no such table: absent"):
        ts.read_sql("select * from absent", database, kind="ticks", through=through)
    turned = "select * from trades order by ts desc"
    with pytest.raises(ts.DataError, match="row 2: time is 1723161256322"):
        ts.read_sql(turned, database, kind="ticks", through=through)


def test_arguments_are_checked(database: str) -> None:
    with pytest.raises(ts.ConfigError, match="kind 'books'"):
        ts.read_sql("select 1", database, kind="books")  # type: ignore[arg-type]
    with pytest.raises(ts.ConfigError, match="names no database"):
        ts.read_sql("select 1", "market.db", kind="ticks")
    with pytest.raises(ts.ConfigError, match="through 'odbc'"):
        ts.read_sql("select 1", database, kind="ticks", through="odbc")  # type: ignore[arg-type]
    with pytest.raises(ts.ConfigError, match="cannot read mysql"):
        ts.read_sql("select 1", "mysql://host/name", kind="ticks", through="adbc")
    with pytest.raises(ts.ConfigError, match="no driver for nosuch") as told:
        ts.read_sql("select 1", "nosuch://user:secret@host/name", kind="ticks")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("module", "through"), [("adbc_driver_sqlite.dbapi", "adbc"), ("sqlalchemy", "sqlalchemy")]
)
def test_a_missing_library_names_its_extra(
    database: str, module: str, through: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install 'tickstep\[sql\]'"):
        ts.read_sql("select * from trades", database, kind="ticks", through=through)
