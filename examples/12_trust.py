"""Why to believe a result: its digest, its first difference from another, and the future changed.

python 12_trust.py
"""

import numpy as np

import tickstep as ts
from tickstep.demo import Grid, sample


class KnowsTomorrow(ts.Strategy):
    """A mistake that is easily made: the line is shifted the wrong way."""

    def on_start(self) -> None:
        """Reckon a line that looks one bar ahead."""
        self.next = self.line(lambda bars: np.append(bars.close[1:], np.nan))

    def on_bar(self, bar: ts.Bar) -> None:
        """Trade on what nobody can know."""
        self.target(bar.symbol, 1 if self.next > bar.close else -1)


trades = sample(50_000)

# One digest of configuration, strategy, parameters, data and events: the same on every machine.
result = ts.backtest(Grid, trades, cash=10_000)
again = ts.backtest(Grid, trades, cash=10_000, skip_scan=False)  # every tick by itself
print(result.digest == again.digest, result.explain(again))

# Another run: the first event that differs.
print(result.explain(ts.backtest(Grid(step=0.5), trades, cash=10_000)))

# Change the future and run again: what came before must stay.
print(ts.lookahead(Grid, trades, cash=10_000))
print(ts.lookahead(KnowsTomorrow, trades.candles("5m")))

# Profit by day and by cause, adding up to the last unit.
days = result.explain_pnl("1d")
print(days.select("time", "positions", "trading", "fees", "change"))
print(days["change_units"].sum() == result.account.earned_units)
