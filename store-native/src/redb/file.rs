//! The file under redb, guarded against failed writes.
//!
//! After a failed write redb refuses to read as well. Here the first failure ends writing to the file for good, and
//! what redb writes from then on goes into memory: reads go on, and on disk the last synced state stays as it is.
//! The store refuses commits from that moment, so that this is at most the rest of one transaction and a shutdown.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use redb::StorageBackend;
use redb::backends::FileBackend;

const BLOCK_BYTES: usize = 4096;

/// Shared between redb, which owns its storage, and the store, which asks for the failure.
#[derive(Clone, Debug)]
pub(super) struct GuardedFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: FileBackend,
    /// Whether `fallen` is set, readable without its lock.
    has_fallen: AtomicBool,
    fallen: RwLock<Option<Fallen>>,
}

/// What stands in for the file since a write failed.
#[derive(Debug)]
struct Fallen {
    cause: (io::ErrorKind, String),
    len: u64,
    /// Blocks that were written since, by number; the others are as in the file.
    blocks: BTreeMap<u64, Box<[u8]>>,
}

impl GuardedFile {
    pub(super) fn new(file: File) -> io::Result<GuardedFile> {
        let file = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(GuardedFile(Arc::new(Inner { file, has_fallen: AtomicBool::new(false), fallen: RwLock::new(None) })))
    }

    /// The first failed write.
    pub(super) fn failure(&self) -> Option<io::Error> {
        if !self.0.has_fallen.load(Ordering::Acquire) {
            return None;
        }
        let fallen = self.0.fallen.read();
        fallen.as_ref().map(|fallen| io::Error::new(fallen.cause.0, fallen.cause.1.clone()))
    }
}

impl Inner {
    /// Does `write` on the file, or `stand_in` on what stands for it after a failure.
    fn change(
        &self,
        write: impl FnOnce(&FileBackend) -> io::Result<()>,
        stand_in: impl FnOnce(&mut Fallen, &FileBackend) -> io::Result<()>,
    ) -> io::Result<()> {
        if !self.has_fallen.load(Ordering::Acquire) {
            let Err(error) = write(&self.file) else { return Ok(()) };
            self.fall(&error)?;
        }
        match self.fallen.write().as_mut() {
            Some(fallen) => stand_in(fallen, &self.file),
            None => Ok(()),
        }
    }

    fn fall(&self, error: &io::Error) -> io::Result<()> {
        let mut fallen = self.fallen.write();
        if fallen.is_none() {
            let cause = (error.kind(), error.to_string());
            *fallen = Some(Fallen { cause, len: self.file.len()?, blocks: BTreeMap::new() });
            self.has_fallen.store(true, Ordering::Release);
        }
        Ok(())
    }
}

/// Reads what the file has of `offset..`, zeros behind its end.
fn read_or_zeros(file: &FileBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
    let there = file.len()?.saturating_sub(offset);
    let there = usize::try_from(there).unwrap_or(usize::MAX).min(out.len());
    let (stored, behind) = out.split_at_mut(there);
    behind.fill(0);
    if stored.is_empty() { Ok(()) } else { file.read(offset, stored) }
}

/// The pieces of `offset..offset + len` by block: number, place in the block, place in the whole.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let start = (at % BLOCK_BYTES as u64) as usize;
        let bytes = (BLOCK_BYTES - start).min(len - done);
        let piece = (at / BLOCK_BYTES as u64, start..start + bytes, done..done + bytes);
        done += bytes;
        Some(piece)
    })
}

impl Fallen {
    fn write(&mut self, file: &FileBackend, offset: u64, data: &[u8]) -> io::Result<()> {
        for (number, inside, outside) in pieces(offset, data.len()) {
            let block = match self.blocks.entry(number) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    let mut block = vec![0; BLOCK_BYTES].into_boxed_slice();
                    read_or_zeros(file, number * BLOCK_BYTES as u64, &mut block)?;
                    entry.insert(block)
                }
            };
            copy(&mut block[inside], &data[outside]);
        }
        Ok(())
    }

    fn read(&self, file: &FileBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_or_zeros(file, offset, out)?;
        for (number, inside, outside) in pieces(offset, out.len()) {
            if let Some(block) = self.blocks.get(&number) {
                copy(&mut out[outside], &block[inside]);
            }
        }
        Ok(())
    }
}

fn copy(to: &mut [u8], from: &[u8]) {
    to.copy_from_slice(from);
}

impl StorageBackend for GuardedFile {
    fn len(&self) -> io::Result<u64> {
        match self.0.fallen.read().as_ref() {
            Some(fallen) => Ok(fallen.len),
            None => self.0.file.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.0.has_fallen.load(Ordering::Acquire)
            && let Some(fallen) = self.0.fallen.read().as_ref()
        {
            return fallen.read(&self.0.file, offset, out);
        }
        self.0.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.change(
            |file| file.set_len(len),
            |fallen, _| {
                fallen.len = len;
                Ok(())
            },
        )
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.change(FileBackend::sync_data, |_, _| Ok(()))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.change(|file| file.write(offset, data), |fallen, file| fallen.write(file, offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.0.file.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_go_on_over_memory_after_a_failed_write() {
        let named = tempfile::NamedTempFile::new().expect("a temporary file");
        let guarded = GuardedFile::new(named.reopen().expect("open it again")).expect("a backend");
        guarded.set_len(10_000).expect("grow");
        guarded.write(4_000, &[1; 200]).expect("write");
        guarded.0.fall(&io::Error::from(io::ErrorKind::StorageFull)).expect("fall");
        assert_eq!(guarded.failure().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));

        guarded.set_len(20_000).expect("in memory");
        guarded.write(4_090, &[2; 20]).expect("in memory");
        guarded.write(15_000, &[3; 9]).expect("in memory");
        guarded.sync_data().expect("in memory");
        let mut bytes = [9; 130];
        guarded.read(4_080, &mut bytes).expect("read");
        assert_eq!((&bytes[..10], &bytes[10..30], &bytes[30..120]), (&[1; 10][..], &[2; 20][..], &[1; 90][..]));
        assert_eq!(&bytes[120..], [0; 10]);
        guarded.read(14_995, &mut bytes).expect("read");
        assert_eq!((&bytes[..5], &bytes[5..14], &bytes[14..]), (&[0; 5][..], &[3; 9][..], &[0; 116][..]));
        assert_eq!(guarded.len().expect("length"), 20_000);
        assert_eq!(named.as_file().metadata().expect("metadata").len(), 10_000, "the file is left alone");
    }
}
