//! What all readers of text share: decimals, grids, lines, and what is said about a bad row.

pub(crate) mod decimal;
pub(crate) mod fault;
pub(crate) mod grid;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod message;
pub(crate) mod moment;
pub(crate) mod pages;
pub(crate) mod source;
