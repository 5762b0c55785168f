"""Whether a strategy knows the future: change what comes after a moment and run again.

Nothing that happens before the moment may change, be it an order or a fill. What follows after it is
a market of its own: prices walk on from the last known one, quantities are drawn anew, so that no
maximum, mean or order of rows of the true future is left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tickstep.alternatives import copier
from tickstep.backtest import run
from tickstep.bars import Bars
from tickstep.barticks import BAR_FILLS
from tickstep.divergence import difference_lines, first_difference
from tickstep.engine import EngineConfig, Events
from tickstep.errors import ConfigError, StrategyError
from tickstep.result import Result
from tickstep.risk import RiskManager
from tickstep.settings import Data, config_for, data_by_symbol
from tickstep.strategy import Strategy
from tickstep.ticks import Int64Array, Number, Ticks, Time
from tickstep.window import window_of

__all__ = ["Lookahead", "lookahead", "scrambled"]

CUTS_DEFAULT = 5
STEPS_OF_WALK = 5  # moves of the changed market, in mean moves of the true one

Named = Mapping[str, Data]
Maker = Callable[[Any], Strategy | type[Strategy]]


@dataclass(frozen=True, repr=False)
class Lookahead:
    """What became of events before each moment when all after it was changed; print it.

    `cuts` are the moments, `events` how many events came before each, `differences` one text for
    each moment before which something changed.
    """

    cuts: tuple[int, ...]
    events: tuple[int, ...]
    differences: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing changed."""
        return not self.differences

    def __str__(self) -> str:
        if self.differences:
            return "\n\n".join(self.differences)
        if not max(self.events):
            return "nothing was compared: no event lies before the changes of the future"
        return (
            f"no look-ahead found: the future was changed from {len(self.cuts)} moments on, and the "
            f"{max(self.events):,} events before them stayed as they were"
        )

    def __repr__(self) -> str:
        return str(self)


def lookahead(
    strategy: Strategy | type[Strategy] | Maker,
    data: Data | Named | Sequence[Data],
    *,
    cuts: int = CUTS_DEFAULT,
    seed: int = 0,
    cash: Number | None = None,
    config: EngineConfig | None = None,
    bar_fill: str = BAR_FILLS[0],
    risk: RiskManager | None = None,
    start: Time | None = None,
    stop: Time | None = None,
    warmup: int | str | None = None,
    **settings: Any,
) -> Lookahead:
    """Change the future of several moments, run again, and compare what came before.

    Parameters
    ----------
    strategy : Strategy, class of it, or callable
        What to try. A callable takes the data and makes the strategy: give one where something is
        reckoned from the data beforehand, so that this is done anew for each changed future.
    data : Ticks or Bars, a mapping of str to them, or a sequence of them
        As for `backtest`.
    cuts : int
        How many moments, spread evenly over the rows that are run.
    seed : int
        Of the changed futures.
    cash, config, bar_fill, risk, start, stop, warmup, **settings
        As for `backtest`.

    Returns
    -------
    Lookahead
        Whether anything changed, and the first event that did.

    Raises
    ------
    ConfigError
        When there are no moments, or a setting is wrong.
    DataError
        When there are no data.

    Examples
    --------
    >>> import numpy as np
    >>> import tickstep as ts
    >>> class Honest(ts.Strategy):
    ...     def on_bar(self, bar):
    ...         self.target(None, 1 if bar.close > bar.open else 0)
    >>> class Knows(ts.Strategy):
    ...     def on_start(self):
    ...         self.next = self.line(lambda bars: np.append(bars.close[1:], np.nan))
    ...     def on_bar(self, bar):
    ...         self.target(None, 1 if self.next > bar.close else 0)
    >>> close = np.random.default_rng(1).integers(-3, 4, 200).cumsum() + 500
    >>> bars = ts.Bars(np.arange(200) * 60_000, close, close + 2, close - 2, close + 1,
    ...                np.full(200, 100), tick_size=1, lot=1, interval="1m")
    >>> ts.lookahead(Honest, bars).is_clean, ts.lookahead(Knows, bars).is_clean
    (True, False)
    """
    if cuts < 1:
        raise ConfigError(f"cuts is {cuts}: there must be at least one", hint="leave it out for 5")
    named = data_by_symbol(data)
    config = config_for(named, cash, config, settings, bar_fill)
    make = _maker(strategy)
    window = window_of(named, start, stop, warmup)
    rules: dict[str, Any] = {"config": config, "bar_fill": bar_fill, "risk": risk}
    rules |= {"start": window.start, "stop": window.stop}
    rules["alternatives"] = False
    true = _ran(make, named, rules)
    moments = _moments({symbol: window.part(each) for symbol, each in named.items()}, cuts)
    counts, differences = [], []
    for number, moment in enumerate(moments):
        changed = scrambled(named, moment, seed + number)
        other = _ran(make, changed, rules)
        before = [each.events[each.events["time"] < moment] for each in (true, other)]
        counts.append(len(before[0]))
        told = _difference(true, before, moment)
        if told is not None:
            differences.append(told)
    return Lookahead(tuple(moments), tuple(counts), tuple(differences))


def scrambled(data: Named, moment: int, seed: int) -> dict[str, Data]:
    """Put another market in the place of all rows at or after a moment.

    Parameters
    ----------
    data : mapping of str to Ticks or Bars
        What there is.
    moment : int, in the data's unit
        From when on.
    seed : int
        Of the changes.

    Returns
    -------
    dict of str to Ticks or Bars
        As many rows as before, of the same sizes; of ticks other times too.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.lookahead import scrambled
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 5, 9], [10.0, 11.0, 12.0], [1, 1, 1], [0, 0, 0], tick_size=1, lot=1)
    >>> changed = scrambled({"A": ticks}, 5, 1)["A"]
    >>> len(changed), changed.time[0], changed.price_ticks[0]
    (3, np.int64(0), np.int64(10))
    """
    changed: dict[str, Data] = {}
    for number, (symbol, each) in enumerate(data.items()):
        rng = np.random.default_rng([seed, number])
        row = int(np.searchsorted(each.time, moment, side="left"))
        is_bars = isinstance(each, Bars)
        changed[symbol] = _other_bars(each, row, rng) if is_bars else _other_ticks(each, row, rng)
    return changed


def _other_ticks(ticks: Any, row: int, rng: np.random.Generator) -> Ticks:
    rest = len(ticks) - row
    price = _walk(ticks.price_ticks, row, rng, bool((ticks.price_ticks <= 0).any()))
    qty = rng.integers(1, 2 * max(int(ticks.qty_lots.mean()), 1) + 1, rest)
    time = ticks.time[row:]
    if rest:
        time = np.sort(rng.integers(time[0], time[-1] + 1, rest))
    side = rng.integers(0, 2, rest).astype(np.uint8)
    return Ticks(
        _joined(ticks.time, row, time),
        _joined(ticks.price_ticks, row, price),
        _joined(ticks.qty_lots, row, qty),
        _joined(ticks.side, row, side),
        tick_size=ticks.tick_size,
        lot=ticks.lot,
        time_unit=ticks.time_unit,
        symbol=ticks.symbol,
    )


def _other_bars(bars: Any, row: int, rng: np.random.Generator) -> Bars:
    close = _walk(bars.close_ticks, row, rng, bars.allow_negative_prices)
    before = bars.close_ticks[row - 1 : row] if row else bars.open_ticks[:1]
    opens = np.concatenate([before, close])[: len(close)]
    reach = max(int((bars.high_ticks - bars.low_ticks).mean()), 1)
    low = np.minimum(opens, close) - rng.integers(0, reach + 1, len(close))
    if not bars.allow_negative_prices:
        low = np.maximum(low, 1)
    high = np.maximum(opens, close) + rng.integers(0, reach + 1, len(close))
    volume = rng.integers(1, 2 * max(int(bars.volume_lots.mean()), 1) + 1, len(close))
    columns = {
        "open_ticks": opens,
        "high_ticks": high,
        "low_ticks": low,
        "close_ticks": close,
        "volume_lots": volume if bars.volume_lots.any() else bars.volume_lots[row:],
    }
    joined = {name: _joined(getattr(bars, name), row, each) for name, each in columns.items()}
    return Bars(
        bars.time,
        **joined,
        tick_size=bars.tick_size,
        lot=bars.lot,
        interval=bars.interval,
        time_unit=bars.time_unit,
        symbol=bars.symbol,
        allow_negative_prices=bars.allow_negative_prices,
    )


def _walk(prices: Int64Array, row: int, rng: np.random.Generator, is_signed: bool) -> Int64Array:
    """Prices that walk on from the last known one."""
    move = max(int(np.abs(np.diff(prices)).mean()) if len(prices) > 1 else 1, 1) * STEPS_OF_WALK
    start = int(prices[max(row - 1, 0)])
    walked = start + rng.integers(-move, move + 1, len(prices) - row).cumsum()
    return np.asarray(walked if is_signed else np.abs(walked - 1) + 1)


def _joined(known: Any, row: int, rest: Any) -> Any:
    joined = np.concatenate([known[:row], rest.astype(known.dtype)])
    joined.flags.writeable = False
    return joined


def _moments(data: Named, cuts: int) -> list[int]:
    """Times of rows that part all rows evenly."""
    times = np.sort(np.concatenate([each.time for each in data.values()]))
    places = np.arange(1, cuts + 1) * len(times) // (cuts + 1)
    return [int(each) for each in np.unique(times[places])]


def _maker(strategy: Any) -> Maker:
    if isinstance(strategy, Strategy):
        again = copier(strategy)
        return lambda _: _made_again(again())
    if isinstance(strategy, type):
        return lambda _: strategy()
    if callable(strategy):
        return lambda named: strategy(next(iter(named.values())) if len(named) == 1 else named)
    raise ConfigError(
        f"{strategy!r} is no strategy", hint="give a class, an instance, or what makes one of data"
    )


def _made_again(strategy: Strategy | None) -> Strategy:
    if strategy is None:
        raise ConfigError(
            "the strategy cannot be copied, and is to run several times",
            hint="give its class, or a function that takes the data and makes it",
        )
    return strategy


def _ran(make: Maker, data: Named, rules: Mapping[str, Any]) -> Result:
    """The run, or as far as it came: in a market that never was a strategy may well fail."""
    try:
        return run(make(data), data, **rules)
    except StrategyError as error:
        if error.result is None:
            raise
        return error.result  # type: ignore[no-any-return]


def _difference(true: Result, before: list[Events], moment: int) -> str | None:
    row = first_difference(*before)
    if row is None:
        return None
    when = str(np.array(moment).view(f"datetime64[{true.scales.time_unit}]")).replace("T", " ")
    lines = difference_lines(
        row, (before[0], true.scales), (before[1], true.scales), ("true", "changed")
    )
    return "\n".join([f"it looks ahead: with another future from {when} UTC on,", *lines])
