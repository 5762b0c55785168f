"""What a run leaves behind: events and ticks, and every number that follows from them.

Nothing here was recorded while the run went on. Fills are events; equity after any tick follows
exactly from the fills and the bound prices (`equity.py`); the rest is read off those two. Floats
appear only in what is shown.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickstep._kernel import units_per_tick_lot
from tickstep.engine import (
    LIQUIDITY_MAKER,
    REASON_BITS,
    EngineConfig,
    EventKind,
    Events,
    Reason,
)
from tickstep.equity import Curves, EquityPath
from tickstep.errors import ConfigError
from tickstep.intervals import interval_length
from tickstep.metrics import (
    DrawdownScan,
    depths,
    periods_per_year,
    returns,
    sharpe,
    total_return,
)
from tickstep.report import draw
from tickstep.session import Units
from tickstep.ticks import NS_PER_UNIT, Float64Array, Int64Array, Ticks
from tickstep.version import __version__

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FORMATS", "RUN_FORMAT", "Result", "Sampling"]

Stat = str | int | float | None

FORMATS = ("csv", "parquet")
RUN_FORMAT = "tickstep run 1"
SAMPLES_MAX = 10_000
INTERVALS = (
    "1ms", "10ms", "100ms", "1s", "5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h", "4h", "1d", "7d",
)  # fmt: skip
SHARPE_INTERVALS = ("1d", "1h", "1m")  # the longest with enough returns
SHARPE_RETURNS_MIN = 30
ALERT_TYPES_START = 20  # order types from here on are alerts


class Sampling(NamedTuple):
    """A grid in time; the sample of a point is taken after every tick before it."""

    interval: str
    length: int
    times: Int64Array

    @classmethod
    def of(cls, interval: str, time: Int64Array, time_unit: str) -> "Sampling":
        """Lay the grid over ticks: from the point at or before the first to beyond the last.

        Parameters
        ----------
        interval : str
            Distance of the points, which are multiples of it since 1970-01-01 UTC.
        time : array of int64
            Times of the ticks, at least one.
        time_unit : {"s", "ms", "us", "ns"}
            Their unit.

        Returns
        -------
        Sampling
            The first sample is the start, the last the end of the run.

        Examples
        --------
        >>> import numpy as np
        >>> from tickstep.result import Sampling
        >>> Sampling.of("1s", np.array([1200, 1300, 3000]), "ms").times.tolist()
        [1000, 2000, 3000, 4000]
        """
        length = interval_length(interval, time_unit)
        first, last = int(time[0]) // length, int(time[-1]) // length + 1
        return cls(interval, length, np.arange(first, last + 1, dtype=np.int64) * length)


class Result:
    """Outcome of one run; print it for the table.

    Parameters
    ----------
    strategy : str
        Name of the strategy's class.
    parameters : mapping
        Its parameters at the start.
    config : EngineConfig
        What the kernel ran with.
    ticks : Ticks
        What it ran over.
    events : structured array
        All events, as `EVENT_DTYPE`.
    event_digest : str
        The kernel's digest of them.
    is_complete : bool
        False when the run was stopped before the end of the data; `ticks` are those it took.

    Examples
    --------
    >>> import tickstep as ts
    >>> class Once(ts.Strategy):
    ...     def on_start(self):
    ...         self.buy(2)
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 1000, 2000], [50.0, 51.0, 55.0], [1.0, 1.0, 1.0], [0, 0, 0], tick_size=1, lot=1)
    >>> result = ts.backtest(Once, ticks, cash=1000, taker_fee=0, spread_bps=0)
    >>> result.stats["P&L"], result.stats["Fills"], result.stats["Return [%]"]
    (10.0, 1, 1.0)
    """

    def __init__(
        self,
        *,
        strategy: str,
        parameters: Mapping[str, Any],
        config: EngineConfig,
        ticks: Ticks,
        events: Events,
        event_digest: str,
        is_complete: bool = True,
    ) -> None:
        self.strategy = strategy
        self.parameters = dict(parameters)
        self.config = config
        self.ticks = ticks
        self.events = events
        self.event_digest = event_digest
        self.is_complete = is_complete

    # What identifies the run.

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical configuration, the data digest and the event digest."""
        canonical = json.dumps(self.config.canonical(), sort_keys=True, separators=(",", ":"))
        text = f"{RUN_FORMAT}\n{canonical}\n{self.ticks.data_digest}\n{self.event_digest}\n"
        return hashlib.sha256(text.encode()).hexdigest()

    # Exact integers.

    @cached_property
    def path(self) -> EquityPath:
        """Equity after every tick, in money units."""
        return EquityPath(
            self.ticks.price_ticks,
            self._fill_events,
            cash_units=self._cash_units,
            units_per_tick_lot=self._units_per_tick_lot,
        )

    def sampled(self, interval: str) -> tuple[Sampling, npt.NDArray[Any]]:
        """Equity on a grid in time.

        Parameters
        ----------
        interval : str
            Distance of the samples: "1s", "1m", "1h", "1d".

        Returns
        -------
        Sampling, array
            The grid, and at each point the money units after every tick before it.
        """
        sampling = Sampling.of(interval, self.ticks.time, self.ticks.time_unit)
        rows = np.searchsorted(self.ticks.time, sampling.times, side="left") - 1
        return sampling, self.path.after(rows)

    # For reading.

    @cached_property
    def stats(self) -> dict[str, Stat]:
        """Numbers of the run by name, in the order of the table; None is what cannot be known.

        "Max. Drawdown" and "Equity Peak" are over every single tick. "Sharpe Ratio" is mean / standard
        deviation * sqrt(P) of simple returns; its sampling, their number and P stand beside it. It is
        sampled daily, hourly or by the minute, the longest that gives 30 returns, and None below.
        Realized P&L is gross of fees; P&L = realized + unrealized - fees.
        """
        return {
            **self._span_stats(),
            **self._equity_stats(),
            **self._order_stats(),
            **self._risk_stats(),
            "Event Digest": self.event_digest,
            "Digest": self.digest,
        }

    @cached_property
    def fills(self) -> "pl.DataFrame":
        """One row for each fill: floats for reading, and the exact integers."""
        import polars as pl

        fills, units = self._fill_events, self.units
        sides = np.where(fills["qty_lots"] > 0, "BUY", "SELL")
        is_maker = (fills["reason"] & REASON_BITS) == LIQUIDITY_MAKER
        return pl.DataFrame(
            {
                "time": self._datetimes(fills["time"]),
                "order_id": fills["order_id"],
                "tag": fills["tag"],
                "side": sides,
                "liquidity": np.where(is_maker, "MAKER", "TAKER"),
                "price": units.tick.values(_column(fills, "price_ticks")),
                "qty": units.lot.values(np.abs(_column(fills, "qty_lots"))),
                "fee": units.money.values(_column(fills, "fee_units")),
                "realized_pnl": units.money.values(_column(fills, "realized_units")),
                "position": units.lot.values(_column(fills, "position_after_lots")),
                "tick_index": _column(fills, "tick_index"),
                "price_ticks": _column(fills, "price_ticks"),
                "qty_lots": _column(fills, "qty_lots"),
                "fee_units": _column(fills, "fee_units"),
                "realized_units": _column(fills, "realized_units"),
            }
        )

    @cached_property
    def equity(self) -> "pl.DataFrame":
        """Equity on a grid of at most 10,000 points in time; `sampling` tells its interval.

        Each sample is taken after every tick before its time: the first is the start, the last,
        just beyond the last tick, the end. `equity_units` is exact.
        """
        import polars as pl

        sampling, units = self.sampled(self.sampling)
        return pl.DataFrame(
            {
                "time": self._datetimes(sampling.times),
                "equity": self._money_of(units),
                "equity_units": units,
            }
        )

    @cached_property
    def sampling(self) -> str:
        """Interval of `equity`: the finest that needs no more than 10,000 points."""
        time, unit = self.ticks.time, self.ticks.time_unit
        span_ns = int(time[-1] - time[0]) * NS_PER_UNIT[unit]
        for interval in INTERVALS:
            length_ns = interval_length(interval, "ns")
            is_whole = length_ns % NS_PER_UNIT[unit] == 0
            if is_whole and span_ns // length_ns + 2 < SAMPLES_MAX:
                return interval
        return INTERVALS[-1]

    def curves(self, slices: int = 1500) -> Curves:
        """Price, equity, drawdown and position, thinned out without losing an extreme.

        Parameters
        ----------
        slices : int
            Slices of equal time from the first to the last tick, at least 1.

        Returns
        -------
        Curves
            The extremes of each slice.

        Raises
        ------
        ConfigError
            When there are no slices.
        """
        if slices < 1:
            raise ConfigError(
                f"slices is {slices}: curves have at least one", hint="leave it out for 1500"
            )
        starts = self._slice_starts(slices)
        stops = np.append(starts[1:], len(self.ticks))
        low, high, fall = [], [], np.zeros(len(starts))
        peak = self._cash_units
        for index, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            equity = self.path.between(start, stop)
            low.append(equity.min())
            high.append(equity.max())
            fall[index] = -depths(equity, peak).max()
            peak = max(peak, int(high[-1]))
        price_low, price_high = self.ticks.extremes(np.append(starts, len(self.ticks)))
        return Curves(
            self.ticks.time[starts],
            self.units.tick.values(price_low),
            self.units.tick.values(price_high),
            self._money_of(low),
            self._money_of(high),
            fall,
            self.units.lot.values(self.path.position_after(stops - 1)),
        )

    def to_json(self, source: Mapping[str, Any] | None = None) -> str:
        """Write down what identifies the run, and its numbers, as JSON.

        Parameters
        ----------
        source : mapping, optional
            Where strategy and data came from; `tickstep backtest` gives what `verify` needs.

        Returns
        -------
        str
            JSON text: equal runs, equal text.
        """
        record = {
            "format": RUN_FORMAT,
            "version": __version__,
            "strategy": {
                "name": self.strategy,
                "parameters": {name: str(value) for name, value in self.parameters.items()},
            },
            "data": {"rows": len(self.ticks), "digest": self.ticks.data_digest},
            "config": self.config.canonical(),
            "stats": self.stats,
            "event_count": len(self.events),
            "event_digest": self.event_digest,
            "digest": self.digest,
        }
        for part, more in (source or {}).items():
            record[part] = {**record.get(part, {}), **more}  # type: ignore[dict-item]
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    def write(
        self,
        folder: str | Path,
        *,
        format: str = "csv",
        source: Mapping[str, Any] | None = None,
    ) -> list[Path]:
        """Write run.json, the fills, the sampled equity, and the events into a folder.

        Parameters
        ----------
        folder : path
            Made when it is missing; files of the same names are replaced.
        format : {"csv", "parquet"}
            Format of fills and equity. The events are always `events.npy`, an array of `EVENT_DTYPE`.
        source : mapping, optional
            As in `to_json`.

        Returns
        -------
        list of Path
            The files.
        """
        check_format(format)
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        run, events = place / "run.json", place / "events.npy"
        run.write_text(self.to_json(source), encoding="utf-8", newline="\n")
        np.save(events, self.events, allow_pickle=False)
        frames = {f"fills.{format}": self.fills, f"equity.{format}": self.equity}
        for name, frame in frames.items():
            _write_frame(frame, place / name)
        return [run, events, *(place / name for name in frames)]

    def plot(self, path: str | Path) -> Path:
        """Draw price with fills, equity, drawdown and position.

        Parameters
        ----------
        path : path
            The picture; its ending tells the format: .png, .svg, .pdf.

        Returns
        -------
        Path
            The same path.
        """
        return draw(self, Path(path))

    def __str__(self) -> str:
        return _table(f"{self._title} on {self.units.symbol}", self.stats)

    def __repr__(self) -> str:
        return f"Result({self._title}, {len(self.ticks):,} ticks, digest {self.digest[:16]}…)"

    # What the methods above share.

    @cached_property
    def units(self) -> Units:
        """What the integers stand for."""
        return Units.of(self.config)

    @cached_property
    def _cash_units(self) -> int:
        cash = self.config.canonical()["initial_cash"]
        return self.units.money.index(cash, "initial_cash", ConfigError)

    @cached_property
    def _units_per_tick_lot(self) -> int:
        canonical = self.config.canonical()
        (instrument,) = canonical["instruments"]
        return units_per_tick_lot(
            instrument["tick_size"],
            instrument["lot"],
            instrument["multiplier"],
            canonical["money_unit"],
        )

    @cached_property
    def _fill_events(self) -> Events:
        fills: Events = self.events[self.events["kind"] == EventKind.FILLED]
        return fills

    @property
    def _title(self) -> str:
        parameters = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.strategy}({parameters})"

    def _datetimes(self, times: npt.NDArray[Any]) -> npt.NDArray[Any]:
        # Polars has no seconds.
        moments = times.astype(np.int64).view(f"datetime64[{self.ticks.time_unit}]")
        return moments.astype("datetime64[ms]") if self.ticks.time_unit == "s" else moments

    def _money_of(self, units: npt.ArrayLike) -> Float64Array:
        return self.units.money.values(np.asarray(units, dtype=np.int64))

    @cached_property
    def _scan(self) -> DrawdownScan:
        scan = DrawdownScan(self._cash_units)
        for _, equity in self.path.pieces():
            scan.push(equity)
        return scan

    def _slice_starts(self, slices: int) -> Int64Array:
        time = self.ticks.time
        # Integers throughout: a float cannot tell neighbouring nanoseconds apart.
        length, rest = divmod(int(time[-1]) - int(time[0]), slices)
        index = np.arange(slices)
        edges = time[0] + index * length + index * rest // slices
        return np.unique(np.searchsorted(time, edges, side="left"))

    # The groups of the table.

    def _span_stats(self) -> dict[str, Stat]:
        time, unit = self.ticks.time, self.ticks.time_unit
        first, last = (str(moment).replace("T", " ") for moment in self.ticks.datetimes[[0, -1]])
        stats: dict[str, Stat] = {
            "Start": f"{first} UTC",
            "End": f"{last} UTC",
            "Duration": _duration(int(time[-1] - time[0]) * NS_PER_UNIT[unit]),
            "Ticks": len(self.ticks),
        }
        return stats if self.is_complete else {**stats, "Stopped": "before the end of the data"}

    def _equity_stats(self) -> dict[str, Stat]:
        money = self.units.money
        start, final = self._cash_units, int(self.path.after(np.array([len(self.ticks) - 1]))[0])
        realized = int(self._fill_events["realized_units"].sum())
        fees = int(self._fill_events["fee_units"].sum())
        return {
            "Exposure Time [%]": self._exposure(),
            "Equity Start": money.value(start),
            "Equity Final": money.value(final),
            "Equity Peak": money.value(int(self._scan.peak)),
            "Return [%]": _percent(total_return(np.array([start, final]))),
            "Buy & Hold Return [%]": _percent(total_return(self.ticks.price_ticks[[0, -1]])),
            "P&L": money.value(final - start),
            "Realized P&L": money.value(realized),
            "Unrealized P&L": money.value(final - start - realized + fees),
            "Fees": money.value(fees),
        }

    def _order_stats(self) -> dict[str, Stat]:
        fills, events = self._fill_events, self.events
        accepted = events[events["kind"] == EventKind.ACCEPTED]
        refused = events[events["kind"] == EventKind.REJECTED]
        stats: dict[str, Stat] = {
            "Orders": int(np.count_nonzero((accepted["reason"] & REASON_BITS) < ALERT_TYPES_START)),
            "Refused": len(refused),
            "Fills": len(fills),
            "Maker Fills": int(
                np.count_nonzero((fills["reason"] & REASON_BITS) == LIQUIDITY_MAKER)
            ),
            "Position": self.units.lot.value(int(fills["qty_lots"].sum())),
        }
        if len(refused):
            ((reason, _),) = Counter((refused["reason"] & REASON_BITS).tolist()).most_common(1)
            stats["Refused Mostly"] = f"{Reason(reason).name}: {Reason(reason).message}"
        return stats

    def _risk_stats(self) -> dict[str, Stat]:
        deepest = self._scan.deepest
        ratio, sampling = self._sharpe()
        return {
            "Max. Drawdown [%]": _percent(None if deepest is None else deepest.ratio),
            "Max. Drawdown": None
            if deepest is None
            else self.units.money.value(int(deepest.amount)),
            "Sharpe Ratio": ratio,
            "Sharpe Sampling": sampling,
        }

    def _sharpe(self) -> tuple[float | None, str]:
        for interval in SHARPE_INTERVALS:
            sampling, equity = self.sampled(interval)
            count = len(equity) - 1
            if count >= SHARPE_RETURNS_MIN:
                periods = periods_per_year(sampling.length, self.ticks.time_unit)
                told = f"{interval}, {count:,} returns, {periods:,.6g} a year"
                return sharpe(returns(equity), periods_per_year=periods), told
        return None, f"none: {count} returns of {interval} are fewer than {SHARPE_RETURNS_MIN}"

    def _exposure(self) -> float | None:
        times = np.concatenate((self._fill_events["time"], self.ticks.time[-1:]))
        span = int(self.ticks.time[-1] - self.ticks.time[0])
        held = self._fill_events["position_after_lots"] != 0
        return 100 * int(np.diff(times)[held].sum()) / span if span else None


def check_format(format: str) -> str:
    """Return the format of written tables, or raise a `ConfigError` when it is not in `FORMATS`."""
    if format not in FORMATS:
        raise ConfigError(
            f"format {format!r} is not one of {', '.join(FORMATS)}",
            hint="csv is for reading, parquet for frames",
        )
    return format


def _column(events: Events, name: str) -> Int64Array:
    return np.ascontiguousarray(events[name])


def _write_frame(frame: "pl.DataFrame", file: Path) -> None:
    if file.suffix == ".csv":
        frame.write_csv(file)
    else:
        frame.write_parquet(file)


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _duration(span_ns: int) -> str:
    seconds, rest_ns = divmod(span_ns, 10**9)
    if seconds < 60:
        return f"{seconds}.{rest_ns // 10**6:03} s"
    return str(timedelta(seconds=seconds))


# --- The table. -----------------------------------------------------------------------------------


def _table(title: str, stats: Mapping[str, Stat]) -> str:
    rows = [(name, _shown(name, value)) for name, value in stats.items()]
    names = max(len(name) for name, _ in rows)
    values = max(len(text) for name, text in rows if not name.endswith("Digest"))
    line = "─" * max(len(title), names + 3 + values)
    return "\n".join((title, line, *(f"{name:<{names}}   {text:>{values}}" for name, text in rows)))


def _shown(name: str, value: Stat) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if name == "Position":
        return f"{value:,.10g}"
    return f"{value:,.2f}" if value == 0 or abs(value) >= 1 else f"{value:,.4f}"
