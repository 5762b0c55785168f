"""What users do wrong, and what a strategy must not be able to do."""

import dataclasses
import datetime as dt
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import tickstep as ts

PLAIN: dict[str, Any] = {
    "latency": 0,
    "fill": "touch",
    "quantity": "full",
    "spread_bps": 0,
    "maker_fee": 0,
    "taker_fee": 0,
    "alternatives": False,
}


def bars(*closes: int, step: int = 60_000, interval: str = "1m", volume: int = 1000) -> ts.Bars:
    close = np.array(closes or range(100, 108), dtype=np.int64) * 100
    return ts.Bars(
        np.arange(len(close)) * step,
        close,
        close + 50,
        close - 50,
        close,
        np.full(len(close), volume),
        tick_size="0.01",
        lot=1,
        interval=interval,
    )


def ticks(*prices: float) -> ts.Ticks:
    count = len(prices)
    return ts.Ticks.from_arrays(
        np.arange(count) * 1000,
        np.array(prices, float),
        [10.0] * count,
        [0] * count,
        tick_size="0.01",
        lot=1,
    )


def once(act: Callable[[Any], object]) -> type[ts.Strategy]:
    """A strategy that does something after its second bar."""

    class Once(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            if bar.start == 60_000:
                act(self)

    return Once


def told(error: BaseException) -> str:
    """The words of an error of a strategy, without its place."""
    return str(error.__cause__ or error)


# --- The future. ----------------------------------------------------------------------------------


def test_nothing_of_the_history_leads_beyond_now() -> None:
    seen: list[Any] = []

    def look(strategy: ts.Strategy) -> None:
        past = strategy.history()
        for name in ("time", "open", "high", "low", "close", "volume"):
            array = getattr(past, name)
            assert len(array) == 2, name
            while array is not None:
                assert not hasattr(array, "__len__") or len(array) == 2, name
                array = getattr(array, "base", None)
        seen.extend(name for name in dir(past) if not name.startswith("_"))

    ts.backtest(once(look), bars())
    known = ["close", "high", "interval", "line", "low", "open", "sma", "time", "volume"]
    assert seen == known


def test_kept_arrays_do_not_change_when_time_goes_on() -> None:
    kept: list[tuple[Any, Any]] = []

    class Keeps(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            kept.append((self.history().time, self.history().close))

    ts.backtest(Keeps, bars())
    assert [each[0].tolist() for each in kept] == [
        [60_000 * row for row in range(count)] for count in range(1, 9)
    ]
    assert [each[1].tolist() for each in kept] == [
        [100.0 + row for row in range(count)] for count in range(1, 9)
    ]
    with pytest.raises(ValueError, match="read-only"):
        kept[0][0][0] = 5


def test_a_line_is_walked_through_from_the_oldest_value() -> None:
    seen: list[Any] = []
    ts.backtest(once(lambda strategy: seen.append(list(strategy.sma(1)))), bars())
    assert seen == [[100.0, 101.0]]


# --- Loops without an end. ------------------------------------------------------------------------


@pytest.mark.parametrize("latency", [0, 1])
def test_amending_whenever_one_hears_of_it_ends(
    latency: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickstep.session.ORDERS_AT_ONCE_MAX", 1000)

    class Amends(ts.Strategy):
        total = 1

        def on_start(self) -> None:
            self.buy(1, limit=50)

        def on_order(self, update: ts.OrderUpdate) -> None:
            self.total += 1
            self.amend(update.order_id, qty=self.total)

    with pytest.raises(ts.StrategyError) as caught:
        ts.backtest(Amends, ticks(100, 101, 102), **{**PLAIN, "latency": latency})
    assert "more than 1,000 orders and amendments" in told(caught.value)


# --- Orders that are none. ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda s: s.order(None), "None is no order"),
        (lambda s: s.order({"side": "BUY"}), "is no order"),
        (lambda s: s.oco(1, 2), "1 is no order"),
        (lambda s: s.oco([ts.Order("LIMIT", "BUY", 1, price=90)]), "is no order"),
        (lambda s: s.cancel(None), "None is not the id of an order"),
        (lambda s: s.cancel("1"), "'1' is not the id of an order"),
        (lambda s: s.amend(None, qty=1), "None is not the id of an order"),
        (
            lambda s: s.bracket("BUY", 1, take_profit=110.001),
            "take_profit: 110.001 is not a multiple",
        ),
        (lambda s: s.bracket("BUY", 1, stop_loss=float("nan")), "stop_loss: NaN is not a finite"),
        (lambda s: s.bracket("BUY", 1, take_profit="x"), 'take_profit: "x" is not a decimal'),
        (lambda s: s.bracket("BUY", 1, take_profit=99, stop_loss=99), "is not above stop_loss"),
        (lambda s: s.sessions("SSE"), "'SSE' is no calendar"),
        (lambda s: s.alert_price("x"), 'price: "x" is not a decimal'),
        (lambda s: s.line(5), "5 cannot be called"),
        (lambda s: s.line(lambda bars: ["a"] * len(bars)), "no floats"),
    ],
)
def test_a_wrong_argument_is_named_where_it_is_given(
    act: Callable[[ts.Strategy], object], words: str
) -> None:
    with pytest.raises(ts.StrategyError) as caught:
        ts.backtest(once(act), bars())
    assert isinstance(caught.value.__cause__, ts.TickstepError)
    assert words in told(caught.value)
    assert caught.value.event == "on_bar"


@pytest.mark.parametrize("interval", ["30s", "90s"])
def test_bars_are_no_multiple_of_shorter_ones(interval: str) -> None:
    class Asks(ts.Strategy):
        def on_start(self) -> None:
            self.every(interval)

    with pytest.raises(ts.StrategyError, match=f"bars of {interval} cannot be made of bars of 1m"):
        ts.backtest(Asks, bars())


# --- Targets. -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cash", "fraction", "held"),
    [
        (100, 0.29, 29),
        (100, "0.29", 29),
        (100, Decimal("0.57"), 57),
        (300, 1 / 3, 100),
        (300, Decimal(1) / 3, 100),
        (100, -0.29, -29),
        (100, 0.2899, 28),
    ],
)
@pytest.mark.parametrize("verb", ["target_percent", "rebalance"])
def test_a_share_of_the_equity_loses_no_lot_to_floats(
    verb: str, cash: int, fraction: Any, held: int
) -> None:
    acts = {
        "target_percent": lambda s: s.target_percent(None, fraction),
        "rebalance": lambda s: s.rebalance({"ASSET": fraction}),
    }
    result = ts.backtest(once(acts[verb]), bars(1, 1, 1, 1), cash=cash, **PLAIN)
    assert result.stats["Position"] == held


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "half", None, True, [1]])
@pytest.mark.parametrize("verb", ["target_value", "target_percent", "rebalance"])
def test_a_target_that_is_no_number_is_named(verb: str, value: Any) -> None:
    acts = {
        "target_value": lambda s: s.target_value(None, value),
        "target_percent": lambda s: s.target_percent(None, value),
        "rebalance": lambda s: s.rebalance({"ASSET": value}),
    }
    with pytest.raises(ts.StrategyError) as caught:
        ts.backtest(once(acts[verb]), bars())
    assert isinstance(caught.value.__cause__, ts.OrderError)
    assert repr(value) in told(caught.value)


@pytest.mark.parametrize(
    "weights", [None, [("ASSET", 1)], {None: 0.5, "ASSET": 0.2}, {"X": 1}, {3: 1}]
)
def test_weights_are_a_mapping_of_symbols(weights: Any) -> None:
    with pytest.raises(ts.StrategyError) as caught:
        ts.backtest(once(lambda s: s.rebalance(weights)), bars())
    assert isinstance(caught.value.__cause__, ts.OrderError)


def test_a_target_too_large_to_count_is_named() -> None:
    with pytest.raises(ts.StrategyError, match=r"1E\+30"):
        ts.backtest(once(lambda s: s.target_value(None, 1e30)), bars())


@pytest.mark.parametrize("verb", ["target_percent", "target_value", "rebalance"])
def test_a_cash_account_buys_what_its_cash_pays_for(verb: str) -> None:
    acts = {
        "target_percent": lambda s: s.target_percent(None, 1),
        "target_value": lambda s: s.target_value(None, 100),
        "rebalance": lambda s: s.rebalance({"ASSET": 1}),
    }
    rules = {**PLAIN, "account": "cash", "taker_fee": "0.001"}
    result = ts.backtest(once(acts[verb]), bars(1, 1, 1, 1), cash=100, **rules)
    # A lot costs 1.00, the fee, and up to a tick of spread.
    assert result.stats["Position"] == 98
    assert result.stats["Refused"] == 0


# --- Strategies of odd shapes. --------------------------------------------------------------------


def test_lists_of_a_class_are_not_shared_between_runs() -> None:
    class Counts(ts.Strategy):
        seen: list[int] = []  # noqa: RUF012
        by_symbol: dict[str, list[int]] = {"ASSET": []}  # noqa: RUF012

        def __init__(self) -> None:
            assert self.seen == []

        def on_bar(self, bar: ts.Bar) -> None:
            self.seen.append(1)
            self.by_symbol["ASSET"].append(1)
            if len(self.seen) == len(self.by_symbol["ASSET"]) <= 3:
                self.buy(1, limit=bar.close)

    first, second = (ts.backtest(Counts, bars()) for _ in range(2))
    assert first.stats["Orders"] == second.stats["Orders"] == 3
    assert first.digest == second.digest
    assert Counts.seen == []


def test_a_list_of_a_class_is_no_parameter_and_says_so() -> None:
    class Lists(ts.Strategy):
        fast = 5
        lengths = [5, 10]  # noqa: RUF012

    with pytest.raises(ts.ConfigError, match="lengths is a list") as caught:
        Lists(lengths=[3])
    assert "tuple" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("position", 5), ("close", 1.5), ("symbols", ["A"]), ("on_bar", None)]
)
def test_an_attribute_named_like_something_of_a_strategy_is_refused(name: str, value: Any) -> None:
    kind = type("Shadows", (ts.Strategy,), {name: value})
    with pytest.raises(ts.ConfigError, match=rf"Shadows\.{name}"):
        ts.backtest(kind, bars())


def test_what_a_strategy_keeps_under_a_verbs_name_harms_no_other_verb() -> None:
    class Keeps(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            kept: Any = self
            kept.target = bar.close + 5
            kept.order = kept.history = kept.price_of = None
            if bar.start == 60_000:
                self.buy(2)
            elif bar.start == 180_000:
                self.close()
                self.alert_price(200)

    result = ts.backtest(Keeps, bars(), **PLAIN)
    assert result.fills["side"].to_list() == ["BUY", "SELL"]


def test_a_verb_may_be_extended() -> None:
    class Doubles(ts.Strategy):
        def buy(self, qty: Any, **options: Any) -> int:
            return super().buy(2 * qty, **options)

    class Extends(Doubles):
        def on_start(self) -> None:
            self.buy(3)

    assert ts.backtest(Extends, bars(), **PLAIN).stats["Position"] == 6


def test_a_frozen_dataclass_runs() -> None:
    @dataclasses.dataclass(frozen=True)
    class Frozen(ts.Strategy):
        size: int = 2

        def on_bar(self, bar: ts.Bar) -> None:
            self.target(None, self.size)

    assert ts.backtest(Frozen(size=3), bars(), **PLAIN).stats["Position"] == 3


async def _sleeps(self: ts.Strategy, bar: ts.Bar) -> None:
    self.buy(1)


def _yields(self: ts.Strategy, bar: ts.Bar) -> Any:
    yield self.buy(1)


@pytest.mark.parametrize(
    ("event", "method", "words"),
    [
        ("on_bar", _sleeps, "async"),
        ("on_bar", _yields, "generator"),
        ("on_bar", lambda self: None, "takes"),
        ("on_bar", lambda self, bar, more: None, "takes"),
        ("on_start", lambda self, bar: None, "takes"),
        ("on_fill", 5, "on_fill"),
    ],
)
def test_an_event_that_cannot_be_called_is_found_before_the_run(
    event: str, method: Any, words: str
) -> None:
    kind = type("Odd", (ts.Strategy,), {event: method})
    with pytest.raises(ts.ConfigError, match=words):
        ts.backtest(kind, bars())


@pytest.mark.parametrize("event", ["on_start", "on_bar", "on_fill", "on_order", "on_stop"])
def test_an_event_by_any_other_name_fails_with_its_place(event: str) -> None:
    def helper(self: ts.Strategy, *told: Any) -> None:
        raise ValueError("wrong")

    methods: dict[str, Any] = {"on_bar": lambda self, bar: self.target(None, 1), event: helper}
    with pytest.raises(ts.StrategyError, match="wrong") as caught:
        ts.backtest(type("Aliases", (ts.Strategy,), methods), bars())
    assert caught.value.event == event
    assert (caught.value.result is None) == (event == "on_start")


def test_an_iterator_that_ends_is_the_strategys_error() -> None:
    class Ends(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            next(iter(()))

    with pytest.raises(ts.StrategyError, match="StopIteration in Ends.on_bar"):
        ts.backtest(Ends, bars())


@pytest.mark.parametrize("event", ["on_bar", "on_bars"])
def test_bars_that_nobody_asked_for_over_ticks_are_an_error(event: str) -> None:
    kind = type("Waits", (ts.Strategy,), {event: lambda self, told: None})
    with pytest.raises(ts.ConfigError, match=rf"Waits\.{event} would never be called") as caught:
        ts.backtest(kind, ticks(100, 101))
    assert 'self.every("1m")' in str(caught.value)


def test_bars_asked_for_later_over_ticks_are_told() -> None:
    seen: list[Any] = []

    class Later(ts.Strategy):
        def on_start(self) -> None:
            self.at(1500)

        def on_timer(self, time: int) -> None:
            self.every("1s")

        def on_bar(self, bar: ts.Bar) -> None:
            seen.append((bar.start, bar.close, self.history().close.tolist()))

    ts.backtest(Later, ticks(100, 101, 102, 103, 104))
    assert seen == [(2000, 102, [100, 101, 102]), (3000, 103, [100, 101, 102, 103])]


# --- Arguments of a run. --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"data": None}, ts.DataError, "None is neither Ticks nor Bars"),
        ({"data": 5}, ts.DataError, "5 is neither Ticks nor Bars"),
        ({"data": "trades.csv"}, ts.DataError, "'trades.csv' is neither Ticks nor Bars"),
        ({"data": np.zeros(3)}, ts.DataError, "array([0., 0., 0.])"),
        ({"config": {"cash": 1}}, ts.ConfigError, "is no EngineConfig"),
        ({"parameters": [1]}, ts.ConfigError, "parameters"),
        ({"alternatives": "no"}, ts.ConfigError, "alternatives"),
        ({"skip_scan": 1}, ts.ConfigError, "skip_scan"),
        ({"progress": 5}, ts.ConfigError, "progress"),
        ({"maker_fee": None}, ts.ConfigError, "maker_fee"),
        ({"spread_bps": None}, ts.ConfigError, "spread_bps"),
        ({"initial_cash": 5}, ts.ConfigError, "cash="),
        ({"tick_size": 1}, ts.ConfigError, "data"),
    ],
)
def test_a_wrong_argument_of_a_run_is_named(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    given: dict[str, Any] = {"data": bars(), **arguments}
    with pytest.raises(error) as caught:
        ts.backtest(once(lambda s: s.buy(1)), given.pop("data"), **given)
    assert words in str(caught.value)


# --- What did not trade. --------------------------------------------------------------------------


def test_a_run_without_orders_says_so() -> None:
    assert "no order was given" in ts.backtest(ts.Strategy, bars()).warnings


def test_a_run_whose_orders_never_trade_says_why() -> None:
    refused = ts.backtest(once(lambda s: s.buy(1)), bars(), qty_step=3)
    assert refused.warnings == ("none of 1 orders traded: 1 rejected (BOARD_LOT)",)
    thin = ts.backtest(once(lambda s: s.buy(1)), bars(volume=5))
    assert thin.warnings[0].startswith("none of 1 orders traded: 1 open at the end")
    assert ts.backtest(once(lambda s: s.buy(1)), bars()).warnings == ()


def test_a_portfolio_in_a_cash_account_goes_on_buying_what_a_bar_has_no_room_for() -> None:
    class Half(ts.Strategy):
        def on_bars(self, bars: dict[str, ts.Bar]) -> None:
            self.rebalance({"A": 0.5, "B": 0.5})

    class Whole(ts.Strategy):
        def on_bars(self, bars: dict[str, ts.Bar]) -> None:
            self.target_percent("A", 1)

    two = {"A": bars(*[100] * 8), "B": bars(*[50] * 8)}
    rules = {**PLAIN, "account": "cash", "latency": 1, "quantity": "volume", "participation": "0.1"}
    result = ts.backtest(Half, two, cash=1_000_000, **rules)
    assert result.fills["qty"].to_list() == [100.0] * 14
    assert result.stats["Refused"] == 0
    result = ts.backtest(Whole, two, cash=1_000_000, **rules)
    assert result.fills["qty"].to_list() == [100.0] * 7
    assert result.stats["Refused"] == 0


def test_a_waiting_buy_of_a_cash_account_is_made_smaller_or_turned_around() -> None:
    class Less(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            self.target(None, {0: 500, 60_000: 150}.get(bar.start, 20))

    rules = {**PLAIN, "account": "cash", "quantity": "volume", "participation": "0.1"}
    result = ts.backtest(Less, bars(*[100] * 8), cash=100_000, **rules)
    traded = list(zip(result.fills["side"], result.fills["qty"], strict=True))
    assert traded == [("BUY", 100), ("BUY", 50), ("SELL", 100), ("SELL", 30)]


def test_orders_that_cash_no_longer_pays_for_are_told_of() -> None:
    class All(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            self.target_percent(None, 1)

    result = ts.backtest(All, bars(), cash=10_000, **{**PLAIN, "account": "cash"})
    assert len(result.fills) == 1
    short = ts.backtest(
        All, bars(), cash=10_000, **{**PLAIN, "account": "cash", "taker_fee": "0.001"}
    )
    assert short.fills["price"].to_list() == [104.0]
    assert short.warnings[0].startswith("3 orders were cancelled for want of cash")


def test_equal_parts_of_what_is_listed() -> None:
    late = bars(100, 101, 102, 103, 104)
    late = ts.Bars(
        late.time + 120_000,
        late.open_ticks,
        late.high_ticks,
        late.low_ticks,
        late.close_ticks,
        late.volume_lots,
        tick_size="0.01",
        lot=1,
        interval="1m",
    )
    portfolio = ts.Portfolio(period=None)
    result = ts.backtest(portfolio, {"A": bars(), "B": late}, cash=10_000, **PLAIN)
    first = result.fills.row(0, named=True)
    assert (first["symbol"], first["qty"]) == ("A", 100)
    assert set(result.fills["symbol"]) == {"A", "B"}


def test_a_team_has_no_teams_in_it() -> None:
    with pytest.raises(ts.ConfigError, match="several strategies inside several"):
        nested: Any = [[ts.Strategy, ts.Strategy], ts.Strategy]
        ts.backtest(nested, bars())


@pytest.mark.parametrize("reserve", [1, -0.1, 2, "x", float("nan"), None])
def test_a_reserve_is_a_share(reserve: Any) -> None:
    with pytest.raises(ts.ConfigError, match="reserve"):
        ts.Portfolio(reserve=reserve)


def test_a_calendar_of_a_portfolio_is_one() -> None:
    calendar: Any = "SSE"
    with pytest.raises(ts.ConfigError, match="'SSE' is no calendar"):
        ts.Portfolio(calendar=calendar)


@pytest.mark.parametrize("weights", [[0.5], {"ASSET": "x"}, {"ASSET": float("nan")}, 0.5])
@pytest.mark.parametrize("reserve", [0, "0.1"])
def test_weights_of_a_portfolio_are_checked(weights: Any, reserve: Any) -> None:
    class Says(ts.Portfolio):
        def weights(self, bars: dict[str, ts.Bar]) -> Any:
            return weights

    with pytest.raises(ts.StrategyError) as caught:
        ts.backtest(Says(reserve=reserve), bars())
    assert isinstance(caught.value.__cause__, ts.OrderError)


@pytest.mark.parametrize("row", [("2024-01-02", "A", 1), (dt.date(2024, 1, 2), "A", "0.5")])
def test_rows_of_holdings_have_dates_and_numbers(row: Any) -> None:
    with pytest.raises(ts.DataError, match="A"):
        ts.Holdings.of_rows([row])


@pytest.mark.parametrize("holdings", [None, "holdings.csv", [(1, 2, 3)]])
def test_holdings_are_read_first(holdings: Any) -> None:
    with pytest.raises(ts.ConfigError, match="read_holdings"):
        ts.HoldWeights(holdings)


async def _async_rule(desk: Any, bar: Any) -> None: ...


def _generator_rule(desk: Any, bar: Any) -> Any:
    yield desk.buy(1)


@pytest.mark.parametrize("rule", [_async_rule, _generator_rule])
def test_a_rule_that_does_nothing_when_called_is_refused(rule: Any) -> None:
    with pytest.raises(ts.ConfigError, match=rule.__name__):
        ts.backtest(rule, bars())


def test_a_class_whose_objects_cannot_be_copied_is_made_anew() -> None:
    class Locks(ts.Strategy):
        def __init__(self) -> None:
            self.lock = threading.Lock()

        def on_bar(self, bar: ts.Bar) -> None:
            if bar.start == 0:
                self.buy(1, limit=bar.close)

    assert "touch" in ts.backtest(Locks, bars()).alternatives
    beside = ts.backtest(Locks(), bars())
    assert not beside.alternatives
    assert any("cannot be copied" in each for each in beside.warnings)


def test_orders_that_come_inside_a_bar_are_said_to_trade_at_its_open() -> None:
    rise = bars(100, 101, 110)
    inside = ts.backtest(once(lambda s: s.buy(1)), rise, **{**PLAIN, "latency": "30s"})
    assert inside.fills["price"].to_list() == [110.0]
    told = "what becomes live inside a bar trades at the price before: that of its open"
    assert told in inside.assumptions
    assert told not in ts.backtest(once(lambda s: s.buy(1)), rise).assumptions


def test_groups_of_an_attribution_are_a_mapping() -> None:
    result = ts.backtest(once(lambda s: s.buy(1)), bars())
    groups: Any = "sector"
    with pytest.raises(ts.ConfigError, match="groups"):
        result.attribution(groups)
