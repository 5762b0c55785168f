//! The instruments of an engine as Python names and measures them.

use std::collections::HashMap;
use std::ops::Index;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{Number, off_grid};
use crate::errors::Kind;
use crate::scale::Scale;

/// Symbols that an error names at most.
const SYMBOLS_SHOWN: usize = 20;

/// One instrument: its exact sizes and its name.
pub struct Market {
    pub scale: Arc<Scale>,
    pub symbol: Py<PyString>,
}

/// The instruments by index and by symbol.
pub struct Markets {
    markets: Vec<Market>,
    indexes: HashMap<String, u32>,
}

/// For indexes that are known to be those of an instrument.
impl Index<u32> for Markets {
    type Output = Market;

    #[inline]
    fn index(&self, instrument: u32) -> &Market {
        &self.markets[instrument as usize]
    }
}

impl Markets {
    pub fn new(markets: Vec<Market>) -> Markets {
        let name = |(market, index): (&Market, u32)| (market.symbol.to_string(), index);
        let indexes = markets.iter().zip(0..).map(name).collect();
        Markets { markets, indexes }
    }

    pub fn len(&self) -> usize {
        self.markets.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Market> {
        self.markets.iter()
    }

    /// The instrument with this index, or the error for one that does not exist.
    #[inline]
    pub fn get(&self, py: Python<'_>, instrument: u32) -> PyResult<&Market> {
        self.markets
            .get(instrument as usize)
            .ok_or_else(|| self.missing(py, instrument))
    }

    #[cold]
    pub fn missing(&self, py: Python<'_>, instrument: u32) -> PyErr {
        let message = format!("instrument {instrument} must be below {}", self.len());
        let hint = "engine.symbols lists the instruments in order";
        Kind::Data.error(py, &message, hint)
    }

    /// Index of a symbol; of the one instrument where no symbol is given.
    #[inline]
    pub fn index_of(
        &self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
        kind: Kind,
    ) -> PyResult<u32> {
        match symbol {
            None if self.len() == 1 => Ok(0),
            _ => self.looked_up(py, symbol, kind),
        }
    }

    fn looked_up(
        &self,
        py: Python<'_>,
        symbol: Option<&Bound<'_, PyString>>,
        kind: Kind,
    ) -> PyResult<u32> {
        let Some(symbol) = symbol else {
            let message = format!("the engine has {} instruments", self.len());
            return Err(kind.error(py, &message, "say which with symbol=..."));
        };
        if let Some(index) = self.indexes.get(symbol.to_str()?) {
            return Ok(*index);
        }
        let message = format!("the engine has no instrument '{symbol}'");
        Err(kind.error(py, &message, &self.shown_symbols()))
    }

    fn shown_symbols(&self) -> String {
        let shown = self.markets.iter().take(SYMBOLS_SHOWN);
        let symbols: Vec<String> = shown.map(|market| market.symbol.to_string()).collect();
        let more = if self.len() > SYMBOLS_SHOWN {
            ", …"
        } else {
            ""
        };
        format!("the engine trades {}{more}", symbols.join(", "))
    }

    /// A price of an instrument in ticks.
    pub fn price_ticks(&self, instrument: u32, price: &Bound<'_, PyAny>) -> PyResult<i64> {
        let number = Number::read(price, "price", Kind::Order)?;
        let steps = &self[instrument].scale.tick;
        let ticks = steps.index(number);
        ticks.map_err(|error| off_grid(price.py(), &error, ("price", number), steps, Kind::Order))
    }
}
