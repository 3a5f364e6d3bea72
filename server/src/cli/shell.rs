//! `kalamdb shell`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kalamdb::shell::{Format, OnError, Outcome, ShellOptions};
use kalamdb::{StoreKind, TokenSource};
use kalamdb_core::{Error, Result};

use super::block_on;

/// The database is a directory of this machine, made if it is absent; a device like any other. It needs no server: with
/// one, what was written offline goes there, and what others wrote comes here.
///
/// Without a terminal it runs a script from standard input: statements end with a semicolon, commands begin with a
/// backslash (`\?` lists them), and the first error ends it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kalamdb shell ./notes                                    a local database, no server
  kalamdb shell ./notes --sync http://127.0.0.1:7171 --token \"$TOKEN\"
  echo 'SELECT * FROM app.notes;' | kalamdb shell ./notes --json")]
pub(super) struct ShellArgs {
    /// The directory of the database
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The server to stay equal to, `http://host:port`
    #[arg(long, value_name = "URL", env = "KALAMDB_URL")]
    sync: Option<String>,
    /// The user's token for the server
    #[arg(long, value_name = "TOKEN", env = "KALAMDB_TOKEN", hide_env_values = true, requires = "sync")]
    token: Option<String>,
    /// The engine of a new directory
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t = Engine::Redb)]
    store: Engine,
    /// Print one line of JSON for each statement
    #[arg(long)]
    json: bool,
    /// Go on after an error in a script
    #[arg(long)]
    keep_going: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Engine {
    Redb,
    /// Experimental
    Sled,
}

pub(super) fn run(args: ShellArgs) -> Result<()> {
    let sync = match (args.sync, args.token) {
        (Some(url), Some(token)) => Some((url, TokenSource::from(token))),
        (Some(url), None) => {
            let message = format!("server `{url}` wants a token: give `--token`, for example of `kalamdb token mint`");
            return Err(Error::invalid("no_token", message));
        }
        (None, _) => None,
    };
    let store = match args.store {
        Engine::Redb => StoreKind::Redb,
        Engine::Sled => StoreKind::Sled,
    };
    let options = ShellOptions {
        directory: args.directory,
        store,
        sync,
        format: if args.json { Format::Json } else { Format::Table },
        on_error: if args.keep_going { OnError::KeepGoing } else { OnError::Stop },
    };
    match block_on(kalamdb::shell::run(options))?? {
        Outcome::Done => Ok(()),
        // Each error was printed where it happened.
        Outcome::Failed => Err(Error::invalid("script_failed", "not everything was done: see the errors above")),
    }
}
