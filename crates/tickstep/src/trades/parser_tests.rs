//! Whole files through [`TradesParser`].

use super::*;

const AGGREGATES: &str = "\
agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker
2300000000,61800.30,0.006,5266583935,5266583935,1723161256322,false
2300000001,61800.30,0.199,5266583936,5266583938,1723161256344,false
2300000002,61800.20,1.500,5266583939,5266583939,1723161256344,true
2300000003,61799.90,12.015,5266583940,5266583944,1723161256523,true
2300000004,61799.90,0.001,5266583945,5266583945,1723161256600,false
2300000005,61800.00,0.020,5266583946,5266583946,1723161256601,true
";

const SPOT_AGGREGATES: &str = "\
3300000000,61800.30000000,0.00600000,4200000000,4200000000,1735689600322123,False,True
3300000001,61800.31000000,9.0E-5,4200000001,4200000001,1735689600322124,True,True
";

const FEED: &str = r#"1723161255030314667 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"b":[["58710.20","0.014"]],"a":[]}}
1723161255088176367 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}
1723161255088176368 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583936,"p":"0","q":"0","X":"NA","m":true}}
1723161255319702566 {"lastUpdateId":5123107852948,"bids":[["61800.20","2.909"]],"asks":[]}
1723161255253870966 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256523,"T":1723161256523,"s":"BTCUSDT","t":5266583939,"p":"61800.20","q":"0.015","X":"MARKET","m":true}}
"#;

fn skipping() -> TradesOptions {
    TradesOptions {
        on_bad: OnBad::Skip,
        ..TradesOptions::default()
    }
}

fn read_pieces(pieces: &[&[u8]], options: &TradesOptions) -> Result<Trades, TradesError> {
    let mut parser = TradesParser::new(options)?;
    pieces.iter().try_for_each(|piece| parser.push(piece))?;
    parser.finish()
}

fn read(text: &str) -> Result<Trades, TradesError> {
    read_pieces(&[text.as_bytes()], &TradesOptions::default())
}

/// Everything that was read or said, to compare two ways of reading.
fn outcome(result: Result<Trades, TradesError>) -> String {
    result.map_or_else(|error| error.to_string(), |trades| format!("{trades:?}"))
}

#[test]
fn futures_aggregates() {
    let trades = read(AGGREGATES).unwrap();
    assert_eq!(trades.time[..2], [1_723_161_256_322, 1_723_161_256_344]);
    assert_eq!(
        trades.price_ticks,
        [618_003, 618_003, 618_002, 617_999, 617_999, 618_000]
    );
    assert_eq!(trades.qty_lots, [6, 199, 1500, 12_015, 1, 20]);
    assert_eq!(trades.side, [0, 0, 1, 1, 0, 1]);
    let report = trades.report;
    assert_eq!(
        (report.format, report.time_unit),
        ("futures-aggtrades", TimeUnit::Ms)
    );
    assert_eq!(
        (report.tick_size.as_str(), report.lot.as_str()),
        ("0.1", "0.001")
    );
    assert_eq!(
        (report.lines, report.symbol, report.skipped.len()),
        (7, None, 0)
    );
}

#[test]
fn other_layouts() {
    let spot = read(SPOT_AGGREGATES).unwrap();
    assert_eq!(
        (spot.price_ticks, spot.qty_lots),
        (vec![6_180_030, 6_180_031], vec![600, 9])
    );
    assert_eq!(
        (spot.report.format, spot.report.time_unit),
        ("spot-aggtrades", TimeUnit::Us)
    );
    assert_eq!(
        (spot.report.tick_size.as_str(), spot.report.lot.as_str()),
        ("0.01", "0.00001")
    );
    let spot_trades = read("1,2.50,4,10.0,1723161256322,True,True\r\n\r\n").unwrap();
    assert_eq!(
        (spot_trades.report.format, spot_trades.side),
        ("spot-trades", vec![1])
    );
    let trades = read("\u{feff}1,2.50,4,10.0,1723161256322000000,0").unwrap();
    assert_eq!(
        (trades.report.format, trades.side),
        ("futures-trades", vec![0])
    );
    assert_eq!(trades.report.time_unit, TimeUnit::Ns);
    let named = read("Time,is_buyer_maker,Qty,PRICE\n1723161256322,TRUE,5,2.5\n").unwrap();
    assert_eq!(
        (named.report.format, named.price_ticks, named.side),
        ("csv", vec![25], vec![1])
    );
}

#[test]
fn feed() {
    let trades = read(FEED).unwrap();
    assert_eq!(trades.time, [1_723_161_256_322, 1_723_161_256_523]);
    assert_eq!(
        (trades.price_ticks, trades.qty_lots),
        (vec![618_003, 618_002], vec![6, 15])
    );
    assert_eq!((trades.side, trades.report.format), (vec![0, 1], "feed"));
    assert_eq!(trades.report.symbol.as_deref(), Some("BTCUSDT"));
    assert_eq!(trades.report.skipped, BTreeMap::from([(ZERO_TRADE, 1)]));
    let messages = [("depthUpdate".to_owned(), 1), ("other".to_owned(), 1)];
    assert_eq!(trades.report.messages, BTreeMap::from(messages));
}

#[test]
fn a_feed_with_both_kinds_of_trades_counts_each_trade_once() {
    let both = FEED.replacen("\"e\":\"trade\"", "\"e\":\"aggTrade\"", 1);
    let trades = read(&both).unwrap();
    assert_eq!(trades.time.len(), 1);
    assert_eq!(trades.report.messages["trade"], 2);
    let aggregates = read(&FEED.replace("\"e\":\"trade\"", "\"e\":\"aggTrade\"")).unwrap();
    assert_eq!(aggregates.time.len(), 2);
}

#[test]
fn pieces_may_be_cut_anywhere() {
    for text in [AGGREGATES, SPOT_AGGREGATES, FEED] {
        let whole = outcome(read(text));
        let bytes = text.as_bytes();
        for cut in 0..=bytes.len() {
            let pieces = [&bytes[..cut], &bytes[cut..]];
            assert_eq!(
                outcome(read_pieces(&pieces, &TradesOptions::default())),
                whole,
                "{cut}"
            );
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(
            outcome(read_pieces(&single, &TradesOptions::default())),
            whole
        );
    }
}

#[test]
fn given_grid() {
    let options = |tick_size: &str| TradesOptions {
        tick_size: Some(tick_size.to_owned()),
        lot: Some("0.0005".to_owned()),
        ..TradesOptions::default()
    };
    let fine = read_pieces(&[AGGREGATES.as_bytes()], &options("0.05")).unwrap();
    assert_eq!((fine.price_ticks[0], fine.qty_lots[0]), (1_236_006, 12));
    assert_eq!(
        (fine.report.tick_size.as_str(), fine.report.lot.as_str()),
        ("0.05", "0.0005")
    );
    let coarse = read_pieces(&[AGGREGATES.as_bytes()], &options("0.25")).unwrap_err();
    let said = coarse.to_string();
    let expected = "line 2: price '61800.30' is not a multiple of tick size 0.25 \
                    (nearest: 61800.25 and 61800.50); row: 2300000000,61800.30,";
    assert!(said.starts_with(expected), "{said}");
    for text in ["0", "-0.1", "x", "", "1e400"] {
        assert!(matches!(
            TradesParser::new(&options(text)),
            Err(TradesError::Unit {
                name: "tick_size",
                ..
            })
        ));
    }
}

/// One bad row after a good one; the reason it is counted under; a part of the message.
const BAD_ROWS: [(&str, &str, &str); 22] = [
    (
        "1,2,3,4,5,1723161256322",
        "columns",
        "expected 7 columns as before, was 6",
    ),
    (
        "1;2;3;4;5;1723161256322;true",
        "columns",
        "was 1 (separated by ';'?)",
    ),
    (
        "1,NaN,3,4,5,1723161256322,true",
        "price",
        "price 'NaN' is not a decimal number",
    ),
    (
        "1,,3,4,5,1723161256322,true",
        "price",
        "price '' is not a decimal number",
    ),
    (
        "1,2,inf,4,5,1723161256322,true",
        "quantity",
        "quantity 'inf' is not a decimal number",
    ),
    (
        "1,1e308,3,4,5,1723161256322,true",
        "price",
        "price '1e308' is not below 2^48 ticks",
    ),
    (
        "1,2,1e308,4,5,1723161256322,true",
        "quantity",
        "quantity '1e308' is not below 2^62 lots",
    ),
    (
        "1,281474976710656,3,4,5,1723161256322,true",
        "price",
        "is not below 2^48 ticks",
    ),
    (
        "1,1e-308,3,4,5,1723161256322,true",
        "price",
        "has more than 18 decimals",
    ),
    (
        "1,1e-15,3,4,5,1723161256322,true",
        "price",
        "would pass 2^48 ticks",
    ),
    (
        "1,0.00,3,4,5,1723161256322,true",
        "price",
        "price '0.00' is not above zero",
    ),
    (
        "1,-2,3,4,5,1723161256322,true",
        "price",
        "price '-2' is not above zero",
    ),
    (
        "1,2,0,4,5,1723161256322,true",
        "quantity",
        "quantity '0' is not above zero",
    ),
    ("1,2,3,4,5,,true", "time", "time '' is not an integer of 13"),
    (
        "1,2,3,4,5,1723161256,true",
        "time",
        "time '1723161256' is not an integer of 13",
    ),
    (
        "1,2,3,4,5,0723161256322,true",
        "time",
        "is not an integer of 13",
    ),
    ("1,2,3,4,5,9223372036854775807,true", "time", "below 2^62"),
    (
        "1,2,3,4,5,1723161256322000,true",
        "time",
        "has 16 digits, the rows before it have 13",
    ),
    (
        "1,2,3,4,5,1723161256321,true",
        "time backwards",
        "from 1723161256322 to 1723161256321",
    ),
    (
        "1,2,3,4,5,1723161256322,yes",
        "buyer is maker",
        "'yes' is neither true nor false",
    ),
    (
        "1,2,3,4,5,1723161256322,tr",
        "buyer is maker",
        "'tr' is neither true nor false",
    ),
    ("\u{0}\u{1}\u{7f}", "columns", "row: \\x00\\x01\\x7f"),
];

#[test]
fn bad_rows_are_named_or_counted() {
    let good = "1,2,3,4,5,1723161256322,true\n";
    for (row, reason, message) in BAD_ROWS {
        let text = format!("{good}\n{row}\n{good}");
        let error = read(&text).unwrap_err();
        assert_eq!(error.line(), Some(3), "{row}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(!error.mend().is_empty());
        let trades = read_pieces(&[text.as_bytes()], &skipping()).unwrap();
        assert_eq!(
            (trades.price_ticks, trades.qty_lots),
            (vec![2, 2], vec![3, 3]),
            "{row}"
        );
        assert_eq!(trades.report.skipped, BTreeMap::from([(reason, 1)]));
        assert_eq!(trades.report.first_bad, Some(error));
    }
}

#[test]
fn files_without_trades() {
    for text in ["", "\n\r\n", "\u{feff}"] {
        assert_eq!(read(text).unwrap_err(), TradesError::Empty, "{text:?}");
    }
    let header = AGGREGATES.split_inclusive('\n').next().unwrap();
    let error = read(header).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no trades in 1 lines, 0 of them bad rows"
    );
    let error = read_pieces(&[b"a,b\nc;d\n"], &skipping()).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("no trades in 2 lines, 2 of them bad rows; the first: line 1: "));
    assert!(
        read("open,high,low,close\n")
            .unwrap_err()
            .to_string()
            .contains("the column price")
    );
    let binary = read_pieces(&[b"\x1f\x8b\x08\x00\x00\n"], &TradesOptions::default()).unwrap_err();
    assert!(
        binary
            .to_string()
            .contains("the line is not text; row: \\x1f\\x8b")
    );
}

#[test]
fn long_lines_are_dropped_in_bounded_memory() {
    let good = b"1,2,3,4,5,1723161256322,true\n";
    let junk = vec![b'7'; 300_000];
    let mut parser = TradesParser::new(&skipping()).unwrap();
    parser.push(good).unwrap();
    for _ in 0..100 {
        parser.push(&junk).unwrap();
        assert!(parser.lines.capacity() <= 2 * (LINE_BYTES_MAX + junk.len()));
    }
    parser.push(b"\n").unwrap();
    parser.push(good).unwrap();
    let report = parser.finish().unwrap().report;
    assert_eq!((report.lines, report.skipped["line too long"]), (3, 1));
    assert!(report.first_bad.unwrap().to_string().ends_with("777..."));
    let one_piece = [good.as_slice(), &junk.repeat(4), b"\n"].concat();
    let error = read_pieces(&[&one_piece], &TradesOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("line 2: the line is longer than 1048576 bytes")
    );
}

#[test]
fn an_ended_parser_says_so() {
    let mut parser = TradesParser::new(&TradesOptions::default()).unwrap();
    assert!(parser.push(b"junk\n").is_err());
    assert_eq!(parser.push(AGGREGATES.as_bytes()), Err(TradesError::Ended));
    assert_eq!(parser.finish().unwrap_err(), TradesError::Ended);
}

#[test]
fn a_refused_row_leaves_no_trace() {
    // The price would refine the tick, but the quantity is bad.
    let text = "1,2,3,4,5,1723161256322,true\n1,2.001,x,4,5,1723161256322,true\n";
    let trades = read_pieces(&[text.as_bytes()], &skipping()).unwrap();
    assert_eq!(
        (trades.report.tick_size.as_str(), trades.price_ticks),
        ("1", vec![2])
    );
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % bound
    }

    /// Inserts, deletes, or replaces a few bytes, most of them by ones that mean something.
    fn mutate(&mut self, text: &str) -> Vec<u8> {
        const ALPHABET: &[u8] = b"0123456789..,,\n\n\r-+eETtrufalse; \x00\xff";
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            let byte = ALPHABET[self.below(ALPHABET.len())];
            match self.below(3) {
                0 => bytes.insert(at, byte),
                1 => drop(bytes.remove(at)),
                _ => bytes[at] = byte,
            }
        }
        bytes
    }
}

/// Rows of one layout, enough of them that bytes follow for the fast path.
fn many_rows(layout: usize, random: &mut Random) -> String {
    let mut text = String::new();
    for row in 0..30 + random.below(20) {
        let (id, time) = (2_300_000_000 + row, 1_723_161_256_322 + 7 * row);
        let price = format!("6180{}.{}", random.below(10), random.below(10));
        let qty = format!("{}.{:03}", random.below(100), 1 + random.below(999));
        let (flag, is_lower) = (random.below(2) == 0, layout % 2 == 1);
        let flag = if is_lower {
            format!("{flag}")
        } else {
            format!("{flag}").replace("t", "T")
        };
        text += &match layout {
            0 => format!("{id},{price}0000000,{qty}00000,{id},{id},{time}123,{flag},True\n"),
            1 => format!("{id},{price}0,{qty},{id},{id},{time},{flag}\n"),
            2 => format!("{id},{price}0000000,{qty}00000,98.5,{time},{flag},True\r\n"),
            _ => format!("{id},{price}0,{qty},98.50,{time},{flag}\n"),
        };
    }
    text
}

#[test]
fn fast_path_agrees_with_exact_path() {
    let mut random = Random(7);
    let mut accepted = 0;
    for round in 0..6000 {
        let text = many_rows(round % 4, &mut random);
        let bytes = if round < 40 {
            text.into_bytes()
        } else {
            random.mutate(&text)
        };
        let on_bad = if round % 3 == 0 {
            OnBad::Skip
        } else {
            OnBad::Raise
        };
        let tick_size = (round % 5 == 0).then(|| "0.05".to_owned());
        let outcome_of = |is_exact_only| {
            let options = TradesOptions {
                tick_size: tick_size.clone(),
                lot: None,
                on_bad,
                is_exact_only,
                after_id: None,
            };
            read_pieces(&[&bytes], &options)
        };
        let (fast, exact) = (outcome_of(false), outcome_of(true));
        accepted += usize::from(fast.is_ok());
        assert_eq!(outcome(fast), outcome(exact), "{}", bytes.escape_ascii());
    }
    assert!((1000..5000).contains(&accepted), "{accepted}");
}
