"""What is wrong with data: repeats, gaps, empty bars, outliers; told by rule, mended on request."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from tickstep.bars import MONTH, Bars
from tickstep.data.calendar import Calendar
from tickstep.data.parts import repeats_in
from tickstep.errors import ConfigError
from tickstep.intervals import interval_length
from tickstep.ticks import NS_PER_UNIT, Int64Array, Ticks

__all__ = ["Finding", "Missing", "Quality", "check", "repair"]

AnyData = TypeVar("AnyData", Ticks, Bars)
Rows = npt.NDArray[np.bool_]

_SHOWN = 5
_ROBUST = 1.4826  # a median absolute deviation times this is the deviation of a normal distribution
_DAY_NS = 86_400 * 10**9


class Finding(NamedTuple):
    """Rows that break one rule: their places, ascending."""

    rule: str
    rows: Int64Array


class Missing(NamedTuple):
    """A stretch without data, start <= time < stop, in the data's time unit.

    `bars` is how many bars are missing, None of ticks.
    """

    start: int
    stop: int
    bars: int | None


class Quality(NamedTuple):
    """What `check` found; printing it makes a table."""

    name: str
    rows: int
    time_unit: str
    findings: dict[str, Finding]
    missing: list[Missing]
    missing_rule: str
    left_out: dict[str, int]  # while reading, by reason

    @property
    def is_clean(self) -> bool:
        """Whether no rule is broken, nothing is missing and nothing was left out."""
        return not (
            self.missing
            or any(self.left_out.values())
            or any(found.rows.size for found in self.findings.values())
        )

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.rows:,} rows, {'clean' if self.is_clean else 'findings'}"]
        for name, found in self.findings.items():
            first = f", first at row {found.rows[0]}" if found.rows.size else ""
            lines.append(f"  {name:<14}{found.rows.size:>9,}  {found.rule}{first}")
        lines.append(f"  {'gaps':<14}{len(self.missing):>9,}  {self.missing_rule}")
        for gap in self.missing[:_SHOWN]:
            bars = "" if gap.bars is None else f", {gap.bars:,} bars"
            lines.append(f"  {'':<14}{'':>9}  {self._span(gap)}{bars}")
        if len(self.missing) > _SHOWN:
            lines.append(f"  {'':<14}{'':>9}  and {len(self.missing) - _SHOWN:,} more")
        for reason, number in self.left_out.items():
            lines.append(f"  {'left out':<14}{number:>9,}  while reading: {reason}")
        return "\n".join(lines)

    def _span(self, gap: Missing) -> str:
        start, stop = np.array(gap[:2], dtype=np.int64).view(f"datetime64[{self.time_unit}]")
        return f"{start} to {stop}"


def check(
    data: Ticks | Bars,
    calendar: Calendar | None = None,
    *,
    silence: str = "1h",
    outlier: float = 20.0,
) -> Quality:
    """Look for what may be wrong with ticks or bars; nothing is changed.

    - *duplicates*: rows that equal the row before in every column. Of ticks they may be real: the
      same trade twice in one millisecond.
    - *outliers*: prices that leave those before and after them in the same direction, by more than
      `outlier` robust deviations of the steps between neighbours (1.4826 times their median absolute
      size, steps of 0 apart, one tick at least). Of bars the closes are compared.
    - *zero volume* (bars): bars without volume.
    - *gaps*: bars that the calendar expects and that are not there; without a calendar, every bar of
      the interval. Of ticks, stretches longer than `silence` without one while the market is open;
      without a calendar it is always open.

    What a reader left out of the file (disorder, bad rows, rows of other files) is told from `source`.

    Parameters
    ----------
    data : Ticks or Bars
        The data.
    calendar : Calendar, optional
        When the market is open, in the data's time unit.
    silence : str
        Shortest gap between ticks that counts, as "10m".
    outlier : float
        Robust deviations from which on a price is an outlier.

    Returns
    -------
    Quality
        What was found.

    Raises
    ------
    ConfigError
        When the calendar's time unit is not that of the data, or an argument means nothing.

    Examples
    --------
    >>> import tickstep as ts
    >>> bars = ts.Bars.from_arrays(
    ...     [0, 60, 240], [10, 10, 11], [10, 11, 11], [10, 10, 11], [10, 11, 11], [5, 0, 7],
    ...     interval="1m", time_unit="s", symbol="DEMO")
    >>> print(ts.check(bars))
    DEMO: 3 rows, findings
      duplicates            0  equal to the row before
      outliers              0  off both neighbours by more than 20 deviations
      zero volume           1  no volume, first at row 1
      gaps                  1  bars of 1m that are not there
                               1970-01-01T00:02:00 to 1970-01-01T00:04:00, 2 bars
    """
    _check_arguments(data, calendar, outlier)
    findings = {
        name: Finding(rule, np.flatnonzero(rows)) for name, rule, rows in _broken(data, outlier)
    }
    if isinstance(data, Bars):
        missing, rule = _missing_bars(data, calendar)
    else:
        missing, rule = _silences(data, calendar, silence), f"no tick for more than {silence}"
    return Quality(
        name=data.symbol or type(data).__name__,
        rows=len(data),
        time_unit=data.time_unit,
        findings=findings,
        missing=missing,
        missing_rule=rule,
        left_out=_left_out(data.source),
    )


def repair(
    data: AnyData,
    *,
    drop_duplicates: bool = False,
    drop_outliers: bool = False,
    drop_zero_volume: bool = False,
    outlier: float = 20.0,
) -> AnyData:
    """Leave out rows that break rules of `check`, each rule only when it is asked for.

    Disorder cannot be here any more: the readers' `sort=True` mends it.

    Parameters
    ----------
    data : Ticks or Bars
        The data.
    drop_duplicates, drop_outliers, drop_zero_volume : bool
        Which rows are left out.
    outlier : float
        As for `check`.

    Returns
    -------
    Ticks or Bars
        The rows that are left; `source["repaired"]` tells how many were left out, by rule.

    Examples
    --------
    >>> import tickstep as ts
    >>> ticks = ts.Ticks.from_arrays(
    ...     [1, 1, 2], [1.5, 1.5, 1.5], [2.0, 2.0, 2.0], [0, 0, 0], tick_size=0.25)
    >>> mended = ts.repair(ticks, drop_duplicates=True)
    >>> len(mended), mended.source["repaired"]
    (2, {'duplicates': 1})
    """
    _check_arguments(data, None, outlier)
    if drop_zero_volume and isinstance(data, Ticks):
        raise ConfigError("every tick has a quantity", hint="leave drop_zero_volume out")
    asked = {
        "duplicates": drop_duplicates,
        "outliers": drop_outliers,
        "zero volume": drop_zero_volume,
    }
    is_kept = np.ones(len(data), dtype=np.bool_)
    repaired: dict[str, int] = {}
    for name, _, rows in _broken(data, outlier):
        if asked[name]:
            repaired[name] = int(np.count_nonzero(rows & is_kept))
            is_kept &= ~rows
    return _kept(data, is_kept, repaired)


def _check_arguments(data: Ticks | Bars, calendar: Calendar | None, outlier: float) -> None:
    if not isinstance(data, Ticks | Bars):
        raise ConfigError(
            f"Ticks or Bars are looked at, was {type(data).__name__}",
            hint="ts.Bars.from_frame(frame) makes bars of a frame",
        )
    if calendar is not None and calendar.time_unit != data.time_unit:
        raise ConfigError(
            f"the calendar counts in {calendar.time_unit}, the data in {data.time_unit}",
            hint=f'make the calendar with time_unit="{data.time_unit}"',
        )
    if not outlier > 0:
        raise ConfigError(f"outlier is {outlier}: it must be above 0", hint="20 is the usual one")


def _columns(data: Ticks | Bars) -> dict[str, npt.NDArray[Any]]:
    if isinstance(data, Bars):
        return dict(data.columns)
    columns: dict[str, npt.NDArray[Any]] = {
        "time": data.time,
        "price_ticks": data.price_ticks,
        "qty_lots": data.qty_lots,
        "side": data.side,
    }
    if data.bid_ticks is not None and data.ask_ticks is not None:
        columns |= {"bid_ticks": data.bid_ticks, "ask_ticks": data.ask_ticks}
    return columns


def _broken(data: Ticks | Bars, outlier: float) -> list[tuple[str, str, Rows]]:
    """List the rules: their names, their words, and which rows break them."""
    prices = data.close_ticks if isinstance(data, Bars) else data.price_ticks
    rules = [
        ("duplicates", "equal to the row before", repeats_in(_columns(data))),
        (
            "outliers",
            f"off both neighbours by more than {outlier:g} deviations",
            _spikes(prices, outlier),
        ),
    ]
    if isinstance(data, Bars):
        rules.append(("zero volume", "no volume", data.volume_lots == 0))
    return rules


def _spikes(prices: Int64Array, outlier: float) -> Rows:
    is_spike = np.zeros(len(prices), dtype=np.bool_)
    steps = np.diff(prices)
    moves = np.abs(steps[steps != 0])
    if len(steps) < 2 or not moves.size:
        return is_spike
    limit = outlier * max(_ROBUST * float(np.median(moves)), 1.0)
    to, back = steps[:-1], -steps[1:]
    is_spike[1:-1] = ((to > limit) & (back > limit)) | ((to < -limit) & (back < -limit))
    return is_spike


# Gaps.


def _missing_bars(bars: Bars, calendar: Calendar | None) -> tuple[list[Missing], str]:
    if bars.interval is None or not len(bars):
        return [], "not looked for: the bars have no interval"
    rule = f"bars of {bars.interval} that are not there"
    if calendar is None:
        return _uneven(bars), rule
    there = bars.time
    if bars.interval[-1] in "dwo":
        days = calendar.day_of_bars(there)
        there = days.astype(np.int64) * (_DAY_NS // NS_PER_UNIT[bars.time_unit])
    wanted = calendar.expected(bars.interval, int(there[0]), int(there[-1]) + 1)
    is_missing = ~np.isin(wanted, there)
    # A run of missing bars is one gap, also across a night.
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_missing.view(np.int8), [0]])))
    gaps = [
        Missing(int(wanted[first]), int(wanted[last]), int(last - first))
        for first, last in edges.reshape(-1, 2).tolist()
    ]
    return gaps, f"{rule} although {calendar.name} was open"


def _uneven(bars: Bars) -> list[Missing]:
    ends, starts = bars.end_time[:-1], bars.time[1:]
    rows = np.flatnonzero(starts > ends)
    if bars.interval == MONTH:
        months = bars.datetimes.astype("datetime64[M]").astype(np.int64)
        counts = np.diff(months) - 1
    else:
        length = interval_length(str(bars.interval), bars.time_unit)
        counts = -(-(starts - ends) // length)
    return [Missing(int(ends[row]), int(starts[row]), int(counts[row])) for row in rows]


def _silences(ticks: Ticks, calendar: Calendar | None, silence: str) -> list[Missing]:
    length = interval_length(silence, ticks.time_unit)
    found = []
    for row in np.flatnonzero(np.diff(ticks.time) > length):
        start, stop = int(ticks.time[row]), int(ticks.time[row + 1])
        if calendar is None or _open_time(calendar, start, stop) > length:
            found.append(Missing(start, stop, None))
    return found


def _open_time(calendar: Calendar, start: int, stop: int) -> int:
    parts = (part for session in calendar.sessions(start, stop) for part in session.parts)
    return sum(max(0, min(close, stop) - max(open_, start)) for open_, close in parts)


# What was and what is left.


def _left_out(source: object) -> dict[str, int]:
    if not isinstance(source, Mapping):
        return {}
    told = (source.get(name) for name in ("skipped", "repaired"))
    return {
        str(reason): int(count)
        for counts in told
        if isinstance(counts, Mapping)
        for reason, count in counts.items()
    }


def _kept(data: AnyData, is_kept: Rows, repaired: Mapping[str, int]) -> AnyData:
    columns: dict[str, Any] = {name: column[is_kept] for name, column in _columns(data).items()}
    for column in columns.values():
        column.flags.writeable = False
    source: dict[str, Any] = (
        dict(data.source) if isinstance(data.source, Mapping) else {"from": data.source}
    )
    told = source | {"repaired": source.get("repaired", {}) | dict(repaired)}
    return type(data)(**columns, **data._labels() | {"source": told})
