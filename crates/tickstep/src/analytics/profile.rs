//! Volume at each price.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use crate::analytics::candles::Amount;
use crate::analytics::check::{
    Fault, FaultRule, bits_of, bits_of_count, check_length, check_sides,
};
use crate::analytics::simd::{Work, run_wide};

/// Rows looked at while they are in a near cache: checked first, then counted.
const BLOCK_ROWS: usize = 4096;

/// Prices within so many ticks are kept side by side (64 bytes a tick), wider ones in a tree.
const DENSE_MAX: i64 = 1 << 20;

/// Prices lie within ±2^60, so that no difference or middle of two of them wraps.
const PRICE_MAX: i64 = 1 << 60;

/// Bins made at most: few bad prices must not fill the memory.
const BINS_MAX: u64 = 1 << 24;

/// Neighbouring rows add to different numbers: adding twice to one number waits for the first.
const LANES: usize = 4;

/// Bought and sold at one price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level<Q> {
    /// The price.
    pub price_ticks: i64,
    /// Quantity where the buyer was the aggressor.
    pub buy: Q,
    /// Quantity where the seller was.
    pub sell: Q,
}

/// Bought and sold, in lanes: `[buy, sell]` of each.
type Cell<Q> = [[Q; 2]; LANES];

/// Sums quantities by price and side.
///
/// ```
/// use tickstep::analytics::VolumeProfile;
/// let mut profile = VolumeProfile::new();
/// profile.push(&[10, 12, 10], &[1, 2, 4], &[0, 1, 1])?;
/// let levels: Vec<_> = profile.levels().map(|at| (at.price_ticks, at.buy, at.sell)).collect();
/// assert_eq!(levels, [(10, 1, 4), (12, 0, 2)]);
/// # Ok::<(), tickstep::analytics::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct VolumeProfile<Q> {
    /// Price of the first cell.
    base: i64,
    cells: Vec<Cell<Q>>,
    /// Holds everything instead of the cells once prices are too far apart.
    tree: Option<BTreeMap<i64, [Q; 2]>>,
    /// Lowest and highest price so far.
    range: Option<(i64, i64)>,
    volume: Q,
}

impl<Q: Amount> Default for VolumeProfile<Q> {
    fn default() -> Self {
        VolumeProfile::new()
    }
}

impl<Q: Amount> VolumeProfile<Q> {
    /// Starts without trades.
    #[must_use]
    pub fn new() -> Self {
        VolumeProfile {
            base: 0,
            cells: Vec::new(),
            tree: None,
            range: None,
            volume: Q::default(),
        }
    }

    /// Lowest and highest price so far.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        self.range
    }

    /// Takes trades.
    ///
    /// # Errors
    /// The first row that breaks a rule, or a sum that does not fit; then nothing was taken.
    pub fn push(&mut self, price_ticks: &[i64], qtys: &[Q], sides: &[u8]) -> Result<(), Fault> {
        let rows = price_ticks.len();
        check_length("qtys", rows, qtys.len())?;
        check_length("sides", rows, sides.len())?;
        // One block is checked before it is counted; of several, an early one may be counted when
        // a later one is found wrong.
        let saved = (price_ticks.len() > BLOCK_ROWS).then(|| self.clone());
        let done = run_wide(Push {
            profile: self,
            price_ticks,
            qtys,
            sides,
        });
        if let (Err(_), Some(saved)) = (&done, saved) {
            *self = saved;
        }
        done
    }

    /// Forgets all trades.
    pub(super) fn clear(&mut self) {
        if let (Some((low, high)), None) = (self.range, &self.tree) {
            self.cells[(low - self.base) as usize..=(high - self.base) as usize]
                .fill([[Q::default(); 2]; LANES]);
        }
        self.tree = None;
        if self.cells.is_empty() {
            self.base = 0;
        }
        self.range = None;
        self.volume = Q::default();
    }

    /// The prices with volume, ascending.
    pub fn levels(&self) -> impl Iterator<Item = Level<Q>> + '_ {
        let cells = self
            .range
            .filter(|_| self.tree.is_none())
            .map(|(low, high)| {
                let (first, last) = ((low - self.base) as usize, (high - self.base) as usize);
                let prices = low..=high;
                prices.zip(&self.cells[first..=last])
            });
        let dense = cells.into_iter().flatten().map(|(price_ticks, cell)| {
            let [buy, sell] = sum_lanes(cell);
            Level {
                price_ticks,
                buy,
                sell,
            }
        });
        let sparse = self
            .tree
            .iter()
            .flatten()
            .map(|(price, [buy, sell])| Level {
                price_ticks: *price,
                buy: *buy,
                sell: *sell,
            });
        let has_volume = |level: &Level<Q>| level.buy != Q::default() || level.sell != Q::default();
        dense.chain(sparse).filter(has_volume)
    }

    /// Bought and sold in bins of so many ticks from the lowest price on, as many as reach the
    /// highest.
    ///
    /// # Errors
    /// When there would be too many bins.
    pub fn binned(&self, ticks_per_bin: NonZeroU64) -> Result<Vec<[Q; 2]>, Fault> {
        let Some((low, high)) = self.range else {
            return Ok(Vec::new());
        };
        let (found, most) = (high.abs_diff(low) / ticks_per_bin + 1, BINS_MAX);
        if found > most {
            return Err(Fault::whole(FaultRule::Bins { found, most }));
        }
        let mut sums = vec![[Q::default(); 2]; found as usize];
        for level in self.levels() {
            let bin = &mut sums[(level.price_ticks.abs_diff(low) / ticks_per_bin) as usize];
            // Within the volume of all, which fits.
            *bin = [bin[0].add_within(level.buy), bin[1].add_within(level.sell)];
        }
        Ok(sums)
    }

    #[inline(always)]
    fn push_block(&mut self, price_ticks: &[i64], qtys: &[Q], sides: &[u8]) -> Result<(), Fault> {
        check_sides(sides)?;
        Q::check(qtys)?;
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        for price in price_ticks {
            low = low.min(*price);
            high = high.max(*price);
        }
        if low < -PRICE_MAX || high > PRICE_MAX {
            return Err(find_price_fault(price_ticks));
        }
        let volume = Q::total(self.volume, qtys).ok_or_else(|| Fault::sum("qtys"))?;
        if let Some((lowest, highest)) = self.range {
            (low, high) = (low.min(lowest), high.max(highest));
        }
        self.make_room(low, high);
        self.range = Some((low, high));
        self.volume = volume;
        match &mut self.tree {
            Some(tree) => push_tree(tree, price_ticks, qtys, sides),
            None => {
                // Only whole numbers may be summed in another order.
                let lanes = if Q::IS_EXACT { LANES } else { 1 };
                let places = price_ticks
                    .iter()
                    .map(|price| price.wrapping_sub(self.base) as usize);
                push_cells(&mut self.cells, places, qtys, sides, lanes);
                Ok(())
            }
        }
    }

    /// Cells, or a tree, for all prices from low to high.
    #[inline(always)]
    fn make_room(&mut self, low: i64, high: i64) {
        let is_there = low >= self.base && high.abs_diff(self.base) < self.cells.len() as u64;
        if self.tree.is_none() && !is_there {
            self.make_more_room(low, high);
        }
    }

    #[cold]
    fn make_more_room(&mut self, low: i64, high: i64) {
        let span = high - low;
        if span >= DENSE_MAX {
            let levels = self.levels().map(|at| (at.price_ticks, [at.buy, at.sell]));
            self.tree = Some(levels.collect());
            self.cells = Vec::new();
            return;
        }
        // A quarter more at each side, so that a walk does not ask for room at each step.
        let margin = 64 + span / 4;
        let base = low - margin;
        let mut cells = vec![[[Q::default(); 2]; LANES]; (high + margin - base) as usize + 1];
        if let Some((lowest, highest)) = self.range {
            let old = (lowest - self.base) as usize..=(highest - self.base) as usize;
            let first = (lowest - base) as usize;
            cells[first..=first + (highest - lowest) as usize].copy_from_slice(&self.cells[old]);
        }
        (self.base, self.cells) = (base, cells);
    }
}

#[cold]
fn find_price_fault(price_ticks: &[i64]) -> Fault {
    let is_far = |price: &i64| price.unsigned_abs() > PRICE_MAX.unsigned_abs();
    let row = price_ticks.iter().position(is_far).unwrap_or(0);
    let found = price_ticks[row];
    Fault::at(row, FaultRule::PriceRange { found })
}

struct Push<'a, Q> {
    profile: &'a mut VolumeProfile<Q>,
    price_ticks: &'a [i64],
    qtys: &'a [Q],
    sides: &'a [u8],
}

impl<Q: Amount> Work for Push<'_, Q> {
    type Out = Result<(), Fault>;

    #[inline(always)]
    fn run(self) -> Self::Out {
        let columns = self
            .qtys
            .chunks(BLOCK_ROWS)
            .zip(self.sides.chunks(BLOCK_ROWS));
        let blocks = self.price_ticks.chunks(BLOCK_ROWS).zip(columns);
        for (block, (price_ticks, (qtys, sides))) in blocks.enumerate() {
            self.profile
                .push_block(price_ticks, qtys, sides)
                .map_err(|fault| fault.shifted(block * BLOCK_ROWS))?;
        }
        Ok(())
    }
}

#[inline(always)]
fn push_cells<Q: Amount>(
    cells: &mut [Cell<Q>],
    places: impl Iterator<Item = usize>,
    qtys: &[Q],
    sides: &[u8],
    lanes: usize,
) {
    for (row, ((place, qty), side)) in places.zip(qtys).zip(sides).enumerate() {
        let sum = &mut cells[place][row & (lanes - 1)][usize::from(side & 1)];
        *sum = sum.add_within(*qty);
    }
}

fn push_tree<Q: Amount>(
    tree: &mut BTreeMap<i64, [Q; 2]>,
    price_ticks: &[i64],
    qtys: &[Q],
    sides: &[u8],
) -> Result<(), Fault> {
    for ((price, qty), side) in price_ticks.iter().zip(qtys).zip(sides) {
        let sums = tree.entry(*price).or_default();
        let sum = &mut sums[usize::from(*side)];
        *sum = sum.add(*qty).ok_or_else(|| Fault::sum("qtys"))?;
    }
    Ok(())
}

/// The lanes together: within the volume of all, which fits.
fn sum_lanes<Q: Amount>(cell: &Cell<Q>) -> [Q; 2] {
    let mut sums = cell[0];
    for lane in &cell[1..] {
        sums[0] = sums[0].add_within(lane[0]);
        sums[1] = sums[1].add_within(lane[1]);
    }
    sums
}

/// Sum of whole numbers, none below 0, when it fits.
#[inline(always)]
pub(super) fn total_whole(sum: i64, qtys: &[i64]) -> Option<i64> {
    let (mut total, mut bits) = (0_i64, 0);
    for qty in qtys {
        total = total.wrapping_add(*qty);
        bits |= qty;
    }
    if bits_of(bits) + bits_of_count(qtys.len()) > 62 {
        return qtys.iter().try_fold(sum, |sum, qty| sum.checked_add(*qty));
    }
    sum.checked_add(total)
}
