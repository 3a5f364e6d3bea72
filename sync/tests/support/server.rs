//! The smallest driver of `ServerSession` over tokio-tungstenite: what a real server does, without its care for
//! limits.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kalamdb_core::catalog::{NewColumn, NewTable, TableOptions};
use kalamdb_core::server::Server;
use kalamdb_core::store::{MemoryStore, Store};
use kalamdb_core::{DeviceId, Error, Name, Result, SpaceId, Type, UserId};
use kalamdb_sync::native::{SystemEntropy, socket_config, system_now};
use kalamdb_sync::server::{Identity, Input, Output, ServerSession};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// A token that lasts `lifetime` from now: the user, when it ends in ms since 1970, whether it may declare tables.
pub fn token(user: &str, lifetime: Duration, may_declare: bool) -> String {
    let expires = system_now().millis() + lifetime.as_millis() as u64;
    format!("{user}|{expires}|{may_declare}")
}

fn verify(token: &str) -> Result<Identity> {
    let invalid = || Error::unauthorized("token_invalid", "the token is not valid: get a new one");
    let mut parts = token.split('|');
    let (user, expires, may_declare) =
        (parts.next().ok_or_else(invalid)?, parts.next().ok_or_else(invalid)?, parts.next().ok_or_else(invalid)?);
    let identity = Identity {
        user: UserId::new(user)?,
        expires_ms: expires.parse().map_err(|_| invalid())?,
        may_declare: may_declare == "true",
    };
    if identity.expires_ms <= system_now().millis() {
        return Err(Error::unauthorized("token_expired", "the token has expired: get a new one"));
    }
    Ok(identity)
}

/// What connections share.
struct Shared {
    server: Arc<Server>,
    /// Changes with each transaction.
    news: watch::Sender<()>,
    devices: Mutex<HashMap<(SpaceId, DeviceId), mpsc::UnboundedSender<Input>>>,
    verified: AtomicU64,
}

/// A server on a port of this machine.
pub struct TestServer {
    pub server: Arc<Server>,
    pub address: SocketAddr,
    store: Arc<dyn Store>,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl TestServer {
    /// A new server with table `app.notes`.
    pub async fn start() -> TestServer {
        let server = TestServer::start_empty().await;
        let (_, _) = server.server.change_catalog(create_notes).expect("a new table");
        server
    }

    /// A new server without tables.
    pub async fn start_empty() -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        TestServer::run(Arc::new(MemoryStore::new()), listener)
    }

    fn run(store: Arc<dyn Store>, listener: TcpListener) -> TestServer {
        let server = Arc::new(Server::open(store.clone(), Arc::new(SystemEntropy)).expect("a server"));
        let shared = Arc::new(Shared {
            server: server.clone(),
            news: watch::Sender::new(()),
            devices: Mutex::default(),
            verified: AtomicU64::new(0),
        });
        let observer = shared.clone();
        server.observe(Arc::new(move |_, _, _| observer.news.send_modify(|()| ())));
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(accept(listener, shared.clone()));
        TestServer { server, address, store, shared, task }
    }

    /// Ends every connection without a word and stops listening.
    pub async fn kill(self) -> StoppedServer {
        self.task.abort();
        self.task.await.ok();
        StoppedServer { store: self.store, address: self.address }
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// How many tokens were looked at.
    pub fn verified(&self) -> u64 {
        self.shared.verified.load(Ordering::Relaxed)
    }

    /// Lets connections see a change of the catalog.
    pub fn wake(&self) {
        self.shared.news.send_modify(|()| ());
    }
}

/// What is left of a killed server.
pub struct StoppedServer {
    store: Arc<dyn Store>,
    address: SocketAddr,
}

impl StoppedServer {
    /// The same server on the same port again.
    pub async fn restart(self) -> TestServer {
        let listener = TcpListener::bind(self.address).await.expect("the same port");
        TestServer::run(self.store, listener)
    }
}

/// Adds `app.notes (id BIGINT PRIMARY KEY, title TEXT NOT NULL, stars INT)`.
pub fn create_notes(catalog: &mut kalamdb_core::Catalog) -> Result<()> {
    create_table(catalog, "notes")
}

/// Adds a table like `app.notes` under another name.
pub fn create_table(catalog: &mut kalamdb_core::Catalog, table: &str) -> Result<()> {
    let name = |text: &str| Name::new(text).expect("a name");
    let column = |text: &str, ty, nullable| NewColumn { name: name(text), ty, nullable, default: None };
    if !catalog.namespaces().contains(&name("app")) {
        catalog.create_namespace(&name("app"))?;
    }
    catalog.create_table(NewTable {
        namespace: name("app"),
        name: name(table),
        columns: vec![
            column("id", Type::BigInt, false),
            column("title", Type::Text, false),
            column("stars", Type::Int, true),
        ],
        primary_key: vec![name("id")],
        checks: Vec::new(),
        options: TableOptions::default(),
    })?;
    Ok(())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Connections end with the set, and the set with this task.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, shared.clone()));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    stream.set_nodelay(true).ok();
    let Ok(socket) = tokio_tungstenite::accept_async_with_config(stream, Some(socket_config())).await else { return };
    let (mut sink, mut source) = socket.split();
    let mut session = ServerSession::new(shared.server.clone(), system_now());
    let mut news = shared.news.subscribe();
    let (to_me, mut for_me) = mpsc::unbounded_channel();
    loop {
        while let Some(output) = session.poll_output() {
            match output {
                Output::Verify(token) => {
                    shared.verified.fetch_add(1, Ordering::Relaxed);
                    session.handle(Input::Verified(verify(&token)), system_now());
                }
                Output::Established(space, device) => {
                    if let Some(older) = shared.devices.lock().insert((space, device), to_me.clone()) {
                        older.send(Input::Replaced).ok();
                    }
                }
                Output::Send(message) => {
                    if sink.send(Message::Binary(message.into())).await.is_err() {
                        return;
                    }
                }
                Output::Close => {
                    sink.close().await.ok();
                    return;
                }
            }
        }
        let timeout = session.poll_timeout().map_or(u64::MAX, |until| until.millis());
        let pause = Duration::from_millis(timeout.saturating_sub(system_now().millis()).min(60_000));
        let input = tokio::select! {
            message = source.next() => match message {
                Some(Ok(Message::Binary(bytes))) => Input::Message(bytes.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                _ => return,
            },
            _ = news.changed() => Input::Wake,
            Some(input) = for_me.recv() => input,
            () = tokio::time::sleep(pause) => Input::Tick,
        };
        let catalog = shared.server.catalog().version();
        session.handle(input, system_now());
        if shared.server.catalog().version() != catalog {
            shared.news.send_modify(|()| ());
        }
    }
}
