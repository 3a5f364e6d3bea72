//! What the three engines have in common: one writer at a time, commit numbers, closing.

use std::sync::Arc;

use kalamdb_core::store::{CommitId, Snapshot, Store, StoreListener, WriteBatch};
use kalamdb_core::{ErrorKind, Result};
use parking_lot::{Mutex, RwLock};

use crate::persister::{Persister, closed};

/// An engine as the frame needs it.
pub(crate) trait Engine: Send + Sync + 'static {
    /// A batch in the engine's own form.
    type Prepared;

    /// Translates a batch. Any number of threads do this at once.
    fn prepare(&self, batch: WriteBatch) -> Result<Self::Prepared>;

    /// Makes a batch visible, whole or not at all. One call at a time; what survives a crash is a prefix of these
    /// calls.
    fn write(&self, prepared: Self::Prepared) -> Result<()>;

    /// Makes every batch durable whose `write` returned before this call. One call at a time, beside writes.
    fn sync(&self) -> Result<()>;

    /// A view of what is written; it keeps the engine open as long as it needs it.
    fn snapshot(self: &Arc<Self>) -> Result<Arc<dyn Snapshot>>;
}

/// A [`Store`] over an engine. The engine lives until the store is closed and the last snapshot is gone.
pub(crate) struct Frame<E: Engine> {
    engine: RwLock<Option<Arc<E>>>,
    /// Held from the write of a commit until it has its number: the order of numbers is the order of writes.
    turn: Mutex<()>,
    persister: Persister,
}

impl<E: Engine> Frame<E> {
    pub(crate) fn start(engine: E, listener: Option<StoreListener>) -> Result<Frame<E>> {
        let engine = Arc::new(engine);
        let persister = Persister::start(listener, {
            let engine = engine.clone();
            move || engine.sync()
        })?;
        Ok(Frame { engine: RwLock::new(Some(engine)), turn: Mutex::new(()), persister })
    }
}

impl<E: Engine> Store for Frame<E> {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        self.engine.read().as_ref().ok_or_else(closed)?.snapshot()
    }

    fn commit(&self, batch: WriteBatch) -> Result<CommitId> {
        batch.check()?;
        let engine = self.engine.read();
        let engine = engine.as_ref().ok_or_else(closed)?;
        let prepared = engine.prepare(batch)?;
        let _turn = self.turn.lock();
        self.persister.check()?;
        match engine.write(prepared) {
            Ok(()) => Ok(self.persister.committed()),
            Err(error) if error.kind() == ErrorKind::Invalid => Err(error),
            Err(error) => Err(self.persister.fail(error)),
        }
    }

    fn persisted(&self) -> CommitId {
        self.persister.persisted()
    }

    fn flush(&self) -> Result<CommitId> {
        self.persister.flush()
    }

    fn close(&self) -> Result<()> {
        {
            let _turn = self.turn.lock();
            self.persister.close();
        }
        let closed = self.persister.join();
        self.engine.write().take();
        closed
    }
}
