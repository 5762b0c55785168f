"""A line on the terminal that tells how far long work is."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

__all__ = ["ProgressLine"]

BAR_WIDTH = 30
PATIENCE_S = 0.5  # shorter work shows no bar
PAUSE_S = 0.1  # between two drawings
CLEAR = "\r\x1b[K"


class ProgressLine:
    """Shows a bar on a terminal while work goes on, and one plain line when it is done.

    Where the stream is no terminal (a file, a pipe, CI) only the plain line is written.

    Parameters
    ----------
    label : str
        What is going on: "reading trades.csv".
    stream : text stream, optional
        Where to show it; standard error by default.
    clock : callable, optional
        Seconds that only grow.

    Examples
    --------
    >>> import io
    >>> from tickstep.progress import ProgressLine
    >>> out = io.StringIO()
    >>> with ProgressLine("counting", out) as line:
    ...     for done in range(3):
    ...         line(done + 1, 3)
    ...     line.done("3 sheep")
    >>> out.getvalue().startswith("counting: 3 sheep in 0.0")
    True
    """

    def __init__(
        self,
        label: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = label
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._start_s = clock()
        self._next_s = self._start_s + PATIENCE_S
        self._is_shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clear()

    def __call__(self, done: int, total: int) -> None:
        """Tell how far the work is.

        Parameters
        ----------
        done, total : int
            In any unit.
        """
        now_s = self._clock()
        if now_s < self._next_s or not self._stream.isatty():
            return
        self._next_s = now_s + PAUSE_S
        share = min(done / total, 1.0) if total else 1.0
        bar = "#" * round(BAR_WIDTH * share)
        left = _clock_text((now_s - self._start_s) * (1 - share) / share) if share else "-:--"
        text = f"{self._label} [{bar:.<{BAR_WIDTH}}] {share:4.0%}, {left} left"
        self._stream.write(CLEAR + text)
        self._stream.flush()
        self._is_shown = True

    def done(self, outcome: str) -> None:
        """Replace the bar by the outcome and the time it took.

        Parameters
        ----------
        outcome : str
            What was done: "200,000 ticks".
        """
        self._clear()
        took_s = self._clock() - self._start_s
        self._stream.write(f"{self._label}: {outcome} in {took_s:.2f} s\n")

    def _clear(self) -> None:
        if self._is_shown:
            self._stream.write(CLEAR)
            self._is_shown = False


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
