//! Directories in use, damaged files, full disks, unknown formats.

mod damage;
#[cfg(unix)]
mod full;

use std::path::Path;

use kalamdb_core::ErrorKind;
use kalamdb_core::store::{Direction, KeyRange, Partition, Snapshot, WriteBatch};
use kalamdb_core::{Error, Result};
use kalamdb_store_native::{StoreKind, open_store};

const ROWS: u32 = 3000;

fn value(number: u32) -> Vec<u8> {
    format!("row {number} {}", "x".repeat(number as usize % 90)).into_bytes()
}

/// A closed store with some rows.
fn make(kind: StoreKind, path: &Path) {
    let store = open_store(kind, path, None).expect("open");
    for first in (0..ROWS).step_by(100) {
        let mut batch = WriteBatch::new();
        for number in first..first + 100 {
            batch.put(Partition::Rows, number.to_be_bytes(), value(number));
        }
        store.commit(batch).expect("commit");
    }
    store.close().expect("close");
}

/// The numbers of all rows; each must have its own value.
fn read_all(snapshot: &dyn Snapshot) -> Result<Vec<u32>> {
    let mut cursor = snapshot.scan(Partition::Rows, KeyRange::all(), Direction::Forward)?;
    let mut numbers = Vec::new();
    while cursor.advance()? {
        let number = u32::from_be_bytes(cursor.key().try_into().expect("four bytes"));
        assert_eq!(cursor.value(), value(number), "row {number}");
        numbers.push(number);
    }
    Ok(numbers)
}

fn open_error(kind: StoreKind, path: &Path) -> Error {
    match open_store(kind, path, None) {
        Ok(_) => panic!("{kind} opened `{}`", path.display()),
        Err(error) => error,
    }
}

#[test]
fn a_directory_in_use_is_refused_and_free_after_closing() {
    for kind in StoreKind::ALL {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = open_store(kind, folder.path(), None).expect("open");
        let error = open_error(kind, folder.path());
        assert_eq!((error.kind(), error.code()), (ErrorKind::Retry, "store_in_use"), "{kind}");
        assert!(error.message().contains(&folder.path().display().to_string()), "{error}");
        assert!(error.message().contains("another process has it open"), "{error}");
        first.close().expect("close");
        // The closed store still lives; its directory is free.
        let second = open_store(kind, folder.path(), None).expect("open again");
        second.close().expect("close");
        drop(first);
    }
}

#[test]
fn a_snapshot_keeps_a_closed_store_readable() {
    for kind in StoreKind::ALL {
        let folder = tempfile::tempdir().expect("a temporary folder");
        make(kind, folder.path());
        let store = open_store(kind, folder.path(), None).expect("open");
        let snapshot = store.snapshot().expect("snapshot");
        store.close().expect("close");
        drop(store);
        assert_eq!(read_all(&*snapshot).expect("read").len(), ROWS as usize, "{kind}");
    }
}

#[test]
fn the_directory_of_another_engine_or_format_is_refused() {
    for kind in StoreKind::ALL {
        let folder = tempfile::tempdir().expect("a temporary folder");
        make(kind, folder.path());
        for other in StoreKind::ALL.into_iter().filter(|other| *other != kind) {
            let error = open_error(other, folder.path());
            assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "other_store_kind"));
            assert!(error.message().contains(kind.name()), "{error}");
        }
        std::fs::write(folder.path().join("KALAMDB"), format!("kalamdb-store 99 {kind}\n")).expect("write");
        let error = open_error(kind, folder.path());
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "unknown_store_format"));
        assert!(error.message().contains("99"), "{error}");
        std::fs::write(folder.path().join("KALAMDB"), format!("kalamdb-store 1 {kind}\n")).expect("write");
        let store = open_store(kind, folder.path(), None).expect("nothing was changed");
        assert_eq!(read_all(&*store.snapshot().expect("snapshot")).expect("read").len(), ROWS as usize);
    }
}
