//! Signals as columns: orders that follow from them and from the position, placed on the way.
//!
//! A signal of a row is known after the row, and what it asks for trades from the next row on: exactly
//! as a strategy that is called after the row. The kernel runs alone from one signal to the next.

use crate::batch::BatchResult;
use crate::engine::Engine;
use crate::error::{BatchError, Error};
use crate::event::{Event, EventKind};
use crate::feed_set::FeedSet;
use crate::order::{Order, Side};

/// Memory is asked for so many signals before it is needed.
const SIGNALS_AHEAD: usize = 4;

/// What a signal asks for; bits, which may come together.
pub mod signal {
    /// Go long.
    pub const ENTRY: u8 = 1;
    /// Leave a long position.
    pub const EXIT: u8 = 2;
    /// Go short.
    pub const SHORT_ENTRY: u8 = 4;
    /// Leave a short position.
    pub const SHORT_EXIT: u8 = 8;
    /// All there are.
    pub const ALL: u8 = 15;
}

/// Tags of the orders, echoed in their events.
pub mod signal_tag {
    /// Opens a position.
    pub const ENTRY: u64 = 1;
    /// Closes it on a signal.
    pub const EXIT: u64 = 2;
    /// Closes it at a loss.
    pub const STOP: u64 = 3;
    /// Closes it at a profit.
    pub const TARGET: u64 = 4;
    /// Closes it when the price has turned.
    pub const TRAIL: u64 = 5;
}

/// How much an entry trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeKind {
    /// Lots.
    Lots,
    /// Money units at the last price, in whole board lots.
    Value,
    /// Parts per billion of the equity at the last price, in whole board lots.
    Equity,
}

/// Signals of one instrument, which has the feed with the same index.
#[derive(Clone, Copy, Debug)]
pub struct Leg<'a> {
    /// After which rows, ascending; counted from the place reached in the feed.
    pub rows: &'a [u32],
    /// Bits of [`signal`], one for each of them.
    pub kinds: &'a [u8],
    /// How much, by row, or one for all.
    pub sizes: &'a [i64],
    /// Limits of the entries, by row, or one for all; none enter at the market.
    pub limits: Option<&'a [i64]>,
}

/// What holds for all signals of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalRules {
    /// What sizes are.
    pub size_kind: SizeKind,
    /// Distance of the stop from the fill's price, in parts per billion of it; 0 for none.
    pub stop_ppb: i64,
    /// Distance of the target.
    pub target_ppb: i64,
    /// Distance of the trailing stop.
    pub trail_ppb: i64,
    /// Whether an entry adds to a position of its side; it is ignored otherwise.
    pub accumulates: bool,
    /// Rows of the feeds that one row of the signals stands for: bars have several.
    pub rows_each: usize,
    /// How many of them are past when a signal is known; of bars, with all rows of that time.
    pub rows_known: usize,
}

impl SignalRules {
    /// Entries of so many lots, ticks, and nothing else.
    #[must_use]
    pub fn new() -> SignalRules {
        SignalRules {
            size_kind: SizeKind::Lots,
            stop_ppb: 0,
            target_ppb: 0,
            trail_ppb: 0,
            accumulates: false,
            rows_each: 1,
            rows_known: 1,
        }
    }

    fn has_brackets(&self) -> bool {
        self.stop_ppb > 0 || self.target_ppb > 0 || self.trail_ppb > 0
    }
}

impl Default for SignalRules {
    fn default() -> SignalRules {
        SignalRules::new()
    }
}

/// What a run of signals did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalResult {
    /// What the kernel did.
    pub batch: BatchResult,
    /// Entries that came to less than one board lot.
    pub too_small: u64,
}

/// Where an instrument stands.
#[derive(Clone, Copy, Default)]
struct Standing {
    position_lots: i64,
    /// The last entry, of which side, and the last exit; 0 where there was none.
    entry: u64,
    entry_is_buy: bool,
    exit: u64,
    /// Entries up to this one were called back: what they still fill is closed.
    left: u64,
}

struct Drive<'a, 'e, 't> {
    engine: &'e mut Engine,
    rules: &'e SignalRules,
    legs: &'e [Leg<'a>],
    standing: Vec<Standing>,
    /// Of each leg, the row where it begins, and the next of its signals.
    begin: Vec<usize>,
    next: Vec<usize>,
    /// Whether fills must be looked at as they come: there is something to be done about them.
    watches: bool,
    /// Events looked at.
    seen: usize,
    /// Told of every event, which is then forgotten; none where events are kept.
    tell: Option<&'t mut dyn FnMut(&Event)>,
    too_small: u64,
}

impl Engine {
    /// Runs the feeds of a set to their ends and trades their signals. The rules, for each instrument:
    ///
    /// - `EXIT` acts while lots are held long or an entry waits: open orders are cancelled, and what is
    ///   held is closed at the market by a reduce-only order, unless one waits already.
    /// - `ENTRY` is ignored while long or while one waits, unless entries accumulate. While short it
    ///   exits first.
    /// - `SHORT_ENTRY` and `SHORT_EXIT` are the same the other way round.
    /// - Of an exit and an entry of one side in one row only the exit counts; of entries of both sides
    ///   none.
    /// - Each fill that opens lots has its own stop, target and trailing stop, which are siblings and
    ///   reduce only. Their distance is `max(1, price · ppb / 10^9)` in ticks, rounded down.
    ///
    /// With `tell` each event is told of once and forgotten.
    ///
    /// # Errors
    /// As [`Engine::step_set`]; [`Error::ColumnLength`] where a leg's columns do not fit, and what
    /// [`Engine::place`] says of an order.
    ///
    /// # Panics
    /// When there are not as many legs as feeds.
    pub fn run_signals(
        &mut self,
        set: &mut FeedSet<'_>,
        legs: &[Leg<'_>],
        rules: &SignalRules,
        tell: Option<&mut dyn FnMut(&Event)>,
    ) -> Result<SignalResult, BatchError> {
        assert_eq!(legs.len(), set.len(), "one leg for each feed");
        for (feed, leg) in legs.iter().enumerate() {
            leg.check(set.end(feed) - set.cursor(feed), rules)
                .map_err(|error| BatchError::in_feed(feed as u32, error.into()))?;
        }
        let instruments = self.config().instruments.len();
        // A delayed cancel may come after a fill; of several entries it is not known of which.
        let watches = rules.has_brackets() || (rules.accumulates && self.config().latency > 0);
        let mut drive = Drive {
            watches,
            seen: self.events().len(),
            engine: self,
            rules,
            legs,
            standing: vec![Standing::default(); instruments],
            begin: (0..set.len()).map(|feed| set.cursor(feed)).collect(),
            next: vec![0; legs.len()],
            tell,
            too_small: 0,
        };
        let batch = drive.run(set)?;
        Ok(SignalResult {
            batch,
            too_small: drive.too_small,
        })
    }
}

impl Leg<'_> {
    fn check(&self, rows: usize, rules: &SignalRules) -> Result<(), Error> {
        let length = |column, rows, expected| Error::ColumnLength {
            column,
            rows,
            expected,
        };
        if self.kinds.len() != self.rows.len() {
            return Err(length("kinds", self.kinds.len(), self.rows.len()));
        }
        let last = self.rows.last().map_or(0, |row| *row as usize + 1);
        if last * rules.rows_each > rows || !self.rows.is_sorted_by(|a, b| a < b) {
            return Err(length("signals", last, rows / rules.rows_each));
        }
        let needed = |name, column: &[i64]| match column.len() {
            1 => Ok(()),
            rows if rows >= last => Ok(()),
            rows => Err(length(name, rows, last)),
        };
        needed("sizes", self.sizes)?;
        self.limits
            .map_or(Ok(()), |limits| needed("limits", limits))
    }
}

/// The value of a row, or the one there is.
fn at(column: &[i64], row: u32) -> i64 {
    match column {
        [only] => *only,
        rows => rows[row as usize],
    }
}

impl Drive<'_, '_, '_> {
    fn run(&mut self, set: &mut FeedSet<'_>) -> Result<BatchResult, BatchError> {
        let is_whole_time = self.rules.rows_each > 1;
        let mut total = BatchResult::default();
        while let Some((time, first)) = self.first_due(set) {
            set.stop_after_row(
                first,
                self.due_row(first).expect("it is due"),
                is_whole_time,
            );
            self.take_rows(set, &mut total)?;
            let last = if is_whole_time { set.len() } else { first + 1 };
            for feed in first..last {
                if set.len() == 1 || self.due_time(set, feed) == Some(time) {
                    self.act_next(set, feed, &total)?;
                }
            }
        }
        set.stop_at_ends();
        self.take_rows(set, &mut total)?;
        Ok(total)
    }

    /// The row of a feed after which its next signal is known.
    fn due_row(&self, feed: usize) -> Option<usize> {
        let row = self.legs[feed].rows.get(self.next[feed])?;
        Some(self.row_of(feed, *row))
    }

    fn row_of(&self, feed: usize, row: u32) -> usize {
        self.begin[feed] + row as usize * self.rules.rows_each + self.rules.rows_known - 1
    }

    fn due_time(&self, set: &FeedSet<'_>, feed: usize) -> Option<i64> {
        self.due_row(feed).map(|row| set.time_at(feed, row))
    }

    /// Time and feed of the next signal of all, as rows merge.
    fn first_due(&self, set: &FeedSet<'_>) -> Option<(i64, usize)> {
        if let [next] = self.next[..] {
            // Nothing to be compared with: its time would be read for nothing.
            return (next < self.legs[0].rows.len()).then_some((i64::MIN, 0));
        }
        let due = |feed| Some((self.due_time(set, feed)?, feed));
        (0..set.len()).filter_map(due).min()
    }

    fn act_next(
        &mut self,
        set: &FeedSet<'_>,
        feed: usize,
        total: &BatchResult,
    ) -> Result<(), BatchError> {
        let (leg, next) = (self.legs[feed], self.next[feed]);
        self.next[feed] += 1;
        let row = leg.rows[next];
        if let Some(soon) = leg.rows.get(next + SIGNALS_AHEAD) {
            set.announce(feed, self.row_of(feed, *soon));
        }
        self.act(&leg, row, leg.kinds[next], set.feeds()[feed].instrument())
            .map_err(|error| BatchError {
                error,
                feed: Some(feed as u32),
                row: Some(row.into()),
                ticks_done: total.ticks_done,
            })
    }

    /// Takes the rows up to where the feeds stop; what fills on the way gets its stop and target.
    fn take_rows(
        &mut self,
        set: &mut FeedSet<'_>,
        total: &mut BatchResult,
    ) -> Result<(), BatchError> {
        let stop_on = if self.watches {
            EventKind::Filled.bit()
        } else {
            0
        };
        loop {
            let part = self.engine.step_set(set, stop_on)?;
            total.add(&part);
            let opened = self.look();
            if part.event_kinds & stop_on == 0 {
                return Ok(());
            }
            for fill in opened {
                self.guard(&fill).map_err(|error| BatchError {
                    ticks_done: total.ticks_done,
                    ..BatchError::before_start(error)
                })?;
            }
        }
    }

    /// Looks at new events: moves positions, and gives the fills of entries if anybody asks.
    fn look(&mut self) -> Vec<Event> {
        let mut opened = Vec::new();
        let events = self.engine.events();
        for event in &events[self.seen..] {
            if event.is(EventKind::Filled) {
                self.standing[event.instrument as usize].position_lots = event.position_after_lots;
                if self.watches && event.tag == signal_tag::ENTRY {
                    opened.push(*event);
                }
            }
            if let Some(tell) = &mut self.tell {
                tell(event);
            }
        }
        self.seen = events.len();
        if self.tell.is_some() {
            self.engine.forget_events();
            self.seen = 0;
        }
        opened
    }

    /// Puts stop and target behind lots that a fill has opened; closes them if nobody wants them.
    fn guard(&mut self, fill: &Event) -> Result<(), Error> {
        let sign = fill.qty_lots.signum();
        let opened = fill.qty_lots.abs().min(fill.position_after_lots * sign);
        if opened <= 0 {
            return Ok(());
        }
        let side = if sign > 0 { Side::Sell } else { Side::Buy };
        let out = |order: Order, tag| order.instrument(fill.instrument).reduce_only().tag(tag);
        if fill.order_id <= self.standing[fill.instrument as usize].left {
            let exit = out(Order::market(side, opened), signal_tag::EXIT);
            self.standing[fill.instrument as usize].exit = self.engine.place(&exit)?;
            return Ok(());
        }
        let price = fill.price_ticks;
        let distance = |ppb: i64| {
            let ticks = i128::from(price.abs()) * i128::from(ppb) / 1_000_000_000;
            ticks.clamp(1, (1 << 48) - 1) as i64
        };
        let (stop, target, trail) = (
            self.rules.stop_ppb,
            self.rules.target_ppb,
            self.rules.trail_ppb,
        );
        if stop > 0 {
            let order = Order::stop(side, opened, price - sign * distance(stop));
            let order = out(order, signal_tag::STOP).oco(fill.sequence);
            self.engine.place(&order)?;
        }
        if target > 0 {
            let order = Order::limit(side, opened, price + sign * distance(target));
            let order = out(order, signal_tag::TARGET).oco(fill.sequence);
            self.engine.place(&order)?;
        }
        if trail > 0 {
            let order = Order::trailing_stop(side, opened, distance(trail));
            let order = out(order, signal_tag::TRAIL).oco(fill.sequence);
            self.engine.place(&order)?;
        }
        Ok(())
    }

    /// Does what a signal asks for.
    fn act(&mut self, leg: &Leg<'_>, row: u32, kinds: u8, instrument: u32) -> Result<(), Error> {
        let has = |bit: u8| kinds & bit != 0;
        let goes_long = has(signal::ENTRY) && !has(signal::EXIT);
        let goes_short = has(signal::SHORT_ENTRY) && !has(signal::SHORT_EXIT);
        if has(signal::EXIT) {
            self.leave(instrument, true, false)?;
        }
        if has(signal::SHORT_EXIT) {
            self.leave(instrument, false, false)?;
        }
        if goes_long != goes_short && !(has(signal::ENTRY) && has(signal::SHORT_ENTRY)) {
            self.enter(leg, row, instrument, goes_long)?;
        }
        Ok(())
    }

    fn is_open(&self, order_id: u64) -> Result<bool, Error> {
        Ok(order_id != 0 && self.engine.order(order_id)?.is_some())
    }

    fn holds(&self, instrument: u32, long: bool) -> bool {
        let lots = self.standing[instrument as usize].position_lots;
        if long { lots > 0 } else { lots < 0 }
    }

    /// Whether an entry of this side waits.
    fn enters(&self, instrument: u32, long: bool) -> Result<bool, Error> {
        let standing = &self.standing[instrument as usize];
        let is_wanted = standing.entry_is_buy == long && standing.entry > standing.left;
        Ok(is_wanted && self.is_open(standing.entry)?)
    }

    /// Leaves the position of a side, if there is one or is to be one. `anew`: also where an exit
    /// waits, which is then replaced.
    fn leave(&mut self, instrument: u32, long: bool, anew: bool) -> Result<(), Error> {
        let holds = self.holds(instrument, long);
        if !holds && !self.enters(instrument, long)? {
            return Ok(());
        }
        if !anew && self.is_open(self.standing[instrument as usize].exit)? {
            return Ok(());
        }
        if self.engine.has_open_order(instrument)? {
            self.watches |= self.engine.config().latency > 0;
            self.engine.cancel_all(Some(instrument))?;
        }
        let standing = &mut self.standing[instrument as usize];
        standing.left = standing.entry;
        if holds {
            let lots = standing.position_lots.abs();
            let side = if long { Side::Sell } else { Side::Buy };
            let order = Order::market(side, lots).instrument(instrument);
            let order = order.reduce_only().tag(signal_tag::EXIT);
            let exit = self.engine.place(&order)?;
            self.standing[instrument as usize].exit = exit;
        }
        Ok(())
    }

    fn enter(&mut self, leg: &Leg<'_>, row: u32, instrument: u32, long: bool) -> Result<(), Error> {
        let is_in = self.holds(instrument, long) || self.enters(instrument, long)?;
        if is_in && !self.rules.accumulates {
            return Ok(());
        }
        self.leave(instrument, !long, true)?;
        let lots = self.lots(at(leg.sizes, row), instrument)?;
        if lots == 0 {
            self.too_small += 1;
            return Ok(());
        }
        let side = if long { Side::Buy } else { Side::Sell };
        let order = match leg.limits {
            None => Order::market(side, lots),
            Some(limits) => Order::limit(side, lots, at(limits, row)),
        };
        let order = order.instrument(instrument).tag(signal_tag::ENTRY);
        let entry = self.engine.place(&order)?;
        let standing = &mut self.standing[instrument as usize];
        standing.entry = entry;
        standing.entry_is_buy = long;
        Ok(())
    }

    /// Lots of a size, in whole board lots where it is of money.
    fn lots(&self, size: i64, instrument: u32) -> Result<i64, Error> {
        if self.rules.size_kind == SizeKind::Lots {
            return Ok(size);
        }
        let now = self.engine.snapshot(instrument)?;
        let rules = &self.engine.config().instruments[instrument as usize];
        let money = match self.rules.size_kind {
            SizeKind::Equity => {
                i128::from(now.equity_units.max(0)) * i128::from(size) / 1_000_000_000
            }
            _ => size.into(),
        };
        let one = i128::from(now.last_price_ticks.abs()) * i128::from(rules.units_per_tick_lot);
        if one == 0 {
            return Ok(0);
        }
        let step = i128::from(rules.qty_step_lots);
        let lots = money / one / step * step;
        Ok(lots.min((1 << 61) - 1) as i64)
    }
}
