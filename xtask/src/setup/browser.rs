//! The browser that tests run in, and what builds for it.

use std::path::PathBuf;

use crate::process::{capture, which};

/// The version of wasm-bindgen: that of the library in Cargo.toml, whose output the programs read.
pub const WASM_BINDGEN: &str = "0.2.130";

/// The driver of a browser that is there, too. Tests of WebAssembly start the browser through it.
pub fn driver() -> Option<PathBuf> {
    let driver = which("chromedriver")?;
    capture(chromium()?, ["--version"])?;
    Some(driver)
}

/// The Chromium or Chrome that tests start: that of `CHROMIUM`, or the first one in PATH.
pub fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    named.or_else(|| ["chromium", "chromium-browser", "google-chrome", "chrome"].into_iter().find_map(which))
}

/// The oldest version of Node.js that the packages' tools run on.
const NODE_VERSION: u32 = 20;

/// Node.js with npm beside it.
pub fn node() -> Option<String> {
    let version = capture("node", ["--version"])?;
    let major: u32 = version.strip_prefix('v')?.split('.').next()?.parse().ok()?;
    let npm = capture("npm", ["--version"])?;
    (major >= NODE_VERSION).then(|| format!("node {version}, npm {npm}"))
}

/// The packages that bring what is missing of them: some distributions have npm in one package with Node.js.
pub fn node_packages() -> Vec<String> {
    let missing = |program: &&str| which(program).is_none();
    let mut packages: Vec<String> = [("node", "nodejs"), ("npm", "npm")]
        .into_iter()
        .filter(|(program, _)| missing(program))
        .map(|(_, package)| package.to_owned())
        .collect();
    if packages.is_empty() {
        packages.push("nodejs".into());
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::WASM_BINDGEN;

    #[test]
    fn programs_and_library_have_one_version() {
        let manifest = include_str!("../../../Cargo.toml");
        assert!(manifest.contains(&format!("wasm-bindgen = \"={WASM_BINDGEN}\"")));
    }
}
