//! The binary `kalamdb`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kalamdb_server::cli::main()
}
