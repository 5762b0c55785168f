"""Measure tick files and Parquet: a part of `make bench`.

Opening a mapped tick file is compared with opening one of a hundredth of the ticks; a run with an order
every 10,000 ticks over the mapped file with the same run over ticks in memory; reading Parquet to
`Ticks` with polars' own read of the same columns. Rounds are interleaved, times are those of the
processor. Every run first shows that both sides have the same outcome.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

# One thread each, before polars is loaded.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np
import numpy.typing as npt

import tickstep as ts
from measuring import compared

ROWS = 100_000_000
TICKS_AN_ORDER = 10_000
OPENINGS = 50


def file_rows(rows: int, rounds: int) -> list[dict[str, object]]:
    """Measure with files of so many ticks, and a Parquet file of a twentieth of them."""
    ticks = walk(rows)
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "large.arrow", Path(folder) / "small.arrow"
        ticks.save(large)
        ticks[: rows // 100].save(small)
        table = Path(folder) / "ticks.parquet"
        ticks[: rows // 20].to_parquet(table)
        return [
            opening_row(large, small, rows, rounds),
            *run_rows(large, ticks, rounds),
            parquet_row(table, rows // 20, rounds),
        ]


def walk(rows: int) -> ts.Ticks:
    random = np.random.default_rng(1)
    price = 100_000 + np.cumsum(random.integers(-3, 4, rows, dtype=np.int8), dtype=np.int64)
    return ts.Ticks(
        np.cumsum(random.integers(0, 20, rows, dtype=np.uint8), dtype=np.int64),
        np.maximum(price, 1_000),
        random.integers(1, 1_000, rows, dtype=np.int64),
        random.integers(0, 2, rows, dtype=np.uint8),
        tick_size=1,
        lot=1,
    )


def opening_row(large: Path, small: Path, rows: int, rounds: int) -> dict[str, object]:
    def opening(path: Path) -> Callable[[], object]:
        def open_often() -> None:
            for _ in range(OPENINGS):
                ts.open_ticks(path)

        return open_often

    name = f"opening a tick file of {rows:,} ticks, to one of a hundredth"
    return compared("files", name, opening(large), opening(small), rounds, at_most=1.5)


def run_rows(large: Path, ticks: ts.Ticks, rounds: int) -> list[dict[str, object]]:
    """Both sides bind, place the orders and run: over a file opened anew, and over one that is open.

    The first run over a file meets every page that it needs for the first time.
    """
    count = len(ticks) // TICKS_AN_ORDER
    orders: dict[str, npt.ArrayLike] = {
        "tick_index": np.arange(count) * TICKS_AN_ORDER,
        "order_type": "MARKET",
        "side": np.arange(count) % 2,
        "qty": 1.0,
    }

    def digest(of: ts.Ticks) -> str:
        engine = ts.Engine(ts.EngineConfig(tick_size=1, lot=1))
        engine.bind(of)
        engine.run_orders(orders)
        return engine.digest

    mapped = ts.open_ticks(large)
    assert digest(mapped) == digest(ticks)
    name = f"an order each {TICKS_AN_ORDER:,} ticks over a mapped file"
    in_memory = partial(digest, ticks)
    return [
        compared(
            "files",
            f"{name}, opened anew, to memory",
            lambda: digest(ts.open_ticks(large)),
            in_memory,
            rounds,
            at_most=3,
        ),
        compared(
            "files",
            f"{name}, open, to memory",
            partial(digest, mapped),
            in_memory,
            rounds,
            at_most=3,
        ),
    ]


def parquet_row(path: Path, rows: int, rounds: int) -> dict[str, object]:
    import polars as pl

    names = ["time", "price_ticks", "qty_lots", "side"]
    frame, ticks = pl.read_parquet(path, columns=names), ts.read_parquet(path)
    assert all(
        (frame[name].to_physical().to_numpy() == getattr(ticks, name)).all() for name in names
    )
    name = f"{rows:,} ticks from Parquet, time to that of polars"
    return compared(
        "files",
        name,
        lambda: ts.read_parquet(path),
        lambda: pl.read_parquet(path, columns=names),
        rounds,
        at_most=1 / 0.8,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for row in file_rows(options.rows, options.rounds):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
