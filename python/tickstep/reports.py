"""Reports by the ending of their file: pages to look around in, paper, pictures; of one run or more."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tickstep.comparison import Comparison
from tickstep.drawing import check_ending
from tickstep.errors import ConfigError
from tickstep.notebook import comparison_html
from tickstep.review import Review, ReviewedRun
from tickstep.sidebyside import SideBySide, names_of

__all__ = ["RunComparison", "checked_runs", "report", "write_report"]

PAGE, PAPER = ".html", ".pdf"
PICTURES = (".png", ".svg")


def write_report(
    run: ReviewedRun, path: str | Path, *, benchmark: Any = None, script: str = "embed"
) -> Path:
    """Write a report of one run; see `Result.report`.

    Parameters
    ----------
    run : ReviewedRun
        Such as a `Result`.
    path : path
        A page (.html), a report of several pages (.pdf) or one sheet (.png, .svg).
    benchmark : Bars, Ticks, or (times, values), optional
        What the run is drawn beside.
    script : str
        Of pages: where the script of Plotly is.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        For another ending.
    """
    file = Path(path)
    check_ending(file, (PAGE, PAPER, *PICTURES))
    review = Review(run, benchmark)
    # Loaded here: most runs are never drawn.
    if file.suffix == PAGE:
        from tickstep.webpage import write_review

        return write_review(review, file, script)
    from tickstep.tearsheet import draw_sheet, write_pages

    return write_pages(review, file) if file.suffix == PAPER else draw_sheet(review, file)


def checked_runs(runs: Sequence[Any]) -> None:
    """Raise a `ConfigError` when one of these is no result of a run."""
    for each in runs:
        if not hasattr(each, "account"):
            raise ConfigError(
                f"{type(each).__name__} is no result of a run",
                hint="give what ts.backtest returns, each by itself",
            )


def report(
    results: ReviewedRun | Sequence[ReviewedRun],
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    script: str = "embed",
) -> Path:
    """Write one report of several runs: curves from 100, what differs, statistics, correlation.

    Parameters
    ----------
    results : sequence of Result
        Runs, in the order in which they are shown; of a single one the report is that of
        `Result.report`.
    path : path
        A page (.html) or a report of several pages (.pdf).
    names : sequence of str, optional
        What the runs are called; by default strategy and parameters.
    script : {"embed", "beside"} or an address
        Of pages: whether the script of Plotly is in the page, in a file beside it that several
        reports share, or at an address that ends in .js.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        For another ending, no runs, or another number of names than of runs.
    ImportError
        When a page is asked for and the extra `plot` is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import tickstep as ts
    >>> from tickstep.demo import Grid, sample
    >>> runs = [ts.backtest(Grid(levels=each), sample(3_000), cash=10_000) for each in (4, 8)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ts.report(runs, f"{folder}/both.pdf", names=["four", "eight"]).name
    'both.pdf'
    """
    checked_runs(results if isinstance(results, Sequence) else [results])
    if not isinstance(results, Sequence):
        return write_report(results, path, script=script)
    file, called = Path(path), list(names_of(results) if names is None else names)
    check_ending(file, (PAGE, PAPER))
    if len(called) != len(results):
        raise ConfigError(
            f"there are {len(results)} runs and {len(called)} names",
            hint="give a name for each run",
        )
    if len(results) == 1:
        return write_report(results[0], file, script=script)
    runs = SideBySide(results, called)
    if file.suffix == PAGE:
        from tickstep.webpage import write_comparison

        return write_comparison(runs, file, script)
    from tickstep.tearsheet import draw_comparison

    return draw_comparison(runs, file)


class RunComparison(Comparison):
    """Several runs beside each other: print it, take its `frame`, or write a report.

    Parameters
    ----------
    runs : sequence of Result
        In the order in which they are shown.
    names : sequence of str, optional
        What they are called; by default strategy and parameters.
    """

    def __init__(self, runs: Sequence[ReviewedRun], names: Sequence[str] | None = None) -> None:
        self._results = list(runs)
        checked_runs(self._results)
        self._names = list(names_of(runs) if names is None else names)
        super().__init__(
            {name: run.stats for name, run in zip(self._names, self._results, strict=True)}
        )

    def report(self, path: str | Path, *, script: str = "embed") -> Path:
        """Write a report; see `tickstep.report`.

        Parameters
        ----------
        path : path
            A page (.html) or a report of several pages (.pdf).
        script : str
            Of pages: where the script of Plotly is.

        Returns
        -------
        Path
            The file.
        """
        return report(self._results, path, names=self._names, script=script)

    def _repr_html_(self) -> str:
        return comparison_html(SideBySide(self._results, self._names))
