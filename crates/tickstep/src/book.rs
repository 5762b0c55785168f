//! Order books: level updates from recorded feeds, and the best levels after each update.
//!
//! A level update is a row: time, side (0 bid, 1 ask), price in ticks, the whole size of the level from
//! then on in lots (0 removes it), and flags: [`SNAPSHOT`] on the first row of a snapshot, before
//! which the book is empty, and [`UPDATE_END`] on the last row of an update.

mod best;
#[cfg(test)]
mod book_tests;
mod feed;
mod message;

pub use best::{Best, Levels, best};
pub use feed::{BookFeed, BookKind, BookOptions, BookParser, BookReport};

/// Flag of the first row of a snapshot.
pub const SNAPSHOT: u8 = 1;

/// Flag of the last row of an update.
pub const UPDATE_END: u8 = 2;
