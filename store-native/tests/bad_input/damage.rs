//! Every file of a store cut, emptied, removed and changed at many places: the store says so or reads as before.

use std::fs;
use std::path::{Path, PathBuf};

use kalamdb_core::ErrorKind;
use kalamdb_core::store::Store;
use kalamdb_core::store::conformance::Prng;
use kalamdb_store_native::rocks::{self, LogDamage, RocksOptions};
use kalamdb_store_native::{StoreKind, open_store};

use super::{ROWS, make, read_all};

#[derive(Clone, Copy, Debug)]
enum Damage {
    Remove,
    Empty,
    Cut {
        percent: u64,
    },
    /// Some bytes changed in the middle of the data.
    Flip {
        seed: u64,
    },
}

fn damages() -> Vec<Damage> {
    let mut damages = vec![Damage::Remove, Damage::Empty];
    damages.extend([10, 50, 90].map(|percent| Damage::Cut { percent }));
    damages.extend((1..=12).map(|seed| Damage::Flip { seed }));
    damages
}

fn files(path: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(path).expect("list") {
        let path = entry.expect("entry").path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
    into.sort();
}

fn copy(from: &Path, to: &Path) {
    let mut all = Vec::new();
    files(from, &mut all);
    for file in all {
        let target = to.join(file.strip_prefix(from).expect("inside"));
        fs::create_dir_all(target.parent().expect("a folder")).expect("make the folder");
        fs::copy(&file, target).expect("copy");
    }
}

fn apply(damage: Damage, path: &Path) {
    let mut bytes = fs::read(path).expect("read");
    match damage {
        Damage::Remove => return fs::remove_file(path).expect("remove"),
        Damage::Empty => bytes.clear(),
        Damage::Cut { percent } => bytes.truncate((bytes.len() as u64 * percent / 100) as usize),
        Damage::Flip { seed } => {
            let mut prng = Prng::new(seed);
            // Behind the data many files are zeros, which mean nothing.
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) as u64;
            let at = prng.below(used.max(1)) as usize;
            bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte ^= 0x5a);
        }
    }
    fs::write(path, bytes).expect("write");
}

/// What a damaged store did; an error must be of kind `corrupt` and name the place.
enum Outcome {
    Refused,
    AsBefore,
    Lost(usize),
}

fn outcome(kind: StoreKind, path: &Path, at: &str) -> Outcome {
    let read = || {
        let store = open_store(kind, path, None)?;
        read_all(&*store.snapshot()?)
    };
    match read() {
        Ok(numbers) if numbers == (0..ROWS).collect::<Vec<_>>() => Outcome::AsBefore,
        Ok(numbers) => Outcome::Lost(numbers.len()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{at}: {error}");
            assert!(error.message().contains(&path.display().to_string()), "{at}: {error}");
            Outcome::Refused
        }
    }
}

/// Damages each file of a store of `kind`; `may_lose` names the cases that a crash looks like as well.
fn damage_each_file(kind: StoreKind, may_lose: impl Fn(&str, Damage) -> bool) {
    let original = tempfile::tempdir().expect("a temporary folder");
    make(kind, original.path());
    let mut all = Vec::new();
    files(original.path(), &mut all);
    let mut refused = 0;
    for file in &all {
        let name = file.strip_prefix(original.path()).expect("inside").display().to_string();
        if name == "KALAMDB" && fs::metadata(file).expect("metadata").len() < 64 {
            // Its cases are in the tests of the directory.
            continue;
        }
        for damage in damages() {
            let at = format!("{kind}, {name}, {damage:?}");
            let folder = tempfile::tempdir().expect("a temporary folder");
            copy(original.path(), folder.path());
            apply(damage, &folder.path().join(&name));
            let before = fs::read(folder.path().join(&name)).ok();
            match outcome(kind, folder.path(), &at) {
                Outcome::AsBefore => {}
                Outcome::Refused => {
                    refused += 1;
                    let after = fs::read(folder.path().join(&name)).ok();
                    assert!(before == after, "{at}: a refused file was changed");
                }
                Outcome::Lost(left) => {
                    println!("{at}: {left} of {ROWS} rows left, silently");
                    assert!(may_lose(&name, damage), "{at}: {left} of {ROWS} rows left, silently");
                }
            }
        }
    }
    assert!(refused > 0, "no damage was found");
}

#[test]
fn rocksdb_reports_damage() {
    // A log that ends early is what a crash leaves.
    let is_log = |name: &str| name.ends_with(".log");
    damage_each_file(StoreKind::Rocksdb, |name, damage| is_log(name) && !matches!(damage, Damage::Flip { .. }));
}

/// For rescue by hand there is a way past a damaged log, to what stands before the damage.
#[test]
fn rocksdb_drops_a_damaged_tail_when_told_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    make(StoreKind::Rocksdb, folder.path());
    let mut all = Vec::new();
    files(folder.path(), &mut all);
    let log = all.iter().filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let log = log.max_by_key(|path| fs::metadata(path).expect("metadata").len()).expect("a log");
    let mut bytes = fs::read(log).expect("read");
    let middle = bytes.len() / 2;
    bytes.iter_mut().skip(middle).take(4).for_each(|byte| *byte ^= 0x5a);
    fs::write(log, bytes).expect("write");

    let mut options = RocksOptions::default();
    let error = rocks::open(folder.path(), &options, None).err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    options.log_damage = LogDamage::DropTail;
    let store = rocks::open(folder.path(), &options, None).expect("open without the tail");
    let numbers = read_all(&*store.snapshot().expect("snapshot")).expect("read");
    assert!((1..ROWS as usize).contains(&numbers.len()), "{} rows", numbers.len());
    assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>(), "a prefix");
}

#[test]
fn redb_reports_damage() {
    damage_each_file(StoreKind::Redb, |_, _| false);
}

/// Expected failure: sled takes damage anywhere in its log for the end of the log after a crash, and drops what is
/// behind it without a word.
#[test]
fn sled_takes_damage_for_a_crash() {
    damage_each_file(StoreKind::Sled, |name, _| name == "sled/db");
}
