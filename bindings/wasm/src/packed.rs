//! Parameters and results as bytes: columns by type, little-endian.
//!
//! A list of results begins with its length (u32). A result: tag (text), affected (f64), own transaction or 0 (f64), number of
//! columns and of rows (u32), then each column: name (text), type (u8) and for DECIMAL its scale (u8), the bits of the rows
//! that are not NULL, and the values. Text is a length (u32) and UTF-8. Values of fixed size stand for every row, zero where
//! it is NULL: BOOLEAN 1, SMALLINT 2, INT, REAL and DATE 4, BIGINT, DOUBLE, TIME, TIMESTAMP and COUNTER 8, UUID and DECIMAL
//! 16; a column of BIGINTs that count has type 17. TEXT, BYTES and JSON are the ends of the values (u32 each) and all their bytes behind each other.

use kalamdb_core::codec::Reader;
use kalamdb_core::query::Plan;
use kalamdb_core::query::live::{LiveChange, LiveRow};
use kalamdb_core::{Datum, Error, Result, Type, Value};
use kalamdb_sql::{ResultColumn, StatementResult};

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn bytes_with_length(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// BIGINTs that count: JavaScript takes them as numbers.
const COUNT: u8 = 17;

/// Results of statements.
pub fn encode(results: &[StatementResult]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    number(&mut out, results.len());
    for result in results {
        let mutation = result.committed.as_ref().and_then(|committed| committed.mutation).map_or(0, |id| id.0);
        head(&mut out, result.tag, result.affected, mutation);
        let rows = result.rows.iter().map(Vec::as_slice);
        write_columns(&mut out, &result.columns, rows.len(), || rows.clone());
    }
    out
}

fn encode_rows<'a>(columns: &[ResultColumn], rows: impl ExactSizeIterator<Item = &'a LiveRow> + Clone) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    number(&mut out, 1);
    head(&mut out, "SELECT", 0, 0);
    write_columns(&mut out, columns, rows.len(), || rows.clone().map(|row| row.values.as_slice()));
    out
}

fn head(out: &mut Vec<u8>, tag: &str, affected: u64, mutation: u64) {
    text(out, tag);
    out.extend_from_slice(&(affected as f64).to_le_bytes());
    out.extend_from_slice(&(mutation as f64).to_le_bytes());
}

fn write_columns<'a, I: Iterator<Item = &'a [Value]>>(
    out: &mut Vec<u8>,
    columns: &[ResultColumn],
    count: usize,
    rows: impl Fn() -> I,
) {
    number(out, columns.len());
    number(out, count);
    for (at, column) in columns.iter().enumerate() {
        text(out, &column.name);
        out.push(if column.counts { COUNT } else { column.ty.number() });
        if let Type::Decimal { scale, .. } = column.ty {
            out.push(scale);
        }
        write_column(out, column.ty, || rows().map(|row| row.get(at).unwrap_or(&Datum::Null)));
    }
}

/// The first result of a live query: as a list of one result, then the key of each row (length u32, bytes). Then how
/// changes of rows show: the table's full name (text; empty if every change may move a row), a list of the columns that
/// decide (u32, texts), one of those of its primary key, and one of the places that show a column (u32 each, text).
pub fn encode_live(columns: &[ResultColumn], rows: &[LiveRow], plan: &Plan) -> Vec<u8> {
    let mut out = encode_rows(columns, rows.iter());
    rows.iter().for_each(|row| bytes_with_length(&mut out, &row.key));
    let Some(shows) = plan.shows() else {
        text(&mut out, "");
        return out;
    };
    let table = plan.table();
    text(&mut out, &format!("{}.{}", table.namespace, table.name));
    number(&mut out, shows.deciding.len());
    shows.deciding.iter().for_each(|name| text(&mut out, name));
    number(&mut out, table.primary_key.len());
    let key = table.primary_key.iter().filter_map(|id| table.column(*id));
    key.for_each(|column| text(&mut out, column.name.as_str()));
    number(&mut out, shows.places.len());
    for (place, name) in shows.places {
        number(&mut out, place);
        text(&mut out, name);
    }
    out
}

/// A change of a live query: the number of rows that leave their places, for each of them its place in the old result
/// (u32) and its key; the number of rows that take places, for each of them its place in the new result (u32), whether it
/// was there before (u8) and its key; then these rows as a list of one result.
pub fn encode_change(columns: &[ResultColumn], change: &LiveChange) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    number(&mut out, change.removed.len());
    for removed in &change.removed {
        number(&mut out, removed.at);
        bytes_with_length(&mut out, &removed.key);
    }
    number(&mut out, change.placed.len());
    for placed in &change.placed {
        number(&mut out, placed.at);
        out.push(placed.was_there.into());
        bytes_with_length(&mut out, &placed.row.key);
    }
    out.extend(encode_rows(columns, change.placed.iter().map(|placed| &placed.row)));
    out
}

fn write_column<'a, I: Iterator<Item = &'a Value>>(out: &mut Vec<u8>, ty: Type, cells: impl Fn() -> I) {
    let (mut bits, mut count) = (0, 0);
    for cell in cells() {
        bits |= u8::from(!cell.is_null()) << (count % 8);
        count += 1;
        if count % 8 == 0 {
            out.push(std::mem::take(&mut bits));
        }
    }
    if count % 8 != 0 {
        out.push(bits);
    }
    match ty {
        Type::Text | Type::Bytes | Type::Json | Type::Document => {
            let mut end = 0;
            for cell in cells() {
                end += bytes(cell).len();
                number(out, end);
            }
            cells().for_each(|cell| out.extend_from_slice(bytes(cell)));
        }
        _ => cells().for_each(|cell| write_fixed(out, ty, cell)),
    }
}

fn bytes(cell: &Value) -> &[u8] {
    match cell {
        Datum::Text(text) | Datum::Json(text) => text.as_bytes(),
        Datum::Bytes(bytes) => bytes,
        _ => &[],
    }
}

fn write_fixed(out: &mut Vec<u8>, ty: Type, cell: &Value) {
    match cell {
        Datum::Boolean(value) => out.push((*value).into()),
        Datum::SmallInt(value) => out.extend_from_slice(&value.to_le_bytes()),
        Datum::Int(value) | Datum::Date(value) => out.extend_from_slice(&value.to_le_bytes()),
        Datum::BigInt(value) | Datum::Time(value) | Datum::Timestamp(value) => {
            out.extend_from_slice(&value.to_le_bytes());
        }
        Datum::Counter(value) => out.extend_from_slice(&value.value().to_le_bytes()),
        Datum::Real(value) => out.extend_from_slice(&value.to_le_bytes()),
        Datum::Double(value) => out.extend_from_slice(&value.to_le_bytes()),
        Datum::Decimal { unscaled, .. } => out.extend_from_slice(&unscaled.to_le_bytes()),
        Datum::Uuid(value) => out.extend_from_slice(value),
        Datum::Null | Datum::Text(_) | Datum::Json(_) | Datum::Bytes(_) => out.extend_from_slice(&[0; 16][..width(ty)]),
    }
}

fn width(ty: Type) -> usize {
    match ty {
        Type::Boolean => 1,
        Type::SmallInt => 2,
        Type::Int | Type::Real | Type::Date => 4,
        Type::BigInt | Type::Double | Type::Time | Type::Timestamp | Type::Counter => 8,
        Type::Uuid | Type::Decimal { .. } => 16,
        Type::Text | Type::Bytes | Type::Json | Type::Document => 0,
    }
}

/// Parameters: for each a kind and its value: 0 NULL · 1 false · 2 true · 3 BIGINT (8) · 4 DOUBLE (8) · 5 TEXT (varint length)
/// · 6 BYTES (varint length) · 7 TIMESTAMP (8, µs).
///
/// # Errors
/// Kind `internal` if they are no such bytes.
pub fn decode(params: &[u8]) -> Result<Vec<Value>> {
    let broken = |_| Error::internal("broken_parameters", "parameters arrived damaged from JavaScript");
    let mut input = Reader::new(params);
    let mut values = Vec::new();
    while !input.is_empty() {
        let mut read = || -> Result<Value> {
            Ok(match input.u8()? {
                0 => Datum::Null,
                1 => Datum::Boolean(false),
                2 => Datum::Boolean(true),
                3 => Datum::BigInt(i64::from_le_bytes(input.array()?)),
                4 => Datum::Double(f64::from_le_bytes(input.array()?)),
                5 => Datum::Text(input.text()?.to_owned()),
                6 => Datum::Bytes(input.bytes()?.to_vec()),
                7 => Datum::Timestamp(i64::from_le_bytes(input.array()?)),
                other => return Err(Error::internal("broken_parameters", format!("unknown kind {other}"))),
            })
        };
        values.push(read().map_err(broken)?);
    }
    Ok(values)
}
