//! Columns handed to others as a stream of one batch, in place.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;

use super::abi::{ArrowArray, ArrowArrayStream, ArrowSchema};

/// A column to be read by others: fixed-size values without empty cells.
pub struct Exported {
    /// Its name.
    pub name: CString,
    /// Its type, as Arrow writes it.
    pub format: CString,
    /// The first value.
    pub values: *const c_void,
    /// Keeps the values where they are until the reader is done.
    pub keeper: Box<dyn Send + Sync>,
}

/// What a stream still has to give.
struct Source {
    columns: Vec<Exported>,
    rows: i64,
    metadata: Vec<u8>,
    is_done: bool,
}

/// A stream of one batch over columns of so many rows each.
///
/// # Safety
/// Each column has so many values of its format at its address, which its keeper keeps there
/// unchanged, and which any thread may read.
#[must_use]
pub unsafe fn export(
    columns: Vec<Exported>,
    rows: usize,
    metadata: &[(&str, &str)],
) -> ArrowArrayStream {
    let source = Source {
        columns,
        rows: rows as i64,
        metadata: encoded(metadata),
        is_done: false,
    };
    ArrowArrayStream {
        get_schema: Some(get_schema),
        get_next: Some(get_next),
        get_last_error: Some(get_last_error),
        release: Some(release_stream),
        private_data: Box::into_raw(Box::new(source)).cast(),
    }
}

/// Pairs as the interface encodes them.
fn encoded(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = (pairs.len() as i32).to_ne_bytes().to_vec();
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        bytes.extend((text.len() as i32).to_ne_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

unsafe extern "C" fn get_schema(stream: *mut ArrowArrayStream, out: *mut ArrowSchema) -> c_int {
    // SAFETY: consumers call this with a stream of ours that is not released.
    let source = unsafe { &*(*stream).private_data.cast::<Source>() };
    let children = source.columns.iter().map(|column| {
        made_schema(SchemaParts {
            format: column.format.clone(),
            name: column.name.clone(),
            ..SchemaParts::default()
        })
    });
    let schema = made_schema(SchemaParts {
        format: c"+s".to_owned(),
        metadata: source.metadata.clone(),
        children: children
            .map(|child| Box::into_raw(Box::new(child)))
            .collect(),
        ..SchemaParts::default()
    });
    // SAFETY: `out` is room for a schema.
    unsafe { ptr::write(out, schema) };
    0
}

/// What a schema points into; owned by its `private_data`.
#[derive(Default)]
struct SchemaParts {
    format: CString,
    name: CString,
    metadata: Vec<u8>,
    children: Vec<*mut ArrowSchema>,
}

fn made_schema(parts: SchemaParts) -> ArrowSchema {
    let mut parts = Box::new(parts);
    ArrowSchema {
        format: parts.format.as_ptr(),
        name: parts.name.as_ptr(),
        metadata: if parts.metadata.is_empty() {
            ptr::null()
        } else {
            parts.metadata.as_ptr().cast()
        },
        flags: 0,
        n_children: parts.children.len() as i64,
        children: parts.children.as_mut_ptr(),
        dictionary: ptr::null_mut(),
        release: Some(release_schema),
        private_data: Box::into_raw(parts).cast(),
    }
}

unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: consumers call this once, with a schema of ours; children they have moved out are
    // marked as released, and dropping those does nothing.
    unsafe {
        let parts = Box::from_raw((*schema).private_data.cast::<SchemaParts>());
        for child in &parts.children {
            drop(Box::from_raw(*child));
        }
        (*schema).release = None;
    }
}

unsafe extern "C" fn get_next(stream: *mut ArrowArrayStream, out: *mut ArrowArray) -> c_int {
    // SAFETY: as in `get_schema`; consumers do not call a stream from two threads at a time.
    let source = unsafe { &mut *(*stream).private_data.cast::<Source>() };
    let array = if source.is_done {
        ArrowArray::empty()
    } else {
        source.is_done = true;
        made_batch(std::mem::take(&mut source.columns), source.rows)
    };
    // SAFETY: `out` is room for an array. An array that is released already ends the stream.
    unsafe { ptr::write(out, array) };
    0
}

/// What an array points into; owned by its `private_data`.
struct ArrayParts {
    buffers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
    keeper: Option<Box<dyn Send + Sync>>,
}

fn made_batch(columns: Vec<Exported>, rows: i64) -> ArrowArray {
    let children = columns.into_iter().map(|column| {
        made_array(
            ArrayParts {
                buffers: vec![ptr::null(), column.values],
                children: Vec::new(),
                keeper: Some(column.keeper),
            },
            rows,
        )
    });
    let parts = ArrayParts {
        buffers: vec![ptr::null()],
        children: children
            .map(|child| Box::into_raw(Box::new(child)))
            .collect(),
        keeper: None,
    };
    made_array(parts, rows)
}

fn made_array(parts: ArrayParts, rows: i64) -> ArrowArray {
    let mut parts = Box::new(parts);
    ArrowArray {
        length: rows,
        null_count: 0,
        offset: 0,
        n_buffers: parts.buffers.len() as i64,
        n_children: parts.children.len() as i64,
        buffers: parts.buffers.as_mut_ptr(),
        children: parts.children.as_mut_ptr(),
        dictionary: ptr::null_mut(),
        release: Some(release_array),
        private_data: Box::into_raw(parts).cast(),
    }
}

unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: as in `release_schema`.
    unsafe {
        let parts = Box::from_raw((*array).private_data.cast::<ArrayParts>());
        for child in &parts.children {
            drop(Box::from_raw(*child));
        }
        drop(parts.keeper);
        (*array).release = None;
    }
}

/// Nothing here fails.
unsafe extern "C" fn get_last_error(_stream: *mut ArrowArrayStream) -> *const c_char {
    ptr::null()
}

unsafe extern "C" fn release_stream(stream: *mut ArrowArrayStream) {
    // SAFETY: consumers call this once, with a stream of ours.
    unsafe {
        drop(Box::from_raw((*stream).private_data.cast::<Source>()));
        (*stream).release = None;
    }
}
