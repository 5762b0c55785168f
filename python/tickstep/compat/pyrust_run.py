"""Strategies of pyrust-bt: `on_start`, `next`, `on_stop`, actions as words or dicts.

What differs from pyrust-bt, on purpose:

- An order trades from the next bar's open on. There it trades at the close that `next` has just seen;
  `run(..., bar_fill="close")` does the same here.
- A limit order lives for the next bar and is cancelled before `next` is called again. It trades at its
  limit or better, and slippage never goes beyond it.
- Positions realize profit whichever side they are on, and a flip starts anew.
- "buy" is "BUY"; a word that is no action is an error and not a sale. Nothing, None and "HOLD" is none.
- `result["equity"]` is the curve. What `next` raises is raised, once.
- `start` and `end` hold; a day as an end is a whole day. `end` may be left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import numpy as np

from tickstep.backtest import run
from tickstep.bars import Bars
from tickstep.compat.given import data_of
from tickstep.compat.held import Held, Ticket, hold
from tickstep.compat.names import Named, check_callbacks, check_names, unknown
from tickstep.compat.pyrust_analyzers import stats
from tickstep.errors import ConfigError, DataError, OrderError
from tickstep.result import Result
from tickstep.strategy import Bar, Fill, OrderUpdate
from tickstep.ticks import to_time

__all__ = ["BacktestConfig", "BacktestEngine", "RunResult", "Strategy"]

ACTIONS = ("BUY", "SELL")
NOTHING = ("", "HOLD", "NONE")
FIELDS = ("action", "type", "size", "price", "symbol")
CALLBACKS = ("on_start", "next", "next_multi", "on_order", "on_trade", "on_stop")
UPDATES = {
    "ACCEPTED": "submitted",
    "REJECTED": "rejected",
    "CANCELLED": "cancelled",
    "EXPIRED": "cancelled",
}
STATUSES = {"FILLED": "filled", "REJECTED": "rejected"}
DAY = 10  # characters of a date


class Strategy(Named):
    """Base class of strategies; one that has the methods need not derive from it."""

    def on_start(self, ctx: "Context") -> None:
        """Act before the first bar."""

    def next(self, bar: dict[str, Any], ctx: "Context") -> Any:
        """Act on a bar that is over; return an action, a list of them, or None."""

    def on_order(self, event: dict[str, Any]) -> None:
        """Hear of an order: submitted, filled, rejected, cancelled."""

    def on_trade(self, event: dict[str, Any]) -> None:
        """Hear of a fill."""

    def on_stop(self) -> None:
        """Act after the last bar."""


class Context(dict[str, Any]):
    """What a strategy is told of its account, as `ctx.cash` and as `ctx["cash"]`.

    position, avg_cost, cash, equity, bar_index; of several instruments also positions, by symbol, and
    last_prices.
    """

    def __missing__(self, name: str) -> Any:
        raise unknown("ctx", name, self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]


@dataclass(frozen=True)
class BacktestConfig:
    """Settings under the names they have there.

    Parameters
    ----------
    start, end : str or datetime, optional
        First and last time of bars; a day as an end is a whole day.
    cash : number, money
        Initial cash.
    commission_rate : float
        Fraction of the value of each fill.
    slippage_bps : float
        What a market order pays beyond the price, in basis points; half of our spread_bps.
    batch_size : int
        Without effect: results never depend on how bars are cut.
    allow_short : bool
        False refuses to sell what is not held.
    reject_on_insufficient_cash : bool
        True is an account that reserves cash, `account="cash"`.
    """

    start: Any = None
    end: Any = None
    cash: float = 100_000.0
    commission_rate: float = 0.0
    slippage_bps: float = 0.0
    batch_size: int = 1000
    allow_short: bool = True
    reject_on_insufficient_cash: bool = False

    def settings(self) -> dict[str, Any]:
        """Return the same under our names."""
        return {
            "cash": self.cash,
            "maker_fee": self.commission_rate,
            "taker_fee": self.commission_rate,
            "spread_bps": 2 * self.slippage_bps,
            "allow_short": self.allow_short,
            "account": "cash" if self.reject_on_insufficient_cash else None,
        }


class RunResult(dict[str, Any]):
    """What a run left, by the names of pyrust-bt; `result` is ours, with everything else.

    "stats" by its formulas, "equity" and "equity_curve" as dicts of datetime and equity at the end of
    each bar, "trades" as dicts of order_id, datetime, symbol, side, price, size, commission,
    realized_pnl; "orders", "cash", "position", "avg_cost", "positions", "realized_pnl".
    """

    result: Result

    def __missing__(self, name: str) -> Any:
        raise unknown("the result", name, self)


class BacktestEngine:
    """Runs strategies of pyrust-bt.

    Parameters
    ----------
    config : BacktestConfig
        Settings.

    Examples
    --------
    >>> from tickstep.compat.pyrust_bt import BacktestConfig, BacktestEngine, Strategy
    >>> class Once(Strategy):
    ...     def next(self, bar, ctx):
    ...         return "BUY" if ctx.position == 0 else None
    >>> rows = [{"datetime": f"2024-01-0{day}", "open": price, "high": price + 1, "low": price - 1,
    ...          "close": price, "volume": 900} for day, price in enumerate((5, 6, 8), 1)]
    >>> found = BacktestEngine(BacktestConfig(cash=100.0)).run(Once(), rows)
    >>> found["trades"][0]["price"], [each["equity"] for each in found["equity"]]
    (6.0, [100.0, 100.0, 102.0])
    """

    def __init__(self, config: BacktestConfig) -> None:
        self.config = config

    def run(
        self, strategy: Any, data: Any, *, symbol: str | None = None, **settings: Any
    ) -> RunResult:
        """Run a strategy over bars of one instrument, with a call of `next` for each.

        Parameters
        ----------
        strategy : object
            One with `next(bar)` or `next(bar, ctx)`.
        data : list of dicts, Bars or frame
            Bars; the strategy gets dicts as they were given.
        symbol : str, optional
            Name of the instrument; by default what the data say.
        **settings
            Settings of `ts.backtest` beside those of the configuration.

        Returns
        -------
        RunResult
            A dict.
        """
        return self._ran(strategy, {symbol: data}, "next", settings)

    def run_multi(self, strategy: Any, feeds: Mapping[str, Any], **settings: Any) -> RunResult:
        """Run a strategy over several instruments, with a call of `next_multi` for each moment.

        Parameters
        ----------
        strategy : object
            One with `next_multi(update_slice, ctx)`.
        feeds : mapping of str to list of dicts, Bars or frame
            Bars by symbol.
        **settings
            Settings of `ts.backtest` beside those of the configuration.

        Returns
        -------
        RunResult
            A dict.
        """
        return self._ran(strategy, feeds, "next_multi", settings)

    def _ran(
        self, strategy: Any, feeds: Mapping[Any, Any], called: str, settings: dict[str, Any]
    ) -> RunResult:
        check_callbacks(strategy, CALLBACKS)
        if not callable(getattr(strategy, called, None)):
            raise ConfigError(
                f"{type(strategy).__name__} has no method {called!r}",
                hint="run calls next for each bar, run_multi calls next_multi for each moment",
            )
        data: dict[str, Bars] = {}
        rows: dict[str, Sequence[Mapping[str, Any]]] = {}
        for name, given in feeds.items():
            for symbol, each in data_of(given, symbol=name).items():
                if not isinstance(each, Bars):
                    raise DataError(
                        f"the data of {symbol} are ticks", hint='ticks.candles("1m") makes bars'
                    )
                data[symbol], taken = self._within(each)
                if isinstance(given, Sequence):
                    rows[symbol] = given[taken]
        held = hold(
            _Actions,
            type(strategy).__name__,
            vars(strategy),
            user=strategy,
            rows=rows,
            called=called,
        )
        assert isinstance(held, _Actions), "made just now"
        result = run(held, data, **{**self.config.settings(), **settings})
        return _result(held, data, result)

    def _within(self, bars: Bars) -> tuple[Bars, slice]:
        start, end = self.config.start, self.config.end
        first, last = 0, len(bars)
        if start is not None:
            first = int(np.searchsorted(bars.time, _moment(start, bars)))
        if end is not None:
            is_day = isinstance(end, str) and len(end) == DAY
            moment = np.datetime64(end) + 1 if is_day else end
            last = int(
                np.searchsorted(bars.time, _moment(moment, bars), "left" if is_day else "right")
            )
        if first >= last:
            raise DataError(
                f"no bars lie within start {start!r} and end {end!r}", hint="see bars.datetimes"
            )
        return bars[first:last], slice(first, last)


class _Actions(Held):
    """Does what `next` returns."""

    _called = "next"
    _rows: Mapping[str, Sequence[Mapping[str, Any]]]

    def on_start(self) -> None:
        self._bar_index = 0
        self._seen = dict.fromkeys(self.symbols, 0)
        self._close: dict[str, float] = {}
        self.trades: list[dict[str, Any]] = []
        # A property would be looked up at every bar.
        self._takes_context = _takes_two(getattr(self._user, self._called))
        self._tell("on_start", self._context())

    def on_bar(self, bar: Bar) -> None:
        self._close[bar.symbol] = bar.close
        for ticket in self.open_tickets(bar.symbol):
            if ticket.order_type == "LIMIT":
                self.cancel(ticket.order_id)
        if self._called == "next":
            self._act(self._row(bar), bar.symbol)

    def on_bars(self, bars: dict[str, Bar]) -> None:
        if self._called == "next_multi":
            self._act({symbol: self._row(bar) for symbol, bar in bars.items()}, None)

    def on_stop(self) -> None:
        self.final = self._context()
        self._tell("on_stop")

    def _act(self, told: dict[str, Any], symbol: str | None) -> None:
        call = getattr(self._user, self._called)
        answer = call(told, self._context()) if self._takes_context else call(told)
        self._bar_index += 1
        for each in answer if isinstance(answer, list | tuple) else [answer]:
            if each is not None:
                self._do(each, symbol)

    def _do(self, given: Any, symbol: str | None) -> None:
        action = {"action": given} if isinstance(given, str) else given
        if not isinstance(action, Mapping):
            raise OrderError(f"{given!r} is no action", hint='return "BUY", "SELL", a dict or None')
        check_names("an action", action, FIELDS)
        side = str(action.get("action") or "").upper()
        if side in NOTHING:
            return
        if side not in ACTIONS:
            raise unknown("the list of actions", action.get("action"), ACTIONS)
        kind = str(action.get("type") or "market").lower()
        if kind not in ("market", "limit"):
            raise unknown("the list of types", kind, ("market", "limit"))
        price = action.get("price")
        if kind == "limit" and price is None:
            raise OrderError("a limit action has no price", hint='{"type": "limit", "price": 9.9}')
        name = action.get("symbol") or symbol
        if name is None:
            raise OrderError("the action has no symbol", hint='{"action": "BUY", "symbol": "A"}')
        limit = price if kind == "limit" else None
        size = action.get("size")
        self.send(side, 1 if size is None else size, name, limit=limit)

    def heard(self, ticket: Ticket, update: OrderUpdate) -> None:
        if update.kind in UPDATES:
            self._tell("on_order", self._event(UPDATES[update.kind], ticket))

    def traded(self, ticket: Ticket, fill: Fill) -> None:
        event = {
            "order_id": fill.order_id,
            "datetime": self._when(fill.time),
            "symbol": fill.symbol,
            "side": fill.side,
            "price": fill.price,
            "size": fill.qty,
            "commission": fill.fee,
            "realized_pnl": fill.realized_pnl,
        }
        self.trades.append(event)
        self._tell("on_order", self._event("filled", ticket))
        self._tell("on_trade", dict(event))

    def _event(self, kind: str, ticket: Ticket) -> dict[str, Any]:
        event = {
            "event": kind,
            "order_id": ticket.order_id,
            "side": ticket.side,
            "type": ticket.order_type.lower(),
            "size": float(ticket.qty),
            "symbol": ticket.symbol,
        }
        if ticket.price is not None:
            event["limit_price"] = ticket.price
        if ticket.reason:
            event["reason"] = ticket.reason
        return event

    def _tell(self, name: str, *told: Any) -> None:
        call = getattr(self._user, name, None)
        if call is not None:
            call(*told)

    def _row(self, bar: Bar) -> dict[str, Any]:
        place = self._seen[bar.symbol]
        self._seen[bar.symbol] = place + 1
        if bar.symbol in self._rows:
            return dict(self._rows[bar.symbol][place])
        return {
            "datetime": self._when(bar.start),
            "open": bar.open,
            "high": bar.high,
            "low": bar.low,
            "close": bar.close,
            "volume": bar.volume,
            "symbol": bar.symbol,
        }

    def _context(self) -> Context:
        snapshots = {symbol: self._running.snapshot(symbol) for symbol in self.symbols}
        first = snapshots[self.symbols[0]]
        return Context(
            position=first.position,
            avg_cost=first.avg_entry_price,
            cash=first.cash,
            equity=first.equity,
            bar_index=self._bar_index,
            positions={
                symbol: {"position": each.position, "avg_cost": each.avg_entry_price}
                for symbol, each in snapshots.items()
            },
            last_prices=dict(self._close),
        )

    def _when(self, moment: int) -> str:
        return str(self.clock.local(moment))


def _result(held: _Actions, data: Mapping[str, Bars], result: Result) -> RunResult:
    curve = _curve(held, data, result)
    orders = [
        held._event(STATUSES.get(each.status, "unfilled"), each)
        | {"status": STATUSES.get(each.status, "unfilled")}
        for each in held.tickets.values()
    ]
    final = held.final
    found = RunResult(
        stats=stats(curve, held.trades, orders),
        equity=curve,
        equity_curve=curve,
        trades=held.trades,
        orders=orders,
        cash=final["cash"],
        position=final["position"],
        avg_cost=final["avg_cost"],
        positions=final["positions"],
        realized_pnl=sum(each["realized_pnl"] for each in held.trades),
    )
    found.result = result
    return found


def _curve(held: _Actions, data: Mapping[str, Bars], result: Result) -> list[dict[str, Any]]:
    """Equity after each moment at which bars end, named by the start of the bar."""
    ends = np.concatenate([each.end_time for each in data.values()])
    starts = np.concatenate([each.time for each in data.values()])
    ends, places = np.unique(ends, return_index=True)
    equity = result.scales.amounts(result.path.at(ends))
    return [
        {"datetime": held._when(start), "equity": value}
        for start, value in zip(starts[places].tolist(), equity.tolist(), strict=True)
    ]


def _takes_two(call: Any) -> bool:
    places = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    arguments = list(signature(call).parameters.values())
    is_any = any(each.kind == Parameter.VAR_POSITIONAL for each in arguments)
    return is_any or sum(each.kind in places for each in arguments) >= 2


def _moment(value: Any, bars: Bars) -> int:
    text = value.replace(" ", "T") if isinstance(value, str) else value
    return to_time(text, bars.time_unit)
