//! Orders: what a user asks for, and how an open order stands.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tickstep::{Amend, Offset, OrderType, OrderView, Side, TimeInForce};

use crate::convert::{Grid, Number, Steps, off_grid, python_decimal};
use crate::errors::{Kind, raised};
use crate::scale::Scale;
use crate::ticks::read_side;

/// An order to place. Everything that needs no instrument is checked when it is made.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct Order {
    order_type: OrderType,
    side: Side,
    qty: Option<Number>,
    price: Option<Number>,
    trigger: Option<Number>,
    trail: Option<Number>,
    time_in_force: TimeInForce,
    expire_ts: Option<i64>,
    post_only: bool,
    reduce_only: bool,
    oco_group: u64,
    tag: u64,
    offset: Offset,
    symbol: Option<Py<PyString>>,
}

#[pymethods]
impl Order {
    #[new]
    #[pyo3(signature = (
        order_type, side=None, qty=None, price=None, *, trigger=None, trail=None,
        time_in_force=None, expire_ts=None, post_only=false, reduce_only=false, oco_group=0,
        tag=0, offset=None, symbol=None
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "one for each field of the Python class"
    )]
    fn new(
        order_type: &Bound<'_, PyString>,
        side: Option<&Bound<'_, PyAny>>,
        qty: Option<&Bound<'_, PyAny>>,
        price: Option<&Bound<'_, PyAny>>,
        trigger: Option<&Bound<'_, PyAny>>,
        trail: Option<&Bound<'_, PyAny>>,
        time_in_force: Option<&Bound<'_, PyString>>,
        expire_ts: Option<i64>,
        post_only: bool,
        reduce_only: bool,
        oco_group: u64,
        tag: u64,
        offset: Option<&Bound<'_, PyString>>,
        symbol: Option<Bound<'_, PyString>>,
    ) -> PyResult<Order> {
        let py = order_type.py();
        let order_type = named(order_type, "order_type", OrderType::ALL, OrderType::name)?;
        let order = Order {
            order_type,
            side: order_side(py, order_type, side)?,
            qty: read(qty, "qty")?,
            price: read(price, "price")?,
            trigger: read(trigger, "trigger")?,
            trail: read(trail, "trail")?,
            time_in_force: order_time_in_force(order_type, time_in_force, expire_ts)?,
            expire_ts,
            post_only,
            reduce_only,
            oco_group,
            tag,
            offset: match offset {
                None => Offset::None,
                Some(name) => named(name, "offset", Offset::ALL, Offset::name)?,
            },
            symbol: symbol.map(Bound::unbind),
        };
        order.check(py)?;
        Ok(order)
    }

    /// A market order for lots of this size, to buy above 0, to sell below.
    #[staticmethod]
    fn of_lots(
        py: Python<'_>,
        lots: i64,
        lot: &Grid,
        symbol: Bound<'_, PyString>,
    ) -> PyResult<Order> {
        let qty = lot.steps().step().times(i128::from(lots.unsigned_abs()));
        let order = Order {
            order_type: OrderType::Market,
            side: if lots < 0 { Side::Sell } else { Side::Buy },
            qty: Some(Number::Exact(
                qty.map_err(|error| raised(py, &error, Kind::Order))?,
            )),
            price: None,
            trigger: None,
            trail: None,
            time_in_force: TimeInForce::Gtc,
            expire_ts: None,
            post_only: false,
            reduce_only: false,
            oco_group: 0,
            tag: 0,
            offset: Offset::None,
            symbol: Some(symbol.unbind()),
        };
        order.check(py)?;
        Ok(order)
    }

    #[getter]
    fn order_type(&self) -> &'static str {
        self.order_type.name()
    }

    #[getter]
    fn side(&self) -> &'static str {
        self.side.name()
    }

    #[getter]
    fn qty<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        shown(py, self.qty)
    }

    #[getter]
    fn price<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        shown(py, self.price)
    }

    #[getter]
    fn trigger<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        shown(py, self.trigger)
    }

    #[getter]
    fn trail<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        shown(py, self.trail)
    }

    #[getter]
    fn time_in_force(&self) -> &'static str {
        self.time_in_force.name()
    }

    #[getter]
    fn expire_ts(&self) -> Option<i64> {
        self.expire_ts
    }

    #[getter]
    fn post_only(&self) -> bool {
        self.post_only
    }

    #[getter]
    fn reduce_only(&self) -> bool {
        self.reduce_only
    }

    #[getter]
    fn oco_group(&self) -> u64 {
        self.oco_group
    }

    #[getter]
    fn tag(&self) -> u64 {
        self.tag
    }

    #[getter]
    fn offset(&self) -> Option<&'static str> {
        (self.offset != Offset::None).then(|| self.offset.name())
    }

    #[getter]
    fn symbol(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.symbol.as_ref().map(|symbol| symbol.clone_ref(py))
    }

    fn __repr__(&self) -> String {
        let mut text = format!("Order('{}', '{}'", self.order_type, self.side);
        for (name, number) in self.numbers() {
            if let Some(number) = number {
                text += &format!(", {name}={number}");
            }
        }
        text + ")"
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<((&'static str,), Bound<'py, PyDict>)> {
        let named = PyDict::new(py);
        named.set_item("side", self.side.name())?;
        for (name, number) in self.numbers() {
            named.set_item(name, shown(py, number)?)?;
        }
        named.set_item("time_in_force", self.time_in_force.name())?;
        named.set_item("expire_ts", self.expire_ts)?;
        named.set_item("post_only", self.post_only)?;
        named.set_item("reduce_only", self.reduce_only)?;
        named.set_item("oco_group", self.oco_group)?;
        named.set_item("tag", self.tag)?;
        named.set_item("offset", self.offset())?;
        named.set_item("symbol", self.symbol(py))?;
        Ok(((self.order_type.name(),), named))
    }
}

impl Order {
    pub fn symbol_name<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, PyString>> {
        self.symbol.as_ref().map(|symbol| symbol.bind(py))
    }

    /// The order as the kernel takes it, on the grids of an instrument.
    pub fn on(&self, py: Python<'_>, instrument: u32, scale: &Scale) -> PyResult<tickstep::Order> {
        let place = |number: Option<Number>, name: &str, steps: &Steps| {
            let Some(number) = number else { return Ok(0) };
            let index = steps.index(number);
            index.map_err(|error| off_grid(py, &error, (name, number), steps, Kind::Order))
        };
        // The price of a MARKET order is ignored: callers that fill in every field pass one.
        let price = self.price.filter(|_| self.order_type.has_price());
        Ok(tickstep::Order {
            instrument,
            order_type: self.order_type,
            side: self.side,
            time_in_force: self.time_in_force,
            offset: self.offset,
            post_only: self.post_only,
            reduce_only: self.reduce_only,
            qty_lots: place(self.qty, "qty", &scale.lot)?,
            price_ticks: place(price, "price", &scale.tick)?,
            trigger_ticks: place(self.trigger, "trigger", &scale.tick)?,
            trail_ticks: place(self.trail, "trail", &scale.tick)?,
            expire_time: self.expire_ts.unwrap_or(0),
            oco_group: self.oco_group,
            tag: self.tag,
        })
    }

    fn numbers(&self) -> [(&'static str, Option<Number>); 4] {
        [
            ("qty", self.qty),
            ("price", self.price),
            ("trigger", self.trigger),
            ("trail", self.trail),
        ]
    }

    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let kind = self.order_type;
        let has_expiry = kind == OrderType::AlertTime || self.time_in_force == TimeInForce::Gtd;
        self.check_qty(py, kind.is_alert())?;
        if kind != OrderType::Market {
            self.check_field(py, "price", self.price.is_some(), kind.has_price())?;
        }
        self.check_field(py, "trigger", self.trigger.is_some(), kind.has_trigger())?;
        self.check_field(py, "trail", self.trail.is_some(), kind.has_trail())?;
        self.check_field(py, "expire_ts", self.expire_ts.is_some(), has_expiry)
    }

    fn check_qty(&self, py: Python<'_>, is_alert: bool) -> PyResult<()> {
        match self.qty {
            None if is_alert => Ok(()),
            Some(qty) if is_alert => {
                let message = format!("qty {qty} is given, but an alert trades nothing");
                Err(Kind::Order.error(py, &message, "leave qty out"))
            }
            None => {
                let message = format!("a {} order needs a qty", self.order_type);
                Err(Kind::Order.error(py, &message, "give qty in units of the instrument"))
            }
            Some(qty) if qty.is_positive() => Ok(()),
            Some(qty) => {
                let message = format!("qty {qty} must be above 0");
                Err(Kind::Order.error(py, &message, "the side says whether to buy or to sell"))
            }
        }
    }

    fn check_field(
        &self,
        py: Python<'_>,
        name: &str,
        is_given: bool,
        is_needed: bool,
    ) -> PyResult<()> {
        if is_given == is_needed {
            return Ok(());
        }
        let (kind, life) = (self.order_type, self.time_in_force);
        let (message, hint) = if is_given {
            (
                format!("{name} is given, but a {kind} order ({life}) has none"),
                "leave it out",
            )
        } else {
            (
                format!("a {kind} order ({life}) needs a {name}"),
                "give it by its name",
            )
        };
        Err(Kind::Order.error(py, &message, hint))
    }
}

fn read(value: Option<&Bound<'_, PyAny>>, name: &str) -> PyResult<Option<Number>> {
    value
        .map(|value| Number::read(value, name, Kind::Order))
        .transpose()
}

fn shown(py: Python<'_>, number: Option<Number>) -> PyResult<Option<Bound<'_, PyAny>>> {
    number.map(|number| number.to_python(py)).transpose()
}

/// A time alert has no side; everything else needs one.
fn order_side(
    py: Python<'_>,
    order_type: OrderType,
    side: Option<&Bound<'_, PyAny>>,
) -> PyResult<Side> {
    match side {
        Some(side) => read_side(side, Kind::Order),
        None if order_type == OrderType::AlertTime => Ok(Side::Buy),
        None => {
            let message = format!("a {order_type} order needs a side");
            Err(Kind::Order.error(py, &message, "side is 'BUY' or 'SELL'"))
        }
    }
}

/// An order with an end is good till then, unless it says otherwise.
fn order_time_in_force(
    order_type: OrderType,
    name: Option<&Bound<'_, PyString>>,
    expire_ts: Option<i64>,
) -> PyResult<TimeInForce> {
    match name {
        Some(name) => named(name, "time_in_force", TimeInForce::ALL, TimeInForce::name),
        None if expire_ts.is_some() && order_type != OrderType::AlertTime => Ok(TimeInForce::Gtd),
        None => Ok(TimeInForce::Gtc),
    }
}

/// The member of a list with this name.
pub fn named<T: Copy>(
    name: &Bound<'_, PyString>,
    what: &str,
    all: &[T],
    name_of: fn(T) -> &'static str,
) -> PyResult<T> {
    let text = name.to_str()?;
    if let Some(member) = all.iter().find(|member| name_of(**member) == text) {
        return Ok(*member);
    }
    let names: Vec<_> = all.iter().map(|member| name_of(*member)).collect();
    let hint = format!("one of {}", names.join(", "));
    Err(Kind::Order.error(name.py(), &format!("{what} '{text}' is not known"), &hint))
}

/// An open order as it stands.
#[pyclass(frozen, module = "tickstep._kernel")]
pub struct OpenOrder {
    view: OrderView,
    scale: Arc<Scale>,
    symbol: Py<PyString>,
}

#[pymethods]
impl OpenOrder {
    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    #[getter]
    fn order_id(&self) -> u64 {
        self.view.order_id
    }

    #[getter]
    fn symbol(&self, py: Python<'_>) -> Py<PyString> {
        self.symbol.clone_ref(py)
    }

    #[getter]
    fn order_type(&self) -> &'static str {
        self.view.order.order_type.name()
    }

    #[getter]
    fn side(&self) -> &'static str {
        self.view.order.side.name()
    }

    #[getter]
    fn time_in_force(&self) -> &'static str {
        self.view.order.time_in_force.name()
    }

    #[getter]
    fn offset(&self) -> Option<&'static str> {
        let offset = self.view.order.offset;
        (offset != Offset::None).then(|| offset.name())
    }

    #[getter]
    fn qty(&self) -> f64 {
        self.scale.lot.value(self.view.order.qty_lots)
    }

    #[getter]
    fn filled(&self) -> f64 {
        self.scale.lot.value(self.view.filled_lots)
    }

    #[getter]
    fn rest(&self) -> f64 {
        self.scale.lot.value(self.view.rest_lots())
    }

    #[getter]
    fn price(&self) -> Option<f64> {
        let order = &self.view.order;
        self.on_tick(order.price_ticks, order.order_type.has_price())
    }

    #[getter]
    fn trigger(&self) -> Option<f64> {
        let order = &self.view.order;
        self.on_tick(order.trigger_ticks, order.order_type.has_trigger())
    }

    #[getter]
    fn trail(&self) -> Option<f64> {
        let order = &self.view.order;
        self.on_tick(order.trail_ticks, order.order_type.has_trail())
    }

    #[getter]
    fn trigger_now(&self) -> Option<f64> {
        let ticks = self.view.trigger_now_ticks;
        self.on_tick(ticks, self.view.order.order_type.has_trail() && ticks != 0)
    }

    #[getter]
    fn qty_lots(&self) -> i64 {
        self.view.order.qty_lots
    }

    #[getter]
    fn filled_lots(&self) -> i64 {
        self.view.filled_lots
    }

    #[getter]
    fn price_ticks(&self) -> i64 {
        self.view.order.price_ticks
    }

    #[getter]
    fn trigger_ticks(&self) -> i64 {
        self.view.order.trigger_ticks
    }

    #[getter]
    fn trail_ticks(&self) -> i64 {
        self.view.order.trail_ticks
    }

    #[getter]
    fn expire_ts(&self) -> Option<i64> {
        let order = &self.view.order;
        order.has_expiry().then_some(order.expire_time)
    }

    #[getter]
    fn placed_ts(&self) -> i64 {
        self.view.placed_time
    }

    #[getter]
    fn post_only(&self) -> bool {
        self.view.order.post_only
    }

    #[getter]
    fn reduce_only(&self) -> bool {
        self.view.order.reduce_only
    }

    #[getter]
    fn oco_group(&self) -> u64 {
        self.view.order.oco_group
    }

    #[getter]
    fn tag(&self) -> u64 {
        self.view.order.tag
    }

    #[getter]
    fn fees(&self) -> f64 {
        self.scale.money.value(self.view.fees_units)
    }

    #[getter]
    fn fees_decimal<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fees = self.scale.money.decimal(self.view.fees_units);
        python_decimal(py, fees.map_err(|error| raised(py, &error, Kind::State))?)
    }

    #[getter]
    fn frozen(&self) -> f64 {
        self.scale.money.value(self.view.frozen_units)
    }

    #[getter]
    fn frozen_qty(&self) -> f64 {
        self.scale.lot.value(self.view.frozen_lots)
    }

    #[getter]
    fn is_triggered(&self) -> bool {
        self.view.is_triggered
    }

    #[getter]
    fn is_resting(&self) -> bool {
        self.view.is_resting
    }

    fn __repr__(&self) -> String {
        let order = &self.view.order;
        let mut text = format!(
            "OpenOrder({}, {} {}, qty={:?}, filled={:?}",
            self.view.order_id,
            order.order_type,
            order.side,
            self.qty(),
            self.filled(),
        );
        for (name, number) in [("price", self.price()), ("trigger", self.trigger())] {
            if let Some(number) = number {
                text += &format!(", {name}={number:?}");
            }
        }
        text + ")"
    }
}

impl OpenOrder {
    pub fn new(view: OrderView, scale: Arc<Scale>, symbol: Py<PyString>) -> OpenOrder {
        OpenOrder {
            view,
            scale,
            symbol,
        }
    }

    fn on_tick(&self, ticks: i64, is_used: bool) -> Option<f64> {
        is_used.then(|| self.scale.tick.value(ticks))
    }
}

/// What to change of an order, on the grids of its instrument.
pub fn amend_of(
    scale: &Scale,
    qty: Option<&Bound<'_, PyAny>>,
    price: Option<&Bound<'_, PyAny>>,
    trigger: Option<&Bound<'_, PyAny>>,
    trail: Option<&Bound<'_, PyAny>>,
) -> PyResult<Amend> {
    let place = |value: Option<&Bound<'_, PyAny>>, name: &str, steps: &Steps| {
        let Some(value) = value else { return Ok(None) };
        let number = Number::read(value, name, Kind::Order)?;
        let index = steps.index(number);
        index
            .map(Some)
            .map_err(|error| off_grid(value.py(), &error, (name, number), steps, Kind::Order))
    };
    Ok(Amend {
        qty_lots: place(qty, "qty", &scale.lot)?,
        price_ticks: place(price, "price", &scale.tick)?,
        trigger_ticks: place(trigger, "trigger", &scale.tick)?,
        trail_ticks: place(trail, "trail", &scale.tick)?,
    })
}
