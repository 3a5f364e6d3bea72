//! The suite over the stores of this crate.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Bed, Result, Store, StoreListener};
use crate::store::{FaultyStore, Image, MemoryStore};

struct MemoryBed;

impl Bed for MemoryBed {
    fn open(&self, _listener: Option<StoreListener>) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(MemoryStore::new()))
    }
}

/// Each opening finds what the store before it left durable.
#[derive(Default)]
struct FaultyBed {
    last: Mutex<Option<Arc<FaultyStore>>>,
}

impl Bed for FaultyBed {
    fn open(&self, listener: Option<StoreListener>) -> Result<Arc<dyn Store>> {
        let mut last = self.last.lock();
        let image = last.as_ref().map_or_else(Image::default, |store| store.crash(0));
        let store = Arc::new(FaultyStore::new(image, listener));
        *last = Some(store.clone());
        Ok(store)
    }
}

mod memory {
    crate::store_conformance!(volatile, super::MemoryBed);
}

mod faulty {
    crate::store_conformance!(durable, super::FaultyBed::default());
}
