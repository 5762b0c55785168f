"""Reports: all numbers are there, no extreme is lost, texts stay texts, equal runs give equal files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tickstep as ts
from tickstep.__main__ import main
from tickstep.demo import Grid, sample
from tickstep.formulas import FORMULAS, formula
from tickstep.review import Review, cells_of, thinned_rows
from tickstep.sidebyside import SideBySide, names_of

GRID = Path(__file__).parents[1] / "examples" / "strategies" / "grid.py"
EXACT: dict[str, Any] = {"latency": 0, "fill": "touch", "quantity": "full"}
EVIL = '<script>alert("1")</script><img src=x onerror=alert(1)>\'&$x_1$'
FILLS = 1_000_000
CHROMIUM = shutil.which("chromium")


def grid(levels: int = 16, rows: int = 60_000) -> ts.Result:
    return ts.backtest(Grid(levels=levels), sample(rows), cash=10_000, **EXACT)


RUN = grid()


def days(closes: list[int], symbol: str = "ASSET") -> ts.Ticks:
    return ts.Ticks.from_arrays(
        np.arange(len(closes)) * 86_400 + 50_000, closes, [1] * len(closes), [0] * len(closes),
        tick_size=1, lot=1, time_unit="s", symbol=symbol,
    )  # fmt: skip


class Hold(ts.Strategy):
    qty = 1.0

    def on_start(self) -> None:
        for symbol in self.symbols:
            self.buy(self.qty, symbol=symbol)


class Idle(ts.Strategy):
    pass


class Interrupted(ts.Strategy):
    def on_start(self) -> None:
        self.buy(1)
        self.at(sample(500).time[-1])

    def on_timer(self, time: int) -> None:
        raise KeyboardInterrupt


def many_instruments() -> ts.Result:
    steps = np.random.default_rng(3).integers(-30, 31, (40, 120))
    data = {
        f"S{number}": days([int(each) for each in 5000 + np.cumsum(row)], f"S{number}")
        for number, row in enumerate(steps)
    }
    return ts.backtest(Hold, data, **EXACT)


CASES: dict[str, Callable[[], ts.Result]] = {
    "no trades": lambda: ts.backtest(Idle, sample(3_000)),
    "one tick": lambda: ts.backtest(Hold, days([50]), **EXACT),
    "two days": lambda: ts.backtest(Hold, days([50, 51]), **EXACT),
    "no fills": lambda: ts.backtest(Hold(qty=10**6), days([50, 51, 52]), cash=10, account="cash"),
    "stopped": lambda: ts.backtest(Interrupted, sample(3_000), cash=10_000),
    "many instruments": many_instruments,
    "grown": lambda: ts.backtest(Hold(qty=900), days([100 + each**2 for each in range(60)]), **EXACT),
    "ruined": lambda: ts.backtest(Hold(qty=1_000), days([1000, 900, 10, 800]), cash=9_000, **EXACT),
}  # fmt: skip


# --- Pages. ---------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Checks that elements nest, and keeps what a page names and says."""

    VOID: ClassVar = {"meta", "img", "br", "hr", "input", "link"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def numbers(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found


def page_of(result: ts.Result, folder: Path, **options: Any) -> Page:
    path = result.report(folder / "run.html", script="beside", **options)
    return Page(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_every_case_gives_every_report(name: str, tmp_path: Path) -> None:
    result = CASES[name]()
    page = page_of(result, tmp_path)
    for stat in result.stats:
        assert stat in page.words, stat
    for told in (*result.warnings, *result.assumptions):
        assert told in page.words
    assert result.report(tmp_path / "run.pdf").read_bytes().startswith(b"%PDF")
    assert result.tearsheet(tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    both = result.compare(result)
    assert both.report(tmp_path / "both.pdf").exists()
    Page(both.report(tmp_path / "both.html", script="beside").read_text(encoding="utf-8"))
    for shown in (result._repr_html_(), both._repr_html_()):
        assert "<svg" in shown and "nan" not in shown.partition("</svg>")[0]
        Page(shown)


def test_a_stopped_run_says_so(tmp_path: Path) -> None:
    page = page_of(CASES["stopped"](), tmp_path)
    assert any(each.startswith("the run was stopped") for each in page.words)


def test_every_statistic_has_its_formula(tmp_path: Path) -> None:
    ticks = sample(60_000)
    result = ts.backtest(Grid, ticks, cash=10_000)
    page = page_of(result, tmp_path, benchmark=ticks)
    groups = (result.stats, result.execution().stats, result.against(ticks))
    for name in (name for group in groups for name in group):
        assert formula(name), f"{name} has no formula"
        assert formula(name) in page.words
    assert "benchmark DEMO" in json.dumps(page.numbers)
    assert all(text and len(text) < 100 for text in FORMULAS.values())


def test_nothing_is_fetched(tmp_path: Path) -> None:
    path = RUN.report(tmp_path / "run.html", script="beside")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    addresses = [
        value
        for _, attrs in page.elements
        for name, value in attrs.items()
        if name in ("src", "href")
    ]
    (shared,) = (each for each in addresses if each and not each.startswith("#"))
    assert (tmp_path / shared).stat().st_size > 1_000_000
    assert "://" not in text and "import(" not in text and "fetch(" not in text
    (policy,) = (a["content"] for _, a in page.elements if a.get("http-equiv"))
    assert policy and "connect-src 'none'" in policy
    changed = (tmp_path / shared).stat().st_mtime_ns
    grid(4, 3_000).report(tmp_path / "other.html", script="beside")
    assert (tmp_path / shared).stat().st_mtime_ns == changed
    assert sorted(each.suffix for each in tmp_path.iterdir()) == [".html", ".html", ".js"]


def test_the_script_is_where_the_reader_says(tmp_path: Path) -> None:
    embedded = RUN.report(tmp_path / "run.html").read_text(encoding="utf-8")
    assert len(embedded) > 1_000_000 and not list(tmp_path.glob("*.js"))
    linked = RUN.report(tmp_path / "run.html", script="../shared/plotly.js")
    assert '<script src="../shared/plotly.js">' in linked.read_text(encoding="utf-8")
    with pytest.raises(ts.ConfigError, match="script is 'cdn'"):
        RUN.report(tmp_path / "run.html", script="cdn")


def test_texts_stay_texts(tmp_path: Path) -> None:
    kind = type(EVIL, (Hold,), {"note": EVIL})
    first = ts.backtest(kind, {EVIL: days([50, 51, 53], EVIL)}, **EXACT)
    first.warn(EVIL)
    second = ts.backtest(kind(qty=2), {EVIL: days([50, 51, 53], EVIL)}, **EXACT)
    for path in (
        first.report(tmp_path / "run.html", script="beside", benchmark=days([5, 6, 7], EVIL)),
        ts.report([first, second], tmp_path / "both.html", script="beside"),
    ):
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        assert [tag for tag, _ in page.elements].count("script") == 3
        assert [tag for tag, _ in page.elements].count("img") == 0
        assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
        assert "<script>alert" not in text and "<img" not in text
        assert "<" not in page.scripts[0] and EVIL in json.dumps(
            page.numbers, ensure_ascii=False
        ).replace("\\", "")
    for shown in (first._repr_html_(), first.compare(second)._repr_html_()):
        tags = {tag for tag, _ in Page(shown).elements}
        assert not tags & {"script", "img"}
    first.report(tmp_path / "run.pdf")
    assert first.tearsheet(tmp_path / "run.svg").read_bytes().startswith(b"<?xml")
    ts.report([first, second], tmp_path / "both.pdf")


@pytest.mark.parametrize("ending", ["html", "pdf", "png", "svg"])
def test_equal_runs_give_equal_files(ending: str, tmp_path: Path) -> None:
    one, other = (
        grid(8, 4_000).report(tmp_path / f"{name}.{ending}").read_bytes() for name in ("a", "b")
    )
    assert one == other
    assert grid(9, 4_000).report(tmp_path / f"c.{ending}").read_bytes() != one


def test_numbers_of_a_page_are_those_of_the_run(tmp_path: Path) -> None:
    numbers = page_of(RUN, tmp_path).numbers
    seen = numbers["timeline"]
    assert min(seen["equityLow"]) == pytest.approx(RUN.curves().equity_low.min())
    assert max(seen["equityHigh"]) == pytest.approx(RUN.stats["Equity Peak"])
    assert min(seen["drawdown"]) == pytest.approx(RUN.stats["Max. Drawdown [%]"])
    assert max(seen["high"]) == RUN.data["DEMO"].prices.max()  # type: ignore[attr-defined]
    fills = {side: seen["fills"][side] for side in ("BUY", "SELL")}
    assert sum(len(each["time"]) for each in fills.values()) == RUN.stats["Fills"]
    bought = RUN.fills.filter(RUN.fills["side"] == "BUY")
    assert fills["BUY"]["low"] == bought["price"].to_list()
    moments = [numbers["clock"]["start"] + each for each in fills["BUY"]["time"]]
    assert moments == bought["time"].dt.epoch("ms").to_list()
    assert sum(numbers["explained"]["change"]) == pytest.approx(RUN.stats["P&L"])
    trips = {each["name"]: each["values"] for each in numbers["tables"]["trips"]}
    assert trips["P&L"] == pytest.approx(RUN.trades["pnl"].to_list())
    assert sum(numbers["trips"]["counts"]) == RUN.stats["# Trades"]


# What a reader does: zooms, sorts, filters; the title tells what came of it.
READER = """<script>
setTimeout(async () => {
  const chart = document.getElementById("chart-timeline");
  const whole = chart._fullLayout.yaxis.range;
  const zoomed = { "xaxis.range[0]": "2024-01-01 06:00:00", "xaxis.range[1]": "2024-01-01 07:00:00" };
  await Plotly.relayout(chart, zoomed);
  await new Promise((done) => setTimeout(done, 500));
  const table = document.querySelector('[data-table="trips"]');
  const head = [...table.querySelectorAll("th button")].find((each) => each.textContent === "P&L");
  head.click();
  const best = [...table.querySelectorAll("tbody tr")].map((row) => row.children[7].textContent);
  const words = table.querySelector("input");
  words.value = "short";
  words.dispatchEvent(new Event("input"));
  const left = table.querySelectorAll("tbody tr").length;
  document.title = JSON.stringify({ whole, part: chart._fullLayout.yaxis.range, best, left });
}, 3000);
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_draws_the_page(tmp_path: Path) -> None:
    path = RUN.report(tmp_path / "run.html")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("</body>", READER), encoding="utf-8")
    assert CHROMIUM is not None
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--dump-dom")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [CHROMIUM, *options, "--virtual-time-budget=15000", profile, path.as_uri()]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    body = answer.rpartition("</style>")[2]
    assert body.count('class="main-svg"') >= 7  # one and more for each chart
    found = re.search(r"<title>([^<]*)", answer)
    assert found is not None
    seen = json.loads(unescape(found[1]))
    # What is visible decides the scale, and its extremes are within.
    data: Any = RUN.data["DEMO"]
    moments = data.time - 1_704_067_200_000
    prices = data.prices[(moments >= 6 * 3_600_000) & (moments < 7 * 3_600_000)]
    low, high = seen["part"]
    assert seen["whole"][0] < low <= prices.min() and prices.max() <= high < seen["whole"][1]
    best = RUN.trades["pnl"].sort(descending=True).to_list()[:12]
    assert [float(each) for each in seen["best"]] == pytest.approx(best, abs=0.01)
    assert seen["left"] == len(RUN.trades.filter(RUN.trades["side"] == "SHORT"))


# --- A million fills. -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def churn() -> ts.Result:
    """A market order before each tick."""
    ticks = sample(FILLS)
    engine = ts.Engine(ts.EngineConfig(initial_cash=10_000_000, tick_size="0.01", lot="0.001"))
    engine.bind(ticks)
    sides = np.where(np.random.default_rng(1).random(FILLS) < 0.5, "BUY", "SELL").tolist()
    kept = []
    for row, side in enumerate(sides):
        engine.place_order(ts.Order("MARKET", side, 1))
        engine.advance(1)
        if row % 10_000 == 0:
            kept.append(engine.drain_events())
    events = np.concatenate((*kept, engine.drain_events()))
    return ts.Result(
        strategy="Churn", parameters={}, config=engine.config, data={"ASSET": ticks}, events=events,
        event_digest=engine.digest,
    )  # fmt: skip


def test_a_million_fills_make_a_small_page(churn: ts.Result, tmp_path: Path) -> None:
    path = churn.report(tmp_path / "churn.html", script="beside")
    assert churn.stats["Fills"] == FILLS
    assert path.stat().st_size <= 1_000_000
    page = Page(path.read_text(encoding="utf-8"))
    fills = page.numbers["timeline"]["fills"]
    assert sum(sum(each["count"]) for each in fills.values()) == FILLS
    for side, marks in fills.items():
        own = churn.fills.filter(churn.fills["side"] == side)
        assert (min(marks["low"]), max(marks["high"])) == (own["price"].min(), own["price"].max())
    seen = page.numbers["timeline"]
    assert max(seen["equityHigh"]) == pytest.approx(churn.stats["Equity Peak"], rel=1e-7)
    assert max(seen["positionHigh"]) == churn.fills["position"].max()
    assert min(seen["positionLow"]) == churn.fills["position"].min()
    trips = page.numbers["trips"]
    closed = churn.trades.filter(~churn.trades["is_open"])
    assert sum(trips["counts"]) == sum(trips["farCounts"]) == len(closed)
    pnl = closed["pnl"]
    assert (min(trips["pnl"]), max(trips["pnl"])) == pytest.approx((pnl.min(), pnl.max()))
    assert (min(trips["mae"]), max(trips["mfe"])) == pytest.approx(
        (closed["mae_pnl"].min(), closed["mfe_pnl"].max())
    )
    listed = {each["name"]: each["values"] for each in page.numbers["tables"]["trips"]}
    assert (min(listed["P&L"]), max(listed["P&L"])) == pytest.approx(
        (churn.trades["pnl"].min(), churn.trades["pnl"].max())
    )
    sums = {each["name"]: each["values"] for each in page.numbers["tables"]["trip-sums"]}
    assert sum(sums["Trips"]) == len(closed)
    assert sum(sums["P&L"]) == pytest.approx(pnl.sum())
    total = f"{len(churn.trades):,} round trips"
    assert any(total in each for each in page.words)


def test_extremes_of_time_slices_are_those_of_the_fills(churn: ts.Result) -> None:
    review = Review(churn)
    marks, fills = review.marks["SELL"], churn.account.fills
    sells = fills[fills["qty_lots"] < 0]
    for row in (0, 700, len(marks.time) - 1):
        start = marks.time[row]
        later = review.curves.time[review.curves.time > start]
        end = later[0] if len(later) else np.iinfo(np.int64).max
        own = sells["price_ticks"][(sells["time"] >= start) & (sells["time"] < end)]
        assert marks.counts[row] == len(own)
        assert marks.low[row] == pytest.approx(own.min() / 100)
        assert marks.high[row] == pytest.approx(own.max() / 100)


# --- Thinning. ------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 3_000), st.integers(4, 60), st.integers(0, 10**6))
def test_a_thinned_line_keeps_its_extremes(count: int, points: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=count)
    rows = thinned_rows(values, points)
    assert (np.diff(rows) > 0).all() and rows[0] == 0 and rows[-1] == count - 1
    assert values[rows].min() == values.min() and values[rows].max() == values.max()
    assert len(rows) <= max(points, 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(1_800, 6_000), st.integers(0, 10**6))
def test_cells_keep_the_outermost_and_count_all(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    x, y = random.normal(size=count), random.normal(size=count)
    y[::7] = np.nan
    cells = cells_of(x, y, columns=9, rows=7)
    known = ~np.isnan(y)
    assert len(cells.rows) <= 63 and cells.counts.sum() == known.sum()
    assert y[cells.rows].max() == y[known].max()
    assert y[cells.rows].min() == y[known].min()


def test_falls_that_are_shaded_are_the_deepest() -> None:
    review = Review(RUN)
    assert len(review.falls) == 5
    assert review.falls["depth"][0] == RUN.drawdowns["depth"].min()
    assert 100 * review.falls["depth"][0] == pytest.approx(RUN.stats["Max. Drawdown [%]"])


def test_equity_is_on_a_scale_of_ratios_when_it_grew_threefold() -> None:
    assert not Review(RUN).is_logarithmic
    grown = ts.backtest(Hold(qty=900), days([100 + each**2 for each in range(60)]), **EXACT)
    assert Review(grown).is_logarithmic


def test_a_benchmark_starts_where_the_run_does() -> None:
    prices = [50, 55, 60, 40]
    result = ts.backtest(Hold, days(prices), cash=1_000, **EXACT)
    review = Review(result, days([100, 110, 130, 90], "INDEX"))
    assert review.benchmark is not None
    assert review.benchmark.tolist() == pytest.approx([1_000, 1_100, 1_300, 900])
    held = Review(result).benchmark
    assert held is not None and held.tolist() == pytest.approx([1_000, 1_100, 1_200, 800])


# --- Paper. ---------------------------------------------------------------------------------------


def pages_in(path: Path) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", path.read_bytes()))


def test_pages_of_paper(tmp_path: Path) -> None:
    # Three of pictures, two of statistics, one each of execution, falls and the run.
    assert pages_in(RUN.report(tmp_path / "run.pdf")) == 8
    idle = CASES["no trades"]()
    assert pages_in(idle.report(tmp_path / "idle.pdf")) == 7
    assert pages_in(RUN.tearsheet(tmp_path / "sheet.pdf")) == 1
    # Curves, what differs, two of statistics, correlation.
    assert pages_in(ts.report([RUN, grid(8)], tmp_path / "both.pdf")) == 5


@pytest.mark.parametrize("name", ["run.txt", "run", "run.HTML"])
def test_endings_that_are_not_known(name: str, tmp_path: Path) -> None:
    with pytest.raises(ts.ConfigError, match="cannot be drawn"):
        RUN.report(tmp_path / name)
    with pytest.raises(ts.ConfigError, match="cannot be drawn"):
        ts.report([RUN, RUN], tmp_path / name)


# --- Several runs. --------------------------------------------------------------------------------


def test_runs_of_other_instruments_differ_in_few_rows() -> None:
    class Idle(ts.Strategy):
        pass

    def run(count: int, **settings: Any) -> ts.Result:
        data = {f"S{number}": sample(50) for number in range(count)}
        return ts.backtest(Idle, data, **settings)

    runs = [run(40), run(41, maker_fee="0.0003")]
    found = dict(SideBySide(runs, names_of(runs)).differences)
    assert found["instruments"][0].startswith("40: S0, S1") and len(found) == 3
    (fees,) = [name for name in found if name.startswith("maker_fee of S0, S1, ")]
    assert found[fees] == ["0.0001", "0.0003"]


def test_runs_beside_each_other(tmp_path: Path) -> None:
    runs = [RUN, grid(8), grid(8, 40_000)]
    seen = SideBySide(runs, names_of(runs))
    assert seen.names[2].startswith("3: ")
    differences = dict(seen.differences)
    assert differences["parameter levels"] == ["16", "8", "8"]
    assert set(differences) == {"parameter levels", "data"}
    first = runs[0].account
    common = runs[2].account.periods("1h").total
    assert seen.correlation_told == f"Of {common:,} returns of 1h that all runs have."
    steps = [np.asarray(run.account.returns_of(run.account.periods("1h"))) for run in runs]
    # The last hour of the shorter run is not whole, but both have it.
    expected = np.corrcoef([each[:common] for each in steps])
    assert seen.correlation == pytest.approx(expected)
    curve = seen.curves[0]
    start = first.scales.money.value(first.scales.cash_units)
    assert curve.high.max() == pytest.approx(100 * RUN.stats["Equity Peak"] / start)  # type: ignore[operator]
    page = Page(
        ts.report(runs, tmp_path / "runs.html", script="beside").read_text(encoding="utf-8")
    )
    assert [each["name"] for each in page.numbers["compared"]] == seen.names
    for name in RUN.stats:
        assert name in page.words


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(ts.ConfigError, match="there are no runs to compare"):
        ts.report([], tmp_path / "none.html")
    with pytest.raises(ts.ConfigError, match="2 runs and 1 names"):
        ts.report([RUN, RUN], tmp_path / "both.html", names=["one"])
    with pytest.raises(ts.ConfigError, match="cannot be drawn"):
        ts.report([RUN, RUN], tmp_path / "both.png")
    assert ts.report(RUN, tmp_path / "one.png").exists()


def test_runs_without_common_periods_have_no_correlation() -> None:
    early, late = days([50, 51, 52]), days([50, 51, 52] * 40)
    runs = [ts.backtest(Hold, each, **EXACT) for each in (early, late)]
    seen = SideBySide(runs, names_of(runs))
    assert seen.correlation is None
    assert seen.correlation_told == "The runs have too few periods in common."


# --- The command line. ----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ticks = sample(20_000)
    rows = zip(ticks.price_ticks.tolist(), ticks.qty_lots.tolist(), ticks.time.tolist(),
               ticks.side.tolist(), strict=True)  # fmt: skip
    lines = [
        f"{number},{price / 100:.2f},{qty / 1000:.3f},0,0,{time},{'true' if side else 'false'}\n"
        for number, (price, qty, time, side) in enumerate(rows)
    ]
    (tmp_path / "trades.csv").write_text("".join(lines), encoding="ascii")
    (tmp_path / "grid.py").write_bytes(GRID.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


BACKTEST = (
    "backtest",
    "grid.py",
    "trades.csv",
    "--param",
    "step=0.25",
    "--param",
    "qty=5",
    "--no-plot",
)


def test_backtest_writes_reports(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reports = ("--report", "a.html", "--report", "a.pdf", "--report", "a.png", "--script", "beside")
    assert main([*BACKTEST, "--out", "run", *reports]) == 0
    digest = capsys.readouterr().out.splitlines()[-1].split()[-1]
    assert digest in (folder / "a.html").read_text(encoding="utf-8")
    assert pages_in(folder / "a.pdf") >= 5
    assert (folder / "a.png").exists()
    assert main([*BACKTEST, "--report", "a.doc", "--out", "other"]) == 2
    assert not (folder / "other").exists()


def test_report_of_a_record(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*BACKTEST, "--out", "run", "--report", "now.html", "--script", "beside"]) == 0
    assert main([*BACKTEST, "--out", "wide", "--param", "step=0.5"]) == 0
    # The strategy is not needed any more.
    (folder / "grid.py").unlink()
    assert (
        main(["report", "run/run.json", "--out", "x.html", "--out", "x.pdf", "--script", "beside"])
        == 0
    )
    now, later = (
        Page((folder / name).read_text(encoding="utf-8")) for name in ("now.html", "x.html")
    )
    assert now.numbers == later.numbers
    assert "made from run.json and events.npy, without running the strategy again" in later.words
    record = json.loads((folder / "run/run.json").read_text(encoding="utf-8"))
    assert record["digest"] in later.words
    for told in (*record["warnings"], *record["assumptions"]):
        assert later.words.count(told) == 1
    assert main(["report", "run/run.json", "wide/run.json", "--out", "both.html"]) == 0
    assert main(["report", "run/run.json", "wide/run.json", "--out", "both.png"]) == 2
    capsys.readouterr()
    trades = (folder / "trades.csv").read_text(encoding="ascii")
    (folder / "trades.csv").write_text(trades.replace(",100.01,", ",100.02,", 1), encoding="ascii")
    assert main(["report", "run/run.json"]) == 2
    assert "the data are not those of run.json" in capsys.readouterr().err


ROTATE = """
import tickstep as ts

class Rotate(ts.Strategy):
    def on_bar(self, bar):
        self.target(bar.symbol, 5 if bar.close > bar.open else 0)
"""


def test_report_of_a_record_over_bars(folder: Path) -> None:
    (folder / "rotate.py").write_text(ROTATE, encoding="utf-8")
    random = np.random.default_rng(4)
    for name in ("a", "b"):
        close = 1000 + np.cumsum(random.integers(-9, 10, 300))
        lines = ["time,open,high,low,close,volume"]
        for day, (first, last) in enumerate(pairwise(close.tolist())):
            moment = np.datetime64("2024-01-01") + day
            lines.append(f"{moment},{first},{max(first, last)},{min(first, last)},{last},1000")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="ascii")
    run = ("backtest", "rotate.py", "A=a.csv", "B=b.csv", "--no-plot", "--out", "run")
    assert main([*run, "--script", "beside", "--report", "now.html"]) == 0
    assert main(["report", "run/run.json", "--script", "beside", "--out", "later.html"]) == 0
    now, later = (
        Page((folder / name).read_text(encoding="utf-8")) for name in ("now.html", "later.html")
    )
    assert now.numbers == later.numbers
    assert len(now.numbers["tables"]["instruments"][0]["values"]) == 2
    (folder / "b.csv").write_bytes((folder / "a.csv").read_bytes())
    assert main(["report", "run/run.json"]) == 2
