"""Measure the analytics against polars and Numba: a part of `make bench`.

Each library has a process and one thread of its own, makes the same columns from the same seed and
stays; in turns each does the work once, so that what else the machine does meets all of them, and
none pays for memory that another gave back. The first round is discarded. Times are those of the
processor. Every library first tells its results, which must agree: candles and profiles to the last
digit, quotients and logarithms to what their floats allow.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from measuring import Worker, stay_on_one_core

ROWS = (500_000, 10_000_000)
TICKS_MEASURED = 10_000_000  # by as many runs as it takes
INTERVAL_MS = 60_000
BINS = 100
WINDOW = 100
GOALS = {
    "candles": {"polars": 5.0, "numba": 1.3},
    "profile": {"polars": 5.0, "numba": 2.0},
    "volatility": {"polars": 4.0, "numba": 3.0},
    "vwap": {"polars": 4.0, "numba": 0.7},
}
NAMES = {
    "candles": "candles of nine columns",
    "profile": f"volume profile of {BINS} bins",
    "volatility": f"realized volatility of {WINDOW} rows",
    "vwap": "cumulative VWAP",
}

Array = npt.NDArray[Any]
Columns = tuple[Array, Array, Array, Array]


def analytics_rows(rows: int, rounds: int) -> list[dict[str, object]]:
    """Measure every library that is installed; one entry for each work and peer."""
    libraries = ["tickstep", *(name for name in ("polars", "numba") if find_spec(name))]
    workers = {name: Library(name, rows) for name in libraries}
    try:
        made = []
        for work in GOALS:
            check_results(work, {name: worker.result(work) for name, worker in workers.items()})
            measured = [
                {name: worker.measure(work) for name, worker in workers.items()}
                for _ in range(rounds + 1)
            ][1:]
            made += [peer_row(work, name, measured, rows) for name in libraries[1:]]
    finally:
        for worker in workers.values():
            worker.close()
    return made


class Library(Worker):
    """One library that reckons over the same ticks."""

    def __init__(self, name: str, rows: int) -> None:
        super().__init__(__file__, ["--serve", name, "--rows", str(rows)])

    def result(self, work: str) -> list[float]:
        found: list[float] = json.loads(self.ask(f"result {work}"))
        return found

    def measure(self, work: str) -> float:
        return float(self.ask(f"measure {work}"))


def check_results(work: str, results: dict[str, list[float]]) -> None:
    ours = results["tickstep"]
    for name, other in results.items():
        assert len(ours) == len(other), f"{work} of {name}"
        for mine, theirs in zip(ours, other, strict=True):
            # Sums over a window that others subtract from drift; ours are tested to forty digits.
            close = math.isclose(mine, theirs, rel_tol=1e-9)
            assert mine == theirs or (work in ("volatility", "vwap") and close), f"{work} of {name}"


def peer_row(
    work: str, name: str, measured: list[dict[str, float]], rows: int
) -> dict[str, object]:
    """How many times as fast as the peer: higher is better."""
    ratios = [round_[name] / round_["tickstep"] for round_ in measured]
    ratio, goal = statistics.median(ratios), GOALS[work][name]
    return {
        "data": "analytics",
        "workload": f"{rows:,} ticks, {NAMES[work]}, times {name}",
        "ours_ns": statistics.median(round_["tickstep"] for round_ in measured) / rows,
        "other_ns": statistics.median(round_[name] for round_ in measured) / rows,
        "ratio": ratio,
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "goal": goal,
        "met": ratio >= goal,
    }


# ---- In the libraries' processes -----------------------------------------------------------------


def serve(name: str, rows: int) -> None:
    stay_on_one_core()
    works = LIBRARIES[name](random_walk(rows))
    for line in sys.stdin:
        what, work = line.split()
        if what == "result":
            columns = [np.asarray(column, np.float64) for column in works[work]()]
            print(json.dumps([number for column in columns for number in told(column)]), flush=True)
            continue
        print(measured(works[work], max(1, TICKS_MEASURED // rows)), flush=True)


def measured(work: Callable[[], Any], times: int) -> float:
    """Time of one of several runs: short ones would tell how cold the cache was."""
    start = time.process_time_ns()
    for _ in range(times):
        work()
    return (time.process_time_ns() - start) / times


def told(column: Array) -> list[float]:
    """A column in a few numbers: how long, its sum, a sum that knows the order, some rows."""
    known = column[np.isfinite(column)]
    order = np.arange(len(known)) % 1000
    rows = known[:: max(1, len(known) // 20)].tolist()
    return [float(len(known)), float(known.sum()), float((known * order).sum()), *rows]


def random_walk(rows: int) -> Columns:
    random = np.random.default_rng(1)
    return (
        np.cumsum(random.integers(0, 20, rows)),
        np.maximum(100_000 + np.cumsum(random.integers(-3, 4, rows)), 1_000),
        random.integers(1, 1_000, rows),
        random.integers(0, 2, rows).astype(np.uint8),
    )


Works = dict[str, Callable[[], Any]]


def tickstep_works(columns: Columns) -> Works:
    from tickstep import analytics

    _, prices, qtys, sides = columns
    names = analytics.CANDLE_COLUMNS

    def candles() -> list[Array]:
        found = analytics.ticks_to_candles(*columns, interval_ms=INTERVAL_MS)
        return [found[name] for name in names]

    def profile() -> list[Array]:
        found = analytics.calculate_volume_profile(prices, qtys, sides, BINS)
        return [found["total_volume"], found["buy_volume"]]

    return {
        "candles": candles,
        "profile": profile,
        "volatility": lambda: [
            analytics.calculate_realized_volatility(prices, WINDOW, annualize=False)
        ],
        "vwap": lambda: [analytics.calculate_vwap(prices, qtys)],
    }


def polars_works(columns: Columns) -> Works:
    import polars as pl

    frame = pl.DataFrame(dict(zip("tpqs", columns, strict=True)))
    p, q, is_buy = pl.col("p"), pl.col("q"), pl.col("s") == 0
    total, bought = q.sum().alias("total"), (q * is_buy).sum().alias("bought")

    def candles() -> list[Array]:
        # Sorted already, and said so: the quickest of the ways to group by time.
        made = (
            frame.lazy()
            .with_columns((pl.col("t") // INTERVAL_MS * INTERVAL_MS).set_sorted().alias("bucket"))
            .group_by("bucket", maintain_order=True)
            .agg(
                open=p.first(),
                high=p.max(),
                low=p.min(),
                close=p.last(),
                volume=q.sum(),
                buy=(q * is_buy).sum(),
                sell=(q * ~is_buy).sum(),
                count=pl.len(),
            )
            .collect()
        )
        return [column.to_numpy() for column in made]

    def profile() -> list[Array]:
        low, high = frame.select(p.min().alias("low"), p.max().alias("high")).row(0)
        width = -(-(high - low + 1) // BINS)
        made = (
            frame.lazy()
            .group_by(((p - low) // width).alias("bin"))
            .agg(total, bought)
            .sort("bin")
            .collect()
        )
        full = np.zeros((2, (high - low) // width + 1), np.int64)
        full[:, made["bin"].to_numpy()] = made["total"].to_numpy(), made["bought"].to_numpy()
        return list(full)

    def volatility() -> list[Array]:
        returns = p.cast(pl.Float64).log().diff()
        return [frame.select(returns.rolling_std(WINDOW).alias("v"))["v"].to_numpy()]

    def vwap() -> list[Array]:
        return [frame.select(((p * q).cum_sum() / q.cum_sum()).alias("v"))["v"].to_numpy()]

    return {"candles": candles, "profile": profile, "volatility": volatility, "vwap": vwap}


def numba_works(columns: Columns) -> Works:
    loops: Any = import_module("bench_analytics_numba")  # Numba need not be installed
    times, prices, qtys, sides = columns
    return {
        "candles": lambda: list(loops.candles(times, prices, qtys, sides, INTERVAL_MS)),
        "profile": lambda: list(loops.profile(prices, qtys, sides, BINS)),
        "volatility": lambda: [loops.volatility(prices, WINDOW)],
        "vwap": lambda: [loops.vwap(prices, qtys)],
    }


LIBRARIES: dict[str, Callable[[Columns], Works]] = {
    "tickstep": tickstep_works,
    "polars": polars_works,
    "numba": numba_works,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.rows[0])
        return
    for rows in options.rows:
        for row in analytics_rows(rows, options.rounds):
            print(json.dumps(row))


if __name__ == "__main__":
    main()
