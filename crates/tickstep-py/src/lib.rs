//! Native module `tickstep._kernel`: argument checks, arrays in place, errors as exceptions.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tickstep::{BarFill, Entry, EventKind, Offset, OrderType, Reason, Side, Status, TimeInForce};

mod analytics;
mod arrow;
mod bar_columns;
mod bars;
mod batch;
mod book;
mod bound;
mod call_cost;
mod config_numbers;
mod convert;
mod cursor;
mod engine;
mod errors;
mod exclusive;
mod history;
mod line;
mod markets;
mod order;
mod pertick;
mod reuse;
mod scale;
mod schedule;
mod signals;
mod snapshot;
mod source;
mod strategy;
mod table;
mod ticks;
mod trades;

// `exclusive.rs` relies on the GIL.
#[pymodule(gil_used = true)]
mod _kernel {
    use super::*;

    #[pymodule_export]
    use super::{
        bar_columns::BarColumns,
        bars::{Bar, BarCursor, EventMask},
        batch::BatchResult,
        book::{BookParser, book_best},
        call_cost::CallCost,
        convert::{Grid, default_lot_and_unit, units_per_tick_lot},
        cursor::TickCursor,
        engine::Engine,
        line::{Counter, Line, Times},
        order::{OpenOrder, Order},
        pertick::desk_terms,
        reason_message, reason_name,
        signals::{SignalPlan, sma_signals},
        snapshot::Snapshot,
        status_message, status_name,
        strategy::StrategyBase,
        table::TableParser,
        ticks::{Tick, TickColumns, shown_tick},
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        add_numbers(module)?;
        arrow::register(module)?;
        trades::register(module)?;
        analytics::register(module)
    }
}

/// Dictionaries from name to number for the lists that Python hands over as numbers.
fn add_numbers(module: &Bound<'_, PyModule>) -> PyResult<()> {
    macro_rules! add {
        ($($name:literal $list:ty),+) => {$({
            let numbers = numbers(module.py(), <$list>::ALL, <$list>::name, <$list>::number)?;
            module.add($name, numbers)?;
        })+};
    }
    add!(
        "SIDES" Side, "ORDER_TYPES" OrderType, "TIMES_IN_FORCE" TimeInForce, "OFFSETS" Offset,
        "EVENT_KINDS" EventKind, "ENTRIES" Entry
    );
    let rows = PyDict::new(module.py());
    for fill in BarFill::ALL {
        rows.set_item(fill.name(), (fill.rows(), fill.told_after()))?;
    }
    module.add("BAR_ROWS", rows)?;
    module.add("VERSION", tickstep::kernel_version())
}

fn numbers<'py, T: Copy, N: IntoPyObject<'py>>(
    py: Python<'py>,
    all: &[T],
    name: fn(T) -> &'static str,
    number: fn(T) -> N,
) -> PyResult<Bound<'py, PyDict>> {
    let numbers = PyDict::new(py);
    for member in all {
        numbers.set_item(name(*member), number(*member))?;
    }
    Ok(numbers)
}

const UNKNOWN: &str = "UNKNOWN";

/// Name of a kernel status.
#[pyfunction]
fn status_name(number: i32) -> &'static str {
    Status::from_number(number).map_or(UNKNOWN, Status::name)
}

/// Meaning of a kernel status.
#[pyfunction]
fn status_message(number: i32) -> &'static str {
    Status::from_number(number).map_or(UNKNOWN, Status::message)
}

/// Name of a reason.
#[pyfunction]
fn reason_name(number: u16) -> &'static str {
    Reason::from_number(number).map_or(UNKNOWN, Reason::name)
}

/// Meaning of a reason.
#[pyfunction]
fn reason_message(number: u16) -> &'static str {
    Reason::from_number(number).map_or(UNKNOWN, Reason::message)
}
