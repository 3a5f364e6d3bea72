//! `cargo xtask test`: everything that shows whether a change is sound.

use anyhow::{Result, ensure};

use crate::process::{self, Stream};
use crate::programs;
use crate::setup::{self, Need};
use crate::steps::{Outcome, Steps};
use crate::tally::Tally;
use crate::{wasm, web};

/// How much `cargo xtask test` runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What fits the time of continuous integration.
    Short,
    /// The long suites, too.
    Full,
}

/// Seeds of the simulation in a short and in a full run.
const SEEDS_SHORT: u32 = 50;
const SEEDS_FULL: u32 = 1000;

/// Kills of each kill -9 test in a full run; a short run leaves the number to the test.
const KILLS_FULL: &str = "300";

/// Runs the suite.
///
/// # Errors
/// When a tool is missing or a step fails.
pub fn run(extent: Extent) -> Result<()> {
    let mut steps = Steps::new("xtask test");
    eprintln!("==> setup");
    setup::ensure(&Need::ALL)?;

    steps.run("format", || process::run(&mut process::cargo(["fmt", "--all", "--check"])));
    steps.run("tests", || tests(extent));
    steps.run("doc-tests", doc_tests);
    steps.run("lints", lints);
    steps.run("docs", docs);
    steps.run("wasm-engine", wasm::engine);
    steps.run("wasm-browser", wasm::browser);
    steps.run("web-size", web::size);
    steps.run("web-package", web::tests);
    steps.run("web-browser", || web::browser_tests(extent));
    steps.run("web-demo", || web::demo_tests(extent));
    match extent {
        Extent::Short => steps.run("simulation", || simulation(SEEDS_SHORT)),
        Extent::Full => {
            steps.run("simulation", || simulation(SEEDS_FULL));
            steps.run("planted-bugs", || programs::sim(&["--planted".into()]));
            steps.run("demo", || process::run(&mut programs::demo(&["--headless".into()])?));
        }
    }
    steps.finish()
}

/// Clippy reads the dependencies' metadata, which costs a second pass over them, but it shares the build scripts'
/// results with the tests: C++ is compiled once.
fn lints() -> Result<()> {
    process::run(&mut process::cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn tests(extent: Extent) -> Outcome {
    let nextest = Need::Nextest.find().is_some();
    let mut command = if nextest {
        process::cargo(["nextest", "run", "--workspace", "--no-fail-fast"])
    } else {
        process::cargo(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
    };
    if extent == Extent::Full {
        command.env("KALAMDB_KILLS", KILLS_FULL).env("KALAMDB_LONG", "1");
    }
    let mut tally = Tally::default();
    let result = if nextest {
        process::watch(&mut command, Stream::Err, |line| tally += Tally::of_nextest(line).unwrap_or_default())
    } else {
        process::watch(&mut command, Stream::Out, |line| tally += Tally::of_libtest(line).unwrap_or_default())
    };
    Outcome::of_tests(tally, 1, result)
}

/// All crates at once, although few have examples: the same set of crates has the same features, so nothing that the
/// tests built is built again.
fn doc_tests() -> Outcome {
    let mut tally = Tally::default();
    let mut command = process::cargo(["test", "--doc", "--workspace", "--no-fail-fast"]);
    let result = process::watch(&mut command, Stream::Out, |line| tally += Tally::of_libtest(line).unwrap_or_default());
    Outcome::of_tests(tally, 0, result)
}

fn docs() -> Result<()> {
    process::run(process::cargo(["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// The simulator must also say that it ran the seeds: a simulator that does nothing succeeds, too.
fn simulation(seeds: u32) -> Result<()> {
    let count = seeds.to_string();
    let mut command = process::cargo(["run", "--release", "-p", "kalamdb-sim", "--", "--seeds", &count]);
    let mut clean = false;
    process::watch(&mut command, Stream::Out, |line| clean |= is_clean_simulation(line, seeds))?;
    ensure!(clean, "the simulator did not end with `sim: seeds={seeds} … violations=0 stalls=0`");
    Ok(())
}

/// Whether a line is the simulator's summary of that many seeds without a violation or a stall.
fn is_clean_simulation(line: &str, seeds: u32) -> bool {
    let Some(fields) = line.strip_prefix("sim: ") else { return false };
    let fields: Vec<&str> = fields.split_whitespace().collect();
    [format!("seeds={seeds}").as_str(), "violations=0", "stalls=0"].iter().all(|field| fields.contains(field))
}

#[cfg(test)]
mod tests {
    use super::is_clean_simulation;

    #[test]
    fn only_a_clean_summary_of_all_seeds_counts() {
        assert!(is_clean_simulation("sim: seeds=50 transactions=10000 faults=1000 violations=0 stalls=0", 50));
        assert!(!is_clean_simulation("sim: seeds=5 transactions=1000 faults=100 violations=0 stalls=0", 50));
        assert!(!is_clean_simulation("sim: seeds=50 transactions=10000 faults=1000 violations=01 stalls=0", 50));
        assert!(!is_clean_simulation("sim: seeds=50 transactions=10000 faults=1000 violations=0 stalls=2", 50));
        assert!(!is_clean_simulation("running 50 seeds", 50));
    }
}
