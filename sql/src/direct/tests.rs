use kalamdb_core::catalog::{NewColumn, NewTable, TableOptions};
use kalamdb_core::query::Field;
use kalamdb_core::value::Datum;
use kalamdb_core::{Catalog, Name, TableId, Type, Value};
use sqlparser::ast::Statement;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::literal::convert;
use super::*;

fn catalog() -> Catalog {
    let name = |text: &str| Name::new(text).expect("a valid name");
    let mut catalog = Catalog::new(TableId(1));
    catalog.create_namespace(&name("app")).expect("it is new");
    let columns = [
        ("id", Type::BigInt),
        ("title", Type::Text),
        ("stars", Type::Int),
        ("done", Type::Boolean),
        ("price", Type::Decimal { precision: 9, scale: 2 }),
        ("weight", Type::Real),
        ("due", Type::Date),
    ];
    let column = |(column, ty)| NewColumn { name: name(column), ty, nullable: true, default: None };
    let table = NewTable {
        namespace: name("app"),
        name: name("notes"),
        columns: columns.into_iter().map(column).collect(),
        primary_key: vec![name("id")],
        checks: Vec::new(),
        options: TableOptions::default(),
    };
    catalog.create_table(table).expect("a valid table");
    catalog
}

fn direct(sql: &str) -> Option<DirectPlan> {
    let catalog = catalog();
    let scope = Scope { catalog: &catalog, namespace: "app", wildcard: &[Field::Updated] };
    match Parser::parse_sql(&GenericDialect {}, sql).expect("the statement parses").remove(0) {
        Statement::Query(query) => translate(&scope, &query),
        other => panic!("{other} is no query"),
    }
}

fn explained(sql: &str) -> String {
    direct(sql).expect("core answers it").plan().explain()
}

#[test]
fn what_core_cannot_answer_alike_is_handed_over() {
    let handed_over = [
        "SELECT n.id FROM notes n JOIN notes m ON n.id = m.id",
        "SELECT id FROM (SELECT * FROM notes)",
        "SELECT DISTINCT id FROM notes",
        "SELECT upper(title) FROM notes",
        "SELECT stars + 1 FROM notes",
        "SELECT 1 FROM notes",
        "SELECT id, id FROM notes",
        "SELECT id FROM notes WHERE title LIKE 'a%'",
        "SELECT id FROM notes WHERE id IN (SELECT 1)",
        "SELECT id FROM notes WHERE CAST(id AS TEXT) = '1'",
        "SELECT id FROM notes WHERE stars = 1.5",
        "SELECT id FROM notes WHERE stars = '1'",
        "SELECT id FROM notes WHERE stars = 99999999999",
        "SELECT id FROM notes WHERE weight = 0.1",
        "SELECT id FROM notes WHERE weight >= -0.0",
        "SELECT id FROM notes WHERE due = '2024-1-1'",
        "SELECT id FROM notes WHERE stars",
        "SELECT id FROM notes WHERE stars IN (1, 2.0)",
        "SELECT id FROM notes WHERE unknown = 1",
        "SELECT id FROM notes WHERE m.id = 1",
        "SELECT id FROM notes WHERE id = $1 AND stars = ?",
        "SELECT count(DISTINCT id) FROM notes",
        "SELECT count(*) FILTER (WHERE done) FROM notes",
        "SELECT stars, max(weight) FROM notes GROUP BY stars",
        "SELECT stars, count(*) FROM notes GROUP BY ROLLUP (stars)",
        "SELECT stars, count(*) FROM notes GROUP BY stars HAVING count(*) > 1",
        "SELECT title, count(*) FROM notes GROUP BY stars",
        "SELECT sum(title) FROM notes",
        "SELECT row_number() OVER () FROM notes",
        "SELECT id FROM notes UNION SELECT id FROM notes",
        "WITH n AS (SELECT 1) SELECT id FROM notes",
        "SELECT id FROM notes ORDER BY stars + 1",
        "SELECT id FROM notes LIMIT -1",
        "SELECT id FROM notes FETCH FIRST 1 ROW ONLY",
        "SELECT id FROM notes, notes m",
        "SELECT id FROM system.tables",
        "SELECT \"ID\" FROM notes",
    ];
    for sql in handed_over {
        assert!(direct(sql).is_none(), "{sql}");
    }
}

#[test]
fn names_are_read_as_datafusion_reads_them() {
    let names = |sql: &str| -> Vec<String> {
        let plan = direct(sql).unwrap_or_else(|| panic!("core answers {sql}"));
        plan.plan().columns().iter().map(|column| column.name.clone()).collect()
    };
    assert_eq!(names("SELECT ID, \"title\" AS T FROM App.Notes"), ["id", "t"]);
    assert_eq!(
        names("SELECT n.stars, count(*), SUM(n.stars) FROM notes AS N GROUP BY 1"),
        ["stars", "count(*)", "sum(n.stars)"]
    );
    assert_eq!(names("SELECT max(stars) FROM app.notes"), ["max(app.notes.stars)"]);
    assert_eq!(names("SELECT * FROM notes LIMIT 1").last().map(String::as_str), Some("_updated"));
}

#[test]
fn conditions_become_ranges_or_filters() {
    assert_eq!(explained("SELECT title FROM notes WHERE 7 = id"), "get app.notes by primary key: id = 7\n");
    assert_eq!(
        explained("SELECT title FROM notes WHERE id BETWEEN 1 AND $1"),
        "scan app.notes by primary key: id >= 1, id <= $1\n"
    );
    let filter =
        "SELECT id FROM notes WHERE (done IS NOT TRUE OR price > 1.5) AND title <> 'a' AND due < DATE '2024-02-29'";
    assert_eq!(
        explained(filter),
        "scan app.notes\n  filter (not (not (done is null) and done) or price > '1.50') and title <> 'a' and due < '2024-02-29'\n"
    );
    let listed = "SELECT id FROM notes WHERE stars NOT IN (1, NULL, $1)";
    assert_eq!(explained(listed), "scan app.notes\n  filter not (stars = $1 or stars in 2 values)\n");
}

#[test]
fn parameters_convert_to_each_column_that_they_meet() {
    let plan = direct("SELECT id FROM notes WHERE id = ? AND stars < ? LIMIT ?").expect("core answers it");
    let bound = plan.bind(&[Value::Int(3), Value::Double(4.0), Value::Int(5)]);
    assert_eq!(bound, Some(vec![Value::BigInt(3), Value::Int(4), Value::BigInt(5)]));
    assert_eq!(plan.bind(&[Value::Int(3), Value::Double(4.5), Value::Int(5)]), None, "4.5 is no INT");
    assert_eq!(plan.bind(&[Value::Int(3), Value::Int(4), Value::Int(-5)]), None, "a negative limit is an error");
    assert_eq!(plan.bind(&[Value::Int(3)]), None, "parameters are missing");
    let twice = direct("SELECT id FROM notes WHERE id = $1 OR weight = $1").expect("core answers it");
    assert_eq!(twice.bind(&[Value::Int(2)]), Some(vec![Value::BigInt(2), Value::Real(2.0)]));
}

#[test]
fn decimals_meet_floats_only_where_datafusion_computes_them_exactly() {
    let price = Type::Decimal { precision: 9, scale: 2 };
    let converted = |double| convert(&Value::Double(double), price);
    assert_eq!(converted(9.5), Some(Datum::Decimal { unscaled: 950, scale: 2 }));
    assert_eq!(converted(0.001), None);
    let wide = Type::Decimal { precision: 38, scale: 0 };
    assert_eq!(convert(&Value::Double(1.0), wide), None, "DataFusion cannot widen the column");
}
