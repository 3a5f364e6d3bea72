//! The outbox: own transactions that the server has not decided, and the list of those it refused.

use crate::codec::{Reader, Writer};
use crate::hlc::Now;
use crate::ids::{ContentHash, MutationId};
use crate::log::{read_error, write_error};
use crate::mutation::{Mutation, content_hash};
use crate::store::{Direction, Partition, Snapshot, WriteBatch};
use crate::{Error, Result, keys};

const FORMAT: u8 = 1;

/// A transaction that waits for the server's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its number.
    pub id: MutationId,
    /// The hash of its content.
    pub hash: ContentHash,
    /// The device's clock when it was written.
    pub written: Now,
    /// Its content as it is sent.
    pub content: Vec<u8>,
}

impl OutboxEntry {
    pub(crate) fn new(mutation: &Mutation, written: Now) -> OutboxEntry {
        let content = mutation.encode_content();
        OutboxEntry { id: mutation.id, hash: content_hash(&content), written, content }
    }

    pub(crate) fn save(&self, batch: &mut WriteBatch) {
        let mut out = Writer::on(Vec::with_capacity(self.content.len() + 32));
        out.u8(FORMAT);
        out.raw(&self.hash.0);
        out.zigzag(self.written.0);
        out.raw(&self.content);
        batch.put(Partition::Outbox, keys::outbox(self.id), out.into_vec());
    }

    fn read(id: MutationId, bytes: &[u8]) -> Result<OutboxEntry> {
        let mut input = Reader::new(bytes);
        let format = input.u8()?;
        if format != FORMAT {
            return Err(Error::corrupt("unknown_format", format!("outbox entry of unknown format {format}")));
        }
        let (hash, written) = (ContentHash(input.array()?), Now(input.zigzag()?));
        let entry = OutboxEntry { id, hash, written, content: input.rest().to_vec() };
        if content_hash(&entry.content) != entry.hash {
            return Err(Error::corrupt("damaged_outbox", format!("outbox entry {id} does not match its hash")));
        }
        Ok(entry)
    }

    /// The transaction.
    ///
    /// # Errors
    /// Kind `corrupt` if its bytes are damaged.
    pub fn mutation(&self) -> Result<Mutation> {
        Mutation::decode_content(self.id, &self.content)
    }
}

/// The entry with this number.
pub(crate) fn get(snapshot: &dyn Snapshot, id: MutationId) -> Result<Option<OutboxEntry>> {
    let bytes = snapshot.get(Partition::Outbox, &keys::outbox(id))?;
    bytes.map(|bytes| OutboxEntry::read(id, &bytes)).transpose()
}

/// How many entries there are, and the number of the last one; 0 if there is none.
pub(crate) fn extent(snapshot: &dyn Snapshot) -> Result<(u64, MutationId)> {
    let mut cursor = snapshot.scan(Partition::Outbox, keys::outbox_from(MutationId(0)), Direction::Forward)?;
    let (mut count, mut last) = (0, MutationId(0));
    while cursor.advance()? {
        count += 1;
        last = keys::read_outbox(cursor.key())?;
    }
    Ok((count, last))
}

/// The number of the first entry.
pub(crate) fn first(snapshot: &dyn Snapshot) -> Result<Option<MutationId>> {
    let mut cursor = snapshot.scan(Partition::Outbox, keys::outbox_from(MutationId(0)), Direction::Forward)?;
    cursor.advance()?.then(|| keys::read_outbox(cursor.key())).transpose()
}

/// Calls `visit` with the entries from `from` on, in order, until it answers `false`.
pub(crate) fn visit(
    snapshot: &dyn Snapshot,
    from: MutationId,
    mut visit: impl FnMut(OutboxEntry) -> Result<bool>,
) -> Result<()> {
    let mut cursor = snapshot.scan(Partition::Outbox, keys::outbox_from(from), Direction::Forward)?;
    while cursor.advance()? {
        let id = keys::read_outbox(cursor.key())?;
        if !visit(OutboxEntry::read(id, cursor.value())?)? {
            break;
        }
    }
    Ok(())
}

/// A transaction that the server refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedWrite {
    /// Its number in the list.
    pub number: u64,
    /// The transaction, as it was written.
    pub mutation: Mutation,
    /// When it was written.
    pub written: Now,
    /// Why it was refused.
    pub error: Error,
}

impl RejectedWrite {
    pub(crate) fn save(number: u64, entry: &OutboxEntry, error: &Error, batch: &mut WriteBatch) {
        let mut out = Writer::on(Vec::with_capacity(entry.content.len() + 128));
        out.u8(FORMAT);
        out.varint(entry.id.0);
        out.zigzag(entry.written.0);
        write_error(&mut out, error);
        out.raw(&entry.content);
        batch.put(Partition::Outbox, keys::rejected(number), out.into_vec());
    }

    fn read(number: u64, bytes: &[u8]) -> Result<RejectedWrite> {
        let mut input = Reader::new(bytes);
        let format = input.u8()?;
        if format != FORMAT {
            return Err(Error::corrupt("unknown_format", format!("rejected write of unknown format {format}")));
        }
        let (id, written) = (MutationId(input.varint()?), Now(input.zigzag()?));
        let error = read_error(&mut input)?;
        let mutation = Mutation::decode_content(id, input.rest())?;
        Ok(RejectedWrite { number, mutation, written, error })
    }
}

/// The rejected writes, oldest first.
pub(crate) fn rejected(snapshot: &dyn Snapshot) -> Result<Vec<RejectedWrite>> {
    let mut cursor = snapshot.scan(Partition::Outbox, keys::rejected_all(), Direction::Forward)?;
    let mut list = Vec::new();
    while cursor.advance()? {
        list.push(RejectedWrite::read(keys::read_outbox(cursor.key())?.0, cursor.value())?);
    }
    Ok(list)
}
