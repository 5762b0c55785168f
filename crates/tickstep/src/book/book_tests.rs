//! Feeds through [`BookParser`], and the best levels through a slow book.

use std::collections::BTreeMap;

use super::*;
use crate::text::fault::{OnBad, TextError};

fn read(text: &str, kind: BookKind) -> Result<BookFeed, TextError> {
    let mut parser = BookParser::new(&BookOptions {
        kind,
        ..BookOptions::default()
    })?;
    parser.push(text.as_bytes())?;
    parser.finish()
}

fn update(time: i64, ids: [u64; 3], bids: &str, asks: &str) -> String {
    let [first, last, previous] = ids;
    format!(
        r#"1723161255030314667 {{"stream":"x@depth","data":{{"e":"depthUpdate","E":1,"T":{time},"s":"X","U":{first},"u":{last},"pu":{previous},"b":[{bids}],"a":[{asks}]}}}}"#
    ) + "\n"
}

const SNAPSHOT_LINE: &str = r#"1723161255319702566 {"lastUpdateId":20,"E":3,"T":1723161256005,"bids":[["10.1","1"],["10.0","2"]],"asks":[["10.2","3"]]}
"#;

fn feed() -> String {
    [
        update(1_723_161_256_001, [1, 10, 0], r#"["10.1","5"]"#, ""),
        update(
            1_723_161_256_002,
            [11, 25, 10],
            "",
            r#"["10.30","4.5"],["10.2","0"]"#,
        ),
        SNAPSHOT_LINE.to_owned(),
        update(1_723_161_256_003, [26, 30, 25], r#"["10.1","0.000"]"#, ""),
    ]
    .concat()
}

#[test]
fn a_snapshot_goes_to_its_place_in_the_sequence() {
    let book = read(&feed(), BookKind::Depth).unwrap();
    assert_eq!(book.price_ticks, [101, 101, 100, 102, 103, 102, 101]);
    assert_eq!(book.qty_lots, [50, 10, 20, 30, 45, 0, 0]);
    assert_eq!(book.side, [0, 0, 0, 1, 1, 1, 0]);
    assert_eq!(book.flags, [2, 1, 0, 2, 0, 2, 2]);
    // The snapshot's own time is later than that of the update behind it.
    let times: Vec<_> = book.time.iter().map(|time| time % 10).collect();
    assert_eq!(times, [1, 2, 2, 2, 2, 2, 3]);
    let report = &book.report;
    assert_eq!((report.updates, report.snapshots, report.gaps), (3, 1, 0));
    assert_eq!(
        (report.tick_size.as_str(), report.lot.as_str()),
        ("0.1", "0.1")
    );
    assert_eq!(report.symbol.as_deref(), Some("X"));
}

#[test]
fn broken_chains_are_counted() {
    let text = feed() + &update(1_723_161_256_009, [41, 50, 40], r#"["1","1"]"#, "");
    let report = read(&text, BookKind::Depth).unwrap().report;
    assert_eq!((report.gaps, report.first_gap), (1, Some((30, 50))));
    let spot = text.replace("\"pu\"", "\"x\"");
    let report = read(&spot, BookKind::Depth).unwrap().report;
    assert_eq!((report.gaps, report.first_gap), (1, Some((30, 50))));
}

#[test]
fn updates_that_the_snapshot_holds_are_left_out() {
    let known = update(1_723_161_256_000, [11, 20, 10], r#"["1","1"]"#, "");
    let text = [SNAPSHOT_LINE.to_owned(), known, SNAPSHOT_LINE.to_owned()].concat();
    let book = read(&text, BookKind::Depth).unwrap();
    assert_eq!(book.time.len(), 3);
    let skipped = BTreeMap::from([("older than the snapshot", 2)]);
    assert_eq!(book.report.skipped, skipped);
}

#[test]
fn tickers() {
    let spot = r#"1723161255088169167 {"u":7,"s":"X","b":"10.1","B":"2","a":"10.2","A":"3"}"#;
    let futures = r#"{"stream":"x","data":{"e":"bookTicker","u":8,"s":"X","b":"10.0","B":"2","a":"10.2","A":"1","T":1723161255089,"E":1}}"#;
    let text = format!("{spot}\n{futures}\n{futures}\n{}", feed());
    let book = read(&text, BookKind::Ticker).unwrap();
    assert_eq!(
        book.time,
        [
            1_723_161_255_088,
            1_723_161_255_088,
            1_723_161_255_089,
            1_723_161_255_089
        ]
    );
    assert_eq!(book.price_ticks, [101, 102, 100, 102]);
    assert_eq!(book.flags, [1, 2, 1, 2]);
    assert_eq!(
        book.report.skipped,
        BTreeMap::from([("update repeated", 1)])
    );
    let messages = BTreeMap::from([("depthUpdate".to_owned(), 3), ("snapshot".to_owned(), 1)]);
    assert_eq!(book.report.messages, messages);
}

#[test]
fn bad_messages_change_nothing() {
    let good = update(1_723_161_256_001, [1, 10, 0], r#"["10.1","5"]"#, "");
    for (bad, said) in [
        (
            good.replace(r#""5""#, r#""x""#),
            "quantity 'x' is not a decimal",
        ),
        (
            good.replace(r#""5""#, r#""-1""#),
            "quantity '-1' is not above zero",
        ),
        (good.replace("10.1", "0"), "price '0' is not above zero"),
        (good.replace("10.1", "1e308"), "price '1e308' is not below"),
        (
            good.replace("[\"10.1\",\"5\"]", "[\"10.1\"]"),
            "no usable field \"b\"",
        ),
        (
            good.replace("\"u\":10", "\"u\":-1"),
            "no usable field \"u\"",
        ),
        (good.replace("256001", "256000"), "time goes backwards"),
        (
            good.replace(r#""X""#, r#""Y""#),
            "symbol 'Y' differs from 'X'",
        ),
        (good[..60].to_owned(), "one JSON object"),
    ] {
        let text = format!("{good}{bad}");
        let error = read(&text, BookKind::Depth).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        let options = BookOptions {
            on_bad: OnBad::Skip,
            ..BookOptions::default()
        };
        let mut parser = BookParser::new(&options).unwrap();
        parser.push(text.as_bytes()).unwrap();
        let book = parser.finish().unwrap();
        assert_eq!((book.time.len(), book.flags.as_slice()), (1, &[2][..]));
        assert_eq!(book.report.skipped.values().sum::<u64>(), 1);
    }
    assert_eq!(read("", BookKind::Depth).unwrap_err(), TextError::Empty);
    let other = read("1 {\"e\":\"trade\"}\n", BookKind::Depth).unwrap_err();
    assert!(other.to_string().starts_with("no book updates in 1 lines"));
}

#[test]
fn best_levels_are_those_of_a_slow_book() {
    let mut state = 7u64;
    let mut random = |bound: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % bound
    };
    let count = 3000;
    let side: Vec<u8> = (0..count).map(|_| random(2) as u8).collect();
    let price_ticks: Vec<i64> = (0..count).map(|_| random(20) as i64 - 5).collect();
    let qty_lots: Vec<i64> = (0..count).map(|_| random(3) as i64).collect();
    let flags: Vec<u8> = (0..count)
        .map(|_| u8::from(random(50) == 0) + 2 * u8::from(random(3) == 0))
        .collect();
    let found = best(Levels {
        side: &side,
        price_ticks: &price_ticks,
        qty_lots: &qty_lots,
        flags: &flags,
    });
    let mut books = [BTreeMap::new(), BTreeMap::new()];
    let mut updates = 0;
    for row in 0..count {
        if flags[row] & SNAPSHOT != 0 {
            books = [BTreeMap::new(), BTreeMap::new()];
        }
        books[usize::from(side[row])].insert(price_ticks[row], qty_lots[row]);
        books[usize::from(side[row])].retain(|_, qty| *qty > 0);
        if flags[row] & UPDATE_END != 0 {
            let bid = books[0]
                .last_key_value()
                .map_or((0, 0), |(price, qty)| (*price, *qty));
            let ask = books[1]
                .first_key_value()
                .map_or((0, 0), |(price, qty)| (*price, *qty));
            assert_eq!(found.rows[updates], row);
            assert_eq!((found.bid_ticks[updates], found.bid_lots[updates]), bid);
            assert_eq!((found.ask_ticks[updates], found.ask_lots[updates]), ask);
            updates += 1;
        }
    }
    assert_eq!(found.rows.len(), updates);
}
