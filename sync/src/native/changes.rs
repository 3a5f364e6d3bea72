//! A counter of changes.

use std::sync::Arc;

use tokio::sync::watch;

/// Rises whenever readers of a database may see something new: after a local commit and after the server's.
///
/// ```
/// use kalamdb_sync::native::ChangeCounter;
/// let changes = ChangeCounter::default();
/// let mut reader = changes.subscribe();
/// changes.bump();
/// assert!(reader.has_changed()?);
/// assert_eq!(*reader.borrow_and_update(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChangeCounter(Arc<watch::Sender<u64>>);

impl ChangeCounter {
    /// Counts a change.
    pub fn bump(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// The present count.
    pub fn count(&self) -> u64 {
        *self.0.borrow()
    }

    /// A receiver that wakes with each change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
