//! The loop over bound bars: the kernel takes row by row until a bar is over or something happened.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{Grid, Steps};
use crate::engine::Engine;
use crate::errors::Kind;
use crate::exclusive::Exclusive;
use crate::line::Counter;

/// What the numbers of a bar are read with, and its names.
struct Terms {
    symbol: Py<PyString>,
    interval: Py<PyString>,
    tick: Steps,
    lot: Steps,
}

/// The whole numbers of a bar.
#[derive(Clone, Copy, PartialEq)]
pub struct Figures {
    pub start: i64,
    pub stop: i64,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i64,
}

impl Figures {
    /// Takes in the bar that follows.
    fn join(&mut self, next: &Figures) {
        self.high = self.high.max(next.high);
        self.low = self.low.min(next.low);
        self.close = next.close;
        self.volume += next.volume;
    }
}

/// Trades of one interval, complete; `start` <= time < `stop`.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct Bar {
    terms: Arc<Terms>,
    figures: Figures,
    trades: Option<i64>,
    is_last: bool,
}

#[pymethods]
impl Bar {
    #[new]
    #[pyo3(signature = (
        symbol, interval, start, stop, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots,
        *, tick_size, lot, trades=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "one for each part of a bar")]
    fn new(
        symbol: Py<PyString>,
        interval: Py<PyString>,
        start: i64,
        stop: i64,
        open_ticks: i64,
        high_ticks: i64,
        low_ticks: i64,
        close_ticks: i64,
        volume_lots: i64,
        tick_size: &Grid,
        lot: &Grid,
        trades: Option<i64>,
    ) -> Bar {
        let terms = Terms {
            symbol,
            interval,
            tick: tick_size.steps(),
            lot: lot.steps(),
        };
        let figures = Figures {
            start,
            stop,
            open: open_ticks,
            high: high_ticks,
            low: low_ticks,
            close: close_ticks,
            volume: volume_lots,
        };
        Bar {
            terms: Arc::new(terms),
            figures,
            trades,
            is_last: true,
        }
    }

    #[getter]
    fn symbol(&self, py: Python<'_>) -> Py<PyString> {
        self.terms.symbol.clone_ref(py)
    }

    #[getter]
    fn interval(&self, py: Python<'_>) -> Py<PyString> {
        self.terms.interval.clone_ref(py)
    }

    #[getter]
    fn start(&self) -> i64 {
        self.figures.start
    }

    #[getter]
    fn stop(&self) -> i64 {
        self.figures.stop
    }

    #[getter]
    fn open(&self) -> f64 {
        self.terms.tick.value(self.figures.open)
    }

    #[getter]
    fn high(&self) -> f64 {
        self.terms.tick.value(self.figures.high)
    }

    #[getter]
    fn low(&self) -> f64 {
        self.terms.tick.value(self.figures.low)
    }

    #[getter]
    fn close(&self) -> f64 {
        self.terms.tick.value(self.figures.close)
    }

    #[getter]
    fn volume(&self) -> f64 {
        self.terms.lot.value(self.figures.volume)
    }

    #[getter]
    fn trades(&self) -> Option<i64> {
        self.trades
    }

    /// Whether it is the last of those that are over at one moment.
    #[getter]
    fn is_last(&self) -> bool {
        self.is_last
    }

    #[getter]
    fn open_ticks(&self) -> i64 {
        self.figures.open
    }

    #[getter]
    fn high_ticks(&self) -> i64 {
        self.figures.high
    }

    #[getter]
    fn low_ticks(&self) -> i64 {
        self.figures.low
    }

    #[getter]
    fn close_ticks(&self) -> i64 {
        self.figures.close
    }

    #[getter]
    fn volume_lots(&self) -> i64 {
        self.figures.volume
    }

    fn __eq__(&self, other: &Bound<'_, Bar>) -> bool {
        let other = other.get();
        let names = |bar: &Bar| (bar.terms.symbol.to_string(), bar.terms.interval.to_string());
        self.figures == other.figures
            && self.trades == other.trades
            && self.terms.tick == other.terms.tick
            && self.terms.lot == other.terms.lot
            && names(self) == names(other)
    }

    fn __repr__(&self) -> String {
        format!(
            "Bar({}, {}, {} to {}: open={:?}, high={:?}, low={:?}, close={:?}, volume={:?})",
            self.terms.symbol,
            self.terms.interval,
            self.figures.start,
            self.figures.stop,
            self.open(),
            self.high(),
            self.low(),
            self.close(),
            self.volume(),
        )
    }
}

/// Bars of one length of one feed: its own, or several of them put together.
struct View {
    terms: Arc<Terms>,
    /// Length in the unit of the times, and where one begins; None for the bars as they are.
    cut: Option<(i64, i64)>,
    /// Of longer bars the one in the making.
    partial: Option<Figures>,
    /// Bars told of.
    counter: Counter,
}

impl View {
    fn told(&self, figures: Figures) -> Over {
        Over {
            bar: Bar {
                terms: Arc::clone(&self.terms),
                figures,
                trades: None,
                is_last: false,
            },
            counter: self.counter.clone(),
        }
    }

    /// The bar in the making, if it is over at this time.
    fn over(&mut self, time: i64) -> Option<Over> {
        let partial = self.partial.take_if(|partial| partial.stop <= time)?;
        Some(self.told(partial))
    }

    /// Takes in a bar of the feed and gives the one that is over with it.
    fn take(&mut self, figures: Figures) -> Option<Over> {
        let Some((length, phase)) = self.cut else {
            return Some(self.told(figures));
        };
        match &mut self.partial {
            Some(partial) => partial.join(&figures),
            None => {
                let start = (figures.start - phase).div_euclid(length) * length + phase;
                self.partial = Some(Figures {
                    start,
                    stop: start + length,
                    ..figures
                });
            }
        }
        self.over(figures.stop)
    }
}

/// Which bars a loop wants: index of the feed, interval as text, its length and where one begins
/// (none for the feed's own), and what counts them.
type Wanted = (usize, Py<PyString>, Option<(i64, i64)>, Py<Counter>);

/// A bar that is over and not told of.
struct Over {
    bar: Bar,
    counter: Counter,
}

/// What a loop has before it.
struct Place {
    /// Time and index of the feeds that have rows to come.
    next: BinaryHeap<Reverse<(i64, usize)>>,
    /// By feed, the longest first.
    views: Vec<Vec<View>>,
    /// Bars that are over at `time`; told when all rows of that time are taken.
    over: VecDeque<Over>,
    time: i64,
    /// Sequence of the last event that was looked at.
    seen: u64,
}

/// Iterator over the bars of an engine's bound data. Yields None where an event of a kind in `stop_on`
/// waits to be drained, before anything else is taken.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct BarCursor {
    engine: Py<Engine>,
    stop_on: u32,
    place: Exclusive<Place>,
}

/// Rows taken without a word to Python between two looks for signals.
const PIECE_ROWS: usize = 1 << 20;

#[pymethods]
impl BarCursor {
    #[new]
    fn new(
        py: Python<'_>,
        engine: &Bound<'_, Engine>,
        wanted: Vec<Wanted>,
        stop_on: u32,
    ) -> PyResult<BarCursor> {
        let feeds = engine.get().feeds(py)?;
        let mut views: Vec<Vec<View>> = feeds.iter().map(|_| Vec::new()).collect();
        for (feed, interval, cut, counter) in wanted {
            let market = engine.get().market(feeds[feed].0);
            let terms = Terms {
                symbol: market.symbol.clone_ref(py),
                interval,
                tick: market.scale.tick,
                lot: market.scale.lot,
            };
            views[feed].push(View {
                terms: Arc::new(terms),
                cut,
                partial: None,
                counter: counter.get().clone(),
            });
        }
        for own in &mut views {
            own.sort_by_key(|view| Reverse(view.cut));
        }
        let next = (0..).zip(&feeds);
        let next = next.filter_map(|(feed, (_, time))| time.map(|time| Reverse((time, feed))));
        Ok(BarCursor {
            place: Exclusive::new(Place {
                next: next.collect(),
                views,
                over: VecDeque::new(),
                time: i64::MIN,
                seen: 0,
            }),
            engine: engine.clone().unbind(),
            stop_on,
        })
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Option<Bar>>> {
        let mut place = self.place.take(py).ok_or_else(|| {
            let hint = "one loop belongs to one thread at a time";
            Kind::State.error(py, "the loop is in the midst of another call", hint)
        })?;
        for _ in 0..PIECE_ROWS {
            let next = place.next.peek().map(|Reverse((time, _))| *time);
            if next.is_none_or(|next| next > place.time) {
                if let Some(Over { mut bar, counter }) = place.over.pop_front() {
                    counter.advance();
                    bar.is_last = place.over.is_empty();
                    return Ok(Some(Some(bar)));
                }
            }
            if next.is_none() {
                return Ok(None);
            }
            if self.take_row(py, &mut place)? {
                return Ok(Some(None));
            }
        }
        py.check_signals()?;
        Ok(Some(None))
    }
}

impl BarCursor {
    /// Takes the next row of all; true when an event waits that the loop stops on.
    fn take_row(&self, py: Python<'_>, place: &mut Place) -> PyResult<bool> {
        let Some(Reverse((time, feed))) = place.next.pop() else {
            return Ok(false);
        };
        let told = place.over.len();
        let views = &mut place.views[feed];
        place
            .over
            .extend(views.iter_mut().filter_map(|view| view.over(time)));
        if place.over.len() > told && time > place.time {
            // They were over before this row: it is taken when they have been told.
            place.next.push(Reverse((time, feed)));
            place.time = time - 1;
            return Ok(false);
        }
        place.time = time;
        let engine = self.engine.get();
        let taken = engine.take_row(py, feed, self.stop_on, &mut place.seen)?;
        if let Some(time) = taken.next_time {
            place.next.push(Reverse((time, feed)));
        }
        if let Some(figures) = taken.bar {
            for view in &mut place.views[feed] {
                place.over.extend(view.take(figures));
            }
        }
        Ok(taken.is_stop)
    }
}
