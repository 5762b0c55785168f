//! Strategies that are called at every tick, in Rust or through the C interface of
//! `include/tickstep_strategy.h`; and the desk that a loop compiled elsewhere calls when it must.
//!
//! The kernel is not asked at every tick. It tells what a tick must reach to do anything
//! ([`Engine::wake`]); until one does, or the strategy gives a command, the ticks are the strategy's
//! alone, and the kernel takes them in one step afterwards. Nobody can tell the difference.

use std::ffi::c_void;
use std::ptr;

use tickstep_sys as sys;

use crate::columns::Columns;
use crate::engine::{Engine, Wake};
use crate::error::{BatchError, Error, Status};
use crate::event::{Event, EventKind};
use crate::feed_set::FeedSet;
use crate::order::{Order, Side};
use crate::ticks::Tick;

/// Orders, and cancels, that one tick has room for.
const COMMANDS_MAX: usize = 256;

/// The tick, and the account after it: `tks_view`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct View {
    struct_size: u32,
    /// Number of the aggressor's [`crate::Side`].
    pub side: u32,
    /// Of the ticks, from 0.
    pub row: u64,
    /// Time of the tick.
    pub time: i64,
    /// Its price.
    pub price_ticks: i64,
    /// Its quantity.
    pub qty_lots: i64,
    /// Long minus short.
    pub position_lots: i64,
    /// Cash of the account.
    pub cash_units: i64,
    /// Alerts not counted.
    pub open_orders: u64,
    /// Id of the first order asked for now; the others follow on.
    pub next_order_id: u64,
    event_count: u64,
    events: *const Event,
}

impl View {
    /// What happened since the call before, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        if self.event_count == 0 {
            return &[];
        }
        // SAFETY: a view is made by a `TickRun` alone, which points it at so many events of the engine
        // and shows it only for a call during which they stay.
        unsafe { std::slice::from_raw_parts(self.events, self.event_count as usize) }
    }
}

/// What a strategy asks for: `tks_commands`. First everything is cancelled, if it asked for that, then
/// single orders are, then orders are placed.
#[repr(C)]
pub struct Commands {
    struct_size: u32,
    capacity: u32,
    order_count: u32,
    cancel_count: u32,
    cancel_all: u32,
    reserved: u32,
    orders: *mut sys::tks_order,
    cancels: *mut u64,
}

impl Commands {
    /// Asks for an order. False when a tick's room is used up.
    pub fn place(&mut self, order: &Order) -> bool {
        let has_room = self.order_count < self.capacity;
        if has_room {
            // SAFETY: `orders` has `capacity` places, and this is one of them.
            unsafe { *self.orders.add(self.order_count as usize) = order.raw() };
            self.order_count += 1;
        }
        has_room
    }

    /// Asks to cancel an order. False when a tick's room is used up.
    pub fn cancel(&mut self, order_id: u64) -> bool {
        let has_room = self.cancel_count < self.capacity;
        if has_room {
            // SAFETY: `cancels` has `capacity` places, and this is one of them.
            unsafe { *self.cancels.add(self.cancel_count as usize) = order_id };
            self.cancel_count += 1;
        }
        has_room
    }

    /// Asks to cancel every open order, alerts not.
    pub fn cancel_all(&mut self) {
        self.cancel_all = 1;
    }

    fn is_any(&self) -> bool {
        self.order_count | self.cancel_count | self.cancel_all != 0
    }
}

/// A strategy that is called at every tick.
///
/// ```
/// use tickstep::{Columns, Commands, Config, Engine, Feed, FeedSet, Instrument, OnTick, Order, Side};
/// use tickstep::{TickRun, View};
///
/// struct Dip;
/// impl OnTick for Dip {
///     fn on_tick(&mut self, view: &View, commands: &mut Commands) -> i32 {
///         if view.position_lots == 0 && view.price_ticks < 100 {
///             commands.place(&Order::market(Side::Buy, 5));
///         }
///         0
///     }
/// }
/// let mut engine = Engine::new(&Config::new(10_000, vec![Instrument::new(1)]))?;
/// let feed = Feed::new(0, Columns::new(&[1, 2, 3], &[101, 99, 98]))?;
/// let mut feeds = FeedSet::new(vec![feed], &engine.config().instruments).expect("good rows");
/// let mut run = TickRun::new(&engine, &feeds)?;
/// run.take(&mut engine, &mut feeds, &mut Dip, usize::MAX).expect("it runs");
/// assert_eq!(engine.snapshot(0)?.cost_units, 5 * 98);
/// # Ok::<(), tickstep::Error>(())
/// ```
pub trait OnTick {
    /// Called after each tick; other than 0 stops the run.
    fn on_tick(&mut self, view: &View, commands: &mut Commands) -> i32;
}

type Function = unsafe extern "C" fn(*mut c_void, *const View, *mut Commands) -> i32;

/// A function of the C interface with its state.
#[derive(Clone, Copy, Debug)]
pub struct ForeignStrategy {
    function: Function,
    state: *mut c_void,
}

// SAFETY: what is behind the pointers is used by one thread at a time; whoever made it said so.
unsafe impl Send for ForeignStrategy {}

impl ForeignStrategy {
    /// A function at an address, and the state it is given.
    ///
    /// # Safety
    /// There must be a function of the type `tks_on_tick` at the address, which keeps the rules of
    /// `tickstep_strategy.h`, and the state must be what it takes; both for as long as this is used, and
    /// by one thread at a time.
    #[must_use]
    pub unsafe fn new(function: ptr::NonNull<c_void>, state: *mut c_void) -> ForeignStrategy {
        ForeignStrategy {
            // SAFETY: the caller says that it is one.
            function: unsafe { std::mem::transmute::<*mut c_void, Function>(function.as_ptr()) },
            state,
        }
    }
}

impl OnTick for ForeignStrategy {
    #[inline]
    fn on_tick(&mut self, view: &View, commands: &mut Commands) -> i32 {
        // SAFETY: `new` was told that the function may be called so.
        unsafe { (self.function)(self.state, view, commands) }
    }
}

/// Why a run ended early.
#[derive(Clone, Debug, PartialEq)]
pub enum TickStop {
    /// The engine refused ticks, or a command.
    Refused(BatchError),
    /// The strategy gave another answer than 0.
    Answer {
        /// The answer.
        code: i32,
        /// At this row.
        row: usize,
    },
}

impl std::fmt::Display for TickStop {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TickStop::Refused(error) => error.fmt(out),
            TickStop::Answer { code, row } => {
                write!(out, "the strategy answered {code} at row {row}")
            }
        }
    }
}

impl std::error::Error for TickStop {}

/// How far a strategy of one instrument has come.
pub struct TickRun {
    instrument: u32,
    begin: usize,
    row: usize,
    wake: Wake,
    view: View,
    /// Events shown.
    shown: usize,
    /// Events among which fills were counted.
    counted: usize,
    fills: u64,
    orders: Box<[sys::tks_order]>,
    cancels: Box<[u64]>,
}

// SAFETY: the pointer in `view` is used during a call only, and set anew by it.
unsafe impl Send for TickRun {}

impl TickRun {
    /// Before the first row of the only feed of a set, for an engine that has placed no order yet.
    ///
    /// # Errors
    /// INSTRUMENT.
    ///
    /// # Panics
    /// When there is not one feed.
    pub fn new(engine: &Engine, feeds: &FeedSet<'_>) -> Result<TickRun, Error> {
        let [feed] = feeds.feeds() else {
            panic!("one feed, not {}", feeds.len());
        };
        let order = Order::market(Side::Buy, 1).raw();
        let mut run = TickRun {
            instrument: feed.instrument(),
            begin: feeds.cursor(0),
            row: feeds.cursor(0),
            wake: engine.wake(feed.instrument())?,
            view: View {
                struct_size: size_of::<View>() as u32,
                side: 0,
                row: 0,
                time: 0,
                price_ticks: 0,
                qty_lots: 0,
                position_lots: 0,
                cash_units: 0,
                open_orders: 0,
                next_order_id: 1,
                event_count: 0,
                events: ptr::null(),
            },
            shown: 0,
            counted: 0,
            fills: 0,
            orders: vec![order; COMMANDS_MAX].into(),
            cancels: vec![0; COMMANDS_MAX].into(),
        };
        run.look(engine)?;
        Ok(run)
    }

    /// Calls the strategy for so many rows more, or up to the end. True while there are rows left.
    ///
    /// # Errors
    /// See [`TickStop`]. What was done before stays done.
    pub fn take(
        &mut self,
        engine: &mut Engine,
        feeds: &mut FeedSet<'_>,
        strategy: &mut impl OnTick,
        rows: usize,
    ) -> Result<bool, TickStop> {
        let columns = *feeds.feeds()[0].columns();
        let end = feeds.end(0);
        let stop = self.row.saturating_add(rows).min(end);
        let mut commands = self.no_commands();
        while self.row < stop {
            let row = self.row;
            let (time, price) = (columns.time[row], columns.price_ticks[row]);
            if self.wake.is_reached(time, price, price) {
                self.bring_up(engine, feeds, row)?;
            }
            self.view.row = (row - self.begin) as u64;
            self.view.time = time;
            self.view.price_ticks = price;
            self.view.qty_lots = columns.qty_lots.map_or(1, |lots| lots[row]);
            self.view.side = columns.side.map_or(0, |sides| sides[row].into());
            let code = strategy.on_tick(&self.view, &mut commands);
            self.shown += self.view.event_count as usize;
            self.view.event_count = 0;
            if code != 0 {
                self.bring_up(engine, feeds, row)?;
                let row = row - self.begin;
                return Err(TickStop::Answer { code, row });
            }
            if commands.is_any() {
                self.act(engine, feeds, &commands)?;
                // What comes of it at once is shown at the next row.
                self.look_at(engine, row)?;
                commands = self.no_commands();
            }
            self.row += 1;
        }
        if self.row == end && end > self.begin {
            self.bring_up(engine, feeds, end - 1)?;
        }
        Ok(self.row < end)
    }

    fn no_commands(&mut self) -> Commands {
        Commands {
            struct_size: size_of::<Commands>() as u32,
            capacity: COMMANDS_MAX as u32,
            order_count: 0,
            cancel_count: 0,
            cancel_all: 0,
            reserved: 0,
            orders: self.orders.as_mut_ptr(),
            cancels: self.cancels.as_mut_ptr(),
        }
    }

    /// Lets the kernel take the rows up to this one, and looks at what came of it.
    fn bring_up(
        &mut self,
        engine: &mut Engine,
        feeds: &mut FeedSet<'_>,
        row: usize,
    ) -> Result<(), TickStop> {
        advance(engine, feeds, row)?;
        self.look_at(engine, row)
    }

    fn look_at(&mut self, engine: &mut Engine, row: usize) -> Result<(), TickStop> {
        let events = engine.events();
        let new = &events[self.shown..];
        self.view.event_count = new.len() as u64;
        self.view.events = new.as_ptr();
        let uncounted = &events[self.counted..];
        let filled = uncounted.iter().filter(|event| event.is(EventKind::Filled));
        self.fills += filled.count() as u64;
        self.counted = events.len();
        self.look_now(engine, row)
    }

    fn look_now(&mut self, engine: &Engine, row: usize) -> Result<(), TickStop> {
        self.look(engine).map_err(|error| self.refused(error, row))
    }

    fn look(&mut self, engine: &Engine) -> Result<(), Error> {
        let now = engine.snapshot(self.instrument)?;
        self.view.position_lots = now.position_lots;
        self.view.cash_units = now.cash_units;
        self.view.open_orders = now.order_count;
        self.wake = engine.wake(self.instrument)?;
        Ok(())
    }

    fn refused(&self, error: Error, row: usize) -> TickStop {
        TickStop::Refused(BatchError {
            error,
            feed: Some(0),
            row: Some((row - self.begin) as u64),
            ticks_done: (row - self.begin) as u64,
        })
    }

    /// Does what was asked for at the present row.
    fn act(
        &mut self,
        engine: &mut Engine,
        feeds: &mut FeedSet<'_>,
        commands: &Commands,
    ) -> Result<(), TickStop> {
        advance(engine, feeds, self.row)?;
        let asked = (
            commands.cancel_all != 0,
            (commands.cancel_count as usize).min(COMMANDS_MAX),
            (commands.order_count as usize).min(COMMANDS_MAX),
        );
        self.give(engine, asked)
            .map_err(|error| self.refused(error, self.row))
    }

    fn give(
        &mut self,
        engine: &mut Engine,
        (cancel_all, cancels, orders): (bool, usize, usize),
    ) -> Result<(), Error> {
        if cancel_all {
            engine.cancel_all(Some(self.instrument))?;
        }
        for order_id in &self.cancels[..cancels] {
            engine.cancel(*order_id)?;
        }
        for order in &self.orders[..orders] {
            self.view.next_order_id = engine.place_raw(order)? + 1;
        }
        Ok(())
    }
}

/// Lets the kernel take the rows up to this one.
fn advance(engine: &mut Engine, feeds: &mut FeedSet<'_>, row: usize) -> Result<(), TickStop> {
    let cursor = feeds.cursor(0);
    if cursor > row {
        return Ok(());
    }
    let feed = &feeds.feeds()[0];
    match next_trade(feed.columns(), row, feed.instrument()) {
        // The usual case after an order: one tick costs less by itself than as a batch.
        Some(tick) if cursor == row => {
            let taken = engine.step(&tick);
            taken.map_err(|error| TickStop::Refused(BatchError::before_start(error)))?;
            feeds.set_cursor(0, row + 1);
        }
        _ => {
            feeds.stop_after_row(0, row, false);
            engine.step_set(feeds, 0).map_err(TickStop::Refused)?;
        }
    }
    Ok(())
}

/// A row as a tick, where it is a trade and no more.
fn next_trade(columns: &Columns<'_>, row: usize, instrument: u32) -> Option<Tick> {
    let (None, Some(lots), Some(sides)) = (columns.bid_ticks, columns.qty_lots, columns.side)
    else {
        return None;
    };
    let (time, price) = (columns.time[row], columns.price_ticks[row]);
    let side = Side::from_number(sides[row])?;
    Some(Tick::new(time, price, lots[row], side).instrument(instrument))
}

/// What a compiled loop and its desk write to each other: whole numbers in these places, then
/// [`Desk::COMMANDS`] rows of [`Desk::COMMAND_WIDTH`] for the commands.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
enum Place {
    Falling,
    Rising,
    Time,
    Position,
    Cash,
    OpenOrders,
    NextOrderId,
    Fills,
    CommandCount,
}

/// For a loop that looks at the ticks itself: it calls [`Desk::turn`] when a tick reaches what wakes the
/// kernel, and when it has commands.
pub struct Desk<'e, 'f> {
    run: TickRun,
    engine: &'e mut Engine,
    feeds: &'e mut FeedSet<'f>,
    board: &'e mut [i64],
    stop: Option<TickStop>,
}

impl<'e, 'f> Desk<'e, 'f> {
    /// Numbers before the commands.
    pub const HEAD: usize = 16;
    /// Commands of one tick.
    pub const COMMANDS: usize = 16;
    /// Numbers of a command: what (1 an order, 2 cancel one, 3 cancel all), order type, side, time in
    /// force, flags, quantity or the id to cancel, price, trigger, trail, expire time, group, tag.
    pub const COMMAND_WIDTH: usize = 12;
    /// Numbers of a whole board.
    pub const BOARD: usize = Self::HEAD + Self::COMMANDS * Self::COMMAND_WIDTH;

    /// Before the first row; see [`TickRun::new`].
    ///
    /// # Errors
    /// INSTRUMENT; [`Error::ColumnLength`] for a board of another size.
    pub fn new(
        engine: &'e mut Engine,
        feeds: &'e mut FeedSet<'f>,
        board: &'e mut [i64],
    ) -> Result<Desk<'e, 'f>, Error> {
        if board.len() != Self::BOARD {
            return Err(Error::ColumnLength {
                column: "board",
                rows: board.len(),
                expected: Self::BOARD,
            });
        }
        let run = TickRun::new(engine, feeds)?;
        let mut desk = Desk {
            run,
            engine,
            feeds,
            board,
            stop: None,
        };
        desk.write();
        Ok(desk)
    }

    /// Takes the rows up to this one, does what the board asks for, and writes down where things stand.
    /// False when that failed; see [`Desk::into_stop`].
    pub fn turn(&mut self, row: usize) -> bool {
        let row = row + self.run.begin;
        self.run.row = row;
        let commands = self.read();
        let answer = match commands {
            // Nothing has filled yet: events can wait for the turn that fills.
            Ok(commands) if commands.is_any() => self
                .run
                .act(self.engine, self.feeds, &commands)
                .and_then(|()| self.run.look_now(self.engine, row)),
            Ok(_) => self.run.bring_up(self.engine, self.feeds, row),
            Err(error) => Err(self.run.refused(error, row)),
        };
        self.write();
        self.stop = answer.err();
        self.stop.is_none()
    }

    /// The same for C: the desk, the row, and 0 or 1 for a failure.
    ///
    /// # Safety
    /// The first argument is a desk that nobody else uses.
    pub unsafe extern "C" fn turn_raw(desk: *mut c_void, row: u64) -> i32 {
        // SAFETY: the caller says that it is one.
        let desk = unsafe { &mut *desk.cast::<Desk<'_, '_>>() };
        i32::from(!desk.turn(row as usize))
    }

    /// Why the last turn failed, if it did.
    #[must_use]
    pub fn into_stop(self) -> Option<TickStop> {
        self.stop
    }

    fn write(&mut self) {
        let (run, board) = (&self.run, &mut *self.board);
        for (place, number) in [
            (Place::Falling, run.wake.falling_ticks),
            (Place::Rising, run.wake.rising_ticks),
            (Place::Time, run.wake.time),
            (Place::Position, run.view.position_lots),
            (Place::Cash, run.view.cash_units),
            (Place::OpenOrders, run.view.open_orders as i64),
            (Place::NextOrderId, run.view.next_order_id as i64),
            (Place::Fills, run.fills as i64),
            (Place::CommandCount, 0),
        ] {
            board[place as usize] = number;
        }
    }

    fn read(&mut self) -> Result<Commands, Error> {
        let count = self.board[Place::CommandCount as usize].clamp(0, Self::COMMANDS as i64);
        let mut commands = self.run.no_commands();
        let rows = self.board[Self::HEAD..].chunks_exact(Self::COMMAND_WIDTH);
        for row in rows.take(count as usize) {
            match row[0] {
                1 => {
                    let order = &mut self.run.orders[commands.order_count as usize];
                    *order = order_of(row, self.run.instrument)?;
                    commands.order_count += 1;
                }
                2 => {
                    commands.cancel(row[5] as u64);
                }
                _ => commands.cancel_all(),
            }
        }
        Ok(commands)
    }
}

/// An order from a row of the board; what the numbers mean is for the kernel to judge.
fn order_of(row: &[i64], instrument: u32) -> Result<sys::tks_order, Error> {
    let small = |place: usize, status| u8::try_from(row[place]).map_err(|_| Error::from(status));
    Ok(sys::tks_order {
        struct_size: size_of::<sys::tks_order>() as u32,
        instrument,
        r#type: small(1, Status::OrderType)?,
        side: small(2, Status::Side)?,
        time_in_force: small(3, Status::TimeInForce)?,
        offset: 0,
        flags: u32::from(small(4, Status::Flags)?),
        qty_lots: row[5],
        price_ticks: row[6],
        trigger_ticks: row[7],
        trail_ticks: row[8],
        expire_time: row[9],
        oco_group: row[10] as u64,
        tag: row[11] as u64,
    })
}
