//! Numbers in human units to places on decimal grids and back: never rounded, never truncated.

use numpy::{PyArray1, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString, PyType};
use tickstep::{Decimal, Error, LotGrid, NumberError};

use crate::errors::{Kind, raised, raised_at};

/// A number as a user wrote it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Whole(i64),
    Float(f64),
    Exact(Decimal),
}

impl Number {
    /// Reads a float, int, str or Decimal (NumPy scalars are such); `name` is told in errors.
    pub fn read(value: &Bound<'_, PyAny>, name: &str, kind: Kind) -> PyResult<Number> {
        if let Ok(float) = value.cast::<PyFloat>() {
            return Ok(Number::Float(float.value()));
        }
        if value.is_instance_of::<PyBool>() {
            return Err(type_error(value, name));
        }
        if let Ok(whole) = value.extract::<i64>() {
            return Ok(Number::Whole(whole));
        }
        if value.is_instance_of::<PyInt>()
            || value.is_instance_of::<PyString>()
            || is_decimal(value)?
        {
            return parsed(value, name, kind);
        }
        Err(type_error(value, name))
    }

    pub fn is_positive(self) -> bool {
        match self {
            Number::Whole(whole) => whole > 0,
            Number::Float(float) => float > 0.0,
            Number::Exact(decimal) => decimal.mantissa() > 0,
        }
    }

    /// As the user would see it.
    pub fn to_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Number::Whole(whole) => Ok(whole.into_pyobject(py)?.into_any()),
            Number::Float(float) => Ok(float.into_pyobject(py)?.into_any()),
            Number::Exact(decimal) => python_decimal(py, decimal),
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Number::Whole(whole) => whole.fmt(out),
            // With a point even where the value is whole, as Python shows floats.
            Number::Float(float) => write!(out, "{float:?}"),
            Number::Exact(decimal) => decimal.fmt(out),
        }
    }
}

fn parsed(value: &Bound<'_, PyAny>, name: &str, kind: Kind) -> PyResult<Number> {
    let text = value.str()?;
    let number = text.to_str()?.parse::<Decimal>();
    number
        .map(Number::Exact)
        .map_err(|error| raised_at(value.py(), &error, name, kind))
}

fn is_decimal(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.is_instance(decimal_class(value.py())?)
}

fn decimal_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLASS.get_or_try_init(py, || {
        py.import("decimal")?.getattr("Decimal").map(Bound::unbind)
    })?;
    Ok(class.bind(py))
}

/// `decimal.Decimal` of the same value.
pub fn python_decimal(py: Python<'_>, decimal: Decimal) -> PyResult<Bound<'_, PyAny>> {
    decimal_class(py)?.call1((decimal.to_string(),))
}

fn type_error(value: &Bound<'_, PyAny>, name: &str) -> PyErr {
    let class = value
        .get_type()
        .name()
        .map_or_else(|_| "?".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "{name} must be a float, int, str or Decimal, was {class}"
    ))
}

/// The multiples of a positive decimal step, counted by whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    floats: LotGrid,
    /// The step as numerator / denominator; both are whole numbers.
    numerator: f64,
    denominator: f64,
}

impl Steps {
    pub fn new(step: Decimal) -> Result<Steps, Error> {
        let floats = LotGrid::new(step)?;
        let denominator = 10_f64.powi(step.scale() as i32);
        Ok(Steps {
            floats,
            numerator: step.mantissa() as f64,
            denominator,
        })
    }

    pub fn step(&self) -> Decimal {
        self.floats.grid()
    }

    /// The grid for checking whole columns.
    pub fn floats(&self) -> LotGrid {
        self.floats
    }

    /// Which multiple a number is.
    #[inline]
    pub fn index(&self, number: Number) -> Result<i64, Error> {
        match number {
            Number::Float(float) => self.floats.place(float),
            Number::Whole(whole) => self.index_exact(Decimal::from(whole)),
            Number::Exact(decimal) => self.index_exact(decimal),
        }
    }

    /// Most steps are powers of ten, for which the fraction is one multiplication.
    #[inline]
    fn index_exact(&self, decimal: Decimal) -> Result<i64, Error> {
        let step = self.step();
        if step.mantissa() == 1 && decimal.scale() <= step.scale() {
            let index = decimal
                .mantissa()
                .checked_mul(10_i128.pow(step.scale() - decimal.scale()));
            if let Some(Ok(index)) = index.map(i64::try_from) {
                return Ok(index);
            }
        }
        decimal.to_grid(step)
    }

    /// As [`Steps::index`]; a float too large for the rule is taken as the shortest decimal that
    /// means it. For sums a person types, such as an initial cash of 1e9, where 10^-8 is the unit.
    pub fn amount(&self, number: Number) -> Result<i64, Error> {
        let answer = self.index(number);
        match (number, &answer) {
            (Number::Float(float), Err(Error::Number(fault)))
                if matches!(**fault, NumberError::FloatTooCoarse { .. }) =>
            {
                shortest(float)?.to_grid(self.step())
            }
            _ => answer,
        }
    }

    /// The multiple at or below a number: what is received is rounded down, what is paid up.
    pub fn floor(&self, number: Number) -> Result<i64, Error> {
        if let Ok(index) = self.amount(number) {
            return Ok(index);
        }
        let decimal = match number {
            Number::Float(float) => shortest(float)?,
            Number::Whole(whole) => Decimal::from(whole),
            Number::Exact(decimal) => decimal,
        };
        match decimal.to_grid(self.step()) {
            Err(Error::Number(fault)) => match *fault {
                NumberError::OffGrid { below, .. } => below.to_grid(self.step()),
                other => Err(other.into()),
            },
            answer => answer,
        }
    }

    /// The float nearest to a multiple, where index and step have no more than 53 bits together.
    #[inline]
    pub fn value(&self, index: i64) -> f64 {
        index as f64 * self.numerator / self.denominator
    }

    /// The float of a ratio of two multiples, times the step: exact steps are not lost to rounding.
    pub fn value_of_ratio(&self, numerator: i64, denominator: i128) -> f64 {
        if denominator == 0 {
            return 0.0;
        }
        let (whole, rest) = (
            i128::from(numerator) / denominator,
            i128::from(numerator) % denominator,
        );
        let fraction = rest as f64 / denominator as f64;
        (whole as f64 * self.numerator + fraction * self.numerator) / self.denominator
    }

    pub fn decimal(&self, index: i64) -> Result<Decimal, Error> {
        self.step().times(index.into())
    }
}

/// The shortest decimal that reads as this float.
fn shortest(float: f64) -> Result<Decimal, Error> {
    if float.is_finite() {
        format!("{float}").parse()
    } else {
        Err(NumberError::FloatNotFinite { value: float }.into())
    }
}

/// Multiples of a positive decimal step, counted by whole numbers.
#[pyclass(frozen, eq, module = "tickstep._kernel")]
#[derive(PartialEq)]
pub struct Grid {
    steps: Steps,
}

#[pymethods]
impl Grid {
    #[new]
    fn new(step: &Bound<'_, PyAny>, name: &str) -> PyResult<Grid> {
        let py = step.py();
        let number = Number::read(step, name, Kind::Config)?;
        let decimal = match number {
            Number::Whole(whole) => Ok(Decimal::from(whole)),
            Number::Float(float) => shortest(float),
            Number::Exact(decimal) => Ok(decimal),
        };
        let steps = decimal.and_then(Steps::new);
        Ok(Grid {
            steps: steps.map_err(|error| raised_at(py, &error, name, Kind::Config))?,
        })
    }

    #[getter]
    fn step(&self) -> String {
        self.steps.step().to_string()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, (String, &'static str)) {
        (slf.get_type(), (slf.get().step(), "step"))
    }

    #[pyo3(signature = (value, name, error))]
    fn index(&self, value: &Bound<'_, PyAny>, name: &str, error: Kind) -> PyResult<i64> {
        self.read(value, name, error, Steps::index)
    }

    #[pyo3(signature = (value, name, error))]
    fn amount(&self, value: &Bound<'_, PyAny>, name: &str, error: Kind) -> PyResult<i64> {
        self.read(value, name, error, Steps::amount)
    }

    fn value(&self, index: i64) -> f64 {
        self.steps.value(index)
    }

    fn decimal<'py>(&self, py: Python<'py>, index: i64) -> PyResult<Bound<'py, PyAny>> {
        let decimal = self.steps.decimal(index);
        python_decimal(py, decimal.map_err(|error| raised(py, &error, Kind::Data))?)
    }

    #[pyo3(signature = (values, name, error))]
    fn indexes<'py>(
        &self,
        values: PyReadonlyArray1<'py, f64>,
        name: &str,
        error: Kind,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let py = values.py();
        let slice = values.as_slice()?;
        let mut indexes = Vec::with_capacity(slice.len());
        for (row, value) in slice.iter().enumerate() {
            let index = self.steps.floats.place(*value);
            let place = || format!("{name} at row {row}");
            indexes.push(index.map_err(|fault| raised_at(py, &fault, &place(), error))?);
        }
        Ok(PyArray1::from_vec(py, indexes))
    }

    fn values<'py>(
        &self,
        indexes: PyReadonlyArray1<'py, i64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let py = indexes.py();
        // A view of the `numpy` crate takes alignment for granted, which strides do not give.
        if !indexes.is_aligned() {
            let hint = "numpy.require(indexes, requirements='A') copies them";
            return Err(Kind::Data.error(py, "the indexes are not aligned", hint));
        }
        let view = indexes.as_array();
        let values = view.iter().map(|index| self.steps.value(*index));
        Ok(PyArray1::from_iter(py, values))
    }

    fn __repr__(&self) -> String {
        format!("Grid({})", self.steps.step())
    }
}

impl Grid {
    pub fn of(steps: Steps) -> Grid {
        Grid { steps }
    }

    pub fn steps(&self) -> Steps {
        self.steps
    }

    fn read(
        &self,
        value: &Bound<'_, PyAny>,
        name: &str,
        kind: Kind,
        convert: impl Fn(&Steps, Number) -> Result<i64, Error>,
    ) -> PyResult<i64> {
        let number = Number::read(value, name, kind)?;
        convert(&self.steps, number)
            .map_err(|error| off_grid(value.py(), &error, (name, number), &self.steps, kind))
    }
}

/// The exception for a number that is no multiple of a step.
pub fn off_grid(
    py: Python<'_>,
    error: &Error,
    (name, number): (&str, Number),
    steps: &Steps,
    kind: Kind,
) -> PyErr {
    match error {
        Error::Number(fault) if matches!(**fault, NumberError::Range) => {
            let message = format!("{name} {number} is beyond 2^63 steps of {}", steps.step());
            kind.error(
                py,
                &message,
                "give a smaller number, or choose a coarser grid",
            )
        }
        _ => raised_at(py, error, name, kind),
    }
}

/// Money units of one lot moving one tick.
#[pyfunction]
pub fn units_per_tick_lot(
    py: Python<'_>,
    tick_size: &str,
    lot: &str,
    multiplier: &str,
    money_unit: &str,
) -> PyResult<i64> {
    let units = || {
        tickstep::units_per_tick_lot(
            tick_size.parse()?,
            lot.parse()?,
            multiplier.parse()?,
            money_unit.parse()?,
        )
    };
    units().map_err(|error| raised(py, &error, Kind::Config))
}

/// The default lot and money unit of a tick size, as text.
#[pyfunction]
pub fn default_lot_and_unit(tick_size: &Bound<'_, PyAny>) -> PyResult<(String, String)> {
    let tick = Grid::new(tick_size, "tick_size")?.steps.step();
    let found = tickstep::default_lot_and_unit(tick);
    let (lot, unit) = found.map_err(|error| raised(tick_size.py(), &error, Kind::Config))?;
    Ok((lot.to_string(), unit.to_string()))
}
