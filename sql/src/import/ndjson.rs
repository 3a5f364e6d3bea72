//! Newline-delimited JSON: one object a line, its members named as the columns. Empty lines are skipped.
//!
//! A JSON column takes any value; a BYTES column takes text of hexadecimal digits. Numbers of more digits than a
//! double holds keep them only as text: `"12345678901234567890.12"`.

use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::sync::Arc;

use kalamdb_core::catalog::{ColumnDef, Table};
use kalamdb_core::mutation::CellList;
use kalamdb_core::{Datum, Error, Result, Type, Value};
use serde_json::Value as Json;

use super::{IMPORT_BATCH_ROWS, IMPORT_LINE_BYTES_MAX, RowReader, cell, column_of, read_failed};

/// Rows of a file of JSON objects.
pub struct NdjsonReader<R> {
    input: R,
    table: Arc<Table>,
    columns: HashMap<String, ColumnDef>,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> NdjsonReader<R> {
    /// Reads objects from `input`.
    pub fn new(input: R, table: Arc<Table>) -> NdjsonReader<R> {
        NdjsonReader { input, table, columns: HashMap::new(), line: Vec::new(), number: 0 }
    }

    /// Reads the next line; `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        self.number += 1;
        let limit = IMPORT_LINE_BYTES_MAX as u64 + 1;
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.line).map_err(read_failed)?;
        if self.line.len() > IMPORT_LINE_BYTES_MAX {
            let message =
                format!("line {} is longer than {IMPORT_LINE_BYTES_MAX} bytes: write one object a line", self.number);
            return Err(Error::quota("line_too_long", message));
        }
        Ok(read > 0)
    }

    fn row(&mut self) -> Result<CellList> {
        let number = self.number;
        let object: serde_json::Map<String, Json> = serde_json::from_slice(&self.line)
            .map_err(|error| Error::invalid("invalid_json", format!("line {number} is no JSON object: {error}")))?;
        let mut cells = CellList::with_capacity(object.len());
        for (name, json) in object {
            if !self.columns.contains_key(&name) {
                let column = column_of(&self.table, &name).map_err(|error| error.context(format!("line {number}")))?;
                self.columns.insert(name.clone(), column);
            }
            let Some(column) = self.columns.get(&name) else { continue };
            cells.push(cell(column, value(json, column.ty), || format!("line {number}"))?);
        }
        Ok(cells)
    }
}

fn value(json: Json, ty: Type) -> Value {
    match (json, ty) {
        (Json::Null, _) => Datum::Null,
        (json, Type::Json) => Datum::Json(json.to_string()),
        (Json::Bool(truth), _) => Datum::Boolean(truth),
        (Json::String(text), _) => Datum::Text(text),
        (Json::Number(number), Type::Text) => Datum::Double(number.as_f64().unwrap_or(f64::NAN)),
        (Json::Number(number), _) => Datum::Text(number.to_string()),
        (other, _) => Datum::Json(other.to_string()),
    }
}

impl<R: BufRead> RowReader for NdjsonReader<R> {
    fn next_batch(&mut self) -> Result<Vec<CellList>> {
        let mut rows = Vec::new();
        while rows.len() < IMPORT_BATCH_ROWS && self.advance()? {
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                rows.push(self.row()?);
            }
        }
        Ok(rows)
    }
}
