//! The engines by name.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use kalamdb_core::store::{Store, StoreListener};
use kalamdb_core::{Error, Result};

/// An engine of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// RocksDB.
    Rocksdb,
    /// redb.
    Redb,
    /// sled, experimental.
    Sled,
}

impl StoreKind {
    /// Every engine, also those that are not built in.
    pub const ALL: [StoreKind; 3] = [StoreKind::Rocksdb, StoreKind::Redb, StoreKind::Sled];

    /// What native clients use unless told otherwise; docs/decisions/0001-default-native-store.md says why.
    pub const CLIENT_DEFAULT: StoreKind = StoreKind::Redb;

    /// The stable name, for settings and for the marker of a data directory.
    pub fn name(self) -> &'static str {
        match self {
            StoreKind::Rocksdb => "rocksdb",
            StoreKind::Redb => "redb",
            StoreKind::Sled => "sled",
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for StoreKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<StoreKind> {
        StoreKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            Error::invalid("unknown_store", format!("there is no store `{name}`: use rocksdb, redb or sled"))
        })
    }
}

/// Opens the store of `kind` in the directory `path` with default options; an absent directory is made.
///
/// # Errors
/// Kind `invalid` if the engine is not built in, or if `path` is not a directory, holds something else, or was
/// written by another engine or a newer version; `retry` if it is in use; `corrupt` if its files are damaged;
/// `quota` if the disk is full.
pub fn open_store(kind: StoreKind, path: &Path, listener: Option<StoreListener>) -> Result<Arc<dyn Store>> {
    match kind {
        #[cfg(feature = "rocksdb")]
        StoreKind::Rocksdb => Ok(Arc::new(crate::rocks::open(path, &crate::rocks::RocksOptions::default(), listener)?)),
        #[cfg(feature = "redb")]
        StoreKind::Redb => Ok(Arc::new(crate::redb::open(path, &crate::redb::RedbOptions::default(), listener)?)),
        #[cfg(feature = "sled")]
        StoreKind::Sled => Ok(Arc::new(crate::sled::open(path, &crate::sled::SledOptions::default(), listener)?)),
        #[cfg(not(all(feature = "rocksdb", feature = "redb", feature = "sled")))]
        _ => Err(Error::invalid("store_not_built", format!("the store `{kind}` is not built in: use another one"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_refused() {
        for kind in StoreKind::ALL {
            assert_eq!(kind.name().parse::<StoreKind>(), Ok(kind));
        }
        let error = "sqlite".parse::<StoreKind>().expect_err("no such store");
        assert_eq!(error.code(), "unknown_store");
        assert!(error.message().contains("sqlite"));
    }
}
