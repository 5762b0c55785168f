"""Where a limit could first be broken: prices to be woken at, so that nobody looks in between.

A limit on equity leaves *room*: how many money units are left until it is broken. Room changes with
prices alone, as long as nothing trades, and by so much for each tick that an instrument rises or
falls. The room is split into shares, one for each instrument, in proportion to the value held. A share
is spent when its instrument has moved as many ticks as the share pays for. While none has moved
further, all of them together have spent no more than the room, and the limit holds. So one alert one
tick beyond each share is enough: when one fires, somebody counts exactly, and splits what room is left
anew. Of one instrument the alert is on the very first price at which the limit is broken.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ["Guard", "alert_prices"]


class Guard(NamedTuple):
    """A limit that holds: its room, and by instrument what a tick down and a tick up cost of it.

    What a tick brings instead counts as 0. `is_bent` says that costs hold up to a price of 0 only.
    """

    room: int
    costs: Mapping[int, tuple[int, int]]
    is_bent: bool = False


def alert_prices(
    guards: Iterable[Guard], prices: Mapping[int, int]
) -> dict[tuple[int, bool], tuple[int, int]]:
    """Tell the nearest prices beyond the shares of all guards.

    Parameters
    ----------
    guards : iterable of Guard
        Limits, none of them broken.
    prices : mapping of int to int
        Last prices in ticks, of every instrument that a guard names.

    Returns
    -------
    dict
        By instrument and direction (True is up): the price, and the ticks from here to there.

    Examples
    --------
    One instrument, 20 units of room, 3 for each tick down: 6 ticks are paid for, the seventh is not.

    >>> from tickstep.guards import Guard, alert_prices
    >>> alert_prices([Guard(20, {0: (3, 0)})], {0: 100})
    {(0, False): (93, 7)}

    Two that hold the same value share the room.

    >>> alert_prices([Guard(20, {0: (1, 0), 1: (0, 2)})], {0: 100, 1: 50})
    {(0, False): (90, 10), (1, True): (56, 6)}
    """
    nearest: dict[tuple[int, bool], tuple[int, int]] = {}
    for guard in guards:
        # One more than the price, for a price may be 0.
        weights = {index: abs(prices[index]) + 1 for index in guard.costs}
        total = sum(max(each) * weights[index] for index, each in guard.costs.items())
        for index, costs in guard.costs.items():
            price = prices[index]
            for is_up, cost in enumerate(costs):
                if cost <= 0:
                    continue
                paid = guard.room * max(costs) * weights[index] // (total * cost)
                if guard.is_bent and price != 0:
                    paid = min(paid, abs(price))
                key = (index, bool(is_up))
                if key not in nearest or paid + 1 < nearest[key][1]:
                    nearest[key] = (price + paid + 1 if is_up else price - paid - 1, paid + 1)
    return nearest
