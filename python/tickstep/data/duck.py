"""The engine of the store: Parquet files written, read and queried by DuckDB.

`QueryEngine` is all that the store asks of an engine, so that another can take its place. DuckDB
works in memory here and keeps no database file: such a file admits one process at a time, and the
store has many readers.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tickstep.errors import ConfigError, DataError
from tickstep.extras import require

__all__ = ["ABSENT", "DuckEngine", "QueryEngine"]

Columns = dict[str, npt.NDArray[Any]]
ABSENT = int(np.iinfo(np.int64).min)  # stands in memory for the NULL of an optional column


class QueryEngine(Protocol):
    """What the store asks of an engine."""

    def write(
        self, file: Path, columns: Columns, optional: Sequence[str], labels: Mapping[str, str]
    ) -> None:
        """Write columns to a new zstd Parquet file, `ABSENT` and NaN of the optional ones as NULL."""

    def read(
        self, files: Sequence[Path], columns: Sequence[str], start: int | None, stop: int | None
    ) -> Columns:
        """Read columns of rows with start <= time < stop, in order of files and rows.

        Raises FileNotFoundError when one of the files is gone.
        """

    def query(self, sql: str, views: Mapping[str, str], folder: Path) -> Any:
        """Run one SELECT over views of the folder's files; an object with `__arrow_c_stream__`."""


class DuckEngine:
    """The engine that the store uses by default; needs the extra `data`.

    Parameters
    ----------
    threads : int, optional
        Threads that one query may use, by default all.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._duckdb = require("duckdb", extra="data")
        self._threads = threads
        self._lock = threading.Lock()
        # By process: a connection must not be used, nor closed, on the other side of a fork.
        self._connections: dict[int, Any] = {}

    def write(
        self, file: Path, columns: Columns, optional: Sequence[str], labels: Mapping[str, str]
    ) -> None:
        """Write columns to a new file; see `QueryEngine`."""
        chosen = ", ".join(
            f"NULLIF({name}, {ABSENT}) AS {name}"
            if name in optional and column.dtype == np.int64
            else name
            for name, column in columns.items()
        )
        told = ", ".join(f"{name}: {_quoted(text)}" for name, text in labels.items())
        with self._cursor() as cursor:
            cursor.register("batch", columns)
            cursor.execute(
                f"COPY (SELECT {chosen} FROM batch) TO {_quoted(str(file))}"
                f" (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{told}}})"
            )
            cursor.unregister("batch")

    def read(
        self, files: Sequence[Path], columns: Sequence[str], start: int | None, stop: int | None
    ) -> Columns:
        """Read columns of files; see `QueryEngine`."""
        chosen = ", ".join(_filled(name) for name in columns)
        where = [
            f"time {relation} {int(bound)}"
            for relation, bound in ((">=", start), ("<", stop))
            if bound is not None
        ]
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        with self._cursor() as cursor:
            try:
                found = cursor.execute(
                    f"SELECT {chosen} FROM read_parquet(?, hive_partitioning = false){condition}",
                    [[str(file) for file in files]],
                ).fetchnumpy()
            except self._duckdb.Error as error:
                gone = [file for file in files if not file.exists()]
                if gone:
                    raise FileNotFoundError(f"{gone[0]} is gone") from error
                raise DataError(
                    f"a file of the store cannot be read: {error}",
                    hint="files of the store are not to be changed by hand; fetch the data again",
                ) from error
        return {name: np.ascontiguousarray(found[name]) for name in columns}

    def query(self, sql: str, views: Mapping[str, str], folder: Path) -> Any:
        """Run one SELECT; see `QueryEngine`."""
        connection = self._duckdb.connect(":memory:")
        try:
            for name, body in views.items():
                connection.execute(f"CREATE VIEW {name} AS {body}")
            connection.execute(f"SET allowed_directories = [{_quoted(str(folder))}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != self._duckdb.StatementType.SELECT:
                raise ConfigError("a query of the store is one SELECT", hint="it is read only")
            return connection.sql(statements[0].query)
        except self._duckdb.Error as error:
            raise ConfigError(f"the query failed: {error}", hint=_VIEWS) from error

    def _cursor(self) -> Any:
        with self._lock:
            connection = self._connections.get(os.getpid())
            if connection is None:
                connection = self._duckdb.connect(":memory:")
                if self._threads is not None:
                    connection.execute(f"SET threads = {int(self._threads)}")
                self._connections[os.getpid()] = connection
            return connection.cursor()


_VIEWS = "the views are series, bars and ticks; DESCRIBE-like names are in their docstring"


def _filled(name: str) -> str:
    if name == "turnover":
        return f"COALESCE({name}, 'NaN'::DOUBLE) AS {name}"
    if name in ("time", "side"):
        return name
    return f"COALESCE({name}, ({ABSENT})::BIGINT) AS {name}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
