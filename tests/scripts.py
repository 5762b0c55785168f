"""Random scripts: a configuration and some commands that mostly make sense, drawn by Hypothesis.

A script is lines of the table language, so a failing one prints as a table that every driver runs.
Prices move in a band of a few ticks and quantities are small: orders meet, queue, share pools,
close and flip. An oracle runs along, so that amendments and cancels find open orders. About one
command in twenty is wrong on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from oracle import ALERTS, LIMITS, TRIGGERS, Oracle
from records import Config, Event, OrderType, OrderView, Snapshot, StatusError
from table import (
    Engine,
    Line,
    Runner,
    config_of,
    parse_line,
)

COMMANDS_MAX = 60
MIDDLE, SWING = 100, 6  # ticks print within MIDDLE ± SWING, around 0 where prices may be negative
BOARD_LOT = 2
HUGE_UNIT = 2**40  # with quantities in thousands, money soon reaches its end

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

    @property
    def instrument_count(self) -> int:
        return len(self.settings) - 1


@dataclass
class Trace:
    """What an engine answered: all that two engines must agree on."""

    statuses: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    digest: tuple[int, int] = (0, 0)
    snapshots: list[Snapshot | str] = field(default_factory=list)
    orders: list[OrderView] = field(default_factory=list)


def play(engine: Engine, script: Script) -> Trace:
    trace, runner = Trace(), Runner(engine)
    for line in script.commands:
        trace.statuses.append(status_of(runner, line))
        trace.events += engine.drain()
    trace.digest = engine.digest()
    trace.snapshots = [snapshot_or_status(engine, i) for i in range(script.instrument_count)]
    trace.orders = engine.open_orders()
    return trace


def status_of(runner: Runner, line: Line) -> str:
    try:
        runner.run(line)
    except StatusError as error:
        return error.name
    return "OK"


def snapshot_or_status(engine: Engine, instrument: int) -> Snapshot | str:
    try:
        return engine.snapshot(instrument)
    except StatusError as error:
        return error.name


def line(text: str) -> Line:
    parsed = parse_line(text)
    assert parsed is not None
    return parsed


# ---- Drawing -------------------------------------------------------------------------------------


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    return Writer(draw).write()


class Writer:
    """Draws one script and remembers what makes its next command sensible."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.clock = 0
        self.settings: list[Line] = []
        self.commands: list[Line] = []
        self.open: list[OrderView] = []
        self.is_cash_account = self.chance(4)
        self.has_ranges = self.chance(2)

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
        words = [f"unit={HUGE_UNIT if self.chance(10) else self.one_of('1', '7')}"]
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
        words += [f"step={BOARD_LOT} min={2 * BOARD_LOT}"] if self.chance(6) else []
        words += ["no_short"] if self.chance(3) else []
        words += ["limits_first"] if self.chance(3) else []
        if self.chance(6) and "allow_negative" not in words:
            words += [f"band_low={MIDDLE - SWING} band_high={MIDDLE + SWING - 2}"]
        self.settings.append(line("instrument " + " ".join(words)))

    def command(self) -> Line:
        draws = [self.tick] * 9 + [self.place] * 8 + [self.amend] * 3 + [self.cancel]
        draws += [self.money, self.refuse, self.bad]
        return line(self.draw(st.sampled_from(draws))())

    def which(self) -> int:
        return self.number(0, len(self.settings) - 2)

    def rules(self, index: int) -> Line:
        return self.settings[index + 1]

    def price(self, index: int, swing: int = SWING) -> int:
        middle = 0 if self.rules(index).has("allow_negative") else MIDDLE
        return middle + self.number(-swing, swing)

    def scale(self, index: int) -> int:
        return 1000 if self.rules(index).number("unit") == HUGE_UNIT else 1

    def lots(self, index: int, low: int, high: int) -> int:
        """Mostly whole board lots."""
        is_board = "step" in self.rules(index).keys and not self.chance(8)
        step = BOARD_LOT if is_board else 1
        return max(step, self.number(low, high) // step * step) * self.scale(index)

    def tick(self) -> str:
        index = self.which()
        self.clock += self.number(0, 2)
        price = self.price(index)
        qty = self.number(1, 12) * self.scale(index)
        row = f"tick t={self.clock} p={price} q={qty} i={index}"
        if self.has_ranges and self.chance(2):
            return f"{row} {self.stretch(index, price)}"
        if self.chance(8):
            row += f" bid={price - self.number(0, 3)} ask={price + self.number(0, 3)}"
        return row

    def stretch(self, index: int, price: int) -> str:
        """Low and high around a price; prices that may not be negative stay above 0."""
        low, high = price - self.number(0, 4), price + self.number(0, 4)
        return f"low={low} high={high} {self.one_of('', 'continues')}"

    def place(self) -> str:
        index = self.which()
        plain = ("limit", "limit", "market", "stop", "stop_limit", "touched", "trailing")
        kind = self.one_of(*plain, *plain, "alert_price", "alert_time")
        side = self.one_of("buy", "sell", "buy" if self.rules(index).has("no_short") else "sell")
        words = [f"place {kind}", side if kind != "alert_time" else "buy"]
        words += [f"i={index} tag={self.number(0, 2)}"]
        words += [f"p={self.price(index, SWING - 1)}"] if "limit" in kind else []
        if kind in ("stop", "stop_limit", "touched", "alert_price"):
            words += [f"trigger={self.price(index, SWING - 1)}"]
        words += [f"trail={self.number(1, 4)}"] if kind == "trailing" else []
        if kind == "alert_time":
            words += [f"expire={self.clock + self.number(0, 9)}"]
        if not kind.startswith("alert"):
            words += self.terms(index, kind)
        return " ".join(words)

    def terms(self, index: int, kind: str) -> list[str]:
        """What only orders with a quantity have."""
        words = [f"q={self.lots(index, 1, 12)}"]
        tif = self.one_of("gtc", "gtc", "gtc", "gtc", "gtd", "day", "ioc", "fok")
        words += [f"tif={tif}"] if tif != "gtc" else []
        words += [f"expire={self.clock + self.number(0, 9)}"] if tif == "gtd" else []
        words += [f"oco={self.number(1, 2)}"] if self.chance(2) else []
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
            less = order.qty_lots // 4 * 2
            words += [f"q={less + self.lots(order.instrument, 0, 6)}"]
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

    def refuse(self) -> str:
        verb, _, rest = (self.amend() if self.chance(3) else self.place()).partition(" ")
        reason = self.one_of("", "", "reason=no_cash", "reason=too_late")
        return f"{'refuse_amend' if verb == 'amend' else 'refuse'} {rest} {reason}"

    def money(self) -> str:
        index = self.which()
        kind = self.one_of("roll", "roll", "settle", "post", "roll_at")
        if kind == "settle":
            return f"settle p={self.price(index)} i={index}"
        if kind == "roll_at":
            prices = [str(self.price(i)) for i in range(len(self.settings) - 1)]
            return " ".join(["roll", *prices])
        if kind == "post":
            entry = self.one_of(
                "deposit", "withdrawal", "funding", "dividend", "interest", "borrow"
            )
            is_paid = entry == "withdrawal" or (entry != "deposit" and self.chance(2))
            return f"post {entry} {'-' if is_paid else ''}{self.number(1, 900)} i={index}"
        return "roll"

    def bad(self) -> str:
        return self.one_of(
            f"tick t={self.clock - 1} p={MIDDLE}",
            f"tick t={self.clock} p=0",
            f"tick t={self.clock} p={MIDDLE} q=0",
            f"tick t={self.clock} p={MIDDLE} bid=9 ask=8",
            f"tick t={self.clock} p={MIDDLE} low=9 high=99",
            f"tick t={self.clock} p={MIDDLE} low=101 high=102",
            f"tick t={self.clock} p={MIDDLE} continues",
            "place limit buy q=1",
            "place market buy q=0",
            "place market sell q=1 p=100",
            "place market sell q=1 i=9",
            "place stop sell q=1 trigger=100 post_only",
            "place alert_price buy trigger=100 oco=1",
            "cancel 1",
            "cancel 999",
            "amend 1 q=1 trail=1",
            "amend 999 q=1",
            "refuse market buy q=0",
            "refuse_amend 999 q=1",
            "post deposit -1",
            "settle p=5 i=9",
        )
