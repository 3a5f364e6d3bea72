//! Runs tests/slt/*.slt on a server and, but for files whose name begins with `server_`, on a device.

mod common;

use std::fmt;
use std::path::PathBuf;

use common::{admin, device};
use kalamdb_core::{Error, Type, Value};
use kalamdb_sql::Session;
use sqllogictest::{DBOutput, DefaultColumnType, Runner};

struct Db(Session);

/// The error as the files name it: `kind/code: message`.
#[derive(Debug)]
struct Shown(Error);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Shown {}

fn column_type(ty: Type) -> DefaultColumnType {
    match ty {
        Type::SmallInt | Type::Int | Type::BigInt => DefaultColumnType::Integer,
        Type::Real | Type::Double | Type::Decimal { .. } => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}

fn cell(value: &Value) -> String {
    let text = value.to_string();
    if text.is_empty() { "(empty)".to_string() } else { text }
}

#[async_trait::async_trait]
impl sqllogictest::AsyncDB for Db {
    type Error = Shown;
    type ColumnType = DefaultColumnType;

    async fn shutdown(&mut self) {}

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Shown> {
        let mut results = self.0.execute(sql, &[]).await.map_err(Shown)?;
        let result = results.pop().unwrap_or_default();
        if result.columns.is_empty() {
            return Ok(DBOutput::StatementComplete(result.affected));
        }
        let types = result.columns.iter().map(|column| column_type(column.ty)).collect();
        let rows = result.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        Ok(DBOutput::Rows { types, rows })
    }
}

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/slt");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn run(file: &PathBuf, session: fn() -> Session) {
    let mut runner = Runner::new(|| async { Ok(Db(session())) });
    runner.with_column_validator(sqllogictest::strict_column_validator);
    if let Err(error) = runner.run_file(file) {
        panic!("{}", error.display(false));
    }
}

#[test]
fn every_file_holds_on_a_server() {
    files().iter().for_each(|file| run(file, admin));
}

#[test]
fn every_file_holds_on_a_device() {
    let on_device =
        |file: &&PathBuf| !file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("server_"));
    files().iter().filter(on_device).for_each(|file| run(file, device));
}
