"""Profit and loss explained, period by period, in integers that add up to the change of equity.

Over a period from one point of a grid to the next, of each instrument:

    positions   lots held at its start * (last price before its end - last price before its start)
    trading     sum over its fills of lots * (last price before its end - price of the fill)
    fees        minus what the fills cost
    income      funding, dividends, interest, borrowing costs
    paid_in     deposits less withdrawals
    change      their sum: equity at the end - equity at the start
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.account import Account
from tickstep.engine import Events
from tickstep.equity import InstrumentPath, posted_first
from tickstep.scales import rows_of_each
from tickstep.tables import named, whole
from tickstep.ticks import Int64Array
from tickstep.trips import products

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Parts", "explained_parts", "explained_table"]

Units = npt.NDArray[Any]  # int64, or Python integers where int64 might not hold them

INT64_SAFE = 2.0**62


class Parts(NamedTuple):
    """Parts of the change of equity, in money units; row i is from point i to point i + 1."""

    positions: Units
    trading: Units
    fees: Units
    income: Units
    paid_in: Units

    @property
    def change(self) -> Units:
        """Their sum."""
        return _added(list(self), len(self.fees))


def explained_parts(account: Account, times: Int64Array) -> dict[int, Parts]:
    """Parts of the change of equity between points in time, of each instrument that has any.

    Parameters
    ----------
    account : Account
        Of any number of instruments.
    times : array of int64
        Points in order; each stands after every row before it, the last after all.

    Returns
    -------
    dict of int to Parts
        By index of the instrument.

    Examples
    --------
    >>> import numpy as np
    >>> import tickstep as ts
    >>> from tickstep.account import Account
    >>> from tickstep.explained import explained_parts
    >>> ticks = ts.Ticks.from_arrays([1, 5, 11], [50, 52, 49], [1] * 3, [0] * 3, tick_size=1, lot=1)
    >>> engine = ts.Engine(ts.EngineConfig(
    ...     tick_size=1, lot=1, money_unit=1, taker_fee=0, spread_bps=0))
    >>> _ = engine.place_order(ts.Order("MARKET", "BUY", 2))
    >>> engine.bind(ticks)
    >>> _ = engine.advance()
    >>> account = Account(engine.config, {"ASSET": ticks}, engine.events)
    >>> parts = explained_parts(account, np.array([0, 10, 20]))[0]
    >>> parts.positions.tolist(), parts.trading.tolist(), parts.change.tolist()
    ([0, -6], [4, 0], [4, -6])
    """
    fills = _by_instrument(account.fills)
    posted = account.postings[~posted_first(account.rows, account.postings)]
    postings = _by_instrument(posted)
    found = {}
    for index in sorted({*fills, *postings}):
        own = postings.get(index, posted[:0])
        is_flow = np.isin(own["reason"], (1, 2))
        found[index] = Parts(
            *_of_trading(account, index, fills.get(index, account.fills[:0]), times),
            _summed(own["realized_units"][~is_flow], own["time"][~is_flow], times),
            _summed(own["realized_units"][is_flow], own["time"][is_flow], times),
        )
    return found


def explained_table(account: Account, interval: str, by_instrument: bool) -> "pl.DataFrame":
    """Parts of the change of equity as a frame: a row for each period, or period and instrument.

    Parameters
    ----------
    account : Account
        Of any number of instruments.
    interval : str
        Length of a period, such as "1d"; periods begin at its multiples, UTC.
    by_instrument : bool
        False adds the instruments up.

    Returns
    -------
    polars.DataFrame
        `time` is the start of the period; money as floats, and the same in exact units. Of each
        instrument only the periods in which anything came or went.
    """
    import polars as pl

    times = account.grid(interval).times
    parts = explained_parts(account, times)
    scales = account.scales
    if not by_instrument:
        of_all = zip(*parts.values(), strict=True) if parts else ([] for _ in Parts._fields)
        parts = {0: Parts(*(_added(list(each), len(times) - 1) for each in of_all))}
    rows = {index: _kept(each, by_instrument) for index, each in parts.items()}
    instrument = np.repeat(list(rows), [len(each) for each in rows.values()]).astype(np.int64)
    row = _joined(list(rows.values()))
    order = np.lexsort((instrument, row))
    columns: dict[str, Any] = {"time": scales.datetimes(times[row[order]])}
    if by_instrument:
        columns["symbol"] = named(scales.symbols, instrument[order])
    taken = [Parts(*(part[rows[index]] for part in each)) for index, each in parts.items()]
    exact = {
        name: _joined([getattr(each, name) for each in taken])[order]
        for name in (*Parts._fields, "change")
    }
    columns |= {name: scales.amounts(units) for name, units in exact.items()}
    columns |= {f"{name}_units": whole(units) for name, units in exact.items()}
    return pl.DataFrame(columns)


def _of_trading(
    account: Account, index: int, fills: Events, times: Int64Array
) -> tuple[Units, Units, Units]:
    path: InstrumentPath = account.path.instruments[index]
    scale = account.scales.units_per_tick_lot[index : index + 1]
    rows = path.rows_before(times)
    # Before the first row nothing is held, so any price will do.
    prices = path.price_ticks if len(path.price_ticks) else np.zeros(1, np.int64)
    close = prices[np.maximum(rows, 0)]
    held = path.position_after(rows[:-1])
    period = _period_of(fills["time"], times)
    gains = close[period + 1] - fills["price_ticks"]
    traded = products(fills["qty_lots"].astype(np.int64), gains, np.repeat(scale, len(fills)))
    positions = products(held, np.diff(close), np.repeat(scale, len(held)))
    fees = -fills["fee_units"].astype(np.int64)
    return positions, _summed(traded, fills["time"], times), _summed(fees, fills["time"], times)


def _summed(units: Units, at: npt.NDArray[Any], times: Int64Array) -> Units:
    """Sum of what came in each period."""
    turnover = float(np.abs(units.astype(np.float64)).sum())
    found = np.zeros(len(times) - 1, np.int64 if turnover < INT64_SAFE else object)
    np.add.at(found, _period_of(at, times), units.astype(found.dtype))
    return found


def _period_of(at: npt.NDArray[Any], times: Int64Array) -> Int64Array:
    return np.searchsorted(times, at.astype(np.int64), side="right") - 1


def _by_instrument(events: Events) -> dict[int, Events]:
    return {index: events[rows] for index, rows in rows_of_each(events["instrument"])}


def _added(columns: list[Units], rows: int) -> Units:
    """Sum of columns, in int64 where it fits that."""
    reach = sum(float(np.abs(each.astype(np.float64)).max(initial=0.0)) for each in columns)
    total = np.zeros(rows, np.int64 if reach < INT64_SAFE else object)
    for each in columns:
        total += each.astype(total.dtype, copy=False)
    return total


def _kept(parts: Parts, by_instrument: bool) -> Int64Array:
    periods = len(parts.fees)
    if not by_instrument:
        return np.arange(periods)
    is_any = np.zeros(periods, dtype=bool)
    for part in parts:
        is_any |= part != 0
    return np.flatnonzero(is_any)


def _joined(parts: list[Units]) -> Units:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
