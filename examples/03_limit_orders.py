"""Limit orders at rest, and what they are worth under two rules of filling.

python 03_limit_orders.py [TRADES]
"""

import sys

import tickstep as ts
from tickstep.demo import sample


class Grid(ts.Strategy):
    """Buys below, sells above, and answers each fill one step on the other side."""

    step = 0.25
    levels = 10
    qty = 0.5

    def on_start(self) -> None:
        """Wait for the first tick: it tells where the market is."""
        self.at(self.now)

    def on_timer(self, time: int) -> None:
        """Place the ladder."""
        centre = self.last_price or 0.0
        for level in range(1, self.levels + 1):
            self.buy(self.qty, limit=centre - level * self.step)
            self.sell(self.qty, limit=centre + level * self.step)

    def on_fill(self, fill: ts.Fill) -> None:
        """Put the opposite order one step away."""
        if fill.side == "BUY":
            self.sell(fill.qty, limit=fill.price + self.step)
        else:
            self.buy(fill.qty, limit=fill.price - self.step)


trades = ts.read_trades(sys.argv[1]) if len(sys.argv) > 1 else sample(100_000)
result = ts.backtest(Grid, trades, cash=10_000)

# Limits trade only when the price goes beyond them; beside it what a touch would have given.
print(result.headline)
for warning in result.warnings:
    print("warning:", warning)

# A tenth of each trade's quantity is a harder market.
careful = ts.backtest(Grid, trades, cash=10_000, participation="0.1")
print(careful.headline)
print(careful.execution())
