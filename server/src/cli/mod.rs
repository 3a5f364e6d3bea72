//! The commands of the binary `kalamdb`.

mod config;
mod serve;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use kalamdb_core::{Error, Result};

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
  kalamdb config                                 the settings in force";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// Make tokens
    Token(token::TokenArgs),
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

/// Prints a line; a closed pipe is an error and not a panic.
fn print_line(line: impl std::fmt::Display) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| {
        Error::closed("output_closed", format!("the standard output cannot be written ({error}): keep it open"))
    })
}
