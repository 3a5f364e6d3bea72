//! CSV (RFC 4180) with a header line.
//!
//! An empty field is NULL; where the column is a TEXT that allows no NULL, it is the empty text. Another text for
//! NULL, such as `NA`, is named with [`CsvReader::with_null`].

use std::io::Read;
use std::sync::Arc;

use ::csv::{ReaderBuilder, StringRecord};
use kalamdb_core::catalog::{ColumnDef, Table};
use kalamdb_core::mutation::CellList;
use kalamdb_core::{Datum, Error, Result, Type, Value};

use super::{IMPORT_BATCH_ROWS, IMPORT_LINE_BYTES_MAX, RowReader, cell, columns_of};

/// Rows of a CSV file.
pub struct CsvReader<R> {
    reader: ::csv::Reader<R>,
    columns: Vec<ColumnDef>,
    record: StringRecord,
    null: String,
}

impl<R: Read> CsvReader<R> {
    /// Reads the header of `input`.
    ///
    /// # Errors
    /// Kind `invalid` for a column that `table` does not have.
    pub fn new(input: R, table: Arc<Table>) -> Result<CsvReader<R>> {
        let mut reader = ReaderBuilder::new().from_reader(input);
        let header = reader.headers().map_err(|error| invalid(&error))?;
        let columns = columns_of(&table, header.iter().map(|name| name.trim_start_matches('\u{feff}').trim()))?;
        Ok(CsvReader { reader, columns, record: StringRecord::new(), null: String::new() })
    }

    /// Fields with exactly this text are NULL, beside empty ones.
    #[must_use]
    pub fn with_null(mut self, text: impl Into<String>) -> CsvReader<R> {
        self.null = text.into();
        self
    }

    fn row(&self) -> Result<CellList> {
        let line = self.record.position().map_or(0, ::csv::Position::line);
        if self.record.as_slice().len() > IMPORT_LINE_BYTES_MAX {
            let message = format!("line {line} is longer than {IMPORT_LINE_BYTES_MAX} bytes: is a quote left open?");
            return Err(Error::quota("line_too_long", message));
        }
        let fields = self.record.iter().zip(&self.columns);
        fields.map(|(field, column)| cell(column, self.value(field, column), || format!("line {line}"))).collect()
    }

    fn value(&self, field: &str, column: &ColumnDef) -> Value {
        let keeps_empty = column.ty == Type::Text && !column.nullable;
        let is_null = if field.is_empty() { !keeps_empty } else { field == self.null };
        if is_null { Datum::Null } else { Value::text(field) }
    }
}

fn invalid(error: &::csv::Error) -> Error {
    Error::invalid("invalid_csv", format!("the file is no valid csv: {error}"))
}

impl<R: Read> RowReader for CsvReader<R> {
    fn next_batch(&mut self) -> Result<Vec<CellList>> {
        let mut rows = Vec::new();
        while rows.len() < IMPORT_BATCH_ROWS {
            if !self.reader.read_record(&mut self.record).map_err(|error| invalid(&error))? {
                break;
            }
            rows.push(self.row()?);
        }
        Ok(rows)
    }
}
