//! The best levels of a book after each of its updates.

use super::{SNAPSHOT, UPDATE_END};

/// Rows of level updates, of one length.
#[derive(Clone, Copy, Debug)]
pub struct Levels<'a> {
    /// 0 bid, 1 ask.
    pub side: &'a [u8],
    /// Price of the level.
    pub price_ticks: &'a [i64],
    /// Its size from then on.
    pub qty_lots: &'a [i64],
    /// `SNAPSHOT` and `UPDATE_END`.
    pub flags: &'a [u8],
}

/// The best levels after each update; a side without levels has 0 lots at 0 ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Best {
    /// The last row of each update.
    pub rows: Vec<usize>,
    /// Highest bid.
    pub bid_ticks: Vec<i64>,
    /// Its size.
    pub bid_lots: Vec<i64>,
    /// Lowest ask.
    pub ask_ticks: Vec<i64>,
    /// Its size.
    pub ask_lots: Vec<i64>,
}

/// One side's levels, the best last: most changes are near it, and move little.
#[derive(Debug, Default)]
struct Side {
    /// Price, negated for asks, and size.
    levels: Vec<(i64, i64)>,
}

impl Side {
    fn set(&mut self, rank: i64, qty_lots: i64) {
        match self.levels.binary_search_by_key(&rank, |level| level.0) {
            Ok(at) if qty_lots == 0 => {
                self.levels.remove(at);
            }
            Ok(at) => self.levels[at].1 = qty_lots,
            Err(_) if qty_lots == 0 => {}
            Err(at) => self.levels.insert(at, (rank, qty_lots)),
        }
    }

    fn best(&self) -> (i64, i64) {
        self.levels.last().copied().unwrap_or_default()
    }
}

/// Walks through all rows.
///
/// ```
/// use tickstep::book::{Levels, best};
///
/// let levels = Levels {
///     side: &[0, 1, 0, 0],
///     price_ticks: &[100, 102, 101, 101],
///     qty_lots: &[5, 7, 2, 0],
///     flags: &[1, 2, 2, 2],
/// };
/// let best = best(levels);
/// assert_eq!((best.rows, best.bid_ticks), (vec![1, 2, 3], vec![100, 101, 100]));
/// assert_eq!(best.ask_lots, [7, 7, 7]);
/// ```
#[must_use]
pub fn best(levels: Levels<'_>) -> Best {
    let mut best = Best::default();
    let (mut bids, mut asks) = (Side::default(), Side::default());
    let prices = levels.price_ticks.iter().zip(levels.qty_lots);
    let marks = levels.side.iter().zip(levels.flags);
    for (row, ((price_ticks, qty_lots), (side, flags))) in prices.zip(marks).enumerate() {
        if flags & SNAPSHOT != 0 {
            bids.levels.clear();
            asks.levels.clear();
        }
        if *side == 0 {
            bids.set(*price_ticks, *qty_lots);
        } else {
            asks.set(-price_ticks, *qty_lots);
        }
        if flags & UPDATE_END != 0 {
            let ((bid, bid_lots), (ask, ask_lots)) = (bids.best(), asks.best());
            best.rows.push(row);
            best.bid_ticks.push(bid);
            best.bid_lots.push(bid_lots);
            best.ask_ticks.push(-ask);
            best.ask_lots.push(ask_lots);
        }
    }
    best
}
