//! Strategies called at every tick by native code: functions at an address, and loops compiled by
//! somebody else.

use std::ffi::c_void;
use std::ptr::NonNull;

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use tickstep::{Desk, Engine, FeedSet, ForeignStrategy, TickRun, TickStop};

use crate::batch::Stop;
use crate::errors::{Kind, raised};
use crate::ticks::column_array;

/// Ticks between two looks for signals.
const PIECE_TICKS: usize = 1 << 22;

fn stopped(py: Python<'_>, stop: TickStop) -> Stop {
    match stop {
        TickStop::Refused(fault) => Stop::Batch(fault),
        TickStop::Answer { code, row } => {
            let message = format!("the strategy answered {code} at row {row}");
            let hint = "an answer other than 0 stops the run; the strategy knows why";
            Stop::Python(Kind::State.error(py, &message, hint))
        }
    }
}

/// Calls the function at an address for every bound tick.
pub fn run_function(
    py: Python<'_>,
    engine: &mut Engine,
    feeds: &mut FeedSet<'_>,
    (function, state): (usize, usize),
) -> Result<(), Stop> {
    let Some(function) = NonNull::new(function as *mut c_void) else {
        let hint = "load it from a shared library";
        return Err(Kind::Config
            .error(py, "there is no function at address 0", hint)
            .into());
    };
    // SAFETY: Python found the address in a library by the name that the user gave; that there is a
    // function of this type is what `native.load` asks of them, and it keeps library and state alive.
    let mut strategy = unsafe { ForeignStrategy::new(function, state as *mut c_void) };
    let mut run = TickRun::new(engine, feeds).map_err(|error| raised(py, &error, Kind::State))?;
    while py
        .detach(|| run.take(engine, feeds, &mut strategy, PIECE_TICKS))
        .map_err(|stop| stopped(py, stop))?
    {
        py.check_signals()?;
    }
    Ok(())
}

/// Hands a loop the address of a desk, and of the function that turns to it: `drive(turn, desk)`.
pub fn run_compiled(
    py: Python<'_>,
    engine: &mut Engine,
    feeds: &mut FeedSet<'_>,
    board: &Bound<'_, PyAny>,
    drive: &Bound<'_, PyAny>,
) -> Result<(), Stop> {
    let array: &Bound<'_, PyArray1<i64>> = column_array(board, "board")?;
    let mut board = array.try_readwrite().map_err(PyErr::from)?;
    let board = board.as_slice_mut().map_err(PyErr::from)?;
    let desk = Desk::new(engine, feeds, board);
    let mut desk = desk.map_err(|error| raised(py, &error, Kind::State))?;
    let address = (&raw mut desk).expose_provenance();
    let answer = drive.call1((address,));
    let stop = desk.into_stop();
    answer?;
    stop.map_or(Ok(()), |stop| Err(stopped(py, stop)))
}

/// The address of the function that a compiled loop turns to, as `int32 (desk, uint64 row)`, and the
/// sizes of its board: numbers before the commands, commands, numbers of a command.
#[pyfunction]
pub fn desk_terms() -> (usize, usize, usize, usize) {
    let turn: unsafe extern "C" fn(*mut c_void, u64) -> i32 = Desk::turn_raw;
    let address = turn as *const () as usize;
    (address, Desk::HEAD, Desk::COMMANDS, Desk::COMMAND_WIDTH)
}
