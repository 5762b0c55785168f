"""A grid of limit orders: buy below, sell above, answer each fill one step on the other side.

    tickstep backtest grid.py TRADES --param step=10 --param qty=0.05 --maker-fee 0.0002

It earns a step for every swing that goes there and back, and loses when the price runs away.
"""

import tickstep as ts
from tickstep.strategy import Fill


class Grid(ts.Strategy):
    """Keep a ladder of orders around the first price."""

    step = 10.0  # distance of the levels, money
    levels = 15  # orders on each side at the start
    qty = 0.05  # size of each order, units of the instrument

    def on_start(self) -> None:
        """Wait for the first tick: it tells where the market is."""
        self.at(self.now)

    def on_timer(self, time: int) -> None:
        """Place the ladder."""
        centre = self.last_price
        assert centre is not None, "times come with ticks"
        for level in range(1, self.levels + 1):
            self.buy(self.qty, limit=centre - level * self.step)
            self.sell(self.qty, limit=centre + level * self.step)

    def on_fill(self, fill: Fill) -> None:
        """Put the opposite order one step away."""
        if fill.side == "BUY":
            self.sell(fill.qty, limit=fill.price + self.step)
        else:
            self.buy(fill.qty, limit=fill.price - self.step)
