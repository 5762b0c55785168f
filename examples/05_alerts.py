"""Waiting costs nothing: alerts on prices and times, answered by the kernel.

python 05_alerts.py [TRADES]
"""

import sys
from time import perf_counter

import tickstep as ts
from tickstep.demo import sample


class Levels(ts.Strategy):
    """Turns around whenever the price has gone a step; sleeps in between."""

    step = 1.0

    def on_start(self) -> None:
        """Be woken at the first tick, and every day at noon."""
        self.at(self.now)
        self.sessions(ts.calendar("24/7"))

    def on_timer(self, time: int) -> None:
        """Set the first two alerts."""
        self.wait()

    def on_alert(self, alert: ts.Alert) -> None:
        """Turn around, and wait again."""
        self.cancel(self.above)
        self.cancel(self.below)
        self.target(None, 1 if self.position <= 0 else -1)
        self.wait()

    def on_session(self, session: ts.SessionUpdate) -> None:
        """Go home at the end of the day."""
        if not session.is_open:
            self.target(None, 0)

    def wait(self) -> None:
        """Ask to be woken a step away on either side."""
        price = self.last_price or 0.0
        self.above = self.alert_price(price + self.step, "above")
        self.below = self.alert_price(price - self.step, "below")


trades = ts.read_trades(sys.argv[1]) if len(sys.argv) > 1 else sample(1_000_000)
start = perf_counter()
result = ts.backtest(Levels, trades)
print(f"{len(trades):,} ticks, {len(result.events):,} events: {perf_counter() - start:.3f} s")
print(result.headline)
