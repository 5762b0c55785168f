"""What the commands of `tickstep data` do: fill, list and complete a store; convert and tell files."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tickstep.bars import Bars, interval_text
from tickstep.data import fetch, formats, stream
from tickstep.data.store import Gap, Series, Store
from tickstep.data.symbols import AmbiguousSymbolError, Symbol, symbol
from tickstep.data.writing import form_of, write
from tickstep.errors import ConfigError, DataError
from tickstep.progress import ProgressLine
from tickstep.ticks import Ticks, to_time

__all__ = ["VERBS"]

READING = ("tick_size", "lot", "interval", "on_bad", "tz", "snap", "sort", "drop_duplicates")
LABELS = (("Tick Size", "tick_size"), ("Lot", "lot"), ("Time Unit", "time_unit"))
STREAMED = ("text", "tick file", "Parquet")  # what `convert` reads, if it holds ticks
INCOMPLETE = 1  # the exit code when bars are missing


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
    return {name: getattr(arguments, name) for name in READING}


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
    interval = str(interval_text(arguments.interval, "ms"))
    wanted = [symbol(name) for name in arguments.symbols]
    providers = {of: _providers(of, arguments) for of in wanted}  # before a store is made
    store = Store(arguments.store)
    gaps: list[Gap] = []
    for of, asked in providers.items():
        with ProgressLine(f"fetch {of} {interval}") as line:
            watched = [_Watched(each, line, *span) for each in asked]
            how = fetch.backfill(store, of, interval, *span, watched, tries=arguments.tries)
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
    names = arguments.provider or [usual]
    for option, value, users in (
        ("--base", arguments.base, {"binance"}),
        ("--tick-size", arguments.tick_size, {"tushare", "akshare", "xtdata"}),
    ):
        if value is not None and users.isdisjoint(names):
            raise ConfigError(f"{option} means nothing for {names[0]}", hint="leave it out")
    return [makers[name]() for name in names]


def _gaps(arguments: argparse.Namespace) -> int:
    store = _there(arguments.store)
    gaps: list[Gap] = []
    are_known = True
    for series in _chosen(store, arguments):
        first, last = _ends(series)
        start, stop = arguments.start or first, arguments.stop or last
        try:
            found = store.gaps(series.symbol, str(series.interval), start, stop)
        except (ConfigError, DataError) as fault:
            if arguments.symbol is not None:
                raise
            print(f"{series.name}: not known, for {fault.message}")
            are_known = False
            continue
        print(f"{series.name}: {sum(gap.bars for gap in found):,} bars missing")
        _print_table([_gap_row(gap) for gap in found])
        gaps += found
    return _completeness(gaps) if are_known else INCOMPLETE


def _chosen(store: Store, arguments: argparse.Namespace) -> list[Series]:
    """The series of bars that were asked for; all of them when none was named."""
    stored = [series for series in store.series() if series.kind == "bars"]
    name = None if arguments.symbol is None else str(symbol(arguments.symbol))
    interval = interval_text(arguments.interval, "ms")
    chosen = [
        series
        for series in stored
        if name in (None, series.symbol) and interval in (None, series.interval)
    ]
    if not chosen:
        asked = " ".join(["bars", *(f"of {word}" for word in (interval, name) if word is not None)])
        raise DataError(
            f"{arguments.store} has no {asked}",
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
        if found.kind == "ticks" and found.form in STREAMED:
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
    labels = data._labels()
    rows += [(name, labels[key]) for name, key in LABELS]
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


VERBS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "import": _import,
    "list": _list,
    "fetch": _fetch,
    "gaps": _gaps,
    "convert": _convert,
    "info": _info,
}
