//! DataFusion's errors as KalamDB's, and back.

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use kalamdb_core::Error;

use super::QUERY_BYTES_MAX;

/// Longest message that is handed on.
const MESSAGE_CHARS_MAX: usize = 500;

/// KalamDB's error of a failed step of DataFusion.
pub fn from_datafusion(error: DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(ours) => ours.clone(),
            None => Error::internal("engine_error", lower(&inner.to_string())),
        },
        DataFusionError::SchemaError(schema, _) => from_schema(schema),
        DataFusionError::ResourcesExhausted(_) => {
            let message = format!(
                "the query needs more than {} MiB: add a filter or LIMIT, or aggregate in parts",
                QUERY_BYTES_MAX >> 20
            );
            Error::quota("query_too_large", message)
        }
        DataFusionError::NotImplemented(text) => Error::invalid("unsupported", lower(text)),
        DataFusionError::SQL(parser, _) => crate::parse::syntax((**parser).clone()),
        DataFusionError::ArrowError(arrow, _) => from_arrow(arrow),
        DataFusionError::Plan(text) | DataFusionError::Configuration(text) => {
            Error::invalid("invalid_query", lower(text))
        }
        DataFusionError::Execution(text) => Error::invalid("invalid_value", lower(text)),
        DataFusionError::Collection(all) => match all.first() {
            Some(DataFusionError::SchemaError(schema, _)) => from_schema(schema),
            _ => Error::invalid("invalid_query", lower(&error.strip_backtrace())),
        },
        root => Error::internal("engine_error", lower(&root.strip_backtrace())),
    }
}

/// An error that DataFusion carries to [`from_datafusion`] unchanged.
pub fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn from_schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let known: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).take(20).collect();
            let known = if known.is_empty() { String::new() } else { format!(", there are {}", known.join(", ")) };
            Error::invalid("unknown_column", format!("column `{}` does not exist{known}", field.flat_name()))
        }
        SchemaError::AmbiguousReference { field } => {
            let message = format!("column `{}` is in several tables: write table.{}", field.name, field.name);
            Error::invalid("ambiguous_column", message)
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            Error::invalid(
                "duplicate_column",
                format!("column `{name}` stands twice: give one of them another name with AS"),
            )
        }
    }
}

/// Arrow's error as KalamDB's.
pub fn from_arrow(error: &ArrowError) -> Error {
    match error {
        ArrowError::DivideByZero => Error::invalid("division_by_zero", "division by zero"),
        ArrowError::ArithmeticOverflow(text) => Error::invalid("out_of_range", lower(text)),
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<Error>() {
            Some(ours) => ours.clone(),
            None => Error::internal("engine_error", lower(&inner.to_string())),
        },
        ArrowError::CastError(text) | ArrowError::ParseError(text) | ArrowError::InvalidArgumentError(text) => {
            Error::invalid("invalid_value", lower(text))
        }
        other => Error::invalid("invalid_value", lower(&other.to_string())),
    }
}

fn lower(text: &str) -> String {
    let text = text.lines().next().unwrap_or_default();
    let mut chars = text.chars().take(MESSAGE_CHARS_MAX);
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
