"""Tickstep: an exact, deterministic engine for stepping ticks and matching orders.

>>> import tickstep as ts
>>> engine = ts.Engine(ts.EngineConfig(initial_cash=100_000.0, spread_bps=2.0, tick_size=0.01))
>>> engine.step_tick(ts.Tick(ts_ms=1000, price_tick_i64=10000, qty=2.0, side="SELL"))
>>> engine.place_order(ts.Order("MARKET", "BUY", 1.5))
1
>>> engine.step_tick(ts.Tick(1001, 10000, 1.0, "BUY"))
>>> engine.get_snapshot().position
1.5

`tickstep.h` states the rules of matching; each class and function here has an example of its own.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    from tickstep import _kernel as _kernel
except ImportError as error:
    raise ImportError(
        "the native module tickstep._kernel is missing or was built for another Python: install a "
        "wheel with `pip install tickstep`, or in a checkout run `make build-dev`"
    ) from error

# The function takes the name of its module here; imported later, the module would take it back.
from tickstep.backtest import run as backtest
from tickstep.bars import Bars
from tickstep.book import Book
from tickstep.engine import (
    EVENT_DTYPE,
    HISTORY_DTYPE,
    TRADE_DTYPE,
    BatchResult,
    Engine,
    EngineConfig,
    EventKind,
    Instrument,
    OpenOrder,
    Order,
    Reason,
    Snapshot,
    Tick,
)
from tickstep.errors import (
    CapacityError,
    ConfigError,
    DataError,
    InternalError,
    MoneyOverflowError,
    OrderError,
    StateError,
    StrategyError,
    TickstepError,
    UnknownOrderError,
)
from tickstep.functions import from_function
from tickstep.lookahead import lookahead
from tickstep.portfolio import Holdings, HoldWeights, Portfolio
from tickstep.reports import report
from tickstep.result import Result
from tickstep.risk import Breach, RiskLimits, RiskManager
from tickstep.running import Run
from tickstep.strategy import Alert, Bar, Fill, OrderUpdate, SessionUpdate, Strategy
from tickstep.ticks import Ticks
from tickstep.version import __version__

if TYPE_CHECKING:
    from tickstep import analytics as analytics
    from tickstep import data as data
    from tickstep import quick as quick
    from tickstep import signals as signals
    from tickstep.data.adjust import Action, adjust
    from tickstep.data.bars import read_bars, read_bars_by_symbol
    from tickstep.data.calendar import calendar
    from tickstep.data.depth import read_book, read_depth_bands
    from tickstep.data.fetch import backfill
    from tickstep.data.holdings import read_holdings
    from tickstep.data.load import read_table, read_trades
    from tickstep.data.parquet import read_arrow, read_parquet
    from tickstep.data.quality import check, repair
    from tickstep.data.sql import read_sql
    from tickstep.data.store import Store
    from tickstep.data.stream import convert, stream_trades
    from tickstep.data.symbols import symbol
    from tickstep.data.tickfile import open_bars, open_ticks
    from tickstep.fromcolumns import from_orders, from_signals
    from tickstep.native import native as native

__all__ = [
    "EVENT_DTYPE",
    "HISTORY_DTYPE",
    "TRADE_DTYPE",
    "Action",
    "Alert",
    "Bar",
    "Bars",
    "BatchResult",
    "Book",
    "Breach",
    "CapacityError",
    "ConfigError",
    "DataError",
    "Engine",
    "EngineConfig",
    "EventKind",
    "Fill",
    "HoldWeights",
    "Holdings",
    "Instrument",
    "InternalError",
    "MoneyOverflowError",
    "OpenOrder",
    "Order",
    "OrderError",
    "OrderUpdate",
    "Portfolio",
    "Reason",
    "Result",
    "RiskLimits",
    "RiskManager",
    "Run",
    "SessionUpdate",
    "Snapshot",
    "StateError",
    "Store",
    "Strategy",
    "StrategyError",
    "Tick",
    "Ticks",
    "TickstepError",
    "UnknownOrderError",
    "__version__",
    "adjust",
    "backfill",
    "backtest",
    "calendar",
    "check",
    "convert",
    "from_function",
    "from_orders",
    "from_signals",
    "get_include",
    "lookahead",
    "open_bars",
    "open_ticks",
    "read_arrow",
    "read_bars",
    "read_bars_by_symbol",
    "read_book",
    "read_depth_bands",
    "read_holdings",
    "read_parquet",
    "read_sql",
    "read_table",
    "read_trades",
    "repair",
    "report",
    "stream_trades",
    "symbol",
]

# Names whose modules load when they are first used: `import tickstep` stays quick.
_LAZY = {
    "Action": "tickstep.data.adjust",
    "adjust": "tickstep.data.adjust",
    "backfill": "tickstep.data.fetch",
    "calendar": "tickstep.data.calendar",
    "Store": "tickstep.data.store",
    "check": "tickstep.data.quality",
    "convert": "tickstep.data.stream",
    "repair": "tickstep.data.quality",
    "open_bars": "tickstep.data.tickfile",
    "open_ticks": "tickstep.data.tickfile",
    "read_arrow": "tickstep.data.parquet",
    "read_holdings": "tickstep.data.holdings",
    "read_parquet": "tickstep.data.parquet",
    "read_sql": "tickstep.data.sql",
    "read_bars": "tickstep.data.bars",
    "read_bars_by_symbol": "tickstep.data.bars",
    "read_book": "tickstep.data.depth",
    "read_depth_bands": "tickstep.data.depth",
    "read_table": "tickstep.data.load",
    "read_trades": "tickstep.data.load",
    "from_orders": "tickstep.fromcolumns",
    "from_signals": "tickstep.fromcolumns",
    "stream_trades": "tickstep.data.stream",
    "symbol": "tickstep.data.symbols",
}


def get_include() -> str:
    """Return the folder of `tickstep.h`, for programs in C that use the installed library.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.get_include().endswith("include")
    True
    """
    return str(Path(__file__).parent / "include")


def __getattr__(name: str) -> Any:
    if name in ("analytics", "data", "native", "quick", "signals"):
        return import_module(f"tickstep.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'tickstep' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "analytics", "data", "native", "signals"})
