"""How all pictures look: colours, axes of time and numbers, lines that keep every extreme."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tickstep.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ENDINGS", "check_ending", "date_axis", "metadata", "number_axis", "plot_range", "span"]

Array = npt.NDArray[Any]

ENDINGS = (".png", ".svg", ".pdf")

INK = "#1f2933"
PRICE = "#8694a5"
MUTED = "#7b8794"
RULE = "#e4e7eb"
BUY = "#0b8a6a"
SELL = "#d0423f"
EQUITY = "#1d5fa8"
POSITION = "#6b7f95"

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": RULE,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.grid": True,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "xtick.major.size": 0,
    "xtick.major.pad": 6,
    "ytick.major.size": 0,
    "svg.hashsalt": "tickstep",  # equal results, equal files
}

# Ticks at years, months, days, hours, minutes, seconds; and where a longer one of these begins.
DATES = ("%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S.%f")
FIRST_DATES = ("", "%b %Y", "%d %b", "%d %b", "%H:%M", "%H:%M:%S")

DOTS_PER_INCH = 150


def check_ending(path: Path, endings: Sequence[str]) -> None:
    """Refuse a picture whose format is not known.

    Parameters
    ----------
    path : Path
        The picture.
    endings : sequence of str
        Those that are known.

    Raises
    ------
    ConfigError
        When the ending is none of these.
    """
    if path.suffix not in endings:
        raise ConfigError(
            f"a picture {path.name!r} cannot be drawn", hint=f"end it in {', '.join(endings)}"
        )


def metadata(path: Path) -> dict[str, Any]:
    """Return what a picture says about itself: nothing of the moment or the machine.

    Parameters
    ----------
    path : Path
        The picture; equal data make equal files.
    """
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {"Software": None}}
    return dates[path.suffix]


def date_axis(axes: "Axes") -> None:
    """Label the time axis as short as its span allows.

    Parameters
    ----------
    axes : Axes
        With datetime64 along x.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=10)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator, formats=DATES, zero_formats=FIRST_DATES, show_offset=False
    )
    axes.xaxis.set_major_formatter(formatter)


def number_axis(axes: "Axes", ticks_max: int, *, is_short: bool = False) -> None:
    """Label the other axis by plain numbers with equal decimals.

    Parameters
    ----------
    axes : Axes
        Any.
    ticks_max : int
        Steps at most.
    is_short : bool
        Whether millions may be written as M.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    class Numbers(FuncFormatter):
        def format_ticks(self, values: Sequence[float]) -> list[str]:
            return number_labels(values, is_short=is_short)

    axes.yaxis.set_major_locator(MaxNLocator(ticks_max))
    axes.yaxis.set_major_formatter(Numbers(lambda value, _: f"{value:,.10g}"))


def number_labels(values: Sequence[float], *, is_short: bool = False) -> list[str]:
    """Write the numbers of an axis with as many decimals as the one that needs most.

    Parameters
    ----------
    values : sequence of float
        Of the axis.
    is_short : bool
        Whether millions may be written as M, and thousands of them as B.

    Examples
    --------
    >>> from tickstep.drawing import number_labels
    >>> number_labels([8.4, 9.0]), number_labels([0, 2_500_000, 5e6], is_short=True)
    (['8.4', '9.0'], ['0', '2.5M', '5M'])
    """
    largest = max((abs(value) for value in values), default=0)
    for size, letter in ((1e9, "B"), (1e6, "M")):
        if is_short and largest >= 2 * size:
            return [f"{value / size:,.10g}{letter if value else ''}" for value in values]
    decimals = max((len(f"{value:.10g}".partition(".")[2]) for value in values), default=0)
    return [f"{value:,.{decimals}f}" for value in values]


def plot_range(
    axes: "Axes", times: Array, low: Array, high: Array, colour: str, width: float
) -> None:
    """Draw one line through the extremes of every slice.

    Parameters
    ----------
    axes : Axes
        Where to.
    times, low, high : array
        One entry for each slice.
    colour : str
        Of the line.
    width : float
        Of the line, in points.
    """
    zigzag = np.column_stack((low, high)).ravel()
    axes.plot(np.repeat(times, 2), zigzag, color=colour, linewidth=width, solid_joinstyle="round")


def span(times: Array) -> str:
    """Tell from when to when, in words.

    Parameters
    ----------
    times : array of datetime64
        Ascending, at least one.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.drawing import span
    >>> span(np.array(["2024-01-02T01:30:00", "2024-01-02T07:00:00"], dtype="M8[s]"))
    '2024-01-02 01:30:00 to 07:00:00 UTC'
    """
    first, last = (str(moment)[:19].replace("T", " ") for moment in times[[0, -1]])
    return f"{first} to {last[11:] if first[:10] == last[:10] else last} UTC"
