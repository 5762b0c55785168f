"""How new rows join stored ones: pure functions over columns, the same for every engine.

Bars are told apart by their time. Ticks have no name of their own: many share a time, so all rows of
one time are one group, and a group is only ever taken as a whole.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import gcd
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.data.duck import ABSENT
from tickstep.errors import DataError
from tickstep.ticks import Int64Array

__all__ = [
    "Columns",
    "Existing",
    "Merged",
    "common_step",
    "joined",
    "merged",
    "scaled",
    "step_text",
]

Columns = dict[str, npt.NDArray[Any]]
Existing = Literal["check", "keep", "replace", "drop"]
_LARGEST = 2**62


class Merged(NamedTuple):
    """Columns in order of time, and how many of the new rows were not there before."""

    columns: Columns
    added: int


def merged(kind: str, old: Columns, new: Columns, existing: Existing, name: str) -> Merged:
    """Join new rows to stored ones.

    Parameters
    ----------
    kind : {"bars", "ticks"}
        What the rows are.
    old, new : dict of str to array
        The same columns, each in order of time.
    existing : {"check", "keep"}
        Whether rows that are there must be equal, or win over the new ones.
    name : str
        What the data are called in an error.

    Returns
    -------
    Merged
        All rows.

    Raises
    ------
    DataError
        When rows of one time differ and `existing` is "check".
    """
    if not len(old["time"]):
        return Merged(new, len(new["time"]))
    is_known = np.isin(new["time"], old["time"])
    fresh = _rows(new, ~is_known)
    if not is_known.any() or existing == "keep":
        return Merged(_sorted(joined(old, fresh)), len(fresh["time"]))
    again = _rows(new, is_known)
    stored = _rows(old, np.isin(old["time"], again["time"]))
    grown = _Groups(stored, again, name).grown() if kind == "ticks" else None
    if grown is None:
        _check_equal(stored, again, name)
        return Merged(_sorted(joined(old, fresh)), len(fresh["time"]))
    longer, times = grown
    kept = _rows(old, ~np.isin(old["time"], times))
    columns = _sorted(joined(joined(kept, longer), fresh))
    return Merged(columns, len(columns["time"]) - len(old["time"]))


class _Groups:
    """The rows of times that stored and new ticks share."""

    def __init__(self, stored: Columns, again: Columns, name: str) -> None:
        self.stored, self.again, self.name = stored, again, name

    def grown(self) -> tuple[Columns, Int64Array] | None:
        """Return the groups that the new rows make longer, None when all are equal."""
        if _equal(self.stored, self.again):
            return None
        longer = []
        for time in np.unique(self.again["time"]):
            ours = _rows(self.stored, self.stored["time"] == time)
            theirs = _rows(self.again, self.again["time"] == time)
            shared = min(len(ours["time"]), len(theirs["time"]))
            if not _equal(_rows(ours, slice(shared)), _rows(theirs, slice(shared))):
                raise self._differ(int(time))
            if len(theirs["time"]) > shared:
                longer.append(theirs)
        if not longer:
            return _rows(self.again, slice(0)), np.zeros(0, dtype=np.int64)
        whole = longer[0]
        for group in longer[1:]:
            whole = joined(whole, group)
        return whole, np.unique(whole["time"])

    def _differ(self, time: int) -> DataError:
        return DataError(
            f"{self.name}: the ticks at time {time} differ from those that are stored",
            hint="cut batches between times, not within one; existing='keep' or 'replace' decides",
        )


def _check_equal(stored: Columns, again: Columns, name: str) -> None:
    for column, ours in stored.items():
        differs = np.flatnonzero(~_same(ours, again[column]))
        if differs.size:
            row = int(differs[0])
            raise DataError(
                f"{name}: {column} at time {stored['time'][row]} is stored as {ours[row]}"
                f" and given as {again[column][row]}",
                hint="existing='keep' keeps what is stored, existing='replace' takes what is given",
            )


def _equal(one: Columns, two: Columns) -> bool:
    return all(
        len(ours) == len(two[name]) and bool(_same(ours, two[name]).all())
        for name, ours in one.items()
    )


def _same(one: npt.NDArray[Any], two: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = one == two
    return same | ((one != one) & (two != two)) if one.dtype.kind == "f" else same


def _rows(columns: Columns, chosen: npt.NDArray[np.bool_] | slice) -> Columns:
    return {name: column[chosen] for name, column in columns.items()}


def joined(one: Columns, two: Columns) -> Columns:
    """Put the rows of the second below those of the first."""
    return {name: np.concatenate([column, two[name]]) for name, column in one.items()}


def _sorted(columns: Columns) -> Columns:
    time = columns["time"]
    if (time[1:] >= time[:-1]).all():
        return columns
    order = np.argsort(time, kind="stable")
    return {name: column[order] for name, column in columns.items()}


# Grids: data of one instrument may come on a coarser grid one day and a finer one the next.


def common_step(one: str, two: str) -> str:
    """Return the coarsest step on which both grids lie, as decimal text.

    Examples
    --------
    >>> from tickstep.data.merge import common_step
    >>> common_step("0.1", "0.25"), common_step("0.01", "0.01")
    ('0.05', '0.01')
    """
    first, second = Fraction(one), Fraction(two)
    top = gcd(first.numerator * second.denominator, second.numerator * first.denominator)
    return step_text(Fraction(top, first.denominator * second.denominator))


def step_text(step: Fraction) -> str:
    """Spell a decimal fraction exactly."""
    digits = 0
    while (step * 10**digits).denominator != 1:
        digits += 1
    whole = str(int(step * 10**digits))
    return (
        whole
        if not digits
        else f"{whole.zfill(digits + 1)[:-digits]}.{whole[-digits:].zfill(digits)}"
    )


def scaled(columns: Columns, ratios: Mapping[str, int], name: str) -> Columns:
    """Multiply columns by whole numbers, leaving out what is absent.

    Raises
    ------
    DataError
        When a number would leave the range of 62 bits.
    """
    if all(ratio == 1 for ratio in ratios.values()):
        return columns
    return {
        column: _times(values, ratios.get(column, 1), f"{name}: {column}")
        for column, values in columns.items()
    }


def _times(values: npt.NDArray[Any], ratio: int, name: str) -> npt.NDArray[Any]:
    if ratio == 1 or not len(values):
        return values
    is_absent = values == ABSENT
    present = np.where(is_absent, 0, values)
    largest = int(np.abs(present).max())
    if largest * ratio >= _LARGEST:
        raise DataError(
            f"{name} {largest} on a grid {ratio} times finer is beyond 62 bits",
            hint="store data of so different grids under different symbols",
        )
    return np.where(is_absent, ABSENT, present * ratio)
