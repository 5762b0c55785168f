"""What each instrument, or group of them, brought in: parts that add up exactly to the whole."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tickstep.account import Account
from tickstep.errors import ConfigError
from tickstep.explained import Parts, explained_parts
from tickstep.scales import rows_of_each

if TYPE_CHECKING:
    import polars as pl

__all__ = ["attribution_table", "by_owner_table"]

NOBODY = "(risk)"
OWNED = ("strategy", "symbol", "fills", "fees", "position", "pnl", "pnl_units")
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
        `contribution`, pnl over the equity at the start, null where that is 0.
    """
    import polars as pl

    if groups is not None and not isinstance(groups, Mapping):
        raise ConfigError(f"groups {groups!r} are no mapping", hint='{"AAPL": "technology"}')
    first, last = account.span.tolist()
    times = np.array([first, last + 1], np.int64)
    sums: dict[str, dict[str, int]] = {}
    for index, parts in explained_parts(account, times).items():
        symbol = account.scales.symbols[index]
        own = sums.setdefault((groups or {}).get(symbol, symbol), dict.fromkeys(PARTS, 0))
        for name in PARTS:
            own[name] += _whole(parts, name)
    rows = sorted(sums.items(), key=lambda each: (-sum(each[1].values()), each[0]))
    units = {name: [own[name] for _, own in rows] for name in PARTS}
    total = [sum(own.values()) for _, own in rows]
    amounts = account.scales.amounts
    columns: dict[str, Any] = {"group" if groups else "symbol": [name for name, _ in rows]}
    columns |= {name: amounts(np.array(each, dtype=object)) for name, each in units.items()}
    columns["pnl"] = amounts(np.array(total, dtype=object))
    start = account.scales.cash_units
    shares = [each / start if start else None for each in total]
    columns["contribution"] = pl.Series(shares, dtype=pl.Float64)
    columns["pnl_units"] = pl.Series(total, dtype=pl.Int128)
    return pl.DataFrame(columns)


def by_owner_table(account: Account, owners: Mapping[str, Sequence[int]]) -> "pl.DataFrame":
    """Split the profit of a run by who placed the orders.

    Parameters
    ----------
    account : Account
        Of any number of instruments.
    owners : mapping of str to sequence of int
        Ids of the orders of each owner.

    Returns
    -------
    polars.DataFrame
        A row for each owner and instrument: fills, fees, position at the end, and `pnl`, the fills at
        the last price less their fees, as money and in exact units.
    """
    import polars as pl

    fills, scales = account.fills, account.scales
    rows: list[tuple[Any, ...]] = []
    known = np.concatenate([np.asarray(each, dtype=np.uint64) for each in owners.values()])
    # What a risk manager trades is nobody's own.
    others = np.setdiff1d(fills["order_id"], known)
    for name, ids in {**owners, NOBODY: others}.items():
        own = fills[np.isin(fills["order_id"], np.asarray(ids, dtype=np.uint64))]
        for index, at in rows_of_each(own["instrument"]):
            each, scale = own[at], scales.instruments[index]
            last = int(account.rows[index].price_ticks[-1])
            gains = zip(each["qty_lots"].tolist(), each["price_ticks"].tolist(), strict=True)
            earned = sum(lots * (last - price) for lots, price in gains) * scale.units_per_tick_lot
            fees, lots = int(each["fee_units"].sum()), int(each["qty_lots"].sum())
            money = scales.money.value
            held = scale.lot.value(lots)
            units = earned - fees
            rows.append((name, scale.symbol, len(each), money(fees), held, money(units), units))
    return pl.DataFrame(rows, schema=OWNED, orient="row")


def _whole(parts: Parts, name: str) -> int:
    return sum(int(each) for each in getattr(parts, name))
