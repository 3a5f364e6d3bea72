//! What a device that is known asks for.

use std::collections::VecDeque;

use kalamdb_core::catalog::{Table, TableDef};
use kalamdb_core::device::as_new_table;
use kalamdb_core::mutation::{TRANSACTION_BYTES_MAX, content_hash};
use kalamdb_core::server::Server;
use kalamdb_core::{ContentHash, Error, ErrorKind, MutationId, Now, Result};

use super::{Established, Output};
use crate::config::CREDIT_BYTES_MAX;
use crate::wire::{Assembly, ClientRecord, Packer, ServerRecord};

/// A mutation that is arriving.
pub(super) struct Upload {
    id: MutationId,
    hash: ContentHash,
    content: Assembly,
}

impl Established {
    pub(super) fn record(
        &mut self,
        server: &Server,
        packer: &mut Packer,
        outputs: &mut VecDeque<Output>,
        record: ClientRecord,
        now: Now,
    ) -> Result<()> {
        match record {
            ClientRecord::Hello(_) => Err(Error::invalid("hello_twice", "a connection begins with one hello only")),
            ClientRecord::Token(token) => {
                outputs.push_back(Output::Verify(token));
                Ok(())
            }
            ClientRecord::Declare(table) => {
                if let Err(error) = self.declare(server, *table) {
                    packer.push(&ServerRecord::Error { error, is_fatal: false });
                }
                Ok(())
            }
            ClientRecord::Mutation { id, hash, total, chunk } => {
                if self.upload.is_some() {
                    return Err(Error::invalid("upload_open", "a mutation began before the one before it ended"));
                }
                let content = Assembly::new(total, TRANSACTION_BYTES_MAX, "a mutation")?;
                self.upload = Some(Upload { id, hash, content });
                self.upload_chunk(server, packer, &chunk, now)
            }
            ClientRecord::MutationMore(chunk) => self.upload_chunk(server, packer, &chunk, now),
            ClientRecord::Ack(seq) => server.acknowledge(self.space, self.device, seq, now),
            ClientRecord::Credit(bytes) => {
                let granted = i64::try_from(bytes.min(CREDIT_BYTES_MAX)).unwrap_or_default();
                let most = i64::try_from(CREDIT_BYTES_MAX).unwrap_or(i64::MAX);
                self.credit = self.credit.saturating_add(granted).min(most);
                Ok(())
            }
            ClientRecord::SnapshotGet { id, from } => match &mut self.snapshot {
                Some(download) if download.offer.id == id && from <= download.offer.blocks => {
                    download.next = Some(from);
                    Ok(())
                }
                Some(_) | None => self.offer(server, packer, None),
            },
            ClientRecord::Ping(nonce) => {
                self.ping = Some((nonce, server.synced(self.space)?));
                Ok(())
            }
            ClientRecord::Bye => {
                self.is_leaving = true;
                Ok(())
            }
        }
    }

    fn declare(&mut self, server: &Server, def: TableDef) -> Result<()> {
        if !self.identity.may_declare {
            let message = format!(
                "table `{}` is missing on the server or has fewer columns there, and this token may not create it: \
                 let an admin create it, or use a token that may (`kalamdb token mint --declare`)",
                def.full_name()
            );
            return Err(Error::unauthorized("schema_missing", message));
        }
        let (table, indexes) = as_new_table(&Table::new(def));
        let commit = server.declare(table, indexes)?;
        self.gate = self.gate.max(commit);
        Ok(())
    }

    fn upload_chunk(&mut self, server: &Server, packer: &mut Packer, chunk: &[u8], now: Now) -> Result<()> {
        let Some(upload) = &mut self.upload else {
            return Err(Error::invalid("no_upload", "bytes of a mutation came without its beginning"));
        };
        if !upload.content.push(chunk)? {
            return Ok(());
        }
        let Some(Upload { id, hash, content }) = self.upload.take() else { return Ok(()) };
        let content = content.into_vec();
        if content_hash(&content) != hash {
            return Err(Error::corrupt(
                "damaged_mutation",
                format!("mutation {id} does not match its hash: send it again"),
            ));
        }
        let executed =
            server.execute(self.space, self.device, id, &content, now).map_err(|error| match error.kind() {
                // A full or failing store is the server's trouble; the device keeps its write and comes back.
                ErrorKind::Quota | ErrorKind::Corrupt => Error::retry("server_store", error.message()),
                _ => error,
            })?;
        if let Some(ahead_ms) = executed.clock_ahead_ms {
            packer.push(&ServerRecord::Clock { ahead_ms });
        }
        Ok(())
    }
}
