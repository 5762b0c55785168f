//! The hot path: rows in their usual spelling, a few nanoseconds each.
//!
//! A bit mask marks every byte of the row that is not a digit. Walking its set bits visits the
//! commas and points in order, and everything between two of them is digits by construction, so no
//! digit is checked by itself. Numbers of up to eight digits are read by three multiplications.
//!
//! Whatever does not look as expected gives `None`, and the exact path in `trades.rs`, which alone
//! defines what is accepted, reads that row. What this path takes, the exact path takes with the
//! same result; a test holds both against each other on mutated rows.

use super::shape::{Place, Places};
use crate::text::decimal::POWERS_OF_TEN;

/// Bytes that must be there behind the start of a row: what the mask covers, and room for loads
/// that reach beyond the row.
pub(super) const WINDOW: usize = 256 + 8;

/// Bytes covered by one mask word.
const BLOCK: usize = 64;

/// Rows longer than this are left to the exact path.
const MASKED: usize = 2 * BLOCK;

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// A number as it is spelled: `mantissa / 10^decimals`.
#[derive(Clone, Copy)]
pub(super) struct Spelled {
    pub mantissa: u64,
    pub decimals: usize,
}

pub(super) struct FastRow {
    pub price: Spelled,
    pub qty: Spelled,
    pub time: u64,
    pub is_buyer_maker: bool,
    /// Bytes of the row, its line end included.
    pub length: usize,
    /// Where the numbers are.
    pub places: Places,
}

/// Reads one row: id, price, quantity, then two ids where `IS_AGGREGATED` and one number where
/// not, time, flag, and one more flag where `HAS_MATCH`.
#[inline(always)]
pub(super) fn read_row<const IS_AGGREGATED: bool, const HAS_MATCH: bool>(
    window: &[u8; WINDOW],
    time_digits: usize,
) -> Option<FastRow> {
    let mut cursor = Cursor::new(window);
    cursor.skip_digits()?;
    let (price, price_place) = cursor.decimal()?;
    let (qty, qty_place) = cursor.decimal()?;
    if IS_AGGREGATED {
        cursor.skip_digits()?;
        cursor.skip_digits()?;
    } else {
        cursor.decimal_end()?;
    }
    let time_start = cursor.start;
    let time = cursor.time(time_digits)?;
    let (is_buyer_maker, length) = row_end::<HAS_MATCH>(window, cursor.start)?;
    let time_end = cursor.start - 1;
    Some(FastRow {
        price,
        qty,
        time,
        is_buyer_maker,
        length,
        places: Places {
            price: price_place,
            qty: qty_place,
            time: Place {
                start: time_start,
                point: time_end,
                end: time_end,
            },
        },
    })
}

/// Reads the flag at `start`, one more where `HAS_MATCH`, and the line end; the bytes up to there.
#[inline(always)]
pub(super) fn row_end<const HAS_MATCH: bool>(
    window: &[u8; WINDOW],
    start: usize,
) -> Option<(bool, usize)> {
    let (is_buyer_maker, mut end) = flag(window, start)?;
    if HAS_MATCH {
        if byte(window, end) != b',' {
            return None;
        }
        (_, end) = flag(window, end + 1)?;
    }
    end += usize::from(byte(window, end) == b'\r');
    (byte(window, end) == b'\n').then_some((is_buyer_maker, end + 1))
}

/// Steps from one byte that is not a digit to the next.
struct Cursor<'a> {
    window: &'a [u8; WINDOW],
    /// First byte of the cell that is read next.
    start: usize,
    block: usize,
    non_digits: u64,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn new(window: &'a [u8; WINDOW]) -> Self {
        Self {
            window,
            start: 0,
            block: 0,
            non_digits: non_digits(window, 0),
        }
    }

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.non_digits == 0 {
            self.block += BLOCK;
            if self.block == MASKED {
                return None;
            }
            self.non_digits = non_digits(self.window, self.block);
            if self.non_digits == 0 {
                return None;
            }
        }
        let at = self.block + self.non_digits.trailing_zeros() as usize;
        self.non_digits &= self.non_digits - 1;
        Some(at)
    }

    #[inline(always)]
    fn comma(&mut self) -> Option<usize> {
        self.next().filter(|at| byte(self.window, *at) == b',')
    }

    #[inline(always)]
    fn skip_digits(&mut self) -> Option<()> {
        self.start = self.comma()? + 1;
        Some(())
    }

    #[inline(always)]
    fn decimal(&mut self) -> Option<(Spelled, Place)> {
        let start = self.start;
        let (point, end) = self.decimal_end()?;
        let place = Place { start, point, end };
        let whole = digits(self.window, start, point - start)?;
        if point == end {
            let spelled = Spelled {
                mantissa: whole,
                decimals: 0,
            };
            return Some((spelled, place));
        }
        let decimals = end - point - 1;
        let fraction = digits(self.window, point + 1, decimals)?;
        let spelled = Spelled {
            mantissa: whole * POWERS_OF_TEN[decimals] + fraction,
            decimals,
        };
        Some((spelled, place))
    }

    /// Where the point and the comma of a number are; the same place where it has no point.
    #[inline(always)]
    fn decimal_end(&mut self) -> Option<(usize, usize)> {
        let point = self.next()?;
        let end = match byte(self.window, point) {
            b'.' => self.comma()?,
            b',' => point,
            _ => return None,
        };
        self.start = end + 1;
        Some((point, end))
    }

    /// A time of the digits that all times of the file have: 13 or 16.
    #[inline(always)]
    fn time(&mut self, time_digits: usize) -> Option<u64> {
        let start = self.start;
        self.skip_digits()?;
        if self.start - 1 - start != time_digits || byte(self.window, start) == b'0' {
            return None;
        }
        let rest = time_digits - 8;
        let high = digits(self.window, start, 8)?;
        let low = digits(self.window, start + 8, rest)?;
        Some(high * POWERS_OF_TEN[rest] + low)
    }
}

/// Reads `true` or `false` in any case; tells where it ends.
#[inline(always)]
fn flag(window: &[u8; WINDOW], start: usize) -> Option<(bool, usize)> {
    const LOWER: u64 = 0x20_2020_2020;
    const TRUE: u64 = u32::from_le_bytes(*b"true") as u64;
    const FALSE: u64 = u64::from_le_bytes(*b"false\0\0\0");
    let letters = (word(window, start) | LOWER) & 0xff_ffff_ffff;
    // By masks, not by branches: the side of a trade is as good as random. One bit tells `t` from
    // `f`, and the whole word must then be what this letter begins.
    let is_true = letters & 0x10 != 0;
    let choice = u64::from(is_true).wrapping_neg();
    let expected = FALSE ^ ((FALSE ^ TRUE) & choice);
    let seen = letters & !(choice & 0xff_0000_0000);
    (seen == expected).then_some((is_true, start + 5 - usize::from(is_true)))
}

/// The integer in 1 to 8 digits, which the mask has found to be digits.
#[inline(always)]
fn digits(window: &[u8; WINDOW], start: usize, length: usize) -> Option<u64> {
    if length.wrapping_sub(1) > 7 {
        return None;
    }
    // Shifts the bytes behind the number out, and as many zeros in before it.
    let text = (word(window, start) ^ ZEROS) << (8 * (8 - length));
    Some(eight_digits(text))
}

/// Eight bytes 0 to 9, the first of the text lowest: first to pairs, then to fours, then to all.
#[inline(always)]
fn eight_digits(text: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = text.wrapping_mul(10).wrapping_add(text >> 8);
    let upper = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let lower = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    upper.wrapping_add(lower) >> 32
}

/// Eight bytes from `at`, which is below 256; the mask spares the check.
#[inline(always)]
fn word(window: &[u8; WINDOW], at: usize) -> u64 {
    let at = at & 255;
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&window[at..at + 8]);
    u64::from_le_bytes(bytes)
}

#[inline(always)]
fn byte(window: &[u8; WINDOW], at: usize) -> u8 {
    window[at & 255]
}

/// Bit i tells that byte `start + i` is not a digit.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn non_digits(window: &[u8; WINDOW], start: usize) -> u64 {
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8,
        _mm_sub_epi8,
    };
    let block: &[u8] = &window[start..start + BLOCK];
    let quarter = |index: usize| {
        let text = &block[16 * index..16 * (index + 1)];
        // SAFETY: SSE2 is part of x86-64, and the load reads the 16 bytes of `text`.
        let is_digit = unsafe {
            let text = _mm_loadu_si128(text.as_ptr().cast::<__m128i>());
            let value = _mm_sub_epi8(text, _mm_set1_epi8(b'0' as i8));
            _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value))
        };
        u64::from(!is_digit as u16) << (16 * index)
    };
    quarter(0) | quarter(1) | quarter(2) | quarter(3)
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn non_digits(window: &[u8; WINDOW], start: usize) -> u64 {
    non_digits_portable(window, start)
}

/// The same without vector instructions.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
fn non_digits_portable(window: &[u8; WINDOW], start: usize) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    (0..8).fold(0, |mask, index| {
        // A digit is 0 to 9 after the exclusive or: no high bit, and none after adding 118.
        let value = word(window, start + 8 * index) ^ ZEROS;
        let marks = (((value & !HIGH) + 0x7676_7676_7676_7676) | value) & HIGH;
        // Moves the eight high bits side by side into the top byte.
        let bits = (marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask | bits << (8 * index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window_of(text: &str) -> [u8; WINDOW] {
        let mut window = [b'7'; WINDOW];
        window[..text.len()].copy_from_slice(text.as_bytes());
        window
    }

    #[test]
    fn masks_agree_on_every_byte_at_every_place() {
        for shift in 0..=255 {
            let window: [u8; WINDOW] = std::array::from_fn(|at| (at as u8).wrapping_mul(shift));
            for start in [0, BLOCK] {
                let expected = (0..BLOCK).fold(0, |mask, at| {
                    mask | u64::from(!window[start + at].is_ascii_digit()) << at
                });
                assert_eq!(non_digits(&window, start), expected);
                assert_eq!(non_digits_portable(&window, start), expected);
            }
        }
    }

    #[test]
    fn digits_of_every_length() {
        for length in 1..=8 {
            let text = &"90817263"[..length];
            assert_eq!(digits(&window_of(text), 0, length), text.parse().ok());
        }
        assert!(digits(&window_of(""), 0, 0).is_none());
        assert!(digits(&window_of(""), 0, 9).is_none());
    }

    #[test]
    fn usual_rows_are_taken() {
        let row = "1,61800.30,0.006,5,5,1723161256322,true\n";
        let read = read_row::<true, false>(&window_of(row), 13).unwrap();
        assert_eq!((read.price.mantissa, read.price.decimals), (6_180_030, 2));
        assert_eq!((read.qty.mantissa, read.qty.decimals), (6, 3));
        assert_eq!((read.time, read.is_buyer_maker), (1_723_161_256_322, true));
        assert_eq!(read.length, row.len());
        let row = "1,61800.30000000,0.00600000,370.8,1723161256322123,False,True\r\n";
        let read = read_row::<false, true>(&window_of(row), 16).unwrap();
        assert_eq!(
            (read.time, read.is_buyer_maker),
            (1_723_161_256_322_123, false)
        );
        assert_eq!(read.length, row.len());
    }

    #[test]
    fn unusual_rows_are_left() {
        for row in [
            "1,61800.30,0.006,5,5,1723161256322,yes\n",
            "1,61800.30,9.0E-5,5,5,1723161256322,true\n",
            "1,61800.30,0.006,5,5,172316125632,true\n",
            "1,61800.30,0.006,5,5,0723161256322,true\n",
            "1,618000000.30,0.006,5,5,1723161256322,true\n",
            "1,61800.,0.006,5,5,1723161256322,true\n",
            "1,61800.30,0.006,-1,-1,1723161256322,true\n",
            "1,61800.30,0.006,5,5,1723161256322,true,\n",
            "\n1,61800.30,0.006,5,5,1723161256322,true\n",
        ] {
            assert!(
                read_row::<true, false>(&window_of(row), 13).is_none(),
                "{row}"
            );
        }
        assert!(read_row::<true, false>(&window_of(&"7".repeat(WINDOW)), 13).is_none());
    }
}
