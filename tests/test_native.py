"""The C library as a C or cffi user meets it: installed under a prefix, found there, used."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

import tickstep as ts

ROOT = Path(__file__).parent.parent
C_EXAMPLE = ROOT / "examples" / "c" / "backtest.c"
CFFI_EXAMPLE = ROOT / "examples" / "cffi" / "backtest.py"
ROWS = 20_000

for tool in ("make", "cc", "pkg-config"):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed", allow_module_level=True)


def output_of(*command: str | Path, **variables: str | Path) -> str:
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("prefix")
    build = tmp_path_factory.mktemp("build")
    output_of("make", "install", f"PREFIX={place}", f"BUILD={build}", MAKEFLAGS="", DESTDIR="")
    return place


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Columns of a walk that comes back to its beginning, through many levels of the grid."""
    place = tmp_path_factory.mktemp("columns")
    chance = random.Random(20)
    columns = {
        name: array(kind)
        for name, kind in [("time", "q"), ("price", "q"), ("qty", "q"), ("side", "B")]
    }
    time, price = 1_700_000_000_000, 60_000
    for _ in range(ROWS):
        time += chance.randrange(3)
        price += chance.randint(-20, 20) - (price - 60_000) // 100
        columns["time"].append(time)
        columns["price"].append(price)
        columns["qty"].append(chance.randint(1, 5000))
        columns["side"].append(chance.randrange(2))
    for name, column in columns.items():
        suffix = "u8" if name == "side" else "i64"
        (place / f"{name}.{suffix}").write_bytes(column.tobytes())
    return place


def pkg_config(prefix: Path, *options: str) -> list[str]:
    path = prefix / "lib" / "pkgconfig"
    return output_of("pkg-config", *options, "tickstep", PKG_CONFIG_PATH=path).split()


@pytest.fixture(scope="module")
def c_output(prefix: Path, folder: Path) -> str:
    program = prefix / "backtest"
    output_of("cc", "-O2", C_EXAMPLE, *pkg_config(prefix, "--cflags", "--libs"), "-o", program)
    return output_of(program, folder, LD_LIBRARY_PATH=prefix / "lib")


def test_everything_is_installed(prefix: Path) -> None:
    header = prefix / "include" / "tickstep.h"
    assert header.read_bytes() == (ROOT / "include" / "tickstep.h").read_bytes()
    library = prefix / "lib"
    assert (library / "libtickstep.a").stat().st_size > 0
    assert (library / "libtickstep.so").resolve() == (library / "libtickstep.so.0").resolve()
    assert pkg_config(prefix, "--modversion") == [ts.__version__]
    assert f"-I{prefix}/include" in pkg_config(prefix, "--cflags")


def test_destdir_stands_before_the_prefix(tmp_path: Path) -> None:
    output_of(
        "make", "install", "PREFIX=/usr", f"BUILD={tmp_path / 'build'}",
        MAKEFLAGS="", DESTDIR=tmp_path / "stage",
    )  # fmt: skip
    installed = tmp_path / "stage" / "usr" / "lib" / "pkgconfig" / "tickstep.pc"
    assert "prefix=/usr\n" in installed.read_text()


def test_output_is_as_agreed(c_output: str) -> None:
    digest, account = c_output.splitlines()
    name, value = digest.split(" ")
    assert name == "digest"
    assert len(value) == 32
    assert int(value, 16) > 0
    words = account.split(" ")
    assert words[0::2] == ["cash", "position", "fills"]
    assert int(words[5]) > 100


def test_static_library_says_the_same(prefix: Path, folder: Path, c_output: str) -> None:
    program = prefix / "backtest-static"
    archive = prefix / "lib" / "libtickstep.a"
    output_of("cc", "-O2", C_EXAMPLE, f"-I{prefix}/include", archive, "-o", program)
    assert output_of(program, folder) == c_output


def test_cffi_says_the_same(prefix: Path, folder: Path, c_output: str) -> None:
    pytest.importorskip("cffi")
    assert output_of(sys.executable, CFFI_EXAMPLE, folder, prefix) == c_output


def test_cffi_finds_the_prefix(prefix: Path, folder: Path, c_output: str) -> None:
    pytest.importorskip("cffi")
    path = prefix / "lib" / "pkgconfig"
    assert output_of(sys.executable, CFFI_EXAMPLE, folder, PKG_CONFIG_PATH=path) == c_output


def test_bad_columns_are_named(prefix: Path, folder: Path, c_output: str, tmp_path: Path) -> None:
    assert c_output
    for column in folder.iterdir():
        (tmp_path / column.name).write_bytes(column.read_bytes())
    (tmp_path / "qty.i64").write_bytes(bytes(8 * ROWS))
    done = subprocess.run(
        [prefix / "backtest", tmp_path],
        env={"LD_LIBRARY_PATH": str(prefix / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "quantity must be from 1" in done.stderr
