//! Commands that begin with a backslash.

use std::str::FromStr;
use std::time::Duration;

use kalamdb_core::{Error, Name, Result};

/// How long `\wait` waits unless told otherwise.
const WAIT_DEFAULT: Duration = Duration::from_secs(30);
/// How long `\wait` waits at most.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// What `\?` prints.
pub(super) const HELP: &str = r"\d              tables
\d NS.TABLE     columns of a table
\status         device, server, position, what waits
\rejected       writes that the server refused
\dismiss N      remove a refused write from the list
\offline        disconnect
\online         connect again
\wait [S]       wait until synced, at most S seconds (30)
\timing         show how long statements take, or not
\q              leave
\?              this list
Anything else is SQL and ends with a semicolon. Ctrl-C forgets what was typed; while a statement runs it ends the shell.";

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Tables,
    Describe { namespace: Name, table: Name },
    Status,
    Rejected,
    Dismiss(u64),
    Offline,
    Online,
    Wait(Duration),
    Timing,
    Quit,
    Help,
}

impl FromStr for Command {
    type Err = Error;

    fn from_str(line: &str) -> Result<Command> {
        let mut words = line.trim_end().trim_end_matches(';').split_whitespace();
        let (name, argument) = (words.next().unwrap_or_default(), words.next());
        let wrong = || {
            let message = match HELP.lines().find(|known| known.split_whitespace().next() == Some(name)) {
                Some(form) => {
                    format!("`{}` has another form: {}", line.trim(), form.split("  ").next().unwrap_or(form))
                }
                None => format!("`{}` is no command: \\? lists them", line.trim()),
            };
            Error::invalid("unknown_command", message)
        };
        if words.next().is_some() {
            return Err(wrong());
        }
        Ok(match (name, argument) {
            ("\\d", None) => Command::Tables,
            ("\\d", Some(table)) => describe(table)?,
            ("\\status", None) => Command::Status,
            ("\\rejected", None) => Command::Rejected,
            ("\\dismiss", Some(number)) => Command::Dismiss(number.parse().map_err(|_| wrong())?),
            ("\\offline", None) => Command::Offline,
            ("\\online", None) => Command::Online,
            ("\\wait", None) => Command::Wait(WAIT_DEFAULT),
            ("\\wait", Some(seconds)) => Command::Wait(wait(seconds).ok_or_else(wrong)?),
            ("\\timing", None) => Command::Timing,
            ("\\q", None) => Command::Quit,
            ("\\?", None) => Command::Help,
            _ => return Err(wrong()),
        })
    }
}

fn describe(table: &str) -> Result<Command> {
    let Some((namespace, table)) = table.split_once('.') else {
        let message = format!("table `{table}` has no namespace: write \\d NAMESPACE.TABLE");
        return Err(Error::invalid("namespace_missing", message));
    };
    Ok(Command::Describe { namespace: Name::new(namespace)?, table: Name::new(table.trim_end_matches(';'))? })
}

fn wait(seconds: &str) -> Option<Duration> {
    let duration = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    (duration <= WAIT_MAX).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        assert_eq!("\\wait 2.5".parse(), Ok(Command::Wait(Duration::from_millis(2500))));
        assert_eq!(" \\d ".parse(), Ok(Command::Tables));
        assert_eq!("\\dismiss 7".parse(), Ok(Command::Dismiss(7)));
        for wrong in
            ["\\x", "\\wait -1", "\\wait soon", "\\dismiss", "\\dismiss x", "\\q now", "\\wait 1 2", "\\d a; b"]
        {
            assert_eq!(wrong.parse::<Command>().expect_err(wrong).code(), "unknown_command", "{wrong}");
        }
        assert_eq!("\\status;".parse(), Ok(Command::Status));
        let form = "\\wait soon".parse::<Command>().expect_err("no number");
        assert!(form.message().ends_with("has another form: \\wait [S]"), "{form}");
        assert_eq!("\\d notes".parse::<Command>().expect_err("no namespace").code(), "namespace_missing");
        assert_eq!("\\d a.b--".parse::<Command>().expect_err("no name").code(), "invalid_name");
    }
}
