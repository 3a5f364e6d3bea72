//! Readers of Parquet, CSV and newline-delimited JSON for `kalamdb import`.
//!
//! A reader gives batches of rows for one table: each cell is named by its column and has the column's type. Columns
//! of the file must be columns of the table; columns of the table that the file lacks get their default.

mod csv;
mod infer;
mod ndjson;
mod parquet;

use kalamdb_core::catalog::{ColumnDef, SYSTEM_COLUMNS, Table};
use kalamdb_core::mutation::CellList;
use kalamdb_core::{Error, Result, Value};

use crate::constant::store;

pub use self::csv::CsvReader;
pub use self::infer::{InferredColumn, infer_csv, infer_ndjson, infer_parquet};
pub use self::ndjson::NdjsonReader;
pub use self::parquet::ParquetReader;
pub use ::parquet::file::reader::ChunkReader;

/// Rows of a batch.
pub const IMPORT_BATCH_ROWS: usize = 1_000;
/// Longest line of a text file.
pub const IMPORT_LINE_BYTES_MAX: usize = 4 << 20;

/// A source of rows of one table.
pub trait RowReader {
    /// The next batch, at most [`IMPORT_BATCH_ROWS`]; empty at the end.
    ///
    /// # Errors
    /// Kind `invalid`, naming line or row and column, for what is no value of the column; `internal` if reading fails.
    fn next_batch(&mut self) -> Result<Vec<CellList>>;
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportFormat {
    /// Parquet.
    Parquet,
    /// CSV with a header line.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl ImportFormat {
    /// The form that a file's name ends with.
    pub fn of_name(name: &str) -> Option<ImportFormat> {
        let (_, extension) = name.rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "parquet" => ImportFormat::Parquet,
            "csv" => ImportFormat::Csv,
            "ndjson" | "jsonl" => ImportFormat::Ndjson,
            _ => return None,
        })
    }
}

/// The column that a name in a file means.
fn column_of(table: &Table, name: &str) -> Result<ColumnDef> {
    if SYSTEM_COLUMNS.contains(&name) {
        let message = format!("the file has column `{name}`, which is a system column: remove it from the file");
        return Err(Error::invalid("system_column", message));
    }
    table.column_named(name).cloned().ok_or_else(|| {
        let message = format!("the file has column `{name}`, which table `{}` does not have", table.full_name());
        Error::invalid("unknown_column", message)
    })
}

/// The columns that a header names, each once.
fn columns_of<'a>(table: &Table, names: impl Iterator<Item = &'a str>) -> Result<Vec<ColumnDef>> {
    let mut columns: Vec<ColumnDef> = Vec::new();
    for name in names {
        let column = column_of(table, name)?;
        if columns.iter().any(|known| known.id == column.id) {
            return Err(Error::invalid("duplicate_column", format!("the file has column `{name}` twice")));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// A value as its column stores it; `place` says where it stands in the file.
fn cell(column: &ColumnDef, value: Value, place: impl Fn() -> String) -> Result<(kalamdb_core::ColumnId, Value)> {
    match store(value, column.ty) {
        Ok(value) => Ok((column.id, value)),
        Err(error) => Err(error.context(format!("{}, column `{}`", place(), column.name))),
    }
}

fn read_failed(error: impl std::fmt::Display) -> Error {
    Error::internal("read_failed", format!("the file cannot be read: {error}"))
}
