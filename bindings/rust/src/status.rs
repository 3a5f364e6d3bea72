//! The status of a database.

use kalamdb_core::device::DeviceStatus;
use kalamdb_sync::client::{SyncState, SyncStatus};

/// How a database stands towards its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The copy: device id, binding, position, counts.
    pub device: DeviceStatus,
    /// The connection; [`SyncState::Stopped`] if there never was one.
    pub sync: SyncStatus,
}

impl Status {
    /// Own transactions that the server has not decided.
    pub fn pending(&self) -> u64 {
        self.device.pending
    }

    /// Refused transactions that nobody dismissed.
    pub fn rejected(&self) -> u64 {
        self.device.rejected
    }

    /// Whether the copy held all that the server had when last heard of, and nothing of its own waits.
    pub fn is_synced(&self) -> bool {
        self.sync.is_synced
    }

    pub(crate) fn never_connected() -> SyncStatus {
        SyncStatus { state: SyncState::Stopped, error: None, is_synced: false, is_held: false }
    }
}
