//! The process that is killed: it writes for ever and says what it did, one line each.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use kalamdb_core::store::{Store, StoreEvent, StoreListener};
use kalamdb_store_native::{StoreKind, open_store};

use crate::load::{THREADS, commit, surviving};

/// Environment variables that make a run of the test the child.
pub const KIND: &str = "KALAMDB_KILL_KIND";
pub const PATH: &str = "KALAMDB_KILL_PATH";
/// Begins each line for the parent.
pub const MARK: &str = "kill-test: ";

/// Commits between two waits of a thread, by thread: each one, some, many.
const COMMITS_PER_FLUSH: [u64; THREADS] = [1, 16, 150];

fn say(words: std::fmt::Arguments<'_>) {
    // One write for each line, so that death cuts none in two; a parent that is gone ends the child.
    let line = format!("\n{MARK}{words}\n");
    let mut out = std::io::stdout().lock();
    if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

pub fn run(kind: StoreKind, path: &Path) {
    say(format_args!("open"));
    let listener: StoreListener = Arc::new(|event| match event {
        StoreEvent::Persisted(id) => say(format_args!("persisted {}", id.0)),
        StoreEvent::Failed(error) => say(format_args!("failed {error}")),
    });
    let store = match open_store(kind, path, Some(listener)) {
        Ok(store) => store,
        Err(error) => return say(format_args!("failed {error}")),
    };
    let last = surviving(&*store.snapshot().expect("snapshot"), "the child");
    thread::scope(|scope| {
        for (thread, (last, commits_per_flush)) in last.into_iter().zip(COMMITS_PER_FLUSH).enumerate() {
            let store = &*store;
            scope.spawn(move || write(store, thread, last, commits_per_flush));
        }
    });
}

fn write(store: &dyn Store, thread: usize, last: u64, commits_per_flush: u64) {
    for number in last + 1.. {
        let id = store.commit(commit(thread, number)).expect("commit");
        say(format_args!("commit {} {thread} {number}", id.0));
        if number.is_multiple_of(commits_per_flush) {
            store.flush().expect("flush");
        }
    }
}
