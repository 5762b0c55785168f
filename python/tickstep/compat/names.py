"""Names that are not there, told with the nearest one: what others take without a word is an error."""

from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

from tickstep.errors import ConfigError, nearest

__all__ = ["Named", "UnknownName", "check_callbacks", "check_names", "unknown"]


PART_MIN = 3  # letters by which a part of a name tells which one is meant


class UnknownName(ConfigError, AttributeError, KeyError):  # type: ignore[misc]
    """A name that is not there; `hasattr` and `in` see it as they see any other."""


def unknown(what: str, name: object, known: Iterable[str]) -> UnknownName:
    """Make the error for a name that is not there.

    Parameters
    ----------
    what : str
        Whose name it would be.
    name : object
        What was asked for.
    known : iterable of str
        What there is.

    Examples
    --------
    >>> from tickstep.compat.names import unknown
    >>> print(unknown("Strategy", "bye", ["buy", "sell"]))
    Strategy has no 'bye'
    hint: did you mean 'buy'? there are buy, sell
    """
    names = sorted({each for each in known if not each.startswith("_")})
    # "cash" for "initial_cash" is a usual slip, and far from it letter by letter.
    longer = [each for each in names if str(name) in each] if len(str(name)) >= PART_MIN else []
    longer.sort(key=lambda each: (not each.startswith(str(name)), len(each)))
    hint = f"did you mean {longer[0]!r}?" if longer else nearest(name, names)
    return UnknownName(f"{what} has no {name!r}", hint=hint)


def check_names(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise for the first of the names given that is not known.

    Examples
    --------
    >>> from tickstep.compat.names import check_names
    >>> check_names("run", ["cash"], ["cash", "fees"])
    """
    known = list(known)
    for name in given:
        if name not in known:
            raise unknown(what, name, known)


class Named:
    """Base of what users take attributes from: those that are not there name the nearest."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        there = getattr(type(self), name, None)
        if isinstance(there, property) and there.fget is not None:
            return there.fget(self)  # it is there: what is not lies within, and is told again
        raise unknown(type(self).__name__, name, {*dir(type(self)), *vars(self)})


def check_callbacks(user: object, known: Iterable[str]) -> None:
    """Raise for a method that looks like a callback and would never be called.

    Parameters
    ----------
    user : object or class
        What the user wrote.
    known : iterable of str
        Callbacks there are.

    Raises
    ------
    ConfigError
        It names the nearest.
    """
    known = list(known)
    kinds = (user if isinstance(user, type) else type(user)).__mro__
    users = [each for each in kinds if not each.__module__.startswith("tickstep.")]
    # What their own code calls or hands over is called: on_5min_bar of a generator of bars.
    used = {name for kind in users for name in _names_in(kind)}
    for kind in users:
        for name, value in vars(kind).items():
            if name.startswith("on_") and callable(value) and name not in {*known, *used}:
                error = unknown("the list of callbacks", name, known)
                raise ConfigError(
                    f"{kind.__name__}.{name} would never be called", hint=error.hint
                ) from error


def _names_in(kind: type) -> Iterator[str]:
    for value in vars(kind).values():
        code = getattr(value, "__code__", None)
        waiting = [] if code is None else [code]
        while waiting:
            each = waiting.pop()
            yield from each.co_names
            waiting += [inner for inner in each.co_consts if isinstance(inner, CodeType)]
