"""Lives of orders: from all events, one row for each order, in exact integers."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tickstep.engine import REASON_BITS, EventKind, Events
from tickstep.ticks import Int64Array

__all__ = ["STATES", "OrderLives", "order_lives"]

ALERT_TYPES_START = 20  # order types from here on are alerts
STATES = ("OPEN", "FILLED", "CANCELLED", "EXPIRED", "REJECTED")
OPEN, FILLED, CANCELLED, EXPIRED, REJECTED = range(len(STATES))


@dataclass(frozen=True, eq=False)
class OrderLives:
    """Orders in order of their ids, alerts apart; one row each.

    Parameters
    ----------
    order_id, tag, instrument, side : array
        What it is; side is 1 for buys, -1 for sells.
    type : array of int64
        Number of the order type; 0 of a refused order, whose event does not tell.
    price_ticks : array of int64
        Its last limit, else trigger, else trail; 0 without.
    qty_lots, filled_lots : array of int64
        Total as last amended, and how much of it traded.
    placed_time, placed_index : array of int64
        Clock and row of its instrument when it was placed; row -1 before the first.
    first_fill_time, end_time : array of int64
        When it traded first, and when it ended; 0 where it did not: see `filled_lots` and `state`.
    end_index : array of int64
        Row of its instrument at its end; -1 while open.
    state : array of int64
        Index in `STATES`.
    reason : array of int64
        Why it was refused, cancelled or expired; 0 otherwise.
    value_tick_lots : array
        Sum of price times lots over its fills.
    fee_units : array of int64
        Sum of its fees.
    """

    order_id: Int64Array
    tag: npt.NDArray[Any]
    instrument: Int64Array
    side: Int64Array
    type: Int64Array
    price_ticks: Int64Array
    qty_lots: Int64Array
    filled_lots: Int64Array
    placed_time: Int64Array
    placed_index: Int64Array
    first_fill_time: Int64Array
    end_time: Int64Array
    end_index: Int64Array
    state: Int64Array
    reason: Int64Array
    value_tick_lots: npt.NDArray[Any]
    fee_units: Int64Array

    def __len__(self) -> int:
        return len(self.order_id)

    def taken(self, rows: Int64Array) -> Self:
        """Return some of the orders, by row."""
        return type(self)(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


def order_lives(events: Events) -> OrderLives:
    """Find the life of every order, refused ones included: O(events log events).

    Parameters
    ----------
    events : structured array
        All events of a run in order, as `EVENT_DTYPE`.

    Returns
    -------
    OrderLives
        One row for each order.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.orderlives import STATES, order_lives
    >>> engine = ts.Engine(ts.EngineConfig(tick_size=1, lot=1))
    >>> engine.place_order(ts.Order("LIMIT", "BUY", 2, price=99))
    1
    >>> engine.step_tick(ts.Tick(5, 100, 1, "BUY"))
    >>> engine.cancel_order(1)
    True
    >>> lives = order_lives(engine.events)
    >>> STATES[lives.state[0]], lives.qty_lots.tolist(), lives.end_time.tolist()
    ('CANCELLED', [2], [5])
    """
    own = events[events["order_id"] > 0]
    # An order's first event is its acceptance or its refusal; a later refusal is a command's.
    ids, first, order = np.unique(own["order_id"], return_index=True, return_inverse=True)
    births = own[first]
    is_accepted = births["kind"] == EventKind.ACCEPTED
    kinds = np.where(is_accepted, births["reason"] & REASON_BITS, 0).astype(np.int64)
    kept = np.flatnonzero((kinds < ALERT_TYPES_START) & _is_birth(births))
    row = np.full(len(ids), -1, np.int64)
    row[kept] = np.arange(len(kept))
    is_kept = row[order] >= 0
    return _lived(births[kept], kinds[kept], own[is_kept], row[order[is_kept]])


def _is_birth(births: Events) -> npt.NDArray[np.bool_]:
    return np.isin(births["kind"], (EventKind.ACCEPTED, EventKind.REJECTED))


def _lived(births: Events, kinds: Int64Array, events: Events, order: Int64Array) -> OrderLives:
    total, price = _whole(births["qty_lots"]), _whole(births["price_ticks"])
    amended = np.flatnonzero(events["kind"] == EventKind.AMENDED)
    # Of several amendments the last counts: numpy assigns in order.
    total[order[amended]] = events["qty_lots"][amended]
    price[order[amended]] = events["price_ticks"][amended]
    fills = np.flatnonzero(events["kind"] == EventKind.FILLED)
    filled, fees = np.zeros(len(births), np.int64), np.zeros(len(births), np.int64)
    size = np.abs(events["qty_lots"][fills])
    np.add.at(filled, order[fills], size)
    np.add.at(fees, order[fills], events["fee_units"][fills])
    state, reason, end_time, end_index = _ends(births, events, order)
    first_fill, last_fill = _first_and_last(events, order, fills, len(births))
    is_filled = (state == OPEN) & (filled > 0) & (filled >= np.abs(total))
    state[is_filled] = FILLED
    end_time[is_filled] = events["time"][last_fill[is_filled]]
    end_index[is_filled] = events["tick_index"][last_fill[is_filled]]
    return OrderLives(
        order_id=_whole(births["order_id"]),
        tag=births["tag"].copy(),
        instrument=_whole(births["instrument"]),
        side=np.sign(_whole(births["qty_lots"])),
        type=kinds,
        price_ticks=price,
        qty_lots=np.abs(total),
        filled_lots=filled,
        placed_time=_whole(births["time"]),
        placed_index=_whole(births["tick_index"]),
        first_fill_time=np.where(filled > 0, events["time"][first_fill], 0)
        if len(fills)
        else np.zeros(len(births), np.int64),
        end_time=end_time,
        end_index=end_index,
        state=state,
        reason=reason,
        value_tick_lots=_values(events, order, fills, len(births)),
        fee_units=fees,
    )


def _ends(
    births: Events, events: Events, order: Int64Array
) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
    """State, reason, time and row of what ended other than by a fill."""
    count = len(births)
    state, reason, time = (np.zeros(count, np.int64) for _ in range(3))
    index = np.full(count, -1, np.int64)
    for kind, reached in ((EventKind.CANCELLED, CANCELLED), (EventKind.EXPIRED, EXPIRED)):
        rows = np.flatnonzero(events["kind"] == kind)
        state[order[rows]] = reached
        reason[order[rows]] = events["reason"][rows] & REASON_BITS
        time[order[rows]] = events["time"][rows]
        index[order[rows]] = events["tick_index"][rows]
    refused = births["kind"] == EventKind.REJECTED
    state[refused] = REJECTED
    reason[refused] = births["reason"][refused] & REASON_BITS
    time[refused], index[refused] = births["time"][refused], births["tick_index"][refused]
    return state, reason, time, index


def _first_and_last(
    events: Events, order: Int64Array, fills: Int64Array, count: int
) -> tuple[Int64Array, Int64Array]:
    """Rows of the first and the last fill of each order; 0 without."""
    first, last = np.zeros(count, np.int64), np.zeros(count, np.int64)
    last[order[fills]] = fills
    first[order[fills[::-1]]] = fills[::-1]
    return first, last


def _values(events: Events, order: Int64Array, fills: Int64Array, count: int) -> npt.NDArray[Any]:
    prices, size = events["price_ticks"][fills], np.abs(events["qty_lots"][fills])
    turnover = float((np.abs(prices.astype(np.float64)) * size).sum())
    found = np.zeros(count, np.int64 if turnover < 2.0**62 else object)
    np.add.at(found, order[fills], prices.astype(found.dtype) * size.astype(found.dtype))
    return found


def _whole(column: npt.NDArray[Any]) -> Int64Array:
    return column.astype(np.int64)
