"""Data as users of other systems hold them: lists of dicts, frames, mappings of these."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tickstep.bars import Bars, found_interval
from tickstep.errors import DataError
from tickstep.ticks import Ticks, time_column

__all__ = ["bars_of_rows", "data_of"]

Data = Ticks | Bars

PRICES = ("open", "high", "low", "close")
TIMES = ("datetime", "date", "time", "timestamp")


def data_of(data: Any, *, symbol: str | None = None) -> dict[str, Data]:
    """Turn what was given into data by symbol.

    Parameters
    ----------
    data : Ticks, Bars, frame, list of dicts, or a mapping of str to any of them
        Frames are read by their columns, as `Bars.from_frame` does.
    symbol : str, optional
        Name of data that have none of their own.

    Returns
    -------
    dict of str to Ticks or Bars
        At least one.

    Raises
    ------
    DataError
        When it is none of these.

    Examples
    --------
    >>> from tickstep.compat.given import data_of
    >>> row = {"datetime": "2024-01-02 09:30", "open": 5, "high": 6, "low": 5, "close": 5.5}
    >>> later = row | {"datetime": "2024-01-02 09:31"}
    >>> data_of([row, later], symbol="X")
    {'X': Bars(X, 2 of 1m, 2024-01-02T09:30:00.000 to 2024-01-02T09:31:00.000, tick 0.1, lot 1)}
    """
    if isinstance(data, Mapping) and not hasattr(data, "__arrow_c_stream__"):
        if not data:
            raise DataError("there are no data to run over", hint="give Bars by symbol")
        return {name: _one(each, name) for name, each in data.items()}
    made = _one(data, symbol)
    return {symbol or made.symbol or "ASSET": made}


def bars_of_rows(rows: Sequence[Mapping[str, Any]], *, symbol: str | None = None) -> Bars:
    """Make bars of dicts with datetime, open, high, low, close and volume.

    Times without a zone are UTC, as everywhere here.

    Parameters
    ----------
    rows : sequence of mappings
        In order of time; what else they hold is left out. A price that is missing is an error.
    symbol : str, optional
        By default that of the first row.

    Returns
    -------
    Bars
        With the interval that their times tell.

    Raises
    ------
    DataError
        When there are none, or a field is missing.
    """
    if len(rows) == 0:
        raise DataError("there are no bars to run over", hint="see what the list holds")
    at = next((name for name in TIMES if name in rows[0]), None)
    for number, row in enumerate(rows):
        missing = [name for name in (at or TIMES[0], *PRICES) if row.get(name) is None]
        if missing:
            raise DataError(
                f"the bar in row {number} has no {missing[0]!r}",
                hint="bars need datetime, open, high, low and close",
            )
    assert at is not None, "looked for just now"
    time = time_column([_moment(row[at]) for row in rows], "ms")
    columns = {name: [row[name] for row in rows] for name in PRICES}
    return Bars.from_arrays(
        time,
        **{name: _numbers(each) for name, each in columns.items()},
        volume=_numbers([row.get("volume") or 0 for row in rows]),
        interval=found_interval(time, "ms"),
        symbol=symbol or rows[0].get("symbol"),
    )


def _one(data: Any, symbol: str | None) -> Data:
    if isinstance(data, Ticks | Bars):
        return data
    if hasattr(data, "__arrow_c_stream__"):
        return Bars.from_frame(data, symbol=symbol)
    if isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in data):
        return bars_of_rows(data, symbol=symbol)
    raise DataError(
        f"{type(data).__name__} is no data to run over",
        hint="give Bars, Ticks, a frame, a list of dicts, or these by symbol",
    )


def _moment(value: Any) -> Any:
    # Text with a space is as good as with a T; a datetime without a zone is taken as UTC.
    if isinstance(value, datetime):
        return value.isoformat()
    return value.replace(" ", "T") if isinstance(value, str) else value


def _numbers(values: list[Any]) -> Any:
    return [float(each) if isinstance(each, int) else each for each in values]
