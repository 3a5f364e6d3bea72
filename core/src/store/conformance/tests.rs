//! The suite over the stores of this crate.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Bed, Opening, StoreListener};
use crate::store::{FaultyStore, Image, MemoryStore};

struct MemoryBed;

impl Bed for MemoryBed {
    fn open(&self, _listener: Option<StoreListener>) -> Opening<'_> {
        Box::pin(async { Ok(Arc::new(MemoryStore::new()) as _) })
    }
}

/// Each opening finds what the store before it left durable.
#[derive(Default)]
struct FaultyBed {
    last: Mutex<Option<Arc<FaultyStore>>>,
}

impl Bed for FaultyBed {
    fn open(&self, listener: Option<StoreListener>) -> Opening<'_> {
        let mut last = self.last.lock();
        let image = last.as_ref().map_or_else(Image::default, |store| store.crash(0));
        let store = Arc::new(FaultyStore::new(image, listener));
        *last = Some(store.clone());
        Box::pin(async { Ok(store as _) })
    }
}

mod memory {
    crate::store_conformance!(volatile, super::MemoryBed);
}

mod faulty {
    crate::store_conformance!(durable, super::FaultyBed::default());
}
