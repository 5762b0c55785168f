"""What others say where there is no number: NaN, infinity or 0 instead of None."""

import math

import numpy as np

__all__ = ["or_nan", "power", "quotient", "quotient_or_zero"]


def or_nan(number: float | None) -> float:
    """Return the number, NaN for None."""
    return math.nan if number is None else number


def quotient(numerator: float, denominator: float) -> float:
    """Return numerator / denominator as floats divide: infinity over 0, NaN for 0 / 0.

    Examples
    --------
    >>> from tickstep.compat.absent import quotient
    >>> quotient(1.0, 4.0), quotient(-1.0, 0.0), quotient(0.0, 0.0)
    (0.25, -inf, nan)
    """
    if denominator:
        return float(numerator) / float(denominator)
    return math.copysign(math.inf, numerator) if numerator and numerator == numerator else math.nan


def quotient_or_zero(numerator: float, denominator: float) -> float:
    """Return numerator / denominator, and 0 where there is nothing to divide by.

    Examples
    --------
    >>> from tickstep.compat.absent import quotient_or_zero
    >>> quotient_or_zero(1.0, 4.0), quotient_or_zero(1.0, 0.0)
    (0.25, 0.0)
    """
    return float(numerator) / float(denominator) if denominator else 0.0


def power(base: float, exponent: float) -> float:
    """Return base ^ exponent as floats raise: infinity beyond them, NaN for a root of less than 0.

    Examples
    --------
    >>> from tickstep.compat.absent import power
    >>> power(1.5, 2), power(2.0, 5000), power(-0.5, 0.5)
    (2.25, inf, nan)
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return float(np.power(np.float64(base), exponent))
