"""Symbols: every spelling to its one form and back, and what is ambiguous is not guessed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tickstep as ts
from tickstep.data.symbols import (
    CHINA_FUTURES,
    EXCHANGES,
    PRODUCTS_OF,
    QUOTES_OF,
    SYSTEMS,
    AmbiguousSymbolError,
    Symbol,
    symbol,
)
from tickstep.errors import DataError

# canonical form, then everything that means it
SPELLINGS = {
    "000001.SZSE": "000001.SZ sz000001 SZ000001 000001.XSHE SZSE.000001 SZSE_000001 0.000001",
    "000001.SSE": "000001.SH sh000001 SH000001 000001.XSHG SSE.000001 SSE_000001 1.000001 000001.SS",
    "600000.SSE": "600000 600000.SH sh600000 600000.XSHG SHSE.600000 s_sh600000 1.600000",
    "300750.SZSE": "300750 300750.SZ 0.300750",
    "430047.BSE": "430047 bj430047 430047.BJ 0.430047",
    "00700.SEHK": "00700 hk00700 rt_hk00700 HK.00700 0700.HK 700.HK 00700.XHKG",
    "AAPL.US": "AAPL US.AAPL AAPL.NASDAQ NASDAQ:AAPL gb_aapl usAAPL 105.AAPL AAPL.SMART",
    "BRK.B.US": "BRK.B BRK-B BRK/B gb_brk$b 106.BRK_B BRK.B.NYSE",
    "rb2510.SHFE": "RB2510 rb2510 SHFE.rb2510 rb2510.SHF RB2510.SHF SHFE_rb2510 nf_RB2510"
    " RB2510.XSGE rb2510.SF SHFE:rb2510",
    "sc2512.INE": "sc2512 INE.sc2512 SC2512.INE SC2512.XINE nf_SC2512",
    "m2509.DCE": "m2509 M2509 M2509.XDCE m2509.DF DCE_m2509",
    "SR2509.CZCE": "SR2509 sr2509 CZCE.SR2509 SR2509.ZCE SR2509.CZC SR2509.XZCE SR2509.ZF",
    "SH2509.CZCE": "SH2509 CZCE.SH2509",
    "IF2509.CFFEX": "IF2509 if2509 IF2509.CFX IF2509.CCFX IF2509.CFE IF2509.IF",
    "si2511.GFEX": "SI2511 si2511.GFE SI2511.GFEX si2511.GF",
    "rb-main.SHFE": "KQ.m@SHFE.rb RBL8 RB0 rb88.SHFE RB9999.XSGE RB.SHF nf_RB0",
    "rb-index.SHFE": "KQ.i@SHFE.rb RBL9 rb99.SHFE RB8888.XSGE",
    "a-main.DCE": "AL8 A0 KQ.m@DCE.a A.DCE",
    "al-main.SHFE": "ALL8 AL88 AL0",
    "TL-main.CFFEX": "TLL8 TL0 TL.CFX",
    "T-main.CFFEX": "TL8 T0",
    "BTCUSDT.BINANCE": "BINANCE:BTCUSDT BINANCE.BTC-USDT BTC/USDT.BINANCE binance:btc_usdt",
    "BTCUSDT.BINANCE_USDM": "BINANCE_USDM:BTCUSDT BTCUSDT.BINANCE_UM BTC/USDT:USDT.BINANCE_UM",
    "BTCUSD.BINANCE_COINM": "BTCUSD_PERP BINANCE_CM:BTCUSD_PERP BTCUSD.BINANCE_COINM",
    "BTCUSDT.OKX": "OKX:BTC-USDT BTCUSDT.OKX",
    "BTCUSDT.OKX_SWAP": "OKX_SWAP:BTC-USDT-SWAP BTC-USDT-SWAP.OKX_SWAP",
    "1000PEPEUSDT.BINANCE_USDM": "1000PEPEUSDT.BINANCE_USDM BINANCE_UM:1000PEPE/USDT",
    "BNTUSD.COINBASE": "COINBASE:BNT-USD",
}
TABLE = [(form, text) for form, texts in SPELLINGS.items() for text in [form, *texts.split()]]


@pytest.mark.parametrize(("form", "text"), TABLE)
def test_every_spelling_has_its_one_form(form: str, text: str) -> None:
    assert str(symbol(text)) == form
    assert symbol(form) == symbol(text)


BACK: dict[str, dict[str, str | None]] = {
    "000001.SZSE": {
        "tushare": "000001.SZ",
        "joinquant": "000001.XSHE",
        "sina": "sz000001",
        "tencent": "sz000001",
        "akshare": "000001",
        "eastmoney": "0.000001",
        "vnpy": "000001.SZSE",
        "tqsdk": "SZSE.000001",
        "qifi": "SZSE_000001",
        "yahoo": "000001.SZ",
        "xtdata": "000001.SZ",
        "quantaxis": None,
        "ctp": None,
    },
    "000001.SSE": {"akshare": "sh000001", "yahoo": "000001.SS"},
    "SR2509.CZCE": {
        "tushare": "SR2509.ZCE",
        "wind": "SR2509.CZC",
        "ctp": "SR509",
        "vnpy": "SR509.CZCE",
        "tqsdk": "CZCE.SR509",
        "sina": "nf_SR2509",
        "xtdata": "SR509.ZF",
        "qifi": "CZCE_SR2509",
        "tencent": None,
    },
    "rb-main.SHFE": {
        "tqsdk": "KQ.m@SHFE.rb",
        "tushare": "RB.SHF",
        "joinquant": "RB9999.XSGE",
        "quantaxis": "RBL8",
        "vnpy": "rb88.SHFE",
        "sina": "nf_RB0",
        "akshare": "RB0",
        "ctp": None,
    },
    "rb-index.SHFE": {"tqsdk": "KQ.i@SHFE.rb", "quantaxis": "RBL9", "tushare": None},
    "00700.SEHK": {"tushare": "00700.HK", "yahoo": "0700.HK", "sina": "rt_hk00700"},
    "BRK.B.US": {"yahoo": "BRK-B", "sina": "gb_brk$b", "tencent": "usBRK.B"},
    "BTCUSDT.BINANCE_USDM": {"binance": "BTCUSDT", "ccxt": "BTC/USDT:USDT", "okx": None},
    "BTCUSD.BINANCE_COINM": {"binance": "BTCUSD_PERP", "ccxt": "BTC/USD:BTC"},
    "BTCUSDT.OKX_SWAP": {"okx": "BTC-USDT-SWAP"},
    "BNTUSD.COINBASE": {"ccxt": "BNT/USD"},
}


@pytest.mark.parametrize("form", BACK)
def test_back_to_every_spelling(form: str) -> None:
    for system, spelled in BACK[form].items():
        if spelled is None:
            with pytest.raises(DataError, match=f"{system} has no spelling for {re.escape(form)}"):
                symbol(form).to(system)
        else:
            assert symbol(form).to(system) == spelled


# text, its readings
AMBIGUOUS = {
    "000001": ["000001.SSE", "000001.SZSE"],
    "SR509": ["SR1509.CZCE", "SR2509.CZCE", "SR3509.CZCE"],
    "RB": ["RB.US", "rb-main.SHFE"],
    "BTCUSDT": ["BTCUSDT.BINANCE", "BTCUSDT.BINANCE_USDM", "BTCUSDT.OKX", "BTCUSDT.BYBIT"],
    "BTC/USDT": ["BTCUSDT.BINANCE", "BTCUSDT.OKX"],
    "BTC/USDT:USDT": ["BTCUSDT.BINANCE_USDM", "BTCUSDT.BYBIT_LINEAR", "BTCUSDT.OKX_SWAP"],
}


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_the_ambiguous_lists_its_readings(text: str) -> None:
    with pytest.raises(AmbiguousSymbolError) as refused:
        symbol(text)
    for reading in AMBIGUOUS[text]:
        assert reading in refused.value.message
    assert refused.value.hint is not None


def test_what_settles_it() -> None:
    assert str(symbol("000001", exchange="sz")) == "000001.SZSE"
    assert str(symbol("000001", system="akshare")) == "000001.SZSE"
    assert str(symbol("BTCUSDT", exchange="BINANCE_UM")) == "BTCUSDT.BINANCE_USDM"
    assert str(symbol("BTC-USDT", system="okx", exchange="OKX")) == "BTCUSDT.OKX"
    assert str(symbol("SR509", on="2025-09-12")) == "SR2509.CZCE"
    assert str(symbol("SR509", on="2025-10-01")) == "SR3509.CZCE"
    assert str(symbol("SR001", on="2019-03-01")) == "SR2001.CZCE"
    assert str(symbol("CZCE.SR509", on="2015-01-05")) == "SR1509.CZCE"


@pytest.mark.parametrize(
    "text", ["", "rb", "rb2513", "rb2500", "60000", "hk", "?", "SSE.60000", "nf_QQ2510", "2510"]
)
def test_nonsense_is_refused(text: str) -> None:
    if text == "60000":
        assert str(symbol(text)) == "60000.SEHK"
        return
    with pytest.raises(DataError, match="is not a symbol known here"):
        symbol(text)


def test_contradictions_are_refused() -> None:
    with pytest.raises(DataError, match="not a symbol known here"):
        symbol("rb2510.DCE")
    with pytest.raises(DataError, match="at DCE"):
        symbol("SHFE.rb2510", exchange="DCE")
    with pytest.raises(DataError, match="'MOON' is not an exchange"):
        symbol("600000", exchange="MOON")
    with pytest.raises(DataError, match="'bloomberg'"):
        symbol("600000").to("bloomberg")
    with pytest.raises(DataError, match="must be text, was int"):
        symbol(600000)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="'soon' is not a date"):
        symbol("SR509", on="soon")
    with pytest.raises(DataError, match="not a pair"):
        _ = symbol("600000").base_quote


def test_new_products_are_taken_where_the_exchange_is_named() -> None:
    assert str(symbol("SHFE.ZQ2712")) == "zq2712.SHFE"
    assert str(symbol("CZCE.zq2712")) == "ZQ2712.CZCE"
    with pytest.raises(DataError, match="not a symbol known here"):
        symbol("ZQ2712")


def test_no_product_and_no_quote_is_told_twice() -> None:
    products = [each.upper() for names in PRODUCTS_OF.values() for each in names.split()]
    assert len(products) == len(set(products))
    for quotes in QUOTES_OF.values():
        names = quotes.split()
        assert not [1 for one in names for two in names if one != two and one.endswith(two)]


SIX = st.integers(0, 999_999).map("{:06d}".format)
STOCKS = st.builds(Symbol, SIX, st.sampled_from(["SSE", "SZSE", "BSE"]))
HONG_KONG = st.builds(Symbol, st.integers(1, 99_999).map("{:05d}".format), st.just("SEHK"))
AMERICA = st.builds(Symbol, st.from_regex(r"\A[A-Z]{1,5}(\.[A-Z]{1,2})?\Z"), st.just("US"))


@st.composite
def futures(draw: st.DrawFn) -> Symbol:
    exchange = draw(st.sampled_from(CHINA_FUTURES))
    product = draw(st.sampled_from(PRODUCTS_OF[exchange].split()))
    month = st.builds("{:02d}{:02d}".format, st.integers(10, 39), st.integers(1, 12))
    return Symbol(product + draw(month | st.sampled_from(["-main", "-index"])), exchange)


@st.composite
def pairs(draw: st.DrawFn) -> Symbol:
    venue = draw(st.sampled_from(list(QUOTES_OF)))
    base = draw(st.from_regex(r"\A[A-Z0-9]{2,8}\Z"))
    return Symbol(base + draw(st.sampled_from(QUOTES_OF[venue].split())), venue)


ANY = st.one_of(STOCKS, HONG_KONG, AMERICA, futures(), pairs())
# These name the exchange themselves, so nothing else is needed to come back.
COMPLETE = {"tickstep", "tushare", "wind", "joinquant", "xtdata", "sina", "tencent", "eastmoney"}
COMPLETE |= {"vnpy", "tqsdk", "qifi"}


@given(ANY, st.sampled_from(SYSTEMS))
def test_there_and_back(instrument: Symbol, system: str) -> None:
    assert symbol(str(instrument)) == instrument
    try:
        spelled = instrument.to(system)
    except DataError:
        return
    on = None
    if instrument.exchange == "CZCE" and not instrument.is_continuous:
        digits = instrument.code[-4:]
        on = f"20{digits[:2]}-{digits[2:]}-01"
    if instrument.exchange == "BSE" and system == "eastmoney":
        return  # market 0 is Shenzhen too; only real codes of Beijing tell it
    assert symbol(spelled, system=system, exchange=instrument.exchange, on=on) == instrument
    if system in COMPLETE and not (system == "tushare" and instrument.exchange == "US"):
        assert symbol(spelled, on=on) == instrument


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = symbol(text)
    except DataError as refused:
        assert refused.hint
        return
    assert found.exchange in EXCHANGES
    assert symbol(str(found)) == found


def test_the_name_is_public() -> None:
    assert ts.symbol("sz000001") == symbol("000001.SZ")
    assert ts.symbol(ts.symbol("sz000001")) == symbol("000001.SZ")
    assert {str(symbol("600000"))} == {"600000.SSE"}
