//! The demo of KalamDB: a server in a process of its own, and devices in this one.

pub mod demo;
