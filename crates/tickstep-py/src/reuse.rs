//! Objects that a loop hands out and takes back: a loop over millions makes two.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::{PyClass, PyClassInitializer};

/// An object that can become another one while nobody sees it.
pub trait Reused {
    type Value;

    fn write(&self, value: &Self::Value);
}

/// Two objects used in turn: while a loop holds the one, the other is free to become the next.
pub struct Pair<T> {
    objects: [Option<Py<T>>; 2],
    is_second: bool,
}

impl<T> Default for Pair<T> {
    fn default() -> Pair<T> {
        Pair {
            objects: [None, None],
            is_second: false,
        }
    }
}

impl<T> Pair<T>
where
    T: Reused + PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync,
    PyClassInitializer<T>: From<T>,
{
    /// The value as an object: one that only we hold, or a new one.
    #[inline]
    pub fn show(
        &mut self,
        py: Python<'_>,
        value: &T::Value,
        make: impl FnOnce(&T::Value) -> T,
    ) -> PyResult<Py<T>> {
        self.is_second = !self.is_second;
        let place = &mut self.objects[usize::from(self.is_second)];
        match place {
            Some(spare) if is_free(py, spare) => {
                spare.get().write(value);
                Ok(spare.clone_ref(py))
            }
            _ => replaced(py, place, make(value)),
        }
    }
}

/// A new object, of which the pair keeps one reference.
#[cold]
#[inline(never)]
fn replaced<T>(py: Python<'_>, place: &mut Option<Py<T>>, value: T) -> PyResult<Py<T>>
where
    T: PyClass,
    PyClassInitializer<T>: From<T>,
{
    let made = Py::new(py, value)?;
    *place = Some(made.clone_ref(py));
    Ok(made)
}

/// Whether nobody but the pair holds the object, so that it can become another one unseen.
#[inline]
fn is_free<T>(_py: Python<'_>, object: &Py<T>) -> bool {
    // SAFETY: the object is alive, and the token shows that no other thread counts meanwhile.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) == 1 }
}
