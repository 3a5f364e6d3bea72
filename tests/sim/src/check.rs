//! What must hold while a run goes on, and at its end.

use kalamdb_core::device::Device;
use kalamdb_core::{MutationId, Result, UserId};

use crate::accounts::{Violation, ticket};
use crate::oracle::Rows;
use crate::reader::{difference, expected, index_difference, read_all, torn_pair};
use crate::run::fallen_back;
use crate::world::World;

impl World {
    /// A device's copy: whole transactions, indexes that agree, and, with nothing of its own waiting, the oracle's state
    /// at its position.
    pub fn check_device(&mut self, at: usize) -> Result<Vec<Violation>> {
        let mut violations = self.check_follower(at)?;
        let Some(slot) = self.devices.get(at) else { return Ok(Vec::new()) };
        let Some(running) = &slot.running else { return Ok(Vec::new()) };
        let view = running.core.view()?;
        let seen = read_all(&view)?;
        if let Some(torn) = torn_pair(&seen) {
            violations.push(format!("G3: device {at} shows part of a transaction: {torn}"));
        }
        if let Some(index) = index_difference(&view)? {
            violations.push(format!("index of device {at}: {index}"));
        }
        let status = running.core.status()?;
        let earlier = self.accounts.shown.insert(at, status.position);
        violations.extend(fallen_back(at, "shown", earlier, status.position));
        if status.binding.is_none() || !running.core.local_tables().is_empty() {
            return Ok(violations);
        }
        let Some(server) = &self.server else { return Ok(violations) };
        let Some(space) = server.core.find_space(&UserId::new(format!("user-{}", slot.user))?)? else {
            return Ok(violations);
        };
        if let Some(rows) = self.accounts.state_at(space, status.position.seq)
            && let Some(difference) = difference(&seen, &expected(&self.with_pending(&running.core, rows)?))
        {
            let (seq, pending) = (status.position.seq, status.pending);
            violations.push(format!("G6: device {at} at {seq} with {pending} pending differs: {difference}"));
        }
        Ok(violations)
    }

    /// The oracle's rows with what waits on a device on top.
    fn with_pending(&self, device: &Device, rows: &Rows) -> Result<Rows> {
        let (catalog, status) = (device.catalog(), device.status()?);
        let number = status.binding.map_or(0, |binding| binding.number.0);
        let mut rows = rows.clone();
        let first = device.first_pending()?.unwrap_or_else(|| status.last_mutation.next());
        for id in first.0..=status.last_mutation.0 {
            if let Some(entry) = device.outbox_entry(MutationId(id))? {
                rows = rows.with_own(&catalog, number, &entry.mutation()?.ops);
            }
        }
        Ok(rows)
    }

    /// Whether everything has come to rest.
    pub fn is_settled(&self) -> Result<bool> {
        let Some(server) = &self.server else { return Ok(false) };
        for slot in &self.devices {
            let Some(running) = &slot.running else { return Ok(false) };
            if !running.session.status()?.is_synced {
                return Ok(false);
            }
            let user = UserId::new(format!("user-{}", slot.user))?;
            let Some(space) = server.core.find_space(&user)? else { return Ok(false) };
            if running.core.status()?.position != server.core.position(space)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What must hold at the end.
    pub fn check_end(&mut self) -> Result<Vec<Violation>> {
        let mut violations = Vec::new();
        for at in 0..self.devices.len() {
            violations.extend(self.check_device(at)?);
            violations.extend(self.check_rejected(at)?);
        }
        violations.extend(self.check_server()?);
        for (id, fate) in &self.accounts.fates {
            let is_decided = self.accounts.decided.contains_key(id);
            if !is_decided && !fate.is_forgiven {
                violations.push(format!("G4: write {id:?} (durable: {}) never reached the log", fate.is_persisted));
            }
        }
        Ok(violations)
    }

    /// The server's rows are the oracle's, space by space: nobody has a row of somebody else.
    fn check_server(&self) -> Result<Vec<Violation>> {
        let mut violations = Vec::new();
        let Some(server) = &self.server else { return Ok(violations) };
        for (space, ledger) in &self.accounts.ledgers {
            let (view, _) = server.core.view(*space)?;
            let seen = read_all(&view)?;
            let wanted = ledger.states.last().map(expected).unwrap_or_default();
            if let Some(difference) = difference(&seen, &wanted) {
                violations.push(format!("G6: server in space {space} differs: {difference}"));
            }
            if let Some(index) = index_difference(&view)? {
                violations.push(format!("index of space {space}: {index}"));
            }
        }
        Ok(violations)
    }

    /// Every refused write of a device that was not restored is in its list once, and no other.
    fn check_rejected(&self, at: usize) -> Result<Vec<Violation>> {
        let Some(running) = self.devices.get(at).and_then(|slot| slot.running.as_ref()) else { return Ok(Vec::new()) };
        let mut violations = Vec::new();
        let mut listed = std::collections::BTreeSet::new();
        for rejected in running.core.rejected()? {
            let id = (at, ticket(&rejected.mutation));
            if rejected.error.code() == "fate_unknown" && self.restored.contains(&at) {
                continue;
            }
            if self.accounts.decided.get(&id) != Some(&true) {
                violations.push(format!("rejected: {id:?} is listed, but the server did not refuse it"));
            }
            if !listed.insert(id) {
                violations.push(format!("rejected: {id:?} is listed twice"));
            }
        }
        if self.restored.contains(&at) {
            return Ok(violations);
        }
        for (id, refused) in &self.accounts.decided {
            if id.0 == at && *refused && !listed.contains(id) {
                violations.push(format!("rejected: {id:?} was refused, but is not listed"));
            }
        }
        Ok(violations)
    }
}
