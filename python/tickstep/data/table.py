"""Tables of text to integer columns: which column is which, told by a header or by the caller.

The native parser reads the rows; this module finds out how they are laid out. It looks at the first
line only, so that a row that differs is a bad row and never a silent change of mind.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict

import numpy as np

from tickstep._kernel import TableParser
from tickstep.data.calendar import zone_to_utc
from tickstep.data.files import Text, argument_faults, faults_of, feed, path_told
from tickstep.data.frames import folded
from tickstep.data.merge import Columns
from tickstep.data.parts import Part, begin_ns, join, sort, without_repeats
from tickstep.errors import ConfigError, DataError
from tickstep.ticks import Number, Progress, check_time_unit

__all__ = [
    "Kind",
    "Layout",
    "TableOptions",
    "Told",
    "checked",
    "decimal_text",
    "first_cells",
    "is_feed",
    "read_parts",
    "read_rows",
    "repaired_part",
    "shown",
    "skips_bad",
    "source_of",
    "summed",
]

_HEAD_BYTES = 1 << 16
_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[-+]?\.?\d[-+.:/ \deETZ]*")  # or a date

# Names of columns in lower case, letters and digits alone; of several in one header the first counts.
ALIASES = {
    "time": (
        *("timestamp", "timestamputc", "ts", "tsopen", "opentime", "transacttime"),
        *("transactiontime", "datetime", "candlebegintime", "dt", "time", "date", "day"),
        *("时间", "日期"),
    ),
    "symbol": ("symbol", "code", "ticker", "instrument", "contract", "股票代码"),
    "open": ("open", "o", "openprice", "开盘"),
    "high": ("high", "h", "highprice", "最高"),
    "low": ("low", "l", "lowprice", "最低"),
    "close": ("close", "c", "closeprice", "收盘"),
    "volume": ("volume", "vol", "v", "basevolume", "成交量"),
    "buy_volume": (
        *("buyvolume", "takerbuyvolume", "takerbuybasevolume", "takerbuybaseassetvolume"),
    ),
    "trade_count": ("tradecount", "trades", "numtrades", "numberoftrades", "count"),
    "turnover": ("turnover", "quotevolume", "quoteassetvolume", "amount", "money", "成交额"),
    "open_interest": ("openinterest", "oi", "hold", "position", "持仓量"),
    "price": ("price", "p"),
    "qty": ("qty", "quantity", "size", "amount", "volume", "q"),
    "side": ("side", "takerside", "aggressor"),
    "buyer_is_maker": ("isbuyermaker", "buyerismaker", "buyermaker", "buyerwasmaker"),
    "bid_price": ("bidprice", "bestbidprice"),
    "bid_qty": ("bidqty", "bestbidqty", "bidsize"),
    "ask_price": ("askprice", "bestaskprice"),
    "ask_qty": ("askqty", "bestaskqty", "asksize"),
    "update_id": ("updateid", "lastupdateid"),
    "first_update_id": ("firstupdateid",),
    "previous_update_id": ("pu", "previousupdateid"),
    "percentage": ("percentage",),
    "depth": ("depth",),
    "notional": ("notional",),
}
# Columns of China's data libraries, and who reads them.
_IN_LOTS = {
    frozenset({"ts_code", "vol", "amount"}): "read_tushare",
    frozenset({"成交量", "成交额"}): "read_akshare",
}
# What is on a grid tells it by its name.
_COLUMN_NAMES = {
    **{price: f"{price}_ticks" for price in ("open", "high", "low", "close", "price")},
    **{"bid_price": "bid_ticks", "ask_price": "ask_ticks", "qty": "qty_lots"},
    **{"bid_qty": "bid_lots", "ask_qty": "ask_lots", "open_interest": "open_interest_lots"},
    **{"volume": "volume_lots", "buy_volume": "buy_lots"},
}


class TableOptions(TypedDict, total=False):
    """How to read a table; see `read_table`."""

    columns: Mapping[str, str | int]
    delimiter: str
    header: bool
    time_unit: str
    tz: str
    tick_size: Number
    lot: Number
    on_bad: Literal["raise", "skip"]
    snap: bool
    sort: bool
    drop_duplicates: bool
    allow_negative_prices: bool
    progress: Progress


class Kind(NamedTuple):
    """What the rows of a table are."""

    name: str
    needs: tuple[str, ...]
    may: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    # Fields by their places, of files without a header, by the number of columns.
    known: Mapping[int, Mapping[str, int]] = {}
    order: Literal["ascending", "strict"] = "ascending"

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields there may be."""
        return (*self.needs, *self.one_of, *self.may)


class Layout(NamedTuple):
    """How a text is laid out: its columns as (field, place, key)."""

    columns: list[tuple[str, int, str]]
    delimiter: str | None = None  # None: a JSON object in each line
    width: int = 0
    names: tuple[str, ...] | None = None

    @property
    def format(self) -> str:
        """Tell it in one word."""
        if self.delimiter is None:
            return "json"
        return "csv" if self.delimiter == "," else f"delimited by {self.delimiter!r}"


class Told(NamedTuple):
    """How the reading of one text went."""

    layout: Layout
    report: dict[str, Any]


def checked(options: TableOptions) -> TableOptions:
    """Refuse options that there are not, or of a wrong kind."""
    unknown = sorted(options.keys() - TableOptions.__annotations__.keys())
    if unknown:
        raise ConfigError(
            f"there is no option {unknown[0]}",
            hint=f"options: {', '.join(TableOptions.__annotations__)}",
        )
    skips_bad(options.get("on_bad", "raise"))
    delimiter = options.get("delimiter", ",")
    if len(delimiter) != 1 or not delimiter.isascii():
        raise ConfigError(
            f"delimiter {delimiter!r} is not one character of ASCII",
            hint=r'write "," or ";" or "\t"',
        )
    if "time_unit" in options:
        check_time_unit(options["time_unit"])
    if options.get("snap") and not {"tick_size", "lot"} & options.keys():
        raise ConfigError("snap=True needs to know a grid", hint="give tick_size= or lot=, too")
    return options


def read_parts(
    text: Text, kind: Kind, options: TableOptions, *, symbol: str | None
) -> tuple[list[Part], Told]:
    """Read one text: the rows of each symbol, and how it went."""
    layout = _layout_of(text, kind, options)
    parser = _made_parser(layout, kind, options, symbol)
    feed(parser, text, options.get("progress"))
    with faults_of(text):
        found, report = parser.finish()
    parts = [_as_part(part) for part in found]
    if "tz" in options:
        _check_naive(report, options["tz"], text)
        parts = [_in_utc(part, options, text) for part in parts]
    return parts, Told(layout, report)


def read_rows(
    texts: Sequence[Text],
    kind: Kind,
    symbol: str | None,
    options: TableOptions,
    *,
    constants: Callable[[Text], Mapping[str, Any]] | None = None,
) -> tuple[Part, dict[str, Any]]:
    """Read all rows of one instrument: columns, and the labels that go with them.

    `constants` tells columns that have one value in all rows of a text.
    """
    checked(options)
    parts, told = [], []
    for text in texts:
        found, how = read_parts(text, kind, options, symbol=symbol)
        told.append((text, how))
        for part in found:
            for name, value in (constants(text) if constants else {}).items():
                part.columns[name] = np.full(len(part.columns["time"]), value)
            parts.append(part)
    _check_one_symbol(parts, texts[0])
    parts.sort(key=begin_ns)
    whole, repaired = repaired_part(join(parts, texts[0].name), options)
    return whole, {
        "tick_size": whole.tick_size,
        "lot": whole.lot,
        "time_unit": whole.time_unit,
        "symbol": symbol or whole.symbol or texts[0].symbol,
        "source": source_of(told, len(whole.columns["time"]), repaired),
        "allow_negative_prices": options.get("allow_negative_prices", False),
    }


def _check_one_symbol(parts: Sequence[Part], text: Text) -> None:
    names = sorted({str(part.symbol) for part in parts})
    if len(names) > 1:
        raise DataError(
            f"{text.name}: the rows are of {len(names)} symbols: {shown(names)}",
            hint="symbol= takes one of them; read_bars_by_symbol() reads all",
        )


def repaired_part(part: Part, options: TableOptions) -> tuple[Part, dict[str, int]]:
    """Sort rows and drop repeats as far as the caller asks for it; what was done, counted."""
    repaired = {}
    if options.get("sort"):
        part, repaired["rows moved"] = sort(part)
    if options.get("drop_duplicates"):
        part, repaired["duplicates"] = without_repeats(part)
    return part, repaired


def source_of(
    reads: Sequence[tuple[Text, Told]], rows: int, repaired: Mapping[str, int]
) -> dict[str, Any]:
    """Tell how the reading went; of several texts the sums."""
    texts, reports = [text for text, _ in reads], [told.report for _, told in reads]
    labels = {"format": reads[0][1].layout.format, "rows": rows, "repaired": dict(repaired)}
    return {"path": path_told(texts)} | labels | summed(reports)


def summed(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up what parsers told of several texts."""
    skipped: Counter[str] = Counter()
    for report in reports:
        skipped.update(report["skipped"])
    first_bad = (report["first_bad"] for report in reports if report["first_bad"])
    return {
        "lines": sum(report["lines"] for report in reports),
        "skipped": dict(skipped),
        "first_bad": next(first_bad, None),
    }


def shown(names: Sequence[str]) -> str:
    """List the first names of a file as they can be printed."""
    printable = (name if name.isprintable() else ascii(name) for name in names[:20])
    return ", ".join(printable)[:200]


def skips_bad(on_bad: str) -> bool:
    """Whether bad rows are left out rather than raised."""
    if on_bad not in ("raise", "skip"):
        raise ConfigError(
            f"on_bad {on_bad!r} is neither 'raise' nor 'skip'",
            hint="on_bad='skip' leaves bad rows out and counts them",
        )
    return on_bad == "skip"


def decimal_text(name: str, size: Number | None) -> str | None:
    """Spell the size of a grid exactly; a float stands for its shortest text."""
    if size is None or isinstance(size, str):
        return size
    if isinstance(size, bool) or not isinstance(size, float | int | Decimal):
        raise ConfigError(
            f"{name} must be a number or its text, was {type(size).__name__}",
            hint=f'write {name}="0.01"',
        )
    return repr(float(size)) if isinstance(size, float) else str(size)


def _made_parser(
    layout: Layout, kind: Kind, options: TableOptions, symbol: str | None
) -> TableParser:
    is_free = "tz" in options or options.get("sort") or options.get("drop_duplicates")
    with argument_faults():
        return TableParser(
            layout.columns,
            delimiter=layout.delimiter,
            width=layout.width,
            has_header=layout.names is not None and layout.delimiter is not None,
            tick_size=decimal_text("tick_size", options.get("tick_size")),
            lot=decimal_text("lot", options.get("lot")),
            time_unit=options.get("time_unit"),
            symbol=symbol,
            order="any" if is_free else kind.order,
            skip_bad=skips_bad(options.get("on_bad", "raise")),
            allow_negative_prices=options.get("allow_negative_prices", False),
            needs_qty=kind.name == "trades",
            snap=options.get("snap", False),
        )


def _as_part(found: dict[str, Any]) -> Part:
    labels = {name: found.pop(name) for name in ("tick_size", "lot", "time_unit", "symbol")}
    columns: Columns = {name: found[name] for name in ("time", "side") if name in found}
    for names, rows in found.pop("blocks"):
        for place, name in enumerate(names):
            columns[_COLUMN_NAMES.get(name, name)] = np.ascontiguousarray(rows[:, place])
    return Part(columns, **labels | {"symbol": labels["symbol"] or None})


def _check_naive(report: Mapping[str, Any], zone: str, text: Text) -> None:
    if not report["is_naive"]:
        raise ConfigError(
            f"tz={zone!r} does not fit {text.name}: its times tell their offset from UTC already",
            hint="leave tz out",
        )


def _in_utc(part: Part, options: TableOptions, text: Text) -> Part:
    unit = f"datetime64[{part.time_unit}]"
    local = part.columns["time"].view(unit)
    moments = zone_to_utc(local, options["tz"]).astype(unit)
    back = np.flatnonzero(moments[1:] < moments[:-1])
    if back.size and not options.get("sort"):
        raise DataError(
            f"{text.name}: time goes backwards, from {local[back[0]]} to {local[back[0] + 1]}",
            hint="sort=True sorts the rows; an hour that summer time repeats needs times in UTC",
        )
    return part._replace(columns=part.columns | {"time": moments.view(np.int64)})


# The layout of a text, told by its first line.


def is_feed(text: Text) -> bool:
    """Whether a text is a recorded feed: messages in JSON, a receive time before them or not."""
    return re.match(rb"(\d+ )?\{", _first_lines(text)[0]) is not None


def first_cells(text: Text, options: TableOptions) -> tuple[list[str], list[str]]:
    """Return the names in the header, if there is one, and the cells of the first row."""
    lines = [_decoded(line, text) for line in _first_lines(text)[:2]]
    delimiter = options.get("delimiter") or _delimiter_of(lines[0])
    rows = [list(_cells_of(line, delimiter)) for line in lines]
    return (rows[0], rows[-1]) if _is_header(rows[0], options) else ([], rows[0])


def _layout_of(text: Text, kind: Kind, options: TableOptions) -> Layout:
    line = _first_line(text)
    if line.startswith("{") and "delimiter" not in options:
        keys = _keys_of(line, text)
        return Layout(list(_found(keys, kind, options, text)), names=keys)
    delimiter = options.get("delimiter") or _delimiter_of(line)
    cells = tuple(_cells_of(line, delimiter))
    names = cells if _is_header(cells, options) else None
    columns = list(_found(names, kind, options, text, width=len(cells)))
    return Layout(columns, delimiter, len(cells), names)


def _is_header(cells: Sequence[str], options: TableOptions) -> bool:
    return options.get("header", not any(_NUMBER.fullmatch(cell) for cell in cells))


def _first_line(text: Text) -> str:
    return _decoded(_first_lines(text)[0], text)


def _first_lines(text: Text) -> list[bytes]:
    """Return the lines at the beginning that are not blank, at least one."""
    head = text.head(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf")
    lines = [line for line in head.split(b"\n") if line.strip(b"\r")]
    if not lines:
        raise DataError(
            f"{text.name}: the file is empty",
            hint="check that the download or export was completed",
        )
    return lines


def _decoded(line: bytes, text: Text) -> str:
    try:
        # A long line is cut off by the end of the piece, maybe in the midst of a letter.
        decoded = line.decode(errors="ignore" if len(line) > _HEAD_BYTES // 2 else "strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if any(char < " " and char not in "\t\r" for char in decoded):
        raise DataError(
            f"{text.name}: line 1: the line is not text in UTF-8",
            hint="check that the file is an unpacked text file; convert other encodings to UTF-8",
        )
    return decoded.strip("\r")


def _keys_of(line: str, text: Text) -> tuple[str, ...]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise DataError(
            f"{text.name}: line 1: the line is not one JSON object: {fault}",
            hint="write one object in each line",
        ) from None
    return tuple(found)


def _delimiter_of(line: str) -> str:
    outside = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _cells_of(line: str, delimiter: str) -> Iterator[str]:
    is_quoted, start = False, 0
    for at, char in enumerate(line):
        is_quoted ^= char == '"'
        if char == delimiter and not is_quoted:
            yield line[start:at].strip().strip('"')
            start = at + 1
    yield line[start:].strip().strip('"')


def _found(
    names: Sequence[str] | None, kind: Kind, options: TableOptions, text: Text, width: int = 0
) -> Iterator[tuple[str, int, str]]:
    """Tell which column is which: as the caller says, by the header, or by the number of columns."""
    given = options.get("columns")
    if given is not None:
        places = {field: _place_of(where, names, width, text) for field, where in given.items()}
    elif names is not None:
        _check_units(names, kind, text)
        places = _named_places(names, kind)
    elif width in kind.known:
        places = dict(kind.known[width])
    else:
        raise DataError(
            f"{text.name}: a table of {width} columns without a header",
            hint=f"columns={{...}} tells where {', '.join(kind.needs)} are, header=True"
            " that the first line names them, and delimiter= what is between two cells",
        )
    _check_fields(places, kind, names, text)
    for field, at in places.items():
        yield field, at, names[at] if names is not None else ""


def _place_of(where: str | int, names: Sequence[str] | None, width: int, text: Text) -> int:
    count = width or len(names or ())
    if isinstance(where, int) and 0 <= where < count:
        return where
    if names is not None and where in names:
        return list(names).index(str(where))
    told = "the file has no header" if names is None else f"its columns: {shown(names)}"
    raise ConfigError(
        f"{text.name} has no column {where!r}",
        hint=f"columns= takes names of the header or places from 0 to {count - 1}; {told}",
    )


def _check_units(names: Sequence[str], kind: Kind, text: Text) -> None:
    """Refuse bars whose volumes may count lots of 100 shares: these columns do not tell."""
    if kind.name != "bars":
        return
    for signs, reader in _IN_LOTS.items():
        if signs <= set(names):
            raise DataError(
                f"{text.name} has the columns of {reader}, where a volume may count lots of 100",
                hint=f"ts.data.{reader}(path) turns them into shares; columns= takes them as they are",
            )


def _named_places(names: Sequence[str], kind: Kind) -> dict[str, int]:
    simple = [folded(name) for name in names]
    places: dict[str, int] = {}
    for field in kind.fields:
        found = [simple.index(alias) for alias in ALIASES.get(field, ()) if alias in simple]
        if found and found[0] not in places.values():
            places[field] = found[0]
    if "date" in simple and places.get("time") == _index(simple, "time"):
        places |= {"time": simple.index("date"), "clock": simple.index("time")}
    return places


def _index(names: list[str], name: str) -> int | None:
    return names.index(name) if name in names else None


def _check_fields(
    places: Mapping[str, int], kind: Kind, names: Sequence[str] | None, text: Text
) -> None:
    unknown = [field for field in places if field not in (*kind.fields, "clock")]
    if unknown:
        raise ConfigError(
            f"{kind.name} have no field {unknown[0]!r}", hint=f"fields: {', '.join(kind.fields)}"
        )
    missing = [field for field in kind.needs if field not in places]
    if kind.one_of and not any(field in places for field in kind.one_of):
        missing.append(" or ".join(kind.one_of))
    if missing:
        told = "" if names is None else f"; its columns: {shown(names)}"
        raise DataError(
            f"{text.name}: no column is known as {missing[0]}{told}",
            hint=f"name it: columns={{{missing[0].split()[0]!r}: its name or place, ...}}",
        )
