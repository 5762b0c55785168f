//! Lowest and highest price of any run of rows, from the zone map: what a picture is drawn from.
//!
//! The map holds the extremes of 64 rows, of 512, of 4096 and so on. A run is made of a few rows at
//! either end, a few zones, a few zones of zones, and back: logarithmic in its length, and exact.

use std::ops::Range;

/// Rows of a zone, and zones of a line; as in the kernel, which builds the map.
const ZONE_ROWS: usize = 64;
const FAN: usize = 8;

/// Words of the map's header and of each line: eight lows and eight highs of 32 bits.
const HEADER_WORDS: usize = 8;
const LINE_WORDS: usize = 8;
const BASE_WORD: usize = 2;

/// Lowest and highest of some prices; without any, the lowest is above the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extremes {
    /// The lowest.
    pub low: i64,
    /// The highest.
    pub high: i64,
}

impl Extremes {
    const NONE: Extremes = Extremes {
        low: i64::MAX,
        high: i64::MIN,
    };

    /// Of all of these.
    fn of(price_ticks: &[i64]) -> Extremes {
        price_ticks.iter().fold(Extremes::NONE, |so_far, &price| {
            so_far.with(Extremes {
                low: price,
                high: price,
            })
        })
    }

    fn with(self, other: Extremes) -> Extremes {
        Extremes {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }
}

/// The extremes of some rows. The words are those of a zone map of these prices; others give wrong
/// extremes, and nothing worse.
pub(crate) fn extremes(
    words: &[u64],
    map_rows: usize,
    price_ticks: &[i64],
    rows: Range<usize>,
) -> Extremes {
    let Some(prices) = price_ticks.get(rows.clone()) else {
        return Extremes::NONE;
    };
    let (first, last) = (rows.start.div_ceil(ZONE_ROWS), rows.end / ZONE_ROWS);
    if first >= last {
        return Extremes::of(prices);
    }
    let edges = Extremes::of(&price_ticks[rows.start..first * ZONE_ROWS])
        .with(Extremes::of(&price_ticks[last * ZONE_ROWS..rows.end]));
    match zones(words, map_rows, first..last) {
        Some(inner) => edges.with(inner),
        None => Extremes::of(prices),
    }
}

/// The extremes of whole zones; `None` where the map holds only a bound of them.
fn zones(words: &[u64], rows: usize, zones: Range<usize>) -> Option<Extremes> {
    let base = *words.get(BASE_WORD)? as i64;
    let (mut first, mut last) = (zones.start, zones.end);
    let mut level = HEADER_WORDS;
    let mut lines = rows.div_ceil(ZONE_ROWS).div_ceil(FAN);
    let (mut low, mut high) = (i32::MAX, i32::MIN);
    while first < last {
        let mut take = |zone: usize| {
            let word = level + zone / FAN * LINE_WORDS + zone % FAN / 2;
            let shift = zone % 2 * 32;
            low = low.min((words.get(word)? >> shift) as i32);
            high = high.max((words.get(word + LINE_WORDS / 2)? >> shift) as i32);
            Some(())
        };
        while first < last && first % FAN != 0 {
            take(first)?;
            first += 1;
        }
        while first < last && last % FAN != 0 {
            last -= 1;
            take(last)?;
        }
        (first, last) = (first / FAN, last / FAN);
        level += lines * LINE_WORDS;
        lines = lines.div_ceil(FAN);
    }
    // Prices far from the first one end at the clamp: the rows decide.
    let is_exact = i32::MIN < low && high < i32::MAX;
    is_exact.then(|| Extremes {
        low: base.wrapping_add(low.into()),
        high: base.wrapping_add(high.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ZoneMap;

    /// A walk without a library: the upper bits of a linear congruential generator.
    fn walk(rows: usize, step_bits: u32) -> Vec<i64> {
        let (mut state, mut price) = (1_u64, 1_i64 << 40);
        (0..rows)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                price += (state >> (64 - step_bits)) as i64 - (1 << (step_bits - 1));
                price
            })
            .collect()
    }

    fn check(price_ticks: &[i64], rows: Range<usize>) {
        let map = ZoneMap::build(price_ticks).unwrap();
        let wanted = Extremes::of(&price_ticks[rows.clone()]);
        assert_eq!(map.extremes(price_ticks, rows.clone()), wanted, "{rows:?}");
    }

    #[test]
    fn every_run_of_rows_has_the_extremes_of_its_rows() {
        for length in [0, 1, 63, 64, 65, 511, 512, 513, 5_000, 40_000] {
            let price_ticks = walk(length, 4);
            let mut state = 7_usize;
            for _ in 0..200 {
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                let start = (state >> 8) % (length + 1);
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                let end = start + (state >> 8) % (length - start + 1);
                check(&price_ticks, start..end);
            }
            check(&price_ticks, 0..length);
        }
    }

    #[test]
    fn prices_beyond_the_clamp_are_read_themselves() {
        let mut price_ticks = walk(10_000, 4);
        price_ticks[5_000] += 1 << 45;
        price_ticks[6_000] -= 1 << 39;
        check(&price_ticks, 10..9_990);
        check(&walk(4_000, 40), 0..4_000);
    }

    #[test]
    fn words_that_are_not_a_map_break_nothing() {
        let price_ticks = walk(5_000, 4);
        for words in [&[][..], &[u64::MAX; 9], &[0; 300]] {
            let _ = extremes(words, 5_000, &price_ticks, 3..4_900);
        }
        assert_eq!(extremes(&[], 5_000, &price_ticks, 0..9_000), Extremes::NONE);
    }
}
