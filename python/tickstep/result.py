"""What a run leaves behind: events and the rows it took, and every number that follows from them.

Nothing here was recorded while the run went on. Fills are events; equity after any row follows exactly
from the events and the prices (`equity.py`, `account.py`); the rest is read off those two. Floats
appear only in what is shown.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tickstep import tables
from tickstep.account import Account, Data, price_ranges
from tickstep.assumptions import assumptions_of, warnings_of
from tickstep.attribution import attribution_table, by_owner_table
from tickstep.benchmark import beside, values_of
from tickstep.divergence import Difference, difference_lines, first_difference
from tickstep.engine import EngineConfig, Events
from tickstep.equity import Curves, EquityPath
from tickstep.errors import ConfigError
from tickstep.execution import HORIZONS, Execution
from tickstep.explained import explained_table
from tickstep.metricnames import metric
from tickstep.metrics import depths
from tickstep.notebook import run_html
from tickstep.provenance import parameter_text, source_digest
from tickstep.report import draw
from tickstep.reports import RunComparison, checked_runs, write_report
from tickstep.review import Review
from tickstep.risk import RiskEntry, RiskManager
from tickstep.sampling import Sampling
from tickstep.scales import Scales
from tickstep.stats import ABSENT, Stat, Stats
from tickstep.summary import held_index, summary
from tickstep.ticks import Float64Array, Int64Array
from tickstep.version import __version__

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FORMATS", "RUN_FORMAT", "Result", "Sampling"]

FORMATS = ("csv", "parquet")
RUN_FORMAT = "tickstep run 2"
RETURN = "Return [%]"
DIGESTS = ("Event Digest", "Digest")
SYMBOLS_IN_TITLE = 3
TABLES = (
    "fills",
    "orders",
    "trades",
    "equity",
    "positions",
    "returns",
    "drawdowns",
    "monthly",
    "yearly",
    "risk",
)


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
    data : mapping of str to Ticks or BarTicks
        The rows the run took, by symbol, in the order of `config.symbols`.
    events : structured array
        All events, as `EVENT_DTYPE`.
    event_digest : str
        The kernel's digest of them.
    owners : mapping of str to sequence of int
        Ids of the orders of each strategy, where several traded.
    parts : sequence of class or function
        What the strategy is made of; their source is part of the digest.
    stopped : str, optional
        Why the run ended before the data did.
    risk : RiskManager, optional
        The limits it ran under.
    risk_log : sequence of RiskEntry
        What they refused, and how they were broken.
    warnings : sequence of str
        What the reader should mistrust, beside what the account shows.
    assumptions : sequence of str
        What the numbers rest on, beside what the configuration says.
    window : mapping, optional
        Where the run started and stopped within longer data; see `Window.told`.
    beside : mapping of str to str
        Digests of the bars that the strategy was told of while orders traded on ticks.

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
        data: Mapping[str, Data],
        events: Events,
        event_digest: str,
        owners: Mapping[str, Sequence[int]] = MappingProxyType({}),
        parts: Sequence[Any] = (),
        stopped: str | None = None,
        risk: RiskManager | None = None,
        risk_log: Sequence[RiskEntry] = (),
        warnings: Sequence[str] = (),
        assumptions: Sequence[str] = (),
        window: Mapping[str, Any] | None = None,
        beside: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.strategy = strategy
        self.parameters = dict(parameters)
        self.account = Account(config, data, events)
        self.event_digest = event_digest
        self.stopped = stopped
        self.owners = dict(owners)
        self._parts = tuple(parts)
        self.risk_manager = risk
        self.risk_log = tuple(risk_log)
        self._warnings = list(warnings)
        self._assumptions = tuple(assumptions)
        self.window = window
        self.beside = dict(beside)
        self._alternatives: dict[str, Result] = {}

    # What identifies the run.

    @property
    def config(self) -> EngineConfig:
        """What the kernel ran with."""
        return self.account.config

    @property
    def data(self) -> Mapping[str, Data]:
        """The rows the run took, by symbol."""
        return self.account.data

    @property
    def events(self) -> Events:
        """All events, as `EVENT_DTYPE`."""
        return self.account.events

    @property
    def scales(self) -> Scales:
        """What the integers stand for."""
        return self.account.scales

    @cached_property
    def digest(self) -> str:
        """SHA-256 of configuration, strategy, its source and parameters, data and events."""
        parameters = [
            f"{name}={parameter_text(value)}" for name, value in sorted(self.parameters.items())
        ]
        told = {
            "config": self.config.canonical(),
            "strategy": self.strategy,
            "source": self.source_digest,
            "parameters": parameters,
            "data": [each.data_digest for each in self.account.rows],
            "events": self.event_digest,
        }
        if self.risk_manager is not None:
            told["risk"] = self.risk_manager.canonical()
        if self.window is not None:
            told["window"] = dict(self.window)
        if self.beside:
            told["beside"] = self.beside
        canonical = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return _sha256(f"{RUN_FORMAT}\n{canonical}\n")

    @cached_property
    def source_digest(self) -> str | None:
        """SHA-256 of the strategy's source; None where it cannot be read."""
        return source_digest(self._parts)

    @property
    def bar_fill(self) -> str | None:
        """The fill rule of the bars; None where there are none."""
        rules = (getattr(each, "bar_fill", None) for each in self.account.rows)
        return next((rule for rule in rules if rule is not None), None)

    @property
    def is_complete(self) -> bool:
        """Whether the run reached the end of the data."""
        return self.stopped is None

    # What it rests on.

    @cached_property
    def assumptions(self) -> tuple[str, ...]:
        """What the numbers rest on: how orders fill, what they cost."""
        risk = [] if self.risk_manager is None else [self.risk_manager.told()]
        rules = assumptions_of(self.config, self.data)
        # What a record tells of its run may tell of its span as well.
        return tuple(dict.fromkeys((*rules, *risk, *self._span_told(), *self._assumptions)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader should mistrust."""
        stopped = [] if self.stopped is None else [f"the run was stopped: {self.stopped}"]
        return (*stopped, *self._warnings, *self._mistrusted)

    @cached_property
    def _mistrusted(self) -> list[str]:
        return warnings_of(self.account)

    def warn(self, text: str) -> None:
        """Add a warning."""
        self._warnings.append(text)

    @property
    def alternatives(self) -> Mapping[str, "Result"]:
        """The same strategy under other assumptions on how orders fill, by name."""
        return MappingProxyType(self._alternatives)

    def put_beside(self, name: str, other: "Result") -> None:
        """Add an alternative; the statistics show its return."""
        self._alternatives[name] = other
        self.__dict__.pop("stats", None)

    @cached_property
    def data_digest(self) -> str:
        """Digest of the data: of one instrument its own, of several the SHA-256 of theirs."""
        digests = [each.data_digest for each in self.account.rows]
        return digests[0] if len(digests) == 1 else _sha256("\n".join(digests))

    @property
    def title(self) -> str:
        """Strategy, parameters and instruments."""
        return f"{self._called} on {self._symbols}"

    # Exact integers.

    @property
    def path(self) -> EquityPath:
        """Equity after every row, in money units."""
        return self.account.path

    def sampled(self, interval: str) -> tuple[Sampling, npt.NDArray[Any]]:
        """Equity on a grid in time.

        Parameters
        ----------
        interval : str
            Distance of the samples: "1s", "1m", "1h", "1d".

        Returns
        -------
        Sampling, array
            The grid, and at each point the money units after every row before it.
        """
        return self.account.sampled(interval)

    # For reading.

    @cached_property
    def stats(self) -> Stats:
        """Numbers of the run by name, in the order of the table; None is what cannot be known.

        Names and order are those of backtesting.py, then come others. What each is stands at the head
        of `tickstep.summary`; "Sampling" tells of which returns the ratios are, and how many make a
        year.
        """
        numbers: dict[str, Stat] = {}
        for name, value in summary(self.account).items():
            if name == "Equity Start":  # after the names of backtesting.py
                others = self.alternatives.items()
                numbers |= {f"Return, {called} [%]": each.stats[RETURN] for called, each in others}
            numbers[name] = value
        if not self.is_complete:
            numbers["Stopped"] = "before the end of the data"
        return Stats(
            self.title, numbers | {"Event Digest": self.event_digest, "Digest": self.digest}
        )

    @property
    def headline(self) -> str:
        """The return, and what it would be under other assumptions: "return 4.10 % (touch 6.30 %)"."""
        told = _return_text(self.stats[RETURN])
        others = [
            f"{name} {_return_text(each.stats[RETURN])}" for name, each in self.alternatives.items()
        ]
        return f"return {told}" + (f" ({', '.join(others)})" if others else "")

    def metric(self, name: str) -> Stat:
        """Look a number up by any name it goes by: ours, or those of other programs.

        Parameters
        ----------
        name : str
            A name of `stats`, the same in snake case, or one of AKQuant, pyrust-bt or ag-kernel; see
            `tickstep.metricnames` for their units. The formula is ours.

        Returns
        -------
        number, text or None
            None is what cannot be known.

        Raises
        ------
        ConfigError
            When there is no such number; it names the nearest.

        Examples
        --------
        >>> import tickstep as ts
        >>> from tickstep.demo import Grid, sample
        >>> result = ts.backtest(Grid, sample(3_000), cash=10_000)
        >>> result.metric("end_equity") == result.stats["Equity Final"]
        True
        """
        return metric(self.account, self.stats, name)

    @cached_property
    def fills(self) -> "pl.DataFrame":
        """One row for each fill: floats for reading, and the exact integers."""
        return tables.fills_table(self.account)

    @cached_property
    def orders(self) -> "pl.DataFrame":
        """One row for each order, alerts apart: what it asked for, and how it went.

        `price` is its limit, else its trigger, else its trail; `state` one of OPEN, FILLED, CANCELLED,
        EXPIRED and REJECTED.
        """
        return tables.orders_table(self.account)

    @cached_property
    def trades(self) -> "pl.DataFrame":
        """One row for each round trip, first in first out, in order of exits; open ones last.

        `pnl` is net of fees; `return`, `mae` and `mfe` (worst and best on the way, before fees) are
        fractions of the entry value.
        """
        return tables.trades_table(self.account)

    @cached_property
    def equity(self) -> "pl.DataFrame":
        """Equity on a grid of at most 10,000 points in time; `sampling` tells its interval.

        Each sample is taken after every row before its time: the first is the start, the last,
        just beyond the last row, the end. `equity_units` is exact.
        """
        return tables.equity_table(self.account)

    @property
    def sampling(self) -> str:
        """Interval of `equity`: the finest that needs no more than 10,000 points."""
        return self.account.sampling

    @cached_property
    def positions(self) -> "pl.DataFrame":
        """Positions on a grid in time, instrument by instrument: the points at which there is one."""
        return tables.positions_table(self.account)

    def positions_at(self, interval: str) -> "pl.DataFrame":
        """Positions as `positions` has them, on another grid in time.

        Parameters
        ----------
        interval : str
            Distance of the points: "1h", "1d".
        """
        return tables.positions_table(self.account, interval)

    @cached_property
    def drawdowns(self) -> "pl.DataFrame":
        """Every fall of equity, the deepest first: from its peak to the recovery, or to the end."""
        return tables.drawdowns_table(self.account)

    @cached_property
    def returns(self) -> "pl.DataFrame":
        """Returns that the ratios of `stats` are of, without what was paid in and out."""
        return tables.returns_table(self.account)

    @cached_property
    def monthly(self) -> "pl.DataFrame":
        """Returns by UTC month, a row for each year; null for months without data."""
        return tables.monthly_returns_table(self.account)

    @cached_property
    def yearly(self) -> "pl.DataFrame":
        """Returns by UTC year."""
        return tables.yearly_returns_table(self.account)

    @cached_property
    def risk(self) -> "pl.DataFrame":
        """Orders and amendments that a risk limit refused, and limits that were broken.

        `kind` is refused or breach; `value` is what it came to or would have, `bound` what is allowed,
        null where the limit is no number.
        """
        return tables.risk_table(self.account, self.risk_log)

    def rolling(self, window: int) -> "pl.DataFrame":
        """Return, volatility, Sharpe, Sortino and drawdown of a moving window over `returns`.

        Parameters
        ----------
        window : int
            Returns in a window, at least 2.

        Returns
        -------
        polars.DataFrame
            One row for each full window, at its end; null where a number is not defined.

        Raises
        ------
        ConfigError
            For a window of fewer than two returns, or more than there are.
        """
        return tables.rolling_table(self.account, window)

    def explain_pnl(self, interval: str = "1d", *, by_instrument: bool = False) -> "pl.DataFrame":
        """Split the profit of each period into where it came from; the parts add up exactly.

        Parameters
        ----------
        interval : str
            Length of a period; periods begin at its multiples, UTC.
        by_instrument : bool
            True gives a row for each instrument with any part in a period.

        Returns
        -------
        polars.DataFrame
            `positions` is what the lots held at the start of the period gained by its end, `trading`
            what its fills gained from their prices to its end, then `fees`, `income` (funding,
            dividends, interest, borrowing), `paid_in`, and their sum, `change` of equity; each as money
            and in exact units.

        Examples
        --------
        >>> import tickstep as ts
        >>> from tickstep.demo import Grid, sample
        >>> result = ts.backtest(Grid, sample(3_000), cash=10_000)
        >>> days = result.explain_pnl("1d")
        >>> round(days["change"].sum(), 8) == result.stats["P&L"]
        True
        """
        return explained_table(self.account, interval, by_instrument)

    def attribution(self, groups: Mapping[str, str] | None = None) -> "pl.DataFrame":
        """Split the profit by instrument, or by group of instruments; the parts add up exactly.

        Parameters
        ----------
        groups : mapping of str to str, optional
            Group of each symbol, such as its sector; who is in none stands alone.

        Returns
        -------
        polars.DataFrame
            A row for each, the largest gain first: the parts of `explain_pnl`, their sum `pnl`, and
            `contribution`, a fraction of the equity at the start.

        Examples
        --------
        >>> import tickstep as ts
        >>> from tickstep.demo import Grid, sample
        >>> result = ts.backtest(Grid, sample(3_000), cash=10_000)
        >>> round(result.attribution()["pnl"].sum(), 8) == result.stats["P&L"]
        True
        """
        return attribution_table(self.account, groups)

    def by_strategy(self) -> "pl.DataFrame":
        """Split the profit by strategy, where several traded; the parts add up exactly.

        Returns
        -------
        polars.DataFrame
            A row for each strategy and instrument that it traded: fills, fees, position at the end,
            and `pnl`, what its own fills earned by the last price, fees taken off; as money and in
            exact units.

        Raises
        ------
        ConfigError
            When one strategy traded alone.
        """
        if not self.owners:
            raise ConfigError(
                f"{self.strategy} traded alone",
                hint="ts.backtest([One(), Two()], data) runs several",
            )
        return by_owner_table(self.account, self.owners)

    def execution(self, horizons: Sequence[str] = HORIZONS) -> Execution:
        """Measure how well orders traded: slippage, shortfall, markouts, maker share, fill ratio.

        Parameters
        ----------
        horizons : sequence of str
            Times after a fill at which it is looked at again.

        Returns
        -------
        Execution
            Sums in `stats`, frames in `orders` and `fills`; print it.
        """
        return Execution(self.account, horizons)

    def against(self, benchmark: Any) -> Stats:
        """Compare with a benchmark: beta, alpha, tracking error, information ratio, capture.

        Parameters
        ----------
        benchmark : Bars, Ticks, or a pair of times and values
            Prices or an index; of bars the closes, from the end of each bar on.

        Returns
        -------
        Stats
            Over the periods that both have; print it.

        Raises
        ------
        DataError
            When it is no benchmark, or there is no period in common.

        Examples
        --------
        >>> import tickstep as ts
        >>> from tickstep.demo import Grid, sample
        >>> ticks = sample(60_000)
        >>> ts.backtest(Grid, ticks, cash=10_000).against(ticks)["Sampling"]
        '1h, 33 returns, 8,766 a year'
        """
        return beside(self.account, values_of(benchmark, self.scales.time_unit))

    def curves(self, slices: int = 1500) -> Curves:
        """Price, equity, drawdown and position, thinned out without losing an extreme.

        Parameters
        ----------
        slices : int
            Slices of equal time from the first to the last row, at least 1.

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
        ends = np.append(starts[1:], self.account.span[1] + 1)
        equity_low, equity_high, falls = self._equity_extremes(starts)
        price_low, price_high = self._price_extremes(starts, ends)
        return Curves(
            starts,
            price_low,
            price_high,
            self.scales.amounts(equity_low),
            self.scales.amounts(equity_high),
            falls,
            self._held_at(ends),
        )

    # Beside another run.

    def compare(self, *others: "Result") -> RunComparison:
        """Put the statistics of several runs beside each other.

        Parameters
        ----------
        *others : Result
            Other runs.

        Returns
        -------
        RunComparison
            Print it, take its `frame` (a row for each run), or write its `report`.

        Examples
        --------
        >>> import tickstep as ts
        >>> from tickstep.demo import Grid, sample
        >>> one, two = (ts.backtest(Grid(levels=each), sample(3_000)) for each in (4, 8))
        >>> one.compare(two).frame["Orders"].to_list()
        [15, 23]
        """
        return RunComparison((self, *others))

    def explain(self, other: "Result") -> Difference:
        """Find the first event in which another run differs from this one.

        Parameters
        ----------
        other : Result
            Another run.

        Returns
        -------
        Difference
            Number of the event and both events in words; print it.

        Examples
        --------
        >>> import tickstep as ts
        >>> from tickstep.demo import Grid, sample
        >>> one, two = (ts.backtest(Grid(levels=each), sample(3_000)) for each in (4, 4))
        >>> one.explain(two)
        no difference: the same 24 events
        """
        checked_runs([other])
        row = first_difference(self.events, other.events)
        if row is None:
            return Difference(None, [f"no difference: the same {len(self.events):,} events"])
        ours, theirs = ((each.events, each.scales) for each in (self, other))
        return Difference(row, difference_lines(row, ours, theirs, ("this", "other")))

    # Files.

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
                "source_digest": self.source_digest,
            },
            "data": {
                "rows": self.account.row_count,
                "digest": self.data_digest,
                "bar_fill": self.bar_fill,
                "window": None if self.window is None else dict(self.window),
            },
            "config": self.config.canonical(),
            "risk": None if self.risk_manager is None else self.risk_manager.canonical(),
            "risk_log": [list(each) for each in self.risk_log],
            "assumptions": list(self.assumptions),
            "warnings": list(self.warnings),
            "stats": dict(self.stats),
            "event_count": len(self.events),
            "event_digest": self.event_digest,
            "digest": self.digest,
        }
        for part, more in (source or {}).items():
            record[part] = {**record.get(part, {}), **more}  # type: ignore[dict-item]
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write every table as a CSV file into a folder.

        Parameters
        ----------
        folder : path
            Made when it is missing; files of the same names are replaced.

        Returns
        -------
        list of Path
            fills.csv, orders.csv, trades.csv, equity.csv, positions.csv, returns.csv, drawdowns.csv,
            monthly.csv, yearly.csv, risk.csv. Durations are counts of the data's time unit, ms for
            seconds.
        """
        return self._write_tables(Path(folder), TABLES, "csv")

    def to_parquet(self, folder: str | Path) -> list[Path]:
        """Write every table as a Parquet file into a folder; see `to_csv`."""
        return self._write_tables(Path(folder), TABLES, "parquet")

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
        return [run, events, *self._write_tables(place, ("fills", "equity"), format)]

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

    def tearsheet(self, path: str | Path, *, benchmark: Any = None) -> Path:
        """Draw one sheet: equity, falls, exposure, returns, round trips, profit explained, numbers.

        Parameters
        ----------
        path : path
            The picture; its ending tells the format: .png, .svg, .pdf.
        benchmark : Bars, Ticks, or (times, values), optional
            Drawn beside equity, from the same start; by default holding all instruments.

        Returns
        -------
        Path
            The same path.
        """
        from tickstep.tearsheet import draw_sheet

        return draw_sheet(Review(self, benchmark), Path(path))

    def report(self, path: str | Path, *, benchmark: Any = None, script: str = "embed") -> Path:
        """Write a report: a page to look around in, or several pages of paper.

        Parameters
        ----------
        path : path
            A page (.html), a report of several pages (.pdf) or one sheet (.png, .svg). A page shows
            every extreme, however many fills there are: a million of them take less than 1 MB.
        benchmark : Bars, Ticks, or (times, values), optional
            Drawn beside equity, from the same start; by default holding all instruments.
        script : {"embed", "beside"} or an address
            Of pages: whether the script of Plotly is in the page (5 MB), in a file beside it that
            several reports share, or at an address that ends in .js.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ConfigError
            For another ending or script.
        ImportError
            When a page is asked for and the extra `plot` is not installed.

        Examples
        --------
        >>> import tempfile
        >>> import tickstep as ts
        >>> from tickstep.demo import Grid, sample
        >>> result = ts.backtest(Grid, sample(3_000), cash=10_000)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result.report(f"{folder}/run.html").name
        'run.html'
        """
        return write_report(self, path, benchmark=benchmark, script=script)

    def __str__(self) -> str:
        title, line, *rows = str(self.stats).split("\n")
        digests = rows[-len(DIGESTS) :]
        notes = [f"assumes: {each}" for each in self.assumptions]
        notes += [f"warning: {each}" for each in self.warnings]
        told = (*rows[: -len(DIGESTS)], line, *notes, line)
        return "\n".join((title, self.headline, line, *told, *digests))

    def __repr__(self) -> str:
        rows = self.account.rows_told
        return f"Result({self._called}, {rows}, digest {self.digest[:16]}…)"

    def _repr_html_(self) -> str:
        return run_html(self)

    # What the methods above share.

    def _span_told(self) -> Iterator[str]:
        if self.beside:
            yield "orders trade on ticks; bars are told of, and nothing trades on them"
        start = (self.window or {}).get("start")
        if start is not None:
            time = self.scales.datetimes(np.array([start], np.int64)).astype(str)[0]
            yield f"what lies before {time.replace('T', ' ')} UTC is known, and nothing trades there"

    @property
    def _called(self) -> str:
        parameters = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.strategy}({parameters})"

    @property
    def _symbols(self) -> str:
        symbols = self.config.symbols
        if len(symbols) > SYMBOLS_IN_TITLE:
            return f"{len(symbols):,} instruments"
        return ", ".join(symbols)

    def _write_tables(self, folder: Path, names: Sequence[str], format: str) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{name}.{format}" for name in names]
        for name, file in zip(names, files, strict=True):
            _write_frame(getattr(self, name), file)
        return files

    # The slices of the curves.

    def _slice_starts(self, slices: int) -> Int64Array:
        """Times at which the slices that have rows begin: that of their first row."""
        first, last = self.account.span.tolist()
        # Integers throughout: a float cannot tell neighbouring nanoseconds apart.
        length, rest = divmod(last - first, slices)
        index = np.arange(slices)
        edges = first + index * length + index * rest // slices
        found = [np.zeros(0, np.int64)]
        for rows in self.account.rows:
            at = np.searchsorted(rows.time, edges, side="left")
            is_new = np.append(True, at[1:] != at[:-1]) & (at < len(rows))
            found.append(rows.time[at[is_new]])
        times = np.unique(np.concatenate(found))
        _, firsts = np.unique(np.searchsorted(edges, times, side="right"), return_index=True)
        return np.asarray(times[firsts])

    def _equity_extremes(
        self, starts: Int64Array
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Float64Array]:
        """Lowest and highest equity of each slice, and its deepest fall."""
        peak: Any = self.scales.cash_units
        low, high, falls = [], [], []
        for times, equity, earned in self._pieces():
            slices, edges = _slices_of(times, starts)
            low.append((slices, np.minimum.reduceat(equity, edges)))
            high.append((slices, np.maximum.reduceat(equity, edges)))
            falls.append((slices, np.maximum.reduceat(depths(earned, peak), edges)))
            peak = max(peak, earned.max())
        return _joined(low, np.minimum), _joined(high, np.maximum), -_joined(falls, np.maximum)

    def _pieces(self) -> Iterator[tuple[Int64Array, npt.NDArray[Any], npt.NDArray[Any]]]:
        """Times, equity, and equity without what was paid in and out."""
        if self.account.earned is self.path:
            yield from ((times, equity, equity) for times, equity in self.path.moments())
            return
        both = zip(self.path.moments(), self.account.earned.moments(), strict=True)
        yield from ((times, equity, earned) for (times, equity), (_, earned) in both)

    def _price_extremes(
        self, starts: Int64Array, ends: Int64Array
    ) -> tuple[Float64Array, Float64Array]:
        if len(self.account.rows) > 1:
            index = held_index(self.account, ends)
            known = np.full(len(ends), np.nan) if index is None else 100 * index
            return known, known
        (rows,) = self.account.rows
        edges = np.searchsorted(rows.time, starts)
        low, high = price_ranges(rows)
        tick = self.scales.instruments[0].tick
        return (
            tick.values(np.minimum.reduceat(low, edges)),
            tick.values(np.maximum.reduceat(high, edges)),
        )

    def _held_at(self, ends: Int64Array) -> Float64Array:
        if len(self.account.rows) > 1:
            return self.scales.amounts(self.path.at(ends) - self.path.cash_at(ends))
        (path,) = self.path.instruments
        return self.scales.instruments[0].lot.values(path.position_after(path.rows_before(ends)))


def _slices_of(times: Int64Array, starts: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Slices that these rows lie in, and the first row in each."""
    # What was posted before the first row belongs to the first slice.
    slices = np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)
    return np.unique(slices, return_index=True)


def _joined(
    parts: list[tuple[Int64Array, npt.NDArray[Any]]], extreme: np.ufunc
) -> npt.NDArray[Any]:
    """One value for each slice: a slice may be cut by the end of a piece."""
    slices = np.concatenate([each for each, _ in parts])
    _, edges = np.unique(slices, return_index=True)
    return np.asarray(extreme.reduceat(np.concatenate([each for _, each in parts]), edges))


def check_format(format: str) -> str:
    """Return the format of written tables, or raise a `ConfigError` when it is not in `FORMATS`."""
    if format not in FORMATS:
        raise ConfigError(
            f"format {format!r} is not one of {', '.join(FORMATS)}",
            hint="csv is for reading, parquet for frames",
        )
    return format


def _write_frame(frame: "pl.DataFrame", file: Path) -> None:
    if file.suffix == ".csv":
        from polars import Duration, selectors

        # Lengths of time as counts of their unit: CSV has no form for them.
        frame.with_columns(selectors.by_dtype(Duration).to_physical()).write_csv(file)
    else:
        frame.write_parquet(file)


def _return_text(value: Stat) -> str:
    return f"{value:,.2f} %" if isinstance(value, float) else ABSENT


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
