//! The simulated world: one server, devices, connections, a virtual clock and a queue of events.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use kalamdb_core::device::Device;
use kalamdb_core::server::Server;
use kalamdb_core::store::{FaultyStore, Image, Store};
use kalamdb_core::{DeviceId, Entropy, Now, Result, SpaceId};
use kalamdb_sync::client::ClientSession;
use kalamdb_sync::server::ServerSession;

use crate::accounts::Accounts;
use crate::follower::Follower;
use crate::rng::Dice;
use crate::schema;

/// Virtual start: 2026-01-01, ms.
pub const START_MS: i64 = 1_767_225_600_000;
/// How long faults and work go on.
pub const BUSY_MS: i64 = 120_000;
/// How long everything may take to settle afterwards.
pub const SETTLE_MS: i64 = 600_000;

/// What goes wrong in a run, counted by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    Disconnect,
    Delay,
    ServerCrash,
    DeviceCrash,
    /// A device crashes after it sent something and before its next write is durable.
    CrashBehindSent,
    ClockJump,
    LogTruncation,
    Offline,
    Restore,
    Repeat,
}

/// Something that will happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    Work(usize),
    ServerWork,
    PersistServer,
    PersistDevice(usize),
    ServerTimer(u64),
    DeviceTimer(usize),
    Token(usize),
    Opened(usize, u64),
    ToServer(u64, Vec<u8>),
    ToDevice(u64, Vec<u8>),
    ServerSideClosed(u64),
    DeviceSideClosed(u64),
    Fault,
    Cut(u64),
    CrashWriting(usize),
    TruncateFor(usize),
    ServerRestart,
    DeviceRestart(usize),
    ClockBack(Option<usize>),
    Online(usize),
    LatencyBack(u64),
}

/// The server while it runs.
pub struct RunningServer {
    pub store: Arc<FaultyStore>,
    pub core: Arc<Server>,
    pub sessions: BTreeMap<u64, ServerSession>,
    pub registry: BTreeMap<(SpaceId, DeviceId), u64>,
}

/// A device while it runs.
pub struct RunningDevice {
    pub store: Arc<FaultyStore>,
    pub core: Arc<Device>,
    pub session: ClientSession,
    pub follower: Option<Follower>,
}

/// A device over all its restarts.
pub struct DeviceSlot {
    pub user: usize,
    pub running: Option<RunningDevice>,
    pub connection: Option<u64>,
    pub offset_ms: i64,
    pub wants_online: bool,
    /// Durable states to which a person may restore the device.
    pub backups: Vec<Image>,
    /// What is on its disk while it is down.
    pub disk: Image,
    pub persist_planned: bool,
}

/// A connection.
pub struct Link {
    pub device: usize,
    pub latency_ms: i64,
    /// When the last message of each direction arrives: later ones come later.
    pub last_up: i64,
    pub last_down: i64,
    pub server_open: bool,
    pub device_open: bool,
    /// It is cut when the device's next mutation has arrived, before the answer is back.
    pub is_doomed: bool,
}

/// Everything.
pub struct World {
    pub dice: Dice,
    pub now_ms: i64,
    pub end_ms: i64,
    queue: BinaryHeap<Reverse<(i64, u64, Event)>>,
    ticket: u64,
    pub server: Option<RunningServer>,
    pub server_disk: Image,
    pub server_offset_ms: i64,
    pub server_persist_planned: bool,
    pub devices: Vec<DeviceSlot>,
    pub links: BTreeMap<u64, Link>,
    pub next_link: u64,
    pub users: usize,
    pub accounts: Accounts,
    pub faults: BTreeMap<FaultKind, u64>,
    /// Devices that were restored from a backup: their lists of rejected writes may have gone with it.
    pub restored: BTreeSet<usize>,
    pub trace: bool,
}

impl World {
    /// A world of a seed, before anything happened.
    pub fn new(seed: u64, trace: bool) -> Result<World> {
        let dice = Dice::new(seed);
        let users = 1 + dice.below(4) as usize;
        let count = 2 + dice.below(7) as usize;
        let mut world = World {
            dice: dice.clone(),
            now_ms: START_MS,
            end_ms: START_MS + BUSY_MS,
            queue: BinaryHeap::new(),
            ticket: 0,
            server: None,
            server_disk: Image::default(),
            server_offset_ms: 0,
            server_persist_planned: false,
            devices: Vec::new(),
            links: BTreeMap::new(),
            next_link: 1,
            users,
            accounts: Accounts { is_traced: trace, ..Accounts::default() },
            faults: BTreeMap::new(),
            restored: BTreeSet::new(),
            trace,
        };
        world.start_server()?;
        if let Some(server) = &world.server {
            server.core.change_catalog(schema::declare)?;
            server.store.flush()?;
        }
        for at in 0..count {
            let user = if at < 2 { 0 } else { dice.below(users as u64) as usize };
            world.devices.push(DeviceSlot {
                user,
                running: None,
                connection: None,
                offset_ms: 0,
                wants_online: true,
                backups: Vec::new(),
                disk: Image::default(),
                persist_planned: false,
            });
            world.start_device(at)?;
            world.declare_locally(at)?;
            let first_work = dice.below(500) as i64;
            world.plan(first_work, Event::Work(at));
            let first_contact = dice.below(3_000) as i64;
            world.plan(first_contact, Event::Online(at));
        }
        world.plan(1_000, Event::ServerWork);
        world.plan(500, Event::Fault);
        Ok(world)
    }

    /// Some devices declare their tables before they meet the server.
    fn declare_locally(&mut self, at: usize) -> Result<()> {
        if self.dice.percent(50)
            && let Some(running) = self.devices.get(at).and_then(|slot| slot.running.as_ref())
        {
            running.core.change_catalog(schema::declare)?;
        }
        Ok(())
    }

    /// Plans an event.
    pub fn plan(&mut self, in_ms: i64, event: Event) {
        self.ticket += 1;
        self.queue.push(Reverse((self.now_ms + in_ms.max(0), self.ticket, event)));
    }

    /// The next event; time moves to it.
    pub fn next(&mut self) -> Option<Event> {
        let Reverse((at, _, event)) = self.queue.pop()?;
        self.now_ms = self.now_ms.max(at);
        Some(event)
    }

    /// Whether work and faults are over.
    pub fn is_settling(&self) -> bool {
        self.now_ms >= self.end_ms
    }

    /// The server's clock.
    pub fn server_now(&self) -> Now {
        Now((self.now_ms + self.server_offset_ms) * 1000)
    }

    /// A device's clock.
    pub fn device_now(&self, at: usize) -> Now {
        let offset = self.devices.get(at).map_or(0, |slot| slot.offset_ms);
        Now((self.now_ms + offset) * 1000)
    }

    /// Starts the server on its disk.
    pub fn start_server(&mut self) -> Result<()> {
        let store = Arc::new(FaultyStore::new(self.server_disk.clone(), None));
        let entropy: Arc<dyn Entropy> = Arc::new(self.dice.clone());
        let core = Arc::new(Server::open(store.clone(), entropy)?);
        self.server = Some(RunningServer { store, core, sessions: BTreeMap::new(), registry: BTreeMap::new() });
        Ok(())
    }

    /// Starts a device on its disk.
    pub fn start_device(&mut self, at: usize) -> Result<()> {
        let entropy: Arc<dyn Entropy> = Arc::new(self.dice.clone());
        let Some(slot) = self.devices.get_mut(at) else { return Ok(()) };
        let store = Arc::new(FaultyStore::new(slot.disk.clone(), None));
        let core = Arc::new(Device::open(store.clone(), entropy.clone())?);
        let session = ClientSession::new(core.clone(), entropy);
        slot.running = Some(RunningDevice { store, core, session, follower: None });
        slot.connection = None;
        slot.persist_planned = false;
        Ok(())
    }

    /// Ends what may still be wrong once the busy time is over: clocks, offline devices, slow links.
    pub fn calm(&mut self) {
        self.server_offset_ms = 0;
        for link in self.links.values_mut() {
            link.latency_ms = link.latency_ms.min(30);
        }
        for at in 0..self.devices.len() {
            let Some(slot) = self.devices.get_mut(at) else { continue };
            slot.offset_ms = 0;
            if !slot.wants_online {
                self.plan(0, Event::Online(at));
            }
        }
    }

    /// Says where everything stands.
    pub fn show_stall(&self) {
        for (at, slot) in self.devices.iter().enumerate() {
            let Some(running) = &slot.running else {
                println!("device {at}: down");
                continue;
            };
            println!("device {at} of user {}: {:?} {:?}", slot.user, running.session.status(), running.core.status());
        }
        if let Some(server) = &self.server {
            for space in &self.accounts.spaces {
                println!("space {space}: {:?}", server.core.position(*space));
            }
        } else {
            println!("server: down");
        }
    }

    /// Counts a fault.
    pub fn count(&mut self, kind: FaultKind) {
        *self.faults.entry(kind).or_insert(0) += 1;
    }

    /// Tells what happens, if somebody wants to know.
    pub fn say(&self, text: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>9} {}", self.now_ms - START_MS, text());
        }
    }
}
