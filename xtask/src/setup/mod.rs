//! The tools that the tasks need: found, installed where that is possible, or named with the command that installs
//! them.

pub mod clang;
mod debian;
mod need;

use anyhow::{Result, bail};

pub use need::Need;

use crate::process;

/// Makes sure that the tools are there, installing what is missing if it can.
///
/// # Errors
/// When something is still missing; the message says what to run.
pub fn ensure(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        eprintln!("    missing: {} ({})", need.name(), need.purpose());
    }
    install(&missing);

    let mut advice = String::new();
    for need in self::missing(&missing) {
        if need.is_optional() {
            eprintln!("    going on without {}", need.name());
        } else {
            advice.push_str(&format!("\n  {}: {}", need.name(), need.advice()));
        }
    }
    if !advice.is_empty() {
        bail!("tools are missing, and could not be installed:{advice}\nThen run the command again.");
    }
    Ok(())
}

/// Prints each tool with what was found. `cargo xtask doctor`.
///
/// # Errors
/// When a tool without which a task cannot run is missing.
pub fn report() -> Result<()> {
    let mut missing = 0;
    for need in Need::ALL {
        match need.find() {
            Some(found) => println!("{:>9}  {:<14} {found}", "ok", need.name()),
            None => {
                missing += u32::from(!need.is_optional());
                let state = if need.is_optional() { "optional" } else { "MISSING" };
                println!("{state:>9}  {:<14} {}; {}", need.name(), need.purpose(), need.advice());
            }
        }
    }
    if missing > 0 {
        bail!("{missing} tools are missing; `cargo xtask setup` installs what it can");
    }
    Ok(())
}

fn missing(needs: &[Need]) -> Vec<Need> {
    needs.iter().copied().filter(|need| need.find().is_none()).collect()
}

/// Tries to install; whether it worked shows when the tools are looked for again.
fn install(missing: &[Need]) {
    let from_debian: Vec<Need> = missing.iter().copied().filter(|need| !need.debian_packages().is_empty()).collect();
    if !from_debian.is_empty() {
        debian::install(&from_debian);
    }
    for need in missing {
        let Some((program, args)) = need.installer() else { continue };
        if let Err(error) = process::run(process::command(program).args(args)) {
            eprintln!("    {error:#}");
        }
    }
}
