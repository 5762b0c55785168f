//! The numbers that `EngineConfig` hands over, as a configuration of the kernel.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;
use tickstep::{Config, FillRule, Instrument, PositionMode, QtyRule, Settle};

use crate::errors::{Kind, raised};
use crate::markets::{Market, Markets};
use crate::scale::Scale;

/// What `EngineConfig` hands over: whole numbers of the kernel, and sizes as exact text.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct ConfigNumbers {
    initial_cash_units: i64,
    money_unit: String,
    is_cash_account: bool,
    latency: i64,
    /// Rows that `Engine.history` keeps.
    pub history: usize,
    instruments: Vec<InstrumentNumbers>,
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct InstrumentNumbers {
    symbol: Py<PyString>,
    tick_size: String,
    lot: String,
    units_per_tick_lot: i64,
    fill: String,
    quantity: String,
    settle: String,
    position: String,
    allow_short: bool,
    range_order: String,
    allow_negative_prices: bool,
    band_ticks: Option<(i64, i64)>,
    spread_ppb: i64,
    maker_fee_ppb: i64,
    taker_fee_ppb: i64,
    maker_fee_units_per_lot: i64,
    taker_fee_units_per_lot: i64,
    fee_min_units: i64,
    participation_ppm: u32,
    qty_step_lots: i64,
    qty_min_lots: i64,
}

impl ConfigNumbers {
    pub fn config(&self, py: Python<'_>) -> PyResult<Config> {
        let instruments: PyResult<Vec<_>> = self
            .instruments
            .iter()
            .map(|numbers| numbers.instrument(py))
            .collect();
        let mut config = Config::new(self.initial_cash_units, instruments?).latency(self.latency);
        config.cash_account = self.is_cash_account;
        Ok(config)
    }

    pub fn markets(&self, py: Python<'_>) -> PyResult<Markets> {
        let market = |one: &InstrumentNumbers| {
            let scale = Scale::new(
                &one.tick_size,
                &one.lot,
                &self.money_unit,
                one.units_per_tick_lot,
            )
            .map_err(|error| raised(py, &error, Kind::Config))?;
            Ok(Market {
                scale: Arc::new(scale),
                symbol: one.symbol.clone_ref(py),
            })
        };
        let markets: PyResult<Vec<Market>> = self.instruments.iter().map(market).collect();
        Ok(Markets::new(markets?))
    }
}

impl InstrumentNumbers {
    fn instrument(&self, py: Python<'_>) -> PyResult<Instrument> {
        let mut made = Instrument::new(self.units_per_tick_lot)
            .spread_ppb(self.spread_ppb)
            .fees_ppb(self.maker_fee_ppb, self.taker_fee_ppb)
            .fees_per_lot(self.maker_fee_units_per_lot, self.taker_fee_units_per_lot)
            .fee_min_units(self.fee_min_units)
            .board_lot(self.qty_step_lots, self.qty_min_lots);
        made.fill_rule = chosen(py, "fill", &self.fill, FillRule::ALL, FillRule::name)?;
        made.qty_rule = chosen(py, "quantity", &self.quantity, QtyRule::ALL, QtyRule::name)?;
        made.settle = chosen(py, "settle", &self.settle, Settle::ALL, Settle::name)?;
        made.position_mode = chosen(
            py,
            "position",
            &self.position,
            PositionMode::ALL,
            PositionMode::name,
        )?;
        made.participation_ppm = self.participation_ppm;
        made.no_short = !self.allow_short;
        made.limits_first = self.range_order == "limits_first";
        made.allow_negative = self.allow_negative_prices;
        made.band_ticks = self.band_ticks;
        Ok(made)
    }
}

/// The member of a list by its name in small letters, as Python writes it.
fn chosen<T: Copy>(
    py: Python<'_>,
    setting: &str,
    text: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> PyResult<T> {
    let found = all
        .iter()
        .find(|member| name(**member).eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|one| name(*one).to_lowercase()).collect();
        let message = format!("{setting} '{text}' is not known");
        Kind::Config.error(py, &message, &format!("one of {}", names.join(", ")))
    })
}
