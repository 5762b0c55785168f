//! `_kernel.Engine`: the engine with the exact sizes of its instruments, and the ticks bound to it.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use tickstep::{Columns, Entry, Error, Event, Feed, FloatQty, Reason, Side, Status};

use crate::bar_columns::Source;
use crate::bars::Figures;
use crate::batch::{
    BatchResult, Stop, read_stop_on, run_bare, run_bound, run_schedule, take_shown,
};
use crate::bound::{Bindings, Lead};
use crate::config_numbers::ConfigNumbers;
use crate::convert::{Number, off_grid};
use crate::errors::{Kind, raised, raised_at, raised_batch};
use crate::exclusive::{Exclusive, Turn};
use crate::history::{History, HistoryArrays};
use crate::markets::{Market, Markets};
use crate::order::{OpenOrder, Order, amend_of, named};
use crate::pertick::{run_compiled, run_function};
use crate::signals::{SignalPlan, outcome_columns};
use crate::snapshot::Snapshot;
use crate::ticks::{Tick, TickColumns, column_array, quote_of};

/// A market and an account that step tick by tick; `tickstep.Engine` is made from it.
#[pyclass(frozen, subclass, module = "tickstep._kernel")]
pub struct Engine {
    markets: Markets,
    state: Exclusive<State>,
}

/// Rows taken without a word to Python, at most.
const PIECE_ROWS: u64 = 1 << 16;

/// What came of taking rows of one feed.
#[derive(Default)]
pub struct TakenRows {
    pub rows: u64,
    /// Of the last of them.
    pub time: i64,
    /// Of the feed's next row.
    pub next_time: Option<i64>,
    /// The bar to tell of after the last of them.
    pub bar: Option<Figures>,
    /// Whether the last of them emitted an event that was asked for.
    pub is_stop: bool,
}

/// What calls change.
struct State {
    kernel: tickstep::Engine,
    bound: Bindings,
    lead: Lead,
    /// None where no rows are to be kept.
    history: Option<History>,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (numbers, *, source=None, state=None))]
    fn new(
        py: Python<'_>,
        numbers: ConfigNumbers,
        source: Option<&Bound<'_, Engine>>,
        state: Option<&[u8]>,
    ) -> PyResult<Engine> {
        let markets = numbers.markets(py)?;
        let (kernel, bound) = match (source, state) {
            (Some(source), _) => {
                let source = source.get().turn(py)?;
                let bound = source.bound.copy(py);
                let forked = source.kernel.try_fork();
                (
                    forked.map_err(|error| raised(py, &error, Kind::State))?,
                    bound,
                )
            }
            (None, Some(state)) => (loaded(py, &numbers, state)?, Bindings::default()),
            (None, None) => (made(py, &numbers)?, Bindings::default()),
        };
        let history = (numbers.history > 0).then(|| History::new(numbers.history));
        let state = State {
            kernel,
            bound,
            lead: Lead::default(),
            history,
        };
        Ok(Engine {
            markets,
            state: Exclusive::new(state),
        })
    }

    // Ticks.

    #[pyo3(signature = (
        time, price_ticks, qty_lots, side, instrument=0, bid_ticks=None, ask_ticks=None, /
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "one for each field of a tick, for speed"
    )]
    fn step(
        &self,
        py: Python<'_>,
        time: i64,
        price_ticks: i64,
        qty_lots: i64,
        side: i64,
        instrument: u32,
        bid_ticks: Option<i64>,
        ask_ticks: Option<i64>,
    ) -> PyResult<()> {
        let side = match side {
            0 => Side::Buy,
            1 => Side::Sell,
            other => return Err(side_error(py, other)),
        };
        let tick = tickstep::Tick::new(time, price_ticks, qty_lots, side).instrument(instrument);
        let tick = match quote_of(py, bid_ticks, ask_ticks)? {
            None => tick,
            Some((bid, ask)) => tick.quote(bid, ask),
        };
        self.take(py, &mut *self.turn(py)?, &tick)
    }

    #[pyo3(signature = (tick, /))]
    fn step_tick(&self, py: Python<'_>, tick: &Bound<'_, Tick>) -> PyResult<()> {
        let tick = tick.get();
        let market = self.markets.get(py, tick.instrument_index())?;
        let tick = tick
            .on(&market.scale.lot)
            .map_err(|error| raised_at(py, &error, "qty", Kind::Data))?;
        self.take(py, &mut *self.turn(py)?, &tick)
    }

    #[pyo3(signature = (timestamps, price_ticks, qtys, sides, *, symbol=None, stop_on=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "columns and options of the Python method"
    )]
    fn step_batch_numpy(
        &self,
        py: Python<'_>,
        timestamps: &Bound<'_, PyAny>,
        price_ticks: &Bound<'_, PyAny>,
        qtys: &Bound<'_, PyAny>,
        sides: &Bound<'_, PyAny>,
        symbol: Option<&Bound<'_, PyString>>,
        stop_on: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<BatchResult> {
        // The arrays stay their owner's. Whoever writes to them from another thread during the call
        // gets wrong results, as after a wrong CHECKED flag; nothing outside them is read.
        let instrument = self.markets.index_of(py, symbol, Kind::Data)?;
        let stop_on = read_stop_on(stop_on)?;
        let time = column_array::<i64>(timestamps, "timestamps")?.try_readonly()?;
        let prices = column_array::<i64>(price_ticks, "price_ticks")?.try_readonly()?;
        let sides = column_array::<u8>(sides, "sides")?.try_readonly()?;
        let columns = Columns::new(time.as_slice()?, prices.as_slice()?).side(sides.as_slice()?);
        check_length(py, &columns, "price_ticks", columns.price_ticks.len())?;
        check_length(py, &columns, "sides", sides.as_slice()?.len())?;
        if qtys.cast::<PyArray1<f64>>().is_ok() {
            let units = column_array::<f64>(qtys, "qtys")?.try_readonly()?;
            check_length(py, &columns, "qtys", units.as_slice()?.len())?;
            let grid = self.markets[instrument].scale.lot.floats();
            let qty = FloatQty::new(units.as_slice()?, grid);
            let feed = feed_of(py, instrument, columns)?;
            return run_bare(py, &mut self.turn(py)?.kernel, feed, Some(qty), stop_on);
        }
        let lots = qty_lots(qtys)?.try_readonly()?;
        check_length(py, &columns, "qtys", lots.as_slice()?.len())?;
        let feed = feed_of(py, instrument, columns.qty_lots(lots.as_slice()?))?;
        run_bare(py, &mut self.turn(py)?.kernel, feed, None, stop_on)
    }

    /// Replaces what is bound: rows of (instrument, columns, first row, row after the last).
    fn _bind(
        &self,
        py: Python<'_>,
        bound: Vec<(u32, Py<TickColumns>, usize, usize)>,
    ) -> PyResult<()> {
        let mut state = self.turn(py)?;
        let rules = &state.kernel.config().instruments;
        if let Some((instrument, ..)) = bound.iter().find(|one| one.0 as usize >= rules.len()) {
            return Err(self.markets.missing(py, *instrument));
        }
        let bound = bound
            .into_iter()
            .map(|(instrument, columns, start, end)| (instrument, columns, start..end))
            .collect();
        state.bound = Bindings::new(py, bound, rules)?;
        Ok(())
    }

    /// Goes to other rows of what is bound: of each feed, in order of instruments, how many lie behind.
    fn _seek(&self, py: Python<'_>, taken: Vec<usize>) -> PyResult<()> {
        let mut state = self.turn(py)?;
        if state.bound.seek(&taken) {
            return Ok(());
        }
        let message = format!("{taken:?} rows are not there");
        let hint = "give no more rows for each feed than were bound";
        Err(Kind::State.error(py, &message, hint))
    }

    #[pyo3(signature = (count, until, stop_on))]
    fn _advance(
        &self,
        py: Python<'_>,
        count: Option<i64>,
        until: Option<i64>,
        stop_on: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<BatchResult> {
        let count = count.map(|count| read_count(py, count)).transpose()?;
        let stop_on = read_stop_on(stop_on)?;
        let State { kernel, bound, .. } = &mut *self.bound_turn(py)?;
        run_bound(py, kernel, bound, count, until, stop_on)
            .map_err(|stop| self.stop_error(py, bound, stop))
    }

    fn _run_schedule(&self, py: Python<'_>, orders: &Bound<'_, PyDict>) -> PyResult<BatchResult> {
        let State { kernel, bound, .. } = &mut *self.bound_turn(py)?;
        run_schedule(py, kernel, bound, orders).map_err(|stop| self.stop_error(py, bound, stop))
    }

    /// Runs one set of signals to the ends; tells how many entries were too small to trade.
    fn _run_signals(&self, py: Python<'_>, plan: &SignalPlan, set: usize) -> PyResult<u64> {
        let State { kernel, bound, .. } = &mut *self.bound_turn(py)?;
        plan.check(py, &(set..set + 1), bound.instruments().count())?;
        let done = plan.run(py, kernel, bound.feeds(), set);
        done.map_err(|fault| self.stop_error(py, bound, fault.into()))
    }

    /// What comes of sets of signals, each by itself; the engine stays as it is.
    fn _run_signal_sets<'py>(
        &self,
        py: Python<'py>,
        plan: &SignalPlan,
        first: usize,
        last: usize,
        workers: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let State { kernel, bound, .. } = &mut *self.bound_turn(py)?;
        plan.check(py, &(first..last), bound.instruments().count())?;
        match plan.run_sets(py, kernel, bound.feeds(), first..last, workers) {
            Ok(outcomes) => outcome_columns(py, &outcomes),
            Err((set, fault)) => {
                let error = self.stop_error(py, bound, fault.into());
                error.add_note(py, format!("in set {set}"))?;
                Err(error)
            }
        }
    }

    /// Calls the function at an address for every bound tick.
    fn _run_function(&self, py: Python<'_>, function: usize, state: usize) -> PyResult<()> {
        let State { kernel, bound, .. } = &mut *self.only_feed_turn(py)?;
        run_function(py, kernel, bound.feeds(), (function, state))
            .map_err(|stop| self.stop_error(py, bound, stop))
    }

    /// Runs a loop that looks at the bound ticks itself.
    fn _run_compiled(
        &self,
        py: Python<'_>,
        board: &Bound<'_, PyAny>,
        drive: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let State { kernel, bound, .. } = &mut *self.only_feed_turn(py)?;
        run_compiled(py, kernel, bound.feeds(), board, drive)
            .map_err(|stop| self.stop_error(py, bound, stop))
    }

    // Orders.

    #[pyo3(signature = (order, /))]
    fn place_order(&self, py: Python<'_>, order: &Bound<'_, Order>) -> PyResult<u64> {
        let order = order.get();
        let instrument = self
            .markets
            .index_of(py, order.symbol_name(py), Kind::Order)?;
        let order = order.on(py, instrument, &self.markets[instrument].scale)?;
        let placed = self.turn(py)?.kernel.place(&order);
        placed.map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (order_id, /))]
    fn cancel_order(&self, py: Python<'_>, order_id: i64) -> PyResult<bool> {
        let order_id = read_id(py, order_id)?;
        let cancelled = self.turn(py)?.kernel.cancel(order_id);
        cancelled.map_err(|error| raised(py, &error, Kind::Order))
    }

    fn _cancel_all(&self, py: Python<'_>, instrument: Option<u32>) -> PyResult<()> {
        let cancelled = self.turn(py)?.kernel.cancel_all(instrument);
        cancelled.map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (order_id, /, *, qty=None, price=None, trigger=None, trail=None))]
    fn amend_order(
        &self,
        py: Python<'_>,
        order_id: i64,
        qty: Option<&Bound<'_, PyAny>>,
        price: Option<&Bound<'_, PyAny>>,
        trigger: Option<&Bound<'_, PyAny>>,
        trail: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let order_id = read_id(py, order_id)?;
        let view = self.turn(py)?.kernel.order(order_id);
        let Some(view) = view.map_err(|error| raised(py, &error, Kind::Order))? else {
            return Ok(false);
        };
        let scale = &self.markets[view.order.instrument].scale;
        let amend = amend_of(scale, qty, price, trigger, trail)?;
        let amended = self.turn(py)?.kernel.amend(order_id, &amend);
        amended.map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (order, /, reason=None))]
    fn refuse_order(
        &self,
        py: Python<'_>,
        order: &Bound<'_, Order>,
        reason: Option<&Bound<'_, PyString>>,
    ) -> PyResult<u64> {
        let (order, reason) = (order.get(), refusal(reason)?);
        let instrument = self
            .markets
            .index_of(py, order.symbol_name(py), Kind::Order)?;
        let order = order.on(py, instrument, &self.markets[instrument].scale)?;
        let refused = self.turn(py)?.kernel.refuse(&order, reason);
        refused.map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (
        order_id, /, *, qty=None, price=None, trigger=None, trail=None, reason=None
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "one for each argument of the Python method"
    )]
    fn refuse_amend(
        &self,
        py: Python<'_>,
        order_id: i64,
        qty: Option<&Bound<'_, PyAny>>,
        price: Option<&Bound<'_, PyAny>>,
        trigger: Option<&Bound<'_, PyAny>>,
        trail: Option<&Bound<'_, PyAny>>,
        reason: Option<&Bound<'_, PyString>>,
    ) -> PyResult<bool> {
        let (order_id, reason) = (read_id(py, order_id)?, refusal(reason)?);
        let view = self.turn(py)?.kernel.order(order_id);
        let Some(view) = view.map_err(|error| raised(py, &error, Kind::Order))? else {
            return Ok(false);
        };
        let scale = &self.markets[view.order.instrument].scale;
        let amend = amend_of(scale, qty, price, trigger, trail)?;
        let refused = self.turn(py)?.kernel.refuse_amend(order_id, &amend, reason);
        refused.map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (order_id, /))]
    fn order(&self, py: Python<'_>, order_id: i64) -> PyResult<Option<OpenOrder>> {
        let order_id = read_id(py, order_id)?;
        let view = self.turn(py)?.kernel.order(order_id);
        let view = view.map_err(|error| raised(py, &error, Kind::Order))?;
        Ok(view.map(|view| self.open_order(py, view)))
    }

    #[pyo3(signature = (symbol=None))]
    fn open_orders(
        &self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<Vec<OpenOrder>> {
        let instrument = symbol
            .map(|symbol| self.markets.index_of(py, Some(symbol), Kind::Order))
            .transpose()?;
        let views = self.turn(py)?.kernel.open_orders(instrument);
        let views = views.map_err(|error| raised(py, &error, Kind::Order))?;
        Ok(views
            .into_iter()
            .map(|view| self.open_order(py, view))
            .collect())
    }

    // Account.

    #[pyo3(signature = (kind, amount, *, symbol=None))]
    fn ledger_post(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyString>,
        amount: &Bound<'_, PyAny>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<()> {
        let instrument = match symbol {
            None => 0,
            Some(_) => self.markets.index_of(py, symbol, Kind::Order)?,
        };
        let entry = named(kind, "kind", Entry::ALL, Entry::name)?;
        let number = Number::read(amount, "amount", Kind::Order)?;
        let steps = &self.markets[instrument].scale.money;
        let units = steps
            .floor(number)
            .map_err(|error| off_grid(py, &error, ("amount", number), steps, Kind::Order))?;
        let posted = self.turn(py)?.kernel.ledger_post(instrument, entry, units);
        posted.map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (price, *, symbol=None))]
    fn settle(
        &self,
        py: Python<'_>,
        price: &Bound<'_, PyAny>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<()> {
        let instrument = self.markets.index_of(py, symbol, Kind::Order)?;
        let price_ticks = self.markets.price_ticks(instrument, price)?;
        let settled = self.turn(py)?.kernel.settle_at(instrument, price_ticks);
        settled.map_err(|error| raised(py, &error, Kind::Order))
    }

    /// Prices come by index of the instrument, one for each.
    fn _day_roll(&self, py: Python<'_>, prices: Option<Vec<Bound<'_, PyAny>>>) -> PyResult<()> {
        let price_ticks = |(instrument, price): (u32, &Bound<'_, PyAny>)| {
            self.markets.get(py, instrument)?;
            self.markets.price_ticks(instrument, price)
        };
        let prices: Option<PyResult<Vec<i64>>> =
            prices.map(|prices| (0..).zip(&prices).map(price_ticks).collect());
        let prices = prices.transpose()?;
        let rolled = self.turn(py)?.kernel.day_roll(prices.as_deref());
        rolled.map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (symbol=None))]
    fn get_snapshot(
        &self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<Snapshot> {
        let instrument = self.markets.index_of(py, symbol, Kind::Config)?;
        let exact = self.exact(py, instrument)?;
        let market = &self.markets[instrument];
        Ok(Snapshot::new(
            exact,
            market.scale.clone(),
            market.symbol.clone_ref(py),
        ))
    }

    #[getter]
    fn position(&self, py: Python<'_>) -> PyResult<f64> {
        self.position_of(py, None)
    }

    #[pyo3(signature = (symbol=None))]
    pub fn position_of(
        &self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<f64> {
        let instrument = self.markets.index_of(py, symbol, Kind::Config)?;
        let lots = self.holding_at(py, instrument)?.position_lots;
        Ok(self.markets[instrument].scale.lot.value(lots))
    }

    #[pyo3(signature = (symbol=None))]
    fn price_of(
        &self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<Option<f64>> {
        let instrument = self.markets.index_of(py, symbol, Kind::Config)?;
        let held = self.holding_at(py, instrument)?;
        let price = self.markets[instrument]
            .scale
            .tick
            .value(held.last_price_ticks);
        Ok((held.tick_index >= 0).then_some(price))
    }

    /// Tick index, last price and position of an instrument, as the kernel counts them.
    #[pyo3(signature = (symbol=None))]
    fn holding(
        &self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<(i64, i64, i64)> {
        let instrument = self.markets.index_of(py, symbol, Kind::Config)?;
        let held = self.holding_at(py, instrument)?;
        Ok((held.tick_index, held.last_price_ticks, held.position_lots))
    }

    #[getter]
    fn positions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let positions = PyDict::new(py);
        for (instrument, market) in (0..).zip(self.markets.iter()) {
            let lots = self.holding_at(py, instrument)?.position_lots;
            positions.set_item(&market.symbol, market.scale.lot.value(lots))?;
        }
        Ok(positions)
    }

    #[getter]
    fn equity(&self, py: Python<'_>) -> PyResult<f64> {
        let units = self.exact(py, 0)?.equity_units;
        Ok(self.markets[0].scale.money.value(units))
    }

    #[getter]
    fn time(&self, py: Python<'_>) -> PyResult<i64> {
        Ok(self.holding_at(py, 0)?.time)
    }

    // Answers.

    #[getter]
    fn digest(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.turn(py)?.kernel.event_digest().to_string())
    }

    #[getter]
    fn state_hash(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.turn(py)?.kernel.state_hash().to_string())
    }

    #[getter]
    fn event_count(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.turn(py)?.kernel.events().len())
    }

    /// The events not drained, as bytes.
    #[pyo3(signature = (start=0))]
    fn _event_bytes<'py>(
        &self,
        py: Python<'py>,
        start: usize,
    ) -> PyResult<Bound<'py, PyArray1<u8>>> {
        let mut state = self.turn(py)?;
        let events = state.kernel.events();
        let bytes = bytes_of(&events[start.min(events.len())..]);
        Ok(PyArray1::from_slice(py, bytes))
    }

    /// The events, as bytes; they are no longer kept.
    fn _drained_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<u8>>> {
        let mut state = self.turn(py)?;
        let bytes = PyArray1::from_slice(py, bytes_of(state.kernel.events()));
        state.kernel.clear_events();
        Ok(bytes)
    }

    /// Times, instruments and figures of the history.
    fn _history<'py>(&self, py: Python<'py>) -> PyResult<HistoryArrays<'py>> {
        match &self.turn(py)?.history {
            Some(history) => history.arrays(py),
            None => History::new(0).arrays(py),
        }
    }

    // Copies.

    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        let mut state = self.turn(py)?;
        state.kernel.reset();
        state.bound.rewind();
        if let Some(history) = &mut state.history {
            history.clear();
        }
        Ok(())
    }

    fn _state_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.turn(py)?.kernel.save()))
    }

    /// Index of a symbol; of the one instrument where no symbol is given.
    #[pyo3(signature = (symbol, error=Kind::Config))]
    fn _index_of(
        &self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
        error: Kind,
    ) -> PyResult<u32> {
        self.markets.index_of(py, symbol, error)
    }
}

impl Engine {
    /// The state for one call, with every row taken that a loop was shown.
    #[inline]
    fn turn<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<Turn<'a, 'py, State>> {
        let mut state = self.state.take(py).ok_or_else(|| taken_error(py))?;
        match state.lead.close() {
            0 => {}
            rows => self.catch_up(py, &mut state, rows)?,
        }
        Ok(state)
    }

    /// Takes the rows before the place reached.
    #[cold]
    #[inline(never)]
    fn catch_up(&self, py: Python<'_>, state: &mut State, rows: usize) -> PyResult<()> {
        let State { kernel, bound, .. } = state;
        take_shown(py, kernel, bound, rows).map_err(|stop| self.stop_error(py, bound, stop))
    }

    /// Refuses to run ticks where there are none.
    pub fn check_bound(&self, py: Python<'_>) -> PyResult<()> {
        self.bound_turn(py).map(drop)
    }

    /// The state for a call that runs bound ticks.
    fn bound_turn<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<Turn<'a, 'py, State>> {
        let state = self.turn(py)?;
        if state.bound.is_empty() {
            let hint = "call engine.bind(ticks) first";
            return Err(Kind::State.error(py, "no ticks are bound", hint));
        }
        Ok(state)
    }

    /// The state for a call that runs the ticks of one instrument.
    fn only_feed_turn<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<Turn<'a, 'py, State>> {
        let state = self.bound_turn(py)?;
        match state.bound.instruments().count() {
            1 => Ok(state),
            count => {
                let message = format!("{count} instruments are bound, a native loop takes one");
                Err(Kind::State.error(py, &message, "bind the ticks of one"))
            }
        }
    }

    /// Takes one tick.
    #[inline]
    fn take(&self, py: Python<'_>, state: &mut State, tick: &tickstep::Tick) -> PyResult<()> {
        match state.kernel.step(tick) {
            Ok(()) if state.history.is_none() => Ok(()),
            Ok(()) => self.remember(py, state, tick.instrument),
            Err(error) => Err(self.tick_error(py, &state.kernel, tick, &error)),
        }
    }

    #[cold]
    #[inline(never)]
    fn tick_error(
        &self,
        py: Python<'_>,
        kernel: &tickstep::Engine,
        tick: &tickstep::Tick,
        error: &Error,
    ) -> PyErr {
        match (error.status(), kernel.snapshot(0)) {
            (Some(Status::Instrument), _) => self.markets.missing(py, tick.instrument),
            (Some(Status::TimeBackwards), Ok(exact)) => {
                let clock = format!("the clock is at {}", exact.time);
                raised_at(py, error, &clock, Kind::Data)
            }
            _ => raised(py, error, Kind::Data),
        }
    }

    #[inline(never)]
    fn remember(&self, py: Python<'_>, state: &mut State, instrument: u32) -> PyResult<()> {
        let exact = exact(py, &state.kernel, instrument)?;
        if let Some(history) = &mut state.history {
            history.push(&exact, &self.markets[instrument].scale);
        }
        Ok(())
    }

    fn exact(&self, py: Python<'_>, instrument: u32) -> PyResult<tickstep::Snapshot> {
        exact(py, &self.turn(py)?.kernel, instrument)
    }

    #[inline]
    fn holding_at(&self, py: Python<'_>, instrument: u32) -> PyResult<tickstep::Holding> {
        let held = self.turn(py)?.kernel.holding(instrument);
        held.map_err(|error| raised(py, &error, Kind::Config))
    }

    fn open_order(&self, py: Python<'_>, view: tickstep::OrderView) -> OpenOrder {
        let market = &self.markets[view.order.instrument];
        OpenOrder::new(view, market.scale.clone(), market.symbol.clone_ref(py))
    }

    /// The exception of a run that ended early. Rows are those of the whole columns, also where a
    /// slice of them is bound, and named by the symbols of their feeds.
    #[cold]
    fn stop_error(&self, py: Python<'_>, bound: &Bindings, stop: Stop) -> PyErr {
        let fault = match stop {
            Stop::Python(error) => return error,
            Stop::Batch(fault) => fault,
        };
        let name = |instrument| self.markets[instrument].symbol.to_string();
        let symbols: Vec<String> = bound.instruments().map(name).collect();
        raised_batch(py, &fault, &symbols)
    }

    /// The market of an instrument that is known to exist.
    pub fn market(&self, instrument: u32) -> &Market {
        &self.markets[instrument]
    }

    /// The rules of an instrument.
    pub fn rules(&self, py: Python<'_>, instrument: u32) -> PyResult<tickstep::Instrument> {
        self.markets.get(py, instrument)?;
        let state = self.turn(py)?;
        Ok(state.kernel.config().instruments[instrument as usize].clone())
    }

    /// Time of the next row of a bound feed; none at its end.
    pub fn next_time(&self, py: Python<'_>, feed: usize) -> PyResult<Option<i64>> {
        Ok(self.turn(py)?.bound.next_time(feed))
    }

    /// Takes rows of one instrument up to one that emitted an event of these kinds, or after which
    /// there is a bar to tell of, or before the first that comes after this time and feed.
    #[inline]
    pub fn take_rows(
        &self,
        py: Python<'_>,
        (feed, source): (usize, &mut Source),
        before: Option<(i64, usize)>,
        stop_on: u32,
        seen: &mut u64,
    ) -> PyResult<TakenRows> {
        let mut state = self.turn(py)?;
        let state = &mut *state;
        let mut taken = TakenRows::default();
        loop {
            taken.next_time = match source {
                Source::Bound(bound) => state.bound.next_time(*bound),
                Source::Bars(bars) => bars.next_time(),
            };
            let Some(time) = taken.next_time else {
                return Ok(taken);
            };
            let is_later = before.is_some_and(|before| (time, feed) > before);
            if taken.rows > 0 && (is_later || taken.is_stop || taken.bar.is_some())
                || taken.rows == PIECE_ROWS
            {
                return Ok(taken);
            }
            match source {
                Source::Bound(bound) => {
                    let (tick, _) = state.bound.tick(*bound);
                    self.take(py, state, &tick)?;
                    state.bound.pass(*bound);
                }
                Source::Bars(bars) => {
                    self.take(py, state, &bars.tick())?;
                    taken.bar = bars.pass();
                }
            }
            taken.rows += 1;
            taken.time = time;
            taken.is_stop = state.kernel.may_have_events_after(*seen)
                && kinds_since(state.kernel.events(), seen) & stop_on != 0;
        }
    }

    /// Takes the next bound tick and shows it; none at the end, or from this time on.
    #[inline]
    pub fn take_next(&self, py: Python<'_>, until: i64) -> PyResult<Option<Py<Tick>>> {
        let mut state = self.state.take(py).ok_or_else(|| taken_error(py))?;
        let state = &mut *state;
        let Some(feed) = state.bound.next_feed() else {
            return Ok(None);
        };
        let (tick, row) = state.bound.tick(feed);
        if tick.time >= until {
            return Ok(None);
        }
        if !state.lead.covers(row) {
            self.take(py, state, &tick)?;
            if state.history.is_none() {
                state.lead.after_taken(&state.kernel, &state.bound);
            }
        }
        let market = &self.markets[tick.instrument];
        state.bound.show(py, feed, &tick, market).map(Some)
    }
}

/// Kinds of the events after this sequence, which then is that of the last.
fn kinds_since(events: &[Event], seen: &mut u64) -> u32 {
    let new = events.iter().rev();
    let new = new.take_while(|event| event.sequence > *seen);
    let kinds = new.fold(0, |kinds, event| kinds | 1 << event.kind);
    *seen = events.last().map_or(*seen, |event| event.sequence);
    kinds
}

fn exact(
    py: Python<'_>,
    kernel: &tickstep::Engine,
    instrument: u32,
) -> PyResult<tickstep::Snapshot> {
    kernel
        .snapshot(instrument)
        .map_err(|error| raised(py, &error, Kind::Config))
}

#[cold]
fn taken_error(py: Python<'_>) -> PyErr {
    let message = "the engine is in the midst of another call";
    let hint = "one engine belongs to one thread at a time; engine.fork() makes another";
    Kind::State.error(py, message, hint)
}

fn made(py: Python<'_>, numbers: &ConfigNumbers) -> PyResult<tickstep::Engine> {
    let made = tickstep::Engine::new(&numbers.config(py)?);
    made.map_err(|error| raised(py, &error, Kind::Config))
}

/// An engine from saved bytes, if it was made from the same configuration.
fn loaded(py: Python<'_>, numbers: &ConfigNumbers, state: &[u8]) -> PyResult<tickstep::Engine> {
    let engine = tickstep::Engine::load(state).map_err(|error| raised(py, &error, Kind::State))?;
    let mut saved = engine.config().clone();
    let asked = numbers.config(py)?;
    saved.events_max = asked.events_max;
    saved.commands_max = asked.commands_max;
    for (saved, asked) in saved.instruments.iter_mut().zip(&asked.instruments) {
        saved.orders_max = asked.orders_max;
    }
    if saved == asked {
        return Ok(engine);
    }
    let message = "the saved state belongs to another configuration";
    Err(Kind::State.error(py, message, "the bytes were changed after saving"))
}

/// Ids are above 0, and Python's numbers need not be.
/// Why an order is refused from outside; the kernel knows which reasons it takes.
fn refusal(reason: Option<&Bound<'_, PyString>>) -> PyResult<Reason> {
    reason.map_or(Ok(Reason::RiskLimit), |name| {
        named(name, "reason", Reason::ALL, Reason::name)
    })
}

fn read_id(py: Python<'_>, order_id: i64) -> PyResult<u64> {
    u64::try_from(order_id).map_err(|_| {
        let (status, value) = (Status::OrderUnknown, order_id.into());
        raised(
            py,
            &Error::Value {
                status,
                field: "order_id",
                value,
            },
            Kind::Order,
        )
    })
}

fn read_count(py: Python<'_>, count: i64) -> PyResult<usize> {
    usize::try_from(count).map_err(|_| {
        let message = format!("k is {count}: it must be 0 or more");
        Kind::Data.error(py, &message, "leave k out to run to the end")
    })
}

/// Events as the bytes that they are.
fn bytes_of(events: &[Event]) -> &[u8] {
    // SAFETY: an `Event` is 88 bytes without padding, so each of its bytes is initialised, and the
    // slice has as many bytes as `size_of_val` says.
    unsafe { std::slice::from_raw_parts(events.as_ptr().cast(), size_of_val(events)) }
}

fn feed_of<'a>(py: Python<'_>, instrument: u32, columns: Columns<'a>) -> PyResult<Feed<'a>> {
    Feed::new(instrument, columns).map_err(|error| raised(py, &error, Kind::Data))
}

fn qty_lots<'a, 'py>(qtys: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyArray1<i64>>> {
    if qtys.cast::<PyArray1<i64>>().is_ok() {
        return column_array(qtys, "qtys");
    }
    let class = qtys.get_type().name()?;
    let given = qtys
        .getattr("dtype")
        .map_or_else(|_| class.to_string(), |dtype| dtype.to_string());
    let message = format!("qtys must be an array of float64 (units) or int64 (lots), was {given}");
    let hint = "numpy.ascontiguousarray(qtys, dtype='float64') converts it";
    Err(Kind::Data.error(qtys.py(), &message, hint))
}

fn check_length(py: Python<'_>, columns: &Columns<'_>, name: &str, rows: usize) -> PyResult<()> {
    if rows == columns.len() {
        return Ok(());
    }
    let message = format!("{name} has {rows} rows, timestamps has {}", columns.len());
    Err(Kind::Data.error(py, &message, "give columns of one length"))
}

fn side_error(py: Python<'_>, side: i64) -> PyErr {
    let message = format!("side must be 0 (BUY) or 1 (SELL), was {side}");
    Kind::Data.error(py, &message, "step takes integers; step_tick takes names")
}
