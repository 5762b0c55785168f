"""vn.py's `ArrayManager` and `BarGenerator`: the last bars as arrays with indicators, bars out of bars.

The indicators follow the definitions of TA-Lib, which vn.py calls; the tests compare them with it. They
are computed over the arrays as they are, so that what has a memory (EMA, RSI, ATR) begins anew at the
oldest bar kept, as there.
"""

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tickstep.compat.names import Named
from tickstep.errors import ConfigError
from tickstep.ticks import Float64Array

__all__ = ["ArrayManager", "BarData", "BarGenerator", "Interval", "TickData"]

SIZE_DEFAULT = 100
KAMA_FAST, KAMA_SLOW = 2 / 3, 2 / 31
CCI_SCALE = 0.015
MINUTES = 60


class Interval(StrEnum):
    """Length of a bar, by vn.py's names."""

    MINUTE = "1m"
    HOUR = "1h"
    DAILY = "d"
    WEEKLY = "w"
    TICK = "tick"


@dataclass
class BarData(Named):
    """A bar as vn.py has it; `datetime` is local, without a zone."""

    symbol: str
    exchange: str
    datetime: datetime
    interval: Interval | None = None
    volume: float = 0
    turnover: float = 0
    open_interest: float = 0
    open_price: float = 0
    high_price: float = 0
    low_price: float = 0
    close_price: float = 0
    gateway_name: str = "TICKSTEP"

    @property
    def vt_symbol(self) -> str:
        """Symbol and exchange."""
        return f"{self.symbol}.{self.exchange}"


@dataclass
class TickData(Named):
    """A trade as vn.py has ticks, without a book; `volume` counts from the start of the run."""

    symbol: str
    exchange: str
    datetime: datetime
    volume: float = 0
    last_price: float = 0
    last_volume: float = 0
    gateway_name: str = "TICKSTEP"

    @property
    def vt_symbol(self) -> str:
        """Symbol and exchange."""
        return f"{self.symbol}.{self.exchange}"


class BarGenerator(Named):
    """Makes minutes of ticks, and longer bars of minutes.

    Parameters
    ----------
    on_bar : callable
        Called for each minute that `update_tick` completes.
    window : int
        Minutes, hours or days of a longer bar; minutes must divide 60.
    on_window_bar : callable, optional
        Called for each longer bar that `update_bar` completes.
    interval : Interval
        Unit of the window.
    daily_end : time, optional
        When a day ends; needed for days.
    """

    def __init__(
        self,
        on_bar: Callable[[BarData], Any],
        window: int = 0,
        on_window_bar: Callable[[BarData], Any] | None = None,
        interval: Interval = Interval.MINUTE,
        daily_end: time | None = None,
    ) -> None:
        if interval == Interval.MINUTE and window and MINUTES % window:
            raise ConfigError(
                f"a window of {window} minutes does not divide an hour",
                hint="2, 3, 5, 6, 10, 15, 20 or 30",
            )
        if interval == Interval.DAILY and daily_end is None:
            raise ConfigError("days need daily_end", hint="daily_end=time(15, 0)")
        self.on_bar, self.on_window_bar = on_bar, on_window_bar
        self.window, self.interval, self.daily_end = window, interval, daily_end
        self.bar: BarData | None = None
        self.last_tick: TickData | None = None
        self.window_bar: BarData | None = None
        self._part: BarData | None = None
        self._parts = 0

    def update_tick(self, tick: TickData) -> None:
        """Count a tick into its minute; the first of the next minute completes it."""
        if not tick.last_price:
            return
        minute = tick.datetime.replace(second=0, microsecond=0)
        if self.bar is not None and self.bar.datetime != minute:
            self.generate()
        if self.bar is None:
            price = tick.last_price
            self.bar = BarData(
                tick.symbol,
                tick.exchange,
                minute,
                Interval.MINUTE,
                open_price=price,
                high_price=price,
                low_price=price,
                close_price=price,
            )
        self.bar.high_price = max(self.bar.high_price, tick.last_price)
        self.bar.low_price = min(self.bar.low_price, tick.last_price)
        self.bar.close_price = tick.last_price
        if self.last_tick is not None:
            self.bar.volume += max(tick.volume - self.last_tick.volume, 0)
        self.last_tick = tick

    def generate(self) -> BarData | None:
        """Complete the minute at hand."""
        bar, self.bar = self.bar, None
        if bar is not None:
            self.on_bar(bar)
        return bar

    def update_bar(self, bar: BarData) -> None:
        """Count a minute into its longer bar."""
        if self.interval == Interval.MINUTE:
            self.window_bar = _joined(self.window_bar, bar, bar.datetime)
            if (bar.datetime.minute + 1) % self.window == 0:
                self._done(self.window_bar)
                self.window_bar = None
        elif self.interval == Interval.HOUR:
            self._into_parts(
                bar, bar.datetime.replace(minute=0), bar.datetime.minute == MINUTES - 1
            )
        else:
            day = bar.datetime.replace(hour=0, minute=0)
            self._into_parts(bar, day, bar.datetime.time() == self.daily_end)

    def _into_parts(self, bar: BarData, start: datetime, is_end: bool) -> None:
        """Hours and days: complete at their last minute, or where another has begun."""
        if self._part is not None and self._part.datetime != start:
            self._part_done()
        self._part = _joined(self._part, bar, start)
        if is_end:
            self._part_done()

    def _part_done(self) -> None:
        part, self._part = self._part, None
        assert part is not None, "asked for where there is one"
        self.window_bar = _joined(self.window_bar, part, part.datetime)
        self._parts += 1
        if self._parts >= max(self.window, 1):
            self._done(self.window_bar)
            self.window_bar, self._parts = None, 0

    def _done(self, bar: BarData) -> None:
        if self.on_window_bar is not None:
            self.on_window_bar(bar)


def _joined(longer: BarData | None, bar: BarData, start: datetime) -> BarData:
    if longer is None:
        made = copy(bar)
        made.datetime, made.interval = start.replace(second=0, microsecond=0), None
        return made
    longer.high_price = max(longer.high_price, bar.high_price)
    longer.low_price = min(longer.low_price, bar.low_price)
    longer.close_price = bar.close_price
    longer.volume += bar.volume
    longer.turnover += bar.turnover
    longer.open_interest = bar.open_interest
    return longer


class ArrayManager(Named):
    """The last bars as arrays, the newest last, with indicators over them.

    Each indicator gives its newest value, or with `array=True` all of them, NaN where there is none.

    Parameters
    ----------
    size : int
        How many bars are kept; `inited` once so many have come.

    Examples
    --------
    >>> from datetime import datetime
    >>> from tickstep.compat.vnpy import ArrayManager, BarData
    >>> am = ArrayManager(size=3)
    >>> for close in (1.0, 2.0, 6.0):
    ...     am.update_bar(BarData("X", "SSE", datetime(2024, 1, 2), close_price=close))
    >>> am.inited, am.sma(2), am.close.tolist()
    (True, 4.0, [1.0, 2.0, 6.0])
    """

    def __init__(self, size: int = SIZE_DEFAULT) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ConfigError(f"a size of {size!r} bars", hint="ArrayManager(100)")
        self.count, self.size, self.inited = 0, size, False
        self._columns = np.zeros((7, size))

    def update_bar(self, bar: BarData) -> None:
        """Take a bar that is over."""
        self.count += 1
        self.inited = self.count >= self.size
        self._columns[:, :-1] = self._columns[:, 1:]
        self._columns[:, -1] = (
            bar.open_price,
            bar.high_price,
            bar.low_price,
            bar.close_price,
            bar.volume,
            bar.turnover,
            bar.open_interest,
        )

    @property
    def open(self) -> Float64Array:
        """Opens."""
        return self._column(0)

    @property
    def high(self) -> Float64Array:
        """Highs."""
        return self._column(1)

    @property
    def low(self) -> Float64Array:
        """Lows."""
        return self._column(2)

    @property
    def close(self) -> Float64Array:
        """Closes."""
        return self._column(3)

    @property
    def volume(self) -> Float64Array:
        """Volumes."""
        return self._column(4)

    @property
    def turnover(self) -> Float64Array:
        """Money that changed hands."""
        return self._column(5)

    @property
    def open_interest(self) -> Float64Array:
        """Open interest."""
        return self._column(6)

    def _column(self, row: int) -> Float64Array:
        found: Float64Array = self._columns[row]
        return found

    # Averages.

    def sma(self, n: int, array: bool = False) -> Any:
        """Mean of n closes."""
        return _given(_mean(self._needed(self.close, n, array), n), array)

    def ema(self, n: int, array: bool = False) -> Any:
        """Exponential mean, from the mean of the first n closes on."""
        return _given(_ema(self.close, n), array)

    def wma(self, n: int, array: bool = False) -> Any:
        """Mean of n closes with weights 1 to n."""
        weights = np.arange(1, n + 1) / (n * (n + 1) / 2)
        return _given(_over(self.close, n, lambda window: window @ weights), array)

    def kama(self, n: int, array: bool = False) -> Any:
        """Kaufman's adaptive mean."""
        return _given(_kama(self.close, n), array)

    # Change.

    def mom(self, n: int, array: bool = False) -> Any:
        """Close less the close n bars ago."""
        return _given(_padded(self.close[n:] - self.close[:-n], n), array)

    def roc(self, n: int, array: bool = False) -> Any:
        """Change over n bars in percent."""
        return _given(self._change(n) * 100, array)

    def rocp(self, n: int, array: bool = False) -> Any:
        """Change over n bars as a fraction."""
        return _given(self._change(n), array)

    def rocr(self, n: int, array: bool = False) -> Any:
        """Close over the close n bars ago."""
        return _given(self._ratio(n), array)

    def rocr_100(self, n: int, array: bool = False) -> Any:
        """Close over the close n bars ago, times 100."""
        return _given(self._ratio(n) * 100, array)

    def apo(self, fast_period: int, slow_period: int, matype: int = 0, array: bool = False) -> Any:
        """Fast mean less slow mean of the closes."""
        return _given(self._fast_slow(fast_period, slow_period, matype)[0], array)

    def ppo(self, fast_period: int, slow_period: int, matype: int = 0, array: bool = False) -> Any:
        """Fast mean less slow mean, in percent of the slow one."""
        distance, slow = self._fast_slow(fast_period, slow_period, matype)
        return _given(_share(distance, slow), array)

    def trix(self, n: int, array: bool = False) -> Any:
        """Change in percent of an EMA of an EMA of an EMA."""
        line = self.close
        for _ in range(3):
            line = _ema(line, n)
        return _given(_padded(_share(line[1:] - line[:-1], line[:-1]), 1), array)

    def macd(
        self, fast_period: int, slow_period: int, signal_period: int, array: bool = False
    ) -> Any:
        """EMA line, signal and histogram."""
        lines = _macd(self.close, fast_period, slow_period, signal_period)
        return lines if array else tuple(float(each[-1]) for each in lines)

    def rsi(self, n: int, array: bool = False) -> Any:
        """Wilder's relative strength, 0 to 100."""
        steps = np.diff(self.close)
        up, down = (_wilder(np.maximum(sign * steps, 0), n) for sign in (1, -1))
        return _given(_padded(_share(up, up + down), 1), array)

    def cmo(self, n: int, array: bool = False) -> Any:
        """Chande's momentum, -100 to 100, with Wilder's means."""
        steps = np.diff(self.close)
        up, down = (_wilder(np.maximum(sign * steps, 0), n) for sign in (1, -1))
        return _given(_padded(_share(up - down, up + down), 1), array)

    # Spread.

    def std(self, n: int, nbdev: float = 1, array: bool = False) -> Any:
        """Deviation of n closes, dividing by n, times nbdev."""
        return _given(_deviation(self._needed(self.close, n, array), n) * nbdev, array)

    def trange(self, array: bool = False) -> Any:
        """True range."""
        return _given(_padded(self._true_range(), 1), array)

    def atr(self, n: int, array: bool = False) -> Any:
        """Wilder's mean of the true range."""
        return _given(self._atr(n), array)

    def natr(self, n: int, array: bool = False) -> Any:
        """The same in percent of the close."""
        return _given(_share(self._atr(n), self.close), array)

    def boll(self, n: int, dev: float, array: bool = False) -> Any:
        """Upper and lower band: the mean of n closes, dev deviations away."""
        closes = self._needed(self.close, n, array)
        mean, width = _mean(closes, n), _deviation(closes, n) * dev
        return _given(mean + width, array), _given(mean - width, array)

    def keltner(self, n: int, dev: float, array: bool = False) -> Any:
        """Upper and lower band: the mean of n closes, dev ATR away."""
        mean, width = _mean(self.close, n), self._atr(n) * dev
        return _given(mean + width, array), _given(mean - width, array)

    def donchian(self, n: int, array: bool = False) -> Any:
        """Highest high and lowest low of n bars."""
        highs, lows = (self._needed(each, n, array) for each in (self.high, self.low))
        upper = _over(highs, n, lambda window: window.max(axis=1))
        lower = _over(lows, n, lambda window: window.min(axis=1))
        return _given(upper, array), _given(lower, array)

    # Direction.

    def plus_dm(self, n: int, array: bool = False) -> Any:
        """Wilder's sum of upward movements."""
        return _given(self._movements(n)[0], array)

    def minus_dm(self, n: int, array: bool = False) -> Any:
        """Wilder's sum of downward movements."""
        return _given(self._movements(n)[1], array)

    def plus_di(self, n: int, array: bool = False) -> Any:
        """Upward movements in percent of the true range."""
        return _given(self._directions(n)[0], array)

    def minus_di(self, n: int, array: bool = False) -> Any:
        """Downward movements in percent of the true range."""
        return _given(self._directions(n)[1], array)

    def dx(self, n: int, array: bool = False) -> Any:
        """Distance of the two in percent of their sum."""
        return _given(self._dx(n), array)

    def adx(self, n: int, array: bool = False) -> Any:
        """Wilder's mean of `dx`."""
        return _given(self._adx(n), array)

    def adxr(self, n: int, array: bool = False) -> Any:
        """Mean of `adx` now and n - 1 bars ago."""
        line = self._adx(n)
        return _given(_padded((line[n - 1 :] + line[: len(line) - n + 1]) / 2, n - 1), array)

    def cci(self, n: int, array: bool = False) -> Any:
        """Distance of the typical price from its mean, in mean distances of 0.015."""
        typical = (self.high + self.low + self.close) / 3
        return _given(_over(typical, n, _cci), array)

    def willr(self, n: int, array: bool = False) -> Any:
        """Place of the close below the highest high of n bars, 0 to -100."""
        upper, lower = self.donchian(n, array=True)
        return _given(-_share(upper - self.close, upper - lower), array)

    def aroon(self, n: int, array: bool = False) -> Any:
        """Up and down: how long ago the extreme of the last n + 1 bars was, 100 for now."""
        up = _over(self.high, n + 1, lambda window: _age(window, n))
        down = _over(-self.low, n + 1, lambda window: _age(window, n))
        return _given(up, array), _given(down, array)

    def aroonosc(self, n: int, array: bool = False) -> Any:
        """Up less down."""
        up, down = self.aroon(n, array=True)
        return _given(up - down, array)

    def ultosc(
        self,
        time_period1: int = 7,
        time_period2: int = 14,
        time_period3: int = 28,
        array: bool = False,
    ) -> Any:
        """Pressure of buyers over three lengths, 4, 2 and 1 of 7 parts."""
        low = np.minimum(self.low[1:], self.close[:-1])
        pressure, reach = self.close[1:] - low, self._true_range()
        total = np.zeros(len(reach))
        for weight, n in zip((4, 2, 1), (time_period1, time_period2, time_period3), strict=True):
            total = total + weight * _share(_mean(pressure, n), _mean(reach, n))
        return _given(_padded(total / 7, 1), array)

    # Volume.

    def obv(self, array: bool = False) -> Any:
        """Volume, counted up with rising closes and down with falling ones."""
        signs = np.append(1.0, np.sign(np.diff(self.close)))
        return _given(np.cumsum(signs * self.volume), array)

    def ad(self, array: bool = False) -> Any:
        """Volume, counted by the place of the close in the bar."""
        return _given(np.cumsum(self._place() * self.volume), array)

    def adosc(self, fast_period: int, slow_period: int, array: bool = False) -> Any:
        """Fast less slow EMA of `ad`, both from its first value on."""
        line = np.cumsum(self._place() * self.volume)
        fast, slow = (_ema_from_first(line, n) for n in (fast_period, slow_period))
        found = fast - slow
        found[: max(fast_period, slow_period) - 1] = np.nan
        return _given(found, array)

    def mfi(self, n: int, array: bool = False) -> Any:
        """Money that flowed in with rising typical prices, in percent of all."""
        typical = (self.high + self.low + self.close) / 3
        money, steps = (typical * self.volume)[1:], np.diff(typical)
        up, down = (
            _over(np.where(sign * steps > 0, money, 0.0), n, lambda window: window.sum(axis=1))
            for sign in (1, -1)
        )
        return _given(_padded(_share(up, up + down), 1), array)

    def bop(self, array: bool = False) -> Any:
        """Close less open over the range."""
        return _given(_share(self.close - self.open, self.high - self.low) / 100, array)

    def stoch(
        self,
        fastk_period: int,
        slowk_period: int,
        slowk_matype: int,
        slowd_period: int,
        slowd_matype: int,
        array: bool = False,
    ) -> Any:
        """Place of the close in its range, smoothed once and twice."""
        _check_plain(slowk_matype)
        _check_plain(slowd_matype)
        upper, lower = self.donchian(fastk_period, array=True)
        slow = _mean(_share(self.close - lower, upper - lower), slowk_period)
        twice = _mean(slow, slowd_period)
        slow[np.isnan(twice)] = np.nan
        return _given(slow, array), _given(twice, array)

    # Parts.

    def _needed(self, column: Float64Array, n: int, array: bool) -> Float64Array:
        """What a number over n bars is of: for the newest alone the last n."""
        return column if array or n < 1 else column[-n:]

    def _ratio(self, n: int) -> Float64Array:
        return _padded(_share(self.close[n:], self.close[:-n]) / 100, n)

    def _change(self, n: int) -> Float64Array:
        """0 where nothing was, as in empty places before the first bars."""
        return _padded(_share(self.close[n:] - self.close[:-n], self.close[:-n]) / 100, n)

    def _fast_slow(self, fast: int, slow: int, matype: int) -> tuple[Float64Array, Float64Array]:
        _check_plain(matype)
        short, long = sorted((fast, slow))
        line = _mean(self.close, long)
        return _mean(self.close, short) - line, line

    def _true_range(self) -> Float64Array:
        before = self.close[:-1]
        return np.asarray(np.maximum(self.high[1:], before) - np.minimum(self.low[1:], before))

    def _atr(self, n: int) -> Float64Array:
        return _padded(_wilder(self._true_range(), n), 1)

    def _steps(self) -> tuple[Float64Array, Float64Array]:
        up, down = np.diff(self.high), -np.diff(self.low)
        return (
            np.where((up > down) & (up > 0), up, 0.0),
            np.where((down > up) & (down > 0), down, 0.0),
        )

    def _movements(self, n: int) -> tuple[Float64Array, Float64Array]:
        plus, minus = self._steps()
        return _padded(_wilder_sum(plus, n), 1), _padded(_wilder_sum(minus, n), 1)

    def _directions(self, n: int) -> tuple[Float64Array, Float64Array]:
        reach = _padded(_wilder_sum(self._true_range(), n), 1)
        reach[:n] = np.nan  # one bar later than the movements themselves
        plus, minus = self._movements(n)
        return _share(plus, reach), _share(minus, reach)

    def _dx(self, n: int) -> Float64Array:
        plus, minus = self._directions(n)
        return _share(np.abs(plus - minus), plus + minus)

    def _adx(self, n: int) -> Float64Array:
        return _padded(_wilder(self._dx(n)[n:], n), n)

    def _place(self) -> Float64Array:
        reach = self.high - self.low
        return _share(2 * self.close - self.high - self.low, reach) / 100


def _given(line: Float64Array, array: bool) -> Any:
    return line if array else float(line[-1])


def _padded(line: Float64Array, count: int) -> Float64Array:
    return np.concatenate([np.full(count, np.nan), line])


def _over(
    values: Float64Array, n: int, reckon: Callable[[Float64Array], Float64Array]
) -> Float64Array:
    """A number for each window of n values; NaN where there are fewer."""
    if n < 1:
        raise ConfigError(f"a length of {n} bars", hint="give 1 or more")
    if n > len(values):
        return np.full(len(values), np.nan)
    if n == len(values):
        return _padded(reckon(values[None, :]), n - 1)
    return _padded(reckon(sliding_window_view(values, n)), n - 1)


def _mean(values: Float64Array, n: int) -> Float64Array:
    return _over(values, n, lambda window: window.mean(axis=1))


def _deviation(values: Float64Array, n: int) -> Float64Array:
    return _over(values, n, lambda window: window.std(axis=1))


def _share(part: Float64Array, whole: Float64Array) -> Float64Array:
    """Percent; 0 of nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole == 0, 0.0, part / whole * 100)


def _smoothed(values: Float64Array, start: int, first: float, weight: float) -> Float64Array:
    """Values from a first one on, each a step of `weight` towards the next value."""
    found = np.full(len(values), np.nan)
    found[start] = level = first
    for row in range(start + 1, len(values)):
        level += weight * (float(values[row]) - level)
        found[row] = level
    return found


def _ema(values: Float64Array, n: int) -> Float64Array:
    return _ema_to(values, n, n - 1)


def _ema_to(values: Float64Array, n: int, start: int) -> Float64Array:
    """EMA whose first value is the mean of the n values up to `start`, NaN before not counted."""
    begin = int(np.argmax(~np.isnan(values))) if len(values) else 0
    start += begin
    if start >= len(values) or np.isnan(values[begin]):
        return np.full(len(values), np.nan)
    return _smoothed(values, start, float(values[start - n + 1 : start + 1].mean()), 2 / (n + 1))


def _ema_from_first(values: Float64Array, n: int) -> Float64Array:
    return _smoothed(values, 0, float(values[0]), 2 / (n + 1))


def _wilder(values: Float64Array, n: int) -> Float64Array:
    """Wilder's mean: of the first n values, then a step of 1 / n towards each next."""
    if n > len(values):
        return np.full(len(values), np.nan)
    return _smoothed(values, n - 1, float(values[:n].mean()), 1 / n)


def _wilder_sum(values: Float64Array, n: int) -> Float64Array:
    """Wilder's sum: of the first n - 1 values, then less its nth part and more the next value."""
    found = np.full(len(values), np.nan)
    if n < 2 or n - 1 > len(values):
        return values.copy() if n < 2 else found
    found[n - 2] = level = float(values[: n - 1].sum())
    for row in range(n - 1, len(values)):
        level += float(values[row]) - level / n
        found[row] = level
    return found


def _macd(
    close: Float64Array, fast: int, slow: int, signal: int
) -> tuple[Float64Array, Float64Array, Float64Array]:
    short, long = sorted((fast, slow))
    # Both begin where the slow one does.
    line = _ema_to(close, short, long - 1) - _ema_to(close, long, long - 1)
    smooth = _ema(line, signal)
    line[np.isnan(smooth)] = np.nan
    return line, smooth, line - smooth


def _kama(close: Float64Array, n: int) -> Float64Array:
    found = np.full(len(close), np.nan)
    if n >= len(close):
        return found
    steps = np.abs(np.diff(close))
    level = float(close[n - 1])
    for row in range(n, len(close)):
        way, moved = float(steps[row - n : row].sum()), abs(float(close[row] - close[row - n]))
        ratio = 1.0 if math.isclose(way, 0) or moved >= way else moved / way
        weight = (ratio * (KAMA_FAST - KAMA_SLOW) + KAMA_SLOW) ** 2
        level += weight * (float(close[row]) - level)
        found[row] = level
    return found


def _cci(window: Float64Array) -> Float64Array:
    distance = window - window.mean(axis=1)[:, None]
    width = np.abs(distance).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(width == 0, 0.0, distance[:, -1] / (CCI_SCALE * width))


def _age(window: Float64Array, n: int) -> Float64Array:
    """100 where the last value is the highest, 0 where the first one is; of equals the latest."""
    latest = np.argmax(window[:, ::-1], axis=1)
    return np.asarray((n - latest) * 100 / n, np.float64)


def _check_plain(matype: int) -> None:
    if matype:
        raise ConfigError(
            f"matype {matype} is not to be had", hint="0, the plain mean, is the default"
        )
