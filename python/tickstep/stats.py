"""Numbers by name, as a table that prints: in a terminal, and as HTML in a notebook."""

import html
from collections.abc import Iterator, Mapping

from tickstep.errors import nearest

__all__ = ["ABSENT", "Stat", "Stats", "shown"]

Stat = str | int | float | None

ABSENT = "-"
EXACT = ("Position",)  # shown with all their digits
WIDE = "Digest"  # names ending so may be wider than the table


class Stats(Mapping[str, Stat]):
    """Numbers by name, in order; None is what cannot be known, and prints as "-".

    Parameters
    ----------
    title : str
        What stands above the table.
    numbers : mapping
        Numbers and texts by name.

    Examples
    --------
    >>> from tickstep.stats import Stats
    >>> print(Stats("Run", {"# Trades": 2, "SQN": None}))
    Run
    ────────────
    # Trades   2
    SQN        -
    """

    __slots__ = ("_numbers", "title")

    def __init__(self, title: str, numbers: Mapping[str, Stat]) -> None:
        self.title = title
        self._numbers = dict(numbers)

    def __getitem__(self, name: str) -> Stat:
        try:
            return self._numbers[name]
        except KeyError:
            raise KeyError(f"there is no number {name!r}: {nearest(name, self._numbers)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __str__(self) -> str:
        rows = [(name, shown(name, value)) for name, value in self.items()]
        names = max((len(name) for name, _ in rows), default=0)
        narrow = [len(text) for name, text in rows if not name.endswith(WIDE)]
        values = max(narrow, default=0)
        line = "─" * max(len(self.title), names + 3 + values)
        told = (f"{name:<{names}}   {text:>{values}}" for name, text in rows)
        return "\n".join((self.title, line, *told))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td>"
            f'<td style="text-align:right">{html.escape(shown(name, value))}</td></tr>'
            for name, value in self.items()
        )
        return f"<table><caption>{html.escape(self.title)}</caption>{rows}</table>"


def shown(name: str, value: Stat) -> str:
    """Text of a number in a table.

    Examples
    --------
    >>> from tickstep.stats import shown
    >>> shown("P&L", 1234.5), shown("Beta", 0.01234), shown("# Trades", 12345), shown("SQN", None)
    ('1,234.50', '0.0123', '12,345', '-')
    """
    if value is None:
        return ABSENT
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if name in EXACT:
        return f"{value:,.10g}"
    return f"{value:,.2f}" if value == 0 or abs(value) >= 1 else f"{value:,.4f}"
