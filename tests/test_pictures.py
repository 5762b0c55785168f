"""Pictures: no extreme is lost, no volume is left out, and what is drawn is what was counted."""

from __future__ import annotations

import runpy
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

import tickstep as ts
from tickstep import demo
from tickstep.charts import _draw_candles, _draw_flow
from tickstep.drawing import BUY, SELL
from tickstep.errors import ConfigError, DataError
from tickstep.pictures import (
    CANDLES_MAX,
    BubbleOptions,
    Colours,
    candles_of,
    flow_of,
    overview_of,
    place_labels,
)

BUBBLES = Path(__file__).parents[1] / "examples" / "python" / "bubbles.py"
GREEN, RED = (BUY, SELL)


def walk(rows: int, *, gap_ms: int = 500, seed: int = 3) -> ts.Ticks:
    random = np.random.default_rng(seed)
    return ts.Ticks(
        1_704_153_600_000 + np.cumsum(random.integers(0, 2 * gap_ms, rows)),
        100_000 + np.cumsum(random.integers(-9, 10, rows)),
        random.integers(1, 1000, rows),
        random.integers(0, 2, rows).astype(np.uint8),
        tick_size="0.01",
        lot="0.001",
        symbol="DEMO",
    )


def minutes(rows: int, *, has_sides: bool) -> ts.Bars:
    random = np.random.default_rng(5)
    close = 1000 + np.cumsum(random.integers(-5, 6, rows))
    start = np.roll(close, 1)
    volume = random.integers(0, 500, rows)
    return ts.Bars(
        np.arange(rows) * 60_000,
        start,
        np.maximum(start, close) + random.integers(0, 4, rows),
        np.minimum(start, close) - random.integers(0, 4, rows),
        close,
        volume,
        tick_size="0.01",
        lot=100,
        interval="1m",
        buy_lots=volume // 3 if has_sides else None,
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_extremes_are_those_of_the_rows(data: st.DataObject) -> None:
    ticks = walk(data.draw(st.integers(1, 3000)))
    start = data.draw(st.integers(0, len(ticks) - 1))
    part = ticks[start:]
    edges = sorted(data.draw(st.sets(st.integers(0, len(part)), min_size=2, max_size=9)))
    low, high = part.extremes(edges)
    for row, (first, last) in enumerate(pairwise(edges)):
        assert low[row] == part.price_ticks[first:last].min()
        assert high[row] == part.price_ticks[first:last].max()


@pytest.mark.parametrize("edges", [[0, 0], [3, 2], [-1, 2], [0, 11], [0.5, 2]])
def test_runs_without_rows_are_refused(edges: list[Any]) -> None:
    with pytest.raises(DataError):
        walk(10).extremes(edges)


def test_a_spike_of_one_tick_is_in_the_overview() -> None:
    base = walk(300_000)
    prices = base.price_ticks.copy()
    prices[123_457] = 1_000_000
    prices[222_222] = 7
    columns = (base.time, prices, base.qty_lots, base.side)
    ticks = ts.Ticks(*columns, tick_size="0.01", lot="0.001")
    seen = overview_of(ticks)
    assert seen.high.max() == 10_000.0
    assert seen.low.min() == 0.07
    assert seen.ticks.sum() == len(ticks)
    assert len(seen.time) <= 1500
    place = int(np.argmax(seen.high))
    moment = ticks.datetimes[123_457]
    assert seen.time[place] <= moment
    assert place + 1 == len(seen.time) or moment < seen.time[place + 1]


@pytest.mark.parametrize("interval", [None, "1m", "7m"])
def test_candles_hold_every_tick(interval: str | None) -> None:
    ticks = walk(20_000)
    candles = candles_of(ticks, interval=interval)
    assert len(candles.time) <= CANDLES_MAX
    assert candles.buy is not None
    lots = ticks.qty_lots
    assert np.isclose(candles.volume.sum(), lots.sum() * 0.001)
    assert np.isclose(candles.buy.sum(), lots[ticks.side == 0].sum() * 0.001)
    assert candles.high.max() == ticks.prices.max()
    assert candles.low.min() == ticks.prices.min()
    assert (candles.open[0], candles.close[-1]) == (ticks.prices[0], ticks.prices[-1])
    profile = candles.profile
    assert np.isclose((profile.buy + profile.sell).sum(), candles.volume.sum())


def test_candles_begin_at_floors_of_time() -> None:
    ticks = ts.Ticks.from_arrays(
        [-1, 0, 59_999, 60_000], [5, 6, 7, 4], [1, 1, 1, 1], [0, 0, 1, 1], tick_size=1, lot=1
    )
    candles = candles_of(ticks, interval="1m")
    assert candles.time.astype(np.int64).tolist() == [-60_000, 0, 60_000]
    assert candles.open.tolist() == [5.0, 6.0, 4.0]
    assert candles.close.tolist() == [5.0, 7.0, 4.0]


@pytest.mark.parametrize("has_sides", [True, False])
@pytest.mark.parametrize("rows", [1, 240, 241, 5000])
def test_bars_are_put_together_without_loss(rows: int, has_sides: bool) -> None:
    bars = minutes(rows, has_sides=has_sides)
    candles = candles_of(bars)
    assert len(candles.time) <= CANDLES_MAX
    assert np.isclose(candles.volume.sum(), bars.volume.sum())
    assert (candles.buy is not None) == has_sides
    assert (candles.high.max(), candles.low.min()) == (bars.high.max(), bars.low.min())
    assert (candles.open[0], candles.close[-1]) == (bars.open[0], bars.close[-1])
    profile = candles.profile
    assert np.isclose((profile.buy + profile.sell).sum(), bars.volume.sum())


def test_bubbles_are_the_largest_and_delta_counts_all() -> None:
    ticks = walk(5_000)
    flow = flow_of(ticks, BubbleOptions(delta="5m", bubbles_max=100))
    assert len(flow.qty) == 100
    assert flow.qty.min() >= np.sort(ticks.qtys)[-101]
    assert (np.diff(flow.time.astype(np.int64)) >= 0).all()
    signed = np.where(ticks.side == 1, -ticks.qty_lots, ticks.qty_lots)
    assert np.isclose(flow.delta.sum(), signed.sum() * 0.001)
    first = ticks.time // 300_000 == ticks.time[0] // 300_000
    assert np.isclose(flow.delta[0], signed[first].sum() * 0.001)


def test_bubbles_of_one_quantity_are_spread_evenly() -> None:
    rows = 2_500_000
    ticks = ts.Ticks(
        np.arange(rows),
        np.full(rows, 5),
        np.where(np.arange(rows) == 1_234_567, 9, 4),
        np.zeros(rows, dtype=np.uint8),
        tick_size=1,
        lot=1,
        time_unit="s",
    )
    flow = flow_of(ticks, BubbleOptions(delta="1d", bubbles_max=11))
    times = flow.time.astype(np.int64)
    assert times[flow.qty == 9].tolist() == [1_234_567]
    steps = np.diff(times[flow.qty == 4])
    assert len(steps) == 9 and (np.abs(steps - rows // 10) <= 1).all()


def test_clock_times_choose_rows_of_every_day() -> None:
    hours = np.arange(72) * 3_600_000
    ticks = ts.Ticks.from_arrays(hours, [1.0] * 72, [1.0] * 72, [0] * 72, tick_size=1, lot=1)
    assert flow_of(ticks, BubbleOptions(time_start="09:30", time_end="11:30")).rows == 6
    night = flow_of(ticks, BubbleOptions(time_start="21:00", time_end="02:00"))
    assert night.rows == 15
    assert flow_of(ticks, BubbleOptions(time_start="22:00")).rows == 6
    with pytest.raises(DataError, match="no tick lies between 09:15 and 09:30"):
        flow_of(ticks, BubbleOptions(time_start="09:15", time_end="09:30"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"time_start": "9:30"}, "time_start '9:30' is no time of day"),
        ({"time_end": "24:01"}, "time_end '24:01' is no time of day"),
        ({"bubble_alpha": 1.5}, "bubble_alpha is 1.5"),
        ({"bubble_scale": 0}, "bubble_scale is 0"),
        ({"bubbles_max": 0}, "bubbles_max is 0"),
        ({"delta": "1 minute"}, "'1 minute' is not an interval"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        flow_of(walk(10), BubbleOptions(**options))


def test_what_a_kind_does_not_use_is_refused(tmp_path: Path) -> None:
    ticks = walk(100)
    with pytest.raises(ConfigError, match="does not use interval"):
        ticks.plot(tmp_path / "a.png", interval="1m")
    with pytest.raises(ConfigError, match="does not use bubble_alpha"):
        ticks.plot(tmp_path / "a.png", "candles", bubble_alpha=0.3)
    with pytest.raises(ConfigError, match="kind 'pie' is not known"):
        ticks.plot(tmp_path / "a.png", "pie")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'a.gif' cannot be drawn"):
        ticks.plot(tmp_path / "a.gif")
    with pytest.raises(DataError, match="no ticks to draw"):
        ticks[:0].plot(tmp_path / "a.png")
    with pytest.raises(ConfigError, match="makes .* candles, more than 240"):
        walk(5_000).plot(tmp_path / "a.png", "candles", interval="1s")
    assert not list(tmp_path.iterdir())


def test_areas_and_colours_of_bubbles() -> None:
    ticks = ts.Ticks.from_arrays(
        [0, 1000, 2000], [5, 6, 7], [1, 4, 2], [0, 1, 0], tick_size=1, lot=1
    )
    for china, bought in ((False, GREEN), (True, RED)):
        figure = Figure()
        _draw_flow(figure, flow_of(ticks), Colours.of(china))
        drawn = next(
            each for each in figure.axes[0].collections if isinstance(each, PathCollection)
        )
        # The largest first; area is in proportion to quantity.
        assert np.asarray(drawn.get_sizes()).tolist() == [500.0, 250.0, 125.0]
        shades = np.round(255 * np.asarray(drawn.get_facecolor())[:, :3])
        wanted = [int(bought[at : at + 2], 16) for at in (1, 3, 5)]
        assert (shades == wanted).all(axis=1).tolist() == [False, True, True]


@pytest.mark.parametrize("has_sides", [True, False])
def test_panels_of_candles(has_sides: bool) -> None:
    figure = Figure()
    _draw_candles(figure, candles_of(minutes(100, has_sides=has_sides)), Colours.of(False))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:3:2] == ["Price", "Volume, sold below bought" if has_sides else "Volume"]
    assert ("Delta, bought minus sold, and its sum" in titles) == has_sides


@pytest.mark.parametrize("kind", ["overview", "candles", "bubbles"])
@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_equal_data_make_equal_files(kind: Any, ending: str, tmp_path: Path) -> None:
    first = walk(2_000).plot(tmp_path / f"first{ending}", kind).read_bytes()
    second = walk(2_000).plot(tmp_path / f"second{ending}", kind).read_bytes()
    assert len(first) > 5_000 and first == second
    assert first != walk(2_000, seed=4).plot(tmp_path / f"third{ending}", kind).read_bytes()


@pytest.mark.parametrize("kind", ["overview", "candles", "bubbles"])
def test_pages_stand_alone(kind: Any, tmp_path: Path) -> None:
    page = walk(2_000).plot(tmp_path / "page.html", kind, title="A <b> & C").read_text("utf-8")
    assert "A &lt;b> &amp; C" in page.replace("\\u003c", "<").replace("\\u003e", ">").replace(
        "\\u0026", "&"
    )
    assert "Plotly.newPlot" in page
    assert not [tag for tag in page.split("<script")[1:] if 'src="' in tag.split(">")[0]]


def test_pages_of_bars_and_runs(tmp_path: Path) -> None:
    assert minutes(50, has_sides=False).plot(tmp_path / "bars.html").stat().st_size > 100_000
    ticks = demo.sample(5_000)
    result = ts.backtest(demo.Grid, ticks, cash=10_000)
    page = ticks.plot(tmp_path / "run.html", "bubbles", result=result).read_text("utf-8")
    assert "Equity" in page


def test_a_page_without_plotly_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ImportError, match=r"pip install 'tickstep\[plot\]'"):
        walk(10).plot(tmp_path / "page.html")


def test_one_tick_and_one_price_can_be_drawn(tmp_path: Path) -> None:
    one = ts.Ticks.from_arrays([5], [1.5], [1.0], [0], tick_size="0.5", time_unit="ns")
    for kind in ("overview", "candles", "bubbles"):
        assert one.plot(tmp_path / f"{kind}.png", kind).stat().st_size > 5_000


def test_labels_stand_at_round_times() -> None:
    times = np.arange("2024-01-02T21:05", "2024-01-03T03:00", dtype="M8[m]").astype("M8[ms]")
    places, labels = place_labels(times)
    assert labels == ["02 Jan\n22:00", "23:00", "03 Jan\n00:00", "01:00", "02:00"]
    assert times[places].astype("M8[m]").astype(np.int64).tolist()[0] % 60 == 0
    seconds = np.arange("2024-01-02T21:04:57", "2024-01-02T21:05:12", dtype="M8[s]")
    assert place_labels(seconds)[1] == ["02 Jan\n21:05:00", "21:05:05", "21:05:10"]
    days = np.arange("2020-01-15", "2023-01-01", dtype="M8[D]")
    _, labels = place_labels(days)
    assert labels == ["2020", "2021", "2022"]


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_the_bubbles_example(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"flow{ending}"
    words = ["--ticks", "3000", "--max-rows", "2000", "--delta", "30", "--china-colors"]
    monkeypatch.setattr(sys, "argv", ["bubbles.py", *words, "--output", str(path)])
    runpy.run_path(str(BUBBLES), run_name="__main__")
    assert capsys.readouterr().out.startswith("2,000 trades, ")
    assert path.stat().st_size > 20_000
