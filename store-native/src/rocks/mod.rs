//! RocksDB: one column family for each partition, one write-ahead log for all of them.
//!
//! A commit goes into the log's buffer and the memory tables; the background thread writes the buffer out and syncs
//! it, for all spaces at once. A log damaged before its end is refused and not cut off: behind the damage may lie
//! commits that were reported durable.

mod options;
mod owned;
mod snapshot;

use std::path::Path;
use std::sync::{Arc, Weak};

use kalamdb_core::store::{KEY_BYTES_MAX, KeyRange, Partition, Snapshot, Store, StoreListener, WriteBatch, WriteOp};
use kalamdb_core::{Error, Result};
use parking_lot::Mutex;
use rocksdb::{ColumnFamily, DB, ErrorKind, WriteOptions};

pub use self::options::{LogDamage, RocksOptions};
use self::snapshot::RocksSnapshot;
use crate::StoreKind;
use crate::directory::Directory;
use crate::failure::{damaged, disk_full, unreadable, unwritable};
use crate::frame::{Engine, Frame};

/// The folder with RocksDB's files inside the data directory.
const FOLDER: &str = "rocksdb";

/// What RocksDB says when the disk, a quota or a file size limit left no room; its errors carry only text.
const FULL_MESSAGES: [&str; 3] = ["No space left on device", "File too large", "Disk quota exceeded"];

/// What RocksDB says of the log when another thread's call has just failed on it.
const FAILED_ELSEWHERE: &str = "Seen error";

/// Opens a RocksDB store in the directory `path`; an absent directory is made.
///
/// # Errors
/// As [`open_store`](crate::open_store).
pub fn open(path: &Path, options: &RocksOptions, listener: Option<StoreListener>) -> Result<impl Store + use<>> {
    let directory = Directory::open(path, StoreKind::Rocksdb)?;
    let folder = directory.path().join(FOLDER);
    let db = DB::open_cf_descriptors(&options.database(directory.is_new()), &folder, options.column_families())
        .map_err(|error| open_failed(&folder, &error))?;
    directory.ready()?;
    let rocks = Rocks {
        shared: Arc::new(Shared { db, directory }),
        write_options: WriteOptions::default(),
        latest: Mutex::default(),
        writing: Mutex::default(),
        syncing: Mutex::default(),
    };
    Frame::start(rocks, listener)
}

struct Rocks {
    shared: Arc<Shared>,
    write_options: WriteOptions,
    /// The last snapshot: as long as nothing is written and somebody holds it, it serves again. Making one takes the
    /// lock that RocksDB's background work takes.
    latest: Mutex<Weak<RocksSnapshot>>,
    /// Held during a write to the log, and why it failed.
    writing: Mutex<Option<Error>>,
    /// Held during a sync of the log, and why it failed.
    syncing: Mutex<Option<Error>>,
}

/// The open database; snapshots keep it alive.
struct Shared {
    db: DB,
    /// Declared last, so that the directory is free only when the database is closed.
    directory: Directory,
}

impl Shared {
    fn column_family(&self, partition: Partition) -> &ColumnFamily {
        self.db.cf_handle(partition.name()).expect("every partition was opened as a column family")
    }

    fn read_failed(&self, error: &rocksdb::Error) -> Error {
        let what = format!("rocksdb in `{}`", self.directory.path().display());
        match error.kind() {
            ErrorKind::Corruption => damaged(what, error),
            _ => unreadable(what, error),
        }
    }

    fn write_failed(&self, error: &rocksdb::Error) -> Error {
        let what = format!("rocksdb in `{}`", self.directory.path().display());
        match error.kind() {
            ErrorKind::Corruption => damaged(what, error),
            _ if is_full(error) => disk_full(what, error),
            _ => unwritable(what, error),
        }
    }
}

impl Rocks {
    /// Runs a call on the log, and finds out why it failed: the first call that fails knows the reason, the one that runs
    /// beside it only learns that there is one.
    fn on_log(
        &self,
        own: &Mutex<Option<Error>>,
        beside: &Mutex<Option<Error>>,
        call: impl FnOnce(&DB) -> std::result::Result<(), rocksdb::Error>,
    ) -> Result<()> {
        let mut failure = own.lock();
        let Err(error) = call(&self.shared.db) else { return Ok(()) };
        let known = self.shared.write_failed(&error);
        if !error.as_ref().contains(FAILED_ELSEWHERE) {
            *failure = Some(known.clone());
            return Err(known);
        }
        // The other call may wait for this lock, too.
        drop(failure);
        Err(beside.lock().clone().unwrap_or(known))
    }
}

fn is_full(error: &rocksdb::Error) -> bool {
    FULL_MESSAGES.iter().any(|message| error.as_ref().contains(message))
}

fn open_failed(folder: &Path, error: &rocksdb::Error) -> Error {
    let what = format!("rocksdb in `{}`", folder.display());
    match error.kind() {
        _ if is_full(error) => disk_full(what, error),
        ErrorKind::Corruption => damaged(what, error),
        // A file that the manifest or the marker promises is missing.
        ErrorKind::InvalidArgument if error.as_ref().contains("does not exist") => damaged(what, error),
        ErrorKind::IOError if error.as_ref().contains("No such file") => damaged(what, error),
        // Column families that this version does not know.
        ErrorKind::InvalidArgument if error.as_ref().contains("Column families not opened") => Error::invalid(
            "unknown_store_format",
            format!("{what} has partitions that this version does not know ({error}): use the version that wrote them"),
        ),
        ErrorKind::NotSupported => damaged(what, error),
        _ => unreadable(what, error),
    }
}

/// The end of a range for RocksDB, which has no open end: greater than every key that a batch may hold.
fn range_end(range: KeyRange) -> Vec<u8> {
    range.end.unwrap_or_else(|| vec![0xff; KEY_BYTES_MAX + 1])
}

impl Engine for Rocks {
    type Prepared = rocksdb::WriteBatch;

    fn prepare(&self, batch: WriteBatch) -> Result<rocksdb::WriteBatch> {
        // Beside keys and values an operation takes its kind, its column family and two lengths.
        let bytes = batch.bytes() + batch.ops().len() * 12 + 12;
        let mut native = rocksdb::WriteBatch::with_capacity_bytes(bytes);
        for op in batch.into_ops() {
            match op {
                WriteOp::Put { partition, key, value } => {
                    native.put_cf(self.shared.column_family(partition), key, value);
                }
                WriteOp::Delete { partition, key } => native.delete_cf(self.shared.column_family(partition), key),
                WriteOp::DeleteRange { range, .. } if range.is_empty() => {}
                WriteOp::DeleteRange { partition, range } => {
                    let start = range.start.clone();
                    native.delete_range_cf(self.shared.column_family(partition), start, range_end(range));
                }
            }
        }
        Ok(native)
    }

    fn write(&self, prepared: rocksdb::WriteBatch) -> Result<()> {
        self.on_log(&self.writing, &self.syncing, |db| db.write_opt(prepared, &self.write_options))
    }

    fn sync(&self) -> Result<()> {
        self.on_log(&self.syncing, &self.writing, |db| db.flush_wal(true))
    }

    fn snapshot(self: &Arc<Self>) -> Result<Arc<dyn Snapshot>> {
        let mut latest = self.latest.lock();
        if let Some(snapshot) = latest.upgrade()
            && snapshot.is_current()
        {
            return Ok(snapshot);
        }
        let snapshot = Arc::new(RocksSnapshot::new(self.shared.clone()));
        *latest = Arc::downgrade(&snapshot);
        Ok(snapshot)
    }
}
