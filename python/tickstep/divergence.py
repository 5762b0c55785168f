"""Where two lists of events part, in words."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tickstep._kernel import ORDER_TYPES
from tickstep.engine import LIQUIDITY_MAKER, REASON_BITS, EventKind, Events, Reason
from tickstep.scales import Scales

__all__ = ["Difference", "described", "difference_lines", "first_difference"]

ORDER_TYPE_NAMES = {number: name for name, number in ORDER_TYPES.items()}
NO_EVENT = {"kind": "no such event"}


@dataclass(frozen=True, repr=False)
class Difference:
    """The first event in which two runs differ, or that there is none.

    Parameters
    ----------
    row : int or None
        Its number, from 0; None when the events are the same.
    lines : list of str
        What there is to say; `str` joins them.
    """

    row: int | None
    lines: list[str]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        return str(self)


def first_difference(recorded: Events, now: Events) -> int | None:
    """Find the first row in which two lists of events differ.

    Parameters
    ----------
    recorded, now : structured array
        Events, as `EVENT_DTYPE`.

    Returns
    -------
    int or None
        The row; where one list is the beginning of the other, the row after its end; None when they
        are equal.

    Examples
    --------
    >>> import numpy as np
    >>> import tickstep as ts
    >>> from tickstep.divergence import first_difference
    >>> events = np.zeros(3, dtype=ts.EVENT_DTYPE)
    >>> first_difference(events, events), first_difference(events, events[:2])
    (None, 2)
    """
    both = min(len(recorded), len(now))
    rows = np.flatnonzero(recorded[:both] != now[:both])
    if len(rows):
        return int(rows[0])
    return None if len(recorded) == len(now) else both


def difference_lines(
    row: int,
    first: tuple[Events, Scales],
    second: tuple[Events, Scales],
    names: tuple[str, str] = ("recorded", "now"),
) -> list[str]:
    """Show one row of two lists of events beside each other, what differs marked.

    Parameters
    ----------
    row : int
        From 0.
    first, second : events and scales
        Of the two runs.
    names : (str, str)
        What the runs are called.
    """
    sides = [described(events, row, scales) for events, scales in (first, second)]
    counts = ", ".join(
        f"{len(events):,} {name}" for name, (events, _) in zip(names, (first, second), strict=True)
    )
    lines = [
        f"first diverging event: number {row + 1:,} ({counts})",
        f"  {'':<13}{names[0]:<30}{names[1]:<30}".rstrip(),
    ]
    for name in dict.fromkeys(name for side in sides for name in side):
        was, is_now = (side.get(name, "–") for side in sides)
        mark = " " if was == is_now else "*"
        lines.append(f"{mark} {name:<13}{was:<30}{is_now:<30}".rstrip())
    return lines


def described(events: Events, row: int, scales: Scales) -> dict[str, str]:
    """Say what an event is, part by part.

    Parameters
    ----------
    events : structured array
        As `EVENT_DTYPE`.
    row : int
        Which; beyond the end there is no such event.
    scales : Scales
        What its integers stand for.

    Returns
    -------
    dict of str to str
        Text of each part, by its name.
    """
    if row >= len(events):
        return dict(NO_EVENT)
    event = dict(zip(events.dtype.names or (), events[row].tolist(), strict=True))
    index = event["instrument"]
    if index >= len(scales.instruments):  # a record that was changed may hold any number
        return {"kind": _name_in(EventKind, event["kind"]), "instrument": str(index)}
    scale = scales.instruments[index]
    symbol = {"symbol": scale.symbol} if len(scales.instruments) > 1 else {}
    (moment,) = np.array([event["time"]]).view(f"datetime64[{scales.time_unit}]").astype(str)
    return {
        "kind": _name_in(EventKind, event["kind"]),
        "reason": _reason_text(event),
        **symbol,
        "time": "before the first tick" if event["tick_index"] < 0 else moment.replace("T", " "),
        "tick": f"{event['tick_index']:,}",
        "order": str(event["order_id"]),
        "tag": str(event["tag"]),
        "price": str(scale.tick.decimal(event["price_ticks"])),
        "qty": str(scale.lot.decimal(event["qty_lots"])),
        "fee": str(scales.money.decimal(event["fee_units"])),
        "realized": str(scales.money.decimal(event["realized_units"])),
        "position": str(scale.lot.decimal(event["position_after_lots"])),
    }


def _reason_text(event: dict[str, Any]) -> str:
    kind, reason = event["kind"], event["reason"]
    if kind == EventKind.FILLED:
        return "MAKER" if reason & REASON_BITS == LIQUIDITY_MAKER else "TAKER"
    if kind == EventKind.ACCEPTED:
        return ORDER_TYPE_NAMES.get(reason & REASON_BITS, str(reason))
    if kind in (EventKind.REJECTED, EventKind.CANCELLED, EventKind.EXPIRED):
        return _name_in(Reason, reason & REASON_BITS)
    return str(reason)


def _name_in(kind: type[EventKind] | type[Reason], number: int) -> str:
    try:
        return kind(number).name
    except ValueError:  # a record that was changed may hold any number
        return str(number)
