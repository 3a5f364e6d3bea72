//! A full disk, made by a limit on the size of files: the system refuses to write on, as it does without room.

use std::path::Path;
use std::process::Command;

use kalamdb_core::ErrorKind;
use kalamdb_core::store::{Partition, Store, StoreEvent, WriteBatch};
use kalamdb_store_native::{StoreKind, open_store};
use std::sync::{Arc, Mutex};

use super::read_all;

const KIND: &str = "KALAMDB_FULL_KIND";
const FOLDER: &str = "KALAMDB_FULL_PATH";
/// In units of 512 bytes.
const FILE_BLOCKS_MAX: u32 = 8192;
/// Beside one row, each commit has bytes that do not compress.
const PAD_BYTES: usize = 50_000;
const COMMITS_MAX: u32 = 3000;

/// Runs as the child, in which no file grows beyond the limit.
#[test]
fn child() {
    let (Ok(kind), Ok(path)) = (std::env::var(KIND), std::env::var(FOLDER)) else { return };
    fill(kind.parse().expect("a kind"), Path::new(&path));
}

fn fill(kind: StoreKind, path: &Path) {
    let failed = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let failed = failed.clone();
        Arc::new(move |event| {
            if let StoreEvent::Failed(error) = event {
                failed.lock().expect("no panic inside").push(error.kind());
            }
        })
    };
    let store = open_store(kind, path, Some(listener)).expect("open");
    let (committed, error) = fill_until_refused(&*store);
    assert_eq!((error.kind(), error.code()), (ErrorKind::Quota, "disk_full"), "{error}");
    assert!(error.message().contains(&path.display().to_string()), "{error}");
    assert_eq!(*failed.lock().expect("no panic inside"), [ErrorKind::Quota], "reported once");

    let error = store.commit(WriteBatch::new()).expect_err("frozen");
    assert_eq!(error.kind(), ErrorKind::Quota, "{error}");
    assert_eq!(store.flush().expect_err("frozen").kind(), ErrorKind::Quota);
    let numbers = read_all(&*store.snapshot().expect("reads go on")).expect("reads go on");
    assert_eq!(numbers, (1..=committed).collect::<Vec<_>>());
    println!("persisted {} of {committed}", store.persisted().0);
    assert_eq!(store.close().expect_err("commits were lost").kind(), ErrorKind::Quota);
}

fn fill_until_refused(store: &dyn Store) -> (u32, kalamdb_core::Error) {
    let mut prng = kalamdb_core::store::conformance::Prng::new(1);
    for number in 1..=COMMITS_MAX {
        let mut batch = WriteBatch::new();
        batch.put(Partition::Rows, number.to_be_bytes(), super::value(number));
        batch.put(Partition::Log, number.to_be_bytes(), prng.bytes(PAD_BYTES));
        if let Err(error) = store.commit(batch) {
            return (number - 1, error);
        }
        if number % 5 == 0
            && let Err(error) = store.flush()
        {
            return (number, error);
        }
    }
    panic!("the disk was never full");
}

fn full_disk(kind: StoreKind) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Without the trap the system would end the process instead of refusing the write.
    let output = Command::new("sh")
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {FILE_BLOCKS_MAX}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().expect("this test's own path"))
        .args(["full::child", "--exact", "--nocapture"])
        .env(KIND, kind.name())
        .env(FOLDER, folder.path())
        .output()
        .expect("run the child");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{kind}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    let persisted = text.lines().find_map(|line| line.split("persisted ").nth(1)).expect("a report");
    let persisted: u32 = persisted.split(' ').next().and_then(|word| word.parse().ok()).expect("a number");
    assert!(persisted > 0, "{text}");

    let store = open_store(kind, folder.path(), None).expect("open with room");
    let numbers = read_all(&*store.snapshot().expect("snapshot")).expect("read");
    let kept = numbers.len() as u32;
    assert_eq!(numbers, (1..=kept).collect::<Vec<_>>(), "a prefix");
    assert!(kept >= persisted, "{kind}: {persisted} were persisted, {kept} are there");
    let mut batch = WriteBatch::new();
    batch.put(Partition::Rows, (kept + 1).to_be_bytes(), super::value(kept + 1));
    store.commit(batch).expect("writes go on");
    store.close().expect("close");
}

#[test]
fn rocksdb_freezes_and_reads_on() {
    full_disk(StoreKind::Rocksdb);
}

#[test]
fn redb_freezes_and_reads_on() {
    full_disk(StoreKind::Redb);
}

#[test]
fn sled_freezes_and_reads_on() {
    full_disk(StoreKind::Sled);
}
