"""Signals by row: when to go long or short and when to leave, for one set of parameters or many.

A signal of a row is known after the row. Sets are kept sparse, as the rows that have a signal at all: a
run over them costs per signal and not per row. `ts.from_signals` trades them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tickstep._kernel import sma_signals
from tickstep.bars import Bars
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Int64Array, Ticks, UInt8Array

__all__ = ["ENTRY", "EXIT", "SHORT_ENTRY", "SHORT_EXIT", "SignalSets", "of_columns", "sma_cross"]

ENTRY, EXIT, SHORT_ENTRY, SHORT_EXIT = 1, 2, 4, 8
COLUMNS = {"entries": ENTRY, "exits": EXIT, "short_entries": SHORT_ENTRY, "short_exits": SHORT_EXIT}
ROWS_END = 2**32
BLOCK_SETS = 16  # sets read together: columns of an array lie side by side


class SignalSets:
    """Sets of signals over the same rows.

    Parameters
    ----------
    rows : array of uint32, shape (signals,)
        After which rows, ascending within a set; set after set.
    kinds : array of uint8, shape (signals,)
        What for: `ENTRY`, `EXIT`, `SHORT_ENTRY`, `SHORT_EXIT` or a sum of them.
    offsets : array of int64, shape (sets + 1,)
        Where each set begins in the other two, and where the last ends.
    row_count : int
        Rows of the data.
    parameters : mapping of str to array, shape (sets,), optional
        What tells the sets apart.
    is_one : bool
        Whether it is one set rather than a list of one.

    Raises
    ------
    DataError
        When the parts do not fit each other.

    Examples
    --------
    >>> from tickstep.signals import ENTRY, EXIT, SignalSets
    >>> SignalSets([3, 7], [ENTRY, EXIT], [0, 2], row_count=10)
    SignalSets(1 set, 2 signals, 10 rows)
    """

    def __init__(
        self,
        rows: npt.ArrayLike,
        kinds: npt.ArrayLike,
        offsets: npt.ArrayLike,
        *,
        row_count: int,
        parameters: Mapping[str, npt.ArrayLike] | None = None,
        is_one: bool = False,
    ) -> None:
        self.rows: npt.NDArray[np.uint32] = _kept(rows, np.uint32)
        self.kinds: UInt8Array = _kept(kinds, np.uint8)
        self.offsets: Int64Array = _kept(offsets, np.int64)
        self.row_count = row_count
        self.is_one = is_one
        self.parameters = {name: np.asarray(each) for name, each in (parameters or {}).items()}
        self._check()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> "SignalSets":
        """Give one set."""
        place = range(len(self))[index]
        first, last = self.offsets[place : place + 2].tolist()
        return SignalSets(
            self.rows[first:last],
            self.kinds[first:last],
            [0, last - first],
            row_count=self.row_count,
            parameters={name: each[place : place + 1] for name, each in self.parameters.items()},
            is_one=True,
        )

    def repeated(self, sets: int) -> "SignalSets":
        """Give so many times the one set there is; many as they are.

        Raises
        ------
        DataError
            When there are several, and another number of them.
        """
        if len(self) == sets:
            return self
        if len(self) != 1:
            raise DataError(
                f"there are {len(self)} sets of signals where others are {sets}",
                hint="give as many columns of each, or one column for all",
            )
        ends = len(self.rows) * np.arange(sets + 1)
        rows, kinds = np.tile(self.rows, sets), np.tile(self.kinds, sets)
        return SignalSets(rows, kinds, ends, row_count=self.row_count)

    def _check(self) -> None:
        offsets, count = self.offsets, len(self.rows)
        is_cut = len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == count
        if not is_cut or np.any(np.diff(offsets) < 0) or len(self.kinds) != count:
            raise DataError(
                "offsets do not cut rows and kinds into sets",
                hint="begin at 0, ascend, and end at their length",
            )
        steps = np.diff(self.rows.astype(np.int64))
        steps[offsets[1:-1][(offsets[1:-1] > 0) & (offsets[1:-1] < count)] - 1] = 1
        is_within = count == 0 or int(self.rows.max()) < self.row_count <= ROWS_END
        if np.any(steps <= 0) or not is_within:
            raise DataError(
                f"the rows of a set do not ascend within the {self.row_count} rows of the data",
                hint="sort them; a row has one signal, of several kinds if need be",
            )
        for name, each in self.parameters.items():
            if each.shape != (len(self),):
                raise DataError(
                    f"the parameter {name} has the shape {each.shape}, there are {len(self)} sets",
                    hint="give one value for each set",
                )

    def __repr__(self) -> str:
        sets = "1 set" if len(self) == 1 else f"{len(self):,} sets"
        return f"SignalSets({sets}, {len(self.rows):,} signals, {self.row_count:,} rows)"


def of_columns(row_count: int, columns: Mapping[str, npt.ArrayLike | None]) -> SignalSets:
    """Take signals as columns of booleans.

    Parameters
    ----------
    row_count : int
        Rows of the data.
    columns : mapping
        Arrays of bool of the shape (rows,) or (rows, sets), or None, by "entries", "exits",
        "short_entries" and "short_exits".

    Returns
    -------
    SignalSets
        Rows that have any.

    Raises
    ------
    DataError
        For another shape, or anything but True and False.

    Examples
    --------
    >>> from tickstep.signals import of_columns
    >>> of_columns(3, {"entries": [True, False, False], "exits": [False, False, True]}).rows.tolist()
    [0, 2]
    """
    given = {
        name: _booleans(name, column, row_count)
        for name, column in columns.items()
        if column is not None
    }
    if not given:
        raise DataError("there are no signals", hint="give entries, or short_entries")
    counts = {each.shape[1] for each in given.values() if each.ndim > 1}
    if len(counts) > 1:
        raise DataError(
            f"columns are of {' and '.join(map(str, sorted(counts)))} sets",
            hint="give as many columns of each, or one column for all",
        )
    sets = counts.pop() if counts else 1
    rows, kinds, offsets = [], [], [0]
    for first in range(0, sets, BLOCK_SETS):
        block = np.zeros((min(BLOCK_SETS, sets - first), row_count), np.uint8)
        for name, each in given.items():
            part = each[:, first : first + BLOCK_SETS].T if each.ndim > 1 else each
            block |= part * np.uint8(COLUMNS[name])
        for kind in block:
            found = np.flatnonzero(kind)
            rows.append(found.astype(np.uint32))
            kinds.append(kind[found])
            offsets.append(offsets[-1] + len(found))
    is_one = all(each.ndim == 1 for each in given.values())
    none = np.zeros(0, np.uint32)
    return SignalSets(
        np.concatenate([none, *rows]),
        np.concatenate([none.astype(np.uint8), *kinds]),
        offsets,
        row_count=row_count,
        is_one=is_one,
    )


def sma_cross(
    data: Ticks | Bars,
    fast: int | Sequence[int] | Int64Array,
    slow: int | Sequence[int] | Int64Array,
    *,
    short: bool = False,
) -> SignalSets:
    """Find where moving averages cross, for every fast and every longer slow window.

    Averages are of prices of ticks, or of closes, and exact: two are equal when their sums say so. A
    set enters at a row at which its fast mean has come to be above its slow mean, and leaves where it
    no longer is. The first row that has both means has no signal.

    Parameters
    ----------
    data : Ticks or Bars
        Rows to average.
    fast, slow : int or sequence of int, rows
        Windows. Pairs in which the fast one is not shorter are left out.
    short : bool
        Be short while the fast mean is not above, rather than flat.

    Returns
    -------
    SignalSets
        For `from_signals`, with the parameters `fast` and `slow`: one set for two numbers, else a set
        for each pair, the slow windows of the first fast one first.

    Raises
    ------
    ConfigError
        When a window is below 1, or no pair is left.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.demo import sample
    >>> crosses = ts.signals.sma_cross(sample(3_000), [10, 20], [20, 50])
    >>> crosses.parameters["fast"].tolist(), crosses.parameters["slow"].tolist()
    ([10, 10, 20], [20, 50, 50])
    """
    windows = [_windows(name, each) for name, each in (("fast", fast), ("slow", slow))]
    pairs = [(one, other) for one in windows[0] for other in windows[1] if one < other]
    if not pairs:
        raise ConfigError(
            f"no fast window of {windows[0]} is shorter than a slow one of {windows[1]}",
            hint="give the shorter windows first",
        )
    prices = data.close_ticks if isinstance(data, Bars) else data.price_ticks
    rows, kinds, offsets = sma_signals(np.ascontiguousarray(prices), pairs, short)
    return SignalSets(
        rows,
        kinds,
        offsets,
        row_count=len(data),
        parameters={
            "fast": np.array([one for one, _ in pairs]),
            "slow": np.array([other for _, other in pairs]),
        },
        is_one=np.ndim(fast) == np.ndim(slow) == 0,
    )


def _windows(name: str, given: int | Sequence[int] | Int64Array) -> list[int]:
    windows = np.atleast_1d(np.asarray(given))
    if windows.ndim > 1 or windows.dtype.kind not in "iu" or np.any(windows < 1):
        raise ConfigError(
            f"{name} is {given!r}: a window is a whole number of rows, at least 1",
            hint=f"{name}=20, or {name}=range(10, 100, 10)",
        )
    return [int(each) for each in windows]


def _booleans(name: str, column: npt.ArrayLike, row_count: int) -> npt.NDArray[np.bool_]:
    found = np.asarray(column)
    if found.dtype != np.bool_:
        raise DataError(
            f"{name} must be True or False in every row, was an array of {found.dtype}",
            hint=f"compare: {name} = fast > slow; what is not known is False",
        )
    if found.ndim not in (1, 2) or found.shape[0] != row_count:
        raise DataError(
            f"{name} has the shape {found.shape}, the data have {row_count} rows",
            hint="give one value for each row, or one column of them for each set",
        )
    return found


def _kept(column: npt.ArrayLike, dtype: Any) -> npt.NDArray[Any]:
    """A copy, if need be, that nobody can write to."""
    found = np.array(column, dtype=dtype)
    found.flags.writeable = False
    return found
