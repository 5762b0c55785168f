"""The demonstration: a market that is computed, and a strategy to trade in it.

The sample comes out of integers alone (a counter, hashed), so it is the same on every machine and
under every version of NumPy, and so is the digest of a run over it. It is a random walk kept within a
band: made for showing how things work, not for judging strategies.
"""

import numpy as np
import numpy.typing as npt

from tickstep.errors import ConfigError
from tickstep.strategy import Fill, Strategy
from tickstep.ticks import Int64Array, Ticks

__all__ = ["TICKS_DEFAULT", "Grid", "sample"]

UInt64Array = npt.NDArray[np.uint64]

TICKS_DEFAULT = 200_000
TICKS_MAX = 50_000_000

START_MS = 1_704_067_200_000  # 2024-01-01 00:00 UTC
PRICE_START = 10_000  # 100.00
BAND_TICKS = 800  # the walk turns around so far from its start
BLOCK_TRADES = 4096  # calm and wild stretches

STREAMS = {"gap": 1, "move": 2, "side": 3, "qty": 4, "wild": 5}


class Grid(Strategy):
    """Buy below and sell above in equal steps; answer each fill one step on the other side.

    Parameters
    ----------
    step : float, money
        Distance of the levels.
    levels : int
        Orders on each side at the start.
    qty : float, units of the instrument
        Size of each order.

    Examples
    --------
    >>> import tickstep as ts
    >>> from tickstep.demo import Grid, sample
    >>> result = ts.backtest(Grid, sample(20_000), cash=10_000)
    >>> result.stats["Fills"] == result.stats["Maker Fills"] > 0
    True
    """

    step = 0.25
    levels = 16
    qty = 5.0

    def on_start(self) -> None:
        """Wait for the first tick: it tells where the market is."""
        self.at(self.now)

    def on_timer(self, time: int) -> None:
        """Place the levels around the first price."""
        centre = self.last_price
        assert centre is not None, "times come with ticks"
        for level in range(1, self.levels + 1):
            self.buy(self.qty, limit=centre - level * self.step)
            self.sell(self.qty, limit=centre + level * self.step)

    def on_fill(self, fill: Fill) -> None:
        """Put the opposite order one step away."""
        if fill.side == "BUY":
            self.sell(fill.qty, limit=fill.price + self.step)
        else:
            self.buy(fill.qty, limit=fill.price - self.step)


def sample(count: int = TICKS_DEFAULT) -> Ticks:
    """Compute trades of a market that never was.

    Parameters
    ----------
    count : int
        How many, from 1 to 50,000,000. A shorter sample is the beginning of a longer one.

    Returns
    -------
    Ticks
        Trades about 2 seconds apart, prices around 100.00.

    Raises
    ------
    ConfigError
        When `count` is out of range.

    Examples
    --------
    >>> from tickstep.demo import sample
    >>> ticks = sample(1000)
    >>> len(ticks), ticks.price_ticks[:6].tolist()
    (1000, [10001, 10001, 10001, 10001, 10004, 10005])
    """
    if not 1 <= count <= TICKS_MAX:
        raise ConfigError(
            f"a sample of {count} ticks was asked for, from 1 to {TICKS_MAX:,} are possible",
            hint="tickstep demo --ticks 1000000",
        )
    side = _bits("side", count, 1).astype(np.uint8)
    spread = 1 - 2 * side.astype(np.int64)  # buyers pay one tick more, sellers get one less
    columns = (_times(count), _walk(count) + spread, _qtys(count), side)
    for column in columns:
        column.flags.writeable = False
    return Ticks(*columns, tick_size="0.01", lot="0.001", symbol="DEMO", source="computed")


def _times(count: int) -> Int64Array:
    """Leave gaps that are products of two random factors: many short ones, a few of seconds."""
    first, second = _bits("gap", count, 12), _bits("gap", count, 12, shift=12)
    return START_MS + np.cumsum(1 + ((first * second) >> 11))


def _walk(count: int) -> Int64Array:
    """Add up moves of -3 to 3 ticks, more of them in wild stretches, and fold the sum into the band."""
    moves = _bits("move", count, 2) - _bits("move", count, 2, shift=2)
    blocks = _bits("wild", count // BLOCK_TRADES + 1, 2)
    is_moving = _bits("move", count, 2, shift=4) <= np.repeat(blocks, BLOCK_TRADES)[:count]
    walked = np.cumsum(moves * is_moving) + BAND_TICKS
    turn = 4 * BAND_TICKS
    folded: Int64Array = np.minimum(walked % turn, turn - walked % turn)
    return PRICE_START - BAND_TICKS + folded


def _qtys(count: int) -> Int64Array:
    first, second = _bits("qty", count, 10), _bits("qty", count, 10, shift=10)
    return 1 + ((first * second) >> 8)


def _bits(stream: str, count: int, bits: int, shift: int = 0) -> Int64Array:
    hashed = _hashed(STREAMS[stream], count) >> np.uint64(shift)
    return (hashed & np.uint64((1 << bits) - 1)).astype(np.int64)


def _hashed(stream: int, count: int) -> UInt64Array:
    """Mix a counter as SplitMix64 does; uint64 arithmetic wraps around by definition."""
    mixed = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(stream << 40)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
