//! From a source of bytes to the pieces that parsers take.

use std::io::{self, Read};

use super::fault::TextError;

/// Bytes read at a time: what stays in the processor's cache until it has been parsed.
pub(crate) const BUFFER_BYTES: usize = 1 << 17;

/// Why reading from a source stopped.
#[derive(Debug)]
pub enum ReadError {
    /// The source could not be read.
    Source(io::Error),
    /// What it holds is bad.
    Text(TextError),
}

/// Pushes the next `bytes` of a source, or what is left of it; the bytes that came.
pub(crate) fn push_from(
    source: &mut impl Read,
    buffer: &mut Vec<u8>,
    bytes: usize,
    mut push: impl FnMut(&[u8]) -> Result<(), TextError>,
) -> Result<usize, ReadError> {
    buffer.resize(BUFFER_BYTES, 0);
    let mut taken = 0;
    while taken < bytes {
        let wanted = (bytes - taken).min(BUFFER_BYTES);
        match source.read(&mut buffer[..wanted]) {
            Ok(0) => break,
            Ok(length) => {
                push(&buffer[..length]).map_err(ReadError::Text)?;
                taken += length;
            }
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(ReadError::Source(fault)),
        }
    }
    Ok(taken)
}
