//! The server's side of the demo: the binary `kalamdb` in processes of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kalamdb_server::http_client::Endpoint;
use serde_json::{Value as Json, json};

/// How long a server may take to stop in order.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// The binary and the data directory of the server.
#[derive(Clone, Debug)]
pub(super) struct Kalamdb {
    pub binary: PathBuf,
    pub data: PathBuf,
}

impl Kalamdb {
    /// The binary with these arguments, without settings of the environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KALAMDB_") {
                command.env_remove(name);
            }
        }
        command.args(arguments).arg("--data-dir").arg(&self.data).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end and gives what it printed; progress goes to this process's standard error.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let shown = || format!("kalamdb {}", arguments.join(" "));
        let child = self.command(arguments).stdout(Stdio::piped()).spawn();
        let output = child.and_then(Child::wait_with_output).with_context(|| format!("`{}` cannot run", shown()))?;
        ensure!(output.status.success(), "`{}` ended with {}", shown(), output.status);
        Ok(String::from_utf8(output.stdout).context("it prints text")?.trim_end().to_owned())
    }

    /// A token of a user.
    pub fn token(&self, user: &str) -> Result<String> {
        self.run(&["token", "mint", "--user", user, "--ttl", "7d"])
    }

    /// Starts the server and waits until it is ready.
    pub fn serve(&self, listen: &str) -> Result<Server> {
        let mut command = self.command(&["serve", "--dev", "--listen", listen]);
        let mut child =
            command.env("KALAMDB_LOG", "warn").stdout(Stdio::piped()).spawn().context("no server starts")?;
        let mut lines = BufReader::new(child.stdout.take().context("its output is piped")?);
        let mut ready = String::new();
        lines.read_line(&mut ready).context("the server says nothing")?;
        let Ok(ready) = serde_json::from_str::<Json>(&ready) else {
            bail!("the server does not start on {listen}: name another address with --listen");
        };
        let url = ready["ready"].as_str().context("the server gives no URL")?.to_owned();
        Ok(Server { endpoint: Endpoint::parse(&url)?, url, child, _lines: lines })
    }
}

/// A running server. Dropped, it is killed.
pub(super) struct Server {
    pub url: String,
    endpoint: Endpoint,
    child: Child,
    /// Kept open: a server whose output is closed ends.
    _lines: BufReader<ChildStdout>,
}

impl Server {
    /// The rows of a query in the space of a token's user.
    pub fn query(&self, token: &str, sql: &str) -> Result<Json> {
        let mut answer = self.endpoint.sql(token, &json!({ "sql": sql }), None).with_context(|| sql.to_owned())?;
        Ok(answer["results"][0]["rows"].take())
    }

    /// Stops it in order.
    pub fn stop(mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "the server cannot be told to stop");
        let began = std::time::Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            ensure!(began.elapsed() < STOP_TIMEOUT, "the server does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it ends by itself.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file of the repository.
pub(super) fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
}
