//! A store for tests that fails on demand and forgets what it did not persist.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::memory::closed;
use super::{CommitId, Image, ImageSnapshot, Snapshot, Store, StoreEvent, StoreListener, WriteBatch};
use crate::{Error, Result};

/// What goes wrong at a chosen commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The commit is refused with `quota` and changes nothing; so is every later one.
    Full,
    /// The commit is visible, but neither it nor any later one ever becomes durable.
    Freeze,
    /// After a crash half of the commit's operations are there: what a store must never do.
    Tear,
}

/// A [`Store`] in memory with a durable and a visible state. Commits become durable only by
/// [`FaultyStore::persist`] or [`Store::flush`]; [`FaultyStore::crash`] gives what a machine finds after power loss.
pub struct FaultyStore {
    state: Mutex<State>,
    listener: Option<StoreListener>,
}

struct State {
    durable: Image,
    visible: Image,
    /// Images after each commit that is not yet durable.
    waiting: VecDeque<(CommitId, Image)>,
    last: CommitId,
    persisted: CommitId,
    fault: Option<(CommitId, Fault)>,
    torn: Option<Image>,
    failed: Option<Error>,
    closed: bool,
}

impl FaultyStore {
    /// A store that starts with `image`, all of it durable.
    pub fn new(image: Image, listener: Option<StoreListener>) -> FaultyStore {
        let state = State {
            durable: image.clone(),
            visible: image,
            waiting: VecDeque::new(),
            last: CommitId(0),
            persisted: CommitId(0),
            fault: None,
            torn: None,
            failed: None,
            closed: false,
        };
        FaultyStore { state: Mutex::new(state), listener }
    }

    /// Plans `fault` for the `commits_ahead`-th commit from now (1: the next).
    pub fn plan(&self, commits_ahead: u64, fault: Fault) {
        let mut state = self.state.lock();
        state.fault = Some((CommitId(state.last.0 + commits_ahead), fault));
    }

    /// Makes the oldest `commits` waiting commits durable.
    pub fn persist(&self, commits: usize) {
        let persisted = {
            let mut state = self.state.lock();
            for _ in 0..commits {
                let frozen = matches!(state.fault, Some((at, Fault::Freeze)) if state.persisted.0 + 1 >= at.0);
                if frozen {
                    break;
                }
                let Some((id, image)) = state.waiting.pop_front() else { break };
                state.durable = image;
                state.persisted = id;
            }
            state.persisted
        };
        self.report(StoreEvent::Persisted(persisted));
    }

    /// Commits that are visible and not durable.
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Ends this store as a crash does and returns what is found afterwards: the durable state and the first
    /// `lucky` of the waiting commits.
    pub fn crash(&self, lucky: usize) -> Image {
        let mut state = self.state.lock();
        state.closed = true;
        if let Some(torn) = state.torn.take() {
            return torn;
        }
        let lucky = lucky.min(state.waiting.len());
        match lucky.checked_sub(1).and_then(|at| state.waiting.get(at)) {
            Some((_, image)) => image.clone(),
            None => state.durable.clone(),
        }
    }

    fn report(&self, event: StoreEvent) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

impl State {
    fn check(&self) -> Result<()> {
        if self.closed {
            return Err(closed());
        }
        self.failed.clone().map_or(Ok(()), Err)
    }
}

impl Store for FaultyStore {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        let state = self.state.lock();
        if state.closed {
            return Err(closed());
        }
        Ok(Arc::new(ImageSnapshot(state.visible.clone())))
    }

    fn commit(&self, batch: WriteBatch) -> Result<CommitId> {
        batch.check()?;
        let mut state = self.state.lock();
        state.check()?;
        let id = CommitId(state.last.0 + 1);
        match state.fault {
            Some((at, Fault::Full)) if at <= id => {
                let error = Error::quota("disk_full", "the disk is full: free space and open the database again");
                state.failed = Some(error.clone());
                drop(state);
                self.report(StoreEvent::Failed(error.clone()));
                return Err(error);
            }
            Some((at, Fault::Tear)) if at == id => {
                let mut half = WriteBatch::new();
                let ops = batch.ops();
                for op in ops.iter().take(ops.len() / 2) {
                    half.push(op.clone());
                }
                let mut torn = state.visible.clone();
                torn.apply(half);
                state.torn = Some(torn);
            }
            _ => {}
        }
        state.visible.apply(batch);
        state.last = id;
        let image = state.visible.clone();
        state.waiting.push_back((id, image));
        Ok(id)
    }

    fn persisted(&self) -> CommitId {
        self.state.lock().persisted
    }

    fn flush(&self) -> Result<CommitId> {
        let waiting = {
            let state = self.state.lock();
            state.check()?;
            state.waiting.len()
        };
        self.persist(waiting);
        let state = self.state.lock();
        if state.persisted < state.last {
            return Err(Error::quota(
                "store_frozen",
                "the store does not persist: free space and open the database again",
            ));
        }
        Ok(state.persisted)
    }

    fn close(&self) -> Result<()> {
        let waiting = self.waiting();
        self.persist(waiting);
        self.state.lock().closed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
