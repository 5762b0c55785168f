//! Whole tables through [`TableParser`].

use super::*;

const BARS: [Field; 6] = [
    Field::Time,
    Field::Open,
    Field::High,
    Field::Low,
    Field::Close,
    Field::Volume,
];

fn options_of(fields: &[Field], form: Form) -> TableOptions {
    let column = |(at, field): (usize, &Field)| Column {
        field: *field,
        at,
        key: field.name().to_owned(),
    };
    TableOptions {
        form,
        columns: fields.iter().enumerate().map(column).collect(),
        order: Order::Strict,
        ..TableOptions::default()
    }
}

fn delimited(fields: &[Field], has_header: bool) -> TableOptions {
    let form = Form::Delimited {
        delimiter: b',',
        columns: fields.len(),
        has_header,
    };
    options_of(fields, form)
}

fn read(text: &str, options: TableOptions) -> Result<Table, TextError> {
    let mut parser = TableParser::new(options)?;
    parser.push(text.as_bytes())?;
    parser.finish()
}

#[test]
fn bars_share_one_grid() {
    let text = "\u{feff}t,o,h,l,c,v\r\n\
        2024-01-01 23:01:00,1.1076,1.10785,1.1076,1.1078,205\r\n\
        \"2024-01-01 23:02:00\", 1.1 ,\"1.2\",1,1.05,0.5\n\n";
    let table = read(text, delimited(&BARS, true)).unwrap();
    let part = &table.parts[0];
    assert_eq!(
        (part.tick_size(), part.lot()),
        ("0.00001".into(), "0.1".into())
    );
    assert_eq!(part.prices.column(Field::Open).unwrap(), [110_760, 110_000]);
    assert_eq!(part.prices.column(Field::High).unwrap(), [110_785, 120_000]);
    assert_eq!(part.prices.column(Field::Low).unwrap(), [110_760, 100_000]);
    assert_eq!(
        part.prices.column(Field::Close).unwrap(),
        [110_780, 105_000]
    );
    assert_eq!(part.qtys.column(Field::Volume).unwrap(), [2050, 5]);
    assert_eq!(part.time, [1_704_150_060_000, 1_704_150_120_000]);
    assert_eq!((table.lines, table.is_naive), (4, true));
    assert!(part.prices.column(Field::Price).is_none());
}

#[test]
fn symbols_have_columns_of_their_own() {
    let fields = [&[Field::Symbol], &BARS[..]].concat();
    let text = "A,2024-01-02,1.5,2,1,1.5,5\nB,2024-01-02,10,20,10,15,1\nA,2024-01-03,1,1,1,1,0\n";
    let table = read(text, delimited(&fields, false)).unwrap();
    let told: Vec<_> = table
        .parts
        .iter()
        .map(|part| (part.symbol.as_str(), part.time.len(), part.tick_size()))
        .collect();
    assert_eq!(told, [("A", 2, "0.1".into()), ("B", 1, "1".into())]);
    let options = TableOptions {
        symbol: Some("B".into()),
        ..delimited(&fields, false)
    };
    let table = read(text, options).unwrap();
    assert_eq!(table.parts.len(), 1);
    assert_eq!(table.skipped, BTreeMap::from([("other symbol", 2)]));
}

#[test]
fn json_lines() {
    let text = r#"{"volume":"5","open":1.5,"x":{"open":[1]},"high":2,"low":1,"close":1.25,"time":1704067200000}"#;
    let table = read(text, options_of(&BARS, Form::Json)).unwrap();
    assert_eq!(table.parts[0].prices.column(Field::Close).unwrap(), [125]);
    let fault = |text: &str| {
        read(text, options_of(&BARS, Form::Json))
            .unwrap_err()
            .to_string()
    };
    assert!(fault(&text.replace("close", "c")).contains("no usable field \"close\""));
    assert!(fault(&text[..50]).contains("one JSON object"));
    assert!(fault("[1,2]").contains("one JSON object"));
}

#[test]
fn bad_rows_are_named_or_counted() {
    let good = "1704067200000,1,3,1,2,5\n";
    for (row, said) in [
        (
            "1704067260000,1,3,1,2",
            "expected 6 columns as before, was 5",
        ),
        ("1704067260000;1;3;1;2;5", "(separated by ';'?)"),
        (
            "1704067260000,NaN,3,1,2,5",
            "open 'NaN' is not a decimal number",
        ),
        (
            "1704067260000,1e308,3,1,2,5",
            "open '1e308' is not below 2^48 ticks",
        ),
        ("1704067260000,1,1,1,2,5", "high '1' is below the close"),
        ("1704067260000,1,3,1.5,2,5", "low '1.5' is above the open"),
        ("1704067260000,1,3,-1,2,5", "low '-1' is not above zero"),
        ("1704067260000,1,3,1,2,-5", "volume '-5' is not above zero"),
        (
            "1704067200000,1,3,1,2,5",
            "time 1704067200000 is that of the row before",
        ),
        ("1704067100000,1,3,1,2,5", "time goes backwards"),
        (
            "1704067260,1,3,1,2,5",
            "has 10 digits, the rows before it have 13",
        ),
        ("2024-01-01,1,3,1,2,5", "differ in naming an offset"),
        ("yesterday,1,3,1,2,5", "neither a date nor a known count"),
        (
            "time,open,high,low,close,volume",
            "neither a date nor a known count",
        ),
    ] {
        let text = format!("{good}{row}\n1704067320000,1,3,1,2,5\n");
        let error = read(&text, delimited(&BARS, false)).unwrap_err();
        assert_eq!(error.line(), Some(2));
        assert!(error.to_string().contains(said), "{error}");
        let options = TableOptions {
            on_bad: OnBad::Skip,
            ..delimited(&BARS, false)
        };
        let table = read(&text, options).unwrap();
        assert_eq!(table.parts[0].time.len(), 2, "{row}");
        assert_eq!(table.skipped.values().sum::<u64>(), 1);
        assert_eq!(table.first_bad, Some(error));
    }
}

#[test]
fn a_refused_row_changes_nothing() {
    // Its open would refine the grid and its time the unit, but its volume is bad.
    let options = TableOptions {
        on_bad: OnBad::Skip,
        ..delimited(&BARS, false)
    };
    let text = "2024-01-01,1,3,1,2,5\n2024-01-01 00:00:00.000001,1.25,3,1,2,x\n";
    let table = read(text, options).unwrap();
    let part = &table.parts[0];
    assert_eq!(
        (part.tick_size().as_str(), part.time_unit),
        ("1", TimeUnit::Ms)
    );
}

#[test]
fn finer_times_refine_the_column() {
    let text = "2024-01-01,1,3,1,2,5\n2024-01-01 00:00:00.000001,1,3,1,2,5\n\
        2024-01-01 00:00:01,1,3,1,2,5\n";
    let table = read(text, delimited(&BARS, false)).unwrap();
    let start = 1_704_067_200_000_000;
    assert_eq!(table.parts[0].time, [start, start + 1, start + 1_000_000]);
    assert_eq!(table.parts[0].time_unit, TimeUnit::Us);
}

#[test]
fn files_without_rows() {
    let said = |text: &str, has_header| {
        read(text, delimited(&BARS, has_header))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(said("", false), "the file is empty");
    assert_eq!(said("\n\r\n", true), "the file is empty");
    assert!(said("t,o,h,l,c,v\n", true).contains("no rows in 1 lines"));
    assert!(said("\0\0\0,1,2,3,4,5\n", false).contains("not text"));
}

#[test]
fn negative_prices_where_they_are_allowed() {
    let options = TableOptions {
        allows_negative_prices: true,
        ..delimited(&BARS, false)
    };
    let text = "2020-04-20,10.01,10.5,-40.32,-37.63,5\n2020-04-21,-1,0,-2.5,-0.5,5\n";
    let table = read(text, options.clone()).unwrap();
    let part = &table.parts[0];
    assert_eq!(part.prices.column(Field::Low).unwrap(), [-4032, -250]);
    assert_eq!(part.prices.column(Field::High).unwrap(), [1050, 0]);
    let error = read("2020-04-20,-1,-2,-3,-1,5\n", options).unwrap_err();
    assert!(error.to_string().contains("high '-2' is below the open"));
}

#[test]
fn pieces_may_be_cut_anywhere() {
    let text =
        "t,o,h,l,c,v\n2024-01-01,1,3,1,2,5\r\n2024-01-02,1.5,3,1,2,5\r\n2024-01-03,1,3,1,2,5";
    let whole = format!("{:?}", read(text, delimited(&BARS, true)).unwrap());
    for at in 0..text.len() {
        let mut parser = TableParser::new(delimited(&BARS, true)).unwrap();
        parser.push(&text.as_bytes()[..at]).unwrap();
        parser.push(&text.as_bytes()[at..]).unwrap();
        assert_eq!(format!("{:?}", parser.finish().unwrap()), whole);
    }
}
