"""Results on paper by matplotlib: one sheet with everything at a glance, or a report of several pages.

Equal runs make equal files: nothing in them tells of the moment or the machine.
"""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tickstep import panels
from tickstep.drawing import (
    DOTS_PER_INCH,
    ENDINGS,
    INK,
    MUTED,
    RULE,
    SELL,
    STYLE,
    check_ending,
    metadata,
    number_axis,
)
from tickstep.formulas import formula
from tickstep.review import Review
from tickstep.sidebyside import SideBySide
from tickstep.stats import shown
from tickstep.version import __version__

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_comparison", "draw_sheet", "write_pages"]

SHEET_INCHES = (11.7, 17.6)
PAGE_INCHES = (11.69, 8.27)  # A4, on its side
LEFT, RIGHT = 0.07, 0.955
NOTES_MAX = 12  # lines of assumptions and warnings on the sheet
NOTE_WIDTH = 150
ROWS_OF_PAGE = 34
SHEET_ROWS = 15
RUN_COLOURS = ("#1d5fa8", "#b7791f", "#7a4fb5", "#0b8a6a", "#d0423f", "#6b7f95", "#7b8794")
RUNS_OF_PAGE = 5

Panel = Callable[["Axes", Review], None]

# Heights of the rows of each page, and what is drawn in them.
PAGES: Sequence[tuple[Sequence[float], Sequence[Sequence[Panel]]]] = (
    (
        (3, 2, 1, 1),
        (
            (panels.draw_price,),
            (panels.draw_equity,),
            (panels.draw_drawdown,),
            (panels.draw_position,),
        ),
    ),
    (
        (1.3, 1.2, 1.2),
        (
            (panels.draw_months,),
            (panels.draw_rolling,),
            (panels.draw_years, panels.draw_distribution),
        ),
    ),
    (
        (1, 1, 1.2),
        (
            (panels.draw_exposure,),
            (panels.draw_explained,),
            (panels.draw_trips, panels.draw_excursions),
        ),
    ),
)


def draw_sheet(review: Review, path: Path) -> Path:
    """Draw everything about a run on one sheet.

    Parameters
    ----------
    review : Review
        Its numbers.
    path : Path
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
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure = _figure(SHEET_INCHES)
        _draw_sheet(figure, review)
        figure.savefig(path, metadata=metadata(path))
    return path


def write_pages(review: Review, path: Path) -> Path:
    """Write a report of several pages.

    Parameters
    ----------
    review : Review
        Its numbers.
    path : Path
        The report: .pdf.

    Returns
    -------
    Path
        The same path.
    """
    return _write_pdf(path, lambda: _pages(review))


def draw_comparison(runs: SideBySide, path: Path) -> Path:
    """Write a report of several runs: curves, what differs, statistics, correlation.

    Parameters
    ----------
    runs : SideBySide
        Their numbers.
    path : Path
        The report: .pdf.

    Returns
    -------
    Path
        The same path.
    """
    return _write_pdf(path, lambda: _compared_pages(runs))


# --- The sheet. -----------------------------------------------------------------------------------


def _draw_sheet(figure: "Figure", review: Review) -> None:
    notes = _notes(review)
    grid = figure.add_gridspec(
        9, 6,
        height_ratios=(2.3, 0.9, 0.9, 1.1, 0.35 + 0.2 * min(max(len(review.run.monthly), 3), 14),
                       1.4, 1.4, 2.5, 0.14 * len(notes) + 0.1),
        left=LEFT, right=RIGHT, top=0.945, bottom=0.015, hspace=0.42, wspace=0.55,
    )  # fmt: skip
    places: Sequence[tuple[Panel, Any]] = (
        (panels.draw_equity, grid[0, :]),
        (panels.draw_drawdown, grid[1, :]),
        (panels.draw_exposure, grid[2, :]),
        (panels.draw_rolling, grid[3, :]),
        (panels.draw_months, grid[4, :4]),
        (panels.draw_years, grid[4, 4:]),
        (panels.draw_distribution, grid[5, :2]),
        (panels.draw_trips, grid[5, 2:4]),
        (panels.draw_excursions, grid[5, 4:]),
        (panels.draw_explained, grid[6, :]),
    )
    for panel, place in places:
        panel(figure.add_subplot(place), review)
    _draw_numbers(figure.add_subplot(grid[7, :]), review)
    _draw_lines(figure.add_subplot(grid[8, :]), notes)
    _head(figure, review, 0.978, 0.963)


def _head(figure: "Figure", review: Review, title_at: float, note_at: float) -> None:
    stats = review.run.stats
    title = _shortened(review.headline, 90)
    figure.text(LEFT, title_at, title, size=14, weight="bold", parse_math=False)
    given = ", ".join(f"{name} {value}" for name, value in review.run.parameters.items())
    when = f"{stats['Start']} to {stats['End']}   ·   {review.account.rows_told}"
    text = _shortened(f"{given}   ·   {when}" if given else when, 150)
    figure.text(LEFT, note_at, text, size=9, color=MUTED, parse_math=False)


def _draw_numbers(axes: "Axes", review: Review) -> None:
    """Key numbers in columns; the longest, the digests, are on the last lines of the sheet."""
    axes.axis("off")
    axes.set_title("Key numbers", loc="left")
    told = [
        (name, shown(name, value))
        for name, value in review.run.stats.items()
        if not name.endswith("Digest")
        and name not in ("Start", "End", "Sampling", "Refused Mostly")
    ]
    columns = -(-len(told) // SHEET_ROWS)
    for index, (name, text) in enumerate(told):
        column, row = divmod(index, SHEET_ROWS)
        y = 1 - (row + 0.7) / SHEET_ROWS
        left, right = column / columns, (column + 1) / columns - 0.025
        style: dict[str, Any] = {"size": 7.2, "transform": axes.transAxes, "parse_math": False}
        axes.text(left, y, name, color=MUTED, **style)
        axes.text(right, y, text, ha="right", **style)


def _notes(review: Review) -> list[tuple[str, str]]:
    """Lines at the foot of the sheet, with their colours."""
    lines = [(review.ratios_told, MUTED)]
    lines += [(f"Warning: {each}", SELL) for each in review.notes]
    lines += [(f"Assumes: {each}", MUTED) for each in review.run.assumptions]
    wrapped = [(part, colour) for text, colour in lines for part in _wrapped(text, NOTE_WIDTH)]
    if len(wrapped) > NOTES_MAX:
        left_out = len(wrapped) - NOTES_MAX
        wrapped = [*wrapped[:NOTES_MAX], (f"… {left_out} more lines: print the result", MUTED)]
    return [*wrapped, (f"Digest {review.run.digest}   ·   Tickstep {__version__}", MUTED)]


def _draw_lines(axes: "Axes", lines: Sequence[tuple[str, str]]) -> None:
    axes.axis("off")
    for row, (text, colour) in enumerate(lines):
        y = 1 - (row + 0.5) / len(lines)
        axes.text(0, y, text, size=7.5, color=colour, va="center", parse_math=False)


# --- The report of several pages. -----------------------------------------------------------------


def _pages(review: Review) -> Iterator["Figure"]:
    for heights, panel_rows in PAGES:
        figure = _page()
        grid = figure.add_gridspec(
            len(heights), 2, height_ratios=heights, left=LEFT, right=RIGHT, top=0.875, bottom=0.07,
            hspace=0.38, wspace=0.18,
        )  # fmt: skip
        for row, drawn in enumerate(panel_rows):
            for column, panel in enumerate(drawn):
                place = grid[row, :] if len(drawn) == 1 else grid[row, column]
                panel(figure.add_subplot(place), review)
        _head(figure, review, 0.955, 0.928)
        yield figure
    groups = list(review.statistics)
    if len(review.account.lives):
        groups.append(("How well orders traded", review.run.execution().stats))
    for heading, stats in groups:
        rows = [
            (name, shown(name, value), formula(name))
            for name, value in stats.items()
            if not name.endswith("Digest")  # on the last page
        ]
        yield from _table_pages(review, heading, rows, (0.0, 0.42, 0.44))
    yield from _table_pages(review, "Drawdowns, the deepest first", *_falls(review))
    yield from _table_pages(review, "The run", _told(review), (0.0, 0.14, 0.14))


def _falls(review: Review) -> tuple[list[tuple[str, ...]], tuple[float, ...]]:
    rows: list[tuple[str, ...]] = [("depth", "amount", "peak", "trough", "recovered")]
    for fall in review.run.drawdowns.head(ROWS_OF_PAGE - 1).iter_rows(named=True):
        end = "not yet" if fall["is_open"] else str(fall["end_time"])[:19]
        times = (str(fall[name])[:19] for name in ("peak_time", "trough_time"))
        rows.append((f"{100 * fall['depth']:,.3f} %", f"{fall['amount']:,.2f}", *times, end))
    return rows, (0.0, 0.26, 0.3, 0.5, 0.7)


def _told(review: Review) -> list[tuple[str, str, str]]:
    lines = [("Warning", each) for each in review.notes]
    lines += [("Assumes", each) for each in review.run.assumptions]
    lines += [("Ratios", review.ratios_told)]
    lines += [(f"Parameter {name}", text) for name, text in review.settings]
    lines += [(f"Digest of the {name.lower()}", text) for name, text in review.digests]
    lines += [("Made by", f"Tickstep {__version__}")]
    rows = []
    for name, text in lines:
        for number, part in enumerate(_wrapped(text, 120)):
            rows.append(("" if number else _shortened(name, 24), "", part))
    return rows


def _table_pages(
    review: Review, heading: str, rows: Sequence[tuple[str, ...]], places: Sequence[float]
) -> Iterator["Figure"]:
    """Pages of rows; the second column of each is a number, flush right at its place."""
    for start in range(0, len(rows), ROWS_OF_PAGE):
        figure = _page()
        _head(figure, review, 0.955, 0.928)
        axes = figure.add_axes((LEFT, 0.05, RIGHT - LEFT, 0.82))
        axes.axis("off")
        axes.set_title(heading, loc="left")
        _draw_rows(axes, rows[start : start + ROWS_OF_PAGE], places)
        yield figure


def _draw_rows(axes: "Axes", rows: Sequence[tuple[str, ...]], places: Sequence[float]) -> None:
    for row, texts in enumerate(rows):
        y = 1 - (row + 0.5) / ROWS_OF_PAGE
        for column, (text, place) in enumerate(zip(texts, places, strict=True)):
            axes.text(
                place,
                y,
                _shortened(text, 130),
                size=8.5,
                va="center",
                ha="right" if column == 1 else "left",
                color=INK if column == 1 else MUTED,
                transform=axes.transAxes,
                parse_math=False,
            )
        axes.axhline(y - 0.5 / ROWS_OF_PAGE, color=RULE, linewidth=0.5)
    axes.set_ylim(0, 1)


# --- Several runs. --------------------------------------------------------------------------------


def _compared_pages(runs: SideBySide) -> Iterator["Figure"]:
    yield _compared_curves(runs)
    if runs.differences:
        rows = [(name, *texts) for name, texts in runs.differences]
        yield from _matrix_pages(runs, "What differs", rows)
    rows = [(name, *runs.texts(name)) for name in runs.statistics]
    yield from _matrix_pages(runs, "Statistics", rows)
    if runs.correlation is not None:
        rows = [
            (name, *("-" if np.isnan(each) else f"{each:,.2f}" for each in row))
            for name, row in zip(runs.names, runs.correlation.tolist(), strict=True)
        ]
        yield from _matrix_pages(runs, f"Correlation of returns. {runs.correlation_told}", rows)


def _compared_curves(runs: SideBySide) -> "Figure":
    from tickstep.drawing import date_axis, plot_range

    figure = _page()
    equity, falls = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
    for number, curve in enumerate(runs.curves):
        colour = RUN_COLOURS[number % len(RUN_COLOURS)]
        times = curve.time_ms.view("datetime64[ms]")
        plot_range(equity, times, curve.low, curve.high, colour, 1.0)
        equity.lines[-1].set_label(_shortened(curve.name, 60).replace("$", r"\$"))
        falls.plot(times, 100 * curve.drawdown, color=colour, linewidth=0.8)
    equity.set_title("Equity, from 100", loc="left")
    falls.set_title("Drawdown %", loc="left")
    number_axis(equity, 6)
    number_axis(falls, 4)
    date_axis(falls)
    columns = min(len(runs.names), 3)
    rows = -(-len(runs.names) // columns)
    falls.legend(*equity.get_legend_handles_labels(), loc="upper center", frameon=False,
                 bbox_to_anchor=(0.5, -0.2), ncols=columns)  # fmt: skip
    bottom = 0.1 + 0.03 * min(rows, 8)
    figure.subplots_adjust(left=LEFT, right=RIGHT, top=0.875, bottom=bottom, hspace=0.18)
    figure.text(LEFT, 0.955, f"{len(runs.names)} runs", size=14, weight="bold")
    figure.text(LEFT, 0.928, runs.span_told, size=9, color=MUTED)
    return figure


def _matrix_pages(
    runs: SideBySide, heading: str, rows: Sequence[tuple[str, ...]]
) -> Iterator["Figure"]:
    for first in range(0, len(runs.names), RUNS_OF_PAGE):
        some = slice(first + 1, first + 1 + RUNS_OF_PAGE)
        heads = ("", *runs.names)[some]
        for start in range(0, len(rows), ROWS_OF_PAGE):
            figure = _page()
            figure.text(LEFT, 0.955, heading, size=12, weight="bold", parse_math=False)
            axes = figure.add_axes((LEFT, 0.04, RIGHT - LEFT, 0.82))
            axes.axis("off")
            _draw_matrix(
                axes, heads, [(row[0], *row[some]) for row in rows[start : start + ROWS_OF_PAGE]]
            )
            yield figure


def _draw_matrix(axes: "Axes", heads: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    width = min(0.78 / len(heads), 0.25)
    chars = int(155 * width)
    style: dict[str, Any] = {"transform": axes.transAxes, "parse_math": False, "size": 8}
    for column, name in enumerate(heads):
        text = "\n".join(_wrapped(_shortened(name, 3 * chars), chars))
        axes.text(
            0.22 + (column + 1) * width, 1.01, text, ha="right", va="bottom", weight="bold", **style
        )
    for row, (name, *texts) in enumerate(rows):
        y = 1 - (row + 0.5) / ROWS_OF_PAGE
        axes.text(0, y, _shortened(name, 44), va="center", color=MUTED, **style)
        for column, text in enumerate(texts):
            axes.text(
                0.22 + (column + 1) * width,
                y,
                _shortened(text, chars),
                ha="right",
                va="center",
                **style,
            )
        axes.axhline(y - 0.5 / ROWS_OF_PAGE, color=RULE, linewidth=0.5)
    axes.set_ylim(0, 1)


# --- Paper. ---------------------------------------------------------------------------------------


def _write_pdf(path: Path, pages: Callable[[], Iterator["Figure"]]) -> Path:
    check_ending(path, (".pdf",))
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import PdfPages

    with mpl.rc_context(STYLE), PdfPages(path, metadata=metadata(path)) as pdf:
        figures = list(pages())
        for number, figure in enumerate(figures, start=1):
            told = f"{number} / {len(figures)}"
            figure.text(RIGHT, 0.018, told, size=7.5, color=MUTED, ha="right")
            pdf.savefig(figure)
    return path


def _page() -> "Figure":
    return _figure(PAGE_INCHES)


def _figure(size: tuple[float, float]) -> "Figure":
    # Without pyplot, which keeps global state.
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=DOTS_PER_INCH, facecolor="white")


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width) or [""]
