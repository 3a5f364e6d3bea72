//! `kalamdb import`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use kalamdb_core::{Error, Name, Result};

use super::{Absent, DataArgs, on_data, print_line};
use crate::import::{ImportFormat, ImportOptions, Progress, SourceOptions, Step, import};

/// How often progress is told where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Every distinct value of the user column is a user; its rows go into that user's private copy of the table. The whole
/// file is checked before anything is written. An import that was broken off goes on where it stopped when it is run
/// again. No server may have the data directory open.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kalamdb import app.flights flights.parquet --user-column carrier
  kalamdb import app.flights flights.csv --null NA --user-column carrier --create --primary-key time_hour,flight,carrier
  kalamdb import app.notes notes.ndjson --user-column owner --data-dir /var/lib/kalamdb")]
pub(super) struct ImportArgs {
    /// The table, `namespace.name`
    #[arg(value_name = "TABLE")]
    table: String,
    /// A Parquet, CSV (with a header line) or NDJSON file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The column whose values are users
    #[arg(long, value_name = "COLUMN")]
    user_column: String,
    /// Create the table if it is missing, with the columns of the file; needs --primary-key
    #[arg(long, requires = "primary_key")]
    create: bool,
    /// Columns of the primary key of a created table
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    primary_key: Vec<String>,
    /// The form of the file [default: as its name ends]
    #[arg(long, value_name = "FORM", value_parser = ["parquet", "csv", "ndjson"])]
    format: Option<String>,
    /// In CSV, a text that means NULL beside the empty one
    #[arg(long, value_name = "TEXT", default_value = "")]
    null: String,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: ImportArgs) -> Result<()> {
    let (namespace, name) = args.table.split_once('.').ok_or_else(|| {
        let message = format!("table `{}` has no namespace: name it as in `app.{}`", args.table, args.table);
        Error::invalid("invalid_name", message)
    })?;
    let primary_key = args.primary_key.into_iter().map(Name::new).collect::<Result<Vec<_>>>()?;
    let options = ImportOptions {
        source: SourceOptions {
            path: args.file,
            format: args.format.and_then(|format| ImportFormat::of_name(&format!(".{format}"))),
            null: args.null,
        },
        table: (Name::new(namespace)?, Name::new(name)?),
        user_column: Name::new(args.user_column)?,
        create: args.create.then_some(primary_key),
    };
    let began = Instant::now();
    let mut display = Display::new();
    let absent = match args.create {
        true => Absent::Make,
        false => Absent::Refuse(", or make it and the table with `--create --primary-key COLUMN`"),
    };
    let summary = on_data(args.data, absent, |node| import(node, &options, &mut |progress| display.show(progress)));
    display.end();
    let summary = summary?;
    let present = if summary.present > 0 { format!(", {} were there", summary.present) } else { String::new() };
    let seconds = began.elapsed().as_secs_f64();
    let (written, users) = (summary.written, summary.users);
    print_line(format!("{}: {written} rows written for {users} users{present}, {seconds:.1} s", args.table))
}

/// Progress: a bar on a terminal, otherwise a line now and then; both on the standard error.
struct Display {
    bar: Option<ProgressBar>,
    step: Option<Step>,
    told: Instant,
}

impl Display {
    fn new() -> Display {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(0));
        Display { bar, step: None, told: Instant::now() }
    }

    fn show(&mut self, progress: Progress) {
        let Progress { step, rows, total } = progress;
        let name = match step {
            Step::Checking => "checking",
            Step::Writing => "writing",
        };
        let is_new = self.step.replace(step) != Some(step);
        let Some(bar) = &self.bar else {
            if is_new || self.told.elapsed() >= LINE_INTERVAL {
                self.told = Instant::now();
                let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
                eprintln!("{name}: {rows}{of} rows");
            }
            return;
        };
        if is_new {
            let template = match total {
                Some(_) => "{msg:9} {bar:40} {human_pos}/{human_len} rows, {per_sec}, {eta} left",
                None => "{msg:9} {spinner} {human_pos} rows, {per_sec}",
            };
            // A template that does not parse leaves the default look.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.reset();
            bar.set_message(name);
            bar.set_length(total.unwrap_or(0));
        }
        bar.set_position(rows);
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
