//! A connection that the server has welcomed.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use kalamdb_core::catalog::Table;
use kalamdb_core::device::{Contact, Device, ServerCatalog};
use kalamdb_core::mutation::is_same_content;
use kalamdb_core::{CatalogVersion, Error, ErrorKind, MutationId, Now, Result, Seq, TableId};

use super::download::Incoming;
use super::{End, Output, SyncState, is_due, later};
use crate::config::{
    ACK_DELAY_MS, ACK_TRANSACTIONS, ANSWER_TIMEOUT_MS, CREDIT_BYTES, PING_INTERVAL_MIN_MS, PING_INTERVAL_MS, STABLE_MS,
    UPLOAD_BYTES_AHEAD,
};
use crate::wire::{ClientRecord, Packer, ServerRecord, WelcomeRecord, chunks};

pub(super) struct Live {
    welcome: WelcomeRecord,
    /// Whether definitions and binding are in place; nothing else is taken before.
    is_met: bool,
    catalog: ServerCatalog,
    /// Local tables that were declared on this connection, as they were then.
    declared: BTreeSet<(TableId, CatalogVersion)>,
    pub schema_error: Option<Error>,
    pub(super) incoming: Incoming,
    /// Whether this device needs a new id once it has caught up.
    pub is_forked: bool,
    /// Whether the copy has caught up once with what the server had.
    is_settled: bool,
    /// The last transaction that the server is known to have.
    pub(super) head: Seq,
    /// The last mutation that was sent.
    sent: MutationId,
    /// Mutations on their way, with their bytes.
    ahead: VecDeque<(MutationId, usize)>,
    ahead_bytes: usize,
    /// Bytes taken since credit was granted.
    taken: u64,
    acked: Seq,
    ack_due: Option<Now>,
    /// When the application is asked for a newer token again.
    pub ask_again: Option<Now>,
    /// The last probe that was sent on this connection, and the last that was answered.
    probed: u64,
    pub answered: u64,
    /// Since when the connection is welcome.
    since: Now,
    /// Whether the copy moved on this connection.
    pub has_progress: bool,
    /// A ping is sent after this long without a word.
    ping_ms: u64,
    heard: Now,
    said: Now,
}

impl Live {
    pub fn new(welcome: WelcomeRecord, now: Now) -> Live {
        Live {
            is_met: false,
            catalog: ServerCatalog::default(),
            declared: BTreeSet::new(),
            schema_error: None,
            incoming: Incoming::new(&welcome),
            is_forked: welcome.is_forked,
            is_settled: false,
            head: welcome.head.seq,
            sent: welcome.last,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            taken: 0,
            acked: Seq(0),
            ack_due: None,
            ask_again: None,
            probed: 0,
            answered: 0,
            since: now,
            has_progress: false,
            ping_ms: PING_INTERVAL_MS.min(welcome.keep_alive_ms / 2).max(PING_INTERVAL_MIN_MS),
            heard: now,
            said: now,
            welcome,
        }
    }

    /// Checks who answered, and goes on at once if no definitions are on their way.
    pub fn greet(&mut self, device: &Device, now: Now) -> Result<(), End> {
        device.check_binding(&self.contact()).map_err(End::Block)?;
        device.compare_clock(now, Now::from_millis(self.welcome.now_ms));
        for (id, hash) in &self.welcome.known {
            let is_other = device.outbox_entry(*id)?.is_some_and(|entry| !is_same_content(entry.hash, *hash));
            self.is_forked |= is_other;
        }
        let status = device.status()?;
        let known = status.binding.map_or(CatalogVersion(0), |binding| binding.catalog);
        if known == self.welcome.catalog {
            self.catalog.version = known;
            self.catalog.namespaces = device.catalog().namespaces().to_vec();
            self.meet(device)?;
        }
        Ok(())
    }

    fn contact(&self) -> Contact {
        let WelcomeRecord { server, space, number, ref user, .. } = self.welcome;
        Contact { server, user: user.clone(), space, number }
    }

    fn meet(&mut self, device: &Device) -> Result<(), End> {
        let news = std::mem::take(&mut self.catalog);
        self.settle(device, &news)?;
        if !self.is_met {
            device.adopt(self.welcome.head.epoch, self.welcome.answer)?;
        }
        self.is_met = true;
        Ok(())
    }

    /// Compares the local tables with the server's once more.
    fn compare(&mut self, device: &Device) -> Result<(), End> {
        let version = device.status()?.binding.map_or(CatalogVersion(0), |binding| binding.catalog);
        let namespaces = device.catalog().namespaces().to_vec();
        self.settle(device, &ServerCatalog { version, namespaces, tables: Vec::new() })
    }

    fn settle(&mut self, device: &Device, news: &ServerCatalog) -> Result<(), End> {
        let meeting = device.meet(&self.contact(), news).map_err(|error| match error.kind() {
            ErrorKind::Unauthorized => End::Block(error),
            _ => End::Retry(error),
        })?;
        if meeting.differs.is_some() || meeting.missing.is_empty() {
            self.schema_error = meeting.differs;
        }
        Ok(())
    }

    /// Where the connection stands.
    pub fn state(&self, device: &Device) -> SyncState {
        if let Some(snapshot) = self.incoming.snapshot() {
            return snapshot;
        }
        let is_behind = !self.is_met || self.is_forked || device.position().seq < self.head;
        if is_behind { SyncState::CatchingUp } else { SyncState::Live }
    }

    /// Takes a record; whether readers may see something new.
    pub fn record(
        &mut self,
        device: &Device,
        packer: &mut Packer,
        outputs: &mut VecDeque<Output>,
        record: ServerRecord,
        now: Now,
    ) -> Result<bool, End> {
        match record {
            ServerRecord::Welcome(_) => Err(unexpected("a second welcome")),
            ServerRecord::Catalog { part, is_last } => {
                self.catalog.version = part.version;
                self.catalog.namespaces = part.namespaces;
                self.catalog.tables.extend(part.tables);
                if is_last {
                    self.meet(device)?;
                }
                Ok(is_last)
            }
            ServerRecord::Clock { ahead_ms } => {
                device.compare_clock(now, Now(now.micros().saturating_sub(ahead_ms.saturating_mul(1000))));
                Ok(false)
            }
            ServerRecord::TokenExpiring { .. } => {
                outputs.push_back(Output::NeedToken);
                Ok(false)
            }
            ServerRecord::Pong(nonce) => {
                self.answered = self.answered.max(nonce);
                Ok(false)
            }
            ServerRecord::Error { error, .. } => {
                self.schema_error = Some(error);
                Ok(false)
            }
            ServerRecord::GoAway { .. } => Ok(false),
            data @ (ServerRecord::Begin { .. }
            | ServerRecord::More(_)
            | ServerRecord::End { .. }
            | ServerRecord::Offer(_)
            | ServerRecord::Block { .. }
            | ServerRecord::BlockMore(_)
            | ServerRecord::SnapshotEnd { .. }) => {
                if !self.is_met {
                    return Err(unexpected("data before the definitions they need"));
                }
                self.data(device, packer, data, now)
            }
        }
    }

    fn data(&mut self, device: &Device, packer: &mut Packer, record: ServerRecord, now: Now) -> Result<bool, End> {
        let Some(progress) = self.incoming.record(device, packer, record)? else { return Ok(false) };
        self.has_progress = true;
        self.head = self.head.max(progress.position.seq);
        self.is_forked |= progress.is_forked;
        let decided = |id: &MutationId| progress.decided.contains(id);
        self.ahead.retain(|(id, bytes)| {
            if decided(id) {
                self.ahead_bytes = self.ahead_bytes.saturating_sub(*bytes);
            }
            !decided(id)
        });
        self.ack_due.get_or_insert(later(now, ACK_DELAY_MS));
        Ok(true)
    }

    /// Notes that a message of this many bytes was taken.
    pub fn consumed(&mut self, bytes: usize, now: Now) {
        self.heard = now;
        self.taken += bytes as u64;
    }

    /// Notes that something was sent.
    pub fn said(&mut self, now: Now) {
        self.said = now;
    }

    /// Sends what may be sent.
    pub fn pump(&mut self, device: &Device, packer: &mut Packer, now: Now) -> Result<(), End> {
        if self.taken >= CREDIT_BYTES / 2 {
            packer.push(&ClientRecord::Credit(std::mem::take(&mut self.taken)));
        }
        if !self.is_met {
            return Ok(());
        }
        self.acknowledge(device, packer, now);
        let is_caught_up = self.incoming.is_idle() && device.position().seq >= self.head;
        if is_caught_up && !self.is_settled {
            self.is_settled = true;
            // What the server had decided by the Welcome came with its answers. What waits all the same was decided when
            // this copy had another id, and no answer will come.
            let first = device.first_pending()?;
            self.is_forked |= first.is_some_and(|first| first <= self.welcome.last);
        }
        if self.is_forked {
            if !is_caught_up {
                return Ok(());
            }
            let (last, known) = (self.welcome.last, std::mem::take(&mut self.welcome.known));
            return Err(End::Forked { last, known });
        }
        let mut local = device.local_tables();
        if local.iter().any(|table| !self.declared.contains(&(table.id, table.changed))) {
            // The server may have them by now, or as they are here by now.
            self.compare(device)?;
            local = device.local_tables();
        }
        if !local.is_empty() {
            // Mutations may name tables that the server has no number for: they wait until it has.
            self.declare(&local, packer);
            return Ok(());
        }
        self.schema_error = None;
        self.upload(device, packer)
    }

    fn declare(&mut self, tables: &[Arc<Table>], packer: &mut Packer) {
        for table in tables {
            if self.declared.insert((table.id, table.changed)) {
                packer.push(&ClientRecord::Declare(Box::new(table.def().clone())));
            }
        }
    }

    fn upload(&mut self, device: &Device, packer: &mut Packer) -> Result<(), End> {
        while self.ahead_bytes < UPLOAD_BYTES_AHEAD && device.persisted_entry() > self.sent {
            let entries = device.sendable(self.sent, UPLOAD_BYTES_AHEAD - self.ahead_bytes)?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                let (chunk, rest) = chunks(&entry.content);
                let total = entry.content.len();
                let chunk = chunk.to_vec();
                packer.push(&ClientRecord::Mutation { id: entry.id, hash: entry.hash, total: total as u64, chunk });
                for chunk in rest {
                    packer.push(&ClientRecord::MutationMore(chunk.to_vec()));
                }
                self.sent = entry.id;
                self.ahead.push_back((entry.id, total));
                self.ahead_bytes += total;
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, device: &Device, packer: &mut Packer, now: Now) {
        let held = device.persisted_position().seq;
        let is_due = self.ack_due.is_some_and(|due| is_due(due, now)) || held.0 >= self.acked.0 + ACK_TRANSACTIONS;
        if is_due && held > self.acked {
            packer.push(&ClientRecord::Ack(held));
            self.acked = held;
            self.ack_due = None;
        }
    }

    /// Asks the server for a sign behind everything that it has, unless this probe was sent already.
    pub fn probe(&mut self, packer: &mut Packer, probe: u64) {
        if self.is_met && self.probed < probe {
            packer.push(&ClientRecord::Ping(probe));
            self.probed = probe;
        }
    }

    /// Whether the connection did some good: a failure after it is a new one and not the next in a row.
    pub fn was_good(&self, now: Now) -> bool {
        self.has_progress || later(self.since, STABLE_MS) <= now
    }

    fn ping_due(&self) -> Now {
        later(self.said.min(self.heard), self.ping_ms).max(later(self.said, self.ping_ms / 2))
    }

    /// When the server is given up.
    fn silence_due(&self) -> Now {
        later(self.heard, self.ping_ms + ANSWER_TIMEOUT_MS)
    }

    /// When something is due.
    pub fn timeout(&self) -> Now {
        let first = self.ping_due().min(self.silence_due());
        [self.ack_due, self.ask_again].into_iter().flatten().fold(first, Now::min)
    }

    pub fn tick(&mut self, packer: &mut Packer, now: Now) -> Result<(), End> {
        if is_due(self.silence_due(), now) {
            return Err(End::Retry(Error::retry("no_answer", "the server does not answer any more")));
        }
        if is_due(self.ping_due(), now) {
            // The server answers the last ping only, so this one stands in for a probe that is on its way.
            packer.push(&ClientRecord::Ping(self.probed));
        }
        // An acknowledgement whose time came although nothing new is durable yet waits for the next commit.
        if self.ack_due.is_some_and(|due| is_due(due, now)) {
            self.ack_due = Some(later(now, ACK_DELAY_MS));
        }
        Ok(())
    }
}

pub(super) fn unexpected(what: &str) -> End {
    End::Retry(Error::corrupt("unexpected_record", format!("the server sent {what}")))
}
