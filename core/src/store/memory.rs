//! The store in memory, for tests and private browser windows.

use std::sync::Arc;

use parking_lot::RwLock;

use super::{CommitId, Image, ImageSnapshot, Snapshot, Store, WriteBatch};
use crate::{Error, Result};

/// A [`Store`] that lives as long as the process: what it calls persisted survives nothing but a drop of its users.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    image: Image,
    last: CommitId,
    closed: bool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// The bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.state.read().image.bytes()
    }

    /// A store that starts with the content of `image`.
    pub fn from_image(image: Image) -> MemoryStore {
        MemoryStore { state: RwLock::new(State { image, ..State::default() }) }
    }
}

pub(super) fn closed() -> Error {
    Error::closed("store_closed", "the store is closed: open the database again")
}

impl Store for MemoryStore {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        let state = self.state.read();
        if state.closed {
            return Err(closed());
        }
        Ok(Arc::new(ImageSnapshot(state.image.clone())))
    }

    fn commit(&self, batch: WriteBatch) -> Result<CommitId> {
        batch.check()?;
        let mut state = self.state.write();
        if state.closed {
            return Err(closed());
        }
        state.image.apply(batch);
        state.last.0 += 1;
        Ok(state.last)
    }

    fn persisted(&self) -> CommitId {
        self.state.read().last
    }

    fn flush(&self) -> Result<CommitId> {
        let state = self.state.read();
        if state.closed { Err(closed()) } else { Ok(state.last) }
    }

    fn close(&self) -> Result<()> {
        self.state.write().closed = true;
        Ok(())
    }
}
