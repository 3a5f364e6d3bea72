//! What two devices write while both are offline, and what becomes of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};

use super::copies::Copies;
use super::show::{heading, millis, say};

/// How often a device's clock may be asked before it has moved on: the order of two edits is told by their clocks.
const CLOCK_STEP: Duration = Duration::from_millis(5);

/// One flight.
pub(super) struct Flight {
    time_hour: String,
    number: i64,
}

impl Flight {
    /// Its primary key as a condition.
    pub fn condition(&self) -> String {
        format!("time_hour = '{}' AND flight = {} AND carrier = '{}'", self.time_hour, self.number, super::USER)
    }

    fn update(&self, assignments: &str) -> String {
        format!("UPDATE app.flights SET {assignments} WHERE {}", self.condition())
    }

    fn delete(&self) -> String {
        format!("DELETE FROM app.flights WHERE {}", self.condition())
    }

    fn select(&self, columns: &str) -> String {
        format!("SELECT {columns} FROM app.flights WHERE {}", self.condition())
    }
}

/// Edits on both devices while they are offline, then reconnects them one after the other. Gives a flight that was
/// edited.
pub(super) async fn run(copies: &Copies<'_>) -> Result<Flight> {
    let [laptop, phone] = copies.devices;
    let [both, same, gone, counted] = flights(copies).await?;

    heading("Both devices go offline and edit the same flights");
    laptop.db.offline()?;
    phone.db.offline()?;
    laptop.execute(&both.update("dep_delay = 42")).await?;
    phone.execute(&both.update("arr_delay = 17")).await?;
    say(format!("UA {}: the laptop corrects its dep_delay, the phone its arr_delay", both.number));

    phone.execute(&same.update("dep_delay = 100")).await?;
    tokio::time::sleep(CLOCK_STEP).await;
    laptop.execute(&same.update("dep_delay = 200")).await?;
    say(format!("UA {}: the phone sets dep_delay to 100, later the laptop to 200", same.number));

    laptop.execute(&gone.delete()).await?;
    phone.execute(&gone.update("dep_delay = 1")).await?;
    say(format!("UA {}: the laptop deletes it, the phone edits it", gone.number));

    laptop.execute(&counted.update("complaints = complaints + 2")).await?;
    phone.execute(&counted.update("complaints = complaints + 3")).await?;
    say(format!("UA {}: the laptop counts 2 complaints, the phone 3", counted.number));

    let added = Flight { time_hour: counted.time_hour.clone(), number: 9_999 };
    let transaction = format!(
        "BEGIN; \
         INSERT INTO app.flights (time_hour, flight, carrier, origin, dest, complaints) \
         VALUES ('{}', {}, '{}', 'EWR', 'HNL', 1); {}; COMMIT",
        added.time_hour,
        added.number,
        super::USER,
        counted.update("tailnum = 'N00000'"),
    );
    phone.execute(&transaction).await?;
    say(format!("UA {}: the phone adds it, and changes UA {} in the same transaction", added.number, counted.number));

    for device in copies.devices {
        let pending = device.db.status()?.pending();
        say(format!("{:<6} {pending} transactions wait for the server", device.name));
    }
    let before = copies.server.query(copies.token, &both.select("dep_delay, arr_delay"))?;
    ensure!(before != json!([[42, 17]]), "the server has what was written offline");

    heading("They reconnect: first the laptop, then the phone, whose older edit comes last");
    for device in copies.devices {
        device.db.online()?;
        let took = device.sync().await?;
        say(format!("{:<6} synced after {}", device.name, millis(took)));
    }
    laptop.sync().await?;
    settle(copies).await?;

    let expected = [
        (&both, "dep_delay, arr_delay", json!([[42, 17]]), "both corrections hold"),
        (&same, "dep_delay", json!([[200]]), "the later clock wins, although the other came last"),
        (&gone, "COUNT(*)", json!([[0]]), "deleted; the phone's edit of it was refused"),
        (&counted, "complaints, tailnum", json!([[5, "N00000"]]), "2 and 3 complaints are 5"),
        (&added, "dest, complaints", json!([["HNL", 1]]), "added"),
    ];
    for (flight, columns, expected, meaning) in expected {
        let (answer, _) = copies.ask_equal(&flight.select(columns)).await?;
        ensure!(answer == expected, "UA {}: {columns} is {answer} instead of {expected}", flight.number);
        say(format!("UA {:<5} {columns} = {answer}: {meaning}", flight.number));
    }
    check_rejected(copies)?;
    Ok(both)
}

/// Four flights of a busy day.
async fn flights(copies: &Copies<'_>) -> Result<[Flight; 4]> {
    let sql = "SELECT time_hour, flight FROM app.flights WHERE month = 7 AND day = 5 AND dep_delay > 10 \
               ORDER BY time_hour, flight LIMIT 4";
    let (rows, _) = copies.ask_equal(sql).await?;
    let flight =
        |row: &Json| Some(Flight { time_hour: row.get(0)?.as_str()?.to_owned(), number: row.get(1)?.as_i64()? });
    let flights: Option<Vec<Flight>> = rows.as_array().map(|rows| rows.iter().filter_map(flight).collect());
    let flights = flights.and_then(|flights| <[Flight; 4]>::try_from(flights).ok());
    flights.with_context(|| format!("four flights are wanted, the answer is {rows}"))
}

/// Waits until the laptop has heard what the phone brought, too: the server tells it, but not within this wait.
async fn settle(copies: &Copies<'_>) -> Result<()> {
    let newest = "SELECT MAX(_seq) FROM app.flights";
    let began = std::time::Instant::now();
    loop {
        let [server, first, second] = copies.ask(newest).await?.map(|(answer, _)| answer);
        if server == first && server == second {
            return Ok(());
        }
        ensure!(began.elapsed() < Duration::from_secs(30), "a device does not hear what the other wrote");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One edit must be listed on the phone, and none on the laptop.
fn check_rejected(copies: &Copies<'_>) -> Result<()> {
    let [laptop, phone] = copies.devices;
    let rejected = phone.db.rejected()?;
    ensure!(laptop.db.rejected()?.is_empty(), "the laptop lists a refused write");
    let [write] = rejected.as_slice() else { anyhow::bail!("the phone lists {} refused writes", rejected.len()) };
    say(format!("the phone lists its refused write {}: {} ({})", write.number, write.error, write.error.code()));
    Ok(())
}
