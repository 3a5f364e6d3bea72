//! RocksDB, redb and sled behind the storage seam of [`kalamdb_core::store`].
//!
//! | module | engine | for |
//! |---|---|---|
//! | [`rocks`] | RocksDB, the only one that builds C++ | servers |
//! | [`redb`] | redb, a copy-on-write B-tree in one file | desktop and mobile |
//! | [`sled`] | sled with a copy-on-write image in memory, experimental | desktop and mobile |
//!
//! All three share one frame: a commit is visible when it returns, one background thread makes many commits
//! durable with one sync and reports it, and the first failed write freezes the store. A store owns its directory.
//!
//! ```
//! use kalamdb_core::store::{Partition, Store, WriteBatch};
//! use kalamdb_store_native::{StoreKind, open_store};
//!
//! let folder = tempfile::tempdir()?;
//! let store = open_store(StoreKind::Redb, folder.path(), None)?;
//! let mut batch = WriteBatch::new();
//! batch.put(Partition::Meta, *b"greeting", *b"hello");
//! store.commit(batch)?;
//! store.flush()?;
//! assert_eq!(store.snapshot()?.get(Partition::Meta, b"greeting")?.as_deref(), Some(&b"hello"[..]));
//! store.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod directory;
mod failure;
mod frame;
mod kind;
mod persister;
#[cfg(feature = "redb")]
pub mod redb;
#[cfg(feature = "rocksdb")]
pub mod rocks;
#[cfg(feature = "sled")]
pub mod sled;

pub use directory::MARKER as MARKER_FILE;
pub use kind::{StoreKind, open_store};
