"""Round trips against a queue of single lots, and against the kernel's own ledger."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tickstep as ts
from tickstep.trips import Mark, RoundTrips, round_trips

OPEN, CLOSE = 1 << 8, 2 << 8  # offsets in the reason column

Row = tuple[int, int, int, int, int]  # instrument, signed lots, price, fee, offset


def fills_of(rows: Sequence[Row]) -> np.ndarray[Any, Any]:
    fills = np.zeros(len(rows), dtype=ts.EVENT_DTYPE)
    position: dict[int, int] = {}
    for index, (instrument, qty, price, fee, offset) in enumerate(rows):
        position[instrument] = position.get(instrument, 0) + qty
        fills[index]["kind"] = ts.EventKind.FILLED
        fills[index]["reason"] = offset
        fills[index]["instrument"] = instrument
        fills[index]["time"] = 10 * index
        fills[index]["tick_index"] = index
        fills[index]["price_ticks"] = price
        fills[index]["qty_lots"] = qty
        fills[index]["fee_units"] = fee
        fills[index]["position_after_lots"] = position[instrument]
    return fills


# ---- The oracle: one lot at a time through a queue -------------------------------------------------


def slow_trips(rows: Sequence[Row]) -> list[tuple[int, ...]]:
    """(exit, entry, instrument, direction, lots, gross ticks, entry fee, exit fee), in that order."""
    queues: dict[tuple[int, int], deque[tuple[int, int]]] = {}
    done: dict[tuple[int, int, int, int], list[tuple[int, int]]] = {}
    for index, (instrument, qty, _, fee, offset) in enumerate(rows):
        sign = 1 if qty > 0 else -1
        for lot in range(abs(qty)):
            share = fee * (lot + 1) // abs(qty) - fee * lot // abs(qty)
            other = queues.setdefault((instrument, -sign), deque())
            closes = bool(other) if offset == 0 else offset == CLOSE
            if closes:
                entry, entry_share = other.popleft()
                key = (index, entry, instrument, -sign)
                done.setdefault(key, []).append((entry_share, share))
            else:
                queues.setdefault((instrument, sign), deque()).append((index, share))
    for (instrument, sign), queue in queues.items():
        for entry, entry_share in queue:
            done.setdefault((len(rows), entry, instrument, sign), []).append((entry_share, 0))
    found = []
    for (exit_, entry, instrument, sign), lots in sorted(done.items()):
        price = rows[exit_][2] if exit_ < len(rows) else mark_price(instrument)
        gross = sign * (price - rows[entry][2]) * len(lots)
        fees = [sum(each) for each in zip(*lots, strict=True)]
        found.append((exit_, entry, instrument, sign, len(lots), gross, *fees))
    return found


def mark_price(instrument: int) -> int:
    return 77 + 10 * instrument


def marks_of(rows: Sequence[Row]) -> dict[int, Mark]:
    return {row[0]: Mark(10 * len(rows), mark_price(row[0]), len(rows)) for row in rows}


def as_rows(trips: RoundTrips, count: int) -> list[tuple[int, ...]]:
    columns = (
        np.where(trips.is_open, count, trips.exit_fill),
        trips.entry_fill,
        trips.instrument,
        trips.direction,
        trips.qty_lots,
        trips.gross_units,
        trips.entry_fee_units,
        trips.exit_fee_units,
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


net_rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(-6, 6).filter(bool),
        st.integers(50, 120),
        st.integers(-7, 30),
        st.just(0),
    ),
    max_size=40,
)


@st.composite
def hedged_rows(draw: st.DrawFn) -> list[Row]:
    held = {1: 0, -1: 0}
    rows: list[Row] = []
    for _ in range(draw(st.integers(0, 30))):
        side = draw(st.sampled_from((1, -1)))
        price, fee = draw(st.integers(50, 120)), draw(st.integers(-7, 30))
        if held[side] and draw(st.booleans()):
            lots = draw(st.integers(1, held[side]))
            held[side] -= lots
            rows.append((0, -side * lots, price, fee, CLOSE))
        else:
            lots = draw(st.integers(1, 6))
            held[side] += lots
            rows.append((0, side * lots, price, fee, OPEN))
    return rows


@settings(max_examples=300, deadline=None)
@given(st.one_of(net_rows, hedged_rows()))
def test_trips_are_those_of_the_queue(rows: list[Row]) -> None:
    fills = fills_of(rows)
    trips = round_trips(fills, 1, marks=marks_of(rows))
    # The queue takes a fill's lots one by one, and a lot that opens after a flip comes later in it.
    assert sorted(as_rows(trips, len(rows))) == slow_trips(rows)
    exits = np.where(trips.is_open, len(rows), trips.exit_fill)
    assert np.all(np.diff(exits) >= 0)
    assert int(trips.fee_units.sum()) == int(fills["fee_units"].sum())
    assert len(trips.closed()) + len(trips.opened()) == len(trips)


@settings(max_examples=100, deadline=None)
@given(net_rows)
def test_big_numbers_are_exact_too(rows: list[Row]) -> None:
    big = [(i, q * 10**6, p * 10**6, f * 10**15, o) for i, q, p, f, o in rows]
    marks = {i: Mark(m.time, m.price_ticks * 10**6, 0) for i, m in marks_of(rows).items()}
    small = round_trips(fills_of(rows), 1, marks=marks_of(rows))
    trips = round_trips(fills_of(big), 10**6, marks=marks)
    assert [each // 10**18 for each in trips.gross_units.tolist()] == small.gross_units.tolist()
    assert sum(trips.fee_units.tolist()) == sum(row[3] for row in big)


# ---- Against the kernel ----------------------------------------------------------------------------

orders = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(("BUY", "SELL")),
        st.integers(1, 5),
        st.sampled_from(("MARKET", "LIMIT")),
        st.integers(-3, 3),
    ),
    max_size=25,
)


UNITS = {0: 1, 1: 5}


@settings(max_examples=150, deadline=None)
@given(orders, st.lists(st.integers(90, 110), min_size=60, max_size=60), st.booleans())
def test_sums_are_the_ledger_of_the_kernel(
    commands: list[tuple[int, str, int, str, int]], prices: list[int], ends_flat: bool
) -> None:
    engine = two_instruments()
    for index, price in enumerate(prices):
        if index < len(commands):
            place(engine, price, *commands[index])
        step(engine, index, price)
    if ends_flat:
        engine.cancel_all()
        for which in UNITS:
            place(engine, prices[-1], which, "SELL", position(engine, which), "MARKET", 0)
        step(engine, len(prices), prices[-1])
    marks = {which: Mark(len(prices), (1 + which) * prices[-1], len(prices)) for which in UNITS}
    trips = round_trips(engine.fills, UNITS, marks=marks)
    fees, realized = (int(engine.fills[name].sum()) for name in ("fee_units", "realized_units"))
    assert int(trips.fee_units.sum()) == fees
    assert int(trips.net_units.sum()) == round(engine.equity - 100_000)
    if not any(position(engine, which) for which in UNITS):
        assert not trips.is_open.any()
        assert int(trips.gross_units.sum()) == realized
        assert int(trips.net_units.sum()) == realized - fees
    assert not ends_flat or not trips.is_open.any()


def two_instruments() -> ts.Engine:
    costs: dict[str, Any] = {"tick_size": 1, "lot": 1, "spread_bps": 0}
    costs |= {"taker_fee": "0.01", "maker_fee": "-0.003"}
    spot = ts.Instrument("spot", **costs)
    future = ts.Instrument("future", multiplier=5, settle="mark", **costs)
    return ts.Engine(
        ts.EngineConfig(initial_cash=100_000, money_unit=1, instruments=[spot, future])
    )


def place(
    engine: ts.Engine, price: int, which: int, side: str, qty: int, kind: str, away: int
) -> None:
    if qty < 0:
        side, qty = "BUY", -qty
    limit = price * (1 + which) + away if kind == "LIMIT" else None
    if qty:
        engine.place_order(ts.Order(kind, side, qty, price=limit, symbol=engine.symbols[which]))


def step(engine: ts.Engine, time: int, price: int) -> None:
    for which, symbol in enumerate(engine.symbols):
        engine.step_batch([time], [price * (1 + which)], [1], [0], symbol=symbol)


def position(engine: ts.Engine, which: int) -> int:
    after = engine.fills["position_after_lots"][engine.fills["instrument"] == which]
    return int(after[-1]) if len(after) else 0


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from((1, -1)), st.integers(1, 4), st.booleans()), max_size=25),
    st.lists(st.integers(90, 110), min_size=30, max_size=30),
)
def test_hedged_sides_are_paired_apart(
    commands: list[tuple[int, int, bool]], prices: list[int]
) -> None:
    engine = ts.Engine(
        ts.EngineConfig(
            initial_cash=100_000,
            money_unit=1,
            tick_size=1,
            lot=1,
            multiplier=10,
            settle="mark",
            position="hedge",
            taker_fee="0.001",
        )
    )
    for index, price in enumerate(prices):
        if index < len(commands):
            side, qty, closes = commands[index]  # a close of more than there is takes what there is
            is_buy, offset = (side > 0) != closes, "CLOSE" if closes else "OPEN"
            engine.place_order(ts.Order("MARKET", "BUY" if is_buy else "SELL", qty, offset=offset))
        step(engine, index, price)
    trips = round_trips(engine.fills, 10, marks={0: Mark(29, prices[-1], 29)})
    assert int(trips.net_units.sum()) == round(engine.equity - 100_000)
    snapshot = engine.get_snapshot()
    held = trips.opened().qty_lots * trips.opened().direction
    assert int(held.sum()) == snapshot.position


# ---- On the way ------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(net_rows.filter(bool), st.integers(0, 2**32 - 1))
def test_excursions_are_those_of_every_tick(rows: list[Row], seed: int) -> None:
    rng = np.random.default_rng(seed)
    path = {index: rng.integers(40, 130, len(rows) + 1) for index in range(3)}
    trips = round_trips(fills_of(rows), {0: 1, 1: 2, 2: 3}, marks=marks_of(rows))
    found = trips.excursions(path, {0: 1, 1: 2, 2: 3})
    for row in range(len(trips)):
        which = int(trips.instrument[row])
        seen = path[which][trips.entry_index[row] : trips.exit_index[row] + 1]
        gains = trips.direction[row] * (seen - trips.entry_price_ticks[row])
        scale = int(trips.qty_lots[row]) * (which + 1)
        assert found.adverse_units[row] == gains.min() * scale
        assert found.favorable_units[row] == gains.max() * scale
        value = int(trips.entry_price_ticks[row]) * scale
        assert found.adverse[row] == pytest.approx(gains.min() * scale / value)


def test_excursions_on_bars_take_lows_and_highs() -> None:
    fills = fills_of([(0, 2, 100, 0, 0), (0, 1, 101, 0, 0), (0, -5, 103, 0, 0)])
    trips = round_trips(fills, 10, marks={0: Mark(99, 104, 3)})
    lows, highs = np.array([98, 97, 102, 99]), np.array([101, 104, 105, 108])
    found = trips.excursions({0: (lows, highs)}, 10)
    assert trips.direction.tolist() == [1, 1, -1]
    assert found.adverse_units.tolist() == [-60, -40, -100]
    assert found.favorable_units.tolist() == [100, 40, 80]
    assert found.adverse.tolist() == pytest.approx([-60 / 2000, -40 / 1010, -100 / 2060])


def test_shares_of_trips() -> None:
    fills = fills_of([(0, 2, 100, 3, 0), (0, -2, 110, 1, 0)])
    trips = round_trips(fills, 10)
    assert trips.entry_value_units.tolist() == [2000]
    assert trips.net_units.tolist() == [196]
    assert trips.returns.tolist() == [0.098]
    assert trips.holding_time.tolist() == [10]


def test_no_return_on_an_entry_of_no_value() -> None:
    fills = fills_of([(0, 1, 0, 0, 0), (0, -1, 5, 0, 0)])
    assert np.isnan(round_trips(fills, 1).returns).all()


def test_no_fills_are_no_trips() -> None:
    trips = round_trips(fills_of([]), 1)
    assert len(trips) == 0
    assert len(trips.excursions({}, 1).adverse) == 0


# ---- Refused ---------------------------------------------------------------------------------------


def test_fills_that_begin_later_are_refused() -> None:
    fills = fills_of([(0, 2, 100, 0, 0), (0, -1, 101, 0, 0)])
    with pytest.raises(ts.DataError, match="fill 0 leaves 1 lots after -1 on 0: fills before it"):
        round_trips(fills[1:], 1, marks={0: Mark(0, 1, 0)})


def test_more_closed_than_opened_is_refused() -> None:
    fills = fills_of([(0, 2, 100, 0, OPEN), (0, -3, 101, 0, CLOSE)])
    with pytest.raises(ts.DataError, match="3 long lots of instrument 0 are closed, and 2 were"):
        round_trips(fills, 1)


def test_closed_before_it_is_opened_is_refused() -> None:
    fills = fills_of([(0, -2, 100, 0, CLOSE), (0, 2, 101, 0, OPEN)])
    with pytest.raises(ts.DataError, match="fill 0 closes lots that fill 1 opens later"):
        round_trips(fills, 1)


def test_other_events_are_refused() -> None:
    fills = fills_of([(0, 2, 100, 0, 0)])
    fills["kind"] = ts.EventKind.ACCEPTED
    with pytest.raises(ts.DataError, match="no fills"):
        round_trips(fills, 1)


def test_what_is_held_needs_a_price() -> None:
    with pytest.raises(ts.DataError, match="instrument 0 is still held") as caught:
        round_trips(fills_of([(0, 2, 100, 0, 0)]), 1)
    assert "marks={0: Mark(" in str(caught.value.hint)


def test_prices_must_reach_the_last_exit() -> None:
    trips = round_trips(fills_of([(0, 2, 100, 0, 0), (0, -2, 110, 0, 0)]), 1)
    with pytest.raises(ts.DataError, match="instrument 0 has 1 lows and 1 highs, its trips need 2"):
        trips.excursions({0: np.array([100])}, 1)
    with pytest.raises(ts.DataError, match="prices of instrument 0 are missing"):
        trips.excursions({}, 1)


def test_every_instrument_needs_its_scale() -> None:
    with pytest.raises(ts.DataError, match="units_per_tick_lot has no instrument 1"):
        round_trips(fills_of([(1, 2, 100, 0, 0), (1, -2, 110, 0, 0)]), {0: 1})
