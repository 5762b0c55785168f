"""The command line: what it prints, what it writes, how it says no."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

import tickstep as ts
from tickstep.__main__ import main
from tickstep.demo import sample
from tickstep.progress import ProgressLine

STRATEGIES = Path(__file__).parents[1] / "examples" / "strategies"
TICKS = sample(20_000)

TWO_STRATEGIES = """
import tickstep as ts

class First(ts.Strategy):
    def on_start(self):
        self.buy(1)

class Second(ts.Strategy):
    note = "quiet"
    is_loud = False
    pair = (1, 2)
    def on_start(self):
        print(self.note, self.is_loud, self.pair)
"""


class Answer(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str


class Shell:
    """Runs commands in a folder of its own, where trades and strategies lie."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Answer:
        self._capsys.readouterr()
        code = main(arguments)
        return Answer(code, *self._capsys.readouterr())

    def backtest(self, *arguments: str) -> Answer:
        """Run the grid of the examples over the trades."""
        grid = ("--param", "step=0.25", "--param", "qty=5", "--no-plot", "--out", "run")
        return self("backtest", "grid.py", "trades.csv", *grid, *arguments)

    def record(self) -> dict[str, Any]:
        """The run.json of the last backtest."""
        record: dict[str, Any] = json.loads((self.folder / "run/run.json").read_text("utf-8"))
        return record

    def tamper(self, **changes: Any) -> None:
        """Write other values into run.json, at its top level."""
        changed = {**self.record(), **changes}
        (self.folder / "run/run.json").write_text(json.dumps(changed), encoding="utf-8")


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    write_trades(tmp_path / "trades.csv", TICKS)
    for name in ("grid.py", "sma_cross.py"):
        (tmp_path / name).write_bytes((STRATEGIES / name).read_bytes())
    (tmp_path / "two.py").write_text(TWO_STRATEGIES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return Shell(tmp_path, capsys)


def write_trades(file: Path, ticks: ts.Ticks) -> None:
    """Write ticks as Binance writes aggregated trades."""
    rows = zip(
        range(len(ticks)),
        ticks.price_ticks.tolist(),
        ticks.qty_lots.tolist(),
        ticks.time.tolist(),
        ticks.side.tolist(),
        strict=True,
    )
    lines = [
        f"{row},{price // 100}.{price % 100:02},{qty // 1000}.{qty % 1000:03},0,0,{time},"
        f"{'true' if side else 'false'}\n"
        for row, price, qty, time, side in rows
    ]
    file.write_text("".join(lines), encoding="ascii")


def last_line(answer: Answer) -> str:
    """The digest: the last line of the table."""
    return answer.out.splitlines()[-1]


# --- What works. ----------------------------------------------------------------------------------


def test_demo_prints_the_table_and_writes_everything(shell: Shell) -> None:
    answer = shell("demo", "--ticks", "20000")
    assert answer.code == 0
    assert answer.out.startswith("Grid(step=0.25, levels=16, qty=5.0) on DEMO\n")
    assert last_line(answer).startswith("Digest ")
    files = {file.name for file in (shell.folder / "tickstep-demo").iterdir()}
    assert files == {"run.json", "events.npy", "fills.csv", "equity.csv", "picture.png"}
    assert shell("verify", "tickstep-demo/run.json").code == 0


def test_backtest_of_a_file_is_the_run_of_the_class(shell: Shell) -> None:
    answer = shell.backtest("--cash", "10000", "--maker-fee", "0.0002", "--latency", "50ms")
    assert answer.code == 0
    ticks = ts.read_trades("trades.csv")
    assert ticks.price_ticks.tolist() == TICKS.price_ticks.tolist()
    record = shell.record()
    config = ts.EngineConfig.from_canonical(record["config"])
    assert config.canonical()["latency"] == "50"
    assert config.canonical()["instruments"][0]["maker_fee"] == "0.0002"
    assert record["strategy"]["parameters"] == {"step": "0.25", "levels": "15", "qty": "5.0"}
    assert record["data"]["digest"] == ticks.data_digest


def test_skip_scan_off_gives_the_same_digest(shell: Shell) -> None:
    skipping, plain = shell.backtest(), shell.backtest("--no-skip-scan")
    assert plain.code == 0
    assert plain.out == skipping.out


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_bars_strategy_and_its_tables(format: str, shell: Shell) -> None:
    parameters = ("--param", "interval=5m", "--param", "fast=3", "--param", "slow=8")
    answer = shell(
        "backtest", "sma_cross.py", "trades.csv", *parameters, "--format", format, "--no-plot"
    )
    assert answer.code == 0
    read = pl.read_csv if format == "csv" else pl.read_parquet
    fills = read(shell.folder / f"sma_cross-run/fills.{format}")
    assert len(fills) > 5
    assert set(fills["side"]) == {"BUY", "SELL"}
    assert shell("verify", "sma_cross-run/run.json").code == 0


def test_several_files_are_one_run(shell: Shell) -> None:
    write_trades(shell.folder / "a.csv", TICKS[:9_000])
    write_trades(shell.folder / "b.csv", TICKS[9_000:])
    packed = shell.folder / "b.csv.gz"
    packed.write_bytes(gzip.compress((shell.folder / "b.csv").read_bytes()))
    whole = shell("backtest", "grid.py", "trades.csv", "--no-plot", "--param", "step=0.25")
    parts = shell("backtest", "grid.py", "a.csv", "b.csv.gz", "--no-plot", "--param", "step=0.25")
    assert last_line(parts) == last_line(whole)
    assert shell("verify", "grid-run/run.json").code == 0


def test_class_is_chosen_by_name(shell: Shell) -> None:
    answer = shell(
        *("backtest", "two.py:Second", "trades.csv", "--no-plot"),
        *("--param", "note=it is", "--param", "is_loud=yes", "--param", "pair=(3, 4)"),
    )
    assert answer.code == 0
    assert answer.out.startswith("it is True (3, 4)\n")


def test_strategy_may_import_what_lies_beside_it(shell: Shell) -> None:
    (shell.folder / "beside_it.py").write_text("QTY = 2\n", encoding="utf-8")
    (shell.folder / "mine.py").write_text(
        "import tickstep as ts\n"
        "class Mine(ts.Strategy):\n"
        "    def on_start(self):\n"
        "        from beside_it import QTY\n"
        "        self.buy(QTY)\n",
        encoding="utf-8",
    )
    assert shell("backtest", "mine.py", "trades.csv", "--no-plot").code == 0


def test_picture_is_written_unless_told_otherwise(shell: Shell) -> None:
    shell("backtest", "two.py:First", "trades.csv", "--out", "drawn")
    assert (shell.folder / "drawn/picture.png").stat().st_size > 10_000


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["backtest"], ["demo"], ["verify"]):
        with pytest.raises(SystemExit, match="0"):
            main([*command, "--help"])
        assert "example:\n  tickstep" in capsys.readouterr().out


def test_module_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "tickstep", "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout == f"tickstep {ts.__version__}\n"


def test_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m tickstep demo --ticks 2000 --no-plot --out out | head -1"
    answer = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert answer.stdout.startswith("Grid(")
    assert "BrokenPipe" not in answer.stderr


# --- Verify. --------------------------------------------------------------------------------------


def test_verify_says_what_is_the_same(shell: Shell) -> None:
    shell.backtest()
    answer = shell("verify", "run/run.json")
    assert answer.code == 0
    assert last_line(answer) == f"digest {shell.record()['digest']}"


PARAMETERS_OF_EVERY_TYPE = """
import datetime
from decimal import Decimal
import tickstep as ts

class Typed(ts.Strategy):
    whole = 5
    below = -3
    broken = 0.5
    exact = Decimal("1.10")
    none = None
    text = "x=y=z"
    is_on = True
    several = (1, -2.5, "q")
    money = (Decimal("1"), datetime.date(2024, 1, 2))

    def on_start(self):
        self.buy(1)
"""


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["none='5'"],
        ["none=(1, None)", "whole=1e3", "below=-7", "text=a=b=c", "exact=2.50", "is_on=no"],
        ["several=('a=b', -1)", "text="],
    ],
)
def test_verify_reads_parameters_of_every_type(given: list[str], shell: Shell) -> None:
    (shell.folder / "typed.py").write_text(PARAMETERS_OF_EVERY_TYPE, encoding="utf-8")
    params = [each for text in given for each in ("--param", text)]
    run = shell("backtest", "typed.py", "trades.csv", "--no-plot", "--out", "run", *params)
    assert run.code == 0, run.err
    answer = shell("verify", "run/run.json")
    assert answer.code == 0, answer.err + answer.out
    assert answer.out.splitlines()[-1].split()[1] == last_line(run).split()[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("none=abc", "text in quotes"),
        ("several=(1,", "text in quotes"),
        ("whole=nan", "of type int"),
        ("whole=inf", "of type int"),
        ("whole=", "of type int"),
    ],
)
def test_parameters_that_are_no_values(given: str, said: str, shell: Shell) -> None:
    (shell.folder / "typed.py").write_text(PARAMETERS_OF_EVERY_TYPE, encoding="utf-8")
    answer = shell("backtest", "typed.py", "trades.csv", "--param", given)
    assert answer.code == 2 and said in answer.err


def test_lookahead_without_events_claims_nothing(shell: Shell) -> None:
    (shell.folder / "idle.py").write_text("import tickstep as ts\nclass Idle(ts.Strategy): pass\n")
    answer = shell("lookahead", "idle.py", "trades.csv")
    assert answer.out.startswith("nothing was compared")


def test_report_into_no_folder_is_refused_before_the_run(shell: Shell) -> None:
    answer = shell.backtest("--report", "nowhere/run.pdf")
    assert answer.code == 2 and "there is no folder nowhere" in answer.err
    assert not (shell.folder / "run").exists() and "run:" not in answer.err
    assert shell.backtest("--report", "run/run.pdf").code == 0


def test_verify_works_from_anywhere(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.backtest()
    monkeypatch.chdir(shell.folder.parent)
    assert shell("verify", str(shell.folder / "run/run.json")).code == 0


def test_verify_shows_the_first_diverging_event(shell: Shell) -> None:
    shell.backtest()
    strategy = shell.record()["strategy"]
    strategy["parameters"]["qty"] = "6.0"
    shell.tamper(strategy=strategy)
    answer = shell("verify", "run/run.json")
    assert answer.code == 1
    lines = answer.out.splitlines()
    assert lines[0] == "different"
    assert "first diverging event: number 3 (" in answer.out
    assert [line.split() for line in lines if line.startswith("* ")] == [["*", "qty", "5", "6"]]


def test_verify_finds_a_changed_fee(shell: Shell) -> None:
    shell.backtest()
    config = shell.record()["config"]
    config["instruments"][0]["maker_fee"] = "0.0003"
    shell.tamper(config=config)
    answer = shell("verify", "run/run.json")
    assert answer.code == 1
    assert "* fee " in answer.out
    assert "  kind         FILLED" in answer.out


def test_verify_finds_a_changed_digest(shell: Shell) -> None:
    shell.backtest()
    shell.tamper(digest="0" * 64)
    answer = shell("verify", "run/run.json")
    assert answer.code == 1
    assert "only run.json differs" in answer.out


def test_verify_finds_a_changed_event(shell: Shell) -> None:
    shell.backtest()
    file = shell.folder / "run/events.npy"
    events = np.load(file)
    events["price_ticks"][40] += 1
    events["kind"][41] = 999
    np.save(file, events)
    answer = shell("verify", "run/run.json")
    assert answer.code == 1
    assert "first diverging event: number 41 (" in answer.out
    assert "* price" in answer.out


def test_verify_finds_missing_events(shell: Shell) -> None:
    shell.backtest()
    file = shell.folder / "run/events.npy"
    events = np.load(file)
    np.save(file, events[:-1])
    answer = shell("verify", "run/run.json")
    assert answer.code == 1
    assert "no such event" in answer.out


def test_verify_finds_other_data(shell: Shell) -> None:
    shell.backtest()
    lines = (shell.folder / "trades.csv").read_text("ascii").splitlines(keepends=True)
    (shell.folder / "trades.csv").write_text("".join(lines[:15_000]), encoding="ascii")
    answer = shell("verify", "run/run.json")
    assert answer.code == 1
    assert answer.out.startswith("changed: SHA-256 of the data was ")
    assert "first diverging event" in answer.out


def test_verify_mentions_a_changed_strategy_file(shell: Shell) -> None:
    shell.backtest()
    with (shell.folder / "grid.py").open("a", encoding="utf-8") as file:
        file.write("# a note\n")
    answer = shell("verify", "run/run.json")
    assert answer.code == 0
    assert answer.out.startswith("changed: SHA-256 of grid.py was ")


def write_strategy_with_helpers(folder: Path, *, qty: int) -> None:
    """A strategy that imports in three ways, at its head and later."""
    for name, text in {
        "sized.py": "import tickstep as ts\n"
        "import sizes\n"
        "class Sized(ts.Strategy):\n"
        "    def on_start(self):\n"
        "        from parts.signs import SIGN\n"
        "        from plain.more import MORE\n"
        "        self.buy(SIGN * sizes.QTY + MORE)\n",
        "sizes.py": f"QTY = {qty}\n",
        "parts/__init__.py": "",
        "parts/signs.py": "SIGN = 1\n",
        "plain/more.py": "MORE = 1\n",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def test_verify_finds_a_changed_module_beside_the_strategy(shell: Shell) -> None:
    write_strategy_with_helpers(shell.folder, qty=2)
    shell("backtest", "sized.py", "trades.csv", "--no-plot", "--out", "run")
    recorded = shell.record()["strategy"]["modules"]
    helpers = ["parts/__init__.py", "parts/signs.py", "plain/more.py", "sizes.py"]
    assert list(recorded) == helpers
    for name in helpers:
        source = (shell.folder / name).read_bytes()
        assert recorded[name] == hashlib.sha256(source).hexdigest()
    assert shell("verify", "run/run.json").out.startswith("verified")

    write_strategy_with_helpers(shell.folder, qty=3)
    answer = shell("verify", "run/run.json")
    assert answer.code == 1
    assert answer.out.startswith("changed: SHA-256 of sizes.py was ")
    assert "* qty" in answer.out


def test_verify_mentions_modules_that_come_and_go(shell: Shell) -> None:
    write_strategy_with_helpers(shell.folder, qty=2)
    shell("backtest", "sized.py", "trades.csv", "--no-plot", "--out", "run")
    strategy = shell.record()["strategy"]
    strategy["modules"]["gone.py"] = strategy["modules"].pop("sizes.py")
    shell.tamper(strategy=strategy)
    lines = shell("verify", "run/run.json").out.splitlines()
    assert lines[0].startswith("changed: SHA-256 of gone.py was ")
    assert lines[0].endswith(", is not imported")
    assert lines[1].startswith("changed: SHA-256 of sizes.py was not imported, is ")


def test_modules_elsewhere_are_not_recorded(shell: Shell) -> None:
    environment = shell.folder / "env" / "site-packages"
    environment.mkdir(parents=True)
    (environment / "installed_thing.py").write_text("QTY = 1\n", encoding="utf-8")
    sys.path.append(str(environment))
    (shell.folder / "mine.py").write_text(
        "import installed_thing, wave\nimport tickstep as ts\nclass Mine(ts.Strategy): ...\n",
        encoding="utf-8",
    )
    assert shell("backtest", "mine.py", "trades.csv", "--no-plot", "--out", "run").code == 0
    assert shell.record()["strategy"]["modules"] == {}


def test_verify_of_a_record_without_modules(shell: Shell) -> None:
    shell.backtest()
    strategy = shell.record()["strategy"]
    del strategy["modules"]
    shell.tamper(strategy=strategy)
    assert shell("verify", "run/run.json").out.startswith("verified")


def test_ctrl_c_while_verifying_is_no_difference(shell: Shell) -> None:
    (shell.folder / "stops.py").write_text(
        "from pathlib import Path\n"
        "import tickstep as ts\n"
        "class Stops(ts.Strategy):\n"
        "    def on_start(self):\n"
        "        self.at('2024-01-01T01:00')\n"
        "    def on_timer(self, time):\n"
        "        if Path('run').exists():\n"
        "            raise KeyboardInterrupt\n",
        encoding="utf-8",
    )
    assert shell("backtest", "stops.py", "trades.csv", "--no-plot", "--out", "run").code == 0
    answer = shell("verify", "run/run.json")
    assert (answer.code, answer.out) == (130, "")


@pytest.mark.parametrize(
    "content", [b"", b"no events", b"\x93NUMPY\x01\x00v\x00{'descr': ][", b"PK\x03\x04"]
)
def test_verify_of_unreadable_events(content: bytes, shell: Shell) -> None:
    shell.backtest()
    (shell.folder / "run/events.npy").write_bytes(content)
    answer = shell("verify", "run/run.json")
    assert answer.code == 2
    assert "events.npy" in answer.err


def test_verify_of_a_record_without_instruments(shell: Shell) -> None:
    shell.backtest()
    shell.tamper(config={**shell.record()["config"], "instruments": []})
    answer = shell("verify", "run/run.json")
    assert answer.code == 2
    assert "run.json holds no configuration of this version" in answer.err


def test_verify_of_a_run_made_by_a_program(shell: Shell) -> None:
    class Own(ts.Strategy):
        """Not in a file of its own."""

    ts.backtest(Own, TICKS).write(shell.folder / "run")
    answer = shell("verify", "run/run.json")
    assert answer.code == 2
    assert "names no strategy file" in answer.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "run.json is not JSON"),
        ("[]", "is not the record of a run"),
        ('{"format": "tickstep run 1"}', "is not the record of a run"),
        ('{"format": "tickstep run 2"}', "run.json lacks 'version'"),
    ],
)
def test_verify_of_no_record(text: str, said: str, shell: Shell) -> None:
    (shell.folder / "run.json").write_text(text, encoding="utf-8")
    answer = shell("verify", "run.json")
    assert answer.code == 2
    assert said in answer.err


@pytest.mark.parametrize("part", ["strategy", "data", "config"])
@pytest.mark.parametrize("value", [{}, [], None, "x", 5])
def test_verify_of_a_damaged_record(part: str, value: Any, shell: Shell) -> None:
    shell.backtest()
    shell.tamper(**{part: value})
    assert shell("verify", "run/run.json").code == 2


# --- How it says no. ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.py", "trades.csv"], "missing.py: No such file"),
        (["grid.py", "missing.csv"], "missing.csv: No such file"),
        (["trades.csv", "trades.csv"], "trades.csv is not a Python file"),
        (["empty.py", "trades.csv"], "empty.py has no strategy"),
        (["broken.py", "trades.csv"], "broken.py is not Python: "),
        (["binary.py", "trades.csv"], "binary.py is not Python: "),
        (["two.py", "trades.csv"], "two.py has 2 strategies: First, Second"),
        (["two.py:Third", "trades.csv"], "two.py has no strategy Third"),
        (["grid.py", "grid.py"], "grid.py"),
        (["grid.py", "trades.csv", "--param", "stepp=1"], "Grid has no parameter 'stepp'"),
        (["grid.py", "trades.csv", "--param", "step"], "--param step has no value"),
        (["grid.py", "trades.csv", "--param", "step=wide"], "step=wide is not a value for step"),
        (["two.py:Second", "trades.csv", "--param", "is_loud=5"], "is_loud=5 is not a value"),
        (["two.py:Second", "trades.csv", "--param", "pair=(1,"], "pair=(1, is not a value"),
        (["two.py:Second", "trades.csv", "--param", "pair={[]: 1}"], "is not a value for pair"),
        (["grid.py", "trades.csv", "--cash", "much"], "initial_cash"),
        (["grid.py", "trades.csv", "--cash", "-5"], "initial_cash"),
        (["grid.py", "trades.csv", "--maker-fee", "2"], "maker_fee"),
        (["grid.py", "trades.csv", "--spread-bps", "nan"], "spread_bps"),
        (["grid.py", "trades.csv", "--latency", "soon"], "'soon' is not an interval"),
        (["grid.py", "trades.csv", "--latency", "²"], "'²' is not an interval"),
        (["grid.py", "trades.csv", "--tick-size", "0"], "tick_size"),
        (["grid.py", "trades.csv", "--tick-size", "0.3"], "trades.csv"),
        (["grid.py", "trades.csv", "trades.csv"], "before the end of the file before it"),
    ],
)
def test_mistakes_are_named(arguments: list[str], said: str, shell: Shell) -> None:
    (shell.folder / "empty.py").write_text("x = 1\n", encoding="utf-8")
    (shell.folder / "broken.py").write_text("class Mine(\n", encoding="utf-8")
    (shell.folder / "binary.py").write_bytes(b"\x00\xff")
    answer = shell("backtest", *arguments, "--no-plot")
    assert answer.code == 2
    assert "error: " in answer.err
    assert said in answer.err
    assert answer.out == ""
    assert not list(shell.folder.glob("*-run"))


def test_mistake_of_a_strategy_is_shown_with_its_line(shell: Shell) -> None:
    answer = shell("backtest", "grid.py", "trades.csv", "--param", "step=0.003", "--no-plot")
    assert answer.code == 2
    assert "grid.py, line " in answer.err
    assert "self.buy(self.qty, limit=centre - level * self.step)" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["backtest", "grid.py"],
        ["backtest", "grid.py", "trades.csv", "--fill", "queue"],
        ["backtest", "grid.py", "trades.csv", "--format", "xlsx"],
        ["demo", "--ticks", "many"],
        ["trade"],
    ],
)
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: tickstep" in capsys.readouterr().err


def test_demo_of_a_wrong_length(shell: Shell) -> None:
    assert "a sample of 0 ticks" in shell("demo", "--ticks", "0").err


def test_ctrl_c_shows_what_is_done_and_writes_nothing(shell: Shell) -> None:
    (shell.folder / "stops.py").write_text(
        "import tickstep as ts\n"
        "class Stops(ts.Strategy):\n"
        "    def on_start(self):\n"
        "        self.at('2024-01-01T01:00')\n"
        "    def on_timer(self, time):\n"
        "        raise KeyboardInterrupt\n",
        encoding="utf-8",
    )
    answer = shell("backtest", "stops.py", "trades.csv")
    assert answer.code == 130
    assert "Stopped" in answer.out
    assert "nothing was written" in answer.err
    assert not (shell.folder / "stops-run").exists()


def test_plain_lines_tell_what_was_done(shell: Shell) -> None:
    lines = shell.backtest().err.splitlines()
    assert lines[0].startswith("read: 20,000 trades in ")
    assert lines[1].startswith("run: 20,000 ticks, ")
    assert lines[2].startswith("wrote run: run.json, events.npy, fills.csv, equity.csv in ")


# --- The line of progress. ------------------------------------------------------------------------


class Terminal:
    """A stream that says it is a terminal, with a clock that a test turns."""

    def __init__(self) -> None:
        self.text = ""
        self.now_s = 0.0

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal() -> None:
    terminal = Terminal()
    with ProgressLine("run", terminal, lambda: terminal.now_s) as line:  # type: ignore[arg-type]
        line(1, 100)
        assert terminal.text == ""  # short work shows nothing
        terminal.now_s = 10.0
        line(25, 100)
        assert terminal.text == "\r\x1b[Krun [########......................]  25%, 0:30 left"
        terminal.now_s = 10.01
        line(26, 100)
        assert terminal.text.count("run") == 1  # no flicker
        terminal.now_s = 4000.0
        line(50, 100)
        assert terminal.text.endswith("1:06:40 left")
        line.done("100 ticks")
    assert terminal.text.endswith("\r\x1b[Krun: 100 ticks in 4000.00 s\n")


def test_progress_is_cleared_when_the_work_fails() -> None:
    terminal = Terminal()
    with (
        pytest.raises(ZeroDivisionError),
        ProgressLine("run", terminal, lambda: terminal.now_s) as line,  # type: ignore[arg-type]
    ):
        terminal.now_s = 1.0
        line(1, 2)
        raise ZeroDivisionError
    assert terminal.text.endswith("left\r\x1b[K")


# --- Bars, several instruments, the future. -------------------------------------------------------

ROTATE = """
import numpy as np
import tickstep as ts

class Rotate(ts.Strategy):
    length = 3
    def on_bars(self, bars):
        best = max(bars, key=lambda symbol: bars[symbol].close / bars[symbol].open)
        self.rebalance({best: 0.5})

class Knows(ts.Strategy):
    def on_start(self):
        self.next = {
            symbol: self.line(lambda bars: np.append(bars.close[1:], np.nan), symbol)
            for symbol in self.symbols
        }
    def on_bars(self, bars):
        for symbol, bar in bars.items():
            self.target(symbol, 1 if self.next[symbol] > bar.close else 0)
"""


def write_bars(file: Path, seed: int, rows: range) -> None:
    rng = np.random.default_rng(seed)
    close = 1000 + rng.integers(-9, 10, 400).cumsum()
    lines = ["datetime,open,high,low,close,volume"]
    for row in rows:
        at = f"2024-01-{2 + row // 100:02} 09:{row % 100 // 2:02}:{row % 2 * 30:02}"
        price = close[row]
        lines.append(f"{at},{price},{price + 5},{price - 5},{price + row % 7 - 3},{1000 + row}")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def two(shell: Shell) -> Shell:
    (shell.folder / "rotate.py").write_text(ROTATE, encoding="utf-8")
    write_bars(shell.folder / "a.csv", 1, range(400))
    write_bars(shell.folder / "b.csv", 2, range(400))
    return shell


def test_bars_of_several_instruments(two: Shell) -> None:
    options = ("A=a.csv", "B=b.csv", "--tz", "Asia/Shanghai", "--participation", "0.5")
    answer = two("backtest", "rotate.py:Rotate", *options, "--out", "run")
    assert answer.code == 0, answer.err
    assert answer.err.startswith("read: 800 bars in ")
    assert answer.out.startswith("Rotate(length=3) on A, B\nreturn ")
    assert "at most 50 % of the quantity of a bar is ours" in answer.out
    record = json.loads((two.folder / "run" / "run.json").read_text(encoding="utf-8"))
    assert record["data"]["symbols"] == ["A", "B"]
    assert record["stats"]["Start"].startswith("2024-01-02 01:00:00")
    assert two("verify", "run/run.json").code == 0
    write_bars(two.folder / "b.csv", 3, range(400))
    assert two("verify", "run/run.json").code == 1


def test_bars_of_several_files_are_one_run(two: Shell) -> None:
    write_bars(two.folder / "first.csv", 1, range(200))
    write_bars(two.folder / "second.csv", 1, range(200, 400))
    arguments = ("backtest", "rotate.py:Rotate", "--no-plot")
    one = two(*arguments, "a.csv", "--out", "one")
    both = two(*arguments, "first.csv", "second.csv", "--out", "both")
    assert one.code == both.code == 0, one.err + both.err
    assert one.out.splitlines()[-1] == both.out.splitlines()[-1]


def test_lookahead_of_a_file(two: Shell) -> None:
    clean = two("lookahead", "rotate.py:Rotate", "A=a.csv", "B=b.csv", "--cuts", "3")
    assert clean.code == 0, clean.err
    assert clean.out.startswith("no look-ahead found: the future was changed from 3 moments on")
    knows = two("lookahead", "rotate.py:Knows", "A=a.csv", "B=b.csv")
    assert knows.code == 1
    assert "it looks ahead: with another future from 2024-01-0" in knows.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.csv", "B=b.csv"], "a.csv has no symbol, and other files have"),
        (["a.csv", "trades.csv"], "cannot be joined: one of them holds bars"),
        (["trades.csv", "--interval", "1m"], "interval means nothing for trades.csv"),
        (["A=nothing.csv"], "nothing.csv: No such file"),
        (["a.csv", "--latency", "soon"], "'soon' is not an interval"),
    ],
)
def test_mistakes_in_files_are_named(arguments: list[str], said: str, two: Shell) -> None:
    answer = two("backtest", "rotate.py:Rotate", *arguments)
    assert answer.code == 2
    assert said in answer.err
