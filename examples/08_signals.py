"""Signals as columns, and a thousand parameters at once: one kernel call for each set.

python 08_signals.py
"""

from time import perf_counter

import numpy as np

import tickstep as ts
from tickstep.demo import sample

bars = sample(400_000).candles("1m")

# True where one wants to be in, from arrays of any library; known after the row, traded at the next.
change = np.diff(bars.close, prepend=bars.close[0])
dips, rises = change < -0.05, change > 0.05
result = ts.from_signals(bars, dips, rises, size=1, sl=0.01, tp=0.02)
assert isinstance(result, ts.Result)
print(result.headline)

# Every pair of windows: the crossings are found once, exactly, and only they are traded.
crosses = ts.signals.sma_cross(bars, range(5, 30), range(30, 110, 2))
start = perf_counter()
runs = ts.from_signals(bars, crosses, size=1)
assert not isinstance(runs, ts.Result), "many sets are many runs"
best = runs.stats.sort("Equity Final", descending=True)  # asked for, they run
print(f"{len(runs):,} runs over {len(bars):,} bars: {perf_counter() - start:.2f} s")
print(best.head(3))

# The best of many is luck until shown otherwise; any of them can be looked at in full.
print(runs[int(best["Run"][0])].headline)
