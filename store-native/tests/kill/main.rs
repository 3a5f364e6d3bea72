//! A process that writes is killed with SIGKILL, again and again; then every commit that it called persisted must be
//! there whole, and no other half.
//!
//! The test runs itself as the child (see [`child`]). `KALAMDB_KILLS` sets how often each engine is killed.
#![cfg(unix)]

mod child;
mod load;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use kalamdb_core::store::conformance::Prng;
use kalamdb_store_native::{StoreKind, open_store};

use crate::load::{THREADS, surviving};

const KILLS_DEFAULT: u64 = 25;
/// Lines of the child after which it is killed at the latest. The first says that it is about to open.
const LINES_MAX: u64 = 400;

#[test]
fn rocksdb_keeps_what_it_persisted() {
    kill_again_and_again(StoreKind::Rocksdb, 1);
}

#[test]
fn redb_keeps_what_it_persisted() {
    kill_again_and_again(StoreKind::Redb, 2);
}

#[test]
fn sled_keeps_what_it_persisted() {
    kill_again_and_again(StoreKind::Sled, 3);
}

/// The process that is killed; a plain run of the tests passes it by.
#[test]
fn child() {
    if let (Ok(kind), Ok(path)) = (std::env::var(child::KIND), std::env::var(child::PATH)) {
        child::run(kind.parse().expect("a kind of store"), Path::new(&path));
    }
}

fn kill_again_and_again(kind: StoreKind, seed: u64) {
    let kills = std::env::var("KALAMDB_KILLS").ok().map_or(KILLS_DEFAULT, |kills| kills.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut prng = Prng::new(seed);
    let mut before = [0; THREADS];
    for kill in 0..kills {
        // Often early, when the store opens and recovers, else anywhere.
        let lines = if prng.below(4) == 0 { 1 + prng.below(4) } else { 1 + prng.below(LINES_MAX) };
        let told = write_and_kill(kind, folder.path(), lines);
        before = check(kind, folder.path(), &told, before, &format!("{kind}, seed {seed}, kill {kill}, line {lines}"));
    }
    assert!(before.iter().all(|number| *number > 0), "every thread got to write: {before:?}");
}

/// What the child said before it died.
#[derive(Default)]
struct Told {
    /// The thread and number of each commit that returned, by its id.
    commits: BTreeMap<u64, (usize, u64)>,
    /// The last id that was reported as durable.
    persisted: u64,
}

fn write_and_kill(kind: StoreKind, path: &Path, lines: u64) -> Told {
    let mut child = Command::new(std::env::current_exe().expect("this test's own path"))
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(child::KIND, kind.name())
        .env(child::PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("run the child");
    let mut told = Told::default();
    let mut seen = 0;
    let stdout = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    for line in stdout.lines() {
        let line = line.expect("a line of the child");
        // The test harness of the child also prints.
        let Some(words) = line.strip_prefix(child::MARK) else { continue };
        let words: Vec<&str> = words.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().expect("a number");
        match words.as_slice() {
            ["open"] => {}
            ["commit", id, thread, count] => {
                told.commits.insert(number(id), (number(thread) as usize, number(count)));
            }
            ["persisted", id] => told.persisted = told.persisted.max(number(id)),
            _ => panic!("the child failed: {line}"),
        }
        seen += 1;
        if seen == lines {
            child.kill().expect("kill the child");
        }
    }
    let status = child.wait().expect("the end of the child");
    assert!(seen >= lines, "{kind}: the child ended by itself ({status}) after {seen} lines");
    told
}

/// Opens what the child left and compares it with what it said. Returns how far each thread came.
fn check(kind: StoreKind, path: &Path, told: &Told, before: [u64; THREADS], at: &str) -> [u64; THREADS] {
    let store = open_store(kind, path, None).unwrap_or_else(|error| panic!("{at}: {error}"));
    let found = surviving(&*store.snapshot().expect("snapshot"), at);
    store.close().expect("close");
    for (thread, (found, before)) in found.iter().zip(before).enumerate() {
        assert!(*found >= before, "{at}: thread {thread} fell from {before} to {found}");
    }
    let survives = |(thread, number): &(usize, u64)| found.get(*thread).is_some_and(|found| found >= number);
    for (id, commit) in told.commits.range(..=told.persisted) {
        assert!(survives(commit), "{at}: commit {id} was persisted ({}) and is lost", told.persisted);
    }
    // What survives is a prefix: nothing lost stands before something kept.
    let first_lost = told.commits.iter().find(|(_, commit)| !survives(commit)).map(|(id, _)| *id);
    let last_kept = told.commits.iter().rev().find(|(_, commit)| survives(commit)).map(|(id, _)| *id);
    if let (Some(lost), Some(kept)) = (first_lost, last_kept) {
        assert!(kept < lost, "{at}: commit {lost} is lost and the later {kept} is there");
    }
    found
}
