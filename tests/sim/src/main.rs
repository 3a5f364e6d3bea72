//! `kalamdb-sim`: runs seeds of the simulator and reports what it found.

mod accounts;
mod check;
mod faults;
mod follower;
mod oracle;
mod parallel;
mod reader;
mod rng;
mod run;
mod schema;
mod workload;
mod world;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Parser;
use kalamdb_core::planted::{Bug, plant};
use kalamdb_core::{Error, Result};

use world::{FaultKind, SETTLE_MS, World};

/// Seeds within which each planted fault must be found.
const PLANTED_SEEDS: u64 = 200;
/// On average a seed must have this many transactions …
const TRANSACTIONS_MIN: u64 = 200;
/// … and faults, …
const FAULTS_MIN: u64 = 20;
/// … if there are so many seeds that an average means something.
const BUSY_SEEDS: u64 = 20;
/// Seeds after which progress is told.
const PROGRESS_SEEDS: u64 = 50;

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
    /// Plant this fault, by its name in the list of --planted.
    #[arg(long, value_name = "NAME", value_parser = bug_named, conflicts_with = "planted")]
    plant: Option<Bug>,
}

fn bug_named(name: &str) -> std::result::Result<Bug, String> {
    let known = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
    known.ok_or_else(|| format!("one of {:?}", Bug::ALL))
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
        let Some(event) = world.next() else {
            // Nothing will ever happen any more: whoever is not at rest by now never will be.
            match world.is_settled() {
                Ok(is_settled) => is_stalled = !is_settled,
                Err(error) => break Err(error),
            }
            break Ok(());
        };
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
    let (first, count) = (seeds.start, seeds.end - seeds.start);
    let (mut total, mut stalls, mut violations) = (Report::default(), 0, 0);
    let take = |seed: u64, report: Result<Report>| {
        let report = match report {
            Ok(report) => report,
            Err(error) => return ControlFlow::Break(error),
        };
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
        let done = seed - first + 1;
        if done.is_multiple_of(PROGRESS_SEEDS) && done < count {
            eprintln!("{done} of {count} seeds, violations={violations} stalls={stalls}");
        }
        ControlFlow::Continue(())
    };
    if let Some(error) = parallel::each(seeds, |seed| run(seed, args.plant, args.trace), take) {
        return Err(error);
    }
    for (kind, count) in &total.faults {
        println!("fault {kind:?}: {count}");
    }
    let faults: u64 = total.faults.values().sum();
    println!("average: {} transactions and {} faults a seed", total.transactions / count.max(1), faults / count.max(1));
    let transactions = total.transactions;
    println!("sim: seeds={count} transactions={transactions} faults={faults} violations={violations} stalls={stalls}");
    // A few seeds may be quiet; many that are prove too little.
    let is_busy = count < BUSY_SEEDS || (transactions >= TRANSACTIONS_MIN * count && faults >= FAULTS_MIN * count);
    if !is_busy {
        eprintln!(
            "too little happens: a seed must have {TRANSACTIONS_MIN} transactions and {FAULTS_MIN} faults on average"
        );
    }
    Ok(violations == 0 && stalls == 0 && is_busy)
}

/// What is wrong with a run.
fn finding(report: Result<Report>) -> Option<String> {
    match report {
        Ok(report) if report.is_stalled => Some("stalled".to_owned()),
        Ok(report) => report.violations.into_iter().next(),
        Err(error) => Some(error.to_string()),
    }
}

fn find_planted(args: &Args) -> Result<bool> {
    let mut missed = 0;
    for bug in Bug::ALL {
        let seeds = args.first..args.first + PLANTED_SEEDS;
        let take = |seed, found: Option<String>| match found {
            Some(how) => ControlFlow::Break((seed, how)),
            None => ControlFlow::Continue(()),
        };
        let found = parallel::each(seeds, |seed| finding(run(seed, Some(bug), false)), take);
        // A seed that fails without the fault has found something else.
        let found = found.map(|(seed, how)| (seed, how, finding(run(seed, None, false))));
        match found {
            Some((seed, how, None)) => println!("planted {bug:?}: found by seed {seed}: {}", shorten(&how)),
            Some((seed, _, Some(other))) => {
                missed += 1;
                println!("planted {bug:?}: MISSED: seed {seed} fails without it: {}", shorten(&other));
            }
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
