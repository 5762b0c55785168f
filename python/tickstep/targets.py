"""Orders towards a target: what is to be held, and what is missing of it.

A target is traded at the market. What an earlier target of the instrument still waits for gives way to
the new one; a buy of a cash account goes on, for less where less is missing. In a cash account the buys
of a portfolio are placed when its sells have ended, with the cash that these brought.
"""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Protocol

import numpy as np

from tickstep.engine import OpenOrder, Order
from tickstep.errors import OrderError, nearest
from tickstep.scales import Scales
from tickstep.ticks import Number

__all__ = ["Dealer", "Targets", "decimal_of", "shares_of"]

NOTHING = Decimal(0)
ROUNDING = Decimal("1e-12")  # what floats lose of a share, many times over
LOTS_END = 1 << 61


class Dealer(Protocol):
    """Where targets are traded; a `Session` is one."""

    def holding(self, symbol: str | None = None) -> tuple[int, int, int]:
        """Tick index, last price in ticks and position in lots of an instrument."""

    def equity(self) -> float:
        """Cash and positions together, at the last prices."""

    def free_cash(self) -> float:
        """Cash that no order has reserved."""

    def order(self, order_id: int) -> OpenOrder | None:
        """An open order; None when it has ended."""

    def place(self, order: Order) -> int:
        """Place an order and return its id."""

    def cancel(self, order_id: int) -> bool:
        """Cancel an order; False when it had already ended."""

    def amend(self, order_id: int, changes: Mapping[str, Number]) -> bool:
        """Change an order; False when it had already ended."""


def decimal_of(number: Number, name: str) -> Decimal:
    """Take a number as the decimal that people see.

    Raises
    ------
    OrderError
        When it is none, or not finite.
    """
    text = None if isinstance(number, bool | np.bool_) else str(number)
    try:
        value = None if text is None else Decimal(text)
    except InvalidOperation:
        value = None
    if value is None or not value.is_finite():
        raise OrderError(f"{name} is {number!r}: no finite number", hint="0.5 is a half")
    return value


def shares_of(weights: Mapping[str, Number]) -> dict[str, Decimal]:
    """Take weights as exact shares.

    Raises
    ------
    OrderError
        When they are no mapping, or one is no finite number.
    """
    if not isinstance(weights, Mapping):
        raise OrderError(f"the weights {weights!r} are no mapping", hint='{"A": 0.5, "B": 0.5}')
    return {symbol: decimal_of(each, f"the weight of {symbol}") for symbol, each in weights.items()}


class Targets:
    """Targets of one strategy.

    Parameters
    ----------
    dealer : Dealer
        Where orders go.
    scales : Scales
        What integers stand for.
    """

    def __init__(self, dealer: Dealer, scales: Scales) -> None:
        self._dealer = dealer
        self._scales = scales
        self._by_symbol = {each.symbol: each for each in scales.instruments}
        self._placed: dict[str, int] = {}  # the orders placed last
        self._sells: list[int] = []  # what the buys of a portfolio wait for
        self._wanted: dict[str, Decimal] = {}  # shares of the equity that they are for

    @property
    def is_waiting(self) -> bool:
        """Whether `look` must be called when orders end."""
        return bool(self._wanted)

    def named(self, symbol: str | None) -> str:
        """Give the symbol, or that of the one instrument."""
        symbols = self._scales.symbols
        if symbol is not None and symbol not in self._by_symbol:
            raise OrderError(f"there is no instrument {symbol!r}", hint=nearest(symbol, symbols))
        if symbol is None and len(symbols) > 1:
            raise OrderError(
                f"there are {len(symbols)} instruments: {', '.join(symbols)}",
                hint=f"name the one you mean: symbol={symbols[0]!r}",
            )
        return symbols[0] if symbol is None else symbol

    def qty(self, symbol: str | None, qty: Number) -> int | None:
        """Trade so as to hold a quantity; None where nothing is missing."""
        symbol = self.named(symbol)
        wanted = self._by_symbol[symbol].lot.index(qty, "qty", OrderError)
        return self._trade(symbol, wanted - self._held(symbol))

    def value(self, symbol: str | None, value: Number) -> int | None:
        """Trade so as to hold a value at the last price; None where no board lot is missing."""
        symbol = self.named(symbol)
        return self._trade_towards(symbol, decimal_of(value, "value"))

    def share(self, symbol: str | None, fraction: Number) -> int | None:
        """Trade so as to hold a share of the equity; None where no board lot is missing."""
        symbol = self.named(symbol)
        return self._trade_towards(symbol, self._equity() * decimal_of(fraction, "fraction"))

    def weights(self, weights: Mapping[str, Number]) -> list[int]:
        """Trade so as to hold shares of the equity and nothing else, sells before buys."""
        shares = self._shares(weights)
        missing = self._missing(shares, self._scales.symbols)
        sells = {symbol: lots for symbol, lots in missing.items() if lots <= 0}
        buys = {symbol: lots for symbol, lots in missing.items() if lots > 0}
        placed = self._trade_all(sells)
        self._sells, self._wanted = [], {}
        if placed and buys and self._scales.is_cash_account:
            self._sells, self._wanted = placed, {symbol: shares[symbol] for symbol in buys}
            return placed
        more = sum((self._reserved(symbol) for symbol in buys), NOTHING)
        return placed + self._trade_all(self._affordable(buys, more))

    def look(self) -> None:
        """Place the buys that waited, where all sells have ended."""
        if any(self._dealer.order(order_id) is not None for order_id in self._sells):
            return
        shares, self._wanted, self._sells = self._wanted, {}, []
        missing = self._missing(shares, tuple(shares))
        buys = {symbol: lots for symbol, lots in missing.items() if lots > 0}
        self._trade_all(self._affordable(buys))

    def _shares(self, weights: Mapping[str, Number]) -> dict[str, Decimal]:
        shares: dict[str, Decimal] = {}
        for symbol, share in shares_of(weights).items():
            named = self.named(symbol)
            if named in shares:
                raise OrderError(f"{named} has two weights", hint="give one for each instrument")
            shares[named] = share
        return shares

    def _equity(self) -> Decimal:
        return Decimal(str(self._dealer.equity()))

    def _trade_towards(self, symbol: str, value: Decimal) -> int | None:
        """Trade so as to hold a value, or as much of it as there is cash for."""
        lots = self._worth(symbol, value) - self._held(symbol)
        if lots > 0:
            lots = self._affordable({symbol: lots}, self._reserved(symbol))[symbol]
        return self._trade(symbol, lots)

    def _reserved(self, symbol: str) -> Decimal:
        """Cash that comes free when what an earlier target still waits for is cancelled."""
        waiting = self._dealer.order(self._placed[symbol]) if symbol in self._placed else None
        if waiting is None or waiting.side != "BUY":
            return Decimal(0)
        return (waiting.qty_lots - waiting.filled_lots) * self._cost_of_lot(symbol)

    def _missing(self, shares: Mapping[str, Decimal], symbols: tuple[str, ...]) -> dict[str, int]:
        equity = self._equity()
        missing = {}
        for symbol in symbols:
            value = equity * shares.get(symbol, Decimal(0))
            wanted = self._worth(symbol, value) if value else 0
            missing[symbol] = wanted - self._held(symbol)
        return missing

    def _affordable(self, buys: dict[str, int], more: Decimal = NOTHING) -> dict[str, int]:
        """Buys in the same proportions as there is cash for them, where cash is all there is."""
        if not self._scales.is_cash_account or not buys:
            return buys
        costs = {symbol: lots * self._cost_of_lot(symbol) for symbol, lots in buys.items()}
        cash = Decimal(str(self._dealer.free_cash())) + more
        total = sum(costs.values(), NOTHING)
        if total <= cash:
            return buys
        share = max(cash / total, Decimal(0))
        return {symbol: self._whole(symbol, lots * share) for symbol, lots in buys.items()}

    def _cost_of_lot(self, symbol: str) -> Decimal:
        """Money for one lot at the last price, what it costs to take it included."""
        scale = self._by_symbol[symbol]
        price = self._dealer.holding(symbol)[1] * Decimal(scale.tick.step)
        value = price * Decimal(scale.lot.step) * scale.multiplier
        # The far side is rounded up to a tick.
        tick = Decimal(scale.tick.step) * Decimal(scale.lot.step) * scale.multiplier
        return value * (1 + scale.taking) + tick

    def _held(self, symbol: str) -> int:
        """The position in lots."""
        return self._dealer.holding(symbol)[2]

    def _worth(self, symbol: str, value: Decimal) -> int:
        """Lots of a value at the last price, in whole board lots."""
        scale = self._by_symbol[symbol]
        tick_index, price_ticks, _ = self._dealer.holding(symbol)
        if tick_index < 0 or price_ticks == 0:
            raise OrderError(
                f"{symbol} has no price yet to count a value in",
                hint="act in on_bar or later, or give a quantity",
            )
        one = price_ticks * Decimal(scale.tick.step) * scale.multiplier
        lots = value / one / Decimal(scale.lot.step)
        if abs(lots) >= LOTS_END:
            raise OrderError(
                f"a value of {value} is {lots:.6g} lots of {symbol}: more than can be counted",
                hint="give a smaller value",
            )
        # 0.29 of 100 is 29, and a third of 300 is 100, whatever their floats make of it.
        near = self._whole(symbol, lots * (1 + ROUNDING))
        return near if abs(near - lots) <= abs(lots) * ROUNDING else self._whole(symbol, lots)

    def _whole(self, symbol: str, lots: Decimal) -> int:
        """Lots rounded towards 0 to whole board lots."""
        scale = self._by_symbol[symbol]
        board = scale.qty_step / Decimal(scale.lot.step)
        return int((lots / board).to_integral_value(ROUND_DOWN) * board)

    def _trade_all(self, missing: Mapping[str, int]) -> list[int]:
        placed = (self._trade(symbol, lots) for symbol, lots in missing.items())
        return [order_id for order_id in placed if order_id is not None]

    def _trade(self, symbol: str, lots: int) -> int | None:
        """Order what is missing instead of what an earlier target still waits for."""
        if symbol in self._placed:
            waiting = self._dealer.order(self._placed.pop(symbol))
            if waiting is not None:
                rest = waiting.qty_lots - waiting.filled_lots
                if lots == (rest if waiting.side == "BUY" else -rest):
                    self._placed[symbol] = waiting.order_id
                    return None
                if lots > 0 and waiting.side == "BUY" and self._scales.is_cash_account:
                    self._buy_no_more(waiting, lots, symbol)
                    return None
                self._dealer.cancel(waiting.order_id)
        if lots == 0:
            return None
        order = Order.of_lots(lots, self._by_symbol[symbol].lot, symbol)
        self._placed[symbol] = order_id = self._dealer.place(order)
        return order_id

    def _buy_no_more(self, waiting: OpenOrder, lots: int, symbol: str) -> None:
        """Let a buy go on for what is missing now, or for what it was given if that is less.

        Its cash is reserved until a cancel has arrived, and a new order could not be paid for.
        """
        self._placed[symbol] = waiting.order_id
        if lots < waiting.qty_lots - waiting.filled_lots:
            total = self._by_symbol[symbol].lot.decimal(waiting.filled_lots + lots)
            self._dealer.amend(waiting.order_id, {"qty": total})
