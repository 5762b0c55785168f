//! `_kernel.Engine`: the engine with the exact sizes of its instruments, and the ticks bound to it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use tickstep::{
    Columns, Config, Entry, Error, Event, Feed, FillRule, FloatQty, Instrument, PositionMode,
    QtyRule, Settle, Side, Status,
};

use crate::batch::{
    BatchResult, BoundTicks, Stop, merged_ends, read_stop_on, run_bare, run_bound, run_schedule,
};
use crate::convert::{Number, off_grid};
use crate::cursor::TickPair;
use crate::errors::{Kind, raised, raised_at, raised_batch, raised_row};
use crate::order::{OpenOrder, Order, amend_of, named};
use crate::scale::Scale;
use crate::snapshot::{Snapshot, average_price};
use crate::ticks::{Tick, TickColumns, column_array};

/// What `EngineConfig` hands over: whole numbers of the kernel, and sizes as exact text.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct ConfigNumbers {
    initial_cash_units: i64,
    money_unit: String,
    is_cash_account: bool,
    latency: i64,
    history: usize,
    instruments: Vec<InstrumentNumbers>,
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct InstrumentNumbers {
    symbol: Py<PyString>,
    tick_size: String,
    lot: String,
    units_per_tick_lot: i64,
    fill: String,
    quantity: String,
    settle: String,
    position: String,
    allow_short: bool,
    allow_negative_prices: bool,
    band_ticks: Option<(i64, i64)>,
    spread_ppb: i64,
    maker_fee_ppb: i64,
    taker_fee_ppb: i64,
    maker_fee_units_per_lot: i64,
    taker_fee_units_per_lot: i64,
    fee_min_units: i64,
    participation_ppm: u32,
    qty_step_lots: i64,
    qty_min_lots: i64,
}

impl ConfigNumbers {
    fn config(&self, py: Python<'_>) -> PyResult<Config> {
        let instruments: PyResult<Vec<_>> = self
            .instruments
            .iter()
            .map(|numbers| numbers.instrument(py))
            .collect();
        let mut config = Config::new(self.initial_cash_units, instruments?).latency(self.latency);
        config.cash_account = self.is_cash_account;
        Ok(config)
    }

    fn markets(&self, py: Python<'_>) -> PyResult<Vec<Market>> {
        let market = |one: &InstrumentNumbers| {
            let scale = Scale::new(
                &one.tick_size,
                &one.lot,
                &self.money_unit,
                one.units_per_tick_lot,
            )
            .map_err(|error| raised(py, &error, Kind::Config))?;
            Ok(Market {
                scale: Arc::new(scale),
                symbol: one.symbol.clone_ref(py),
            })
        };
        self.instruments.iter().map(market).collect()
    }
}

impl InstrumentNumbers {
    fn instrument(&self, py: Python<'_>) -> PyResult<Instrument> {
        let mut made = Instrument::new(self.units_per_tick_lot)
            .spread_ppb(self.spread_ppb)
            .fees_ppb(self.maker_fee_ppb, self.taker_fee_ppb)
            .fees_per_lot(self.maker_fee_units_per_lot, self.taker_fee_units_per_lot)
            .fee_min_units(self.fee_min_units)
            .board_lot(self.qty_step_lots, self.qty_min_lots);
        made.fill_rule = chosen(py, &self.fill, FillRule::ALL, FillRule::name)?;
        made.qty_rule = chosen(py, &self.quantity, QtyRule::ALL, QtyRule::name)?;
        made.settle = chosen(py, &self.settle, Settle::ALL, Settle::name)?;
        made.position_mode = chosen(py, &self.position, PositionMode::ALL, PositionMode::name)?;
        made.participation_ppm = self.participation_ppm;
        made.no_short = !self.allow_short;
        made.allow_negative = self.allow_negative_prices;
        made.band_ticks = self.band_ticks;
        Ok(made)
    }
}

/// The member of a list by its name in small letters, as Python writes it.
fn chosen<T: Copy>(
    py: Python<'_>,
    text: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> PyResult<T> {
    let found = all
        .iter()
        .find(|member| name(**member).eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| {
        Kind::Config.error(py, &format!("'{text}' is not known"), "use EngineConfig")
    })
}

/// One instrument as Python names and measures it.
struct Market {
    scale: Arc<Scale>,
    symbol: Py<PyString>,
}

/// One row of `Engine.history`.
struct HistoryRow {
    time: i64,
    instrument: u32,
    values: [f64; 7],
}

/// Rows of the last single ticks, as many as were asked for.
struct History {
    rows: VecDeque<HistoryRow>,
    rows_max: usize,
}

impl History {
    fn push(&mut self, row: HistoryRow) {
        if self.rows.len() == self.rows_max {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
    }
}

/// A market and an account that step tick by tick; `tickstep.Engine` is made from it.
#[pyclass(subclass, module = "tickstep._kernel")]
pub struct Engine {
    /// Never locked: a class of Python must be shareable, an engine is not, and `get_mut` of a
    /// mutex, behind the exclusive borrow that every method has, makes the one out of the other.
    kernel: Mutex<tickstep::Engine>,
    markets: Vec<Market>,
    /// Places of the symbols in `markets`.
    indexes: HashMap<String, u32>,
    bound: Vec<BoundTicks>,
    history: Option<Box<History>>,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (numbers, *, source=None, state=None))]
    fn new(
        py: Python<'_>,
        numbers: ConfigNumbers,
        source: Option<PyRefMut<'_, Engine>>,
        state: Option<&[u8]>,
    ) -> PyResult<Engine> {
        let (kernel, bound) = match (source, state) {
            (Some(mut source), _) => (source.kernel().fork(), source.bound_copy(py)),
            (None, Some(state)) => (loaded(py, &numbers, state)?, Vec::new()),
            (None, None) => {
                let made = tickstep::Engine::new(&numbers.config(py)?);
                (
                    made.map_err(|error| raised(py, &error, Kind::Config))?,
                    Vec::new(),
                )
            }
        };
        let history = (numbers.history > 0).then(|| {
            Box::new(History {
                rows: VecDeque::new(),
                rows_max: numbers.history,
            })
        });
        let markets = numbers.markets(py)?;
        let name = |(market, index): (&Market, u32)| (market.symbol.to_string(), index);
        let indexes = markets.iter().zip(0..).map(name).collect();
        Ok(Engine {
            kernel: Mutex::new(kernel),
            markets,
            indexes,
            bound,
            history,
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
        &mut self,
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
        match (bid_ticks, ask_ticks) {
            (None, None) => self.take(py, &tick),
            (Some(bid), Some(ask)) => self.take(py, &tick.quote(bid, ask)),
            _ => {
                let hint = "give both bid_ticks and ask_ticks, or neither";
                Err(Kind::Data.error(py, "a quote needs a bid and an ask", hint))
            }
        }
    }

    #[pyo3(signature = (tick, /))]
    fn step_tick(&mut self, py: Python<'_>, tick: &Bound<'_, Tick>) -> PyResult<()> {
        let tick = tick.get();
        let index = tick.instrument_index();
        let Some(market) = self.markets.get(index as usize) else {
            return Err(self.no_instrument(py, index));
        };
        let tick = tick.on(&market.scale.lot);
        self.take(
            py,
            &tick.map_err(|error| raised_at(py, &error, "qty", Kind::Data))?,
        )
    }

    #[pyo3(signature = (timestamps, price_ticks, qtys, sides, *, symbol=None, stop_on=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "columns and options of the Python method"
    )]
    fn step_batch_numpy(
        &mut self,
        py: Python<'_>,
        timestamps: &Bound<'_, PyAny>,
        price_ticks: &Bound<'_, PyAny>,
        qtys: &Bound<'_, PyAny>,
        sides: &Bound<'_, PyAny>,
        symbol: Option<&Bound<'_, PyString>>,
        stop_on: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<BatchResult> {
        let instrument = self.index_of(py, symbol, Kind::Data)?;
        let stop_on = read_stop_on(stop_on)?;
        let time = column_array::<i64>(timestamps, "timestamps")?.try_readonly()?;
        let prices = column_array::<i64>(price_ticks, "price_ticks")?.try_readonly()?;
        let sides = column_array::<u8>(sides, "sides")?.try_readonly()?;
        let lengths = [
            ("price_ticks", prices.as_slice()?.len()),
            ("sides", sides.as_slice()?.len()),
        ];
        let columns = Columns::new(time.as_slice()?, prices.as_slice()?).side(sides.as_slice()?);
        check_lengths(py, columns.len(), &lengths)?;
        if let Ok(units) = qtys.cast::<PyArray1<f64>>() {
            let units = column_array::<f64>(units, "qtys")?.try_readonly()?;
            check_lengths(py, columns.len(), &[("qtys", units.as_slice()?.len())])?;
            let grid = self.markets[instrument as usize].scale.lot.floats();
            let qty = FloatQty::new(units.as_slice()?, grid);
            let feed = feed_of(py, instrument, columns)?;
            return run_bare(py, self.kernel(), feed, Some(qty), stop_on);
        }
        let lots = qty_lots(qtys)?.try_readonly()?;
        check_lengths(py, columns.len(), &[("qtys", lots.as_slice()?.len())])?;
        let feed = feed_of(py, instrument, columns.qty_lots(lots.as_slice()?))?;
        run_bare(py, self.kernel(), feed, None, stop_on)
    }

    /// Replaces what is bound: rows of (instrument, columns, first row, row after the last).
    fn _bind(
        &mut self,
        py: Python<'_>,
        bound: Vec<(u32, Py<TickColumns>, usize, usize)>,
    ) -> PyResult<()> {
        let mut next = Vec::with_capacity(bound.len());
        for (instrument, columns, start, end) in bound {
            self.check_columns(py, instrument, columns.get(), start, end)?;
            let shown = TickPair::default();
            next.push(BoundTicks {
                instrument,
                columns,
                start,
                cursor: start,
                end,
                shown,
            });
        }
        self.bound = next;
        Ok(())
    }

    #[pyo3(signature = (count, until, stop_on))]
    fn _advance(
        &mut self,
        py: Python<'_>,
        count: Option<i64>,
        until: Option<i64>,
        stop_on: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<BatchResult> {
        self.check_bound(py)?;
        let count = count.map(|count| read_count(py, count)).transpose()?;
        let stop_on = read_stop_on(stop_on)?;
        let ends = merged_ends(&self.bound, count, until);
        let (kernel, bound) = self.parts();
        run_bound(py, kernel, bound, &ends, stop_on).map_err(|stop| self.stop_error(py, stop))
    }

    fn _run_schedule(
        &mut self,
        py: Python<'_>,
        orders: &Bound<'_, PyDict>,
    ) -> PyResult<BatchResult> {
        self.check_bound(py)?;
        let (kernel, bound) = self.parts();
        run_schedule(py, kernel, bound, orders).map_err(|stop| self.stop_error(py, stop))
    }

    // Orders.

    #[pyo3(signature = (order, /))]
    fn place_order(&mut self, py: Python<'_>, order: &Bound<'_, Order>) -> PyResult<u64> {
        let order = order.get();
        let instrument = self.index_of(py, order.symbol_name(py), Kind::Order)?;
        let order = order.on(py, instrument, &self.markets[instrument as usize].scale)?;
        self.kernel()
            .place(&order)
            .map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (order_id, /))]
    fn cancel_order(&mut self, py: Python<'_>, order_id: i64) -> PyResult<bool> {
        let order_id = read_id(py, order_id)?;
        self.kernel()
            .cancel(order_id)
            .map_err(|error| raised(py, &error, Kind::Order))
    }

    fn _cancel_all(&mut self, py: Python<'_>, instrument: Option<u32>) -> PyResult<()> {
        self.kernel()
            .cancel_all(instrument)
            .map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (order_id, /, *, qty=None, price=None, trigger=None, trail=None))]
    fn amend_order(
        &mut self,
        py: Python<'_>,
        order_id: i64,
        qty: Option<&Bound<'_, PyAny>>,
        price: Option<&Bound<'_, PyAny>>,
        trigger: Option<&Bound<'_, PyAny>>,
        trail: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let order_id = read_id(py, order_id)?;
        let view = self.kernel().order(order_id);
        let Some(view) = view.map_err(|error| raised(py, &error, Kind::Order))? else {
            return Ok(false);
        };
        let scale = &self.markets[view.order.instrument as usize].scale;
        let amend = amend_of(scale, qty, price, trigger, trail)?;
        self.kernel()
            .amend(order_id, &amend)
            .map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (order_id, /))]
    fn order(&mut self, py: Python<'_>, order_id: i64) -> PyResult<Option<OpenOrder>> {
        let view = self.kernel().order(read_id(py, order_id)?);
        let view = view.map_err(|error| raised(py, &error, Kind::Order))?;
        Ok(view.map(|view| self.open_order(py, view)))
    }

    #[pyo3(signature = (symbol=None))]
    fn open_orders(
        &mut self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<Vec<OpenOrder>> {
        let instrument = symbol
            .map(|symbol| self.index_of(py, Some(symbol), Kind::Order))
            .transpose()?;
        let views = self.kernel().open_orders(instrument);
        let views = views.map_err(|error| raised(py, &error, Kind::Order))?;
        Ok(views
            .into_iter()
            .map(|view| self.open_order(py, view))
            .collect())
    }

    // Account.

    #[pyo3(signature = (kind, amount, *, symbol=None))]
    fn ledger_post(
        &mut self,
        py: Python<'_>,
        kind: &Bound<'_, PyString>,
        amount: &Bound<'_, PyAny>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<()> {
        let instrument = match symbol {
            None => 0,
            Some(_) => self.index_of(py, symbol, Kind::Order)?,
        };
        let entry = named(kind, "kind", Entry::ALL, Entry::name)?;
        let number = Number::read(amount, "amount", Kind::Order)?;
        let steps = &self.markets[instrument as usize].scale.money;
        let units = steps
            .floor(number)
            .map_err(|error| off_grid(py, &error, ("amount", number), steps, Kind::Order))?;
        let posted = self.kernel().ledger_post(instrument, entry, units);
        posted.map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (price, *, symbol=None))]
    fn settle(
        &mut self,
        py: Python<'_>,
        price: &Bound<'_, PyAny>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<()> {
        let instrument = self.index_of(py, symbol, Kind::Order)?;
        let price_ticks = self.price_ticks(instrument, price)?;
        let settled = self.kernel().settle_at(instrument, price_ticks);
        settled.map_err(|error| raised(py, &error, Kind::Order))
    }

    fn _day_roll(&mut self, py: Python<'_>, prices: Option<Vec<Bound<'_, PyAny>>>) -> PyResult<()> {
        let price =
            |(index, price): (usize, &Bound<'_, PyAny>)| self.price_ticks(index as u32, price);
        let prices: Option<PyResult<Vec<i64>>> =
            prices.map(|prices| prices.iter().enumerate().map(price).collect());
        let prices = prices.transpose()?;
        let rolled = self.kernel().day_roll(prices.as_deref());
        rolled.map_err(|error| raised(py, &error, Kind::Order))
    }

    #[pyo3(signature = (symbol=None))]
    fn get_snapshot(
        &mut self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
    ) -> PyResult<Snapshot> {
        let instrument = self.index_of(py, symbol, Kind::Config)?;
        let exact = self.exact(py, instrument)?;
        let Market { scale, symbol } = &self.markets[instrument as usize];
        Ok(Snapshot::new(exact, scale.clone(), symbol.clone_ref(py)))
    }

    #[getter]
    fn position(&mut self, py: Python<'_>) -> PyResult<f64> {
        let instrument = self.index_of(py, None, Kind::Config)?;
        let lots = self.exact(py, instrument)?.position_lots;
        Ok(self.markets[instrument as usize].scale.lot.value(lots))
    }

    #[getter]
    fn equity(&mut self, py: Python<'_>) -> PyResult<f64> {
        let units = self.exact(py, 0)?.equity_units;
        Ok(self.markets[0].scale.money.value(units))
    }

    #[getter]
    fn time(&mut self, py: Python<'_>) -> PyResult<i64> {
        Ok(self.exact(py, 0)?.time)
    }

    // Answers.

    #[getter]
    fn digest(&mut self) -> String {
        self.kernel().event_digest().to_string()
    }

    #[getter]
    fn state_hash(&mut self) -> String {
        self.kernel().state_hash().to_string()
    }

    #[getter]
    fn event_count(&mut self) -> usize {
        self.kernel().events().len()
    }

    /// The events not drained, as bytes.
    #[pyo3(signature = (start=0))]
    fn _event_bytes<'py>(&mut self, py: Python<'py>, start: usize) -> Bound<'py, PyArray1<u8>> {
        let events = self.kernel().events();
        PyArray1::from_slice(py, bytes_of(&events[start.min(events.len())..]))
    }

    /// The events, as bytes; they are no longer kept.
    fn _drained_bytes<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyArray1<u8>> {
        let bytes = PyArray1::from_slice(py, bytes_of(self.kernel().events()));
        self.kernel().clear_events();
        bytes
    }

    /// Times, instruments and figures of the history.
    #[expect(clippy::type_complexity, reason = "three arrays")]
    fn _history<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(
        Bound<'py, PyArray1<i64>>,
        Bound<'py, PyArray1<u32>>,
        Bound<'py, PyArray2<f64>>,
    )> {
        let rows: Vec<&HistoryRow> = self
            .history
            .iter()
            .flat_map(|history| history.rows.iter())
            .collect();
        let values: Vec<f64> = rows.iter().flat_map(|row| row.values).collect();
        Ok((
            PyArray1::from_iter(py, rows.iter().map(|row| row.time)),
            PyArray1::from_iter(py, rows.iter().map(|row| row.instrument)),
            PyArray1::from_vec(py, values).reshape([rows.len(), 7])?,
        ))
    }

    // Copies.

    fn reset(&mut self) {
        self.kernel().reset();
        for one in &mut self.bound {
            one.cursor = one.start;
        }
        if let Some(history) = &mut self.history {
            history.rows.clear();
        }
    }

    fn _state_bytes<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.kernel().save())
    }

    /// Index of a symbol; of the one instrument where no symbol is given.
    #[pyo3(signature = (symbol, error=Kind::Config))]
    fn _index_of(
        &self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
        error: Kind,
    ) -> PyResult<u32> {
        self.index_of(py, symbol, error)
    }
}

impl Engine {
    #[inline]
    fn kernel(&mut self) -> &mut tickstep::Engine {
        self.kernel
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn parts(&mut self) -> (&mut tickstep::Engine, &mut [BoundTicks]) {
        (
            self.kernel
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
            &mut self.bound,
        )
    }

    /// Takes one tick.
    #[inline]
    fn take(&mut self, py: Python<'_>, tick: &tickstep::Tick) -> PyResult<()> {
        match self.kernel().step(tick) {
            Ok(()) if self.history.is_none() => Ok(()),
            Ok(()) => self.remember(py, tick.instrument),
            Err(error) => Err(self.tick_error(py, tick, &error)),
        }
    }

    #[cold]
    fn tick_error(&mut self, py: Python<'_>, tick: &tickstep::Tick, error: &Error) -> PyErr {
        match (error.status(), self.exact(py, 0)) {
            (Some(Status::Instrument), _) => self.no_instrument(py, tick.instrument),
            (Some(Status::TimeBackwards), Ok(exact)) => raised_at(
                py,
                error,
                &format!("the clock is at {}", exact.time),
                Kind::Data,
            ),
            _ => raised(py, error, Kind::Data),
        }
    }

    fn remember(&mut self, py: Python<'_>, instrument: u32) -> PyResult<()> {
        let exact = self.exact(py, instrument)?;
        let scale = &self.markets[instrument as usize].scale;
        let money = |units: i64| scale.money.value(units);
        let values = [
            money(exact.cash_units),
            scale.lot.value(exact.position_lots),
            average_price(&exact, scale),
            money(exact.realized_units),
            money(exact.unrealized_units),
            money(exact.equity_units),
            money(exact.fees_units),
        ];
        if let Some(history) = &mut self.history {
            history.push(HistoryRow {
                time: exact.time,
                instrument,
                values,
            });
        }
        Ok(())
    }

    fn exact(&mut self, py: Python<'_>, instrument: u32) -> PyResult<tickstep::Snapshot> {
        self.kernel()
            .snapshot(instrument)
            .map_err(|error| raised(py, &error, Kind::Config))
    }

    fn index_of(
        &self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
        kind: Kind,
    ) -> PyResult<u32> {
        let Some(symbol) = symbol else {
            if self.markets.len() == 1 {
                return Ok(0);
            }
            let message = format!("the engine has {} instruments", self.markets.len());
            return Err(kind.error(py, &message, "say which with symbol=..."));
        };
        if let Some(index) = self.indexes.get(symbol.to_str()?) {
            return Ok(*index);
        }
        let symbols: Vec<String> = self
            .markets
            .iter()
            .take(20)
            .map(|market| market.symbol.to_string())
            .collect();
        let hint = format!("the engine trades {}", symbols.join(", "));
        Err(kind.error(
            py,
            &format!("the engine has no instrument '{symbol}'"),
            &hint,
        ))
    }

    fn no_instrument(&self, py: Python<'_>, index: u32) -> PyErr {
        let count = self.markets.len();
        let message = format!("instrument {index} must be below {count}");
        Kind::Data.error(
            py,
            &message,
            "engine.symbols lists the instruments in order",
        )
    }

    fn price_ticks(&self, instrument: u32, price: &Bound<'_, PyAny>) -> PyResult<i64> {
        let number = Number::read(price, "price", Kind::Order)?;
        let steps = &self.markets[instrument as usize].scale.tick;
        let index = steps.index(number);
        index.map_err(|error| off_grid(price.py(), &error, ("price", number), steps, Kind::Order))
    }

    fn open_order(&self, py: Python<'_>, view: tickstep::OrderView) -> OpenOrder {
        let Market { scale, symbol } = &self.markets[view.order.instrument as usize];
        OpenOrder::new(view, scale.clone(), symbol.clone_ref(py))
    }

    /// Refuses to run ticks where there are none.
    pub fn check_bound(&self, py: Python<'_>) -> PyResult<()> {
        if self.bound.is_empty() {
            return Err(Kind::State.error(
                py,
                "no ticks are bound",
                "call engine.bind(ticks) first",
            ));
        }
        Ok(())
    }

    /// Columns whose prices were checked less strictly than the instrument asks are checked again.
    fn check_columns(
        &mut self,
        py: Python<'_>,
        instrument: u32,
        columns: &TickColumns,
        start: usize,
        end: usize,
    ) -> PyResult<()> {
        let Some(rules) = self
            .kernel()
            .config()
            .instruments
            .get(instrument as usize)
            .cloned()
        else {
            return Err(self.no_instrument(py, instrument));
        };
        let feed = columns.feed(instrument, &rules, start, end);
        let feed = feed.map_err(|error| raised(py, &error, Kind::Data))?;
        if columns.is_checked_for(&rules) {
            return Ok(());
        }
        feed.checked(&rules)
            .map(drop)
            .map_err(|fault| raised_row(py, &fault))
    }

    /// The exception of a run that ended early; rows are named by the symbols of their feeds.
    #[cold]
    fn stop_error(&self, py: Python<'_>, stop: Stop) -> PyErr {
        let fault = match stop {
            Stop::Python(error) => return error,
            Stop::Batch(fault) => fault,
        };
        let name = |one: &BoundTicks| self.markets[one.instrument as usize].symbol.to_string();
        let symbols: Vec<String> = self.bound.iter().map(name).collect();
        raised_batch(py, &fault, &symbols)
    }

    fn bound_copy(&self, py: Python<'_>) -> Vec<BoundTicks> {
        let copy = |one: &BoundTicks| BoundTicks {
            instrument: one.instrument,
            columns: one.columns.clone_ref(py),
            start: one.start,
            cursor: one.cursor,
            end: one.end,
            shown: TickPair::default(),
        };
        self.bound.iter().map(copy).collect()
    }

    /// Takes the next bound tick and shows it; none at the end.
    #[inline]
    pub fn take_next(&mut self, py: Python<'_>) -> PyResult<Option<Py<Tick>>> {
        let Some(feed) = self.next_feed() else {
            return Ok(None);
        };
        let one = &self.bound[feed];
        let tick = one.columns.get().row(one.cursor, one.instrument);
        self.take(py, &tick)?;
        let one = &mut self.bound[feed];
        one.cursor += 1;
        one.shown
            .show(py, &tick, &self.markets[one.instrument as usize].scale.lot)
            .map(Some)
    }

    /// The feed with the earliest tick; of equal times the one with the lowest instrument.
    #[inline]
    fn next_feed(&self) -> Option<usize> {
        if let [one] = self.bound.as_slice() {
            return (one.cursor < one.end).then_some(0);
        }
        let open = self
            .bound
            .iter()
            .enumerate()
            .filter(|(_, one)| one.cursor < one.end);
        // `min_by_key` takes the first of equals, and the feeds are in order of instruments.
        open.min_by_key(|(_, one)| one.columns.get().times()[one.cursor])
            .map(|(index, _)| index)
    }
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

fn check_lengths(py: Python<'_>, expected: usize, columns: &[(&str, usize)]) -> PyResult<()> {
    for (name, rows) in columns {
        if *rows != expected {
            let message = format!("{name} has {rows} rows, timestamps has {expected}");
            return Err(Kind::Data.error(py, &message, "give columns of one length"));
        }
    }
    Ok(())
}

fn side_error(py: Python<'_>, side: i64) -> PyErr {
    let message = format!("side must be 0 (BUY) or 1 (SELL), was {side}");
    Kind::Data.error(py, &message, "step takes integers; step_tick takes names")
}
