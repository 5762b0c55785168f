"""Options of the test suite, and what several of its files stand on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from binance_site import Site, served


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--scripts",
        type=int,
        default=200,
        help="random scripts that every engine runs against the oracle (default 200)",
    )


@pytest.fixture
def data_folder() -> Path:
    """The folder of recorded market data, which is too large to be kept beside the tests."""
    folder = os.environ.get("TICKSTEP_DATA")
    if folder is None:
        pytest.skip("TICKSTEP_DATA names no folder of recorded data")
    return Path(folder)


@pytest.fixture
def site() -> Iterator[tuple[Site, str]]:
    with served() as site:
        yield site
