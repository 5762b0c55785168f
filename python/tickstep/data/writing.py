"""Ticks and bars to files: tick files, Parquet, and CSV that reads back to the same numbers."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tickstep.bars import Bars
from tickstep.data.tickfile import replacing
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Ticks

if TYPE_CHECKING:
    import polars

__all__ = ["Form", "form_of", "write"]

Form = Literal["tick file", "Parquet", "CSV"]

_FORMS: dict[str, Form] = {
    ".arrow": "tick file",
    ".ticks": "tick file",
    ".feather": "tick file",
    ".ipc": "tick file",
    ".parquet": "Parquet",
    ".csv": "CSV",
}
_ROWS = 500_000  # of CSV at a time

# Names in the file, and of the columns; the ending of a column tells its grid.
_TICKS = {
    "price": "price_ticks",
    "quantity": "qty_lots",
    "bid_price": "bid_ticks",
    "ask_price": "ask_ticks",
}
_BARS = {
    "open": "open_ticks",
    "high": "high_ticks",
    "low": "low_ticks",
    "close": "close_ticks",
    "volume": "volume_lots",
    "buy_volume": "buy_lots",
    "open_interest": "open_interest_lots",
    "trade_count": "trade_count",
    "turnover": "turnover",
}


def form_of(path: Path) -> Form:
    """Tell by the ending of its name how a file is to be written.

    Parameters
    ----------
    path : Path
        The file, there or not.

    Returns
    -------
    {"tick file", "Parquet", "CSV"}
        As named.

    Raises
    ------
    ConfigError
        When the ending is none that is known.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tickstep.data.writing import form_of
    >>> form_of(Path("trades.arrow"))
    'tick file'
    """
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise ConfigError(
            f"{path.name} ends in {path.suffix!r}: what to write is not known",
            hint=f"known are {', '.join(_FORMS)}",
        )
    return form


def write(data: Ticks | Bars, path: Path) -> None:
    """Write ticks or bars; the file takes its place when it is whole.

    A CSV file has times as counts, prices and quantities as exact decimals, and for the side
    is_buyer_maker: `read_trades` and `read_bars` read it back to the same numbers.

    Parameters
    ----------
    data : Ticks or Bars
        At least one row.
    path : Path
        The file; its ending tells the form.

    Raises
    ------
    ConfigError
        When the ending is none that is known.
    DataError
        When there is no row.
    OSError
        When it cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> from tickstep.data.writing import write
    >>> path = pathlib.Path(tempfile.mkdtemp(), "trades.csv")
    >>> write(ts.Ticks.from_arrays(
    ...     [1723161256322], ["1.25"], ["0.5"], ["SELL"], tick_size="0.25", lot="0.5"), path)
    >>> path.read_text()
    'time,price,quantity,is_buyer_maker\\n1723161256322,1.25,0.5,true\\n'
    """
    form = form_of(path)
    if not len(data):
        raise DataError("there are no rows to write", hint="see what the source holds")
    if form == "tick file":
        data.save(path)
    elif form == "Parquet":
        data.to_parquet(path)
    else:
        _write_csv(data, path)


def _write_csv(data: Ticks | Bars, path: Path) -> None:
    with replacing(path) as beside, beside.open("wb") as file:
        for start in range(0, len(data), _ROWS):
            _frame(data[start : start + _ROWS]).write_csv(file, include_header=start == 0)


def _frame(data: Ticks | Bars) -> "polars.DataFrame":
    import polars

    labels = data._labels()
    sizes = {"_ticks": Decimal(labels["tick_size"]), "_lots": Decimal(labels["lot"])}
    columns = [polars.Series("time", data.time)]
    for name, column in (_TICKS if isinstance(data, Ticks) else _BARS).items():
        values = getattr(data, column)
        if values is not None:
            size = next((size for ending, size in sizes.items() if column.endswith(ending)), None)
            series = polars.Series(name, values)
            columns.append(series if size is None else _decimals(series, size))
    if isinstance(data, Ticks):
        columns.append(polars.Series("is_buyer_maker", data.side == 1))
    return polars.DataFrame(columns)


def _decimals(places: "polars.Series", size: Decimal) -> "polars.Series":
    """The text of places x size, with as many decimals as the size has."""
    import polars

    exponent = size.as_tuple().exponent
    assert isinstance(exponent, int), "a size is finite"
    decimals = max(-exponent, 0)
    units = polars.col(places.name).cast(polars.Int128) * int(size.scaleb(decimals))
    if decimals:
        one = 10**decimals
        sign = polars.when(units < 0).then(polars.lit("-")).otherwise(polars.lit(""))
        rest = (units.abs() % one).cast(polars.String).str.zfill(decimals)
        units = polars.format("{}{}.{}", sign, units.abs() // one, rest).alias(places.name)
    return places.to_frame().select(units)[places.name]
