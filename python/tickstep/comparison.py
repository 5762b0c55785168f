"""Several runs beside each other."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from tickstep.stats import Stat, Stats, shown

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Comparison"]

DIGITS = 16  # shown of a digest


class Comparison:
    """Statistics of several runs: a row for each number, a column for each run.

    Parameters
    ----------
    runs : mapping of str to Stats
        Statistics by the name of the run.

    Examples
    --------
    >>> from tickstep.comparison import Comparison
    >>> from tickstep.stats import Stats
    >>> print(Comparison({"a": Stats("A", {"SQN": 1.5}), "b": Stats("B", {"SQN": None, "Beta": 2.0})}))
              a      b
    ──────────────────
    SQN    1.50      -
    Beta      -   2.00
    """

    def __init__(self, runs: Mapping[str, Stats]) -> None:
        self._runs = dict(runs)

    @cached_property
    def names(self) -> list[str]:
        """Names of all numbers, in order: what only some runs have stands where it stands in those."""
        found: list[str] = []
        for stats in self._runs.values():
            place = 0
            for name in stats:
                if name not in found:
                    found.insert(place, name)
                place = found.index(name) + 1
        return found

    @cached_property
    def frame(self) -> "pl.DataFrame":
        """One row for each run, a column for each number; null is what a run does not know."""
        import polars as pl

        columns: dict[str, list[Stat]] = {"Run": list(self._runs)}
        for name in self.names:
            values = [stats.get(name) for stats in self._runs.values()]
            is_whole = all(isinstance(each, int) or each is None for each in values)
            has_text = any(isinstance(each, str) for each in values)
            columns[name] = values if is_whole or has_text else [_float(each) for each in values]
        return pl.DataFrame(columns)

    def __str__(self) -> str:
        rows = [["", *self._runs], *([name, *self.texts(name)] for name in self.names)]
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        lines = ["   ".join(_padded(row, widths)).rstrip() for row in rows]
        return "\n".join((lines[0], "─" * max(map(len, lines)), *lines[1:]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        html: str = self.frame._repr_html_()
        return html

    def texts(self, name: str) -> list[str]:
        """A number of each run, as it is shown.

        Parameters
        ----------
        name : str
            One of `names`.
        """
        return [_short(name, stats.get(name)) for stats in self._runs.values()]


def _short(name: str, value: Stat) -> str:
    text = shown(name, value)
    return text[:DIGITS] + "…" if name.endswith("Digest") and len(text) > DIGITS else text


def _float(value: Stat) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _padded(row: list[str], widths: list[int]) -> list[str]:
    name, *texts = (
        text.ljust(width) if place == 0 else text.rjust(width)
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return [name, *texts]
