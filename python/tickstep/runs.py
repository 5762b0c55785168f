"""Many runs over the same data, apart in their parameters: one line each, any of them in full."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tickstep.errors import DataError
from tickstep.metrics import total_return
from tickstep.result import Result
from tickstep.scales import Scales

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Runs"]

Columns = Mapping[str, npt.NDArray[Any]]


class Runs:
    """Runs by index; `stats` has a row for each, `runs[i]` is the whole `Result`.

    Nothing runs until it is asked for: `stats` runs all sets at once and keeps what is in its columns,
    `runs[i]` runs one set and keeps its events.

    Parameters
    ----------
    parameters : mapping of str to array, shape (runs,)
        What tells them apart.
    count : int
        How many there are.
    scales : Scales
        What integers stand for.
    outcomes : callable
        Gives the columns of all runs.
    result : callable
        Gives one run in full.
    """

    def __init__(
        self,
        parameters: Columns,
        count: int,
        scales: Scales,
        outcomes: Callable[[], Columns],
        result: Callable[[int], Result],
    ) -> None:
        self.parameters = dict(parameters)
        self._count = count
        self._scales = scales
        self._outcomes = outcomes
        self._result = result

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Result]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Result:
        """Run one set in full.

        Parameters
        ----------
        index : int
            Which; from the end below 0.

        Returns
        -------
        Result
            As if it were alone.

        Raises
        ------
        DataError
            When there is no such run.
        """
        if not -len(self) <= index < len(self):
            raise DataError(
                f"there is no run {index} of {len(self)}", hint=f"from 0 to {len(self) - 1}"
            )
        return self._result(range(len(self))[index])

    @cached_property
    def columns(self) -> Columns:
        """What came of each run, in exact integers; see `stats`."""
        return dict(self._outcomes())

    @cached_property
    def stats(self) -> "pl.DataFrame":
        """One row for each run: its parameters, then what `Result.stats` calls by the same names.

        "Max. Drawdown [%]" is over every row, and null where there was no peak above 0 or, over several
        instruments, where nobody has asked for the run in full.
        """
        import polars as pl

        found, money = self.columns, self._scales
        start = money.cash_units
        digests = zip(found["digest_high"].tolist(), found["digest_low"].tolist(), strict=True)
        return pl.DataFrame(
            {
                "Run": np.arange(len(self)),
                **self.parameters,
                "Equity Final": money.amounts(found["equity_units"]),
                "Return [%]": [_growth(start, each) for each in found["equity_units"].tolist()],
                "Max. Drawdown [%]": _falls(found, money),
                "# Trades": found["round_trips"].astype(np.int64),
                "Fills": found["fills"].astype(np.int64),
                "Fees": money.amounts(found["fees_units"]),
                "Refused": found["rejected"].astype(np.int64),
                "Event Digest": [f"{high:016x}{low:016x}" for high, low in digests],
            }
        )

    def __repr__(self) -> str:
        names = f" by {', '.join(self.parameters)}" if self.parameters else ""
        return f"Runs({len(self):,} runs{names})"


def _growth(start: int, end: int) -> float | None:
    growth = total_return(np.array([start, end], dtype=object))
    return None if growth is None else 100 * growth


def _falls(found: Columns, scales: Scales) -> list[float | None]:
    pairs = zip(found["peak_units"].tolist(), found["trough_units"].tolist(), strict=True)
    is_one = len(scales.instruments) == 1
    return [
        100 * ((trough - peak) / peak) if is_one and peak > 0 else None for peak, trough in pairs
    ]
