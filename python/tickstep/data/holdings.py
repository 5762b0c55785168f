"""Holdings from files: what to hold from when on."""

import csv
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from tickstep.data.symbols import symbol
from tickstep.errors import DataError
from tickstep.portfolio import Holdings

__all__ = ["read_holdings"]

NAMES = {
    "date": ("date", "day", "trade_date", "日期", "交易日期"),
    "asset": ("asset", "symbol", "code", "ticker", "instrument", "ts_code", "代码", "证券代码"),
    "weight": ("weight", "share", "w", "权重"),
}
DATE = re.compile(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})$")


def read_holdings(path: str | Path, *, canonical: bool = False) -> Holdings:
    """Read weights by date and asset from a CSV file.

    Parameters
    ----------
    path : path
        A table with a header that names date, asset and weight in usual words; dates are written as
        2022/1/28, 2022-01-28 or 20220128, weights as shares of 1 or as "5%".
    canonical : bool
        True brings assets to our form of symbols ("603998.SH" to "603998.SSE"); else they stay as
        they are written.

    Returns
    -------
    Holdings
        For `ts.HoldWeights`.

    Raises
    ------
    DataError
        When a column is missing, or a row is bad: the message names line, value and rule.
    OSError
        When the file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import tickstep as ts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "holdings.csv")
    >>> _ = path.write_text("date,asset,weight\\n2022/1/28,603998.SH,0.01\\n2022/1/28,600000.SH,2%\\n")
    >>> ts.read_holdings(path).weights
    ({'603998.SH': 0.01, '600000.SH': 0.02},)
    >>> ts.read_holdings(path, canonical=True).symbols
    ('600000.SSE', '603998.SSE')
    """
    file = Path(path)
    with file.open(encoding="utf-8-sig", newline="") as text:
        return Holdings.of_rows(_rows(file, csv.reader(text), canonical))


def _rows(
    file: Path, lines: Iterator[list[str]], canonical: bool
) -> Iterator[tuple[date, str, float]]:
    header = [name.strip().lower() for name in next(lines, [])]
    places = [_place(file, header, name) for name in NAMES]
    for number, line in enumerate(lines, start=2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) < len(header):
            raise DataError(
                f"{file.name}, line {number} has {len(line)} cells, the header has {len(header)}",
                hint="give a date, an asset and a weight in each line",
            )
        day, asset, weight = (line[place].strip() for place in places)
        try:
            yield _day(day), str(symbol(asset)) if canonical else asset, _weight(weight)
        except ValueError as error:
            raise DataError(
                f"{file.name}, line {number}: {error}",
                hint="a line reads 2022/1/28,603998.SH,0.01",
            ) from error


def _place(file: Path, header: list[str], name: str) -> int:
    found = [place for place, told in enumerate(header) if told in NAMES[name]]
    if not found:
        raise DataError(
            f"{file.name} has no column {name!r}: its header is {','.join(header) or 'empty'}",
            hint="the header reads date,asset,weight",
        )
    return found[0]


def _day(text: str) -> date:
    parts = DATE.match(text.split(" ")[0].split("T")[0])
    if parts is None:
        raise ValueError(f"{text!r} is not a date")
    year, month, day = map(int, parts.groups())
    return date(year, month, day)


def _weight(text: str) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)
