"""Metrics against published figures, against slow plain code, and where they are not defined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstep.metrics import (
    Drawdown,
    DrawdownScan,
    depths,
    max_drawdown,
    periods_per_year,
    returns,
    sharpe,
    total_return,
)

# Eight daily closes of an account; the figures beside them were computed independently.
CLOSES = np.array([100_000, 101_000, 100_500, 102_010, 99_000, 99_500, 103_000, 104_000])


def test_sharpe_of_known_closes() -> None:
    assert sharpe(CLOSES, periods_per_year=252) == pytest.approx(4.647425186854112, rel=1e-12)
    with_rate = sharpe(CLOSES, periods_per_year=252, risk_free=0.02)
    assert with_rate == pytest.approx(4.584305189900974, rel=1e-12)


def test_drawdown_of_known_closes() -> None:
    fall = max_drawdown(CLOSES)
    assert fall == Drawdown(102_010, 99_000)
    assert fall.amount == -3010
    assert fall.ratio == pytest.approx(-0.029506911087148313, rel=1e-15)


def test_total_return_is_last_over_first() -> None:
    assert total_return(CLOSES) == 0.04


@pytest.mark.parametrize(
    "curve",
    [
        [],
        [100],
        [100, 101],  # one return has no deviation
        [100, 100, 100],  # nor have equal ones
        [100, 0, 50],  # nothing can be earned on nothing
        [-5, 10, 20],
    ],
)
def test_sharpe_is_absent_where_it_is_not_defined(curve: list[int]) -> None:
    assert sharpe(np.array(curve, dtype=np.int64), periods_per_year=252) is None


@pytest.mark.parametrize("curve", [[], [0, 5], [-1, 5]])
def test_total_return_is_absent_without_a_start(curve: list[int]) -> None:
    assert total_return(np.array(curve, dtype=np.int64)) is None


@pytest.mark.parametrize("curve", [[], [0, -5], [-3, -1]])
def test_drawdown_is_absent_below_zero(curve: list[int]) -> None:
    assert max_drawdown(np.array(curve, dtype=np.int64)) is None


def test_rising_curve_has_no_drawdown() -> None:
    fall = max_drawdown(np.array([1, 2, 3]))
    assert fall is not None
    assert (fall.amount, fall.ratio) == (0, 0.0)


def test_drawdown_beyond_the_whole_account() -> None:
    fall = max_drawdown(np.array([100, -50]))
    assert fall is not None
    assert fall.ratio == -1.5


def test_hours_without_trading_leave_the_sharpe_ratio_alone() -> None:
    rng = np.random.default_rng(7)
    steps = rng.normal(0.001, 0.01, 500)
    traded = 1000 * np.cumprod(1 + steps)
    with_nights = np.repeat(traded, 3)
    per_day = sharpe(traded, periods_per_year=365)
    per_shift = sharpe(with_nights, periods_per_year=3 * 365)
    assert per_shift == pytest.approx(per_day, rel=0.02)


def test_sharpe_does_not_depend_on_the_unit_of_money() -> None:
    assert sharpe(CLOSES * 10**8, periods_per_year=252) == pytest.approx(
        sharpe(CLOSES, periods_per_year=252), rel=1e-12
    )


def test_returns_are_simple_returns() -> None:
    found = returns(np.array([100, 150, 75]))
    assert found is not None
    assert found.tolist() == [0.5, -0.5]


def test_periods_per_year_of_common_intervals() -> None:
    day_ms = 86_400_000
    assert periods_per_year(day_ms, "ms") == 365.25
    assert periods_per_year(1, "s") == 31_557_600
    assert periods_per_year(60 * 10**9, "ns") == 525_960


curves = st.lists(st.integers(-(10**6), 10**12), min_size=1, max_size=60)


@given(curves, st.integers(1, 10))
def test_pieces_give_the_drawdown_of_the_whole(curve: list[int], length: int) -> None:
    whole = np.array(curve)
    scan = DrawdownScan(curve[0])
    for start in range(0, len(curve), length):
        scan.push(whole[start : start + length])
    assert scan.deepest == max_drawdown(whole)
    assert scan.peak == max(curve)


@given(curves)
def test_drawdown_is_that_of_the_plain_loop(curve: list[int]) -> None:
    peak, deepest = curve[0], 0.0
    for value in curve:
        peak = max(peak, value)
        if peak > 0:
            deepest = min(deepest, (value - peak) / peak)
    found = max_drawdown(np.array(curve))
    assert (0.0 if found is None else found.ratio) == deepest
    assert -depths(np.array(curve), curve[0]).max() == deepest
