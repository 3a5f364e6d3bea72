//! Changes of the catalog. Each either makes a whole new version or fails and changes nothing.

use std::sync::Arc;

use super::def::{CONSTRAINTS_MAX, TableDef};
use super::{
    COLUMNS_MAX, Catalog, CheckDef, ColumnDef, Default, IndexDef, NAMESPACES_MAX, SYSTEM_COLUMNS, TABLES_MAX, Table,
    TableOptions,
};
use crate::expr::Expr;
use crate::ids::{CatalogVersion, ColumnId, Name, TableId};
use crate::value::{Type, Value};
use crate::{Error, Result};

/// A column of a table to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewColumn {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// What an INSERT that does not name it stores.
    pub default: Option<Default>,
}

/// An index to be created, by column names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIndex {
    /// Its name.
    pub name: Name,
    /// The columns in order.
    pub columns: Vec<Name>,
}

/// A table to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTable {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
    /// Its columns; [`Expr::Column`] in checks counts them from 0.
    pub columns: Vec<NewColumn>,
    /// Columns of the primary key; none: `id UUID DEFAULT UUID_V7()` is prepended and checks are renumbered.
    pub primary_key: Vec<Name>,
    /// CHECK constraints: name, text, condition.
    pub checks: Vec<(Name, String, Expr)>,
    /// The rest.
    pub options: TableOptions,
}

/// A column to be added, and what older rows hold in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddColumn {
    /// The column.
    pub column: NewColumn,
    /// The value of rows that are older; it must fit type and nullability.
    pub fill: Value,
}

fn invalid(code: &'static str, message: String) -> Error {
    Error::invalid(code, message)
}

fn check_column(table: &str, column: &NewColumn) -> Result<()> {
    let name = &column.name;
    if column.ty == Type::Document {
        let message = format!("column `{name}` of table `{table}`: DOCUMENT is not available yet, use JSON or TEXT");
        return Err(invalid("unsupported_type", message));
    }
    if let Type::Decimal { precision, scale } = column.ty
        && (precision == 0 || precision > crate::value::DECIMAL_PRECISION_MAX || scale > precision)
    {
        let message = format!(
            "column `{name}`: DECIMAL({precision},{scale}) needs 1 to 38 digits, at most that many behind the point"
        );
        return Err(invalid("invalid_type", message));
    }
    let fits = match &column.default {
        None => true,
        Some(Default::Literal(value)) => value.fits(column.ty) && (column.nullable || !value.is_null()),
        Some(Default::Now) => matches!(column.ty, Type::Timestamp | Type::Date | Type::Time),
        Some(Default::UuidV7) => column.ty == Type::Uuid,
        Some(Default::Ulid) => column.ty == Type::Text,
        Some(Default::SnowflakeId) => column.ty == Type::BigInt,
    };
    if fits {
        return Ok(());
    }
    Err(invalid(
        "invalid_default",
        format!("column `{name}` of table `{table}`: the default does not fit {}", column.ty),
    ))
}

impl Catalog {
    fn bump(&mut self) -> CatalogVersion {
        self.version.0 += 1;
        self.version
    }

    /// Adds a namespace.
    ///
    /// # Errors
    /// Kind `invalid` if it exists or is reserved.
    pub fn create_namespace(&mut self, name: &Name) -> Result<()> {
        if matches!(name.as_str(), "system" | "information_schema") {
            return Err(invalid("reserved_name", format!("namespace `{name}` is reserved: choose another name")));
        }
        if self.namespaces.contains(name) {
            return Err(invalid(
                "namespace_exists",
                format!("namespace `{name}` exists: use IF NOT EXISTS to allow that"),
            ));
        }
        if self.namespaces.len() >= NAMESPACES_MAX {
            return Err(Error::quota(
                "too_many_namespaces",
                format!("at most {NAMESPACES_MAX} namespaces are allowed"),
            ));
        }
        self.namespaces.push(name.clone());
        self.bump();
        Ok(())
    }

    /// Removes a namespace without tables.
    ///
    /// # Errors
    /// Kind `invalid` if there is none or it has tables.
    pub fn drop_namespace(&mut self, name: &Name) -> Result<()> {
        self.check_namespace(name)?;
        if let Some(table) = self.tables().find(|table| table.namespace == *name) {
            let message = format!("namespace `{name}` still has table `{}`: drop its tables first", table.name);
            return Err(invalid("namespace_not_empty", message));
        }
        self.namespaces.retain(|namespace| namespace != name);
        self.bump();
        Ok(())
    }

    fn check_namespace(&self, name: &Name) -> Result<()> {
        if self.namespaces.contains(name) {
            return Ok(());
        }
        Err(invalid(
            "unknown_namespace",
            format!("namespace `{name}` does not exist: run CREATE NAMESPACE {name} first"),
        ))
    }

    /// Adds a table.
    ///
    /// # Errors
    /// Kind `invalid` if it exists or its parts do not fit together, `quota` if there are too many.
    pub fn create_table(&mut self, new: NewTable) -> Result<Arc<Table>> {
        self.check_namespace(&new.namespace)?;
        let full_name = format!("{}.{}", new.namespace, new.name);
        if self.names.contains_key(&(new.namespace.clone(), new.name.clone())) {
            return Err(invalid(
                "table_exists",
                format!("table `{full_name}` exists: use IF NOT EXISTS to allow that"),
            ));
        }
        if self.tables.len() >= TABLES_MAX {
            return Err(Error::quota("too_many_tables", format!("at most {TABLES_MAX} tables are allowed")));
        }
        let new = with_primary_key(new)?;
        if new.columns.len() > COLUMNS_MAX || new.checks.len() > CONSTRAINTS_MAX {
            let message =
                format!("table `{full_name}`: at most {COLUMNS_MAX} columns and {CONSTRAINTS_MAX} checks are allowed");
            return Err(Error::quota("table_too_wide", message));
        }
        let mut columns: Vec<ColumnDef> = Vec::with_capacity(new.columns.len());
        for column in new.columns {
            check_column(&full_name, &column)?;
            if columns.iter().any(|known| known.name == column.name) {
                return Err(invalid(
                    "duplicate_column",
                    format!("table `{full_name}` names column `{}` twice", column.name),
                ));
            }
            columns.push(column_def(columns.len(), column, Value::Null, 1));
        }
        let primary_key = key_columns(&full_name, &mut columns, &new.primary_key)?;
        let checks = new.checks.into_iter().map(|(name, sql, expr)| CheckDef { name, sql, expr }).collect();
        let id = TableId(self.next_table);
        self.next_table += 1;
        let changed = self.bump();
        let def = TableDef {
            id,
            namespace: new.namespace,
            name: new.name,
            schema: 1,
            columns,
            primary_key,
            indexes: Vec::new(),
            checks,
            options: new.options,
            changed,
            dropped: false,
        };
        self.put(def);
        self.live_table(id).cloned()
    }

    /// Marks a table as dropped; its rows are removed by whoever owns the store.
    ///
    /// # Errors
    /// Kind `invalid` if there is none.
    pub fn drop_table(&mut self, id: TableId) -> Result<()> {
        self.change(id, |def| {
            def.dropped = true;
            Ok(())
        })
    }

    /// Adds a column.
    ///
    /// # Errors
    /// Kind `invalid` if it exists or older rows would hold a value that does not fit.
    pub fn add_column(&mut self, id: TableId, add: AddColumn) -> Result<()> {
        let known = self.live_table(id)?.column_named(add.column.name.as_str()).is_some();
        self.change(id, |def| {
            let full_name = def.full_name();
            check_column(&full_name, &add.column)?;
            let name = &add.column.name;
            if known {
                return Err(invalid("column_exists", format!("table `{full_name}` has a column `{name}` already")));
            }
            let is_empty = add.fill.is_null() && add.column.ty != Type::Counter;
            if !add.fill.fits(add.column.ty) || (!add.column.nullable && is_empty) {
                let message =
                    format!("column `{name}` of table `{full_name}` needs a DEFAULT that existing rows can take");
                return Err(invalid("missing_default", message));
            }
            if def.columns.len() >= COLUMNS_MAX {
                return Err(Error::quota(
                    "table_too_wide",
                    format!("table `{full_name}`: at most {COLUMNS_MAX} columns are allowed"),
                ));
            }
            def.schema += 1;
            def.columns.push(column_def(def.columns.len(), add.column, add.fill, def.schema));
            Ok(())
        })
    }

    /// Drops a column that no key, index or check uses.
    ///
    /// # Errors
    /// Kind `invalid` if there is none or it is used.
    pub fn drop_column(&mut self, id: TableId, name: &Name) -> Result<()> {
        let column = self.column_of(id, name)?;
        self.change(id, |def| {
            let mut in_check = false;
            for check in &def.checks {
                check.expr.visit_columns(&mut |at| in_check |= at == column.0);
            }
            let user = if def.primary_key.contains(&column) {
                Some("the primary key".to_string())
            } else if in_check {
                Some("a CHECK constraint".to_string())
            } else {
                let using = def.indexes.iter().find(|index| index.columns.contains(&column));
                using.map(|index| format!("index `{}`", index.name))
            };
            if let Some(user) = user {
                let message =
                    format!("column `{name}` of table `{}` is used by {user}: it cannot be dropped", def.full_name());
                return Err(invalid("column_in_use", message));
            }
            def.schema += 1;
            def.columns[column.0 as usize].dropped = Some(def.schema);
            Ok(())
        })
    }

    /// Gives a column another name.
    ///
    /// # Errors
    /// Kind `invalid` if there is none or the new name is taken.
    pub fn rename_column(&mut self, id: TableId, name: &Name, new_name: &Name) -> Result<()> {
        let column = self.column_of(id, name)?;
        let taken = self.live_table(id)?.column_named(new_name.as_str()).is_some();
        self.change(id, |def| {
            if taken {
                let message = format!("table `{}` has a column `{new_name}` already", def.full_name());
                return Err(invalid("column_exists", message));
            }
            def.columns[column.0 as usize].name = new_name.clone();
            Ok(())
        })
    }

    /// Adds an index; its entries are built by whoever owns the store.
    ///
    /// # Errors
    /// Kind `invalid` if the name is taken or a column cannot be indexed.
    pub fn create_index(&mut self, id: TableId, new: NewIndex) -> Result<IndexDef> {
        let table = self.live_table(id)?.clone();
        if self.index_owner(&table.namespace, &new.name).is_some() {
            let message = format!(
                "index `{}` exists in namespace `{}`: use IF NOT EXISTS to allow that",
                new.name, table.namespace
            );
            return Err(invalid("index_exists", message));
        }
        let mut columns = Vec::with_capacity(new.columns.len());
        for name in &new.columns {
            let column = self.column_of(id, name)?;
            let ty = table.columns[column.0 as usize].ty;
            if !ty.is_key_type() || columns.contains(&column) {
                let message =
                    format!("index `{}`: column `{name}` of type {ty} cannot be indexed or stands twice", new.name);
                return Err(invalid("invalid_index", message));
            }
            columns.push(column);
        }
        if columns.is_empty() || table.indexes.len() >= CONSTRAINTS_MAX {
            let message =
                format!("index `{}`: 1 column or more and at most {CONSTRAINTS_MAX} indexes for a table", new.name);
            return Err(invalid("invalid_index", message));
        }
        let index = IndexDef { id: self.take_index_id(), name: new.name, columns };
        let added = index.clone();
        self.change(id, |def| {
            def.indexes.push(added);
            Ok(())
        })?;
        Ok(index)
    }

    /// The table that an index of this name belongs to.
    pub fn index_owner(&self, namespace: &Name, name: &Name) -> Option<&Arc<Table>> {
        self.tables().find(|table| table.namespace == *namespace && table.index_named(name).is_some())
    }

    /// Removes an index; its entries are removed by whoever owns the store.
    ///
    /// # Errors
    /// Kind `invalid` if the table has none of this name.
    pub fn drop_index(&mut self, id: TableId, name: &Name) -> Result<IndexDef> {
        let index = self.live_table(id)?.index_named(name).cloned();
        let Some(index) = index else {
            return Err(invalid("unknown_index", format!("index `{name}` does not exist")));
        };
        self.change(id, |def| {
            def.indexes.retain(|known| known.name != *name);
            Ok(())
        })?;
        Ok(index)
    }

    /// Replaces the options of a table.
    ///
    /// # Errors
    /// Kind `invalid` if there is no such table.
    pub fn set_options(&mut self, id: TableId, options: TableOptions) -> Result<()> {
        self.change(id, |def| {
            def.options = options;
            Ok(())
        })
    }

    fn column_of(&self, id: TableId, name: &Name) -> Result<ColumnId> {
        let table = self.live_table(id)?;
        let column = table.column_named(name.as_str()).map(|column| column.id);
        column.ok_or_else(|| invalid("unknown_column", format!("table `{}` has no column `{name}`", table.full_name())))
    }

    fn change(&mut self, id: TableId, change: impl FnOnce(&mut TableDef) -> Result<()>) -> Result<()> {
        let mut def = self.live_table(id)?.def().clone();
        change(&mut def)?;
        def.changed = self.bump();
        self.put(def);
        Ok(())
    }
}

/// A COUNTER always has a value: it starts at its default or 0.
fn column_def(at: usize, mut column: NewColumn, mut fill: Value, schema: u32) -> ColumnDef {
    if column.ty == Type::Counter {
        let zero = Value::Counter(crate::value::Counter::default());
        column.nullable = false;
        column.default.get_or_insert(Default::Literal(zero.clone()));
        fill = if fill.is_null() { zero } else { fill };
    }
    ColumnDef {
        id: ColumnId(at as u32),
        name: column.name,
        ty: column.ty,
        nullable: column.nullable,
        default: column.default,
        fill,
        added: schema,
        dropped: None,
        opaque: false,
    }
}

/// Prepends `id UUID DEFAULT UUID_V7()` to a table that names no key.
fn with_primary_key(mut new: NewTable) -> Result<NewTable> {
    if let Some(column) = new.columns.iter().find(|column| SYSTEM_COLUMNS.contains(&column.name.as_str())) {
        return Err(invalid(
            "reserved_name",
            format!("column `{}` is a system column: choose another name", column.name),
        ));
    }
    if !new.primary_key.is_empty() {
        return Ok(new);
    }
    let name = Name::new("id")?;
    if new.columns.iter().any(|column| column.name == name) {
        let message = format!("table `{}.{}` has a column `id` but no PRIMARY KEY: name one", new.namespace, new.name);
        return Err(invalid("missing_primary_key", message));
    }
    let id = NewColumn { name: name.clone(), ty: Type::Uuid, nullable: false, default: Some(Default::UuidV7) };
    new.columns.insert(0, id);
    new.primary_key = vec![name];
    for (_, _, expr) in &mut new.checks {
        *expr = expr.map_columns(&mut |at| Ok(at + 1))?;
    }
    Ok(new)
}

fn key_columns(table: &str, columns: &mut [ColumnDef], names: &[Name]) -> Result<Vec<ColumnId>> {
    let mut key = Vec::with_capacity(names.len());
    for name in names {
        let Some(column) = columns.iter_mut().find(|column| column.name == *name) else {
            return Err(invalid(
                "unknown_column",
                format!("primary key of table `{table}`: there is no column `{name}`"),
            ));
        };
        if !column.ty.is_key_type() || key.contains(&column.id) {
            let message = format!(
                "primary key of table `{table}`: column `{name}` of type {} cannot be part of it or stands twice",
                column.ty
            );
            return Err(invalid("invalid_primary_key", message));
        }
        column.nullable = false;
        key.push(column.id);
    }
    Ok(key)
}
