//! The native client over real sockets, unhappy paths first.

mod faults;
mod peers;
mod tokens;

#[path = "../support/mod.rs"]
mod support;
