"""What bars and books share: one instrument's columns in order of time, checked once, never changed."""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from tickstep._kernel import Grid
from tickstep.errors import DataError
from tickstep.ticks import Int64Array, Number, Time, check_time_unit, frozen, to_time

__all__ = ["PRICE_END", "QTY_END", "TimedColumns"]

PRICE_END = 2**48  # |price in ticks| is below, as in the kernel
QTY_END = 2**62

SKIP = "mend or drop the row; the readers' on_bad='skip' leaves such rows out"


class TimedColumns:
    """Base of `Bars` and `Book`: read-only columns, one of them the time, and what they stand for."""

    __slots__ = (
        "_columns",
        "_digest",
        "_lot",
        "_tick",
        "allow_negative_prices",
        "source",
        "symbol",
        "time_unit",
    )

    KIND: ClassVar[str]  # begins the digest
    DTYPES: ClassVar[Mapping[str, type[Any]]]  # of every column there may be

    symbol: str | None
    source: str | Mapping[str, Any] | None
    time_unit: str
    allow_negative_prices: bool

    def __init__(self, columns: Mapping[str, npt.NDArray[Any]], **labels: Any) -> None:
        self._take(columns, **labels)

    def _take(
        self,
        columns: Mapping[str, npt.NDArray[Any]],
        *,
        tick_size: Number,
        lot: Number,
        time_unit: str,
        symbol: str | None,
        source: str | Mapping[str, Any] | None,
        allow_negative_prices: bool,
    ) -> None:
        self.time_unit = check_time_unit(time_unit)
        self.symbol = symbol
        self.source = source
        self.allow_negative_prices = allow_negative_prices
        self._tick = Grid(tick_size, "tick_size")
        self._lot = Grid(lot, "lot")
        self._digest: str | None = None
        self._columns = {name: frozen(column, name) for name, column in columns.items()}
        self._check_shapes()

    @property
    def time(self) -> Int64Array:
        """Time of each row in `time_unit`, read-only."""
        return self._columns["time"]

    @property
    def datetimes(self) -> npt.NDArray[np.datetime64]:
        """Time of each row as datetime64 (UTC), a view of `time`."""
        return self.time.view(f"datetime64[{self.time_unit}]")

    @property
    def tick_size(self) -> float:
        """Size of one tick in money."""
        return self._tick.value(1)

    @property
    def lot(self) -> float:
        """Size of one lot in units of the instrument."""
        return self._lot.value(1)

    @property
    def grids(self) -> tuple[str, str]:
        """Size of a tick and of a lot as exact decimal text."""
        return self._tick.step, self._lot.step

    @property
    def columns(self) -> Mapping[str, npt.NDArray[Any]]:
        """The columns there are, by name, in a fixed order."""
        return dict(self._columns)

    @property
    def nbytes(self) -> int:
        """Bytes of the columns."""
        return sum(column.nbytes for column in self._columns.values())

    @property
    def data_digest(self) -> str:
        """SHA-256 of grids, time unit and columns: equal data, equal digest; computed once."""
        if self._digest is None:
            self._digest = self._computed_digest()
        return self._digest

    def between(self, start: Time | None, stop: Time | None) -> Self:
        """Take the rows with start <= time < stop, without copying.

        Parameters
        ----------
        start, stop : int, str, datetime or datetime64, optional
            Integers are in `time_unit`; text is ISO 8601 in UTC; a datetime must know its zone.
            None is the beginning or the end.

        Returns
        -------
        Bars or Book
            A view of the same columns.

        Examples
        --------
        >>> import tickstep as ts
        >>> bars = ts.Bars.from_arrays(
        ...     [0, 60_000], [1, 2], [1, 2], [1, 2], [1, 2], [5, 5], interval="1m")
        >>> len(bars.between("1970-01-01T00:01", None))
        1
        """
        first = 0 if start is None else self._row_at(start)
        last = len(self) if stop is None else self._row_at(stop)
        return self._view(slice(first, max(first, last)))

    def __len__(self) -> int:
        return len(self.time)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return self.symbol == other.symbol and self.data_digest == other.data_digest

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), dict(self._columns), self._labels())

    def _labels(self) -> dict[str, Any]:
        return {
            "tick_size": self._tick.step,
            "lot": self._lot.step,
            "time_unit": self.time_unit,
            "symbol": self.symbol,
            "source": self.source,
            "allow_negative_prices": self.allow_negative_prices,
        }

    def _computed_digest(self) -> str:
        digest = hashlib.sha256(f"{self._digest_head()}\n".encode())
        for column in self._columns.values():
            digest.update(column.data)
        return digest.hexdigest()

    def _digest_head(self) -> str:
        grids = f"{self._tick.step} {self._lot.step} {self.time_unit}"
        return f"tickstep {self.KIND} 1 {grids} {len(self)} {' '.join(self._columns)}"

    def _span(self) -> str:
        return "" if len(self) == 0 else f", {self.datetimes[0]} to {self.datetimes[-1]}"

    def _row_at(self, time: Time) -> int:
        return int(np.searchsorted(self.time, to_time(time, self.time_unit), side="left"))

    def _view(self, rows: slice) -> Self:
        part = type(self).__new__(type(self))
        for name in (*TimedColumns.__slots__, *type(self).__slots__):
            setattr(part, name, getattr(self, name))
        part._digest = None
        part._columns = {name: _contiguous(each[rows]) for name, each in self._columns.items()}
        return part

    def _check_shapes(self) -> None:
        for name, column in self._columns.items():
            wanted = np.dtype(self.DTYPES[name])
            if column.ndim != 1 or len(column) != len(self.time) or column.dtype != wanted:
                raise DataError(
                    f"{name} must be {len(self.time)} numbers of {wanted}, as many as time;"
                    f" was {column.dtype} of shape {column.shape}",
                    hint="convert the column where its unit is known",
                )

    def _check_prices(self, name: str) -> None:
        column = self._columns[name]
        lowest = 1 - PRICE_END if self.allow_negative_prices else 1
        bad = (column < lowest) | (column >= PRICE_END)
        self._refuse(name, bad, f"must be from {lowest} to 2^48 - 1 ticks")

    def _check_amounts(self, *names: str) -> None:
        for name in names:
            if name in self._columns:
                self._refuse(name, self._columns[name] < 0, "must be 0 or more")
                self._refuse(name, self._columns[name] >= QTY_END, "must be below 2^62")

    def _refuse(self, name: str, bad: npt.NDArray[np.bool_], rule: str, hint: str = SKIP) -> None:
        rows = np.flatnonzero(bad)
        if rows.size:
            row = int(rows[0])
            raise DataError(f"{name} {self._columns[name][row]} at row {row} {rule}", hint=hint)


def _contiguous(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if column.flags.c_contiguous:
        return column
    copied = column.copy()
    copied.flags.writeable = False
    return copied


def _restored(
    kind: type[TimedColumns], columns: dict[str, Any], labels: dict[str, Any]
) -> TimedColumns:
    return kind(**columns, **labels)
