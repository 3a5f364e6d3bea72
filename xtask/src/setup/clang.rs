//! Where clang, llvm-ar and libclang are.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::debian::CLANG_VERSIONS;
use crate::process::{capture, which};

/// A C compiler and an archiver for WebAssembly.
#[derive(Clone)]
pub struct WasmTools {
    pub compiler: PathBuf,
    pub archiver: PathBuf,
}

/// The best clang that compiles for wasm32 and has an llvm-ar, unless `CC_wasm32_unknown_unknown` and
/// `AR_wasm32_unknown_unknown` name others.
pub fn for_wasm() -> Option<WasmTools> {
    let compiler = from_environment("CC_wasm32_unknown_unknown");
    let archiver = from_environment("AR_wasm32_unknown_unknown");
    if let (Some(compiler), Some(archiver)) = (compiler, archiver) {
        return Some(WasmTools { compiler, archiver });
    }
    let versioned = CLANG_VERSIONS.into_iter().map(|version| (format!("clang-{version}"), Some(version)));
    versioned.chain([("clang".into(), None)]).find_map(|(name, version)| {
        let compiler = which(&name).filter(|compiler| compiles_for_wasm(compiler))?;
        Some(WasmTools { compiler, archiver: archiver_of(version)? })
    })
}

/// The libclang with the highest version in the places where systems keep it.
pub fn libclang() -> Option<PathBuf> {
    if let Some(path) = from_environment("LIBCLANG_PATH") {
        return Some(path);
    }
    let mut folders: Vec<PathBuf> =
        ["/usr/lib64", "/usr/local/lib", "/opt/homebrew/opt/llvm/lib", "/usr/local/opt/llvm/lib"]
            .map(PathBuf::from)
            .into();
    folders.push("/Library/Developer/CommandLineTools/usr/lib".into());
    for folder in entries(Path::new("/usr/lib")) {
        folders.push(folder.join("lib"));
        folders.push(folder);
    }
    let libraries = folders.iter().flat_map(|folder| entries(folder));
    libraries.filter_map(|file| Some((libclang_version(&file)?, file))).max().map(|(_, file)| file)
}

/// The folder to tell bindgen, which looks for libclang itself as long as there is an `llvm-config` to ask.
pub fn libclang_path() -> Option<&'static Path> {
    static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        if std::env::var_os("LIBCLANG_PATH").is_some() || which("llvm-config").is_some() {
            return None;
        }
        libclang()?.parent().map(Path::to_path_buf)
    });
    FOLDER.as_deref()
}

/// The version of a file called `libclang.so`, `libclang-19.so.1`, `libclang.so.19.1` or `libclang.dylib`; `None` for
/// any other. The name without a number comes with the development package of the version in its folder.
fn libclang_version(file: &Path) -> Option<u32> {
    let name = file.file_name()?.to_str()?;
    if name == "libclang.so" || name == "libclang.dylib" {
        let folder = file.parent()?.parent()?.file_name()?.to_str()?;
        return Some(folder.strip_prefix("llvm-").and_then(|version| version.parse().ok()).unwrap_or(0));
    }
    let version = match name.strip_prefix("libclang-") {
        Some(rest) => rest.split_once(".so")?.0,
        None => name.strip_prefix("libclang.so.")?,
    };
    version.split('.').next()?.parse().ok()
}

fn compiles_for_wasm(compiler: &Path) -> bool {
    let args = ["--target=wasm32-unknown-unknown", "-x", "c", "-c", "/dev/null", "-o", "/dev/null"];
    capture(compiler, args).is_some()
}

fn archiver_of(version: Option<u32>) -> Option<PathBuf> {
    let versioned = version.and_then(|version| {
        let in_folder = PathBuf::from(format!("/usr/lib/llvm-{version}/bin/llvm-ar"));
        if in_folder.is_file() { Some(in_folder) } else { which(&format!("llvm-ar-{version}")) }
    });
    versioned.or_else(|| which("llvm-ar"))
}

fn from_environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::libclang_version;

    #[test]
    fn libclang_is_told_from_its_neighbours() {
        let cases = [
            ("/usr/lib/llvm-19/lib/libclang-19.so.1", Some(19)),
            ("/usr/lib/llvm-19/lib/libclang.so", Some(19)),
            ("/usr/lib64/libclang.so.18.1", Some(18)),
            ("/usr/lib64/libclang.so", Some(0)),
            ("/opt/homebrew/opt/llvm/lib/libclang.dylib", Some(0)),
            ("/usr/lib/llvm-19/lib/libclang-cpp.so.19.1", None),
            ("/usr/lib/llvm-19/lib/libclangBasic.a", None),
            ("/usr/lib/llvm-19/lib/libLLVM-19.so", None),
        ];
        for (file, expected) in cases {
            assert_eq!(libclang_version(Path::new(file)), expected, "{file}");
        }
    }
}
