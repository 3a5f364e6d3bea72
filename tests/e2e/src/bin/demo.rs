//! `cargo xtask demo`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use kalamdb_e2e::demo::{DemoOptions, Ending, run};

/// KalamDB at work on real data: the flights that left New York in 2013, one airline a user.
///
/// Imports them, starts a server and two devices of United Airlines, edits flights on both devices while they are
/// offline, reconnects them and compares all three copies. Then the server stays, to be played with, and prints where to
/// open it in a browser.
#[derive(Parser)]
#[command(name = "cargo xtask demo", bin_name = "cargo xtask demo")]
struct Cli {
    /// Open the page in a headless browser, which writes offline and meets the phone again; then end. The exit code is not 0
    /// if anything differs
    #[arg(long)]
    headless: bool,
    /// Address of the server [default: 127.0.0.1:7171, a free port with --headless]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// A new or empty directory for server and devices [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The binary `kalamdb`; `cargo xtask demo` builds and names it
    #[arg(long, value_name = "FILE", env = "KALAMDB_BIN", hide = true)]
    binary: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { headless, listen, dir, binary } = Cli::parse();
    let listen = listen.unwrap_or_else(|| if headless { "127.0.0.1:0" } else { "127.0.0.1:7171" }.to_owned());
    let ending = if headless { Ending::Browser } else { Ending::Stay };
    match run(DemoOptions { binary, directory: dir, listen, ending }).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
