//! sled, experimental: all partitions share one tree, keys begin with the partition's number.
//!
//! sled has no snapshots, so everything is also held in memory as a copy-on-write [`Image`], loaded at open. Reads
//! never touch sled.
//!
//! It falls short of the seam in ways that `docs/decisions/0001-default-native-store.md` lists: damage in its log is
//! taken for the end of the log, nothing is promised after a power cut, and closing on a full disk may not return.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use kalamdb_core::store::{
    Direction, Image, ImageSnapshot, Partition, Snapshot, Store, StoreListener, WriteBatch, WriteOp,
};
use kalamdb_core::{Error, Result};
use parking_lot::RwLock;

use crate::StoreKind;
use crate::directory::Directory;
use crate::failure::{damaged, unreadable, unwritable, write_failed};
use crate::frame::{Engine, Frame};

/// The folder with sled's files inside the data directory.
const FOLDER: &str = "sled";
/// sled's main file in it.
const FILE: &str = "db";

/// How much sled may use beside the image, which holds everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SledOptions {
    /// Bytes of pages in sled's own cache.
    pub cache_bytes: u64,
}

impl Default for SledOptions {
    fn default() -> Self {
        SledOptions { cache_bytes: 16 << 20 }
    }
}

/// Opens a sled store in the directory `path`; an absent directory is made.
///
/// # Errors
/// As [`open_store`](crate::open_store).
pub fn open(path: &Path, options: &SledOptions, listener: Option<StoreListener>) -> Result<impl Store + use<>> {
    let directory = Directory::open(path, StoreKind::Sled)?;
    let folder = directory.path().join(FOLDER);
    if !directory.is_new() && !folder.join(FILE).is_file() {
        return Err(damaged(name(&folder), format!("the file `{FILE}` is missing")));
    }
    if !directory.is_new() {
        wait_for_former_threads(&folder.join(FILE)).map_err(|error| unreadable(name(&folder), error))?;
    }
    let open = || {
        let db = ::sled::Config::new()
            .path(&folder)
            .cache_capacity(options.cache_bytes)
            .mode(::sled::Mode::HighThroughput)
            .flush_every_ms(None)
            .open()
            .map_err(|error| failed(&folder, error))?;
        let image = load(&db, &folder)?;
        Ok((db, image))
    };
    // Damaged files make sled panic; to the caller that is damage like any other.
    let (db, image) = catch_unwind(AssertUnwindSafe(open))
        .unwrap_or_else(|_| Err(damaged(name(&folder), "sled panicked while it opened its files")))?;
    directory.ready()?;
    Frame::start(Sled { db, image: RwLock::new(image), folder, _directory: directory }, listener)
}

/// Threads of sled hold its file for a moment longer than the database lives. As the directory is ours, nobody else
/// can have it locked.
fn wait_for_former_threads(file: &Path) -> io::Result<()> {
    let file = File::open(file)?;
    file.lock()?;
    file.unlock()
}

struct Sled {
    db: ::sled::Db,
    image: RwLock<Image>,
    folder: PathBuf,
    /// Declared last, so that the directory is free only when the database is closed.
    _directory: Directory,
}

fn name(folder: &Path) -> String {
    format!("sled in `{}`", folder.display())
}

fn failed(folder: &Path, error: ::sled::Error) -> Error {
    match error {
        ::sled::Error::Corruption { .. } => damaged(name(folder), error),
        ::sled::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => damaged(name(folder), error),
        ::sled::Error::Io(error) => write_failed(name(folder), &error),
        error => unwritable(name(folder), error),
    }
}

/// Reads the whole tree.
fn load(db: &::sled::Db, folder: &Path) -> Result<Image> {
    let mut image = Image::default();
    for entry in db.iter() {
        let (key, value) = entry.map_err(|error| failed(folder, error))?;
        let partition = key.first().and_then(|first| Partition::ALL.get(usize::from(*first)));
        let (Some(partition), Some(key)) = (partition, key.get(1..)) else {
            return Err(damaged(name(folder), "a key belongs to no partition"));
        };
        image.partition_mut(*partition).insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(&value));
    }
    Ok(image)
}

fn tree_key(partition: Partition, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(key.len() + 1);
    full.push(partition as u8);
    full.extend_from_slice(key);
    full
}

/// The batch for sled, which knows no ranges: they are resolved against `image`, to which it is applied on the way.
fn translate(image: &mut Image, batch: WriteBatch) -> ::sled::Batch {
    let mut native = ::sled::Batch::default();
    for op in batch.into_ops() {
        match &op {
            WriteOp::Put { partition, key, value } => native.insert(tree_key(*partition, key), value.as_ref()),
            WriteOp::Delete { partition, key } => native.remove(tree_key(*partition, key)),
            WriteOp::DeleteRange { partition, range } => {
                let mut cursor = image.partition(*partition).cursor(range.clone(), Direction::Forward);
                while cursor.step() {
                    native.remove(tree_key(*partition, &cursor.key_bytes()));
                }
            }
        }
        let mut one = WriteBatch::new();
        one.push(op);
        image.apply(one);
    }
    native
}

impl Engine for Sled {
    type Prepared = WriteBatch;

    fn prepare(&self, batch: WriteBatch) -> Result<WriteBatch> {
        Ok(batch)
    }

    fn write(&self, batch: WriteBatch) -> Result<()> {
        let mut next = self.image.read().clone();
        let native = translate(&mut next, batch);
        self.db.apply_batch(native).map_err(|error| failed(&self.folder, error))?;
        *self.image.write() = next;
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.db.flush().map(|_| ()).map_err(|error| failed(&self.folder, error))
    }

    fn snapshot(self: &Arc<Self>) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(ImageSnapshot(self.image.read().clone())))
    }
}
