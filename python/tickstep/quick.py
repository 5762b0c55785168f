"""A backtest in one line of set-up: `ts.quick.Backtest(data, Strategy, cash=, commission=).run()`.

Nothing here is new: data of any kind are read, and `ts.backtest` runs. Who needs more settings gives
them by the names of `ts.backtest`.
"""

import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tickstep.backtest import run
from tickstep.bars import Bars
from tickstep.data.formats import read
from tickstep.errors import ConfigError, StateError
from tickstep.result import Result
from tickstep.settings import Data
from tickstep.strategy import Strategy
from tickstep.ticks import Number, Ticks

__all__ = ["Backtest"]

CASH_DEFAULT = 10_000


class Backtest:
    """A strategy, what it runs over, and what trading costs.

    Parameters
    ----------
    data : Bars, Ticks, frame, path, or a mapping of str to them
        Bars or ticks, a frame of pandas or polars with their columns, or a file.
    strategy : class of Strategy
        What to run.
    cash : number, money
        Initial cash.
    commission : number, fraction of the value
        For makers and takers alike.
    spread : number, fraction of the price
        The whole bid-ask spread; market orders pay half of it.
    **settings
        As for `ts.backtest`.

    Raises
    ------
    ConfigError
        When the strategy is no class of `Strategy`, or a setting is wrong.
    DataError
        When the data are of no known kind, or bad.

    Examples
    --------
    >>> import polars as pl
    >>> import tickstep as ts
    >>> class Cross(ts.Strategy):
    ...     fast, slow = 2, 5
    ...     def on_bar(self, bar):
    ...         self.target(None, 1 if self.sma(self.fast) > self.sma(self.slow) else 0)
    >>> close = [10, 11, 12, 11, 13, 15, 14, 12, 11, 10, 12, 14]
    >>> frame = pl.DataFrame({
    ...     "Date": [f"2024-01-{day:02}" for day in range(1, 13)], "Open": close,
    ...     "High": [each + 1 for each in close], "Low": [each - 1 for each in close],
    ...     "Close": close, "Volume": [1000] * 12})
    >>> backtest = ts.quick.Backtest(frame, Cross, cash=1000, commission="0.001")
    >>> backtest.run(slow=4).stats["Fills"], backtest.run(slow=8).stats["Fills"]
    (2, 2)
    """

    def __init__(
        self,
        data: Any,
        strategy: type[Strategy],
        *,
        cash: Number = CASH_DEFAULT,
        commission: Number = 0,
        spread: Number = 0,
        **settings: Any,
    ) -> None:
        if not (isinstance(strategy, type) and issubclass(strategy, Strategy)):
            raise ConfigError(
                f"{strategy!r} is no class of Strategy",
                hint="give the class; its parameters go to run()",
            )
        self.data: Data | dict[str, Data] = (
            {symbol: _taken(each) for symbol, each in data.items()}
            if isinstance(data, Mapping)
            else _taken(data)
        )
        self.strategy = strategy
        self.settings = {
            "cash": cash,
            "maker_fee": commission,
            "taker_fee": commission,
            "spread_bps": Decimal(str(spread)) * 10_000,
            **settings,
        }
        self._result: Result | None = None

    def run(self, **parameters: Any) -> Result:
        """Run the strategy.

        Parameters
        ----------
        **parameters
            New values of the strategy's class attributes.

        Returns
        -------
        Result
            Statistics, fills, equity, digest; kept for `plot`.
        """
        self._result = run(self.strategy(**parameters), self.data, **self.settings)
        return self._result

    def plot(self, path: str | Path | None = None) -> Path:
        """Draw the last run.

        Parameters
        ----------
        path : path, optional
            The picture (.png, .svg, .pdf); by default a new file among those of the system's
            temporary folder.

        Returns
        -------
        Path
            Where it is.

        Raises
        ------
        StateError
            When nothing has run.
        """
        if self._result is None:
            raise StateError("there is no run to draw yet", hint="call run() first")
        if path is None:
            path = Path(tempfile.mkdtemp(prefix="tickstep-"), f"{self.strategy.__name__}.png")
        return self._result.plot(path)


def _taken(data: Any) -> Data:
    if isinstance(data, Bars | Ticks):
        return data
    if isinstance(data, str | Path):
        return read(Path(data))
    return Bars.from_frame(data)
