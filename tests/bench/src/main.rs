//! `cargo xtask bench`: figures, each next to a bound that was measured in the same run.

mod data;
mod figure;
mod first_sync;
mod idle;
mod latency;
mod queries;
mod world;
mod writes;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use serde_json::{Value as Json, json};

use data::ROWS;
use figure::{Figure, heading, line};
use world::World;

/// Benchmarks of KalamDB. Each figure stands next to a bound that was measured in the same run: what the same bytes
/// cost without KalamDB. The ratio is value divided by bound.
///
/// The machine should do nothing else meanwhile.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Cli {
    /// Measure these groups only
    #[arg(value_enum, value_name = "GROUP")]
    groups: Vec<Group>,
    /// Write the figures as JSON to this file
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    json: PathBuf,
    /// Be a server in a process of its own
    #[arg(long, value_name = "ROLE", hide = true)]
    serve: Option<idle::Role>,
}

/// What is measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Durable transactions and row changes of a server
    Writes,
    /// First sync, bytes on the wire and on disk, queries, reopening
    Reads,
    /// A change on one device until another sees it
    Latency,
    /// Memory of a server per idle connection
    Idle,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(cli: Cli) -> Result<()> {
    if let Some(role) = cli.serve {
        return idle::serve(role).await;
    }
    let groups = if cli.groups.is_empty() { Group::value_variants().to_vec() } else { cli.groups };
    let mut figures: Vec<Json> = Vec::new();
    println!("{}", heading());
    let mut report = |figure: Figure| {
        println!("{}", line(&figure));
        figures.push(figure.to_json());
    };
    for group in groups {
        match group {
            Group::Writes => tokio::task::block_in_place(|| writes::run(&mut report))?,
            Group::Reads => reads(&mut report).await?,
            Group::Latency => {
                let world = World::start().await?;
                latency::run(&world, &mut report).await?;
                world.stop().await?;
            }
            Group::Idle => idle::run(&mut report).await?,
        }
    }
    let text = serde_json::to_string_pretty(&json!({ "figures": figures }))?;
    if let Some(folder) = cli.json.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&cli.json, text).with_context(|| format!("{} cannot be written", cli.json.display()))?;
    println!("\nwritten to {}", cli.json.display());
    Ok(())
}

async fn reads(report: &mut dyn FnMut(Figure)) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("device");
    let world = World::start().await?;
    world.fill(ROWS)?;
    first_sync::run(&world, &directory, report).await?;
    let data = world.stop().await?;
    report(first_sync::per_row("bytes on disk per row, server", first_sync::bytes_on_disk(data.path())?));
    queries::run(&directory, report).await
}
