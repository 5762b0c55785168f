"""Analytics against slow exact references, polars, themselves in pieces, and a scrambled future."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tickstep as ts
from tickstep import analytics as an

Array = npt.NDArray[Any]
LONG = 5_000  # more than the blocks of the native loops


class Walk:
    """Columns of a random walk with gaps, bursts of equal times and times before 1970."""

    def __init__(self, rows: int = LONG, seed: int = 1, floats: bool = False) -> None:
        random = np.random.default_rng(seed)
        gaps = random.integers(0, 40, rows) * (random.random(rows) < 0.7)
        gaps[random.random(rows) < 0.002] = 7_000
        self.time = np.cumsum(gaps) - 30_000
        self.price = 10_000 + np.cumsum(random.integers(-3, 4, rows))
        self.qty: Array = random.integers(0, 1_000, rows)
        if floats:
            self.qty = random.lognormal(0, 2, rows)
        self.side = random.integers(0, 2, rows).astype(np.uint8)

    @property
    def columns(self) -> tuple[Array, Array, Array, Array]:
        return self.time, self.price, self.qty, self.side

    def bars(self) -> tuple[Array, Array, Array, Array]:
        """Open, high, low and close, with jumps between the bars."""
        random = np.random.default_rng(5)
        opens = self.price + random.integers(-5, 6, len(self.price))
        highs = np.maximum(opens, self.price) + random.integers(0, 9, len(opens))
        lows = np.minimum(opens, self.price) - random.integers(0, 9, len(opens))
        return opens, highs, lows, self.price


def ticks_of(walk: Walk) -> ts.Ticks:
    return ts.Ticks(
        walk.time,
        walk.price,
        np.maximum(walk.qty, 1),
        walk.side,
        tick_size="0.01",
        lot="0.001",
        symbol="WALK",
    )


# ---- Candles -------------------------------------------------------------------------------------

Row = tuple[int, int, Any, int]
Ends = Callable[[list[Row], Row], bool]


def slow_bars(rows: Sequence[Row], begins: Ends) -> list[list[Row]]:
    """Rows in bars: a row begins a new one when `begins` says so of the bar before it."""
    bars: list[list[Row]] = []
    for row in rows:
        if not bars or begins(bars[-1], row):
            bars.append([])
        bars[-1].append(row)
    return bars


def slow_candles(
    bars: Sequence[Sequence[Row]], start: Callable[[int], int]
) -> dict[str, list[Any]]:
    made: dict[str, list[Any]] = {name: [] for name in an.CANDLE_COLUMNS}
    for bar in bars:
        prices = [price for _, price, _, _ in bar]
        total, bought, sold = (bar[0][2] * 0 for _ in range(3))
        for _, _, qty, side in bar:
            total += qty
            bought, sold = (bought + qty, sold) if side == 0 else (bought, sold + qty)
        row = (start(bar[0][0]), prices[0], max(prices), min(prices), prices[-1])
        for name, value in zip(made, (*row, total, bought, sold, len(bar)), strict=True):
            made[name].append(value)
    return made


def rows_of(walk: Walk) -> list[Row]:
    return list(zip(*(column.tolist() for column in walk.columns), strict=True))


def same(found: dict[str, Array], wanted: dict[str, Any]) -> None:
    for name, values in wanted.items():
        assert found[name].tolist() == list(values), name


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("interval", [1, 7, 1000, 60_000, 10**9])
def test_time_candles_are_those_of_a_slow_loop(interval: int, floats: bool) -> None:
    walk = Walk(floats=floats)
    bars = slow_bars(rows_of(walk), lambda bar, row: bar[0][0] // interval != row[0] // interval)
    wanted = slow_candles(bars, lambda time: time // interval * interval)
    same(an.ticks_to_candles(*walk.columns, interval_ms=interval), wanted)


RULES: dict[str, tuple[dict[str, Any], Ends]] = {
    "ticks": ({"ticks_per_bar": 17}, lambda bar, _: len(bar) >= 17),
    "volume": ({"volume_per_bar": 5_000}, lambda bar, _: sum(r[2] for r in bar) >= 5_000),
    "money": (
        {"money_per_bar": 10**8},
        lambda bar, _: sum(r[1] * r[2] for r in bar) >= 10**8,
    ),
    "imbalance": (
        {"imbalance_per_bar": 2_000},
        lambda bar, _: abs(sum(r[2] * (1 - 2 * r[3]) for r in bar)) >= 2_000,
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_bars_of_amounts_end_with_the_tick_that_reaches_them(rule: str) -> None:
    walk = Walk(rows=3_000)
    sizes, begins = RULES[rule]
    wanted = slow_candles(slow_bars(rows_of(walk), begins), lambda time: time)
    found = an.ticks_to_candles(*walk.columns, **sizes)
    same(found, wanted)
    assert len(found["ts_open"]) > 10
    last_rows = np.cumsum(found["trade_count"]) - 1
    assert found["ts_close"].tolist() == walk.time[last_rows].tolist()


@pytest.mark.parametrize("rule", ["volume", "money", "imbalance"])
def test_float_amounts_end_bars_too(rule: str) -> None:
    walk = Walk(rows=2_000, floats=True)
    sizes: dict[str, Any] = {f"{rule}_per_bar": 500_000.0 if rule == "money" else 40.0}
    candles = an.ticks_to_candles(*walk.columns, None, **sizes)
    moved = {
        "volume": candles["volume"],
        "imbalance": abs(candles["buy_volume"] - candles["sell_volume"]),
    }.get(rule)
    assert len(candles["volume"]) > 10
    assert math.isclose(candles["volume"].sum(), walk.qty.sum(), rel_tol=1e-12)
    if moved is not None:
        assert (moved[:-1] >= 40).all()


@pytest.mark.parametrize("sizes", [{"interval_ms": 500}, *(rule for rule, _ in RULES.values())])
def test_bar_sums_are_tick_sums(sizes: dict[str, Any]) -> None:
    walk = Walk()
    candles = an.ticks_to_candles(*walk.columns, **sizes)
    assert candles["volume"].sum() == walk.qty.sum()
    assert candles["buy_volume"].sum() == walk.qty[walk.side == 0].sum()
    assert (candles["buy_volume"] + candles["sell_volume"] == candles["volume"]).all()
    assert candles["trade_count"].sum() == len(walk.qty)


def test_candles_equal_those_of_polars() -> None:
    walk = Walk(rows=20_000)
    names = ("t", "p", "q", "s")
    frame = pl.DataFrame(dict(zip(names, walk.columns, strict=True)))
    p, q, is_buy = pl.col("p"), pl.col("q"), pl.col("s") == 0
    wanted = (
        frame.group_by((pl.col("t").floordiv(1000) * 1000).alias("ts_open"), maintain_order=True)
        .agg(
            open=p.first(),
            high=p.max(),
            low=p.min(),
            close=p.last(),
            volume=q.sum(),
            buy_volume=q.filter(is_buy).sum(),
            sell_volume=q.filter(~is_buy).sum(),
            trade_count=pl.len().cast(pl.Int64),
        )
        .sort("ts_open")
    )
    found = an.candles_to_dataframe(an.ticks_to_candles(*walk.columns, interval_ms=1000))
    assert found.equals(wanted)


def test_empty_buckets_stand_at_the_last_price() -> None:
    columns = ([-2500, 100, 3100], [5, 6, 7], [1, 2, 3], [0, 1, 0])
    bare = an.ticks_to_candles(*columns, interval_ms=1000)
    full = an.ticks_to_candles(*columns, interval_ms=1000, fill_empty=True)
    assert bare["ts_open"].tolist() == [-3000, 0, 3000]
    assert full["ts_open"].tolist() == list(range(-3000, 4000, 1000))
    assert full["close"].tolist() == [5, 5, 5, 6, 6, 6, 7]
    assert full["open"].tolist() == [5, 5, 5, 6, 6, 6, 7]
    assert full["trade_count"].tolist() == [1, 0, 0, 1, 0, 0, 1]
    assert full["volume"].sum() == 6


def test_too_many_empty_buckets_are_refused() -> None:
    with pytest.raises(ts.DataError, match="empty buckets") as caught:
        an.ticks_to_candles([0, 2**61], [1, 1], [1, 1], [0, 0], interval_ms=1, fill_empty=True)
    assert caught.value.hint is not None


def test_ticks_make_bars_on_their_grids() -> None:
    ticks = ticks_of(Walk())
    bars = ticks.candles("1s")
    assert bars.interval == "1s" and bars.symbol == "WALK" and bars.grids == ticks.grids
    dense = an.ticks_to_candles(ticks, interval_ms=1000)
    assert bars.time.tolist() == dense["ts_open"].tolist()
    assert bars.close.tolist() == dense["close"].tolist()
    assert bars.volume.tolist() == dense["volume"].tolist()
    assert bars.trade_count is not None and bars.trade_count.sum() == len(ticks)
    assert bars.buy_lots is not None and bars.turnover is not None
    assert bars.buy_lots.sum() == ticks.qty_lots[ticks.side == 0].sum()
    exact = sum(int(p) * int(q) for p, q in zip(ticks.price_ticks, ticks.qty_lots, strict=True))
    assert math.isclose(bars.turnover.sum(), exact * 1e-5, rel_tol=1e-12)
    by_volume = ticks.candles(volume_per_bar="2.5")
    assert by_volume.interval is None and (by_volume.volume_lots[:-1] >= 2_500).all()
    assert by_volume.volume_lots.sum() == ticks.qty_lots.sum()
    assert len(ticks.candles(money_per_bar=1000.0)) > 1


def test_microseconds_are_cut_by_the_same_interval() -> None:
    walk = Walk(rows=500)
    wanted = an.ticks_to_candles(*walk.columns, interval_ms=250)
    fine = an.ticks_to_candles(walk.time * 1000, *walk.columns[1:], interval_ms=250, time_unit="us")
    assert fine["ts_open"].tolist() == (wanted["ts_open"] * 1000).tolist()
    same(fine, {name: wanted[name].tolist() for name in an.CANDLE_COLUMNS[1:]})


@pytest.mark.parametrize("target", [2_000, 6_000, 60_000])
def test_resampled_candles_are_those_of_ticks(target: int) -> None:
    walk = Walk()
    wanted = an.ticks_to_candles(*walk.columns, interval_ms=target)
    for fill_empty in (False, True):
        short = an.ticks_to_candles(*walk.columns, interval_ms=1000, fill_empty=fill_empty)
        made = an.resample_candles(short, target, 1000)
        full = made["trade_count"] > 0
        same({name: made[name][full] for name in made}, {n: wanted[n].tolist() for n in wanted})
    bars = ticks_of(walk).candles("1s").resample(target)
    direct = ticks_of(walk).candles(target)
    assert bars.turnover is not None and direct.turnover is not None
    assert np.allclose(bars.turnover, direct.turnover, rtol=1e-12)
    for name, column in direct.columns.items():
        assert name == "turnover" or (column == bars.columns[name]).all(), name


def test_resampling_refuses_what_does_not_fit() -> None:
    candles = an.ticks_to_candles(*Walk(rows=300).columns, interval_ms=1000)
    with pytest.raises(ts.ConfigError, match="multiple"):
        an.resample_candles(candles, 1500, 1000)
    shifted = dict(candles) | {"ts_open": candles["ts_open"] + 500}
    with pytest.raises(ts.DataError, match="reaches into the next"):
        an.resample_candles(shifted, 2000, 1000)
    with pytest.raises(ts.ConfigError, match="cannot be put together"):
        ticks_of(Walk(rows=100)).candles(ticks_per_bar=5).resample("1m")


def test_candles_in_pandas_have_the_same_columns() -> None:
    pandas = pytest.importorskip("pandas")
    candles = an.ticks_to_candles(*Walk(rows=100).columns, interval_ms=1000)
    frame = an.candles_to_pandas(candles)
    assert isinstance(frame, pandas.DataFrame)
    assert frame["volume"].tolist() == candles["volume"].tolist()


# ---- VWAP ----------------------------------------------------------------------------------------


def quotient(paid: int, volume: int) -> float:
    """The nearest floats of both, divided once: what the docstring promises."""
    return float(paid) / float(volume) if volume else math.nan


def slow_vwap(prices: Array, volumes: Array, first: Callable[[int], int]) -> list[float]:
    pairs = list(zip(prices.tolist(), volumes.tolist(), strict=True))
    found = []
    for row in range(len(pairs)):
        part = pairs[first(row) : row + 1] if first(row) >= 0 else []
        found.append(quotient(sum(p * v for p, v in part), sum(v for _, v in part)))
    return found


def equal_floats(found: Array, wanted: Sequence[float]) -> None:
    assert np.array_equal(found, np.array(wanted), equal_nan=True)


@pytest.mark.parametrize("scale", [1, 10**6, 2**45])
def test_whole_vwap_is_exact(scale: int) -> None:
    walk = Walk(rows=700)
    prices = walk.price * scale
    volumes = walk.qty
    equal_floats(an.calculate_vwap(prices, volumes), slow_vwap(prices, volumes, lambda _: 0))
    rolling = slow_vwap(prices, volumes, lambda row: row - 49)
    equal_floats(an.calculate_vwap(prices, volumes, window=50), rolling)


def test_negative_prices_have_an_average() -> None:
    found = an.calculate_vwap([-10, 4, 7], [2, 1, 1])
    assert found.tolist() == [-10.0, -16 / 3, -9 / 4]


def test_vwap_of_sessions_and_anchors() -> None:
    walk = Walk(rows=700)
    days = walk.time // 1000
    firsts = np.searchsorted(days, days)
    found = an.calculate_vwap(walk.price, walk.qty, sessions=days)
    equal_floats(found, slow_vwap(walk.price, walk.qty, lambda row: int(firsts[row])))
    anchors = np.array([20, 300, 650])
    place = np.searchsorted(anchors, np.arange(700), side="right") - 1
    found = an.calculate_vwap(walk.price, walk.qty, anchors=anchors.tolist())
    wanted = slow_vwap(
        walk.price, walk.qty, lambda row: int(anchors[place[row]]) if place[row] >= 0 else -1
    )
    equal_floats(found, wanted)
    ticks = ticks_of(walk)
    by_second = an.calculate_vwap(ticks.price_ticks, ticks.qty_lots, sessions=days) * 0.01
    assert np.allclose(ticks.vwap(sessions="1s"), by_second, rtol=1e-15)


def test_float_vwap_does_not_drift() -> None:
    random = np.random.default_rng(3)
    prices = 100 + np.cumsum(random.normal(0, 0.01, 200_000))
    volumes = random.lognormal(0, 3, 200_000)
    found = an.calculate_vwap(prices, volumes)
    paid = math.fsum(prices * volumes)
    assert math.isclose(found[-1], paid / math.fsum(volumes), rel_tol=1e-15)
    rolling = an.calculate_vwap(prices, volumes, window=1000)
    assert np.isnan(rolling[:999]).all()
    for row in (999, 5_000, 123_456, 199_999):
        part = slice(row - 999, row + 1)
        wanted = math.fsum(prices[part] * volumes[part]) / math.fsum(volumes[part])
        assert math.isclose(rolling[row], wanted, rel_tol=1e-13)


def test_vwap_of_bars_is_of_typical_prices() -> None:
    bars = ticks_of(Walk()).candles("1s")
    typical = (bars.high + bars.low + bars.close) / 3
    wanted = np.cumsum(typical * bars.volume) / np.cumsum(bars.volume)
    assert np.allclose(bars.vwap(), wanted, rtol=1e-12)


# ---- Profile, footprint, flow --------------------------------------------------------------------


@pytest.mark.parametrize("spread", [1, 50, 1_000, 10**7])
@pytest.mark.parametrize("n_bins", [1, 7, 50, None])
def test_profile_is_a_histogram(n_bins: int | None, spread: int) -> None:
    if n_bins is None and spread > 1_000:
        pytest.skip("one bin for each of ten million ticks")
    random = np.random.default_rng(7)
    rows = 6_000
    prices = random.integers(500, 500 + spread, rows)
    qtys, sides = random.integers(0, 100, rows), random.integers(0, 2, rows).astype(np.uint8)
    found = an.calculate_volume_profile(prices, qtys, sides, n_bins)
    low, high = int(prices.min()), int(prices.max())
    width = found["ticks_per_bin"]
    assert n_bins is None or width == -(-(high - low + 1) // n_bins)
    places = (prices - low) // width
    count = (high - low) // width + 1
    for name, chosen in (("buy_volume", sides == 0), ("sell_volume", sides == 1)):
        wanted = np.zeros(count, np.int64)
        np.add.at(wanted, places[chosen], qtys[chosen])
        assert found[name].tolist() == wanted.tolist()
    assert (found["delta"] == found["buy_volume"] - found["sell_volume"]).all()
    assert found["total_volume"].sum() == qtys.sum()
    middles = [low + width * place + (width - 1) / 2 for place in range(count)]
    assert found["price_levels"].tolist() == middles
    held = (found["price_levels"] >= found["value_area_low"]) & (
        found["price_levels"] <= found["value_area_high"]
    )
    assert found["total_volume"][held].sum() >= 0.7 * qtys.sum()
    assert found["poc"] == middles[int(np.argmax(found["total_volume"]))]


def test_profile_of_ticks_is_in_money_and_units() -> None:
    ticks = ticks_of(Walk(rows=1_000))
    found = ticks.volume_profile(None)
    assert found["price_levels"][0] == ticks.prices.min()
    assert math.isclose(found["total_volume"].sum(), ticks.qtys.sum(), rel_tol=1e-12)
    assert an.VolumeProfile().result()["total_volume"].size == 0


def test_footprint_is_a_profile_for_each_bucket() -> None:
    walk = Walk(rows=4_000)
    found = an.calculate_footprint(*walk.columns, interval_ms=1000)
    wanted: dict[tuple[int, int], list[int]] = {}
    for time, price, qty, side in rows_of(walk):
        wanted.setdefault((time // 1000 * 1000, price), [0, 0])[1 - side] += qty
    rows = [(*key, *sums) for key, sums in sorted(wanted.items()) if any(sums)]
    columns = [found[name].tolist() for name in an.FOOTPRINT_COLUMNS]
    assert list(zip(*columns, strict=True)) == rows
    assert (found["delta"] == found["ask_volume"] - found["bid_volume"]).all()
    candles = an.ticks_to_candles(*walk.columns, interval_ms=1000)
    assert found["ask_volume"].sum() == candles["buy_volume"].sum()


def test_delta_and_imbalance_are_exact() -> None:
    walk = Walk()
    signed = np.where(walk.side == 0, walk.qty, -walk.qty)
    assert (an.calculate_cumulative_delta(walk.qty, walk.side) == np.cumsum(signed)).all()
    found = an.calculate_order_flow_imbalance(walk.qty, walk.side, window=30)
    nets = np.convolve(signed, np.ones(30, np.int64))[29 : len(signed)]
    totals = np.convolve(walk.qty, np.ones(30, np.int64))[29 : len(signed)]
    assert np.isnan(found[:29]).all()
    assert found[29:].tolist() == (nets / totals).tolist()


def test_float_flow_is_precise() -> None:
    walk = Walk(floats=True)
    signed = np.where(walk.side == 0, walk.qty, -walk.qty)
    delta = an.calculate_cumulative_delta(walk.qty, walk.side)
    imbalance = an.calculate_order_flow_imbalance(walk.qty, walk.side, 64)
    for row in (63, 1_000, LONG - 1):
        wanted = math.fsum(signed[: row + 1])
        assert math.isclose(delta[row], wanted, rel_tol=1e-12, abs_tol=1e-12)
        part = slice(row - 63, row + 1)
        wanted = math.fsum(signed[part]) / math.fsum(walk.qty[part])
        assert math.isclose(imbalance[row], wanted, rel_tol=1e-12, abs_tol=1e-12)


def test_intensity_counts_rows_so_far() -> None:
    walk = Walk(rows=2_000)
    found = an.calculate_trade_intensity(walk.time, 500)
    times = walk.time.tolist()
    for row, now in enumerate(times):
        if now - times[0] < 500:
            assert math.isnan(found[row])
        else:
            assert found[row] == sum(now - time < 500 for time in times[: row + 1]) / 0.5


# ---- Volatility ----------------------------------------------------------------------------------


def logs(numerators: Sequence[int], denominators: Sequence[int]) -> list[Decimal]:
    pairs = zip(numerators, denominators, strict=True)
    return [(Decimal(a) / Decimal(b)).ln() for a, b in pairs]


def deviation(values: Sequence[Decimal]) -> Decimal:
    middle = mean(values)
    return sum(((value - middle) ** 2 for value in values), Decimal(0)) / (len(values) - 1)


def mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def slow_volatility(kind: str, bars: Sequence[Array], window: int, row: int) -> float:
    """One value in forty digits, from the formula."""
    part = slice(row - window + 1, row + 1)
    before = slice(row - window, row)
    o, h, low, c = ([int(value) for value in column[part]] for column in bars)
    previous = [int(value) for value in bars[3][before]]
    two = Decimal(2)
    if kind in ("realized", "zero_mean"):
        returns = logs(c, previous)
        if kind == "realized":
            return float(deviation(returns).sqrt())
        return float(mean([value**2 for value in returns]).sqrt())
    ranges = logs(h, low)
    if kind == "parkinson":
        return float((mean([value**2 for value in ranges]) / (4 * two.ln())).sqrt())
    days = logs(c, o)
    if kind == "garman_klass":
        pairs = zip(ranges, days, strict=True)
        terms = [r**2 / 2 - (2 * two.ln() - 1) * d**2 for r, d in pairs]
        return float(mean(terms).sqrt())
    quads = zip(logs(h, c), logs(h, o), logs(low, c), logs(low, o), strict=True)
    range_part = mean([a * b + d * e for a, b, d, e in quads])
    if kind == "rogers_satchell":
        return float(range_part.sqrt())
    k = Decimal("0.34") / (Decimal("1.34") + Decimal(window + 1) / (window - 1))
    total = deviation(logs(o, previous)) + k * deviation(days) + (1 - k) * range_part
    return float(total.sqrt())


NEEDS_PREVIOUS = ("realized", "zero_mean", "yang_zhang")


def volatility(kind: str, bars: Sequence[Any], window: int) -> Array:
    columns = {"parkinson": bars[1:3], "realized": bars[3:], "zero_mean": bars[3:]}.get(kind, bars)
    found: Array = an.RollingVolatility(kind, window, annualize=False).push(*columns)
    return found


@pytest.mark.parametrize("kind", an.VOLATILITY_COLUMNS)
@pytest.mark.parametrize("window", [2, 3, 100, 700])
def test_volatility_agrees_with_forty_digits(kind: str, window: int) -> None:
    bars = Walk(rows=2_000).bars()
    first = window if kind in NEEDS_PREVIOUS else window - 1
    found = volatility(kind, bars, window)
    as_floats = volatility(kind, [column * 0.25 for column in bars], window)
    assert np.isnan(found[:first]).all() and not np.isnan(found[first:]).any()
    with localcontext() as context:
        context.prec = 40
        for row in (first, first + 1, window + 511, window + 512, 1_999):
            wanted = slow_volatility(kind, bars, window, row)
            assert math.isclose(found[row], wanted, rel_tol=1e-12, abs_tol=1e-17)
            assert math.isclose(as_floats[row], wanted, rel_tol=1e-12, abs_tol=1e-17)


def test_a_spike_leaves_no_trace_and_a_trend_keeps_its_digits() -> None:
    random = np.random.default_rng(9)
    prices = 1_000_000 + np.cumsum(random.integers(-2, 3, 3_000))
    prices[700] *= 50
    prices[1_500:] *= 3
    trend = np.rint(1e9 * 1.0005 ** np.arange(3_000) * (1 + 1e-7 * random.random(3_000)))
    with localcontext() as context:
        context.prec = 50
        for column in (prices, trend.astype(np.int64)):
            found = an.calculate_realized_volatility(column, 60, annualize=False)
            for row in (699, 700, 759, 762, 800, 1_600, 2_999):
                wanted = slow_volatility("realized", [column] * 4, 60, row)
                assert math.isclose(found[row], wanted, rel_tol=1e-11)


def test_realized_volatility_equals_polars() -> None:
    prices = Walk(rows=20_000).price
    returns = pl.Series(prices).cast(pl.Float64).log().diff()
    wanted = returns.rolling_std(100).to_numpy() * math.sqrt(252)
    found = an.calculate_realized_volatility(prices, 100, trading_periods=252)
    assert np.allclose(found, wanted, rtol=1e-9, equal_nan=True)


def test_exponential_volatility_equals_polars() -> None:
    prices = Walk(rows=3_000).price
    squares = pl.Series(prices).cast(pl.Float64).log().diff().slice(1) ** 2
    wanted = squares.ewm_mean(span=20, adjust=True, min_samples=20).to_numpy()
    found = an.calculate_exponential_volatility(prices, 20, annualize=False)
    assert np.isnan(found[:20]).all()
    assert np.allclose(found[20:], np.sqrt(wanted[19:]), rtol=1e-11)
    for row in (20, 300):
        weights = [Fraction(19, 21) ** age for age in range(row)]
        returns = [math.log(prices[row - age] / prices[row - age - 1]) for age in range(row)]
        total = math.fsum(float(w) * r * r for w, r in zip(weights, returns, strict=True))
        exact = math.sqrt(total / math.fsum(map(float, weights)))
        assert math.isclose(found[row], exact, rel_tol=1e-11)


def test_a_market_that_falls_asleep_has_no_volatility() -> None:
    random = np.random.default_rng(2)
    steps = random.integers(0, 4, 2_000)  # a trend, so that the mean is not 0
    steps[400:900] = 0
    steps[1_333:1_700] = 0
    found = an.calculate_realized_volatility(1_000 + np.cumsum(steps), 50, annualize=False)
    assert (found[449:900] == 0).all() and (found[1_382:1_700] == 0).all()
    assert (found[50:449] > 0).all() and (found[900:1_380] > 0).all()


def test_equal_steps_are_no_volatility() -> None:
    prices = 2.0 ** np.arange(-400, 400)
    for window in (2, 3, 7, 100):
        found = an.calculate_realized_volatility(prices, window, annualize=False)
        assert (found[window:] < 1e-15).all()


def test_no_move_is_no_volatility() -> None:
    flat = np.full(1_000, 12_345)
    for kind in an.VOLATILITY_COLUMNS:
        found = volatility(kind, [flat] * 4, 10)
        assert (found[10:] == 0).all()


# ---- Batch is stream, and the future is not looked at ---------------------------------------------


def joined(parts: Sequence[dict[str, Array]]) -> list[Array]:
    return [np.concatenate([part[name] for part in parts]) for name in parts[0]]


def builder_stream(make: Callable[[], Any]) -> Callable[[Walk, Sequence[slice]], list[Array]]:
    def run(walk: Walk, pieces: Sequence[slice]) -> list[Array]:
        builder = make()
        parts = [builder.push(*(column[piece] for column in walk.columns)) for piece in pieces]
        return joined([*parts, builder.finish()])

    return run


def row_stream(
    make: Callable[[], Any], columns: Callable[[Walk], Sequence[Array]]
) -> Callable[[Walk, Sequence[slice]], list[Array]]:
    def run(walk: Walk, pieces: Sequence[slice]) -> list[Array]:
        state = make()
        given = columns(walk)
        parts = []
        for piece in pieces:
            rows = range(*piece.indices(len(walk.price)))
            if len(rows) == 1:  # as one row, not as columns
                parts.append([state.push(*(column[rows[0]] for column in given))])
            else:
                parts.append(state.push(*(column[piece] for column in given)))
        return [np.concatenate(parts)]

    return run


def profile_stream(walk: Walk, pieces: Sequence[slice]) -> list[Array]:
    profile = an.VolumeProfile()
    for piece in pieces:
        profile.push(walk.price[piece], walk.qty[piece], walk.side[piece])
    return [np.asarray(value) for value in profile.result(20).values()]


def flow(walk: Walk) -> Sequence[Array]:
    return walk.qty, walk.side


def paid(walk: Walk) -> Sequence[Array]:
    return walk.price, walk.qty


STREAMS: dict[str, Callable[[Walk, Sequence[slice]], list[Array]]] = {
    "time candles": builder_stream(lambda: an.CandleBuilder(700)),
    "filled candles": builder_stream(lambda: an.CandleBuilder(50, fill_empty=True)),
    "tick bars": builder_stream(lambda: an.CandleBuilder(ticks_per_bar=9)),
    "volume bars": builder_stream(lambda: an.CandleBuilder(volume_per_bar=3_000)),
    "money bars": builder_stream(lambda: an.CandleBuilder(money_per_bar=20_000_000)),
    "imbalance bars": builder_stream(lambda: an.CandleBuilder(imbalance_per_bar=700)),
    "footprint": builder_stream(lambda: an.FootprintBuilder(900)),
    "profile": profile_stream,
    "vwap": row_stream(an.Vwap, paid),
    "rolling vwap": row_stream(lambda: an.Vwap(37), paid),
    "delta": row_stream(an.CumulativeDelta, flow),
    "imbalance": row_stream(lambda: an.OrderFlowImbalance(23), flow),
    "intensity": row_stream(lambda: an.TradeIntensity(400), lambda walk: [walk.time]),
    "ewma": row_stream(lambda: an.ExponentialVolatility(11), lambda walk: [walk.price]),
} | {
    kind: row_stream(
        lambda kind=kind: an.RollingVolatility(kind, 19),  # type: ignore[misc]
        lambda walk, names=names: [  # type: ignore[misc]
            walk.bars()[("open", "high", "low", "close").index(name)] for name in names
        ],
    )
    for kind, names in an.VOLATILITY_COLUMNS.items()
}


def same_bits(found: Sequence[Array], wanted: Sequence[Array]) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes()


WALKS = {floats: Walk(rows=1_400, floats=floats) for floats in (False, True)}


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 1_400), max_size=12),
    floats=st.booleans(),
    singles=st.integers(0, 1_390),
)
@pytest.mark.parametrize("name", STREAMS)
def test_batch_equals_stream_at_every_split(
    name: str, cuts: list[int], floats: bool, singles: int
) -> None:
    bounds = sorted({0, 1_400, *cuts, *range(singles, singles + 6)})
    pieces = [slice(a, b) for a, b in pairwise(bounds)]
    walk = WALKS[floats]
    same_bits(STREAMS[name](walk, pieces), STREAMS[name](walk, [slice(0, 1_400)]))


BATCHES: dict[str, Callable[[Walk], Array | dict[str, Array]]] = {
    "ticks_to_candles": lambda w: an.ticks_to_candles(*w.columns, interval_ms=300),
    "ticks_to_candles filled": lambda w: an.ticks_to_candles(
        *w.columns, interval_ms=300, fill_empty=True
    ),
    "tick bars": lambda w: an.ticks_to_candles(*w.columns, ticks_per_bar=9),
    "volume bars": lambda w: an.ticks_to_candles(*w.columns, volume_per_bar=4_000),
    "money bars": lambda w: an.ticks_to_candles(*w.columns, money_per_bar=10**7),
    "imbalance bars": lambda w: an.ticks_to_candles(*w.columns, imbalance_per_bar=900),
    "resample_candles": lambda w: an.resample_candles(
        an.ticks_to_candles(*w.columns, interval_ms=300), 900, 300
    ),
    "ticks_to_bars": lambda w: dict(ticks_of(w).candles("1s").columns),
    "resample_bars": lambda w: dict(ticks_of(w).candles("1s").resample("3s").columns),
    "calculate_footprint": lambda w: an.calculate_footprint(*w.columns, interval_ms=300),
    "calculate_vwap": lambda w: an.calculate_vwap(w.price, w.qty),
    "calculate_vwap window": lambda w: an.calculate_vwap(w.price, w.qty, window=40),
    "calculate_vwap sessions": lambda w: an.calculate_vwap(
        w.price, w.qty, sessions=w.time // 2_000
    ),
    "calculate_vwap anchors": lambda w: an.calculate_vwap(w.price, w.qty, anchors=[5, 333]),
    "calculate_order_flow_imbalance": lambda w: an.calculate_order_flow_imbalance(w.qty, w.side),
    "calculate_cumulative_delta": lambda w: an.calculate_cumulative_delta(w.qty, w.side),
    "calculate_trade_intensity": lambda w: an.calculate_trade_intensity(w.time, 300),
    "calculate_realized_volatility": lambda w: an.calculate_realized_volatility(w.price, 50),
    "calculate_realized_volatility zero mean": lambda w: an.calculate_realized_volatility(
        w.price, 50, zero_mean=True
    ),
    "calculate_parkinson_volatility": lambda w: an.calculate_parkinson_volatility(
        *w.bars()[1:3], 50
    ),
    "calculate_garman_klass_volatility": lambda w: an.calculate_garman_klass_volatility(
        *w.bars(), 50
    ),
    "calculate_rogers_satchell_volatility": lambda w: an.calculate_rogers_satchell_volatility(
        *w.bars(), 50
    ),
    "calculate_yang_zhang_volatility": lambda w: an.calculate_yang_zhang_volatility(*w.bars(), 50),
    "calculate_exponential_volatility": lambda w: an.calculate_exponential_volatility(w.price),
}
WHOLE_SAMPLE = {  # one result for all rows, or another form of the same rows
    "calculate_volume_profile",
    "candles_to_dataframe",
    "candles_to_pandas",
    "value_area_of",
}


def scrambled(walk: Walk, cut: int, seed: int) -> Walk:
    """The same rows up to the cut, later ones in another order and with other gaps."""
    other = Walk(rows=len(walk.price), floats=walk.qty.dtype.kind == "f")
    random = np.random.default_rng(seed)
    order = cut + random.permutation(len(walk.price) - cut)
    for name in ("price", "qty", "side"):
        column = getattr(walk, name).copy()
        column[cut:] = column[order]
        setattr(other, name, column)
    other.price[cut:] *= 2
    gaps = random.integers(0, 90, len(order))
    other.time = walk.time.copy()
    other.time[cut:] = walk.time[cut - 1] + np.cumsum(gaps)
    return other


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("floats", [False, True])
def test_a_scrambled_future_changes_nothing(name: str, floats: bool) -> None:
    if floats and name in ("ticks_to_bars", "resample_bars"):
        pytest.skip("Ticks hold whole quantities")
    walk = Walk(rows=3_000, floats=floats)
    whole = BATCHES[name](walk)
    for seed, cut in enumerate((1, 120, 1_037, 2_999)):
        other = BATCHES[name](scrambled(walk, cut, seed))
        assert untouched(whole, cut, walk) == untouched(other, cut, walk)
    other = BATCHES[name](scrambled(walk, 120, 0))
    assert untouched(whole, 3_000, walk) != untouched(other, 3_000, walk), "nothing was scrambled"


def untouched(result: Array | dict[str, Array], cut: int, walk: Walk) -> list[bytes]:
    """What belongs to the rows before the cut: of bars, those that had ended by then."""
    if not isinstance(result, dict):
        return [result[:cut].tobytes()]
    if "ts_close" in result:  # the tick that ends such a bar is its last
        ended = np.cumsum(result["trade_count"]) <= cut
        ended[-1] &= cut == len(walk.price)
    else:
        start = result.get("ts_open", result.get("time"))
        assert start is not None
        now = walk.time[cut - 1]
        ended = start < start[start <= now][-1] if cut < len(walk.price) else start == start
    return [column[ended].tobytes() for column in result.values()]


def test_every_public_function_is_scrambled() -> None:
    functions = {name for name in an.__all__ if name[0].islower()}
    covered = {name.split()[0] for name in BATCHES} | WHOLE_SAMPLE
    assert functions <= covered


def test_a_profile_of_the_past_does_not_know_the_future() -> None:
    walk = Walk(rows=2_000)
    for cut in (1, 900):
        later = scrambled(walk, cut, 4)
        past = [
            an.calculate_volume_profile(w.price[:cut], w.qty[:cut], w.side[:cut])
            for w in (walk, later)
        ]
        stream = an.VolumeProfile()
        stream.push(later.price[:cut], later.qty[:cut], later.side[:cut])
        before = stream.result(50)
        stream.push(later.price[cut:], later.qty[cut:], later.side[cut:])
        for found in (past[1], before):
            assert all(np.array_equal(found[name], past[0][name]) for name in past[0])


# ---- Bad input -----------------------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "timestamps": [1, 2, 3],
    "price_ticks": [10, 11, 12],
    "qtys": [1, 1, 1],
    "sides": [0, 1, 0],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timestamps": [1, 3, 2]}, "row 2: time 2 is before 3"),
        ({"timestamps": [1, 2, 2**62]}, "row 2: time 4611686018427387904"),
        ({"timestamps": [-(2**63), 2, 3]}, "row 0: time"),
        ({"timestamps": [1, 2]}, "3 rows, expected 2"),
        ({"price_ticks": [1.5, 2, 3]}, "price_ticks must be integers"),
        ({"qtys": [1, -1, 1]}, "row 1: quantity must be 0 or more, was -1"),
        ({"qtys": [1.0, math.nan, 1.0]}, "row 1: quantity must be 0 or more, was NaN"),
        ({"qtys": [1.0, math.inf, 1.0]}, "row 1: quantity"),
        ({"qtys": [2**62, 2**62, 2**62]}, "does not fit"),
        ({"qtys": [1e308, 1e308, 1e308]}, "does not fit"),
        ({"qtys": ["1", "2", "3"]}, "qtys must be integers"),
        ({"sides": np.array([0, 1, 2], np.uint8)}, "row 2: side must be 0 or 1, was 2"),
        ({"sides": ["BUY", "SELL", "HOLD"]}, "HOLD"),
        ({"sides": None}, "sides is not given"),
    ],
)
def test_bad_ticks_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ts.DataError, match=message):
        an.ticks_to_candles(**(GOOD | change))
    with pytest.raises(ts.DataError, match=message):
        an.calculate_footprint(**(GOOD | change))


@pytest.mark.parametrize(
    "sizes",
    [
        {"interval_ms": 0},
        {"interval_ms": -5},
        {"interval_ms": 1.5},
        {"interval_ms": True},
        {"interval_ms": "1 parsec"},
        {"interval_ms": 1500, "time_unit": "s"},
        {"time_unit": "h"},
        {"ticks_per_bar": 0},
        {"volume_per_bar": -1},
        {"volume_per_bar": math.nan},
        {"volume_per_bar": math.inf},
        {"volume_per_bar": 2**64},
        {"ticks_per_bar": 2**63},
        {"money_per_bar": 2**127},
        {"volume_per_bar": 10**400},
        {"interval_ms": 2**63},
        {"interval_ms": 2**50, "time_unit": "ns"},
        {"money_per_bar": "x"},
        {"ticks_per_bar": 5, "volume_per_bar": 5},
        {"ticks_per_bar": 5, "fill_empty": True},
    ],
)
def test_sizes_that_make_no_sense_are_refused(sizes: dict[str, Any]) -> None:
    with pytest.raises(ts.ConfigError) as caught:
        an.ticks_to_candles(**GOOD, **sizes)
    assert caught.value.hint


def two_candles(**changed: list[Any]) -> dict[str, list[Any]]:
    names = ("open", "high", "low", "close", "volume")
    return {"ts_open": [0, 1]} | {name: [1, 1] for name in names} | changed


@pytest.mark.parametrize(
    "call",
    [
        lambda: an.calculate_vwap([1, 2], [1]),
        lambda: an.calculate_vwap([1.0, math.nan], [1.0, 1.0]),
        lambda: an.calculate_vwap([1e308, 1e308], [1e308, 1.0]),
        lambda: an.calculate_vwap([1, 2], [2**62, 2**62]),
        lambda: an.calculate_vwap([1, 2], [2**62, 2**62], window=2),
        lambda: an.calculate_vwap([1, 2], [1, -1], anchors=1),
        lambda: an.calculate_vwap([1, 2], [1, 1], anchors=2),
        lambda: an.calculate_vwap([1, 2], [1, 1], sessions=[1]),
        lambda: an.calculate_vwap([1, 2], [1, 1], sessions="1d"),
        lambda: an.calculate_vwap([1, 2], [1, 1], window=0),
        lambda: an.calculate_vwap([1, 2], [1, 1], window=1, anchors=1),
        lambda: an.calculate_cumulative_delta([2**62] * 3, [0] * 3),
        lambda: an.calculate_order_flow_imbalance([2**62, 2**62], [0, 1], window=2),
        lambda: an.calculate_trade_intensity([2, 1]),
        lambda: an.calculate_realized_volatility([1, 2, 3], 1),
        lambda: an.calculate_realized_volatility([1, 0, 3], 2),
        lambda: an.calculate_realized_volatility([1.0, -2.0, 3.0], 2),
        lambda: an.calculate_realized_volatility([1.0, math.inf, 3.0], 2),
        lambda: an.calculate_realized_volatility([1, 2**60, 3], 2),
        lambda: an.calculate_realized_volatility([1, 2, 3], 2, trading_periods=-1),
        lambda: an.calculate_realized_volatility([1, 2, 3], 2, trading_periods=math.nan),
        lambda: an.calculate_parkinson_volatility([5], [6], 1),
        lambda: an.calculate_parkinson_volatility([5], None, 1),
        lambda: an.calculate_garman_klass_volatility([9], [8], [7], [8], 1),
        lambda: an.calculate_yang_zhang_volatility([8], [8], [8], [8], 1),
        lambda: an.calculate_exponential_volatility([1, 2], 0.5),
        lambda: an.calculate_exponential_volatility([1, 2], math.inf),
        lambda: an.RollingVolatility("implied"),
        lambda: an.RollingVolatility("parkinson", 5).push([1]),
        lambda: an.VolumeProfile().result(value_area=0),
        lambda: an.VolumeProfile().result(value_area=math.nan),
        lambda: an.calculate_volume_profile([1, 2**50], [1, 1], [0, 0], n_bins=None),
        lambda: an.calculate_volume_profile([1, 2**61], [1, 1], [0, 0]),
        lambda: an.calculate_vwap([1, 2], [1, 1], window=2**63),
        lambda: an.calculate_volume_profile([1, 2], [2**62, 2**62], [0, 0]),
        lambda: an.calculate_volume_profile([[1]], [[1]], [[0]]),
        lambda: an.VolumeProfile(lot="0.1").push([1], [0.5], [0]),
        lambda: an.resample_candles({"ts_open": [1]}, 60),
        lambda: an.resample_candles(two_candles(close=[1.0, math.nan]), 2, 1),
        lambda: an.resample_candles(two_candles(volume=[-(2**63), -1]), 2, 1),
        lambda: an.resample_candles(two_candles(volume=[1e308, 1e308]), 2, 1),
        lambda: an.resample_candles(two_candles(volume=[1]), 2, 1),
        lambda: an.resample_candles(two_candles(ts_open=[0, 2**62]), 2, 1),
    ],
)
def test_bad_calls_say_how_to_mend_them(call: Callable[[], object]) -> None:
    with pytest.raises((ts.DataError, ts.ConfigError)) as caught:
        call()
    assert caught.value.hint


def test_a_refused_piece_leaves_a_stream_as_it_was() -> None:
    walk = Walk(rows=9_000)
    bad = walk.side.copy()
    bad[8_500] = 7
    makers: tuple[Callable[..., Any], ...] = (an.CandleBuilder, an.FootprintBuilder)
    for make in makers:
        refused, clean = make(100), make(100)
        first = [column[:50] for column in walk.columns]
        rest = [column[50:] for column in walk.columns]
        refused.push(*first), clean.push(*first)
        with pytest.raises(ts.DataError, match="row 8450"):
            refused.push(*rest[:3], bad[50:])
        same_bits(joined([refused.push(*rest)]), joined([clean.push(*rest)]))
    profile = an.VolumeProfile()
    with pytest.raises(ts.DataError, match="row 8500"):
        profile.push(walk.price, walk.qty, bad)
    assert profile.result()["total_volume"].size == 0


@pytest.mark.parametrize("kind", an.VOLATILITY_COLUMNS)
@pytest.mark.parametrize("window", [50, 1_000])
def test_a_refused_piece_leaves_a_volatility_as_it_was(kind: str, window: int) -> None:
    names = ("open", "high", "low", "close")
    columns = dict(zip(names, Walk(rows=1_500).bars(), strict=True))
    given = [columns[name] for name in an.VOLATILITY_COLUMNS[kind]]
    refused, clean = (an.RollingVolatility(kind, window) for _ in range(2))
    for rolling in (refused, clean):
        rolling.push(*(column[:700] for column in given))
    bad = [column[700:].copy() for column in given]
    bad[0][650] = 0
    with pytest.raises(ts.DataError, match="row 650: price"):
        refused.push(*bad)
    rest = [column[700:] for column in given]
    same_bits([refused.push(*rest)], [clean.push(*rest)])


def test_a_look_at_what_has_not_ended_changes_nothing() -> None:
    walk = Walk(rows=900)
    makers: tuple[Callable[..., Any], ...] = (an.CandleBuilder, an.FootprintBuilder)
    for make in makers:
        looked, plain = make(10**6), make(10**6)
        for builder in (looked, plain):
            builder.push(*(column[:500] for column in walk.columns))
        same_bits(list(looked.peek().values()), list(looked.peek().values()))
        assert len(looked.peek()["ts_open"]) > 0
        for builder in (looked, plain):
            builder.push(*(column[500:] for column in walk.columns))
        same_bits(list(looked.finish().values()), list(plain.finish().values()))
        assert len(looked.peek()["ts_open"]) == 0


def test_floats_after_whole_numbers_are_refused() -> None:
    vwap = an.Vwap()
    vwap.push([1], [1])
    with pytest.raises(ts.DataError, match="floats came after"):
        vwap.push([1.5], [1])
    vwap.restart()
    assert vwap.push(1.5, 2) == 1.5


def test_nothing_in_nothing_out() -> None:
    empty: list[int] = []
    assert an.ticks_to_candles(empty, empty, empty, empty)["close"].size == 0
    assert an.resample_candles(an.ticks_to_candles(empty, empty, empty, empty), 60)["low"].size == 0
    assert an.calculate_vwap(empty, empty).size == 0
    assert an.calculate_realized_volatility(empty, 5).size == 0
    assert an.calculate_footprint(empty, empty, empty, empty)["delta"].size == 0
    assert math.isnan(an.calculate_volume_profile(empty, empty, empty)["poc"])


def test_the_largest_sums_fit() -> None:
    assert an.calculate_cumulative_delta([2**62, 2**62], [1, 1]).tolist() == [-(2**62), -(2**63)]
    candles = an.ticks_to_candles([1, 2], [1, 1], [2**62, 2**62 - 1], [0, 1])
    assert candles["volume"].tolist() == [2**63 - 1]
    assert an.calculate_vwap([2**47, 2**47], [2**62, 2**62 - 1]).tolist() == [2.0**47, 2.0**47]


def test_huge_prices_do_not_overflow_a_logarithm() -> None:
    found = an.calculate_realized_volatility([1e-300, 1e300, 1e-300], 2, annualize=False)
    assert math.isclose(found[2], 600 * math.log(10) * math.sqrt(2), rel_tol=1e-13)


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_weeks_begin_on_mondays_and_months_on_the_first(unit: str) -> None:
    hours = np.arange("2023-12-30T05", "2024-03-03T00", 5, dtype="datetime64[h]")
    time = hours.astype(f"datetime64[{unit}]").view(np.int64)
    random = np.random.default_rng(2)
    columns = (random.integers(50, 60, len(time)), random.integers(1, 9, len(time)))
    ticks = ts.Ticks(
        time, *columns, (time % 2).astype(np.uint8), tick_size="0.5", lot="0.1", time_unit=unit
    )
    days = hours.astype("datetime64[D]")
    monday = days - (days.astype(np.int64) + 3) % 7
    for interval, starts in (("1w", monday), ("1mo", days.astype("datetime64[M]"))):
        wanted, firsts = np.unique(starts.astype("datetime64[D]"), return_index=True)
        for bars in (ticks.candles(interval), ticks.candles("1d").resample(interval)):
            assert bars.interval == interval
            assert (bars.datetimes == wanted).all()
            assert bars.volume_lots.tolist() == np.add.reduceat(columns[1], firsts).tolist()
            assert bars.open_ticks.tolist() == columns[0][firsts].tolist()
    found = ticks.footprint("1w")
    assert set(found["ts_open"].view(f"datetime64[{unit}]").astype("datetime64[D]")) == set(monday)
    weekly = ticks.vwap(sessions="1w")
    assert np.array_equal(weekly, an.calculate_vwap(ticks, sessions=monday.astype(np.int64)))
    builder = an.CandleBuilder("1w", time_unit=unit)
    parts = [builder.push(time[:100], columns[0][:100], columns[1][:100], ticks.side[:100])]
    assert builder.peek()["ts_open"].view(f"datetime64[{unit}]") == monday[99]
    parts += [builder.push(time[100:], columns[0][100:], columns[1][100:], ticks.side[100:])]
    parts += [builder.finish()]
    whole = an.ticks_to_candles(time, *columns, ticks.side, interval_ms="1w", time_unit=unit)
    for name, column in whole.items():
        assert np.concatenate([part[name] for part in parts]).tolist() == column.tolist()
    with pytest.raises(ts.DataError, match="reaches into the next month"):
        ticks.candles("1w").resample("1mo")


def test_anchors_are_rows() -> None:
    with pytest.raises(ts.ConfigError, match="anchors must be rows"):
        an.calculate_vwap([1, 2], [1, 1], anchors="2024-01-02")  # type: ignore[arg-type]


def test_a_profile_takes_chunks_of_ticks() -> None:
    ticks = ticks_of(Walk(rows=900))
    profile = an.VolumeProfile(*ticks.grids)
    for start in range(0, 900, 250):
        profile.push(ticks[start : start + 250])
    found, wanted = profile.result(20), ticks.volume_profile(20)
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    with pytest.raises(ts.DataError, match="do not fit a stream"):
        an.VolumeProfile("0.3", 1).push(ticks)
    with pytest.raises(ts.DataError, match="qtys is not given"):
        an.VolumeProfile().push([1, 2])
