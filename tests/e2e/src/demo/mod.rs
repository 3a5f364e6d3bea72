//! `cargo xtask demo`: the main job on real data.
//!
//! The flights that left New York in 2013 are imported into a server, one airline a user. Two devices of one airline
//! sync, edit the same flights while both are offline, and sync again; then every row of the three copies is compared.
//! A browser with the server's own page may join them, writes offline, too, and has to end up with the same rows.

mod browser;
mod copies;
mod edits;
mod server;
mod show;
mod visit;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kalamdb::Database;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use copies::{Copies, Device};
use edits::Flight;
use server::{Kalamdb, Server, repository};
use show::{count, heading, millis, say};

/// The airline whose devices are shown, and another.
const USER: &str = "UA";
const OTHER_USER: &str = "AA";
/// What the source of the data says of the airline: rows, mean dep_delay and arr_delay.
const FLIGHTS: u64 = 58_665;
const MEAN_DEP_DELAY: f64 = 12.106_073;
const MEAN_ARR_DELAY: f64 = 3.558_011;
/// Those means are rounded to six digits behind the point.
const MEAN_TOLERANCE: f64 = 0.000_000_5;

const SCHEMA: &str = "
CREATE NAMESPACE app;
CREATE USER TABLE app.flights (
    year INT, month INT, day INT, dep_time INT, sched_dep_time INT, dep_delay INT, arr_time INT, sched_arr_time INT,
    arr_delay INT, carrier TEXT, flight INT, tailnum TEXT, origin TEXT NOT NULL, dest TEXT NOT NULL, air_time INT,
    distance INT CHECK (distance > 0), hour INT, minute INT, time_hour TIMESTAMP,
    complaints COUNTER,
    PRIMARY KEY (time_hour, flight, carrier)
);
CREATE INDEX by_dest ON app.flights (dest, time_hour);";

/// The query whose answer is known beforehand.
const MEANS: &str = "SELECT COUNT(*), AVG(dep_delay), AVG(arr_delay) FROM app.flights";
/// Every column of every row, the system's included.
const EVERYTHING: &str = "SELECT *, _updated, _seq FROM app.flights ORDER BY time_hour, flight, carrier";
/// What is asked on all copies in the end, beside one flight by its key.
const QUESTIONS: [(&str, &str); 3] = [
    ("flights to one place", "SELECT COUNT(*), MAX(arr_delay) FROM app.flights WHERE dest = 'HNL'"),
    (
        "worst destinations",
        "SELECT dest, COUNT(*), AVG(arr_delay) FROM app.flights GROUP BY dest ORDER BY AVG(arr_delay) DESC LIMIT 5",
    ),
    (
        "aircraft that turn around on a day",
        "SELECT COUNT(*) FROM app.flights a JOIN app.flights b ON a.tailnum = b.tailnum AND a.month = b.month \
         AND a.day = b.day AND a.sched_dep_time < b.sched_dep_time",
    ),
];

/// How the demo runs.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The binary `kalamdb`.
    pub binary: PathBuf,
    /// A new or empty directory; `None`: a temporary one.
    pub directory: Option<PathBuf>,
    /// Address of the server.
    pub listen: String,
    /// What follows the comparison of the native copies.
    pub ending: Ending,
}

/// What follows the comparison of the native copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server stays, to be played with.
    Stay,
    /// A headless browser opens the page of the server, which has to be built with it, and is compared, too.
    Browser,
    /// Nothing.
    Stop,
}

/// Runs the demo.
///
/// # Errors
/// If a step fails or the copies differ.
pub async fn run(options: DemoOptions) -> Result<()> {
    let temporary = match options.directory {
        None => Some(tempfile::tempdir().context("no temporary directory")?),
        Some(_) => None,
    };
    let folder = folder(options.directory.as_deref(), temporary.as_ref())?;
    let kalamdb = Kalamdb { binary: options.binary, data: folder.join("server") };
    import(&kalamdb)?;

    heading("A server and two devices that have never met it");
    let server = kalamdb.serve(&options.listen)?;
    let token = kalamdb.token(USER)?;
    say(format!("the server listens on {}", server.url));
    let laptop = device(&folder, "laptop")?;
    let phone = device(&folder, "phone")?;
    for device in [&laptop, &phone] {
        let began = Instant::now();
        device.db.connect(&server.url, token.as_str()).await?;
        device.sync().await?;
        let took = began.elapsed();
        say(format!("{:<6} has its first copy after {}: {}", device.name, millis(took), rate(FLIGHTS, took)));
    }
    let copies = Copies { server: &server, token: &token, devices: [&laptop, &phone] };
    check_means(&copies).await?;
    check_privacy(&kalamdb, &server, &folder).await?;

    let edited = edits::run(&copies).await?;

    compare(&copies, &edited).await?;
    if options.ending == Ending::Browser {
        visit::run(&copies).await?;
    }
    laptop.db.close().await?;
    phone.db.close().await?;
    if options.ending != Ending::Stay {
        server.stop()?;
        say("\nall copies are equal, and the server has stopped");
        return Ok(());
    }
    stay(&kalamdb, server, &folder, &token).await
}

fn folder(named: Option<&Path>, temporary: Option<&TempDir>) -> Result<PathBuf> {
    let Some(folder) = named.or(temporary.map(TempDir::path)) else { unreachable!("there is one of both") };
    std::fs::create_dir_all(folder).with_context(|| format!("directory {} cannot be made", folder.display()))?;
    let is_empty = std::fs::read_dir(folder)?.next().is_none();
    ensure!(is_empty, "directory {} is not empty: name a new one with --dir", folder.display());
    Ok(folder.to_path_buf())
}

fn import(kalamdb: &Kalamdb) -> Result<()> {
    heading("Import: all flights that left New York in 2013, one airline a user");
    std::fs::create_dir_all(&kalamdb.data)?;
    kalamdb.run(&["sql", "--as", "admin", "--admin", "-c", SCHEMA])?;
    let flights = repository("tests/data/flights-2013.parquet");
    let flights = flights.to_str().context("the repository's path is Unicode")?;
    let began = Instant::now();
    say(kalamdb.run(&["import", "app.flights", flights, "--user-column", "carrier"])?);
    say(format!("checked, written and durable after {}", millis(began.elapsed())));
    Ok(())
}

fn device(folder: &Path, name: &'static str) -> Result<Device> {
    Ok(Device { name, db: Database::open(folder.join(name))? })
}

fn rate(rows: u64, took: Duration) -> String {
    format!("{} rows, {} a second", count(rows), count((rows as f64 / took.as_secs_f64()) as u64))
}

/// Every copy must have the airline's rows and means.
async fn check_means(copies: &Copies<'_>) -> Result<()> {
    let (answer, _) = copies.ask_equal(MEANS).await?;
    let row = &answer[0];
    let mean = |at: usize| row[at].as_f64().with_context(|| format!("`{MEANS}` answers {row}"));
    ensure!(row[0] == json!(FLIGHTS), "{USER} has {} flights instead of {FLIGHTS}", row[0]);
    for (at, expected) in [(1, MEAN_DEP_DELAY), (2, MEAN_ARR_DELAY)] {
        let mean = mean(at)?;
        ensure!((mean - expected).abs() <= MEAN_TOLERANCE, "a mean is {mean} instead of {expected}");
    }
    let (dep, arr) = (mean(1)?, mean(2)?);
    say(format!(
        "{} hold {} flights each, mean dep_delay {dep:.6}, arr_delay {arr:.6}",
        copies.names().join(", "),
        count(FLIGHTS)
    ));
    Ok(())
}

/// Another airline's token gives that airline's rows alone, over HTTP and on a device.
async fn check_privacy(kalamdb: &Kalamdb, server: &Server, folder: &Path) -> Result<()> {
    let token = kalamdb.token(OTHER_USER)?;
    let device = Device { name: "other", db: Database::open(folder.join("other"))? };
    device.db.connect(&server.url, token.as_str()).await?;
    device.sync().await?;
    let foreign = format!("SELECT COUNT(*) FROM app.flights WHERE carrier <> '{OTHER_USER}'");
    let own = "SELECT COUNT(*) FROM app.flights";
    for answer in [server.query(&token, &foreign)?, device.query(&foreign).await?] {
        ensure!(answer == json!([[0]]), "the token of {OTHER_USER} sees {answer} foreign flights");
    }
    let own = device.query(own).await?;
    say(format!("with the token of {OTHER_USER}: {} own flights, and none of {USER}", count(as_u64(&own[0][0]))));
    device.db.close().await?;
    Ok(())
}

fn as_u64(value: &Json) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// Compares every cell of every row, then asks the same questions everywhere.
async fn compare(copies: &Copies<'_>, edited: &Flight) -> Result<()> {
    heading("All three copies, compared");
    let (rows, _) = copies.ask_equal(EVERYTHING).await?;
    let rows = rows.as_array().map_or(0, Vec::len) as u64;
    // One was deleted, one was added.
    ensure!(rows == FLIGHTS, "the copies have {rows} rows instead of {FLIGHTS}");
    say(format!("{} rows, every column of them with commit time and number: equal", count(rows)));
    say(format!("\n{:<36}{:>11}{:>11}{:>11}", "the same SQL everywhere", "server", "laptop", "phone"));
    let one_flight = format!("SELECT * FROM app.flights WHERE {}", edited.condition());
    for (name, sql) in [("one flight by its key", one_flight.as_str())].into_iter().chain(QUESTIONS) {
        let (_, first) = copies.ask_equal(sql).await?;
        let (_, again) = copies.ask_equal(sql).await?;
        let best = |at: usize| millis(first[at].min(again[at]));
        say(format!("{name:<36}{:>11}{:>11}{:>11}", best(0), best(1), best(2)));
    }
    say("(the server's times include HTTP)");
    Ok(())
}

/// Leaves the server running until it is told to end.
async fn stay(kalamdb: &Kalamdb, mut server: Server, folder: &Path, token: &str) -> Result<()> {
    heading("The server goes on");
    let binary = kalamdb.binary.display();
    say(format!(
        "In a browser, signed in as the airline:\n\n\
         {url}/?user={USER}\n\n\
         Play with the devices, each in a terminal of its own (\\? lists commands, \\offline and \\online too):\n\n\
         export TOKEN={token}\n\
         {binary} shell {laptop} --sync {url} --token $TOKEN\n\
         {binary} shell {phone} --sync {url} --token $TOKEN\n\
         {binary} sql --url {url} --token $TOKEN -c 'SELECT dest, COUNT(*) FROM app.flights GROUP BY dest'\n\n\
         Ctrl-C ends the server and removes what the demo made, unless it was told where to put it with --dir.",
        laptop = folder.join("laptop").display(),
        phone = folder.join("phone").display(),
        url = server.url,
    ));
    loop {
        tokio::select! {
            ended = tokio::signal::ctrl_c() => {
                ended.context("signals cannot be handled")?;
                // A terminal tells the server, too.
                return if server.has_ended()? { Ok(()) } else { server.stop() };
            }
            () = tokio::time::sleep(Duration::from_secs(1)) => ensure!(!server.has_ended()?, "the server has ended"),
        }
    }
}
