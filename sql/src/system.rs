//! The system tables: their names and columns, and the rows that the catalog gives.

use kalamdb_core::catalog::{Catalog, Default, Location, Table};
use kalamdb_core::{Datum, Error, Result, Type, Value, View};

use crate::backend::Backend;
use crate::parse::TableName;

/// The namespace of the system tables.
pub const SYSTEM: &str = "system";

/// A table of namespace `system`: for reading only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemTable {
    /// The namespaces.
    Namespaces,
    /// The user tables.
    Tables,
    /// The columns of user tables.
    Columns,
    /// The users of a server; on a device, its own.
    Users,
    /// The devices of the session's space.
    Devices,
    /// Named storage locations.
    StorageLocations,
    /// Flushes, compactions and other jobs.
    Jobs,
    /// Live queries of the session's space.
    LiveQueries,
    /// Segments of the session's space.
    Segments,
}

/// A column of a system table: name and type; all may be NULL.
pub type SystemColumn = (&'static str, Type);

impl SystemTable {
    /// All of them.
    pub const ALL: [SystemTable; 9] = [
        SystemTable::Namespaces,
        SystemTable::Tables,
        SystemTable::Columns,
        SystemTable::Users,
        SystemTable::Devices,
        SystemTable::StorageLocations,
        SystemTable::Jobs,
        SystemTable::LiveQueries,
        SystemTable::Segments,
    ];

    /// The name within namespace `system`.
    pub fn name(self) -> &'static str {
        match self {
            SystemTable::Namespaces => "namespaces",
            SystemTable::Tables => "tables",
            SystemTable::Columns => "columns",
            SystemTable::Users => "users",
            SystemTable::Devices => "devices",
            SystemTable::StorageLocations => "storage_locations",
            SystemTable::Jobs => "jobs",
            SystemTable::LiveQueries => "live_queries",
            SystemTable::Segments => "segments",
        }
    }

    /// The table of this name.
    pub fn named(name: &str) -> Option<SystemTable> {
        SystemTable::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The columns in order.
    pub fn columns(self) -> &'static [SystemColumn] {
        use Type::{BigInt, Boolean, Int, Json, Text, Timestamp};
        match self {
            SystemTable::Namespaces => &[("name", Text), ("tables", BigInt)],
            SystemTable::Tables => &[
                ("table_id", BigInt),
                ("namespace", Text),
                ("name", Text),
                ("primary_key", Text),
                ("indexes", Text),
                ("location", Text),
                ("location_reference", Text),
                ("flush_rows", BigInt),
                ("flush_interval_seconds", BigInt),
                ("deleted_retention_seconds", BigInt),
                ("schema_version", BigInt),
                ("catalog_version", BigInt),
            ],
            SystemTable::Columns => &[
                ("namespace", Text),
                ("table_name", Text),
                ("name", Text),
                ("position", Int),
                ("type", Text),
                ("nullable", Boolean),
                ("column_default", Text),
                ("primary_key_position", Int),
            ],
            SystemTable::Users => &[("user_id", Text), ("space", BigInt)],
            SystemTable::Devices => &[
                ("device_id", Text),
                ("number", BigInt),
                ("last_mutation", BigInt),
                ("durable_seq", BigInt),
                ("seen_at", Timestamp),
            ],
            SystemTable::StorageLocations => &[("name", Text), ("url", Text), ("options", Json), ("used_by", BigInt)],
            SystemTable::Jobs => &[
                ("job_id", Text),
                ("kind", Text),
                ("table_name", Text),
                ("status", Text),
                ("created_at", Timestamp),
                ("started_at", Timestamp),
                ("finished_at", Timestamp),
                ("node", Text),
                ("parameters", Json),
                ("result", Json),
                ("error", Text),
            ],
            SystemTable::LiveQueries => &[
                ("query_id", Text),
                ("device_id", Text),
                ("sql", Text),
                ("started_at", Timestamp),
                ("changes", BigInt),
            ],
            SystemTable::Segments => &[
                ("table_name", Text),
                ("path", Text),
                ("first_seq", BigInt),
                ("last_seq", BigInt),
                ("rows", BigInt),
                ("bytes", BigInt),
                ("created_at", Timestamp),
            ],
        }
    }

    /// Whether its rows are the backend's, and do not follow from the catalog.
    pub fn is_kept_by_backend(self) -> bool {
        use SystemTable::{Columns, Namespaces, StorageLocations, Tables};
        !matches!(self, Namespaces | Tables | Columns | StorageLocations)
    }

    /// The present rows.
    ///
    /// # Errors
    /// What the backend gives.
    pub fn rows(self, catalog: &Catalog, backend: &dyn Backend) -> Result<Vec<Vec<Value>>> {
        match self {
            SystemTable::Namespaces => Ok(namespaces(catalog)),
            SystemTable::Tables => Ok(catalog.named_tables().map(|table| table_row(table)).collect()),
            SystemTable::Columns => Ok(catalog.named_tables().flat_map(|table| column_rows(table)).collect()),
            SystemTable::StorageLocations => storage_locations(catalog, backend),
            other => backend.system_rows(other),
        }
    }
}

fn number(value: impl TryInto<i64>) -> Value {
    Datum::BigInt(value.try_into().unwrap_or(i64::MAX))
}

fn optional(value: Option<u64>) -> Value {
    value.map_or(Datum::Null, number)
}

fn namespaces(catalog: &Catalog) -> Vec<Vec<Value>> {
    let count = |name: &kalamdb_core::Name| catalog.tables().filter(|table| table.namespace == *name).count();
    catalog.namespaces().iter().map(|name| vec![Value::text(name.as_str()), number(count(name))]).collect()
}

fn column_list(table: &Table, ids: &[kalamdb_core::ColumnId]) -> String {
    let names: Vec<&str> = ids.iter().filter_map(|id| table.column(*id)).map(|column| column.name.as_str()).collect();
    names.join(", ")
}

fn table_row(table: &Table) -> Vec<Value> {
    let options = &table.options;
    let (location, reference) = match &options.location {
        None => (Datum::Null, Datum::Null),
        Some(Location::Template(template)) => (Value::text(template), Datum::Null),
        Some(Location::Reference(name)) => (Datum::Null, Value::text(name.as_str())),
    };
    let index =
        |index: &kalamdb_core::catalog::IndexDef| format!("{} ({})", index.name, column_list(table, &index.columns));
    let indexes: Vec<String> = table.indexes.iter().map(index).collect();
    vec![
        number(table.id.0),
        Value::text(table.namespace.as_str()),
        Value::text(table.name.as_str()),
        Value::text(column_list(table, &table.primary_key)),
        if indexes.is_empty() { Datum::Null } else { Value::text(indexes.join(", ")) },
        location,
        reference,
        optional(options.flush.rows),
        optional(options.flush.interval_seconds),
        optional(options.deleted_retention_seconds),
        number(table.schema),
        number(table.changed.0),
    ]
}

/// How a column's default is written in DDL.
pub fn show_default(default: &Default) -> String {
    match default {
        Default::Literal(Datum::Null) => "NULL".into(),
        Default::Literal(value @ (Datum::Boolean(_) | Datum::SmallInt(_) | Datum::Int(_) | Datum::BigInt(_))) => {
            value.to_string()
        }
        Default::Literal(value @ (Datum::Real(_) | Datum::Double(_) | Datum::Decimal { .. } | Datum::Counter(_))) => {
            value.to_string()
        }
        Default::Literal(value) => format!("'{}'", value.to_string().replace('\'', "''")),
        Default::Now => "NOW()".into(),
        Default::UuidV7 => "UUID_V7()".into(),
        Default::Ulid => "ULID()".into(),
        Default::SnowflakeId => "SNOWFLAKE_ID()".into(),
    }
}

fn column_rows(table: &Table) -> Vec<Vec<Value>> {
    let rows = table.live_columns().enumerate().map(|(at, column)| {
        let key = table.primary_key.iter().position(|id| *id == column.id);
        let position = |at: usize| Datum::Int(i32::try_from(at + 1).unwrap_or(i32::MAX));
        vec![
            Value::text(table.namespace.as_str()),
            Value::text(table.name.as_str()),
            Value::text(column.name.as_str()),
            position(at),
            Value::text(column.ty.to_string()),
            Datum::Boolean(column.nullable),
            column.default.as_ref().map_or(Datum::Null, |default| Value::text(show_default(default))),
            key.map_or(Datum::Null, position),
        ]
    });
    rows.collect()
}

/// How many tables use a storage location.
pub fn location_uses(catalog: &Catalog, name: &kalamdb_core::Name) -> usize {
    let uses = |table: &Table| matches!(&table.options.location, Some(Location::Reference(used)) if used == name);
    catalog.tables().filter(|table| uses(table)).count()
}

fn storage_locations(catalog: &Catalog, backend: &dyn Backend) -> Result<Vec<Vec<Value>>> {
    let row = |location: crate::backend::StorageLocation| {
        let options: serde_json::Map<String, serde_json::Value> =
            location.options.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let options = serde_json::Value::Object(options).to_string();
        let uses = location_uses(catalog, &location.name);
        vec![Value::text(location.name.as_str()), Value::text(location.url), Datum::Json(options), number(uses)]
    };
    Ok(backend.storage_locations()?.into_iter().map(row).collect())
}

/// Checks that a table exists.
///
/// # Errors
/// Kind `invalid` if not.
pub fn check_table(view: &View, name: &TableName) -> Result<()> {
    if name.namespace != SYSTEM {
        return view.catalog().table_named(&name.namespace, &name.table).map(drop);
    }
    if SystemTable::named(&name.table).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = SystemTable::ALL.iter().map(|table| table.name()).collect();
    let message = format!("table `{name}` does not exist: namespace system has {}", known.join(", "));
    Err(Error::invalid("unknown_table", message))
}
