"""Strategies called at every tick at native speed: compiled by Numba, or in C, Rust or the like.

    @ts.native(state=(0.0,))
    def reverting(state, tick):
        mean = state[0] + (tick.price - state[0]) / 100
        if tick.position_lots == 0 and tick.price < mean - 1:
            return (mean,), 5
        if tick.position_lots > 0 and tick.price > mean:
            return (mean,), -tick.position_lots
        return (mean,), 0

    ts.backtest(reverting, ticks)

The function is compiled into a loop over the columns, so it costs what it does and no more: the kernel
is called when a tick reaches what an order waits for, or the function asks for something. It is
called after each tick, with the fills of the tick known, and what it asks for is live from the next
tick on: the same events as a `Strategy` that does the same in `on_tick`. Everything is whole ticks,
lots and money units; only `tick.price` is a float.

`load` takes a function from a shared library; `tickstep_strategy.h` says how to write one.
"""

import copy
import ctypes
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from tickstep._kernel import desk_terms
from tickstep.engine import Engine
from tickstep.errors import ConfigError
from tickstep.extras import require
from tickstep.ticks import Int64Array, Ticks

__all__ = [
    "Command",
    "NativeStrategy",
    "NativeTick",
    "cancel",
    "cancel_all",
    "limit",
    "load",
    "market",
    "native",
    "nothing",
    "stop",
    "trailing_stop",
]

PIECE_ROWS = 1 << 22  # between two looks for Ctrl-C
FALLING, RISING, WAKE, POSITION, CASH, OPEN_ORDERS, NEXT_ORDER_ID, FILLS, COUNT = range(9)


class NativeTick(NamedTuple):
    """A tick, and the account after it, as a compiled function sees them.

    `side` is that of the aggressor, 0 buy and 1 sell; `row` counts from 0; `position_lots` is long
    above 0; alerts are not among `open_orders`; the first order asked for now will have the id
    `next_order_id`; `fills` counts those of the run so far.
    """

    row: int
    time: int
    price: float
    price_ticks: int
    qty_lots: int
    side: int
    position_lots: int
    cash_units: int
    open_orders: int
    next_order_id: int
    fills: int


class Command(NamedTuple):
    """What a compiled function asks for; made by `market`, `limit`, `cancel` and the like."""

    what: int
    order_type: int
    side: int
    time_in_force: int
    flags: int
    qty_lots: int
    price_ticks: int
    trigger_ticks: int
    trail_ticks: int
    expire_time: int
    oco_group: int
    tag: int


def nothing() -> Command:
    """Ask for nothing.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.native.nothing().what
    0
    """
    return Command(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def market(lots: int, tag: int = 0) -> Command:
    """Trade at the market.

    Parameters
    ----------
    lots : int
        Bought above 0, sold below.
    tag : int
        A number of your own, told with every fill.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.native.market(-3).qty_lots
    3
    """
    return Command(1, 1, 0 if lots > 0 else 1, 1, 0, abs(lots), 0, 0, 0, 0, 0, tag)


def limit(lots: int, price_ticks: int, flags: int = 0, oco_group: int = 0, tag: int = 0) -> Command:
    """Trade at a limit or better.

    Parameters
    ----------
    lots : int
        Bought above 0, sold below.
    price_ticks : int
        The limit.
    flags : int
        1 post-only, 2 reduce-only, 3 both.
    oco_group : int
        A number shared by orders of which fills of one take lots off the others; 0 for none.
    tag : int
        A number of your own, told with every fill.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.native.limit(2, 9_950).price_ticks
    9950
    """
    side = 0 if lots > 0 else 1
    return Command(1, 2, side, 1, flags, abs(lots), price_ticks, 0, 0, 0, oco_group, tag)


def stop(
    lots: int, trigger_ticks: int, flags: int = 0, oco_group: int = 0, tag: int = 0
) -> Command:
    """Trade at the market once the price has reached a trigger.

    Parameters
    ----------
    lots : int
        Bought above 0, when the price is at the trigger or above; sold below, at it or below.
    trigger_ticks : int
        The trigger.
    flags, oco_group, tag : int
        As for `limit`.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.native.stop(-2, 9_900, flags=2).trigger_ticks
    9900
    """
    side = 0 if lots > 0 else 1
    return Command(1, 3, side, 1, flags, abs(lots), 0, trigger_ticks, 0, 0, oco_group, tag)


def trailing_stop(
    lots: int, trail_ticks: int, flags: int = 0, oco_group: int = 0, tag: int = 0
) -> Command:
    """Trade at the market once the price has turned by a distance from its best.

    Parameters
    ----------
    lots : int
        Bought above 0, sold below.
    trail_ticks : int
        The distance.
    flags, oco_group, tag : int
        As for `limit`.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.native.trailing_stop(-2, 30).trail_ticks
    30
    """
    side = 0 if lots > 0 else 1
    return Command(1, 6, side, 1, flags, abs(lots), 0, 0, trail_ticks, 0, oco_group, tag)


def cancel(order_id: int) -> Command:
    """Cancel an order; one that has ended stays as it is.

    Parameters
    ----------
    order_id : int
        From `tick.next_order_id` of the tick at which it was asked for.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.native.cancel(7).what
    2
    """
    return Command(2, 0, 0, 0, 0, order_id, 0, 0, 0, 0, 0, 0)


def cancel_all() -> Command:
    """Cancel every open order; alerts stay.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.native.cancel_all().what
    3
    """
    return Command(3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


HELPERS = (nothing, market, limit, stop, trailing_stop, cancel, cancel_all)


class NativeStrategy:
    """A strategy that runs outside Python; `ts.backtest` takes it like any other."""

    name: str

    def parts(self) -> list[Any]:
        """Functions whose source is the identity of the strategy; none where it is not Python."""
        return []

    def run(self, engine: Engine, ticks: Ticks) -> None:
        """Call it for every tick that is bound to an engine.

        Parameters
        ----------
        engine : Engine
            A fresh one, to which the ticks are bound.
        ticks : Ticks
            The same.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"


class Compiled(NativeStrategy):
    """A Python function for Numba to compile; made by `native`."""

    def __init__(self, function: Callable[..., Any], state: Any) -> None:
        self.name = function.__name__
        self.function = function
        self._state = state

    def __call__(self, state: Any, tick: NativeTick) -> Any:
        """Call the function as it is, without compiling it."""
        return self.function(state, tick)

    def parts(self) -> list[Any]:
        """Return the function."""
        return [self.function]

    def run(self, engine: Engine, ticks: Ticks) -> None:
        """Compile it, the first time, and call it for every tick."""
        _, head, commands, width = desk_terms()
        board = np.zeros(head + commands * width, np.int64)
        step = ticks._tick.step.partition(".")
        drive, denominator = _loop(self.function), float(10 ** len(step[2]))
        scale = (float(step[0] + step[2]), denominator)
        columns = (ticks.time, ticks.price_ticks, ticks.qty_lots, ticks.side)

        def loop(desk: int) -> None:
            row, state, rows = 0, copy.deepcopy(self._state), len(ticks)
            while row < rows:
                end = min(row + PIECE_ROWS, rows)
                row, state, is_stopped = drive(desk, board, columns, scale, row, end, state)
                if is_stopped:
                    return
                _turn()(desk, row - 1)

        engine._run_compiled(board, loop)


class Loaded(NativeStrategy):
    """A function of a shared library; made by `load`."""

    def __init__(self, path: Path, symbol: str, state: ctypes.Structure | bytes | None) -> None:
        try:
            self._library = ctypes.CDLL(str(path.resolve()))
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be loaded: {error}",
                hint="cc -O2 -shared -fPIC -I$(python -c 'import tickstep; "
                "print(tickstep.get_include())') strategy.c -o strategy.so",
            ) from error
        if not hasattr(self._library, symbol):
            raise ConfigError(
                f"{path} has no function {symbol!r}",
                hint="name it: native.load(path, symbol=...); in C++ and Rust, keep the name as it is",
            )
        self.name = f"{path.name}:{symbol}"
        self._function = getattr(self._library, symbol)
        self._state = b"" if state is None else bytes(state)

    def run(self, engine: Engine, ticks: Ticks) -> None:
        """Call the function for every tick, with a copy of the state."""
        state = ctypes.create_string_buffer(self._state, len(self._state)) if self._state else None
        address = ctypes.cast(self._function, ctypes.c_void_p).value
        assert address is not None, "a function has an address"
        engine._run_function(address, 0 if state is None else ctypes.addressof(state))


def load(
    path: str | Path, symbol: str = "on_tick", *, state: ctypes.Structure | bytes | None = None
) -> NativeStrategy:
    """Take a strategy from a shared library.

    Parameters
    ----------
    path : str or Path
        The library: `strategy.so`.
    symbol : str
        Name of a function of the type `tks_on_tick` of `tickstep_strategy.h`. It runs within this
        process: what it breaks is broken.
    state : ctypes.Structure or bytes, optional
        What its first argument points to at the start of a run; each run has a copy. NULL without.

    Returns
    -------
    NativeStrategy
        For `ts.backtest`.

    Raises
    ------
    ConfigError
        When there is no such library, or no such function in it.

    Examples
    --------
    >>> import tickstep as ts
    >>> ts.native.load("nowhere.so")
    Traceback (most recent call last):
        ...
    tickstep.errors.ConfigError: nowhere.so cannot be loaded: ...
    """
    return Loaded(Path(path), symbol, state)


class _Native:
    """What `ts.native` is: the decorator, and the functions of this module."""

    load = staticmethod(load)
    nothing = staticmethod(nothing)
    market = staticmethod(market)
    limit = staticmethod(limit)
    stop = staticmethod(stop)
    trailing_stop = staticmethod(trailing_stop)
    cancel = staticmethod(cancel)
    cancel_all = staticmethod(cancel_all)
    Command = Command
    NativeTick = NativeTick

    @overload
    def __call__(self, function: Callable[..., Any], *, state: Any = ...) -> Compiled: ...
    @overload
    def __call__(
        self, function: None = None, *, state: Any = ...
    ) -> Callable[[Callable[..., Any]], Compiled]: ...
    def __call__(self, function: Callable[..., Any] | None = None, *, state: Any = ()) -> Any:
        """Make a strategy of a function that Numba compiles; needs `pip install 'tickstep[numba]'`.

        Parameters
        ----------
        function : callable
            `function(state, tick)` gives the next state and what it asks for: a number of lots to
            trade at the market (0 is nothing), a `Command`, or a tuple of up to 16 of them, always
            of the same kind.
        state : anything Numba knows, best a tuple of numbers
            The state before the first tick. Of the same types as what the function gives. Arrays in
            it are copied for each run.

        Returns
        -------
        NativeStrategy
            For `ts.backtest`. Called, it is the function itself.

        Examples
        --------
        >>> import tickstep as ts
        >>> @ts.native(state=0)
        ... def every_hundredth(state, tick):
        ...     return state + 1, 1 if state % 100 == 0 else 0
        >>> every_hundredth
        Compiled(every_hundredth)
        """
        if function is None:
            return lambda function: Compiled(function, state)
        return Compiled(function, state)


native = _Native()


@cache
def _turn() -> Any:
    """The kernel's side of the loop: a function of the desk and a row."""
    address = desk_terms()[0]
    return ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_size_t, ctypes.c_uint64)(address)


@cache
def _numba() -> ModuleType:
    numba = require("numba", extra="numba")
    extending = require("numba.extending", extra="numba")
    for helper in HELPERS:
        extending.register_jitable(helper)
    _teach(numba, extending)
    return numba


def _is_asked(wish: Any) -> bool:
    """Whether a function asked for anything: known to Numba by the type of its answer."""
    raise NotImplementedError


def _put(board: Int64Array, wish: Any) -> None:
    """Write down what it asked for: known to Numba as above."""
    raise NotImplementedError


def _put_one(board: npt.NDArray[Any], place: int, command: Command) -> None:
    at = HEAD + place * WIDTH
    board[at] = command.what
    board[at + 1] = command.order_type
    board[at + 2] = command.side
    board[at + 3] = command.time_in_force
    board[at + 4] = command.flags
    board[at + 5] = command.qty_lots
    board[at + 6] = command.price_ticks
    board[at + 7] = command.trigger_ticks
    board[at + 8] = command.trail_ticks
    board[at + 9] = command.expire_time
    board[at + 10] = command.oco_group
    board[at + 11] = command.tag


_, HEAD, COMMANDS_MAX, WIDTH = desk_terms()


def _bare(function: Callable[..., Any]) -> Callable[..., Any]:
    """Take the annotations off: Numba compares whole signatures, and its own have none."""
    function.__annotations__ = {}
    return function


def _teach(numba: ModuleType, extending: ModuleType) -> None:
    """Tell Numba what the answers of functions mean, one meaning for each type."""
    types = numba.types
    put_one = extending.register_jitable(_put_one)

    def is_command(kind: Any) -> bool:
        return isinstance(kind, types.NamedUniTuple) and kind.instance_class is Command

    def is_several(kind: Any) -> bool:
        return isinstance(kind, types.UniTuple) and is_command(kind.dtype)

    def asked(wish: Any) -> Any:
        if isinstance(wish, types.Integer):
            return lambda wish: wish != 0
        if is_command(wish):
            return lambda wish: wish.what != 0
        if is_several(wish) and wish.count <= COMMANDS_MAX:

            @_bare
            def any_asked(wish: Any) -> bool:
                found = False
                for each in wish:
                    found = found or each.what != 0
                return found

            return any_asked
        raise numba.errors.TypingError(
            f"a native strategy asks for {wish}: give lots, a Command, or a tuple of up to "
            f"{COMMANDS_MAX} Commands"
        )

    def put(board: Any, wish: Any) -> Any:
        if isinstance(wish, types.Integer):

            @_bare
            def put_lots(board: Any, wish: Any) -> None:
                board[COUNT] = 1
                put_one(board, 0, market(wish))

            return put_lots
        if is_command(wish):

            @_bare
            def put_command(board: Any, wish: Any) -> None:
                board[COUNT] = 1
                put_one(board, 0, wish)

            return put_command

        @_bare
        def put_several(board: Any, wish: Any) -> None:
            count = 0
            for each in wish:
                if each.what != 0:
                    put_one(board, count, each)
                    count += 1
            board[COUNT] = count

        return put_several

    extending.overload(_is_asked)(_bare(asked))
    extending.overload(_put)(_bare(put))


@cache
def _loop(function: Callable[..., Any]) -> Any:
    """The loop over the columns with a function inlined.

    Numbers of the account are kept in locals, and the inner loop calls nothing: a call anywhere in it,
    even one that is never made, would have the compiler spill what the function computes with.
    """
    numba, turn = _numba(), _turn()
    decide = numba.njit(function, forceinline=True, error_model="numpy")
    is_asked, put, make_tick = _is_asked, _put, NativeTick

    def drive(
        desk: Any, board: Any, columns: Any, scale: Any, first: Any, end: Any, state: Any
    ) -> Any:
        times, prices, qtys, sides = columns
        row = first
        while row < end:
            falling, rising, wake = board[FALLING], board[RISING], board[WAKE]
            position, cash, waiting = board[POSITION], board[CASH], board[OPEN_ORDERS]
            next_id, fills = board[NEXT_ORDER_ID], board[FILLS]
            is_woken = False
            while row < end:
                time, price = times[row], prices[row]
                if price <= falling or price >= rising or time >= wake:
                    is_woken = True
                    break
                tick = make_tick(
                    row, time, price * scale[0] / scale[1], price, qtys[row], sides[row],
                    position, cash, waiting, next_id, fills,
                )  # fmt: skip
                state, wish = decide(state, tick)
                if is_asked(wish):
                    put(board, wish)
                    break
                row += 1
            if row == end:
                break
            if is_woken:
                if turn(desk, row):
                    return row, state, True
                price = prices[row]
                tick = make_tick(
                    row, times[row], price * scale[0] / scale[1], price, qtys[row], sides[row],
                    board[POSITION], board[CASH], board[OPEN_ORDERS], board[NEXT_ORDER_ID],
                    board[FILLS],
                )  # fmt: skip
                state, wish = decide(state, tick)
                if is_asked(wish):
                    put(board, wish)
            if board[COUNT] and turn(desk, row):
                return row, state, True
            row += 1
        return row, state, False

    return numba.njit(drive, nogil=True, error_model="numpy")


class _Module(ModuleType):
    """This module can be called: `ts.native` is both the decorator and the room of its functions."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return native(*arguments, **options)


sys.modules[__name__].__class__ = _Module
