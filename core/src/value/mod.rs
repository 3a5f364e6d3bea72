//! Column types and values.

mod from;
mod text;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use crate::codec::{Reader, Writer};
use crate::{Error, Result};

/// Largest precision of a DECIMAL.
pub const DECIMAL_PRECISION_MAX: u8 = 38;
/// Microseconds of a day; a TIME is smaller.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `true` or `false`.
    Boolean,
    /// 16-bit integer.
    SmallInt,
    /// 32-bit integer.
    Int,
    /// 64-bit integer.
    BigInt,
    /// 32-bit float; −0 is stored as 0, NaN as one NaN that sorts last.
    Real,
    /// 64-bit float, stored as `Real` is.
    Double,
    /// Decimal number with `precision` digits, `scale` of them behind the point.
    Decimal {
        /// Digits in all, 1–38.
        precision: u8,
        /// Digits behind the point, at most `precision`.
        scale: u8,
    },
    /// UTF-8 text, compared by bytes.
    Text,
    /// Bytes.
    Bytes,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 1970-01-01, UTC.
    Timestamp,
    /// A 128-bit UUID.
    Uuid,
    /// Valid JSON, kept as the text it was given as.
    Json,
    /// A counter: concurrent additions add up.
    Counter,
    /// A document that merges; reserved, refused until documents come.
    Document,
}

impl Type {
    /// Whether values of the type may be part of a key or an index.
    pub fn is_key_type(self) -> bool {
        !matches!(self, Type::Json | Type::Counter | Type::Document)
    }

    /// The number of the type in stored and sent forms.
    pub fn number(self) -> u8 {
        match self {
            Type::Boolean => 1,
            Type::SmallInt => 2,
            Type::Int => 3,
            Type::BigInt => 4,
            Type::Real => 5,
            Type::Double => 6,
            Type::Decimal { .. } => 7,
            Type::Text => 8,
            Type::Bytes => 9,
            Type::Date => 10,
            Type::Time => 11,
            Type::Timestamp => 12,
            Type::Uuid => 13,
            Type::Json => 14,
            Type::Counter => 15,
            Type::Document => 16,
        }
    }

    /// Appends the type's form in the catalog.
    pub fn write(self, out: &mut Writer) {
        out.u8(self.number());
        if let Type::Decimal { precision, scale } = self {
            out.u8(precision);
            out.u8(scale);
        }
    }

    /// Reads what [`Type::write`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` for an unknown number.
    pub fn read(input: &mut Reader<'_>) -> Result<Type> {
        Ok(match input.u8()? {
            1 => Type::Boolean,
            2 => Type::SmallInt,
            3 => Type::Int,
            4 => Type::BigInt,
            5 => Type::Real,
            6 => Type::Double,
            7 => decimal(input.u8()?, input.u8()?)?,
            8 => Type::Text,
            9 => Type::Bytes,
            10 => Type::Date,
            11 => Type::Time,
            12 => Type::Timestamp,
            13 => Type::Uuid,
            14 => Type::Json,
            15 => Type::Counter,
            16 => Type::Document,
            other => return Err(Error::corrupt("unknown_type", format!("unknown column type {other}"))),
        })
    }
}

fn decimal(precision: u8, scale: u8) -> Result<Type> {
    if (1..=DECIMAL_PRECISION_MAX).contains(&precision) && scale <= precision {
        return Ok(Type::Decimal { precision, scale });
    }
    Err(Error::corrupt("invalid_type", format!("a column of type DECIMAL({precision},{scale})")))
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Type::Boolean => "BOOLEAN",
            Type::SmallInt => "SMALLINT",
            Type::Int => "INT",
            Type::BigInt => "BIGINT",
            Type::Real => "REAL",
            Type::Double => "DOUBLE",
            Type::Decimal { precision, scale } => return write!(f, "DECIMAL({precision},{scale})"),
            Type::Text => "TEXT",
            Type::Bytes => "BYTES",
            Type::Date => "DATE",
            Type::Time => "TIME",
            Type::Timestamp => "TIMESTAMP",
            Type::Uuid => "UUID",
            Type::Json => "JSON",
            Type::Counter => "COUNTER",
            Type::Document => "DOCUMENT",
        };
        f.write_str(name)
    }
}

/// The state of a counter: what was assigned last and what was added since. Its value is their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Set by the last assignment that won.
    pub base: i64,
    /// Added since.
    pub added: i64,
}

impl Counter {
    /// A counter that was assigned `value`.
    pub fn of(value: i64) -> Counter {
        Counter { base: value, added: 0 }
    }

    /// The value.
    pub fn value(self) -> i64 {
        self.base.saturating_add(self.added)
    }

    /// The counter after an addition; `None` if sum or value overflow 64 bits.
    pub fn plus(self, delta: i64) -> Option<Counter> {
        let added = self.added.checked_add(delta)?;
        self.base.checked_add(added)?;
        Some(Counter { base: self.base, added })
    }
}

/// A value of a column. `S` and `B` are text and bytes: owned in [`Value`], borrowed in [`ValueRef`].
#[derive(Clone, Copy, Debug)]
pub enum Datum<S, B> {
    /// No value.
    Null,
    /// A BOOLEAN.
    Boolean(bool),
    /// A SMALLINT.
    SmallInt(i16),
    /// An INT.
    Int(i32),
    /// A BIGINT.
    BigInt(i64),
    /// A REAL.
    Real(f32),
    /// A DOUBLE.
    Double(f64),
    /// A DECIMAL: `unscaled` divided by ten to the power of `scale`.
    Decimal {
        /// All digits.
        unscaled: i128,
        /// Digits behind the point.
        scale: u8,
    },
    /// A TEXT.
    Text(S),
    /// BYTES.
    Bytes(B),
    /// A DATE: days since 1970-01-01.
    Date(i32),
    /// A TIME: microseconds since midnight.
    Time(i64),
    /// A TIMESTAMP: microseconds since 1970-01-01, UTC.
    Timestamp(i64),
    /// A UUID.
    Uuid([u8; 16]),
    /// JSON text.
    Json(S),
    /// A COUNTER.
    Counter(Counter),
}

/// An owned value.
pub type Value = Datum<String, Vec<u8>>;
/// A value that borrows its text or bytes from a row.
pub type ValueRef<'a> = Datum<&'a str, &'a [u8]>;
/// A value read from a row or key, which borrows where it can.
pub type Cell<'a> = Datum<Cow<'a, str>, Cow<'a, [u8]>>;

mod tag {
    pub const NULL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const SMALL_INT: u8 = 3;
    pub const INT: u8 = 4;
    pub const BIG_INT: u8 = 5;
    pub const REAL: u8 = 6;
    pub const DOUBLE: u8 = 7;
    pub const DECIMAL: u8 = 8;
    pub const TEXT: u8 = 9;
    pub const BYTES: u8 = 10;
    pub const DATE: u8 = 11;
    pub const TIME: u8 = 12;
    pub const TIMESTAMP: u8 = 13;
    pub const UUID: u8 = 14;
    pub const JSON: u8 = 15;
    pub const COUNTER: u8 = 16;
}

impl Value {
    /// A TEXT value.
    pub fn text(text: impl Into<String>) -> Value {
        Datum::Text(text.into())
    }
}

impl<S: AsRef<str>, B: AsRef<[u8]>> Datum<S, B> {
    /// The value with its text or bytes borrowed.
    pub fn borrow(&self) -> ValueRef<'_> {
        match self {
            Datum::Null => Datum::Null,
            Datum::Boolean(v) => Datum::Boolean(*v),
            Datum::SmallInt(v) => Datum::SmallInt(*v),
            Datum::Int(v) => Datum::Int(*v),
            Datum::BigInt(v) => Datum::BigInt(*v),
            Datum::Real(v) => Datum::Real(*v),
            Datum::Double(v) => Datum::Double(*v),
            Datum::Decimal { unscaled, scale } => Datum::Decimal { unscaled: *unscaled, scale: *scale },
            Datum::Text(v) => Datum::Text(v.as_ref()),
            Datum::Bytes(v) => Datum::Bytes(v.as_ref()),
            Datum::Date(v) => Datum::Date(*v),
            Datum::Time(v) => Datum::Time(*v),
            Datum::Timestamp(v) => Datum::Timestamp(*v),
            Datum::Uuid(v) => Datum::Uuid(*v),
            Datum::Json(v) => Datum::Json(v.as_ref()),
            Datum::Counter(v) => Datum::Counter(*v),
        }
    }

    /// The value with text and bytes of its own.
    pub fn to_owned(&self) -> Value {
        match self.borrow() {
            Datum::Null => Datum::Null,
            Datum::Boolean(v) => Datum::Boolean(v),
            Datum::SmallInt(v) => Datum::SmallInt(v),
            Datum::Int(v) => Datum::Int(v),
            Datum::BigInt(v) => Datum::BigInt(v),
            Datum::Real(v) => Datum::Real(v),
            Datum::Double(v) => Datum::Double(v),
            Datum::Decimal { unscaled, scale } => Datum::Decimal { unscaled, scale },
            Datum::Text(v) => Datum::Text(v.to_string()),
            Datum::Bytes(v) => Datum::Bytes(v.to_vec()),
            Datum::Date(v) => Datum::Date(v),
            Datum::Time(v) => Datum::Time(v),
            Datum::Timestamp(v) => Datum::Timestamp(v),
            Datum::Uuid(v) => Datum::Uuid(v),
            Datum::Json(v) => Datum::Json(v.to_string()),
            Datum::Counter(v) => Datum::Counter(v),
        }
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Datum::Null)
    }

    /// Whether a column of type `ty` can hold the value.
    pub fn fits(&self, ty: Type) -> bool {
        match (self, ty) {
            (Datum::Null, _)
            | (Datum::Boolean(_), Type::Boolean)
            | (Datum::SmallInt(_), Type::SmallInt)
            | (Datum::Int(_), Type::Int)
            | (Datum::BigInt(_), Type::BigInt)
            | (Datum::Real(_), Type::Real)
            | (Datum::Double(_), Type::Double)
            | (Datum::Text(_), Type::Text)
            | (Datum::Bytes(_), Type::Bytes)
            | (Datum::Date(_), Type::Date)
            | (Datum::Timestamp(_), Type::Timestamp)
            | (Datum::Uuid(_), Type::Uuid)
            | (Datum::Counter(_), Type::Counter) => true,
            (Datum::Time(micros), Type::Time) => (0..DAY_MICROS).contains(micros),
            (Datum::Decimal { unscaled, scale }, Type::Decimal { precision, scale: wanted }) => {
                *scale == wanted && unscaled.unsigned_abs() < 10u128.pow(u32::from(precision))
            }
            (Datum::Json(text), Type::Json) => serde_json::from_str::<serde::de::IgnoredAny>(text.as_ref()).is_ok(),
            _ => false,
        }
    }

    /// The name of the value's type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Datum::Null => "NULL",
            Datum::Boolean(_) => "BOOLEAN",
            Datum::SmallInt(_) => "SMALLINT",
            Datum::Int(_) => "INT",
            Datum::BigInt(_) => "BIGINT",
            Datum::Real(_) => "REAL",
            Datum::Double(_) => "DOUBLE",
            Datum::Decimal { .. } => "DECIMAL",
            Datum::Text(_) => "TEXT",
            Datum::Bytes(_) => "BYTES",
            Datum::Date(_) => "DATE",
            Datum::Time(_) => "TIME",
            Datum::Timestamp(_) => "TIMESTAMP",
            Datum::Uuid(_) => "UUID",
            Datum::Json(_) => "JSON",
            Datum::Counter(_) => "COUNTER",
        }
    }

    /// Appends a tag byte and the value; docs/format.md lists the forms.
    pub fn write(&self, out: &mut Writer) {
        match self.borrow() {
            Datum::Null => out.u8(tag::NULL),
            Datum::Boolean(false) => out.u8(tag::FALSE),
            Datum::Boolean(true) => out.u8(tag::TRUE),
            Datum::SmallInt(v) => tagged(out, tag::SMALL_INT).zigzag(v.into()),
            Datum::Int(v) => tagged(out, tag::INT).zigzag(v.into()),
            Datum::BigInt(v) => tagged(out, tag::BIG_INT).zigzag(v),
            Datum::Real(v) => tagged(out, tag::REAL).raw(&canonical_f32(v).to_le_bytes()),
            Datum::Double(v) => tagged(out, tag::DOUBLE).raw(&canonical_f64(v).to_le_bytes()),
            Datum::Decimal { unscaled, scale } => {
                let out = tagged(out, tag::DECIMAL);
                out.u8(scale);
                out.raw(&unscaled.to_le_bytes());
            }
            Datum::Text(v) => tagged(out, tag::TEXT).text(v),
            Datum::Bytes(v) => tagged(out, tag::BYTES).bytes(v),
            Datum::Date(v) => tagged(out, tag::DATE).zigzag(v.into()),
            Datum::Time(v) => tagged(out, tag::TIME).zigzag(v),
            Datum::Timestamp(v) => tagged(out, tag::TIMESTAMP).raw(&v.to_le_bytes()),
            Datum::Uuid(v) => tagged(out, tag::UUID).raw(&v),
            Datum::Json(v) => tagged(out, tag::JSON).text(v),
            Datum::Counter(Counter { base, added }) => {
                let out = tagged(out, tag::COUNTER);
                out.zigzag(base);
                out.zigzag(added);
            }
        }
    }
}

fn tagged(out: &mut Writer, tag: u8) -> &mut Writer {
    out.u8(tag);
    out
}

impl<'a> ValueRef<'a> {
    /// The same value as a cell that borrows.
    pub fn into_cell(self) -> Cell<'a> {
        match self {
            Datum::Text(v) => Datum::Text(Cow::Borrowed(v)),
            Datum::Bytes(v) => Datum::Bytes(Cow::Borrowed(v)),
            Datum::Json(v) => Datum::Json(Cow::Borrowed(v)),
            Datum::Null => Datum::Null,
            Datum::Boolean(v) => Datum::Boolean(v),
            Datum::SmallInt(v) => Datum::SmallInt(v),
            Datum::Int(v) => Datum::Int(v),
            Datum::BigInt(v) => Datum::BigInt(v),
            Datum::Real(v) => Datum::Real(v),
            Datum::Double(v) => Datum::Double(v),
            Datum::Decimal { unscaled, scale } => Datum::Decimal { unscaled, scale },
            Datum::Date(v) => Datum::Date(v),
            Datum::Time(v) => Datum::Time(v),
            Datum::Timestamp(v) => Datum::Timestamp(v),
            Datum::Uuid(v) => Datum::Uuid(v),
            Datum::Counter(v) => Datum::Counter(v),
        }
    }

    /// Reads what [`Datum::write`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no value.
    #[inline]
    pub fn read(input: &mut Reader<'a>) -> Result<ValueRef<'a>> {
        Ok(match input.u8()? {
            tag::NULL => Datum::Null,
            tag::FALSE => Datum::Boolean(false),
            tag::TRUE => Datum::Boolean(true),
            tag::SMALL_INT => Datum::SmallInt(i16::try_from(input.zigzag()?).map_err(out_of_range)?),
            tag::INT => Datum::Int(i32::try_from(input.zigzag()?).map_err(out_of_range)?),
            tag::BIG_INT => Datum::BigInt(input.zigzag()?),
            tag::REAL => Datum::Real(canonical_f32(f32::from_le_bytes(input.array()?))),
            tag::DOUBLE => Datum::Double(canonical_f64(f64::from_le_bytes(input.array()?))),
            tag::DECIMAL => {
                let scale = input.u8()?;
                if scale > DECIMAL_PRECISION_MAX {
                    return Err(Error::corrupt(
                        "invalid_scale",
                        format!("a decimal with {scale} digits behind the point"),
                    ));
                }
                Datum::Decimal { unscaled: i128::from_le_bytes(input.array()?), scale }
            }
            tag::TEXT => Datum::Text(input.text()?),
            tag::BYTES => Datum::Bytes(input.bytes()?),
            tag::DATE => Datum::Date(i32::try_from(input.zigzag()?).map_err(out_of_range)?),
            tag::TIME => Datum::Time(input.zigzag()?),
            tag::TIMESTAMP => Datum::Timestamp(i64::from_le_bytes(input.array()?)),
            tag::UUID => Datum::Uuid(input.array()?),
            tag::JSON => Datum::Json(input.text()?),
            tag::COUNTER => {
                let counter = Counter { base: input.zigzag()?, added: input.zigzag()? };
                if counter.base.checked_add(counter.added).is_none() {
                    return Err(Error::corrupt("counter_overflow", "a counter's value does not fit 64 bits"));
                }
                Datum::Counter(counter)
            }
            other => return Err(Error::corrupt("unknown_value", format!("unknown value tag {other}"))),
        })
    }

    /// Steps over a value without looking at its content.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no value.
    #[inline]
    pub fn skip(input: &mut Reader<'a>) -> Result<()> {
        match input.u8()? {
            tag::NULL | tag::FALSE | tag::TRUE => {}
            tag::SMALL_INT | tag::INT | tag::BIG_INT | tag::DATE | tag::TIME => {
                input.varint()?;
            }
            tag::REAL => {
                input.raw(4)?;
            }
            tag::DOUBLE | tag::TIMESTAMP => {
                input.raw(8)?;
            }
            tag::DECIMAL => {
                input.raw(17)?;
            }
            tag::UUID => {
                input.raw(16)?;
            }
            tag::TEXT | tag::BYTES | tag::JSON => {
                input.bytes()?;
            }
            tag::COUNTER => {
                input.varint()?;
                input.varint()?;
            }
            other => return Err(Error::corrupt("unknown_value", format!("unknown value tag {other}"))),
        }
        Ok(())
    }
}

fn out_of_range(_: std::num::TryFromIntError) -> Error {
    Error::corrupt("value_out_of_range", "an integer does not fit its type")
}

/// −0 becomes 0 and every NaN the one quiet NaN.
pub fn canonical_f32(value: f32) -> f32 {
    if value.is_nan() { f32::NAN } else { value + 0.0 }
}

/// −0 becomes 0 and every NaN the one quiet NaN.
pub fn canonical_f64(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value + 0.0 }
}

fn float_order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl<S: AsRef<str>, B: AsRef<[u8]>> Datum<S, B> {
    /// The order within one type, NULL last and NaN last but for NULL, as keys and indexes sort;
    /// values of different types compare by type.
    pub fn order<S2: AsRef<str>, B2: AsRef<[u8]>>(&self, other: &Datum<S2, B2>) -> Ordering {
        match (self, other) {
            (Datum::Boolean(a), Datum::Boolean(b)) => a.cmp(b),
            (Datum::SmallInt(a), Datum::SmallInt(b)) => a.cmp(b),
            (Datum::Int(a), Datum::Int(b)) => a.cmp(b),
            (Datum::BigInt(a), Datum::BigInt(b)) => a.cmp(b),
            (Datum::Real(a), Datum::Real(b)) => float_order((*a).into(), (*b).into()),
            (Datum::Double(a), Datum::Double(b)) => float_order(*a, *b),
            (Datum::Decimal { unscaled: a, scale: x }, Datum::Decimal { unscaled: b, scale: y }) => (x, a).cmp(&(y, b)),
            (Datum::Text(a), Datum::Text(b)) | (Datum::Json(a), Datum::Json(b)) => a.as_ref().cmp(b.as_ref()),
            (Datum::Bytes(a), Datum::Bytes(b)) => a.as_ref().cmp(b.as_ref()),
            (Datum::Date(a), Datum::Date(b)) => a.cmp(b),
            (Datum::Time(a), Datum::Time(b)) | (Datum::Timestamp(a), Datum::Timestamp(b)) => a.cmp(b),
            (Datum::Uuid(a), Datum::Uuid(b)) => a.cmp(b),
            (Datum::Counter(a), Datum::Counter(b)) => a.value().cmp(&b.value()),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Datum::Boolean(_) => 1,
            Datum::SmallInt(_) => 2,
            Datum::Int(_) => 3,
            Datum::BigInt(_) => 4,
            Datum::Real(_) => 5,
            Datum::Double(_) => 6,
            Datum::Decimal { .. } => 7,
            Datum::Text(_) => 8,
            Datum::Bytes(_) => 9,
            Datum::Date(_) => 10,
            Datum::Time(_) => 11,
            Datum::Timestamp(_) => 12,
            Datum::Uuid(_) => 13,
            Datum::Json(_) => 14,
            Datum::Counter(_) => 15,
            Datum::Null => u8::MAX,
        }
    }
}

impl<S: AsRef<str>, B: AsRef<[u8]>> PartialEq for Datum<S, B> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Datum::Counter(a), Datum::Counter(b)) => a == b,
            _ => self.order(other).is_eq(),
        }
    }
}

impl<S: AsRef<str>, B: AsRef<[u8]>> Eq for Datum<S, B> {}
