"""What a session knows of one instrument's data: the bars to be told of."""

from typing import Protocol

from tickstep.bars import MONTH, Bars
from tickstep.errors import ConfigError
from tickstep.history import BarSeries
from tickstep.intervals import interval_length
from tickstep.ticks import Ticks

__all__ = ["BarsMarket", "Market", "TicksMarket"]


class Market(Protocol):
    """What a session knows of one instrument's data."""

    @property
    def own(self) -> str | None:
        """Interval of bars that the driver hands over; None where alerts find their ends."""

    unasked: str | None  # interval of the bars that are told of where none were asked for

    series: dict[str, BarSeries]  # by interval

    def watch(self, interval: str | None) -> BarSeries:
        """Keep bars of an interval; of the data's own where none is given."""


class TicksMarket:
    """Bars cut out of ticks, or given beside them.

    Parameters
    ----------
    ticks : Ticks
        All that the venue will be fed; a bar is told of only when its time is past.
    bars : Bars, optional
        What to tell instead of bars cut out of the ticks.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.markets import TicksMarket
    >>> prices, qtys = [5.0, 7.0, 6.0, 9.0], [1.0, 2.0, 1.0, 1.0]
    >>> ticks = ts.Ticks.from_arrays([0, 400, 900, 1000], prices, qtys, [0, 0, 1, 0], tick_size=1)
    >>> bar = TicksMarket(ticks).watch("1s")._tell(0, "X", 1000)
    >>> bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades
    (5.0, 7.0, 5.0, 6.0, 4.0, 3)
    """

    own: str | None = None

    def __init__(self, ticks: Ticks, bars: Bars | None = None) -> None:
        self._ticks = ticks
        self._bars = bars
        self.unasked = None if bars is None else str(bars.interval)
        self.series: dict[str, BarSeries] = {}

    def watch(self, interval: str | None) -> BarSeries:
        """Keep bars of an interval.

        Parameters
        ----------
        interval : str
            Such as "1m".

        Returns
        -------
        BarSeries
            None of them told of yet.

        Raises
        ------
        ConfigError
            When no interval is given, for ticks have none of their own; or when it is no multiple of
            that of the bars beside them.
        """
        interval = self.unasked if interval is None else interval
        if interval is None:
            raise ConfigError(
                "ticks have no interval of their own", hint='ask in on_start: self.every("1m")'
            )
        if interval not in self.series:
            self.series[interval] = BarSeries(self._cut(interval), interval)
        return self.series[interval]

    def _cut(self, interval: str) -> Bars:
        if self._bars is None:
            return self._ticks.candles(interval)
        if interval == self.unasked:
            return self._bars
        _check_multiple(interval, self._bars)
        return self._bars.resample(interval)


class BarsMarket:
    """Bars as they are, and longer ones put together of them.

    Parameters
    ----------
    bars : Bars
        All that the venue will be fed.
    """

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self.own: str | None = str(bars.interval)
        self.unasked: str | None = self.own
        self.series: dict[str, BarSeries] = {}

    def watch(self, interval: str | None) -> BarSeries:
        """Keep bars of an interval.

        Parameters
        ----------
        interval : str or None
            A multiple of the data's own; None for that.

        Returns
        -------
        BarSeries
            None of them told of yet.

        Raises
        ------
        ConfigError
            When it is shorter than the bars, or no multiple of them.
        """
        interval = str(self._bars.interval) if interval is None else interval
        if interval not in self.series:
            is_own = interval == self.own
            if not is_own:
                _check_multiple(interval, self._bars)
            bars = self._bars if is_own else self._bars.resample(interval)
            self.series[interval] = BarSeries(bars, interval)
        return self.series[interval]


def _check_multiple(interval: str, bars: Bars) -> None:
    own = str(bars.interval)
    if MONTH in (interval, own):
        return
    length, step = (interval_length(each, bars.time_unit) for each in (interval, own))
    if length % step:
        raise ConfigError(
            f"bars of {interval} cannot be made of bars of {own}",
            hint="ask for a multiple, or give the ticks",
        )
