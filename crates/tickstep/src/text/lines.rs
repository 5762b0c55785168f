//! From pieces of any size to whole lines, in bounded memory.
//!
//! An unfinished last line waits for the next piece. A line beyond [`LINE_BYTES_MAX`] is handed over
//! once, cut off there, and its rest is dropped.

use super::fault::{LINE_BYTES_MAX, Rule};

/// What some editors put before UTF-8 text.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What takes the lines of a file.
pub(crate) trait TakeLines {
    /// Why reading ends.
    type Error;

    /// Takes the line of this number, from 1.
    fn take_line(&mut self, number: u64, line: &[u8]) -> Result<(), Self::Error>;

    /// Takes whole lines from the beginning of `text` as far as it cares to: their bytes and count.
    #[inline(always)]
    fn take_run(&mut self, _text: &[u8]) -> (usize, u64) {
        (0, 0)
    }
}

/// The place in a file, between two pieces.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Lines handed over so far.
    pub count: u64,
    /// The beginning of a line whose end has not come yet.
    unfinished: Vec<u8>,
    /// The line that has begun is too long and already handed over: its rest is dropped.
    is_dropping: bool,
}

impl Lines {
    /// Hands over the lines that end in the next piece.
    pub fn push<T: TakeLines>(&mut self, piece: &[u8], taker: &mut T) -> Result<(), T::Error> {
        let Some(piece) = self.end_unfinished(piece, taker)? else {
            return Ok(());
        };
        let mut start = 0;
        loop {
            let (bytes, lines) = taker.take_run(&piece[start..]);
            start += bytes;
            self.count += lines;
            let Some(length) = find_line_end(&piece[start..]) else {
                return self.keep_unfinished(&piece[start..], taker);
            };
            self.hand_over(&piece[start..start + length], taker)?;
            start += length + 1;
        }
    }

    /// Bytes held for an unfinished line.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.unfinished.capacity()
    }

    /// Hands over a last line without a line end.
    pub fn finish<T: TakeLines>(&mut self, taker: &mut T) -> Result<(), T::Error> {
        if self.unfinished.is_empty() {
            return Ok(());
        }
        let line = std::mem::take(&mut self.unfinished);
        self.hand_over(&line, taker)
    }

    /// Completes the line begun by earlier pieces; what follows it, if it ends in this piece.
    fn end_unfinished<'a, T: TakeLines>(
        &mut self,
        piece: &'a [u8],
        taker: &mut T,
    ) -> Result<Option<&'a [u8]>, T::Error> {
        if self.unfinished.is_empty() && !self.is_dropping {
            return Ok(Some(piece));
        }
        let Some(length) = find_line_end(piece) else {
            self.keep_unfinished(piece, taker)?;
            return Ok(None);
        };
        if !self.is_dropping {
            let mut line = std::mem::take(&mut self.unfinished);
            line.extend_from_slice(&piece[..length]);
            self.hand_over(&line, taker)?;
        }
        self.is_dropping = false;
        Ok(Some(&piece[length + 1..]))
    }

    fn keep_unfinished<T: TakeLines>(
        &mut self,
        rest: &[u8],
        taker: &mut T,
    ) -> Result<(), T::Error> {
        if self.is_dropping {
            return Ok(());
        }
        self.unfinished.extend_from_slice(rest);
        if self.unfinished.len() > LINE_BYTES_MAX {
            self.is_dropping = true;
            let line = std::mem::take(&mut self.unfinished);
            self.hand_over(&line, taker)?;
        }
        Ok(())
    }

    fn hand_over<T: TakeLines>(&mut self, line: &[u8], taker: &mut T) -> Result<(), T::Error> {
        self.count += 1;
        taker.take_line(self.count, line)
    }
}

/// The line without a carriage return at its end, where it is not too long.
pub(crate) fn check_line(line: &[u8]) -> Result<&[u8], Rule> {
    if line.len() <= LINE_BYTES_MAX {
        return Ok(line.strip_suffix(b"\r").unwrap_or(line));
    }
    Err(if is_text(line) {
        Rule::LineLength
    } else {
        Rule::Text
    })
}

/// Whether the line may be text: UTF-8 but for a cut at its end, without control characters.
pub(crate) fn is_text(line: &[u8]) -> bool {
    let is_control = |byte: &u8| *byte < b' ' && *byte != b'\t' && *byte != b'\r';
    let is_utf8 = match std::str::from_utf8(line) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    is_utf8 && !line.iter().any(is_control)
}

/// Where the first line ends, eight bytes at a time.
fn find_line_end(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let words = text.chunks_exact(8);
    let rest = words.remainder();
    for (index, word) in words.enumerate() {
        // The lowest zero byte is the first whose high bit a borrow sets.
        let value = u64::from_le_bytes(word.try_into().ok()?) ^ (ONES * u64::from(b'\n'));
        let zeros = value.wrapping_sub(ONES) & !value & HIGH;
        if zeros != 0 {
            return Some(8 * index + zeros.trailing_zeros() as usize / 8);
        }
    }
    rest.iter()
        .position(|byte| *byte == b'\n')
        .map(|at| text.len() - rest.len() + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_found_at_every_place() {
        for length in 0..40 {
            for at in 0..length {
                let mut text = vec![0x0bu8; length];
                text[at] = b'\n';
                text[length - 1] = b'\n';
                assert_eq!(find_line_end(&text), Some(at));
            }
            assert_eq!(find_line_end(&vec![0x8au8; length]), None);
        }
    }
}
