"""The short way: data of any kind, one class, one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tickstep as ts

CLOSE = 1000 + np.random.default_rng(1).integers(-9, 10, 300).cumsum()


class Cross(ts.Strategy):
    """Holds one while the short average is above the long one."""

    fast, slow = 5, 20

    def on_bar(self, bar: ts.Bar) -> None:
        self.target(bar.symbol, 1 if self.sma(self.fast) > self.sma(self.slow) else 0)


def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "Date": np.datetime64("2023-01-01") + np.arange(300),
            "Open": CLOSE,
            "High": CLOSE + 5,
            "Low": CLOSE - 5,
            "Close": CLOSE + 1,
            "Volume": np.full(300, 1000),
        }
    )


def test_data_of_every_kind_are_one_run(tmp_path: Path) -> None:
    frame().write_csv(tmp_path / "bars.csv")
    bars = ts.Bars.from_frame(frame())
    kinds: list[Any] = [frame(), frame().to_pandas(), bars, tmp_path / "bars.csv"]
    runs = [ts.quick.Backtest(each, Cross, cash=5000, commission=0.001).run() for each in kinds]
    fills = [each.fills.drop("symbol").rows() for each in runs]
    assert len(fills[0]) > 10
    assert all(each == fills[0] for each in fills)
    plain = ts.backtest(Cross, bars, cash=5000, maker_fee="0.001", taker_fee="0.001", spread_bps=0)
    assert plain.digest == runs[2].digest


def test_parameters_and_settings() -> None:
    backtest = ts.quick.Backtest(frame(), Cross, spread="0.0002", participation=1)
    result = backtest.run(fast=3)
    assert result.parameters == {"fast": 3, "slow": 20}
    assert result.config.canonical()["instruments"][0]["spread_bps"] == "2"
    assert result.config.canonical()["initial_cash"] == "10000"
    assert "at most 100 % of the quantity of a bar is ours" in result.assumptions


def test_several_instruments() -> None:
    result = ts.quick.Backtest({"A": frame(), "B": frame()}, ts.Portfolio).run(period="week")
    assert result.stats["Instruments Held"] == 2


def test_the_last_run_is_drawn(tmp_path: Path) -> None:
    backtest = ts.quick.Backtest(frame(), Cross)
    with pytest.raises(ts.StateError, match="no run to draw"):
        backtest.plot()
    backtest.run()
    assert backtest.plot(tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert backtest.plot().name == "Cross.png"


def test_mistakes_are_named() -> None:
    with pytest.raises(ts.ConfigError, match="is no class of Strategy"):
        ts.quick.Backtest(frame(), Cross())  # type: ignore[arg-type]
    with pytest.raises(ts.ConfigError, match="no parameter 'fst'"):
        ts.quick.Backtest(frame(), Cross).run(fst=3)
    with pytest.raises(ts.ConfigError, match="no setting 'comission'"):
        ts.quick.Backtest(frame(), Cross, comission=3).run()
