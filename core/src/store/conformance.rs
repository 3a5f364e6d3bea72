//! One suite of checks for every implementation of [`Store`].
//!
//! A test file names a [`Bed`] and gets one test for each check:
//!
//! ```
//! use std::sync::Arc;
//! use kalamdb_core::store::{MemoryStore, StoreListener, conformance::{Bed, Opening}};
//!
//! struct Memory;
//!
//! impl Bed for Memory {
//!     fn open(&self, _listener: Option<StoreListener>) -> Opening<'_> {
//!         Box::pin(async { Ok(Arc::new(MemoryStore::new()) as _) })
//!     }
//! }
//!
//! mod memory {
//!     kalamdb_core::store_conformance!(volatile, super::Memory);
//! }
//! ```
//!
//! `volatile` is for stores that live in memory; `durable` adds what must survive closing and how it is reported.
//! `durable on one thread` leaves out what needs several and takes the attribute that makes an `async fn` a test.
//! Checks panic when they fail. Those that draw operations at random print their seed.

mod concurrent;
mod durable;
mod random;
mod reading;
mod writing;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{CommitId, Direction, KeyRange, Partition, Snapshot, Store, StoreListener};
use crate::Result;

pub use concurrent::*;
pub use durable::*;
pub use random::*;
pub use reading::*;
pub use writing::*;

/// A store that is being opened.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn Store>>> + 'a>>;

/// Something of a store that is waited for.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// Where the store of one test lives.
pub trait Bed {
    /// Opens the store: empty at first, later with what was there when it was closed.
    fn open(&self, listener: Option<StoreListener>) -> Opening<'_>;

    /// [`Store::flush`], for stores that cannot wait inside of it.
    fn flush<'a>(&'a self, store: &'a dyn Store) -> Waiting<'a, CommitId> {
        Box::pin(async { store.flush() })
    }

    /// [`Store::close`], for stores that cannot wait inside of it.
    fn close<'a>(&'a self, store: &'a dyn Store) -> Waiting<'a, ()> {
        Box::pin(async { store.close() })
    }
}

/// Makes one test of each check of the suite, for a [`Bed`] that the expression makes anew for each.
#[macro_export]
macro_rules! store_conformance {
    (volatile, $bed:expr) => {
        $crate::store_conformance! { @volatile blocking, $bed }
        $crate::store_conformance! { @tests blocking, $bed; batches_are_seen_whole, commit_ids_rise_one_by_one, }
    };
    (durable, $bed:expr) => {
        $crate::store_conformance! { volatile, $bed }
        $crate::store_conformance! { @durable blocking, $bed }
    };
    (durable on one thread, $test:ident, $bed:expr) => {
        $crate::store_conformance! { @volatile $test, $bed }
        $crate::store_conformance! { @durable $test, $bed }
    };
    (@volatile $test:ident, $bed:expr) => {
        $crate::store_conformance! { @tests $test, $bed;
            a_batch_applies_in_order, a_range_delete_takes_its_range, bad_batches_change_nothing,
            an_empty_batch_is_a_commit, large_values, partitions_are_separate, a_closed_store_refuses,
            keys_are_in_byte_order, scans_stop_at_their_bounds, prefixes, a_cursor_stays_at_its_end, many_keys,
            a_snapshot_stays_as_it_is, equals_an_ordered_map,
        }
    };
    (@durable $test:ident, $bed:expr) => {
        $crate::store_conformance! { @tests $test, $bed;
            flush_makes_durable, closing_makes_durable, the_listener_hears_it_in_order, content_survives_reopening,
            large_values_survive_reopening, equals_an_ordered_map_over_reopenings,
        }
    };
    (@tests blocking, $bed:expr; $($check:ident,)*) => {$(
        #[test]
        fn $check() {
            $crate::store::conformance::at_once($crate::store::conformance::$check(&$bed));
        }
    )*};
    (@tests $test:ident, $bed:expr; $($check:ident,)*) => {$(
        #[$test]
        async fn $check() {
            $crate::store::conformance::$check(&$bed).await;
        }
    )*};
}

/// The result of a check on stores that wait by themselves.
///
/// # Panics
/// If it would have to be polled again.
pub fn at_once<T>(check: impl Future<Output = T>) -> T {
    match pin!(check).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the store of a blocking test does not wait by itself"),
    }
}

pub(crate) async fn open(bed: &dyn Bed) -> Arc<dyn Store> {
    bed.open(None).await.expect("open the store")
}

/// All pairs that a scan yields.
pub(crate) fn scan(
    snapshot: &dyn Snapshot,
    partition: Partition,
    range: KeyRange,
    direction: Direction,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut cursor = snapshot.scan(partition, range, direction).expect("scan");
    let mut pairs = Vec::new();
    while cursor.advance().expect("advance") {
        pairs.push((cursor.key().to_vec(), cursor.value().to_vec()));
    }
    pairs
}

pub(crate) fn keys(snapshot: &dyn Snapshot, range: KeyRange, direction: Direction) -> Vec<Vec<u8>> {
    scan(snapshot, Partition::Rows, range, direction).into_iter().map(|(key, _)| key).collect()
}

/// A deterministic generator: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Prng(u64);

impl Prng {
    /// The generator of `seed`.
    pub fn new(seed: u64) -> Prng {
        Prng(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is above 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next_u64() % limit
    }

    /// `len` bytes that do not compress.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 7);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next_u64().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

#[cfg(test)]
mod tests;
