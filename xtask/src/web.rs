//! What browsers get: the two WebAssembly modules, the npm package around them, the demo on top.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::{self, Stream};
use crate::setup::{self, Need};
use crate::steps::{Outcome, Steps};
use crate::tally::Tally;
use crate::wasm;

/// What the modules and the package take.
pub const NEEDS: [Need; 5] = [Need::WasmClang, Need::WasmTarget, Need::WasmBindgen, Need::Node, Need::Browser];

/// A module: its crate, the file that the crate becomes, and its folder in the package.
struct Module {
    package: &'static str,
    file: &'static str,
    folder: &'static str,
}

const MODULES: [Module; 2] = [
    Module { package: "kalamdb-wasm", file: "kalamdb_wasm", folder: "engine" },
    Module { package: "kalamdb-query", file: "kalamdb_query", folder: "query" },
];

/// The folder of the npm package.
fn package_folder() -> PathBuf {
    process::root().join("bindings/js")
}

/// `cargo xtask size`: how large the modules are, against their budgets.
///
/// # Errors
/// When a tool is missing, a module does not build or is too large.
pub fn run_size() -> Result<()> {
    setup::ensure(&NEEDS)?;
    size()
}

/// `cargo xtask web`: builds the modules and the npm package, and packs it.
///
/// # Errors
/// When a tool is missing or something does not build.
pub fn run() -> Result<()> {
    setup::ensure(&NEEDS)?;
    let mut steps = Steps::new("xtask web");
    steps.run("web-modules", modules);
    steps.run("web-package", package);
    steps.finish()
}

/// Builds the modules as they are shipped.
///
/// # Errors
/// When one does not build.
pub fn modules() -> Result<()> {
    let target = process::target_directory()?;
    for module in MODULES {
        // Hash tables of DataFusion take their seed when they are compiled: the same input, the same bytes.
        let mut build = wasm::cargo(&["build", "--profile", "web", "-p", module.package])?;
        process::run(build.env("CONST_RANDOM_SEED", "kalamdb"))?;
        let built = target.join(crate::setup::rust::WASM_TARGET).join("web").join(module.file).with_extension("wasm");
        let to = package_folder().join("wasm").join(module.folder);
        let mut bindgen = process::command("wasm-bindgen");
        bindgen.args(["--target", "web", "--remove-name-section", "--remove-producers-section", "--out-dir"]);
        process::run(bindgen.arg(to).arg(built))?;
    }
    Ok(())
}

/// Compares the sizes of the modules with their budgets.
///
/// # Errors
/// When one is too large, or does not build.
pub fn size() -> Result<()> {
    modules()?;
    node_in(&package_folder(), &["scripts/size.mjs"])
}

/// Builds the npm package from the modules that are there.
///
/// # Errors
/// When a dependency cannot be fetched or a source does not compile.
pub fn package() -> Result<()> {
    let folder = package_folder();
    install(&folder)?;
    npm(&folder, &["run", "build"])
}

/// Builds the demo, which becomes part of the server's binary.
///
/// # Errors
/// As [`package`].
pub fn demo() -> Result<()> {
    modules()?;
    package()?;
    let folder = process::root().join("web-demo");
    install(&folder)?;
    npm(&folder, &["run", "build"])
}

/// Runs the benchmark in a browser.
///
/// # Errors
/// When a dependency cannot be fetched or the benchmark fails.
pub fn bench(server: &Path, args: &[String]) -> Result<()> {
    let folder = process::root().join("tests/bench/web");
    install(&folder)?;
    process::run(process::command("node").current_dir(&folder).arg("run.mjs").args(args).env("KALAMDB_SERVER", server))
}

/// The tests of the package: types, units, the package as it is published, and the whole in a browser.
///
/// # Errors
/// When one fails.
pub fn tests() -> Outcome {
    let mut tally = Tally::default();
    let result = package().and_then(|()| {
        let folder = package_folder();
        npm(&folder, &["run", "typecheck"])?;
        npm(&folder, &["run", "check:package"])?;
        let mut command = process::command("npm");
        command.current_dir(&folder).args(["run", "test"]).env("NO_COLOR", "1");
        process::watch(&mut command, Stream::Out, |line| tally += Tally::of_vitest(line).unwrap_or_default())
    });
    Outcome::of_tests(tally, 1, result)
}

/// Random lives of tabs in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lives {
    /// As many as the tests run by themselves. A test that fails runs again, at most twice: browsers share the machine with
    /// whatever else runs there, and what fails now and then shows in a full run.
    Few,
    /// 200, and no test runs again.
    Many,
}

/// The package in a real browser, with a server that the tests before have built.
pub fn browser_tests(lives: Lives) -> Outcome {
    let mut tally = Tally::default();
    let result = package().and_then(|()| {
        let server = process::target_directory()?.join("debug/kalamdb");
        let mut command = process::command("npm");
        command.current_dir(package_folder()).args(["run", "test:browser"]).env("NO_COLOR", "1");
        command.env("KALAMDB_BIN", server);
        match lives {
            Lives::Few => command.args(["--", "--retry=2"]),
            Lives::Many => command.env("KALAMDB_SEQUENCES", "200"),
        };
        process::watch(&mut command, Stream::Out, |line| tally += Tally::of_vitest(line).unwrap_or_default())
    });
    Outcome::of_tests(tally, 1, result)
}

/// Installs what a package-lock.json names, unless that was done.
fn install(folder: &Path) -> Result<()> {
    let modified = |file: &str| folder.join(file).metadata().and_then(|file| file.modified()).ok();
    let is_done = match (modified("node_modules/.package-lock.json"), modified("package-lock.json")) {
        (Some(installed), Some(wanted)) => installed >= wanted,
        _ => false,
    };
    if is_done { Ok(()) } else { npm(folder, &["ci", "--no-audit", "--no-fund"]) }
}

fn npm(folder: &Path, args: &[&str]) -> Result<()> {
    process::run(process::command("npm").current_dir(folder).args(args))
}

fn node_in(folder: &Path, args: &[&str]) -> Result<()> {
    process::run(process::command("node").current_dir(folder).args(args)).context("see above")
}
