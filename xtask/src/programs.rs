//! Programs of the workspace, built for release and run: simulator, benchmarks, demo.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::setup::{self, Need};
use crate::web;

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
    let programs = native()?;
    process::run(process::command(programs.join("kalamdb-bench")).args(args))
}

/// `cargo xtask bench-web`. Its dependencies are the databases that KalamDB is compared with.
///
/// # Errors
/// When a tool is missing, a build fails or the benchmark cannot run.
pub fn bench_web(args: &[String]) -> Result<()> {
    setup::ensure(&web::NEEDS)?;
    web::modules()?;
    web::package()?;
    let server = native()?.join("kalamdb");
    web::bench(&server, args)
}

/// `cargo xtask demo`, built and ready to run. The demo runs the server's binary, which it is told by `KALAMDB_BIN`.
///
/// # Errors
/// When a tool is missing or a build fails.
pub fn demo(args: &[String]) -> Result<Command> {
    setup::ensure(&web::NEEDS)?;
    web::demo()?;
    let programs = native()?;
    let mut demo = process::command(programs.join("demo"));
    demo.args(args).env("KALAMDB_BIN", programs.join("kalamdb"));
    Ok(demo)
}

/// Builds server, demo and benchmarks, always together: the same set of packages has the same features, so that what
/// one needs is never built again for the other. Gives their directory.
fn native() -> Result<PathBuf> {
    setup::ensure(&NATIVE_NEEDS)?;
    let packages = ["-p", "kalamdb-server", "-p", "kalamdb-e2e", "-p", "kalamdb-bench"];
    process::run(process::cargo(["build", "--release", "--bins"]).args(packages))?;
    Ok(process::target_directory()?.join("release"))
}

fn release(package: &str, args: &[String]) -> Result<()> {
    process::run(process::cargo(["run", "--release", "-p", package, "--"]).args(args))
}
