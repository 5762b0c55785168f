"""Frames of Chinese data libraries to bars: Tushare, AKShare, xtdata, and K lines of Sina and Tencent.

Columns are taken by name, because their order differs from call to call (the close comes before the
open in one, second in another). Volumes become shares (futures: contracts) and turnover yuan,
whatever the call counts in. A frame is anything with named columns: pandas, polars, a dict of arrays,
or a CSV file that one was written to.

Days are labelled by their date, which stands as 00:00 UTC: the stock session of 09:30 to 15:00 in
China lies within that UTC day. Minutes are labelled by their end in all these sources; bars begin one
interval earlier. China has had one offset from UTC, eight hours, and no summer time since 1992.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep._kernel import Grid
from tickstep.bars import Bars, on_grid
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length
from tickstep.ticks import Float64Array, Int64Array, Number, check_time_unit, plain

__all__ = [
    "china_to_utc",
    "parse_sina_klines",
    "parse_tencent_klines",
    "read_akshare",
    "read_tushare",
    "read_xtdata",
]

Array = npt.NDArray[Any]
OnBad = Literal["raise", "skip"]

CHINA_OFFSET_S = 8 * 3600
SHARES_PER_LOT = 100
PRICES = ("open", "high", "low", "close")


class Layout(NamedTuple):
    """What the columns of one call are called, and what they count in."""

    time: str
    open: str = "open"
    high: str = "high"
    low: str = "low"
    close: str = "close"
    volume: str = "volume"
    turnover: str | None = None
    open_interest: str | None = None
    symbol: str | None = None
    shares_per_volume: int | None = 1  # None: told by the turnover
    yuan_per_turnover: int = 1


_TUSHARE_DAY = Layout(
    "trade_date",
    volume="vol",
    turnover="amount",
    symbol="ts_code",
    shares_per_volume=SHARES_PER_LOT,
    yuan_per_turnover=1_000,
)
_TUSHARE_MINUTES = Layout("trade_time", volume="vol", turnover="amount", symbol="ts_code")
_TUSHARE_FUTURES = _TUSHARE_DAY._replace(
    open_interest="oi", shares_per_volume=1, yuan_per_turnover=10_000
)
TUSHARE = {
    "daily": _TUSHARE_DAY,
    "index_daily": _TUSHARE_DAY,
    "fund_daily": _TUSHARE_DAY,
    "fut_daily": _TUSHARE_FUTURES,
    "stk_mins": _TUSHARE_MINUTES,
    "ft_mins": _TUSHARE_MINUTES._replace(open_interest="oi"),
}

_CHINESE = Layout(
    "日期", "开盘", "最高", "最低", "收盘", "成交量", "成交额", None, "股票代码", None
)
_CHINESE_LOTS = _CHINESE._replace(shares_per_volume=SHARES_PER_LOT)
_CHINESE_MINUTES = _CHINESE._replace(time="时间")
_SINA_DAY = Layout("date", turnover="amount")
_SINA_FUTURES = Layout("date", open_interest="hold")
AKSHARE = {
    "stock_zh_a_hist": _CHINESE_LOTS,
    "index_zh_a_hist": _CHINESE_LOTS,
    "fund_etf_hist_em": _CHINESE_LOTS,
    "stock_hk_hist": _CHINESE._replace(shares_per_volume=1),
    "stock_us_hist": _CHINESE._replace(shares_per_volume=1),
    "stock_zh_a_hist_min_em": _CHINESE_MINUTES._replace(shares_per_volume=SHARES_PER_LOT),
    "fund_etf_hist_min_em": _CHINESE_MINUTES._replace(shares_per_volume=SHARES_PER_LOT),
    "stock_zh_a_daily": _SINA_DAY,
    "stock_zh_index_daily": _SINA_DAY,
    "fund_etf_hist_sina": _SINA_DAY,
    "stock_zh_a_minute": Layout("day"),
    "futures_zh_daily_sina": _SINA_FUTURES,
    "futures_zh_minute_sina": Layout("datetime", open_interest="hold"),
}
# Without a name of the call, the header of the time tells the rest.
_AKSHARE_BY_TIME = {
    "日期": _CHINESE,
    "时间": _CHINESE_MINUTES,
    "date": _SINA_DAY._replace(open_interest="hold"),
    "day": Layout("day"),
    "datetime": Layout("datetime", open_interest="hold"),
}
_XTDATA = Layout("time", turnover="amount", open_interest="openInterest", shares_per_volume=None)
_XTDATA_FUTURES = re.compile(r".+\.(SF|DF|ZF|IF|INE|GF)", re.ASCII)

_DAY = re.compile(r"(\d{4})[-/]?(\d\d)[-/]?(\d\d)(?:[T ]00:00:00)?", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4})[-/]?(\d\d)[-/]?(\d\d)[T ]?(\d\d):?(\d\d)(?::?(\d\d))?(?:\.0+)?", re.ASCII
)
_UNQUOTED_KEY = re.compile(r"([{,])\s*([A-Za-z_]\w*)\s*:")


def read_tushare(
    frame: Any,
    api: str = "daily",
    *,
    symbol: str | None = None,
    interval: str | None = None,
    tick_size: Number | None = None,
    time_unit: str = "ms",
    on_bad: OnBad = "raise",
) -> Bars:
    """Turn a frame of Tushare into bars.

    Volumes of `daily`, `index_daily` and `fund_daily` are lots of 100 shares and their amounts
    thousands of yuan; `fut_daily` counts contracts and tens of thousands of yuan; minutes count
    shares (futures: contracts) and yuan. Rows come newest first and are sorted.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame or mapping of str to array
        What the call returned.
    api : {"daily", "index_daily", "fund_daily", "fut_daily", "stk_mins", "ft_mins"}
        Name of the call. Weekly and monthly bars have the columns of "daily".
    symbol : str, optional
        The `ts_code` to take, where the frame has several.
    interval : str, optional
        "1w" or "1mo" for weekly and monthly bars, which then begin on Monday and on the first.
        By default "1d" for dates, and for minutes the most frequent step.
    tick_size : float, int, str or Decimal, optional
        Size of one tick in yuan; by default the coarsest of 1, 0.1, ... on which all prices lie.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the times that are kept.
    on_bad : {"raise", "skip"}
        Whether a row without a price raises, or is left out and counted in `source`.

    Returns
    -------
    Bars
        Volume in shares or contracts, turnover in yuan, time in UTC. `source` tells the call, the
        rows of the frame and how many were skipped.

    Raises
    ------
    DataError
        When a column is missing, a row is bad, or the frame holds several symbols.
    ConfigError
        When the call is not one of these.

    Examples
    --------
    >>> from tickstep.data.china import read_tushare
    >>> bars = read_tushare({
    ...     "ts_code": ["000001.SZ", "000001.SZ"], "trade_date": ["20240103", "20240102"],
    ...     "open": [9.19, 9.39], "high": [9.22, 9.42], "low": [9.15, 9.21],
    ...     "close": [9.2, 9.21], "vol": [733610.31, 1158366.45], "amount": [673673.6, 1075742.25],
    ... })
    >>> bars
    Bars(000001.SZ, 2 of 1d, 2024-01-02T00:00:00.000 to 2024-01-03T00:00:00.000, tick 0.01, lot 1)
    >>> bars.volume_lots.tolist(), bars.turnover.tolist()
    ([115836645, 73361031], [1075742250.0, 673673600.0])
    """
    layout = _chosen(api, TUSHARE, "api")
    return _bars(frame, layout, f"tushare {api}", symbol, interval, tick_size, time_unit, on_bad)


def read_akshare(
    frame: Any,
    api: str | None = None,
    *,
    symbol: str | None = None,
    interval: str | None = None,
    tick_size: Number | None = None,
    time_unit: str = "ms",
    on_bad: OnBad = "raise",
) -> Bars:
    """Turn a frame of AKShare into bars.

    Chinese headers (日期, 开盘, 收盘, 最高, 最低, 成交量, 成交额) and English ones are known. Volume in
    lots of 100 shares (East Money) becomes shares. Where `api` is not given and the headers leave open
    whether lots or shares are meant, the turnover tells: it must lie between volume times low and
    volume times high. Adjusted prices do not fit it; name the call then.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame or mapping of str to array
        What the call returned.
    api : str, optional
        Name of the call, such as "stock_zh_a_hist"; `AKSHARE` lists them.
    symbol : str, optional
        The 股票代码 to take; where the frame has no such column, the name of the bars.
    interval, tick_size, time_unit, on_bad
        As for `read_tushare`.

    Returns
    -------
    Bars
        Volume in shares or contracts, turnover in yuan, time in UTC.

    Raises
    ------
    DataError
        When a column is missing, a row is bad, or the turnover fits neither shares nor lots.
    ConfigError
        When the call is not known.

    Examples
    --------
    >>> from tickstep.data.china import read_akshare
    >>> bars = read_akshare({
    ...     "日期": ["2024-01-02"], "股票代码": ["000001"], "开盘": [9.39], "收盘": [9.21],
    ...     "最高": [9.42], "最低": [9.21], "成交量": [1158366], "成交额": [1075742252.45],
    ... })
    >>> bars.close.tolist(), bars.volume_lots.tolist()
    ([9.21], [115836600])
    """
    columns = _columns_of(frame)
    layout = _akshare_layout(columns) if api is None else _chosen(api, AKSHARE, "api")
    if layout.open_interest not in columns:
        layout = layout._replace(open_interest=None)
    label = f"akshare {api or ''}".rstrip()
    return _bars(columns, layout, label, symbol, interval, tick_size, time_unit, on_bad)


def read_xtdata(
    frame: Any,
    symbol: str | None = None,
    *,
    interval: str | None = None,
    tick_size: Number | None = None,
    time_unit: str = "ms",
    on_bad: OnBad = "raise",
) -> Bars:
    """Turn bars of xtdata (QMT) into bars.

    Takes the frame of one code, the answer of `get_market_data_ex` (code to frame) and that of
    `get_market_data` (field to a frame of codes and times); `symbol` chooses from the last two.
    Whether a stock's volume counts shares or lots of 100 is told by the amount. The open interest is
    kept of futures only: of stocks this column holds a status.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame or mapping
        Columns time (ms since 1970), open, high, low, close, volume and, where there are, amount
        and openInterest.
    symbol : str, optional
        Code such as "600000.SH" or "rb2510.SF".
    interval, tick_size, time_unit, on_bad
        As for `read_tushare`.

    Returns
    -------
    Bars
        Volume in shares or contracts, turnover in yuan, time in UTC.

    Raises
    ------
    DataError
        When a column is missing or a row is bad.

    Examples
    --------
    >>> from tickstep.data.china import read_xtdata
    >>> bars = read_xtdata({
    ...     "time": [1704157260000, 1704157320000], "open": [6.62, 6.63], "high": [6.64, 6.63],
    ...     "low": [6.62, 6.62], "close": [6.63, 6.62], "volume": [5400, 3000],
    ...     "amount": [3580200.0, 1987500.0],
    ... }, "600000.SH")
    >>> bars.datetimes.astype(str).tolist(), bars.volume_lots.tolist()
    (['2024-01-02T01:00:00.000', '2024-01-02T01:01:00.000'], [540000, 300000])
    """
    columns = _columns_of(_of_one_code(frame, symbol))
    is_futures = symbol is not None and _XTDATA_FUTURES.fullmatch(symbol) is not None
    layout = _XTDATA._replace(
        open_interest="openInterest" if is_futures and "openInterest" in columns else None,
        shares_per_volume=1 if is_futures else None,
    )
    return _bars(columns, layout, "xtdata", symbol, interval, tick_size, time_unit, on_bad)


def parse_sina_klines(
    text: str | bytes,
    symbol: str | None = None,
    *,
    interval: str | None = None,
    tick_size: Number | None = None,
    time_unit: str = "ms",
) -> Bars:
    """Turn the answer of Sina's K line service into bars.

    Parameters
    ----------
    text : str or bytes
        A JSON list of `{day, open, high, low, close, volume}`, with or without quotes around the
        names. Volume is in shares.
    symbol : str, optional
        Name of the bars, such as "sh600000".
    interval, tick_size, time_unit
        As for `read_tushare`.

    Returns
    -------
    Bars
        Exactly the decimals of the text.

    Raises
    ------
    DataError
        When the text is no such list.

    Examples
    --------
    >>> from tickstep.data.china import parse_sina_klines
    >>> bars = parse_sina_klines(
    ...     '[{"day":"2024-01-02 09:35:00","open":"6.620","high":"6.640","low":"6.610",'
    ...     '"close":"6.630","volume":"3452100"}]', "sh600000", interval="5m")
    >>> bars.datetimes.astype(str).tolist(), bars.close_ticks.tolist(), bars.tick_size
    (['2024-01-02T01:30:00.000'], [663], 0.01)
    """
    rows = _json(_UNQUOTED_KEY.sub(r'\1"\2":', decoded(text)), "Sina's K lines")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(
            f"Sina's K lines must be a list of records, was {str(rows)[:60]!r}",
            hint="null is the answer to an unknown code",
        )
    names = ("day", *PRICES, "volume")
    columns = {name: np.array([_field(row, name) for row in rows], dtype=object) for name in names}
    return _bars(columns, Layout("day"), "sina", symbol, interval, tick_size, time_unit, "raise")


def parse_tencent_klines(
    text: str | bytes,
    symbol: str | None = None,
    *,
    interval: str | None = None,
    shares_per_volume: int | None = None,
    tick_size: Number | None = None,
    time_unit: str = "ms",
) -> Bars:
    """Turn the answer of Tencent's K line service into bars.

    Its rows are lists: date, open, close, high, low, volume. Volume of the A-share markets is in
    lots of 100 shares, except that of the STAR board, whose unit the answer does not tell.

    Parameters
    ----------
    text : str or bytes
        JSON, with or without `name=` before it.
    symbol : str, optional
        Code such as "sh600000"; needed where the answer has several.
    interval : str, optional
        As for `read_tushare`; "1w" and "1mo" are told by the answer.
    shares_per_volume : {1, 100}, optional
        Needed for codes of the STAR board (sh688, sh689); by default told by the market.
    tick_size, time_unit
        As for `read_tushare`.

    Returns
    -------
    Bars
        Volume in shares.

    Raises
    ------
    DataError
        When the text is no such answer, or has no rows.
    ConfigError
        When the unit of the volume is not known.

    Examples
    --------
    >>> from tickstep.data.china import parse_tencent_klines
    >>> bars = parse_tencent_klines(
    ...     '{"code":0,"data":{"sh600000":{"day":'
    ...     '[["2024-01-02","6.63","6.61","6.67","6.60","298543.000"]]}}}')
    >>> bars.symbol, bars.close.tolist(), bars.volume_lots.tolist()
    ('sh600000', [6.61], [29854300])
    """
    answer = _json(re.sub(r"^\s*\w+\s*=", "", decoded(text)), "Tencent's K lines")
    code, lines = _tencent_code(answer, symbol)
    kind, rows = _tencent_rows(code, lines)
    order = ("day", "open", "close", "high", "low", "volume")
    if any(len(row) < len(order) for row in rows):
        raise DataError(
            f"a K line of {code} has fewer than {len(order)} fields",
            hint="date, open, close, high, low, volume: fetch the answer again",
        )
    columns = {
        name: np.array([str(row[place]) for row in rows], dtype=object)
        for place, name in enumerate(order)
    }
    layout = Layout("day", shares_per_volume=shares_per_volume or _tencent_lot(code))
    told = {"week": "1w", "month": "1mo"}.get(kind.removeprefix("qfq").removeprefix("hfq"))
    return _bars(
        columns, layout, f"tencent {kind}", code, interval or told, tick_size, time_unit, "raise"
    )


def china_to_utc(local: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Turn clock times in China into UTC.

    Parameters
    ----------
    local : array of datetime64
        Clock times at UTC+8, which all of China has kept since 1992.

    Returns
    -------
    array of datetime64
        The same moments in UTC.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.data.china import china_to_utc
    >>> str(china_to_utc(np.array(["2024-01-02T09:30"], dtype="M8[s]"))[0])
    '2024-01-02T01:30:00'
    """
    return local - np.timedelta64(CHINA_OFFSET_S, "s")


def decoded(text: str | bytes) -> str:
    """Return text as it is, and bytes as the GBK that Chinese services send.

    Parameters
    ----------
    text : str or bytes
        An answer.

    Raises
    ------
    DataError
        When the bytes are no GBK.

    Examples
    --------
    >>> from tickstep.data.china import decoded
    >>> decoded("平安".encode("gbk"))
    '平安'
    """
    if isinstance(text, str):
        return text
    try:
        return bytes(text).decode("gb18030")  # a superset of GBK
    except UnicodeDecodeError as fault:
        raise DataError(
            f"byte {fault.start} is no GBK text: {bytes(text)[fault.start : fault.start + 4]!r}",
            hint="give the answer's bytes as they came, or decode them yourself",
        ) from None


# --- From columns to bars. ------------------------------------------------------------------------


def _bars(
    frame: Any,
    layout: Layout,
    label: str,
    symbol: str | None,
    interval: str | None,
    tick_size: Number | None,
    time_unit: str,
    on_bad: OnBad,
) -> Bars:
    check_time_unit(time_unit)
    columns = _columns_of(frame)
    _expect(columns, layout, label)
    rows_read = len(columns[layout.time])
    columns, symbol = _of_symbol(columns, layout.symbol, symbol)
    columns, skipped = _priced(columns, layout, on_bad)
    moments, is_daily = _moments(columns[layout.time])
    order = np.argsort(moments, kind="stable")
    columns = {name: column[order] for name, column in columns.items()}
    starts, interval = _starts(moments[order], is_daily, interval)
    shares = layout.shares_per_volume or _told_by_turnover(columns, layout, label)
    prices, tick = on_grid(
        {name: _money(columns[getattr(layout, name)]) for name in PRICES},
        None if tick_size is None else tick_size,
        "tick_size",
    )
    return Bars(
        starts.astype(f"M8[{time_unit}]").astype(np.int64),
        prices["open"],
        prices["high"],
        prices["low"],
        prices["close"],
        _counts(columns[layout.volume], shares, layout.volume),
        tick_size=tick.step,
        lot=1,
        interval=interval,
        time_unit=time_unit,
        symbol=symbol,
        source={"format": label, "rows": rows_read, "skipped": skipped},
        turnover=_yuan(columns, layout),
        open_interest_lots=_open_interest(columns, layout),
    )


def _columns_of(frame: Any) -> dict[str, Array]:
    """Take the columns of anything that has named ones."""
    if isinstance(frame, str | os.PathLike):
        columns = _csv_columns(Path(frame))
    elif isinstance(frame, Mapping):
        columns = {str(name): np.asarray(column) for name, column in frame.items()}
    elif hasattr(frame, "columns") and hasattr(frame, "__getitem__"):
        columns = {str(name): _array(frame[name]) for name in frame.columns}
    else:
        raise DataError(
            f"expected a frame, was {type(frame).__name__}",
            hint="give a pandas or polars frame, a CSV file, or a dict of column name to array",
        )
    lengths = {name: len(column) for name, column in columns.items() if column.ndim == 1}
    if len(lengths) < len(columns) or len(set(lengths.values())) > 1:
        raise DataError(
            f"the columns differ in length: {lengths}", hint="each row needs all of its columns"
        )
    return columns


def _csv_columns(path: Path) -> dict[str, Array]:
    """Take the columns of a CSV file as text; an index that pandas wrote has no name."""
    import polars as pl

    with path.open("rb") as file:
        if b"\0" in file.read(4096):
            raise DataError(
                f"{path.name} is not text", hint="write the frame as CSV: frame.to_csv(path)"
            )
    try:
        frame = pl.read_csv(_csv_text(path).encode(), infer_schema=False)
    except pl.exceptions.PolarsError as fault:
        raise DataError(
            f"{path.name}: {str(fault).splitlines()[0]}",
            hint="the first line names the columns as the call does",
        ) from None
    return {name: frame[name].fill_null("").to_numpy() for name in frame.columns if name}


def _csv_text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return decoded(data)


def _array(column: Any) -> Array:
    return column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)


def _expect(columns: Mapping[str, Array], layout: Layout, label: str) -> None:
    needed = (layout.time, *(getattr(layout, name) for name in PRICES), layout.volume)
    missing = [name for name in needed if name not in columns]
    if missing:
        raise DataError(
            f"a frame of {label} has no column {', '.join(missing)}; it has {', '.join(columns)}",
            hint="name the call that made the frame: api='...'",
        )
    if len(columns[layout.time]) == 0:
        raise DataError(
            f"the frame of {label} has no rows", hint="ask the service for other dates or codes"
        )


def _chosen(api: str, layouts: Mapping[str, Layout], name: str) -> Layout:
    if api not in layouts:
        raise ConfigError(
            f"{name} {api!r} is not known", hint=f"known are {', '.join(sorted(layouts))}"
        )
    return layouts[api]


def _akshare_layout(columns: Mapping[str, Array]) -> Layout:
    found = [layout for name, layout in _AKSHARE_BY_TIME.items() if name in columns]
    if len(found) != 1:
        raise DataError(
            f"the columns {', '.join(columns)} are of no known AKShare call",
            hint="name the call: api='stock_zh_a_hist'",
        )
    return found[0]


def _of_one_code(frame: Any, symbol: str | None) -> Any:
    """Pick one code from xtdata's mappings of frames; a plain frame passes."""
    if not isinstance(frame, Mapping) or not frame:
        return frame
    if not all(hasattr(each, "columns") for each in frame.values()):
        return frame
    is_by_field = "close" in frame
    codes = list(frame["close"].index) if is_by_field else list(frame)
    if symbol not in codes:
        raise DataError(
            f"symbol {symbol!r} is not among the codes {', '.join(map(str, codes))}",
            hint="choose one of them with symbol=",
        )
    if is_by_field:
        return {field: each.loc[symbol].to_numpy() for field, each in frame.items()}
    return frame[symbol]


def _of_symbol(
    columns: dict[str, Array], name: str | None, symbol: str | None
) -> tuple[dict[str, Array], str | None]:
    if name is None or name not in columns:
        return columns, symbol
    codes = columns[name].astype(str)
    found = sorted(set(codes.tolist()))
    if symbol is None and len(found) > 1:
        raise DataError(
            f"the frame holds {len(found)} symbols: {', '.join(found[:10])}",
            hint=f"choose one: symbol={found[0]!r}",
        )
    chosen = found[0] if symbol is None else symbol
    if chosen not in found:
        raise DataError(
            f"symbol {symbol!r} is not in the frame", hint=f"it holds {', '.join(found[:10])}"
        )
    return {each: column[codes == chosen] for each, column in columns.items()}, chosen


def _priced(
    columns: dict[str, Array], layout: Layout, on_bad: OnBad
) -> tuple[dict[str, Array], int]:
    """Leave out rows without a price or a volume, or name the first."""
    if on_bad not in ("raise", "skip"):
        raise ConfigError(
            f"on_bad {on_bad!r} is neither 'raise' nor 'skip'",
            hint="on_bad='skip' leaves bad rows out and counts them",
        )
    names = (*(getattr(layout, name) for name in PRICES), layout.volume)
    missing = {name: _is_missing(columns[name]) for name in names}
    bad = np.logical_or.reduce(list(missing.values()))
    if bad.any() and on_bad == "raise":
        row = int(np.flatnonzero(bad)[0])
        name = next(name for name in names if missing[name][row])
        raise DataError(
            f"{name} is missing at row {row}, {columns[layout.time][row]}",
            hint="a day without trades has no prices; on_bad='skip' leaves such rows out",
        )
    kept = {name: column[~bad] for name, column in columns.items()}
    if not len(kept[layout.time]):
        raise DataError("no row has prices and a volume", hint="look at the frame")
    return kept, int(bad.sum())


def _is_missing(column: Array) -> npt.NDArray[np.bool_]:
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind in "OU":
        return np.array([_is_blank(value) for value in column], dtype=bool)
    return np.zeros(len(column), dtype=bool)


def _is_blank(value: Any) -> bool:
    # Only what is not a number differs from itself; the missing values of pandas refuse to say.
    return value is None or str(value) in ("", "-", "--", "nan", "NaN", "None", "<NA>", "NaT")


# --- Times. ---------------------------------------------------------------------------------------


def _moments(column: Array) -> tuple[npt.NDArray[np.datetime64], bool]:
    """Clock times in China in seconds, and whether they are dates."""
    if column.dtype.kind == "M":
        moments = column.astype("M8[s]")
    elif column.dtype.kind in "iuf" and float(column[0]) > 1e11:
        since_1970_ms = column.astype(np.int64)
        moments = (since_1970_ms.astype("M8[ms]") + np.timedelta64(CHINA_OFFSET_S, "s")).astype(
            "M8[s]"
        )
    else:
        texts = [_moment_text(value, row) for row, value in enumerate(column)]
        moments = np.array(texts, dtype="M8[s]")
    if np.isnat(moments).any():
        row = int(np.flatnonzero(np.isnat(moments))[0])
        raise DataError(f"the time at row {row} is missing", hint="drop the row")
    is_daily = bool((moments == moments.astype("M8[D]")).all())
    return moments, is_daily


def _moment_text(value: Any, row: int) -> str:
    text = str(value).strip()
    day = _DAY.fullmatch(text)
    if day is not None:
        return "-".join(day.groups())
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise DataError(
            f"{text!r} at row {row} is no date",
            hint="dates are 20240102 or 2024-01-02, times 2024-01-02 09:31:00",
        )
    year, month, date, hour, minute, second = found.groups()
    return f"{year}-{month}-{date}T{hour}:{minute}:{second or '00'}"


def _starts(
    moments: npt.NDArray[np.datetime64], is_daily: bool, interval: str | None
) -> tuple[npt.NDArray[np.datetime64], str]:
    if is_daily:
        return _first_days(moments.astype("M8[D]"), interval or "1d"), interval or "1d"
    if interval is None:
        interval = f"{_usual_step_s(moments)}s"
    length = np.timedelta64(interval_length(interval, "s"), "s")
    return china_to_utc(moments) - length, interval


def _first_days(days: npt.NDArray[np.datetime64], interval: str) -> npt.NDArray[np.datetime64]:
    """A week and a month are labelled by their last trading day; the bar begins with their first."""
    if interval == "1w":
        # Day 0 was a Thursday.
        return days - (days.astype(np.int64) + 3) % 7
    if interval in ("1mo", "1M"):
        return days.astype("M8[M]").astype("M8[D]")
    if interval != "1d":
        raise ConfigError(
            f"interval {interval!r} does not fit rows that carry dates only",
            hint='give "1d", "1w" or "1mo"',
        )
    return days


def _usual_step_s(moments: npt.NDArray[np.datetime64]) -> int:
    steps = np.diff(moments).astype(np.int64)
    steps = steps[steps > 0]
    if not steps.size:
        raise ConfigError("one row does not tell how long its bar is", hint='say so: interval="1m"')
    lengths, counts = np.unique(steps, return_counts=True)
    return int(lengths[np.argmax(counts)])


# --- Numbers. -------------------------------------------------------------------------------------


def _money(column: Array) -> Array:
    """Prices in yuan, never to be taken for ticks: integers become text."""
    return column.astype(str) if column.dtype.kind in "iu" else _plain(column)


def _plain(column: Array) -> Array:
    if column.dtype.kind == "f":
        return column.astype(np.float64)
    if column.dtype.kind not in "OU":
        return column
    return np.array([_exact(value) for value in column], dtype=object)


def _exact(value: Any) -> Decimal:
    """A cell's decimal; a float stands for its shortest text."""
    try:
        number = Decimal(str(value).strip())
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite():
        raise DataError(f"{plain(value)!r} is not a number", hint="mend or drop the row")
    return number


def _counts(column: Array, shares: int, name: str) -> Int64Array:
    """Volume as whole shares: a volume in lots may have decimals, of shares it may not."""
    if column.dtype.kind in "iu" and int(np.abs(column).max()) < 2**53:
        return column.astype(np.int64) * shares
    step = Grid(Decimal(1) / shares, name)
    values = {name: _money(column)}
    counted, _ = on_grid(values, step.step, name)
    return counted[name]


def _yuan(columns: Mapping[str, Array], layout: Layout) -> Float64Array | None:
    if layout.turnover is None or layout.turnover not in columns:
        return None
    column = columns[layout.turnover]
    missing = _is_missing(column)
    yuan = np.full(len(column), np.nan)
    # Decimals are scaled, not floats: each value is rounded once.
    yuan[~missing] = [
        float(_exact(value) * layout.yuan_per_turnover) for value in column[~missing].tolist()
    ]
    return yuan


def _open_interest(columns: Mapping[str, Array], layout: Layout) -> Int64Array | None:
    if layout.open_interest is None or layout.open_interest not in columns:
        return None
    column = columns[layout.open_interest]
    if _is_missing(column).any():
        return None
    return _counts(column, 1, layout.open_interest)


def _told_by_turnover(columns: Mapping[str, Array], layout: Layout, label: str) -> int:
    """Whether volumes are shares or lots: turnover lies between volume times low and times high."""
    hint = "name the call with api=, which settles it; adjusted prices do not fit their turnover"
    yuan = _yuan(columns, layout)
    if yuan is None:
        raise DataError(
            f"a frame of {label} without a turnover does not tell whether volumes are shares"
            " or lots of 100",
            hint="name the call with api=, or keep the column of the turnover",
        )
    volume = np.array([float(value) for value in columns[layout.volume]])
    low, high = (
        np.array([float(value) for value in columns[name]]) for name in (layout.low, layout.high)
    )
    traded = (volume > 0) & np.isfinite(yuan)
    if not traded.any():
        return 1  # nothing was traded: no volume is 0 of either
    for shares in (1, SHARES_PER_LOT):
        # Volumes in whole lots and rounded turnover leave a little slack.
        slack = 0.5 / volume[traded] if shares > 1 else 0.0
        mean = yuan[traded] / (volume[traded] * shares)
        fits = (mean >= low[traded] * (0.999 - slack)) & (mean <= high[traded] * (1.001 + slack))
        if fits.mean() > 0.9:
            return shares
    raise DataError(
        f"the turnover in the frame of {label} fits volumes neither in shares nor in lots of 100",
        hint=hint,
    )


# --- Answers of services. -------------------------------------------------------------------------


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as fault:
        raise DataError(
            f"{name} are no JSON: {fault}", hint="give the body of the answer, whole"
        ) from None


def _field(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        raise DataError(
            f"a K line has no {name}: {row}", hint="a line has day, open, high, low, close, volume"
        )
    return str(row[name])


def _tencent_code(answer: Any, symbol: str | None) -> tuple[str, Mapping[str, Any]]:
    codes = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(codes, dict) or not codes:
        raise DataError(
            f"Tencent's K lines hold no data: {str(answer)[:80]}",
            hint="the answer to an unknown code is empty",
        )
    code = next(iter(codes)) if symbol is None and len(codes) == 1 else symbol
    if code not in codes or not isinstance(codes[code], dict):
        raise DataError(
            f"symbol {symbol!r} is not in the answer", hint=f"it holds {', '.join(codes)}"
        )
    return str(code), codes[code]


def _tencent_rows(code: str, lines: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    kinds: Iterable[str] = (
        kind for kind in lines if re.fullmatch(r"(qfq|hfq)?(day|week|month)|m\d+", kind)
    )
    for kind in kinds:
        if lines[kind]:
            return kind, lines[kind]
    raise DataError(
        f"the answer holds no K lines of {code}; it has {', '.join(lines)}",
        hint="ask for day, week, month, or minutes such as m5",
    )


def _tencent_lot(code: str) -> int:
    if code.startswith(("hk", "us")):
        return 1
    if code.startswith(("sh688", "sh689")):
        raise ConfigError(
            f"whether volumes of {code}, of the STAR board, are shares or lots is not told",
            hint="compare with another source and give shares_per_volume=1 or 100",
        )
    return SHARES_PER_LOT
