//! What goes wrong.

use kalamdb_core::log::LogEntry;
use kalamdb_core::server::Server;
use kalamdb_core::store::{Direction, Image, Partition, Store};
use kalamdb_core::{MutationId, Result, Seq, SpaceId, UserId, keys};
use kalamdb_sync::client::Input;
use kalamdb_sync::wire::{ClientRecord, MESSAGE_BYTES_MAX, read_message};

use crate::accounts::{Violation, ticket};
use crate::world::{Event, FaultKind, World};

const HOUR_MS: i64 = 3_600_000;
const YEAR_MS: i64 = 365 * 24 * HOUR_MS;

impl World {
    /// One random fault; the next is planned.
    pub fn fault(&mut self) -> Result<Vec<Violation>> {
        if self.is_settling() {
            return Ok(Vec::new());
        }
        let pause = 500 + self.dice.below(5_500) as i64;
        self.plan(pause, Event::Fault);
        let at = self.dice.below(self.devices.len() as u64) as usize;
        match self.dice.below(16) {
            0..=3 => self.cut(at),
            4 => {
                let link = self.devices.get(at).and_then(|slot| slot.connection);
                if let Some(link) = link {
                    self.count(FaultKind::Delay);
                    if let Some(link) = self.links.get_mut(&link) {
                        link.latency_ms = 2_000;
                    }
                    self.plan(3_000, Event::LatencyBack(link));
                }
                Ok(Vec::new())
            }
            5..=6 => self.crash_server(),
            7..=9 => self.crash_device(at, false),
            10..=11 => self.jump(at),
            12..=13 => self.truncate(),
            14 => self.crash_device(at, true),
            _ => self.go_offline(at),
        }
    }

    fn cut(&mut self, at: usize) -> Result<Vec<Violation>> {
        let Some(id) = self.devices.get(at).and_then(|slot| slot.connection) else { return Ok(Vec::new()) };
        if self.dice.percent(50) {
            return self.cut_link(id);
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.is_doomed = true;
        }
        Ok(Vec::new())
    }

    /// The connection breaks.
    pub fn cut_link(&mut self, id: u64) -> Result<Vec<Violation>> {
        let Some(at) = self.links.get(&id).map(|link| link.device) else { return Ok(Vec::new()) };
        self.count(FaultKind::Disconnect);
        self.say(|| format!("connection {id} of device {at} is cut"));
        self.lose_link(id, "cut")
    }

    /// What goes wrong with a device's mutations on their way: the connection breaks before the answer is back, and the
    /// log may be truncated before the device returns; or they come twice, as from a client that is in doubt.
    pub fn plan_upload_fault(&mut self, id: u64, message: &[u8]) -> Result<()> {
        let records = read_message::<ClientRecord>(message, MESSAGE_BYTES_MAX)?.0;
        let is_upload = |record: &ClientRecord| matches!(record, ClientRecord::Mutation { .. });
        if self.is_settling() || !records.iter().any(is_upload) {
            return Ok(());
        }
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let at = link.device;
        if std::mem::take(&mut link.is_doomed) {
            let wait = self.dice.below(20) as i64;
            self.plan(wait, Event::Cut(id));
            if self.dice.percent(40) {
                let wait = wait + 10 + self.dice.below(300) as i64;
                self.plan(wait, Event::TruncateFor(at));
            }
            return Ok(());
        }
        if self.dice.percent(2) {
            self.plan(0, Event::CrashWriting(at));
            return Ok(());
        }
        let is_whole = |record: &ClientRecord| match record {
            ClientRecord::Mutation { total, chunk, .. } => *total == chunk.len() as u64,
            ClientRecord::Ack(_) | ClientRecord::Ping(_) => true,
            _ => false,
        };
        if records.iter().all(is_whole) && self.dice.percent(2) {
            self.count(FaultKind::Repeat);
            self.plan(1, Event::ToServer(id, message.to_vec()));
        }
        Ok(())
    }

    /// A device that has sent something writes on, and crashes before any of that is durable.
    pub fn crash_writing(&mut self, at: usize) -> Result<Vec<Violation>> {
        if self.is_settling() {
            return Ok(Vec::new());
        }
        let mut violations = self.write_on(at)?;
        let Some(running) = self.devices.get(at).and_then(|slot| slot.running.as_ref()) else { return Ok(violations) };
        if running.core.persisted_entry() < running.core.status()?.last_mutation {
            violations.extend(self.crash(at, FaultKind::CrashBehindSent, 0, None)?);
        }
        Ok(violations)
    }

    /// The log of a device's user is truncated as far as it may be.
    pub fn truncate_for(&mut self, at: usize) -> Result<Vec<Violation>> {
        let Some(slot) = self.devices.get(at) else { return Ok(Vec::new()) };
        let user = UserId::new(format!("user-{}", slot.user))?;
        let Some(server) = &self.server else { return Ok(Vec::new()) };
        let Some(space) = server.core.find_space(&user)? else { return Ok(Vec::new()) };
        let head = server.core.position(space)?.seq;
        if has_moved(&server.core, space, head)? {
            self.count(FaultKind::LogTruncation);
        }
        self.after_server()
    }

    fn crash_server(&mut self) -> Result<Vec<Violation>> {
        let Some(server) = self.server.take() else { return Ok(Vec::new()) };
        self.count(FaultKind::ServerCrash);
        let lucky = self.dice.below(server.store.waiting() as u64 + 1) as usize;
        self.server_disk = server.store.crash(lucky);
        self.server_persist_planned = false;
        self.say(|| "the server crashes".to_string());
        let links: Vec<u64> = self.links.keys().copied().collect();
        let mut violations = Vec::new();
        for link in links {
            violations.extend(self.lose_link(link, "server crashed")?);
        }
        let down = 50 + self.dice.below(2_000) as i64;
        self.plan(down, Event::ServerRestart);
        Ok(violations)
    }

    /// The server comes back on what its disk held.
    pub fn restart_server(&mut self) -> Result<Vec<Violation>> {
        self.start_server()?;
        let Some(server) = &self.server else { return Ok(Vec::new()) };
        let spaces: Vec<_> = self.accounts.spaces.iter().copied().collect();
        let mut violations = Vec::new();
        for space in spaces {
            let head = last_seq(&*server.store, space)?;
            violations.extend(self.accounts.server_came_back(space, head.0));
        }
        violations.extend(self.after_server()?);
        Ok(violations)
    }

    fn crash_device(&mut self, at: usize, restore: bool) -> Result<Vec<Violation>> {
        let dice = self.dice.clone();
        let Some(slot) = self.devices.get(at) else { return Ok(Vec::new()) };
        let Some(running) = &slot.running else { return Ok(Vec::new()) };
        let lucky = dice.below(running.store.waiting() as u64 + 1) as usize;
        let older = if restore && !slot.backups.is_empty() { dice.pick(&slot.backups).cloned() } else { None };
        let kind = if older.is_some() { FaultKind::Restore } else { FaultKind::DeviceCrash };
        self.crash(at, kind, lucky, older)
    }

    /// A device ends; its disk is left with `lucky` of the commits that were not durable, or is an `older` one.
    fn crash(&mut self, at: usize, kind: FaultKind, lucky: usize, older: Option<Image>) -> Result<Vec<Violation>> {
        let dice = self.dice.clone();
        let Some(slot) = self.devices.get_mut(at) else { return Ok(Vec::new()) };
        let Some(running) = slot.running.take() else { return Ok(Vec::new()) };
        let disk = running.store.crash(lucky);
        let is_restored = older.is_some();
        slot.disk = older.unwrap_or_else(|| disk.clone());
        if dice.percent(30) {
            slot.backups.push(disk);
        }
        let link = slot.connection.take();
        self.accounts.shown.remove(&at);
        self.count(kind);
        self.say(|| format!("device {at} {}", if is_restored { "is restored from a backup" } else { "crashes" }));
        if let Some(link) = link {
            self.lose_link(link, "device crashed")?;
        }
        if is_restored {
            self.accounts.reached.remove(&at);
            self.restored.insert(at);
            if self.dice.percent(50) {
                self.work_offline(at);
            }
        }
        let down = 50 + self.dice.below(3_000) as i64;
        self.plan(down, Event::DeviceRestart(at));
        Ok(Vec::new())
    }

    /// A device comes back on what its disk held; what was not durable may be gone, and only that.
    pub fn restart_device(&mut self, at: usize) -> Result<Vec<Violation>> {
        self.start_device(at)?;
        let Some(running) = self.devices.get(at).and_then(|slot| slot.running.as_ref()) else { return Ok(Vec::new()) };
        let status = running.core.status()?;
        let mut kept = std::collections::BTreeSet::new();
        for entry in running.core.sendable(MutationId(0), usize::MAX)? {
            kept.insert(ticket(&entry.mutation()?));
        }
        self.forget_requests(at, status.last_mutation);
        let mut violations = self.check_receipts(at)?;
        let is_restored = !self.accounts.reached.contains_key(&at);
        if let Some((position, seq)) = self.accounts.reached.get(&at)
            && position.epoch == status.position.epoch
            && status.position.seq < *seq
        {
            violations.push(format!("G2: device {at} fell from durable {seq} back to {}", status.position.seq));
        }
        if is_restored {
            self.accounts.sent.remove(&status.device);
        }
        if let Some(sent) = self.accounts.sent.get(&status.device).filter(|sent| **sent > status.last_mutation) {
            violations.push(format!("G2: device {at} sent {sent} and has only {} after a crash", status.last_mutation));
        }
        for ((owner, ticket), fate) in &mut self.accounts.fates {
            let is_open = *owner == at && !self.accounts.decided.contains_key(&(at, *ticket));
            if is_open && !kept.contains(ticket) && (is_restored || !fate.is_persisted) {
                fate.is_forgiven = true;
            }
        }
        self.accounts.owners.insert(status.device, at);
        if self.devices.get(at).is_some_and(|slot| slot.wants_online) {
            violations.extend(self.feed_device(at, Input::Start)?);
        }
        violations.extend(self.check_device(at)?);
        Ok(violations)
    }

    fn jump(&mut self, at: usize) -> Result<Vec<Violation>> {
        let offset = match self.dice.below(5) {
            0 => YEAR_MS,
            1..=2 => HOUR_MS,
            _ => -HOUR_MS,
        };
        let back = 2_000 + self.dice.below(10_000) as i64;
        if self.dice.percent(15) {
            self.count(FaultKind::ClockJump);
            self.server_offset_ms = offset.min(HOUR_MS);
            self.plan(back, Event::ClockBack(None));
            return Ok(Vec::new());
        }
        let Some(slot) = self.devices.get_mut(at).filter(|slot| slot.running.is_some()) else { return Ok(Vec::new()) };
        slot.offset_ms = offset;
        self.count(FaultKind::ClockJump);
        self.plan(back, Event::ClockBack(Some(at)));
        self.feed_device(at, Input::Tick)
    }

    fn truncate(&mut self) -> Result<Vec<Violation>> {
        let spaces: Vec<_> = self.accounts.spaces.iter().copied().collect();
        let Some(space) = self.dice.pick(&spaces).copied() else { return Ok(Vec::new()) };
        let Some(server) = &self.server else { return Ok(Vec::new()) };
        let head = server.core.position(space)?.seq;
        let floor = Seq(self.dice.below(head.0 + 1));
        if has_moved(&server.core, space, floor)? {
            self.count(FaultKind::LogTruncation);
        }
        self.after_server()
    }

    fn go_offline(&mut self, at: usize) -> Result<Vec<Violation>> {
        if !self.devices.get(at).is_some_and(|slot| slot.wants_online && slot.running.is_some()) {
            return Ok(Vec::new());
        }
        self.count(FaultKind::Offline);
        let violations = self.feed_device(at, Input::Stop)?;
        self.work_offline(at);
        Ok(violations)
    }

    /// The device stays offline for a while.
    fn work_offline(&mut self, at: usize) {
        if let Some(slot) = self.devices.get_mut(at) {
            slot.wants_online = false;
        }
        let back = 1_000 + self.dice.below(15_000) as i64;
        self.plan(back, Event::Online(at));
    }
}

/// Truncates a log; whether entries went.
fn has_moved(server: &Server, space: SpaceId, floor: Seq) -> Result<bool> {
    let before = server.truncate_log(space, Seq(0))?;
    Ok(server.truncate_log(space, floor)? > before)
}

fn last_seq(store: &dyn Store, space: kalamdb_core::SpaceId) -> Result<Seq> {
    let snapshot = store.snapshot()?;
    let mut cursor = snapshot.scan(Partition::Log, keys::log_from(space, Seq(0)), Direction::Reverse)?;
    Ok(if cursor.advance()? { LogEntry::decode(cursor.value())?.head.seq } else { Seq(0) })
}
