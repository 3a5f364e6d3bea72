//! Requests that have an effect once, however often they come: the answer is stored in the batch of the effect.

use std::collections::HashSet;

use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::server::Server;
use kalamdb_core::store::{Direction, Partition, WriteBatch};
use kalamdb_core::{ContentHash, Error, Now, Result, SpaceId, keys};
use parking_lot::Mutex;

/// How long the answer to a request is kept.
pub const ANSWER_KEPT_MS: u64 = 24 * 3_600_000;
/// How long it is known that a batch of an import is there.
pub const IMPORT_KEPT_MS: u64 = 90 * 24 * 3_600_000;
/// The largest answer that is kept.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The longest key of a request, in bytes.
pub const KEY_BYTES_MAX: usize = 255;
/// Outdated answers that are removed with one commit.
const SWEEP_BATCH: usize = 1000;
const FORMAT: u8 = 1;

/// A key of a request, with the content that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    space: SpaceId,
    key: ContentHash,
    content: ContentHash,
}

impl RequestKey {
    /// The key that a caller gave for `content`.
    ///
    /// # Errors
    /// Kind `invalid` if it is empty or too long.
    pub fn new(space: SpaceId, key: &[u8], content: &[u8]) -> Result<RequestKey> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            let message = format!("the idempotency key has {} bytes: it has 1 to {KEY_BYTES_MAX}", key.len());
            return Err(Error::invalid("invalid_idempotency_key", message));
        }
        Ok(RequestKey { space, key: ContentHash::of(key), content: ContentHash::of(content) })
    }

    /// The answer that was stored, if the request had its effect.
    ///
    /// # Errors
    /// Kind `conflict` if the key was used for another content; what the store gives.
    pub fn find(&self, server: &Server) -> Result<Option<Vec<u8>>> {
        let stored = server.store().snapshot()?.get(Partition::Meta, &keys::idempotency(self.space, &self.key.0))?;
        let Some(bytes) = stored else { return Ok(None) };
        let mut input = Reader::new(&bytes);
        read_head(&mut input)?;
        if ContentHash(input.array()?) != self.content {
            let message = "the idempotency key was used for another request: take a new key for each request";
            return Err(Error::conflict("idempotency_key_reused", message));
        }
        Ok(Some(input.bytes()?.to_vec()))
    }

    /// What stores `answer`; it goes into the batch of the effect.
    ///
    /// # Errors
    /// Kind `quota` if the answer is too large.
    pub fn store(&self, answer: &[u8], now: Now, kept_ms: u64) -> Result<WriteBatch> {
        if answer.len() > ANSWER_BYTES_MAX {
            let message = format!(
                "the answer has {} bytes: with an idempotency key at most {ANSWER_BYTES_MAX}; leave out the queries",
                answer.len()
            );
            return Err(Error::quota("answer_too_large", message));
        }
        let mut out = Writer::new();
        out.u8(FORMAT);
        out.varint(now.millis().saturating_add(kept_ms));
        out.raw(&self.content.0);
        out.bytes(answer);
        let mut batch = WriteBatch::new();
        batch.put(Partition::Meta, keys::idempotency(self.space, &self.key.0), out.into_vec());
        Ok(batch)
    }
}

/// Checks the format and reads until when the answer is kept.
fn read_head(input: &mut Reader<'_>) -> Result<u64> {
    match input.u8()? {
        FORMAT => input.varint(),
        other => Err(Error::corrupt("unknown_format", format!("a stored answer of unknown format {other}"))),
    }
}

/// Removes answers that are kept no longer; how many.
///
/// # Errors
/// What the store gives.
pub fn sweep(server: &Server, now: Now) -> Result<usize> {
    let mut removed = 0;
    loop {
        let snapshot = server.store().snapshot()?;
        let mut cursor = snapshot.scan(Partition::Meta, keys::idempotency_all(), Direction::Forward)?;
        let (mut batch, mut count) = (WriteBatch::new(), 0);
        while count < SWEEP_BATCH && cursor.advance()? {
            if read_head(&mut Reader::new(cursor.value()))? <= now.millis() {
                batch.delete(Partition::Meta, cursor.key());
                count += 1;
            }
        }
        if count > 0 {
            server.store().commit(batch)?;
            removed += count;
        }
        if count < SWEEP_BATCH {
            return Ok(removed);
        }
    }
}

/// Requests with a key that are being carried out.
#[derive(Default)]
pub struct Running(Mutex<HashSet<(SpaceId, [u8; 16])>>);

/// Marks a request as being carried out, until it is dropped.
pub struct Mark<'a> {
    running: &'a Running,
    id: (SpaceId, [u8; 16]),
}

impl Running {
    /// Marks `key`.
    ///
    /// # Errors
    /// Kind `retry` if another request with this key is being carried out.
    pub fn begin(&self, key: &RequestKey) -> Result<Mark<'_>> {
        let id = (key.space, key.key.0);
        if self.0.lock().insert(id) {
            return Ok(Mark { running: self, id });
        }
        let message = "a request with this idempotency key is being carried out: try again for its answer";
        Err(Error::retry("request_running", message))
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.running.0.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kalamdb_core::store::MemoryStore;

    use super::*;
    use crate::clock::SystemEntropy;

    const SPACE: SpaceId = SpaceId(1);

    fn key(key: &[u8], content: &[u8]) -> RequestKey {
        RequestKey::new(SPACE, key, content).expect("a key")
    }

    #[test]
    fn an_answer_is_found_by_key_and_content_until_it_is_swept() {
        let server = Server::open(Arc::new(MemoryStore::new()), Arc::new(SystemEntropy)).expect("a server");
        let first = key(b"k", b"body");
        assert_eq!(first.find(&server), Ok(None));
        let batch = first.store(b"answer", Now::from_millis(1000), 500).expect("it fits");
        server.store().commit(batch).expect("it is stored");
        assert_eq!(first.find(&server), Ok(Some(b"answer".to_vec())));
        assert_eq!(key(b"k", b"other").find(&server).expect_err("reused").code(), "idempotency_key_reused");
        assert_eq!(sweep(&server, Now::from_millis(1499)), Ok(0));
        assert_eq!(sweep(&server, Now::from_millis(1500)), Ok(1));
        assert_eq!(first.find(&server), Ok(None));
    }

    #[test]
    fn keys_and_answers_have_limits_and_run_once_at_a_time() {
        assert!(RequestKey::new(SPACE, b"", b"").is_err());
        assert!(RequestKey::new(SPACE, &[b'k'; KEY_BYTES_MAX + 1], b"").is_err());
        assert!(key(b"k", b"").store(&vec![0; ANSWER_BYTES_MAX + 1], Now(0), 1).is_err());
        let running = Running::default();
        let mark = running.begin(&key(b"k", b"")).expect("it is the first");
        assert_eq!(running.begin(&key(b"k", b"")).err().expect("it runs").code(), "request_running");
        drop(mark);
        assert!(running.begin(&key(b"k", b"")).is_ok());
    }
}
