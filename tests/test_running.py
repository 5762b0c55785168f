"""Runs that are stopped, looked at, saved, loaded and forked: none of it changes what comes after."""

from __future__ import annotations

import pickle
import random
import signal
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import tickstep as ts
from tickstep.account import Account
from tickstep.demo import sample

MINUTE = 60_000


class Busy(ts.Strategy):
    """Does a bit of everything, by dice that it keeps."""

    seed = 1
    size = 2
    interval: ClassVar[list[str]] = []
    asks: ClassVar[list[str]] = []

    def on_start(self) -> None:
        self.dice = random.Random(self.seed)
        self.seen: list[Any] = []
        self.kept: list[ts.Bar] = []
        for interval in self.asks:
            self.every(interval)
        self.lines = [
            self.sma(length, symbol, interval)
            for symbol in self.symbols
            for interval in self.kept_intervals()
            for length in (2, 5)
        ]
        self.highest = self.line(_highest, self.symbols[0], self.kept_intervals()[0])
        self.at(self.now + 7 * MINUTE)

    def kept_intervals(self) -> list[str]:
        return self.asks or ["1m"]

    def on_bar(self, bar: ts.Bar) -> None:
        self.kept = [*self.kept[-3:], bar]
        told = [line.value for line in self.lines if line.value == line.value]
        history = self.history(bar.symbol, bar.interval)
        highest = self.highest.value
        self.seen.append((self.now, repr(bar), told, len(history), highest, self.kept[0].close))
        self.act(bar.symbol, bar.close)

    def act(self, symbol: str, price: float) -> None:
        draw, qty = self.dice.randrange(12), self.dice.randint(1, self.size)
        price = round(price)
        if draw == 0:
            self.buy(qty, symbol=symbol)
        elif draw == 1:
            self.sell(qty, symbol=symbol)
        elif draw == 2:
            self.buy(qty, symbol=symbol, limit=max(1, price - self.dice.randint(0, 6)))
        elif draw == 3:
            self.sell(qty, symbol=symbol, stop=max(1, price - self.dice.randint(1, 6)))
        elif draw == 4:
            self.bracket(
                "BUY", qty, symbol=symbol, take_profit=price + 4, stop_loss=max(1, price - 4)
            )
        elif draw == 5:
            self.target(symbol, self.dice.randint(-self.size, self.size))
        elif draw == 6:
            weights = {each: self.dice.randint(0, 3) / 10 for each in self.symbols}
            if all(self.price_of(each) is not None for each in self.symbols):
                self.rebalance(weights)
        elif draw == 7 and self.open_orders:
            self.cancel(self.dice.choice(self.open_orders).order_id)
        elif draw == 8 and self.open_orders:
            order = self.dice.choice(self.open_orders)
            self.amend(order.order_id, qty=qty)
        elif draw == 9:
            self.alert_price(price + self.dice.choice([-3, 3]), symbol=symbol)
        elif draw == 10:
            self.at(self.now + self.dice.randint(1, 9) * MINUTE // 2)

    def on_alert(self, alert: ts.Alert) -> None:
        self.seen.append(alert)
        self.buy(1, symbol=alert.symbol)

    def on_timer(self, time: int) -> None:
        self.seen.append((time, self.now, self.equity, self.positions))

    def on_stop(self) -> None:
        self.seen.append("stopped")


class Hears(Busy):
    def on_fill(self, fill: ts.Fill) -> None:
        self.seen.append(fill)

    def on_order(self, update: ts.OrderUpdate) -> None:
        self.seen.append(update)


class HearsRisk(Hears):
    def on_risk(self, breach: ts.Breach) -> None:
        self.seen.append(breach)


class Together(Busy):
    def on_bars(self, bars: dict[str, ts.Bar]) -> None:
        self.seen.append((self.now, sorted(bars)))


class OnlyTogether(ts.Strategy):
    def on_bars(self, bars: dict[str, ts.Bar]) -> None:
        symbol = min(bars, key=lambda each: bars[each].close)
        self.rebalance({symbol: 0.5})


class Longer(Busy):
    asks: ClassVar[list[str]] = ["1m", "5m", "17m"]


class OnlyLonger(Busy):
    asks: ClassVar[list[str]] = ["5m"]


class OverTicks(Busy):
    asks: ClassVar[list[str]] = ["1m", "3m"]


class EveryTick(OverTicks):
    last: ts.Tick | None

    def on_start(self) -> None:
        super().on_start()
        self.last = None

    def on_tick(self, tick: ts.Tick) -> None:
        if self.last is not None:
            # What it holds of ticks is as good in a copy.
            self.seen.append((self.last.symbol, self.last.price, self.last.qty))
        self.last = tick
        if self.dice.random() < 0.1:
            self.act(self.symbols[self.dice.randrange(len(self.symbols))], 100.0)


class ByDays(ts.Strategy):
    """Trades when days begin and end, and looks at what it saw then."""

    def on_start(self) -> None:
        self.sessions(ts.calendar("SSE", time_unit="ms"))
        self.seen: list[Any] = []

    def on_session(self, session: ts.SessionUpdate) -> None:
        self.seen.append((session, self.now, self.equity))
        self.target(None, 3 if session.is_open else 0)


class EveryTickHears(EveryTick, Hears):
    pass


def _highest(bars: ts.Bars) -> Any:
    return np.maximum.accumulate(bars.high)


def rule(desk: ts.Strategy, bar: ts.Bar, *, size: int = 1) -> None:
    desk.target(None, size if desk.sma(3) > bar.close else -size)


def bars_of(seed: int, count: int = 90, symbol: str | None = None) -> ts.Bars:
    rng = np.random.default_rng(seed)
    close = 100 + rng.integers(-4, 5, count).cumsum() % 40
    start = np.concatenate([[100], close[:-1]]) + rng.integers(-1, 2, count)
    # Minutes without a trade, so that longer bars end late.
    time = np.sort(rng.choice(count * 2, count, replace=False)) * MINUTE
    low, high = np.minimum(start, close), np.maximum(start, close)
    return ts.Bars(
        time,
        start,
        high + rng.integers(0, 3, count),
        low - rng.integers(0, 3, count),
        close,
        rng.integers(5, 200, count),
        tick_size=1,
        lot=1,
        interval="1m",
        symbol=symbol,
    )


def ticks_of(seed: int, count: int = 500, symbol: str | None = None) -> ts.Ticks:
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, 40 * MINUTE, count) // 500 * 500)
    price = 100 + rng.integers(-2, 3, count).cumsum() % 30
    qty = rng.integers(1, 9, count)
    side = rng.integers(0, 2, count).astype(np.uint8)
    return ts.Ticks(time, price, qty, side, tick_size=1, lot=1, symbol=symbol)


def days_of(seed: int) -> ts.Ticks:
    rng = np.random.default_rng(seed)
    start = 1_704_067_200_000  # the first of January 2024
    time = np.sort(rng.integers(start, start + 20 * 86_400_000, 400))
    price = 100 + rng.integers(-2, 3, 400).cumsum() % 30
    side = rng.integers(0, 2, 400).astype(np.uint8)
    return ts.Ticks(time, price, np.full(400, 5), side, tick_size=1, lot=1)


def day_bars(seed: int) -> ts.Bars:
    close = 100 + np.random.default_rng(seed).integers(-4, 5, 120).cumsum() % 40
    high, low, qty = close + 2, close - 2, np.full(120, 10_000)
    time = np.arange(120) * 86_400_000
    return ts.Bars(time, close, high, low, close, qty, tick_size=1, lot=1, interval="1d")


RISK = ts.RiskManager(
    max_daily_loss=300, max_drawdown=0.2, max_leverage=2, max_position=6, max_orders=(4, "3m")
)
FLAT = ts.RiskManager(max_drawdown=0.01, on_breach="flatten", price_band="0.03")
LOOSE: dict[str, Any] = {"latency": 0, "fill": "touch", "quantity": "full"}
TWO_BARS = {"A": bars_of(1), "B": bars_of(2, 70)}
TWO_TICKS = {"A": ticks_of(3), "B": ticks_of(4, 300)}
CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "bars": (Busy, bars_of(5), {}),
    "bars, loose": (Hears, bars_of(6), LOOSE),
    "bars at their close": (Hears, bars_of(7), {"bar_fill": "close"}),
    "bars on a path": (Hears, bars_of(8), {"bar_fill": "path", **LOOSE}),
    "longer bars": (Longer, bars_of(9), LOOSE),
    "longer bars at their close": (Longer, bars_of(10), {"bar_fill": "close"}),
    "longer bars on a path": (Longer, bars_of(11), {"bar_fill": "path"}),
    "only longer bars": (OnlyLonger, bars_of(12), LOOSE),
    "two of bars": (Busy, TWO_BARS, LOOSE),
    "two of bars together": (Together, TWO_BARS, {}),
    "two of bars, only together": (OnlyTogether, TWO_BARS, LOOSE),
    "two of longer bars": (Longer, TWO_BARS, LOOSE),
    "bars and ticks": (OverTicks, {"A": bars_of(13), "B": ticks_of(14)}, LOOSE),
    "ticks": (OverTicks, ticks_of(15), {}),
    "ticks, loose": (type("HearsTicks", (OverTicks, Hears), {}), ticks_of(16), LOOSE),
    "two of ticks": (OverTicks, TWO_TICKS, LOOSE),
    "every tick": (EveryTick, ticks_of(17), {}),
    "every tick heard": (EveryTickHears, ticks_of(18), LOOSE),
    "every tick of two": (EveryTick, TWO_TICKS, {}),
    "ticks one by one": (OverTicks, ticks_of(19), {"skip_scan": False, **LOOSE}),
    "latency": (OverTicks, ticks_of(20), {"latency": 4_000}),
    "limits": (HearsRisk, bars_of(21), {"risk": RISK, "cash": 900}),
    "limits over two": (HearsRisk, TWO_BARS, {"risk": RISK, "cash": 900, **LOOSE}),
    "limits that flatten": (Busy, bars_of(22), {"risk": FLAT, "cash": 900, **LOOSE}),
    "limits over ticks": (OverTicks, TWO_TICKS, {"risk": RISK, "cash": 900, **LOOSE}),
    "limits over every tick": (EveryTick, TWO_TICKS, {"risk": RISK, "cash": 900}),
    "cash account": (Busy, TWO_BARS, {"account": "cash", "cash": 3_000, **LOOSE}),
    "function": (rule, bars_of(23), LOOSE),
    "ticks beside bars": (
        Longer,
        {"A": TWO_TICKS["A"].candles("1m"), "B": TWO_TICKS["B"].candles("1m")},
        {"ticks": TWO_TICKS, **LOOSE},
    ),
    "by days": (ByDays, days_of(25), LOOSE),
    "weights": (
        ts.Portfolio,
        {"A": day_bars(26), "B": day_bars(27)},
        {"parameters": {"period": "week"}, "cash": 20_000, "account": "cash", **LOOSE},
    ),
    "within longer data": (Longer, bars_of(24), {"warmup": 20, **LOOSE}),
    "ticks within longer data": (OverTicks, TWO_TICKS, {"start": 7 * MINUTE + 1, **LOOSE}),
}
HearsTicks = CASES["ticks, loose"][0]  # where a pickle finds it
TEAMS: dict[str, tuple[Any, Any, Any]] = {
    "team": (TWO_BARS, {}, lambda: [Busy(seed=3), Longer(seed=4), OnlyTogether()]),
    "team over ticks": (TWO_TICKS, LOOSE, lambda: [OverTicks(seed=5), EveryTick(seed=6)]),
}
NAMES = [*CASES, *TEAMS]


def made(name: str) -> ts.Run:
    settings: dict[str, Any]
    if name in TEAMS:
        data, settings, strategies = TEAMS[name]
        return ts.Run(strategies(), data, **settings, alternatives=False)
    strategy, data, settings = CASES[name]
    return ts.Run(strategy, data, **settings, alternatives=False)


def data_of(name: str) -> Any:
    return TEAMS[name][0] if name in TEAMS else CASES[name][1]


def ticks_beside(name: str) -> Any:
    return None if name in TEAMS else CASES[name][2].get("ticks")


def cuts_of(name: str, count: int, seed: int) -> list[int]:
    """Random times, those of rows among them."""
    data = data_of(name)
    parts = list(data.values()) if isinstance(data, dict) else [data]
    times = np.concatenate([each.time for each in parts])
    rng = np.random.default_rng(seed)
    moments = rng.choice(times, count) + rng.choice([0, 0, 1, MINUTE - 1, MINUTE // 2], count)
    return sorted(moments.tolist())


def seen_by(run: ts.Run) -> list[Any]:
    # As text: what is not known yet is NaN, which equals nothing.
    return [repr(getattr(each, "seen", None)) for each in run.strategy._members()]


def assert_money_adds_up(run: ts.Run) -> None:
    """What the engine says of the account is what follows from the events so far."""
    if run.rows_done:
        account: Account = run.result().account
        assert account.final_units == run.snapshot(account.config.symbols[0]).equity_units


@pytest.fixture(scope="module")
def whole() -> dict[str, tuple[str, list[Any]]]:
    """Digest and diary of each case, uncut."""
    found = {}
    for name in NAMES:
        run = made(name)
        result = run.finish()
        assert len(result.events) > 20, name
        found[name] = (result.digest, seen_by(run))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_backtest_says_the_same(name: str, whole: Any) -> None:
    if name in TEAMS:
        data, settings, strategies = TEAMS[name]
        result = ts.backtest(strategies(), data, **settings, alternatives=False)
    else:
        strategy, data, settings = CASES[name]
        result = ts.backtest(strategy, data, **settings, alternatives=False)
    assert result.digest == whole[name][0]


@pytest.mark.parametrize("name", NAMES)
def test_advance_in_pieces(name: str, whole: Any) -> None:
    run = made(name)
    for cut in cuts_of(name, 25, 1):
        run.advance(until=cut)
        assert run.rows_done == 0 or run.time < cut
        assert_money_adds_up(run)
    assert run.finish().digest == whole[name][0]
    assert seen_by(run) == whole[name][1]


@pytest.mark.parametrize("name", NAMES)
def test_saved_at_every_cut(name: str, whole: Any, tmp_path: Path) -> None:
    run = made(name)
    for cut in cuts_of(name, 12, 2):
        file = run.advance(until=cut).save(tmp_path / "run")
        other = ts.Run.load(file, data_of(name), ticks_beside(name))
        assert (other.time, other.rows_done) == (run.time, run.rows_done)
        assert_money_adds_up(other)
        # The one that goes on is the one that was read back.
        run, old = other, run
    assert run.finish().digest == whole[name][0] == old.finish().digest
    assert seen_by(run) == whole[name][1] == seen_by(old)


@pytest.mark.parametrize("name", NAMES)
def test_forked_at_every_cut(name: str, whole: Any) -> None:
    run = made(name)
    forks = []
    for cut in cuts_of(name, 8, 3):
        forks.append(run.advance(until=cut).fork())
    for each in (forks[0], run, *forks[1:]):
        assert each.finish().digest == whole[name][0]
        assert seen_by(each) == whole[name][1]


class Changes(Busy):
    """Takes another size at a time, by itself."""

    when = 0

    def on_bar(self, bar: ts.Bar) -> None:
        if self.when and self.now >= self.when:
            self.size = 7
        super().on_bar(bar)


def test_other_parameters_from_a_time_on() -> None:
    data = bars_of(31, 200)
    when = int(data.time[120])
    run = ts.Run(Changes, data, **LOOSE).advance(until=when)
    other = run.fork(size=7)
    expected = ts.backtest(Changes, data, parameters={"when": when}, **LOOSE)
    result = other.finish()
    assert result.event_digest == expected.event_digest
    assert result.parameters["size"] == 7
    assert f"parameters were changed at the time {run.time}: size=7" in result.assumptions
    assert not result.alternatives
    unchanged = run.finish()
    assert unchanged.digest == ts.backtest(Changes, data, **LOOSE).digest
    assert unchanged.event_digest != result.event_digest


def test_parameters_of_a_function_and_of_a_team() -> None:
    run = ts.Run(rule, bars_of(32), **LOOSE).advance(until=MINUTE * 60)
    twice = run.fork(size=2).finish().fills["position"].abs().max()
    assert (run.finish().fills["position"].abs().max(), twice) == (1, 2)
    team = ts.Run([Busy(), Longer()], bars_of(33)).advance(until=MINUTE * 60)
    longer = team.fork(**{"Longer.size": 9}).strategy._members()[1]
    assert isinstance(longer, Longer)
    assert longer.size == 9
    with pytest.raises(ts.ConfigError, match="no parameter 'Longer.sise'|no parameter 'sise'"):
        team.fork(**{"Longer.sise": 9})
    with pytest.raises(ts.ConfigError, match="there is no parameter 'size'"):
        team.fork(size=9)
    with pytest.raises(ts.ConfigError, match="Busy has no parameter 'sise'"):
        ts.Run(Busy, bars_of(33)).advance(until=MINUTE * 60).fork(sise=9)


def test_a_copy_shares_nothing_that_moves() -> None:
    run = made("longer bars").advance(until=MINUTE * 50)
    other = run.fork()
    strategy, copied = run.strategy, other.strategy
    assert isinstance(strategy, Longer)
    assert isinstance(copied, Longer)
    before = (copied.lines[0].value, len(copied.history(None, "1m")), copied.position)
    run.advance()
    assert (copied.lines[0].value, len(copied.history(None, "1m")), copied.position) == before
    assert len(strategy.history(None, "1m")) == 90
    # The line that was asked for by its length is the one that the copied series keeps.
    assert copied.sma(2, None, "1m").value == copied.lines[0].value
    other.advance()
    assert copied.lines[0].value == strategy.lines[0].value
    assert copied.sma(2, None, "1m").value == copied.lines[0].value


def test_alternatives_beside_a_run_that_was_saved(tmp_path: Path) -> None:
    data = bars_of(34)
    expected = ts.backtest(Busy, data)
    assert list(expected.alternatives)
    file = ts.Run(Busy, data).advance(until=MINUTE * 70).save(tmp_path / "run")
    result = ts.Run.load(file, data).finish()
    assert str(result) == str(expected)
    assert {name: each.digest for name, each in result.alternatives.items()} == {
        name: each.digest for name, each in expected.alternatives.items()
    }


@pytest.mark.parametrize("seed", range(60))
def test_random_runs_with_random_cuts(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    data, kinds, settings = random_case(dice)
    run, whole = (
        ts.Run([each() for each in kinds], data, alternatives=False, **settings) for _ in range(2)
    )
    expected = whole.finish()
    times = [int(each) for part in data.values() for each in part.time]
    moments = [dice.choice(times) + dice.choice([0, 0, 1, MINUTE - 1]) for _ in range(7)]
    for moment in sorted(moments):
        run.advance(until=moment)
        assert_money_adds_up(run)
        how = dice.randrange(3)
        if how == 0:
            run = ts.Run.load(run.save(tmp_path / "run"), data)
        elif how == 1:
            run = run.fork()
    assert run.finish().digest == expected.digest
    assert seen_by(run) == seen_by(whole)


def random_case(dice: random.Random) -> tuple[Any, list[Any], dict[str, Any]]:
    """Data of one or two instruments, strategies for them, and rules."""
    over_bars, over_ticks = [Busy, Hears, Longer, Together, OnlyTogether], [OverTicks, EveryTick]
    seed = dice.randrange(1000)
    is_mixed, is_bars = dice.random() < 0.2, dice.random() < 0.6
    first = bars_of(seed) if is_bars or is_mixed else ticks_of(seed, 300)
    data: dict[str, Any] = {"A": first}
    if is_mixed or dice.random() < 0.5:
        data["B"] = bars_of(seed + 1) if is_bars and not is_mixed else ticks_of(seed + 1, 200)
    pool = [OverTicks, HearsTicks] if is_mixed else over_bars if is_bars else over_ticks
    kinds = dice.choices(pool, k=dice.choice([1, 1, 2]))
    settings: dict[str, Any] = {
        "latency": dice.choice([0, 1, 5_000]),
        "fill": dice.choice(["touch", "through"]),
        "cash": dice.choice([900, 20_000]),
        "account": dice.choice([None, "cash"]),
        "risk": dice.choice([None, RISK, FLAT]),
    }
    if is_bars or is_mixed:
        settings["bar_fill"] = dice.choice(["next_open", "close", "path"])
        settings["latency"] *= settings["bar_fill"] != "close"
    if dice.random() < 0.3:
        settings["start"] = dice.randrange(20) * MINUTE // 2
    return data, kinds, settings


# --- Looking. -------------------------------------------------------------------------------------


def test_what_can_be_seen_of_a_run() -> None:
    ticks = ts.Ticks.from_arrays(
        [0, 1000, 2000], [50.0, 51.0, 55.0], [1.0, 1.0, 1.0], [0, 0, 0], tick_size=1, lot=1
    )

    class Once(ts.Strategy):
        def on_start(self) -> None:
            self.buy(2)

    settings: dict[str, Any] = {"cash": 1000, "taker_fee": 0, "spread_bps": 0, "latency": 0}
    run = ts.Run(Once, ticks, **settings)
    assert (run.time, run.is_done, run.rows_done) == (0, False, 0)
    with pytest.raises(ts.StateError, match="no row was taken yet"):
        run.result()
    assert run.advance(until=2000) is run
    assert (run.time, run.rows_done, run.snapshot().position) == (1000, 2, 2.0)
    looked = run.result()
    assert not looked.is_complete
    assert looked.stats["P&L"] == 2.0
    assert len(looked.data["ASSET"]) == 2
    assert "looked at before the end of the data" in str(looked.warnings)
    assert repr(run) == "Run(Once(), time 1000, 2 of 3 rows)"
    assert run.advance(until=1).time == 1000
    result = run.finish()
    assert (run.is_done, result.is_complete, result.stats["P&L"]) == (True, True, 10.0)
    assert run.result() is result is run.finish()


def test_times_as_text_and_wrong_ones() -> None:
    run = made("bars").advance(until="1970-01-01T00:10")
    assert 0 < run.time < 10 * MINUTE
    with pytest.raises(ts.DataError, match="is not a time"):
        run.advance(until="soon")
    assert run.advance(until="1970-01-01T00:11").time < 11 * MINUTE


def test_the_strategy_raises() -> None:
    class Fails(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            if bar.start >= 20 * MINUTE:
                raise RuntimeError("enough")

    run = ts.Run(Fails, bars_of(35))
    with pytest.raises(ts.StrategyError, match="enough") as caught:
        run.advance()
    assert caught.value.result.stopped is not None
    for act in (run.advance, run.fork, lambda: run.save("nowhere")):
        with pytest.raises(ts.StateError, match="cannot go on: RuntimeError in Fails.on_bar"):
            act()
    assert not run.result().is_complete


# --- Ctrl-C. --------------------------------------------------------------------------------------


class Interrupted(Longer):
    """The user presses Ctrl-C while it is at work."""

    after: int | None = 25

    def on_bar(self, bar: ts.Bar) -> None:
        super().on_bar(bar)
        if len(self.seen) == self.after:
            signal.raise_signal(signal.SIGINT)
            self.seen.append("went on")


class InterruptedTicks(EveryTick):
    after: int | None = 200

    def on_tick(self, tick: ts.Tick) -> None:
        super().on_tick(tick)
        self.count = getattr(self, "count", 0) + 1
        if self.count == self.after:
            signal.raise_signal(signal.SIGINT)


class InterruptedEvents(OverTicks):
    after: int | None = 10

    def on_bar(self, bar: ts.Bar) -> None:
        super().on_bar(bar)
        if len(self.seen) == self.after:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("strategy", "data"),
    [(Interrupted, bars_of(36)), (InterruptedTicks, TWO_TICKS), (InterruptedEvents, TWO_TICKS)],
)
def test_ctrl_c_waits_and_the_run_goes_on(strategy: Any, data: Any, tmp_path: Path) -> None:
    expected = ts.backtest(strategy, data, parameters={"after": None}, alternatives=False)
    handler = signal.getsignal(signal.SIGINT)
    run = ts.Run(strategy, data, alternatives=False)
    with pytest.raises(KeyboardInterrupt):
        run.advance()
    assert signal.getsignal(signal.SIGINT) is handler
    assert run.rows_done > 0
    assert not run.is_done
    saved = ts.Run.load(run.save(tmp_path / "run"), data)
    for each in (saved, run.fork(), run):
        assert each.finish().event_digest == expected.event_digest


def test_ctrl_c_again_breaks_off() -> None:
    class Stuck(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            if bar.start > 20 * MINUTE:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)

    run = ts.Run(Stuck, bars_of(37))
    with pytest.raises(KeyboardInterrupt):
        run.advance()
    with pytest.raises(ts.StateError, match="broken off inside the strategy"):
        run.advance()


# --- Files. ---------------------------------------------------------------------------------------


class Holds(Busy):
    def on_start(self) -> None:
        super().on_start()
        self.model = lambda price: price + 1


def test_what_cannot_be_saved_is_named(tmp_path: Path) -> None:
    class Local(ts.Strategy):
        def on_bar(self, bar: ts.Bar) -> None:
            self.target(None, 1)

    run = ts.Run(Holds, bars_of(38)).advance(until=MINUTE * 9)
    with pytest.raises(ts.StateError, match=r"Holds\.model cannot be saved: function"):
        run.save(tmp_path / "run")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ts.StateError, match="Local cannot be saved: a program could not find"):
        ts.Run(Local, bars_of(38)).advance(until=MINUTE * 9).save(tmp_path / "run")
    # Both can be forked.
    run.fork().finish()


class HoldsFile(Busy):
    def on_start(self) -> None:
        super().on_start()
        self.file = Path(__file__).open(encoding="utf-8")  # noqa: SIM115


def test_what_cannot_be_copied_is_named() -> None:
    run = ts.Run(HoldsFile, bars_of(39)).advance(until=MINUTE * 9)
    with pytest.raises(ts.StateError, match=r"HoldsFile\.file cannot be copied: TextIOWrapper"):
        run.fork()
    run.strategy.file.close()  # type: ignore[attr-defined]


def test_files_that_are_refused(tmp_path: Path) -> None:
    data = bars_of(40)
    file = ts.Run(Busy, data).advance(until=MINUTE * 9).save(tmp_path / "run")
    raw = file.read_bytes()
    other = tmp_path / "other"
    for place in (len(raw) // 3, len(raw) - 1):
        other.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(ts.DataError, match="other is damaged"):
            ts.Run.load(other, data)
    other.write_bytes(raw[:-7])
    with pytest.raises(ts.DataError, match="other is damaged"):
        ts.Run.load(other, data)
    for raw_other in (b"", b"hello", pickle.dumps(data)):
        other.write_bytes(raw_other)
        with pytest.raises(ts.DataError, match="other is not a saved run"):
            ts.Run.load(other, data)
    with pytest.raises(ts.DataError, match="not those of the saved run: their SHA-256 was"):
        ts.Run.load(file, data[1:])
    with pytest.raises(ts.DataError, match="the saved run is over ASSET"):
        ts.Run.load(file, TWO_BARS)
    with pytest.raises(FileNotFoundError):
        ts.Run.load(tmp_path / "none", data)
    ticks = ticks_of(41)
    with pytest.raises(ts.DataError, match="trades on its data alone"):
        ts.Run.load(file, data, ticks)
    bars = ticks.candles("1m")
    beside = ts.Run(Busy, bars, ticks=ticks).advance(until=MINUTE * 9).save(tmp_path / "beside")
    with pytest.raises(ts.DataError, match="trades on ticks given beside bars"):
        ts.Run.load(beside, bars)
    with pytest.raises(ts.DataError, match="the ticks of ASSET are not those of the saved run"):
        ts.Run.load(beside, bars, ticks[1:])
    with pytest.raises(ts.DataError, match="the data of ASSET are not those of the saved run"):
        ts.Run.load(beside, bars[1:], ticks)


class Lean(ts.Strategy):
    def on_start(self) -> None:
        self.every("1h")

    def on_bar(self, bar: ts.Bar) -> None:
        self.target(None, 1 if self.sma(3) > bar.close else 0)


def test_a_saved_run_holds_no_data(tmp_path: Path) -> None:
    ticks = sample(300_000)
    run = ts.Run(Lean, ticks, cash=1_000_000).advance(until=ticks.time[200_000])
    file = run.save(tmp_path / "run")
    assert file.stat().st_size < ticks.nbytes / 20
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_ctrl_c_between_two_pieces_of_a_run_that_nobody_wakes(tmp_path: Path) -> None:
    ticks = sample(20_000)
    pressed: list[int] = []

    def press(done: int, total: int) -> None:
        assert 0 < done <= total == len(ticks)
        pressed.append(done)
        if len(pressed) == 3:
            signal.raise_signal(signal.SIGINT)

    run = ts.Run(Lean, ticks, progress=press, alternatives=False)
    with pytest.raises(KeyboardInterrupt):
        run.advance()
    assert run.rows_done < len(ticks) // 10
    digest = ts.backtest(Lean, ticks, alternatives=False).digest
    assert ts.Run.load(run.save(tmp_path / "run"), ticks).finish().digest == digest
    assert run.finish().digest == digest
    assert pressed == sorted(pressed)
    assert pressed[-1] == len(ticks)
