//! Three copies of one user's table: the server's and two devices'.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kalamdb::{Database, Value};
use kalamdb_server::http::json::to_json;
use serde_json::Value as Json;

use super::server::Server;

/// How long a device may take to be equal to the server.
const SYNC_TIMEOUT: Duration = Duration::from_secs(120);

/// A device of the user in this process.
pub(super) struct Device {
    pub name: &'static str,
    pub db: Database,
}

impl Device {
    /// Runs statements.
    pub async fn execute(&self, sql: &str) -> Result<u64> {
        self.db.execute(sql, &[]).await.with_context(|| format!("{}: {sql}", self.name))
    }

    /// The rows of a query, written as the server's HTTP answers are.
    pub async fn query(&self, sql: &str) -> Result<Json> {
        let rows = self.db.query(sql, &[]).await.with_context(|| format!("{}: {sql}", self.name))?.rows;
        Ok(rows.iter().map(|row: &Vec<Value>| row.iter().map(to_json).collect::<Json>()).collect())
    }

    /// Waits until the copy is equal to the server's.
    pub async fn sync(&self) -> Result<Duration> {
        let began = Instant::now();
        self.db.wait_synced(SYNC_TIMEOUT).await.with_context(|| format!("{} does not sync", self.name))?;
        Ok(began.elapsed())
    }
}

/// All copies that one user has.
pub(super) struct Copies<'a> {
    pub server: &'a Server,
    pub token: &'a str,
    pub devices: [&'a Device; 2],
}

impl Copies<'_> {
    /// The names of the copies, in the order of every answer.
    pub fn names(&self) -> [&'static str; 3] {
        ["server", self.devices[0].name, self.devices[1].name]
    }

    /// The rows of a query on each copy, with the time each took.
    pub async fn ask(&self, sql: &str) -> Result<[(Json, Duration); 3]> {
        let began = Instant::now();
        let of_server = (self.server.query(self.token, sql)?, began.elapsed());
        let began = Instant::now();
        let of_first = (self.devices[0].query(sql).await?, began.elapsed());
        let began = Instant::now();
        let of_second = (self.devices[1].query(sql).await?, began.elapsed());
        Ok([of_server, of_first, of_second])
    }

    /// The answer that all copies give to a query.
    pub async fn ask_equal(&self, sql: &str) -> Result<(Json, [Duration; 3])> {
        let [of_server, of_first, of_second] = self.ask(sql).await?;
        for (name, answer) in self.names().iter().skip(1).zip([&of_first.0, &of_second.0]) {
            if let Some(difference) = difference(&of_server.0, answer) {
                bail!("server and {name} differ on `{sql}`: {difference}");
            }
        }
        Ok((of_server.0, [of_server.1, of_first.1, of_second.1]))
    }
}

/// The first row in which two answers differ.
pub(super) fn difference(left: &Json, right: &Json) -> Option<String> {
    let rows = |answer: &Json| answer.as_array().cloned().unwrap_or_default();
    let (left, right) = (rows(left), rows(right));
    if let Some((one, other)) = left.iter().zip(&right).find(|(one, other)| one != other) {
        return Some(format!("{one} and {other}"));
    }
    (left.len() != right.len()).then(|| format!("{} and {} rows", left.len(), right.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::difference;

    #[test]
    fn answers_are_compared_row_by_row() {
        assert_eq!(difference(&json!([[1], [2]]), &json!([[1], [2]])), None);
        assert_eq!(difference(&json!([[1], [2]]), &json!([[1], [3]])).as_deref(), Some("[2] and [3]"));
        assert_eq!(difference(&json!([[1], [2]]), &json!([[1]])).as_deref(), Some("2 and 1 rows"));
    }
}
