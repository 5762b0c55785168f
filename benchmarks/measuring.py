"""What the parts of `make bench` share: calls timed side by side, libraries in processes apart."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def compared(
    data: str,
    name: str,
    ours: Callable[[], object],
    other: Callable[[], object],
    rounds: int,
    *,
    at_most: float,
    calls: int = 1,
) -> dict[str, object]:
    """How many times dearer ours is than the other, the first round discarded: lower is better."""
    measured = [(timed(ours), timed(other)) for _ in range(rounds + 1)][1:]
    ratios = [a / b for a, b in measured]
    ratio = statistics.median(ratios)
    return {
        "data": data,
        "workload": name,
        "ours_ns": statistics.median(a for a, _ in measured) / calls,
        "other_ns": statistics.median(b for _, b in measured) / calls,
        "ratio": ratio,
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "goal": at_most,
        "met": ratio <= at_most,
    }


def timed(call: Callable[[], object]) -> int:
    """Nanoseconds of the processor."""
    start = time.process_time_ns()
    call()
    return time.process_time_ns() - start


class Worker:
    """One library in a process of its own, told by lines what to do."""

    def __init__(self, program: str, arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ONE_THREAD,
        )

    def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def ask(self, what: str) -> str:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("a library's process has ended; its message is above")
        return answer


def stay_on_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
