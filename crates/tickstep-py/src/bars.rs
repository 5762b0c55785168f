//! The loop over bound bars: the kernel takes row by row until a bar is over or something happened.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::Relaxed};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::bar_columns::{BarColumns, BarFeed, Source};
use crate::convert::{Grid, Steps};
use crate::engine::Engine;
use crate::errors::Kind;
use crate::exclusive::{Exclusive, Turn};
use crate::line::Counter;
use crate::reuse::{Pair, Reused};

/// What the numbers of a bar are read with, and its names.
struct Terms {
    symbol: Py<PyString>,
    interval: Py<PyString>,
    tick: Steps,
    lot: Steps,
}

/// The whole numbers of a bar.
#[derive(Clone, Copy)]
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
    fn of(numbers: [i64; 7]) -> Figures {
        let [start, stop, open, high, low, close, volume] = numbers;
        Figures {
            start,
            stop,
            open,
            high,
            low,
            close,
            volume,
        }
    }

    /// In the order of their places in a `Bar`.
    #[inline]
    fn numbers(&self) -> [i64; 7] {
        let Figures {
            start,
            stop,
            open,
            high,
            low,
            close,
            volume,
        } = *self;
        [start, stop, open, high, low, close, volume]
    }

    /// Takes in the bar that follows.
    fn join(&mut self, next: &Figures) {
        self.high = self.high.max(next.high);
        self.low = self.low.min(next.low);
        self.close = next.close;
        self.volume += next.volume;
    }
}

/// Places of the whole numbers in a `Bar`.
const START: usize = 0;
const STOP: usize = 1;
const OPEN: usize = 2;
const HIGH: usize = 3;
const LOW: usize = 4;
const CLOSE: usize = 5;
const VOLUME: usize = 6;

// The numbers are atomics because the loop writes the next bar into an object that only it holds;
// for everybody who can see the object it never changes.
/// Trades of one interval, complete; `start` <= time < `stop`.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct Bar {
    terms: Arc<Terms>,
    numbers: [AtomicI64; 7],
    trades: Option<i64>,
    is_last: AtomicBool,
}

#[pymethods]
impl Bar {
    #[new]
    #[pyo3(signature = (
        symbol, interval, start, stop, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots,
        *, tick_size, lot, trades=None, is_last=true
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
        is_last: bool,
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
            trades,
            ..Bar::of(&Arc::new(terms), &figures, is_last)
        }
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let (symbol, interval) = (&self.terms.symbol, &self.terms.interval);
        let names = [symbol.bind(py).as_any(), interval.bind(py).as_any()];
        let mut places: Vec<Bound<'py, PyAny>> = names.into_iter().cloned().collect();
        for number in self.numbers() {
            places.push(number.into_pyobject(py)?.into_any());
        }
        let named = PyDict::new(py);
        named.set_item("tick_size", Py::new(py, Grid::of(self.terms.tick))?)?;
        named.set_item("lot", Py::new(py, Grid::of(self.terms.lot))?)?;
        named.set_item("trades", self.trades)?;
        named.set_item("is_last", self.is_last())?;
        Ok((PyTuple::new(py, places)?, named))
    }

    /// A bar that somebody holds never changes.
    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
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
        self.number(START)
    }

    #[getter]
    fn stop(&self) -> i64 {
        self.number(STOP)
    }

    #[getter]
    fn open(&self) -> f64 {
        self.terms.tick.value(self.number(OPEN))
    }

    #[getter]
    fn high(&self) -> f64 {
        self.terms.tick.value(self.number(HIGH))
    }

    #[getter]
    fn low(&self) -> f64 {
        self.terms.tick.value(self.number(LOW))
    }

    #[getter]
    fn close(&self) -> f64 {
        self.terms.tick.value(self.number(CLOSE))
    }

    #[getter]
    fn volume(&self) -> f64 {
        self.terms.lot.value(self.number(VOLUME))
    }

    #[getter]
    fn trades(&self) -> Option<i64> {
        self.trades
    }

    /// Whether it is the last of those that are over at one moment.
    #[getter]
    fn is_last(&self) -> bool {
        self.is_last.load(Relaxed)
    }

    #[getter]
    fn open_ticks(&self) -> i64 {
        self.number(OPEN)
    }

    #[getter]
    fn high_ticks(&self) -> i64 {
        self.number(HIGH)
    }

    #[getter]
    fn low_ticks(&self) -> i64 {
        self.number(LOW)
    }

    #[getter]
    fn close_ticks(&self) -> i64 {
        self.number(CLOSE)
    }

    #[getter]
    fn volume_lots(&self) -> i64 {
        self.number(VOLUME)
    }

    fn __eq__(&self, other: &Bound<'_, Bar>) -> bool {
        let other = other.get();
        let names = |bar: &Bar| (bar.terms.symbol.to_string(), bar.terms.interval.to_string());
        self.numbers() == other.numbers()
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
            self.start(),
            self.stop(),
            self.open(),
            self.high(),
            self.low(),
            self.close(),
            self.volume(),
        )
    }
}

impl Bar {
    fn of(terms: &Arc<Terms>, figures: &Figures, is_last: bool) -> Bar {
        Bar {
            terms: Arc::clone(terms),
            numbers: figures.numbers().map(AtomicI64::new),
            trades: None,
            is_last: is_last.into(),
        }
    }

    fn number(&self, place: usize) -> i64 {
        self.numbers[place].load(Relaxed)
    }

    fn numbers(&self) -> [i64; 7] {
        std::array::from_fn(|place| self.number(place))
    }
}

impl Reused for Bar {
    /// Its figures, and whether it is the last of its moment.
    type Value = (Figures, bool);

    #[inline]
    fn write(&self, (figures, is_last): &(Figures, bool)) {
        for (place, number) in self.numbers.iter().zip(figures.numbers()) {
            place.store(number, Relaxed);
        }
        self.is_last.store(*is_last, Relaxed);
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
    /// The objects that the loop hands out.
    shown: Pair<Bar>,
}

impl View {
    /// The bar in the making, if it is over at this time.
    fn over(&mut self, time: i64) -> Option<Figures> {
        self.partial.take_if(|partial| partial.stop <= time)
    }

    /// Takes in a bar of the feed and gives the one that is over with it.
    fn take(&mut self, figures: &Figures) -> Option<Figures> {
        let Some((length, phase)) = self.cut else {
            return Some(*figures);
        };
        match &mut self.partial {
            Some(partial) => partial.join(figures),
            None => {
                let start = (figures.start - phase).div_euclid(length) * length + phase;
                self.partial = Some(Figures {
                    start,
                    stop: start + length,
                    ..*figures
                });
            }
        }
        self.over(figures.stop)
    }

    fn show(&mut self, py: Python<'_>, figures: Figures, is_last: bool) -> PyResult<Py<Bar>> {
        self.counter.advance();
        let terms = &self.terms;
        self.shown
            .show(py, &(figures, is_last), |(figures, is_last)| {
                Bar::of(terms, figures, *is_last)
            })
    }
}

/// Which bars a loop wants: index of the feed, interval as text, its length and where one begins
/// (none for the feed's own), what counts them, and the one in the making.
type Wanted = (
    usize,
    Py<PyString>,
    Option<(i64, i64)>,
    Py<Counter>,
    Option<[i64; 7]>,
);

/// A bar that is over and not told of.
struct Over {
    feed: usize,
    view: usize,
    figures: Figures,
}

/// What a loop has before it.
struct Place {
    /// By instrument.
    sources: Vec<Source>,
    /// Time and index of the feeds that have rows to come.
    next: BinaryHeap<Reverse<(i64, usize)>>,
    /// By feed, the longest first.
    views: Vec<Vec<View>>,
    /// Bars that are over at `time`; told when all rows of that time are taken.
    over: VecDeque<Over>,
    time: i64,
    /// Sequence of the last event that was looked at.
    seen: u64,
    rows_done: u64,
    /// When so many rows are done, the loop gives its caller a turn.
    pause_at: u64,
    /// Whether the last turn was given for that alone.
    is_pause: bool,
}

/// Kinds of events on which a loop gives its caller a turn, bit by bit; more may be added while it
/// runs.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct EventMask {
    mask: Arc<AtomicU32>,
}

#[pymethods]
impl EventMask {
    #[new]
    fn new(mask: u32) -> EventMask {
        EventMask {
            mask: Arc::new(mask.into()),
        }
    }

    #[getter]
    fn mask(&self) -> u32 {
        self.mask.load(Relaxed)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, (u32,)) {
        (slf.get_type(), (slf.get().mask(),))
    }

    fn add(&self, kind: u32) {
        let bit = 1_u32.checked_shl(kind).unwrap_or(0);
        self.mask.fetch_or(bit, Relaxed);
    }
}

/// Iterator over bars, one feed for each instrument of an engine, None for what it is bound to: each
/// bar, or all of one moment in a dict by
/// symbol. Yields None where an event of a kind in `stop_on` waits to be drained, before anything else
/// is taken, and whenever `pause_rows` more rows are done. It ends before the first row at or after
/// `until`, and goes on when that is moved.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct BarCursor {
    engine: Py<Engine>,
    stop_on: Arc<AtomicU32>,
    until: AtomicI64,
    /// Events that wait outside the engine call for a stop after the next row.
    is_due: AtomicBool,
    pause_rows: u64,
    is_gathering: bool,
    place: Exclusive<Place>,
}

#[pymethods]
impl BarCursor {
    /// `taken` are the rows of each feed that lie behind; the engine goes to its own by itself.
    #[new]
    #[pyo3(signature = (engine, feeds, wanted, stop_on, pause_rows, is_gathering, taken=None))]
    #[expect(clippy::too_many_arguments, reason = "what a loop is about")]
    fn new(
        py: Python<'_>,
        engine: &Bound<'_, Engine>,
        feeds: Vec<Option<Py<BarColumns>>>,
        wanted: Vec<Wanted>,
        stop_on: &EventMask,
        pause_rows: u64,
        is_gathering: bool,
        taken: Option<Vec<usize>>,
    ) -> PyResult<BarCursor> {
        let mut views: Vec<Vec<View>> = feeds.iter().map(|_| Vec::new()).collect();
        for (feed, interval, cut, counter, partial) in wanted {
            let market = engine.get().market(feed as u32);
            let terms = Terms {
                symbol: market.symbol.clone_ref(py),
                interval,
                tick: market.scale.tick,
                lot: market.scale.lot,
            };
            views[feed].push(View {
                terms: Arc::new(terms),
                cut,
                partial: partial.map(Figures::of),
                counter: counter.get().clone(),
                shown: Pair::default(),
            });
        }
        for own in &mut views {
            own.sort_by_key(|view| Reverse(view.cut));
        }
        let mut sources = sources_of(feeds);
        let taken = taken.unwrap_or_default();
        for (source, rows) in sources.iter_mut().zip(&taken) {
            if let Source::Bars(bars) = source {
                bars.seek(*rows);
            }
        }
        let rows_done = taken.iter().sum::<usize>() as u64;
        let mut next = BinaryHeap::new();
        for (feed, source) in sources.iter().enumerate() {
            let time = match source {
                Source::Bound(bound) => engine.get().next_time(py, *bound)?,
                Source::Bars(bars) => bars.next_time(),
            };
            next.extend(time.map(|time| Reverse((time, feed))));
        }
        Ok(BarCursor {
            place: Exclusive::new(Place {
                sources,
                next,
                views,
                over: VecDeque::new(),
                time: i64::MIN,
                seen: 0,
                rows_done,
                pause_at: rows_done + pause_rows,
                is_pause: false,
            }),
            engine: engine.clone().unbind(),
            stop_on: Arc::clone(&stop_on.mask),
            until: i64::MAX.into(),
            is_due: false.into(),
            pause_rows,
            is_gathering,
        })
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Option<Py<PyAny>>>> {
        let mut place = self.turn(py)?;
        loop {
            let next = place.next.peek().map(|Reverse((time, _))| *time);
            if next.is_none_or(|next| next > place.time) && !place.over.is_empty() {
                return place.tell(py, self.is_gathering).map(Some).map(Some);
            }
            // A moment is never left half done.
            let is_end = |next| next >= self.until.load(Relaxed) && next > place.time;
            if next.is_none_or(is_end) {
                return Ok(None);
            }
            if place.rows_done >= place.pause_at {
                place.pause_at += self.pause_rows;
                place.is_pause = true;
                return Ok(Some(None));
            }
            if self.take_rows(py, &mut place, false)? {
                place.is_pause = false;
                return Ok(Some(None));
            }
        }
    }

    /// Rows taken, of all feeds.
    #[getter]
    fn rows_done(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.turn(py)?.rows_done)
    }

    /// Whether None was yielded because so many rows were done, and not for an event.
    #[getter]
    fn is_pause(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.turn(py)?.is_pause)
    }

    #[getter]
    fn until(&self) -> i64 {
        self.until.load(Relaxed)
    }

    /// May be moved from anywhere, a handler of signals among others: a loop that is asked for the
    /// next bar ends there when a moment is complete.
    #[setter]
    fn set_until(&self, until: i64) {
        self.until.store(until, Relaxed);
    }

    /// Stop after the next row, as for events that wait in the engine: they were taken out of it.
    fn stop_at_next(&self) {
        self.is_due.store(true, Relaxed);
    }

    fn finish_moment(&self, py: Python<'_>) -> PyResult<bool> {
        let mut place = self.turn(py)?;
        while place
            .next
            .peek()
            .is_some_and(|Reverse((time, _))| *time == place.time)
        {
            if self.take_rows(py, &mut place, true)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl BarCursor {
    #[inline]
    fn turn<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<Turn<'a, 'py, Place>> {
        self.place.take(py).ok_or_else(|| {
            let hint = "one loop belongs to one thread at a time";
            Kind::State.error(py, "the loop is in the midst of another call", hint)
        })
    }

    /// Takes the rows that come next, all of one feed, up to one after which there is something to
    /// tell, or of one time alone; true when an event waits that the loop stops on.
    fn take_rows(&self, py: Python<'_>, place: &mut Place, of_one_time: bool) -> PyResult<bool> {
        let Some(Reverse((time, feed))) = place.next.pop() else {
            return Ok(false);
        };
        if place.is_over_before(feed, time) {
            // They were over before this row: it is taken when they have been told.
            place.next.push(Reverse((time, feed)));
            place.time = time - 1;
            return Ok(false);
        }
        let next = place.next.peek().map(|Reverse(head)| *head);
        // What is over is told before a later row is taken.
        let before = if place.over.is_empty() && !of_one_time {
            next
        } else {
            Some((time, usize::MAX))
        };
        // Nor is a row before which longer bars were over.
        let end = place.next_end(feed).min(self.until.load(Relaxed));
        let last = (end.saturating_sub(1), usize::MAX);
        let before = before.map_or(last, |before| before.min(last));
        let is_due = self.is_due.swap(false, Relaxed);
        let before = Some(if is_due {
            before.min((time, feed + 1))
        } else {
            before
        });
        let (engine, stop_on) = (self.engine.get(), self.stop_on.load(Relaxed));
        let Place { sources, seen, .. } = &mut *place;
        let source = (feed, &mut sources[feed]);
        let taken = engine.take_rows(py, source, before, stop_on, seen)?;
        place.time = taken.time;
        place.rows_done += taken.rows;
        if let Some(time) = taken.next_time {
            place.next.push(Reverse((time, feed)));
        }
        if let Some(figures) = taken.bar {
            place.take(feed, &figures);
        }
        Ok(taken.is_stop || is_due)
    }
}

/// Of each instrument its bars, or what the engine is bound to, which comes in the same order.
fn sources_of(feeds: Vec<Option<Py<BarColumns>>>) -> Vec<Source> {
    let mut bound = 0..;
    let source = |(instrument, columns): (u32, Option<Py<BarColumns>>)| match columns {
        Some(columns) => Source::Bars(BarFeed::new(columns, instrument)),
        None => Source::Bound(bound.next().unwrap_or(0)),
    };
    (0..).zip(feeds).map(source).collect()
}

impl Place {
    /// Whether longer bars were over before a row of this time came; they wait to be told then.
    #[inline]
    fn is_over_before(&mut self, feed: usize, time: i64) -> bool {
        let told = self.over.len();
        for (view, own) in self.views[feed].iter_mut().enumerate() {
            if let Some(figures) = own.over(time) {
                self.over.push_back(Over {
                    feed,
                    view,
                    figures,
                });
            }
        }
        self.over.len() > told && time > self.time
    }

    /// When the first of the longer bars in the making is over.
    #[inline]
    fn next_end(&self, feed: usize) -> i64 {
        let partials = self.views[feed].iter().filter_map(|own| own.partial);
        partials.map(|each| each.stop).min().unwrap_or(i64::MAX)
    }

    /// Takes in a bar of a feed.
    #[inline]
    fn take(&mut self, feed: usize, figures: &Figures) {
        for (view, own) in self.views[feed].iter_mut().enumerate() {
            if let Some(figures) = own.take(figures) {
                self.over.push_back(Over {
                    feed,
                    view,
                    figures,
                });
            }
        }
    }

    /// The bar that is next to tell of, or all that there are to tell of.
    #[inline]
    fn tell(&mut self, py: Python<'_>, is_gathering: bool) -> PyResult<Py<PyAny>> {
        if is_gathering {
            return self.tell_all(py);
        }
        Ok(self.next_bar(py)?.into_any())
    }

    /// Of several intervals the shortest, as the loop tells that last.
    fn tell_all(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let together = PyDict::new(py);
        while !self.over.is_empty() {
            let bar = self.next_bar(py)?;
            together.set_item(&bar.get().terms.symbol, &bar)?;
        }
        Ok(together.into_any().unbind())
    }

    #[inline]
    fn next_bar(&mut self, py: Python<'_>) -> PyResult<Py<Bar>> {
        let Over {
            feed,
            view,
            figures,
        } = self.over.pop_front().expect("a bar is over");
        let is_last = self.over.is_empty();
        self.views[feed][view].show(py, figures, is_last)
    }
}
