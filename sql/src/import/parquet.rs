//! Parquet.

use std::sync::Arc;

use ::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use ::arrow::compute::{CastOptions, cast_with_options};
use ::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use kalamdb_core::catalog::{ColumnDef, Table};
use kalamdb_core::mutation::CellList;
use kalamdb_core::{Datum, Error, Result, Value};

use super::{ChunkReader, IMPORT_BATCH_ROWS, RowReader, cell, columns_of};

/// Rows of a Parquet file. Times are microseconds afterwards; what is finer is cut off. A timestamp without a zone
/// counts as UTC.
pub struct ParquetReader {
    batches: ParquetRecordBatchReader,
    columns: Vec<ColumnDef>,
    /// Rows before the next batch.
    rows: usize,
    total: u64,
}

impl ParquetReader {
    /// Reads the footer of `file`.
    ///
    /// # Errors
    /// Kind `invalid` if it is no Parquet file or has a column that `table` does not have.
    pub fn new(file: impl ChunkReader + 'static, table: &Arc<Table>) -> Result<ParquetReader> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| invalid(&error))?;
        let columns = columns_of(table, builder.schema().fields().iter().map(|field| field.name().as_str()))?;
        let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let batches = builder.with_batch_size(IMPORT_BATCH_ROWS).build().map_err(|error| invalid(&error))?;
        Ok(ParquetReader { batches, columns, rows: 0, total })
    }

    /// Rows of the whole file.
    pub fn total_rows(&self) -> u64 {
        self.total
    }

    fn rows_of(&self, batch: &RecordBatch) -> Result<Vec<CellList>> {
        let mut rows: Vec<CellList> =
            (0..batch.num_rows()).map(|_| CellList::with_capacity(self.columns.len())).collect();
        for (array, column) in batch.columns().iter().zip(&self.columns) {
            let plain = plain(array).map_err(|error| error.context(format!("column `{}`", column.name)))?;
            for (at, row) in rows.iter_mut().enumerate() {
                let value = if plain.is_null(at) { Datum::Null } else { value_at(&plain, at)? };
                row.push(cell(column, value, || format!("row {}", self.rows + at + 1))?);
            }
        }
        Ok(rows)
    }
}

fn invalid(error: &dyn std::fmt::Display) -> Error {
    Error::invalid("invalid_parquet", format!("the file is no readable Parquet file: {error}"))
}

/// The array in one of the few types that [`value_at`] reads.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    let wanted = match array.data_type() {
        DataType::Boolean | DataType::Decimal128(..) | DataType::Null => return Ok(array.clone()),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => DataType::Int64,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Float64,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, values) if matches!(**values, DataType::Utf8 | DataType::LargeUtf8) => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, None),
        other => {
            let message = format!("Arrow type {other} cannot be imported: convert it to a plain type first");
            return Err(Error::invalid("unsupported_type", message));
        }
    };
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, &wanted, &options).map_err(|error| invalid(&error))
}

fn value_at(array: &ArrayRef, at: usize) -> Result<Value> {
    Ok(match array.data_type() {
        DataType::Boolean => Datum::Boolean(array.as_boolean().value(at)),
        DataType::Int64 => Datum::BigInt(array.as_primitive::<Int64Type>().value(at)),
        DataType::Float64 => Datum::Double(array.as_primitive::<Float64Type>().value(at)),
        DataType::Decimal128(_, scale) => {
            let scale = u8::try_from(*scale).map_err(|_| invalid(&"a decimal of negative scale"))?;
            Datum::Decimal { unscaled: array.as_primitive::<Decimal128Type>().value(at), scale }
        }
        DataType::Utf8 => Value::text(array.as_string::<i32>().value(at)),
        DataType::Binary => {
            let bytes = array.as_binary::<i32>().value(at);
            Datum::Bytes(bytes.to_vec())
        }
        DataType::Date32 => Datum::Date(array.as_primitive::<Date32Type>().value(at)),
        DataType::Time64(_) => Datum::Time(array.as_primitive::<Time64MicrosecondType>().value(at)),
        DataType::Timestamp(..) => Datum::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(at)),
        _ => Datum::Null,
    })
}

impl RowReader for ParquetReader {
    fn next_batch(&mut self) -> Result<Vec<CellList>> {
        for batch in self.batches.by_ref() {
            let batch = batch.map_err(|error| invalid(&error))?;
            if batch.num_rows() > 0 {
                let rows = self.rows_of(&batch)?;
                self.rows += rows.len();
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }
}
