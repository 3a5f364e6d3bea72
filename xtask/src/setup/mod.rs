//! The tools that the tasks need: found, installed where that is possible, or named with the command that installs
//! them.

pub mod browser;
pub mod clang;
mod debian;
mod need;
pub mod rust;

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
    let mut from_debian = Vec::new();
    for need in missing {
        match need.installer() {
            Some((program, args)) => complain(process::run(process::command(program).args(args))),
            None => from_debian.push(*need),
        }
    }
    let target_refused = missing.contains(&Need::WasmTarget) && Need::WasmTarget.find().is_none();
    if (from_debian.is_empty() && !target_refused) || !debian::can_install() {
        return;
    }
    // The lists of packages are empty on a new machine, and elsewhere may name versions that are gone.
    complain(debian::update());
    let mut packages: Vec<String> = from_debian.iter().flat_map(|need| need.debian_packages()).collect();
    if target_refused {
        packages.extend(rust::DEBIAN_PACKAGES.map(String::from));
    }
    packages.sort();
    packages.dedup();
    complain(debian::install(&packages));
}

fn complain(result: Result<()>) {
    if let Err(error) = result {
        eprintln!("    {error:#}");
    }
}
