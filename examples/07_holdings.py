"""Holdings from a file of dates, assets and weights.

python 07_holdings.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import tickstep as ts

HOLDINGS = """date,asset,weight
2022/1/4,603998.SH,0.3
2022/1/4,600000.SH,0.6
2022/1/28,600000.SH,0.9
"""


def days(seed: int) -> ts.Bars:
    """Daily bars of a Chinese stock: a day there begins at 16:00 UTC."""
    close = 1_000 + np.random.default_rng(seed).integers(-20, 21, 40).cumsum()
    start = np.datetime64("2021-12-31T16:00", "ms").astype(np.int64)
    time, volume = start + np.arange(40) * 86_400_000, np.full(40, 1_000_000)
    return ts.Bars(
        time, close, close + 9, close - 9, close, volume, tick_size="0.01", lot=1, interval="1d"
    )


with TemporaryDirectory() as folder:
    file = Path(folder, "holdings.csv")
    file.write_text(HOLDINGS)
    holdings = ts.read_holdings(file, canonical=True)

stocks = {symbol: days(seed) for seed, symbol in enumerate(holdings.symbols)}
strategy = ts.HoldWeights(holdings, calendar=ts.calendar("SSE"))
result = ts.backtest(strategy, stocks, cash=1_000_000, qty_step=100, qty_min=100)
print(result.fills.select("time", "symbol", "side", "qty", "price"))
print(result.attribution())
