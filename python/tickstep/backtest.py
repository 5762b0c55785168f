"""A strategy over recorded data, in one call; what drives it is in `replay.py`."""

from collections.abc import Mapping
from typing import Any

from tickstep.barticks import BAR_FILLS
from tickstep.engine import EngineConfig
from tickstep.native import NativeStrategy
from tickstep.nativerun import run_native
from tickstep.plans import Given, Runnable, TicksGiven, as_configured, finished, planned
from tickstep.result import Result
from tickstep.risk import RiskManager
from tickstep.settings import Data, config_for, data_by_symbol
from tickstep.ticks import Number, Progress, Time

__all__ = ["Data", "run"]


def run(
    strategy: Runnable | NativeStrategy,
    data: Given,
    *,
    ticks: TicksGiven | None = None,
    parameters: Mapping[str, Any] | None = None,
    cash: Number | None = None,
    config: EngineConfig | None = None,
    bar_fill: str = BAR_FILLS[0],
    risk: RiskManager | None = None,
    start: Time | None = None,
    stop: Time | None = None,
    warmup: int | str | None = None,
    alternatives: bool = True,
    skip_scan: bool = True,
    progress: Progress | None = None,
    **settings: Any,
) -> Result:
    """Run a strategy over ticks or bars of one instrument or several.

    Orders fill by cautious rules unless you say otherwise: from a strictly later time on, limits at
    rest only when the price goes beyond them, over bars at most a tenth of a bar's volume. What a run
    assumes is printed with it. Where limits rest, the strategy runs a second time under the
    optimistic rule, `fill="touch"`, and where stops and limits meet inside bars once more with limits
    first: the truth lies between. What it prints is shown once.

    Ctrl-C stops the run between two ticks; the result is then what was done so far, with
    `is_complete` False.

    Parameters
    ----------
    strategy : Strategy, a class of it, a function, or a sequence of them
        What to run; several trade one account, each with its own orders and positions. A function is
        called as `rule(desk, bar)`; see `from_function`. What `ts.native` makes runs outside Python,
        over the ticks of one instrument.
    data : Ticks or Bars, a mapping of str to them, or a sequence of them
        What to run it over. Several instruments are named by the mapping, or by their own symbols.
    ticks : Ticks, a mapping of str to them, or a sequence of them, optional
        Ticks at hand for the bars that are the data: orders trade on them, and the bars are only told
        of. What comes first inside a bar is then no question.
    parameters : mapping, optional
        Parameters of a class or a function; those it has by default otherwise.
    cash : number, money, optional
        Initial cash; 100,000 by default.
    config : EngineConfig, optional
        The whole configuration, instead of `cash` and `settings`.
    bar_fill : {"next_open", "close", "path"}
        What orders meet inside a bar, and where those trade that are given when it is over: at the
        next open; at its close, for which `latency` must be 0 and is by default; or at the next open,
        and inside a bar the price goes from the open to the nearer extreme, to the other, to the
        close. See `tickstep.barticks`.
    risk : RiskManager, optional
        Limits of orders and losses; what they refuse and stop is in `Result.risk`.
    start, stop : int, str, datetime or datetime64, optional
        Run over the rows from `start` on and before `stop`, as `Strategy.at` takes times. Bars before
        the start are known (`history`, `sma`, `line`), but nothing is called and nothing trades. No bar
        is cut: the run starts at the first moment at or after `start` at which no bar is under way, and
        the last bar is over at `stop`.
    warmup : int or str, optional
        Instead of `start`: so many bars of the first instrument, or a span of time ("30d") after the
        first row.
    alternatives : bool
        False runs the strategy once.
    skip_scan : bool
        False takes the ticks one by one; the result is the same.
    progress : callable, optional
        Called now and then as `progress(ticks_done, ticks_total)`.
    **settings
        Arguments of `EngineConfig`: maker_fee, taker_fee, spread_bps, fill, latency, account, ...
        Here `latency` may be text ("50ms") and is 1 of the data's unit by default, `fill` is
        "through", and over bars `participation` is 0.1.

    Returns
    -------
    Result
        Statistics, fills, equity, digest.

    Raises
    ------
    ConfigError
        When a setting is wrong or does not fit the data.
    DataError
        When there are no data.
    StrategyError
        When the strategy's own code raises; it has the event, the time, the line, and in `result`
        the run up to there.

    Examples
    --------
    >>> import tickstep as ts
    >>> class BuyAndHold(ts.Strategy):
    ...     def on_start(self):
    ...         self.buy(1)
    >>> ticks = ts.Ticks.from_arrays(
    ...     [0, 1000, 2000], [50.0, 51.0, 55.0], [1.0, 1.0, 1.0], [0, 0, 0], tick_size=1, lot=1)
    >>> ts.backtest(BuyAndHold, ticks, cash=100, taker_fee="0.001", spread_bps=0).stats["P&L"]
    4.95
    """
    if isinstance(strategy, NativeStrategy):
        named = data_by_symbol(data)
        config = config_for(named, cash, config, settings, bar_fill)
        refused: dict[str, Any] = {"parameters": parameters, "risk": risk, "progress": progress}
        refused |= {"start": start, "stop": stop, "warmup": warmup, "ticks": ticks}
        rows = as_configured(named, config)
        return run_native(strategy, rows, config, alternatives=alternatives, refused=refused)
    plan, made = planned(
        strategy,
        data,
        parameters=parameters,
        cash=cash,
        config=config,
        bar_fill=bar_fill,
        risk=risk,
        start=start,
        stop=stop,
        warmup=warmup,
        alternatives=alternatives,
        skip_scan=skip_scan,
        ticks=ticks,
        progress=progress,
        settings=settings,
    )
    return plan.put_alternatives(finished(plan.replay(made), progress))
