"""What a reader relies on: who imports whom, what no file may hold, public names explained."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

import tickstep

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "python" / "tickstep"

# Rows of docs/architecture.md, lowest first: a module may import modules of lower rows only.
ROWS = (
    {"_kernel"},
    {"errors", "progress", "version", "extras", "commands", "provenance"},
    {"failures"},
    {"ticks"},
    {"intervals", "columns", "series", "compat", "compat.absent", "stats", "formulas"},
    {"bars", "book", "returns", "drawdowns", "outcomes", "significance"},
    {"ratios", "pieces", "barticks"},
    {"relative", "rolling", "candles", "flow", "profile", "volatility", "vwap"},
    {"resample"},
    {"analytics"},
    {
        "engine",
        "metrics",
        "history",
        "signals",
        "data.files",
        "data.symbols",
        "data.calendar",
        "data.adjust",
    }
    | {"data.arrowfile", "data.agtick"},
    {"data.china", "data.duck", "data.frames", "scales", "risk", "guards"},
    {"data.quotes", "data.ctp", "data.merge", "data.tickfile", "reach"},
    {"data.parts"},
    {"data.table", "data.quality"},
    {"data.bars", "data.depth"},
    {"data.load"},
    {"data.store", "data.parquet", "data.writing"},
    {"strategy", "native", "equity", "trips", "orderlives", "data.fetch", "data.klines"}
    | {"data.stream", "data.sql", "data.formats"}
    | {"compat.empyrical", "compat.quantstats", "compat.backtesting_py"}
    | {"compat.akquant_metrics", "compat.pyrust_analyzers", "compat.agkernel"},
    {"data.aggtrades", "watch", "targets", "venue", "markets"},
    {"data"},
    {"portfolio", "waits"},
    {"data.holdings"},
    {"session", "functions", "demo", "drawing", "dataverbs", "sampling", "divergence"},
    {"team"},
    {"pictures", "account", "team"},
    {"summary", "tables", "benchmark", "metricnames", "comparison", "assumptions"},
    {"explained", "execution"},
    {"attribution"},
    {"review"},
    {"sidebyside", "panels"},
    {"pages", "notebook", "webpage", "tearsheet"},
    {"reports"},
    {"report", "charts", "datacli"},
    {"result"},
    {"alternatives", "settings", "runs"},
    {"nativerun", "window"},
    {"replay"},
    {"plans"},
    {"backtest", "fromcolumns", "running"},
    {"lookahead", "quick"},
    {"compat.names", "compat.given"},
    {"compat.held"},
    {"compat.vnpy_arrays", "compat.joinquant_objects"},
    {"compat.pyrust_run", "compat.akquant_run", "compat.joinquant", "compat.vnpy"},
    {"compat.akquant", "compat.pyrust_bt"},
    {"sources"},
    {"datasource"},
    {"runfile"},
    {"reportcli"},
    {"__main__"},
)
ROW_OF = {name: row for row, names in enumerate(ROWS) for name in names}
SAME_ROW = {("data.calendar", "data.symbols")}
# Methods of data that load, when they are called, what writes, converts, draws and reckons with it.
DEFERRED = {
    (data, room)
    for data in ("ticks", "bars")
    for room in ("analytics", "charts", "data.frames", "data.tickfile", "data.parquet")
} | {("ticks", "bars"), ("book", "data.frames")}
# The only ones that may draw, and with what.
DRAWING = {
    "drawing": "matplotlib",
    "report": "matplotlib",
    "charts": "matplotlib",
    "pages": "plotly",
    "panels": "matplotlib",
    "tearsheet": "matplotlib",
    "webpage": "plotly",
}
NO_FILES_OR_CLOCKS = {
    "errors",
    "ticks",
    "analytics",
    "candles",
    "flow",
    "pieces",
    "profile",
    "resample",
    "volatility",
    "vwap",
    "bars",
    "barticks",
    "book",
    "columns",
    "intervals",
    "engine",
    "history",
    "series",
    "returns",
    "drawdowns",
    "ratios",
    "relative",
    "rolling",
    "significance",
    "outcomes",
    "metrics",
    "trips",
    "equity",
    "scales",
    "stats",
    "orderlives",
    "sampling",
    "divergence",
    "account",
    "summary",
    "tables",
    "explained",
    "execution",
    "benchmark",
    "metricnames",
    "comparison",
    "attribution",
    "portfolio",
    "targets",
    "team",
    "formulas",
    "review",
    "sidebyside",
    "notebook",
    "assumptions",
    "alternatives",
    "lookahead",
    "settings",
    "signals",
    "fromcolumns",
    "runs",
    "failures",
    "compat.absent",
    "compat.agkernel",
    "compat.akquant_metrics",
    "compat.akquant_run",
    "compat.backtesting_py",
    "compat.empyrical",
    "compat.given",
    "compat.held",
    "compat.joinquant",
    "compat.joinquant_objects",
    "compat.pyrust_analyzers",
    "compat.pyrust_run",
    "compat.vnpy",
    "compat.vnpy_arrays",
    "compat.quantstats",
    "risk",
    "guards",
    "reach",
    "watch",
    "strategy",
    "functions",
    "session",
    "venue",
    "markets",
    "waits",
    "window",
    "replay",
    "plans",
    "backtest",
}
BANNED = {"datetime.now", "time.time", "random.", "open(", "threading", "asyncio"}

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / name for name in listing.splitlines() if (ROOT / name).is_file()]


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "tickstep":
            found |= {alias.name for alias in node.names if alias.name in ROW_OF}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tickstep."):
            found.add((node.module or "").removeprefix("tickstep."))
    return found


@pytest.mark.parametrize("name", [name for name in MODULES if name not in ("", "__init__")])
def test_imports_point_down(name: str) -> None:
    assert name in ROW_OF, f"{name} has no row in docs/architecture.md and tests/test_tidy.py"
    for other in imports_of(MODULES[name]):
        allowed = ROW_OF[other] < ROW_OF[name] or (name, other) in SAME_ROW | DEFERRED
        assert allowed, f"{name} imports {other}, which does not lie below it"


def test_what_is_deferred_loads_in_the_call() -> None:
    for of, to in DEFERRED:
        at_load = ast.parse(MODULES[of].read_text(encoding="utf-8")).body
        for node in at_load:
            assert not isinstance(node, ast.ImportFrom) or node.module != f"tickstep.{to}"


@pytest.mark.parametrize("name", [name for name in MODULES if name not in ("", "__init__")])
def test_who_draws(name: str) -> None:
    source = MODULES[name].read_text(encoding="utf-8")
    code = re.sub(r'""".*?"""|#[^\n]*', "", source, flags=re.DOTALL)
    for library in ("matplotlib", "plotly"):
        draws = re.search(rf"\b{library}\b", code)
        assert not draws or DRAWING.get(name) == library, f"{name} uses {library}"


@pytest.mark.parametrize("name", sorted(NO_FILES_OR_CLOCKS))
def test_the_loop_knows_no_clock_and_no_files(name: str) -> None:
    source = MODULES[name].read_text(encoding="utf-8")
    code = re.sub(r'""".*?"""|#[^\n]*', "", source, flags=re.DOTALL)
    for banned in BANNED:
        assert not re.search(rf"(?<![\w.])(?<!def ){re.escape(banned)}", code), (
            f"{name} uses {banned}"
        )


def test_core_includes_only_what_it_may() -> None:
    allowed = {'"kernel.h"', '"tickstep.h"', "<string.h>"}
    for path in (ROOT / "core").glob("*.[ch]"):
        included = set(re.findall(r"#include\s+(\S+)", path.read_text(encoding="utf-8")))
        assert included <= allowed, f"{path.name} includes {included - allowed}"
    header = (ROOT / "include" / "tickstep.h").read_text(encoding="utf-8")
    included = set(re.findall(r"#include\s+(\S+)", header))
    assert included == {"<stdbool.h>", "<stddef.h>", "<stdint.h>"}


def test_only_the_account_writes_money() -> None:
    written = re.compile(
        r"(cash_units|in_units|income_units|cost_units|base_units)\s*(\+=|-=|=[^=])"
    )
    for path in (ROOT / "core").glob("*.c"):
        if path.name in ("account.c", "state.c"):  # state.c reads saved figures back
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            is_other = (
                "snapshot" in line or "initial_cash" in line or "wallet.cash_units = engine" in line
            )
            assert is_other or not written.search(line), f"{path.name}:{number}: {line.strip()}"


def test_public_names_are_documented() -> None:
    for name in tickstep.__all__:
        value = getattr(tickstep, name)
        assert not callable(value) or value.__doc__, f"tickstep.{name} has no docstring"


def test_no_large_or_foreign_files() -> None:
    index_host = re.compile(
        rb"\b(?:py" + rb"pi|regi" + rb"stry\.npmjs|cra" + rb"tes)\.(?:org|io)\b"
    )
    for path in tracked():
        data = path.read_bytes()
        assert len(data) < 500_000, f"{path.name} is larger than 500 kB"
        if path.name != "Cargo.lock":
            assert not index_host.search(data), f"{path.name} names a package registry"
