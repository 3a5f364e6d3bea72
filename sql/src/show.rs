//! SHOW and DESCRIBE: short forms of queries over the system tables.

use kalamdb_core::{Datum, Result, Type, Value, View};

use crate::backend::Backend;
use crate::parse::{Show, TableName};
use crate::result::{ResultColumn, StatementResult};
use crate::system::{SYSTEM, SystemTable};

fn columns(columns: &[(&str, Type)]) -> Vec<ResultColumn> {
    columns.iter().map(|(name, ty)| ResultColumn::new(*name, *ty)).collect()
}

/// Runs SHOW or DESCRIBE.
///
/// # Errors
/// Kind `invalid` for an unknown namespace or table.
pub fn run(view: &View, backend: &dyn Backend, show: &Show) -> Result<StatementResult> {
    match show {
        Show::Namespaces => {
            let names = view.catalog().namespaces().iter().map(|name| vec![Value::text(name.as_str())]).collect();
            Ok(StatementResult::rows("SHOW NAMESPACES", columns(&[("name", Type::Text)]), names))
        }
        Show::Tables(namespace) => {
            let wanted = |of: &str| namespace.as_ref().is_none_or(|namespace| namespace.as_str() == of);
            let mut rows: Vec<Vec<Value>> = view
                .catalog()
                .named_tables()
                .filter(|table| wanted(table.namespace.as_str()))
                .map(|table| vec![Value::text(table.namespace.as_str()), Value::text(table.name.as_str())])
                .collect();
            if wanted(SYSTEM) && namespace.is_some() {
                rows.extend(SystemTable::ALL.map(|table| vec![Value::text(SYSTEM), Value::text(table.name())]));
            }
            rows.sort_by(|a, b| a.iter().map(Value::to_string).cmp(b.iter().map(Value::to_string)));
            Ok(StatementResult::rows("SHOW TABLES", columns(&[("namespace", Type::Text), ("name", Type::Text)]), rows))
        }
        Show::Describe(name) => describe(view, backend, name),
    }
}

fn describe(view: &View, backend: &dyn Backend, name: &TableName) -> Result<StatementResult> {
    // The columns of system.columns behind namespace and table.
    let shown = SystemTable::Columns.columns().get(2..).unwrap_or_default();
    let rows = match SystemTable::named(&name.table).filter(|_| name.namespace == SYSTEM) {
        Some(table) => table.columns().iter().zip(1..).map(system_column).collect(),
        None => {
            view.catalog().table_named(&name.namespace, &name.table)?;
            let of_table =
                |row: &Vec<Value>| row.starts_with(&[Value::text(&name.namespace), Value::text(&name.table)]);
            let all = SystemTable::Columns.rows(view.catalog(), backend)?;
            all.into_iter().filter(of_table).map(|row| row.into_iter().skip(2).collect()).collect()
        }
    };
    Ok(StatementResult::rows("DESCRIBE", columns(shown), rows))
}

fn system_column((column, position): (&(&str, Type), i32)) -> Vec<Value> {
    let (name, ty) = column;
    let (yes, none) = (Datum::Boolean(true), Datum::Null);
    vec![Value::text(*name), Datum::Int(position), Value::text(ty.to_string()), yes, none.clone(), none]
}
