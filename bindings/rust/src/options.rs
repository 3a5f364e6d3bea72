//! How a database is opened.

use std::path::{Path, PathBuf};

use kalamdb_core::UserId;
use kalamdb_store_native::StoreKind;

/// Where a database is and how it is kept. A path alone is enough.
///
/// ```
/// use kalamdb::{Options, StoreKind};
/// let options = Options::new("data/ada").store(StoreKind::Redb);
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) directory: PathBuf,
    pub(crate) store: StoreKind,
    pub(crate) user: Option<UserId>,
}

impl Options {
    /// The database in this directory, which is made if it is absent.
    pub fn new(directory: impl Into<PathBuf>) -> Options {
        Options { directory: directory.into(), store: StoreKind::CLIENT_DEFAULT, user: None }
    }

    /// Keeps it in this engine: redb or, experimental, sled. A directory keeps the engine that made it.
    #[must_use]
    pub fn store(mut self, store: StoreKind) -> Options {
        self.store = store;
        self
    }

    /// Whose database it is. Another user's token is refused then, also at the first contact, and `CURRENT_USER()` has
    /// an answer before it.
    #[must_use]
    pub fn user(mut self, user: UserId) -> Options {
        self.user = Some(user);
        self
    }
}

impl From<&str> for Options {
    fn from(directory: &str) -> Options {
        Options::new(directory)
    }
}

impl From<&Path> for Options {
    fn from(directory: &Path) -> Options {
        Options::new(directory)
    }
}

impl From<PathBuf> for Options {
    fn from(directory: PathBuf) -> Options {
        Options::new(directory)
    }
}
