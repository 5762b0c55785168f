"""Write python/tickstep/data/calendars.csv: the days on which exchanges are closed or close early.

Run by hand when an exchange has published another year: `python tests/calendar_tables.py`, with
exchange-calendars installed. Only dates and times are taken from it.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent.parent / "python" / "tickstep" / "data" / "calendars.csv"
# our name, theirs, first and last year; the last is the last one that the exchange has published
CALENDARS = (
    ("SSE", "XSHG", 2005, 2026),
    ("SEHK", "XHKG", 2013, 2027),
    ("US", "XNYS", 2005, 2027),
)


def main() -> None:
    """Write the table anew."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["calendar", "year", "closed", "early"])
    for name, theirs, first, last in CALENDARS:
        days = closed_days(theirs, first, last)
        early = early_closes(theirs, first, last)
        for year in range(first, last + 1):
            rows.writerow([name, year, " ".join(days[year]), " ".join(early[year])])
    TABLE.write_text(text.getvalue(), encoding="utf-8")


def calendar_of(name: str, first: int, last: int) -> Any:
    import exchange_calendars

    return exchange_calendars.get_calendar(name, start=f"{first}-01-01", end=f"{last}-12-31")


def closed_days(name: str, first: int, last: int) -> dict[int, list[str]]:
    """List the weekdays without a session, by year."""
    import numpy as np

    sessions = calendar_of(name, first, last).sessions.values.astype("datetime64[D]")
    every = np.arange(f"{first}-01-01", f"{last + 1}-01-01", dtype="datetime64[D]")
    closed = every[np.is_busday(every) & ~np.isin(every, sessions)]
    if not set(np.asarray(sessions)) <= set(every[np.is_busday(every)]):
        raise SystemExit(f"{name} has a session at a weekend, which the table cannot tell")
    return {
        year: [str(day)[5:] for day in closed if str(day).startswith(str(year))]
        for year in range(first, last + 1)
    }


def early_closes(name: str, first: int, last: int) -> dict[int, list[str]]:
    """List the days of an early close with its local time, by year."""
    calendar = calendar_of(name, first, last)
    found: dict[int, list[str]] = {year: [] for year in range(first, last + 1)}
    for day in calendar.early_closes:
        local = calendar.session_close(day).tz_convert(calendar.tz)
        found[day.year].append(f"{day:%m-%d}@{local:%H:%M}")
    return found


if __name__ == "__main__":
    main()
