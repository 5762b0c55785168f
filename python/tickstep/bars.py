"""Bars: open, high, low, close and volume as integer columns, checked once.

A `Bars` holds one instrument's bars: the time each begins, four prices in ticks, the volume in lots
and, where the source has them, the volume bought by aggressors, the number of trades, the turnover
and the open interest. Every rule is checked when it is made; the columns never change.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, overload

import numpy as np
import numpy.typing as npt

from tickstep._kernel import Grid
from tickstep.columns import TimedColumns
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length
from tickstep.ticks import (
    Column,
    Float64Array,
    Int64Array,
    Number,
    check_time_unit,
    grid_column,
    integer_column,
    time_column,
)

if TYPE_CHECKING:
    import polars

__all__ = ["BarRow", "Bars"]

MONTH = "1mo"  # the one interval whose length varies
DECIMALS_MAX = 15  # of a float that was a short decimal
GRID_DECIMALS_MAX = 18  # of a grid that is found in text

PRICES = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
REQUIRED = ("time", *PRICES, "volume_lots")
OPTIONAL = ("buy_lots", "trade_count", "turnover", "open_interest_lots")


class BarRow(NamedTuple):
    """One bar of a `Bars`; floats are for reading. None: the source does not tell."""

    symbol: str | None
    start: int
    stop: int | None
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int | None


class Bars(TimedColumns):
    """Bars of one instrument as checked, read-only columns.

    Bars are in order of time; those of an interval each have their own start. `low` is the lowest
    and `high` the highest of the four prices, quantities are 0 or more; anything else is a
    `DataError` that names the row. A bar without trades is allowed: its prices are the last close.

    Parameters
    ----------
    time : array of int64
        Start of each bar, ascending, in `time_unit`.
    open_ticks, high_ticks, low_ticks, close_ticks : array of int64
        Prices in ticks.
    volume_lots : array of int64
        Volume in lots, at least 0.
    tick_size, lot : float, int, str or Decimal
        Size of one tick in money, and of one lot in units of the instrument.
    interval : str or int, optional
        Length of a bar: "1m", "4h", "1d", "1mo", or an integer in `time_unit`. None for bars that
        are not cut by time.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of `time`, counted from 1970-01-01 UTC.
    symbol : str, optional
        Name of the instrument.
    source : str or mapping, optional
        Where the data came from, in any words or fields.
    buy_lots : array of int64, optional
        Part of the volume whose aggressor bought.
    trade_count : array of int64, optional
        Number of trades.
    turnover : array of float64, optional
        Money that changed hands; NaN where it is not known.
    open_interest_lots : array of int64, optional
        Open interest at the end of the bar.
    allow_negative_prices : bool
        Whether prices may be 0 or negative, as those of spreads.

    Examples
    --------
    >>> import tickstep as ts
    >>> bars = ts.Bars.from_arrays(
    ...     ["2024-01-02T09:30", "2024-01-02T09:31"], ["10.00", "10.02"], ["10.05", "10.02"],
    ...     ["9.99", "9.98"], ["10.02", "10.00"], [1200, 800], interval="1m", symbol="DEMO",
    ... )
    >>> bars
    Bars(DEMO, 2 of 1m, 2024-01-02T09:30:00.000 to 2024-01-02T09:31:00.000, tick 0.01, lot 1)
    >>> bars.close_ticks.tolist(), bars.high.tolist()
    ([1002, 1000], [10.05, 10.02])
    """

    __slots__ = ("interval",)

    KIND = "bars"
    DTYPES = dict.fromkeys((*REQUIRED, *OPTIONAL), np.int64) | {"turnover": np.float64}

    interval: str | None

    def __init__(
        self,
        time: Int64Array,
        open_ticks: Int64Array,
        high_ticks: Int64Array,
        low_ticks: Int64Array,
        close_ticks: Int64Array,
        volume_lots: Int64Array,
        *,
        tick_size: Number,
        lot: Number,
        interval: str | int | None = None,
        time_unit: str = "ms",
        symbol: str | None = None,
        source: str | Mapping[str, Any] | None = None,
        buy_lots: Int64Array | None = None,
        trade_count: Int64Array | None = None,
        turnover: Float64Array | None = None,
        open_interest_lots: Int64Array | None = None,
        allow_negative_prices: bool = False,
    ) -> None:
        self.interval = interval_text(interval, check_time_unit(time_unit))
        given = (time, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots)
        extra = (buy_lots, trade_count, turnover, open_interest_lots)
        optional = zip(OPTIONAL, extra, strict=True)
        super().__init__(
            dict(zip(REQUIRED, given, strict=True))
            | {name: column for name, column in optional if column is not None},
            tick_size=tick_size,
            lot=lot,
            time_unit=time_unit,
            symbol=symbol,
            source=source,
            allow_negative_prices=allow_negative_prices,
        )
        self._check()

    @classmethod
    def from_arrays(
        cls,
        time: npt.ArrayLike,
        open: Column,
        high: Column,
        low: Column,
        close: Column,
        volume: Column,
        *,
        tick_size: Number | None = None,
        lot: Number | None = None,
        interval: str | int | None = None,
        time_unit: str = "ms",
        symbol: str | None = None,
        source: str | Mapping[str, Any] | None = None,
        buy_volume: Column | None = None,
        trade_count: npt.ArrayLike | None = None,
        turnover: npt.ArrayLike | None = None,
        open_interest: Column | None = None,
        allow_negative_prices: bool = False,
    ) -> Self:
        """Make bars from plain arrays or lists; nothing is rounded.

        Parameters
        ----------
        time : array of int, datetime64 or ISO 8601 text
            Start of each bar; integers are in `time_unit`, text is UTC.
        open, high, low, close : array of float, Decimal, str or int
            Floats, Decimals and text are money and must lie on the tick grid; integers are ticks
            when `tick_size` is given, and money otherwise.
        volume : array of float, Decimal, str or int
            In the same way units or, with `lot` given and integers, lots.
        tick_size, lot : float, int, str or Decimal, optional
            By default the coarsest of 1, 0.1, 0.01, ... on which all values lie.
        interval, time_unit, symbol, source, allow_negative_prices
            As for `Bars`.
        buy_volume, open_interest : array, optional
            As `volume`.
        trade_count : array of int, optional
            Number of trades.
        turnover : array of float, optional
            Money that changed hands.

        Returns
        -------
        Bars
            The checked columns.

        Raises
        ------
        DataError
            When a bar breaks a rule or a value is off its grid; the message names the row.
        """
        prices = {"open": open, "high": high, "low": low, "close": close}
        amounts = {"volume": volume, "buy_volume": buy_volume, "open_interest": open_interest}
        price_columns, tick = on_grid(prices, tick_size, "tick_size")
        lot_columns, lots = on_grid(
            {name: each for name, each in amounts.items() if each is not None}, lot, "lot"
        )
        return cls(
            time_column(time, time_unit),
            price_columns["open"],
            price_columns["high"],
            price_columns["low"],
            price_columns["close"],
            lot_columns["volume"],
            tick_size=tick.step,
            lot=lots.step,
            interval=interval,
            time_unit=time_unit,
            symbol=symbol,
            source=source,
            buy_lots=lot_columns.get("buy_volume"),
            trade_count=None if trade_count is None else integer_column(trade_count, "trade_count"),
            turnover=None if turnover is None else np.array(turnover, dtype=np.float64),
            open_interest_lots=lot_columns.get("open_interest"),
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
        interval: str | int | None = None,
        time_unit: str | None = None,
        symbol: str | None = None,
        source: str | Mapping[str, Any] | None = None,
        allow_negative_prices: bool | None = None,
    ) -> Self:
        """Make bars of a frame of polars, pandas, pyarrow, DuckDB or anything like them.

        As `Ticks.from_frame`: columns of 64-bit integers, times and floats in one piece are taken
        where they lie, others are converted exactly.

        Parameters
        ----------
        frame : object with __arrow_c_stream__
            Bars in order of time.
        columns : mapping of str to str, optional
            Names of the columns for the parts `time`, `open`, `high`, `low`, `close` (money) or
            `open_ticks` and so on, `volume`, `buy_volume`, `open_interest` (units) or `volume_lots`,
            `buy_lots`, `open_interest_lots`, `trade_count`, `turnover`, `symbol`. A part that is not
            named is looked for by its own name and a few usual ones, in any spelling ("Open"); the
            index of a pandas frame may be the time.
        tick_size, lot : float, int, str or Decimal, optional
            By default what the frame says, else the coarsest of 1, 0.1, 0.01, ... that holds all.
        interval : str or int, optional
            Length of a bar; by default what the frame says, else what the times tell.
        time_unit, symbol, source, allow_negative_prices : optional
            As for `Ticks.from_frame`.

        Returns
        -------
        Bars
            The checked columns.

        Raises
        ------
        DataError
            When a column is missing, of another type, has empty cells, or a bar breaks a rule.
        ConfigError
            When a size is not known, or another one than the frame's.

        Examples
        --------
        >>> import polars as pl
        >>> import tickstep as ts
        >>> frame = pl.DataFrame({
        ...     "time": ["2024-01-02 09:30", "2024-01-02 09:31"], "open": [10.0, 10.02],
        ...     "high": [10.05, 10.02], "low": [9.99, 9.98], "close": [10.02, 10.0],
        ...     "volume": [1200, 800]})
        >>> ts.Bars.from_frame(frame, interval="1m").close_ticks.tolist()
        [1002, 1000]
        """
        from tickstep.data.frames import bars_from_frame

        return bars_from_frame(
            cls,
            frame,
            columns=columns,
            tick_size=tick_size,
            lot=lot,
            interval=interval,
            time_unit=time_unit,
            symbol=symbol,
            source=source,
            allow_negative_prices=allow_negative_prices,
        )

    # Exact columns, read-only.

    @property
    def open_ticks(self) -> Int64Array:
        """First price of each bar in ticks, read-only."""
        return self._columns["open_ticks"]

    @property
    def high_ticks(self) -> Int64Array:
        """Highest price of each bar in ticks, read-only."""
        return self._columns["high_ticks"]

    @property
    def low_ticks(self) -> Int64Array:
        """Lowest price of each bar in ticks, read-only."""
        return self._columns["low_ticks"]

    @property
    def close_ticks(self) -> Int64Array:
        """Last price of each bar in ticks, read-only."""
        return self._columns["close_ticks"]

    @property
    def volume_lots(self) -> Int64Array:
        """Volume in lots, read-only."""
        return self._columns["volume_lots"]

    @property
    def buy_lots(self) -> Int64Array | None:
        """Volume in lots whose aggressor bought, or None where the source does not tell."""
        return self._columns.get("buy_lots")

    @property
    def trade_count(self) -> Int64Array | None:
        """Number of trades, or None where the source does not tell."""
        return self._columns.get("trade_count")

    @property
    def turnover(self) -> Float64Array | None:
        """Money that changed hands, or None where the source does not tell."""
        return self._columns.get("turnover")

    @property
    def open_interest_lots(self) -> Int64Array | None:
        """Open interest in lots at the end of each bar, or None where the source does not tell."""
        return self._columns.get("open_interest_lots")

    # Floats for reading.

    @property
    def open(self) -> Float64Array:
        """First prices in money, computed at each call."""
        return self._tick.values(self.open_ticks)

    @property
    def high(self) -> Float64Array:
        """Highest prices in money, computed at each call."""
        return self._tick.values(self.high_ticks)

    @property
    def low(self) -> Float64Array:
        """Lowest prices in money, computed at each call."""
        return self._tick.values(self.low_ticks)

    @property
    def close(self) -> Float64Array:
        """Last prices in money, computed at each call."""
        return self._tick.values(self.close_ticks)

    @property
    def volume(self) -> Float64Array:
        """Volume in units of the instrument, computed at each call."""
        return self._lot.values(self.volume_lots)

    @property
    def end_time(self) -> Int64Array:
        """First time after each bar, in `time_unit`.

        Raises
        ------
        DataError
            When the bars have no interval.
        """
        if self.interval is None:
            raise DataError(
                "these bars are not cut by time, so their ends are not known",
                hint="give interval=, or keep the times of the last trades beside them",
            )
        if self.interval != MONTH:
            return self.time + interval_length(self.interval, self.time_unit)
        months = self.datetimes.astype("datetime64[M]")
        starts = months.astype(self.datetimes.dtype)
        ends = (months + np.timedelta64(1, "M")).astype(self.datetimes.dtype)
        return self.time + (ends.view(np.int64) - starts.view(np.int64))

    # What it says.

    def resample(self, interval: str | int) -> "Bars":
        """Put bars together to longer ones, of a multiple of their interval.

        Examples
        --------
        >>> import tickstep as ts
        >>> bars = ts.Bars.from_arrays(
        ...     [0, 60_000], [1, 2], [3, 2], [1, 2], [2, 2], [5, 6], interval="1m")
        >>> bars.resample("5m").high.tolist()
        [3.0]
        """
        from tickstep.analytics import resample_bars

        return resample_bars(self, interval)

    def vwap(
        self,
        *,
        window: int | None = None,
        sessions: str | npt.ArrayLike | None = None,
        anchors: int | Sequence[int] | None = None,
    ) -> Float64Array:
        """Average of the typical prices, weighted by volume; see `analytics.calculate_vwap`.

        Examples
        --------
        >>> import tickstep as ts
        >>> bars = ts.Bars.from_arrays(
        ...     [0, 60_000], [1, 2], [3, 2], [1, 2], [2, 2], [5, 5], interval="1m")
        >>> bars.vwap(window=1).tolist()
        [2.0, 2.0]
        """
        from tickstep.analytics import calculate_vwap

        return calculate_vwap(self, window=window, sessions=sessions, anchors=anchors)

    def volatility(
        self, kind: str = "realized", window: int = 100, *, trading_periods: float | None = None
    ) -> Float64Array:
        """Volatility over the last bars, up to each bar; see the functions of `analytics`.

        Parameters
        ----------
        kind : str
            "realized" or "zero_mean" (of closes), "parkinson", "garman_klass", "rogers_satchell" or
            "yang_zhang".
        window : int
            Bars (for those of closes: returns).
        trading_periods : float, optional
            Bars in a year, for results per year: 525,600 of "1m" around the clock, about 252 of the
            days of an exchange. By default results are those of one bar.

        Returns
        -------
        array of float64
            NaN until the window is full.

        Examples
        --------
        >>> import tickstep as ts
        >>> bars = ts.Bars.from_arrays(
        ...     [0, 60_000], [1, 2], [4, 2], [1, 2], [2, 2], [5, 5], interval="1m")
        >>> bars.volatility("parkinson", 2).round(6).tolist()
        [nan, 0.588705]
        """
        from tickstep.analytics import VOLATILITY_COLUMNS, RollingVolatility

        is_yearly = trading_periods is not None
        periods = 1.0 if trading_periods is None else trading_periods
        rolling = RollingVolatility(kind, window, is_yearly, periods)
        columns = [self._columns[f"{name}_ticks"] for name in VOLATILITY_COLUMNS[kind]]
        found: Float64Array = rolling.push(*columns)
        return found

    # Out.

    def plot(
        self,
        path: str | os.PathLike[str],
        *,
        title: str | None = None,
        china_colors: bool = False,
    ) -> Path:
        """Draw candles with volume, volume by price and, where `buy_lots` are known, delta.

        Neighbours are put together where there are more than 240 bars; no extreme is lost. A bar's
        volume is spread evenly between its low and its high in the volume by price.

        Parameters
        ----------
        path : str or path-like
            The ending tells the format: .png, .svg, .pdf, or .html (the extra `plot`).
        title : str, optional
            By default the symbol.
        china_colors : bool
            Whether red stands for rising and bought, green for falling and sold.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ConfigError
            When the ending is not known.
        DataError
            When there are no bars.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import tickstep as ts
        >>> bars = ts.Bars.from_arrays([0, 60_000], [1, 2], [3, 2], [1, 1], [2, 1], [5, 5])
        >>> bars.plot(pathlib.Path(tempfile.mkdtemp(), "demo.png")).name
        'demo.png'
        """
        from tickstep.charts import draw_bars

        return draw_bars(self, Path(path), title=title, china_colors=china_colors)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a file of bars in Arrow IPC, which `open_bars` maps.

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
        >>> bars = ts.Bars.from_arrays([0], ["1.0"], ["1.5"], ["0.5"], ["1.0"], [7], interval="1m")
        >>> ts.open_bars(bars.save(pathlib.Path(tempfile.mkdtemp(), "bars.arrow"))) == bars
        True
        """
        from tickstep.data.tickfile import save

        return save(self, path)

    def verify(self) -> None:
        """Check all bars and, of an opened file, the digest that it was saved with.

        Raises
        ------
        DataError
            When a bar breaks a rule or something was changed after it was saved.

        Examples
        --------
        >>> import tickstep as ts
        >>> ts.Bars.from_arrays([0], [1], [2], [1], [2], [5], interval="1m").verify()
        """
        self._check()
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
            Add `open`, `high`, `low`, `close` and `volume` as floats.

        Returns
        -------
        polars.DataFrame
            The columns there are, `time` in UTC.

        Examples
        --------
        >>> import tickstep as ts
        >>> ts.Bars.from_arrays([0], [1], [2], [1], [2], [5], interval="1m").to_polars().width
        6
        """
        import polars

        frame = polars.DataFrame(self)
        return frame.with_columns(**self._money()) if money else frame

    def to_pandas(self, *, money: bool = False) -> Any:
        """Return the columns as a pandas frame; needs pandas.

        Parameters
        ----------
        money : bool
            Add `open`, `high`, `low`, `close` and `volume` as floats.

        Returns
        -------
        pandas.DataFrame
            As `to_polars`.
        """
        from tickstep.data.frames import bar_parts, pandas_of

        frame = pandas_of(bar_parts(self))
        return frame.assign(**self._money()) if money else frame

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write a Parquet file (zstd) that `read_parquet` reads back exactly.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced when the new one is whole.

        Returns
        -------
        Path
            The file. Its metadata tells tick size, lot, time unit, interval and symbol.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import tickstep as ts
        >>> bars = ts.Bars.from_arrays([0], ["1.0"], ["1.5"], ["0.5"], ["1.0"], [7], interval="1m")
        >>> path = bars.to_parquet(pathlib.Path(tempfile.mkdtemp(), "bars.parquet"))
        >>> ts.read_parquet(path) == bars
        True
        """
        from tickstep.data.parquet import write_parquet

        return write_parquet(self, path)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the columns over by the Arrow C stream interface, in place."""
        from tickstep.data.frames import bar_parts, stream_of

        return stream_of(bar_parts(self), "bars", self._labels())

    def _money(self) -> dict[str, Float64Array]:
        return {name: getattr(self, name) for name in ("open", "high", "low", "close", "volume")}

    def __iter__(self) -> Iterator[BarRow]:
        return (self[row] for row in range(len(self)))

    @overload
    def __getitem__(self, rows: int) -> BarRow: ...

    @overload
    def __getitem__(self, rows: slice) -> "Bars": ...

    def __getitem__(self, rows: int | slice) -> "BarRow | Bars":
        """Take one bar, or a slice of bars as `Bars`."""
        if not isinstance(rows, slice):
            return self._row(range(len(self))[rows])
        if rows.indices(len(self))[2] < 1:
            raise DataError(
                f"a step of {rows.step} would turn time around",
                hint="slice forwards; reverse a column instead: bars.close_ticks[::-1]",
            )
        return self._view(rows)

    def __repr__(self) -> str:
        name = "" if self.symbol is None else f"{self.symbol}, "
        kind = "rows" if self.interval is None else f"of {self.interval}"
        grids = f"tick {self._tick.step}, lot {self._lot.step}"
        return f"Bars({name}{len(self):,} {kind}{self._span()}, {grids})"

    @classmethod
    def _of_columns(
        cls, columns: Mapping[str, npt.NDArray[Any]], labels: Mapping[str, Any], digest: str
    ) -> Self:
        """Take columns that were checked before, with the digest that they had then."""
        bars = cls.__new__(cls)
        bars.interval = labels["interval"]
        bars._take(columns, **{name: labels[name] for name in labels if name != "interval"})
        bars._digest = digest
        return bars

    def _labels(self) -> dict[str, Any]:
        return super()._labels() | {"interval": self.interval}

    def _digest_head(self) -> str:
        return f"{super()._digest_head()} {self.interval}"

    def _row(self, row: int) -> BarRow:
        price, columns, trades = self._tick.value, self._columns, self.trade_count
        open_, high, low, close = (price(int(columns[name][row])) for name in PRICES)
        return BarRow(
            symbol=self.symbol,
            start=int(self.time[row]),
            stop=None if self.interval is None else int(self[row : row + 1].end_time[0]),
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=self._lot.value(int(self.volume_lots[row])),
            trades=None if trades is None else int(trades[row]),
        )

    # The rules.

    def _check(self) -> None:
        self._check_times()
        for name in PRICES:
            self._check_prices(name)
        ends = np.minimum(self.open_ticks, self.close_ticks)
        self._refuse("low_ticks", self.low_ticks > ends, "is above open or close")
        tops = np.maximum(self.open_ticks, self.close_ticks)
        self._refuse("high_ticks", self.high_ticks < tops, "is below open or close")
        self._check_amounts("volume_lots", "buy_lots", "trade_count", "open_interest_lots")
        if self.buy_lots is not None:
            self._refuse("buy_lots", self.buy_lots > self.volume_lots, "is above volume_lots")

    def _check_times(self) -> None:
        steps = np.diff(self.time, prepend=self.time[:1] - 1)
        mend = "sort the rows by time and keep one bar for each"
        self._refuse("time", steps < 0, "comes before that of the row before", mend)
        if self.interval is not None:
            self._refuse("time", steps == 0, "repeats that of the row before", mend)


def interval_text(interval: str | int | None, time_unit: str) -> str | None:
    """Return an interval in its shortest words ("60s" is "1m"), None as it is.

    Parameters
    ----------
    interval : str, int or None
        Text such as "1m" or "1mo", or a whole number of `time_unit`.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of an integer.

    Raises
    ------
    ConfigError
        When it is no interval.

    Examples
    --------
    >>> from tickstep.bars import interval_text
    >>> interval_text(3_600_000, "ms"), interval_text("120s", "ms"), interval_text("1M", "ms")
    ('1h', '2m', '1mo')
    """
    if interval is None or interval in (MONTH, "1M"):
        return None if interval is None else MONTH
    if isinstance(interval, str):
        length = interval_length(interval, time_unit)
    elif isinstance(interval, (int, np.integer)) and interval is not True and interval >= 1:
        length = int(interval)
    else:
        raise ConfigError(
            f"an interval of {interval!r} is not a whole number above 0",
            hint='write "1m", or a number of time units',
        )
    for suffix in ("w", "d", "h", "m", "s", "ms", "us"):
        try:
            count, rest = divmod(length, interval_length(f"1{suffix}", time_unit))
        except ConfigError:
            continue  # finer than the time unit
        if count and not rest:
            return f"{count}{suffix}" if suffix != "w" or count == 1 else f"{7 * count}d"
    return f"{length}{time_unit}"


def on_grid(
    columns: Mapping[str, Column], step: Number | None, name: str
) -> tuple[dict[str, Int64Array], Grid]:
    """Put columns of one kind on one grid, found from them when it is not given.

    Parameters
    ----------
    columns : mapping of str to array
        Floats, Decimals, text or integers.
    step : float, int, str, Decimal or None
        The grid; integers are then indexes on it. None finds the coarsest of 1, 0.1, 0.01, ...

    Returns
    -------
    dict of str to array of int64, Grid
        The columns as indexes, and the grid.
    """
    if step is not None:
        grid = Grid(step, name)
        return {key: grid_column(each, grid, key) for key, each in columns.items()}, grid
    values = {key: np.asarray(each) for key, each in columns.items()}
    grid = Grid(coarsest_step(values), name)
    return {
        key: grid_column(each if each.dtype.kind != "i" else each.astype(str), grid, key)
        for key, each in values.items()
    }, grid


def coarsest_step(columns: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return the coarsest of 1, 0.1, 0.01, ... on which all values lie, as text."""
    digits = max((_digits(column) for column in columns.values()), default=0)
    if digits > GRID_DECIMALS_MAX:
        raise DataError(
            f"a value of {', '.join(columns)} has {digits} decimals, more than {GRID_DECIMALS_MAX}",
            hint="mend the value, or give the size of the grid",
        )
    return "1" if digits == 0 else f"0.{'0' * (digits - 1)}1"


def _digits(column: npt.NDArray[Any]) -> int:
    """Count the decimals that the column's shortest texts need."""
    if column.dtype.kind in "iub":
        return 0
    if column.dtype.kind == "f":
        return _float_digits(column[np.isfinite(column)])
    texts = (each if isinstance(each, str) else format(each, "f") for each in set(column.tolist()))
    return max((_decimals_in(text) for text in texts), default=0)


def _float_digits(column: Float64Array) -> int:
    for digits in range(DECIMALS_MAX):
        scale = 10.0**digits
        # Both exact below 2^53, so the quotient is the float nearest to that decimal.
        with np.errstate(over="ignore"):  # what becomes infinite is not equal
            is_fine = np.array_equal(np.rint(column * scale) / scale, column)
        if is_fine:
            return digits
    return DECIMALS_MAX


def _decimals_in(text: str) -> int:
    mantissa, _, exponent = text.lower().partition("e")
    fraction = mantissa.partition(".")[2].rstrip("0")
    return max(0, len(fraction) - int(exponent or 0)) if text[-1:].isdigit() else 0


def found_interval(time: Int64Array, time_unit: str) -> str | None:
    """Tell the interval of bars by their times: the shortest step, if half of the steps are so long.

    Starts of months are "1mo". None where steps are too uneven, or there are none.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.bars import found_interval
    >>> found_interval(np.array([0, 60, 120, 600]), "s"), found_interval(np.array([0, 7, 9, 16]), "s")
    ('1m', None)
    """
    if len(time) < 2:
        return None
    if _are_months(time, time_unit):
        return "1mo"
    steps = np.diff(time)
    shortest = int(steps.min())
    is_usual = 2 * np.count_nonzero(steps == shortest) >= len(steps)
    return interval_text(shortest, time_unit) if shortest > 0 and is_usual else None


def _are_months(time: Int64Array, time_unit: str) -> bool:
    moments = time.view(f"datetime64[{time_unit}]")
    months = moments.astype("datetime64[M]")
    steps = np.diff(months.astype(np.int64))
    return bool((months == moments).all() and (steps >= 1).all())
