"""Symbols: every spelling of an instrument to one canonical form, and back to any spelling.

The canonical form is `CODE.EXCHANGE`: `600000.SSE`, `00700.SEHK`, `AAPL.US`, `rb2510.SHFE`,
`BTCUSDT.BINANCE`. It says all there is to know: futures months have four digits although CZCE writes
three, the market behind a pair is part of the name of its venue. A spelling that may mean more than
one instrument is an error that lists the readings; nothing is guessed, and no clock is looked at.

How it works: a spelling is taken apart into an exchange and a code, in every way that fits; each
way that leads to a possible instrument is a reading.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from tickstep.errors import DataError

__all__ = [
    "CHINA_FUTURES",
    "CRYPTO_VENUES",
    "EXCHANGES",
    "SYSTEMS",
    "AmbiguousSymbolError",
    "Symbol",
    "symbol",
]

# The exchange of every product of Chinese futures, in the exchange's own case.
PRODUCTS_OF = {
    "SHFE": "ad ag al ao au br bu cu fu hc ni op pb rb ru sn sp ss wr zn",
    "INE": "bc ec lu nr sc",
    "DCE": "a b bb bz c cs eb eg fb i j jd jm l lg lh m p pg pp rr v y",
    "CZCE": "AP CF CJ CY ER FG JR LR MA ME OI PF PK PL PM PR PX RI RM RO RS SA SF SH SM SR TA TC"
    " UR WH WS WT ZC",
    "CFFEX": "IC IF IH IM T TF TL TS",
    "GFEX": "lc pd ps pt si",
}
CHINA_FUTURES = tuple(PRODUCTS_OF)
_EXCHANGE_OF_PRODUCT = {
    product.upper(): (exchange, product)
    for exchange, products in PRODUCTS_OF.items()
    for product in products.split()
}
_UPPER_CASE = {"CZCE", "CFFEX"}

# The quotes of each venue; none ends in another, so a pair without a hyphen comes apart in one way.
QUOTES_OF = {
    "BINANCE": "USDT USDC FDUSD BUSD TUSD BTC ETH BNB EUR TRY BRL JPY DAI",
    "BINANCE_USDM": "USDT USDC BUSD BTC",
    "BINANCE_COINM": "USD",
    "OKX": "USDT USDC BTC ETH EUR DAI",
    "OKX_SWAP": "USDT USDC USD",
    "BYBIT": "USDT USDC BTC ETH EUR DAI",
    "BYBIT_LINEAR": "USDT USDC",
    "COINBASE": "USDT USDC USD BTC ETH EUR GBP",
}
CRYPTO_VENUES = tuple(QUOTES_OF)
_ALL_QUOTES = sorted({quote for quotes in QUOTES_OF.values() for quote in quotes.split()})

EXCHANGES = ("SSE", "SZSE", "BSE", "SEHK", "US", *CHINA_FUTURES, *CRYPTO_VENUES)

_ALIASES_OF = {
    "SSE": "SH XSHG SS SHSE",
    "SZSE": "SZ XSHE",
    "BSE": "BJ BJSE",
    "SEHK": "HK XHKG HKEX",
    "US": "NASDAQ NYSE AMEX ARCA XNAS XNYS SMART",
    "SHFE": "SHF XSGE SF",
    "DCE": "XDCE DF",
    "CZCE": "ZCE CZC XZCE ZF",
    "CFFEX": "CFX CFE CCFX IF",
    "INE": "XINE",
    "GFEX": "GFE GF",
    "BINANCE_USDM": "BINANCE_UM BINANCE_FUTURES",
    "BINANCE_COINM": "BINANCE_CM",
}
_EXCHANGE_OF_ALIAS = {exchange: exchange for exchange in EXCHANGES} | {
    alias: exchange for exchange, aliases in _ALIASES_OF.items() for alias in aliases.split()
}

# What the first digits of a bare six-digit code allow. 000 is a stock of SZSE or an index of SSE.
_SIX_DIGITS = (
    ("SSE", re.compile(r"000|01[089]|1[0-3]|204|5|60|68|900")),
    ("SZSE", re.compile(r"00[0-3]|1[0-2]|13[01]|15|16|18|200|30|39")),
    ("BSE", re.compile(r"4[03]|8[2378]|899|92")),
)

_MONTH = re.compile(r"([A-Za-z]{1,2})(\d{3,4})")
_CONTINUOUS = (
    ("main", re.compile(r"([A-Za-z]{1,2})-main|([A-Za-z]{1,2})(?:L8|88|9999|0)", re.IGNORECASE)),
    ("index", re.compile(r"([A-Za-z]{1,2})-index|([A-Za-z]{1,2})(?:L9|99|8888)", re.IGNORECASE)),
)
_TQSDK_CONTINUOUS = re.compile(r"KQ\.([mi])@([A-Z]+)\.([A-Za-z]{1,2})")
_US_CODE = re.compile(r"[A-Z]{1,5}(?:[.\-/$ ][A-Z]{1,2})?")
_PAIR = re.compile(r"([A-Z0-9]{1,15})[-/_]([A-Z]{3,5})(:[A-Z0-9]{1,15}|-SWAP|_PERP)?")
# Who says so that a pair is the perpetual; without such a word the venue alone decides.
_PERPETUALS = {
    "_PERP": ("BINANCE_COINM",),
    "-SWAP": ("OKX_SWAP",),
    ":": ("BINANCE_USDM", "BINANCE_COINM", "OKX_SWAP", "BYBIT_LINEAR"),
}
_PREFIXES = re.compile(
    r"(?P<china>(?:s_)?(?P<market>sh|sz|bj))(?P<digits>\d{6})"
    r"|(?:rt_)?hk(?P<hk>\d{1,5})|nf_(?P<future>[A-Za-z]{1,2}\d{1,4})"
    r"|gb_(?P<sina>[a-z$]{1,8})|us(?P<tencent>[A-Z.]{1,8})",
)


class AmbiguousSymbolError(DataError):
    """A spelling that may mean several instruments; the message lists them."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """One instrument: a code and the exchange that it trades on.

    `ts.symbol` makes them from any spelling; `str()` gives the canonical form.

    Parameters
    ----------
    code : str
        The code in canonical form, such as "600000", "SR2509", "rb-main" or "BTCUSDT".
    exchange : str
        One of `EXCHANGES`.

    Examples
    --------
    >>> import tickstep as ts
    >>> found = ts.symbol("sz000001")
    >>> str(found), found.to("tushare"), found.to("joinquant")
    ('000001.SZSE', '000001.SZ', '000001.XSHE')
    """

    code: str
    exchange: str

    def __str__(self) -> str:
        return f"{self.code}.{self.exchange}"

    @property
    def product(self) -> str | None:
        """Product of a future in the exchange's case, such as "rb"; None for anything else."""
        if self.exchange not in CHINA_FUTURES:
            return None
        return re.split(r"[-\d]", self.code, maxsplit=1)[0]

    @property
    def is_continuous(self) -> bool:
        """Whether this is a joined series of a product, not a contract."""
        return self.product is not None and "-" in self.code

    @property
    def base_quote(self) -> tuple[str, str]:
        """Base and quote currency of a pair.

        Raises
        ------
        DataError
            When this is no pair, or its quote currency is none of the venue's.
        """
        for quote in QUOTES_OF.get(self.exchange, "").split():
            base = self.code.removesuffix(quote)
            if base and base != self.code:
                return base, quote
        raise DataError(
            f"{self} is not a pair of currencies with a quote known at {self.exchange}",
            hint=f"known quotes: {QUOTES_OF.get(self.exchange, 'none, it trades no pairs')}",
        )

    def to(self, system: str) -> str:
        """Spell the symbol as another system does.

        Parameters
        ----------
        system : str
            One of `SYSTEMS`.

        Returns
        -------
        str
            The spelling. `ts.symbol(spelling, system=system)` reads it back to this symbol; three-digit
            months (CTP, vn.py, TqSdk and XtData at CZCE) also need `on=`, and spellings that leave
            the exchange open (CTP, QUANTAXIS, AKShare, Binance, CCXT) may need `exchange=`.

        Raises
        ------
        DataError
            When the system is not known, or has no spelling for this symbol.

        Examples
        --------
        >>> import tickstep as ts
        >>> contract = ts.symbol("SHFE.rb2510")
        >>> [contract.to(system) for system in ("tushare", "sina", "ctp", "qifi")]
        ['RB2510.SHF', 'nf_RB2510', 'rb2510', 'SHFE_rb2510']
        """
        if system not in _SPELLINGS:
            raise DataError(
                f"no spelling is known for the system {system!r}",
                hint=f"systems: {', '.join(SYSTEMS)}",
            )
        spelled = _SPELLINGS[system](self)
        if spelled is None:
            raise DataError(
                f"{system} has no spelling for {self}",
                hint="ask a system that knows this market",
            )
        return spelled


def symbol(
    text: "str | Symbol",
    *,
    exchange: str | None = None,
    system: str | None = None,
    on: date | str | None = None,
) -> Symbol:
    """Read a symbol in any spelling.

    Parameters
    ----------
    text : str or Symbol
        The spelling, such as "000001.SZ", "sz000001", "SZSE.000001", "000001.XSHE", "rb2510.SHF",
        "RB2510", "nf_RB2510", "KQ.m@SHFE.rb", "RBL8", "hk00700", "AAPL" or "BINANCE:BTC/USDT".
    exchange : str, optional
        The exchange, in any spelling, where `text` leaves it open.
    system : str, optional
        The system that spelled it so, one of `SYSTEMS`, where its habits decide: for AKShare and
        XtData a bare or suffixed code means what it means there.
    on : date or str, optional
        A date on which the contract traded, to complete the three-digit months of CZCE: the
        reading is the first such month that had not passed.

    Returns
    -------
    Symbol
        The one reading.

    Raises
    ------
    DataError
        When the text has no reading.
    AmbiguousSymbolError
        When it has more than one; the message lists them.

    Examples
    --------
    >>> import tickstep as ts
    >>> [str(ts.symbol(text)) for text in ("000001.XSHE", "RB2510", "KQ.m@DCE.i", "700.HK")]
    ['000001.SZSE', 'rb2510.SHFE', 'i-main.DCE', '00700.SEHK']
    >>> str(ts.symbol("SR509", on="2025-03-03"))
    'SR2509.CZCE'
    >>> ts.symbol("000001")
    Traceback (most recent call last):
    tickstep.data.symbols.AmbiguousSymbolError: '000001' may be 000001.SSE or 000001.SZSE
    hint: give the exchange: symbol('000001', exchange='SSE')
    """
    if isinstance(text, Symbol):
        return text
    if not isinstance(text, str):
        raise DataError(
            f"a symbol must be text, was {type(text).__name__}",
            hint="a code read as a number has lost its zeros: read the column as text",
        )
    wanted = None if exchange is None else _exchange(exchange)
    readings = _settled(_readings(text.strip(), wanted, _day(on)), system)
    if len(readings) == 1:
        return readings[0]
    raise _unread(text, wanted) if not readings else _ambiguous(text, readings)


def _exchange(name: str) -> str:
    found = _EXCHANGE_OF_ALIAS.get(name.upper())
    if found is None:
        raise DataError(
            f"{name!r} is not an exchange known here",
            hint=f"exchanges: {', '.join(EXCHANGES)}",
        )
    return found


def _day(on: date | str | None) -> date | None:
    if on is None or isinstance(on, date):
        return on
    try:
        return date.fromisoformat(on)
    except ValueError:
        raise DataError(f"{on!r} is not a date", hint="write on='2025-03-03'") from None


def _settled(found: Iterator[Symbol], system: str | None) -> list[Symbol]:
    readings = sorted(set(found), key=str)
    if system is None or len(readings) < 2:
        return readings
    if system not in _SPELLINGS:
        raise DataError(
            f"no habits are known of the system {system!r}", hint=f"systems: {', '.join(SYSTEMS)}"
        )
    # A bare code in AKShare is a stock: its functions for indices ask for sh000001.
    if system == "akshare":
        return [reading for reading in readings if reading.exchange != "SSE"]
    return [reading for reading in readings if _venue_of(system, reading.exchange)]


def _venue_of(system: str, exchange: str) -> bool:
    only = {"binance": ("BINANCE",), "okx": ("OKX", "OKX_SWAP")}.get(system)
    return only is None or exchange in only


def _ambiguous(text: str, readings: list[Symbol]) -> AmbiguousSymbolError:
    names = [str(reading) for reading in readings]
    listed = f"{', '.join(names[:-1])} or {names[-1]}"
    same_exchange = len({reading.exchange for reading in readings}) == 1
    hint = (
        f"give a date on which it traded: symbol({text!r}, on='2025-03-03')"
        if same_exchange
        else f"give the exchange: symbol({text!r}, exchange={readings[0].exchange!r})"
    )
    return AmbiguousSymbolError(f"{text!r} may be {listed}", hint=hint)


def _unread(text: str, exchange: str | None) -> DataError:
    where = "" if exchange is None else f" at {exchange}"
    return DataError(
        f"{text!r} is not a symbol known here{where}",
        hint="the canonical form is CODE.EXCHANGE, as in 600000.SSE, rb2510.SHFE, BTCUSDT.BINANCE",
    )


def _readings(text: str, wanted: str | None, on: date | None) -> Iterator[Symbol]:
    for exchange, code in _parts(text):
        if exchange is None and wanted is None:
            yield from _bare(code, on)
        elif wanted is None or exchange is None or exchange == wanted:
            yield from _codes_at(exchange or wanted or "", code, on)


def _parts(text: str) -> Iterator[tuple[str | None, str]]:
    """Yield each way to split a text into exchange and code; None where the text names none."""
    if found := _TQSDK_CONTINUOUS.fullmatch(text):
        kind = "main" if found[1] == "m" else "index"
        yield _EXCHANGE_OF_ALIAS.get(found[2], "?"), f"{found[3]}-{kind}"
        return
    split = list(_splits(text))
    yield from split
    if not split:
        yield None, text


def _splits(text: str) -> Iterator[tuple[str, str]]:
    for exchange in (venue for venue in _EXCHANGE_OF_ALIAS if len(text) > len(venue) + 1):
        size = len(exchange)
        head, tail = text[:size].upper(), text[-size:].upper()
        if tail == exchange and text[-size - 1] == ".":
            yield _EXCHANGE_OF_ALIAS[exchange], text[: -size - 1]
        if head == exchange and text[size] in "._:":
            yield _EXCHANGE_OF_ALIAS[exchange], text[size + 1 :]
    found = _PREFIXES.fullmatch(text) or _PREFIXES.fullmatch(text.lower())
    if found is None:
        secid = re.fullmatch(r"([01])\.(\d{6})", text)
        if secid is not None:
            yield from _eastmoney(secid[1], secid[2])
        elif us := re.fullmatch(r"10[567]\.([A-Z_]+)", text):
            yield "US", us[1].replace("_", ".")
        return
    yield from _prefixed(found)


def _prefixed(found: re.Match[str]) -> Iterator[tuple[str, str]]:
    if found["digits"]:
        yield _EXCHANGE_OF_ALIAS[found["market"].upper()], found["digits"]
    elif found["hk"]:
        yield "SEHK", found["hk"]
    elif found["future"]:
        place = _EXCHANGE_OF_PRODUCT.get(re.split(r"\d", found["future"])[0].upper())
        if place is not None:
            yield place[0], found["future"]
    elif found["sina"]:
        yield "US", found["sina"].upper()
    else:
        yield "US", found["tencent"]


def _eastmoney(market: str, digits: str) -> Iterator[tuple[str, str]]:
    if market == "1":
        yield "SSE", digits
    else:
        # Market 0 holds Shenzhen and Beijing, which share no codes.
        yield ("BSE" if _SIX_DIGITS[2][1].match(digits) else "SZSE"), digits


def _bare(code: str, on: date | None) -> Iterator[Symbol]:
    if re.fullmatch(r"\d{6}", code):
        for exchange, first_digits in _SIX_DIGITS:
            if first_digits.match(code):
                yield Symbol(code, exchange)
    elif re.fullmatch(r"\d{5}", code):
        yield Symbol(code, "SEHK")
    for place in _exchanges_of_products(code):
        yield from _futures(place, code, on)
    if _US_CODE.fullmatch(code) and not _is_pair(code):
        yield from _us(code)
        if product := _EXCHANGE_OF_PRODUCT.get(code):
            yield Symbol(f"{product[1]}-main", product[0])
    for venue in CRYPTO_VENUES:
        if _is_pair(code):
            yield from _crypto(venue, code)


def _exchanges_of_products(code: str) -> Iterator[str]:
    # AL8 is A with the ending L8, AL88 is AL with the ending 88: both lengths are tried.
    for letters in {code[:1].upper(), code[:2].upper()}:
        if letters in _EXCHANGE_OF_PRODUCT and code[len(letters) :]:
            yield _EXCHANGE_OF_PRODUCT[letters][0]


def _is_pair(code: str) -> bool:
    text = code.upper().removesuffix("_PERP")
    if found := _PAIR.fullmatch(text):
        return found[2] in _ALL_QUOTES
    return len(text) > 5 and any(text.endswith(quote) for quote in _ALL_QUOTES)


def _codes_at(exchange: str, code: str, on: date | None) -> Iterator[Symbol]:
    if exchange in ("SSE", "SZSE", "BSE"):
        if re.fullmatch(r"\d{6}", code):
            yield Symbol(code, exchange)
    elif exchange == "SEHK":
        if re.fullmatch(r"\d{1,5}", code):
            yield Symbol(code.zfill(5), exchange)
    elif exchange == "US":
        yield from _us(code.upper())
    elif exchange in CHINA_FUTURES:
        yield from _futures(exchange, code, on)
    elif exchange in QUOTES_OF:
        yield from _crypto(exchange, code)


def _us(code: str) -> Iterator[Symbol]:
    if _US_CODE.fullmatch(code):
        yield Symbol(re.sub(r"[\-/$ ]", ".", code), "US")


def _futures(exchange: str, code: str, on: date | None) -> Iterator[Symbol]:
    for kind, spellings in _CONTINUOUS:
        if found := spellings.fullmatch(code):
            yield from _of_product(exchange, found[1] or found[2], f"-{kind}")
    # With the exchange beside it, the bare product is Tushare's main contract.
    if re.fullmatch(r"[A-Za-z]{1,2}", code):
        yield from _of_product(exchange, code, "-main")
    found = _MONTH.fullmatch(code)
    if found is None or not 1 <= int(found[2][-2:]) <= 12:
        return
    if len(found[2]) == 4:
        yield from _of_product(exchange, found[1], found[2])
    elif exchange == "CZCE":
        for decade in _decades(found[2], on):
            yield from _of_product(exchange, found[1], f"{decade}{found[2]}")


def _of_product(exchange: str, product: str, rest: str) -> Iterator[Symbol]:
    place = _EXCHANGE_OF_PRODUCT.get(product.upper())
    if place is None:
        # A product listed after this table was written: the exchange's habit tells its case.
        cased = product.upper() if exchange in _UPPER_CASE else product.lower()
        yield Symbol(f"{cased}{rest}", exchange)
    elif place[0] == exchange:
        yield Symbol(f"{place[1]}{rest}", exchange)


def _decades(digits: str, on: date | None) -> list[int]:
    if on is None:
        return [1, 2, 3]
    year, month = int(digits[0]), int(digits[1:])
    ahead = [
        full
        for full in range(on.year, on.year + 11)
        if full % 10 == year and (full, month) >= (on.year, on.month)
    ]
    return [ahead[0] // 10 % 10]


def _crypto(venue: str, code: str) -> Iterator[Symbol]:
    text = code.upper()
    said = next((venues for ending, venues in _PERPETUALS.items() if ending in text), None)
    if said is not None and venue not in said:
        return
    text = text.removesuffix("_PERP")
    found = _PAIR.fullmatch(text)
    joined = found[1] + found[2] if found else text
    if re.fullmatch(r"[A-Z0-9]{4,20}", joined):
        yield from _known_pair(venue, joined)


def _known_pair(venue: str, joined: str) -> Iterator[Symbol]:
    if any(joined.endswith(quote) and joined != quote for quote in QUOTES_OF[venue].split()):
        yield Symbol(joined, venue)


# What each system calls the exchanges it knows; a system without an entry has no name for it.
_SUFFIXES = {
    "tushare": "SSE:SH SZSE:SZ BSE:BJ SEHK:HK SHFE:SHF DCE:DCE CZCE:ZCE CFFEX:CFX INE:INE GFEX:GFE",
    "wind": "SSE:SH SZSE:SZ BSE:BJ SEHK:HK SHFE:SHF DCE:DCE CZCE:CZC CFFEX:CFE INE:INE GFEX:GFE",
    "joinquant": "SSE:XSHG SZSE:XSHE SHFE:XSGE DCE:XDCE CZCE:XZCE CFFEX:CCFX INE:XINE GFEX:GFEX",
    "xtdata": "SSE:SH SZSE:SZ BSE:BJ SEHK:HK SHFE:SF DCE:DF CZCE:ZF CFFEX:IF INE:INE GFEX:GF",
    "yahoo": "SSE:SS SZSE:SZ SEHK:HK",
}
_SUFFIX_OF = {
    system: dict(pair.split(":") for pair in pairs.split()) for system, pairs in _SUFFIXES.items()
}
_STOCKS = ("SSE", "SZSE", "BSE")
_PREFIX_OF = {"SSE": "sh", "SZSE": "sz", "BSE": "bj"}


def _suffixed(system: str, of: Symbol, code: str | None) -> str | None:
    suffix = _SUFFIX_OF[system].get(of.exchange)
    return None if suffix is None or code is None else f"{code}.{suffix}"


def _joined(of: Symbol, main: str | None, index: str | None) -> str | None:
    """Return the code of a future, a joined series with the given endings; others unchanged."""
    if not of.is_continuous:
        return of.code
    ending = main if of.code.endswith("-main") else index
    return None if ending is None else f"{of.product}{ending}"


def _own(of: Symbol) -> str:
    """Return the code as the exchange itself writes it: three-digit months at CZCE."""
    found = _MONTH.fullmatch(of.code)
    if of.exchange != "CZCE" or found is None:
        return of.code
    return f"{found[1]}{found[2][1:]}"


def _to_tushare(of: Symbol) -> str | None:
    if of.exchange == "US":
        return of.code
    code = _joined(of, "", None)
    return _suffixed("tushare", of, code and code.upper())


def _to_wind(of: Symbol) -> str | None:
    if of.exchange == "US" or of.is_continuous:
        return None
    return _suffixed("wind", of, of.code.upper())


def _to_joinquant(of: Symbol) -> str | None:
    code = _joined(of, "9999", "8888")
    return _suffixed("joinquant", of, code and code.upper())


def _to_xtdata(of: Symbol) -> str | None:
    return None if of.is_continuous else _suffixed("xtdata", of, _own(of))


def _to_yahoo(of: Symbol) -> str | None:
    if of.exchange == "US":
        return of.code.replace(".", "-")
    code = of.code[1:] if of.exchange == "SEHK" and of.code.startswith("0") else of.code
    return _suffixed("yahoo", of, code)


def _to_sina(of: Symbol) -> str | None:
    if of.exchange in _STOCKS:
        return _PREFIX_OF[of.exchange] + of.code
    if of.exchange == "SEHK":
        return f"rt_hk{of.code}"
    if of.exchange == "US":
        return f"gb_{of.code.lower().replace('.', '$')}"
    code = _joined(of, "0", None) if of.product else None
    return None if code is None else f"nf_{code.upper()}"


def _to_tencent(of: Symbol) -> str | None:
    if of.exchange in _STOCKS:
        return _PREFIX_OF[of.exchange] + of.code
    if of.exchange == "SEHK":
        return f"hk{of.code}"
    return f"us{of.code}" if of.exchange == "US" else None


def _to_akshare(of: Symbol) -> str | None:
    if of.exchange == "SSE" and of.code.startswith("000"):
        return f"sh{of.code}"
    if of.exchange in (*_STOCKS, "SEHK", "US"):
        return of.code
    code = _joined(of, "0", None) if of.product else None
    return code and code.upper()


def _to_eastmoney(of: Symbol) -> str | None:
    return f"{int(of.exchange == 'SSE')}.{of.code}" if of.exchange in _STOCKS else None


def _to_vnpy(of: Symbol) -> str | None:
    if of.exchange in CRYPTO_VENUES:
        return None
    if of.exchange == "US":
        return f"{of.code.replace('.', ' ')}.SMART"
    code = _joined(of, "88", "99") if of.is_continuous else _own(of)
    return f"{code}.{of.exchange}"


def _to_ctp(of: Symbol) -> str | None:
    return _own(of) if of.product and not of.is_continuous else None


def _to_tqsdk(of: Symbol) -> str | None:
    if of.is_continuous:
        return f"KQ.{'m' if of.code.endswith('-main') else 'i'}@{of.exchange}.{of.product}"
    known = of.product or of.exchange in ("SSE", "SZSE")
    return f"{of.exchange}.{_own(of)}" if known else None


def _to_qifi(of: Symbol) -> str | None:
    if of.exchange in CRYPTO_VENUES or of.is_continuous:
        return None
    return f"{of.exchange}_{of.code}"


def _to_quantaxis(of: Symbol) -> str | None:
    code = _joined(of, "L8", "L9") if of.product else None
    return code and code.upper()


def _to_binance(of: Symbol) -> str | None:
    if of.exchange == "BINANCE_COINM":
        return f"{of.code}_PERP"
    return of.code if of.exchange in ("BINANCE", "BINANCE_USDM") else None


def _to_okx(of: Symbol) -> str | None:
    if of.exchange not in ("OKX", "OKX_SWAP"):
        return None
    return "-".join(of.base_quote) + ("-SWAP" if of.exchange == "OKX_SWAP" else "")


def _to_ccxt(of: Symbol) -> str | None:
    if of.exchange not in CRYPTO_VENUES:
        return None
    base, quote = of.base_quote
    if of.exchange in ("BINANCE", "OKX", "BYBIT", "COINBASE"):
        return f"{base}/{quote}"
    return f"{base}/{quote}:{base if quote == 'USD' else quote}"


_SPELLINGS: dict[str, Callable[[Symbol], str | None]] = {
    "tickstep": str,
    "tushare": _to_tushare,
    "wind": _to_wind,
    "joinquant": _to_joinquant,
    "xtdata": _to_xtdata,
    "yahoo": _to_yahoo,
    "sina": _to_sina,
    "tencent": _to_tencent,
    "akshare": _to_akshare,
    "eastmoney": _to_eastmoney,
    "vnpy": _to_vnpy,
    "ctp": _to_ctp,
    "tqsdk": _to_tqsdk,
    "qifi": _to_qifi,
    "quantaxis": _to_quantaxis,
    "binance": _to_binance,
    "okx": _to_okx,
    "ccxt": _to_ccxt,
}
SYSTEMS = tuple(_SPELLINGS)
