//! The small engine of KalamDB for browsers: it owns store, log and socket of one database.
//!
//! JavaScript talks to it in one worker. Values cross as bytes, column by column and not cell by cell.

mod engine;
mod environment;
mod errors;
mod packed;
mod sync;

pub use engine::{Engine, Session};
