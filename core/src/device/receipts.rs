//! What became of requests, so that one that is repeated because nobody heard the answer takes effect once.
//!
//! A receipt is written in the batch of the transaction that it is about: one is durable exactly if the other is.

use std::collections::HashMap;

use crate::codec::{Reader, Writer};
use crate::ids::MutationId;
use crate::key::read_number;
use crate::planted::{Bug, is_planted};
use crate::store::{Direction, Partition, Snapshot, WriteBatch};
use crate::{Result, keys};

/// Receipts that are kept; the oldest go first. Whoever repeats requests has fewer of them under way.
pub const RECEIPTS_MAX: u64 = 16_384;

/// Names one execution of a text of statements, and the statement within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId {
    /// 128 random bits, chosen by whoever repeats the request.
    pub id: [u8; 16],
    /// The statement's place in the text.
    pub statement: u32,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction that it committed.
    pub mutation: MutationId,
    /// The rows that it inserted, changed or deleted.
    pub affected: u64,
}

/// The receipts of a device.
pub(super) struct Receipts {
    known: HashMap<RequestId, Receipt>,
    /// The number of the next receipt, and of the oldest one that is kept.
    next: u64,
    oldest: u64,
    order: std::collections::VecDeque<RequestId>,
}

impl Receipts {
    pub fn load(snapshot: &dyn Snapshot) -> Result<Receipts> {
        let mut receipts = Receipts { known: HashMap::new(), next: 0, oldest: 0, order: Default::default() };
        let mut cursor = snapshot.scan(Partition::Meta, keys::receipts(), Direction::Forward)?;
        while cursor.advance()? {
            let number = read_number(&mut Reader::new(cursor.key().get(1..).unwrap_or_default()))?;
            let mut input = Reader::new(cursor.value());
            let id = input.array()?;
            let request = RequestId { id, statement: input.varint32()? };
            let receipt = Receipt { mutation: MutationId(input.varint()?), affected: input.varint()? };
            if receipts.order.is_empty() {
                receipts.oldest = number;
            }
            receipts.next = number + 1;
            receipts.order.push_back(request);
            receipts.known.insert(request, receipt);
        }
        Ok(receipts)
    }

    pub fn get(&self, request: RequestId) -> Option<Receipt> {
        if is_planted(Bug::ReceiptForgotten) {
            return None;
        }
        self.known.get(&request).copied()
    }

    /// Adds a receipt to the batch of its transaction.
    pub fn save(&self, request: RequestId, receipt: Receipt, batch: &mut WriteBatch) {
        let mut out = Writer::on(Vec::with_capacity(32));
        out.raw(&request.id);
        out.varint(request.statement.into());
        out.varint(receipt.mutation.0);
        out.varint(receipt.affected);
        batch.put(Partition::Meta, keys::receipt(self.next), out.into_vec());
        if self.next - self.oldest >= RECEIPTS_MAX {
            batch.delete(Partition::Meta, keys::receipt(self.oldest));
        }
    }

    /// The batch of [`Receipts::save`] is committed.
    pub fn saved(&mut self, request: RequestId, receipt: Receipt) {
        self.next += 1;
        if self.next - self.oldest > RECEIPTS_MAX {
            self.oldest += 1;
            if let Some(gone) = self.order.pop_front() {
                self.known.remove(&gone);
            }
        }
        self.order.push_back(request);
        self.known.insert(request, receipt);
    }
}
