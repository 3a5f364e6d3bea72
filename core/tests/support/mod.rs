//! A server and devices without a network between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kalamdb_core::device::{Contact, Device, ServerTransaction};
use kalamdb_core::log::MutationResult;
use kalamdb_core::server::{Greeting, Server};
use kalamdb_core::store::MemoryStore;
use kalamdb_core::transaction::Transaction;
use kalamdb_core::{DeviceNumber, Entropy, MutationId, Now, Position, Result, Seq, SpaceId, UserId};

/// Random bits that differ and repeat from run to run.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Counting {
    /// Others than those of a smaller number, for the next billion.
    pub fn from(number: u64) -> Counting {
        Counting(AtomicU64::new(number << 30))
    }
}

impl Entropy for Counting {
    fn random(&self) -> [u8; 16] {
        let number = u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1);
        (number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes()
    }
}

/// A device that has met the server.
pub struct Peer {
    pub device: Device,
    pub number: DeviceNumber,
    sent: MutationId,
}

/// One server and one space.
pub struct Pair {
    pub server: Server,
    pub space: SpaceId,
    entropy: Arc<Counting>,
}

pub fn at(millis: u64) -> Now {
    Now::from_millis(1_767_225_600_000 + millis)
}

impl Pair {
    pub fn new() -> Result<Pair> {
        let entropy = Arc::new(Counting::default());
        let server = Server::open(Arc::new(MemoryStore::new()), entropy.clone())?;
        let space = server.space_of(&UserId::new("ada")?, at(0))?;
        Ok(Pair { server, space, entropy })
    }

    /// A new device, greeted and at the end of the log.
    pub fn peer(&self) -> Result<Peer> {
        let device = Device::open(Arc::new(MemoryStore::new()), self.entropy.clone())?;
        let status = device.status()?;
        let greeting = Greeting {
            device: status.device,
            position: Position::default(),
            last: MutationId(0),
            first_pending: MutationId(1),
        };
        let welcome = self.server.greet(self.space, &greeting, at(0))?;
        let user = UserId::new("ada")?;
        let contact = Contact { server: self.server.id(), user, space: self.space, number: welcome.number };
        device.meet(&contact, &self.server.catalog_news(Default::default()))?;
        device.adopt(welcome.head.epoch, welcome.answer)?;
        let mut peer = Peer { device, number: welcome.number, sent: MutationId(0) };
        self.download(&mut peer)?;
        Ok(peer)
    }

    /// Tells a device of the definitions that it does not have.
    pub fn learn(&self, peer: &Peer) -> Result<()> {
        let binding = peer.device.status()?.binding.expect("it has met the server");
        let contact =
            Contact { server: self.server.id(), user: UserId::new("ada")?, space: self.space, number: peer.number };
        peer.device.meet(&contact, &self.server.catalog_news(binding.catalog)).map(drop)
    }

    /// Sends what waits; the answers of the server.
    pub fn upload(&self, peer: &mut Peer, now: Now) -> Result<Vec<MutationResult>> {
        let id = peer.device.status()?.device;
        let mut results = Vec::new();
        for entry in peer.device.sendable(peer.sent, usize::MAX)? {
            results.push(self.server.execute(self.space, id, entry.id, &entry.content, now)?.result);
            peer.sent = entry.id;
        }
        Ok(results)
    }

    /// Applies the rest of the log.
    pub fn download(&self, peer: &mut Peer) -> Result<()> {
        let id = peer.device.status()?.device;
        let position = peer.device.status()?.position;
        for entry in self.server.log_after(self.space, position.seq, usize::MAX)? {
            let results = if entry.author == id { vec![entry.result.clone()] } else { Vec::new() };
            peer.device.apply(&ServerTransaction {
                from: Seq(entry.head.seq.0 - 1),
                head: entry.head_bytes(),
                changes: entry.changes.clone(),
                chain: entry.chain,
                results,
            })?;
        }
        Ok(())
    }
}

impl Peer {
    /// One local transaction at `now`.
    pub fn write(&self, now: Now, work: impl FnOnce(&mut Transaction) -> Result<()>) -> Result<()> {
        let mut tx = self.device.begin(now)?;
        work(&mut tx)?;
        self.device.commit(tx, now).map(drop)
    }
}
