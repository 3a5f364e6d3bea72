//! Results in the format in which programs hand Arrow data to each other.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::ipc::writer::StreamWriter;
use kalamdb_core::{Result, Type, Value};

use super::arrow::batch_of;
use super::errors::from_arrow;
use super::types::arrow_field;
use crate::result::ResultColumn;

/// A result as one stream of Arrow's IPC format.
///
/// # Errors
/// Kind `internal` if a value is not of its column's type.
pub fn to_ipc(columns: &[ResultColumn], rows: &[Vec<Value>]) -> Result<Vec<u8>> {
    let types: Vec<Type> = columns.iter().map(|column| column.ty).collect();
    let fields: Vec<_> = columns.iter().map(|column| arrow_field(&column.name, column.ty, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = batch_of(&schema, &types, rows)?;
    let mut out = Vec::new();
    let written = StreamWriter::try_new(&mut out, &schema).and_then(|mut writer| {
        writer.write(&batch)?;
        writer.finish()
    });
    written.map_err(|error| from_arrow(&error))?;
    Ok(out)
}
