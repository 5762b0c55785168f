//! Room: whatever capacities an engine starts with, its user sees the same.

mod common;

use common::{Random, config, run, script};
use tickstep::{
    Columns, Config, Engine, Feed, Instrument, Order, OrderType, Schedule, ScheduleColumns, Side,
    Tick, When,
};

fn with_capacity(mut config: Config, orders: u32, events: u32, commands: u32) -> Config {
    config.events_max = events;
    config.commands_max = commands;
    for instrument in &mut config.instruments {
        instrument.orders_max = orders;
    }
    config
}

fn cramped(config: &Config) -> Engine {
    Engine::new(&with_capacity(config.clone(), 1, 1, 0)).expect("the configuration is good")
}

fn roomy(config: &Config) -> Engine {
    Engine::new(&with_capacity(config.clone(), 4096, 1 << 16, 4096)).expect("as above")
}

fn assert_same(left: &mut Engine, right: &mut Engine, what: &str) {
    assert_eq!(left.event_digest(), right.event_digest(), "{what}");
    assert_eq!(left.state_hash(), right.state_hash(), "{what}");
    assert_eq!(left.events(), right.events(), "{what}");
}

#[test]
fn scripts_do_not_see_the_capacity() {
    for seed in 0..60 {
        let config = config(seed);
        let commands = script(seed, &config, 600);
        let (mut small, mut large) = (cramped(&config), roomy(&config));
        assert_eq!(
            run(&mut small, &commands),
            run(&mut large, &commands),
            "seed {seed}"
        );
        assert_same(&mut small, &mut large, &format!("seed {seed}"));
    }
}

/// Prices that wander, and orders around them: several fills on many ticks.
struct Walk {
    time: Vec<i64>,
    price_ticks: Vec<i64>,
}

fn walk(rows: usize) -> Walk {
    let mut random = Random(9);
    let mut price = 1_000;
    let price_ticks = (0..rows)
        .map(|_| {
            price = (price + random.within(-3, 3)).max(500);
            price
        })
        .collect();
    Walk {
        time: (0..rows as i64).collect(),
        price_ticks,
    }
}

#[test]
fn batches_go_on_where_a_full_ring_stopped_them() {
    let config = Config::new(1_000_000_000, vec![Instrument::new(1)]);
    let walk = walk(5_000);
    let run = |mut engine: Engine| {
        for offset in 1..400 {
            engine
                .place(&Order::limit(Side::Buy, 1, 1_000 - offset / 4))
                .expect("good");
            engine
                .place(&Order::limit(Side::Sell, 1, 1_000 + offset / 4))
                .expect("good");
        }
        let mut feed = Feed::new(0, Columns::new(&walk.time, &walk.price_ticks)).expect("good");
        let result = engine
            .step_batch(std::slice::from_mut(&mut feed), 0)
            .expect("good");
        assert!(feed.is_done());
        (engine, result)
    };
    let ((mut small, of_small), (mut large, of_large)) =
        (run(cramped(&config)), run(roomy(&config)));
    assert_eq!(of_small.ticks_done, 5_000);
    assert_eq!(of_small.ticks_executed, of_large.ticks_executed);
    assert_eq!(of_small.event_kinds, of_large.event_kinds);
    assert_same(&mut small, &mut large, "batch");
}

#[test]
fn schedules_go_on_where_a_full_table_stopped_them() {
    let config = Config::new(1_000_000_000, vec![Instrument::new(1), Instrument::new(1)]);
    let walk = walk(2_000);
    let rows = 3_000;
    let mut random = Random(4);
    let mut time: Vec<i64> = (0..rows).map(|_| random.within(-1, 2_100)).collect();
    time.sort_unstable();
    let order_type = vec![OrderType::Limit.number(); rows];
    let side: Vec<u8> = (0..rows).map(|_| random.side().number()).collect();
    let instrument: Vec<u32> = (0..rows).map(|_| random.next() as u32 % 2).collect();
    let price_ticks: Vec<i64> = (0..rows).map(|_| random.within(900, 1_100)).collect();
    let qty_lots = vec![1; rows];
    let run = |mut engine: Engine| {
        let mut schedule = Schedule::new(ScheduleColumns {
            instrument: Some(&instrument),
            price_ticks: Some(&price_ticks),
            ..ScheduleColumns::new(When::Times(&time), &order_type, &side, &qty_lots)
        })
        .expect("good");
        let columns = Columns::new(&walk.time, &walk.price_ticks);
        let mut feeds = [0, 1].map(|index| Feed::new(index, columns).expect("good"));
        let result = engine.run_orders(&mut feeds, &mut schedule).expect("good");
        assert_eq!((result.rows_done, result.ticks_done), (rows as u64, 4_000));
        assert_eq!(schedule.cursor(), rows);
        engine
    };
    let (mut small, mut large) = (run(cramped(&config)), run(roomy(&config)));
    assert_same(&mut small, &mut large, "schedule");
}

#[test]
fn one_call_may_need_more_events_than_any_before() {
    let config = Config::new(1_000_000_000, vec![Instrument::new(1)]);
    let (mut small, mut large) = (cramped(&config), roomy(&config));
    for engine in [&mut small, &mut large] {
        engine.step(&Tick::new(1, 100, 1, Side::Buy)).expect("good");
        for _ in 0..1_000 {
            engine
                .place(&Order::limit(Side::Buy, 1, 50).day())
                .expect("good");
            engine.place(&Order::limit(Side::Buy, 1, 60)).expect("good");
        }
        engine.clear_events();
        engine.day_roll(None).expect("good");
        assert_eq!(engine.drain_events().len(), 1_001);
        engine.step(&Tick::new(2, 55, 1, Side::Buy)).expect("good");
        engine.step(&Tick::new(3, 55, 1, Side::Buy)).expect("good");
        assert_eq!(engine.drain_events().len(), 1_000);
    }
    assert_same(&mut small, &mut large, "one call");
}

#[test]
fn many_instruments_fill_up_one_by_one() {
    let count = 500;
    let config = Config::new(0, vec![Instrument::new(1); count]);
    let mut engine = Engine::new(&config).expect("good");
    for instrument in 0..count as u32 {
        for price in 1..=40 {
            engine
                .place(&Order::limit(Side::Buy, 1, price).instrument(instrument))
                .expect("good");
        }
    }
    assert_eq!(engine.open_orders(None).expect("good").len(), count * 40);
    let room: u64 = engine
        .config()
        .instruments
        .iter()
        .map(|one| u64::from(one.orders_max))
        .sum();
    assert!(room < 4 * 40 * count as u64, "{room}");
}

#[test]
#[ignore = "takes seconds; run by hand"]
fn two_million_orders_are_open() {
    let config = Config::new(1 << 50, vec![Instrument::new(1)]);
    let mut engine = Engine::new(&config).expect("good");
    engine
        .step(&Tick::new(1, 4_000_000, 1, Side::Buy))
        .expect("good");
    for offset in 1..=1_000_000 {
        engine
            .place(&Order::limit(Side::Buy, 1, 4_000_000 - offset))
            .expect("good");
        engine
            .place(&Order::limit(Side::Sell, 1, 4_000_000 + offset))
            .expect("good");
    }
    assert_eq!(engine.snapshot(0).expect("good").order_count, 2_000_000);
    engine.clear_events();
    engine
        .step(&Tick::new(2, 4_000_000, 1, Side::Buy))
        .expect("good");
    engine
        .step(&Tick::new(3, 3_000_000, 1, Side::Buy))
        .expect("good");
    assert_eq!(engine.drain_events().len(), 1_000_000);
    engine.cancel_all(None).expect("good");
    assert_eq!(engine.drain_events().len(), 1_000_000);
}
