//! One database.

use std::sync::Arc;

use js_sys::{Array, Reflect};
use kalamdb_core::device::Device;
use kalamdb_core::store::{MemoryStore, Store, StoreEvent};
use kalamdb_core::{Error, Result, UserId};
use kalamdb_sql::DeviceBackend;
use kalamdb_sql::remote::{Link, RemoteEngine};
use kalamdb_store_wasm::{Durability, IndexedDbStore, Options};
use kalamdb_sync::client::Input;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::bell::{Bell, Ring};
use crate::environment::{BrowserEntropy, now};
use crate::errors::thrown;
use crate::host::{Host, QueryChannel};
use crate::live::Live;
use crate::session::Session;
use crate::status;
use crate::sync::Sync;

/// An open database.
#[wasm_bindgen]
pub struct Engine {
    device: Arc<Device>,
    backend: Arc<DeviceBackend>,
    link: Arc<Link>,
    queries: QueryChannel,
    kept: Kept,
    bell: Bell,
    sync: Sync,
}

/// Where rows are kept.
enum Kept {
    IndexedDb(Arc<IndexedDbStore>),
    Memory(Arc<MemoryStore>),
}

#[wasm_bindgen]
impl Engine {
    /// Opens a database. `options`: `name` of the IndexedDB database, in memory without one; `user`, the one it is for;
    /// `durability`, `strict` or `relaxed`.
    ///
    /// # Errors
    /// An error with kind and code.
    pub async fn open(options: JsValue, host: Host) -> Result<Engine, JsValue> {
        open(&options, host).await.map_err(|error| thrown(&error))
    }

    /// Deletes the IndexedDB database of this name.
    ///
    /// # Errors
    /// An error with kind and code; `retry` while another tab holds it open.
    pub async fn delete(name: String) -> Result<(), JsValue> {
        kalamdb_store_wasm::delete(&name).await.map_err(|error| thrown(&error))
    }

    /// Says whose rows they are, unless that is known: no other user's token will be taken.
    ///
    /// # Errors
    /// An error with kind and code; `other_user` if they are somebody else's.
    pub fn claim(&self, user: String) -> Result<(), JsValue> {
        UserId::new(user).and_then(|user| self.device.claim(&user)).map_err(|error| thrown(&error))
    }

    /// A session of its own.
    pub fn session(&self) -> Session {
        let engine = Box::new(RemoteEngine::new(self.link.clone()));
        Session::new(kalamdb_sql::Session::with_engine(self.backend.clone(), engine))
    }

    /// A query of one table whose result follows the database.
    ///
    /// # Errors
    /// An error with kind and code; `live_one_table` where more is asked.
    pub fn live(&self, sql: &str, params: &[u8]) -> Result<Live, JsValue> {
        Live::start(self.device.clone(), sql, params).map_err(|error| thrown(&error))
    }

    /// Connects to `url` and stays connected.
    ///
    /// # Errors
    /// An error with kind and code if `url` is no address of a server.
    pub fn start(&self, url: &str) -> Result<(), JsValue> {
        self.sync.start(url).map_err(|error| thrown(&error))
    }

    /// Disconnects.
    pub fn stop(&self) {
        self.sync.feed(Input::Stop);
    }

    /// The status shows `synced` again once everything that the server has by now is here.
    pub fn probe(&self) {
        self.sync.feed(Input::Probe);
    }

    /// How it stands, as one object.
    ///
    /// # Errors
    /// An error with kind and code once it is closed.
    pub fn status(&self) -> Result<JsValue, JsValue> {
        let (is_kept, bytes) = match &self.kept {
            Kept::IndexedDb(store) => (true, store.bytes()),
            Kept::Memory(store) => (false, store.bytes()),
        };
        let status = || status::status(&self.device, &self.sync.status()?, is_kept, bytes);
        status().map_err(|error| thrown(&error))
    }

    /// The transactions that the server refused and nobody dismissed, oldest first.
    ///
    /// # Errors
    /// An error with kind and code once it is closed.
    pub fn rejected(&self) -> Result<Array, JsValue> {
        status::rejected(&self.device).map_err(|error| thrown(&error))
    }

    /// Removes a refused transaction from the list, by its number there.
    ///
    /// # Errors
    /// An error with kind and code; `not_rejected` if there is none with this number.
    pub fn dismiss(&self, number: f64) -> Result<(), JsValue> {
        let number = number as u64;
        let dismiss = || {
            if self.device.rejected()?.iter().all(|write| write.number != number) {
                let message = format!("there is no rejected write with number {number}");
                return Err(Error::invalid("not_rejected", message));
            }
            self.device.dismiss(number)
        };
        let dismissed = dismiss().map_err(|error| thrown(&error));
        self.bell.ring();
        dismissed
    }

    /// Which own transactions the server has decided: all before `first`, under the identity `device`; `rejected` of them, and
    /// of earlier ones, are in the list of rejected writes.
    ///
    /// # Errors
    /// An error with kind and code once it is closed.
    pub fn decided(&self) -> Result<JsValue, JsValue> {
        status::decided(&self.device).map_err(|error| thrown(&error))
    }

    /// Resolves once everything committed before the call is durable.
    ///
    /// # Errors
    /// Why it will never be.
    pub async fn persisted(&self) -> Result<(), JsValue> {
        match &self.kept {
            Kept::IndexedDb(store) => {
                let store = store.clone();
                store.flushed().await.map(drop).map_err(|error| thrown(&error))
            }
            Kept::Memory(_) => Ok(()),
        }
    }

    /// As [`Engine::persisted`], but what follows closely may be waited for and written together.
    ///
    /// # Errors
    /// Why it will never be.
    pub async fn settled(&self) -> Result<(), JsValue> {
        match &self.kept {
            Kept::IndexedDb(store) => {
                let store = store.clone();
                store.settled().await.map(drop).map_err(|error| thrown(&error))
            }
            Kept::Memory(_) => Ok(()),
        }
    }

    /// Disconnects, makes everything durable and lets go of the database.
    ///
    /// # Errors
    /// Why something committed will never be durable.
    pub async fn close(&self) -> Result<(), JsValue> {
        self.sync.feed(Input::Stop);
        self.queries.close();
        let closed = match &self.kept {
            Kept::IndexedDb(store) => store.clone().closed().await,
            Kept::Memory(store) => store.close(),
        };
        self.bell.close();
        closed.map_err(|error| thrown(&error))
    }
}

async fn open(options: &JsValue, host: Host) -> Result<Engine> {
    let option = |name: &str| Reflect::get(options, &name.into()).ok().and_then(|value| value.as_string());
    let durability = match option("durability").as_deref() {
        None | Some("strict") => Durability::Strict,
        Some("relaxed") => Durability::Relaxed,
        Some(other) => {
            let message = format!("durability `{other}` is unknown: there are strict and relaxed");
            return Err(Error::invalid("unknown_durability", message));
        }
    };
    let user = option("user").map(UserId::new).transpose()?;
    let entropy = Arc::new(BrowserEntropy);
    let bell = Bell::default();
    let kept = match option("name") {
        Some(name) => {
            let bell = bell.clone();
            let listener = Arc::new(move |event| match event {
                StoreEvent::Persisted(_) => bell.ring(),
                StoreEvent::Failed(error) => bell.fail(error),
            });
            Kept::IndexedDb(IndexedDbStore::open(&name, Options { durability, listener: Some(listener) }).await?)
        }
        None => Kept::Memory(Arc::new(MemoryStore::new())),
    };
    let store: Arc<dyn Store> = match &kept {
        Kept::IndexedDb(store) => store.clone(),
        Kept::Memory(store) => store.clone(),
    };
    let device = Arc::new(Device::open(store, entropy.clone())?);
    if let Some(user) = user {
        device.claim(&user)?;
    }
    device.observe({
        let bell = bell.clone();
        Arc::new(move || bell.ring())
    });
    let backend = Arc::new(DeviceBackend::new(device.clone(), entropy.clone(), Arc::new(now)));
    let queries = QueryChannel::open(host.clone());
    let link = Arc::new(Link::new(device.clone(), backend.clone(), Box::new(queries.clone())));
    let sync = Sync::new(device.clone(), entropy, host.clone(), bell.clone());
    spawn_local(listen(bell.clone(), sync.clone(), host));
    Ok(Engine { device, backend, link, queries, kept, bell, sync })
}

/// Hands on what the bell rings for, until it is closed. What the host throws is its own affair.
async fn listen(bell: Bell, sync: Sync, host: Host) {
    loop {
        match bell.heard().await {
            Ring::Changed => {
                sync.feed(Input::Wake);
                let _ = host.changed();
            }
            Ring::Failed(error) => {
                let _ = host.failed(&thrown(&error));
            }
            Ring::Closed => return,
        }
    }
}
