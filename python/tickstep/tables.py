"""Tables of a result as polars frames: floats and names for reading, integers where they are exact.

Each function takes an `Account` and makes one frame. Times are UTC. Polars loads with the first.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tickstep._kernel import ORDER_TYPES
from tickstep.account import Account
from tickstep.drawdowns import depths
from tickstep.engine import LIQUIDITY_MAKER, REASON_BITS, Reason
from tickstep.errors import ConfigError
from tickstep.orderlives import STATES
from tickstep.returns import monthly_table
from tickstep.risk import RiskEntry
from tickstep.rolling import (
    rolling_max_drawdown,
    rolling_return,
    rolling_sharpe,
    rolling_sortino,
    rolling_volatility,
)
from tickstep.sampling import Periods
from tickstep.ticks import Int64Array

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "LIQUIDITIES",
    "SIDES",
    "drawdowns_table",
    "equity_table",
    "fills_table",
    "monthly_returns_table",
    "named",
    "orders_table",
    "positions_table",
    "returns_table",
    "risk_table",
    "rolling_table",
    "trades_table",
    "whole",
    "yearly_returns_table",
]

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
POSITION_ROWS_MAX = 1_000_000
SIDES = ("BUY", "SELL")
LIQUIDITIES = ("TAKER", "MAKER")
_TYPES = {number: name for name, number in ORDER_TYPES.items()}
_REASONS = {each.value: each.name for each in Reason}
# By number; None where there is none.
ORDER_TYPE_NAMES = tuple(_TYPES.get(number) for number in range(max(_TYPES) + 1))
REASON_NAMES = tuple(_REASONS.get(number) for number in range(max(_REASONS) + 1))


def fills_table(account: Account) -> "pl.DataFrame":
    """One row for each fill."""
    import polars as pl

    fills, scales = account.fills, account.scales
    instrument = fills["instrument"]
    is_maker = (fills["reason"] & REASON_BITS) == LIQUIDITY_MAKER
    columns = {
        "time": scales.datetimes(fills["time"]),
        "symbol": named(scales.symbols, instrument),
        "order_id": fills["order_id"],
        "tag": fills["tag"],
        "side": named(SIDES, fills["qty_lots"] < 0),
        "liquidity": named(LIQUIDITIES, is_maker),
        "price": scales.prices(instrument, fills["price_ticks"]),
        "qty": scales.qtys(instrument, np.abs(fills["qty_lots"])),
        "fee": scales.amounts(fills["fee_units"]),
        "realized_pnl": scales.amounts(fills["realized_units"]),
        "position": scales.qtys(instrument, fills["position_after_lots"]),
        "tick_index": fills["tick_index"],
        "price_ticks": fills["price_ticks"],
        "qty_lots": fills["qty_lots"],
        "fee_units": fills["fee_units"],
        "realized_units": fills["realized_units"],
    }
    return pl.DataFrame(
        {
            name: each if isinstance(each, pl.Series) else np.ascontiguousarray(each)
            for name, each in columns.items()
        }
    )


def orders_table(account: Account) -> "pl.DataFrame":
    """One row for each order, alerts apart: what it asked for, and how it went.

    `price` is its limit, else its trigger, else its trail; `state` one of OPEN, FILLED, CANCELLED,
    EXPIRED and REJECTED (cancelled ones may be filled in part).
    """
    import polars as pl

    lives, scales = account.lives, account.scales
    instrument, is_filled = lives.instrument, lives.filled_lots > 0
    average = lives.value_tick_lots / np.maximum(lives.filled_lots, 1)
    return pl.DataFrame(
        {
            "order_id": lives.order_id,
            "tag": lives.tag,
            "symbol": named(scales.symbols, instrument),
            "side": named(SIDES, lives.side < 0),
            "type": named(ORDER_TYPE_NAMES, lives.type),
            "price": _where(lives.price_ticks != 0, scales.prices(instrument, lives.price_ticks)),
            "qty": scales.qtys(instrument, lives.qty_lots),
            "placed": scales.datetimes(lives.placed_time),
            "state": named(STATES, lives.state),
            "reason": named(REASON_NAMES, lives.reason),
            "filled": scales.qtys(instrument, lives.filled_lots),
            "average_price": _where(
                is_filled, scales.prices(instrument, average.astype(np.float64))
            ),
            "fee": scales.amounts(lives.fee_units),
            "first_fill": _when(account, is_filled, lives.first_fill_time),
            "ended": _when(account, lives.state != 0, lives.end_time),
            "tick_index": lives.placed_index,
            "price_ticks": lives.price_ticks,
            "qty_lots": lives.qty_lots * lives.side,
            "filled_lots": lives.filled_lots * lives.side,
            "fee_units": lives.fee_units,
        }
    )


def risk_table(account: Account, log: Sequence[RiskEntry]) -> "pl.DataFrame":
    """One row for each refusal and breach, in their order."""
    import polars as pl

    columns = list(zip(*log, strict=True)) if log else [()] * len(RiskEntry._fields)
    known = dict(zip(RiskEntry._fields, columns, strict=True))
    times = account.scales.datetimes(np.array(known.pop("time"), np.int64))
    kinds = {"order_id": pl.UInt64, "value": pl.Float64, "bound": pl.Float64}
    series = [
        pl.Series(name, list(values), kinds.get(name, pl.String)) for name, values in known.items()
    ]
    return pl.DataFrame([pl.Series("time", times), *series])


def trades_table(account: Account) -> "pl.DataFrame":
    """One row for each round trip, first in first out, in order of exits; open ones last.

    `pnl` is net of both fees; `return`, `mae` and `mfe` (worst and best on the way, before fees) are
    fractions of the entry value, `mae_pnl` and `mfe_pnl` the same in money.
    """
    import polars as pl

    trips, scales, far = account.trips, account.scales, account.excursions
    instrument = trips.instrument
    fills = account.fills
    return pl.DataFrame(
        {
            "symbol": named(scales.symbols, instrument),
            "side": named(("LONG", "SHORT"), trips.direction < 0),
            "qty": scales.qtys(instrument, trips.qty_lots),
            "entry_time": scales.datetimes(trips.entry_time),
            "exit_time": scales.datetimes(trips.exit_time),
            "entry_price": scales.prices(instrument, trips.entry_price_ticks),
            "exit_price": scales.prices(instrument, trips.exit_price_ticks),
            "gross_pnl": scales.amounts(trips.gross_units),
            "fees": scales.amounts(trips.fee_units),
            "pnl": scales.amounts(trips.net_units),
            "return": _known(trips.returns),
            "duration": scales.spans(trips.holding_time),
            "mae": _known(far.adverse),
            "mfe": _known(far.favorable),
            "mae_pnl": scales.amounts(far.adverse_units),
            "mfe_pnl": scales.amounts(far.favorable_units),
            "is_open": trips.is_open,
            "entry_order": _taken(fills["order_id"], trips.entry_fill),
            "exit_order": _taken(fills["order_id"], trips.exit_fill),
            "entry_tag": _taken(fills["tag"], trips.entry_fill),
            "exit_tag": _taken(fills["tag"], trips.exit_fill),
            "entry_index": trips.entry_index,
            "exit_index": trips.exit_index,
            "net_units": whole(trips.net_units),
        }
    )


def equity_table(account: Account) -> "pl.DataFrame":
    """Equity on a grid of at most 10,000 points in time, each after every row before it.

    `cash` is equity less the value of all positions (margined ones too, as if paid in full);
    `net` and `gross` are that value, with shorts below 0 and above; `drawdown` is of these points, a
    fraction of the highest. `equity_units` is exact.
    """
    import polars as pl

    times = account.grid(account.sampling).times
    units = account.path.at(times)
    cash, gross = account.path.cash_at(times), account.path.gross_at(times)
    scales = account.scales
    return pl.DataFrame(
        {
            "time": scales.datetimes(times),
            "equity": scales.amounts(units),
            "cash": scales.amounts(cash),
            "net": scales.amounts(units - cash),
            "gross": scales.amounts(gross),
            "fees": scales.amounts(_fees_before(account, times)),
            "drawdown": 0.0 - depths(account.earned.at(times), scales.cash_units),
            "equity_units": whole(units),
        }
    )


def positions_table(account: Account, interval: str | None = None) -> "pl.DataFrame":
    """Positions on a grid in time, instrument by instrument: the points at which there is one."""
    import polars as pl

    traded = account.traded()
    if interval is None:
        interval = account.finest(min(10_000, POSITION_ROWS_MAX // max(len(traded), 1)))
    times, scales = account.grid(interval).times, account.scales
    parts = []
    for index, path in traded:
        rows = path.rows_before(times)
        lots = path.position_after(rows)
        held = np.flatnonzero(lots)
        parts.append(
            (
                times[held],
                np.full(len(held), index),
                lots[held],
                path.price_ticks[rows[held]],
                scales.amounts(path.value_after(rows[held])),
            )
        )
    none: npt.NDArray[Any] = np.zeros(0, np.int64)
    columns = [np.concatenate(each) for each in zip(*parts, strict=True)] or [none] * 5
    time, instrument, lots, prices, value = columns
    order = np.lexsort((instrument, time))
    return pl.DataFrame(
        {
            "time": scales.datetimes(time[order]),
            "symbol": named(scales.symbols, instrument[order]),
            "position": scales.qtys(instrument[order], lots[order]),
            "price": scales.prices(instrument[order], prices[order]),
            "value": value[order].astype(np.float64),
            "position_lots": lots[order],
        }
    )


def drawdowns_table(account: Account) -> "pl.DataFrame":
    """Every fall of equity, the deepest first: from its peak to the recovery, or to the end if open."""
    import polars as pl

    found, times, _ = account.falls
    falls, scales = found.deepest_first(), account.scales
    return pl.DataFrame(
        {
            "depth": falls.depth,
            "amount": scales.amounts(falls.amount),
            "peak_time": scales.datetimes(times[falls.peak]),
            "trough_time": scales.datetimes(times[falls.trough]),
            "end_time": scales.datetimes(times[falls.end]),
            "duration": scales.spans(falls.duration(times)),
            "recovery": scales.spans(falls.recovery(times)),
            "is_open": falls.is_open,
            "peak": scales.amounts(falls.peak_value),
            "trough": scales.amounts(falls.trough_value),
        }
    )


def monthly_returns_table(account: Account) -> "pl.DataFrame":
    """Returns by UTC month, a row for each year; null for months without data."""
    import polars as pl

    rows = [(each.year, *each.months, each.total) for each in _by_year(account)]
    schema: Any = {"year": pl.Int64, **dict.fromkeys((*MONTHS, "year_return"), pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def yearly_returns_table(account: Account) -> "pl.DataFrame":
    """Returns by UTC year."""
    import polars as pl

    rows = [(each.year, each.total) for each in _by_year(account)]
    schema: Any = {"year": pl.Int64, "return": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def returns_table(account: Account) -> "pl.DataFrame":
    """Returns that the ratios of the statistics are of, at the end of the period of each."""
    import polars as pl

    periods, steps = account.return_periods, account.returns
    known = np.zeros(0) if steps is None else steps
    return pl.DataFrame(
        {"time": account.scales.datetimes(periods.ends[: len(known)]), "return": known}
    )


def rolling_table(account: Account, window: int) -> "pl.DataFrame":
    """Numbers of a moving window over the returns of the statistics, at the end of each window.

    Raises
    ------
    ConfigError
        For a window of fewer than two returns, or more than there are.
    """
    import polars as pl

    periods, steps = account.return_periods, account.returns
    count = 0 if steps is None else len(steps)
    if steps is None:
        raise ConfigError(
            "there are no returns: equity fell to 0 or below, or began there",
            hint="see the warnings of the run",
        )
    if not isinstance(window, int | np.integer) or not 2 <= window <= count:
        raise ConfigError(
            f"window is {window!r}: the run has {count} returns ({periods.told()})",
            hint="give how many returns a window has, at least 2",
        )
    per_year = periods.per_year
    columns = {
        "return": rolling_return(steps, window),
        "volatility": rolling_volatility(steps, window, periods_per_year=per_year),
        "sharpe": rolling_sharpe(steps, window, periods_per_year=per_year),
        "sortino": rolling_sortino(steps, window, periods_per_year=per_year),
        "max_drawdown": rolling_max_drawdown(steps, window),
    }
    times = account.scales.datetimes(periods.ends[window - 1 :])
    known = {name: _known(each) for name, each in columns.items()}
    return pl.DataFrame({"time": times, **known})


def named(names: Sequence[str | None], numbers: npt.NDArray[Any]) -> "pl.Series":
    """Names by number, row for row.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.tables import named
    >>> named(("BUY", "SELL"), np.array([True, False])).to_list()
    ['SELL', 'BUY']
    """
    import polars as pl

    return pl.Series(names, dtype=pl.String).gather(numbers.astype(np.int64))


def whole(units: npt.NDArray[Any]) -> "pl.Series":
    """A column of exact integers: Int64, and Int128 where they may be larger.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.tables import whole
    >>> whole(np.array([2**70], dtype=object)).to_list() == [2**70]
    True
    """
    import polars as pl

    is_narrow = units.dtype != object
    return pl.Series(units) if is_narrow else pl.Series(units.tolist(), dtype=pl.Int128)


# --- Parts. ---------------------------------------------------------------------------------------


def _by_year(account: Account) -> Any:
    periods: Periods = account.periods("1d")
    steps = account.returns_of(periods)
    days = periods.starts.view(f"datetime64[{account.scales.time_unit}]").astype("datetime64[D]")
    return [] if steps is None else monthly_table(days, steps)


def _fees_before(account: Account, times: Int64Array) -> Int64Array:
    paid = np.append(np.zeros(1, np.int64), np.cumsum(account.fills["fee_units"]))
    return np.asarray(paid[np.searchsorted(account.fills["time"], times, side="left")])


def _known(values: npt.NDArray[Any]) -> "pl.Series":
    """A column with null where there is no number."""
    import polars as pl

    return pl.Series(values, nan_to_null=True)


def _where(is_known: npt.NDArray[np.bool_], values: npt.NDArray[Any]) -> "pl.Series":
    return _known(np.where(is_known, values, np.nan))


def _when(account: Account, is_known: npt.NDArray[np.bool_], times: Int64Array) -> Any:
    moments = account.scales.datetimes(times)
    return np.where(is_known, moments, np.datetime64("NaT"))


def _taken(column: npt.NDArray[Any], rows: Int64Array) -> "pl.Series":
    """Values of these rows, null where the row is -1."""
    import polars as pl

    if len(column) == 0:
        return pl.Series([], dtype=pl.UInt64)
    found = pl.Series(np.ascontiguousarray(column)[np.maximum(rows, 0)])
    return found.set(pl.Series(rows < 0), None)
