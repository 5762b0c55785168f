//! The exact sizes of one instrument: what a tick, a lot and a unit of money stand for.

use tickstep::{Decimal, Error};

use crate::convert::Steps;

/// Grids of one instrument and its account.
#[derive(Clone, Copy, PartialEq)]
pub struct Scale {
    pub tick: Steps,
    pub lot: Steps,
    pub money: Steps,
    pub units_per_tick_lot: i64,
}

impl Scale {
    pub fn new(
        tick: &str,
        lot: &str,
        money: &str,
        units_per_tick_lot: i64,
    ) -> Result<Scale, Error> {
        let steps = |text: &str| Steps::new(text.parse::<Decimal>()?);
        Ok(Scale {
            tick: steps(tick)?,
            lot: steps(lot)?,
            money: steps(money)?,
            units_per_tick_lot,
        })
    }

    /// Average price in money of the lots held; 0 without lots.
    pub fn average_price(&self, exact: &tickstep::Snapshot) -> f64 {
        let units_per_tick = i128::from(exact.position_lots) * i128::from(self.units_per_tick_lot);
        self.tick.value_of_ratio(exact.cost_units, units_per_tick)
    }
}
