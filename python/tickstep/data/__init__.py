"""Market data from outside, as validated columns; what keeps it, fetches it and knows its calendars.

>>> from tickstep.data import BinanceArchive, read_bars, save_klines
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tickstep.data.bars import read_bars, read_bars_by_symbol
from tickstep.data.china import (
    parse_sina_klines,
    parse_tencent_klines,
    read_akshare,
    read_tushare,
    read_xtdata,
)
from tickstep.data.ctp import CtpCapture, read_ctp
from tickstep.data.depth import DepthBands, read_book, read_depth_bands
from tickstep.data.load import read_table, read_trades
from tickstep.data.quality import Quality, check, repair
from tickstep.data.quotes import Level, Quote, parse_sina, parse_tencent

if TYPE_CHECKING:
    from tickstep.data.aggtrades import (
        AggTradesFeed,
        convert_to_parquet,
        load_parquet_mmap,
        load_vectorized,
        stream_parquet_batches,
    )
    from tickstep.data.fetch import (
        AkshareProvider,
        Backfill,
        BinanceArchive,
        FetchError,
        TushareProvider,
        XtDataProvider,
        backfill,
    )
    from tickstep.data.klines import (
        get_market_data,
        load_and_synthesize_klines,
        resample_klines,
        save_klines,
        save_klines_from_csv,
    )

__all__ = [
    "AggTradesFeed",
    "AkshareProvider",
    "Backfill",
    "BinanceArchive",
    "CtpCapture",
    "DepthBands",
    "FetchError",
    "Level",
    "Quality",
    "Quote",
    "TushareProvider",
    "XtDataProvider",
    "backfill",
    "check",
    "convert_to_parquet",
    "get_market_data",
    "load_and_synthesize_klines",
    "load_parquet_mmap",
    "load_vectorized",
    "parse_sina",
    "parse_sina_klines",
    "parse_tencent",
    "parse_tencent_klines",
    "read_akshare",
    "read_bars",
    "read_bars_by_symbol",
    "read_book",
    "read_ctp",
    "read_depth_bands",
    "read_table",
    "read_trades",
    "read_tushare",
    "read_xtdata",
    "repair",
    "resample_klines",
    "save_klines",
    "save_klines_from_csv",
    "stream_parquet_batches",
]

# Names whose modules load when they are first used.
_LAZY = {
    "AggTradesFeed": "aggtrades",
    "AkshareProvider": "fetch",
    "Backfill": "fetch",
    "BinanceArchive": "fetch",
    "FetchError": "fetch",
    "TushareProvider": "fetch",
    "XtDataProvider": "fetch",
    "backfill": "fetch",
    "convert_to_parquet": "aggtrades",
    "get_market_data": "klines",
    "load_and_synthesize_klines": "klines",
    "load_parquet_mmap": "aggtrades",
    "load_vectorized": "aggtrades",
    "resample_klines": "klines",
    "save_klines": "klines",
    "save_klines_from_csv": "klines",
    "stream_parquet_batches": "aggtrades",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tickstep.data' has no attribute {name!r}")
    value = getattr(import_module(f"tickstep.data.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
