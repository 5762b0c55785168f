"""What a report shows of a run, as numbers: thinned to what a screen shows, no extreme lost.

A line keeps the lowest and the highest of every slice of time; of many fills each slice keeps their
lowest and highest price and their number; of many round trips each cell of the plane keeps an
outermost one and their number; tables keep the first rows of stated orders, and sums
over all rows stand beside them. So a report of a million fills is as large as one of ten thousand.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tickstep.account import RETURNS_MIN, Account
from tickstep.benchmark import Benchmark, values_of
from tickstep.engine import EngineConfig
from tickstep.equity import Curves
from tickstep.execution import Execution
from tickstep.explained import explained_parts
from tickstep.scales import rows_of_each
from tickstep.stats import Stats
from tickstep.summary import held_index
from tickstep.ticks import Float64Array, Int64Array

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Cells", "Listing", "Marks", "Ohlc", "Review", "ReviewedRun", "cells_of", "thinned_rows"]

SLICES = 1500
MARKS_MAX = 2000  # fills that are drawn one by one
POINTS_MAX = 1500
CELL_COLUMNS, CELL_ROWS = 100, 60
WINDOWS = 8  # rolling numbers are of an eighth of all returns
WINDOW_MIN, WINDOW_MAX = 10, 126
EXPLAINED_MAX = 400  # bars
EXPLAINED_INTERVALS = ("1d", "7d")
LISTED_MAX = 1000
FALLS_SHOWN = 5


class ReviewedRun(Protocol):
    """What is reported; a `Result` is one."""

    strategy: str
    parameters: dict[str, Any]
    account: Account
    event_digest: str

    @property
    def warnings(self) -> tuple[str, ...]: ...
    @property
    def assumptions(self) -> tuple[str, ...]: ...
    @property
    def config(self) -> EngineConfig: ...
    @property
    def digest(self) -> str: ...
    @property
    def data_digest(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def stats(self) -> Stats: ...
    @property
    def fills(self) -> "pl.DataFrame": ...
    @property
    def orders(self) -> "pl.DataFrame": ...
    @property
    def trades(self) -> "pl.DataFrame": ...
    @property
    def equity(self) -> "pl.DataFrame": ...
    @property
    def drawdowns(self) -> "pl.DataFrame": ...
    @property
    def returns(self) -> "pl.DataFrame": ...
    @property
    def monthly(self) -> "pl.DataFrame": ...
    @property
    def yearly(self) -> "pl.DataFrame": ...
    def rolling(self, window: int) -> "pl.DataFrame": ...
    def explain_pnl(self, interval: str = "1d") -> "pl.DataFrame": ...
    def execution(self) -> Execution: ...
    def against(self, benchmark: Any) -> Stats: ...
    def curves(self, slices: int = 1500) -> Curves: ...


class Ohlc(NamedTuple):
    """First and last price of each slice; the extremes are those of the curves."""

    open: Float64Array
    close: Float64Array


class Marks(NamedTuple):
    """Fills of one side as they are drawn: one by one, or the extremes of each slice.

    `low` and `high` are prices, `counts` fills, `qty` units of the instrument.
    """

    time: Int64Array
    low: Float64Array
    high: Float64Array
    counts: Int64Array
    qty: Float64Array


class Cells(NamedTuple):
    """Points of a plane, one for each cell that has any: which row stands for it, and for how many."""

    rows: Int64Array
    counts: Int64Array


class Listing(NamedTuple):
    """Rows of a long table: which were chosen, and of how many."""

    frame: "pl.DataFrame"
    total: int
    note: str


class Review:
    """The numbers of a report.

    Parameters
    ----------
    run : ReviewedRun
        Such as a `Result`.
    benchmark : Bars, Ticks, or (times, values), optional
        What it is drawn beside; without one, holding all instruments in equal parts.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.demo import Grid, sample
    >>> from tickstep.review import Review
    >>> review = Review(ts.backtest(Grid, sample(3_000), cash=10_000))
    >>> bool(review.curves.equity_high.max() == review.run.stats["Equity Peak"])
    True
    """

    def __init__(self, run: ReviewedRun, benchmark: Any = None) -> None:
        self.run = run
        self.account = run.account
        self._given = benchmark

    # What the run says of itself.

    @property
    def headline(self) -> str:
        """Strategy and instruments."""
        symbols = self.account.config.symbols
        place = ", ".join(symbols) if len(symbols) <= 3 else f"{len(symbols):,} instruments"
        return f"{self.run.strategy} on {place}"

    @property
    def time_unit(self) -> str:
        """Unit of all times."""
        return self.account.scales.time_unit

    @property
    def notes(self) -> list[str]:
        """What to mistrust."""
        return list(self.run.warnings)

    @property
    def key_numbers(self) -> list[str]:
        """Names of the statistics that stand first."""
        names = [
            "CAGR [%]", "Sharpe Ratio", "Max. Drawdown [%]", "Volatility (Ann.) [%]",
            "# Trades", "Win Rate [%]", "Profit Factor", "Fees", "Exposure Time [%]",
        ]  # fmt: skip
        others = [name for name in self.run.stats if name.startswith("Return, ")]
        return ["Return [%]", *others, *(name for name in names if name in self.run.stats)]

    @cached_property
    def statistics(self) -> list[tuple[str, Stats]]:
        """Groups of numbers: the run's, and beside the benchmark."""
        groups = [("Of the run", self.run.stats)]
        if self._given is not None:
            groups.append(("Beside the benchmark", self.run.against(self._given)))
        return groups

    # Curves over time.

    @cached_property
    def curves(self) -> Curves:
        """The run in slices of equal time, with the extremes of each."""
        return self.run.curves(SLICES)

    @cached_property
    def ends(self) -> Int64Array:
        """Where each slice ends."""
        return np.append(self.curves.time[1:], self.account.span[1] + 1)

    @property
    def is_single(self) -> bool:
        """Whether there is one instrument, whose price can be drawn."""
        return len(self.account.rows) == 1

    @cached_property
    def prices(self) -> Ohlc | None:
        """First and last price of each slice; None of several instruments."""
        if not self.is_single:
            return None
        (rows,) = self.account.rows
        first = np.searchsorted(rows.time, self.curves.time)
        last = np.append(first[1:], len(rows)) - 1
        tick = self.account.scales.instruments[0].tick
        return Ohlc(tick.values(rows.price_ticks[first]), tick.values(rows.price_ticks[last]))

    @property
    def benchmark_name(self) -> str:
        """What the grey line is."""
        if self._given is None:
            return "buy and hold" if self.is_single else "buy and hold in equal parts"
        symbol = getattr(self._given, "symbol", None)
        return f"benchmark {symbol}" if symbol else "benchmark"

    @cached_property
    def benchmark(self) -> Float64Array | None:
        """Money that the same start would be, held in the benchmark, at the end of each slice."""
        start = self.account.scales.money.value(self.account.scales.cash_units)
        if self._given is None:
            index = held_index(self.account, self.ends)
            return None if index is None or start <= 0 else start * index
        found: Benchmark = values_of(self._given, self.time_unit)
        rows = np.searchsorted(found.time, self.ends, side="right") - 1
        known = np.where(rows >= 0, found.values[np.maximum(rows, 0)], np.nan)
        first = known[~np.isnan(known)][:1]
        return start * known / first if len(first) else None

    @cached_property
    def is_logarithmic(self) -> bool:
        """Whether equity is drawn on a scale of ratios: when it grew or shrank threefold."""
        low, high = self.curves.equity_low.min(), self.curves.equity_high.max()
        return bool(low > 0 and high >= 3 * low)

    @cached_property
    def position(self) -> tuple[Float64Array, Float64Array]:
        """Lowest and highest position of each slice; of several instruments their value at its end."""
        end = self.curves.position
        if not self.is_single:
            return end, end
        start = np.append(0.0, end[:-1])
        low, high = np.minimum(start, end), np.maximum(start, end)
        fills = self.account.fills
        at = self._slice_of(fills["time"])
        (path,) = self.account.path.instruments
        lots = path.position_after(fills["tick_index"].astype(np.int64))
        held = self.account.scales.instruments[0].lot.values(np.ascontiguousarray(lots))
        np.minimum.at(low, at, held)
        np.maximum.at(high, at, held)
        return low, high

    @cached_property
    def exposure(self) -> "pl.DataFrame":
        """Value of all positions over equity, `gross` and `net`, at points that keep the extremes."""
        import polars as pl

        frame = self.run.equity
        capital = frame["equity"].to_numpy()
        safe = np.where(capital > 0, capital, np.nan)
        gross, net = frame["gross"].to_numpy() / safe, frame["net"].to_numpy() / safe
        kept = np.union1d(
            thinned_rows(np.nan_to_num(gross), POINTS_MAX),
            thinned_rows(np.nan_to_num(net), POINTS_MAX),
        )
        return pl.DataFrame(
            {"time": frame["time"].gather(kept), "gross": gross[kept], "net": net[kept]}
        )

    def _slice_of(self, times: npt.NDArray[Any]) -> Int64Array:
        found = np.searchsorted(self.curves.time, times.astype(np.int64), side="right") - 1
        return np.maximum(found, 0)

    # Fills.

    @cached_property
    def marks(self) -> Mapping[str, Marks]:
        """Fills by side, "BUY" and "SELL"."""
        is_sell = self.account.fills["qty_lots"] < 0
        return {"BUY": self._marks(~is_sell), "SELL": self._marks(is_sell)}

    @property
    def are_fills_thinned(self) -> bool:
        """Whether fills are drawn by their extremes in each slice."""
        return len(self.account.fills) > MARKS_MAX

    def _marks(self, some: npt.NDArray[np.bool_]) -> Marks:
        fills = self.account.fills[some]
        scales, at = self.account.scales, self._slice_of(fills["time"])
        if self.is_single:
            price = scales.prices(fills["instrument"], fills["price_ticks"])
        else:
            # Of several instruments there is one line, and fills lie on it.
            price = self.curves.price_high[at]
        qty = scales.qtys(fills["instrument"], np.abs(fills["qty_lots"]))
        if not self.are_fills_thinned:
            ones = np.ones(len(fills), np.int64)
            return Marks(fills["time"].astype(np.int64), price, price, ones, qty)
        order = np.argsort(at, kind="stable")
        slices, edges, counts = np.unique(at[order], return_index=True, return_counts=True)
        if len(slices) == 0:
            return Marks(slices, price, price, counts, qty)
        return Marks(
            self.curves.time[slices],
            np.minimum.reduceat(price[order], edges),
            np.maximum.reduceat(price[order], edges),
            counts,
            np.add.reduceat(qty[order], edges),
        )

    # Falls, returns.

    @cached_property
    def falls(self) -> "pl.DataFrame":
        """The deepest falls."""
        return self.run.drawdowns.head(FALLS_SHOWN)

    @cached_property
    def window(self) -> int | None:
        """Returns in a window of the rolling numbers; None where there are too few for any."""
        if not self.account.has_returns or self.account.returns is None:
            return None
        count = len(self.account.returns)
        return min(max(count // WINDOWS, WINDOW_MIN), WINDOW_MAX)

    @cached_property
    def rolling(self) -> "pl.DataFrame | None":
        """Rolling numbers, at points that keep the extremes of Sharpe ratio and volatility."""
        if self.window is None:
            return None
        frame = self.run.rolling(self.window)
        kept = [
            thinned_rows(frame[name].fill_null(0.0).to_numpy(), POINTS_MAX)
            for name in ("sharpe", "volatility")
        ]
        return frame[np.union1d(*kept)]

    @property
    def ratios_told(self) -> str:
        """What the ratios are of, in a sentence."""
        told = self.sampling_told
        if told.startswith("none: "):
            return f"There are no ratios: {told.removeprefix('none: ')}."
        return f"Ratios are of returns of {told}; the risk-free rate is 0."

    @property
    def sampling_told(self) -> str:
        """Which returns the ratios are of."""
        return str(self.run.stats["Sampling"])

    @cached_property
    def distribution(self) -> tuple[Int64Array, Float64Array] | None:
        """Counts and edges of the returns in percent; None of fewer than two."""
        steps = self.account.returns
        if steps is None or len(steps) < 2 or self.account.return_periods.total < RETURNS_MIN:
            return None
        bins = int(np.clip(2 * np.sqrt(len(steps)), 8, 60))
        counts, edges = np.histogram(100 * steps, bins=bins)
        return counts, edges

    # Profit explained.

    @cached_property
    def explained_interval(self) -> str:
        """Length of its periods: a day, unless that gives fewer than three bars or far too many."""
        span = int(self.account.span[1] - self.account.span[0])
        for interval in EXPLAINED_INTERVALS:
            count = len(self.account.grid(interval).times) - 1
            if count <= EXPLAINED_MAX:
                return interval if count >= 3 or span == 0 else self.account.finest(EXPLAINED_MAX)
        return EXPLAINED_INTERVALS[-1]

    @cached_property
    def explained(self) -> "pl.DataFrame":
        """Profit of each period by where it came from."""
        return self.run.explain_pnl(self.explained_interval)

    @cached_property
    def instruments(self) -> "pl.DataFrame":
        """Profit of each instrument over the whole run, the largest first, by where it came from."""
        import polars as pl

        first, last = self.account.span.tolist()
        parts = explained_parts(self.account, np.array([first, last + 1]))
        scales, fills = self.account.scales, self.account.fills
        counts = {index: len(rows) for index, rows in rows_of_each(fills["instrument"])}
        names = ("trading", "positions", "fees", "income")
        sums = {
            name: scales.amounts(np.array([getattr(each, name)[0] for each in parts.values()]))
            if parts
            else np.zeros(0)
            for name in names
        }
        found = {
            "symbol": [scales.symbols[index] for index in parts],
            "fills": [counts.get(index, 0) for index in parts],
            "pnl": sum(sums.values(), np.zeros(len(parts))),
            **sums,
        }
        frame = pl.DataFrame(found, schema_overrides={"symbol": pl.String, "fills": pl.Int64})
        return frame.sort(pl.col("pnl").abs(), descending=True, maintain_order=True)

    # Round trips.

    @cached_property
    def closed(self) -> "pl.DataFrame":
        """Closed round trips."""
        frame = self.run.trades
        return frame.filter(~frame["is_open"])

    @cached_property
    def trip_cells(self) -> Cells:
        """Round trips by holding time (on a scale of ratios) and profit."""
        held = self.account.trips.closed().holding_time.astype(np.float64)
        return cells_of(np.log1p(held), self.closed["pnl"].to_numpy())

    @cached_property
    def excursion_cells(self) -> Cells:
        """Round trips by their worst and their best on the way, in money."""
        frame = self.closed
        return cells_of(frame["mae_pnl"].to_numpy(), frame["mfe_pnl"].to_numpy())

    @cached_property
    def trip_listing(self) -> Listing:
        """Round trips that a table shows."""
        frame = self.run.trades
        if len(frame) <= LISTED_MAX:
            return Listing(frame, len(frame), f"all {len(frame):,} round trips")
        share = LISTED_MAX // 5
        pnl = frame["pnl"].to_numpy()
        order = np.argsort(pnl, kind="stable")
        longest = np.argsort(-frame["duration"].to_numpy().astype(np.int64), kind="stable")
        ends = np.arange(len(frame))
        picked = (order[:share], order[-share:], longest[:share], ends[:share], ends[-share:])
        rows = np.unique(np.concatenate(picked))
        note = (
            f"{len(rows):,} of {len(frame):,} round trips: the {share} best, worst, longest, first "
            "and last; the sums are over all"
        )
        return Listing(frame[rows], len(frame), note)

    @cached_property
    def trip_sums(self) -> "pl.DataFrame":
        """Closed round trips by instrument and side, the most profit or loss first."""
        import polars as pl

        grouped = self.closed.group_by("symbol", "side", maintain_order=True).agg(
            pl.len().alias("trips"),
            (100 * (pl.col("pnl") > 0).mean()).alias("won_pct"),
            pl.col("pnl").sum(),
            pl.col("pnl").mean().alias("mean_pnl"),
            pl.col("pnl").max().alias("best"),
            pl.col("pnl").min().alias("worst"),
            pl.col("fees").sum(),
            pl.col("duration").mean().alias("mean_duration"),
        )
        order = pl.col("pnl").abs()
        return grouped.sort(order, descending=True, maintain_order=True).head(LISTED_MAX)

    # Orders.

    @cached_property
    def order_listing(self) -> Listing:
        """Orders that a table shows, with what they cost against their arrival price."""
        orders = self.run.orders
        costs = self.run.execution().orders.select(
            "order_id", "arrival_price", "slippage", "slippage_bps", "opportunity"
        )
        if len(orders) <= LISTED_MAX:
            rows, note = np.arange(len(orders)), f"all {len(orders):,} orders"
        else:
            share = LISTED_MAX // 4
            worst = np.argsort(-np.abs(costs["slippage"].fill_null(0.0).to_numpy()), kind="stable")
            dear = np.isin(
                orders["order_id"].to_numpy(), costs["order_id"].to_numpy()[worst[:share]]
            )
            refused = np.flatnonzero((orders["state"] == "REJECTED").to_numpy())[:share]
            ends = np.arange(len(orders))
            rows = np.unique(
                np.concatenate((np.flatnonzero(dear), refused, ends[:share], ends[-share:]))
            )
            note = (
                f"{len(rows):,} of {len(orders):,} orders: the first and the last {share}, the {share} "
                f"with the most slippage either way, up to {share} refused; the sums are over all"
            )
        found = orders[rows].join(costs, on="order_id", how="left", maintain_order="left")
        return Listing(found, len(orders), note)

    @cached_property
    def order_sums(self) -> "pl.DataFrame":
        """Orders by type and state."""
        import polars as pl

        orders = self.run.orders
        costs = self.run.execution().orders.select("order_id", "slippage", "opportunity")
        return (
            orders.join(costs, on="order_id", how="left")
            .group_by("type", "state")
            .agg(
                pl.len().alias("orders"),
                (100 * (pl.col("filled") > 0).mean()).alias("traded_pct"),
                pl.col("fee").sum(),
                pl.col("slippage").sum(),
                pl.col("opportunity").sum(),
            )
            .sort("orders", "type", "state", descending=[True, False, False])
        )

    # What was set.

    @property
    def settings(self) -> list[tuple[str, str]]:
        """Parameters and what the run consisted of."""
        named = [(name, str(value)) for name, value in self.run.parameters.items()]
        return named or [("parameters", "none")]

    @property
    def digests(self) -> list[tuple[str, str]]:
        """What identifies the run."""
        return [
            ("Run", self.run.digest),
            ("Events", self.run.event_digest),
            ("Data", self.run.data_digest),
        ]


def thinned_rows(values: Float64Array, points_max: int) -> Int64Array:
    """Choose rows of a line so that no extreme is lost.

    Parameters
    ----------
    values : array of float64
        In order of time.
    points_max : int
        About how many rows to keep, at least 4.

    Returns
    -------
    array of int64
        Ascending: the first and the last row, and of equal parts the lowest and the highest.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.review import thinned_rows
    >>> values = np.zeros(1000)
    >>> values[777] = 5.0
    >>> 777 in thinned_rows(values, 10)
    True
    """
    count = len(values)
    if count <= points_max:
        return np.arange(count)
    parts = max(points_max // 2 - 1, 1)
    length = -(-count // parts)
    padded = np.append(values, np.full(parts * length - count, values[-1]))
    blocks = padded.reshape(parts, length)
    starts = np.arange(parts) * length
    rows = np.concatenate(
        ([0, count - 1], starts + blocks.argmin(axis=1), starts + blocks.argmax(axis=1))
    )
    return np.unique(np.minimum(rows, count - 1))


def cells_of(
    x: Float64Array, y: Float64Array, *, columns: int = CELL_COLUMNS, rows: int = CELL_ROWS
) -> Cells:
    """Choose one point for each cell of a plane that has any: an outermost one, else of greatest |y|.

    Parameters
    ----------
    x, y : array of float64
        Points; those that are not finite are left out.
    columns, rows : int
        Cells along x and y.

    Returns
    -------
    Cells
        Every point where they are few.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.review import cells_of
    >>> cells = cells_of(np.zeros(5000), np.append(np.zeros(4999), 7.0))
    >>> cells.counts.tolist(), cells.rows.tolist()[-1]
    ([4999, 1], 4999)
    """
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(known) <= POINTS_MAX:
        return Cells(known, np.ones(len(known), np.int64))
    place = _binned(x[known], columns) * rows + _binned(y[known], rows)
    outermost = np.ones(len(known), np.int64)
    outermost[[f(each[known]) for each in (x, y) for f in (np.argmin, np.argmax)]] = 0
    order = np.lexsort((-np.abs(y[known]), outermost, place))
    _, first, counts = np.unique(place[order], return_index=True, return_counts=True)
    return Cells(known[order[first]], counts)


def _binned(values: Float64Array, bins: int) -> Int64Array:
    low, high = values.min(), values.max()
    width = (high - low) or 1.0
    return np.asarray(np.minimum(((values - low) / width * bins).astype(np.int64), bins - 1))
