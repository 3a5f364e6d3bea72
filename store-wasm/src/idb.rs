//! IndexedDB's requests and transactions as futures, and its exceptions as errors.

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use kalamdb_core::{Error, Result};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DomException, IdbDatabase, IdbFactory, IdbKeyRange, IdbOpenDbRequest, IdbRequest, IdbTransaction};

use crate::Durability;

/// The layout of object stores.
pub const VERSION: u32 = 1;
/// Object store of one record: the table of pages.
pub const HEAD: &str = "head";
/// Object store of the parts of pages.
pub const PAGES: &str = "pages";
/// Object store of the log.
pub const LOG: &str = "log";
/// The key of the only record of [`HEAD`].
const HEAD_KEY: &str = "head";

/// The code of [`superseded`].
pub const SUPERSEDED: &str = "superseded";
/// The code of the error for a database of a newer version.
pub const NEWER_VERSION: &str = "newer_version";

#[wasm_bindgen]
extern "C" {
    /// web-sys knows the durability of a transaction only as an unstable feature.
    type DurableDatabase;

    #[wasm_bindgen(method, catch)]
    fn transaction(
        this: &DurableDatabase,
        stores: &Array,
        mode: &str,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;
}

/// An open database.
pub struct Database {
    inner: IdbDatabase,
}

impl Database {
    /// Opens the database `name`, made if it is absent. `gone` is called once if it is taken away later, with the
    /// reason.
    ///
    /// # Errors
    /// Kind `closed` with code `no_indexeddb` where there is no IndexedDB, as in some private windows; `retry` if
    /// another tab holds an older layout open; `invalid` if the layout is newer or the name is taken by something else;
    /// `quota` if there is no room.
    pub async fn open(name: &str, gone: impl FnOnce(Error) + 'static) -> Result<Database> {
        let request = factory()?.open_with_u32(name, VERSION).map_err(|error| no_indexeddb(&error))?;
        let upgraded = Closure::once_into_js({
            let request = request.clone();
            move || -> Result<(), JsValue> {
                let database: IdbDatabase = request.result()?.unchecked_into();
                for store in [HEAD, PAGES, LOG] {
                    database.create_object_store(store)?;
                }
                request.transaction().map_or(Ok(()), |transaction| commit(&transaction))
            }
        });
        request.set_onupgradeneeded(Some(upgraded.unchecked_ref()));
        let opened = match wait_open(&request, name).await {
            Err(error) if error.code() == NEWER_VERSION && !is_newer_layout(name).await => {
                return Err(not_kalamdb(name));
            }
            opened => opened?,
        };
        let database = Database { inner: opened.unchecked_into() };
        let stores = database.inner.object_store_names();
        if ![HEAD, PAGES, LOG].into_iter().all(|store| stores.contains(store)) {
            database.close();
            return Err(not_kalamdb(name));
        }
        database.watch(gone);
        Ok(database)
    }

    /// Tells what happens to the database from outside, until it is closed.
    fn watch(&self, gone: impl FnOnce(Error) + 'static) {
        let gone = std::rc::Rc::new(std::cell::Cell::new(Some(gone)));
        let tell = move |error: fn() -> Error, gone: &std::cell::Cell<Option<_>>| {
            if let Some(gone) = gone.take() {
                let gone: Box<dyn FnOnce(Error)> = Box::new(gone);
                gone(error());
            }
        };
        let changed = Closure::once_into_js({
            let (database, gone) = (self.inner.clone(), gone.clone());
            move || {
                database.close();
                tell(being_deleted, &gone);
            }
        });
        let closed = Closure::once_into_js(move || tell(storage_gone, &gone));
        self.inner.set_onversionchange(Some(changed.unchecked_ref()));
        self.inner.set_onclose(Some(closed.unchecked_ref()));
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// Kind `closed` if the database was taken away.
    pub fn write(&self, durability: Durability) -> Result<Transaction> {
        self.transaction("readwrite", durability)
    }

    /// Begins a transaction that only reads.
    ///
    /// # Errors
    /// Kind `closed` if the database was taken away.
    pub fn read(&self) -> Result<Transaction> {
        self.transaction("readonly", Durability::Relaxed)
    }

    fn transaction(&self, mode: &str, durability: Durability) -> Result<Transaction> {
        let stores = Array::of3(&HEAD.into(), &PAGES.into(), &LOG.into());
        let options = Object::new();
        Reflect::set(&options, &"durability".into(), &durability.name().into()).map_err(|error| failed(&error))?;
        let database: &DurableDatabase = self.inner.unchecked_ref();
        let inner = database.transaction(&stores, mode, &options).map_err(|error| failed(&error))?;
        Ok(Transaction { inner })
    }

    /// Lets go of the database.
    pub fn close(&self) {
        self.inner.set_onversionchange(None);
        self.inner.set_onclose(None);
        self.inner.close();
    }
}

/// A transaction over all object stores. Whoever begins one makes all its requests and commits it before anything else runs:
/// a tab that is frozen while it has one open would keep the next owner out.
pub struct Transaction {
    inner: IdbTransaction,
}

impl Transaction {
    fn store(&self, name: &str) -> Result<web_sys::IdbObjectStore> {
        self.inner.object_store(name).map_err(|error| failed(&error))
    }

    /// Asks for the table of pages; resolves to its bytes or nothing.
    pub fn head(&self) -> Result<IdbRequest> {
        self.store(HEAD)?.get(&HEAD_KEY.into()).map_err(|error| failed(&error))
    }

    /// Asks for all keys of an object store, in order.
    pub fn keys(&self, store: &str) -> Result<IdbRequest> {
        self.store(store)?.get_all_keys().map_err(|error| failed(&error))
    }

    /// Asks for all values of an object store, in the order of their keys.
    pub fn values(&self, store: &str) -> Result<IdbRequest> {
        self.store(store)?.get_all().map_err(|error| failed(&error))
    }

    /// Adds a record of the log; the transaction fails if its number is taken.
    pub fn add_log(&self, number: u64, bytes: &[u8]) -> Result<()> {
        let added = self.store(LOG)?.add_with_key(&Uint8Array::from(bytes), &key(number));
        added.map(drop).map_err(|error| failed(&error))
    }

    /// Asks whether the log has a record behind `number`; resolves to its number or nothing.
    pub fn behind(&self, number: u64) -> Result<IdbRequest> {
        let range = IdbKeyRange::lower_bound_with_open(&key(number), true).map_err(|error| failed(&error))?;
        self.store(LOG)?.get_key(&range).map_err(|error| failed(&error))
    }

    /// Removes the records of the log from `first` to `last`.
    pub fn delete_log(&self, first: u64, last: u64) -> Result<()> {
        let range = IdbKeyRange::bound(&key(first), &key(last)).map_err(|error| failed(&error))?;
        self.store(LOG)?.delete(&range).map(drop).map_err(|error| failed(&error))
    }

    /// Writes a part of a page.
    pub fn put_page(&self, id: u64, bytes: &[u8]) -> Result<()> {
        let put = self.store(PAGES)?.put_with_key(&Uint8Array::from(bytes), &key(id));
        put.map(drop).map_err(|error| failed(&error))
    }

    /// Removes a part of a page.
    pub fn delete_page(&self, id: u64) -> Result<()> {
        self.store(PAGES)?.delete(&key(id)).map(drop).map_err(|error| failed(&error))
    }

    /// Writes the table of pages.
    pub fn put_head(&self, bytes: &[u8]) -> Result<()> {
        let put = self.store(HEAD)?.put_with_key(&Uint8Array::from(bytes), &HEAD_KEY.into());
        put.map(drop).map_err(|error| failed(&error))
    }

    /// Commits; resolves once the transaction is as durable as was asked for.
    pub async fn commit(self) -> Result<()> {
        let done = self.done();
        self.end()?;
        done.await
    }

    /// Takes no more requests; those that were made are answered.
    pub fn end(&self) -> Result<()> {
        commit(&self.inner).map_err(|error| failed(&error))
    }

    /// Resolves once the transaction is complete, or with why it was aborted.
    fn done(&self) -> impl Future<Output = Result<()>> + use<> {
        let inner = self.inner.clone();
        let promise = Promise::new(&mut |resolve, reject| {
            inner.set_oncomplete(Some(&resolve));
            inner.set_onabort(Some(&reject));
        });
        async move {
            match JsFuture::from(promise).await {
                Ok(_) => Ok(()),
                Err(_) => Err(inner.error().map_or_else(storage_gone, |error| exception(&error))),
            }
        }
    }
}

#[expect(deprecated, reason = "the standard has it; only web-sys does not know that any more")]
fn commit(transaction: &IdbTransaction) -> std::result::Result<(), JsValue> {
    transaction.commit()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &js_sys::Function, millis: i32);
}

/// Resolves after so many milliseconds, which begin now.
pub fn pause(millis: i32) -> impl Future<Output = ()> {
    let timer = JsFuture::from(Promise::new(&mut |resolve, _| set_timeout(&resolve, millis)));
    async move {
        // It is never rejected.
        let _ = timer.await;
    }
}

/// The result of a request whose transaction is complete.
pub fn answer(request: &IdbRequest) -> Result<JsValue> {
    request.result().map_err(|error| failed(&error))
}

/// The result of a request.
pub async fn wait(request: &IdbRequest) -> Result<JsValue> {
    let promise = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    match JsFuture::from(promise).await {
        Ok(_) => answer(request),
        Err(_) => Err(request_error(request)),
    }
}

/// The result of a request to open or delete a database; blocked ones fail.
async fn wait_open(request: &IdbOpenDbRequest, name: &str) -> Result<JsValue> {
    let promise = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
        request.set_onblocked(Some(&reject));
    });
    match JsFuture::from(promise).await {
        Ok(_) => answer(request),
        Err(event) => {
            let event: web_sys::Event = event.unchecked_into();
            if event.type_() == "blocked" {
                abandon(request);
                let message = format!("another tab holds database `{name}` open: close it and try again");
                return Err(Error::retry("database_blocked", message));
            }
            match request.error() {
                Ok(Some(error)) if is_refusal(&error) => Err(no_indexeddb(&error)),
                _ => Err(request_error(request)),
            }
        }
    }
}

/// Whether a browser failed thus that offers IndexedDB to a page which may not store anything.
fn is_refusal(error: &DomException) -> bool {
    match error.name().as_str() {
        "InvalidStateError" | "SecurityError" | "NotAllowedError" => true,
        // Chromium's "The user denied permission to access the database."
        "UnknownError" => error.message().contains("denied permission"),
        _ => false,
    }
}

/// Lets go of what a request nobody waits for any more opens later: held open, it would keep everybody else waiting.
fn abandon(request: &IdbOpenDbRequest) {
    let late = Closure::once_into_js({
        let request = request.clone();
        move || {
            if let Ok(database) = request.result().and_then(|result| result.dyn_into::<IdbDatabase>()) {
                database.close();
            }
        }
    });
    request.set_onsuccess(Some(late.unchecked_ref()));
    request.set_onerror(None);
}

fn request_error(request: &IdbRequest) -> Error {
    match request.error() {
        Ok(Some(error)) => exception(&error),
        _ => Error::internal("indexeddb", "a request to IndexedDB failed without a reason"),
    }
}

/// Whether the database `name`, whose version is higher than this one's, is KalamDB's: every layout has the object store
/// [`HEAD`]. One that cannot be looked into is taken for one.
async fn is_newer_layout(name: &str) -> bool {
    let Ok(request) = factory().and_then(|factory| factory.open(name).map_err(|error| failed(&error))) else {
        return true;
    };
    // It has been deleted meanwhile: it is not made anew.
    let upgraded = Closure::once_into_js({
        let request = request.clone();
        move || request.transaction().map_or(Ok(()), |transaction| transaction.abort())
    });
    request.set_onupgradeneeded(Some(upgraded.unchecked_ref()));
    let Ok(opened) = wait_open(&request, name).await else { return true };
    let database: IdbDatabase = opened.unchecked_into();
    let is_ours = database.object_store_names().contains(HEAD);
    database.close();
    is_ours
}

/// Removes the database `name` with everything in it; nothing happens if there is none. Whoever has it open is told
/// and loses it.
///
/// # Errors
/// Kind `closed` with code `no_indexeddb` where there is no IndexedDB; `retry` if a tab does not let go of it.
pub async fn delete(name: &str) -> Result<()> {
    let request = factory()?.delete_database(name).map_err(|error| no_indexeddb(&error))?;
    wait_open(&request, name).await.map(drop)
}

fn factory() -> Result<IdbFactory> {
    let factory = Reflect::get(&js_sys::global(), &"indexedDB".into()).map_err(|error| no_indexeddb(&error))?;
    factory.dyn_into().map_err(|_| no_indexeddb(&JsValue::NULL))
}

/// Numbers are keys as long as a double holds them exactly, which is for 285 years at a million a second.
fn key(number: u64) -> JsValue {
    JsValue::from_f64(number as f64)
}

fn no_indexeddb(error: &JsValue) -> Error {
    let why = error.dyn_ref::<DomException>().map_or_else(String::new, |error| format!(" ({})", error.name()));
    Error::closed(
        "no_indexeddb",
        format!("this window has no IndexedDB{why}: allow storage for the page, or open the database in memory"),
    )
}

fn being_deleted() -> Error {
    Error::closed("database_deleted", "the database is being deleted or upgraded by another tab: open it again")
}

fn storage_gone() -> Error {
    Error::closed(
        "storage_gone",
        "the browser took the database's storage away: open it again; what was not synced may be lost",
    )
}

/// Another owner took the number under which this one wanted to write.
pub fn superseded() -> Error {
    Error::closed(SUPERSEDED, "another tab has taken the database over: open it again, or use it there")
}

/// IndexedDB has a database of this name that another library or the page itself has made.
fn not_kalamdb(name: &str) -> Error {
    let message =
        format!("IndexedDB has a database `{name}` that is not KalamDB's: open the database under another name");
    Error::invalid("not_kalamdb", message)
}

fn failed(error: &JsValue) -> Error {
    match error.dyn_ref::<DomException>() {
        Some(error) => exception(error),
        None => Error::internal("indexeddb", format!("IndexedDB failed: {error:?}")),
    }
}

fn exception(error: &DomException) -> Error {
    let (name, message) = (error.name(), error.message());
    match name.as_str() {
        "QuotaExceededError" => Error::quota(
            "disk_full",
            "the browser has no room for the database: free storage of this page or of the disk and open it again",
        ),
        "ConstraintError" => superseded(),
        "VersionError" => Error::invalid(
            NEWER_VERSION,
            "the database was made by a newer version of KalamDB: reload the page to get that",
        ),
        "InvalidStateError" | "AbortError" => storage_gone(),
        // What browsers say of a disk that fails.
        "UnknownError" => Error::corrupt(
            "storage_failed",
            format!(
                "the browser's storage failed ({message}): load the page anew, and if it fails again, delete the database and sync"
            ),
        ),
        _ => Error::internal("indexeddb", format!("IndexedDB failed with {name}: {message}")),
    }
}
