//! Sums over a trailing window without subtracting what leaves it.
//!
//! Rows are counted in blocks as long as the window. A window that ends within a block is the end
//! of the block before and the beginning of this one; sums from every row of the finished block to
//! its end are made once, when it is finished. Sums therefore only ever add: a spike that has left
//! leaves no rounding error behind, nothing drifts, and the bits depend on the row, not on how the
//! rows came.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use crate::analytics::check::{Fault, FaultRule};

/// Sum of the last `window` numbers.
#[derive(Clone, Debug)]
pub(super) struct RollingSum {
    window: usize,
    /// Sums from a row of the finished block to its end; one longer than the block.
    to_end: Vec<f64>,
    block: Vec<f64>,
    sum: f64,
    has_finished: bool,
}

impl RollingSum {
    pub(super) fn new(window: NonZeroUsize) -> RollingSum {
        RollingSum {
            window: window.get(),
            to_end: Vec::new(),
            block: Vec::new(),
            sum: 0.0,
            has_finished: false,
        }
    }

    /// Takes a number; the sum, once the window is full.
    #[inline(always)]
    pub(super) fn push(&mut self, value: f64) -> Option<f64> {
        self.block.push(value);
        self.sum += value;
        if self.block.len() == self.window {
            let sum = self.sum;
            self.finish_block();
            return Some(sum);
        }
        self.has_finished
            .then(|| self.to_end[self.block.len()] + self.sum)
    }

    fn finish_block(&mut self) {
        self.to_end.resize(self.window + 1, 0.0);
        let mut sum = 0.0;
        for (place, value) in self.block.iter().enumerate().rev() {
            sum += value;
            self.to_end[place] = sum;
        }
        self.block.clear();
        self.sum = 0.0;
        self.has_finished = true;
    }
}

/// Quotient of two sums over the last `window` rows, of floats.
#[derive(Clone, Debug)]
pub(super) struct RollingFloatRatio {
    sums: [RollingSum; 2],
}

impl RollingFloatRatio {
    pub(super) fn new(window: NonZeroUsize) -> RollingFloatRatio {
        RollingFloatRatio {
            sums: [RollingSum::new(window), RollingSum::new(window)],
        }
    }

    /// Takes a term of each sum; the quotient, NaN until the window is full.
    #[inline(always)]
    pub(super) fn push(&mut self, terms: [f64; 2]) -> f64 {
        match (self.sums[0].push(terms[0]), self.sums[1].push(terms[1])) {
            (Some(above), Some(below)) => above / below,
            _ => f64::NAN,
        }
    }
}

/// Quotient of two sums over the last `window` rows, of whole numbers: these sums are exact, so that
/// what leaves the window may be subtracted.
#[derive(Clone, Debug)]
pub(super) struct RollingRatio {
    window: usize,
    sums: [i128; 2],
    /// Terms within the window.
    tail: VecDeque<[i128; 2]>,
}

impl RollingRatio {
    pub(super) fn new(window: NonZeroUsize) -> RollingRatio {
        RollingRatio {
            window: window.get(),
            sums: [0; 2],
            tail: VecDeque::new(),
        }
    }

    /// Takes terms of each sum and appends the quotients, NaN until the window is full. The second
    /// sum is of the named numbers and has to fit in 64 bits; where it does not, nothing is taken.
    pub(super) fn push(
        &mut self,
        name: &'static str,
        terms: impl ExactSizeIterator<Item = [i128; 2]> + Clone,
        out: &mut Vec<f64>,
    ) -> Result<(), Fault> {
        let before = out.len();
        let missing = self.window - self.tail.len();
        let fresh = terms.clone().take(missing).map(|term| (term, [0; 2]));
        let olds = self.tail.iter().copied();
        let held = terms.clone().skip(missing).zip(olds);
        let rest = terms.clone().skip(missing + self.tail.len());
        let mut sums = self.sums;
        let done = slide(&mut sums, fresh, out)
            .and_then(|()| slide(&mut sums, held, out))
            .and_then(|()| slide(&mut sums, rest.zip(terms.clone()), out));
        if done.is_none() {
            let row = out.len() - before;
            out.truncate(before);
            return Err(Fault::at(row, FaultRule::Sum { name }));
        }
        let bare = terms.len().min(missing.saturating_sub(1));
        out[before..before + bare].fill(f64::NAN);
        self.sums = sums;
        self.keep_last(terms);
        Ok(())
    }

    fn keep_last(&mut self, terms: impl ExactSizeIterator<Item = [i128; 2]>) {
        let skipped = terms.len().saturating_sub(self.window);
        let all = self.tail.len() + terms.len() - skipped;
        let left = all.saturating_sub(self.window).min(self.tail.len());
        self.tail.drain(..left);
        self.tail.extend(terms.skip(skipped));
    }
}

/// Adds what comes, subtracts what leaves and appends the quotients, up to the first second sum that
/// does not fit in 64 bits.
fn slide(
    sums: &mut [i128; 2],
    rows: impl Iterator<Item = ([i128; 2], [i128; 2])>,
    out: &mut Vec<f64>,
) -> Option<()> {
    for (new, old) in rows {
        *sums = [sums[0] + new[0] - old[0], sums[1] + new[1] - old[1]];
        let below = i64::try_from(sums[1]).ok()?;
        // Numbers of 64 bits turn into floats quicker, to the same float.
        let above = i64::try_from(sums[0]).map_or(sums[0] as f64, |above| above as f64);
        out.push(above / below as f64);
    }
    Some(())
}

/// Rows done side by side.
const STEP: usize = 16;

/// Below this part of the sum of squares the variance has lost more than three of its digits.
const CANCELLED: f64 = 1.0 / 1024.0;

/// Distances below this part of what they are taken from are rounding errors.
const NOISE: f64 = 1.0 / (1_u64 << 45) as f64;

/// Variance of the last `window` numbers, or their mean square.
///
/// The numbers are taken relative to a shift near their mean, so that a trend does not cancel the
/// digits of the variance: the mean of the finished block, or, when a window has moved away from
/// it, the mean of that window, with all sums made anew. Far moves are rare by nature: the window
/// has to move by many of its own deviations.
#[derive(Clone, Debug)]
pub(super) struct RollingVariance {
    window: usize,
    /// What the square of the sum, and what is then left, are multiplied by.
    factors: (f64, f64),
    centres: bool,
    shift: f64,
    /// Sums of distances, and of their squares, from a row of the finished block to its end.
    to_end: [Vec<f64>; 2],
    finished: Vec<f64>,
    block: Vec<f64>,
    sums: [f64; 2],
}

impl RollingVariance {
    /// Around the mean with n − 1 in the denominator (`centres`), or around 0 with n.
    pub(super) fn new(window: NonZeroUsize, centres: bool) -> RollingVariance {
        let rows = window.get() as f64;
        RollingVariance {
            window: window.get(),
            factors: if centres {
                (1.0 / rows, 1.0 / (rows - 1.0))
            } else {
                (0.0, 1.0 / rows)
            },
            centres,
            shift: 0.0,
            to_end: [Vec::new(), Vec::new()],
            finished: Vec::new(),
            block: Vec::new(),
            sums: [0.0; 2],
        }
    }

    /// Takes numbers and sets the variance of each row, NaN until the window is full.
    #[inline(always)]
    pub(super) fn push(&mut self, values: &[f64], out: &mut [f64]) {
        let mut start = 0;
        while start < values.len() {
            let place = self.block.len();
            let end = values.len().min(start + self.window - place);
            let (values, out) = (&values[start..end], &mut out[start..end]);
            self.block.extend_from_slice(values);
            if self.finished.is_empty() {
                self.push_first(values, out);
            } else {
                self.push_part(place, values, out);
            }
            if self.block.len() == self.window {
                self.finish_block();
            }
            start = end;
        }
    }

    /// Numbers of the first block: only the last of it has a full window.
    #[inline(always)]
    fn push_first(&mut self, values: &[f64], out: &mut [f64]) {
        self.add(values);
        out.fill(f64::NAN);
        if self.block.len() == self.window {
            let (variance, is_lost) = self.variance(self.sums, self.noise());
            out[values.len() - 1] = if is_lost {
                self.recentred(self.window - 1)
            } else {
                variance
            };
        }
    }

    /// Numbers from a place of a later block on, all within it.
    #[inline(always)]
    fn push_part(&mut self, place: usize, values: &[f64], out: &mut [f64]) {
        let mut start = 0;
        while let Some(row) = self.push_run(place + start, &values[start..], &mut out[start..]) {
            out[start + row] = self.recentred(place + start + row);
            start += row + 1;
        }
    }

    /// Numbers up to the first whose variance has lost its digits.
    #[inline(always)]
    fn push_run(&mut self, place: usize, values: &[f64], out: &mut [f64]) -> Option<usize> {
        let part = place + 1..=place + values.len();
        let ends = [&self.to_end[0][part.clone()], &self.to_end[1][part]];
        let (noise, mut sums, mut lost) = (self.noise(), self.sums, 0);
        let mut steps = values.chunks_exact(STEP);
        let mut start = 0;
        for values in steps.by_ref() {
            // The sums wait for each other; everything around them is done side by side.
            let (mut distances, mut squares) = ([0.0; STEP], [0.0; STEP]);
            for row in 0..STEP {
                distances[row] = values[row] - self.shift;
                squares[row] = distances[row] * distances[row];
            }
            for row in 0..STEP {
                sums = [sums[0] + distances[row], sums[1] + squares[row]];
                [distances[row], squares[row]] = sums;
            }
            let rows = start..start + STEP;
            let (ends, out) = (ends.map(|end| &end[rows.clone()]), &mut out[rows]);
            for row in 0..STEP {
                let window = [ends[0][row] + distances[row], ends[1][row] + squares[row]];
                let (variance, is_lost) = self.variance(window, noise);
                out[row] = variance;
                lost |= u64::from(is_lost);
            }
            start += STEP;
        }
        for (row, value) in (start..).zip(steps.remainder()) {
            sums = self.added(sums, *value);
            let window = [ends[0][row] + sums[0], ends[1][row] + sums[1]];
            let (variance, is_lost) = self.variance(window, noise);
            out[row] = variance;
            lost |= u64::from(is_lost);
        }
        if lost == 0 {
            self.sums = sums;
            return None;
        }
        self.find_lost(values, ends)
    }

    #[cold]
    fn find_lost(&self, values: &[f64], ends: [&[f64]; 2]) -> Option<usize> {
        let mut sums = self.sums;
        let mut rows = values.iter().zip(ends[0]).zip(ends[1]);
        rows.position(|((value, end), end_squares)| {
            sums = self.added(sums, *value);
            self.variance([end + sums[0], end_squares + sums[1]], self.noise())
                .1
        })
    }

    #[inline(always)]
    fn added(&self, sums: [f64; 2], value: f64) -> [f64; 2] {
        let distance = value - self.shift;
        [sums[0] + distance, sums[1] + distance * distance]
    }

    /// A sum of squares up to here is nothing but rounding errors.
    #[inline(always)]
    fn noise(&self) -> f64 {
        let distance = self.shift * NOISE;
        self.window as f64 * (distance * distance)
    }

    /// The variance, and whether it has lost its digits.
    #[inline(always)]
    fn variance(&self, [sum, squares]: [f64; 2], noise: f64) -> (f64, bool) {
        let left = squares - sum * (sum * self.factors.0);
        let is_lost = (left < squares * CANCELLED) & (squares > noise);
        (left * self.factors.1, is_lost)
    }

    #[inline(always)]
    fn add(&mut self, values: &[f64]) {
        self.sums = values
            .iter()
            .fold(self.sums, |sums, value| self.added(sums, *value));
    }

    /// Takes the mean of the window that ends at a place of the block as shift; its variance.
    #[cold]
    fn recentred(&mut self, place: usize) -> f64 {
        let old = self.finished.get(place + 1..).unwrap_or_default();
        let rows = old.iter().chain(&self.block[..=place]);
        self.shift += rows.map(|value| value - self.shift).sum::<f64>() / self.window as f64;
        self.sum_to_end(place + 1);
        self.sums = [0.0; 2];
        let block = std::mem::take(&mut self.block);
        self.add(&block[..=place]);
        self.block = block;
        let end = |side: usize| {
            self.to_end[side]
                .get(place + 1)
                .copied()
                .unwrap_or_default()
        };
        let sums = [end(0) + self.sums[0], end(1) + self.sums[1]];
        self.variance(sums, 0.0).0
    }

    /// Sums from each row of the finished block, from `first` on, to its end.
    #[inline(always)]
    fn sum_to_end(&mut self, first: usize) {
        let Some(values) = self.finished.get(first..) else {
            return;
        };
        let shift = self.shift;
        let [ends, square_ends] = &mut self.to_end;
        let ends = ends[first..].iter_mut().zip(&mut square_ends[first..]);
        let (mut sum, mut squares) = (0.0, 0.0);
        for (value, (end, square_end)) in values.iter().zip(ends).rev() {
            let distance = value - shift;
            sum += distance;
            squares += distance * distance;
            (*end, *square_end) = (sum, squares);
        }
    }

    #[inline(always)]
    fn finish_block(&mut self) {
        if self.centres {
            self.shift += self.sums[0] / self.window as f64;
        }
        for ends in &mut self.to_end {
            ends.resize(self.window + 1, 0.0);
        }
        std::mem::swap(&mut self.finished, &mut self.block);
        self.block.clear();
        self.sums = [0.0; 2];
        self.sum_to_end(0);
    }
}
