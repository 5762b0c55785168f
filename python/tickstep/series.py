"""What all numbers of a result begin with: finite numbers, or an error that names the row."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Float64Array

__all__ = ["Series", "checked", "checked_pair", "checked_share", "varies"]

Series = npt.NDArray[Any] | Sequence[float] | None  # None is what `returns` could not know


def checked(values: Series, name: str) -> Float64Array:
    """Return a column of finite float64; nothing for None, which every number then answers with None.

    Raises
    ------
    DataError
        For several dimensions, or a value that is not a finite number; it names the row.
    """
    try:
        column = np.asarray([] if values is None else values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} are no column of numbers: {error}", hint="give an array or a list of floats"
        ) from None
    if column.ndim != 1:
        raise DataError(
            f"{name} must have one dimension, was an array of shape {column.shape}",
            hint=f"give one column: {name}[:, 0]",
        )
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        raise DataError(
            f"{name} at row {bad[0]} must be a finite number, was {column[bad[0]]}",
            hint="drop such rows, or find out what made them",
        )
    return column


def checked_pair(
    values: Series, others: Series, names: tuple[str, str]
) -> tuple[Float64Array, Float64Array]:
    """Return two columns of the same length; row i of both is the same period."""
    first, second = checked(values, names[0]), checked(others, names[1])
    if len(first) != len(second):
        raise DataError(
            f"{names[0]} has {len(first)} rows and {names[1]} has {len(second)}",
            hint="align them first: the same periods, row for row",
        )
    return first, second


def checked_share(share: float, name: str) -> Fraction:
    """Return a probability between 0 and 1, both excluded, as the decimal it was written as."""
    if not 0 < share < 1:
        raise ConfigError(
            f"{name} is {share}: it must lie between 0 and 1", hint="0.05 is five percent"
        )
    return Fraction(repr(float(share)))


def varies(values: Float64Array) -> bool:
    """Whether there is a deviation to divide by: two rows at least, not all equal."""
    if len(values) < 2 or values.min() == values.max():
        return False
    # Squares of what is too small are 0, of what is too large infinite.
    with np.errstate(over="ignore"):
        return 0.0 < float(values.std(ddof=1)) < np.inf
