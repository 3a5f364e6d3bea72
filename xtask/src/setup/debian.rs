//! Packages of Debian and its relatives.

use super::Need;
use crate::process::{self, capture, which};

/// Versions of clang that are looked for, the best first. Older than 14 is untried; the limit above leaves room.
pub const CLANG_VERSIONS: std::ops::RangeInclusive<u32> = 14..=30;

/// Installs the packages of the tools, if this is a Debian and the user is root. The lists of packages are fetched
/// first: on a new machine they are empty, and elsewhere they may name versions that are gone.
pub fn install(needs: &[Need]) {
    if which("apt-get").is_none() || !is_root() {
        return;
    }
    if let Err(error) = process::run(process::command("apt-get").args(["update", "-q"])) {
        eprintln!("    {error:#}; trying with the lists that are here");
    }
    let mut packages: Vec<String> = needs.iter().flat_map(|need| need.debian_packages()).collect();
    packages.sort();
    packages.dedup();
    let mut command = process::command("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "-q", "--no-install-recommends"]);
    if let Err(error) = process::run(command.args(packages)) {
        eprintln!("    {error:#}");
    }
}

/// The newest clang that can be installed, with its libclang and llvm-ar.
pub fn clang_packages() -> Vec<String> {
    let names = |version: u32| [format!("clang-{version}"), format!("libclang1-{version}"), format!("llvm-{version}")];
    let available = |name: &String| capture("apt-cache", ["show", "--no-all-versions", name]).is_some();
    CLANG_VERSIONS
        .rev()
        .map(names)
        .find(|names| names.iter().all(available))
        .map_or_else(|| vec!["clang".into(), "libclang-dev".into(), "llvm".into()], Vec::from)
}

/// What an ordinary user writes before `apt-get`.
pub fn sudo() -> &'static str {
    if is_root() { "" } else { "sudo " }
}

fn is_root() -> bool {
    capture("id", ["-u"]).is_some_and(|id| id == "0")
}
