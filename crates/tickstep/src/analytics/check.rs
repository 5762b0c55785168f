//! Rules that every piece of rows obeys, looked at a block at a time while it is in the cache.

use std::fmt;

/// Times lie within ±2^62, as the kernel's do.
const TIME_MAX: i64 = 1 << 62;

/// A row that breaks a rule, counted from 0 in the piece that was pushed.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Row of the piece, where one row is to blame.
    pub row: Option<usize>,
    /// The rule.
    pub rule: FaultRule,
}

/// What was broken, with the value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultRule {
    /// Columns of one piece are equally long.
    Length {
        /// The column.
        name: &'static str,
        /// Rows of the first column.
        expected: usize,
        /// Rows of this one.
        found: usize,
    },
    /// Times never descend.
    TimeOrder {
        /// Time of the row.
        time: i64,
        /// Time of the row before it.
        previous: i64,
    },
    /// Times lie within ±2^62.
    TimeRange {
        /// Time of the row.
        time: i64,
    },
    /// Sides are 0 or 1.
    Side {
        /// The side.
        found: u8,
    },
    /// A quantity is 0 or more, and a number.
    Quantity {
        /// The quantity as text.
        found: String,
    },
    /// Prices that are counted lie within ±2^60.
    PriceRange {
        /// The price in ticks.
        found: i64,
    },
    /// A price has a logarithm.
    Price {
        /// The price as text.
        found: String,
    },
    /// A number is finite.
    Finite {
        /// The column.
        name: &'static str,
        /// The number as text.
        found: String,
    },
    /// The high is not below the low, and neither is passed by open or close.
    Range,
    /// A sum fits in 64 bits.
    Sum {
        /// What was summed.
        name: &'static str,
    },
    /// Buckets without a tick stay few enough to hold.
    EmptyBuckets {
        /// How many there would be between two ticks.
        found: u64,
        /// How many are allowed.
        most: u64,
    },
    /// Bins of a profile stay few enough to hold.
    Bins {
        /// How many there would be.
        found: u64,
        /// How many are allowed.
        most: u64,
    },
    /// Memory for the result.
    Memory {
        /// Rows it would have.
        rows: usize,
    },
}

impl Fault {
    pub(super) fn at(row: usize, rule: FaultRule) -> Fault {
        Fault {
            row: Some(row),
            rule,
        }
    }

    pub(super) fn whole(rule: FaultRule) -> Fault {
        Fault { row: None, rule }
    }

    pub(super) fn sum(name: &'static str) -> Fault {
        Fault::whole(FaultRule::Sum { name })
    }

    /// The same fault with its row counted from the beginning of the piece.
    pub(super) fn shifted(mut self, rows: usize) -> Fault {
        self.row = self.row.map(|row| row + rows);
        self
    }

    /// How to mend it.
    #[must_use]
    pub fn mend(&self) -> &'static str {
        match self.rule {
            FaultRule::Length { .. } => "give columns of the same rows",
            FaultRule::TimeOrder { .. } => "sort the rows by time; equal times are fine",
            FaultRule::TimeRange { .. } => "give times since 1970 in s, ms, us or ns",
            FaultRule::Side { .. } => "sides are 0 for BUY and 1 for SELL",
            FaultRule::Quantity { .. } => "drop the row, or mend its quantity",
            FaultRule::PriceRange { .. } => "choose a coarser tick",
            FaultRule::Price { .. } => "a logarithm needs finite prices above 0, below 2^53 ticks",
            FaultRule::Finite { .. } => "drop the row, or fill it",
            FaultRule::Range => "mend the bar: low <= open, close <= high",
            FaultRule::Sum { .. } => "choose a coarser lot, or sum fewer rows",
            FaultRule::EmptyBuckets { .. } => "choose longer buckets, or leave empty ones out",
            FaultRule::Bins { .. } => "choose fewer, wider bins",
            FaultRule::Memory { .. } => "give fewer rows at once",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.row {
            write!(out, "row {row}: ")?;
        }
        match &self.rule {
            FaultRule::Length {
                name,
                expected,
                found,
            } => write!(out, "{name} has {found} rows, expected {expected}"),
            FaultRule::TimeOrder { time, previous } => {
                write!(out, "time {time} is before {previous} of the row before it")
            }
            FaultRule::TimeRange { time } => write!(out, "time {time} is not within 2^62"),
            FaultRule::Side { found } => write!(out, "side must be 0 or 1, was {found}"),
            FaultRule::Quantity { found } => {
                write!(out, "quantity must be 0 or more, was {found}")
            }
            FaultRule::PriceRange { found } => {
                write!(out, "price must lie within 2^60 ticks, was {found}")
            }
            FaultRule::Price { found } => write!(out, "price must be above 0, was {found}"),
            FaultRule::Finite { name, found } => {
                write!(out, "{name} must be a finite number, was {found}")
            }
            FaultRule::Range => write!(out, "open or close lies outside of low and high"),
            FaultRule::Sum { name } => write!(out, "the sum of {name} does not fit in 64 bits"),
            FaultRule::EmptyBuckets { found, most } => {
                write!(
                    out,
                    "{found} empty buckets between two ticks, at most {most}"
                )
            }
            FaultRule::Bins { found, most } => {
                write!(out, "the profile would have {found} bins, at most {most}")
            }
            FaultRule::Memory { rows } => write!(out, "no memory for {rows} rows"),
        }
    }
}

impl std::error::Error for Fault {}

/// Columns are as long as the first.
pub(super) fn check_length(name: &'static str, expected: usize, found: usize) -> Result<(), Fault> {
    if expected == found {
        return Ok(());
    }
    Err(Fault::whole(FaultRule::Length {
        name,
        expected,
        found,
    }))
}

/// Times never descend, from `previous` on, and lie within ±2^62.
#[inline(always)]
pub(super) fn check_times(times: &[i64], previous: i64) -> Result<(), Fault> {
    // Differences of numbers within 2^62 cannot wrap, so their sign tells the order; the two top
    // bits of such numbers are equal. Signs are gathered by OR: no branch within a block.
    let Some(first) = times.first() else {
        return Ok(());
    };
    let mut signs = first.wrapping_sub(previous) | (first ^ (first << 1));
    for (time, before) in times[1..].iter().zip(times) {
        signs |= time.wrapping_sub(*before) | (time ^ (time << 1));
    }
    if signs >= 0 {
        return Ok(());
    }
    Err(find_time_fault(times, previous))
}

#[cold]
fn find_time_fault(times: &[i64], mut previous: i64) -> Fault {
    for (row, time) in times.iter().copied().enumerate() {
        if !(-TIME_MAX..TIME_MAX).contains(&time) {
            return Fault::at(row, FaultRule::TimeRange { time });
        }
        if time < previous {
            return Fault::at(row, FaultRule::TimeOrder { time, previous });
        }
        previous = time;
    }
    unreachable!("called for times that break a rule")
}

/// Sides are 0 or 1.
#[inline(always)]
pub(super) fn check_sides(sides: &[u8]) -> Result<(), Fault> {
    let bits = sides.iter().fold(0, |bits, side| bits | side);
    if bits <= 1 {
        return Ok(());
    }
    let row = sides.iter().position(|side| *side > 1).unwrap_or(0);
    let found = sides[row];
    Err(Fault::at(row, FaultRule::Side { found }))
}

/// How many bits the largest of these numbers, none below 0, can have.
#[inline(always)]
pub(super) fn bits_of(bits_or: i64) -> u32 {
    64 - bits_or.leading_zeros()
}

/// How many bits a count has.
#[inline(always)]
pub(super) fn bits_of_count(count: usize) -> u32 {
    usize::BITS - count.leading_zeros()
}
