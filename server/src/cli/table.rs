//! Results of statements as text.

use serde_json::Value as Json;

/// The longest value that is shown whole, in characters.
const CELL_CHARS_MAX: usize = 80;

/// The results of an answer of `POST /v1/sql`, for people: a table for a query, a line for any other statement.
pub(super) fn show(answer: &Json) -> String {
    let results = answer.get("results").and_then(Json::as_array);
    let shown: Vec<String> = results.into_iter().flatten().map(show_result).collect();
    shown.join("\n\n")
}

fn show_result(result: &Json) -> String {
    let list = |key: &str| result.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
    let columns = list("columns");
    if columns.is_empty() {
        let command = result.get("command").and_then(Json::as_str).unwrap_or("OK");
        let affected = result.get("rows_affected").and_then(Json::as_u64).unwrap_or_default();
        return match command {
            "INSERT" | "UPDATE" | "DELETE" => format!("{command} {affected}"),
            other => other.to_owned(),
        };
    }
    let header = columns.iter().map(|column| column.get("name").map(show_cell).unwrap_or_default()).collect();
    let rows = list("rows");
    let lines: Vec<Vec<String>> = std::iter::once(header)
        .chain(rows.iter().map(|row| row.as_array().into_iter().flatten().map(show_cell).collect()))
        .collect();
    let count = rows.len();
    format!("{}\n({count} {})", draw(&lines), if count == 1 { "row" } else { "rows" })
}

fn show_cell(value: &Json) -> String {
    let text = match value {
        Json::Null => "NULL".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut cell: String = text.chars().take(CELL_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cell.len() < text.len() {
        cell.push('…');
    }
    cell
}

/// Lines of cells, the first of them the header.
fn draw(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let chars = |line: &Vec<String>, at: usize| line.get(at).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..columns).map(|at| lines.iter().map(|line| chars(line, at)).max().unwrap_or_default()).collect();
    let show = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} "));
        cells.collect::<Vec<_>>().join("|").trim_end().to_owned()
    };
    let rule = widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("+");
    let mut drawn: Vec<String> = lines.iter().map(show).collect();
    drawn.insert(1, rule);
    drawn.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::show;

    #[test]
    fn queries_are_tables_and_writes_are_lines() {
        let answer = json!({ "results": [
            { "command": "INSERT", "columns": [], "rows": [], "rows_affected": 2 },
            { "command": "SELECT", "columns": [{ "name": "id", "type": "INT" }, { "name": "title", "type": "TEXT" }],
              "rows": [[1, "a\nb"], [20, null]], "rows_affected": 0 },
        ] });
        let expected = "INSERT 2\n\n id | title\n----+-------\n 1  | a b\n 20 | NULL\n(2 rows)";
        assert_eq!(show(&answer), expected);
    }
}
