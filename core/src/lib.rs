//! The core of KalamDB: everything that is the same in a browser, on a phone and on a server.
//!
//! - [`store`]: the storage seam, the memory store and the conformance suite
//! - [`value`], [`key`], [`row`], [`codec`]: types and how they become bytes
//! - [`catalog`]: namespaces, tables, columns and their changes
//! - [`mutation`], [`log`], [`merge`]: what a device asks for, what happened, and the conflict rule between them
//! - [`view`], [`transaction`]: reading a space, and writing to it
//! - [`query`]: queries of one table
//! - [`device`]: the copy on a device, with outbox and overlay
//! - [`server`]: the copies on the server, with the log of each space
//!
//! Core is deaf: it has no clock, no randomness, no file, socket, thread or runtime. Callers pass them in.

#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)]

pub mod catalog;
pub mod codec;
pub mod device;
mod error;
pub mod expr;
mod garbage;
pub mod hlc;
pub mod ids;
pub mod key;
pub mod keys;
pub mod log;
pub mod merge;
pub mod mutation;
pub mod planted;
pub mod query;
pub mod replica;
pub mod row;
pub mod rules;
pub mod server;
pub mod snapshot;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transaction;
pub mod value;
pub mod view;

pub use catalog::{Catalog, Table};
pub use error::{Error, ErrorKind, Result};
pub use hlc::{Entropy, Hlc, Now, Seeded};
pub use ids::{
    CatalogVersion, Chain, ColumnId, ContentHash, DeviceId, DeviceNumber, Epoch, Generation, IndexId, MutationId, Name,
    Position, Seq, ServerId, SpaceId, TableId, UserId,
};
pub use transaction::Transaction;
pub use value::{Datum, Type, Value, ValueRef};
pub use view::{View, ViewVersion};
