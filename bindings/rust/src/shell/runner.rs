//! What a shell does with its lines.

use std::io::{self, Write};
use std::time::Instant;

use kalamdb_core::{Error, Result};
use kalamdb_sql::{Session, StatementResult};

use super::command::{Command, HELP};
use super::splitter::Splitter;
use super::{Format, OnError, render, report};
use crate::Database;

/// Whether to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    Stop,
}

/// Runs lines of SQL and commands on a database.
pub(super) struct Runner<'a> {
    db: &'a Database,
    session: Session,
    splitter: Splitter,
    out: &'a mut dyn Write,
    errors: &'a mut dyn Write,
    format: Format,
    on_error: OnError,
    is_timed: bool,
    failures: u64,
}

impl<'a> Runner<'a> {
    pub fn new(
        db: &'a Database,
        out: &'a mut dyn Write,
        errors: &'a mut dyn Write,
        format: Format,
        on_error: OnError,
    ) -> Runner<'a> {
        let (session, splitter) = (db.session(), Splitter::default());
        Runner { db, session, splitter, out, errors, format, on_error, is_timed: false, failures: 0 }
    }

    /// How many lines or statements failed.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Whether a statement has begun that lacks its semicolon.
    pub fn is_in_statement(&self) -> bool {
        !self.splitter.is_empty()
    }

    /// Whether a transaction is open.
    pub fn is_in_transaction(&self) -> bool {
        self.session.in_transaction()
    }

    /// Forgets the statement that was begun.
    pub fn interrupt(&mut self) {
        self.splitter.clear();
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// If what it prints cannot be written.
    pub async fn line(&mut self, line: &str) -> io::Result<Flow> {
        if self.splitter.is_empty() && matches!(line.trim(), "help" | "exit" | "quit") {
            return self.fail(&Error::invalid("unknown_command", "\\? lists the commands, \\q leaves"));
        }
        if self.splitter.is_empty() && line.trim_start().starts_with('\\') {
            return match self.command(line).await? {
                Ok(flow) => Ok(flow),
                Err(error) => self.fail(&error),
            };
        }
        let statements = match self.splitter.push(line) {
            Ok(statements) => statements,
            Err(error) => return self.fail(&error),
        };
        for statement in statements {
            if self.statement(&statement).await? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Takes the end of the input.
    ///
    /// # Errors
    /// As [`Runner::line`].
    pub fn end(&mut self) -> io::Result<()> {
        if self.is_in_statement() {
            self.fail(&Error::invalid("unfinished_statement", "the last statement has no semicolon and was not run"))?;
        }
        if self.is_in_transaction() {
            self.fail(&Error::invalid("unfinished_transaction", "the input ends without COMMIT: rolled back"))?;
        }
        Ok(())
    }

    /// Notes and prints an error that is not a statement's.
    pub fn fail(&mut self, error: &Error) -> io::Result<Flow> {
        self.failures += 1;
        self.out.flush()?;
        writeln!(self.errors, "error: {error} ({}, {})", error.kind(), error.code())?;
        Ok(match self.on_error {
            OnError::Stop => Flow::Stop,
            OnError::KeepGoing => Flow::Continue,
        })
    }

    async fn statement(&mut self, sql: &str) -> io::Result<Flow> {
        let start = Instant::now();
        match self.session.execute(sql, &[]).await {
            Ok(results) => {
                for result in &results {
                    self.show(result, Some(start))?;
                }
                Ok(Flow::Continue)
            }
            Err(error) => self.fail(&error),
        }
    }

    fn show(&mut self, result: &StatementResult, start: Option<Instant>) -> io::Result<()> {
        let time = start.filter(|_| self.is_timed).map(|start| start.elapsed());
        match self.format {
            Format::Json => self.out.write_all(render::json(result, time).as_bytes())?,
            Format::Table => {
                self.out.write_all(render::table(result).as_bytes())?;
                if let Some(time) = time {
                    writeln!(self.out, "time {:.3} ms", render::millis(time))?;
                }
            }
        }
        self.out.flush()
    }

    async fn command(&mut self, line: &str) -> io::Result<Result<Flow>> {
        let answer = match line.parse() {
            Ok(Command::Quit) => return Ok(Ok(Flow::Stop)),
            Ok(Command::Timing) => {
                self.is_timed = !self.is_timed;
                let text = if self.is_timed { "timing is on" } else { "timing is off" };
                return self.say(text);
            }
            Ok(Command::Help) => return self.say(HELP),
            Ok(command) => self.ask(command).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(Some(result)) => self.show(&result, None).map(|()| Ok(Flow::Continue)),
            Ok(None) => Ok(Ok(Flow::Continue)),
            Err(error) if error.code() == "never_connected" => Ok(Err(Error::retry(
                "never_connected",
                "this shell has no server: leave it and start it again with `--sync URL --token T`",
            ))),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Prints a remark; a reader of JSON is spared it.
    fn say(&mut self, text: &str) -> io::Result<Result<Flow>> {
        match self.format {
            Format::Table => writeln!(self.out, "{text}")?,
            Format::Json => writeln!(self.errors, "{text}")?,
        }
        Ok(Ok(Flow::Continue))
    }

    async fn ask(&mut self, command: Command) -> Result<Option<StatementResult>> {
        match command {
            Command::Tables => self.only("SHOW TABLES").await,
            Command::Describe { namespace, table } => self.only(&format!("DESCRIBE {namespace}.{table}")).await,
            Command::Status => Ok(Some(report::status(&self.db.status()?))),
            Command::Rejected => Ok(Some(report::rejected(&self.db.rejected()?, &self.db.catalog()))),
            Command::Dismiss(number) => self.db.dismiss(number).map(|()| None),
            Command::Offline => self.db.offline().map(|()| None),
            Command::Online => self.db.online().map(|()| None),
            Command::Wait(timeout) => self.db.wait_synced(timeout).await.map(|()| None),
            Command::Timing | Command::Quit | Command::Help => Ok(None),
        }
    }

    async fn only(&mut self, sql: &str) -> Result<Option<StatementResult>> {
        Ok(self.session.execute(sql, &[]).await?.pop())
    }
}
