"""Measure the kernel and its Python edge: `make bench`.

Every workload verifies its result before it is timed, runs in interleaved pairs with what it is
compared to, and reports the median ratio with its spread. Ratios count; absolute times belong to the
machine. One JSON file, `build/bench.json`, holds everything, with commit and machine.

The ticks are a random walk of 10 million rows and, when a file of real trades is given
(`--trades FILE`), those trades put together to as many rows block by block, blocks drawn at random.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tickstep as ts
from bench_analytics import analytics_rows
from bench_files import file_rows
from bench_portfolio import FEW, portfolio_rows
from bench_readers import reader_rows
from bench_strategies import strategy_rows
from bench_styles import style_rows
from measuring import compared
from tickstep import _kernel
from tickstep.pictures import overview_of

ROOT = Path(__file__).parent.parent
ROWS = 10_000_000
BLOCK = 2_000
PAIRS_OF_PEERS = 3  # a peer takes many seconds for what takes us a few tenths of one

Columns = tuple[
    npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]
]
NAMES = ("time.i64", "price.i64", "qty.i64", "side.u8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=Path, help="a trades file for the second data set")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    options = parser.parse_args()
    data = {"walk": random_walk(options.rows)}
    if options.trades:
        data["trades"] = bootstrapped(ts.read_trades(options.trades), options.rows)
    rows = [
        row for name, columns in data.items() for row in kernel_rows(name, columns, options.pairs)
    ]
    rows += edge_rows(options.pairs)
    rows += reader_rows(options.rows // 2, options.pairs)
    for count in (options.rows // 20, options.rows):
        rows += analytics_rows(count, options.pairs)
    rows += file_rows(options.rows * 10, options.pairs)
    rows += portfolio_rows(max(FEW, options.rows // 2_500), options.pairs)
    rows += style_rows(options.rows // 2, options.pairs)
    rows += strategy_rows(options.rows // 20, options.rows, min(options.pairs, PAIRS_OF_PEERS))
    rows.append(picture_row(data["walk"], options.pairs))
    rows.append(memory_row(data["walk"]))
    write(options.out, rows)
    print(table(rows))


# ---- Data ----------------------------------------------------------------------------------------


def random_walk(rows: int) -> Columns:
    random = np.random.default_rng(1)
    steps = np.cumsum(random.integers(-3, 4, rows))
    return (
        np.cumsum(random.integers(0, 20, rows)),
        np.maximum(100_000 + steps, 1_000),
        random.integers(1, 1_000, rows),
        random.integers(0, 2, rows).astype(np.uint8),
    )


def bootstrapped(ticks: ts.Ticks, rows: int) -> Columns:
    """Blocks of real trades in random order: times and prices go on from block to block."""
    random = np.random.default_rng(2)
    gaps = np.diff(ticks.time, prepend=ticks.time[0])
    moves = np.diff(ticks.price_ticks, prepend=ticks.price_ticks[0])
    starts = random.integers(0, len(ticks) - BLOCK, rows // BLOCK + 1)
    places = (starts[:, None] + np.arange(BLOCK)).ravel()[:rows]
    prices = int(ticks.price_ticks[0]) + np.cumsum(moves[places])
    return (
        int(ticks.time[0]) + np.cumsum(gaps[places]),
        np.maximum(prices, 1_000),
        ticks.qty_lots[places],
        ticks.side[places],
    )


# ---- The kernel ----------------------------------------------------------------------------------


def kernel_rows(name: str, columns: Columns, pairs: int) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bench_kernel"
        sources = [ROOT / "benchmarks" / "bench_kernel.c", *sorted((ROOT / "core").glob("*.c"))]
        flags = ["-std=c11", "-O3", "-DNDEBUG", f"-I{ROOT / 'include'}"]
        subprocess.run(["cc", *flags, "-o", str(program), *map(str, sources)], check=True)
        for i, file_name in enumerate(NAMES):
            (Path(folder) / file_name).write_bytes(columns[i].tobytes())
        command = [str(program), name, folder, str(pairs)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in lines.splitlines()]


# ---- The Python edge -----------------------------------------------------------------------------


def edge_rows(pairs: int) -> list[dict[str, object]]:
    calls = 200_000
    engine = ts.Engine(ts.EngineConfig(tick_size=1, lot=1))
    tick = ts.Tick(0, 100, 1, "BUY")
    nothing = _kernel.CallCost()
    rows = range(calls)
    bound = ts.Ticks(
        np.arange(calls),
        np.full(calls, 100),
        np.ones(calls, np.int64),
        np.zeros(calls, np.uint8),
        tick_size=1,
        lot=1,
    )
    ready = list(range(calls))

    def steps() -> None:
        engine.reset()
        step = engine.step
        for i in rows:
            step(i, 100, 1, 0)

    def four_arguments() -> None:
        four = nothing.four
        for i in rows:
            four(i, 100, 1, 0)

    def step_ticks() -> None:
        engine.reset()
        step_tick = engine.step_tick
        for _ in rows:
            step_tick(tick)

    def one_argument() -> None:
        one = nothing.one
        for _ in rows:
            one(tick)

    def cursor() -> None:
        engine.reset()
        engine.bind(bound)
        for _ in engine.cursor():
            pass

    def iterate_list() -> None:
        for _ in ready:
            pass

    return [
        compared("python", name, ours, other, pairs, at_most=goal, calls=calls)
        for name, ours, other, goal in (
            ("step(), four numbers, to a no-op method", steps, four_arguments, 2),
            ("step_tick(), a ready Tick, to a no-op", step_ticks, one_argument, 2),
            ("the cursor, to iterating a list", cursor, iterate_list, 3),
        )
    ]


def picture_row(columns: Columns, pairs: int) -> dict[str, object]:
    """What an overview of all rows costs, beside one of a hundredth of them."""
    ticks = ts.Ticks(*columns, tick_size=1, lot=1)
    part = ticks[: len(ticks) // 100]
    calls = 200
    seen = overview_of(ticks)
    assert (seen.low.min(), seen.high.max()) == (columns[1].min(), columns[1].max())

    def whole() -> None:
        for _ in range(calls):
            overview_of(ticks)

    def hundredth() -> None:
        for _ in range(calls):
            overview_of(part)

    return compared(
        "python",
        f"an overview of {len(ticks):,} ticks, to one of a hundredth",
        whole,
        hundredth,
        pairs,
        at_most=3,
        calls=calls,
    )


def memory_row(columns: Columns) -> dict[str, object]:
    ticks = ts.Ticks(*columns, tick_size=1, lot=1)
    size = ticks.nbytes / len(ticks)
    return {
        "data": "walk",
        "workload": "bytes of a bound tick, zone map included",
        "ratio": size,
        "goal": 26,
        "met": size <= 26,
    }


# ---- Writing -------------------------------------------------------------------------------------


def write(path: Path, rows: list[dict[str, object]]) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    machine = {"machine": platform.machine(), "system": platform.system(), "processor": processor()}
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"commit": commit, **machine, "version": ts.__version__, "rows": rows}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def table(rows: list[dict[str, object]]) -> str:
    lines = [f"{'data':8}{'workload':62}{'ratio':>11}{'spread':>24}{'goal':>9}"]
    for row in rows:
        if "ratio" not in row:
            lines.append(
                f"{row['data']:8}{row['workload']:62}{row['gigabytes_per_second']:>7} GB/s"
            )
            continue
        spread = f"{row['ratio_low']:.4g} to {row['ratio_high']:.4g}" if "ratio_low" in row else ""
        mark = "" if row["met"] else "  not met"
        lines.append(
            f"{row['data']:8}{row['workload']:62}{row['ratio']:>11.4g}{spread:>24}"
            f"{row['goal']:>9.4g}{mark}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
