//! A grid of limit orders over a folder of columns: little-endian `time.i64`, `price.i64`,
//! `qty.i64`, and `side.u8`.
//!
//! ```text
//! cargo run --release -p tickstep --example backtest -- FOLDER
//! ```
//!
//! Ten buys below the first price and ten sells above it, one step of a two-thousandth apart. A
//! filled buy places a sell one step higher, a filled sell a buy one step lower. The examples in C,
//! cffi and Python keep the same rule and print the same digest.

use std::error::Error;
use std::path::Path;

use tickstep::{Config, Engine, Event, EventKind, Instrument, Order, OwnedColumns, Side, Ticks};

const LEVELS: i64 = 10;
const QTY_LOTS: i64 = 1_000;
const STEPS_PER_PRICE: i64 = 2_000;
const CASH_UNITS: i64 = 1_000_000_000_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: backtest FOLDER")?;
    let rules = Instrument::new(1).fees_ppb(20_000, 50_000);
    let ticks = Ticks::check_owned(read_columns(Path::new(&folder))?, &rules)?;
    let mut engine = Engine::new(&Config::new(CASH_UNITS, vec![rules]))?;
    let fill_count = run_grid(&mut engine, &ticks)?;
    let snapshot = engine.snapshot(0)?;
    println!("digest {}", engine.event_digest());
    println!(
        "cash {} position {} fills {fill_count}",
        snapshot.cash_units, snapshot.position_lots
    );
    Ok(())
}

/// Returns the number of fills.
fn run_grid(engine: &mut Engine, ticks: &Ticks<'_>) -> Result<usize, Box<dyn Error>> {
    let columns = ticks.columns();
    let first_ticks = *columns.price_ticks.first().ok_or("there are no ticks")?;
    let step_ticks = (first_ticks / STEPS_PER_PRICE).max(1);
    place_levels(engine, first_ticks, step_ticks)?;
    let mut feeds = [ticks.feed(0)];
    let mut fill_count = 0;
    while !feeds[0].is_done() {
        engine.step_batch(&mut feeds, EventKind::Filled.bit())?;
        for fill in engine
            .drain_events()
            .iter()
            .filter(|event| event.is(EventKind::Filled))
        {
            engine.place(&answer_to(fill, step_ticks))?;
            fill_count += 1;
        }
    }
    Ok(fill_count)
}

fn place_levels(
    engine: &mut Engine,
    first_ticks: i64,
    step_ticks: i64,
) -> Result<(), tickstep::Error> {
    for (side, step_ticks) in [(Side::Buy, -step_ticks), (Side::Sell, step_ticks)] {
        for level in 1..=LEVELS {
            let price_ticks = first_ticks + level * step_ticks;
            engine.place(&Order::limit(side, QTY_LOTS, price_ticks).tag(level as u64))?;
        }
    }
    Ok(())
}

/// The order one step back on the other side.
fn answer_to(fill: &Event, step_ticks: i64) -> Order {
    let step_ticks = if fill.side() == Side::Buy {
        step_ticks
    } else {
        -step_ticks
    };
    let price_ticks = fill.price_ticks + step_ticks;
    Order::limit(fill.side().opposite(), QTY_LOTS, price_ticks).tag(fill.tag)
}

fn read_columns(folder: &Path) -> std::io::Result<OwnedColumns> {
    Ok(OwnedColumns {
        time: read_i64(&folder.join("time.i64"))?,
        price_ticks: read_i64(&folder.join("price.i64"))?,
        qty_lots: Some(read_i64(&folder.join("qty.i64"))?),
        side: Some(std::fs::read(folder.join("side.u8"))?),
        ..OwnedColumns::default()
    })
}

fn read_i64(path: &Path) -> std::io::Result<Vec<i64>> {
    let bytes = std::fs::read(path)?;
    if bytes.len() % 8 != 0 {
        let message = format!(
            "{}: {} bytes are no whole rows",
            path.display(),
            bytes.len()
        );
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            message,
        ));
    }
    let word = |chunk: &[u8]| i64::from_le_bytes(chunk.try_into().expect("chunks of 8"));
    Ok(bytes.chunks_exact(8).map(word).collect())
}
