"""Pictures of market data as pages to look around in, by Plotly: the extra `plot`."""

from pathlib import Path
from typing import Any

import numpy as np

from tickstep.drawing import EQUITY, INK, MUTED, PRICE, RULE
from tickstep.extras import require
from tickstep.intervals import interval_length
from tickstep.pictures import (
    Candles,
    Colours,
    Flow,
    Overview,
    limits_of_one_zero,
    place_labels,
    stretch,
    with_margin,
)
from tickstep.ticks import NS_PER_UNIT

__all__ = ["write_page"]

PIXELS_PER_POINT = 96 / 72
PLAIN = ",.10~g"  # prices and money in full; quantities may be 2k or 3M


def write_page(picture: Overview | Candles | Flow, path: Path, colours: Colours) -> Path:
    """Write a page that needs nothing else: it can be moved, sent, and opened without a network.

    Parameters
    ----------
    picture : Overview, Candles or Flow
        The numbers.
    path : Path
        The page.
    colours : Colours
        Of rising and falling.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    ImportError
        When Plotly is not installed.
    """
    require("plotly", extra="plot")
    if isinstance(picture, Overview):
        figure = _overview(picture)
    elif isinstance(picture, Candles):
        figure = _candles(picture, colours)
    else:
        figure = _flow(picture, colours)
    _dress(figure, picture)
    figure.write_html(
        path,
        include_plotlyjs=True,
        full_html=True,
        div_id="tickstep",
        default_height="96vh",
        config={"responsive": True},
    )
    return path


def _dress(figure: Any, picture: Overview | Candles | Flow) -> None:
    figure.update_layout(
        title={"text": f"<b>{_escaped(picture.title)}</b>, times in UTC", "x": 0.02},
        template="plotly_white",
        font={"color": INK, "size": 12},
        showlegend=False,
        hovermode="x unified" if not isinstance(picture, Flow) else "closest",
        margin={"l": 70, "r": 40, "t": 70, "b": 50},
        bargap=0.1,
    )
    figure.update_xaxes(gridcolor=RULE, rangeslider_visible=False)
    figure.update_yaxes(gridcolor=RULE)
    figure.update_yaxes(tickformat=PLAIN, row=1)
    figure.update_annotations(xanchor="left", font_size=13)
    columns = {tuple(axis.domain) for axis in figure.select_xaxes()}
    for note in figure.layout.annotations:
        # Titles come centred over their column.
        note.x = next(left for left, right in columns if left <= note.x <= right)
    figure.update_traces(marker_line_width=0, selector={"type": "bar"})


def _overview(seen: Overview) -> Any:
    go, make_subplots = _plotly()
    titles = (f"Price, {seen.rows:,} ticks", "Ticks in each slice of time")
    figure = make_subplots(
        rows=2,
        shared_xaxes=True,
        row_heights=[0.8, 0.2],
        vertical_spacing=0.08,
        subplot_titles=titles,
    )
    zigzag = np.column_stack((seen.low, seen.high)).ravel()
    times = np.repeat(seen.time, 2)
    figure.add_trace(go.Scatter(x=times, y=zigzag, line={"color": EQUITY, "width": 1}), 1, 1)
    figure.add_trace(
        go.Bar(x=seen.time, y=seen.ticks, marker={"color": PRICE, "line_width": 0}), 2, 1
    )
    return figure


def _candles(seen: Candles, colours: Colours) -> Any:
    go, make_subplots = _plotly()
    rows = 2 if seen.buy is None else 3
    figure = make_subplots(
        rows=rows,
        cols=2,
        shared_xaxes="columns",
        shared_yaxes="rows",
        column_widths=[0.86, 0.14],
        row_heights=[0.68, 0.32] if rows == 2 else [0.6, 0.2, 0.2],
        vertical_spacing=0.06,
        horizontal_spacing=0.01,
        subplot_titles=_candle_titles(seen),
        specs=[[{"secondary_y": row == 3}, {}] for row in range(1, rows + 1)],
    )
    place = np.arange(len(seen.time))
    _add_candles(figure, go, place, seen, colours)
    _add_volume(figure, go, place, seen, colours)
    if seen.buy is not None:
        _add_delta(figure, go, place, 2 * seen.buy - seen.volume, colours, 3)
    _add_profile(figure, go, seen, colours)
    shown, labels = place_labels(seen.time)
    texts = [label.replace("\n", "<br>") for label in labels]
    figure.update_xaxes(tickvals=shown, ticktext=texts, col=1)
    figure.update_layout(barmode="relative")
    return figure


def _candle_titles(seen: Candles) -> tuple[str, ...]:
    titles = (f"Price, {seen.note}", "Volume by price", "Volume", "")
    return titles if seen.buy is None else (*titles, "Delta, bought minus sold, and its sum", "")


def _add_candles(figure: Any, go: Any, place: Any, seen: Candles, colours: Colours) -> None:
    when = [str(time).replace("T", " ")[:19] for time in seen.time]
    drawn = go.Candlestick(
        x=place,
        open=seen.open,
        high=seen.high,
        low=seen.low,
        close=seen.close,
        text=when,
        increasing={"line": {"color": colours.up}, "fillcolor": colours.up},
        decreasing={"line": {"color": colours.down}, "fillcolor": colours.down},
    )
    figure.add_trace(drawn, 1, 1)


def _add_volume(figure: Any, go: Any, place: Any, seen: Candles, colours: Colours) -> None:
    if seen.buy is None:
        shades = np.where(seen.close >= seen.open, colours.up, colours.down)
        figure.add_trace(go.Bar(x=place, y=seen.volume, marker_color=shades, name="volume"), 2, 1)
        return
    for name, lots, colour in (
        ("sold", seen.volume - seen.buy, colours.down),
        ("bought", seen.buy, colours.up),
    ):
        figure.add_trace(
            go.Bar(x=place, y=lots, marker_color=colour, name=name, opacity=0.75), 2, 1
        )


def _add_profile(figure: Any, go: Any, seen: Candles, colours: Colours) -> None:
    profile = seen.profile
    parts = [("sold", profile.sell, colours.down), ("bought", profile.buy, colours.up)]
    if not profile.is_by_side:
        parts = [("volume", profile.buy, PRICE)]
    for name, volume, colour in parts:
        bar = go.Bar(
            x=volume, y=profile.price, orientation="h", marker_color=colour, name=name, opacity=0.7
        )
        figure.add_trace(bar, 1, 2)
    figure.update_xaxes(showticklabels=False, row=1, col=2)


def _add_delta(
    figure: Any, go: Any, place: Any, delta: Any, colours: Colours, row: int, width: Any = None
) -> None:
    shades = np.where(delta >= 0, colours.up, colours.down)
    bar = go.Bar(x=place, y=delta, marker_color=shades, name="delta", width=width)
    figure.add_trace(bar, row, 1)
    sums = np.cumsum(delta)
    line = go.Scatter(x=place, y=sums, line={"color": INK, "width": 1}, name="sum")
    figure.add_trace(line, row, 1, secondary_y=True)
    for is_sum, limits in zip((False, True), limits_of_one_zero(delta, sums), strict=True):
        axis = {"range": limits, "showgrid": not is_sum, "tickmode": "auto"}
        figure.update_yaxes(axis, row=row, col=1, secondary_y=is_sum)


def _flow(flow: Flow, colours: Colours) -> Any:
    go, make_subplots = _plotly()
    rows = 2 if flow.curves is None else 3
    titles = [
        "Price; the area of a bubble is the quantity",
        f"Delta of {flow.delta_text}, bought minus sold, and its sum",
        "Equity",
    ]
    figure = make_subplots(
        rows=rows,
        shared_xaxes=True,
        row_heights=[0.74, 0.26] if rows == 2 else [0.6, 0.2, 0.2],
        vertical_spacing=0.07,
        subplot_titles=titles[:rows],
        specs=[[{}], [{"secondary_y": True}], [{}]][:rows],
    )
    zigzag = np.column_stack((flow.range_low, flow.range_high)).ravel()
    behind = np.repeat(flow.range_time, 2)
    line = go.Scatter(x=behind, y=zigzag, line={"color": PRICE, "width": 1}, hoverinfo="skip")
    figure.add_trace(line, 1, 1)
    for is_sell, colour, name in ((False, colours.up, "bought"), (True, colours.down, "sold")):
        some = flow.is_sell == is_sell
        figure.add_trace(_bubbles(go, flow, some, colour, name), 1, 1)
    length = interval_length(flow.delta_text, flow.time_unit)
    middle = flow.delta_time + stretch(length // 2, flow.time_unit)
    width_ms = length * NS_PER_UNIT[flow.time_unit] / NS_PER_UNIT["ms"]
    _add_delta(figure, go, middle, flow.delta, colours, 2, 0.9 * width_ms)
    if flow.curves is not None:
        curves = flow.curves
        times = np.repeat(curves.time.view(f"M8[{flow.time_unit}]"), 2)
        equity = np.column_stack((curves.equity_low, curves.equity_high)).ravel()
        figure.add_trace(go.Scatter(x=times, y=equity, line={"color": EQUITY, "width": 1}), 3, 1)
        figure.update_yaxes(tickformat=PLAIN, row=3)
    figure.update_xaxes(range=with_margin(flow.range_time))
    return figure


def _bubbles(go: Any, flow: Flow, some: Any, colour: str, name: str) -> Any:
    return go.Scattergl(
        x=flow.time[some],
        y=flow.price[some],
        mode="markers",
        name=name,
        text=[f"{qty:,.10g}" for qty in flow.qty[some]],
        marker={
            "size": flow.qty[some],
            "sizemode": "area",
            "sizeref": 2 * flow.qty.max() / (flow.bubble_area * PIXELS_PER_POINT**2),
            "color": colour,
            "opacity": flow.options.bubble_alpha,
            "line": {"color": MUTED, "width": 0.3},
        },
    )


def _plotly() -> tuple[Any, Any]:
    go = require("plotly.graph_objects", extra="plot")
    return go, require("plotly.subplots", extra="plot").make_subplots


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
