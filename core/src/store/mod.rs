//! The storage seam: everything KalamDB keeps goes through [`Store`] and [`Snapshot`].
//!
//! A store is a small, fixed set of ordered byte maps ([`Partition`]) that change together, one
//! [`WriteBatch`] at a time. It is not a cache, a query engine or a transaction manager: isolation between
//! writers is the caller's business.
//!
//! # Guarantees
//! Each of them is checked by one suite, `conformance` (feature `testing`), for every implementation.
//!
//! 1. *Atomic*: a batch is applied whole or not at all, in the order of its operations, also across crashes.
//! 2. *Visible*: a snapshot taken after [`Store::commit`] returned sees the batch.
//! 3. *Ordered*: commits become durable in the order of their ids: what survives a crash is a prefix.
//! 4. *Durable*: a commit with `id <= persisted()` survives a crash of process and machine.
//! 5. *Isolated*: a snapshot never changes and never blocks a writer.
//! 6. *Honest*: no error is swallowed. After a failed write the store refuses further writes with
//!    [`ErrorKind::Quota`](crate::ErrorKind::Quota) or [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt);
//!    what was persisted stays readable.

mod batch;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod cow;
mod faulty;
mod image;
mod memory;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Error, Result};

pub use batch::{BATCH_BYTES_MAX, IntoBytes, KEY_BYTES_MAX, WriteBatch, WriteOp};
pub use cow::{CowCursor, CowMap};
pub use faulty::{Fault, FaultyStore};
pub use image::{Image, ImageSnapshot};
pub use memory::MemoryStore;

/// One of the fixed ordered byte maps of a store. The numbers are part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Partition {
    /// Format version, catalog, users, spaces, device identity and position.
    Meta = 0,
    /// Confirmed rows by (space, generation, table, primary key).
    Rows = 1,
    /// Secondary index entries by (space, generation, index, values, primary key).
    Index = 2,
    /// Log entries by (space, seq); server only.
    Log = 3,
    /// Devices of a space and their undelivered results; server only.
    Devices = 4,
    /// Own transactions not yet decided, and rejected writes; device only.
    Outbox = 5,
    /// Rows as they look with the outbox applied, and which mutations touch them; device only.
    Overlay = 6,
    /// Staged parts of snapshots.
    Staging = 7,
}

impl Partition {
    /// All partitions in the order of their numbers.
    pub const ALL: [Partition; 8] = [
        Partition::Meta,
        Partition::Rows,
        Partition::Index,
        Partition::Log,
        Partition::Devices,
        Partition::Outbox,
        Partition::Overlay,
        Partition::Staging,
    ];

    /// The stable name, for column families and table names.
    pub fn name(self) -> &'static str {
        match self {
            Partition::Meta => "meta",
            Partition::Rows => "rows",
            Partition::Index => "index",
            Partition::Log => "log",
            Partition::Devices => "devices",
            Partition::Outbox => "outbox",
            Partition::Overlay => "overlay",
            Partition::Staging => "staging",
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The number of a commit, rising by one with each; 0 before the first since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitId(pub u64);

/// The order of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key up.
    Forward,
    /// From the largest key down.
    Reverse,
}

/// The keys from `start` (included) to `end` (not included; `None`: to the last key).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key of the range.
    pub start: Vec<u8>,
    /// The first key behind the range.
    pub end: Option<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> KeyRange {
        KeyRange { start: Vec::new(), end: None }
    }

    /// The keys `start <= key < end`.
    pub fn new(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> KeyRange {
        KeyRange { start: start.into(), end: Some(end.into()) }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> KeyRange {
        let start = prefix.into();
        let end = successor(&start);
        KeyRange { start, end }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && self.end.as_deref().is_none_or(|end| key < end)
    }

    /// Whether no key can lie in the range.
    pub fn is_empty(&self) -> bool {
        self.end.as_deref().is_some_and(|end| end <= self.start.as_slice())
    }
}

/// The smallest key that is greater than every key beginning with `prefix`; `None` if there is none.
pub fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let keep = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=keep].to_vec();
    end[keep] += 1;
    Some(end)
}

/// An ordered walk over (key, value) pairs; it lends what it stands on.
///
/// ```
/// use kalamdb_core::store::{Direction, KeyRange, MemoryStore, Partition, Store, WriteBatch};
/// let store = MemoryStore::new();
/// let mut batch = WriteBatch::new();
/// batch.put(Partition::Meta, *b"a", *b"1");
/// store.commit(batch)?;
/// let snapshot = store.snapshot()?;
/// let mut cursor = snapshot.scan(Partition::Meta, KeyRange::all(), Direction::Forward)?;
/// while cursor.advance()? {
///     assert_eq!((cursor.key(), cursor.value()), (&b"a"[..], &b"1"[..]));
/// }
/// # Ok::<(), kalamdb_core::Error>(())
/// ```
pub trait Cursor {
    /// Steps to the next pair; `false` at the end, and again on every later call.
    ///
    /// # Errors
    /// Kind `corrupt` if stored bytes are damaged, `internal` if the medium fails.
    fn advance(&mut self) -> Result<bool>;

    /// The key that the cursor stands on; empty before the first and after the last `advance`.
    fn key(&self) -> &[u8];

    /// The value that the cursor stands on; empty before the first and after the last `advance`.
    fn value(&self) -> &[u8];
}

/// A consistent view of a store at one commit.
pub trait Snapshot: Send + Sync {
    /// The value of `key`.
    ///
    /// # Errors
    /// Kind `corrupt` if stored bytes are damaged, `internal` if the medium fails.
    fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Bytes>>;

    /// The pairs of `range`, ordered by the bytes of the key.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    fn scan<'a>(&'a self, partition: Partition, range: KeyRange, direction: Direction) -> Result<Box<dyn Cursor + 'a>>;
}

/// What a store reports about its write-behind, from any thread.
#[derive(Clone, Debug)]
pub enum StoreEvent {
    /// Every commit up to this one is durable.
    Persisted(CommitId),
    /// Writing failed; the store refuses further writes with this error.
    Failed(Error),
}

/// Receives [`StoreEvent`]s. It must return quickly and must not call the store.
pub type StoreListener = Arc<dyn Fn(StoreEvent) + Send + Sync>;

/// An ordered key-value store. See the [module](self) for the guarantees.
pub trait Store: Send + Sync {
    /// A cheap view of the last commit.
    ///
    /// # Errors
    /// Kind `closed` after [`Store::close`].
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>>;

    /// Applies `batch`: all or nothing, visible when this returns, durable once [`Store::persisted`] reaches
    /// the returned id.
    ///
    /// # Errors
    /// Kind `invalid` or `quota` as [`WriteBatch::check`], with nothing changed; `closed` after [`Store::close`];
    /// `quota` or `corrupt` once writing has failed.
    fn commit(&self, batch: WriteBatch) -> Result<CommitId>;

    /// The last commit that is durable, with all before it.
    fn persisted(&self) -> CommitId;

    /// Waits until everything committed before the call is durable, and returns the last such commit.
    ///
    /// # Errors
    /// As [`Store::commit`].
    fn flush(&self) -> Result<CommitId>;

    /// Flushes and refuses every later call. Closing twice is allowed.
    ///
    /// # Errors
    /// As [`Store::flush`].
    fn close(&self) -> Result<()>;
}
