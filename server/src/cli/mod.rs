//! The commands of the binary `kalamdb`.

mod config;
mod import;
mod serve;
mod shell;
mod sql;
mod table;
mod token;

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use kalamdb_core::{Error, ErrorKind, Result};

use crate::node::Node;
use crate::settings::{self, Flags, Settings};

/// Local-first SQL: every user has a private copy of each table, on the server and on every device.
#[derive(Debug, Parser)]
#[command(name = "kalamdb", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  kalamdb serve --dev                            a server for development, with tokens printed
  kalamdb serve --config /etc/kalamdb.toml       a server for production
  kalamdb token mint --user ada                  a token for the user `ada`
  kalamdb sql --as ada -c 'SELECT 1'             statements in the space of `ada`
  kalamdb import app.flights flights.parquet --user-column carrier
  kalamdb shell ./notes                          a local database on this machine
  kalamdb config                                 the settings in force";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// Make tokens
    Token(token::TokenArgs),
    /// Run statements on a server or its data directory
    Sql(sql::SqlArgs),
    /// Import a file; every distinct value of one column is a user
    Import(import::ImportArgs),
    /// Open a local database, with or without a server
    Shell(shell::ShellArgs),
    /// Print the settings in force, secrets hidden
    Config(config::ConfigArgs),
}

/// Flags that say where a server's data and settings are.
#[derive(Clone, Debug, Default, Args)]
struct DataArgs {
    /// File of settings (TOML)
    #[arg(long, value_name = "FILE", env = "KALAMDB_CONFIG")]
    config: Option<PathBuf>,
    /// Directory of everything that the server keeps [default: kalamdb-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// File with the secret that signs tokens [default: token.secret in the data directory]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl DataArgs {
    /// The settings in force; warnings go to the standard error.
    fn settings(self, listen: Option<String>) -> Result<Settings> {
        let DataArgs { config, data_dir, secret_file } = self;
        let flags = Flags { config, listen, data_dir, secret_file };
        let (settings, warnings) = settings::load(&flags, environment())?;
        warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        Ok(settings)
    }
}

/// Variables whose names or values are not Unicode are none of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let done = match command {
        Command::Serve(args) => serve::run(args),
        Command::Token(args) => token::run(args),
        Command::Sql(args) => sql::run(args),
        Command::Import(args) => import::run(args),
        Command::Shell(args) => shell::run(args),
        Command::Config(args) => config::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error ({}): {error}", error.kind());
            ExitCode::FAILURE
        }
    }
}

/// What to do where there is no data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absent {
    Make,
    /// With this advice.
    Refuse(&'static str),
}

/// Opens a data directory and closes it in order behind `work`.
fn on_data<T>(data: DataArgs, absent: Absent, work: impl FnOnce(&Node) -> Result<T>) -> Result<T> {
    let settings = data.settings(None)?;
    if let Absent::Refuse(advice) = absent
        && !settings.data_dir.is_dir()
    {
        let message = format!(
            "data directory `{}` does not exist: name one with `--data-dir`{advice}",
            settings.data_dir.display()
        );
        return Err(Error::invalid("no_data_dir", message));
    }
    let node = Node::open(settings).map_err(|error| match error.kind() {
        ErrorKind::Retry => Error::retry(error.code().to_owned(), format!("{error}; or name the server with `--url`")),
        _ => error,
    })?;
    let done = work(&node);
    let closed = node.close();
    done.and_then(|done| closed.map(|()| done))
}

/// Runs a future to its end.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Error::quota("no_thread", format!("the system refuses threads ({error}): end other work and try again"))
    })?;
    Ok(runtime.block_on(future))
}

/// Prints a line; a closed pipe is an error and not a panic.
fn print_line(line: impl std::fmt::Display) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| {
        Error::closed("output_closed", format!("the standard output cannot be written ({error}): keep it open"))
    })
}
