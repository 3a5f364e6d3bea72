//! Column types in Arrow.
//!
//! UUID travels as its canonical text, so that text functions, LIKE and comparisons with literals work and sort as
//! the bytes do; JSON as text; COUNTER as BIGINT; TIMESTAMP as microseconds in UTC. Fields of UUID and JSON columns
//! carry their type as metadata, by which results of plain columns get it back.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::planner::TypePlanner;
use kalamdb_core::Type;
use sqlparser::ast;

use super::TYPE_KEY;
use crate::types::sql_type;

/// UTC as Arrow reads it without a time zone database.
pub const UTC: &str = "+00:00";

/// Arrow's type for a column.
pub fn arrow_type(ty: Type) -> DataType {
    match ty {
        Type::Boolean => DataType::Boolean,
        Type::SmallInt => DataType::Int16,
        Type::Int => DataType::Int32,
        Type::BigInt | Type::Counter => DataType::Int64,
        Type::Real => DataType::Float32,
        Type::Double => DataType::Float64,
        Type::Decimal { precision, scale } => DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(i8::MAX)),
        Type::Text | Type::Uuid | Type::Json | Type::Document => DataType::Utf8,
        Type::Bytes => DataType::Binary,
        Type::Date => DataType::Date32,
        Type::Time => DataType::Time64(TimeUnit::Microsecond),
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
    }
}

/// The field of a column.
pub fn arrow_field(name: &str, ty: Type, nullable: bool) -> Field {
    let field = Field::new(name, arrow_type(ty), nullable);
    match marker(ty) {
        Some(marker) => field.with_metadata(HashMap::from([(TYPE_KEY.to_string(), marker.to_string())])),
        None => field,
    }
}

/// Whether Arrow knows values of the type as text only.
pub fn is_kept_as_text(ty: Type) -> bool {
    marker(ty).is_some()
}

fn marker(ty: Type) -> Option<&'static str> {
    match ty {
        Type::Uuid => Some("UUID"),
        Type::Json => Some("JSON"),
        _ => None,
    }
}

/// The type of what a field holds; `None`: it has none here and reads as TEXT.
pub fn kalam_type(field: &Field) -> Option<Type> {
    let is_marked = |wanted: &str| field.metadata().get(TYPE_KEY).is_some_and(|marker| marker == wanted);
    Some(match field.data_type() {
        DataType::Null => Type::Text,
        DataType::Boolean => Type::Boolean,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Type::SmallInt,
        DataType::Int32 | DataType::UInt16 => Type::Int,
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Type::BigInt,
        DataType::Float16 | DataType::Float32 => Type::Real,
        DataType::Float64 => Type::Double,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => {
            Type::Decimal { precision: *precision, scale: u8::try_from(*scale).ok()? }
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            if is_marked("UUID") {
                Type::Uuid
            } else if is_marked("JSON") {
                Type::Json
            } else {
                Type::Text
            }
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Type::Bytes,
        DataType::Date32 | DataType::Date64 => Type::Date,
        DataType::Time32(_) | DataType::Time64(_) => Type::Time,
        DataType::Timestamp(..) => Type::Timestamp,
        _ => return None,
    })
}

/// Type names in CAST and typed literals mean what they mean in DDL.
#[derive(Debug)]
pub struct SqlTypes;

impl TypePlanner for SqlTypes {
    fn plan_type_field(&self, ty: &ast::DataType) -> DfResult<Option<FieldRef>> {
        Ok(sql_type(ty).ok().map(|ty| Arc::new(arrow_field("", ty, true))))
    }
}
