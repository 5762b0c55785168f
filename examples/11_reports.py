"""Reports: pages, paper and pictures of one run, or of several side by side.

python 11_reports.py [FOLDER]
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import tickstep as ts
from tickstep.demo import Grid, sample

folder = Path(sys.argv[1] if len(sys.argv) > 1 else mkdtemp(prefix="tickstep-"))
folder.mkdir(parents=True, exist_ok=True)
trades = sample(100_000)
runs = [ts.backtest(Grid(step=step), trades, cash=10_000) for step in (0.1, 0.25, 0.5)]
first = runs[0]

# A page to zoom in, one of all runs, a sheet, a picture: all made from the events of the runs.
first.report(folder / "run.html", benchmark=trades)  # also .pdf
ts.report(runs, folder / "compare.html")
first.tearsheet(folder / "sheet.png", benchmark=trades)
first.plot(folder / "picture.svg")

# The same numbers as tables, and as files for other programs.
print(first.compare(*runs[1:]))
first.to_parquet(folder / "tables")
for file in sorted(folder.rglob("*.*")):
    print(f"{file.relative_to(folder).as_posix():28} {file.stat().st_size:>10,} bytes")
