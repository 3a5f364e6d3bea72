//! `kalamdb config`.

use clap::Args;
use kalamdb_core::Result;

use super::{DataArgs, print_line};

/// Settings come from defaults, below the file named by `--config` or KALAMDB_CONFIG, below variables such as
/// KALAMDB_LISTEN, below flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kalamdb config
  kalamdb config --config /etc/kalamdb.toml
  KALAMDB_ROWS_MAX=1000 kalamdb config")]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: ConfigArgs) -> Result<()> {
    let settings = args.data.settings(None)?;
    print_line(settings.show().trim_end())
}
