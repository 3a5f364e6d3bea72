//! The client over a socket: a [`Connection`] drives a [`ClientSession`](crate::client::ClientSession) in a tokio task.
//!
//! - [`Connection`]: the handle of the task
//! - [`Endpoint`]: the checked address of a server
//! - [`TokenSource`]: where tokens come from
//! - [`StoreSignal`]: wakes the task when commits become durable
//! - [`ChangeCounter`]: tells readers that they may see something new
//! - [`SystemEntropy`], [`system_now`]: randomness and time of the system, which core and sessions are given
//!
//! Only this module of the crate knows sockets, clocks and tasks.

// Here the outside begins: the clock, the randomness and the threads that the session is kept from.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod changes;
mod clock;
mod connection;
mod driver;
mod endpoint;
mod signal;
mod socket;
mod token;

pub use changes::ChangeCounter;
pub use clock::{SystemEntropy, system_now};
pub use connection::{Connection, ConnectionParts};
pub use endpoint::Endpoint;
pub use signal::{StoreProgress, StoreSignal, flushed};
pub use socket::socket_config;
pub use token::TokenSource;
