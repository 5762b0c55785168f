"""Several runs beside each other, as numbers: curves from 100, what differs, correlation."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from tickstep.comparison import Comparison
from tickstep.errors import ConfigError
from tickstep.review import ReviewedRun
from tickstep.ticks import NS_PER_UNIT, Float64Array, Int64Array

__all__ = ["RebasedCurve", "SideBySide", "names_of"]

INTERVALS = ("1d", "1h", "1m")  # the longest of which all runs have enough
RETURNS_MIN = 10
VALUE_WIDTH = 60


class RebasedCurve(NamedTuple):
    """Equity of a run in slices of time, 100 at its start; `drawdown` is a fraction, 0 or below."""

    name: str
    time_ms: Int64Array
    low: Float64Array
    high: Float64Array
    drawdown: Float64Array


class SideBySide:
    """The numbers of a report over several runs.

    Parameters
    ----------
    runs : sequence of ReviewedRun
        At least one, in the order in which they are shown.
    names : sequence of str
        One for each.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.demo import Grid, sample
    >>> from tickstep.sidebyside import SideBySide
    >>> runs = [ts.backtest(Grid(levels=each), sample(3_000), cash=10_000) for each in (4, 8)]
    >>> SideBySide(runs, ["four", "eight"]).differences
    [('parameter levels', ['4', '8'])]
    """

    def __init__(self, runs: Sequence[ReviewedRun], names: Sequence[str]) -> None:
        if not runs:
            raise ConfigError("there are no runs to compare", hint="give results of backtests")
        self.runs = list(runs)
        self.names = list(names)
        self._comparison = Comparison(
            dict(zip(self.names, (each.stats for each in runs), strict=True))
        )

    @property
    def statistics(self) -> list[str]:
        """Names of all numbers that any run has."""
        return self._comparison.names

    def texts(self, name: str) -> list[str]:
        """A number of each run, as it is shown."""
        return self._comparison.texts(name)

    @cached_property
    def curves(self) -> list[RebasedCurve]:
        """Equity of each run."""
        return [_curve(name, run) for name, run in zip(self.names, self.runs, strict=True)]

    @cached_property
    def start_ms(self) -> int:
        """The first moment of all."""
        return min(int(each.time_ms[0]) for each in self.curves)

    @property
    def span_told(self) -> str:
        """From when to when, over all runs."""
        first = min(str(run.stats["Start"]) for run in self.runs)
        return f"{first} to {max(str(run.stats['End']) for run in self.runs)}"

    @cached_property
    def differences(self) -> list[tuple[str, list[str]]]:
        """Parameters, settings and data that are not the same in all runs, with each run's value."""
        rows = _differing([_told(run) for run in self.runs])
        return rows + _differing_instruments([_instruments(run) for run in self.runs])

    @property
    def correlation(self) -> Float64Array | None:
        """Correlation of the returns of each two runs over the periods that all have."""
        return self._returns[1]

    @property
    def correlation_told(self) -> str:
        """Of which returns it is."""
        return self._returns[0]

    @cached_property
    def _returns(self) -> tuple[str, Float64Array | None]:
        if len(self.runs) == 1:
            return "There is one run.", None
        for interval in INTERVALS:
            sampled = [_sampled(run, interval) for run in self.runs]
            if any(each is None for each in sampled):
                continue
            common = set.intersection(*(set(each[0]) for each in sampled if each))
            if len(common) < RETURNS_MIN:
                continue
            known = np.array(sorted(common))
            steps = np.array(
                [each[1][np.isin(np.array(each[0]), known)] for each in sampled if each]
            )
            return f"Of {len(known):,} returns of {interval} that all runs have.", _correlated(
                steps
            )
        return "The runs have too few periods in common.", None


def names_of(runs: Sequence[ReviewedRun]) -> list[str]:
    """Name runs by strategy and parameters; those of one name by their number too.

    Parameters
    ----------
    runs : sequence of ReviewedRun
        In the order in which they are shown.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.demo import Grid, sample
    >>> from tickstep.sidebyside import names_of
    >>> run = ts.backtest(Grid, sample(3_000), cash=10_000)
    >>> names_of([run, run])
    ['Grid(step=0.25, levels=16, qty=5.0)', '2: Grid(step=0.25, levels=16, qty=5.0)']
    """
    names: list[str] = []
    for number, run in enumerate(runs, start=1):
        told = ", ".join(f"{name}={value}" for name, value in run.parameters.items())
        called = f"{run.strategy}({told})"
        names.append(called if called not in names else f"{number}: {called}")
    return names


def _curve(name: str, run: ReviewedRun) -> RebasedCurve:
    found = run.curves(800)
    start = run.account.scales.money.value(run.account.scales.cash_units) or 1.0
    scale = 100.0 / start
    return RebasedCurve(
        name,
        _milliseconds(found.time, run.account.scales.time_unit),
        scale * found.equity_low,
        scale * found.equity_high,
        found.drawdown,
    )


def _milliseconds(times: Int64Array, unit: str) -> Int64Array:
    per_unit = NS_PER_UNIT[unit]
    if per_unit >= NS_PER_UNIT["ms"]:
        return times * (per_unit // NS_PER_UNIT["ms"])
    return times // (NS_PER_UNIT["ms"] // per_unit)


def _differing(told: list[dict[str, str]]) -> list[tuple[str, list[str]]]:
    names = list(dict.fromkeys(name for each in told for name in each))
    rows = [(name, [each.get(name, "-") for each in told]) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _instruments(run: ReviewedRun) -> dict[str, dict[str, str]]:
    """What was set for each instrument."""
    found: dict[str, dict[str, str]] = {}
    for each in run.config.canonical()["instruments"]:
        own = found.setdefault(each["symbol"], {})
        _flatten({name: value for name, value in each.items() if name != "symbol"}, "", own)
    return found


def _differing_instruments(
    told: list[dict[str, dict[str, str]]],
) -> list[tuple[str, list[str]]]:
    """Settings of instruments that all runs have, a row for all that differ in the same way.

    Where each run has one instrument, they are held against each other whatever their names.
    """
    if all(len(each) == 1 for each in told):
        return _differing([next(iter(each.values())) for each in told])
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for symbol in told[0]:
        if all(symbol in each for each in told):
            for name, values in _differing([each[symbol] for each in told]):
                found.setdefault((name, tuple(values)), []).append(symbol)
    return [
        (f"{name} of {_short(', '.join(symbols))}", list(values))
        for (name, values), symbols in found.items()
    ]


def _short(text: str) -> str:
    return text if len(text) <= VALUE_WIDTH else f"{text[:VALUE_WIDTH]}…"


def _told(run: ReviewedRun) -> dict[str, str]:
    """Everything that was set, flat."""
    found = {f"parameter {name}": str(value) for name, value in run.parameters.items()}
    found["strategy"] = run.strategy
    found["data"] = f"{run.account.rows_told}, {run.data_digest[:12]}"
    canonical = dict(run.config.canonical())
    symbols = [each["symbol"] for each in canonical.pop("instruments")]
    found["instruments"] = f"{len(symbols):,}: {', '.join(symbols)}" if symbols[1:] else symbols[0]
    found["instruments"] = _short(found["instruments"])
    _flatten(canonical, "", found)
    return found


def _flatten(value: Any, name: str, found: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            _flatten(part, f"{name} {key}".strip(), found)
    else:
        found[name] = _short(value if isinstance(value, str) else json.dumps(value))


def _sampled(run: ReviewedRun, interval: str) -> tuple[list[int], Float64Array] | None:
    """Ends of periods in milliseconds, and their returns."""
    periods = run.account.periods(interval)
    steps = run.account.returns_of(periods)
    if steps is None:
        return None
    return _milliseconds(periods.ends, run.account.scales.time_unit).tolist(), steps


def _correlated(steps: Float64Array) -> Float64Array:
    """NaN where a run's returns do not vary."""
    varies = steps.min(axis=1) != steps.max(axis=1)
    found = np.full((len(steps), len(steps)), np.nan)
    if varies.any():
        found[np.ix_(varies, varies)] = np.atleast_2d(np.corrcoef(steps[varies]))
    return found
