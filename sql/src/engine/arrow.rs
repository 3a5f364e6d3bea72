//! Values to Arrow and back.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int16Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, SchemaRef,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use kalamdb_core::value::{Cell, canonical_f32, canonical_f64};
use kalamdb_core::{Datum, Error, Result, Type, Value};

use super::types::{UTC, arrow_type, kalam_type};
use crate::result::ResultColumn;

fn mismatch(ty: Type, found: &str) -> Error {
    Error::internal("wrong_cell", format!("a column of type {ty} holds a cell of type {found}"))
}

/// Collects the cells of one column.
pub struct ColumnBuilder {
    ty: Type,
    kind: Kind,
}

enum Kind {
    Boolean(BooleanBuilder),
    SmallInt(Int16Builder),
    Int(Int32Builder),
    BigInt(Int64Builder),
    Real(Float32Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl ColumnBuilder {
    /// A builder for a column of type `ty`.
    pub fn new(ty: Type, rows: usize) -> ColumnBuilder {
        let kind = match ty {
            Type::Boolean => Kind::Boolean(BooleanBuilder::with_capacity(rows)),
            Type::SmallInt => Kind::SmallInt(Int16Builder::with_capacity(rows)),
            Type::Int => Kind::Int(Int32Builder::with_capacity(rows)),
            Type::BigInt | Type::Counter => Kind::BigInt(Int64Builder::with_capacity(rows)),
            Type::Real => Kind::Real(Float32Builder::with_capacity(rows)),
            Type::Double => Kind::Double(Float64Builder::with_capacity(rows)),
            Type::Decimal { .. } => {
                Kind::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(arrow_type(ty)))
            }
            Type::Text | Type::Uuid | Type::Json | Type::Document => {
                Kind::Text(StringBuilder::with_capacity(rows, rows * 16))
            }
            Type::Bytes => Kind::Bytes(BinaryBuilder::with_capacity(rows, rows * 16)),
            Type::Date => Kind::Date(Date32Builder::with_capacity(rows)),
            Type::Time => Kind::Time(Time64MicrosecondBuilder::with_capacity(rows)),
            Type::Timestamp => Kind::Timestamp(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone(UTC)),
        };
        ColumnBuilder { ty, kind }
    }

    /// Adds a cell.
    ///
    /// # Errors
    /// Kind `internal` if it is of another type.
    pub fn push(&mut self, cell: &Cell<'_>) -> Result<()> {
        match (&mut self.kind, cell) {
            (Kind::Boolean(out), Datum::Boolean(value)) => out.append_value(*value),
            (Kind::SmallInt(out), Datum::SmallInt(value)) => out.append_value(*value),
            (Kind::Int(out), Datum::Int(value)) => out.append_value(*value),
            (Kind::BigInt(out), Datum::BigInt(value)) => out.append_value(*value),
            (Kind::BigInt(out), Datum::Counter(value)) => out.append_value(value.value()),
            (Kind::Real(out), Datum::Real(value)) => out.append_value(*value),
            (Kind::Double(out), Datum::Double(value)) => out.append_value(*value),
            (Kind::Decimal(out), Datum::Decimal { unscaled, .. }) => out.append_value(*unscaled),
            (Kind::Text(out), Datum::Text(value) | Datum::Json(value)) => out.append_value(value),
            (Kind::Text(out), uuid @ Datum::Uuid(_)) => out.append_value(uuid.to_string()),
            (Kind::Bytes(out), Datum::Bytes(value)) => out.append_value(value),
            (Kind::Date(out), Datum::Date(value)) => out.append_value(*value),
            (Kind::Time(out), Datum::Time(value)) => out.append_value(*value),
            (Kind::Timestamp(out), Datum::Timestamp(value)) => out.append_value(*value),
            (_, Datum::Null) => self.push_null(),
            (_, other) => return Err(mismatch(self.ty, other.type_name())),
        }
        Ok(())
    }

    fn push_null(&mut self) {
        match &mut self.kind {
            Kind::Boolean(out) => out.append_null(),
            Kind::SmallInt(out) => out.append_null(),
            Kind::Int(out) => out.append_null(),
            Kind::BigInt(out) => out.append_null(),
            Kind::Real(out) => out.append_null(),
            Kind::Double(out) => out.append_null(),
            Kind::Decimal(out) => out.append_null(),
            Kind::Text(out) => out.append_null(),
            Kind::Bytes(out) => out.append_null(),
            Kind::Date(out) => out.append_null(),
            Kind::Time(out) => out.append_null(),
            Kind::Timestamp(out) => out.append_null(),
        }
    }

    /// The column.
    pub fn finish(mut self) -> ArrayRef {
        match &mut self.kind {
            Kind::Boolean(out) => Arc::new(out.finish()),
            Kind::SmallInt(out) => Arc::new(out.finish()),
            Kind::Int(out) => Arc::new(out.finish()),
            Kind::BigInt(out) => Arc::new(out.finish()),
            Kind::Real(out) => Arc::new(out.finish()),
            Kind::Double(out) => Arc::new(out.finish()),
            Kind::Decimal(out) => Arc::new(out.finish()),
            Kind::Text(out) => Arc::new(out.finish()),
            Kind::Bytes(out) => Arc::new(out.finish()),
            Kind::Date(out) => Arc::new(out.finish()),
            Kind::Time(out) => Arc::new(out.finish()),
            Kind::Timestamp(out) => Arc::new(out.finish()),
        }
    }
}

/// The columns of a result; what has no type here reads as TEXT.
pub fn result_columns(schema: &SchemaRef) -> Vec<ResultColumn> {
    let column = |field: &Arc<Field>| ResultColumn::new(field.name(), kalam_type(field).unwrap_or(Type::Text));
    schema.fields().iter().map(column).collect()
}

/// Appends the rows of a batch.
///
/// # Errors
/// Kind `invalid` for a value that its column's type cannot hold, as a `UInt64` beyond BIGINT.
pub fn read_batch(batch: &RecordBatch, columns: &[ResultColumn], rows: &mut Vec<Vec<Value>>) -> Result<()> {
    let first = rows.len();
    rows.resize_with(first + batch.num_rows(), || Vec::with_capacity(columns.len()));
    let new = rows.get_mut(first..).unwrap_or_default();
    for (array, column) in batch.columns().iter().zip(columns) {
        read_column(array, column.ty, new)?;
    }
    Ok(())
}

fn read_column(array: &ArrayRef, ty: Type, rows: &mut [Vec<Value>]) -> Result<()> {
    let wanted = arrow_type(ty);
    let display = |array: &ArrayRef| kalam_type(&Field::new("", array.data_type().clone(), true)).is_none();
    if display(array) {
        return read_shown(array, rows);
    }
    let array = if *array.data_type() == wanted {
        array.clone()
    } else {
        cast(array, &wanted).map_err(|error| super::errors::from_datafusion(error.into()))?
    };
    for (at, row) in rows.iter_mut().enumerate() {
        row.push(if array.is_null(at) { Datum::Null } else { value_at(&array, at, ty)? });
    }
    Ok(())
}

/// Lists, structs, intervals and the like, as text.
fn read_shown(array: &ArrayRef, rows: &mut [Vec<Value>]) -> Result<()> {
    let options = FormatOptions::default().with_null("NULL");
    let formatter =
        ArrayFormatter::try_new(array, &options).map_err(|error| super::errors::from_datafusion(error.into()))?;
    for (at, row) in rows.iter_mut().enumerate() {
        row.push(if array.is_null(at) { Datum::Null } else { Datum::Text(formatter.value(at).to_string()) });
    }
    Ok(())
}

fn value_at(array: &ArrayRef, at: usize, ty: Type) -> Result<Value> {
    Ok(match ty {
        Type::Boolean => Datum::Boolean(array.as_boolean().value(at)),
        Type::SmallInt => Datum::SmallInt(array.as_primitive::<Int16Type>().value(at)),
        Type::Int => Datum::Int(array.as_primitive::<Int32Type>().value(at)),
        Type::BigInt | Type::Counter => Datum::BigInt(array.as_primitive::<Int64Type>().value(at)),
        Type::Real => Datum::Real(canonical_f32(array.as_primitive::<Float32Type>().value(at))),
        Type::Double => Datum::Double(canonical_f64(array.as_primitive::<Float64Type>().value(at))),
        Type::Decimal { scale, .. } => {
            Datum::Decimal { unscaled: array.as_primitive::<Decimal128Type>().value(at), scale }
        }
        Type::Text | Type::Document => Datum::Text(array.as_string::<i32>().value(at).to_string()),
        Type::Json => Datum::Json(array.as_string::<i32>().value(at).to_string()),
        Type::Uuid => Value::parse(Type::Uuid, array.as_string::<i32>().value(at))?,
        Type::Bytes => Datum::Bytes(array.as_binary::<i32>().value(at).to_vec()),
        Type::Date => Datum::Date(array.as_primitive::<Date32Type>().value(at)),
        Type::Time => Datum::Time(array.as_primitive::<Time64MicrosecondType>().value(at)),
        Type::Timestamp => Datum::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(at)),
    })
}

/// A value as a constant of a plan.
///
/// # Errors
/// Kind `internal` for scales that no type has.
pub fn scalar(value: &Value) -> Result<ScalarValue> {
    Ok(match value {
        Datum::Null => ScalarValue::Null,
        Datum::Boolean(v) => ScalarValue::Boolean(Some(*v)),
        Datum::SmallInt(v) => ScalarValue::Int16(Some(*v)),
        Datum::Int(v) => ScalarValue::Int32(Some(*v)),
        Datum::BigInt(v) => ScalarValue::Int64(Some(*v)),
        Datum::Counter(v) => ScalarValue::Int64(Some(v.value())),
        Datum::Real(v) => ScalarValue::Float32(Some(*v)),
        Datum::Double(v) => ScalarValue::Float64(Some(*v)),
        Datum::Decimal { unscaled, scale } => {
            let scale = i8::try_from(*scale).map_err(|_| mismatch(Type::BigInt, "DECIMAL"))?;
            ScalarValue::Decimal128(Some(*unscaled), kalamdb_core::value::DECIMAL_PRECISION_MAX, scale)
        }
        Datum::Text(v) | Datum::Json(v) => ScalarValue::Utf8(Some(v.clone())),
        uuid @ Datum::Uuid(_) => ScalarValue::Utf8(Some(uuid.to_string())),
        Datum::Bytes(v) => ScalarValue::Binary(Some(v.clone())),
        Datum::Date(v) => ScalarValue::Date32(Some(*v)),
        Datum::Time(v) => ScalarValue::Time64Microsecond(Some(*v)),
        Datum::Timestamp(v) => ScalarValue::TimestampMicrosecond(Some(*v), Some(UTC.into())),
    })
}

/// A constant of a plan as a value that is compared with a column of type `ty`; `None` if it has another type or
/// another form of the same value.
pub fn comparable(scalar: &ScalarValue, ty: Type) -> Option<Value> {
    if scalar.is_null() {
        return Some(Datum::Null);
    }
    Some(match (scalar, ty) {
        (ScalarValue::Boolean(Some(v)), Type::Boolean) => Datum::Boolean(*v),
        (ScalarValue::Int16(Some(v)), Type::SmallInt) => Datum::SmallInt(*v),
        (ScalarValue::Int32(Some(v)), Type::Int) => Datum::Int(*v),
        (ScalarValue::Int64(Some(v)), Type::BigInt) => Datum::BigInt(*v),
        (ScalarValue::Float32(Some(v)), Type::Real) => Datum::Real(canonical_f32(*v)),
        (ScalarValue::Float64(Some(v)), Type::Double) => Datum::Double(canonical_f64(*v)),
        (ScalarValue::Decimal128(Some(v), _, found), Type::Decimal { scale, .. })
            if u8::try_from(*found) == Ok(scale) =>
        {
            Datum::Decimal { unscaled: *v, scale }
        }
        (ScalarValue::Utf8(Some(v)) | ScalarValue::LargeUtf8(Some(v)) | ScalarValue::Utf8View(Some(v)), Type::Text) => {
            Datum::Text(v.clone())
        }
        (ScalarValue::Utf8(Some(v)), Type::Json) => Datum::Json(v.clone()),
        (ScalarValue::Utf8(Some(v)), Type::Uuid) => {
            let uuid = Value::parse(Type::Uuid, v).ok()?;
            if uuid.to_string() != *v {
                return None;
            }
            uuid
        }
        (ScalarValue::Binary(Some(v)), Type::Bytes) => Datum::Bytes(v.clone()),
        (ScalarValue::Date32(Some(v)), Type::Date) => Datum::Date(*v),
        (ScalarValue::Time64Microsecond(Some(v)), Type::Time) => Datum::Time(*v),
        (ScalarValue::TimestampMicrosecond(Some(v), Some(_)), Type::Timestamp) => Datum::Timestamp(*v),
        _ => return None,
    })
}

/// The rows of a table that is made on the spot.
///
/// # Errors
/// Kind `internal` if a cell is of another type than its column.
pub fn batch_of(schema: &SchemaRef, types: &[Type], rows: &[Vec<Value>]) -> Result<RecordBatch> {
    let mut builders: Vec<ColumnBuilder> = types.iter().map(|ty| ColumnBuilder::new(*ty, rows.len())).collect();
    for row in rows {
        for (builder, value) in builders.iter_mut().zip(row) {
            builder.push(&value.borrow().into_cell())?;
        }
    }
    let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
    RecordBatch::try_new(schema.clone(), columns).map_err(|error| super::errors::from_datafusion(error.into()))
}

/// Whether Arrow holds text.
pub fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
