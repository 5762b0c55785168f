"""One integer grid rule over columns: the Python one of four programs that print one digest.

    python backtest.py FOLDER

FOLDER holds `time.i64 price.i64 qty.i64 side.u8` (see export_columns.py). `examples/c/backtest.c`,
`examples/cffi/backtest.py` and `crates/tickstep/examples/backtest.rs` do the same.

The rule: around the first price p, with a step g of p / 2000 ticks (at least 1), buy 1000 lots at
each p - k*g and sell 1000 at each p + k*g, for k = 1 to 10; answer each fill with the opposite order
one step away, under the same tag.
"""

import sys
from pathlib import Path

import numpy as np

import tickstep as ts

LEVELS = 10
QTY = 1000
FILLED = ts.EventKind.FILLED


def read_ticks(folder: Path) -> ts.Ticks:
    """The columns of a folder, checked."""
    return ts.Ticks(
        np.fromfile(folder / "time.i64", dtype="<i8"),
        np.fromfile(folder / "price.i64", dtype="<i8"),
        np.fromfile(folder / "qty.i64", dtype="<i8"),
        np.fromfile(folder / "side.u8", dtype="u1"),
        tick_size=1,
        lot=1,
    )


def place(engine: ts.Engine, side: str, price: int, tag: int) -> None:
    """One level of the grid."""
    engine.place_order(ts.Order("LIMIT", side, QTY, price, tag=tag))


def answer_fills(engine: ts.Engine, step: int) -> int:
    """The opposite order for each new fill; how many there were."""
    events = engine.drain_events()
    fills = events[events["kind"] == FILLED]
    for price, qty, tag in fills[["price_ticks", "qty_lots", "tag"]].tolist():
        if qty > 0:
            place(engine, "SELL", price + step, tag)
        else:
            place(engine, "BUY", price - step, tag)
    return len(fills)


def main() -> None:
    """Run the grid and print what all four programs print."""
    ticks = read_ticks(Path(sys.argv[1]))
    engine = ts.Engine(
        ts.EngineConfig(
            initial_cash=10**15,
            maker_fee="0.00002",
            taker_fee="0.00005",
            spread_bps=0,
            tick_size=1,
            lot=1,
            money_unit=1,
        )
    )
    first = int(ticks.price_ticks[0])
    step = max(1, first // 2000)
    for side, sign in (("BUY", -1), ("SELL", 1)):
        for level in range(1, LEVELS + 1):
            place(engine, side, first + sign * level * step, level)

    engine.bind(ticks)
    fills, done = 0, 0
    while done < len(ticks):
        done += engine.advance(stop_on="FILLED").ticks_done
        fills += answer_fills(engine, step)

    snapshot = engine.get_snapshot()
    print(f"digest {engine.digest}")
    print(f"cash {snapshot.cash_units} position {snapshot.position_lots} fills {fills}")


if __name__ == "__main__":
    main()
