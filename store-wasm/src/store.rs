//! The store: an image in memory, and a queue for the task that writes it down.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use kalamdb_core::store::{CommitId, Image, ImageSnapshot, Snapshot, Store, StoreEvent, StoreListener, WriteBatch};
use kalamdb_core::{Error, Result};
use parking_lot::Mutex;
use wasm_bindgen_futures::spawn_local;

use crate::idb::Database;
use crate::load::load;
use crate::writer::Writer;

/// Bytes of commits that may wait for the browser.
pub const WAITING_BYTES_MAX: usize = 512 << 20;
/// Commits, and their bytes, that are written without a pause for more.
const PACE_COMMITS: usize = 512;
const PACE_BYTES: usize = 1 << 20;

/// What `persisted` promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The commit survives a crash of the machine: the browser waits for the disk.
    #[default]
    Strict,
    /// The commit survives a crash of tab and browser; after one of the machine, the last moments may be missing.
    Relaxed,
}

impl Durability {
    /// The name that IndexedDB gives it.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Strict => "strict",
            Durability::Relaxed => "relaxed",
        }
    }
}

/// How a store is opened.
#[derive(Clone, Default)]
pub struct Options {
    /// What `persisted` promises.
    pub durability: Durability,
    /// Is told of progress and failure.
    pub listener: Option<StoreListener>,
}

/// A [`Store`] in the browser.
///
/// It never waits: [`Store::flush`] and [`Store::close`] start what they name, and [`IndexedDbStore::flushed`] and
/// [`IndexedDbStore::closed`] resolve when it is done.
pub struct IndexedDbStore {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    listener: Option<StoreListener>,
}

#[derive(Default)]
struct State {
    image: Image,
    last: CommitId,
    persisted: CommitId,
    failed: Option<Error>,
    is_closed: bool,
    /// The writer let go of the database.
    has_ended: bool,
    /// Somebody waits for what waits.
    is_urgent: bool,
    /// The writer lets commits gather.
    is_pausing: bool,
    waiting: Vec<WriteBatch>,
    waiting_bytes: usize,
    writer: Option<Waker>,
    watchers: Vec<Waker>,
}

/// What the writer does next: these batches, the last of which is this commit.
pub(crate) struct Work {
    pub batches: Vec<WriteBatch>,
    pub commit: CommitId,
    /// All batches and nothing later, if it was asked for.
    pub image: Option<Image>,
}

/// How work came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It was there.
    AtOnce,
    /// It had to be waited for.
    Later,
    /// None came for a while.
    Nothing,
}

impl IndexedDbStore {
    /// Opens the database `name` of this page's origin, made if it is absent. An earlier owner, as another tab, can
    /// write nothing any more.
    ///
    /// # Errors
    /// Kind `closed` with code `no_indexeddb` where there is no IndexedDB; `retry` if another tab holds an older layout
    /// open; `invalid` if it was made by a newer version; `corrupt` if it is damaged; `quota` if there is no room.
    pub async fn open(name: &str, options: Options) -> Result<Arc<IndexedDbStore>> {
        let shared = Arc::new(Shared { state: Mutex::default(), listener: options.listener });
        let database = {
            let shared = Arc::downgrade(&shared);
            let gone = move |error| {
                if let Some(shared) = shared.upgrade() {
                    shared.fail(error);
                }
            };
            Database::open(name, gone).await?
        };
        let (image, layout) = match load(&database, options.durability).await {
            Ok(loaded) => loaded,
            Err(error) => {
                database.close();
                return Err(error);
            }
        };
        shared.state.lock().image = image;
        spawn_local(Writer::new(database, layout, options.durability, shared.clone()).run());
        Ok(Arc::new(IndexedDbStore { shared }))
    }

    /// Resolves once everything committed before the call is durable.
    ///
    /// # Errors
    /// Why it will never be.
    pub async fn flushed(&self) -> Result<CommitId> {
        self.shared.hurry();
        self.settled().await
    }

    /// As [`IndexedDbStore::flushed`], for one who can wait: of commits that follow one another closely, many are written
    /// at once.
    ///
    /// # Errors
    /// Why it will never be.
    pub async fn settled(&self) -> Result<CommitId> {
        let last = self.shared.state.lock().last;
        self.wait(|state| match &state.failed {
            _ if state.persisted >= last => Some(Ok(last)),
            Some(error) => Some(Err(error.clone())),
            None => None,
        })
        .await
    }

    /// The bytes of all keys and values in memory.
    pub fn bytes(&self) -> usize {
        self.shared.state.lock().image.bytes()
    }

    /// Closes and resolves once everything is durable and the database may be opened by others.
    ///
    /// # Errors
    /// Why something committed will never be durable.
    pub async fn closed(&self) -> Result<()> {
        let closed = self.close();
        self.wait(|state| state.has_ended.then_some(())).await;
        match self.shared.state.lock() {
            state if state.persisted == state.last => Ok(()),
            state => state.failed.clone().map_or(closed, Err),
        }
    }

    async fn wait<T>(&self, mut ready: impl FnMut(&State) -> Option<T>) -> T {
        poll_fn(|cx| {
            let mut state = self.shared.state.lock();
            match ready(&state) {
                Some(value) => Poll::Ready(value),
                None => {
                    state.watchers.push(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Shared {
    /// Resolves once there is work, or nothing to come, or with `idle` if that comes first.
    pub async fn arrived(&self, idle: impl Future<Output = ()>) -> Arrival {
        let mut idle = pin!(idle);
        let mut has_waited = false;
        poll_fn(|cx| {
            {
                let mut state = self.state.lock();
                if !state.waiting.is_empty() || state.is_closed || state.failed.is_some() {
                    return Poll::Ready(if has_waited { Arrival::Later } else { Arrival::AtOnce });
                }
                has_waited = true;
                state.writer = Some(cx.waker().clone());
            }
            idle.as_mut().poll(cx).map(|()| Arrival::Nothing)
        })
        .await
    }

    /// What there is, if all of it is durable.
    pub fn settled_image(&self) -> Option<Image> {
        let state = self.state.lock();
        (state.persisted == state.last && state.failed.is_none()).then(|| state.image.clone())
    }

    /// The work that there is; `None` once nothing comes any more. `wants_image` is asked, with the bytes to write: as long
    /// as the writer holds an image, changes have to copy what they touch.
    pub fn take(&self, wants_image: impl Fn(u64) -> bool) -> Option<Work> {
        let mut state = self.state.lock();
        if state.waiting.is_empty() || state.failed.is_some() {
            return None;
        }
        let bytes = std::mem::take(&mut state.waiting_bytes) as u64;
        state.is_urgent = false;
        let batches = std::mem::take(&mut state.waiting);
        let image = wants_image(bytes).then(|| state.image.clone());
        Some(Work { batches, commit: state.last, image })
    }

    /// Resolves with `pause`, or as soon as somebody cannot wait or enough waits.
    pub async fn pause(&self, pause: impl Future<Output = ()>) {
        let mut pause = pin!(pause);
        poll_fn(|cx| {
            {
                let mut state = self.state.lock();
                state.is_pausing = !(state.is_urgent || state.is_closed || state.failed.is_some() || state.is_plenty());
                if !state.is_pausing {
                    return Poll::Ready(());
                }
                state.writer = Some(cx.waker().clone());
            }
            pause.as_mut().poll(cx)
        })
        .await;
        self.state.lock().is_pausing = false;
    }

    /// What waits is written at once.
    fn hurry(&self) {
        let writer = {
            let mut state = self.state.lock();
            if state.persisted == state.last {
                return;
            }
            state.is_urgent = true;
            state.writer.take()
        };
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// Everything up to this commit is durable.
    pub fn persisted(&self, commit: CommitId) {
        let watchers = {
            let mut state = self.state.lock();
            state.persisted = commit;
            std::mem::take(&mut state.watchers)
        };
        self.tell(StoreEvent::Persisted(commit));
        watchers.into_iter().for_each(Waker::wake);
    }

    /// Nothing is written any more.
    pub fn fail(&self, error: Error) {
        let wakers = {
            let mut state = self.state.lock();
            if state.failed.is_some() || state.has_ended {
                return;
            }
            state.failed = Some(error.clone());
            let mut wakers = std::mem::take(&mut state.watchers);
            wakers.extend(state.writer.take());
            wakers
        };
        self.tell(StoreEvent::Failed(error));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The writer let go of the database.
    pub fn ended(&self) {
        let watchers = {
            let mut state = self.state.lock();
            state.has_ended = true;
            std::mem::take(&mut state.watchers)
        };
        watchers.into_iter().for_each(Waker::wake);
    }

    fn tell(&self, event: StoreEvent) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

impl State {
    /// Whether enough waits for a transaction.
    fn is_plenty(&self) -> bool {
        self.waiting.len() >= PACE_COMMITS || self.waiting_bytes >= PACE_BYTES
    }

    fn check(&self) -> Result<()> {
        if self.is_closed {
            return Err(Error::closed("store_closed", "the store is closed: open the database again"));
        }
        self.failed.clone().map_or(Ok(()), Err)
    }
}

impl Store for IndexedDbStore {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        let state = self.shared.state.lock();
        if state.is_closed {
            state.check()?;
        }
        Ok(Arc::new(ImageSnapshot(state.image.clone())))
    }

    fn commit(&self, batch: WriteBatch) -> Result<CommitId> {
        batch.check()?;
        let (id, writer) = {
            let mut state = self.shared.state.lock();
            state.check()?;
            if state.waiting_bytes > WAITING_BYTES_MAX {
                let message = "more than 512 MiB wait to be stored: wait until they are, then write on";
                return Err(Error::retry("store_busy", message));
            }
            state.waiting_bytes += batch.bytes();
            state.waiting.push(batch.clone());
            state.image.apply(batch);
            state.last.0 += 1;
            let is_due = !state.is_pausing || state.is_plenty();
            (state.last, if is_due { state.writer.take() } else { None })
        };
        if let Some(writer) = writer {
            writer.wake();
        }
        Ok(id)
    }

    fn persisted(&self) -> CommitId {
        self.shared.state.lock().persisted
    }

    /// What is not durable yet is being written: kind `retry` with code `not_yet` then.
    fn flush(&self) -> Result<CommitId> {
        self.shared.hurry();
        let state = self.shared.state.lock();
        state.check()?;
        if state.persisted == state.last {
            return Ok(state.last);
        }
        Err(Error::retry("not_yet", "the browser is still writing: wait for the store to report progress"))
    }

    /// What is not durable yet is written before the database is let go.
    fn close(&self) -> Result<()> {
        let writer = {
            let mut state = self.shared.state.lock();
            state.is_closed = true;
            state.writer.take()
        };
        if let Some(writer) = writer {
            writer.wake();
        }
        Ok(())
    }
}

/// A store that nobody holds any more ends its task.
impl Drop for IndexedDbStore {
    fn drop(&mut self) {
        // It cannot fail.
        let _ = self.close();
    }
}
