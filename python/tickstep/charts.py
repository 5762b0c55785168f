"""Pictures of market data: an overview of any length, candles with volume, profile and delta, bubbles.

`pictures` puts the numbers together; they are drawn here by matplotlib into a file, or in `pages` by
Plotly into a page to look around in.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from tickstep.bars import Bars
from tickstep.drawing import (
    DOTS_PER_INCH,
    ENDINGS,
    EQUITY,
    INK,
    MUTED,
    PRICE,
    STYLE,
    check_ending,
    date_axis,
    metadata,
    number_axis,
    plot_range,
    span,
)
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length
from tickstep.pages import write_page
from tickstep.pictures import (
    BubbleOptions,
    Candles,
    Colours,
    Flow,
    HasCurves,
    Overview,
    Profile,
    Times,
    candles_of,
    flow_of,
    limits_of_one_zero,
    overview_of,
    place_labels,
    stretch,
    with_margin,
)
from tickstep.ticks import Float64Array, Ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_bars", "draw_ticks"]

Array = npt.NDArray[Any]
Kind = Literal["overview", "candles", "bubbles"]
KINDS = ("overview", "candles", "bubbles")
PAGE = ".html"

SIZE_INCHES = (11.5, 7.2)
LEFT, RIGHT, TOP, BOTTOM = 0.08, 0.945, 0.875, 0.085


def draw_ticks(
    ticks: Ticks,
    path: Path,
    kind: Kind = "overview",
    *,
    interval: str | None = None,
    title: str | None = None,
    china_colors: bool = False,
    result: HasCurves | None = None,
    options: Mapping[str, Any] | None = None,
) -> Path:
    """Draw ticks; see `Ticks.plot`.

    Parameters
    ----------
    ticks : Ticks
        What to draw.
    path : Path
        A picture (.png, .svg, .pdf) or a page (.html).
    kind : {"overview", "candles", "bubbles"}
        What kind of picture.
    interval : str, optional
        Of candles.
    title : str, optional
        By default the symbol.
    china_colors : bool
        Whether red rises and green falls.
    result : Result, optional
        Its equity is drawn below bubbles.
    options : mapping, optional
        Fields of `BubbleOptions`.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    ConfigError
        When the ending, the kind or an option is not known.
    DataError
        When there is nothing to draw.
    """
    check_ending(path, (*ENDINGS, PAGE))
    given = {"interval": interval, "result": result, **(options or {})}
    _refuse_unused(kind, {name for name, value in given.items() if value is not None})
    if not len(ticks):
        raise DataError("there are no ticks to draw", hint="look at the span that was taken")
    colours = Colours.of(china_colors)
    if kind == "overview":
        return _draw(overview_of(ticks, title=title), path, colours)
    if kind == "candles":
        return _draw(candles_of(ticks, interval=interval, title=title), path, colours)
    flow = flow_of(ticks, BubbleOptions(**(options or {})), title=title, result=result)
    return _draw(flow, path, colours)


def draw_bars(
    bars: Bars, path: Path, *, title: str | None = None, china_colors: bool = False
) -> Path:
    """Draw bars as candles with volume, profile and, where sides are known, delta.

    Parameters
    ----------
    bars : Bars
        What to draw; neighbours are put together where there are more than fit.
    path : Path
        A picture (.png, .svg, .pdf) or a page (.html).
    title : str, optional
        By default the symbol.
    china_colors : bool
        Whether red rises and green falls.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    ConfigError
        When the ending is not known.
    DataError
        When there are no bars.
    """
    check_ending(path, (*ENDINGS, PAGE))
    if not len(bars):
        raise DataError("there are no bars to draw", hint="look at the span that was taken")
    return _draw(candles_of(bars, title=title), path, Colours.of(china_colors))


def _refuse_unused(kind: str, given: set[str]) -> None:
    uses = {
        "overview": set[str](),
        "candles": {"interval"},
        "bubbles": {"result", *BubbleOptions._fields},
    }
    if kind not in uses:
        raise ConfigError(f"kind {kind!r} is not known", hint=f"known are {', '.join(KINDS)}")
    unused = sorted(given - uses[kind])
    if unused:
        hint = f"it uses {', '.join(sorted(uses[kind])) or 'title and china_colors only'}"
        raise ConfigError(f"a picture of kind {kind!r} does not use {', '.join(unused)}", hint=hint)


# --- Drawing by matplotlib. -----------------------------------------------------------------------


def _draw(picture: Overview | Candles | Flow, path: Path, colours: Colours) -> Path:
    if path.suffix == PAGE:
        return write_page(picture, path, colours)
    # Loaded here because most runs draw nothing, and without pyplot, which keeps global state.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, facecolor="white")
        if isinstance(picture, Overview):
            _draw_overview(figure, picture)
        elif isinstance(picture, Candles):
            _draw_candles(figure, picture, colours)
        else:
            _draw_flow(figure, picture, colours)
        figure.savefig(path, metadata=metadata(path))
    return path


def _draw_overview(figure: "Figure", seen: Overview) -> None:
    grid = {"height_ratios": (4, 1), "hspace": 0.16}
    price, count = figure.subplots(2, 1, sharex=True, gridspec_kw=grid)
    plot_range(price, seen.time, seen.low, seen.high, EQUITY, 0.8)
    price.set_title("Price", loc="left")
    count.fill_between(seen.time, seen.ticks, 0, step="post", color=PRICE, linewidth=0, alpha=0.6)
    count.set_title(f"Ticks in each of {len(seen.time):,} slices of time", loc="left")
    count.set_ylim(bottom=0)
    number_axis(price, 8)
    number_axis(count, 3, is_short=True)
    date_axis(count)
    price.set_xlim(*with_margin(seen.time))
    highest, lowest = seen.high.max(), seen.low.min()
    _lay_out(
        figure,
        seen.title,
        f"{seen.rows:,} ticks   ·   lowest {lowest:,.10g}   ·   highest {highest:,.10g}",
        span(seen.time),
        count,
    )


def _draw_candles(figure: "Figure", seen: Candles, colours: Colours) -> None:
    heights = (4.2, 1.2) if seen.buy is None else (4.2, 1.2, 1.2)
    grid = {"height_ratios": heights, "width_ratios": (6, 1), "hspace": 0.2, "wspace": 0.02}
    panels = figure.subplots(len(heights), 2, sharex="col", gridspec_kw=grid)
    for empty in panels[1:, 1]:
        empty.remove()
    price, profile, volume = panels[0, 0], panels[0, 1], panels[1, 0]
    place = np.arange(len(seen.time))
    is_up = seen.close >= seen.open
    for some, colour in ((is_up, colours.up), (~is_up, colours.down)):
        _draw_some_candles(price, place[some], seen, some, colour)
    _draw_volume(volume, place, seen, is_up, colours)
    _draw_profile(profile, price, seen.profile, colours)
    bottom = volume
    if seen.buy is not None:
        bottom = panels[2, 0]
        _draw_delta(bottom, place, 2 * seen.buy - seen.volume, 0.8, colours)
        bottom.set_title("Delta, bought minus sold, and its sum", loc="left")
    price.set_title("Price", loc="left")
    price.set_xlim(-1, len(seen.time))
    number_axis(price, 8)
    number_axis(volume, 3, is_short=True)
    _label_places(bottom, seen.time)
    _lay_out(figure, seen.title, seen.note, span(seen.time), bottom)


def _draw_some_candles(
    axes: "Axes", place: Array, seen: Candles, some: npt.NDArray[np.bool_], colour: str
) -> None:
    axes.vlines(place, seen.low[some], seen.high[some], color=colour, linewidth=0.9)
    foot = np.minimum(seen.open, seen.close)[some]
    body = np.abs(seen.close - seen.open)[some]
    # A body of no height is a line.
    axes.bar(place, body, width=0.7, bottom=foot, color=colour, edgecolor=colour, linewidth=0.7)


def _draw_volume(
    axes: "Axes", place: Array, seen: Candles, is_up: npt.NDArray[np.bool_], colours: Colours
) -> None:
    if seen.buy is None:
        shades = np.where(is_up, colours.up, colours.down).tolist()
        axes.bar(place, seen.volume, width=0.8, color=shades, alpha=0.7)
        axes.set_title("Volume", loc="left")
        return
    sell = seen.volume - seen.buy
    axes.bar(place, sell, width=0.8, color=colours.down, alpha=0.7)
    axes.bar(place, seen.buy, width=0.8, bottom=sell, color=colours.up, alpha=0.7)
    axes.set_title("Volume, sold below bought", loc="left")


def _draw_profile(axes: "Axes", price: "Axes", profile: Profile, colours: Colours) -> None:
    axes.sharey(price)
    height = 0.86 * profile.height
    if profile.is_by_side:
        axes.barh(profile.price, profile.sell, height, color=colours.down, alpha=0.6)
        axes.barh(profile.price, profile.buy, height, profile.sell, color=colours.up, alpha=0.6)
    else:
        axes.barh(profile.price, profile.buy, height, color=PRICE, alpha=0.7)
    most = int(np.argmax(profile.buy + profile.sell))
    for panel in (axes, price):
        panel.axhline(profile.price[most], color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.tick_params(labelleft=False, labelbottom=False)
    axes.grid(False)
    axes.set_title("Volume by price", loc="left")


def _draw_delta(
    axes: "Axes", place: Array, delta: Float64Array, width: Any, colours: Colours
) -> None:
    shades = np.where(delta >= 0, colours.up, colours.down).tolist()
    axes.bar(place, delta, width=width, color=shades, alpha=0.75, align="center")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    number_axis(axes, 4, is_short=True)
    total, sums = axes.twinx(), np.cumsum(delta)
    total.plot(place, sums, color=INK, linewidth=1.0)
    total.grid(False)
    number_axis(total, 4, is_short=True)
    for panel, limits in zip((axes, total), limits_of_one_zero(delta, sums), strict=True):
        panel.set_ylim(limits)


def _draw_flow(figure: "Figure", flow: Flow, colours: Colours) -> None:
    heights = (4.2, 1.3) if flow.curves is None else (4.2, 1.3, 1.3)
    grid = {"height_ratios": heights, "hspace": 0.2}
    panels = figure.subplots(len(heights), 1, sharex=True, gridspec_kw=grid)
    price, delta = panels[0], panels[1]
    plot_range(price, flow.range_time, flow.range_low, flow.range_high, PRICE, 0.7)
    _draw_bubbles(price, flow, colours)
    number_axis(price, 8)
    length = interval_length(flow.delta_text, flow.time_unit)
    middle = flow.delta_time + stretch(length // 2, flow.time_unit)
    width = stretch(max(length * 9 // 10, 1), flow.time_unit)
    _draw_delta(delta, middle, flow.delta, width, colours)
    delta.set_title(f"Delta of {flow.delta_text}, bought minus sold, and its sum", loc="left")
    if flow.curves is not None:
        curves = flow.curves
        times = curves.time.view(f"M8[{flow.time_unit}]")
        plot_range(panels[2], times, curves.equity_low, curves.equity_high, EQUITY, 1.0)
        panels[2].set_title("Equity", loc="left")
        number_axis(panels[2], 3)
    bottom = panels[-1]
    date_axis(bottom)
    price.set_xlim(*with_margin(flow.range_time))
    _lay_out(figure, flow.title, _flow_note(flow), span(flow.range_time), bottom)


def _draw_bubbles(axes: "Axes", flow: Flow, colours: Colours) -> None:
    area = flow.bubble_area * flow.qty / flow.qty.max()
    # The largest first, so that they hide none.
    order = np.argsort(-flow.qty, kind="stable")
    shades = np.where(flow.is_sell, colours.down, colours.up)
    axes.scatter(
        flow.time[order],
        flow.price[order],
        s=area[order],
        c=shades[order].tolist(),
        alpha=flow.options.bubble_alpha,
        edgecolors="white",
        linewidths=0.3,
        zorder=3,
    )
    axes.set_title("Price; the area of a bubble is the quantity", loc="left")


def _flow_note(flow: Flow) -> str:
    buys = int((~flow.is_sell).sum())
    drawn = f"{buys:,} bought, {len(flow.qty) - buys:,} sold"
    if len(flow.qty) < flow.rows:
        drawn = f"the {len(flow.qty):,} largest of {flow.rows:,} trades: {drawn}"
    return f"{drawn}   ·   largest {flow.qty.max():,.10g}   ·   delta {flow.delta.sum():,.10g}"


def _label_places(axes: "Axes", times: Times) -> None:
    """Label candles that stand side by side, whatever the time between them."""
    places, labels = place_labels(times)
    axes.set_xticks(places, labels)


def _lay_out(figure: "Figure", title: str, note: str, when: str, bottom: "Axes") -> None:
    bottom.set_xlabel(when, loc="left", color=MUTED)
    figure.subplots_adjust(left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
    figure.text(LEFT, 0.957, title, size=14, weight="bold")
    figure.text(LEFT, 0.924, note, size=9, color=MUTED)
