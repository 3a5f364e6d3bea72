//! `kalamdb-sim`: runs seeds of the simulator and reports what it found.

mod accounts;
mod check;
mod faults;
mod oracle;
mod reader;
mod rng;
mod run;
mod schema;
mod workload;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;
use kalamdb_core::planted::{Bug, plant};
use kalamdb_core::{Error, Result};

use world::{FaultKind, SETTLE_MS, World};

/// Seeds within which each planted fault must be found.
const PLANTED_SEEDS: u64 = 200;

/// Deterministic simulation of KalamDB: one server, several users and devices, random work and faults.
///
/// Every run follows from its seed. A seed that fails is printed and replays exactly with `--seed N --trace`.
#[derive(Parser)]
#[command(name = "kalamdb-sim")]
struct Args {
    /// How many seeds to run, from --first on.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Run this seed only.
    #[arg(long)]
    seed: Option<u64>,
    /// Print what happens.
    #[arg(long)]
    trace: bool,
    /// Plant each known fault in turn and report the seed that finds it; fails if one is missed.
    #[arg(long)]
    planted: bool,
}

/// What a seed came to.
#[derive(Default)]
struct Report {
    transactions: u64,
    faults: BTreeMap<FaultKind, u64>,
    violations: Vec<String>,
    is_stalled: bool,
}

fn run(seed: u64, bug: Option<Bug>, trace: bool) -> Result<Report> {
    plant(bug);
    let mut world = World::new(seed, trace)?;
    let mut violations = Vec::new();
    let mut is_stalled = false;
    let mut next_look = world.end_ms;
    let finished = loop {
        let Some(event) = world.next() else { break Ok(()) };
        if world.now_ms >= next_look {
            next_look = world.now_ms + 500;
            world.calm();
            match world.is_settled() {
                Ok(true) => break Ok(()),
                Ok(false) => {}
                Err(error) => break Err(error),
            }
            if world.now_ms > world.end_ms + SETTLE_MS {
                is_stalled = true;
                break Ok(());
            }
        }
        match world.carry_out(event) {
            Ok(found) => violations.extend(found),
            Err(error) => break Err(error),
        }
        if !violations.is_empty() {
            break Ok(());
        }
    };
    if let Err(error) = finished {
        violations.push(format!("error: {error:?}"));
    }
    if violations.is_empty() && !is_stalled {
        match world.check_end() {
            Ok(found) => violations.extend(found),
            Err(error) => violations.push(format!("error at the end: {error:?}")),
        }
    }
    if is_stalled && trace {
        world.show_stall();
    }
    plant(None);
    Ok(Report { transactions: world.accounts.transactions, faults: world.faults, violations, is_stalled })
}

fn simulate(args: &Args) -> Result<bool> {
    let seeds = match args.seed {
        Some(seed) => seed..seed + 1,
        None => args.first..args.first + args.seeds,
    };
    let count = seeds.end - seeds.start;
    let (mut total, mut stalls, mut violations) = (Report::default(), 0, 0);
    for seed in seeds {
        let report = run(seed, None, args.trace)?;
        total.transactions += report.transactions;
        for (kind, count) in report.faults {
            *total.faults.entry(kind).or_insert(0) += count;
        }
        for violation in report.violations.iter().take(3) {
            println!("seed {seed}: {violation}");
        }
        if report.is_stalled {
            println!("seed {seed}: stalled: a device did not come to rest within {} s", SETTLE_MS / 1000);
        }
        stalls += u64::from(report.is_stalled);
        violations += report.violations.len() as u64;
    }
    for (kind, count) in &total.faults {
        println!("fault {kind:?}: {count}");
    }
    let faults: u64 = total.faults.values().sum();
    println!("average: {} transactions and {} faults a seed", total.transactions / count.max(1), faults / count.max(1));
    let transactions = total.transactions;
    println!("sim: seeds={count} transactions={transactions} faults={faults} violations={violations} stalls={stalls}");
    Ok(violations == 0 && stalls == 0 && transactions > 0)
}

fn find_planted(args: &Args) -> Result<bool> {
    let mut missed = 0;
    for bug in Bug::ALL {
        let found = (args.first..args.first + PLANTED_SEEDS).find_map(|seed| match run(seed, Some(bug), false) {
            Ok(report) if report.is_stalled => Some((seed, "stalled".to_string())),
            Ok(report) => report.violations.first().map(|violation| (seed, violation.clone())),
            Err(error) => Some((seed, error.to_string())),
        });
        match found {
            Some((seed, how)) => println!("planted {bug:?}: found by seed {seed}: {}", shorten(&how)),
            None => {
                missed += 1;
                println!("planted {bug:?}: MISSED by {PLANTED_SEEDS} seeds");
            }
        }
    }
    println!("planted: bugs={} missed={missed}", Bug::ALL.len());
    Ok(missed == 0)
}

fn shorten(text: &str) -> String {
    text.chars().take(140).collect()
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome: Result<bool, Error> = if args.planted { find_planted(&args) } else { simulate(&args) };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("kalamdb-sim: {error}");
            ExitCode::FAILURE
        }
    }
}
