//! A RocksDB snapshot that owns its database: the one place with unsafe code.

#![allow(unsafe_code)]

use std::mem::transmute;
use std::sync::Arc;

use super::Shared;

/// A snapshot together with the database that it belongs to.
pub(super) struct OwnedSnapshot {
    /// Borrows `shared`. Declared before it, so that it is released while the database is still open.
    snapshot: rocksdb::Snapshot<'static>,
    shared: Arc<Shared>,
}

impl OwnedSnapshot {
    pub(super) fn new(shared: Arc<Shared>) -> OwnedSnapshot {
        let snapshot = shared.db.snapshot();
        // SAFETY: the snapshot borrows the database inside the `Arc`, whose address does not change when the `Arc`
        // moves and which lives until `shared` is dropped, after `snapshot` (fields drop in order). The lifetime
        // `'static` never leaves this struct: `snapshot()` shortens it to that of `&self`.
        let snapshot = unsafe { transmute::<rocksdb::Snapshot<'_>, rocksdb::Snapshot<'static>>(snapshot) };
        OwnedSnapshot { snapshot, shared }
    }

    pub(super) fn snapshot(&self) -> &rocksdb::Snapshot<'_> {
        &self.snapshot
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}
