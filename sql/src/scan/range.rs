//! From conditions to ranges of keys.

use kalamdb_core::catalog::{IndexDef, Table};
use kalamdb_core::expr::{Comparison, Expr};
use kalamdb_core::store::{KeyRange, successor};
use kalamdb_core::{ColumnId, Datum, Result, Value, View, key};

/// Most ranges of one scan; a longer IN list is checked row by row.
pub const RANGES_MAX: usize = 1_000;
/// Most keys that an index may give; a scan of the rows replaces it past that.
pub const INDEX_KEYS_MAX: usize = 20_000;

/// The way to the rows that a condition may be true for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Ranges of the primary key, in order and apart.
    Key(Vec<KeyRange>),
    /// Ranges of an index.
    Index(IndexDef, Vec<KeyRange>),
}

impl Access {
    /// Every row.
    pub fn all() -> Access {
        Access::Key(vec![KeyRange::all()])
    }
}

/// The narrowest way to the rows for which all of `conditions` may be true; columns are column ids.
///
/// # Errors
/// What the store gives.
pub fn access(view: &View, table: &Table, conditions: &[Expr], with_tombstones: bool) -> Result<Access> {
    let mut parts = Vec::new();
    conditions.iter().for_each(|condition| flatten(condition, &mut parts));
    let (key_depth, key_ranges) = ranges(&table.primary_key, &parts)?;
    if key_depth == Depth::default() && !with_tombstones {
        let mut best: Option<(Depth, &IndexDef, Vec<KeyRange>)> = None;
        for index in &table.indexes {
            let (depth, ranges) = ranges(&index.columns, &parts)?;
            if depth > best.as_ref().map_or(Depth::default(), |best| best.0) && view.can_use(index)? {
                best = Some((depth, index, ranges));
            }
        }
        if let Some((_, index, ranges)) = best {
            return Ok(Access::Index(index.clone(), ranges));
        }
    }
    Ok(Access::Key(key_ranges))
}

fn flatten<'a>(condition: &'a Expr, parts: &mut Vec<&'a Expr>) {
    match condition {
        Expr::And(all) => all.iter().for_each(|part| flatten(part, parts)),
        other => parts.push(other),
    }
}

/// How much of a key the conditions fix: columns with known values, then whether the next one is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Depth {
    fixed: usize,
    bounded: bool,
}

fn ranges(columns: &[ColumnId], parts: &[&Expr]) -> Result<(Depth, Vec<KeyRange>)> {
    let mut prefixes: Vec<Vec<u8>> = vec![Vec::new()];
    let mut depth = Depth::default();
    for column in columns {
        let Some(values) = fixed_values(*column, parts) else {
            let (bounded, ranges) = bound(*column, parts, &prefixes)?;
            depth.bounded = bounded;
            return Ok((depth, ranges));
        };
        if values.len().saturating_mul(prefixes.len()) > RANGES_MAX {
            break;
        }
        prefixes = extend(&prefixes, &values)?;
        depth.fixed += 1;
    }
    Ok((depth, prefixes.into_iter().map(KeyRange::prefix).collect()))
}

/// The values that a column can have, sorted; `None` if the conditions leave it open.
fn fixed_values<'a>(column: ColumnId, parts: &[&'a Expr]) -> Option<Vec<&'a Value>> {
    let lists = parts.iter().filter_map(|part| {
        let mut values = Vec::new();
        collect_values(column, part, &mut values).then_some(values)
    });
    let mut values = lists.min_by_key(Vec::len)?;
    // A comparison with NULL is never true, so NULL leaves no key.
    values.retain(|value| !value.is_null());
    values.sort_by(|a, b| a.order(*b));
    values.dedup_by(|a, b| a.order(*b).is_eq());
    Some(values)
}

/// Collects the only values for which a condition on the column can be true; `false` if it is no such condition.
fn collect_values<'a>(column: ColumnId, condition: &'a Expr, values: &mut Vec<&'a Value>) -> bool {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(at) if *at == column.0);
    match condition {
        Expr::Compare(Comparison::Equal, left, right) if is_column(left) => match &**right {
            Expr::Literal(value) => values.push(value),
            _ => return false,
        },
        Expr::In(inner, list) if is_column(inner) => values.extend(list),
        Expr::Or(parts) if !parts.is_empty() => {
            return parts.iter().all(|part| collect_values(column, part, values)) && values.len() <= RANGES_MAX;
        }
        _ => return false,
    }
    values.len() <= RANGES_MAX
}

fn extend(prefixes: &[Vec<u8>], values: &[&Value]) -> Result<Vec<Vec<u8>>> {
    let mut longer = Vec::with_capacity(prefixes.len() * values.len());
    for prefix in prefixes {
        for value in values {
            longer.push(with_value(prefix, value)?);
        }
    }
    Ok(longer)
}

fn with_value(prefix: &[u8], value: &Value) -> Result<Vec<u8>> {
    let mut out = prefix.to_vec();
    key::write_value(&mut out, value)?;
    Ok(out)
}

/// The ranges behind `prefixes` that comparisons of `column` leave.
fn bound(column: ColumnId, parts: &[&Expr], prefixes: &[Vec<u8>]) -> Result<(bool, Vec<KeyRange>)> {
    let mut bounds: Vec<(Comparison, &Value)> = Vec::new();
    for part in parts {
        if let Expr::Compare(comparison, left, right) = part
            && *comparison != Comparison::NotEqual
            && let (Expr::Column(at), Expr::Literal(value)) = (&**left, &**right)
            && *at == column.0
            && !value.is_null()
        {
            bounds.push((*comparison, value));
        }
    }
    let mut ranges = Vec::with_capacity(prefixes.len());
    for prefix in prefixes {
        let mut range = KeyRange::prefix(prefix.clone());
        if !bounds.is_empty() {
            // NULL sorts last and is in no range.
            let null = with_value(prefix, &Datum::Null)?;
            range.end = Some(null);
        }
        for (comparison, value) in &bounds {
            narrow(&mut range, *comparison, with_value(prefix, value)?);
        }
        if !range.is_empty() {
            ranges.push(range);
        }
    }
    Ok((!bounds.is_empty(), ranges))
}

fn narrow(range: &mut KeyRange, comparison: Comparison, at: Vec<u8>) {
    let behind = successor(&at);
    let (start, end) = match comparison {
        Comparison::Equal => (Some(at), behind),
        Comparison::Less => (None, Some(at)),
        Comparison::LessOrEqual => (None, behind),
        Comparison::Greater => (behind, None),
        Comparison::GreaterOrEqual => (Some(at), None),
        Comparison::NotEqual => (None, None),
    };
    if let Some(start) = start
        && start > range.start
    {
        range.start = start;
    }
    if let Some(end) = end
        && range.end.as_ref().is_none_or(|known| end < *known)
    {
        range.end = Some(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(at: u32) -> Expr {
        Expr::Column(at)
    }

    fn compare(at: u32, comparison: Comparison, value: i32) -> Expr {
        Expr::compare(comparison, column(at), Expr::Literal(Datum::Int(value)))
    }

    fn contains(ranges: &[KeyRange], values: &[Value]) -> bool {
        let key = key::tuple(values.iter()).unwrap();
        ranges.iter().any(|range| range.contains(&key))
    }

    #[test]
    fn equal_prefix_and_bound_give_one_range() {
        let conditions = [
            compare(0, Comparison::Equal, 7),
            compare(1, Comparison::Greater, 3),
            compare(1, Comparison::LessOrEqual, 5),
        ];
        let (depth, found) = ranges(&[ColumnId(0), ColumnId(1)], &conditions.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!((depth.fixed, depth.bounded, found.len()), (1, true, 1));
        for (second, inside) in [(3, false), (4, true), (5, true), (6, false)] {
            assert_eq!(contains(&found, &[Datum::Int(7), Datum::Int(second)]), inside, "{second}");
        }
        assert!(!contains(&found, &[Datum::Int(8), Datum::Int(4)]));
        assert!(!contains(&found, &[Datum::Int(7), Datum::Null]));
    }

    #[test]
    fn lists_give_ordered_ranges_and_contradictions_none() {
        let list = Expr::In(Box::new(column(0)), vec![Datum::Int(9), Datum::Null, Datum::Int(-1), Datum::Int(9)]);
        let (_, found) = ranges(&[ColumnId(0)], &[&list]).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].end.as_ref().unwrap() <= &found[1].start);
        let never = [compare(0, Comparison::Less, 1), compare(0, Comparison::Greater, 1)];
        assert!(ranges(&[ColumnId(0)], &never.iter().collect::<Vec<_>>()).unwrap().1.is_empty());
    }
}
