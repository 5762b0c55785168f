"""`tickstep data`: every command as its own process, on real files, a real store, a real server."""

from __future__ import annotations

import gzip
import os
import re
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

import tickstep as ts
from binance_site import BTC, HOUR, MINUTE, Site, archive, bars_at, kline, ms
from tickstep.data.formats import look
from tickstep.data.writing import write
from tickstep.demo import sample

pytest.importorskip("duckdb", reason="the extra [data] is not installed")
pytest.importorskip("httpx", reason="the extra [data] is not installed")

VERBS = ("import", "list", "fetch", "gaps", "convert", "info")
TICKS = sample(3_000)
SHARE = "600000.SSE"


class Answer(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str


class Shell:
    """Runs `tickstep data …` in a folder of its own, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "tickstep", "data", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Answer(done.returncode, done.stdout, done.stderr)

    def refused(self, *words: str) -> str:
        """What a command that must not work says."""
        answer = self(*words)
        assert (answer.code, answer.out) == (2, "")
        return answer.err

    def names(self) -> set[str]:
        """What lies in the folder."""
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    write(TICKS, tmp_path / "trades.csv")
    TICKS.save(tmp_path / "trades.arrow")
    return Shell(tmp_path)


def day_of_bars(day: str, hours: int = 24) -> ts.Bars:
    return bars_at(list(range(ms(day), ms(day) + hours * HOUR, MINUTE)))


# --- Help. ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_an_example_that_is_a_command(verb: str, shell: Shell) -> None:
    answer = shell(verb, "--help")
    assert answer.code == 0
    example = answer.out[answer.out.index("example:\n") :]
    assert f"  tickstep data {verb} " in example
    assert verb in shell("--help").out


# --- import and list. -----------------------------------------------------------------------------


def test_import_stores_what_the_file_holds(shell: Shell) -> None:
    answer = shell("import", "store", "trades.csv", "--symbol", "BTCUSDT.BINANCE")
    assert (answer.code, answer.out) == (0, "")
    assert re.fullmatch(
        r"import trades.csv: 3,000 ticks of BTCUSDT.BINANCE, 3,000 new in [\d.]+ s\n", answer.err
    )
    again = shell("import", "store", "trades.arrow", "--symbol", "BTCUSDT.BINANCE")
    assert ", 0 new" in again.err
    stored = ts.Store(shell.folder / "store").ticks("BTCUSDT.BINANCE")
    for name in ("time", "price_ticks", "qty_lots", "side"):
        assert getattr(stored, name).tolist() == getattr(TICKS, name).tolist()
    assert (stored.tick_size, stored.lot) == (TICKS.tick_size, TICKS.lot)


def test_list_shows_every_series(shell: Shell) -> None:
    store = ts.Store(shell.folder / "store")
    store.save(day_of_bars("2024-01-02"))
    store.save(TICKS, symbol="ETHUSDT.BINANCE")
    answer = shell("list", "store")
    assert (answer.code, answer.err) == (0, "")
    lines = [re.split(r"  +", line.strip()) for line in answer.out.splitlines()]
    assert lines[0] == ["symbol", "data", "rows", "first", "last", "tick size", "lot"]
    first, last = (str(moment).replace("T", " ") for moment in TICKS.datetimes[[0, -1]])
    assert sorted(lines[1:]) == [
        [BTC, "1m", "1,440", "2024-01-02 00:00:00.000", "2024-01-02 23:59:00.000", "0.01", "0.001"],
        ["ETHUSDT.BINANCE", "ticks", "3,000", first, last, "0.01", "0.001"],
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_import_of_klines_and_of_tables(packed: bool, shell: Shell) -> None:
    klines = archive([kline(ms("2024-01-02") + row * MINUTE) for row in range(1440)])
    (shell.folder / "BTCUSDT-1m-2024-01-02.zip").write_bytes(klines)
    assert shell("import", "store", "BTCUSDT-1m-2024-01-02.zip", "--symbol", BTC).code == 0
    assert ts.Store(shell.folder / "store").bars(BTC, "1m") == day_of_bars("2024-01-02")

    table = "datetime,open,high,low,close,volume\n" + "".join(
        f"2024-01-02 09:3{row}:00,6.6{row},6.7{row},6.5{row},6.6{row},{row + 1}00\n"
        for row in range(5)
    )
    file = shell.folder / ("share.csv.gz" if packed else "share.csv")
    file.write_bytes(gzip.compress(table.encode()) if packed else table.encode())
    words = ("--symbol", "sh600000", "--tz", "Asia/Shanghai", "--lot", "100")
    assert shell("import", "store", file.name, *words).code == 0
    stored = ts.Store(shell.folder / "store").bars(SHARE, "1m")
    assert stored.close_ticks.tolist() == [660, 661, 662, 663, 664]
    assert stored.volume.tolist() == [100, 200, 300, 400, 500]
    assert str(stored.datetimes[0]) == "2024-01-02T01:30:00.000"


def test_import_says_what_is_wrong_and_leaves_no_store(shell: Shell) -> None:
    (shell.folder / "empty.csv").write_text("")
    (shell.folder / "noise.bin").write_bytes(bytes(range(256)))
    (shell.folder / "words.csv").write_text("once,upon\na,time\n")
    cut = (shell.folder / "trades.arrow").read_bytes()[:-20]
    (shell.folder / "cut.arrow").write_bytes(cut)
    foreign = pl.DataFrame({"a": [1]})
    foreign.write_parquet(shell.folder / "foreign.parquet")
    name = ("--symbol", "BTCUSDT.BINANCE")
    for words, said in (
        (("nowhere.csv", *name), "error: nowhere.csv: No such file or directory"),
        (("empty.csv", *name), "error: empty.csv: the file is empty"),
        (("noise.bin", *name), "error: noise.bin: line 1: the line is not text"),
        (("words.csv", *name), "error: words.csv: "),
        (("cut.arrow", *name), "error: cut.arrow: "),
        (("foreign.parquet", *name), "error: foreign.parquet does not say whether its rows are"),
        (("trades.arrow", "--kind", "bars"), "error: trades.arrow holds ticks, not bars"),
        (("trades.arrow", "--tick-size", "1"), "error: tick_size means nothing for trades.arrow"),
        (("trades.csv",), "error: trades.csv does not tell its symbol\nhint: --symbol 600000.SSE"),
        (("trades.csv", "--symbol", "BTCUSDT"), "error: 'BTCUSDT' may be BTCUSDT.BINANCE, "),
    ):
        message = shell.refused("import", "store", *words)
        assert message.startswith(said), message
        assert "\nhint: " in message or "No such file" in message
    assert "store" not in shell.names()
    assert "trades.csv is a file; a store is a folder" in shell.refused(
        "import", "trades.csv", "trades.arrow", *name
    )


def test_rows_that_differ_are_refused_unless_asked_for(shell: Shell) -> None:
    store = ts.Store(shell.folder / "store")
    store.save(day_of_bars("2024-01-02"))
    other = day_of_bars("2024-01-02")[:60]
    changed = ts.Bars(
        other.time,
        other.open_ticks,
        other.high_ticks + 1,
        other.low_ticks,
        other.close_ticks,
        other.volume_lots,
        tick_size="0.01",
        lot="0.001",
        interval="1m",
        symbol=BTC,
    )
    changed.save(shell.folder / "changed.arrow")
    assert "is stored as" in shell.refused("import", "store", "changed.arrow")
    assert ts.Store(shell.folder / "store").bars(BTC, "1m") == day_of_bars("2024-01-02")
    assert shell("import", "store", "changed.arrow", "--existing", "replace").code == 0
    stored = ts.Store(shell.folder / "store").bars(BTC, "1m")
    assert stored.high_ticks[:60].tolist() == changed.high_ticks.tolist()
    assert len(stored) == 1440


# --- fetch and gaps. ------------------------------------------------------------------------------


def test_fetch_fills_the_gaps_from_an_archive(shell: Shell, site: tuple[Site, str]) -> None:
    files, url = site
    files.add_day("2024-03-10")
    files.add_day("2024-03-11")
    ts.Store(shell.folder / "store").save(day_of_bars("2024-03-10", hours=5))
    words = ("store", BTC, "--interval", "1m", "--start", "2024-03-10", "--stop", "2024-03-12")

    before = shell("gaps", *words)
    assert before.code == 1
    assert before.out == (
        f"{BTC} 1m: 2,580 bars missing\n"
        "  2024-03-10 05:00:00.000 to 2024-03-12 00:00:00.000  2,580 bars\n"
    )
    answer = shell("fetch", *words, "--base", url)
    assert answer.code == 0
    assert answer.out == f"{BTC} 1m: 2580 bars added in 1 requests, 0 missing\n"
    assert answer.err.startswith(f"fetch {BTC} 1m: 2,580 bars added in ")
    stored = ts.Store(shell.folder / "store").bars(BTC, "1m")
    assert stored == bars_at(list(range(ms("2024-03-10"), ms("2024-03-12"), MINUTE)))
    assert shell("gaps", *words) == Answer(0, f"{BTC} 1m: 0 bars missing\n", "")

    files.asked.clear()
    assert shell("fetch", *words, "--base", url).code == 0
    assert files.asked == []


def test_what_an_archive_does_not_have_is_told_and_noted(
    shell: Shell, site: tuple[Site, str]
) -> None:
    files, url = site
    half = list(range(ms("2024-03-11"), ms("2024-03-11T12:00"), MINUTE))
    files.add_day("2024-03-11", half)
    words = ("store", BTC, "--interval", "1m", "--start", "2024-03-11", "--stop", "2024-03-12")
    answer = shell("fetch", *words, "--base", url)
    # Nobody has the rest: that is known now, and no failure.
    assert (answer.code, "720 bars added" in answer.out) == (0, True)
    gaps = shell("gaps", *words)
    assert gaps.code == 0
    assert gaps.out.splitlines()[1] == (
        "  2024-03-11 12:00:00.000 to 2024-03-12 00:00:00.000  720 bars  no provider has them"
    )


def test_a_damaged_archive_leaves_the_store_as_it_was(shell: Shell, site: tuple[Site, str]) -> None:
    files, url = site
    files.add_day("2024-03-11")
    path = next(path for path in files if path.endswith(".zip"))
    files[path] = files[path][:-100]
    words = ("store", BTC, "--interval", "1m", "--start", "2024-03-11", "--stop", "2024-03-12")
    answer = shell("fetch", *words, "--base", url, "--tries", "1")
    assert answer.code == 1
    assert "0 bars added in 1 requests, 1440 missing" in answer.out
    assert "does not match its checksum" in answer.out
    assert shell("list", "store").out.count("\n") == 1


def test_a_mirror_on_the_disk(shell: Shell, site: tuple[Site, str]) -> None:
    files, _ = site
    files.add_day("2024-03-11")
    for path, content in files.items():
        file = shell.folder / "mirror" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    words = ("store", BTC, "--interval", "1m", "--start", "2024-03-11", "--stop", "2024-03-12")
    assert shell("fetch", *words, "--base", "mirror").code == 0
    assert ts.Store(shell.folder / "store").bars(BTC, "1m") == day_of_bars("2024-03-11")


def test_gaps_of_everything_that_is_stored(shell: Shell) -> None:
    store = ts.Store(shell.folder / "store")
    whole = day_of_bars("2024-03-10")
    store.save(whole[:100])
    store.save(whole[160:])
    answer = shell("gaps", "store")
    assert answer.code == 1
    assert answer.out == (
        f"{BTC} 1m: 60 bars missing\n"
        "  2024-03-10 01:40:00.000 to 2024-03-10 02:40:00.000  60 bars\n"
    )


def test_fetch_and_gaps_say_what_is_wrong(shell: Shell) -> None:
    span = ("--interval", "1m", "--start", "2024-03-11", "--stop", "2024-03-12")
    for words, said in (
        (("fetch", "store", "BTCUSDT", *span), "'BTCUSDT' may be BTCUSDT.BINANCE, "),
        (("fetch", "store", "nothing", *span), "'nothing' is not a symbol known here"),
        (("fetch", "store", BTC, *span[:3], "soon", *span[4:]), "'soon' is not a time"),
        (("fetch", "store", BTC, "--interval", "1 minute", *span[2:]), "is not an interval"),
        (
            ("fetch", "store", SHARE, *span, "--base", "http://localhost"),
            "--base means nothing for akshare",
        ),
        (("gaps", "nowhere"), "there is no store nowhere"),
        (("list", "nowhere"), "there is no store nowhere"),
        (("list", "trades.csv"), "there is no store trades.csv"),
    ):
        assert said in shell.refused(*words)
    assert not {"store", "nowhere"} & shell.names()
    ts.Store(shell.folder / "store").save(day_of_bars("2024-03-10"))
    assert f"hint: it has {BTC} 1m" in shell.refused("gaps", "store", SHARE)
    assert f"hint: it has {BTC} 1m" in shell.refused("gaps", "store", BTC, "--interval", "1h")


# --- convert. -------------------------------------------------------------------------------------


def test_convert_goes_round_without_a_change(shell: Shell) -> None:
    steps = ["trades.arrow", "one.parquet", "two.csv", "three.ticks", "four.csv"]
    for source, target in pairwise(steps):
        answer = shell("convert", source, target)
        assert (answer.code, answer.out) == (0, "")
        assert answer.err.startswith(f"convert {source}: 3,000 ticks to {target} in ")
    last = ts.open_ticks(shell.folder / "three.ticks")
    for name in ("time", "price_ticks", "qty_lots", "side"):
        assert getattr(last, name).tolist() == getattr(TICKS, name).tolist()
    assert (shell.folder / "two.csv").read_bytes() == (shell.folder / "four.csv").read_bytes()
    assert (shell.folder / "two.csv").read_bytes() == (shell.folder / "trades.csv").read_bytes()


def test_bars_go_round_too(shell: Shell) -> None:
    bars = day_of_bars("2024-03-10")
    bars.save(shell.folder / "bars.arrow")
    for source, target in (
        ("bars.arrow", "bars.parquet"),
        ("bars.parquet", "bars.csv"),
        ("bars.csv", "again.arrow"),
    ):
        assert shell("convert", source, target, "--symbol", BTC).code == 0
    assert ts.open_bars(shell.folder / "again.arrow") == bars


def test_tick_files_of_ag_kernel(shell: Shell) -> None:
    record = [("time", "<i8"), ("price", "<i8"), ("qty", "<i8"), ("side", "u1"), ("", "V7")]
    rows = np.zeros(3, dtype=record)
    rows["time"] = 1_700_000_000_000 + np.arange(3)
    rows["price"], rows["qty"], rows["side"] = [5, 7, 6], [1_500_000, 1, 2], [0, 1, 0]
    head = struct.pack("<8sHHdQ4x", b"AGTICK01", 1, 0, 0.5, len(rows))
    (shell.folder / "old.agtick").write_bytes(head + rows.tobytes())
    assert "File       old.agtick, agtick of " in shell("info", "old.agtick").out
    assert shell("convert", "old.agtick", "new.arrow").code == 0
    ticks = ts.open_ticks(shell.folder / "new.arrow")
    assert (ticks.prices.tolist(), ticks.qtys.tolist()) == ([2.5, 3.5, 3.0], [1.5, 1e-6, 2e-6])
    assert "tick_size means nothing" in shell.refused("info", "old.agtick", "--tick-size", "1")
    assert "holds ticks, not bars" in shell.refused("info", "old.agtick", "--kind", "bars")


def test_captures_of_ctp(shell: Shell) -> None:
    rows = [
        "TradingDay,ActionDay,ExchangeID,InstrumentID,LastPrice,Volume,UpdateTime,UpdateMillisec,"
        "BidPrice1,BidVolume1,AskPrice1,AskVolume1",
        "20240510,20240509,SHFE,rb2410,3650,10,21:00:00,500,3649,7,3650,2",
        "20240510,20240509,SHFE,rb2410,3650,13,21:00:01,0,3649,7,3650,2",
    ]
    (shell.folder / "capture.csv").write_text("\n".join(rows) + "\n")
    assert "File       capture.csv, CTP capture of " in shell("info", "capture.csv").out
    assert shell("import", "store", "capture.csv").code == 0
    ticks = ts.Store(shell.folder / "store").ticks("rb2410.SHFE")
    assert (ticks.prices.tolist(), ticks.qtys.tolist()) == ([3650.0], [3.0])
    assert ticks.bid_ticks is not None and ticks.bid_ticks.tolist() == [3649]


def test_tables_with_faults_are_mended_as_asked(shell: Shell) -> None:
    (shell.folder / "faults.csv").write_text(
        "datetime,open,high,low,close,volume\n"
        "2024-01-02 09:32:00,6.6299996,6.7,6.5,6.6,200\n"
        "2024-01-02 09:31:00,6.6,6.7,6.5,6.6,100\n"
        "2024-01-02 09:31:00,6.6,6.7,6.5,6.6,100\n"
    )
    words = ("convert", "faults.csv", "mended.arrow", "--tick-size", "0.01")
    assert "faults.csv: line " in shell.refused(*words)
    assert shell(*words, "--snap", "--sort", "--drop-duplicates").code == 0
    bars = ts.open_bars(shell.folder / "mended.arrow")
    assert (bars.open_ticks.tolist(), bars.volume.tolist()) == ([660, 663], [100, 200])


def test_a_target_that_is_there_stays_unless_asked_for(shell: Shell) -> None:
    (shell.folder / "old.arrow").write_text("precious")
    assert shell.refused("convert", "trades.csv", "old.arrow") == (
        "error: old.arrow is there already\nhint: --overwrite replaces it\n"
    )
    assert (shell.folder / "old.arrow").read_text() == "precious"
    assert shell("convert", "trades.csv", "old.arrow", "--overwrite").code == 0
    assert len(ts.open_ticks(shell.folder / "old.arrow")) == 3_000


def test_convert_says_what_is_wrong_and_writes_nothing(shell: Shell) -> None:
    text = (shell.folder / "trades.csv").read_text()
    (shell.folder / "bad.csv").write_text(text.replace(",true\n", ",perhaps\n", 1))
    before = shell.names()
    for words, said in (
        (("nowhere.csv", "new.arrow"), "nowhere.csv: No such file or directory"),
        (("trades.csv", "new.xls"), "new.xls ends in '.xls': what to write is not known"),
        (("trades.csv", "nowhere/new.arrow"), "No such file or directory"),
        (("bad.csv", "new.arrow"), "bad.csv: line "),
        (("bad.csv", "new.csv"), "bad.csv: line "),
        (("trades.arrow", "new.csv", "--tz", "UTC"), "tz means nothing for trades.arrow"),
    ):
        assert said in shell.refused("convert", *words)
    assert shell.names() == before
    answer = shell("convert", "bad.csv", "new.arrow", "--on-bad", "skip")
    assert "2,999 ticks to new.arrow" in answer.err


# --- info. ----------------------------------------------------------------------------------------


def test_info_on_files_of_every_form(shell: Shell) -> None:
    TICKS.to_parquet(shell.folder / "trades.parquet")
    day_of_bars("2024-03-10").save(shell.folder / "bars.arrow")
    digests = set()
    for name, form in (
        ("trades.csv", "text"),
        ("trades.arrow", "tick file"),
        ("trades.parquet", "Parquet"),
    ):
        answer = shell("info", name)
        assert answer.code == 0
        told = dict(re.split(r"  +", line, maxsplit=1) for line in answer.out.splitlines())
        size = (shell.folder / name).stat().st_size
        assert told["File"] == f"{name}, {form} of {size:,} bytes"
        assert told["Rows"] == "3,000 ticks"
        assert told["Price"] == f"{TICKS.prices.min():.12g} to {TICKS.prices.max():.12g}"
        digests.add(told["Digest"])
    assert digests == {TICKS.data_digest}
    assert "Interval   1m\n" in shell("info", "bars.arrow").out


def test_info_on_a_store(shell: Shell) -> None:
    ts.Store(shell.folder / "store").save(day_of_bars("2024-03-10"))
    answer = shell("info", "store")
    assert answer.out.splitlines()[1:4] == ["Symbols  1", "Series   1", "Rows     1,440"]
    (shell.folder / "empty").mkdir()
    assert "is no store, or an empty one" in shell.refused("info", "empty")
    assert "nowhere: No such file or directory" in shell.refused("info", "nowhere")


# --- What files tell, and progress. ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "form", "kind"),
    [
        ("open_time,open,high,low,close,volume,close_time,quote_volume,count", "table", "bars"),
        ("日期,开盘,收盘,最高,最低,成交量", "table", "bars"),
        ('{"t": 1, "open": 2, "high": 3, "low": 1, "close": 2, "volume": 5}', "table", "bars"),
        ("1704067200000,1,2,1,2,5,1704067259999,7,3,2,4,0", "table", "bars"),
        ("id,price,qty,quote_qty,time,is_buyer_maker", "text", "ticks"),
        ("1,61800.30,0.006,5,5,1723161256322,false", "text", "ticks"),
        ('1723161256032184640 {"stream":"btcusdt@trade","data":{}}', "text", "ticks"),
        ("time,price,qty,side", "table", "ticks"),
    ],
)
def test_text_is_told_by_its_first_line(line: str, form: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text(f"{line}\n", "utf-8")
    (tmp_path / "packed").write_bytes(gzip.compress(line.encode()))
    for name in ("plain", "packed"):
        assert look(tmp_path / name) == (form, kind)


def test_a_table_of_trades_with_sides(shell: Shell) -> None:
    table = "time;price;qty;side\n20240102 09:30:00.5;3197.5;2;SELL\n20240102 09:30:01;3197;1;BUY\n"
    (shell.folder / "table.txt").write_text(table)
    words = ("--tz", "Asia/Shanghai", "--tick-size", "0.5")
    assert shell("convert", "table.txt", "table.arrow", *words).code == 0
    ticks = ts.open_ticks(shell.folder / "table.arrow")
    assert (ticks.price_ticks.tolist(), ticks.side.tolist()) == ([6395, 6394], [1, 0])
    assert str(ticks.datetimes[0]) == "2024-01-02T01:30:00.500"


def test_decimals_are_exact_on_every_grid(tmp_path: Path) -> None:
    ticks = ts.Ticks(
        np.arange(4, dtype=np.int64) + 1_700_000_000_000,
        np.array([-125, 0, 7, 2**40]),
        np.array([1, 2, 3, 2**40]),
        np.array([0, 1, 0, 1], dtype=np.uint8),
        tick_size="0.25",
        lot="100",
        allow_negative_prices=True,
    )
    write(ticks, tmp_path / "a.csv")
    rows = [line.split(",") for line in (tmp_path / "a.csv").read_text().splitlines()]
    assert [row[1] for row in rows[1:]] == ["-31.25", "0.00", "1.75", "274877906944.00"]
    assert [row[2] for row in rows[1:]] == ["100", "200", "300", str(100 * 2**40)]


def test_progress_shows_on_a_terminal(shell: Shell, site: tuple[Site, str]) -> None:
    files, url = site
    files.add_day("2024-03-11")
    # The first answer is a failure, and the second try comes a second later.
    files.broken = {next(path for path in files if path.endswith(".zip")): 1}
    ours, theirs = pytest.importorskip("pty").openpty()
    span = ("--interval", "1m", "--start", "2024-03-11", "--stop", "2024-03-12")
    words = [sys.executable, "-m", "tickstep", "data", "fetch", "store", BTC, *span, "--base", url]
    with subprocess.Popen(words, cwd=shell.folder, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
    os.close(ours)
    assert process.returncode == 0
    assert re.search(rb"fetch \S+ 1m \[#*\.*\] +\d+%, [\d:-]+ left", shown)
    assert b"1,440 bars added in " in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that nobody writes any more
        return b""


def test_a_series_without_a_calendar_does_not_hide_the_others(shell: Shell) -> None:
    store = ts.Store(shell.folder / "store")
    store.save(day_of_bars("2024-03-10")[:100], symbol="6EH4.CME")
    store.save(day_of_bars("2024-03-10"))
    answer = shell("gaps", "store")
    assert answer.code == 1
    assert answer.out == (
        "6EH4.CME 1m: not known, for '6EH4.CME' is not a symbol known here\n"
        f"{BTC} 1m: 0 bars missing\n"
    )
    assert "not a symbol known here" in shell.refused("gaps", "store", "6EH4.CME")
