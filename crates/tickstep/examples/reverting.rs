//! A strategy that is called at every tick: buys below a slow mean of the price, sells above it.

use tickstep::{
    Columns, Commands, Config, Engine, Feed, FeedSet, Instrument, OnTick, Order, Side, TickRun,
    View,
};

const QTY_LOTS: i64 = 500;
const WIDTH_TICKS: i64 = 20;

/// 256 times the mean, in ticks.
struct Reverting {
    mean_shifted: Option<i64>,
}

impl OnTick for Reverting {
    fn on_tick(&mut self, view: &View, commands: &mut Commands) -> i32 {
        let shifted = self.mean_shifted.unwrap_or(256 * view.price_ticks);
        let shifted = shifted + view.price_ticks - (shifted >> 8);
        self.mean_shifted = Some(shifted);
        let mean_ticks = shifted >> 8;
        if view.position_lots == 0 && view.price_ticks < mean_ticks - WIDTH_TICKS {
            commands.place(&Order::market(Side::Buy, QTY_LOTS));
        }
        if view.position_lots > 0 && view.price_ticks > mean_ticks {
            commands.place(&Order::market(Side::Sell, view.position_lots));
        }
        0
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows = 100_000_i64;
    let time: Vec<i64> = (0..rows).collect();
    let price: Vec<i64> = (0..rows)
        .map(|row| 10_000 + (row % 400 - 200).abs() + row % 7)
        .collect();
    let config = Config::new(1 << 40, vec![Instrument::new(1)]);
    let mut engine = Engine::new(&config)?;
    let feed = Feed::new(0, Columns::new(&time, &price))?;
    let mut feeds = FeedSet::new(vec![feed], &config.instruments)?;
    let mut run = TickRun::new(&engine, &feeds)?;
    let mut strategy = Reverting { mean_shifted: None };
    while run.take(&mut engine, &mut feeds, &mut strategy, 1 << 20)? {}
    let end = engine.snapshot(0)?;
    println!(
        "profit {} units, digest {}",
        end.equity_units - end.in_units,
        engine.event_digest()
    );
    Ok(())
}
