"""Portfolios: shares of the equity to hold, when to set them right again, and what each part earned."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from numbers import Real
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tickstep.errors import ConfigError, DataError, OrderError, nearest
from tickstep.strategy import Bar, Strategy
from tickstep.targets import decimal_of, shares_of
from tickstep.ticks import NS_PER_DAY, NS_PER_UNIT, Number

__all__ = ["Effects", "HoldWeights", "Holdings", "Portfolio", "TradingDays", "brinson"]

Weights = Mapping[str, Number]


# First day of the period that a day belongs to; every bar is one of its own where there is none.
PERIODS: Mapping[str, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
    "quarter": lambda day: day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
    "year": lambda day: day.replace(month=1, day=1),
}


class TradingDays(Protocol):
    """To which trading day a moment belongs; `ts.calendar("SSE")` tells."""

    time_unit: str

    def trading_day(self, time: int) -> date:
        """The trading day of a moment."""

    def next_open(self, time: int) -> int:
        """The first moment at or after a time at which the market is open."""


def _check_reserve(reserve: Number) -> None:
    try:
        share = decimal_of(reserve, "reserve")
    except OrderError as error:
        raise ConfigError(error.message, hint="reserve=0.02 keeps 2 % in cash") from None
    if not 0 <= share < 1:
        raise ConfigError(
            f"reserve {reserve} must be 0 or more, and below 1",
            hint="reserve=0.02 keeps 2 % in cash",
        )


class Portfolio(Strategy):
    """A strategy that says what to hold, once a period.

    Derive from it and override `weights`; as it is, it holds in equal parts what has a price. Orders
    are placed when a bar is over and trade at the next opens, sells before buys, in whole board lots.

    Parameters
    ----------
    period : {"day", "week", "month", "quarter", "year"} or None
        How often weights are asked for; None is after every bar.
    when : {"first", "last"}
        After the first bar of a period, or after the last, which only a calendar knows.
    calendar : TradingDays, optional
        Whose trading days count, such as `ts.calendar("SSE")`; by default days are those of UTC.
    reserve : number
        Share of the equity that stays cash.

    Examples
    --------
    >>> import numpy as np
    >>> import tickstep as ts
    >>> class Momentum(ts.Portfolio):
    ...     length, count = 20, 1
    ...     def weights(self, bars):
    ...         if len(self.history("A")) <= self.length:
    ...             return None
    ...         gains = {symbol: self.history(symbol).close for symbol in self.symbols}
    ...         gains = {symbol: close[-1] / close[-self.length] for symbol, close in gains.items()}
    ...         best = sorted(gains, key=gains.get)[-self.count :]
    ...         return {symbol: 1 / self.count for symbol in best}
    >>> def days(seed):
    ...     close = 1000 + np.random.default_rng(seed).integers(-9, 10, 300).cumsum()
    ...     return ts.Bars(np.arange(300) * 86_400_000, close, close + 5, close - 5, close,
    ...                    np.full(300, 10**6), tick_size="0.01", lot=1, interval="1d")
    >>> result = ts.backtest(Momentum, {"A": days(1), "B": days(2)})
    >>> result.stats["Fills"] > 5
    True
    """

    period: str | None = "month"
    when: str = "first"
    reserve: Number = 0

    def __init__(self, *, calendar: TradingDays | None = None, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.calendar = calendar
        if calendar is not None and not hasattr(calendar, "trading_day"):
            raise ConfigError(f"{calendar!r} is no calendar", hint='calendar=ts.calendar("SSE")')
        _check_reserve(self.reserve)
        if self.period is not None and self.period not in PERIODS:
            raise ConfigError(
                f"there is no period {self.period!r}", hint=nearest(self.period, PERIODS)
            )
        if self.when not in ("first", "last"):
            raise ConfigError(
                f"when is {self.when!r}: a portfolio acts at the first or the last bar of a period",
                hint='when="first"',
            )
        if self.when == "last" and calendar is None:
            raise ConfigError(
                "which bar of a period is the last is known from a calendar alone",
                hint='give calendar=ts.calendar("US"), or when="first"',
            )
        self._held_for: date | None = None

    def weights(self, bars: dict[str, Bar]) -> Weights | None:
        """Say what to hold from now on; override it.

        Parameters
        ----------
        bars : dict of str to Bar
            Those that are over just now.

        Returns
        -------
        mapping of str to number, or None
            Shares of the equity by symbol, short below 0; instruments that are not named are closed.
            None leaves all as it is and is asked again after the next bar.
        """
        listed = [symbol for symbol in self.symbols if self.price_of(symbol) is not None]
        return {symbol: 1 / len(listed) for symbol in listed}

    def on_bars(self, bars: dict[str, Bar]) -> None:
        """Ask for weights where a period calls for it."""
        period = self._period_of(bars)
        if period is None or period == self._held_for:
            return
        weights = self.weights(bars)
        if weights is None:
            return
        # Without a period every bar is one of its own.
        self._held_for = None if self.period is None else period
        share = 1 - decimal_of(self.reserve, "reserve")
        self.rebalance({symbol: weight * share for symbol, weight in shares_of(weights).items()})

    def _period_of(self, bars: Mapping[str, Bar]) -> date | None:
        """First day of the period to act for after these bars; None where it is not time to."""
        start = max(bar.start for bar in bars.values())
        stop = max(bar.stop for bar in bars.values())
        if self.period is None:
            return date.min
        first = PERIODS[self.period]
        period = first(self._day_of(start))
        if self.when == "first":
            return period
        assert self.calendar is not None, "seen when it was made"
        is_last = first(self._day_of(self.calendar.next_open(stop))) != period
        return period if is_last else None

    def _day_of(self, time: int) -> date:
        if self.calendar is not None:
            return self.calendar.trading_day(time)
        return date(1970, 1, 1) + timedelta(days=time * self._unit_ns // NS_PER_DAY)

    @property
    def _unit_ns(self) -> int:
        return NS_PER_UNIT[self.time_unit]


class Holdings(NamedTuple):
    """Weights by date: what to hold after each.

    `dates` ascend, `weights` has a mapping of symbols to shares of the equity for each. See
    `ts.read_holdings` for files.
    """

    dates: tuple[date, ...]
    weights: tuple[dict[str, float], ...]

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[date, str, float]]) -> "Holdings":
        """Put rows of date, symbol and weight together.

        Parameters
        ----------
        rows : iterable of (date, str, float)
            In any order.

        Returns
        -------
        Holdings
            One mapping for each date.

        Raises
        ------
        DataError
            When an instrument is named twice for one date, or a weight is no finite number, or there
            are no rows.

        Examples
        --------
        >>> from datetime import date
        >>> import tickstep as ts
        >>> rows = [(date(2024, 1, 2), "A", 0.4), (date(2024, 1, 2), "B", 0.6)]
        >>> ts.Holdings.of_rows(rows).weights
        ({'A': 0.4, 'B': 0.6},)
        """
        found: dict[date, dict[str, float]] = {}
        for day, symbol, weight in rows:
            if not isinstance(day, date) or not isinstance(weight, Real):
                raise DataError(
                    f"the holding {(day, symbol, weight)!r} is no date, symbol and number",
                    hint='(datetime.date(2024, 1, 2), "A", 0.4); files: ts.read_holdings',
                )
            held = found.setdefault(day, {})
            if symbol in held:
                raise DataError(
                    f"{symbol} has two weights on {day}: {held[symbol]} and {weight}",
                    hint="give one weight for each date and asset",
                )
            if not np.isfinite(weight):
                raise DataError(f"{symbol} has the weight {weight} on {day}", hint="0.05 is 5 %")
            held[symbol] = float(weight)
        if not found:
            raise DataError("there are no holdings", hint="rows have a date, an asset and a weight")
        days = sorted(found)
        return cls(tuple(days), tuple(found[day] for day in days))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every instrument that is ever held, in order of names."""
        return tuple(sorted({symbol for held in self.weights for symbol in held}))


class HoldWeights(Portfolio):
    """Hold what a list says: the weights of a date from the end of that date on.

    The weights of a date may have been made with its closes, so they trade at the next opens and never
    on the date itself.

    Parameters
    ----------
    holdings : Holdings
        From `ts.read_holdings`.
    calendar : TradingDays, optional
        Whose trading days the dates are; by default days of UTC.
    reserve : number
        Share of the equity that stays cash.

    Examples
    --------
    >>> from datetime import date
    >>> import numpy as np
    >>> import tickstep as ts
    >>> close = np.full(5, 1000)
    >>> bars = ts.Bars(np.arange(5) * 86_400_000, close, close, close, close,
    ...                np.full(5, 10**6), tick_size="0.01", lot=1, interval="1d")
    >>> held = ts.Holdings.of_rows([(date(1970, 1, 2), "A", 0.5), (date(1970, 1, 4), "A", 0.0)])
    >>> result = ts.backtest(ts.HoldWeights(held), {"A": bars}, cash=1000, spread_bps=0)
    >>> result.fills.select("time", "side", "qty").rows()[0][1:]
    ('BUY', 50.0)
    """

    period = None

    def __init__(self, holdings: Holdings, **parameters: Any) -> None:
        super().__init__(**parameters)
        if not isinstance(holdings, Holdings):
            raise ConfigError(
                f"{holdings!r} are no holdings",
                hint="ts.read_holdings(path), or Holdings.of_rows(rows)",
            )
        self.holdings = holdings
        self._next = 0

    def on_start(self) -> None:
        """See that every instrument is there."""
        missing = [symbol for symbol in self.holdings.symbols if symbol not in self.symbols]
        if missing:
            raise DataError(
                f"the holdings name {missing[0]!r}, which there are no data of",
                hint=nearest(missing[0], self.symbols),
            )

    def weights(self, bars: dict[str, Bar]) -> Weights | None:
        """The weights of the last date that is over; None where they were asked for already."""
        stop = max(bar.stop for bar in bars.values())
        over = self._next
        while over < len(self.holdings.dates) and self._is_over(self.holdings.dates[over], stop):
            over += 1
        if over == self._next:
            return None
        self._next = over
        return self.holdings.weights[over - 1]

    def _is_over(self, day: date, stop: int) -> bool:
        """Whether a day is over when a bar ends."""
        if self.calendar is None:
            return self._day_of(stop) > day
        return self._day_of(self.calendar.next_open(stop)) > day


# --- What each part earned. -----------------------------------------------------------------------


class Effects(NamedTuple):
    """Why a portfolio did better than its benchmark, group by group; each of shape (groups,).

    `allocation` comes of weights that differ from the benchmark's, `selection` of returns that do,
    `interaction` of both; all of them add up to the difference of the two returns.
    """

    allocation: npt.NDArray[np.float64]
    selection: npt.NDArray[np.float64]
    interaction: npt.NDArray[np.float64]

    @property
    def total(self) -> float:
        """Return of the portfolio less that of the benchmark."""
        return float(sum(each.sum() for each in self))


def brinson(
    weights: npt.ArrayLike,
    returns: npt.ArrayLike,
    benchmark_weights: npt.ArrayLike,
    benchmark_returns: npt.ArrayLike,
    *,
    method: Literal["fachler", "hood_beebower"] = "fachler",
) -> Effects:
    """Explain the difference of a portfolio's return from a benchmark's over one period.

    With w, r of the portfolio's groups, W, R of the benchmark's and R̄ = Σ W R: allocation
    (w - W)(R - R̄), selection W (r - R), interaction (w - W)(r - R). Hood and Beebower leave R̄ out of
    the allocation.

    Parameters
    ----------
    weights, benchmark_weights : array of shape (groups,)
        Shares, each set adding up to 1.
    returns, benchmark_returns : array of shape (groups,)
        Fractions.
    method : {"fachler", "hood_beebower"}
        Which allocation: Brinson and Fachler (1985), or Brinson, Hood and Beebower (1986).

    Returns
    -------
    Effects
        Group by group.

    Raises
    ------
    DataError
        When shapes differ, a number is not finite, or weights do not add up to 1.

    Examples
    --------
    >>> from tickstep.portfolio import brinson
    >>> effects = brinson([0.6, 0.4], [0.10, 0.02], [0.5, 0.5], [0.08, 0.03])
    >>> round(effects.total, 6), effects.allocation.round(6).tolist()
    (0.013, [0.0025, 0.0025])
    """
    given = [weights, returns, benchmark_weights, benchmark_returns]
    ours, earned, theirs, could = columns = [np.asarray(each, dtype=np.float64) for each in given]
    if any(each.shape != ours.shape or each.ndim != 1 for each in columns):
        raise DataError(
            f"the shapes {', '.join(str(each.shape) for each in columns)} differ",
            hint="give one weight and one return for each group",
        )
    if not all(np.isfinite(each).all() for each in columns):
        raise DataError("a weight or return is not finite", hint="leave groups without data out")
    for name, held in (("weights", ours), ("benchmark_weights", theirs)):
        if abs(held.sum() - 1) > 1e-9:
            raise DataError(f"{name} add up to {held.sum()}", hint="they are shares of 1; add cash")
    if method not in ("fachler", "hood_beebower"):
        raise ConfigError(
            f"there is no method {method!r}", hint=nearest(method, ("fachler", "hood_beebower"))
        )
    middle = float((theirs * could).sum()) if method == "fachler" else 0.0
    tilt = ours - theirs
    return Effects(tilt * (could - middle), theirs * (earned - could), tilt * (earned - could))
