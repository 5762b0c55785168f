"""Order flow: delta, imbalance, intensity."""

from typing import Any

from tickstep import _kernel
from tickstep.pieces import (
    Array,
    Interval,
    Kept,
    Units,
    check_count,
    length_of,
    not_given,
    number_column,
    pushed,
    required,
    sides_of,
    times_of,
)
from tickstep.ticks import NS_PER_UNIT, Float64Array, Ticks, check_time_unit

__all__ = [
    "CumulativeDelta",
    "OrderFlowImbalance",
    "TradeIntensity",
    "calculate_cumulative_delta",
    "calculate_order_flow_imbalance",
    "calculate_trade_intensity",
]


class CumulativeDelta(Kept):
    """Quantity bought less sold, of trades that come in pieces.

    Examples
    --------
    >>> from tickstep.analytics import CumulativeDelta
    >>> delta = CumulativeDelta()
    >>> delta.push([5, 2], [0, 1]).tolist(), delta.push(4, 1)
    ([5, 3], -1)
    """

    def _new_state(self, is_float: bool) -> Any:
        return _kernel.DeltaState(is_float=is_float)

    def push(self, qtys: Any, sides: Any) -> Any:
        """Take one trade or columns; return the delta after each."""
        is_one, columns = pushed((qtys, sides))
        state, (amounts,) = self._state_for(number_column(columns[0], "qtys"))
        found = state.push(amounts, sides_of(columns[1]))
        return found[0].item() if is_one else found


def calculate_cumulative_delta(qtys: Any, sides: Any = None) -> Array:
    """Sum quantity bought less quantity sold up to each trade.

    Parameters
    ----------
    qtys : array of int or float, or Ticks
        Quantities, 0 or more.
    sides : array of int, bool or str
        Aggressor of each trade: 0 or "BUY", 1 or "SELL".

    Returns
    -------
    array of int64 or float64
        As the quantities. Of a Ticks in units of the instrument.

    Examples
    --------
    >>> from tickstep.analytics import calculate_cumulative_delta
    >>> calculate_cumulative_delta([5, 2, 4], [0, 1, 1]).tolist()
    [5, 3, -1]
    """
    amounts, given, units = _flow(qtys, sides)
    return units.amounts(CumulativeDelta().push(amounts, given))


def _flow(qtys: Any, sides: Any) -> tuple[Any, Any, Units]:
    if isinstance(qtys, Ticks):
        not_given("a Ticks", sides=sides)
        return qtys.qty_lots, qtys.side, Units.of(*qtys.grids)
    return number_column(qtys, "qtys"), sides_of(required("sides", sides)), Units(None, None)


class OrderFlowImbalance(Kept):
    """Order flow imbalance of the last `window` trades, of trades that come in pieces.

    Parameters
    ----------
    window : int
        Trades.

    Examples
    --------
    >>> from tickstep.analytics import OrderFlowImbalance
    >>> imbalance = OrderFlowImbalance(2)
    >>> imbalance.push(3, 0), imbalance.push(1, 1)
    (nan, 0.5)
    """

    def __init__(self, window: int = 100) -> None:
        super().__init__()
        self._window = check_count(window, "window")

    def _new_state(self, is_float: bool) -> Any:
        return _kernel.ImbalanceState(self._window, is_float=is_float)

    def push(self, qtys: Any, sides: Any) -> Any:
        """Take one trade or columns; return the imbalance after each."""
        is_one, columns = pushed((qtys, sides))
        state, (amounts,) = self._state_for(number_column(columns[0], "qtys"))
        found = state.push(amounts, sides_of(columns[1]))
        return float(found[0]) if is_one else found


def calculate_order_flow_imbalance(qtys: Any, sides: Any = None, window: int = 100) -> Float64Array:
    """Order flow imbalance: (bought − sold) / (bought + sold) of the last `window` trades.

    The window trails. (ag-kernel's looks ahead when SciPy is installed.)

    Parameters
    ----------
    qtys : array of int or float, or Ticks
        Quantities, 0 or more.
    sides : array of int, bool or str
        Aggressor of each trade: 0 or "BUY", 1 or "SELL".
    window : int
        Trades.

    Returns
    -------
    array of float64
        From −1 to 1; NaN until the window is full, and where it has no volume.

    Examples
    --------
    >>> from tickstep.analytics import calculate_order_flow_imbalance
    >>> calculate_order_flow_imbalance([3, 1, 1], [0, 1, 0], window=2).tolist()
    [nan, 0.5, 0.0]
    """
    amounts, given, _ = _flow(qtys, sides)
    found: Float64Array = OrderFlowImbalance(window).push(amounts, given)
    return found


class TradeIntensity:
    """Trades per second over a trailing window of time, of times that come in pieces.

    Parameters
    ----------
    window_ms : int or str
        Length of the window in milliseconds, or text such as "1s".
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the timestamps.

    Examples
    --------
    >>> from tickstep.analytics import TradeIntensity
    >>> intensity = TradeIntensity(500)
    >>> intensity.push([0, 300]).tolist(), intensity.push(600)
    ([nan, nan], 4.0)
    """

    def __init__(self, window_ms: Interval = 1000, *, time_unit: str = "ms") -> None:
        self._unit = check_time_unit(time_unit)
        length = length_of(window_ms, "window_ms", time_unit)
        self._seconds = length * NS_PER_UNIT[time_unit] / NS_PER_UNIT["s"]
        self._state = _kernel.IntensityState(length)

    def push(self, timestamps: Any) -> Any:
        """Take one time or a column; return the intensity at each."""
        is_one, (times,) = pushed((timestamps,))
        rates = self._state.push(times_of(times, self._unit)) / self._seconds
        return float(rates[0]) if is_one else rates


def calculate_trade_intensity(
    timestamps: Any, window_ms: Interval = 1000, *, time_unit: str = "ms"
) -> Float64Array:
    """Trades per second in the time (t − window, t], of rows up to each row.

    Parameters
    ----------
    timestamps : array of int or datetime64, or Ticks
        Times of the trades, ascending.
    window_ms : int or str
        Length of the window in milliseconds, or text such as "1s".
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the timestamps.

    Returns
    -------
    array of float64
        NaN until a whole window has passed since the first trade. Of trades at the same time only
        those before a row count at it.

    Examples
    --------
    >>> from tickstep.analytics import calculate_trade_intensity
    >>> calculate_trade_intensity([0, 500, 1000, 1001]).tolist()
    [nan, nan, 2.0, 3.0]
    """
    if isinstance(timestamps, Ticks):
        time_unit = timestamps.time_unit
        timestamps = timestamps.time
    found: Float64Array = TradeIntensity(window_ms, time_unit=time_unit).push(timestamps)
    return found
