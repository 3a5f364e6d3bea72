//! redb: one table for each partition in one file, a copy-on-write B-tree.
//!
//! A commit is a redb transaction without durability, visible at once; the background thread makes all of them
//! durable with one empty transaction that is synced. What a crash loses is everything since the last of those, so
//! that a prefix survives.

mod file;
mod snapshot;

use std::fs::OpenOptions;
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::redb::{
    Builder, Database, DatabaseError, Durability, ReadableDatabase, Table, TableDefinition, WriteTransaction,
};
use kalamdb_core::store::{KeyRange, Partition, Snapshot, Store, StoreListener, WriteBatch, WriteOp};
use kalamdb_core::{Error, Result};

use self::file::GuardedFile;
use self::snapshot::RedbSnapshot;
use crate::StoreKind;
use crate::directory::Directory;
use crate::failure::{damaged, unreadable, unwritable, write_failed};
use crate::frame::{Engine, Frame};

/// redb's file inside the data directory.
const FILE: &str = "kalamdb.redb";

/// The tables; keys order by bytes.
type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// How much a redb store may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedbOptions {
    /// Bytes of pages in memory.
    pub cache_bytes: usize,
    /// Whether an open reads the whole file and checks it. Without it, damage is found when it is read, and some
    /// damage ends the process.
    pub check_on_open: bool,
}

impl Default for RedbOptions {
    fn default() -> Self {
        RedbOptions { cache_bytes: 64 << 20, check_on_open: true }
    }
}

/// Opens a redb store in the directory `path`; an absent directory is made.
///
/// # Errors
/// As [`open_store`](crate::open_store).
pub fn open(path: &Path, options: &RedbOptions, listener: Option<StoreListener>) -> Result<impl Store + use<>> {
    let directory = Directory::open(path, StoreKind::Redb)?;
    let path = directory.path().join(FILE);
    let file = open_file(&path, directory.is_new())?;
    let open = || {
        let db = Builder::new()
            .set_cache_size(options.cache_bytes)
            .set_check_integrity_on_open(options.check_on_open && !directory.is_new())
            .create_with_backend(file.clone())
            .map_err(|error| open_failed(&path, error))?;
        let redb = Redb { db, file: file.clone(), path: path.clone(), directory: None };
        if directory.is_new() {
            redb.make_tables()?;
        }
        Ok(redb)
    };
    // Some damaged files make redb panic; to the caller that is damage like any other.
    let mut redb = catch_unwind(AssertUnwindSafe(open))
        .unwrap_or_else(|_| Err(damaged(name(&path), "redb panicked while it opened the file")))?;
    directory.ready()?;
    redb.directory = Some(directory);
    Frame::start(redb, listener)
}

/// The file of an existing store must have content; that of a new one starts empty.
fn open_file(path: &Path, is_new: bool) -> Result<GuardedFile> {
    let opened = OpenOptions::new().read(true).write(true).create(is_new).truncate(is_new).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged(name(path), error)),
        Err(error) => return Err(unreadable(name(path), error)),
    };
    match file.metadata() {
        Ok(metadata) if metadata.len() == 0 && !is_new => Err(damaged(name(path), "it is empty")),
        Ok(_) => GuardedFile::new(file).map_err(|error| unreadable(name(path), error)),
        Err(error) => Err(unreadable(name(path), error)),
    }
}

fn name(path: &Path) -> String {
    format!("redb file `{}`", path.display())
}

fn open_failed(path: &Path, error: DatabaseError) -> Error {
    match error {
        DatabaseError::UpgradeRequired(version) => Error::invalid(
            "unknown_store_format",
            format!("{} has file format {version} of redb: open it with the version that wrote it", name(path)),
        ),
        DatabaseError::Storage(::redb::StorageError::Io(error)) if error.kind() != io::ErrorKind::InvalidData => {
            write_failed(name(path), &error)
        }
        error => damaged(name(path), error),
    }
}

fn definition(partition: Partition) -> Definition {
    TableDefinition::new(partition.name())
}

fn bounds(range: &KeyRange) -> (Bound<&[u8]>, Bound<&[u8]>) {
    let end = range.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    (Bound::Included(range.start.as_slice()), end)
}

struct Redb {
    db: Database,
    file: GuardedFile,
    path: PathBuf,
    /// Declared last, so that the directory is free only when the database is closed.
    directory: Option<Directory>,
}

impl Redb {
    fn make_tables(&self) -> Result<()> {
        let transaction = self.begin(Durability::Immediate)?;
        for partition in Partition::ALL {
            transaction.open_table(definition(partition)).map_err(|error| self.write_failed(error))?;
        }
        self.end(transaction)
    }

    fn begin(&self, durability: Durability) -> Result<WriteTransaction> {
        let mut transaction = self.db.begin_write().map_err(|error| self.write_failed(error))?;
        transaction.set_durability(durability).map_err(|error| self.write_failed(error))?;
        Ok(transaction)
    }

    fn end(&self, transaction: WriteTransaction) -> Result<()> {
        transaction.commit().map_err(|error| self.write_failed(error))?;
        self.check_file()
    }

    /// Whether every write so far reached the file.
    fn check_file(&self) -> Result<()> {
        self.file.failure().map_or(Ok(()), |error| Err(write_failed(name(&self.path), &error)))
    }

    fn write_failed(&self, error: impl Into<::redb::Error>) -> Error {
        match error.into() {
            ::redb::Error::Corrupted(text) => damaged(name(&self.path), text),
            ::redb::Error::Io(error) => write_failed(name(&self.path), &error),
            ::redb::Error::ValueTooLarge(bytes) => Error::invalid(
                "value_too_large",
                format!("a key and value of {bytes} bytes are over redb's limit of 3 GiB: split the value"),
            ),
            error => unwritable(name(&self.path), error),
        }
    }
}

/// The tables that one transaction has open.
struct Tables<'a> {
    transaction: &'a WriteTransaction,
    open: [Option<Table<'a, &'static [u8], &'static [u8]>>; Partition::ALL.len()],
}

impl<'a> Tables<'a> {
    fn get(&mut self, partition: Partition) -> Result<&mut Table<'a, &'static [u8], &'static [u8]>, ::redb::Error> {
        let slot = &mut self.open[partition as usize];
        match slot {
            Some(table) => Ok(table),
            None => Ok(slot.insert(self.transaction.open_table(definition(partition))?)),
        }
    }

    fn apply(&mut self, op: WriteOp) -> Result<(), ::redb::Error> {
        match op {
            WriteOp::Put { partition, key, value } => {
                self.get(partition)?.insert(key.as_ref(), value.as_ref())?;
            }
            WriteOp::Delete { partition, key } => {
                self.get(partition)?.remove(key.as_ref())?;
            }
            WriteOp::DeleteRange { range, .. } if range.is_empty() => {}
            WriteOp::DeleteRange { partition, range } => {
                self.get(partition)?.retain_in::<&[u8], _>(bounds(&range), |_, _| false)?;
            }
        }
        Ok(())
    }
}

impl Engine for Redb {
    type Prepared = WriteBatch;

    fn prepare(&self, batch: WriteBatch) -> Result<WriteBatch> {
        Ok(batch)
    }

    fn write(&self, batch: WriteBatch) -> Result<()> {
        let transaction = self.begin(Durability::None)?;
        let mut tables = Tables { transaction: &transaction, open: Default::default() };
        for op in batch.into_ops() {
            tables.apply(op).map_err(|error| self.write_failed(error))?;
        }
        drop(tables);
        // A page that did not reach the file: dropping the transaction undoes it.
        self.check_file()?;
        transaction.commit().map_err(|error| self.write_failed(error))
    }

    fn sync(&self) -> Result<()> {
        let transaction = self.begin(Durability::Immediate)?;
        self.end(transaction)
    }

    fn snapshot(self: &Arc<Self>) -> Result<Arc<dyn Snapshot>> {
        let transaction = self.db.begin_read().map_err(|error| unreadable(name(&self.path), error))?;
        Ok(Arc::new(RedbSnapshot::new(transaction, self.clone())))
    }
}
