//! A change on one device until another sees it, against a bare WebSocket echo and one sync of each store.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use kalamdb::{Database, params};
use kalamdb_core::store::{Partition, Store, WriteBatch};
use kalamdb_store_native::{StoreKind, open_store};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

use crate::data::{ROWS, Source};
use crate::figure::{Better, Figure};
use crate::world::World;

/// Changes that are watched, after some that are not counted.
const CHANGES: u64 = 1_000;
const WARM_UP: u64 = 50;
/// Pause between two changes: they are watched one by one.
const PAUSE: Duration = Duration::from_millis(2);
/// Bytes of the bare echo's message, about those of a change.
const ECHO_BYTES: usize = 220;
const SEEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Measures p50 and p99.
///
/// # Errors
/// What server, devices and stores give.
pub async fn run(world: &World, report: &mut dyn FnMut(Figure)) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let bare = bare(folder.path()).await?;
    let address = world.running.address();
    let writer = world.device(&folder.path().join("writer"), address).await?;
    let reader = world.device(&folder.path().join("reader"), address).await?;
    let mut times = Times::new()?;
    let mut source = Source::new(5);
    for number in 0..WARM_UP + CHANGES {
        let id = ROWS + 1_000_000 + number;
        let row = source.params(&world.table, id);
        let mut changes = reader.changes().subscribe();
        let began = Instant::now();
        let sql = "INSERT INTO app.items (id, title, body, city, stars, price, written) VALUES ($1,$2,$3,$4,$5,$6,$7)";
        ensure!(writer.execute(sql, &row).await? == 1, "one row is inserted");
        while !sees(&reader, id).await? {
            tokio::time::timeout(SEEN_TIMEOUT, changes.changed()).await.context("a change is not seen")??;
        }
        if number >= WARM_UP {
            times.add(began.elapsed());
        }
        tokio::time::sleep(PAUSE).await;
    }
    writer.close().await?;
    reader.close().await?;
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        report(Figure {
            name: format!("change on one device seen on another, {name}"),
            value: times.at(quantile),
            unit: "ms",
            better: Better::Lower,
            bound: (bare.at(quantile), "bare WebSocket echo and one sync of each of the three stores"),
        });
    }
    Ok(())
}

async fn sees(db: &Database, id: u64) -> Result<bool> {
    let rows = db.query("SELECT id FROM app.items WHERE id = $1", &params![id as i64]).await?;
    Ok(!rows.rows.is_empty())
}

/// Times in microseconds.
struct Times(Histogram<u64>);

impl Times {
    fn new() -> Result<Times> {
        Ok(Times(Histogram::new_with_bounds(1, 60_000_000, 3)?))
    }

    fn add(&mut self, time: Duration) {
        self.0.saturating_record(time.as_micros() as u64);
    }

    /// Milliseconds.
    fn at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e3
    }
}

/// One sync of each store and an echo, one after the other as a change has to pass them: the writer's disk before it
/// is sent, the server's before it is answered, the reader's before it is confirmed.
async fn bare(folder: &Path) -> Result<Times> {
    let open = |kind, name: &str| open_store(kind, &folder.join(name), None);
    let stores = [
        open(StoreKind::CLIENT_DEFAULT, "bare-writer")?,
        open(StoreKind::Rocksdb, "bare-server")?,
        open(StoreKind::CLIENT_DEFAULT, "bare-reader")?,
    ];
    let address = echo_server().await?;
    let (mut socket, _) = client_async(format!("ws://{address}"), connect(address).await?).await?;
    let message = vec![7_u8; ECHO_BYTES];
    let mut times = Times::new()?;
    for number in 0..WARM_UP + CHANGES {
        let began = Instant::now();
        sync(&stores[0], number, &message).await?;
        socket.send(Message::binary(message.clone())).await?;
        ensure!(socket.next().await.context("an echo")??.len() == ECHO_BYTES, "the echo is another message");
        sync(&stores[1], number, &message).await?;
        sync(&stores[2], number, &message).await?;
        if number >= WARM_UP {
            times.add(began.elapsed());
        }
        tokio::time::sleep(PAUSE).await;
    }
    stores.iter().try_for_each(|store| store.close())?;
    Ok(times)
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn sync(store: &Arc<dyn Store>, number: u64, value: &[u8]) -> Result<()> {
    let mut batch = WriteBatch::new();
    batch.put(Partition::Rows, number.to_be_bytes(), value.to_vec());
    let store = store.clone();
    tokio::task::spawn_blocking(move || {
        store.commit(batch)?;
        store.flush().map(drop)
    })
    .await??;
    Ok(())
}

/// A WebSocket server that sends back what it gets, on one connection.
async fn echo_server() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut socket = accept_async(stream).await?;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_binary() {
                socket.send(message).await?;
            }
        }
        anyhow::Ok(())
    });
    Ok(address)
}
