//! Errors: what the kernel answers, with the value that broke the rule wherever there is one.

use std::fmt;

use crate::number::NumberError;
use crate::numbered::numbered;

numbered! {
    /// What a call of the kernel answers. A test compares this list with the C library's.
    ///
    /// ```
    /// use tickstep::Status;
    /// assert_eq!(Status::from_number(36), Some(Status::Qty));
    /// assert_eq!(Status::Qty.name(), "QTY");
    /// ```
    pub enum Status: i32 {
        Ok = 0, "OK", "done";
        NullArgument = 1, "NULL_ARGUMENT", "a pointer that must be given is NULL";
        StructSize = 2, "STRUCT_SIZE", "struct_size is not sizeof the struct of this version";
        MemorySize = 3, "MEMORY_SIZE", "the block is smaller than the size asked for";
        MemoryAlign = 4, "MEMORY_ALIGN", "the block is not aligned to 8 bytes";
        CapacityRange = 5, "CAPACITY_RANGE",
            "orders_max or events_max is 0 or above 2^31 in all, or too many commands";
        CapacitySmaller = 6, "CAPACITY_SMALLER",
            "the new capacities do not hold what is in the engine";
        ConfigMismatch = 7, "CONFIG_MISMATCH", "the configuration differs from the engine's";
        InstrumentCount = 10, "INSTRUMENT_COUNT", "instrument_count is 0 or above 65536";
        UnitRange = 11, "UNIT_RANGE", "units_per_tick_lot must be from 1 to 2^40";
        SpreadRange = 12, "SPREAD_RANGE", "spread_ppb must be from 0 to 1999999999";
        FeeRange = 13, "FEE_RANGE",
            "a fee must be within 10^9 ppb, 2^40 units a lot, and a minimum from 0 to 2^40";
        Rule = 14, "RULE", "an enumerator is unknown or not in this version";
        QtyRule = 15, "QTY_RULE", "qty_step_lots and qty_min_lots must be from 1 to 2^61";
        Band = 16, "BAND", "the price band is empty or outside the price range";
        CashRange = 17, "CASH_RANGE", "initial_cash_units must be from 0 to 2^61";
        LatencyRange = 18, "LATENCY_RANGE", "latency must be from 0 to 2^61";
        Participation = 19, "PARTICIPATION",
            "participation_ppm must be from 1 to 1000000 under VOLUME, 0 otherwise";
        Wallet = 20, "WALLET", "wallet must be 0 in this version";
        CashAccount = 21, "CASH_ACCOUNT",
            "a cash account holds SPOT NET instruments with positive prices only";
        Instrument = 30, "INSTRUMENT", "no such instrument";
        Side = 31, "SIDE", "side must be 0 (buy) or 1 (sell)";
        OrderType = 32, "ORDER_TYPE", "unknown order type";
        TimeInForce = 33, "TIME_IN_FORCE",
            "unknown time in force, or one this order type cannot have";
        Offset = 34, "OFFSET", "offset must be 0 for NET and name open or close for HEDGE";
        Flags = 35, "FLAGS", "unknown flag, or one this order type cannot have";
        Qty = 36, "QTY", "qty_lots must be from 1 to 2^62 - 1, and 0 for alerts";
        Price = 37, "PRICE", "price_ticks is missing or out of range for this instrument";
        Trigger = 38, "TRIGGER", "trigger_ticks is missing or out of range for this instrument";
        Trail = 39, "TRAIL", "trail_ticks must be from 1 to 2^48 - 1 for TRAILING_STOP";
        Expiry = 40, "EXPIRY", "expire_time is out of range";
        FieldUnused = 41, "FIELD_UNUSED", "a field that this order type does not use is not 0";
        OrderUnknown = 42, "ORDER_UNKNOWN", "no order has this id";
        OrderClosed = 43, "ORDER_CLOSED", "the order is no longer open";
        AmendFields = 44, "AMEND_FIELDS",
            "the amendment names no field, or one this order does not have";
        Reason = 45, "REASON", "the reason to refuse must be one from NO_CASH to RISK_LIMIT";
        TimeBackwards = 50, "TIME_BACKWARDS",
            "time is before the engine's clock or the row before it";
        TimeRange = 51, "TIME_RANGE", "time is not within 2^62";
        TickPrice = 52, "TICK_PRICE", "price is out of range for this instrument";
        TickQty = 53, "TICK_QTY", "quantity must be from 1 to 2^62 - 1";
        TickSide = 54, "TICK_SIDE", "side must be 0 (buy) or 1 (sell)";
        TickQuote = 55, "TICK_QUOTE", "bid or ask is out of range, or bid is above ask";
        ColumnMissing = 56, "COLUMN_MISSING", "a column this feed or instrument needs is NULL";
        FeedCursor = 57, "FEED_CURSOR", "cursor is beyond count";
        FeedRepeated = 58, "FEED_REPEATED",
            "two feeds name one instrument, or feeds are not in instrument order";
        ZoneMap = 59, "ZONE_MAP", "the zone map does not fit the feed";
        ScheduleOrder = 60, "SCHEDULE_ORDER", "a schedule row comes before the row above it";
        SchedulePoint = 61, "SCHEDULE_POINT", "a schedule needs either times or tick indexes";
        Amount = 62, "AMOUNT",
            "the amount is 0, has the wrong sign for its kind, or is beyond 2^61";
        SettlePrice = 63, "SETTLE_PRICE", "a settlement price is missing or out of range";
        EntryKind = 64, "ENTRY_KIND", "unknown ledger entry kind";
        TickRange = 65, "TICK_RANGE",
            "low and high are out of range or do not enclose the price, or the tick has quotes too";
        Capacity = 70, "CAPACITY",
            "no room for orders, commands or events: drain, or move to a larger block";
        Overflow = 71, "OVERFLOW", "money would pass 2^62 units";
        StateFormat = 80, "STATE_FORMAT", "these bytes are not a saved state";
        StateVersion = 81, "STATE_VERSION", "the saved state is of another version";
        StateChecksum = 82, "STATE_CHECKSUM", "the saved state is damaged";
        StateInvalid = 83, "STATE_INVALID", "the saved state breaks a rule of the engine";
        Internal = 90, "INTERNAL", "the engine met a state that must not exist";
    }
}

impl Status {
    /// The one place where an answer of the kernel becomes a result.
    pub(crate) fn check(number: i32) -> Result<(), Status> {
        match Status::from_number(number) {
            Some(Status::Ok) => Ok(()),
            Some(status) => Err(status),
            None => Err(Status::Internal),
        }
    }

    /// For calls whose arguments are right by construction.
    ///
    /// # Panics
    /// When the kernel refuses all the same, which is a defect of this crate or the kernel.
    pub(crate) fn expect_ok(number: i32, call: &str) {
        if let Err(status) = Status::check(number) {
            panic!("{call} answered {status}: {}", status.message());
        }
    }
}

/// Why a call was refused. A refused call changes nothing.
///
/// ```
/// use tickstep::{Config, Engine, Instrument, Order, Side, Status};
/// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
/// let error = engine.place(&Order::market(Side::Buy, 0)).unwrap_err();
/// assert_eq!(error.status(), Some(Status::Qty));
/// assert_eq!(
///     error.to_string(),
///     "qty_lots is 0: qty_lots must be from 1 to 2^62 - 1, and 0 for alerts"
/// );
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused, and no single value is at fault.
    Status(Status),
    /// The kernel refused because of this value.
    Value {
        /// The rule that it breaks.
        status: Status,
        /// Name of the argument, field or column.
        field: &'static str,
        /// What it holds.
        value: i128,
    },
    /// The configuration of one instrument is refused.
    Instrument {
        /// The rule that it breaks.
        status: Status,
        /// Index of the instrument.
        instrument: u32,
        /// Name and content of the field at fault, where one is.
        field: Option<(&'static str, i128)>,
    },
    /// A column is not as long as the first one.
    ColumnLength {
        /// Name of the column.
        column: &'static str,
        /// Rows it has.
        rows: usize,
        /// Rows it must have.
        expected: usize,
    },
    /// A column is given twice, once with the feed and once beside it.
    ColumnRepeated {
        /// Name of the column.
        column: &'static str,
    },
    /// The system has not this much memory.
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// A number in human units does not fit its grid.
    Number(Box<NumberError>),
}

impl Error {
    /// The kernel's status, where the refusal is the kernel's.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        match self {
            Error::Status(status)
            | Error::Value { status, .. }
            | Error::Instrument { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// A pinned number: the kernel's below 100, this crate's from 100 on.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.code_and_name().0
    }

    /// A pinned name in capitals, like [`Status::name`].
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.code_and_name().1
    }

    fn code_and_name(&self) -> (i32, &'static str) {
        match self {
            Error::Status(status)
            | Error::Value { status, .. }
            | Error::Instrument { status, .. } => (status.number(), status.name()),
            Error::ColumnLength { .. } => (100, "COLUMN_LENGTH"),
            Error::ColumnRepeated { .. } => (101, "COLUMN_REPEATED"),
            Error::Memory { .. } => (102, "MEMORY"),
            Error::Number(number) => number.code_and_name(),
        }
    }

    /// Adds the value at fault to a bare status; leaves every other error as it is.
    pub(crate) fn naming(self, find: impl FnOnce(Status) -> Option<(&'static str, i128)>) -> Error {
        let Error::Status(status) = self else {
            return self;
        };
        match find(status) {
            Some((field, value)) => Error::Value {
                status,
                field,
                value,
            },
            None => self,
        }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Error {
        Error::Status(status)
    }
}

impl From<NumberError> for Error {
    fn from(number: NumberError) -> Error {
        Error::Number(Box::new(number))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Status(status) => out.write_str(status.message()),
            Error::Value {
                status,
                field,
                value,
            } => {
                write!(out, "{field} is {value}: {}", status.message())
            }
            Error::Instrument {
                status,
                instrument,
                field: Some((field, value)),
            } => {
                write!(
                    out,
                    "instrument {instrument}: {field} is {value}: {}",
                    status.message()
                )
            }
            Error::Instrument {
                status,
                instrument,
                field: None,
            } => {
                write!(out, "instrument {instrument}: {}", status.message())
            }
            Error::ColumnLength {
                column,
                rows,
                expected,
            } => {
                write!(
                    out,
                    "the column {column} has {rows} rows, expected {expected}"
                )
            }
            Error::ColumnRepeated { column } => {
                write!(
                    out,
                    "the column {column} is given twice; leave one of them out"
                )
            }
            Error::Memory { bytes } => {
                write!(out, "the system has no {bytes} bytes of memory left")
            }
            Error::Number(number) => number.fmt(out),
        }
    }
}

impl std::error::Error for Error {}

/// A refused column, with the row at fault where there is one.
///
/// ```
/// use tickstep::{Columns, Instrument, Ticks};
/// let error = Ticks::check(Columns::new(&[2, 1], &[5, 5]), &Instrument::new(1)).unwrap_err();
/// assert_eq!(error.row, Some(1));
/// assert!(error.to_string().starts_with("row 1: time is 1: "));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RowError {
    /// What is wrong.
    pub error: Error,
    /// The row, counted from 0.
    pub row: Option<u64>,
}

impl From<Error> for RowError {
    fn from(error: Error) -> RowError {
        RowError { error, row: None }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.row {
            write!(out, "row {row}: ")?;
        }
        self.error.fmt(out)
    }
}

impl std::error::Error for RowError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Why a batch ended early.
///
/// A bad column or schedule changes nothing (`ticks_done` is 0); a limit of money (OVERFLOW) stops
/// before the tick concerned, and the cursors tell where.
///
/// ```
/// use tickstep::{Columns, Config, Engine, Feed, Instrument};
/// let mut engine = Engine::new(&Config::new(0, vec![Instrument::new(1)]))?;
/// let mut feeds = [Feed::new(0, Columns::new(&[1, 2], &[100, -3]))?];
/// let error = engine.step_batch(&mut feeds, 0).unwrap_err();
/// assert_eq!((error.feed, error.row, error.ticks_done), (Some(0), Some(1), 0));
/// assert!(error.to_string().starts_with("feed 0, row 1: price_ticks is -3: "));
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BatchError {
    /// What is wrong.
    pub error: Error,
    /// Index into the feeds of the call. `None` beside a `row`: a row of the schedule.
    pub feed: Option<u32>,
    /// The row at fault, counted from 0.
    pub row: Option<u64>,
    /// Ticks taken before the error, over all feeds.
    pub ticks_done: u64,
}

impl BatchError {
    /// An error before the first tick that no row is to blame for.
    pub(crate) fn before_start(error: Error) -> BatchError {
        BatchError {
            error,
            feed: None,
            row: None,
            ticks_done: 0,
        }
    }

    /// An error in a column of one feed, found before the first tick.
    pub(crate) fn in_feed(feed: u32, fault: RowError) -> BatchError {
        BatchError {
            error: fault.error,
            feed: Some(feed),
            row: fault.row,
            ticks_done: 0,
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.feed, self.row) {
            (Some(feed), Some(row)) => write!(out, "feed {feed}, row {row}: ")?,
            (Some(feed), None) => write!(out, "feed {feed}: ")?,
            (None, Some(row)) => write!(out, "schedule row {row}: ")?,
            (None, None) => {}
        }
        self.error.fmt(out)?;
        if self.ticks_done > 0 {
            write!(out, " (after {} ticks)", self.ticks_done)?;
        }
        Ok(())
    }
}

impl std::error::Error for BatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::{CStr, c_char};

    use tickstep_sys as sys;

    use super::*;
    use crate::event::Reason;

    fn text(pointer: *const c_char) -> &'static str {
        // SAFETY: the kernel answers every number with a constant, NUL-terminated string.
        let text = unsafe { CStr::from_ptr(pointer) };
        text.to_str().expect("names and messages are ASCII")
    }

    #[test]
    fn statuses_are_those_of_the_c_library() {
        for number in 0..256 {
            let status = Status::from_number(number);
            let name = text(sys::tks_status_name(number));
            assert_eq!(status.map_or("UNKNOWN", Status::name), name, "{number}");
            if let Some(status) = status {
                assert_eq!(
                    status.message(),
                    text(sys::tks_status_message(number)),
                    "{number}"
                );
            }
        }
    }

    #[test]
    fn reasons_are_those_of_the_c_library() {
        for number in 0..=u16::from(u8::MAX) {
            let reason = Reason::from_number(number);
            let name = text(sys::tks_reason_name(number.into()));
            assert_eq!(reason.map_or("UNKNOWN", Reason::name), name, "{number}");
            if let Some(reason) = reason {
                let message = text(sys::tks_reason_message(number.into()));
                assert_eq!(reason.message(), message, "{number}");
            }
        }
    }

    #[test]
    fn no_code_is_used_twice() {
        let own = [
            Error::ColumnLength {
                column: "side",
                rows: 1,
                expected: 2,
            },
            Error::ColumnRepeated { column: "qty" },
            Error::Memory { bytes: 8 },
            NumberError::Text {
                text: String::new(),
            }
            .into(),
            NumberError::Range.into(),
            NumberError::FloatNotFinite { value: f64::NAN }.into(),
            NumberError::FloatNotPositive { value: 0.0 }.into(),
        ];
        let mut codes: Vec<i32> = Status::ALL.iter().map(|status| status.number()).collect();
        codes.extend(own.iter().map(Error::code));
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
