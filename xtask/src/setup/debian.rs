//! Packages of Debian and its relatives.

use anyhow::Result;

use crate::process::{self, capture, which};

/// Versions of clang that are looked for, in this order: the tried one, older ones, newer ones.
pub const CLANG_VERSIONS: [u32; 12] = [19, 18, 17, 16, 15, 14, 20, 21, 22, 23, 24, 25];

/// Whether this is a Debian and the user is root.
pub fn can_install() -> bool {
    which("apt-get").is_some() && is_root()
}

/// Fetches the lists of packages.
///
/// # Errors
/// When a list cannot be fetched; the lists that are here may do.
pub fn update() -> Result<()> {
    process::run(process::command("apt-get").args(["update", "-q"]))
}

/// Installs packages.
///
/// # Errors
/// When one does not exist or cannot be fetched.
pub fn install(packages: &[String]) -> Result<()> {
    let mut command = process::command("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "-q", "--no-install-recommends"]);
    process::run(command.args(packages))
}

/// The best clang that can be installed, with its libclang and llvm-ar.
pub fn clang_packages() -> Vec<String> {
    let names = |version: u32| [format!("clang-{version}"), format!("libclang1-{version}"), format!("llvm-{version}")];
    let available = |name: &String| capture("apt-cache", ["show", "--no-all-versions", name]).is_some();
    CLANG_VERSIONS
        .into_iter()
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
