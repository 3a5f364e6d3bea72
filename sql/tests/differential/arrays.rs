//! Core values as Arrow arrays and back.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use kalamdb_core::value::Datum;
use kalamdb_core::{Type, Value};

/// The Arrow type of a column.
pub fn data_type(ty: Type) -> DataType {
    match ty {
        Type::Boolean => DataType::Boolean,
        Type::SmallInt => DataType::Int16,
        Type::Int => DataType::Int32,
        Type::BigInt | Type::Counter => DataType::Int64,
        Type::Real => DataType::Float32,
        Type::Double => DataType::Float64,
        Type::Decimal { precision, scale } => DataType::Decimal128(precision, scale as i8),
        Type::Text | Type::Json | Type::Document => DataType::Utf8,
        Type::Bytes => DataType::Binary,
        Type::Date => DataType::Date32,
        Type::Time => DataType::Time64(TimeUnit::Microsecond),
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::Uuid => DataType::FixedSizeBinary(16),
    }
}

macro_rules! collect {
    ($array:ty, $values:expr, $($pattern:pat => $value:expr),+) => {
        Arc::new($values.iter().map(|value| match value { $($pattern => Some($value),)+ _ => None }).collect::<$array>())
    };
}

/// The array of a column.
pub fn array(ty: Type, values: &[Value]) -> ArrayRef {
    match ty {
        Type::Boolean => collect!(BooleanArray, values, Datum::Boolean(v) => *v),
        Type::SmallInt => collect!(Int16Array, values, Datum::SmallInt(v) => *v),
        Type::Int => collect!(Int32Array, values, Datum::Int(v) => *v),
        Type::BigInt | Type::Counter => {
            collect!(Int64Array, values, Datum::BigInt(v) => *v, Datum::Counter(v) => v.value())
        }
        Type::Real => collect!(Float32Array, values, Datum::Real(v) => *v),
        Type::Double => collect!(Float64Array, values, Datum::Double(v) => *v),
        Type::Decimal { precision, scale } => {
            let array: Decimal128Array = values
                .iter()
                .map(|v| if let Datum::Decimal { unscaled, .. } = v { Some(*unscaled) } else { None })
                .collect();
            Arc::new(array.with_precision_and_scale(precision, scale as i8).expect("a valid decimal type"))
        }
        Type::Text | Type::Json | Type::Document => {
            collect!(StringArray, values, Datum::Text(v) | Datum::Json(v) => v.as_str())
        }
        Type::Bytes => collect!(BinaryArray, values, Datum::Bytes(v) => v.as_slice()),
        Type::Date => collect!(Date32Array, values, Datum::Date(v) => *v),
        Type::Time => collect!(Time64MicrosecondArray, values, Datum::Time(v) => *v),
        Type::Timestamp => {
            let array: TimestampMicrosecondArray =
                values.iter().map(|v| if let Datum::Timestamp(v) = v { Some(*v) } else { None }).collect();
            Arc::new(array.with_timezone("UTC"))
        }
        Type::Uuid => {
            let bytes = values.iter().map(|v| if let Datum::Uuid(v) = v { Some(v.as_slice()) } else { None });
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 16).expect("16 bytes each"))
        }
    }
}

/// The type that a query of a column with this Arrow type has in core; JSON comes back as text.
pub fn core_type(ty: &DataType) -> Type {
    match ty {
        DataType::Boolean => Type::Boolean,
        DataType::Int16 => Type::SmallInt,
        DataType::Int32 => Type::Int,
        DataType::Int64 => Type::BigInt,
        DataType::Float32 => Type::Real,
        DataType::Float64 => Type::Double,
        DataType::Decimal128(precision, scale) => Type::Decimal { precision: *precision, scale: *scale as u8 },
        DataType::Utf8 | DataType::Utf8View => Type::Text,
        DataType::Binary | DataType::BinaryView => Type::Bytes,
        DataType::Date32 => Type::Date,
        DataType::Time64(TimeUnit::Microsecond) => Type::Time,
        DataType::Timestamp(TimeUnit::Microsecond, _) => Type::Timestamp,
        DataType::FixedSizeBinary(16) => Type::Uuid,
        other => panic!("a result column of type {other}"),
    }
}

/// The value at a place of an array.
pub fn value(array: &dyn Array, at: usize) -> Value {
    if array.is_null(at) {
        return Datum::Null;
    }
    macro_rules! of {
        ($array:ty) => {
            array.as_any().downcast_ref::<$array>().expect("the type was matched").value(at)
        };
    }
    match array.data_type() {
        DataType::Boolean => Datum::Boolean(of!(BooleanArray)),
        DataType::Int16 => Datum::SmallInt(of!(Int16Array)),
        DataType::Int32 => Datum::Int(of!(Int32Array)),
        DataType::Int64 => Datum::BigInt(of!(Int64Array)),
        DataType::Float32 => Datum::Real(of!(Float32Array)),
        DataType::Float64 => Datum::Double(of!(Float64Array)),
        DataType::Decimal128(_, scale) => Datum::Decimal { unscaled: of!(Decimal128Array), scale: *scale as u8 },
        DataType::Utf8 => Value::text(of!(StringArray)),
        DataType::Utf8View => Value::text(of!(StringViewArray)),
        DataType::Binary => Datum::Bytes(of!(BinaryArray).to_vec()),
        DataType::BinaryView => Datum::Bytes(of!(BinaryViewArray).to_vec()),
        DataType::Date32 => Datum::Date(of!(Date32Array)),
        DataType::Time64(TimeUnit::Microsecond) => Datum::Time(of!(Time64MicrosecondArray)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Datum::Timestamp(of!(TimestampMicrosecondArray)),
        DataType::FixedSizeBinary(16) => {
            Datum::Uuid(of!(FixedSizeBinaryArray).try_into().expect("the type says 16 bytes"))
        }
        other => panic!("a result column of type {other}"),
    }
}
