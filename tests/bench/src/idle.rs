//! Resident memory of a server for each connection that idles, against a WebSocket server that keeps nothing else.
//!
//! Both servers run in a process of their own, which is this program again.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use futures_util::StreamExt;
use kalamdb_core::device::Device;
use kalamdb_core::store::MemoryStore;
use kalamdb_server::connection::READ_BUFFER_BYTES;
use kalamdb_server::running::Running;
use kalamdb_sync::native::{
    ChangeCounter, Connection, ConnectionParts, Endpoint, StoreSignal, SystemEntropy, TokenSource,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};

use crate::figure::{Better, Figure};
use crate::world::{SYNC_TIMEOUT, settings, token};

/// Connections before the first look, so that what a server allocates once does not count, and before the second.
const FIRST: usize = 500;
const SECOND: usize = 2_500;
/// Devices that connect at a time.
const AT_ONCE: usize = 50;
/// How long the servers idle before a look.
const IDLE: Duration = Duration::from_secs(3);

/// What this program does in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// A server of KalamDB with a token for each device, all of another user.
    Kalamdb,
    /// A WebSocket server.
    Bare,
}

/// Measures both.
///
/// # Errors
/// If a process or a connection cannot be had.
pub async fn run(report: &mut dyn FnMut(Figure)) -> Result<()> {
    let kalamdb = kalamdb().await?;
    let bare = bare().await?;
    report(Figure {
        name: "resident memory per idle connection".to_owned(),
        value: kalamdb / 1024.0,
        unit: "KiB",
        better: Better::Lower,
        bound: (bare / 1024.0, "a WebSocket server with the same buffers that keeps nothing"),
    });
    Ok(())
}

/// Runs in a process of its own until it is killed: prints its address, then tokens.
///
/// # Errors
/// If it cannot listen or print.
pub async fn serve(role: Role) -> Result<()> {
    match role {
        Role::Kalamdb => {
            let folder = tempfile::tempdir()?;
            let running = Running::start(settings(folder.path())).await?;
            let mut out = std::io::stdout().lock();
            writeln!(out, "{}", running.address())?;
            for device in 0..SECOND {
                writeln!(out, "{}", token(&running, &format!("user{device}"))?)?;
            }
            out.flush()?;
            drop(out);
            std::future::pending().await
        }
        Role::Bare => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            println!("{}", listener.local_addr()?);
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(async move {
                    let mut socket = accept_async_with_config(stream, Some(small_buffers())).await?;
                    while let Some(Ok(_)) = socket.next().await {}
                    anyhow::Ok(())
                });
            }
        }
    }
}

/// The buffers of KalamDB's server.
fn small_buffers() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(0)
}

/// A server in a process of its own. Dropped, it is killed.
struct Server {
    child: Child,
    address: SocketAddr,
    tokens: Vec<String>,
}

impl Server {
    fn start(role: Role) -> Result<Server> {
        let name = role.to_possible_value().context("a role has a name")?;
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(["--serve", name.get_name()]).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("its output is piped")?).lines();
        let address = lines.next().context("the server says nothing")??.parse()?;
        let count = if role == Role::Kalamdb { SECOND } else { 0 };
        let tokens = lines.take(count).collect::<std::io::Result<_>>()?;
        Ok(Server { child, address, tokens })
    }

    /// Resident bytes.
    fn memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a line VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes per connection between two counts of connections.
fn per_connection(first: f64, second: f64) -> f64 {
    (second - first).max(0.0) / (SECOND - FIRST) as f64
}

async fn kalamdb() -> Result<f64> {
    let server = Server::start(Role::Kalamdb)?;
    let endpoint: Endpoint = format!("ws://{}", server.address).parse()?;
    let mut connections: Vec<Connection> = Vec::new();
    let mut first = 0.0;
    for tokens in server.tokens.chunks(AT_ONCE) {
        let opened: Vec<Connection> =
            tokens.iter().map(|token| device(&endpoint, token.clone())).collect::<Result<_>>()?;
        for connection in &opened {
            connection.wait_synced(SYNC_TIMEOUT).await?;
        }
        connections.extend(opened);
        if connections.len() == FIRST {
            tokio::time::sleep(IDLE).await;
            first = server.memory()?;
        }
    }
    tokio::time::sleep(IDLE).await;
    let second = server.memory()?;
    let broken = connections.iter().filter(|connection| !connection.status().is_synced).count();
    if broken > 0 {
        bail!("{broken} connections were lost");
    }
    Ok(per_connection(first, second))
}

/// A device with an empty memory that stays connected.
fn device(endpoint: &Endpoint, token: String) -> Result<Connection> {
    let parts = ConnectionParts {
        device: Arc::new(Device::open(Arc::new(MemoryStore::new()), Arc::new(SystemEntropy))?),
        entropy: Arc::new(SystemEntropy),
        signal: StoreSignal::default(),
        changes: ChangeCounter::default(),
    };
    let connection = Connection::spawn(parts, endpoint.clone(), TokenSource::from(token))?;
    connection.start();
    Ok(connection)
}

async fn bare() -> Result<f64> {
    let server = Server::start(Role::Bare)?;
    let mut sockets: Vec<WebSocketStream<TcpStream>> = Vec::new();
    let mut first = 0.0;
    for number in 1..=SECOND {
        let stream = TcpStream::connect(server.address).await?;
        let url = format!("ws://{}", server.address);
        sockets.push(client_async_with_config(url, stream, Some(small_buffers())).await?.0);
        if number == FIRST {
            tokio::time::sleep(IDLE).await;
            first = server.memory()?;
        }
    }
    tokio::time::sleep(IDLE).await;
    Ok(per_connection(first, server.memory()?))
}
