"""How results look in a notebook: a small picture, drawn as SVG by hand, above the table.

Nothing is loaded for it, and it fits light and dark notebooks: lines have colours that both show,
texts take that of the notebook.
"""

import html
from collections.abc import Iterable, Sequence

import numpy as np

from tickstep.review import ReviewedRun
from tickstep.sidebyside import SideBySide
from tickstep.ticks import Float64Array

__all__ = ["comparison_html", "run_html"]

WIDTH, HEIGHT, FALLS = 640, 150, 40
SLICES = 320
COLOURS = ("#3b82c4", "#c98a2b", "#8f6ad0", "#1fa37f", "#e06461", "#8093a7")


def run_html(run: ReviewedRun) -> str:
    """A run for a notebook: equity and drawdown, warnings, statistics, assumptions.

    Parameters
    ----------
    run : ReviewedRun
        Such as a `Result`.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.demo import Grid, sample
    >>> from tickstep.notebook import run_html
    >>> run_html(ts.backtest(Grid, sample(3_000))).startswith('<div><svg')
    True
    """
    curves = run.curves(SLICES)
    x = _across(curves.time.astype(np.float64))
    picture = _picture(
        [_line(x, curves.equity_low, curves.equity_high, COLOURS[0])],
        [_line(x, curves.drawdown, curves.drawdown, COLOURS[4])],
        f"Equity and drawdown of {run.title}",
    )
    warnings = _items("Warnings", run.warnings)
    return (
        f"<div>{picture}{warnings}{run.stats._repr_html_()}"
        f"{_items('Assumptions', run.assumptions)}</div>"
    )


def comparison_html(runs: SideBySide) -> str:
    """Several runs for a notebook: equity from 100, and their statistics.

    Parameters
    ----------
    runs : SideBySide
        Their numbers.
    """
    first = min(float(each.time_ms[0]) for each in runs.curves)
    last = max(float(each.time_ms[-1]) for each in runs.curves)
    equity, falls = [], []
    lowest = min(float(each.low.min()) for each in runs.curves)
    highest = max(float(each.high.max()) for each in runs.curves)
    deepest = min(float(each.drawdown.min()) for each in runs.curves)
    for number, each in enumerate(runs.curves):
        x = WIDTH * (each.time_ms.astype(np.float64) - first) / ((last - first) or 1.0)
        colour = COLOURS[number % len(COLOURS)]
        equity.append(_line(x, each.low, each.high, colour, (lowest, highest)))
        falls.append(_line(x, each.drawdown, each.drawdown, colour, (deepest, 0.0)))
    names = "".join(
        f'<th style="text-align:right;color:{COLOURS[number % len(COLOURS)]}">{html.escape(name)}</th>'
        for number, name in enumerate(runs.names)
    )
    rows = "".join(
        f'<tr><td style="text-align:left">{html.escape(name)}</td>{_cells(runs.texts(name))}</tr>'
        for name in runs.statistics
    )
    picture = _picture(equity, falls, "Equity from 100 and drawdown of each run")
    return f"<div>{picture}<table><tr><th></th>{names}</tr>{rows}</table></div>"


def _cells(texts: Iterable[str]) -> str:
    return "".join(f'<td style="text-align:right">{html.escape(text)}</td>' for text in texts)


def _items(heading: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<b>{heading}</b><ul>{items}</ul>"


def _line(
    x: Float64Array,
    low: Float64Array,
    high: Float64Array,
    colour: str,
    limits: tuple[float, float] | None = None,
) -> tuple[Float64Array, Float64Array, str]:
    """Points from 0 (bottom) to 1 (top), through the extremes of every slice."""
    bottom, top = (float(low.min()), float(high.max())) if limits is None else limits
    both = np.column_stack((low, high)).ravel()
    return np.repeat(x, 2), (both - bottom) / ((top - bottom) or 1.0), colour


def _across(times: Float64Array) -> Float64Array:
    return np.asarray(WIDTH * (times - times[0]) / ((times[-1] - times[0]) or 1.0))


def _picture(
    upper: Sequence[tuple[Float64Array, Float64Array, str]],
    lower: Sequence[tuple[Float64Array, Float64Array, str]],
    told: str,
) -> str:
    parts = [_polyline(*each, top=2, height=HEIGHT - 4) for each in upper]
    parts += [_polyline(*each, top=HEIGHT + 2, height=FALLS - 4) for each in lower]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + FALLS}" role="img" aria-label="{html.escape(told)}" '
        f'style="display:block;width:100%;max-width:{WIDTH}px">{"".join(parts)}</svg>'
    )


def _polyline(x: Float64Array, y: Float64Array, colour: str, *, top: int, height: int) -> str:
    down = top + height * (1.0 - y)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), down.tolist(), strict=True))
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"/>'
