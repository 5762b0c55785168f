"""The oracle against itself: identities after every event, and one answer however it is asked.

The identities of the header are asserted inside the oracle, after every event it emits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hypothesis import given, settings

from oracle import C, Oracle, digest_update
from records import Feed, Order, Schedule, StatusError, Tick
from scripts import Script, play, scripts
from table import Line, Runner, order_of, tick_of

many = settings(max_examples=100, deadline=None)


@many
@given(scripts())
def test_same_script_same_answers(script: Script) -> None:
    first = play(Oracle(script.config), script)
    assert play(Oracle(script.config), script) == first
    digest = (0, 0)
    for event in first.events:
        digest = digest_update(digest, event)
    assert digest == first.digest


@many
@given(scripts())
def test_a_bad_call_changes_nothing(script: Script) -> None:
    engine = Oracle(script.config)
    runner = Runner(engine)
    for line in script.commands:
        before = repr(vars(engine))
        try:
            runner.run(line)
        except StatusError:
            assert repr(vars(engine)) == before


@many
@given(scripts())
def test_batches_give_what_steps_give(script: Script) -> None:
    one_by_one = Oracle(script.config)
    lines = [line for line in script.commands if is_taken(one_by_one, line)]
    for rows_max in (1, 3, len(lines) + 1):
        in_batches = Oracle(script.config)
        runner = Runner(in_batches)
        for chunk in chunks(lines, rows_max):
            if chunk[0].verb == "tick":
                in_batches.step_batch(feeds_of([tick_of(line) for line in chunk]))
            else:
                runner.run(chunk[0])
        assert in_batches.events == one_by_one.events
        assert repr(vars(in_batches)) == repr(vars(one_by_one))


@many
@given(scripts())
def test_stopped_batches_go_on_where_they_stopped(script: Script) -> None:
    one_by_one = Oracle(script.config)
    lines = [line for line in script.commands if is_taken(one_by_one, line)]
    stopping = Oracle(script.config)
    runner = Runner(stopping)
    for chunk in chunks(lines, len(lines) + 1):
        if chunk[0].verb != "tick":
            runner.run(chunk[0])
            continue
        feeds = feeds_of([tick_of(line) for line in chunk])
        while any(feed.cursor < len(feed.ticks) for feed in feeds):
            count_before = len(stopping.events)
            result = stopping.step_batch(feeds, stop_on=2**32 - 1)
            news = stopping.events[count_before:]
            assert len({event.time for event in news}) <= 1
            assert bool(news) == bool(result.event_kinds)
    assert stopping.events == one_by_one.events


@many
@given(scripts())
def test_a_schedule_gives_what_placing_gives(script: Script) -> None:
    ticks, rows = schedule_of(script)
    by_hand, scheduled = Oracle(script.config), Oracle(script.config)
    schedule = Schedule([order for _, order in rows], time=[time for time, _ in rows])
    feeds = feeds_of(ticks)
    assert status(lambda: place_and_step(by_hand, ticks, rows)) == status(
        lambda: scheduled.run_orders(feeds, schedule)
    )
    assert scheduled.events == by_hand.events
    assert schedule.cursor == len(by_hand.orders)


@many
@given(scripts())
def test_a_schedule_by_tick_index_gives_what_placing_gives(script: Script) -> None:
    one = Script(script.settings[:2], script.commands)
    by_hand = Oracle(one.config)
    lines = [line for line in one.commands if line.verb in ("tick", "place")]
    lines = [line for line in lines if is_taken(by_hand, line)]
    orders, points, ticks = list[Order](), list[int](), list[Tick]()
    for line in lines:
        if line.verb == "tick":
            ticks.append(tick_of(line))
        else:
            orders.append(order_of(line))
            points.append(len(ticks) - 1)
    scheduled = Oracle(one.config)
    scheduled.run_orders([Feed(0, ticks)], Schedule(orders, tick_index=points))
    assert scheduled.events == by_hand.events


def test_digest_constants_are_fractional_roots() -> None:
    # The same numbers begin SHA-512: they are the square roots of the first primes.
    assert C[0] == 0x6A09E667F3BCC908
    assert C[1] == 0xBB67AE8584CAA73B
    assert C[7] == 0x5BE0CD19137E2179


def place_and_step(engine: Oracle, ticks: list[Tick], rows: list[tuple[int, Order]]) -> None:
    waiting = list(rows)
    for tick in ticks:
        while waiting and waiting[0][0] < tick.time:
            engine.place(waiting.pop(0)[1])
        engine.step(tick)
    for _, order in waiting:
        engine.place(order)


def status(call: Callable[[], object]) -> str:
    try:
        call()
    except StatusError as error:
        return error.name
    return "OK"


def is_taken(engine: Oracle, line: Line) -> bool:
    try:
        Runner(engine).run(line)
    except StatusError:
        return False
    return True


def chunks(lines: list[Line], rows_max: int) -> Iterator[list[Line]]:
    """Commands one by one; ticks in runs that a merge would put in the same order."""
    run: list[Line] = []
    for line in lines:
        if run and (
            line.verb != "tick" or len(run) == rows_max or place_of(line) < place_of(run[-1])
        ):
            yield run
            run = []
        if line.verb == "tick":
            run.append(line)
        else:
            yield [line]
    if run:
        yield run


def place_of(line: Line) -> tuple[int, int]:
    tick = tick_of(line)
    return tick.time, tick.instrument


def feeds_of(ticks: list[Tick]) -> list[Feed]:
    instruments = sorted({tick.instrument for tick in ticks})
    return [Feed(i, [tick for tick in ticks if tick.instrument == i]) for i in instruments]


def schedule_of(script: Script) -> tuple[list[Tick], list[tuple[int, Order]]]:
    """The good ticks of a script in merged order, and its good orders with the clock they saw."""
    probe = Oracle(script.config)
    lines = [line for line in script.commands if line.verb in ("tick", "place")]
    ticks, rows, clock = list[Tick](), list[tuple[int, Order]](), -1
    for line in lines:
        if is_taken(probe, line) and line.verb == "tick":
            ticks.append(tick_of(line))
            clock = ticks[-1].time
        elif line.verb == "place" and is_taken(Oracle(script.config), line):
            rows.append((clock, order_of(line)))
    return sorted(ticks, key=lambda tick: (tick.time, tick.instrument)), rows
