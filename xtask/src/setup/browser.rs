//! The browser that tests run in.

use std::path::PathBuf;

use crate::process::{capture, which};

/// The version of wasm-bindgen: that of the library in Cargo.toml, whose output the programs read.
pub const WASM_BINDGEN: &str = "0.2.130";

/// The driver of a Chromium or Chrome that is there, too. The tests start the browser through it.
pub fn driver() -> Option<PathBuf> {
    let driver = which("chromedriver")?;
    let browser = ["chromium", "google-chrome", "chrome"].into_iter().find_map(which)?;
    capture(&browser, ["--version"])?;
    Some(driver)
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
