//! The first page of the manual, in numbers.

use tickstep::{
    Config, Decimal, Engine, Error, Event, EventKind, Instrument, LotGrid, Order, Side, Tick,
    default_lot_and_unit, units_per_tick_lot,
};

/// Cash 100000, maker 0.01 %, taker 0.02 %, spread 2 basis points, tick 0.01.
fn engine() -> Result<(Engine, LotGrid, Decimal), Error> {
    let tick: Decimal = "0.01".parse()?;
    let (lot, unit) = default_lot_and_unit(tick)?;
    let units = units_per_tick_lot(tick, lot, 1.into(), unit)?;
    assert_eq!(units, 1);
    let instrument = Instrument::new(units)
        .spread_ppb(200_000)
        .fees_ppb(100_000, 200_000);
    let cash = "100000".parse::<Decimal>()?.to_grid(unit)?;
    Ok((
        Engine::new(&Config::new(cash, vec![instrument]))?,
        LotGrid::new(lot)?,
        unit,
    ))
}

fn fills(engine: &mut Engine) -> Vec<Event> {
    engine
        .drain_events()
        .into_iter()
        .filter(|event| event.is(EventKind::Filled))
        .collect()
}

#[test]
fn buy_at_the_market_then_sell_at_a_limit() -> Result<(), Error> {
    let (mut engine, lots, unit) = engine()?;
    let money = |text: &str| {
        text.parse::<Decimal>()
            .and_then(|amount| amount.to_grid(unit))
    };

    engine.step(&Tick::new(1_000, 10_000, lots.place(2.0)?, Side::Sell))?;
    engine.place(&Order::market(Side::Buy, lots.place(1.5)?))?;
    assert_eq!(fills(&mut engine), []);

    engine.step(&Tick::new(1_001, 10_000, lots.place(2.0)?, Side::Sell))?;
    let bought = fills(&mut engine);
    assert_eq!((bought.len(), bought[0].price_ticks), (1, 10_001));
    let snapshot = engine.snapshot(0)?;
    assert_eq!(snapshot.cash_units, money("99849.954997")?);
    assert_eq!(snapshot.equity_units, snapshot.cash_units + money("150")?);

    engine.place(&Order::limit(Side::Sell, lots.place(2.5)?, 10_100))?;
    engine.step(&Tick::new(1_002, 10_050, lots.place(1.0)?, Side::Buy))?;
    assert_eq!(fills(&mut engine), []);
    assert!(engine.order(2)?.expect("it rests").is_resting);

    engine.step(&Tick::new(1_003, 10_105, lots.place(1.0)?, Side::Buy))?;
    let sold = fills(&mut engine);
    assert_eq!((sold.len(), sold[0].price_ticks), (1, 10_100));
    assert_eq!(sold[0].fee_units, money("0.02525")?);
    let snapshot = engine.snapshot(0)?;
    assert_eq!(snapshot.position_lots, -lots.place(1.0)?);
    assert_eq!(snapshot.realized_units, money("1.485")?);
    assert_eq!(engine.open_orders(None)?, []);
    Ok(())
}
