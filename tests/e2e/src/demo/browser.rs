//! A browser with the demo's page in it, in a process of its own.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::server::repository;

/// The program that drives the browser, and tells the commands. It gives up waiting earlier than this does.
const DRIVER: &str = "web-demo/test/drive.js";
const ANSWER_TIMEOUT: Duration = Duration::from_secs(240);
const END_TIMEOUT: Duration = Duration::from_secs(20);

/// A headless browser. Dropped, it is killed.
pub(super) struct Browser {
    driver: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// Starts it, without a page.
    pub fn start() -> Result<Browser> {
        let path = repository(DRIVER);
        let mut driver = Command::new("node")
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("`node {}` cannot run", path.display()))?;
        let commands = driver.stdin.take().context("its input is piped")?;
        let answers = BufReader::new(driver.stdout.take().context("its output is piped")?).lines();
        Ok(Browser { driver, commands, answers })
    }

    /// Carries out a command and gives its answer.
    pub async fn ask(&mut self, command: &str, argument: &str) -> Result<Json> {
        // A driver that has ended says why on standard error, and its answer is missing.
        let _ = self.commands.write_all(format!("{}\n", json!([command, argument])).as_bytes()).await;
        let answer = timeout(ANSWER_TIMEOUT, self.answers.next_line());
        let line = answer.await.with_context(|| format!("the browser does not answer `{command}`"))??;
        let line = line.with_context(|| {
            format!("the browser ended before `{command}`, and said why; a package that it misses comes with `npm ci` in web-demo")
        })?;
        let mut answer: Json = serde_json::from_str(&line).with_context(|| format!("`{line}` is no answer"))?;
        if let Some(error) = answer["error"].as_str() {
            bail!("the browser cannot carry out {error}");
        }
        Ok(answer["value"].take())
    }

    /// Ends it.
    pub async fn stop(mut self) -> Result<()> {
        drop(self.commands);
        timeout(END_TIMEOUT, self.driver.wait()).await.context("the browser does not end")??;
        Ok(())
    }
}
