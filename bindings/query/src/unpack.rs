//! Packed results as the engine writes them (`packed.rs` of kalamdb-wasm), read again.

use kalamdb_core::codec::Reader;
use kalamdb_core::{Datum, Error, Result, Type, Value};
use kalamdb_sql::ResultColumn;

/// Columns and rows.
type Table = (Vec<ResultColumn>, Vec<Vec<Value>>);

fn damaged() -> Error {
    Error::internal("broken_results", "results arrived damaged from JavaScript")
}

/// The first result of a list.
pub fn first_result(bytes: &[u8]) -> Result<Table> {
    read(&mut Reader::new(bytes)).map_err(|_| damaged())
}

fn number(input: &mut Reader<'_>) -> Result<usize> {
    Ok(u32::from_le_bytes(input.array()?) as usize)
}

fn text<'a>(input: &mut Reader<'a>) -> Result<&'a str> {
    let len = number(input)?;
    std::str::from_utf8(input.raw(len)?).map_err(|_| damaged())
}

fn read(input: &mut Reader<'_>) -> Result<Table> {
    if number(input)? == 0 {
        return Err(damaged());
    }
    text(input)?;
    // Rows that were changed, and the transaction.
    input.raw(16)?;
    let (width, count) = (number(input)?, number(input)?);
    let mut columns = Vec::new();
    let mut rows: Vec<Vec<Value>> = vec![Vec::new(); count];
    for _ in 0..width {
        let name = text(input)?.to_owned();
        let ty = ty(input)?;
        read_column(input, ty, &mut rows)?;
        columns.push(ResultColumn::new(name, ty));
    }
    Ok((columns, rows))
}

fn ty(input: &mut Reader<'_>) -> Result<Type> {
    Ok(match input.u8()? {
        1 => Type::Boolean,
        2 => Type::SmallInt,
        3 => Type::Int,
        4 | 17 => Type::BigInt,
        5 => Type::Real,
        6 => Type::Double,
        7 => Type::Decimal { precision: 38, scale: input.u8()? },
        8 => Type::Text,
        9 => Type::Bytes,
        10 => Type::Date,
        11 => Type::Time,
        12 => Type::Timestamp,
        13 => Type::Uuid,
        14 => Type::Json,
        15 => Type::Counter,
        16 => Type::Document,
        _ => return Err(damaged()),
    })
}

fn read_column(input: &mut Reader<'_>, ty: Type, rows: &mut [Vec<Value>]) -> Result<()> {
    let bits = input.raw(rows.len().div_ceil(8))?;
    let is_set = |at: usize| bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
    let ends = match ty {
        Type::Text | Type::Bytes | Type::Json | Type::Document => {
            Some((0..rows.len()).map(|_| number(input)).collect::<Result<Vec<_>>>()?)
        }
        _ => None,
    };
    let mut start = 0;
    for (at, row) in rows.iter_mut().enumerate() {
        let value = match &ends {
            Some(ends) => {
                let end = ends.get(at).copied().unwrap_or_default();
                let bytes = input.raw(end.checked_sub(start).ok_or_else(damaged)?)?;
                start = end;
                variable(ty, bytes)?
            }
            None => fixed(input, ty)?,
        };
        row.push(if is_set(at) { value } else { Datum::Null });
    }
    Ok(())
}

fn variable(ty: Type, bytes: &[u8]) -> Result<Value> {
    let text = || String::from_utf8(bytes.to_vec()).map_err(|_| damaged());
    Ok(match ty {
        Type::Text => Datum::Text(text()?),
        Type::Json => Datum::Json(text()?),
        _ => Datum::Bytes(bytes.to_vec()),
    })
}

fn fixed(input: &mut Reader<'_>, ty: Type) -> Result<Value> {
    Ok(match ty {
        Type::Boolean => Datum::Boolean(input.u8()? == 1),
        Type::SmallInt => Datum::SmallInt(i16::from_le_bytes(input.array()?)),
        Type::Int => Datum::Int(i32::from_le_bytes(input.array()?)),
        Type::Date => Datum::Date(i32::from_le_bytes(input.array()?)),
        Type::BigInt | Type::Counter => Datum::BigInt(i64::from_le_bytes(input.array()?)),
        Type::Time => Datum::Time(i64::from_le_bytes(input.array()?)),
        Type::Timestamp => Datum::Timestamp(i64::from_le_bytes(input.array()?)),
        Type::Real => Datum::Real(f32::from_le_bytes(input.array()?)),
        Type::Double => Datum::Double(f64::from_le_bytes(input.array()?)),
        Type::Uuid => Datum::Uuid(input.array()?),
        Type::Decimal { scale, .. } => Datum::Decimal { unscaled: i128::from_le_bytes(input.array()?), scale },
        Type::Text | Type::Bytes | Type::Json | Type::Document => return Err(damaged()),
    })
}
