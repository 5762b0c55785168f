"""Corporate actions: by hand, against fractions, and without knowledge of what came later."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tickstep as ts
from tickstep.data.adjust import Action, adjust, factors
from tickstep.errors import ConfigError, DataError

DAYS = [f"2024-06-{day:02d}" for day in range(10, 15)]
CLOSES = ["10.00", "10.40", "7.90", "8.00", "4.10"]


def daily(closes: list[str] = CLOSES) -> ts.Bars:
    return ts.Bars.from_arrays(
        DAYS[: len(closes)],
        closes,
        closes,
        closes,
        closes,
        [1000] * len(closes),
        tick_size="0.01",
        lot=1,
        interval="1d",
        symbol="600000.SSE",
        source="raw",
    )


BONUS = Action(ex="2024-06-12", cash="0.24", bonus="0.3")  # 10 送 3 派 2.4
SPLIT = Action(ex="2024-06-14", split=2)


def test_by_hand() -> None:
    fall = (Fraction("10.40") - Fraction("0.24")) / Fraction("1.3") / Fraction("10.40")
    assert [each.price for each in factors(daily(), [SPLIT, BONUS])] == [
        fall / 2,
        Fraction(1, 2),
        1,
    ]
    assert [each.row for each in factors(daily(), [SPLIT, BONUS])] == [0, 2, 4]
    assert adjust(daily(), [SPLIT, BONUS]).close.tolist() == [3.76, 3.91, 3.95, 4.0, 4.1]
    backward = adjust(daily(), [BONUS, SPLIT], method="backward")
    assert backward.close.tolist() == [10.0, 10.4, 10.51, 10.65, 10.91]


def test_rights_follow_the_exchange_rule() -> None:
    rights = Action(ex="2024-06-11", rights="0.3", rights_price="6.50")
    expected = (Fraction(10) + Fraction("0.3") * Fraction("6.5")) / Fraction("1.3")
    assert rights.reference(Fraction(10)) == expected
    assert factors(daily(), [rights])[0].price == expected / 10


def test_actions_of_one_day_count_together() -> None:
    parts = [Action(ex="2024-06-12", cash="0.24"), Action(ex="2024-06-12", bonus="0.3")]
    assert factors(daily(), parts) == factors(daily(), [BONUS])


def test_actions_without_a_bar_between_follow_one_another() -> None:
    first, second = Action(ex="2024-06-12", bonus="0.3"), Action(ex="2024-06-13", cash="0.24")
    kept = daily()
    gap = ts.Bars(
        *(kept.columns[name][[0, 1, 4]] for name in list(kept.columns)[:6]),
        tick_size="0.01",
        lot=1,
        interval="1d",
    )
    expected = Fraction("10.40") / Fraction("1.3") - Fraction("0.24")
    assert factors(gap, [second, first])[0].price == expected / Fraction("10.40")


def test_volume_becomes_shares_of_one_size() -> None:
    adjusted = adjust(daily(), [BONUS, SPLIT], volume=True)
    assert adjusted.volume_lots.tolist() == [2600, 2600, 2000, 2000, 1000]
    assert adjust(daily(), [BONUS, SPLIT]).volume_lots.tolist() == [1000] * 5


def test_only_what_was_known_counts() -> None:
    late = Action(ex="2024-06-12", cash="0.24", known_at="2024-06-14")
    assert adjust(daily(), [late], known_at="2024-06-13").close.tolist() == daily().close.tolist()
    assert adjust(daily(), [late], known_at="2024-06-14").close[0] == 9.77
    # announced, not yet happened
    early = Action(ex="2024-06-14", split=2, known_at="2024-06-01")
    assert len(factors(daily(), [early], known_at="2024-06-13")) == 1
    # after the last bar, or before the first: nothing to bring together
    assert len(factors(daily(CLOSES[:4]), [SPLIT])) == 1
    assert len(factors(daily(), [Action(ex="2024-06-10", split=2)])) == 1


def test_what_comes_later_changes_nothing_before() -> None:
    """Backward prices up to t, and forward prices as known at t, do not move with later actions."""
    before = adjust(daily()[:3], [BONUS], method="backward").close_ticks.tolist()
    assert adjust(daily(), [BONUS, SPLIT], method="backward").close_ticks[:3].tolist() == before
    known = adjust(daily()[:3], [BONUS, SPLIT]).close_ticks.tolist()
    assert adjust(daily(), [BONUS, SPLIT], known_at=DAYS[2])[:3].close_ticks.tolist() == known


def test_grids_and_labels() -> None:
    fine = adjust(daily(), [BONUS], tick_size="0.0001")
    assert fine.close_ticks.tolist()[0] == 75148  # 10 x 10.16 / 1.3 / 10.4 = 7.51479...
    assert fine.close_ticks.tolist()[2:] == [79000, 80000, 41000]
    assert (fine.symbol, fine.interval, fine.source) == (
        "600000.SSE",
        "1d",
        {"adjusted": "forward", "of": "raw"},
    )
    assert len(adjust(daily([]), [BONUS])) == 0


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Action(ex="2024-06-12", cash=-1), ConfigError, "cash must be 0 or more, was -1"),
        (lambda: Action(ex="2024-06-12", split=0), ConfigError, "split must be above 0"),
        (lambda: Action(ex="2024-06-12", bonus="x"), ConfigError, "bonus 'x' is not a number"),
        (
            lambda: adjust(daily(), [Action(ex="2024-06-12", cash=11)]),
            DataError,
            "turn the last close 10.4 into -0.6",
        ),
        (
            lambda: adjust(daily(), [Action(ex="2024-06-12", split=10_000)]),
            DataError,
            "must be from 1",
        ),
        (lambda: adjust(daily(), [], tick_size=0), ConfigError, "tick_size must be above 0"),
        (lambda: factors(daily(), [], method="up"), ConfigError, "neither"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_an_error(make: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        make()


MONEY = st.integers(0, 30).map(lambda cents: Fraction(cents, 100))
ACTIONS = st.lists(
    st.builds(
        Action,
        ex=st.sampled_from(DAYS),
        cash=MONEY,
        bonus=MONEY,
        split=st.sampled_from([1, 2, Fraction(1, 3)]),
        rights=MONEY,
        rights_price=st.sampled_from([1, Fraction("6.37")]),
    ),
    max_size=6,
)


@given(
    st.lists(st.integers(5_000, 10**6), min_size=5, max_size=5),
    ACTIONS,
    st.sampled_from(["forward", "backward"]),
)
def test_against_fractions(closes: list[int], actions: list[Action], method: Any) -> None:
    column = np.array(closes)
    bars = ts.Bars(daily().time, column, column, column, column, column, tick_size="0.001", lot=1)
    slow = [Fraction(close) for close in closes]
    for row in range(1, 5):
        day = [action for action in actions if action.ex == DAYS[row]]
        shares = Fraction(1)
        for action in day:
            shares *= Fraction(action.split)
        shares += sum((Fraction(a.bonus) + Fraction(a.rights) for a in day), Fraction(0))
        cash = sum((Fraction(a.cash) for a in day), Fraction(0))
        paid = sum((Fraction(a.rights) * Fraction(a.rights_price) for a in day), Fraction(0))
        close = Fraction(closes[row - 1], 1000)
        fall = (close - cash + paid) / shares / close
        rows = range(row) if method == "forward" else range(row, 5)
        for each in rows:
            slow[each] *= fall if method == "forward" else 1 / fall
    assert adjust(bars, actions, method=method).close_ticks.tolist() == [round(v) for v in slow]
