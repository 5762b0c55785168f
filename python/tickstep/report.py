"""Pictures of results.

Every panel is thinned to the slices of `Result.curves`, which keep each slice's extremes: a spike of
one tick and the exact drawdown show at any size, and drawing costs the same for any number of ticks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from tickstep.account import Account
from tickstep.drawing import (
    BUY,
    DOTS_PER_INCH,
    ENDINGS,
    EQUITY,
    MUTED,
    POSITION,
    PRICE,
    SELL,
    STYLE,
    check_ending,
    date_axis,
    metadata,
    number_axis,
    plot_range,
    span,
)
from tickstep.equity import Curves

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ENDINGS", "Run", "draw"]

Array = npt.NDArray[Any]

SIZE_INCHES = (11.5, 8.2)
HEIGHTS = (4.2, 2.2, 1.2, 1.2)
MARK_SIZES = ((150, 5.5), (600, 4.0))  # fills at most, and size of their triangles
DOT_SIZE = 4.0  # of more fills than that
SYMBOLS_MAX = 3  # named in the title


class Run(Protocol):
    """What is drawn; a `Result` is one. Drawing asks for no more, so that results can offer it."""

    strategy: str
    parameters: dict[str, Any]
    account: Account

    @property
    def stats(self) -> Mapping[str, str | int | float | None]:
        """Numbers of the run by name."""

    @property
    def fills(self) -> "pl.DataFrame":
        """Executions, with the columns time, side and price."""

    @property
    def digest(self) -> str:
        """What identifies the run."""

    def curves(self) -> Curves:
        """Price, equity, drawdown and position, thinned out."""


def draw(run: Run, path: Path) -> Path:
    """Draw a run: price with fills, equity, drawdown and position over UTC time.

    Parameters
    ----------
    run : Run
        What to draw, such as a `Result`.
    path : path
        The picture: .png, .svg or .pdf.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    ConfigError
        When the ending is none of these.
    """
    check_ending(path, ENDINGS)
    # Loaded here because most runs draw nothing, and without pyplot, which keeps global state.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, facecolor="white")
        _draw_panels(figure, run)
        figure.savefig(path, metadata=metadata(path))
    return path


def _draw_panels(figure: "Figure", run: Run) -> None:
    grid = {"height_ratios": HEIGHTS, "hspace": 0.24}
    panels = figure.subplots(4, 1, sharex=True, gridspec_kw=grid)
    curves = run.curves()
    times = curves.time.view(f"datetime64[{run.account.scales.time_unit}]")
    _draw_price(panels[0], run, curves, times)
    _draw_equity(panels[1], run, curves, times)
    _draw_drawdown(panels[2], curves, times)
    _draw_position(panels[3], run, curves, times)
    _lay_out(figure, list(panels), run)


def _draw_price(axes: "Axes", run: Run, curves: Curves, times: Array) -> None:
    plot_range(axes, times, curves.price_low, curves.price_high, PRICE, 0.8)
    fills, symbols = run.fills, run.account.config.symbols
    is_one = len(symbols) == 1
    size = next((size for count, size in MARK_SIZES if len(fills) <= count), None)
    for side, shape, colour, name in (("BUY", "^", BUY, "buys"), ("SELL", "v", SELL, "sells")):
        own = fills.filter(fills["side"] == side)
        at = own["time"].to_numpy()
        axes.plot(
            at,
            own["price"].to_numpy() if is_one else _on_index(at, times, curves),
            linestyle="none",
            marker=shape if size else ".",
            markersize=size or DOT_SIZE,
            markeredgewidth=0.4 if size else 0,
            markeredgecolor="white",
            color=colour,
            label=f"{len(own):,} {name}",
            zorder=3,
        )
    named = f"{symbols[0]} price" if is_one else "Buy and hold in equal parts, from 100"
    axes.set_title(named, loc="left")
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=2, frameon=False, handletextpad=0.1
    )


def _on_index(at: Array, times: Array, curves: Curves) -> Array:
    """Where fills of several instruments are drawn: on the one line there is."""
    rows = np.searchsorted(times, at.astype(times.dtype), side="right") - 1
    return np.asarray(curves.price_high[np.maximum(rows, 0)])


def _draw_equity(axes: "Axes", run: Run, curves: Curves, times: Array) -> None:
    start = run.stats["Equity Start"]
    assert isinstance(start, float)
    axes.axhline(start, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    plot_range(axes, times, curves.equity_low, curves.equity_high, EQUITY, 1.0)
    axes.set_title(f"Equity, from {start:,.2f}", loc="left")


def _draw_drawdown(axes: "Axes", curves: Curves, times: Array) -> None:
    percent = 100 * curves.drawdown
    axes.fill_between(times, percent, 0, color=SELL, alpha=0.35, linewidth=0)
    axes.set_ylim(top=0)
    axes.set_title(f"Drawdown %, deepest {percent.min():.2f}", loc="left")


def _draw_position(axes: "Axes", run: Run, curves: Curves, times: Array) -> None:
    axes.fill_between(
        times, curves.position, 0, step="post", color=POSITION, alpha=0.45, linewidth=0
    )
    axes.axhline(0, color=MUTED, linewidth=0.8)
    is_one = len(run.account.rows) == 1
    axes.set_title("Position" if is_one else "Value of all positions", loc="left")


def _lay_out(figure: "Figure", panels: "list[Axes]", run: Run) -> None:
    for axes, ticks_max in zip(panels, (7, 5, 3, 3), strict=True):
        number_axis(axes, ticks_max)
    bottom, unit = panels[-1], run.account.scales.time_unit
    date_axis(bottom)
    bottom.set_xlabel(span(run.account.span.view(f"datetime64[{unit}]")), loc="left", color=MUTED)
    first, last = run.account.span.tolist()
    margin = max((last - first) // 100, 1)
    limits = np.array([first - margin, last + margin])
    bottom.set_xlim(*limits.view(f"datetime64[{unit}]"))
    figure.subplots_adjust(left=0.075, right=0.975, top=0.885, bottom=0.075)
    figure.text(0.075, 0.962, _title(run), size=14, weight="bold")
    figure.text(0.075, 0.934, _summary(run), size=9, color=MUTED)
    figure.text(0.975, 0.012, f"digest {run.digest}", size=6, color=MUTED, ha="right")


def _title(run: Run) -> str:
    symbols = run.account.config.symbols
    place = ", ".join(symbols) if len(symbols) <= SYMBOLS_MAX else f"{len(symbols):,} instruments"
    return f"{run.strategy} on {place}"


def _summary(run: Run) -> str:
    stats = run.stats
    parameters = ", ".join(f"{name} {value}" for name, value in run.parameters.items())
    numbers = [
        ("return", stats["Return [%]"], "%"),
        ("max. drawdown", stats["Max. Drawdown [%]"], "%"),
        ("Sharpe", stats["Sharpe Ratio"], ""),
        ("fees", stats["Fees"], ""),
    ]
    told = [f"{name} {value:,.2f}{unit}" for name, value, unit in numbers if value is not None]
    return "   ·   ".join(([parameters] if parameters else []) + told)
