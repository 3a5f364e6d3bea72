//! First sync of a new device, against copying the same bytes through a socket into the same store.

use std::io::{BufReader, BufWriter, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kalamdb_core::store::{Direction, KeyRange, Partition, WriteBatch};
use kalamdb_store_native::{StoreKind, open_store};

use crate::data::{PLAIN_BYTES, ROWS};
use crate::figure::{Better, Figure};
use crate::world::World;

/// How often both are done, in turn; the best of each is kept.
const REPEATS: usize = 3;
/// Bytes that the bare copy writes with one commit.
const COPY_COMMIT_BYTES: usize = 1 << 20;
/// Bytes of each buffer of a socket.
const BUFFER_BYTES: usize = 256 << 10;

/// Measures first sync, and bytes on the wire and on disk; leaves a synced device in `directory`.
///
/// # Errors
/// What server, devices and stores give.
pub async fn run(world: &World, directory: &Path, report: &mut dyn FnMut(Figure)) -> Result<()> {
    let (mut synced, mut copied) = (Duration::MAX, Duration::MAX);
    for repeat in 0..REPEATS {
        let folder = tempfile::tempdir()?;
        let device = folder.path().join("device");
        synced = synced.min(sync(world, &device, world.running.address()).await?);
        let pairs = dump(&device)?;
        copied = copied.min(tokio::task::spawn_blocking(move || copy(pairs)).await??);
        if repeat + 1 == REPEATS {
            std::fs::rename(&device, directory)?;
        }
    }
    report(Figure {
        name: "first sync of 100 000 rows".to_owned(),
        value: ROWS as f64 / synced.as_secs_f64(),
        unit: "rows/s",
        better: Better::Higher,
        bound: (ROWS as f64 / copied.as_secs_f64(), "same stored bytes through a socket into the same store"),
    });
    let bytes = on_the_wire(world).await?;
    report(per_row("bytes on the wire per row, first sync", bytes));
    report(per_row("bytes on disk per row, device", bytes_on_disk(directory)?));
    Ok(())
}

/// A figure of bytes per row.
pub fn per_row(name: &str, bytes: u64) -> Figure {
    let value = bytes as f64 / ROWS as f64;
    Figure {
        name: name.to_owned(),
        value,
        unit: "bytes/row",
        better: Better::Lower,
        bound: (PLAIN_BYTES, "the row's values without framing"),
    }
}

/// The time until a new device has everything and has it on disk.
async fn sync(world: &World, directory: &Path, address: SocketAddr) -> Result<Duration> {
    let began = Instant::now();
    let db = world.device(directory, address).await?;
    db.wait_persisted().await?;
    let took = began.elapsed();
    let count = db.query("SELECT COUNT(*) FROM app.items", &[]).await?;
    ensure!(count.rows == [kalamdb::params![ROWS as i64]], "the device has {:?} rows", count.rows);
    db.close().await?;
    Ok(took)
}

type Pairs = Vec<(Partition, Vec<u8>, Vec<u8>)>;

/// Everything that a device keeps.
fn dump(directory: &Path) -> Result<Pairs> {
    let store = open_store(StoreKind::CLIENT_DEFAULT, directory, None)?;
    let snapshot = store.snapshot()?;
    let mut pairs = Vec::new();
    for partition in Partition::ALL {
        let mut cursor = snapshot.scan(partition, KeyRange::all(), Direction::Forward)?;
        while cursor.advance()? {
            pairs.push((partition, cursor.key().to_vec(), cursor.value().to_vec()));
        }
    }
    store.close()?;
    Ok(pairs)
}

/// The time to send the pairs through a socket and to have them on disk in a new store.
fn copy(pairs: Pairs) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let began = Instant::now();
    let sender = thread::spawn(move || -> std::io::Result<()> {
        let (stream, _) = listener.accept()?;
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, stream);
        for (partition, key, value) in &pairs {
            out.write_all(&[*partition as u8])?;
            for part in [key, value] {
                out.write_all(&(part.len() as u32).to_le_bytes())?;
                out.write_all(part)?;
            }
        }
        out.flush()
    });
    let store = open_store(StoreKind::CLIENT_DEFAULT, &folder.path().join("copy"), None)?;
    let mut input = BufReader::with_capacity(BUFFER_BYTES, TcpStream::connect(address)?);
    let mut batch = WriteBatch::new();
    while let Some(partition) = read_partition(&mut input)? {
        let (key, value) = (read_part(&mut input)?, read_part(&mut input)?);
        batch.put(partition, key, value);
        if batch.bytes() >= COPY_COMMIT_BYTES {
            store.commit(std::mem::take(&mut batch))?;
        }
    }
    store.commit(batch)?;
    store.flush()?;
    let took = began.elapsed();
    sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    store.close()?;
    Ok(took)
}

fn read_partition(input: &mut impl Read) -> Result<Option<Partition>> {
    let mut byte = [0];
    if input.read(&mut byte)? == 0 {
        return Ok(None);
    }
    Partition::ALL.get(usize::from(byte[0])).copied().map(Some).context("a partition")
}

fn read_part(input: &mut impl Read) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let mut part = vec![0; u32::from_le_bytes(length) as usize];
    input.read_exact(&mut part)?;
    Ok(part)
}

/// Bytes that cross the socket in both directions during a first sync.
async fn on_the_wire(world: &World) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let counter = Arc::new(AtomicU64::new(0));
    let address = counting_proxy(world.running.address(), counter.clone()).await?;
    sync(world, &folder.path().join("device"), address).await?;
    Ok(counter.load(Ordering::SeqCst))
}

async fn counting_proxy(server: SocketAddr, counter: Arc<AtomicU64>) -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await?;
        let mut server = tokio::net::TcpStream::connect(server).await?;
        let (there, back) = tokio::io::copy_bidirectional(&mut client, &mut server).await?;
        counter.fetch_add(there + back, Ordering::SeqCst);
        std::io::Result::Ok(())
    });
    Ok(address)
}

/// Bytes that the files of a directory take.
pub fn bytes_on_disk(directory: &Path) -> Result<u64> {
    let mut folders: Vec<PathBuf> = vec![directory.to_path_buf()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += std::os::unix::fs::MetadataExt::blocks(&metadata) * 512;
            }
        }
    }
    Ok(bytes)
}
