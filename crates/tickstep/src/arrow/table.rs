//! A stream's arrays, kept as they came: fields, and for each field its parts.

use std::ffi::{c_char, c_int};
use std::ptr;
use std::sync::Arc;

use super::abi::{ArrowArray, ArrowArrayStream, ArrowSchema, text_of};
use super::fault::ArrowFault;

/// Where the text of a column lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextLayout {
    /// 32-bit offsets into one buffer.
    Small,
    /// 64-bit offsets into one buffer.
    Large,
    /// 16-byte views into any of several buffers.
    View,
}

/// The types that columns of market data come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Bits.
    Bool,
    /// Integers of 1, 2, 4 or 8 bytes.
    Int {
        /// Bytes of one.
        bytes: usize,
        /// Whether they can be negative.
        is_signed: bool,
    },
    /// Floats of 4 or 8 bytes.
    Float {
        /// Bytes of one.
        bytes: usize,
    },
    /// Integers of 4, 8, 16 or 32 bytes × 10^-scale.
    Decimal {
        /// Bytes of one.
        bytes: usize,
        /// Decimals.
        scale: i32,
    },
    /// UTF-8.
    Text(TextLayout),
    /// Counts of a unit since 1970-01-01, in 8 bytes.
    Time {
        /// `s`, `ms`, `us` or `ns`.
        unit: &'static str,
        /// The zone that is shown; the counts are UTC where there is one.
        zone: String,
    },
    /// Days since 1970-01-01, in 4 bytes.
    Days,
    /// Any other.
    Other,
}

impl Type {
    fn of(format: &str) -> Type {
        let int = |bytes, is_signed| Type::Int { bytes, is_signed };
        match format {
            "b" => Type::Bool,
            "c" => int(1, true),
            "C" => int(1, false),
            "s" => int(2, true),
            "S" => int(2, false),
            "i" => int(4, true),
            "I" => int(4, false),
            "l" => int(8, true),
            "L" => int(8, false),
            "f" => Type::Float { bytes: 4 },
            "g" => Type::Float { bytes: 8 },
            "u" => Type::Text(TextLayout::Small),
            "U" => Type::Text(TextLayout::Large),
            "vu" => Type::Text(TextLayout::View),
            "tdD" => Type::Days,
            "tdm" => Type::Time {
                unit: "ms",
                zone: String::new(),
            },
            _ => Type::of_parameters(format),
        }
    }

    fn of_parameters(format: &str) -> Type {
        for (start, unit) in [
            ("tss:", "s"),
            ("tsm:", "ms"),
            ("tsu:", "us"),
            ("tsn:", "ns"),
        ] {
            if let Some(zone) = format.strip_prefix(start) {
                let zone = zone.to_owned();
                return Type::Time { unit, zone };
            }
        }
        format
            .strip_prefix("d:")
            .and_then(decimal_of)
            .unwrap_or(Type::Other)
    }
}

/// `precision,scale` or `precision,scale,bits`.
fn decimal_of(parameters: &str) -> Option<Type> {
    let mut numbers = parameters.split(',').map(str::parse::<i32>);
    let _precision = numbers.next()?.ok()?;
    let scale = numbers.next()?.ok()?;
    let bits = numbers.next().unwrap_or(Ok(128)).ok()?;
    let bytes = matches!(bits, 32 | 64 | 128 | 256).then_some(bits.unsigned_abs() as usize / 8)?;
    Some(Type::Decimal { bytes, scale })
}

/// Name and type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type, as Arrow writes it.
    pub format: String,
    /// The same, read. Of a dictionary it is the type of the indexes.
    pub kind: Type,
    /// The type of a dictionary's values.
    pub values: Option<Type>,
}

/// All rows of a frame, in the memory of whoever made it.
///
/// The memory is given back when the table and everything that [`Column::keeper`] gave is gone.
///
/// [`Column::keeper`]: super::Column::keeper
#[derive(Debug)]
pub struct Table {
    pub(super) fields: Vec<Field>,
    pub(super) batches: Vec<Arc<Batch>>,
    metadata: Vec<(Vec<u8>, Vec<u8>)>,
    rows: usize,
}

/// One struct array of a stream.
pub struct Batch(ArrowArray);

impl std::fmt::Debug for Batch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Batch({} rows)", self.0.length)
    }
}

// SAFETY: the specification lets an array be moved, read and released by any thread; nothing here
// writes to it.
unsafe impl Send for Batch {}
// SAFETY: as above: it is only read.
unsafe impl Sync for Batch {}

impl Table {
    /// Takes a stream over and reads it to its end.
    ///
    /// # Errors
    /// What its producer says, or arrays of another shape than rows of columns.
    ///
    /// # Safety
    /// The pointer is to a struct that a producer has filled as the Arrow C stream interface asks,
    /// and that nobody else uses meanwhile. It is marked as released.
    pub unsafe fn take(stream: *mut ArrowArrayStream) -> Result<Table, ArrowFault> {
        // SAFETY: the caller's promise; moving the struct and leaving an empty one is how the
        // interface hands ownership over.
        let mut stream = unsafe { ptr::replace(stream, ArrowArrayStream::empty()) };
        let schema = next_schema(&mut stream)?;
        // SAFETY: the producer has filled the schema, and it lives until the end of the block.
        let (fields, metadata) = unsafe { (fields_of(&schema)?, metadata_of(schema.metadata)) };
        let mut batches = Vec::new();
        let mut rows = 0_usize;
        while let Some(array) = next_array(&mut stream)? {
            // SAFETY: the producer has filled the array as the schema says.
            unsafe { check_batch(&array, &fields)? };
            if array.length > 0 {
                rows += array.length as usize;
                batches.push(Arc::new(Batch(array)));
            }
        }
        Ok(Table {
            fields,
            batches,
            metadata,
            rows,
        })
    }

    /// Puts tables one after the other, as the parts of one; their memory stays where it is.
    ///
    /// # Errors
    /// No table, or columns of another name or type than the first has.
    pub fn join(tables: Vec<Table>) -> Result<Table, ArrowFault> {
        let mut tables = tables.into_iter();
        let mut joined = tables.next().ok_or_else(|| ArrowFault::Layout {
            found: String::from("no part"),
        })?;
        for part in tables {
            if part.fields != joined.fields {
                return Err(ArrowFault::Layout {
                    found: String::from("parts with different columns"),
                });
            }
            joined.rows += part.rows;
            joined.batches.extend(part.batches);
        }
        Ok(joined)
    }

    /// Names and types of the columns.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Rows of all parts.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Keys and values that the schema carries.
    #[must_use]
    pub fn metadata(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.metadata
    }
}

fn next_schema(stream: &mut ArrowArrayStream) -> Result<ArrowSchema, ArrowFault> {
    let mut schema = ArrowSchema::empty();
    let Some(get_schema) = stream.get_schema else {
        return Err(released());
    };
    // SAFETY: the stream is not released, and `schema` is room for one.
    let code = unsafe { get_schema(stream, &raw mut schema) };
    checked(stream, code)?;
    Ok(schema)
}

fn next_array(stream: &mut ArrowArrayStream) -> Result<Option<ArrowArray>, ArrowFault> {
    let mut array = ArrowArray::empty();
    let Some(get_next) = stream.get_next else {
        return Err(released());
    };
    // SAFETY: the stream is not released, and `array` is room for one.
    let code = unsafe { get_next(stream, &raw mut array) };
    checked(stream, code)?;
    Ok(array.release.is_some().then_some(array))
}

fn released() -> ArrowFault {
    ArrowFault::Producer {
        message: "the stream has been read before".to_owned(),
    }
}

fn checked(stream: &mut ArrowArrayStream, code: c_int) -> Result<(), ArrowFault> {
    if code == 0 {
        return Ok(());
    }
    let message = stream.get_last_error.map(|get_last_error| {
        // SAFETY: the last call failed, so its text is there until the next call.
        unsafe { text_of(get_last_error(stream)) }
    });
    let message = message.filter(|text| !text.is_empty());
    Err(ArrowFault::Producer {
        message: message.unwrap_or_else(|| format!("error {code}")),
    })
}

/// # Safety
/// The schema is filled and not released.
unsafe fn fields_of(schema: &ArrowSchema) -> Result<Vec<Field>, ArrowFault> {
    // SAFETY: the strings and children of a filled schema are there as long as it is.
    unsafe {
        let format = text_of(schema.format);
        if format != "+s" {
            return Err(ArrowFault::Layout {
                found: format!("an array of Arrow type {format:?}"),
            });
        }
        let children = (0..schema.n_children as usize).map(|index| &**schema.children.add(index));
        Ok(children
            .map(|child| {
                let format = text_of(child.format);
                let values = child.dictionary.as_ref();
                Field {
                    name: text_of(child.name),
                    kind: Type::of(&format),
                    format: values.map_or(format, |values| text_of(values.format)),
                    values: values.map(|values| Type::of(&text_of(values.format))),
                }
            })
            .collect())
    }
}

/// Pairs of a count and so many bytes, all counts native 32-bit integers.
///
/// # Safety
/// The pointer is null or to metadata as the interface encodes it.
unsafe fn metadata_of(pointer: *const c_char) -> Vec<(Vec<u8>, Vec<u8>)> {
    if pointer.is_null() {
        return Vec::new();
    }
    let start = pointer.cast::<u8>();
    // SAFETY: the encoding says itself how many bytes follow.
    unsafe {
        let pairs = start.cast::<i32>().read_unaligned().max(0);
        let mut next = start.add(4);
        let mut pair = || {
            let (key, after) = bytes_at(next);
            let (value, after) = bytes_at(after);
            next = after;
            (key, value)
        };
        (0..pairs).map(|_| pair()).collect()
    }
}

/// # Safety
/// As [`metadata_of`], at the beginning of a text.
unsafe fn bytes_at(place: *const u8) -> (Vec<u8>, *const u8) {
    // SAFETY: the caller's promise.
    unsafe {
        let count = place.cast::<i32>().read_unaligned().max(0) as usize;
        let text = std::slice::from_raw_parts(place.add(4), count).to_vec();
        (text, place.add(4 + count))
    }
}

/// Sees that the array has the shape that its schema promises, so that nothing is read which is not
/// there.
///
/// # Safety
/// The array is filled and not released.
unsafe fn check_batch(array: &ArrowArray, fields: &[Field]) -> Result<(), ArrowFault> {
    if array.n_children as usize != fields.len() || array.length < 0 || array.offset < 0 {
        return Err(ArrowFault::Layout {
            found: format!(
                "{} columns where the schema has {}",
                array.n_children,
                fields.len()
            ),
        });
    }
    for (index, field) in fields.iter().enumerate() {
        // SAFETY: a filled array has as many children as it says.
        let child = unsafe { &**array.children.add(index) };
        let is_long = child.length >= array.offset + array.length && child.offset >= 0;
        let buffers = match field.kind {
            // Validity, views, and the lengths of the buffers that the views name.
            Type::Text(_) => 3,
            Type::Other => 0,
            _ => 2,
        };
        let is_whole =
            child.n_buffers >= buffers && field.values.is_some() != child.dictionary.is_null();
        if !is_long || !is_whole {
            return Err(ArrowFault::Layout {
                found: format!(
                    "a column {:?} of {} rows and {} buffers",
                    field.name, child.length, child.n_buffers
                ),
            });
        }
    }
    Ok(())
}

/// One array of a column: so many rows of one batch.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    array: &'a ArrowArray,
    /// Of the first row, in values of the buffers.
    offset: usize,
    pub rows: usize,
}

impl Batch {
    pub(super) fn part(&self, field: usize) -> Part<'_> {
        // SAFETY: `check_batch` has seen so many children.
        let array = unsafe { &**self.0.children.add(field) };
        Part {
            array,
            offset: (self.0.offset + array.offset) as usize,
            rows: self.0.length as usize,
        }
    }
}

impl<'a> Part<'a> {
    /// The values that the rows of a dictionary name.
    pub fn dictionary(&self) -> Part<'a> {
        // SAFETY: `check_batch` has seen that there is one where the field has values.
        let array = unsafe { &*self.array.dictionary };
        Part {
            array,
            offset: array.offset.max(0) as usize,
            rows: array.length.max(0) as usize,
        }
    }

    fn buffer<T>(&self, index: usize) -> *const T {
        // SAFETY: callers ask for buffers that `check_batch` has counted.
        unsafe { (*self.array.buffers.add(index)).cast() }
    }

    /// The first value, for fixed-size types of so many bytes.
    pub fn values(&self, bytes: usize) -> *const u8 {
        // Without an offset a null buffer (of no rows) stays null.
        self.buffer::<u8>(1).wrapping_add(self.offset * bytes)
    }

    /// One value of a fixed-size type; the row is below `rows`.
    #[inline]
    pub fn value<T: Copy>(&self, row: usize) -> T {
        // SAFETY: the values buffer holds all rows from the offset on. It need not be aligned.
        unsafe {
            self.values(size_of::<T>())
                .cast::<T>()
                .add(row)
                .read_unaligned()
        }
    }

    pub fn is_set(&self, buffer: usize, row: usize) -> bool {
        let bit = self.offset + row;
        // SAFETY: bitmaps hold a bit for each row from the offset on.
        unsafe { *self.buffer::<u8>(buffer).add(bit / 8) >> (bit % 8) & 1 == 1 }
    }

    pub fn first_null(&self) -> Option<usize> {
        if self.array.null_count == 0 || self.buffer::<u8>(0).is_null() {
            return None;
        }
        (0..self.rows).find(|row| !self.is_set(0, *row))
    }

    /// The bytes of a text; the row is below `rows`.
    pub fn text(&self, layout: TextLayout, row: usize) -> &'a [u8] {
        let place = self.offset + row;
        // SAFETY: the offsets or views of all rows are there and point into the data buffers, which
        // live as long as the array.
        unsafe {
            let (start, length) = match layout {
                TextLayout::Small => self.between::<i32>(place),
                TextLayout::Large => self.between::<i64>(place),
                TextLayout::View => self.view(place),
            };
            bytes_of(start, length)
        }
    }

    /// Start and length of a text between two offsets.
    ///
    /// # Safety
    /// The place is that of a row.
    unsafe fn between<T: Copy + Into<i64>>(&self, place: usize) -> (*const u8, usize) {
        // SAFETY: there is one offset more than rows.
        let (start, end): (i64, i64) = unsafe {
            let offsets = self.buffer::<T>(1).add(place);
            (
                offsets.read_unaligned().into(),
                offsets.add(1).read_unaligned().into(),
            )
        };
        let bytes = self.buffer::<u8>(2).wrapping_add(start as usize);
        (bytes, (end - start).max(0) as usize)
    }

    /// Start and length of a view: texts of at most 12 bytes lie in it, others in a buffer.
    ///
    /// # Safety
    /// The place is that of a row.
    unsafe fn view(&self, place: usize) -> (*const u8, usize) {
        // SAFETY: a view is four 32-bit words: length, prefix, buffer, offset.
        unsafe {
            let view = self.buffer::<[i32; 4]>(1).add(place);
            let [length, _, buffer, offset] = view.read_unaligned();
            if length <= 12 {
                return (view.cast::<u8>().add(4), length.max(0) as usize);
            }
            let start = self.buffer::<u8>(2 + buffer as usize);
            (start.add(offset as usize), length as usize)
        }
    }
}

/// # Safety
/// So many bytes are at `start`, for as long as the caller says.
unsafe fn bytes_of<'a>(start: *const u8, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(start, length) }
}
