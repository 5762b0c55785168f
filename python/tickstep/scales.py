"""What the integers of a run stand for: ticks and lots of each instrument, units of money, time."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from tickstep._kernel import Grid, units_per_tick_lot
from tickstep.engine import EngineConfig
from tickstep.errors import ConfigError
from tickstep.ticks import Float64Array, Int64Array

__all__ = ["Scale", "Scales", "rows_of_each"]


class Scale(NamedTuple):
    """Sizes of one instrument."""

    symbol: str
    tick: Grid
    lot: Grid
    units_per_tick_lot: int
    settle: str
    multiplier: Decimal
    qty_step: Decimal
    is_hedged: bool
    allows_negative: bool
    taking: Decimal  # what a taker pays, fee and half the spread, as a fraction of the value


@dataclass(frozen=True)
class Scales:
    """Sizes of all instruments of an engine, by index, and of its account.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.scales import Scales
    >>> scales = Scales.of(ts.EngineConfig(tick_size="0.25", initial_cash=5))
    >>> scales.instruments[0].tick.value(5), scales.money.value(scales.cash_units)
    (1.25, 5.0)
    """

    instruments: tuple[Scale, ...]
    money: Grid
    cash_units: int
    time_unit: str
    is_cash_account: bool

    @classmethod
    def of(cls, config: EngineConfig) -> Self:
        """Read them from a configuration.

        Parameters
        ----------
        config : EngineConfig
            Of any number of instruments.
        """
        canonical = config.canonical()
        money = Grid(canonical["money_unit"], "money_unit")
        return cls(
            tuple(_scale(each, canonical["money_unit"]) for each in canonical["instruments"]),
            money,
            money.index(canonical["initial_cash"], "initial_cash", ConfigError),
            canonical["time_unit"],
            canonical["account"] == "cash",
        )

    @cached_property
    def units_per_tick_lot(self) -> Int64Array:
        """Money units of one lot moving one tick, by index of the instrument."""
        return np.array([each.units_per_tick_lot for each in self.instruments], np.int64)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Names of the instruments, by index."""
        return tuple(each.symbol for each in self.instruments)

    def prices(self, instrument: npt.NDArray[Any], ticks: npt.NDArray[Any]) -> Float64Array:
        """Prices as floats, row for row; ticks may be fractions of one."""
        return self._values(instrument, ticks, "tick")

    def qtys(self, instrument: npt.NDArray[Any], lots: npt.NDArray[Any]) -> Float64Array:
        """Quantities as floats, row for row."""
        return self._values(instrument, lots, "lot")

    def amounts(self, units: npt.ArrayLike) -> Float64Array:
        """Money as floats; integers beyond int64 are rounded once more."""
        found = np.asarray(units)
        if found.dtype == object:
            return np.array([float(self.money.decimal(int(each))) for each in found], np.float64)
        return self.money.values(np.ascontiguousarray(found, dtype=np.int64))

    def datetimes(self, times: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Times as datetime64; of seconds as milliseconds, which frames need."""
        moments = times.astype(np.int64).view(f"datetime64[{self.time_unit}]")
        return moments.astype("datetime64[ms]") if self.time_unit == "s" else moments

    def spans(self, spans: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Lengths of time as timedelta64; see `datetimes`."""
        lengths = spans.astype(np.int64).view(f"timedelta64[{self.time_unit}]")
        return lengths.astype("timedelta64[ms]") if self.time_unit == "s" else lengths

    def _values(
        self, instrument: npt.NDArray[Any], indexes: npt.NDArray[Any], grid: str
    ) -> Float64Array:
        found = np.zeros(len(indexes))
        for index, rows in rows_of_each(instrument):
            step: Grid = getattr(self.instruments[index], grid)
            own = indexes[rows]
            is_whole = own.dtype.kind != "f"
            found[rows] = (
                step.values(np.ascontiguousarray(own, dtype=np.int64))
                if is_whole
                else own * float(step.step)
            )
        return found


def rows_of_each(instrument: npt.NDArray[Any]) -> Iterator[tuple[int, Int64Array]]:
    """Rows of each instrument that has any, in order.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.scales import rows_of_each
    >>> [(index, rows.tolist()) for index, rows in rows_of_each(np.array([7, 2, 7]))]
    [(2, [1]), (7, [0, 2])]
    """
    if len(instrument) == 0:
        return
    order = np.argsort(instrument, kind="stable")
    ordered = instrument[order]
    edges = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    for rows in np.split(order, edges):
        yield int(instrument[rows[0]]), rows


def _scale(instrument: dict[str, Any], money_unit: str) -> Scale:
    tick, lot, multiplier = (instrument[name] for name in ("tick_size", "lot", "multiplier"))
    return Scale(
        instrument["symbol"],
        Grid(tick, "tick_size"),
        Grid(lot, "lot"),
        units_per_tick_lot(tick, lot, multiplier, money_unit),
        instrument["settle"],
        Decimal(multiplier),
        Decimal(instrument["qty_step"]),
        instrument["position"] == "hedge",
        bool(instrument["allow_negative_prices"]),
        Decimal(instrument["taker_fee"]) + Decimal(instrument["spread_bps"]) / 20_000,
    )
