//! A server, a proxy that fails on demand, and devices, all over real sockets in one process.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod client;
pub mod proxy;
pub mod server;

use std::time::Duration;

pub use client::Client;
pub use proxy::Proxy;
pub use server::{TestServer, token};

/// How long a test waits for what must happen.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `holds`, asking again every few milliseconds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = tokio::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
