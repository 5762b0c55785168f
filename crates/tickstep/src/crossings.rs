//! Where moving averages cross, for many pairs of windows at once, exactly.
//!
//! Rows are taken in tiles. Of a tile the sum of each window is found once, from running sums of whole
//! numbers, and then compared for each pair: 64 rows make a word of bits, and only where the word differs
//! from itself one row before is there anything to write down.
//!
//! One mean is above another where sum · slow is above sum · fast. Floats hold these products exactly as
//! long as price · fast · slow is below 2^51: else the pair is compared in whole numbers.

use crate::signals::signal;

/// A fast and a slow window, in rows.
pub type Windows = (usize, usize);

/// Rows of a tile.
const TILE: usize = 1024;
const WORD: usize = 64;
const EXACT_END: i128 = 1 << 51;

/// Rows and kinds of the signals of one pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crossings {
    /// After which rows.
    pub rows: Vec<u32>,
    /// `signal::ENTRY` or `signal::EXIT`, one for each.
    pub kinds: Vec<u8>,
}

/// An ENTRY at each row at which the mean of the last `fast` prices has come to be above that of the last
/// `slow` ones, an EXIT where it no longer is. Rows without both means, and the first with both, have
/// none. Windows are at least 1 row, there are less than 2^32 rows, and sums of prices over a window stay
/// below 2^63.
///
/// ```
/// use tickstep::{sma_crossings, signal};
/// let found = sma_crossings(&[5, 4, 3, 6, 7, 2], &[(1, 2)]);
/// assert_eq!(found[0].rows, [3, 5]);
/// assert_eq!(found[0].kinds, [signal::ENTRY, signal::EXIT]);
/// ```
#[must_use]
pub fn sma_crossings(prices: &[i64], pairs: &[Windows]) -> Vec<Crossings> {
    let sums = running_sums(prices);
    let largest = prices.iter().map(|price| price.unsigned_abs()).max();
    let largest = i128::from(largest.unwrap_or(0));
    let fits = |&(fast, slow): &Windows| largest * fast as i128 * slow as i128 <= EXACT_END;
    let mut windows: Vec<usize> = pairs.iter().flat_map(|pair| [pair.0, pair.1]).collect();
    windows.sort_unstable();
    windows.dedup();
    let place = |window: usize| windows.binary_search(&window).expect("it is one of them");
    let mut pairs: Vec<Pair> = pairs
        .iter()
        .map(|pair| Pair::new(*pair, (place(pair.0), place(pair.1)), fits(pair)))
        .collect();
    let mut tile = vec![[0.0; TILE]; windows.len()];
    for start in (0..prices.len()).step_by(TILE) {
        let rows = TILE.min(prices.len() - start);
        for (window, found) in windows.iter().zip(&mut tile) {
            fill_sums(&sums, *window, start, &mut found[..rows]);
        }
        for pair in &mut pairs {
            pair.take(&sums, &tile, start, rows);
        }
    }
    pairs.into_iter().map(|pair| pair.found).collect()
}

/// Sums of the prices before each row and after the last; they may wrap, differences do not.
fn running_sums(prices: &[i64]) -> Vec<i64> {
    let mut sums = Vec::with_capacity(prices.len() + 1);
    let mut sum = 0_i64;
    sums.push(0);
    sums.extend(prices.iter().map(|price| {
        sum = sum.wrapping_add(*price);
        sum
    }));
    sums
}

/// A float whose last bit counts ones: whole numbers added to its bits are added to it.
const ONES: f64 = 6_755_399_441_055_744.0;

/// Sums of the windows that end with the rows from `start` on; 0 where there is none. They are whole
/// where they are within 2^51, and nobody asks for the others.
fn fill_sums(sums: &[i64], window: usize, start: usize, found: &mut [f64]) {
    let missing = (window - 1).saturating_sub(start).min(found.len());
    found[..missing].fill(0.0);
    let first = start + missing;
    let rows = found.len() - missing;
    if rows == 0 {
        return;
    }
    let (ends, begins) = (
        &sums[first + 1..][..rows],
        &sums[first + 1 - window..][..rows],
    );
    for ((sum, end), begin) in found[missing..].iter_mut().zip(ends).zip(begins) {
        let whole = end.wrapping_sub(*begin) as u64;
        *sum = f64::from_bits(ONES.to_bits().wrapping_add(whole)) - ONES;
    }
}

struct Pair {
    windows: Windows,
    /// Where their sums are.
    places: (usize, usize),
    is_exact: bool,
    /// Whether the fast mean was above after the last row; none before the first with both.
    was_above: Option<bool>,
    found: Crossings,
}

impl Pair {
    fn new(windows: Windows, places: (usize, usize), is_exact: bool) -> Pair {
        Pair {
            windows,
            places,
            is_exact,
            was_above: None,
            found: Crossings::default(),
        }
    }

    fn take(&mut self, sums: &[i64], tile: &[[f64; TILE]], start: usize, rows: usize) {
        let begin = self.windows.0.max(self.windows.1) - 1;
        let (fast, slow) = (&tile[self.places.0], &tile[self.places.1]);
        let scales = (self.windows.1 as f64, self.windows.0 as f64);
        for word in (0..rows).step_by(WORD) {
            let row = start + word;
            let end = (rows - word).min(WORD);
            if row + end <= begin {
                continue;
            }
            let bits = if self.is_exact {
                above(&fast[word..], &slow[word..], scales)
            } else {
                self.above_exactly(sums, row, end, begin)
            };
            self.note(bits, row, begin.saturating_sub(row), end);
        }
    }

    /// As `above`, by products.
    fn above_exactly(&self, sums: &[i64], row: usize, end: usize, begin: usize) -> u64 {
        let (fast, slow) = self.windows;
        let sum = |row: usize, window: usize| {
            i128::from(sums[row + 1].wrapping_sub(sums[row + 1 - window]))
        };
        (begin.max(row)..row + end).fold(0, |bits, at| {
            let is_above = sum(at, fast) * slow as i128 > sum(at, slow) * fast as i128;
            bits | u64::from(is_above) << (at - row)
        })
    }

    /// Writes down where bits `first..end` of the rows from `row` on differ from the bit before.
    fn note(&mut self, bits: u64, row: usize, first: usize, end: usize) {
        let bit = |place: usize| bits >> place & 1 == 1;
        let was_above = self.was_above.unwrap_or_else(|| bit(first));
        self.was_above = Some(bit(end - 1));
        let before = bits << 1 | u64::from(was_above);
        let before = before & !(1 << first) | u64::from(was_above) << first;
        let wanted = (u64::MAX >> (WORD - end)) & (u64::MAX << first);
        let mut changed = (bits ^ before) & wanted;
        while changed != 0 {
            let place = changed.trailing_zeros() as usize;
            let kind = if bit(place) {
                signal::ENTRY
            } else {
                signal::EXIT
            };
            self.found.rows.push((row + place) as u32);
            self.found.kinds.push(kind);
            changed &= changed - 1;
        }
    }
}

/// Which of the next rows have the first sum above the second, each scaled.
#[cfg(target_arch = "x86_64")]
#[inline]
fn above(fast: &[f64], slow: &[f64], scales: (f64, f64)) -> u64 {
    use std::arch::x86_64::{_mm_cmpgt_pd, _mm_loadu_pd, _mm_movemask_pd, _mm_mul_pd, _mm_set1_pd};
    let (fast, slow) = (&fast[..WORD], &slow[..WORD]);
    let mut bits = 0;
    for place in (0..WORD).step_by(2) {
        // SAFETY: SSE2 is part of the architecture, and both slices have two floats from here on.
        let pair = unsafe {
            let fast = _mm_loadu_pd(fast.as_ptr().add(place));
            let slow = _mm_loadu_pd(slow.as_ptr().add(place));
            let fast = _mm_mul_pd(fast, _mm_set1_pd(scales.0));
            let slow = _mm_mul_pd(slow, _mm_set1_pd(scales.1));
            _mm_movemask_pd(_mm_cmpgt_pd(fast, slow))
        };
        bits |= (pair as u64) << place;
    }
    bits
}

/// Which of the next rows have the first sum above the second, each scaled.
#[cfg(not(target_arch = "x86_64"))]
fn above(fast: &[f64], slow: &[f64], scales: (f64, f64)) -> u64 {
    let pairs = fast[..WORD].iter().zip(&slow[..WORD]);
    (0..).zip(pairs).fold(0, |bits, (place, (fast, slow))| {
        bits | u64::from(fast * scales.0 > slow * scales.1) << place
    })
}

#[cfg(test)]
mod tests {
    use super::{Crossings, Windows, sma_crossings};
    use crate::signals::signal;

    fn plain(prices: &[i64], (fast, slow): Windows) -> Crossings {
        let mut found = Crossings::default();
        let mut was_above = None;
        for row in fast.max(slow) - 1..prices.len() {
            let sum = |window: usize| -> i128 {
                let last = &prices[row + 1 - window..=row];
                last.iter().map(|price| i128::from(*price)).sum()
            };
            let is_above = sum(fast) * slow as i128 > sum(slow) * fast as i128;
            if was_above.is_some_and(|was_above| was_above != is_above) {
                found.rows.push(row as u32);
                found.kinds.push(if is_above {
                    signal::ENTRY
                } else {
                    signal::EXIT
                });
            }
            was_above = Some(is_above);
        }
        found
    }

    #[test]
    fn tiles_find_what_each_row_by_itself_finds() {
        let pairs = [
            (1, 2),
            (2, 5),
            (5, 2),
            (64, 65),
            (3, 1023),
            (7, 7),
            (1, 1024),
            (30, 5_000),
        ];
        let mut state = 3_u64;
        for (length, step, base) in [(1, 3, 9), (63, 3, 500), (65, 1, 500), (4_000, 5, 60_000)]
            .into_iter()
            .chain([(3_000, 2, 1 << 46), (3_000, 9, -5_000)])
        {
            let mut price = base;
            let prices: Vec<i64> = (0..length)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    price += ((state >> 40) % (2 * step + 1)) as i64 - step as i64;
                    price
                })
                .collect();
            for (pair, found) in pairs.iter().zip(sma_crossings(&prices, &pairs)) {
                let expected = if pair.0.max(pair.1) > prices.len() {
                    Crossings::default()
                } else {
                    plain(&prices, *pair)
                };
                assert_eq!(found, expected, "{pair:?} over {length} rows from {base}");
            }
        }
    }
}
