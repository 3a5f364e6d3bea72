//! The order-preserving tuple codec of every key: comparing the bytes compares the tuples.
//!
//! Numbers of spaces, tables and the like take a length byte and that many bytes, largest first. A value takes a
//! tag and a form whose bytes sort as the value does; text and bytes end with `00 01` and write a zero byte as
//! `00 FF` (the escape of CockroachDB's key encoding). NULL is `FF` and sorts last. docs/format.md has the table.

use std::borrow::Cow;

use crate::codec::Reader;
use crate::value::{Cell, Datum, Value, canonical_f32, canonical_f64};
use crate::{Error, Result};

mod tag {
    pub const FALSE: u8 = 0x10;
    pub const TRUE: u8 = 0x11;
    pub const SMALL_INT: u8 = 0x12;
    pub const INT: u8 = 0x13;
    pub const BIG_INT: u8 = 0x14;
    pub const REAL: u8 = 0x15;
    pub const DOUBLE: u8 = 0x16;
    pub const DECIMAL: u8 = 0x17;
    pub const TEXT: u8 = 0x18;
    pub const BYTES: u8 = 0x19;
    pub const DATE: u8 = 0x1a;
    pub const TIME: u8 = 0x1b;
    pub const TIMESTAMP: u8 = 0x1c;
    pub const UUID: u8 = 0x1d;
    pub const NULL: u8 = 0xff;
}

/// Longest encoded primary key or index entry.
pub const KEY_BYTES_MAX: usize = 4096;

/// Appends a number so that bytes order as numbers do.
pub fn write_number(out: &mut Vec<u8>, number: u64) {
    let skip = number.leading_zeros() as usize / 8;
    out.push(8 - skip as u8);
    out.extend_from_slice(&number.to_be_bytes()[skip..]);
}

/// Reads what [`write_number`] wrote.
///
/// # Errors
/// Kind `corrupt` if the bytes are no number.
pub fn read_number(input: &mut Reader<'_>) -> Result<u64> {
    let len = usize::from(input.u8()?);
    let mut bytes = [0; 8];
    let Some(tail) = 8usize.checked_sub(len).and_then(|skip| bytes.get_mut(skip..)) else {
        return Err(Error::corrupt("invalid_key", format!("a number of {len} bytes in a key")));
    };
    tail.copy_from_slice(input.raw(len)?);
    Ok(u64::from_be_bytes(bytes))
}

fn write_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == 0);
    if let Some(first) = parts.next() {
        out.extend_from_slice(first);
    }
    for part in parts {
        out.extend_from_slice(&[0x00, 0xff]);
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&[0x00, 0x01]);
}

fn read_escaped<'a>(input: &mut Reader<'a>) -> Result<Cow<'a, [u8]>> {
    let mut bytes = Cow::Borrowed(&[][..]);
    loop {
        let rest = input.rest();
        let plain = input.raw(rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len()))?;
        if bytes.is_empty() {
            bytes = Cow::Borrowed(plain);
        } else {
            bytes.to_mut().extend_from_slice(plain);
        }
        input.u8()?;
        match input.u8()? {
            0x01 => return Ok(bytes),
            0xff => bytes.to_mut().push(0),
            other => return Err(Error::corrupt("invalid_key", format!("escape {other:#04x} in a key"))),
        }
    }
}

/// Float bits that sort as numbers do: the sign bit flipped, all bits of negatives flipped.
fn sortable_f64(value: f64) -> u64 {
    let bits = canonical_f64(value).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn unsortable_f64(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

fn sortable_f32(value: f32) -> u32 {
    let bits = canonical_f32(value).to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

fn unsortable_f32(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits })
}

/// Appends one element of a tuple.
///
/// # Errors
/// Kind `invalid` for JSON and COUNTER, which cannot be part of a key.
pub fn write_value<S: AsRef<str>, B: AsRef<[u8]>>(out: &mut Vec<u8>, value: &Datum<S, B>) -> Result<()> {
    let mut fixed = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        out.extend_from_slice(bytes);
    };
    match value.borrow() {
        Datum::Null => fixed(tag::NULL, &[]),
        Datum::Boolean(false) => fixed(tag::FALSE, &[]),
        Datum::Boolean(true) => fixed(tag::TRUE, &[]),
        Datum::SmallInt(v) => fixed(tag::SMALL_INT, &(v ^ i16::MIN).to_be_bytes()),
        Datum::Int(v) => fixed(tag::INT, &(v ^ i32::MIN).to_be_bytes()),
        Datum::BigInt(v) => fixed(tag::BIG_INT, &(v ^ i64::MIN).to_be_bytes()),
        Datum::Real(v) => fixed(tag::REAL, &sortable_f32(v).to_be_bytes()),
        Datum::Double(v) => fixed(tag::DOUBLE, &sortable_f64(v).to_be_bytes()),
        Datum::Decimal { unscaled, scale } => {
            fixed(tag::DECIMAL, &[scale]);
            out.extend_from_slice(&(unscaled ^ i128::MIN).to_be_bytes());
        }
        Datum::Text(v) => {
            out.push(tag::TEXT);
            write_escaped(out, v.as_bytes());
        }
        Datum::Bytes(v) => {
            out.push(tag::BYTES);
            write_escaped(out, v);
        }
        Datum::Date(v) => fixed(tag::DATE, &(v ^ i32::MIN).to_be_bytes()),
        Datum::Time(v) => fixed(tag::TIME, &(v ^ i64::MIN).to_be_bytes()),
        Datum::Timestamp(v) => fixed(tag::TIMESTAMP, &(v ^ i64::MIN).to_be_bytes()),
        Datum::Uuid(v) => fixed(tag::UUID, &v),
        Datum::Json(_) | Datum::Counter(_) => {
            let message = format!("{} cannot be part of a key or an index", value.type_name());
            return Err(Error::invalid("not_a_key_type", message));
        }
    }
    Ok(())
}

fn not_utf8() -> Error {
    Error::corrupt("invalid_key", "text in a key is not valid utf-8")
}

/// Reads one element of a tuple; text and bytes are borrowed unless they hold a zero byte.
///
/// # Errors
/// Kind `corrupt` if the bytes are no element.
pub fn read_value<'a>(input: &mut Reader<'a>) -> Result<Cell<'a>> {
    Ok(match input.u8()? {
        tag::NULL => Datum::Null,
        tag::FALSE => Datum::Boolean(false),
        tag::TRUE => Datum::Boolean(true),
        tag::SMALL_INT => Datum::SmallInt(i16::from_be_bytes(input.array()?) ^ i16::MIN),
        tag::INT => Datum::Int(i32::from_be_bytes(input.array()?) ^ i32::MIN),
        tag::BIG_INT => Datum::BigInt(i64::from_be_bytes(input.array()?) ^ i64::MIN),
        tag::REAL => Datum::Real(unsortable_f32(u32::from_be_bytes(input.array()?))),
        tag::DOUBLE => Datum::Double(unsortable_f64(u64::from_be_bytes(input.array()?))),
        tag::DECIMAL => {
            let scale = input.u8()?;
            Datum::Decimal { unscaled: i128::from_be_bytes(input.array()?) ^ i128::MIN, scale }
        }
        tag::TEXT => Datum::Text(match read_escaped(input)? {
            Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| not_utf8())?),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).map_err(|_| not_utf8())?),
        }),
        tag::BYTES => Datum::Bytes(read_escaped(input)?),
        tag::DATE => Datum::Date(i32::from_be_bytes(input.array()?) ^ i32::MIN),
        tag::TIME => Datum::Time(i64::from_be_bytes(input.array()?) ^ i64::MIN),
        tag::TIMESTAMP => Datum::Timestamp(i64::from_be_bytes(input.array()?) ^ i64::MIN),
        tag::UUID => Datum::Uuid(input.array()?),
        other => return Err(Error::corrupt("invalid_key", format!("unknown tag {other:#04x} in a key"))),
    })
}

/// The bytes of a whole tuple.
///
/// ```
/// use kalamdb_core::{key, Value};
/// let a = key::tuple([Value::text("a"), Value::Int(-1)].iter())?;
/// let b = key::tuple([Value::text("a"), Value::Int(1)].iter())?;
/// assert!(a < b);
/// # Ok::<(), kalamdb_core::Error>(())
/// ```
///
/// # Errors
/// Kind `invalid` for values that cannot be part of a key, `quota` for more than [`KEY_BYTES_MAX`] bytes.
pub fn tuple<'a>(values: impl Iterator<Item = &'a Value>) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(32);
    for value in values {
        write_value(&mut out, value)?;
    }
    check_length(&out)?;
    Ok(out)
}

/// The code of the error for a key that is too long.
pub const KEY_TOO_LONG: &str = "key_too_long";

/// Refuses keys that are too long.
///
/// # Errors
/// Kind `quota` for more than [`KEY_BYTES_MAX`] bytes.
pub fn check_length(key: &[u8]) -> Result<()> {
    if key.len() <= KEY_BYTES_MAX {
        return Ok(());
    }
    let message = format!("a key of {} bytes: at most {KEY_BYTES_MAX} are allowed, shorten its columns", key.len());
    Err(Error::quota(KEY_TOO_LONG, message))
}

/// The elements of a whole tuple.
///
/// # Errors
/// Kind `corrupt` if the bytes are no tuple.
pub fn read_tuple(bytes: &[u8]) -> Result<Vec<Value>> {
    let mut input = Reader::new(bytes);
    let mut values = Vec::new();
    while !input.is_empty() {
        values.push(read_value(&mut input)?.to_owned());
    }
    Ok(values)
}

/// Steps over one element of a tuple.
///
/// # Errors
/// Kind `corrupt` if the bytes are no element.
pub fn skip_value(input: &mut Reader<'_>) -> Result<()> {
    read_value(input).map(drop)
}
