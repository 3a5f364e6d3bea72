//! A device whose session is driven over a real socket.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kalamdb_core::device::Device;
use kalamdb_core::mutation::Assignment;
use kalamdb_core::row::Row;
use kalamdb_core::store::{Direction, KeyRange, MemoryStore};
use kalamdb_core::{Datum, Table};
use kalamdb_server::clock::{SystemEntropy, instant_of, now};
use kalamdb_sync::client::{ClientSession, Input, Output};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longest wait for a condition.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct TestDevice {
    pub device: Arc<Device>,
    pub session: ClientSession,
    url: String,
    token: String,
    socket: Option<Socket>,
}

impl TestDevice {
    pub fn new(url: &str, token: &str) -> TestDevice {
        let entropy = Arc::new(SystemEntropy);
        let device = Device::open(Arc::new(MemoryStore::new()), entropy.clone()).expect("a device");
        TestDevice::on(Arc::new(device), url, token)
    }

    /// A connection of its own for a device that another one may drive too.
    pub fn on(device: Arc<Device>, url: &str, token: &str) -> TestDevice {
        let mut session = ClientSession::new(device.clone(), Arc::new(SystemEntropy));
        session.handle(Input::Start, now());
        TestDevice { device, session, url: url.to_owned(), token: token.to_owned(), socket: None }
    }

    /// A device that has declared `app.notes`.
    pub fn with_notes(url: &str, token: &str) -> TestDevice {
        let test = TestDevice::new(url, token);
        let created = test.device.change_catalog(|catalog| {
            catalog.create_namespace(&super::name("app"))?;
            catalog.create_table(super::notes())
        });
        created.expect("the table");
        test
    }

    pub fn notes(&self) -> Arc<Table> {
        self.device.catalog().table_named("app", "notes").expect("the table is known").clone()
    }

    /// Inserts a note.
    pub fn insert(&mut self, id: i64, title: &str) {
        let table = self.notes();
        let mut tx = self.device.begin(now()).expect("a transaction");
        let columns: Vec<_> = table.live_columns().map(|column| column.id).collect();
        let cells = vec![(columns[0], Datum::BigInt(id)), (columns[1], Datum::Text(title.to_owned()))];
        tx.insert(table.id, cells).expect("an insert");
        self.device.commit(tx, now()).expect("a commit");
        self.session.handle(Input::Wake, now());
    }

    /// Adds one to the counter of note `id`.
    pub fn hit(&mut self, id: i64) {
        let table = self.notes();
        let hits = table.column_named("hits").expect("a column").id;
        let mut key = Vec::new();
        kalamdb_core::key::write_value(&mut key, &kalamdb_core::Value::BigInt(id)).expect("a key");
        let mut tx = self.device.begin(now()).expect("a transaction");
        tx.update(table.id, &key, vec![(hits, Assignment::Add(1))]).expect("an update");
        self.device.commit(tx, now()).expect("a commit");
        self.session.handle(Input::Wake, now());
    }

    /// Deletes note `id`.
    pub fn delete(&mut self, id: i64) {
        let table = self.notes();
        let mut key = Vec::new();
        kalamdb_core::key::write_value(&mut key, &kalamdb_core::Value::BigInt(id)).expect("a key");
        let mut tx = self.device.begin(now()).expect("a transaction");
        tx.delete(table.id, &key).expect("a deletion");
        self.device.commit(tx, now()).expect("a commit");
        self.session.handle(Input::Wake, now());
    }

    /// How many notes are deleted and not forgotten.
    pub fn tombstones(&self) -> usize {
        let table = self.notes();
        let view = self.device.view().expect("a view");
        let mut cursor = view.scan(table.id, &KeyRange::all(), Direction::Forward).expect("a scan");
        let mut tombstones = 0;
        while cursor.advance().expect("a row") {
            tombstones += usize::from(cursor.header().expect("a header").deleted);
        }
        tombstones
    }

    /// The live notes: id, title, hits.
    pub fn rows(&self) -> Vec<(i64, String, i64)> {
        let Ok(table) = self.device.catalog().table_named("app", "notes").cloned() else { return Vec::new() };
        let view = self.device.view().expect("a view");
        let mut cursor = view.scan(table.id, &KeyRange::all(), Direction::Forward).expect("a scan");
        let mut rows = Vec::new();
        while cursor.advance().expect("a row") {
            let row = Row::decode(&table, cursor.pk(), cursor.row()).expect("a row");
            if row.header.deleted {
                continue;
            }
            let cell = |at: usize| row.cells.get(at).cloned().unwrap_or(Datum::Null);
            let Datum::BigInt(id) = cell(0) else { panic!("an id is a BIGINT") };
            let title = if let Datum::Text(title) = cell(1) { title } else { String::new() };
            let hits = if let Datum::Counter(counter) = cell(2) { counter.value() } else { 0 };
            rows.push((id, title, hits));
        }
        rows
    }

    pub fn pending(&self) -> u64 {
        self.device.status().expect("a status").pending
    }

    pub fn rejected(&self) -> u64 {
        self.device.status().expect("a status").rejected
    }

    pub fn is_synced(&self) -> bool {
        self.session.status().expect("a status").is_synced
    }

    pub fn error_code(&self) -> Option<String> {
        self.session.status().expect("a status").error.map(|error| error.code().to_owned())
    }

    /// Drives the connection until `done`, or panics after [`DEADLINE`].
    pub async fn until(&mut self, what: &str, mut done: impl FnMut(&TestDevice) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.carry_out().await;
            if done(self) {
                return;
            }
            let status = self.session.status().expect("a status");
            assert!(Instant::now() < deadline, "{what}: not reached in time, the session is {status:?}");
            self.step(deadline).await;
        }
    }

    pub async fn sync(&mut self) {
        self.until("sync", TestDevice::is_synced).await;
    }

    /// Waits for one event, at most until `until`.
    pub async fn step(&mut self, until: Instant) {
        let until = self.session.poll_timeout().map_or(until, |at| instant_of(at).min(until));
        let Some(socket) = &mut self.socket else {
            sleep_until(until).await;
            return self.session.handle(Input::Tick, now());
        };
        let input = tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => Input::Message(bytes.into()),
                Some(Ok(Message::Close(_))) | None => Input::Lost("closed".to_owned()),
                Some(Ok(_)) => Input::Wake,
                Some(Err(error)) => Input::Lost(error.to_string()),
            },
            () = sleep_until(until) => Input::Tick,
        };
        if matches!(input, Input::Lost(_)) {
            self.socket = None;
        }
        self.session.handle(input, now());
    }

    async fn carry_out(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::NeedToken => self.session.handle(Input::Token(Ok(self.token.clone())), now()),
                Output::Connect => self.connect().await,
                Output::Send(message) => {
                    let Some(socket) = &mut self.socket else { continue };
                    if let Err(error) = socket.send(Message::Binary(message.into())).await {
                        self.socket = None;
                        self.session.handle(Input::Lost(error.to_string()), now());
                    }
                }
                Output::Disconnect => {
                    if let Some(mut socket) = self.socket.take() {
                        // The other side may be gone already.
                        let _ = socket.close(None).await;
                    }
                }
                Output::Changed => {}
            }
        }
    }

    async fn connect(&mut self) {
        let input = match timeout(Duration::from_secs(10), connect_async(self.url.as_str())).await {
            Ok(Ok((socket, _))) => {
                self.socket = Some(socket);
                Input::Opened
            }
            Ok(Err(error)) => Input::Lost(error.to_string()),
            Err(_) => Input::Lost("no answer".to_owned()),
        };
        self.session.handle(input, now());
    }
}
