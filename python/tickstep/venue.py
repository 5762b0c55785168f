"""Where a session trades, and what it hears of it."""

from typing import NamedTuple, Protocol

from tickstep.engine import LIQUIDITY_MAKER, REASON_BITS, OpenOrder, Order, Snapshot
from tickstep.ticks import Number

__all__ = ["Event", "Venue"]


class Event(NamedTuple):
    """One row of `EVENT_DTYPE` with names; exact integers."""

    kind: int
    reason: int
    instrument: int
    sequence: int
    time: int
    tick_index: int
    order_id: int
    tag: int
    price_ticks: int
    qty_lots: int
    fee_units: int
    realized_units: int
    position_after_lots: int

    @property
    def side(self) -> str:
        """Whose the order is; quantities of sells are negative."""
        return "BUY" if self.qty_lots > 0 else "SELL"

    @property
    def is_maker(self) -> bool:
        """Of a fill: whether the order rested before it traded."""
        return self.reason & REASON_BITS == LIQUIDITY_MAKER


class Venue(Protocol):
    """Where a session trades; an `Engine` is one."""

    def get_snapshot(self, symbol: str | None = None) -> Snapshot:
        """The account, and the position in an instrument, now."""

    def position_of(self, symbol: str | None = None) -> float:
        """The position in an instrument now."""

    def price_of(self, symbol: str | None = None) -> float | None:
        """The price of an instrument's last tick; None before the first."""

    def holding(self, symbol: str | None = None) -> tuple[int, int, int]:
        """Tick index, last price in ticks and position in lots of an instrument."""

    @property
    def positions(self) -> dict[str, float]:
        """The position in every instrument now."""

    def open_orders(self, symbol: str | None = None) -> list[OpenOrder]:
        """Orders and alerts that wait."""

    def order(self, order_id: int, /) -> OpenOrder | None:
        """An open order; None when it has ended."""

    def place_order(self, order: Order, /) -> int:
        """Place an order and return its id."""

    def cancel_order(self, order_id: int, /) -> bool:
        """Cancel an order; False when it had already ended."""

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel every open order; alerts stay."""

    def amend_order(
        self,
        order_id: int,
        /,
        *,
        qty: Number | None = None,
        price: Number | None = None,
        trigger: Number | None = None,
        trail: Number | None = None,
    ) -> bool:
        """Change an order; False when it had already ended."""

    def refuse_order(self, order: Order, /) -> int:
        """Record an order that a risk limit forbids and return its id."""

    def refuse_amend(
        self,
        order_id: int,
        /,
        *,
        qty: Number | None = None,
        price: Number | None = None,
        trigger: Number | None = None,
        trail: Number | None = None,
    ) -> bool:
        """Record an amendment that a risk limit forbids; False when the order had already ended."""

    @property
    def time(self) -> int:
        """Time of the last tick."""
