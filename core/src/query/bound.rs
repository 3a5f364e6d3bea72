//! A way with its parameters filled in: keys to get or a range to walk.

use super::declare::{Amount, Operand};
use super::path::{Fixed, Narrow, Path, Source};
use crate::catalog::Table;
use crate::store::{KeyRange, successor};
use crate::value::{Datum, Type, Value};
use crate::{Error, Result, key};

/// Sorts behind every value of a column in a key, and is NULL.
const NULL_BYTE: u8 = 0xff;

/// Where the rows of one execution are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The filter can hold for no row.
    Nothing,
    /// These primary keys.
    Keys(Vec<Vec<u8>>),
    /// A range of the primary key or of the index.
    Range(KeyRange),
}

/// Checks that there are as many parameters as needed, each of its type.
///
/// # Errors
/// Kind `invalid` if not.
pub(super) fn check_parameters(types: &[Option<Type>], parameters: &[Value]) -> Result<()> {
    if parameters.len() < types.len() {
        let message = format!("the query has {} parameters, {} values are given", types.len(), parameters.len());
        return Err(Error::invalid("missing_parameter", message));
    }
    for (at, (ty, value)) in types.iter().zip(parameters).enumerate() {
        let Some(ty) = ty else { continue };
        if !value.fits(*ty) {
            let message = format!("parameter {} needs {ty}, {value} of type {} is given", at + 1, value.type_name());
            return Err(Error::invalid("wrong_parameter", message));
        }
    }
    Ok(())
}

/// The rows that LIMIT or OFFSET says.
pub(super) fn amount(amount: Option<Amount>, parameters: &[Value]) -> Result<Option<u64>> {
    Ok(match amount {
        None => None,
        Some(Amount::Rows(rows)) => Some(rows),
        Some(Amount::Parameter(at)) => match parameters.get(at as usize) {
            Some(Datum::BigInt(rows)) if *rows >= 0 => Some(rows.unsigned_abs()),
            other => {
                let shown = other.map_or_else(|| "nothing".to_string(), ToString::to_string);
                return Err(Error::invalid(
                    "wrong_limit",
                    format!("LIMIT and OFFSET need a number from 0, {shown} is given"),
                ));
            }
        },
    })
}

/// Fills the parameters into a path.
///
/// # Errors
/// Kind `invalid` if a value cannot be part of a key.
pub(super) fn bind(table: &Table, path: &Path, parameters: &[Value]) -> Result<Access> {
    let mut prefix = Vec::with_capacity(32);
    for fixed in &path.fixed {
        match fixed {
            Fixed::Null => prefix.push(NULL_BYTE),
            Fixed::Value(operand) => {
                let Some(value) = value_of(operand, parameters)? else { return Ok(Access::Nothing) };
                key::write_value(&mut prefix, value)?;
            }
        }
    }
    if path.source == Source::Primary && path.fixed.len() == table.primary_key.len() {
        return Ok(Access::Keys(vec![prefix]));
    }
    match &path.narrow {
        Narrow::Nothing => Ok(Access::Range(KeyRange { end: end_of(&prefix), start: prefix })),
        Narrow::List(values) => keys(&prefix, values),
        Narrow::Range { lower, upper } => range(&prefix, lower.as_ref(), upper.as_ref(), parameters),
    }
}

/// The end of all keys with a prefix; none if every key has it.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    if prefix.is_empty() { None } else { successor(prefix) }
}

fn keys(prefix: &[u8], values: &[Value]) -> Result<Access> {
    let mut keys = Vec::with_capacity(values.len());
    for value in values.iter().filter(|value| !value.is_null()) {
        let mut key = prefix.to_vec();
        key::write_value(&mut key, value)?;
        keys.push(key);
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(Access::Keys(keys))
}

type End = (Operand, bool);

fn range(prefix: &[u8], lower: Option<&End>, upper: Option<&End>, parameters: &[Value]) -> Result<Access> {
    let with = |value: &Value| -> Result<Vec<u8>> {
        let mut key = prefix.to_vec();
        key::write_value(&mut key, value)?;
        Ok(key)
    };
    let start = match lower {
        None => prefix.to_vec(),
        Some((operand, included)) => {
            let Some(value) = value_of(operand, parameters)? else { return Ok(Access::Nothing) };
            let key = with(value)?;
            if *included { key } else { successor(&key).unwrap_or(key) }
        }
    };
    let end = match upper {
        // A comparison never holds for NULL, which stands behind all values.
        None => [prefix, &[NULL_BYTE]].concat(),
        Some((operand, included)) => {
            let Some(value) = value_of(operand, parameters)? else { return Ok(Access::Nothing) };
            let key = with(value)?;
            if *included { successor(&key).unwrap_or(key) } else { key }
        }
    };
    let range = KeyRange { start, end: Some(end) };
    Ok(if range.is_empty() { Access::Nothing } else { Access::Range(range) })
}

/// The value of an operand; none for NULL, which no comparison finds.
fn value_of<'a>(operand: &'a Operand, parameters: &'a [Value]) -> Result<Option<&'a Value>> {
    let value = match operand {
        Operand::Literal(value) => value,
        Operand::Parameter(at) => parameters
            .get(*at)
            .ok_or_else(|| Error::invalid("missing_parameter", format!("parameter {} has no value", at + 1)))?,
    };
    Ok(Some(value).filter(|value| !value.is_null()))
}
