"""What a strategy is, as text: the part of a run's identity that is code."""

import hashlib
import inspect
import textwrap
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["source_digest"]

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


def _text(part: Any) -> str | None:
    """Source of one part, read once: files may change while a class does not."""
    if part not in _known:
        try:
            _known[part] = textwrap.dedent(inspect.getsource(part))
        except (OSError, TypeError):
            _known[part] = None
    return _known[part]
