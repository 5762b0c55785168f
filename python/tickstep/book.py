"""Order books: updates of price levels as integer columns, checked once.

A `Book` holds one instrument's level updates: at which time which price of which side came to hold
how much. A snapshot is a run of rows that begins with an empty book. The columns never change.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, overload

import numpy as np

from tickstep._kernel import book_best
from tickstep.columns import TimedColumns
from tickstep.errors import DataError
from tickstep.ticks import (
    Float64Array,
    Int64Array,
    Number,
    Time,
    UInt8Array,
    to_time,
)

if TYPE_CHECKING:
    import polars

__all__ = ["SNAPSHOT", "UPDATE_END", "Best", "Book", "Depth"]

SNAPSHOT = 1  # flag: the first row of a snapshot; the book is empty before it
UPDATE_END = 2  # flag: the last row of an update; between updates a book may be crossed


class Depth(NamedTuple):
    """One side's levels, best first; `qty_lots` are the sizes at `price_ticks`."""

    price_ticks: Int64Array
    qty_lots: Int64Array
    prices: Float64Array
    qtys: Float64Array


class Best(NamedTuple):
    """Best bid and ask after each update; a side without levels has 0 lots (and 0 ticks)."""

    time: Int64Array
    bid_ticks: Int64Array
    bid_lots: Int64Array
    ask_ticks: Int64Array
    ask_lots: Int64Array


class Book(TimedColumns):
    """Level updates of one instrument's order book as checked, read-only columns.

    Rows are in order of time. Each tells the whole size that a level has from then on; 0 removes it.

    Parameters
    ----------
    time : array of int64
        Time of each row, ascending, in `time_unit`.
    side : array of uint8
        0 for bids, 1 for asks.
    price_ticks : array of int64
        Price of the level in ticks, at least 1 (any where negative prices are allowed).
    qty_lots : array of int64
        Size of the level in lots from then on, at least 0.
    flags : array of uint8
        `SNAPSHOT` (1) on the first row of a snapshot, `UPDATE_END` (2) on the last row of an update.
    tick_size, lot : float, int, str or Decimal
        Size of one tick in money, and of one lot in units of the instrument.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of `time`, counted from 1970-01-01 UTC.
    symbol : str, optional
        Name of the instrument.
    source : str or mapping, optional
        Where the data came from, in any words or fields.
    allow_negative_prices : bool
        Whether prices may be 0 or negative.

    Examples
    --------
    >>> import numpy as np
    >>> import tickstep as ts
    >>> book = ts.Book(
    ...     np.array([1, 1, 1, 5]), np.array([0, 1, 1, 1], dtype=np.uint8),
    ...     np.array([100, 101, 102, 101]), np.array([7, 5, 9, 0]),
    ...     np.array([1, 0, 2, 2], dtype=np.uint8), tick_size="0.5", lot=1, symbol="DEMO",
    ... )
    >>> bids, asks = book.at(4)
    >>> bids.prices.tolist(), asks.prices.tolist()
    ([50.0], [50.5, 51.0])
    >>> book.at(5)[1].qty_lots.tolist()
    [9]
    """

    __slots__ = ()

    KIND = "book"
    DTYPES: ClassVar = {
        "time": np.int64,
        "side": np.uint8,
        "price_ticks": np.int64,
        "qty_lots": np.int64,
        "flags": np.uint8,
    }

    def __init__(
        self,
        time: Int64Array,
        side: UInt8Array,
        price_ticks: Int64Array,
        qty_lots: Int64Array,
        flags: UInt8Array,
        *,
        tick_size: Number,
        lot: Number,
        time_unit: str = "ms",
        symbol: str | None = None,
        source: str | Mapping[str, Any] | None = None,
        allow_negative_prices: bool = False,
    ) -> None:
        given = (time, side, price_ticks, qty_lots, flags)
        super().__init__(
            dict(zip(self.DTYPES, given, strict=True)),
            tick_size=tick_size,
            lot=lot,
            time_unit=time_unit,
            symbol=symbol,
            source=source,
            allow_negative_prices=allow_negative_prices,
        )
        self._check()

    @property
    def side(self) -> UInt8Array:
        """0 for bids, 1 for asks, read-only."""
        return self._columns["side"]

    @property
    def price_ticks(self) -> Int64Array:
        """Price of each row's level in ticks, read-only."""
        return self._columns["price_ticks"]

    @property
    def qty_lots(self) -> Int64Array:
        """Size of the level from this row on in lots, 0 when it is gone, read-only."""
        return self._columns["qty_lots"]

    @property
    def flags(self) -> UInt8Array:
        """`SNAPSHOT` and `UPDATE_END` of each row, read-only."""
        return self._columns["flags"]

    def at(self, time: Time) -> tuple[Depth, Depth]:
        """Tell the book as it stands after every update up to a time.

        Parameters
        ----------
        time : int, str, datetime or datetime64
            Rows of this time count. Integers are in `time_unit`; text is ISO 8601 in UTC.

        Returns
        -------
        bids, asks : Depth
            Levels, best first; empty where none is known.
        """
        moment = to_time(time, self.time_unit)
        stop = int(np.searchsorted(self.time, moment, side="right"))
        begins = np.flatnonzero(self.flags[:stop] & SNAPSHOT)
        start = int(begins[-1]) if begins.size else 0
        return self._depth(0, start, stop), self._depth(1, start, stop)

    def best(self) -> Best:
        """Tell the best bid and ask after each update.

        Updates end where `UPDATE_END` says so; rows behind the last end are left out. The book is
        empty before the first row, as for `at`.

        Returns
        -------
        Best
            Columns with one row for each update: its time, prices in ticks, sizes in lots.

        Examples
        --------
        >>> import numpy as np
        >>> import tickstep as ts
        >>> book = ts.Book(
        ...     np.array([1, 1, 5]), np.array([0, 1, 0], dtype=np.uint8), np.array([100, 102, 101]),
        ...     np.array([7, 5, 2]), np.array([1, 2, 2], dtype=np.uint8), tick_size="0.5", lot=1,
        ... )
        >>> best = book.best()
        >>> best.time.tolist(), best.bid_ticks.tolist(), best.ask_lots.tolist()
        ([1, 5], [100, 101], [5, 5])
        """
        rows, columns = book_best(self.side, self.price_ticks, self.qty_lots, self.flags)
        return Best(self.time[rows], *columns)

    def to_polars(self, *, money: bool = False) -> "polars.DataFrame":
        """Return the columns as a polars frame, in place.

        Parameters
        ----------
        money : bool
            Add `price` and `qty` as floats, in money and units.

        Returns
        -------
        polars.DataFrame
            `time` (UTC), `side`, `price_ticks`, `qty_lots`, `flags`.

        Examples
        --------
        >>> import numpy as np
        >>> import tickstep as ts
        >>> side = np.array([0], dtype=np.uint8)
        >>> book = ts.Book(np.array([1]), side, np.array([100]), np.array([7]), side,
        ...                tick_size="0.5", lot=1)
        >>> book.to_polars(money=True).row(0)[2:]
        (100, 7, 0, 50.0, 7.0)
        """
        import polars

        frame = polars.DataFrame(self)
        return frame.with_columns(**self._money()) if money else frame

    def to_pandas(self, *, money: bool = False) -> Any:
        """Return the columns as a pandas frame; needs pandas.

        Parameters
        ----------
        money : bool
            Add `price` and `qty` as floats, in money and units.

        Returns
        -------
        pandas.DataFrame
            As `to_polars`.
        """
        from tickstep.data.frames import book_parts, pandas_of

        frame = pandas_of(book_parts(self))
        return frame.assign(**self._money()) if money else frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the columns over by the Arrow C stream interface, in place."""
        from tickstep.data.frames import book_parts, stream_of

        return stream_of(book_parts(self), self.KIND, self._labels())

    def _money(self) -> dict[str, Float64Array]:
        return {
            "price": self._tick.values(self.price_ticks),
            "qty": self._lot.values(self.qty_lots),
        }

    @overload
    def __getitem__(self, rows: int) -> dict[str, int]: ...

    @overload
    def __getitem__(self, rows: slice) -> "Book": ...

    def __getitem__(self, rows: int | slice) -> "dict[str, int] | Book":
        """Take one row as a dict of its columns, or a run of rows as a `Book`."""
        if not isinstance(rows, slice):
            row = range(len(self))[rows]
            return {name: int(column[row]) for name, column in self._columns.items()}
        if rows.indices(len(self))[2] != 1:
            raise DataError(
                f"a step of {rows.step} would leave out updates that later rows rest on",
                hint="slice a run of rows, or ask at(time)",
            )
        return self._view(rows)

    def __repr__(self) -> str:
        name = "" if self.symbol is None else f"{self.symbol}, "
        grids = f"tick {self._tick.step}, lot {self._lot.step}"
        return f"Book({name}{len(self):,} rows{self._span()}, {grids})"

    def _depth(self, side: int, start: int, stop: int) -> Depth:
        rows = start + np.flatnonzero(self.side[start:stop] == side)[::-1]
        # Newest first, so that the first row of each price is the one that counts.
        price_ticks, newest = np.unique(self.price_ticks[rows], return_index=True)
        qty_lots = self.qty_lots[rows][newest]
        best_first = slice(None, None, -1 if side == 0 else 1)
        held = np.flatnonzero(qty_lots > 0)[best_first]
        price_ticks, qty_lots = price_ticks[held], qty_lots[held]
        return Depth(
            price_ticks, qty_lots, self._tick.values(price_ticks), self._lot.values(qty_lots)
        )

    def _check(self) -> None:
        back = np.diff(self.time, prepend=self.time[:1]) < 0
        self._refuse("time", back, "comes before that of the row before")
        self._refuse("side", self.side > 1, "must be 0 (bid) or 1 (ask)")
        self._check_prices("price_ticks")
        self._check_amounts("qty_lots")
        self._refuse("flags", self.flags > (SNAPSHOT | UPDATE_END), "has unknown bits")
