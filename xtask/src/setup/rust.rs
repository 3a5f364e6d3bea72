//! A Rust compiler that builds for wasm32-unknown-unknown.

use std::path::PathBuf;

use crate::process::capture;

/// The target that browsers run.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler with the sources of its standard library, for machines on which rustup can download nothing.
pub const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// Where that compiler and its library's sources are.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// How the standard library for the target comes about.
pub enum WasmRust {
    /// It came with the compiler that is in use.
    Installed { library: PathBuf },
    /// Cargo builds it from the sources that came with this compiler.
    FromSource { rustc: PathBuf },
}

/// The way that works here: the installed library, or else the sources.
pub fn for_wasm() -> Option<WasmRust> {
    installed().or_else(from_source)
}

fn installed() -> Option<WasmRust> {
    let library = PathBuf::from(capture("rustc", ["--print", "target-libdir", "--target", WASM_TARGET])?);
    std::fs::read_dir(&library).ok()?.next()?.ok()?;
    Some(WasmRust::Installed { library })
}

fn from_source() -> Option<WasmRust> {
    let sysroot = PathBuf::from(capture(DEBIAN_RUSTC, ["--print", "sysroot"])?);
    let has_sources = sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").is_file();
    let version = version(&capture(DEBIAN_RUSTC, ["--version"])?)?;
    let is_new_enough = version >= self::version(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION")))?;
    (has_sources && is_new_enough).then(|| WasmRust::FromSource { rustc: DEBIAN_RUSTC.into() })
}

/// The major and minor number in `rustc 1.96.0 (…)`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("rustc ")?.split(['.', ' ']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(version("rustc 1.96.0 (ac68faa20 2026-07-01) (built from a source tarball)"), Some((1, 96)));
        assert_eq!(version("rustc 1.95"), Some((1, 95)));
        assert_eq!(version("cargo 1.95"), None);
        assert!(version("rustc 1.100.0") > version("rustc 1.99.0"));
    }
}
