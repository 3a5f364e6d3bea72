//! The core of KalamDB.

mod error;
pub mod store;

pub use error::{Error, ErrorKind, Result};
