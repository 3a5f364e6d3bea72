//! Aggregate functions. Types and results are those of DataFusion 55.

use super::declare::{Function, Output};
use super::reading::Reading;
use crate::catalog::Table;
use crate::value::{DECIMAL_PRECISION_MAX, Datum, Type, Value, ValueRef};
use crate::{Error, Result};

/// Digits that `sum` of decimals adds in front, and `avg` behind the point.
const SUM_DIGITS: u8 = 10;
const AVG_DIGITS: u8 = 4;

/// An aggregate of a planned query.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    pub(super) output: Output,
    /// The slot of its field; none for `count(*)`.
    pub(super) slot: Option<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Count,
    SumInteger,
    SumFloat,
    SumDecimal { scale: u8 },
    AvgFloat,
    AvgDecimal { scale: u8, target: u8 },
    Min,
    Max,
}

/// What an aggregate has seen of a group.
#[derive(Clone, Debug)]
pub(super) enum State {
    Count(i64),
    Integer(Option<i64>),
    Float { sum: f64, count: u64 },
    Decimal { sum: i128, count: u64 },
    Value(Value),
}

impl Aggregate {
    /// Makes an aggregate ready.
    pub(super) fn new(table: &Table, output: Output, reading: &Reading) -> Result<Aggregate> {
        let (function, field) = match output {
            Output::Aggregate(function, field) => (function, field),
            Output::CountRows | Output::Field(_) => return Ok(Aggregate { output, slot: None, kind: Kind::Count }),
        };
        let result = Aggregate::result_type(table, output)?;
        let kind = match (function, field.ty(table)?, result) {
            (Function::Count, ..) => Kind::Count,
            (Function::Min, ..) => Kind::Min,
            (Function::Max, ..) => Kind::Max,
            (Function::Sum, _, Type::BigInt) => Kind::SumInteger,
            (Function::Sum, _, Type::Decimal { scale, .. }) => Kind::SumDecimal { scale },
            (Function::Sum, ..) => Kind::SumFloat,
            (Function::Avg, Type::Decimal { scale, .. }, Type::Decimal { scale: target, .. }) => {
                Kind::AvgDecimal { scale, target }
            }
            (Function::Avg, ..) => Kind::AvgFloat,
        };
        Ok(Aggregate { output, slot: Some(reading.slot(field)), kind })
    }

    /// The type of an output.
    ///
    /// # Errors
    /// Kind `invalid` if the table has no such column or its type no such aggregate.
    pub(super) fn result_type(table: &Table, output: Output) -> Result<Type> {
        let (function, field) = match output {
            Output::CountRows => return Ok(Type::BigInt),
            Output::Field(field) => return field.ty(table),
            Output::Aggregate(function, field) => (function, field),
        };
        let ty = field.ty(table)?;
        let more = |digits: u8, more: u8| digits.saturating_add(more).min(DECIMAL_PRECISION_MAX);
        Ok(match (function, ty) {
            (Function::Count, _) => Type::BigInt,
            (Function::Min | Function::Max, _) => ty,
            (Function::Sum, Type::SmallInt | Type::Int | Type::BigInt) => Type::BigInt,
            (Function::Sum, Type::Decimal { precision, scale }) => {
                Type::Decimal { precision: more(precision, SUM_DIGITS), scale }
            }
            (Function::Avg, Type::Decimal { precision, scale }) => {
                Type::Decimal { precision: more(precision, AVG_DIGITS), scale: more(scale, AVG_DIGITS) }
            }
            (Function::Sum | Function::Avg, Type::Real | Type::Double)
            | (Function::Avg, Type::SmallInt | Type::Int | Type::BigInt) => Type::Double,
            (Function::Sum | Function::Avg, _) => {
                let message = format!("column `{}` of type {ty} has no sum and no mean", field.name(table));
                return Err(Error::invalid("no_aggregate", message));
            }
        })
    }

    /// The state of a group without rows.
    pub(super) fn start(&self) -> State {
        match self.kind {
            Kind::Count => State::Count(0),
            Kind::SumInteger => State::Integer(None),
            Kind::SumFloat | Kind::AvgFloat => State::Float { sum: 0.0, count: 0 },
            Kind::SumDecimal { .. } | Kind::AvgDecimal { .. } => State::Decimal { sum: 0, count: 0 },
            Kind::Min | Kind::Max => State::Value(Datum::Null),
        }
    }

    /// The result for a group.
    ///
    /// # Errors
    /// Kind `invalid` if a mean of decimals has too many digits.
    pub(super) fn finish(&self, state: &State) -> Result<Value> {
        Ok(match (state, self.kind) {
            (State::Count(count), _) => Datum::BigInt(*count),
            (State::Integer(sum), _) => sum.map_or(Datum::Null, Datum::BigInt),
            (State::Float { count: 0, .. } | State::Decimal { count: 0, .. }, _) => Datum::Null,
            (State::Float { sum, count }, Kind::AvgFloat) => Datum::Double(sum / *count as f64),
            (State::Float { sum, .. }, _) => Datum::Double(*sum),
            (State::Decimal { sum, count }, Kind::AvgDecimal { scale, target }) => {
                let wide = 10i128.checked_pow(u32::from(target - scale)).and_then(|unit| sum.checked_mul(unit));
                let unscaled = wide.ok_or_else(too_large)? / i128::from(*count);
                Datum::Decimal { unscaled, scale: target }
            }
            (State::Decimal { sum, .. }, Kind::SumDecimal { scale }) => Datum::Decimal { unscaled: *sum, scale },
            (State::Decimal { .. }, _) => Datum::Null,
            (State::Value(value), _) => value.clone(),
        })
    }

    /// Adds a value to a state and returns the bytes that the state grew by.
    ///
    /// # Errors
    /// Kind `invalid` if a sum of decimals does not fit 128 bits.
    #[inline]
    pub(super) fn add(&self, state: &mut State, value: &ValueRef<'_>) -> Result<usize> {
        if value.is_null() {
            return Ok(0);
        }
        match state {
            State::Count(count) => *count += 1,
            State::Integer(sum) => *sum = Some(sum.unwrap_or(0).wrapping_add(integer(value))),
            State::Float { sum, count } => {
                *sum += float(value);
                *count += 1;
            }
            State::Decimal { sum, count } => {
                if let Datum::Decimal { unscaled, .. } = value {
                    *sum = sum.checked_add(*unscaled).ok_or_else(too_large)?;
                    *count += 1;
                }
            }
            State::Value(held) => {
                let order = value.order(held);
                let better = held.is_null() || if self.kind == Kind::Min { order.is_lt() } else { order.is_gt() };
                if better {
                    *held = value.to_owned();
                    return Ok(text_bytes(value));
                }
            }
        }
        Ok(0)
    }

    /// Counts a row, for `count(*)`.
    #[inline]
    pub(super) fn add_row(state: &mut State) {
        if let State::Count(count) = state {
            *count += 1;
        }
    }
}

fn too_large() -> Error {
    Error::invalid("decimal_overflow", "a sum or mean of decimals has more than 38 digits: narrow the rows or the type")
}

fn integer(value: &ValueRef<'_>) -> i64 {
    match value {
        Datum::SmallInt(v) => (*v).into(),
        Datum::Int(v) => (*v).into(),
        Datum::BigInt(v) => *v,
        _ => 0,
    }
}

fn float(value: &ValueRef<'_>) -> f64 {
    match value {
        Datum::Real(v) => (*v).into(),
        Datum::Double(v) => *v,
        other => integer(other) as f64,
    }
}

/// Bytes of a value beside its own size.
fn text_bytes(value: &ValueRef<'_>) -> usize {
    match value {
        Datum::Text(text) | Datum::Json(text) => text.len(),
        Datum::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}
