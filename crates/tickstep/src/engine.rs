//! The engine: a block of memory that the kernel works in, and the room to grow.

use std::alloc::{Layout, alloc_zeroed};
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;

use tickstep_sys as sys;

use crate::config::{Config, EVENTS_START, Instrument, ORDERS_START, RawConfig};
use crate::error::{Error, Status};
use crate::event::{Digest, Entry, Event, Reason};
use crate::order::{Amend, Order, OrderView};
use crate::snapshot::{Holding, Snapshot};
use crate::ticks::Tick;

/// Open orders asked for at once.
const ORDER_PAGE: usize = 256;

/// A matching engine with its account. The kernel's limits are not the user's: when the block is
/// full, events move out of it into a list and orders move into a larger block. An engine may be
/// sent to another thread, and is used by one at a time.
///
/// ```
/// use tickstep::{Config, Engine, EventKind, Instrument, Order, Side, Tick};
/// let mut engine = Engine::new(&Config::new(10_000, vec![Instrument::new(1)]))?;
/// engine.step(&Tick::new(1, 100, 5, Side::Buy))?;
/// let id = engine.place(&Order::market(Side::Buy, 3).tag(42))?;
/// engine.step(&Tick::new(2, 101, 5, Side::Buy))?;
/// let fill = *engine.events().last().expect("the order has traded");
/// assert!(fill.is(EventKind::Filled));
/// assert_eq!((fill.order_id, fill.tag, fill.price_ticks), (id, 42, 101));
/// # Ok::<(), tickstep::Error>(())
/// ```
pub struct Engine {
    /// What the kernel works in; holds an initialised engine from `new` or `load` on, and nothing
    /// but kernel calls write to it. The kernel's handle is the address of the block.
    block: Vec<u64>,
    /// The configuration of the block, with the capacities it has now.
    config: Config,
    /// Events that have left the block.
    events: Vec<Event>,
    /// One engine, one thread at a time: it may be sent, not shared.
    not_sync: PhantomData<Cell<()>>,
}

/// What a tick must reach to do more than move the clock; see [`Engine::wake`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// A price, of a range its low, at or below it.
    pub falling_ticks: i64,
    /// A price, of a range its high, at or above it.
    pub rising_ticks: i64,
    /// A time at or after it.
    pub time: i64,
}

impl Wake {
    /// Whether a tick at this time, from this low to this high, reaches any of it.
    #[must_use]
    #[inline]
    pub const fn is_reached(&self, time: i64, low_ticks: i64, high_ticks: i64) -> bool {
        low_ticks <= self.falling_ticks || high_ticks >= self.rising_ticks || time >= self.time
    }
}

/// What a full block lacks.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Events,
    Commands,
    /// Open orders of one instrument.
    Orders(u32),
}

impl Engine {
    /// `tks_engine_init`: makes an engine without clock, orders or events.
    ///
    /// # Errors
    /// Every status of the configuration, naming instrument and value; [`Error::Memory`].
    pub fn new(config: &Config) -> Result<Engine, Error> {
        let raw = config.raw();
        let mut block = block_for(&raw).map_err(|error| config_error(config, error))?;
        let mut handle = ptr::null_mut();
        // SAFETY: the block is 8-byte aligned and owned here; its size is told.
        let status = unsafe {
            sys::tks_engine_init(
                block.as_mut_ptr().cast(),
                size_of_val(&*block),
                raw.as_ptr(),
                &raw mut handle,
            )
        };
        Status::check(status).map_err(|status| config.error(status))?;
        Ok(Engine::from_block(block, handle, config.clone()))
    }

    fn from_block(block: Vec<u64>, handle: *mut sys::tks_engine, config: Config) -> Engine {
        assert_eq!(
            handle.cast_const().cast(),
            block.as_ptr(),
            "the handle is the block"
        );
        Engine {
            block,
            config,
            events: Vec::new(),
            not_sync: PhantomData,
        }
    }

    /// The configuration, with the capacities the engine has grown to.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// `tks_engine_reset`: back to the state after [`Engine::new`]; events not drained are gone.
    ///
    /// # Panics
    /// Never, short of a defect of the kernel.
    pub fn reset(&mut self) {
        // SAFETY: `raw_mut` is an initialised engine, borrowed for the call.
        let status = unsafe { sys::tks_engine_reset(self.raw_mut()) };
        Status::expect_ok(status, "tks_engine_reset");
        self.events.clear();
    }

    /// `tks_engine_copy`: an engine equal in every visible way, events not drained included, and
    /// independent from now on.
    ///
    /// # Panics
    /// When the system has no memory left; [`Engine::try_fork`] says so instead.
    #[must_use]
    pub fn fork(&self) -> Engine {
        self.try_fork().expect("there is memory for a copy")
    }

    /// As [`Engine::fork`], for engines so large that there may be no room for a second one.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn try_fork(&self) -> Result<Engine, Error> {
        let mut copy = self.copy_into(self.config.clone())?;
        let bytes = size_of_val(&*self.events);
        let reserved = copy.events.try_reserve_exact(self.events.len());
        reserved.map_err(|_| Error::Memory { bytes })?;
        copy.events.extend_from_slice(&self.events);
        Ok(copy)
    }

    /// `tks_order_place`: places an order and returns its id. What the market or the account
    /// refuses is a REJECTED event, not an error.
    ///
    /// # Errors
    /// INSTRUMENT to FIELD_UNUSED and OVERFLOW, naming the value; [`Error::Memory`].
    pub fn place(&mut self, order: &Order) -> Result<u64, Error> {
        let raw = order.raw();
        let mut id = 0;
        self.call(Limit::Orders(order.instrument), |engine| {
            // SAFETY: `engine` is initialised; both other arguments are borrowed for the call.
            unsafe { sys::tks_order_place(engine, &raw const raw, &raw mut id) }
        })
        .map_err(|error| error.naming(|status| order.fault(status)))?;
        Ok(id)
    }

    /// As [`Engine::place`], of an order that somebody else has written.
    pub(crate) fn place_raw(&mut self, order: &sys::tks_order) -> Result<u64, Error> {
        let mut id = 0;
        self.call(Limit::Orders(order.instrument), |engine| {
            // SAFETY: `engine` is initialised; both other arguments are borrowed for the call.
            unsafe { sys::tks_order_place(engine, order, &raw mut id) }
        })?;
        Ok(id)
    }

    /// `tks_order_cancel`: cancels now, or after the latency. False when the order had already
    /// ended.
    ///
    /// # Errors
    /// ORDER_UNKNOWN; [`Error::Memory`].
    pub fn cancel(&mut self, id: u64) -> Result<bool, Error> {
        let answer = self.call(self.command_limit(), |engine| {
            // SAFETY: `engine` is initialised.
            unsafe { sys::tks_order_cancel(engine, id) }
        });
        open_or_ended(answer, id, |_| None)
    }

    /// `tks_orders_cancel`: cancels every open order, but no alert, of one instrument or of all.
    ///
    /// # Errors
    /// INSTRUMENT; [`Error::Memory`].
    pub fn cancel_all(&mut self, instrument: Option<u32>) -> Result<(), Error> {
        let raw = raw_instrument(instrument)?;
        self.call(self.command_limit(), |engine| {
            // SAFETY: `engine` is initialised.
            unsafe { sys::tks_orders_cancel(engine, raw) }
        })
        .map_err(|error| error.naming(|status| instrument_fault(status, raw)))
    }

    /// `tks_order_amend`: changes an open order now, or after the latency. False when it had
    /// already ended.
    ///
    /// # Errors
    /// ORDER_UNKNOWN, AMEND_FIELDS, QTY to TRAIL, OVERFLOW; [`Error::Memory`].
    pub fn amend(&mut self, id: u64, amend: &Amend) -> Result<bool, Error> {
        let raw = amend.raw();
        let answer = self.call(self.command_limit(), |engine| {
            // SAFETY: `engine` is initialised; the amendment is borrowed for the call.
            unsafe { sys::tks_order_amend(engine, id, &raw const raw) }
        });
        open_or_ended(answer, id, |status| amend.fault(status))
    }

    /// `tks_order_refuse`: tells of an order that somebody outside forbids, a risk limit say, as a
    /// REJECTED event, and returns the id it uses up.
    ///
    /// # Errors
    /// As [`Engine::place`]; REASON when no order is refused for that reason.
    pub fn refuse(&mut self, order: &Order, reason: Reason) -> Result<u64, Error> {
        let raw = order.raw();
        let number = i32::from(reason.number());
        let mut id = 0;
        self.call(Limit::Events, |engine| {
            // SAFETY: `engine` is initialised; both pointers are borrowed for the call.
            unsafe { sys::tks_order_refuse(engine, &raw const raw, number, &raw mut id) }
        })
        .map_err(|error| {
            error.naming(|status| reason_fault(status, reason).or_else(|| order.fault(status)))
        })?;
        Ok(id)
    }

    /// `tks_amend_refuse`: the same of an amendment; the order stays as it is. False when it had
    /// already ended.
    ///
    /// # Errors
    /// As [`Engine::amend`]; REASON when no order is refused for that reason.
    pub fn refuse_amend(&mut self, id: u64, amend: &Amend, reason: Reason) -> Result<bool, Error> {
        let raw = amend.raw();
        let number = i32::from(reason.number());
        let answer = self.call(Limit::Events, |engine| {
            // SAFETY: `engine` is initialised; the amendment is borrowed for the call.
            unsafe { sys::tks_amend_refuse(engine, id, &raw const raw, number) }
        });
        open_or_ended(answer, id, |status| {
            reason_fault(status, reason).or_else(|| amend.fault(status))
        })
    }

    /// `tks_ledger_post`: posts money, positive received, negative paid.
    ///
    /// # Errors
    /// INSTRUMENT, ENTRY_KIND, AMOUNT, OVERFLOW; [`Error::Memory`].
    pub fn ledger_post(
        &mut self,
        instrument: u32,
        entry: Entry,
        amount_units: i64,
    ) -> Result<(), Error> {
        let kind = i32::from(entry.number());
        self.call(Limit::Events, |engine| {
            // SAFETY: `engine` is initialised.
            unsafe { sys::tks_ledger_post(engine, instrument, kind, amount_units) }
        })
        .map_err(|error| {
            error.naming(|status| match status {
                Status::EntryKind => Some(("kind", kind.into())),
                Status::Amount | Status::Overflow => Some(("amount_units", amount_units.into())),
                _ => instrument_fault(status, instrument),
            })
        })
    }

    /// `tks_settle_at`: settles the positions of one instrument at a price.
    ///
    /// # Errors
    /// INSTRUMENT, SETTLE_PRICE, OVERFLOW; [`Error::Memory`].
    pub fn settle_at(&mut self, instrument: u32, price_ticks: i64) -> Result<(), Error> {
        self.call(Limit::Events, |engine| {
            // SAFETY: `engine` is initialised.
            unsafe { sys::tks_settle_at(engine, instrument, price_ticks) }
        })
        .map_err(|error| {
            error.naming(|status| match status {
                Status::SettlePrice => Some(("price_ticks", price_ticks.into())),
                _ => instrument_fault(status, instrument),
            })
        })
    }

    /// `tks_day_roll`: ends the trading day at these settlement prices, one per instrument, or at
    /// the last prices.
    ///
    /// # Errors
    /// [`Error::ColumnLength`], SETTLE_PRICE, OVERFLOW; [`Error::Memory`].
    pub fn day_roll(&mut self, prices_ticks: Option<&[i64]>) -> Result<(), Error> {
        let expected = self.config.instruments.len();
        if let Some(rows) = prices_ticks
            .map(<[i64]>::len)
            .filter(|rows| *rows != expected)
        {
            return Err(Error::ColumnLength {
                column: "prices_ticks",
                rows,
                expected,
            });
        }
        let prices = prices_ticks.map_or(ptr::null(), <[i64]>::as_ptr);
        self.call(Limit::Events, |engine| {
            // SAFETY: `engine` is initialised; the prices are none, or one per instrument.
            unsafe { sys::tks_day_roll(engine, prices) }
        })
    }

    /// `tks_step`: takes one tick.
    ///
    /// # Errors
    /// INSTRUMENT, TIME_BACKWARDS to TICK_QUOTE, OVERFLOW, naming the value; [`Error::Memory`].
    #[inline]
    pub fn step(&mut self, tick: &Tick) -> Result<(), Error> {
        // SAFETY: `raw_mut` is an initialised engine; a tick has the layout of the kernel's.
        let status = unsafe { sys::tks_step(self.raw_mut(), tick.as_raw()) };
        if status == sys::TKS_STATUS_OK {
            Ok(())
        } else {
            self.step_after(status, tick)
        }
    }

    /// What `step` does when the kernel has not simply taken the tick.
    #[cold]
    #[inline(never)]
    fn step_after(&mut self, status: i32, tick: &Tick) -> Result<(), Error> {
        let answer = if status == sys::TKS_STATUS_CAPACITY {
            self.call(Limit::Events, |engine| {
                // SAFETY: as in `step`.
                unsafe { sys::tks_step(engine, tick.as_raw()) }
            })
        } else {
            Status::check(status).map_err(Error::from)
        };
        answer.map_err(|error| error.naming(|status| tick.fault(status)))
    }

    /// Every event since the last [`Engine::drain_events`], [`Engine::clear_events`] or reset,
    /// oldest first.
    pub fn events(&mut self) -> &[Event] {
        self.drain_ring();
        &self.events
    }

    /// Whether [`Engine::events`] holds any after this sequence; quicker than to look at them, and may
    /// say so of some that were there before.
    ///
    /// ```
    /// use tickstep::{Config, Engine, Instrument, Order, Side};
    /// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
    /// assert!(!engine.may_have_events_after(0));
    /// engine.place(&Order::limit(Side::Buy, 5, 100))?;
    /// assert!(engine.may_have_events_after(0));
    /// assert_eq!(engine.events()[0].sequence, 1);
    /// assert!(!engine.may_have_events_after(1));
    /// # Ok::<(), tickstep::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn may_have_events_after(&self, sequence: u64) -> bool {
        // SAFETY: `raw` is an initialised engine.
        let waiting = unsafe { sys::tks_events_waiting(self.raw()) };
        let last = self.events.last();
        waiting > 0 || last.is_some_and(|event| event.sequence > sequence)
    }

    /// Takes these events out.
    #[must_use]
    pub fn drain_events(&mut self) -> Vec<Event> {
        self.drain_ring();
        std::mem::take(&mut self.events)
    }

    /// Forgets these events and keeps their memory for the next ones.
    pub fn clear_events(&mut self) {
        self.drain_ring();
        self.events.clear();
    }

    /// As [`Engine::clear_events`], of those that have been looked at.
    pub(crate) fn forget_events(&mut self) {
        self.events.clear();
    }

    /// `tks_event_digest`: of all events since the engine was made or reset, drained or not.
    ///
    /// # Panics
    /// Never, short of a defect of the kernel.
    #[must_use]
    pub fn event_digest(&self) -> Digest {
        let mut digest = sys::tks_digest::default();
        // SAFETY: `raw` is an initialised engine; the digest is borrowed for the call.
        let status = unsafe { sys::tks_event_digest(self.raw(), &raw mut digest) };
        Status::expect_ok(status, "tks_event_digest");
        Digest::from_raw(digest)
    }

    /// `tks_state_hash`: of the bytes that [`Engine::save`] gives.
    ///
    /// # Panics
    /// Never, short of a defect of the kernel.
    #[must_use]
    pub fn state_hash(&self) -> Digest {
        let mut digest = sys::tks_digest::default();
        // SAFETY: `raw` is an initialised engine; the digest is borrowed for the call.
        let status = unsafe { sys::tks_state_hash(self.raw(), &raw mut digest) };
        Status::expect_ok(status, "tks_state_hash");
        Digest::from_raw(digest)
    }

    /// `tks_state_save`: the whole state as bytes, equal over every path that leads to it. Events
    /// not drained are not part of it.
    ///
    /// ```
    /// use tickstep::{Config, Engine, Instrument};
    /// let engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
    /// let loaded = Engine::load(&engine.save())?;
    /// assert_eq!(loaded.state_hash(), engine.state_hash());
    /// # Ok::<(), tickstep::Error>(())
    /// ```
    ///
    /// # Panics
    /// Never, short of a defect of the kernel.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut size = 0;
        // SAFETY: `raw` is an initialised engine; the size is borrowed for the call.
        let status = unsafe { sys::tks_state_size(self.raw(), &raw mut size) };
        Status::expect_ok(status, "tks_state_size");
        let mut bytes = vec![0_u8; size];
        let mut written = 0;
        // SAFETY: as above; `bytes` has the size told.
        let status = unsafe {
            sys::tks_state_save(
                self.raw(),
                bytes.as_mut_ptr().cast(),
                size,
                &raw mut written,
            )
        };
        Status::expect_ok(status, "tks_state_save");
        bytes.truncate(written);
        bytes
    }

    /// `tks_state_load`: an engine from saved bytes, which need not be trusted.
    ///
    /// # Errors
    /// STATE_FORMAT, STATE_VERSION, STATE_CHECKSUM, STATE_INVALID; [`Error::Memory`].
    pub fn load(bytes: &[u8]) -> Result<Engine, Error> {
        let config = with_room(saved_config(bytes)?);
        let raw = config.raw();
        let mut block = block_for(&raw)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the block is 8-byte aligned and owned here; block and bytes come with their
        // sizes.
        let status = unsafe {
            sys::tks_state_load(
                block.as_mut_ptr().cast(),
                size_of_val(&*block),
                raw.as_ptr(),
                bytes.as_ptr().cast(),
                bytes.len(),
                &raw mut handle,
            )
        };
        Status::check(status)?;
        Ok(Engine::from_block(block, handle, config))
    }

    /// `tks_snapshot_get`: one instrument and the account, exact.
    ///
    /// # Errors
    /// INSTRUMENT; OVERFLOW when a figure does not fit 64 bits.
    pub fn snapshot(&self, instrument: u32) -> Result<Snapshot, Error> {
        let mut raw = sys::tks_snapshot {
            struct_size: size_of::<sys::tks_snapshot>() as u32,
            ..sys::tks_snapshot::default()
        };
        // SAFETY: `raw` is an initialised engine; the snapshot is borrowed for the call.
        let status = unsafe { sys::tks_snapshot_get(self.raw(), instrument, &raw mut raw) };
        Status::check(status).map_err(|status| {
            Error::from(status).naming(|status| instrument_fault(status, instrument))
        })?;
        Ok(Snapshot::from_raw(&raw))
    }

    /// `tks_holding_get`: price and position of one instrument, at a cost that does not grow with the
    /// number of instruments.
    ///
    /// # Errors
    /// INSTRUMENT.
    #[inline]
    pub fn holding(&self, instrument: u32) -> Result<Holding, Error> {
        let mut raw = sys::tks_holding::default();
        // SAFETY: `raw` is an initialised engine; the holding is borrowed for the call.
        let status = unsafe { sys::tks_holding_get(self.raw(), instrument, &raw mut raw) };
        if status != sys::TKS_STATUS_OK {
            Status::check(status).map_err(|status| {
                Error::from(status).naming(|status| instrument_fault(status, instrument))
            })?;
        }
        Ok(Holding {
            time: raw.time,
            tick_index: raw.tick_index,
            last_price_ticks: raw.last_price_ticks,
            position_lots: raw.position_lots,
        })
    }

    /// `tks_order_get`: an order as it stands; `None` when it has ended.
    ///
    /// # Errors
    /// ORDER_UNKNOWN.
    pub fn order(&self, id: u64) -> Result<Option<OrderView>, Error> {
        let mut view = sys::tks_order_view::default();
        // SAFETY: `raw` is an initialised engine; the view is borrowed for the call.
        let status = unsafe { sys::tks_order_get(self.raw(), id, &raw mut view) };
        let is_open = open_or_ended(Status::check(status).map_err(Error::from), id, |_| None)?;
        if is_open {
            Ok(Some(OrderView::from_raw(&view)?))
        } else {
            Ok(None)
        }
    }

    /// `tks_orders_open`: open orders and alerts by id, of one instrument or of all.
    ///
    /// # Errors
    /// INSTRUMENT.
    pub fn open_orders(&self, instrument: Option<u32>) -> Result<Vec<OrderView>, Error> {
        let raw = raw_instrument(instrument)?;
        let mut page = vec![sys::tks_order_view::default(); ORDER_PAGE];
        let mut views = Vec::new();
        loop {
            let after_id = views.last().map_or(0, |view: &OrderView| view.order_id);
            let count = self.open_page(raw, after_id, &mut page)?;
            for view in &page[..count] {
                views.push(OrderView::from_raw(view)?);
            }
            if count < page.len() {
                return Ok(views);
            }
        }
    }

    /// `tks_wake_get`: what a tick of an instrument must reach to do more than move the clock, the last
    /// price and the tick index.
    ///
    /// ```
    /// use tickstep::{Config, Engine, Instrument, Order, Side, Tick};
    /// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
    /// engine.place(&Order::limit(Side::Buy, 5, 100))?;
    /// engine.step(&Tick::new(1, 120, 1, Side::Buy))?;
    /// let wake = engine.wake(0)?;
    /// assert!(wake.is_reached(2, 100, 100) && !wake.is_reached(2, 101, 101));
    /// # Ok::<(), tickstep::Error>(())
    /// ```
    ///
    /// # Errors
    /// INSTRUMENT.
    pub fn wake(&self, instrument: u32) -> Result<Wake, Error> {
        let mut raw = sys::tks_wake::default();
        // SAFETY: `raw` is an initialised engine; the answer is borrowed for the call.
        let status = unsafe { sys::tks_wake_get(self.raw(), instrument, &raw mut raw) };
        Status::check(status).map_err(|status| {
            Error::from(status).naming(|status| instrument_fault(status, instrument))
        })?;
        Ok(Wake {
            falling_ticks: raw.falling_ticks,
            rising_ticks: raw.rising_ticks,
            time: raw.time,
        })
    }

    /// Whether a tick can do nothing but move the clock, the last price and the tick index: no order
    /// or alert is open, and no command is on its way. May be false all the same under latency,
    /// where the kernel does not tell what is on its way.
    ///
    /// ```
    /// use tickstep::{Config, Engine, Instrument, Order, Side};
    /// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
    /// assert!(engine.is_idle());
    /// engine.place(&Order::limit(Side::Buy, 5, 100))?;
    /// assert!(!engine.is_idle());
    /// # Ok::<(), tickstep::Error>(())
    /// ```
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let mut first = [sys::tks_order_view::default()];
        let open = self.open_page(sys::TKS_INSTRUMENT_ALL, 0, &mut first);
        self.config.latency == 0 && open == Ok(0)
    }

    /// Whether an order, or an alert, of an instrument waits.
    pub(crate) fn has_open_order(&self, instrument: u32) -> Result<bool, Error> {
        let mut first = [sys::tks_order_view::default()];
        Ok(self.open_page(instrument, 0, &mut first)? > 0)
    }

    fn open_page(
        &self,
        instrument: u32,
        after_id: u64,
        page: &mut [sys::tks_order_view],
    ) -> Result<usize, Error> {
        let mut count = 0;
        let capacity = u32::try_from(page.len()).unwrap_or(u32::MAX);
        // SAFETY: `raw` is an initialised engine; the page has `capacity` places.
        let status = unsafe {
            sys::tks_orders_open(
                self.raw(),
                instrument,
                after_id,
                page.as_mut_ptr(),
                capacity,
                &raw mut count,
            )
        };
        Status::check(status).map_err(|status| {
            Error::from(status).naming(|status| instrument_fault(status, instrument))
        })?;
        Ok(count as usize)
    }
}

/// Compiles as long as an engine may be sent.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Engine>();
};

impl Clone for Engine {
    fn clone(&self) -> Engine {
        self.fork()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Engine")
            .field("config", &self.config)
            .field("event_digest", &format_args!("{}", self.event_digest()))
            .finish_non_exhaustive()
    }
}

/// Room.
impl Engine {
    fn raw(&self) -> *const sys::tks_engine {
        self.block.as_ptr().cast()
    }

    #[inline]
    pub(crate) fn raw_mut(&mut self) -> *mut sys::tks_engine {
        self.block.as_mut_ptr().cast()
    }

    /// Repeats a call until it does not lack room. A call that lacks room has changed nothing.
    fn call(
        &mut self,
        limit: Limit,
        mut call: impl FnMut(*mut sys::tks_engine) -> i32,
    ) -> Result<(), Error> {
        let mut growths = 0;
        loop {
            match Status::check(call(self.raw_mut())) {
                Err(Status::Capacity) => self.make_room(limit, &mut growths)?,
                answer => return answer.map_err(Error::from),
            }
        }
    }

    /// Drains the ring; when there was nothing in it, grows. CAPACITY does not say what is lacking:
    /// `limit` is the first guess, and the ring, too small for one whole call, the second.
    pub(crate) fn make_room(&mut self, limit: Limit, growths: &mut u32) -> Result<(), Error> {
        if self.drain_ring() > 0 {
            return Ok(());
        }
        *growths += 1;
        self.grow(if *growths % 2 == 0 {
            Limit::Events
        } else {
            limit
        })
    }

    /// Cancels and amendments wait in the block when there is a latency.
    fn command_limit(&self) -> Limit {
        if self.config.latency > 0 {
            Limit::Commands
        } else {
            Limit::Events
        }
    }

    /// Moves all events out of the block and returns how many there were.
    fn drain_ring(&mut self) -> usize {
        let before = self.events.len();
        loop {
            // Grows the list by its own rule; an engine without events costs a handful of places.
            self.events.reserve(1);
            let spare = self.events.spare_capacity_mut();
            let room = u32::try_from(spare.len()).unwrap_or(u32::MAX);
            let mut count = 0;
            // SAFETY: the block is an initialised engine, and `spare` has places for `room` records
            // of the layout of `Event`.
            let status = unsafe {
                sys::tks_events_drain(
                    self.block.as_mut_ptr().cast(),
                    spare.as_mut_ptr().cast(),
                    room,
                    &raw mut count,
                )
            };
            Status::expect_ok(status, "tks_events_drain");
            // SAFETY: the kernel has written the first `count` places, and every bit pattern is an
            // `Event`.
            unsafe { self.events.set_len(self.events.len() + count as usize) };
            if count < room {
                return self.events.len() - before;
            }
        }
    }

    /// Moves into a block with twice the room for what is lacking.
    fn grow(&mut self, limit: Limit) -> Result<(), Error> {
        let mut config = self.config.clone();
        match limit {
            Limit::Events => config.events_max = grown_events(&config),
            Limit::Commands => config.commands_max = config.commands_max.saturating_mul(2).max(64),
            Limit::Orders(instrument) => grow_orders(&mut config.instruments, instrument),
        }
        let grown = self.copy_into(config)?;
        self.block = grown.block;
        self.config = grown.config;
        Ok(())
    }

    /// `tks_engine_copy`: the same engine in a block of its own, without the events drained.
    fn copy_into(&self, config: Config) -> Result<Engine, Error> {
        let raw = config.raw();
        let mut block = block_for(&raw)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the new block is 8-byte aligned, comes with its size and does not overlap the old
        // one, which is an initialised engine.
        let status = unsafe {
            sys::tks_engine_copy(
                block.as_mut_ptr().cast(),
                size_of_val(&*block),
                raw.as_ptr(),
                self.raw(),
                &raw mut handle,
            )
        };
        Status::check(status)?;
        Ok(Engine::from_block(block, handle, config))
    }
}

/// At least twice what there was, and room for one call that touches every order there is room for:
/// three events each (TRIGGERED, FILLED, CANCELLED), and those of a day roll. Only orders of large
/// groups may need more, and then it doubles again.
fn grown_events(config: &Config) -> u32 {
    let orders: u64 = config
        .instruments
        .iter()
        .map(|one| u64::from(one.orders_max))
        .sum();
    let one_call = 3 * orders + config.instruments.len() as u64 + 1;
    let events = one_call.max(2 * u64::from(config.events_max));
    u32::try_from(events.min(1 << 31)).expect("bounded by 2^31")
}

/// Doubles the room of one instrument. When that is little beside the whole, the others of its size
/// or below share a quarter of the whole, so that the number of moves stays logarithmic however
/// many instruments fill up one by one.
fn grow_orders(instruments: &mut [Instrument], index: u32) {
    let total: u64 = instruments
        .iter()
        .map(|one| u64::from(one.orders_max))
        .sum();
    let Some(before) = instruments.get(index as usize).map(|one| one.orders_max) else {
        return;
    };
    let peers = instruments
        .iter()
        .filter(|one| one.orders_max <= before)
        .count() as u64;
    let share = (total / 4).saturating_sub(before.into()) / peers;
    for one in instruments
        .iter_mut()
        .filter(|one| one.orders_max <= before)
    {
        one.orders_max = one.orders_max.saturating_add(share as u32);
    }
    let grown = &mut instruments[index as usize].orders_max;
    *grown = grown.saturating_add(before.max(1));
}

/// An ended order is an answer, not an error.
fn open_or_ended(
    answer: Result<(), Error>,
    id: u64,
    fault: impl FnOnce(Status) -> Option<(&'static str, i128)>,
) -> Result<bool, Error> {
    match answer {
        Ok(()) => Ok(true),
        Err(Error::Status(Status::OrderClosed)) => Ok(false),
        Err(error) => Err(error.naming(|status| match status {
            Status::OrderUnknown => Some(("order_id", id.into())),
            _ => fault(status),
        })),
    }
}

/// "All" is a number in C; as the index of an instrument it is none.
fn raw_instrument(instrument: Option<u32>) -> Result<u32, Error> {
    match instrument {
        None => Ok(sys::TKS_INSTRUMENT_ALL),
        Some(sys::TKS_INSTRUMENT_ALL) => Err(Error::Value {
            status: Status::Instrument,
            field: "instrument",
            value: sys::TKS_INSTRUMENT_ALL.into(),
        }),
        Some(index) => Ok(index),
    }
}

fn reason_fault(status: Status, reason: Reason) -> Option<(&'static str, i128)> {
    (status == Status::Reason).then_some(("reason", reason.number().into()))
}

fn instrument_fault(status: Status, instrument: u32) -> Option<(&'static str, i128)> {
    (status == Status::Instrument).then_some(("instrument", instrument.into()))
}

fn config_error(config: &Config, error: Error) -> Error {
    match error {
        Error::Status(status) => config.error(status),
        other => other,
    }
}

/// A zeroed block that an engine of this configuration fits in.
fn block_for(raw: &RawConfig) -> Result<Vec<u64>, Error> {
    let bytes = raw.size()?;
    let words = bytes.div_ceil(8).max(1);
    let layout = Layout::array::<u64>(words).map_err(|_| Error::Memory { bytes })?;
    // SAFETY: the layout has a size above 0.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        return Err(Error::Memory { bytes });
    }
    // SAFETY: the memory comes from the global allocator with the layout of `words` u64, all zero.
    // Not `vec![0; words]`, which ends the process when there is no memory.
    Ok(unsafe { Vec::from_raw_parts(memory.cast(), words, words) })
}

/// `tks_state_config`: what the saved engine was made from, with capacities that just hold it.
fn saved_config(bytes: &[u8]) -> Result<Config, Error> {
    let (count, answer) = read_saved_config(bytes, &mut []);
    if !matches!(answer, Ok(_) | Err(Status::Capacity)) {
        answer?;
    }
    let mut instruments = vec![sys::tks_instrument::default(); count as usize];
    let (_, answer) = read_saved_config(bytes, &mut instruments);
    let config = Config::from_raw(&answer?, &instruments);
    config.ok_or(Status::StateInvalid.into())
}

fn read_saved_config(
    bytes: &[u8],
    instruments: &mut [sys::tks_instrument],
) -> (u32, Result<sys::tks_config, Status>) {
    let mut config = sys::tks_config {
        struct_size: size_of::<sys::tks_config>() as u32,
        flags: 0,
        instrument_count: 0,
        events_max: 0,
        commands_max: 0,
        reserved: 0,
        initial_cash_units: 0,
        latency: 0,
        instruments: ptr::null(),
    };
    let instruments_max = u32::try_from(instruments.len()).unwrap_or(u32::MAX);
    // SAFETY: the bytes come with their length, and `instruments` has `instruments_max` places.
    let status = unsafe {
        sys::tks_state_config(
            bytes.as_ptr().cast(),
            bytes.len(),
            &raw mut config,
            instruments.as_mut_ptr(),
            instruments_max,
        )
    };
    (
        config.instrument_count,
        Status::check(status).map(|()| config),
    )
}

/// Capacities to go on with, rather than such as just hold what was saved.
fn with_room(mut config: Config) -> Config {
    config.events_max = config.events_max.max(EVENTS_START);
    for instrument in &mut config.instruments {
        instrument.orders_max = instrument.orders_max.max(ORDERS_START);
    }
    config
}
