"""A first backtest: a class, some trades, a table.

python 01_first_backtest.py [TRADES]
"""

import sys

import tickstep as ts
from tickstep.demo import sample


class Cross(ts.Strategy):
    """Long while the short average of closes is above the long one, else flat."""

    fast = 10  # class attributes are the parameters: Cross(fast=5)
    slow = 30

    def on_start(self) -> None:
        """Ask for bars of a minute, cut out of the trades."""
        self.every("1m")

    def on_bar(self, bar: ts.Bar) -> None:
        """Act on a bar that is over; orders are live from a later time on."""
        if self.sma(self.fast) > self.sma(self.slow):
            self.target_percent(bar.symbol, 0.9)
        else:
            self.close(bar.symbol)


trades = ts.read_trades(sys.argv[1]) if len(sys.argv) > 1 else sample(100_000)
result = ts.backtest(Cross, trades, cash=100_000)
print(result)
print(result.trades.head(5))
