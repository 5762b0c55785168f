"""Readers on mutated and hostile files: data that hold their rules, or a clear error; never a crash."""

import gzip
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tickstep as ts
from test_depth import FEED
from test_load import FEED as TRADES_FEED
from test_load import FUTURES_AGGREGATES
from test_load import FUTURES_HEADER as TRADES_HEADER
from test_table import FUTURES_HEADER, FUTURES_ROWS, SPOT_ROWS
from tickstep.errors import DataError

SYMBOLS = "symbol,datetime,open,high,low,close,volume\nA,2020-01-02,1.5,1.6,1.4,1.5,100\n"
SYMBOLS += "B,2020-01-02 09:30:00,20,21,20,21,5\nA,2020-01-03T00:00:00.25,1,1,1,1,0\n"
CANDLES = '{"ts":1704067200000,"o":1.5,"h":"2","l":1,"c":2,"v":10.5}\n'
CANDLES += '{"v":0,"c":2,"l":2,"h":2.25,"o":2,"ts":1704067260000,"x":[{"y":"}"}]}\n'
TRADES = "timestamp,side,size,price\n1704067200.25,Buy,1,2.5\n1704067201,sell,1.5,2.25\n"
QUOTES = "7,41732.50,1.250,41732.60,0.004,1705276800014,1705276800018\n"
BANDS = "timestamp,percentage,depth,notional\n2024-01-15 00:00:09,-5,6534.52,265133021.11\n"

CONTROLS = set(map(chr, [*range(32), *range(127, 160)]))

Read = Callable[..., Any]
READERS: dict[str, tuple[Read, str]] = {
    "klines": (ts.read_bars, FUTURES_HEADER + FUTURES_ROWS),
    "klines without header": (ts.read_bars, SPOT_ROWS),
    "symbols": (ts.read_bars_by_symbol, SYMBOLS),
    "candles": (ts.read_bars, CANDLES),
    "trades": (ts.read_table, TRADES),
    "aggTrades": (ts.read_trades, TRADES_HEADER + FUTURES_AGGREGATES),
    "feed": (ts.read_trades, TRADES_FEED),
    "depth": (ts.read_book, FEED),
    "ticker": (lambda path, **options: ts.read_book(path, kind="ticker", **options), FEED),
    "quotes": (ts.read_book, QUOTES),
    "bands": (ts.read_depth_bands, BANDS),
}
WORDS = ["NaN", "1e308", "-1", "0", "", "9" * 40, '"', "{", "]", "null", "\0", "\r", "\ufeff", "中"]


@st.composite
def mutated(draw: st.DrawFn, text: str) -> bytes:
    """A file with a few bytes changed, or cells replaced by words that readers trip over."""
    content = bytearray(text.encode())
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(content)))
        end = at + draw(st.integers(0, 12))
        word = draw(st.one_of(st.sampled_from(WORDS).map(str.encode), st.binary(max_size=4)))
        content[at:end] = word
    return bytes(content)


@given(st.data(), st.sampled_from(sorted(READERS)), st.booleans())
def test_mutations_are_read_or_refused(data: st.DataObject, name: str, is_skipping: bool) -> None:
    read, text = READERS[name]
    content = data.draw(mutated(text))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "BTCUSDT-1m-2024-01.csv")
        path.write_bytes(content)
        try:
            read(path, on_bad="skip" if is_skipping else "raise")
        except DataError as fault:
            assert fault.hint and len(fault.message) < 1000
            assert not CONTROLS & set(fault.message), fault.message


@pytest.mark.parametrize("name", sorted(READERS))
def test_packing_cut_off_anywhere(tmp_path: Path, name: str) -> None:
    read, text = READERS[name]
    packed = gzip.compress(text.encode())
    path = tmp_path / "BTCUSDT-1m-2024-01.csv"
    for length in range(2, len(packed) - 1, 11):
        path.write_bytes(packed[:length])
        with pytest.raises(DataError, match="damaged or cut off"):
            read(path)
    path.write_bytes(packed)
    read(path)


LIMITED = """
import sys
import tickstep as ts
try:
    getattr(ts, sys.argv[1])(sys.argv[2], on_bad=sys.argv[3])
except ts.DataError as fault:
    print(fault.message)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sparse files and limits of memory")
@pytest.mark.parametrize("reader", ["read_bars", "read_book", "read_table"])
@pytest.mark.parametrize("begin", [b"", FUTURES_ROWS.encode(), FEED.encode(), TRADES.encode()])
def test_sparse_files_take_no_memory(tmp_path: Path, reader: str, begin: bytes) -> None:
    path = tmp_path / "x.csv"
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(10 * 2**30)
    command = [sys.executable, "-c", LIMITED, reader, str(path), "raise"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30)),
    )
    assert done.stdout.startswith("x.csv: ") and len(done.stdout) < 1000


STARVED = """
import resource, sys
import tickstep as ts
ts.read_bars(sys.argv[2])  # everything that loads late is there
lines = open("/proc/self/status").read().splitlines()
taken = next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmSize"))
for extra in range(4, 160, 4):
    limit = taken + extra * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        getattr(ts, sys.argv[1])(sys.argv[3])
        print("read")
    except MemoryError:
        print("no memory")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory")
def test_lack_of_memory_is_an_exception(tmp_path: Path) -> None:
    small = tmp_path / "small.csv"
    small.write_text(FUTURES_HEADER + FUTURES_ROWS)
    large = tmp_path / "large.csv"
    rows = (f"{1704067200000 + 60_000 * at},1.5,2.5,1.25,2,10\n" for at in range(300_000))
    large.write_text("time,open,high,low,close,volume\n" + "".join(rows))
    command = [sys.executable, "-c", STARVED, "read_bars", str(small), str(large)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-500:]
    assert {"read", "no memory"} == set(done.stdout.splitlines())
