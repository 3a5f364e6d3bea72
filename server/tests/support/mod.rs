//! What the tests of the server share: a server in this process, and a device that syncs with it.
#![allow(dead_code, clippy::expect_used)]

pub mod device;
pub mod http;
pub mod process;

use std::sync::Arc;

use axum::Router;
use kalamdb_core::catalog::{NewColumn, NewTable, TableOptions};
use kalamdb_core::{Name, Type};
use kalamdb_server::auth::{Claims, expiry};
use kalamdb_server::clock::now;
use kalamdb_server::http::{router, router_with_demo};
use kalamdb_server::node::Node;
use kalamdb_server::running::Running;
use kalamdb_server::settings::Settings;
use tempfile::TempDir;

/// A server in this process, with its data in a folder that goes with it.
pub struct TestServer {
    pub running: Running,
    pub folder: TempDir,
}

impl TestServer {
    pub async fn start() -> TestServer {
        TestServer::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> TestServer {
        TestServer::start_as(change, router).await
    }

    /// A development server.
    pub async fn start_dev() -> TestServer {
        TestServer::start_as(|_| {}, router_with_demo).await
    }

    async fn start_as(change: impl FnOnce(&mut Settings), router: impl FnOnce(Arc<Node>) -> Router) -> TestServer {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings =
            Settings { listen: "127.0.0.1:0".to_owned(), data_dir: folder.path().join("data"), ..Settings::default() };
        change(&mut settings);
        let running = Running::start_with(settings, router).await.expect("the server starts");
        TestServer { running, folder }
    }

    /// A token that may declare tables.
    pub fn token(&self, user: &str) -> String {
        self.token_with(user, |_| {})
    }

    pub fn token_with(&self, user: &str, change: impl FnOnce(&mut Claims)) -> String {
        let exp = expiry(now(), 600);
        let mut claims = Claims { sub: user.to_owned(), exp, kalamdb_admin: false, kalamdb_declare: true };
        change(&mut claims);
        self.running.node().authority.mint(&claims).expect("a token")
    }

    pub fn sync_url(&self) -> String {
        format!("ws://{}/v1/sync", self.running.address())
    }
}

pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// `app.notes (id BIGINT PRIMARY KEY, title TEXT, hits COUNTER)`.
pub fn notes() -> NewTable {
    let column = |text, ty, nullable| NewColumn { name: name(text), ty, nullable, default: None };
    NewTable {
        namespace: name("app"),
        name: name("notes"),
        columns: vec![
            column("id", Type::BigInt, false),
            column("title", Type::Text, true),
            column("hits", Type::Counter, true),
        ],
        primary_key: vec![name("id")],
        checks: Vec::new(),
        options: TableOptions::default(),
    }
}
