"""Market data by name: files to columns of instruments, and how a record tells of them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tickstep import demo
from tickstep.bars import Bars
from tickstep.data.bars import read_bars
from tickstep.data.formats import Kind, check_options, look, read
from tickstep.errors import ConfigError, DataError
from tickstep.sources import path_from
from tickstep.ticks import Progress, Ticks

__all__ = ["DataSource"]

Data = Ticks | Bars

OPTIONS = ("kind", "tick_size", "lot", "interval", "tz", "snap")


class DataSource(NamedTuple):
    """Files and how to read them; or the length of the computed sample.

    `files` has a path for each file and the symbol it was given, if any; `options` are those of
    `tickstep.data.formats.read`, and `kind`.
    """

    files: tuple[tuple[str | None, Path], ...]
    options: Mapping[str, Any] = MappingProxyType({})
    sample_ticks: int | None = None

    @classmethod
    def of(cls, texts: Sequence[str], options: Mapping[str, Any]) -> "DataSource":
        """Take files as they are typed: FILE, or SYMBOL=FILE.

        Parameters
        ----------
        texts : sequence of str
            Files without a symbol are of one instrument and follow one another in time.
        options : mapping
            Those of `OPTIONS`; None is none.

        Returns
        -------
        DataSource
            Nothing is read yet.
        """
        return cls(tuple(map(_named, texts)), {name: options.get(name) for name in OPTIONS})

    def read(self, progress: Progress | None = None) -> Data | dict[str, Data]:
        """Read the files; those of one symbol, in the order given, as one.

        Parameters
        ----------
        progress : callable, optional
            As of `read_trades`, for each file.

        Returns
        -------
        Ticks, Bars, or dict of str to them
            By symbol where symbols were given.

        Raises
        ------
        DataError, ConfigError
            When a file is bad, or the files do not fit together.
        OSError
            When a file cannot be read.
        """
        if self.sample_ticks is not None:
            return demo.sample(self.sample_ticks)
        found: dict[str | None, list[Path]] = {}
        for symbol, path in self.files:
            found.setdefault(symbol, []).append(path)
        if None in found and len(found) > 1:
            raise ConfigError(
                f"{found[None][0]} has no symbol, and other files have",
                hint=f"write SYMBOL={found[None][0]}",
            )
        read = {symbol: self._read(symbol, files, progress) for symbol, files in found.items()}
        if None in read:
            return read[None]
        return {symbol: data for symbol, data in read.items() if symbol is not None}

    def record(self, folder: Path) -> dict[str, Any]:
        """Write down where the files are, seen from a folder."""
        if self.sample_ticks is not None:
            return {"built_in": True, "ticks": self.sample_ticks}
        return {
            "files": [path_from(folder, file) for _, file in self.files],
            "symbols": [symbol for symbol, _ in self.files],
            "options": dict(self.options),
        }

    @classmethod
    def recorded(cls, record: Mapping[str, Any], folder: Path) -> "DataSource":
        """Read what `record` wrote down."""
        if record.get("built_in") and isinstance(record.get("ticks"), int):
            return cls((), sample_ticks=record["ticks"])
        names = record.get("files")
        if not isinstance(names, list):
            raise ConfigError(
                "run.json names no files of data: a program made it, not `tickstep backtest`",
                hint="run the program again and compare the digests",
            )
        symbols = record.get("symbols") or [None] * len(names)
        paths = (folder / str(name) for name in names)
        return cls(tuple(zip(symbols, paths, strict=True)), record.get("options") or {})

    def _read(self, symbol: str | None, files: list[Path], progress: Progress | None) -> Data:
        options = {name: value for name, value in self.options.items() if value is not None}
        kind: Kind | None = options.pop("kind", None)
        formats = [look(file, kind) for file in files]
        if len(files) > 1 and all(each == ("table", "bars") for each in formats):
            given = check_options(files[0], formats[0], options)
            return read_bars(files, symbol=symbol, **given)
        parts = [read(each, kind, symbol=symbol, progress=progress, **options) for each in files]
        return parts[0] if len(parts) == 1 else _joined(parts, files)


def _named(text: str) -> tuple[str | None, Path]:
    symbol, equals, path = text.partition("=")
    is_path = not equals or Path(text).exists() or not symbol or "/" in symbol
    return (None, Path(text)) if is_path else (symbol, Path(path))


def _joined(parts: Sequence[Data], files: Sequence[Path]) -> Ticks:
    ticks = [each for each in parts if isinstance(each, Ticks)]
    if len(ticks) < len(parts):
        raise ConfigError(
            f"{files[0].name} and {files[1].name} cannot be joined: one of them holds bars",
            hint="give tables of bars alone, or one file",
        )
    for (before, after), file in zip(pairwise(ticks), files[1:], strict=True):
        _check_follows(before, after, file)
    names = ("time", "price_ticks", "qty_lots", "side")
    columns = [np.concatenate([getattr(part, name) for part in ticks]) for name in names]
    for column in columns:
        column.flags.writeable = False
    first = ticks[0]
    return Ticks(
        *columns,
        tick_size=first.tick_size,
        lot=first.lot,
        time_unit=first.time_unit,
        symbol=first.symbol,
    )


def _check_follows(before: Ticks, after: Ticks, file: Path) -> None:
    for name in ("symbol", "time_unit", "tick_size", "lot"):
        ours, theirs = getattr(before, name), getattr(after, name)
        if ours != theirs:
            raise ConfigError(
                f"{file.name} has the {name} {theirs}, the file before it {ours}",
                hint="give files of one instrument; --tick-size and --lot make sizes agree",
            )
    if len(before) and len(after) and after.time[0] < before.time[-1]:
        raise DataError(
            f"{file.name} begins at {after.datetimes[0]}, before the end of the file before it, "
            f"{before.datetimes[-1]}",
            hint="give the files in order of time",
        )
