use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{ArrowFault, Exported, Table, export};
use crate::LotGrid;

/// Counts how often the memory was given back.
struct Counter(Arc<AtomicUsize>);

impl Drop for Counter {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn column<T>(
    name: &str,
    format: &str,
    values: &'static [T],
    released: &Arc<AtomicUsize>,
) -> Exported {
    Exported {
        name: CString::new(name).expect("no zero"),
        format: CString::new(format).expect("no zero"),
        values: values.as_ptr().cast(),
        keeper: Box::new(Counter(released.clone())),
    }
}

fn table(columns: Vec<Exported>, rows: usize) -> Result<Table, ArrowFault> {
    // SAFETY: the tests give static columns of so many rows.
    let mut stream = unsafe { export(columns, rows, &[("key", "value")]) };
    // SAFETY: the stream is ours and not used again.
    unsafe { Table::take(&raw mut stream) }
}

#[test]
fn what_is_exported_comes_back_in_place() {
    static TIMES: [i64; 3] = [1, 2, 3];
    static PRICES: [f64; 3] = [0.5, 0.25, 1.0];
    let released = Arc::new(AtomicUsize::new(0));
    let columns = vec![
        column("time", "tsm:UTC", &TIMES, &released),
        column("price", "g", &PRICES, &released),
    ];
    let table = table(columns, 3).expect("a good stream");
    assert_eq!(table.rows(), 3);
    assert_eq!(table.metadata(), [(b"key".to_vec(), b"value".to_vec())]);
    let time = table.column("time").expect("it is there");
    let values = time.in_place::<i64>().expect("one piece");
    assert_eq!((values, values.as_ptr()), (&TIMES[..], TIMES.as_ptr()));
    assert!(time.in_place::<f64>().is_none());
    let price = table.column("price").expect("it is there");
    assert_eq!(price.decimals(0), Ok(2));
    let quarter = LotGrid::new("0.25".parse().expect("a number")).expect("above 0");
    assert_eq!(price.to_grid(quarter), Ok(vec![2, 1, 4]));
    let keeper = time.keeper();
    drop(table);
    assert_eq!(released.load(Ordering::Relaxed), 0);
    drop(keeper);
    assert_eq!(released.load(Ordering::Relaxed), 2);
}

#[test]
fn an_unread_stream_gives_its_memory_back() {
    static TIMES: [i64; 1] = [1];
    let released = Arc::new(AtomicUsize::new(0));
    let columns = vec![column("time", "l", &TIMES, &released)];
    // SAFETY: the column has one row.
    drop(unsafe { export(columns, 1, &[]) });
    assert_eq!(released.load(Ordering::Relaxed), 1);
}

#[test]
fn faults_name_column_and_row() {
    static SIDES: [u8; 3] = [0, 1, 2];
    static FLOATS: [f64; 2] = [1.0, f64::NAN];
    let released = Arc::default();
    let sides = table(vec![column("side", "C", &SIDES, &released)], 3).expect("a good stream");
    let fault = sides.column("side").and_then(|side| side.to_sides());
    assert_eq!(
        fault.expect_err("2 is no side").to_string(),
        "side at row 2 must be 0 or \"BUY\", 1 or \"SELL\", was 2"
    );
    let fault = sides.column("price").map(|_| ()).expect_err("not there");
    assert_eq!(
        fault.to_string(),
        "the frame has no column \"price\"; it has side"
    );
    let floats = table(vec![column("p", "g", &FLOATS, &released)], 2).expect("a good stream");
    let fault = floats.column("p").and_then(|column| column.decimals(0));
    assert!(
        fault
            .expect_err("NaN")
            .to_string()
            .starts_with("p at row 1: ")
    );
}

#[test]
fn a_stream_is_read_once() {
    let mut stream = super::ArrowArrayStream::empty();
    // SAFETY: an empty struct is one that is released.
    let fault = unsafe { Table::take(&raw mut stream) }.expect_err("released");
    assert_eq!(
        fault.to_string(),
        "the frame gave no rows: the stream has been read before"
    );
}
