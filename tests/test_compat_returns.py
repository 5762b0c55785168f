"""Formulas of empyrical and quantstats against the libraries themselves, and ours where they agree.

The libraries are loaded in the tests that ask them: nothing of the package needs them.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tickstep import metrics
from tickstep.compat import empyrical, quantstats
from tickstep.ticks import Float64Array

RNG = np.random.default_rng(20_240_607)
DAYS = 300
BENCHMARK = RNG.normal(0.0004, 0.011, DAYS)

SERIES: dict[str, Float64Array] = {
    "normal": RNG.normal(0.0006, 0.012, DAYS),
    "beside the benchmark": 0.8 * BENCHMARK + RNG.normal(0.0001, 0.006, DAYS),
    "fat tails": RNG.standard_t(3, DAYS) * 0.008,
    "often flat": np.where(RNG.random(DAYS) < 0.6, 0.0, RNG.normal(0.001, 0.02, DAYS)),
    "falling": RNG.normal(-0.004, 0.01, DAYS),
    "short": RNG.normal(0.0, 0.02, 7),
    "never lost": np.abs(RNG.normal(0.001, 0.01, 40)),
    "constant": np.full(30, 0.001),
    "two": np.array([0.01, -0.02]),
}
SHAPED = ["normal", "beside the benchmark", "fat tails", "often flat", "falling", "short"]


def library(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def asked(function: Callable[..., Any], *columns: Float64Array, **options: Any) -> Any:
    """What the library says of daily returns from a Monday on; its warnings are its own."""
    pandas = library("pandas")
    days = pandas.date_range("2023-01-02", periods=len(columns[0]), freq="B")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*(pandas.Series(each, index=days) for each in columns), **options)


def close_to(value: Any) -> Any:
    return pytest.approx(float(value), rel=1e-9, abs=1e-13, nan_ok=True)


EMPYRICAL: list[tuple[str, dict[str, Any]]] = [
    ("cum_returns_final", {}),
    ("annual_return", {}),
    ("annual_return", {"annualization": 12}),
    ("annual_volatility", {}),
    ("annual_volatility", {"alpha": 1.7, "annualization": 52}),
    ("max_drawdown", {}),
    ("calmar_ratio", {}),
    ("omega_ratio", {}),
    ("omega_ratio", {"risk_free": 0.0001, "required_return": 0.03}),
    ("omega_ratio", {"required_return": -2.0}),
    ("sharpe_ratio", {}),
    ("sharpe_ratio", {"risk_free": 0.0002, "annualization": 365}),
    ("downside_risk", {"required_return": 0.0003}),
    ("sortino_ratio", {}),
    ("sortino_ratio", {"required_return": 0.0003, "annualization": 52}),
    ("stability_of_timeseries", {}),
    ("tail_ratio", {}),
    ("value_at_risk", {}),
    ("value_at_risk", {"cutoff": 0.01}),
    ("conditional_value_at_risk", {}),
    ("conditional_value_at_risk", {"cutoff": 0.2}),
]
EMPYRICAL_PAIRS: list[tuple[str, dict[str, Any]]] = [
    ("excess_sharpe", {}),
    ("beta", {}),
    ("alpha", {}),
    ("alpha", {"risk_free": 0.0001, "annualization": 52}),
    ("capture", {}),
    ("up_capture", {}),
    ("down_capture", {}),
    ("up_down_capture", {}),
]


@pytest.mark.parametrize("which", SERIES)
@pytest.mark.parametrize(("name", "options"), EMPYRICAL)
def test_empyrical(name: str, options: dict[str, Any], which: str) -> None:
    expected = asked(getattr(library("empyrical"), name), SERIES[which], **options)
    assert getattr(empyrical, name)(SERIES[which], **options) == close_to(expected)


@pytest.mark.parametrize("which", SHAPED)
@pytest.mark.parametrize(("name", "options"), EMPYRICAL_PAIRS)
def test_empyrical_beside_a_benchmark(name: str, options: dict[str, Any], which: str) -> None:
    ours, theirs = SERIES[which], BENCHMARK[: len(SERIES[which])]
    expected = asked(getattr(library("empyrical"), name), ours, theirs, **options)
    assert getattr(empyrical, name)(ours, theirs, **options) == close_to(expected)


@pytest.mark.parametrize("which", SHAPED)
def test_empyrical_batting_average(which: str) -> None:
    ours, theirs = SERIES[which], BENCHMARK[: len(SERIES[which])]
    expected = asked(library("empyrical").batting_average, ours, theirs)
    assert empyrical.batting_average(ours, theirs) == pytest.approx(expected.to_dict())


QUANTSTATS: list[tuple[str, dict[str, Any]]] = [
    ("comp", {}),
    ("expected_return", {}),
    ("cagr", {}),
    ("cagr", {"periods": 365}),
    ("avg_return", {}),
    ("avg_win", {}),
    ("avg_loss", {}),
    ("best", {}),
    ("worst", {}),
    ("consecutive_wins", {}),
    ("consecutive_losses", {}),
    ("exposure", {}),
    ("volatility", {}),
    ("autocorr_penalty", {}),
    ("sharpe", {}),
    ("sharpe", {"rf": 0.02, "periods": 365}),
    ("sharpe", {"smart": True}),
    ("sortino", {}),
    ("sortino", {"rf": 0.02, "smart": True}),
    ("adjusted_sortino", {}),
    ("probabilistic_sharpe_ratio", {}),
    ("probabilistic_sharpe_ratio", {"rf": 0.02}),
    ("omega", {}),
    ("omega", {"rf": 0.02, "required_return": 0.05}),
    ("skew", {}),
    ("kurtosis", {}),
    ("value_at_risk", {}),
    ("value_at_risk", {"sigma": 2, "confidence": 0.99}),
    ("conditional_value_at_risk", {}),
    ("conditional_value_at_risk", {"confidence": 0.9, "method": "historical"}),
    ("tail_ratio", {}),
    ("risk_return_ratio", {}),
    ("max_drawdown", {}),
    ("calmar", {}),
    ("ulcer_index", {}),
    ("upi", {"rf": 0.01}),
    ("serenity_index", {}),
    ("recovery_factor", {}),
    ("win_rate", {}),
    ("payoff_ratio", {}),
    ("profit_factor", {}),
    ("profit_ratio", {}),
    ("gain_to_pain_ratio", {}),
    ("cpc_index", {}),
    ("common_sense_ratio", {}),
    ("outlier_win_ratio", {}),
    ("outlier_loss_ratio", {}),
    ("kelly_criterion", {}),
    ("risk_of_ruin", {}),
]


@pytest.mark.parametrize("which", SHAPED)
@pytest.mark.parametrize(("name", "options"), QUANTSTATS)
def test_quantstats(name: str, options: dict[str, Any], which: str) -> None:
    expected = asked(getattr(library("quantstats").stats, name), SERIES[which], **options)
    assert getattr(quantstats, name)(SERIES[which], **options) == close_to(expected)


FEW = (
    "sortino profit_factor profit_ratio win_rate kelly_criterion upi skew kurtosis omega volatility"
)


@pytest.mark.parametrize("which", ["never lost", "two"])
@pytest.mark.parametrize("name", [*FEW.split(), "gain_to_pain_ratio", "recovery_factor"])
def test_quantstats_where_little_is_known(name: str, which: str) -> None:
    expected = asked(getattr(library("quantstats").stats, name), SERIES[which])
    assert getattr(quantstats, name)(SERIES[which]) == close_to(expected)


@pytest.mark.parametrize("which", SHAPED)
def test_quantstats_beside_a_benchmark(which: str) -> None:
    stats = library("quantstats").stats
    ours, theirs = SERIES[which], BENCHMARK[: len(SERIES[which])]
    for name in ("r_squared", "information_ratio", "treynor_ratio"):
        expected = asked(getattr(stats, name), ours, theirs)
        assert getattr(quantstats, name)(ours, theirs) == close_to(expected)
    expected = asked(stats.greeks, ours, theirs, periods=52)
    found = quantstats.greeks(ours, theirs, periods=52)
    assert found._asdict() == pytest.approx(expected.to_dict(), rel=1e-9, abs=1e-13)


# ---- Ours, where the formulas are the same ---------------------------------------------------------


@pytest.mark.parametrize("which", SHAPED)
def test_our_numbers_are_those_of_both_where_the_formula_is_the_same(which: str) -> None:
    steps, theirs = SERIES[which], BENCHMARK[: len(SERIES[which])]
    years = len(steps) / 252
    curve = np.cumprod(np.append(1.0, 1.0 + steps))
    fall = metrics.max_drawdown(curve)
    assert fall is not None
    outside = {
        "empyrical": {
            "annual_return": metrics.cagr(steps, years=years),
            "annual_volatility": metrics.volatility(steps, periods_per_year=252),
            "sharpe_ratio": metrics.sharpe(steps, periods_per_year=252),
            "sortino_ratio": metrics.sortino(steps, periods_per_year=252),
            "downside_risk": metrics.downside_deviation(steps, periods_per_year=252),
            "max_drawdown": fall.ratio,
            "calmar_ratio": metrics.calmar(metrics.cagr(steps, years=years), fall.ratio),
            "omega_ratio": metrics.omega(steps),
            "tail_ratio": metrics.tail_ratio(steps),
        },
        "quantstats.stats": {
            "comp": metrics.compound(steps),
            "sharpe": metrics.sharpe(steps, periods_per_year=252),
            "sortino": metrics.sortino(steps, periods_per_year=252),
            "max_drawdown": fall.ratio,
            "value_at_risk": -(metrics.gaussian_value_at_risk(steps) or 0.0),
            "cvar": -(metrics.gaussian_conditional_value_at_risk(steps) or 0.0),
        },
    }
    for name, numbers in outside.items():
        for function, ours in numbers.items():
            assert ours == close_to(asked(getattr(library(name), function), steps)), function
    relative = metrics.beta(steps, theirs)
    assert relative == close_to(asked(library("empyrical").beta, steps, theirs))


@pytest.mark.parametrize("which", SHAPED)
def test_our_sharpe_with_a_rate_is_that_of_quantstats(which: str) -> None:
    ours = metrics.sharpe(SERIES[which], periods_per_year=252, risk_free=0.03)
    expected = asked(library("quantstats").stats.sharpe, SERIES[which], rf=0.03)
    assert ours == close_to(expected)
