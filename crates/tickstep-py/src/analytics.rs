//! Python face of `tickstep::analytics`: one class for each state. The Python layer gives each
//! argument as int64, uint8 or float64 in one piece; a state is of whole numbers or of floats from
//! the beginning, and says so when it meets the other.

use std::num::{NonZeroU64, NonZeroUsize};

use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tickstep::analytics::{
    Amount, BarRule, CandleBuilder, Candles, CumulativeDelta, ExponentialVolatility, Fault,
    FloatVwap, FlowImbalance, Footprint, FootprintBuilder, PriceColumn, RollingFloatVwap,
    RollingVolatility, RollingVwap, Rows, TradeIntensity, VolatilityKind, VolumeProfile, Vwap,
};

use crate::errors::Kind;
use crate::ticks::column_array;

/// Calls over fewer rows keep the GIL: giving it up and taking it back costs more than they do.
const SHORT_ROWS: usize = 256;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<CandleState>()?;
    module.add_class::<FootprintState>()?;
    module.add_class::<ProfileState>()?;
    module.add_class::<VwapState>()?;
    module.add_class::<DeltaState>()?;
    module.add_class::<ImbalanceState>()?;
    module.add_class::<IntensityState>()?;
    module.add_class::<VolatilityState>()?;
    module.add_class::<ExponentialState>()
}

type Any<'a, 'py> = &'a Bound<'py, PyAny>;
type Floats<'py> = Bound<'py, PyArray1<f64>>;

/// A column that nobody borrows for writing while it is read.
fn column<'py, T: numpy::Element>(
    value: Any<'_, 'py>,
    name: &str,
) -> PyResult<PyReadonlyArray1<'py, T>> {
    Ok(column_array::<T>(value, name)?.try_readonly()?)
}

fn raised(py: Python<'_>, fault: &Fault) -> PyErr {
    Kind::Data.error(py, &fault.to_string(), fault.mend())
}

fn without_gil<T: Send>(
    py: Python<'_>,
    rows: usize,
    call: impl FnOnce() -> Result<T, Fault> + Send,
) -> PyResult<T> {
    let done = if rows <= SHORT_ROWS {
        call()
    } else {
        py.detach(call)
    };
    done.map_err(|fault| raised(py, &fault))
}

fn window_of(py: Python<'_>, window: usize) -> PyResult<NonZeroUsize> {
    let too_short = || Kind::Config.error(py, "window is 0", "give at least 1 row");
    NonZeroUsize::new(window).ok_or_else(too_short)
}

/// State of whole numbers or of floats.
enum Either<W, F> {
    Whole(W),
    Float(F),
}

impl<W, F> Either<W, F> {
    fn new(is_float: bool, whole: impl FnOnce() -> W, float: impl FnOnce() -> F) -> Self {
        if is_float {
            Self::Float(float())
        } else {
            Self::Whole(whole())
        }
    }
}

// ---- Candles -------------------------------------------------------------------------------------

/// Ticks to bars.
#[pyclass(module = "tickstep._kernel")]
pub struct CandleState {
    builder: Either<CandleBuilder<i64>, CandleBuilder<f64>>,
}

#[pymethods]
impl CandleState {
    #[new]
    #[pyo3(signature = (rule, size, *, fills_empty, wants_turnover, is_float))]
    fn new(
        rule: &str,
        size: Any<'_, '_>,
        fills_empty: bool,
        wants_turnover: bool,
        is_float: bool,
    ) -> PyResult<Self> {
        let builder = if is_float {
            let rule = rule_of(rule, size)?;
            Either::Float(CandleBuilder::new(rule, fills_empty, wants_turnover))
        } else {
            let rule = rule_of(rule, size)?;
            Either::Whole(CandleBuilder::new(rule, fills_empty, wants_turnover))
        };
        Ok(CandleState { builder })
    }

    /// Take ticks; the bars that they end, as columns.
    fn push<'py>(
        &mut self,
        py: Python<'py>,
        time: Any<'_, 'py>,
        price_ticks: Any<'_, 'py>,
        qtys: Any<'_, 'py>,
        sides: Any<'_, 'py>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        match &mut self.builder {
            Either::Whole(builder) => with_rows(py, (time, price_ticks, qtys, sides), |rows| {
                builder.push(rows)
            })
            .and_then(|candles| candle_columns(py, candles)),
            Either::Float(builder) => with_rows(py, (time, price_ticks, qtys, sides), |rows| {
                builder.push(rows)
            })
            .and_then(|candles| candle_columns(py, candles)),
        }
    }

    /// The bar that has not ended, as columns of one row or none.
    fn peek<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match &self.builder {
            Either::Whole(builder) => candle_columns(py, builder.peek()),
            Either::Float(builder) => candle_columns(py, builder.peek()),
        }
    }

    /// As `peek`, and the next tick begins a new bar.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match &mut self.builder {
            Either::Whole(builder) => candle_columns(py, builder.finish()),
            Either::Float(builder) => candle_columns(py, builder.finish()),
        }
    }
}

fn rule_of<'py, Q>(name: &str, size: Any<'_, 'py>) -> PyResult<BarRule<Q>>
where
    Q: Amount<Money: FromPyObjectOwned<'py>> + FromPyObjectOwned<'py>,
{
    Ok(match name {
        "time" => BarRule::Time(size.extract()?),
        "ticks" => BarRule::Ticks(size.extract()?),
        "volume" => BarRule::Volume(size.extract().map_err(Into::into)?),
        "money" => BarRule::Money(size.extract().map_err(Into::into)?),
        _ => BarRule::Imbalance(size.extract().map_err(Into::into)?),
    })
}

fn with_rows<'py, Q: Amount + numpy::Element, T: Send>(
    py: Python<'py>,
    (time, price_ticks, qtys, sides): (Any<'_, 'py>, Any<'_, 'py>, Any<'_, 'py>, Any<'_, 'py>),
    call: impl FnOnce(Rows<'_, Q>) -> Result<T, Fault> + Send,
) -> PyResult<T> {
    let time = column::<i64>(time, "timestamps")?;
    let time = time.as_slice()?;
    with_trades(py, (price_ticks, qtys, sides), |price_ticks, qty, side| {
        call(Rows {
            time,
            price_ticks,
            qty,
            side,
        })
    })
}

fn with_trades<'py, Q: Amount + numpy::Element, T: Send>(
    py: Python<'py>,
    (price_ticks, qtys, sides): (Any<'_, 'py>, Any<'_, 'py>, Any<'_, 'py>),
    call: impl FnOnce(&[i64], &[Q], &[u8]) -> Result<T, Fault> + Send,
) -> PyResult<T> {
    let price_ticks = column::<i64>(price_ticks, "price_ticks")?;
    let qtys = column::<Q>(qtys, "qtys")?;
    let sides = column::<u8>(sides, "sides")?;
    let (price_ticks, qtys, sides) = (price_ticks.as_slice()?, qtys.as_slice()?, sides.as_slice()?);
    without_gil(py, qtys.len(), || call(price_ticks, qtys, sides))
}

fn candle_columns<Q: numpy::Element>(
    py: Python<'_>,
    candles: Candles<Q>,
) -> PyResult<Bound<'_, PyTuple>> {
    let columns = [
        candles.time.into_pyarray(py).into_any(),
        candles.open_ticks.into_pyarray(py).into_any(),
        candles.high_ticks.into_pyarray(py).into_any(),
        candles.low_ticks.into_pyarray(py).into_any(),
        candles.close_ticks.into_pyarray(py).into_any(),
        candles.volume.into_pyarray(py).into_any(),
        candles.buy_volume.into_pyarray(py).into_any(),
        candles.sell_volume.into_pyarray(py).into_any(),
        candles.trade_count.into_pyarray(py).into_any(),
        candles.last_time.into_pyarray(py).into_any(),
        candles.turnover.into_pyarray(py).into_any(),
    ];
    PyTuple::new(py, columns)
}

// ---- Footprint and profile -----------------------------------------------------------------------

/// Ticks to footprints.
#[pyclass(module = "tickstep._kernel")]
pub struct FootprintState {
    builder: Either<FootprintBuilder<i64>, FootprintBuilder<f64>>,
}

#[pymethods]
impl FootprintState {
    #[new]
    #[pyo3(signature = (interval, *, is_float))]
    fn new(interval: i64, is_float: bool) -> FootprintState {
        let builder = Either::new(
            is_float,
            || FootprintBuilder::new(interval),
            || FootprintBuilder::new(interval),
        );
        FootprintState { builder }
    }

    /// Take ticks; the rows of the buckets that they end.
    fn push<'py>(
        &mut self,
        py: Python<'py>,
        time: Any<'_, 'py>,
        price_ticks: Any<'_, 'py>,
        qtys: Any<'_, 'py>,
        sides: Any<'_, 'py>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        match &mut self.builder {
            Either::Whole(builder) => with_rows(py, (time, price_ticks, qtys, sides), |rows| {
                builder.push(rows)
            })
            .and_then(|rows| footprint_columns(py, rows)),
            Either::Float(builder) => with_rows(py, (time, price_ticks, qtys, sides), |rows| {
                builder.push(rows)
            })
            .and_then(|rows| footprint_columns(py, rows)),
        }
    }

    /// The bucket that has not ended.
    fn peek<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match &self.builder {
            Either::Whole(builder) => footprint_columns(py, builder.peek()),
            Either::Float(builder) => footprint_columns(py, builder.peek()),
        }
    }

    /// As `peek`, and the next tick begins a new bucket.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match &mut self.builder {
            Either::Whole(builder) => footprint_columns(py, builder.finish()),
            Either::Float(builder) => footprint_columns(py, builder.finish()),
        }
    }
}

fn footprint_columns<Q: numpy::Element>(
    py: Python<'_>,
    footprint: Footprint<Q>,
) -> PyResult<Bound<'_, PyTuple>> {
    let columns = [
        footprint.time.into_pyarray(py).into_any(),
        footprint.price_ticks.into_pyarray(py).into_any(),
        footprint.bid_volume.into_pyarray(py).into_any(),
        footprint.ask_volume.into_pyarray(py).into_any(),
    ];
    PyTuple::new(py, columns)
}

/// Volume at each price.
#[pyclass(module = "tickstep._kernel")]
pub struct ProfileState {
    profile: Either<VolumeProfile<i64>, VolumeProfile<f64>>,
}

#[pymethods]
impl ProfileState {
    #[new]
    #[pyo3(signature = (*, is_float))]
    fn new(is_float: bool) -> ProfileState {
        let profile = Either::new(is_float, VolumeProfile::new, VolumeProfile::new);
        ProfileState { profile }
    }

    /// Lowest and highest price so far.
    #[getter]
    fn range(&self) -> Option<(i64, i64)> {
        match &self.profile {
            Either::Whole(profile) => profile.range(),
            Either::Float(profile) => profile.range(),
        }
    }

    /// Take trades.
    fn push<'py>(
        &mut self,
        py: Python<'py>,
        price_ticks: Any<'_, 'py>,
        qtys: Any<'_, 'py>,
        sides: Any<'_, 'py>,
    ) -> PyResult<()> {
        let columns = (price_ticks, qtys, sides);
        match &mut self.profile {
            Either::Whole(profile) => with_trades(py, columns, |prices, qtys, sides| {
                profile.push(prices, qtys, sides)
            }),
            Either::Float(profile) => with_trades(py, columns, |prices, qtys, sides| {
                profile.push(prices, qtys, sides)
            }),
        }
    }

    /// Bought and sold in bins of so many ticks from the lowest price on.
    fn binned<'py>(
        &self,
        py: Python<'py>,
        ticks_per_bin: NonZeroU64,
    ) -> PyResult<Bound<'py, PyTuple>> {
        match &self.profile {
            Either::Whole(profile) => bin_columns(py, profile, ticks_per_bin),
            Either::Float(profile) => bin_columns(py, profile, ticks_per_bin),
        }
    }
}

fn bin_columns<'py, Q: Amount + numpy::Element>(
    py: Python<'py>,
    profile: &VolumeProfile<Q>,
    ticks_per_bin: NonZeroU64,
) -> PyResult<Bound<'py, PyTuple>> {
    let bins = profile
        .binned(ticks_per_bin)
        .map_err(|fault| raised(py, &fault))?;
    let side = |side: usize| bins.iter().map(|sums| sums[side]).collect::<Vec<Q>>();
    let columns = [side(0).into_pyarray(py), side(1).into_pyarray(py)];
    PyTuple::new(py, columns)
}

// ---- VWAP ----------------------------------------------------------------------------------------

type WholeVwap = Either<Vwap, RollingVwap>;
type RealVwap = Either<FloatVwap, RollingFloatVwap>;

/// Volume weighted average price: cumulative, or of a window.
#[pyclass(module = "tickstep._kernel")]
pub struct VwapState {
    state: Either<WholeVwap, RealVwap>,
}

#[pymethods]
impl VwapState {
    #[new]
    #[pyo3(signature = (window, *, has_begun, is_float))]
    fn new(
        py: Python<'_>,
        window: Option<usize>,
        has_begun: bool,
        is_float: bool,
    ) -> PyResult<VwapState> {
        let window = window.map(|rows| window_of(py, rows)).transpose()?;
        let state = match (is_float, window) {
            (false, None) => Either::Whole(Either::Whole(Vwap::new(has_begun))),
            (false, Some(rows)) => Either::Whole(Either::Float(RollingVwap::new(rows))),
            (true, None) => Either::Float(Either::Whole(FloatVwap::new(has_begun))),
            (true, Some(rows)) => Either::Float(Either::Float(RollingFloatVwap::new(rows))),
        };
        Ok(VwapState { state })
    }

    /// Take rows; the average at each. `starts` are rows at which cumulative sums start anew.
    fn push<'py>(
        &mut self,
        py: Python<'py>,
        prices: Any<'_, 'py>,
        volumes: Any<'_, 'py>,
        starts: Vec<usize>,
    ) -> PyResult<Floats<'py>> {
        let mut out = Vec::new();
        match &mut self.state {
            Either::Whole(state) => {
                let prices = column::<i64>(prices, "prices")?;
                let volumes = column::<i64>(volumes, "volumes")?;
                let (prices, volumes) = (prices.as_slice()?, volumes.as_slice()?);
                without_gil(py, prices.len(), || match state {
                    Either::Whole(vwap) => vwap.push(prices, volumes, &starts, &mut out),
                    Either::Float(rolling) => rolling.push(prices, volumes, &mut out),
                })?;
            }
            Either::Float(state) => {
                let prices = column::<f64>(prices, "prices")?;
                let volumes = column::<f64>(volumes, "volumes")?;
                let (prices, volumes) = (prices.as_slice()?, volumes.as_slice()?);
                without_gil(py, prices.len(), || match state {
                    Either::Whole(vwap) => vwap.push(prices, volumes, &starts, &mut out),
                    Either::Float(rolling) => rolling.push(prices, volumes, &mut out),
                })?;
            }
        }
        Ok(out.into_pyarray(py))
    }
}

// ---- Order flow ----------------------------------------------------------------------------------

/// Bought less sold.
#[pyclass(module = "tickstep._kernel")]
pub struct DeltaState {
    delta: CumulativeDelta,
    is_float: bool,
}

#[pymethods]
impl DeltaState {
    #[new]
    #[pyo3(signature = (*, is_float))]
    fn new(is_float: bool) -> DeltaState {
        DeltaState {
            delta: CumulativeDelta::new(),
            is_float,
        }
    }

    /// Take trades; the delta after each.
    fn push<'py>(
        &mut self,
        py: Python<'py>,
        qtys: Any<'_, 'py>,
        sides: Any<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let sides = column::<u8>(sides, "sides")?;
        let sides = sides.as_slice()?;
        let delta = &mut self.delta;
        if self.is_float {
            let qtys = column::<f64>(qtys, "qtys")?;
            let qtys = qtys.as_slice()?;
            let out = without_gil(py, qtys.len(), || delta.push_floats(qtys, sides))?;
            return Ok(out.into_pyarray(py).into_any());
        }
        let qtys = column::<i64>(qtys, "qtys")?;
        let qtys = qtys.as_slice()?;
        let out = without_gil(py, qtys.len(), || delta.push(qtys, sides))?;
        Ok(out.into_pyarray(py).into_any())
    }
}

/// Order flow imbalance of a window.
#[pyclass(module = "tickstep._kernel")]
pub struct ImbalanceState {
    imbalance: FlowImbalance,
    is_float: bool,
}

#[pymethods]
impl ImbalanceState {
    #[new]
    #[pyo3(signature = (window, *, is_float))]
    fn new(py: Python<'_>, window: usize, is_float: bool) -> PyResult<ImbalanceState> {
        Ok(ImbalanceState {
            imbalance: FlowImbalance::new(window_of(py, window)?),
            is_float,
        })
    }

    /// Take trades; the imbalance after each.
    fn push<'py>(
        &mut self,
        py: Python<'py>,
        qtys: Any<'_, 'py>,
        sides: Any<'_, 'py>,
    ) -> PyResult<Floats<'py>> {
        let sides = column::<u8>(sides, "sides")?;
        let sides = sides.as_slice()?;
        let (imbalance, mut out) = (&mut self.imbalance, Vec::new());
        if self.is_float {
            let qtys = column::<f64>(qtys, "qtys")?;
            let qtys = qtys.as_slice()?;
            let rows = qtys.len();
            without_gil(py, rows, || imbalance.push_floats(qtys, sides, &mut out))?;
        } else {
            let qtys = column::<i64>(qtys, "qtys")?;
            let qtys = qtys.as_slice()?;
            without_gil(py, qtys.len(), || imbalance.push(qtys, sides, &mut out))?;
        }
        Ok(out.into_pyarray(py))
    }
}

/// Trades within a window of time.
#[pyclass(module = "tickstep._kernel")]
pub struct IntensityState {
    intensity: TradeIntensity,
}

#[pymethods]
impl IntensityState {
    #[new]
    fn new(window: i64) -> IntensityState {
        IntensityState {
            intensity: TradeIntensity::new(window),
        }
    }

    /// Take times; the count at each.
    fn push<'py>(&mut self, py: Python<'py>, time: Any<'_, 'py>) -> PyResult<Floats<'py>> {
        let time = column::<i64>(time, "timestamps")?;
        let time = time.as_slice()?;
        let (intensity, mut out) = (&mut self.intensity, Vec::new());
        without_gil(py, time.len(), || intensity.push(time, &mut out))?;
        Ok(out.into_pyarray(py))
    }
}

// ---- Volatility ----------------------------------------------------------------------------------

/// A column of prices in one of its two types.
enum Prices<'py> {
    Whole(PyReadonlyArray1<'py, i64>),
    Float(PyReadonlyArray1<'py, f64>),
}

impl<'py> Prices<'py> {
    fn read(value: Any<'_, 'py>) -> PyResult<Prices<'py>> {
        if value.cast::<PyArray1<i64>>().is_ok() {
            return column(value, "prices").map(Prices::Whole);
        }
        column(value, "prices").map(Prices::Float)
    }

    fn as_column(&self) -> PyResult<PriceColumn<'_>> {
        Ok(match self {
            Prices::Whole(prices) => PriceColumn::Whole(prices.as_slice()?),
            Prices::Float(prices) => PriceColumn::Float(prices.as_slice()?),
        })
    }
}

fn kind_of(name: &str) -> Option<VolatilityKind> {
    Some(match name {
        "realized" => VolatilityKind::Realized,
        "zero_mean" => VolatilityKind::ZeroMean,
        "parkinson" => VolatilityKind::Parkinson,
        "garman_klass" => VolatilityKind::GarmanKlass,
        "rogers_satchell" => VolatilityKind::RogersSatchell,
        "yang_zhang" => VolatilityKind::YangZhang,
        _ => return None,
    })
}

/// Volatility of a window.
#[pyclass(module = "tickstep._kernel")]
pub struct VolatilityState {
    state: RollingVolatility,
}

#[pymethods]
impl VolatilityState {
    #[new]
    fn new(py: Python<'_>, kind: &str, window: usize, scale: f64) -> PyResult<VolatilityState> {
        let Some(known) = kind_of(kind) else {
            let hint = "realized, zero_mean, parkinson, garman_klass, rogers_satchell, yang_zhang";
            let message = format!("no volatility is called {kind:?}");
            return Err(Kind::Config.error(py, &message, hint));
        };
        let Some(state) = RollingVolatility::new(known, window, scale) else {
            let message = format!("a window of {window} is too short for {kind} volatility");
            let hint = "a deviation from the mean needs at least 2 rows, a mean at least 1";
            return Err(Kind::Config.error(py, &message, hint));
        };
        Ok(VolatilityState { state })
    }

    /// Take rows, in columns of the order open, high, low, close; the volatility at each.
    #[pyo3(signature = (*columns))]
    fn push<'py>(
        &mut self,
        py: Python<'py>,
        columns: &Bound<'py, PyTuple>,
    ) -> PyResult<Floats<'py>> {
        let columns = columns
            .iter()
            .map(|value| Prices::read(&value))
            .collect::<PyResult<Vec<_>>>()?;
        let columns = columns
            .iter()
            .map(Prices::as_column)
            .collect::<PyResult<Vec<_>>>()?;
        let (state, mut out) = (&mut self.state, Vec::new());
        let rows = columns.first().map_or(0, PriceColumn::len);
        without_gil(py, rows, || state.push(&columns, &mut out))?;
        Ok(out.into_pyarray(py))
    }
}

/// Exponentially weighted volatility.
#[pyclass(module = "tickstep._kernel")]
pub struct ExponentialState {
    state: ExponentialVolatility,
}

#[pymethods]
impl ExponentialState {
    #[new]
    fn new(py: Python<'_>, span: f64, scale: f64) -> PyResult<ExponentialState> {
        let Some(state) = ExponentialVolatility::new(span, scale) else {
            let message = format!("span {span} is not a number of at least 1");
            return Err(Kind::Config.error(
                py,
                &message,
                "a span of 20 has weights of about 20 rows",
            ));
        };
        Ok(ExponentialState { state })
    }

    /// Take prices; the volatility at each.
    fn push<'py>(&mut self, py: Python<'py>, prices: Any<'_, 'py>) -> PyResult<Floats<'py>> {
        let prices = Prices::read(prices)?;
        let prices = prices.as_column()?;
        let (state, mut out) = (&mut self.state, Vec::new());
        without_gil(py, prices.len(), || state.push(prices, &mut out))?;
        Ok(out.into_pyarray(py))
    }
}
