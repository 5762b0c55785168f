//! What a strategy asks at every bar, answered without a frame of Python.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::engine::Engine;
use crate::errors::Kind;
use crate::exclusive::{Exclusive, Turn};
use crate::line::Line;

/// What a run gives to its strategy.
#[derive(Default)]
struct Seat {
    /// None before a run, and where the venue is not an engine.
    engine: Option<Py<Engine>>,
    /// The first lines that were asked for, by the very objects of the question.
    recent: Vec<(Question, Py<Line>)>,
    /// All lines, by what was asked.
    lines: Option<Py<PyDict>>,
}

/// Length, symbol and interval of a line; kept, so that no other object takes their places.
struct Question([Option<Py<PyAny>>; 3]);

/// So few are looked through faster than they are looked up.
const RECENT_MAX: usize = 8;

/// What `tickstep.Strategy` is made from.
#[pyclass(frozen, subclass, module = "tickstep._kernel")]
pub struct StrategyBase {
    seat: Exclusive<Seat>,
}

#[pymethods]
impl StrategyBase {
    /// Whatever a subclass takes is its own.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> StrategyBase {
        StrategyBase {
            seat: Exclusive::new(Seat::default()),
        }
    }

    /// Says that there is nothing here that a copy would lack: a run begins with the session.
    fn __getnewargs__<'py>(&self, py: Python<'py>) -> Bound<'py, PyTuple> {
        PyTuple::empty(py)
    }

    /// Takes the engine that the strategy runs in, None for another venue.
    fn _take_seat(&self, py: Python<'_>, engine: Option<Py<Engine>>) -> PyResult<()> {
        let mut seat = self.turn(py)?;
        let before = std::mem::replace(
            &mut *seat,
            Seat {
                engine,
                ..Seat::default()
            },
        );
        drop(seat);
        drop(before);
        Ok(())
    }

    /// Position in the one instrument, in its units, long above 0; see `position_of`.
    #[getter]
    fn position(slf: &Bound<'_, Self>) -> PyResult<f64> {
        held(slf, None)
    }

    /// Tell the position in an instrument, in its units, long above 0.
    fn position_of(slf: &Bound<'_, Self>, symbol: &Bound<'_, PyString>) -> PyResult<f64> {
        held(slf, Some(symbol))
    }

    /// Tell the mean of the last closes.
    #[pyo3(signature = (length, symbol=None, interval=None))]
    fn sma(
        slf: &Bound<'_, Self>,
        length: &Bound<'_, PyAny>,
        symbol: Option<&Bound<'_, PyAny>>,
        interval: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Line>> {
        let py = slf.py();
        let question = [Some(length), symbol, interval];
        let mut seat = slf.get().turn(py)?;
        if let Some(line) = seat.recent(py, question) {
            return Ok(line);
        }
        let lines = seat.lines(py);
        drop(seat);
        let lines = lines.bind(py);
        let key = (length, symbol, interval).into_pyobject(py)?;
        let line = match lines.get_item(&key)? {
            Some(line) => line.cast_into::<Line>()?.unbind(),
            None => line_of(slf, length, symbol, interval)?,
        };
        lines.set_item(&key, &line)?;
        slf.get().turn(py)?.remember(py, question, &line);
        Ok(line)
    }
}

impl StrategyBase {
    #[inline]
    fn turn<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<Turn<'a, 'py, Seat>> {
        self.seat.take(py).ok_or_else(|| {
            let hint = "one strategy belongs to one thread at a time";
            Kind::State.error(py, "the strategy is in the midst of another call", hint)
        })
    }
}

impl Seat {
    #[inline]
    fn recent(&self, py: Python<'_>, question: [Option<&Bound<'_, PyAny>>; 3]) -> Option<Py<Line>> {
        let mut recent = self.recent.iter();
        let (_, line) = recent.find(|(known, _)| known.is(question))?;
        Some(line.clone_ref(py))
    }

    fn remember(
        &mut self,
        py: Python<'_>,
        question: [Option<&Bound<'_, PyAny>>; 3],
        line: &Py<Line>,
    ) {
        if self.recent.len() < RECENT_MAX {
            let question = question.map(|part| part.map(|part| part.clone().unbind()));
            self.recent.push((Question(question), line.clone_ref(py)));
        }
    }

    fn lines(&mut self, py: Python<'_>) -> Py<PyDict> {
        let lines = self.lines.get_or_insert_with(|| PyDict::new(py).unbind());
        lines.clone_ref(py)
    }
}

impl Question {
    #[inline]
    fn is(&self, question: [Option<&Bound<'_, PyAny>>; 3]) -> bool {
        self.0
            .iter()
            .zip(question)
            .all(|(known, asked)| known.as_ref().map(Py::as_ptr) == asked.map(Bound::as_ptr))
    }
}

/// The position, of the engine itself or of whatever the strategy acts through.
fn held(strategy: &Bound<'_, StrategyBase>, symbol: Option<&Bound<'_, PyString>>) -> PyResult<f64> {
    let py = strategy.py();
    let seat = strategy.get().turn(py)?;
    if let Some(engine) = &seat.engine {
        return engine.get().position_of(py, symbol);
    }
    drop(seat);
    let desk = strategy.getattr("_running")?;
    desk.call_method1("position", (symbol,))?.extract()
}

/// A line that was not asked for before.
fn line_of(
    strategy: &Bound<'_, StrategyBase>,
    length: &Bound<'_, PyAny>,
    symbol: Option<&Bound<'_, PyAny>>,
    interval: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<Line>> {
    let desk = strategy.getattr("_running")?;
    let series = desk.call_method1("history", (symbol, interval))?;
    let line = series.call_method1("sma", (length,))?;
    Ok(line.cast_into::<Line>()?.unbind())
}
