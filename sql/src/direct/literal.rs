//! Constants of SQL text, and their conversion to the type of the column that they are compared with.
//!
//! A conversion is made only if nothing is lost and DataFusion's comparison, which may convert the column instead,
//! has the same outcome for every value of the column. Everything else is left to DataFusion.

use kalamdb_core::value::Datum;
use kalamdb_core::{Type, Value};
use sqlparser::ast::{self, UnaryOperator};

/// Digits behind the point of the decimal that DataFusion makes of a DOUBLE to compare it with a DECIMAL, and digits
/// before it.
const DOUBLE_SCALE: u8 = 15;
const DOUBLE_RANGE: u8 = 15;
const DECIMAL_DIGITS_MAX: u8 = 38;

/// What stands in SQL text where a value may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Constant {
    /// A value, of the type that DataFusion gives such a literal.
    Value(Value),
    /// A parameter as it is written: `?` or `$1`.
    Placeholder(Placeholder),
}

/// A parameter in SQL text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// `$n`, counted from 0.
    Numbered(usize),
    /// `?`, which counts by its place in the text.
    Question(sqlparser::tokenizer::Location),
}

/// The constant that an expression is; none for every other expression.
pub(super) fn constant(expr: &ast::Expr) -> Option<Constant> {
    match expr {
        ast::Expr::Nested(inner) => constant(inner),
        ast::Expr::Value(value) => of_value(value),
        ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(digits, _), .. }) => {
                number(&format!("-{digits}")).map(Constant::Value)
            }
            _ => None,
        },
        ast::Expr::TypedString(typed) if !typed.uses_odbc_syntax => of_typed(typed).map(Constant::Value),
        _ => None,
    }
}

fn of_value(value: &ast::ValueWithSpan) -> Option<Constant> {
    let literal = match &value.value {
        ast::Value::Number(digits, false) => number(digits)?,
        ast::Value::SingleQuotedString(text) => Value::text(text.as_str()),
        ast::Value::Boolean(truth) => Datum::Boolean(*truth),
        ast::Value::Null => Datum::Null,
        ast::Value::HexStringLiteral(_) => Value::parse(Type::Bytes, &hex(&value.value)?).ok()?,
        ast::Value::Placeholder(text) => return placeholder(text, value.span).map(Constant::Placeholder),
        _ => return None,
    };
    Some(Constant::Value(literal))
}

fn hex(value: &ast::Value) -> Option<String> {
    match value {
        ast::Value::HexStringLiteral(digits) if digits.len().is_multiple_of(2) => Some(digits.clone()),
        _ => None,
    }
}

fn placeholder(text: &str, span: sqlparser::tokenizer::Span) -> Option<Placeholder> {
    if text == "?" {
        return Some(Placeholder::Question(span.start));
    }
    let number: usize = text.strip_prefix('$')?.parse().ok()?;
    number.checked_sub(1).map(Placeholder::Numbered)
}

/// DataFusion reads what fits 64 bits as BIGINT and the rest as DOUBLE.
fn number(digits: &str) -> Option<Value> {
    if let Ok(integer) = digits.parse::<i64>() {
        return Some(Datum::BigInt(integer));
    }
    let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_integer || digits.contains('_') {
        return None;
    }
    digits.parse().ok().filter(|double: &f64| double.is_finite()).map(Datum::Double)
}

/// `DATE '…'` and `TIMESTAMP '…'`.
fn of_typed(typed: &ast::TypedString) -> Option<Value> {
    let ast::Value::SingleQuotedString(text) = &typed.value.value else { return None };
    match &typed.data_type {
        ast::DataType::Date => date(text),
        ast::DataType::Timestamp(None, ast::TimezoneInfo::None) => timestamp(text),
        _ => None,
    }
}

/// The value of a column of type `ty` that compares as `value` does in DataFusion.
pub(super) fn convert(value: &Value, ty: Type) -> Option<Value> {
    let is_negative_zero = match value {
        // DataFusion tells −0 from 0, stored columns have none.
        Datum::Double(v) => *v == 0.0 && v.is_sign_negative(),
        Datum::Real(v) => *v == 0.0 && v.is_sign_negative(),
        _ => false,
    };
    if is_negative_zero {
        return None;
    }
    match (value, ty) {
        (Datum::Null, _) => Some(Datum::Null),
        (Datum::Counter(_), _) | (_, Type::Counter | Type::Document) => None,
        (Datum::Double(v), Type::Decimal { precision, scale }) => double_as_decimal(*v, precision, scale),
        (Datum::Decimal { scale: given, .. }, Type::Decimal { precision, scale }) => {
            (precision - scale + scale.max(*given) <= DECIMAL_DIGITS_MAX).then(|| value.convert(ty)).flatten()
        }
        (Datum::Text(text), Type::Date) => date(text),
        (Datum::Text(text), Type::Time) => time(text),
        (Datum::Text(text), Type::Timestamp) => timestamp(text),
        (Datum::Text(text), Type::Uuid) => uuid(text),
        (Datum::Date(_), Type::Timestamp) => value.convert(ty).and_then(as_nanoseconds),
        (Datum::Bytes(bytes), Type::Uuid) => bytes.as_slice().try_into().ok().map(Datum::Uuid),
        _ if is_alike(value, ty) => value.convert(ty),
        _ => None,
    }
}

/// Whether DataFusion compares the two without loss wherever [`Value::convert`] converts without loss.
fn is_alike(value: &Value, ty: Type) -> bool {
    let is_integer = matches!(value, Datum::SmallInt(_) | Datum::Int(_) | Datum::BigInt(_));
    match ty {
        Type::SmallInt | Type::Int | Type::BigInt => {
            is_integer || matches!(value, Datum::Double(_) | Datum::Decimal { .. })
        }
        Type::Real | Type::Double => is_integer || matches!(value, Datum::Real(_) | Datum::Double(_)),
        Type::Decimal { .. } => is_integer,
        Type::Json => matches!(value, Datum::Text(_) | Datum::Json(_)),
        _ => value.fits(ty),
    }
}

/// DataFusion compares a DECIMAL with a DOUBLE as decimals with 15 digits or more behind the point, and computes that
/// of the DOUBLE by multiplication. Where this gives the number as it is written, the comparison is exact.
fn double_as_decimal(double: f64, precision: u8, scale: u8) -> Option<Value> {
    let wide = scale.max(DOUBLE_SCALE);
    if (precision - scale).max(DOUBLE_RANGE) + wide > DECIMAL_DIGITS_MAX {
        return None;
    }
    let exact = Value::parse(Type::Decimal { precision: DECIMAL_DIGITS_MAX, scale: wide }, &double.to_string()).ok()?;
    let computed = (double * 10f64.powi(wide.into())).round();
    match exact {
        Datum::Decimal { unscaled, .. } if unscaled == computed as i128 => {
            exact.convert(Type::Decimal { precision, scale })
        }
        _ => None,
    }
}

fn is_shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, wanted)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted })
}

/// `2024-02-29`
fn date(text: &str) -> Option<Value> {
    is_shaped(text, "0000-00-00").then(|| Value::parse(Type::Date, text).ok()).flatten()
}

/// `23:59:59` with up to six digits behind the second.
fn time(text: &str) -> Option<Value> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_fraction =
        |digits: &str| (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = is_shaped(whole, "00:00:00") && whole.get(6..).is_some_and(|second| second < "60");
    (is_time && fraction.is_none_or(is_fraction)).then(|| Value::parse(Type::Time, text).ok()).flatten()
}

/// `2024-02-29`, or `2024-02-29 23:59:59.000001` with T or a space between and perhaps a Z behind.
fn timestamp(text: &str) -> Option<Value> {
    let is_whole = match (text.get(..10), text.get(10..)) {
        (Some(day), Some(rest)) if date(day).is_some() => {
            let clock = rest.strip_prefix([' ', 'T']).map(|clock| clock.strip_suffix('Z').unwrap_or(clock));
            rest.is_empty() || clock.is_some_and(|clock| time(clock).is_some())
        }
        _ => false,
    };
    is_whole.then(|| Value::parse(Type::Timestamp, text).ok()).flatten().and_then(as_nanoseconds)
}

/// DataFusion compares such times as nanoseconds; what does not fit is its error to report.
fn as_nanoseconds(value: Value) -> Option<Value> {
    match value {
        Datum::Timestamp(micros) if micros.checked_mul(1000).is_some() => Some(value),
        _ => None,
    }
}

/// `01234567-89ab-cdef-0123-456789abcdef`
fn uuid(text: &str) -> Option<Value> {
    let dashes =
        |(at, byte): (usize, u8)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    (text.len() == 36 && text.bytes().enumerate().all(dashes)).then(|| Value::parse(Type::Uuid, text).ok()).flatten()
}
