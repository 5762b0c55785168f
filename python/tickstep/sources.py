"""Strategies by name: files to classes, and how a record tells of them.

What is run is what is hashed. A strategy file, and each module that it imports from its own folder, is
compiled from the very bytes whose SHA-256 goes into `run.json`.
"""

import ast
import hashlib
import importlib
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from tickstep import demo
from tickstep.compat.joinquant import is_script, script_class
from tickstep.errors import ConfigError
from tickstep.strategy import Strategy, parameters_of

__all__ = ["StrategySource", "parameter_values", "path_from"]

MODULE_NAME = "tickstep_strategy_file"
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


# --- Where a strategy comes from. -----------------------------------------------------------------


class StrategySource(NamedTuple):
    """A strategy class and the file that it was read from; no file for the built-in one.

    `modules` has the SHA-256 of each module that was imported from the file's folder, by its path in
    there. It grows while the strategy runs, for it may import whenever it likes.
    """

    kind: type[Strategy]
    file: Path | None = None
    sha256: str | None = None
    modules: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def read(cls, text: str) -> "StrategySource":
        """Load a strategy from a Python file.

        Parameters
        ----------
        text : str
            A path, and ":Class" behind it where the file has several strategies.

        Returns
        -------
        StrategySource
            The class and its file.

        Raises
        ------
        ConfigError
            When the file is no Python, or has no strategy, several, or not the one named.
        OSError
            When the file cannot be read.
        """
        path, colon, name = text.rpartition(":")
        file, wanted = (Path(path), name) if colon and name.isidentifier() else (Path(text), None)
        source = file.read_bytes()
        folder = _Folder.opened(file.resolve().parent)
        kind = _chosen(_strategies_in(file, source), wanted, file)
        return cls(kind, file, hashlib.sha256(source).hexdigest(), folder.hashes)

    @classmethod
    def built_in(cls) -> "StrategySource":
        """Take the strategy of the demonstration."""
        return cls(demo.Grid)

    def record(self, folder: Path, given: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Write down where it is, seen from a folder, what it is, and the parameters as typed.

        Call it after the run.
        """
        if self.file is None:
            return {"built_in": True}
        return {
            "given": dict(given or {}),
            "file": path_from(folder, self.file),
            "class": self.kind.__name__,
            "sha256": self.sha256,
            "modules": dict(sorted(self.modules.items())),
        }

    @classmethod
    def recorded(cls, record: Mapping[str, Any], folder: Path) -> "StrategySource":
        """Load what `record` wrote down."""
        if record.get("built_in"):
            return cls.built_in()
        if not isinstance(record.get("file"), str):
            raise ConfigError(
                "run.json names no strategy file: a program made it, not `tickstep backtest`",
                hint="run the program again and compare the digests",
            )
        return cls.read(f"{folder / record['file']}:{record.get('class')}")


class _Folder(MetaPathFinder):
    """The folder of the strategy file as a place to import from, as `python file.py` has it.

    Like the file itself, its modules are run from the very bytes that are hashed: no cache is read,
    and none is written beside them. One folder is open at a time, and opening it forgets what was
    imported from the one before, so that a module that was changed meanwhile is read anew.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: list[str] = []
        self.hashes: dict[str, str] = {}

    @classmethod
    def opened(cls, folder: Path) -> "_Folder":
        for finder in [each for each in sys.meta_path if isinstance(each, cls)]:
            finder._shut()
        made = cls(folder)
        # Before the search of `sys.path`, where packages without a file of their own are found.
        place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
        sys.meta_path.insert(place, made)
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        return made

    def _shut(self) -> None:
        sys.meta_path.remove(self)
        if str(self._folder) in sys.path:
            sys.path.remove(str(self._folder))
        for name in self._names:
            sys.modules.pop(name, None)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        places = [str(self._folder)] if path is None else path
        spec = PathFinder.find_spec(fullname, places, target)
        if spec is None or not self._is_ours(fullname, spec):
            return None
        self._names.append(fullname)
        spec.loader = _HashedSource(str(spec.origin), self._keep)
        return spec

    def _is_ours(self, name: str, spec: ModuleSpec) -> bool:
        """Whether it is Python and lies where its name says; an environment in there does not."""
        file = self._folder.joinpath(*name.split("."))
        return spec.origin in (str(file.with_suffix(".py")), str(file / "__init__.py"))

    def _keep(self, file: str, source: bytes) -> None:
        name = Path(file).relative_to(self._folder).as_posix()
        self.hashes[name] = hashlib.sha256(source).hexdigest()


class _HashedSource(SourceLoader):
    """Reads one module and tells what it read; without `path_stats` nothing is cached."""

    def __init__(self, file: str, keep: Callable[[str, bytes], None]) -> None:
        self._file = file
        self._keep = keep

    def get_filename(self, fullname: str) -> str:
        return self._file

    def get_data(self, path: str | bytes) -> bytes:
        source = Path(os.fsdecode(path)).read_bytes()
        if path == self._file:
            self._keep(self._file, source)
        return source


def _strategies_in(file: Path, source: bytes) -> dict[str, type[Strategy]]:
    if file.suffix != ".py":
        raise ConfigError(
            f"{file.name} is not a Python file", hint="name a .py file with a class of ts.Strategy"
        )
    if is_script(source):
        kind = script_class(source, file.name, str(file))
        return {kind.__name__: kind}
    try:
        code = compile(source, str(file), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{file.name} is not Python: {error}", hint="correct the file") from error
    module = ModuleType(MODULE_NAME)
    module.__file__ = str(file)
    sys.modules[MODULE_NAME] = module
    exec(code, vars(module))
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Strategy)
        and value.__module__ == MODULE_NAME
    }


def _chosen(kinds: Mapping[str, type[Strategy]], wanted: str | None, file: Path) -> type[Strategy]:
    if not kinds:
        raise ConfigError(
            f"{file.name} has no strategy",
            hint="derive a class from ts.Strategy in it: class Mine(ts.Strategy): ...",
        )
    if wanted is not None and wanted not in kinds:
        raise ConfigError(
            f"{file.name} has no strategy {wanted}", hint=f"it has {', '.join(kinds)}"
        )
    if wanted is None and len(kinds) > 1:
        raise ConfigError(
            f"{file.name} has {len(kinds)} strategies: {', '.join(kinds)}",
            hint=f"say which: {file.name}:{next(iter(kinds))}",
        )
    return kinds[wanted] if wanted is not None else next(iter(kinds.values()))


def parameter_values(kind: type[Strategy], texts: Mapping[str, str]) -> dict[str, Any]:
    """Read parameters from text, as what their defaults are.

    Parameters
    ----------
    kind : class of Strategy
        Whose parameters they are.
    texts : mapping of str to str
        Values as text.

    Returns
    -------
    dict
        Values.

    Raises
    ------
    ConfigError
        When there is no such parameter, or the text is no value of its kind.

    Examples
    --------
    >>> from tickstep.demo import Grid
    >>> from tickstep.sources import parameter_values
    >>> parameter_values(Grid, {"levels": "8", "step": "0.5"})
    {'levels': 8, 'step': 0.5}
    """
    defaults = parameters_of(kind)
    unknown = [name for name in texts if name not in defaults]
    if unknown:
        raise ConfigError(
            f"{kind.__name__} has no parameter {unknown[0]!r}",
            hint=f"it has {', '.join(defaults) or 'none'}",
        )
    return {name: _value(name, text, defaults[name]) for name, text in texts.items()}


def _value(name: str, text: str, default: Any) -> Any:
    if text == str(default):  # as records write it down, whatever its type
        return default
    try:
        return _read_as(default, text)
    except (ValueError, KeyError, TypeError, SyntaxError, InvalidOperation):
        kind = f"its default is {default!r}, of type {type(default).__name__}"
        is_quoted = default is None or isinstance(default, tuple)
        raise ConfigError(
            f"{name}={text} is not a value for {name}",
            hint=f"{kind}: write it as Python does, text in quotes" if is_quoted else kind,
        ) from None


def _read_as(default: Any, text: str) -> Any:
    if isinstance(default, bool):
        return TRUTHS[text.lower()]
    if isinstance(default, int):
        return _number(text)
    if isinstance(default, (float, Decimal, str)):
        return type(default)(text)
    return ast.literal_eval(text)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def path_from(folder: Path, file: Path) -> str:
    """Write down where a file is, seen from a folder: what is moved with it is still found."""
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return str(file.resolve())
