//! Type names of SQL and the types that they mean.

use kalamdb_core::value::DECIMAL_PRECISION_MAX;
use kalamdb_core::{Result, Type};
use sqlparser::ast::{DataType, ExactNumberInfo, TimezoneInfo};

use crate::parse::unsupported;

/// Digits of a DECIMAL that names none, as `DECIMAL(38,10)`.
const DECIMAL_DEFAULT: (u8, u8) = (DECIMAL_PRECISION_MAX, 10);

/// The type that a name in DDL or CAST means.
///
/// # Errors
/// Kind `invalid` for types that KalamDB does not have.
pub fn sql_type(ty: &DataType) -> Result<Type> {
    Ok(match ty {
        DataType::Boolean | DataType::Bool => Type::Boolean,
        DataType::SmallInt(None) | DataType::Int2(None) | DataType::Int16 => Type::SmallInt,
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) | DataType::Int32 => Type::Int,
        DataType::BigInt(None) | DataType::Int8(None) | DataType::Int64 => Type::BigInt,
        DataType::Real | DataType::Float4 | DataType::Float32 => Type::Real,
        DataType::Double(ExactNumberInfo::None)
        | DataType::DoublePrecision
        | DataType::Float8
        | DataType::Float64
        | DataType::Float(ExactNumberInfo::None) => Type::Double,
        DataType::Decimal(info) | DataType::Numeric(info) | DataType::Dec(info) => decimal(ty, info)?,
        DataType::Text | DataType::String(None) | DataType::Varchar(None) | DataType::CharacterVarying(None) => {
            Type::Text
        }
        DataType::Bytes(None)
        | DataType::Bytea
        | DataType::Blob(None)
        | DataType::Binary(None)
        | DataType::Varbinary(None) => Type::Bytes,
        DataType::Date | DataType::Date32 => Type::Date,
        DataType::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Type::Time,
        DataType::Timestamp(None | Some(6), _) => Type::Timestamp,
        DataType::Uuid => Type::Uuid,
        DataType::JSON | DataType::JSONB => Type::Json,
        DataType::Custom(name, arguments) if arguments.is_empty() => named(ty, &name.to_string())?,
        _ => return Err(unknown(ty)),
    })
}

fn named(ty: &DataType, name: &str) -> Result<Type> {
    match name.to_ascii_uppercase().as_str() {
        "COUNTER" => Ok(Type::Counter),
        "DOCUMENT" => Ok(Type::Document),
        "BYTES" => Ok(Type::Bytes),
        _ => Err(unknown(ty)),
    }
}

fn decimal(ty: &DataType, info: &ExactNumberInfo) -> Result<Type> {
    let (precision, scale) = match *info {
        ExactNumberInfo::None => DECIMAL_DEFAULT,
        ExactNumberInfo::Precision(precision) => (u8::try_from(precision).map_err(|_| unknown(ty))?, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => {
            (u8::try_from(precision).map_err(|_| unknown(ty))?, u8::try_from(scale).map_err(|_| unknown(ty))?)
        }
    };
    if precision == 0 || precision > DECIMAL_PRECISION_MAX || scale > precision {
        return Err(unknown(ty));
    }
    Ok(Type::Decimal { precision, scale })
}

fn unknown(ty: &DataType) -> kalamdb_core::Error {
    unsupported(&format!(
        "type {ty} is not supported: use BOOLEAN, SMALLINT, INT, BIGINT, REAL, DOUBLE, DECIMAL(p,s), TEXT, BYTES, DATE, TIME, \
         TIMESTAMP, UUID, JSON or COUNTER"
    ))
}
