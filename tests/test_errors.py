"""Errors: one table for all statuses, parts that survive, and an import that says what is missing."""

import pickle
import subprocess
import sys

import pytest

import tickstep as ts
from tickstep import _kernel, errors

NUMBERS = range(-2, 256)
ERROR_CLASSES = (
    ts.CapacityError,
    ts.ConfigError,
    ts.DataError,
    ts.InternalError,
    ts.MoneyOverflowError,
    ts.OrderError,
    ts.StateError,
    ts.UnknownOrderError,
)


def test_the_table_has_every_status_of_the_kernel_under_its_name() -> None:
    table = {status.number: status.name for status in errors.STATUSES}
    kernel = {number: _kernel.status_name(number) for number in NUMBERS}
    assert table == {n: name for n, name in kernel.items() if name not in ("UNKNOWN", "OK")}


def test_reasons_and_kinds_are_those_of_the_kernel() -> None:
    kernel = {number: _kernel.reason_name(number) for number in range(256)}
    assert {r.value: r.name for r in ts.Reason} == {
        number: name for number, name in kernel.items() if name != "UNKNOWN"
    }
    assert {kind.name: kind.value for kind in ts.EventKind} == _kernel.EVENT_KINDS
    assert ts.Reason.NO_CASH.message == "not enough cash for the worst price and its fee"


@pytest.mark.parametrize("status", errors.STATUSES, ids=lambda status: status.name)
def test_each_status_becomes_its_exception(status: errors.Status) -> None:
    error = errors.error_from_status(status.number, status.name, "what was wrong")
    assert type(error) is status.error
    assert (error.code, error.name, error.message) == (
        status.number,
        status.name,
        "what was wrong",
    )
    assert error.hint == status.hint


def test_numbers_outside_the_table_take_the_class_of_the_call() -> None:
    error = errors.error_from_status(113, "OFF_GRID", "message", "mend", ts.OrderError)
    assert isinstance(error, ts.OrderError)
    assert str(error) == "message\nhint: mend"
    assert isinstance(errors.error_from_status(113, "OFF_GRID", "message"), ts.InternalError)


@pytest.mark.parametrize("kind", ERROR_CLASSES)
def test_errors_keep_their_parts_across_processes(kind: type[ts.TickstepError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what", hint="mend", code=36, name="QTY")))
    assert type(error) is kind
    assert (error.message, error.hint, error.code, error.name) == ("what", "mend", 36, "QTY")
    assert kind("what").name == kind.__name__
    assert str(kind("what")) == "what"


def test_errors_are_also_what_python_programmers_catch() -> None:
    assert issubclass(ts.ConfigError, ValueError)
    assert issubclass(ts.DataError, ValueError)
    assert issubclass(ts.UnknownOrderError, (ts.OrderError, KeyError))
    assert issubclass(ts.MoneyOverflowError, OverflowError)
    assert str(ts.UnknownOrderError("no order 7")) == "no order 7"


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_missing_native_module_is_an_import_error_that_says_what_to_do() -> None:
    result = _python("import sys; sys.modules['tickstep._kernel'] = None; import tickstep")
    assert result.returncode != 0
    assert "ImportError: the native module tickstep._kernel is missing" in result.stderr
    assert "pip install tickstep" in result.stderr


def test_importing_loads_no_frames_and_no_charts() -> None:
    heavy = ("polars", "matplotlib", "pandas", "pyarrow")
    result = _python(
        f"import sys, tickstep; print([name for name in {heavy} if name in sys.modules])"
    )
    assert result.stdout.strip() == "[]", result.stderr


def test_a_name_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ts.nothing  # noqa: B018
