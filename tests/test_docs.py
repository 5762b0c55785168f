"""What the README shows, run as it stands."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import tickstep as ts

DOCS = Path(__file__).parent.parent / "docs"
GUIDE = (DOCS / "guide.md").read_text(encoding="utf-8")
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


def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert len(blocks) >= 12
    for block in blocks:
        exec(compile(block, "guide.md", "exec"), names)
    assert sorted(re.findall(r"^## (\d+)\.", GUIDE, flags=re.MULTILINE), key=int) == [
        str(number) for number in range(1, 11)
    ]


def test_every_name_in_the_guide_is_there() -> None:
    for name in set(re.findall(r"`(ts\.[A-Za-z_][\w.]*)", GUIDE)):
        value: object = ts
        for part in name.split(".")[1:]:
            value = getattr(value, part)
    for path in set(re.findall(r"`(tickstep\.compat\.\w+)`", GUIDE)):
        assert import_module(path)
