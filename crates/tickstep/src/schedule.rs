//! Orders as columns, placed on the way through the ticks.

use std::ptr;

use tickstep_sys as sys;

use crate::columns::{check_lengths, column_ptr};
use crate::error::{Error, Status};

/// When the rows of a schedule are placed; never descending. See [`Schedule`].
///
/// ```
/// use tickstep::When;
/// // Before the first tick, and twice after the one with index 7.
/// let when = When::TickIndexes(&[-1, 7, 7]);
/// # let _ = when;
/// ```
#[derive(Clone, Copy, Debug)]
pub enum When<'a> {
    /// After the last tick, of any instrument, with a time not after this.
    Times(&'a [i64]),
    /// After the tick with this index of the row's instrument, counted since the engine was made or
    /// reset; -1: before its first.
    TickIndexes(&'a [i64]),
}

/// The columns of a schedule. Numbers are those of the enums: [`crate::OrderType`],
/// [`crate::Side`], [`crate::TimeInForce`], [`crate::Offset`]. A column left out is all 0, of
/// `time_in_force` all GTC.
///
/// ```
/// use tickstep::{OrderType, ScheduleColumns, Side, When};
/// let (order_type, side) = ([OrderType::Limit.number(); 2], [Side::Buy.number(); 2]);
/// let columns = ScheduleColumns {
///     price_ticks: Some(&[99, 98]),
///     ..ScheduleColumns::new(When::Times(&[5, 6]), &order_type, &side, &[1, 1])
/// };
/// assert_eq!(columns.len(), 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ScheduleColumns<'a> {
    /// When each row is placed.
    pub when: When<'a>,
    /// Numbers of [`crate::OrderType`].
    pub order_type: &'a [u8],
    /// Numbers of [`crate::Side`].
    pub side: &'a [u8],
    /// Total quantities; 0 for alerts.
    pub qty_lots: &'a [i64],
    /// Indexes of the instruments.
    pub instrument: Option<&'a [u32]>,
    /// Numbers of [`crate::TimeInForce`].
    pub time_in_force: Option<&'a [u8]>,
    /// Numbers of [`crate::Offset`].
    pub offset: Option<&'a [u8]>,
    /// 1 for post-only plus 2 for reduce-only.
    pub flags: Option<&'a [u32]>,
    /// Limits.
    pub price_ticks: Option<&'a [i64]>,
    /// Triggers.
    pub trigger_ticks: Option<&'a [i64]>,
    /// Trails.
    pub trail_ticks: Option<&'a [i64]>,
    /// Expire times.
    pub expire_time: Option<&'a [i64]>,
    /// Groups of siblings.
    pub oco_group: Option<&'a [u64]>,
    /// Tags.
    pub tag: Option<&'a [u64]>,
}

impl<'a> ScheduleColumns<'a> {
    /// What every schedule has; set the other fields as needed.
    #[must_use]
    pub fn new(
        when: When<'a>,
        order_type: &'a [u8],
        side: &'a [u8],
        qty_lots: &'a [i64],
    ) -> ScheduleColumns<'a> {
        ScheduleColumns {
            when,
            order_type,
            side,
            qty_lots,
            instrument: None,
            time_in_force: None,
            offset: None,
            flags: None,
            price_ticks: None,
            trigger_ticks: None,
            trail_ticks: None,
            expire_time: None,
            oco_group: None,
            tag: None,
        }
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.when {
            When::Times(column) | When::TickIndexes(column) => column.len(),
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything about the kernel's memory safety: no column is shorter than the first.
    fn check_lengths(&self) -> Result<(), Error> {
        let lengths = [
            ("order_type", Some(self.order_type.len())),
            ("side", Some(self.side.len())),
            ("qty_lots", Some(self.qty_lots.len())),
            ("instrument", self.instrument.map(<[u32]>::len)),
            ("time_in_force", self.time_in_force.map(<[u8]>::len)),
            ("offset", self.offset.map(<[u8]>::len)),
            ("flags", self.flags.map(<[u32]>::len)),
            ("price_ticks", self.price_ticks.map(<[i64]>::len)),
            ("trigger_ticks", self.trigger_ticks.map(<[i64]>::len)),
            ("trail_ticks", self.trail_ticks.map(<[i64]>::len)),
            ("expire_time", self.expire_time.map(<[i64]>::len)),
            ("oco_group", self.oco_group.map(<[u64]>::len)),
            ("tag", self.tag.map(<[u64]>::len)),
        ];
        check_lengths(self.len(), &lengths)
    }

    /// The value at fault. The kernel has found it; this only names it.
    fn fault(&self, status: Status, row: usize) -> Option<(&'static str, i128)> {
        fn cell<T: Copy + Into<i128>>(
            name: &'static str,
            column: Option<&[T]>,
            row: usize,
        ) -> Option<(&'static str, i128)> {
            Some((name, (*column?.get(row)?).into()))
        }
        match status {
            Status::ScheduleOrder => match self.when {
                When::Times(column) => cell("time", Some(column), row),
                When::TickIndexes(column) => cell("tick_index", Some(column), row),
            },
            Status::OrderType => cell("order_type", Some(self.order_type), row),
            Status::Side => cell("side", Some(self.side), row),
            Status::Qty | Status::Overflow => cell("qty_lots", Some(self.qty_lots), row),
            Status::Instrument => cell("instrument", self.instrument, row),
            Status::TimeInForce => cell("time_in_force", self.time_in_force, row),
            Status::Offset => cell("offset", self.offset, row),
            Status::Flags => cell("flags", self.flags, row),
            Status::Price => cell("price_ticks", self.price_ticks, row),
            Status::Trigger => cell("trigger_ticks", self.trigger_ticks, row),
            Status::Trail => cell("trail_ticks", self.trail_ticks, row),
            Status::Expiry => cell("expire_time", self.expire_time, row),
            _ => None,
        }
    }
}

/// A schedule and the place reached in it.
///
/// ```
/// use tickstep::{
///     Columns, Config, Engine, Feed, Instrument, OrderType, Schedule, ScheduleColumns, Side, When,
/// };
/// let mut engine = Engine::new(&Config::new(1_000, vec![Instrument::new(1)]))?;
/// let mut feeds = [Feed::new(0, Columns::new(&[1, 2, 3], &[10, 11, 12]))?];
/// let (order_type, side) = ([OrderType::Market.number()], [Side::Buy.number()]);
/// let columns = ScheduleColumns::new(When::Times(&[1]), &order_type, &side, &[5]);
/// let mut schedule = Schedule::new(columns)?;
/// engine.run_orders(&mut feeds, &mut schedule).expect("rows and orders are good");
/// assert_eq!(engine.snapshot(0)?.cost_units, 5 * 11);
/// # Ok::<(), tickstep::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Schedule<'a> {
    /// All of one length: `new` has checked it, and nothing changes them.
    columns: ScheduleColumns<'a>,
    cursor: usize,
}

impl<'a> Schedule<'a> {
    /// All rows of the columns.
    ///
    /// # Errors
    /// [`Error::ColumnLength`].
    pub fn new(columns: ScheduleColumns<'a>) -> Result<Schedule<'a>, Error> {
        columns.check_lengths()?;
        Ok(Schedule { columns, cursor: 0 })
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &ScheduleColumns<'a> {
        &self.columns
    }

    /// The next row to place.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    pub(crate) fn set_cursor(&mut self, cursor: usize) {
        self.cursor = cursor;
    }

    /// Instrument of a row.
    pub(crate) fn instrument_at(&self, row: u64) -> u32 {
        let column = self.columns.instrument.unwrap_or_default();
        usize::try_from(row)
            .ok()
            .and_then(|row| column.get(row))
            .copied()
            .unwrap_or(0)
    }

    /// Turns the kernel's answer about a row into an error that names the value.
    pub(crate) fn row_error(&self, status: Status, row: u64) -> Error {
        Error::from(status).naming(|status| self.columns.fault(status, usize::try_from(row).ok()?))
    }

    /// The schedule as the kernel reads it. Its pointers are good for as long as `'a`: each column
    /// has `count` rows.
    pub(crate) fn raw(&self) -> sys::tks_schedule {
        let columns = &self.columns;
        let (time, tick_index) = match columns.when {
            When::Times(column) => (column.as_ptr(), ptr::null()),
            When::TickIndexes(column) => (ptr::null(), column.as_ptr()),
        };
        sys::tks_schedule {
            struct_size: size_of::<sys::tks_schedule>() as u32,
            flags: 0,
            cursor: self.cursor as u64,
            count: columns.len() as u64,
            time,
            tick_index,
            instrument: column_ptr(columns.instrument),
            r#type: columns.order_type.as_ptr(),
            side: columns.side.as_ptr(),
            time_in_force: column_ptr(columns.time_in_force),
            offset: column_ptr(columns.offset),
            order_flags: column_ptr(columns.flags),
            qty_lots: columns.qty_lots.as_ptr(),
            price_ticks: column_ptr(columns.price_ticks),
            trigger_ticks: column_ptr(columns.trigger_ticks),
            trail_ticks: column_ptr(columns.trail_ticks),
            expire_time: column_ptr(columns.expire_time),
            oco_group: column_ptr(columns.oco_group),
            tag: column_ptr(columns.tag),
        }
    }
}
