//! Scans of one table: which keys a condition leaves, and the rows there, batch by batch.
//!
//! Both users - DataFusion's leaves and UPDATE and DELETE - get rows in the order of the primary key, whatever the
//! way to them was.

mod range;
mod rows;

pub use range::{Access, INDEX_KEYS_MAX, RANGES_MAX, access};
pub use rows::{RowScan, SYSTEM_SLOTS};
