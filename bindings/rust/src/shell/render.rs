//! Results as text for people and as JSON for programs.

use std::time::Duration;

use kalamdb_core::{Datum, Type, Value};
use kalamdb_sql::StatementResult;
use serde_json::{Value as Json, json};

/// The largest whole number that every reader of JSON keeps exactly.
const SAFE_INTEGER_MAX: u64 = 1 << 53;

/// A table for a query, a line for any other statement; with a final newline.
pub(super) fn table(result: &StatementResult) -> String {
    if result.columns.is_empty() {
        return match result.tag {
            "INSERT" | "UPDATE" | "DELETE" => format!("{} {}\n", result.tag, result.affected),
            tag => format!("{tag}\n"),
        };
    }
    let header: Vec<String> = result.columns.iter().map(|column| cell(&column.name)).collect();
    let rows: Vec<Vec<String>> =
        result.rows.iter().map(|row| row.iter().map(|value| cell(&value.to_string())).collect()).collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|at| {
            let cells = rows.iter().chain([&header]).filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        })
        .collect();
    let is_number: Vec<bool> = result.columns.iter().map(|column| is_number(column.ty)).collect();
    let left = vec![false; header.len()];
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    let mut out = format!("{}\n{}\n", line(&header, &widths, &left), rule.join("+"));
    for row in &rows {
        out.push_str(&line(row, &widths, &is_number));
        out.push('\n');
    }
    let count = rows.len();
    out.push_str(&format!("({count} {})\n", if count == 1 { "row" } else { "rows" }));
    out
}

fn is_number(ty: Type) -> bool {
    matches!(
        ty,
        Type::SmallInt | Type::Int | Type::BigInt | Type::Real | Type::Double | Type::Decimal { .. } | Type::Counter
    )
}

/// One line, whatever the value holds.
fn cell(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn line(cells: &[String], widths: &[usize], right: &[bool]) -> String {
    let padded =
        cells.iter().zip(widths).zip(right).map(|((cell, width), right)| {
            if *right { format!(" {cell:>width$} ") } else { format!(" {cell:<width$} ") }
        });
    padded.collect::<Vec<_>>().join("|").trim_end().to_string()
}

/// One line of JSON, as `POST /v1/sql` answers for each statement.
pub(super) fn json(result: &StatementResult, time: Option<Duration>) -> String {
    let columns: Vec<Json> =
        result.columns.iter().map(|column| json!({ "name": column.name, "type": column.ty.to_string() })).collect();
    let rows: Vec<Json> = result.rows.iter().map(|row| row.iter().map(value).collect()).collect();
    let mut line = json!({ "command": result.tag, "columns": columns, "rows": rows, "rows_affected": result.affected });
    if let (Some(time), Some(fields)) = (time, line.as_object_mut()) {
        fields.insert("ms".to_string(), json!(millis(time)));
    }
    format!("{line}\n")
}

/// Milliseconds with three digits behind the point.
pub(super) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn value(value: &Value) -> Json {
    match value {
        Datum::Null => Json::Null,
        Datum::Boolean(truth) => Json::from(*truth),
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

#[cfg(test)]
mod tests {
    use kalamdb_sql::ResultColumn;

    use super::*;

    fn result() -> StatementResult {
        let column = |name: &str, ty| ResultColumn::new(name, ty);
        let rows = vec![vec![Datum::Int(1), Value::text("a\nb")], vec![Datum::Int(200), Datum::Null]];
        StatementResult::rows("SELECT", vec![column("id", Type::Int), column("title", Type::Text)], rows)
    }

    #[test]
    fn tables_are_aligned() {
        assert_eq!(table(&result()), " id  | title\n-----+-------\n   1 | a b\n 200 | NULL\n(2 rows)\n");
        assert_eq!(table(&StatementResult { affected: 3, ..StatementResult::done("INSERT") }), "INSERT 3\n");
        assert_eq!(table(&StatementResult::done("CREATE TABLE")), "CREATE TABLE\n");
    }

    #[test]
    fn json_is_one_line_with_exact_values() {
        let line = json(&result(), Some(Duration::from_nanos(1_234_567)));
        assert_eq!(line.matches('\n').count(), 1);
        let read: Json = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["rows"], json!([[1, "a\nb"], [200, null]]));
        assert_eq!((&read["command"], &read["ms"]), (&json!("SELECT"), &json!(1.235)));
        assert_eq!(value(&Datum::BigInt(i64::MAX)), json!("9223372036854775807"));
        assert_eq!(value(&Datum::Double(f64::NAN)), json!("NaN"));
    }
}
