"""The loaders of ag-kernel over our readers: the same names and the same four arrays.

Prices become ticks exactly here; ag-kernel rounds them. Where `tick_size` is left out it is the
coarsest of 1, 0.1, 0.01, ... that holds all prices: `read_trades(path).tick_size` tells it.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tickstep._kernel import Tick
from tickstep.data.load import read_trades
from tickstep.data.parquet import read_parquet
from tickstep.data.stream import stream_trades
from tickstep.errors import ConfigError
from tickstep.ticks import Float64Array, Int64Array, Number, Ticks, UInt8Array

__all__ = [
    "AggTradesFeed",
    "convert_to_parquet",
    "load_parquet_mmap",
    "load_vectorized",
    "stream_parquet_batches",
]

PathLike = str | os.PathLike[str]
Arrays = tuple[Int64Array, Int64Array, Float64Array, UInt8Array]


class AggTradesFeed:
    """Trades of a file, one by one or as columns.

    Parameters
    ----------
    csv_path : str or path-like
        Whatever `read_trades` reads.
    tick_size : float, int, str or Decimal, optional
        Size of one tick in money; by default the coarsest that holds all prices.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from tickstep.data.aggtrades import AggTradesFeed
    >>> path = pathlib.Path(tempfile.mkdtemp(), "BTCUSDT-aggTrades-2024-08-08.csv")
    >>> _ = path.write_text("1,61800.30,0.006,5,5,1723161256322,false\\n")
    >>> [(tick.price_tick_i64, tick.side) for tick in AggTradesFeed(path, tick_size=0.1).iter_ticks()]
    [(618003, 'BUY')]
    """

    def __init__(self, csv_path: PathLike, tick_size: Number | None = None) -> None:
        self.csv_path = Path(csv_path)
        self.tick_size = tick_size

    def iter_ticks(self) -> Iterator[Tick]:
        """Give tick after tick, in bounded memory."""
        for chunk in stream_trades(self.csv_path, tick_size=self.tick_size):
            for row in range(len(chunk)):
                yield chunk[row]

    def load(self) -> list[Tick]:
        """Return all ticks as a list."""
        return list(self.iter_ticks())

    def load_vectorized(self) -> Arrays:
        """Return all ticks as columns; see `load_vectorized`."""
        return load_vectorized(self.csv_path, self.tick_size)


def load_vectorized(csv_path: PathLike, tick_size: Number | None = None) -> Arrays:
    """Read a file of trades as four arrays, for `Engine.step_batch`.

    Parameters
    ----------
    csv_path : str or path-like
        Whatever `read_trades` reads.
    tick_size : float, int, str or Decimal, optional
        Size of one tick in money; by default the coarsest that holds all prices.

    Returns
    -------
    timestamps : array of int64
        In the unit of the file, ms or us.
    price_ticks : array of int64
        Prices in ticks.
    qtys : array of float64
        Quantities in units of the instrument.
    sides : array of uint8
        0 for BUY, 1 for SELL.

    Raises
    ------
    DataError
        When a row is bad, or a price off the given grid.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from tickstep.data.aggtrades import load_vectorized
    >>> path = pathlib.Path(tempfile.mkdtemp(), "data.csv")
    >>> _ = path.write_text("1,61800.30,0.006,5,5,1723161256322,true\\n")
    >>> [column.tolist() for column in load_vectorized(path)]
    [[1723161256322], [618003], [0.006], [1]]
    """
    return _arrays(read_trades(csv_path, tick_size=tick_size))


def convert_to_parquet(
    csv_path: PathLike, parquet_path: PathLike, compression: str = "zstd"
) -> None:
    """Write the trades of a file as a Parquet file of timestamp, price, qty and side.

    Prices and quantities are floats in it, as in ag-kernel; `Ticks.to_parquet` keeps whole ticks.

    Parameters
    ----------
    csv_path : str or path-like
        Whatever `read_trades` reads.
    parquet_path : str or path-like
        Where to.
    compression : {"zstd", "snappy", "gzip", "lz4", "uncompressed"}
        As for polars.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from tickstep.data.aggtrades import convert_to_parquet, load_parquet_mmap
    >>> path = pathlib.Path(tempfile.mkdtemp(), "data.csv")
    >>> _ = path.write_text("1,61800.30,0.006,5,5,1723161256322,true\\n")
    >>> convert_to_parquet(path, path.with_suffix(".parquet"))
    >>> load_parquet_mmap(path.with_suffix(".parquet"), columns=["side"]).rows()
    [(1,)]
    """
    import polars

    known = ("zstd", "snappy", "gzip", "lz4", "uncompressed")
    if compression not in known:
        raise ConfigError(
            f"compression {compression!r} is not known", hint=f"known are {', '.join(known)}"
        )
    ticks = read_trades(csv_path)
    frame = polars.DataFrame(
        {
            "timestamp": ticks.time,
            "price": ticks.prices,
            "qty": ticks.qtys,
            "side": ticks.side.astype(np.int8),
        }
    )
    frame.write_parquet(parquet_path, compression=compression)  # type: ignore[arg-type]


def load_parquet_mmap(
    path: PathLike, tick_size: Number | None = None, columns: Sequence[str] | None = None
) -> Any:
    """Read a Parquet file: as four arrays, or some of its columns as a frame.

    Parameters
    ----------
    path : str or path-like
        The file.
    tick_size : float, int, str or Decimal, optional
        Size of one tick in money; by default the coarsest that holds all prices.
    columns : sequence of str, optional
        Columns to take as they are; no others are read.

    Returns
    -------
    tuple of arrays or polars.DataFrame
        As `load_vectorized`, or with `columns` a frame of them.

    Raises
    ------
    ConfigError
        When the file lacks a column, or both arguments are given.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from tickstep.data.aggtrades import convert_to_parquet, load_parquet_mmap
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.csv").write_text("1,61800.30,0.006,5,5,1723161256322,true\\n")
    >>> convert_to_parquet(folder / "a.csv", folder / "a.parquet")
    >>> load_parquet_mmap(folder / "a.parquet", columns=["price", "qty"]).rows()
    [(61800.3, 0.006)]
    >>> load_parquet_mmap(folder / "a.parquet", tick_size=0.1)[1].tolist()
    [618003]
    """
    if columns is None:
        return _arrays(read_parquet(path, "ticks", tick_size=tick_size))
    if tick_size is not None:
        raise ConfigError(
            "columns are taken as they are, tick_size means nothing for them",
            hint="give one of the two",
        )
    import polars

    scan = polars.scan_parquet(Path(path))
    there = scan.collect_schema().names()
    missing = [name for name in columns if name not in there]
    if missing:
        raise ConfigError(
            f"{Path(path).name} has no column {missing[0]!r}", hint=f"it has {', '.join(there)}"
        )
    return scan.select(columns).collect()


def stream_parquet_batches(
    path: PathLike, batch_size: int = 100_000, tick_size: Number | None = None
) -> Iterator[Arrays]:
    """Read a Parquet file batch by batch, in bounded memory.

    Parameters
    ----------
    path : str or path-like
        The file.
    batch_size : int
        Rows of a batch; the last may have fewer.
    tick_size : float, int, str or Decimal, optional
        Size of one tick in money; by default the coarsest that holds all prices.

    Yields
    ------
    tuple of arrays
        As `load_vectorized`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from tickstep.data.aggtrades import convert_to_parquet, stream_parquet_batches
    >>> path = pathlib.Path(tempfile.mkdtemp(), "data.csv")
    >>> _ = path.write_text("1,61800.30,0.006,5,5,1723161256322,true\\n")
    >>> convert_to_parquet(path, path.with_suffix(".parquet"))
    >>> [batch[1].tolist() for batch in stream_parquet_batches(path.with_suffix(".parquet"))]
    [[618003]]
    """
    for chunk in stream_trades(path, rows=batch_size, tick_size=tick_size):
        yield _arrays(chunk)


def _arrays(ticks: Ticks) -> Arrays:
    return ticks.time, ticks.price_ticks, ticks.qtys, ticks.side
