//! Numbers from trades and bars: candles, VWAP, profiles, order flow, volatility.
//!
//! Every function here is a state that takes rows in pieces. A batch is one large piece, so batch
//! and stream give the same bits at every split; what is quick about a batch happens inside `push`.
//! No output depends on a later row. Sums of whole numbers are exact: they are checked, and a sum
//! that does not fit is a [`Fault`], never a wrapped number. A refused piece changes nothing.

mod candles;
mod check;
mod flow;
mod footprint;
mod profile;
mod simd;
mod volatility;
mod vwap;
mod window;

pub use candles::{Amount, BarRule, CandleBuilder, Candles, Rows};
pub use check::{Fault, FaultRule};
pub use flow::{CumulativeDelta, FlowImbalance, TradeIntensity};
pub use footprint::{Footprint, FootprintBuilder};
pub use profile::{Level, VolumeProfile};
pub use volatility::{ExponentialVolatility, PriceColumn, RollingVolatility, VolatilityKind};
pub use vwap::{FloatVwap, RollingFloatVwap, RollingVwap, Vwap};
