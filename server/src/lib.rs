//! The KalamDB server, and the command line around it.
//!
//! - [`settings`]: what can be set, and where settings come from
//! - [`node`]: the open data of a server with all that its parts share
//! - [`running`]: a server that listens, from start to stop
//! - [`http`]: routes, health, errors as answers
//! - [`http_client`]: `POST /v1/sql` from the other side
//! - [`connection`]: one sync session driven over a WebSocket
//! - [`hub`]: who is woken when a commit becomes durable
//! - [`statements`]: SQL in the space of a user
//! - [`idempotency`]: requests that have an effect once
//! - [`import`]: files into the spaces of many users
//! - [`auth`]: tokens and the secret that signs them
//! - [`cli`]: the commands of the binary `kalamdb`
//!
//! The server runs in any process; tests and benchmarks start it in theirs:
//!
//! ```no_run
//! # async fn run() -> kalamdb_core::Result<()> {
//! use kalamdb_server::running::Running;
//! use kalamdb_server::settings::Settings;
//!
//! let settings = Settings { listen: "127.0.0.1:0".into(), data_dir: "data".into(), ..Settings::default() };
//! let server = Running::start(settings).await?;
//! println!("{}", server.url());
//! server.stop().await
//! # }
//! ```

pub mod auth;
pub mod cli;
pub mod clock;
pub mod connection;
pub mod http;
pub mod http_client;
pub mod hub;
pub mod idempotency;
pub mod import;
mod listener;
pub mod node;
pub mod running;
pub mod settings;
pub mod statements;
