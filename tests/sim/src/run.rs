//! Carrying out events.

use kalamdb_core::device::RequestId;
use kalamdb_core::mutation::Mutation;
use kalamdb_core::server::{Server, TidyLimits};
use kalamdb_core::store::{Store, WriteBatch};
use kalamdb_core::{Entropy, MutationId, Position, Result, SpaceId, UserId};
use kalamdb_sync::client::{Input as DeviceInput, Output as DeviceOutput};
use kalamdb_sync::config::TIMER_MAX_MS;
use kalamdb_sync::server::{Identity, Input as ServerInput, Output as ServerOutput, ServerSession};
use kalamdb_sync::wire::{ClientRecord, MESSAGE_BYTES_MAX, ServerRecord, read_message};

use crate::accounts::{Fate, Violation, ticket};
use crate::reader::tombstones;
use crate::workload;
use crate::world::{Event, FaultKind, Link, World};

/// Far away: tokens never end in a run.
const TOKEN_END_MS: u64 = 32_503_680_000_000;

impl World {
    /// Carries out one event.
    ///
    /// # Errors
    /// What core gives where a run expects no error.
    pub fn carry_out(&mut self, event: Event) -> Result<Vec<Violation>> {
        match event {
            Event::Work(at) => self.work(at),
            Event::ServerWork => self.server_work(),
            Event::PersistServer => self.persist_server(),
            Event::PersistDevice(at) => self.persist_device(at),
            Event::ServerTimer(link) => self.feed_session(link, ServerInput::Tick),
            Event::DeviceTimer(at) => self.feed_device(at, DeviceInput::Tick),
            Event::Token(at) => {
                let token = self.devices.get(at).map_or_else(String::new, |slot| format!("user-{}", slot.user));
                self.feed_device(at, DeviceInput::Token(Ok(token)))
            }
            Event::Opened(at, link) => self.opened(at, link),
            Event::ToServer(link, message) => self.deliver_up(link, message),
            Event::ToDevice(link, message) => self.deliver_down(link, message),
            Event::ServerSideClosed(link) => {
                if let Some(server) = &mut self.server {
                    server.sessions.remove(&link);
                    server.registry.retain(|_, known| *known != link);
                }
                Ok(Vec::new())
            }
            Event::DeviceSideClosed(link) => self.lose_link(link, "closed"),
            Event::Fault => self.fault(),
            Event::Cut(link) => self.cut_link(link),
            Event::CrashWriting(at) => self.crash_writing(at),
            Event::TruncateFor(at) => self.truncate_for(at),
            Event::ServerRestart => self.restart_server(),
            Event::DeviceRestart(at) => self.restart_device(at),
            Event::ClockBack(None) => {
                self.server_offset_ms = 0;
                Ok(Vec::new())
            }
            Event::ClockBack(Some(at)) => {
                if let Some(slot) = self.devices.get_mut(at) {
                    slot.offset_ms = 0;
                }
                self.feed_device(at, DeviceInput::Tick)
            }
            Event::Online(at) => {
                if let Some(slot) = self.devices.get_mut(at) {
                    slot.wants_online = true;
                }
                self.feed_device(at, DeviceInput::Start)
            }
            Event::LatencyBack(link) => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.latency_ms = 5;
                }
                Ok(Vec::new())
            }
        }
    }

    /// A random local transaction.
    fn work(&mut self, at: usize) -> Result<Vec<Violation>> {
        if self.is_settling() {
            return Ok(Vec::new());
        }
        let pause = 300 + self.dice.below(4_000) as i64;
        self.plan(pause, Event::Work(at));
        self.write_on(at)
    }

    /// Some transactions of a device.
    pub fn write_on(&mut self, at: usize) -> Result<Vec<Violation>> {
        let now = self.device_now(at);
        let dice = self.dice.clone();
        let Some(running) = self.devices.get(at).and_then(|slot| slot.running.as_ref()) else { return Ok(Vec::new()) };
        let core = running.core.clone();
        if core.catalog().tables().next().is_none() {
            return Ok(Vec::new());
        }
        // Bursts, so that queues form.
        for _ in 0..=dice.below(3) {
            let mut tx = core.begin(now)?;
            self.accounts.refused_locally += workload::fill(&mut tx, &dice)?;
            let wanted = crate::reader::read_all(tx.view())?;
            let request = RequestId { id: dice.random(), statement: 0 };
            tx.answer(request, tx.ops().len() as u64);
            let committed = core.commit(tx, now)?;
            if let Some(id) = committed.mutation {
                self.note_request(at, request, id);
                if dice.percent(20) {
                    let mut again = core.begin(now)?;
                    workload::fill(&mut again, &dice)?;
                    again.answer(request, 0);
                    let again = core.commit(again, now)?;
                    if again.mutation != Some(id) {
                        return Ok(vec![format!(
                            "device {at} carried out a request twice, as {id} and {:?}",
                            again.mutation
                        )]);
                    }
                }
            }
            let found = crate::reader::read_all(&core.view()?)?;
            if let Some(difference) = crate::reader::difference(&found, &wanted) {
                return Ok(vec![format!("G1: device {at} does not read its own write: {difference}")]);
            }
            if let Some(id) = committed.mutation
                && let Some(entry) = core.outbox_entry(id)?
            {
                self.accounts.transactions += 1;
                let ticket = ticket(&entry.mutation()?);
                self.accounts.fates.insert((at, ticket), Fate::default());
                self.say(|| format!("device {at} writes {id}, ticket {ticket}"));
            }
        }
        self.plan_persist_device(at);
        let mut violations = self.check_follower(at)?;
        violations.extend(self.feed_device(at, DeviceInput::Wake)?);
        Ok(violations)
    }

    /// A random transaction of the server itself, as over HTTP.
    fn server_work(&mut self) -> Result<Vec<Violation>> {
        if self.is_settling() {
            return Ok(Vec::new());
        }
        let pause = 2_000 + self.dice.below(6_000) as i64;
        self.plan(pause, Event::ServerWork);
        let now = self.server_now();
        let user = self.dice.below(self.users as u64) as usize;
        let dice = self.dice.clone();
        let Some(server) = &self.server else { return Ok(Vec::new()) };
        let core = server.core.clone();
        let space = core.space_of(&UserId::new(format!("user-{user}"))?, now)?;
        self.accounts.spaces.insert(space);
        if dice.percent(20) {
            return self.purge(&core, space);
        }
        let mut tx = core.begin(space, now)?;
        workload::fill(&mut tx, &dice)?;
        let (seen, ops) = (tx.view().base().seq.0, tx.ops().to_vec());
        if !ops.is_empty() {
            let written = core.commit(space, tx, now, WriteBatch::new())?;
            self.accounts.transactions += 1;
            self.accounts.server_ops.insert((space, written.seq.0), (seen, ops));
        }
        self.after_server()
    }

    /// The server removes some tombstones for good, as retention does, or tidies up: nobody sees a difference.
    fn purge(&mut self, core: &Server, space: SpaceId) -> Result<Vec<Violation>> {
        let now = self.server_now();
        if self.dice.percent(30) {
            let tidied =
                core.tidy(space, now, TidyLimits { log_entries_kept: self.dice.below(30), tombstones_max: 100 })?;
            if tidied.log_entries > 0 {
                self.count(FaultKind::LogTruncation);
            }
            return self.after_server();
        }
        let (view, _) = core.view(space)?;
        let mut gone = tombstones(&view)?;
        gone.retain(|_| self.dice.percent(50));
        let seq = core.position(space)?.seq.next();
        if core.purge(space, &gone, now)?.is_some() {
            self.accounts.transactions += 1;
            self.accounts.server_ops.insert((space, seq.0), (0, Vec::new()));
        }
        self.after_server()
    }

    pub fn plan_persist_device(&mut self, at: usize) {
        let delay = self.dice.below(40) as i64;
        let Some(slot) = self.devices.get_mut(at) else { return };
        let waits = slot.running.as_ref().is_some_and(|running| running.store.waiting() > 0);
        if waits && !slot.persist_planned {
            slot.persist_planned = true;
            self.plan(delay, Event::PersistDevice(at));
        }
    }

    fn persist_device(&mut self, at: usize) -> Result<Vec<Violation>> {
        let Some(slot) = self.devices.get_mut(at) else { return Ok(Vec::new()) };
        slot.persist_planned = false;
        let Some(running) = &slot.running else { return Ok(Vec::new()) };
        running.store.persist(running.store.waiting());
        let mut violations = self.note_persisted(at)?;
        violations.extend(self.feed_device(at, DeviceInput::Wake)?);
        Ok(violations)
    }

    /// Notes what a device holds durably from now on.
    pub fn note_persisted(&mut self, at: usize) -> Result<Vec<Violation>> {
        let Some(running) = self.devices.get(at).and_then(|slot| slot.running.as_ref()) else { return Ok(Vec::new()) };
        let last = running.core.persisted_entry();
        let position = running.core.persisted_position();
        for entry in running.core.sendable(MutationId(0), usize::MAX)? {
            let ticket = ticket(&entry.mutation()?);
            if entry.id <= last
                && let Some(fate) = self.accounts.fates.get_mut(&(at, ticket))
            {
                fate.is_persisted = true;
            }
        }
        let earlier = self.accounts.reached.insert(at, (position, position.seq));
        Ok(fallen_back(at, "durable", earlier.map(|(earlier, _)| earlier), position))
    }

    fn persist_server(&mut self) -> Result<Vec<Violation>> {
        self.server_persist_planned = false;
        let Some(server) = &self.server else { return Ok(Vec::new()) };
        server.store.persist(server.store.waiting());
        self.wake_sessions()
    }

    pub fn wake_sessions(&mut self) -> Result<Vec<Violation>> {
        let links: Vec<u64> = self.server.iter().flat_map(|server| server.sessions.keys().copied()).collect();
        let mut violations = Vec::new();
        for link in links {
            violations.extend(self.feed_session(link, ServerInput::Wake)?);
        }
        Ok(violations)
    }

    fn opened(&mut self, at: usize, link: u64) -> Result<Vec<Violation>> {
        let now = self.server_now();
        let is_current = self.devices.get(at).is_some_and(|slot| slot.connection == Some(link));
        if let Some(server) = &mut self.server
            && is_current
        {
            server.sessions.insert(link, ServerSession::new(server.core.clone(), now));
            return self.feed_device(at, DeviceInput::Opened);
        }
        self.lose_link(link, "refused")
    }

    /// Feeds a device's session and carries out what it wants.
    pub fn feed_device(&mut self, at: usize, input: DeviceInput) -> Result<Vec<Violation>> {
        let now = self.device_now(at);
        let mut changed = false;
        {
            let Some(running) = self.devices.get_mut(at).and_then(|slot| slot.running.as_mut()) else {
                return Ok(Vec::new());
            };
            running.session.handle(input, now);
            self.accounts.owners.insert(running.core.status()?.device, at);
        }
        loop {
            let running = self.devices.get_mut(at).and_then(|slot| slot.running.as_mut());
            let Some(output) = running.and_then(|running| running.session.poll_output()) else { break };
            match output {
                DeviceOutput::NeedToken => self.plan(1, Event::Token(at)),
                DeviceOutput::Connect => self.connect(at),
                DeviceOutput::Send(message) => self.send_up(at, message)?,
                DeviceOutput::Disconnect => self.hang_up(at),
                DeviceOutput::Changed => changed = true,
            }
        }
        self.plan_persist_device(at);
        let timeout = self.devices.get(at).and_then(|slot| slot.running.as_ref()?.session.poll_timeout());
        if let Some(timeout) = timeout {
            let wait = (timeout.micros() - now.micros()) / 1000;
            self.plan(wait.clamp(1, TIMER_MAX_MS as i64), Event::DeviceTimer(at));
        }
        if changed
            && self.trace
            && let Some(running) = self.devices.get(at).and_then(|slot| slot.running.as_ref())
        {
            let status = running.core.status()?;
            println!(
                "          device {at} {} at {} pending {} last {}",
                status.device, status.position.seq, status.pending, status.last_mutation
            );
        }
        if changed { self.check_device(at) } else { Ok(Vec::new()) }
    }

    fn connect(&mut self, at: usize) {
        let link = self.next_link;
        self.next_link += 1;
        let latency_ms = 1 + self.dice.below(30) as i64;
        let opened = Link {
            device: at,
            latency_ms,
            last_up: 0,
            last_down: 0,
            server_open: true,
            device_open: true,
            is_doomed: false,
        };
        self.links.insert(link, opened);
        if let Some(slot) = self.devices.get_mut(at) {
            slot.connection = Some(link);
        }
        self.plan(latency_ms, Event::Opened(at, link));
    }

    fn send_up(&mut self, at: usize, message: Vec<u8>) -> Result<()> {
        if let Some(running) = self.devices.get(at).and_then(|slot| slot.running.as_ref()) {
            let sent = self.accounts.sent.entry(running.core.status()?.device).or_default();
            for record in read_message::<ClientRecord>(&message, MESSAGE_BYTES_MAX)?.0 {
                if let ClientRecord::Mutation { id, .. } = record {
                    *sent = id.max(*sent);
                }
            }
        }
        let Some(link_id) = self.devices.get(at).and_then(|slot| slot.connection) else { return Ok(()) };
        let now = self.now_ms;
        let Some(link) = self.links.get_mut(&link_id) else { return Ok(()) };
        link.last_up = link.last_up.max(now + link.latency_ms);
        let wait = link.last_up - now;
        self.plan(wait, Event::ToServer(link_id, message));
        Ok(())
    }

    /// The device closes: what it sent still arrives.
    fn hang_up(&mut self, at: usize) {
        let Some(link_id) = self.devices.get_mut(at).and_then(|slot| slot.connection.take()) else { return };
        let now = self.now_ms;
        let Some(link) = self.links.get_mut(&link_id) else { return };
        link.device_open = false;
        let wait = (link.last_up - now).max(0) + 1;
        self.plan(wait, Event::ServerSideClosed(link_id));
    }

    fn deliver_up(&mut self, link: u64, message: Vec<u8>) -> Result<Vec<Violation>> {
        if !self.links.get(&link).is_some_and(|link| link.server_open) {
            return Ok(Vec::new());
        }
        self.overhear(link, &message)?;
        self.plan_upload_fault(link, &message)?;
        let mut violations = self.feed_session(link, ServerInput::Message(message))?;
        violations.extend(self.after_server()?);
        Ok(violations)
    }

    /// Keeps the contents of mutations, for the oracle.
    fn overhear(&mut self, link: u64, message: &[u8]) -> Result<()> {
        let (records, _) = read_message::<ClientRecord>(message, MESSAGE_BYTES_MAX)?;
        let books = &mut self.accounts;
        for record in records {
            let (upload, chunk) = match record {
                ClientRecord::Mutation { id, hash, total, chunk } => {
                    (books.uploads.entry(link).insert_entry((id, hash.0, Vec::new(), total)).into_mut(), chunk)
                }
                ClientRecord::MutationMore(chunk) => match books.uploads.get_mut(&link) {
                    Some(upload) => (upload, chunk),
                    None => continue,
                },
                _ => continue,
            };
            upload.2.extend(chunk);
            if upload.2.len() as u64 == upload.3 {
                let content = std::mem::take(&mut upload.2);
                Mutation::decode_content(upload.0, &content)?;
                books.contents.insert(upload.1, content);
            }
        }
        Ok(())
    }

    /// Feeds a server's session and carries out what it wants.
    pub fn feed_session(&mut self, link: u64, input: ServerInput) -> Result<Vec<Violation>> {
        let now = self.server_now();
        let Some(server) = &mut self.server else { return Ok(Vec::new()) };
        let Some(session) = server.sessions.get_mut(&link) else { return Ok(Vec::new()) };
        session.handle(input, now);
        let mut violations = Vec::new();
        let mut replaced = Vec::new();
        while let Some(server) = &mut self.server {
            let Some(session) = server.sessions.get_mut(&link) else { break };
            let Some(output) = session.poll_output() else { break };
            match output {
                ServerOutput::Verify(token) => {
                    let identity = Identity { user: UserId::new(token)?, expires_ms: TOKEN_END_MS, may_declare: true };
                    session.handle(ServerInput::Verified(Ok(identity)), now);
                }
                ServerOutput::Established(space, device) => {
                    self.accounts.spaces.insert(space);
                    replaced.extend(server.registry.insert((space, device), link).filter(|old| *old != link));
                }
                ServerOutput::Send(message) => violations.extend(self.send_down(link, message)?),
                ServerOutput::Close => self.server_closes(link),
            }
        }
        for old in replaced {
            violations.extend(self.feed_session(old, ServerInput::Replaced)?);
        }
        let timeout =
            self.server.as_ref().and_then(|server| server.sessions.get(&link)).and_then(ServerSession::poll_timeout);
        if let Some(timeout) = timeout {
            let wait = (timeout.micros() - now.micros()) / 1000;
            self.plan(wait.clamp(1, TIMER_MAX_MS as i64), Event::ServerTimer(link));
        }
        Ok(violations)
    }

    fn send_down(&mut self, link_id: u64, message: Vec<u8>) -> Result<Vec<Violation>> {
        self.note_sent(link_id, &message)?;
        let now = self.now_ms;
        let Some(link) = self.links.get_mut(&link_id) else { return Ok(Vec::new()) };
        link.last_down = link.last_down.max(now + link.latency_ms);
        let wait = link.last_down - now;
        self.plan(wait, Event::ToDevice(link_id, message));
        Ok(Vec::new())
    }

    /// Notes which transactions have left the server.
    fn note_sent(&mut self, link: u64, message: &[u8]) -> Result<()> {
        let Some(slot) = self.links.get(&link).and_then(|link| self.devices.get(link.device)) else { return Ok(()) };
        let user = UserId::new(format!("user-{}", slot.user))?;
        let Some(server) = &self.server else { return Ok(()) };
        let Some(space) = server.core.find_space(&user)? else { return Ok(()) };
        let ledger = self.accounts.ledgers.entry(space).or_default();
        for record in read_message::<ServerRecord>(message, MESSAGE_BYTES_MAX)?.0 {
            let seq = match record {
                ServerRecord::Begin { from, .. } => from.0 + 1,
                ServerRecord::Offer(offer) => offer.position.seq.0,
                _ => continue,
            };
            ledger.sent = ledger.sent.max(seq);
        }
        Ok(())
    }

    fn server_closes(&mut self, link_id: u64) {
        if let Some(server) = &mut self.server {
            server.sessions.remove(&link_id);
            server.registry.retain(|_, known| *known != link_id);
        }
        let now = self.now_ms;
        let Some(link) = self.links.get_mut(&link_id) else { return };
        link.server_open = false;
        let wait = (link.last_down - now).max(0) + 1;
        self.plan(wait, Event::DeviceSideClosed(link_id));
    }

    fn deliver_down(&mut self, link_id: u64, message: Vec<u8>) -> Result<Vec<Violation>> {
        let Some(link) = self.links.get(&link_id).filter(|link| link.device_open) else { return Ok(Vec::new()) };
        let at = link.device;
        if self.devices.get(at).is_some_and(|slot| slot.connection == Some(link_id)) {
            self.feed_device(at, DeviceInput::Message(message))
        } else {
            Ok(Vec::new())
        }
    }

    /// The connection is gone for both ends; what is under way is lost.
    pub fn lose_link(&mut self, link_id: u64, why: &str) -> Result<Vec<Violation>> {
        let Some(link) = self.links.remove(&link_id) else { return Ok(Vec::new()) };
        self.accounts.uploads.remove(&link_id);
        if let Some(server) = &mut self.server {
            server.sessions.remove(&link_id);
            server.registry.retain(|_, known| *known != link_id);
        }
        match self.devices.get_mut(link.device) {
            Some(slot) if slot.connection == Some(link_id) => {
                slot.connection = None;
                self.feed_device(link.device, DeviceInput::Lost(why.to_string()))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Follows the logs and plans their durability.
    pub fn after_server(&mut self) -> Result<Vec<Violation>> {
        let mut violations = Vec::new();
        let spaces: Vec<SpaceId> = self.accounts.spaces.iter().copied().collect();
        let now = self.server_now();
        let Some(server) = &self.server else { return Ok(violations) };
        for space in spaces {
            violations.extend(self.accounts.follow(&server.core, &*server.store as &dyn Store, space, now)?);
        }
        if server.store.waiting() > 0 && !self.server_persist_planned {
            self.server_persist_planned = true;
            let delay = self.dice.below(30) as i64;
            self.plan(delay, Event::PersistServer);
        }
        Ok(violations)
    }
}

/// G2: within an epoch no copy goes back.
pub fn fallen_back(at: usize, what: &str, earlier: Option<Position>, now: Position) -> Vec<Violation> {
    let fell = earlier.filter(|earlier| earlier.epoch == now.epoch && earlier.seq > now.seq);
    fell.map(|earlier| format!("G2: device {at} went from {what} {} back to {}", earlier.seq, now.seq))
        .into_iter()
        .collect()
}
