//! The statements of the grammar, checked: what stands here takes effect.

use kalamdb_core::Name;
use kalamdb_core::catalog::{AddColumn, NewIndex, NewTable, TableOptions};
use sqlparser::ast;

use crate::backend::StorageLocation;
use crate::reader::DirectSlot;

/// `namespace.table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// The namespace.
    pub namespace: String,
    /// The table.
    pub table: String,
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.namespace, self.table)
    }
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `CREATE`, `ALTER` and `DROP`.
    Ddl(Ddl),
    /// `SHOW` and `DESCRIBE`.
    Show(Show),
    /// `BEGIN`.
    Begin,
    /// `COMMIT`.
    Commit,
    /// `ROLLBACK`.
    Rollback,
    /// `INSERT`.
    Insert(Box<Insert>),
    /// `UPDATE`.
    Update(Box<Update>),
    /// `DELETE`.
    Delete(Box<Delete>),
    /// `SELECT`, `VALUES`, `WITH`.
    Query(Box<Query>),
    /// `EXPLAIN`.
    Explain(Box<Query>, ExplainMode),
}

impl Statement {
    /// What its result is called, for statements that change rows or end a transaction.
    pub fn tag(&self) -> &'static str {
        match self {
            Statement::Begin => "BEGIN",
            Statement::Commit => "COMMIT",
            Statement::Rollback => "ROLLBACK",
            Statement::Insert(_) => "INSERT",
            Statement::Update(_) => "UPDATE",
            Statement::Delete(_) => "DELETE",
            Statement::Query(_) => "SELECT",
            Statement::Explain(..) => "EXPLAIN",
            Statement::Show(_) => "SHOW",
            Statement::Ddl(_) => "DDL",
        }
    }
}

/// What `EXPLAIN` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplainMode {
    /// The plan.
    Plan,
    /// The plan after a run, with figures.
    Analyze,
}

/// A change of the catalog.
#[derive(Clone, Debug, PartialEq)]
pub enum Ddl {
    /// `CREATE NAMESPACE`.
    CreateNamespace {
        /// The new name.
        name: Name,
        /// Whether an existing one is fine.
        if_not_exists: bool,
    },
    /// `DROP NAMESPACE`.
    DropNamespace {
        /// The name.
        name: Name,
        /// Whether a missing one is fine.
        if_exists: bool,
    },
    /// `CREATE USER TABLE`.
    CreateTable {
        /// The table.
        table: Box<NewTable>,
        /// Whether an existing one is fine.
        if_not_exists: bool,
    },
    /// `DROP TABLE`.
    DropTable {
        /// The name.
        name: TableName,
        /// Whether a missing one is fine.
        if_exists: bool,
    },
    /// `ALTER TABLE`.
    AlterTable {
        /// The name.
        name: TableName,
        /// What changes, in order.
        changes: Vec<TableChange>,
    },
    /// `CREATE INDEX`.
    CreateIndex {
        /// The table.
        table: TableName,
        /// The index.
        index: NewIndex,
        /// Whether an existing one is fine.
        if_not_exists: bool,
    },
    /// `DROP INDEX`.
    DropIndex {
        /// The namespace.
        namespace: Name,
        /// The name.
        name: Name,
        /// Whether a missing one is fine.
        if_exists: bool,
    },
    /// `CREATE STORAGE LOCATION`.
    CreateLocation {
        /// The location.
        location: StorageLocation,
        /// Whether an existing one is fine.
        if_not_exists: bool,
    },
    /// `ALTER STORAGE LOCATION`.
    AlterLocation(StorageLocation),
    /// `DROP STORAGE LOCATION`.
    DropLocation {
        /// The name.
        name: Name,
        /// Whether a missing one is fine.
        if_exists: bool,
    },
}

/// One change of `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq)]
pub enum TableChange {
    /// `ADD COLUMN`.
    Add {
        /// The column.
        add: AddColumn,
        /// Whether an existing one is fine.
        if_not_exists: bool,
    },
    /// `DROP COLUMN`.
    Drop {
        /// The column.
        name: Name,
        /// Whether a missing one is fine.
        if_exists: bool,
    },
    /// `RENAME COLUMN … TO …`.
    Rename {
        /// The column.
        name: Name,
        /// Its new name.
        new_name: Name,
    },
    /// `SET …`: options that are named replace the table's.
    Set(OptionChanges),
}

/// Options as far as a statement names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionChanges {
    /// `LOCATION`.
    pub location: Option<kalamdb_core::catalog::Location>,
    /// `FLUSH POLICY`.
    pub flush: Option<kalamdb_core::catalog::FlushPolicy>,
    /// `deleted_retention`: seconds, or `None` for ever.
    pub deleted_retention_seconds: Option<Option<u64>>,
}

impl OptionChanges {
    /// `options` with what is named replaced.
    pub fn apply(&self, mut options: TableOptions) -> TableOptions {
        if let Some(location) = &self.location {
            options.location = Some(location.clone());
        }
        if let Some(flush) = self.flush {
            options.flush = flush;
        }
        if let Some(seconds) = self.deleted_retention_seconds {
            options.deleted_retention_seconds = seconds;
        }
        options
    }
}

/// `SHOW` and `DESCRIBE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// `SHOW NAMESPACES`.
    Namespaces,
    /// `SHOW TABLES [IN namespace]`.
    Tables(Option<Name>),
    /// `DESCRIBE namespace.table`.
    Describe(TableName),
}

/// A query with what a session must know before it is planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The query.
    pub ast: ast::Query,
    /// The tables that it reads.
    pub tables: Vec<TableName>,
    /// Which of [`kalamdb_core::catalog::SYSTEM_COLUMNS`] it names.
    pub system_columns: [bool; 3],
    /// Whether tombstones stay hidden even if `_deleted` is named.
    pub live_only: bool,
    /// What it became on the direct path.
    pub direct: DirectSlot,
}

/// `INSERT`.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The table.
    pub table: TableName,
    /// The columns in the order of the values; `None`: all.
    pub columns: Option<Vec<String>>,
    /// The rows.
    pub source: InsertSource,
    /// `ON CONFLICT`.
    pub on_conflict: Option<OnConflict>,
}

/// Where the rows of an `INSERT` come from.
#[derive(Clone, Debug, PartialEq)]
pub enum InsertSource {
    /// `DEFAULT VALUES`.
    Defaults,
    /// `VALUES`: a cell without expression takes the column's default.
    Values(Vec<Vec<Option<ast::Expr>>>),
    /// `SELECT`.
    Query(Box<Query>),
}

/// `ON CONFLICT [(primary key)] DO …`.
#[derive(Clone, Debug, PartialEq)]
pub struct OnConflict {
    /// The columns of the target, if it is given.
    pub target: Option<Vec<String>>,
    /// What is assigned to the row that is there; `None`: `DO NOTHING`.
    pub update: Option<Vec<Assignment>>,
    /// `WHERE` of `DO UPDATE`.
    pub filter: Option<ast::Expr>,
}

/// `column = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The column.
    pub column: String,
    /// The value; `None` is `DEFAULT`.
    pub value: Option<ast::Expr>,
}

/// `UPDATE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The table.
    pub table: TableName,
    /// Its alias.
    pub alias: Option<String>,
    /// `SET`.
    pub assignments: Vec<Assignment>,
    /// `WHERE`.
    pub filter: Option<ast::Expr>,
}

/// `DELETE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// The table.
    pub table: TableName,
    /// Its alias.
    pub alias: Option<String>,
    /// `WHERE`.
    pub filter: Option<ast::Expr>,
}

/// Statements of one text with the number of parameters that they take together.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The statements.
    pub statements: Vec<Statement>,
    /// The highest parameter number.
    pub params: usize,
}
