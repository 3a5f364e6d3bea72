//! The shell at a terminal.

use std::io::{self, Write};

use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{DefaultEditor, Editor};

use super::runner::{Flow, Runner};
use super::{OnError, ShellOptions};
use crate::Database;

/// The file with earlier lines, in the directory of the database.
const HISTORY: &str = "shell_history";
const HISTORY_LINES_MAX: usize = 1_000;

/// Prompts until `\q` or the end of the input; errors are shown and forgotten.
pub(super) async fn run(
    db: &Database,
    options: &ShellOptions,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> io::Result<()> {
    let mut editor = DefaultEditor::new().map_err(io::Error::other)?;
    editor.set_max_history_size(HISTORY_LINES_MAX).map_err(io::Error::other)?;
    let history = options.directory.join(HISTORY);
    // A missing or unreadable history is no history.
    editor.load_history(&history).ok();
    writeln!(out, "KalamDB. \\? lists commands, \\q leaves.")?;
    let mut runner = Runner::new(db, out, errors, options.format, OnError::KeepGoing);
    let ended = converse(&mut runner, &mut editor).await;
    if editor.save_history(&history).is_err() {
        runner.fail(&kalamdb_core::Error::invalid("no_history", "the history of lines could not be saved"))?;
    }
    ended
}

async fn converse(runner: &mut Runner<'_>, editor: &mut Editor<(), FileHistory>) -> io::Result<()> {
    loop {
        match editor.readline(prompt(runner)) {
            Ok(line) => {
                editor.add_history_entry(&line).map_err(io::Error::other)?;
                // What is pasted comes as one line.
                for line in line.split('\n') {
                    if runner.line(line.trim_end_matches('\r')).await? == Flow::Stop {
                        return Ok(());
                    }
                }
            }
            Err(ReadlineError::Interrupted) => runner.interrupt(),
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

fn prompt(runner: &Runner<'_>) -> &'static str {
    match (runner.is_in_statement(), runner.is_in_transaction()) {
        (true, _) => "    ...> ",
        (false, true) => "kalamdb*> ",
        (false, false) => "kalamdb> ",
    }
}
