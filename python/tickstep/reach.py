"""How far a position could go: every open order of a side filled, and one that is asked about.

Whole numbers throughout: lots and ticks. Siblings of one group count once, for what one fills the
others lose. Orders that only reduce open nothing by themselves, but the lots they close are missing
where other orders of their side rest: resting sells of 10 and a close of 10 end 10 short.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tickstep.engine import OpenOrder, Order
from tickstep.errors import OrderError
from tickstep.scales import Scale
from tickstep.ticks import Number

__all__ = ["FLAT", "Ask", "Held", "Reach", "amended", "asked", "reach"]


class Ask(NamedTuple):
    """An order, or what an amendment would make of one; `sign` is 1 for a buy, -1 for a sell.

    `lots` is its total, `rest` what is not filled; `replaces` is the id of the order amended, or 0.
    """

    instrument: int
    sign: int
    lots: int
    rest: int
    limit: int | None
    trigger: int | None
    trail: int | None
    only_reduces: bool
    group: int
    replaces: int = 0

    @property
    def prices(self) -> list[int]:
        """Its limit and its trigger, those that it has."""
        return [each for each in (self.limit, self.trigger) if each is not None]


class Held(NamedTuple):
    """Lots of one instrument: long less short, and either side."""

    net: int
    long: int
    short: int


class Reach(NamedTuple):
    """Lots that a position could come to on either side; below 0 where it stays on the other."""

    long: int
    short: int

    def on(self, sign: int) -> int:
        """The side that buys (1) or sells (-1) lead to."""
        return self.long if sign > 0 else self.short


FLAT = Held(0, 0, 0)


def asked(order: Order, index: int, scale: Scale) -> Ask:
    """Read an order.

    Parameters
    ----------
    order : Order
        No alert.
    index : int
        Of its instrument.
    scale : Scale
        Of its instrument.

    Returns
    -------
    Ask
        Its whole numbers.

    Raises
    ------
    OrderError
        When a number is off its grid.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.reach import asked
    >>> from tickstep.scales import Scales
    >>> (scale,) = Scales.of(ts.EngineConfig(tick_size="0.5", lot=1)).instruments
    >>> asked(ts.Order("LIMIT", "SELL", 7, price=20), 0, scale).prices
    [40]
    """
    lots = scale.lot.index(order.qty or 0, "qty", OrderError)
    is_market = order.order_type == "MARKET"  # its price, if it has one, means nothing
    return Ask(
        index,
        _sign(order.side),
        lots,
        lots,
        None if is_market else _ticks(scale, "price", order.price),
        _ticks(scale, "trigger", order.trigger),
        _ticks(scale, "trail", order.trail),
        _only_reduces(order),
        order.oco_group,
    )


def amended(order: OpenOrder, changes: Mapping[str, Number], index: int, scale: Scale) -> Ask:
    """Read what an amendment would make of an open order.

    Parameters
    ----------
    order : OpenOrder
        As it stands.
    changes : mapping of str to number
        New values: qty, price, trigger, trail.
    index, scale
        As of `asked`.

    Returns
    -------
    Ask
        Its whole numbers; it replaces the order.

    Raises
    ------
    OrderError
        When a number is off its grid.
    """
    lots = order.qty_lots
    if "qty" in changes:
        lots = scale.lot.index(changes["qty"], "qty", OrderError)
    return Ask(
        index,
        _sign(order.side),
        lots,
        max(0, lots - order.filled_lots),
        _ticks(scale, "price", changes.get("price", order.price)),
        _ticks(scale, "trigger", changes.get("trigger", order.trigger)),
        _ticks(scale, "trail", changes.get("trail", order.trail)),
        _only_reduces(order),
        order.oco_group,
        order.order_id,
    )


def reach(held: Held, waiting: Iterable[OpenOrder], ask: Ask | None, is_hedged: bool) -> Reach:
    """Tell how far a position could go.

    Parameters
    ----------
    held : Held
        What there is.
    waiting : iterable of OpenOrder
        Open orders of the instrument; alerts among them are left out.
    ask : Ask or None
        One more order, or one that replaces another.
    is_hedged : bool
        Whether long and short are held side by side.

    Returns
    -------
    Reach
        In lots.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.reach import Held, reach
    >>> engine = ts.Engine(ts.EngineConfig(lot=1))
    >>> for qty, group in ((3, 0), (5, 1), (4, 1)):
    ...     _ = engine.place_order(ts.Order("LIMIT", "BUY", qty, price=9, oco_group=group))
    >>> reach(Held(2, 2, 0), engine.open_orders(), None, False)
    Reach(long=10, short=-2)
    """
    opening, reducing = _open_lots(waiting, ask)
    if is_hedged:
        return Reach(held.long + opening[1], held.short + opening[-1])
    covered = min(reducing[1], max(-held.net, 0))
    sold = min(reducing[-1], max(held.net, 0))
    return Reach(held.net + covered + opening[1], sold + opening[-1] - held.net)


def _open_lots(
    waiting: Iterable[OpenOrder], ask: Ask | None
) -> tuple[dict[int, int], dict[int, int]]:
    """Lots that wait to open, and that only reduce, by sign; of a group the largest."""
    parts = [] if ask is None else [(ask.sign, ask.rest, ask.only_reduces, ask.group)]
    replaced = 0 if ask is None else ask.replaces
    for each in waiting:
        if each.qty_lots and each.order_id != replaced:  # alerts have no lots
            rest = each.qty_lots - each.filled_lots
            parts.append((_sign(each.side), rest, _only_reduces(each), each.oco_group))
    groups: dict[tuple[int, bool, int], int] = {}
    sums: dict[bool, dict[int, int]] = {False: {1: 0, -1: 0}, True: {1: 0, -1: 0}}
    for sign, rest, only_reduces, group in parts:
        counted = groups.get((sign, only_reduces, group), 0) if group else 0
        sums[only_reduces][sign] += max(rest - counted, 0)
        if group:
            groups[sign, only_reduces, group] = max(rest, counted)
    return sums[False], sums[True]


def _sign(side: str) -> int:
    return 1 if side == "BUY" else -1


def _only_reduces(order: Order | OpenOrder) -> bool:
    return order.reduce_only or order.offset not in (None, "OPEN")


def _ticks(scale: Scale, name: str, value: Number | None) -> int | None:
    return None if value is None else scale.tick.index(value, name, OrderError)
