//! Who is told when something becomes durable: connections by space, and requests that wait for a commit.
//!
//! The store's listener drives it. An idle connection costs an entry in a map; a commit costs its space's connections
//! one flag each.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use kalamdb_core::store::{CommitId, StoreEvent};
use kalamdb_core::{CatalogVersion, DeviceId, Error, Result, SpaceId};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

/// What a connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Signal {
    /// Something that concerns it became durable.
    Wake = 1,
    /// Its device connected again.
    Replaced = 2,
    /// The server stops.
    Shutdown = 4,
}

/// A connection as the hub knows it.
#[derive(Debug, Default)]
pub struct Line {
    number: u64,
    signals: AtomicU8,
    notify: Notify,
}

impl Line {
    /// Completes when there are signals; one that came before is not lost.
    pub fn notified(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }

    /// Takes a signal if it was given.
    pub fn take(&self, signal: Signal) -> bool {
        let bit = signal as u8;
        self.signals.fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }

    fn give(&self, signal: Signal) {
        let bit = signal as u8;
        if self.signals.fetch_or(bit, Ordering::AcqRel) & bit == 0 {
            self.notify.notify_one();
        }
    }
}

/// Whom a commit concerns.
#[derive(Clone, Debug)]
pub enum Audience {
    /// Every connection of a space.
    Space(SpaceId),
    /// One connection.
    Line(Arc<Line>),
    /// Every connection.
    Everyone,
}

/// How far the store is.
#[derive(Clone, Debug, Default)]
struct Progress {
    persisted: CommitId,
    failed: Option<Error>,
}

#[derive(Default)]
struct Lines {
    persisted: CommitId,
    all: HashMap<u64, Arc<Line>>,
    spaces: HashMap<SpaceId, Vec<(DeviceId, Arc<Line>)>>,
    /// Commits that are not durable yet, with whom they concern.
    waiting: Vec<(CommitId, Audience)>,
}

/// The hub of a server.
pub struct Hub {
    lines: Mutex<Lines>,
    progress: watch::Sender<Progress>,
    next_number: AtomicU64,
    catalog: AtomicU64,
}

impl Default for Hub {
    fn default() -> Hub {
        Hub {
            lines: Mutex::default(),
            progress: watch::channel(Progress::default()).0,
            next_number: AtomicU64::new(1),
            catalog: AtomicU64::new(0),
        }
    }
}

impl Hub {
    /// Takes note of what the store reports.
    pub fn store_event(&self, event: StoreEvent) {
        match event {
            StoreEvent::Persisted(commit) => {
                self.lines.lock().advance(commit);
                self.progress.send_if_modified(|progress| {
                    progress.persisted = progress.persisted.max(commit);
                    true
                });
            }
            StoreEvent::Failed(error) => {
                tracing::error!(kind = %error.kind(), code = error.code(), "the store failed: {error}");
                self.progress.send_modify(|progress| progress.failed = Some(error));
                self.shut_down();
            }
        }
    }

    /// Wakes `audience` once `commit` is durable.
    pub fn expect(&self, commit: CommitId, audience: Audience) {
        let mut lines = self.lines.lock();
        if commit <= lines.persisted {
            lines.wake(&audience);
        } else {
            lines.waiting.push((commit, audience));
        }
    }

    /// Lets every connection look at the catalog once `commit` is durable, if `version` is new.
    pub fn catalog_at(&self, version: CatalogVersion, commit: impl FnOnce() -> Result<CommitId>) -> Result<()> {
        if self.catalog.fetch_max(version.0, Ordering::AcqRel) < version.0 {
            self.expect(commit()?, Audience::Everyone);
        }
        Ok(())
    }

    /// Waits until `commit` is durable.
    ///
    /// # Errors
    /// What the store failed with.
    pub async fn durable(&self, commit: CommitId) -> Result<()> {
        let mut progress = self.progress.subscribe();
        let reached = progress.wait_for(|progress| progress.persisted >= commit || progress.failed.is_some()).await;
        let reached = reached.map_err(|_| Error::closed("server_closed", "the server has stopped: try again later"))?;
        match &reached.failed {
            Some(error) if reached.persisted < commit => Err(error.clone().context("the write is not durable")),
            _ => Ok(()),
        }
    }

    /// Whether the store takes writes.
    ///
    /// # Errors
    /// What it failed with.
    pub fn check(&self) -> Result<()> {
        self.progress.borrow().failed.clone().map_or(Ok(()), Err)
    }

    /// Adds a connection whose device is not known yet.
    pub fn connect(&self) -> Arc<Line> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let line = Arc::new(Line { number, ..Line::default() });
        self.lines.lock().all.insert(number, line.clone());
        line
    }

    /// Makes `line` the one connection of a device; an older one is told.
    pub fn establish(&self, line: &Arc<Line>, space: SpaceId, device: DeviceId) {
        let mut lines = self.lines.lock();
        let list = lines.spaces.entry(space).or_default();
        match list.iter_mut().find(|(known, _)| *known == device) {
            Some((_, older)) => {
                older.give(Signal::Replaced);
                *older = line.clone();
            }
            None => list.push((device, line.clone())),
        }
    }

    /// Forgets a connection.
    pub fn disconnect(&self, line: &Arc<Line>, space: Option<SpaceId>) {
        let mut lines = self.lines.lock();
        lines.all.remove(&line.number);
        let Some(space) = space else { return };
        if let Some(list) = lines.spaces.get_mut(&space) {
            list.retain(|(_, known)| !Arc::ptr_eq(known, line));
            if list.is_empty() {
                lines.spaces.remove(&space);
            }
        }
    }

    /// Tells every connection that the server stops.
    pub fn shut_down(&self) {
        self.lines.lock().all.values().for_each(|line| line.give(Signal::Shutdown));
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.lines.lock().all.len()
    }
}

impl Lines {
    fn advance(&mut self, commit: CommitId) {
        self.persisted = self.persisted.max(commit);
        let upto = self.persisted;
        let due: Vec<_> = self.waiting.extract_if(.., |(commit, _)| *commit <= upto).collect();
        due.iter().for_each(|(_, audience)| self.wake(audience));
    }

    fn wake(&self, audience: &Audience) {
        match audience {
            Audience::Space(space) => {
                let list = self.spaces.get(space).map(Vec::as_slice).unwrap_or_default();
                list.iter().for_each(|(_, line)| line.give(Signal::Wake));
            }
            Audience::Line(line) => line.give(Signal::Wake),
            Audience::Everyone => self.all.values().for_each(|line| line.give(Signal::Wake)),
        }
    }
}

#[cfg(test)]
mod tests;
