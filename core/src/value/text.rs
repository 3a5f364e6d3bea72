//! Values as people write them: for messages, CSV, JSON and SQL literals.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use super::{Counter, DAY_MICROS, Datum, Type, Value, canonical_f32, canonical_f64};
use crate::{Error, Result};

impl<S: AsRef<str>, B: AsRef<[u8]>> fmt::Display for Datum<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Datum::Null => f.write_str("NULL"),
            Datum::Boolean(v) => v.fmt(f),
            Datum::SmallInt(v) => v.fmt(f),
            Datum::Int(v) => v.fmt(f),
            Datum::BigInt(v) => v.fmt(f),
            Datum::Real(v) => v.fmt(f),
            Datum::Double(v) => v.fmt(f),
            Datum::Decimal { unscaled, scale } => f.write_str(&show_decimal(*unscaled, *scale)),
            Datum::Text(v) | Datum::Json(v) => f.write_str(v.as_ref()),
            Datum::Bytes(v) => {
                f.write_str("\\x")?;
                v.as_ref().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Datum::Date(days) => match date(*days) {
                Some(date) => write!(f, "{date}"),
                None => write!(f, "day {days}"),
            },
            Datum::Time(micros) => match time(*micros) {
                Some(time) => write!(f, "{time}"),
                None => write!(f, "{micros} µs"),
            },
            Datum::Timestamp(micros) => match DateTime::from_timestamp_micros(*micros) {
                Some(stamp) => write!(f, "{}", stamp.naive_utc().format("%Y-%m-%dT%H:%M:%S%.fZ")),
                None => write!(f, "{micros} µs"),
            },
            Datum::Uuid(v) => show_uuid(v, f),
            Datum::Counter(v) => v.value().fmt(f),
        }
    }
}

fn show_uuid(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

fn show_decimal(unscaled: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn epoch_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(1970, 1, 1).expect("1970-01-01 is a date")
}

fn date(days: i32) -> Option<NaiveDate> {
    epoch_day().checked_add_signed(chrono::TimeDelta::try_days(days.into())?)
}

fn time(micros: i64) -> Option<NaiveTime> {
    let seconds = u32::try_from(micros.div_euclid(1_000_000)).ok()?;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, micros.rem_euclid(1_000_000) as u32 * 1000)
}

impl Value {
    /// The value of type `ty` that `text` writes.
    ///
    /// ```
    /// use kalamdb_core::{Type, Value};
    /// assert_eq!(Value::parse(Type::Decimal { precision: 6, scale: 2 }, "-1.5")?.to_string(), "-1.50");
    /// assert!(Value::parse(Type::SmallInt, "70000").is_err());
    /// # Ok::<(), kalamdb_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Kind `invalid` if it writes none.
    pub fn parse(ty: Type, text: &str) -> Result<Value> {
        let trimmed = text.trim();
        let value = match ty {
            Type::Boolean => match trimmed.to_ascii_lowercase().as_str() {
                "true" | "t" | "1" => Some(Datum::Boolean(true)),
                "false" | "f" | "0" => Some(Datum::Boolean(false)),
                _ => None,
            },
            Type::SmallInt => trimmed.parse().ok().map(Datum::SmallInt),
            Type::Int => trimmed.parse().ok().map(Datum::Int),
            Type::BigInt => trimmed.parse().ok().map(Datum::BigInt),
            Type::Counter => trimmed.parse().ok().map(|value| Datum::Counter(Counter::of(value))),
            Type::Real => trimmed.parse().ok().map(|value| Datum::Real(canonical_f32(value))),
            Type::Double => trimmed.parse().ok().map(|value| Datum::Double(canonical_f64(value))),
            Type::Decimal { precision, scale } => parse_decimal(trimmed, precision, scale),
            Type::Text => Some(Datum::Text(text.to_string())),
            Type::Json => Some(Datum::Json(text.to_string())),
            Type::Bytes => parse_hex(trimmed.strip_prefix("\\x").unwrap_or(trimmed)).map(Datum::Bytes),
            Type::Date => parse_date(trimmed).map(Datum::Date),
            Type::Time => parse_time(trimmed).map(Datum::Time),
            Type::Timestamp => parse_timestamp(trimmed).map(Datum::Timestamp),
            Type::Uuid => {
                let hex: String = trimmed.chars().filter(|c| *c != '-').collect();
                parse_hex(&hex).and_then(|bytes| bytes.try_into().ok()).map(Datum::Uuid)
            }
            Type::Document => None,
        };
        value.filter(|value| value.fits(ty)).ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            Error::invalid("invalid_value", format!("{shown:?} is not a valid {ty}"))
        })
    }

    /// The same number, text or time as a value of type `ty`, if nothing is lost.
    pub fn convert(&self, ty: Type) -> Option<Value> {
        if self.fits(ty) {
            return Some(self.clone());
        }
        let integer = match self {
            Datum::SmallInt(v) => Some(i64::from(*v)),
            Datum::Int(v) => Some(i64::from(*v)),
            Datum::BigInt(v) => Some(*v),
            Datum::Counter(v) => Some(v.value()),
            Datum::Double(v) if v.fract() == 0.0 && v.abs() < 9.0e15 => Some(*v as i64),
            Datum::Decimal { unscaled, scale } => {
                let unit = 10i128.pow((*scale).into());
                (unscaled % unit == 0).then(|| i64::try_from(unscaled / unit).ok()).flatten()
            }
            _ => None,
        };
        let value = match (self, ty) {
            (_, Type::SmallInt) => Datum::SmallInt(integer?.try_into().ok()?),
            (_, Type::Int) => Datum::Int(integer?.try_into().ok()?),
            (_, Type::BigInt) => Datum::BigInt(integer?),
            (_, Type::Counter) => Datum::Counter(Counter::of(integer?)),
            (Datum::Double(v), Type::Real) => {
                let narrow = *v as f32;
                if f64::from(narrow) != *v && !v.is_nan() {
                    return None;
                }
                Datum::Real(canonical_f32(narrow))
            }
            (Datum::Real(v), Type::Double) => Datum::Double((*v).into()),
            (Datum::Decimal { unscaled, scale }, Type::Double) => {
                Datum::Double(show_decimal(*unscaled, *scale).parse().ok()?)
            }
            (Datum::Decimal { unscaled, scale }, Type::Real) => {
                Datum::Real(show_decimal(*unscaled, *scale).parse().ok()?)
            }
            (_, Type::Double) => exact_double(integer?).map(Datum::Double)?,
            (_, Type::Real) => {
                let wide = integer?;
                let narrow = wide as f32;
                (narrow as i64 == wide && wide.abs() < 1 << 24).then_some(Datum::Real(narrow))?
            }
            (Datum::Decimal { unscaled, scale }, Type::Decimal { precision, scale: wanted }) => {
                rescale(*unscaled, *scale, precision, wanted)?
            }
            (_, Type::Decimal { precision, scale }) => rescale(integer?.into(), 0, precision, scale)?,
            (Datum::Text(text), Type::Json | Type::Uuid | Type::Date | Type::Time | Type::Timestamp) => {
                Value::parse(ty, text).ok()?
            }
            (Datum::Json(text), Type::Text) => Datum::Text(text.clone()),
            (Datum::Date(days), Type::Timestamp) => Datum::Timestamp(i64::from(*days).checked_mul(DAY_MICROS)?),
            _ => return None,
        };
        value.fits(ty).then_some(value)
    }
}

fn exact_double(integer: i64) -> Option<f64> {
    let double = integer as f64;
    (integer.unsigned_abs() <= 1 << 53).then_some(double)
}

fn rescale(unscaled: i128, scale: u8, precision: u8, wanted: u8) -> Option<Value> {
    let unscaled = if wanted >= scale {
        unscaled.checked_mul(10i128.checked_pow((wanted - scale).into())?)?
    } else {
        let unit = 10i128.pow((scale - wanted).into());
        if unscaled % unit != 0 {
            return None;
        }
        unscaled / unit
    };
    let value = Datum::Decimal { unscaled, scale: wanted };
    value.fits(Type::Decimal { precision, scale: wanted }).then_some(value)
}

fn parse_decimal(text: &str, precision: u8, scale: u8) -> Option<Value> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = !(whole.is_empty() && fraction.is_empty());
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || !is_number(whole) || !is_number(fraction) || fraction.len() > 38 || whole.len() > 38 {
        return None;
    }
    let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
    rescale(if negative { -unscaled } else { unscaled }, fraction.len() as u8, precision, scale)
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

fn parse_date(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    i32::try_from(date.signed_duration_since(epoch_day()).num_days()).ok()
}

fn parse_time(text: &str) -> Option<i64> {
    let time = ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())?;
    Some(i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() % 1_000_000_000 / 1000))
}

fn parse_timestamp(text: &str) -> Option<i64> {
    if let Ok(stamp) = DateTime::parse_from_rfc3339(text) {
        return Some(stamp.timestamp_micros());
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let parsed = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    match parsed {
        Some(stamp) => Some(stamp.and_utc().timestamp_micros()),
        None => i64::from(parse_date(text)?).checked_mul(DAY_MICROS),
    }
}
