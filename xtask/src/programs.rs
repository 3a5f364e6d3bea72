//! Programs of the workspace, built for release and run: simulator, benchmarks, demo.

use anyhow::Result;

use crate::process;
use crate::setup::{self, Need};

/// What a build with RocksDB needs.
pub const NATIVE_NEEDS: [Need; 2] = [Need::Cxx, Need::Libclang];

/// `cargo xtask sim`: builds core and the sessions only, no C++.
///
/// # Errors
/// When the simulator does not build or reports a failure.
pub fn sim(args: &[String]) -> Result<()> {
    release("kalamdb-sim", args)
}

/// `cargo xtask bench`.
///
/// # Errors
/// When a tool is missing or the benchmarks fail.
pub fn bench(args: &[String]) -> Result<()> {
    setup::ensure(&NATIVE_NEEDS)?;
    release("kalamdb-bench", args)
}

/// `cargo xtask demo`: builds server and demo together, so that they share their dependencies, and tells the demo
/// where the server's binary is (`KALAMDB_BIN`).
///
/// # Errors
/// When a tool is missing, a build fails or the demo reports a failure.
pub fn demo(args: &[String]) -> Result<()> {
    setup::ensure(&NATIVE_NEEDS)?;
    let packages = ["-p", "kalamdb-server", "--bin", "kalamdb", "-p", "kalamdb-e2e", "--bin", "demo"];
    process::run(process::cargo(["build", "--release"]).args(packages))?;
    let directory = process::target_directory()?.join("release");
    process::run(process::command(directory.join("demo")).args(args).env("KALAMDB_BIN", directory.join("kalamdb")))
}

fn release(package: &str, args: &[String]) -> Result<()> {
    process::run(process::cargo(["run", "--release", "-p", package, "--"]).args(args))
}
