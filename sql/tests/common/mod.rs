//! Sessions over copies in memory.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use kalamdb_core::device::Device;
use kalamdb_core::server::Server;
use kalamdb_core::store::MemoryStore;
use kalamdb_core::{Entropy, Error, Now, UserId, Value};
use kalamdb_sql::{DeviceBackend, Role, ServerBackend, Session, StatementResult};

/// 2024-05-06 07:08:09 UTC.
pub const START: i64 = 1_714_979_289_000_000;

/// Numbers in a row instead of randomness.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Entropy for Counting {
    fn random(&self) -> [u8; 16] {
        let next = u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1);
        next.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
    }
}

fn clock() -> Arc<dyn Fn() -> Now + Send + Sync> {
    let now = AtomicI64::new(START);
    Arc::new(move || Now(now.fetch_add(1_000, Ordering::Relaxed)))
}

pub fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub fn server() -> Arc<Server> {
    Arc::new(Server::open(Arc::new(MemoryStore::new()), Arc::new(Counting::default())).unwrap())
}

pub fn session_on(server: &Arc<Server>, name: &str, role: Role) -> Session {
    let space = server.space_of(&user(name), Now(START)).unwrap();
    let entropy = Arc::new(Counting::default());
    Session::new(Arc::new(ServerBackend::new(server.clone(), space, user(name), role, entropy, clock())))
}

/// A session of an admin on a new server.
pub fn admin() -> Session {
    session_on(&server(), "ada", Role::Admin)
}

/// A session on a new device.
pub fn device() -> Session {
    let entropy = Arc::new(Counting::default());
    let device = Arc::new(Device::open(Arc::new(MemoryStore::new()), entropy.clone()).unwrap());
    device.claim(&user("ada")).unwrap();
    Session::new(Arc::new(DeviceBackend::new(device, entropy, clock())))
}

pub fn block<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

pub trait SessionExt {
    fn try_run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<StatementResult>, Error>;

    fn run(&mut self, sql: &str) -> StatementResult {
        match self.try_run(sql, &[]) {
            Ok(mut results) => results.pop().unwrap_or_default(),
            Err(error) => panic!("{sql}: {error:?}"),
        }
    }

    fn fails(&mut self, sql: &str) -> Error {
        match self.try_run(sql, &[]) {
            Ok(results) => panic!("{sql} gave {results:?}"),
            Err(error) => error,
        }
    }

    /// Rows with cells joined by `|`.
    fn rows(&mut self, sql: &str) -> Vec<String> {
        show(&self.run(sql))
    }
}

impl SessionExt for Session {
    fn try_run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<StatementResult>, Error> {
        block(self.execute(sql, params))
    }
}

pub fn show(result: &StatementResult) -> Vec<String> {
    result.rows.iter().map(|row| row.iter().map(Value::to_string).collect::<Vec<_>>().join("|")).collect()
}

pub const NOTES: &str = "
    CREATE NAMESPACE app;
    CREATE USER TABLE app.notes (
        id INT PRIMARY KEY, title TEXT NOT NULL, stars INT CHECK (stars >= 0), likes COUNTER, at TIMESTAMP DEFAULT NOW());
    CREATE INDEX by_stars ON app.notes (stars);
    INSERT INTO app.notes (id, title, stars) VALUES (1, 'one', 5), (2, 'two', 3), (3, 'three', NULL), (4, 'four', 3);";
