//! The storage seam of KalamDB over IndexedDB.
//!
//! All pairs are in memory, as copy-on-write maps; that makes reads and commits synchronous. A task that owns the
//! handles of IndexedDB writes behind: it appends batches to a log, one IndexedDB transaction for all that wait, and
//! from time to time rewrites the changed part of the sorted pages that the log goes on from. docs/format.md
//! draws both.
//!
//! Batches are added under consecutive numbers, and opening a database takes one. So the number is a fence: of two
//! owners of one database the older can write nothing any more, and is told so.
//!
//! - [`IndexedDbStore`]: the store
//! - [`delete`]: removes a database
//! - `idb`: IndexedDB's requests and transactions as futures
//! - `load`: a database to an image in memory; `writer`: the task behind a store
//! - `record`, `page`, `table`: the stored forms
//!
//! It builds for every target, so that its forms are tested everywhere; it works where IndexedDB is.

#[cfg(test)]
mod golden;
mod idb;
mod load;
mod page;
mod record;
mod store;
mod table;
mod writer;

pub use idb::delete;
pub use store::{Durability, IndexedDbStore, Options};
