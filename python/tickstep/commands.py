"""What the commands of the command line share: their help, with an example each."""

import argparse
from collections.abc import Callable
from typing import Any

__all__ = ["add_command"]


def add_command(
    commands: Any,
    name: str,
    summary: str,
    example: str,
    command: Callable[[argparse.Namespace], int] | None = None,
) -> argparse.ArgumentParser:
    """Add a command.

    Parameters
    ----------
    commands : subparsers of argparse
        Where to.
    name : str
        What is typed.
    summary : str
        One line for the list of commands.
    example : str
        What stands below the help.
    command : callable, optional
        Takes the arguments and returns the exit code; None for a group of commands.

    Returns
    -------
    ArgumentParser
        For its arguments.
    """
    added: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if command is not None:
        added.set_defaults(command=command)
    return added
