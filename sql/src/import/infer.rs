//! The columns that a file suggests for a table that is not there yet.
//!
//! Parquet says its types. For text every value of a column is looked at, and the first type of
//! BOOLEAN, BIGINT, DOUBLE, DATE, TIMESTAMP, UUID that fits all of them is taken, otherwise TEXT; objects and lists in
//! NDJSON make a column JSON.

use std::io::{BufRead, Read};

use ::arrow::datatypes::DataType;
use ::csv::ReaderBuilder;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use kalamdb_core::value::DECIMAL_PRECISION_MAX;
use kalamdb_core::{Error, Result, Type, Value};
use serde_json::Value as Json;

use super::{ChunkReader, IMPORT_LINE_BYTES_MAX, read_failed};

/// What text is tried to be, in order.
const CANDIDATES: [Type; 6] = [Type::Boolean, Type::BigInt, Type::Double, Type::Date, Type::Timestamp, Type::Uuid];

/// A column of a file: its name, and the type that its values suggest.
pub type InferredColumn = (String, Type);

/// The columns of a Parquet file.
///
/// # Errors
/// Kind `invalid` if it is none, or for a type that KalamDB does not have.
pub fn infer_parquet(file: impl ChunkReader + 'static) -> Result<Vec<InferredColumn>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|error| Error::invalid("invalid_parquet", format!("the file is no readable Parquet file: {error}")))?;
    builder
        .schema()
        .fields()
        .iter()
        .map(|field| match arrow_type(field.data_type()) {
            Some(ty) => Ok((field.name().clone(), ty)),
            None => {
                let message = format!(
                    "column `{}` of the file has type {}, which KalamDB does not have: convert it to a plain type",
                    field.name(),
                    field.data_type()
                );
                Err(Error::invalid("unsupported_type", message))
            }
        })
        .collect()
}

fn arrow_type(ty: &DataType) -> Option<Type> {
    Some(match ty {
        DataType::Boolean => Type::Boolean,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Type::SmallInt,
        DataType::Int32 | DataType::UInt16 => Type::Int,
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Type::BigInt,
        DataType::Float16 | DataType::Float32 => Type::Real,
        DataType::Float64 => Type::Double,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
            if *precision <= DECIMAL_PRECISION_MAX =>
        {
            Type::Decimal { precision: *precision, scale: u8::try_from(*scale).ok()? }
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Type::Text,
        DataType::Dictionary(_, values) => arrow_type(values)?,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Type::Bytes,
        DataType::Date32 | DataType::Date64 => Type::Date,
        DataType::Time32(_) | DataType::Time64(_) => Type::Time,
        DataType::Timestamp(..) => Type::Timestamp,
        _ => return None,
    })
}

/// The columns of a CSV file with a header; fields that are empty or `null` say nothing.
///
/// # Errors
/// Kind `invalid` if it is no CSV.
pub fn infer_csv(input: impl Read, null: &str) -> Result<Vec<InferredColumn>> {
    let invalid = |error: ::csv::Error| Error::invalid("invalid_csv", format!("the file is no valid csv: {error}"));
    let mut reader = ReaderBuilder::new().from_reader(input);
    let header = reader.headers().map_err(invalid)?;
    let names = header.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned());
    let mut columns: Vec<(String, Guess)> = names.map(|name| (name, Guess::default())).collect();
    let mut record = ::csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(invalid)? {
        for (field, (_, guess)) in record.iter().zip(&mut columns) {
            if !field.is_empty() && field != null {
                guess.text(field);
            }
        }
    }
    Ok(columns.into_iter().map(|(name, guess)| (name, guess.ty())).collect())
}

/// The members of the objects of an NDJSON file, in the order in which they first appear.
///
/// # Errors
/// Kind `invalid` for a line that is no object, `quota` for one that is too long.
pub fn infer_ndjson(mut input: impl BufRead) -> Result<Vec<InferredColumn>> {
    let mut columns: Vec<(String, Guess)> = Vec::new();
    let (mut line, mut number) = (Vec::new(), 0u64);
    loop {
        line.clear();
        number += 1;
        let limit = IMPORT_LINE_BYTES_MAX as u64 + 1;
        if input.by_ref().take(limit).read_until(b'\n', &mut line).map_err(read_failed)? == 0 {
            break;
        }
        if line.len() > IMPORT_LINE_BYTES_MAX {
            let message =
                format!("line {number} is longer than {IMPORT_LINE_BYTES_MAX} bytes: write one object a line");
            return Err(Error::quota("line_too_long", message));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let object: serde_json::Map<String, Json> = serde_json::from_slice(&line)
            .map_err(|error| Error::invalid("invalid_json", format!("line {number} is no JSON object: {error}")))?;
        for (name, value) in object {
            let at = columns.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                columns.push((name, Guess::default()));
                columns.len() - 1
            });
            columns[at].1.json(&value);
        }
    }
    Ok(columns.into_iter().map(|(name, guess)| (name, guess.ty())).collect())
}

/// What a column may still be.
struct Guess {
    /// Candidates that fit every value so far.
    fits: [bool; CANDIDATES.len()],
    has_values: bool,
    is_json: bool,
}

impl Default for Guess {
    fn default() -> Guess {
        Guess { fits: [true; CANDIDATES.len()], has_values: false, is_json: false }
    }
}

impl Guess {
    fn text(&mut self, text: &str) {
        self.has_values = true;
        for (fits, ty) in self.fits.iter_mut().zip(CANDIDATES) {
            *fits = *fits && is_plain(ty, text);
        }
    }

    fn json(&mut self, value: &Json) {
        match value {
            Json::Null => {}
            Json::Bool(truth) => self.text(if *truth { "true" } else { "false" }),
            Json::Number(number) => self.text(&number.to_string()),
            Json::String(text) => self.text(text),
            Json::Array(_) | Json::Object(_) => self.is_json = true,
        }
    }

    fn ty(&self) -> Type {
        if self.is_json {
            return Type::Json;
        }
        let found = self.fits.iter().zip(CANDIDATES).find(|(fits, _)| **fits && self.has_values);
        found.map_or(Type::Text, |(_, ty)| ty)
    }
}

/// Whether `text` is a value of `ty` that its owner would write so: `007` is no number and `1` is no truth value.
fn is_plain(ty: Type, text: &str) -> bool {
    match ty {
        Type::Boolean => ["true", "false"].contains(&text),
        Type::BigInt | Type::Double => {
            let digits = text.trim_start_matches('-');
            let is_padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
            !is_padded && digits.starts_with(|c: char| c.is_ascii_digit()) && Value::parse(ty, text).is_ok()
        }
        _ => Value::parse(ty, text).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str) -> Vec<InferredColumn> {
        infer_csv(text.as_bytes(), "NA").expect("csv")
    }

    fn types(columns: Vec<InferredColumn>) -> Vec<Type> {
        columns.into_iter().map(|(_, ty)| ty).collect()
    }

    #[test]
    fn every_value_of_a_column_counts() {
        let text = "id,delay,zip,ok,day,at,name,none\n1,2,007,true,2013-01-01,2013-01-01T05:00:00Z,x,\n\
                    -2,NA,123,false,2013-01-02,2013-01-02 05:00:00,7,NA\n3,1.5,1,true,2013-01-03,2013-01-03T05:00:00Z,,\n";
        let expected = [
            Type::BigInt,
            Type::Double,
            Type::Text,
            Type::Boolean,
            Type::Date,
            Type::Timestamp,
            Type::Text,
            Type::Text,
        ];
        assert_eq!(types(csv(text)), expected);
    }

    #[test]
    fn members_of_objects_make_columns() {
        let text = "{\"id\":1,\"tags\":[1]}\n\n{\"id\":2.5,\"name\":\"x\",\"tags\":null}\n";
        let found = infer_ndjson(text.as_bytes()).expect("objects");
        let expected = [("id", Type::Double), ("tags", Type::Json), ("name", Type::Text)];
        assert_eq!(found, expected.map(|(name, ty)| (name.to_owned(), ty)));
        let error = infer_ndjson("{}\nnonsense\n".as_bytes()).expect_err("no object");
        assert!(error.message().contains("line 2"), "{error}");
    }
}
