"""The arguments of `tickstep data …`; `dataverbs` does the work, and is loaded for it alone."""

import argparse
from pathlib import Path
from typing import Any

from tickstep.commands import add_command
from tickstep.errors import ConfigError

__all__ = ["add_data"]

DATA_EXAMPLE = """\
example:
  tickstep data import store BTCUSDT-1m-2024-01.zip --symbol BTCUSDT.BINANCE
  tickstep data fetch store BTCUSDT.BINANCE --interval 1m --start 2024-02-01 --stop 2024-03-01
  tickstep data list store
"""
IMPORT_EXAMPLE = """\
example:
  tickstep data import store BTCUSDT-aggTrades-2024-01-*.zip --symbol BTCUSDT.BINANCE

Each file is stored whole or not at all; the same file again changes nothing.
"""
LIST_EXAMPLE = """\
example:
  tickstep data list store
"""
FETCH_EXAMPLE = """\
example:
  tickstep data fetch store BTCUSDT.BINANCE 600000.SSE --interval 1d \\
      --start 2023-01-01 --stop 2024-01-01

Only what the store lacks is asked for. The exit code is 1 when something is still missing.
"""
GAPS_EXAMPLE = """\
example:
  tickstep data gaps store 600000.SSE --interval 1m --start 2024-01-01 --stop 2024-02-01

Closed markets are no gaps. The exit code is 1 when there are any that a provider may still fill.
"""
CONVERT_EXAMPLE = """\
example:
  tickstep data convert BTCUSDT-aggTrades-2024-08-08.zip trades.arrow
  tickstep data convert trades.arrow trades.csv

Ticks go through in bounded memory, whatever the size of the file.
"""
INFO_EXAMPLE = """\
example:
  tickstep data info trades.arrow
"""


def add_data(commands: Any) -> None:
    """Add `data` and its commands to a command line.

    Parameters
    ----------
    commands : subparsers of argparse
        Where to.
    """
    data = add_command(commands, "data", "keep market data: a store, and files", DATA_EXAMPLE)
    verbs = data.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_import(verbs)
    _add_list(verbs)
    _add_fetch(verbs)
    _add_gaps(verbs)
    _add_convert(verbs)
    _add_info(verbs)


def _add_import(verbs: Any) -> None:
    added = _add(verbs, "import", "read files into a store", IMPORT_EXAMPLE)
    _add_store(added)
    added.add_argument("files", nargs="+", type=Path, metavar="FILE", help="ticks or bars")
    added.add_argument(
        "--existing",
        choices=("check", "keep", "replace", "drop"),
        default="check",
        help="of rows that are stored: they must be equal (check, the default), stay (keep), "
        "go within the span of the file (replace), or all go (drop)",
    )
    _add_reading(added)


def _add_list(verbs: Any) -> None:
    _add_store(_add(verbs, "list", "list what a store holds", LIST_EXAMPLE))


def _add_fetch(verbs: Any) -> None:
    added = _add(verbs, "fetch", "ask providers for bars that a store lacks", FETCH_EXAMPLE)
    _add_store(added)
    added.add_argument("symbols", nargs="+", metavar="SYMBOL", help="in any spelling")
    added.add_argument("--interval", required=True, metavar="TIME", help="of the bars: 1m, 1d")
    added.add_argument("--start", required=True, metavar="TIME", help="first time, in UTC")
    added.add_argument("--stop", required=True, metavar="TIME", help="time to stop before, in UTC")
    added.add_argument(
        "--provider",
        action="append",
        choices=("binance", "tushare", "akshare", "xtdata"),
        help="whom to ask; again for more, in this order (binance for its symbols, else akshare)",
    )
    added.add_argument(
        "--tries",
        type=int,
        default=3,
        metavar="N",
        help="how often one request is made at most (3)",
    )
    added.add_argument("--base", metavar="URL", help="a mirror of Binance's archive, or a folder")
    added.add_argument("--tick-size", metavar="MONEY", help="step of prices (found in the answers)")


def _add_gaps(verbs: Any) -> None:
    added = _add(verbs, "gaps", "list bars that a store lacks", GAPS_EXAMPLE)
    _add_store(added)
    added.add_argument("symbol", nargs="?", metavar="SYMBOL", help="in any spelling (all)")
    added.add_argument("--interval", metavar="TIME", help="of the bars (all)")
    added.add_argument("--start", metavar="TIME", help="first time, in UTC (of the first bar)")
    added.add_argument("--stop", metavar="TIME", help="time to stop before (of the last bar)")


def _add_convert(verbs: Any) -> None:
    added = _add(verbs, "convert", "write a file as another kind of file", CONVERT_EXAMPLE)
    added.add_argument("source", type=Path, metavar="SOURCE", help="ticks or bars")
    added.add_argument(
        "target", type=Path, metavar="TARGET", help=".arrow (tick file), .parquet or .csv"
    )
    added.add_argument("--overwrite", action="store_true", help="replace a target that is there")
    _add_reading(added)


def _add_info(verbs: Any) -> None:
    added = _add(verbs, "info", "tell what a file or a store holds", INFO_EXAMPLE)
    added.add_argument("path", type=Path, metavar="PATH", help="a file, or the folder of a store")
    _add_reading(added)


def _add_store(added: argparse.ArgumentParser) -> None:
    added.add_argument("store", type=Path, metavar="STORE", help="folder of the store")


def _add_reading(added: argparse.ArgumentParser) -> None:
    added.add_argument("--symbol", metavar="NAME", help="whose data it is (told by the file)")
    added.add_argument(
        "--kind", choices=("ticks", "bars"), help="what the rows are (told by the file)"
    )
    added.add_argument("--tick-size", metavar="MONEY", help="step of prices (found in the data)")
    added.add_argument("--lot", metavar="QTY", help="step of quantities (found in the data)")
    added.add_argument("--interval", metavar="TIME", help="of bars: 1m, 1d (found in the data)")
    added.add_argument("--tz", metavar="ZONE", help="of dates without one: Asia/Shanghai (UTC)")
    added.add_argument(
        "--on-bad", choices=("raise", "skip"), help="of bad rows in text: stop (raise) or leave out"
    )
    for flag, meaning in (
        ("--snap", "put numbers with the noise of floats on the given steps"),
        ("--sort", "put the rows in order of time"),
        ("--drop-duplicates", "leave out rows that equal the one before"),
    ):
        added.add_argument(flag, action="store_true", default=None, help=f"of a table: {meaning}")


def _add(verbs: Any, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    """Add a command, which names the extra that it lacks."""

    def run(arguments: argparse.Namespace) -> int:
        from tickstep.dataverbs import VERBS

        try:
            return VERBS[name](arguments)
        except ImportError as error:
            raise ConfigError(str(error)) from error

    return add_command(verbs, name, summary, example, run)
