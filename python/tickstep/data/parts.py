"""Columns as the parsers hand them over: joined, sorted and freed of repeats, each step counted."""

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.data.merge import Columns, common_step, joined, scaled
from tickstep.errors import DataError
from tickstep.ticks import NS_PER_UNIT

__all__ = [
    "Part",
    "aligned",
    "begin_ns",
    "frozen_columns",
    "join",
    "kept",
    "sort",
    "without_repeats",
]


class Part(NamedTuple):
    """Rows of one instrument; columns on the grids have names that end in `_ticks` and `_lots`."""

    columns: Columns
    tick_size: str
    lot: str
    time_unit: str
    symbol: str | None = None


def join(parts: Sequence[Part], name: str) -> Part:
    """Put rows below each other, on the coarsest grids and time unit that hold all of them.

    Raises
    ------
    DataError
        When the parts differ in symbol or columns, or no grid holds all of them.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.data.parts import Part, join
    >>> one = Part({"time": np.array([1]), "price_ticks": np.array([7])}, "0.1", "1", "s")
    >>> two = Part({"time": np.array([2000]), "price_ticks": np.array([75])}, "0.01", "1", "ms")
    >>> whole = join([one, two], "x")
    >>> whole.tick_size, whole.columns["time"].tolist(), whole.columns["price_ticks"].tolist()
    ('0.01', [1000, 2000], [70, 75])
    """
    parts = aligned(parts, name)
    return parts[0]._replace(columns=reduce(joined, (part.columns for part in parts)))


def aligned(parts: Sequence[Part], name: str) -> list[Part]:
    """Put parts on the coarsest grids and time unit that hold all of them."""
    for part in parts[1:]:
        _check_alike(parts[0], part, name)
    tick_size = reduce(common_step, (part.tick_size for part in parts))
    lot = reduce(common_step, (part.lot for part in parts))
    time_unit = min((part.time_unit for part in parts), key=NS_PER_UNIT.__getitem__)
    whole = parts[0]._replace(tick_size=tick_size, lot=lot, time_unit=time_unit)
    return [whole._replace(columns=_regridded(part, whole, name)) for part in parts]


def begin_ns(part: Part) -> int:
    """Return the first time of a part in ns since 1970."""
    return int(part.columns["time"].min()) * NS_PER_UNIT[part.time_unit]


def sort(part: Part) -> tuple[Part, int]:
    """Put rows in order of time, equal times in their order; how many came before an earlier one."""
    time = part.columns["time"]
    moved = int(np.count_nonzero(time[1:] < time[:-1]))
    if not moved:
        return part, 0
    return kept(part, np.argsort(time, kind="stable")), moved


def without_repeats(part: Part) -> tuple[Part, int]:
    """Leave out rows that equal the row before them; how many there were."""
    is_repeat = repeats_in(part.columns)
    repeats = int(np.count_nonzero(is_repeat))
    return (kept(part, ~is_repeat), repeats) if repeats else (part, 0)


def repeats_in(columns: Columns) -> npt.NDArray[np.bool_]:
    """Tell which rows equal the row before in every column; NaN equals NaN."""
    is_repeat = np.ones(len(columns["time"]), dtype=np.bool_)
    is_repeat[:1] = False
    for column in columns.values():
        same = column[1:] == column[:-1]
        if column.dtype.kind == "f":
            same |= np.isnan(column[1:]) & np.isnan(column[:-1])
        is_repeat[1:] &= same
    return is_repeat


def kept(part: Part, rows: npt.NDArray[Any] | slice) -> Part:
    """Take some rows."""
    return part._replace(columns={name: column[rows] for name, column in part.columns.items()})


def frozen_columns(part: Part) -> dict[str, Any]:
    """Make the columns read-only, so that data classes take them without a copy."""
    for column in part.columns.values():
        column.flags.writeable = False
    return part.columns


def _check_alike(one: Part, other: Part, name: str) -> None:
    if one.symbol != other.symbol:
        raise DataError(
            f"{name}: the files are of {one.symbol} and {other.symbol}",
            hint="read the files of each symbol on their own",
        )
    if one.columns.keys() != other.columns.keys():
        differing = sorted(one.columns.keys() ^ other.columns.keys())
        raise DataError(
            f"{name}: only some of the files have the columns {', '.join(differing)}",
            hint="name the columns to be read by columns={...}",
        )


def _regridded(part: Part, whole: Part, name: str) -> Columns:
    per_tick = _ratio(part.tick_size, whole.tick_size)
    per_lot = _ratio(part.lot, whole.lot)
    ratios = {"time": NS_PER_UNIT[part.time_unit] // NS_PER_UNIT[whole.time_unit]}
    for column in part.columns:
        if column.endswith("_ticks"):
            ratios[column] = per_tick
        elif column.endswith("_lots"):
            ratios[column] = per_lot
    return scaled(part.columns, ratios, name)


def _ratio(coarse: str, fine: str) -> int:
    return int(Fraction(coarse) / Fraction(fine))
