//! The copy of one space on a device: it reads and writes at once, with or without a server.
//!
//! A [`Device`] owns its store. Local transactions go into the outbox and show in the overlay; the sync session
//! sends what is persisted, applies the server's transactions in order and installs snapshots. The device resolves
//! no conflict: rows are what the server's log says, with its own undecided writes on top.

mod apply;
mod commit;
mod contact;
mod install;
mod outbox;
mod overlay;
mod receipts;
mod recent;
mod state;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::catalog::Catalog;
use crate::hlc::{CLOCK_AHEAD_MAX_MS, Entropy, Hlc, HlcClock, Now};
use crate::ids::{DeviceId, Generation, MutationId, Position, SpaceId, TableId, UserId};
use crate::mutation::Base;
use crate::planted::{Bug, is_planted};
use crate::rules::Copy;
use crate::store::{CommitId, CowMap, Partition, Store, WriteBatch};
use crate::transaction::{Author, Snowflakes, Transaction};
use crate::view::{View, ViewVersion};
use crate::{Error, Result, keys};

pub use apply::{Applied, ServerTransaction};
pub use commit::LocalCommit;
pub use contact::{Contact, Meeting, ServerCatalog, as_new_table};
pub use outbox::{OutboxEntry, RejectedWrite};
pub use receipts::{RECEIPTS_MAX, Receipt, RequestId};
pub use recent::RECENT_ROWS_MAX;
pub use state::{Binding, Staging};

use overlay::Copier;
use state::{Identity, Progress};

/// The version of everything that a device's store holds.
const STORE_FORMAT: u8 = 1;
const STORE_KIND: u8 = b'd';

/// Is told after each local change of what readers see, when no lock is held.
pub type Observer = Arc<dyn Fn() + Send + Sync>;

/// A device's copy. Share it between threads with an [`Arc`].
pub struct Device {
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    snowflakes: Arc<Snowflakes>,
    state: Mutex<State>,
    observer: RwLock<Option<Observer>>,
}

struct State {
    identity: Identity,
    clock: HlcClock,
    /// By how much the device's clock is ahead of the server's, if that is too much, µs.
    clock_ahead: i64,
    progress: Progress,
    user: Option<UserId>,
    catalog: Arc<Catalog>,
    /// Rises with every change of what readers see.
    version: u64,
    recent: recent::RecentRows,
    receipts: receipts::Receipts,
    /// The last commit of a local transaction.
    last_commit: CommitId,
    /// Entries in the outbox.
    waiting: u64,
    /// Commits that hold outbox entries and may not be durable yet.
    unpersisted_entries: VecDeque<(CommitId, MutationId)>,
    /// Commits that moved the position and may not be durable yet.
    unpersisted_positions: VecDeque<(CommitId, Position)>,
    persisted_entry: MutationId,
    persisted_position: Position,
}

/// A state of the copy as the successor of an earlier one.
pub struct News {
    /// The state.
    pub view: View,
    /// Table and encoded key of each row that changed since the earlier state; `None` if that may be any row, or the
    /// tables themselves.
    pub rows: Option<BTreeSet<(TableId, Vec<u8>)>>,
}

/// What an application may want to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// The device.
    pub device: DeviceId,
    /// The server and space, after the first contact.
    pub binding: Option<Binding>,
    /// How far the copy has come.
    pub position: Position,
    /// Commit time of the last transaction in the copy, µs since 1970; 0 before the first.
    pub updated: i64,
    /// Transactions that the server has not decided.
    pub pending: u64,
    /// The last own transaction.
    pub last_mutation: MutationId,
    /// Transactions that the server refused and nobody dismissed.
    pub rejected: u64,
    /// A snapshot that is being received.
    pub staging: Option<Staging>,
}

impl Device {
    /// Opens the copy in `store`, or starts one with a new device id.
    ///
    /// # Errors
    /// Kind `corrupt` if the store holds something else or is damaged; what the store gives.
    pub fn open(store: Arc<dyn Store>, entropy: Arc<dyn Entropy>) -> Result<Device> {
        check_format(&*store, STORE_KIND, "a device's database")?;
        let identity = match Identity::load(&*store.snapshot()?)? {
            Some(identity) => identity,
            None => start(&*store, &*entropy)?,
        };
        let snapshot = store.snapshot()?;
        let progress = Progress::load(&*snapshot)?;
        // Entries are checked when they are read: there may be many, and an application waits.
        let (waiting, last) = outbox::extent(&*snapshot)?;
        if last > identity.last {
            return Err(Error::corrupt(
                "broken_outbox",
                "the outbox holds entries that the device record does not know",
            ));
        }
        let state = State {
            clock: HlcClock::after(identity.hlc),
            clock_ahead: 0,
            identity,
            progress,
            user: state::load_user(&*snapshot)?,
            catalog: Arc::new(state::load_catalog(&*snapshot)?),
            version: 0,
            recent: recent::RecentRows::default(),
            receipts: receipts::Receipts::load(&*snapshot)?,
            last_commit: store.persisted(),
            waiting,
            unpersisted_entries: VecDeque::new(),
            unpersisted_positions: VecDeque::new(),
            persisted_entry: identity.last,
            persisted_position: progress.position,
        };
        Ok(Device { store, entropy, snowflakes: Arc::default(), state: Mutex::new(state), observer: RwLock::new(None) })
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Sets who is told of local commits and local changes of the catalog.
    pub fn observe(&self, observer: Observer) {
        *self.observer.write() = Some(observer);
    }

    fn announce(&self) {
        let observer = self.observer.read().clone();
        if let Some(observer) = observer {
            observer();
        }
    }

    /// A consistent view of the present state, own undecided writes included.
    ///
    /// # Errors
    /// Kind `closed` if the store is closed.
    pub fn view(&self) -> Result<View> {
        self.state.lock().view(&*self.store)
    }

    /// The present state, and what may look different in it since an earlier one.
    ///
    /// # Errors
    /// Kind `closed` if the store is closed.
    pub fn news(&self, since: ViewVersion) -> Result<News> {
        let state = self.state.lock();
        let view = state.view(&*self.store)?;
        Ok(News { view, rows: state.recent.since(since.0) })
    }

    /// The rows that may differ between two states of this copy, one of them `version` and the other any later one;
    /// `None` if that may be any row.
    pub fn changed_since(&self, version: ViewVersion) -> Option<BTreeSet<(TableId, Vec<u8>)>> {
        self.state.lock().recent.since(version.0)
    }

    /// Starts a transaction on the present state.
    ///
    /// # Errors
    /// Kind `closed` if the store is closed.
    pub fn begin(&self, now: Now) -> Result<Transaction> {
        let state = self.state.lock();
        let number = state.progress.binding.map(|binding| binding.number);
        let (entropy, snowflakes) = (self.entropy.clone(), self.snowflakes.clone());
        let author = Author { entropy, device: number, snowflakes };
        Ok(Transaction::new(state.view(&*self.store)?, now, author, state.version))
    }

    /// What became of a request, if it committed a transaction and is one of the last [`RECEIPTS_MAX`].
    pub fn receipt(&self, request: RequestId) -> Option<Receipt> {
        self.state.lock().receipts.get(request)
    }

    /// The catalog in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.state.lock().catalog.clone()
    }

    /// The present status.
    ///
    /// # Errors
    /// What the store gives.
    pub fn status(&self) -> Result<DeviceStatus> {
        let (status, snapshot) = {
            let state = self.state.lock();
            let status = DeviceStatus {
                device: state.identity.device,
                binding: state.progress.binding,
                position: state.progress.position,
                updated: state.progress.updated,
                pending: state.waiting,
                last_mutation: state.identity.last,
                rejected: 0,
                staging: state.progress.staging,
            };
            (status, self.store.snapshot()?)
        };
        let mut cursor = snapshot.scan(Partition::Outbox, keys::rejected_all(), crate::store::Direction::Forward)?;
        let mut rejected = 0;
        while cursor.advance()? {
            rejected += 1;
        }
        Ok(DeviceStatus { rejected, ..status })
    }

    /// How far the copy has come.
    pub fn position(&self) -> Position {
        self.state.lock().progress.position
    }

    /// The number of own transactions that the server has not decided.
    pub fn pending(&self) -> u64 {
        self.state.lock().waiting
    }

    /// The position up to which the copy is durable.
    pub fn persisted_position(&self) -> Position {
        let persisted = self.store.persisted();
        let mut state = self.state.lock();
        state.note_persisted(persisted);
        state.persisted_position
    }

    /// The last outbox entry that is durable and may be sent.
    pub fn persisted_entry(&self) -> MutationId {
        let persisted = self.store.persisted();
        let mut state = self.state.lock();
        if is_planted(Bug::SentBeforePersisted) {
            return state.identity.last;
        }
        state.note_persisted(persisted);
        state.persisted_entry
    }

    /// The durable outbox entries after `after`, at most about `bytes_max` bytes of them but at least one.
    ///
    /// # Errors
    /// What the store gives; kind `corrupt` if an entry is damaged.
    pub fn sendable(&self, after: MutationId, bytes_max: usize) -> Result<Vec<OutboxEntry>> {
        let last = self.persisted_entry();
        let (mut entries, mut bytes) = (Vec::new(), 0);
        outbox::visit(&*self.store.snapshot()?, after.next(), |entry| {
            if entry.id > last {
                return Ok(false);
            }
            bytes += entry.content.len();
            entries.push(entry);
            Ok(bytes < bytes_max)
        })?;
        Ok(entries)
    }

    /// The first undecided transaction.
    ///
    /// # Errors
    /// What the store gives.
    pub fn first_pending(&self) -> Result<Option<MutationId>> {
        outbox::first(&*self.store.snapshot()?)
    }

    /// The entry with this number, if the server has not decided it.
    ///
    /// # Errors
    /// What the store gives.
    pub fn outbox_entry(&self, id: MutationId) -> Result<Option<OutboxEntry>> {
        outbox::get(&*self.store.snapshot()?, id)
    }

    /// The transactions that the server refused, oldest first.
    ///
    /// # Errors
    /// What the store gives.
    pub fn rejected(&self) -> Result<Vec<RejectedWrite>> {
        outbox::rejected(&*self.store.snapshot()?)
    }

    /// Removes a rejected write from the list; nothing happens if it is not there.
    ///
    /// # Errors
    /// What the store gives.
    pub fn dismiss(&self, number: u64) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.delete(Partition::Outbox, keys::rejected(number));
        self.store.commit(batch).map(drop)
    }

    /// Takes note of the server's time. Where this device's clock is more than [`CLOCK_AHEAD_MAX_MS`] ahead, later
    /// stamps follow the server's, until the two are compared again; the server replaced the earlier ones.
    pub fn compare_clock(&self, now: Now, server: Now) {
        let ahead = now.micros().saturating_sub(server.micros());
        let is_too_far = ahead / 1000 > CLOCK_AHEAD_MAX_MS as i64;
        let mut state = self.state.lock();
        state.clock_ahead = if is_too_far { ahead } else { 0 };
        if is_too_far {
            state.clock = HlcClock::after(Hlc::from_millis(server.millis()));
        }
    }
}

impl State {
    /// Readers see something else from now on: these rows, or anything if that is not known.
    fn changed(&mut self, rows: Option<Vec<overlay::RowKey>>) {
        self.version += 1;
        match rows {
            Some(rows) => self.recent.note(self.version, rows),
            None => self.recent.forget(self.version),
        }
    }

    /// Takes note of what is durable.
    fn note_persisted(&mut self, persisted: CommitId) {
        while let Some((_, id)) = self.unpersisted_entries.pop_front_if(|(commit, _)| *commit <= persisted) {
            self.persisted_entry = id;
        }
        while let Some((_, position)) = self.unpersisted_positions.pop_front_if(|(commit, _)| *commit <= persisted) {
            self.persisted_position = position;
        }
    }

    fn view(&self, store: &dyn Store) -> Result<View> {
        Ok(View {
            snapshot: store.snapshot()?,
            catalog: self.catalog.clone(),
            space: SpaceId::LOCAL,
            generation: self.progress.generation,
            base: Base { epoch: self.progress.position.epoch, seq: self.progress.position.seq },
            overlaid: self.waiting > 0,
            version: ViewVersion(self.version),
            writes: CowMap::default(),
        })
    }

    fn copy(&self) -> Copy {
        Copy { space: SpaceId::LOCAL, generation: self.progress.generation }
    }

    fn copier<'a>(&self, snapshot: &'a dyn crate::store::Snapshot, catalog: &'a Catalog) -> Copier<'a> {
        Copier { snapshot, catalog, copy: self.copy(), outbox_empty: self.waiting == 0 }
    }
}

fn start(store: &dyn Store, entropy: &dyn Entropy) -> Result<Identity> {
    let identity =
        Identity { device: DeviceId(entropy.random()), last: MutationId(0), hlc: crate::hlc::Hlc(0), next_rejected: 1 };
    let mut batch = WriteBatch::new();
    identity.save(&mut batch);
    Progress { generation: Generation(1), next_generation: 2, position: Position::default(), ..Progress::default() }
        .save(&mut batch);
    store.commit(batch)?;
    Ok(identity)
}

/// Marks a new store as `kind` or checks that an old one is that and of a known format.
pub(crate) fn check_format(store: &dyn Store, kind: u8, what: &str) -> Result<()> {
    match store.snapshot()?.get(Partition::Meta, &keys::format())?.as_deref() {
        None => {
            let mut batch = WriteBatch::new();
            batch.put(Partition::Meta, keys::format(), vec![kind, STORE_FORMAT]);
            store.commit(batch).map(drop)
        }
        Some([found, STORE_FORMAT]) if *found == kind => Ok(()),
        Some([found, _]) if *found != kind => Err(Error::invalid(
            "other_store",
            format!("the directory holds something else than {what}: choose another one"),
        )),
        Some(_) => Err(Error::invalid(
            "newer_format",
            format!("{what} was written by a newer version: open it with that version"),
        )),
    }
}
