//! Values from plain Rust values, for parameters of statements.

use super::{Datum, Value};

macro_rules! from {
    ($($from:ty => |$value:ident| $to:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Value {
                $to
            }
        }
    )*};
}

from! {
    bool => |value| Datum::Boolean(value);
    i16 => |value| Datum::SmallInt(value);
    i32 => |value| Datum::Int(value);
    i64 => |value| Datum::BigInt(value);
    f32 => |value| Datum::Real(value);
    f64 => |value| Datum::Double(value);
    &str => |value| Datum::Text(value.to_string());
    String => |value| Datum::Text(value);
    &[u8] => |value| Datum::Bytes(value.to_vec());
    Vec<u8> => |value| Datum::Bytes(value);
}

/// NULL for `None`.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Datum::Null, Into::into)
    }
}
