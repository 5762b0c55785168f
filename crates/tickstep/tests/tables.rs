//! The text tables of `tests/golden`, run on the safe engine; `tests/table.py` describes their
//! language. Every table runs twice: from capacities of 1, and saved and loaded after every
//! command.
//!
//! Numbers that no Rust type can hold (an unknown side, a flag that does not exist) never reach the
//! kernel: the driver answers with the status that the kernel has for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tickstep::{
    Amend, BatchError, BatchResult, Columns, Config, Engine, Entry, Error, Event, EventKind,
    Extent, Feed, FillRule, Instrument, Liquidity, Offset, Order, OrderType, OrderView,
    PositionMode, QtyRule, Reason, Schedule, ScheduleColumns, Settle, Side, Snapshot, Status, Tick,
    TimeInForce, When,
};

/// One command: its verb, bare words, and keys.
struct Line {
    place: String,
    verb: String,
    words: Vec<String>,
    keys: Vec<(String, String)>,
}

impl Line {
    fn parse(text: &str, place: String) -> Option<Line> {
        let mut parts = text.split('#').next()?.split_whitespace();
        let mut line = Line {
            place,
            verb: parts.next()?.to_owned(),
            words: Vec::new(),
            keys: Vec::new(),
        };
        for part in parts {
            match part.split_once('=') {
                Some((key, value)) => line.keys.push((key.to_owned(), value.to_owned())),
                None => line.words.push(part.to_owned()),
            }
        }
        Some(line)
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.keys
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|one| one == word)
    }

    fn number_or<T: TryFrom<i128>>(&self, key: &str, default: i128) -> T {
        let wide = self
            .value(key)
            .map_or(default, |text| self.parse_number(text));
        T::try_from(wide).unwrap_or_else(|_| panic!("{}: {key} does not fit", self.place))
    }

    fn number<T: TryFrom<i128>>(&self, key: &str) -> T {
        self.number_or(key, 0)
    }

    fn parse_number(&self, text: &str) -> i128 {
        let digits = text.replace('_', "");
        digits
            .parse()
            .unwrap_or_else(|_| panic!("{}: {text} is no number", self.place))
    }

    /// A name of the list, or a number.
    fn named(&self, text: &str, names: &Names) -> u8 {
        match names.get(text) {
            Some(number) => *number,
            None => u8::try_from(self.parse_number(text)).expect("numbers of lists are small"),
        }
    }

    fn named_key(&self, key: &str, names: &Names, default: u8) -> u8 {
        self.value(key)
            .map_or(default, |text| self.named(text, names))
    }

    fn instrument(&self) -> Option<u32> {
        self.value("i").map(|_| self.number("i"))
    }
}

type Names = BTreeMap<String, u8>;

/// The names of a list in lower case.
macro_rules! names {
    ($list:ty) => {
        <$list>::ALL
            .iter()
            .map(|one| (one.name().to_lowercase(), one.number() as u8))
            .collect::<Names>()
    };
}

/// AMENDED events may have none.
fn reasons() -> Names {
    let mut names = names!(Reason);
    names.insert("none".to_owned(), 0);
    names
}

fn order_types() -> Names {
    let mut names = names!(OrderType);
    names.insert("touched".to_owned(), OrderType::MarketIfTouched.number());
    names.insert("trailing".to_owned(), OrderType::TrailingStop.number());
    names
}

/// A refusal, however it was told.
struct Refusal {
    name: &'static str,
    feed: Option<u32>,
    row: Option<u64>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal {
            name: error.name(),
            feed: None,
            row: None,
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Error::from(status).into()
    }
}

impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Refusal {
        Refusal {
            name: error.error.name(),
            feed: error.feed,
            row: error.row,
        }
    }
}

fn instrument_of(line: &Line) -> Result<Instrument, Status> {
    let rule = |key, names: &Names, default| line.named_key(key, names, default);
    let settle = rule("settle", &names!(Settle), Settle::Spot.number());
    let position = rule(
        "position",
        &names!(PositionMode),
        PositionMode::Net.number(),
    );
    let fill = rule("fill", &names!(FillRule), FillRule::Touch.number());
    let qty = rule("qty", &names!(QtyRule), QtyRule::Full.number());
    if line.number::<u32>("wallet") != 0 {
        return Err(Status::Wallet);
    }
    if line.number::<u32>("flags") != 0 {
        return Err(Status::Rule);
    }
    Ok(Instrument {
        settle: Settle::from_number(settle).ok_or(Status::Rule)?,
        position_mode: PositionMode::from_number(position).ok_or(Status::Rule)?,
        fill_rule: FillRule::from_number(fill).ok_or(Status::Rule)?,
        qty_rule: QtyRule::from_number(qty).ok_or(Status::Rule)?,
        allow_negative: line.has("allow_negative"),
        no_short: line.has("no_short"),
        limits_first: line.has("limits_first"),
        band_ticks: line
            .value("band_low")
            .map(|_| (line.number("band_low"), line.number("band_high"))),
        participation_ppm: line.number("participation_ppm"),
        units_per_tick_lot: line.number_or("unit", 1),
        spread_ppb: line.number("spread_ppb"),
        maker_fee_ppb: line.number("maker_ppb"),
        taker_fee_ppb: line.number("taker_ppb"),
        maker_fee_units_per_lot: line.number("maker_per_lot"),
        taker_fee_units_per_lot: line.number("taker_per_lot"),
        fee_min_units: line.number("fee_min"),
        qty_step_lots: line.number_or("step", 1),
        qty_min_lots: line.number_or("min", 1),
        orders_max: 1,
    })
}

fn config_of(lines: &[Line]) -> Result<Config, Status> {
    let instruments = lines
        .iter()
        .filter(|line| line.verb == "instrument")
        .map(instrument_of);
    let mut config = Config::new(0, instruments.collect::<Result<_, _>>()?);
    if let Some(line) = lines.iter().find(|line| line.verb == "config") {
        config.cash_account = line.has("cash_account");
        config.initial_cash_units = line.number("cash");
        config.latency = line.number("latency");
    }
    config.events_max = 1;
    Ok(config)
}

fn tick_of(line: &Line) -> Result<Tick, Status> {
    let side = line.named_key("side", &names!(Side), 0);
    let side = Side::from_number(side).ok_or(Status::TickSide)?;
    let tick = Tick::new(
        line.number("t"),
        line.number("p"),
        line.number_or("q", 1),
        side,
    )
    .instrument(line.number("i"));
    let tick = match (line.value("bid"), line.value("low")) {
        (Some(_), _) => tick.quote(line.number("bid"), line.number("ask")),
        (None, Some(_)) => tick.range(line.number("low"), line.number("high")),
        (None, None) => tick,
    };
    match (line.has("continues"), tick.extent) {
        (false, _) => Ok(tick),
        (true, Extent::Range) => Ok(tick.continuing()),
        // A `Tick` has no such flag apart from a range.
        (true, _) => Err(Status::TickRange),
    }
}

/// The numbers of an order, some of which no `Order` may hold.
struct OrderNumbers {
    order_type: u8,
    side: u8,
    time_in_force: u8,
    offset: u8,
    flags: u32,
}

fn order_numbers(line: &Line) -> OrderNumbers {
    let flag = |word: &str, bit: u32| if line.has(word) { bit } else { 0 };
    OrderNumbers {
        order_type: line.named(&line.words[0], &order_types()),
        side: line.named(&line.words[1], &names!(Side)),
        time_in_force: line.named_key("tif", &names!(TimeInForce), TimeInForce::Gtc.number()),
        offset: line.named_key("offset", &names!(Offset), 0),
        flags: line.number::<u32>("flags") | flag("post_only", 1) | flag("reduce_only", 2),
    }
}

fn order_of(line: &Line) -> Result<Order, Status> {
    let numbers = order_numbers(line);
    if numbers.flags > 3 {
        return Err(Status::Flags);
    }
    Ok(Order {
        instrument: line.number("i"),
        order_type: OrderType::from_number(numbers.order_type).ok_or(Status::OrderType)?,
        side: Side::from_number(numbers.side).ok_or(Status::Side)?,
        time_in_force: TimeInForce::from_number(numbers.time_in_force)
            .ok_or(Status::TimeInForce)?,
        offset: Offset::from_number(numbers.offset).ok_or(Status::Offset)?,
        post_only: numbers.flags & 1 != 0,
        reduce_only: numbers.flags & 2 != 0,
        qty_lots: line.number("q"),
        price_ticks: line.number("p"),
        trigger_ticks: line.number("trigger"),
        trail_ticks: line.number("trail"),
        expire_time: line.number("expire"),
        oco_group: line.number("oco"),
        tag: line.number("tag"),
    })
}

fn amend_of(line: &Line) -> Result<Amend, Status> {
    // An `Amend` has no bits apart from its values.
    if line.value("fields").is_some() {
        return Err(Status::AmendFields);
    }
    let field = |key| line.value(key).map(|_| line.number(key));
    Ok(Amend {
        qty_lots: field("q"),
        price_ticks: field("p"),
        trigger_ticks: field("trigger"),
        trail_ticks: field("trail"),
    })
}

fn refusal_of(line: &Line) -> Reason {
    let number = line.named_key("reason", &reasons(), Reason::RiskLimit as u8);
    Reason::from_number(number.into()).expect("a reason")
}

/// The rows of one feed.
#[derive(Default)]
struct Rows {
    time: Vec<i64>,
    price: Vec<i64>,
    qty: Vec<i64>,
    side: Vec<u8>,
    bid: Vec<i64>,
    ask: Vec<i64>,
    has_ranges: bool,
    cursor: usize,
}

impl Rows {
    fn push(&mut self, line: &Line) {
        self.time.push(line.number("t"));
        self.price.push(line.number("p"));
        self.qty.push(line.number_or("q", 1));
        let side: u8 = line.named_key("side", &names!(Side), 0);
        let continues = if line.has("continues") { 2 } else { 0 };
        self.side.push(side | continues);
        self.has_ranges = line.value("low").is_some();
        let (bid, ask) = if self.has_ranges {
            ("low", "high")
        } else {
            ("bid", "ask")
        };
        if line.value(bid).is_some() {
            self.bid.push(line.number(bid));
            self.ask.push(line.number(ask));
        }
    }

    fn feed(&self, instrument: u32) -> Feed<'_> {
        let columns = Columns::new(&self.time, &self.price)
            .qty_lots(&self.qty)
            .side(&self.side);
        let columns = if self.has_ranges {
            columns.ranges(&self.bid, &self.ask)
        } else if self.bid.is_empty() {
            columns
        } else {
            columns.quotes(&self.bid, &self.ask)
        };
        Feed::new(instrument, columns)
            .and_then(|feed| feed.rows(self.cursor..self.time.len()))
            .expect("rows are pushed whole")
    }
}

/// The rows of the next schedule, as columns.
#[derive(Default)]
struct ScheduleRows {
    is_by_time: bool,
    point: Vec<i64>,
    instrument: Vec<u32>,
    order_type: Vec<u8>,
    side: Vec<u8>,
    time_in_force: Vec<u8>,
    offset: Vec<u8>,
    flags: Vec<u32>,
    qty: Vec<i64>,
    price: Vec<i64>,
    trigger: Vec<i64>,
    trail: Vec<i64>,
    expire: Vec<i64>,
    oco: Vec<u64>,
    tag: Vec<u64>,
}

impl ScheduleRows {
    fn push(&mut self, line: &Line) {
        let numbers = order_numbers(line);
        self.is_by_time = line.value("time").is_some();
        self.point
            .push(line.number(if self.is_by_time { "time" } else { "after" }));
        self.instrument.push(line.number("i"));
        self.order_type.push(numbers.order_type);
        self.side.push(numbers.side);
        self.time_in_force.push(numbers.time_in_force);
        self.offset.push(numbers.offset);
        self.flags.push(numbers.flags);
        self.qty.push(line.number("q"));
        self.price.push(line.number("p"));
        self.trigger.push(line.number("trigger"));
        self.trail.push(line.number("trail"));
        self.expire.push(line.number("expire"));
        self.oco.push(line.number("oco"));
        self.tag.push(line.number("tag"));
    }

    fn schedule(&self) -> Schedule<'_> {
        let when = if self.is_by_time {
            When::Times(&self.point)
        } else {
            When::TickIndexes(&self.point)
        };
        Schedule::new(ScheduleColumns {
            when,
            order_type: &self.order_type,
            side: &self.side,
            qty_lots: &self.qty,
            instrument: Some(&self.instrument),
            time_in_force: Some(&self.time_in_force),
            offset: Some(&self.offset),
            flags: Some(&self.flags),
            price_ticks: Some(&self.price),
            trigger_ticks: Some(&self.trigger),
            trail_ticks: Some(&self.trail),
            expire_time: Some(&self.expire),
            oco_group: Some(&self.oco),
            tag: Some(&self.tag),
        })
        .expect("rows are pushed whole")
    }
}

/// Runs one table and panics at the first difference.
struct Driver {
    engine: Option<Engine>,
    reloads: bool,
    /// The last command, and what came of it.
    command: String,
    refusal: Option<Refusal>,
    result: BatchResult,
    has_expected: bool,
    /// Drained and not yet expected, the next one last.
    events: Vec<Event>,
    feeds: BTreeMap<u32, Rows>,
    schedule: ScheduleRows,
    /// A batch or run has used the rows: the next row begins anew.
    is_fed: bool,
}

impl Driver {
    fn new(reloads: bool) -> Driver {
        Driver {
            engine: None,
            reloads,
            command: "config".to_owned(),
            refusal: None,
            result: BatchResult::default(),
            has_expected: false,
            events: Vec::new(),
            feeds: BTreeMap::new(),
            schedule: ScheduleRows::default(),
            is_fed: false,
        }
    }

    fn run(mut self, lines: &[Line]) {
        let is_setting = |line: &&Line| line.verb == "config" || line.verb == "instrument";
        let count = lines.iter().take_while(is_setting).count();
        let answer = config_of(&lines[..count]).map_err(Refusal::from);
        match answer.and_then(|config| Ok(Engine::new(&config)?)) {
            Ok(engine) => self.engine = Some(engine),
            Err(refusal) => self.refusal = Some(refusal),
        }
        for line in &lines[count..] {
            self.line(line);
        }
        self.finish_command("the end");
    }

    fn line(&mut self, line: &Line) {
        match line.verb.as_str() {
            "expect" => self.expect(line),
            "digest" => {
                let digest = self.engine().event_digest();
                let text = format!("{:016x} {:016x}", digest.low, digest.high);
                assert_eq!(text, line.words.join(" "), "{}", line.place);
            }
            _ => {
                self.finish_command(&line.place);
                self.command = line.verb.clone();
                self.has_expected = false;
                self.refusal = self.apply(line).err();
                self.events = self.engine_mut().drain_events();
                self.events.reverse();
                if self.reloads {
                    let loaded = Engine::load(&self.engine().save());
                    self.engine = Some(loaded.expect("its own bytes"));
                }
            }
        }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the configuration is good")
    }

    fn engine_mut(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("the configuration is good")
    }

    /// The command above must be fully expected.
    fn finish_command(&mut self, place: &str) {
        if let Some(refusal) = &self.refusal {
            panic!("before {place}: {}: {}", refusal.name, self.command);
        }
        let is_plain_place = self.command == "place" && !self.has_expected;
        let is_one = matches!(&*self.events, [event] if event.is(EventKind::Accepted));
        if is_plain_place && is_one {
            self.events.clear();
        }
        assert_eq!(self.events, [], "not expected before {place}");
    }

    fn apply(&mut self, line: &Line) -> Result<(), Refusal> {
        let word = |index: usize| line.words[index].as_str();
        match line.verb.as_str() {
            "tick" => {
                let tick = tick_of(line)?;
                self.engine_mut().step(&tick)?;
            }
            "place" => {
                let order = order_of(line)?;
                self.engine_mut().place(&order)?;
            }
            "cancel" => {
                let id = line.parse_number(word(0)) as u64;
                return closed_or_ok(self.engine_mut().cancel(id)?);
            }
            "amend" => {
                let id = line.parse_number(word(0)) as u64;
                let amend = amend_of(line)?;
                return closed_or_ok(self.engine_mut().amend(id, &amend)?);
            }
            "refuse" => {
                let order = order_of(line)?;
                self.engine_mut().refuse(&order, refusal_of(line))?;
            }
            "refuse_amend" => {
                let id = line.parse_number(word(0)) as u64;
                let amend = amend_of(line)?;
                let reason = refusal_of(line);
                return closed_or_ok(self.engine_mut().refuse_amend(id, &amend, reason)?);
            }
            "cancel_all" => self.engine_mut().cancel_all(line.instrument())?,
            "post" => {
                let entry = u16::from(line.named(word(0), &names!(Entry)));
                let entry = Entry::from_number(entry).ok_or(Status::EntryKind)?;
                let amount = line.parse_number(word(1)) as i64;
                self.engine_mut()
                    .ledger_post(line.number("i"), entry, amount)?;
            }
            "settle" => self
                .engine_mut()
                .settle_at(line.number("i"), line.number("p"))?,
            "roll" => {
                let prices: Vec<i64> = line
                    .words
                    .iter()
                    .map(|word| line.parse_number(word) as i64)
                    .collect();
                let prices = (!prices.is_empty()).then_some(prices);
                self.engine_mut().day_roll(prices.as_deref())?;
            }
            "feed" => {
                self.begin_rows();
                self.feeds.entry(line.number("i")).or_default().push(line);
            }
            "row" => {
                self.begin_rows();
                self.schedule.push(line);
            }
            "batch" => return self.batch(line),
            "run" => return self.run_orders(),
            verb => panic!("{}: unknown verb {verb}", line.place),
        }
        Ok(())
    }

    fn begin_rows(&mut self) {
        if self.is_fed {
            self.feeds.clear();
            self.schedule = ScheduleRows::default();
        }
        self.is_fed = false;
    }

    fn batch(&mut self, line: &Line) -> Result<(), Refusal> {
        let kinds = line
            .value("stop_on")
            .into_iter()
            .flat_map(|kinds| kinds.split(','));
        let stop_on = kinds.fold(0, |bits, kind| {
            bits | 1 << line.named(kind, &names!(EventKind))
        });
        self.run_feeds(|engine, feeds| (engine.step_batch(feeds, stop_on), 0))
    }

    fn run_orders(&mut self) -> Result<(), Refusal> {
        let rows = std::mem::take(&mut self.schedule);
        let answer = self.run_feeds(|engine, feeds| {
            let mut schedule = rows.schedule();
            let answer = engine.run_orders(feeds, &mut schedule);
            (answer, schedule.cursor() as u64)
        });
        self.schedule = rows;
        answer
    }

    fn run_feeds(
        &mut self,
        call: impl FnOnce(&mut Engine, &mut [Feed<'_>]) -> (Result<BatchResult, BatchError>, u64),
    ) -> Result<(), Refusal> {
        self.is_fed = true;
        let engine = self.engine.as_mut().expect("the configuration is good");
        let mut feeds: Vec<Feed<'_>> = self
            .feeds
            .iter()
            .map(|(instrument, rows)| rows.feed(*instrument))
            .collect();
        let (answer, rows_done) = call(engine, &mut feeds);
        let cursors: Vec<usize> = feeds.iter().map(Feed::cursor).collect();
        for (rows, cursor) in self.feeds.values_mut().zip(cursors) {
            rows.cursor = cursor;
        }
        self.result = match &answer {
            Ok(result) => *result,
            Err(error) => BatchResult {
                ticks_done: error.ticks_done,
                rows_done,
                ..BatchResult::default()
            },
        };
        answer?;
        Ok(())
    }

    fn expect(&mut self, line: &Line) {
        // What is asked of the state says nothing about the events.
        let is_of_state = matches!(&*line.words[0], "batch" | "snapshot" | "order" | "open");
        self.has_expected |= !is_of_state;
        match line.words[0].as_str() {
            "none" => self.finish_command(&line.place),
            "error" => self.expect_error(line),
            "batch" => {
                let result = self.result;
                compare(line, |key| match key {
                    "done" => result.ticks_done.into(),
                    "rows" => result.rows_done.into(),
                    _ => panic!("{}: unknown key {key}", line.place),
                });
            }
            "snapshot" => {
                let snapshot = self.engine().snapshot(line.number("i")).expect(&line.place);
                compare(line, |key| snapshot_field(&snapshot, key));
            }
            "order" => {
                let id = line.parse_number(&line.words[1]) as u64;
                let view = self
                    .engine()
                    .order(id)
                    .expect(&line.place)
                    .expect(&line.place);
                compare(line, |key| order_field(&view, key));
            }
            "open" => {
                let views = self
                    .engine()
                    .open_orders(line.instrument())
                    .expect(&line.place);
                let ids: Vec<i128> = views.iter().map(|view| view.order_id.into()).collect();
                let expected: Vec<i128> = line.words[1..]
                    .iter()
                    .map(|word| line.parse_number(word))
                    .collect();
                assert_eq!(ids, expected, "{}", line.place);
            }
            _ => self.expect_event(line),
        }
    }

    fn expect_error(&mut self, line: &Line) {
        let refusal = self.refusal.take();
        let name = refusal.as_ref().map_or("OK", |refusal| refusal.name);
        assert_eq!(name, line.words[1], "{}", line.place);
        let Some(refusal) = refusal else { return };
        let feed_count = self.feeds.len() as u32;
        compare(line, |key| match key {
            // No feed beside a row is a row of the schedule, which C numbers after the feeds.
            "feed" => refusal.feed.unwrap_or(feed_count).into(),
            "row" => refusal.row.unwrap_or(0).into(),
            _ => panic!("{}: unknown key {key}", line.place),
        });
    }

    fn expect_event(&mut self, line: &Line) {
        let event = self
            .events
            .pop()
            .unwrap_or_else(|| panic!("{}: no event", line.place));
        let what = line.words[0].as_str();
        let kind = event.kind().expect("a kind").name().to_lowercase();
        assert_eq!(kind, what, "{}: {event:?}", line.place);
        if let Some(word) = line.words.get(1) {
            let names = match what {
                "accepted" => order_types(),
                "filled" => names!(Liquidity),
                "ledger" => names!(Entry),
                _ => reasons(),
            };
            let reason = line.named(word, &names);
            assert_eq!(event.reason as u8, reason, "{}: {event:?}", line.place);
        }
        compare(line, |key| event_field(line, &event, key));
    }
}

fn closed_or_ok(is_open: bool) -> Result<(), Refusal> {
    if is_open {
        Ok(())
    } else {
        Err(Status::OrderClosed.into())
    }
}

/// Compares what the line names with what there is.
fn compare(line: &Line, actual: impl Fn(&str) -> i128) {
    for (key, value) in &line.keys {
        if key == "i" && line.words[0] == "snapshot" {
            continue;
        }
        let expected = if key == "offset" {
            line.named(value, &names!(Offset)).into()
        } else {
            line.parse_number(value)
        };
        assert_eq!(actual(key), expected, "{}: {key}", line.place);
    }
}

fn event_field(line: &Line, event: &Event, key: &str) -> i128 {
    match key {
        "id" => event.order_id.into(),
        "i" => event.instrument.into(),
        "t" => event.time.into(),
        "index" => event.tick_index.into(),
        "seq" => event.sequence.into(),
        "tag" => event.tag.into(),
        "p" => event.price_ticks.into(),
        "q" => event.qty_lots.into(),
        "fee" => event.fee_units.into(),
        "realized" => event.realized_units.into(),
        "position" => event.position_after_lots.into(),
        "offset" => (event.reason >> 8).into(),
        _ => panic!("{}: unknown key {key}", line.place),
    }
}

fn snapshot_field(snapshot: &Snapshot, key: &str) -> i128 {
    match key {
        "orders" => snapshot.order_count.into(),
        "alerts" => snapshot.alert_count.into(),
        "time" => snapshot.time.into(),
        "index" => snapshot.tick_index.into(),
        "last" => snapshot.last_price_ticks.into(),
        "position" => snapshot.position_lots.into(),
        "cost" => snapshot.cost_units.into(),
        "realized" => snapshot.realized_units.into(),
        "unrealized" => snapshot.unrealized_units.into(),
        "fees" => snapshot.fees_units.into(),
        "cash" => snapshot.cash_units.into(),
        "in" => snapshot.in_units.into(),
        "income" => snapshot.income_units.into(),
        "wallet_fees" => snapshot.wallet_fees_units.into(),
        "wallet_realized" => snapshot.wallet_realized_units.into(),
        "wallet_unrealized" => snapshot.wallet_unrealized_units.into(),
        "equity" => snapshot.equity_units.into(),
        "frozen" => snapshot.frozen_units.into(),
        "available" => snapshot.available_units.into(),
        _ => bucket_field(snapshot, key),
    }
}

fn bucket_field(snapshot: &Snapshot, key: &str) -> i128 {
    let buckets = [
        ("long_today", Snapshot::LONG_TODAY),
        ("long_yesterday", Snapshot::LONG_YESTERDAY),
        ("short_today", Snapshot::SHORT_TODAY),
        ("short_yesterday", Snapshot::SHORT_YESTERDAY),
    ];
    for (name, index) in buckets {
        let bucket = &snapshot.buckets[index];
        match key.strip_prefix(name) {
            Some("") => return bucket.qty_lots.into(),
            Some("_frozen") => return bucket.frozen_lots.into(),
            Some("_cost") => return bucket.cost_units.into(),
            Some("_base") => return bucket.base_units.into(),
            _ => {}
        }
    }
    panic!("unknown key {key}")
}

fn order_field(view: &OrderView, key: &str) -> i128 {
    match key {
        "filled" => view.filled_lots.into(),
        "placed" => view.placed_time.into(),
        "trigger_now" => view.trigger_now_ticks.into(),
        "fees" => view.fees_units.into(),
        "frozen" => view.frozen_units.into(),
        "frozen_lots" => view.frozen_lots.into(),
        "triggered" => view.is_triggered.into(),
        "resting" => view.is_resting.into(),
        "q" => view.order.qty_lots.into(),
        "p" => view.order.price_ticks.into(),
        "trigger" => view.order.trigger_ticks.into(),
        "trail" => view.order.trail_ticks.into(),
        _ => panic!("unknown key {key}"),
    }
}

fn golden_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let entries = std::fs::read_dir(folder).expect("the tables are in the repository");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tbl"))
        .collect();
    files.sort();
    files
}

/// The tables of one file.
fn tables(path: &Path) -> Vec<Vec<Line>> {
    let text = std::fs::read_to_string(path).expect("a text file");
    let file = path.file_name().expect("a file").to_string_lossy();
    let mut tables = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let Some(line) = Line::parse(text, format!("{file}:{}", index + 1)) else {
            continue;
        };
        if line.verb == "table" {
            tables.push(Vec::new());
        } else {
            tables
                .last_mut()
                .expect("a file begins with a table")
                .push(line);
        }
    }
    tables
}

fn run_all(reloads: bool) {
    let mut count = 0;
    for file in golden_files() {
        for table in tables(&file) {
            Driver::new(reloads).run(&table);
            count += 1;
        }
    }
    assert!(count > 60, "{count} tables");
}

#[test]
fn tables_hold_from_capacities_of_one() {
    run_all(false);
}

#[test]
fn tables_hold_when_saved_and_loaded_after_every_command() {
    run_all(true);
}
