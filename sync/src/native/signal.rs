//! What a store reports about durability, for tasks.

use std::sync::Arc;

use kalamdb_core::store::{CommitId, Store, StoreEvent, StoreListener};
use kalamdb_core::{Error, Result};
use tokio::sync::watch;

/// How far a store's write-behind has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreProgress {
    /// The last commit that was reported durable.
    pub persisted: CommitId,
    /// Why the store refuses further writes.
    pub failed: Option<Error>,
}

/// Carries the reports of a store to tasks that wait for durability.
///
/// Give [`StoreSignal::listener`] to the store when it is opened, and the signal itself to those who wait.
///
/// ```
/// use kalamdb_core::store::{CommitId, StoreEvent};
/// use kalamdb_sync::native::StoreSignal;
/// let signal = StoreSignal::default();
/// let listener = signal.listener();
/// listener(StoreEvent::Persisted(CommitId(7)));
/// assert_eq!(signal.progress().persisted, CommitId(7));
/// ```
#[derive(Clone, Debug, Default)]
pub struct StoreSignal(Arc<watch::Sender<StoreProgress>>);

impl StoreSignal {
    /// The listener for the store.
    pub fn listener(&self) -> StoreListener {
        let sender = self.0.clone();
        Arc::new(move |event| {
            sender.send_modify(|progress| match event {
                StoreEvent::Persisted(commit) => progress.persisted = progress.persisted.max(commit),
                StoreEvent::Failed(error) => progress.failed = Some(error),
            });
        })
    }

    /// What was reported so far.
    pub fn progress(&self) -> StoreProgress {
        self.0.borrow().clone()
    }

    /// A receiver that wakes with each report.
    pub fn subscribe(&self) -> watch::Receiver<StoreProgress> {
        self.0.subscribe()
    }
}

/// Waits until everything committed to `store` before the call is durable. It keeps a thread of the runtime busy
/// that is meant for that.
///
/// # Errors
/// The store's failure; kind `closed` if the runtime stops.
pub async fn flushed(store: Arc<dyn Store>) -> Result<CommitId> {
    let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
    flushed.unwrap_or_else(|_| Err(Error::closed("runtime_stopped", "the runtime stops: nothing can be waited for")))
}
