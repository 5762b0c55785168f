"""Ticks: market data as integer columns, checked once and read by the kernel in place.

A `Ticks` holds one instrument's trades: time, price in ticks, quantity in lots, the aggressor's side
and, where the source has them, the quotes. Every rule is checked when it is made, and a zone map is
built beside the columns, so each run afterwards reads only the rows that can touch an order. The
columns never change: arrays that somebody could still write to are copied.
"""

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np
import numpy.typing as npt

from tickstep._kernel import Grid, Tick, TickColumns, default_lot_and_unit
from tickstep.errors import ConfigError, DataError, OrderError

if TYPE_CHECKING:
    import polars

    from tickstep.bars import Bars

__all__ = ["TIME_UNITS", "Ticks"]

NS_PER_UNIT = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
NS_PER_DAY = 86_400 * 10**9
TIME_UNITS = tuple(NS_PER_UNIT)

Number = float | int | str | Decimal
Column = npt.ArrayLike | Sequence[Number]
Time = int | str | datetime | np.datetime64
Int64Array = npt.NDArray[np.int64]
UInt8Array = npt.NDArray[np.uint8]
Float64Array = npt.NDArray[np.float64]
Progress = Callable[[int, int], object]  # called with how much is done, and how much there is

# NumPy also reads "now", "today" and offsets from UTC: what depends on the clock, or only warns.
_ISO_UTC = re.compile(
    r"(\d{4}(?:-\d\d(?:-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)?)?)?)Z?", re.ASCII
)


class Ticks:
    """Trades of one instrument as checked, read-only columns.

    Rows are in order of time (equal times keep their order), prices and quantities are whole ticks
    and lots, and a quantity is at least one lot; anything else is a `DataError` that names the row.
    Arrays that are read-only all the way down are taken as they are, others are copied. Slices share
    the columns and the zone map of the whole.

    Parameters
    ----------
    time : array of int64
        Times, ascending, in `time_unit`.
    price_ticks : array of int64
        Prices in ticks.
    qty_lots : array of int64
        Quantities in lots, at least 1.
    side : array of uint8
        Side of the aggressor: 0 is BUY, 1 is SELL.
    tick_size, lot : float, int, str or Decimal
        Size of one tick in money, and of one lot in units of the instrument.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of `time`, counted from 1970-01-01 UTC.
    symbol : str, optional
        Name of the instrument.
    source : str or mapping, optional
        Where the data came from, in any words or fields.
    bid_ticks, ask_ticks : array of int64, optional
        Best quotes in ticks at each row; both or neither.
    allow_negative_prices : bool
        Whether prices may be 0 or negative, as those of spreads.

    Examples
    --------
    >>> import numpy as np
    >>> import tickstep as ts
    >>> ticks = ts.Ticks(
    ...     np.array([1000, 1001, 1003]), np.array([10000, 10005, 10002]),
    ...     np.array([5, 1, 2]), np.array([0, 1, 1], dtype=np.uint8),
    ...     tick_size=0.01, lot=0.001, symbol="DEMO",
    ... )
    >>> len(ticks), ticks.prices.tolist()
    (3, [100.0, 100.05, 100.02])
    >>> ticks.between(1001, 1003).qtys.tolist()
    [0.001]
    """

    __slots__ = (
        "_columns",
        "_digest",
        "_lot",
        "_start",
        "_stop",
        "_tick",
        "source",
        "symbol",
        "time_unit",
    )

    symbol: str | None
    source: str | Mapping[str, Any] | None
    time_unit: str

    def __init__(
        self,
        time: Int64Array,
        price_ticks: Int64Array,
        qty_lots: Int64Array,
        side: UInt8Array,
        *,
        tick_size: Number,
        lot: Number,
        time_unit: str = "ms",
        symbol: str | None = None,
        source: str | Mapping[str, Any] | None = None,
        bid_ticks: Int64Array | None = None,
        ask_ticks: Int64Array | None = None,
        allow_negative_prices: bool = False,
    ) -> None:
        self.time_unit = check_time_unit(time_unit)
        self.symbol = symbol
        self.source = source
        self._tick = Grid(tick_size, "tick_size")
        self._lot = Grid(lot, "lot")
        self._columns = TickColumns(
            frozen(time, "time"),
            frozen(price_ticks, "price_ticks"),
            frozen(qty_lots, "qty_lots"),
            frozen(side, "side"),
            None if bid_ticks is None else frozen(bid_ticks, "bid_ticks"),
            None if ask_ticks is None else frozen(ask_ticks, "ask_ticks"),
            allow_negative_prices,
        )
        self._start = 0
        self._stop = len(self._columns)
        self._digest: str | None = None

    @classmethod
    def from_arrays(
        cls,
        time: npt.ArrayLike,
        prices: Column,
        qtys: Column,
        sides: npt.ArrayLike,
        *,
        tick_size: Number,
        lot: Number | None = None,
        time_unit: str = "ms",
        symbol: str | None = None,
        source: str | Mapping[str, Any] | None = None,
        bids: Column | None = None,
        asks: Column | None = None,
        allow_negative_prices: bool = False,
    ) -> Self:
        """Make ticks from plain arrays or lists; floats are checked against the grid.

        Parameters
        ----------
        time : array of int or datetime64
            Times in `time_unit`, or dates that it can hold exactly.
        prices : array of float or int
            Floats are money and must lie on the tick grid; integers are ticks.
        qtys : array of float or int
            Floats are units and must lie on the lot grid; integers are lots.
        sides : array of int, bool or str
            0 or "BUY", 1 or "SELL": the side of the aggressor.
        tick_size : float, int, str or Decimal
            Size of one tick in money.
        lot : float, int, str or Decimal, optional
            Size of one lot; by default the finest an engine of this tick size takes.
        time_unit : {"s", "ms", "us", "ns"}
            Unit of the times that are kept.
        symbol : str, optional
            Name of the instrument.
        source : str or mapping, optional
            Where the data came from.
        bids, asks : array of float or int, optional
            Best quotes, as `prices`; both or neither.
        allow_negative_prices : bool
            Whether prices may be 0 or negative.

        Returns
        -------
        Ticks
            The checked columns.

        Raises
        ------
        DataError
            When a row breaks a rule or a float is off its grid; the message names the row.

        Examples
        --------
        >>> import tickstep as ts
        >>> ts.Ticks.from_arrays([1, 2], [1.5, 1.75], [2.0, 1.0], ["BUY", "SELL"], tick_size=0.25)
        Ticks(2 rows, 1970-01-01T00:00:00.001 to 1970-01-01T00:00:00.002, tick 0.25, lot 0.000001)
        """
        check_time_unit(time_unit)
        tick = Grid(tick_size, "tick_size")
        lots = Grid(default_lot_and_unit(tick_size)[0] if lot is None else lot, "lot")
        return cls(
            time_column(time, time_unit),
            grid_column(prices, tick, "prices"),
            grid_column(qtys, lots, "qtys"),
            side_column(sides, "sides"),
            tick_size=tick.step,
            lot=lots.step,
            time_unit=time_unit,
            symbol=symbol,
            source=source,
            bid_ticks=None if bids is None else grid_column(bids, tick, "bids"),
            ask_ticks=None if asks is None else grid_column(asks, tick, "asks"),
            allow_negative_prices=allow_negative_prices,
        )

    @classmethod
    def from_frame(
        cls,
        frame: object,
        *,
        columns: Mapping[str, str] | None = None,
        tick_size: Number | None = None,
        lot: Number | None = None,
        time_unit: str | None = None,
        symbol: str | None = None,
        source: str | Mapping[str, Any] | None = None,
        allow_negative_prices: bool | None = None,
    ) -> Self:
        """Make ticks of a frame of polars, pandas, pyarrow, DuckDB or anything like them.

        Whatever has `__arrow_c_stream__` will do. Columns that are as ticks need them (64-bit
        integers or times, 8-bit sides, in one piece) are taken where they lie: do not write to the
        frame afterwards. Others are converted exactly, and the frame's memory is not kept.

        Parameters
        ----------
        frame : object with __arrow_c_stream__
            Rows in order of time.
        columns : mapping of str to str, optional
            Names of the columns for the parts `time`, `price` (money) or `price_ticks`, `qty`
            (units) or `qty_lots`, `side`, `bid` and `ask` or `bid_ticks` and `ask_ticks`, `symbol`.
            A part that is not named is looked for by its own name and a few usual ones, in any
            spelling ("Price"); the index of a pandas frame may be the time.
        tick_size, lot : float, int, str or Decimal, optional
            By default what the frame says (frames made by `to_polars` do), else the coarsest of 1,
            0.1, 0.01, ... on which all values lie. Floats follow the rule of `from_arrays`; 32-bit
            floats stand for their shortest text.
        time_unit : {"s", "ms", "us", "ns"}, optional
            Unit to keep; of integers the unit that they are in. By default the column's own, and
            for integers told by their digits: 10 are s, 13 ms, 16 us, 19 ns.
        symbol, source, allow_negative_prices : optional
            As for `Ticks`; by default what the frame says.

        Returns
        -------
        Ticks
            The checked columns.

        Raises
        ------
        DataError
            When a column is missing, of another type, has empty cells, or a row breaks a rule; the
            message names column and row.
        ConfigError
            When a size is not known, or another one than the frame's.

        Examples
        --------
        >>> import polars as pl
        >>> import tickstep as ts
        >>> frame = pl.DataFrame({
        ...     "ts": [1723161256322, 1723161256523], "price": ["61800.30", "61800.20"],
        ...     "qty": [0.006, 0.015], "is_buyer_maker": [True, False]})
        >>> ticks = ts.Ticks.from_frame(frame)
        >>> ticks.tick_size, ticks.price_ticks.tolist(), ticks.qty_lots.tolist()
        (0.1, [618003, 618002], [6, 15])
        """
        from tickstep.data.frames import ticks_from_frame

        return ticks_from_frame(
            cls,
            frame,
            columns=columns,
            tick_size=tick_size,
            lot=lot,
            time_unit=time_unit,
            symbol=symbol,
            source=source,
            allow_negative_prices=allow_negative_prices,
        )

    @property
    def time(self) -> Int64Array:
        """Times in `time_unit`, read-only."""
        return self._columns.time[self._start : self._stop]

    @property
    def price_ticks(self) -> Int64Array:
        """Prices in ticks, read-only."""
        return self._columns.price_ticks[self._start : self._stop]

    @property
    def qty_lots(self) -> Int64Array:
        """Quantities in lots, read-only."""
        return self._columns.qty_lots[self._start : self._stop]

    @property
    def side(self) -> UInt8Array:
        """Side of the aggressor, 0 for BUY and 1 for SELL, read-only."""
        return self._columns.side[self._start : self._stop]

    @property
    def bid_ticks(self) -> Int64Array | None:
        """Best bids in ticks, read-only, or None where the source has no quotes."""
        column = self._columns.bid_ticks
        return None if column is None else column[self._start : self._stop]

    @property
    def ask_ticks(self) -> Int64Array | None:
        """Best asks in ticks, read-only, or None where the source has no quotes."""
        column = self._columns.ask_ticks
        return None if column is None else column[self._start : self._stop]

    @property
    def prices(self) -> Float64Array:
        """Prices in money, computed at each call."""
        return self._tick.values(self.price_ticks)

    @property
    def qtys(self) -> Float64Array:
        """Quantities in units of the instrument, computed at each call."""
        return self._lot.values(self.qty_lots)

    @property
    def datetimes(self) -> npt.NDArray[np.datetime64]:
        """Times as datetime64 (UTC), a view of `time`."""
        return self.time.view(f"datetime64[{self.time_unit}]")

    @property
    def tick_size(self) -> float:
        """Size of one tick in money."""
        return self._tick.value(1)

    @property
    def lot(self) -> float:
        """Size of one lot in units of the instrument."""
        return self._lot.value(1)

    @property
    def grids(self) -> tuple[str, str]:
        """Size of a tick and of a lot as exact decimal text."""
        return self._tick.step, self._lot.step

    @property
    def nbytes(self) -> int:
        """Bytes of the columns and the zone map; slices share those of the whole."""
        return self._columns.nbytes

    @property
    def data_digest(self) -> str:
        """SHA-256 of grids, time unit and columns: equal data, equal digest; computed once."""
        if self._digest is None:
            self._digest = self._computed_digest()
        return self._digest

    def between(self, start: Time | None, stop: Time | None) -> "Ticks":
        """Take the rows with start <= time < stop, without copying.

        Parameters
        ----------
        start, stop : int, str, datetime or datetime64, optional
            Integers are in `time_unit`; text is ISO 8601 in UTC; a datetime must know its zone.
            None is the beginning or the end.

        Returns
        -------
        Ticks
            A view of the same columns.

        Examples
        --------
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays(
        ...     [0, 1000, 2000], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [0, 0, 0], tick_size=1)
        >>> ticks.between("1970-01-01T00:00:01", None).price_ticks.tolist()
        [2, 3]
        """
        first = 0 if start is None else self._row_at(start)
        last = len(self) if stop is None else self._row_at(stop)
        return self._part(first, max(first, last))

    def extremes(self, edges: npt.ArrayLike) -> tuple[Int64Array, Int64Array]:
        """Find the lowest and the highest price of runs of rows, without reading them all.

        The zone map knows the extremes of 64 rows, 512 rows and so on; each run costs time that is
        logarithmic in its length.

        Parameters
        ----------
        edges : array of int
            Ascending row numbers; run i is the rows edges[i] to edges[i + 1], the last excluded.

        Returns
        -------
        low_ticks, high_ticks : array of int64
            Extremes of each run in ticks, one fewer than there are edges.

        Raises
        ------
        DataError
            When a run has no row, or rows that are not there.

        Examples
        --------
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays(
        ...     [1, 2, 3, 4], [3, 5, 4, 9], [1, 1, 1, 1], [0, 0, 0, 0], tick_size=1)
        >>> [column.tolist() for column in ticks.extremes([0, 3, 4])]
        [[3, 9], [5, 9]]
        """
        rows = integer_column(edges, "edges")
        beyond = np.flatnonzero((rows < 0) | (rows > len(self)))
        if beyond.size:
            raise DataError(
                f"edge {rows[beyond[0]]} is not a row from 0 to {len(self)}",
                hint="edges are row numbers of these ticks; the last may be their number",
            )
        return self._columns.extremes(np.ascontiguousarray(rows + self._start))

    def candles(
        self,
        interval: str | int | None = None,
        *,
        ticks_per_bar: int | None = None,
        volume_per_bar: Number | None = None,
        money_per_bar: Number | None = None,
        imbalance_per_bar: Number | None = None,
        fill_empty: bool = False,
    ) -> "Bars":
        """Make bars: of an interval such as "1m", or of ticks, volume, money or imbalance.

        The rules are those of `analytics.ticks_to_candles`.

        Examples
        --------
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays(
        ...     [0, 59_999, 60_000], [1.0, 3.0, 2.0], [1.0, 1.0, 1.0], [0, 1, 0], tick_size=1)
        >>> ticks.candles("1m").close.tolist()
        [3.0, 2.0]
        """
        from tickstep.analytics import ticks_to_bars

        return ticks_to_bars(
            self,
            interval,
            ticks_per_bar=ticks_per_bar,
            volume_per_bar=volume_per_bar,
            money_per_bar=money_per_bar,
            imbalance_per_bar=imbalance_per_bar,
            fill_empty=fill_empty,
        )

    def vwap(
        self,
        *,
        window: int | None = None,
        sessions: str | npt.ArrayLike | None = None,
        anchors: int | Sequence[int] | None = None,
    ) -> Float64Array:
        """Volume weighted average price up to each row; see `analytics.calculate_vwap`.

        Examples
        --------
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays([0, 1], [1.0, 3.0], [1.0, 1.0], [0, 1], tick_size=1)
        >>> ticks.vwap().tolist()
        [1.0, 2.0]
        """
        from tickstep.analytics import calculate_vwap

        return calculate_vwap(self, window=window, sessions=sessions, anchors=anchors)

    def volume_profile(self, n_bins: int | None = 50, *, value_area: float = 0.7) -> dict[str, Any]:
        """Volume by price, with point of control; see `analytics.calculate_volume_profile`.

        Examples
        --------
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays([0, 1], [1.0, 3.0], [1.0, 2.0], [0, 1], tick_size=1)
        >>> ticks.volume_profile()["poc"]
        3.0
        """
        from tickstep.analytics import calculate_volume_profile

        return calculate_volume_profile(self, n_bins=n_bins, value_area=value_area)

    def footprint(self, interval: str | int = "1m") -> dict[str, npt.NDArray[Any]]:
        """Volume by interval, price and side; see `analytics.calculate_footprint`.

        Examples
        --------
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays([0, 1], [1.0, 3.0], [1.0, 2.0], [0, 1], tick_size=1)
        >>> ticks.footprint("1m")["bid_volume"].tolist()
        [0.0, 2.0]
        """
        from tickstep.analytics import calculate_footprint

        return calculate_footprint(self, interval_ms=interval)

    def cumulative_delta(self) -> npt.NDArray[Any]:
        """Bought less sold up to each row; see `analytics.calculate_cumulative_delta`.

        Examples
        --------
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays([0, 1], [1.0, 3.0], [1.0, 2.0], [0, 1], tick_size=1)
        >>> ticks.cumulative_delta().tolist()
        [1.0, -1.0]
        """
        from tickstep.analytics import calculate_cumulative_delta

        return calculate_cumulative_delta(self)

    def order_flow_imbalance(self, window: int = 100) -> Float64Array:
        """Imbalance of the last trades; see `analytics.calculate_order_flow_imbalance`.

        Examples
        --------
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays([0, 1], [1.0, 3.0], [1.0, 3.0], [0, 1], tick_size=1)
        >>> ticks.order_flow_imbalance(2).tolist()
        [nan, -0.5]
        """
        from tickstep.analytics import calculate_order_flow_imbalance

        return calculate_order_flow_imbalance(self, window=window)

    def trade_intensity(self, window: str | int = "1s") -> Float64Array:
        """Trades per second over a trailing time; see `analytics.calculate_trade_intensity`.

        Examples
        --------
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays([0, 1000], [1.0, 3.0], [1.0, 2.0], [0, 1], tick_size=1)
        >>> ticks.trade_intensity("1s").tolist()
        [nan, 1.0]
        """
        from tickstep.analytics import calculate_trade_intensity

        return calculate_trade_intensity(self, window)

    def plot(
        self,
        path: str | os.PathLike[str],
        kind: Literal["overview", "candles", "bubbles"] = "overview",
        *,
        interval: str | None = None,
        title: str | None = None,
        china_colors: bool = False,
        result: Any = None,
        **options: Any,
    ) -> Path:
        """Draw the ticks into a picture, or into a page to look around in.

        "overview" shows the range of the price and the number of ticks in 1500 slices of time: no
        extreme is lost, and it costs the same for any number of ticks. "candles" shows candles,
        volume, volume by price and delta. "bubbles" shows each trade as a bubble whose area is its
        quantity, with the delta and, of a run, the equity below. The last two read every tick once.

        Parameters
        ----------
        path : str or path-like
            The ending tells the format: .png, .svg, .pdf, or .html (the extra `plot`).
        kind : {"overview", "candles", "bubbles"}
            What is drawn.
        interval : str, optional
            Length of candles; by default one that leaves at most 240.
        title : str, optional
            By default the symbol.
        china_colors : bool
            Whether red stands for rising and bought, green for falling and sold.
        result : Result, optional
            A run over these ticks whose equity is drawn below the bubbles.
        **options
            Of bubbles: `time_start` and `time_end` ("09:30", clock times in UTC), `delta` ("1m"),
            `bubble_scale` (area of the largest in square points, at most 500 by default),
            `bubble_alpha` (0.5), `bubbles_max` (1000, the largest trades).

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ConfigError
            When the ending, the kind or an option is not known.
        DataError
            When there are no ticks to draw.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays(
        ...     [0, 400, 900], [1.5, 1.75, 1.5], [2.0, 1.0, 5.0], [0, 0, 1], tick_size=0.25)
        >>> ticks.plot(pathlib.Path(tempfile.mkdtemp(), "demo.png"), "bubbles", delta="1s").name
        'demo.png'
        """
        from tickstep.charts import draw_ticks

        return draw_ticks(
            self,
            Path(path),
            kind,
            interval=interval,
            title=title,
            china_colors=china_colors,
            result=result,
            options=options,
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a tick file: opened by `open_ticks` at once, whatever its size.

        The file is Arrow IPC, uncompressed, with the zone map beside the columns; polars, pyarrow
        and others read it too.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced when the new one is whole.

        Returns
        -------
        Path
            The file.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays([1, 2], [1.5, 1.75], [2.0, 1.0], [0, 1], tick_size=0.25)
        >>> path = ticks.save(pathlib.Path(tempfile.mkdtemp(), "demo.arrow"))
        >>> ts.open_ticks(path).prices.tolist()
        [1.5, 1.75]
        """
        from tickstep.data.tickfile import save

        return save(self, path)

    def verify(self) -> None:
        """Check all rows, the zone map and, of an opened file, the digest that it was saved with.

        Raises
        ------
        DataError
            When a row breaks a rule or something was changed after it was saved.

        Examples
        --------
        >>> import tickstep as ts
        >>> ts.Ticks.from_arrays([1], [1.5], [2.0], [0], tick_size=0.25).verify()
        """
        if not self._columns.verify():
            raise DataError(
                "the zone map is not that of the prices",
                hint="save the file again: ts.Ticks(...).save(path)",
            )
        if self._digest is not None and self._computed_digest() != self._digest:
            raise DataError(
                f"the columns do not have the digest {self._digest[:16]}... they were saved with",
                hint="the file was changed after it was saved: save it again from its source",
            )

    def to_polars(self, *, money: bool = False) -> "polars.DataFrame":
        """Return the columns as a polars frame, in place.

        Parameters
        ----------
        money : bool
            Add `price` and `qty` as floats, in money and units.

        Returns
        -------
        polars.DataFrame
            `time` (UTC), `price_ticks`, `qty_lots`, `side`, quotes where there are any.

        Examples
        --------
        >>> import tickstep as ts
        >>> ts.Ticks.from_arrays([1], [1.5], [2.0], [0], tick_size=0.25).to_polars(money=True).columns
        ['time', 'price_ticks', 'qty_lots', 'side', 'price', 'qty']
        """
        import polars

        frame = polars.DataFrame(self)
        return frame.with_columns(price=self.prices, qty=self.qtys) if money else frame

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
        from tickstep.data.frames import pandas_of, tick_parts

        frame = pandas_of(tick_parts(self))
        return frame.assign(price=self.prices, qty=self.qtys) if money else frame

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write a Parquet file (zstd) that `read_parquet` reads back exactly.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced when the new one is whole.

        Returns
        -------
        Path
            The file. Its metadata tells tick size, lot, time unit and symbol.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import tickstep as ts
        >>> ticks = ts.Ticks.from_arrays([1, 2], [1.5, 1.75], [2.0, 1.0], [0, 1], tick_size=0.25)
        >>> path = ticks.to_parquet(pathlib.Path(tempfile.mkdtemp(), "demo.parquet"))
        >>> ts.read_parquet(path).data_digest == ticks.data_digest
        True
        """
        from tickstep.data.parquet import write_parquet

        return write_parquet(self, path)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the columns over by the Arrow C stream interface, in place."""
        from tickstep.data.frames import stream_of, tick_parts

        return stream_of(tick_parts(self), "ticks", self._labels())

    def __len__(self) -> int:
        return self._stop - self._start

    @overload
    def __getitem__(self, rows: int) -> Tick: ...

    @overload
    def __getitem__(self, rows: slice) -> "Ticks": ...

    def __getitem__(self, rows: int | slice) -> "Tick | Ticks":
        """Take one row as a `Tick`, or a slice of rows as `Ticks`."""
        if not isinstance(rows, slice):
            return self._columns.tick(self._start + range(len(self))[rows], self._lot)
        first, last, step = rows.indices(len(self))
        if step < 1:
            raise DataError(
                f"a step of {step} would turn time around",
                hint="slice forwards; reverse a column instead: ticks.price_ticks[::-1]",
            )
        return self._part(first, max(first, last)) if step == 1 else self._thinned(rows)

    def __repr__(self) -> str:
        name = "" if self.symbol is None else f"{self.symbol}, "
        span = "" if len(self) == 0 else f"{self.datetimes[0]} to {self.datetimes[-1]}, "
        grids = f"tick {self._tick.step}, lot {self._lot.step}"
        return f"Ticks({name}{len(self):,} rows, {span}{grids})"

    @classmethod
    def _of_columns(
        cls, columns: TickColumns, labels: Mapping[str, Any], digest: str | None
    ) -> Self:
        """Take columns that were checked before, with the digest that they had then."""
        ticks = cls.__new__(cls)
        ticks.time_unit = check_time_unit(labels["time_unit"])
        ticks.symbol = labels["symbol"]
        ticks.source = labels["source"]
        ticks._tick = Grid(labels["tick_size"], "tick_size")
        ticks._lot = Grid(labels["lot"], "lot")
        ticks._columns = columns
        ticks._start, ticks._stop = 0, len(columns)
        ticks._digest = digest
        return ticks

    def __reduce__(self) -> tuple[Any, ...]:
        arrays = (self.time, self.price_ticks, self.qty_lots, self.side)
        return _restored, (arrays, (self.bid_ticks, self.ask_ticks), self._labels())

    def _labels(self) -> dict[str, Any]:
        return {
            "allow_negative_prices": self._columns.allow_negative_prices,
            "tick_size": self._tick.step,
            "lot": self._lot.step,
            "time_unit": self.time_unit,
            "symbol": self.symbol,
            "source": self.source,
        }

    def _part(self, start: int, stop: int) -> "Ticks":
        part = Ticks.__new__(Ticks)
        for name in Ticks.__slots__:
            setattr(part, name, getattr(self, name))
        part._digest = self._digest if stop - start == len(self) else None
        part._stop = self._start + stop
        part._start = self._start + start
        return part

    def _thinned(self, rows: slice) -> "Ticks":
        arrays = (self.time, self.price_ticks, self.qty_lots, self.side)
        quotes = (self.bid_ticks, self.ask_ticks)
        taken = tuple(None if column is None else column[rows] for column in quotes)
        return _restored(tuple(column[rows] for column in arrays), taken, self._labels())

    def _row_at(self, time: Time) -> int:
        return int(np.searchsorted(self.time, to_time(time, self.time_unit), side="left"))

    def _digest_head(self) -> str:
        present = "1111" + ("00" if self.bid_ticks is None else "11")
        grids = f"{self._tick.step} {self._lot.step} {self.time_unit}"
        return f"tickstep ticks 1 {grids} {len(self)} {present}"

    def _computed_digest(self) -> str:
        columns = (
            self.time,
            self.price_ticks,
            self.qty_lots,
            self.side,
            self.bid_ticks,
            self.ask_ticks,
        )
        digest = hashlib.sha256(f"{self._digest_head()}\n".encode())
        for column in columns:
            if column is not None:
                digest.update(column.data)
        return digest.hexdigest()


def check_time_unit(unit: str) -> str:
    """Return the unit, or raise a `ConfigError` when it is not one of `TIME_UNITS`."""
    if unit not in TIME_UNITS:
        raise ConfigError(
            f"time_unit {unit!r} is not one of {', '.join(TIME_UNITS)}",
            hint='time_unit="ms" counts milliseconds since 1970-01-01 UTC',
        )
    return unit


def to_time(value: Time, unit: str) -> int:
    """Turn a date into a whole number of `unit` since 1970-01-01 UTC; integers pass as they are."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64)):
        return int(value)
    moment = _moment(value)
    if np.isnat(moment):
        raise DataError(
            f"{value!r} is not a time",
            hint=f"give an integer in {unit}, ISO 8601 text in UTC, or a datetime with a zone",
        )
    return int(time_column(np.array([moment]), unit)[0])


def _moment(value: Any) -> np.datetime64:
    """Read a date; NaT is what cannot be read."""
    if isinstance(value, datetime):
        value = _without_zone(value)
    elif isinstance(value, str):
        written = _ISO_UTC.fullmatch(value)
        value = None if written is None else written.group(1)
    try:
        return np.datetime64(value)
    except (ValueError, TypeError):
        return np.datetime64("NaT")


def _without_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise DataError(
            f"the datetime {moment.isoformat()} has no time zone",
            hint="add one: datetime(..., tzinfo=timezone.utc)",
        )
    return moment.astimezone(UTC).replace(tzinfo=None)


def time_column(values: npt.ArrayLike, unit: str) -> Int64Array:
    """Return times as int64 in `unit`: integers pass, dates and ISO 8601 text must fit exactly."""
    array = np.asarray(values)
    if array.dtype.kind == "U":
        return np.array([to_time(str(text), unit) for text in array], dtype=np.int64)
    if array.dtype.kind != "M":
        return integer_column(array, "time")
    if np.isnat(array).any():
        row = int(np.flatnonzero(np.isnat(array))[0])
        raise DataError(f"time at row {row} is not a time (NaT)", hint="drop the row")
    kept = array.astype(f"datetime64[{unit}]")
    # There and back: a comparison of the two would itself wrap around beyond 64 bits.
    lost = np.flatnonzero(kept.astype(array.dtype) != array)
    if lost.size:
        raise _lost_time(array[lost[0]], kept[lost[0]], int(lost[0]), unit)
    return kept.astype(np.int64)


def _lost_time(given: np.datetime64, kept: np.datetime64, row: int, unit: str) -> DataError:
    if given.astype("datetime64[Y]") != kept.astype("datetime64[Y]"):
        return DataError(
            f"time {given} at row {row} is beyond what 64 bits of {unit} hold",
            hint='choose a coarser time_unit, such as "ms"',
        )
    return DataError(
        f"time {given} at row {row} is finer than one {unit}",
        hint='choose a finer time_unit, such as "ns"',
    )


def integer_column(
    values: npt.ArrayLike, name: str, error: type[DataError | OrderError] = DataError
) -> Int64Array:
    """Return an int64 column of values that are integers already; others are never rounded."""
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(array.shape, dtype=np.int64)
    if array.dtype.kind not in "iu" or (array.dtype == np.uint64 and int(array.max()) >= 2**63):
        raise error(
            f"{name} must be integers of at most 64 bits, was {array.dtype}",
            hint="convert the column where its unit is known",
        )
    return array.astype(np.int64, copy=False)


def grid_column(
    values: Column,
    grid: Grid,
    name: str,
    error: type[DataError | OrderError] = DataError,
) -> Int64Array:
    """Return indexes on a grid: integers pass, floats, text and Decimals must lie on the grid."""
    array = np.asarray(values)
    if array.ndim > 1:
        raise error(
            f"{name} must have one dimension, was an array of shape {array.shape}",
            hint=f"give one column: {name}[:, 0]",
        )
    if array.dtype.kind == "f":
        return grid.indexes(np.ascontiguousarray(array, dtype=np.float64), name, error)
    if array.dtype.kind in "OU":
        found = [
            grid.index(value, f"{name} at row {row}", error) for row, value in enumerate(array)
        ]
        return np.array(found, dtype=np.int64)
    return integer_column(array, name, error)


def side_column(
    values: npt.ArrayLike, name: str, error: type[DataError | OrderError] = DataError
) -> UInt8Array:
    """Return sides as 0 and 1 from such numbers, booleans (True is SELL) or "BUY" and "SELL"."""
    array = np.asarray(values)
    if array.dtype.kind in "OU":
        is_sell: npt.NDArray[np.bool_] = np.asarray(array == "SELL")
        bad = np.flatnonzero(~(is_sell | (array == "BUY")))
        if bad.size:
            side = plain(array.ravel()[bad[0]])
            raise error(
                f"{name} at row {bad[0]} must be 'BUY' or 'SELL', was {side!r}",
                hint="it is the side of the aggressor, in capitals",
            )
        return is_sell.astype(np.uint8)
    codes = array if array.dtype.kind == "b" else integer_column(array, name, error)
    bad = np.flatnonzero((codes < 0) | (codes > 1))
    if bad.size:
        raise error(
            f"{name} at row {bad[0]} must be 0 (BUY) or 1 (SELL), was {codes.ravel()[bad[0]]}",
            hint="it is the side of the aggressor",
        )
    return codes.astype(np.uint8)


def plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own, which shows no type in messages; others as they are."""
    return value.item() if isinstance(value, np.generic) else value


def frozen(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Return the array when nobody can write to it, and a read-only copy otherwise."""
    if not isinstance(array, np.ndarray):
        raise DataError(
            f"{name} must be a NumPy array, was {type(array).__name__}",
            hint="Ticks.from_arrays takes lists and floats",
        )
    if _is_frozen(array) and array.flags.c_contiguous and array.flags.aligned:
        return array
    copied = np.array(array, order="C", subok=False)
    copied.flags.writeable = False
    return copied


def _is_frozen(array: Any) -> bool:
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return True


def _restored(
    columns: Sequence[npt.NDArray[Any]],
    quotes: Sequence[Int64Array | None],
    labels: dict[str, Any],
) -> Ticks:
    return Ticks(*columns, bid_ticks=quotes[0], ask_ticks=quotes[1], **labels)
