"""Candles of ticks: by time, or by ticks, volume, money or imbalance."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from tickstep import _kernel
from tickstep.bars import MONTH, Bars, interval_text
from tickstep.errors import ConfigError
from tickstep.intervals import phase_of
from tickstep.pieces import (
    SUM_END,
    Array,
    Builder,
    Interval,
    Units,
    check_count,
    length_of,
    not_given,
    trades_of,
)
from tickstep.ticks import Number, Ticks

__all__ = [
    "CANDLE_COLUMNS",
    "CandleBuilder",
    "Candles",
    "candles_to_dataframe",
    "candles_to_pandas",
    "ticks_to_bars",
    "ticks_to_candles",
]

Candles: TypeAlias = dict[str, Array]

CANDLE_COLUMNS = (
    "ts_open",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "buy_volume",
    "sell_volume",
    "trade_count",
)
AMOUNTS = ("volume", "buy_volume", "sell_volume")
RULES = ("ticks_per_bar", "volume_per_bar", "money_per_bar", "imbalance_per_bar")
MONEY_MAX = 2**126


class CandleBuilder(Builder):
    """Make candles of ticks that come in pieces: what `ticks_to_candles` does, as a stream.

    Parameters
    ----------
    interval_ms : int or str
        Length of a bucket in milliseconds, or text such as "1m".
    ticks_per_bar, volume_per_bar, money_per_bar, imbalance_per_bar : number, optional
        Instead of time; see `ticks_to_candles`.
    tick_size, lot : number, optional
        Size of a tick in money and of a lot in units; None leaves prices in ticks, and quantities
        as they come.
    fill_empty : bool
        Whether buckets without a tick become candles of volume 0 at the last price.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the timestamps.

    Examples
    --------
    >>> from tickstep.analytics import CandleBuilder
    >>> builder = CandleBuilder(1000, tick_size="0.5")
    >>> builder.push(100, 20, 3, 0)["close"].tolist()
    []
    >>> builder.push([900, 1100], [21, 22], [1, 1], [1, 0])["close"].tolist()
    [10.5]
    >>> builder.finish()["open"].tolist()
    [11.0]
    """

    def __init__(
        self,
        interval_ms: Interval = 60_000,
        *,
        ticks_per_bar: int | None = None,
        volume_per_bar: Number | None = None,
        money_per_bar: Number | None = None,
        imbalance_per_bar: Number | None = None,
        tick_size: Number | None = None,
        lot: Number | None = None,
        fill_empty: bool = False,
        time_unit: str = "ms",
    ) -> None:
        super().__init__(Units.of(tick_size, lot), time_unit)
        self._fills_empty = fill_empty
        self._wants_turnover = False
        amounts = (ticks_per_bar, volume_per_bar, money_per_bar, imbalance_per_bar)
        given = {name: each for name, each in zip(RULES, amounts, strict=True) if each is not None}
        if len(given) > 1:
            raise ConfigError(
                f"{' and '.join(given)} are given together", hint="a bar ends by one rule"
            )
        if given and fill_empty:
            raise ConfigError(
                f"fill_empty is given beside {next(iter(given))}",
                hint="only buckets of time can be empty",
            )
        self._rule, self._size = self._rule_of(given, interval_ms)

    def _rule_of(self, given: Mapping[str, Any], interval_ms: Interval) -> tuple[str, Fraction]:
        if not given:
            length = length_of(interval_ms, "interval_ms", self._unit)
            self._phase = phase_of(length, self._unit)
            return "time", Fraction(length)
        name, value = next(iter(given.items()))
        if name == "ticks_per_bar":
            return "ticks", Fraction(check_count(value, name))
        tick, lot = self._units
        size = _exact(value, name)
        if lot is not None:
            size /= Fraction(lot.step)
        if name == "money_per_bar" and tick is not None:
            size /= Fraction(tick.step)
        if size > (MONEY_MAX if name == "money_per_bar" else SUM_END - 1):
            raise ConfigError(
                f"{name} {value} is more than a sum can reach",
                hint="choose smaller bars, or a coarser lot",
            )
        return name.removesuffix("_per_bar"), size

    def _new_state(self, is_float: bool) -> Any:
        by_amount = self._rule not in ("time", "ticks")
        # Whole sums reach a size when they reach the next whole number.
        size = float(self._size) if is_float and by_amount else math.ceil(self._size)
        return _kernel.CandleState(
            self._rule,
            size,
            fills_empty=self._fills_empty,
            wants_turnover=self._wants_turnover,
            is_float=is_float,
        )

    def _columns(self, columns: Sequence[Array]) -> Candles:
        candles = dict(zip(CANDLE_COLUMNS, columns, strict=False))
        for name in ("open", "high", "low", "close"):
            candles[name] = self._units.prices(candles[name])
        for name in AMOUNTS:
            candles[name] = self._units.amounts(candles[name])
        if self._rule != "time":
            candles["ts_close"] = columns[len(CANDLE_COLUMNS)]
        return candles


def ticks_to_candles(
    timestamps: Any,
    price_ticks: Any = None,
    qtys: Any = None,
    sides: Any = None,
    tick_size: Number | None = None,
    interval_ms: Interval = 60_000,
    *,
    ticks_per_bar: int | None = None,
    volume_per_bar: Number | None = None,
    money_per_bar: Number | None = None,
    imbalance_per_bar: Number | None = None,
    fill_empty: bool = False,
    time_unit: str = "ms",
) -> Candles:
    """Make candles of ticks: by time, or by ticks, volume, money or imbalance.

    A bucket of time begins at a multiple of the interval since 1970, the time rounded down, also
    before 1970. Other bars end with the tick that reaches their size; ticks are never split, and the
    next bar begins from nothing. The last candle may not have ended.

    Parameters
    ----------
    timestamps : array of int or datetime64, or Ticks
        Times of the trades in `time_unit`, ascending. A `Ticks` stands for all columns, its tick
        size and time unit.
    price_ticks : array of int
        Prices in ticks.
    qtys : array of int or float
        Quantities, 0 or more. Whole numbers are summed exactly, floats row by row.
    sides : array of int, bool or str
        Aggressor of each trade: 0 or "BUY", 1 or "SELL".
    tick_size : number, optional
        Size of a tick in money; None leaves prices in ticks.
    interval_ms : int or str
        Length of a bucket in milliseconds, or text such as "1m". Buckets begin at multiples of it
        from 1970 on, those of whole weeks on Mondays.
    ticks_per_bar : int, optional
        Instead of time: so many ticks.
    volume_per_bar : number, optional
        Instead of time: at least this quantity.
    money_per_bar : number, optional
        Instead of time: at least this much price × quantity.
    imbalance_per_bar : number, optional
        Instead of time: quantity bought and sold differ by at least this much. The size is fixed,
        not expected from the past as by López de Prado (2018), Advances in Financial Machine
        Learning, 2.3.2, to which these bars go back.
    fill_empty : bool
        Whether buckets without a tick become candles of volume 0 at the last price.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the timestamps.

    Returns
    -------
    dict of str to array
        ts_open (start of the bucket, or time of the first tick), open, high, low, close, volume,
        buy_volume, sell_volume, trade_count, each of one row for a candle; bars that are not of time
        also have ts_close, the time of their last tick.

    Raises
    ------
    DataError
        When a row breaks a rule or a sum does not fit; the message names the row.
    ConfigError
        When the size of a bar makes no sense.

    Examples
    --------
    >>> from tickstep.analytics import ticks_to_candles
    >>> candles = ticks_to_candles([-1, 5, 1200], [20, 22, 21], [1, 2, 4], [0, 1, 1], 0.5, 1000)
    >>> candles["ts_open"].tolist(), candles["close"].tolist(), candles["volume"].tolist()
    ([-1000, 0, 1000], [10.0, 11.0, 10.5], [1, 2, 4])
    >>> ticks_to_candles([1, 2, 3], [7, 7, 8], [1, 2, 4], [0, 0, 1], volume_per_bar=3)["volume"]
    array([3, 4])
    """
    lot = None
    if isinstance(timestamps, Ticks):
        not_given("a Ticks", tick_size=tick_size)
        tick_size, lot = timestamps.grids
        time_unit = timestamps.time_unit
    builder = CandleBuilder(
        interval_ms,
        ticks_per_bar=ticks_per_bar,
        volume_per_bar=volume_per_bar,
        money_per_bar=money_per_bar,
        imbalance_per_bar=imbalance_per_bar,
        tick_size=tick_size,
        lot=lot,
        fill_empty=fill_empty,
        time_unit=time_unit,
    )
    trades = trades_of(timestamps, price_ticks, qtys, sides, time_unit)
    return builder._columns(builder._batch(trades))


def ticks_to_bars(
    ticks: Ticks,
    interval: Interval | None = None,
    *,
    ticks_per_bar: int | None = None,
    volume_per_bar: Number | None = None,
    money_per_bar: Number | None = None,
    imbalance_per_bar: Number | None = None,
    fill_empty: bool = False,
) -> Bars:
    """Make `Bars` of `Ticks`: exact columns, with turnover; `Ticks.candles` calls this.

    Parameters
    ----------
    ticks : Ticks
        The trades.
    interval : str or int, optional
        Length of a bar as text ("1m", "1mo") or in the time unit of the ticks; or one of the others.
    ticks_per_bar, volume_per_bar, money_per_bar, imbalance_per_bar, fill_empty
        As for `ticks_to_candles`.

    Returns
    -------
    Bars
        On the grids of the ticks, with buy_lots, trade_count and turnover. Bars that are not of time
        have no interval; `ticks_to_candles` tells when they ended.

    Examples
    --------
    >>> import tickstep as ts
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 30_000, 60_000], [1.0, 2.0, 3.0], [1.0, 1.0, 2.0], [0, 1, 0], tick_size=1)
    >>> ts.analytics.ticks_to_bars(ticks, "1m").turnover.tolist()
    [3.0, 6.0]
    """
    amounts = (ticks_per_bar, volume_per_bar, money_per_bar, imbalance_per_bar)
    by_time = all(amount is None for amount in amounts)
    if by_time == (interval is None):
        raise ConfigError(
            "bars need either an interval or one of ticks_per_bar, volume_per_bar, money_per_bar and"
            f" imbalance_per_bar; {'none' if interval is None else 'both'} was given",
            hint='interval="1m" makes bars of a minute',
        )
    text = interval_text(interval, ticks.time_unit)
    if text == MONTH:
        return ticks_to_bars(ticks, "1d", fill_empty=fill_empty).resample(MONTH)
    tick, lot = ticks.grids
    builder = CandleBuilder(
        text or "1d",
        ticks_per_bar=ticks_per_bar,
        volume_per_bar=volume_per_bar,
        money_per_bar=money_per_bar,
        imbalance_per_bar=imbalance_per_bar,
        tick_size=tick,
        lot=lot,
        fill_empty=fill_empty,
        time_unit=ticks.time_unit,
    )
    builder._wants_turnover = True
    trades = trades_of(ticks, None, None, None, ticks.time_unit)
    columns = builder._batch(trades)
    time, opens, highs, lows, closes, volume, bought, _, trade_count, _, turnover = columns
    return Bars(
        time,
        opens,
        highs,
        lows,
        closes,
        volume,
        tick_size=tick,
        lot=lot,
        interval=interval,
        time_unit=ticks.time_unit,
        symbol=ticks.symbol,
        source=ticks.source,
        buy_lots=bought,
        trade_count=trade_count,
        turnover=turnover * float(Fraction(tick) * Fraction(lot)),
        allow_negative_prices=bool(len(ticks)) and int(lows.min()) < 1,
    )


def _exact(value: Number, name: str) -> Fraction:
    """A number above 0 as it was written."""
    try:
        exact = Fraction(str(value)) if isinstance(value, float) else Fraction(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} is {value!r}", hint=f"{name} is a number above 0") from error
    if exact <= 0:
        raise ConfigError(f"{name} is {value!r}", hint=f"{name} is a number above 0")
    return exact


def candles_to_dataframe(candles: Mapping[str, Any]) -> Any:
    """Turn candles into a polars frame of the same columns.

    Examples
    --------
    >>> from tickstep.analytics import candles_to_dataframe, ticks_to_candles
    >>> candles_to_dataframe(ticks_to_candles([1, 2], [7, 8], [1, 1], [0, 1])).shape
    (1, 9)
    """
    import polars

    return polars.DataFrame({name: np.asarray(column) for name, column in candles.items()})


def candles_to_pandas(candles: Mapping[str, Any]) -> Any:
    """Turn candles into a pandas frame of the same columns.

    Raises
    ------
    ImportError
        When pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "candles_to_pandas needs pandas, which is not installed: `pip install pandas`,"
            " or take candles_to_dataframe, which needs polars alone"
        ) from error
    return pandas.DataFrame({name: np.asarray(column) for name, column in candles.items()})
