//! The crates that must also run in a browser, built for wasm32-unknown-unknown.

use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{self, Stream};
use crate::setup::rust::{self, WasmRust};
use crate::setup::{self, Need, browser, clang};
use crate::steps::{Outcome, Steps};
use crate::tally::Tally;

/// `cargo xtask wasm`.
///
/// # Errors
/// When a tool is missing or a crate does not build.
pub fn run() -> Result<()> {
    setup::ensure(&[Need::WasmClang, Need::WasmTarget, Need::WasmBindgen, Need::Browser])?;
    let mut steps = Steps::new("xtask wasm");
    steps.run("wasm-engine", engine);
    steps.run("wasm-browser", browser);
    steps.finish()
}

/// Builds core and the protocol's sessions.
///
/// # Errors
/// When one does not build.
pub fn engine() -> Result<()> {
    let args = ["build", "-p", "kalamdb-core", "-p", "kalamdb-sync", "--no-default-features"];
    process::run(&mut cargo(&args)?)
}

/// Runs the tests of the store and of the engine in a headless browser.
///
/// # Errors
/// When a test fails or the browser does not start.
pub fn browser() -> Outcome {
    let mut tally = Tally::default();
    let result = cargo(&["test", "-p", "kalamdb-store-wasm", "-p", "kalamdb-wasm", "--test", "browser"]).and_then(
        |mut command| {
            let driver = browser::driver().context("no browser with its driver; see `cargo xtask doctor`")?;
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner");
            command.env("CHROMEDRIVER", driver).env("WASM_BINDGEN_TEST_TIMEOUT", "300");
            process::watch(&mut command, Stream::Out, |line| tally += Tally::of_libtest(line).unwrap_or_default())
        },
    );
    Outcome::of_tests(tally, 2, result)
}

/// Cargo with the C compiler and archiver for the target, and with the compiler that has a standard library for it.
pub fn cargo(args: &[&str]) -> Result<Command> {
    let tools = clang::for_wasm().context("no clang that compiles for wasm32; see `cargo xtask doctor`")?;
    let rust = rust::for_wasm().context("no Rust with the wasm32 target; see `cargo xtask doctor`")?;
    let mut command = process::cargo(args);
    command.args(["--target", rust::WASM_TARGET]);
    command.env("CC_wasm32_unknown_unknown", tools.compiler).env("AR_wasm32_unknown_unknown", tools.archiver);
    if let WasmRust::FromSource { rustc } = rust {
        command.args(["-Z", "build-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1").env("RUSTC", rustc);
    }
    Ok(command)
}
