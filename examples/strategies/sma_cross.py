"""Crossing averages: long while the short average of closes is above the long one, else flat.

tickstep backtest sma_cross.py TRADES --param interval=5s --param fast=5 --param slow=20
"""

from collections import deque

import tickstep as ts
from tickstep.strategy import Bar


class SmaCross(ts.Strategy):
    """Trade bars of one interval with market orders."""

    interval = "1m"
    fast = 10  # bars
    slow = 30  # bars
    qty = 0.05  # units of the instrument

    def on_start(self) -> None:
        """Ask for bars."""
        self.closes: deque[float] = deque(maxlen=self.slow)
        self.every(self.interval)

    def on_bar(self, bar: Bar) -> None:
        """Compare the averages once there are enough bars."""
        self.closes.append(bar.close)
        if len(self.closes) < self.slow:
            return
        closes = list(self.closes)
        is_rising = sum(closes[-self.fast :]) / self.fast > sum(closes) / self.slow
        if is_rising and self.position == 0:
            self.buy(self.qty)
        elif not is_rising and self.position > 0:
            self.close()
