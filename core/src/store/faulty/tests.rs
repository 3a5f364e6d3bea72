use super::*;
use crate::ErrorKind;
use crate::store::Partition;

fn put(store: &FaultyStore, keys: &[u8]) -> Result<CommitId> {
    let mut batch = WriteBatch::new();
    keys.iter().for_each(|key| batch.put(Partition::Rows, [*key], *b"v"));
    store.commit(batch)
}

fn keys(image: &Image) -> Vec<u8> {
    (0..=255).filter(|key| image.partition(Partition::Rows).get(&[*key]).is_some()).collect()
}

fn store() -> (FaultyStore, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener: StoreListener = {
        let heard = heard.clone();
        Arc::new(move |event| {
            heard.lock().push(match event {
                StoreEvent::Persisted(id) => format!("persisted {}", id.0),
                StoreEvent::Failed(error) => format!("failed {}", error.kind()),
            });
        })
    };
    (FaultyStore::new(Image::default(), Some(listener)), heard)
}

#[test]
fn a_crash_keeps_what_was_persisted_and_the_lucky() {
    for (lucky, wanted) in [(0, vec![1, 2]), (1, vec![1, 2, 3]), (9, vec![1, 2, 3, 4])] {
        let (store, heard) = store();
        for key in 1..=4 {
            put(&store, &[key]).expect("commit");
        }
        store.persist(2);
        assert_eq!((store.persisted(), store.waiting()), (CommitId(2), 2));
        assert_eq!(*heard.lock(), ["persisted 2"]);
        assert_eq!(keys(&store.crash(lucky)), wanted);
        assert_eq!(put(&store, &[5]).expect_err("crashed").kind(), ErrorKind::Closed);
    }
}

#[test]
fn a_full_store_refuses_and_reads_on() {
    let (store, heard) = store();
    store.plan(2, Fault::Full);
    put(&store, &[1]).expect("commit");
    for _ in 0..2 {
        assert_eq!(put(&store, &[2]).expect_err("full").kind(), ErrorKind::Quota);
    }
    assert_eq!(*heard.lock(), ["failed quota"], "reported once");
    let snapshot = store.snapshot().expect("reads go on");
    assert!(snapshot.get(Partition::Rows, &[1]).expect("get").is_some());
    assert!(snapshot.get(Partition::Rows, &[2]).expect("get").is_none());
}

#[test]
fn a_frozen_store_shows_what_it_will_lose() {
    let (store, _) = store();
    store.plan(2, Fault::Freeze);
    put(&store, &[1]).expect("commit");
    put(&store, &[2]).expect("commit");
    put(&store, &[3]).expect("commit");
    assert_eq!(store.flush().expect_err("frozen").kind(), ErrorKind::Quota);
    assert_eq!(store.persisted(), CommitId(1));
    assert_eq!(keys(&store.crash(0)), [1]);
}

#[test]
fn a_torn_commit_is_half_there() {
    let (store, _) = store();
    store.plan(2, Fault::Tear);
    put(&store, &[1]).expect("commit");
    put(&store, &[2, 3, 4, 5]).expect("commit");
    assert_eq!(keys(&store.crash(0)), [1, 2, 3]);
}
