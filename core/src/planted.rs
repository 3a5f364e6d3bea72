//! Faults that the simulator plants to prove that it finds them.
//!
//! Without feature `planted` nothing can be planted and [`is_planted`] is always `false`.

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The base of a write is not compared: every column counts as seen.
    BaseNotCompared,
    /// A column written by the own device counts as another's.
    OwnDeviceTakenForAnother,
    /// Of two concurrent assignments the lower clock wins.
    LowerClockWins,
    /// A second insert of a key is accepted.
    SecondInsertAccepted,
    /// An update of a row that is gone is accepted as nothing.
    UpdateOfGoneRowAccepted,
    /// A row that another device inserted later counts as known.
    ForeignInsertUnnoticed,
    /// An assignment of a counter keeps what was added before.
    AssignmentKeepsAdditions,
    /// An addition to a counter competes like an assignment.
    AdditionCompetes,
    /// A delete loses against a later update.
    DeleteCompetes,
    /// CHECK is not applied to merged rows.
    CheckSkipped,
    /// A refused transaction keeps what it did before it failed.
    RefusalKeepsPart,
    /// A stamp far ahead of the server's clock is taken as it is.
    ClockNotClamped,
    /// Log entries are sent before they are synced.
    AnswerBeforeSync,
    /// A mutation that is known is executed again.
    AppliedTwice,
    /// A known id is answered without comparing its content.
    HashNotCompared,
    /// A snapshot comes without the answers to the device's own mutations.
    SnapshotWithoutResults,
    /// A transaction is left out of the stream and the device does not notice.
    GapCheckSkipped,
    /// A device drops its overlay with the first foreign change of the row.
    OverlayDroppedEarly,
    /// A device forgets its overlay when a snapshot is published.
    OverlayNotRebuilt,
    /// A device does not apply deletes.
    ForgottenTombstone,
    /// A device sends mutations that are not durable.
    SentBeforePersisted,
    /// A refused mutation is not listed.
    RejectionNotListed,
    /// Index entries of changed rows stay.
    IndexEntryStays,
    /// One of several changed rows is not noted for those who follow a device.
    ChangeUnnoticed,
    /// A device forgets which requests it has answered.
    ReceiptForgotten,
}

impl Bug {
    /// Every fault that can be planted.
    pub const ALL: [Bug; 25] = [
        Bug::BaseNotCompared,
        Bug::OwnDeviceTakenForAnother,
        Bug::LowerClockWins,
        Bug::SecondInsertAccepted,
        Bug::UpdateOfGoneRowAccepted,
        Bug::ForeignInsertUnnoticed,
        Bug::AssignmentKeepsAdditions,
        Bug::AdditionCompetes,
        Bug::DeleteCompetes,
        Bug::CheckSkipped,
        Bug::RefusalKeepsPart,
        Bug::ClockNotClamped,
        Bug::AnswerBeforeSync,
        Bug::AppliedTwice,
        Bug::HashNotCompared,
        Bug::SnapshotWithoutResults,
        Bug::GapCheckSkipped,
        Bug::OverlayDroppedEarly,
        Bug::OverlayNotRebuilt,
        Bug::ForgottenTombstone,
        Bug::SentBeforePersisted,
        Bug::RejectionNotListed,
        Bug::IndexEntryStays,
        Bug::ChangeUnnoticed,
        Bug::ReceiptForgotten,
    ];
}

#[cfg(feature = "planted")]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a fault in this thread, or removes it.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Whether this fault is planted in this thread.
    pub fn is_planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub use switch::{is_planted, plant};

/// Whether this fault is planted in this thread.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub fn is_planted(_: Bug) -> bool {
    false
}
