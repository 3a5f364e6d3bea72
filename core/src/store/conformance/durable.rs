//! Checks of what survives and how it is reported. Crashes are the matter of each store's own tests.

use std::sync::Arc;

use parking_lot::Mutex;

use super::writing::{assert_large_values, put_large_values};
use super::{Bed, open};
use crate::store::{CommitId, Partition, StoreEvent, StoreListener, WriteBatch};

fn one(number: u32) -> WriteBatch {
    let mut batch = WriteBatch::new();
    batch.put(Partition::Rows, number.to_be_bytes(), *b"v");
    batch
}

/// `persisted` starts at nothing, never falls, and reaches what `flush` returns.
pub async fn flush_makes_durable(bed: &dyn Bed) {
    let store = open(bed).await;
    assert_eq!(store.persisted(), CommitId(0));
    assert_eq!(bed.flush(&*store).await.expect("flush of nothing"), CommitId(0));
    let mut last = CommitId(0);
    for number in 0..300 {
        let id = store.commit(one(number)).expect("commit");
        let persisted = store.persisted();
        assert!(last <= persisted && persisted <= id, "{last:?} <= {persisted:?} <= {id:?}");
        last = persisted;
        if number % 50 == 49 {
            assert_eq!(bed.flush(&*store).await.expect("flush"), id);
            assert_eq!(store.persisted(), id);
        }
    }
    bed.close(&*store).await.expect("close");
}

/// `close` makes durable what was committed before it.
pub async fn closing_makes_durable(bed: &dyn Bed) {
    let store = open(bed).await;
    let mut id = CommitId(0);
    for number in 0..100 {
        id = store.commit(one(number)).expect("commit");
    }
    bed.close(&*store).await.expect("close");
    assert_eq!(store.persisted(), id);
    drop(store);
    let store = open(bed).await;
    let snapshot = store.snapshot().expect("snapshot");
    for number in 0..100u32 {
        assert!(snapshot.get(Partition::Rows, &number.to_be_bytes()).expect("get").is_some(), "key {number}");
    }
    drop(snapshot);
    bed.close(&*store).await.expect("close");
}

/// The listener hears rising numbers, no failure, and everything that `flush` promises.
pub async fn the_listener_hears_it_in_order(bed: &dyn Bed) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener: StoreListener = {
        let heard = heard.clone();
        Arc::new(move |event| match event {
            StoreEvent::Persisted(id) => heard.lock().push(id),
            StoreEvent::Failed(error) => panic!("the store failed: {error}"),
        })
    };
    let store = bed.open(Some(listener)).await.expect("open");
    for number in 0..200 {
        let id = store.commit(one(number)).expect("commit");
        if number % 20 == 0 {
            assert_eq!(bed.flush(&*store).await.expect("flush"), id);
            assert_eq!(heard.lock().last(), Some(&id), "the listener knows before `flush` returns");
        }
    }
    bed.close(&*store).await.expect("close");
    let heard = heard.lock();
    assert!(heard.is_sorted(), "{heard:?}");
    assert_eq!(heard.last(), Some(&CommitId(200)));
}

/// What was there at closing is there after opening, in all partitions; numbers start again.
pub async fn content_survives_reopening(bed: &dyn Bed) {
    for round in 0..5u8 {
        let store = open(bed).await;
        assert_eq!(store.persisted(), CommitId(0), "numbers start again");
        let snapshot = store.snapshot().expect("snapshot");
        for partition in Partition::ALL {
            for earlier in 0..round {
                let found = snapshot.get(partition, &[earlier]).expect("get");
                let wanted = (earlier + 1 == round || earlier % 2 == 0).then_some(vec![earlier; 100]);
                assert_eq!(found.map(|value| value.to_vec()), wanted, "{partition}, round {round}, key {earlier}");
            }
        }
        drop(snapshot);
        let mut batch = WriteBatch::new();
        for partition in Partition::ALL {
            batch.put(partition, [round], vec![round; 100]);
            if let Some(odd) = round.checked_sub(1).filter(|earlier| earlier % 2 == 1) {
                batch.delete(partition, [odd]);
            }
        }
        assert_eq!(store.commit(batch).expect("commit"), CommitId(1));
        bed.close(&*store).await.expect("close");
    }
}

/// Large values come back after reopening.
pub async fn large_values_survive_reopening(bed: &dyn Bed) {
    let store = open(bed).await;
    put_large_values(&*store);
    bed.close(&*store).await.expect("close");
    drop(store);
    let store = open(bed).await;
    assert_large_values(&*store);
    bed.close(&*store).await.expect("close");
}
