//! A schedule of orders from a dictionary of columns.

use numpy::PyArrayMethods;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tickstep::{ScheduleColumns, When};

use crate::errors::Kind;
use crate::ticks::column_array;

/// The columns of a schedule as Rust's own, since their arrays were made for this call alone.
pub struct OrderColumns {
    is_by_time: bool,
    when: Vec<i64>,
    instrument: Vec<u32>,
    order_type: Vec<u8>,
    side: Vec<u8>,
    qty_lots: Vec<i64>,
    time_in_force: Option<Vec<u8>>,
    offset: Option<Vec<u8>>,
    flags: Option<Vec<u32>>,
    price_ticks: Option<Vec<i64>>,
    trigger_ticks: Option<Vec<i64>>,
    trail_ticks: Option<Vec<i64>>,
    expire_time: Option<Vec<i64>>,
    oco_group: Option<Vec<u64>>,
    tag: Option<Vec<u64>>,
}

impl OrderColumns {
    pub fn read(orders: &Bound<'_, PyDict>) -> PyResult<OrderColumns> {
        let is_by_time = orders.contains("time")?;
        Ok(OrderColumns {
            is_by_time,
            when: needed(orders, if is_by_time { "time" } else { "tick_index" })?,
            instrument: needed(orders, "instrument")?,
            order_type: needed(orders, "order_type")?,
            side: needed(orders, "side")?,
            qty_lots: needed(orders, "qty_lots")?,
            time_in_force: given(orders, "time_in_force")?,
            offset: given(orders, "offset")?,
            flags: given(orders, "flags")?,
            price_ticks: given(orders, "price_ticks")?,
            trigger_ticks: given(orders, "trigger_ticks")?,
            trail_ticks: given(orders, "trail_ticks")?,
            expire_time: given(orders, "expire_time")?,
            oco_group: given(orders, "oco_group")?,
            tag: given(orders, "tag")?,
        })
    }

    pub fn as_columns(&self) -> ScheduleColumns<'_> {
        let when = if self.is_by_time {
            When::Times
        } else {
            When::TickIndexes
        };
        let when = when(&self.when);
        let mut columns = ScheduleColumns::new(when, &self.order_type, &self.side, &self.qty_lots);
        columns.instrument = Some(&self.instrument);
        columns.time_in_force = self.time_in_force.as_deref();
        columns.offset = self.offset.as_deref();
        columns.flags = self.flags.as_deref();
        columns.price_ticks = self.price_ticks.as_deref();
        columns.trigger_ticks = self.trigger_ticks.as_deref();
        columns.trail_ticks = self.trail_ticks.as_deref();
        columns.expire_time = self.expire_time.as_deref();
        columns.oco_group = self.oco_group.as_deref();
        columns.tag = self.tag.as_deref();
        columns
    }
}

fn given<T: numpy::Element + Copy>(
    orders: &Bound<'_, PyDict>,
    name: &str,
) -> PyResult<Option<Vec<T>>> {
    let Some(value) = orders.get_item(name)? else {
        return Ok(None);
    };
    Ok(Some(column_array::<T>(&value, name)?.to_vec()?))
}

fn needed<T: numpy::Element + Copy>(orders: &Bound<'_, PyDict>, name: &str) -> PyResult<Vec<T>> {
    let column = given(orders, name)?;
    column.ok_or_else(|| {
        let message = format!("orders has no column '{name}'");
        Kind::Order.error(orders.py(), &message, "every order needs one")
    })
}
