"""The benchmarks at a small size, so that they do not rot: they verify results before they time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_benchmarks_run_small(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py")]
    options = ["--rows", "30000", "--pairs", "1", "--out", str(out)]
    subprocess.run([*command, *options], check=True, capture_output=True)
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    parts = {"walk", "python", "readers", "analytics", "files", "bars", "styles", "strategies"}
    assert parts == {row["data"] for row in rows}
    assert len(rows) > 12
