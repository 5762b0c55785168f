"""What the numbers of a run rest on, and what in them to mistrust, in words."""

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from tickstep.account import Account
from tickstep.barticks import BarTicks
from tickstep.engine import EngineConfig, Events, Reason
from tickstep.orderlives import CANCELLED, STATES
from tickstep.scales import rows_of_each

__all__ = ["assumptions_of", "warnings_of"]

SYMBOLS_NAMED = 3

LIMITS = {
    "through": "resting limits trade only when the price goes beyond them",
    "touch": "resting limits trade in full as soon as the price touches them, ahead of all others",
}
BAR_FILLS = {
    "next_open": "what is ordered when a bar is over trades at the next open",
    "close": "what is ordered when a bar is over trades at its close, as if that were known before",
    "path": (
        "inside a bar the price goes from the open to the nearer extreme, to the other, to the close; "
        "what is ordered then trades at the next open"
    ),
}
INSIDE_A_BAR = {
    "stops_first": "of a stop and a limit that one bar reaches both, the stop trades first",
    "limits_first": "of a stop and a limit that one bar reaches both, the limit trades first",
}


def assumptions_of(config: EngineConfig, data: Mapping[str, Any]) -> list[str]:
    """Say how orders fill and what they cost.

    Parameters
    ----------
    config : EngineConfig
        What the kernel runs with.
    data : mapping of str to Ticks or BarTicks
        What it runs over.

    Returns
    -------
    list of str
        A sentence each; what holds for some instruments only says for which.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.assumptions import assumptions_of
    >>> config = ts.EngineConfig(latency=1, fill="through")
    >>> for line in assumptions_of(config, {"ASSET": None})[:3]:
    ...     print(line)
    orders and cancels act from 1 ms after they are given, never on the tick that led to them
    resting limits trade only when the price goes beyond them
    orders trade in full on one tick, whatever its size
    """
    canonical = config.canonical()
    instruments = canonical["instruments"]
    told = [_latency(int(canonical["latency"]), canonical["time_unit"])]
    if int(canonical["latency"]) > 1 and any(isinstance(each, BarTicks) for each in data.values()):
        told.append("what becomes live inside a bar trades at the price before: that of its open")
    rules: list[Callable[[dict[str, Any], str | None], str | None]] = [
        lambda _, bar_fill: None if bar_fill is None else BAR_FILLS[bar_fill],
        lambda each, _: LIMITS[each["fill"]],
        _quantity,
        _inside_a_bar,
        _spread,
        _fees,
    ]
    for rule in rules:
        found: dict[str, list[str]] = {}
        for each in instruments:
            rows = data[each["symbol"]]
            text = rule(each, rows.bar_fill if isinstance(rows, BarTicks) else None)
            if text is not None:
                found.setdefault(text, []).append(each["symbol"])
        is_same = len(found) == 1 and len(*found.values()) == len(instruments)
        told += [text if is_same else f"{_some(of)}: {text}" for text, of in found.items()]
    if canonical["account"] is None:
        told.append("cash may go below 0 without interest; account='cash' refuses what is not paid")
    return told


def _latency(latency: int, unit: str) -> str:
    if latency == 0:
        return "orders act from the next tick on, be it of the same time"
    return (
        f"orders and cancels act from {latency:,} {unit} after they are given, "
        "never on the tick that led to them"
    )


def _inside_a_bar(instrument: Mapping[str, Any], bar_fill: str | None) -> str | None:
    return None if bar_fill in (None, "path") else INSIDE_A_BAR[instrument["range_order"]]


def _quantity(instrument: Mapping[str, Any], bar_fill: str | None) -> str:
    row = "tick" if bar_fill is None else "bar"
    if instrument["quantity"] == "full":
        return f"orders trade in full on one {row}, whatever its size"
    return f"at most {_percent(instrument['participation'])} of the quantity of a {row} is ours"


def _spread(instrument: Mapping[str, Any], _: str | None) -> str:
    if Decimal(instrument["spread_bps"]) == 0:
        return "market orders pay no spread"
    return f"market orders pay half of a spread of {_plain(instrument['spread_bps'])} basis points"


def _fees(instrument: Mapping[str, Any], _: str | None) -> str:
    maker, taker = (_percent(instrument[f"{each}_fee"]) for each in ("maker", "taker"))
    told = f"fees are {maker} of the value for makers, {taker} for takers"
    lots = [instrument[f"{each}_fee_per_lot"] for each in ("maker", "taker")]
    if any(map(Decimal, lots)):
        told += f", and {_plain(lots[0])} and {_plain(lots[1])} for each lot"
    least = instrument["fee_min"]
    return told + (f", at least {_plain(least)} for an order" if Decimal(least) else "")


def warnings_of(account: Account) -> list[str]:
    """Say what in a run's numbers to mistrust.

    Parameters
    ----------
    account : Account
        Of the run.

    Returns
    -------
    list of str
        A sentence each; none where there is nothing.

    Examples
    --------
    >>> import tickstep as ts
    >>> class Large(ts.Strategy):
    ...     def on_start(self):
    ...         self.buy(50)
    >>> ticks = ts.Ticks.from_arrays([1, 2], [5.0, 6.0], [1.0, 1.0], [0, 0], tick_size=1, lot=1)
    >>> ts.backtest(Large, ticks).warnings[0][:38]
    '1 of 1 fills is larger than the tick i'
    """
    told = [
        _nothing_traded(account),
        _unpaid(account),
        _larger_than_ticks(account),
        _ruin(account),
    ]
    return [each for each in told if each is not None]


def _nothing_traded(account: Account) -> str | None:
    """Of a run without fills, what became of its orders."""
    if len(account.fills):
        return None
    lives = account.lives
    if not len(lives):
        return "no order was given"
    ends: Counter[str] = Counter()
    for state, reason in zip(lives.state.tolist(), lives.reason.tolist(), strict=True):
        why = f" ({Reason(reason).name})" if reason else ""
        ends["open at the end" if STATES[state] == "OPEN" else STATES[state].lower() + why] += 1
    told = ", ".join(f"{count:,} {end}" for end, count in ends.most_common())
    return f"none of {len(lives):,} orders traded: {told}"


def _unpaid(account: Account) -> str | None:
    lives = account.lives
    is_unpaid = (lives.state == CANCELLED) & (lives.reason == int(Reason.NO_CASH))
    count = int(np.count_nonzero(is_unpaid))
    if count == 0:
        return None
    what = "order was" if count == 1 else "orders were"
    return (
        f"{count:,} {what} cancelled for want of cash: prices had moved when they came to trade, and "
        "no order trades in part for that; keep some cash back"
    )


def _larger_than_ticks(account: Account) -> str | None:
    fills = account.fills
    times = [
        _sizes(account, index, fills[rows]) for index, rows in rows_of_each(fills["instrument"])
    ]
    sizes = np.concatenate(times) if times else np.zeros(0)
    count = int(np.count_nonzero(sizes > 1))
    if count == 0:
        return None
    most = float(sizes.max())
    beyond = f", up to {most:,.0f} times" if np.isfinite(most) else ""
    return (
        f"{count:,} of {len(fills):,} fills {'is' if count == 1 else 'are'} larger than the tick "
        f'{"it" if count == 1 else "they"} traded on{beyond}: quantity="volume" limits them'
    )


def _sizes(account: Account, instrument: int, fills: Events) -> Any:
    """Of fills that know their row, how many times the row's quantity they are."""
    rows: Any = account.rows[instrument]
    at = fills["tick_index"]
    own = (at >= 0) & (at < len(rows))
    with np.errstate(divide="ignore"):
        return np.abs(fills["qty_lots"][own]) / rows.qty_lots[at[own]]


def _ruin(account: Account) -> str | None:
    deepest = account.scan.deepest
    if deepest is None or deepest.ratio > -1 or account.scales.cash_units <= 0:
        return None
    return "equity fell to 0 or below: a broker would have closed the positions before"


def _some(symbols: list[str]) -> str:
    named = ", ".join(symbols[:SYMBOLS_NAMED])
    more = len(symbols) - SYMBOLS_NAMED
    return named + (f" and {more:,} more" if more > 0 else "")


def _percent(fraction: str) -> str:
    return f"{_plain(Decimal(fraction) * 100)} %"


def _plain(number: str | Decimal) -> str:
    return f"{Decimal(number).normalize():f}"
