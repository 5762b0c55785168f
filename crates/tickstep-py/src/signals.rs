//! Signals as columns: plans made of arrays, run over the bound ticks of an engine.

use std::ops::Range;

use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tickstep::{
    BatchError, Engine, FeedSet, Leg, SignalOutcome, SignalRules, SizeKind, run_signal_sets,
    signal, sma_crossings,
};

use crate::errors::Kind;
use crate::ticks::{Column, column_array};

const SIZE_KINDS: [(&str, SizeKind); 3] = [
    ("qty", SizeKind::Lots),
    ("value", SizeKind::Value),
    ("percent", SizeKind::Equity),
];

/// Rows, kinds, where each set begins and the last ends, sizes, limits.
type LegArrays<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Option<Bound<'py, PyAny>>,
);

struct LegColumns {
    rows: Column<u32>,
    kinds: Column<u8>,
    offsets: Column<i64>,
    sizes: Column<i64>,
    limits: Option<Column<i64>>,
}

impl LegColumns {
    fn new(py: Python<'_>, arrays: &LegArrays<'_>) -> PyResult<LegColumns> {
        let (rows, kinds, offsets, sizes, limits) = arrays;
        let columns = LegColumns {
            rows: Column::new(rows, "rows")?,
            kinds: Column::new(kinds, "kinds")?,
            offsets: Column::new(offsets, "offsets")?,
            sizes: Column::new(sizes, "sizes")?,
            limits: limits
                .as_ref()
                .map(|limits| Column::new(limits, "limits"))
                .transpose()?,
        };
        let offsets = columns.offsets.as_ref();
        let ends = (offsets.first().copied(), offsets.last().copied());
        let rows = columns.rows.as_ref().len();
        let is_whole = ends == (Some(0), i64::try_from(rows).ok()) && offsets.is_sorted();
        if !is_whole || columns.kinds.as_ref().len() != rows {
            let message = "offsets do not cut rows and kinds into sets";
            return Err(Kind::Data.error(py, message, "begin at 0, end at their length"));
        }
        Ok(columns)
    }

    fn leg(&self, set: usize) -> Leg<'_> {
        let offsets = self.offsets.as_ref();
        let part = offsets[set] as usize..offsets[set + 1] as usize;
        Leg {
            rows: &self.rows.as_ref()[part.clone()],
            kinds: &self.kinds.as_ref()[part],
            sizes: self.sizes.as_ref(),
            limits: self.limits.as_ref().map(AsRef::as_ref),
        }
    }
}

/// Sets of signals of every bound instrument, and what holds for them.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct SignalPlan {
    legs: Vec<LegColumns>,
    /// Stop, target and trail by set, or one for all, in parts per billion.
    distances: [Column<i64>; 3],
    rules: SignalRules,
}

#[pymethods]
impl SignalPlan {
    #[new]
    fn new(
        py: Python<'_>,
        legs: Vec<LegArrays<'_>>,
        size_type: &str,
        accumulate: bool,
        rows: (usize, usize),
        distances: [Bound<'_, PyAny>; 3],
    ) -> PyResult<SignalPlan> {
        let kind = SIZE_KINDS.iter().find(|(name, _)| *name == size_type);
        let Some((_, size_kind)) = kind else {
            let message = format!("size_type {size_type:?} is none");
            return Err(Kind::Config.error(py, &message, "qty, value or percent"));
        };
        let [stop, target, trail] = distances;
        let (rows_each, rows_known) = rows;
        if !(1..=rows_each).contains(&rows_known) {
            let message =
                format!("{rows_known} of {rows_each} rows are past when a signal is known");
            return Err(Kind::Config.error(py, &message, "from the first to the last of them"));
        }
        let plan = SignalPlan {
            legs: legs
                .iter()
                .map(|arrays| LegColumns::new(py, arrays))
                .collect::<PyResult<_>>()?,
            distances: [
                Column::new(&stop, "sl")?,
                Column::new(&target, "tp")?,
                Column::new(&trail, "trailing")?,
            ],
            rules: SignalRules {
                size_kind: *size_kind,
                accumulates: accumulate,
                rows_each,
                rows_known,
                ..SignalRules::new()
            },
        };
        let sets = plan.sets();
        let legs = plan.legs.iter().map(|leg| leg.offsets.as_ref().len() - 1);
        let distances = plan.distances.iter().map(|each| each.as_ref().len());
        if !legs
            .chain(distances.filter(|rows| *rows != 1))
            .all(|rows| rows == sets)
        {
            let message = format!("not all columns are of {sets} sets");
            return Err(Kind::Data.error(py, &message, "give each parameter once for each set"));
        }
        Ok(plan)
    }

    #[getter]
    fn sets(&self) -> usize {
        self.legs
            .first()
            .map_or(0, |leg| leg.offsets.as_ref().len() - 1)
    }
}

impl SignalPlan {
    fn set(&self, set: usize) -> (Vec<Leg<'_>>, SignalRules) {
        let [stop_ppb, target_ppb, trail_ppb] =
            self.distances
                .each_ref()
                .map(|column| match column.as_ref() {
                    [only] => *only,
                    all => all[set],
                });
        let rules = SignalRules {
            stop_ppb,
            target_ppb,
            trail_ppb,
            ..self.rules
        };
        (self.legs.iter().map(|leg| leg.leg(set)).collect(), rules)
    }

    /// Refuses sets that there are none of, and plans of other instruments.
    pub fn check(&self, py: Python<'_>, sets: &Range<usize>, feeds: usize) -> PyResult<()> {
        if sets.end <= self.sets() && feeds == self.legs.len() {
            return Ok(());
        }
        let message = format!(
            "{} sets of {} instruments, asked for set {} of {feeds}",
            self.sets(),
            self.legs.len(),
            sets.end,
        );
        Err(Kind::Data.error(py, &message, "one leg for each bound instrument"))
    }

    /// Runs one set; the engine keeps its events.
    pub fn run(
        &self,
        py: Python<'_>,
        engine: &mut Engine,
        feeds: &mut FeedSet<'_>,
        set: usize,
    ) -> Result<u64, BatchError> {
        let (legs, rules) = self.set(set);
        let done = py.detach(|| engine.run_signals(feeds, &legs, &rules, None))?;
        Ok(done.too_small)
    }

    /// Runs sets, each by itself from where the engine is.
    pub fn run_sets(
        &self,
        py: Python<'_>,
        engine: &Engine,
        feeds: &FeedSet<'_>,
        sets: Range<usize>,
        workers: usize,
    ) -> Result<Vec<SignalOutcome>, (usize, BatchError)> {
        let (engine, feeds) = (engine.fork(), feeds.clone());
        py.detach(move || run_signal_sets(&engine, &feeds, sets, workers, &|set| self.set(set)))
    }
}

/// Outcomes as columns.
pub fn outcome_columns<'py>(
    py: Python<'py>,
    outcomes: &[SignalOutcome],
) -> PyResult<Bound<'py, PyDict>> {
    let columns = PyDict::new(py);
    macro_rules! add {
        ($($name:literal $field:expr),+ $(,)?) => {$({
            let column: Vec<_> = outcomes.iter().map($field).collect();
            columns.set_item($name, column.into_pyarray(py))?;
        })+};
    }
    add!(
        "digest_low" | each | each.digest.low,
        "digest_high" | each | each.digest.high,
        "equity_units" | each | each.equity_units,
        "fees_units" | each | each.fees_units,
        "fills" | each | each.fills,
        "rejected" | each | each.rejected,
        "round_trips" | each | each.round_trips,
        "too_small" | each | each.too_small,
        "peak_units" | each | each.peak_units,
        "trough_units" | each | each.trough_units,
    );
    Ok(columns)
}

type SparseArrays<'py> = (
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<i64>>,
);

/// Rows, kinds and offsets of the crossings of moving averages; see `tickstep::sma_crossings`.
#[pyfunction]
#[pyo3(signature = (prices, windows, short))]
pub fn sma_signals<'py>(
    py: Python<'py>,
    prices: &Bound<'py, PyAny>,
    windows: Vec<(usize, usize)>,
    short: bool,
) -> PyResult<SparseArrays<'py>> {
    let prices = column_array::<i64>(prices, "prices")?.try_readonly()?;
    let prices = prices.as_slice()?;
    if windows.iter().any(|(fast, slow)| *fast.min(slow) == 0) {
        return Err(Kind::Config.error(py, "a window is 0", "give at least 1 row"));
    }
    let (rows, kinds, offsets) = py.detach(|| {
        let found = sma_crossings(prices, &windows);
        let (mut rows, mut kinds, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
        for pair in &found {
            rows.extend_from_slice(&pair.rows);
            kinds.extend(pair.kinds.iter().map(|kind| turned(*kind, short)));
            offsets.push(rows.len() as i64);
        }
        (rows, kinds, offsets)
    });
    Ok((
        rows.into_pyarray(py),
        kinds.into_pyarray(py),
        offsets.into_pyarray(py),
    ))
}

/// With short positions an exit is an entry of the other side.
fn turned(kind: u8, short: bool) -> u8 {
    match (kind, short) {
        (kind, false) => kind,
        (signal::ENTRY, true) => signal::ENTRY | signal::SHORT_EXIT,
        (_, true) => signal::EXIT | signal::SHORT_ENTRY,
    }
}
