"""What a strategy is, as text: the part of a run's identity that is code."""

import hashlib
import inspect
import textwrap
from collections.abc import Mapping, Sequence, Set
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

__all__ = ["parameter_text", "source_digest"]

_known: "WeakKeyDictionary[Any, str | None]" = WeakKeyDictionary()


def source_digest(parts: Sequence[Any]) -> str | None:
    """Hash the source of classes and functions.

    Parameters
    ----------
    parts : sequence of class or function
        What a strategy is made of, in order.

    Returns
    -------
    str or None
        SHA-256 of their source text, indentation of the whole apart; None where the source of a part
        cannot be read, as of what was typed into a bare interpreter.

    Examples
    --------
    >>> from tickstep.demo import Grid
    >>> from tickstep.provenance import source_digest
    >>> len(source_digest([Grid])), source_digest([int])
    (64, None)
    """
    texts = [_text(each) for each in parts]
    known = [text for text in texts if text is not None]
    if len(known) < len(texts):
        return None
    return hashlib.sha256("\n".join(known).encode()).hexdigest()


def parameter_text(value: Any) -> str:
    """Write a parameter down: equal values give equal text on every machine, other values another.

    Plain values are as `repr` has them, NumPy's scalars as the plain values they are, arrays with a
    SHA-256 of all they hold, sets in order, functions and classes by name and source, and what has no
    `repr` of its own by its class.

    Parameters
    ----------
    value : object
        Of a strategy.

    Returns
    -------
    str
        One line, as a rule.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.provenance import parameter_text
    >>> parameter_text((np.int64(3), 0.5)), parameter_text({"b", "a"})
    ('(3, 0.5)', "{'a', 'b'}")
    """
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray):
        return _array_text(value)
    if type(value) in (tuple, list):
        inner = ", ".join(map(parameter_text, value))
        is_single = len(value) == 1 and isinstance(value, tuple)
        return (
            (f"({inner},)" if is_single else f"({inner})")
            if isinstance(value, tuple)
            else f"[{inner}]"
        )
    if isinstance(value, Set):
        return f"{{{', '.join(sorted(map(parameter_text, value)))}}}"
    if isinstance(value, Mapping):
        pairs = (f"{parameter_text(key)}: {parameter_text(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{value.__module__}.{value.__qualname__} {source_digest([value])}"
    kind = type(value)
    if any("__repr__" in vars(each) for each in kind.__mro__[:-1]):
        return repr(value)
    return f"{kind.__module__}.{kind.__qualname__}()"  # object's own tells an address


def _array_text(values: "np.ndarray[Any, Any]") -> str:
    if values.dtype.hasobject:
        return f"array({parameter_text(values.tolist())})"
    held = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    return f"array({values.dtype.str}, {values.shape}, {held})"


def _text(part: Any) -> str | None:
    """Source of one part, read once: files may change while a class does not."""
    if part not in _known:
        try:
            _known[part] = textwrap.dedent(inspect.getsource(part))
        except (OSError, TypeError):
            _known[part] = None
    return _known[part]
