//! Errors of the crate below as the exceptions of `tickstep.errors`: the one place that converts.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use tickstep::{BatchError, Error, NumberError, RowError};

/// Classes of `tickstep.errors` that the native side names itself.
#[derive(Clone, Copy)]
pub enum Kind {
    Capacity,
    Config,
    Data,
    Order,
    State,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Capacity => "CapacityError",
            Kind::Config => "ConfigError",
            Kind::Data => "DataError",
            Kind::Order => "OrderError",
            Kind::State => "StateError",
        }
    }

    const ALL: [Kind; 5] = [
        Kind::Capacity,
        Kind::Config,
        Kind::Data,
        Kind::Order,
        Kind::State,
    ];

    fn class(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        errors_module(py)?.getattr(self.name())
    }

    /// An exception of this class with a message and the mend.
    pub fn error(self, py: Python<'_>, message: &str, hint: &str) -> PyErr {
        made(|| {
            let arguments = PyDict::new(py);
            arguments.set_item("hint", hint)?;
            self.class(py)?.call((message,), Some(&arguments))
        })
    }
}

/// Python names the kind by the class itself.
impl<'py> FromPyObject<'_, 'py> for Kind {
    type Error = PyErr;

    fn extract(class: Borrowed<'_, 'py, PyAny>) -> PyResult<Kind> {
        let name = class.cast::<PyType>()?.name()?;
        let kind = Kind::ALL.into_iter().find(|kind| name == kind.name());
        kind.ok_or_else(|| PyTypeError::new_err(format!("{name} is not an error for this")))
    }
}

/// The exception of an error; `kind` is what the call was about, for errors that any call can meet.
pub fn raised(py: Python<'_>, error: &Error, kind: Kind) -> PyErr {
    made(|| from_parts(py, error, &error.to_string(), kind))
}

/// As [`raised`], with the name of the argument in front.
pub fn raised_at(py: Python<'_>, error: &Error, place: &str, kind: Kind) -> PyErr {
    let message = match error {
        Error::Number(number) => match &**number {
            NumberError::NotPositive { value, .. } => {
                format!("{place} is {value}: it must be above 0")
            }
            other => format!("{place}: {other}"),
        },
        other => format!("{place}: {other}"),
    };
    made(|| from_parts(py, error, &message, kind))
}

/// The exception of a refused column of ticks.
pub fn raised_row(py: Python<'_>, fault: &RowError) -> PyErr {
    made(|| from_parts(py, &fault.error, &fault.to_string(), Kind::Data))
}

/// The exception of a batch that ended early; `symbols` names the feeds.
pub fn raised_batch(py: Python<'_>, fault: &BatchError, symbols: &[String]) -> PyErr {
    let name = |feed: u32| symbols.get(feed as usize).map_or("?", String::as_str);
    let is_order = fault.feed.is_none() && fault.row.is_some();
    let place = match (fault.feed, fault.row) {
        (Some(feed), Some(row)) if symbols.len() > 1 => format!("row {row} of {}: ", name(feed)),
        (_, Some(row)) => format!("row {row}: "),
        (Some(feed), None) if symbols.len() > 1 => format!("{}: ", name(feed)),
        _ => String::new(),
    };
    let done = match fault.ticks_done {
        0 => String::new(),
        ticks => format!(" (after {ticks} ticks)"),
    };
    let kind = if is_order { Kind::Order } else { Kind::Data };
    let message = format!("{place}{}{done}", fault.error);
    made(|| from_parts(py, &fault.error, &message, kind))
}

fn from_parts<'py>(
    py: Python<'py>,
    error: &Error,
    message: &str,
    kind: Kind,
) -> PyResult<Bound<'py, PyAny>> {
    // Whatever the call was about, memory is what is lacking.
    let kind = match error {
        Error::Memory { .. } => Kind::Capacity,
        _ => kind,
    };
    let (name, class) = (error.name(), kind.class(py)?);
    errors_module(py)?.call_method1(
        "error_from_status",
        (error.code(), name, message, hint(error), class),
    )
}

/// The mend for what the table of statuses does not hold: numbers, and memory.
fn hint(error: &Error) -> Option<&'static str> {
    if let Error::Memory { .. } = error {
        return Some("drain_events() and fewer open orders make the engine smaller");
    }
    let Error::Number(number) = error else {
        return None;
    };
    Some(match **number {
        NumberError::Text { .. } => "give a float, an int, a Decimal, or text like '0.01'",
        NumberError::Range => "give fewer digits",
        NumberError::NotPositive { .. } | NumberError::FloatNotPositive { .. } => {
            "give a number above 0"
        }
        NumberError::OffGrid { .. } | NumberError::FloatOffGrid { .. } => {
            "round it yourself, or choose a finer grid in the configuration"
        }
        NumberError::FloatTooCoarse { .. } => "give a Decimal, text, or whole ticks or lots",
        NumberError::FloatNotFinite { .. } => "leave it out where there is no number",
        NumberError::UnitNotWhole { .. } | NumberError::NoDefaultLot { .. } => {
            "EngineConfig(lot=..., money_unit=...) sets both"
        }
        _ => return None,
    })
}

/// The exception, or what went wrong while it was made.
fn made<'py>(make: impl FnOnce() -> PyResult<Bound<'py, PyAny>>) -> PyErr {
    match make() {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}

fn errors_module(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("tickstep.errors").map(Bound::unbind))?;
    Ok(module.bind(py))
}
