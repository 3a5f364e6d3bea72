//! What the engine packs, the query module unpacks.

use kalamdb_core::value::Counter;
use kalamdb_core::{Datum, Type, Value};
use kalamdb_query::{arrow, unpack};
use kalamdb_sql::{ResultColumn, StatementResult};
use kalamdb_wasm::packed;

/// A value of each type that a result can have.
fn values() -> Vec<(Type, Value)> {
    vec![
        (Type::Boolean, Datum::Boolean(true)),
        (Type::SmallInt, Datum::SmallInt(-7)),
        (Type::Int, Datum::Int(i32::MIN)),
        (Type::BigInt, Datum::BigInt(i64::MAX)),
        (Type::Real, Datum::Real(1.5)),
        (Type::Double, Datum::Double(-0.25)),
        (Type::Decimal { precision: 38, scale: 2 }, Datum::Decimal { unscaled: -12_345, scale: 2 }),
        (Type::Text, Value::text("grüß dich")),
        (Type::Bytes, Datum::Bytes(vec![0, 255])),
        (Type::Date, Datum::Date(-1)),
        (Type::Time, Datum::Time(86_399_999_999)),
        (Type::Timestamp, Datum::Timestamp(1_767_225_600_000_001)),
        (Type::Uuid, Datum::Uuid([9; 16])),
        (Type::Json, Datum::Json("{\"a\": 1}".into())),
    ]
}

fn result() -> StatementResult {
    let columns =
        values().into_iter().enumerate().map(|(at, (ty, _))| ResultColumn::new(format!("c{at}"), ty)).collect();
    let row: Vec<Value> = values().into_iter().map(|(_, value)| value).collect();
    let nulls = vec![Value::Null; row.len()];
    // Nine rows: the bits of one column fill more than a byte.
    let rows = (0..9).map(|at| if at % 3 == 1 { nulls.clone() } else { row.clone() }).collect();
    StatementResult::rows("SELECT", columns, rows)
}

#[test]
fn every_type_comes_through() {
    let result = result();
    let (columns, rows) = unpack::first_result(&packed::encode(std::slice::from_ref(&result))).expect("whole bytes");
    assert_eq!((columns, rows), (result.columns.clone(), result.rows.clone()));
    let stream = arrow(&packed::encode(&[result])).expect("every type has a form in Arrow");
    // A stream begins with a continuation mark.
    assert_eq!(stream[..4], [0xff; 4]);
}

#[test]
fn counts_are_bigints_and_counters_their_values() {
    let mut column = ResultColumn::new("n", Type::BigInt);
    column.counts = true;
    let counted = StatementResult::rows("SELECT", vec![column], vec![vec![Datum::BigInt(3)]]);
    let (columns, rows) = unpack::first_result(&packed::encode(&[counted])).expect("whole bytes");
    assert_eq!((columns[0].ty, &rows[0][0]), (Type::BigInt, &Datum::BigInt(3)));
    let counter = ResultColumn::new("likes", Type::Counter);
    let rows = vec![vec![Datum::Counter(Counter::of(5))]];
    let packed = packed::encode(&[StatementResult::rows("SELECT", vec![counter], rows)]);
    assert_eq!(unpack::first_result(&packed).expect("whole bytes").1[0][0], Datum::BigInt(5));
}

#[test]
fn damaged_bytes_are_an_error() {
    let whole = packed::encode(&[result()]);
    for end in [0, 3, 4, 20, whole.len() / 2, whole.len() - 1] {
        assert!(unpack::first_result(&whole[..end]).is_err(), "cut at {end}");
    }
}
