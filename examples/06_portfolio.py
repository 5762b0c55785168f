"""Many instruments: equal weights, set right every month; and what each brought in.

python 06_portfolio.py
"""

import numpy as np

import tickstep as ts


def days(seed: int) -> ts.Bars:
    """Daily bars of a stock that never was, from integers alone."""
    close = 2_000 + np.random.default_rng(seed).integers(-30, 32, 750).cumsum()
    opens = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opens, close) + 10, np.minimum(opens, close) - 10
    time = np.datetime64("2021-01-01", "ms").astype(np.int64) + np.arange(750) * 86_400_000
    volume = np.full(750, 1_000_000)
    return ts.Bars(time, opens, high, low, close, volume, tick_size="0.01", lot=1, interval="1d")


class EqualWeight(ts.Portfolio):
    """Holds all instruments in equal parts; Portfolio does so where `weights` is not overridden."""

    period = "month"
    reserve = 0.02  # stays cash

    def weights(self, bars: dict[str, ts.Bar]) -> dict[str, float]:
        """Say what to hold; sells trade before buys, in whole board lots."""
        return {symbol: 1 / len(self.symbols) for symbol in self.symbols}


class Momentum(ts.Portfolio):
    """Holds the strongest of the last three months."""

    length, count = 60, 3

    def weights(self, bars: dict[str, ts.Bar]) -> dict[str, float] | None:
        """Rank by what each gained; None asks again after the next bar."""
        gains = {}
        for symbol in self.symbols:
            close = self.history(symbol).close
            if len(close) <= self.length:
                return None
            gains[symbol] = close[-1] / close[-self.length - 1]
        best = sorted(gains, key=lambda symbol: gains[symbol])[-self.count :]
        return dict.fromkeys(best, 1 / self.count)


stocks = {f"STOCK{seed}": days(seed) for seed in range(10)}
equal = ts.backtest(EqualWeight, stocks, cash=1_000_000, qty_step=100, qty_min=100)
strong = ts.backtest(Momentum, stocks, cash=1_000_000, qty_step=100, qty_min=100)
print(equal.compare(strong))
sectors = {f"STOCK{seed}": "old" if seed < 5 else "new" for seed in range(10)}
print(strong.attribution())
print(strong.attribution(sectors))
