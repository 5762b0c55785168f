"""Measure runs over thousands of instruments: a part of `make bench`.

Daily bars of every instrument, and one MARKET order for each instrument every twenty bars, so that
each day some instruments trade and the others do not. Once all orders are given before, as a schedule;
once they are placed day by day between calls of `advance`. Both must end in the same events. What a
row of all instruments costs is compared with a row of few: two rows a bar, those of all instruments
counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

import tickstep as ts

BARS = 500
EVERY = 20
FEW = 40
DAY_MS = 86_400_000
GOAL = 3.0


def portfolio_rows(instruments: int, pairs: int) -> list[dict[str, object]]:
    """Measure both ways of giving orders; a smaller ratio is better."""
    many, few = Portfolio(instruments), Portfolio(min(FEW, instruments))
    ways: list[tuple[str, Callable[[Portfolio], None]]] = [
        ("orders in a schedule", Portfolio.run_schedule),
        ("orders between advances", Portfolio.run_days),
    ]
    for portfolio in (many, few):
        portfolio.check_same([way for _, way in ways])
    rows = []
    for name, way in ways:
        measured = [(many.time(way), few.time(way)) for _ in range(pairs)]
        rows.append(row_of(f"{instruments:,} instruments to {FEW}, {name}", measured))
    return rows


class Portfolio:
    """An engine with bars bound for every instrument, and the orders."""

    def __init__(self, instruments: int) -> None:
        symbols = [f"S{index:05d}" for index in range(instruments)]
        random = np.random.default_rng(1)
        self.start = np.arange(BARS, dtype=np.int64) * DAY_MS
        self.rows = 2 * BARS * instruments
        listed = [ts.Instrument(symbol, tick_size=1, lot=1) for symbol in symbols]
        self.engine = ts.Engine(ts.EngineConfig(instruments=listed))
        self.engine.bind({symbol: walk(self.start, random) for symbol in symbols})
        days, places = np.nonzero(
            np.arange(BARS)[:, None] % EVERY == np.arange(instruments)[None, :] % EVERY
        )
        sides = np.where(days // EVERY % 2, "SELL", "BUY")
        self.schedule: dict[str, npt.ArrayLike] = {
            "time": self.start[days] + DAY_MS - 1,
            "symbol": np.array(symbols)[places],
            "order_type": "MARKET",
            "side": sides,
            "qty": 1.0,
        }
        self.days: list[list[ts.Order]] = [[] for _ in range(BARS)]
        for day, place, side in zip(days, places, sides, strict=True):
            order = ts.Order("MARKET", str(side), 1, symbol=symbols[place])
            self.days[day].append(order)

    def run_schedule(self) -> None:
        self.engine.run_orders(self.schedule)

    def run_days(self) -> None:
        engine = self.engine
        for start, orders in zip(self.start.tolist(), self.days, strict=True):
            engine.advance(until=start + DAY_MS)
            for order in orders:
                engine.place_order(order)

    def check_same(self, ways: list[Callable[[Portfolio], None]]) -> None:
        digests = set()
        for way in ways:
            self.engine.reset()
            way(self)
            digests.add(self.engine.digest)
        assert len(digests) == 1, "the ways of giving orders differ"

    def time(self, way: Callable[[Portfolio], None]) -> float:
        """Nanoseconds for each row."""
        self.engine.reset()
        start = time.process_time_ns()
        way(self)
        return (time.process_time_ns() - start) / self.rows


def walk(start: npt.NDArray[np.int64], random: np.random.Generator) -> ts.Bars:
    close = np.maximum(10_000 + np.cumsum(random.integers(-50, 51, len(start))), 1_000)
    opens = np.roll(close, 1)
    opens[0] = close[0]
    reach = random.integers(0, 50, len(start))
    low, high = np.minimum(opens, close) - reach, np.maximum(opens, close) + reach
    volume = np.full(len(start), 1_000)
    return ts.Bars(start, opens, high, low, close, volume, tick_size=1, lot=1, interval="1d")


def row_of(workload: str, measured: list[tuple[float, float]]) -> dict[str, object]:
    ratios = [many / few for many, few in measured]
    ratio, ours = statistics.median(ratios), statistics.median(many for many, _ in measured)
    return {
        "data": "bars",
        "workload": workload,
        "ours_ns_per_row": ours,
        "rows_per_second": 1e9 / ours,
        "other_ns_per_row": statistics.median(few for _, few in measured),
        "ratio": ratio,
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "goal": GOAL,
        "met": ratio <= GOAL,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instruments", type=int, default=4_000)
    parser.add_argument("--pairs", type=int, default=7)
    options = parser.parse_args()
    for row in portfolio_rows(options.instruments, options.pairs):
        print(json.dumps(row))
