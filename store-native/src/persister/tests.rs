use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use kalamdb_core::ErrorKind;
use parking_lot::Mutex;

use super::*;
use crate::failure::disk_full;

/// A persister whose syncs wait for a result from the test.
struct Harness {
    persister: Persister,
    answer: Sender<Result<()>>,
    /// Gets a message when a sync begins.
    starts: Receiver<()>,
    /// What the listener heard.
    heard: Arc<Mutex<Vec<String>>>,
}

fn harness() -> Harness {
    let (answer, answers) = channel::<Result<()>>();
    let (started, starts) = channel();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener: StoreListener = {
        let heard = heard.clone();
        Arc::new(move |event| {
            heard.lock().push(match event {
                StoreEvent::Persisted(CommitId(id)) => format!("persisted {id}"),
                StoreEvent::Failed(error) => format!("failed {}", error.kind()),
            });
        })
    };
    let persister = Persister::start(Some(listener), move || {
        started.send(()).ok();
        answers.recv().unwrap_or(Ok(()))
    })
    .expect("a thread");
    Harness { persister, answer, starts, heard }
}

#[test]
fn commits_during_a_sync_share_the_next_one() {
    let Harness { persister, answer, starts, heard } = harness();
    persister.committed();
    starts.recv().expect("the first sync");
    for _ in 0..5 {
        persister.committed();
    }
    assert_eq!(persister.persisted(), CommitId(0));
    answer.send(Ok(())).expect("the thread waits");
    answer.send(Ok(())).expect("the thread waits");
    assert_eq!(persister.flush(), Ok(CommitId(6)));
    assert_eq!(persister.persisted(), CommitId(6));
    assert_eq!(*heard.lock(), ["persisted 1", "persisted 6"]);
}

#[test]
fn a_failed_sync_freezes_for_good() {
    let Harness { persister, answer, starts: _starts, heard } = harness();
    persister.committed();
    answer.send(Err(disk_full("test", "no room"))).expect("the thread waits");
    assert_eq!(persister.flush().expect_err("frozen").kind(), ErrorKind::Quota);
    assert_eq!(persister.check().expect_err("frozen").kind(), ErrorKind::Quota);
    assert_eq!(persister.fail(unwritable("test", "later")).kind(), ErrorKind::Quota, "the first failure stays");
    assert_eq!(persister.persisted(), CommitId(0));
    persister.close();
    assert_eq!(persister.join().expect_err("a commit was lost").kind(), ErrorKind::Quota);
    assert_eq!(persister.join(), Ok(()), "told once");
    assert_eq!(*heard.lock(), ["failed quota"]);
}

#[test]
fn closing_syncs_what_was_committed() {
    let Harness { persister, answer, starts: _starts, heard } = harness();
    persister.committed();
    answer.send(Ok(())).expect("the thread waits");
    persister.close();
    assert_eq!(persister.join(), Ok(()));
    assert_eq!(*heard.lock(), ["persisted 1"]);
    assert_eq!(persister.flush().expect_err("closed").kind(), ErrorKind::Closed);
}

#[test]
fn a_panic_in_the_engine_is_a_failure() {
    let persister = Persister::start(None, || panic!("engine")).expect("a thread");
    persister.committed();
    let error = persister.flush().expect_err("the engine panicked");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "write_failed"));
}
