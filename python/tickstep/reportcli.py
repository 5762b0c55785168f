"""Reports on the command line: `tickstep report`, and `--report` of the commands that run."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tickstep.commands import add_command
from tickstep.drawing import check_ending
from tickstep.errors import ConfigError
from tickstep.progress import ProgressLine
from tickstep.reports import PAGE, PAPER, PICTURES, report
from tickstep.runfile import recorded
from tickstep.webpage import require_charts

__all__ = ["add_report", "add_report_options", "check_reports"]

OUT = "report.html"
EXAMPLE = """\
example:
  tickstep report grid-run/run.json --out grid.html --out grid.pdf
  tickstep report slow/run.json fast/run.json --out both.html

Makes the report from run.json, events.npy and the data; the strategy is not run again. Several runs
are put beside each other. Pages (.html), several pages of paper (.pdf), one sheet (.png, .svg).
"""


def add_report(commands: Any) -> None:
    """Add `tickstep report`.

    Parameters
    ----------
    commands : subparsers of argparse
        Where to.
    """
    added = add_command(commands, "report", "write reports of recorded runs", EXAMPLE, _report)
    added.add_argument("runs", nargs="+", type=Path, metavar="run.json", help="records of runs")
    added.add_argument(
        "--out",
        action="append",
        type=Path,
        metavar="FILE",
        help=f"report, several times too ({OUT})",
    )
    _add_script(added)


def add_report_options(added: argparse.ArgumentParser) -> None:
    """Add `--report FILE` and `--script` to a command that runs.

    Parameters
    ----------
    added : ArgumentParser
        Of the command.
    """
    added.add_argument(
        "--report",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="write a report too: .html, .pdf, .png or .svg; several times for several",
    )
    _add_script(added)


def check_reports(
    files: Sequence[Path], *, of_several: bool = False, made: Path | None = None
) -> None:
    """Refuse reports that could not be written, before anything is run for them.

    Parameters
    ----------
    files : sequence of Path
        What was asked for.
    of_several : bool
        Whether they are of several runs, which one sheet cannot show.
    made : Path, optional
        A folder that will be made before they are written.

    Raises
    ------
    ConfigError
        For an ending that is not known, a folder that is missing, or a page without the extra `plot`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tickstep.reportcli import check_reports
    >>> check_reports([Path("run.pdf"), Path("run.png")])
    """
    for file in files:
        check_ending(file, (PAGE, PAPER) if of_several else (PAGE, PAPER, *PICTURES))
        if file.parent != made and not file.parent.is_dir():
            raise ConfigError(
                f"there is no folder {file.parent} for {file.name}", hint="make it first"
            )
        if file.suffix == PAGE:
            try:
                require_charts()
            except ImportError as error:
                raise ConfigError(
                    f"{file.name} cannot be made: {error}", hint=f"end it in {PAPER}, or install it"
                ) from error


def _add_script(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "--script",
        choices=("embed", "beside"),
        default="embed",
        help="of pages: Plotly within each (default), or in one file beside them",
    )


def _report(arguments: argparse.Namespace) -> int:
    files = arguments.out or [Path(OUT)]
    check_reports(files, of_several=len(arguments.runs) > 1)
    runs = []
    with ProgressLine("read") as line:
        for file in arguments.runs:
            runs.append(recorded(file, line))
        line.done(f"{sum(len(each.events) for each in runs):,} events")
    with ProgressLine("wrote") as line:
        for file in files:
            report(runs[0] if len(runs) == 1 else runs, file, script=arguments.script)
        line.done(", ".join(str(file) for file in files))
    return 0
