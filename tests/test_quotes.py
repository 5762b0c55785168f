"""Quotes of Sina and Tencent: each field in its place, units, times, and what is not there."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickstep.data.quotes import Level, Quote, parse_sina, parse_tencent
from tickstep.errors import DataError

SINA_STOCK = (
    'var hq_str_sh600030="中信证券,20.350,20.400,20.110,20.380,20.050,20.110,20.120,98765432,'
    "1987654321.000,1200,20.110,3400,20.100,560,20.090,780,20.080,900,20.070,"
    '910,20.120,820,20.130,730,20.140,640,20.150,550,20.160,2024-01-02,15:00:03,00,";\n'
)
SINA_SUSPENDED = (
    'var hq_str_sz000005="ST星源,0.000,1.060,0.000,0.000,0.000,0.000,0.000,0,0.000,'
    + "0,0.000," * 10
    + '2024-01-02,11:45:01,03";\n'
)
SINA_INDEX = (
    'var hq_str_sh000001="上证指数,2972.7841,2974.9348,2962.2759,2976.2724,2962.1997,0,0,301412345,'
    "340512345999," + "0," * 20 + '2024-01-02,15:01:02,00,";\n'
)
SINA_FUTURES = (
    'var hq_str_nf_RB2510="螺纹钢2510,093005,3136.000,3152.000,3124.000,3130.000,3142.000,3143.000,'
    "3142.000,3140.000,3158.000,595,1352,1471614.000,741623,沪,螺纹钢,2025-09-03,1,,,,,,,,,3139.9,"
    '0.000,0,0.000,0";\n'
)
SINA_CFFEX = (
    'var hq_str_nf_IF2509="4510.000,4523.000,4488.000,4507.400,34108,153649402.200,148367.000,0.000,'
    "0.000,4963.800,4061.400,0.000,0.000,4526.400,4512.600,158088.000,4506.800,4,4506.600,2,"
    "4506.400,1,0.000,0,0.000,0,4507.800,6,4508.000,3,0.000,0,0.000,0,0.000,0,2025-08-25,"
    '11:20:01,300,1,,,,,,,,,4504.9,沪深300指数期货2509";\n'
)

LEVELS = [f"20.{11 - at:02d}~{10 + at}" for at in range(5)] + [
    f"20.{12 + at}~{20 + at}" for at in range(5)
]


def tencent_line(code: str, market: str, volume: str, clock: str) -> str:
    head = f"{market}~中信证券~{code[2:]}~20.11~20.40~20.35~{volume}~500000~487654~"
    middle = "~".join(LEVELS) + f"~~{clock}~-0.29~-1.42~20.38~20.05~"
    amounts = f"20.11/{volume}/1987654321~{volume}~198765~0.87~15.14~~20.38~20.05~1.62~2287.98~"
    return f'v_{code}="{head}{middle}{amounts}2980.39~1.20~22.44~18.36~0.93~123";\n'


def test_sina_stock() -> None:
    quote = parse_sina(SINA_STOCK.encode("gbk"))["sh600030"]
    assert quote == Quote(
        symbol="sh600030",
        name="中信证券",
        time=1704178803000,
        last=Decimal("20.110"),
        open=Decimal("20.350"),
        high=Decimal("20.380"),
        low=Decimal("20.050"),
        previous_close=Decimal("20.400"),
        volume=98765432,
        turnover=Decimal("1987654321.000"),
        bids=tuple(
            Level(Decimal(price), qty)
            for price, qty in zip(
                ["20.110", "20.100", "20.090", "20.080", "20.070"],
                [1200, 3400, 560, 780, 900],
                strict=True,
            )
        ),
        asks=tuple(
            Level(Decimal(price), qty)
            for price, qty in zip(
                ["20.120", "20.130", "20.140", "20.150", "20.160"],
                [910, 820, 730, 640, 550],
                strict=True,
            )
        ),
        status="00",
    )


def test_sina_plain_text_is_the_same() -> None:
    body = SINA_STOCK.split('"')[1]
    assert parse_sina(f"sh600030={body}\n") == parse_sina(SINA_STOCK)


def test_a_suspended_stock_has_no_prices() -> None:
    quote = parse_sina(SINA_SUSPENDED)["sz000005"]
    assert (quote.last, quote.open, quote.bids, quote.asks) == (None, None, (), ())
    assert (quote.previous_close, quote.volume, quote.status) == (Decimal("1.060"), 0, "03")


def test_indices_of_shanghai_count_lots() -> None:
    quote = parse_sina(SINA_INDEX)["sh000001"]
    assert (quote.volume, quote.last) == (30141234500, Decimal("2962.2759"))
    short = parse_sina(
        'var hq_str_s_sh000001="上证指数,2962.2759,-12.6589,-0.43,3014123,34051234";'
    )
    assert short["s_sh000001"].volume == 301412300
    assert short["s_sh000001"].turnover == 340512340000
    assert short["s_sh000001"].previous_close == Decimal("2974.9348")


def test_sina_futures() -> None:
    quote = parse_sina(SINA_FUTURES)["nf_RB2510"]
    assert (quote.open, quote.high, quote.low) == (Decimal(3136), Decimal(3152), Decimal(3124))
    assert (quote.last, quote.previous_close) == (Decimal(3142), Decimal(3130))
    assert quote.previous_settlement == Decimal(3158)
    assert (quote.bids, quote.asks) == ((Level(Decimal(3142), 595),), (Level(Decimal(3143), 1352),))
    assert (quote.open_interest, quote.volume) == (1471614, 741623)
    assert quote.time == 1756863005000  # 2025-09-03 01:30:05 UTC


def test_cffex_has_an_order_of_its_own() -> None:
    quote = parse_sina(SINA_CFFEX)["nf_IF2509"]
    assert (quote.open, quote.high, quote.low) == (Decimal(4510), Decimal(4523), Decimal(4488))
    assert (quote.last, quote.volume) == (Decimal("4507.4"), 34108)
    assert (quote.open_interest, quote.previous_settlement) == (148367, Decimal("4512.6"))
    assert (quote.limit_up, quote.limit_down) == (Decimal("4963.8"), Decimal("4061.4"))
    assert [level.qty for level in quote.bids] == [4, 2, 1]
    assert [level.qty for level in quote.asks] == [6, 3]
    assert quote.turnover is None
    assert quote.name == "沪深300指数期货2509"
    assert quote.time == 1756092001000  # 2025-08-25 03:20:01 UTC


def test_tencent_stock() -> None:
    text = tencent_line("sh600030", "1", "987654", "20240102150003")
    quote = parse_tencent(text.encode("gbk"))["sh600030"]
    assert quote == Quote(
        symbol="sh600030",
        name="中信证券",
        time=1704178803000,
        last=Decimal("20.11"),
        open=Decimal("20.35"),
        high=Decimal("20.38"),
        low=Decimal("20.05"),
        previous_close=Decimal("20.40"),
        limit_up=Decimal("22.44"),
        limit_down=Decimal("18.36"),
        volume=98765400,
        turnover=Decimal(1987654321),
        bids=tuple(Level(Decimal(f"20.{11 - at:02d}"), 1000 + 100 * at) for at in range(5)),
        asks=tuple(Level(Decimal(f"20.{12 + at}"), 2000 + 100 * at) for at in range(5)),
    )


def test_volumes_of_the_star_board_are_shares_and_its_levels_lots() -> None:
    quote = parse_tencent(tencent_line("sh688256", "1", "987654", "20240102150003"))["sh688256"]
    assert (quote.volume, quote.bids[0].qty) == (987654, 1000)


def test_hong_kong_and_new_york() -> None:
    quote = parse_tencent(tencent_line("hk00700", "100", "987654", "2024/01/02 16:08:15"))[
        "hk00700"
    ]
    assert (quote.volume, quote.bids[0].qty, quote.time) == (987654, 10, 1704182895000)
    assert quote.limit_up is None
    quote = parse_tencent(tencent_line("usAAPL", "200", "987654", "2024-01-02 16:00:01"))["usAAPL"]
    assert quote.time is None


def test_unknown_codes() -> None:
    with pytest.raises(DataError, match="the service knows no sh999999"):
        parse_sina('var hq_str_sh999999="";')
    with pytest.raises(DataError, match="knows no such code"):
        parse_tencent('v_pv_none_match="1";')
    text = 'var hq_str_sh999999="";\n' + SINA_STOCK + 'var hq_str_gb_aapl="苹果,1";\n'
    assert list(parse_sina(text, on_bad="skip")) == ["sh600030"]
    assert parse_tencent('v_pv_none_match="1";', on_bad="skip") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html>403 Forbidden</html>", "holds no quote"),
        ("", "holds no quote"),
        ('var hq_str_sh600030="中信证券,20.350,20.400";', "has 3 fields, expected at least 32"),
        (SINA_STOCK.replace("20.110,20.380", "abc,20.380"), "'abc' where a number stands"),
        (SINA_STOCK.replace("98765432,", "98765432.5,"), "no whole number"),
        (SINA_STOCK.replace("2024-01-02", "2024-13-02"), "cannot be read"),
        (SINA_STOCK.replace("20.110,20.380", "NaN,20.380"), "'NaN' where a number stands"),
        ('var hq_str_gb_aapl="苹果,1";', "are not read here"),
    ],
)
def test_bad_answers(text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        parse_sina(text)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutations_are_refused_or_read(data: st.DataObject) -> None:
    parse, text = data.draw(
        st.sampled_from(
            [
                (parse_sina, SINA_STOCK + SINA_CFFEX + SINA_FUTURES),
                (parse_tencent, tencent_line("sh600030", "1", "987654", "20240102150003")),
            ]
        )
    )
    junk = bytearray(text.encode("gbk"))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(junk) - 1))
        junk[place] = data.draw(st.sampled_from(b'",~;=.:-0919eE\x00\xff\n'))
    try:
        quotes = parse(bytes(junk))
    except DataError as error:
        assert error.hint
    else:
        assert all(isinstance(quote, Quote) for quote in quotes.values())
