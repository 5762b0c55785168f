//! One instrument and its account at one moment: floats for reading, integers and Decimals for
//! reckoning.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tickstep::Bucket;

use crate::convert::{Steps, python_decimal};
use crate::errors::{Kind, raised};
use crate::scale::Scale;

/// One instrument and its account at one moment.
#[pyclass(frozen, eq, module = "tickstep._kernel")]
pub struct Snapshot {
    exact: tickstep::Snapshot,
    scale: Arc<Scale>,
    symbol: Py<PyString>,
}

impl Snapshot {
    pub fn new(exact: tickstep::Snapshot, scale: Arc<Scale>, symbol: Py<PyString>) -> Snapshot {
        Snapshot {
            exact,
            scale,
            symbol,
        }
    }
}

/// The symbol is part of the scale's meaning and is equal where the instrument is.
impl PartialEq for Snapshot {
    fn eq(&self, other: &Snapshot) -> bool {
        self.exact == other.exact && self.scale == other.scale
    }
}

/// The class has one block of methods, so the money rows, each a float, a Decimal and its integer,
/// are written out inside it by this macro.
macro_rules! snapshot_methods {
    (
        money { $($float:ident $decimal:ident $units:ident = $field:ident;)+ }
        $($others:tt)*
    ) => {
        #[pymethods]
        impl Snapshot {
            $(
                #[getter]
                fn $float(&self) -> f64 {
                    self.scale.money.value(self.exact.$field)
                }

                #[getter]
                fn $decimal<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    decimal(py, &self.scale.money, self.exact.$field)
                }

                #[getter]
                fn $units(&self) -> i64 {
                    self.exact.$field
                }
            )+
            $($others)*
        }
    };
}

snapshot_methods! {
    money {
        cash cash_decimal cash_units = cash_units;
        equity equity_decimal equity_units = equity_units;
        available available_decimal available_units = available_units;
        frozen frozen_decimal frozen_units = frozen_units;
        realized_pnl realized_pnl_decimal realized_pnl_units = realized_units;
        unrealized_pnl unrealized_pnl_decimal unrealized_pnl_units = unrealized_units;
        fees fees_decimal fees_units = fees_units;
        cost cost_decimal cost_units = cost_units;
        deposits deposits_decimal deposits_units = in_units;
        income income_decimal income_units = income_units;
        account_realized_pnl account_realized_pnl_decimal account_realized_pnl_units
            = wallet_realized_units;
        account_unrealized_pnl account_unrealized_pnl_decimal account_unrealized_pnl_units
            = wallet_unrealized_units;
        account_fees account_fees_decimal account_fees_units = wallet_fees_units;
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    #[getter]
    fn ts_ms(&self) -> i64 {
        self.exact.time
    }

    #[getter]
    fn time(&self) -> i64 {
        self.exact.time
    }

    #[getter]
    fn symbol(&self, py: Python<'_>) -> Py<PyString> {
        self.symbol.clone_ref(py)
    }

    #[getter]
    fn instrument(&self) -> u32 {
        self.exact.instrument
    }

    #[getter]
    fn tick_index(&self) -> i64 {
        self.exact.tick_index
    }

    #[getter]
    fn last_price(&self) -> f64 {
        self.scale.tick.value(self.exact.last_price_ticks)
    }

    #[getter]
    fn last_price_ticks(&self) -> i64 {
        self.exact.last_price_ticks
    }

    #[getter]
    fn position(&self) -> f64 {
        self.scale.lot.value(self.exact.position_lots)
    }

    #[getter]
    fn position_decimal<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        decimal(py, &self.scale.lot, self.exact.position_lots)
    }

    #[getter]
    fn position_lots(&self) -> i64 {
        self.exact.position_lots
    }

    #[getter]
    fn avg_entry_price(&self) -> f64 {
        self.scale.average_price(&self.exact)
    }

    #[getter]
    fn order_count(&self) -> u64 {
        self.exact.order_count
    }

    #[getter]
    fn alert_count(&self) -> u64 {
        self.exact.alert_count
    }

    #[getter]
    fn buckets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        use tickstep::Snapshot as S;
        let places = [
            ("long_today", S::LONG_TODAY),
            ("long_yesterday", S::LONG_YESTERDAY),
            ("short_today", S::SHORT_TODAY),
            ("short_yesterday", S::SHORT_YESTERDAY),
        ];
        let buckets = PyDict::new(py);
        for (name, place) in places {
            let Bucket { qty_lots, frozen_lots, cost_units, base_units } =
                self.exact.buckets[place];
            buckets.set_item(name, (qty_lots, frozen_lots, cost_units, base_units))?;
        }
        Ok(buckets)
    }

    fn __repr__(&self) -> String {
        format!(
            "Snapshot(ts_ms={}, cash={:?}, position={:?}, avg_entry_price={:?}, \
             realized_pnl={:?}, unrealized_pnl={:?}, equity={:?}, fees={:?})",
            self.exact.time,
            self.cash(),
            self.position(),
            self.avg_entry_price(),
            self.realized_pnl(),
            self.unrealized_pnl(),
            self.equity(),
            self.fees(),
        )
    }
}

fn decimal<'py>(py: Python<'py>, steps: &Steps, index: i64) -> PyResult<Bound<'py, PyAny>> {
    let decimal = steps
        .decimal(index)
        .map_err(|error| raised(py, &error, Kind::State))?;
    python_decimal(py, decimal)
}
