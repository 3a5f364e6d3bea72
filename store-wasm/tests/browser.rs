//! The store in a browser: `wasm-bindgen-test-runner` runs these tests in a worker of a headless one.
#![cfg(target_arch = "wasm32")]

use std::cell::RefCell;
use std::sync::Arc;

use kalamdb_core::store::conformance::{Bed, Opening, Waiting};
use kalamdb_core::store::{CommitId, Direction, KeyRange, Partition, Store, StoreEvent, StoreListener, WriteBatch};
use kalamdb_core::{Error, ErrorKind};
use kalamdb_store_wasm::{Durability, IndexedDbStore, Options, delete};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// A database that no other test has.
struct Browser {
    name: String,
    is_new: RefCell<bool>,
    open: RefCell<Option<Arc<IndexedDbStore>>>,
}

impl Browser {
    fn new() -> Browser {
        thread_local!(static COUNT: RefCell<u32> = const { RefCell::new(0) });
        let number = COUNT.with_borrow_mut(|count| {
            *count += 1;
            *count
        });
        let name = format!("kalamdb-test-{number}");
        Browser { name, is_new: RefCell::new(true), open: RefCell::default() }
    }

    fn store(&self) -> Arc<IndexedDbStore> {
        self.open.borrow().clone().expect("it is open")
    }
}

impl Bed for Browser {
    fn open(&self, listener: Option<StoreListener>) -> Opening<'_> {
        Box::pin(async {
            if self.is_new.replace(false) {
                delete(&self.name).await?;
            }
            let options = Options { durability: Durability::Relaxed, listener };
            let store = IndexedDbStore::open(&self.name, options).await?;
            *self.open.borrow_mut() = Some(store.clone());
            Ok(store as Arc<dyn Store>)
        })
    }

    fn flush<'a>(&'a self, store: &'a dyn Store) -> Waiting<'a, CommitId> {
        Box::pin(async {
            match store.flush() {
                Err(error) if error.code() == "not_yet" => self.store().flushed().await,
                flushed => flushed,
            }
        })
    }

    fn close<'a>(&'a self, store: &'a dyn Store) -> Waiting<'a, ()> {
        Box::pin(async {
            store.close()?;
            self.store().closed().await
        })
    }
}

mod conformance {
    use wasm_bindgen_test::wasm_bindgen_test;

    kalamdb_core::store_conformance!(durable on one thread, wasm_bindgen_test, super::Browser::new());
}

async fn open(name: &str) -> Arc<IndexedDbStore> {
    open_with(name, None).await
}

async fn open_with(name: &str, listener: Option<StoreListener>) -> Arc<IndexedDbStore> {
    let options = Options { durability: Durability::Relaxed, listener };
    IndexedDbStore::open(name, options).await.expect("a store")
}

fn numbered(number: u32) -> WriteBatch {
    let mut batch = WriteBatch::new();
    batch.put(Partition::Rows, number.to_be_bytes(), number.to_le_bytes());
    batch
}

fn count(store: &IndexedDbStore) -> usize {
    let snapshot = store.snapshot().expect("a snapshot");
    let mut cursor = snapshot.scan(Partition::Rows, KeyRange::all(), Direction::Forward).expect("a scan");
    let mut count = 0;
    while cursor.advance().expect("a pair") {
        count += 1;
    }
    count
}

/// What a listener heard.
fn listening() -> (StoreListener, Arc<parking_lot::Mutex<Vec<StoreEvent>>>) {
    let heard = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let listener: StoreListener = {
        let heard = heard.clone();
        Arc::new(move |event| heard.lock().push(event))
    };
    (listener, heard)
}

#[wasm_bindgen_test]
async fn a_second_owner_locks_the_first_out_and_loses_nothing() {
    delete("two-owners").await.expect("it is new");
    let (listener, heard) = listening();
    let old = open_with("two-owners", Some(listener)).await;
    old.commit(numbered(1)).expect("a commit");
    old.flushed().await.expect("durable");
    let new = open("two-owners").await;
    assert_eq!(count(&new), 1);
    old.commit(numbered(2)).expect("it does not know yet");
    let error = old.flushed().await.expect_err("too late");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Closed, "superseded"));
    assert_eq!(old.commit(numbered(3)).expect_err("it knows").code(), "superseded");
    assert!(matches!(heard.lock().last(), Some(StoreEvent::Failed(error)) if error.code() == "superseded"));
    new.commit(numbered(4)).expect("a commit");
    new.flushed().await.expect("durable");
    let again = open("two-owners").await;
    let snapshot = again.snapshot().expect("a snapshot");
    let has = |number: u32| snapshot.get(Partition::Rows, &number.to_be_bytes()).expect("a get").is_some();
    assert_eq!([1, 2, 3, 4].map(has), [true, false, false, true]);
}

#[wasm_bindgen_test]
async fn owners_stay_locked_out_after_the_log_was_cut() {
    delete("cut-off").await.expect("it is new");
    let mut olds = Vec::new();
    let mut last = open("cut-off").await;
    for owner in 0..4_u32 {
        let new = open("cut-off").await;
        olds.push(std::mem::replace(&mut last, new));
        // The log is cut within the numbers of the second and of the fourth.
        for number in 0..if owner % 2 == 1 { 1_100 } else { 3 } {
            last.commit(numbered(owner * 10_000 + number)).expect("a commit");
            last.flushed().await.expect("durable");
        }
    }
    for old in olds {
        old.commit(numbered(77)).expect("it does not know yet");
        assert_eq!(old.flushed().await.expect_err("too late").code(), "superseded");
    }
    let again = open("cut-off").await;
    assert_eq!(count(&again), 2_206);
}

#[wasm_bindgen_test]
async fn an_owner_that_is_overtaken_while_it_compacts_harms_nothing() {
    // Several pages for each transaction of a compaction, and several of these.
    let big = |round: u32, number: u32| {
        let mut batch = WriteBatch::new();
        for part in 0..40_u8 {
            let key = [&round.to_be_bytes()[..], &number.to_be_bytes(), &[part]].concat();
            batch.put(Partition::Rows, key, vec![part; 60_000]);
        }
        batch
    };
    for wait in 0..12 {
        delete("overtaken").await.expect("it is new");
        let old = open("overtaken").await;
        for number in 0..8 {
            old.commit(big(0, number)).expect("a commit");
        }
        for _ in 0..wait * 4 {
            turn().await;
        }
        let before = old.persisted();
        let new = open("overtaken").await;
        let kept = count(&new);
        assert!(kept as u64 >= 40 * before.0, "{before:?} were durable, {kept} rows are there");
        for number in 0..8 {
            new.commit(big(1, number)).expect("a commit");
            new.flushed().await.expect("durable");
        }
        // It either was done before, or is told.
        let is_done = old.flushed().await.map_err(|error| assert_eq!(error.code(), "superseded")).is_ok();
        assert_eq!(is_done, kept == 320, "{kept}");
        let again = open("overtaken").await;
        assert_eq!(count(&again), kept + 320);
    }
}

#[wasm_bindgen_test]
async fn pages_that_a_compaction_left_behind_when_it_was_cut_off_harm_nothing() {
    delete("left-behind").await.expect("it is new");
    open("left-behind").await.closed().await.expect("closed");
    // The first pages of all get these keys.
    let leave = "return new Promise((resolve, reject) => {
        const opening = indexedDB.open('left-behind')
        opening.onerror = reject
        opening.onsuccess = () => {
            const transaction = opening.result.transaction(['pages'], 'readwrite')
            for (const key of [1, 2, 3]) transaction.objectStore('pages').put(new Uint8Array(9), key)
            transaction.oncomplete = () => { opening.result.close(); resolve() }
        }
    })";
    let left = js_sys::Function::new_no_args(leave).call0(&wasm_bindgen::JsValue::NULL).expect("a promise");
    wasm_bindgen_futures::JsFuture::from(js_sys::Promise::from(left)).await.expect("pages");
    for round in 1..4_u32 {
        let store = open("left-behind").await;
        for number in 0..1_500 {
            store.commit(numbered(round * 1_500 + number)).expect("a commit");
            if number % 3 == 0 {
                store.flushed().await.expect("durable");
            }
        }
        store.closed().await.expect("closed");
        assert_eq!(count(&*open("left-behind").await), round as usize * 1_500);
    }
}

/// Lets other tasks run.
async fn turn() {
    let timer = js_sys::Promise::new(&mut |resolve, _| {
        let global = js_sys::global();
        let set = js_sys::Reflect::get(&global, &"setTimeout".into()).expect("a worker");
        js_sys::Function::from(set).call1(&global, &resolve).expect("a timer");
    });
    wasm_bindgen_futures::JsFuture::from(timer).await.expect("it is never rejected");
}

#[wasm_bindgen_test]
async fn the_log_is_compacted_and_nothing_is_lost() {
    delete("compacted").await.expect("it is new");
    for round in 0..6_u32 {
        let store = open("compacted").await;
        assert_eq!(count(&store), round as usize * 1_500);
        for number in 0..1_500 {
            store.commit(numbered(round * 1_500 + number)).expect("a commit");
            if number % 3 == 0 {
                store.flushed().await.expect("durable");
            }
        }
        store.closed().await.expect("closed");
    }
}

#[wasm_bindgen_test]
async fn a_log_that_nobody_adds_to_becomes_pages() {
    delete("idle").await.expect("it is new");
    let store = open("idle").await;
    for number in 0..10_u32 {
        let mut batch = WriteBatch::new();
        batch.put(Partition::Rows, number.to_be_bytes(), vec![1; 10_000]);
        store.commit(batch).expect("a commit");
    }
    store.flushed().await.expect("durable");
    let count_pages = "return new Promise((resolve, reject) => {
        const opening = indexedDB.open('idle')
        opening.onerror = reject
        opening.onsuccess = () => {
            const counting = opening.result.transaction(['pages']).objectStore('pages').count()
            counting.onsuccess = () => { opening.result.close(); resolve(counting.result) }
        }
    })";
    let count_pages = js_sys::Function::new_no_args(count_pages);
    let deadline = js_sys::Date::now() + 20_000.0;
    loop {
        let counted = count_pages.call0(&wasm_bindgen::JsValue::NULL).expect("a promise");
        let counted = wasm_bindgen_futures::JsFuture::from(js_sys::Promise::from(counted)).await.expect("a count");
        if counted.as_f64() > Some(0.0) {
            break;
        }
        assert!(js_sys::Date::now() < deadline, "it is still a log");
    }
    store.commit(numbered(77)).expect("a commit");
    store.closed().await.expect("closed");
    assert_eq!(count(&*open("idle").await), 11);
}

#[wasm_bindgen_test]
async fn a_deleted_database_is_told_to_its_owner() {
    delete("deleted").await.expect("it is new");
    let (listener, heard) = listening();
    let store = open_with("deleted", Some(listener)).await;
    store.commit(numbered(1)).expect("a commit");
    store.flushed().await.expect("durable");
    delete("deleted").await.expect("the owner lets go");
    let error: Error = store.commit(numbered(2)).expect_err("it is gone");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Closed, "database_deleted"));
    assert!(matches!(heard.lock().last(), Some(StoreEvent::Failed(error)) if error.code() == "database_deleted"));
    assert_eq!(count(&*open("deleted").await), 0);
}

#[wasm_bindgen_test]
async fn a_store_that_is_dropped_writes_what_it_has() {
    delete("dropped").await.expect("it is new");
    let store = open("dropped").await;
    for number in 0..100 {
        store.commit(numbered(number)).expect("a commit");
    }
    drop(store);
    // The opening waits for the transactions before it.
    let mut tries = 0;
    while count(&*open("dropped").await) < 100 {
        tries += 1;
        assert!(tries < 100, "the dropped store wrote {} commits", count(&*open("dropped").await));
    }
}
