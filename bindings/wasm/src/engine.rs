//! One database.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use kalamdb_core::device::Device;
use kalamdb_core::store::{MemoryStore, Store};
use kalamdb_core::{Error, Result, UserId};
use kalamdb_sql::DeviceBackend;
use kalamdb_store_wasm::{Durability, IndexedDbStore, Options};
use wasm_bindgen::prelude::*;

use crate::environment::{BrowserEntropy, now};
use crate::errors::thrown;
use crate::packed;
use crate::sync::Sync;

/// An open database.
#[wasm_bindgen]
pub struct Engine {
    device: Arc<Device>,
    backend: Arc<DeviceBackend>,
    indexed_db: Option<Arc<IndexedDbStore>>,
    sync: Sync,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the database `name`; in memory without one. `changed` is called after each change of what queries answer.
    ///
    /// # Errors
    /// An error with kind and code.
    pub async fn open(
        name: Option<String>,
        user: Option<String>,
        changed: js_sys::Function,
    ) -> Result<Engine, JsValue> {
        open(name, user, changed).await.map_err(|error| thrown(&error))
    }

    /// A session of its own.
    pub fn session(&self) -> Session {
        Session { inner: kalamdb_sql::Session::new(self.backend.clone()) }
    }

    /// Connects to `url` and stays connected. `token` is asked for a token and gives a promise of one.
    pub fn start(&self, url: String, token: js_sys::Function) {
        self.sync.start(url, token);
    }

    /// Disconnects.
    pub fn stop(&self) {
        self.sync.stop();
    }

    /// Resolves once everything written before is durable.
    ///
    /// # Errors
    /// Why it will never be.
    pub async fn persisted(&self) -> Result<(), JsValue> {
        match &self.indexed_db {
            Some(store) => store.clone().flushed().await.map(drop).map_err(|error| thrown(&error)),
            None => Ok(()),
        }
    }

    /// Transactions that wait for the server.
    pub fn pending(&self) -> f64 {
        self.device.pending() as f64
    }
}

async fn open(name: Option<String>, user: Option<String>, changed: js_sys::Function) -> Result<Engine> {
    let entropy = Arc::new(BrowserEntropy);
    let indexed_db = match name {
        Some(name) => {
            Some(IndexedDbStore::open(&name, Options { durability: Durability::Strict, listener: None }).await?)
        }
        None => None,
    };
    let store: Arc<dyn Store> = match &indexed_db {
        Some(store) => store.clone(),
        None => Arc::new(MemoryStore::new()),
    };
    let device = Arc::new(Device::open(store, entropy.clone())?);
    if let Some(user) = user {
        device.claim(&UserId::new(user)?)?;
    }
    let backend = Arc::new(DeviceBackend::new(device.clone(), entropy.clone(), Arc::new(now)));
    let sync = Sync::new(device.clone(), entropy, changed);
    Ok(Engine { device, backend, indexed_db, sync })
}

/// A conversation with the database, with at most one open transaction.
#[wasm_bindgen]
pub struct Session {
    inner: kalamdb_sql::Session,
}

#[wasm_bindgen]
impl Session {
    /// Runs statements; parameters and results are packed.
    ///
    /// # Errors
    /// An error with kind and code.
    pub fn execute(&mut self, sql: &str, params: &[u8]) -> Result<Vec<u8>, JsValue> {
        let mut run = || {
            let params = packed::decode(params)?;
            at_once(self.inner.execute(sql, &params))?.map(|results| packed::encode(&results))
        };
        run().map_err(|error| thrown(&error))
    }
}

/// Statements that core answers by itself wait for nothing.
fn at_once<T>(work: impl Future<Output = T>) -> Result<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(Error::internal("suspended", "a statement waits for something that nobody does")),
    }
}
