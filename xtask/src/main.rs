//! `cargo xtask`: one entry for building, testing, simulating, measuring and showing KalamDB.

mod process;
mod programs;
mod setup;
mod steps;
mod suite;
mod tally;
mod wasm;
mod web;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::setup::Need;

/// Build, test and demo tasks of KalamDB.
///
/// Every task first looks for the tools that it needs. What is missing is installed where that is possible without
/// asking (Debian packages when run as root, components of rustup); otherwise the task stops and prints the command
/// to run.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check format, lints, tests, documentation, the WebAssembly build, package and demo in a browser, and a short simulation
    ///
    /// Runs every step even if an earlier one failed, and ends with a line `xtask test: N passed, N failed`. Each test
    /// counts as one; so does each step that runs no tests, such as the lints. A step that finds no test to run fails.
    Test(TestArgs),

    /// Import flights, edit them on two offline devices, reconnect, compare the copies
    ///
    /// Builds the release server with the page that it serves, and the demo, which ends with the address of the page. Arguments
    /// go to the demo: with `--headless` it opens the page in a browser itself, which writes offline, too, and then ends;
    /// it fails if any copy differs.
    Demo(Passed),

    /// Run the deterministic simulator (release build); arguments go to it
    ///
    /// For example `cargo xtask sim --seeds 1000`, or `cargo xtask sim --planted` for the list of planted bugs with
    /// the seed that found each.
    Sim(Passed),

    /// Run the benchmarks (release build); arguments go to them
    Bench(Passed),

    /// Run the benchmark in a browser, next to other databases; arguments go to it
    BenchWeb(Passed),

    /// Check that core and the sync sessions build for wasm32-unknown-unknown, and test store and engine in a browser
    Wasm,

    /// Build the WebAssembly modules and the npm package around them
    Web,

    /// Build the WebAssembly modules and compare their sizes with their budgets
    Size,

    /// Install whatever the other tasks need
    Setup,

    /// Say what the other tasks need and whether it is there; installs nothing
    Doctor,
}

#[derive(Args)]
struct TestArgs {
    /// Add the long suites: hundreds of kill -9 runs, a long differential test, 1000 seeds, planted bugs, the demo
    #[arg(long)]
    full: bool,
}

#[derive(Args)]
#[command(disable_help_flag = true)]
struct Passed {
    /// Arguments for the program, `--help` included
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Test(args) => suite::run(if args.full { suite::Extent::Full } else { suite::Extent::Short }),
        Task::Demo(passed) => process::hand_over(&mut programs::demo(&passed.args)?),
        Task::Sim(passed) => programs::sim(&passed.args),
        Task::Bench(passed) => programs::bench(&passed.args),
        Task::BenchWeb(passed) => programs::bench_web(&passed.args),
        Task::Wasm => wasm::run(),
        Task::Web => web::run(),
        Task::Size => web::run_size(),
        Task::Setup => setup::ensure(&Need::ALL),
        Task::Doctor => setup::report(),
    }
}
