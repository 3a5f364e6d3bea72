//! The books of a run: what was written, what the server decided, what devices held.

use std::collections::{BTreeMap, BTreeSet};

use kalamdb_core::codec::Writer;
use kalamdb_core::device::RequestId;
use kalamdb_core::hlc::CLOCK_AHEAD_MAX_MS;
use kalamdb_core::log::{LogEntry, Verdict};
use kalamdb_core::mutation::{Assignment, Mutation, Op, OpKind};
use kalamdb_core::server::Server;
use kalamdb_core::store::{Direction, Partition, Store};
use kalamdb_core::{ContentHash, DeviceId, Epoch, MutationId, Now, Position, Result, Seq, SpaceId, keys};

use crate::oracle::{Mark, Rows, Write};

/// A local write: the device's slot and its [`ticket`].
pub type WriteId = (usize, u64);

/// What stays the same of a write when its tables get the server's numbers or its device a new id, and differs from
/// every other write of the slot: a restored device may use a clock stamp again, but not for the same keys and values.
pub fn ticket(mutation: &Mutation) -> u64 {
    let mut out = Writer::new();
    out.varint(mutation.hlc.0);
    out.varint(mutation.base.seq.0);
    for op in &mutation.ops {
        out.bytes(&op.key);
        let (cells, patch) = match &op.kind {
            OpKind::Insert(cells) => (cells.as_slice(), [].as_slice()),
            OpKind::Upsert(cells, patch) => (cells.as_slice(), patch.as_slice()),
            OpKind::Update(patch) => ([].as_slice(), patch.as_slice()),
            OpKind::Delete => ([].as_slice(), [].as_slice()),
        };
        cells.iter().for_each(|(_, value)| value.write(&mut out));
        for (_, assignment) in patch {
            match assignment {
                Assignment::Set(value) => value.write(&mut out),
                Assignment::Add(delta) => out.zigzag(*delta),
            }
        }
    }
    let hash = ContentHash::of(out.as_slice()).0;
    u64::from_be_bytes(std::array::from_fn(|at| hash[at]))
}

/// The log of a space as the oracle follows it.
#[derive(Default)]
pub struct Ledger {
    pub epoch: Option<Epoch>,
    /// State behind each transaction, from 0.
    pub states: Vec<Rows>,
    /// Content of each transaction, from 1.
    pub hashes: Vec<(ContentHash, bool)>,
    /// The highest transaction that left the server.
    pub sent: u64,
    /// The highest clock of any transaction.
    pub highest_clock: u64,
}

/// What happened to a local write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Whether the device reported it as durable.
    pub is_persisted: bool,
    /// Whether it was lost by right: the device crashed before it was durable, or was restored to an older state.
    pub is_forgiven: bool,
}

/// The books.
#[derive(Default)]
pub struct Accounts {
    pub transactions: u64,
    pub refused_locally: u64,
    pub ledgers: BTreeMap<SpaceId, Ledger>,
    /// Contents that crossed the wire.
    pub contents: BTreeMap<[u8; 16], Vec<u8>>,
    /// Uploads in progress by connection.
    pub uploads: BTreeMap<u64, (MutationId, [u8; 16], Vec<u8>, u64)>,
    /// Operations of the server's own transactions by space and seq.
    pub server_ops: BTreeMap<(SpaceId, u64), (u64, Vec<Op>)>,
    /// The slot that has (had) a device id.
    pub owners: BTreeMap<DeviceId, usize>,
    pub fates: BTreeMap<WriteId, Fate>,
    /// The last mutation that left a device, by its id.
    pub sent: BTreeMap<DeviceId, MutationId>,
    /// Decided writes: refused or not, by (slot, clock).
    pub decided: BTreeMap<WriteId, bool>,
    /// Requests that were answered, with their transactions, by slot.
    pub requests: BTreeMap<usize, Vec<(RequestId, MutationId)>>,
    /// Positions that devices have reached and reported as durable.
    pub reached: BTreeMap<usize, (Position, Seq)>,
    /// The position that each device last showed, since it started.
    pub shown: BTreeMap<usize, Position>,
    pub spaces: BTreeSet<SpaceId>,
    pub is_traced: bool,
}

/// A violation: which guarantee, and what was found.
pub type Violation = String;

impl Accounts {
    /// Follows the log of `space` and compares each decision with the oracle's.
    pub fn follow(&mut self, server: &Server, store: &dyn Store, space: SpaceId, now: Now) -> Result<Vec<Violation>> {
        let snapshot = store.snapshot()?;
        let position = server.position(space)?;
        let ledger = self.ledgers.entry(space).or_default();
        if ledger.states.is_empty() {
            ledger.states.push(Rows::default());
        }
        let mut violations = Vec::new();
        match ledger.epoch {
            None => ledger.epoch = Some(position.epoch),
            Some(epoch) if epoch != position.epoch => {
                violations.push(format!("G2: space {space} began a new epoch although nothing was lost"));
                ledger.epoch = Some(position.epoch);
            }
            Some(_) => {}
        }
        let from = Seq(ledger.states.len() as u64);
        let mut entries = Vec::new();
        let mut cursor = snapshot.scan(Partition::Log, keys::log_from(space, from), Direction::Forward)?;
        while cursor.advance()? {
            entries.push(LogEntry::decode(cursor.value())?);
        }
        for entry in entries {
            self.enter(server, space, &entry, now, &mut violations)?;
        }
        Ok(violations)
    }

    fn enter(
        &mut self,
        server: &Server,
        space: SpaceId,
        entry: &LogEntry,
        now: Now,
        violations: &mut Vec<Violation>,
    ) -> Result<()> {
        let seq = entry.head.seq.0;
        let from_server = self.server_ops.get(&(space, seq));
        let is_own = entry.author == DeviceId::SERVER;
        let (seen, ops, stamp, ticket) = match (is_own, from_server) {
            (true, Some((seen, ops))) => (*seen, ops.clone(), entry.head.hlc.0, 0),
            (true, None) => {
                violations.push(format!("G5: transaction {seq} of space {space} has no author"));
                return Ok(());
            }
            (false, _) => match self.contents.get(&entry.result.hash.0) {
                Some(content) => {
                    let mutation = Mutation::decode_content(entry.result.id, content)?;
                    let ledger = self.ledgers.get(&space);
                    let same = ledger.and_then(|ledger| ledger.epoch) == Some(mutation.base.epoch);
                    let ticket = ticket(&mutation);
                    (if same { mutation.base.seq.0 } else { 0 }, mutation.ops, mutation.hlc.0, ticket)
                }
                None => {
                    violations.push(format!("G5: transaction {seq} of space {space} was never sent"));
                    return Ok(());
                }
            },
        };
        let is_ahead = (stamp >> 16) as i64 - now.micros() / 1000 > CLOCK_AHEAD_MAX_MS as i64;
        let highest = self.ledgers.get(&space).map_or(0, |ledger| ledger.highest_clock);
        let most = (now.millis() << 16).max(highest + 1);
        let is_right = if is_ahead { entry.head.hlc.0 <= most } else { entry.head.hlc.0 == stamp };
        if !is_right && !is_own {
            violations.push(format!("clock: stamp {stamp} was taken as {} at {}", entry.head.hlc.0, now.millis()));
        }
        let Some(ledger) = self.ledgers.get_mut(&space) else { return Ok(()) };
        if ledger.states.len() as u64 != seq {
            violations.push(format!("log of space {space} jumps from {} to {seq}", ledger.states.len() - 1));
            return Ok(());
        }
        if self.is_traced {
            println!(
                "          log {space}/{seq} by {:?} stamp {stamp} seen {seen} refused {} {ops:?}",
                self.owners.get(&entry.author),
                entry.head.refused
            );
        }
        let mark = Mark { seq, clock: entry.head.hlc.0, device: entry.head.device.0 };
        let write = Write { seen, mark, ops: &ops };
        let before = ledger.states.last().cloned().unwrap_or_default();
        let (after, verdict) = before.after(&server.catalog(), &write);
        if let Some(difference) = disagreement(&entry.result.verdict, &verdict) {
            violations.push(format!("rule: transaction {seq} of space {space}: {difference}"));
        }
        ledger.states.push(after);
        ledger.highest_clock = ledger.highest_clock.max(entry.head.hlc.0);
        ledger.hashes.push((entry.result.hash, entry.head.refused));
        if !is_own && let Some(owner) = self.owners.get(&entry.author) {
            let id = (*owner, ticket);
            if self.decided.insert(id, entry.head.refused).is_some() {
                violations
                    .push(format!("G5: write {id:?} took effect twice, the second time as {seq} of space {space}"));
            }
        }
        Ok(())
    }

    /// The server came back with its log ending at `head`: what it had sent must be there.
    pub fn server_came_back(&mut self, space: SpaceId, head: u64) -> Vec<Violation> {
        let Some(ledger) = self.ledgers.get_mut(&space) else { return Vec::new() };
        let mut violations = Vec::new();
        if head < ledger.sent {
            violations
                .push(format!("G4: transaction {} of space {space} was sent and is gone after a crash", ledger.sent));
        }
        if ledger.sent == 0 {
            ledger.epoch = None;
        }
        let gone = ledger.states.len() as u64 > head + 1;
        ledger.states.truncate(head as usize + 1);
        let hashes = ledger.hashes.split_off((head as usize).min(ledger.hashes.len()));
        if gone {
            let contents = &self.contents;
            let owners: BTreeSet<usize> = self.owners.values().copied().collect();
            for (hash, _) in hashes {
                let Some(mutation) =
                    contents.get(&hash.0).and_then(|c| Mutation::decode_content(MutationId(0), c).ok())
                else {
                    continue;
                };
                for owner in &owners {
                    self.decided.remove(&(*owner, ticket(&mutation)));
                }
            }
        }
        violations
    }

    /// The oracle's state of a space behind a transaction.
    pub fn state_at(&self, space: SpaceId, seq: Seq) -> Option<&Rows> {
        self.ledgers.get(&space)?.states.get(seq.0 as usize)
    }
}

fn disagreement(found: &Verdict, wanted: &crate::oracle::Verdict) -> Option<String> {
    match (found, wanted) {
        (Verdict::Applied { lost_count, .. }, Ok(lost)) if lost_count == lost => None,
        (Verdict::Refused(error), Err(code)) if error.code() == *code => None,
        (found, wanted) => Some(format!("decided {found:?}, expected {wanted:?}")),
    }
}
