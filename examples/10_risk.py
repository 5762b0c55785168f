"""Limits before and after the trade: what they refuse and stop is an event like any other.

python 10_risk.py
"""

import tickstep as ts
from tickstep.demo import sample


class Reckless(ts.Strategy):
    """Doubles its position whenever it loses."""

    def on_start(self) -> None:
        """Ask for bars."""
        self.every("5m")

    def on_bar(self, bar: ts.Bar) -> None:
        """Buy, and buy more when it fell."""
        self.buy(10 if bar.close > bar.open else 40)

    def on_order(self, update: ts.OrderUpdate) -> None:
        """Hear why an order was refused, once."""
        if update.reason == "RISK_LIMIT" and not hasattr(self, "was_told"):
            self.was_told = True
            print("refused:", update.detail)

    def on_risk(self, breach: ts.Breach) -> None:
        """Hear of a limit that the account broke; trading has stopped already."""
        print("broken: ", breach.limit, "at", breach.value, "of", breach.bound)


limits = ts.RiskManager(
    max_order_qty=30,
    max_position=400,
    max_leverage=3,
    max_orders=(5, "1h"),
    max_daily_loss="1%",
    on_breach="flatten",
)
free = ts.backtest(Reckless, sample(200_000), cash=10_000)
held = ts.backtest(Reckless, sample(200_000), cash=10_000, risk=limits)
print("without limits:", free.headline)
print("with limits:   ", held.headline)
print(held.risk.head(5))
