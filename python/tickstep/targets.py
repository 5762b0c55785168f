"""Orders towards a target: what is to be held, and what is missing of it.

A target is traded at the market. What an earlier target of the instrument still waits for gives way to
the new one. In a cash account the buys of a portfolio are placed when its sells have ended, with the
cash that these brought.
"""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Protocol

from tickstep.engine import OpenOrder, Order
from tickstep.errors import OrderError, nearest
from tickstep.scales import Scales
from tickstep.ticks import Number

__all__ = ["Dealer", "Targets"]


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
        self._wanted: dict[str, float] = {}  # shares of the equity that they are for

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
        return self._trade(symbol, self._worth(symbol, value) - self._held(symbol))

    def weights(self, weights: Mapping[str, Number]) -> list[int]:
        """Trade so as to hold shares of the equity and nothing else, sells before buys."""
        shares = {self.named(symbol): float(weight) for symbol, weight in weights.items()}
        missing = self._missing(shares, self._scales.symbols)
        sells = {symbol: lots for symbol, lots in missing.items() if lots <= 0}
        buys = {symbol: lots for symbol, lots in missing.items() if lots > 0}
        placed = self._trade_all(sells)
        self._sells, self._wanted = [], {}
        if placed and buys and self._scales.is_cash_account:
            self._sells, self._wanted = placed, {symbol: shares[symbol] for symbol in buys}
            return placed
        return placed + self._trade_all(self._affordable(buys))

    def look(self) -> None:
        """Place the buys that waited, where all sells have ended."""
        if any(self._dealer.order(order_id) is not None for order_id in self._sells):
            return
        shares, self._wanted, self._sells = self._wanted, {}, []
        missing = self._missing(shares, tuple(shares))
        buys = {symbol: lots for symbol, lots in missing.items() if lots > 0}
        self._trade_all(self._affordable(buys))

    def _missing(self, shares: Mapping[str, float], symbols: tuple[str, ...]) -> dict[str, int]:
        equity = self._dealer.equity()
        missing = {}
        for symbol in symbols:
            value = equity * shares.get(symbol, 0.0)
            wanted = self._worth(symbol, value) if value else 0
            missing[symbol] = wanted - self._held(symbol)
        return missing

    def _affordable(self, buys: dict[str, int]) -> dict[str, int]:
        """Buys in the same proportions as there is cash for them, where cash is all there is."""
        if not self._scales.is_cash_account or not buys:
            return buys
        costs = {symbol: lots * self._cost_of_lot(symbol) for symbol, lots in buys.items()}
        cash, total = Decimal(str(self._dealer.free_cash())), sum(costs.values(), Decimal(0))
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

    def _worth(self, symbol: str, value: Number) -> int:
        """Lots of a value at the last price, in whole board lots."""
        scale = self._by_symbol[symbol]
        tick_index, price_ticks, _ = self._dealer.holding(symbol)
        if tick_index < 0 or price_ticks == 0:
            raise OrderError(
                f"{symbol} has no price yet to count a value in",
                hint="act in on_bar or later, or give a quantity",
            )
        one = price_ticks * Decimal(scale.tick.step) * scale.multiplier
        return self._whole(symbol, Decimal(str(value)) / one / Decimal(scale.lot.step))

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
                self._dealer.cancel(waiting.order_id)
        if lots == 0:
            return None
        order = Order.of_lots(lots, self._by_symbol[symbol].lot, symbol)
        self._placed[symbol] = order_id = self._dealer.place(order)
        return order_id
