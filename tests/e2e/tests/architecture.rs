//! Holds the code to the arrows and borders of ARCHITECTURE.md.
//!
//! Every rule is a function from facts (manifests, source texts) to complaints, so that the tests below can show
//! for each that it complains about an example and is content with the repository.

use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Lines after which a file needs a reason in ARCHITECTURE.md.
const LINES_MAX: usize = 600;

/// The crates and the crates of the workspace that each may use; `/` ends the name of a folder of crates.
/// Development dependencies count as well: a test that needs a crate from further out belongs into `tests/`.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("segment", &["core"]),
    ("sql", &["core", "segment"]),
    ("sync", &["core"]),
    ("store-native", &["core"]),
    ("store-wasm", &["core"]),
    ("server", &["core", "segment", "sql", "sync", "store-native", "bindings/rust"]),
    ("bindings/", &["core", "segment", "sql", "sync", "store-native", "store-wasm", "bindings/"]),
    ("web-demo", &["bindings/"]),
    ("tests/", &["core", "segment", "sql", "sync", "store-native", "store-wasm", "server", "bindings/", "tests/"]),
    ("xtask", &[]),
];

/// Libraries (a `*` ends a prefix) and the crates that may use them. Development dependencies are free.
const BORDERS: &[(&str, &[&str])] = &[
    ("rocksdb", &["store-native", "tests/bench"]),
    ("librocksdb-sys", &["store-native"]),
    ("redb", &["store-native"]),
    ("sled", &["store-native"]),
    ("datafusion*", &["sql"]),
    ("arrow*", &["segment", "sql"]),
    ("parquet*", &["segment", "sql"]),
    ("tokio*", &["server", "store-native", "sync", "tests/"]),
    ("web-sys", &["store-wasm", "bindings/", "sync"]),
    ("js-sys", &["store-wasm", "bindings/", "sync"]),
    ("automerge*", &["segment", "sql", "sync", "server", "bindings/", "tests/"]),
];

/// Where code may ask what it is compiled for.
const TARGET_CFG_ALLOWED: &[&str] =
    &["store-native/", "store-wasm/", "bindings/", "sync/src/native/", "sync/src/browser/", "tests/", "xtask/"];

/// Where core's and the sessions' bans on clocks, randomness, files, sockets and threads may be lifted.
const BAN_LIFTED_ALLOWED: &[&str] = &["core/src/store/conformance/", "sync/src/native/", "sync/src/browser/"];

/// The crates whose code is under those bans.
const BANNED_CRATES: &[&str] = &["core", "sync"];

/// A crate of the workspace: its folder and its direct dependencies.
struct Manifest {
    folder: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    /// The folder of a crate of the workspace.
    folder: Option<String>,
    kind: DependencyKind,
}

/// A source file of the repository: its path from the root, with `/` between folders, and its text.
struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace has a root")
}

fn manifests() -> Vec<Manifest> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec().expect("cargo metadata answers");
    let relative = |path: &Path| {
        path.strip_prefix(&metadata.workspace_root).expect("a crate lies in the workspace").to_str().map(String::from)
    };
    let manifest = |package: &cargo_metadata::Package| Manifest {
        folder: package.manifest_path.parent().and_then(|folder| relative(folder.as_std_path())).expect("has a folder"),
        dependencies: package
            .dependencies
            .iter()
            .map(|dependency| Dependency {
                name: dependency.name.to_string(),
                folder: dependency.path.as_ref().and_then(|path| relative(path.as_std_path())),
                kind: dependency.kind,
            })
            .collect(),
    };
    metadata.packages.iter().map(manifest).collect()
}

fn sources() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_built = ["target", "node_modules"].contains(&name.as_str()) || name.starts_with('.');
            if path.is_dir() && !is_built {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).expect("source is UTF-8");
                let path =
                    path.strip_prefix(&root).expect("the walk began at the root").to_string_lossy().replace('\\', "/");
                sources.push(Source { path, text });
            }
        }
    }
    sources
}

/// Whether a crate's folder is the one named, or lies in the one named with `/` at its end.
fn is_in(folder: &str, named: &str) -> bool {
    if named.ends_with('/') { folder.starts_with(named) } else { folder == named }
}

fn is_in_any(folder: &str, named: &[&str]) -> bool {
    named.iter().any(|named| is_in(folder, named))
}

fn wrong_arrows(manifests: &[Manifest]) -> Vec<String> {
    let mut complaints = Vec::new();
    for manifest in manifests {
        let from = &manifest.folder;
        let Some((_, allowed)) = ARROWS.iter().find(|(named, _)| is_in(from, named)) else {
            complaints.push(format!("{from} has no place in the order of crates: add it to ARROWS"));
            continue;
        };
        let inside = manifest.dependencies.iter().filter_map(|dependency| dependency.folder.as_ref());
        complaints.extend(inside.filter(|to| !is_in_any(to, allowed)).map(|to| format!("{from} must not use {to}")));
    }
    complaints
}

fn crossed_borders(manifests: &[Manifest]) -> Vec<String> {
    let is_named = |name: &str, library: &str| match library.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == library,
    };
    let mut complaints = Vec::new();
    for manifest in manifests {
        let shipped = manifest.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        for dependency in shipped {
            let border = BORDERS.iter().find(|(library, _)| is_named(&dependency.name, library));
            if let Some((_, allowed)) = border
                && !is_in_any(&manifest.folder, allowed)
            {
                complaints.push(format!("{} must not use {}: only {allowed:?} may", manifest.folder, dependency.name));
            }
        }
    }
    complaints
}

/// Lines of code, without comments, that hold one of the words and lie outside the allowed folders.
fn misplaced_words(sources: &[Source], words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| !is_in_any(&source.path, allowed)) {
        for (at, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = words.iter().find(|word| code.contains(**word)) {
                complaints.push(format!("{}:{}: `{word}` only in {allowed:?}", source.path, at + 1));
            }
        }
    }
    complaints
}

fn asked_targets(sources: &[Source]) -> Vec<String> {
    misplaced_words(sources, &["target_arch", "target_family", "target_os"], TARGET_CFG_ALLOWED)
}

/// Allowing a banned method where the ban holds, or a crate that does not deny them.
fn lifted_bans(sources: &[Source]) -> Vec<String> {
    let lints = ["clippy::disallowed_methods", "clippy::disallowed_types", "clippy::unwrap_used"];
    let is_root = |source: &Source| BANNED_CRATES.iter().any(|name| source.path == format!("{name}/src/lib.rs"));
    let (roots, others): (Vec<&Source>, Vec<&Source>) = sources.iter().partition(|source| is_root(source));
    let mut complaints = Vec::new();
    for source in &roots {
        for lint in lints {
            let is_denied = source.text.lines().any(|line| line.starts_with("#![deny(") && line.contains(lint));
            if !is_denied {
                complaints.push(format!("{} does not deny {lint}", source.path));
            }
        }
    }
    for source in others {
        let is_test = source.path.ends_with("/tests.rs") || source.path.contains("/tests/");
        let is_banned = BANNED_CRATES.iter().any(|name| source.path.starts_with(&format!("{name}/src/")));
        if is_test || !is_banned || is_in_any(&source.path, BAN_LIFTED_ALLOWED) {
            continue;
        }
        if let Some(lint) = lints.iter().find(|lint| source.text.contains(**lint)) {
            complaints.push(format!("{}: {lint} may be allowed only in {BAN_LIFTED_ALLOWED:?}", source.path));
        }
    }
    complaints
}

/// Files over the limit that no line of the map names, in backticks and followed by a reason.
fn unexplained_lengths(sources: &[Source], map: &str) -> Vec<String> {
    let is_explained = |path: &str| {
        let name = format!("`{path}`");
        map.lines().any(|line| line.split_once(&name).is_some_and(|(_, reason)| reason.trim().len() >= 20))
    };
    let mut complaints = Vec::new();
    for source in sources {
        let lines = source.text.lines().count();
        if lines > LINES_MAX && !is_explained(&source.path) {
            complaints.push(format!("{} has {lines} lines, at most {LINES_MAX} without a reason", source.path));
        }
    }
    complaints
}

#[test]
fn crates_use_only_crates_further_in() {
    assert_eq!(wrong_arrows(&manifests()), [""; 0]);
}

#[test]
fn libraries_stay_in_their_crates() {
    assert_eq!(crossed_borders(&manifests()), [""; 0]);
}

#[test]
fn code_asks_for_its_target_only_in_outer_crates() {
    assert_eq!(asked_targets(&sources()), [""; 0]);
}

#[test]
fn bans_are_lifted_only_where_the_outside_begins() {
    assert_eq!(lifted_bans(&sources()), [""; 0]);
}

#[test]
fn long_files_have_a_reason() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("there is an ARCHITECTURE.md");
    assert_eq!(unexplained_lengths(&sources(), &map), [""; 0]);
}

/// A rule that looks at nothing is content with everything.
#[test]
fn the_repository_is_seen() {
    let folders: Vec<String> = manifests().into_iter().map(|manifest| manifest.folder).collect();
    assert!(
        ["core", "sync", "sql", "server", "tests/e2e"].iter().all(|name| folders.iter().any(|folder| folder == name))
    );
    assert!(manifests().iter().any(|manifest| manifest.dependencies.iter().any(|inside| inside.folder.is_some())));
    let paths: Vec<String> = sources().into_iter().map(|source| source.path).collect();
    assert!(["core/src/lib.rs", "sync/src/lib.rs"].iter().all(|name| paths.iter().any(|path| path == name)));
}

mod examples {
    //! Each rule, shown to complain.

    use super::*;

    fn uses(folder: &str, name: &str, kind: DependencyKind) -> Vec<Manifest> {
        let inside = ["kalamdb-core", "kalamdb-server", "kalamdb-sync", "kalamdb-wasm"];
        let paths = ["core", "server", "sync", "bindings/wasm"];
        let path = inside.iter().zip(paths).find(|(inside, _)| **inside == name).map(|(_, path)| path.to_owned());
        let dependency = Dependency { name: name.into(), folder: path, kind };
        vec![Manifest { folder: folder.into(), dependencies: vec![dependency] }]
    }

    fn source(path: &str, text: &str) -> Vec<Source> {
        vec![Source { path: path.into(), text: text.into() }]
    }

    #[test]
    fn arrows() {
        let normal = |folder, name| wrong_arrows(&uses(folder, name, DependencyKind::Normal)).len();
        assert_eq!(normal("core", "kalamdb-sync"), 1);
        assert_eq!(normal("sync", "kalamdb-server"), 1);
        assert_eq!(normal("store-native", "kalamdb-sync"), 1);
        assert_eq!(normal("server", "kalamdb-wasm"), 1);
        assert_eq!(normal("xtask", "kalamdb-core"), 1);
        assert_eq!(normal("unheard-of", "serde"), 1);
        assert_eq!(normal("sync", "kalamdb-core"), 0);
        assert_eq!(normal("tests/e2e", "kalamdb-server"), 0);
        assert_eq!(wrong_arrows(&uses("core", "kalamdb-sync", DependencyKind::Development)).len(), 1);
    }

    #[test]
    fn borders() {
        let normal = |folder, name| crossed_borders(&uses(folder, name, DependencyKind::Normal)).len();
        for (library, inside, outside) in [
            ("rocksdb", "store-native", "server"),
            ("redb", "store-native", "sync"),
            ("sled", "store-native", "core"),
            ("datafusion-expr", "sql", "server"),
            ("arrow-array", "segment", "server"),
            ("parquet", "sql", "server"),
            ("tokio-tungstenite", "sync", "sql"),
            ("tokio", "tests/e2e", "core"),
            ("web-sys", "store-wasm", "core"),
            ("js-sys", "bindings/wasm", "sql"),
            ("automerge", "bindings/wasm", "core"),
        ] {
            assert_eq!(normal(inside, library), 0, "{inside} {library}");
            assert_eq!(normal(outside, library), 1, "{outside} {library}");
        }
        assert_eq!(crossed_borders(&uses("sql", "tokio", DependencyKind::Development)).len(), 0);
        assert_eq!(crossed_borders(&uses("core", "tokio", DependencyKind::Build)).len(), 1);
    }

    #[test]
    fn targets() {
        let line = "    #[cfg(target_arch = \"wasm32\")]";
        assert_eq!(asked_targets(&source("core/src/lib.rs", line)).len(), 1);
        assert_eq!(asked_targets(&source("sync/src/client/mod.rs", line)).len(), 1);
        assert_eq!(asked_targets(&source("sql/src/lib.rs", "if cfg!(target_family = \"wasm\") {")).len(), 1);
        assert_eq!(asked_targets(&source("store-wasm/src/lib.rs", line)).len(), 0);
        assert_eq!(asked_targets(&source("sync/src/native/mod.rs", line)).len(), 0);
        assert_eq!(asked_targets(&source("core/src/lib.rs", "// not by target_arch")).len(), 0);
    }

    #[test]
    fn bans() {
        let all = "#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)]";
        let allow = "#![allow(clippy::disallowed_methods)]";
        assert_eq!(lifted_bans(&source("core/src/lib.rs", all)).len(), 0);
        assert_eq!(lifted_bans(&source("core/src/lib.rs", "#![deny(clippy::disallowed_methods)]")).len(), 2);
        assert_eq!(lifted_bans(&source("sync/src/client.rs", allow)).len(), 1);
        assert_eq!(lifted_bans(&source("sync/src/native/mod.rs", allow)).len(), 0);
        assert_eq!(lifted_bans(&source("sync/src/wire/tests.rs", allow)).len(), 0);
        assert_eq!(lifted_bans(&source("server/src/main.rs", allow)).len(), 0);
    }

    #[test]
    fn lengths() {
        let long = source("core/src/long.rs", &"\n".repeat(LINES_MAX + 1));
        assert_eq!(unexplained_lengths(&long, "").len(), 1);
        assert_eq!(unexplained_lengths(&long, "- `core/src/long.rs`").len(), 1);
        assert_eq!(unexplained_lengths(&long, "- `core/src/longer.rs`: one table, read as a whole").len(), 1);
        assert_eq!(unexplained_lengths(&long, "- `core/src/long.rs`: one table, read as a whole").len(), 0);
        assert_eq!(unexplained_lengths(&source("core/src/short.rs", &"\n".repeat(LINES_MAX)), "").len(), 0);
    }
}
