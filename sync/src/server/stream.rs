//! What flows to a device: definitions, snapshot blocks, then the log, as far as credit goes.

use kalamdb_core::catalog::TableDef;
use kalamdb_core::codec::Writer;
use kalamdb_core::device::ServerCatalog;
use kalamdb_core::log::{LogEntry, MutationResult};
use kalamdb_core::planted::{Bug, is_planted};
use kalamdb_core::server::Server;
use kalamdb_core::{ErrorKind, Result};

use super::{Download, Established};
use crate::config::LOG_READ_BYTES;
use crate::wire::{CHUNK_BYTES, Packer, ServerRecord, chunks};

impl Established {
    /// Sends what credit and durability allow.
    pub(super) fn pump(&mut self, server: &Server, packer: &mut Packer) -> Result<()> {
        if self.gate > server.store().persisted() {
            return Ok(());
        }
        if server.catalog().version() != self.catalog {
            self.send_catalog(server, packer);
            self.gate = self.gate.max(server.last_commit(self.space)?);
        }
        match self.pump_snapshot(server, packer) {
            Err(error) if error.kind() == ErrorKind::Retry => self.offer(server, packer, None)?,
            other => other?,
        }
        if self.snapshot.is_none() {
            self.pump_log(server, packer)?;
            self.answer_ping(packer);
        }
        Ok(())
    }

    /// Answers a ping behind everything that was durable when it came: whoever gets the answer has all that.
    fn answer_ping(&mut self, packer: &mut Packer) {
        if let Some((nonce, _)) = self.ping.take_if(|(_, upto)| *upto <= self.sent) {
            packer.push(&ServerRecord::Pong(nonce));
        }
    }

    /// Sends every definition that is newer than what the device has.
    pub(super) fn send_catalog(&mut self, server: &Server, packer: &mut Packer) {
        let ServerCatalog { version, namespaces, tables } = server.catalog_news(self.catalog);
        if version == self.catalog {
            return;
        }
        let mut parts = parts(tables, TableDef::write).into_iter().peekable();
        while let Some(tables) = parts.next() {
            let part = ServerCatalog { version, namespaces: namespaces.clone(), tables };
            packer.push(&ServerRecord::Catalog { part, is_last: parts.peek().is_none() });
        }
        self.catalog = version;
    }

    /// Offers a snapshot and waits for the device to ask for its blocks.
    pub(super) fn offer(&mut self, server: &Server, packer: &mut Packer, wanted: Option<[u8; 16]>) -> Result<()> {
        let offer = server.offer_snapshot(self.space, wanted)?;
        self.gate = self.gate.max(server.last_commit(self.space)?);
        packer.push(&ServerRecord::Offer(offer));
        self.snapshot = Some(Download { offer, next: None });
        Ok(())
    }

    fn pump_snapshot(&mut self, server: &Server, packer: &mut Packer) -> Result<()> {
        let Some(Download { offer, next: Some(mut next) }) = self.snapshot.take_if(|download| download.next.is_some())
        else {
            return Ok(());
        };
        while next < offer.blocks && self.credit > 0 {
            let block = server.snapshot_block(self.space, offer.id, next)?;
            let (chunk, rest) = chunks(&block);
            let total = block.len() as u64;
            self.spend(packer, &ServerRecord::Block { number: next, total, chunk: chunk.to_vec() });
            rest.for_each(|chunk| self.spend(packer, &ServerRecord::BlockMore(chunk.to_vec())));
            next += 1;
        }
        if next < offer.blocks {
            self.snapshot = Some(Download { offer, next: Some(next) });
            return Ok(());
        }
        let results = server.results_upto(self.space, self.device, self.first_pending, offer.position.seq)?;
        let mut parts = parts(results, MutationResult::write).into_iter().peekable();
        while let Some(results) = parts.next() {
            packer.push(&ServerRecord::SnapshotEnd { results, is_last: parts.peek().is_none() });
        }
        self.sent = offer.position.seq;
        Ok(())
    }

    fn pump_log(&mut self, server: &Server, packer: &mut Packer) -> Result<()> {
        while self.credit > 0 && self.sent < server.synced(self.space)? {
            for entry in server.log_after(self.space, self.sent, LOG_READ_BYTES)? {
                if entry.head.seq.0 % 17 == 0 && is_planted(Bug::GapCheckSkipped) {
                    self.sent = entry.head.seq;
                    continue;
                }
                if self.credit <= 0 {
                    return Ok(());
                }
                self.send_entry(packer, entry);
            }
        }
        Ok(())
    }

    fn send_entry(&mut self, packer: &mut Packer, entry: LogEntry) {
        let (chunk, rest) = chunks(&entry.changes);
        let total = entry.changes.len() as u64;
        self.spend(
            packer,
            &ServerRecord::Begin { from: self.sent, head: entry.head_bytes(), total, chunk: chunk.to_vec() },
        );
        rest.for_each(|chunk| self.spend(packer, &ServerRecord::More(chunk.to_vec())));
        self.sent = entry.head.seq;
        let results = if entry.author == self.device { vec![entry.result] } else { Vec::new() };
        self.spend(packer, &ServerRecord::End { chain: entry.chain, results });
    }

    fn spend(&mut self, packer: &mut Packer, record: &ServerRecord) {
        let bytes = packer.push(record);
        self.credit = self.credit.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

/// Items in parts that fit a record; one empty part if there are none.
fn parts<T>(items: Vec<T>, write: impl Fn(&T, &mut Writer)) -> Vec<Vec<T>> {
    let (mut parts, mut size) = (vec![Vec::new()], 0);
    for item in items {
        let mut out = Writer::new();
        write(&item, &mut out);
        if size > 0 && size + out.len() > CHUNK_BYTES {
            parts.push(Vec::new());
            size = 0;
        }
        size += out.len();
        if let Some(part) = parts.last_mut() {
            part.push(item);
        }
    }
    parts
}
