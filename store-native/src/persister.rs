//! The thread that makes commits durable: one sync for all that came since the last one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use kalamdb_core::store::{CommitId, StoreEvent, StoreListener};
use kalamdb_core::{Error, Result};
use parking_lot::{Condvar, Mutex};

use crate::failure::unwritable;

/// Numbers commits, syncs them in the background and remembers the first failure.
pub(crate) struct Persister {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    /// Woken when there is something to sync, or nothing more will come.
    work: Condvar,
    /// Woken when a sync ended or failed.
    progress: Condvar,
    persisted: AtomicU64,
    /// Held while a failure is told, so that it is told once.
    failing: Mutex<()>,
    listener: Option<StoreListener>,
}

#[derive(Default)]
struct State {
    committed: u64,
    persisted: u64,
    failed: Option<Error>,
    closing: bool,
}

impl Persister {
    /// Starts the thread. `sync` makes everything durable that was written before its call.
    pub(crate) fn start(
        listener: Option<StoreListener>,
        sync: impl FnMut() -> Result<()> + Send + 'static,
    ) -> Result<Persister> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            progress: Condvar::new(),
            persisted: AtomicU64::new(0),
            failing: Mutex::new(()),
            listener,
        });
        let thread = thread::Builder::new().name("kalamdb-persist".to_owned()).spawn({
            let shared = shared.clone();
            // A panic of the engine or the listener must not leave callers waiting for a sync that never ends.
            move || {
                if catch_unwind(AssertUnwindSafe(|| shared.run(sync))).is_err() {
                    shared.fail(unwritable("store", "the storage engine or the listener panicked"));
                }
            }
        });
        match thread {
            Ok(thread) => Ok(Persister { shared, thread: Mutex::new(Some(thread)) }),
            Err(error) => Err(Error::quota(
                "no_thread",
                format!("the system refuses a thread for the store ({error}): end other work and open it again"),
            )),
        }
    }

    /// Whether a commit may be written now.
    pub(crate) fn check(&self) -> Result<()> {
        self.shared.state.lock().check()
    }

    /// Numbers the commit that was just written. The caller writes one at a time.
    pub(crate) fn committed(&self) -> CommitId {
        let mut state = self.shared.state.lock();
        state.committed += 1;
        let id = state.committed;
        drop(state);
        self.shared.work.notify_one();
        CommitId(id)
    }

    /// Freezes the store after a failed write and gives the error that it now refuses writes with.
    pub(crate) fn fail(&self, error: Error) -> Error {
        self.shared.fail(error)
    }

    /// The last durable commit.
    pub(crate) fn persisted(&self) -> CommitId {
        CommitId(self.shared.persisted.load(Ordering::Acquire))
    }

    /// Waits until every commit before the call is durable.
    pub(crate) fn flush(&self) -> Result<CommitId> {
        let mut state = self.shared.state.lock();
        state.check()?;
        let target = state.committed;
        while state.persisted < target {
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            self.shared.progress.wait(&mut state);
        }
        Ok(CommitId(target))
    }

    /// Takes no more commits; those before the call are still synced.
    pub(crate) fn close(&self) {
        self.shared.state.lock().closing = true;
        self.shared.work.notify_one();
    }

    /// Waits for the end of the thread; the first caller gets the failure that kept commits from becoming durable.
    pub(crate) fn join(&self) -> Result<()> {
        let Some(thread) = self.thread.lock().take() else { return Ok(()) };
        thread.join().expect("the thread catches every panic");
        self.shared.state.lock().failed.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Persister {
    fn drop(&mut self) {
        self.close();
        // A failure was reported to the listener; a dropped store has nobody else to tell.
        self.join().ok();
    }
}

impl State {
    fn check(&self) -> Result<()> {
        if self.closing {
            return Err(closed());
        }
        self.failed.clone().map_or(Ok(()), Err)
    }
}

impl Shared {
    fn run(&self, mut sync: impl FnMut() -> Result<()>) {
        while let Some(target) = self.next_target() {
            match sync() {
                Ok(()) => self.advance(target),
                Err(error) => {
                    self.fail(error);
                }
            }
        }
    }

    /// Waits for commits to sync; `None` when the thread is done.
    fn next_target(&self) -> Option<u64> {
        let mut state = self.state.lock();
        loop {
            if state.failed.is_some() {
                return None;
            }
            if state.committed > state.persisted {
                return Some(state.committed);
            }
            if state.closing {
                return None;
            }
            self.work.wait(&mut state);
        }
    }

    /// Tells the world that everything up to `target` is durable: first `persisted`, then the listener, then those
    /// who wait, so that each finds what the one before it knows.
    fn advance(&self, target: u64) {
        self.persisted.store(target, Ordering::Release);
        self.report(StoreEvent::Persisted(CommitId(target)));
        self.state.lock().persisted = target;
        self.progress.notify_all();
    }

    /// Freezes the store. The listener hears of it before anybody is refused.
    fn fail(&self, error: Error) -> Error {
        let _one = self.failing.lock();
        let known = self.state.lock().failed.clone();
        let error = known.unwrap_or_else(|| {
            // A listener that panics must not keep the store from freezing.
            catch_unwind(AssertUnwindSafe(|| self.report(StoreEvent::Failed(error.clone())))).ok();
            self.state.lock().failed = Some(error.clone());
            error
        });
        self.work.notify_one();
        self.progress.notify_all();
        error
    }

    fn report(&self, event: StoreEvent) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

/// The error of every call on a closed store.
pub(crate) fn closed() -> Error {
    Error::closed("store_closed", "the store is closed: open the database again")
}

#[cfg(test)]
mod tests;
