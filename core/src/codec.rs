//! Reading and writing of the small binary forms that rows, log, catalog and frames are made of.
//!
//! Integers are LEB128 varints, signed ones zigzag; lengths are checked against the input before anything is
//! allocated, so that memory is bounded by the size of the input.

use crate::{Error, Result};

/// Writes binary forms into a growing buffer.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    buffer: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// A writer that appends to `buffer`.
    pub fn on(buffer: Vec<u8>) -> Writer {
        Writer { buffer }
    }

    /// What has been written.
    pub fn into_vec(self) -> Vec<u8> {
        self.buffer
    }

    /// What has been written so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.buffer
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.buffer.push(value);
    }

    /// An unsigned integer in 1–10 bytes.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.buffer.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.push(value as u8);
    }

    /// A signed integer in 1–10 bytes, small magnitudes first.
    pub fn zigzag(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes behind their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Text behind its length in bytes.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// `0`, or `1` and the value.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Writer, T)) {
        match value {
            None => self.u8(0),
            Some(value) => {
                self.u8(1);
                write(self, value);
            }
        }
    }

    /// The number of items, then each of them.
    pub fn list<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Writer, T)) {
        self.varint(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }
}

/// Reads binary forms from a slice; every method fails with kind `corrupt` instead of reading past the end.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

#[cold]
fn short() -> Error {
    Error::corrupt("short_input", "bytes end in the middle of a value")
}

impl<'a> Reader<'a> {
    /// A reader over all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Fails unless everything was read.
    ///
    /// # Errors
    /// Kind `corrupt` if bytes are left.
    pub fn finish(&self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Error::corrupt("trailing_bytes", format!("{} bytes behind the end of a value", self.rest.len())))
    }

    /// One byte.
    ///
    /// # Errors
    /// Kind `corrupt` at the end of the input, here and below.
    #[inline]
    pub fn u8(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or_else(short)?;
        self.rest = rest;
        Ok(*first)
    }

    /// An unsigned varint.
    ///
    /// # Errors
    /// Kind `corrupt` if it does not fit 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64> {
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.u8()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::corrupt("varint_overflow", "an integer does not fit 64 bits"))
    }

    /// A varint that fits 32 bits.
    ///
    /// # Errors
    /// Kind `corrupt` if it does not.
    pub fn varint32(&mut self) -> Result<u32> {
        u32::try_from(self.varint()?).map_err(|_| Error::corrupt("varint_overflow", "an integer does not fit 32 bits"))
    }

    /// A signed zigzag varint.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    #[inline]
    pub fn zigzag(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// Kind `corrupt` if fewer are left.
    #[inline]
    pub fn raw(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// Kind `corrupt` if fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(short)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Bytes behind their length.
    ///
    /// # Errors
    /// Kind `corrupt` if the length exceeds the input.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.varint()?;
        self.raw(usize::try_from(len).map_err(|_| short())?)
    }

    /// Text behind its length.
    ///
    /// # Errors
    /// Kind `corrupt` if it is not UTF-8.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Error::corrupt("invalid_utf8", "text is not valid utf-8"))
    }

    /// `true` for 1, `false` for 0.
    ///
    /// # Errors
    /// Kind `corrupt` for anything else.
    pub fn flag(&mut self) -> Result<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Error::corrupt("invalid_flag", format!("{other} is neither 0 nor 1"))),
        }
    }

    /// A value that may be absent.
    ///
    /// # Errors
    /// As `read` and [`Reader::flag`].
    pub fn option<T>(&mut self, read: impl FnOnce(&mut Reader<'a>) -> Result<T>) -> Result<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// A list of at most `items_max` items; each takes at least one byte, which bounds the allocation.
    ///
    /// # Errors
    /// As `read`; kind `corrupt` if the list is longer than allowed.
    pub fn list<T>(&mut self, items_max: usize, mut read: impl FnMut(&mut Reader<'a>) -> Result<T>) -> Result<Vec<T>> {
        let len = self.varint()?;
        if len > items_max as u64 || len > self.rest.len() as u64 {
            return Err(Error::corrupt(
                "list_too_long",
                format!("a list of {len} items; at most {items_max} are allowed"),
            ));
        }
        let mut items = Vec::with_capacity(len as usize);
        for _ in 0..len {
            items.push(read(self)?);
        }
        Ok(items)
    }
}
