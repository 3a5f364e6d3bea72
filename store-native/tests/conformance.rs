//! The conformance suite of the storage seam over the three engines.

use kalamdb_core::store::StoreListener;
use kalamdb_core::store::conformance::{Bed, Opening};
use kalamdb_store_native::{StoreKind, open_store};
use tempfile::TempDir;

struct Folder {
    kind: StoreKind,
    folder: TempDir,
}

impl Folder {
    fn new(kind: StoreKind) -> Folder {
        Folder { kind, folder: tempfile::tempdir().expect("a temporary folder") }
    }
}

impl Bed for Folder {
    fn open(&self, listener: Option<StoreListener>) -> Opening<'_> {
        let store = open_store(self.kind, self.folder.path(), listener);
        Box::pin(async { store })
    }
}

mod rocksdb {
    kalamdb_core::store_conformance!(durable, super::Folder::new(super::StoreKind::Rocksdb));
}

mod redb {
    kalamdb_core::store_conformance!(durable, super::Folder::new(super::StoreKind::Redb));
}

mod sled {
    kalamdb_core::store_conformance!(durable, super::Folder::new(super::StoreKind::Sled));
}
