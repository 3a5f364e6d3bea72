//! The demo's page in a browser of the same user: it writes offline, and meets the native devices again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value as Json, json};

use super::browser::Browser;
use super::copies::{Copies, Device, difference};
use super::show::{heading, millis, say};

/// How long a device may take to hear of what another one wrote.
const HEAR_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The task that both edit, those that the browser adds while it is offline, and the last one.
const FIRST: &str = "milk";
const ADDED: [&str; 3] = ["apples", "bread", "tea"];
const LAST: &str = "coffee";
/// Likes of the first task: by the browser offline, and by the phone meanwhile.
const LIKES_BROWSER: u64 = 2;
const LIKES_PHONE: u64 = 3;

const TITLES: &str = "SELECT title FROM demo.notes ORDER BY title";
const LIKES: &str = "SELECT likes FROM demo.notes WHERE title = 'milk'";
/// Every column of every row, the system's included. Times and numbers of the log as text: in JSON they have
/// other forms here than in the browser.
const EVERYTHING: &str = "SELECT title, likes, CAST(_seq AS TEXT), CAST(_updated AS TEXT), id, kind, body, topic, stars, \
                          done, CAST(created AS TEXT) FROM demo.notes ORDER BY title";
const COLUMNS_SHOWN: [&str; 4] = ["title", "likes", "seq", "committed"];

/// Opens the page, edits there and on the phone, and compares all copies.
pub(super) async fn run(copies: &Copies<'_>) -> Result<()> {
    let [laptop, phone] = copies.devices;
    heading("The same user in a browser, on the page that the server serves");
    let mut browser = Browser::start()?;
    let began = Instant::now();
    let name = browser.ask("open", &format!("{}/?user={}", copies.server.url, super::USER)).await?;
    say(format!("{} has its first copy after {}", text(&name), millis(began.elapsed())));
    // The page has declared its tables, which devices learn as they learn rows.
    eventually(phone, TITLES, &json!([])).await?;
    add(phone, FIRST).await?;
    browser.ask("shows", FIRST).await?;
    say(format!("the phone writes `{FIRST}`, and the page shows it"));

    write_apart(copies, &mut browser).await?;

    let began = Instant::now();
    browser.ask("online", "").await?;
    say("the page's switch: online");
    let titles = titles(&[FIRST].into_iter().chain(ADDED).collect::<Vec<_>>());
    let likes = LIKES_BROWSER + LIKES_PHONE;
    eventually(phone, TITLES, &titles).await?;
    eventually(phone, LIKES, &json!([[likes]])).await?;
    say(format!("the phone has what the browser wrote, {} after the switch: {titles}", millis(began.elapsed())));
    say(format!("{LIKES_BROWSER} and {LIKES_PHONE} likes of `{FIRST}` are {likes}"));
    add(phone, LAST).await?;
    browser.ask("shows", LAST).await?;
    say(format!("the phone writes `{LAST}`, and the page shows it"));

    for device in [laptop, phone] {
        device.sync().await?;
    }
    compare(copies, &mut browser).await?;
    let complaints = browser.ask("complaints", "").await?;
    ensure!(complaints == json!([]), "the page complained: {complaints}");
    browser.stop().await
}

/// The browser goes offline and writes; the phone writes, too; the server hears of the phone's writes alone.
async fn write_apart(copies: &Copies<'_>, browser: &mut Browser) -> Result<()> {
    let [_, phone] = copies.devices;
    browser.ask("offline", "").await?;
    say("the page's switch: offline");
    for title in ADDED {
        browser.ask("add", title).await?;
    }
    for _ in 0..LIKES_BROWSER {
        browser.ask("like", FIRST).await?;
    }
    let expected = format!("{} to send", ADDED.len() as u64 + LIKES_BROWSER);
    let waiting = browser.ask("waiting", &expected).await?;
    let (added, waiting) = (ADDED.join("`, `"), text(&waiting));
    say(format!("the page adds `{added}` and likes `{FIRST}` {LIKES_BROWSER} times; it says: {waiting}"));
    ensure!(waiting == expected, "the page says `{waiting}` instead of `{expected}`");

    phone.execute(&format!("UPDATE demo.notes SET likes = likes + {LIKES_PHONE} WHERE title = '{FIRST}'")).await?;
    phone.sync().await?;
    say(format!("the phone likes `{FIRST}` {LIKES_PHONE} times"));
    for (sql, expected) in [(TITLES, titles(&[FIRST])), (LIKES, json!([[LIKES_PHONE]]))] {
        let answer = copies.server.query(copies.token, sql)?;
        ensure!(answer == expected, "the server answers {answer} to `{sql}` instead of {expected}");
    }
    say("the server has nothing yet of what the browser wrote");
    Ok(())
}

/// Every cell of the notes must be the same on all copies and in the browser, and so must the means of the flights.
async fn compare(copies: &Copies<'_>, browser: &mut Browser) -> Result<()> {
    let mut shown = Vec::new();
    for sql in [EVERYTHING, super::MEANS] {
        let (expected, _) = copies.ask_equal(sql).await?;
        let answer = browser.ask("query", sql).await?;
        if let Some(difference) = difference(&expected, &answer) {
            bail!("server and browser differ on `{sql}`: {difference}");
        }
        shown.push(answer);
    }
    let notes = shown.first().and_then(Json::as_array).context("the browser gives no rows")?;
    ensure!(notes.len() == ADDED.len() + 2, "there are {} notes instead of {}", notes.len(), ADDED.len() + 2);
    say("");
    say(line(COLUMNS_SHOWN.map(str::to_owned)));
    for row in notes {
        say(line(std::array::from_fn(|at| text(&row[at]))));
    }
    let everyone = format!("{} and browser", copies.names().join(", "));
    say(format!("\n{everyone}: {} notes, every column of them equal", notes.len()));
    say(format!("{everyone}: the same number and the same means of the flights"));
    Ok(())
}

/// Waits until a device's copy gives this answer.
async fn eventually(device: &Device, sql: &str, expected: &Json) -> Result<()> {
    let began = Instant::now();
    loop {
        // The table may be unknown as long as its declaration is on its way.
        let answer = device.query(sql).await;
        if answer.as_ref().is_ok_and(|answer| answer == expected) {
            return Ok(());
        }
        if began.elapsed() > HEAR_TIMEOUT {
            bail!("{} answers {} to `{sql}` after {HEAR_TIMEOUT:?} instead of {expected}", device.name, answer?);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

async fn add(device: &Device, title: &str) -> Result<()> {
    device.execute(&format!("INSERT INTO demo.notes (kind, title) VALUES ('task', '{title}')")).await.map(drop)
}

/// Rows of titles, in their order.
fn titles(titles: &[&str]) -> Json {
    let mut sorted = titles.to_vec();
    sorted.sort_unstable();
    sorted.into_iter().map(|title| json!([title])).collect()
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn line([title, likes, seq, committed]: [String; 4]) -> String {
    format!("{title:<10}{likes:>6}{seq:>9}  {committed}")
}
