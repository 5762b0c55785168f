"""Measure the readers against polars, DuckDB and pandas: a part of `make bench`.

One file of aggregated trades, read by each library to the same four columns: ours to exact integers,
the others to a time, two floats and a flag. Every reader has a process and one thread of its own and
stays; in turns each reads the file once, so that what else the machine does meets all of them. The
first round is discarded. Times are those of the processor, and the smaller the better. Every reader
first tells sums of its columns, which must agree.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from measuring import Worker, stay_on_one_core

ROWS = 5_000_000
GOALS = {"polars": 3.0, "duckdb": 8.0, "pandas": 8.0}
COLUMNS = ["price", "quantity", "transact_time", "is_buyer_maker"]
BUFFER_BYTES = 64 << 20  # what a reader may use beside its columns

Sums = tuple[int, int, float, float, int]
Array = npt.NDArray[Any]


def reader_rows(rows: int, rounds: int) -> list[dict[str, object]]:
    """Measure every reader that is installed; one entry for each peer, one for memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "BTCUSDT-aggTrades-2024-08-08.csv"
        write_trades(path, rows)
        names = ["tickstep", *(name for name in GOALS if find_spec(name))]
        readers = {name: Reader(name, path) for name in names}
        try:
            check_sums(readers)
            measured = [
                {name: reader.read() for name, reader in readers.items()} for _ in range(rounds + 1)
            ][1:]
        finally:
            for reader in readers.values():
                reader.close()
        peak = memory_row(path, rows)
    return [peer_row(name, measured, rows) for name in names[1:]] + [peak]


def write_trades(path: Path, rows: int) -> None:
    """A random walk in the spelling of the exchange's archives."""
    random = np.random.default_rng(1)
    time_ms = 1723161256322 + np.cumsum(random.integers(0, 20, rows))
    price = 618_000 + np.cumsum(random.integers(-3, 4, rows))
    qty = random.integers(1, 2_000, rows)
    last_id = 5266583935 + np.cumsum(random.integers(1, 4, rows))
    maker = random.integers(0, 2, rows)
    with path.open("w", encoding="ascii") as file:
        file.write("agg_trade_id,price,quantity,first_trade_id,last_trade_id,")
        file.write("transact_time,is_buyer_maker\n")
        for start in range(0, rows, 100_000):
            part = slice(start, start + 100_000)
            columns = (last_id[part], price[part], qty[part], time_ms[part], maker[part])
            file.writelines(
                f"{2301523417 + start + i},{p // 10}.{p % 10}0,{q // 1000}.{q % 1000:03d},"
                f"{last},{last},{t},{'true' if m else 'false'}\n"
                for i, (last, p, q, t, m) in enumerate(
                    zip(*(column.tolist() for column in columns), strict=True)
                )
            )


class Reader(Worker):
    """One library that reads the file."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(__file__, ["--serve", name, "--file", str(path)])

    def sums(self) -> Sums:
        rows, time_ms, price, qty, sells = json.loads(self.ask("sums"))
        return rows, time_ms, price, qty, sells

    def read(self) -> float:
        return float(self.ask("read"))


def check_sums(readers: dict[str, Reader]) -> None:
    ours = readers["tickstep"].sums()
    for name, reader in readers.items():
        other = reader.sums()
        assert (other[0], other[1], other[4]) == (ours[0], ours[1], ours[4]), name
        assert np.allclose(other[2:4], ours[2:4], rtol=1e-9), name


def peer_row(name: str, measured: list[dict[str, float]], rows: int) -> dict[str, object]:
    """How many times as fast as the peer: higher is better."""
    ratios = [round_[name] / round_["tickstep"] for round_ in measured]
    ratio, goal = statistics.median(ratios), GOALS[name]
    return {
        "data": "readers",
        "workload": f"{rows:,} trades from CSV, times as fast as {name}",
        "ours_ns": statistics.median(round_["tickstep"] for round_ in measured) / rows,
        "other_ns": statistics.median(round_[name] for round_ in measured) / rows,
        "ratio": ratio,
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "goal": goal,
        "met": ratio >= goal,
    }


def memory_row(path: Path, rows: int) -> dict[str, object]:
    """Peak memory of a process that reads the file, beside what it had before."""
    command = [sys.executable, __file__, "--serve", "memory", "--file", str(path)]
    said = subprocess.run(command, input="read\n", capture_output=True, text=True, check=True)
    peak, columns = json.loads(said.stdout)
    ratio = max(0, peak - BUFFER_BYTES) / columns
    return {
        "data": "readers",
        "workload": f"{rows:,} trades from CSV, peak memory beyond 64 MB to the columns",
        "ratio": ratio,
        "goal": 1.5,
        "met": ratio <= 1.5,
    }


# ---- In the readers' processes -------------------------------------------------------------------


def serve(name: str, path: Path) -> None:
    stay_on_one_core()
    if name == "memory":
        print(json.dumps(peak_bytes(path)))
        return
    read, sums = READERS[name]()
    for line in sys.stdin:
        if line.strip() == "sums":
            print(json.dumps(sums(read(path))), flush=True)
            continue
        start = time.process_time_ns()
        frame = read(path)
        taken = time.process_time_ns() - start
        del frame
        print(taken, flush=True)


def peak_bytes(path: Path) -> tuple[int, int]:
    import tickstep as ts

    small = path.with_name("small.csv")
    with path.open(encoding="ascii") as file:
        small.write_text("".join(file.readline() for _ in range(100)), encoding="ascii")
    ts.read_trades(small)  # everything that loads late is there
    before = status_bytes("VmRSS")
    ticks = ts.read_trades(path)
    return status_bytes("VmHWM") - before, ticks.nbytes


def status_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def summed(time_ms: Array, price: Array, qty: Array, maker: Array) -> Sums:
    total = (float(price.sum()), float(qty.sum()))
    return len(price), int(time_ms.sum()), *total, int(maker.sum())


Served = tuple[Callable[[Path], object], Callable[..., Sums]]


def serve_tickstep() -> Served:
    import tickstep as ts

    def sums(ticks: ts.Ticks) -> Sums:
        return summed(ticks.time, ticks.prices, ticks.qtys, ticks.side)

    return ts.read_trades, sums


def serve_polars() -> Served:
    import polars as pl

    def sums(frame: pl.DataFrame) -> Sums:
        price, qty, time_ms, maker = (frame[name].to_numpy() for name in COLUMNS)
        return summed(time_ms, price, qty, maker)

    return lambda path: pl.read_csv(path, columns=COLUMNS), sums


def serve_duckdb() -> Served:
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    query = f"select {', '.join(COLUMNS)} from read_csv($path)"

    def sums(columns: dict[str, Array]) -> Sums:
        price, qty, time_ms, maker = (columns[name] for name in COLUMNS)
        return summed(time_ms, price, qty, maker)

    return lambda path: connection.execute(query, {"path": str(path)}).fetchnumpy(), sums


def serve_pandas() -> Served:
    import pandas as pd

    def sums(frame: pd.DataFrame) -> Sums:
        price, qty, time_ms, maker = (frame[name].to_numpy() for name in COLUMNS)
        return summed(time_ms, price, qty, maker)

    return lambda path: pd.read_csv(path, usecols=COLUMNS), sums


READERS: dict[str, Callable[[], Served]] = {
    "tickstep": serve_tickstep,
    "polars": serve_polars,
    "duckdb": serve_duckdb,
    "pandas": serve_pandas,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.file)
        return
    for row in reader_rows(options.rows, options.rounds):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
