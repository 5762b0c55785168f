"""Parquet and foreign Arrow files: exact round trips, clear refusals."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

import tickstep as ts
from test_tickfile import bars, same, walk


@pytest.mark.parametrize("time_unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("rows", [0, 1, 300_000])
def test_ticks_come_back_exactly(tmp_path: Path, time_unit: str, rows: int) -> None:
    ticks = walk(rows, quotes=rows == 1, time_unit=time_unit)
    path = ticks.to_parquet(tmp_path / "a.parquet")
    same(ts.read_parquet(path), ticks)
    assert [each.name for each in tmp_path.iterdir()] == ["a.parquet"]


def test_bars_come_back_exactly(tmp_path: Path) -> None:
    made = bars()
    path = made.to_parquet(tmp_path / "a.parquet")
    found = ts.read_parquet(path, kind="bars")
    assert (found, found.interval, found.source) == (made, "1m", made.source)
    with pytest.raises(ts.DataError, match="holds bars, not ticks"):
        ts.read_parquet(path, kind="ticks")


def test_others_read_it(tmp_path: Path) -> None:
    ticks = walk(1_000)
    path = ticks.to_parquet(tmp_path / "a.parquet")
    table = pyarrow.parquet.read_table(path)
    assert table["price_ticks"].to_pylist() == ticks.price_ticks.tolist()
    assert table.schema.field("time").type == pa.timestamp("ms", "UTC")
    assert pl.read_parquet(path)["qty_lots"].to_list() == ticks.qty_lots.tolist()
    compression = pyarrow.parquet.ParquetFile(path).metadata.row_group(0).column(0).compression
    assert compression == "ZSTD"


def test_the_layouts_of_others(tmp_path: Path) -> None:
    """As ag-kernel writes them: timestamp, price and qty as floats, side as int8."""
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame(
        {
            "timestamp": [1723161256322, 1723161256523],
            "price": [61800.3, 61800.25],
            "qty": [0.006, 0.015],
            "side": pl.Series([0, 1], dtype=pl.Int8),
            "unused": [[1], [2]],
        }
    )
    frame.write_parquet(path)
    ticks = ts.read_parquet(path, kind="ticks", symbol="BTCUSDT")
    assert (ticks.tick_size, ticks.price_ticks.tolist()) == (0.01, [6180030, 6180025])
    assert (ticks.symbol, ticks.source) == ("BTCUSDT", {"path": "a.parquet"})
    given = ts.read_parquet(path, kind="ticks", tick_size="0.05", columns={"price": "price"})
    assert given.price_ticks.tolist() == [1236006, 1236005]
    with pytest.raises(ts.ConfigError, match="does not say whether its rows are ticks or bars"):
        ts.read_parquet(path)
    with pytest.raises(ts.ConfigError, match="no option 'intervall'"):
        ts.read_parquet(path, kind="ticks", intervall="1m")
    with pytest.raises(ts.ConfigError, match="no option 'interval'"):
        ts.read_parquet(path, kind="ticks", interval="1m")


def test_foreign_arrow_files(tmp_path: Path) -> None:
    ticks = walk(500)
    frame = pl.DataFrame(ticks)
    options = {"tick_size": "0.01", "lot": "0.001", "symbol": "BTCUSDT", "source": ticks.source}
    for compression in ("uncompressed", "lz4", "zstd"):
        path = tmp_path / f"{compression}.feather"
        frame.write_ipc(path, compression=compression)
        found = ts.read_arrow(path, kind="ticks", **options)
        assert isinstance(found, ts.Ticks)
        same(found, ticks)
    frame.write_ipc_stream(tmp_path / "a.arrows")
    streamed = ts.read_arrow(tmp_path / "a.arrows", kind="ticks", **options)
    assert isinstance(streamed, ts.Ticks)
    same(streamed, ticks)
    own = ts.read_arrow(ticks.save(tmp_path / "own.arrow"))
    assert isinstance(own, ts.Ticks)
    same(own, ticks)
    assert ts.read_arrow(bars().save(tmp_path / "bars.arrow")) == bars()
    with pytest.raises(ts.ConfigError, match="tick_size is given, but own.arrow tells all"):
        ts.read_arrow(tmp_path / "own.arrow", tick_size="0.01")


def test_damaged_files_are_told(tmp_path: Path) -> None:
    path = walk(5_000).to_parquet(tmp_path / "a.parquet")
    whole = path.read_bytes()
    for length in (0, 3, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ts.DataError, match=r"a\.parquet"):
            ts.read_parquet(path)
    path.write_bytes(b"PAR1" + bytes(1_000) + b"PAR1")
    with pytest.raises(ts.DataError, match=r"a\.parquet"):
        ts.read_parquet(path)
    arrow = tmp_path / "a.arrow"
    pl.DataFrame(walk(5_000)).write_ipc(arrow)
    arrow.write_bytes(arrow.read_bytes()[:3_000])
    with pytest.raises(ts.DataError, match=r"a\.arrow"):
        ts.read_arrow(arrow, kind="ticks")
    arrow.write_bytes(b"junk" * 100)
    with pytest.raises(ts.DataError, match=r"a\.arrow"):
        ts.read_arrow(arrow, kind="ticks")
