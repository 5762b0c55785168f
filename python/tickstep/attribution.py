"""What each instrument, or group of them, brought in: parts that add up exactly to the whole."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tickstep.account import Account
from tickstep.explained import Parts, explained_parts

if TYPE_CHECKING:
    import polars as pl

__all__ = ["attribution_table"]

PARTS = ("positions", "trading", "fees", "income")


def attribution_table(account: Account, groups: Mapping[str, str] | None = None) -> "pl.DataFrame":
    """Split the profit of a run by instrument, or by group of instruments.

    Parameters
    ----------
    account : Account
        Of any number of instruments.
    groups : mapping of str to str, optional
        Group of each symbol, such as its sector; who is in none stands alone.

    Returns
    -------
    polars.DataFrame
        A row for each that had any part, the largest gain first: positions, trading, fees, income as
        in `explain_pnl` over the whole run, their sum `pnl` as money and in exact units, and
        `contribution`, pnl over the equity at the start.
    """
    import polars as pl

    first, last = account.span.tolist()
    times = np.array([first, last + 1], np.int64)
    sums: dict[str, dict[str, int]] = {}
    for index, parts in explained_parts(account, times).items():
        symbol = account.scales.symbols[index]
        own = sums.setdefault((groups or {}).get(symbol, symbol), dict.fromkeys(PARTS, 0))
        for name in PARTS:
            own[name] += int(_whole(parts, name))
    rows = sorted(sums.items(), key=lambda each: (-sum(each[1].values()), each[0]))
    units = {name: [own[name] for _, own in rows] for name in PARTS}
    total = [sum(own.values()) for _, own in rows]
    amounts = account.scales.amounts
    columns: dict[str, Any] = {"group" if groups else "symbol": [name for name, _ in rows]}
    columns |= {name: amounts(np.array(each, dtype=object)) for name, each in units.items()}
    columns["pnl"] = amounts(np.array(total, dtype=object))
    columns["contribution"] = np.array(total, dtype=np.float64) / account.scales.cash_units
    columns["pnl_units"] = pl.Series(total, dtype=pl.Int128)
    return pl.DataFrame(columns)


def _whole(parts: Parts, name: str) -> int:
    return sum(int(each) for each in getattr(parts, name))
