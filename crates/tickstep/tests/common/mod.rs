//! Random scripts: the same commands for engines that reach the same state on different paths.
#![allow(dead_code, reason = "each test file uses its own part")]

use tickstep::{
    Amend, Config, Engine, Entry, Error, FillRule, Instrument, Offset, Order, Reason, Side, Tick,
};

/// SplitMix64: small, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both included.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    pub fn one_in(&mut self, count: u64) -> bool {
        self.next() % count == 0
    }

    pub fn side(&mut self) -> Side {
        if self.one_in(2) {
            Side::Buy
        } else {
            Side::Sell
        }
    }
}

#[derive(Clone, Debug)]
pub enum Command {
    Tick(Tick),
    Place(Order),
    Cancel(u64),
    CancelAll(Option<u32>),
    Amend(u64, Amend),
    Refuse(Order),
    RefuseAmend(u64, Amend),
    Post(u32, Entry, i64),
    SettleAt(u32, i64),
    DayRoll,
}

impl Command {
    /// What the engine answers, as something to compare.
    pub fn apply(&self, engine: &mut Engine) -> Result<u64, Error> {
        match self {
            Command::Tick(tick) => engine.step(tick).map(|()| 0),
            Command::Place(order) => engine.place(order),
            Command::Cancel(id) => engine.cancel(*id).map(u64::from),
            Command::CancelAll(instrument) => engine.cancel_all(*instrument).map(|()| 0),
            Command::Amend(id, amend) => engine.amend(*id, amend).map(u64::from),
            Command::Refuse(order) => engine.refuse(order, Reason::RiskLimit),
            Command::RefuseAmend(id, amend) => engine
                .refuse_amend(*id, amend, Reason::RiskLimit)
                .map(u64::from),
            Command::Post(instrument, entry, amount) => {
                engine.ledger_post(*instrument, *entry, *amount).map(|()| 0)
            }
            Command::SettleAt(instrument, price) => {
                engine.settle_at(*instrument, *price).map(|()| 0)
            }
            Command::DayRoll => engine.day_roll(None).map(|()| 0),
        }
    }
}

/// Three kinds of instruments, or one that a cash account may hold.
pub fn config(seed: u64) -> Config {
    let latency = if seed % 2 == 0 { 0 } else { 3 };
    let plain = Instrument::new(7)
        .spread_ppb(20_000_000)
        .fees_ppb(100_000, 200_000);
    if seed % 3 == 0 {
        let instruments = vec![plain.clone().no_short(), plain.board_lot(2, 2)];
        return Config::new(20_000, instruments)
            .latency(latency)
            .cash_account();
    }
    let future = Instrument::new(10)
        .mark()
        .hedge()
        .fees_per_lot(3, 5)
        .volume(500_000);
    let spread = Instrument::new(1)
        .fill_rule(FillRule::Through)
        .allow_negative();
    Config::new(1_000_000, vec![plain, future, spread.fee_min_units(5)]).latency(latency)
}

/// Commands around a price of 100, most of them ticks.
pub fn script(seed: u64, config: &Config, length: usize) -> Vec<Command> {
    let mut random = Random(seed);
    let mut writer = Writer {
        config,
        time: 0,
        placed: 0,
        random: &mut random,
    };
    (0..length).map(|_| writer.command()).collect()
}

struct Writer<'a> {
    config: &'a Config,
    time: i64,
    placed: u64,
    random: &'a mut Random,
}

impl Writer<'_> {
    fn command(&mut self) -> Command {
        let instrument = (self.random.next() as usize % self.config.instruments.len()) as u32;
        match self.random.next() % 100 {
            0..55 => Command::Tick(self.tick(instrument)),
            55..82 => {
                self.placed += 1;
                Command::Place(self.order(instrument))
            }
            82..85 => {
                self.placed += 1;
                Command::Refuse(self.order(instrument))
            }
            85..90 => Command::Cancel(self.some_id()),
            90..94 => Command::Amend(self.some_id(), self.amend()),
            94 => Command::RefuseAmend(self.some_id(), self.amend()),
            95 => Command::CancelAll((!self.random.one_in(3)).then_some(instrument)),
            96 => Command::Post(instrument, Entry::Funding, self.random.within(-50, -1)),
            97 => Command::SettleAt(instrument, self.random.within(95, 105)),
            98 => Command::DayRoll,
            _ => Command::Post(instrument, Entry::Deposit, self.random.within(1, 500)),
        }
    }

    fn tick(&mut self, instrument: u32) -> Tick {
        self.time += self.random.within(0, 2);
        let price = self.random.within(90, 110);
        let tick = Tick::new(
            self.time,
            price,
            self.random.within(1, 30),
            self.random.side(),
        );
        let tick = if self.random.one_in(5) {
            tick.quote(price - 1, price + 1)
        } else {
            tick
        };
        tick.instrument(instrument)
    }

    fn some_id(&mut self) -> u64 {
        self.random.next() % (self.placed + 2)
    }

    fn amend(&mut self) -> Amend {
        match self.random.next() % 3 {
            0 => Amend::new().qty(self.random.within(1, 20)),
            1 => Amend::new().price(self.random.within(90, 110)),
            _ => Amend::new()
                .qty(self.random.within(1, 20))
                .price(self.random.within(90, 110)),
        }
    }

    fn order(&mut self, instrument: u32) -> Order {
        let (side, qty) = (self.random.side(), self.random.within(1, 20));
        let price = self.random.within(90, 110);
        let order = match self.random.next() % 10 {
            0 => Order::market(side, qty),
            1..5 => Order::limit(side, qty, price),
            5 => Order::stop(side, qty, price),
            6 => Order::stop_limit(side, qty, price, self.random.within(90, 110)),
            7 => Order::market_if_touched(side, qty, price),
            8 => Order::trailing_stop(side, qty, self.random.within(1, 8)),
            _ => return Order::alert_price(side, price).instrument(instrument),
        };
        let order = self.in_force(order.instrument(instrument).tag(self.placed));
        let order = if self.random.one_in(4) {
            order.oco(self.random.next() % 3)
        } else {
            order
        };
        let is_hedge = self.config.instruments[instrument as usize].position_mode
            == tickstep::PositionMode::Hedge;
        order.offset(match (is_hedge, self.random.next() % 3) {
            (false, _) => Offset::None,
            (true, 0) => Offset::Close,
            (true, _) => Offset::Open,
        })
    }

    fn in_force(&mut self, order: Order) -> Order {
        match self.random.next() % 10 {
            0 => order.gtd(self.time + self.random.within(1, 30)),
            1 => order.day(),
            2 => order.ioc(),
            3 => order.fok(),
            4 => order.reduce_only(),
            _ => order,
        }
    }
}

/// Runs a script from its beginning.
pub fn run(engine: &mut Engine, commands: &[Command]) -> Vec<Result<u64, Error>> {
    commands
        .iter()
        .map(|command| command.apply(engine))
        .collect()
}
