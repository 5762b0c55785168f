"""The commands `tickstep data …`: a store filled, listed and completed; files converted and told."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tickstep.bars import Bars
from tickstep.commands import add_command
from tickstep.data import fetch, formats, stream
from tickstep.data.store import Gap, Series, Store
from tickstep.data.symbols import AmbiguousSymbolError, Symbol, symbol
from tickstep.data.writing import form_of, write
from tickstep.errors import ConfigError, DataError
from tickstep.progress import ProgressLine
from tickstep.ticks import Ticks, to_time

__all__ = ["add_data"]

INCOMPLETE = 1

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


def _add(
    verbs: Any,
    name: str,
    summary: str,
    example: str,
    command: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    """Add a command that names the extra which it lacks."""

    def guarded(arguments: argparse.Namespace) -> int:
        try:
            return command(arguments)
        except ImportError as error:
            raise ConfigError(str(error)) from error

    return add_command(verbs, name, summary, example, guarded)


# --- import, list. --------------------------------------------------------------------------------


def _import(arguments: argparse.Namespace) -> int:
    for file in arguments.files:
        with ProgressLine(f"import {file.name}") as line:
            data = _read(arguments, file, line)
            _check_name(data.symbol, file)
            saved = Store(arguments.store).save(data, existing=arguments.existing)
            line.done(f"{saved.rows:,} {_kind(data)} of {data.symbol}, {saved.added:,} new")
    return 0


def _check_name(name: str | None, file: Path) -> None:
    if name is None:
        raise ConfigError(f"{file.name} does not tell its symbol", hint="--symbol 600000.SSE")
    try:
        symbol(name)
    except AmbiguousSymbolError as error:
        raise DataError(error.message, hint="--symbol takes one of these") from None
    except DataError:
        return  # no market of ours: it is stored as it is


def _read(arguments: argparse.Namespace, file: Path, line: ProgressLine) -> Ticks | Bars:
    return formats.read(
        file, arguments.kind, symbol=arguments.symbol, progress=line, **_options(arguments)
    )


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("tick_size", "lot", "on_bad", "interval", "tz")
    return {name: getattr(arguments, name) for name in names}


def _list(arguments: argparse.Namespace) -> int:
    heads = ("symbol", "data", "rows", "first", "last", "tick size", "lot")
    rows = [
        (
            each.symbol,
            each.interval or "ticks",
            f"{each.rows:,}",
            *(_text(time) for time in _ends(each)),
            str(each.tick_size),
            str(each.lot),
        )
        for each in _there(arguments.store).series()
    ]
    _print_table([heads, *rows], numbers=(2, 5, 6))
    return 0


def _there(path: Path) -> Store:
    if not path.is_dir():
        raise ConfigError(
            f"there is no store {path}", hint=f"tickstep data import {path} FILE makes one"
        )
    return Store(path)


def _ends(series: Series) -> "tuple[np.datetime64[Any], np.datetime64[Any]]":
    first, last = series.parts[0].first, series.parts[-1].last
    moments = np.array([first, last]).view(f"M8[{series.time_unit}]")
    return moments[0], moments[1]


# --- fetch, gaps. ---------------------------------------------------------------------------------


class _Watched:
    """A provider whose requests move a line: it shows how far in the span of time they are."""

    def __init__(self, provider: fetch.Provider, line: ProgressLine, start: int, stop: int) -> None:
        self.name = provider.name
        self._provider, self._line = provider, line
        self._start, self._stop = start, stop

    def days(self, of: Symbol, interval: str) -> int:
        """Ask the provider."""
        return self._provider.days(of, interval)

    def bars(self, of: Symbol, interval: str, start: int, stop: int) -> Bars | None:
        """Ask the provider."""
        self._line(start - self._start, self._stop - self._start)
        return self._provider.bars(of, interval, start, stop)


def _fetch(arguments: argparse.Namespace) -> int:
    span = to_time(arguments.start, "ms"), to_time(arguments.stop, "ms")
    wanted = [symbol(name) for name in arguments.symbols]
    store = Store(arguments.store)
    gaps: list[Gap] = []
    for of in wanted:
        with ProgressLine(f"fetch {of} {arguments.interval}") as line:
            providers = [_Watched(each, line, *span) for each in _providers(of, arguments)]
            how = fetch.backfill(
                store, of, arguments.interval, *span, providers, tries=arguments.tries
            )
            line.done(f"{how.added:,} bars added")
        print(how)
        gaps += how.gaps
    return _completeness(gaps)


def _providers(of: Symbol, arguments: argparse.Namespace) -> list[fetch.Provider]:
    makers: dict[str, Callable[[], fetch.Provider]] = {
        "binance": lambda: fetch.BinanceArchive(arguments.base or fetch.BINANCE_URL),
        "tushare": lambda: fetch.TushareProvider(tick_size=arguments.tick_size),
        "akshare": lambda: fetch.AkshareProvider(tick_size=arguments.tick_size),
        "xtdata": lambda: fetch.XtDataProvider(tick_size=arguments.tick_size),
    }
    usual = "binance" if of.exchange.startswith("BINANCE") else "akshare"
    return [makers[name]() for name in arguments.provider or [usual]]


def _gaps(arguments: argparse.Namespace) -> int:
    store = _there(arguments.store)
    gaps: list[Gap] = []
    for series in _chosen(store, arguments):
        first, last = _ends(series)
        start, stop = arguments.start or first, arguments.stop or last
        found = store.gaps(series.symbol, str(series.interval), start, stop)
        print(f"{series.name}: {sum(gap.bars for gap in found):,} bars missing")
        _print_table([_gap_row(gap) for gap in found])
        gaps += found
    return _completeness(gaps)


def _chosen(store: Store, arguments: argparse.Namespace) -> list[Series]:
    """The series of bars that were asked for; all of them when none was named."""
    stored = [series for series in store.series() if series.kind == "bars"]
    name = None if arguments.symbol is None else str(symbol(arguments.symbol))
    chosen = [
        series
        for series in stored
        if name in (None, series.symbol) and arguments.interval in (None, series.interval)
    ]
    if not chosen:
        raise DataError(
            f"{arguments.store} has no bars {'' if name is None else f'of {name} '}"
            f"{'' if arguments.interval is None else f'of {arguments.interval}'}".rstrip(),
            hint=f"it has {', '.join(series.name for series in stored) or 'no bars at all'}",
        )
    return chosen


def _gap_row(gap: Gap) -> tuple[str, ...]:
    start, stop = np.array([gap.start, gap.stop]).view("M8[ms]")
    known = "no provider has them" if gap.is_absent else ""
    return f"  {_text(start)} to {_text(stop)}", f"{gap.bars:,} bars", known


def _completeness(gaps: Sequence[Gap]) -> int:
    return 0 if all(gap.is_absent for gap in gaps) else INCOMPLETE


# --- convert, info. -------------------------------------------------------------------------------


def _convert(arguments: argparse.Namespace) -> int:
    source, target = arguments.source, arguments.target
    form_of(target)
    if target.exists() and not arguments.overwrite:
        raise ConfigError(f"{target} is there already", hint="--overwrite replaces it")
    found = formats.look(source, arguments.kind)
    with ProgressLine(f"convert {source.name}") as line:
        data: Ticks | Bars
        if found.kind == "ticks" and found.form not in ("Arrow", "table"):
            given = formats.check_options(source, found, _options(arguments))
            data = stream.convert(source, target, symbol=arguments.symbol, progress=line, **given)
        else:
            data = _read(arguments, source, line)
            write(data, target)
        line.done(f"{len(data):,} {_kind(data)} to {target.name}")
    return 0


def _info(arguments: argparse.Namespace) -> int:
    path = arguments.path
    if path.is_dir():
        _print_table(_about_store(path))
        return 0
    with ProgressLine(f"read {path.name}") as line:
        data = _read(arguments, path, line)
        line.done(f"{len(data):,} {_kind(data)}")
    form = formats.look(path, arguments.kind).form
    _print_table([("File", f"{path.name}, {form} of {path.stat().st_size:,} bytes"), *_about(data)])
    return 0


def _about(data: Ticks | Bars) -> list[tuple[str, str]]:
    """What is worth knowing of ticks or bars, digest last."""
    rows = [("Symbol", data.symbol or "not told"), ("Rows", f"{len(data):,} {_kind(data)}")]
    if isinstance(data, Bars):
        rows.append(("Interval", str(data.interval or "not cut by time")))
    rows += [
        ("Tick Size", f"{data.tick_size:.12g}"),
        ("Lot", f"{data.lot:.12g}"),
        ("Time Unit", data.time_unit),
    ]
    if len(data):
        low, high = _price_range(data)
        rows += [
            ("First", _text(data.datetimes[0])),
            ("Last", _text(data.datetimes[-1])),
            ("Price", f"{low * data.tick_size:,.12g} to {high * data.tick_size:,.12g}"),
        ]
    return [*rows, ("Digest", data.data_digest)]


def _price_range(data: Ticks | Bars) -> tuple[int, int]:
    if isinstance(data, Bars):
        return int(data.low_ticks.min()), int(data.high_ticks.max())
    low, high = data.extremes([0, len(data)])
    return int(low[0]), int(high[0])


def _about_store(path: Path) -> list[tuple[str, str]]:
    found = Store(path).series()
    if not found:
        raise DataError(
            f"{path} is no store, or an empty one", hint="tickstep data import fills it"
        )
    return [
        ("Store", str(path)),
        ("Symbols", f"{len({series.symbol for series in found}):,}"),
        ("Series", f"{len(found):,}"),
        ("Rows", f"{sum(series.rows for series in found):,}"),
        ("First", _text(min(_ends(series)[0] for series in found))),
        ("Last", _text(max(_ends(series)[1] for series in found))),
    ]


# --- Printing. ------------------------------------------------------------------------------------


def _kind(data: Ticks | Bars) -> str:
    return "bars" if isinstance(data, Bars) else "ticks"


def _text(moment: "np.datetime64[Any]") -> str:
    return str(moment).replace("T", " ")


def _print_table(rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """Print rows in columns; columns of numbers stand right."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


# --- Arguments. -----------------------------------------------------------------------------------


def _add_import(verbs: Any) -> None:
    added = _add(verbs, "import", "read files into a store", IMPORT_EXAMPLE, _import)
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
    _add_store(_add(verbs, "list", "list what a store holds", LIST_EXAMPLE, _list))


def _add_fetch(verbs: Any) -> None:
    added = _add(verbs, "fetch", "ask providers for bars that a store lacks", FETCH_EXAMPLE, _fetch)
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
    added = _add(verbs, "gaps", "list bars that a store lacks", GAPS_EXAMPLE, _gaps)
    _add_store(added)
    added.add_argument("symbol", nargs="?", metavar="SYMBOL", help="in any spelling (all)")
    added.add_argument("--interval", metavar="TIME", help="of the bars (all)")
    added.add_argument("--start", metavar="TIME", help="first time, in UTC (of the first bar)")
    added.add_argument("--stop", metavar="TIME", help="time to stop before (of the last bar)")


def _add_convert(verbs: Any) -> None:
    added = _add(
        verbs, "convert", "write a file as another kind of file", CONVERT_EXAMPLE, _convert
    )
    added.add_argument("source", type=Path, metavar="SOURCE", help="ticks or bars")
    added.add_argument(
        "target", type=Path, metavar="TARGET", help=".arrow (tick file), .parquet or .csv"
    )
    added.add_argument("--overwrite", action="store_true", help="replace a target that is there")
    _add_reading(added)


def _add_info(verbs: Any) -> None:
    added = _add(verbs, "info", "tell what a file or a store holds", INFO_EXAMPLE, _info)
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
