//! Messages and records of the protocol, as docs/protocol.md draws them.
//!
//! A WebSocket message is a sequence of records, or one compressed sequence. Where a message ends means nothing.

mod client;
mod server;

use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::{Error, Result};

pub use client::{ClientRecord, Hello};
pub use server::{ServerRecord, WelcomeRecord};

/// The protocol version that this build speaks.
pub const PROTOCOL: u16 = 1;
/// First bytes of a Hello.
pub const MAGIC: [u8; 4] = *b"KLM1";
/// Largest message, as sent and as inflated.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Largest message before the token is verified.
pub const FIRST_MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// A payload that is larger travels in several records of at most this much.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Messages smaller than this are not compressed.
const COMPRESS_BYTES_MIN: usize = 512;

/// Feature bit: messages may be compressed with lz4.
pub const FEATURE_LZ4: u64 = 1;

const COMPRESSED: u8 = 0;

/// A record of one side.
pub trait Record: Sized {
    /// Appends type, length and payload.
    fn write(&self, out: &mut Writer);

    /// Reads the payload of a record of this type.
    ///
    /// # Errors
    /// Kind `corrupt` for an unknown type or a damaged payload.
    fn read(kind: u8, payload: &mut Reader<'_>) -> Result<Self>;
}

/// Appends a record: type, length, payload.
pub(crate) fn write_record(out: &mut Writer, kind: u8, payload: impl FnOnce(&mut Writer)) {
    let mut body = Writer::new();
    payload(&mut body);
    out.u8(kind);
    out.bytes(body.as_slice());
}

/// The records of a message and the bytes that they take; all of them are decoded before any is handled.
///
/// # Errors
/// Kind `quota` for a message that is too large as it is or inflated, `corrupt` for a damaged one.
pub fn read_message<R: Record>(message: &[u8], bytes_max: usize) -> Result<(Vec<R>, usize)> {
    if message.len() > bytes_max {
        return Err(too_large(message.len(), bytes_max));
    }
    let inflated;
    let records = match message.split_first() {
        Some((&COMPRESSED, packed)) => {
            inflated = inflate(packed, bytes_max)?;
            inflated.as_slice()
        }
        _ => message,
    };
    let mut input = Reader::new(records);
    let mut list = Vec::new();
    while !input.is_empty() {
        let kind = input.u8()?;
        let mut payload = Reader::new(input.bytes()?);
        list.push(R::read(kind, &mut payload)?);
        payload.finish()?;
    }
    Ok((list, records.len()))
}

fn inflate(packed: &[u8], bytes_max: usize) -> Result<Vec<u8>> {
    let mut input = Reader::new(packed);
    let len = usize::try_from(input.varint()?).unwrap_or(usize::MAX);
    if len > bytes_max {
        return Err(too_large(len, bytes_max));
    }
    let inflated = lz4_flex::block::decompress(input.rest(), len);
    let inflated = inflated.map_err(|_| Error::corrupt("invalid_lz4", "a compressed message does not inflate"))?;
    if inflated.len() == len {
        return Ok(inflated);
    }
    Err(Error::corrupt("invalid_lz4", "a compressed message has another length than it says"))
}

fn too_large(len: usize, bytes_max: usize) -> Error {
    Error::quota(
        "message_too_large",
        format!("a message of {len} bytes: at most {bytes_max} are allowed, send the rest as *More* records"),
    )
}

/// A message from encoded records; compressed if both sides can and it gets smaller.
pub fn pack(records: Vec<u8>, features: u64) -> Vec<u8> {
    if features & FEATURE_LZ4 == 0 || records.len() < COMPRESS_BYTES_MIN {
        return records;
    }
    let packed = lz4_flex::block::compress(&records);
    if packed.len() + 8 >= records.len() {
        return records;
    }
    let mut out = Writer::on(Vec::with_capacity(packed.len() + 8));
    out.u8(COMPRESSED);
    out.varint(records.len() as u64);
    out.raw(&packed);
    out.into_vec()
}

/// Collects encoded records into messages below the size limit.
#[derive(Debug, Default)]
pub struct Packer {
    records: Writer,
    messages: Vec<Vec<u8>>,
    features: u64,
}

impl Packer {
    /// Uses these features from now on.
    pub fn set_features(&mut self, features: u64) {
        self.features = features;
    }

    /// Adds a record and returns its bytes. Each record is far smaller than a message may be.
    pub fn push(&mut self, record: &impl Record) -> usize {
        let before = self.records.len();
        record.write(&mut self.records);
        let bytes = self.records.len() - before;
        if self.records.len() > MESSAGE_BYTES_MAX && before > 0 {
            let mut all = std::mem::take(&mut self.records).into_vec();
            let last = all.split_off(before);
            self.messages.push(pack(all, self.features));
            self.records = Writer::on(last);
        }
        bytes
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.messages.is_empty()
    }

    /// The messages, in order.
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        if !self.records.is_empty() {
            let rest = std::mem::take(&mut self.records).into_vec();
            self.messages.push(pack(rest, self.features));
        }
        std::mem::take(&mut self.messages)
    }
}

/// A payload that arrives in chunks.
#[derive(Debug)]
pub(crate) struct Assembly {
    total: usize,
    bytes: Vec<u8>,
}

impl Assembly {
    /// Expects `total` bytes, at most `bytes_max`.
    pub fn new(total: u64, bytes_max: usize, what: &str) -> Result<Assembly> {
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        if total > bytes_max {
            return Err(Error::quota(
                "payload_too_large",
                format!("{what} of {total} bytes: at most {bytes_max} are allowed, split it"),
            ));
        }
        Ok(Assembly { total, bytes: Vec::new() })
    }

    /// Adds a chunk; whether all bytes are there.
    pub fn push(&mut self, chunk: &[u8]) -> Result<bool> {
        if self.bytes.len() + chunk.len() > self.total {
            return Err(Error::corrupt("payload_overrun", "a payload is longer than it said"));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(self.bytes.len() == self.total)
    }

    /// The bytes.
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }
}

/// The first chunk of a payload, and the rest in chunks.
pub(crate) fn chunks(payload: &[u8]) -> (&[u8], std::slice::Chunks<'_, u8>) {
    let (first, rest) = payload.split_at(payload.len().min(CHUNK_BYTES));
    (first, rest.chunks(CHUNK_BYTES))
}
