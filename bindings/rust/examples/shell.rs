//! The shell on a directory: `cargo run -p kalamdb --features shell --example shell -- DIRECTORY [URL TOKEN]`.

use std::process::ExitCode;

use kalamdb::shell::{Format, OnError, Outcome, ShellOptions, run};
use kalamdb::{Error, Result, StoreKind};

#[tokio::main]
async fn main() -> ExitCode {
    match shell().await {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn shell() -> Result<Outcome> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or_else(|| Error::invalid("no_directory", "name a directory"))?;
    let sync = arguments.next().map(|url| (url, arguments.next().unwrap_or_default().into()));
    run(ShellOptions {
        directory: directory.into(),
        store: StoreKind::CLIENT_DEFAULT,
        sync,
        format: Format::Table,
        on_error: OnError::Stop,
    })
    .await
}
