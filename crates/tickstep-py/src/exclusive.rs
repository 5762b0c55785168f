//! One call at a time, without an atomic instruction: for what is used at every tick.
//!
//! A class of Python can be reached from any thread, and a batch lets other threads run in the
//! midst of a call. A frozen class with this inside costs a plain load and two plain stores where
//! the mutable borrow of a class costs a locked instruction and two counted references.

use std::cell::{Cell, UnsafeCell};
use std::ops::{Deref, DerefMut};

use pyo3::Python;

/// A value that one call at a time may use.
pub struct Exclusive<T> {
    is_taken: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: whoever touches the cells is attached to the interpreter and holds the GIL, which the
// module asks for even of interpreters that can do without (`gil_used` in `lib.rs`): `take` wants
// the token, and a `Turn` keeps it and so stays on its thread. The value itself is touched while
// other threads run, but only through the one `Turn` there is, and needs no more than `Send`.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    pub fn new(value: T) -> Exclusive<T> {
        Exclusive {
            is_taken: Cell::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// The value until the turn is dropped; none while another call has it.
    #[inline]
    pub fn take<'a, 'py>(&'a self, py: Python<'py>) -> Option<Turn<'a, 'py, T>> {
        if self.is_taken.replace(true) {
            return None;
        }
        Some(Turn {
            source: self,
            _attached: py,
        })
    }
}

/// The use of an [`Exclusive`] value.
pub struct Turn<'a, 'py, T> {
    source: &'a Exclusive<T>,
    _attached: Python<'py>,
}

impl<T> Deref for Turn<'_, '_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `is_taken` was false when this turn was made and is true until it is dropped, so
        // there is no other turn, and a turn gives its value out by its own borrow rules.
        unsafe { &*self.source.value.get() }
    }
}

impl<T> DerefMut for Turn<'_, '_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.source.value.get() }
    }
}

impl<T> Drop for Turn<'_, '_, T> {
    #[inline]
    fn drop(&mut self) {
        self.source.is_taken.set(false);
    }
}
