"""The loaders of ag-kernel: its names and arrays, over our readers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tickstep as ts
from tickstep.data.aggtrades import (
    AggTradesFeed,
    convert_to_parquet,
    load_parquet_mmap,
    load_vectorized,
    stream_parquet_batches,
)

ROWS = 2_500


@pytest.fixture
def trades(tmp_path: Path) -> Path:
    path = tmp_path / "BTCUSDT-aggTrades-2024-08-08.csv"
    rows = (
        f"{at},{61800 + at % 7}.{at % 10}0,0.00{at % 9 + 1},5,5,{1723161256322 + at // 3},"
        f"{'true' if at % 4 == 0 else 'false'}\n"
        for at in range(ROWS)
    )
    path.write_text("".join(rows))
    return path


def same(found: Sequence[Any], wanted: Sequence[Any]) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert np.array_equal(ours, theirs)


def test_four_arrays(trades: Path) -> None:
    time, price_ticks, qtys, sides = load_vectorized(trades)
    assert [each.dtype for each in (time, price_ticks, qtys, sides)] == [
        np.dtype(kind) for kind in ("i8", "i8", "f8", "u1")
    ]
    at = np.arange(ROWS)
    assert time.tolist() == (1723161256322 + at // 3).tolist()
    assert price_ticks.tolist() == (618000 + 10 * (at % 7) + at % 10).tolist()
    assert qtys.tolist() == [float(f"0.00{row % 9 + 1}") for row in range(ROWS)]
    assert sides.tolist() == (at % 4 == 0).tolist()
    assert load_vectorized(trades, 0.01)[1].tolist() == (10 * price_ticks).tolist()
    with pytest.raises(ts.DataError, match="not a multiple of tick size 1"):
        load_vectorized(trades, tick_size=1.0)  # rounded by ag-kernel


def test_a_feed_is_the_columns(trades: Path) -> None:
    feed = AggTradesFeed(trades, tick_size="0.1")
    columns = [column.tolist() for column in feed.load_vectorized()]
    loaded = feed.load()
    assert [tick.ts_ms for tick in loaded] == columns[0]
    assert [tick.price_tick_i64 for tick in loaded] == columns[1]
    assert [tick.qty for tick in loaded] == columns[2]
    assert [("BUY", "SELL").index(tick.side) for tick in loaded] == columns[3]
    assert next(feed.iter_ticks()) == loaded[0]


def test_parquet_goes_round(trades: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    convert_to_parquet(trades, path)
    frame = pl.read_parquet(path)
    kinds = {"timestamp": pl.Int64, "price": pl.Float64, "qty": pl.Float64, "side": pl.Int8}
    assert frame.schema == kinds
    wanted = load_vectorized(trades)
    for found in (load_parquet_mmap(path), load_parquet_mmap(path, 0.1)):
        same(found, wanted)
    assert load_parquet_mmap(path, columns=["price", "qty"]).equals(frame.select("price", "qty"))
    batches = list(stream_parquet_batches(path, batch_size=1_000))
    assert [len(batch[0]) for batch in batches] == [1_000, 1_000, 500]
    same([np.concatenate(columns) for columns in zip(*batches, strict=True)], wanted)


def test_bad_arguments(trades: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    with pytest.raises(ts.ConfigError, match="compression 'zip' is not known"):
        convert_to_parquet(trades, path, compression="zip")
    convert_to_parquet(trades, path)
    with pytest.raises(ts.ConfigError, match="no column 'prize'"):
        load_parquet_mmap(path, columns=["prize"])
    with pytest.raises(ts.ConfigError, match="means nothing"):
        load_parquet_mmap(path, 0.1, columns=["price"])
