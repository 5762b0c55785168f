"""Gap backfill: what the store lacks and the calendar expects is asked from providers, in order.

The store is looked at first, and only its gaps are asked for, so what is complete costs no request.
Each answer is saved whole in one transaction or not at all; a provider that fails is tried again, each
time after twice the wait, and then the next one is asked. What all have answered and none has is
noted, so that it is not asked for again. How it went is a `Backfill`, never an exception.
"""

import hashlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import numpy as np

from tickstep.bars import Bars, interval_text
from tickstep.data.bars import read_bars
from tickstep.data.calendar import Align, Calendar, calendar_for
from tickstep.data.china import read_akshare, read_tushare, read_xtdata
from tickstep.data.store import Gap, Store
from tickstep.data.symbols import CHINA_FUTURES, Symbol, symbol
from tickstep.errors import ConfigError, DataError, TickstepError
from tickstep.extras import require
from tickstep.intervals import interval_length
from tickstep.ticks import Time

__all__ = [
    "BINANCE_URL",
    "AkshareProvider",
    "Attempt",
    "Backfill",
    "BinanceArchive",
    "FetchError",
    "Provider",
    "TushareProvider",
    "XtDataProvider",
    "backfill",
]

_DAY_MS = 86_400_000
_CHINA = timedelta(hours=8)
# An archive of a day appears within days; what is younger may yet come.
_SETTLED_MS = 3 * _DAY_MS


class FetchError(TickstepError, RuntimeError):
    """A provider that did not answer; `is_final` tells that asking again is of no use."""

    def __init__(self, message: str, *, hint: str | None = None, is_final: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.is_final = is_final


class Provider(Protocol):
    """A source of bars.

    `name` is how reports call it; `days` how many days one request may span.
    """

    name: str

    def days(self, of: Symbol, interval: str) -> int:
        """Return the longest request in days."""

    def bars(self, of: Symbol, interval: str, start: int, stop: int) -> Bars | None:
        """Return all bars that begin in start <= time < stop (ms, UTC), None where there are none.

        Raises FetchError, or whatever its library raises; then nothing of the request is kept.
        """


class Attempt(NamedTuple):
    """One request of a provider: its range in ms, tries, bars that came and the last error."""

    provider: str
    start: int
    stop: int
    tries: int
    bars: int
    error: str | None


@dataclass(frozen=True)
class Backfill:
    """How a backfill went: what was asked, what was added, and the gaps that are left."""

    symbol: str
    interval: str
    attempts: tuple[Attempt, ...]
    added: int
    gaps: tuple[Gap, ...]

    @property
    def failures(self) -> tuple[Attempt, ...]:
        """Requests that brought an error."""
        return tuple(attempt for attempt in self.attempts if attempt.error is not None)

    def __str__(self) -> str:
        lines = [
            f"{self.symbol} {self.interval}: {self.added} bars added in {len(self.attempts)}"
            f" requests, {sum(gap.bars for gap in self.gaps)} missing"
        ]
        lines += [
            f"  {each.provider} {np.datetime64(each.start, 'ms')} to"
            f" {np.datetime64(each.stop, 'ms')}, {each.tries} tries: {each.error}"
            for each in self.failures
        ]
        return "\n".join(lines)


def backfill(
    store: Store,
    name: "str | Symbol",
    interval: str,
    start: Time,
    stop: Time,
    providers: Sequence[Provider],
    *,
    calendar: Calendar | None = None,
    align: Align = "session",
    tries: int = 3,
    backoff_s: float = 1.0,
    sleep: Callable[[float], object] = time.sleep,
    now_ms: int | None = None,
) -> Backfill:
    """Fill the gaps of a series from providers and write the bars to the store.

    Parameters
    ----------
    store : Store
        Looked at first, and written to.
    name : str or Symbol
        The instrument, in any spelling.
    interval : str
        As "1m" or "1d".
    start, stop : int, str, datetime or datetime64
        Bars that begin in start <= time < stop; integers are ms, text is UTC.
    providers : sequence of Provider
        Asked in this order; the next one only for what is still missing.
    calendar : Calendar, optional
        Which bars are expected, in ms; by default that of the symbol. Holidays are no gaps.
    align : {"session", "clock"}
        As for `Calendar.expected`.
    tries : int
        How often one request is made before it counts as failed.
    backoff_s : float
        Seconds before the second try; doubled for each one after it.
    sleep : callable
        Waits so many seconds.
    now_ms : int, optional
        The present, by default the clock: only what lies three days back can be noted as absent.

    Returns
    -------
    Backfill
        Also when providers failed; `failures` and `gaps` tell.

    Examples
    --------
    >>> import tempfile
    >>> import tickstep as ts
    >>> from tickstep.data.fetch import backfill
    >>> class Flat:
    ...     name = "flat"
    ...     def days(self, of, interval):
    ...         return 31
    ...     def bars(self, of, interval, start, stop):
    ...         one = [1] * ((stop - start) // 3_600_000)
    ...         times = range(start, stop, 3_600_000)
    ...         return ts.Bars.from_arrays(list(times), one, one, one, one, one, interval=interval)
    >>> store = ts.Store(tempfile.mkdtemp())
    >>> print(backfill(store, "BTCUSDT.BINANCE", "1h", "2024-01-01", "2024-01-02", [Flat()]))
    BTCUSDT.BINANCE 1h: 24 bars added in 1 requests, 0 missing
    >>> len(backfill(store, "BTCUSDT.BINANCE", "1h", "2024-01-01", "2024-01-02", [Flat()]).attempts)
    0
    """
    if tries < 1:
        raise ConfigError(f"tries must be 1 or more, was {tries}", hint="tries=3")
    of = symbol(name)
    days = calendar_for(of) if calendar is None else calendar
    if days.time_unit != "ms":
        raise ConfigError(
            f"the calendar counts in {days.time_unit}", hint="make it with time_unit='ms'"
        )
    plan = _Plan(store, of, str(interval_text(interval, "ms")), start, stop, days, align)
    attempts: list[Attempt] = []
    added = 0
    answers: list[tuple[int, int, bool]] = []
    for provider in providers:
        for first, last in plan.requests(provider):
            attempt, bars = _asked(provider, plan, first, last, tries, backoff_s, sleep)
            attempts.append(attempt)
            answers.append((first, last, attempt.error is None))
            if bars is not None:
                added += store.save(bars, symbol=of, existing="keep").added
    now = int(time.time() * 1000) if now_ms is None else now_ms
    plan.note_absent(answers, now - _SETTLED_MS)
    return Backfill(str(of), plan.interval, tuple(attempts), added, tuple(plan.gaps()))


class _Plan:
    """What is wanted of one series."""

    def __init__(
        self,
        store: Store,
        of: Symbol,
        interval: str,
        start: Time,
        stop: Time,
        calendar: Calendar,
        align: Align,
    ) -> None:
        self.store, self.of, self.interval = store, of, interval
        self._span = (start, stop)
        self._calendar, self._align = calendar, align

    def gaps(self) -> list[Gap]:
        return self.store.gaps(
            self.of, self.interval, *self._span, self._calendar, align=self._align
        )

    def requests(self, provider: Provider) -> Iterator[tuple[int, int]]:
        """Yield the ranges to ask a provider for: the gaps, cut by its limit.

        Requests of a month or less do not pass the end of a month, as archives are cut.
        """
        days = provider.days(self.of, self.interval)
        limit = days * _DAY_MS
        for gap in self.gaps():
            if gap.is_absent:
                continue
            first = gap.start
            while first < gap.stop:
                last = min(gap.stop, first // _DAY_MS * _DAY_MS + limit)
                last = min(last, _next_month(first)) if days <= 31 else last
                yield first, last
                first = last

    def note_absent(self, answers: Sequence[tuple[int, int, bool]], before: int) -> None:
        """Note gaps of which every request was answered, and that lie far enough back."""
        absent = []
        for gap in self.gaps():
            asked = [
                answered
                for first, last, answered in answers
                if first < gap.stop and last > gap.start
            ]
            if asked and all(asked) and gap.stop <= before and not gap.is_absent:
                absent.append(gap)
        if absent:
            self.store.note_absent(self.of, self.interval, absent)


def _asked(
    provider: Provider,
    plan: _Plan,
    first: int,
    last: int,
    tries: int,
    backoff_s: float,
    sleep: Callable[[float], object],
) -> tuple[Attempt, Bars | None]:
    error = ""
    for number in range(1, tries + 1):
        try:
            bars = _whole(provider.bars(plan.of, plan.interval, first, last), plan, first, last)
        except Exception as fault:  # libraries of providers raise what they like
            error = f"{type(fault).__name__}: {fault}".splitlines()[0]
            if getattr(fault, "is_final", isinstance(fault, (ImportError, ConfigError))):
                return Attempt(provider.name, first, last, number, 0, error), None
            if number < tries:
                sleep(backoff_s * 2 ** (number - 1))
        else:
            count = 0 if bars is None else len(bars)
            return Attempt(provider.name, first, last, number, count, None), bars
    return Attempt(provider.name, first, last, tries, 0, error), None


def _whole(bars: Bars | None, plan: _Plan, first: int, last: int) -> Bars | None:
    if bars is None:
        return None
    if bars.interval != plan.interval:
        raise FetchError(f"asked for bars of {plan.interval}, got {bars.interval}", is_final=True)
    inside = bars.between(np.datetime64(first, "ms"), np.datetime64(last, "ms"))
    return inside if len(inside) else None


def _next_month(moment: int) -> int:
    month = np.datetime64(moment, "ms").astype("datetime64[M]") + 1
    return int(month.astype("datetime64[ms]").astype(np.int64))


# Binance.

BINANCE_URL = "https://data.binance.vision/data"
_BINANCE_INTERVALS = "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1mo"
_BINANCE_MARKETS = {
    "BINANCE": "spot",
    "BINANCE_USDM": "futures/um",
    "BINANCE_COINM": "futures/cm",
}
_FILE_BYTES_MAX = 2**31


class BinanceArchive:
    """Daily and monthly kline files of Binance's public archive, or of a mirror on the disk.

    Every file is compared with its `.CHECKSUM` before it is read.

    Parameters
    ----------
    base : str or path-like
        Where `spot/` and `futures/` lie: a URL, or a folder.
    timeout_s : float
        Seconds to wait for an answer.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.data.fetch import BinanceArchive
    >>> archive = BinanceArchive("/mirror")
    >>> archive.path(ts.symbol("BINANCE:BTCUSDT"), "1m", "2024-01-02")
    'spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01-02.zip'
    """

    name = "binance"

    def __init__(
        self,
        base: str | Path = BINANCE_URL,
        *,
        timeout_s: float = 30.0,
    ) -> None:
        self._base = str(base).rstrip("/")
        self._is_remote = self._base.startswith(("http://", "https://"))
        self._timeout_s = timeout_s

    def days(self, of: Symbol, interval: str) -> int:
        """Return the longest request in days: requests never pass the end of a month anyway."""
        return 31

    def path(self, of: Symbol, interval: str, when: str) -> str:
        """Return the place of a file of a day ("2024-01-02") or a month ("2024-01")."""
        market = _BINANCE_MARKETS.get(of.exchange)
        if market is None or interval not in _BINANCE_INTERVALS.split():
            raise FetchError(
                f"the archive of Binance has no bars of {interval} of {of}",
                hint=f"markets: {' '.join(_BINANCE_MARKETS)}; intervals: {_BINANCE_INTERVALS}",
                is_final=True,
            )
        name = of.to("binance")
        span = "daily" if len(when) == 10 else "monthly"
        return f"{market}/{span}/klines/{name}/{interval}/{name}-{interval}-{when}.zip"

    def bars(self, of: Symbol, interval: str, start: int, stop: int) -> Bars | None:
        """Return bars from the files of the days, or of the month when all of it is asked for."""
        days = [str(day) for day in _utc_days(start, stop)]
        with tempfile.TemporaryDirectory() as folder:
            month = self.path(of, interval, days[0][:7]) if _is_whole_month(start, stop) else None
            files = [] if month is None else self._verified([month], folder)
            if not files:
                files = self._verified([self.path(of, interval, day) for day in days], folder)
            return _in_ms(read_bars(files, interval=interval)) if files else None

    def _verified(self, paths: Sequence[str], folder: str) -> list[Path]:
        """Fetch the files that there are, each compared with its checksum."""
        files = []
        for path in paths:
            target = Path(folder, Path(path).name)
            with target.open("w+b") as file:
                if not self._fetch(path, file):
                    continue
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            told = self._text(f"{path}.CHECKSUM")
            if told is None:
                raise FetchError(f"{path} has no checksum", hint="mirror the .CHECKSUM files too")
            if told.split()[:1] != [digest]:
                raise FetchError(
                    f"{path} does not match its checksum", hint="the file is damaged or cut off"
                )
            files.append(target)
        return files

    def _text(self, path: str) -> str | None:
        with io.BytesIO() as file:
            if not self._fetch(path, file):
                return None
            return file.getvalue().decode("ascii", "replace")

    def _fetch(self, path: str, file: IO[bytes]) -> bool:
        """Write a file's bytes; False when there is no such file."""
        if self._is_remote:
            return self._download(f"{self._base}/{path}", file)
        source = Path(self._base, path)
        if not source.exists():
            return False
        with source.open("rb") as opened:
            while piece := opened.read(1 << 20):
                file.write(piece)
        return True

    def _download(self, url: str, file: IO[bytes]) -> bool:
        httpx = require("httpx", extra="data")
        try:
            with httpx.stream("GET", url, timeout=self._timeout_s, follow_redirects=True) as answer:
                if answer.status_code == 404:
                    return False
                if answer.status_code >= 400:
                    raise FetchError(f"{url} answered {answer.status_code}")
                size = 0
                for piece in answer.iter_bytes():
                    size += len(piece)
                    if size > _FILE_BYTES_MAX:
                        raise FetchError(f"{url} is longer than 2 GB", is_final=True)
                    file.write(piece)
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            raise FetchError(f"{url}: {type(fault).__name__} {fault}") from fault
        return True


def _utc_days(start: int, stop: int) -> list[Any]:
    first, last = np.datetime64(start, "ms"), np.datetime64(stop - 1, "ms")
    days: list[Any] = np.arange(
        first.astype("datetime64[D]"), last.astype("datetime64[D]") + 1
    ).tolist()
    return days


def _is_whole_month(start: int, stop: int) -> bool:
    month = np.datetime64(start, "ms").astype("datetime64[M]")
    begin = int(month.astype("datetime64[ms]").astype(np.int64))
    return start == begin and stop == _next_month(start)


def _in_ms(bars: Bars) -> Bars:
    """Put times in ms, as all klines were before those of the spot market came in us in 2025."""
    if bars.time_unit == "ms":
        return bars
    columns: dict[str, Any] = dict(bars.columns)
    columns["time"] = bars.datetimes.astype("datetime64[ms]").view(np.int64)
    return Bars(**columns, **bars._labels() | {"time_unit": "ms"})


# China.


class TushareProvider:
    """Daily and minute bars of Tushare; needs its package and a token.

    Parameters
    ----------
    token : str, optional
        By default the one that Tushare has saved.
    tick_size : float, int, str or Decimal, optional
        Size of one tick in yuan, when the prices of an answer may use a part of the grid only.
    """

    name = "tushare"
    ROWS_MAX = 6000  # of daily; 8000 of minutes, 2000 of fut_daily

    def __init__(self, token: str | None = None, *, tick_size: Any = None) -> None:
        self._token = token
        self._tick_size = tick_size

    def days(self, of: Symbol, interval: str) -> int:
        """Return the longest request in days, by the rows that one answer may have."""
        return 1900 if interval == "1d" else 7

    def bars(self, of: Symbol, interval: str, start: int, stop: int) -> Bars | None:
        """Return bars of `daily`, `index_daily`, `fund_daily`, `fut_daily`, `stk_mins`, `ft_mins`."""
        api, rows_max = self._api(of, interval)
        tushare = require("tushare", extra="china")
        pro = tushare.pro_api() if self._token is None else tushare.pro_api(self._token)
        code = of.to("tushare")
        if interval == "1d":
            frame = getattr(pro, api)(
                ts_code=code, start_date=_date(start), end_date=_date(stop - 1)
            )
        else:
            first, last = _local_minutes(start, stop, interval)
            frame = getattr(pro, api)(
                ts_code=code, freq=_minutes(interval, "min"), start_date=first, end_date=last
            )
        if frame is None or len(frame) == 0:
            return None
        if len(frame) >= rows_max:
            raise FetchError(
                f"tushare {api} cut the answer off at {len(frame)} rows", is_final=True
            )
        return read_tushare(frame, api, interval=interval, tick_size=self._tick_size)

    def _api(self, of: Symbol, interval: str) -> tuple[str, int]:
        is_day = interval == "1d"
        if not is_day and interval not in ("1m", "5m", "15m", "30m", "1h"):
            raise _not_covered(self.name, of, interval)
        if of.exchange in CHINA_FUTURES:
            return ("fut_daily", 2000) if is_day else ("ft_mins", 8000)
        if of.exchange not in ("SSE", "SZSE", "BSE"):
            raise _not_covered(self.name, of, interval)
        if not is_day:
            return "stk_mins", 8000
        daily = {"index": "index_daily", "fund": "fund_daily", "stock": "daily"}
        return daily[_china_kind(of)], self.ROWS_MAX


class AkshareProvider:
    """Daily and minute bars of AKShare; needs its package."""

    name = "akshare"

    def __init__(self, *, tick_size: Any = None) -> None:
        self._tick_size = tick_size

    def days(self, of: Symbol, interval: str) -> int:
        """Return the longest request in days."""
        return 3650 if interval == "1d" else 7

    def bars(self, of: Symbol, interval: str, start: int, stop: int) -> Bars | None:
        """Return bars of the `stock_zh_a`, `index_zh_a`, `fund_etf`, `stock_hk` or futures calls."""
        api, arguments = self._call(of, interval, start, stop)
        akshare = require("akshare", extra="china")
        frame = getattr(akshare, api)(**arguments)
        if frame is None or len(frame) == 0:
            return None
        return read_akshare(frame, api, symbol=None, interval=interval, tick_size=self._tick_size)

    def _call(self, of: Symbol, interval: str, start: int, stop: int) -> tuple[str, dict[str, Any]]:
        if interval != "1d" and interval not in ("1m", "5m", "15m", "30m", "1h"):
            raise _not_covered(self.name, of, interval)
        if of.exchange in CHINA_FUTURES:
            # Both give all they have; what was not asked for is cut off.
            if interval == "1d":
                return "futures_zh_daily_sina", {"symbol": of.to("akshare")}
            period = _minutes(interval, "")
            return "futures_zh_minute_sina", {"symbol": of.to("akshare"), "period": period}
        if of.exchange not in ("SSE", "SZSE", "BSE") and (of.exchange, interval) != ("SEHK", "1d"):
            raise _not_covered(self.name, of, interval)
        kind = "hk" if of.exchange == "SEHK" else _china_kind(of)
        if interval == "1d":
            daily = {
                "stock": "stock_zh_a_hist",
                "index": "index_zh_a_hist",
                "fund": "fund_etf_hist_em",
                "hk": "stock_hk_hist",
            }
            span = {"start_date": _date(start), "end_date": _date(stop - 1)}
            unadjusted = {} if kind == "index" else {"adjust": ""}
            return daily[kind], {"symbol": of.code, "period": "daily"} | span | unadjusted
        if kind == "index":
            raise _not_covered(self.name, of, interval)
        first, last = _local_minutes(start, stop, interval)
        minute = "fund_etf_hist_min_em" if kind == "fund" else "stock_zh_a_hist_min_em"
        return minute, {
            "symbol": of.code,
            "period": _minutes(interval, ""),
            "start_date": first,
            "end_date": last,
            "adjust": "",
        }


class XtDataProvider:
    """Daily and minute bars of xtdata (QMT); needs its `xtquant` package and a running client."""

    name = "xtdata"

    def __init__(self, *, tick_size: Any = None) -> None:
        self._tick_size = tick_size

    def days(self, of: Symbol, interval: str) -> int:
        """Return the longest request in days."""
        return 31

    def bars(self, of: Symbol, interval: str, start: int, stop: int) -> Bars | None:
        """Download history to the client and return it."""
        if interval not in ("1m", "5m", "1d"):
            raise _not_covered(self.name, of, interval)
        try:
            code = of.to("xtdata")
        except DataError:
            raise _not_covered(self.name, of, interval) from None
        xtdata = require("xtquant.xtdata", extra="xtdata")
        if interval == "1d":
            first, last = _date(start), _date(stop - 1)
        else:
            first, last = (
                text.translate(_DIGITS_ONLY) for text in _local_minutes(start, stop, interval)
            )
        xtdata.download_history_data(code, period=interval, start_time=first, end_time=last)
        found = xtdata.get_market_data_ex(
            [],
            [code],
            period=interval,
            start_time=first,
            end_time=last,
            dividend_type="none",
            fill_data=False,
        )
        if not len(found.get(code, ())):
            return None
        return read_xtdata(found, code, interval=interval, tick_size=self._tick_size)


_DIGITS_ONLY = str.maketrans("", "", "-: ")


def _china_kind(of: Symbol) -> str:
    if of.exchange == "SSE":
        return {"0": "index", "5": "fund"}.get(of.code[0], "stock")
    if of.exchange == "SZSE":
        return {"39": "index", "15": "fund", "16": "fund", "18": "fund"}.get(of.code[:2], "stock")
    return "stock"


def _date(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, tz=UTC):%Y%m%d}"


def _minutes(interval: str, ending: str) -> str:
    return f"{interval_length(interval, 's') // 60}{ending}"


def _local_minutes(start: int, stop: int, interval: str) -> tuple[str, str]:
    """Return the labels, in China's time, of the first and last bar: bars are labelled by their end."""
    length = interval_length(interval, "ms")
    first, last = (
        datetime.fromtimestamp(moment / 1000, tz=UTC) + _CHINA for moment in (start + length, stop)
    )
    return f"{first:%Y-%m-%d %H:%M:%S}", f"{last:%Y-%m-%d %H:%M:%S}"


def _not_covered(provider: str, of: Symbol, interval: str) -> FetchError:
    return FetchError(
        f"{provider} has no bars of {interval} of {of}",
        hint="ask another provider",
        is_final=True,
    )
