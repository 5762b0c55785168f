//! Safe Rust over the Tickstep kernel: a deterministic, fixed-point engine that steps ticks and
//! matches orders. `include/tickstep.h` is the manual of the rules; this crate adds types, errors
//! that name the value at fault, and room: an [`Engine`] grows, so nobody meets a capacity.
//!
//! ```
//! use tickstep::{Config, Engine, Instrument, Order, Side, Tick};
//!
//! // Tick 0.01, lot 0.000001, money unit 0.00000001: one lot moving one tick is one unit.
//! let instrument = Instrument::new(1).spread_ppb(200_000).fees_ppb(100_000, 200_000);
//! let config = Config::new(100_000 * 100_000_000, vec![instrument]);
//! let mut engine = Engine::new(&config)?;
//!
//! engine.step(&Tick::new(1, 10_000, 2_000_000, Side::Sell))?;
//! engine.place(&Order::market(Side::Buy, 1_500_000))?;
//! engine.step(&Tick::new(2, 10_000, 1_000_000, Side::Buy))?;
//!
//! let snapshot = engine.snapshot(0)?;
//! assert_eq!(snapshot.position_lots, 1_500_000);
//! // 1.5 at 100.01 and a fee of 0.030003 are paid.
//! assert_eq!(snapshot.cash_units, 100_000 * 100_000_000 - 15_001_500_000 - 3_000_300);
//! # Ok::<(), tickstep::Error>(())
//! ```

pub mod analytics;
pub mod arrow;
mod bar_rows;
mod batch;
pub mod book;
mod columns;
mod config;
mod crossings;
mod engine;
mod error;
mod event;
mod exact;
mod feed_set;
mod float_grid;
mod number;
mod numbered;
mod order;
mod pertick;
mod pyramid;
mod schedule;
mod signals;
mod snapshot;
mod sweep;
pub mod table;
mod text;
mod ticks;
pub mod trades;

pub use bar_rows::{BarFill, BarRows, Ends};
pub use batch::BatchResult;
pub use columns::{Columns, Feed, ZoneMap};
pub use config::{Config, FillRule, Instrument, PositionMode, QtyRule, Settle};
pub use crossings::{Crossings, Windows, sma_crossings};
pub use engine::{Engine, Wake};
pub use error::{BatchError, Error, RowError, Status};
pub use event::{Digest, Entry, Event, EventKind, Liquidity, Reason};
pub use exact::{default_lot_and_unit, default_unit, units_per_tick_lot};
pub use feed_set::FeedSet;
pub use float_grid::{FloatQty, LotGrid, from_f64_exact};
pub use number::{Decimal, NumberError};
pub use order::{Amend, Offset, Order, OrderType, OrderView, Side, TimeInForce};
pub use pertick::{Commands, Desk, ForeignStrategy, OnTick, TickRun, TickStop, View};
pub use pyramid::Extremes;
pub use schedule::{Schedule, ScheduleColumns, When};
pub use signals::{Leg, SignalResult, SignalRules, SizeKind, signal, signal_tag};
pub use snapshot::{Bucket, Holding, Snapshot};
pub use sweep::{SignalOutcome, run_signal_sets};
pub use ticks::{Extent, OwnedColumns, Tick, Ticks};

/// Version of the kernel in this build: major × 10000 + minor × 100 + patch.
#[must_use]
pub fn kernel_version() -> u32 {
    tickstep_sys::tks_version()
}
