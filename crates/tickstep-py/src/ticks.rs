//! Single ticks, and columns of checked ticks that engines read in place.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering::Relaxed};

use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use tickstep::{Columns, Decimal, Error, Feed, Instrument, RowError, Side, ZoneMap};

use crate::convert::{Grid, Number, Steps};
use crate::errors::{Kind, raised, raised_at, raised_row};
use crate::reuse::Reused;

/// How the quantity of a tick is given.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// `Tick::qty` holds the bits of a float, in units of the instrument.
    Float,
    /// `Tick::qty` holds the digits of a decimal with so many decimals.
    Exact(u8),
    /// `Tick::qty` counts lots, of the size in `Extra`.
    Lots,
}

/// What few ticks have. Kept apart so that a list of plain ticks stays small: reading the objects
/// from memory is what stepping through a long list costs.
struct Extra {
    lot: Option<Steps>,
    /// Of ticks that a loop shows: what their price is counted in, and of what they are.
    market: Option<(Steps, Py<PyString>)>,
    quote: Option<(AtomicI64, AtomicI64)>,
}

// The fields are atomics because a cursor writes the next tick into an object that only it holds;
// for everybody who can see the object it never changes.
/// One trade of the market.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct Tick {
    time: AtomicI64,
    price_ticks: AtomicI64,
    qty: AtomicI64,
    extra: Option<Box<Extra>>,
    instrument: u32,
    side: AtomicU8,
    form: Form,
}

#[pymethods]
impl Tick {
    #[new]
    #[pyo3(signature = (
        ts_ms, price_tick_i64, qty, side, *, instrument=0, bid_ticks=None, ask_ticks=None
    ))]
    fn new(
        ts_ms: i64,
        price_tick_i64: i64,
        qty: &Bound<'_, PyAny>,
        side: &Bound<'_, PyAny>,
        instrument: u32,
        bid_ticks: Option<i64>,
        ask_ticks: Option<i64>,
    ) -> PyResult<Tick> {
        let py = qty.py();
        let (qty, form) = read_qty(qty)?;
        let quote = quote_of(py, bid_ticks, ask_ticks)?;
        let extra = quote.map(|(bid, ask)| {
            Box::new(Extra {
                lot: None,
                market: None,
                quote: Some((bid.into(), ask.into())),
            })
        });
        Ok(Tick {
            time: ts_ms.into(),
            price_ticks: price_tick_i64.into(),
            qty: qty.into(),
            extra,
            instrument,
            side: read_side(side, Kind::Data)?.number().into(),
            form,
        })
    }

    #[getter]
    fn ts_ms(&self) -> i64 {
        self.time.load(Relaxed)
    }

    #[getter]
    fn time(&self) -> i64 {
        self.time.load(Relaxed)
    }

    #[getter]
    fn price_tick_i64(&self) -> i64 {
        self.price_ticks.load(Relaxed)
    }

    #[getter]
    fn price_ticks(&self) -> i64 {
        self.price_ticks.load(Relaxed)
    }

    #[getter]
    fn price(&self) -> Option<f64> {
        let (tick, _) = self.extra.as_ref()?.market.as_ref()?;
        Some(tick.value(self.price_ticks()))
    }

    #[getter]
    fn symbol(&self, py: Python<'_>) -> Option<Py<PyString>> {
        let (_, symbol) = self.extra.as_ref()?.market.as_ref()?;
        Some(symbol.clone_ref(py))
    }

    #[getter]
    fn qty(&self) -> f64 {
        let qty = self.qty.load(Relaxed);
        match (self.form, self.lot()) {
            (Form::Float, _) => f64::from_bits(qty as u64),
            (Form::Lots, Some(lot)) => lot.value(qty),
            _ => self.exact_qty().map_or(f64::NAN, Decimal::to_f64),
        }
    }

    #[getter]
    fn side(&self) -> &'static str {
        self.aggressor().name()
    }

    #[getter]
    fn instrument(&self) -> u32 {
        self.instrument
    }

    #[getter]
    fn bid_ticks(&self) -> Option<i64> {
        self.quote().map(|(bid, _)| bid.load(Relaxed))
    }

    #[getter]
    fn ask_ticks(&self) -> Option<i64> {
        self.quote().map(|(_, ask)| ask.load(Relaxed))
    }

    fn __eq__(&self, other: &Tick) -> bool {
        self.key() == other.key() && self.qty() == other.qty()
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        // Adding 0.0 makes -0.0, which equals it, hash the same.
        (self.key(), (self.qty() + 0.0).to_bits()).hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        let (time, price, qty, side) = (self.time(), self.price_ticks(), self.qty(), self.side());
        format!("Tick(ts_ms={time}, price_tick_i64={price}, qty={qty:?}, side='{side}')")
    }

    /// A tick that somebody holds never changes.
    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let (py, tick) = (slf.py(), slf.get());
        let shown = tick.extra.as_ref().and_then(|extra| {
            let (price, symbol) = extra.market.as_ref()?;
            Some((extra.lot?, *price, symbol.clone_ref(py)))
        });
        let Some((lot, price, symbol)) = shown else {
            let made = py.import("copyreg")?.getattr("__newobj_ex__")?;
            let (places, named) = tick.__getnewargs_ex__(py)?;
            return Ok((made, (slf.get_type(), places, named).into_pyobject(py)?));
        };
        // What a loop shows knows its symbol and price, and counts in lots.
        let numbers = (
            tick.time(),
            tick.price_ticks(),
            tick.qty.load(Relaxed),
            tick.side.load(Relaxed),
            tick.instrument,
            tick.quote()
                .map(|(bid, ask)| (bid.load(Relaxed), ask.load(Relaxed))),
        );
        let market = (Grid::of(lot), Grid::of(price), symbol);
        let made = py.import("tickstep._kernel")?.getattr("shown_tick")?;
        Ok((made, (numbers, market).into_pyobject(py)?))
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let qty = match self.form {
            Form::Float => Number::Float(self.qty()),
            Form::Exact(_) | Form::Lots => Number::Exact(
                self.exact_qty()
                    .map_err(|error| raised_at(py, &error, "qty", Kind::Data))?,
            ),
        };
        let fields = (
            self.time(),
            self.price_ticks(),
            qty.to_python(py)?,
            self.side(),
        );
        let named = PyDict::new(py);
        named.set_item("instrument", self.instrument)?;
        named.set_item("bid_ticks", self.bid_ticks())?;
        named.set_item("ask_ticks", self.ask_ticks())?;
        Ok((fields.into_pyobject(py)?, named))
    }
}

impl Tick {
    fn aggressor(&self) -> Side {
        if self.side.load(Relaxed) == Side::Buy.number() {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    fn key(&self) -> (i64, i64, Option<i64>, Option<i64>, u8, u32) {
        (
            self.time(),
            self.price_ticks(),
            self.bid_ticks(),
            self.ask_ticks(),
            self.side.load(Relaxed),
            self.instrument,
        )
    }

    fn lot(&self) -> Option<&Steps> {
        self.extra.as_ref()?.lot.as_ref()
    }

    fn quote(&self) -> Option<&(AtomicI64, AtomicI64)> {
        self.extra.as_ref()?.quote.as_ref()
    }

    /// The quantity of a tick that was not given as a float.
    fn exact_qty(&self) -> Result<Decimal, Error> {
        let qty = self.qty.load(Relaxed);
        match (self.form, self.lot()) {
            (Form::Lots, Some(lot)) => lot.decimal(qty),
            (Form::Exact(scale), _) => Decimal::new(qty.into(), scale.into()),
            _ => Decimal::new(0, 0),
        }
    }

    /// Index of the instrument.
    pub fn instrument_index(&self) -> u32 {
        self.instrument
    }

    /// The tick as the kernel takes it, on the lots of an instrument.
    #[inline]
    pub fn on(&self, lot: &Steps) -> Result<tickstep::Tick, Error> {
        let qty = self.qty.load(Relaxed);
        let lots = match self.form {
            Form::Float => lot.index(Number::Float(f64::from_bits(qty as u64)))?,
            Form::Lots if self.lot() == Some(lot) => qty,
            Form::Exact(_) | Form::Lots => lot.index(Number::Exact(self.exact_qty()?))?,
        };
        let price_ticks = self.price_ticks.load(Relaxed);
        let tick =
            tickstep::Tick::new(self.time.load(Relaxed), price_ticks, lots, self.aggressor())
                .instrument(self.instrument);
        Ok(match self.quote() {
            None => tick,
            Some((bid, ask)) => tick.quote(bid.load(Relaxed), ask.load(Relaxed)),
        })
    }

    /// A tick of a column, in lots of this size, and in ticks of one where they are known.
    pub fn of_lots(
        tick: &tickstep::Tick,
        lot: Steps,
        market: Option<(Steps, Py<PyString>)>,
    ) -> Tick {
        let quote = tick
            .is_quoted()
            .then(|| (tick.bid_ticks.into(), tick.ask_ticks.into()));
        Tick {
            time: tick.time.into(),
            price_ticks: tick.price_ticks.into(),
            qty: tick.qty_lots.into(),
            extra: Some(Box::new(Extra {
                lot: Some(lot),
                market,
                quote,
            })),
            instrument: tick.instrument,
            side: tick.side.number().into(),
            form: Form::Lots,
        }
    }
}

/// Whole numbers of a tick: time, price, lots, side, instrument, bid and ask.
type Numbers = (i64, i64, i64, u8, u32, Option<(i64, i64)>);

/// A tick as a loop shows it, read back: its numbers; lot, step of its price, symbol.
#[pyfunction]
pub fn shown_tick(numbers: Numbers, market: (Py<Grid>, Py<Grid>, Py<PyString>)) -> PyResult<Tick> {
    let (time, price_ticks, lots, side, instrument, quote) = numbers;
    let (lot, price, symbol) = market;
    let side = Side::from_number(side).ok_or_else(|| PyTypeError::new_err("no such side"))?;
    let tick = tickstep::Tick::new(time, price_ticks, lots, side).instrument(instrument);
    let tick = match quote {
        None => tick,
        Some((bid, ask)) => tick.quote(bid, ask),
    };
    let market = (price.get().steps(), symbol);
    Ok(Tick::of_lots(&tick, lot.get().steps(), Some(market)))
}

impl Reused for Tick {
    type Value = tickstep::Tick;

    #[inline]
    fn write(&self, tick: &tickstep::Tick) {
        self.time.store(tick.time, Relaxed);
        self.price_ticks.store(tick.price_ticks, Relaxed);
        self.qty.store(tick.qty_lots, Relaxed);
        self.side.store(tick.side.number(), Relaxed);
        if tick.is_quoted() {
            if let Some((bid, ask)) = self.quote() {
                bid.store(tick.bid_ticks, Relaxed);
                ask.store(tick.ask_ticks, Relaxed);
            }
        }
    }
}

/// Bid and ask, which come together or not at all.
#[inline]
pub fn quote_of<T>(py: Python<'_>, bid: Option<T>, ask: Option<T>) -> PyResult<Option<(T, T)>> {
    match (bid, ask) {
        (None, None) => Ok(None),
        (Some(bid), Some(ask)) => Ok(Some((bid, ask))),
        (bid, _) => {
            let (given, missing) = if bid.is_some() {
                ("bid_ticks", "ask_ticks")
            } else {
                ("ask_ticks", "bid_ticks")
            };
            let message = format!("a quote needs a bid and an ask; {missing} is not given");
            let hint = format!("give {missing} too, or leave {given} out");
            Err(Kind::Data.error(py, &message, &hint))
        }
    }
}

fn read_qty(value: &Bound<'_, PyAny>) -> PyResult<(i64, Form)> {
    let exact = match Number::read(value, "qty", Kind::Data)? {
        Number::Float(float) => return Ok((float.to_bits() as i64, Form::Float)),
        Number::Whole(whole) => return Ok((whole, Form::Exact(0))),
        Number::Exact(decimal) => decimal,
    };
    match (i64::try_from(exact.mantissa()), u8::try_from(exact.scale())) {
        (Ok(digits), Ok(scale)) => Ok((digits, Form::Exact(scale))),
        _ => {
            let message = format!("qty {exact} has more digits than a quantity can");
            Err(Kind::Data.error(value.py(), &message, "give at most 18 digits"))
        }
    }
}

/// A side by its name.
pub fn read_side(value: &Bound<'_, PyAny>, kind: Kind) -> PyResult<Side> {
    if let Ok(name) = value.cast::<PyString>() {
        let name = name.to_str()?;
        if let Some(side) = Side::ALL.iter().find(|side| side.name() == name) {
            return Ok(*side);
        }
    }
    let message = format!("side {} is not known", value.repr()?);
    Err(kind.error(value.py(), &message, "side is 'BUY' or 'SELL'"))
}

/// Added to the side of a row with a range: it continues the row before.
const SIDE_CONTINUES: u8 = 2;

/// A read-only array, kept alive and addressed directly.
pub struct Column<T> {
    array: Py<PyArray1<T>>,
    data: *const T,
    rows: usize,
}

// SAFETY: `data` points to the `rows` elements of `array`, which lives as long as this. Nobody writes
// to them: `Column::new` has seen that neither the array nor one that it is a view of can be written
// to, and who makes one writable again breaks the promise of the flag. So sharing is sharing a slice.
unsafe impl<T: Sync> Send for Column<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Column<T> {}

impl<T: numpy::Element> Column<T> {
    pub fn new(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Column<T>> {
        let array = column_array::<T>(value, name)?;
        if !is_frozen(array.as_any())? {
            let message = format!("{name} can be written to: give a read-only array, or a copy");
            return Err(PyTypeError::new_err(message));
        }
        Ok(Column {
            data: array.data().cast_const(),
            rows: array.len(),
            array: array.clone().unbind(),
        })
    }

    pub fn as_slice(&self) -> &[T] {
        // SAFETY: see `Send`: the elements are there, contiguous, and not written to.
        unsafe { std::slice::from_raw_parts(self.data, self.rows) }
    }

    /// The array that it reads.
    pub fn array(&self) -> &Py<PyArray1<T>> {
        &self.array
    }

    fn bytes(&self) -> usize {
        self.rows * size_of::<T>()
    }
}

impl<T: numpy::Element> AsRef<[T]> for Column<T> {
    fn as_ref(&self) -> &[T] {
        self.as_slice()
    }
}

/// Whether nobody can write to an array, by itself or by an array that it is a view of. The `numpy`
/// crate does not tell.
fn is_frozen(array: &Bound<'_, PyAny>) -> PyResult<bool> {
    let mut array = array.clone();
    while let Ok(one) = array.cast::<PyUntypedArray>() {
        if one.getattr("flags")?.getattr("writeable")?.is_truthy()? {
            return Ok(false);
        }
        array = one.getattr("base")?;
    }
    Ok(true)
}

/// An array of exactly this type, one-dimensional and contiguous: read in place or not at all.
pub fn column_array<'a, 'py, T: numpy::Element>(
    value: &'a Bound<'py, PyAny>,
    name: &str,
) -> PyResult<&'a Bound<'py, PyArray1<T>>> {
    let py = value.py();
    let Ok(array) = value.cast::<PyArray1<T>>() else {
        let wanted = T::get_dtype(py).str()?;
        let message = format!(
            "{name} must be a one-dimensional array of {wanted}, was {}",
            shape_of(value)?
        );
        let hint = format!("numpy.ascontiguousarray({name}, dtype='{wanted}') converts it");
        return Err(Kind::Data.error(py, &message, &hint));
    };
    if !array.is_c_contiguous() || !array.is_aligned() {
        let message = format!("{name} is not contiguous, or not aligned");
        let hint = format!("numpy.require({name}, requirements='CA') copies it");
        return Err(Kind::Data.error(py, &message, &hint));
    }
    Ok(array)
}

fn shape_of(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let class = value.get_type().name()?;
    match (value.getattr("dtype"), value.getattr("ndim")) {
        (Ok(dtype), Ok(dimensions)) => Ok(format!("{class} of {dtype} with {dimensions} axes")),
        _ => Ok(class.to_string()),
    }
}

/// Two columns of prices.
type LowHigh<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

/// The columns of `tickstep.Ticks`.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct TickColumns {
    time: Column<i64>,
    price_ticks: Column<i64>,
    qty_lots: Column<i64>,
    side: Column<u8>,
    quotes: Option<(Column<i64>, Column<i64>)>,
    /// Whether the quotes are lows and highs.
    has_ranges: bool,
    zone_map: ZoneMap,
    allow_negative_prices: bool,
}

#[pymethods]
impl TickColumns {
    #[new]
    #[pyo3(signature = (
        time, price_ticks, qty_lots, side, bid_ticks, ask_ticks, allow_negative_prices,
        has_ranges=false
    ))]
    #[expect(clippy::too_many_arguments, reason = "the columns")]
    fn new(
        time: &Bound<'_, PyAny>,
        price_ticks: &Bound<'_, PyAny>,
        qty_lots: &Bound<'_, PyAny>,
        side: &Bound<'_, PyAny>,
        bid_ticks: Option<&Bound<'_, PyAny>>,
        ask_ticks: Option<&Bound<'_, PyAny>>,
        allow_negative_prices: bool,
        has_ranges: bool,
    ) -> PyResult<TickColumns> {
        let py = time.py();
        let quotes = quote_of(py, bid_ticks, ask_ticks)?;
        let no_map = ZoneMap::build(&[]).map_err(|fault| raised(py, &fault, Kind::Data))?;
        let mut columns = TickColumns {
            time: Column::new(time, "time")?,
            price_ticks: Column::new(price_ticks, "price_ticks")?,
            qty_lots: Column::new(qty_lots, "qty_lots")?,
            side: Column::new(side, "side")?,
            quotes: quotes.map(quote_columns).transpose()?,
            has_ranges,
            zone_map: no_map,
            allow_negative_prices,
        };
        let zone_map = py.detach(|| columns.checked_map());
        columns.zone_map = zone_map.map_err(|fault| raised_row(py, &fault))?;
        Ok(columns)
    }

    /// Columns that were checked before and are not read now. Where no zone map is given, the prices
    /// are read to make one.
    #[staticmethod]
    #[pyo3(signature = (
        time, price_ticks, qty_lots, side, bid_ticks, ask_ticks, allow_negative_prices, zone_map
    ))]
    #[expect(clippy::too_many_arguments, reason = "the columns, as in `new`")]
    fn assumed(
        time: &Bound<'_, PyAny>,
        price_ticks: &Bound<'_, PyAny>,
        qty_lots: &Bound<'_, PyAny>,
        side: &Bound<'_, PyAny>,
        bid_ticks: Option<&Bound<'_, PyAny>>,
        ask_ticks: Option<&Bound<'_, PyAny>>,
        allow_negative_prices: bool,
        zone_map: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<TickColumns> {
        let py = time.py();
        let price_ticks = Column::<i64>::new(price_ticks, "price_ticks")?;
        let zone_map = match zone_map {
            Some(words) => {
                let words = Column::<u64>::new(words, "zone_map")?;
                ZoneMap::from_words(Arc::new(words), price_ticks.rows)
            }
            None => py.detach(|| ZoneMap::build(price_ticks.as_slice())),
        };
        let quotes = quote_of(py, bid_ticks, ask_ticks)?;
        let columns = TickColumns {
            time: Column::new(time, "time")?,
            qty_lots: Column::new(qty_lots, "qty_lots")?,
            side: Column::new(side, "side")?,
            quotes: quotes.map(quote_columns).transpose()?,
            has_ranges: false,
            zone_map: zone_map.map_err(|fault| raised(py, &fault, Kind::Data))?,
            price_ticks,
            allow_negative_prices,
        };
        // Lengths are what memory safety rests on; values that broke a rule would only be wrong.
        Feed::new(0, columns.columns()).map_err(|fault| raised(py, &fault, Kind::Data))?;
        Ok(columns)
    }

    /// Checks all rows as if nothing had been checked before, and tells whether the zone map is that
    /// of the prices.
    fn verify(&self, py: Python<'_>) -> PyResult<bool> {
        let built = py.detach(|| self.checked_map());
        let built = built.map_err(|fault| raised_row(py, &fault))?;
        Ok(built.words() == self.zone_map.words())
    }

    /// The words of the zone map, read-only and in place.
    #[getter]
    fn zone_map<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyArray1<u64>>> {
        let words = slf.get().zone_map.words();
        // SAFETY: the words stay where they are as long as the columns, which the array keeps.
        unsafe { borrowed(words, slf.clone().into_any()) }
    }

    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.time.array.bind(py).clone()
    }

    #[getter]
    fn price_ticks<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.price_ticks.array.bind(py).clone()
    }

    #[getter]
    fn qty_lots<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.qty_lots.array.bind(py).clone()
    }

    #[getter]
    fn side<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u8>> {
        self.side.array.bind(py).clone()
    }

    #[getter]
    fn bid_ticks<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<i64>>> {
        self.quotes
            .as_ref()
            .map(|(bid, _)| bid.array.bind(py).clone())
    }

    #[getter]
    fn ask_ticks<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<i64>>> {
        self.quotes
            .as_ref()
            .map(|(_, ask)| ask.array.bind(py).clone())
    }

    #[getter]
    fn allow_negative_prices(&self) -> bool {
        self.allow_negative_prices
    }

    #[getter]
    fn nbytes(&self) -> usize {
        let quotes = self
            .quotes
            .as_ref()
            .map_or(0, |(bid, ask)| bid.bytes() + ask.bytes());
        let columns = self.time.bytes() + self.price_ticks.bytes() + self.qty_lots.bytes();
        columns + self.side.bytes() + quotes + self.zone_map.bytes()
    }

    /// Lowest and highest price of each run of rows from one edge to the next.
    fn extremes<'py>(&self, py: Python<'py>, edges: &Bound<'py, PyAny>) -> PyResult<LowHigh<'py>> {
        let edges = column_array::<i64>(edges, "edges")?.to_vec()?;
        let rows = self.time.rows;
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for run in edges.windows(2) {
            let (start, end) = (usize::try_from(run[0]), usize::try_from(run[1]));
            match (start, end) {
                (Ok(start), Ok(end)) if start < end && end <= rows => {
                    let prices = self.price_ticks.as_slice();
                    let extremes = self.zone_map.extremes(prices, start..end);
                    low.push(extremes.low);
                    high.push(extremes.high);
                }
                _ => {
                    let message = format!(
                        "edges {} and {} do not ascend within 0 to {rows}",
                        run[0], run[1]
                    );
                    let hint = "a run needs a row at least: leave empty ones out";
                    return Err(Kind::Data.error(py, &message, hint));
                }
            }
        }
        Ok((low.into_pyarray(py), high.into_pyarray(py)))
    }

    fn tick(&self, row: usize, lot: &Grid) -> PyResult<Tick> {
        if row >= self.time.rows {
            let message = format!("row {row} must be below {}", self.time.rows);
            return Err(PyIndexError::new_err(message));
        }
        Ok(Tick::of_lots(&self.row(row, 0), lot.steps(), None))
    }

    fn __len__(&self) -> usize {
        self.time.rows
    }
}

impl TickColumns {
    /// Checks all rows and makes their zone map.
    fn checked_map(&self) -> Result<ZoneMap, RowError> {
        let columns = self.columns();
        Feed::new(0, columns)?.checked(&rules(self.allow_negative_prices))?;
        ZoneMap::of(&columns).map_err(Into::into)
    }

    pub fn columns(&self) -> Columns<'_> {
        let Self {
            time,
            price_ticks,
            qty_lots,
            side,
            quotes,
            ..
        } = self;
        let columns = columns_of(time, price_ticks, qty_lots, side, quotes.as_ref());
        Columns {
            has_ranges: self.has_ranges,
            ..columns
        }
    }

    pub fn times(&self) -> &[i64] {
        self.time.as_slice()
    }

    /// Some of the rows as a feed that need not be checked again, where the rules allow.
    pub fn feed(
        &self,
        instrument: u32,
        rules: &Instrument,
        rows: Range<usize>,
    ) -> Result<Feed<'_>, Error> {
        let feed = Feed::new(instrument, self.columns())?.zone_map(&self.zone_map)?;
        let feed = if self.is_checked_for(rules) {
            feed.assume_checked(rules)
        } else {
            feed
        };
        feed.rows(rows)
    }

    /// Whether the rows were checked at least as strictly as these rules ask.
    pub fn is_checked_for(&self, rules: &Instrument) -> bool {
        rules.allow_negative || !self.allow_negative_prices
    }

    /// One row; the caller has seen that it exists.
    #[inline(always)]
    pub fn row(&self, row: usize, instrument: u32) -> tickstep::Tick {
        let side = self.side.as_slice()[row];
        let aggressor = if side & 1 == 0 { Side::Buy } else { Side::Sell };
        let (time, price) = (self.time.as_slice()[row], self.price_ticks.as_slice()[row]);
        let tick = tickstep::Tick::new(time, price, self.qty_lots.as_slice()[row], aggressor)
            .instrument(instrument);
        let Some((bid, ask)) = &self.quotes else {
            return tick;
        };
        let (bid, ask) = (bid.as_slice()[row], ask.as_slice()[row]);
        match (self.has_ranges, side >= SIDE_CONTINUES) {
            (false, _) => tick.quote(bid, ask),
            (true, false) => tick.range(bid, ask),
            (true, true) => tick.range(bid, ask).continuing(),
        }
    }
}

fn quote_columns<'py>(
    (bid, ask): (&Bound<'py, PyAny>, &Bound<'py, PyAny>),
) -> PyResult<(Column<i64>, Column<i64>)> {
    Ok((
        Column::new(bid, "bid_ticks")?,
        Column::new(ask, "ask_ticks")?,
    ))
}

/// A read-only array over values that another object keeps.
///
/// # Safety
/// The values stay where they are and do not change as long as `keeper` lives.
pub unsafe fn borrowed<'py, T: numpy::Element>(
    values: &[T],
    keeper: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray1<T>>> {
    let view = numpy::ndarray::ArrayView1::from(values);
    // SAFETY: the caller's promise.
    let array = unsafe { PyArray1::borrow_from_array(&view, keeper) };
    array.getattr("flags")?.setattr("writeable", false)?;
    Ok(array)
}

fn columns_of<'a>(
    time: &'a Column<i64>,
    price_ticks: &'a Column<i64>,
    qty_lots: &'a Column<i64>,
    side: &'a Column<u8>,
    quotes: Option<&'a (Column<i64>, Column<i64>)>,
) -> Columns<'a> {
    let columns = Columns::new(time.as_slice(), price_ticks.as_slice())
        .qty_lots(qty_lots.as_slice())
        .side(side.as_slice());
    match quotes {
        Some((bid, ask)) => columns.quotes(bid.as_slice(), ask.as_slice()),
        None => columns,
    }
}

/// Rules that look at the columns alone.
fn rules(allow_negative_prices: bool) -> Instrument {
    let rules = Instrument::new(1);
    if allow_negative_prices {
        rules.allow_negative()
    } else {
        rules
    }
}
