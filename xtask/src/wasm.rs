//! The crates that must also run in a browser, built for wasm32-unknown-unknown.

use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::setup::{self, Need, clang};
use crate::steps::Steps;

const TARGET: &str = "wasm32-unknown-unknown";

/// What these builds need.
pub const NEEDS: [Need; 2] = [Need::WasmClang, Need::WasmTarget];

/// `cargo xtask wasm`.
///
/// # Errors
/// When a tool is missing or a crate does not build.
pub fn run() -> Result<()> {
    setup::ensure(&NEEDS)?;
    let mut steps = Steps::new("xtask wasm");
    steps.run("wasm-engine", engine);
    steps.run("wasm-sql", sql);
    steps.finish()
}

/// Builds core and the protocol's sessions.
///
/// # Errors
/// When one does not build.
pub fn engine() -> Result<()> {
    let args = ["build", "--target", TARGET, "-p", "kalamdb-core", "-p", "kalamdb-sync", "--no-default-features"];
    process::run(&mut cargo(&args)?)
}

/// Checks sql with DataFusion. DataFusion's machine code would take minutes more and show nothing new: everything
/// that differs between targets is decided before it is generated, and its C code is compiled here, too.
///
/// # Errors
/// When it does not build.
pub fn sql() -> Result<()> {
    process::run(&mut cargo(&["check", "--target", TARGET, "-p", "kalamdb-sql"])?)
}

/// Cargo with the C compiler and archiver for the target.
fn cargo(args: &[&str]) -> Result<Command> {
    let tools = clang::for_wasm().context("no clang that compiles for wasm32; see `cargo xtask doctor`")?;
    let mut command = process::cargo(args);
    command.env("CC_wasm32_unknown_unknown", tools.compiler).env("AR_wasm32_unknown_unknown", tools.archiver);
    Ok(command)
}
