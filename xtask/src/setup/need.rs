//! Each tool: what it is for, how it is found, where it comes from.

use super::rust::{self, WasmRust};
use super::{browser, clang, debian};
use crate::process::{capture, which};

/// A tool that some task needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// rustfmt.
    Rustfmt,
    /// clippy.
    Clippy,
    /// cargo-nextest. Without it the tests run under `cargo test`.
    Nextest,
    /// A C++ compiler.
    Cxx,
    /// The library libclang.
    Libclang,
    /// A clang that compiles for wasm32, with llvm-ar.
    WasmClang,
    /// Rust's standard library for wasm32-unknown-unknown.
    WasmTarget,
    /// The programs of wasm-bindgen, of the version that the library has.
    WasmBindgen,
    /// A browser and its driver.
    Browser,
    /// Node.js and npm.
    Node,
}

impl Need {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Rustfmt,
        Self::Clippy,
        Self::Nextest,
        Self::Cxx,
        Self::Libclang,
        Self::WasmClang,
        Self::WasmTarget,
        Self::WasmBindgen,
        Self::Browser,
        Self::Node,
    ];

    /// The name that people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rustfmt => "rustfmt",
            Self::Clippy => "clippy",
            Self::Nextest => "cargo-nextest",
            Self::Cxx => "C++ compiler",
            Self::Libclang => "libclang",
            Self::WasmClang => "clang for wasm",
            Self::WasmTarget => "wasm target",
            Self::WasmBindgen => "wasm-bindgen",
            Self::Browser => "browser",
            Self::Node => "Node.js",
        }
    }

    /// What it is needed for.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Rustfmt => "checks the format of the code",
            Self::Clippy => "checks the lints",
            Self::Nextest => "runs the tests",
            Self::Cxx => "compiles RocksDB",
            Self::Libclang => "reads RocksDB's headers",
            Self::WasmClang => "compiles DataFusion's zstd for the browser",
            Self::WasmTarget => "the browser's build of core, sync and sql",
            Self::WasmBindgen => "joins WebAssembly with JavaScript, and runs tests in a browser",
            Self::Browser => "runs the tests of what is for browsers",
            Self::Node => "builds and tests the npm package and the demo in the browser",
        }
    }

    /// Whether the tasks can do without it.
    pub fn is_optional(self) -> bool {
        self == Self::Nextest
    }

    /// What was found, in words for people, or `None`.
    pub fn find(self) -> Option<String> {
        match self {
            Self::Rustfmt => capture("cargo", ["fmt", "--version"]),
            Self::Clippy => capture("cargo", ["clippy", "--version"]),
            Self::Nextest => capture("cargo", ["nextest", "--version"]).map(|text| first_line(&text)),
            Self::Cxx => {
                let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
                capture(compiler, ["--version"]).map(|text| first_line(&text))
            }
            Self::Libclang => clang::libclang().map(|library| library.display().to_string()),
            Self::WasmClang => {
                clang::for_wasm().map(|tools| format!("{}, {}", tools.compiler.display(), tools.archiver.display()))
            }
            Self::WasmTarget => rust::for_wasm().map(|rust| match rust {
                WasmRust::Installed { library } => library.display().to_string(),
                WasmRust::FromSource { rustc } => format!("built from source for {}", rustc.display()),
            }),
            Self::WasmBindgen => {
                let version = |program: &str| capture(program, ["--version"]);
                let (main, tests) = (version("wasm-bindgen")?, version("wasm-bindgen-test-runner")?);
                [&main, &tests].iter().all(|found| found.ends_with(browser::WASM_BINDGEN)).then(|| first_line(&main))
            }
            Self::Browser => browser::driver().map(|driver| driver.display().to_string()),
            Self::Node => browser::node(),
        }
    }

    /// The Debian packages that bring it, if it comes from there.
    pub fn debian_packages(self) -> Vec<String> {
        match self {
            Self::Cxx => vec!["g++".into()],
            Self::Libclang | Self::WasmClang => debian::clang_packages(),
            Self::Browser => vec!["chromium".into(), "chromium-driver".into()],
            Self::Node => browser::node_packages(),
            Self::Rustfmt | Self::Clippy | Self::Nextest | Self::WasmTarget | Self::WasmBindgen => Vec::new(),
        }
    }

    /// The command that installs it, if it does not come from Debian.
    pub fn installer(self) -> Option<(&'static str, Vec<&'static str>)> {
        match self {
            Self::Rustfmt => Some(("rustup", vec!["component", "add", "rustfmt"])),
            Self::Clippy => Some(("rustup", vec!["component", "add", "clippy"])),
            Self::WasmTarget => Some(("rustup", vec!["target", "add", rust::WASM_TARGET])),
            Self::Nextest => Some(("cargo", vec!["install", "cargo-nextest", "--locked"])),
            // Not locked: the versions that it was published with are gone from some registries.
            Self::WasmBindgen => {
                Some(("cargo", vec!["install", "wasm-bindgen-cli", "--version", browser::WASM_BINDGEN]))
            }
            Self::Cxx | Self::Libclang | Self::WasmClang | Self::Browser | Self::Node => None,
        }
    }

    /// What to do by hand when it could not be installed.
    pub fn advice(self) -> String {
        match (self, self.installer()) {
            (Self::WasmTarget, _) => format!(
                "run `rustup target add {}`; where rustup can download nothing, `{}apt-get install -y {}` brings \
                 Debian's compiler, which is then used for this target only",
                rust::WASM_TARGET,
                debian::sudo(),
                rust::DEBIAN_PACKAGES.join(" ")
            ),
            (_, Some((program, args))) => format!("run `{program} {}`", args.join(" ")),
            (_, None) if which("apt-get").is_some() => {
                format!("run `{}apt-get install -y {}`", debian::sudo(), self.debian_packages().join(" "))
            }
            (_, None) => format!("install what your system calls {}", self.debian_packages().join(" ")),
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
