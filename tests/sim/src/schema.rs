//! The tables of a run, known to workload and oracle by their own numbers.

use kalamdb_core::catalog::{Catalog, NewColumn, NewIndex, NewTable, Table, TableOptions};
use kalamdb_core::expr::{Comparison, Expr};
use kalamdb_core::{ColumnId, Name, Result, Type};

/// A range with CHECK (lo <= hi), a note and a counter.
pub const RANGES: &str = "ranges";
/// Pairs of rows that every transaction writes alike.
pub const PAIRS: &str = "pairs";
/// Rows with a text key and an index.
pub const TAGS: &str = "tags";
/// All tables.
pub const TABLES: [&str; 3] = [RANGES, PAIRS, TAGS];
/// The namespace of all tables.
pub const NAMESPACE: &str = "app";

fn name(text: &str) -> Result<Name> {
    Name::new(text)
}

fn column(column: &str, ty: Type, nullable: bool) -> Result<NewColumn> {
    Ok(NewColumn { name: name(column)?, ty, nullable, default: None })
}

fn table(table: &str, columns: Vec<NewColumn>, key: &[&str]) -> Result<NewTable> {
    Ok(NewTable {
        namespace: name(NAMESPACE)?,
        name: name(table)?,
        columns,
        primary_key: key.iter().map(|column| name(column)).collect::<Result<_>>()?,
        checks: Vec::new(),
        options: TableOptions::default(),
    })
}

/// Declares all tables.
pub fn declare(catalog: &mut Catalog) -> Result<()> {
    catalog.create_namespace(&name(NAMESPACE)?)?;
    let mut ranges = table(
        RANGES,
        vec![
            column("id", Type::Int, false)?,
            column("lo", Type::Int, false)?,
            column("hi", Type::Int, false)?,
            column("note", Type::Text, true)?,
            column("hits", Type::Counter, false)?,
        ],
        &["id"],
    )?;
    let ordered = Expr::compare(Comparison::LessOrEqual, Expr::Column(1), Expr::Column(2));
    ranges.checks.push((name("ordered")?, "lo <= hi".to_string(), ordered));
    catalog.create_table(ranges)?;
    catalog.create_table(table(
        PAIRS,
        vec![column("p", Type::Int, false)?, column("side", Type::SmallInt, false)?, column("v", Type::BigInt, true)?],
        &["p", "side"],
    )?)?;
    let tags = catalog.create_table(table(
        TAGS,
        vec![column("id", Type::Text, false)?, column("grp", Type::Int, true)?, column("w", Type::BigInt, true)?],
        &["id"],
    )?)?;
    catalog.create_index(tags.id, NewIndex { name: name("tags_grp")?, columns: vec![name("grp")?] })?;
    Ok(())
}

/// A column by name; every run has all of them.
pub fn col(table: &Table, column: &str) -> ColumnId {
    table.column_named(column).map(|column| column.id).expect("the schema of the run has the column")
}
