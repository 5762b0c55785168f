"""Bars from a file or a frame, an indicator of one's own, a benchmark beside the result.

python 02_bars.py [BARS]
"""

import sys

import numpy as np

import tickstep as ts
from tickstep.demo import sample


def channel(bars: ts.Bars) -> "np.ndarray":
    """Highest high of the twenty bars before each: row i follows from bars before i alone."""
    high = np.full(len(bars), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(bars.high, 20)
    high[20:] = windows[:-1].max(axis=1)
    return high


class Breakout(ts.Strategy):
    """Buys above the channel, sells below an average."""

    def on_start(self) -> None:
        """Reckon the channel once over all bars; it is read up to now only."""
        self.channel = self.line(channel)

    def on_bar(self, bar: ts.Bar) -> None:
        """Act on each bar that is over."""
        if bar.close > self.channel.value:
            self.target_percent(bar.symbol, 1)
        elif self.sma(20) > bar.close:
            self.close(bar.symbol)


bars = ts.read_bars(sys.argv[1]) if len(sys.argv) > 1 else sample(200_000).candles("5m")
result = ts.backtest(Breakout, bars)
print(result.headline)
print(result.against(bars))
print(result.monthly)
