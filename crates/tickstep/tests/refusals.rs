//! Refusals: a call that fails changes nothing and names the value.

mod common;

use common::{config, run, script};
use tickstep::{
    Amend, Columns, Config, Engine, Entry, Error, Feed, FeedSet, FillRule, FloatQty, Instrument,
    LotGrid, Offset, Order, OrderType, Reason, Schedule, ScheduleColumns, Side, Status, Tick,
    Ticks, When, ZoneMap,
};

/// An engine in the middle of things.
fn engine() -> Engine {
    let config = config(4);
    let mut engine = Engine::new(&config).expect("good");
    run(&mut engine, &script(4, &config, 300));
    engine
}

/// Expects a refusal with this name and a message that begins like this, and nothing changed.
fn refused<T: std::fmt::Debug>(
    name: &str,
    message: &str,
    call: impl FnOnce(&mut Engine) -> Result<T, Error>,
) {
    let mut engine = engine();
    let (state, events) = (engine.state_hash(), engine.event_digest());
    let error = call(&mut engine).expect_err(name);
    assert_eq!(error.name(), name);
    assert!(error.to_string().starts_with(message), "{error}");
    assert_eq!(
        (engine.state_hash(), engine.event_digest()),
        (state, events),
        "{name}"
    );
}

#[test]
fn orders() {
    let place = |name, message: &str, order: Order| {
        refused(name, message, |engine| engine.place(&order));
    };
    let limit = Order::limit(Side::Buy, 5, 100);
    place("INSTRUMENT", "instrument is 9: ", limit.instrument(9));
    place("QTY", "qty_lots is -5: ", Order::market(Side::Buy, -5));
    place(
        "QTY",
        "qty_lots is 1: ",
        Order {
            qty_lots: 1,
            ..Order::alert_price(Side::Buy, 3)
        },
    );
    place("PRICE", "price_ticks is 0: ", Order::limit(Side::Buy, 5, 0));
    place(
        "TRIGGER",
        "trigger_ticks is 281474976710656: ",
        Order::stop(Side::Buy, 5, 1 << 48),
    );
    place(
        "TRAIL",
        "trail_ticks is 0: ",
        Order::trailing_stop(Side::Sell, 5, 0),
    );
    place(
        "EXPIRY",
        "expire_time is 4611686018427387904: ",
        limit.gtd(1 << 62),
    );
    place("OFFSET", "offset is 1: ", limit.offset(Offset::Open));
    place(
        "FLAGS",
        "flags is 1: ",
        Order::market(Side::Buy, 5).post_only(),
    );
    place(
        "FIELD_UNUSED",
        "trail_ticks is 7: ",
        Order {
            trail_ticks: 7,
            ..limit
        },
    );
    place(
        "FIELD_UNUSED",
        "expire_time is 7: ",
        Order {
            expire_time: 7,
            ..limit
        },
    );
    place(
        "TIME_IN_FORCE",
        "time_in_force is 4: ",
        Order::alert_time(900).ioc(),
    );
    place(
        "OVERFLOW",
        "qty_lots is ",
        Order::limit(Side::Buy, 1 << 50, 1 << 20),
    );
}

#[test]
fn commands() {
    refused("ORDER_UNKNOWN", "order_id is 0: ", |engine| {
        engine.cancel(0)
    });
    refused(
        "ORDER_UNKNOWN",
        "order_id is 18446744073709551615: ",
        |engine| engine.cancel(u64::MAX),
    );
    refused("ORDER_UNKNOWN", "order_id is 999: ", |engine| {
        engine.order(999)
    });
    refused("INSTRUMENT", "instrument is 3: ", |engine| {
        engine.cancel_all(Some(3))
    });
    refused("INSTRUMENT", "instrument is 4294967295: ", |engine| {
        engine.cancel_all(Some(u32::MAX))
    });
    refused("INSTRUMENT", "instrument is 3: ", |engine| {
        engine.open_orders(Some(3))
    });
    refused("INSTRUMENT", "instrument is 3: ", |engine| {
        engine.snapshot(3)
    });
    refused("AMEND_FIELDS", "", |engine| {
        let id = engine.open_orders(None)?[0].order_id;
        engine.amend(id, &Amend::new())
    });
    refused("QTY", "qty_lots is 0: ", |engine| {
        let id = engine.open_orders(None)?[0].order_id;
        engine.amend(id, &Amend::new().qty(0))
    });
    refused("REASON", "reason is 10: ", |engine| {
        engine.refuse(&Order::market(Side::Buy, 5), Reason::TooLate)
    });
    refused("QTY", "qty_lots is 0: ", |engine| {
        engine.refuse(&Order::market(Side::Buy, 0), Reason::RiskLimit)
    });
    refused("REASON", "reason is 20: ", |engine| {
        let id = engine.open_orders(None)?[0].order_id;
        engine.refuse_amend(id, &Amend::new().qty(5), Reason::CancelledByUser)
    });
    refused("ORDER_UNKNOWN", "order_id is 999: ", |engine| {
        engine.refuse_amend(999, &Amend::new().qty(5), Reason::RiskLimit)
    });
    refused("AMOUNT", "amount_units is -5: ", |engine| {
        engine.ledger_post(0, Entry::Deposit, -5)
    });
    refused("ENTRY_KIND", "kind is 20: ", |engine| {
        engine.ledger_post(0, Entry::Settlement, 5)
    });
    refused("SETTLE_PRICE", "price_ticks is 0: ", |engine| {
        engine.settle_at(0, 0)
    });
    refused(
        "COLUMN_LENGTH",
        "the column prices_ticks has 2 rows, expected 3",
        |engine| engine.day_roll(Some(&[1, 2])),
    );
}

#[test]
fn ticks() {
    let step = |name, message: &str, tick: Tick| {
        refused(name, message, |engine| engine.step(&tick));
    };
    let tick = Tick::new(100_000, 100, 1, Side::Buy);
    step("INSTRUMENT", "instrument is 3: ", tick.instrument(3));
    step("TIME_BACKWARDS", "time is -1: ", Tick { time: -1, ..tick });
    step(
        "TIME_RANGE",
        "time is 4611686018427387904: ",
        Tick {
            time: 1 << 62,
            ..tick
        },
    );
    step(
        "TICK_PRICE",
        "price_ticks is 0: ",
        Tick {
            price_ticks: 0,
            ..tick
        },
    );
    step(
        "TICK_QTY",
        "qty_lots is 0: ",
        Tick {
            qty_lots: 0,
            ..tick
        },
    );
    step("TICK_QUOTE", "bid_ticks is 102: ", tick.quote(102, 101));
}

/// Expects a batch of this feed to be refused with this message, and nothing changed.
fn batch_refused(message: &str, rows: [i64; 3], prices: [i64; 3], lots: [i64; 3]) {
    let mut engine = engine();
    let state = engine.state_hash();
    let columns = Columns::new(&rows, &prices).qty_lots(&lots);
    let mut feed = Feed::new(0, columns).expect("equal lengths");
    let error = engine
        .step_batch(std::slice::from_mut(&mut feed), 0)
        .expect_err(message);
    assert!(error.to_string().starts_with(message), "{error}");
    assert_eq!((error.ticks_done, feed.cursor()), (0, 0));
    assert_eq!(engine.state_hash(), state, "{message}");
    let ticks = Ticks::check(columns, &engine.config().instruments[0]);
    // The clock is the engine's: a check of columns alone does not know it.
    if rows[0] > 0 {
        assert_eq!(ticks.expect_err(message).row, error.row);
    }
}

#[test]
fn columns() {
    let (time, price, lots) = ([100_000; 3], [100; 3], [1; 3]);
    batch_refused("feed 0, row 2: price_ticks is -7: ", time, [1, 2, -7], lots);
    batch_refused("feed 0, row 1: qty_lots is 0: ", time, price, [1, 0, 1]);
    batch_refused(
        "feed 0, row 1: time is 99999: ",
        [100_000, 99_999, 100_000],
        price,
        lots,
    );
    batch_refused("feed 0, row 0: time is -1: ", [-1, 2, 3], price, lots);
}

#[test]
fn shapes() {
    let short = Feed::new(0, Columns::new(&[1, 2], &[100]));
    assert_eq!(
        short.expect_err("shorter").to_string(),
        "the column price_ticks has 1 rows, expected 2"
    );
    let sides = Feed::new(0, Columns::new(&[1, 2], &[100, 100]).side(&[0]));
    assert_eq!(sides.expect_err("shorter").name(), "COLUMN_LENGTH");
    let map = ZoneMap::build(&[5; 10]).expect("good");
    let long = Feed::new(0, Columns::new(&[1; 11], &[5; 11])).and_then(|feed| feed.zone_map(&map));
    assert_eq!(long.expect_err("longer").status(), Some(Status::ZoneMap));
    let (order_type, side) = ([OrderType::Market.number(); 2], [0; 2]);
    let columns = ScheduleColumns::new(When::Times(&[1, 2]), &order_type, &side, &[5]);
    assert_eq!(
        Schedule::new(columns).expect_err("shorter").name(),
        "COLUMN_LENGTH"
    );
}

#[test]
fn feeds() {
    let mut engine = engine();
    let columns = Columns::new(&[100_000], &[100]);
    let feed = |instrument| Feed::new(instrument, columns).expect("good");
    let mut refused = |mut feeds: Vec<Feed<'_>>| {
        engine
            .step_batch(&mut feeds, 0)
            .expect_err("a fault")
            .error
            .status()
    };
    assert_eq!(refused(vec![feed(3)]), Some(Status::Instrument));
    assert_eq!(refused(vec![feed(0), feed(0)]), Some(Status::FeedRepeated));
    assert_eq!(refused(vec![feed(2), feed(0)]), Some(Status::FeedRepeated));
    // The second instrument's rule is VOLUME.
    assert_eq!(refused(vec![feed(1)]), Some(Status::ColumnMissing));
    assert_eq!(
        feed(0).rows(0..2).expect_err("beyond").status(),
        Some(Status::FeedCursor)
    );
    let rules = engine.config().instruments.clone();
    let kept = |feed| FeedSet::new(vec![feed], &rules).expect_err("a fault");
    assert_eq!(kept(feed(3)).error.status(), Some(Status::Instrument));
    let columns = Columns::new(&[1, 2], &[100, 0]);
    let fault = kept(Feed::new(0, columns).expect("equal lengths"));
    assert_eq!(fault.error.status(), Some(Status::TickPrice));
    assert_eq!(fault.row, Some(1));
}

#[test]
fn schedule_rows() {
    let mut engine = engine();
    let state = engine.state_hash();
    let mut refused = |qty: &[i64], times: &[i64], price: Option<&[i64]>| {
        let mut feeds = [Feed::new(0, Columns::new(&[100_000], &[100])).expect("good")];
        let (order_type, side) = ([OrderType::Market.number(); 2], [0; 2]);
        let columns = ScheduleColumns::new(When::Times(times), &order_type, &side, qty);
        let mut schedule = Schedule::new(ScheduleColumns {
            price_ticks: price,
            ..columns
        })
        .expect("good");
        engine
            .run_orders(&mut feeds, &mut schedule)
            .expect_err("a fault")
            .to_string()
    };
    let message = refused(&[5, 0], &[1, 2], None);
    assert!(
        message.starts_with("schedule row 1: qty_lots is 0: "),
        "{message}"
    );
    let message = refused(&[5, 5], &[2, 1], None);
    assert!(
        message.starts_with("schedule row 1: time is 1: "),
        "{message}"
    );
    let message = refused(&[5, 5], &[1, 2], Some(&[0, 7]));
    assert!(message.starts_with("schedule row 1: "), "{message}");
    assert_eq!(engine.state_hash(), state);
}

#[test]
fn float_quantities() {
    let mut engine = engine();
    let state = engine.state_hash();
    let grid = LotGrid::new("0.5".parse().expect("a number")).expect("above 0");
    let mut refused = |instrument: u32, prices: [i64; 3], floats: &[f64]| {
        let columns = Columns::new(&[100_000, 100_001, 100_002], &prices);
        let mut feed = Feed::new(instrument, columns).expect("good");
        let mut qty = FloatQty::new(floats, grid);
        engine
            .step_batch_f64(&mut feed, &mut qty, 0)
            .expect_err("a fault")
            .to_string()
    };
    for instrument in [0, 1] {
        let message = refused(instrument, [100; 3], &[1.0, 1.5, 0.7]);
        let expected = "feed 0, row 2: 0.7 is not a multiple of 0.5: the nearest are 0.5 and 1";
        assert_eq!(message, expected);
        let message = refused(instrument, [100; 3], &[1.0, 0.0, 0.5]);
        assert!(
            message.starts_with("feed 0, row 1: a quantity is 0.0: "),
            "{message}"
        );
        let message = refused(instrument, [100; 3], &[1.0, 1.0, f64::NAN]);
        assert!(
            message.starts_with("feed 0, row 2: NaN is not a finite number"),
            "{message}"
        );
        let message = refused(instrument, [100, 100, 0], &[1.0; 3]);
        assert!(
            message.starts_with("feed 0, row 2: price_ticks is 0: "),
            "{message}"
        );
        let message = refused(instrument, [100; 3], &[1.0; 2]);
        assert!(
            message.ends_with("the column qty has 2 rows, expected 3"),
            "{message}"
        );
    }
    assert_eq!(engine.state_hash(), state);
}

#[test]
fn configurations() {
    let message = |config: Config| Engine::new(&config).expect_err("a fault").to_string();
    let good = Instrument::new(1);
    let two = |bad: Instrument| Config::new(0, vec![good.clone(), bad]);
    assert_eq!(
        message(two(Instrument::new(0))),
        "instrument 1: units_per_tick_lot is 0: units_per_tick_lot must be from 1 to 2^40"
    );
    assert!(
        message(two(good.clone().spread_ppb(2_000_000_000))).contains("spread_ppb is 2000000000")
    );
    assert!(message(two(good.clone().fees_ppb(0, 1 << 40))).contains("taker_fee_ppb is"));
    assert!(
        message(two(good.clone().fees_per_lot(1 << 41, 0))).contains("maker_fee_units_per_lot")
    );
    assert!(message(two(good.clone().fee_min_units(-1))).contains("fee_min_units is -1"));
    assert!(message(two(good.clone().board_lot(1, 0))).contains("qty_min_lots is 0"));
    assert!(message(two(good.clone().volume(0))).contains("participation_ppm is 0"));
    assert!(
        message(two(good.clone().band_ticks(5, 4))).starts_with("instrument 1: the price band")
    );
    assert!(message(two(good.clone().mark()).cash_account()).starts_with("instrument 1: a cash"));
    assert!(message(Config::new(-1, vec![good.clone()])).starts_with("initial_cash_units is -1: "));
    assert!(message(Config::new(0, Vec::new())).starts_with("instrument_count is 0: "));
    assert!(message(Config::new(0, vec![good.clone()]).latency(-3)).starts_with("latency is -3: "));
}

#[test]
fn a_check_is_trusted_only_where_it_was_as_strict() {
    let any = Instrument::new(1)
        .fill_rule(FillRule::Through)
        .allow_negative();
    let ticks = Ticks::check(Columns::new(&[1, 2], &[5, -5]), &any).expect("good");
    let mut strict = Engine::new(&Config::new(0, vec![Instrument::new(1)])).expect("good");
    let error = strict
        .step_batch(&mut [ticks.feed(0)], 0)
        .expect_err("a price below 0");
    assert_eq!((error.row, error.error.name()), (Some(1), "TICK_PRICE"));
    let mut open = Engine::new(&Config::new(0, vec![any])).expect("good");
    assert_eq!(
        open.step_batch(&mut [ticks.feed(0)], 0)
            .expect("good")
            .ticks_done,
        2
    );
}

#[test]
fn overflow_stops_before_the_tick_and_says_how_far_it_came() {
    let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)])).expect("good");
    engine
        .place(&Order::limit(Side::Sell, 1 << 45, 2_000))
        .expect("its own value fits");
    let (time, price) = ([1, 2, 3], [1_000, 1_500, 1 << 40]);
    let mut feeds = [Feed::new(0, Columns::new(&time, &price)).expect("good")];
    let error = engine.step_batch(&mut feeds, 0).expect_err("money");
    assert_eq!(error.error.status(), Some(Status::Overflow));
    assert_eq!(
        (error.feed, error.row, error.ticks_done, feeds[0].cursor()),
        (None, None, 2, 2)
    );
    assert_eq!(engine.snapshot(0).expect("good").tick_index, 1);
}
