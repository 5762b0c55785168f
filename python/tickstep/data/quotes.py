"""Quotes of Sina and Tencent: their text to typed values, exactly.

The two order their fields differently, and that is where readers go wrong: Sina writes open, previous
close, last and in each level the quantity before the price; Tencent writes last, previous close, open
and the price before the quantity. Volumes become shares (futures: contracts) and money yuan:

- Sina counts shares, but lots of 100 in the short form and for the indices of Shanghai (sh000...).
- Tencent counts lots of 100; for the STAR board (sh688, sh689) the day's volume is in shares and only
  the levels are in lots; for Hong Kong and New York all is in shares.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

import numpy as np

from tickstep.data.china import SHARES_PER_LOT, china_to_utc, decoded
from tickstep.errors import ConfigError, DataError

__all__ = ["Level", "Quote", "parse_sina", "parse_tencent"]

OnBad = Literal["raise", "skip"]


class Level(NamedTuple):
    """A price and what is offered at it, in shares or contracts."""

    price: Decimal
    qty: int


@dataclass(frozen=True, slots=True)
class Quote:
    """One instrument's quote; None where the source does not tell, and for prices of 0.

    Parameters
    ----------
    symbol : str
        The code as it was asked for: "sh600030", "nf_RB2510".
    name : str
        What the instrument is called.
    time : int, optional
        Time of the quote in ms since 1970-01-01 UTC.
    last, open, high, low, previous_close, previous_settlement, limit_up, limit_down : Decimal
        Prices in yuan.
    volume : int, optional
        Volume of the day in shares or contracts.
    turnover : Decimal, optional
        Turnover of the day in yuan.
    open_interest : int, optional
        Open contracts.
    bids, asks : tuple of Level
        Levels, best first; empty ones are left out.
    status : str, optional
        Status of trading as the source writes it: "00" is normal trading at Sina.

    Examples
    --------
    >>> from tickstep.data.quotes import parse_sina
    >>> quote = parse_sina(
    ...     'var hq_str_s_sz000001="平安银行,9.210,-0.180,-1.92,1158366,107574";')["s_sz000001"]
    >>> quote.last, quote.volume
    (Decimal('9.210'), 115836600)
    """

    symbol: str
    name: str
    time: int | None = None
    last: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    previous_close: Decimal | None = None
    previous_settlement: Decimal | None = None
    limit_up: Decimal | None = None
    limit_down: Decimal | None = None
    volume: int | None = None
    turnover: Decimal | None = None
    open_interest: int | None = None
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    status: str | None = None


_SINA_LINE = re.compile(
    r'(?:var\s+hq_str_)?([A-Za-z][\w$.]*)=\s*"?([^"\r\n]*?)"?;?\s*(?=$|[\r\n]|var\s)'
)
_TENCENT_LINE = re.compile(r'v_(\w[\w.]*)=\s*"?([^"\r\n;]*)"?;?')
_NO_MATCH = "pv_none_match"
_CLOCK = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?)", re.ASCII)


def parse_sina(text: str | bytes, *, on_bad: OnBad = "raise") -> dict[str, Quote]:
    """Read the answer of Sina's quote service.

    Takes stocks, funds and indices (`sh…`, `sz…`, `bj…`), their short form (`s_sh…`) and futures
    (`nf_…`, with the layout of CFFEX told from the others'), as JavaScript lines or `format=text`.

    Parameters
    ----------
    text : str or bytes
        The answer; bytes are GBK.
    on_bad : {"raise", "skip"}
        Whether an unknown code (an empty answer) or a line of another kind raises or is left out.

    Returns
    -------
    dict of str to Quote
        Quotes by code.

    Raises
    ------
    DataError
        When a line is bad, or the text has none.

    Examples
    --------
    >>> from tickstep.data.quotes import parse_sina
    >>> line = ("中信证券,20.350,20.400,20.110,20.380,20.050,20.110,20.120,98765432,1987654321.000,"
    ...     "1200,20.110,3400,20.100,0,0.000,0,0.000,0,0.000,"
    ...     "900,20.120,0,0.000,0,0.000,0,0.000,0,0.000,2024-01-02,15:00:03,00,")
    >>> quote = parse_sina(f'var hq_str_sh600030="{line}";')["sh600030"]
    >>> quote.open, quote.last, quote.bids[1], quote.time
    (Decimal('20.350'), Decimal('20.110'), Level(price=Decimal('20.100'), qty=3400), 1704178803000)
    """
    return _quotes(decoded(text), _SINA_LINE, _sina_quote, "Sina", on_bad)


def parse_tencent(text: str | bytes, *, on_bad: OnBad = "raise") -> dict[str, Quote]:
    """Read the answer of Tencent's quote service.

    Takes stocks, funds and indices of the A-share markets, Hong Kong and New York (`sh…`, `sz…`,
    `bj…`, `hk…`, `us…`), and the short form (`s_sh…`).

    Parameters
    ----------
    text : str or bytes
        The answer; bytes are GBK.
    on_bad : {"raise", "skip"}
        Whether an unknown code or a line of another kind raises or is left out.

    Returns
    -------
    dict of str to Quote
        Quotes by code. Those of New York have no `time`: theirs is a clock time of another zone.

    Raises
    ------
    DataError
        When a line is bad, or the text has none.

    Examples
    --------
    >>> from tickstep.data.quotes import parse_tencent
    >>> quote = parse_tencent('v_s_sz000858="51~五 粮 液~000858~137.21~-3.10~-2.21~216321~298542~";')
    >>> quote["s_sz000858"].last, quote["s_sz000858"].volume
    (Decimal('137.21'), 21632100)
    """
    return _quotes(decoded(text), _TENCENT_LINE, _tencent_quote, "Tencent", on_bad)


def _quotes(
    text: str,
    line: re.Pattern[str],
    read: Callable[[str, str], Quote],
    name: str,
    on_bad: OnBad,
) -> dict[str, Quote]:
    if on_bad not in ("raise", "skip"):
        raise ConfigError(
            f"on_bad {on_bad!r} is neither 'raise' nor 'skip'",
            hint="on_bad='skip' leaves bad lines out",
        )
    quotes = {}
    found = line.findall(text)
    for code, body in found:
        try:
            quotes[code] = read(code, body)
        except DataError:
            if on_bad == "raise":
                raise
    if not found:
        raise DataError(
            f"the answer holds no quote of {name}: {text[:60]!r}",
            hint="a refused request is answered by a page of HTML; Sina wants a Referer",
        )
    return quotes


# --- Sina. ----------------------------------------------------------------------------------------


def _sina_quote(code: str, body: str) -> Quote:
    if not body.strip(" ,"):
        raise _unknown(code)
    fields = body.split(",")
    if code.startswith("s_"):
        return _sina_short(code, fields)
    if code.lower().startswith("nf_"):
        is_cffex = re.fullmatch(r"[\d.]+", fields[0]) is not None
        return _sina_cffex(code, fields) if is_cffex else _sina_futures(code, fields)
    if code.startswith(("sh", "sz", "bj")):
        return _sina_stock(code, fields)
    raise _unread(code)


def _sina_stock(code: str, fields: Sequence[str]) -> Quote:
    row = _Row(code, fields, 32)
    is_shanghai_index = code.startswith("sh000")
    return Quote(
        symbol=code,
        name=fields[0],
        time=row.time(f"{fields[30]} {fields[31]}"),
        open=row.price(1),
        previous_close=row.price(2),
        last=row.price(3),
        high=row.price(4),
        low=row.price(5),
        volume=row.count(8, SHARES_PER_LOT if is_shanghai_index else 1),
        turnover=row.number(9),
        bids=row.levels(range(10, 20, 2), price_after=1),
        asks=row.levels(range(20, 30, 2), price_after=1),
        status=fields[32] if len(fields) > 32 else None,
    )


def _sina_short(code: str, fields: Sequence[str]) -> Quote:
    row = _Row(code, fields, 6)
    last, change = row.price(1), row.number(2)
    return Quote(
        symbol=code,
        name=fields[0],
        last=last,
        previous_close=None if last is None else last - change,
        volume=row.count(4, SHARES_PER_LOT),
        turnover=row.number(5) * 10_000,
    )


def _sina_futures(code: str, fields: Sequence[str]) -> Quote:
    row = _Row(code, fields, 18)
    clock = fields[1].zfill(6)
    return Quote(
        symbol=code,
        name=fields[0],
        time=row.time(f"{fields[17]} {clock[:2]}:{clock[2:4]}:{clock[4:]}"),
        open=row.price(2),
        high=row.price(3),
        low=row.price(4),
        previous_close=row.price(5),
        last=row.price(8),
        previous_settlement=row.price(10),
        open_interest=row.count(13, 1),
        volume=row.count(14, 1),
        bids=_known(row.price(6), row.count(11, 1)),
        asks=_known(row.price(7), row.count(12, 1)),
    )


def _sina_cffex(code: str, fields: Sequence[str]) -> Quote:
    # Field 5 is the sum of price times volume without the multiplier: no money, so not kept.
    row = _Row(code, fields, 38)
    return Quote(
        symbol=code,
        name=fields[-1] if not re.fullmatch(r"[\d.:-]*", fields[-1]) else code,
        time=row.time(f"{fields[36]} {fields[37]}"),
        open=row.price(0),
        high=row.price(1),
        low=row.price(2),
        last=row.price(3),
        volume=row.count(4, 1),
        open_interest=row.count(6, 1),
        limit_up=row.price(9),
        limit_down=row.price(10),
        previous_close=row.price(13),
        previous_settlement=row.price(14),
        bids=row.levels(range(17, 27, 2), price_after=-1),
        asks=row.levels(range(27, 37, 2), price_after=-1) if len(fields) > 37 else (),
    )


# --- Tencent. -------------------------------------------------------------------------------------


def _tencent_quote(code: str, body: str) -> Quote:
    if code == _NO_MATCH or not body.strip(" ~"):
        raise _unknown(code)
    market = code.removeprefix("s_").removeprefix("r_")
    if not market.startswith(("sh", "sz", "bj", "hk", "us")):
        raise _unread(code)
    fields = body.split("~")
    return _tencent_short(code, fields) if code.startswith("s_") else _tencent_full(code, fields)


def _tencent_full(code: str, fields: Sequence[str]) -> Quote:
    row = _Row(code, fields, 38)
    level_lot, day_lot = _tencent_lots(code)
    return Quote(
        symbol=code,
        name=fields[1],
        time=None if _is_american(code) else row.time(_tencent_clock(fields[30])),
        last=row.price(3),
        previous_close=row.price(4),
        open=row.price(5),
        volume=row.count(6, day_lot),
        turnover=_tencent_turnover(code, row),
        high=row.price(33),
        low=row.price(34),
        limit_up=row.price(47) if len(fields) > 48 and not _is_abroad(code) else None,
        limit_down=row.price(48) if len(fields) > 48 and not _is_abroad(code) else None,
        bids=row.levels(range(10, 20, 2), price_after=-1, lot=level_lot),
        asks=row.levels(range(20, 30, 2), price_after=-1, lot=level_lot),
        status=fields[40] or None if len(fields) > 40 else None,
    )


def _tencent_short(code: str, fields: Sequence[str]) -> Quote:
    row = _Row(code, fields, 8)
    last, change = row.price(3), row.number(4)
    abroad = _is_abroad(code)
    return Quote(
        symbol=code,
        name=fields[1],
        last=last,
        previous_close=None if last is None else last - change,
        volume=row.count(6, _tencent_lots(code)[1]),
        turnover=row.number(7) * (1 if abroad else 10_000),
    )


def _tencent_turnover(code: str, row: "_Row") -> Decimal | None:
    """Exactly from price/volume/amount where it is there, else from tens of thousands."""
    parts = row.fields[35].split("/")
    if len(parts) == 3:
        return row.decimal(parts[2])
    return row.number(37) * (1 if _is_abroad(code) else 10_000)


def _tencent_lots(code: str) -> tuple[int, int]:
    """Shares that one of the levels', and one of the day's volume counts."""
    if _is_abroad(code):
        return 1, 1
    is_star = code.removeprefix("s_").startswith(("sh688", "sh689"))
    return SHARES_PER_LOT, 1 if is_star else SHARES_PER_LOT


def _tencent_clock(text: str) -> str:
    """20240102150003, 2024/01/02 15:00:03 or 2024-01-02 15:00:03, as the last of these."""
    if re.fullmatch(r"\d{14}", text, re.ASCII):
        digits = [text[:4], *(text[at : at + 2] for at in range(4, 14, 2))]
        return "-".join(digits[:3]) + " " + ":".join(digits[3:])
    return text.replace("/", "-")


def _is_abroad(code: str) -> bool:
    return code.removeprefix("s_").removeprefix("r_").startswith(("hk", "us"))


def _is_american(code: str) -> bool:
    return code.removeprefix("s_").startswith("us")


# --- Fields. --------------------------------------------------------------------------------------


class _Row:
    """The fields of one line, read with errors that name code and field."""

    def __init__(self, code: str, fields: Sequence[str], needed: int) -> None:
        if len(fields) < needed:
            raise DataError(
                f"{code} has {len(fields)} fields, expected at least {needed}",
                hint="the answer is cut off, or of another kind",
            )
        self.code, self.fields = code, fields

    def decimal(self, text: str) -> Decimal:
        try:
            value = Decimal(text.strip() or 0)
        except ArithmeticError:
            value = Decimal("NaN")
        if not value.is_finite():
            raise DataError(
                f"{self.code} has {text!r} where a number stands",
                hint="the fields are shifted: is the answer complete?",
            )
        return value

    def number(self, place: int) -> Decimal:
        return self.decimal(self.fields[place])

    def price(self, place: int) -> Decimal | None:
        return self.number(place) or None

    def count(self, place: int, lot: int) -> int:
        value = self.number(place) * lot
        if value < 0 or value != int(value):
            raise DataError(
                f"{self.code} has a volume of {self.fields[place]!r}, which is no whole number",
                hint="the fields are shifted: is the answer complete?",
            )
        return int(value)

    def levels(self, counts: Sequence[int], *, price_after: int, lot: int = 1) -> tuple[Level, ...]:
        found = (_known(self.price(at + price_after), self.count(at, lot)) for at in counts)
        return tuple(level for levels in found for level in levels)

    def time(self, text: str) -> int:
        try:
            written = _CLOCK.fullmatch(text.strip())
            local = np.array(["NaT" if written is None else "T".join(written.groups())], "M8[ms]")
        except ValueError:  # a month 13
            local = np.array(["NaT"], dtype="M8[ms]")
        if np.isnat(local[0]):
            raise DataError(
                f"{self.code} has the time {text!r}, which cannot be read",
                hint="the fields are shifted: is the answer complete?",
            )
        return int(china_to_utc(local).view(np.int64)[0])


def _known(price: Decimal | None, qty: int) -> tuple[Level, ...]:
    return () if price is None or qty == 0 else (Level(price, qty),)


def _unknown(code: str) -> DataError:
    return DataError(
        f"the service knows no {code}" if code != _NO_MATCH else "the service knows no such code",
        hint="check the code; on_bad='skip' leaves unknown ones out",
    )


def _unread(code: str) -> DataError:
    return DataError(
        f"quotes such as {code} are not read here",
        hint="ask for sh..., sz..., bj... or nf_...; on_bad='skip' leaves other lines out",
    )
