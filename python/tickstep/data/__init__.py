"""Market data from outside, as validated columns."""

from tickstep.data.load import read_trades

__all__ = ["read_trades"]
