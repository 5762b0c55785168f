"""Order flow as bubbles: generated trades by default, or a file of yours; no network.

    python bubbles.py
    python bubbles.py --csv BTCUSDT-aggTrades-2024-08-08.csv --time-start 09:00 --time-end 11:30
    python bubbles.py --output flow.html --china-colors

A bubble's area is its quantity; green is bought, red is sold (the other way round in China). Below
stand the delta in buckets and the equity of a small grid strategy that ran over the same trades.
"""

import argparse
from pathlib import Path

import tickstep as ts
from tickstep import demo


def main() -> None:
    """Read or make trades, run the grid over them, draw."""
    options = arguments()
    ticks = ts.read_trades(options.csv) if options.csv else demo.sample(options.ticks)
    ticks = ticks[: options.max_rows]
    result = ts.backtest(demo.Grid, ticks, cash=10_000)
    path = ticks.plot(
        options.output,
        "bubbles",
        title=options.title or f"{options.symbol or ticks.symbol} order flow",
        china_colors=options.china_colors,
        result=result,
        delta=f"{options.delta}s",
        bubble_scale=options.bubble_scale,
        bubble_alpha=options.bubble_alpha,
        time_start=options.time_start,
        time_end=options.time_end,
    )
    print(f"{len(ticks):,} trades, {result.stats['Fills']} fills of the grid: {path}")


def arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help="trades, as read_trades takes them"
    )
    parser.add_argument("--ticks", type=int, default=20_000, metavar="N", help="trades to generate")
    parser.add_argument("--max-rows", type=int, metavar="N", help="take the first N trades")
    parser.add_argument("--symbol", help="name in the title")
    parser.add_argument("--title", help="the whole title")
    parser.add_argument("--delta", type=int, default=60, metavar="S", help="seconds of a bucket")
    parser.add_argument(
        "--bubble-scale", type=float, metavar="AREA", help="of the largest, in square points"
    )
    parser.add_argument("--bubble-alpha", type=float, default=0.5, metavar="0..1", help="opacity")
    parser.add_argument("--time-start", metavar="HH:MM", help="first time of day, UTC")
    parser.add_argument("--time-end", metavar="HH:MM", help="time of day to stop before, UTC")
    parser.add_argument("--china-colors", action="store_true", help="red buys, green sells")
    parser.add_argument("--output", type=Path, default=Path("bubbles.png"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
