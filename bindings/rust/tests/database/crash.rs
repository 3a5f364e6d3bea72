//! Other processes: one that has the directory open, and one that is killed in mid-write.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use kalamdb::{Database, Datum, ErrorKind, params};

use crate::{open, shown};

const DIRECTORY: &str = "KALAMDB_TEST_DIRECTORY";
const MARK: &str = "persisted:";
const REFUSED: &str = "refused:";

/// Writes transactions of two rows for ever and says which are durable. It is a test only so that [`writer`] can start
/// it as a process.
#[tokio::test]
#[ignore = "the other side of the tests below"]
async fn write_for_ever() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let db = Database::open(PathBuf::from(directory)).expect("a database");
    let last = db.query("SELECT max(id) FROM app.notes", &[]).await.expect("a query");
    let mut next = match last.rows.first().and_then(|row| row.first()) {
        Some(Datum::BigInt(last)) => last / 2 + 1,
        _ => 0,
    };
    println!("{MARK}-1");
    loop {
        db.transaction(async |tx| {
            let title = "x".repeat(2000);
            tx.execute("INSERT INTO app.notes (id, title) VALUES ($1, $2)", &params![2 * next, title.clone()]).await?;
            tx.execute("INSERT INTO app.notes (id, title) VALUES ($1, $2)", &params![2 * next + 1, title]).await
        })
        .await
        .expect("a transaction");
        if next % 3 == 0 {
            db.wait_persisted().await.expect("a disk");
            println!("{MARK}{next}");
        }
        next += 1;
    }
}

/// Writes until it is refused and says what was durable by then, and why it was refused. Another test starts it as a
/// process.
#[tokio::test]
#[ignore = "the other side of the test below"]
async fn write_until_refused() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let db = Database::open(PathBuf::from(directory)).expect("a database");
    for next in 0..2_000_i64 {
        let insert = "INSERT INTO app.notes (id, title) VALUES ($1, $2)";
        let written = db.execute(insert, &params![next, "x".repeat(20_000)]).await;
        let Err(error) = (match written {
            Ok(_) => db.wait_persisted().await,
            Err(error) => Err(error),
        }) else {
            println!("{MARK}{next}");
            continue;
        };
        println!("{REFUSED}{}|{}", error.code(), error.message());
        let again = db.execute(insert, &params![-1_i64, "more"]).await.expect_err("frozen");
        assert_eq!(again.kind(), ErrorKind::Quota, "{again}");
        let rows = db.query("SELECT count(*) FROM app.notes", &[]).await.expect("reads go on");
        assert!(matches!(rows.rows[0][0], Datum::BigInt(count) if count >= next), "{rows:?}");
        return;
    }
    panic!("the disk was never full");
}

/// The process runs where no file grows beyond a limit: the system refuses to write on, as it does without room.
#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_refuses_writes_and_keeps_what_was_durable() {
    let (folder, db) = crate::database().await;
    db.close().await.expect("it closes");
    // Without the trap the system would end the process instead of refusing the write.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "crash::write_until_refused", "--ignored", "--nocapture"])
        .env(DIRECTORY, folder.path().join("db"))
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let numbers = text.lines().filter_map(|line| line.split_once(MARK)?.1.parse::<i64>().ok());
    let durable = numbers.max().expect("something was durable");
    let refused = text.lines().find_map(|line| Some(line.split_once(REFUSED)?.1)).expect("a refusal");
    assert!(refused.starts_with("disk_full|") && refused.contains("free space"), "{refused}");
    let db = open(&folder).await;
    let rows = db.query("SELECT id FROM app.notes ORDER BY id", &[]).await.expect("a query");
    assert!(rows.rows.len() as i64 > durable, "{durable} and those before were durable, {} are there", rows.rows.len());
    assert!(shown(&rows).into_iter().enumerate().all(|(at, id)| id == at.to_string()), "no gap");
    db.execute("INSERT INTO app.notes (id, title) VALUES (-1, 'room again')", &[]).await.expect("writes go on");
}

fn writer(directory: &Path) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "crash::write_for_ever", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("a process");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    (child, lines)
}

/// The next transaction that the process calls durable.
fn persisted(lines: &mut Lines<BufReader<ChildStdout>>) -> i64 {
    loop {
        let line = lines.next().expect("the process goes on").expect("its output is text");
        if let Some((_, number)) = line.split_once(MARK) {
            return number.parse().expect("a number");
        }
    }
}

#[tokio::test]
async fn what_was_persisted_survives_kill_9_in_mid_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("db");
    open(&folder).await.close().await.expect("closed");
    let mut before = -1;
    for round in 0..6 {
        let (mut child, mut lines) = writer(&directory);
        let mut durable = -1;
        (0..3 + 4 * round).for_each(|_| durable = durable.max(persisted(&mut lines)));
        child.kill().expect("killed");
        child.wait().expect("dead");
        // What it said before it died counts too.
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.split_once(MARK).and_then(|(_, number)| number.parse().ok()) {
                durable = durable.max(number);
            }
        }
        let db = Database::open(directory.as_path()).expect("it opens again");
        let rows = db.query("SELECT count(*), min(id), max(id) FROM app.notes", &[]).await.expect("a query");
        let Some([Datum::BigInt(count), Datum::BigInt(0), Datum::BigInt(max)]) = rows.rows.first().map(Vec::as_slice)
        else {
            panic!("no rows: {:?}", shown(&rows));
        };
        assert_eq!(*count, max + 1, "no hole");
        assert_eq!(count % 2, 0, "no half transaction");
        let last = count / 2 - 1;
        assert!(last >= durable && durable > before, "durable were {durable}, there are {last}, before {before}");
        assert_eq!(db.status().expect("a status").pending() as i64, last + 1, "the outbox holds the same");
        before = last;
        db.close().await.expect("closed");
    }
}

#[tokio::test]
async fn a_directory_that_another_process_has_open_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("db");
    open(&folder).await.close().await.expect("closed");
    let (mut child, mut lines) = writer(&directory);
    persisted(&mut lines);
    let error = Database::open(directory.as_path()).err().expect("it is in use");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Retry, "store_in_use"));
    assert!(error.message().contains(&directory.display().to_string()), "{error}");
    child.kill().expect("killed");
    child.wait().expect("dead");
    Database::open(directory.as_path()).expect("it is free again");
}
