//! A shell over a local database: SQL, a few commands, and no need of a server.
//!
//! At a terminal it prompts; otherwise it is a script from standard input: statements end with a semicolon, results go
//! to standard output and errors to standard error.

mod command;
mod prompt;
mod render;
mod report;
mod runner;
mod splitter;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use kalamdb_core::{Error, Result};

use crate::{Database, Options, StoreKind, TokenSource};
use runner::{Flow, Runner};

/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 32 << 20;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Aligned tables.
    #[default]
    Table,
    /// One line of JSON for each statement.
    Json,
}

/// What a script does after an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// It ends.
    #[default]
    Stop,
    /// It goes on with the next statement.
    KeepGoing,
}

/// What a shell is told on the command line.
#[derive(Clone, Debug)]
pub struct ShellOptions {
    /// The directory of the database.
    pub directory: PathBuf,
    /// Its engine.
    pub store: StoreKind,
    /// Address and token of a server to connect to.
    pub sync: Option<(String, TokenSource)>,
    /// How results are printed.
    pub format: Format,
    /// What a script does after an error.
    pub on_error: OnError,
}

/// Whether everything that was asked was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Yes.
    Done,
    /// No; the errors were printed. A process should end with another code than 0.
    Failed,
}

/// Runs a shell on standard input until it ends.
///
/// It blocks its thread while it waits for input: call it from `Runtime::block_on` of a runtime with other threads, on
/// which the connection lives.
///
/// # Errors
/// What keeps the database from being opened, connected or closed; kind `invalid` if input or output fail.
pub async fn run(options: ShellOptions) -> Result<Outcome> {
    let (input, mut out, mut errors) = (io::stdin(), io::stdout(), io::stderr());
    if input.is_terminal() {
        let db = open(&options).await?;
        let ended = prompt::run(&db, &options, &mut out, &mut errors).await;
        db.close().await?;
        return ended.map(|()| Outcome::Done).map_err(|error| lost(&error));
    }
    script(&options, &mut input.lock(), &mut out, &mut errors).await
}

/// Runs the statements and commands of `input`.
///
/// # Errors
/// As [`run`].
pub async fn script(
    options: &ShellOptions,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<Outcome> {
    let db = open(options).await?;
    let mut runner = Runner::new(&db, out, errors, options.format, options.on_error);
    let read = read(&mut runner, input).await;
    let failures = runner.failures();
    drop(runner);
    let status = db.status()?;
    if options.sync.is_some() && status.pending() > 0 {
        let message = "transactions were written here and wait for the server: `\\wait` before the end sends them";
        writeln!(errors, "note: {} {message}", status.pending()).map_err(|error| lost(&error))?;
    }
    db.close().await?;
    read.map_err(|error| lost(&error))?;
    Ok(if failures == 0 { Outcome::Done } else { Outcome::Failed })
}

async fn open(options: &ShellOptions) -> Result<Database> {
    let db = Database::open(Options::new(&options.directory).store(options.store))?;
    if let Some((url, token)) = &options.sync {
        db.connect(url, token.clone()).await?;
    }
    Ok(db)
}

async fn read(runner: &mut Runner<'_>, input: &mut dyn BufRead) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = io::Read::take(&mut *input, LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if count == 0 {
            return runner.end();
        }
        let flow = match std::str::from_utf8(&line) {
            Ok(text) => runner.line(text.trim_end_matches(['\r', '\n'])).await?,
            Err(_) => {
                runner.fail(&Error::invalid("not_utf8", "the input is not UTF-8: convert it"))?;
                Flow::Stop
            }
        };
        if flow == Flow::Stop {
            return Ok(());
        }
    }
}

fn lost(error: &io::Error) -> Error {
    Error::invalid("broken_stream", format!("input or output failed: {error}"))
}
