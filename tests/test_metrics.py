"""Metrics against published figures, against slow plain code, and where they are not defined."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tickstep as ts
from tickstep import metrics
from tickstep.data.calendar import calendar
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

# Eight daily closes of an account, and a benchmark's returns between them. The figures beside these and
# the columns below were computed independently.
CLOSES = np.array([100_000, 101_000, 100_500, 102_010, 99_000, 99_500, 103_000, 104_000])
BENCHMARK = [0.004, -0.012, 0.009, -0.015, 0.011, 0.010, -0.003]
TAILS = (
    np.array([-31, -22, -18, -12, -9, -7, -4, -2, 0, 1, 3, 4, 6, 8, 9, 11, 13, 17, 21, 28]) / 1000
)
PNL = [120, -80, 45, -30, 0, 200, -150, 60, 10, -25]


def exactly(value: float) -> Any:
    return pytest.approx(value, rel=1e-12, abs=0)


def test_sharpe_of_known_closes() -> None:
    assert sharpe(returns(CLOSES), periods_per_year=252) == pytest.approx(
        4.647425186854112, rel=1e-12
    )
    with_rate = sharpe(returns(CLOSES), periods_per_year=252, risk_free=0.02)
    assert with_rate == pytest.approx(4.584305189900974, rel=1e-12)


def test_ratios_of_known_closes() -> None:
    steps = returns(CLOSES)
    growth = metrics.cagr(steps, years=7 / 252)
    assert growth == exactly(3.10393255398042)
    assert metrics.cagr(steps, years=9 / 365.25) == exactly(3.912128129353153)
    assert metrics.volatility(steps, periods_per_year=1) == exactly(0.01976389955533596)
    assert metrics.sortino(steps, periods_per_year=252) == exactly(8.122364394670903)
    assert metrics.kelly_continuous(steps) == exactly(14.812879805433589)
    ulcer = metrics.ulcer_index(CLOSES)
    assert ulcer == exactly(0.01369576773116273)
    assert metrics.calmar(growth, -0.5) == exactly(2 * 3.10393255398042)
    expected = (3.10393255398042 - 0.02) / 0.01369576773116273
    assert metrics.ulcer_performance(growth, ulcer, risk_free=0.02) == exactly(expected)


def test_known_closes_beside_the_benchmark() -> None:
    steps = returns(CLOSES)
    slope = metrics.beta(steps, BENCHMARK)
    assert slope == exactly(1.4880438626097752)
    assert metrics.alpha(steps, BENCHMARK, periods_per_year=1) == exactly(0.004935773763766532)
    assert metrics.alpha(steps, BENCHMARK, periods_per_year=252) == exactly(1.243814988469166)
    active = metrics.information_ratio(steps, BENCHMARK, periods_per_year=252)
    assert active == exactly(6.501043388184193)


def test_relative_numbers_of_a_levered_benchmark() -> None:
    theirs = np.array(BENCHMARK)
    ours = 1.5 * theirs + 0.001
    assert metrics.r_squared(ours, theirs) == exactly(1.0)
    assert metrics.alpha(ours, theirs, periods_per_year=12) == pytest.approx(0.012, rel=1e-10)
    deviation = metrics.tracking_error(ours, theirs, periods_per_year=4)
    assert deviation == exactly(float(0.5 * theirs.std(ddof=1) * 2))
    assert metrics.up_capture(2 * theirs, theirs) == pytest.approx(2, abs=0.01)
    assert metrics.down_capture(theirs, theirs) == 1.0


@pytest.mark.parametrize(
    ("level", "loss", "mean_loss"),
    [(0.05, 0.031, 0.031), (0.10, 0.022, 0.0265), (0.075, 0.022, 0.028)],
)
def test_historical_tails(level: float, loss: float, mean_loss: float) -> None:
    assert metrics.value_at_risk(TAILS, level=level) == exactly(loss)
    assert metrics.conditional_value_at_risk(TAILS, level=level) == exactly(mean_loss)


def test_normal_tails_and_shape() -> None:
    assert metrics.gaussian_value_at_risk(TAILS) == exactly(0.023247927009655115)
    assert metrics.gaussian_conditional_value_at_risk(TAILS) == exactly(0.029357070649960522)
    assert metrics.cornish_fisher_value_at_risk(TAILS) == exactly(0.024561837041539553)
    assert metrics.skewness(TAILS) == exactly(-0.30579897636131037)
    assert metrics.kurtosis(TAILS) == exactly(2.767057286590124)
    assert metrics.omega(TAILS) == exactly(121 / 105)
    assert metrics.tail_ratio(TAILS) == exactly(0.02135 / 0.02245)


def test_outcomes_of_known_trades() -> None:
    assert metrics.win_rate(PNL) == 0.5
    assert metrics.profit_factor(PNL) == exactly(1.5263157894736843)
    assert metrics.expectancy(PNL) == 15
    assert metrics.payoff(PNL) == exactly(1.2210526315789474)
    assert metrics.sqn(PNL) == exactly(0.4788860233182405)
    assert metrics.kelly(PNL) == exactly(0.1915708812260537)
    assert metrics.streaks(PNL) == (2, 1)


def test_more_trades_than_a_hundred_raise_no_capped_system_quality() -> None:
    many = PNL * 30
    quality = metrics.sqn(many)
    assert quality is not None
    assert metrics.sqn(many, cap=metrics.SQN_CAP) == exactly(quality / math.sqrt(3))


def test_probabilistic_sharpe_and_the_length_it_takes() -> None:
    shape = {"skew": -0.5, "kurtosis": 5.0}
    found = metrics.probabilistic_sharpe(0.1, count=250, **shape)
    assert found == exactly(0.937320574390259)
    assert metrics.min_track_record(0.1, **shape) == exactly(287.7876061341135)
    assert metrics.min_track_record(0.1, target=0.02, **shape) == exactly(449.10563458455243)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "expected"),
    [
        (100, -3, 10, 0.9003968344493904),
        (46, -3, 10, 0.9505017068755786),
        (88, 0, 3, 0.9504908166760138),
    ],
)
def test_deflated_sharpe_is_that_of_its_paper(
    trials: float, skew: float, kurtosis: float, expected: float
) -> None:
    found = metrics.deflated_sharpe(
        2.5 / math.sqrt(250),
        count=1250,
        skew=skew,
        kurtosis=kurtosis,
        trials=trials,
        variance=0.5 / 250,
    )
    assert found == exactly(expected)


def crossed_trials() -> np.ndarray[Any, np.dtype[np.float64]]:
    row, column = np.meshgrid(np.arange(48), np.arange(5), indexing="ij")
    noise = ((7 * row + 11 * column + 3) * (row + 2 * column + 5)) % 23 - 11
    return np.asarray((10 * noise + np.array([0, 5, -5, 10, 0])) / 10_000)


def test_overfitting_of_known_trials() -> None:
    trials = crossed_trials()
    assert trials[0].tolist() == [0.004, -0.0045, 0.0065, -0.005, 0.002]
    assert float(trials.sum()) == pytest.approx(-0.071, abs=1e-12)
    found = metrics.overfitting(trials, blocks=6)
    assert found.probability == 0.2
    assert len(found.logits) == 20
    assert found.logits.mean() == exactly(1.1266065387038704)
    assert sorted(found.logits.round(6).tolist()) == [-1.609438] * 2 + [0.0] * 2 + [1.609438] * 16


def plain_sharpes(table: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    return [float(column.mean() / column.std(ddof=1)) for column in table.T]


@pytest.mark.parametrize("count", [48, 50])
def test_overfitting_is_that_of_the_plain_loop(count: int) -> None:
    trials = np.random.default_rng(3).normal(size=(count, 4))
    blocks = np.array_split(np.arange(count), 6)
    logits = []
    for taken in itertools.combinations(range(6), 3):
        inside = np.concatenate([blocks[block] for block in taken])
        outside = np.setdiff1d(np.arange(count), inside)
        inner, outer = (plain_sharpes(trials[rows]) for rows in (inside, outside))
        rank = sorted(outer).index(outer[inner.index(max(inner))]) + 1
        logits.append(math.log(rank / 5 / (1 - rank / 5)))
    found = metrics.overfitting(trials, blocks=6)
    assert found.logits.tolist() == pytest.approx(logits, abs=1e-12)


def test_effective_trials_of_unrelated_and_of_equal_trials() -> None:
    waves = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * 0.01
    assert metrics.effective_trials(waves) == 2.0
    assert metrics.effective_trials(np.column_stack((waves, waves))) == pytest.approx(3.0)


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
    assert sharpe(returns(np.array(curve, dtype=np.int64)), periods_per_year=252) is None


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
    per_day = sharpe(returns(traded), periods_per_year=365)
    per_shift = sharpe(returns(with_nights), periods_per_year=3 * 365)
    assert per_shift == pytest.approx(per_day, rel=0.02)


def test_sharpe_does_not_depend_on_the_unit_of_money() -> None:
    assert sharpe(returns(CLOSES * 10**8), periods_per_year=252) == pytest.approx(
        sharpe(returns(CLOSES), periods_per_year=252), rel=1e-12
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


@settings(deadline=None)
@given(curves, st.integers(1, 10))
def test_pieces_give_the_drawdown_of_the_whole(curve: list[int], length: int) -> None:
    whole = np.array(curve)
    scan = DrawdownScan(curve[0])
    for start in range(0, len(curve), length):
        scan.push(whole[start : start + length])
    assert scan.deepest == max_drawdown(whole)
    assert scan.peak == max(curve)


@settings(deadline=None)
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


# ---- What cannot be known ------------------------------------------------------------------------

DAY = 86_400


@pytest.mark.parametrize("steps", [None, [], [0.01]])
def test_too_few_returns_tell_nothing(steps: list[float] | None) -> None:
    absent = [
        metrics.volatility(steps, periods_per_year=1),
        metrics.sharpe(steps, periods_per_year=1),
        metrics.sortino(steps, periods_per_year=1),
        metrics.gaussian_value_at_risk(steps),
        metrics.gaussian_conditional_value_at_risk(steps),
        metrics.cornish_fisher_value_at_risk(steps),
        metrics.skewness(steps),
        metrics.kurtosis(steps),
        metrics.kelly_continuous(steps),
        metrics.omega(steps),
        metrics.beta(steps, steps),
        metrics.alpha(steps, steps, periods_per_year=1),
        metrics.tracking_error(steps, steps, periods_per_year=1),
        metrics.information_ratio(steps, steps, periods_per_year=1),
        metrics.r_squared(steps, steps),
        metrics.down_capture(steps, steps),
    ]
    assert absent == [None] * len(absent)


def test_no_returns_tell_nothing() -> None:
    absent = [
        metrics.compound([]),
        metrics.cagr([], years=1),
        metrics.downside_deviation([], periods_per_year=1),
        metrics.value_at_risk([]),
        metrics.conditional_value_at_risk([]),
        metrics.tail_ratio([]),
        metrics.ulcer_index([]),
        metrics.calmar(None, -0.1),
        metrics.calmar(0.1, 0.0),
        metrics.ulcer_performance(0.1, 0.0),
    ]
    assert absent == [None] * len(absent)


def test_trades_that_cannot_be_compared() -> None:
    assert [metrics.win_rate([]), metrics.expectancy([]), metrics.sqn([])] == [None] * 3
    assert [metrics.profit_factor([5, 0]), metrics.payoff([5, 0]), metrics.kelly([-5])] == [
        None
    ] * 3
    assert metrics.sqn([5, 5]) is None
    assert metrics.streaks([]) == (0, 0)


def test_moments_and_lengths_that_tell_nothing() -> None:
    assert metrics.probabilistic_sharpe(0.1, count=1, skew=0, kurtosis=3) is None
    assert metrics.probabilistic_sharpe(2, count=50, skew=3, kurtosis=1) is None  # no such shape
    assert metrics.min_track_record(0.1, skew=0, kurtosis=3, target=0.1) is None
    assert metrics.effective_trials(np.array([[0.01, 0.02], [0.01, 0.03]])) is None
    assert metrics.periods_counted(np.array([5]), "s") is None
    assert metrics.periods_counted(np.array([5, 5]), "s") is None
    assert metrics.exposure_time(np.array([1]), np.array([1]), start=5, end=5) is None
    assert metrics.gross_exposure([1.0], [0.0]) is None


def test_a_loss_of_more_than_everything_has_no_growth() -> None:
    assert metrics.cagr([-1.5], years=1) is None
    assert metrics.annual_growth(-1.0, 2) == -1.0
    assert metrics.annual_growth(0.5, 0) is None
    assert metrics.annual_growth(10.0, 1e-9) is None


# ---- Refused -------------------------------------------------------------------------------------


def test_values_that_are_not_finite_are_refused_by_row() -> None:
    with pytest.raises(ts.DataError, match="returns at row 1 must be a finite number, was nan"):
        metrics.sharpe([0.1, math.nan], periods_per_year=252)
    with pytest.raises(ts.DataError, match="benchmark at row 0 must be a finite number, was inf"):
        metrics.beta([0.1], [math.inf])
    with pytest.raises(ts.DataError, match="returns at row 1, column 0 must be a finite number"):
        metrics.overfitting([[0.1, 0.2], [math.nan, 0.1]])


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ts.DataError, match="returns has 2 rows and benchmark has 1"):
        metrics.beta([0.1, 0.2], [0.1])
    with pytest.raises(ts.DataError, match=r"returns must have one dimension.*\(1, 2\)"):
        metrics.skewness(np.array([[0.1, 0.2]]))
    with pytest.raises(
        ts.DataError, match=r"a column for each trial, was an array of shape \(2,\)"
    ):
        metrics.effective_trials([0.1, 0.2])
    with pytest.raises(ts.DataError, match="flows has 2 rows and the returns has 1"):
        returns([100, 110], flows=[1, 2])


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ts.ConfigError, match="periods_per_year is 0"):
        metrics.sharpe([0.1, 0.2], periods_per_year=0)
    with pytest.raises(ts.ConfigError, match="level is 1.5"):
        metrics.value_at_risk([0.1], level=1.5)
    with pytest.raises(ts.ConfigError, match="rate of -1"):
        metrics.sharpe([0.1, 0.2], periods_per_year=12, risk_free=-1)
    with pytest.raises(ts.ConfigError, match="flows_at is 'noon'"):
        returns([100, 110], flows=[1], flows_at="noon")
    with pytest.raises(ts.ConfigError, match="window is 1"):
        metrics.rolling_sharpe([0.1], 1, periods_per_year=1)
    with pytest.raises(ts.ConfigError, match="0.5 trials"):
        metrics.expected_best_sharpe(0.5, 1)
    with pytest.raises(ts.ConfigError, match="blocks is 5"):
        metrics.overfitting(crossed_trials(), blocks=5)


def test_trials_that_cannot_be_cut_or_compared_are_refused() -> None:
    with pytest.raises(ts.DataError, match="48 periods of 1 trials cannot be cut into 6 blocks"):
        metrics.overfitting(crossed_trials()[:, :1], blocks=6)
    flat = np.column_stack((crossed_trials()[:, 0], np.full(48, 0.01)))
    with pytest.raises(ts.DataError, match="trial 1 earns 0.01 in every period of a half"):
        metrics.overfitting(flat, blocks=6)


# ---- How much is a year --------------------------------------------------------------------------


def test_flows_earn_nothing() -> None:
    curve, flows = [100.0, 160.0, 77.0], [50.0, -90.0]
    at_end = returns(curve, flows=flows)
    assert at_end is not None and at_end.tolist() == pytest.approx([0.1, 0.04375])
    at_start = returns(curve, flows=flows, flows_at="start")
    assert at_start is not None and at_start.tolist() == pytest.approx([160 / 150 - 1, 0.1])


def test_sessions_of_a_year_are_counted_in_the_calendar() -> None:
    sessions = metrics.sessions_per_year(calendar("SSE"), "2021-01-01", "2022-01-01")
    assert sessions == pytest.approx(243 / 365 * 365.25)  # 243 trading days in 2021
    with pytest.raises(ts.ConfigError, match="90 days are too few"):
        metrics.sessions_per_year(calendar("SSE"), "2021-01-01", "2021-04-01")


def test_periods_are_counted_from_the_times() -> None:
    days = np.arange(366) * DAY
    assert metrics.periods_counted(days, "s") == pytest.approx(365.25)
    weekly = days[::7]
    assert metrics.periods_counted(weekly, "s") == pytest.approx(365.25 / 7)


def test_days_end_at_the_last_sample_of_each() -> None:
    times = np.array([0, DAY - 1, DAY, 3 * DAY, 3 * DAY + 5])
    assert metrics.day_ends(times, "s").tolist() == [1, 2, 4]
    night = np.array(["2024-01-02"] * 3 + ["2024-01-03"] * 2, dtype="datetime64[D]")
    assert metrics.day_ends(times, "s", days=night).tolist() == [2, 4]
    with pytest.raises(ts.DataError, match="there are 1 days for 5 times"):
        metrics.day_ends(times, "s", days=night[:1])


def test_months_and_years_compound_to_the_whole() -> None:
    days = np.arange("2022-11-15", "2024-02-10", dtype="datetime64[D]")
    steps = np.random.default_rng(5).normal(0, 0.01, len(days))
    monthly, yearly = metrics.monthly_returns(days, steps), metrics.yearly_returns(days, steps)
    assert len(monthly.periods) == 16 and monthly.counts.sum() == len(days)
    whole = pytest.approx(metrics.compound(steps), abs=1e-12)
    assert metrics.compound(monthly.returns) == whole
    assert metrics.compound(yearly.returns) == whole
    table = metrics.monthly_table(days, steps)
    assert [row.year for row in table] == [2022, 2023, 2024]
    assert table[0].months[:10] == (None,) * 10
    assert [month for row in table for month in row.months if month is not None] == (
        monthly.returns.tolist()
    )
    assert [row.total for row in table] == yearly.returns.tolist()


def test_days_of_returns_are_dates_in_order() -> None:
    days = np.array(["2024-01-02", "2024-01-01"], dtype="datetime64[D]")
    with pytest.raises(ts.DataError, match="days must be 2 dates in order"):
        metrics.monthly_returns(days, [0.1, 0.2])
    with pytest.raises(ts.DataError, match="days must be 1 dates in order, was 1 of int64"):
        metrics.yearly_returns(np.array([1]), [0.1])


# ---- Windows -------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [2, 5, 30])
def test_each_window_has_the_number_of_its_returns(window: int) -> None:
    rng = np.random.default_rng(11)
    steps, theirs = rng.normal(0, 0.01, (2, 30)).round(3)
    steps[:7] = 0.0  # windows without any deviation
    for index in range(30 - window + 1):
        part, other = steps[index : index + window], theirs[index : index + window]
        curve = np.concatenate(([1.0], np.cumprod(1 + part)))
        fall = max_drawdown(curve)
        expected = {
            "rolling_return": metrics.compound(part),
            "rolling_max_drawdown": fall.ratio if fall else None,
            "rolling_volatility": metrics.volatility(part, periods_per_year=252),
            "rolling_sharpe": sharpe(part, periods_per_year=252),
            "rolling_sortino": metrics.sortino(part, periods_per_year=252),
            "rolling_beta": metrics.beta(part, other),
        }
        found = {
            "rolling_return": metrics.rolling_return(steps, window),
            "rolling_max_drawdown": metrics.rolling_max_drawdown(steps, window),
            "rolling_volatility": metrics.rolling_volatility(steps, window, periods_per_year=252),
            "rolling_sharpe": metrics.rolling_sharpe(steps, window, periods_per_year=252),
            "rolling_sortino": metrics.rolling_sortino(steps, window, periods_per_year=252),
            "rolling_beta": metrics.rolling_beta(steps, theirs, window),
        }
        for name, values in found.items():
            assert len(values) == 30 - window + 1
            value = math.nan if expected[name] is None else expected[name]
            assert values[index] == pytest.approx(value, rel=1e-10, abs=1e-15, nan_ok=True), name


def test_fewer_returns_than_the_window_have_no_window() -> None:
    assert len(metrics.rolling_return([0.1, 0.2], 3)) == 0


# ---- Falls ---------------------------------------------------------------------------------------


def slow_segments(curve: list[int]) -> list[tuple[int, int, int, int, bool]]:
    """Peak, start, trough, end and whether it is open, of every fall from above 0."""
    found, peak, trough = [], 0, 0
    for row, value in enumerate(curve):
        if value >= curve[peak]:
            if trough > peak:
                found.append((peak, peak + 1, trough, row, False))
            peak = trough = row
        elif curve[peak] > 0 and (trough == peak or value < curve[trough]):
            trough = row
    if trough > peak:
        found.append((peak, peak + 1, trough, len(curve) - 1, True))
    return found


@settings(deadline=None)
@given(st.lists(st.integers(-3, 8), min_size=1, max_size=60), st.integers(1, 10))
def test_segments_are_those_of_the_plain_loop_in_any_pieces(curve: list[int], length: int) -> None:
    scan = metrics.SegmentScan()
    for start in range(0, len(curve), length):
        scan.push(np.array(curve[start : start + length]))
    for falls in (scan.segments(), metrics.drawdown_segments(np.array(curve))):
        rows = (falls.peak, falls.start, falls.trough, falls.end, falls.is_open)
        assert list(zip(*(each.tolist() for each in rows), strict=True)) == slow_segments(curve)
        assert falls.peak_value.tolist() == [curve[row] for row in falls.peak]
        assert falls.trough_value.tolist() == [curve[row] for row in falls.trough]
        deepest = max_drawdown(np.array(curve))
        if len(falls):
            assert deepest is not None
            assert falls.depth.min() == pytest.approx(deepest.ratio)
            assert np.all(np.diff(falls.deepest_first().depth) >= 0)


def test_known_closes_fall_twice() -> None:
    falls = metrics.drawdown_segments(CLOSES)
    assert falls.amount.tolist() == [-500, -3010]
    periods = np.arange(len(CLOSES))
    assert falls.duration(periods).tolist() == [2, 3]
    assert falls.recovery(periods).tolist() == [1, 2]
    assert falls.longest(periods) == 3
    assert falls.worst_open() is None
    assert metrics.drawdown_segments(CLOSES[:5]).worst_open() == Drawdown(102_010, 99_000)
    assert len(metrics.drawdown_segments(CLOSES, depth_min=0.01)) == 1
    assert metrics.drawdown_segments(CLOSES[:2]).longest(periods) is None


# ---- Time in the market --------------------------------------------------------------------------


def test_exposure_counts_only_the_time_that_counts() -> None:
    times, positions = np.array([-50, 40, 60, 300]), np.array([3, 0, -1, 0])
    assert metrics.exposure_time(times, positions, start=0, end=100) == 0.8
    assert metrics.exposure_time(times[:0], positions[:0], start=0, end=100) == 0.0


# --- Numbers out of the range of floats, and columns that are none. -------------------------------


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-100, 1e100, 1e200, 1e300])
def test_returns_of_any_size_have_numbers_or_none(scale: float) -> None:
    steps = np.array([1.0, 2.0, -1.0, 0.5]) * scale
    ratios = {
        "sharpe": metrics.sharpe(steps, periods_per_year=252),
        "sortino": metrics.sortino(steps, periods_per_year=252),
        "volatility": metrics.volatility(steps, periods_per_year=252),
        "downside": metrics.downside_deviation(steps, periods_per_year=252),
        "sqn": metrics.sqn(steps),
        "skewness": metrics.skewness(steps),
        "kurtosis": metrics.kurtosis(steps),
        "kelly": metrics.kelly_continuous(steps),
    }
    assert all(value is None or math.isfinite(value) for value in ratios.values()), ratios
    whole = np.array([1.0, 2.0, -1.0, 0.5])
    if 1e-150 < scale < 1e150:
        assert ratios["skewness"] == pytest.approx(metrics.skewness(whole), rel=1e-12)
        assert ratios["kurtosis"] == pytest.approx(metrics.kurtosis(whole), rel=1e-12)
        assert ratios["sharpe"] == pytest.approx(
            metrics.sharpe(whole, periods_per_year=252), rel=1e-12
        )


def test_wrong_numbers_are_named() -> None:
    with pytest.raises(ts.DataError, match="returns are no column of numbers"):
        metrics.volatility(np.array(["a", "b"]), periods_per_year=252)
    with pytest.raises(ts.ConfigError, match="cap is 0"):
        metrics.sqn([1, 2, 3], cap=0)
    with pytest.raises(ts.DataError, match="sharpe must be a finite number"):
        metrics.probabilistic_sharpe(math.nan, count=9, skew=0, kurtosis=3)
    with pytest.raises(ts.ConfigError, match="level is 2"):
        metrics.min_track_record(0.1, skew=0, kurtosis=3, level=2)
    with pytest.raises(ts.ConfigError, match="nan trials"):
        metrics.expected_best_sharpe(math.nan, 1.0)
