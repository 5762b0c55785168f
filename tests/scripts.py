"""Random scripts: a configuration and some commands that mostly make sense, drawn by Hypothesis.

A script is lines of the table language, so a failing one prints as a table that every driver runs.
Prices move in a band of a few ticks and quantities are small: orders meet, queue, share pools,
close and flip. An oracle runs along, so that amendments and cancels find open orders. About one
command in twenty is wrong on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st

from oracle import ALERTS, LIMITS, TRIGGERS, Oracle
from records import Config, Event, OrderType, OrderView, Snapshot, StatusError
from table import (
    Engine,
    Line,
    Runner,
    config_of,
    expect_event,
    expect_order,
    expect_snapshot,
    parse_line,
)

COMMANDS_MAX = 60
MIDDLE, SWING = 100, 6  # ticks print within MIDDLE ± SWING, around 0 where prices may be negative

# ---- Scripts -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Script:
    settings: tuple[Line, ...]
    commands: tuple[Line, ...]

    def __repr__(self) -> str:
        return "\n".join(["", "table script", *map(str, self.settings), *map(str, self.commands)])

    @property
    def config(self) -> Config:
        return config_of(self.settings)


@dataclass
class Trace:
    """What an engine answered: all that two engines must agree on."""

    statuses: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    digest: tuple[int, int] = (0, 0)
    snapshots: list[Snapshot] = field(default_factory=list)


def play(engine: Engine, script: Script) -> Trace:
    trace, runner = Trace(), Runner(engine)
    for line in script.commands:
        trace.statuses.append(status_of(runner, line))
        trace.events += engine.drain()
    trace.digest = engine.digest()
    trace.snapshots = [engine.snapshot(index) for index in range(len(script.config.instruments))]
    return trace


def status_of(runner: Runner, line: Line) -> str:
    try:
        runner.run(line)
    except StatusError as error:
        return error.name
    return "OK"


def as_table(name: str, script: Script, make_engine: Callable[[Config], Engine]) -> str:
    """The script as a table that expects whatever `make_engine` answers, to the last field."""
    engine = make_engine(script.config)
    runner = Runner(engine)
    lines = [f"table {name}", *map(str, script.settings)]
    for line in script.commands:
        status = status_of(runner, line)
        lines += [str(line), *([] if status == "OK" else [f"expect error {status}"])]
        lines += [*map(expect_event, engine.drain()), "expect none"]
        lines += map(expect_order, engine.open_orders())
        lines += [
            expect_snapshot(engine.snapshot(i)) for i in range(len(script.config.instruments))
        ]
    low, high = engine.digest()
    return "\n".join([*lines, f"digest {low:016x} {high:016x}", ""])


# ---- Drawing -------------------------------------------------------------------------------------


class Writer:
    """Draws one script and remembers what makes its next command sensible."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.clock = 0
        self.settings: list[Line] = []
        self.commands: list[Line] = []
        self.open: list[OrderView] = []
        self.is_cash_account = self.chance(4)

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def one_of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def chance(self, of: int) -> bool:
        """True about once in `of` times; Hypothesis shrinks it to False."""
        return self.number(1, of) == of

    def write(self) -> Script:
        self.config()
        for _ in range(self.number(1, 3)):
            self.instrument()
        runner = Runner(Oracle(config_of(self.settings)))
        for _ in range(self.number(5, COMMANDS_MAX)):
            self.open = runner.engine.open_orders()
            self.commands.append(self.command())
            status_of(runner, self.commands[-1])
        return Script(tuple(self.settings), tuple(self.commands))

    def config(self) -> None:
        cash = self.one_of("1_000_000", "20_000", "3_000", "0")
        latency = self.one_of("0", "0", "1", "3")
        flag = "cash_account" if self.is_cash_account else ""
        self.settings.append(line(f"config cash={cash} latency={latency} {flag}"))

    def instrument(self) -> None:
        words = [f"unit={self.one_of('1', '1', '7')}"]
        words += [f"spread_ppb={self.one_of('0', '0', '1', '20_000_000', '90_000_000')}"]
        words += [f"fill={self.one_of('touch', 'through')}"]
        if not self.is_cash_account:
            words += [f"settle={self.one_of('spot', 'mark')}"]
            words += [f"position={self.one_of('net', 'net', 'hedge')}"]
            words += ["allow_negative"] if self.chance(5) else []
        if self.chance(2):
            words += [f"qty=volume participation_ppm={self.one_of('1_000_000', '330_000')}"]
        if self.chance(2):
            words += [f"maker_ppb={self.one_of('1_000_000', '-2_500_000')}"]
            words += [f"taker_ppb={self.one_of('3_000_000', '20_000_000', '-1')}"]
        if self.chance(4):
            words += [f"maker_per_lot={self.number(-3, 3)} taker_per_lot={self.number(0, 4)}"]
        words += [f"fee_min={self.number(1, 40)}"] if self.chance(4) else []
        words += ["step=2 min=4"] if self.chance(6) else []
        words += ["no_short"] if self.chance(3) else []
        if self.chance(6) and "allow_negative" not in words:
            words += [f"band_low={MIDDLE - SWING} band_high={MIDDLE + SWING - 2}"]
        self.settings.append(line("instrument " + " ".join(words)))

    def command(self) -> Line:
        draws = [self.tick] * 9 + [self.place] * 8 + [self.amend] * 3 + [self.cancel]
        draws += [self.money, self.bad]
        return line(self.draw(st.sampled_from(draws))())

    def which(self) -> int:
        return self.number(0, len(self.settings) - 2)

    def rules(self, index: int) -> Line:
        return self.settings[index + 1]

    def price(self, index: int, swing: int = SWING) -> int:
        middle = 0 if self.rules(index).has("allow_negative") else MIDDLE
        return middle + self.number(-swing, swing)

    def tick(self) -> str:
        index = self.which()
        self.clock += self.number(0, 2)
        price = self.price(index)
        quote = ""
        if self.chance(8):
            quote = f"bid={price - self.number(0, 3)} ask={price + self.number(0, 3)}"
        return f"tick t={self.clock} p={price} q={self.number(1, 12)} i={index} {quote}"

    def place(self) -> str:
        index = self.which()
        kinds = ("limit", "market", "stop", "stop_limit", "touched", "trailing", "limit")
        kind = self.one_of(*kinds, "alert_price", "alert_time")
        words = [f"place {kind}", self.one_of("buy", "sell") if kind != "alert_time" else "buy"]
        words += [f"i={index} tag={self.number(0, 2)}"]
        words += [f"p={self.price(index, SWING - 1)}"] if "limit" in kind else []
        if kind in ("stop", "stop_limit", "touched", "alert_price"):
            words += [f"trigger={self.price(index, SWING - 1)}"]
        words += [f"trail={self.number(1, 4)}"] if kind == "trailing" else []
        if kind == "alert_time":
            words += [f"expire={self.clock + self.number(0, 6)}"]
        if not kind.startswith("alert"):
            words += self.terms(index, kind)
        return " ".join(words)

    def terms(self, index: int, kind: str) -> list[str]:
        """What only orders with a quantity have."""
        qty = self.number(2, 8) * 2 if self.rules(index).has("step=2") else self.number(1, 12)
        words = [f"q={qty}"]
        tif = self.one_of("gtc", "gtc", "gtd", "day", "ioc", "fok")
        words += [f"tif={tif}"] if tif != "gtc" else []
        words += [f"expire={self.clock + self.number(0, 6)}"] if tif == "gtd" else []
        words += [f"oco={self.number(1, 2)}"] if self.chance(3) else []
        if "limit" in kind and tif not in ("ioc", "fok") and self.chance(6):
            words.append("post_only")
        if self.rules(index).keys.get("position") == "hedge":
            closes = ("close", "close_today", "close_yesterday")
            words += [f"offset={self.one_of('open', 'open', 'open', *closes)}"]
        if "offset=open" not in words and self.chance(6):
            words.append("reduce_only")
        return words

    def amend(self) -> str:
        amendable = [view for view in self.open if view.order.type not in ALERTS]
        if not amendable:
            return self.place()
        view = self.draw(st.sampled_from(amendable))
        order, words = view.order, [f"amend {view.order_id}"]
        if self.chance(2):
            words += [f"q={max(1, order.qty_lots + self.number(-5, 5))}"]
        if order.type in LIMITS and self.chance(2):
            words += [f"p={self.price(order.instrument)}"]
        if order.type in TRIGGERS and self.chance(2):
            words += [f"trigger={self.price(order.instrument)}"]
        if order.type == OrderType.TRAILING_STOP and self.chance(2):
            words += [f"trail={self.number(1, 5)}"]
        return " ".join(words if len(words) > 1 else [*words, f"q={order.qty_lots}"])

    def cancel(self) -> str:
        if not self.open or self.chance(4):
            return self.one_of("cancel_all", f"cancel_all i={self.which()}")
        return f"cancel {self.draw(st.sampled_from(self.open)).order_id}"

    def money(self) -> str:
        index = self.which()
        kind = self.one_of("roll", "roll", "settle", "post", "roll_at")
        if kind == "settle":
            return f"settle p={self.price(index)} i={index}"
        if kind == "roll_at":
            prices = [str(self.price(i)) for i in range(len(self.settings) - 1)]
            return " ".join(["roll", *prices])
        if kind == "post":
            entry = self.one_of("funding", "dividend", "interest", "borrow")
            signed = f"{entry} {self.number(1, 50) * (-1 if self.chance(2) else 1)}"
            deposit, withdrawal = (
                f"deposit {self.number(1, 900)}",
                f"withdrawal -{self.number(1, 900)}",
            )
            return f"post {self.one_of(signed, deposit, withdrawal)} i={index}"
        return "roll"

    def bad(self) -> str:
        return self.one_of(
            f"tick t={self.clock - 1} p={MIDDLE}",
            f"tick t={self.clock} p=0",
            f"tick t={self.clock} p={MIDDLE} q=0",
            f"tick t={self.clock} p={MIDDLE} bid=9 ask=8",
            f"tick t={self.clock} p={MIDDLE} i=9",
            "place limit buy q=1",
            "place market buy q=0",
            "place market sell q=1 p=100",
            "place stop sell q=1 trigger=100 post_only",
            "place alert_price buy trigger=100 oco=1",
            "cancel 1",
            "cancel 999",
            "amend 1 q=1 trail=1",
            "amend 999 q=1",
            "post deposit -1",
            "settle p=5 i=9",
        )


def line(text: str) -> Line:
    parsed = parse_line(text)
    assert parsed is not None
    return parsed


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    return Writer(draw).write()
