//! The hottest path: rows that look like one before them, digit for digit.
//!
//! Rows of one file mostly have the same lengths: an id of ten digits, a price of five and two, a
//! quantity of one and three. Such a *shape* is learned from a row that `fast.rs` has read. Whether
//! another row has it is one comparison of all its bytes, every digit taken for the same one; then
//! the places of all numbers are known, and each is read by one shuffle and three multiplications.
//!
//! A row of a known shape has its digits, points and commas where the learned row has them, so
//! `fast.rs` would read it to the same numbers. Without the vector instructions no shape is known.

use super::fast::{FastRow, Spelled, WINDOW, row_end};

/// Shapes that are tried before a row is read byte by byte.
const SHAPES: usize = 4;

/// Bytes compared at a time, and the longest number that is read.
const LANES: usize = 16;

/// Blocks of the longest shape.
const BLOCKS: usize = 6;

/// Where a number is: its first byte, its point and its end; without a point, the end twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub start: usize,
    pub point: usize,
    pub end: usize,
}

impl Place {
    fn decimals(self) -> usize {
        (self.end - self.point).saturating_sub(1)
    }
}

/// Where the numbers of a row are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub price: Place,
    pub qty: Place,
    pub time: Place,
}

#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Block([u8; LANES]);

/// A number of a shape: where to load, and which of the loaded bytes becomes which digit.
#[derive(Clone, Copy, Debug)]
struct Number {
    digits: Block,
    start: usize,
    decimals: usize,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    /// What the bytes must be once `flat` has made all digits one; then those that may be anything.
    bytes: [Block; BLOCKS],
    free: Block,
    blocks: usize,
    price: Number,
    qty: Number,
    time: Number,
    flag: usize,
}

/// The shapes of the last rows, the latest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Shapes {
    known: Vec<Shape>,
}

/// Whether this processor reads shapes.
pub(super) fn is_supported() -> bool {
    #[cfg(target_arch = "x86_64")]
    let is_supported = std::arch::is_x86_feature_detected!("sse4.1");
    #[cfg(not(target_arch = "x86_64"))]
    let is_supported = false;
    is_supported
}

impl Shapes {
    /// Remembers the shape of a row in the place of the one that was not needed for longest.
    pub fn learn(&mut self, window: &[u8; WINDOW], places: &Places) {
        let Some(shape) = Shape::of(window, places) else {
            return;
        };
        self.known.truncate(SHAPES - 1);
        self.known.insert(0, shape);
    }

    /// Reads a row of a known shape.
    ///
    /// # Safety
    ///
    /// The processor has SSE4.1.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub unsafe fn read<const HAS_MATCH: bool>(&mut self, window: &[u8; WINDOW]) -> Option<FastRow> {
        let first = self.known.first()?;
        // SAFETY: the caller's.
        if !unsafe { x86::has_shape(window, first) } && !unsafe { self.swap(window) } {
            return None;
        }
        let shape = self.known.first()?;
        let (is_buyer_maker, end) = row_end::<HAS_MATCH>(window, shape.flag)?;
        // SAFETY: the caller's.
        let number = |number: &Number| unsafe { x86::number(window, number) };
        let time = number(&shape.time);
        if window[shape.time.start & 255] == b'0' {
            return None;
        }
        let spelled = |at: &Number| Spelled {
            mantissa: number(at),
            decimals: at.decimals,
        };
        Some(FastRow {
            price: spelled(&shape.price),
            qty: spelled(&shape.qty),
            time,
            is_buyer_maker,
            length: end,
            places: Places::default(),
        })
    }

    /// Brings the shape of this row to the front, if it is known.
    ///
    /// # Safety
    ///
    /// The processor has SSE4.1.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn swap(&mut self, window: &[u8; WINDOW]) -> bool {
        // SAFETY: the caller's.
        let has_shape = |shape: &Shape| unsafe { x86::has_shape(window, shape) };
        match self.known.iter().skip(1).position(has_shape) {
            Some(at) => {
                self.known.swap(0, at + 1);
                true
            }
            None => false,
        }
    }
}

impl Shape {
    fn of(window: &[u8; WINDOW], places: &Places) -> Option<Self> {
        let length = places.time.end + 1;
        let blocks = length.div_ceil(LANES);
        if blocks > BLOCKS {
            return None;
        }
        let bytes = std::array::from_fn(|block| {
            Block(std::array::from_fn(|at| flat(window[LANES * block + at])))
        });
        let used = length - LANES * (blocks - 1);
        Some(Self {
            bytes,
            free: Block(std::array::from_fn(|at| if at < used { 0 } else { 0xff })),
            blocks,
            price: Number::at(places.price)?,
            qty: Number::at(places.qty)?,
            time: Number::at(places.time)?,
            flag: length,
        })
    }
}

impl Number {
    fn at(place: Place) -> Option<Self> {
        const NONE: u8 = 0x80;
        if place.end - place.start > LANES {
            return None;
        }
        let mut digits = [NONE; LANES];
        let places = (place.start..place.end).filter(|at| *at != place.point);
        for (digit, at) in digits.iter_mut().rev().zip(places.rev()) {
            *digit = (at - place.start) as u8;
        }
        Some(Self {
            digits: Block(digits),
            start: place.start,
            decimals: place.decimals(),
        })
    }
}

/// 0 for every digit; another number for each other byte.
const fn flat(byte: u8) -> u8 {
    byte.wrapping_sub(b'0').saturating_sub(9)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_cvtsi128_si64, _mm_load_si128, _mm_loadu_si128,
        _mm_madd_epi16, _mm_maddubs_epi16, _mm_movemask_epi8, _mm_or_si128, _mm_packus_epi32,
        _mm_set1_epi8, _mm_set1_epi16, _mm_set1_epi32, _mm_shuffle_epi8, _mm_sub_epi8,
        _mm_subs_epu8,
    };

    use super::{Block, LANES, Number, Shape, WINDOW};

    #[inline(always)]
    unsafe fn text_at(window: &[u8; WINDOW], at: usize) -> __m128i {
        // The mask spares the check; a window has 8 bytes behind 255, so loads start 8 before.
        let at = at.min(WINDOW - LANES);
        // SAFETY: the load reads 16 bytes from `at`, which is at most the window's length less 16.
        unsafe { _mm_loadu_si128(window.as_ptr().add(at).cast::<__m128i>()) }
    }

    #[inline(always)]
    unsafe fn block(block: &Block) -> __m128i {
        // SAFETY: the block is 16 bytes, aligned to 16.
        unsafe { _mm_load_si128(block.0.as_ptr().cast::<__m128i>()) }
    }

    /// Whether the row's bytes are those of the shape, any digit for any.
    ///
    /// # Safety
    ///
    /// The processor has SSE4.1.
    #[inline(always)]
    pub unsafe fn has_shape(window: &[u8; WINDOW], shape: &Shape) -> bool {
        // SAFETY: SSE2 is part of x86-64; the loads are those of `text_at` and `block`.
        unsafe {
            let is_same = |at: usize| {
                let text = _mm_sub_epi8(text_at(window, LANES * at), _mm_set1_epi8(b'0' as i8));
                let flat = _mm_subs_epu8(text, _mm_set1_epi8(9));
                _mm_cmpeq_epi8(flat, block(&shape.bytes[at]))
            };
            let last = shape.blocks - 1;
            let mut same = _mm_or_si128(is_same(last), block(&shape.free));
            for at in 0..last {
                same = _mm_and_si128(same, is_same(at));
            }
            _mm_movemask_epi8(same) == 0xffff
        }
    }

    /// The integer in up to 16 digits of the row.
    ///
    /// # Safety
    ///
    /// The processor has SSE4.1.
    #[inline(always)]
    pub unsafe fn number(window: &[u8; WINDOW], number: &Number) -> u64 {
        // SAFETY: the instructions are there by the caller's word; the load is that of `text_at`.
        let halves = unsafe {
            let text = _mm_sub_epi8(text_at(window, number.start), _mm_set1_epi8(b'0' as i8));
            let digits = _mm_shuffle_epi8(text, block(&number.digits));
            let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(10 + (1 << 8)));
            let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(100 + (1 << 16)));
            let packed = _mm_packus_epi32(fours, fours);
            let eights = _mm_madd_epi16(packed, _mm_set1_epi32(10_000 + (1 << 16)));
            _mm_cvtsi128_si64(eights) as u64
        };
        (halves & 0xffff_ffff) * 100_000_000 + (halves >> 32)
    }
}
