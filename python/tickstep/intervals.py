"""Intervals as people write them ("5m", "1d") and as whole numbers of a time unit."""

import re

from tickstep.errors import ConfigError
from tickstep.ticks import NS_PER_UNIT, check_time_unit

__all__ = ["interval_length", "phase_of"]

_NS_PER_SUFFIX = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
    "w": 7 * 86400 * 10**9,
}
_INTERVAL = re.compile(r"([1-9][0-9]{0,17})(ns|us|ms|s|m|h|d|w)")


def interval_length(interval: str, time_unit: str) -> int:
    """Turn an interval such as "5m" into a number of time units.

    Parameters
    ----------
    interval : str
        A whole number and one of ns, us, ms, s, m, h, d, w.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the answer.

    Returns
    -------
    int
        Length of the interval, at least 1.

    Raises
    ------
    ConfigError
        When it is no interval, or finer than the time unit.

    Examples
    --------
    >>> from tickstep.intervals import interval_length
    >>> interval_length("5m", "ms"), interval_length("1h", "s")
    (300000, 3600)
    """
    found = _INTERVAL.fullmatch(interval) if isinstance(interval, str) else None
    if found is None:
        raise ConfigError(
            f"{interval!r} is not an interval",
            hint='a whole number and ns, us, ms, s, m, h, d or w: "500ms", "10s", "1m", "4h", "1d"',
        )
    length_ns = int(found.group(1)) * _NS_PER_SUFFIX[found.group(2)]
    length, rest = divmod(length_ns, NS_PER_UNIT[check_time_unit(time_unit)])
    if rest:
        raise ConfigError(
            f"the interval {interval} is not a whole number of the data's time unit, {time_unit}",
            hint="choose a longer interval, or data with finer times",
        )
    return length


def phase_of(length: int, time_unit: str) -> int:
    """Tell where buckets of a length begin, from 1970 on: at 0, but whole weeks on Mondays.

    Examples
    --------
    >>> from tickstep.intervals import phase_of
    >>> phase_of(3600, "s"), phase_of(7 * 86400, "s") // 86400  # 1970-01-05 was a Monday
    (0, 4)
    """
    second = 10**9 // NS_PER_UNIT[time_unit]
    return 4 * 86_400 * second if length % (7 * 86_400 * second) == 0 else 0
