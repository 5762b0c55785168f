"""Market data from outside, as validated columns."""

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

__all__ = [
    "CtpCapture",
    "DepthBands",
    "Level",
    "Quality",
    "Quote",
    "check",
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
]
