"""What each style promises besides the same fills: its verbs, its callbacks, its errors."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tickstep as ts
from tickstep.__main__ import main
from tickstep.compat import akquant, joinquant, pyrust_bt, vnpy
from tickstep.compat.held import Clock, time_of_day

EXACT: dict[str, Any] = {
    "latency": 0,
    "fill": "touch",
    "quantity": "full",
    "spread_bps": 0,
    "alternatives": False,
}
MINUTE = 60_000
# 09:30 in Shanghai on Tuesday, 2 January 2024.
MORNING = 1_704_159_000_000


def bars_of(
    closes: list[int], *, symbol: str = "X", interval: str = "1m", start: int = MORNING
) -> Any:
    """Bars that open where the last one closed, two ticks beyond their body each way."""
    close = np.array(closes)
    opened = np.append(close[0], close[:-1])
    step = {"1m": MINUTE, "1d": 86_400_000}[interval]
    return ts.Bars(
        start + step * np.arange(len(close)),
        opened,
        np.maximum(opened, close) + 2,
        np.minimum(opened, close) - 2,
        close,
        np.full(len(close), 10_000),
        tick_size=1,
        lot=1,
        interval=interval,
        symbol=symbol,
    )


def days_of(first: str, closes: list[int], symbol: str = "X") -> Any:
    """Daily bars on weekdays."""
    days = np.arange(np.datetime64(first, "D"), np.datetime64(first, "D") + 2 * len(closes) + 5)
    days = days[np.is_busday(days)][: len(closes)]
    close = np.array(closes)
    opened = np.append(close[0], close[:-1])
    return ts.Bars(
        days.astype("datetime64[ms]").astype(np.int64),
        opened,
        np.maximum(opened, close) + 2,
        np.minimum(opened, close) - 2,
        close,
        np.full(len(close), 100_000),
        tick_size=1,
        lot=1,
        interval="1d",
        symbol=symbol,
    )


def ticks_of(prices: list[int], step: int = 1000) -> Any:
    count = len(prices)
    return ts.Ticks(
        MORNING + step * np.arange(count),
        np.array(prices),
        np.full(count, 5),
        np.zeros(count, np.uint8),
        tick_size=1,
        lot=1,
        symbol="X",
    )


# ---- Plain functions --------------------------------------------------------------------------------


def buy_once(desk: Any, bar: Any, *, qty: int = 2, limit: float | None = None) -> None:
    if desk.position == 0 and not desk.open_orders:
        desk.buy(qty, limit=limit)


def test_function_with_parameters() -> None:
    found = ts.backtest(buy_once, bars_of([10, 11, 12]), parameters={"qty": 3}, **EXACT)
    assert (found.strategy, found.parameters) == ("buy_once", {"qty": 3, "limit": None})
    assert found.fills["qty"].to_list() == [3.0]
    again = ts.backtest(partial(buy_once, qty=3), bars_of([10, 11, 12]), **EXACT)
    assert again.event_digest == found.event_digest
    assert again.strategy == "buy_once"


def test_function_with_the_bar_first_with_all_bars_and_with_ticks() -> None:
    seen: list[Any] = []

    def first(bar: Any, desk: Any) -> None:
        seen.append((bar.close, desk.position))

    def together(desk: Any, bars: Any) -> None:
        seen.append(sorted(bars))

    def each(desk: Any, tick: Any) -> None:
        seen.append(tick.price)

    def cut(desk: Any, bar: Any) -> None:
        seen.append((bar.interval, bar.close))

    bars = {"A": bars_of([10, 11], symbol="A"), "B": bars_of([5, 6], symbol="B")}
    ts.backtest(first, bars["A"], **EXACT)
    ts.backtest(together, bars, **EXACT)
    ts.backtest(each, ticks_of([7, 8]), **EXACT)
    ts.backtest(ts.from_function(cut, every="2s"), ticks_of([7, 8, 9, 9, 9]), **EXACT)
    expected = [
        (10.0, 0.0),
        (11.0, 0.0),
        ["A", "B"],
        ["A", "B"],
        7.0,
        8.0,
        ("2s", 8.0),
        ("2s", 9.0),
    ]
    assert seen == expected


def test_functions_that_are_no_rules() -> None:
    bars = bars_of([10, 11])
    with pytest.raises(ts.ConfigError, match="is not a rule"):
        ts.backtest(lambda bar: None, bars)
    with pytest.raises(ts.ConfigError, match="is not a rule"):
        ts.backtest(lambda desk, bar, length: None, bars)
    with pytest.raises(ts.ConfigError, match="is not a rule"):
        ts.backtest(lambda desk, bar, **others: None, bars)
    with pytest.raises(ts.ConfigError, match="means something else in a strategy"):
        ts.backtest(lambda desk, bar, close=5: None, bars)
    with pytest.raises(ts.ConfigError, match="parameters are plain values"):
        ts.backtest(lambda desk, bar, lengths=[5]: None, bars)
    with pytest.raises(ts.ConfigError, match="no parameter 'qyt'.*\n.*'qty'"):
        ts.backtest(buy_once, bars, parameters={"qyt": 3})
    with pytest.raises(ts.ConfigError, match="which has them already"):
        ts.backtest(ts.from_function(buy_once)(), bars, parameters={"qty": 3})
    with pytest.raises(ts.TickstepError, match="ticks have none of their own"):
        ts.backtest(buy_once, ticks_of([7, 8]))


# ---- pyrust-bt --------------------------------------------------------------------------------------


class Told(pyrust_bt.Strategy):
    """Returns what it was given, bar by bar, and keeps what it hears."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.heard: list[Any] = []

    def on_start(self, ctx: Any) -> None:
        self.heard.append(("start", ctx.cash, ctx.bar_index))

    def next(self, bar: dict[str, Any], ctx: Any) -> Any:
        self.heard.append(("bar", ctx.bar_index, ctx.position))
        return self.answers.pop(0) if self.answers else None

    def on_order(self, event: dict[str, Any]) -> None:
        self.heard.append((event["event"], event["side"], event["size"]))

    def on_trade(self, event: dict[str, Any]) -> None:
        self.heard.append(("trade", event["price"], event["size"]))

    def on_stop(self) -> None:
        self.heard.append("stop")


def ran(strategy: Any, bars: Any, **config: Any) -> Any:
    engine = pyrust_bt.BacktestEngine(pyrust_bt.BacktestConfig(**{"cash": 1000.0, **config}))
    others = {name: each for name, each in EXACT.items() if name != "spread_bps"}
    return engine.run(strategy, bars, **others)


def test_pyrust_tells_things_in_their_order() -> None:
    strategy = Told("BUY", {"action": "sell", "type": "MARKET", "size": 1})
    found = ran(strategy, bars_of([10, 12, 15]))
    assert strategy.heard == [
        ("start", 1000.0, 0),
        ("bar", 0, 0.0),
        ("submitted", "BUY", 1.0),
        ("filled", "BUY", 1.0),
        ("trade", 10.0, 1.0),
        ("bar", 1, 1.0),
        ("submitted", "SELL", 1.0),
        ("filled", "SELL", 1.0),
        ("trade", 12.0, 1.0),
        ("bar", 2, 0.0),
        "stop",
    ]
    # Not the close that `next` has seen, but the open after it: 10, then 12.
    assert [each["price"] for each in found["trades"]] == [10.0, 12.0]
    assert found["equity"] == found["equity_curve"]
    assert [each["equity"] for each in found["equity"]] == [1000.0, 1002.0, 1002.0]
    assert found["equity"][1]["datetime"] == "2024-01-02 01:31:00"
    assert (found["cash"], found["position"], found["realized_pnl"]) == (1002.0, 0.0, 2.0)
    assert found["stats"] == pyrust_bt.stats(found["equity"], found["trades"], found["orders"])
    assert found["stats"]["filled_orders"] == 2
    assert found.result.stats["Equity Final"] == 1002.0


def test_pyrust_shorts_realize_and_costs_are_charged() -> None:
    strategy = Told("SELL", {"action": "BUY", "size": 3})
    found = ran(strategy, bars_of([100, 90, 95]), commission_rate=0.01)
    # Sold at 100, bought back at 90: 10 gained; the other two are long from 90 on.
    assert [each["realized_pnl"] for each in found["trades"]] == [0.0, 10.0]
    assert (found["position"], found["avg_cost"]) == (2.0, 90.0)
    assert [each["commission"] for each in found["trades"]] == [1.0, 2.7]


def test_pyrust_slippage_spares_limits() -> None:
    limit = {"action": "BUY", "type": "limit", "price": 9_990, "size": 1}
    strategy = Told("BUY", limit)
    config = pyrust_bt.BacktestConfig(cash=100_000.0, slippage_bps=10.0)
    bars = bars_of([10_000, 10_000, 9_980, 9_980])
    found = pyrust_bt.BacktestEngine(config).run(strategy, bars, latency=0, quantity="full")
    assert [each["price"] for each in found["trades"]] == [10_010.0, 9_990.0]


def test_pyrust_limit_lives_for_a_bar() -> None:
    strategy = Told({"action": "BUY", "type": "limit", "price": 5.5})
    found = ran(strategy, bars_of([10, 9, 4, 4]))
    assert found["trades"] == []
    assert [each["status"] for each in found["orders"]] == ["unfilled"]
    assert strategy.heard[-4:] == [
        ("cancelled", "BUY", 1.0),
        ("bar", 2, 0.0),
        ("bar", 3, 0.0),
        "stop",
    ]
    # Off the grid of ticks the limit is the next one that is not worse.
    assert found.result.orders["price"].to_list() == [5.0]


@pytest.mark.parametrize("answer", [None, "HOLD", "", "none", []])
def test_pyrust_does_nothing(answer: Any) -> None:
    assert ran(Told(answer), bars_of([10, 11]))["orders"] == []


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ("BYE", "has no 'BYE'"),
        ({"action": "BUY", "sise": 2}, "no 'sise'.*\n.*'size'"),
        ({"action": "BUY", "type": "limt"}, "no 'limt'.*\n.*'limit'"),
        ({"action": "BUY", "type": "limit"}, "has no price"),
        ({"action": "BUY", "symbol": "Y"}, "no 'Y'"),
        (7, "is no action"),
    ],
)
def test_pyrust_answers_that_are_none(answer: Any, match: str) -> None:
    with pytest.raises(ts.TickstepError, match=match):
        ran(Told(answer), bars_of([10, 11]))


def test_pyrust_takes_dicts_one_argument_and_anything_that_has_next() -> None:
    class Plain:
        def __init__(self) -> None:
            self.extra: list[Any] = []

        def next(self, bar: dict[str, Any]) -> Any:
            self.extra.append(bar["factor"])

    rows = [
        {
            "datetime": f"2024-01-0{day} 00:00:00",
            "open": 10,
            "high": 11.5,
            "low": 9.5,
            "close": 10.5,
            "volume": 100,
            "symbol": "SPY",
            "factor": day,
        }
        for day in range(1, 6)
    ]
    strategy = Plain()
    found = ran(strategy, rows, start="2024-01-02", end="2024-01-04")
    assert strategy.extra == [2, 3, 4]
    assert list(found.result.data) == ["SPY"]
    with pytest.raises(ts.DataError, match="no 'close'"):
        ran(strategy, [{**rows[0], "close": None}])
    with pytest.raises(ts.DataError, match="no bars lie within"):
        ran(Plain(), rows, start="2025-01-01")
    with pytest.raises(ts.DataError, match="no bars"):
        ran(Plain(), [])


def test_pyrust_errors_are_raised_once() -> None:
    class Wrong(pyrust_bt.Strategy):
        count = 0

        def next(self, bar: Any, ctx: Any) -> Any:
            self.count += 1
            raise ValueError("intended")

    strategy = Wrong()
    with pytest.raises(ts.StrategyError, match="intended"):
        ran(strategy, bars_of([10, 11, 12]))
    assert strategy.count == 1


def test_pyrust_unknown_names() -> None:
    class Typo(pyrust_bt.Strategy):
        def on_trades(self, event: Any) -> None:
            """Never called."""

    with pytest.raises(ts.ConfigError, match="on_trades would never be called\n.*'on_trade'"):
        ran(Typo(), bars_of([10, 11]))
    found = ran(Told(), bars_of([10, 11]))
    with pytest.raises(ts.ConfigError, match="no 'stat'.*\n.*'stats'"):
        found["stat"]
    assert found.get("stat") is None
    with pytest.raises(TypeError):
        pyrust_bt.BacktestConfig(comission_rate=0.1)  # type: ignore[call-arg]
    with pytest.raises(ts.ConfigError, match="no method 'next_multi'"):
        pyrust_bt.BacktestEngine(pyrust_bt.BacktestConfig()).run_multi(Told(), {"X": bars_of([10])})

    class Asks(pyrust_bt.Strategy):
        def next(self, bar: Any, ctx: Any) -> Any:
            return ctx.positon

    with pytest.raises(ts.TickstepError, match="no 'positon'"):
        ran(Asks(), bars_of([10, 11]))


def test_pyrust_several_instruments() -> None:
    class Rotates(pyrust_bt.Strategy):
        seen: list[Any]

        def on_start(self, ctx: Any) -> None:
            self.seen = []

        def next_multi(self, update_slice: Mapping[str, Any], ctx: Any) -> Any:
            self.seen.append((sorted(update_slice), ctx["last_prices"].get("B")))
            if len(self.seen) == 1:
                return [{"action": "BUY", "size": 2, "symbol": name} for name in update_slice]
            return {"action": "SELL", "symbol": "A"} if ctx.positions["A"]["position"] > 1 else None

    feeds = {"A": bars_of([10, 11, 12], symbol="A"), "B": bars_of([20, 21, 22, 23], symbol="B")}
    strategy = Rotates()
    engine = pyrust_bt.BacktestEngine(pyrust_bt.BacktestConfig(cash=1000.0))
    found = engine.run_multi(strategy, feeds, latency=0, quantity="full")
    assert strategy.seen[0] == (["A", "B"], 20.0)
    assert strategy.seen[-1] == (["B"], 23.0)
    assert [(each["symbol"], each["price"], each["side"]) for each in found["trades"]] == [
        ("A", 10.0, "BUY"),
        ("B", 20.0, "BUY"),
        ("A", 11.0, "SELL"),
    ]
    assert len(found["equity"]) == 4
    assert found["positions"]["B"] == {"position": 2.0, "avg_cost": 20.0}


# ---- AKQuant ----------------------------------------------------------------------------------------


def tried(strategy: Any, data: Any, **options: Any) -> Any:
    return akquant.run_backtest(data, strategy, **{"initial_cash": 10_000.0, **EXACT, **options})


def test_akquant_verbs() -> None:
    heard: list[Any] = []

    class Verbs(akquant.Strategy):
        def on_start(self) -> None:
            self.subscribe("X")
            self.set_sizer(akquant.FixedSize(7))
            self.step = 0

        def on_bar(self, bar: akquant.Bar) -> None:
            self.step += 1
            heard.append((self.step, self.get_position(), self.hold_bar()))
            match self.step:
                case 1:
                    self.buy()  # the sizer's 7
                case 2:
                    self.order_target(10)
                case 3:
                    assert self.get_available_position() == 10
                    self.sell(quantity=4, price=bar.close + 500, tag="far")
                    assert self.get_available_position() == 6
                    (order,) = self.get_open_orders()
                    assert (order.side, order.quantity, order.tag) == ("Sell", 4.0, "far")
                    self.cancel_order(order)
                case 4:
                    self.sell()  # all of it
                case 5:
                    self.short(quantity=3)
                case 6:
                    self.cover()
                case 7:
                    self.order_target_percent(0.5)
                case 8:
                    self.order_target_value(200.0)
                case 9:
                    self.close_position()

    found = tried(Verbs, bars_of([100] * 12))
    positions = [position for _, position, _ in heard]
    assert positions == [0, 7, 10, 10, 0, -3, 0, 50, 2, 0, 0, 0]
    assert [bars for *_, bars in heard] == [0, 1, 2, 3, 0, 1, 0, 1, 2, 0, 0, 0]
    frame = found.orders_df
    assert frame["status"].to_list().count("Cancelled") == 1
    assert found.trades_df["quantity"].sum() == 10 + 3 + 50
    # Opened on the second bar, the third, ...: 7 and 3 held to the fifth, and so on.
    assert found.metrics.avg_trade_bars == np.mean([3, 2, 1, 1, 2])
    assert set(akquant.NAMES) == set(found.metrics)
    assert found.metrics["end_market_value"] == found.metrics.end_market_value == 10_000.0
    assert found.metric("end_market_value") == 10_000.0
    assert found.equity_curve[0] == ((MORNING + MINUTE) * 1_000_000, 10_000.0)
    assert found.metrics_df["name"].to_list() == akquant.NAMES


def test_akquant_callbacks_come_once_and_stops_never_early() -> None:
    heard: list[Any] = []

    class Stops(akquant.Strategy):
        def on_bar(self, bar: akquant.Bar) -> None:
            if self.get_position() == 0 and not self.get_open_orders() and not self.get_trades():
                self.stop_buy(trigger_price=105, quantity=1)

        def on_order(self, order: Any) -> None:
            heard.append(str(order.status))

        def on_trade(self, trade: Any) -> None:
            heard.append((trade.price, trade.quantity))

    tried(Stops, bars_of([100, 101, 110]))
    # Opened at 101 and rose through 105: filled there, not at the open.
    assert heard == ["Submitted", "Submitted", "Filled", (105.0, 1.0)]


def test_akquant_history_warm_up_and_time() -> None:
    seen: list[Any] = []

    class Looks(akquant.Strategy):
        warmup_period = 2

        def on_bar(self, bar: akquant.Bar) -> None:
            seen.append((self.now, bar.timestamp, self.get_history(3).tolist(), self.close))

    class Late(akquant.Strategy):
        def on_start(self) -> None:
            self.schedule("2024-01-02 09:33:00", "once")
            self.add_daily_timer("09:32:00", "daily")

        def on_timer(self, payload: str) -> None:
            seen.append((payload, self.format_time(self._desk.now * 1_000_000)))

    tried(Looks, bars_of([10, 11, 12]))
    assert [each[2:] for each in seen] == [
        (pytest.approx([np.nan, 10.0, 11.0], nan_ok=True), 11.0),
        ([10.0, 11.0, 12.0], 12.0),
    ]
    assert seen[0][0] == datetime(2024, 1, 2, 9, 31, 59, 999_000)
    assert seen[0][1] == (MORNING + MINUTE) * 1_000_000
    seen.clear()
    tried(Late, bars_of([10] * 5))
    assert seen == [("daily", "2024-01-02 09:32:00"), ("once", "2024-01-02 09:33:00")]


def test_akquant_daily_timers_know_days() -> None:
    seen: list[str] = []

    class Daily(akquant.Strategy):
        def on_start(self) -> None:
            self.add_daily_timer("10:00", "ten")

        def on_timer(self, payload: str) -> None:
            seen.append(self.format_time(self._desk.now * 1_000_000))

    friday = MORNING + 3 * 86_400_000
    day = 86_400_000
    # Friday, Monday, and Wednesday after a Tuesday without a market.
    starts = (friday, friday + 3 * day, friday + 5 * day)
    times = [start + MINUTE * each for start in starts for each in range(60)]
    opened, high, low, close = (np.full(180, 10 + each) for each in (0, 2, -2, 0))
    volume = np.full(180, 5)
    labels: dict[str, Any] = {"tick_size": 1, "lot": 1, "interval": "1m", "symbol": "X"}
    bars = ts.Bars(np.array(times), opened, high, low, close, volume, **labels)
    tried(Daily, bars)
    ten = [f"2024-01-{day} 10:00:00" for day in ("05", "08", "10")]
    assert seen == ten
    seen.clear()
    tried(Daily, bars, calendar=ts.calendar("SSE").changed(closed=["2024-01-08"]))
    assert seen == [ten[0], ten[2]]


def test_akquant_functions_frames_and_ticks() -> None:
    import polars as pl

    started: list[Any] = []

    def initialize(context: Any) -> None:
        started.append(context.get_cash())

    def on_bar(context: Any, bar: Any) -> None:
        if context.get_position() == 0:
            context.buy(quantity=1)

    frame = pl.DataFrame(
        {
            "time": ["2024-01-02 09:30", "2024-01-02 09:31"],
            "open": [10.0, 10.5],
            "high": [11.0, 11.0],
            "low": [9.0, 9.5],
            "close": [10.5, 10.0],
            "volume": [500, 500],
        }
    )
    found = tried(on_bar, frame, initialize=initialize, symbol="600000")
    assert started == [10_000.0]
    assert [each.symbol for each in found.executions] == ["600000"]

    class EachTick(akquant.Strategy):
        def on_tick(self, tick: akquant.Tick) -> None:
            if tick.price < 8 and self.get_position() == 0:
                self.buy(quantity=1)

    found = tried(EachTick, ticks_of([9, 7, 6, 6]))
    assert [each.price for each in found.executions] == [6.0]
    with pytest.raises(ts.ConfigError, match="no on_tick"):
        tried(on_bar, ticks_of([9, 7]))
    assert len(tried(on_bar, ticks_of([9, 7, 6, 6]), every="1s").executions) == 1


def test_akquant_costs() -> None:
    def on_bar(context: Any, bar: Any) -> None:
        context.order_target(0 if context.get_position() else 10)

    costs = {"commission_rate": 0.0003, "stamp_tax_rate": 0.001, "transfer_fee_rate": 0.0001}
    found = tried(on_bar, bars_of([100, 100, 100]), **costs)
    # 0.0003 + 0.0001 on both sides and 0.001 once: 0.0009 of 1,000 each way.
    assert [each.commission for each in found.executions] == [0.9, 0.9]
    assert any("stamp tax" in each for each in found.result.warnings)
    found = tried(on_bar, bars_of([100, 100, 100]), min_commission=5)
    assert [each.commission for each in found.executions] == [5.0, 5.0]


def test_akquant_refuses_what_cash_cannot_pay() -> None:
    def on_bar(context: Any, bar: Any) -> None:
        if not context.get_trades() and not context.get_open_orders():
            context.buy(quantity=1_000)

    found = tried(on_bar, bars_of([100, 100, 100]))
    assert found.executions == []
    assert found.result.orders["reason"].to_list()[0] == "NO_CASH"


def test_akquant_unknown_names() -> None:
    bars = bars_of([10, 11])

    class Fine(akquant.Strategy):
        """Does nothing."""

    class Typo(akquant.Strategy):
        def on_bars(self, bar: Any) -> None:
            """Never called."""

    class Verb(akquant.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.bye()

    with pytest.raises(ts.ConfigError, match="no 'cash'.*\n.*'initial_cash'"):
        akquant.run_backtest(bars, Fine, cash=5_000)
    with pytest.raises(ts.ConfigError, match="no 'commission'.*\n.*'commission_rate'"):
        akquant.run_backtest(bars, Fine, commission=0.1)
    with pytest.raises(ts.ConfigError, match="on_bars would never be called\n.*'on_bar'"):
        tried(Typo, bars)
    with pytest.raises(ts.TickstepError, match="no 'bye'.*\n.*'buy'"):
        tried(Verb, bars)
    with pytest.raises(ts.ConfigError, match="not one of next_open, current_close"):
        tried(Fine, bars, execution_mode="next_average")
    with pytest.raises(ts.ConfigError, match="t_plus_one"):
        tried(Fine, bars, t_plus_one=True)
    with pytest.raises(ts.ConfigError, match="Fine has no 'window'"):
        tried(Fine, bars, strategy_params={"window": 5})

    class Windowed(akquant.Strategy):
        window = 3

        def __init__(self, shift: int = 0) -> None:
            self.shift = shift

    with pytest.raises(ts.ConfigError, match="does not take strategy_params"):
        tried(Windowed, bars, strategy_params={"shfit": 5})
    found = tried(Windowed, bars, strategy_params={"shift": 5})
    assert found.result.parameters == {"shift": 5}
    with pytest.raises(ts.ConfigError, match="is not running"):
        Fine().buy()
    found = tried(Fine, bars)
    with pytest.raises(ts.ConfigError, match="no 'sharpe'.*\n.*'sharpe_ratio'"):
        _ = found.metrics.sharpe
    strategy = Fine()
    tried(strategy, bars)
    with pytest.raises(ts.ConfigError, match="has run already"):
        tried(strategy, bars)
    assert not hasattr(strategy, "bye")


# ---- JoinQuant --------------------------------------------------------------------------------------


def script(source: str, folder: Path) -> Path:
    file = folder / "my_script.py"
    file.write_text(source, encoding="utf-8")
    return file


FREE = "set_slippage(PriceRelatedSlippage(0)); set_order_cost(OrderCost(0, 0, 0, 0, 0, 0), 'stock')"


def test_joinquant_order_of_a_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = f"""
from jqdata import *

def initialize(context):
    {FREE}
    g.seen = []
    run_daily(before, time="before_open")
    run_daily(ten, time="10:00")
    run_daily(after, time="after_close")
    log.info("cash", context.portfolio.starting_cash)

def tell(name, context):
    print(name, context.current_dt, context.previous_date)

def before(context): tell("before", context)
def ten(context): tell("ten", context)
def after(context): tell("after", context)
def before_trading_start(context): tell("start", context)
def after_trading_end(context): tell("end", context)

def handle_data(context, data):
    tell("handle %s" % data["X"].close, context)
    order("X", 100)
"""
    found = joinquant.run_file(
        script(source, tmp_path), days_of("2024-01-04", [10, 11, 12]), **EXACT
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "- INFO - cash 100000.0"
    assert lines[1:3] == [
        "after 2024-01-04 15:30:00 2024-01-03",
        "end 2024-01-04 15:30:00 2024-01-03",
    ]
    assert lines[3:8] == [
        "before 2024-01-05 09:00:00 2024-01-04",
        "start 2024-01-05 09:00:00 2024-01-04",
        "handle 10.0 2024-01-05 09:30:00 2024-01-04",
        "ten 2024-01-05 10:00:00 2024-01-04",
        "after 2024-01-05 15:30:00 2024-01-04",
    ]
    assert lines[8:13] == [
        "end 2024-01-05 15:30:00 2024-01-04",
        "before 2024-01-08 09:00:00 2024-01-05",
        "start 2024-01-08 09:00:00 2024-01-05",
        "handle 11.0 2024-01-08 09:30:00 2024-01-05",
        "ten 2024-01-08 10:00:00 2024-01-05",
    ]
    assert found.fills["price"].to_list() == [10.0, 11.0]
    assert found.strategy == "my_script"
    assert any("OrderCost" in each for each in found.warnings)


def test_joinquant_weeks_and_months(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = """
def initialize(context):
    run_weekly(weekly, 1, time="open")
    run_weekly(last, -1, time="14:50")
    run_monthly(monthly, 2, time="open")
def weekly(context): print("weekly", context.current_dt.date())
def last(context): print("last", context.current_dt.date())
def monthly(context): print("monthly", context.current_dt.date())
"""
    joinquant.run_file(script(source, tmp_path), days_of("2024-01-29", [10] * 8), **EXACT)
    assert capsys.readouterr().out.splitlines() == [
        "monthly 2024-02-02",
        "last 2024-02-02",
        "weekly 2024-02-05",
    ]


def test_joinquant_minutes_and_times_of_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
def initialize(context):
    run_daily(ten, time="9:32")
    run_daily(every, time="every_bar")
def every(context): print("every", context.current_dt)
def ten(context): print("ten", context.current_dt, context.previous_date)
def before_trading_start(context): print("start", context.current_dt)
def after_trading_end(context): print("end", context.current_dt)
def handle_data(context, data): print("handle", context.current_dt, data["X"].mavg(2))
"""
    first, second = bars_of([10, 11, 12]), bars_of([20, 21], start=MORNING + 86_400_000)
    columns = ("time", "open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots")
    joined = [np.concatenate([getattr(each, name) for each in (first, second)]) for name in columns]
    bars = ts.Bars(*joined, tick_size=1, lot=1, interval="1m", symbol="X")
    joinquant.run_file(script(source, tmp_path), bars, **EXACT)
    assert capsys.readouterr().out.splitlines() == [
        "start 2024-01-02 09:00:00",
        "every 2024-01-02 09:31:00",
        "handle 2024-01-02 09:31:00 10.0",
        "every 2024-01-02 09:32:00",
        "handle 2024-01-02 09:32:00 10.5",
        "ten 2024-01-02 09:32:00 2024-01-01",
        "every 2024-01-02 09:33:00",
        "handle 2024-01-02 09:33:00 11.5",
        "end 2024-01-02 15:30:00",
        "start 2024-01-03 09:00:00",
        "every 2024-01-03 09:31:00",
        "handle 2024-01-03 09:31:00 16.0",
        "every 2024-01-03 09:32:00",
        "handle 2024-01-03 09:32:00 20.5",
        "end 2024-01-03 15:30:00",
    ]


def test_joinquant_orders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = f"""
def initialize(context):
    {FREE}
    g.step = 0

def handle_data(context, data):
    g.step += 1
    held = context.portfolio.positions["X"]
    if g.step == 1:
        assert "X" not in context.portfolio.positions and held.total_amount == 0
        assert order("X", 99) is None
        made = order("X", 250)                       # two board lots
        assert made.amount == 200 and made.is_buy and made.status == OrderStatus.open
        assert abs(context.portfolio.available_cash - 98000) < 1e-6
    elif g.step == 2:
        assert list(context.portfolio.positions) == ["X"]
        assert (held.total_amount, held.avg_cost, held.value) == (200, 10.0, 2000.0)
        assert get_orders(security="X")[1].status == OrderStatus.filled
        order_value("X", 1234)                       # 100 of 10
    elif g.step == 3:
        order_target_value("X", 10**9)               # cut to the cash
    elif g.step == 4:
        assert context.portfolio.cash == 0
        order_target("X", 150)
    elif g.step == 5:
        order("X", -10**6)                           # all of it
    elif g.step == 6:
        order("X", 100, LimitOrderStyle(5.0))
        assert len(get_open_orders()) == 1
    elif g.step == 7:
        assert get_open_orders() == {{}}               # it was for the day
        made = order("X", 100, style=LimitOrderStyle(5.0))
        cancel_order(made)
    context.last = g.step
"""
    found = joinquant.run_file(script(source, tmp_path), days_of("2024-01-02", [10] * 10), **EXACT)
    # Of the odd 150 all but the board lots is sold: 10,000 - 150 are 98 of them and a half.
    quantities = found.fills["qty"].to_list()
    assert quantities == [200.0, 100.0, 9_700.0, 9_800.0, 200.0]
    assert found.stats["Equity Final"] == 100_000.0
    assert "cut from" in capsys.readouterr().out


def test_joinquant_sells_pay_for_buys(tmp_path: Path) -> None:
    source = f"""
def initialize(context):
    {FREE}
    g.names = ["A", "B"]
    run_weekly(rotate, 1, time="9:35")

def rotate(context):
    assert context.universe == []
    last, following = g.names
    g.names = [following, last]
    order_target(last, 0)
    order_value(following, context.portfolio.available_cash)
    assert abs(context.portfolio.available_cash) < 1e-6
    assert sorted(history(1, "1d", "close", ["A", "B"], df=False)) == ["A", "B"]
"""
    data = {
        name: days_of("2024-01-04", [price] * 9, symbol=name)
        for name, price in (("A", 10), ("B", 20))
    }
    found = joinquant.run_file(script(source, tmp_path), data, **EXACT)
    first, *others = found.fills.select("symbol", "side", "qty").rows()
    assert first == ("B", "BUY", 5_000.0)
    assert sorted(others) == [("A", "BUY", 10_000.0), ("B", "SELL", 5_000.0)]
    assert found.stats["Equity Final"] == 100_000.0


def test_joinquant_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas")
    source = """
def initialize(context):
    set_universe(["X"])
def handle_data(context, data):
    if context.current_dt.day != 4:
        return
    frame = attribute_history("X", 5, "1d", ["open", "close"])
    print(frame["close"].tolist(), [str(each.date()) for each in frame.index])
    print(history(2, "1d", "high")["X"].tolist())
    print(get_price("X", count=1, fields=["close"])["close"].tolist())
    print(get_price("X", end_date="2024-01-02")["close"].tolist())
    print(get_bars("X", 2)["close"].tolist())
    print(attribute_history("X", 1, fields=["volume"], df=False))
    print(get_current_data()["X"].last_price, data["X"].pre_close, data["X"].paused)
"""
    joinquant.run_file(script(source, tmp_path), days_of("2024-01-02", [10, 12, 15]), **EXACT)
    assert capsys.readouterr().out.splitlines() == [
        "[10.0, 12.0] ['2024-01-02', '2024-01-03']",
        "[12.0, 14.0]",
        "[12.0]",
        "[10.0]",
        "[10.0, 12.0]",
        "{'volume': array([100000.])}",
        "12.0 10.0 False",
    ]


@pytest.mark.parametrize(
    ("source", "match"),
    [
        (
            "def initialize(context):\n    set_benchmrk('X')",
            "no 'set_benchmrk'.*\n.*'set_benchmark'",
        ),
        ("ordr('X', 1)\ndef initialize(context): pass", "no 'ordr'.*\n.*'order'"),
        ("def initialize(context): pass\ndef handle_dat(context, data): pass", "never be called"),
        ("def initialize(context): g.a = g.b", "g has no 'b'"),
        ("def initialize(context): log.inform('x')", "no 'inform'.*\n.*'info'"),
        ("def initialize(context): set_option('use_real_prices', True)", "'use_real_price'"),
        ("def initialize(context): set_slippage(FixedSlippage(0.02))", "is no share of the price"),
        ("def initialize(context): context.current_dt", "before there is one"),
        ("def handle_data(context, data): pass", "no initialize"),
        ("def initialize(context): run_daily(5)", "is no function"),
        ("def initialize(context): run_weekly(print, 1, time='every_bar')", "is no time of a day"),
        ("def initialize(context): run_daily(print, time='25:00')", "is not a time of day"),
        ("def initialize(context) pass", "is not Python"),
        (
            "def initialize(context): pass\ndef handle_data(context, data): order('Y', 100)",
            "no 'Y'",
        ),
        ("def initialize(context): pass\ndef handle_data(context, data): data['Y']", "no 'Y'"),
        (
            "def initialize(context): pass\n"
            "def handle_data(context, data): set_slippage(FixedSlippage(0))",
            "call it in initialize|run has begun",
        ),
        (
            "def initialize(context): pass\n"
            "def handle_data(context, data): order('X', 100, side='short')",
            "side 'short'",
        ),
        (
            "def initialize(context): pass\n"
            "def handle_data(context, data): attribute_history('X', 1, '1d', ['money'], df=False)",
            "no 'money'",
        ),
        (
            "def initialize(context): pass\n"
            "def handle_data(context, data): context.portfolio.total_values",
            "no 'total_values'.*\n.*'total_value'",
        ),
    ],
)
def test_joinquant_mistakes(source: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(ts.TickstepError, match=match):
        joinquant.run_file(script(source, tmp_path), days_of("2024-01-02", [10, 11]))


def test_joinquant_costs(tmp_path: Path) -> None:
    source = """
def initialize(context):
    set_slippage(FixedSlippage(0.02))
    set_order_cost(OrderCost(0, 0.001, 0.0003, 0.0003, 0, 5), type="stock")
    set_option("order_volume_ratio", 0.5)
"""
    bars = days_of("2024-01-02", [10, 11])
    found = joinquant.run_file(script(source, tmp_path), bars, spread_bps=4)
    rules = found.config.canonical()["instruments"][0]
    assert (rules["maker_fee"], rules["fee_min"], rules["spread_bps"]) == ("0.0008", "5", "4")
    assert rules["participation"] == "0.5"
    old = "def initialize(context):\n    set_slippage(FixedSlippage(0))\n"
    old += "    set_commission(PerTrade(buy_cost=0.0002, sell_cost=0.0004, min_cost=1))"
    rules = joinquant.run_file(script(old, tmp_path), bars).config.canonical()["instruments"][0]
    assert (rules["taker_fee"], rules["fee_min"], rules["spread_bps"]) == ("0.0003", "1", "0")


def test_joinquant_functions_at_hand_get_their_names_for_the_run_alone() -> None:
    module = types.ModuleType("at_hand")
    source = f"""
def initialize(context):
    {FREE}
    g.count = 0
def handle_data(context, data):
    g.count += 1
    order("X", 100, LimitOrderStyle(data["X"].close - 2))
"""
    exec(source, vars(module))
    before = set(vars(module))
    bars = days_of("2024-01-02", [10, 10, 10, 12, 12, 12, 8])
    settings = {**EXACT, "fill": "through", "alternatives": True}
    found = joinquant.run(module, bars, **settings)
    assert set(vars(module)) == before
    assert found.strategy == "at_hand"
    # Run again under "touch", with what the first run kept forgotten.
    (other,) = found.alternatives.values()
    alone = joinquant.run(module, bars, **{**settings, "fill": "touch"})
    assert other.event_digest == alone.event_digest != found.event_digest


def test_joinquant_weekend_bars_need_a_calendar(tmp_path: Path) -> None:
    file = script("def initialize(context): pass\ndef handle_data(context, data): pass", tmp_path)
    bars = bars_of([10, 11], interval="1d", start=1_704_499_200_000)  # Saturday
    with pytest.raises(ts.TickstepError, match="which is no trading day"):
        joinquant.run_file(file, bars)
    calendar = ts.calendar("24/7")
    assert joinquant.run_file(file, bars, calendar=calendar).stats["Fills"] == 0


def test_joinquant_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
def initialize(context):
    g.bought = context.portfolio.starting_cash > 5e5
def handle_data(context, data):
    name = list(data)[0]
    if not g.bought:
        g.bought = order(name, 100) is not None
"""
    monkeypatch.chdir(tmp_path)
    script(source, tmp_path)
    rows = [f"2024-01-02 09:{minute:02},10,11,9,10.5,90000" for minute in range(30, 60)]
    text = "\n".join(["time,open,high,low,close,volume", *rows])
    (tmp_path / "bars.csv").write_text(text, encoding="utf-8")
    assert main(["backtest", "my_script.py", "bars.csv", "--out", "run", "--no-plot"]) == 0
    answer = capsys.readouterr().out
    assert re.search(r"^Fills +1$", answer, re.MULTILINE)
    assert main(["verify", "run/run.json"]) == 0
    assert "verified" in capsys.readouterr().out
    assert main(["backtest", "my_script.py", "bars.csv", "--cash", "600000", "--no-plot"]) == 0
    assert re.search(r"^Fills +0$", capsys.readouterr().out, re.MULTILINE)


# ---- vn.py ------------------------------------------------------------------------------------------


def test_vnpy_tells_things_in_their_order() -> None:
    heard: list[Any] = []

    class Talks(vnpy.CtaTemplate):
        author = "nobody"
        volume = 2
        parameters = ["volume"]  # noqa: RUF012
        variables = ["steps"]  # noqa: RUF012
        steps = 0

        def on_init(self) -> None:
            heard.append(("init", self.inited, self.trading, self.get_data()["parameters"]))
            assert self.buy(10, 1) == []  # not trading yet

        def on_start(self) -> None:
            heard.append(("start", self.inited, self.trading))

        def on_bar(self, bar: vnpy.BarData) -> None:
            self.steps += 1
            heard.append(("bar", bar.datetime.time(), self.pos, bar.vt_symbol))
            if self.steps == 1:
                (name,) = self.buy(bar.close_price + 5, self.volume)
                assert name == "TICKSTEP.1"
            elif self.steps == 2:
                self.sell(bar.close_price - 5, self.volume)

        def on_order(self, order: vnpy.OrderData) -> None:
            heard.append((order.status, order.direction, order.offset, order.traded))

        def on_trade(self, trade: vnpy.TradeData) -> None:
            heard.append(("trade", trade.price, self.pos, trade.vt_orderid))

        def on_stop(self) -> None:
            heard.append(("stop", self.trading))

    found = vnpy.run(
        Talks, bars_of([10, 12, 15]), {"volume": 3}, vt_symbol="rb2410.SHFE", size=10, **EXACT
    )
    long, short = vnpy.Direction.LONG, vnpy.Direction.SHORT
    opens, closes = vnpy.Offset.OPEN, vnpy.Offset.CLOSE
    waits, done = vnpy.Status.NOTTRADED, vnpy.Status.ALLTRADED
    assert heard == [
        ("init", False, False, {"volume": 3}),
        ("start", True, False),
        ("bar", time(9, 30), 0, "rb2410.SHFE"),
        (waits, long, opens, 0.0),
        (done, long, opens, 3.0),
        ("trade", 10.0, 3.0, "TICKSTEP.1"),
        ("bar", time(9, 31), 3.0, "rb2410.SHFE"),
        (waits, short, closes, 0.0),
        (done, short, closes, 3.0),
        ("trade", 12.0, 0.0, "TICKSTEP.2"),
        ("bar", time(9, 32), 0.0, "rb2410.SHFE"),
        ("stop", True),
    ]
    assert found.parameters == {"volume": 3}
    assert found.stats["P&L"] == 3 * 2 * 10


def test_vnpy_stop_orders_and_cancels() -> None:
    heard: list[Any] = []

    class Stops(vnpy.CtaTemplate):
        steps = 0

        def on_bar(self, bar: vnpy.BarData) -> None:
            self.steps += 1
            self.cancel_all()
            if self.steps == 1:
                (name,) = self.short(90, 1, stop=True)
                assert name == "STOP.1"
            elif self.steps == 2:
                self.buy(105, 1, stop=True)

        def on_stop_order(self, stop_order: vnpy.StopOrder) -> None:
            heard.append((stop_order.status, stop_order.price, stop_order.vt_orderids))

        def on_trade(self, trade: vnpy.TradeData) -> None:
            heard.append(trade.price)

    vnpy.run(Stops, bars_of([100, 101, 110, 110]), **EXACT)
    waits, fired = vnpy.StopOrderStatus.WAITING, vnpy.StopOrderStatus.TRIGGERED
    assert heard == [
        (waits, 90.0, []),
        (vnpy.StopOrderStatus.CANCELLED, 90.0, []),
        (waits, 105.0, []),
        (fired, 105.0, ["TICKSTEP.2"]),
        105.0,
    ]


def test_vnpy_first_days_are_without_trading() -> None:
    seen: list[Any] = []

    class Warm(vnpy.CtaTemplate):
        def on_init(self) -> None:
            self.load_bar(2)

        def on_bar(self, bar: vnpy.BarData) -> None:
            seen.append((bar.datetime.day, self.trading, self.buy(bar.close_price, 1)))

    vnpy.run(Warm, days_of("2024-01-02", [10, 11, 12]), **EXACT)
    assert seen == [(2, False, []), (3, False, []), (4, True, ["TICKSTEP.1"])]


def test_vnpy_ticks() -> None:
    seen: list[Any] = []

    class EachTick(vnpy.CtaTemplate):
        def on_init(self) -> None:
            self.generator = vnpy.BarGenerator(self.on_bar)

        def on_tick(self, tick: vnpy.TickData) -> None:
            self.generator.update_tick(tick)

        def on_bar(self, bar: vnpy.BarData) -> None:
            seen.append((bar.datetime.time(), bar.open_price, bar.close_price, bar.volume))

    vnpy.run(EachTick, ticks_of([9, 7, 6, 8, 5], step=20_000), **EXACT)
    # The first tick's own volume is not known to a generator that counts from tick to tick.
    assert seen == [(time(9, 30), 9.0, 6.0, 10.0)]
    seen.clear()
    vnpy.run(EachTick, ticks_of([9, 7, 6, 8, 5], step=20_000), every="1m", **EXACT)
    assert seen == [(time(9, 30), 9.0, 6.0, 15.0)]

    class NoTicks(vnpy.CtaTemplate):
        """Acts on bars."""

    with pytest.raises(ts.ConfigError, match="has no on_tick"):
        vnpy.run(NoTicks, ticks_of([9, 7]))


def test_vnpy_target_positions() -> None:
    class Targets(vnpy.TargetPosTemplate):
        steps = 0

        def on_bar(self, bar: vnpy.BarData) -> None:
            super().on_bar(bar)
            self.steps += 1
            self.set_target_pos({1: 2, 2: 2, 3: -1}.get(self.steps, self.target_pos))

    found = vnpy.run(Targets, bars_of([10] * 6), **EXACT)
    assert found.fills["position"].to_list() == [2.0, -1.0]


def test_vnpy_stops_that_cancel_each_other_over_longer_bars() -> None:
    class Breakout(vnpy.CtaTemplate):
        size = 1
        parameters = ["size"]  # noqa: RUF012

        def on_init(self) -> None:
            self.generator = vnpy.BarGenerator(self.on_bar, 5, self.on_longer)
            self.am = vnpy.ArrayManager(20)
            self.waiting: list[str] = []
            self.high = self.low = 0.0
            self.load_bar(1)

        def on_bar(self, bar: vnpy.BarData) -> None:
            self.generator.update_bar(bar)

        def on_longer(self, bar: vnpy.BarData) -> None:
            for name in self.waiting:
                self.cancel_order(name)  # some have ended
            self.am.update_bar(bar)
            if not self.am.inited:
                return
            up, down = self.am.keltner(11, 1.6)
            if self.pos == 0:
                self.high, self.low = bar.high_price, bar.low_price
                self.waiting = self.buy(up, self.size, True) + self.short(down, self.size, True)
            elif self.pos > 0:
                self.high = max(self.high, bar.high_price)
                self.waiting = self.sell(self.high * 0.996, abs(self.pos), stop=True)
            else:
                self.low = min(self.low, bar.low_price)
                self.waiting = self.cover(self.low * 1.004, abs(self.pos), stop=True)

        def on_trade(self, trade: vnpy.TradeData) -> None:
            self.cancel_all()
            self.put_event()

    rng = np.random.default_rng(2)
    bars = bars_of((20_000 + np.cumsum(rng.integers(-30, 31, 4_000))).tolist())
    found = vnpy.run(Breakout, bars, {"size": 2}, **EXACT)
    assert len(found.fills) > 20
    assert set(found.fills["position"].to_list()) <= {-4.0, -2.0, 0.0, 2.0, 4.0}
    # The first day is without trading.
    assert found.fills["time"].to_list()[0] >= datetime(2024, 1, 2, 16)


def test_vnpy_unknown_names() -> None:
    bars = bars_of([10, 11])

    class Fine(vnpy.CtaTemplate):
        fast_window = 5
        parameters = ["fast_window"]  # noqa: RUF012

    class Typo(vnpy.CtaTemplate):
        def on_trades(self, trade: Any) -> None:
            """Never called."""

    class Locks(vnpy.CtaTemplate):
        def on_bar(self, bar: vnpy.BarData) -> None:
            self.buy(bar.close_price, 1, lock=True)

    class Misspelt(vnpy.CtaTemplate):
        def on_bar(self, bar: vnpy.BarData) -> None:
            _ = bar.close

    with pytest.raises(ts.ConfigError, match="no 'fast'.*\n.*'fast_window'"):
        vnpy.run(Fine, bars, {"fast": 3})
    with pytest.raises(ts.ConfigError, match="on_trades would never be called"):
        vnpy.run(Typo, bars)
    with pytest.raises(ts.TickstepError, match="lock=True"):
        vnpy.run(Locks, bars)
    with pytest.raises(ts.TickstepError, match="no 'close'.*\n.*'close_price'"):
        vnpy.run(Misspelt, bars)
    with pytest.raises(ts.ConfigError, match="slippage"):
        vnpy.run(Fine, bars, slippage=1)
    with pytest.raises(ts.ConfigError, match="pricetick"):
        vnpy.run(Fine, bars, pricetick=0.5)
    with pytest.raises(ts.ConfigError, match="no class of CtaTemplate"):
        vnpy.run(Told, bars)  # type: ignore[arg-type]
    with pytest.raises(ts.ConfigError, match="trades one instrument"):
        vnpy.run(Fine, {"A": bars, "B": bars})
    with pytest.raises(ts.ConfigError, match="no 'smma'.*\n.*'sma'"):
        _ = vnpy.ArrayManager().smma


def test_vnpy_longer_bars() -> None:
    def minutes(count: int, start: datetime) -> list[vnpy.BarData]:
        stamp = np.datetime64(start, "m") + np.arange(count)
        return [
            vnpy.BarData("X", "SSE", each, None, 1, 0, 0, row, row + 1, row - 1, row + 0.5)
            for row, each in enumerate(stamp.tolist())
        ]

    seen: list[Any] = []

    def keep(bar: vnpy.BarData) -> None:
        row = (bar.datetime, bar.open_price, bar.high_price, bar.low_price, bar.close_price)
        seen.append((*row, bar.volume))

    generator = vnpy.BarGenerator(keep, 5, keep)
    for bar in minutes(12, datetime(2024, 1, 2, 9, 30)):
        generator.update_bar(bar)
    assert seen == [
        (datetime(2024, 1, 2, 9, 30), 0, 5, -1, 4.5, 5),
        (datetime(2024, 1, 2, 9, 35), 5, 10, 4, 9.5, 5),
    ]
    seen.clear()
    hours = vnpy.BarGenerator(keep, 2, keep, vnpy.Interval.HOUR)
    for bar in [*minutes(90, datetime(2024, 1, 2, 9, 30)), *minutes(1, datetime(2024, 1, 2, 13))]:
        hours.update_bar(bar)
    assert [(each[0], each[-1]) for each in seen] == [(datetime(2024, 1, 2, 9, 0), 90)]
    seen.clear()
    days = vnpy.BarGenerator(keep, 1, keep, vnpy.Interval.DAILY, time(9, 39))
    for bar in [
        *minutes(10, datetime(2024, 1, 2, 9, 30)),
        *minutes(5, datetime(2024, 1, 3, 9, 30)),
    ]:
        days.update_bar(bar)
    assert [(each[0], each[-1]) for each in seen] == [(datetime(2024, 1, 2), 10)]
    with pytest.raises(ts.ConfigError, match="does not divide an hour"):
        vnpy.BarGenerator(keep, 7)
    with pytest.raises(ts.ConfigError, match="need daily_end"):
        vnpy.BarGenerator(keep, 1, keep, vnpy.Interval.DAILY)


def filled(count: int, size: int) -> tuple[vnpy.ArrayManager, dict[str, Any]]:
    rng = np.random.default_rng(5)
    close = 100 + np.cumsum(rng.normal(0, 1, count))
    opened = close + rng.normal(0, 0.5, count)
    high = np.maximum(opened, close) + rng.random(count)
    low = np.minimum(opened, close) - rng.random(count)
    volume = rng.integers(1, 1000, count).astype(float)
    made = vnpy.ArrayManager(size)
    for row in range(count):
        made.update_bar(
            vnpy.BarData(
                "X",
                "SSE",
                datetime(2024, 1, 2),
                volume=volume[row],
                open_price=opened[row],
                high_price=high[row],
                low_price=low[row],
                close_price=close[row],
            )
        )
    columns = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
    return made, {name: each[-size:] for name, each in columns.items()}


def test_vnpy_arrays_by_hand() -> None:
    made, columns = filled(40, 30)
    assert made.inited and made.close.tolist() == columns["close"].tolist()
    close = columns["close"]
    assert made.sma(10) == pytest.approx(close[-10:].mean(), rel=1e-12)
    assert made.std(10) == pytest.approx(close[-10:].std(), rel=1e-9)
    level = close[:10].mean()
    for each in close[10:]:
        level += (each - level) * 2 / 11
    assert made.ema(10) == pytest.approx(level, rel=1e-12)
    up, down = made.boll(10, 2)
    assert (up + down) / 2 == pytest.approx(made.sma(10))
    assert made.donchian(30) == (columns["high"].max(), columns["low"].min())
    assert np.isnan(made.sma(31))
    fresh = vnpy.ArrayManager(30)
    fresh.update_bar(vnpy.BarData("X", "SSE", datetime(2024, 1, 2), close_price=5.0))
    assert (fresh.roc(3), fresh.rocr(3), fresh.ppo(5, 10), fresh.trix(3)) == (0, 0, 100, 0)
    assert fresh.rsi(14) == 100 and fresh.cci(5) > 0 and not fresh.inited
    with pytest.raises(ts.ConfigError, match="a length of 0 bars"):
        made.sma(0)
    with pytest.raises(ts.ConfigError, match="a size of 0 bars"):
        vnpy.ArrayManager(0)


BY_LENGTH = [
    *("sma", "ema", "wma", "kama", "mom", "roc", "rocp", "rocr", "rocr_100", "trix", "rsi", "cmo"),
    *("std", "atr", "natr", "donchian", "plus_dm", "minus_dm", "plus_di", "minus_di", "dx", "adx"),
    *("adxr", "cci", "willr", "aroon", "aroonosc", "mfi"),
]


@pytest.mark.parametrize("length", [5, 14, 20])
@pytest.mark.parametrize("name", BY_LENGTH)
def test_vnpy_arrays_as_talib(name: str, length: int) -> None:
    talib = pytest.importorskip("talib", reason="the oracle is not installed")
    made, columns = filled(170, 150)
    high, low, close = (columns[each] for each in ("high", "low", "close"))
    arguments = {
        "atr": (high, low, close),
        "mfi": (high, low, close, columns["volume"]),
        **dict.fromkeys(("plus_dm", "minus_dm", "aroon", "aroonosc"), (high, low)),
        **dict.fromkeys(
            ("natr", "plus_di", "minus_di", "dx", "adx", "adxr", "cci", "willr"), (high, low, close)
        ),
    }.get(name, (close,))
    theirs = {"std": "STDDEV", "rocr_100": "ROCR100"}.get(name, name.upper())
    if name == "donchian":
        expected = (talib.MAX(high, length), talib.MIN(low, length))
    else:
        expected = getattr(talib, theirs)(*arguments, length)
    if name == "aroon":
        expected = expected[::-1]
    found = getattr(made, name)(length, array=True)
    np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-9, atol=1e-9)


def test_vnpy_arrays_of_several_lengths_as_talib() -> None:
    talib = pytest.importorskip("talib", reason="the oracle is not installed")
    made, columns = filled(170, 150)
    opened, high, low, close = (columns[each] for each in ("open", "high", "low", "close"))
    volume = columns["volume"]
    pairs = [
        (made.boll(20, 2, array=True), talib.BBANDS(close, 20, 2, 2)[::2]),
        (made.apo(5, 20, array=True), talib.APO(close, 5, 20, 0)),
        (made.ppo(5, 20, array=True), talib.PPO(close, 5, 20, 0)),
        (made.macd(12, 26, 9, array=True), talib.MACD(close, 12, 26, 9)),
        (made.trange(array=True), talib.TRANGE(high, low, close)),
        (made.ultosc(array=True), talib.ULTOSC(high, low, close)),
        (made.obv(array=True), talib.OBV(close, volume)),
        (made.ad(array=True), talib.AD(high, low, close, volume)),
        (made.adosc(3, 10, array=True), talib.ADOSC(high, low, close, volume, 3, 10)),
        (made.bop(array=True), talib.BOP(opened, high, low, close)),
        (made.stoch(5, 3, 0, 3, 0, array=True), talib.STOCH(high, low, close, 5, 3, 0, 3, 0)),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-9, atol=1e-9)
    assert made.macd(12, 26, 9)[0] == pairs[3][0][0][-1]


# ---- What they share --------------------------------------------------------------------------------


def test_names_within_a_property_are_told_as_they_are() -> None:
    class Holder(akquant.Strategy):
        @property
        def other(self) -> float:
            return self.get_position("Y")

        def on_bar(self, bar: Any) -> None:
            _ = self.other

    with pytest.raises(ts.TickstepError, match="the run has no 'Y'"):
        tried(Holder, bars_of([10, 11]))


def test_local_time() -> None:
    clock = Clock("America/New_York", "s")
    summer, winter = (clock.moment(date(2024, month, 1), time(9, 30)) for month in (7, 1))
    assert str(np.datetime64(summer, "s")) == "2024-07-01T13:30:00"
    assert str(np.datetime64(winter, "s")) == "2024-01-01T14:30:00"
    assert clock.local(summer) == datetime(2024, 7, 1, 9, 30)
    with pytest.raises(ts.ConfigError, match="is not a time zone"):
        Clock("Mars/Olympus", "s")
    with pytest.raises(ts.ConfigError, match="is not a time of day"):
        time_of_day("noon")
    assert time_of_day("9:30") == time(9, 30)
    assert time_of_day("14:55:30") == time(14, 55, 30)
