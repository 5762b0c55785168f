//! Frames of other libraries, in and out without a copy, by the Arrow C data interface.
//!
//! polars, pandas, pyarrow, DuckDB and others hand their rows over as a stream of arrays: pointers
//! to buffers, and a callback that gives the memory back. [`Table`] takes such a stream and keeps
//! it; a [`Column`] is read where it lies if it is of the type and in one piece, and is converted
//! exactly otherwise. [`export`] is the other direction.
//!
//! The structs are small and their layout is fixed for good, so they are written out here rather
//! than taken from a library of fifty times this size.

mod abi;
#[cfg(test)]
mod arrow_tests;
mod column;
mod export;
mod fault;
mod table;

pub use abi::{ArrowArray, ArrowArrayStream, ArrowSchema};
pub use column::{Column, InPlace};
pub use export::{Exported, export};
pub use fault::ArrowFault;
pub use table::{Batch, Field, Table, TextLayout, Type};
