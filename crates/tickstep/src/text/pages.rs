//! Columns that grow without ending the process, in large pages where the system has them.
//!
//! A column of millions of rows is written once from end to end, and with 4 KB pages the system
//! spends a third of the reading time on handing out pages. Asking for 2 MB pages saves most of it.

use std::collections::TryReserveError;

/// Columns below this size are not worth a system call.
const LARGE_BYTES: usize = 2 << 20;

/// Makes room for `rows` more values.
pub(crate) fn reserve<T>(column: &mut Vec<T>, rows: usize) -> Result<(), TryReserveError> {
    let capacity = column.capacity();
    column.try_reserve(rows)?;
    let size = column.capacity() * size_of::<T>();
    if column.capacity() != capacity && size >= LARGE_BYTES {
        prefer_large_pages(column.as_mut_ptr().cast(), size);
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn prefer_large_pages(start: *mut u8, size: usize) {
    use core::ffi::{c_int, c_void};

    const PAGE: usize = 4096;
    const MADV_HUGEPAGE: c_int = 14;
    unsafe extern "C" {
        fn madvise(start: *mut c_void, size: usize, advice: c_int) -> c_int;
    }
    // Rounded outwards to the whole mapping: advice on a part of it would split it in two, and the
    // next growth would copy the column where it can now move its pages.
    let lead = start as usize % PAGE;
    let first = start.wrapping_sub(lead);
    // SAFETY: The call reads and writes no memory; this advice changes only which pages the system
    // picks, never what is in them. An error, such as a larger page size, changes nothing.
    unsafe {
        madvise(
            first.cast(),
            (lead + size).next_multiple_of(PAGE),
            MADV_HUGEPAGE,
        )
    };
}

#[cfg(not(target_os = "linux"))]
fn prefer_large_pages(_start: *mut u8, _size: usize) {}
