"""How well orders traded: against the price at their placement, and against where prices went then.

- *Arrival price*: the instrument's last price when the order was placed.
- *Implementation shortfall* (Perold, 1988): what the paper portfolio, filled whole at arrival and free
  of fees, would have gained over the real one. Its parts: `slippage` of what traded, fees, and
  `opportunity` of what did not, from arrival to the order's end (or the run's).
- *Markout*: where the last price stood some time after a fill, in the direction of the fill: above 0
  the fill was good. Known only while the data goes on.

Signs: costs are above 0. Basis points are of the value at arrival, of markouts of the fill's value.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep.account import Account
from tickstep.engine import LIQUIDITY_MAKER, REASON_BITS
from tickstep.intervals import interval_length
from tickstep.orderlives import STATES, OrderLives
from tickstep.scales import rows_of_each
from tickstep.stats import Stat, Stats
from tickstep.tables import LIQUIDITIES, SIDES, named
from tickstep.ticks import Float64Array, Int64Array

if TYPE_CHECKING:
    import polars as pl

__all__ = ["HORIZONS", "Execution"]

HORIZONS = ("1s", "10s", "1m", "5m")
REJECTED = STATES.index("REJECTED")
BPS = 1e4


class _Costs(NamedTuple):
    """Costs of orders against arrival, in money; NaN where there was no price yet."""

    arrival: Float64Array
    value: Float64Array
    slippage: Float64Array
    opportunity: Float64Array


class Execution:
    """Execution quality of a run; print it for the sums.

    Parameters
    ----------
    account : Account
        Of the run.
    horizons : sequence of str
        Times after a fill at which it is looked at again.

    Examples
    --------
    >>> import tickstep as ts
    >>> class Once(ts.Strategy):
    ...     def on_start(self):
    ...         self.at(1)
    ...     def on_timer(self, time):
    ...         self.buy(1)
    >>> ticks = ts.Ticks.from_arrays(
    ...     [1, 2, 3000], [50.0, 51.0, 55.0], [1.0, 1.0, 1.0], [0, 0, 0], tick_size=1, lot=1)
    >>> result = ts.backtest(Once, ticks, cash=1000, taker_fee=0, spread_bps=0)
    >>> quality = result.execution(["1s"])
    >>> quality.stats["Slippage"], quality.stats["Fill Ratio [%]"]
    (1.0, 100.0)
    """

    def __init__(self, account: Account, horizons: Sequence[str] = HORIZONS) -> None:
        self._account = account
        unit = account.scales.time_unit
        self._horizons = {each: interval_length(each, unit) for each in horizons}

    @cached_property
    def stats(self) -> Stats:
        """Sums over all orders and fills, by name; None is what cannot be known."""
        costs, lives = self._costs, self._lives
        known = ~np.isnan(costs.arrival)
        value = float(costs.value[known].sum())
        slippage, opportunity = (
            float(part[known].sum()) for part in (costs.slippage, costs.opportunity)
        )
        fees = self._account.scales.money.value(int(lives.fee_units.sum()))
        asked = float(self._values(lives.qty_lots).sum())
        numbers: dict[str, Stat] = {
            "Orders": len(lives),
            "Fill Ratio [%]": _share(float(self._values(lives.filled_lots).sum()), asked),
            "Maker Share [%]": self._maker_share,
            "Slippage": slippage,
            "Slippage [bps]": _share(slippage, value, BPS),
            "Fees": fees,
            "Fees [bps]": _share(fees, value, BPS),
            "Opportunity Cost": opportunity,
            "Implementation Shortfall": slippage + fees + opportunity,
            "Implementation Shortfall [bps]": _share(slippage + fees + opportunity, value, BPS),
        }
        for horizon in self._horizons:
            numbers[f"Markout {horizon} [bps]"] = self._mean_markout(horizon)
        return Stats("Execution", numbers)

    @cached_property
    def orders(self) -> "pl.DataFrame":
        """One row for each order that was not refused: arrival price and costs; null before a price."""
        import polars as pl

        lives, costs, scales = self._lives, self._costs, self._account.scales
        arrival = scales.prices(lives.instrument, np.nan_to_num(costs.arrival))
        columns = {
            "arrival_price": np.where(np.isnan(costs.arrival), np.nan, arrival),
            "filled_share": lives.filled_lots / np.maximum(lives.qty_lots, 1),
            "slippage": costs.slippage,
            "slippage_bps": _divided(costs.slippage, costs.value, BPS),
            "fee": scales.amounts(lives.fee_units),
            "opportunity": costs.opportunity,
        }
        known = {name: pl.Series(each, nan_to_null=True) for name, each in columns.items()}
        return pl.DataFrame(
            {
                "order_id": lives.order_id,
                "symbol": named(scales.symbols, lives.instrument),
                "side": named(SIDES, lives.side < 0),
                "placed": scales.datetimes(lives.placed_time),
                **known,
            }
        )

    @cached_property
    def fills(self) -> "pl.DataFrame":
        """One row for each fill, with its markouts in basis points; null where the data had ended."""
        import polars as pl

        fills, scales = self._account.fills, self._account.scales
        marks = {
            f"markout_{horizon}_bps": pl.Series(_divided(*each, BPS), nan_to_null=True)
            for horizon, each in self._markouts.items()
        }
        return pl.DataFrame(
            {
                "time": scales.datetimes(fills["time"]),
                "symbol": named(scales.symbols, fills["instrument"]),
                "order_id": np.ascontiguousarray(fills["order_id"]),
                "side": named(SIDES, fills["qty_lots"] < 0),
                "liquidity": named(LIQUIDITIES, self._is_maker),
                "price": scales.prices(fills["instrument"], fills["price_ticks"]),
                **marks,
            }
        )

    def __str__(self) -> str:
        return str(self.stats)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.stats._repr_html_()

    # Orders against arrival.

    @cached_property
    def _lives(self) -> OrderLives:
        found = self._account.lives
        return found.taken(np.flatnonzero(found.state != REJECTED))

    @cached_property
    def _costs(self) -> _Costs:
        lives = self._lives
        arrival, final = np.full(len(lives), np.nan), np.full(len(lives), np.nan)
        for index, rows in rows_of_each(lives.instrument):
            prices = self._account.rows[index].price_ticks
            arrival[rows] = _price_at(prices, lives.placed_index[rows])
            end = np.where(lives.state[rows] == 0, len(prices) - 1, lives.end_index[rows])
            final[rows] = _price_at(prices, end)
        scale = self._account.scales.units_per_tick_lot[lives.instrument]
        paid = lives.value_tick_lots.astype(np.float64) - arrival * lives.filled_lots
        missed = (final - arrival) * (lives.qty_lots - lives.filled_lots)
        money = self._money(lives.side * scale)
        return _Costs(
            arrival,
            np.abs(arrival) * lives.filled_lots * self._money(scale),
            paid * money,
            missed * money,
        )

    def _values(self, lots: Int64Array) -> Float64Array:
        """Lots at their instrument's last price, in money, so that instruments can be added up."""
        lives, last = self._lives, np.zeros(len(self._lives))
        for index, rows in rows_of_each(lives.instrument):
            last[rows] = np.abs(self._account.rows[index].price_ticks[-1:]).sum()
        scale = self._account.scales.units_per_tick_lot[lives.instrument]
        return np.asarray(last * lots * self._money(scale))

    def _money(self, units: npt.NDArray[Any]) -> Float64Array:
        return units * float(self._account.scales.money.step)

    # Fills against what came.

    @cached_property
    def _markouts(self) -> dict[str, tuple[Float64Array, Float64Array]]:
        """Gain of each fill by each horizon, in ticks times lots' money, and its value."""
        fills = self._account.fills
        scale = self._money(self._account.scales.units_per_tick_lot[fills["instrument"]])
        lots = fills["qty_lots"].astype(np.float64)
        value = np.abs(lots * fills["price_ticks"]) * scale
        found = {}
        for horizon, length in self._horizons.items():
            later = np.full(len(fills), np.nan)
            for index, rows in rows_of_each(fills["instrument"]):
                data = self._account.rows[index]
                due = fills["time"][rows] + length
                at = np.searchsorted(data.time, due, side="right") - 1
                later[rows] = np.where(due <= data.time[-1], data.price_ticks[at], np.nan)
            found[horizon] = ((later - fills["price_ticks"]) * lots * scale, value)
        return found

    def _mean_markout(self, horizon: str) -> float | None:
        gain, value = self._markouts[horizon]
        known = ~np.isnan(gain)
        return _share(float(gain[known].sum()), float(value[known].sum()), BPS)

    @cached_property
    def _is_maker(self) -> npt.NDArray[np.bool_]:
        return np.asarray((self._account.fills["reason"] & REASON_BITS) == LIQUIDITY_MAKER)

    @cached_property
    def _maker_share(self) -> float | None:
        """Of the value of all fills."""
        fills = self._account.fills
        scale = self._account.scales.units_per_tick_lot[fills["instrument"]]
        value = np.abs(fills["qty_lots"].astype(np.float64) * fills["price_ticks"]) * scale
        return _share(float(value[self._is_maker].sum()), float(value.sum()))


def _price_at(prices: Int64Array, rows: Int64Array) -> Float64Array:
    if len(prices) == 0:
        return np.full(len(rows), np.nan)
    return np.where(rows >= 0, prices[np.maximum(rows, 0)].astype(np.float64), np.nan)


def _share(part: float, whole: float, scale: float = 100.0) -> float | None:
    return scale * part / whole if whole > 0 else None


def _divided(part: Float64Array, whole: Float64Array, scale: float) -> Float64Array:
    found = np.full(len(part), np.nan)
    np.divide(part * scale, whole, out=found, where=whole > 0)
    return found
