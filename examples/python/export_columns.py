"""Write trades as plain little-endian columns, for programs in any language.

    python export_columns.py TRADES FOLDER

makes `time.i64`, `price.i64` (ticks), `qty.i64` (lots) and `side.u8` (0 BUY, 1 SELL) in FOLDER.
"""

import sys
from pathlib import Path

import tickstep as ts


def main() -> None:
    """Read the trades, write the columns."""
    trades, folder = Path(sys.argv[1]), Path(sys.argv[2])
    ticks = ts.read_trades(trades)
    folder.mkdir(parents=True, exist_ok=True)
    ticks.time.astype("<i8").tofile(folder / "time.i64")
    ticks.price_ticks.astype("<i8").tofile(folder / "price.i64")
    ticks.qty_lots.astype("<i8").tofile(folder / "qty.i64")
    ticks.side.astype("u1").tofile(folder / "side.u8")
    print(
        f"{len(ticks)} ticks of {ticks.tick_size}, lots of {ticks.lot}, times in {ticks.time_unit}"
    )


if __name__ == "__main__":
    main()
