"""Backtests without a strategy class: signals or orders as columns, traded by the kernel.

A row of the columns belongs to a row of the data. What it says is known after that row and trades from
the next one on, exactly as a strategy that orders in `on_tick` or `on_bar`: same fills, same events.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from tickstep._kernel import Grid, SignalPlan
from tickstep.alternatives import beside
from tickstep.bars import Bars
from tickstep.barticks import BAR_FILLS, ROWS_OF_BAR, BarTicks
from tickstep.engine import EVENT_DTYPE, PPB, Engine, EngineConfig, EventKind
from tickstep.errors import ConfigError, DataError, OrderError, nearest
from tickstep.result import Result
from tickstep.runs import Runs
from tickstep.scales import Scale, Scales
from tickstep.settings import Data, config_for, data_by_symbol
from tickstep.signals import ENTRY, SHORT_ENTRY, SignalSets, of_columns
from tickstep.ticks import Int64Array, Number, Ticks, grid_column

__all__ = ["from_orders", "from_signals"]

SIZE_TYPES = ("qty", "value", "percent")
SETS_AT_ONCE = 64  # for each worker, between two looks for Ctrl-C
DISTANCES = ("sl", "tp", "trailing")
ORDER_COLUMNS = ("size", "price", "trigger")
DIGESTS = ("digest_low", "digest_high")
NEEDED = {  # columns of prices, by type of order
    "MARKET": (),
    "LIMIT": ("price",),
    "STOP": ("trigger",),
    "STOP_LIMIT": ("price", "trigger"),
    "MARKET_IF_TOUCHED": ("trigger",),
}

Signals = npt.ArrayLike | SignalSets
BySymbol = Mapping[str, Any]


def from_signals(
    data: Data | Mapping[str, Data] | Sequence[Data],
    entries: Signals | Mapping[str, Signals] | None = None,
    exits: npt.ArrayLike | BySymbol | None = None,
    *,
    short_entries: npt.ArrayLike | BySymbol | None = None,
    short_exits: npt.ArrayLike | BySymbol | None = None,
    size: npt.ArrayLike | Number | BySymbol = 1,
    size_type: str = "qty",
    sl: npt.ArrayLike | Number | None = None,
    tp: npt.ArrayLike | Number | None = None,
    trailing: npt.ArrayLike | Number | None = None,
    limit: npt.ArrayLike | Number | BySymbol | None = None,
    accumulate: bool = False,
    workers: int = 1,
    cash: Number | None = None,
    config: EngineConfig | None = None,
    bar_fill: str = BAR_FILLS[0],
    alternatives: bool = True,
    **settings: Any,
) -> Result | Runs:
    """Trade signals, one set of them or many.

    Parameters
    ----------
    data : Ticks or Bars, a mapping of str to them, or a sequence of them
        What to run over, all ticks or all bars. Where there are several, each argument that is one
        column for each row is a mapping by symbol.
    entries, exits, short_entries, short_exits : array of bool, shape (rows,) or (rows, sets)
        When to go long, to leave, to go short, to leave that. `entries` may be `SignalSets` instead,
        such as `ts.signals.sma_cross` gives; then the others are left out.
    size : number, or array of shape (rows,)
        How much an entry trades.
    size_type : {"qty", "value", "percent"}
        Units of the instrument; money; or a share of the equity, where 0.9 is nine tenths. The last two
        are counted at the last price, and rounded down to whole board lots.
    sl, tp, trailing : number, or array of shape (sets,), optional
        Distance of a stop, a target and a trailing stop from the price of each entry's fill, as a share
        of it: 0.02 is 2 %. In whole ticks, rounded down, at least 1.
    limit : number, or array of shape (rows,), optional
        Limits of the entries; at the market without.
    accumulate : bool
        True adds to a position at each further entry.
    workers : int
        Threads for many sets.
    cash, config, bar_fill, alternatives, **settings
        As for `backtest`; alternatives are run for a single set.

    Returns
    -------
    Result or Runs
        `Runs` where any argument is of several sets: a frame `stats`, and any run in full by its index.

    Raises
    ------
    DataError
        When columns do not fit the data, or hold anything but True and False.
    OrderError
        When a size, a distance or a limit is none.
    ConfigError
        When a setting is wrong or does not fit.

    Notes
    -----
    What a signal does follows from the position at that moment, which the kernel knows:

    - An exit acts while its side is held, or an entry of it waits: open orders of the instrument are
      cancelled, then what is held is closed by a market order that reduces only. While one waits
      already it does nothing.
    - An entry is ignored while its side is held or an entry of it waits (unless `accumulate`). While
      the other side is held, or waits, that is left first, by an order of its own.
    - Exit and entry of one side in one row: the exit alone counts. Entries of both sides: neither.
    - Each fill that opens lots gets stop, target and trailing stop for as many; what fills of one takes
      lots off the others. They are live from the next row on.

    Orders are tagged: 1 entry, 2 exit, 3 stop, 4 target, 5 trailing stop.

    Examples
    --------
    >>> import tickstep as ts
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 1000, 2000, 3000], [50, 51, 55, 54], [1] * 4, [0] * 4, tick_size=1, lot=1)
    >>> entries, exits = [True, False, False, False], [False, False, True, False]
    >>> ts.from_signals(ticks, entries, exits, taker_fee=0, spread_bps=0).stats["P&L"]
    3.0

    >>> from tickstep.demo import sample
    >>> crosses = ts.signals.sma_cross(sample(3_000), [10, 20], [50, 100])
    >>> runs = ts.from_signals(sample(3_000), crosses, size=0.9, size_type="percent")
    >>> len(runs), runs[2].event_digest == runs.stats["Event Digest"][2]
    (4, True)
    """
    market = _Market(data, cash, config, settings, bar_fill)
    given = {"entries": entries, "exits": exits}
    given |= {"short_entries": short_entries, "short_exits": short_exits}
    signals = [_signals_of(market, symbol, given) for symbol in market.symbols]
    distances = {
        name: _distances(name, each)
        for name, each in zip(DISTANCES, (sl, tp, trailing), strict=True)
    }
    sets = max([len(each) for each in signals] + [len(each) for each in distances.values()])
    signals = [each.repeated(sets) for each in signals]
    asked = {"size": size, "limit": limit}
    is_many = not all(each.is_one for each in signals) or any(
        _has_axis(each) for each in (sl, tp, trailing)
    )
    trader = _SignalTrader(market, signals, asked, size_type, distances, accumulate)
    if not is_many:
        result = trader.result(0, market.config)
        if not alternatives:
            return result
        return beside(result, lambda: trader, lambda again, rules: again.result(0, rules))
    parameters = {name: each for one in signals for name, each in one.parameters.items()}
    parameters |= {name: each / PPB_ONE for name, each in distances.items() if len(each) > 1}
    return Runs(
        parameters,
        sets,
        market.scales,
        lambda: trader.outcomes(workers),
        lambda index: trader.result(index, market.config),
    )


def from_orders(
    data: Data | Mapping[str, Data] | Sequence[Data],
    size: npt.ArrayLike | BySymbol,
    *,
    price: npt.ArrayLike | Number | BySymbol | None = None,
    trigger: npt.ArrayLike | Number | BySymbol | None = None,
    order_type: str = "MARKET",
    time_in_force: str = "GTC",
    reduce_only: bool = False,
    post_only: bool = False,
    cash: Number | None = None,
    config: EngineConfig | None = None,
    bar_fill: str = BAR_FILLS[0],
    alternatives: bool = True,
    **settings: Any,
) -> Result | Runs:
    """Trade a column of orders, or many such columns.

    Parameters
    ----------
    data : Ticks or Bars, a mapping of str to them, or a sequence of them
        What to run over, all ticks or all bars. Where there are several, each argument that is one
        column for each row is a mapping by symbol.
    size : array of shape (rows,) or (rows, sets), units of the instrument
        What to buy above 0, to sell below, after each row; 0 is no order.
    price, trigger : number, or array of the shape of `size`, money, optional
        Limits and triggers, for the types that have them; rows without an order do not matter.
    order_type : str
        MARKET, LIMIT, STOP, STOP_LIMIT or MARKET_IF_TOUCHED.
    time_in_force, reduce_only, post_only
        As for `Order`.
    cash, config, bar_fill, alternatives, **settings
        As for `backtest`; alternatives are run for a single column.

    Returns
    -------
    Result or Runs
        `Runs` where `size` is of several sets.

    Raises
    ------
    DataError
        When columns do not fit the data.
    OrderError
        When a size or a price is NaN or off the grid, or the kernel refuses an order's form.
    ConfigError
        When a setting is wrong or does not fit.

    Examples
    --------
    >>> import tickstep as ts
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 1000, 2000, 3000], [50, 51, 55, 54], [1] * 4, [0] * 4, tick_size=1, lot=1)
    >>> ts.from_orders(ticks, [2, 0, -2, 0], taker_fee=0, spread_bps=0).stats["P&L"]
    6.0
    """
    market = _Market(data, cash, config, settings, bar_fill)
    columns = {"size": size, "price": price, "trigger": trigger}
    terms = {
        "order_type": order_type,
        "time_in_force": time_in_force,
        "reduce_only": reduce_only,
        "post_only": post_only,
    }
    trader = _OrderTrader(market, columns, terms)
    if trader.is_one:
        result = trader.result(0, market.config)
        if not alternatives:
            return result
        return beside(result, lambda: trader, lambda again, rules: again.result(0, rules))
    return Runs(
        {},
        trader.sets,
        market.scales,
        trader.outcomes,
        lambda index: trader.result(index, market.config),
    )


PPB_ONE = 10**9


class _Market:
    """Data and rules of a run, by symbol, in the order of the configuration."""

    def __init__(
        self,
        data: Data | Mapping[str, Data] | Sequence[Data],
        cash: Number | None,
        config: EngineConfig | None,
        settings: dict[str, Any],
        bar_fill: str,
    ) -> None:
        named = data_by_symbol(data)
        self.config = config_for(named, cash, config, settings, bar_fill)
        if len(named) == 1:
            named = dict(zip(self.config.symbols, named.values(), strict=True))
        self.data = {symbol: named[symbol] for symbol in self.config.symbols}
        self.symbols = self.config.symbols
        self.scales = Scales.of(self.config)
        kinds = {isinstance(each, Bars) for each in self.data.values()}
        if len(kinds) > 1:
            raise ConfigError(
                "some of the data are ticks and some are bars",
                hint='make bars of the ticks: ticks.candles("1m")',
            )
        hedged = [
            each for each in self.config.canonical()["instruments"] if each["position"] != "net"
        ]
        if hedged:
            raise ConfigError(
                f"{hedged[0]['symbol']} keeps long and short positions apart",
                hint="write a Strategy, whose orders say which position they mean",
            )
        self.has_bars = kinds == {True}
        self.rows_each, self.rows_known = ROWS_OF_BAR[bar_fill] if self.has_bars else (1, 1)
        self.rows: dict[str, Ticks | BarTicks] = {
            symbol: _rows_of(each, scale.lot.step, bar_fill)
            for (symbol, each), scale in zip(
                self.data.items(), self.scales.instruments, strict=True
            )
        }

    def of(self, name: str, given: Any, symbol: str) -> Any:
        """What an argument says of one instrument; None where it says nothing."""
        if not isinstance(given, Mapping):
            if _has_axis(given) and len(self.symbols) > 1:
                raise DataError(
                    f"{name} is one column, the data are of {len(self.symbols)} instruments",
                    hint=f'{name}={{"{self.symbols[0]}": ..., "{self.symbols[1]}": ...}}',
                )
            return given
        unknown = [each for each in given if each not in self.symbols]
        if unknown:
            raise DataError(
                f"{name} names {unknown[0]!r}, the data are of {', '.join(self.symbols)}",
                hint="name the columns as the data",
            )
        return given.get(symbol)

    def engine(self, config: EngineConfig) -> Engine:
        """A fresh engine with the data bound."""
        engine = Engine(config)
        engine.bind(self.rows)
        return engine

    def result(
        self, engine: Engine, strategy: str, parameters: dict[str, Any], warnings: list[str]
    ) -> Result:
        """What an engine has done to its end."""
        return Result(
            strategy=strategy,
            parameters=parameters,
            config=engine.config,
            data=self.rows,
            events=np.frombuffer(engine.drain_events().tobytes(), dtype=EVENT_DTYPE),
            event_digest=engine.digest,
            warnings=warnings,
        )


def _signals_of(market: _Market, symbol: str, given: BySymbol) -> SignalSets:
    own = {name: market.of(name, each, symbol) for name, each in given.items()}
    rows = len(market.data[symbol])
    entries = own["entries"]
    if not isinstance(entries, SignalSets):
        if all(each is None for each in own.values()) and len(market.symbols) > 1:
            return SignalSets([], [], [0, 0], row_count=rows, is_one=True)
        return of_columns(rows, own)
    if entries.row_count != rows:
        raise DataError(
            f"the signals are of {entries.row_count} rows, the data of {symbol} have {rows}",
            hint="make the signals from the same data",
        )
    others = [name for name, each in own.items() if name != "entries" and each is not None]
    if others:
        raise DataError(
            f"{others[0]} is given beside SignalSets, which hold all kinds of signals",
            hint="put it into the SignalSets, or give four columns",
        )
    return entries


def _rows_of(data: Data, lot: str, bar_fill: str) -> Ticks | BarTicks:
    return BarTicks(data, lot, bar_fill=bar_fill) if isinstance(data, Bars) else data


def _has_axis(given: Any) -> bool:
    return isinstance(given, SignalSets) or np.ndim(given) > 0


def _distances(name: str, given: Any) -> Int64Array:
    """Parts per billion, by set or one for all; 0 for none."""
    if given is None:
        return _kept([0])
    if np.ndim(given) > 1:
        raise OrderError(
            f"{name} has the shape {np.shape(given)}",
            hint=f"give one number, or one for each set: {name}=[0.01, 0.02]",
        )
    numbers = [given] if np.ndim(given) == 0 else list(np.asarray(given).tolist())
    found = [PPB.index(each, name, OrderError) for each in numbers]
    for number, ppb in zip(numbers, found, strict=True):
        if not 0 < ppb < PPB_ONE:
            raise OrderError(
                f"{name} is {number}: a share of the price is above 0 and below 1",
                hint=f"{name}=0.02 is 2 %; leave it out for none",
            )
    return _kept(found)


class _SignalTrader:
    """Runs sets of signals over one market."""

    def __init__(
        self,
        market: _Market,
        signals: Sequence[SignalSets],
        asked: Mapping[str, Any],
        size_type: str,
        distances: Mapping[str, Int64Array],
        accumulate: bool,
    ) -> None:
        if size_type not in SIZE_TYPES:
            raise ConfigError(
                f"size_type {size_type!r} is none", hint=f"one of {', '.join(SIZE_TYPES)}"
            )
        self._market = market
        self._signals = signals
        self._distances = distances
        self._size_type = size_type
        self._settings: dict[str, Any] = {"size_type": size_type, "accumulate": accumulate}
        plain = (int, float, str, Decimal)
        self._settings |= {name: each for name, each in asked.items() if isinstance(each, plain)}
        legs = [
            self._leg(
                signals[place],
                scale,
                {name: market.of(name, each, scale.symbol) for name, each in asked.items()},
            )
            for place, scale in enumerate(market.scales.instruments)
        ]
        rows = (market.rows_each, market.rows_known)
        self._plan = SignalPlan(
            legs, size_type, accumulate, rows, [distances[name] for name in DISTANCES]
        )

    def result(self, index: int, config: EngineConfig) -> Result:
        """Run one set and keep its events."""
        engine = self._market.engine(config)
        too_small = engine._run_signals(self._plan, index)
        warnings = (
            [f"{too_small:,} entries came to less than one board lot, and were left out"]
            if too_small
            else []
        )
        return self._market.result(engine, "Signals", self._parameters(index), warnings)

    def outcomes(self, workers: int) -> dict[str, npt.NDArray[Any]]:
        """Run all sets and keep what is in the columns."""
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise ConfigError(
                f"workers is {workers!r}: it is a number of threads, at least 1",
                hint="os.cpu_count() tells how many processors there are",
            )
        engine, step = self._market.engine(self._market.config), SETS_AT_ONCE * workers
        parts = [
            engine._run_signal_sets(self._plan, first, min(first + step, self._plan.sets), workers)
            for first in range(0, self._plan.sets, step)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _parameters(self, index: int) -> dict[str, Any]:
        own = {
            name: each[index].item()
            for one in self._signals
            for name, each in one.parameters.items()
        }
        for name, each in self._distances.items():
            ppb = int(each[index if len(each) > 1 else 0])
            own[name] = ppb / PPB_ONE if ppb else None
        return self._settings | own

    def _leg(self, signals: SignalSets, scale: Scale, asked: Mapping[str, Any]) -> Any:
        enters = signals.rows[signals.kinds & (ENTRY | SHORT_ENTRY) > 0]
        needed = np.zeros(signals.row_count, np.bool_)
        needed[enters] = True
        grids = {"qty": scale.lot, "value": self._market.scales.money, "percent": PPB}
        size = 1 if asked["size"] is None else asked["size"]
        sizes = _column("size", size, grids[self._size_type], needed)
        is_small = sizes[needed] <= 0 if len(sizes) > 1 else sizes <= 0
        if np.any(is_small):
            row = np.flatnonzero(needed)[np.flatnonzero(is_small)[0]] if len(sizes) > 1 else None
            where = "" if row is None else f" at row {row}"
            raise OrderError(
                f"size{where} is 0 or less", hint="a short entry says the side, not the size"
            )
        limits = None
        if asked["limit"] is not None:
            limits = _column("limit", asked["limit"], scale.tick, needed)
        return signals.rows, signals.kinds, signals.offsets, sizes, limits


def _column(name: str, given: Any, grid: Grid, needed: npt.NDArray[np.bool_]) -> Int64Array:
    """Whole numbers by row, those of rows that need none 0; or one for all."""
    if np.ndim(given) == 0:
        return _kept([grid.index(given, name, OrderError)])
    column = np.asarray(given)
    if column.shape != needed.shape:
        raise DataError(
            f"{name} has the shape {column.shape}, the data have {len(needed)} rows",
            hint="give one number, or one for each row",
        )
    return _kept(grid_column(_human(np.where(needed, column, 0)), grid, name, OrderError))


def _human(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Whole numbers are in units of the instrument here, not in ticks or lots."""
    return column.astype(np.float64) if column.dtype.kind in "iub" else column


class _OrderTrader:
    """Runs columns of orders over one market."""

    def __init__(self, market: _Market, columns: BySymbol, terms: dict[str, Any]) -> None:
        self._market = market
        self._terms = terms
        self._check_prices(columns)
        self._columns = {symbol: self._of_symbol(symbol, columns) for symbol in market.symbols}
        counts = {each["size"].shape[1] for each in self._columns.values()}
        if len(counts - {1}) > 1:
            raise DataError(
                f"sizes are of {' and '.join(map(str, sorted(counts)))} sets",
                hint="give as many columns of each instrument",
            )
        self.sets = max(counts)
        sizes = (market.of("size", columns["size"], symbol) for symbol in market.symbols)
        self.is_one = all(np.ndim(each) < 2 for each in sizes)

    def result(self, index: int, config: EngineConfig) -> Result:
        """Run one column and keep its events."""
        engine = self._market.engine(config)
        orders = self._orders(index)
        if len(orders["qty"]):
            engine.run_orders(orders)
        else:
            engine.advance()
        return self._market.result(engine, "Orders", dict(self._terms), [])

    def outcomes(self) -> dict[str, npt.NDArray[Any]]:
        """Run all columns; what is told of each is read off its result."""
        rows = [_outcome(self.result(index, self._market.config)) for index in range(self.sets)]
        return {
            name: np.array([row[name] for row in rows], np.uint64 if name in DIGESTS else np.int64)
            for name in rows[0]
        }

    def _of_symbol(self, symbol: str, columns: BySymbol) -> dict[str, npt.NDArray[Any]]:
        own = {name: self._market.of(name, columns[name], symbol) for name in ORDER_COLUMNS}
        rows = len(self._market.data[symbol])
        size = np.zeros(rows) if own["size"] is None else _human(np.asarray(own["size"]))
        if size.ndim not in (1, 2) or size.shape[0] != rows:
            raise DataError(
                f"size has the shape {size.shape}, the data of {symbol} have {rows} rows",
                hint="give one value for each row, or one column of them for each set",
            )
        if size.dtype.kind != "f" or np.isnan(size).any():
            raise OrderError(
                "size is not a number in every row", hint="0 is no order; np.nan_to_num sets it"
            )
        found = {"size": size.reshape(rows, -1)}
        for name in NEEDED[self._terms["order_type"]]:
            column = _human(np.asarray(own[name]))
            is_by_row = column.shape == (rows,)
            try:
                found[name] = np.broadcast_to(
                    column[:, np.newaxis] if is_by_row else column, found["size"].shape
                )
            except ValueError:
                raise DataError(
                    f"{name} has the shape {column.shape}, size {size.shape}",
                    hint="give one number, one for each row, or one for each order",
                ) from None
        return found

    def _check_prices(self, columns: BySymbol) -> None:
        order_type = self._terms["order_type"]
        if order_type not in NEEDED:
            raise OrderError(f"order_type {order_type!r} is none", hint=nearest(order_type, NEEDED))
        for name in ORDER_COLUMNS[1:]:
            is_needed = name in NEEDED[order_type]
            if is_needed != (columns[name] is not None):
                raise OrderError(
                    f"{order_type} orders have {'a' if is_needed else 'no'} {name}",
                    hint=f"give {name}=" if is_needed else f"leave {name} out",
                )

    def _orders(self, index: int) -> dict[str, npt.NDArray[Any]]:
        """The rows with orders, in the order in which they are placed."""
        parts = [self._orders_of(symbol, index) for symbol in self._market.symbols]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        order = np.argsort(joined.pop("known"), kind="stable")
        return {name: each[order] for name, each in joined.items()} | {
            name: np.asarray(each) for name, each in self._terms.items()
        }

    def _orders_of(self, symbol: str, index: int) -> dict[str, npt.NDArray[Any]]:
        columns = {
            name: each[:, min(index, each.shape[1] - 1)]
            for name, each in self._columns[symbol].items()
        }
        scale = self._market.scales.instruments[self._market.symbols.index(symbol)]
        needed = columns["size"] != 0
        rows = np.flatnonzero(needed)
        last = rows * self._market.rows_each + self._market.rows_known - 1
        lots = _column("size", columns.pop("size"), scale.lot, needed)[rows]
        known = self._market.rows[symbol].time[last]
        found: dict[str, npt.NDArray[Any]] = {
            "known": known,
            "symbol": np.full(len(rows), symbol),
            "side": np.where(lots > 0, "BUY", "SELL"),
            "qty": np.abs(lots),
        }
        # Of bars all rows of a time are taken before anything is known.
        found |= {"time": known} if self._market.has_bars else {"tick_index": rows}
        prices = {
            name: _column(name, each, scale.tick, needed)[rows] for name, each in columns.items()
        }
        return found | prices


def _outcome(result: Result) -> dict[str, int]:
    events, account = result.events, result.account
    deepest = account.scan.deepest if len(account.config.symbols) == 1 else None
    kinds = events["kind"]
    return {
        "digest_low": int(result.event_digest[16:], 16),
        "digest_high": int(result.event_digest[:16], 16),
        "equity_units": account.final_units,
        "fees_units": int(events["fee_units"].sum()),
        "fills": int(np.count_nonzero(kinds == EventKind.FILLED)),
        "rejected": int(np.count_nonzero(kinds == EventKind.REJECTED)),
        "round_trips": len(account.trips.closed()),
        "peak_units": 0 if deepest is None else int(deepest.peak),
        "trough_units": 0 if deepest is None else int(deepest.trough),
    }


def _kept(column: npt.ArrayLike) -> Int64Array:
    found: Int64Array = np.array(column, dtype=np.int64)
    found.flags.writeable = False
    return found
