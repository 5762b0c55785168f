"""The numbers of a picture of market data, thinned to what can be seen without losing an extreme.

Of an overview nothing but the zone map is read, so it costs the same for any number of ticks.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tickstep._kernel import Grid
from tickstep.bars import Bars
from tickstep.drawing import BUY, SELL, span
from tickstep.equity import Curves
from tickstep.errors import ConfigError, DataError
from tickstep.intervals import interval_length
from tickstep.ticks import NS_PER_UNIT, Float64Array, Int64Array, Ticks

__all__ = [
    "BubbleOptions",
    "Candles",
    "Colours",
    "Flow",
    "HasCurves",
    "Overview",
    "Profile",
    "candles_of",
    "flow_of",
    "limits_of_one_zero",
    "overview_of",
    "place_labels",
    "stretch",
    "with_margin",
]

Array = npt.NDArray[Any]
Times = npt.NDArray[np.datetime64]

SLICES = 1500  # of an overview and of the price behind bubbles: more than a picture has columns
CANDLES_MAX = 240
BLOCK_ROWS = 1_000_000
LEVELS_MAX = 60  # of a profile
LEAST_SHARE = 0.02  # of a panel, on a side of zero where nothing lies
BUBBLES_MAX = 1000
BUBBLE_AREA = 500.0  # of the largest, in square points
INK_AREA = 50_000.0  # of all bubbles together: a third of their panel
NICE_INTERVALS = (
    *("1s", "5s", "10s", "30s", "1m", "2m", "5m", "10m", "15m", "30m"),
    *("1h", "2h", "4h", "8h", "1d", "1w"),
)

LABELS_MAX = 10
# Lengths in seconds or calendar units, and how dates of them are written; "" is a clock time.
LABEL_STEPS: tuple[tuple[int | str, str], ...] = (
    *((seconds, "") for seconds in (1, 5, 10, 30)),
    *((60 * minutes, "") for minutes in (1, 5, 10, 15, 30, 60, 120, 240)),
    (86400, "%d %b"),
    (7 * 86400, "%d %b"),
    ("M", "%b %Y"),
    ("3M", "%b %Y"),
    ("Y", "%Y"),
)


class Profile(NamedTuple):
    """Volume by price: `price` is the middle of each level, `height` the size of a level."""

    price: Float64Array
    height: float
    buy: Float64Array
    sell: Float64Array
    is_by_side: bool


class Candles(NamedTuple):
    """Candles to draw, at most `CANDLES_MAX`; `buy` is None where the source tells no sides."""

    title: str
    time: Times
    open: Float64Array
    high: Float64Array
    low: Float64Array
    close: Float64Array
    volume: Float64Array
    buy: Float64Array | None
    profile: Profile
    note: str


class Overview(NamedTuple):
    """Lowest and highest price and number of ticks in slices of equal time."""

    title: str
    time: Times
    low: Float64Array
    high: Float64Array
    ticks: Int64Array
    rows: int


class BubbleOptions(NamedTuple):
    """How bubbles are chosen and drawn.

    Parameters
    ----------
    time_start, time_end : str, optional
        "HH:MM" or "HH:MM:SS", clock times in UTC: only trades at or after the first and before the
        second are drawn, of every day; a start after the end spans midnight.
    delta : str
        Length of the buckets in which bought minus sold quantity is added up.
    bubble_scale : float, optional
        Area of the largest bubble in square points; by default 500, or what leaves a third of the
        picture covered where that is less.
    bubble_alpha : float
        Opacity from 0 to 1.
    bubbles_max : int
        Bubbles at most: the largest trades. Delta and price count all trades.
    """

    time_start: str | None = None
    time_end: str | None = None
    delta: str = "1m"
    bubble_scale: float | None = None
    bubble_alpha: float = 0.5
    bubbles_max: int = BUBBLES_MAX


class Flow(NamedTuple):
    """Order flow to draw: bubbles, the range of the price behind them, and delta by bucket."""

    title: str
    time: Times
    price: Float64Array
    qty: Float64Array
    is_sell: npt.NDArray[np.bool_]
    bubble_area: float
    rows: int
    range_time: Times
    range_low: Float64Array
    range_high: Float64Array
    delta_time: Times
    delta: Float64Array
    delta_text: str
    options: BubbleOptions
    curves: Curves | None
    time_unit: str


class HasCurves(Protocol):
    """What of a `Result` stands below bubbles."""

    ticks: Ticks

    def curves(self) -> Curves:
        """Price, equity, drawdown and position, thinned out."""


class Colours(NamedTuple):
    """Of rising and bought, and of falling and sold."""

    up: str
    down: str

    @classmethod
    def of(cls, china_colors: bool) -> "Colours":
        """Green rises; in China red does."""
        return cls(SELL, BUY) if china_colors else cls(BUY, SELL)


def overview_of(ticks: Ticks, slices: int = SLICES, title: str | None = None) -> Overview:
    """Thin ticks out to slices of equal time with the extremes of every tick in them.

    Parameters
    ----------
    ticks : Ticks
        At least one.
    slices : int
        Slices at most; those without ticks are left out.
    title : str, optional
        By default the symbol.

    Returns
    -------
    Overview
        Reading no more than the zone map and `slices` searches in the times.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.pictures import overview_of
    >>> ticks = ts.Ticks.from_arrays([0, 1, 9], [5, 9, 3], [1, 1, 1], [0, 0, 0], tick_size=1)
    >>> seen = overview_of(ticks, slices=2)
    >>> seen.low.tolist(), seen.high.tolist(), seen.ticks.tolist()
    ([5.0, 3.0], [9.0, 3.0], [2, 1])
    """
    edges = _edges_of_slices(ticks.time, slices)
    low, high = ticks.extremes(edges)
    return Overview(
        title or ticks.symbol or "Ticks",
        ticks.datetimes[edges[:-1]],
        _values(low, ticks.tick_size),
        _values(high, ticks.tick_size),
        np.diff(edges),
        len(ticks),
    )


def candles_of(
    data: Ticks | Bars, *, interval: str | None = None, title: str | None = None
) -> Candles:
    """Put ticks or bars together to candles and a profile.

    Parameters
    ----------
    data : Ticks or Bars
        At least one row.
    interval : str, optional
        Length of the candles of ticks; by default one of 1s, 5s, ..., 1w that leaves no more than
        `CANDLES_MAX`.
    title : str, optional
        By default the symbol.

    Returns
    -------
    Candles
        Every volume is in some candle. The volume of a bar is spread evenly between its low and
        high in the profile, that of a tick is at its price.

    Raises
    ------
    ConfigError
        When the interval would make more than `CANDLES_MAX` candles.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.pictures import candles_of
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 999, 1000], [5, 9, 3], [1, 2, 4], [0, 1, 0], tick_size=1, lot=1)
    >>> candles = candles_of(ticks, interval="1s")
    >>> candles.high.tolist(), candles.volume.tolist(), candles.buy.tolist()
    ([9.0, 3.0], [3.0, 4.0], [1.0, 4.0])
    """
    if isinstance(data, Bars):
        return _candles_of_bars(data, title)
    interval = _nice_interval(data) if interval is None else interval
    bars = data.candles(interval)
    if len(bars) > CANDLES_MAX:
        raise ConfigError(
            f"an interval of {interval} makes {len(bars)} candles, more than {CANDLES_MAX}",
            hint=f"leave it out for {_nice_interval(data)}, or take a part: ticks.between(...)",
        )
    source = f"{interval} from {len(data):,} ticks"
    return _grouped(bars, 1, title or data.symbol or "Ticks", _profile_of_ticks(data), source)


def _candles_of_bars(bars: Bars, title: str | None) -> Candles:
    group = -(-len(bars) // CANDLES_MAX)
    kind = "bars" if bars.interval is None else f"{bars.interval} bars"
    source = f"{len(bars):,} {kind}" + (f", {group} to a candle" if group > 1 else "")
    return _grouped(bars, group, title or bars.symbol or "Bars", _profile_of_bars(bars), source)


def _grouped(bars: Bars, group: int, title: str, profile: Profile, source: str) -> Candles:
    starts = np.arange(0, len(bars), group)
    lasts = np.append(starts[1:], len(bars)) - 1
    tick, lot = bars.tick_size, bars.lot
    buy = bars.buy_lots
    return Candles(
        title,
        bars.datetimes[starts],
        _values(bars.open_ticks[starts], tick),
        _values(np.maximum.reduceat(bars.high_ticks, starts), tick),
        _values(np.minimum.reduceat(bars.low_ticks, starts), tick),
        _values(bars.close_ticks[lasts], tick),
        _values(np.add.reduceat(bars.volume_lots, starts), lot),
        None if buy is None else _values(np.add.reduceat(buy, starts), lot),
        profile,
        source,
    )


def flow_of(
    ticks: Ticks,
    options: BubbleOptions | None = None,
    *,
    title: str | None = None,
    result: HasCurves | None = None,
) -> Flow:
    """Choose the bubbles of a picture and add up the delta.

    Parameters
    ----------
    ticks : Ticks
        Trades.
    options : BubbleOptions, optional
        Which of them, and how many.
    title : str, optional
        By default the symbol.
    result : Result, optional
        A run over these ticks, for its equity.

    Returns
    -------
    Flow
        The largest trades in order of time.

    Raises
    ------
    ConfigError
        When an option is out of range.
    DataError
        When no trade is within the clock times.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.pictures import BubbleOptions, flow_of
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 999, 1000], [5, 9, 3], [1, 2, 4], [0, 1, 0], tick_size=1, lot=1)
    >>> flow = flow_of(ticks, BubbleOptions(delta="1s", bubbles_max=2))
    >>> flow.qty.tolist(), flow.delta.tolist()
    ([2.0, 4.0], [-1.0, 4.0])
    """
    options = BubbleOptions() if options is None else options
    _check_options(options)
    seen = _within_clock(ticks, options)
    largest = _largest(seen.qty_lots, options.bubbles_max)
    lots = seen.qty_lots[largest]
    edges = _edges_of_slices(seen.time, SLICES)
    low, high = seen.extremes(edges)
    buckets = seen.candles(options.delta)
    assert buckets.buy_lots is not None, "ticks have sides"
    return Flow(
        title or ticks.symbol or "Ticks",
        seen.datetimes[largest],
        _values(seen.price_ticks[largest], seen.tick_size),
        _values(lots, seen.lot),
        seen.side[largest] == 1,
        options.bubble_scale or _area_that_fits(lots),
        len(seen),
        seen.datetimes[edges[:-1]],
        _values(low, seen.tick_size),
        _values(high, seen.tick_size),
        buckets.datetimes,
        _values(2 * buckets.buy_lots - buckets.volume_lots, seen.lot),
        options.delta,
        options,
        None if result is None else result.curves(),
        seen.time_unit,
    )


def _largest(lots: Int64Array, count: int) -> Int64Array:
    """Rows of the largest, ascending; of those that equal the least of them some, evenly spread."""
    if len(lots) <= count:
        return np.arange(len(lots))
    found = np.zeros(0, dtype=np.int64)
    for start in range(0, len(lots), BLOCK_ROWS):
        # Block by block: sorting all rows of a large file takes a minute.
        found = np.concatenate((found, lots[start : start + BLOCK_ROWS]))
        found = np.partition(found, -count)[-count:] if len(found) > count else found
    above, ties = np.flatnonzero(lots > found.min()), np.flatnonzero(lots == found.min())
    wanted = count - len(above)
    return np.sort(np.concatenate((above, ties[np.arange(wanted) * len(ties) // wanted])))


def _values(columns: Int64Array, size: float) -> Float64Array:
    return Grid(size, "size").values(columns)


def _area_that_fits(qty: Int64Array) -> float:
    return min(BUBBLE_AREA, INK_AREA * float(qty.max() / qty.sum()))


def _check_options(options: BubbleOptions) -> None:
    ranges = {
        "bubble_scale": (options.bubble_scale is None or options.bubble_scale > 0, "above 0"),
        "bubble_alpha": (0 < options.bubble_alpha <= 1, "above 0 and at most 1"),
        "bubbles_max": (options.bubbles_max >= 1, "at least 1"),
    }
    for name, (is_good, rule) in ranges.items():
        if not is_good:
            raise ConfigError(
                f"{name} is {getattr(options, name)}: it must be {rule}", hint="leave it out"
            )


def _within_clock(ticks: Ticks, options: BubbleOptions) -> Ticks:
    first, last = options.time_start or "00:00", options.time_end or "24:00"
    second = 10**9 // NS_PER_UNIT[ticks.time_unit]
    start, end = _clock_s(first, "time_start") * second, _clock_s(last, "time_end") * second
    if (start, end) == (0, 86400 * second):
        return ticks
    clock = ticks.time % (86400 * second)
    is_after, is_before = clock >= start, clock < end
    rows = is_after & is_before if start < end else is_after | is_before
    if not rows.any():
        raise DataError(
            f"no tick lies between {first} and {last} UTC",
            hint=f"the ticks are from {span(ticks.datetimes)}",
        )
    columns: tuple[Array, ...] = (ticks.time, ticks.price_ticks, ticks.qty_lots, ticks.side)
    return Ticks(*(column[rows] for column in columns), **ticks._labels())


def _clock_s(text: str, name: str) -> int:
    parts = text.split(":")
    is_clock = len(parts) in (2, 3) and all(len(part) == 2 and part.isdecimal() for part in parts)
    hours, minutes, seconds = (int(part) for part in [*parts, "00"][:3]) if is_clock else (99, 0, 0)
    if minutes > 59 or seconds > 59 or 3600 * hours + 60 * minutes + seconds > 86400:
        raise ConfigError(f"{name} {text!r} is no time of day", hint='write "09:30" or "09:30:15"')
    return 3600 * hours + 60 * minutes + seconds


def _edges_of_slices(time: Int64Array, slices: int) -> Int64Array:
    """Rows where slices of equal time begin, and the number of rows; empty slices are left out."""
    # Integers throughout: a float cannot tell neighbouring nanoseconds apart.
    length, rest = divmod(int(time[-1]) - int(time[0]), slices)
    index = np.arange(slices)
    begins = int(time[0]) + index * length + index * rest // slices
    return np.append(np.unique(np.searchsorted(time, begins, side="left")), len(time))


def _nice_interval(ticks: Ticks) -> str:
    seconds = 10**9 // NS_PER_UNIT[ticks.time_unit]
    whole_s = (int(ticks.time[-1]) - int(ticks.time[0])) // seconds
    for interval in NICE_INTERVALS:
        # One more than the quotient: the first and the last candle may be cut.
        if whole_s // interval_length(interval, "s") + 2 <= CANDLES_MAX:
            return interval
    weeks = -(-whole_s // (CANDLES_MAX - 2) // (7 * 86400))
    return f"{weeks + 1}w"


def _profile_of_ticks(ticks: Ticks) -> Profile:
    found = ticks.volume_profile(LEVELS_MAX)
    height = found["ticks_per_bin"] * ticks.tick_size
    return Profile(found["price_levels"], height, found["buy_volume"], found["sell_volume"], True)


def _profile_of_bars(bars: Bars) -> Profile:
    low, high = int(bars.low_ticks.min()), int(bars.high_ticks.max())
    height = -(-(high - low + 1) // LEVELS_MAX)
    count = (high - low) // height + 1
    first, last = (bars.low_ticks - low) // height, (bars.high_ticks - low) // height
    share = bars.lot / (last - first + 1)

    def spread(lots: Int64Array) -> Float64Array:
        edges = np.bincount(first, weights=lots * share, minlength=count + 1)
        edges -= np.bincount(last + 1, weights=lots * share, minlength=count + 1)
        return np.maximum(np.cumsum(edges)[:count], 0.0)

    is_by_side = bars.buy_lots is not None
    bought = bars.volume_lots if bars.buy_lots is None else bars.buy_lots
    middles = np.multiply(low + np.arange(count) * height + (height - 1) / 2, bars.tick_size)
    buy, sell = spread(bought), spread(bars.volume_lots - bought)
    return Profile(middles, height * bars.tick_size, buy, sell, is_by_side)


def place_labels(times: Times) -> tuple[Int64Array, list[str]]:
    """Choose which of the candles standing side by side to label, and write their times.

    Parameters
    ----------
    times : array of datetime64
        Begin of each candle, ascending.

    Returns
    -------
    array of int64, list of str
        Places where a round stretch of time begins, `LABELS_MAX` at most, and their labels: clock
        times with the date where it changes, or dates.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.pictures import place_labels
    >>> times = np.arange("2024-01-02T21:00", "2024-01-03T03:00", dtype="M8[m]")
    >>> places, labels = place_labels(times)
    >>> labels
    ['02 Jan\\n21:00', '22:00', '23:00', '03 Jan\\n00:00', '01:00', '02:00']
    """
    for length, form in LABEL_STEPS:
        begins = _begins(times, length)
        is_close = len(begins) > 2 and begins[1] < len(times) // LABELS_MAX
        if is_close or (len(begins) > 2 and not form and _second(times[0]) % int(length)):
            begins = begins[1:]  # the first stretch was cut short
        if len(begins) <= LABELS_MAX:
            return begins, _labels([times[place] for place in begins], form)
    thinned = begins[:: -(-len(begins) // LABELS_MAX)]
    return thinned, _labels([times[place] for place in thinned], form)


def _begins(times: Times, length: int | str) -> Int64Array:
    """Places whose time is the first of its stretch: seconds, or calendar units."""
    if isinstance(length, str):
        stretches = times.astype(f"M8[{length}]").astype(np.int64)
    else:
        stretches = _second(times) // length
    return np.flatnonzero(np.diff(stretches, prepend=stretches[0] - 1))


def _second(times: Any) -> Any:
    return times.astype("M8[s]").astype(np.int64)


def _labels(times: list[Any], form: str) -> list[str]:
    moments = [time.astype("M8[s]").item() for time in times]
    if form:
        return [f"{moment:{form}}" for moment in moments]
    clock = "%H:%M:%S" if any(moment.second for moment in moments) else "%H:%M"
    labels, day = [], None
    for moment in moments:
        date = "" if moment.date() == day else f"{moment:%d %b}\n"
        labels.append(f"{date}{moment:{clock}}")
        day = moment.date()
    return labels


def limits_of_one_zero(*columns: Float64Array) -> list[tuple[float, float]]:
    """Find limits of axes that lie over each other, so that zero is at one height.

    Parameters
    ----------
    *columns : array of float64
        What each axis shows.

    Returns
    -------
    list of (float, float)
        Limits of each that hold all of it, with a little free.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.pictures import limits_of_one_zero
    >>> limits = limits_of_one_zero(np.array([-2.0, 8]), np.array([-10.0, 10]))
    >>> np.round(limits, 1).tolist()
    [[-5.2, 8.4], [-10.5, 16.8]]
    """
    ranges = [(min(column.min(), 0.0), max(column.max(), 0.0)) for column in columns]
    shares = [(-low / (high - low), high / (high - low)) for low, high in ranges if low < high]
    below = max([share for share, _ in shares], default=0.0) or LEAST_SHARE
    above = max([share for _, share in shares], default=0.0) or LEAST_SHARE
    sizes = [1.05 * max(-low / below, high / above) or 1.0 for low, high in ranges]
    return [(-below * size, above * size) for size in sizes]


def with_margin(times: Times) -> Times:
    """Widen a span of time by a hundredth on both sides.

    Parameters
    ----------
    times : array of datetime64
        Ascending, at least one.

    Returns
    -------
    array of datetime64
        Two moments, different even where the times are one.

    Examples
    --------
    >>> import numpy as np
    >>> from tickstep.pictures import with_margin
    >>> with_margin(np.array([200, 400], dtype="M8[ms]")).astype(int).tolist()
    [198, 402]
    """
    first, last = times[[0, -1]].astype(np.int64).tolist()
    margin = max((last - first) // 100, 1)
    return np.array([first - margin, last + margin]).view(times.dtype)


def stretch(length: int, time_unit: str) -> "np.timedelta64[Any]":
    """Return a length of time, to be added to datetime64.

    Parameters
    ----------
    length : int
        In `time_unit`.
    time_unit : {"s", "ms", "us", "ns"}
        Its unit.

    Examples
    --------
    >>> from tickstep.pictures import stretch
    >>> str(stretch(1500, "ms"))
    '1500 milliseconds'
    """
    whole: np.timedelta64[Any] = np.array([length], dtype=np.int64).view(f"m8[{time_unit}]")[0]
    return whole
