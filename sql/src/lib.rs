//! SQL over KalamDB user tables, the same on a server and on a device.
//!
//! - [`session`]: runs texts of statements on a [`backend::Backend`]
//! - [`parse`]: the grammar of docs/sql.md, checked clause by clause
//! - [`direct`]: SELECT of one table as a query of core
//! - [`expr`], [`constant`], [`types`]: what core evaluates itself
//! - [`system`]: the tables of namespace `system`
//! - [`scan`]: from conditions to keys and rows
//! - [`live`]: queries whose result follows the copy
//! - [`remote`]: queries that run in another place than the copy
//! - `engine` (feature `datafusion`): queries of any form
//! - `import` (feature `import`): files to rows

pub mod backend;
pub mod constant;
mod ddl;
pub mod direct;
mod dml;
#[cfg(feature = "datafusion")]
pub mod engine;
pub mod expr;
#[cfg(feature = "import")]
pub mod import;
pub mod live;
pub mod parse;
pub mod reader;
pub mod remote;
pub mod result;
pub mod scan;
pub mod session;
mod show;
pub mod system;
pub mod types;

pub use backend::{Backend, Committed, DeviceBackend, Role, ServerBackend, StorageLocation};
pub use result::{ResultColumn, StatementResult};
pub use session::Session;
pub use system::SystemTable;
