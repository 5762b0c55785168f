"""Entries with a stop and a target: what one bar does not tell, and what ticks do.

python 04_stops_and_targets.py
"""

import tickstep as ts
from tickstep.demo import sample


class Guarded(ts.Strategy):
    """Buys after a falling bar, and leaves at a profit or a loss."""

    profit, loss = 0.4, 0.2

    def on_start(self) -> None:
        """Ask for bars of five minutes, of bars or of ticks alike."""
        self.every("5m")

    def on_bar(self, bar: ts.Bar) -> None:
        """Enter when flat; the exits follow each fill and cancel each other."""
        if self.position == 0 and bar.close < bar.open:
            self.bracket(
                "BUY",
                1,
                take_profit=round(bar.close + self.profit, 2),
                stop_loss=round(bar.close - self.loss, 2),
            )


ticks = sample(200_000)

# A bar that reaches both says not which came first: both are run, and the truth lies between.
over_bars = ts.backtest(Guarded, ticks.candles("5m"))
print("bars: ", over_bars.headline)

# With the ticks at hand the question does not arise: orders trade on them, bars are told of.
over_ticks = ts.backtest(Guarded, ticks.candles("5m"), ticks=ticks)
print("ticks:", over_ticks.headline)
