"""A strategy at every tick, compiled: the same events as in Python, at the speed of the columns.

python 09_native.py (needs the extra: pip install 'tickstep[numba]')

`examples/c/reverting.c` and `crates/tickstep/examples` are the same in C and in Rust.
"""

from time import perf_counter
from typing import Any

import tickstep as ts
from tickstep.demo import sample

WEIGHT = 0.001  # of a tick in the mean
BAND = 0.5  # below the mean to buy at


@ts.native(state=(0.0,))
def reverting(state: Any, tick: Any) -> Any:
    """Buy below a slow mean, sell at it; what is returned is the new state and lots to trade."""
    mean = tick.price if state[0] == 0.0 else state[0] + (tick.price - state[0]) * WEIGHT
    if tick.position_lots == 0 and tick.open_orders == 0 and tick.price < mean - BAND:
        return (mean,), 5_000
    if tick.position_lots > 0 and tick.open_orders == 0 and tick.price > mean:
        return (mean,), -tick.position_lots
    return (mean,), 0


class Reverting(ts.Strategy):
    """The same rule as a class, called at every tick."""

    def on_start(self) -> None:
        """Begin without a mean."""
        self.mean = 0.0

    def on_tick(self, tick: ts.Tick) -> None:
        """Act after each tick."""
        price = tick.price or 0.0
        self.mean = price if self.mean == 0.0 else self.mean + (price - self.mean) * WEIGHT
        if self.open_orders:
            return
        if self.position == 0 and price < self.mean - BAND:
            self.buy(5)
        elif self.position > 0 and price > self.mean:
            self.sell(self.position)


trades = sample(1_000_000)
ts.backtest(reverting, trades[:1000])  # compiled at the first run
digests = []
for strategy in (reverting, Reverting):
    start = perf_counter()
    result = ts.backtest(strategy, trades, latency=0)
    digests.append(result.event_digest)
    print(f"{result.strategy:12} {len(result.fills)} fills, {perf_counter() - start:.3f} s")
print("the same events:", digests[0] == digests[1])
