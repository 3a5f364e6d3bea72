//! Values in JSON.
//!
//! | type | in JSON |
//! |---|---|
//! | BOOLEAN | `true`, `false` |
//! | SMALLINT, INT, BIGINT, COUNTER | a number up to ±2^53, beyond that a string |
//! | REAL, DOUBLE | a number; `"NaN"`, `"inf"`, `"-inf"` |
//! | DECIMAL, TEXT, UUID, DATE, TIME, TIMESTAMP | a string; times as in ISO 8601, timestamps end with `Z` |
//! | BYTES | a string `\x…` of hexadecimal digits |
//! | JSON | as it is |
//!
//! A parameter is read the same way back, by the type of the column that it meets.

use kalamdb_core::{Datum, Error, Result, Value};
use serde_json::Value as Json;

/// The largest whole number that every reader of JSON keeps exactly.
const SAFE_INTEGER_MAX: u64 = 1 << 53;

/// A value of a result.
pub fn to_json(value: &Value) -> Json {
    match value {
        Datum::Null => Json::Null,
        Datum::Boolean(truth) => Json::Bool(*truth),
        Datum::SmallInt(number) => Json::from(*number),
        Datum::Int(number) => Json::from(*number),
        Datum::BigInt(number) => integer(*number),
        Datum::Counter(counter) => integer(counter.value()),
        // By its decimal form, so that 0.1 stays 0.1.
        Datum::Real(number) => double(number.to_string().parse().unwrap_or(f64::from(*number))),
        Datum::Double(number) => double(*number),
        Datum::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::from(text.as_str())),
        Datum::Decimal { .. }
        | Datum::Text(_)
        | Datum::Bytes(_)
        | Datum::Date(_)
        | Datum::Time(_)
        | Datum::Timestamp(_)
        | Datum::Uuid(_) => Json::from(value.to_string()),
    }
}

fn integer(number: i64) -> Json {
    if number.unsigned_abs() <= SAFE_INTEGER_MAX { Json::from(number) } else { Json::from(number.to_string()) }
}

fn double(number: f64) -> Json {
    serde_json::Number::from_f64(number).map_or_else(|| Json::from(number.to_string()), Json::Number)
}

/// A parameter, `at` counted from 1. Objects and lists are values of type JSON.
///
/// # Errors
/// Kind `invalid` for a number that no type of KalamDB holds.
pub fn from_json(value: Json, at: usize) -> Result<Value> {
    Ok(match value {
        Json::Null => Datum::Null,
        Json::Bool(truth) => Datum::Boolean(truth),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Datum::BigInt(integer),
            (None, Some(double)) if !number.is_u64() => Datum::Double(double),
            _ => {
                let message = format!("parameter ${at} is {number}: give numbers beyond BIGINT as a string");
                return Err(Error::invalid("invalid_parameter", message));
            }
        },
        Json::String(text) => Datum::Text(text),
        json @ (Json::Array(_) | Json::Object(_)) => Datum::Json(json.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use kalamdb_core::Type;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_every_type_have_their_form() {
        let parsed = |ty, text| to_json(&Value::parse(ty, text).expect("a value"));
        assert_eq!(to_json(&Datum::Null), json!(null));
        assert_eq!(parsed(Type::Boolean, "true"), json!(true));
        assert_eq!(parsed(Type::BigInt, "9007199254740992"), json!(9_007_199_254_740_992_i64));
        assert_eq!(parsed(Type::BigInt, "-9007199254740993"), json!("-9007199254740993"));
        assert_eq!(parsed(Type::Real, "0.1"), json!(0.1));
        assert_eq!(parsed(Type::Double, "NaN"), json!("NaN"));
        assert_eq!(parsed(Type::Decimal { precision: 9, scale: 2 }, "1.5"), json!("1.50"));
        assert_eq!(parsed(Type::Timestamp, "2013-01-01T05:00:00Z"), json!("2013-01-01T05:00:00Z"));
        assert_eq!(parsed(Type::Bytes, "00ff"), json!("\\x00ff"));
        assert_eq!(parsed(Type::Json, "{\"a\":[1]}"), json!({ "a": [1] }));
        assert_eq!(parsed(Type::Counter, "7"), json!(7));
    }

    #[test]
    fn parameters_are_read_by_their_form() {
        let read = |json| from_json(json, 1);
        assert_eq!(read(json!(3)), Ok(Datum::BigInt(3)));
        assert_eq!(read(json!(1.5)), Ok(Datum::Double(1.5)));
        assert_eq!(read(json!("x")), Ok(Datum::Text("x".to_owned())));
        assert_eq!(read(json!([1, 2])), Ok(Datum::Json("[1,2]".to_owned())));
        assert_eq!(read(json!(u64::MAX)).expect_err("too large").code(), "invalid_parameter");
    }
}
