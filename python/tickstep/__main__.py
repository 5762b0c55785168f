"""The command line: `tickstep …`, the same as `python -m tickstep …`.

Results go to standard output, with the digest last; what is going on goes to standard error. The
exit code is 0 when all is well, 1 when `verify` or `lookahead` finds a difference or `data` finds bars
missing, 2 for a mistake in what was asked for, 130 after Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tickstep.backtest import run
from tickstep.barticks import BAR_FILLS
from tickstep.commands import add_command
from tickstep.datacli import add_data
from tickstep.datasource import DataSource
from tickstep.demo import TICKS_DEFAULT
from tickstep.errors import ConfigError, StrategyError, TickstepError
from tickstep.failures import place_in_strategy
from tickstep.lookahead import CUTS_DEFAULT, lookahead
from tickstep.progress import ProgressLine
from tickstep.reportcli import add_report, add_report_options, check_reports
from tickstep.result import FORMATS, Result
from tickstep.runfile import verify
from tickstep.sources import StrategySource, parameter_values
from tickstep.strategy import Strategy
from tickstep.ticks import Ticks
from tickstep.version import __version__

__all__ = ["main"]

DIFFERENT, MISTAKE, STOPPED = 1, 2, 130

DEMO_CASH = 10_000
DEMO_FOLDER = "tickstep-demo"
PICTURE = "picture.png"

MAIN_EXAMPLE = """\
example:
  tickstep demo
"""
BACKTEST_EXAMPLE = """\
example:
  tickstep backtest grid.py BTCUSDT-aggTrades-2024-08-08.zip \\
      --cash 50000 --maker-fee 0.0002 --param step=10 --out grid-run --report grid.html

  tickstep backtest rotate.py 600000.SSE=sh600000.csv 000001.SZSE=sz000001.csv --tz Asia/Shanghai

Data are trades (CSV files of Binance, recorded feeds), bars (tables with a header, klines), Parquet or
tick files, packed or not. Several files without a symbol follow one another in time. A picture, the
fills, the equity, all events and run.json go to the folder.
"""
LOOKAHEAD_EXAMPLE = """\
example:
  tickstep lookahead grid.py BTCUSDT-aggTrades-2024-08-08.zip --param step=10

Puts another market in the place of all rows after a moment, runs again, and compares what came
before. The first event that differs is shown, and the exit code is 1.
"""
DEMO_EXAMPLE = """\
example:
  tickstep demo --ticks 1000000 --out demo

Runs a grid of limit orders over a computed market. The digest is the same on every machine.
"""
VERIFY_EXAMPLE = """\
example:
  tickstep verify grid-run/run.json

Reads the strategy, the modules it imports from beside it, and the trades again, runs, and compares
every event. What was changed is named; a difference is shown as the first diverging event, and the
exit code is 1.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        Exit code.

    Examples
    --------
    >>> from tickstep.__main__ import main
    >>> main(["verify", "no-such-run.json"])
    2
    """
    _accept_any_encoding()
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.command(arguments)
        sys.stdout.flush()
    except TickstepError as error:
        return _mistake(error.message, error.hint, _place(error))
    except BrokenPipeError:
        # The reader has seen enough; a second flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return _mistake(named, None, None)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    return code


# --- The commands. --------------------------------------------------------------------------------


def _backtest(arguments: argparse.Namespace) -> int:
    strategy = StrategySource.read(arguments.strategy)
    assert strategy.file is not None, "it was read from a file"
    folder = arguments.out or Path(f"{strategy.file.stem}-run")
    check_reports(arguments.report, made=folder)
    values = parameter_values(strategy.kind, _pairs(arguments.param))
    source, data = _read(arguments)
    settings = _settings(arguments) | {"alternatives": arguments.alternatives}
    result = _run(strategy.kind(**values), data, arguments.skip_scan, settings)
    return _finish(result, folder, arguments, strategy, source)


def _read(arguments: argparse.Namespace) -> tuple[DataSource, Any]:
    source = DataSource.of(arguments.data, vars(arguments))
    with ProgressLine("read") as line:
        data = source.read(line)
        parts = data.values() if isinstance(data, dict) else [data]
        rows = sum(map(len, parts))
        kinds = {"trades" if isinstance(each, Ticks) else "bars" for each in parts}
        line.done(f"{rows:,} {' and '.join(sorted(kinds))}")
    return source, data


def _demo(arguments: argparse.Namespace) -> int:
    folder = arguments.out or Path(DEMO_FOLDER)
    check_reports(arguments.report, made=folder)
    strategy, source = StrategySource.built_in(), DataSource((), sample_ticks=arguments.ticks)
    settings = {"cash": DEMO_CASH}
    result = _run(strategy.kind(), source.read(), arguments.skip_scan, settings)
    return _finish(result, folder, arguments, strategy, source)


def _lookahead(arguments: argparse.Namespace) -> int:
    strategy = StrategySource.read(arguments.strategy)
    values = parameter_values(strategy.kind, _pairs(arguments.param))
    _, data = _read(arguments)
    made = strategy.kind(**values)
    found = lookahead(made, data, cuts=arguments.cuts, **_settings(arguments))
    print(found)
    return 0 if found.is_clean else DIFFERENT


def _verify(arguments: argparse.Namespace) -> int:
    with ProgressLine("run again") as line:
        verdict = verify(arguments.run, line)
    print("\n".join(verdict.lines))
    return 0 if verdict.is_same else DIFFERENT


def _run(strategy: Strategy, data: Any, skip_scan: bool, settings: dict[str, Any]) -> Result:
    with ProgressLine("run") as line:
        result = run(strategy, data, skip_scan=skip_scan, progress=line, **settings)
        line.done(f"{result.account.rows_told}, {len(result.events):,} events")
    return result


def _finish(
    result: Result,
    folder: Path,
    arguments: argparse.Namespace,
    strategy: StrategySource,
    source: DataSource,
) -> int:
    if not result.is_complete:
        print(result)
        print("stopped: nothing was written", file=sys.stderr)
        return STOPPED
    given = _pairs(getattr(arguments, "param", ()))
    record = {"strategy": strategy.record(folder, given), "data": source.record(folder)}
    with ProgressLine(f"wrote {folder}") as line:
        files = result.write(folder, format=arguments.format, source=record)
        if arguments.plot:
            files.append(result.plot(folder / PICTURE))
        files += [result.report(file, script=arguments.script) for file in arguments.report]
        line.done(", ".join(file.name for file in files))
    print(result)
    return 0


# --- Arguments. -----------------------------------------------------------------------------------


RULES = (
    "cash",
    "maker_fee",
    "taker_fee",
    "spread_bps",
    "fill",
    "bar_fill",
    "latency",
    "participation",
    "start",
    "stop",
    "warmup",
)


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    settings = {name: getattr(arguments, name) for name in RULES}
    return {name: value for name, value in settings.items() if value is not None}


def _number_or_text(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--param {text} has no value", hint=f"write --param {text}=VALUE")
        pairs[name] = value
    return pairs


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tickstep",
        description="Exact, deterministic backtesting.",
        epilog=MAIN_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tickstep {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_backtest(commands)
    _add_demo(commands)
    _add_verify(commands)
    _add_lookahead(commands)
    add_report(commands)
    add_data(commands)
    return parser


def _add_backtest(commands: Any) -> None:
    added = add_command(
        commands, "backtest", "run a strategy file over trades or bars", BACKTEST_EXAMPLE, _backtest
    )
    _add_run(added)
    _add_output(added, "folder for the results (named after the strategy)")
    added.add_argument(
        "--no-alternatives",
        dest="alternatives",
        action="store_false",
        help="run once: do not try other rules of filling where they matter",
    )


def _add_lookahead(commands: Any) -> None:
    added = add_command(
        commands,
        "lookahead",
        "change the future and see whether the past changes",
        LOOKAHEAD_EXAMPLE,
        _lookahead,
    )
    _add_run(added)
    added.add_argument(
        "--cuts", type=int, default=CUTS_DEFAULT, metavar="N", help="moments to try (5)"
    )


def _add_run(added: argparse.ArgumentParser) -> None:
    """What is run, over what, and by which rules."""
    added.add_argument("strategy", metavar="STRATEGY.py[:Class]", help="file with a ts.Strategy")
    added.add_argument(
        "data", nargs="+", metavar="DATA", help="files of trades or bars; SYMBOL=FILE for several"
    )
    added.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="set a parameter"
    )
    rules = added.add_argument_group("rules")
    rules.add_argument("--cash", metavar="MONEY", help="initial cash (100000)")
    rules.add_argument("--maker-fee", metavar="FRACTION", help="of the value (0.0001)")
    rules.add_argument("--taker-fee", metavar="FRACTION", help="of the value (0.0002)")
    rules.add_argument("--spread-bps", metavar="BPS", help="the whole bid-ask spread (2)")
    rules.add_argument(
        "--fill",
        choices=("through", "touch"),
        help="when resting limits trade: only beyond their price (default), or at it",
    )
    rules.add_argument(
        "--bar-fill",
        choices=BAR_FILLS,
        help="what is ordered on a bar trades at the next open (default), at its close, or inside "
        "bars along a path through both extremes",
    )
    rules.add_argument(
        "--latency", metavar="TIME", help="from an order to the market: 50ms, 1s (the least)"
    )
    rules.add_argument(
        "--participation",
        metavar="FRACTION",
        help="of the quantity of a tick or bar that is ours (0.1 of bars)",
    )
    span = added.add_argument_group("span")
    span.add_argument(
        "--start",
        type=_number_or_text,
        metavar="TIME",
        help="run from here on; bars before it are known",
    )
    span.add_argument(
        "--stop", type=_number_or_text, metavar="TIME", help="run over rows before it"
    )
    span.add_argument(
        "--warmup",
        type=_number_or_text,
        metavar="N|SPAN",
        help="instead of --start: after so many bars of the first instrument, or after 30d",
    )
    reading = added.add_argument_group("reading")
    reading.add_argument("--kind", choices=("ticks", "bars"), help="where a file does not say")
    reading.add_argument("--tick-size", metavar="MONEY", help="step of prices (found in the data)")
    reading.add_argument("--lot", metavar="QTY", help="step of quantities (found in the data)")
    reading.add_argument("--interval", metavar="TIME", help="of bars: 1m, 1d (found in the data)")
    reading.add_argument("--tz", metavar="ZONE", help="of dates without one: Asia/Shanghai (UTC)")
    reading.add_argument(
        "--snap", action="store_true", default=None, help="round what is off the grid of a table"
    )


def _add_demo(commands: Any) -> None:
    added = add_command(commands, "demo", "run a grid over a computed market", DEMO_EXAMPLE, _demo)
    added.add_argument(
        "--ticks", type=int, default=TICKS_DEFAULT, metavar="N", help=f"length ({TICKS_DEFAULT:,})"
    )
    _add_output(added, f"folder for the results ({DEMO_FOLDER})")


def _add_verify(commands: Any) -> None:
    added = add_command(commands, "verify", "run a run again and compare", VERIFY_EXAMPLE, _verify)
    added.add_argument("run", type=Path, metavar="run.json", help="record of a run")


def _add_output(added: argparse.ArgumentParser, out_help: str) -> None:
    added.add_argument("--out", type=Path, metavar="DIR", help=out_help)
    added.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help="of fills and equity (csv)"
    )
    added.add_argument("--no-plot", dest="plot", action="store_false", help="draw no picture")
    add_report_options(added)
    added.add_argument(
        "--no-skip-scan",
        dest="skip_scan",
        action="store_false",
        help="take every tick by itself: slower, same digest",
    )


# --- What goes wrong. -----------------------------------------------------------------------------


def _mistake(message: str, hint: str | None, place: str | None) -> int:
    print(f"error: {message}", file=sys.stderr)
    if place is not None:
        print(f"in: {place}", file=sys.stderr)
    if hint is not None:
        print(f"hint: {hint}", file=sys.stderr)
    return MISTAKE


def _place(error: TickstepError) -> str | None:
    """The line of the user's own code that an error came out of, where it does not tell itself."""
    frame = None if isinstance(error, StrategyError) else place_in_strategy(error)
    if frame is None or not frame.filename.endswith(".py"):
        return None
    return f"{frame.filename}, line {frame.lineno}, {frame.name}: {frame.line}"


def _accept_any_encoding() -> None:
    """A terminal that lacks a character shows another one instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
