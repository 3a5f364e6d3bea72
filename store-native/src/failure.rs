//! What a failing disk means to a caller.

use std::fmt;
use std::io;

use kalamdb_core::Error;

/// Whether the disk, a quota or a file size limit left no room.
pub(crate) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// The error for a disk without room.
pub(crate) fn disk_full(what: impl fmt::Display, cause: impl fmt::Display) -> Error {
    Error::quota("disk_full", format!("{what}: the disk is full ({cause}): free space and open the database again"))
}

/// The error for damaged bytes.
pub(crate) fn damaged(what: impl fmt::Display, cause: impl fmt::Display) -> Error {
    Error::corrupt("damaged", format!("{what}: stored bytes are damaged ({cause}): restore a backup or sync again"))
}

/// The error of a write that the system refused.
pub(crate) fn write_failed(what: impl fmt::Display, cause: &io::Error) -> Error {
    if is_full(cause.kind()) { disk_full(what, cause) } else { unwritable(what, cause) }
}

/// The error of a write that failed for another reason than room: what reached the disk is not known.
pub(crate) fn unwritable(what: impl fmt::Display, cause: impl fmt::Display) -> Error {
    Error::corrupt(
        "write_failed",
        format!("{what}: writing failed ({cause}): check the disk and open the database again"),
    )
}

/// The error of a read that the system refused.
pub(crate) fn unreadable(what: impl fmt::Display, cause: impl fmt::Display) -> Error {
    Error::internal("read_failed", format!("{what}: reading failed ({cause}): check the disk"))
}
