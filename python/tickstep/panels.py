"""Panels of the pictures of results by matplotlib: each draws one thing of a `Review` into its axes.

A panel that has nothing to draw says so in words, so that no picture has an empty frame.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tickstep.drawing import (
    BUY,
    EQUITY,
    INK,
    MUTED,
    POSITION,
    PRICE,
    SELL,
    date_axis,
    number_axis,
    plot_range,
)
from tickstep.pictures import stretch
from tickstep.review import Cells, Review
from tickstep.ticks import NS_PER_UNIT

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes

__all__ = [
    "draw_distribution",
    "draw_drawdown",
    "draw_equity",
    "draw_excursions",
    "draw_explained",
    "draw_exposure",
    "draw_months",
    "draw_position",
    "draw_price",
    "draw_rolling",
    "draw_trips",
    "draw_years",
    "say",
]

GOLD = "#b7791f"
VIOLET = "#7a4fb5"
PARTS = (
    ("positions", "positions held", POSITION),
    ("trading", "trading", EQUITY),
    ("fees", "fees", SELL),
    ("income", "income", GOLD),
    ("paid_in", "paid in", VIOLET),
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
YEARS_MAX = 25  # of the heat map and the bars: the last ones
TEXT_YEARS_MAX = 14  # with a number in every cell
MARK_SIZES = ((150, 5.0), (600, 3.5))  # marks at most, and size of their triangles
SPANS = ((1e-3, "1 ms"), (0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"),
         (600.0, "10 min"), (3600.0, "1 h"), (36_000.0, "10 h"), (86_400.0, "1 d"),
         (864_000.0, "10 d"), (8_640_000.0, "100 d"), (86_400_000.0, "1000 d"))  # fmt: skip

Array = npt.NDArray[Any]


def say(axes: "Axes", title: str, text: str) -> None:
    """Say in a panel why it is empty.

    Parameters
    ----------
    axes : Axes
        The panel.
    title : str
        What it would have shown.
    text : str
        Why it does not.
    """
    axes.set_title(title, loc="left")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    axes.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, transform=axes.transAxes)


def draw_price(axes: "Axes", review: Review) -> None:
    """Draw the price with the fills, or of several instruments the mean of their prices."""
    curves = review.curves
    times = _moments(review, curves.time)
    plot_range(axes, times, curves.price_low, curves.price_high, PRICE, 0.8)
    drawn = sum(len(each.time) for each in review.marks.values())
    size = next((size for count, size in MARK_SIZES if drawn <= count), None)
    looks = (("BUY", "^", BUY, "buys"), ("SELL", "v", SELL, "sells"))
    for side, shape, colour, name in looks:
        marks = review.marks[side]
        at = np.repeat(_moments(review, marks.time), 2)
        axes.plot(
            at,
            np.column_stack((marks.low, marks.high)).ravel(),
            linestyle="none",
            marker=shape if size else ".",
            markersize=size or 2.5,
            markeredgewidth=0.3 if size else 0,
            markeredgecolor="white",
            color=colour,
            label=f"{int(marks.counts.sum()):,} {name}",
            zorder=3,
        )
    symbols = review.account.config.symbols
    named = f"{symbols[0]} price" if review.is_single else "Buy and hold in equal parts, from 100"
    axes.set_title(_literal(named), loc="left")
    _legend(axes, 2)
    number_axis(axes, 6)
    _time_axis(axes, review)


def draw_equity(axes: "Axes", review: Review) -> None:
    """Draw equity beside the benchmark, the deepest falls shaded."""
    curves = review.curves
    times = _moments(review, curves.time)
    if review.benchmark is not None:
        ends = _moments(review, review.ends)
        name = _literal(review.benchmark_name)
        axes.plot(ends, review.benchmark, color=MUTED, linewidth=0.8, linestyle=":", label=name)
    plot_range(axes, times, curves.equity_low, curves.equity_high, EQUITY, 1.1)
    axes.lines[-1].set_label(_literal(review.run.strategy))
    if len(times) == 1:
        axes.lines[-1].set_marker("o")
    for fall in review.falls.iter_rows(named=True):
        axes.axvspan(fall["peak_time"], fall["end_time"], color=SELL, alpha=0.08, linewidth=0)
    if review.is_logarithmic:
        _scale_of_ratios(axes)
    title = "Equity, on a scale of ratios" if review.is_logarithmic else "Equity"
    axes.set_title(f"{title}; the deepest falls are shaded", loc="left")
    _legend(axes, 2)
    if not review.is_logarithmic:
        number_axis(axes, 6)
    _time_axis(axes, review)


def draw_drawdown(axes: "Axes", review: Review) -> None:
    """Draw how far equity is below its highest."""
    curves = review.curves
    percent = 100 * curves.drawdown
    times = _moments(review, curves.time)
    axes.fill_between(times, percent, 0, color=SELL, alpha=0.35, linewidth=0)
    for fall in review.falls.iter_rows(named=True):
        axes.axvspan(fall["peak_time"], fall["end_time"], color=SELL, alpha=0.08, linewidth=0)
    axes.set_ylim(top=0)
    axes.set_title(f"Drawdown %, deepest {0.0 + percent.min():,.2f}", loc="left")
    number_axis(axes, 4)
    _time_axis(axes, review)


def draw_position(axes: "Axes", review: Review) -> None:
    """Draw the position between its lowest and highest of each slice."""
    low, high = review.position
    times = _moments(review, review.curves.time)
    axes.fill_between(times, np.minimum(low, 0), np.maximum(high, 0), step="post", color=POSITION,
                      alpha=0.45, linewidth=0)  # fmt: skip
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_title("Position" if review.is_single else "Value of all positions", loc="left")
    number_axis(axes, 4, is_short=True)
    _time_axis(axes, review)


def draw_exposure(axes: "Axes", review: Review) -> None:
    """Draw the value of positions over equity."""
    frame = review.exposure
    times = frame["time"].to_numpy()
    axes.fill_between(times, frame["gross"].to_numpy(), 0, color=POSITION, alpha=0.3, linewidth=0,
                      label="gross")  # fmt: skip
    axes.plot(times, frame["net"].to_numpy(), color=EQUITY, linewidth=0.8, label="net")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_title("Exposure: value of positions / equity", loc="left")
    _legend(axes, 2)
    number_axis(axes, 4)
    _time_axis(axes, review)


def draw_rolling(axes: "Axes", review: Review) -> None:
    """Draw rolling Sharpe ratio and volatility."""
    frame = review.rolling
    title = "Rolling Sharpe ratio and volatility"
    if frame is None:
        say(axes, title, review.ratios_told)
        return
    times = frame["time"].to_numpy()
    interval = review.account.return_periods.interval
    axes.plot(times, _known(frame["sharpe"]), color=EQUITY, linewidth=1.0, label="Sharpe (left)")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    number_axis(axes, 4)
    other = axes.twinx()
    other.plot(times, 100 * _known(frame["volatility"]), color=GOLD, linewidth=1.0)
    other.set_ylim(bottom=0)
    other.grid(False)
    number_axis(other, 4)
    # One legend for both: that of the twin would lie over the panel.
    axes.plot([], [], color=GOLD, linewidth=1.0, label="volatility a year, %")
    axes.set_title(f"Rolling over {review.window} returns of {interval}", loc="left")
    _legend(axes, 2)
    _time_axis(axes, review)


def draw_months(axes: "Axes", review: Review) -> None:
    """Draw the return of each month as a colour and a number."""
    from matplotlib.colors import LinearSegmentedColormap

    frame = review.run.monthly.tail(YEARS_MAX)
    title = "Months, UTC, %"
    if len(frame) == 0:
        say(axes, title, "a return began on no capital")
        return
    cells = np.array([row[1:13] for row in frame.rows()], dtype=np.float64)
    largest = float(np.nanmax(np.abs(cells))) or 1.0
    shades = LinearSegmentedColormap.from_list("months", [SELL, "#ffffff", BUY])
    axes.imshow(cells, cmap=shades, vmin=-largest, vmax=largest, aspect="auto", alpha=0.75)
    if len(frame) <= TEXT_YEARS_MAX:
        decimals = 1 if largest >= 0.005 else 3
        for (row, column), value in np.ndenumerate(cells):
            if not np.isnan(value):
                text = f"{100 * value:,.{decimals}f}"
                axes.text(column, row, text, ha="center", va="center", size=7.5)
    axes.set_xticks(range(12), MONTHS)
    axes.set_yticks(range(len(frame)), [str(each) for each in frame["year"]])
    axes.grid(False)
    axes.set_title(title, loc="left")


def draw_years(axes: "Axes", review: Review) -> None:
    """Draw the return of each year."""
    frame = review.run.yearly.tail(YEARS_MAX)
    if len(frame) == 0:
        say(axes, "Years, UTC, %", "a return began on no capital")
        return
    percent = 100 * frame["return"].to_numpy()
    place = np.arange(len(frame))
    axes.bar(place, percent, width=0.6, color=np.where(percent >= 0, BUY, SELL).tolist(), alpha=0.8)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    step = -(-len(frame) // 8)
    axes.set_xticks(place[::step], [str(each) for each in frame["year"]][::step])
    axes.set_xlim(-0.5 - max(0, 4 - len(frame)) / 2, len(frame) - 0.5 + max(0, 4 - len(frame)) / 2)
    axes.set_title("Years, UTC, %", loc="left")
    number_axis(axes, 5)


def draw_distribution(axes: "Axes", review: Review) -> None:
    """Draw how many returns there are of each size."""
    if review.distribution is None:
        say(axes, "Returns", review.ratios_told)
        return
    counts, edges = review.distribution
    middle = (edges[1:] + edges[:-1]) / 2
    shades = np.where(middle >= 0, BUY, SELL).tolist()
    axes.bar(middle, counts, width=np.diff(edges), color=shades, alpha=0.7)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_title(f"Returns of {review.account.return_periods.interval}, %", loc="left")
    number_axis(axes, 4)


def draw_trips(axes: "Axes", review: Review) -> None:
    """Draw profit of round trips by how long they were held."""
    from matplotlib.ticker import FixedLocator, NullLocator

    cells = review.trip_cells
    if len(cells.rows) == 0:
        say(axes, "Round trips: P&L by holding time", "no round trip was closed")
        return
    held = review.account.trips.closed().holding_time.astype(np.float64)[cells.rows]
    seconds = held * NS_PER_UNIT[review.time_unit] / NS_PER_UNIT["s"]
    pnl = review.closed["pnl"].to_numpy()[cells.rows]
    least = min(float(seconds[seconds > 0].min(initial=1.0)), 1.0)
    at = np.maximum(seconds, least)
    _dots(axes, at, pnl, cells, pnl)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    shown = [(place, name) for place, name in SPANS if low <= place <= high]
    # Nearby ones would run into each other; matplotlib keeps a scale of ratios in decades.
    step = -(-len(shown) // 6) if shown else 1
    axes.xaxis.set_major_locator(FixedLocator([place for place, _ in shown[::step]]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([place for place, _ in shown[::step]], [name for _, name in shown[::step]])
    axes.set_title(f"P&L of {len(review.closed):,} round trips by holding time", loc="left")
    number_axis(axes, 5)


def draw_excursions(axes: "Axes", review: Review) -> None:
    """Draw the worst and the best of round trips on the way."""
    cells = review.excursion_cells
    if len(cells.rows) == 0:
        say(axes, "Round trips: worst and best on the way", "no round trip was closed")
        return
    frame = review.closed
    worst, best = (frame[name].to_numpy()[cells.rows] for name in ("mae_pnl", "mfe_pnl"))
    _dots(axes, worst, best, cells, frame["pnl"].to_numpy()[cells.rows])
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_title("Worst (across) and best (up) on the way", loc="left")
    axes.xaxis.set_major_locator(_few())
    number_axis(axes, 5)


def draw_explained(axes: "Axes", review: Review) -> None:
    """Draw where the profit of each period came from, stacked, and its sum."""
    frame = review.explained
    interval = review.explained_interval
    times = frame["time"].to_numpy()
    if len(times) == 0 or not np.any(frame["change"].to_numpy()):
        say(axes, f"Profit of each {interval}, explained", "equity did not change")
        return
    width = 0.85 * review.account.grid(interval).length
    above, below = np.zeros(len(times)), np.zeros(len(times))
    bar = stretch(max(int(width), 1), review.time_unit)
    for name, label, colour in PARTS:
        values = frame[name].to_numpy()
        if not np.any(values):
            continue
        foot = np.where(values >= 0, above, below)
        axes.bar(times, values, width=bar, bottom=foot, color=colour, alpha=0.85, label=label,
                 align="edge")  # fmt: skip
        above += np.maximum(values, 0)
        below += np.minimum(values, 0)
    sums = np.cumsum(frame["change"].to_numpy())
    axes.plot(times + bar, sums, color=INK, linewidth=1.0, label="sum")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_title(f"Profit of each {interval}, explained", loc="left")
    _legend(axes, 6)
    number_axis(axes, 5)
    _time_axis(axes, review)


# --- Parts. ---------------------------------------------------------------------------------------


def _dots(axes: "Axes", x: Array, y: Array, cells: Cells, gains: Array) -> None:
    axes.scatter(
        x,
        y,
        s=8 + 5 * np.log2(np.maximum(cells.counts, 1)),
        c=np.where(gains >= 0, BUY, SELL).tolist(),
        alpha=0.5,
        linewidths=0,
    )
    axes.axhline(0, color=MUTED, linewidth=0.8)


def _scale_of_ratios(axes: "Axes") -> None:
    """Label a scale of ratios by plain numbers, as money is written."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _few() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)


def _legend(axes: "Axes", columns: int) -> None:
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 0.98),
        ncols=columns,
        frameon=False,
        handletextpad=0.3,
        columnspacing=1.0,
        borderaxespad=0.2,
    )


def _literal(text: str) -> str:
    """Text that matplotlib does not read as a formula."""
    return text.replace("$", r"\$")


def _known(series: "pl.Series") -> Array:
    return np.asarray(series.cast(float).fill_null(float("nan")).to_numpy())


def _moments(review: Review, times: Array) -> Array:
    return np.asarray(times.astype(np.int64).view(f"datetime64[{review.time_unit}]"))


def _time_axis(axes: "Axes", review: Review) -> None:
    date_axis(axes)
    first, last = review.account.span.tolist()
    margin = max((last - first) // 100, 1)
    axes.set_xlim(*_moments(review, np.array([first - margin, last + margin])))
