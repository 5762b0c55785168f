"""Trading calendars: when a market is open, and to which trading day a moment belongs.

Days off and hours are small tables in this folder (`calendars.csv`, `hours.csv`); whoever asks past
their ends is told so instead of given a guess. Local time and its zones live here alone: what goes in
and comes out is int64 UTC in a time unit. A calendar is made once into two sorted columns, the opens
and closes of all its sessions, and every question is a search in them.

A trading day of Chinese futures begins with the night session of the evening before: that of Friday
belongs to Monday. There is no night session before a holiday, that is, when more than a weekend lies
between two trading days.
"""

import csv
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from tickstep.data.symbols import CHINA_FUTURES, CRYPTO_VENUES, PRODUCTS_OF, Symbol, symbol
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length
from tickstep.ticks import NS_PER_UNIT, Int64Array, Time, check_time_unit, to_time

__all__ = ["Align", "Calendar", "Session", "calendar", "calendar_for", "from_utc", "to_utc"]

Align = Literal["session", "clock"]
Day = date | str
ByDay = Mapping[date, str] | Mapping[str, str]
DayArray = npt.NDArray[np.datetime64]

_FOLDER = Path(__file__).parent
_ZONES = {"SEHK": "Asia/Hong_Kong", "US": "America/New_York"}
_CHINA = "Asia/Shanghai"
_ALIKE = dict.fromkeys(("SZSE", "BSE", *CHINA_FUTURES), "SSE")  # the same days off
_ALWAYS = "24/7"
# Markets as a caller may name them.
_MARKETS = {name: name for name in ("SSE", "SZSE", "BSE", "SEHK", "US", _ALWAYS)} | {"HK": "SEHK"}
_DAY_SECONDS = 86_400
_DAY_MINUTES = 1_440
_NIGHT_FROM = 18 * 60  # hours that begin later belong to the next trading day
# What is sent shortly after the close still belongs to the day that closed.
_AFTER_CLOSE_SECONDS = 1_800
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MONDAY = np.datetime64("1970-01-05", "D")


class Session(NamedTuple):
    """One trading day: its date and the stretches in which the market is open, in time units."""

    day: date
    parts: tuple[tuple[int, int], ...]

    @property
    def open(self) -> int:
        """Begin of the first stretch; at night exchanges that is the evening before."""
        return self.parts[0][0]

    @property
    def close(self) -> int:
        """End of the last stretch."""
        return self.parts[-1][1]


class Calendar:
    """Sessions of one market, from a first to a last day.

    `calendar("SSE")` and its like give the calendars of known markets; make one from hours of your
    own for others.

    Parameters
    ----------
    name : str
        Name of the market.
    zone : str
        Time zone of the hours, such as "Asia/Shanghai".
    hours : mapping of date to str
        From which trading day on which hours hold, as "09:30-11:30 13:00-15:00". A stretch that
        begins at 18:00 or later is a night session: it belongs to the next trading day, and is left
        out before a holiday. "00:00-24:00" is a whole day.
    begin, end : date or str
        First and last day that the calendar knows.
    closed : iterable of date or str
        Days without a session, besides weekends.
    opened : iterable of date or str
        Days with a session although they are closed or at a weekend.
    early : mapping of date to str
        Days of an early close and its local time, as "13:00".
    is_open_at_weekends : bool
        Whether Saturdays and Sundays are trading days.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of all times, counted from 1970-01-01 UTC.

    Examples
    --------
    >>> from tickstep.data.calendar import Calendar
    >>> moon = Calendar("MOON", zone="UTC", hours={"2024-01-01": "10:00-12:00"},
    ...                 begin="2024-01-01", end="2024-12-31", closed=["2024-01-02"])
    >>> [str(session.day) for session in moon.sessions("2024-01-01", "2024-01-05")]
    ['2024-01-01', '2024-01-03', '2024-01-04']
    """

    def __init__(
        self,
        name: str,
        *,
        zone: str,
        hours: ByDay,
        begin: Day,
        end: Day,
        closed: Iterable[Day] = (),
        opened: Iterable[Day] = (),
        early: ByDay | None = None,
        is_open_at_weekends: bool = False,
        time_unit: str = "ms",
    ) -> None:
        self.name = name
        self.zone = zone
        self.time_unit = check_time_unit(time_unit)
        self.begin, self.end = _day(begin), _day(end)
        self._hours = {_day(since): text for since, text in hours.items()}
        self._closed = frozenset(map(_day, closed))
        self._opened = frozenset(map(_day, opened))
        self._early = {_day(day): _minutes(text) for day, text in (early or {}).items()}
        self._is_open_at_weekends = is_open_at_weekends
        self._per_second = 10**9 // NS_PER_UNIT[time_unit]
        self._build()

    # Questions.

    def is_open(self, time: Time) -> bool:
        """Tell whether the market is open; it is at an open and no longer at a close.

        Parameters
        ----------
        time : int, str, datetime or datetime64
            A moment; integers are in `time_unit`, text is UTC.

        Examples
        --------
        >>> from tickstep.data.calendar import calendar
        >>> calendar("SSE").is_open("2024-01-02T03:30")  # 11:30 in Shanghai: the lunch break
        False
        """
        moment = self._checked(time)
        return bool(
            np.searchsorted(self._closes, moment, side="right") < self._opened_until(moment)
        )

    def sessions(self, start: Time, stop: Time) -> list[Session]:
        """List the trading days that have an open stretch in start <= time < stop.

        Examples
        --------
        >>> from tickstep.data.calendar import calendar
        >>> night, = calendar("SHFE.rb").sessions("2024-01-05T13:00", "2024-01-05T14:00")
        >>> str(night.day), len(night.parts)  # the night of Friday belongs to Monday
        ('2024-01-08', 4)
        """
        first, last = self._rows(*self._span(start, stop))
        if first == last:
            return []
        days = range(int(self._row_day[first]), int(self._row_day[last - 1]) + 1)
        return [self._session(day) for day in days]

    def trading_day(self, time: Time) -> date:
        """Return the trading day that a moment belongs to.

        That of its session or the break in it; after the close, up to half an hour, still that
        which closed, and from then on the next.

        Examples
        --------
        >>> from tickstep.data.calendar import calendar
        >>> str(calendar("SHFE.rb").trading_day("2024-01-05T13:30"))  # Friday 21:30 in Shanghai
        '2024-01-08'
        """
        found: date = self.trading_days(np.array([self._checked(time)]))[0].item()
        return found

    def trading_days(self, times: Int64Array) -> DayArray:
        """Return the trading day of each of many times, as dates; see `trading_day`."""
        if len(times):
            self._checked(int(times.min()))
            self._checked(int(times.max()))
        rows = np.searchsorted(self._day_ends, times, side="right")
        if len(rows) and rows.max() == len(self._days):
            raise self._past_the_end()
        return self._days[rows]

    def expected(
        self, interval: str, start: Time, stop: Time, *, align: Align = "session"
    ) -> Int64Array:
        """List the bars of an interval that begin in start <= time < stop.

        Parameters
        ----------
        interval : str
            As "1m", "1h", "1d", "1w" or "1mo". Bars of a day and longer are named by the trading
            day at midnight UTC, weeks by their Monday, months by their first day.
        start, stop : int, str, datetime or datetime64
            Integers are in `time_unit`, text is UTC.
        align : {"session", "clock"}
            Whether shorter bars are counted from the open of each stretch, so that the last one may
            be short; or lie on multiples of the interval since 1970-01-01 UTC.

        Returns
        -------
        array of int64
            Starts of the bars in `time_unit`, ascending.

        Raises
        ------
        DataError
            When the calendar does not reach that far.
        ConfigError
            When a bar of several days is asked for in a market that is not always open: there is no
            rule where such bars begin.

        Examples
        --------
        >>> from tickstep.data.calendar import calendar
        >>> bars = calendar("SSE").expected("1h", "2024-01-02", "2024-01-03")
        >>> bars.astype("datetime64[ms]").astype("datetime64[m]").tolist()[1].isoformat()
        '2024-01-02T02:30:00'
        """
        first, stop_at = self._span(start, stop)
        if interval in ("1d", "1w", "1mo", "1M"):
            labels = self._labels(interval)
        else:
            length = interval_length(interval, self.time_unit)
            if length > _DAY_SECONDS * self._per_second and not self._is_open_at_weekends:
                raise ConfigError(
                    f"there is no rule where bars of {interval} begin at {self.name}",
                    hint="ask for 1d and resample, or for 1w or 1mo",
                )
            labels = self._short_bars(length, first, stop_at, align)
        return labels[np.searchsorted(labels, first) : np.searchsorted(labels, stop_at)]

    def next_open(self, time: Time) -> int:
        """Return the first moment at or after a time at which the market is open.

        Examples
        --------
        >>> from tickstep.data.calendar import calendar
        >>> us = calendar("US", time_unit="s")
        >>> us.next_open("2024-03-09") - us.next_open("2024-03-08")  # summer time began between
        255600
        """
        moment = self._checked(time)
        row = int(np.searchsorted(self._closes, moment, side="right"))
        if row == len(self._opens):
            raise self._past_the_end()
        return max(moment, int(self._opens[row]))

    def previous_close(self, time: Time) -> int:
        """Return the last moment at or before a time at which a session ended.

        Breaks within a trading day are no closes; a market that is always open closes its day at
        midnight UTC.

        Examples
        --------
        >>> from tickstep.data.calendar import calendar
        >>> sse = calendar("SSE", time_unit="s")
        >>> sse.previous_close("2024-01-02T12:00") == sse.sessions("2024-01-02", "2024-01-03")[0].close
        True
        """
        moment = self._checked(time)
        row = int(np.searchsorted(self._day_closes, moment, side="right"))
        if row == 0:
            raise self._before_the_begin()
        return int(self._day_closes[row - 1])

    def day_of_bars(self, times: Int64Array) -> DayArray:
        """Return the trading day that each bar of a day's length is named by.

        Sources name a daily bar by its date at midnight UTC, its date at local midnight, or its
        first moment; all three are understood.
        """
        unit = self._per_second * _DAY_SECONDS
        by_date = (times // unit).astype("datetime64[D]")
        is_date = times % unit == 0
        found = by_date.copy()
        for row in np.flatnonzero(~is_date):
            moment = int(times[row])
            local = self._local(moment)
            is_midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
            found[row] = np.datetime64(
                local.date() if is_midnight else self.trading_day(moment), "D"
            )
        return found

    def changed(
        self,
        *,
        closed: Iterable[Day] = (),
        opened: Iterable[Day] = (),
        early: ByDay | None = None,
        end: Day | None = None,
    ) -> "Calendar":
        """Return the calendar with days of your own: a typhoon, or a year published since.

        Parameters
        ----------
        closed, opened : iterable of date or str
            Days without and with a session.
        early : mapping of date to str
            Days of an early close and its local time.
        end : date or str, optional
            New last day that the calendar knows.

        Examples
        --------
        >>> from tickstep.data.calendar import calendar
        >>> calendar("SSE").changed(closed=["2027-01-01"], end="2027-01-31").end
        datetime.date(2027, 1, 31)
        """
        shut, open_again = set(map(_day, closed)), set(map(_day, opened))
        return Calendar(
            self.name,
            zone=self.zone,
            hours=self._hours,
            begin=self.begin,
            end=self.end if end is None else end,
            closed=(self._closed | shut) - open_again,
            opened=(self._opened | open_again) - shut,
            early={day: _clock(minutes) for day, minutes in self._early.items()}
            | {_day(day): text for day, text in (early or {}).items()},
            is_open_at_weekends=self._is_open_at_weekends,
            time_unit=self.time_unit,
        )

    def __repr__(self) -> str:
        return f"Calendar({self.name}, {self.begin} to {self.end}, {self.time_unit})"

    # The columns.

    def _build(self) -> None:
        days = self._list_days()
        rows = np.array(list(self._stretches(days)), dtype=np.int64).reshape(-1, 3)
        self._opens, self._closes = (rows[:, side] * self._per_second for side in (0, 1))
        overlap = np.flatnonzero(self._opens[1:] < self._closes[:-1])
        if overlap.size:
            raise ConfigError(
                f"the hours of {self.name} overlap on {days[rows[overlap[0], 2]]}",
                hint="write stretches in order, the night first: '21:00-23:00 09:00-15:00'",
            )
        # A day closed so early that nothing is left of it is none.
        kept, first_rows, self._row_day = np.unique(
            rows[:, 2], return_index=True, return_inverse=True
        )
        self._days = days[kept]
        last_rows = np.append(first_rows[1:], len(rows)) - 1
        self._day_rows = np.stack([first_rows, last_rows + 1], axis=1)
        self._day_closes = self._closes[last_rows]
        # A day that the next one follows at once ends with its close.
        next_open = np.append(self._opens[first_rows[1:]], np.iinfo(np.int64).max)
        grace = self._day_closes + _AFTER_CLOSE_SECONDS * self._per_second
        self._day_ends = np.minimum(grace, next_open)
        self._first, self._last = self._bounds()

    def _list_days(self) -> DayArray:
        every = np.arange(
            np.datetime64(self.begin, "D"), np.datetime64(self.end + timedelta(days=1), "D")
        )
        is_day = (
            np.ones(len(every), dtype=bool) if self._is_open_at_weekends else np.is_busday(every)
        )
        closed = np.array(sorted(self._closed), dtype="datetime64[D]")
        opened = np.array(sorted(self._opened), dtype="datetime64[D]")
        days: DayArray = every[(is_day & ~np.isin(every, closed)) | np.isin(every, opened)]
        if not len(days):
            raise ConfigError(
                f"the calendar {self.name} has no trading day", hint="give a later end"
            )
        return days

    def _stretches(self, days: DayArray) -> Iterator[tuple[int, int, int]]:
        zone = ZoneInfo(self.zone)
        since = sorted(self._hours)
        plans = [_parsed(self._hours[day]) for day in since]
        before: date | None = None
        for row, day in enumerate(days.tolist()):
            plan = bisect_right(since, day) - 1
            if plan < 0:
                raise ConfigError(
                    f"the calendar {self.name} begins on {self.begin}, its hours on {since[0]}",
                    hint="begin the calendar where its hours begin",
                )
            for opening, closing in plans[plan]:
                evening = before if opening >= _NIGHT_FROM else day
                if evening is None or (evening != day and not _follows(evening, day)):
                    continue
                last = min(closing, self._early.get(day, closing)) if evening == day else closing
                if last > opening:
                    yield _utc(evening, opening, zone), _utc(evening, last, zone), row
            before = day

    def _bounds(self) -> tuple[int, int]:
        zone = ZoneInfo(self.zone)
        has_nights = any(
            opening >= _NIGHT_FROM for text in self._hours.values() for opening, _ in _parsed(text)
        )
        last_minute = _NIGHT_FROM if has_nights else _DAY_MINUTES
        scale = self._per_second
        return _utc(self.begin, 0, zone) * scale, _utc(self.end, last_minute, zone) * scale

    # Searches.

    def _checked(self, time: Time) -> int:
        moment = to_time(time, self.time_unit)
        if moment < self._first:
            raise self._before_the_begin()
        if moment >= self._last:
            raise self._past_the_end()
        return moment

    def _span(self, start: Time, stop: Time) -> tuple[int, int]:
        first, last = to_time(start, self.time_unit), to_time(stop, self.time_unit)
        if last > first:
            self._checked(first)
            self._checked(last - 1)
        return first, max(first, last)

    def _rows(self, start: int, stop: int) -> tuple[int, int]:
        first = int(np.searchsorted(self._closes, start, side="right"))
        return first, max(first, int(np.searchsorted(self._opens, stop)))

    def _opened_until(self, moment: int) -> int:
        return int(np.searchsorted(self._opens, moment, side="right"))

    def _session(self, day: int) -> Session:
        first, last = self._day_rows[day]
        opens, closes = self._opens[first:last].tolist(), self._closes[first:last].tolist()
        return Session(self._days[day].item(), tuple(zip(opens, closes, strict=True)))

    def _labels(self, interval: str) -> Int64Array:
        days = self._days
        if interval == "1w":
            days = np.unique(days - (days - _MONDAY) % np.timedelta64(7, "D"))
        elif interval != "1d":
            days = np.unique(days.astype("datetime64[M]")).astype("datetime64[D]")
        return days.astype(np.int64) * (_DAY_SECONDS * self._per_second)

    def _short_bars(self, length: int, start: int, stop: int, align: Align) -> Int64Array:
        if align not in ("session", "clock"):
            raise ConfigError(
                f"align {align!r} is neither 'session' nor 'clock'",
                hint="align='clock' puts bars on multiples of their length",
            )
        # A bar on the clock may begin before the stretch that it belongs to opens.
        first, last = self._rows(start, stop + length)
        # Days that follow at once, as in a market always open, are one stretch.
        opens, closes = _merged(self._opens[first:last], self._closes[first:last])
        if not len(opens):
            return np.zeros(0, dtype=np.int64)
        begins = opens // length * length if align == "clock" else opens
        skipped = np.maximum(0, (start - begins) // length)
        begins = begins + skipped * length
        ends = np.minimum(closes, stop)
        counts = np.maximum(0, -((begins - ends) // length))
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.unique(np.repeat(begins, counts) + within * length)

    def _local(self, moment: int) -> datetime:
        return datetime.fromtimestamp(moment // self._per_second, tz=ZoneInfo(self.zone))

    def _past_the_end(self) -> DataError:
        return DataError(
            f"the calendar {self.name} ends on {self.end}; what comes after is not known",
            hint="add the days: calendar.changed(closed=[...], end='2027-12-31')",
        )

    def _before_the_begin(self) -> DataError:
        return DataError(
            f"the calendar {self.name} begins on {self.begin}; what was before is not known",
            hint="make a Calendar with hours of your own for earlier years",
        )


def calendar(name: "str | Symbol", *, time_unit: str = "ms") -> Calendar:
    """Return the calendar of a market or a symbol.

    Parameters
    ----------
    name : str or Symbol
        "SSE", "SZSE", "BSE", "SEHK" (or "HK"), "US", "24/7"; a symbol of any of them or of a pair
        of currencies; of Chinese futures a symbol or "SHFE.rb", for hours differ from product to
        product.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the times it takes and gives.

    Returns
    -------
    Calendar
        Made once and kept.

    Raises
    ------
    ConfigError
        When no calendar has this name, or the hours of the product are not known.

    Examples
    --------
    >>> from tickstep.data.calendar import calendar
    >>> calendar("SSE")
    Calendar(SSE, 2005-01-01 to 2026-12-31, ms)
    >>> calendar("600000.SH").is_open("2024-01-02T02:00")
    True
    """
    check_time_unit(time_unit)
    if isinstance(name, str) and name in _MARKETS:
        return _known(_MARKETS[name], None, time_unit)
    if isinstance(name, str) and name in CRYPTO_VENUES:
        return _known(_ALWAYS, None, time_unit)
    if isinstance(name, str) and name in CHINA_FUTURES:
        product = PRODUCTS_OF[name].split()[0]
        raise ConfigError(
            f"hours at {name} differ from product to product",
            hint=f"ask for calendar('{name}.{product}') or for a symbol",
        )
    of = symbol(name)
    if isinstance(name, str) and name == of.code and of.exchange == "US":
        raise ConfigError(
            f"no calendar is called {name!r}",
            hint=f"known are {', '.join(_MARKETS)}; that of the US stock is calendar('{of}')",
        )
    return calendar_for(of, time_unit=time_unit)


def calendar_for(instrument: Symbol, *, time_unit: str = "ms") -> Calendar:
    """Return the calendar of a symbol; see `calendar`.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.data.calendar import calendar_for
    >>> calendar_for(ts.symbol("BINANCE:BTCUSDT")).name
    '24/7'
    """
    if instrument.exchange in CRYPTO_VENUES:
        return _known(_ALWAYS, None, time_unit)
    return _known(instrument.exchange, instrument.product, time_unit)


def to_utc(local: DayArray, instrument: "Symbol | None") -> DayArray:
    """Turn local wall-clock times of a symbol's market into UTC; None stands for UTC itself.

    A wall-clock hour that summer time repeats is its first one.

    Examples
    --------
    >>> import numpy as np
    >>> import tickstep as ts
    >>> from tickstep.data.calendar import to_utc
    >>> str(to_utc(np.array(["2024-01-02T09:30"], "datetime64[s]"), ts.symbol("600000"))[0])
    '2024-01-02T01:30:00'
    """
    return local - _offsets(local, _zone_of(instrument), is_local=True)


def from_utc(moments: DayArray, instrument: "Symbol | None") -> DayArray:
    """Turn UTC times into local wall-clock times of a symbol's market; the way back of `to_utc`.

    Examples
    --------
    >>> import numpy as np
    >>> import tickstep as ts
    >>> from tickstep.data.calendar import from_utc
    >>> str(from_utc(np.array(["2024-07-01T13:30"], "datetime64[s]"), ts.symbol("AAPL"))[0])
    '2024-07-01T09:30:00'
    """
    return moments + _offsets(moments, _zone_of(instrument), is_local=False)


def zone_to_utc(local: DayArray, zone: str) -> DayArray:
    """Turn local wall-clock times of a time zone into UTC, by the rule of `to_utc`.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.data.calendar import zone_to_utc
    >>> str(zone_to_utc(np.array(["2024-07-01T09:30"], "datetime64[s]"), "America/New_York")[0])
    '2024-07-01T13:30:00'
    """
    return local - _offsets(local, _zone(zone), is_local=True)


def utc_to_zone(moments: DayArray, zone: str) -> DayArray:
    """Turn UTC into local wall-clock times of a time zone.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.data.calendar import utc_to_zone
    >>> str(utc_to_zone(np.array(["2024-07-01T01:30"], "datetime64[s]"), "Asia/Shanghai")[0])
    '2024-07-01T09:30:00'
    """
    return moments + _offsets(moments, _zone(zone), is_local=False)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise ConfigError(
            f"{name!r} is not a time zone", hint='write one such as "Asia/Shanghai"'
        ) from None


def _zone_of(instrument: "Symbol | None") -> ZoneInfo:
    if instrument is None or instrument.exchange in CRYPTO_VENUES:
        return ZoneInfo("UTC")
    return ZoneInfo(_ZONES.get(instrument.exchange, _CHINA))


def _offsets(moments: DayArray, zone: ZoneInfo, *, is_local: bool) -> npt.NDArray[np.timedelta64]:
    # Offsets change on whole quarters of an hour at most.
    quarters, places = np.unique(
        moments.astype("datetime64[m]").astype(np.int64) // 15, return_inverse=True
    )
    found = []
    for quarter in quarters.tolist():
        moment = datetime(1970, 1, 1) + timedelta(minutes=15 * quarter)
        aware = (
            moment.replace(tzinfo=zone)
            if is_local
            else moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone)
        )
        found.append(int((aware.utcoffset() or timedelta(0)).total_seconds()))
    offsets: npt.NDArray[np.timedelta64] = np.array(found, dtype="timedelta64[s]")[places]
    return offsets


@lru_cache(maxsize=64)
def _known(exchange: str, product: str | None, time_unit: str) -> Calendar:
    if exchange == _ALWAYS:
        return Calendar(
            _ALWAYS,
            zone="UTC",
            hours={date(1970, 1, 1): "00:00-24:00"},
            begin=date(1970, 1, 1),
            end=date(2099, 12, 31),
            is_open_at_weekends=True,
            time_unit=time_unit,
        )
    hours = _hours_of(exchange, product)
    closed, early, years = _days_of(_ALIKE.get(exchange, exchange))
    return Calendar(
        exchange if product is None else f"{exchange}.{product}",
        zone=_ZONES.get(exchange, _CHINA),
        hours=hours,
        begin=max(min(hours), date(min(years), 1, 1)),
        end=date(max(years), 12, 31),
        closed=closed,
        early=early,
        time_unit=time_unit,
    )


def _hours_of(exchange: str, product: str | None) -> dict[date, str]:
    rows = [row for row in _table("hours.csv") if row["calendar"] in (exchange, _stocks(exchange))]
    is_known = product is None or product in PRODUCTS_OF[exchange].split()
    found = {
        date.fromisoformat(row["from"]): row["hours"]
        for row in rows
        if is_known and _names(row["products"], product)
    }
    if not found:
        raise ConfigError(
            f"the hours of {product} at {exchange} are not known",
            hint="make a Calendar with hours of your own and give it as calendar=",
        )
    return found


def _stocks(exchange: str) -> str:
    return "SSE" if exchange in ("SZSE", "BSE") else exchange


def _names(products: str, product: str | None) -> bool:
    return product is None or products == "*" or product in products.split()


def _days_of(name: str) -> tuple[list[date], dict[date, str], list[int]]:
    closed: list[date] = []
    early: dict[date, str] = {}
    years = []
    for row in _table("calendars.csv"):
        if row["calendar"] == name:
            years.append(int(row["year"]))
            closed += [date.fromisoformat(f"{row['year']}-{day}") for day in row["closed"].split()]
            for entry in row["early"].split():
                day, _, clock = entry.partition("@")
                early[date.fromisoformat(f"{row['year']}-{day}")] = clock
    return closed, early, years


@lru_cache(maxsize=2)
def _table(name: str) -> list[dict[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def _day(value: Day) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{value!r} is not a date", hint="write '2024-01-02'") from None


def _minutes(clock: str) -> int:
    try:
        return _DAY_MINUTES if clock == "24:00" else _minute_of(time.fromisoformat(clock))
    except ValueError:
        raise ConfigError(f"{clock!r} is not a time of day", hint="write '09:30'") from None


def _minute_of(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _parsed(hours: str) -> list[tuple[int, int]]:
    """Read "09:30-11:30 13:00-15:00"; a close before its open lies on the day after."""
    found = []
    for stretch in hours.split():
        opening, _, closing = stretch.partition("-")
        first, last = _minutes(opening), _minutes(closing)
        found.append((first, last if last > first else last + _DAY_MINUTES))
    if not found:
        raise ConfigError(f"{hours!r} names no hours", hint="write '09:30-11:30 13:00-15:00'")
    return found


def _follows(before: date, day: date) -> bool:
    """Whether nothing but a weekend lies between two trading days."""
    gap = (day - before).days
    return gap == 1 or (gap == 3 and before.weekday() == 4)


def _utc(day: date, minutes: int, zone: ZoneInfo) -> int:
    if zone.key == "UTC":
        return (day.toordinal() - _EPOCH_ORDINAL) * _DAY_SECONDS + minutes * 60
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return int(wall.replace(tzinfo=zone).timestamp())


def _merged(opens: Int64Array, closes: Int64Array) -> tuple[Int64Array, Int64Array]:
    if not len(opens):
        return opens, closes
    is_new = np.append(True, opens[1:] > closes[:-1])
    is_last = np.append(is_new[1:], True)
    return opens[is_new], closes[is_last]
