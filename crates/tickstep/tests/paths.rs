//! Paths: step, batches of any cut, zone maps, forks and saved states lead to the same place.

mod common;

use std::collections::BTreeSet;

use common::{Command, Random, config, run, script};
use tickstep::{
    Columns, Config, Digest, Engine, Event, EventKind, Feed, FeedSet, FloatQty, Instrument,
    LotGrid, Order, OrderType, Reason, Schedule, ScheduleColumns, Side, Tick, Ticks, When,
};

fn engine(config: &Config) -> Engine {
    Engine::new(config).expect("the configuration is good")
}

fn assert_same(left: &Engine, right: &Engine, what: &str) {
    assert_eq!(left.event_digest(), right.event_digest(), "{what}");
    assert_eq!(left.state_hash(), right.state_hash(), "{what}");
}

/// Ticks of one instrument as columns.
#[derive(Default)]
struct Table {
    time: Vec<i64>,
    price_ticks: Vec<i64>,
    qty_lots: Vec<i64>,
    side: Vec<u8>,
}

impl Table {
    fn push(&mut self, tick: &Tick) {
        self.time.push(tick.time);
        self.price_ticks.push(tick.price_ticks);
        self.qty_lots.push(tick.qty_lots);
        self.side.push(tick.side.number());
    }

    fn columns(&self) -> Columns<'_> {
        Columns::new(&self.time, &self.price_ticks)
            .qty_lots(&self.qty_lots)
            .side(&self.side)
    }
}

/// How a run of ticks is given.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Bare,
    ZoneMaps,
    Set,
}

/// Runs of ticks between other commands become batches of all instruments. The merge of a batch is
/// by (time, instrument), so the script's ticks are put into this order first.
fn run_in_batches(engine: &mut Engine, commands: &[Command], way: Way) {
    let mut rest = commands;
    while let Some(first) = rest.first() {
        let count = rest
            .iter()
            .take_while(|one| matches!(one, Command::Tick(_)))
            .count();
        if count == 0 {
            // A refusal is as good an answer as any.
            let _ = first.apply(engine);
            rest = &rest[1..];
            continue;
        }
        run_batch(engine, &rest[..count], way);
        rest = &rest[count..];
    }
}

fn run_batch(engine: &mut Engine, ticks: &[Command], way: Way) {
    let rules = engine.config().instruments.clone();
    let mut tables: Vec<Table> = rules.iter().map(|_| Table::default()).collect();
    for tick in ticks {
        if let Command::Tick(tick) = tick {
            tables[tick.instrument as usize].push(tick);
        }
    }
    if way == Way::Bare {
        let mut feeds: Vec<Feed<'_>> = tables
            .iter()
            .enumerate()
            .map(|(index, table)| Feed::new(index as u32, table.columns()).expect("equal lengths"))
            .collect();
        engine.step_batch(&mut feeds, 0).expect("good rows");
        return;
    }
    let checked: Vec<Ticks<'_>> = tables
        .iter()
        .zip(&rules)
        .map(|(table, rules)| Ticks::check(table.columns(), rules).expect("good rows"))
        .collect();
    let mut feeds: Vec<Feed<'_>> = checked
        .iter()
        .enumerate()
        .map(|(index, ticks)| ticks.feed(index as u32))
        .collect();
    if way == Way::Set {
        run_set(engine, feeds);
        return;
    }
    engine
        .step_batch(&mut feeds, EventKind::Filled.bit())
        .expect("good rows");
    while feeds.iter().any(|feed| !feed.is_done()) {
        engine
            .step_batch(&mut feeds, EventKind::Filled.bit())
            .expect("good rows");
    }
}

/// Feeds that are kept, run by rows, then by time, then to the end.
fn run_set(engine: &mut Engine, feeds: Vec<Feed<'_>>) {
    let ends: Vec<usize> = feeds.iter().map(Feed::end).collect();
    let mut set = FeedSet::new(feeds, &engine.config().instruments).expect("checked rows");
    let rows = set.stop_before(None);
    set.stop_after(rows / 3);
    let mut done = engine.step_set(&mut set, 0).expect("good rows").ticks_done;
    assert_eq!(done, rows as u64 / 3, "a run stops after so many rows");
    if let Some(time) = (0..set.len()).filter_map(|feed| set.next_time(feed)).min() {
        set.stop_before(Some(time + 40));
        done += engine.step_set(&mut set, 0).expect("good rows").ticks_done;
        let is_before = |feed| set.next_time(feed).is_none_or(|next| next >= time + 40);
        assert!((0..set.len()).all(is_before), "a run stops before a time");
    }
    while done < rows as u64 {
        set.stop_before(None);
        let stop_on = EventKind::Filled.bit();
        done += engine
            .step_set(&mut set, stop_on)
            .expect("good rows")
            .ticks_done;
    }
    assert!(
        (0..set.len()).all(|feed| set.cursor(feed) == ends[feed] && set.end(feed) == ends[feed])
    );
}

/// The script without quotes, and each run of ticks in the order of a batch.
fn mergeable(commands: Vec<Command>) -> Vec<Command> {
    let mut commands: Vec<Command> = commands
        .into_iter()
        .map(|command| match command {
            Command::Tick(tick) => Command::Tick(
                Tick::new(tick.time, tick.price_ticks, tick.qty_lots, tick.side)
                    .instrument(tick.instrument),
            ),
            other => other,
        })
        .collect();
    for run in commands
        .chunk_by_mut(|left, right| matches!((left, right), (Command::Tick(_), Command::Tick(_))))
    {
        run.sort_by_key(|command| match command {
            Command::Tick(tick) => (tick.time, tick.instrument),
            _ => (0, 0),
        });
    }
    commands
}

#[test]
fn scripts_reach_every_kind_and_most_reasons() {
    let (mut kinds, mut reasons) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..60 {
        let config = config(seed);
        let mut engine = engine(&config);
        run(&mut engine, &script(seed, &config, 600));
        kinds.extend(engine.events().iter().map(|event| event.kind));
        reasons.extend(
            engine
                .events()
                .iter()
                .filter_map(Event::reason)
                .map(Reason::number),
        );
    }
    let expected = EventKind::ALL
        .iter()
        .filter(|kind| **kind != EventKind::Liquidated);
    assert_eq!(kinds, expected.map(|kind| kind.number()).collect());
    assert!(reasons.len() >= 12, "{reasons:?}");
}

#[test]
fn batches_are_steps() {
    for seed in 0..60 {
        let config = config(seed);
        let commands = mergeable(script(seed, &config, 500));
        let mut stepped = engine(&config);
        run(&mut stepped, &commands);
        for way in [Way::Bare, Way::ZoneMaps, Way::Set] {
            let mut batched = engine(&config);
            run_in_batches(&mut batched, &commands, way);
            assert_same(&stepped, &batched, &format!("seed {seed}, {way:?}"));
        }
    }
}

#[test]
fn forks_and_saved_states_go_on_as_the_original() {
    for seed in 0..30 {
        let config = config(seed);
        let commands = script(seed, &config, 300);
        let mut original = engine(&config);
        for cut in (0..commands.len()).step_by(60) {
            let mut fork = original.fork();
            let mut loaded = Engine::load(&original.save()).expect("its own bytes");
            assert_eq!(fork.events(), original.events());
            assert_same(&original, &loaded, &format!("seed {seed}, cut {cut}"));
            let end = commands.len().min(cut + 60);
            let answers = run(&mut fork, &commands[cut..end]);
            assert_eq!(
                run(&mut loaded, &commands[cut..end]),
                answers,
                "seed {seed}, cut {cut}"
            );
            assert_eq!(
                run(&mut original, &commands[cut..end]),
                answers,
                "seed {seed}"
            );
            assert_same(&original, &fork, &format!("fork, seed {seed}, cut {cut}"));
            assert_same(
                &original,
                &loaded,
                &format!("loaded, seed {seed}, cut {cut}"),
            );
        }
        assert_eq!(
            original.config().instruments.len(),
            config.instruments.len()
        );
    }
}

#[test]
fn zone_maps_skip_rows_and_miss_none() {
    let rows = 200_000;
    let mut random = Random(3);
    let mut table = Table::default();
    let mut price = 100_000;
    for time in 0..rows {
        price += random.within(-5, 5);
        table.push(&Tick::new(time, price, 1, Side::Buy));
    }
    let rules = Instrument::new(1);
    let ticks = Ticks::check(table.columns(), &rules).expect("good rows");
    let config = Config::new(1 << 50, vec![rules]);
    let mut prepared = engine(&config);
    for id in 1..=300 {
        let (side, far) = (random.side(), random.within(1, 4_000));
        let away = if side == Side::Buy { -far } else { far };
        prepared
            .place(&Order::limit(side, 1, 100_000 + away).tag(id))
            .expect("good");
        prepared
            .place(&Order::trailing_stop(side, 1, far))
            .expect("good");
    }
    let (mut mapped, mut bare) = (prepared.fork(), prepared);
    let by_map = mapped.step_batch(&mut [ticks.feed(0)], 0).expect("good");
    let mut feeds = [Feed::new(0, table.columns()).expect("good")];
    let by_rows = bare.step_batch(&mut feeds, 0).expect("good");
    assert_same(&mapped, &bare, "zone map");
    assert_eq!(by_map.ticks_executed, by_rows.ticks_executed);
    assert!(
        by_map.ticks_scanned < by_rows.ticks_scanned,
        "{by_map:?} {by_rows:?}"
    );
    assert!(by_map.zone_lines > 0);
}

#[test]
fn ticks_of_an_idle_engine_execute_nothing() {
    let mut table = Table::default();
    for time in 0..1_000 {
        table.push(&Tick::new(time, 100 + time % 7, 1, Side::Buy));
    }
    let mut engine = engine(&Config::new(1 << 50, vec![Instrument::new(1)]));
    let id = engine.place(&Order::limit(Side::Buy, 1, 90)).expect("good");
    assert!(!engine.is_idle());
    assert!(engine.cancel(id).expect("good"));
    assert!(engine.is_idle());
    engine.place(&Order::alert_time(500)).expect("good");
    assert!(!engine.is_idle(), "an alert is open");
    let mut feeds = [Feed::new(0, table.columns()).expect("good")];
    let stop_on = EventKind::Alert.bit();
    engine.step_batch(&mut feeds, stop_on).expect("good");
    assert!(engine.is_idle());
    let done = engine.step_batch(&mut feeds, 0).expect("good");
    assert_eq!((done.ticks_done, done.ticks_executed), (499, 0));
    let late = Config::new(0, vec![Instrument::new(1)]).latency(1);
    assert!(!Engine::new(&late).expect("good").is_idle());
}

#[test]
fn a_fork_is_independent() {
    let mut original = engine(&config(1));
    original
        .step(&Tick::new(1, 100, 5, Side::Buy))
        .expect("good");
    let before = original.state_hash();
    let mut fork = original.clone();
    fork.place(&Order::market(Side::Buy, 3)).expect("good");
    assert_eq!(original.state_hash(), before);
    assert_ne!(fork.state_hash(), before);
}

#[test]
fn a_reset_engine_is_new() {
    let config = config(2);
    let mut used = engine(&config);
    run(&mut used, &script(2, &config, 200));
    used.reset();
    assert_same(&used, &engine(&config), "reset");
    assert_eq!(used.events(), []);
}

#[test]
fn the_digest_is_that_of_the_events() {
    let config = config(4);
    let mut engine = engine(&config);
    run(&mut engine, &script(4, &config, 400));
    let mut digest = Digest::default();
    for part in engine.drain_events().chunks(7) {
        digest.update(part);
    }
    assert_eq!(digest, engine.event_digest());
}

#[test]
fn damaged_states_are_refused() {
    let config = config(5);
    let mut original = engine(&config);
    run(&mut original, &script(5, &config, 200));
    let bytes = original.save();
    for length in (0..bytes.len()).step_by(37) {
        assert!(Engine::load(&bytes[..length]).is_err(), "{length} bytes");
    }
    for place in (0..bytes.len()).step_by(11) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        assert!(Engine::load(&damaged).is_err(), "byte {place}");
    }
}

#[test]
fn a_schedule_is_placing_by_hand() {
    let config = Config::new(1_000_000, vec![Instrument::new(1).spread_ppb(1_000_000)]);
    let mut random = Random(12);
    let mut table = Table::default();
    for time in 0..1_000 {
        table.push(&Tick::new(time / 2, random.within(90, 110), 1, Side::Buy));
    }
    let rows = 200;
    let mut after: Vec<i64> = (0..rows).map(|_| random.within(-1, 999)).collect();
    after.sort_unstable();
    let order_type = vec![OrderType::Limit.number(); rows];
    let side: Vec<u8> = (0..rows).map(|_| random.side().number()).collect();
    let qty_lots: Vec<i64> = (0..rows).map(|_| random.within(1, 9)).collect();
    let price_ticks: Vec<i64> = (0..rows).map(|_| random.within(92, 108)).collect();

    let mut by_schedule = engine(&config);
    let columns = ScheduleColumns::new(When::TickIndexes(&after), &order_type, &side, &qty_lots);
    let mut schedule = Schedule::new(ScheduleColumns {
        price_ticks: Some(&price_ticks),
        ..columns
    })
    .expect("good");
    let mut feeds = [Feed::new(0, table.columns()).expect("good")];
    by_schedule
        .run_orders(&mut feeds, &mut schedule)
        .expect("good");

    let mut by_hand = engine(&config);
    let mut row = 0;
    for index in -1..1_000 {
        if index >= 0 {
            let at = index as usize;
            by_hand
                .step(&Tick::new(
                    table.time[at],
                    table.price_ticks[at],
                    1,
                    Side::Buy,
                ))
                .expect("good");
        }
        while row < rows && after[row] == index {
            let side = Side::from_number(side[row]).expect("0 or 1");
            by_hand
                .place(&Order::limit(side, qty_lots[row], price_ticks[row]))
                .expect("good");
            row += 1;
        }
    }
    assert_same(&by_schedule, &by_hand, "schedule");
}

#[test]
fn float_quantities_are_lots() {
    let mut random = Random(8);
    let mut table = Table::default();
    for time in 0..100_000 {
        table.push(&Tick::new(
            time,
            random.within(9_990, 10_010),
            random.within(1, 500),
            Side::Buy,
        ));
    }
    let floats: Vec<f64> = table
        .qty_lots
        .iter()
        .map(|lots| *lots as f64 / 1_000.0)
        .collect();
    let grid = LotGrid::new("0.001".parse().expect("a number")).expect("above 0");
    let full = Instrument::new(1);
    for rules in [full.clone(), full.volume(250_000)] {
        let config = Config::new(1 << 50, vec![rules]);
        let prepare = || {
            let mut engine = engine(&config);
            for offset in 0..10 {
                engine
                    .place(&Order::limit(Side::Buy, 1_000_000, 9_995 - offset))
                    .expect("good");
                engine
                    .place(&Order::limit(Side::Sell, 1_000_000, 10_005 + offset))
                    .expect("good");
            }
            engine
        };
        let (mut by_lots, mut by_floats, mut by_stops) = (prepare(), prepare(), prepare());
        let mut feeds = [Feed::new(0, table.columns()).expect("good")];
        by_lots.step_batch(&mut feeds, 0).expect("good");

        let columns = Columns::new(&table.time, &table.price_ticks).side(&table.side);
        let mut feed = Feed::new(0, columns).expect("good");
        let mut qty = FloatQty::new(&floats, grid);
        let result = by_floats
            .step_batch_f64(&mut feed, &mut qty, 0)
            .expect("good");
        assert_eq!(result.ticks_done, 100_000);
        assert_same(&by_lots, &by_floats, "one run");

        let mut feed = feed.rows(0..100_000).expect("within the rows");
        let mut done = 0;
        while !feed.is_done() {
            let stop_on = EventKind::Filled.bit();
            let result = by_stops
                .step_batch_f64(&mut feed, &mut qty, stop_on)
                .expect("good");
            assert!(result.has(EventKind::Filled) || feed.is_done());
            done += result.ticks_done;
        }
        assert_eq!(done, 100_000);
        assert_same(&by_lots, &by_stops, "many stops");
    }
}
