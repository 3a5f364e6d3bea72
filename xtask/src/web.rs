//! What browsers get: the two WebAssembly modules, the npm package around them, the demo on top.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{self, Stream};
use crate::setup::{self, Need, browser};
use crate::steps::{Outcome, Steps};
use crate::suite::Extent;
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

/// The package as npm names it, when it is packed in its folder.
const TARBALL: &str = concat!("kalamdb-", env!("CARGO_PKG_VERSION"), ".tgz");

/// The folder of the npm package.
fn package_folder() -> PathBuf {
    process::root().join("bindings/js")
}

/// The folder of the demo.
fn demo_folder() -> PathBuf {
    process::root().join("web-demo")
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
    steps.run("web-package", || package().and_then(|()| pack()));
    steps.finish()?;
    println!("npm install {}", package_folder().join(TARBALL).display());
    Ok(())
}

/// Packs the package as it is published, into its folder.
fn pack() -> Result<()> {
    npm(&package_folder(), &["pack"])
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
    page()
}

/// Builds the demo from the package that is there.
fn page() -> Result<()> {
    let folder = demo_folder();
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

/// The tests of the package: format, types, documentation, units, and the package as it is published.
pub fn tests() -> Outcome {
    let folder = package_folder();
    let checked = package()
        .and_then(|()| npm(&folder, &["run", "lint"]))
        .and_then(|()| npm(&folder, &["run", "typecheck"]))
        .and_then(|()| npm(&folder, &["run", "docs"]))
        .and_then(|()| npm(&folder, &["run", "check:package"]));
    vitest(checked, process::command("npm").current_dir(&folder).args(["run", "test"]))
}

/// Random lives of tabs in the browser, in a full run; a short run leaves the number to the tests.
const SEQUENCES_FULL: &str = "200";

/// The package in a real browser, with the server that the tests before have built. In a short run a test that fails runs
/// again, at most twice: browsers share the machine with whatever else runs there, and what fails now and then shows in
/// a full run.
pub fn browser_tests(extent: Extent) -> Outcome {
    let mut command = process::command("npm");
    command.current_dir(package_folder()).args(["run", "test:browser"]);
    match extent {
        Extent::Short => command.args(["--", "--retry=2"]),
        Extent::Full => command.env("KALAMDB_SEQUENCES", SEQUENCES_FULL),
    };
    vitest(package().and_then(|()| with_server(&mut command)), &mut command)
}

/// The demo in a real browser, built from the package that is there, with the same server. As to tests that fail, see
/// [`browser_tests`].
pub fn demo_tests(extent: Extent) -> Outcome {
    let folder = demo_folder();
    let mut command = process::command("npm");
    command.current_dir(&folder).args(["run", "test"]);
    if extent == Extent::Short {
        command.args(["--", "--retry=2"]);
    }
    // The server that the tests before have built serves the demo if there was one to build it with. With all crates and their
    // tests at once it is the same build: the tests' dependencies switch features on.
    let server = || process::run(&mut process::cargo(["build", "--workspace", "--bin", "kalamdb", "--tests"]));
    let built = page().and_then(|()| npm(&folder, &["run", "typecheck"])).and_then(|()| server());
    vitest(built.and_then(|()| with_server(&mut command)), &mut command)
}

/// Names the server and the browser to tests.
fn with_server(tests: &mut Command) -> Result<()> {
    tests.env("KALAMDB_BIN", process::target_directory()?.join("debug/kalamdb"));
    tests.env("CHROMIUM", browser::chromium().context("no browser; see `cargo xtask doctor`")?);
    Ok(())
}

/// Runs tests and counts them, if what comes before them was good.
fn vitest(before: Result<()>, tests: &mut Command) -> Outcome {
    let mut tally = Tally::default();
    tests.env("NO_COLOR", "1");
    let result = before
        .and_then(|()| process::watch(tests, Stream::Out, |line| tally += Tally::of_vitest(line).unwrap_or_default()));
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
