//! Constants of a statement - literals, parameters, functions that give one value for the whole statement - and
//! their conversion to the type of the column that they meet.

use kalamdb_core::transaction::now_as;
use kalamdb_core::{Datum, Error, Now, Result, Type, Value};
use sqlparser::ast::{self, Expr, FunctionArguments, UnaryOperator};

use crate::backend::Backend;
use crate::types::sql_type;

/// What constants of a statement refer to.
#[derive(Clone, Copy)]
pub struct Constants<'a> {
    /// The parameters; `$1` is the first.
    pub params: &'a [Value],
    /// The time that NOW() gives in the statement.
    pub now: Now,
    /// Who answers CURRENT_USER(); `None` in DDL, where functions are no constants.
    pub backend: Option<&'a dyn Backend>,
}

impl Constants<'_> {
    /// Literals only.
    pub const LITERALS: Constants<'static> = Constants { params: &[], now: Now(0), backend: None };
}

/// A constant whose final type is given by its place.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// A value with a type of its own.
    Value(Value),
    /// A number as it is written.
    Number(String),
}

/// The constant that `expr` is; `None` if it is none.
///
/// # Errors
/// Kind `invalid` for a literal that is no value of its type and a parameter that was not given.
pub fn constant(expr: &Expr, constants: &Constants<'_>) -> Result<Option<Constant>> {
    Ok(match expr {
        Expr::Nested(inner) => constant(inner, constants)?,
        Expr::Value(value) => literal(&value.value, constants.params)?,
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => match constant(expr, constants)? {
            Some(Constant::Number(text)) => Some(Constant::Number(text)),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match constant(expr, constants)? {
            Some(Constant::Number(text)) if !text.starts_with('-') => Some(Constant::Number(format!("-{text}"))),
            _ => None,
        },
        Expr::TypedString(typed) => match &typed.value.value {
            ast::Value::SingleQuotedString(text) => typed_text(text, &typed.data_type)?,
            _ => None,
        },
        Expr::Cast {
            kind: ast::CastKind::Cast | ast::CastKind::DoubleColon,
            expr,
            data_type,
            array: false,
            format: None,
        } => match constant(expr, constants)? {
            Some(Constant::Value(Datum::Text(text))) => typed_text(&text, data_type)?,
            _ => None,
        },
        Expr::Function(function) => statement_function(function, constants).map(Constant::Value),
        _ => None,
    })
}

fn typed_text(text: &str, ty: &ast::DataType) -> Result<Option<Constant>> {
    let Ok(ty) = sql_type(ty) else { return Ok(None) };
    if ty == Type::Counter {
        return Ok(None);
    }
    Value::parse(ty, text).map(|value| Some(Constant::Value(value)))
}

fn literal(value: &ast::Value, params: &[Value]) -> Result<Option<Constant>> {
    let value = match value {
        ast::Value::Number(text, false) => return Ok(Some(Constant::Number(text.clone()))),
        ast::Value::SingleQuotedString(text) | ast::Value::EscapedStringLiteral(text) => Value::text(text),
        ast::Value::DollarQuotedString(text) => Value::text(&text.value),
        ast::Value::HexStringLiteral(hex) => Value::parse(Type::Bytes, hex)?,
        ast::Value::Boolean(truth) => Datum::Boolean(*truth),
        ast::Value::Null => Datum::Null,
        ast::Value::Placeholder(text) => param(text, params)?,
        _ => return Ok(None),
    };
    Ok(Some(Constant::Value(value)))
}

fn param(text: &str, params: &[Value]) -> Result<Value> {
    let number = text.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
    let found = number.and_then(|number| params.get(number.checked_sub(1)?));
    found.cloned().ok_or_else(|| {
        Error::invalid("missing_parameter", format!("parameter {text} has no value: {} were given", params.len()))
    })
}

/// The name of a function without arguments, in lower case.
pub fn bare_function(function: &ast::Function) -> Option<String> {
    let plain = function.over.is_none()
        && function.filter.is_none()
        && function.within_group.is_empty()
        && matches!(function.parameters, FunctionArguments::None);
    let empty = match &function.args {
        FunctionArguments::None => true,
        FunctionArguments::List(list) => list.args.is_empty() && list.clauses.is_empty(),
        FunctionArguments::Subquery(_) => false,
    };
    match function.name.0.as_slice() {
        [part] if plain && empty => part.as_ident().map(|ident| ident.value.to_ascii_lowercase()),
        _ => None,
    }
}

fn statement_function(function: &ast::Function, constants: &Constants<'_>) -> Option<Value> {
    let backend = constants.backend?;
    Some(match bare_function(function)?.as_str() {
        "now" | "current_timestamp" => now_as(constants.now, Type::Timestamp),
        "current_date" => now_as(constants.now, Type::Date),
        "current_time" => now_as(constants.now, Type::Time),
        "current_user" => backend.user().map_or(Datum::Null, |user| Value::text(user.as_str())),
        _ => return None,
    })
}

impl Constant {
    /// The value as a column of type `ty` stores it.
    ///
    /// # Errors
    /// Kind `invalid` if it cannot hold it.
    pub fn store(self, ty: Type) -> Result<Value> {
        match self {
            Constant::Value(value) => store(value, ty),
            Constant::Number(text) => match ty {
                Type::SmallInt | Type::Int | Type::BigInt | Type::Counter | Type::Real | Type::Double => {
                    Value::parse(ty, &text).or_else(|_| store(number(&text)?, ty))
                }
                Type::Decimal { .. } => Value::parse(ty, &text).or_else(|_| store(number(&text)?, ty)),
                _ => store(number(&text)?, ty),
            },
        }
    }

    /// The value in a comparison with a column that reads as type `ty`; `None` if it takes more than a change of
    /// its form, so that another path must compare.
    ///
    /// # Errors
    /// Kind `invalid` for text that is no value of a UUID, date or time type.
    pub fn compare(self, ty: Type) -> Result<Option<Value>> {
        Ok(match (self, ty) {
            (
                Constant::Number(text),
                Type::SmallInt | Type::Int | Type::BigInt | Type::Decimal { .. } | Type::Double,
            ) => Value::parse(ty, &text).ok(),
            (Constant::Number(text), Type::Real) => {
                text.parse().ok().and_then(|double: f64| Value::Double(double).convert(Type::Real))
            }
            (Constant::Number(_), _) => None,
            (Constant::Value(Datum::Text(text)), Type::Uuid | Type::Date | Type::Time | Type::Timestamp) => {
                Some(Value::parse(ty, &text)?)
            }
            (Constant::Value(value), _) => value.convert(ty),
        })
    }
}

/// A number literal with a type of its own: BIGINT if it is an integer that fits, else DECIMAL, else DOUBLE.
fn number(text: &str) -> Result<Value> {
    if let Ok(integer) = text.parse() {
        return Ok(Datum::BigInt(integer));
    }
    let fraction = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let decimal = u8::try_from(fraction).ok().and_then(|scale| {
        Value::parse(Type::Decimal { precision: kalamdb_core::value::DECIMAL_PRECISION_MAX, scale }, text).ok()
    });
    decimal.map_or_else(|| Value::parse(Type::Double, text), Ok)
}

/// `value` as a column of type `ty` stores it: text is read, numbers change their type if their size allows it,
/// decimals are rounded to the column's scale, half away from zero.
///
/// # Errors
/// Kind `invalid` if the column cannot hold it.
pub fn store(value: Value, ty: Type) -> Result<Value> {
    if value.fits(ty) {
        return Ok(value);
    }
    let converted = match (&value, ty) {
        (Datum::Text(text), _) => return Value::parse(ty, text),
        (Datum::Double(double), Type::Real) => {
            let narrow = *double as f32;
            (narrow.is_finite() || !double.is_finite()).then_some(Datum::Real(narrow))
        }
        (Datum::Double(double), Type::Decimal { precision, scale }) => {
            let text = format!("{double:.*}", usize::from(scale));
            Value::parse(Type::Decimal { precision, scale }, &text).ok()
        }
        (Datum::Real(real), Type::Decimal { .. }) => store(Datum::Double((*real).into()), ty).ok(),
        (Datum::Decimal { unscaled, scale }, Type::Decimal { precision, scale: wanted }) if *scale > wanted => {
            let rounded = Datum::Decimal { unscaled: round(*unscaled, scale - wanted), scale: wanted };
            rounded.fits(Type::Decimal { precision, scale: wanted }).then_some(rounded)
        }
        (Datum::Decimal { .. }, Type::Real | Type::Double) => Value::parse(ty, &value.to_string()).ok(),
        (Datum::SmallInt(_) | Datum::Int(_) | Datum::BigInt(_), Type::Real | Type::Double) => {
            Value::parse(ty, &value.to_string()).ok()
        }
        (Datum::Bytes(bytes), Type::Uuid) => <[u8; 16]>::try_from(bytes.as_slice()).ok().map(Datum::Uuid),
        (Datum::Timestamp(micros), Type::Date | Type::Time) => Some(now_as(Now(*micros), ty)),
        _ => value.convert(ty),
    };
    converted.ok_or_else(|| {
        let shown: String = value.to_string().chars().take(60).collect();
        let message = format!("a column of type {ty} cannot hold {shown} of type {}", value.type_name());
        Error::invalid("wrong_type", message)
    })
}

fn round(unscaled: i128, digits: u8) -> i128 {
    let unit = 10i128.checked_pow(digits.into()).unwrap_or(i128::MAX);
    let (whole, rest) = (unscaled / unit, unscaled % unit);
    if rest.unsigned_abs() >= unit.unsigned_abs().div_ceil(2) { whole + unscaled.signum() } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_numbers_keep_their_value() {
        let cents = Type::Decimal { precision: 6, scale: 2 };
        let number = |text: &str, ty| Constant::Number(text.into()).store(ty);
        assert_eq!(number("1.005", cents).unwrap().to_string(), "1.01");
        assert_eq!(number("-1.005", cents).unwrap().to_string(), "-1.01");
        assert_eq!(number("0.1", Type::Real).unwrap(), Datum::Real(0.1));
        assert!(number("70000", Type::SmallInt).is_err());
        assert!(number("1.5", Type::Int).is_err());
        assert!(number("10000", cents).is_err());
        assert_eq!(number("5", Type::Counter).unwrap().to_string(), "5");
        assert_eq!(store(Value::text("12.50"), cents).unwrap().to_string(), "12.50");
        assert!(store(Datum::Double(1e300), Type::Real).is_err());
        assert!(store(Datum::Boolean(true), Type::Int).is_err());
    }

    #[test]
    fn comparisons_convert_only_what_stays_equal() {
        let number = |text: &str, ty| Constant::Number(text.into()).compare(ty).unwrap();
        assert_eq!(number("5", Type::Int), Some(Datum::Int(5)));
        assert_eq!(number("5.5", Type::Int), None);
        assert_eq!(number("0.1", Type::Real), None, "0.1 has no exact REAL");
        assert_eq!(number("0.5", Type::Real), Some(Datum::Real(0.5)));
        assert!(Constant::Value(Value::text("x")).compare(Type::Uuid).is_err());
        assert_eq!(Constant::Value(Datum::Double(5.5)).compare(Type::BigInt).unwrap(), None);
    }
}
