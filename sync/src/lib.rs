//! The sync protocol of KalamDB: two sessions without input or output of their own, and a native client around one.
//!
//! - [`wire`]: messages and records, as docs/protocol.md draws them
//! - [`server`]: the server's end of a connection
//! - [`client`]: the device's end
//! - [`config`]: limits and times
//! - `native`: the client over a socket, with feature `native`

#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)]

pub mod client;
pub mod config;
#[cfg(feature = "native")]
pub mod native;
pub mod server;
pub mod wire;
