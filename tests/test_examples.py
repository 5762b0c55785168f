"""The numbered examples: each runs as it stands, and none of their strategies knows the future."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import tickstep as ts
from tickstep.demo import sample

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("[0-9][0-9]_*.py"))

# What is to be seen in the words of an example, besides that it runs.
SAID = {
    "01_first_backtest": ["return ", "Digest"],
    "02_bars": ["Information Ratio"],
    "03_limit_orders": ["(touch ", "warning:", "Maker Share"],
    "04_stops_and_targets": ["bars:", "limits first", "ticks:"],
    "05_alerts": ["1,000,000 ticks"],
    "06_portfolio": ["Momentum", "STOCK0", "old"],
    "07_holdings": ["603998.SSE", "600000.SSE"],
    "08_signals": ["1,000 runs over", "Equity Final"],
    "09_native": ["the same events: True"],
    "10_risk": ["refused: max_order_qty: 40, at most 30", "broken:  max_daily_loss"],
    "11_reports": ["run.html", "compare.html", "tables/fills.parquet"],
    "12_trust": ["True no difference", "no look-ahead found", "it looks ahead"],
}
# The one that is there to be found out.
KNOWING = "KnowsTomorrow"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_examples_run(file: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, str(file)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words in SAID.get(file.stem, []):
        assert words in done.stdout


@cache
def names_of(file: Path) -> dict[str, Any]:
    """What an example defines; it runs once for that."""
    arguments, sys.argv = sys.argv, [str(file)]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return runpy.run_path(str(file))
    finally:
        sys.argv = arguments


def strategies() -> list[Any]:
    found = []
    for file in EXAMPLES:
        names = re.findall(r"^class (\w+)\(ts\.", file.read_text("utf-8"), re.MULTILINE)
        found += [pytest.param(file, name, id=f"{file.stem}-{name}") for name in names]
    return found


def portfolio() -> dict[str, Any]:
    (file,) = (each for each in EXAMPLES if each.stem == "06_portfolio")
    return dict(names_of(file)["stocks"])


@pytest.mark.parametrize(("file", "name"), strategies())
def test_no_example_knows_the_future(file: Path, name: str) -> None:
    kind = names_of(file)[name]
    ticks = sample(30_000)
    if issubclass(kind, ts.Portfolio):
        data: Any = portfolio()
    else:
        data = ticks.candles("1m") if overrides(kind, "on_bar") else ticks
    if name == "Guarded":
        data = ticks
    found = ts.lookahead(kind, data, cuts=3)
    assert found.is_clean == (name != KNOWING), found
    assert max(found.events) > 3


def overrides(kind: type[ts.Strategy], name: str) -> bool:
    return getattr(kind, name) is not getattr(ts.Strategy, name)
