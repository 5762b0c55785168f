"""Options of the test suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--scripts",
        type=int,
        default=200,
        help="random scripts that every engine runs against the oracle (default 200)",
    )
