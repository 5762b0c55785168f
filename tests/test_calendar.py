"""Calendars: every exchange's days and hours, nights, breaks and summer time, and loud ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tickstep as ts
from tickstep.data.calendar import Calendar, calendar, calendar_for
from tickstep.data.symbols import CHINA_FUTURES, PRODUCTS_OF
from tickstep.errors import ConfigError, DataError

SHANGHAI, HONG_KONG = ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Hong_Kong")
NEW_YORK = ZoneInfo("America/New_York")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def shown(parts: Any, zone: ZoneInfo = SHANGHAI) -> str:
    def clock(moment: int) -> str:
        return f"{datetime.fromtimestamp(moment / 1000, tz=zone):%d %H:%M}"

    return ", ".join(f"{clock(first)}-{clock(last)}" for first, last in parts)


def the_session(of: Calendar, day: str) -> Any:
    start = at(f"{day}T12:00", ZoneInfo("UTC")) - 48 * 3_600_000
    found = [each for each in of.sessions(start, start + 96 * 3_600_000) if str(each.day) == day]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("name", "day", "zone", "hours"),
    [
        ("SSE", "2024-01-02", SHANGHAI, "02 09:30-02 11:30, 02 13:00-02 15:00"),
        ("SZSE", "2024-10-08", SHANGHAI, "08 09:30-08 11:30, 08 13:00-08 15:00"),
        ("SEHK", "2024-01-02", HONG_KONG, "02 09:30-02 12:00, 02 13:00-02 16:00"),
        ("SEHK", "2024-12-24", HONG_KONG, "24 09:30-24 12:00"),
        ("US", "2024-01-02", NEW_YORK, "02 09:30-02 16:00"),
        ("US", "2024-11-29", NEW_YORK, "29 09:30-29 13:00"),
        (
            "rb2405.SHFE",
            "2024-01-08",
            SHANGHAI,
            "05 21:00-05 23:00, 08 09:00-08 10:15, 08 10:30-08 11:30, 08 13:30-08 15:00",
        ),
        (
            "au2406.SHFE",
            "2024-01-09",
            SHANGHAI,
            "08 21:00-09 02:30, 09 09:00-09 10:15, 09 10:30-09 11:30, 09 13:30-09 15:00",
        ),
        # no night before the holidays of the new year, and none in the spring of 2020
        (
            "CZCE.SR",
            "2024-01-02",
            SHANGHAI,
            "02 09:00-02 10:15, 02 10:30-02 11:30, 02 13:30-02 15:00",
        ),
        (
            "i2009.DCE",
            "2020-03-04",
            SHANGHAI,
            "04 09:00-04 10:15, 04 10:30-04 11:30, 04 13:30-04 15:00",
        ),
        ("IF2401.CFFEX", "2024-01-02", SHANGHAI, "02 09:30-02 11:30, 02 13:00-02 15:00"),
        ("CFFEX.T", "2024-01-02", SHANGHAI, "02 09:30-02 11:30, 02 13:00-02 15:15"),
        ("CFFEX.T", "2020-07-17", SHANGHAI, "17 09:15-17 11:30, 17 13:00-17 15:15"),
        ("BINANCE", "2024-03-10", ZoneInfo("UTC"), "10 00:00-11 00:00"),
    ],
)
def test_hours(name: str, day: str, zone: ZoneInfo, hours: str) -> None:
    assert shown(the_session(calendar(name), day).parts, zone) == hours


def test_days_off() -> None:
    def days(name: str, start: str, stop: str) -> list[str]:
        return [str(each.day)[5:] for each in calendar(name).sessions(start, stop)]

    assert days("SSE", "2024-09-27", "2024-10-10") == ["09-27", "09-30", "10-08", "10-09"]
    assert days("SEHK", "2024-09-05", "2024-09-10") == ["09-05", "09-09"]  # a typhoon
    assert days("US", "2025-01-08", "2025-01-11") == ["01-08", "01-10"]  # a day of mourning
    # the last one by its night, on the evening of the 19th
    assert days("SHFE.ao", "2024-02-07", "2024-02-20") == ["02-07", "02-08", "02-19", "02-20"]


def test_the_night_belongs_to_the_next_trading_day() -> None:
    gold = calendar("SHFE.au")
    assert gold.trading_day(at("2024-01-05T21:00")) == date(2024, 1, 8)
    assert gold.trading_day(at("2024-01-06T02:29")) == date(2024, 1, 8)
    assert gold.trading_day(at("2024-01-05T15:00")) == date(2024, 1, 5)  # the close itself
    assert gold.trading_day(at("2024-01-05T15:30")) == date(2024, 1, 8)
    assert gold.trading_day(at("2024-01-08T12:00")) == date(2024, 1, 8)
    # the Thursday before the spring festival of 2024 has no night
    assert not gold.is_open(at("2024-02-08T21:30"))
    assert gold.trading_day(at("2024-02-08T21:30")) == date(2024, 2, 19)
    assert gold.next_open(at("2024-02-08T21:30")) == at("2024-02-19T09:00")
    assert gold.previous_close(at("2024-02-18T12:00")) == at("2024-02-08T15:00")


def test_open_and_closed_at_the_minute() -> None:
    sse = calendar("SSE")
    for clock, is_open in [
        ("09:29:59.999", False),
        ("09:30:00", True),
        ("11:29:59.999", True),
        ("11:30:00", False),
        ("13:00:00", True),
        ("15:00:00", False),
    ]:
        assert sse.is_open(at(f"2024-01-02T{clock}")) is is_open
    assert sse.next_open(at("2024-01-02T11:30")) == at("2024-01-02T13:00")
    assert sse.next_open(at("2024-01-02T13:30")) == at("2024-01-02T13:30")
    assert sse.previous_close(at("2024-01-02T13:30")) == at("2023-12-29T15:00")
    assert sse.trading_day(at("2024-01-02T12:00")) == date(2024, 1, 2)


def test_summer_time() -> None:
    us = calendar("US", time_unit="s")
    opens = {each.day: each.open for each in us.sessions("2024-03-08", "2024-03-12")}
    assert opens[date(2024, 3, 11)] - opens[date(2024, 3, 8)] == 3 * 86_400 - 3600
    ends = {each.day: each.close for each in us.sessions("2024-11-01", "2024-11-05")}
    assert ends[date(2024, 11, 4)] - ends[date(2024, 11, 1)] == 3 * 86_400 + 3600


@pytest.mark.parametrize(
    ("name", "interval", "count"),
    [
        ("SSE", "1m", 240),
        ("SSE", "1h", 4),
        ("SEHK", "1m", 330),
        ("SEHK", "1h", 6),
        ("US", "1m", 390),
        ("US", "1h", 7),
        ("SHFE.au", "1m", 555),
        ("SHFE.rb", "1m", 345),
        ("SHFE.wr", "1m", 225),
        ("CFFEX.IF", "1m", 240),
        ("CFFEX.T", "1m", 255),
        ("24/7", "1m", 1440),
        ("24/7", "4h", 6),
    ],
)
def test_bars_of_a_day(name: str, interval: str, count: int) -> None:
    of = calendar(name)
    session = the_session(of, "2024-01-10")
    bars = of.expected(interval, session.open, session.close)
    assert len(bars) == count
    assert bars[0] == session.open
    assert bars.dtype == np.int64


def test_bars_on_the_clock() -> None:
    us = calendar("US")
    session = the_session(us, "2024-01-10")
    hours = us.expected("1h", session.open - 3_600_000, session.close, align="clock")
    assert shown(zip(hours, hours, strict=True), NEW_YORK).startswith("10 09:00")
    assert len(hours) == 7
    assert (hours % 3_600_000 == 0).all()
    with pytest.raises(ConfigError, match="neither 'session' nor 'clock'"):
        us.expected("1h", session.open, session.close, align="sun")  # type: ignore[arg-type]


def test_long_bars_are_named_by_their_date() -> None:
    sse = calendar("SSE")

    def dates(interval: str, start: str, stop: str) -> list[str]:
        found = sse.expected(interval, start, stop).astype("datetime64[ms]")
        assert (found.astype("datetime64[D]") == found).all()
        return [str(day)[5:10] for day in found]

    assert dates("1d", "2024-04-03", "2024-04-09") == ["04-03", "04-08"]
    assert dates("1w", "2024-01-29", "2024-02-27") == ["01-29", "02-05", "02-19", "02-26"]
    assert dates("1mo", "2024-01-01", "2024-04-01") == ["01-01", "02-01", "03-01"]
    assert len(calendar("24/7").expected("3d", "2024-01-01", "2024-01-31")) == 10
    with pytest.raises(ConfigError, match="no rule where bars of 3d begin"):
        sse.expected("3d", "2024-01-01", "2024-02-01")


def test_daily_bars_are_known_by_date_midnight_or_open() -> None:
    us, gold = calendar("US"), calendar("SHFE.au")
    times = np.array([at("2024-01-02T00:00", zone) for zone in (ZoneInfo("UTC"), NEW_YORK)])
    assert us.day_of_bars(times).astype(str).tolist() == ["2024-01-02"] * 2
    nights = np.array([at("2024-01-05T21:00"), at("2024-01-08T00:00"), at("2024-01-08T09:00")])
    assert gold.day_of_bars(nights).astype(str).tolist() == ["2024-01-08"] * 3


def test_past_the_ends_is_an_error() -> None:
    sse = calendar("SSE")
    with pytest.raises(DataError, match="SSE ends on 2026-12-31"):
        sse.is_open("2027-01-04T02:00")
    with pytest.raises(DataError, match="SSE ends on 2026-12-31"):
        sse.expected("1d", "2026-12-01", "2027-01-05")
    with pytest.raises(DataError, match="SSE begins on 2005-01-01"):
        sse.sessions("2004-12-30", "2005-02-01")
    with pytest.raises(DataError, match="ends on 2026-12-31"):
        sse.next_open("2026-12-31T08:00")
    with pytest.raises(DataError, match="ends on 2026-12-31"):
        sse.trading_day("2026-12-31T08:00")
    with pytest.raises(DataError, match="begins on 2020-02-03"):
        calendar("SHFE.rb").is_open("2019-05-06T02:00")
    # whether there is a night after the last day is decided by days that are not known
    with pytest.raises(DataError, match="ends on 2026-12-31"):
        calendar("SHFE.rb").is_open(at("2026-12-31T21:00"))


def test_unknown_names_are_errors() -> None:
    with pytest.raises(DataError, match="not a symbol known here"):
        calendar("MOON?")
    with pytest.raises(ConfigError, match=r"no calendar is called 'SEE'[\s\S]*SSE, SZSE"):
        calendar("SEE")
    with pytest.raises(ConfigError, match="differ from product to product"):
        calendar("SHFE")
    with pytest.raises(ConfigError, match="the hours of zq at SHFE are not known"):
        calendar("SHFE.zq2712")
    with pytest.raises(ConfigError, match="time_unit"):
        calendar("SSE", time_unit="h")


def test_days_of_your_own() -> None:
    sse = calendar("SSE").changed(
        closed=["2024-01-03"],
        opened=["2024-01-06"],
        early={"2024-01-05": "11:00"},
        end="2027-01-08",
    )
    days = [str(each.day) for each in sse.sessions("2024-01-02", "2024-01-09")]
    assert days == ["2024-01-02", "2024-01-04", "2024-01-05", "2024-01-06", "2024-01-08"]
    assert shown(the_session(sse, "2024-01-05").parts) == "05 09:30-05 11:00"
    assert sse.is_open("2027-01-08T02:00")
    assert calendar("SSE").end == date(2026, 12, 31)
    again = sse.changed(opened=["2024-01-03"])
    assert again.is_open("2024-01-03T02:00")
    assert again.is_open("2024-01-06T02:00")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"hours": {"2024-01-01": "09:30"}}, "is not a time of day"),
        ({"hours": {"2024-01-01": ""}}, "names no hours"),
        ({"hours": {"2024-01-01": "10:00-12:00 11:00-13:00"}}, "overlap on 2024-01-01"),
        ({"hours": {"2024-02-01": "10:00-12:00"}}, "its hours on 2024-02-01"),
        ({"begin": "soon"}, "'soon' is not a date"),
        ({"end": "2023-12-31"}, "no trading day"),
    ],
)
def test_bad_calendars_are_errors(changes: dict[str, Any], match: str) -> None:
    good: dict[str, Any] = {
        "zone": "UTC",
        "hours": {"2024-01-01": "10:00-12:00"},
        "begin": "2024-01-01",
        "end": "2024-12-31",
    }
    with pytest.raises(ConfigError, match=match):
        Calendar("MOON", **(good | changes))


def test_every_product_has_hours() -> None:
    for exchange in CHINA_FUTURES:
        for product in PRODUCTS_OF[exchange].split():
            of = calendar(f"{product}2512.{exchange}")
            # Morning of an ordinary day, whatever the product.
            assert of.is_open(at("2024-06-05T10:00")), of


MARKETS = ["SSE", "SEHK", "US", "SHFE.au", "DCE.i", "CFFEX.T", "24/7"]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(MARKETS),
    st.integers(0, 900),
    st.integers(1, 4),
    st.sampled_from(["1m", "15m", "1h"]),
    st.sampled_from(["session", "clock"]),
)
def test_expected_is_what_a_look_at_every_minute_gives(
    name: str, first_day: int, days: int, interval: str, align: Any
) -> None:
    of = calendar(name, time_unit="s")
    start = int((datetime(2023, 1, 1, tzinfo=UTC) + timedelta(days=first_day)).timestamp())
    stop = start + days * 86_400
    length = {"1m": 60, "15m": 900, "1h": 3600}[interval]
    slow: list[int] = []
    opened = None
    for minute in range(start - 86_400, stop, 60):
        if not of.is_open(minute):
            opened = None
            continue
        opened = minute if opened is None else opened
        begin = (
            minute // length * length
            if align == "clock" or name == "24/7"
            else (opened + (minute - opened) // length * length)
        )
        if start <= begin and (not slow or slow[-1] != begin):
            slow.append(begin)
    assert of.expected(interval, start, stop, align=align).tolist() == slow


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(MARKETS), st.integers(0, 1200 * 86_400))
def test_the_questions_agree(name: str, offset: int) -> None:
    of = calendar(name, time_unit="s")
    moment = int(datetime(2022, 1, 3, tzinfo=UTC).timestamp()) + offset
    sessions = of.sessions(moment - 86_400 * 15, moment + 86_400 * 15)
    for one, two in pairwise(sessions):
        assert one.day < two.day
        assert one.close <= two.open
    holding = [s for s in sessions if any(first <= moment < last for first, last in s.parts)]
    assert of.is_open(moment) is bool(holding)
    if holding:
        assert of.trading_day(moment) == holding[0].day
        assert of.next_open(moment) == moment
    else:
        assert of.next_open(moment) == min(
            first for s in sessions for first, _ in s.parts if first > moment
        )
    assert of.previous_close(moment) == max(s.close for s in sessions if s.close <= moment)
    many = np.array([moment, moment + 86_400])
    assert of.trading_days(many)[0] == np.datetime64(of.trading_day(moment), "D")


@pytest.mark.parametrize(
    ("ours", "theirs", "start", "stop"),
    [
        ("SSE", "XSHG", "2005-01-04", "2026-12-31T12:00"),
        ("SEHK", "XHKG", "2013-01-02", "2027-12-31T12:00"),
        ("US", "XNYS", "2005-01-03", "2027-12-31T22:00"),
    ],
)
def test_against_exchange_calendars(ours: str, theirs: str, start: str, stop: str) -> None:
    xcals = pytest.importorskip("exchange_calendars", reason="the oracle is not installed")
    schedule = xcals.get_calendar(theirs, start=start, end=stop[:10]).schedule
    sessions = calendar(ours, time_unit="s").sessions(start, stop)
    assert [each.day for each in sessions] == [day.date() for day in schedule.index]
    opens = schedule["open"].astype("int64") // 10**9
    closes = schedule["close"].astype("int64") // 10**9
    assert [each.open for each in sessions] == opens.tolist()
    assert [each.close for each in sessions] == closes.tolist()


def test_calendars_of_symbols() -> None:
    assert calendar_for(ts.symbol("sh600000")) is calendar("SSE.600000")
    assert calendar("BTCUSDT.OKX") is calendar("24/7")
    assert calendar("AAPL.US").name == "US"
    assert calendar("HK") is calendar("SEHK")
    assert repr(calendar("rb2510")) == "Calendar(SHFE.rb, 2020-02-03 to 2026-12-31, ms)"
