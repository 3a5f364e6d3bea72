//! Import of a file into the spaces of many users: every distinct value of one column is a user.
//!
//! The file is read twice. First each row is checked against the table, without a trace; only a file without a fault is
//! written. Rows are written in batches, each with a mark in its own commit, so that an import that was broken off
//! goes on where it stopped. Batches follow from the file alone, whatever was written before.

mod batches;
mod check;
mod source;
mod target;

use std::path::Path;

use kalamdb_core::store::CommitId;
use kalamdb_core::{Error, Name, Result, Table};

use crate::clock::now;
use crate::idempotency::IMPORT_KEPT_MS;
use crate::node::Node;
use batches::{Batch, Batches};
use check::Checker;
use source::Source;
use target::Target;

pub use source::{ImportFormat, SourceOptions};

/// Rows of one user that are written with one commit.
pub const BATCH_ROWS_MAX: usize = 2_000;
/// The largest file that is imported, in rows.
pub const IMPORT_ROWS_MAX: u64 = 50_000_000;

/// What to import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// The file.
    pub source: SourceOptions,
    /// The table, `namespace.name`.
    pub table: (Name, Name),
    /// The column whose values are users.
    pub user_column: Name,
    /// Columns of the primary key of a table that is made if it is missing.
    pub create: Option<Vec<Name>>,
}

/// Where an import stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The file is checked.
    Checking,
    /// The file is written.
    Writing,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Rows read in this step.
    pub rows: u64,
    /// Rows of the file; unknown until it was read once, unless it says.
    pub total: Option<u64>,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Users in the file.
    pub users: u64,
    /// Rows written now.
    pub written: u64,
    /// Rows that an earlier run of the same import had written.
    pub present: u64,
}

/// Imports a file; all of it is durable when this returns.
///
/// # Errors
/// Kind `invalid` for a missing file, table or column and for a row that does not fit, naming it and its column;
/// `conflict` for a row whose key exists; what the store gives. Nothing was written unless it was the store.
pub fn import(node: &Node, options: &ImportOptions, progress: &mut dyn FnMut(Progress)) -> Result<Summary> {
    let source = Source::open(&options.source)?;
    let target = Target::find(node, options, &source)?;
    let user_column = target.table.column_named(options.user_column.as_str()).ok_or_else(|| {
        let message = format!("table `{}` has no column `{}` for users", target.table.full_name(), options.user_column);
        Error::invalid("unknown_column", message)
    })?;
    let user_column = (user_column.id, options.user_column.clone());
    let mut checker = Checker::new(node, &target, &source, &options.user_column)?;
    let mut report = |rows, total| progress(Progress { step: Step::Checking, rows, total });
    let total = Batches::new(&source, &target.table, &user_column)?.each(&mut report, |batch| checker.check(batch))?;
    drop(checker);
    target.create(node)?;
    let mut summary = Summary::default();
    let mut report = |rows, _| progress(Progress { step: Step::Writing, rows, total: Some(total) });
    let mut last = CommitId(0);
    Batches::new(&source, &target.table, &user_column)?.each(&mut report, |batch| {
        if let Some(commit) = write(node, &target.table, &source, &options.user_column, batch, &mut summary)? {
            last = commit;
        }
        Ok(())
    })?;
    node.server.store().flush()?;
    tracing::debug!(?last, "imported");
    Ok(summary)
}

/// Writes a batch unless it is there.
fn write(
    node: &Node,
    table: &Table,
    source: &Source,
    user_column: &Name,
    batch: Batch,
    summary: &mut Summary,
) -> Result<Option<CommitId>> {
    let server = &node.server;
    let space = server.space_of(&batch.user, now())?;
    let key = source.batch_key(space, table, user_column, &batch)?;
    let rows = batch.rows.len() as u64;
    summary.users += u64::from(batch.number == 0);
    if key.find(server)?.is_some() {
        summary.present += rows;
        return Ok(None);
    }
    let mut transaction = server.begin(space, now())?;
    for row in batch.rows {
        let place = row.place(&batch.user);
        transaction.insert(table.id, row.cells).map_err(|error| error.context(place))?;
    }
    let mark = key.store(&[], now(), IMPORT_KEPT_MS)?;
    let written = server.commit(space, transaction, now(), mark)?;
    summary.written += rows;
    Ok(Some(written.commit))
}

/// The path of a file in messages.
fn shown(path: &Path) -> String {
    format!("file `{}`", path.display())
}
