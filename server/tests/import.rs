//! `kalamdb import` as its users see it.
#![allow(clippy::expect_used)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use support::process::{kalamdb, run};
use tempfile::TempDir;

/// A folder with an empty data directory.
struct Place {
    folder: TempDir,
    data: PathBuf,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("a directory");
        Place { folder, data }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(&[arguments, &["--data-dir", text(&self.data)]].concat())
    }

    fn import(&self, table: &str, file: &Path, more: &[&str]) -> (i32, String, String) {
        self.run(&[&["import", table, text(file)], more].concat())
    }

    /// Imports, which must fail, and gives what it says.
    fn refused(&self, table: &str, file: &Path, more: &[&str]) -> String {
        let (code, out, error) = self.import(table, file, more);
        assert_ne!(code, 0, "{more:?}: {out}");
        assert!(!error.contains("panicked"), "{more:?}: {error}");
        error
    }

    /// The answer to a query in the space of a user, as JSON.
    fn ask(&self, user: &str, sql: &str) -> String {
        let (code, out, error) = self.run(&["sql", "--as", user, "--json", "-c", sql]);
        assert_eq!(code, 0, "{error}");
        let answer: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        answer["results"][0]["rows"].to_string()
    }

    fn admin(&self, sql: &str) {
        let (code, _, error) = self.run(&["sql", "--as", "admin", "--admin", "-c", sql]);
        assert_eq!(code, 0, "{error}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in Unicode")
}

const NOTES: &str = "CREATE NAMESPACE app; \
    CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY, owner TEXT NOT NULL, stars INT CHECK (stars >= 0), title TEXT)";
const BY_OWNER: [&str; 2] = ["--user-column", "owner"];

#[test]
fn every_value_of_the_user_column_is_a_user() {
    let place = Place::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/planes.csv");
    let more = ["--user-column", "manufacturer", "--null", "NA", "--create", "--primary-key", "tailnum"];
    fs::remove_dir(&place.data).expect("it is empty");
    let error = place.refused("app.planes", &data, &more[..4]);
    assert!(error.contains("--create --primary-key"), "{error}");
    let (code, out, error) = place.import("app.planes", &data, &more);
    assert_eq!(code, 0, "{error}");
    assert!(out.starts_with("app.planes: 3322 rows written for 35 users, "), "{out}");
    assert_eq!(place.ask("BOEING", "SELECT COUNT(*), MIN(year), MAX(seats) FROM app.planes"), "[[1630,1965,450]]");
    assert_eq!(place.ask("EMBRAER", "SELECT COUNT(*) FROM app.planes WHERE manufacturer <> 'EMBRAER'"), "[[0]]");
    let (code, out, error) = place.import("app.planes", &data, &more);
    assert_eq!(code, 0, "{error}");
    assert!(out.starts_with("app.planes: 0 rows written for 35 users, 3322 were there, "), "{out}");
    assert_eq!(place.ask("BOEING", "SELECT COUNT(*) FROM app.planes"), "[[1630]]");
    let other = [&more[..5], &["--primary-key", "model"]].concat();
    let error = place.refused("app.planes", &data, &other);
    assert!(error.contains("the primary key tailnum"), "{error}");
}

#[test]
fn lines_of_json_are_read() {
    let place = Place::new();
    place.admin(NOTES);
    let lines =
        "{\"id\": 1, \"owner\": \"ada\", \"title\": \"a;b\"}\n\n{\"owner\": \"eve\", \"id\": 1, \"stars\": 3}\n";
    let file = place.file("notes.ndjson", lines);
    let (code, out, error) = place.import("app.notes", &file, &BY_OWNER);
    assert_eq!(code, 0, "{error}");
    assert!(out.starts_with("app.notes: 2 rows written for 2 users, "), "{out}");
    assert_eq!(place.ask("ada", "SELECT * FROM app.notes"), r#"[[1,"ada",null,"a;b"]]"#);
    assert_eq!(place.ask("eve", "SELECT * FROM app.notes"), r#"[[1,"eve",3,null]]"#);
}

#[test]
fn a_file_with_a_fault_writes_nothing_and_says_where_it_is() {
    let place = Place::new();
    place.admin(NOTES);
    let head = "id,owner,stars,title\n1,ada,5,good\n";
    for (rows, code, named) in [
        ("2,,1,x\n", "invalid", "row 2, column `owner`"),
        ("1,ada,1,x\n", "conflict", "row 2 (user `ada`)"),
        ("2,ada,-1,x\n", "invalid", "row 2 (user `ada`)"),
        ("2,ada,many,x\n", "invalid", "line 3, column `stars`"),
        (",ada,1,x\n", "invalid", "row 2"),
        ("2,ada,1\n", "invalid", "line: 3"),
    ] {
        let file = place.file("notes.csv", &format!("{head}{rows}"));
        let error = place.refused("app.notes", &file, &BY_OWNER);
        assert!(error.contains(&format!("error ({code})")), "{rows:?}: {error}");
        assert!(error.contains(named) && error.contains(text(&file)), "{rows:?}: {error}");
    }
    assert_eq!(place.ask("ada", "SELECT COUNT(*) FROM app.notes"), "[[0]]");
}

#[test]
fn what_cannot_be_imported_is_named() {
    let place = Place::new();
    place.admin(NOTES);
    let good = place.file("notes.csv", "id,owner\n1,ada\n");
    let other = place.file("other.csv", "id,owner,colour\n1,ada,red\n");
    let strange = place.file("notes.xls", "?");
    let broken = place.file("notes.parquet", "PAR1 and nothing more");
    let missing = place.folder.path().join("missing.csv");
    let cases: [(&str, &Path, &[&str], &str); 9] = [
        ("app.notes", &missing, &BY_OWNER, "name an existing file"),
        ("app.notes", place.folder.path(), &["--user-column", "owner", "--format", "csv"], "is a directory"),
        ("app.notes", &strange, &BY_OWNER, "--format parquet|csv|ndjson"),
        ("app.notes", &broken, &BY_OWNER, "no readable Parquet file"),
        ("app.notes", &other, &BY_OWNER, "`colour`"),
        ("app.notes", &good, &["--user-column", "colour"], "`colour`"),
        ("app.other", &good, &BY_OWNER, "--create --primary-key"),
        ("app.other", &good, &["--user-column", "owner", "--create", "--primary-key", "key"], "no column `key`"),
        ("notes", &good, &BY_OWNER, "`app.notes`"),
    ];
    for (table, file, more, named) in cases {
        let error = place.refused(table, file, more);
        assert!(error.contains(named), "{table} {more:?}: {error}");
    }
    // It exists with a key of its own.
    let existing = place.file("again.csv", "id,owner\n1,ada\n");
    assert_eq!(place.import("app.notes", &existing, &BY_OWNER).0, 0);
    let clash = place.file("clash.csv", "id,owner\n2,ada\n1,ada\n");
    let error = place.refused("app.notes", &clash, &BY_OWNER);
    assert!(error.contains("error (conflict)") && error.contains("row 2 (user `ada`)"), "{error}");
    assert_eq!(place.ask("ada", "SELECT id FROM app.notes"), "[[1]]");
}

#[test]
fn a_file_is_imported_by_one_column_and_by_another() {
    let place = Place::new();
    place.admin(
        "CREATE NAMESPACE app; CREATE USER TABLE app.mails (id INT PRIMARY KEY, sender TEXT, recipient TEXT NOT NULL)",
    );
    let file = place.file("mails.csv", "id,sender,recipient\n1,ada,bob\n2,bob,ada\n3,ada,eve\n");
    assert_eq!(place.import("app.mails", &file, &["--user-column", "sender"]).0, 0);
    assert_eq!(place.ask("ada", "SELECT id FROM app.mails ORDER BY id"), "[[1],[3]]");
    let (code, out, error) = place.import("app.mails", &file, &["--user-column", "recipient"]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("3 rows"), "{out}");
    assert_eq!(place.ask("ada", "SELECT id FROM app.mails ORDER BY id"), "[[1],[2],[3]]");
    assert_eq!(place.ask("eve", "SELECT id FROM app.mails ORDER BY id"), "[[3]]");
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_stopped() {
    const ROWS: usize = 60_000;
    const USERS: usize = 7;
    let place = Place::new();
    place.admin(NOTES);
    let mut rows = String::from("id,owner,stars,title\n");
    for id in 0..ROWS {
        writeln!(rows, "{id},user{},{},title {id}", id % USERS, id % 6).expect("a line");
    }
    let file = place.file("notes.csv", &rows);
    let count = || -> usize {
        let count = |user| place.ask(&format!("user{user}"), "SELECT COUNT(*) FROM app.notes");
        (0..USERS).map(|user| count(user).trim_matches(['[', ']']).parse::<usize>().expect("a number")).sum()
    };
    // How fast it writes is not known: it is killed a little later each time, until some of the rows are there.
    let mut kills = 0;
    while count() == 0 {
        let mut command = kalamdb();
        command.args(["import", "app.notes", text(&file), "--user-column", "owner", "--data-dir", text(&place.data)]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary runs");
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let writing = lines.map_while(Result::ok).find(|line| line.starts_with("writing"));
        assert!(writing.is_some(), "it says when it writes");
        std::thread::sleep(std::time::Duration::from_millis(5 * kills));
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        kills += 1;
    }
    let written = count();
    assert!(written < ROWS, "it was over before the kill number {kills}");
    let (code, out, error) = place.import("app.notes", &file, &BY_OWNER);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains(&format!("for {USERS} users")), "{out}");
    assert!(out.contains(&format!("{written} were there")), "{out}");
    for user in 0..USERS {
        let expected = (ROWS - user).div_ceil(USERS);
        let distinct = "SELECT COUNT(*), COUNT(DISTINCT id) FROM app.notes";
        assert_eq!(place.ask(&format!("user{user}"), distinct), format!("[[{expected},{expected}]]"));
    }
}
