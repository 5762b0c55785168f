"""What the README shows, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import tickstep as ts

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_quick_start_runs() -> None:
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    strategy = names["Cross"]
    assert isinstance(strategy, type) and issubclass(strategy, ts.Strategy)
    assert ts.backtest(strategy, walk(20_000)).stats["Fills"]


def walk(rows: int) -> ts.Ticks:
    random = np.random.default_rng(3)
    return ts.Ticks(
        np.arange(rows) * 500,
        100_000 + np.cumsum(random.integers(-9, 10, rows)),
        random.integers(1, 100, rows),
        random.integers(0, 2, rows).astype(np.uint8),
        tick_size="0.01",
        lot="0.001",
    )


def test_every_name_in_the_readme_is_there() -> None:
    names = set(re.findall(r"`(ts\.[\w.]+)`", README))
    assert len(names) > 25
    for name in names:
        value: object = ts
        for part in name.split(".")[1:]:
            value = getattr(value, part)


def test_the_map_names_what_is_there() -> None:
    root = Path(__file__).parent.parent
    for place in re.findall(r"^\| `([^`]+)` \|", README, flags=re.MULTILINE):
        assert (root / place).exists(), f"README.md names {place}"
