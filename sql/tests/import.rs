//! Files to rows.
#![cfg(feature = "import")]

mod common;

use std::fs::File;
use std::sync::Arc;

use common::{SessionExt, admin, server, session_on};
use kalamdb_core::{Datum, Table, Type, Value};
use kalamdb_sql::Role;
use kalamdb_sql::import::{CsvReader, IMPORT_BATCH_ROWS, ImportFormat, NdjsonReader, ParquetReader, RowReader};

fn data(name: &str) -> File {
    File::open(format!("{}/../tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A table of these columns.
fn table(columns: &str) -> Arc<Table> {
    let server = server();
    let mut session = session_on(&server, "ada", Role::Admin);
    session.run(&format!("CREATE NAMESPACE app; CREATE USER TABLE app.t ({columns})"));
    server.catalog().table_named("app", "t").unwrap().clone()
}

fn cell(table: &Table, row: &[(kalamdb_core::ColumnId, Value)], name: &str) -> Value {
    let id = table.column_named(name).unwrap().id;
    row.iter().find(|(column, _)| *column == id).unwrap().1.clone()
}

#[test]
fn flights_are_read_whole_with_their_nulls() {
    let table = table(
        "year SMALLINT, month SMALLINT, day SMALLINT, dep_time INT, sched_dep_time INT, dep_delay INT, arr_time INT,
         sched_arr_time INT, arr_delay INT, carrier TEXT, flight INT, tailnum TEXT, origin TEXT, dest TEXT,
         air_time INT, distance INT, hour SMALLINT, minute SMALLINT, time_hour TIMESTAMP",
    );
    let mut reader = ParquetReader::new(data("flights-2013.parquet"), &table).unwrap();
    assert_eq!(reader.total_rows(), 336_776);
    let (mut rows, mut cancelled) = (0, 0);
    loop {
        let batch = reader.next_batch().unwrap();
        if batch.is_empty() {
            break;
        }
        assert!(batch.len() <= IMPORT_BATCH_ROWS);
        for row in &batch {
            cancelled += usize::from(cell(&table, row, "dep_time").is_null());
            assert!(matches!(cell(&table, row, "time_hour"), Datum::Timestamp(_)));
        }
        rows += batch.len();
    }
    assert_eq!((rows, cancelled), (336_776, 8_255));
}

#[test]
fn csv_names_line_and_column_of_what_does_not_fit() {
    let planes = table(
        "tailnum TEXT PRIMARY KEY, year INT, type TEXT, manufacturer TEXT, model TEXT, engines INT, seats INT,
         speed INT, engine TEXT",
    );
    let mut reader = CsvReader::new(data("planes.csv"), planes.clone()).unwrap().with_null("NA");
    let first = reader.next_batch().unwrap();
    assert_eq!(cell(&planes, &first[0], "year"), Datum::Int(2004));
    assert!(cell(&planes, &first[0], "speed").is_null());
    let mut rows = first.len();
    while let Ok(batch) = reader.next_batch()
        && !batch.is_empty()
    {
        rows += batch.len();
    }
    assert_eq!(rows, 3_322);
    let error = CsvReader::new(data("planes.csv"), planes.clone()).unwrap().next_batch().unwrap_err();
    assert!(error.message().starts_with("line 2, column `speed`"), "{error}");
    let error = CsvReader::new("tailnum,wings\n".as_bytes(), planes).err().unwrap();
    assert_eq!(error.code(), "unknown_column");
}

#[test]
fn json_lines_keep_types() {
    let table =
        table("id INT PRIMARY KEY, tags JSON, price DECIMAL(8,2), ok BOOLEAN, at TIMESTAMP, name TEXT NOT NULL");
    let text = r#"{"id": 1, "tags": ["a", 1], "price": 12.5, "ok": true, "at": "2024-01-02T03:04:05Z", "name": ""}

{"id": 2, "name": "two", "price": null}
{"id": "three", "name": "x"}"#;
    let mut reader = NdjsonReader::new(text.as_bytes(), table.clone());
    let error = reader.next_batch().unwrap_err();
    assert!(error.message().starts_with("line 4, column `id`"), "{error}");
    let good: String = text.lines().take(3).collect::<Vec<_>>().join("\n");
    let rows = NdjsonReader::new(good.as_bytes(), table.clone()).next_batch().unwrap();
    assert_eq!(cell(&table, &rows[0], "tags"), Datum::Json(r#"["a",1]"#.into()));
    assert_eq!(cell(&table, &rows[0], "price").to_string(), "12.50");
    assert!(cell(&table, &rows[1], "price").is_null());
    assert_eq!(ImportFormat::of_name("a/b.JSONL"), Some(ImportFormat::Ndjson));
    assert_eq!(table.column_named("at").unwrap().ty, Type::Timestamp);
}

#[test]
fn imported_rows_are_rows() {
    let server = server();
    let mut session = session_on(&server, "ada", Role::Admin);
    session.run("CREATE NAMESPACE app; CREATE USER TABLE app.airlines (carrier TEXT PRIMARY KEY, name TEXT)");
    let table = server.catalog().table_named("app", "airlines").unwrap().clone();
    let space = server.find_space(&common::user("ada")).unwrap().unwrap();
    let mut tx = server.begin(space, kalamdb_core::Now(common::START)).unwrap();
    let rows = CsvReader::new(data("airlines.csv"), table.clone()).unwrap().next_batch().unwrap();
    tx.insert_batch(table.id, rows).unwrap();
    server.commit(space, tx, kalamdb_core::Now(common::START), kalamdb_core::store::WriteBatch::new()).unwrap();
    assert_eq!(session.rows("SELECT name FROM app.airlines WHERE carrier = 'B6'"), ["JetBlue Airways"]);
    assert_eq!(admin().fails("SELECT * FROM app.airlines").code(), "unknown_table");
}
