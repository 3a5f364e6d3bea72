//! The copies on the server: a space for each user, each with its log.
//!
//! A [`Server`] owns its store. Whoever holds a space's lock is its single writer; a transaction becomes visible with
//! its commit and may leave the server once [`Server::synced`] reaches it.

mod catalog;
mod execute;
mod export;
mod handshake;
mod space;
mod tidy;
mod users;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::catalog::Catalog;
use crate::codec::{Reader, Writer};
use crate::hlc::Entropy;
use crate::ids::{CatalogVersion, DeviceId, Epoch, Position, Seq, ServerId, SpaceId, TableId};
use crate::log::LogEntry;
use crate::mutation::Base;
use crate::rules::{Copy, build_indexes};
use crate::store::{CommitId, CowMap, Direction, Partition, Store, WriteBatch};
use crate::transaction::Snowflakes;
use crate::view::{View, ViewVersion};
use crate::{Error, Result, keys};

pub use export::SNAPSHOTS_MAX;
pub use handshake::{Answer, Greeting, SnapshotReason, Welcome};
pub use space::DeviceRecord;
pub use tidy::{RowKeys, Tidied, TidyLimits};
pub use users::UserRecord;
pub use write::{Executed, RESULTS_KEPT, Written};

use execute::GENERATION;
use space::{EPOCHS_MAX, Space};

const STORE_KIND: u8 = b's';
const FORMAT: u8 = 1;

/// Called after each commit of a transaction: space, transaction, commit. It must return quickly.
pub type Observer = Arc<dyn Fn(SpaceId, Seq, CommitId) + Send + Sync>;

/// All spaces of a server. Share it between threads with an [`Arc`].
pub struct Server {
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    snowflakes: Arc<Snowflakes>,
    id: ServerId,
    catalog: RwLock<Arc<Catalog>>,
    catalog_commit: Mutex<CommitId>,
    spaces: Mutex<HashMap<SpaceId, Arc<Mutex<Space>>>>,
    next_space: Mutex<u64>,
    observer: RwLock<Option<Observer>>,
}

impl Server {
    /// Opens the server's copies in `store`, or starts an empty server.
    ///
    /// # Errors
    /// Kind `corrupt` if the store is damaged, `invalid` if it holds something else.
    pub fn open(store: Arc<dyn Store>, entropy: Arc<dyn Entropy>) -> Result<Server> {
        crate::device::check_format(&*store, STORE_KIND, "a server's data")?;
        let snapshot = store.snapshot()?;
        let (id, next_space) = match snapshot.get(Partition::Meta, &keys::server())? {
            Some(bytes) => {
                let mut input = Reader::new(&bytes);
                let format = input.u8()?;
                if format != FORMAT {
                    return Err(Error::corrupt("unknown_format", format!("server record of unknown format {format}")));
                }
                (ServerId(input.array()?), input.varint()?)
            }
            None => {
                let id = ServerId(entropy.random());
                let mut batch = WriteBatch::new();
                save_server(id, 1, &mut batch);
                store.commit(batch)?;
                (id, 1)
            }
        };
        let catalog = Catalog::load(&*snapshot)?.unwrap_or_else(|| Catalog::new(TableId(1)));
        Ok(Server {
            store,
            entropy,
            snowflakes: Arc::default(),
            id,
            catalog: RwLock::new(Arc::new(catalog)),
            catalog_commit: Mutex::new(CommitId(0)),
            spaces: Mutex::new(HashMap::new()),
            next_space: Mutex::new(next_space),
            observer: RwLock::new(None),
        })
    }

    /// The server's id.
    pub fn id(&self) -> ServerId {
        self.id
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The catalog in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().clone()
    }

    /// Sets who is told of each transaction.
    pub fn observe(&self, observer: Observer) {
        *self.observer.write() = Some(observer);
    }

    fn space(&self, id: SpaceId) -> Result<Arc<Mutex<Space>>> {
        if let Some(space) = self.spaces.lock().get(&id) {
            return Ok(space.clone());
        }
        let (space, is_new) = Space::load(&*self.store.snapshot()?, id, Epoch(self.entropy.random()))?;
        let mut spaces = self.spaces.lock();
        if let Some(space) = spaces.get(&id) {
            return Ok(space.clone());
        }
        if is_new {
            let mut batch = WriteBatch::new();
            space.record.save(id, &mut batch);
            self.store.commit(batch)?;
        }
        let space = Arc::new(Mutex::new(space));
        spaces.insert(id, space.clone());
        Ok(space)
    }

    /// Forgets what is in memory about spaces that nobody uses; they are read again when needed.
    pub fn release_idle(&self) {
        let persisted = self.store.persisted();
        self.spaces.lock().retain(|_, space| {
            let is_used = Arc::strong_count(space) > 1;
            is_used || space.try_lock().is_none_or(|mut space| space.synced(persisted) < space.head.seq)
        });
    }

    /// A consistent view of a space, with the last commit that it shows: an answer made from it may leave the server
    /// once the store's `persisted` reaches that.
    ///
    /// # Errors
    /// What the store gives.
    pub fn view(&self, space: SpaceId) -> Result<(View, CommitId)> {
        let space = self.space(space)?;
        let mut space = space.lock();
        self.ensure_indexes(&mut space)?;
        let catalog = *self.catalog_commit.lock();
        let last = space.unsynced.back().map_or(catalog, |(commit, _)| catalog.max(*commit));
        Ok((self.view_of(&space)?, last))
    }

    fn view_of(&self, space: &Space) -> Result<View> {
        Ok(View {
            snapshot: self.store.snapshot()?,
            catalog: self.catalog(),
            space: space.id,
            generation: GENERATION,
            base: Base { epoch: space.record.epoch, seq: space.head.seq },
            overlaid: false,
            version: ViewVersion(0),
            writes: CowMap::default(),
        })
    }

    /// Fills indexes that came with a newer catalog.
    fn ensure_indexes(&self, space: &mut Space) -> Result<()> {
        let version = self.catalog().version();
        if space.indexed == version {
            return Ok(());
        }
        let copy = Copy { space: space.id, generation: GENERATION };
        build_indexes(&self.view_of(space)?, copy, |batch| self.store.commit(batch).map(drop))?;
        space.indexed = version;
        Ok(())
    }

    /// The end of a space's log.
    ///
    /// # Errors
    /// What the store gives.
    pub fn position(&self, space: SpaceId) -> Result<Position> {
        Ok(self.space(space)?.lock().position())
    }

    /// The last transaction of a space that is durable and may leave the server.
    ///
    /// # Errors
    /// What the store gives.
    pub fn synced(&self, space: SpaceId) -> Result<Seq> {
        let persisted = self.store.persisted();
        Ok(self.space(space)?.lock().synced(persisted))
    }

    /// The newest commit that a space or the catalog rests on: what was read of them may leave the server once it is
    /// durable.
    ///
    /// # Errors
    /// What the store gives.
    pub fn last_commit(&self, space: SpaceId) -> Result<CommitId> {
        let catalog = *self.catalog_commit.lock();
        let space = self.space(space)?;
        let space = space.lock();
        Ok(space.unsynced.back().map_or(catalog, |(commit, _)| catalog.max(*commit)))
    }

    /// Durable log entries after `after`, in order, at most about `bytes_max` bytes of them but at least one.
    ///
    /// # Errors
    /// What the store gives; kind `corrupt` if an entry is damaged or missing.
    pub fn log_after(&self, space: SpaceId, after: Seq, bytes_max: usize) -> Result<Vec<LogEntry>> {
        let upto = self.synced(space)?;
        let snapshot = self.store.snapshot()?;
        let range = keys::log_range(space, after.next(), upto.next());
        let mut cursor = snapshot.scan(Partition::Log, range, Direction::Forward)?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let mut expected = after.next();
        while bytes < bytes_max && cursor.advance()? {
            let entry = LogEntry::decode(cursor.value())?;
            if entry.head.seq != expected {
                return Err(Error::corrupt("log_gap", format!("log entry {expected} of space {space} is missing")));
            }
            expected = expected.next();
            bytes += cursor.value().len();
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Removes log entries before `floor`; the last entry always stays, and so does what an offered snapshot needs.
    /// Returns the new floor.
    ///
    /// # Errors
    /// What the store gives.
    pub fn truncate_log(&self, space: SpaceId, floor: Seq) -> Result<Seq> {
        let space = self.space(space)?;
        let mut space = space.lock();
        let leased = space.snapshots.iter().map(|(_, offer)| offer.position.seq.next()).min();
        let floor = floor.min(space.head.seq).min(leased.unwrap_or(floor));
        if floor <= space.record.gc_floor {
            return Ok(space.record.gc_floor);
        }
        let mut batch = WriteBatch::new();
        batch.delete_range(Partition::Log, keys::log_range(space.id, Seq(0), floor));
        let mut record = space.record.clone();
        record.gc_floor = floor;
        record.save(space.id, &mut batch);
        self.store.commit(batch)?;
        space.record = record;
        Ok(floor)
    }

    /// The devices of a space.
    ///
    /// # Errors
    /// What the store gives.
    pub fn devices(&self, space: SpaceId) -> Result<Vec<(DeviceId, DeviceRecord)>> {
        let snapshot = self.store.snapshot()?;
        let mut cursor = snapshot.scan(Partition::Devices, keys::devices(space), Direction::Forward)?;
        let mut devices = Vec::new();
        while cursor.advance()? {
            if let Some(device) = keys::read_device(cursor.key())? {
                devices.push((device, DeviceRecord::read(cursor.value())?));
            }
        }
        Ok(devices)
    }

    /// Starts a new epoch of a space because transactions that had left the server are not in its log.
    fn new_epoch(&self, space: &mut Space) -> Result<()> {
        let mut record = space.record.clone();
        record.past.retain(|(epoch, _)| *epoch != record.epoch);
        record.past.push((space.record.epoch, space.head.seq));
        // A base of a forgotten epoch counts as having seen nothing.
        let excess = record.past.len().saturating_sub(EPOCHS_MAX);
        record.past.drain(..excess);
        record.epoch = Epoch(self.entropy.random());
        let mut batch = WriteBatch::new();
        record.save(space.id, &mut batch);
        self.store.commit(batch)?;
        space.record = record;
        Ok(())
    }
}

fn save_server(id: ServerId, next_space: u64, batch: &mut WriteBatch) {
    let mut out = Writer::new();
    out.u8(FORMAT);
    out.raw(&id.0);
    out.varint(next_space);
    batch.put(Partition::Meta, keys::server(), out.into_vec());
}

/// What a device that knows `since` must learn of the catalog.
pub(crate) fn news(catalog: &Catalog, since: CatalogVersion) -> crate::device::ServerCatalog {
    crate::device::ServerCatalog {
        version: catalog.version(),
        namespaces: catalog.namespaces().to_vec(),
        tables: catalog.changed_since(since).iter().map(|table| table.def().clone()).collect(),
    }
}
