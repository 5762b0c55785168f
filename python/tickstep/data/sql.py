"""Ticks and bars out of a database, by ADBC or SQLAlchemy."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

from tickstep.bars import Bars
from tickstep.data.parquet import frame_to
from tickstep.errors import ConfigError, DataError
from tickstep.extras import require
from tickstep.ticks import Ticks

__all__ = ["read_sql"]

# Databases that have a driver which hands whole columns over.
_ADBC_DRIVERS = {
    "sqlite": "adbc_driver_sqlite",
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
}


def read_sql(
    query: str,
    uri: str,
    *,
    kind: Literal["ticks", "bars"],
    parameters: Mapping[str, Any] | None = None,
    through: Literal["adbc", "sqlalchemy"] | None = None,
    **options: Any,
) -> Ticks | Bars:
    """Read the rows of a query into ticks or bars. Needs the extra `sql`.

    Parameters
    ----------
    query : str
        SQL that gives the rows in order of time. Parameters are written `:name`.
    uri : str
        The database: "sqlite:///file.db", "postgresql://user@host/name", or any URL of SQLAlchemy.
    kind : {"ticks", "bars"}
        What the rows are.
    parameters : mapping, optional
        Values of the query's parameters; never put values into the text of a query.
    through : {"adbc", "sqlalchemy"}, optional
        Which library to use: by default ADBC where it has a driver (SQLite, PostgreSQL), which is
        several times faster, SQLAlchemy for other databases and for URLs with a driver of their own
        ("postgresql+psycopg://...") and for queries with parameters.
    **options
        Arguments of `Ticks.from_frame` or `Bars.from_frame`: columns, tick_size, lot, symbol, ...

    Returns
    -------
    Ticks or Bars
        The checked columns.

    Raises
    ------
    ImportError
        When a library of the extra is missing.
    DataError
        When the database refuses the query, or the rows break a rule.
    ConfigError
        When an argument is wrong.

    Examples
    --------
    >>> import pathlib, sqlite3, tempfile
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "trades.db")
    >>> with sqlite3.connect(path) as database:
    ...     _ = database.execute("create table trades (ts integer, price text, qty text, side text)")
    ...     _ = database.execute(
    ...         "insert into trades values (1723161256322, '61800.30', '0.006', 'BUY')")
    >>> database.close()
    >>> ticks = ts.read_sql("select * from trades order by ts", f"sqlite:///{path}", kind="ticks")
    >>> ticks.price_ticks.tolist(), ticks.tick_size
    ([618003], 0.1)
    """
    if kind not in ("ticks", "bars"):
        raise ConfigError(f"kind {kind!r} is neither 'ticks' nor 'bars'", hint='kind="ticks"')
    scheme = urlsplit(uri).scheme
    if not scheme:
        raise ConfigError("the uri names no database", hint='write "sqlite:///file.db"')
    way = through or ("adbc" if scheme in _ADBC_DRIVERS and not parameters else "sqlalchemy")
    if way == "adbc":
        frame = _by_adbc(query, uri, scheme, parameters)
    elif way == "sqlalchemy":
        frame = _by_sqlalchemy(query, uri, parameters)
    else:
        raise ConfigError(
            f"through {through!r} is neither 'adbc' nor 'sqlalchemy'", hint="leave it out"
        )
    source = {"database": scheme, "query": query}
    return frame_to(kind, frame, {}, {"source": source} | options)


def _by_adbc(query: str, uri: str, scheme: str, parameters: Mapping[str, Any] | None) -> object:
    if scheme not in _ADBC_DRIVERS or parameters:
        raise ConfigError(
            f"through='adbc' cannot read {scheme} with{'' if parameters else 'out'} parameters",
            hint="leave through out: SQLAlchemy does it",
        )
    driver = _ADBC_DRIVERS[scheme]
    module = require(f"{driver}.dbapi", extra="sql")
    place = uri.removeprefix("sqlite:///") if scheme == "sqlite" else uri
    try:
        with module.connect(place) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return _Held(cursor.fetch_arrow())
    except module.Error as fault:
        raise _refused(fault) from None


class _Held:
    """A stream that was read while its cursor was open."""

    def __init__(self, stream: Any) -> None:
        import polars

        self.frame = polars.DataFrame(stream)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__()


def _by_sqlalchemy(query: str, uri: str, parameters: Mapping[str, Any] | None) -> object:
    import polars

    alchemy = require("sqlalchemy", extra="sql")
    try:
        engine = alchemy.create_engine(uri)
    except (alchemy.exc.SQLAlchemyError, ImportError) as fault:
        raise ConfigError(
            f"there is no driver for {urlsplit(uri).scheme}: {type(fault).__name__}",
            hint="install the driver that the URL names",
        ) from None
    try:
        with engine.connect() as connection:
            result = connection.execute(alchemy.text(query), dict(parameters or {}))
            names = list(result.keys())
            rows = result.fetchall()
    except alchemy.exc.SQLAlchemyError as fault:
        raise _refused(getattr(fault, "orig", None) or fault) from None
    finally:
        engine.dispose()
    if not rows:
        # Without a value there is no type to tell: integers can stand for every part.
        return polars.DataFrame(schema=dict.fromkeys(names, polars.Int64))
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return polars.DataFrame({name: _series(each) for name, each in columns}, strict=False)


def _series(values: tuple[Any, ...]) -> list[Any]:
    """Decimals as text, which keeps every digit."""
    if any(isinstance(value, Decimal) for value in values):
        return [None if value is None else str(value) for value in values]
    if any(isinstance(value, datetime) and value.tzinfo for value in values):
        return [None if value is None else value.astimezone(UTC) for value in values]
    return list(values)


def _refused(fault: BaseException) -> DataError:
    # Without the URL, which may hold a password.
    first_line = str(fault).partition("\n")[0]
    return DataError(
        f"the database refused the query: {first_line}", hint="try the query in the database itself"
    )
