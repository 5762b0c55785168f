//! Order flow: cumulative delta, imbalance of a window, intensity of trading.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use crate::analytics::candles::Amount;
use crate::analytics::check::{Fault, FaultRule, check_length, check_sides, check_times};
use crate::analytics::vwap::{CarefulSum, TERM_MAX, reserve};
use crate::analytics::window::{RollingFloatRatio, RollingRatio};

/// Bought less sold since the beginning.
///
/// ```
/// use tickstep::analytics::CumulativeDelta;
/// let mut delta = CumulativeDelta::new();
/// assert_eq!(delta.push(&[5, 2], &[0, 1])?, [5, 3]);
/// assert_eq!(delta.push(&[4], &[1])?, [-1]);
/// # Ok::<(), tickstep::analytics::Fault>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CumulativeDelta {
    whole: i64,
    float: CarefulSum,
}

impl CumulativeDelta {
    /// Starts at 0.
    #[must_use]
    pub fn new() -> CumulativeDelta {
        CumulativeDelta::default()
    }

    /// Takes trades of whole quantities; the delta after each.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(&mut self, qtys: &[i64], sides: &[u8]) -> Result<Vec<i64>, Fault> {
        check_flow(qtys, sides)?;
        let mut delta = self.whole;
        let mut out = Vec::with_capacity(qtys.len());
        for (row, (qty, side)) in qtys.iter().zip(sides).enumerate() {
            let signed = if *side == 0 { *qty } else { -*qty };
            let Some(sum) = delta.checked_add(signed) else {
                return Err(Fault::at(row, FaultRule::Sum { name: "qtys" }));
            };
            delta = sum;
            out.push(delta);
        }
        self.whole = delta;
        Ok(out)
    }

    /// As [`CumulativeDelta::push`], of floats, in a sum of their own.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push_floats(&mut self, qtys: &[f64], sides: &[u8]) -> Result<Vec<f64>, Fault> {
        check_flow(qtys, sides)?;
        let mut delta = self.float;
        let mut out = Vec::new();
        reserve(&mut out, qtys.len())?;
        for (row, (qty, side)) in qtys.iter().zip(sides).enumerate() {
            delta.add(if *side == 0 { *qty } else { -*qty });
            if !delta.value().is_finite() {
                return Err(Fault::at(row, FaultRule::Sum { name: "qtys" }));
            }
            out.push(delta.value());
        }
        self.float = delta;
        Ok(out)
    }
}

/// (bought − sold) / (bought + sold) of the last `window` trades.
///
/// ```
/// use std::num::NonZeroUsize;
/// use tickstep::analytics::FlowImbalance;
/// let window = NonZeroUsize::new(2).expect("2 is not 0");
/// let mut out = Vec::new();
/// FlowImbalance::new(window).push(&[3, 1, 1], &[0, 1, 0], &mut out)?;
/// assert!(out[0].is_nan());
/// assert_eq!(out[1..], [0.5, 0.0]);
/// # Ok::<(), tickstep::analytics::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct FlowImbalance {
    whole: RollingRatio,
    float: RollingFloatRatio,
}

impl FlowImbalance {
    /// Starts empty.
    #[must_use]
    pub fn new(window: NonZeroUsize) -> FlowImbalance {
        FlowImbalance {
            whole: RollingRatio::new(window),
            float: RollingFloatRatio::new(window),
        }
    }

    /// Takes trades of whole quantities and appends the imbalance after each, NaN until the window
    /// is full or where it has no volume.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(&mut self, qtys: &[i64], sides: &[u8], out: &mut Vec<f64>) -> Result<(), Fault> {
        check_flow(qtys, sides)?;
        reserve(out, qtys.len())?;
        let terms = qtys.iter().zip(sides).map(|(qty, side)| {
            let qty = i128::from(*qty);
            [if *side == 0 { qty } else { -qty }, qty]
        });
        self.whole.push("qtys", terms, out)
    }

    /// As [`FlowImbalance::push`], of floats, in sums of their own.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push_floats(
        &mut self,
        qtys: &[f64],
        sides: &[u8],
        out: &mut Vec<f64>,
    ) -> Result<(), Fault> {
        check_flow(qtys, sides)?;
        if let Some(row) = qtys.iter().position(|qty| *qty > TERM_MAX) {
            return Err(Fault::at(row, FaultRule::Sum { name: "qtys" }));
        }
        reserve(out, qtys.len())?;
        for (qty, side) in qtys.iter().zip(sides) {
            let signed = if *side == 0 { *qty } else { -*qty };
            out.push(self.float.push([signed, *qty]));
        }
        Ok(())
    }
}

/// How many trades there were in the last `window` of time, the trade itself and those before it
/// counted, and those of exactly `window` ago not.
///
/// ```
/// use tickstep::analytics::TradeIntensity;
/// let mut out = Vec::new();
/// TradeIntensity::new(10).push(&[0, 5, 10, 11], &mut out)?;
/// assert!(out[..2].iter().all(|count| count.is_nan()));
/// assert_eq!(out[2..], [2.0, 3.0]);
/// # Ok::<(), tickstep::analytics::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct TradeIntensity {
    window: i64,
    first: Option<i64>,
    previous: i64,
    /// Times within the window.
    tail: VecDeque<i64>,
}

impl TradeIntensity {
    /// Starts empty; the window is above 0.
    #[must_use]
    pub fn new(window: i64) -> TradeIntensity {
        TradeIntensity {
            window,
            first: None,
            previous: i64::MIN / 2,
            tail: VecDeque::new(),
        }
    }

    /// Takes times and appends a count for each, NaN until a whole window has passed since the
    /// first.
    ///
    /// # Errors
    /// The first row that breaks a rule; then nothing was taken.
    pub fn push(&mut self, times: &[i64], out: &mut Vec<f64>) -> Result<(), Fault> {
        check_times(times, self.previous)?;
        reserve(out, times.len())?;
        let Some(last) = times.last() else {
            return Ok(());
        };
        let first = *self.first.get_or_insert(times[0]);
        // Times within 2^62 are less than 2^63 apart, but a window may be as large as 2^63.
        let is_old = |time: i64, now: i64| now - time >= self.window;
        let held = self.tail.len();
        let mut start = 0;
        for (row, now) in times.iter().enumerate() {
            while start < held && is_old(self.tail[start], *now) {
                start += 1;
            }
            while start >= held && is_old(times[start - held], *now) {
                start += 1;
            }
            let count = held + row + 1 - start;
            out.push(if is_old(first, *now) {
                count as f64
            } else {
                f64::NAN
            });
        }
        self.tail.drain(..start.min(held));
        self.tail.extend(&times[start.saturating_sub(held)..]);
        self.previous = *last;
        Ok(())
    }
}

fn check_flow<Q: Amount>(qtys: &[Q], sides: &[u8]) -> Result<(), Fault> {
    check_length("sides", qtys.len(), sides.len())?;
    Q::check(qtys)?;
    check_sides(sides)
}
