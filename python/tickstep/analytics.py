"""Ticks to candles, VWAP, profiles, order flow and volatility: on arrays, `Ticks` and `Bars`.

Four rules hold for everything here. No row of a result depends on a later row. Windows trail, and a
result is NaN until its window is full. Whole numbers are summed exactly; a sum beyond 64 bits is a
`DataError`, never a wrapped number. And a batch is a stream pushed at once: each function has a class
that takes the same rows in pieces of any size, to the same bits: columns, or a `Ticks` where it is told
the grids (`CandleBuilder`, `FootprintBuilder`, `VolumeProfile`).

Arrays come back in the units they came in: whole quantities as whole numbers, floats as floats. A
`Ticks` or `Bars` as first argument stands for its columns, and what comes back is in money and units.
"""

from tickstep.candles import (
    CANDLE_COLUMNS,
    CandleBuilder,
    candles_to_dataframe,
    candles_to_pandas,
    ticks_to_bars,
    ticks_to_candles,
)
from tickstep.flow import (
    CumulativeDelta,
    OrderFlowImbalance,
    TradeIntensity,
    calculate_cumulative_delta,
    calculate_order_flow_imbalance,
    calculate_trade_intensity,
)
from tickstep.profile import (
    FOOTPRINT_COLUMNS,
    FootprintBuilder,
    VolumeProfile,
    calculate_footprint,
    calculate_volume_profile,
    value_area_of,
)
from tickstep.resample import (
    resample_bars,
    resample_candles,
)
from tickstep.volatility import (
    VOLATILITY_COLUMNS,
    ExponentialVolatility,
    RollingVolatility,
    calculate_exponential_volatility,
    calculate_garman_klass_volatility,
    calculate_parkinson_volatility,
    calculate_realized_volatility,
    calculate_rogers_satchell_volatility,
    calculate_yang_zhang_volatility,
)
from tickstep.vwap import (
    Vwap,
    calculate_vwap,
)

__all__ = [
    "CANDLE_COLUMNS",
    "FOOTPRINT_COLUMNS",
    "VOLATILITY_COLUMNS",
    "CandleBuilder",
    "CumulativeDelta",
    "ExponentialVolatility",
    "FootprintBuilder",
    "OrderFlowImbalance",
    "RollingVolatility",
    "TradeIntensity",
    "VolumeProfile",
    "Vwap",
    "calculate_cumulative_delta",
    "calculate_exponential_volatility",
    "calculate_footprint",
    "calculate_garman_klass_volatility",
    "calculate_order_flow_imbalance",
    "calculate_parkinson_volatility",
    "calculate_realized_volatility",
    "calculate_rogers_satchell_volatility",
    "calculate_trade_intensity",
    "calculate_volume_profile",
    "calculate_vwap",
    "calculate_yang_zhang_volatility",
    "candles_to_dataframe",
    "candles_to_pandas",
    "resample_bars",
    "resample_candles",
    "ticks_to_bars",
    "ticks_to_candles",
    "value_area_of",
]
